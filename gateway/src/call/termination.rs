//! Why a call ended: who ended it, a bounded word for metrics, one true sentence for people.

use crate::agent::wire::{EndedBy, EndedView, SipStatus};
use crate::explain::{Cause, of_drop};
use crate::http::problem::Problem;

/// The end of one call.
#[derive(Debug, Clone, PartialEq)]
pub struct Termination {
    pub by: EndedBy,
    pub reason: Reason,
    /// Narrower than the reason: what an engineer looks into.
    pub cause: Cause,
    /// The sentence that the agent reads.
    pub detail: String,
    pub sip: Option<SipStatus>,
}

/// The bounded words of [`Termination`]; each is a metric's label.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// Somebody who was talking hung up.
    Hangup,
    /// The agent gave the customer to somebody else.
    Transferred,
    /// The agent ended the call before it was answered.
    Cancelled,
    /// The caller gave up before the agent answered.
    Abandoned,
    Declined,
    /// The agent didn't answer within the ring timeout.
    Missed,
    Busy,
    NoAnswer,
    InvalidNumber,
    /// The far end refused with a status that has no better word.
    Rejected,
    /// The platform refused the dial command in words.
    DialRefused,
    /// The dial command could not be sent.
    DialNotSent,
    /// No reply to the dial command.
    DialUnanswered,
    /// The dial was taken, but the INVITE that it should cause never came.
    NoInvite,
    /// The INVITE came when the agent's leg was not there any more.
    AgentNotReady,
    /// The agent was gone for longer than the grace.
    AgentLost,
    /// Our description and the peer's don't meet.
    MediaRefused,
    /// ICE, DTLS or the packets themselves failed.
    MediaFailed,
    LineDown,
    /// The far end stopped answering.
    TimedOut,
    /// Another call of the agent's is up.
    AgentBusy,
    /// A limit of the gateway's is reached.
    Overload,
    /// The dial asks for what can't be done.
    NotPossible,
    Shutdown,
    /// The process ended while the call was up; found out at the next start.
    GatewayRestarted,
}

impl Reason {
    /// The label, also `ended.reason` on the wire.
    pub fn label(self) -> &'static str {
        match self {
            Self::Hangup => "hangup",
            Self::Transferred => "transferred",
            Self::Cancelled => "cancelled",
            Self::Abandoned => "abandoned",
            Self::Declined => "declined",
            Self::Missed => "missed",
            Self::Busy => "busy",
            Self::NoAnswer => "no-answer",
            Self::InvalidNumber => "invalid-number",
            Self::Rejected => "rejected",
            Self::DialRefused => "dial-refused",
            Self::DialNotSent => "dial-not-sent",
            Self::DialUnanswered => "dial-unanswered",
            Self::NoInvite => "no-invite",
            Self::AgentNotReady => "agent-not-ready",
            Self::AgentLost => "agent-lost",
            Self::MediaRefused => "media-refused",
            Self::MediaFailed => "media-failed",
            Self::LineDown => "line-down",
            Self::TimedOut => "timed-out",
            Self::AgentBusy => "agent-busy",
            Self::Overload => "overload",
            Self::NotPossible => "not-possible",
            Self::Shutdown => "shutdown",
            Self::GatewayRestarted => "gateway-restarted",
        }
    }
}

impl Termination {
    /// `detail` becomes a sentence, whosever words it ends in.
    pub fn new(by: EndedBy, reason: Reason, detail: impl Into<String>) -> Self {
        let mut detail = detail.into();
        if !detail.ends_with(['.', '!', '?']) {
            detail.push('.');
        }
        Self {
            by,
            reason,
            cause: Cause::of(by, reason, &detail),
            detail,
            sip: None,
        }
    }

    /// A dial that was refused before it became a call.
    pub fn not_dialled(problem: &Problem) -> Self {
        let reason = match problem.kind {
            "agent-not-ready" => Reason::AgentNotReady,
            "agent-busy" => Reason::AgentBusy,
            "invalid-number" => Reason::InvalidNumber,
            "line-down" => Reason::LineDown,
            "unavailable" => Reason::Overload,
            "draining" => Reason::Shutdown,
            _ => Reason::NotPossible,
        };
        Self::new(EndedBy::Gateway, reason, problem.detail.clone())
    }

    /// The process that had the call is gone, and another has taken its place.
    pub fn restarted() -> Self {
        Self::new(
            EndedBy::Gateway,
            Reason::GatewayRestarted,
            "The gateway was restarted while the call was up.",
        )
    }

    /// The far end's final answer to our INVITE.
    pub fn refused(status: u16, phrase: &str) -> Self {
        let (by, reason, detail) = match status {
            486 | 600 => (
                EndedBy::Customer,
                Reason::Busy,
                "The customer is busy.".to_owned(),
            ),
            480 | 408 => (
                EndedBy::Customer,
                Reason::NoAnswer,
                "The customer did not answer.".to_owned(),
            ),
            404 | 484 | 604 | 410 => (
                EndedBy::Provider,
                Reason::InvalidNumber,
                "The number does not exist or can't be reached.".to_owned(),
            ),
            603 => (
                EndedBy::Customer,
                Reason::Declined,
                "The customer declined the call.".to_owned(),
            ),
            488 | 606 | 415 => (
                EndedBy::Provider,
                Reason::MediaRefused,
                "The trunk accepts none of our audio formats.".to_owned(),
            ),
            401 | 403 | 407 => (
                EndedBy::Provider,
                Reason::Rejected,
                format!(
                    "The trunk refused the call: it does not accept our credentials or this number ({status})."
                ),
            ),
            500..=599 => (
                EndedBy::Provider,
                Reason::Rejected,
                format!("The trunk could not place the call ({status} {phrase})."),
            ),
            _ => (
                EndedBy::Provider,
                Reason::Rejected,
                format!("The call was refused ({status} {phrase})."),
            ),
        };
        Self {
            by,
            reason,
            cause: Cause::of_status(status),
            detail,
            sip: Some(SipStatus {
                code: status,
                reason: phrase.to_owned(),
            }),
        }
    }

    /// The platform ended a dial before anybody talked (`dropCall`), in its own words.
    pub fn dropped(call_status: Option<&str>, dial_status: Option<&str>) -> Self {
        let words = dial_status.or(call_status).unwrap_or_default();
        let cause = of_drop(words).unwrap_or(Cause::PlatformDropped);
        let reason = match cause {
            Cause::CustomerBusy => Reason::Busy,
            Cause::CustomerNoAnswer | Cause::CustomerUnreachable => Reason::NoAnswer,
            Cause::NumberInvalid => Reason::InvalidNumber,
            Cause::CustomerDeclined => Reason::Declined,
            _ => Reason::Rejected,
        };
        let known = cause.explained();
        let detail = match (cause, words) {
            (Cause::PlatformDropped, words) if !words.is_empty() => {
                format!("The platform ended the call before the customer was reached: {words}")
            }
            _ => known.sentence.to_owned(),
        };
        Self {
            cause,
            ..Self::new(known.by, reason, detail)
        }
    }

    pub fn view(&self) -> EndedView {
        EndedView {
            by: self.by,
            reason: self.reason.label(),
            detail: self.detail.clone(),
            sip: self.sip.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_far_end_answers_becomes_one_sentence() {
        for (status, reason) in [
            (486, Reason::Busy),
            (600, Reason::Busy),
            (480, Reason::NoAnswer),
            (404, Reason::InvalidNumber),
            (603, Reason::Declined),
            (488, Reason::MediaRefused),
            (403, Reason::Rejected),
            (503, Reason::Rejected),
            (302, Reason::Rejected),
        ] {
            let ended = Termination::refused(status, "Whatever");
            assert_eq!(ended.reason, reason, "{status}");
            assert!(ended.detail.ends_with('.'), "{}", ended.detail);
            assert_eq!(ended.sip.map(|sip| sip.code), Some(status));
        }
    }

    #[test]
    fn borrowed_words_end_as_a_sentence() {
        for (words, detail) in [("no", "no."), ("no.", "no."), ("why?", "why?")] {
            let ended = Termination::new(EndedBy::Provider, Reason::DialRefused, words);
            assert_eq!(ended.detail, detail);
        }
    }

    #[test]
    fn what_the_platform_says_of_a_drop_becomes_one_sentence() {
        for (words, reason) in [
            (Some("Busy"), Reason::Busy),
            (Some("not_answered"), Reason::NoAnswer),
            (Some("NoAnswer"), Reason::NoAnswer),
            (Some("invalid number"), Reason::InvalidNumber),
            (Some("congestion"), Reason::Rejected),
            (None, Reason::Rejected),
        ] {
            assert_eq!(
                Termination::dropped(None, words).reason,
                reason,
                "{words:?}"
            );
        }
    }
}
