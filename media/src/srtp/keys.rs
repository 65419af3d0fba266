//! Master keys from DTLS (RFC 5764 §4.2) and the session keys made of them (RFC 3711 §4.3).

use aes::{Aes128Enc, Aes256Enc};
use ctr::Ctr128BE;
use ctr::cipher::{KeyIvInit, StreamCipher};

/// An SRTP protection profile (RFC 5764 §4.1.2, RFC 7714 §14.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    /// SRTP_AEAD_AES_256_GCM
    AeadAes256Gcm,
    /// SRTP_AEAD_AES_128_GCM
    AeadAes128Gcm,
    /// SRTP_AES128_CM_HMAC_SHA1_80
    AesCm128HmacSha1_80,
    /// AES_CM_128_HMAC_SHA1_32, by SDES only (RFC 4568 §6.2.2): the tag of RTP is shorter, that of
    /// RTCP isn't.
    AesCm128HmacSha1_32,
}

impl Profile {
    /// Octets of a master key, which is also the session key's size.
    pub const fn key_length(self) -> usize {
        match self {
            Self::AeadAes256Gcm => 32,
            Self::AeadAes128Gcm | Self::AesCm128HmacSha1_80 | Self::AesCm128HmacSha1_32 => 16,
        }
    }

    /// Octets of a salt.
    pub const fn salt_length(self) -> usize {
        match self {
            Self::AeadAes256Gcm | Self::AeadAes128Gcm => 12,
            Self::AesCm128HmacSha1_80 | Self::AesCm128HmacSha1_32 => 14,
        }
    }
}

/// Which half of the exported keys is ours to send with: the DTLS client's or the server's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum DtlsRole {
    Client,
    Server,
}

impl DtlsRole {
    /// The other end's role.
    pub const fn peer(self) -> Self {
        match self {
            Self::Client => Self::Server,
            Self::Server => Self::Client,
        }
    }
}

/// What a DTLS handshake exported: both sides' master keys and salts (RFC 5764 §4.2).
///
/// `Debug` doesn't show the key.
pub struct KeyingMaterial {
    exported: Vec<u8>,
    profile: Profile,
    /// Our own role in the handshake.
    role: DtlsRole,
}

impl KeyingMaterial {
    /// `None` when `exported` hasn't the profile's length.
    pub fn new(exported: Vec<u8>, profile: Profile, role: DtlsRole) -> Option<Self> {
        let expected = 2 * (profile.key_length() + profile.salt_length());
        (exported.len() == expected).then_some(Self {
            exported,
            profile,
            role,
        })
    }

    /// The agreed profile.
    pub fn profile(&self) -> Profile {
        self.profile
    }

    /// The master key that we send with.
    pub fn ours(&self) -> Master<'_> {
        self.master(self.role)
    }

    /// The master key that the peer sends with.
    pub fn theirs(&self) -> Master<'_> {
        self.master(self.role.peer())
    }

    /// Layout: client key, server key, client salt, server salt.
    fn master(&self, sender: DtlsRole) -> Master<'_> {
        let (keys, salts) = self.exported.split_at(2 * self.profile.key_length());
        let (client_key, server_key) = keys.split_at(self.profile.key_length());
        let (client_salt, server_salt) = salts.split_at(self.profile.salt_length());
        match sender {
            DtlsRole::Client => Master {
                key: client_key,
                salt: client_salt,
            },
            DtlsRole::Server => Master {
                key: server_key,
                salt: server_salt,
            },
        }
    }
}

impl std::fmt::Debug for KeyingMaterial {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeyingMaterial")
            .field("profile", &self.profile)
            .field("role", &self.role)
            .finish_non_exhaustive()
    }
}

/// One direction's master key and salt.
#[derive(Clone, Copy)]
pub struct Master<'a> {
    key: &'a [u8],
    salt: &'a [u8],
}

impl<'a> Master<'a> {
    /// `key` has 16 or 32 octets, `salt` at most 14.
    #[cfg(test)]
    pub fn new(key: &'a [u8], salt: &'a [u8]) -> Self {
        Self { key, salt }
    }

    /// Fills `out` with the session key named by `label`; the key derivation rate is 0.
    pub fn derive(self, label: Label, out: &mut [u8]) {
        // x = label || index, aligned to the right of the 112-bit salt; GCM's 96-bit salt is
        // padded on its right first (RFC 7714 §11), which zero-filling does.
        let mut iv = [0; 16];
        iv[..self.salt.len()].copy_from_slice(self.salt);
        iv[7] ^= label as u8;
        out.fill(0);
        match self.key.len() {
            16 => {
                Ctr128BE::<Aes128Enc>::new(self.key.into(), &iv.into()).apply_keystream(out);
            }
            32 => {
                Ctr128BE::<Aes256Enc>::new(self.key.into(), &iv.into()).apply_keystream(out);
            }
            other => unreachable!("no profile has master keys of {other} octets"),
        }
    }
}

impl std::fmt::Debug for Master<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Master").finish_non_exhaustive()
    }
}

/// What a session key is for (RFC 3711 §4.3.1, §4.3.2).
#[derive(Debug, Clone, Copy)]
#[allow(missing_docs)]
pub enum Label {
    RtpEncryption = 0,
    RtpAuthentication = 1,
    RtpSalt = 2,
    RtcpEncryption = 3,
    RtcpAuthentication = 4,
    RtcpSalt = 5,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc_3711_b3_session_keys() {
        let master = Master::new(
            &[
                0xe1, 0xf9, 0x7a, 0x0d, 0x3e, 0x01, 0x8b, 0xe0, 0xd6, 0x4f, 0xa3, 0x2c, 0x06, 0xde,
                0x41, 0x39,
            ],
            &[
                0x0e, 0xc6, 0x75, 0xad, 0x49, 0x8a, 0xfe, 0xeb, 0xb6, 0x96, 0x0b, 0x3a, 0xab, 0xe6,
            ],
        );
        let mut key = [0; 16];
        master.derive(Label::RtpEncryption, &mut key);
        assert_eq!(
            key,
            [
                0xc6, 0x1e, 0x7a, 0x93, 0x74, 0x4f, 0x39, 0xee, 0x10, 0x73, 0x4a, 0xfe, 0x3f, 0xf7,
                0xa0, 0x87
            ]
        );
        let mut salt = [0; 14];
        master.derive(Label::RtpSalt, &mut salt);
        assert_eq!(
            salt,
            [
                0x30, 0xcb, 0xbc, 0x08, 0x86, 0x3d, 0x8c, 0x85, 0xd4, 0x9d, 0xb3, 0x4a, 0x9a, 0xe1
            ]
        );
        let mut authentication = [0; 20];
        master.derive(Label::RtpAuthentication, &mut authentication);
        assert_eq!(
            authentication,
            [
                0xce, 0xbe, 0x32, 0x1f, 0x6f, 0xf7, 0x71, 0x6b, 0x6f, 0xd4, 0xab, 0x49, 0xaf, 0x25,
                0x6a, 0x15, 0x6d, 0x38, 0xba, 0xa4
            ]
        );
    }

    #[test]
    fn the_client_sends_with_what_the_server_receives_with() {
        let exported: Vec<u8> = (0..56).collect();
        let profile = Profile::AeadAes128Gcm;
        let client =
            KeyingMaterial::new(exported.clone(), profile, DtlsRole::Client).expect("56 octets");
        let server = KeyingMaterial::new(exported, profile, DtlsRole::Server).expect("56 octets");
        assert_eq!(client.ours().key, server.theirs().key);
        assert_eq!(client.theirs().salt, server.ours().salt);
        assert_eq!(client.ours().key[0], 0);
        assert_eq!(server.ours().key[0], 16);
        assert!(KeyingMaterial::new(vec![0; 55], profile, DtlsRole::Client).is_none());
    }
}
