//! Encryption of what is written, to age recipients.
//!
//! A recording has a key of its own, which stands before its first piece as an age file; each piece is sealed with it,
//! so that what was written before a crash can be kept and decrypted by whoever has the identity. The gateway has
//! recipients only, and a recording's key for as long as it records.
//!
//! ```text
//! length age(key) | length AES-256-GCM(key, 0, piece) | length AES-256-GCM(key, 1, piece) | …
//! ```
//!
//! Why not an age file a piece, as recordings before had it (they still open)? Wrapping a key for an X25519 recipient
//! costs more than everything else that is done to half a second of audio.

use std::io::{self, Read as _, Write as _};
use std::str::FromStr as _;

use age::x25519;
use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};

use super::manifest::Encryption;
use crate::config::Recipient;

/// The recipients of all recordings.
#[derive(Clone)]
pub struct Sealer(Vec<x25519::Recipient>);

/// A recording's key, and how many pieces it has sealed.
pub struct Seal {
    key: LessSafeKey,
    next: u64,
    /// The key for its recipients; `None` once it is written.
    wrapped: Option<Vec<u8>>,
}

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

    /// A fresh key for a recording.
    ///
    /// # Errors
    ///
    /// The crates', which have no reason for any.
    pub fn begin(&self) -> io::Result<Seal> {
        let mut octets = [0; KEY];
        aws_lc_rs::rand::fill(&mut octets).map_err(io::Error::other)?;
        let mut wrapped = Vec::new();
        frame(&self.age_file(&octets)?, &mut wrapped)?;
        Ok(Seal {
            key: key(&octets)?,
            next: 0,
            wrapped: Some(wrapped),
        })
    }

    /// As the manifest tells it.
    pub fn told(&self) -> Encryption {
        Encryption {
            scheme: Scheme::Keyed.word().to_owned(),
            recipients: self.0.iter().map(ToString::to_string).collect(),
        }
    }

    fn age_file(&self, octets: &[u8]) -> io::Result<Vec<u8>> {
        let recipients = self
            .0
            .iter()
            .map(|recipient| recipient as &dyn age::Recipient);
        let encryptor = age::Encryptor::with_recipients(recipients).map_err(io::Error::other)?;
        let mut file = Vec::new();
        let mut writer = encryptor.wrap_output(&mut file)?;
        writer.write_all(octets)?;
        writer.finish()?;
        Ok(file)
    }
}

impl std::fmt::Debug for Sealer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Sealer").field(&self.0.len()).finish()
    }
}

impl Seal {
    /// A piece as it is written, in the order of the pieces.
    ///
    /// # Errors
    ///
    /// The crate's, which has no reason for any.
    pub fn seal(&mut self, piece: &[u8]) -> io::Result<Vec<u8>> {
        let mut sealed = piece.to_vec();
        self.key
            .seal_in_place_append_tag(nonce(self.next), Aad::empty(), &mut sealed)
            .map_err(io::Error::other)?;
        // A number seals one piece and no other.
        self.next += 1;
        let mut written = self.wrapped.take().unwrap_or_default();
        frame(&sealed, &mut written)?;
        Ok(written)
    }
}

impl std::fmt::Debug for Seal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Seal").field(&self.next).finish()
    }
}

/// How a sealed recording is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// A key for the recipients, and pieces sealed with it.
    Keyed,
    /// Each piece an age file. Recordings are read so, and none is written so any more.
    Blocks,
}

impl Scheme {
    /// The manifest's word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Keyed => "age-key-aes256gcm",
            Self::Blocks => "age-blocks",
        }
    }

    /// `None`: a later version's.
    pub fn of(word: &str) -> Option<Self> {
        [Self::Keyed, Self::Blocks]
            .into_iter()
            .find(|scheme| scheme.word() == word)
    }
}

/// The pieces of a sealed recording, opened one after the other.
pub struct Unseal<'a, R> {
    input: R,
    scheme: Scheme,
    identities: &'a [Box<dyn age::Identity + Send + Sync>],
    key: Option<LessSafeKey>,
    next: u64,
}

impl<'a, R: io::Read> Unseal<'a, R> {
    pub fn new(
        input: R,
        scheme: Scheme,
        identities: &'a [Box<dyn age::Identity + Send + Sync>],
    ) -> Self {
        Self {
            input,
            scheme,
            identities,
            key: None,
            next: 0,
        }
    }

    /// The next piece; `None` at the end.
    ///
    /// # Errors
    ///
    /// It isn't a piece, it was cut, changed or moved, or none of the identities is a recipient's.
    pub fn piece(&mut self) -> io::Result<Option<Vec<u8>>> {
        match self.scheme {
            Scheme::Blocks => match self.framed()? {
                Some(file) => self.age_file(&file).map(Some),
                None => Ok(None),
            },
            Scheme::Keyed => {
                if self.key.is_none() {
                    let Some(wrapped) = self.framed()? else {
                        return Ok(None);
                    };
                    self.key = Some(key(&self.age_file(&wrapped)?)?);
                }
                let Some(mut sealed) = self.framed()? else {
                    return Ok(None);
                };
                self.open(&mut sealed)?;
                Ok(Some(sealed))
            }
        }
    }

    fn open(&mut self, sealed: &mut Vec<u8>) -> io::Result<()> {
        let key = self.key.as_ref().ok_or_else(not_sealed)?;
        let opened = key.open_in_place(nonce(self.next), Aad::empty(), sealed);
        let length = opened
            .map_err(|_| io::Error::other("a piece was changed"))?
            .len();
        sealed.truncate(length);
        self.next += 1;
        Ok(())
    }

    fn age_file(&self, file: &[u8]) -> io::Result<Vec<u8>> {
        let decryptor = age::Decryptor::new_buffered(file).map_err(io::Error::other)?;
        let known = self
            .identities
            .iter()
            .map(|identity| identity.as_ref() as &dyn age::Identity);
        let mut reader = decryptor.decrypt(known).map_err(io::Error::other)?;
        let mut opened = Vec::new();
        reader.read_to_end(&mut opened)?;
        Ok(opened)
    }

    /// What stands behind the next length.
    fn framed(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut length = [0; LENGTH];
        match self.input.read(&mut length[..1])? {
            0 => return Ok(None),
            _ => self.input.read_exact(&mut length[1..])?,
        }
        let length = u32::from_be_bytes(length);
        if length > LONGEST {
            return Err(not_sealed());
        }
        let mut framed = vec![0; length as usize];
        self.input.read_exact(&mut framed)?;
        Ok(Some(framed))
    }
}

fn frame(octets: &[u8], to: &mut Vec<u8>) -> io::Result<()> {
    let length = u32::try_from(octets.len()).map_err(io::Error::other)?;
    to.reserve(LENGTH + octets.len());
    to.extend(length.to_be_bytes());
    to.extend(octets);
    Ok(())
}

fn key(octets: &[u8]) -> io::Result<LessSafeKey> {
    let key = UnboundKey::new(&AES_256_GCM, octets).map_err(|_| not_sealed())?;
    Ok(LessSafeKey::new(key))
}

/// A piece's number, which no other piece under its key has.
fn nonce(number: u64) -> Nonce {
    let mut octets = [0; NONCE_LEN];
    octets[NONCE_LEN - 8..].copy_from_slice(&number.to_be_bytes());
    Nonce::assume_unique_for_key(octets)
}

fn not_sealed() -> io::Error {
    io::Error::other("it isn't a sealed recording")
}

/// Octets of a piece's length.
const LENGTH: usize = 4;

/// Octets of a recording's key.
const KEY: usize = 32;

/// Far above any piece, and no memory to speak of.
const LONGEST: u32 = 16 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    const PIECES: [&[u8]; 3] = [b"first", b"second", &[7; 1_000]];

    fn sealed(recipient: &x25519::Identity) -> Vec<Vec<u8>> {
        let mut seal = Sealer(vec![recipient.to_public()]).begin().expect("begun");
        let seal = |piece: &&[u8]| seal.seal(piece).expect("sealed");
        PIECES.iter().map(seal).collect()
    }

    fn opened(
        file: &[u8],
        scheme: Scheme,
        identity: &x25519::Identity,
    ) -> Result<Vec<Vec<u8>>, io::Error> {
        let identities: Vec<Box<dyn age::Identity + Send + Sync>> =
            vec![Box::new(identity.clone())];
        let mut unseal = Unseal::new(file, scheme, &identities);
        let mut pieces = Vec::new();
        while let Some(piece) = unseal.piece()? {
            pieces.push(piece);
        }
        Ok(pieces)
    }

    #[test]
    fn only_who_is_named_can_open_a_recording() {
        let [mine, other] = [(), ()].map(|()| x25519::Identity::generate());
        let file = sealed(&mine).concat();
        let pieces = opened(&file, Scheme::Keyed, &mine).expect("whole");
        assert_eq!(pieces, PIECES);
        assert!(opened(&file, Scheme::Keyed, &other).is_err());
        assert!(opened(b"", Scheme::Keyed, &mine).expect("empty").is_empty());
        for piece in PIECES {
            assert!(!file.windows(piece.len()).any(|window| window == piece));
        }
    }

    #[test]
    fn no_two_recordings_have_a_key_in_common() {
        let mine = x25519::Identity::generate();
        let [one, other] = [(), ()].map(|()| sealed(&mine));
        assert_ne!(one[1], other[1]);
        let mixed = [one[0].clone(), other[1].clone()].concat();
        assert!(opened(&mixed, Scheme::Keyed, &mine).is_err());
    }

    #[test]
    fn a_cut_changed_or_moved_piece_is_an_error() {
        let mine = x25519::Identity::generate();
        let pieces = sealed(&mine);
        let file = pieces.concat();
        let begins = [0, pieces[0].len(), pieces[0].len() + pieces[1].len()];
        for cut in 0..file.len() {
            // Between two pieces the recording ends earlier, which its manifest denies.
            let whole = begins.contains(&cut);
            let key = 4 + u32::from_be_bytes([file[0], file[1], file[2], file[3]]) as usize;
            let cut_file = opened(&file[..cut], Scheme::Keyed, &mine);
            assert_eq!(cut_file.is_ok(), whole || cut == key, "{cut}");
        }
        for at in (0..file.len()).step_by(7) {
            let mut changed = file.clone();
            changed[at] ^= 1;
            assert!(opened(&changed, Scheme::Keyed, &mine).is_err(), "{at}");
        }
        let moved = [pieces[0].clone(), pieces[2].clone(), pieces[1].clone()];
        assert!(opened(&moved.concat(), Scheme::Keyed, &mine).is_err());
    }

    #[test]
    fn recordings_of_before_still_open() {
        let mine = x25519::Identity::generate();
        let sealer = Sealer(vec![mine.to_public()]);
        let mut file = Vec::new();
        for piece in PIECES {
            frame(&sealer.age_file(piece).expect("sealed"), &mut file).expect("short");
        }
        let pieces = opened(&file, Scheme::Blocks, &mine).expect("whole");
        assert_eq!(pieces, PIECES);
        assert_eq!(Scheme::of("age-blocks"), Some(Scheme::Blocks));
        assert_eq!(Scheme::of("age-key-aes256gcm"), Some(Scheme::Keyed));
        assert_eq!(Scheme::of("rot13"), None);
    }
}
