//! The plan of an event's packets, in virtual time.

use super::*;

#[test]
fn a_digit_is_five_updates_and_three_ends_20_ms_apart() {
    let mut plan = Plan::new("#");
    let sent = plan.run(Duration::from_secs(1));
    let expected = [
        (0, 0x0a, 160),
        (20, 0x0a, 320),
        (40, 0x0a, 480),
        (60, 0x0a, 640),
        (80, 0x0a, 800),
        (100, 0x8a, 800),
        (120, 0x8a, 800),
        (140, 0x8a, 800),
    ];
    let told: Vec<_> = sent
        .iter()
        .map(|&(at, packet)| {
            let payload = packet.payload(ClockRate::Khz8);
            assert_eq!(payload[0], 11);
            let duration = u16::from_be_bytes([payload[2], payload[3]]);
            (at, payload[1], duration)
        })
        .collect();
    assert_eq!(told, expected);
    let firsts: Vec<bool> = sent.iter().map(|(_, p)| p.place == Place::First).collect();
    assert_eq!(
        firsts,
        [true, false, false, false, false, false, false, false]
    );
    assert_eq!(plan.keypad.due(), None);
}

#[test]
fn digits_begin_100_ms_after_the_one_before_ended_and_2_s_after_a_comma() {
    let mut plan = Plan::new("12,,3");
    let begun: Vec<(u64, u8)> = plan
        .run(Duration::from_secs(6))
        .into_iter()
        .filter(|(_, packet)| packet.place == Place::First)
        .map(|(at, packet)| (at, packet.code))
        .collect();
    assert_eq!(begun, [(0, 1), (200, 2), (4_400, 3)]);
}

#[test]
fn a_digit_pressed_right_after_another_keeps_the_gap() {
    let mut plan = Plan::new("1");
    plan.run(Duration::from_millis(150));
    plan.press("2").expect("room");
    assert_eq!(plan.keypad.poll(plan.now), None);
    let sent = plan.run(Duration::from_secs(1));
    assert_eq!(sent.first().map(|(at, _)| *at), Some(200));
}

#[test]
fn a_late_wake_up_sends_what_it_missed_and_no_more() {
    let mut plan = Plan::new("1");
    assert!(plan.keypad.poll(plan.now).is_some());
    plan.now += Duration::from_millis(65);
    let burst = std::iter::from_fn(|| plan.keypad.poll(plan.now)).count();
    assert_eq!(burst, 3);
}

#[test]
fn relayed_audio_gives_way_to_digits_and_not_to_pauses() {
    let mut plan = Plan::new("12,3");
    let withheld = |plan: &mut Plan, at| {
        plan.run(Duration::from_millis(at));
        plan.keypad.withholds(None)
    };
    assert!(withheld(&mut plan, 0));
    assert!(withheld(&mut plan, 139));
    assert!(withheld(&mut plan, 150), "between two digits");
    assert!(withheld(&mut plan, 339));
    assert!(!withheld(&mut plan, 341), "a pause follows");
    assert!(!withheld(&mut plan, 2_399));
    assert!(withheld(&mut plan, 2_400));
    assert!(!withheld(&mut plan, 2_541), "the last one is over");
}

#[test]
fn a_relayed_event_that_was_cut_into_does_not_begin_again() {
    let mut plan = Plan::new("1");
    plan.run(Duration::from_millis(20));
    assert!(plan.keypad.withholds(Some(4_000)));
    plan.run(Duration::from_secs(1));
    assert!(plan.keypad.withholds(Some(4_000)), "its rest");
    assert!(!plan.keypad.withholds(None));
    assert!(!plan.keypad.withholds(Some(8_000)), "another one");
}

#[test]
fn no_more_than_64_wait_and_what_is_refused_changes_nothing() {
    let mut plan = Plan::new(&"1".repeat(64));
    assert_eq!(plan.press("2"), Err(Failure::TooManyDigits));
    assert!(plan.keypad.poll(plan.now).is_some());
    assert_eq!(plan.press("2"), Ok(()), "the first one waits no more");
    assert_eq!(plan.press("3"), Err(Failure::TooManyDigits));
    let sent = plan.run(Duration::from_secs(20));
    assert_eq!(sent.len(), 65 * 8 - 1);
    assert_eq!(sent.last().map(|(_, packet)| packet.code), Some(2));
}

/// A keypad whose time jumps from deadline to deadline.
struct Plan {
    keypad: Keypad,
    begun: Instant,
    now: Instant,
}

impl Plan {
    fn new(tones: &str) -> Self {
        let now = Instant::now();
        let mut plan = Self {
            keypad: Keypad::default(),
            begun: now,
            now,
        };
        plan.press(tones).expect("room");
        plan
    }

    fn press(&mut self, tones: &str) -> Result<(), Failure> {
        self.keypad.press(&tones.parse().expect("tones"))
    }

    /// What is sent until `end` after the beginning, each with its time in ms.
    fn run(&mut self, end: Duration) -> Vec<(u64, EventPacket)> {
        let end = self.begun + end;
        let mut sent = Vec::new();
        loop {
            while let Some(packet) = self.keypad.poll(self.now) {
                let at = self.now.duration_since(self.begun).as_millis() as u64;
                sent.push((at, packet));
            }
            match self.keypad.due().filter(|&due| due <= end) {
                Some(due) => self.now = due,
                None => break,
            }
        }
        self.now = end;
        sent
    }
}
