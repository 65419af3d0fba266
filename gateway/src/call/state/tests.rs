use super::*;
use crate::agent::wire::{CallState, Progress};

const WINDOWS: Windows = Windows {
    invite: Duration::from_secs(45),
    ring: Duration::from_secs(45),
    wrap_up: Duration::from_secs(30),
};

/// A call and the virtual time it lives in.
struct Fixture {
    call: Call,
    now: Moment,
    seen: Vec<CallState>,
    heard: Heard,
}

/// What the customer hears, as far as actions tell.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Heard {
    Nothing,
    Agent,
    Prompt(Announcement),
}

const GREETED: Manner = Manner {
    order: Order::AgentFirst,
    greeting: Spoken::Aloud,
    fallback: Spoken::Aloud,
};
const CUSTOMER_FIRST: Manner = Manner {
    order: Order::CustomerFirst,
    ..GREETED
};
const CONSOLED: Manner = Manner {
    greeting: Spoken::Not,
    ..GREETED
};

impl Fixture {
    fn dialled() -> (Self, Vec<Action>) {
        Self::dialled_by(Dialling::Socket)
    }

    fn dialled_by(dialling: Dialling) -> (Self, Vec<Action>) {
        Self::start(|made, now, windows, out| {
            Call::dial_expected(made, dialling, now, windows, out)
        })
    }

    fn trunk() -> (Self, Vec<Action>) {
        Self::trunk_by(Manner::PLAIN)
    }

    fn trunk_by(manner: Manner) -> (Self, Vec<Action>) {
        Self::start(|made, now, windows, out| Call::dial_trunk(made, manner, now, windows, out))
    }

    fn incoming() -> (Self, Vec<Action>) {
        Self::incoming_by(Manner::PLAIN)
    }

    fn incoming_by(manner: Manner) -> (Self, Vec<Action>) {
        Self::start(|made, now, windows, out| {
            Call::ringing(made, manner, Some("offer".into()), now, windows, out)
        })
    }

    /// A customer who was called first, and waits.
    fn customer_first() -> Self {
        let (mut f, _) = Self::trunk_by(CUSTOMER_FIRST);
        f.feed(Input::Described(Ok("ours".into())));
        let answer = Some("theirs".into());
        f.feed(Input::Accepted { answer });
        f
    }

    /// A caller who was greeted, and waits.
    fn greeted() -> Self {
        let (mut f, _) = Self::incoming_by(GREETED);
        f.feed(Input::Described(Ok("answer".into())));
        f
    }

    fn connected() -> Self {
        let (mut f, _) = Self::incoming();
        f.answer();
        f.feed(Input::Described(Ok("answer".into())));
        f
    }

    fn answer(&mut self) -> Vec<Action> {
        let how = Answered::ByAgent;
        self.feed(Input::Answer { how })
    }

    fn start(
        make: impl FnOnce(Made, Moment, Windows, &mut Vec<Action>) -> Call,
    ) -> (Self, Vec<Action>) {
        let now = Moment::read();
        let mut out = Vec::new();
        let made = Made {
            id: CallId::fresh(),
            agent: "agent7".into(),
            peer: Peer {
                number: "+919000000001".into(),
                name: None,
            },
            via: OZONETEL.into(),
            context: None,
        };
        let call = make(made, now, WINDOWS, &mut out);
        let seen = vec![call.view().state];
        let heard = Heard::Nothing;
        let mut f = Self {
            call,
            now,
            seen,
            heard,
        };
        f.listen(&out);
        (f, out)
    }

    fn feed(&mut self, input: Input) -> Vec<Action> {
        let mut out = Vec::new();
        self.call.handle(self.now, input, &mut out);
        self.seen.push(self.call.view().state);
        self.listen(&out);
        out
    }

    /// Nobody who is up is ever left in silence, whatever happens.
    fn listen(&mut self, out: &[Action]) {
        for action in out {
            self.heard = match action {
                Action::Bridge | Action::Hold { on: false } => Heard::Agent,
                Action::Play(announcement) => Heard::Prompt(*announcement),
                Action::Hold { on: true } => Heard::Prompt(Announcement::Hold),
                Action::Part | Action::CloseMedia => Heard::Nothing,
                _ => continue,
            };
        }
        if self.call.customer_is_up() {
            assert_ne!(self.heard, Heard::Nothing, "{:?}", self.call.story());
        }
    }

    /// Jumps to the next deadline.
    fn wait(&mut self) -> Vec<Action> {
        let until = self.call.poll_timeout().expect("something is awaited");
        self.now = self.now + (until - self.now.instant);
        let mut out = Vec::new();
        self.call.handle_timeout(self.now, &mut out);
        self.listen(&out);
        out
    }

    fn expected(&mut self) {
        self.feed(Input::Expected {
            offer: Some("offer".into()),
        });
        self.feed(Input::Described(Ok("answer".into())));
    }

    fn state(&self) -> CallState {
        self.call.view().state
    }

    fn why(&self) -> Reason {
        self.call.termination().expect("the call is over").reason
    }
}

#[test]
fn an_expected_invite_is_answered_and_never_rings_at_the_desk() {
    let (mut f, out) = Fixture::dialled();
    assert!(matches!(&out[..], [Action::Dial { number, .. }] if number == "+919000000001"));
    f.feed(Input::Dial(DialReply::Queued {
        ucid: Some("16789012345678901".into()),
    }));
    let out = f.feed(Input::Expected {
        offer: Some("offer".into()),
    });
    assert_eq!(
        out,
        [
            Action::CloseExpectation,
            Action::Describe {
                offer: Some("offer".into())
            }
        ]
    );
    let out = f.feed(Input::Described(Ok("answer".into())));
    assert_eq!(
        out,
        [
            Action::Accept {
                description: "answer".into()
            },
            Action::Bridge
        ]
    );
    assert_eq!(f.call.view().progress, Some(Progress::Alerting));
    f.feed(Input::Push(Push::BusyAgent));
    assert_eq!(f.state(), CallState::Connected);
    assert!(!f.seen.contains(&CallState::RingingIn), "{:?}", f.seen);
    assert_eq!(f.call.ucid.as_deref(), Some("16789012345678901"));
}

#[test]
fn an_invite_before_the_dials_reply_is_answered_all_the_same() {
    let (mut f, _) = Fixture::dialled();
    f.expected();
    f.feed(Input::Dial(DialReply::Queued {
        ucid: Some("16789012345678901".into()),
    }));
    f.feed(Input::Push(Push::BusyAgent));
    assert_eq!(f.state(), CallState::Connected);
    assert_eq!(f.call.ucid.as_deref(), Some("16789012345678901"));
}

#[test]
fn a_dial_whose_invite_never_comes_ends_with_its_window_and_says_why() {
    for (replies, reason, words) in [
        (vec![], Reason::DialUnanswered, "has not replied"),
        (
            vec![DialReply::Queued { ucid: None }],
            Reason::NoInvite,
            "did not call the agent's extension",
        ),
        (
            vec![DialReply::NoReply],
            Reason::DialUnanswered,
            "never replied",
        ),
        (
            vec![DialReply::Unknown],
            Reason::DialUnanswered,
            "unclear or lost",
        ),
    ] {
        let (mut f, _) = Fixture::dialled();
        for reply in replies {
            f.feed(Input::Dial(reply));
        }
        let out = f.wait();
        assert_eq!(
            out,
            [
                Action::CloseExpectation,
                Action::CloseMedia,
                Action::ReleaseAgent
            ]
        );
        assert_eq!(f.state(), CallState::Closed);
        assert_eq!(f.why(), reason);
        let detail = f.call.view().ended.expect("over").detail;
        assert!(
            detail.starts_with("No INVITE within 45 s of the dial: "),
            "{detail}"
        );
        assert!(detail.contains(words), "{detail}");
    }
}

#[test]
fn a_refused_dial_ends_in_the_platforms_words() {
    let (mut f, _) = Fixture::dialled();
    f.feed(Input::Dial(DialReply::Refused(
        "Another call is initiated".into(),
    )));
    assert_eq!(f.why(), Reason::DialRefused);
    let detail = f.call.view().ended.expect("over").detail;
    assert!(detail.contains("Another call is initiated"), "{detail}");
}

#[test]
fn the_public_api_is_asked_only_where_the_socket_surely_did_not_bring_the_dial() {
    let refused = |words: &str| DialReply::Refused(words.into());
    let taken = DialReply::Queued { ucid: None };
    for (dialling, replies, asked) in [
        (
            Dialling::SocketFirst,
            vec![refused("Please try again.")],
            true,
        ),
        (
            Dialling::SocketFirst,
            vec![DialReply::NotSent(
                "The token socket is down: closed".into(),
            )],
            true,
        ),
        // It would only say the same, or there is a call already.
        (
            Dialling::SocketFirst,
            vec![refused("9 is a black listed number")],
            false,
        ),
        (
            Dialling::SocketFirst,
            vec![refused("Another call is initiated")],
            false,
        ),
        // Whether it dials is open.
        (Dialling::SocketFirst, vec![DialReply::Unknown], false),
        (Dialling::SocketFirst, vec![DialReply::NoReply], false),
        (
            Dialling::SocketFirst,
            vec![DialReply::Unknown, refused("no")],
            false,
        ),
        (Dialling::SocketFirst, vec![taken, refused("no")], false),
        (Dialling::Socket, vec![refused("Please try again.")], false),
    ] {
        let (mut f, out) = Fixture::dialled_by(dialling.clone());
        assert!(matches!(
            out[..],
            [Action::Dial {
                by: DialBy::Socket,
                ..
            }]
        ));
        let mut out = Vec::new();
        for reply in replies.clone() {
            out.extend(f.feed(Input::Dial(reply)));
        }
        let by_api = |action: &Action| {
            matches!(
                action,
                Action::Dial {
                    by: DialBy::Api,
                    ..
                }
            )
        };
        assert_eq!(out.iter().any(by_api), asked, "{dialling:?} {replies:?}");
    }
}

#[test]
fn a_dial_whose_invite_or_announcement_came_first_is_not_repeated_by_the_public_api() {
    let refusal = || Input::Dial(DialReply::Refused("Please try again.".into()));
    let announced = Input::Push(Push::NewCall { ucid: None });
    let invited = Input::Expected {
        offer: Some("offer".into()),
    };
    for first in [announced, invited, Input::HangUp] {
        let (mut f, _) = Fixture::dialled_by(Dialling::SocketFirst);
        f.feed(first.clone());
        let out = f.feed(refusal());
        assert!(
            !out.iter()
                .any(|action| matches!(action, Action::Dial { .. })),
            "{first:?}"
        );
    }
}

#[test]
fn a_dial_that_both_ways_fail_ends_with_one_sentence_of_both() {
    let (mut f, _) = Fixture::dialled_by(Dialling::SocketFirst);
    let out = f.feed(Input::Dial(DialReply::Refused("Please try again.".into())));
    let Some(Action::Dial { until, .. }) = out.last() else {
        panic!("the public API wasn't asked: {out:?}");
    };
    assert_eq!(
        *until,
        f.now.instant + WINDOWS.invite,
        "the window starts anew"
    );
    f.feed(Input::Dial(DialReply::Refused(
        "Agent is not available".into(),
    )));
    assert_eq!(f.why(), Reason::DialRefused);
    assert_eq!(
        f.call.view().ended.expect("over").detail,
        "The platform refused the dial (Please try again), and its public API refused it, too: Agent is not available."
    );
}

#[test]
fn a_dial_with_a_name_is_asked_for_before_it_is_given_up() {
    for (words, reason, detail) in [
        (Some("busy"), Reason::Busy, "The customer is busy."),
        (
            Some("gremlins"),
            Reason::NoInvite,
            "The platform says: gremlins.",
        ),
        (
            None,
            Reason::NoInvite,
            "did not call the agent's extension.",
        ),
    ] {
        let (mut f, _) = Fixture::dialled();
        let ucid = Some("16789012345678901".into());
        f.feed(Input::Dial(DialReply::Queued { ucid }));
        assert_eq!(f.wait(), [Action::CloseExpectation, Action::AskOutcome]);
        f.feed(Input::Checked(words.map(Into::into)));
        if words.is_none() {
            f.wait();
        }
        assert_eq!(f.why(), reason);
        let told = f.call.view().ended.expect("over").detail;
        assert!(told.ends_with(detail), "{told}");
    }
}

#[test]
fn an_answer_about_a_dial_changes_nothing_in_a_talk() {
    let (mut f, _) = Fixture::dialled();
    f.expected();
    f.feed(Input::Push(Push::BusyAgent));
    f.feed(Input::Checked(Some("busy".into())));
    assert_eq!(f.state(), CallState::Connected);
}

#[test]
fn a_dial_taken_back_leaves_its_invite_to_be_refused() {
    let (mut f, _) = Fixture::dialled();
    let out = f.feed(Input::HangUp);
    assert_eq!(
        out,
        [
            Action::RefuseExpected,
            Action::CloseMedia,
            Action::ReleaseAgent
        ]
    );
    assert_eq!(f.why(), Reason::Cancelled);
}

#[test]
fn the_push_after_the_bye_tells_why_the_customer_was_not_reached() {
    let (mut f, _) = Fixture::dialled();
    f.expected();
    f.feed(Input::DialogEnded(DialogEnd::Bye));
    assert!(f.call.is_up(), "an explanation is awaited");
    f.feed(Input::Push(Push::Drop {
        call_status: None,
        dial_status: Some("busy".into()),
    }));
    assert_eq!(f.why(), Reason::Busy);
}

#[test]
fn a_bye_that_nothing_explains_ends_the_call_after_a_moment() {
    let (mut f, _) = Fixture::dialled();
    f.expected();
    f.feed(Input::DialogEnded(DialogEnd::Bye));
    f.wait();
    assert_eq!(f.why(), Reason::Rejected);
    assert_eq!(f.state(), CallState::Closed);
}

#[test]
fn either_side_ends_the_talk_and_the_wrap_up_follows() {
    for (input, by, hangs_up) in [
        (Input::HangUp, EndedBy::Agent, true),
        (Input::DialogEnded(DialogEnd::Bye), EndedBy::Customer, true),
        (
            Input::Push(Push::Release {
                wrap_up: WrapUp::Granted,
            }),
            EndedBy::Customer,
            true,
        ),
    ] {
        let (mut f, _) = Fixture::dialled();
        f.expected();
        f.feed(Input::Push(Push::BusyAgent));
        let out = f.feed(input.clone());
        assert_eq!(out.contains(&Action::HangUp), hangs_up, "{input:?}");
        assert!(out.contains(&Action::CloseMedia), "{input:?}");
        assert_eq!(f.state(), CallState::WrapUp);
        assert_eq!(f.call.termination().expect("over").by, by);
        assert_eq!(f.wait(), [Action::ReleaseAgent]);
        assert_eq!(f.state(), CallState::Closed);
    }
}

#[test]
fn a_second_end_changes_nothing() {
    let (mut f, _) = Fixture::dialled();
    f.expected();
    f.feed(Input::Push(Push::BusyAgent));
    f.feed(Input::HangUp);
    for late in [
        Input::DialogEnded(DialogEnd::Bye),
        Input::Push(Push::Release {
            wrap_up: WrapUp::Granted,
        }),
        Input::MediaLost("silent".into()),
        Input::HangUp,
        Input::AgentLost {
            words: "gone",
            told: Spoken::Aloud,
        },
        Input::Hold(true),
        Input::AgentAway,
        Input::AgentBack,
        Input::Played,
    ] {
        assert_eq!(f.feed(late.clone()), [], "{late:?}");
    }
    assert_eq!(f.call.termination().expect("over").by, EndedBy::Agent);
}

#[test]
fn a_call_out_over_a_trunk_passes_alerting_and_early_media() {
    let (mut f, out) = Fixture::trunk();
    assert_eq!(out, [Action::Describe { offer: None }]);
    let out = f.feed(Input::Described(Ok("ours".into())));
    assert_eq!(
        out,
        [Action::Invite {
            offer: "ours".into()
        }]
    );
    f.feed(Input::Progress {
        status: 180,
        answer: None,
    });
    assert_eq!(f.call.view().progress, Some(Progress::Alerting));
    let out = f.feed(Input::Progress {
        status: 183,
        answer: Some("theirs".into()),
    });
    assert_eq!(
        out,
        [
            Action::Apply {
                answer: "theirs".into()
            },
            Action::Bridge
        ]
    );
    assert_eq!(f.call.view().progress, Some(Progress::EarlyMedia));
    let out = f.feed(Input::Accepted {
        answer: Some("theirs".into()),
    });
    assert_eq!(out, [Action::Bridge], "the early answer stands");
    assert_eq!(f.state(), CallState::Connected);
}

#[test]
fn a_200_that_describes_something_else_than_the_early_media_is_believed() {
    let (mut f, _) = Fixture::trunk();
    f.feed(Input::Described(Ok("ours".into())));
    f.feed(Input::Progress {
        status: 183,
        answer: Some("the network's".into()),
    });
    let out = f.feed(Input::Accepted {
        answer: Some("theirs".into()),
    });
    let answer = "theirs".into();
    assert_eq!(out, [Action::Apply { answer }, Action::Bridge]);
    assert_eq!(f.state(), CallState::Connected);
}

#[test]
fn a_refusal_of_our_invite_is_told_in_words() {
    let (mut f, _) = Fixture::trunk();
    f.feed(Input::Described(Ok("ours".into())));
    f.feed(Input::DialogEnded(DialogEnd::Rejected {
        status: 486,
        reason: "Busy Here".into(),
    }));
    assert_eq!(f.why(), Reason::Busy);
    assert_eq!(f.state(), CallState::Closed);
}

#[test]
fn what_rings_is_answered_declined_missed_or_abandoned() {
    let (mut f, out) = Fixture::incoming();
    assert_eq!(out, [Action::Ring]);
    f.feed(Input::Answer {
        how: Answered::ByAgent,
    });
    f.feed(Input::Described(Ok("answer".into())));
    assert_eq!(f.state(), CallState::Connected);

    let (mut f, _) = Fixture::incoming();
    let out = f.feed(Input::Reject);
    assert!(out.contains(&Action::Refuse {
        status: 603,
        phrase: "Decline"
    }));

    let (mut f, _) = Fixture::incoming();
    let out = f.wait();
    assert!(out.contains(&Action::Refuse {
        status: 480,
        phrase: "Temporarily Unavailable"
    }));
    assert_eq!(f.why(), Reason::Missed);

    let (mut f, _) = Fixture::incoming();
    f.feed(Input::DialogEnded(DialogEnd::Cancelled));
    assert_eq!(f.why(), Reason::Abandoned);
}

#[test]
fn an_offer_that_can_not_be_answered_is_refused_with_488() {
    let (mut f, _) = Fixture::incoming();
    f.feed(Input::Answer {
        how: Answered::ByAgent,
    });
    let out = f.feed(Input::Described(Err("no common codec".into())));
    assert!(out.contains(&Action::Refuse {
        status: 488,
        phrase: "Not Acceptable Here"
    }));
    assert_eq!(f.why(), Reason::MediaRefused);
}

#[test]
fn a_caller_who_gives_up_while_we_answer_leaves_nothing_behind() {
    let (mut f, _) = Fixture::incoming();
    f.feed(Input::Answer {
        how: Answered::ByAgent,
    });
    let out = f.feed(Input::DialogEnded(DialogEnd::Cancelled));
    assert!(out.contains(&Action::CloseMedia));
    assert_eq!(f.feed(Input::Described(Ok("answer".into()))), []);
    assert_eq!(f.state(), CallState::Closed);
}

#[test]
fn a_release_tells_of_a_talk_whose_beginning_was_never_told() {
    let (mut f, _) = Fixture::dialled();
    f.expected();
    f.feed(Input::Push(Push::Release {
        wrap_up: WrapUp::Granted,
    }));
    assert_eq!(f.state(), CallState::WrapUp);
    assert_eq!(f.why(), Reason::Hangup);
}

#[test]
fn a_release_without_wrap_up_closes_the_call_at_once() {
    let (mut f, _) = Fixture::dialled();
    f.expected();
    f.feed(Input::Push(Push::BusyAgent));
    let out = f.feed(Input::Push(Push::Release {
        wrap_up: WrapUp::Skipped,
    }));
    assert_eq!(
        out,
        [Action::HangUp, Action::CloseMedia, Action::ReleaseAgent]
    );
    assert_eq!(f.state(), CallState::Closed);
}

#[test]
fn nothing_waits_for_ever_before_the_talk() {
    let (mut f, _) = Fixture::trunk();
    f.wait();
    assert_eq!(
        f.why(),
        Reason::MediaRefused,
        "no offer came from the media engine"
    );

    let (mut f, _) = Fixture::trunk();
    f.feed(Input::Described(Ok("ours".into())));
    let out = f.wait();
    assert_eq!(f.why(), Reason::NoAnswer);
    assert!(out.contains(&Action::HangUp), "the INVITE is taken back");

    let (mut f, _) = Fixture::incoming();
    f.feed(Input::Answer {
        how: Answered::ByAgent,
    });
    let out = f.wait();
    assert_eq!(f.why(), Reason::MediaRefused);
    assert!(
        out.iter()
            .any(|action| matches!(action, Action::Refuse { .. }))
    );
}

#[test]
fn a_customer_who_is_called_first_is_greeted_and_waits_with_music_for_the_agent() {
    let (mut f, _) = Fixture::trunk_by(CUSTOMER_FIRST);
    f.feed(Input::Described(Ok("ours".into())));
    assert_eq!(f.state(), CallState::RingingOut);
    let out = f.feed(Input::Accepted {
        answer: Some("theirs".into()),
    });
    assert_eq!(
        out,
        [
            Action::Apply {
                answer: "theirs".into()
            },
            Action::Play(Announcement::Greeting),
            Action::AskAgent,
        ]
    );
    assert_eq!(f.state(), CallState::RingingIn);
    assert_eq!(f.call.view().answered_at, None, "no agent is there");
    let music = Action::Play(Announcement::Hold);
    assert_eq!(f.feed(Input::Played), [music]);
    assert_eq!(f.answer(), [Action::Bridge]);
    assert_eq!(f.state(), CallState::Connected);
    assert_eq!(f.feed(Input::Played), [], "it was cut short");
}

#[test]
fn early_media_is_nothing_for_an_agent_who_comes_second() {
    let (mut f, _) = Fixture::trunk_by(CUSTOMER_FIRST);
    f.feed(Input::Described(Ok("ours".into())));
    let answer = || Some("theirs".to_owned());
    let (status, answered) = (183, answer());
    let out = f.feed(Input::Progress {
        status,
        answer: answered,
    });
    assert!(!out.contains(&Action::Bridge), "{out:?}");
    let out = f.feed(Input::Accepted { answer: answer() });
    assert!(out.contains(&Action::Play(Announcement::Greeting)));
}

#[test]
fn a_greeted_caller_is_answered_at_once_and_waits_for_the_agent() {
    let (mut f, out) = Fixture::incoming_by(GREETED);
    let offer = Some("offer".into());
    assert_eq!(out, [Action::Describe { offer }], "no 180, no waiting");
    let out = f.feed(Input::Described(Ok("answer".into())));
    assert_eq!(out.last(), Some(&Action::Play(Announcement::Greeting)));
    assert_eq!(f.state(), CallState::RingingIn);
    assert_eq!(f.answer(), [Action::Bridge]);
    assert_eq!(f.state(), CallState::Connected);
}

#[test]
fn an_agent_who_is_faster_than_the_greeting_is_connected_with_the_answer() {
    let (mut f, _) = Fixture::incoming_by(GREETED);
    assert_eq!(f.answer(), []);
    let out = f.feed(Input::Described(Ok("answer".into())));
    assert_eq!(out.last(), Some(&Action::Bridge));
    assert_eq!(f.state(), CallState::Connected);
}

#[test]
fn when_nobody_answers_the_customer_is_told_to_the_end_and_the_agent_no_more() {
    let gone = "The agent's browser was closed while the call rang.";
    let lost = Input::AgentLost {
        words: gone,
        told: Spoken::Aloud,
    };
    for (cause, reason) in [
        (None, Reason::Missed),
        (Some(Input::Reject), Reason::Declined),
        (Some(Input::HangUp), Reason::Declined),
        (Some(lost), Reason::AgentLost),
    ] {
        for mut f in [Fixture::customer_first(), Fixture::greeted()] {
            let out = match cause.clone() {
                None => f.wait(),
                Some(cause) => f.feed(cause),
            };
            assert!(
                matches!(&out[..], [Action::Dismiss { ended }, Action::Play(Announcement::Fallback)] if ended.reason == reason),
                "{out:?}"
            );
            assert!(f.call.is_up(), "the customer still listens");
            let out = f.feed(Input::Played);
            assert_eq!(
                out,
                [Action::HangUp, Action::CloseMedia, Action::ReleaseAgent]
            );
            assert_eq!(f.why(), reason);
            assert_eq!(f.state(), CallState::Closed);
        }
    }
}

#[test]
fn last_words_that_nobody_says_to_be_heard_end_all_the_same() {
    let mut f = Fixture::customer_first();
    f.wait();
    f.wait();
    assert_eq!(f.why(), Reason::Missed);
    assert_eq!(f.state(), CallState::Closed);
}

#[test]
fn an_unanswered_caller_is_answered_to_be_told_so() {
    let (mut f, out) = Fixture::incoming_by(CONSOLED);
    assert_eq!(out, [Action::Ring]);
    let out = f.wait();
    assert!(matches!(
        &out[..],
        [Action::Dismiss { .. }, Action::Describe { offer: Some(_) }]
    ));
    let out = f.feed(Input::Described(Ok("answer".into())));
    assert_eq!(out.last(), Some(&Action::Play(Announcement::Fallback)));
    f.feed(Input::Played);
    assert_eq!(f.why(), Reason::Missed);
}

#[test]
fn who_hangs_up_while_waiting_or_being_told_ends_it() {
    let mut f = Fixture::customer_first();
    f.feed(Input::DialogEnded(DialogEnd::Bye));
    assert_eq!(f.why(), Reason::Abandoned);

    let mut f = Fixture::greeted();
    f.wait();
    f.feed(Input::DialogEnded(DialogEnd::Bye));
    assert_eq!(f.why(), Reason::Missed, "nobody answered; that stands");
    assert_eq!(f.state(), CallState::Closed);
}

#[test]
fn nobody_to_ask_is_told_to_a_caller_who_would_be_greeted() {
    let (mut f, out) = Fixture::start(|made, now, windows, out| {
        let offer = Some("offer".into());
        Call::turned_away(made, "the agent isn't ready", offer, now, windows, out)
    });
    assert!(matches!(&out[..], [Action::Describe { .. }]));
    let out = f.feed(Input::Described(Ok("answer".into())));
    assert_eq!(out.last(), Some(&Action::Play(Announcement::Fallback)));
    f.feed(Input::Played);
    assert_eq!(f.why(), Reason::AgentNotReady);
}

#[test]
fn a_hold_that_the_platform_refuses_leaves_the_talk_as_it_was() {
    let mut f = Fixture::connected();
    f.feed(Input::Hold(true));
    let refused = |on| Input::HoldRefused { on };
    assert_eq!(f.feed(refused(false)), [], "nobody asked for that");
    assert_eq!(f.feed(refused(true)), [Action::Bridge]);
    assert_eq!(f.call.view().state, CallState::Connected);
    assert_eq!(f.feed(refused(true)), []);
    f.feed(Input::Hold(true));
    f.feed(Input::Hold(false));
    let music = Action::Play(Announcement::Hold);
    assert_eq!(f.feed(refused(false)), [Action::Part, music]);
    assert_eq!(f.call.view().state, CallState::Held);
}

#[test]
fn a_transferred_call_ends_by_its_agent_and_wraps_up() {
    let mut f = Fixture::connected();
    f.feed(Input::Hold(true));
    f.feed(Input::Transferred);
    let view = f.call.view();
    assert_eq!(view.state, CallState::WrapUp);
    assert_eq!(view.ended.map(|ended| ended.reason), Some("transferred"));
    let (mut f, _) = Fixture::dialled();
    assert_eq!(
        f.feed(Input::Transferred),
        [],
        "there is nobody to transfer"
    );

    for (told, reason) in [
        (None, "transferred"),
        (Some(Input::TransferNotTaken), "hangup"),
    ] {
        let mut f = Fixture::connected();
        f.feed(Input::TransferAsked);
        told.map(|told| f.feed(told));
        f.feed(Input::DialogEnded(DialogEnd::Bye));
        let ended = f.call.view().ended.map(|ended| ended.reason);
        assert_eq!(ended, Some(reason), "the BYE may overtake the reply");
    }
}

#[test]
fn hold_is_music_and_mute_persists_through_it() {
    let mut f = Fixture::connected();
    f.feed(Input::Mute(true));
    assert_eq!(f.feed(Input::Hold(true)), [Action::Hold { on: true }]);
    assert_eq!(f.state(), CallState::Held);
    assert_eq!(f.feed(Input::Hold(true)), [], "twice changes nothing");
    assert_eq!(f.feed(Input::Hold(false)), [Action::Hold { on: false }]);
    assert_eq!(f.state(), CallState::Connected);
    assert!(f.call.view().muted);
}

#[test]
fn a_held_call_ends_from_either_side_with_its_wrap_up() {
    for end in [Input::HangUp, Input::DialogEnded(DialogEnd::Bye)] {
        let mut f = Fixture::connected();
        f.feed(Input::Hold(true));
        let out = f.feed(end);
        assert_eq!(out, [Action::HangUp, Action::CloseMedia]);
        assert_eq!(f.state(), CallState::WrapUp);
    }
}

#[test]
fn an_agent_who_goes_away_leaves_music_and_comes_back_to_the_talk() {
    let mut f = Fixture::connected();
    let music = || Action::Play(Announcement::Hold);
    assert_eq!(f.feed(Input::AgentAway), [music()]);
    assert_eq!(f.feed(Input::AgentAway), []);
    assert_eq!(f.state(), CallState::Connected);
    assert_eq!(f.feed(Input::AgentBack), [Action::Bridge]);

    f.feed(Input::Hold(true));
    assert_eq!(f.feed(Input::AgentAway), [], "there is music already");
    let out = f.feed(Input::Hold(false));
    assert_eq!(out, [Action::Hold { on: false }, music()]);
    assert_eq!(f.feed(Input::AgentBack), [Action::Bridge]);
}

#[test]
fn who_is_on_hold_or_waits_for_the_agent_hears_music() {
    let mut f = Fixture::connected();
    assert!(!f.call.plays_music());
    f.feed(Input::Hold(true));
    assert!(f.call.plays_music());
    f.feed(Input::AgentAway);
    f.feed(Input::Hold(false));
    assert!(f.call.plays_music(), "the agent is away");
    f.feed(Input::AgentBack);
    assert!(!f.call.plays_music());
    f.feed(Input::HangUp);
    assert!(!f.call.plays_music());
}

#[test]
fn a_lost_agents_customer_is_told_or_not_as_it_is_configured() {
    let lost = |told| Input::AgentLost {
        words: "The agent's browser was gone for too long.",
        told,
    };
    let mut f = Fixture::connected();
    f.feed(Input::AgentAway);
    let out = f.feed(lost(Spoken::Aloud));
    assert_eq!(out, [Action::Part, Action::Play(Announcement::AgentLost)]);
    f.feed(Input::Played);
    assert_eq!(f.why(), Reason::AgentLost);
    assert_eq!(f.state(), CallState::WrapUp);

    let mut f = Fixture::connected();
    f.feed(Input::AgentAway);
    let out = f.feed(lost(Spoken::Not));
    assert_eq!(out, [Action::HangUp, Action::CloseMedia]);
    assert_eq!(f.why(), Reason::AgentLost);
}

#[test]
fn an_agent_who_comes_back_in_the_midst_of_the_last_words_talks_on() {
    let mut f = Fixture::connected();
    f.feed(Input::AgentAway);
    f.feed(Input::AgentLost {
        words: "gone",
        told: Spoken::Aloud,
    });
    assert_eq!(f.feed(Input::AgentBack), [Action::Bridge]);
    assert_eq!(f.state(), CallState::Connected);
    assert_eq!(f.feed(Input::Played), []);
    assert!(f.call.is_up());
}

#[test]
fn the_platforms_time_for_the_wrap_up_counts_also_when_it_is_told_late() {
    for (early, late) in [(Some(5), None), (None, Some(5)), (Some(9), Some(5))] {
        let mut f = Fixture::connected();
        let set = |f: &mut Fixture, seconds: Option<u64>| {
            if let Some(seconds) = seconds {
                f.call.set_wrap_up(Duration::from_secs(seconds));
            }
        };
        set(&mut f, early);
        f.feed(Input::HangUp);
        let ended = f.now.instant;
        set(&mut f, late);
        assert_eq!(f.call.poll_timeout(), Some(ended + Duration::from_secs(5)));
    }
}

#[test]
fn who_is_handed_over_keeps_dialog_and_audio_and_the_agent_wraps_up() {
    let mut f = Fixture::connected();
    f.feed(Input::Hold(true));
    assert_eq!(f.feed(Input::HandedOver(WrapUp::Granted)), []);
    assert_eq!(f.state(), CallState::WrapUp);
    assert_eq!(f.why(), Reason::Transferred);
    // What becomes of the customer is no input of this call any more.
    assert_eq!(f.feed(Input::DialogEnded(DialogEnd::Bye)), []);
    assert_eq!(f.wait(), [Action::ReleaseAgent]);

    let mut f = Fixture::connected();
    assert_eq!(
        f.feed(Input::HandedOver(WrapUp::Skipped)),
        [Action::ReleaseAgent]
    );
    assert_eq!(f.state(), CallState::Closed);

    let (mut f, _) = Fixture::incoming();
    assert_eq!(f.feed(Input::HandedOver(WrapUp::Granted)), []);
    assert_eq!(
        f.state(),
        CallState::RingingIn,
        "only a talk can be handed over"
    );
}
