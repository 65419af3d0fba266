//! A bug in one leg's step ends that leg, and nobody else's call.

use super::*;

#[test]
fn a_panic_with_a_packet_ends_that_leg_alone() {
    let mut calls = TwoCalls::new(22_770..=22_779);
    calls.panic_next();
    let spoken = tone(440);
    calls.doomed_caller.speak(&spoken);
    calls.expect_end();
    calls.others_talk();
}

#[test]
fn a_panic_with_a_timer_ends_that_leg_alone() {
    let mut calls = TwoCalls::new(22_780..=22_789);
    // A frame is due every 20 ms.
    let prompt = Prompt::tone(500.0, Duration::from_secs(1), Duration::ZERO);
    calls.rig.play(calls.doomed, &prompt, Repeat::Forever);
    calls.panic_next();
    calls.expect_end();
    calls.others_talk();
}

#[test]
fn a_panic_with_a_command_ends_that_leg_alone() {
    let mut calls = TwoCalls::new(22_790..=22_799);
    calls.panic_next();
    let muted = calls.rig.engine.mute(calls.doomed, Mute::On);
    muted.expect("room in the ring");
    calls.expect_end();
    calls.others_talk();
}

/// A call that goes on, and a leg that won't.
struct TwoCalls {
    rig: Rig,
    caller: Phone,
    callee: Phone,
    doomed: LegId,
    doomed_caller: Phone,
}

impl TwoCalls {
    fn new(ports: RangeInclusive<u16>) -> Self {
        let rig = Rig::new(ports);
        let (customer, agent) = rig.two_legs();
        let (mut caller, mut callee) = (Phone::new(), Phone::new());
        caller.accept(&rig.answer(customer, &caller.offer(8)));
        callee.accept(&rig.answer(agent, &callee.offer(8)));
        rig.bridge(customer, agent);
        let doomed = rig.engine.new_leg(customer.worker());
        let mut doomed_caller = Phone::new();
        doomed_caller.accept(&rig.answer(doomed, &doomed_caller.offer(8)));
        Self {
            rig,
            caller,
            callee,
            doomed,
            doomed_caller,
        }
    }

    fn panic_next(&self) {
        let leg = self.doomed;
        let told = self.rig.engine.send(leg, Command::PanicNext { leg });
        told.expect("room in the ring");
    }

    fn expect_end(&self) {
        let leg = self.doomed;
        let lost = Event::Lost {
            leg,
            cause: LegLost::Panicked,
        };
        self.rig.expect(|event| *event == lost);
        self.rig.expect(|event| *event == Event::Closed { leg });
        assert_eq!(self.rig.engine.counters()[0].legs, 2);
    }

    fn others_talk(&mut self) {
        converse(&mut self.caller, &mut self.callee);
    }
}
