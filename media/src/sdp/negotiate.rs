//! Offer/answer (RFC 3264) for one audio m-line.

use super::{Audio, Description, Direction, Encoding, Format, Media, SdpError, Security, Setup};
use crate::codec::{AudioCodec, ComfortNoise};
use crate::rtp::PayloadType;
use crate::rtp::clock::ClockRate;
use crate::srtp::keys::DtlsRole;

/// What both sides send from now on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Agreed {
    /// Speech towards the peer.
    pub codec: AudioCodec,
    /// The number that the peer gave it.
    pub payload_type: PayloadType,
    /// Digits towards the peer; `None` when it doesn't take them.
    pub events: Option<Events>,
    /// What silence sounds like (RFC 3389); `None` when the peer didn't ask for it.
    pub comfort: Option<PayloadType>,
    /// As seen from us.
    pub direction: Direction,
}

/// How digits are sent (RFC 4733).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Events {
    /// The number that the peer gave them.
    pub payload_type: PayloadType,
    /// What their durations count.
    pub clock: ClockRate,
}

impl Agreed {
    /// The m-line's formats of an answer: the codec, the digits, the silence.
    pub fn formats(&self) -> Vec<Format> {
        let audio = Format {
            payload_type: self.payload_type,
            encoding: Encoding::Audio(self.codec),
        };
        let events = self.events.map(|events| Format {
            payload_type: events.payload_type,
            encoding: Encoding::TelephoneEvent(events.clock),
        });
        let comfort = self.comfort.map(|payload_type| Format {
            payload_type,
            encoding: Encoding::ComfortNoise,
        });
        std::iter::once(audio)
            .chain(events)
            .chain(comfort)
            .collect()
    }

    /// The m-line's formats of a re-offer: what was agreed, and whatever else is enabled.
    pub fn formats_and(&self, enabled: &[AudioCodec]) -> Vec<Format> {
        let mut formats = self.formats();
        for offered in offered_formats(enabled, ComfortNoise::WhereAsked) {
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
            Encoding::Audio(_) | Encoding::TelephoneEvent(_) | Encoding::ComfortNoise => None,
        })
        .ok_or(SdpError::NoCodec)
}

fn agreed(peer: &Audio, codec: AudioCodec, payload_type: PayloadType) -> Agreed {
    Agreed {
        codec,
        payload_type,
        events: events(peer, codec),
        // Its timestamps are the audio's, and it has no clock but this one.
        comfort: find(peer, Encoding::ComfortNoise)
            .filter(|_| codec.clock() == ClockRate::Khz8)
            .map(|format| format.payload_type),
        direction: direction(peer),
    }
}

/// At the codec's own clock rate, which keeps one line of timestamps (RFC 4733 §2.1), or at the other
/// one where the peer has no better.
fn events(peer: &Audio, codec: AudioCodec) -> Option<Events> {
    let other = match codec.clock() {
        ClockRate::Khz8 => ClockRate::Khz48,
        ClockRate::Khz48 => ClockRate::Khz8,
    };
    [codec.clock(), other].into_iter().find_map(|clock| {
        let format = find(peer, Encoding::TelephoneEvent(clock))?;
        Some(Events {
            payload_type: format.payload_type,
            clock,
        })
    })
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

/// What we offer: every enabled codec by its static number, Opus as 111, and digits at each of their
/// clock rates, 101 and 110: the numbers that everybody uses. Comfort noise is 13, and has a clock of 8 kHz (RFC 3389 §4).
pub fn offered_formats(preference: &[AudioCodec], comfort: ComfortNoise) -> Vec<Format> {
    let audio = preference.iter().map(|&codec| Format {
        payload_type: PayloadType::new(match codec {
            AudioCodec::Pcma => 8,
            AudioCodec::Pcmu => 0,
            AudioCodec::G722 => 9,
            AudioCodec::Opus => 111,
        })
        .expect("such a number has seven bits"),
        encoding: Encoding::Audio(codec),
    });
    let clocks = [(ClockRate::Khz8, 101), (ClockRate::Khz48, 110)].into_iter();
    let events = clocks
        .filter(|(clock, _)| preference.iter().any(|codec| codec.clock() == *clock))
        .map(|(clock, number)| Format {
            payload_type: PayloadType::new(number).expect("such a number has seven bits"),
            encoding: Encoding::TelephoneEvent(clock),
        });
    let slow = preference
        .iter()
        .any(|codec| codec.clock() == ClockRate::Khz8);
    let comfort = (slow && comfort == ComfortNoise::Offered).then(|| Format {
        payload_type: PayloadType::new(13).expect("such a number has seven bits"),
        encoding: Encoding::ComfortNoise,
    });
    audio.chain(events).chain(comfort).collect()
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

#[cfg(test)]
mod tests {
    use super::*;
    use AudioCodec::{G722, Opus, Pcma, Pcmu};

    #[test]
    fn our_preference_decides_and_events_have_the_codecs_clock() {
        let offer = "111 9 8 110 101 13";
        for (preference, codec, number, events, comfort) in [
            (&AudioCodec::ALL[..], Pcma, 8, 101, Some(13)),
            (&[Opus, Pcma][..], Opus, 111, 110, None),
            (&[Pcmu, G722][..], G722, 9, 101, Some(13)),
        ] {
            let agreed = agree_to_offer(&audio(offer), preference).expect("a codec");
            assert_eq!((agreed.codec, agreed.payload_type.value()), (codec, number));
            let chosen = agreed.events.expect("events");
            assert_eq!(
                (chosen.payload_type.value(), chosen.clock),
                (events, codec.clock())
            );
            assert_eq!(agreed.comfort.map(PayloadType::value), comfort);
            let formats = agreed.formats();
            let answered = audio(offer);
            assert!(
                formats
                    .iter()
                    .all(|format| answered.formats.contains(format))
            );
        }
        let agreed = agree_to_offer(&audio("111 101"), &[Opus]).expect("a codec");
        assert_eq!(
            agreed.events.map(|events| events.clock),
            Some(ClockRate::Khz8)
        );
        assert_eq!(
            agree_to_offer(&audio("111 9"), &[Pcma, Pcmu]),
            Err(SdpError::NoCodec)
        );
    }

    #[test]
    fn an_offer_has_each_codec_and_digits_for_each_clock() {
        let offered = |codecs: &[AudioCodec]| -> Vec<u8> {
            let formats = offered_formats(codecs, ComfortNoise::WhereAsked).into_iter();
            formats.map(|format| format.payload_type.value()).collect()
        };
        assert_eq!(offered(&[Pcma, Pcmu]), [8, 0, 101]);
        assert_eq!(offered(&[Opus, G722, Pcmu]), [111, 9, 0, 101, 110]);
        assert_eq!(offered(&[Opus]), [111, 110]);
    }

    #[test]
    fn comfort_noise_is_offered_only_where_it_is_wanted_and_has_a_clock() {
        let offered = |codecs: &[AudioCodec]| -> Vec<u8> {
            let formats = offered_formats(codecs, ComfortNoise::Offered).into_iter();
            formats.map(|format| format.payload_type.value()).collect()
        };
        assert_eq!(offered(&[Pcma]), [8, 101, 13]);
        assert_eq!(offered(&[Opus]), [111, 110]);
        for (answer, comfort) in [("8 101 13", Some(13)), ("8 101", None)] {
            let agreed = agree_to_answer(&audio(answer), &[Pcma]).expect("a codec");
            assert_eq!(agreed.comfort.map(PayloadType::value), comfort);
        }
    }

    fn audio(formats: &str) -> Audio {
        let text = format!(
            "v=0\r\no=- 1 1 IN IP4 198.51.100.7\r\ns=-\r\nc=IN IP4 198.51.100.7\r\nt=0 0\r\n\
             m=audio 6000 RTP/AVP {formats}\r\na=rtpmap:111 opus/48000/2\r\n\
             a=rtpmap:101 telephone-event/8000\r\na=rtpmap:110 telephone-event/48000\r\n"
        );
        let description: Description = text.parse().expect("legal");
        description.audio().expect("audio").clone()
    }
}
