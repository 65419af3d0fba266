//! Parsing allocates nothing: the index lies in the message, its fields are slices of the buffer.

use bytes::Bytes;
use signaling::message::{Message, Name};

#[test]
fn an_invite_of_900_bytes_is_parsed_without_an_allocation() {
    let padding = "a=candidate:1 1 UDP 2130706431 198.51.100.9 6000 typ host\r\n".repeat(7);
    let text =
        include_str!("captured/sipp_invite.sip").replace("Content-Length: ", "X-Was: ") + &padding;
    assert!(text.len() >= 900, "{}", text.len());
    let buffer = Bytes::from(text);
    let mut message = None;
    let parsing =
        allocation_counter::measure(|| message = Message::parse(buffer.clone(), 16_384).ok());
    assert_eq!(parsing.count_total, 0);
    let message = message.expect("a message");
    let reading = allocation_counter::measure(|| {
        assert_eq!(
            message.header(Name::CallId),
            Some(&b"1-3101@198.51.100.9"[..])
        );
        assert_eq!(message.elements(Name::Via).count(), 1);
        assert!(message.body().len() > 400);
    });
    assert_eq!(reading.count_total, 0);
}

#[test]
fn the_counter_counts() {
    let one = allocation_counter::measure(|| drop(std::hint::black_box(Box::new(7))));
    assert_eq!(one.count_total, 1);
}
