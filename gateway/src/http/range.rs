//! `Range` of RFC 9110 §14: one range of bytes; anything else is answered whole.

use std::ops::Range;

/// What of a representation was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Ranged {
    Whole,
    Part(Range<u64>),
    /// It begins behind the end.
    Unsatisfiable,
}

/// What a `Range` means of `length` bytes. A header that can't be read is ignored, as the RFC says (§14.2); so are
/// several ranges at once, which nobody needs of audio.
pub(super) fn parse(header: Option<&str>, length: u64) -> Ranged {
    let Some((first, last)) = header.and_then(bounds) else {
        return Ranged::Whole;
    };
    let range = match (first, last) {
        (None, None) => return Ranged::Whole,
        (None, Some(suffix)) => length.saturating_sub(suffix)..length,
        (Some(first), None) => first..length,
        (Some(first), Some(last)) if last < first => return Ranged::Whole,
        (Some(first), Some(last)) => first..last.saturating_add(1).min(length),
    };
    match range.start < range.end {
        true => Ranged::Part(range),
        false => Ranged::Unsatisfiable,
    }
}

fn bounds(header: &str) -> Option<(Option<u64>, Option<u64>)> {
    let (unit, set) = header.split_once('=')?;
    if !unit.trim().eq_ignore_ascii_case("bytes") {
        return None;
    }
    let (first, last) = set.trim().split_once('-')?;
    Some((bound(first)?, bound(last)?))
}

/// The outer `None`: not a number.
fn bound(text: &str) -> Option<Option<u64>> {
    match text {
        "" => Some(None),
        text if text.bytes().all(|byte| byte.is_ascii_digit()) => Some(Some(text.parse().ok()?)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_what_the_rfc_says() {
        let cases = [
            (None, Ranged::Whole),
            (Some("bytes=0-"), Ranged::Part(0..100)),
            (Some("bytes=0-0"), Ranged::Part(0..1)),
            (Some("bytes=10-19"), Ranged::Part(10..20)),
            (Some("Bytes=90-1000"), Ranged::Part(90..100)),
            (Some("bytes=99-"), Ranged::Part(99..100)),
            (Some("bytes=-10"), Ranged::Part(90..100)),
            (Some("bytes=-1000"), Ranged::Part(0..100)),
            (Some("bytes=-0"), Ranged::Unsatisfiable),
            (Some("bytes=100-"), Ranged::Unsatisfiable),
            (Some("bytes=100-200"), Ranged::Unsatisfiable),
            (Some("bytes=0-18446744073709551615"), Ranged::Part(0..100)),
            (Some("bytes=18446744073709551616-"), Ranged::Whole),
            (Some("bytes=20-10"), Ranged::Whole),
            (Some("bytes=-"), Ranged::Whole),
            (Some("bytes=1-2,5-6"), Ranged::Whole),
            (Some("bytes=+1-2"), Ranged::Whole),
            (Some("items=1-2"), Ranged::Whole),
            (Some("1-2"), Ranged::Whole),
        ];
        for (header, meant) in cases {
            assert_eq!(parse(header, 100), meant, "{header:?}");
        }
        assert_eq!(parse(Some("bytes=0-"), 0), Ranged::Unsatisfiable);
    }
}
