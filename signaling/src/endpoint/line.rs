//! Lines: extensions registered as a browser softphone would, each over a connection of its own (RFC 5626, RFC 7118).

use std::fmt;
use std::time::{Duration, Instant};

use super::outbound::Departure;
use super::path::Direction;
use super::reconnect::Unfinished;
use super::transactions::{Purpose, TransactionId};
use super::usage::InviteUsage;
use super::{
    DialogId, Endpoint, Event, Flow, LineDown, LineId, Owner, Path, Random, StreamId, Transport,
    Why,
};
use crate::digest::Credentials;
use crate::message::{Builder, Message, Name, NameAddr, Uri, lossy, reason_phrase, unquoted};
use crate::profile::{Profile, RegisterLayout};
use crate::registration::{Registration, Rejection, Step};

/// An extension at a registrar.
#[derive(Clone, PartialEq, Eq)]
pub struct LineConfig {
    /// The registrar's domain, as in `sip:domain`.
    pub domain: String,
    /// The extension.
    pub user: String,
    /// Its secret.
    pub password: String,
    /// The name in the digest, where it isn't the extension.
    pub auth_user: Option<String>,
    /// The name that called people see.
    pub display: Option<String>,
    /// Whom the line speaks like.
    pub profile: Profile,
    /// What to ask the registrar for; [`LineConfig::EXPIRES`] is JsSIP's default.
    pub expires: Duration,
    /// `urn:uuid:…`, kept as long as the line should be the same phone to the registrar (RFC 5626 §4.1).
    pub instance: String,
}

impl LineConfig {
    /// What browser softphones ask for.
    pub const EXPIRES: Duration = Duration::from_secs(600);
}

/// The password stays out of every log.
impl fmt::Debug for LineConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LineConfig")
            .field("domain", &self.domain)
            .field("user", &self.user)
            .finish_non_exhaustive()
    }
}

/// A line and its registration.
pub(super) struct Line {
    pub config: LineConfig,
    pub registration: Registration,
    pub stream: Option<(StreamId, Transport)>,
    /// Our name in Via and Contact: a browser has no address that could be reached.
    pub host: String,
    contact_user: String,
    call_id: String,
    cseq: u32,
    /// What the registrar gave us to be called by (RFC 5627), brackets not included.
    gruu: Option<String>,
    /// The REGISTER whose answer counts.
    in_flight: Option<TransactionId>,
    /// What the last connection took down with it.
    pub unfinished: Unfinished,
}

/// A connection and who speaks on it: usually one line.
#[derive(Debug, Default)]
pub(super) struct Stream {
    pub lines: Vec<LineId>,
}

impl Line {
    fn new(config: LineConfig, random: &mut Random) -> Line {
        let call_id = random.token(config.profile.call_id_length);
        Line {
            registration: Registration::new(config.expires),
            config,
            stream: None,
            host: format!("{}.invalid", random.token(12)),
            contact_user: random.token(8),
            call_id,
            cseq: 0,
            gruu: None,
            in_flight: None,
            unfinished: Unfinished::default(),
        }
    }

    pub fn next_cseq(&mut self) -> u32 {
        self.cseq += 1;
        self.cseq
    }

    /// `"Display" <sip:user@domain>`
    pub fn address_of_record(&self) -> String {
        let uri = format!("<sip:{}@{}>", self.config.user, self.config.domain);
        match &self.config.display {
            Some(display) => format!("{} {uri}", super::caller::quoted(display)),
            None => uri,
        }
    }

    /// `transport=ws` over WSS, too (RFC 7118 §5.2); `ob` asks that a call stays on this connection (RFC 5626 §4.3).
    pub fn contact(&self, direction: Direction) -> String {
        match (&self.gruu, direction) {
            (Some(gruu), _) => format!("<{gruu}>"),
            (None, Direction::Calling) => {
                format!("<sip:{}@{};transport=ws;ob>", self.contact_user, self.host)
            }
            (None, Direction::Answering) => {
                format!("<sip:{}@{};transport=ws>", self.contact_user, self.host)
            }
        }
    }

    pub fn credentials(&self) -> Credentials {
        Credentials {
            user: self
                .config
                .auth_user
                .clone()
                .unwrap_or_else(|| self.config.user.clone()),
            password: self.config.password.clone(),
            realm: None,
        }
    }

    /// Registrars call the Contact they were given, the extension, or a GRUU, whose user is the extension.
    pub fn is_called(&self, request_uri: &[u8]) -> bool {
        let user = Uri::parse(request_uri).map(|uri| uri.decoded_user());
        user.is_some_and(|user| user == self.config.user || user == self.contact_user)
    }

    /// Our binding among those of the extension, which other phones may have too.
    fn binding<'a>(&self, response: &'a Message) -> Option<NameAddr<'a>> {
        let bindings = || response.elements(Name::Contact).filter_map(NameAddr::parse);
        let by_instance = bindings().find(|binding| {
            binding
                .parameters
                .value(b"+sip.instance")
                .is_some_and(|instance| {
                    unquoted(instance)
                        .eq_ignore_ascii_case(format!("<{}>", self.config.instance).as_bytes())
                })
        });
        by_instance.or_else(|| {
            bindings().find(|binding| {
                Uri::parse(binding.uri).is_some_and(|uri| uri.user == self.contact_user.as_bytes())
            })
        })
    }

    /// What a 2xx to our REGISTER grants (RFC 3261 §10.2.4).
    fn granted(&self, response: &Message) -> Duration {
        let parameter = self
            .binding(response)
            .and_then(|binding| lossy(binding.parameters.value(b"expires")?).parse().ok())
            .or_else(|| response.number(Name::Expires));
        parameter.map_or(self.config.expires, |seconds: u32| {
            Duration::from_secs(seconds.into())
        })
    }
}

impl Transport {
    pub(super) fn via_name(self) -> &'static str {
        match self {
            Transport::Udp => "UDP",
            Transport::Tcp => "TCP",
            Transport::Tls => "TLS",
            Transport::Ws => "WS",
            Transport::Wss => "WSS",
        }
    }
}

impl Endpoint {
    /// Makes a line known; it registers once it has a connection. A line of that number that was there is replaced.
    pub fn add_line(&mut self, line: LineId, config: LineConfig) {
        let state = Line::new(config, &mut self.random);
        if let Some((stream, _)) = self
            .lines
            .insert(line, state)
            .and_then(|before| before.stream)
        {
            self.leave_stream(line, stream);
        }
    }

    /// Gives a line its connection, and registers on it.
    pub fn handle_line_connected(
        &mut self,
        now: Instant,
        line: LineId,
        stream: StreamId,
        transport: Transport,
    ) {
        let Some(state) = self.lines.get_mut(&line) else {
            return;
        };
        let before = state.stream.replace((stream, transport));
        let before = before.map(|(id, _)| id).filter(|id| *id != stream);
        if let Some(before) = before {
            self.leave_stream(line, before);
        }
        let stream = self.streams.entry(stream).or_default();
        if !stream.lines.contains(&line) {
            stream.lines.push(line);
        }
        self.step(now, line, |registration, _, out| {
            registration.handle_connected(out)
        });
        self.go_on_unregistered(now, line);
        if let Some(before) = before {
            self.handle_flow_lost(now, line, before);
        }
    }

    /// The connection is gone, by whatever side. Calls of ours that ring end; all others wait for the line's next connection.
    pub fn handle_stream_closed(&mut self, now: Instant, stream: StreamId) {
        let lines = self
            .streams
            .remove(&stream)
            .map(|stream| stream.lines)
            .unwrap_or_default();
        for line in &lines {
            let on_it = |state: &&mut Line| state.stream.is_some_and(|(id, _)| id == stream);
            if let Some(state) = self.lines.get_mut(line).filter(on_it) {
                state.stream = None;
                state.in_flight = None;
                self.step(now, *line, |registration, _, out| {
                    registration.handle_flow_lost(out)
                });
            }
        }
        let flow = Flow::Stream(stream);
        self.abandon_clients_of(now, flow);
        self.abandon_servers_of(flow);
        for line in lines {
            self.handle_flow_lost(now, line, stream);
        }
    }

    /// Registers again what was taken back, or given up for its password; a line that is registered stays as it is.
    /// `false`: it has no connection, and registers on the next.
    pub fn register_again(&mut self, now: Instant, line: LineId) -> bool {
        let Some(state) = self.lines.get_mut(&line) else {
            return false;
        };
        let is_connected = state.stream.is_some();
        if state.registration.resume() && is_connected {
            self.step(now, line, |registration, _, out| {
                registration.handle_connected(out)
            });
        }
        is_connected
    }

    /// Takes the binding back until [`Endpoint::register_again`]; [`Event::LineDown`] tells when. The connection stays.
    pub fn unregister(&mut self, now: Instant, line: LineId) {
        self.step(now, line, |registration, _, out| {
            registration.unregister(out)
        });
    }

    /// Forgets a line at once and ends its calls. To leave politely, unregister first and wait for [`Event::LineDown`].
    pub fn remove_line(&mut self, now: Instant, line: LineId) {
        for dialog in self.calls_of(line) {
            self.hang_up(now, dialog, None);
            self.forget(dialog);
        }
        self.deadlines.set(Owner::Line(line), None);
        if let Some((stream, _)) = self.lines.remove(&line).and_then(|line| line.stream) {
            self.leave_stream(line, stream);
        }
    }

    pub(super) fn line_timeout(&mut self, now: Instant, line: LineId) {
        self.step(now, line, |registration, _, out| {
            registration.handle_timeout(now, out)
        });
    }

    pub(super) fn register_answered(
        &mut self,
        now: Instant,
        id: TransactionId,
        line: LineId,
        status: u16,
        response: &Message,
    ) {
        if !self.is_awaited(line, id) {
            return;
        }
        if let Some(again) = self.answer_challenge(now, id, status, response) {
            if let Some(state) = self.lines.get_mut(&line) {
                state.in_flight = Some(again);
            }
            return;
        }
        if let Some(state) = self.lines.get_mut(&line) {
            state.in_flight = None;
        }
        if !(200..300).contains(&status) {
            let rejection = Rejection::of(status, phrase(status, response), response);
            return self.step(now, line, |registration, random, out| {
                registration.handle_rejection(now, rejection, random, out);
            });
        }
        let Some(state) = self.lines.get_mut(&line) else {
            return;
        };
        state.gruu = state
            .binding(response)
            .and_then(|binding| Some(lossy(&unquoted(binding.parameters.value(b"pub-gruu")?))))
            .filter(|gruu| {
                Uri::parse(gruu.as_bytes()).is_some() && !gruu.contains(['<', '>', ' '])
            });
        let granted = state.granted(response);
        self.step(now, line, |registration, random, out| {
            registration.handle_success(now, granted, random, out)
        });
        if self
            .lines
            .get(&line)
            .is_some_and(|line| line.registration.is_up())
        {
            self.handle_flow_found(now, line);
        }
    }

    pub(super) fn register_unanswered(&mut self, now: Instant, id: TransactionId, line: LineId) {
        if self.is_awaited(line, id) {
            self.step(now, line, |registration, random, out| {
                registration.handle_silence(now, random, out)
            });
        }
    }

    pub(super) fn calls_of(&self, line: LineId) -> Vec<DialogId> {
        let of_line = |usage: &InviteUsage| usage.path == Path::Line(line);
        self.usages
            .iter()
            .filter(|(_, usage)| of_line(usage))
            .map(|(dialog, _)| *dialog)
            .collect()
    }

    fn leave_stream(&mut self, line: LineId, stream: StreamId) {
        if let Some(state) = self.streams.get_mut(&stream) {
            state.lines.retain(|other| *other != line);
            if state.lines.is_empty() {
                self.streams.remove(&stream);
            }
        }
    }

    fn is_awaited(&self, line: LineId, id: TransactionId) -> bool {
        self.lines
            .get(&line)
            .is_some_and(|line| line.in_flight == Some(id))
    }

    /// Moves a registration on and does what it asks.
    fn step(
        &mut self,
        now: Instant,
        line: LineId,
        move_on: impl FnOnce(&mut Registration, &mut Random, &mut Vec<Step>),
    ) {
        let Some(state) = self.lines.get_mut(&line) else {
            return;
        };
        let mut steps = Vec::new();
        move_on(&mut state.registration, &mut self.random, &mut steps);
        for step in steps {
            match step {
                Step::Register { expires } => self.register(now, line, expires),
                Step::Up { expires } => self.tell(Event::LineUp { line, expires }),
                Step::Down(LineDown::Unregistered) => {
                    let cause = LineDown::Unregistered;
                    self.tell(Event::LineDown { line, cause });
                    self.go_on_unregistered(now, line);
                }
                Step::Down(cause) => self.tell(Event::LineDown { line, cause }),
            }
        }
        let deadline = self
            .lines
            .get(&line)
            .and_then(|line| line.registration.poll_timeout());
        self.deadlines.set(
            Owner::Line(line),
            deadline.map(|at| (at, Why::Registration)),
        );
    }

    /// Sends REGISTER, its headers in the order in which JsSIP writes them.
    fn register(&mut self, now: Instant, line: LineId, expires: Duration) {
        let path = Path::Line(line);
        let tag = self.new_tag(path);
        let Some(stamp) = self.stamp(path) else {
            return;
        };
        let Some(state) = self.lines.get_mut(&line) else {
            return;
        };
        let cseq = state.next_cseq();
        let LineConfig {
            domain,
            user,
            instance,
            profile,
            ..
        } = &state.config;
        let seconds = expires.as_secs();
        let parameters: String = profile
            .contact_parameters
            .iter()
            .map(|parameter| parameter.text(instance))
            .collect();
        let contact = format!(
            "<sip:{}@{};transport=ws>{parameters};expires={seconds}",
            state.contact_user, state.host
        );
        let max_forwards = stamp.max_forwards.to_string();
        let to = format!("<sip:{user}@{domain}>");
        let from = format!("{};tag={tag}", state.address_of_record());
        let cseq = format!("{cseq} REGISTER");
        let mut request = Builder::request("REGISTER", format!("sip:{domain}").as_bytes());
        request.header("Via", &stamp.via);
        match profile.register_layout {
            RegisterLayout::Jssip => {
                request
                    .header("Max-Forwards", max_forwards)
                    .header("To", to)
                    .header("From", from)
                    .header("Call-ID", &state.call_id)
                    .header("CSeq", cseq);
                if expires.is_zero() {
                    request.header("Contact", contact).header("Expires", "0");
                } else {
                    request
                        .header("Expires", seconds.to_string())
                        .header("Contact", contact);
                }
            }
            RegisterLayout::Sipjs => {
                request
                    .header("To", to)
                    .header("From", from)
                    .header("CSeq", cseq)
                    .header("Call-ID", &state.call_id)
                    .header("Max-Forwards", max_forwards)
                    .header("Contact", contact);
            }
        }
        request
            .header("Allow", &profile.register_allow)
            .header("Supported", &profile.register_supported)
            .header("User-Agent", &stamp.user_agent);
        let credentials = Some(state.credentials());
        let departure = Departure {
            path,
            flow: stamp.flow,
            purpose: Purpose::Register(line),
            credentials,
            answered: 0,
        };
        match self.begin_client(now, request.finish(), departure) {
            Ok(id) => {
                if let Some(state) = self.lines.get_mut(&line) {
                    state.in_flight = Some(id);
                }
            }
            // A domain or extension that makes no SIP URI: the owner's configuration is wrong, and repeating it doesn't help.
            Err(cause) => {
                let cause = LineDown::Rejected {
                    status: cause.status(),
                    reason: cause.to_string(),
                };
                self.tell(Event::LineDown { line, cause });
            }
        }
    }
}

/// The phrase that came with a status, or the usual one.
pub(super) fn phrase(status: u16, response: &Message) -> String {
    match response.kind() {
        crate::message::Kind::Response { reason, .. } if !reason.is_empty() => lossy(reason),
        _ => reason_phrase(status).to_owned(),
    }
}
