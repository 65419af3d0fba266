//! From a recording in progress to a finished one: the same steps at its end and after a crash.
//!
//! Whatever moment the process or the power goes away in, doing it again does the rest: the audio is cut to what the
//! journal vouches for, then gets its header, then the manifest appears, then the journal goes.

use std::fs::File;
use std::io::{self, BufReader, Read as _};
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use super::gaps;
use super::manifest::{Audio, Block, Channel, Link, Manifest, Role, SCHEMA, Status, hex};
use super::spool::{JOURNAL, Journal, Written, digest};
use super::timeline::{Heard, RATE, milliseconds};
use crate::events::rfc3339;
use sha2::{Digest as _, Sha256};

/// Whether the audio is known to be what the journal says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trust {
    /// This process wrote it.
    Written,
    /// It was found; each piece is checked.
    Found,
}

/// Finishes the recording in `directory`.
///
/// # Errors
///
/// The disk's, or a journal that can't be read. It may be tried again.
pub fn finish(directory: &Path, trust: Trust) -> io::Result<Manifest> {
    let mut journal = Journal::read(directory)?;
    let mut options = File::options();
    options.read(true).write(true);
    let audio = options.open(directory.join(&journal.begin.file))?;
    let told = journal.pieces.len();
    if trust == Trust::Found {
        let whole = whole_pieces(&audio, &journal)?;
        journal.pieces.truncate(whole);
    }
    let truncated = journal.end.is_none() || journal.pieces.len() < told;
    let reserved = journal.begin.reserved();
    let octets: u64 = journal.pieces.iter().map(|piece| piece.bytes).sum();
    audio.set_len(reserved + octets)?;
    if let (Some(coding), true) = (journal.begin.coding.wav(), reserved > 0) {
        audio.write_all_at(&coding.header(octets), 0)?;
    }
    audio.sync_all()?;
    let manifest = manifest(&audio, journal, truncated)?;
    manifest.write(directory)?;
    std::fs::remove_file(directory.join(JOURNAL))?;
    Ok(manifest)
}

/// How many of the journal's pieces are on the disk as they were written.
fn whole_pieces(audio: &File, journal: &Journal) -> io::Result<usize> {
    let mut place = journal.begin.reserved();
    let length = audio.metadata()?.len();
    let mut octets = Vec::new();
    for (n, piece) in journal.pieces.iter().enumerate() {
        if place.saturating_add(piece.bytes) > length {
            return Ok(n);
        }
        octets.resize(piece.bytes as usize, 0);
        audio.read_exact_at(&mut octets, place)?;
        if digest(&octets) != piece.digest {
            return Ok(n);
        }
        place += piece.bytes;
    }
    Ok(journal.pieces.len())
}

fn manifest(audio: &File, journal: Journal, truncated: bool) -> io::Result<Manifest> {
    let Journal { begin, pieces, end } = journal;
    let (blocks, sha256, bytes) = blocks(audio, &begin.id, begin.reserved(), &pieces)?;
    let samples: u64 = pieces.iter().map(|piece| piece.samples).sum();
    let heard = pieces.last().map(|last| last.heard.clone());
    let heard = heard.unwrap_or_default();
    let mut gaps: Vec<_> = pieces.iter().flat_map(|piece| piece.gaps.clone()).collect();
    if truncated && let Some(last) = pieces.last() {
        gaps.extend(&last.open);
    }
    let mut manifest = Manifest {
        schema: SCHEMA,
        id: begin.id,
        call: begin.call,
        status: match truncated {
            true => Status::Truncated,
            false => Status::Completed,
        },
        started_at: rfc3339(begin.started_at),
        duration_ms: milliseconds(samples),
        about: end.unwrap_or(begin.about),
        audio: Audio {
            file: begin.file,
            codec: begin.coding.codec().to_owned(),
            sample_rate: begin.coding.sample_rate(),
            bytes,
            sha256,
            channels: vec![
                channel(0, Role::Customer, &heard[0]),
                channel(1, Role::Agent, &heard[1]),
            ],
        },
        gaps: gaps::in_order(gaps, milliseconds(samples)),
        skew_ppm: heard.each_ref().map(|heard| heard.skew_ppm),
        truncated,
        encryption: begin.encryption,
        blocks,
        chain: String::new(),
    };
    manifest.seal();
    Ok(manifest)
}

/// The chain over the file's seconds, its digest and its length.
fn blocks(
    audio: &File,
    id: &str,
    reserved: u64,
    pieces: &[Written],
) -> io::Result<(Vec<Block>, String, u64)> {
    let mut reader = BufReader::with_capacity(1 << 16, audio);
    io::Seek::rewind(&mut reader)?;
    let (mut whole, mut total) = (Sha256::new(), 0);
    let (mut blocks, mut link) = (Vec::new(), Link::first(id));
    let mut octets = Vec::new();
    // The header is part of the first second.
    let (mut waiting, mut samples) = (reserved, 0);
    for (n, piece) in pieces.iter().enumerate() {
        waiting += piece.bytes;
        samples += piece.samples;
        let full = samples % u64::from(RATE) == 0 || n + 1 == pieces.len();
        if full {
            octets.resize(waiting as usize, 0);
            reader.read_exact(&mut octets)?;
            whole.update(&octets);
            let mut hash = link.hash();
            hash.update(&octets);
            link = Link::of(hash);
            blocks.push(Block {
                bytes: waiting,
                link,
            });
            total += waiting;
            waiting = 0;
        }
    }
    // A recording of nothing still has its header.
    octets.resize(waiting as usize, 0);
    reader.read_exact(&mut octets)?;
    whole.update(&octets);
    Ok((blocks, hex(&whole.finalize()), total + waiting))
}

fn channel(index: u8, role: Role, heard: &Heard) -> Channel {
    Channel {
        index,
        role,
        codec_in: heard.codec.clone(),
        packets: heard.packets,
        lost: heard.lost,
        dropped: heard.dropped,
    }
}
