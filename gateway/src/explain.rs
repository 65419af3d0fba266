//! Why calls fail: each failure is one cause, and each cause has its sentences.
//!
//! The table below is the only place where causes are named. A [`Termination`](crate::call::termination::Termination)
//! finds its cause when it is made: from its reason, from what the far end's status says, or from the words that a
//! peer lent it. `CAUSES.md` is written from the table by a test.

mod borrowed;

pub use borrowed::{of_drop, of_refusal};

use serde::Serialize;

use crate::agent::wire::EndedBy;
use crate::call::termination::Reason;

/// One cause, told to everybody who asks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Explained {
    /// A bounded word, also a metric's label.
    pub cause: &'static str,
    pub by: EndedBy,
    /// What the agent is told of such a call.
    pub sentence: &'static str,
    /// What it means and where to look, for an engineer.
    pub detail: &'static str,
    /// Whether the same dial may go well a moment later.
    pub retryable: bool,
}

/// Writes the enum, its list and its table from one list of rows.
macro_rules! causes {
    ($($cause:ident, $label:literal, $by:ident, $again:ident, $sentence:literal, $detail:literal;)*) => {
        /// What made a call end.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Cause {
            $(#[doc = $sentence] $cause,)*
        }

        impl Cause {
            pub const ALL: &[Self] = &[$(Self::$cause,)*];

            /// The table's row.
            pub fn explained(self) -> Explained {
                match self {
                    $(Self::$cause => Explained {
                        cause: $label,
                        by: EndedBy::$by,
                        sentence: $sentence,
                        detail: $detail,
                        retryable: matches!(Again::$again, Again::MayGoWell),
                    },)*
                }
            }
        }
    };
}

/// What becomes of the same dial a moment later.
enum Again {
    MayGoWell,
    FailsAgain,
}

causes! {
    AgentHungUp, "agent-hung-up", Agent, FailsAgain,
        "The agent hung up.",
        "The agent, or a back end in the agent's name, ended a connected call.";
    Transferred, "transferred", Agent, FailsAgain,
        "The agent transferred the call.",
        "The customer's call goes on without the agent: at the platform, or by us with whom it was given to.";
    CustomerHungUp, "customer-hung-up", Customer, FailsAgain,
        "The customer hung up.",
        "A BYE came in a connected call, or the platform pushed its release.";
    Cancelled, "cancelled", Agent, MayGoWell,
        "The agent ended the call before it was answered.",
        "Hang-up before the answer. The INVITE of a platform's dial that is still on its way is met with 486.";
    Abandoned, "abandoned", Customer, FailsAgain,
        "The caller hung up before the call was answered.",
        "CANCEL, or the platform's dropCall, while the call rang at the desk.";
    AgentDeclined, "agent-declined", Agent, FailsAgain,
        "The agent declined the call.",
        "The agent's click, or the platform's performCallEvent \"decline\"; the INVITE was answered with 603.";
    Missed, "missed", Agent, FailsAgain,
        "Nobody answered at the desk in time.",
        "The ring timeout of the route, or of the line, ran out; the INVITE was answered with 480.";
    CustomerBusy, "customer-busy", Customer, MayGoWell,
        "The customer is busy.",
        "486 or 600 from the trunk, or dropCall with a busy status from the platform.";
    CustomerNoAnswer, "customer-no-answer", Customer, MayGoWell,
        "The customer did not answer.",
        "408 or 480 from the trunk, dropCall with a no-answer status, or our own patience of two minutes.";
    CustomerDeclined, "customer-declined", Customer, FailsAgain,
        "The customer declined the call.",
        "603 from the trunk, or dropCall with a rejected status.";
    CustomerUnreachable, "customer-unreachable", Customer, MayGoWell,
        "The customer's phone is switched off or out of reach.",
        "dropCall with a status that says switched off, not reachable or out of coverage.";
    NumberInvalid, "number-invalid", Provider, FailsAgain,
        "The number does not exist or can't be reached.",
        "404, 410, 484 or 604 from the trunk, or dropCall with an invalid or unallocated number.";
    NumberMalformed, "number-malformed", Gateway, FailsAgain,
        "The number can't be dialled as it was given.",
        "Refused before anything was sent: not digits with an optional plus, too short or too long.";
    Congestion, "congestion", Provider, MayGoWell,
        "The telephone network is congested.",
        "503 from the trunk, or dropCall with a congestion status. If it stays: ask the carrier for its channel limit.";
    TrunkRefused, "trunk-refused", Provider, FailsAgain,
        "The trunk refused the call.",
        "A final status without a better word. The status and its phrase are in \"sip\".";
    TrunkCredentials, "trunk-credentials", Provider, FailsAgain,
        "The trunk does not accept our credentials or this number.",
        "401, 403 or 407 after our credentials, or without any configured. Check username, password and caller_id of the trunk.";
    TrunkFailed, "trunk-failed", Provider, MayGoWell,
        "The trunk could not place the call.",
        "A 5xx of the carrier other than 503.";
    TrunkMedia, "trunk-media", Provider, FailsAgain,
        "The trunk accepts none of our audio formats.",
        "415, 488 or 606. Compare media.codecs with what the carrier takes.";
    TrunkSilent, "far-end-silent", Provider, MayGoWell,
        "The far end did not answer our signalling.",
        "No response to a SIP request within its time (timers B and F of RFC 3261). Check the peer's address, firewall and state.";
    AckMissing, "ack-missing", Provider, MayGoWell,
        "The far end did not confirm our answer.",
        "No ACK within 32 s of our 200. Usually the ACK's route: a Contact or Record-Route that the peer can't reach.";
    PlatformRefused, "dial-refused", Provider, MayGoWell,
        "The platform refused the dial.",
        "An error reply to the dial command, in words that have no cause of their own here; they are in the call's detail.";
    Blacklisted, "number-blacklisted", Provider, FailsAgain,
        "The number is on the account's black list.",
        "The platform's reply names the number as black listed. The account's supervisor can take it off.";
    AnotherCall, "another-call-initiated", Provider, MayGoWell,
        "The platform still has another call for this agent.",
        "\"Another call is initiated\": the agent's last call isn't over on the platform, or another session of the agent dials.";
    LoginNeeded, "platform-login-needed", Provider, MayGoWell,
        "The platform wants the agent to sign in again.",
        "\"There is an issue in Dialing, Please Re-Login\": the platform doesn't know the socket's ids, or the agent's session there is gone.";
    TokenSocketDown, "token-socket-down", Gateway, MayGoWell,
        "The connection that dials at the provider is down.",
        "The token socket is closed or being opened; its cause is in the call's detail and in GET /v1/lines.";
    NoSocketId, "no-socket-id", Provider, MayGoWell,
        "The platform has not named the connection that dials yet.",
        "The token socket has no usId: none came in an early message. Set ozonetel.usid, or ozonetel.probe = true.";
    NotSignedIn, "platform-not-signed-in", Gateway, MayGoWell,
        "The agent isn't signed in at the provider yet.",
        "The login command is on its way, or the platform refused it; the token socket's log says which.";
    LoginRefused, "platform-login-refused", Provider, MayGoWell,
        "The platform refused to sign the agent in.",
        "The login command was answered with an error; its words are in the call's detail. Check the socket's ids, agent_id and agent_unique_id.";
    TakenOver, "signed-in-elsewhere", Provider, FailsAgain,
        "Another session of this agent took over at the provider.",
        "The platform pushed closeTab: somebody signed in as this agent elsewhere. It isn't tried again before POST /v1/lines/{id}/register, or a restart.";
    SignedOffByAdmin, "signed-off-by-administrator", Provider, FailsAgain,
        "An administrator signed this agent off at the provider.",
        "The platform pushed agentLogoffByAdmin. It isn't tried again before POST /v1/lines/{id}/register, or a restart.";
    DialNotSent, "dial-not-sent", Gateway, MayGoWell,
        "The dial could not be sent to the provider.",
        "The command was refused before it left, or the request to command_url failed; the words are in the call's detail.";
    DialUnanswered, "dial-unanswered", Provider, MayGoWell,
        "The platform did not say whether it took the dial, and no call came.",
        "No reply to the dial command, or one that says neither yes nor no, and no INVITE within ozonetel.invite_window.";
    NoInvite, "no-invite", Provider, MayGoWell,
        "The platform took the dial, but did not call the agent's line.",
        "The dial was queued and no INVITE came within ozonetel.invite_window. Check that the extension is the agent's at the platform, and its registration.";
    AgentMissed, "platform-missed-agent", Provider, MayGoWell,
        "The platform did not reach the agent's line.",
        "dropCall says that the agent's side wasn't reached, although our line is up. Compare extension and registration.";
    PlatformMedia, "platform-media-failed", Provider, MayGoWell,
        "The platform's audio connection to the agent's line failed.",
        "dropCall names the agent's media. Check that the platform's media addresses can reach media.public_ip and its ports.";
    PlatformDropped, "platform-dropped", Provider, MayGoWell,
        "The platform ended the call before the customer was reached.",
        "BYE or dropCall before talk, without a status that says why; its words, if any, are in the call's detail.";
    OfferUnusable, "offer-unusable", Gateway, FailsAgain,
        "The audio descriptions of both sides don't fit.",
        "An SDP without a codec in common, without a fingerprint or ICE where they are needed, or an answer that can't be used.";
    AgentAbsent, "agent-not-signed-in", Gateway, MayGoWell,
        "The agent is not signed in at a desk.",
        "No page of this agent is connected to /v1/agent, and the grace of the last one is over.";
    LegNotWarm, "agent-leg-not-warm", Gateway, MayGoWell,
        "The audio connection to the agent's browser is not up.",
        "The page is there, but its PeerConnection isn't connected: the microphone wasn't allowed, or UDP to media.public_ip is blocked.";
    MicrophoneSendsNothing, "microphone-sends-nothing", Gateway, MayGoWell,
        "The agent's microphone sends nothing.",
        "The leg is up and no RTP came from the browser for four seconds: permission taken back, device unplugged, page asleep, or UDP blocked one way.";
    MicrophoneSilent, "microphone-silent", Gateway, MayGoWell,
        "Nothing but silence comes from the agent's microphone.",
        "RTP came for ten seconds or more, below -65 dBov from the first packet on: muted at the headset, or the wrong device.";
    MicrophoneRefused, "microphone-refused", Gateway, FailsAgain,
        "The agent's browser refuses the microphone.",
        "The page says that its permission is denied, not given yet, or withheld because the page isn't served over https.";
    MicrophoneMissing, "microphone-missing", Gateway, MayGoWell,
        "The agent has no microphone that works.",
        "The page says that none was found, that it was unplugged and no other took its place, or that it can't be opened.";
    PageAsleep, "page-asleep", Gateway, MayGoWell,
        "The agent's page does not answer.",
        "Its socket is open and it has told nothing for eight seconds: a frozen or sleeping tab, or a script that doesn't end.";
    AgentPathBroken, "agent-path-broken", Gateway, MayGoWell,
        "The agent's network drops the audio.",
        "The page says that ICE gets no answer while its socket works: UDP is cut between the browser and media.public_ip.";
    AgentPaused, "agent-paused", Gateway, FailsAgain,
        "The agent's status does not take calls.",
        "The status is another than \"available\"; the agent, a supervisor or the platform set it.";
    TokenExpired, "token-expired", Gateway, FailsAgain,
        "The token of the agent's browser has expired.",
        "Calls in progress go on; the page has to fetch a fresh token and say \"auth\".";
    AgentNotReady, "agent-not-ready", Gateway, MayGoWell,
        "The agent could not be spoken to.",
        "The agent wasn't ready, for the reason in the call's detail.";
    AgentBusy, "agent-busy", Gateway, FailsAgain,
        "The agent has a call already.",
        "limits.calls_per_agent is reached for this agent.";
    AgentLost, "agent-lost", Gateway, MayGoWell,
        "The agent's browser was gone for too long.",
        "Neither the page nor its audio came back within limits.grace, so the customer was let go.";
    WrongPassword, "registration-wrong-password", Gateway, FailsAgain,
        "The registrar does not accept the line's password.",
        "The registrar challenged our answer again. A third wrong one would lock the account: correct the password and restart, or POST /v1/lines/{id}/register if the registrar erred.";
    RegistrationRefused, "registration-refused", Provider, MayGoWell,
        "The registrar refused the agent's line.",
        "A final rejection of REGISTER; the status is in the call's detail and in GET /v1/lines.";
    RegistrarUnreachable, "registrar-unreachable", Provider, MayGoWell,
        "The registrar can't be reached.",
        "The connection to ozonetel.registrar was refused, timed out or failed in TLS, or REGISTER stayed unanswered.";
    LineConnecting, "line-connecting", Gateway, MayGoWell,
        "The agent's line is being connected.",
        "The gateway has just started, or the line was lost a moment ago.";
    OutOfService, "line-out-of-service", Gateway, FailsAgain,
        "The line was taken out of service.",
        "POST /v1/lines/{id}/unregister took it out; POST /v1/lines/{id}/register puts it back.";
    LineLost, "line-lost", Provider, MayGoWell,
        "The connection to the provider was lost.",
        "The flow that carried the call's signalling closed and did not come back in time for it.";
    NoWayOut, "no-way-out", Gateway, FailsAgain,
        "There is no way out for this call.",
        "\"via\" names a trunk that isn't configured or has no peer, or the agent has no line at the provider.";
    IceFailed, "ice-failed", Gateway, MayGoWell,
        "The audio path to the customer's side broke.",
        "The peer stopped answering connectivity checks for longer than ten seconds: NAT rebinding, firewall, or the peer is gone.";
    DtlsFailed, "dtls-failed", Gateway, MayGoWell,
        "The audio connection to the customer's side could not be secured.",
        "The DTLS handshake failed: fingerprint, certificate or version. The peer's words are in the call's detail.";
    MediaTimedOut, "media-setup-timed-out", Gateway, MayGoWell,
        "The audio connection to the customer's side was not up in time.",
        "No ICE and DTLS within ten seconds of our answer: usually UDP is blocked on the way to or from media.public_ip.";
    MediaClosed, "media-closed", Provider, MayGoWell,
        "The customer's side closed the audio connection.",
        "A DTLS close_notify without a BYE.";
    CustomerSilent, "no-customer-audio", Provider, MayGoWell,
        "No audio came from the customer's side.",
        "Neither RTP nor STUN was received for the time in the call's detail.";
    MediaFailed, "media-failed", Gateway, MayGoWell,
        "The audio connection failed.",
        "The media engine could not go on with the call; its words are in the call's detail.";
    Overload, "overload", Gateway, MayGoWell,
        "The gateway has too much to do.",
        "limits.calls is reached, or the media engine's queue is full. Add workers or nodes.";
    NotPossible, "not-possible", Gateway, FailsAgain,
        "What the call asks for is not possible.",
        "The request was understood and refused; the call's detail says why.";
    Shutdown, "gateway-stopped", Gateway, MayGoWell,
        "The gateway is stopping.",
        "The gateway was asked to stop: it takes no new calls, and ended with BYE what was still up when its time was over.";
    Restarted, "gateway-restarted", Gateway, MayGoWell,
        "The gateway was restarted while the call was up.",
        "The process ended without ending its calls: killed, crashed, or the machine went down. Look for its last lines in the log.";
}

impl Cause {
    pub fn label(self) -> &'static str {
        self.explained().cause
    }

    /// The cause of that label; `None` for one that this version doesn't know.
    pub fn named(label: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .copied()
            .find(|cause| cause.label() == label)
    }

    /// The cause of an end that was found without a SIP status: its reason tells, or the words that came with it.
    pub fn of(by: EndedBy, reason: Reason, detail: &str) -> Self {
        match reason {
            Reason::Hangup => match by {
                EndedBy::Agent => Self::AgentHungUp,
                EndedBy::Customer | EndedBy::Provider | EndedBy::Gateway => Self::CustomerHungUp,
            },
            Reason::Transferred => Self::Transferred,
            Reason::Cancelled => Self::Cancelled,
            Reason::Abandoned => Self::Abandoned,
            Reason::Declined => match by {
                EndedBy::Customer => Self::CustomerDeclined,
                EndedBy::Agent | EndedBy::Provider | EndedBy::Gateway => Self::AgentDeclined,
            },
            Reason::Missed => Self::Missed,
            Reason::Busy => Self::CustomerBusy,
            Reason::NoAnswer => Self::CustomerNoAnswer,
            Reason::InvalidNumber => match by {
                EndedBy::Gateway => Self::NumberMalformed,
                EndedBy::Agent | EndedBy::Customer | EndedBy::Provider => Self::NumberInvalid,
            },
            Reason::Rejected => of_drop(detail).unwrap_or(Self::PlatformDropped),
            Reason::DialRefused => borrowed::of_refusal(detail).unwrap_or(Self::PlatformRefused),
            Reason::DialNotSent => borrowed::of_refusal(detail)
                .or_else(|| borrowed::of_token(detail))
                .unwrap_or(Self::DialNotSent),
            Reason::DialUnanswered => Self::DialUnanswered,
            Reason::NoInvite => Self::NoInvite,
            Reason::AgentNotReady => borrowed::of_agent(detail).unwrap_or(Self::AgentNotReady),
            Reason::AgentBusy => Self::AgentBusy,
            Reason::AgentLost => Self::AgentLost,
            Reason::MediaRefused => Self::OfferUnusable,
            Reason::MediaFailed => borrowed::of_media(detail).unwrap_or(Self::MediaFailed),
            Reason::LineDown => borrowed::of_line(detail)
                .or_else(|| borrowed::of_token(detail))
                .unwrap_or(Self::LineLost),
            Reason::TimedOut => match detail.contains("ACK") {
                true => Self::AckMissing,
                false => Self::TrunkSilent,
            },
            Reason::Overload => Self::Overload,
            Reason::NotPossible => Self::NotPossible,
            Reason::Shutdown => Self::Shutdown,
            Reason::GatewayRestarted => Self::Restarted,
        }
    }

    /// The cause of a final answer to our INVITE.
    pub fn of_status(status: u16) -> Self {
        match status {
            486 | 600 => Self::CustomerBusy,
            408 | 480 => Self::CustomerNoAnswer,
            404 | 410 | 484 | 604 => Self::NumberInvalid,
            603 => Self::CustomerDeclined,
            415 | 488 | 606 => Self::TrunkMedia,
            401 | 403 | 407 => Self::TrunkCredentials,
            503 => Self::Congestion,
            500..=599 => Self::TrunkFailed,
            _ => Self::TrunkRefused,
        }
    }
}

#[cfg(test)]
mod tests;
