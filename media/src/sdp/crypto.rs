//! `a=crypto` (RFC 4568): SRTP's master keys in the description itself.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::srtp::keys::Profile;

/// One `a=crypto` line: the suite, and the key that its writer sends with.
///
/// `Debug` doesn't show the key.
#[derive(Clone, PartialEq, Eq)]
pub struct Crypto {
    /// Names the line: an answer repeats it (RFC 4568 §5.1.2).
    pub tag: u32,
    /// What the key is for.
    pub suite: Suite,
    /// The master.
    pub master: MasterKey,
}

/// A crypto suite (RFC 4568 §6.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Suite {
    AesCm128HmacSha1_80,
    AesCm128HmacSha1_32,
}

/// A master key of 128 bits and its salt of 112.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct MasterKey(pub [u8; 30]);

impl Suite {
    /// Those that are offered, the preferred one first.
    pub const ALL: [Self; 2] = [Self::AesCm128HmacSha1_80, Self::AesCm128HmacSha1_32];

    /// The line's word.
    pub fn name(self) -> &'static str {
        match self {
            Self::AesCm128HmacSha1_80 => "AES_CM_128_HMAC_SHA1_80",
            Self::AesCm128HmacSha1_32 => "AES_CM_128_HMAC_SHA1_32",
        }
    }

    /// The transforms behind the word.
    pub fn profile(self) -> Profile {
        match self {
            Self::AesCm128HmacSha1_80 => Profile::AesCm128HmacSha1_80,
            Self::AesCm128HmacSha1_32 => Profile::AesCm128HmacSha1_32,
        }
    }

    fn from_name(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|suite| suite.name().eq_ignore_ascii_case(name))
    }
}

impl Crypto {
    /// Reads the attribute's value. `None` for what isn't understood, which an answerer passes
    /// over (RFC 4568 §5.1.2): other suites, several keys, master key identifiers, session
    /// parameters that weaken the protection or change the packet.
    pub fn parse(value: &str) -> Option<Self> {
        let mut words = value.split_ascii_whitespace();
        let tag = words.next()?.parse().ok()?;
        let suite = Suite::from_name(words.next()?)?;
        let mut parts = words.next()?.strip_prefix("inline:")?.split('|');
        let key = STANDARD.decode(parts.next()?).ok()?;
        // A lifetime has no colon: 2^48 packets or less is more than any call has.
        let identified = parts.any(|part| part.contains(':'));
        // A hint about the peer's window, and the rate that is the default.
        let harmless = |word: &str| word.starts_with("WSH=") || word == "KDR=0";
        (!identified && words.all(harmless)).then_some(Self {
            tag,
            suite,
            master: MasterKey(key.try_into().ok()?),
        })
    }
}

impl fmt::Display for Crypto {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = STANDARD.encode(self.master.0);
        write!(f, "{} {} inline:{key}", self.tag, self.suite.name())
    }
}

impl fmt::Debug for Crypto {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Crypto({} {})", self.tag, self.suite.name())
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MasterKey")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwd";

    #[test]
    fn a_line_is_understood_with_its_lifetime_and_harmless_parameters() {
        for rest in ["", "|2^31", " WSH=64", "|2^20 KDR=0 WSH=128"] {
            let line = format!("7 AES_CM_128_HMAC_SHA1_32 inline:{KEY}{rest}");
            let crypto = Crypto::parse(&line).expect("understood");
            assert_eq!((crypto.tag, crypto.suite), (7, Suite::AesCm128HmacSha1_32));
            assert!(crypto.master.0.iter().copied().eq(0..30));
        }
    }

    #[test]
    fn what_would_change_or_weaken_the_packets_is_passed_over() {
        for line in [
            "",
            "1",
            "x AES_CM_128_HMAC_SHA1_80 inline:KEY",
            "1 F8_128_HMAC_SHA1_80 inline:KEY",
            "1 AES_CM_128_HMAC_SHA1_80 KEY",
            "1 AES_CM_128_HMAC_SHA1_80 inline:AAEC",
            "1 AES_CM_128_HMAC_SHA1_80 inline:KEY|2^20|1:4",
            "1 AES_CM_128_HMAC_SHA1_80 inline:KEY|1:4",
            "1 AES_CM_128_HMAC_SHA1_80 inline:KEY;inline:KEY",
            "1 AES_CM_128_HMAC_SHA1_80 inline:KEY UNENCRYPTED_SRTP",
            "1 AES_CM_128_HMAC_SHA1_80 inline:KEY UNAUTHENTICATED_SRTP",
            "1 AES_CM_128_HMAC_SHA1_80 inline:KEY KDR=3",
        ] {
            assert_eq!(Crypto::parse(&line.replace("KEY", KEY)), None, "{line}");
        }
    }

    #[test]
    fn keys_are_not_shown_in_logs() {
        let line = format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}");
        let crypto = Crypto::parse(&line).expect("understood");
        assert_eq!(crypto.to_string(), line);
        assert_eq!(format!("{crypto:?}"), "Crypto(1 AES_CM_128_HMAC_SHA1_80)");
        assert_eq!(format!("{:?}", crypto.master), "MasterKey");
    }
}
