//! Offer/answer (RFC 3264) for one audio m-line.

use super::{Audio, Description, Direction, Encoding, Format, Media, SdpError, Security, Setup};
use crate::codec::AudioCodec;
use crate::rtp::PayloadType;
use crate::srtp::keys::DtlsRole;

/// What both sides send from now on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Agreed {
    /// Speech towards the peer.
    pub codec: AudioCodec,
    /// The number that the peer gave it.
    pub payload_type: PayloadType,
    /// Digits towards the peer; `None` when it doesn't take them.
    pub events: Option<PayloadType>,
    /// As seen from us.
    pub direction: Direction,
}

impl Agreed {
    /// The m-line's formats of an answer: the codec, then the digits.
    pub fn formats(&self) -> Vec<Format> {
        let audio = Format {
            payload_type: self.payload_type,
            encoding: Encoding::Audio(self.codec),
        };
        let events = self.events.map(|payload_type| Format {
            payload_type,
            encoding: Encoding::TelephoneEvent,
        });
        std::iter::once(audio).chain(events).collect()
    }

    /// The m-line's formats of a re-offer: what was agreed, and whatever else is enabled.
    pub fn formats_and(&self, enabled: &[AudioCodec]) -> Vec<Format> {
        let mut formats = self.formats();
        for offered in offered_formats(enabled) {
            let audio = matches!(offered.encoding, Encoding::Audio(_));
            let known = formats.iter().any(|format| {
                format.encoding == offered.encoding || format.payload_type == offered.payload_type
            });
            if audio && !known {
                formats.insert(1, offered);
            }
        }
        formats
    }
}

/// Whether an offer could be answered, before anybody's phone rings for it.
///
/// # Errors
///
/// What an answer would fail with.
pub fn examine_offer(offer: &str, preference: &[AudioCodec]) -> Result<(), SdpError> {
    let description: Description = offer.parse()?;
    let audio = description.audio()?;
    agree_to_offer(audio, preference)?;
    match audio.protocol.security() {
        Security::None => {}
        Security::Sdes if audio.crypto.is_empty() => return Err(no_crypto()),
        Security::Sdes => {}
        Security::Dtls => {
            audio.dtls.as_ref().ok_or(SdpError::NoFingerprint)?;
            audio.ice.as_ref().ok_or(SdpError::NoIce)?;
        }
    }
    Ok(())
}

/// How an offer's audio is protected.
///
/// # Errors
///
/// It isn't SDP, or has no audio.
pub fn protection(offer: &str) -> Result<Security, SdpError> {
    let description: Description = offer.parse()?;
    Ok(description.audio()?.protocol.security())
}

/// Nothing of a description's keys can be used.
pub fn no_crypto() -> SdpError {
    SdpError::Unsupported("RTP/SAVP without an a=crypto that is understood".into())
}

/// Chooses from an offer, in the order of `preference`.
///
/// # Errors
///
/// [`SdpError::NoCodec`]
pub fn agree_to_offer(offer: &Audio, preference: &[AudioCodec]) -> Result<Agreed, SdpError> {
    preference
        .iter()
        .find_map(|&codec| {
            let format = find(offer, Encoding::Audio(codec))?;
            Some(agreed(offer, codec, format.payload_type))
        })
        .ok_or(SdpError::NoCodec)
}

/// Reads what an answer chose: its first codec is the one to send with (RFC 3264 §6.1).
///
/// # Errors
///
/// [`SdpError::NoCodec`]
pub fn agree_to_answer(answer: &Audio, offered: &[AudioCodec]) -> Result<Agreed, SdpError> {
    answer
        .formats
        .iter()
        .find_map(|format| match format.encoding {
            Encoding::Audio(codec) if offered.contains(&codec) => {
                Some(agreed(answer, codec, format.payload_type))
            }
            Encoding::Audio(_) | Encoding::TelephoneEvent | Encoding::ComfortNoise => None,
        })
        .ok_or(SdpError::NoCodec)
}

fn agreed(peer: &Audio, codec: AudioCodec, payload_type: PayloadType) -> Agreed {
    Agreed {
        codec,
        payload_type,
        events: find(peer, Encoding::TelephoneEvent).map(|format| format.payload_type),
        direction: direction(peer),
    }
}

fn find(audio: &Audio, encoding: Encoding) -> Option<&Format> {
    audio.formats.iter().find(|f| f.encoding == encoding)
}

/// Ours, mirrored from the peer's; an address of all zeroes is the old way of saying that
/// nothing is to be sent there (RFC 3264 §8.4), which with ICE means nothing.
fn direction(peer: &Audio) -> Direction {
    let mirrored = peer.direction.mirrored();
    let held = peer.ice.is_none() && peer.address.ip().is_unspecified();
    match mirrored {
        Direction::SendRecv if held => Direction::RecvOnly,
        Direction::SendOnly if held => Direction::Inactive,
        same => same,
    }
}

/// What we offer: every enabled codec by its static number, digits as 101.
pub fn offered_formats(preference: &[AudioCodec]) -> Vec<Format> {
    let audio = preference.iter().map(|&codec| Format {
        payload_type: PayloadType::new(match codec {
            AudioCodec::Pcma => 8,
            AudioCodec::Pcmu => 0,
        })
        .expect("a static number has seven bits"),
        encoding: Encoding::Audio(codec),
    });
    let events = Format {
        payload_type: PayloadType::new(101).expect("101 has seven bits"),
        encoding: Encoding::TelephoneEvent,
    };
    audio.chain(std::iter::once(events)).collect()
}

/// Our DTLS role as answerer. To `actpass` the answerer is the client (RFC 5763 §5): that saves
/// half a round trip, since it begins as soon as a candidate pair works.
pub fn role_for_offer(offered: Setup) -> DtlsRole {
    match offered {
        Setup::ActPass | Setup::Passive => DtlsRole::Client,
        Setup::Active => DtlsRole::Server,
    }
}

/// Our DTLS role when `actpass` was ours.
///
/// # Errors
///
/// [`SdpError::Unsupported`] for an answer that leaves it open (RFC 5763 §5).
pub fn role_for_answer(answered: Setup) -> Result<DtlsRole, SdpError> {
    match answered {
        Setup::Active => Ok(DtlsRole::Server),
        Setup::Passive => Ok(DtlsRole::Client),
        Setup::ActPass => Err(SdpError::Unsupported("an answer with setup:actpass".into())),
    }
}

/// `a=setup` for a role.
pub fn setup(role: DtlsRole) -> Setup {
    match role {
        DtlsRole::Client => Setup::Active,
        DtlsRole::Server => Setup::Passive,
    }
}

/// The m-lines of an answer: ours in the place of the audio, everything else refused.
pub fn answer_media(offer: &[Media], ours: Audio) -> Vec<Media> {
    let mut ours = Some(ours);
    offer
        .iter()
        .filter_map(|media| match media {
            Media::Audio(_) => ours.take().map(Media::Audio),
            refused @ Media::Refused { .. } => Some(refused.clone()),
        })
        .collect()
}
