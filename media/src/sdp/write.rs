//! Writing a description: CRLF, one audio m-line, real address and port for peers without ICE.

use std::fmt::{self, Display};

use crate::codec::AudioCodec;

use super::parse::{COMFORT_NOISE, TELEPHONE_EVENT, VOIP_METRICS};
use super::{
    Audio, Connection, Description, Encoding, ExtendedReports, Format, Ice, IceImplementation,
    Media, Rtcp,
};

impl Display for Description {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "v=0\r\no={}\r\ns=-\r\n", self.origin)?;
        if let Ok(audio) = self.audio() {
            write!(f, "c={}\r\n", Connection(audio.address.ip()))?;
        }
        f.write_str("t=0 0\r\n")?;
        for media in &self.media {
            match media {
                Media::Audio(audio) => audio.fmt(f)?,
                Media::Refused {
                    kind,
                    protocol,
                    formats,
                } => write!(f, "m={kind} 0 {protocol} {formats}\r\n")?,
            }
        }
        Ok(())
    }
}

impl Display for Audio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "m=audio {} {}",
            self.address.port(),
            self.protocol.name()
        )?;
        for format in &self.formats {
            write!(f, " {}", format.payload_type.value())?;
        }
        write!(f, "\r\nc={}\r\n", Connection(self.address.ip()))?;
        self.write_rtcp(f)?;
        match self.extended_reports {
            ExtendedReports::NotAsked => {}
            ExtendedReports::VoipMetrics => write!(f, "a=rtcp-xr:{VOIP_METRICS}\r\n")?,
        }
        if let Some(ice) = &self.ice {
            ice.fmt(f)?;
        }
        if let Some(dtls) = &self.dtls {
            write!(f, "a=fingerprint:{}\r\n", dtls.fingerprint)?;
            write!(f, "a=setup:{}\r\n", dtls.setup.name())?;
        }
        for crypto in &self.crypto {
            write!(f, "a=crypto:{crypto}\r\n")?;
        }
        if let Some(mid) = &self.mid {
            write!(f, "a=mid:{mid}\r\n")?;
        }
        write!(f, "a={}\r\n", self.direction.name())?;
        for format in &self.formats {
            format.fmt(f)?;
        }
        if let Some(ptime) = self.ptime {
            write!(f, "a=ptime:{ptime}\r\n")?;
        }
        if let Some(ssrc) = self.ssrc {
            write!(f, "a=ssrc:{} cname:{CNAME}\r\n", ssrc.0)?;
        }
        Ok(())
    }
}

impl Audio {
    fn write_rtcp(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.rtcp {
            // a=rtcp names the RTP port for peers that look there before rtcp-mux (RFC 5761 §5.1.3).
            Rtcp::Mux => write!(
                f,
                "a=rtcp:{} {}\r\na=rtcp-mux\r\n",
                self.address.port(),
                Connection(self.address.ip())
            ),
            Rtcp::Separate(address) => write!(
                f,
                "a=rtcp:{} {}\r\n",
                address.port(),
                Connection(address.ip())
            ),
        }
    }
}

impl Display for Ice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.implementation {
            IceImplementation::Full => {}
            IceImplementation::Lite => f.write_str("a=ice-lite\r\n")?,
        }
        write!(f, "a=ice-ufrag:{}\r\n", self.ufrag)?;
        write!(f, "a=ice-pwd:{}\r\n", self.password)?;
        for candidate in &self.candidates {
            write!(f, "a={candidate}\r\n")?;
        }
        f.write_str("a=end-of-candidates\r\n")
    }
}

impl Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = self.payload_type.value();
        match self.encoding {
            // What makes up for losses is understood, and sent (RFC 7587 §7).
            Encoding::Audio(codec @ AudioCodec::Opus) => write!(
                f,
                "a=rtpmap:{number} {codec}/48000/2\r\na=fmtp:{number} useinbandfec=1\r\n"
            ),
            Encoding::Audio(codec) => {
                write!(f, "a=rtpmap:{number} {codec}/{}\r\n", codec.clock().hertz())
            }
            Encoding::ComfortNoise => write!(f, "a=rtpmap:{number} {COMFORT_NOISE}/8000\r\n"),
            // Events 0 to 15 are the DTMF digits (RFC 4733 §3.2).
            Encoding::TelephoneEvent(clock) => write!(
                f,
                "a=rtpmap:{number} {TELEPHONE_EVENT}/{}\r\na=fmtp:{number} 0-15\r\n",
                clock.hertz()
            ),
        }
    }
}

/// The canonical name in SDP and in RTCP's SDES: it says nothing about the host (RFC 7022 §4).
pub(crate) const CNAME: &str = "warmline";
