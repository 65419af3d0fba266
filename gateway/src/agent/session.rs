//! An agent's session: it outlives the browser's connection by the grace, so that a reload or a
//! lost network costs nothing.

use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use super::ConnectionId;
use super::page::{Page, PageReport, PageTrouble};
use super::wire::{ByeCode, Event, Frame, NoticeKind};
use crate::clock::Moment;

/// What a signed-in agent has: a name to resume by, a rising `seq`, and perhaps a browser.
#[derive(Debug)]
pub struct Session {
    pub id: String,
    seq: u64,
    link: Link,
}

#[derive(Debug)]
enum Link {
    Attached(Attached),
    /// Nobody is there; over at `until`.
    Detached {
        until: Instant,
    },
}

#[derive(Debug)]
struct Attached {
    connection: ConnectionId,
    frames: mpsc::Sender<Frame>,
    token: TokenLife,
    page: Page,
    device: Option<String>,
}

/// How the connection's token stands.
#[derive(Debug, Clone, Copy)]
enum TokenLife {
    /// A notice goes out at `warn`; at `end` no new calls.
    Valid {
        warn: Instant,
        end: Instant,
    },
    Warned {
        end: Instant,
    },
    /// Living calls go on; whether there still are any is looked at again at `look`.
    Expired {
        look: Instant,
    },
}

/// A browser's end of a new connection.
#[derive(Debug)]
pub struct Arrival {
    pub connection: ConnectionId,
    pub frames: mpsc::Sender<Frame>,
    /// Epoch seconds.
    pub token_expires: u64,
    /// The browser that it is in, by its own word.
    pub device: Option<String>,
}

/// What a session's deadline brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    Nothing,
    /// The grace is over.
    Lost,
    /// The page has gone silent.
    Asleep,
    /// The token has ended, now or some time ago.
    Expired,
}

impl Session {
    pub fn new(now: Moment, arrival: Arrival) -> Self {
        Self {
            id: format!("s_{}", uuid::Uuid::new_v4()),
            seq: 0,
            link: Link::Attached(Attached::new(now, arrival)),
        }
    }

    /// Takes a newer connection; the older one is told and let go.
    pub fn attach(&mut self, now: Moment, arrival: Arrival) {
        self.say_replaced(&arrival);
        self.link = Link::Attached(Attached::new(now, arrival));
    }

    /// Another page takes the place of the present one, which is told by whom.
    pub fn say_replaced(&mut self, by: &Arrival) {
        let Link::Attached(present) = &self.link else {
            return;
        };
        let elsewhere = present.device.is_some() && by.device.is_some();
        let code = match elsewhere && present.device != by.device {
            true => ByeCode::TakenOver,
            false => ByeCode::Replaced,
        };
        self.say_bye(code, false);
    }

    /// The newest connection, if one is there.
    pub fn connection(&self) -> Option<ConnectionId> {
        match &self.link {
            Link::Attached(attached) => Some(attached.connection),
            Link::Detached { .. } => None,
        }
    }

    /// The page tells of its side; whether that changes what keeps it from taking calls.
    pub fn handle_report(&mut self, now: Moment, report: PageReport) -> bool {
        self.of_page(|page| page.handle_report(now.instant, report))
    }

    /// The page asked for something, and so it is awake; whether it wasn't before.
    pub fn handle_sign(&mut self, now: Moment) -> bool {
        self.of_page(|page| page.handle_sign(now.instant))
    }

    fn of_page(&mut self, change: impl FnOnce(&mut Page)) -> bool {
        let Link::Attached(attached) = &mut self.link else {
            return false;
        };
        let before = attached.page.trouble();
        change(&mut attached.page);
        attached.page.trouble() != before
    }

    /// What the page says of its side.
    pub fn report(&self) -> Option<&PageReport> {
        match &self.link {
            Link::Attached(attached) => attached.page.report(),
            Link::Detached { .. } => None,
        }
    }

    /// What keeps the page from taking calls, by its own word.
    pub fn page_trouble(&self) -> Option<PageTrouble> {
        match &self.link {
            Link::Attached(attached) => attached.page.trouble(),
            Link::Detached { .. } => None,
        }
    }

    /// The browser is gone; the session waits for it.
    pub fn detach(&mut self, now: Moment, grace: Duration) {
        self.link = Link::Detached {
            until: now.instant + grace,
        };
    }

    /// Sends an event. A browser that doesn't read loses its connection, nothing else.
    pub fn send(&mut self, now: Moment, grace: Duration, event: Event) {
        self.seq += 1;
        let seq = self.seq;
        self.deliver(now, grace, Frame::Event { event, seq });
    }

    /// Sends a reply to the newest connection.
    pub fn reply(&mut self, now: Moment, grace: Duration, frame: Frame) {
        self.deliver(now, grace, frame);
    }

    /// Last words on the present connection, which ends with them.
    pub fn say_bye(&mut self, code: ByeCode, reconnect: bool) {
        self.seq += 1;
        if let Link::Attached(attached) = &self.link {
            let event = Event::Bye { code, reconnect };
            // A full queue loses the words; the close says the rest.
            let _ = attached.frames.try_send(Frame::Event {
                event,
                seq: self.seq,
            });
        }
    }

    pub fn renew(&mut self, now: Moment, connection: ConnectionId, token_expires: u64) {
        if let Link::Attached(attached) = &mut self.link
            && attached.connection == connection
        {
            attached.token = TokenLife::of(now, token_expires);
        }
    }

    /// An expired token never ends a living call; it blocks new ones.
    pub fn may_dial(&self, now: Moment) -> bool {
        match &self.link {
            Link::Attached(attached) => match attached.token {
                TokenLife::Valid { end, .. } | TokenLife::Warned { end } => now.instant < end,
                TokenLife::Expired { .. } => false,
            },
            // A back end dials in the agent's name while the page reloads.
            Link::Detached { .. } => true,
        }
    }

    /// The token has ended, and no fresh one has come.
    pub fn is_expired(&self) -> bool {
        match &self.link {
            Link::Attached(attached) => matches!(attached.token, TokenLife::Expired { .. }),
            Link::Detached { .. } => false,
        }
    }

    pub fn poll_timeout(&self) -> Option<Instant> {
        match &self.link {
            Link::Attached(attached) => {
                let token = attached.token.poll_timeout();
                Some(attached.page.poll_timeout().unwrap_or(token).min(token))
            }
            Link::Detached { until } => Some(*until),
        }
    }

    /// One thing that is due at a time; whatever else is due stays so.
    pub fn handle_timeout(&mut self, now: Moment, grace: Duration) -> Due {
        let attached = match &mut self.link {
            Link::Detached { until } if now.instant >= *until => return Due::Lost,
            Link::Detached { .. } => return Due::Nothing,
            Link::Attached(attached) => attached,
        };
        let before = attached.page.trouble();
        attached.page.handle_timeout(now.instant);
        if attached.page.trouble() != before {
            return Due::Asleep;
        }
        match attached.token {
            TokenLife::Valid { warn, end } if now.instant >= warn => {
                attached.token = TokenLife::Warned { end };
                let left = end.saturating_duration_since(now.instant);
                let notice = Event::Notice {
                    kind: NoticeKind::TokenExpiring,
                    in_ms: u64::try_from(left.as_millis()).ok(),
                    detail: None,
                };
                self.send(now, grace, notice);
                Due::Nothing
            }
            TokenLife::Warned { end: due } | TokenLife::Expired { look: due }
                if now.instant >= due =>
            {
                let look = now.instant + LOOK_AGAIN;
                attached.token = TokenLife::Expired { look };
                Due::Expired
            }
            TokenLife::Valid { .. } | TokenLife::Warned { .. } | TokenLife::Expired { .. } => {
                Due::Nothing
            }
        }
    }

    fn deliver(&mut self, now: Moment, grace: Duration, frame: Frame) {
        if let Link::Attached(attached) = &self.link
            && attached.frames.try_send(frame).is_err()
        {
            tracing::warn!(
                session = self.id,
                "the browser doesn't read; its connection is closed"
            );
            self.detach(now, grace);
        }
    }
}

impl Attached {
    fn new(now: Moment, arrival: Arrival) -> Self {
        Self {
            connection: arrival.connection,
            frames: arrival.frames,
            token: TokenLife::of(now, arrival.token_expires),
            page: Page::default(),
            device: arrival.device,
        }
    }
}

impl TokenLife {
    fn of(now: Moment, expires: u64) -> Self {
        let left = Duration::from_secs(expires.saturating_sub(now.epoch_ms / 1000)).min(A_YEAR);
        let end = now.instant + left;
        // A short life is half over first: its successor mustn't be asked for at once, again and again.
        let warn = now.instant + left - WARNING.min(left / 2);
        Self::Valid { warn, end }
    }

    fn poll_timeout(self) -> Instant {
        match self {
            Self::Valid { warn, .. } => warn,
            Self::Warned { end } => end,
            Self::Expired { look } => look,
        }
    }
}

/// How long before its token's end a page is asked for a fresh one.
const WARNING: Duration = Duration::from_secs(60);

/// How soon after its calls a page with an expired token is let go.
const LOOK_AGAIN: Duration = Duration::from_secs(5);

/// Later than any deadline of a running program; keeps the sum in range.
const A_YEAR: Duration = Duration::from_secs(365 * 24 * 3600);

#[cfg(test)]
mod tests {
    use super::*;

    const GRACE: Duration = Duration::from_secs(30);

    fn arrival(now: Moment, number: u64, left: u64) -> (Arrival, mpsc::Receiver<Frame>) {
        let (frames, received) = mpsc::channel(2);
        let arrival = Arrival {
            connection: ConnectionId(number),
            frames,
            token_expires: now.epoch_ms / 1000 + left,
            device: None,
        };
        (arrival, received)
    }

    fn notice() -> Event {
        Event::Notice {
            kind: NoticeKind::LineUp,
            in_ms: None,
            detail: None,
        }
    }

    #[test]
    fn the_newest_connection_wins_and_the_older_is_told() {
        let now = Moment::read();
        let (first, mut received) = arrival(now, 1, 3600);
        let mut session = Session::new(now, first);
        let (second, _kept) = arrival(now, 2, 3600);
        session.attach(now, second);
        let Some(Frame::Event { event, .. }) = received.blocking_recv() else {
            panic!("a bye is due");
        };
        assert_eq!(
            event,
            Event::Bye {
                code: ByeCode::Replaced,
                reconnect: false
            }
        );
        assert!(
            received.blocking_recv().is_none(),
            "the old connection is let go"
        );
        assert_eq!(session.connection(), Some(ConnectionId(2)));
    }

    #[test]
    fn a_page_hears_whether_another_tab_or_another_device_took_its_place() {
        let now = Moment::read();
        let named = |name: &str| Some(name.to_owned());
        for (present, next, expected) in [
            (named("laptop"), named("laptop"), ByeCode::Replaced),
            (named("laptop"), named("phone"), ByeCode::TakenOver),
            (named("laptop"), None, ByeCode::Replaced),
            (None, named("phone"), ByeCode::Replaced),
            (None, None, ByeCode::Replaced),
        ] {
            let (mut first, mut received) = arrival(now, 1, 3600);
            let (mut second, _kept) = arrival(now, 2, 3600);
            (first.device, second.device) = (present, next);
            Session::new(now, first).say_replaced(&second);
            let Ok(Frame::Event { event, .. }) = received.try_recv() else {
                panic!("a bye is due");
            };
            let reconnect = false;
            assert_eq!(
                event,
                Event::Bye {
                    code: expected,
                    reconnect
                }
            );
        }
    }

    #[test]
    fn a_browser_that_does_not_come_back_within_the_grace_is_lost() {
        let now = Moment::read();
        let (first, _kept) = arrival(now, 1, 3600);
        let mut session = Session::new(now, first);
        session.detach(now, GRACE);
        let until = session.poll_timeout().expect("the grace is awaited");
        assert_eq!(until, now.instant + GRACE);
        assert_eq!(session.handle_timeout(now, GRACE), Due::Nothing);
        assert_eq!(session.handle_timeout(now + GRACE, GRACE), Due::Lost);
    }

    #[test]
    fn a_token_is_warned_of_before_it_blocks_new_calls() {
        let now = Moment::read();
        let (first, mut received) = arrival(now, 1, 100);
        let mut session = Session::new(now, first);
        let later = now + Duration::from_secs(51);
        assert_eq!(session.handle_timeout(later, GRACE), Due::Nothing);
        assert!(matches!(
            received.try_recv(),
            Ok(Frame::Event {
                event: Event::Notice {
                    kind: NoticeKind::TokenExpiring,
                    ..
                },
                ..
            })
        ));
        assert_eq!(session.handle_timeout(later, GRACE), Due::Nothing);
        assert!(received.try_recv().is_err(), "warned once");
        assert!(session.may_dial(later));
        let over = now + Duration::from_secs(101);
        assert!(!session.may_dial(over));
        assert_eq!(session.handle_timeout(over, GRACE), Due::Expired);
        assert_eq!(session.handle_timeout(over, GRACE), Due::Nothing);
        let again = over + LOOK_AGAIN;
        assert_eq!(session.poll_timeout(), Some(again.instant));
        assert_eq!(session.handle_timeout(again, GRACE), Due::Expired);
        session.renew(again, ConnectionId(1), again.epoch_ms / 1000 + 3600);
        assert!(session.may_dial(again), "a fresh token opens the way again");
    }

    #[test]
    fn a_page_that_falls_asleep_is_noticed_once_and_so_is_its_waking() {
        let now = Moment::read();
        let (first, _kept) = arrival(now, 1, 3600);
        let mut session = Session::new(now, first);
        assert!(!session.handle_report(now, PageReport::default()));
        let due = session.poll_timeout().expect("silence is noticed");
        let asleep = now + (due - now.instant);
        assert_eq!(session.handle_timeout(now, GRACE), Due::Nothing);
        assert_eq!(session.handle_timeout(asleep, GRACE), Due::Asleep);
        assert_eq!(session.page_trouble(), Some(PageTrouble::Asleep));
        assert_eq!(session.handle_timeout(asleep, GRACE), Due::Nothing);
        assert!(session.handle_sign(asleep));
        assert!(!session.handle_sign(asleep));
        assert_eq!(session.page_trouble(), None);
    }

    #[test]
    fn a_browser_that_does_not_read_is_let_go_and_may_come_back() {
        let now = Moment::read();
        let (first, mut received) = arrival(now, 1, 3600);
        let mut session = Session::new(now, first);
        for _ in 0..3 {
            session.send(now, GRACE, notice());
        }
        assert_eq!(session.connection(), None);
        let mut last = 0;
        while let Some(Frame::Event { seq, .. }) = received.blocking_recv() {
            assert_eq!(seq, last + 1);
            last = seq;
        }
        assert_eq!(last, 2);
    }
}
