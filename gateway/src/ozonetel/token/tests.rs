use serde_json::json;

use super::*;
use crate::agent::Service;
use crate::config::Config;
use crate::ozonetel::{Act, Change, ChangeOutcome, DialOutcome, Disposal, Question};

#[test]
fn an_agent_signs_in_once_the_socket_has_an_id_and_becomes_ready() {
    let mut t = Fixture::new("");
    assert_eq!(t.drain(), [Output::Connect]);
    t.connected();
    assert_eq!(t.drain(), [], "nothing is said before the id is known");
    t.text(json!({ "type": "welcome", "data": "{\"usId\":\"Qm9hcmRfMDAwMDE=\"}" }));
    assert_eq!(t.told(), [What::Up { us_id: us_id(1) }]);
    let login = t.sent();
    assert_eq!(kinds(&login), ["tbAgentLogin"]);
    assert_eq!(login[0]["usId"], "Qm9hcmRfMDAwMDE=");
    assert_eq!(login[0]["utid"], 1);

    t.text(json!({ "type": "response", "utid": "1", "isSip": "true" }));
    assert_eq!(t.told(), [What::SignedIn]);
    assert_eq!(kinds(&t.sent()), ["tbAgentRelease"]);
}

#[test]
fn without_an_id_the_agent_signs_in_after_three_seconds_and_announces_it_when_it_comes() {
    let mut t = Fixture::new("");
    t.connected();
    t.pass(2.9);
    assert!(t.sent().is_empty());
    t.pass(0.1);
    let login = t.sent();
    assert_eq!(kinds(&login), ["tbAgentLogin"]);
    assert_eq!(login[0]["usId"], "");
    assert_eq!(t.told(), [What::Up { us_id: None }]);

    t.text(json!({ "type": "response", "utid": 1, "status": "success", "connectionId": "late" }));
    let late = Some("late".to_owned());
    assert_eq!(t.told(), [What::Up { us_id: late }, What::SignedIn]);
    let sent = t.sent();
    assert_eq!(kinds(&sent), ["tbReconnect", "tbAgentRelease"]);
    assert_eq!([&sent[0]["event"], &sent[0]["usId"]], ["refresh", "late"]);
}

#[test]
fn a_probe_asks_for_the_id_where_it_is_configured() {
    let mut t = Fixture::new("probe = true");
    t.connected();
    t.pass(1.0);
    assert_eq!(kinds(&t.sent()), ["warmlineProbe"]);
    t.text(json!({ "message": "Forbidden", "connectionId": "Qm9hcmRfMDAwMDE=", "requestId": "x" }));
    assert_eq!(t.told(), [What::Up { us_id: us_id(1) }]);
    assert_eq!(t.sent()[0]["usId"], "Qm9hcmRfMDAwMDE=");
}

#[test]
fn configured_ids_are_used_at_once_and_never_replaced() {
    let mut t = Fixture::new("usid = \"fixed\"\nbrowser_session_id = \"also fixed\"");
    t.connected();
    t.text(json!({ "usId": "other", "browserSessionId": "other" }));
    let login = t.sent();
    assert_eq!(kinds(&login), ["tbAgentLogin"]);
    assert_eq!(
        [&login[0]["usId"], &login[0]["browserSessionId"]],
        ["fixed", "also fixed"]
    );
}

#[test]
fn a_dial_is_answered_by_utid_whether_it_comes_back_as_text_or_number() {
    for utid in [json!(3), json!("3"), json!(3.0)] {
        let mut t = Fixture::signed_in("");
        let call = t.dial("9000000001");
        let dial = t.sent();
        assert_eq!(dial[0]["params"], "300401,9000000001,500607,SIP:true");
        t.text(
            json!({ "type": "response", "utid": "2", "status": "Error", "message": "another's" }),
        );
        assert_eq!(t.told(), []);
        t.text(json!({ "type": "response", "utid": utid, "status": "Queued", "message": "12345678901234" }));
        let ucid = Some("12345678901234".to_owned());
        let outcome = DialOutcome::Queued { ucid };
        assert_eq!(t.told(), [What::Dial { call, outcome }]);
    }
}

#[test]
fn a_new_call_may_come_before_the_reply_to_its_dial() {
    let mut t = Fixture::signed_in("");
    let call = t.dial("9000000001");
    t.text(json!({ "type": "newCall", "callType": "Manual Dialing", "ucid": 12345678901234u64 }));
    t.text(
        json!({ "type": "response", "utid": "3", "status": "queued", "message": "12345678901234" }),
    );
    let told = t.told();
    let [
        What::Push(Push::NewCall { ucid, .. }),
        What::Dial {
            call: dialled,
            outcome,
        },
    ] = &told[..]
    else {
        panic!("{told:?}");
    };
    assert_eq!(ucid.as_deref(), Some("12345678901234"));
    assert_eq!(*dialled, call);
    assert_eq!(*outcome, DialOutcome::Queued { ucid: ucid.clone() });
}

#[test]
fn every_dial_has_exactly_one_outcome() {
    let refused = |sentence: &str| DialOutcome::Refused(sentence.to_owned());
    for (reply, outcome) in [
        (
            json!({ "status": "Error", "message": "Please try again." }),
            refused("Please try again."),
        ),
        (
            json!({ "message": "Another call is initiated" }),
            refused("Another call is initiated"),
        ),
        (json!({ "moon": null }), DialOutcome::Unknown),
    ] {
        let mut t = Fixture::signed_in("keep_alive = \"1h\"");
        let call = t.dial("9000000001");
        let mut reply = reply;
        reply["utid"] = "3".into();
        t.text(reply.clone());
        t.text(reply);
        t.pass(120.0);
        assert_eq!(t.told(), [What::Dial { call, outcome }]);
    }

    let mut t = Fixture::signed_in("");
    let call = t.dial("9000000001");
    t.pass(59.9);
    assert_eq!(t.told(), []);
    t.pass(0.1);
    let outcome = DialOutcome::NoReply;
    assert_eq!(t.told(), [What::Dial { call, outcome }]);

    let mut t = Fixture::signed_in("");
    let call = t.dial("9000000001");
    t.closed("cut");
    let told = t.told();
    let outcome = DialOutcome::Unknown;
    assert_eq!(told, [What::Dial { call, outcome }, down("cut")]);
}

#[test]
fn a_dial_is_not_sent_before_the_agent_is_signed_in_nor_with_a_separator() {
    let not_sent = |t: &mut Fixture| match &t.told()[..] {
        [
            What::Dial {
                outcome: DialOutcome::NotSent(reason),
                ..
            },
        ] => reason.clone(),
        told => panic!("{told:?}"),
    };
    let mut t = Fixture::new("");
    t.dial("9000000001");
    assert_eq!(not_sent(&mut t), "The token socket is being opened.");
    t.connected();
    t.dial("9000000001");
    assert_eq!(
        not_sent(&mut t),
        "The agent isn't signed in with the provider yet."
    );
    t.closed("cut");
    t.told();
    t.dial("9000000001");
    assert_eq!(not_sent(&mut t), "The token socket is down: cut");

    let mut t = Fixture::signed_in("");
    t.dial("9000000001~2");
    assert!(not_sent(&mut t).starts_with("the number holds \"~\""));
    assert!(t.sent().is_empty());
}

#[test]
fn a_new_socket_is_announced_with_its_new_id_and_the_old_browser_session() {
    let mut t = Fixture::signed_in("");
    t.closed("cut");
    assert_eq!(t.told(), [down("cut")]);
    t.pass(1.0);
    assert_eq!(
        t.drain(),
        [Output::Close, Output::Connect],
        "the first pause is at most a second"
    );
    t.connected();
    t.text(json!({ "usId": "Qm9hcmRfMDAwMDI=" }));
    assert_eq!(t.told(), [What::Up { us_id: us_id(2) }]);
    let sent = t.sent();
    assert_eq!(kinds(&sent), ["tbReconnect"]);
    assert_eq!(
        [
            &sent[0]["event"],
            &sent[0]["usId"],
            &sent[0]["browserSessionId"]
        ],
        ["reconnect", "Qm9hcmRfMDAwMDI=", MADE]
    );
    assert_eq!(sent[0]["utid"], 3, "serials go on");

    t.text(json!({ "utid": 3, "resp": "Error: no session" }));
    let sent = t.sent();
    assert_eq!(kinds(&sent), ["tbAgentLogin"]);
    assert_eq!(sent[0]["reconnect"], "true");
    t.text(json!({ "utid": 4, "isSip": "true" }));
    assert_eq!(t.told(), [What::SignedIn]);
}

#[test]
fn a_browser_session_that_the_platform_names_is_kept_across_sockets() {
    let mut t = Fixture::new("");
    t.connected();
    t.text(json!({ "usId": "Qm9hcmRfMDAwMDE=", "browserSessionId": "theirs" }));
    assert_eq!(t.sent()[0]["browserSessionId"], "theirs");
    t.closed("cut");
    t.pass(1.0);
    t.connected();
    t.text(json!({ "usId": "Qm9hcmRfMDAwMDI=", "browserSessionId": "another" }));
    assert_eq!(t.sent()[0]["browserSessionId"], "theirs");
}

#[test]
fn a_takeover_and_an_administrator_end_it_for_good() {
    for (kind, cause) in [
        ("closeTab", "Another session of this agent took over."),
        (
            "agentLogoffByAdmin",
            "An administrator signed this agent off.",
        ),
    ] {
        let mut t = Fixture::signed_in("");
        let call = t.dial("9000000001");
        t.sent();
        t.text(json!({ "type": kind, "who": null }));
        let outcome = DialOutcome::Unknown;
        let stopped = What::Stopped {
            cause: cause.to_owned(),
        };
        assert_eq!(
            t.drain(),
            [
                Output::Close,
                Output::Tell(What::Dial { call, outcome }),
                Output::Tell(stopped)
            ]
        );
        t.closed("closed by the peer");
        assert_eq!(t.token.poll_timeout(), None);
        t.pass(100_000.0);
        assert_eq!(t.drain(), []);
    }
}

#[test]
fn a_silent_socket_is_given_up_after_two_pings() {
    let mut t = Fixture::signed_in("");
    t.pass(60.0);
    assert_eq!(t.drain(), [Output::Ping, Output::Ping]);
    t.pass(30.0);
    assert_eq!(t.told(), [down("the provider answers no pings")]);

    let mut t = Fixture::signed_in("");
    for _ in 0..10 {
        t.pass(30.0);
        assert_eq!(t.drain(), [Output::Ping]);
        t.token.handle_pong();
    }
    t.pass(30.0);
    t.text(json!({ "code": -1 }));
    t.drain();
    t.pass(60.0);
    assert_eq!(
        t.drain(),
        [Output::Ping, Output::Ping],
        "any message is a sign of life"
    );
}

#[test]
fn a_socket_is_renewed_for_its_age_but_not_under_a_call() {
    let mut t = Fixture::signed_in("keep_alive = \"200m\"");
    t.token.handle_line_use(LineUse::InCall, t.now);
    t.pass(111.0 * 60.0);
    assert_eq!(t.drain(), []);
    t.token.handle_line_use(LineUse::Idle, t.now);
    let out = t.drain();
    assert!(matches!(out[0], Output::Tell(What::Down { .. })), "{out:?}");
    assert_eq!(out[1..], [Output::Close, Output::Connect]);

    let mut t = Fixture::signed_in("keep_alive = \"200m\"\nreply_timeout = \"10m\"");
    t.pass(109.0 * 60.0);
    let call = t.dial("9000000001");
    t.sent();
    t.pass(120.0);
    assert_eq!(t.drain(), [], "a dial on its way isn't cut off either");
    t.text(json!({ "utid": 3, "status": "Queued", "message": "12345678901234" }));
    assert!(matches!(&t.drain()[..], [Output::Tell(What::Dial { call: c, .. })] if *c == call));
    t.pass(0.0);
    assert!(t.drain().contains(&Output::Connect));
}

#[test]
fn pauses_grow_while_the_provider_is_away_and_shrink_after_a_good_socket() {
    let mut t = Fixture::signed_in("");
    let mut longest = Duration::ZERO;
    for _ in 0..40 {
        t.closed("refused");
        let rest = t.token.poll_timeout().expect("another attempt") - t.now;
        assert!(rest <= Duration::from_secs(30));
        longest = longest.max(rest);
        t.pass(30.0);
        assert!(t.drain().contains(&Output::Connect));
    }
    assert!(longest > Duration::from_secs(10));

    t.connected();
    t.text(json!({ "usId": "x" }));
    t.pass(31.0);
    t.closed("cut");
    let rest = t.token.poll_timeout().expect("another attempt") - t.now;
    assert!(rest <= Duration::from_secs(1));
}

#[test]
fn a_refused_sign_in_is_told_and_tried_again() {
    let mut t = Fixture::new("");
    t.connected();
    t.text(json!({ "usId": "x" }));
    t.told();
    t.text(json!({ "utid": 1, "status": "error", "message": "Agent not found" }));
    let out = t.drain();
    assert!(out.contains(&Output::Close));
    assert!(out.contains(&Output::Tell(down(
        "the provider refused the sign-in: Agent not found"
    ))));
    t.pass(1.0);
    assert_eq!(t.drain(), [Output::Connect]);
}

#[test]
fn what_a_supervisor_changes_is_confirmed_by_the_matching_command() {
    let mut t = Fixture::signed_in("");
    t.text(json!({ "type": "pauseFromApi", "reason": "Tea, and cake", "who": "supervisor" }));
    let pause = t.sent();
    assert_eq!(kinds(&pause), ["tbAgentPause"]);
    assert_eq!(pause[0]["params"], "Tea  and cake,manual");
    t.text(json!({ "type": "agentReleaseByAdmin", "who": "supervisor" }));
    assert_eq!(kinds(&t.sent()), ["tbAgentRelease"]);
    let told = t.told();
    assert!(
        matches!(
            &told[..],
            [
                What::Push(Push::Paused { .. }),
                What::Push(Push::ReleasedBySupervisor { .. })
            ]
        ),
        "{told:?}"
    );
}

#[test]
fn stale_releases_are_passed_on_as_they_are() {
    let mut t = Fixture::signed_in("");
    t.text(
        json!({ "type": "agentRelease", "agentMonitorUcid": "99999999999999", "wrapUpTime": 30 }),
    );
    let release = Push::AgentRelease {
        monitor_ucid: Some("99999999999999".to_owned()),
        wrap_up: Some(Duration::from_secs(30)),
    };
    assert_eq!(t.told(), [What::Push(release)]);
}

#[test]
fn nonsense_is_told_as_unknown_and_nothing_ends() {
    let mut t = Fixture::signed_in("");
    for text in [
        "",
        "{",
        "[]",
        "null",
        "\u{0}",
        "{\"type\":null}",
        "{\"x\":{}}",
        "{\"type\":\"moonPhase\"}",
    ] {
        t.token.handle_text(text, t.now);
        let told = t.told();
        assert!(
            matches!(&told[..], [What::Push(Push::Unknown { .. })]),
            "{text}: {told:?}"
        );
    }
    t.dial("9000000001");
    assert_eq!(kinds(&t.sent()), ["tbManualDial"]);
}

#[test]
fn wrap_up_ends_with_a_release() {
    let mut t = Fixture::signed_in("");
    t.token.handle_release(t.now);
    let release = t.sent();
    assert_eq!(kinds(&release), ["tbAgentRelease"]);
    assert_eq!(release[0]["params"], "manual");
}

#[test]
fn how_the_agent_stands_is_said_once_and_again_after_wrap_up_or_a_cut() {
    let mut t = Fixture::signed_in("");
    t.token.handle_standing(Standing::Ready, t.now);
    assert!(t.sent().is_empty(), "the sign-in made ready");
    let lunch = || Standing::Paused("lunch".to_owned());
    t.token.handle_standing(lunch(), t.now);
    t.token.handle_standing(lunch(), t.now);
    let sent = t.sent();
    assert_eq!(kinds(&sent), ["tbAgentPause"]);
    assert_eq!(sent[0]["params"], "lunch,manual");
    t.text(json!({ "utid": 3, "status": "success" }));

    t.text(json!({ "type": "agentRelease", "agentMonitorUcid": "12345678901234" }));
    t.token.handle_standing(lunch(), t.now);
    assert_eq!(kinds(&t.sent()), ["tbAgentPause"], "wrap-up is over");
    t.text(json!({ "utid": 4, "status": "success" }));

    t.closed("cut");
    t.token.handle_standing(Standing::Ready, t.now);
    t.pass(1.0);
    t.connected();
    t.text(json!({ "usId": "Qm9hcmRfMDAwMDI=" }));
    assert_eq!(kinds(&t.sent()), ["tbReconnect"]);
    t.text(json!({ "utid": 5, "resp": "Success" }));
    assert_eq!(
        kinds(&t.sent()),
        ["tbAgentRelease"],
        "what changed meanwhile"
    );
}

#[test]
fn an_agent_who_is_paused_signs_in_paused() {
    let mut t = Fixture::new("");
    t.token
        .handle_standing(Standing::Paused("Not at the desk".to_owned()), t.now);
    t.connected();
    t.text(json!({ "usId": "Qm9hcmRfMDAwMDE=" }));
    t.text(json!({ "utid": 1, "isSip": "true" }));
    assert_eq!(kinds(&t.sent()), ["tbAgentLogin", "tbAgentPause"]);
    t.told();
    t.text(json!({ "utid": 2, "status": "error", "message": "Unknown reason" }));
    let refused = What::StandingRefused("Unknown reason".to_owned());
    assert_eq!(t.told(), [refused]);
}

#[test]
fn a_disposition_has_exactly_one_outcome() {
    let disposal = |call: &CallId| Disposal {
        call: call.clone(),
        ucid: "12345678901234".to_owned(),
        did: None,
        number: "9000000001".to_owned(),
        uui: None,
        code: "Interested".to_owned(),
        callback_at: None,
    };
    let call = CallId::fresh();
    for (reply, outcome) in [
        (json!({ "utid": 3, "status": "success" }), Ok(())),
        (json!({ "utid": 3 }), Ok(())),
        (
            json!({ "utid": 3, "status": "error", "message": "No such call" }),
            Err("No such call".to_owned()),
        ),
    ] {
        let mut t = Fixture::signed_in("keep_alive = \"1h\"");
        t.token.handle_dispose(&disposal(&call), t.now);
        t.token.handle_release(t.now);
        assert_eq!(kinds(&t.sent()), ["tbSetDisposition", "tbAgentRelease"]);
        t.text(reply.clone());
        t.text(reply);
        let call = call.clone();
        assert_eq!(t.told(), [What::Disposed { call, outcome }]);
    }
    let mut t = Fixture::signed_in("");
    t.token.handle_dispose(&disposal(&call), t.now);
    t.closed("cut");
    let outcome = Err("The provider did not reply.".to_owned());
    assert_eq!(t.told()[0], What::Disposed { call, outcome });
}

#[test]
fn a_change_to_a_call_has_exactly_one_outcome() {
    let refused = |words: &str| ChangeOutcome::Refused(words.to_owned());
    for (reply, outcome) in [
        (
            json!({ "status": "SUCCESS", "message": null }),
            ChangeOutcome::Done,
        ),
        (
            json!({ "resp": "Error: no such call" }),
            refused("Error: no such call"),
        ),
        (json!({ "message": "moon" }), ChangeOutcome::Unknown),
    ] {
        let mut t = Fixture::signed_in("");
        let call = t.hold();
        assert_eq!(kinds(&t.sent()), ["tbHold"]);
        let mut reply = reply;
        reply["type"] = "response".into();
        reply["utid"] = "3".into();
        t.text(reply.clone());
        t.text(reply);
        let act = Act::Hold;
        assert_eq!(t.told(), [What::Changed { call, act, outcome }]);
    }
    let unknown = |call| What::Changed {
        call,
        act: Act::Hold,
        outcome: ChangeOutcome::Unknown,
    };
    let mut t = Fixture::signed_in("keep_alive = \"10m\"");
    let call = t.hold();
    t.pass(61.0);
    assert_eq!(t.told(), [unknown(call)], "no reply");
    let call = t.hold();
    t.closed("cut");
    assert_eq!(t.told(), [unknown(call), down("cut")]);
    let call = t.hold();
    let [
        What::Changed {
            call: told,
            outcome: ChangeOutcome::Refused(words),
            ..
        },
    ] = &t.told()[..]
    else {
        panic!("it was never sent");
    };
    assert_eq!(*told, call);
    assert!(words.contains("cut"), "{words}");
}

#[test]
fn a_question_is_answered_with_the_list_or_with_why_there_is_none() {
    let mut t = Fixture::signed_in("");
    t.token.handle_question(7, Question::Campaigns, t.now);
    t.token.handle_question(8, Question::Dispositions, t.now);
    assert_eq!(kinds(&t.sent()), ["tbGetCampaigns", "tbGetDispositions"]);
    t.text(json!({ "utid": 3, "campList": ["300401~Demo"] }));
    t.text(json!({ "utid": "4", "code": -1 }));
    let demo = Choice {
        id: Some("300401".to_owned()),
        name: "Demo".to_owned(),
    };
    let unknown = "The provider doesn't know this command.".to_owned();
    assert_eq!(
        t.drain(),
        [
            Output::Answer {
                question: 7,
                answer: Ok(vec![demo])
            },
            Output::Answer {
                question: 8,
                answer: Err(unknown)
            },
        ]
    );
}

#[test]
fn signing_out_is_the_last_word() {
    let mut t = Fixture::signed_in("");
    t.token.handle_sign_out(t.now);
    let out = t.drain();
    assert!(
        matches!(
            &out[..],
            [
                Output::Send(_),
                Output::Close,
                Output::Tell(What::Stopped { .. })
            ]
        ),
        "{out:?}"
    );
    assert!(matches!(&out[0], Output::Send(text) if text.contains("tbAgentLogout")));
    t.pass(100_000.0);
    assert_eq!(t.drain(), []);
}

#[test]
fn taken_out_it_stays_closed_and_put_back_it_signs_in_anew() {
    let mut t = Fixture::signed_in("");
    t.token.handle_service(Service::Out, t.now);
    assert_eq!(kinds(&t.sent()), ["tbAgentLogout"]);
    t.drain();
    t.pass(100_000.0);
    assert_eq!(t.drain(), [], "nobody asked for it back");
    t.token.handle_service(Service::In, t.now);
    let cause = "it is being connected".to_owned();
    assert_eq!(t.told(), [What::Down { cause }]);
    assert_eq!(t.drain(), [Output::Connect]);
    t.token.handle_service(Service::In, t.now);
    assert_eq!(t.drain(), [], "it is under way");
    t.connected();
    t.text(json!({ "usId": "Qm9hcmRfMDAwMDI=" }));
    assert_eq!(kinds(&t.sent()), ["tbAgentLogin"]);
}

#[test]
fn taken_out_while_it_signs_in_it_signs_out() {
    let mut t = Fixture::new("");
    t.connected();
    t.token.handle_service(Service::Out, t.now);
    assert!(t.sent().is_empty(), "nobody has signed in yet");

    let mut t = Fixture::new("");
    t.connected();
    t.text(json!({ "usId": "Qm9hcmRfMDAwMDE=" }));
    t.token.handle_service(Service::Out, t.now);
    assert_eq!(kinds(&t.sent()), ["tbAgentLogin", "tbAgentLogout"]);
}

#[test]
fn put_back_while_it_rests_it_is_opened_at_once() {
    let mut t = Fixture::signed_in("");
    t.token.handle_closed("cut", t.now);
    t.drain();
    t.token.handle_service(Service::In, t.now);
    assert!(t.drain().contains(&Output::Connect));
}

#[test]
fn commands_by_http_are_posted_and_their_answers_read_likewise() {
    let by_http = "commands = \"http-json\"\ncommand_url = \"https://cloud.example.com/command\"";
    let not_found = Posted::Answered {
        status: 404,
        body: "<html>".to_owned(),
    };
    let queued = Posted::Answered {
        status: 200,
        body: "{\"status\":\"Queued\",\"message\":\"12345678901234\"}".to_owned(),
    };
    let ucid = Some("12345678901234".to_owned());
    for (posted, outcome) in [
        (queued, DialOutcome::Queued { ucid }),
        (
            not_found,
            DialOutcome::Refused("The provider answered with HTTP status 404.".to_owned()),
        ),
        (
            Posted::Unreachable("no route".to_owned()),
            DialOutcome::NotSent("no route".to_owned()),
        ),
        (Posted::Lost("cut".to_owned()), DialOutcome::Unknown),
    ] {
        let mut t = Fixture::new(by_http);
        t.connected();
        t.text(json!({ "usId": "x" }));
        assert_eq!(t.posted_kinds(), ["tbAgentLogin"]);
        let signed_in = Posted::Answered {
            status: 200,
            body: "{\"isSip\":true}".to_owned(),
        };
        t.token.handle_posted(1, signed_in, t.now);
        t.drain();
        let call = t.dial("9000000001");
        assert_eq!(t.posted_kinds(), ["tbManualDial"]);
        t.token.handle_posted(3, posted.clone(), t.now);
        t.token.handle_posted(3, posted, t.now);
        assert_eq!(t.told(), [What::Dial { call, outcome }]);
    }
}

#[test]
fn a_dial_by_the_public_api_needs_no_socket_and_its_body_counts_before_its_status() {
    let answered = |status: u16, body: &str| Posted::Answered {
        status,
        body: body.to_owned(),
    };
    let queued = |ucid: Option<&str>| DialOutcome::Queued {
        ucid: ucid.map(str::to_owned),
    };
    let refused = |words: &str| DialOutcome::Refused(words.to_owned());
    for (posted, expected) in [
        (
            answered(
                200,
                r#"{"status":"queued successfully","UCID":"12345678901234"}"#,
            ),
            queued(Some("12345678901234")),
        ),
        (
            answered(200, r#"{"status":"error","message":"Agent is busy"}"#),
            refused("Agent is busy"),
        ),
        (
            answered(401, r#"{"status":"error","message":"Invalid API key"}"#),
            refused("Invalid API key"),
        ),
        (
            answered(404, "<html>"),
            refused("The provider answered with HTTP status 404."),
        ),
        // Somebody between us and the platform gave up; it may dial.
        (answered(502, "<html>"), DialOutcome::Unknown),
        (answered(200, "<html>"), DialOutcome::Unknown),
        (Posted::Lost("cut".to_owned()), DialOutcome::Unknown),
        (
            Posted::Unreachable("refused".to_owned()),
            DialOutcome::NotSent("refused".to_owned()),
        ),
    ] {
        let mut f = Fixture::new(
            "dial = \"api\"\napi_url = \"https://api.example.com/ca_apis/AgentManualDial\"\n",
        );
        f.drain();
        let call = CallId::fresh();
        f.token.handle_place(call.clone(), "9000000001");
        let message = match &f.drain()[..] {
            [Output::Place { message, .. }] => message.clone(),
            other => panic!("{other:?}"),
        };
        assert_eq!(message["customerNumber"], "9000000001");
        f.token.handle_placed(call.clone(), posted);
        let outcome = expected;
        assert_eq!(f.told(), [What::Dial { call, outcome }]);
    }
}

#[test]
fn what_became_of_a_dial_is_told_in_words_only_where_it_is_over() {
    for (reply, words) in [
        (
            json!({ "status": "Queued", "message": "12345678901234" }),
            None,
        ),
        (
            json!({ "status": "Completed", "message": "busy" }),
            Some("busy"),
        ),
        (
            json!({ "status": "Failed", "message": "Please try again." }),
            Some("Please try again."),
        ),
    ] {
        let mut f = Fixture::signed_in("");
        let call = CallId::fresh();
        f.token.handle_check(call.clone(), "12345678901234", f.now);
        let asked = f.sent();
        assert_eq!(asked[0]["type"], "tbCheckManualDialStatus");
        assert_eq!(asked[0]["ucid"], "12345678901234");
        let mut reply = reply;
        reply["utid"] = asked[0]["utid"].clone();
        f.text(reply);
        let words = words.map(str::to_owned);
        assert_eq!(f.told(), [What::Checked { call, words }]);
    }
}

const MADE: &str = "0b9f2c64-0000-4000-8000-000000000000";

/// A machine and the virtual time that it lives in.
struct Fixture {
    token: Token,
    now: Instant,
    out: Vec<Output>,
}

impl Fixture {
    fn new(keys: &str) -> Self {
        let text = format!(
            "[ozonetel]\ncustomer = \"acme_clinic\"\nwebsocket = \"wss://cloud.example.com/\"\nregistrar = \"wss://sip.example.com:444/\"\n{keys}"
        );
        let config = Config::parse(&text, "test.toml").expect("valid");
        let agent = TokenAgent {
            agent: "agent7".to_owned(),
            agent_id: "agent7".to_owned(),
            agent_unique_id: 100_207,
            campaign: "300401".to_owned(),
            campaign_name: "Demo campaign".to_owned(),
            login_password: crate::config::Secret::new("let me in"),
            extension: "500607".to_owned(),
            mode: "manual".to_owned(),
        };
        let ozonetel = Arc::new(config.ozonetel.expect("the section is there"));
        Self {
            token: Token::new(ozonetel, agent, MADE.to_owned(), 7),
            now: Instant::now(),
            out: Vec::new(),
        }
    }

    /// Serials 1 and 2 are spent.
    fn signed_in(keys: &str) -> Self {
        let mut fixture = Self::new(keys);
        fixture.connected();
        fixture.text(json!({ "usId": "Qm9hcmRfMDAwMDE=" }));
        fixture.text(json!({ "type": "response", "utid": "1", "isSip": "true" }));
        fixture.text(json!({ "type": "response", "utid": "2", "status": "success" }));
        assert_eq!(kinds(&fixture.sent()), ["tbAgentLogin", "tbAgentRelease"]);
        fixture.drain();
        fixture
    }

    fn connected(&mut self) {
        self.token.handle_connected(self.now);
        self.out.retain(|output| *output != Output::Connect);
        self.collect();
        self.out.retain(|output| *output != Output::Connect);
    }

    fn closed(&mut self, cause: &str) {
        self.token.handle_closed(cause, self.now);
    }

    fn text(&mut self, message: Value) {
        self.token.handle_text(&message.to_string(), self.now);
    }

    fn dial(&mut self, number: &str) -> CallId {
        let call = CallId::fresh();
        self.token.handle_dial(call.clone(), number, self.now);
        call
    }

    fn hold(&mut self) -> CallId {
        let change = Change {
            call: CallId::fresh(),
            ucid: "12345678901234".to_owned(),
            did: None,
            number: "9000000001".to_owned(),
            act: Act::Hold,
        };
        self.token.handle_change(&change, self.now);
        change.call
    }

    /// Jumps from deadline to deadline until `seconds` have passed.
    fn pass(&mut self, seconds: f64) {
        let end = self.now + Duration::from_secs_f64(seconds);
        let mut steps = 0;
        while let Some(at) = self.token.poll_timeout().filter(|at| *at <= end) {
            self.now = at.max(self.now);
            self.token.handle_timeout(self.now);
            steps += 1;
            assert!(steps < 10_000, "the deadline doesn't move");
        }
        self.now = end;
    }

    fn collect(&mut self) {
        while let Some(output) = self.token.poll_output() {
            self.out.push(output);
        }
    }

    fn drain(&mut self) -> Vec<Output> {
        self.collect();
        std::mem::take(&mut self.out)
    }

    /// What was told; the rest stays.
    fn told(&mut self) -> Vec<What> {
        self.take(|output| match output {
            Output::Tell(what) => Some(what.clone()),
            _ => None,
        })
    }

    /// What was sent on the socket; the rest stays.
    fn sent(&mut self) -> Vec<Value> {
        self.take(|output| match output {
            Output::Send(text) => Some(serde_json::from_str(text).expect("JSON")),
            _ => None,
        })
    }

    fn posted_kinds(&mut self) -> Vec<String> {
        let posted = self.take(|output| match output {
            Output::Post { message, .. } => Some(Value::Object(message.clone())),
            _ => None,
        });
        kinds(&posted)
    }

    fn take<T>(&mut self, pick: impl Fn(&Output) -> Option<T>) -> Vec<T> {
        let mut picked = Vec::new();
        for output in self.drain() {
            match pick(&output) {
                Some(one) => picked.push(one),
                None => self.out.push(output),
            }
        }
        picked
    }
}

fn kinds(messages: &[Value]) -> Vec<String> {
    messages
        .iter()
        .map(|message| message["type"].as_str().unwrap_or("?").to_owned())
        .collect()
}

fn us_id(socket: u8) -> Option<String> {
    Some(format!(
        "Qm9hcmRfMDAwMD{}=",
        ["?", "E", "I"][usize::from(socket)]
    ))
}

fn down(cause: &str) -> What {
    What::Down {
        cause: cause.to_owned(),
    }
}
