//! Whether a recording is what was recorded, and if not, where it differs.

use std::fs::File;
use std::io::{self, BufReader, Read as _};
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use super::manifest::{Block, FILE, Link, Manifest, hex, regular};

/// A recording that is whole.
#[derive(Debug, Clone, PartialEq)]
pub struct Checked {
    pub manifest: Manifest,
    pub seconds: usize,
}

/// What isn't as it was.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Doubt {
    #[error("{path} can't be read: {why}", path = .0.display(), why = .1)]
    Unreadable(PathBuf, String),
    #[error("the manifest isn't what was written")]
    Manifest,
    #[error("the manifest can't be understood: {0}")]
    NoManifest(String),
    /// Counted from 0.
    #[error("second {0} ({time}): the audio isn't what was recorded", time = clock(*.0))]
    Audio(usize),
    /// Counted from 0.
    #[error("second {0} ({time}): the chain in the manifest was changed", time = clock(*.0))]
    Chain(usize),
    #[error("the audio has {found} octets, and {told} were recorded")]
    Length { told: u64, found: u64 },
}

/// Checks the recording in a directory, or beside a manifest.
///
/// # Errors
///
/// All that is found; never empty.
pub fn verify(path: &Path) -> Result<Checked, Vec<Doubt>> {
    let (directory, file) = match path.is_dir() {
        true => (path.to_owned(), path.join(FILE)),
        false => (
            path.parent().unwrap_or(Path::new("")).to_owned(),
            path.to_owned(),
        ),
    };
    let unreadable = |path: &Path, why: &dyn std::fmt::Display| {
        vec![Doubt::Unreadable(path.to_owned(), why.to_string())]
    };
    let text = Manifest::read_text(&file).map_err(|error| unreadable(&file, &error))?;
    let text = String::from_utf8_lossy(&text);
    let manifest: Manifest =
        serde_json::from_str(&text).map_err(|error| vec![not_understood(&text, &error)])?;
    let mut doubts = Vec::new();
    if !manifest.closes(&text) {
        doubts.push(Doubt::Manifest);
    }
    let compared = manifest.audio_in(&directory);
    match compared.and_then(|audio| compare(&audio, &manifest)) {
        Ok(found) => doubts.extend(found),
        Err(error) => doubts.extend(unreadable(&directory.join(&manifest.audio.file), &error)),
    }
    match doubts.is_empty() {
        true => Ok(Checked {
            seconds: manifest.blocks.len(),
            manifest,
        }),
        false => Err(doubts),
    }
}

fn compare(audio: &Path, manifest: &Manifest) -> io::Result<Vec<Doubt>> {
    let found = regular(audio)?;
    let told = manifest.audio.bytes;
    let mut reader = BufReader::with_capacity(1 << 16, File::open(audio)?);
    let mut whole = Sha256::new();
    let mut differing = Vec::new();
    let mut before = Link::first(&manifest.id);
    for (second, block) in manifest.blocks.iter().enumerate() {
        let mut both = Both(&mut whole, before.hash());
        let length = io::copy(&mut (&mut reader).take(block.bytes), &mut both)?;
        if length != block.bytes || Link::of(both.1) != block.link {
            differing.push(second);
        }
        before = block.link;
    }
    io::copy(&mut reader, &mut whole)?;
    let audio_is_whole = hex(&whole.finalize()) == manifest.audio.sha256;
    let mut doubts = Vec::new();
    match audio_is_whole {
        // A link that was changed makes the next one look wrong, too.
        true => doubts.extend(differing.first().map(|second| Doubt::Chain(*second))),
        false => doubts.extend(differing.into_iter().map(Doubt::Audio)),
    }
    if found != told {
        doubts.push(Doubt::Length { told, found });
    }
    if doubts.is_empty() && !audio_is_whole {
        doubts.push(Doubt::Manifest);
    }
    Ok(doubts)
}

/// Two digests of the same octets, however many a manifest says there are.
struct Both<'a>(&'a mut Sha256, Sha256);

impl io::Write for Both<'_> {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.0.update(octets);
        self.1.update(octets);
        Ok(octets.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The second whose line in the chain can't be read, or what else is wrong with the text.
fn not_understood(text: &str, error: &serde_json::Error) -> Doubt {
    let blocks = text.lines().skip_while(|line| !line.contains("\"blocks\""));
    let blocks = blocks.skip(1).take_while(|line| !line.contains(']'));
    let mut blocks = blocks.map(|line| line.trim().trim_end_matches(',').trim_matches('"'));
    match blocks.position(|block| block.parse::<Block>().is_err()) {
        Some(second) => Doubt::Chain(second),
        None => Doubt::NoManifest(error.to_string()),
    }
}

fn clock(second: usize) -> String {
    format!(
        "{:02}:{:02}:{:02}",
        second / 3_600,
        second / 60 % 60,
        second % 60
    )
}

#[cfg(test)]
mod tests;
