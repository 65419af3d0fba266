use object_store::memory::InMemory;
use object_store::path::Path as ObjectPath;
use object_store::throttle::{ThrottleConfig, ThrottledStore};

use super::super::manifest::{
    About as Whose, Audio, Block, Channel, Link, Manifest, Role, SCHEMA, Status, hex,
};
use super::*;
use crate::store::{Change, Hold, Interest, WantedRecordings};
use sha2::{Digest, Sha256};

const CALL: &str = "c_01990000-0000-7000-8000-000000000001";
const DAY_MS: u64 = 24 * 3_600 * 1_000;

/// A recorder's directory that goes with the test, with a spool and a store of objects.
struct Place {
    root: PathBuf,
    store: Store,
    objects: Objects,
}

impl Place {
    fn new() -> Self {
        let root = std::env::temp_dir().join(format!("warmline-publish-{}", uuid::Uuid::new_v4()));
        std::fs::create_dir_all(root.join(SPOOL)).expect("a directory");
        Self {
            objects: Objects::directory(&root).expect("objects"),
            store: Store::temporary(),
            root,
        }
    }

    /// As the recorder leaves one.
    fn finished(&self, id: &str, audio: &[u8]) -> PathBuf {
        let directory = self.root.join(SPOOL).join(id);
        std::fs::create_dir(&directory).expect("a directory");
        std::fs::write(directory.join("audio.wav"), audio).expect("written");
        let manifest = manifest(id, audio);
        manifest.write(&directory).expect("written");
        directory
    }

    fn upload(&self) -> Upload {
        Upload {
            objects: self.objects.clone(),
            store: self.store.clone(),
        }
    }

    fn deletion(&self) -> Deletion {
        Deletion {
            objects: self.objects.clone(),
            store: self.store.clone(),
            keep: Some(Duration::from_millis(90 * DAY_MS)),
        }
    }

    fn publisher(&self) -> Publisher {
        Publisher {
            directory: self.root.clone(),
            objects: self.objects.clone(),
            store: self.store.clone(),
            metrics: Metrics::new(),
            keep: None,
        }
    }

    async fn publish(&self, directory: &Path) -> Outlook {
        self.upload().publish(directory, Moment::read()).await
    }

    /// The kinds of all events.
    async fn told(&self) -> Vec<String> {
        let page = self
            .store
            .events_after(0, &Interest::all(), 100)
            .await
            .expect("read");
        let kinds = page.events.into_iter().map(|queued| queued.event.kind);
        kinds.collect()
    }

    async fn ids(&self) -> Vec<String> {
        let wanted = WantedRecordings {
            limit: 100,
            ..WantedRecordings::default()
        };
        let found = self.store.recordings(wanted).await.expect("read");
        found.into_iter().map(|kept| kept.place.id).collect()
    }

    fn object(&self, path: &str) -> Option<Vec<u8>> {
        std::fs::read(self.root.join("date=2026-11-20").join(CALL).join(path)).ok()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.root);
    }
}

fn manifest(id: &str, audio: &[u8]) -> Manifest {
    let channel = |index, role| Channel {
        index,
        role,
        codec_in: None,
        packets: 0,
        lost: 0,
        dropped: 0,
    };
    let mut manifest = Manifest {
        schema: SCHEMA,
        id: id.to_owned(),
        call: CALL.to_owned(),
        status: Status::Completed,
        started_at: "2026-11-20T23:59:59.120Z".to_owned(),
        duration_ms: 1_000,
        about: Whose {
            agent: "agent7".to_owned(),
            ..Whose::default()
        },
        audio: Audio {
            file: "audio.wav".to_owned(),
            codec: "pcm_s16le".to_owned(),
            sample_rate: 8_000,
            bytes: audio.len() as u64,
            sha256: hex(&Sha256::digest(audio)),
            channels: vec![channel(0, Role::Customer), channel(1, Role::Agent)],
        },
        gaps: Vec::new(),
        skew_ppm: [0.0, 0.0],
        truncated: false,
        encryption: None,
        blocks: vec![Block {
            bytes: audio.len() as u64,
            link: Link::first(id),
        }],
        chain: String::new(),
    };
    manifest.seal();
    manifest
}

#[tokio::test]
async fn a_recording_is_published_once_however_often_it_is_found() {
    let place = Place::new();
    for _ in 0..2 {
        let directory = place.finished("r_1", b"audio");
        let outlook = place.publish(&directory).await;
        assert!(matches!(outlook, Outlook::Published), "{outlook:?}");
        assert!(!directory.exists());
        let again = place.publish(&directory).await;
        assert!(matches!(again, Outlook::Gone), "{again:?}");
    }
    assert_eq!(place.told().await, ["recording.published"]);
    assert_eq!(place.ids().await, ["r_1"]);
    assert_eq!(place.object("audio.wav").as_deref(), Some(&b"audio"[..]));
    let kept = place.store.recording("r_1").await.expect("read");
    let kept = kept.expect("there");
    assert_eq!(kept.path, format!("date=2026-11-20/{CALL}"));
    assert!(!kept.summary.contains("blocks"));
    let manifest = place.store.manifest("r_1").await.expect("read");
    let manifest = manifest.expect("there");
    assert!(manifest.contains("blocks"));
    assert_eq!(place.object("manifest.json"), Some(manifest.into()));
}

#[tokio::test]
async fn a_process_that_died_half_way_is_taken_up() {
    let place = Place::new();
    let directory = place.finished("r_1", b"audio");
    // As far as the audio, and nothing was told.
    let path = ObjectPath::from(format!("date=2026-11-20/{CALL}/audio.wav"));
    let audio = bytes::Bytes::from_static(b"audio");
    place.objects.put(&path, audio).await.expect("put");
    let outlook = place.publish(&directory).await;
    assert!(matches!(outlook, Outlook::Published), "{outlook:?}");
    assert_eq!(place.told().await, ["recording.published"]);
}

#[tokio::test]
async fn an_outage_costs_time_and_nothing_else() {
    let place = Place::new();
    let directory = place.finished("r_1", b"audio");
    // Where the day's directory should be.
    let obstacle = place.root.join("date=2026-11-20");
    std::fs::write(&obstacle, "").expect("written");
    let outlook = place.publish(&directory).await;
    assert!(matches!(outlook, Outlook::Again(_)), "{outlook:?}");
    assert_eq!(place.told().await, [""; 0]);
    std::fs::remove_file(&obstacle).expect("removed");
    let outlook = place.publish(&directory).await;
    assert!(matches!(outlook, Outlook::Published), "{outlook:?}");
}

#[tokio::test]
async fn a_calls_second_recording_stands_beside_the_first() {
    let place = Place::new();
    place.publish(&place.finished("r_1", b"first")).await;
    let outlook = place.publish(&place.finished("r_2", b"second")).await;
    assert!(matches!(outlook, Outlook::Published), "{outlook:?}");
    assert_eq!(place.object("audio.wav"), Some(b"first".to_vec()));
    assert_eq!(place.object("r_2/audio.wav"), Some(b"second".to_vec()));
    assert_eq!(place.ids().await, ["r_2", "r_1"]);
}

#[tokio::test]
async fn what_is_not_what_it_says_is_not_published() {
    let place = Place::new();
    let changed = place.finished("r_1", b"audio");
    std::fs::write(changed.join("audio.wav"), b"Audio").expect("written");
    let renamed = place.root.join(SPOOL).join("r_9");
    std::fs::rename(place.finished("r_2", b"audio"), &renamed).expect("renamed");
    let garbled = place.finished("r_3", b"audio");
    std::fs::write(garbled.join("manifest.json"), b"{").expect("written");
    for directory in [changed, renamed, garbled] {
        let outlook = place.publish(&directory).await;
        assert!(matches!(outlook, Outlook::Never { .. }), "{outlook:?}");
        assert!(directory.exists());
    }
    assert_eq!(place.told().await, [""; 0]);
}

#[tokio::test]
async fn the_spool_is_looked_through_at_the_start_and_outcomes_follow() {
    let place = Place::new();
    place.finished("r_1", b"audio");
    let bad = place.finished("r_2", b"audio");
    std::fs::write(bad.join("audio.wav"), b"Audio").expect("written");
    // Still being written: there is no manifest.
    std::fs::create_dir(place.root.join(SPOOL).join("r_3")).expect("a directory");
    let (outcomes, queue) = mpsc::channel(4);
    let task = place.publisher().start(queue);
    let failed = Outcome::Failed {
        recording: "r_4".to_owned(),
        call: CALL.to_owned(),
        reason: "the disk is full".to_owned(),
        unreadable: None,
    };
    outcomes.send(failed).await.expect("open");
    drop(outcomes);
    task.await.expect("it ends");
    // What was told without anybody waiting is on the disk behind what somebody waits for.
    let hold = Change::Hold {
        recording: "r_1".to_owned(),
        hold: Hold::Free,
    };
    assert!(place.store.change(hold).await.expect("written"));
    let mut told = place.told().await;
    told.sort_unstable();
    assert_eq!(
        told,
        [
            "recording.failed",
            "recording.failed",
            "recording.published"
        ]
    );
    assert!(place.root.join(UNPUBLISHED).join("r_2").exists());
    assert!(place.root.join(SPOOL).join("r_3").exists());
}

#[tokio::test]
async fn what_failed_is_told_before_it_is_put_aside() {
    for disk in ["takes it", "is full"] {
        let place = Place::new();
        if disk == "is full" {
            place.store.close().await;
        }
        let changed = place.finished("r_1", b"audio");
        std::fs::write(changed.join("audio.wav"), b"Audio").expect("written");
        let empty = place.root.join(SPOOL).join("r_2");
        std::fs::create_dir(&empty).expect("a directory");
        let (outcomes, queue) = mpsc::channel(4);
        let task = place.publisher().start(queue);
        let failed = Outcome::Failed {
            recording: "r_2".to_owned(),
            call: String::new(),
            reason: "it has no journal".to_owned(),
            unreadable: Some(empty.clone()),
        };
        outcomes.send(failed).await.expect("open");
        drop(outcomes);
        task.await.expect("it ends");
        let stays = disk == "is full";
        let aside = [
            place.root.join(UNPUBLISHED).join("r_1"),
            place.root.join(UNREADABLE).join("r_2"),
        ];
        assert_eq!([changed, empty].map(|it| it.exists()), [stays; 2]);
        assert_eq!(aside.map(|it| it.exists()), [!stays; 2]);
        if !stays {
            assert_eq!(place.told().await, ["recording.failed"; 2]);
        }
    }
}

#[tokio::test]
async fn what_is_left_of_a_published_recording_is_none_and_goes() {
    let place = Place::new();
    let spool = place.root.join(SPOOL);
    let left = spool.join(".gone-r_1");
    std::fs::rename(place.finished("r_1", b"audio"), &left).expect("renamed");
    assert!(crate::recorder::finisher::recordings(&spool).is_empty());
    let (outcomes, queue) = mpsc::channel(4);
    let task = place.publisher().start(queue);
    drop(outcomes);
    task.await.expect("it ends");
    assert!(!left.exists());
    assert_eq!(place.told().await, [""; 0]);
}

#[tokio::test]
async fn what_is_old_goes_and_what_is_held_stays() {
    let place = Place::new();
    for id in ["r_1", "r_2"] {
        let directory = place.finished(id, id.as_bytes());
        place.publish(&directory).await;
    }
    let hold = |hold| Change::Hold {
        recording: "r_2".to_owned(),
        hold,
    };
    place.store.change(hold(Hold::Legal)).await.expect("held");
    let (deletion, start) = (place.deletion(), Moment::read());
    let days = |days: u64| Moment {
        epoch_ms: crate::recorder::published::epoch_ms("2026-11-20T23:59:59.120Z").expect("a time")
            + days * DAY_MS,
        ..start
    };
    deletion.sweep(days(90)).await;
    assert_eq!(place.ids().await, ["r_2", "r_1"]);
    deletion.sweep(days(91)).await;
    assert_eq!(place.ids().await, ["r_2"]);
    assert_eq!(place.object("audio.wav"), None);
    assert_eq!(place.object("manifest.json"), None);
    assert!(!deletion.condemn("r_2").await.expect("asked"));
    place.store.change(hold(Hold::Free)).await.expect("freed");
    deletion.sweep(days(91)).await;
    assert_eq!(place.ids().await, [""; 0]);
    assert_eq!(place.object("r_2/audio.wav"), None);
    let told = place.told().await;
    assert_eq!(told[2..], ["recording.deleted", "recording.deleted"]);
}

#[tokio::test]
async fn a_store_that_deletes_slowly_delays_no_publishing() {
    let place = Place::new();
    let memory = Arc::new(InMemory::new());
    let slow = ThrottleConfig {
        wait_delete_per_call: Duration::from_secs(3_600),
        ..ThrottleConfig::default()
    };
    let store: Arc<dyn object_store::ObjectStore> = memory.clone();
    let slow = Arc::new(ThrottledStore::new(store, slow));
    let objects = Objects::of(slow, memory);
    let upload = Upload {
        objects: objects.clone(),
        store: place.store.clone(),
    };
    let old = place.finished("r_1", b"old");
    upload.publish(&old, Moment::read()).await;
    let condemn = Change::Condemn {
        recording: "r_1".to_owned(),
    };
    assert!(place.store.change(condemn).await.expect("condemned"));
    let publisher = Publisher {
        objects,
        ..place.publisher()
    };
    let (outcomes, queue) = mpsc::channel(4);
    let task = publisher.start(queue);
    let dir = place.finished("r_2", b"new");
    let finished = Outcome::Finished {
        recording: "r_2".to_owned(),
        dir,
    };
    outcomes.send(finished).await.expect("open");
    drop(outcomes);
    let ended = tokio::time::timeout(Duration::from_secs(30), task).await;
    ended.expect("it waits for no deletion").expect("it ends");
    assert_eq!(place.ids().await, ["r_2"]);
}
