//! What has to be set right in the descriptions that the WebRTC stack writes.

/// Our side of the DTLS handshake, as `a=setup` words it in an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DtlsRole {
    Active,
    Passive,
}

impl DtlsRole {
    /// The role that a peer's answer leaves to its offerer.
    pub fn left_by(answer: &str) -> Self {
        match answer.contains(Self::Active.attribute()) {
            true => Self::Passive,
            false => Self::Active,
        }
    }

    /// The stack's answer with this role in it: it says `active` to every offer, even where it has been the server
    /// from the start.
    pub fn in_answer(self, answer: &str) -> String {
        answer.replace(Self::Active.attribute(), self.attribute())
    }

    fn attribute(self) -> &'static str {
        match self {
            Self::Active => "a=setup:active\r\n",
            Self::Passive => "a=setup:passive\r\n",
        }
    }
}

/// Names the first candidate in the c= and m= lines.
///
/// The stack leaves `0.0.0.0` and port 9 there, as trickle ICE does; a platform's media relay sends a real
/// address, and on a SIP line `c=0.0.0.0` used to mean hold (RFC 3264 §8.4).
pub fn with_default_candidate(sdp: &str) -> String {
    let Some((address, port)) = sdp.lines().find_map(|line| {
        let mut words = line.strip_prefix("a=candidate:")?.split(' ').skip(4);
        Some((words.next()?, words.next()?))
    }) else {
        return sdp.to_owned();
    };
    let family = if address.contains(':') { "IP6" } else { "IP4" };
    sdp.split_inclusive("\r\n")
        .map(|line| match line.strip_prefix("m=audio 9 ") {
            Some(rest) => format!("m=audio {port} {rest}"),
            None if line == "c=IN IP4 0.0.0.0\r\n" => format!("c=IN {family} {address}\r\n"),
            None => line.to_owned(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_candidate_becomes_the_default_one() {
        let sdp = "v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 8\r\nc=IN IP4 0.0.0.0\r\n\
            a=candidate:1 1 udp 2130706431 127.0.0.1 40000 typ host\r\n";
        let filled = with_default_candidate(sdp);
        assert!(
            filled.contains("m=audio 40000 UDP/TLS/RTP/SAVPF 8\r\nc=IN IP4 127.0.0.1\r\n"),
            "{filled}"
        );
    }

    #[test]
    fn a_server_stays_the_server_in_its_own_answers() {
        let role = DtlsRole::left_by("v=0\r\na=setup:active\r\n");
        assert_eq!(
            role.in_answer("v=0\r\na=setup:active\r\n"),
            "v=0\r\na=setup:passive\r\n"
        );
        assert_eq!(
            DtlsRole::left_by("v=0\r\na=setup:passive\r\n"),
            DtlsRole::Active
        );
    }
}
