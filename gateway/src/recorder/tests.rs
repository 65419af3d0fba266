//! From pieces to finished recordings: on a disk that works, that is cut off, that is full.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use media::AudioCodec;
use media::rtp::{Header, PayloadType, Ssrc};

use super::finish::{Trust, finish};
use super::manifest::{Gap, Manifest, Reason, Status};
use super::seal::Sealer;
use super::spool::{Begin, Coding, JOURNAL};
use super::tape::{Progress, Tape};
use super::timeline::{Heard, PIECE, Piece};
use super::*;

/// A directory that goes with the test.
struct Place(PathBuf);

impl Place {
    fn new() -> Self {
        let path = std::env::temp_dir().join(format!("recorder-{}", uuid::Uuid::new_v4()));
        std::fs::create_dir_all(&path).expect("a directory");
        Self(path)
    }

    fn of(&self, recording: &str) -> PathBuf {
        self.0.join(recording)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn tape(coding: Coding, sealer: Option<&Sealer>) -> Tape {
    let encryption = sealer.map(Sealer::told);
    let begin = Begin {
        id: "r_1".into(),
        call: "c_1".into(),
        started_at: 1_795_168_800_120,
        about: About::default(),
        file: coding.file(encryption.as_ref()).to_owned(),
        coding,
        encryption,
    };
    Tape::new(begin).expect("an encoder")
}

/// The `n`th half second: a pattern that no other holds, quiet on the agent's channel.
fn piece(n: u64) -> Piece {
    let sample = |at: u64| ((n * PIECE + at) % 30_011) as i16;
    let customer = (0..PIECE).map(sample).collect();
    let agent = (0..PIECE).map(|at| -sample(at) / 4).collect();
    Piece {
        from: n * PIECE,
        samples: [customer, agent],
        gaps: Vec::new(),
        open: Vec::new(),
        heard: Default::default(),
    }
}

fn write(tape: &mut Tape, root: &Path, sealer: Option<&Sealer>, pieces: std::ops::Range<u64>) {
    for n in pieces {
        assert_eq!(tape.handle_piece(0, piece(n)), 0);
        let progress = tape.advance(Instant::now(), root, sealer);
        assert_eq!(progress.expect("written"), Progress::Running);
    }
}

fn end(tape: &mut Tape, root: &Path, sealer: Option<&Sealer>) {
    let about = About {
        agent: "agent7".into(),
        ..About::default()
    };
    tape.handle_end(0, Vec::new(), Box::new(about));
    let progress = tape.advance(Instant::now(), root, sealer);
    assert_eq!(progress.expect("written"), Progress::Over);
}

/// What samples of a WAV file are.
fn samples(path: &Path) -> Vec<u8> {
    std::fs::read(path).expect("the audio")[wav::HEADER..].to_vec()
}

fn coded(pieces: std::ops::Range<u64>) -> Vec<u8> {
    let mut octets = Vec::new();
    for n in pieces {
        let [customer, agent] = piece(n).samples;
        wav::Coding::Pcm.write([&customer, &agent], &mut octets);
    }
    octets
}

#[test]
fn a_recording_that_ends_is_complete_and_verifies() {
    for coding in [Coding::Pcm, Coding::Alaw, Coding::Opus] {
        let place = Place::new();
        let mut tape = tape(coding, None);
        write(&mut tape, &place.0, None, 0..7);
        end(&mut tape, &place.0, None);
        let directory = place.of("r_1");
        let manifest = finish(&directory, Trust::Written).expect("finished");
        assert_eq!(manifest.status, Status::Completed);
        assert_eq!(manifest.duration_ms, 3_500);
        assert_eq!(manifest.about.agent, "agent7");
        assert_eq!(manifest.started_at, "2026-11-20T10:00:00.120Z");
        assert!(!directory.join(JOURNAL).exists());
        let checked = verify(&directory).expect("whole");
        assert_eq!(checked.manifest, manifest);
        if coding == Coding::Pcm {
            assert_eq!(samples(&directory.join("audio.wav")), coded(0..7));
        }
    }
}

#[test]
fn whatever_is_cut_off_the_rest_is_recovered() {
    let place = Place::new();
    let mut tape = tape(Coding::Pcm, None);
    write(&mut tape, &place.0, None, 0..7);
    drop(tape);
    let directory = place.of("r_1");
    let journal = std::fs::read(directory.join(JOURNAL)).expect("a journal");
    let audio = std::fs::read(directory.join("audio.wav")).expect("audio");
    let begin = journal
        .iter()
        .position(|octet| *octet == b'\n')
        .expect("a line");
    for cut in (begin + 1..=journal.len()).step_by(37) {
        let _ = std::fs::remove_file(directory.join(super::manifest::FILE));
        std::fs::write(directory.join(JOURNAL), &journal[..cut]).expect("written");
        std::fs::write(directory.join("audio.wav"), &audio).expect("written");
        let manifest = finish(&directory, Trust::Found).expect("recovered");
        assert!(manifest.truncated);
        let lines = journal[..cut]
            .iter()
            .filter(|octet| **octet == b'\n')
            .count() as u64;
        assert_eq!(manifest.duration_ms, 500 * (lines - 1), "{cut}");
        assert_eq!(samples(&directory.join("audio.wav")), coded(0..lines - 1));
        verify(&directory).expect("whole");
    }
}

#[test]
fn audio_that_never_reached_the_disk_is_left_out() {
    let place = Place::new();
    let mut tape = tape(Coding::Pcm, None);
    write(&mut tape, &place.0, None, 0..6);
    end(&mut tape, &place.0, None);
    let directory = place.of("r_1");
    let path = directory.join("audio.wav");
    let mut audio = std::fs::read(&path).expect("audio");
    // After a power cut a file may be as long as it was, and empty in the middle.
    audio[wav::HEADER + 4 * 16_000..][..100].fill(0);
    std::fs::write(&path, &audio).expect("written");
    let manifest = finish(&directory, Trust::Found).expect("recovered");
    assert!(manifest.truncated);
    assert_eq!(manifest.duration_ms, 2_000);
    assert_eq!(samples(&path), coded(0..4));
    verify(&directory).expect("whole");
}

#[test]
fn finishing_twice_is_finishing_once() {
    let place = Place::new();
    let mut tape = tape(Coding::Pcm, None);
    write(&mut tape, &place.0, None, 0..3);
    end(&mut tape, &place.0, None);
    let directory = place.of("r_1");
    let journal = std::fs::read(directory.join(JOURNAL)).expect("a journal");
    let first = finish(&directory, Trust::Written).expect("finished");
    // The process went away between the manifest's rename and the journal's end.
    std::fs::write(directory.join(JOURNAL), journal).expect("written");
    let second = finish(&directory, Trust::Found).expect("finished");
    assert_eq!(first, second);
}

#[test]
fn one_changed_octet_is_found_and_its_second_named() {
    let place = Place::new();
    let mut tape = tape(Coding::Pcm, None);
    write(&mut tape, &place.0, None, 0..9);
    end(&mut tape, &place.0, None);
    let directory = place.of("r_1");
    finish(&directory, Trust::Written).expect("finished");
    let path = directory.join("audio.wav");
    let audio = std::fs::read(&path).expect("audio");
    for (at, second) in [
        (0, 0),
        (57, 0),
        (58, 0),
        (32_057, 0),
        (32_058, 1),
        (audio.len() - 1, 4),
    ] {
        let mut changed = audio.clone();
        changed[at] ^= 1;
        std::fs::write(&path, &changed).expect("written");
        assert_eq!(
            verify(&directory),
            Err(vec![Doubt::Audio(second)]),
            "octet {at}"
        );
    }
    std::fs::write(&path, &audio[..audio.len() - 1]).expect("written");
    let told = audio.len() as u64;
    let found = told - 1;
    let cut = vec![Doubt::Audio(4), Doubt::Length { told, found }];
    assert_eq!(verify(&directory), Err(cut));
    std::fs::write(&path, &audio).expect("written");

    let file = directory.join(super::manifest::FILE);
    let text = std::fs::read_to_string(&file).expect("text");
    let mut at = 0;
    let mut second = None;
    for line in text.split_inclusive('\n') {
        for place in at..at + line.len() {
            let mut changed = text.clone().into_bytes();
            changed[place] ^= 1;
            std::fs::write(&file, &changed).expect("written");
            let doubts = verify(&directory).expect_err("changed");
            // Of a block's line, the digits of its link.
            let in_link = text[..place].ends_with(|digit: char| digit.is_ascii_hexdigit());
            if let (Some(second), true) = (second, in_link && text.as_bytes()[place] != b':') {
                let named = [Doubt::Chain(second), Doubt::Audio(second)];
                assert!(
                    doubts.iter().any(|doubt| named.contains(doubt)),
                    "octet {place} of {line}: {doubts:?}"
                );
            }
        }
        at += line.len();
        second = match second {
            Some(4) => None,
            Some(second) => Some(second + 1),
            None => line.contains("\"blocks\"").then_some(0),
        };
    }
}

#[test]
fn a_sealed_recording_shows_nothing_and_opens_for_its_recipient() {
    let identity = age::x25519::Identity::generate();
    let recipient = identity.to_public().to_string();
    let text = format!("[recording]\nrecipients = [\"{recipient}\"]");
    let config = crate::config::Config::parse(&text, "test").expect("a configuration");
    let sealer = Sealer::new(&config.recording.recipients);
    for coding in [Coding::Pcm, Coding::Opus] {
        let place = Place::new();
        let mut tape = tape(coding, sealer.as_ref());
        write(&mut tape, &place.0, sealer.as_ref(), 0..5);
        drop(tape);
        let directory = place.of("r_1");
        let plain = coded(0..5);
        for entry in std::fs::read_dir(&directory).expect("a directory") {
            let octets = std::fs::read(entry.expect("an entry").path()).expect("a file");
            for pattern in [&plain[1_000..1_016], b"OggS", b"RIFF"] {
                let shown = octets
                    .windows(pattern.len())
                    .any(|window| window == pattern);
                assert!(!shown, "plaintext in the spool");
            }
        }
        // Recovered without the identity.
        let manifest = finish(&directory, Trust::Found).expect("recovered");
        assert_eq!(manifest.duration_ms, 2_500);
        assert!(manifest.truncated);
        assert_eq!(
            manifest.encryption.as_ref().map(|e| e.recipients.clone()),
            Some(vec![recipient.clone()])
        );
        verify(&directory).expect("whole");
        let opened = directory.join("opened");
        let identities: Vec<Box<dyn age::Identity + Send + Sync>> =
            vec![Box::new(identity.clone())];
        let nobodys: Vec<Box<dyn age::Identity + Send + Sync>> =
            vec![Box::new(age::x25519::Identity::generate())];
        decrypt(&directory, &nobodys, &opened).expect_err("somebody else's");
        let files = || std::fs::read_dir(&directory).expect("a directory").count();
        assert_eq!(files(), 2, "nothing is left of it");
        let sealed = directory.join(&manifest.audio.file);
        let whole = std::fs::read(&sealed).expect("audio");
        // Behind the key and the first piece.
        let mut cut = 0;
        for _ in 0..2 {
            let length = whole[cut..].first_chunk().expect("a length");
            cut += 4 + u32::from_be_bytes(*length) as usize;
        }
        std::fs::write(&sealed, &whole[..cut]).expect("written");
        let changed = decrypt(&directory, &identities, &opened).expect_err("it was cut");
        assert!(matches!(changed, Undecipherable::Changed), "{changed}");
        assert_eq!(files(), 2, "nothing is left of it");
        std::fs::write(&sealed, &whole).expect("written");
        decrypt(&directory, &identities, &opened).expect("mine");
        assert_eq!(files(), 3);
        if coding == Coding::Pcm {
            assert_eq!(samples(&opened), plain);
        }
        decrypt(&directory, &identities, &opened).expect_err("nothing is written over");
    }
}

#[test]
fn a_disk_that_fails_for_a_while_costs_that_while() {
    let place = Place::new();
    let root = place.0.join("spool");
    let mut tape = tape(Coding::Pcm, None);
    let now = Instant::now();
    // There is a file where the directory should be.
    std::fs::write(&root, b"").expect("written");
    for n in 0..4 {
        tape.handle_piece(0, piece(n));
        tape.advance(now, &root, None).expect_err("no directory");
    }
    assert!(tape.trouble().is_some());
    std::fs::remove_file(&root).expect("removed");
    // Two more that the writer's queue had no room for.
    assert_eq!(tape.handle_piece(2 * PIECE, piece(6)), PIECE);
    tape.advance(now, &root, None).expect("written");
    assert!(tape.trouble().is_none());
    write(&mut tape, &root, None, 7..8);
    end(&mut tape, &root, None);
    let directory = root.join("r_1");
    let manifest = finish(&directory, Trust::Written).expect("finished");
    assert_eq!(manifest.duration_ms, 4_000);
    let gap = |channel| Gap {
        channel,
        from_ms: 0,
        to_ms: 3_000,
        reason: Reason::Dropped,
    };
    assert_eq!(manifest.gaps, [gap(0), gap(1)]);
    let mut expected = vec![0; 6 * 16_000];
    expected.extend(coded(6..8));
    assert_eq!(samples(&directory.join("audio.wav")), expected);
}

#[test]
fn from_taps_to_an_outcome() {
    let place = Place::new();
    let config = crate::config::Config::parse("", "test").expect("a configuration");
    let config = crate::config::Recording {
        dir: place.0.clone(),
        ..config.recording
    };
    let (outcomes, mut ended) = tokio::sync::mpsc::channel(8);
    let (mut recorder, threads) =
        Recorder::start(&config, 1, Metrics::new(), outcomes).expect("started");
    let call = CallId::fresh();
    // All of it is told ahead of its time: however slow the threads are, none finds silence where something is still to come.
    let now = Moment::read();
    let end = now.instant + Duration::from_millis(300);
    let recording = recorder.begin(now, &call, About::default()).expect("begun");
    let mut taps = [0, 1].map(|channel| recorder.tap(&recording, 0, channel).expect("worker 0"));
    for n in 0..15u16 {
        let header = Header {
            marker: false,
            payload_type: PayloadType::new(8).expect("seven bits"),
            sequence: n,
            timestamp: 160 * u32::from(n),
            ssrc: Ssrc(1),
            length: Header::FIXED,
        };
        let at = now.instant + Duration::from_millis(20) * u32::from(n + 1);
        for tap in &mut taps {
            tap.copy(&header, AudioCodec::Pcma, &[0x2a; 160], at);
        }
    }
    recorder.end(end, &recording, About::default());
    let outcome = ended.blocking_recv().expect("one outcome");
    drop((recorder, taps));
    threads.join();
    let Outcome::Finished { recording: id, dir } = outcome else {
        panic!("{outcome:?}");
    };
    assert_eq!(id, recording.id);
    assert_eq!(ended.blocking_recv(), None);
    let manifest = Manifest::read(&dir).expect("a manifest");
    assert_eq!(manifest.call, call.as_str());
    assert_eq!(manifest.duration_ms, 300);
    assert_eq!(manifest.gaps, []);
    assert_eq!(manifest.audio.channels[1].packets, 15);
    verify(&dir).expect("whole");
    // What was left by a process that is gone: nothing.
    assert!(!dir.join(JOURNAL).exists());
}

#[test]
fn a_full_spool_refuses_and_says_so() {
    let place = Place::new();
    let config = crate::config::Config::parse("", "test").expect("a configuration");
    let config = crate::config::Recording {
        dir: place.0.clone(),
        spool_limit: 1,
        ..config.recording
    };
    let left = place.0.join(SPOOL).join("r_published-later");
    std::fs::create_dir_all(&left).expect("a directory");
    std::fs::write(left.join(super::manifest::FILE), b"{}").expect("written");
    let (outcomes, mut ended) = tokio::sync::mpsc::channel(8);
    let (mut recorder, threads) =
        Recorder::start(&config, 1, Metrics::new(), outcomes).expect("started");
    let spooled = recorder.spooled();
    while spooled.size() == 0 {
        std::thread::yield_now();
    }
    let call = CallId::fresh();
    recorder
        .begin(Moment::read(), &call, About::default())
        .expect_err("full");
    drop(recorder);
    threads.join();
    let outcome = ended.blocking_recv().expect("one outcome");
    assert!(matches!(outcome, Outcome::Failed { call: of, .. } if of == call.as_str()));
}

#[test]
fn heard_is_told_even_when_nothing_was() {
    let place = Place::new();
    let mut tape = tape(Coding::Pcm, None);
    end(&mut tape, &place.0, None);
    let manifest = finish(&place.of("r_1"), Trust::Written).expect("finished");
    assert_eq!((manifest.duration_ms, manifest.blocks.len()), (0, 0));
    assert_eq!(manifest.audio.bytes, wav::HEADER as u64);
    assert_eq!(manifest.audio.channels[0].codec_in, Heard::default().codec);
    verify(&place.of("r_1")).expect("whole");
}

#[test]
fn a_disk_that_gives_no_journal_now_cuts_nothing_and_is_asked_again() {
    let place = Place::new();
    let config = crate::config::Config::parse("", "test").expect("a configuration");
    let config = crate::config::Recording {
        dir: place.0.clone(),
        ..config.recording
    };
    let spool = place.0.join(SPOOL);
    let mut tape = tape(Coding::Pcm, None);
    write(&mut tape, &spool, None, 0..6);
    end(&mut tape, &spool, None);
    let journal = spool.join("r_1").join(JOURNAL);
    let text = std::fs::read(&journal).expect("a journal");
    std::fs::remove_file(&journal).expect("removed");
    // It opens, and can't be read.
    std::fs::create_dir(&journal).expect("a directory");
    let started = || {
        let (outcomes, mut ended) = tokio::sync::mpsc::channel(8);
        let (recorder, threads) =
            Recorder::start(&config, 1, Metrics::new(), outcomes).expect("started");
        drop(recorder);
        threads.join();
        ended.blocking_recv().expect("one outcome")
    };
    let failed = started();
    assert!(matches!(failed, Outcome::Failed { .. }), "{failed:?}");
    std::fs::remove_dir(&journal).expect("removed");
    std::fs::write(&journal, text).expect("written");
    let finished = started();
    assert!(matches!(finished, Outcome::Finished { .. }), "{finished:?}");
    let manifest = Manifest::read(&spool.join("r_1")).expect("a manifest");
    assert_eq!((manifest.duration_ms, manifest.truncated), (3_000, false));
}

#[test]
fn what_a_power_cut_left_without_a_journal_is_told_until_it_is_put_aside() {
    let place = Place::new();
    let config = crate::config::Config::parse("", "test").expect("a configuration");
    let config = crate::config::Recording {
        dir: place.0.clone(),
        ..config.recording
    };
    let spool = place.0.join(SPOOL);
    let left = |id: &str, files: &[(&str, &str)]| {
        std::fs::create_dir_all(spool.join(id)).expect("a directory");
        for (name, text) in files {
            std::fs::write(spool.join(id).join(name), text).expect("written");
        }
    };
    left("r_empty", &[]);
    left("r_zeros", &[(JOURNAL, "\0\0\0\0"), ("audio.wav", "\0\0")]);
    // Whoever may write here may not have other files cut.
    let elsewhere = place.of("elsewhere");
    std::fs::write(&elsewhere, "not a recording's").expect("written");
    let mut begin = tape(Coding::Pcm, None).begin().clone();
    begin.file = "../../elsewhere".into();
    let journal = super::spool::line(&super::spool::Line::Begin(Box::new(begin)));
    let journal = String::from_utf8(journal).expect("text");
    left("r_points", &[(JOURNAL, &journal)]);
    let target = place.of("target");
    std::fs::create_dir(&target).expect("a directory");
    std::os::unix::fs::symlink(&target, spool.join("r_link")).expect("a link");
    for start in 0..3 {
        let (outcomes, mut ended) = tokio::sync::mpsc::channel(8);
        let (recorder, threads) =
            Recorder::start(&config, 1, Metrics::new(), outcomes).expect("started");
        drop(recorder);
        threads.join();
        let mut failed = Vec::new();
        while let Some(outcome) = ended.blocking_recv() {
            let Outcome::Failed {
                recording,
                unreadable,
                ..
            } = outcome
            else {
                panic!("{outcome:?}");
            };
            // Until it is told and put aside, it is found again.
            let unreadable = unreadable.expect("no later start can read it");
            assert_eq!(unreadable, spool.join(&recording));
            if start == 1 {
                let aside = place.0.join(&recording);
                std::fs::rename(unreadable, aside).expect("put aside");
            }
            failed.push(recording);
        }
        failed.sort_unstable();
        match start {
            0 | 1 => assert_eq!(failed, ["r_empty", "r_points", "r_zeros"]),
            _ => assert_eq!(failed, [""; 0]),
        }
    }
    for file in ["r_empty", "r_zeros/journal", "r_zeros/audio.wav"] {
        assert!(place.0.join(file).exists(), "{file}");
    }
    let untouched = std::fs::read(&elsewhere).expect("there");
    assert_eq!(untouched, b"not a recording's");
}
