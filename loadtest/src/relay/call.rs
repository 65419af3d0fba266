//! One call through the relay: how it is agreed, and what its two sides send.

use std::net::{SocketAddr, UdpSocket};

use anyhow::{Context as _, Result, bail, ensure};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use webrtc::srtp::context::Context;
use webrtc::srtp::protection_profile::ProtectionProfile;

use super::Side;
use super::ng::{Ng, Value};

/// A call in its talk, and all that its sides will say.
pub struct Call {
    id: String,
    /// Where the relay takes what the caller and the callee send.
    relay: [SocketAddr; 2],
    /// Every packet that a side sends, in order.
    speech: [Speech; 2],
    /// What the relay protects with towards the callee.
    relay_key: Vec<u8>,
}

/// Packets of one length behind each other.
struct Speech {
    octets: Vec<u8>,
    packet: usize,
}

impl Call {
    /// Agrees on a call whose sides are at `sockets`, and prepares what they say.
    pub fn place(number: usize, ng: &Ng, sockets: &[UdpSocket; 2], frames: usize) -> Result<Self> {
        let id = format!("call-{number}");
        let key: [u8; KEY] = rand::random();
        let [caller, callee] = sockets.each_ref().map(UdpSocket::local_addr);
        let caller = description(caller?, "RTP/AVP", "");
        let common = [
            ("call-id", Value::Text(&id)),
            ("from-tag", Value::Text("caller")),
            ("ICE", Value::Text("remove")),
            ("replace", Value::List(&["origin"])),
        ];
        let mut offer = common.to_vec();
        offer.extend([
            ("command", Value::Text("offer")),
            ("sdp", Value::Text(&caller)),
            ("transport-protocol", Value::Text("RTP/SAVP")),
        ]);
        let offered = ng.ask(&offer)?.context("an offer without SDP")?;
        let (tag, relay_key) = offered_key(&offered)?;
        let own = BASE64_STANDARD.encode(key);
        let crypto = format!("a=crypto:{tag} {SUITE} inline:{own}\r\n");
        let callee = description(callee?, "RTP/SAVP", &crypto);
        let mut answer = common.to_vec();
        answer.extend([
            ("command", Value::Text("answer")),
            ("to-tag", Value::Text("callee")),
            ("sdp", Value::Text(&callee)),
            ("transport-protocol", Value::Text("RTP/AVP")),
        ]);
        let answered = ng.ask(&answer)?.context("an answer without SDP")?;
        Ok(Self {
            id,
            relay: [media(&answered)?, media(&offered)?],
            speech: [
                Speech::clear(number, frames),
                Speech::protected(number, frames, &key)?,
            ],
            relay_key,
        })
    }

    /// Ends it.
    pub fn end(&self, ng: &Ng) -> Result<()> {
        let command = [
            ("command", Value::Text("delete")),
            ("call-id", Value::Text(&self.id)),
            ("from-tag", Value::Text("caller")),
        ];
        ng.ask(&command).map(drop)
    }

    /// Where a side sends to.
    pub fn relay(&self, side: Side) -> SocketAddr {
        self.relay[side as usize]
    }

    /// A side's packet of that number.
    pub fn packet(&self, side: Side, number: usize) -> &[u8] {
        let speech = &self.speech[side as usize];
        &speech.octets[number * speech.packet..][..speech.packet]
    }

    /// What opens the relay's packets towards the callee.
    pub fn receiver(&self) -> Result<Context> {
        context(&self.relay_key)
    }
}

impl Speech {
    fn clear(call: usize, frames: usize) -> Self {
        let octets = (0..frames).flat_map(|n| packet(call, Side::Caller, n));
        Self {
            octets: octets.collect(),
            packet: HEADER + PAYLOAD,
        }
    }

    fn protected(call: usize, frames: usize, key: &[u8]) -> Result<Self> {
        let mut context = context(key)?;
        let mut octets = Vec::with_capacity(frames * (HEADER + PAYLOAD + TAG));
        for n in 0..frames {
            octets.extend(context.encrypt_rtp(&packet(call, Side::Callee, n))?);
        }
        Ok(Self {
            octets,
            packet: HEADER + PAYLOAD + TAG,
        })
    }
}

/// A side's packet of that number before any protection.
fn packet(call: usize, side: Side, number: usize) -> [u8; HEADER + PAYLOAD] {
    let mut packet = [0; HEADER + PAYLOAD];
    packet[0] = 0x80;
    packet[1] = PCMA;
    packet[2..4].copy_from_slice(&(FIRST.wrapping_add(number as u16)).to_be_bytes());
    packet[4..8].copy_from_slice(&(160 * number as u32).to_be_bytes());
    packet[8..12].copy_from_slice(&(call as u32 * 2 + side as u32 + 1).to_be_bytes());
    packet[HEADER..].copy_from_slice(&payload(call, side, number));
    packet
}

/// What a side says with its packet of that number: no two of a run are equal, and it tells whose it is.
pub fn payload(call: usize, side: Side, number: usize) -> [u8; PAYLOAD] {
    let mut payload = PATTERN;
    payload[..4].copy_from_slice(&(call as u32 * 2 + side as u32).to_be_bytes());
    payload[4..8].copy_from_slice(&(number as u32).to_be_bytes());
    payload
}

/// Whose payload it is, and which, by its own words.
pub fn told(payload: &[u8]) -> Option<(usize, Side, usize)> {
    let (who, rest) = payload.split_first_chunk()?;
    let (number, _) = rest.split_first_chunk()?;
    let who = u32::from_be_bytes(*who) as usize;
    let side = if who.is_multiple_of(2) {
        Side::Caller
    } else {
        Side::Callee
    };
    Some((who / 2, side, u32::from_be_bytes(*number) as usize))
}

fn context(key: &[u8]) -> Result<Context> {
    let (master, salt) = key.split_at(MASTER);
    let profile = ProtectionProfile::Aes128CmHmacSha1_80;
    Ok(Context::new(master, salt, profile, None, None)?)
}

fn description(at: SocketAddr, protocol: &str, more: &str) -> String {
    let family = if at.is_ipv4() { "IP4" } else { "IP6" };
    format!(
        "v=0\r\no=- 1 1 IN {family} {ip}\r\ns=-\r\nc=IN {family} {ip}\r\nt=0 0\r\n\
         m=audio {port} {protocol} 8\r\na=rtpmap:8 PCMA/8000\r\na=ptime:20\r\na=sendrecv\r\n{more}",
        ip = at.ip(),
        port = at.port(),
    )
}

/// Where the audio goes: `c=` and `m=`.
fn media(sdp: &str) -> Result<SocketAddr> {
    let after = |prefix: &str| sdp.lines().find_map(|line| line.strip_prefix(prefix));
    let ip = after("c=IN IP4 ").or_else(|| after("c=IN IP6 "));
    let port = after("m=audio ").and_then(|line| line.split(' ').next());
    let (ip, port) = ip.zip(port).context("SDP without an address")?;
    Ok(SocketAddr::new(ip.trim().parse()?, port.parse()?))
}

/// The tag of the line with our suite, which an answer repeats (RFC 4568 §5.1.2), and its key, which the relay will protect
/// with.
fn offered_key(sdp: &str) -> Result<(&str, Vec<u8>)> {
    let mut lines = sdp.lines().filter_map(|line| {
        let (tag, rest) = line.strip_prefix("a=crypto:")?.split_once(' ')?;
        Some((tag, rest.strip_prefix(SUITE)?.strip_prefix(" inline:")?))
    });
    let Some((tag, inline)) = lines.next() else {
        bail!("no key for {SUITE} in {sdp}");
    };
    let base64 = inline.split(['|', ' ', '\r']).next().unwrap_or_default();
    let key = BASE64_STANDARD.decode(base64)?;
    ensure!(key.len() == KEY, "a key of {} octets", key.len());
    Ok((tag, key))
}

/// Behind the eight octets that tell whose it is.
const PATTERN: [u8; PAYLOAD] = {
    let mut pattern = [0; PAYLOAD];
    let mut at = 0;
    while at < PAYLOAD {
        pattern[at] = (at * 5) as u8;
        at += 1;
    }
    pattern
};
const SUITE: &str = "AES_CM_128_HMAC_SHA1_80";
const MASTER: usize = 16;
/// With the salt.
const KEY: usize = MASTER + 14;
const TAG: usize = 10;
/// The relay's packets have the fixed header only, too.
pub const HEADER: usize = 12;
/// 20 ms at 8 kHz.
pub const PAYLOAD: usize = 160;
const PCMA: u8 = 8;
/// The first sequence number: low, so that no run of ten minutes wraps before the other end has heard one.
const FIRST: u16 = 1_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_tells_whose_it_is() {
        let spoken = payload(1_499, Side::Callee, 77);
        assert_eq!(told(&spoken), Some((1_499, Side::Callee, 77)));
        assert_eq!(told(&spoken[..7]), None);
        assert_ne!(spoken, payload(1_499, Side::Caller, 77));
    }

    #[test]
    fn address_and_key_are_read_out_of_a_description() {
        let key = BASE64_STANDARD.encode([7; KEY]);
        let crypto = format!(
            "a=crypto:1 AEAD_AES_256_GCM inline:AA\r\na=crypto:2 {SUITE} inline:{key}|2^31\r\n"
        );
        let at = "198.51.100.7:4000".parse().unwrap();
        let sdp = description(at, "RTP/SAVP", &crypto);
        assert_eq!(media(&sdp).unwrap(), at);
        assert_eq!(offered_key(&sdp).unwrap(), ("2", vec![7; KEY]));
        assert!(offered_key("v=0").is_err());
    }
}
