//! What REFER and Replaces say: whom to call, instead of which call, and how it went (RFC 3515, RFC 3891).

use crate::message::{Message, Name, NameAddr, Parameters, Uri, lossy, trimmed, unescaped};

/// A peer's wish that we call somebody (RFC 3515 §2.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Referral {
    /// Whom, without the headers that its URI may carry.
    pub target: String,
    /// The call that ours shall take the place of: an attended transfer.
    pub replaces: Option<Replaces>,
    /// Who says that they wish it (RFC 3892), unproven.
    pub referred_by: Option<String>,
}

/// A dialog of somebody's, as its peers name it (RFC 3891 §6.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replaces {
    /// Of the dialog.
    pub call_id: String,
    /// The tag of whoever receives the INVITE.
    pub to_tag: String,
    /// The tag of its peer.
    pub from_tag: String,
    /// Which states of it may be replaced.
    pub phase: ReplacedPhase,
}

/// Whether a dialog that is confirmed may be replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReplacedPhase {
    /// Whatever its state.
    Any,
    /// Only while it rings (`early-only`).
    EarlyOnly,
}

impl Referral {
    /// `None` unless there is exactly one readable Refer-To.
    pub(crate) fn of(refer: &Message) -> Option<Referral> {
        let mut lines = refer.lines(Name::ReferTo);
        let (line, None) = (lines.next()?, lines.next()) else {
            return None;
        };
        let party = NameAddr::parse(line)?;
        let uri = Uri::parse(party.uri)?;
        let end = party.uri.len() - uri.headers.len();
        Some(Referral {
            target: lossy(&party.uri[..end]),
            replaces: match header(uri.headers, b"Replaces") {
                // A transfer into a call that can't be read isn't a plain transfer.
                Some(escaped) => Some(Replaces::parse(&unescaped(escaped).collect::<Vec<_>>())?),
                None => None,
            },
            referred_by: refer.text("Referred-By"),
        })
    }

    /// As Refer-To has it.
    pub(crate) fn refer_to(&self) -> String {
        match &self.replaces {
            None => format!("<{}>", self.target),
            Some(replaces) => {
                format!("<{}?Replaces={}>", self.target, escaped(&replaces.value()))
            }
        }
    }
}

impl Replaces {
    pub(crate) fn parse(value: &[u8]) -> Option<Replaces> {
        let end = memchr::memchr(b';', value)?;
        let parameters = Parameters(&value[end..]);
        let call_id = trimmed(&value[..end]);
        (!call_id.is_empty()).then_some(())?;
        Some(Replaces {
            call_id: lossy(call_id),
            to_tag: lossy(parameters.value(b"to-tag")?),
            from_tag: lossy(parameters.value(b"from-tag")?),
            phase: match parameters.has(b"early-only") {
                true => ReplacedPhase::EarlyOnly,
                false => ReplacedPhase::Any,
            },
        })
    }

    /// As the header has it.
    pub(crate) fn value(&self) -> String {
        let phase = match self.phase {
            ReplacedPhase::Any => "",
            ReplacedPhase::EarlyOnly => ";early-only",
        };
        format!(
            "{};to-tag={};from-tag={}{phase}",
            self.call_id, self.to_tag, self.from_tag
        )
    }
}

/// The status in a NOTIFY's body, which is the start of a response (RFC 3515 §2.4.5).
pub(crate) fn status_of_fragment(body: &[u8]) -> Option<u16> {
    let line = body.split(|byte| *byte == b'\n').next()?;
    let mut words = line.split(u8::is_ascii_whitespace);
    (words.next()? == b"SIP/2.0").then_some(())?;
    let status = std::str::from_utf8(words.next()?).ok()?.parse().ok()?;
    (100..700).contains(&status).then_some(status)
}

/// One header of a URI's (RFC 3261 §19.1.1), escapes as written.
fn header<'a>(headers: &'a [u8], wanted: &[u8]) -> Option<&'a [u8]> {
    headers
        .strip_prefix(b"?")?
        .split(|byte| *byte == b'&')
        .filter_map(|header| {
            let equals = memchr::memchr(b'=', header)?;
            Some((&header[..equals], &header[equals + 1..]))
        })
        .find(|(name, _)| name.eq_ignore_ascii_case(wanted))
        .map(|(_, value)| value)
}

/// All but the unreserved characters by their number (RFC 3261 §25.1).
fn escaped(text: &str) -> String {
    let escape = |byte: u8| match byte {
        b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' | b'-' | b'_' | b'.' | b'~' => {
            char::from(byte).to_string()
        }
        other => format!("%{other:02X}"),
    };
    text.bytes().map(escape).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attended_transfer_names_the_call_to_replace() {
        let referral = referral(
            "Refer-To: \"Asha\" <sip:1002@example.com;user=phone?Replaces=a84%40h%3Bto-tag%3D12%3Bfrom-tag%3D7743&x=y>",
        )
        .expect("a referral");
        assert_eq!(referral.target, "sip:1002@example.com;user=phone");
        let replaces = referral.replaces.clone().expect("a dialog");
        assert_eq!(
            (
                &replaces.call_id[..],
                &replaces.to_tag[..],
                &replaces.from_tag[..]
            ),
            ("a84@h", "12", "7743")
        );
        let written = super::tests::referral(&format!("r: {}", referral.refer_to()));
        assert_eq!(written, Some(referral));
    }

    #[test]
    fn what_can_not_be_followed_is_no_referral() {
        for headers in [
            "X: 1",
            "Refer-To: <>",
            "Refer-To: <sip:a@h>\r\nRefer-To: <sip:b@h>",
            "Refer-To: <sip:a@h?Replaces=nothing>",
            "Refer-To: <sip:a@h?Replaces=c%3Bto-tag%3D1>",
        ] {
            assert_eq!(referral(headers), None, "{headers}");
        }
        let plain = referral("Refer-To: sip:1002@example.com\r\nReferred-By: <sip:a@h>");
        assert_eq!(
            plain,
            Some(Referral {
                target: "sip:1002@example.com".into(),
                replaces: None,
                referred_by: Some("<sip:a@h>".into())
            })
        );
    }

    #[test]
    fn a_fragment_begins_with_a_status() {
        for (body, expected) in [
            ("SIP/2.0 100 Trying\r\n", Some(100)),
            ("SIP/2.0 603 Declined", Some(603)),
            ("SIP/2.0 200", Some(200)),
            ("SIP/2.0 99 x", None),
            ("HTTP/1.1 200 OK", None),
            ("", None),
        ] {
            assert_eq!(status_of_fragment(body.as_bytes()), expected, "{body}");
        }
    }

    #[test]
    fn replaces_may_be_for_ringing_calls_alone() {
        let value = b"98732@sip.example.com ;from-tag=r33th4x0r ;to-tag=ff87ff;early-only";
        let replaces = Replaces::parse(value).expect("a dialog");
        assert_eq!(replaces.phase, ReplacedPhase::EarlyOnly);
        assert_eq!(Replaces::parse(replaces.value().as_bytes()), Some(replaces));
    }

    fn referral(headers: &str) -> Option<Referral> {
        let text = format!(
            "REFER sip:a@h SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nFrom: <sip:a@h>;tag=1\r\n\
             To: <sip:b@h>;tag=2\r\nCall-ID: c\r\nCSeq: 2 REFER\r\n{headers}\r\n\r\n"
        );
        Referral::of(&Message::parse(text.into(), 4096).expect("a message"))
    }
}
