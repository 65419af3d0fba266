//! What waits to be written, in memory.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use tokio::sync::{oneshot, watch};

use super::change::Change;
use super::keys::StoredKey;
use super::lock;
use super::outbox::{Cursor, Head};
use super::record::Record;
use crate::call::CallId;
use crate::events::Event;

/// The list between those who have something to keep and the thread that writes. Locked for moments only.
#[derive(Debug)]
pub(super) struct Pending {
    list: Mutex<List>,
    changed: Condvar,
    /// How far the outbox is on the disk.
    pub head: watch::Sender<Head>,
}

#[derive(Debug)]
struct List {
    /// In the order in which the calls came in here.
    records: BTreeMap<u64, Arc<Record>>,
    /// What those weigh together.
    bytes: usize,
    bytes_at_most: usize,
    places: HashMap<CallId, u64>,
    next: u64,
    jobs: VecDeque<Job>,
    /// Taken by the thread and not yet on the disk.
    under_way: Vec<Arc<Record>>,
    errors: u64,
    dropped: u64,
    trouble: Option<String>,
    closed: bool,
}

/// Something to be written that isn't a call's record.
#[derive(Debug)]
pub(super) enum Job {
    Key(StoredKey),
    Event(Event),
    /// A sink of events that begins here, unless it is known.
    Sink(String),
    Cursor(Cursor),
    /// Whether there was something to change goes to `done`, once it is written.
    Change {
        change: Change,
        done: oneshot::Sender<bool>,
    },
}

/// What is written in one transaction.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub records: Vec<Arc<Record>>,
    pub jobs: Vec<Job>,
}

/// How the writing goes, for the operator.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Standing {
    /// Records that aren't on the disk yet.
    pub pending: usize,
    /// Attempts to write that failed.
    pub errors: u64,
    /// Records that were given up, because too many waited.
    pub dropped: u64,
    /// Why nothing can be written now, in words.
    pub trouble: Option<String>,
}

impl Default for Pending {
    fn default() -> Self {
        Self::bounded(BYTES_AT_MOST)
    }
}

impl Pending {
    /// Keeps no more than so much in memory, and the newest record in any case.
    pub(super) fn bounded(bytes_at_most: usize) -> Self {
        let list = List {
            records: BTreeMap::new(),
            bytes: 0,
            bytes_at_most,
            places: HashMap::new(),
            next: 0,
            jobs: VecDeque::new(),
            under_way: Vec::new(),
            errors: 0,
            dropped: 0,
            trouble: None,
            closed: false,
        };
        Self {
            list: Mutex::new(list),
            changed: Condvar::new(),
            head: watch::Sender::default(),
        }
    }

    pub(super) fn keep(&self, record: Record) {
        let mut list = lock(&self.list);
        list.keep(Arc::new(record), Age::Newer);
        drop(list);
        self.changed.notify_one();
    }

    pub(super) fn push(&self, job: Job) {
        let mut list = lock(&self.list);
        if list.jobs.len() >= JOBS_AT_MOST {
            list.dropped += 1;
            list.jobs.pop_front();
        }
        list.jobs.push_back(job);
        drop(list);
        self.changed.notify_one();
    }

    pub(super) fn find(&self, call: &CallId) -> Option<Record> {
        let list = lock(&self.list);
        let waiting = list
            .places
            .get(call)
            .and_then(|place| list.records.get(place));
        let mut under_way = list.under_way.iter();
        let found = waiting.or_else(|| under_way.find(|record| record.view.id == *call));
        found.map(|record| Record::clone(record))
    }

    /// All that isn't on the disk yet and passes; the newest words on each call alone.
    pub(super) fn all(&self, passes: impl Fn(&Record) -> bool) -> Vec<Arc<Record>> {
        let list = lock(&self.list);
        let under_way = list
            .under_way
            .iter()
            .filter(|record| !list.places.contains_key(&record.view.id));
        let all = list.records.values().chain(under_way);
        all.filter(|record| passes(record)).cloned().collect()
    }

    /// The next transaction's work; waits for some. `None` once the list is closed and empty.
    pub(super) fn take(&self, wait: Duration) -> Option<Batch> {
        let mut list = lock(&self.list);
        if list.is_empty() && !list.closed {
            let waited = self.changed.wait_timeout(list, wait);
            list = waited.unwrap_or_else(std::sync::PoisonError::into_inner).0;
        }
        if list.is_empty() && list.closed {
            return None;
        }
        let mut batch = Batch::default();
        while batch.records.len() < BATCH {
            let Some(record) = list.pop_oldest() else {
                break;
            };
            batch.records.push(record);
        }
        let jobs = list.jobs.len().min(BATCH);
        batch.jobs.extend(list.jobs.drain(..jobs));
        list.under_way.clone_from(&batch.records);
        Some(batch)
    }

    /// Waits, but not for longer than until the list is closed.
    pub(super) fn rest(&self, duration: Duration) {
        let list = lock(&self.list);
        let closed = |list: &mut List| !list.closed;
        // However the wait ended, the next turn sees what there is.
        drop(self.changed.wait_timeout_while(list, duration, closed));
    }

    pub(super) fn written(&self) {
        let mut list = lock(&self.list);
        list.under_way.clear();
        list.trouble = None;
    }

    /// Puts back what could not be written; newer words on the same calls stay.
    pub(super) fn failed(&self, batch: Batch, error: String) {
        let mut list = lock(&self.list);
        list.under_way.clear();
        list.errors += 1;
        list.trouble = Some(error);
        for record in batch.records {
            list.keep(record, Age::Older);
        }
        for job in batch.jobs.into_iter().rev() {
            match job {
                Job::Key(_) | Job::Event(_) | Job::Sink(_) | Job::Cursor(_) => {
                    list.jobs.push_front(job);
                }
                // Whoever waits is told at once, by the dropped sender.
                Job::Change { .. } => {}
            }
        }
    }

    pub(super) fn is_closed(&self) -> bool {
        lock(&self.list).closed
    }

    pub(super) fn close(&self) {
        lock(&self.list).closed = true;
        self.changed.notify_all();
    }

    pub(super) fn standing(&self) -> Standing {
        let list = lock(&self.list);
        Standing {
            pending: list.records.len() + list.under_way.len(),
            errors: list.errors,
            dropped: list.dropped,
            trouble: list.trouble.clone(),
        }
    }
}

/// Whether a record says more than the one of the same call that may be in the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Age {
    Newer,
    Older,
}

impl List {
    fn is_empty(&self) -> bool {
        self.records.is_empty() && self.jobs.is_empty()
    }

    fn keep(&mut self, record: Arc<Record>, age: Age) {
        if let Some(place) = self.places.get(&record.view.id) {
            if age == Age::Newer {
                self.bytes += record.weight();
                let older = self.records.insert(*place, record);
                self.bytes -= older.map_or(0, |older| older.weight());
            }
        } else {
            self.next += 1;
            self.places.insert(record.view.id.clone(), self.next);
            self.bytes += record.weight();
            self.records.insert(self.next, record);
        }
        // The newest stays, however heavy it is.
        while self.records.len() > 1
            && (self.records.len() > RECORDS_AT_MOST || self.bytes > self.bytes_at_most)
        {
            self.pop_oldest();
            self.dropped += 1;
        }
    }

    fn pop_oldest(&mut self) -> Option<Arc<Record>> {
        let (_, oldest) = self.records.pop_first()?;
        self.places.remove(&oldest.view.id);
        self.bytes -= oldest.weight();
        Some(oldest)
    }
}

/// Records in a transaction: enough to make its cost small, few enough to be over in milliseconds.
const BATCH: usize = 512;

/// A day of a large floor's calls while nobody looks at the full disk.
const RECORDS_AT_MOST: usize = 50_000;

/// Most records weigh 2 KB; a back end's context may make them heavier.
const BYTES_AT_MOST: usize = 200 << 20;

/// Some 100 MB of events, half an hour of a large floor's.
const JOBS_AT_MOST: usize = 100_000;
