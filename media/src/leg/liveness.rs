//! Whether the peer is there: what shows it, what time alone ends, and when to look again.

use std::time::{Duration, Instant};

use super::{Leg, LegKind, Notice, Security};
use crate::engine::LegLost;

#[derive(Debug)]
pub struct Liveness {
    /// RTP, RTCP or an answered check.
    pub last: Instant,
    pub state: Life,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Life {
    /// Nothing is expected before keys or a description.
    Starting,
    Live,
    /// Told of, and perhaps no more than a pause.
    Silent,
    Lost,
}

impl Leg {
    /// Something authentic came.
    pub fn alive(&mut self, now: Instant) {
        self.liveness.last = now;
        match self.liveness.state {
            Life::Live => {}
            Life::Starting => {
                let usable = !matches!(self.security, Security::AwaitingKeys);
                if usable {
                    self.liveness.state = Life::Live;
                    self.path.end_setup();
                    self.notices.push(Notice::Connected);
                }
            }
            Life::Silent | Life::Lost => {
                self.liveness.state = Life::Live;
                self.notices.push(Notice::Recovered);
            }
        }
    }

    /// How long ago that was.
    pub fn since_alive(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.liveness.last)
    }

    /// A connectivity check was answered: the peer is there, and before the keys that is all.
    pub fn checked(&mut self, now: Instant) {
        match self.security {
            Security::AwaitingKeys => self.liveness.last = now,
            Security::Clear | Security::Keyed(..) => self.alive(now),
        }
    }

    /// The path failed. Told once, until it recovers; what follows a silence says more than it.
    pub fn lose(&mut self, cause: LegLost) {
        let state = match cause {
            LegLost::Silent { .. } => Life::Silent,
            LegLost::IceDisconnected
            | LegLost::DtlsFailed(_)
            | LegLost::SetupTimedOut
            | LegLost::PeerClosed
            | LegLost::Panicked => Life::Lost,
        };
        if self.liveness.state != Life::Lost && self.liveness.state != state {
            self.liveness.state = state;
            self.notices.push(Notice::Lost(cause));
        }
    }

    /// Checks what time alone can end: the setup, the silence, a digit.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.notices.extend(self.ingress.digits.handle_timeout(now));
        if self.stop_deadline().is_some_and(|at| now >= at) {
            let last = self.ingress.meter.last();
            let stopped = self.ingress.watch.handle_timeout(last, now);
            self.notices.extend(stopped.map(Notice::Stopped));
        }
        if let Some(until) = self.path.setup_deadline()
            && now >= until
        {
            self.path.end_setup();
            if self.liveness.state == Life::Starting {
                self.lose(LegLost::SetupTimedOut);
            }
        }
        if let Some(until) = self.silence_deadline()
            && now >= until
        {
            let silent = now.saturating_duration_since(self.liveness.last);
            self.lose(LegLost::Silent { r#for: silent });
        }
    }

    /// When [`Leg::handle_timeout`], [`Leg::poll_event`], [`Leg::poll_prompt`],
    /// [`Leg::poll_recoded`], the path or a report is due.
    pub fn deadline(&self) -> Instant {
        [
            self.path.peer_deadline(),
            self.path.setup_deadline(),
            self.silence_deadline(),
            self.stop_deadline(),
            self.frame_due(),
            self.digit_due(),
        ]
        .into_iter()
        .flatten()
        .fold(self.reports.due(), Instant::min)
    }

    /// When a digit of the peer, should its end be lost, is over. A packet can bring it forward,
    /// so the leg is to be armed anew after each while there is one.
    pub fn digit_due(&self) -> Option<Instant> {
        self.ingress.digits.due()
    }

    /// When a packet of our own is due: a digit's, a prompt's, or one that was coded anew.
    pub fn frame_due(&self) -> Option<Instant> {
        [self.keypad.due(), self.player.due(), self.recoding.due()]
            .into_iter()
            .flatten()
            .min()
    }

    /// When audio will have stopped that is owed: somebody listens, and no hold excuses it.
    fn stop_deadline(&self) -> Option<Instant> {
        self.egress
            .agreed
            .filter(|agreed| agreed.direction.receives())?;
        self.ingress.watch.deadline(self.ingress.meter.last())
    }

    /// Somebody listens to this leg from now on.
    pub fn watch(&mut self, now: Instant) {
        self.ingress.watch.begin(now);
    }

    /// `None` while the peer isn't to send: before a description, on hold, or once lost.
    fn silence_deadline(&self) -> Option<Instant> {
        let expects = match self.liveness.state {
            Life::Live => true,
            // A plain peer that never sends has no handshake to fail at.
            Life::Starting => self.kind == LegKind::Plain,
            Life::Silent | Life::Lost => false,
        };
        let agreed = self.egress.agreed.as_ref()?;
        // A WebRTC peer keeps its checks up on hold too.
        let sends = agreed.direction.receives() || self.kind != LegKind::Plain;
        (expects && sends).then(|| self.liveness.last + SILENCE)
    }
}

/// Three missed reports: longer than any roaming or ICE restart takes.
pub const SILENCE: Duration = Duration::from_secs(15);
