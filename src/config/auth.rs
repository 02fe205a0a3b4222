//! `[auth]` and `[clients]`: API clients and their scopes.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::num::NonZeroU32;
use std::path::PathBuf;

use domain::Scope;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use url::Url;

use crate::config::diagnostic::unknown_name;
use crate::config::ledger::decode_hex_32;
use crate::config::published::{is_placeholder, is_published_hash};
use crate::config::section::Section;
use crate::config::setting::Choice;
use crate::config::sources::require_https;

impl Choice for Scope {
    const KIND: &'static str = "scope";
    const EXPECTED: &'static str = r#"a scope such as "catalog:read""#;
    const CHOICES: &'static [(&'static str, Self)] = &SCOPES;
}

/// All scopes with their names.
const SCOPES: [(&str, Scope); Scope::ALL.len()] = {
    let mut scopes = [("", Scope::Admin); Scope::ALL.len()];
    let mut index = 0;
    while index < scopes.len() {
        scopes[index] = (Scope::ALL[index].as_str(), Scope::ALL[index]);
        index += 1;
    }
    scopes
};

/// Callers that are not listed as clients.
#[derive(Debug, Clone)]
pub struct AuthConfig {
    /// Callers without credentials; `None`: they are rejected.
    pub anonymous: Option<AnonymousConfig>,
    /// JWT issuers by name.
    pub issuers: BTreeMap<String, IssuerConfig>,
}

/// Settings of anonymous callers.
#[derive(Debug, Clone)]
pub struct AnonymousConfig {
    /// Granted scopes.
    pub scopes: BTreeSet<Scope>,
    /// Requests per minute of each address.
    pub requests_per_minute: NonZeroU32,
}

/// A JWT issuer.
#[derive(Debug, Clone)]
pub struct IssuerConfig {
    /// Expected claim `iss`.
    pub issuer: String,
    /// Expected claim `aud`.
    pub audience: String,
    /// Location of its keys.
    pub keys: KeySetLocation,
    /// Accepted signature algorithms, at least one.
    pub algorithms: Vec<SignatureAlgorithm>,
    /// Scopes that its tokens may grant.
    pub scopes: BTreeSet<Scope>,
    /// Accepts tokens without the claim `reseller`.
    pub allow_all_resellers: bool,
    /// Requests per minute of each subject; `None`: unlimited.
    pub requests_per_minute: Option<NonZeroU32>,
}

/// Location of an issuer's keys.
#[derive(Debug, Clone)]
pub enum KeySetLocation {
    /// Fetched from the issuer and cached.
    Url(Url),
    /// Read from a file.
    File(PathBuf),
}

/// An accepted signature algorithm. Symmetric ones are not supported: with a shared secret, every verifier could issue
/// tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are those of RFC 7518 and RFC 8037")]
pub enum SignatureAlgorithm {
    Rs256,
    Rs384,
    Rs512,
    Ps256,
    Ps384,
    Ps512,
    Es256,
    Es384,
    EdDsa,
}

impl Choice for SignatureAlgorithm {
    const KIND: &'static str = "signature algorithm";
    const EXPECTED: &'static str = r#"a signature algorithm such as "RS256""#;
    const CHOICES: &'static [(&'static str, Self)] = &[
        ("RS256", Self::Rs256),
        ("RS384", Self::Rs384),
        ("RS512", Self::Rs512),
        ("PS256", Self::Ps256),
        ("PS384", Self::Ps384),
        ("PS512", Self::Ps512),
        ("ES256", Self::Es256),
        ("ES384", Self::Es384),
        ("EdDSA", Self::EdDsa),
    ];
}

impl AuthConfig {
    pub(super) fn read(from: &Section<'_>) -> Self {
        Self {
            anonymous: from.read_table("anonymous", AnonymousConfig::read),
            issuers: from.read_each("issuers", |_, issuer| IssuerConfig::read(issuer)),
        }
    }
}

impl AnonymousConfig {
    fn read(from: &Section<'_>) -> Option<Self> {
        let enabled: bool = from.get("enabled");
        let scopes: Vec<Scope> = from.get("scopes");
        let read = Self { scopes: scopes.into_iter().collect(), requests_per_minute: from.get("requests_per_minute") };
        if read.scopes.iter().any(|scope| *scope != Scope::CatalogRead) {
            from.report("scopes", r#"may only be ["catalog:read"]: all other scopes need credentials"#);
        }
        enabled.then_some(read)
    }
}

impl IssuerConfig {
    fn read(from: &Section<'_>) -> Self {
        let keys = match (from.find::<Url>("jwks_url"), from.find_file("jwks_file")) {
            (Some(url), None) => KeySetLocation::Url(url),
            (None, Some(file)) => KeySetLocation::File(file),
            (Some(url), Some(_)) => {
                from.report("jwks_file", "must not be combined with `jwks_url`");
                KeySetLocation::Url(url)
            }
            (None, None) => {
                if from.is_clean(&["jwks_url", "jwks_file"]) {
                    from.report("jwks_url", "is missing: write `jwks_url` or `jwks_file`");
                }
                KeySetLocation::File(PathBuf::new())
            }
        };
        let algorithms: Vec<SignatureAlgorithm> = from.get("algorithms");
        if algorithms.is_empty() && from.is_clean(&["algorithms"]) {
            from.report("algorithms", r#"must name at least one, such as ["RS256"]"#);
        }
        let scopes: Vec<Scope> = from.get("scopes");
        if let KeySetLocation::Url(url) = &keys {
            require_https(from, "jwks_url", url);
        }
        Self {
            issuer: from.get("issuer"),
            audience: from.get("audience"),
            keys,
            algorithms,
            scopes: scopes.into_iter().collect(),
            allow_all_resellers: from.find("allow_all_resellers").unwrap_or(false),
            requests_per_minute: from.find("requests_per_minute"),
        }
    }
}

/// A client with an API key.
#[derive(Debug, Clone)]
pub struct ClientConfig {
    /// Its API key.
    pub key: ClientKey,
    /// Limits the client to this reseller's data; `None`: all data.
    pub reseller: Option<String>,
    /// Granted scopes.
    pub scopes: BTreeSet<Scope>,
    /// Requests per minute; `None`: unlimited.
    pub requests_per_minute: Option<NonZeroU32>,
}

/// API key of a client.
#[derive(Clone)]
pub struct ClientKey {
    /// SHA-256 of the key.
    pub sha256: [u8; 32],
    /// The key in plain text, only to log it when the sandbox starts.
    pub plaintext: Option<SecretString>,
}

impl fmt::Debug for ClientKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("ClientKey([REDACTED])")
    }
}

impl ClientConfig {
    pub(super) fn read(from: &Section<'_>, resellers: &[&str]) -> Self {
        let reseller: Option<String> = from.find("reseller");
        if let Some(name) = reseller.as_deref().filter(|name| !resellers.contains(name)) {
            from.report("reseller", unknown_name("reseller", name, resellers.iter().copied()));
        }
        let scopes: Vec<Scope> = from.get("scopes");
        Self {
            key: ClientKey::read(from),
            reseller,
            scopes: scopes.into_iter().collect(),
            requests_per_minute: from.find("requests_per_minute"),
        }
    }
}

/// Instruction to make an API key and its hash.
const HOW_TO_MAKE_A_KEY: &str = "make a key with `ticketgraph key new`, which also prints this line";

impl ClientKey {
    fn read(from: &Section<'_>) -> Self {
        let sha256 = from.find::<String>("key_sha256");
        let plaintext = from.find_secret("key");
        if plaintext.is_some() && !from.context.literals_allowed {
            from.report("key", "is only allowed if every source is a sandbox: write `key_sha256`");
        }
        let hash = match (&sha256, &plaintext) {
            (Some(_), Some(_)) => {
                from.report("key", "must not be combined with `key_sha256`");
                None
            }
            (Some(hex), None) if is_placeholder(hex) => {
                from.report("key_sha256", format!("is the placeholder of an example: {HOW_TO_MAKE_A_KEY}"));
                None
            }
            (Some(hex), None) => {
                if is_published_hash(hex) && !from.context.literals_allowed {
                    from.report("key_sha256", format!("is the hash of a published key: {HOW_TO_MAKE_A_KEY}"));
                }
                let hash = decode_hex_32(hex);
                if hash.is_none() {
                    from.report("key_sha256", "must be 64 hex digits, as `ticketgraph key new` prints them");
                }
                hash
            }
            (None, Some(key)) => Some(Sha256::digest(key.expose_secret()).into()),
            (None, None) => {
                if from.is_clean(&["key", "key_sha256"]) {
                    from.report("key_sha256", "is missing: 64 hex digits, as `ticketgraph key new` prints them");
                }
                None
            }
        };
        Self { sha256: hash.unwrap_or_default(), plaintext }
    }
}
