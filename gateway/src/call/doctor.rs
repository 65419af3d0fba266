//! One-way audio: what is done about a customer from whom nothing comes though the call is up, in which order and when.
//!
//! Pure. The switchboard tells it when a customer's audio stops and comes back, carries out its steps, and takes it off
//! the case whenever silence is legitimate: a hold on either side, the call's end. A muted or silent customer still sends
//! packets and is never a case.

use std::time::{Duration, Instant};

/// Watches over one call's customer.
#[derive(Debug, Default)]
pub struct Doctor {
    state: State,
    /// How often the audio came back before anything drastic was done: a peer that sends nothing in its pauses.
    pauses: u8,
}

/// How the customer's audio comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Connection {
    /// RTP to a port of ours, without ICE.
    Plain,
    /// ICE and DTLS.
    WebRtc,
}

/// What is done, the least intrusive first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// Listen to whatever address it now comes from.
    Relatch,
    /// Look for another path, by a re-INVITE with new credentials.
    RestartIce,
    /// Describe the audio anew: the far end sets its side up again.
    Reinvite,
    /// Nothing has helped.
    TellAgent,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum State {
    #[default]
    Well,
    Ill {
        since: Instant,
        connection: Connection,
        /// What was done last.
        done: Option<Step>,
    },
}

impl Step {
    pub const ALL: [Self; 4] = [
        Self::Relatch,
        Self::RestartIce,
        Self::Reinvite,
        Self::TellAgent,
    ];

    /// The metric's label.
    pub fn label(self) -> &'static str {
        match self {
            Self::Relatch => "relatch",
            Self::RestartIce => "restart-ice",
            Self::Reinvite => "reinvite",
            Self::TellAgent => "tell-agent",
        }
    }

    /// When it is due, from the last packet on.
    pub fn after(self) -> Duration {
        Duration::from_millis(match self {
            // With the first notice of the stop.
            Self::Relatch => 0,
            Self::RestartIce => 2_500,
            // A far end that moves by itself has done so by now.
            Self::Reinvite => 6_000,
            Self::TellAgent => 9_000,
        })
    }

    fn suits(self, connection: Connection, pauses: u8) -> bool {
        match (self, connection) {
            // Authenticated packets are followed anyhow, and there is no ICE without ICE.
            (Self::Relatch, Connection::WebRtc) | (Self::RestartIce, Connection::Plain) => false,
            (Self::RestartIce | Self::Reinvite, _) => pauses < USED_TO_PAUSES,
            (Self::Relatch | Self::TellAgent, _) => true,
        }
    }
}

impl Doctor {
    /// Nothing has come for `silent`.
    pub fn handle_stop(&mut self, now: Instant, silent: Duration, connection: Connection) {
        match self.state {
            State::Well => {
                self.state = State::Ill {
                    since: now.checked_sub(silent).unwrap_or(now),
                    connection,
                    done: None,
                };
            }
            // The steps go on as they are; a bridge made anew is no recovery.
            State::Ill { .. } => {}
        }
    }

    /// Something comes again; tells the last step that was taken, which may have been what helped.
    pub fn handle_return(&mut self) -> Option<Step> {
        let State::Ill { done, .. } = std::mem::take(&mut self.state) else {
            return None;
        };
        if done < Some(Step::RestartIce) {
            self.pauses = self.pauses.saturating_add(1);
        }
        done
    }

    /// Silence is legitimate now, or no longer this call's trouble.
    pub fn excuse(&mut self) {
        self.state = State::Well;
    }

    /// When [`Doctor::handle_timeout`] has a step.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.next().map(|(at, _)| at)
    }

    /// The step that is due, if one is; to be called until there is none.
    pub fn handle_timeout(&mut self, now: Instant) -> Option<Step> {
        let (_, step) = self.next().filter(|(at, _)| *at <= now)?;
        if let State::Ill { done, .. } = &mut self.state {
            *done = Some(step);
        }
        Some(step)
    }

    fn next(&self) -> Option<(Instant, Step)> {
        let State::Ill {
            since,
            connection,
            done,
        } = self.state
        else {
            return None;
        };
        Step::ALL
            .into_iter()
            .find(|step| Some(*step) > done && step.suits(connection, self.pauses))
            .map(|step| (since + step.after(), step))
    }
}

/// Whose audio came back by itself so often sends nothing while nobody speaks: no reason to disturb its signalling.
const USED_TO_PAUSES: u8 = 2;

#[cfg(test)]
mod tests {
    use super::*;
    use Connection::{Plain, WebRtc};
    use Step::{Reinvite, Relatch, RestartIce, TellAgent};

    #[derive(Debug, Clone, Copy)]
    enum Happens {
        Stop(Connection),
        Return,
        Excuse,
    }
    use Happens::{Excuse, Return, Stop};

    /// Each row: what happens at which millisecond of a minute, and the steps with theirs.
    #[test]
    fn the_ladder_is_climbed_in_time_and_left_when_audio_returns_or_silence_is_right() {
        type Row = (&'static str, Vec<(u64, Happens)>, Vec<(u64, Step)>);
        let rows: Vec<Row> = vec![
            ("all is well", vec![], vec![]),
            (
                "a trunk that stays dumb",
                vec![(1_200, Stop(Plain))],
                vec![(1_200, Relatch), (6_000, Reinvite), (9_000, TellAgent)],
            ),
            (
                "a line that stays dumb",
                vec![(1_200, Stop(WebRtc))],
                vec![(2_500, RestartIce), (6_000, Reinvite), (9_000, TellAgent)],
            ),
            (
                "told again meanwhile",
                vec![(1_200, Stop(Plain)), (3_000, Stop(Plain))],
                vec![(1_200, Relatch), (6_000, Reinvite), (9_000, TellAgent)],
            ),
            (
                "a peer that moved",
                vec![(1_200, Stop(Plain)), (1_300, Return)],
                vec![(1_200, Relatch)],
            ),
            (
                "the network came back after the restart",
                vec![(1_200, Stop(WebRtc)), (2_700, Return)],
                vec![(2_500, RestartIce)],
            ),
            (
                "put on hold by the far end",
                vec![(1_200, Stop(WebRtc)), (2_000, Excuse)],
                vec![],
            ),
            (
                "a phone that sends nothing in its pauses",
                vec![
                    (1_200, Stop(Plain)),
                    (2_000, Return),
                    (11_200, Stop(Plain)),
                    (12_000, Return),
                    (21_200, Stop(Plain)),
                ],
                vec![
                    (1_200, Relatch),
                    (11_200, Relatch),
                    (21_200, Relatch),
                    (29_000, TellAgent),
                ],
            ),
            (
                "ill twice, each time helped by a restart",
                vec![
                    (1_200, Stop(WebRtc)),
                    (3_000, Return),
                    (11_200, Stop(WebRtc)),
                    (13_000, Return),
                    (21_200, Stop(WebRtc)),
                    (23_000, Return),
                ],
                vec![
                    (2_500, RestartIce),
                    (12_500, RestartIce),
                    (22_500, RestartIce),
                ],
            ),
        ];
        for (what, happens, expected) in rows {
            assert_eq!(play(&happens), expected, "{what}");
        }
    }

    #[test]
    fn the_step_before_the_return_is_told() {
        let (mut doctor, now) = (Doctor::default(), Instant::now());
        assert_eq!(doctor.handle_return(), None);
        doctor.handle_stop(now, SILENT, WebRtc);
        assert_eq!(doctor.handle_return(), None);
        doctor.handle_stop(now, SILENT, WebRtc);
        doctor.handle_timeout(now + SILENT * 9);
        assert_eq!(doctor.handle_return(), Some(RestartIce));
        assert_eq!(doctor.poll_timeout(), None);
    }

    fn play(happens: &[(u64, Happens)]) -> Vec<(u64, Step)> {
        let (mut doctor, begin) = (Doctor::default(), Instant::now());
        let mut steps = Vec::new();
        for millis in (0..60_000).step_by(100) {
            let now = begin + Duration::from_millis(millis);
            for (_, happens) in happens.iter().filter(|(at, _)| *at == millis) {
                match happens {
                    Stop(connection) => doctor.handle_stop(now, SILENT, *connection),
                    Return => drop(doctor.handle_return()),
                    Excuse => doctor.excuse(),
                }
            }
            while let Some(step) = doctor.handle_timeout(now) {
                steps.push((millis, step));
            }
            assert!(doctor.poll_timeout().is_none_or(|at| at > now));
        }
        steps
    }

    /// What a stop is told with.
    const SILENT: Duration = Duration::from_millis(1_200);
}
