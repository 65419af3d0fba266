//! SRTP whose keys stand in the descriptions (RFC 4568), on a plain leg's ports.

use super::{Leg, Security};
use crate::sdp::crypto::{Crypto, MasterKey, Suite};
use crate::sdp::negotiate::no_crypto;
use crate::sdp::{Audio, SdpError};
use crate::srtp::keys::{DtlsRole, KeyingMaterial};
use crate::srtp::{Receiver, Sender};

/// A leg's own master keys, and which of them is in use.
#[derive(Debug)]
pub struct Sdes {
    /// One a suite, for the leg's whole life: a key is never used by two suites.
    ours: [MasterKey; Suite::ALL.len()],
    agreed: Option<Agreed>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Agreed {
    tag: u32,
    /// With their master key.
    theirs: Crypto,
}

impl Sdes {
    pub fn new(ours: [MasterKey; Suite::ALL.len()]) -> Self {
        Self { ours, agreed: None }
    }

    /// Our `a=crypto` lines: what was agreed, or all that we can.
    pub fn lines(&self) -> Vec<Crypto> {
        let lines = (1..).zip(Suite::ALL).zip(self.ours);
        lines
            .filter_map(|((tag, suite), master)| match &self.agreed {
                None => Some(Crypto { tag, suite, master }),
                Some(agreed) => (agreed.theirs.suite == suite).then_some(Crypto {
                    tag: agreed.tag,
                    suite,
                    master,
                }),
            })
            .collect()
    }

    /// What of a peer's lines to use: of an offer the first that is understood, in a call the one
    /// in use; of an answer the one that it chose of ours.
    fn choose(&self, theirs: &[Crypto], role: Role) -> Option<Crypto> {
        let ours = self.lines();
        let fits = |line: &&Crypto| match role {
            Role::Offerer => ours
                .iter()
                .any(|own| (own.tag, own.suite) == (line.tag, line.suite)),
            Role::Answerer => ours.iter().any(|own| own.suite == line.suite),
        };
        theirs.iter().find(fits).cloned()
    }
}

/// Our role in the exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    Offerer,
    Answerer,
}

impl Leg {
    /// Lets a leg that wasn't described yet speak SRTP by SDES.
    pub fn expect_sdes(&mut self) {
        self.security = Security::AwaitingKeys;
    }

    /// Whether the leg speaks RTP without protection.
    pub fn is_clear(&self) -> bool {
        matches!(self.security, Security::Clear)
    }

    /// Takes the peer's key out of its description.
    ///
    /// # Errors
    ///
    /// [`SdpError::Unsupported`]: no line that can be used, or the leg speaks without protection
    /// already.
    pub fn take_crypto(&mut self, audio: &Audio, role: Role) -> Result<(), SdpError> {
        if self.is_clear() {
            return Err(SdpError::Unsupported(
                "a change from RTP/AVP to RTP/SAVP within a call".into(),
            ));
        }
        let theirs = self
            .sdes
            .choose(&audio.crypto, role)
            .ok_or_else(no_crypto)?;
        let agreed = Agreed {
            tag: theirs.tag,
            theirs,
        };
        let before = self.sdes.agreed.replace(agreed.clone());
        // A key that stays keeps its packet indices: starting them anew would repeat keystream.
        if before.is_some_and(|before| before.theirs.master == agreed.theirs.master) {
            return Ok(());
        }
        let keys = self.sdes.keys().ok_or(SdpError::Internal)?;
        match &mut self.security {
            Security::Keyed(receiver, _) => *receiver = Receiver::new(&keys),
            Security::Clear | Security::AwaitingKeys => {
                self.security = Security::Keyed(Receiver::new(&keys), Sender::new(&keys));
            }
        }
        Ok(())
    }
}

impl Sdes {
    /// In the shape that a handshake exports: both keys, both salts, ours first.
    fn keys(&self) -> Option<KeyingMaterial> {
        let agreed = self.agreed.as_ref()?;
        let ours = self.lines().first()?.master;
        let theirs = agreed.theirs.master;
        let exported = [
            &ours.0[..16],
            &theirs.0[..16],
            &ours.0[16..],
            &theirs.0[16..],
        ]
        .concat();
        KeyingMaterial::new(exported, agreed.theirs.suite.profile(), DtlsRole::Client)
    }
}
