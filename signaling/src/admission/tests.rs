//! Floods in virtual time.

use super::*;

#[test]
fn who_stays_below_the_limit_is_heard_for_ever() {
    let (mut admission, mut now) = (Admission::new(limits()), Instant::now());
    for _ in 0..1_000 {
        assert_eq!(admission.admit(now, address(1)), Verdict::Admit);
        now += Duration::from_millis(250);
    }
}

#[test]
fn the_message_too_many_bans_and_the_ban_is_said_once() {
    let (mut admission, now) = (Admission::new(limits()), Instant::now());
    let verdicts: Vec<_> = (0..13).map(|_| admission.admit(now, address(1))).collect();
    assert_eq!(verdicts[..10], [Verdict::Admit; 10]);
    assert_eq!(verdicts[10..], [Verdict::Ban, Verdict::Drop, Verdict::Drop]);
    assert_eq!(admission.admit(now, address(2)), Verdict::Admit);
}

#[test]
fn a_ban_ends_however_much_was_sent_in_it() {
    let (mut admission, start) = (Admission::new(limits()), Instant::now());
    for _ in 0..11 {
        admission.admit(start, address(1));
    }
    let end = start + limits().ban;
    for second in 1..60 {
        let now = start + Duration::from_secs(second);
        assert_eq!(admission.admit(now, address(1)), Verdict::Drop);
    }
    assert_eq!(admission.admit(end - MOMENT, address(1)), Verdict::Drop);
    assert_eq!(admission.admit(end, address(1)), Verdict::Admit);
}

#[test]
fn a_burst_over_a_boundary_counts_whole() {
    let (mut admission, start) = (Admission::new(limits()), Instant::now());
    admission.admit(start, address(1));
    let before = start + limits().interval - MOMENT;
    let after = start + limits().interval + MOMENT;
    for _ in 0..8 {
        assert_eq!(admission.admit(before, address(1)), Verdict::Admit);
    }
    let verdicts: Vec<_> = (0..4).map(|_| admission.admit(after, address(1))).collect();
    assert!(verdicts.contains(&Verdict::Ban), "{verdicts:?}");
}

#[test]
fn what_was_long_ago_does_not_count() {
    let (mut admission, mut now) = (Admission::new(limits()), Instant::now());
    for _ in 0..20 {
        for _ in 0..10 {
            assert_eq!(admission.admit(now, address(1)), Verdict::Admit);
        }
        now += limits().interval * 2;
    }
}

#[test]
fn a_host_can_not_change_its_prefix() {
    let (mut admission, now) = (Admission::new(limits()), Instant::now());
    for host in 0..11 {
        let source = format!("2001:db8:0:7::{host:x}")
            .parse()
            .expect("an address");
        admission.admit(now, source);
    }
    let verdict = |admission: &mut Admission, source: &str| {
        admission.admit(now, source.parse().expect("an address"))
    };
    assert_eq!(
        verdict(&mut admission, "2001:db8:0:7:ffff::1"),
        Verdict::Drop
    );
    assert_eq!(verdict(&mut admission, "2001:db8:0:8::1"), Verdict::Admit);
    for _ in 0..11 {
        verdict(&mut admission, "198.51.100.1");
    }
    assert_eq!(
        verdict(&mut admission, "::ffff:198.51.100.1"),
        Verdict::Drop
    );
}

#[test]
fn a_flood_of_addresses_takes_no_more_than_its_room() {
    let (mut admission, now) = (Admission::new(limits()), Instant::now());
    for _ in 0..11 {
        admission.admit(now, address(7));
    }
    for number in 0..10_000u32 {
        let source = IpAddr::from((0x0a00_0000 + number).to_be_bytes());
        assert_eq!(admission.admit(now, source), Verdict::Admit);
        assert!(admission.sources() <= limits().sources);
        // Who goes on sending isn't forgotten, and stays banned.
        assert_eq!(admission.admit(now, address(7)), Verdict::Drop);
    }
    assert_eq!(admission.order.len(), admission.sources.len());
}

#[test]
fn a_trunk_may_begin_its_calls_at_once_or_evenly_but_not_more() {
    let mut rate = CallRate::per_second(5);
    let mut now = Instant::now();
    for _ in 0..5 {
        assert_eq!(rate.admit(now), Ok(()));
    }
    assert_eq!(rate.admit(now), Err(TooFast { retry_after: 1 }));
    for _ in 0..50 {
        now += Duration::from_millis(200);
        assert_eq!(rate.admit(now), Ok(()));
        assert!(rate.admit(now).is_err());
    }
    now += Duration::from_secs(60);
    assert_eq!((0..100).filter(|_| rate.admit(now).is_ok()).count(), 5);
}

#[test]
fn one_call_a_second_is_one_call_a_second() {
    let (mut rate, now) = (CallRate::per_second(0), Instant::now());
    assert_eq!(rate.admit(now), Ok(()));
    assert_eq!(
        rate.admit(now + Duration::from_millis(999)),
        Err(TooFast { retry_after: 1 })
    );
    assert_eq!(rate.admit(now + Duration::from_secs(1)), Ok(()));
}

#[test]
fn scanners_are_known_by_the_names_they_give_themselves() {
    assert_eq!(scanner("friendly-scanner"), Some("sipvicious"));
    assert_eq!(scanner("VaxSIPUserAgent/3.1"), Some("vaxsip"));
    assert_eq!(scanner("Linphone/5.2"), None);
}

fn limits() -> Limits {
    Limits {
        messages: 10,
        sources: 100,
        ..Limits::default()
    }
}

fn address(last: u8) -> IpAddr {
    IpAddr::from([198, 51, 100, last])
}

const MOMENT: Duration = Duration::from_millis(1);
