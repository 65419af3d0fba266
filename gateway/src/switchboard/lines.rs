//! SIP between the sockets and the calls: what comes in, what goes out, and who it is for.

use bytes::Bytes;
use signaling::{
    Body, Ended, Event, Flow, IncomingInvite, LineDown, LineId, SocketId, Source, Transmit,
    Transport,
};

use super::acts::OVERLOADED;
use super::draining::Admission;
use super::invites::STOPPING;
use super::placed::Age;
use super::task::{Purpose, Task};
use super::transfer::Link;
use super::trunks::registering;
use crate::agent::ConnectionState;
use crate::agent::wire::{self, NoticeKind};
use crate::call::Told;
use crate::call::state::{DialogEnd, Input, OZONETEL};
use crate::clock::Moment;
use crate::config::Carrier;
use crate::metrics::Way;
use crate::transport;

impl Task {
    pub(super) fn handle_transport(&mut self, now: Moment, event: transport::Event) {
        match event {
            transport::Event::Message { flow, bytes } => {
                self.count(&bytes, flow, Way::In);
                self.endpoint.handle_message(now.instant, flow, bytes);
            }
            transport::Event::LineConnected {
                line,
                stream,
                transport,
            } => {
                self.set_line(now, line, registering());
                self.streams.insert(stream, transport);
                self.endpoint
                    .handle_line_connected(now.instant, line, stream, transport);
            }
            transport::Event::StreamClosed {
                stream,
                line,
                cause,
            } => {
                self.streams.remove(&stream);
                self.endpoint.handle_stream_closed(now.instant, stream);
                if let Some(line) = line {
                    self.metrics.line_reconnected(OZONETEL, "closed");
                    self.set_line(now, line, ConnectionState::Down(cause));
                }
            }
            transport::Event::ConnectionClosed {
                socket,
                peer,
                cause,
            } => {
                tracing::debug!(%peer, cause, "a trunk's connection is gone");
                self.endpoint
                    .handle_connection_closed(now.instant, socket, peer);
            }
            transport::Event::Resolved { trunk, targets } => {
                self.handle_resolved(now, trunk, targets);
            }
            transport::Event::LineConnectFailed { line, cause } => {
                self.metrics.line_reconnected(OZONETEL, "not-connected");
                self.set_line(now, line, ConnectionState::Down(cause));
            }
        }
    }

    pub(super) fn handle_signaling(&mut self, now: Moment, event: Event) {
        match event {
            Event::LineUp { line, .. } => self.set_line(now, line, ConnectionState::Up),
            Event::LineDown { line, cause } => {
                self.set_line(now, line, ConnectionState::Down(words(&cause)));
            }
            Event::TrunkUp { trunk, .. } => self.trunk_registered(now, trunk),
            Event::TrunkDown { trunk, cause } => self.trunk_unregistered(now, trunk, &cause),
            Event::Peer {
                peer,
                reachability,
                status,
            } => self.peer_changed(now, peer, reachability, status),
            Event::Failover { dialog, cause } => {
                tracing::info!(%dialog, ?cause, "a peer can't take the call; the next is asked");
                self.tell_failover(now, dialog, &cause);
            }
            Event::Invite {
                dialog,
                source,
                invite,
            } => match source {
                _ if self.admission != Admission::Open => self.refuse(now, dialog, STOPPING),
                // It would take a talk from its agent, like a transfer.
                _ if invite.replaces().is_some() => {
                    let _ = self.endpoint.reject(now.instant, dialog, 403, "");
                }
                Source::Line(line) => self.handle_line_invite(now, line, dialog, &invite),
                Source::Socket { socket, peer } => {
                    if !self.admit_trunk_call(now, socket, peer, dialog) {
                        return;
                    }
                    self.handle_trunk_invite(now, socket, peer, dialog, &invite);
                }
            },
            Event::Progress {
                dialog,
                status,
                body,
                ..
            } => {
                let answer = text(body);
                self.feed_dialog(now, dialog, Input::Progress { status, answer });
            }
            Event::Accepted { dialog, body, .. } => {
                let answer = text(body);
                self.feed_dialog(now, dialog, Input::Accepted { answer });
            }
            Event::Confirmed { dialog, body } => {
                let answer = text(body);
                self.feed_dialog(now, dialog, Input::Confirmed { answer });
            }
            Event::Offer { dialog, body } => self.handle_offer(now, dialog, body),
            Event::OfferWanted { dialog } => self.offer_wanted(dialog),
            Event::OfferAnswered { dialog, result } => {
                // We offer where the peer asks for it, and to refresh a session.
                if let (Ok(Some(body)), Some(age)) = (result, self.dialogs.get(&dialog).copied())
                    && let (Some(answer), Some(leg)) =
                        (text(Some(body)), self.calls.get(&age).and_then(|p| p.leg))
                {
                    // The session is as it was if this doesn't succeed.
                    let asked = self.ask(Purpose::Refreshed(age), |engine, request| {
                        engine.accept_answer(leg, request, answer)
                    });
                    if asked.is_err() {
                        tracing::warn!(%dialog, "a session's refresh was not taken over: {OVERLOADED}");
                    }
                }
            }
            Event::Info { dialog, .. } => tracing::debug!(%dialog, "an INFO came"),
            Event::Digit { dialog, digit } => self.handle_digit(now, dialog, digit),
            Event::DigitAnswered { dialog, status } => {
                self.handle_digit_answer(now, dialog, status);
            }
            Event::Refer { dialog, .. } => self.refuse_transfer(now, dialog),
            // We send no REFER.
            Event::Referred { dialog, status } => {
                tracing::debug!(%dialog, status, "a transfer was reported");
            }
            Event::Ended { dialog, cause } => {
                if let Some(age) = self.dialogs.remove(&dialog) {
                    if let Some(placed) = self.calls.get_mut(&age) {
                        placed.dialog = None;
                    }
                    self.feed(now, age, Input::DialogEnded(end(cause)));
                    self.end_through(
                        now,
                        age,
                        "One of the two who went on without the agent hung up.",
                    );
                }
            }
            Event::Pong { flow, status } => tracing::debug!(?flow, status, "a ping was answered"),
            Event::Malformed { flow, cause } => self.note_malformed(now, flow, &cause),
        }
    }

    /// One line in a while: a peer may send as much as it likes.
    fn note_malformed(&mut self, now: Moment, flow: Flow, cause: &str) {
        let recently = |logged| now.instant < logged + MALFORMED_EVERY;
        if self.malformed.logged.is_some_and(recently) {
            self.malformed.unlogged += 1;
            return;
        }
        let unlogged = std::mem::take(&mut self.malformed.unlogged);
        self.malformed.logged = Some(now.instant);
        tracing::warn!(?flow, cause, unlogged, "a SIP message was refused");
    }

    pub(super) fn send(&mut self, transmit: Transmit) {
        self.count(&transmit.bytes, transmit.flow, Way::Out);
        if let Err(error) = self.transports.send(transmit.flow, transmit.bytes) {
            tracing::debug!(flow = ?transmit.flow, %error, "a SIP message was not sent");
        }
    }

    fn tell_failover(&mut self, now: Moment, dialog: signaling::DialogId, cause: &Ended) {
        let did = match cause {
            Ended::Rejected { status, reason } => format!("refused the call ({status} {reason})"),
            Ended::FlowLost => "could not be reached".to_owned(),
            _ => "did not answer".to_owned(),
        };
        let age = self.dialogs.get(&dialog).copied();
        if let Some((age, placed)) = age.and_then(|age| Some((age, self.calls.get_mut(&age)?))) {
            let told = format!("One of the trunk's peers {did}; the next one is asked.");
            placed.call.tell(now, told);
            self.touched.insert(age);
        }
    }

    /// A re-INVITE or UPDATE: hold, resume, or a moved far end. The media engine writes the answer.
    fn handle_offer(&mut self, now: Moment, dialog: signaling::DialogId, body: Option<Body>) {
        let Some(age) = self.dialogs.get(&dialog).copied() else {
            let _ = self.endpoint.refuse_offer(now.instant, dialog, 481);
            return;
        };
        let found = self
            .calls
            .get(&age)
            .map(|placed| (placed.leg, placed.route));
        let Some((Some(leg), route)) = found else {
            let _ = self.endpoint.refuse_offer(now.instant, dialog, 488);
            return;
        };
        // A hold, or a far end that sets its side up again by itself.
        if let Some(placed) = self.calls.get_mut(&age) {
            placed.doctor.excuse();
        }
        let (offer, kind) = (text(body), self.kind_of(route));
        let asked = self.ask(Purpose::Reoffer(age), |engine, request| match offer {
            Some(offer) => engine.answer(leg, request, offer),
            None => engine.offer(leg, request, kind),
        });
        if asked.is_err() {
            let _ = self.endpoint.refuse_offer(now.instant, dialog, 500);
        }
    }

    /// A key that the customer pressed, told by INFO: the agent hears it like one that came as telephone-event. Which one
    /// it was is nobody's business afterwards: people key in card numbers.
    fn handle_digit(&mut self, now: Moment, dialog: signaling::DialogId, digit: signaling::Digit) {
        let Some(age) = self.dialogs.get(&dialog).copied() else {
            return;
        };
        let Some(placed) = self.calls.get_mut(&age) else {
            return;
        };
        let told = |one: &&Told| one.what == A_DIGIT;
        if placed.call.story().iter().filter(told).count() < DIGITS_TOLD {
            placed.call.tell(now, A_DIGIT);
        }
        let talking = placed.bridged.map(|_| placed.agent);
        let link = placed.link;
        self.touched.insert(age);
        let leg = match link {
            Link::Through { other, .. } => self.calls.get(&other).and_then(|placed| placed.leg),
            Link::None | Link::Customer { .. } | Link::Target { .. } => talking
                .and_then(|agent| self.agents[agent].media.current)
                .map(|warm| warm.leg),
        };
        let (Some(leg), Ok(tones)) = (leg, digit.symbol().to_string().parse()) else {
            return;
        };
        let passed = match link {
            Link::Through { other, .. } => self.dial_digits(now, other, leg, tones).is_ok(),
            Link::None | Link::Customer { .. } | Link::Target { .. } => {
                self.engine.digits(leg, tones).is_ok()
            }
        };
        if !passed {
            tracing::warn!(%dialog, "a digit was not passed on: {OVERLOADED}");
        }
    }

    /// Transfers are made at the desk. One that a peer asks for would cost somebody a call that nobody here decided on.
    fn refuse_transfer(&mut self, now: Moment, dialog: signaling::DialogId) {
        let _ = self.endpoint.refuse_refer(now.instant, dialog, 403);
        let Some(age) = self.dialogs.get(&dialog).copied() else {
            return;
        };
        if let Some(placed) = self.calls.get_mut(&age) {
            placed.call.tell(
                now,
                "The other side asked for a transfer by REFER; it was refused.",
            );
            self.touched.insert(age);
        }
    }

    /// The peer wants its session refreshed: the media engine writes down what is.
    fn offer_wanted(&mut self, dialog: signaling::DialogId) {
        let Some(age) = self.dialogs.get(&dialog).copied() else {
            return;
        };
        let found = self
            .calls
            .get(&age)
            .map(|placed| (placed.leg, placed.route));
        if let Some((Some(leg), route)) = found {
            let kind = self.kind_of(route);
            // With a full ring the session timer asks again.
            let _ = self.ask(Purpose::Refresh(age), |engine, request| {
                engine.offer(leg, request, kind)
            });
        }
    }

    /// The media engine's offer for a refresh.
    pub(super) fn refreshed(&mut self, now: Moment, age: Age, result: Result<String, String>) {
        let Some(dialog) = self.calls.get(&age).and_then(|placed| placed.dialog) else {
            return;
        };
        match result {
            // Another offer that came meanwhile refreshes as well.
            Ok(description) => {
                let body = Body::sdp(description);
                let _ = self.endpoint.reinvite(now.instant, dialog, body);
            }
            Err(words) => tracing::warn!(%dialog, words, "a session was not refreshed"),
        }
    }

    /// Whether the media engine could take the answer to a refresh; the talk goes on in any case.
    pub(super) fn answer_to_refresh(
        &mut self,
        now: Moment,
        age: Age,
        result: Result<String, String>,
    ) {
        if let (Err(words), Some(placed)) = (result, self.calls.get_mut(&age)) {
            let told = format!("A refresh of the session was answered unusably: {words}");
            placed.call.tell(now, told);
            self.touched.insert(age);
        }
    }

    /// The media engine's answer to a re-offer.
    pub(super) fn reoffered(&mut self, now: Moment, age: Age, result: Result<String, String>) {
        let Some(dialog) = self.calls.get(&age).and_then(|placed| placed.dialog) else {
            return;
        };
        match result {
            Ok(description) => {
                let body = Some(Body::sdp(description));
                // The peer may have taken its offer back.
                let _ = self.endpoint.answer_offer(now.instant, dialog, body);
            }
            Err(words) => {
                tracing::warn!(%dialog, words, "a new offer within a call was refused");
                let _ = self.endpoint.refuse_offer(now.instant, dialog, 488);
            }
        }
    }

    fn feed_dialog(&mut self, now: Moment, dialog: signaling::DialogId, input: Input) {
        if let Some(age) = self.dialogs.get(&dialog).copied() {
            self.feed(now, age, input);
        }
    }

    pub(super) fn set_line(&mut self, now: Moment, line: LineId, state: ConnectionState) {
        let Some(agent) = self.agent_of(line) else {
            return;
        };
        let Some(connection) = &mut self.agents[agent].sip else {
            return;
        };
        let was_up = connection.is_up();
        if !connection.set(now, state) {
            return;
        }
        let detail = connection.detail();
        let up = connection.is_up();
        let id = &self.agents[agent].config.id;
        match &detail {
            None => tracing::info!(agent = id, "the SIP line is up"),
            Some(words) if was_up => tracing::warn!(agent = id, words, "the SIP line is down"),
            Some(words) => tracing::info!(agent = id, words, "the SIP line is not up"),
        }
        if was_up != up {
            let kind = if up {
                NoticeKind::LineUp
            } else {
                NoticeKind::LineDown
            };
            let notice = wire::Event::Notice {
                kind,
                in_ms: None,
                detail,
            };
            self.tell_agent(now, agent, notice);
        }
        self.show_agent(now, agent);
    }

    fn count(&self, bytes: &Bytes, flow: Flow, way: Way) {
        let line = bytes.split(|byte| *byte == b'\r' || *byte == b'\n').next();
        let Some(line) = line.and_then(|line| std::str::from_utf8(line).ok()) else {
            return;
        };
        let mut words = line.split(' ');
        match (words.next(), words.next()) {
            (Some("SIP/2.0"), Some(status)) => {
                if let Ok(status) = status.parse() {
                    let method = cseq_method(bytes).unwrap_or_default();
                    self.metrics.sip_response(&method, status);
                }
            }
            (Some(method), Some(_)) => self.metrics.sip_request(method, way, self.transport(flow)),
            _ => {}
        }
    }

    fn carrier(&self, socket: SocketId) -> Option<Carrier> {
        let mut sockets = self.trunks.iter().flat_map(|trunk| &trunk.sockets);
        Some(sockets.find(|ours| ours.id == socket)?.carrier)
    }

    fn transport(&self, flow: Flow) -> &'static str {
        match flow {
            Flow::Datagram { .. } => "udp",
            Flow::Connection { socket, .. } => self.carrier(socket).map_or("tcp", Carrier::name),
            Flow::Stream(stream) => self
                .streams
                .get(&stream)
                .map_or("wss", |t| transport_word(*t)),
        }
    }
}

/// What a line's URL says its transport is, for a label.
fn transport_word(transport: Transport) -> &'static str {
    match transport {
        Transport::Udp => "udp",
        Transport::Tcp => "tcp",
        Transport::Tls => "tls",
        Transport::Ws => "ws",
        Transport::Wss => "wss",
    }
}

/// The offer of an INVITE.
pub(super) fn offer_of(invite: &IncomingInvite) -> Option<String> {
    text(invite.body())
}

/// A session description; a body of another type is none.
fn text(body: Option<Body>) -> Option<String> {
    let body = body?;
    let kind = body
        .content_type
        .split(';')
        .next()
        .unwrap_or_default()
        .trim();
    kind.eq_ignore_ascii_case("application/sdp")
        .then(|| String::from_utf8_lossy(&body.bytes).into_owned())
}

/// The method that a response answers.
fn cseq_method(message: &Bytes) -> Option<String> {
    let text = String::from_utf8_lossy(message);
    let line = text
        .lines()
        .take_while(|line| !line.is_empty())
        .find(|line| {
            line.get(..5)
                .is_some_and(|name| name.eq_ignore_ascii_case("cseq:"))
        })?;
    line.split_whitespace().last().map(str::to_owned)
}

fn end(cause: Ended) -> DialogEnd {
    match cause {
        Ended::Bye { .. } => DialogEnd::Bye,
        Ended::Cancelled => DialogEnd::Cancelled,
        Ended::Rejected { status, reason } => DialogEnd::Rejected { status, reason },
        Ended::TimedOut | Ended::PrackMissing | Ended::SessionExpired => DialogEnd::TimedOut,
        Ended::AckMissing => DialogEnd::AckMissing,
        Ended::FlowLost => DialogEnd::FlowLost,
        Ended::LocalHangup => DialogEnd::Ours,
    }
}

pub(crate) fn words(cause: &LineDown) -> String {
    match cause {
        LineDown::Rejected { status, reason } => {
            format!("the registrar refused the registration ({status} {reason})")
        }
        LineDown::WrongPassword => {
            "the registrar does not accept the password; it is not tried again".to_owned()
        }
        LineDown::TimedOut => "the registrar does not answer".to_owned(),
        LineDown::FlowLost => "the connection was closed".to_owned(),
        LineDown::Unregistered => "it was unregistered".to_owned(),
    }
}

/// How often a refused message is logged; the metrics count them all.
const MALFORMED_EVERY: std::time::Duration = std::time::Duration::from_secs(1);

const A_DIGIT: &str = "The other side sent a digit by INFO.";

/// More of them say nothing new, and the story has to have room for the end.
const DIGITS_TOLD: usize = 40;
