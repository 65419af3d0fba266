//! A call that may go to one of several peers: the next is asked when one is silent, unreachable or can't serve
//! (RFC 3263 §4.3), and as long as nobody's phone rang.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::caller::InviteRequest;
use super::transactions::{Cancel, Invitation, Purpose, TransactionId};
use super::usage::{InviteUsage, Inviting, Stage};
use super::{DialogId, Ended, Endpoint, Event};
use crate::error::Misuse;

/// A request that can be sent if the present one fails.
#[derive(Debug, Clone)]
pub(super) struct Alternative {
    pub request: InviteRequest,
    pub size: Size,
}

/// Whether a request too long for a datagram looks for another way first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Size {
    Minded,
    /// The other way was closed.
    Ignored,
}

impl Endpoint {
    /// Calls the first of several that can be reached, in this order; else like [`Endpoint::invite`]. Each but the last has
    /// 4 s to say anything at all. [`Event::Failover`] tells of each that was given up.
    ///
    /// # Errors
    ///
    /// [`Misuse`] if there is no way to send any of them, or their arguments don't make a request.
    pub fn invite_first_of(
        &mut self,
        now: Instant,
        requests: Vec<InviteRequest>,
    ) -> Result<DialogId, Misuse> {
        let mut alternatives: VecDeque<Alternative> = requests
            .into_iter()
            .map(|request| Alternative {
                request,
                size: Size::Minded,
            })
            .collect();
        // Its number is known before the transaction is, so that the transaction can name it.
        let dialog = self.next_dialog_id();
        let mut refused = Misuse::NotConnected;
        while let Some(alternative) = alternatives.pop_front() {
            match self.begin_invitation(now, dialog, alternative, &mut alternatives) {
                Ok(usage) => {
                    self.place_usage(dialog, usage);
                    return Ok(dialog);
                }
                Err(misuse) => refused = misuse,
            }
        }
        Err(refused)
    }

    /// Sends one alternative, by a connection if it is too long for a datagram; then the datagram is the next alternative.
    fn begin_invitation(
        &mut self,
        now: Instant,
        dialog: DialogId,
        alternative: Alternative,
        left: &mut VecDeque<Alternative>,
    ) -> Result<InviteUsage, Misuse> {
        let Alternative { request, size } = alternative;
        let mut invite = self.write_invite(&request)?;
        if size == Size::Minded
            && let Some(path) = self.sockets.instead(request.path, invite.bytes.len())
        {
            let request = InviteRequest { path, ..request };
            let large = self.write_invite(&request)?;
            left.push_front(Alternative {
                request: InviteRequest {
                    path: invite.path,
                    ..request
                },
                size: Size::Ignored,
            });
            invite = large;
        }
        let (transaction, mut usage) = self.send_invite(now, dialog, invite)?;
        if !left.is_empty() {
            self.give_up_at(transaction, now + PATIENCE_WITH_ALTERNATIVES);
        }
        if let Stage::Inviting(inviting) = &mut usage.stage {
            inviting.alternatives = std::mem::take(left);
        }
        Ok(usage)
    }

    /// Asks the next one; `false` if there is none. What was sent before is taken back should it still arrive.
    pub(super) fn go_on_elsewhere(
        &mut self,
        now: Instant,
        id: TransactionId,
        dialog: DialogId,
        cause: &Ended,
    ) -> bool {
        let Some(Stage::Inviting(inviting)) =
            self.usages.get_mut(&dialog).map(|usage| &mut usage.stage)
        else {
            return false;
        };
        if inviting.transaction != id {
            return false;
        }
        let mut left = std::mem::take(&mut inviting.alternatives);
        while let Some(alternative) = left.pop_front() {
            let Ok(usage) = self.begin_invitation(now, dialog, alternative, &mut left) else {
                continue;
            };
            self.disown(id);
            self.replace_usage(dialog, usage);
            self.tell(Event::Failover {
                dialog,
                cause: cause.clone(),
            });
            return true;
        }
        false
    }

    /// Somebody rings: from now on the call is there.
    pub(super) fn settle_on(&mut self, dialog: DialogId) {
        if let Some(InviteUsage {
            stage: Stage::Inviting(Inviting { alternatives, .. }),
            ..
        }) = self.usages.get_mut(&dialog)
        {
            alternatives.clear();
        }
    }

    /// Nobody waits for this INVITE any more: rung, it gets CANCEL; answered, ACK and BYE.
    fn disown(&mut self, id: TransactionId) {
        let nobody = self.next_dialog_id();
        if let Some(Purpose::Invite(Invitation { dialog, cancel, .. })) = self
            .clients
            .get_mut(id)
            .map(|transaction| &mut transaction.purpose)
        {
            *dialog = nobody;
            *cancel = Cancel::Wanted { reason: None };
        }
    }
}

/// Enough for four sends over UDP and for a TLS handshake: a dead peer shouldn't cost the caller more.
const PATIENCE_WITH_ALTERNATIVES: Duration = Duration::from_secs(4);
