//! What the worker tells: the legs' notices as events, and its counters.

use std::time::Instant;

use super::Worker;
use crate::engine::{Event, LegId};
use crate::leg::Notice;

impl Worker {
    /// Passes on what the leg noticed.
    pub(super) fn tell(&mut self, leg: LegId) {
        let Some(entry) = self.legs.get_mut(&leg) else {
            return;
        };
        if entry.leg.notices.is_empty() && entry.leg.digit_due().is_none() {
            return;
        }
        for notice in entry.leg.notices.drain(..) {
            (self.sink)(match notice {
                Notice::Connected => Event::Connected { leg },
                Notice::Heard => Event::Heard { leg },
                Notice::Lost(cause) => Event::Lost { leg, cause },
                Notice::Recovered => Event::Recovered { leg },
                Notice::Stopped(silent) => Event::Stopped { leg, silent },
                Notice::Resumed => Event::Resumed { leg },
                Notice::Digit { digit, duration } => Event::Digit {
                    leg,
                    digit,
                    duration,
                },
                Notice::Level(level) => Event::Level { leg, level },
                Notice::Played => Event::Played { leg },
                Notice::Failed(failure) => Event::Failed { leg, failure },
            });
        }
        self.arm(leg);
    }

    pub(super) fn tell_quality(&mut self, leg: LegId, now: Instant) {
        let Some(entry) = self.legs.get_mut(&leg) else {
            return;
        };
        if let Some((received, sent)) = entry.leg.audio(now) {
            (self.sink)(Event::Audio {
                leg,
                received,
                sent,
                alive: entry.leg.since_alive(now),
            });
        }
        if entry.leg.bridged.is_none() {
            return;
        }
        let quality = entry.leg.quality(now);
        (self.sink)(Event::Quality {
            leg,
            packets_received: quality.packets_received,
            packets_lost: quality.packets_lost,
            jitter: quality.jitter,
            rtt: quality.rtt,
            mos_received: quality.mos_received,
            mos_sent: quality.mos_sent,
        });
    }

    pub(super) fn emit(&self, event: Event) {
        (self.sink)(event);
    }

    pub(super) fn count(&self) {
        let bridged = self
            .legs
            .values()
            .filter(|entry| entry.leg.bridged.is_some())
            .count();
        self.counters
            .set_population(self.legs.len(), bridged / 2, self.leases.len());
    }
}
