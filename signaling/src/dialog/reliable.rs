//! Reliable provisional responses (RFC 3262): numbered, resent until their PRACK, one at a time.

use std::collections::VecDeque;
use std::time::Instant;

use bytes::Bytes;

use crate::message::{Message, Method, Name};
use crate::transaction::timer::{Backoff, PATIENCE};

/// Those that we send to one INVITE (RFC 3262 §3).
#[derive(Debug)]
pub(crate) struct Provisionals {
    /// Of the INVITE, as RAck names it.
    cseq: u32,
    last_rseq: u32,
    /// Sent, and not acknowledged.
    out: Option<Sent>,
    /// A second one isn't sent before the first is acknowledged.
    queue: VecDeque<Numbered>,
}

#[derive(Debug)]
struct Numbered {
    rseq: u32,
    response: Bytes,
    content: Content,
}

#[derive(Debug)]
struct Sent {
    provisional: Numbered,
    /// `None` once a final response makes resending pointless; its PRACK may still come.
    resending: Option<Resending>,
}

#[derive(Debug)]
struct Resending {
    resend: Backoff,
    give_up: Instant,
}

/// Whether a provisional response has a session description: then the 200 must wait for its PRACK (RFC 3262 §3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Content {
    Description,
    Nothing,
}

/// What a deadline asks for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Due {
    Resend(Bytes),
    /// No PRACK in 64*T1: the INVITE is to be refused by a 5xx.
    GiveUp,
}

/// A PRACK that acknowledges nothing of ours: 481.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Unmatched;

impl Provisionals {
    /// `first` is where the numbers start: random, and below 2^31 (RFC 3262 §7.1).
    pub fn new(cseq: u32, first: u32) -> Provisionals {
        Provisionals {
            cseq,
            last_rseq: first,
            out: None,
            queue: VecDeque::new(),
        }
    }

    /// The number of the next one, which [`Provisionals::push`] takes.
    pub fn next_rseq(&self) -> u32 {
        self.last_rseq + 1
    }

    /// Takes a response that carries [`Provisionals::next_rseq`]; gives it back if it may go now.
    pub fn push(&mut self, now: Instant, response: Bytes, content: Content) -> Option<Bytes> {
        self.last_rseq += 1;
        self.queue.push_back(Numbered {
            rseq: self.last_rseq,
            response,
            content,
        });
        self.release(now)
    }

    /// A PRACK; gives the response that was waiting for it, if one was.
    ///
    /// # Errors
    ///
    /// [`Unmatched`] if it isn't for the one that is out.
    pub fn acknowledge(&mut self, now: Instant, rack: RAck) -> Result<Option<Bytes>, Unmatched> {
        let expected = self.out.as_ref().map(|sent| RAck {
            rseq: sent.provisional.rseq,
            cseq: self.cseq,
        });
        if expected != Some(rack) {
            return Err(Unmatched);
        }
        self.out = None;
        Ok(self.release(now))
    }

    /// A final response goes out: nothing more is sent or resent.
    pub fn stop(&mut self) {
        self.queue.clear();
        if let Some(sent) = &mut self.out {
            sent.resending = None;
        }
    }

    /// An offer or answer of ours isn't acknowledged.
    pub fn holds_description(&self) -> bool {
        self.out
            .iter()
            .map(|sent| &sent.provisional)
            .chain(&self.queue)
            .any(|provisional| provisional.content == Content::Description)
    }

    pub fn handle_timeout(&mut self, now: Instant) -> Option<Due> {
        let sent = self.out.as_mut()?;
        let resending = sent.resending.as_mut()?;
        if now >= resending.give_up {
            sent.resending = None;
            return Some(Due::GiveUp);
        }
        (now >= resending.resend.at).then(|| {
            resending.resend.next(now);
            Due::Resend(sent.provisional.response.clone())
        })
    }

    pub fn poll_timeout(&self) -> Option<Instant> {
        let resending = self.out.as_ref()?.resending.as_ref()?;
        Some(resending.resend.at.min(resending.give_up))
    }

    fn release(&mut self, now: Instant) -> Option<Bytes> {
        if self.out.is_some() {
            return None;
        }
        let provisional = self.queue.pop_front()?;
        let response = provisional.response.clone();
        self.out = Some(Sent {
            provisional,
            resending: Some(Resending {
                // Unlike a final response's, the interval doubles without a limit.
                resend: Backoff::starting(now, PATIENCE),
                give_up: now + PATIENCE,
            }),
        });
        Some(response)
    }
}

/// What a PRACK acknowledges (RFC 3262 §7.2); its method is always INVITE.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RAck {
    pub rseq: u32,
    pub cseq: u32,
}

impl RAck {
    /// `None` if there is none, or it names another method than INVITE.
    pub fn of(prack: &Message) -> Option<RAck> {
        let value = prack.header(Name::RAck)?;
        let mut words = value
            .split(u8::is_ascii_whitespace)
            .filter(|word| !word.is_empty());
        let mut number = || std::str::from_utf8(words.next()?).ok()?.parse().ok();
        let (rseq, cseq) = (number()?, number()?);
        let method = Method::of(words.next()?);
        (method == Method::Invite && words.next().is_none()).then_some(RAck { rseq, cseq })
    }
}

/// The numbers of those that one early dialog sends us (RFC 3262 §4).
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Received {
    last: Option<u32>,
}

impl Received {
    /// Whether this is the next one. A repeated one isn't acknowledged again, since the PRACK repeats itself; one from
    /// further ahead is dropped, since it comes again once the missing one is acknowledged.
    pub fn admits(&mut self, rseq: u32) -> bool {
        let expected = self
            .last
            .is_none_or(|last| rseq.checked_sub(last) == Some(1));
        if expected {
            self.last = Some(rseq);
        }
        expected
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn an_unacknowledged_one_is_resent_at_doubling_intervals_and_then_given_up() {
        let start = Instant::now();
        let mut provisionals = Provisionals::new(7, 100);
        assert_eq!(push(&mut provisionals, start, "a"), Some("a".into()));
        let mut log = Vec::new();
        while let Some(at) = provisionals.poll_timeout() {
            let due = provisionals.handle_timeout(at).expect("something is due");
            log.push(((at - start).as_millis(), due));
        }
        let resent = |at| (at, Due::Resend("a".into()));
        assert_eq!(
            log,
            [
                resent(500),
                resent(1_500),
                resent(3_500),
                resent(7_500),
                resent(15_500),
                resent(31_500),
                (32_000, Due::GiveUp)
            ]
        );
    }

    #[test]
    fn the_second_waits_for_the_first_ones_prack() {
        let now = Instant::now();
        let mut provisionals = Provisionals::new(7, 100);
        assert_eq!(provisionals.next_rseq(), 101);
        assert_eq!(push(&mut provisionals, now, "a"), Some("a".into()));
        assert_eq!(push(&mut provisionals, now, "b"), None);
        for (rseq, cseq) in [(102, 7), (101, 8), (100, 7)] {
            assert_eq!(
                provisionals.acknowledge(now, RAck { rseq, cseq }),
                Err(Unmatched)
            );
        }
        let rack = RAck { rseq: 101, cseq: 7 };
        assert_eq!(
            provisionals.acknowledge(now, rack),
            Ok(Some(Bytes::from("b")))
        );
        assert_eq!(provisionals.acknowledge(now, rack), Err(Unmatched));
        let rack = RAck { rseq: 102, cseq: 7 };
        assert_eq!(provisionals.acknowledge(now, rack), Ok(None));
        assert_eq!(provisionals.poll_timeout(), None);
    }

    #[test]
    fn after_a_final_response_nothing_is_resent_but_the_prack_still_counts() {
        let now = Instant::now();
        let mut provisionals = Provisionals::new(7, 100);
        push(&mut provisionals, now, "a");
        push(&mut provisionals, now, "b");
        assert!(provisionals.holds_description());
        provisionals.stop();
        assert_eq!(provisionals.poll_timeout(), None);
        assert_eq!(
            provisionals.handle_timeout(now + Duration::from_secs(40)),
            None
        );
        let rack = RAck { rseq: 101, cseq: 7 };
        assert_eq!(provisionals.acknowledge(now, rack), Ok(None));
        assert!(!provisionals.holds_description());
    }

    #[test]
    fn only_the_next_number_is_admitted() {
        let mut received = Received::default();
        let admitted = [5, 5, 7, 6, 6, 4, 7].map(|rseq| received.admits(rseq));
        assert_eq!(admitted, [true, false, false, true, false, false, true]);
    }

    #[test]
    fn rack_is_two_numbers_and_a_method() {
        for (value, expected) in [
            ("776656 1 INVITE", Some((776_656, 1))),
            ("1 \t 2   INVITE", Some((1, 2))),
            ("1 2 UPDATE", None),
            ("1 2", None),
            ("1 INVITE", None),
            ("-1 2 INVITE", None),
            ("1 2 INVITE x", None),
            ("99999999999 2 INVITE", None),
        ] {
            let text = format!(
                "PRACK sip:a@h SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nFrom: <sip:a@h>;tag=1\r\n\
                 To: <sip:b@h>;tag=2\r\nCall-ID: c\r\nCSeq: 2 PRACK\r\nRAck: {value}\r\n\r\n"
            );
            let prack = Message::parse(text.into(), 4096).expect("a message");
            let expected = expected.map(|(rseq, cseq)| RAck { rseq, cseq });
            assert_eq!(RAck::of(&prack), expected, "{value}");
        }
    }

    fn push(provisionals: &mut Provisionals, now: Instant, text: &'static str) -> Option<Bytes> {
        provisionals.push(now, text.into(), Content::Description)
    }
}
