//! Offers that can't come to audio: what a platform's media relay gets wrong.

use super::fault::Fault;

impl Fault {
    /// The offer as this fault leaves it.
    pub fn in_offer(self, offer: String) -> String {
        match self {
            Self::WrongFingerprint => rewrite(&offer, |line| {
                line.starts_with("a=fingerprint:")
                    .then(|| format!("a=fingerprint:sha-256 {}", ["00"; 32].join(":")))
            }),
            Self::NoFingerprint => without(&offer, "a=fingerprint:"),
            Self::WrongIcePassword => rewrite(&offer, |line| {
                line.starts_with("a=ice-pwd:")
                    .then(|| "a=ice-pwd:nobodynobodynobodynobody".to_owned())
            }),
            Self::NoCodec => rewrite(&offer, |line| {
                let rest = line.strip_prefix("m=audio ")?;
                let (port, rest) = rest.split_once(' ')?;
                let (profile, _) = rest.split_once(' ')?;
                // G.729 (RFC 3551): known to everybody, spoken by few.
                Some(format!("m=audio {port} {profile} 18"))
            }),
            Self::NoInvite
            | Self::RefusedEverywhere
            | Self::ReplyNever
            | Self::NoDropCall
            | Self::DialRefused
            | Self::Blacklisted
            | Self::LateReply
            | Self::LateInvite => offer,
        }
    }
}

fn rewrite(offer: &str, rewritten: impl Fn(&str) -> Option<String>) -> String {
    offer
        .lines()
        .map(|line| rewritten(line).unwrap_or_else(|| line.to_owned()) + "\r\n")
        .collect()
}

fn without(offer: &str, start: &str) -> String {
    offer
        .lines()
        .filter(|line| !line.starts_with(start))
        .map(|line| format!("{line}\r\n"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const OFFER: &str = "v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 8 0\r\na=fingerprint:sha-256 AB:CD\r\na=ice-pwd:secret\r\n";

    #[test]
    fn each_fault_changes_its_own_line() {
        for (fault, gone, there) in [
            (Fault::WrongFingerprint, "AB:CD", "sha-256 00:00"),
            (Fault::NoFingerprint, "a=fingerprint", "a=ice-pwd:secret"),
            (Fault::WrongIcePassword, "secret", "a=ice-pwd:nobody"),
            (Fault::NoCodec, " 8 0", "UDP/TLS/RTP/SAVPF 18\r\n"),
        ] {
            let offer = fault.in_offer(OFFER.to_owned());
            assert!(!offer.contains(gone), "{offer}");
            assert!(offer.contains(there), "{offer}");
        }
        assert_eq!(Fault::LateReply.in_offer(OFFER.to_owned()), OFFER);
    }
}
