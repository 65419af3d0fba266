//! Encryption of what is written, to age recipients.
//!
//! Each piece is an age file of its own, so that what was written before a crash can be kept and decrypted by whoever
//! has the identity, which the gateway never sees.

use std::io::{self, Read as _, Write as _};
use std::str::FromStr as _;

use age::x25519;

use super::manifest::Encryption;
use crate::config::Recipient;

/// The recipients of all recordings.
#[derive(Clone)]
pub struct Sealer(Vec<x25519::Recipient>);

impl Sealer {
    /// `None` when nobody is named: nothing is encrypted then.
    pub fn new(recipients: &[Recipient]) -> Option<Self> {
        let recipients: Vec<_> = recipients
            .iter()
            .map(|recipient| {
                x25519::Recipient::from_str(recipient.as_str())
                    .expect("the configuration has parsed it")
            })
            .collect();
        (!recipients.is_empty()).then_some(Self(recipients))
    }

    /// A piece as it is written: its length, and an age file.
    ///
    /// # Errors
    ///
    /// The crate's, which has no reason for any.
    pub fn seal(&self, piece: &[u8]) -> io::Result<Vec<u8>> {
        let recipients = self
            .0
            .iter()
            .map(|recipient| recipient as &dyn age::Recipient);
        let encryptor = age::Encryptor::with_recipients(recipients).map_err(io::Error::other)?;
        let mut sealed = Vec::with_capacity(piece.len() + OVERHEAD);
        sealed.extend([0; LENGTH]);
        let mut writer = encryptor.wrap_output(&mut sealed)?;
        writer.write_all(piece)?;
        writer.finish()?;
        let length = u32::try_from(sealed.len() - LENGTH).map_err(io::Error::other)?;
        sealed[..LENGTH].copy_from_slice(&length.to_be_bytes());
        Ok(sealed)
    }

    /// As the manifest tells it.
    pub fn told(&self) -> Encryption {
        Encryption {
            scheme: SCHEME.to_owned(),
            recipients: self.0.iter().map(ToString::to_string).collect(),
        }
    }
}

impl std::fmt::Debug for Sealer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Sealer").field(&self.0.len()).finish()
    }
}

/// Decrypts the next piece of `input`; `None` at its end.
///
/// # Errors
///
/// It isn't a piece, it was cut or changed, or none of the identities is a recipient's.
pub fn unseal(
    input: &mut impl io::Read,
    identities: &[Box<dyn age::Identity + Send + Sync>],
) -> io::Result<Option<Vec<u8>>> {
    let mut length = [0; LENGTH];
    match input.read(&mut length[..1])? {
        0 => return Ok(None),
        _ => input.read_exact(&mut length[1..])?,
    }
    let length = u32::from_be_bytes(length);
    if length > LONGEST {
        return Err(io::Error::other("it isn't a sealed recording"));
    }
    let mut sealed = vec![0; length as usize];
    input.read_exact(&mut sealed)?;
    let decryptor = age::Decryptor::new_buffered(sealed.as_slice()).map_err(io::Error::other)?;
    let known = identities
        .iter()
        .map(|identity| identity.as_ref() as &dyn age::Identity);
    let mut reader = decryptor.decrypt(known).map_err(io::Error::other)?;
    let mut piece = Vec::new();
    reader.read_to_end(&mut piece)?;
    Ok(Some(piece))
}

/// The manifest's word for pieces that are age files behind their lengths.
pub const SCHEME: &str = "age-blocks";

/// Octets of a piece's length.
const LENGTH: usize = 4;

/// Two recipients' headers and the stream's tags; more makes the buffer grow.
const OVERHEAD: usize = 512;

/// Far above any piece, and no memory to speak of.
const LONGEST: u32 = 16 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_who_is_named_can_open_a_piece() {
        let [mine, other] = [(), ()].map(|()| x25519::Identity::generate());
        let sealer = Sealer(vec![mine.to_public()]);
        let mut sealed = sealer.seal(b"first").expect("sealed");
        sealed.extend(sealer.seal(b"second").expect("sealed"));
        let identities: Vec<Box<dyn age::Identity + Send + Sync>> = vec![Box::new(mine)];
        let mut input = sealed.as_slice();
        let mut opened = || unseal(&mut input, &identities).expect("whole");
        assert_eq!(opened().as_deref(), Some(b"first".as_slice()));
        assert_eq!(opened().as_deref(), Some(b"second".as_slice()));
        assert_eq!(opened(), None);
        let others: Vec<Box<dyn age::Identity + Send + Sync>> = vec![Box::new(other)];
        assert!(unseal(&mut sealed.as_slice(), &others).is_err());
    }

    #[test]
    fn a_cut_or_changed_piece_is_an_error() {
        let identity = x25519::Identity::generate();
        let sealed = Sealer(vec![identity.to_public()])
            .seal(&[7; 1_000])
            .expect("sealed");
        let identities: Vec<Box<dyn age::Identity + Send + Sync>> = vec![Box::new(identity)];
        for cut in [1, 3, 4, 100, sealed.len() - 1] {
            assert!(unseal(&mut &sealed[..cut], &identities).is_err(), "{cut}");
        }
        let mut changed = sealed;
        *changed.last_mut().expect("it has octets") ^= 1;
        assert!(unseal(&mut changed.as_slice(), &identities).is_err());
    }
}
