//! Digest authentication, the answering side (RFC 2617, RFC 7616, RFC 8760); [`server`] is the asking one.

pub mod server;

use std::fmt;

use md5::Md5;
use sha2::{Digest as _, Sha256, Sha512_256};

use crate::message::{Message, Name, elements, lossy, trimmed, unquoted};

/// Who we say we are when challenged.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The name in the digest; often the extension.
    pub user: String,
    /// The shared secret.
    pub password: String,
    /// If set, challenges of any other realm are left unanswered, so that no stranger collects digests.
    pub realm: Option<String>,
}

/// The password stays out of every log.
impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("user", &self.user)
            .field("realm", &self.realm)
            .finish_non_exhaustive()
    }
}

/// One challenge that we can answer: anything else isn't made into one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Challenge {
    proxy: Role,
    realm: Vec<u8>,
    nonce: Vec<u8>,
    opaque: Option<Vec<u8>>,
    algorithm: Algorithm,
    protection: Protection,
    /// The credentials were right, only the nonce was old.
    pub stale: bool,
}

/// Who asks: decides the header of the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    UserAgent,
    Proxy,
}

/// In rising order of preference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Hash {
    Md5,
    Sha256,
    Sha512_256,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Algorithm {
    hash: Hash,
    /// `-sess`: the first hash binds both nonces (RFC 7616 §3.4.2).
    session: bool,
}

/// The `qop` that we answer with. `auth-int` isn't answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Protection {
    /// As in RFC 2069: no cnonce, no count.
    None,
    Auth,
}

impl Challenge {
    /// The strongest challenge of a 401 or 407 that these credentials may answer (RFC 8760 §2.4).
    pub fn strongest(response: &Message, credentials: &Credentials) -> Option<Challenge> {
        let of = |name, role| {
            response
                .lines(name)
                .filter_map(move |value| Challenge::parse(value, role))
        };
        of(Name::WwwAuthenticate, Role::UserAgent)
            .chain(of(Name::ProxyAuthenticate, Role::Proxy))
            .filter(|challenge| {
                credentials
                    .realm
                    .as_ref()
                    .is_none_or(|realm| realm.as_bytes() == challenge.realm)
            })
            // The server's order decides between equals: the first is the one it prefers.
            .reduce(|best, next| {
                if next.algorithm.hash > best.algorithm.hash {
                    next
                } else {
                    best
                }
            })
    }

    fn parse(value: &[u8], proxy: Role) -> Option<Challenge> {
        let rest = after_scheme(value)?;
        let parameter = |name| parameter(rest, name);
        let protection = match parameter(b"qop") {
            None => Protection::None,
            Some(list) if elements(&list).any(|word| word.eq_ignore_ascii_case(b"auth")) => {
                Protection::Auth
            }
            Some(_) => return None,
        };
        let algorithm = match parameter(b"algorithm") {
            None => Algorithm {
                hash: Hash::Md5,
                session: false,
            },
            Some(name) => Algorithm::of(&name)?,
        };
        // Without a client nonce there is nothing for `-sess` to bind.
        if algorithm.session && protection == Protection::None {
            return None;
        }
        Some(Challenge {
            proxy,
            realm: parameter(b"realm")?,
            nonce: parameter(b"nonce")?,
            opaque: parameter(b"opaque"),
            algorithm,
            protection,
            stale: parameter(b"stale").is_some_and(|word| word.eq_ignore_ascii_case(b"true")),
        })
    }

    /// The header that answers it: name and value, parameters in the order that browser softphones write them.
    ///
    /// `count` is how often this nonce was answered, from 1; `cnonce` is fresh randomness.
    pub fn answer(
        &self,
        credentials: &Credentials,
        method: &str,
        uri: &str,
        cnonce: &str,
        count: u32,
    ) -> (&'static str, String) {
        let response = self.response(credentials, method, uri, cnonce, count);
        let mut value = format!(
            "Digest algorithm={}, username=\"{}\", realm=\"{}\", nonce=\"{}\", uri=\"{uri}\", response=\"{response}\"",
            self.algorithm.name(),
            escaped(&credentials.user),
            escaped(&lossy(&self.realm)),
            escaped(&lossy(&self.nonce)),
        );
        if let Some(opaque) = &self.opaque {
            value += &format!(", opaque=\"{}\"", escaped(&lossy(opaque)));
        }
        if self.protection == Protection::Auth {
            value += &format!(", qop=auth, cnonce=\"{cnonce}\", nc={count:08x}");
        }
        match self.proxy {
            Role::UserAgent => ("Authorization", value),
            Role::Proxy => ("Proxy-Authorization", value),
        }
    }

    fn response(
        &self,
        credentials: &Credentials,
        method: &str,
        uri: &str,
        cnonce: &str,
        count: u32,
    ) -> String {
        let hash = self.algorithm.hash;
        let mut secret = hash.of(&[
            credentials.user.as_bytes(),
            &self.realm,
            credentials.password.as_bytes(),
        ]);
        if self.algorithm.session {
            secret = hash.of(&[secret.as_bytes(), &self.nonce, cnonce.as_bytes()]);
        }
        let request = hash.of(&[method.as_bytes(), uri.as_bytes()]);
        match self.protection {
            Protection::None => hash.of(&[secret.as_bytes(), &self.nonce, request.as_bytes()]),
            Protection::Auth => {
                let count = format!("{count:08x}");
                protected(
                    hash,
                    &secret,
                    &self.nonce,
                    count.as_bytes(),
                    cnonce.as_bytes(),
                    &request,
                )
            }
        }
    }
}

/// The response with `qop=auth` (RFC 7616 §3.4.1) from its parts: `secret` and `request` are hashes already.
fn protected(
    hash: Hash,
    secret: &str,
    nonce: &[u8],
    count: &[u8],
    cnonce: &[u8],
    request: &str,
) -> String {
    hash.of(&[
        secret.as_bytes(),
        nonce,
        count,
        cnonce,
        b"auth",
        request.as_bytes(),
    ])
}

/// What follows `Digest` in a challenge or in credentials.
fn after_scheme(value: &[u8]) -> Option<&[u8]> {
    let value = trimmed(value);
    let (scheme, rest) = value.split_at(value.iter().position(u8::is_ascii_whitespace)?);
    scheme.eq_ignore_ascii_case(b"Digest").then_some(rest)
}

/// The first parameter of that name, without quotes.
fn parameter(list: &[u8], name: &[u8]) -> Option<Vec<u8>> {
    elements(list).find_map(|pair| {
        let equals = memchr::memchr(b'=', pair)?;
        trimmed(&pair[..equals])
            .eq_ignore_ascii_case(name)
            .then(|| unquoted(trimmed(&pair[equals + 1..])).into_owned())
    })
}

impl Algorithm {
    fn of(name: &[u8]) -> Option<Algorithm> {
        ALGORITHMS
            .iter()
            .find(|(text, _)| name.eq_ignore_ascii_case(text.as_bytes()))
            .map(|(_, algorithm)| *algorithm)
    }

    fn name(self) -> &'static str {
        ALGORITHMS
            .iter()
            .find(|(_, algorithm)| *algorithm == self)
            .map_or("MD5", |(text, _)| text)
    }
}

impl Hash {
    /// The lower-case hexadecimal hash of the parts joined by colons.
    fn of(self, parts: &[&[u8]]) -> String {
        let joined = parts.join(&b':');
        match self {
            Hash::Md5 => hexadecimal(&Md5::digest(&joined)),
            Hash::Sha256 => hexadecimal(&Sha256::digest(&joined)),
            Hash::Sha512_256 => hexadecimal(&Sha512_256::digest(&joined)),
        }
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"")
}

/// IANA's names of the algorithms we know (RFC 7616 §6.1, RFC 8760).
const ALGORITHMS: &[(&str, Algorithm)] = &[
    (
        "MD5",
        Algorithm {
            hash: Hash::Md5,
            session: false,
        },
    ),
    (
        "MD5-sess",
        Algorithm {
            hash: Hash::Md5,
            session: true,
        },
    ),
    (
        "SHA-256",
        Algorithm {
            hash: Hash::Sha256,
            session: false,
        },
    ),
    (
        "SHA-256-sess",
        Algorithm {
            hash: Hash::Sha256,
            session: true,
        },
    ),
    (
        "SHA-512-256",
        Algorithm {
            hash: Hash::Sha512_256,
            session: false,
        },
    ),
    (
        "SHA-512-256-sess",
        Algorithm {
            hash: Hash::Sha512_256,
            session: true,
        },
    ),
];

#[cfg(test)]
mod tests;
