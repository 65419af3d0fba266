//! The customer's end of a call: a WebRTC peer that offers G.711, speaks, and listens.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use async_trait::async_trait;
use rustls::crypto::CryptoProvider;
use tokio::sync::watch;
use tokio::task::AbortHandle;
use webrtc::api::APIBuilder;
use webrtc::api::interceptor_registry::configure_rtcp_reports;
use webrtc::api::media_engine::{
    MIME_TYPE_PCMA, MIME_TYPE_PCMU, MIME_TYPE_TELEPHONE_EVENT, MediaEngine,
};
use webrtc::api::setting_engine::SettingEngine;
use webrtc::ice::mdns::MulticastDnsMode;
use webrtc::ice::network_type::NetworkType;
use webrtc::interceptor::registry::Registry;
use webrtc::peer_connection::RTCPeerConnection;
use webrtc::peer_connection::configuration::RTCConfiguration;
use webrtc::peer_connection::peer_connection_state::RTCPeerConnectionState;
use webrtc::peer_connection::sdp::session_description::RTCSessionDescription;
use webrtc::rtp::header::Header;
use webrtc::rtp::packet::Packet;
use webrtc::rtp_transceiver::rtp_codec::{
    RTCRtpCodecCapability, RTCRtpCodecParameters, RTPCodecType,
};
use webrtc::track::track_local::{TrackLocal, TrackLocalContext, TrackLocalWriter};
use webrtc::track::track_remote::TrackRemote;

use super::description::{DtlsRole, with_default_candidate};
use super::g711::Law;
use super::hearing::{Heard, Hearing};
use super::voice::{FRAME, Speech, Voice};

/// One side of a WebRTC call in G.711; dropping it closes the connection.
pub struct Phone {
    connection: Arc<RTCPeerConnection>,
    state: watch::Receiver<RTCPeerConnectionState>,
    ear: Ear,
    /// Settled by the first answer; it holds for the association's life (RFC 8842 §5.3).
    dtls_role: OnceLock<DtlsRole>,
    speaking: AbortHandle,
}

/// What was heard and what is being said, shared with the tasks that move packets.
#[derive(Debug, Clone, Default)]
pub struct Ear(Arc<Mutex<Conversation>>);

#[derive(Debug, Default)]
struct Conversation {
    hearing: Hearing,
    speech: Speech,
}

/// What the answer allowed the mouth to send.
#[derive(Clone)]
struct Mouth {
    law: Law,
    header: Header,
    writer: Arc<dyn TrackLocalWriter + Send + Sync>,
}

/// The outgoing track: takes the first G.711 codec that the answer kept, whichever law it is.
struct SpeechTrack(watch::Sender<Option<Mouth>>);

impl Phone {
    /// A phone on `address`, with a candidate on that address only, mute until [`Self::say`]; it listens into `ear`.
    ///
    /// The stack's DTLS asks rustls for the process's default crypto provider, and panics where several are compiled
    /// in and none is installed; then aws-lc-rs is installed here.
    ///
    /// # Errors
    ///
    /// When the WebRTC stack can't be set up.
    pub async fn new(address: IpAddr, ear: Ear) -> Result<Self> {
        if CryptoProvider::get_default().is_none() {
            // Losing a race against another installer is as good.
            let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        }
        let mut engine = MediaEngine::default();
        for (mime, payload_type, fmtp) in CODECS {
            engine.register_codec(
                RTCRtpCodecParameters {
                    capability: RTCRtpCodecCapability {
                        mime_type: mime.to_owned(),
                        clock_rate: 8_000,
                        sdp_fmtp_line: fmtp.to_owned(),
                        ..Default::default()
                    },
                    payload_type,
                    ..Default::default()
                },
                RTPCodecType::Audio,
            )?;
        }
        let mut settings = SettingEngine::default();
        settings.set_include_loopback_candidate(address.is_loopback());
        settings.set_ice_multicast_dns_mode(MulticastDnsMode::Disabled);
        settings.set_network_types(vec![match address {
            IpAddr::V4(_) => NetworkType::Udp4,
            IpAddr::V6(_) => NetworkType::Udp6,
        }]);
        settings.set_ip_filter(Box::new(move |ip| {
            address.is_unspecified() || ip == address
        }));
        let connection = APIBuilder::new()
            .with_media_engine(engine)
            .with_interceptor_registry(configure_rtcp_reports(Registry::new()))
            .with_setting_engine(settings)
            .build()
            .new_peer_connection(RTCConfiguration::default())
            .await?;
        let connection = Arc::new(connection);

        let (states, state) = watch::channel(RTCPeerConnectionState::New);
        connection.on_peer_connection_state_change(Box::new(move |now| {
            states.send_replace(now);
            Box::pin(async {})
        }));
        let listener = ear.clone();
        connection.on_track(Box::new(move |track, _, _| {
            tokio::spawn(listen(track, listener.clone()));
            Box::pin(async {})
        }));
        let (mouths, mouth) = watch::channel(None);
        connection.add_track(Arc::new(SpeechTrack(mouths))).await?;
        let speaking = tokio::spawn(speak(mouth, state.clone(), ear.clone())).abort_handle();
        Ok(Self {
            connection,
            state,
            ear,
            dtls_role: OnceLock::new(),
            speaking,
        })
    }

    /// A complete offer: every candidate in it, none to follow.
    ///
    /// # Errors
    ///
    /// When the stack can't offer or finds no candidate.
    pub async fn offer(&self) -> Result<String> {
        let offer = self.connection.create_offer(None).await?;
        self.settle_local(offer).await
    }

    /// Takes the answer to [`Self::offer`].
    ///
    /// # Errors
    ///
    /// When it is no SDP or doesn't answer that offer.
    pub async fn handle_answer(&self, sdp: &str) -> Result<()> {
        let answer = RTCSessionDescription::answer(sdp.to_owned())?;
        self.connection.set_remote_description(answer).await?;
        self.dtls_role.get_or_init(|| DtlsRole::left_by(sdp));
        Ok(())
    }

    /// Takes the peer's offer, the first one or a later one (hold and the like), and answers it.
    ///
    /// # Errors
    ///
    /// When it is no SDP or can't be answered.
    pub async fn handle_offer(&self, sdp: &str) -> Result<String> {
        let offer = RTCSessionDescription::offer(sdp.to_owned())?;
        self.connection.set_remote_description(offer).await?;
        let answer = self.connection.create_answer(None).await?;
        let answer = self.settle_local(answer).await?;
        let role = self.dtls_role.get_or_init(|| DtlsRole::Active);
        Ok(role.in_answer(&answer))
    }

    /// The description that stands, for an offerless re-INVITE.
    pub async fn standing_description(&self) -> Option<String> {
        let description = self.connection.local_description().await?;
        Some(with_default_candidate(&description.sdp))
    }

    /// Waits until media can flow.
    ///
    /// # Errors
    ///
    /// When the connection fails or is closed instead.
    pub async fn connected(&self) -> Result<()> {
        let mut state = self.state.clone();
        let reached = state
            .wait_for(|s| *s == RTCPeerConnectionState::Connected || is_over(*s))
            .await?;
        match *reached {
            RTCPeerConnectionState::Connected => Ok(()),
            other => bail!("the connection is {other}"),
        }
    }

    /// Waits until media can flow no more.
    pub async fn lost(&self) {
        let mut state = self.state.clone();
        // The sender lives in the connection's handler; its end is the connection's.
        let _ = state.wait_for(|s| is_over(*s)).await;
    }

    /// Says something else from now on.
    pub fn say(&self, voice: Voice) {
        self.ear.lock().speech.begin(voice);
    }

    async fn settle_local(&self, description: RTCSessionDescription) -> Result<String> {
        let mut gathered = self.connection.gathering_complete_promise().await;
        self.connection.set_local_description(description).await?;
        // `None` is the promise kept: its sender is dropped when gathering completes.
        tokio::time::timeout(GATHERING, gathered.recv())
            .await
            .context("gathering candidates took too long")?;
        let description = self
            .connection
            .local_description()
            .await
            .context("no local description")?;
        Ok(with_default_candidate(&description.sdp))
    }
}

impl Drop for Phone {
    fn drop(&mut self) {
        self.speaking.abort();
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            let connection = self.connection.clone();
            runtime.spawn(async move { connection.close().await });
        }
    }
}

impl std::fmt::Debug for Phone {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Phone")
            .field("state", &*self.state.borrow())
            .finish_non_exhaustive()
    }
}

impl Ear {
    /// The measurements up to now.
    pub fn heard(&self) -> Heard {
        self.lock().hearing.heard()
    }

    fn lock(&self) -> MutexGuard<'_, Conversation> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl TrackLocal for SpeechTrack {
    async fn bind(
        &self,
        context: &TrackLocalContext,
    ) -> webrtc::error::Result<RTCRtpCodecParameters> {
        let (codec, law) = context
            .codec_parameters()
            .iter()
            .find_map(|codec| Some((codec.clone(), law(codec.payload_type)?)))
            .ok_or(webrtc::Error::ErrUnsupportedCodec)?;
        self.0.send_replace(Some(Mouth {
            law,
            header: Header {
                version: 2,
                payload_type: codec.payload_type,
                ssrc: context.ssrc(),
                ..Default::default()
            },
            writer: context.write_stream(),
        }));
        Ok(codec)
    }

    async fn unbind(&self, _: &TrackLocalContext) -> webrtc::error::Result<()> {
        self.0.send_replace(None);
        Ok(())
    }

    fn id(&self) -> &str {
        "audio"
    }

    fn rid(&self) -> Option<&str> {
        None
    }

    fn stream_id(&self) -> &str {
        "customer"
    }

    fn kind(&self) -> RTPCodecType {
        RTPCodecType::Audio
    }

    fn as_any(&self) -> &dyn std::any::Any {
        self
    }
}

/// Sends a frame every 20 ms from the moment that media can flow, silence included, as a carrier does.
async fn speak(
    mut mouth: watch::Receiver<Option<Mouth>>,
    mut state: watch::Receiver<RTCPeerConnectionState>,
    ear: Ear,
) {
    if state
        .wait_for(|s| *s == RTCPeerConnectionState::Connected)
        .await
        .is_err()
    {
        return;
    }
    let Ok(Some(Mouth {
        law,
        mut header,
        writer,
    })) = mouth.wait_for(Option::is_some).await.map(|m| m.clone())
    else {
        return;
    };
    header.marker = true;
    header.sequence_number = rand::random();
    header.timestamp = rand::random();
    let mut frames = tokio::time::interval(Duration::from_millis(20));
    loop {
        frames.tick().await;
        let samples = ear.lock().speech.next_frame();
        let packet = Packet {
            header: header.clone(),
            payload: samples
                .iter()
                .map(|s| law.encode(*s))
                .collect::<Vec<_>>()
                .into(),
        };
        if let Err(error) = writer.write_rtp(&packet).await {
            tracing::debug!(%error, "the customer's audio ends");
            return;
        }
        header.marker = false;
        header.sequence_number = header.sequence_number.wrapping_add(1);
        header.timestamp = header.timestamp.wrapping_add(FRAME as u32);
    }
}

/// Hands what arrives to the ear until the track ends.
async fn listen(track: Arc<TrackRemote>, ear: Ear) {
    while let Ok((packet, _)) = track.read_rtp().await {
        let mime = track.codec().capability.mime_type;
        let law = law(packet.header.payload_type);
        let mut conversation = ear.lock();
        conversation
            .hearing
            .handle_sequence(packet.header.sequence_number);
        if let Some(law) = law {
            let samples = || packet.payload.iter().map(|code| law.decode(*code));
            conversation.hearing.handle_samples(samples());
            conversation.speech.handle_heard(samples());
        } else if mime.eq_ignore_ascii_case(MIME_TYPE_TELEPHONE_EVENT) {
            conversation
                .hearing
                .handle_event(packet.header.timestamp, &packet.payload);
        }
    }
}

/// By the static payload types of RFC 3551: the stack never names the codec of type 0, its initial value.
fn law(payload_type: u8) -> Option<Law> {
    match payload_type {
        0 => Some(Law::Mu),
        8 => Some(Law::A),
        _ => None,
    }
}

fn is_over(state: RTCPeerConnectionState) -> bool {
    matches!(
        state,
        RTCPeerConnectionState::Failed | RTCPeerConnectionState::Closed
    )
}

/// Offered in this order: India's network is A-law.
const CODECS: [(&str, u8, &str); 3] = [
    (MIME_TYPE_PCMA, 8, ""),
    (MIME_TYPE_PCMU, 0, ""),
    (MIME_TYPE_TELEPHONE_EVENT, 101, "0-15"),
];
/// Host candidates are there at once; this bounds a machine without the address.
const GATHERING: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn two_phones_hear_each_others_tones() {
        let [(caller, caller_ear), (callee, callee_ear)] = pair(|answer| answer).await;
        caller.say(Voice::Tone { hz: 440.0 });
        callee.say(Voice::Tone { hz: 1_000.0 });
        let heard = [tone(&caller_ear).await, tone(&callee_ear).await];
        assert!(
            (heard[0] - 1_000.0).abs() < 1.0 && (heard[1] - 440.0).abs() < 1.0,
            "{heard:?}"
        );
    }

    #[tokio::test]
    async fn an_answer_in_mu_law_alone_is_obeyed() {
        let mu_law_alone = |answer: String| {
            let kept = answer
                .split_inclusive("\r\n")
                .filter(|line| !line.starts_with("a=rtpmap:8 "));
            kept.collect::<String>()
                .replace("SAVPF 8 0 101", "SAVPF 0 101")
        };
        let [(caller, _), (_callee, callee_ear)] = pair(mu_law_alone).await;
        caller.say(Voice::Tone { hz: 440.0 });
        let heard = tone(&callee_ear).await;
        assert!((heard - 440.0).abs() < 1.0, "{heard}");
    }

    #[tokio::test]
    async fn a_stream_whose_source_was_never_announced_is_heard() {
        let unannounced = |answer: String| {
            let kept = answer.split_inclusive("\r\n");
            kept.filter(|line| !line.starts_with("a=ssrc") && !line.starts_with("a=msid"))
                .collect()
        };
        let [(_caller, caller_ear), (callee, _)] = pair(unannounced).await;
        callee.say(Voice::Tone { hz: 880.0 });
        let heard = tone(&caller_ear).await;
        assert!((heard - 880.0).abs() < 1.0, "{heard}");
    }

    #[tokio::test]
    async fn an_echo_sends_back_what_it_hears() {
        let [(caller, caller_ear), (callee, _)] = pair(|answer| answer).await;
        caller.say(Voice::Tone { hz: 640.0 });
        callee.say(Voice::Echo);
        let heard = tone(&caller_ear).await;
        assert!((heard - 640.0).abs() < 1.0, "{heard}");
    }

    /// Two phones over loopback; `edit` may alter the answer on its way.
    async fn pair(edit: impl Fn(String) -> String) -> [(Phone, Ear); 2] {
        let (caller_ear, callee_ear) = (Ear::default(), Ear::default());
        let loopback = std::net::Ipv4Addr::LOCALHOST.into();
        let caller = Phone::new(loopback, caller_ear.clone()).await.unwrap();
        let callee = Phone::new(loopback, callee_ear.clone()).await.unwrap();
        let offer = caller.offer().await.unwrap();
        let answer = callee.handle_offer(&offer).await.unwrap();
        caller.handle_answer(&edit(answer)).await.unwrap();
        caller.connected().await.unwrap();
        callee.connected().await.unwrap();
        [(caller, caller_ear), (callee, callee_ear)]
    }

    /// The first second that is all tone.
    async fn tone(ear: &Ear) -> f32 {
        let mut glances = tokio::time::interval(Duration::from_millis(20));
        let listening = async {
            loop {
                if let Some(second) = ear.heard().by_second.iter().find(|s| s.share > 0.95) {
                    return second.hz;
                }
                glances.tick().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(15), listening)
            .await
            .expect("a tone is heard")
    }
}
