//! Causes that only words tell: the platform's replies, and what connections say of themselves.
//!
//! Words are matched folded to small letters and digits, because the platform writes "Busy", "NO_ANSWER" and
//! "Not Answered" for one thing. The longest phrases stand first where one holds another.

use super::Cause;

/// The platform's reply to a dial.
pub fn of_refusal(words: &str) -> Option<Cause> {
    find(words, REFUSALS)
}

/// What the platform says of a call that it drops.
pub fn of_drop(words: &str) -> Option<Cause> {
    find(words, DROPS)
}

/// Why a SIP line is down.
pub(super) fn of_line(words: &str) -> Option<Cause> {
    find(words, LINES)
}

/// Why the token socket is down.
pub(super) fn of_token(words: &str) -> Option<Cause> {
    find(words, TOKENS)
}

/// Why an agent isn't ready.
pub(super) fn of_agent(words: &str) -> Option<Cause> {
    find(words, AGENTS)
        .or_else(|| of_line(words))
        .or_else(|| of_token(words))
}

/// Why a leg failed.
pub(super) fn of_media(words: &str) -> Option<Cause> {
    find(words, LEGS)
}

fn find(words: &str, phrases: &[(&str, Cause)]) -> Option<Cause> {
    let words = folded(words);
    phrases
        .iter()
        .find(|(phrase, _)| words.contains(&folded(phrase)))
        .map(|(_, cause)| *cause)
}

fn folded(words: &str) -> String {
    words
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|c| c.to_ascii_lowercase())
        .collect()
}

const REFUSALS: &[(&str, Cause)] = &[
    ("black list", Cause::Blacklisted),
    ("dnc", Cause::Blacklisted),
    ("another call", Cause::AnotherCall),
    ("re-login", Cause::LoginNeeded),
    ("not logged", Cause::LoginNeeded),
    ("invalid number", Cause::NumberInvalid),
];

const DROPS: &[(&str, Cause)] = &[
    ("agent_not_reached", Cause::AgentMissed),
    ("agent not answered", Cause::AgentMissed),
    ("agent_media", Cause::PlatformMedia),
    ("busy", Cause::CustomerBusy),
    ("switched off", Cause::CustomerUnreachable),
    ("switch off", Cause::CustomerUnreachable),
    ("not reachable", Cause::CustomerUnreachable),
    ("unreachable", Cause::CustomerUnreachable),
    ("out of coverage", Cause::CustomerUnreachable),
    ("no answer", Cause::CustomerNoAnswer),
    ("not answered", Cause::CustomerNoAnswer),
    ("invalid", Cause::NumberInvalid),
    ("unallocated", Cause::NumberInvalid),
    ("congestion", Cause::Congestion),
    ("rejected", Cause::CustomerDeclined),
    ("declined", Cause::CustomerDeclined),
];

/// The words of `switchboard/lines` and of the transports.
const LINES: &[(&str, Cause)] = &[
    (
        "the registrar does not accept the password",
        Cause::WrongPassword,
    ),
    ("refused the registration", Cause::RegistrationRefused),
    ("the registrar does not answer", Cause::RegistrarUnreachable),
    ("down: it was taken out of service", Cause::OutOfService),
    ("SIP line is down: it is being", Cause::LineConnecting),
    (
        "SIP line is down: it was unregistered",
        Cause::LineConnecting,
    ),
    ("SIP line is down", Cause::RegistrarUnreachable),
    ("no line at the provider", Cause::NoWayOut),
    ("no peer to call out", Cause::NoWayOut),
    ("connection to", Cause::LineLost),
];

/// The words of the token socket.
const TOKENS: &[(&str, Cause)] = &[
    ("Another session of this agent", Cause::TakenOver),
    (
        "administrator signed this agent off",
        Cause::SignedOffByAdmin,
    ),
    ("refused the sign-in", Cause::LoginRefused),
    ("has not named the socket", Cause::NoSocketId),
    ("did not name the socket", Cause::NoSocketId),
    ("usId", Cause::NoSocketId),
    ("isn't signed in with the provider", Cause::NotSignedIn),
    ("token socket", Cause::TokenSocketDown),
];

/// The words of `agent/readiness` and of dialling.
const AGENTS: &[(&str, Cause)] = &[
    ("is not signed in at a desk", Cause::AgentAbsent),
    (
        "audio connection to the agent's browser is not up",
        Cause::LegNotWarm,
    ),
    ("agent's status is", Cause::AgentPaused),
    ("microphone sends nothing", Cause::MicrophoneSendsNothing),
    (
        "silence comes from the agent's microphone",
        Cause::MicrophoneSilent,
    ),
    (
        "token of the agent's browser has expired",
        Cause::TokenExpired,
    ),
    (
        "sign-in of the agent's page has expired",
        Cause::TokenExpired,
    ),
    ("browser refuses the microphone", Cause::MicrophoneRefused),
    (
        "whether the microphone may be used",
        Cause::MicrophoneRefused,
    ),
    ("browser gives it no microphone", Cause::MicrophoneRefused),
    ("no microphone was found", Cause::MicrophoneMissing),
    ("microphone was unplugged", Cause::MicrophoneMissing),
    ("microphone can't be opened", Cause::MicrophoneMissing),
    ("agent's page doesn't answer", Cause::PageAsleep),
    ("no answer on its audio connection", Cause::AgentPathBroken),
];

/// The words of [`media::LegLost`].
const LEGS: &[(&str, Cause)] = &[
    ("stopped answering ICE", Cause::IceFailed),
    ("DTLS handshake failed", Cause::DtlsFailed),
    ("weren't done in time", Cause::MediaTimedOut),
    ("nothing was received", Cause::CustomerSilent),
    ("the peer closed the connection", Cause::MediaClosed),
    ("too much to do", Cause::Overload),
];
