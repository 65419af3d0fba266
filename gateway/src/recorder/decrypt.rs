//! A sealed recording made playable by whoever has an identity.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Seek as _, Write as _};
use std::path::Path;

use super::manifest::Manifest;
use super::seal::{Scheme, Unseal};
use super::wav;

/// Why a recording stays sealed.
#[derive(Debug, thiserror::Error)]
pub enum Undecipherable {
    #[error("the recording isn't encrypted")]
    Readable,
    #[error("it is encrypted as \"{0}\", which isn't known")]
    Unknown(String),
    #[error("{0}")]
    Io(#[from] io::Error),
}

/// The identities of a file as `age-keygen` writes it.
///
/// # Errors
///
/// It can't be read, or holds something else.
pub fn identities(path: &Path) -> io::Result<Vec<Box<dyn age::Identity + Send + Sync>>> {
    let file = age::IdentityFile::from_buffer(BufReader::new(File::open(path)?))?;
    file.into_identities().map_err(io::Error::other)
}

/// Writes the audio of the recording in `directory` to `to`, as a file that players open; nothing is written over.
///
/// # Errors
///
/// [`Undecipherable`]
pub fn decrypt(
    directory: &Path,
    identities: &[Box<dyn age::Identity + Send + Sync>],
    to: &Path,
) -> Result<(), Undecipherable> {
    let manifest = Manifest::read(directory)?;
    let sealed = manifest.audio_in(directory)?;
    let encryption = manifest.encryption.ok_or(Undecipherable::Readable)?;
    let scheme = Scheme::of(&encryption.scheme)
        .ok_or_else(|| Undecipherable::Unknown(encryption.scheme.clone()))?;
    let coding = match manifest.audio.codec.as_str() {
        "pcm_s16le" => Some(wav::Coding::Pcm),
        "pcm_alaw" => Some(wav::Coding::Alaw),
        _ => None,
    };
    let input = BufReader::new(File::open(sealed)?);
    let mut input = Unseal::new(input, scheme, identities);
    let mut output = BufWriter::new(File::create_new(to)?);
    if let Some(coding) = coding {
        output.write_all(&coding.header(0))?;
    }
    let mut octets = 0;
    while let Some(piece) = input.piece()? {
        output.write_all(&piece)?;
        octets += piece.len() as u64;
    }
    if let Some(coding) = coding {
        output.rewind()?;
        output.write_all(&coding.header(octets))?;
    }
    output.flush()?;
    Ok(())
}
