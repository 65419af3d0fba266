//! The browser's answer, made fit for the browser.
//!
//! The ICE stack writes the answer to a browser's offer; this corrects what media that bypasses
//! the stack needs corrected. Pure text in, text out.

use std::fmt::Write;

/// Limits `answer` to what `offer` asked and to one audio m-line.
///
/// - Payload types that the offer lacks are dropped: the stack answers a re-offer with the types
///   of the first negotiation, which the browser then can't decode (RFC 3264 §6.1).
/// - Every m-line after the first audio one is refused: a second one would be bundled onto the
///   same payload type and ports, where only the SSRC tells them apart.
pub fn fit_answer(offer: &str, answer: &str) -> String {
    let offered: Vec<Vec<&str>> = offer
        .lines()
        .filter_map(|line| line.strip_prefix("m="))
        .map(|line| line.split_ascii_whitespace().skip(3).collect())
        .collect();
    let sections = sections(answer);
    let (session, media) = sections.split_first().expect("the session's part is there");
    let carried = media.iter().position(|section| {
        let mut words = section.first().unwrap_or(&"").split(' ');
        words.next() == Some("m=audio") && words.next() != Some("0")
    });
    let refused: Vec<&str> = media
        .iter()
        .enumerate()
        .filter(|(n, _)| Some(*n) != carried)
        .filter_map(|(_, section)| section.iter().find_map(|line| line.strip_prefix("a=mid:")))
        .collect();
    let mut out = String::with_capacity(answer.len());
    for line in session {
        match line.strip_prefix("a=group:BUNDLE") {
            Some(mids) => push_bundle(&mut out, mids, &refused),
            None => push(&mut out, line),
        }
    }
    for (n, section) in media.iter().enumerate() {
        let types = offered.get(n).map_or(&[][..], Vec::as_slice);
        if Some(n) == carried {
            push_carried(&mut out, section, types);
        } else {
            push_refused(&mut out, section);
        }
    }
    out
}

/// The session part, then one part for each m-line.
fn sections(text: &str) -> Vec<Vec<&str>> {
    let mut sections = vec![Vec::new()];
    for line in text.lines() {
        if line.starts_with("m=") {
            sections.push(Vec::new());
        }
        sections.last_mut().expect("never empty").push(line);
    }
    sections
}

fn push(out: &mut String, line: &str) {
    out.push_str(line);
    out.push_str("\r\n");
}

/// A refused m-line leaves its group (RFC 9143 §7.3.3).
fn push_bundle(out: &mut String, mids: &str, refused: &[&str]) {
    out.push_str("a=group:BUNDLE");
    for mid in mids.split_ascii_whitespace() {
        if !refused.contains(&mid) {
            let _ = write!(out, " {mid}");
        }
    }
    out.push_str("\r\n");
}

fn push_carried(out: &mut String, section: &[&str], types: &[&str]) {
    for line in section {
        if line.starts_with("m=") {
            let words = line.split(' ').enumerate();
            let kept = words.filter(|(n, word)| *n < 3 || types.contains(word));
            let kept: Vec<&str> = kept.map(|(_, word)| word).collect();
            push(out, &kept.join(" "));
            continue;
        }
        let about = ["a=rtpmap:", "a=fmtp:", "a=rtcp-fb:"]
            .iter()
            .find_map(|prefix| line.strip_prefix(prefix))
            .and_then(|rest| rest.split(' ').next());
        if about.is_none_or(|payload_type| types.contains(&payload_type)) {
            push(out, line);
        }
    }
}

fn push_refused(out: &mut String, section: &[&str]) {
    for line in section {
        if line.starts_with("m=") {
            let mut words: Vec<&str> = line.split(' ').collect();
            if let Some(port) = words.get_mut(1) {
                *port = "0";
            }
            push(out, &words.join(" "));
        } else if line.starts_with("c=") || line.starts_with("a=mid:") {
            push(out, line);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orphaned_payload_types_are_dropped_from_a_re_offers_answer() {
        let offer = "v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111 8 110\r\na=mid:0\r\n";
        let answer = "v=0\r\na=group:BUNDLE 0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 8 0 110 126\r\n\
                      a=mid:0\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\n\
                      a=rtpmap:126 telephone-event/8000\r\na=fmtp:126 0-16\r\na=sendrecv\r\n";
        assert_eq!(
            fit_answer(offer, answer),
            "v=0\r\na=group:BUNDLE 0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 8 110\r\na=mid:0\r\n\
             a=rtpmap:8 PCMA/8000\r\na=sendrecv\r\n"
        );
    }

    #[test]
    fn a_second_audio_line_is_refused_and_leaves_the_bundle() {
        let offer = "v=0\nm=audio 9 UDP/TLS/RTP/SAVPF 8\na=mid:0\n\
                     m=audio 9 UDP/TLS/RTP/SAVPF 8\na=mid:1\n";
        let answer = "v=0\r\na=group:BUNDLE 0 1\r\nm=audio 9 UDP/TLS/RTP/SAVPF 8\r\na=mid:0\r\n\
                      m=audio 9 UDP/TLS/RTP/SAVPF 8\r\na=mid:1\r\na=ssrc:5 cname:x\r\n";
        assert_eq!(
            fit_answer(offer, answer),
            "v=0\r\na=group:BUNDLE 0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 8\r\na=mid:0\r\n\
             m=audio 0 UDP/TLS/RTP/SAVPF 8\r\na=mid:1\r\n"
        );
    }
}
