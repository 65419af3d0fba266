//! A recording in progress: its directory, the audio file that grows, and the journal that says how far it can be
//! trusted.
//!
//! Audio is written first, then a line of the journal that tells its length and digest. Both are written at places that
//! we remember, so a write that failed half-way is simply made again. What the journal doesn't tell isn't part of the
//! recording, whatever the file holds: after a power cut a file may have grown without its content.

use std::fs::File;
use std::io::{self, BufReader, ErrorKind};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::manifest::{About, Encryption, Gap, hex};
use super::timeline::Heard;
use crate::config::Format;

/// The journal's name in a recording's directory.
pub const JOURNAL: &str = "journal";

/// A line of the journal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Line {
    Begin(Box<Begin>),
    Piece(Written),
    End(Box<About>),
}

/// What is known when a recording begins.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Begin {
    /// `r_` and a UUIDv7.
    pub id: String,
    pub call: String,
    /// Epoch milliseconds.
    pub started_at: u64,
    pub about: About,
    pub file: String,
    pub coding: Coding,
    pub encryption: Option<Encryption>,
}

/// How the audio file is coded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Coding {
    Pcm,
    Alaw,
    Opus,
}

/// A piece of the audio file, and what is known with it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Written {
    pub bytes: u64,
    /// On each channel.
    pub samples: u64,
    /// The first half of the SHA-256 of its octets, in hex.
    pub digest: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gaps: Vec<Gap>,
    /// Gaps that go on; the next line knows better.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub open: Vec<Gap>,
    pub heard: [Heard; 2],
}

/// The open files of a recording in progress.
#[derive(Debug)]
pub struct Spool {
    directory: PathBuf,
    audio: Appended,
    journal: Appended,
}

/// A file and the length of what was written to it on purpose.
#[derive(Debug)]
struct Appended {
    file: File,
    length: u64,
}

impl Coding {
    pub fn of(format: Format) -> Self {
        match format {
            Format::Wav => Self::Pcm,
            Format::WavG711 => Self::Alaw,
            Format::OggOpus => Self::Opus,
        }
    }

    pub fn file(self, encryption: Option<&Encryption>) -> &'static str {
        match (self, encryption) {
            (Self::Pcm | Self::Alaw, None) => "audio.wav",
            (Self::Opus, None) => "audio.ogg",
            (Self::Pcm | Self::Alaw, Some(_)) => "audio.wav.sealed",
            (Self::Opus, Some(_)) => "audio.ogg.sealed",
        }
    }

    /// As ffmpeg names it.
    pub fn codec(self) -> &'static str {
        match self {
            Self::Pcm => "pcm_s16le",
            Self::Alaw => "pcm_alaw",
            Self::Opus => "opus",
        }
    }

    /// What a decoder makes of it.
    pub fn sample_rate(self) -> u32 {
        match self {
            Self::Pcm | Self::Alaw => super::timeline::RATE,
            Self::Opus => 48_000,
        }
    }

    /// The WAV file's, where it is one.
    pub fn wav(self) -> Option<super::wav::Coding> {
        match self {
            Self::Pcm => Some(super::wav::Coding::Pcm),
            Self::Alaw => Some(super::wav::Coding::Alaw),
            Self::Opus => None,
        }
    }
}

impl Begin {
    /// Octets at the file's start that are written last.
    pub fn reserved(&self) -> u64 {
        match (self.coding.wav(), &self.encryption) {
            (Some(_), None) => super::wav::HEADER as u64,
            // Whoever decrypts it writes the header.
            (Some(_), Some(_)) | (None, _) => 0,
        }
    }
}

impl Spool {
    /// Makes the recording's directory in `root` and writes the journal's first line.
    ///
    /// # Errors
    ///
    /// The disk's. It may be tried again.
    pub fn create(root: &Path, begin: &Begin) -> io::Result<Self> {
        let directory = root.join(&begin.id);
        std::fs::create_dir_all(&directory)?;
        let create = |name: &str| {
            let mut options = File::options();
            options.write(true).create(true).truncate(true);
            let file = options.open(directory.join(name))?;
            Ok::<_, io::Error>(Appended { file, length: 0 })
        };
        let mut spool = Self {
            audio: create(&begin.file)?,
            journal: create(JOURNAL)?,
            directory: directory.clone(),
        };
        spool
            .journal
            .append(&line(&Line::Begin(Box::new(begin.clone()))))?;
        // Appended at this place on; until the end there are zeros.
        spool.audio.length = begin.reserved();
        // The next commit of the file system makes the names outlive a power cut, too.
        Ok(spool)
    }

    /// Writes a piece and its line.
    ///
    /// # Errors
    ///
    /// The disk's; nothing has changed then, and it may be tried again.
    pub fn append(&mut self, audio: &[u8], line: &[u8]) -> io::Result<()> {
        let before = self.audio.length;
        self.audio.append(audio)?;
        self.journal.append(line).inspect_err(|_| {
            self.audio.length = before;
        })
    }

    pub fn directory(&self) -> &Path {
        &self.directory
    }
}

impl Appended {
    fn append(&mut self, octets: &[u8]) -> io::Result<()> {
        self.file.write_all_at(octets, self.length)?;
        self.length += octets.len() as u64;
        Ok(())
    }
}

/// A line as it is written.
pub fn line(line: &Line) -> Vec<u8> {
    let mut text = serde_json::to_vec(line).expect("a line has only keys of text");
    text.push(b'\n');
    text
}

/// The digest of a piece, as its line tells it.
pub fn digest(octets: &[u8]) -> String {
    hex(&Sha256::digest(octets)[..16])
}

/// What a journal holds, up to the first line that isn't whole.
#[derive(Debug, Clone, PartialEq)]
pub struct Journal {
    pub begin: Begin,
    pub pieces: Vec<Written>,
    /// `None` when the recording didn't come to its end.
    pub end: Option<About>,
}

impl Journal {
    /// # Errors
    ///
    /// It can't be read. `NotFound` and `InvalidData` are what a power cut leaves, and no later reading mends: there is
    /// no journal, or it has no beginning.
    pub fn read(directory: &Path) -> io::Result<Self> {
        Self::of(BufReader::new(File::open(directory.join(JOURNAL))?))
    }

    fn of(text: impl io::BufRead) -> io::Result<Self> {
        let mut lines = text.split(b'\n');
        // What the disk doesn't give now isn't the journal's end: audio would be cut that is there.
        let mut next = || -> io::Result<Option<Line>> {
            let line = lines.next().transpose()?;
            Ok(line.and_then(|line| serde_json::from_slice(&line).ok()))
        };
        let Some(Line::Begin(begin)) = next()? else {
            return Err(io::Error::new(
                ErrorKind::InvalidData,
                "the journal has no beginning",
            ));
        };
        // A journal from elsewhere names no file of ours.
        if Path::new(&begin.file).file_name() != Some(begin.file.as_ref()) {
            return Err(io::Error::new(
                ErrorKind::InvalidData,
                "the journal names no file beside it",
            ));
        }
        let mut journal = Self {
            begin: *begin,
            pieces: Vec::new(),
            end: None,
        };
        while let Some(line) = next()? {
            match line {
                Line::Piece(piece) => journal.pieces.push(piece),
                Line::End(about) => {
                    journal.end = Some(*about);
                    break;
                }
                Line::Begin(_) => break,
            }
        }
        Ok(journal)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    /// A disk that fails.
    struct Broken;

    impl io::Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("the disk is broken"))
        }
    }

    #[test]
    fn a_line_that_is_not_whole_ends_a_journal_and_an_error_does_not() {
        let begin = line(&Line::Begin(Box::new(Begin {
            id: "r_1".into(),
            call: "c_1".into(),
            started_at: 0,
            about: About::default(),
            file: "audio.wav".into(),
            coding: Coding::Pcm,
            encryption: None,
        })));
        let cut = [&begin[..], b"{\"piece\":{\"by"].concat();
        let journal = Journal::of(&cut[..]).expect("it has a beginning");
        assert_eq!(journal.pieces, []);
        let broken = BufReader::new((&begin[..]).chain(Broken));
        Journal::of(broken).expect_err("the rest isn't known");
    }
}
