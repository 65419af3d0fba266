//! Parsing allocates nothing: the index lies in the message, its fields are slices of the buffer.

use bytes::Bytes;
use signaling::message::{Message, Name};

#[test]
fn an_invite_of_900_bytes_is_parsed_without_an_allocation() {
    let buffer = Bytes::from_static(INVITE.as_bytes());
    assert_eq!(buffer.len(), 900);
    let mut message = None;
    let parsing =
        allocation_counter::measure(|| message = Message::parse(buffer.clone(), 16_384).ok());
    assert_eq!(parsing.count_total, 0);
    let message = message.expect("a message");
    let reading = allocation_counter::measure(|| {
        assert_eq!(
            message.header(Name::CallId),
            Some(&b"402653196_4178@198.51.100.20"[..])
        );
        assert_eq!(message.elements(Name::Via).count(), 2);
        assert_eq!(message.body().len(), 153);
    });
    assert_eq!(reading.count_total, 0);
}

#[test]
fn the_counter_counts() {
    let one = allocation_counter::measure(|| drop(std::hint::black_box(Box::new(7))));
    assert_eq!(one.count_total, 1);
}

const INVITE: &str = include_str!("../benches/invite_900.sip");
