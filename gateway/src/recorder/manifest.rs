//! The manifest: what a finished recording says of itself. Its presence means that the recording is whole.
//!
//! Two digests guard it. `audio.sha256` is the audio file's. `chain` is the last link of a chain over the audio's
//! one-second blocks (`blocks`) and, at its end, over the manifest's own text without `chain`.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

/// The manifest's name in a recording's directory.
pub const FILE: &str = "manifest.json";

/// What the contract's readers know.
pub const SCHEMA: u32 = 1;

/// What a recording is and holds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    pub schema: u32,
    /// `r_` and a UUIDv7.
    pub id: String,
    pub call: String,
    pub status: Status,
    /// RFC 3339, UTC: when the call was answered, the first sample's time.
    pub started_at: String,
    pub duration_ms: u64,
    #[serde(flatten)]
    pub about: About,
    pub audio: Audio,
    /// Silences that nobody spoke, by channel and time.
    pub gaps: Vec<Gap>,
    /// How much faster each channel's clock ran than ours, in millionths.
    pub skew_ppm: [f64; 2],
    /// The gateway ended before the call did; up to a second is missing at the end.
    pub truncated: bool,
    /// `None` when the audio can be read by everybody.
    pub encryption: Option<Encryption>,
    /// The audio's one-second blocks, in order.
    pub blocks: Vec<Block>,
    /// The last link of the chain, in hex.
    #[serde(default)]
    pub chain: String,
}

/// Whose call it was.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct About {
    /// `outbound` or `inbound`.
    pub direction: String,
    pub agent: String,
    pub from: String,
    pub to: String,
    #[serde(default)]
    pub sip_call_id: Option<String>,
    #[serde(default)]
    pub ucid: Option<String>,
    #[serde(default)]
    pub context: Option<Value>,
}

/// How the recording ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// With the call.
    Completed,
    /// With the gateway.
    Truncated,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Audio {
    /// Its name beside the manifest.
    pub file: String,
    /// As ffmpeg names it: `pcm_s16le`, `pcm_alaw`, `opus`.
    pub codec: String,
    pub sample_rate: u32,
    pub bytes: u64,
    /// Of the whole file, in hex.
    pub sha256: String,
    pub channels: Vec<Channel>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Channel {
    /// 0 is the customer, 1 the agent.
    pub index: u8,
    pub role: Role,
    /// What the party's phone sent; `None` when it sent nothing.
    pub codec_in: Option<String>,
    pub packets: u64,
    pub lost: u64,
    /// Packets that came and that the recorder had no room for.
    #[serde(default)]
    pub dropped: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    Customer,
    Agent,
}

/// A stretch of a channel that holds silence instead of what its party said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gap {
    pub channel: u8,
    pub from_ms: u64,
    pub to_ms: u64,
    pub reason: Reason,
}

/// Why there is a gap.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Reason {
    /// Packets that the network lost, or brought too late.
    Lost,
    /// The party's phone sent nothing because nothing was said (RFC 3551 §4.1).
    Dtx,
    /// Nothing came, and nothing told why.
    Silent,
    Hold,
    Mute,
    Paused,
    /// The agent's page was reloaded, or its audio connection was away.
    Reload,
    /// The recorder or the disk was too slow, or the disk was full.
    Dropped,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Encryption {
    /// The file is a sequence of parts, each behind its length (32 bits, the highest octet first).
    ///
    /// `age-key-aes256gcm`: the first part is an age file that holds the recording's key, 32 octets; each other is half
    /// a second sealed with it by AES-256-GCM, whose nonce is the part's number, from 0 at the first half second, in 96
    /// bits.
    ///
    /// `age-blocks`, before: each part is an age file of half a second.
    pub scheme: String,
    pub recipients: Vec<String>,
}

/// A second of the audio file: how many of its octets, and the chain's link after them. Written `octets:hex`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Block {
    pub bytes: u64,
    pub link: Link,
}

/// A link of the chain: the first half of the SHA-256 of the link before and the block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Link(pub [u8; 16]);

impl Link {
    /// What the first block follows: bound to the recording, so that blocks of others don't fit.
    pub fn first(recording: &str) -> Self {
        Self::of(Sha256::new_with_prefix(recording))
    }

    /// The hash of a block's octets that follow this link; feed it and end with [`Link::of`].
    pub fn hash(self) -> Sha256 {
        Sha256::new_with_prefix(self.0)
    }

    pub fn of(hash: Sha256) -> Self {
        let digest = hash.finalize();
        let mut half = [0; 16];
        half.copy_from_slice(&digest[..16]);
        Self(half)
    }
}

impl Manifest {
    /// Reads the manifest beside the audio.
    ///
    /// # Errors
    ///
    /// It isn't there, or isn't one.
    pub fn read(directory: &Path) -> io::Result<Self> {
        let text = Self::read_text(&directory.join(FILE))?;
        serde_json::from_slice(&text).map_err(io::Error::other)
    }

    /// A manifest's octets, from whoever wrote it.
    ///
    /// # Errors
    ///
    /// It isn't there, or is nothing that could be one.
    pub fn read_text(file: &Path) -> io::Result<Vec<u8>> {
        let length = regular(file)?;
        if length > LONGEST {
            return Err(io::Error::other("it is too long for a manifest"));
        }
        std::fs::read(file)
    }

    /// The audio, which lies beside the manifest and nowhere else.
    ///
    /// # Errors
    ///
    /// The manifest names no file of its directory.
    pub fn audio_in(&self, directory: &Path) -> io::Result<PathBuf> {
        let name = Path::new(&self.audio.file);
        let plain = name.file_name() == Some(name.as_os_str()) && self.audio.file != FILE;
        match plain {
            true => Ok(directory.join(name)),
            false => Err(io::Error::other("the manifest names no file beside it")),
        }
    }

    /// Writes it so that it is there whole or not at all, even after a power cut. The audio must be on the disk.
    ///
    /// # Errors
    ///
    /// The disk's.
    pub fn write(&self, directory: &Path) -> io::Result<()> {
        let unfinished = directory.join(UNFINISHED);
        let mut file = File::create(&unfinished)?;
        file.write_all(self.text().as_bytes())?;
        file.sync_all()?;
        std::fs::rename(&unfinished, directory.join(FILE))?;
        File::open(directory)?.sync_all()
    }

    /// As it is written.
    pub fn text(&self) -> String {
        serde_json::to_string_pretty(self).expect("a manifest has only keys of text")
    }

    /// Closes the chain over the blocks and this text.
    pub fn seal(&mut self) {
        self.chain = self.closing_link();
    }

    /// Whether `text`, as it stands on the disk, is what the chain was closed over: every octet of it counts.
    pub fn closes(&self, text: &str) -> bool {
        let (sealed, unsealed) = (chain_line(&self.chain), chain_line(""));
        text.matches(&sealed).count() == 1
            && self.link_over(&text.replacen(&sealed, &unsealed, 1)) == self.chain
    }

    fn closing_link(&self) -> String {
        let unsealed = Self {
            chain: String::new(),
            ..self.clone()
        };
        self.link_over(&unsealed.text())
    }

    fn link_over(&self, text: &str) -> String {
        let last = match self.blocks.last() {
            Some(block) => block.link,
            None => Link::first(&self.id),
        };
        let mut hash = last.hash();
        hash.update(text);
        hex(&hash.finalize())
    }
}

fn chain_line(chain: &str) -> String {
    format!("  \"chain\": \"{chain}\"\n}}")
}

pub fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

impl std::fmt::Display for Block {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.bytes, hex(&self.link.0))
    }
}

impl std::str::FromStr for Block {
    type Err = NotABlock;

    fn from_str(text: &str) -> Result<Self, NotABlock> {
        let (bytes, link) = text.split_once(':').ok_or(NotABlock)?;
        let bytes = bytes.parse().map_err(|_| NotABlock)?;
        if link.len() != 32 || !link.is_ascii() {
            return Err(NotABlock);
        }
        let mut octets = [0; 16];
        for (n, octet) in octets.iter_mut().enumerate() {
            *octet = u8::from_str_radix(&link[2 * n..2 * n + 2], 16).map_err(|_| NotABlock)?;
        }
        Ok(Self {
            bytes,
            link: Link(octets),
        })
    }
}

/// Neither a length nor a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a block is its length, a colon and 32 hexadecimal digits")]
pub struct NotABlock;

impl Serialize for Block {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Block {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// A file's length. What is no file, such as a pipe or a device, has no end and is never opened.
///
/// # Errors
///
/// It isn't there, or isn't a file.
pub fn regular(path: &Path) -> io::Result<u64> {
    let metadata = std::fs::metadata(path)?;
    match metadata.is_file() {
        true => Ok(metadata.len()),
        false => Err(io::Error::other("it isn't a file")),
    }
}

/// Octets; a week's call has some 30 million.
const LONGEST: u64 = 64 << 20;

/// Under this name until it is whole.
const UNFINISHED: &str = "manifest.json.part";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_reads_as_it_was_written() {
        let manifest = manifest();
        let read: Manifest = serde_json::from_str(&manifest.text()).expect("its own text");
        assert_eq!(read, manifest);
        assert!(read.closes(&manifest.text()));
    }

    #[test]
    fn no_octet_of_the_text_can_change() {
        let text = manifest().text();
        for place in 0..text.len() {
            let mut changed = text.clone().into_bytes();
            changed[place] ^= 1;
            let Ok(changed) = String::from_utf8(changed) else {
                continue;
            };
            // Most are no manifest any more.
            if let Ok(read) = serde_json::from_str::<Manifest>(&changed) {
                assert!(!read.closes(&changed), "octet {place}");
            }
        }
    }

    #[test]
    fn nonsense_is_no_block() {
        for text in [
            "",
            "1",
            "1:2",
            "x:00112233445566778899aabbccddeeff",
            "1:é0112233445566778899aabbccddeef",
        ] {
            assert_eq!(text.parse::<Block>(), Err(NotABlock), "{text}");
        }
    }

    fn manifest() -> Manifest {
        let first = Link::first("r_1");
        let channel = |index, role| Channel {
            index,
            role,
            codec_in: Some("PCMA".into()),
            packets: 50,
            lost: 0,
            dropped: 0,
        };
        let mut manifest = Manifest {
            schema: SCHEMA,
            id: "r_1".into(),
            call: "c_1".into(),
            status: Status::Completed,
            started_at: "2026-11-20T10:00:00.120Z".into(),
            duration_ms: 4_200,
            about: About {
                direction: "outbound".into(),
                agent: "agent7".into(),
                from: "+919000000001".into(),
                to: "+919000000002".into(),
                ..About::default()
            },
            audio: Audio {
                file: "audio.wav".into(),
                codec: "pcm_s16le".into(),
                sample_rate: 8_000,
                bytes: 32_044,
                sha256: "00".into(),
                channels: vec![channel(0, Role::Customer), channel(1, Role::Agent)],
            },
            gaps: vec![Gap {
                channel: 1,
                from_ms: 20,
                to_ms: 40,
                reason: Reason::Hold,
            }],
            skew_ppm: [1.2, -4.0],
            truncated: false,
            encryption: None,
            blocks: vec![Block {
                bytes: 32_044,
                link: first,
            }],
            chain: String::new(),
        };
        manifest.seal();
        manifest
    }
}
