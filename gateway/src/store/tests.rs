use std::path::PathBuf;

use serde_json::json;

use super::*;
use crate::agent::wire::{CallState, CallView, Direction, Peer, Recording};
use crate::call::Told;
use crate::call::termination::Termination;

/// A directory of its own that goes with the test.
struct Directory(PathBuf);

impl Directory {
    fn new() -> Self {
        let path = std::env::temp_dir().join(format!("warmline-store-{}", uuid::Uuid::new_v4()));
        std::fs::create_dir(&path).expect("a directory");
        Self(path)
    }

    fn file(&self) -> PathBuf {
        self.0.join("calls.db")
    }

    fn store(&self) -> Store {
        Store::open(&self.file(), keep(FOR_EVER))
    }
}

fn keep(time: Duration) -> Keep {
    Keep {
        calls: time,
        events: time,
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn up(started_at: u64, agent: &str) -> Record {
    let view = CallView {
        id: CallId::fresh(),
        agent: agent.to_owned(),
        direction: Direction::Outbound,
        state: CallState::Connected,
        progress: None,
        peer: Peer {
            number: "+919000000001".to_owned(),
            name: Some("Zoë".to_owned()),
        },
        via: "ozonetel".to_owned(),
        started_at,
        answered_at: Some(started_at + 1),
        ended_at: None,
        muted: false,
        recording: Recording::Off,
        auto_answered: None,
        context: Some(json!({ "ticket": 5 })),
        ucid: Some("12345678901234".to_owned()),
        ended: None,
        linked: None,
        closes_at: None,
    };
    Record {
        view,
        cause: None,
        story: vec![Told {
            at: started_at,
            what: "It began.".to_owned(),
        }],
        platform: Platform {
            campaign: Some("300401".to_owned()),
            ..Platform::default()
        },
        disposition: None,
    }
}

fn over(mut record: Record, ended: &Termination) -> Record {
    record.view.state = CallState::Closed;
    record.view.ended_at = Some(record.view.started_at + 2);
    record.view.ended = Some(ended.view());
    record.cause = Some(ended.cause);
    record
}

fn closed(started_at: u64, agent: &str) -> Record {
    over(
        up(started_at, agent),
        &Termination::refused(486, "Busy Here"),
    )
}

fn interested() -> Disposition {
    Disposition {
        code: "interested".to_owned(),
        notes: Some("wants a demo".to_owned()),
        callback_at: Some(5_000),
    }
}

async fn found(store: &Store, call: &CallId) -> Kept {
    let found = store.find(call).await.expect("it can be read");
    found.expect("there is one")
}

#[tokio::test]
async fn a_call_is_read_as_it_was_written_in_this_run_and_the_next() {
    let directory = Directory::new();
    let mut record = closed(1_000, "agent7");
    record.disposition = Some(interested());
    let kept = Kept::of(&record).expect("JSON");
    let store = directory.store();
    store.keep(record);
    assert_eq!(found(&store, &kept.place.call).await, kept);
    store.close().await;
    assert_eq!(store.standing(), Standing::default());
    assert_eq!(found(&directory.store(), &kept.place.call).await, kept);
}

#[tokio::test]
async fn the_columns_tell_what_the_view_tells() {
    let directory = Directory::new();
    let store = directory.store();
    store.keep(closed(1_000, "agent7"));
    store.close().await;
    let file = Connection::open(directory.file()).expect("a database");
    let sql = "SELECT direction || ' ' || state || ' ' || peer || ' ' || ended_by || ' ' || reason || ' ' || cause
        || ' ' || sip_code || ' ' || campaign || ' ' || context || ' ' || ended_at FROM calls";
    let row: String = file.query_row(sql, [], |row| row.get(0)).expect("one row");
    let expected =
        "outbound closed +919000000001 customer busy customer-busy 486 300401 {\"ticket\":5} 1002";
    assert_eq!(row, expected);
}

#[tokio::test]
async fn calls_that_a_killed_process_left_open_are_closed_at_the_next_start() {
    let directory = Directory::new();
    let (talking, mut wrapping) = (up(1_000, "agent7"), closed(2_000, "agent7"));
    wrapping.view.state = CallState::WrapUp;
    let store = directory.store();
    store.keep(talking.clone());
    store.keep(wrapping.clone());
    store.close().await;

    let store = directory.store();
    let kept = found(&store, &talking.view.id).await;
    assert_eq!(kept.view["state"], "closed");
    assert_eq!(kept.view["ended"]["reason"], "gateway-restarted");
    assert_eq!(kept.view["ended"]["by"], "gateway");
    assert_eq!(kept.cause.as_deref(), Some("gateway-restarted"));
    let story: Vec<&str> = kept.story.iter().map(|told| told.what.as_str()).collect();
    assert_eq!(
        story,
        [
            "It began.",
            "The gateway was restarted while the call was up."
        ]
    );
    let kept = found(&store, &wrapping.view.id).await;
    assert_eq!(kept.view["state"], "closed");
    assert_eq!(kept.view["ended"]["reason"], "busy");
    let all = store.list(Wanted {
        limit: 9,
        ..Wanted::default()
    });
    assert_eq!(all.await.expect("it can be read").len(), 2);
}

#[tokio::test]
async fn pages_are_newest_first_and_meet_without_gap_or_repeat() {
    let directory = Directory::new();
    let store = directory.store();
    // Three begin in the same millisecond.
    for n in [1, 2, 2, 2, 3, 4] {
        store.keep(closed(1_000 + n, "agent7"));
    }
    store.keep(closed(1_005, "agent8"));
    store.keep(up(1_006, "agent7"));
    store.close().await;
    let mut wanted = Wanted {
        agent: Some("agent7".to_owned()),
        limit: 2,
        ..Wanted::default()
    };
    let mut begun = Vec::new();
    loop {
        let page = store.list(wanted.clone()).await.expect("it can be read");
        let Some(last) = page.last() else {
            break;
        };
        wanted.before = Some(last.place.clone());
        begun.extend(page.iter().map(|kept| kept.place.started_at));
    }
    assert_eq!(begun, [1_004, 1_003, 1_002, 1_002, 1_002, 1_001]);
    let between = store.list(Wanted {
        from: Some(1_003),
        to: Some(1_005),
        limit: 9,
        ..Wanted::default()
    });
    let between = between.await.expect("it can be read");
    let begun: Vec<u64> = between.iter().map(|kept| kept.place.started_at).collect();
    assert_eq!(begun, [1_004, 1_003]);
}

#[tokio::test]
async fn a_call_of_long_ago_gets_its_disposition() {
    let directory = Directory::new();
    let record = closed(1_000, "agent7");
    let call = record.view.id.clone();
    let store = directory.store();
    store.keep(record);
    let given = store.dispose(call.clone(), interested(), 9_000).await;
    assert!(given.expect("it can be written"));
    let nobody = store.dispose(CallId::fresh(), interested(), 9_000).await;
    assert!(!nobody.expect("it can be written"));
    let kept = found(&store, &call).await;
    assert_eq!(kept.disposition, Some(interested()));
    let last = kept.story.last().map(|told| told.what.as_str());
    assert_eq!(last, Some("The call got the disposition interested."));
}

#[tokio::test]
async fn another_call_under_a_known_id_changes_nothing() {
    let directory = Directory::new();
    let first = closed(1_000, "agent7");
    let mut second = closed(2_000, "agent8");
    second.view.id = first.view.id.clone();
    let store = directory.store();
    store.keep(first.clone());
    store.close().await;
    let store = directory.store();
    store.keep(second);
    store.close().await;
    let kept = found(&directory.store(), &first.view.id).await;
    assert_eq!(kept.agent, "agent7");
    assert_eq!(kept.place.started_at, 1_000);
}

#[tokio::test]
async fn a_key_and_its_answer_survive() {
    let directory = Directory::new();
    let key = |at| StoredKey {
        caller: "crm".to_owned(),
        key: "a".to_owned(),
        fingerprint: u64::MAX,
        call: CallId::fresh(),
        answer: Some(bytes::Bytes::from_static(b"{}")),
        at,
    };
    let now = crate::clock::Moment::read().epoch_ms;
    let (first, second) = (key(now), key(now + 1));
    let store = directory.store();
    store.keep_key(first);
    store.keep_key(second.clone());
    store.close().await;
    let store = directory.store();
    let keys = store.keys(now).await.expect("they can be read");
    assert_eq!(keys, [second]);
    assert!(store.keys(now + 2).await.expect("read").is_empty());
}

#[tokio::test]
async fn a_broken_file_stops_nobody_and_nothing_is_lost_once_it_is_gone() {
    let directory = Directory::new();
    std::fs::write(
        directory.file(),
        "this is no database, and long enough to be seen as none".repeat(20),
    )
    .expect("it can be written");
    let store = directory.store();
    let record = closed(1_000, "agent7");
    let call = record.view.id.clone();
    store.keep(record);
    let standing = store.standing();
    assert_eq!((standing.pending, standing.dropped), (1, 0));
    assert!(standing.errors > 0);
    let trouble = standing.trouble.expect("it is told");
    assert!(trouble.contains("not a database"), "{trouble}");
    // Still found, from memory.
    found(&store, &call).await;

    std::fs::remove_file(directory.file()).expect("it is there");
    store.close().await;
    assert_eq!(store.standing().trouble, None);
    assert_eq!(store.standing().pending, 0);
    found(&directory.store(), &call).await;
}

#[tokio::test]
async fn a_file_of_a_later_version_is_left_alone() {
    let directory = Directory::new();
    directory.store().close().await;
    let file = Connection::open(directory.file()).expect("a database");
    file.pragma_update(None, "user_version", 99).expect("set");
    drop(file);
    let trouble = directory.store().standing().trouble.expect("it is told");
    assert!(trouble.contains("99"), "{trouble}");
}

#[tokio::test]
async fn old_calls_and_their_files_are_forgotten() {
    let directory = Directory::new();
    let store = directory.store();
    let now = crate::clock::Moment::read().epoch_ms;
    let (old, new) = (closed(now - 10_000, "agent7"), closed(now, "agent7"));
    store.keep(old.clone());
    store.keep(new.clone());
    store.close().await;
    // The first write of a run looks for what is too old.
    let store = Store::open(&directory.file(), keep(Duration::from_secs(5)));
    store.keep(closed(now, "agent8"));
    store.close().await;
    assert_eq!(store.find(&old.view.id).await.expect("read"), None);
    found(&store, &new.view.id).await;
}

#[tokio::test]
async fn what_is_being_written_is_found_and_listed_like_the_rest() {
    let pending = Pending::default();
    let wanted = Wanted {
        agent: Some("agent7".to_owned()),
        limit: 9,
        ..Wanted::default()
    };
    let (first, second) = (closed(1_000, "agent7"), closed(2_000, "agent7"));
    pending.keep(first.clone());
    let batch = pending.take(Duration::ZERO).expect("open");
    pending.keep(second.clone());
    pending.keep(closed(3_000, "agent8"));
    pending.keep(up(4_000, "agent7"));
    assert_eq!(pending.find(&first.view.id), Some(first.clone()));
    let all = pending.all(|record| wanted.includes(record));
    assert_eq!(all, [Arc::new(second), Arc::new(first)]);
    drop(batch);
    pending.written();
    assert_eq!(pending.all(|record| wanted.includes(record)).len(), 1);
}

#[tokio::test]
async fn a_call_that_changes_before_it_is_written_waits_once() {
    let pending = Pending::default();
    let first = up(1_000, "agent7");
    let last = over(first.clone(), &Termination::restarted());
    pending.keep(first.clone());
    pending.keep(last.clone());
    let batch = pending.take(Duration::ZERO).expect("open");
    assert_eq!(batch.records, [Arc::new(last)]);
    // It failed, and the call has gone on meanwhile: the newer words stay.
    let newer = over(first, &Termination::refused(486, "Busy Here"));
    pending.keep(newer.clone());
    pending.failed(batch, "no space".to_owned());
    let batch = pending.take(Duration::ZERO).expect("open");
    assert_eq!(batch.records, [Arc::new(newer)]);
    assert_eq!(pending.standing().errors, 1);
}

#[test]
fn a_temporary_file_goes_with_its_last_handle() {
    let store = Store::temporary();
    let path = store.0.path.clone();
    assert!(path.exists());
    drop(store);
    assert!(!path.exists());
}

#[test]
fn heavy_records_that_can_not_be_written_are_given_up_by_their_weight() {
    let pending = Pending::bounded(30_000);
    let heavy = |started_at| {
        let mut record = closed(started_at, "agent7");
        record.view.context = Some(json!({ "page": "x".repeat(10_000) }));
        record
    };
    let records = [1_000, 2_000, 3_000].map(heavy);
    for record in &records {
        pending.keep(record.clone());
    }
    // The same again adds nothing.
    pending.keep(records[2].clone());
    assert_eq!(pending.standing().pending, 2);
    assert_eq!(pending.standing().dropped, 1);
    assert_eq!(pending.find(&records[0].view.id), None, "the oldest goes");
    let batch = pending.take(Duration::ZERO).expect("open");
    pending.failed(batch, "no space".to_owned());
    pending.keep(closed(4_000, "agent7"));
    assert_eq!(
        pending.standing().pending,
        3,
        "what was taken weighs nothing any more"
    );
}
