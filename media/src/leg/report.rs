//! A leg's RTCP: what it reports every 5 s and what it learns from the peer's reports.

use std::time::{Duration, Instant};

use super::path::Path;
use super::{Discard, Leg, Security};
use crate::quality::{Mos, Rating};
use crate::rtcp::extended::VoipMetrics;
use crate::rtcp::{self, Farewell, Item, Ntp, ReportBlock, SenderInfo};
use crate::rtp::Ssrc;
use crate::rtp::clock::ClockRate;
use crate::rtp::reception::Measured;
use crate::sdp::ExtendedReports;

/// The reporting state of a leg.
#[derive(Debug)]
pub struct Reports {
    due: Instant,
    /// Of the peer's last sender report: its middle NTP bits, and when it came.
    peer: Option<(Ssrc, u32, Instant)>,
    round_trip: Option<Duration>,
    /// How the peer hears us, and when it said so.
    heard_by_peer: Option<(Measured, Instant)>,
    /// Received and lost when quality was told last.
    rated: (u64, u64),
    extended: ExtendedReports,
}

impl Reports {
    pub fn new(now: Instant, phase: u8) -> Self {
        Self {
            due: now + INTERVAL * u32::from(phase) / 256,
            peer: None,
            round_trip: None,
            heard_by_peer: None,
            rated: (0, 0),
            extended: ExtendedReports::NotAsked,
        }
    }

    /// What the peer asked for.
    pub fn extend(&mut self, extended: ExtendedReports) {
        self.extended = extended;
    }

    pub fn extended(&self) -> ExtendedReports {
        self.extended
    }

    pub fn due(&self) -> Instant {
        self.due
    }

    /// What the peer said of late.
    fn heard_by_peer(&self, now: Instant) -> Option<Measured> {
        let (heard, at) = self.heard_by_peer?;
        (now.saturating_duration_since(at) < 3 * INTERVAL).then_some(heard)
    }

    fn handle(&mut self, item: Item, own: Ssrc, ntp: Ntp, now: Instant) {
        match item {
            Item::SenderReport { ssrc, ntp } => self.peer = Some((ssrc, ntp.middle(), now)),
            Item::Heard(block) if block.measured.ssrc == own => {
                self.round_trip = rtcp::round_trip(&block, ntp).or(self.round_trip);
                self.heard_by_peer = Some((block.measured, now));
            }
            // About somebody else's source.
            Item::Heard(_) => {}
            // SIP or the socket says when the call ends; a BYE comes on SSRC changes too.
            Item::Bye => {}
        }
    }
}

/// How well a leg is heard, and how well it hears us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quality {
    pub packets_received: u64,
    pub packets_lost: u64,
    pub jitter: Duration,
    pub rtt: Option<Duration>,
    pub mos_received: Option<Mos>,
    pub mos_sent: Option<Mos>,
}

impl Leg {
    /// Opens and reads a received RTCP packet, in place.
    ///
    /// # Errors
    ///
    /// [`Discard`]: it isn't the peer's.
    pub fn handle_rtcp(
        &mut self,
        packet: &mut [u8],
        from: std::net::SocketAddr,
        ntp: Ntp,
        now: Instant,
    ) -> Result<(), Discard> {
        let length = match &mut self.security {
            Security::AwaitingKeys => return Err(Discard::NoKeys),
            Security::Keyed(receiver, _) => {
                let length = receiver.open_rtcp(packet)?;
                // A plain leg's RTCP comes from a port of its own.
                if let Path::WebRtc(_) = self.path {
                    self.path.latch(from, now);
                }
                length
            }
            Security::Clear => {
                // Without keys only the address speaks for a report.
                if self.path.destination().map(|peer| peer.ip()) != Some(from.ip()) {
                    return Err(Discard::UnknownSource);
                }
                packet.len()
            }
        };
        if !matches!(self.security, Security::Clear) || self.ingress.reception.ssrc().is_some() {
            self.alive(now);
        }
        for item in rtcp::read(&packet[..length]) {
            self.reports.handle(item, self.egress.ssrc, ntp, now);
        }
        if let Some(heard) = self.reports.heard_by_peer(now) {
            self.recoding.expect_loss(heard.fraction_lost);
        }
        Ok(())
    }

    /// Whether a report is due; the next one is then an interval away.
    pub fn report_due(&mut self, now: Instant) -> bool {
        let due = now >= self.reports.due;
        if due {
            self.reports.due = now + INTERVAL;
        }
        due
    }

    /// Writes a report into `slot`, sealed where the leg has keys; returns its length, `None`
    /// before there is anything to say or a key to say it with.
    pub fn write_report(
        &mut self,
        slot: &mut [u8],
        ntp: Ntp,
        now: Instant,
        farewell: Farewell,
    ) -> Option<usize> {
        let sender = match self.egress.packets {
            0 => None,
            packets => Some(SenderInfo {
                ntp,
                timestamp: self.egress.numbering.timestamp_at(now)?,
                packets,
                octets: self.egress.octets,
            }),
        };
        let block = self.report_block(now);
        let metrics = self.voip_metrics();
        if sender.is_none() && block.is_none() {
            return None;
        }
        let ssrc = self.egress.ssrc;
        match &mut self.security {
            Security::AwaitingKeys => None,
            Security::Clear => Some(rtcp::write(slot, ssrc, sender, block, metrics, farewell)),
            Security::Keyed(_, sender_keys) => {
                let length = rtcp::write(slot, ssrc, sender, block, metrics, farewell);
                sender_keys.seal_rtcp(slot, length).ok()
            }
        }
    }

    /// What the last reports and the packets since the last call say.
    pub fn quality(&mut self, now: Instant) -> Quality {
        let (packets_received, packets_lost) = self.ingress.reception.totals();
        let jitter = self.ingress.reception.jitter();
        let rtt = self.reports.round_trip;
        let (received, lost) =
            std::mem::replace(&mut self.reports.rated, (packets_received, packets_lost));
        // A source that began anew counts from zero; a late packet takes a loss back.
        let received = packets_received
            .checked_sub(received)
            .unwrap_or(packets_received);
        let lost = packets_lost.saturating_sub(lost);
        let delay = |jitter| delay(rtt, jitter);
        Quality {
            packets_received,
            packets_lost,
            jitter,
            rtt,
            mos_received: (received > 0)
                .then(|| Mos::of_g711(lost as f64 / (received + lost) as f64, delay(jitter))),
            mos_sent: self.reports.heard_by_peer(now).map(|heard| {
                let clock = self
                    .egress
                    .agreed
                    .map_or(ClockRate::Khz8, |agreed| agreed.codec.clock());
                let jitter = clock.duration(heard.jitter.into());
                Mos::of_g711(f64::from(heard.fraction_lost) / 256.0, delay(jitter))
            }),
        }
    }

    /// What a peer that asked for it is told of how we hear it.
    fn voip_metrics(&self) -> Option<VoipMetrics> {
        match self.reports.extended {
            ExtendedReports::NotAsked => return None,
            ExtendedReports::VoipMetrics => {}
        }
        let reception = &self.ingress.reception;
        let (received, lost) = reception.totals();
        let loss = lost as f64 / (received + lost).max(1) as f64;
        let delay = delay(self.reports.round_trip, reception.jitter());
        Some(VoipMetrics {
            source: reception.ssrc()?,
            loss_rate: (256.0 * loss).min(255.0) as u8,
            pattern: reception.pattern()?,
            round_trip: self.reports.round_trip.unwrap_or_default(),
            rating: Rating::of_g711(loss, delay),
            listening: Mos::of_g711(loss, Duration::ZERO),
            conversation: Mos::of_g711(loss, delay),
        })
    }

    fn report_block(&mut self, now: Instant) -> Option<ReportBlock> {
        let measured = self.ingress.reception.report()?;
        let (last_report, delay) = match self.reports.peer {
            Some((ssrc, middle, at)) if ssrc == measured.ssrc => {
                let since = now.saturating_duration_since(at);
                (middle, (since.as_micros() * 65_536 / 1_000_000) as u32)
            }
            Some(_) | None => (0, 0),
        };
        Some(ReportBlock {
            measured,
            last_report,
            delay,
        })
    }
}

/// One way on this leg: half of the round trip, a frame to fill, and a buffer of twice the jitter.
fn delay(rtt: Option<Duration>, jitter: Duration) -> Duration {
    // A peer's report may claim any jitter.
    rtt.unwrap_or_default() / 2 + FRAME + 2 * jitter.min(INTERVAL)
}

const FRAME: Duration = Duration::from_millis(20);
/// RFC 3550 §6.2's minimum, and what browsers use for audio.
const INTERVAL: Duration = Duration::from_secs(5);
