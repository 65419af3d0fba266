//! Descriptions of real peers, and what is written read back.

use super::crypto::{Crypto, MasterKey, Suite};
use super::negotiate::{agree_to_answer, agree_to_offer, role_for_offer};
use super::*;
use crate::srtp::keys::DtlsRole;
use proptest::prelude::*;

const BOTH: [AudioCodec; 2] = [AudioCodec::Pcma, AudioCodec::Pcmu];

#[test]
fn a_media_relays_offer_without_mid_or_group_is_understood() {
    let description: Description = RELAY_OFFER.parse().expect("legal");
    let audio = description.audio().expect("audio");
    assert_eq!(audio.protocol, Protocol::DtlsSavpf);
    assert_eq!(
        audio.address,
        "198.51.100.7:30004".parse().expect("address")
    );
    assert_eq!((audio.rtcp, audio.mid.clone()), (Rtcp::Mux, None));
    let ice = audio.ice.as_ref().expect("ICE");
    assert_eq!(ice.candidates.len(), 1, "component 2 is left out");
    let dtls = audio.dtls.as_ref().expect("DTLS");
    assert_eq!(dtls.fingerprint.hash, "sha-256");
    assert_eq!(role_for_offer(dtls.setup), DtlsRole::Client);
    let agreed = agree_to_offer(audio, &BOTH).expect("a codec");
    assert_eq!(agreed.codec, AudioCodec::Pcma);
    assert_eq!(
        agreed.events.map(|events| events.payload_type.value()),
        Some(101)
    );
}

#[test]
fn a_plain_offer_with_bare_lines_and_no_direction_is_understood() {
    let text = "v=0\no=user1 53655765 2353687637 IN IP4 198.51.100.7\ns=-\n\
                c=IN IP4 198.51.100.7\nt=0 0\nm=audio 6000 RTP/AVP 0\n";
    let description: Description = text.parse().expect("legal");
    let audio = description.audio().expect("audio");
    assert_eq!(audio.direction, Direction::SendRecv);
    let next = "198.51.100.7:6001".parse().expect("address");
    assert_eq!(audio.rtcp, Rtcp::Separate(next));
    let agreed = agree_to_offer(audio, &BOTH).expect("a static type");
    assert_eq!((agreed.codec, agreed.events), (AudioCodec::Pcmu, None));
}

#[test]
fn session_level_attributes_are_inherited_and_overridden() {
    let text = "v=0\r\no=- 1 1 IN IP4 198.51.100.7\r\ns=-\r\nc=IN IP4 198.51.100.7\r\nt=0 0\r\n\
                a=sendonly\r\nm=audio 6000 RTP/AVP 8\r\nc=IN IP4 198.51.100.8\r\n\
                a=rtcp:6100 IN IP4 198.51.100.9\r\n";
    let description: Description = text.parse().expect("legal");
    let audio = description.audio().expect("audio");
    assert_eq!(audio.direction, Direction::SendOnly);
    assert_eq!(audio.address.ip().to_string(), "198.51.100.8");
    let rtcp = "198.51.100.9:6100".parse().expect("address");
    assert_eq!(audio.rtcp, Rtcp::Separate(rtcp));
}

#[test]
fn an_old_style_hold_is_a_hold() {
    let text = "v=0\r\no=- 1 1 IN IP4 198.51.100.7\r\ns=-\r\nc=IN IP4 0.0.0.0\r\nt=0 0\r\n\
                m=audio 6000 RTP/AVP 8\r\n";
    let description: Description = text.parse().expect("legal");
    let agreed = agree_to_offer(description.audio().expect("audio"), &BOTH).expect("a codec");
    assert_eq!(agreed.direction, Direction::RecvOnly);
}

#[test]
fn an_answers_first_codec_is_the_one_to_send() {
    let text = "v=0\r\no=- 1 1 IN IP4 198.51.100.7\r\ns=-\r\nc=IN IP4 198.51.100.7\r\nt=0 0\r\n\
                m=audio 6000 RTP/AVP 18 0 8\r\n";
    let description: Description = text.parse().expect("legal");
    let agreed = agree_to_answer(description.audio().expect("audio"), &BOTH).expect("a codec");
    assert_eq!(agreed.codec, AudioCodec::Pcmu);
}

#[test]
fn what_is_wrong_is_said() {
    let parse = |text: &str| text.parse::<Description>().and_then(|d| d.audio().cloned());
    let head = "v=0\r\no=- 1 1 IN IP4 198.51.100.7\r\ns=-\r\nc=IN IP4 198.51.100.7\r\nt=0 0\r\n";
    assert!(matches!(parse(""), Err(SdpError::Malformed(_))));
    assert!(matches!(parse("INVITE"), Err(SdpError::Malformed(_))));
    assert_eq!(parse(head), Err(SdpError::NoAudio));
    let video = format!("{head}m=video 6000 RTP/AVP 96\r\nm=audio 0 RTP/AVP 8\r\n");
    assert_eq!(parse(&video), Err(SdpError::NoAudio));
    let unknown = format!("{head}m=audio 6000 TCP/MRCPv2 8\r\n");
    assert!(matches!(parse(&unknown), Err(SdpError::Unsupported(_))));
    let keyless = format!("{head}m=audio 6000 RTP/SAVP 8\r\n");
    let examined = super::negotiate::examine_offer(&keyless, &BOTH);
    assert!(matches!(examined, Err(SdpError::Unsupported(_))));
    let port = format!("{head}m=audio 70000 RTP/AVP 8\r\n");
    assert!(matches!(parse(&port), Err(SdpError::Malformed(_))));
    let g729 = parse(&format!("{head}m=audio 6000 RTP/AVP 18\r\n")).expect("legal");
    assert_eq!(agree_to_offer(&g729, &BOTH), Err(SdpError::NoCodec));
    for error in [
        SdpError::NoAudio,
        SdpError::NoCodec,
        SdpError::NoFingerprint,
    ] {
        assert!(error.to_string().starts_with("the session description"));
    }
}

proptest! {
    #[test]
    fn what_is_written_is_read(description in description()) {
        let text = description.to_string();
        prop_assert_eq!(text.parse::<Description>(), Ok(description), "{}", text);
    }

    #[test]
    fn no_text_makes_the_parser_panic(
        lines in prop::collection::vec("(m=audio |a=rtpmap:|a=candidate:|a=fingerprint:|a=rtcp:|c=IN IP4 |a=|m=|)[ -~]{0,30}", 0..20)
    ) {
        let text = format!("v=0\r\n{}", lines.join("\r\n"));
        if let Ok(description) = text.parse::<Description>() {
            let _ = description.to_string().parse::<Description>();
        }
        let _ = browser::fit_answer(&text, &text);
    }

    #[test]
    fn no_octets_make_the_parser_panic(text in ".{0,200}") {
        let _ = text.parse::<Description>();
        let _ = browser::fit_answer(&text, &text);
    }
}

fn description() -> impl Strategy<Value = Description> {
    let refused = prop::collection::vec(refused(), 0..3);
    (refused, audio(), any::<u64>()).prop_map(|(refused, audio, session)| Description {
        origin: format!("- {session} 1 IN IP4 198.51.100.1"),
        media: std::iter::once(Media::Audio(audio))
            .chain(refused)
            .collect(),
    })
}

fn refused() -> impl Strategy<Value = Media> {
    prop::sample::select(vec!["video", "application", "audio"]).prop_map(|kind| Media::Refused {
        kind: kind.to_owned(),
        protocol: "RTP/AVP".into(),
        formats: "96 97".into(),
    })
}

fn audio() -> impl Strategy<Value = Audio> {
    let address = (any::<[u8; 4]>(), 1u16..65_000);
    let address = address.prop_map(|(ip, port)| SocketAddr::new(ip.into(), port));
    let protocol = prop::sample::select(vec![
        Protocol::Avp,
        Protocol::Avpf,
        Protocol::Savp,
        Protocol::Savpf,
        Protocol::DtlsSavpf,
    ]);
    let direction = prop::sample::select(vec![
        Direction::SendRecv,
        Direction::SendOnly,
        Direction::RecvOnly,
        Direction::Inactive,
    ]);
    let rtcp = prop::option::of(address.clone())
        .prop_map(|address| address.map_or(Rtcp::Mux, Rtcp::Separate));
    (
        (address, protocol, formats(), direction, rtcp),
        (prop::option::of(1u16..200), prop::bool::ANY),
        prop::option::of("[a-z0-9-]{1,16}"),
        prop::option::of(any::<u32>().prop_map(Ssrc)),
        prop::option::of(dtls()),
        prop::option::of(ice()),
        prop::collection::vec(crypto(), 0..3),
    )
        .prop_map(|(line, (ptime, asked), mid, ssrc, dtls, ice, crypto)| {
            let (address, protocol, formats, direction, rtcp) = line;
            Audio {
                address,
                protocol,
                formats,
                direction,
                ptime,
                rtcp,
                extended_reports: if asked {
                    ExtendedReports::VoipMetrics
                } else {
                    ExtendedReports::NotAsked
                },
                mid,
                ssrc,
                dtls,
                ice,
                crypto,
            }
        })
}

fn formats() -> impl Strategy<Value = Vec<Format>> {
    let encoding = prop::sample::select(vec![
        Encoding::Audio(AudioCodec::Pcma),
        Encoding::Audio(AudioCodec::Pcmu),
        Encoding::Audio(AudioCodec::G722),
        Encoding::Audio(AudioCodec::Opus),
        Encoding::TelephoneEvent(ClockRate::Khz8),
        Encoding::TelephoneEvent(ClockRate::Khz48),
        Encoding::ComfortNoise,
    ]);
    prop::collection::btree_map(0u8..128, encoding, 0..5).prop_map(|formats| {
        formats
            .into_iter()
            .map(|(number, encoding)| Format {
                payload_type: PayloadType::new(number).expect("below 128"),
                encoding,
            })
            .collect()
    })
}

fn dtls() -> impl Strategy<Value = Dtls> {
    let setup = prop::sample::select(vec![Setup::Active, Setup::Passive, Setup::ActPass]);
    (any::<[u8; 32]>(), setup).prop_map(|(digest, setup)| Dtls {
        fingerprint: Fingerprint {
            hash: "sha-256".into(),
            digest: digest.into(),
        },
        setup,
    })
}

fn crypto() -> impl Strategy<Value = Crypto> {
    let suite = prop::sample::select(Suite::ALL.to_vec());
    (any::<u32>(), suite, any::<[u8; 30]>()).prop_map(|(tag, suite, key)| Crypto {
        tag,
        suite,
        master: MasterKey(key),
    })
}

fn ice() -> impl Strategy<Value = Ice> {
    let implementation =
        prop::sample::select(vec![IceImplementation::Full, IceImplementation::Lite]);
    (
        "[a-zA-Z0-9+/]{4,20}",
        "[a-zA-Z0-9+/]{22,40}",
        implementation,
    )
        .prop_map(|(ufrag, password, implementation)| Ice {
            ufrag,
            password,
            candidates: vec!["candidate:1 1 udp 2130706431 198.51.100.1 4000 typ host".into()],
            implementation,
        })
}

/// In the manner of a SIP media relay: two components, neither mid nor group.
const RELAY_OFFER: &str = "v=0\r\n\
    o=user1 53655765 2353687637 IN IP4 198.51.100.7\r\n\
    s=-\r\n\
    c=IN IP4 198.51.100.7\r\n\
    t=0 0\r\n\
    b=AS:80\r\n\
    m=audio 30004 UDP/TLS/RTP/SAVPF 0 8 18 101\r\n\
    a=rtpmap:101 telephone-event/8000\r\n\
    a=fmtp:101 0-15\r\n\
    a=sendrecv\r\n\
    a=rtcp:30005\r\n\
    a=rtcp-mux\r\n\
    a=setup:actpass\r\n\
    a=fingerprint:sha-256 \
00:01:02:03:04:05:06:07:08:09:0A:0B:0C:0D:0E:0F:10:11:12:13:14:15:16:17:18:19:1A:1B:1C:1D:1E:1F\r\n\
    a=tls-id:1234567890abcdef1234\r\n\
    a=ice-ufrag:Fc8hJq3d\r\n\
    a=ice-pwd:vqWmyVsr2pTcVlIXcGmXZVyQz9\r\n\
    a=candidate:m8Aj2XyUOa4 1 UDP 2130706431 198.51.100.7 30004 typ host\r\n\
    a=candidate:m8Aj2XyUOa4 2 UDP 2130706430 198.51.100.7 30005 typ host\r\n";
