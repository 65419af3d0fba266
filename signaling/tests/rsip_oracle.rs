//! The `rsip` crate as a second opinion: where it can read a message, we read the same; and what it can't read, or reads
//! wrongly, is written down here, since that is why it isn't on the wire.

use bytes::Bytes;
use rsip::prelude::{HasHeaders, HeadersExt, ToTypedHeader, UntypedHeader};
use signaling::message::{Kind, Message, Name};

#[test]
fn both_read_the_same_in_plain_messages() {
    for text in [SIPP_INVITE, JSSIP_REGISTER, JSSIP_OK, KAMAILIO_OK] {
        let theirs = rsip::SipMessage::try_from(text.as_bytes()).expect("within its subset");
        let ours = parse(text);
        assert_eq!(
            value(&ours, Name::CallId),
            theirs.call_id_header().expect("a Call-ID").value()
        );
        let cseq = theirs
            .cseq_header()
            .expect("a CSeq")
            .typed()
            .expect("a typed CSeq");
        assert_eq!(
            value(&ours, Name::CSeq),
            format!("{} {}", cseq.seq, cseq.method)
        );
        assert_eq!(
            value(&ours, Name::From),
            theirs.from_header().expect("a From").value()
        );
        assert_eq!(
            value(&ours, Name::To),
            theirs.to_header().expect("a To").value()
        );
        assert_eq!(ours.headers().count(), theirs.headers().iter().count());
        assert_eq!(&ours.body()[..], &theirs.body()[..]);
        match (ours.kind(), &theirs) {
            (Kind::Request { uri, .. }, rsip::SipMessage::Request(request)) => {
                assert_eq!(String::from_utf8_lossy(uri), request.uri.to_string());
            }
            (Kind::Response { status, .. }, rsip::SipMessage::Response(response)) => {
                assert_eq!(status, response.status_code.code());
            }
            (ours, _) => panic!("{ours:?} is something else to rsip"),
        }
    }
}

#[test]
fn rsip_can_not_read_the_contacts_of_browser_softphones() {
    for text in [JSSIP_REGISTER, KAMAILIO_OK] {
        let theirs = rsip::SipMessage::try_from(text.as_bytes()).expect("the message as such");
        assert!(theirs.contact_header().expect("a Contact").typed().is_err());
        assert!(value(&parse(text), Name::Contact).contains("+sip.instance"));
    }
}

#[test]
fn rsip_refuses_the_ack_that_a_proxy_routes_to_a_gruu() {
    assert!(rsip::SipMessage::try_from(GRUU_ACK.as_bytes()).is_err());
    assert!(
        matches!(parse(GRUU_ACK).kind(), Kind::Request { uri, .. } if uri.ends_with(b"00a0c91e6bf6"))
    );
}

#[test]
fn rsip_cuts_a_gruu_short_and_says_nothing() {
    let theirs = rsip::SipMessage::try_from(JSSIP_OK.as_bytes()).expect("the message as such");
    let contact = theirs.contact_header().expect("a Contact").typed();
    assert!(contact.is_ok_and(|contact| !contact.to_string().contains("f81d4fae")));
    assert!(value(&parse(JSSIP_OK), Name::Contact).contains("f81d4fae"));
}

#[test]
fn rsip_does_not_know_compact_names_or_new_methods() {
    let compact = SIPP_INVITE.replace("Call-ID:", "i:");
    let theirs = rsip::SipMessage::try_from(compact.as_bytes()).expect("the message as such");
    assert!(theirs.call_id_header().is_err());
    assert_eq!(value(&parse(&compact), Name::CallId), "1-3101@198.51.100.9");
    let unknown = SIPP_INVITE.replace("INVITE", "NEWMETHOD");
    assert!(rsip::SipMessage::try_from(unknown.as_bytes()).is_err());
    parse(&unknown);
}

fn parse(text: &str) -> Message {
    Message::parse(Bytes::copy_from_slice(text.as_bytes()), 65_536).expect(text)
}

fn value(message: &Message, name: Name) -> String {
    String::from_utf8_lossy(message.header(name).expect("the header")).into_owned()
}

const SIPP_INVITE: &str = include_str!("captured/sipp_invite.sip");
const JSSIP_REGISTER: &str = include_str!("captured/jssip_register.sip");
const JSSIP_OK: &str = include_str!("captured/jssip_invite_200.sip");
const KAMAILIO_OK: &str = include_str!("captured/kamailio_register_200.sip");
const GRUU_ACK: &str = include_str!("captured/kamailio_gruu_ack.sip");
