//! What an INVITE's headers ask of a phone: to answer by itself.
//!
//! There is no one way to say it: Call-Info and Alert-Info carry what phones' makers agreed on, RFC 5373 came later.
//! Obeyed only where the operator says so, since it turns a phone into an ear.

use std::time::Duration;

/// After how long the caller wants the call answered by itself; `None`: it rings.
pub fn wanted<'h>(headers: impl Iterator<Item = (&'h str, &'h str)>) -> Option<Duration> {
    headers
        .filter_map(|(name, value)| match name.to_ascii_lowercase().as_str() {
            "call-info" | "alert-info" => by_info(value),
            "answer-mode" | "priv-answer-mode" => by_mode(value),
            _ => None,
        })
        .min()
}

/// `<…>;answer-after=2`, `<…>;info=alert-autoanswer;delay=2`, or the bare words of some makers.
fn by_info(value: &str) -> Option<Duration> {
    let value = value.to_ascii_lowercase();
    let parameter = |name: &str| {
        let mut parameters = value.split([';', ',']).skip(1).map(str::trim);
        parameters.find_map(|parameter| parameter.strip_prefix(name)?.strip_prefix('='))
    };
    if let Some(delay) = parameter("answer-after") {
        return seconds(delay);
    }
    let named = parameter("info").is_some_and(|info| info.trim_matches('"') == "alert-autoanswer");
    let words = value.split(';').next().unwrap_or_default().trim();
    match named || WORDS.contains(&words) {
        true => parameter("delay").map_or(Some(Duration::ZERO), seconds),
        false => None,
    }
}

/// RFC 5373 §4.1: `Auto`, with or without `;require`.
fn by_mode(value: &str) -> Option<Duration> {
    let mode = value.split(';').next().unwrap_or_default().trim();
    mode.eq_ignore_ascii_case("auto").then_some(Duration::ZERO)
}

fn seconds(text: &str) -> Option<Duration> {
    let seconds: u64 = text.trim_matches('"').parse().ok()?;
    Some(Duration::from_secs(seconds)).filter(|delay| *delay <= DELAY_AT_MOST)
}

const WORDS: &[&str] = &["auto answer", "ring answer", "intercom"];

/// Later than any ringing ends.
const DELAY_AT_MOST: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_of_asking_is_understood_and_nothing_else() {
        for (name, value, expected) in [
            ("Call-Info", "<sip:pbx.example.com>;answer-after=0", Some(0)),
            (
                "call-info",
                "<sip:pbx.example.com>; answer-after=3",
                Some(3),
            ),
            (
                "Alert-Info",
                "<http://pbx.example.com>;info=alert-autoanswer;delay=2",
                Some(2),
            ),
            (
                "Alert-Info",
                "<http://pbx.example.com>;info=\"alert-autoanswer\"",
                Some(0),
            ),
            ("Alert-Info", "Auto Answer", Some(0)),
            ("Alert-Info", "Ring Answer", Some(0)),
            ("Answer-Mode", "Auto;require", Some(0)),
            ("Priv-Answer-Mode", "auto", Some(0)),
            ("Answer-Mode", "Manual", None),
            (
                "Call-Info",
                "<http://pbx.example.com/photo.jpg>;purpose=icon",
                None,
            ),
            ("Call-Info", "<sip:pbx.example.com>;answer-after=soon", None),
            (
                "Call-Info",
                "<sip:pbx.example.com>;answer-after=9999999",
                None,
            ),
            ("Subject", "Auto Answer", None),
            (
                "Alert-Info",
                "<http://pbx.example.com/answer-after=0>",
                None,
            ),
        ] {
            let wanted = wanted([(name, value)].into_iter());
            assert_eq!(wanted, expected.map(Duration::from_secs), "{name}: {value}");
        }
    }

    #[test]
    fn of_several_the_soonest_counts() {
        let headers = [
            ("Call-Info", "<sip:a>;answer-after=5"),
            ("Answer-Mode", "Auto"),
        ];
        assert_eq!(wanted(headers.into_iter()), Some(Duration::ZERO));
    }
}
