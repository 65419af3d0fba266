//! Session timers at work (RFC 4028 §7 to §10): refreshes of ours, and sessions that count as gone.

use std::time::Instant;

use super::transactions::TransactionId;
use super::usage::Modifying;
use super::{DialogId, Ended, Endpoint, Event};
use crate::dialog::session_timer::Due;
use crate::message::{Message, Name, with_headers};

impl Endpoint {
    pub(super) fn session_timeout(&mut self, now: Instant, dialog: DialogId) {
        let Some(usage) = self.usages.get_mut(&dialog) else {
            return;
        };
        let due = usage
            .timer
            .as_mut()
            .and_then(|timer| timer.handle_timeout(now));
        match due {
            Some(Due::Expired) => self.part(now, dialog, Ended::SessionExpired),
            Some(Due::Refresh) => self.refresh(now, dialog),
            None => {}
        }
    }

    /// An offer in flight refreshes as well as anything.
    pub(super) fn refresh(&mut self, now: Instant, dialog: DialogId) {
        let Some(usage) = self.usages.get_mut(&dialog) else {
            return;
        };
        if !usage.offers.gate.is_settled() || usage.offers.again.is_some() {
            return;
        }
        match usage.modifying {
            Modifying::ByReinvite => self.tell(Event::OfferWanted { dialog }),
            // Without a connection now, the timer tries again.
            Modifying::ByUpdate => {
                let _ = self.send_update(now, dialog, None);
            }
        }
    }

    /// Makes the call again with the session interval that a 422 asks for; `None` if it asks for nothing new.
    pub(super) fn call_with_longer_interval(
        &mut self,
        now: Instant,
        id: TransactionId,
        response: &Message,
    ) -> Option<TransactionId> {
        let transaction = self.clients.get(id)?;
        let least = response.number(Name::MinSe)?;
        let asked = transaction.request.number(Name::SessionExpires)?;
        if least <= asked {
            return None;
        }
        let request = transaction.request.clone();
        let departure = transaction.departure();
        let stamp = self.stamp(departure.path)?;
        let cseq = request.cseq()?.number + 1;
        let least = least.to_string();
        let headers = [("Session-Expires", &least[..]), ("Min-SE", &least[..])];
        let again = with_headers(&request, &stamp.via, cseq, &headers);
        self.begin_client(now, again, departure).ok()
    }
}
