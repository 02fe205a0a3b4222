//! `[auth]` and `[clients]`: who may call, and what each may do.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::num::NonZeroU32;
use std::path::PathBuf;

use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use url::Url;

use crate::config::finding::unknown;
use crate::config::ledger::unhex;
use crate::config::section::Section;
use crate::config::setting::Choice;

/// What a caller may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Scope {
    /// Read what is sold.
    CatalogRead,
    /// Read orders.
    OrderRead,
    /// Place, change and cancel orders.
    OrderWrite,
    /// Read the codes of tickets.
    TicketBarcode,
    /// Read who was admitted.
    AdmissionRead,
    /// Admit, and keep staff credentials.
    AdmissionWrite,
    /// Read the codes of staff credentials.
    AdmissionSecret,
    /// Write events.
    EventWrite,
    /// Run deliveries.
    DeliveryWrite,
    /// Read sales and statements.
    ReportRead,
    /// Everything that operators do.
    Admin,
}

impl Choice for Scope {
    const WHAT: &'static str = "scope";
    const WANTED: &'static str = r#"a scope such as "catalog:read""#;
    const CHOICES: &'static [(&'static str, Self)] = &[
        ("catalog:read", Self::CatalogRead),
        ("order:read", Self::OrderRead),
        ("order:write", Self::OrderWrite),
        ("ticket:barcode", Self::TicketBarcode),
        ("admission:read", Self::AdmissionRead),
        ("admission:write", Self::AdmissionWrite),
        ("admission:secret", Self::AdmissionSecret),
        ("event:write", Self::EventWrite),
        ("delivery:write", Self::DeliveryWrite),
        ("report:read", Self::ReportRead),
        ("admin", Self::Admin),
    ];
}

impl Scope {
    /// As configurations and tokens write it.
    pub fn name(self) -> &'static str {
        Self::CHOICES.iter().find(|(_, scope)| *scope == self).map_or("", |(name, _)| name)
    }
}

/// Callers that are not listed one by one.
#[derive(Debug, Clone)]
pub struct Auth {
    /// Callers without a key; `None`: they are refused.
    pub anonymous: Option<Anonymous>,
    /// Who may issue JSON web tokens, by the name in the configuration.
    pub issuers: BTreeMap<String, Issuer>,
}

/// What callers without a key may do.
#[derive(Debug, Clone)]
pub struct Anonymous {
    /// What they may do.
    pub scopes: BTreeSet<Scope>,
    /// Of each address.
    pub requests_per_minute: NonZeroU32,
}

/// Who may issue JSON web tokens.
#[derive(Debug, Clone)]
pub struct Issuer {
    /// The claim `iss`.
    pub issuer: String,
    /// The claim `aud`.
    pub audience: String,
    /// Where its keys are.
    pub keys: KeySet,
    /// Which signatures count, at least one.
    pub algorithms: Vec<Algorithm>,
    /// Requests that each of its subjects may send; `None`: no limit.
    pub requests_per_minute: Option<NonZeroU32>,
}

/// Where the keys of an issuer are.
#[derive(Debug, Clone)]
pub enum KeySet {
    /// Fetched from the issuer and kept for a while.
    Url(Url),
    /// Read from a file.
    File(PathBuf),
}

/// A signature that counts. Only asymmetric ones: a shared secret would let every verifier issue tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are those of RFC 7518 and RFC 8037")]
pub enum Algorithm {
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

impl Choice for Algorithm {
    const WHAT: &'static str = "signature algorithm";
    const WANTED: &'static str = r#"a signature algorithm such as "RS256""#;
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

impl Auth {
    pub(super) fn read(from: &Section<'_>) -> Self {
        Self {
            anonymous: from.within("anonymous", Anonymous::read),
            issuers: from.each("issuers", |_, issuer| Issuer::read(issuer)),
        }
    }
}

impl Anonymous {
    fn read(from: &Section<'_>) -> Option<Self> {
        let enabled: bool = from.get("enabled");
        let scopes: Vec<Scope> = from.get("scopes");
        let read = Self { scopes: scopes.into_iter().collect(), requests_per_minute: from.get("requests_per_minute") };
        if read.scopes.iter().any(|scope| *scope != Scope::CatalogRead) {
            from.wrong("scopes", r#"must be ["catalog:read"] at most: everything else needs a caller that is known"#);
        }
        enabled.then_some(read)
    }
}

impl Issuer {
    fn read(from: &Section<'_>) -> Self {
        let keys = match (from.find::<Url>("jwks_url"), from.find_file("jwks_file")) {
            (Some(url), None) => KeySet::Url(url),
            (None, Some(file)) => KeySet::File(file),
            (Some(url), Some(_)) => {
                from.wrong("jwks_file", "must not stand beside `jwks_url`: keys come from one place");
                KeySet::Url(url)
            }
            (None, None) => {
                if from.clean(&["jwks_url", "jwks_file"]) {
                    from.wrong("jwks_url", "is missing: write `jwks_url` or `jwks_file`");
                }
                KeySet::File(PathBuf::new())
            }
        };
        let algorithms: Vec<Algorithm> = from.get("algorithms");
        if algorithms.is_empty() && from.clean(&["algorithms"]) {
            from.wrong("algorithms", r#"must name at least one, such as ["RS256"]"#);
        }
        Self {
            issuer: from.get("issuer"),
            audience: from.get("audience"),
            keys,
            algorithms,
            requests_per_minute: from.find("requests_per_minute"),
        }
    }
}

/// A caller with a key.
#[derive(Debug, Clone)]
pub struct Client {
    /// What its key is recognised by.
    pub key: ClientKey,
    /// The only reseller whose things it sees; `None`: all.
    pub reseller: Option<String>,
    /// What it may do.
    pub scopes: BTreeSet<Scope>,
    /// Requests it may send; `None`: no limit.
    pub requests_per_minute: Option<NonZeroU32>,
}

/// What the key of a caller is recognised by.
#[derive(Clone)]
pub struct ClientKey {
    /// The SHA-256 of the key.
    pub sha256: [u8; 32],
    /// The key itself, to show it at the start of a sandbox. Nowhere else it is known.
    pub shown: Option<SecretString>,
}

impl fmt::Debug for ClientKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("ClientKey([REDACTED])")
    }
}

impl Client {
    pub(super) fn read(from: &Section<'_>, resellers: &[&str]) -> Self {
        let reseller: Option<String> = from.find("reseller");
        if let Some(name) = reseller.as_deref().filter(|name| !resellers.contains(name)) {
            from.wrong("reseller", unknown("reseller", name, resellers.iter().copied()));
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

impl ClientKey {
    fn read(from: &Section<'_>) -> Self {
        let sha256 = from.find::<String>("key_sha256");
        let shown = from.find_secret("key");
        if shown.is_some() && !from.ground.literals_allowed {
            from.wrong("key", "is for configurations whose sources are all sandboxes: write `key_sha256`");
        }
        let hash = match (&sha256, &shown) {
            (Some(_), Some(_)) => {
                from.wrong("key", "must not stand beside `key_sha256`");
                None
            }
            (Some(hex), None) => {
                let hash = unhex(hex);
                if hash.is_none() {
                    from.wrong("key_sha256", "must be 64 hex digits: printf KEY | sha256sum");
                }
                hash
            }
            (None, Some(key)) => Some(Sha256::digest(key.expose_secret()).into()),
            (None, None) => {
                if from.clean(&["key", "key_sha256"]) {
                    from.wrong("key_sha256", "is missing: 64 hex digits, printf KEY | sha256sum");
                }
                None
            }
        };
        Self { sha256: hash.unwrap_or_default(), shown }
    }
}
