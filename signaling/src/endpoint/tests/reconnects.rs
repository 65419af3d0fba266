//! A line's connection breaks, at each point of a call, and comes back.

use std::time::Duration;

use super::lines::{answered_call, tag_of};
use super::script::{LINE, Script, request, status};
use crate::endpoint::{Body, DialogId, Ended, Event, Flow, LineDown, StreamId, Transport};
use crate::message::{Message, Method};

#[test]
fn a_call_goes_on_and_the_far_end_is_told_the_new_way() {
    let mut script = Script::registered("");
    let (dialog, ok) = confirmed_call(&mut script, "Allow: INVITE,ACK,BYE,UPDATE\r\n");
    cut(&mut script);
    script.pass(Duration::from_secs(20));
    let sent = back(&mut script);
    assert_eq!(methods(&sent), [Method::Update]);
    assert!(sent[0].text("Contact").is_some(), "it refreshes the target");
    script.respond(&sent[0], "200 OK", "", "");
    script.pass(Duration::from_secs(60));
    assert!(call_event(&mut script).is_none());
    script.receive(&request("BYE", 2, &tag_of(&ok), "b", "", ""));
    assert_eq!(script.statuses(), [200]);
    assert!(
        matches!(call_event(&mut script), Some(Event::Ended { dialog: ended, cause: Ended::Bye { .. } }) if ended == dialog)
    );
}

#[test]
fn where_update_is_not_announced_the_owner_is_asked_for_an_offer() {
    let mut script = Script::registered("");
    let (dialog, _) = confirmed_call(&mut script, "");
    cut(&mut script);
    assert_eq!(back(&mut script).len(), 0);
    assert!(
        matches!(call_event(&mut script), Some(Event::OfferWanted { dialog: wanted }) if wanted == dialog)
    );
}

#[test]
fn a_call_of_a_line_that_was_taken_back_goes_on_on_the_next_connection() {
    for taken_back in ["before the cut", "while it was cut"] {
        let mut script = Script::registered("");
        confirmed_call(&mut script, "Allow: INVITE,ACK,BYE,UPDATE\r\n");
        if taken_back == "before the cut" {
            script.endpoint.unregister(script.now, LINE);
            let farewell = script.sent_one();
            script.respond(&farewell, "200 OK", "", "");
        }
        while script.event().is_some() {}
        script
            .endpoint
            .handle_stream_closed(script.now, StreamId(1));
        if taken_back == "while it was cut" {
            script.endpoint.unregister(script.now, LINE);
        }
        script.pass(Duration::from_secs(20));
        script.flow = Flow::Stream(StreamId(2));
        script
            .endpoint
            .handle_line_connected(script.now, LINE, StreamId(2), Transport::Wss);
        let sent = script.sent();
        assert_eq!(
            methods(&sent),
            [Method::Update],
            "{taken_back}: no REGISTER"
        );
        script.respond(&sent[0], "200 OK", "", "");
        script.pass(Duration::from_secs(60));
        assert!(call_event(&mut script).is_none(), "{taken_back}");
    }
}

#[test]
fn a_registration_that_is_merely_refreshed_refreshes_no_call() {
    let mut script = Script::registered("");
    confirmed_call(&mut script, "");
    script.pass(Duration::from_secs(89));
    let register = script.sent_one();
    let contact = register.text("Contact").expect("a contact");
    script.respond(&register, "200 OK", &format!("Contact: {contact}\r\n"), "");
    assert_eq!(script.sent().len(), 0);
    assert!(
        !std::iter::from_fn(|| call_event(&mut script))
            .any(|event| matches!(event, Event::OfferWanted { .. }))
    );
}

#[test]
fn a_far_end_that_has_gone_meanwhile_ends_the_call() {
    let mut script = Script::registered("");
    let (dialog, _) = confirmed_call(&mut script, "Allow: UPDATE\r\n");
    cut(&mut script);
    let sent = back(&mut script);
    script.respond(&sent[0], "481 Gone", "", "");
    assert!(
        matches!(call_event(&mut script), Some(Event::Ended { dialog: ended, cause: Ended::Rejected { status: 481, .. } }) if ended == dialog)
    );
}

#[test]
fn what_rings_rings_on_and_is_answered_on_the_next_connection() {
    let mut script = Script::registered("");
    let dialog = ringing_call(&mut script);
    cut(&mut script);
    assert!(call_event(&mut script).is_none(), "it still rings");
    let again = back(&mut script);
    assert_eq!(statuses(&again), [180], "which may have been lost");
    script
        .endpoint
        .accept(script.now, dialog, Body::sdp("v=0"))
        .expect("it waits");
    let ok = script.sent_one_on();
    assert_eq!((ok.0, status(&ok.1)), (Flow::Stream(StreamId(2)), 200));
}

#[test]
fn an_answer_given_without_a_connection_goes_on_the_next_one() {
    let mut script = Script::registered("");
    let dialog = ringing_call(&mut script);
    cut(&mut script);
    script
        .endpoint
        .accept(script.now, dialog, Body::sdp("v=0"))
        .expect("it waits");
    script.sent();
    script.pass(Duration::from_secs(25));
    let sent = back(&mut script);
    assert_eq!(statuses(&sent), [200]);
    // Its own connection is the one that carries it: the ACK comes, and nothing needs a refresh.
    assert!(call_event(&mut script).is_none());
    script.pass(Duration::from_secs(20));
    script.receive(&request("ACK", 1, &tag_of(&sent[0]), "a", "", ""));
    assert!(
        matches!(call_event(&mut script), Some(Event::Confirmed { dialog: confirmed, .. }) if confirmed == dialog)
    );
    assert!(call_event(&mut script).is_none());
}

#[test]
fn an_answer_whose_first_connection_broke_counts_as_heard_if_the_refresh_finds_the_far_end() {
    let mut script = Script::registered("");
    let dialog = ringing_call(&mut script);
    cut(&mut script);
    script
        .endpoint
        .accept(script.now, dialog, Body::sdp("v=0"))
        .expect("it waits");
    script.sent();
    assert_eq!(statuses(&back(&mut script)), [200]);
    cut_stream(&mut script, 2);
    assert_eq!(statuses(&back_on(&mut script, 3)), [200]);
    assert!(
        matches!(call_event(&mut script), Some(Event::Confirmed { dialog: confirmed, .. }) if confirmed == dialog)
    );
    assert!(matches!(
        call_event(&mut script),
        Some(Event::OfferWanted { .. })
    ));
}

#[test]
fn a_rejection_given_without_a_connection_goes_on_the_next_one() {
    let mut script = Script::registered("");
    let dialog = ringing_call(&mut script);
    cut(&mut script);
    script
        .endpoint
        .reject(script.now, dialog, 603, "")
        .expect("it waits");
    script.sent();
    assert_eq!(statuses(&back(&mut script)), [603]);
}

#[test]
fn an_ack_that_was_lost_with_the_connection_ends_no_call() {
    let mut script = Script::registered("");
    let (dialog, ok) = answered_call(&mut script);
    script.sent();
    cut(&mut script);
    let sent = back(&mut script);
    assert_eq!(
        statuses(&sent),
        [200],
        "it may have been the 200 that was lost"
    );
    assert!(
        matches!(call_event(&mut script), Some(Event::Confirmed { dialog: confirmed, .. }) if confirmed == dialog)
    );
    // Late, and absorbed.
    script.receive(&request("ACK", 1, &tag_of(&ok), "a", "", ""));
    assert!(matches!(
        call_event(&mut script),
        Some(Event::OfferWanted { .. })
    ));
    script.pass(Duration::from_secs(70));
    assert!(call_event(&mut script).is_none());
}

#[test]
fn a_bye_without_a_connection_goes_on_the_next_one() {
    let mut script = Script::registered("");
    let (dialog, _) = confirmed_call(&mut script, "");
    cut(&mut script);
    script.endpoint.hang_up(script.now, dialog, None);
    assert!(matches!(
        call_event(&mut script),
        Some(Event::Ended {
            cause: Ended::LocalHangup,
            ..
        })
    ));
    assert_eq!(methods(&back(&mut script)), [Method::Bye]);
}

#[test]
fn a_bye_that_was_not_answered_goes_again_with_the_next_number() {
    let mut script = Script::registered("");
    let (dialog, _) = confirmed_call(&mut script, "");
    script.endpoint.hang_up(script.now, dialog, None);
    let first = script.sent_one();
    cut(&mut script);
    let again = back(&mut script);
    assert_eq!(methods(&again), [Method::Bye]);
    let number = |bye: &Message| bye.cseq().expect("a number").number;
    assert_eq!(number(&again[0]), number(&first) + 1);
    script.respond(&again[0], "481 Gone", "", "");
    script.pass(Duration::from_millis(1));
    cut_stream(&mut script, 2);
    assert_eq!(back_on(&mut script, 3).len(), 0, "it was answered");
}

#[test]
fn a_call_whose_line_stays_away_ends_and_the_far_end_is_told_as_soon_as_it_can_be() {
    let mut script = Script::registered("");
    confirmed_call(&mut script, "");
    cut(&mut script);
    script.pass(Duration::from_secs(39));
    assert!(call_event(&mut script).is_none());
    script.pass(Duration::from_secs(2));
    assert!(matches!(
        call_event(&mut script),
        Some(Event::Ended {
            cause: Ended::FlowLost,
            ..
        })
    ));
    assert_eq!(script.endpoint.counts().dialogs, 0);
    assert_eq!(script.endpoint.poll_timeout(), None);
    script.pass(Duration::from_secs(60));
    assert_eq!(methods(&back(&mut script)), [Method::Bye]);
}

#[test]
fn a_goodbye_is_not_kept_for_ever() {
    let mut script = Script::registered("");
    confirmed_call(&mut script, "");
    cut(&mut script);
    script.pass(Duration::from_secs(700));
    while call_event(&mut script).is_some() {}
    assert_eq!(back(&mut script).len(), 0);
}

#[test]
fn a_call_that_rings_while_its_line_stays_away_ends() {
    let mut script = Script::registered("");
    let dialog = ringing_call(&mut script);
    cut(&mut script);
    script.pass(Duration::from_secs(41));
    assert!(
        matches!(call_event(&mut script), Some(Event::Ended { dialog: ended, cause: Ended::FlowLost }) if ended == dialog)
    );
    let counts = script.endpoint.counts();
    assert_eq!((counts.dialogs, counts.server_transactions), (0, 0));
}

#[test]
fn a_connection_that_is_replaced_before_it_is_known_to_be_gone_refreshes_too() {
    let mut script = Script::registered("");
    confirmed_call(&mut script, "Allow: UPDATE\r\n");
    assert_eq!(methods(&back_on(&mut script, 2)), [Method::Update]);
    script
        .endpoint
        .handle_stream_closed(script.now, StreamId(1));
    assert_eq!(script.sent().len(), 0);
}

#[test]
fn two_cuts_before_the_refresh_is_answered_are_one_call() {
    let mut script = Script::registered("");
    confirmed_call(&mut script, "Allow: UPDATE\r\n");
    cut(&mut script);
    assert_eq!(methods(&back(&mut script)), [Method::Update]);
    cut_stream(&mut script, 2);
    assert_eq!(methods(&back_on(&mut script, 3)), [Method::Update]);
    script.pass(Duration::from_secs(60));
    assert_eq!(
        script.endpoint.counts().dialogs,
        0,
        "nobody answers that one either"
    );
}

fn confirmed_call(script: &mut Script, headers: &str) -> (DialogId, Message) {
    script.receive(&request("INVITE", 1, "", "1", headers, "v=0"));
    let Some(Event::Invite { dialog, .. }) = script.event() else {
        panic!("no call")
    };
    script
        .endpoint
        .accept(script.now, dialog, Body::sdp("v=0"))
        .expect("it waits");
    let ok = script.sent().pop().expect("a 200");
    script.receive(&request("ACK", 1, &tag_of(&ok), "a", "", ""));
    assert!(matches!(script.event(), Some(Event::Confirmed { .. })));
    (dialog, ok)
}

fn ringing_call(script: &mut Script) -> DialogId {
    script.receive(&request("INVITE", 1, "", "1", "", "v=0"));
    let Some(Event::Invite { dialog, .. }) = script.event() else {
        panic!("no call")
    };
    script
        .endpoint
        .ring(script.now, dialog, 180, None)
        .expect("it waits");
    script.sent();
    dialog
}

fn cut(script: &mut Script) {
    cut_stream(script, 1);
}

fn cut_stream(script: &mut Script, stream: u64) {
    while script.event().is_some() {}
    script.sent();
    script
        .endpoint
        .handle_stream_closed(script.now, StreamId(stream));
    assert!(matches!(
        script.event(),
        Some(Event::LineDown {
            cause: LineDown::FlowLost,
            ..
        })
    ));
}

fn back(script: &mut Script) -> Vec<Message> {
    back_on(script, 2)
}

/// The line registers on its next connection; what is sent there then.
fn back_on(script: &mut Script, stream: u64) -> Vec<Message> {
    script.flow = Flow::Stream(StreamId(stream));
    script
        .endpoint
        .handle_line_connected(script.now, LINE, StreamId(stream), Transport::Wss);
    let register = script.sent_one();
    let contact = register.text("Contact").expect("a contact");
    script.respond(&register, "200 OK", &format!("Contact: {contact}\r\n"), "");
    let sent = script.sent_on();
    assert!(
        sent.iter().all(|(flow, _)| *flow == script.flow),
        "{sent:?}"
    );
    sent.into_iter().map(|(_, message)| message).collect()
}

/// The first of the events to come that is no news of the line itself.
fn call_event(script: &mut Script) -> Option<Event> {
    std::iter::from_fn(|| script.event())
        .find(|event| !matches!(event, Event::LineUp { .. } | Event::LineDown { .. }))
}

fn methods(sent: &[Message]) -> Vec<Method> {
    sent.iter().map(Message::method).collect()
}

fn statuses(sent: &[Message]) -> Vec<u16> {
    sent.iter().map(status).collect()
}
