use std::collections::BTreeSet;
use std::time::Duration;

use media::LegLost;

use super::*;
use crate::agent::microphone::Microphone;
use crate::agent::page::PageTrouble;
use crate::call::termination::Termination;

fn cause(by: EndedBy, reason: Reason, detail: &str) -> &'static str {
    Termination::new(by, reason, detail).cause.label()
}

#[test]
fn every_cause_has_a_label_of_its_own_and_whole_sentences() {
    let labels: BTreeSet<&str> = Cause::ALL.iter().map(|cause| cause.label()).collect();
    assert_eq!(labels.len(), Cause::ALL.len());
    assert!(labels.len() >= 25);
    for cause in Cause::ALL {
        let row = cause.explained();
        let word = |c: char| c.is_ascii_lowercase() || c == '-';
        assert!(row.cause.chars().all(word), "{}", row.cause);
        for sentence in [row.sentence, row.detail] {
            assert!(sentence.ends_with('.'), "{sentence}");
            assert!(sentence.len() < 200, "{sentence}");
        }
        assert_eq!(Cause::named(row.cause), Some(*cause));
    }
    assert_eq!(Cause::named("a word of a later version"), None);
}

#[test]
fn the_platforms_words_for_a_refusal_find_their_cause() {
    for (words, expected) in [
        ("9000000042 is a black listed number", "number-blacklisted"),
        ("Another call is initiated", "another-call-initiated"),
        (
            "There is an issue in Dialing, Please Re-Login and try.",
            "platform-login-needed",
        ),
        ("Please try again.", "dial-refused"),
        ("", "dial-refused"),
    ] {
        let detail = format!("The platform refused the dial: {words}");
        assert_eq!(
            cause(EndedBy::Provider, Reason::DialRefused, &detail),
            expected
        );
    }
}

#[test]
fn the_platforms_words_for_a_drop_find_their_cause() {
    for (words, expected) in [
        (Some("busy"), "customer-busy"),
        (Some("NO_ANSWER"), "customer-no-answer"),
        (Some("not answered"), "customer-no-answer"),
        (Some("invalid_number"), "number-invalid"),
        (Some("Congestion"), "congestion"),
        (Some("SwitchedOff"), "customer-unreachable"),
        (Some("rejected"), "customer-declined"),
        (Some("agent_not_reached"), "platform-missed-agent"),
        (Some("agent_media_failed"), "platform-media-failed"),
        (Some("gremlins"), "platform-dropped"),
        (None, "platform-dropped"),
    ] {
        let ended = Termination::dropped(None, words);
        assert_eq!(ended.cause.label(), expected, "{words:?}: {}", ended.detail);
    }
}

#[test]
fn what_the_gateway_says_of_its_own_parts_finds_its_cause() {
    use EndedBy::Gateway;
    use Reason::{AgentNotReady, DialNotSent, LineDown, MediaFailed};
    for (reason, detail, expected) in [
        (
            AgentNotReady,
            "The agent is not signed in at a desk.",
            "agent-not-signed-in",
        ),
        (
            AgentNotReady,
            "The audio connection to the agent's browser is not up.",
            "agent-leg-not-warm",
        ),
        (
            AgentNotReady,
            Microphone::SendsNothing.trouble().unwrap_or_default(),
            "microphone-sends-nothing",
        ),
        (
            AgentNotReady,
            Microphone::Silent.trouble().unwrap_or_default(),
            "microphone-silent",
        ),
        (
            AgentNotReady,
            "The agent's status is break.",
            "agent-paused",
        ),
        (
            AgentNotReady,
            "The token of the agent's browser has expired; calls in progress go on.",
            "token-expired",
        ),
        (
            AgentNotReady,
            "The sign-in of the agent's page has expired; it takes no new calls.",
            "token-expired",
        ),
        (
            AgentNotReady,
            PageTrouble::Denied.words(),
            "microphone-refused",
        ),
        (
            AgentNotReady,
            PageTrouble::Undecided.words(),
            "microphone-refused",
        ),
        (
            AgentNotReady,
            PageTrouble::Insecure.words(),
            "microphone-refused",
        ),
        (
            AgentNotReady,
            PageTrouble::Absent.words(),
            "microphone-missing",
        ),
        (
            AgentNotReady,
            PageTrouble::Lost.words(),
            "microphone-missing",
        ),
        (
            AgentNotReady,
            PageTrouble::Busy.words(),
            "microphone-missing",
        ),
        (AgentNotReady, PageTrouble::Asleep.words(), "page-asleep"),
        (
            AgentNotReady,
            PageTrouble::PathBroken.words(),
            "agent-path-broken",
        ),
        (AgentNotReady, "Something new.", "agent-not-ready"),
        (
            LineDown,
            "The agent's SIP line is down: the registrar does not accept the password; it is not tried again.",
            "registration-wrong-password",
        ),
        (
            LineDown,
            "The agent's SIP line is down: the registrar refused the registration (403 Forbidden).",
            "registration-refused",
        ),
        (
            LineDown,
            "The agent's SIP line is down: the registrar does not answer.",
            "registrar-unreachable",
        ),
        (
            LineDown,
            "The agent's SIP line is down: connection refused.",
            "registrar-unreachable",
        ),
        (
            LineDown,
            "The agent's SIP line is down: it was taken out of service.",
            "line-out-of-service",
        ),
        (
            LineDown,
            "The provider's token socket is down: it was taken out of service.",
            "line-out-of-service",
        ),
        (
            LineDown,
            "The trunk carrier is down: it was taken out of service.",
            "line-out-of-service",
        ),
        (
            LineDown,
            "The agent's SIP line is down: it is being registered.",
            "line-connecting",
        ),
        (
            LineDown,
            "The agent has no line at the provider.",
            "no-way-out",
        ),
        (
            LineDown,
            "The connection to the platform was lost.",
            "line-lost",
        ),
        (
            LineDown,
            "The provider's token socket is down: the platform has not named the socket yet.",
            "no-socket-id",
        ),
        (
            LineDown,
            "The provider's token socket is down: Another session of this agent took over..",
            "signed-in-elsewhere",
        ),
        (
            LineDown,
            "The provider's token socket is down: the provider refused the sign-in: Invalid session, please re-login.",
            "platform-login-refused",
        ),
        (
            LineDown,
            "The provider's token socket is down: the connection was closed.",
            "token-socket-down",
        ),
        (
            DialNotSent,
            "The dial could not be sent to the platform: The agent isn't signed in with the provider yet.",
            "platform-not-signed-in",
        ),
        (
            DialNotSent,
            "The dial could not be sent to the platform: The token socket was given up: An administrator signed this agent off.",
            "signed-off-by-administrator",
        ),
        (
            DialNotSent,
            "The dial could not be sent to the platform: no route to host",
            "dial-not-sent",
        ),
        (MediaFailed, "The gateway has too much to do.", "overload"),
    ] {
        assert_eq!(cause(Gateway, reason, detail), expected, "{detail}");
    }
}

#[test]
fn every_way_to_lose_a_leg_is_a_cause() {
    for (lost, expected) in [
        (LegLost::IceDisconnected, "ice-failed"),
        (
            LegLost::DtlsFailed("bad certificate".to_owned()),
            "dtls-failed",
        ),
        (LegLost::SetupTimedOut, "media-setup-timed-out"),
        (
            LegLost::Silent {
                r#for: Duration::from_secs(20),
            },
            "no-customer-audio",
        ),
        (LegLost::PeerClosed, "media-closed"),
        (LegLost::Panicked, "media-failed"),
    ] {
        let detail = format!("The audio connection to the platform failed: {lost}.");
        assert_eq!(
            cause(EndedBy::Gateway, Reason::MediaFailed, &detail),
            expected
        );
    }
}

#[test]
fn every_status_of_a_trunk_is_a_cause() {
    for (status, expected) in [
        (401, "trunk-credentials"),
        (403, "trunk-credentials"),
        (404, "number-invalid"),
        (408, "customer-no-answer"),
        (480, "customer-no-answer"),
        (486, "customer-busy"),
        (488, "trunk-media"),
        (500, "trunk-failed"),
        (503, "congestion"),
        (600, "customer-busy"),
        (603, "customer-declined"),
        (302, "trunk-refused"),
    ] {
        let ended = Termination::refused(status, "Whatever");
        assert_eq!(ended.cause.label(), expected, "{status}");
    }
}

/// `CAUSES.md` is written by `WARMLINE_REWRITE=1 cargo test --workspace --lib explain`.
#[test]
fn the_page_of_causes_is_what_the_table_says() {
    const PAGE: &str = include_str!("../../CAUSES.md");
    let mut table = String::from(
        "\n| cause | ended by | the agent reads | what it means | again? |\n|---|---|---|---|---|\n",
    );
    for cause in Cause::ALL {
        let row = cause.explained();
        let by = serde_json::to_value(row.by).expect("a word");
        let again = if row.retryable { "yes" } else { "no" };
        table += &format!(
            "| `{}` | {} | {} | {} | {again} |\n",
            row.cause,
            by.as_str().unwrap_or_default(),
            row.sentence,
            row.detail
        );
    }
    let (before, rest) = PAGE.split_once(BEGIN).expect("the page has its markers");
    let (_, after) = rest.split_once(END).expect("the page has its markers");
    let page = format!("{before}{BEGIN}{table}{END}{after}");
    if std::env::var_os("WARMLINE_REWRITE").is_some() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/CAUSES.md");
        std::fs::write(path, &page).expect("the page can be written");
        return;
    }
    assert!(
        page == PAGE,
        "CAUSES.md isn't what the table says: WARMLINE_REWRITE=1 cargo test --workspace --lib explain"
    );
}

const BEGIN: &str = "<!-- causes -->";
const END: &str = "<!-- end of causes -->";
