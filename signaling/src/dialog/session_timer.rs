//! Session timers (RFC 4028): who refreshes a session, how often, and when it counts as gone.

use std::time::{Duration, Instant};

use crate::message::{Message, Name, Parameters};

/// The agreement of the last 2xx.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SessionTimer {
    pub interval: Duration,
    pub refresher: Refresher,
    /// Ours, if the refreshing is ours.
    refresh_at: Option<Instant>,
    /// What a 422 said the interval must be at least.
    least: Option<Duration>,
    /// When to hang up: a little before the peer or a proxy forgets the session (RFC 4028 §10).
    expires_at: Instant,
}

/// Who keeps the session alive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refresher {
    Us,
    Peer,
}

/// What a deadline asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Due {
    Refresh,
    Expired,
}

impl SessionTimer {
    pub fn starting(now: Instant, interval: Duration, refresher: Refresher) -> SessionTimer {
        SessionTimer {
            interval,
            refresher,
            refresh_at: match refresher {
                Refresher::Us => Some(now + interval / 2),
                Refresher::Peer => None,
            },
            least: None,
            expires_at: now + interval - LEAD.min(interval / 3),
        }
    }

    /// What our 2xx to `request` agrees to; `None` if the peer asked for nothing.
    pub fn answering(now: Instant, request: &Message) -> Option<SessionTimer> {
        let asked = SessionExpires::of(request).filter(|_| supports_timer(request))?;
        let refresher = match asked.refresher {
            Some(Role::Server) => Refresher::Us,
            // Where it is ours to choose, who asked refreshes.
            Some(Role::Client) | None => Refresher::Peer,
        };
        Some(Self::starting(now, asked.interval, refresher))
    }

    /// What the peer's 2xx to a request of ours agrees to.
    pub fn agreed(now: Instant, response: &Message) -> Option<SessionTimer> {
        let agreed = SessionExpires::of(response)?;
        let refresher = match agreed.refresher {
            Some(Role::Server) => Refresher::Peer,
            // A 2xx must say who; where it doesn't, an extra refresh does no harm.
            Some(Role::Client) | None => Refresher::Us,
        };
        // A peer that agrees to less than may be would have its call ended at once.
        Some(Self::starting(now, agreed.interval.max(MIN_SE), refresher))
    }

    /// Session-Expires in our 2xx.
    pub fn in_response(&self) -> String {
        self.header(match self.refresher {
            Refresher::Us => "uas",
            Refresher::Peer => "uac",
        })
    }

    /// Session-Expires in a request of ours, which leaves the agreement as it is.
    pub fn in_request(&self) -> String {
        self.header(match self.refresher {
            Refresher::Us => "uac",
            Refresher::Peer => "uas",
        })
    }

    /// A refresh is asked for once, and again in a while in case it fails.
    pub fn handle_timeout(&mut self, now: Instant) -> Option<Due> {
        if now >= self.expires_at {
            return Some(Due::Expired);
        }
        let due = self.refresh_at.filter(|at| now >= *at)?;
        self.refresh_at = Some(due.max(now) + self.interval / 12);
        Some(Due::Refresh)
    }

    pub fn poll_timeout(&self) -> Instant {
        self.refresh_at
            .map_or(self.expires_at, |at| at.min(self.expires_at))
    }

    /// The peer, or a proxy, wants no shorter interval than this (422).
    pub fn lengthen(&mut self, least: Duration) {
        self.interval = self.interval.max(least);
        self.least = Some(least);
    }

    /// A refresh failed for a reason that is mended.
    pub fn refresh_now(&mut self, now: Instant) {
        if self.refresher == Refresher::Us {
            self.refresh_at = Some(now);
        }
    }

    /// Min-SE in a request of ours, where a 422 asked for it (RFC 4028 §7.4).
    pub fn least(&self) -> Option<String> {
        self.least.map(|least| least.as_secs().to_string())
    }

    fn header(&self, refresher: &str) -> String {
        format!("{};refresher={refresher}", self.interval.as_secs())
    }
}

/// The header (RFC 4028 §4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct SessionExpires {
    interval: Duration,
    refresher: Option<Role>,
}

/// Of the transaction that carries the header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Client,
    Server,
}

impl SessionExpires {
    fn of(message: &Message) -> Option<SessionExpires> {
        let interval = Duration::from_secs(message.number(Name::SessionExpires)?.into());
        let value = message.header(Name::SessionExpires)?;
        let parameters = memchr::memchr(b';', value).map_or(&value[..0], |at| &value[at..]);
        let refresher = match Parameters(parameters).value(b"refresher") {
            Some(role) if role.eq_ignore_ascii_case(b"uac") => Some(Role::Client),
            Some(role) if role.eq_ignore_ascii_case(b"uas") => Some(Role::Server),
            Some(_) | None => None,
        };
        Some(SessionExpires {
            interval,
            refresher,
        })
    }
}

/// Whether a request asks for an interval below the minimum: 422 (RFC 4028 §9).
pub(crate) fn is_too_brief(request: &Message) -> bool {
    supports_timer(request)
        && SessionExpires::of(request).is_some_and(|asked| asked.interval < MIN_SE)
}

fn supports_timer(request: &Message) -> bool {
    request.lists(Name::Supported, "timer") || request.lists(Name::Require, "timer")
}

/// RFC 4028 §5 allows no less, and JsSIP asks for exactly this.
pub(crate) const MIN_SE: Duration = Duration::from_secs(90);
/// A BYE should arrive before the peer gives up by itself.
const LEAD: Duration = Duration::from_secs(32);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn we_refresh_at_half_time_and_hang_up_a_third_or_32_seconds_before_the_end() {
        for (interval, refresh, expiry) in [(90, 45, 60), (900, 450, 868), (3_600, 1_800, 3_568)] {
            let start = Instant::now();
            let interval = Duration::from_secs(interval);
            let ours = SessionTimer::starting(start, interval, Refresher::Us);
            assert_eq!(ours.poll_timeout() - start, Duration::from_secs(refresh));
            let mut theirs = SessionTimer::starting(start, interval, Refresher::Peer);
            let at = theirs.poll_timeout();
            assert_eq!(at - start, Duration::from_secs(expiry));
            assert_eq!(theirs.handle_timeout(start), None);
            assert_eq!(theirs.handle_timeout(at), Some(Due::Expired));
        }
    }

    #[test]
    fn a_refresh_that_fails_is_made_again_until_the_session_is_over() {
        let start = Instant::now();
        let mut timer = SessionTimer::starting(start, Duration::from_secs(1_800), Refresher::Us);
        let mut log = Vec::new();
        loop {
            let at = timer.poll_timeout();
            let due = timer.handle_timeout(at).expect("something is due");
            log.push(((at - start).as_secs(), due));
            if due == Due::Expired {
                break;
            }
        }
        let times: Vec<_> = log.iter().map(|(at, _)| *at).collect();
        assert_eq!(times, [900, 1_050, 1_200, 1_350, 1_500, 1_650, 1_768]);
    }

    #[test]
    fn a_request_says_who_refreshes() {
        let now = Instant::now();
        for (headers, expected) in [
            (
                "Supported: timer\r\nSession-Expires: 90\r\n",
                Some("90;refresher=uac"),
            ),
            (
                "Supported: timer\r\nx: 180;refresher=UAC\r\n",
                Some("180;refresher=uac"),
            ),
            (
                "Require: timer\r\nSession-Expires: 1800 ; refresher = uas\r\n",
                Some("1800;refresher=uas"),
            ),
            ("Session-Expires: 90\r\n", None),
            ("Supported: timer\r\n", None),
        ] {
            let timer = SessionTimer::answering(now, &update(headers));
            assert_eq!(
                timer.map(|timer| timer.in_response()).as_deref(),
                expected,
                "{headers}"
            );
        }
        assert!(is_too_brief(&update(
            "Supported: timer\r\nSession-Expires: 89\r\n"
        )));
        assert!(!is_too_brief(&update("Session-Expires: 89\r\n")));
    }

    #[test]
    fn an_answer_with_no_time_at_all_ends_no_call() {
        let now = Instant::now();
        let answer = update("").bytes().clone();
        let answer = String::from_utf8_lossy(&answer)
            .replace("UPDATE sip:a@h SIP/2.0", "SIP/2.0 200 OK")
            .replace("CSeq", "Session-Expires: 0;refresher=uac\r\nCSeq");
        let answer = Message::parse(answer.into(), 4096).expect("a message");
        let timer = SessionTimer::agreed(now, &answer).expect("a timer");
        assert_eq!(timer.poll_timeout(), now + MIN_SE / 2);
    }

    fn update(headers: &str) -> Message {
        let text = format!(
            "UPDATE sip:a@h SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nFrom: <sip:a@h>;tag=1\r\n\
             To: <sip:b@h>;tag=2\r\nCall-ID: c\r\nCSeq: 2 UPDATE\r\n{headers}\r\n"
        );
        Message::parse(text.into(), 4096).expect("a message")
    }
}
