//! Digest authentication, the asking side (RFC 7616, RFC 8760): challenges, and whether an answer to one is right.
//!
//! Pure: the owner hands in the time and the secret, and asks before it believes a request. Nonces carry their own time and
//! seal, so that challenging a stranger costs no memory; only nonces that somebody answered rightly are remembered, for
//! the counts they were used with.

use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, Instant};

use hmac::{Hmac, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;

use super::{Hash, after_scheme, escaped, hexadecimal, parameter, protected};
use crate::message::{Message, Method, Name, NameAddr, Uri, lossy};

/// Makes challenges of one realm and judges the answers. `now` must not go backwards.
pub struct Server {
    realm: String,
    secret: [u8; 32],
    /// What the times in nonces are measured from.
    epoch: Instant,
    serial: u32,
    used: BTreeMap<Stamp, Window>,
    /// Nonces up to this one were forgotten for want of room: their counts can't be told any more.
    forgotten: Option<Stamp>,
    decoy: PasswordHash,
}

/// What is kept of a password: enough to judge answers, useless in any other realm.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash {
    md5: String,
    sha256: String,
}

/// Whose passwords are known, and what they may do.
pub trait Accounts {
    /// What is kept of a user's password; `None` for a stranger.
    fn password(&self, user: &str) -> Option<PasswordHash>;

    /// Whether a user who proved to be one may send this request. By default only in the user's own name: that of From, and
    /// of To in a REGISTER.
    fn may_send(&self, user: &str, request: &Message) -> bool {
        let is_user = |party: Option<NameAddr<'_>>| {
            party
                .and_then(|party| Uri::parse(party.uri))
                .is_some_and(|uri| uri.decoded_user() == user)
        };
        is_user(request.from()) && (request.method() != Method::Register || is_user(request.to()))
    }
}

/// Why a request isn't believed. All but [`Refusal::NotAllowed`] are answered 401 with [`Server::challenges`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// It has no credentials for this realm.
    Missing,
    /// Its credentials aren't what was asked for: another algorithm or protection, another URI, something left out.
    Unfit,
    /// The nonce isn't one of ours.
    ForeignNonce,
    /// All is right but the nonce's age: a new one will do, nobody needs to be asked for a password.
    Stale,
    /// The nonce was used with this count before: somebody repeats what was overheard.
    Replayed,
    /// The user isn't known, or the password isn't right; which of them is nobody's business.
    Wrong,
    /// The user is who it says, and may not send this: 403.
    NotAllowed,
}

/// When a nonce was made, in milliseconds since the epoch, and which of that moment's it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Stamp {
    at: u64,
    serial: u32,
}

/// The counts that a nonce was used with: the highest, and a bit for each of those just below it.
#[derive(Debug, Default)]
struct Window {
    highest: u32,
    seen: u64,
}

/// The parameters of an Authorization that is meant for us.
struct Answer {
    user: String,
    hash: Hash,
    stamp: Stamp,
    nonce: Vec<u8>,
    count: Vec<u8>,
    cnonce: Vec<u8>,
    response: Vec<u8>,
}

impl Server {
    /// `secret`: random bytes that nobody else has. With new ones all nonces given before become foreign.
    pub fn new(realm: &str, secret: [u8; 32], now: Instant) -> Server {
        let decoy = hexadecimal(&secret);
        Server {
            realm: realm.to_owned(),
            secret,
            epoch: now,
            serial: 0,
            used: BTreeMap::new(),
            forgotten: None,
            decoy: PasswordHash::new("", realm, &decoy),
        }
    }

    /// The values of the WWW-Authenticate headers of a 401, the one to prefer first (RFC 8760 §2.4).
    pub fn challenges(&mut self, now: Instant, refusal: Refusal) -> [String; 2] {
        self.serial = self.serial.wrapping_add(1);
        let nonce = self.nonce(Stamp {
            at: self.milliseconds(now),
            serial: self.serial,
        });
        let realm = escaped(&self.realm);
        let stale = match refusal {
            Refusal::Stale => ", stale=true",
            _ => "",
        };
        ["SHA-256", "MD5"].map(|algorithm| {
            format!("Digest realm=\"{realm}\", nonce=\"{nonce}\", algorithm={algorithm}, qop=\"auth\"{stale}")
        })
    }

    /// Who sent this request: the name of a user whose password it was made with.
    ///
    /// # Errors
    ///
    /// The [`Refusal`] to answer with. A stranger's name takes as long to refuse as a wrong password.
    pub fn verify(
        &mut self,
        now: Instant,
        request: &Message,
        accounts: &impl Accounts,
    ) -> Result<String, Refusal> {
        let answer = self.answer(request)?;
        let known = accounts.password(&answer.user);
        let password = known.as_ref().unwrap_or(&self.decoy);
        let method = request.cseq().map_or(&b""[..], |cseq| cseq.method);
        let expected = answer.expected(password, method, request.request_uri());
        let right = expected.as_bytes().ct_eq(&answer.response);
        if known.is_none() || !bool::from(right) {
            return Err(Refusal::Wrong);
        }
        let age = self.milliseconds(now).saturating_sub(answer.stamp.at);
        let forgotten = self.forgotten.is_some_and(|last| answer.stamp <= last);
        if forgotten || Duration::from_millis(age) > LIFETIME {
            return Err(Refusal::Stale);
        }
        self.count(now, &answer)?;
        if !accounts.may_send(&answer.user, request) {
            return Err(Refusal::NotAllowed);
        }
        Ok(answer.user)
    }

    /// The credentials that answer one of our challenges.
    fn answer(&self, request: &Message) -> Result<Answer, Refusal> {
        let list = request
            .lines(Name::Authorization)
            .filter_map(after_scheme)
            .find(|list| parameter(list, b"realm").as_deref() == Some(self.realm.as_bytes()))
            .ok_or(Refusal::Missing)?;
        let parameter = |name: &[u8]| parameter(list, name).ok_or(Refusal::Unfit);
        let nonce = parameter(b"nonce")?;
        let stamp = self.stamp(&nonce).ok_or(Refusal::ForeignNonce)?;
        let hash = match super::parameter(list, b"algorithm") {
            None => Hash::Md5,
            Some(name) if name.eq_ignore_ascii_case(b"MD5") => Hash::Md5,
            Some(name) if name.eq_ignore_ascii_case(b"SHA-256") => Hash::Sha256,
            Some(_) => return Err(Refusal::Unfit),
        };
        // An answer to one request must not do for another (RFC 7616 §3.4.6).
        if !parameter(b"qop")?.eq_ignore_ascii_case(b"auth")
            || parameter(b"uri")? != request.request_uri()
        {
            return Err(Refusal::Unfit);
        }
        Ok(Answer {
            user: lossy(&parameter(b"username")?),
            hash,
            stamp,
            nonce,
            count: parameter(b"nc")?,
            cnonce: parameter(b"cnonce")?,
            response: parameter(b"response")?.to_ascii_lowercase(),
        })
    }

    /// Notes that a nonce was used with a count.
    fn count(&mut self, now: Instant, answer: &Answer) -> Result<(), Refusal> {
        let count = answer.count().ok_or(Refusal::Unfit)?;
        let oldest = self
            .milliseconds(now)
            .saturating_sub(LIFETIME.as_millis() as u64);
        while let Some(first) = self.used.first_entry() {
            if first.key().at >= oldest {
                break;
            }
            first.remove();
        }
        if self.used.len() >= MAX_NONCES && !self.used.contains_key(&answer.stamp) {
            // Younger than what is forgotten, else it was refused before.
            self.forgotten = self.used.pop_first().map(|(stamp, _)| stamp);
        }
        match self.used.entry(answer.stamp).or_default().take(count) {
            true => Ok(()),
            false => Err(Refusal::Replayed),
        }
    }

    fn nonce(&self, stamp: Stamp) -> String {
        hexadecimal(&[&stamp.bytes()[..], &self.seal(stamp)].concat())
    }

    /// When a nonce was made, if it was made here.
    fn stamp(&self, nonce: &[u8]) -> Option<Stamp> {
        let stamp = Stamp::of(nonce.get(..2 * STAMP_LENGTH)?)?;
        let genuine = self.nonce(stamp).as_bytes().ct_eq(nonce);
        bool::from(genuine).then_some(stamp)
    }

    fn seal(&self, stamp: Stamp) -> [u8; SEAL_LENGTH] {
        let mut mac = <Hmac<Sha256> as Mac>::new_from_slice(&self.secret)
            .expect("HMAC takes a key of any length");
        mac.update(&stamp.bytes());
        mac.update(self.realm.as_bytes());
        let mut seal = [0; SEAL_LENGTH];
        seal.copy_from_slice(&mac.finalize().into_bytes()[..SEAL_LENGTH]);
        seal
    }

    fn milliseconds(&self, now: Instant) -> u64 {
        now.saturating_duration_since(self.epoch).as_millis() as u64
    }
}

/// Without the secret.
impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("realm", &self.realm)
            .field("used", &self.used.len())
            .finish_non_exhaustive()
    }
}

impl PasswordHash {
    /// The password itself is not kept.
    pub fn new(user: &str, realm: &str, password: &str) -> PasswordHash {
        let parts = [user.as_bytes(), realm.as_bytes(), password.as_bytes()];
        PasswordHash {
            md5: Hash::Md5.of(&parts),
            sha256: Hash::Sha256.of(&parts),
        }
    }
}

/// It opens every door in its realm.
impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash")
    }
}

impl Answer {
    fn expected(&self, password: &PasswordHash, method: &[u8], uri: &[u8]) -> String {
        let secret = match self.hash {
            Hash::Md5 => &password.md5,
            Hash::Sha256 | Hash::Sha512_256 => &password.sha256,
        };
        let request = self.hash.of(&[method, uri]);
        protected(
            self.hash,
            secret,
            &self.nonce,
            &self.count,
            &self.cnonce,
            &request,
        )
    }

    /// Eight hexadecimal digits, from 1 (RFC 7616 §3.4).
    fn count(&self) -> Option<u32> {
        let digits = std::str::from_utf8(&self.count).ok()?;
        let shaped = digits.len() == 8 && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
        let count = shaped
            .then(|| u32::from_str_radix(digits, 16).ok())
            .flatten()?;
        (count > 0).then_some(count)
    }
}

impl Stamp {
    fn bytes(self) -> [u8; STAMP_LENGTH] {
        let mut bytes = [0; STAMP_LENGTH];
        bytes[..8].copy_from_slice(&self.at.to_be_bytes());
        bytes[8..].copy_from_slice(&self.serial.to_be_bytes());
        bytes
    }

    fn of(digits: &[u8]) -> Option<Stamp> {
        let digits = std::str::from_utf8(digits).ok()?;
        Some(Stamp {
            at: u64::from_str_radix(digits.get(..16)?, 16).ok()?,
            serial: u32::from_str_radix(digits.get(16..)?, 16).ok()?,
        })
    }
}

impl Window {
    /// Whether `count` is new; then it isn't any more. Requests may overtake each other by up to 64.
    fn take(&mut self, count: u32) -> bool {
        if count > self.highest {
            let ahead = count - self.highest;
            self.seen = self.seen.checked_shl(ahead).unwrap_or(0) | 1;
            self.highest = count;
            return true;
        }
        let behind = self.highest - count;
        let bit = 1u64.checked_shl(behind).unwrap_or(0);
        let new = bit != 0 && self.seen & bit == 0;
        self.seen |= bit;
        new
    }
}

/// How old a nonce may be: a phone that registers every two minutes uses it twice.
const LIFETIME: Duration = Duration::from_secs(300);
/// Nonces whose counts are remembered, about 60 bytes each.
const MAX_NONCES: usize = 16_384;
const STAMP_LENGTH: usize = 12;
/// 128 bits of HMAC-SHA-256.
const SEAL_LENGTH: usize = 16;

#[cfg(test)]
mod tests;
