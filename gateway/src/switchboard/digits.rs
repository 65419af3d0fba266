//! Digits towards a far end: as telephone-events by the media engine, or by INFO where that takes none.

use media::{LegId, Tones};
use signaling::{Digit, DigitFormat};

use super::acts::OVERLOADED;
use super::placed::{Age, Route};
use super::task::{Owner, Task};
use super::transfer::Link;
use crate::agent::wire::{self, NoticeKind};
use crate::call::Told;
use crate::call::keypad::{DURATION, Press, TooMany, Writing};
use crate::clock::Moment;
use crate::config::DigitsBy;
use crate::http::problem::Problem;

impl Task {
    /// What the agent, or a back end, dials in a talk.
    pub(super) fn dial_digits(
        &mut self,
        now: Moment,
        age: Age,
        leg: LegId,
        tones: Tones,
    ) -> Result<(), Problem> {
        match self.digits_by(age) {
            DigitsBy::Rtp => self.engine.digits(leg, tones).map_err(|media::Full| {
                Problem::unavailable(format!("The digits were not sent: {OVERLOADED}."))
            }),
            DigitsBy::Info => self.press(now, age, &tones).map_err(|TooMany| {
                Problem::conflict("Too many digits are waiting to be sent; try again in a while.")
            }),
        }
    }

    fn digits_by(&self, age: Age) -> DigitsBy {
        match self.calls.get(&age).map(|placed| placed.route) {
            Some(Route::Trunk(trunk)) => self.trunks[trunk].config.digits,
            Some(Route::Line(_) | Route::Desk) | None => DigitsBy::Rtp,
        }
    }

    /// The leg's peer takes no telephone-event.
    pub(super) fn handle_undialled(&mut self, now: Moment, leg: LegId, tones: &Tones) {
        match self.legs.get(&leg).copied() {
            Some(Owner::Customer(age)) => {
                if let Err(TooMany) = self.press(now, age, tones) {
                    let told = "The digits were not sent: too many are waiting already.";
                    self.tell_of_digits(now, age, told.to_owned());
                }
            }
            // A browser that asked for no digits has no use for any.
            Some(Owner::Agent(_)) | None => tracing::debug!(%leg, "digits were not passed on"),
        }
    }

    fn press(&mut self, now: Moment, age: Age, tones: &Tones) -> Result<(), TooMany> {
        let Some(placed) = self.calls.get_mut(&age) else {
            return Ok(());
        };
        placed.keypad.press(tones.symbols())?;
        let told = |one: &Told| one.what == BY_INFO;
        if !placed.call.story().iter().any(told) {
            placed.call.tell(now, BY_INFO);
        }
        self.touched.insert(age);
        self.send_digits(now, age);
        Ok(())
    }

    /// Sends what is due; to be called whenever something may be.
    pub(super) fn send_digits(&mut self, now: Moment, age: Age) {
        while let Some(placed) = self.calls.get_mut(&age) {
            let Some(dialog) = placed.dialog else {
                return placed.keypad.clear();
            };
            let Some(press) = placed.keypad.poll(now.instant) else {
                return;
            };
            let Press { symbol, writing } = press;
            let format = match writing {
                Writing::Relay => DigitFormat::Relay,
                Writing::Plain => DigitFormat::Plain,
            };
            let sent = Digit::new(symbol, DURATION)
                .map(|digit| self.endpoint.send_digit(now.instant, dialog, digit, format));
            match sent {
                Some(Ok(())) => return,
                // The line's connection is gone, or the call about to end.
                Some(Err(_)) | None => self.digit_answered(now, age, 503),
            }
        }
    }

    pub(super) fn handle_digit_answer(
        &mut self,
        now: Moment,
        dialog: signaling::DialogId,
        status: u16,
    ) {
        if let Some(age) = self.dialogs.get(&dialog).copied() {
            self.digit_answered(now, age, status);
            self.send_digits(now, age);
        }
    }

    fn digit_answered(&mut self, now: Moment, age: Age, status: u16) {
        let Some(placed) = self.calls.get_mut(&age) else {
            return;
        };
        self.touched.insert(age);
        if let Err(untaken) = placed.keypad.handle_answer(status) {
            self.tell_of_digits(now, age, untaken.sentence());
        }
    }

    /// Trouble with digits; the agent of a talk that goes on without one isn't told.
    pub(super) fn tell_of_digits(&mut self, now: Moment, age: Age, told: String) {
        let Some(placed) = self.calls.get_mut(&age) else {
            return;
        };
        placed.call.tell(now, told.clone());
        self.touched.insert(age);
        let (agent, link) = (placed.agent, placed.link);
        if let Link::Through { .. } = link {
            return;
        }
        let notice = wire::Event::Notice {
            kind: NoticeKind::Digits,
            in_ms: None,
            detail: Some(told),
        };
        self.tell_agent(now, agent, notice);
    }
}

const BY_INFO: &str = "Digits go to the other side by INFO.";
