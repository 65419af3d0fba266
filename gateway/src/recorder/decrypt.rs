//! A sealed recording made playable by whoever has an identity.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, ErrorKind, Seek as _, Write as _};
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use super::manifest::{Manifest, hex, regular};
use super::seal::{Scheme, Unseal};
use super::wav;

/// Why a recording stays sealed.
#[derive(Debug, thiserror::Error)]
pub enum Undecipherable {
    #[error("the recording isn't encrypted")]
    Readable,
    #[error("it is encrypted as \"{0}\", which isn't known")]
    Unknown(String),
    #[error("the audio isn't what the manifest says: it was cut or changed")]
    Changed,
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
    regular(&sealed)?;
    let mut input = Measured {
        input: BufReader::new(File::open(sealed)?),
        hash: Sha256::new(),
        octets: 0,
    };
    let mut output = Output::create(to)?;
    output.write(Unseal::new(&mut input, scheme, identities), coding)?;
    // A file that ends between two pieces opens to its end, too.
    let told = (manifest.audio.bytes, manifest.audio.sha256);
    if (input.octets, hex(&input.hash.finalize())) != told {
        return Err(Undecipherable::Changed);
    }
    Ok(output.appear(to)?)
}

/// What is read, with its length and hash.
struct Measured<R> {
    input: R,
    hash: Sha256,
    octets: u64,
}

impl<R: io::Read> io::Read for Measured<R> {
    fn read(&mut self, octets: &mut [u8]) -> io::Result<usize> {
        let read = self.input.read(octets)?;
        self.hash.update(&octets[..read]);
        self.octets += read as u64;
        Ok(read)
    }
}

/// The opened audio, under another name until it is whole; that one goes in any case.
struct Output {
    file: BufWriter<File>,
    part: PathBuf,
}

impl Output {
    fn create(to: &Path) -> io::Result<Self> {
        if to.try_exists()? {
            return Err(ErrorKind::AlreadyExists.into());
        }
        let mut part = to.as_os_str().to_owned();
        part.push(".part");
        let part = PathBuf::from(part);
        // A run that was killed leaves one; whoever removes it has to know its name.
        let named =
            |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", part.display()));
        let file = BufWriter::new(File::create_new(&part).map_err(named)?);
        Ok(Self { file, part })
    }

    fn write(
        &mut self,
        mut input: Unseal<'_, impl io::Read>,
        coding: Option<wav::Coding>,
    ) -> io::Result<()> {
        if let Some(coding) = coding {
            self.file.write_all(&coding.header(0))?;
        }
        let mut octets = 0;
        while let Some(piece) = input.piece()? {
            self.file.write_all(&piece)?;
            octets += piece.len() as u64;
        }
        if let Some(coding) = coding {
            self.file.rewind()?;
            self.file.write_all(&coding.header(octets))?;
        }
        self.file.flush()
    }

    /// A second name can't be written over a file, and a rename can; but not every file system has second names.
    fn appear(self, to: &Path) -> io::Result<()> {
        match std::fs::hard_link(&self.part, to) {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Err(error),
            Err(_) if to.try_exists()? => Err(ErrorKind::AlreadyExists.into()),
            Err(_) => std::fs::rename(&self.part, to),
        }
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.part);
    }
}
