//! What a stranger may have done to a recording between its writing and its reading.

use sha2::{Digest as _, Sha256};

use super::super::manifest::{About, Audio, Channel, Role, SCHEMA, Status};
use super::*;

/// A recording's directory, which goes with the test.
struct Place {
    root: PathBuf,
    manifest: Manifest,
    audio: Vec<u8>,
}

impl Place {
    /// Seven seconds of octets, the last of them short.
    fn new() -> Self {
        let root = std::env::temp_dir().join(format!("warmline-verify-{}", uuid::Uuid::new_v4()));
        let directory = root.join("r_1");
        std::fs::create_dir_all(&directory).expect("a directory");
        let audio: Vec<u8> = (0..6 * 4_000 + 500_u32).map(|n| (n % 253) as u8).collect();
        let manifest = manifest(&audio);
        manifest.write(&directory).expect("written");
        std::fs::write(directory.join("audio.wav"), &audio).expect("written");
        Self {
            root,
            manifest,
            audio,
        }
    }

    fn directory(&self) -> PathBuf {
        self.root.join("r_1")
    }

    fn audio_file(&self) -> PathBuf {
        self.directory().join("audio.wav")
    }

    /// With a chain that closes, as whoever may write here can make one.
    fn rewrite(&self, change: impl FnOnce(&mut Manifest)) {
        let mut manifest = self.manifest.clone();
        change(&mut manifest);
        manifest.seal();
        manifest.write(&self.directory()).expect("written");
    }

    fn doubts(&self) -> Vec<Doubt> {
        verify(&self.directory()).expect_err("not as it was")
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.root);
    }
}

fn manifest(audio: &[u8]) -> Manifest {
    let channel = |index, role| Channel {
        index,
        role,
        codec_in: None,
        packets: 0,
        lost: 0,
        dropped: 0,
    };
    let mut link = Link::first("r_1");
    let blocks = audio.chunks(4_000).map(|second| {
        let mut hash = link.hash();
        hash.update(second);
        link = Link::of(hash);
        Block {
            bytes: second.len() as u64,
            link,
        }
    });
    let mut manifest = Manifest {
        schema: SCHEMA,
        id: "r_1".to_owned(),
        call: "c_1".to_owned(),
        status: Status::Completed,
        started_at: "2026-11-20T10:00:00.120Z".to_owned(),
        duration_ms: 6_125,
        about: About::default(),
        audio: Audio {
            file: "audio.wav".to_owned(),
            codec: "pcm_s16le".to_owned(),
            sample_rate: 8_000,
            bytes: audio.len() as u64,
            sha256: hex(&Sha256::digest(audio)),
            channels: vec![channel(0, Role::Customer), channel(1, Role::Agent)],
        },
        gaps: Vec::new(),
        skew_ppm: [0.0, 0.0],
        truncated: false,
        encryption: None,
        blocks: blocks.collect(),
        chain: String::new(),
    };
    manifest.seal();
    manifest
}

/// Numbers that are always the same (Knuth's MMIX).
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        let next = self.0.wrapping_mul(6_364_136_223_846_793_005);
        self.0 = next.wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % end
    }
}

#[test]
fn no_bit_of_the_audio_flips_unseen_and_its_second_is_named() {
    let (place, mut dice) = (Place::new(), Dice(1));
    for _ in 0..400 {
        let (at, bit) = (dice.below(place.audio.len()), dice.below(8));
        let mut changed = place.audio.clone();
        changed[at] ^= 1 << bit;
        std::fs::write(place.audio_file(), &changed).expect("written");
        assert_eq!(
            place.doubts(),
            [Doubt::Audio(at / 4_000)],
            "bit {bit} of {at}"
        );
    }
}

#[test]
fn no_bit_of_the_manifest_flips_unseen() {
    let (place, mut dice) = (Place::new(), Dice(2));
    let file = place.directory().join(FILE);
    let text = std::fs::read(&file).expect("there");
    for _ in 0..2_000 {
        let (at, bit) = (dice.below(text.len()), dice.below(8));
        let mut changed = text.clone();
        changed[at] ^= 1 << bit;
        std::fs::write(&file, &changed).expect("written");
        let doubts = place.doubts();
        assert!(!doubts.is_empty(), "bit {bit} of {at}");
    }
}

#[test]
fn octets_that_come_go_or_change_places_are_seen() {
    let (place, mut dice) = (Place::new(), Dice(3));
    for _ in 0..100 {
        let (one, other) = (dice.below(6), dice.below(6));
        let mut changed = place.audio.clone();
        match dice.below(3) {
            0 => changed.insert(dice.below(place.audio.len()), 0x55),
            1 => drop(changed.remove(dice.below(place.audio.len()))),
            _ if one == other => changed.truncate(4_000 * one),
            // A second in another one's place.
            _ => {
                for n in 0..4_000 {
                    changed.swap(4_000 * one + n, 4_000 * other + n);
                }
            }
        }
        std::fs::write(place.audio_file(), &changed).expect("written");
        assert!(!place.doubts().is_empty());
    }
}

#[test]
fn a_manifest_names_a_file_beside_it_and_no_other() {
    let place = Place::new();
    // The very audio, elsewhere.
    std::fs::write(place.root.join("audio.wav"), &place.audio).expect("written");
    let absolute = place.audio_file().to_string_lossy().into_owned();
    for file in [
        "../audio.wav",
        "../r_1/audio.wav",
        "./audio.wav",
        "audio.wav/",
        &absolute,
        "",
        ".",
        "..",
        FILE,
    ] {
        place.rewrite(|manifest| manifest.audio.file = file.to_owned());
        let doubts = place.doubts();
        let [Doubt::Unreadable(_, why)] = doubts.as_slice() else {
            panic!("{file}: {doubts:?}");
        };
        assert!(why.contains("no file beside it"), "{file}: {why}");
    }
}

#[test]
fn lengths_that_nothing_has_are_only_wrong() {
    let place = Place::new();
    place.rewrite(|manifest| manifest.blocks[2].bytes = u64::MAX);
    assert_eq!(place.doubts(), [Doubt::Chain(2)]);
    place.rewrite(|manifest| manifest.audio.bytes = u64::MAX);
    let (told, found) = (u64::MAX, place.audio.len() as u64);
    assert_eq!(place.doubts(), [Doubt::Length { told, found }]);
}

#[test]
fn what_is_missing_is_told_and_what_is_more_does_not_matter() {
    let place = Place::new();
    std::fs::write(place.directory().join("notes.txt"), "ours").expect("written");
    assert!(verify(&place.directory()).is_ok());
    assert!(verify(&place.directory().join(FILE)).is_ok());
    std::fs::remove_file(place.audio_file()).expect("removed");
    assert!(
        matches!(place.doubts().as_slice(), [Doubt::Unreadable(file, _)] if *file == place.audio_file())
    );
    std::fs::remove_file(place.directory().join(FILE)).expect("removed");
    assert!(
        matches!(place.doubts().as_slice(), [Doubt::Unreadable(file, _)] if file.ends_with(FILE))
    );
}

#[test]
fn a_link_to_the_audio_will_do_and_what_has_no_end_is_not_read() {
    use std::os::unix::fs::symlink;
    let place = Place::new();
    let archive = place.root.join("archive.wav");
    std::fs::rename(place.audio_file(), &archive).expect("moved");
    symlink(&archive, place.audio_file()).expect("a link");
    assert!(verify(&place.directory()).is_ok());
    for name in ["audio.wav", FILE] {
        let file = place.directory().join(name);
        let aside = place.root.join("aside");
        std::fs::rename(&file, &aside).expect("moved");
        symlink("/dev/zero", &file).expect("a link");
        assert!(
            matches!(place.doubts().as_slice(), [Doubt::Unreadable(_, why)] if why == "it isn't a file")
        );
        std::fs::remove_file(&file).expect("removed");
        std::fs::rename(&aside, &file).expect("moved back");
    }
    assert!(verify(&place.directory()).is_ok());
}
