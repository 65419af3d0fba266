//! What outlives a line's connection: calls, answers that the peer waits for, and goodbyes.
//!
//! Audio doesn't pass through the connection, so the call goes on for as long as the line may need to come back. On the next
//! connection, once registered (or at once, where the line was taken back by command), we answer what is unanswered, say goodbye where we hung up meanwhile, and refresh every
//! call: a registrar's edge writes the connection into the Contact that it passes on (Kamailio's `alias`), and the far end
//! goes on sending to the old one until it hears the new. The refresh also finds out who hung up while we were away.

use std::time::{Duration, Instant};

use super::outbound::Departure;
use super::transactions::Purpose;
use super::usage::{CallKey, Carries, Phase, Stage, Unacknowledged, Way};
use super::{DialogId, Ended, Endpoint, Event, LineId, Path, StreamId};
use crate::dialog::Dialog;
use crate::digest::Credentials;
use crate::message::{Message, with_headers};

/// What a line couldn't finish on the connections that it lost.
#[derive(Debug, Default)]
pub(super) struct Unfinished {
    /// Connections on which requests came that may not have been answered.
    lost: Vec<StreamId>,
    goodbyes: Vec<Goodbye>,
}

/// A BYE that nobody has answered.
#[derive(Debug)]
struct Goodbye {
    request: Message,
    credentials: Option<Credentials>,
    /// The peer has noticed by itself then.
    until: Instant,
}

impl Endpoint {
    /// The connection that a line's calls were on is gone. They get a last deadline, unless the line has another already.
    pub(super) fn handle_flow_lost(&mut self, now: Instant, line: LineId, stream: StreamId) {
        let Some(state) = self.lines.get_mut(&line) else {
            return;
        };
        let lost = &mut state.unfinished.lost;
        lost.push(stream);
        if lost.len() > LOST_AT_MOST {
            lost.remove(0);
        }
        for dialog in self.calls_of(line) {
            if let Some(usage) = self.usages.get_mut(&dialog) {
                match usage.stage {
                    // It ended with its transaction, or goes on to another peer.
                    Stage::Inviting(_) => {}
                    Stage::Incoming(_) => {
                        usage.flow_deadline.get_or_insert(now + FLOW_GRACE);
                    }
                    Stage::Established(ref mut established) => {
                        usage.flow_deadline.get_or_insert(now + FLOW_GRACE);
                        if let Some(waiting) = &mut established.unacknowledged {
                            waiting.way = Way::Broken;
                        }
                    }
                }
                self.arm_usage(dialog);
            }
        }
        let up = |line: &super::line::Line| line.stream.is_some() && line.registration.is_up();
        if self.lines.get(&line).is_some_and(up) {
            self.handle_flow_found(now, line);
        }
        self.go_on_unregistered(now, line);
    }

    /// A line that was taken back by command registers no more, but its calls go on wherever it is connected.
    pub(super) fn go_on_unregistered(&mut self, now: Instant, line: LineId) {
        let released = |line: &super::line::Line| line.registration.is_released();
        if self.lines.get(&line).is_some_and(released) {
            self.handle_flow_found(now, line);
        }
    }

    /// The line's calls can go on, perhaps on a new connection.
    pub(super) fn handle_flow_found(&mut self, now: Instant, line: LineId) {
        let path = Path::Line(line);
        let Some(flow) = self.flow_of(path) else {
            return;
        };
        let Some(state) = self.lines.get_mut(&line) else {
            return;
        };
        let Unfinished { lost, goodbyes } = std::mem::take(&mut state.unfinished);
        self.move_servers(&lost, flow);
        for goodbye in goodbyes {
            self.say_goodbye(now, path, goodbye);
        }
        for dialog in self.calls_of(line) {
            self.go_on(now, dialog);
        }
    }

    /// A call whose line is back.
    fn go_on(&mut self, now: Instant, dialog: DialogId) {
        let Some(usage) = self.usages.get_mut(&dialog) else {
            return;
        };
        if usage.flow_deadline.take().is_none() {
            return;
        }
        let path = usage.path;
        let Some(established) = usage.established() else {
            return self.arm_usage(dialog);
        };
        if established.phase == Phase::Leaving {
            return self.leave(now, dialog, None);
        }
        // Answered while there was no connection. The Contact of the 2xx tells the new way, and until the ACK no request of
        // ours may change the session (RFC 3261 §14.1).
        if let Some(waiting) = &mut established.unacknowledged
            && waiting.way == Way::Whole
        {
            let response = waiting.response.clone();
            *waiting = Unacknowledged::new(response.clone(), waiting.cseq, waiting.carries, now);
            if let Some(flow) = self.flow_of(path) {
                self.resend(flow, response);
            }
            return self.arm_usage(dialog);
        }
        // The ACK may have gone down with the connection, and who sent it has no reason to repeat it. The 2xx once more, for
        // the case that this was lost; whether the peer is there the refresh will show.
        let answered = |waiting: &mut Unacknowledged| waiting.carries == Carries::Answer;
        if let Some(waiting) = established.unacknowledged.take_if(answered) {
            let first = established.phase == Phase::Answered;
            established.phase = Phase::Confirmed;
            if let Some(flow) = self.flow_of(path) {
                self.resend(flow, waiting.response);
            }
            if first {
                self.tell(Event::Confirmed { dialog, body: None });
            }
        }
        self.arm_usage(dialog);
        self.refresh(now, dialog);
    }

    /// The line stays away for too long.
    pub(super) fn give_up_flow(&mut self, now: Instant, dialog: DialogId) {
        match self.usages.get(&dialog).map(|usage| &usage.stage) {
            Some(Stage::Established(established)) if established.phase == Phase::Leaving => {
                self.leave(now, dialog, None);
            }
            Some(Stage::Established(_)) => self.part(now, dialog, Ended::FlowLost),
            Some(Stage::Incoming(_)) => {
                self.forget_invitation(dialog);
                self.end(dialog, Ended::FlowLost);
            }
            Some(Stage::Inviting(_)) | None => {}
        }
    }

    /// Writes a BYE that has no connection to go on, and keeps it.
    pub(super) fn say_bye_later(
        &mut self,
        now: Instant,
        path: Path,
        credentials: Option<Credentials>,
        dialog: &mut Dialog,
        reason: Option<&str>,
    ) {
        let profile = self.profile(path);
        let cseq = dialog.next_cseq();
        let mut bye = dialog.request("BYE", cseq, UNSENT, profile.max_forwards);
        if let Some(reason) = reason {
            bye.header("Reason", reason);
        }
        let user_agent = profile.user_agent.as_ref();
        bye.header("User-Agent", user_agent.unwrap_or(&self.config.user_agent));
        if let Ok(request) = Message::parse(bye.finish(), usize::MAX) {
            self.keep_goodbye(now, path, request, credentials);
        }
    }

    /// Keeps a BYE for the line's next connection. Those of trunks aren't: their peers are reached by other means or not at all.
    pub(super) fn keep_goodbye(
        &mut self,
        now: Instant,
        path: Path,
        request: Message,
        credentials: Option<Credentials>,
    ) {
        let Path::Line(line) = path else {
            return;
        };
        let Some(state) = self.lines.get_mut(&line) else {
            return;
        };
        let goodbyes = &mut state.unfinished.goodbyes;
        goodbyes.retain(|goodbye| now < goodbye.until);
        if goodbyes.len() < GOODBYES_AT_MOST {
            goodbyes.push(Goodbye {
                request,
                credentials,
                until: now + GOODBYE_PATIENCE,
            });
        }
    }

    /// The peer may have heard the first one: then it answers 481, which is as good.
    fn say_goodbye(&mut self, now: Instant, path: Path, goodbye: Goodbye) {
        let Goodbye {
            request,
            credentials,
            until,
        } = goodbye;
        let (Some(stamp), Some(cseq)) = (self.stamp(path), request.cseq()) else {
            return;
        };
        if now >= until {
            return;
        }
        let bye = with_headers(&request, &stamp.via, cseq.number + 1, &[]);
        let key = CallKey::new(request.call_id(), request.tag_in_from().unwrap_or_default());
        let departure = Departure {
            path,
            flow: stamp.flow,
            purpose: Purpose::Bye(key),
            credentials,
            answered: 0,
        };
        if let Err(cause) = self.begin_client(now, bye, departure) {
            self.note_malformed(stamp.flow, cause);
        }
    }
}

/// How long a call survives its line's connection. Attempts to reconnect are at most 4 s apart meanwhile, so that a registrar
/// that is back within 30 s loses no call.
const FLOW_GRACE: Duration = Duration::from_secs(40);

/// By then the far end's own timers have noticed, or its user.
const GOODBYE_PATIENCE: Duration = Duration::from_secs(600);

/// One agent's calls within that time.
const GOODBYES_AT_MOST: usize = 32;

/// Connections lost one after the other without a registration between them.
const LOST_AT_MOST: usize = 16;

/// Stands for the Via that a BYE gets when it leaves.
const UNSENT: &str = "SIP/2.0/WSS unsent.invalid;branch=z9hG4bK0";
