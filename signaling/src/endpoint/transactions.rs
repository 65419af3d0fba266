//! The live transactions of both sides, found by key or by number, and what each of them is for.

use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;

use super::outbound::Departure;
use super::usage::CallKey;
use super::{DialogId, Flow, LineId, Path, PeerId, TrunkId, Why};
use crate::digest::Credentials;
use crate::message::Message;
use crate::transaction::client::Client;
use crate::transaction::invite_client::InviteClient;
use crate::transaction::invite_server::InviteServer;
use crate::transaction::server::Server;
use crate::transaction::timer::Timer;

/// Numbers a transaction within its table; never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct TransactionId(u64);

/// Transactions by number, in order, with an index by key.
pub(super) struct Table<K, T> {
    ids: HashMap<K, TransactionId>,
    entries: BTreeMap<TransactionId, (K, T)>,
    next: u64,
}

impl<K: Clone + Eq + Hash, T> Table<K, T> {
    pub fn new() -> Self {
        Table {
            ids: HashMap::new(),
            entries: BTreeMap::new(),
            next: 0,
        }
    }

    pub fn insert(&mut self, key: K, transaction: T) -> TransactionId {
        let id = TransactionId(self.next);
        self.next += 1;
        self.ids.insert(key.clone(), id);
        self.entries.insert(id, (key, transaction));
        id
    }

    pub fn find(&self, key: &K) -> Option<TransactionId> {
        self.ids.get(key).copied()
    }

    pub fn get(&self, id: TransactionId) -> Option<&T> {
        self.entries.get(&id).map(|(_, transaction)| transaction)
    }

    pub fn get_mut(&mut self, id: TransactionId) -> Option<&mut T> {
        self.entries
            .get_mut(&id)
            .map(|(_, transaction)| transaction)
    }

    pub fn remove(&mut self, id: TransactionId) -> Option<T> {
        let (key, transaction) = self.entries.remove(&id)?;
        // The key may meanwhile name a younger one.
        if self.find(&key) == Some(id) {
            self.ids.remove(&key);
        }
        Some(transaction)
    }

    pub fn iter(&self) -> impl Iterator<Item = (TransactionId, &T)> {
        self.entries
            .iter()
            .map(|(id, (_, transaction))| (*id, transaction))
    }

    pub fn len(&self) -> usize {
        self.entries.len()
    }
}

/// A request of ours on its way.
pub(super) struct ClientTransaction {
    pub machine: ClientMachine,
    pub flow: Flow,
    pub path: Path,
    /// What was sent: CANCEL, ACK and the answer to a challenge are made from it.
    pub request: Message,
    pub purpose: Purpose,
    pub credentials: Option<Credentials>,
    /// Challenges answered before this attempt.
    pub answered: u32,
    /// When silence is taken for an answer, if that is before the machine's own patience ends.
    pub give_up: Option<Instant>,
}

pub(super) enum ClientMachine {
    Invite(InviteClient),
    Other(Client),
}

/// Whom the outcome of a request of ours concerns.
#[derive(Debug, Clone)]
pub(super) enum Purpose {
    Register(LineId),
    RegisterTrunk(TrunkId),
    /// By command.
    Ping,
    /// Of a peer that is watched.
    Watch(PeerId),
    /// Whatever the answer, it is over.
    Cancel,
    /// The same; until the answer, the peer's own BYE may be on its way.
    Bye(CallKey),
    Invite(Invitation),
    /// Another request in a call that goes on.
    Inside(DialogId, Errand),
}

/// What a request of ours inside a dialog is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Errand {
    Prack,
    Update,
}

/// An INVITE of ours; outlives its call where answers may still come.
#[derive(Debug, Clone)]
pub(super) struct Invitation {
    pub dialog: DialogId,
    pub kind: InvitationKind,
    pub cancel: Cancel,
    /// The 2xx that were acknowledged: one for each place that answered.
    pub acks: Vec<Acknowledged>,
}

/// The ACK of a 2xx, sent again when the 2xx comes again.
#[derive(Debug, Clone)]
pub(super) struct Acknowledged {
    /// Of the 2xx's To.
    pub tag: Bytes,
    pub flow: Flow,
    pub ack: Bytes,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum InvitationKind {
    Initial,
    Reinvite,
}

/// The wish to take an INVITE back (RFC 3261 §9.1).
#[derive(Debug, Clone)]
pub(super) enum Cancel {
    NotWanted,
    /// It waits for a provisional response.
    Wanted {
        reason: Option<String>,
    },
    /// Without a final response by then, the INVITE is forgotten.
    Sent {
        give_up: Instant,
    },
}

impl ClientTransaction {
    /// The same way again.
    pub fn departure(&self) -> Departure {
        Departure {
            path: self.path,
            flow: self.flow,
            purpose: self.purpose.clone(),
            credentials: self.credentials.clone(),
            answered: self.answered,
        }
    }

    pub fn poll_timeout(&self) -> Option<(Instant, Why)> {
        let timer = match &self.machine {
            ClientMachine::Invite(machine) => machine.poll_timeout(),
            ClientMachine::Other(machine) => machine.poll_timeout(),
        };
        let timer = timer.map(|(at, timer)| (at, Why::Transaction(timer)));
        let soonest = [self.cancel_deadline(), self.give_up]
            .into_iter()
            .flatten()
            .min();
        match (soonest, timer) {
            (Some(at), None) => Some((at, Why::Transaction(Timer::B))),
            (Some(at), Some((sooner, why))) => Some((sooner.min(at), why)),
            (None, timer) => timer,
        }
    }

    /// When a cancelled INVITE is forgotten. Only while it waits: an answer starts timers of its own.
    pub fn cancel_deadline(&self) -> Option<Instant> {
        match (&self.machine, &self.purpose) {
            (
                ClientMachine::Invite(machine),
                Purpose::Invite(Invitation {
                    cancel: Cancel::Sent { give_up },
                    ..
                }),
            ) if machine.is_proceeding() => Some(*give_up),
            _ => None,
        }
    }

    /// Nothing was heard yet that would come again by another connection: an answer to what went out may be lost with
    /// this one. Who has rung, though, opens a connection of its own to answer (RFC 3261 §18.2.2).
    pub fn needs_flow(&self) -> bool {
        match (&self.machine, self.flow) {
            (ClientMachine::Invite(machine), Flow::Connection { .. }) => {
                matches!(machine.poll_timeout(), Some((_, Timer::A | Timer::B)))
            }
            (ClientMachine::Invite(_) | ClientMachine::Other(_), _) => true,
        }
    }

    pub fn is_terminated(&self) -> bool {
        match &self.machine {
            ClientMachine::Invite(machine) => machine.is_terminated(),
            ClientMachine::Other(machine) => machine.is_terminated(),
        }
    }
}

/// A request of a peer's that we answer or have answered.
pub(super) struct ServerTransaction {
    pub machine: ServerMachine,
    /// Where it came from: responses go there, whatever Via says (RFC 3581).
    pub flow: Flow,
    /// Until its final response: what is remembered for 32 s should be small.
    pub request: Option<Arc<Message>>,
    pub claim: Claim,
    /// Of a request outside a dialog: only those are merged.
    pub merge: Option<MergeKey>,
}

pub(super) enum ServerMachine {
    Invite(InviteServer),
    Other(Server),
}

/// What CANCEL would take back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Claim {
    /// Nothing: it was answered, or is at once.
    None,
    /// An INVITE that waits for our decision.
    Call(DialogId),
    /// A re-INVITE or UPDATE that does.
    Offer(DialogId),
}

/// What two branches of one forked request have in common (RFC 3261 §8.2.2.2).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct MergeKey(Arc<[u8]>);

impl MergeKey {
    /// Connections are told apart: a registrar may fork one call to two lines of ours, which are two user agents.
    pub fn of(request: &Message, flow: Flow) -> MergeKey {
        let parts = [
            request.tag_in_from(),
            Some(request.call_id()),
            request.cseq().map(|cseq| cseq.method),
        ];
        let mut text = Vec::with_capacity(96);
        if let Flow::Stream(stream) = flow {
            text.extend_from_slice(&stream.0.to_be_bytes());
        }
        for part in parts {
            text.extend_from_slice(part.unwrap_or_default());
            text.push(0);
        }
        text.extend_from_slice(&request.cseq().map_or(0, |cseq| cseq.number).to_be_bytes());
        MergeKey(text.into())
    }
}

impl ServerTransaction {
    pub fn poll_timeout(&self) -> Option<(Instant, Why)> {
        let timer = match &self.machine {
            ServerMachine::Invite(machine) => machine.poll_timeout(),
            ServerMachine::Other(machine) => machine.poll_timeout(),
        };
        timer.map(|(at, timer)| (at, Why::Transaction(timer)))
    }

    pub fn is_terminated(&self) -> bool {
        match &self.machine {
            ServerMachine::Invite(machine) => machine.is_terminated(),
            ServerMachine::Other(machine) => machine.is_terminated(),
        }
    }
}
