//! What an endpoint tells its owner.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::{DialogId, Flow, LineId, PeerId, Reachability, SocketId, TrunkId};
use crate::dialog::dtmf::Digit;
use crate::dialog::refer::Referral;
use crate::message::{Message, Name, NameAddr, Uri, lossy, unfolded};

/// Something the owner should know, in the order it happened.
#[derive(Debug)]
pub enum Event {
    /// A line became usable.
    LineUp {
        /// Which.
        line: LineId,
        /// What the registrar granted.
        expires: Duration,
    },
    /// A line isn't usable, or still isn't. The endpoint tries again where that helps; after a second refusal of the
    /// password (or a second 403) it doesn't.
    LineDown {
        /// Which.
        line: LineId,
        /// Why.
        cause: LineDown,
    },
    /// A trunk's registrar knows us.
    TrunkUp {
        /// Which.
        trunk: TrunkId,
        /// What the registrar granted.
        expires: Duration,
    },
    /// A trunk's registrar doesn't know us, or still doesn't. Otherwise like [`Event::LineDown`].
    TrunkDown {
        /// Which.
        trunk: TrunkId,
        /// Why.
        cause: LineDown,
    },
    /// A watched peer came or went.
    Peer {
        /// Which.
        peer: PeerId,
        /// How it stands now.
        reachability: Reachability,
        /// What the latest ping brought: 408 for silence, 503 for no connection.
        status: u16,
    },
    /// Somebody calls. 100 Trying has been sent.
    Invite {
        /// To answer it by.
        dialog: DialogId,
        /// Where it came from.
        source: Source,
        /// What it says.
        invite: IncomingInvite,
    },
    /// One of several peers couldn't take our call; the next is being asked.
    Failover {
        /// Our call.
        dialog: DialogId,
        /// What the one before did.
        cause: Ended,
    },
    /// A 1xx other than 100 to our INVITE.
    Progress {
        /// Our call.
        dialog: DialogId,
        /// 101 to 199.
        status: u16,
        /// The phrase that came with it.
        reason: String,
        /// Early media, perhaps.
        body: Option<Body>,
    },
    /// A 2xx to our INVITE; the ACK has been sent.
    Accepted {
        /// Our call.
        dialog: DialogId,
        /// The answer to our offer.
        body: Option<Body>,
        /// How it compares with what came while it rang.
        description: Description,
    },
    /// The ACK to the 200 that accepted a call.
    Confirmed {
        /// Their call.
        dialog: DialogId,
        /// The answer, if the 200 carried our offer.
        body: Option<Body>,
    },
    /// A re-INVITE, an UPDATE or a PRACK wants to change the session, or the peer offers where we asked it to: answer or
    /// refuse it.
    Offer {
        /// In which dialog.
        dialog: DialogId,
        /// The offer; `None` if the peer wants one from us.
        body: Option<Body>,
    },
    /// A session is to be refreshed by an offer (RFC 4028 §7.2): [`Endpoint::reinvite`](super::Endpoint::reinvite) with the
    /// present description. Without it the peer will end the call.
    OfferWanted {
        /// In which dialog.
        dialog: DialogId,
    },
    /// What became of our offer: of a re-INVITE or UPDATE, or of the one we gave in a response when the peer asked for it.
    OfferAnswered {
        /// In which dialog.
        dialog: DialogId,
        /// The answer, or the status that refused the offer; the session goes on as it was.
        result: Result<Option<Body>, u16>,
    },
    /// An INFO, already answered with 200.
    Info {
        /// In which dialog.
        dialog: DialogId,
        /// DTMF, mostly.
        body: Option<Body>,
    },
    /// A key was pressed, told by INFO; already answered with 200.
    Digit {
        /// In which dialog.
        dialog: DialogId,
        /// Which, and how long.
        digit: Digit,
    },
    /// What became of a digit that [`Endpoint::send_digit`](super::Endpoint::send_digit) sent.
    DigitAnswered {
        /// In which dialog.
        dialog: DialogId,
        /// 200 to 299: it was taken. 408 where nobody answered, 503 where the connection was lost.
        status: u16,
    },
    /// The peer asks us to call somebody: accept or refuse it.
    Refer {
        /// In which dialog.
        dialog: DialogId,
        /// Whom, and instead of which call.
        referral: Referral,
    },
    /// How far the peer has come with our REFER.
    Referred {
        /// In which dialog.
        dialog: DialogId,
        /// Below 200 it goes on; else it is the last word: 200 to 299 for a call that was made, another for one that
        /// wasn't or for a REFER that was refused.
        status: u16,
    },
    /// It is over. Exactly one for each dialog, and the last event of it.
    Ended {
        /// Which; commands on it are refused from now on.
        dialog: DialogId,
        /// Why.
        cause: Ended,
    },
    /// The answer to a ping.
    Pong {
        /// Where it was sent.
        flow: Flow,
        /// 408 if there was none.
        status: u16,
    },
    /// A message was refused or dropped. As many as a peer cares to send: to be sampled.
    Malformed {
        /// Where it came from.
        flow: Flow,
        /// Why, without quoting it.
        cause: String,
    },
}

/// Why a line isn't usable.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum LineDown {
    /// The registrar said no.
    Rejected { status: u16, reason: String },
    /// The registrar challenged again after our answer, or with something we can't answer.
    WrongPassword,
    /// The registrar didn't answer.
    TimedOut,
    /// The connection was closed.
    FlowLost,
    /// By command.
    Unregistered,
}

/// Why a dialog is over.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Ended {
    /// The peer hung up; the value of its Reason header, if it gave one.
    Bye { reason: Option<String> },
    /// The caller gave up before we answered.
    Cancelled,
    /// The peer refused our INVITE, or forgot the dialog (481).
    Rejected { status: u16, reason: String },
    /// The peer didn't answer our INVITE or re-INVITE.
    TimedOut,
    /// We answered, and the ACK never came.
    AckMissing,
    /// Our reliable provisional response wasn't acknowledged; the caller was refused.
    PrackMissing,
    /// The peer didn't refresh the session, or didn't let us.
    SessionExpired,
    /// The connection closed or couldn't be opened; a line's didn't come back in time for an established call.
    FlowLost,
    /// By command: hung up or rejected.
    LocalHangup,
}

/// A 200's session description beside those of the 18x before it, from the same place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Description {
    /// The first one.
    New,
    /// What the last 18x said.
    Same,
    /// Something else than the last 18x said. After a reliable 18x this breaks the rules (RFC 3261 §13.2.1), but carriers
    /// that move their media do it.
    Changed,
    /// The 200 has none.
    Absent,
}

/// Where a call came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// A registered extension of ours was called.
    Line(LineId),
    /// A peer sent it to one of our sockets.
    Socket {
        /// Ours.
        socket: SocketId,
        /// The address it was sent from.
        peer: SocketAddr,
    },
}

/// A body and what it is.
#[derive(Clone, PartialEq, Eq)]
pub struct Body {
    /// Such as `application/sdp`.
    pub content_type: String,
    /// As it was sent.
    pub bytes: Bytes,
}

/// Without the content: session descriptions hold keys.
impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Body({}, {} bytes)", self.content_type, self.bytes.len())
    }
}

impl Body {
    /// A session description.
    pub fn sdp(bytes: impl Into<Bytes>) -> Body {
        Body {
            content_type: SDP.to_owned(),
            bytes: bytes.into(),
        }
    }

    /// `None` for an empty body. A body without a type is taken for a session description, the one thing we exchange.
    pub(crate) fn of(message: &Message) -> Option<Body> {
        let bytes = message.body();
        if bytes.is_empty() {
            return None;
        }
        let content_type = message
            .header(Name::ContentType)
            .map_or_else(|| SDP.to_owned(), |value| lossy(&unfolded(value)));
        Some(Body {
            content_type,
            bytes,
        })
    }

    /// The type without its parameters, in any letter case.
    pub(crate) fn is_sdp(&self) -> bool {
        self.content_type
            .split(';')
            .next()
            .is_some_and(|media| media.trim().eq_ignore_ascii_case(SDP))
    }
}

/// An INVITE as its receiver sees it: owned, cheap to clone, read on demand.
#[derive(Debug, Clone)]
pub struct IncomingInvite {
    pub(crate) message: Arc<Message>,
    pub(crate) replaces: Option<DialogId>,
}

/// A party of a call, decoded for people and for matching.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// Without its quotes.
    pub display: Option<String>,
    /// The user part with escapes resolved; the number of a `tel:` URI. May be empty.
    pub user: String,
    /// Empty in a `tel:` URI.
    pub host: String,
    /// The whole URI as written.
    pub uri: String,
}

impl IncomingInvite {
    /// As written.
    pub fn request_uri(&self) -> String {
        lossy(self.message.request_uri())
    }

    /// The user part of the request URI with escapes resolved: the number or extension that was called.
    pub fn called_user(&self) -> String {
        Uri::parse(self.message.request_uri())
            .map(|uri| uri.decoded_user())
            .unwrap_or_default()
    }

    /// The caller.
    pub fn from(&self) -> Address {
        Address::of(self.message.from())
    }

    /// The called party, as the caller wrote it.
    pub fn to(&self) -> Address {
        Address::of(self.message.to())
    }

    /// The Call-ID.
    pub fn call_id(&self) -> String {
        lossy(self.message.call_id())
    }

    /// The first value of a header, by long or compact name, letter case ignored.
    pub fn header(&self, name: &str) -> Option<String> {
        self.message.text(name)
    }

    /// All headers in order, as written.
    pub fn headers(&self) -> impl Iterator<Item = (String, String)> {
        self.message
            .headers()
            .map(|(name, value)| (lossy(name), lossy(&unfolded(value))))
    }

    /// The offer, if it has one.
    pub fn body(&self) -> Option<Body> {
        Body::of(&self.message)
    }

    /// The call of ours with the same peer that this one shall take the place of (RFC 3891).
    pub fn replaces(&self) -> Option<DialogId> {
        self.replaces
    }

    /// How many more hops it may go; 70 if it doesn't say.
    pub fn max_forwards(&self) -> u32 {
        self.message.number(Name::MaxForwards).unwrap_or(70)
    }
}

impl Address {
    fn of(party: Option<NameAddr<'_>>) -> Address {
        let uri = party.and_then(|party| Uri::parse(party.uri));
        Address {
            display: party.and_then(|party| party.display_text()),
            user: uri.map(|uri| uri.decoded_user()).unwrap_or_default(),
            host: uri.map(|uri| lossy(uri.host)).unwrap_or_default(),
            uri: party.map(|party| lossy(party.uri)).unwrap_or_default(),
        }
    }
}

/// For metrics: gauges of what is alive, counters of what happened.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Counts {
    pub client_transactions: usize,
    pub server_transactions: usize,
    pub dialogs: usize,
    /// Lines and trunks that are registered.
    pub registrations: usize,
    /// Messages sent again because no answer came.
    pub retransmissions_sent: u64,
    /// Requests received again.
    pub retransmissions_received: u64,
    /// Messages refused or dropped, by a bounded set of causes.
    pub malformed: BTreeMap<&'static str, u64>,
}

const SDP: &str = "application/sdp";
