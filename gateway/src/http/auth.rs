//! Bearer tokens: JWT (RFC 7519) signed with HS256, and what their scopes reach.

use std::fmt;
use std::str::FromStr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, TokenData, Validation};
use rand::Rng;
use serde::{Deserialize, Serialize};

use super::problem::Problem;
use crate::config;

/// Makes and checks tokens. The secret never leaves it.
pub struct Auth {
    encoding: EncodingKey,
    decoding: DecodingKey,
    validation: Validation,
    issuer: Option<String>,
    audience: Option<String>,
}

/// There is nothing to sign with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unsigned {
    #[error(
        "auth.hs256_secret or auth.hs256_secret_file must be set: without it nobody can sign in"
    )]
    NoSecret,
    /// RFC 7518 section 3.2 asks for a key of at least the hash's size.
    #[error("auth.hs256_secret needs at least {SECRET_MINIMUM} bytes")]
    WeakSecret,
}

impl Auth {
    /// As the operator configured it.
    ///
    /// # Errors
    ///
    /// [`Unsigned`] when there is no secret, or none that may be used.
    pub fn configured(auth: &config::Auth) -> Result<Self, Unsigned> {
        let secret = auth.hs256_secret.as_ref().ok_or(Unsigned::NoSecret)?;
        Self::new(
            secret.expose().as_bytes(),
            auth.issuer.clone(),
            auth.audience.clone(),
        )
    }

    /// `issuer` and `audience`, where given, must be in every token and are put in those minted here.
    ///
    /// # Errors
    ///
    /// [`Unsigned::WeakSecret`].
    pub fn new(
        secret: &[u8],
        issuer: Option<String>,
        audience: Option<String>,
    ) -> Result<Self, Unsigned> {
        if secret.len() < SECRET_MINIMUM {
            return Err(Unsigned::WeakSecret);
        }
        // One algorithm, so that a token can't choose how it is checked (RFC 8725 section 3.1).
        let mut validation = Validation::new(Algorithm::HS256);
        let mut required = vec!["exp", "sub"];
        // Time is checked in `verify`, where it is an argument.
        validation.validate_exp = false;
        if let Some(issuer) = &issuer {
            validation.set_issuer(&[issuer]);
            required.push("iss");
        }
        if let Some(audience) = &audience {
            validation.set_audience(&[audience]);
            required.push("aud");
        }
        validation.set_required_spec_claims(&required);
        Ok(Self {
            encoding: EncodingKey::from_secret(secret),
            decoding: DecodingKey::from_secret(secret),
            validation,
            issuer,
            audience,
        })
    }

    /// With a secret that nobody else will ever know: its tokens end with the process.
    pub fn generated() -> Self {
        let secret: [u8; SECRET_MINIMUM] = rand::rng().random();
        Self::new(&secret, None, None).expect("it has the minimum's length")
    }

    /// A token for `subject`, an agent's id or a back end's name.
    pub fn mint(&self, subject: &str, scopes: &[Scope], ttl: Duration, now: SystemTime) -> Minted {
        let now = epoch_seconds(now);
        let expires = now.saturating_add(ttl.as_secs());
        let scope: Vec<_> = scopes.iter().map(Scope::as_str).collect();
        let claims = Claims {
            sub: subject.to_owned(),
            scope: scope.join(" "),
            exp: expires,
            nbf: None,
            iat: Some(now),
            iss: self.issuer.clone(),
            aud: self.audience.clone(),
        };
        let token = jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &self.encoding)
            .expect("HMAC takes every key and the claims are plain JSON");
        Minted { token, expires }
    }

    /// Who shows `token`.
    ///
    /// # Errors
    ///
    /// A 401 with the reason: malformed, signed otherwise, for somebody else, expired, or not valid yet.
    pub fn verify(&self, token: &str, now: SystemTime) -> Result<Caller, Problem> {
        let TokenData { header, claims } =
            jsonwebtoken::decode::<Shown>(token, &self.decoding, &self.validation)
                .map_err(|e| Problem::invalid_token(reason(e.kind())))?;
        // RFC 7515 section 4.1.11: who doesn't know what is critical must refuse.
        if header.crit.is_some() {
            return Err(Problem::invalid_token(
                "The token asks for an extension (\"crit\") that isn't known here.",
            ));
        }
        let now = epoch_seconds(now);
        if claims.exp <= now {
            return Err(Problem::invalid_token("The token has expired."));
        }
        if claims.nbf.is_some_and(|start| start > now + CLOCK_SKEW) {
            return Err(Problem::invalid_token("The token isn't valid yet."));
        }
        Ok(Caller {
            subject: claims.sub,
            expires: claims.exp,
            // One token may serve several systems: others' scopes are none of ours.
            scopes: claims
                .scope
                .split(' ')
                .filter_map(|word| word.parse().ok())
                .collect(),
        })
    }
}

impl fmt::Debug for Auth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Auth")
            .field("issuer", &self.issuer)
            .field("audience", &self.audience)
            .finish_non_exhaustive()
    }
}

/// A fresh token and its end, epoch seconds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Minted {
    pub token: String,
    pub expires: u64,
}

/// What a token lets its bearer do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Be an agent: the agents' WebSocket, and the agent's own calls over HTTP.
    Agent,
    CallsRead,
    CallsWrite,
    RecordingsRead,
    RecordingsWrite,
    /// Everything but being an agent.
    Admin,
}

impl Scope {
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Agent => "agent",
            Self::CallsRead => "calls:read",
            Self::CallsWrite => "calls:write",
            Self::RecordingsRead => "recordings:read",
            Self::RecordingsWrite => "recordings:write",
            Self::Admin => "admin",
        }
    }

    const ALL: [Self; 6] = [
        Self::Agent,
        Self::CallsRead,
        Self::CallsWrite,
        Self::RecordingsRead,
        Self::RecordingsWrite,
        Self::Admin,
    ];
}

/// Another system's scope, or a misspelt one of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a scope is agent, calls:read, calls:write, recordings:read, recordings:write or admin")]
pub struct NotAScope;

impl FromStr for Scope {
    type Err = NotAScope;

    fn from_str(word: &str) -> Result<Self, NotAScope> {
        Self::ALL
            .into_iter()
            .find(|scope| scope.as_str() == word)
            .ok_or(NotAScope)
    }
}

/// Who asks, by a token that was valid when it was shown.
#[derive(Debug, Clone, PartialEq)]
pub struct Caller {
    /// An agent's id for tokens with the scope `agent`.
    pub subject: String,
    /// When the token ends, epoch seconds.
    pub expires: u64,
    scopes: Vec<Scope>,
}

impl Caller {
    pub fn has(&self, scope: Scope) -> bool {
        self.scopes.contains(&scope)
    }

    /// How far `scope`, or the scope `agent` in its place, lets this caller reach.
    ///
    /// # Errors
    ///
    /// A 403 naming the scope when the token has neither.
    pub fn reach(&self, scope: Scope) -> Result<Reach<'_>, Problem> {
        if self.has(scope) || self.has(Scope::Admin) {
            return Ok(Reach::Everyone);
        }
        if self.has(Scope::Agent) {
            return Ok(Reach::Own(&self.subject));
        }
        Err(lacking(scope))
    }

    /// # Errors
    ///
    /// A 403 naming the scope; being an agent doesn't help here.
    pub fn require(&self, scope: Scope) -> Result<(), Problem> {
        if self.has(scope) || self.has(Scope::Admin) {
            return Ok(());
        }
        Err(lacking(scope))
    }
}

/// Whose things a caller may see or touch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach<'a> {
    Everyone,
    /// Only this agent's.
    Own(&'a str),
}

impl Reach<'_> {
    pub fn covers(&self, agent: &str) -> bool {
        match self {
            Self::Everyone => true,
            Self::Own(own) => *own == agent,
        }
    }
}

/// What we write into a token.
#[derive(Serialize)]
struct Claims {
    sub: String,
    scope: String,
    exp: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    nbf: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    iat: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    iss: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    aud: Option<String>,
}

/// What we read from a token beyond what the library checks.
#[derive(Deserialize)]
struct Shown {
    sub: String,
    #[serde(default)]
    scope: String,
    exp: u64,
    #[serde(default)]
    nbf: Option<u64>,
}

fn lacking(scope: Scope) -> Problem {
    Problem::insufficient_scope(format!(
        "This needs a token with the scope {}.",
        scope.as_str()
    ))
}

fn reason(kind: &ErrorKind) -> String {
    match kind {
        ErrorKind::InvalidSignature => "The token's signature isn't ours.".to_owned(),
        ErrorKind::InvalidAlgorithm
        | ErrorKind::InvalidAlgorithmName
        | ErrorKind::UnsupportedAlgorithm => "The token must be signed with HS256.".to_owned(),
        ErrorKind::MissingRequiredClaim(claim) => format!("The token has no claim {claim:?}."),
        ErrorKind::InvalidIssuer => "The token is from another issuer.".to_owned(),
        ErrorKind::InvalidAudience => "The token is for another audience.".to_owned(),
        _ => "The token can't be read.".to_owned(),
    }
}

fn epoch_seconds(now: SystemTime) -> u64 {
    now.duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs())
}

/// Bytes; the size of a SHA-256 hash.
const SECRET_MINIMUM: usize = 32;

/// Seconds that an issuer's clock may be ahead of ours.
const CLOCK_SKEW: u64 = 30;

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &[u8] = b"0123456789abcdef0123456789abcdef";
    const HOUR: Duration = Duration::from_secs(3600);

    fn noon() -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(1_900_000_000)
    }

    fn auth(issuer: Option<&str>, audience: Option<&str>) -> Auth {
        let owned = |text: Option<&str>| text.map(str::to_owned);
        Auth::new(SECRET, owned(issuer), owned(audience)).expect("long enough")
    }

    #[test]
    fn a_minted_token_says_who_and_how_far() {
        let auth = auth(Some("warmline"), Some("desk"));
        let minted = auth.mint("agent7", &[Scope::Agent], HOUR, noon());
        let caller = auth.verify(&minted.token, noon()).expect("it is ours");
        assert_eq!(caller.subject, "agent7");
        assert_eq!(caller.expires, minted.expires);
        assert_eq!(caller.reach(Scope::CallsRead), Ok(Reach::Own("agent7")));
        assert!(caller.require(Scope::Admin).is_err());
    }

    #[test]
    fn a_token_ends_at_its_second() {
        let auth = auth(None, None);
        let minted = auth.mint("agent7", &[Scope::Agent], HOUR, noon());
        let last = noon() + HOUR - Duration::from_secs(1);
        assert!(auth.verify(&minted.token, last).is_ok());
        assert!(auth.verify(&minted.token, noon() + HOUR).is_err());
    }

    #[test]
    fn tokens_that_are_not_ours_are_refused() {
        let ours = auth(None, None);
        let named = auth(Some("warmline"), None);
        let other = Auth::new(&[7; 32], None, None).expect("long enough");
        let mint = |auth: &Auth| auth.mint("agent7", &[Scope::Agent], HOUR, noon()).token;
        let cases = [
            (&ours, mint(&other), "signature"),
            (&named, mint(&ours), "iss"),
            (&ours, mint(&auth(None, Some("desk"))), "audience"),
            (&ours, "e30.e30.".to_owned(), "read"),
            // {"alg":"none"}.{"sub":"agent7","exp":9999999999}.
            (
                &ours,
                "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZ2VudDciLCJleHAiOjk5OTk5OTk5OTl9.".to_owned(),
                "",
            ),
            (&ours, String::new(), "read"),
        ];
        for (auth, token, word) in cases {
            let refused = auth.verify(&token, noon()).expect_err(&token);
            assert_eq!(refused.status, 401);
            assert!(refused.detail.contains(word), "{}", refused.detail);
        }
    }

    /// Signed with our key, under a header of the sender's choice.
    fn under(header: &Header) -> String {
        let claims = Claims {
            sub: "agent7".to_owned(),
            scope: "admin".to_owned(),
            exp: 9_999_999_999,
            nbf: None,
            iat: None,
            iss: None,
            aud: None,
        };
        jsonwebtoken::encode(header, &claims, &EncodingKey::from_secret(SECRET))
            .expect("it can be signed")
    }

    #[test]
    fn a_token_with_a_critical_extension_is_refused() {
        let mut header = Header::new(Algorithm::HS256);
        assert!(auth(None, None).verify(&under(&header), noon()).is_ok());
        header.crit = Some(vec!["b64".to_owned()]);
        let refused = auth(None, None).verify(&under(&header), noon());
        let refused = refused.expect_err("crit");
        assert!(refused.detail.contains("crit"), "{}", refused.detail);
    }

    #[test]
    fn another_algorithm_of_the_same_key_is_refused() {
        let token = under(&Header::new(Algorithm::HS512));
        let refused = auth(None, None).verify(&token, noon()).expect_err("HS512");
        assert!(refused.detail.contains("HS256"), "{}", refused.detail);
    }

    #[test]
    fn scopes_reach_as_far_as_they_say() {
        let caller = |scopes: &[Scope]| Caller {
            subject: "agent7".to_owned(),
            expires: 0,
            scopes: scopes.to_vec(),
        };
        let reads = caller(&[Scope::CallsRead]);
        assert_eq!(reads.reach(Scope::CallsRead), Ok(Reach::Everyone));
        assert_eq!(
            reads.reach(Scope::CallsWrite).map_err(|p| p.status),
            Err(403)
        );
        let admin = caller(&[Scope::Admin]);
        assert_eq!(admin.reach(Scope::CallsWrite), Ok(Reach::Everyone));
        assert!(!admin.has(Scope::Agent));
        assert!(Reach::Own("agent7").covers("agent7"));
        assert!(!Reach::Own("agent7").covers("agent8"));
    }

    #[test]
    fn a_short_secret_is_refused_and_no_secret_is_printed() {
        assert_eq!(
            Auth::new(b"hunter2", None, None).err(),
            Some(Unsigned::WeakSecret)
        );
        assert!(!format!("{:?}", auth(None, None)).contains("0123"));
    }
}
