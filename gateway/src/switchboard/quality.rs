//! How a talk sounds, as the agent's page shows it: each direction over both of its ways, from the two legs' reports.

use std::time::Duration;

use media::{LegId, Mos};

use super::task::{Owner, Task};
use crate::agent::session::Session;
use crate::agent::wire::{Event, Grade, Quality};
use crate::clock::Moment;

/// What the media engine tells of a leg every 5 s.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Heard {
    /// Received and lost since the source began.
    pub packets: (u64, u64),
    pub jitter: Duration,
    pub rtt: Option<Duration>,
    /// What came from the peer, and what the peer says it got from us.
    pub mos: (Option<Mos>, Option<Mos>),
}

/// The same with the loss of the last interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Report {
    heard: Heard,
    /// Percent.
    loss: f32,
}

impl Report {
    fn new(before: Option<&Self>, heard: Heard) -> Self {
        let (received, lost) = heard.packets;
        let (received_before, lost_before) = before.map_or((0, 0), |before| before.heard.packets);
        // A source that began anew counts from zero; a late packet takes a loss back.
        let received = received.checked_sub(received_before).unwrap_or(received);
        let lost = lost.saturating_sub(lost_before);
        let loss = match received + lost {
            0 => 0.0,
            all => 100.0 * lost as f32 / all as f32,
        };
        Self { heard, loss }
    }
}

/// One direction: heard by us on `from`'s leg, and by the peer of `to`'s. `told` is the loss that the last listener
/// measures itself.
fn direction(from: Option<&Report>, to: Option<&Report>, told: Option<f32>) -> Option<Quality> {
    let scores = [
        from.and_then(|r| r.heard.mos.0),
        to.and_then(|r| r.heard.mos.1),
    ];
    let mos = scores.into_iter().flatten().min()?;
    let rtt = |report: Option<&Report>| report.and_then(|r| r.heard.rtt).unwrap_or_default();
    let loss = from
        .map_or(0.0, |report| report.loss)
        .max(told.unwrap_or(0.0));
    Some(Quality {
        grade: grade(mos.value()),
        mos: mos.value() as f32,
        rtt_ms: millis(rtt(from) + rtt(to)),
        jitter_ms: millis(from.map_or(Duration::ZERO, |report| report.heard.jitter)),
        loss_pct: (loss * 100.0).round() / 100.0,
    })
}

/// Satisfied, some not, many not, nearly all not (G.107 annex B).
fn grade(mos: f64) -> Grade {
    match mos {
        mos if mos >= 4.03 => Grade::Good,
        mos if mos >= 3.6 => Grade::Fair,
        mos if mos >= 3.1 => Grade::Poor,
        _ => Grade::Bad,
    }
}

fn millis(duration: Duration) -> u32 {
    u32::try_from(duration.as_millis()).unwrap_or(u32::MAX)
}

impl Task {
    /// Takes a leg's report; the customer's is the beat to which the page is told.
    pub(super) fn handle_quality(&mut self, now: Moment, leg: LegId, heard: Heard) {
        let report = Report::new(self.heard.get(&leg), heard);
        self.heard.insert(leg, report);
        let Some(Owner::Customer(age)) = self.legs.get(&leg).copied() else {
            return;
        };
        let Some(placed) = self
            .calls
            .get(&age)
            .filter(|placed| placed.bridged.is_some())
        else {
            return;
        };
        let (agent, call) = (placed.agent, placed.call.id.clone());
        let customer = self.heard.get(&leg);
        let of_agent = self.agents[agent]
            .media
            .leg()
            .and_then(|leg| self.heard.get(&leg));
        let session = self.agents[agent].session.as_ref();
        let told = session
            .and_then(Session::report)
            .and_then(|report| report.loss_pct);
        let told = told.filter(|loss| (0.0..=100.0).contains(loss));
        // A direction in which nothing came has no score; a notice tells of that.
        if let (Some(to_customer), Some(to_agent)) = (
            direction(of_agent, customer, None),
            direction(customer, of_agent, told),
        ) {
            let quality = Event::Quality {
                call,
                to_customer,
                to_agent,
            };
            self.tell_agent(now, agent, quality);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(packets: (u64, u64), score: Option<f64>, said: Option<f64>) -> Heard {
        let mos = |loss: f64| Mos::of_g711(loss, Duration::ZERO);
        Heard {
            packets,
            jitter: Duration::from_millis(7),
            rtt: Some(Duration::from_millis(30)),
            mos: (score.map(mos), said.map(mos)),
        }
    }

    #[test]
    fn loss_is_of_the_last_interval() {
        let first = Report::new(None, heard((90, 10), None, None));
        assert_eq!(first.loss, 10.0);
        let second = Report::new(Some(&first), heard((290, 10), None, None));
        assert_eq!(second.loss, 0.0);
        let anew = Report::new(Some(&second), heard((99, 1), None, None));
        assert!(anew.loss < 1.01, "{anew:?}");
    }

    #[test]
    fn a_direction_is_as_good_as_its_worse_way() {
        let agent = Report::new(None, heard((100, 0), Some(0.0), Some(0.2)));
        let customer = Report::new(None, heard((98, 2), Some(0.02), None));
        let to_customer = direction(Some(&agent), Some(&customer), None).expect("heard");
        assert_eq!((to_customer.grade, to_customer.mos), (Grade::Good, 4.41));
        assert_eq!((to_customer.rtt_ms, to_customer.jitter_ms), (60, 7));
        let to_agent = direction(Some(&customer), Some(&agent), Some(3.5)).expect("heard");
        assert!(
            to_agent.mos < 3.1 && to_agent.grade == Grade::Bad,
            "{to_agent:?}"
        );
        assert_eq!(to_agent.loss_pct, 3.5);
        assert_eq!(direction(None, Some(&customer), None), None, "nothing came");
    }
}
