use super::*;

#[test]
fn a_request_is_read_and_unknown_keys_are_ignored() {
    let text = r#"{ "id": 7, "op": "ping", "later": { "than": "us" } }"#;
    let ping = Request {
        id: 7,
        operation: Operation::Ping,
    };
    assert_eq!(Request::parse(text), Ok(ping));
}

#[test]
fn a_dial_carries_the_browsers_call_id_and_context() {
    let text = r#"{ "id": 8, "op": "dial", "call": "c_01990000-0000-7000-8000-000000000001",
                    "to": "+919000000001", "context": { "ticket": 5 } }"#;
    let Ok(Request {
        operation: Operation::Dial(dial),
        ..
    }) = Request::parse(text)
    else {
        panic!("not a dial");
    };
    assert_eq!(dial.to, "+919000000001");
    assert_eq!(dial.context, Some(serde_json::json!({ "ticket": 5 })));
}

#[test]
fn what_can_not_be_done_is_refused_under_its_own_number() {
    let cases = [
        (r#"{ "id": 9, "op": "teleport" }"#, 9, "teleport"),
        (r#"{ "id": 10, "op": "mute", "on": true }"#, 10, "call"),
        (
            r#"{ "id": 11, "op": "hangup", "call": "5" }"#,
            11,
            "call id",
        ),
        (r#"{ "op": "ping" }"#, 0, "id"),
        (r#"{ "id": -1, "op": "ping" }"#, 0, "id"),
        (r#"["id", 1]"#, 0, "id"),
    ];
    for (text, number, word) in cases {
        let Err(Malformed::Refused { re, because }) = Request::parse(text) else {
            panic!("{text} was taken");
        };
        assert_eq!(re, number, "{text}");
        assert!(because.contains(word), "{text}: {because}");
    }
    assert_eq!(Request::parse("{"), Err(Malformed::NotJson));
}

#[test]
fn frames_are_told_apart_by_one_key() {
    let event = Frame::Event {
        event: Event::Bye {
            code: ByeCode::TakenOver,
            reconnect: false,
        },
        seq: 42,
    };
    assert_eq!(
        serde_json::to_value(&event).expect("it can be written"),
        serde_json::json!({ "ev": "bye", "code": "taken-over", "reconnect": false, "seq": 42 })
    );
    let error = Frame::Error {
        re: 7,
        err: Problem::conflict("The call is over."),
    };
    let error = serde_json::to_value(&error).expect("it can be written");
    assert_eq!(error["re"], 7);
    assert_eq!(error["err"]["type"], "/problems/wrong-state");
}
