//! One recording at its writer: encoded, encrypted, and on the disk in order, whatever the disk does.
//!
//! Three things wait, in this order: octets that the disk didn't take, silence in place of what could not be kept
//! meanwhile, and the newest piece. So a disk that is full costs a recording time, and its memory stays bounded.

use std::io;
use std::path::Path;
use std::time::Instant;

use super::manifest::{About, Gap, Reason};
use super::opus::{self, More};
use super::seal::{Seal, Sealer};
use super::spool::{self, Begin, Coding, Line, Spool, Written};
use super::timeline::{Heard, PIECE, Piece, milliseconds};
use super::wav;

/// A recording between its timeline and its files.
#[derive(Debug)]
pub struct Tape {
    begin: Begin,
    encoder: Encoder,
    /// Made with the first piece that is sealed.
    seal: Option<Seal>,
    spool: Option<Spool>,
    /// What the disk gets next.
    coded: Option<Coded>,
    /// Samples that are silence because nobody could keep what they were.
    owed: u64,
    newest: Option<Piece>,
    /// Of pieces that were not kept.
    gaps: Vec<Gap>,
    heard: [Heard; 2],
    /// Samples that were encoded.
    place: u64,
    end: End,
    /// Why nothing gets on, and since when.
    trouble: Option<(Instant, String)>,
}

#[derive(Debug)]
enum Encoder {
    Wav(wav::Coding),
    Opus(Box<opus::Stream>),
}

#[derive(Debug)]
struct Coded {
    audio: Vec<u8>,
    lines: Vec<u8>,
}

#[derive(Debug)]
enum End {
    NotYet,
    Known(Box<About>),
    /// In `coded`, or on the disk.
    Coded,
}

/// How far a tape is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    Running,
    /// All is written; it can be finished.
    Over,
}

impl Tape {
    /// # Errors
    ///
    /// The Opus encoder's.
    pub fn new(begin: Begin) -> Result<Self, audiopus::Error> {
        let encoder = match begin.coding {
            Coding::Pcm => Encoder::Wav(wav::Coding::Pcm),
            Coding::Alaw => Encoder::Wav(wav::Coding::Alaw),
            Coding::Opus => Encoder::Opus(Box::new(opus::Stream::new(SERIAL)?)),
        };
        Ok(Self {
            begin,
            encoder,
            seal: None,
            spool: None,
            coded: None,
            owed: 0,
            newest: None,
            gaps: Vec::new(),
            heard: Default::default(),
            place: 0,
            end: End::NotYet,
            trouble: None,
        })
    }

    pub fn begin(&self) -> &Begin {
        &self.begin
    }

    /// Takes a piece, after `owed` samples that never came. Returns how many samples could not be kept.
    pub fn handle_piece(&mut self, owed: u64, piece: Piece) -> u64 {
        let given_up = self.newest.replace(piece).map_or(0, |older| {
            let samples = older.samples[0].len() as u64;
            self.gaps.extend(older.gaps);
            samples
        });
        self.owed += owed + given_up;
        given_up
    }

    /// The recording ends after `owed` samples that never came.
    pub fn handle_end(&mut self, owed: u64, gaps: Vec<Gap>, about: Box<About>) {
        if owed > 0
            && let Some(newest) = self.newest.take()
        {
            self.owed += newest.samples[0].len() as u64;
            self.gaps.extend(newest.gaps);
        }
        self.owed += owed;
        self.gaps.extend(gaps);
        self.end = End::Known(about);
    }

    /// Gets as much as possible onto the disk.
    ///
    /// # Errors
    ///
    /// The disk's; nothing is lost by trying again.
    pub fn advance(
        &mut self,
        now: Instant,
        root: &Path,
        sealer: Option<&Sealer>,
    ) -> io::Result<Progress> {
        let result = self.write(root, sealer);
        match &result {
            Ok(_) => self.trouble = None,
            Err(error) => {
                let since = self.trouble.take().map_or(now, |(since, _)| since);
                self.trouble = Some((since, error.to_string()));
            }
        }
        result
    }

    /// Why nothing gets on, and since when.
    pub fn trouble(&self) -> Option<(Instant, &str)> {
        self.trouble.as_ref().map(|(at, why)| (*at, why.as_str()))
    }

    pub fn has_ended(&self) -> bool {
        !matches!(self.end, End::NotYet)
    }

    pub fn spool(&self) -> Option<&Spool> {
        self.spool.as_ref()
    }

    fn write(&mut self, root: &Path, sealer: Option<&Sealer>) -> io::Result<Progress> {
        if self.spool.is_none() {
            self.spool = Some(Spool::create(root, &self.begin)?);
        }
        loop {
            if let (Some(coded), Some(spool)) = (&self.coded, &mut self.spool) {
                spool.append(&coded.audio, &coded.lines)?;
                self.coded = None;
            }
            if self.owed > 0 {
                let samples = self.owed.min(PIECE);
                self.owed -= samples;
                self.code(silence(self.place, samples, &self.heard), sealer)?;
            } else if let Some(piece) = self.newest.take() {
                self.code(piece, sealer)?;
            } else {
                match std::mem::replace(&mut self.end, End::NotYet) {
                    End::NotYet => return Ok(Progress::Running),
                    End::Known(about) => {
                        self.end = End::Coded;
                        self.code_end(about, sealer)?;
                    }
                    End::Coded => {
                        self.end = End::Coded;
                        return Ok(Progress::Over);
                    }
                }
            }
        }
    }

    fn code(&mut self, piece: Piece, sealer: Option<&Sealer>) -> io::Result<()> {
        let samples = [piece.samples[0].as_slice(), piece.samples[1].as_slice()];
        let mut audio = Vec::with_capacity(4 * samples[0].len() + 256);
        match &mut self.encoder {
            Encoder::Wav(coding) => coding.write(samples, &mut audio),
            Encoder::Opus(stream) => stream
                .write(samples, More::Follows, &mut audio)
                .map_err(io::Error::other)?,
        }
        let audio = self.sealed(audio, sealer)?;
        let count = samples[0].len() as u64;
        self.place += count;
        self.heard = piece.heard;
        let mut gaps = std::mem::take(&mut self.gaps);
        gaps.extend(piece.gaps);
        let line = spool::line(&Line::Piece(Written {
            bytes: audio.len() as u64,
            samples: count,
            digest: spool::digest(&audio),
            gaps,
            open: piece.open,
            heard: self.heard.clone(),
        }));
        self.coded = Some(Coded { audio, lines: line });
        Ok(())
    }

    fn sealed(&mut self, audio: Vec<u8>, sealer: Option<&Sealer>) -> io::Result<Vec<u8>> {
        let Some(sealer) = sealer else {
            return Ok(audio);
        };
        let seal = match &mut self.seal {
            Some(seal) => seal,
            none => none.insert(sealer.begin()?),
        };
        seal.seal(&audio)
    }

    fn code_end(&mut self, about: Box<About>, sealer: Option<&Sealer>) -> io::Result<()> {
        let mut audio = Vec::new();
        if let Encoder::Opus(stream) = &mut self.encoder {
            stream
                .write([&[], &[]], More::Last, &mut audio)
                .map_err(io::Error::other)?;
            audio = self.sealed(audio, sealer)?;
        }
        let mut lines = Vec::new();
        if !audio.is_empty() || !self.gaps.is_empty() {
            lines = spool::line(&Line::Piece(Written {
                bytes: audio.len() as u64,
                samples: 0,
                digest: spool::digest(&audio),
                gaps: std::mem::take(&mut self.gaps),
                open: Vec::new(),
                heard: self.heard.clone(),
            }));
        }
        lines.extend(spool::line(&Line::End(about)));
        self.coded = Some(Coded { audio, lines });
        Ok(())
    }
}

/// What nobody could keep.
fn silence(from: u64, samples: u64, heard: &[Heard; 2]) -> Piece {
    let silent = || vec![0; samples as usize];
    let gap = |channel| Gap {
        channel,
        from_ms: milliseconds(from),
        to_ms: milliseconds(from + samples),
        reason: Reason::Dropped,
    };
    Piece {
        from,
        samples: [silent(), silent()],
        gaps: vec![gap(0), gap(1)],
        open: Vec::new(),
        heard: heard.clone(),
    }
}

/// A file holds one stream, so any number will do (RFC 3533 §4).
const SERIAL: u32 = 1;
