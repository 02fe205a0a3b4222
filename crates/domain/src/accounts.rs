//! The port of resellers' accounts: whether a reseller is set up at a vendor, and what the venue must tell the reseller.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;

use crate::error::VendorError;
use crate::ids::EventKey;

/// How somebody is set up in one source, as the configuration says it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Account {
    /// The name of the reseller; `None`: the source's own account, nobody's in particular.
    pub reseller: Option<String>,
    /// The vendor's own keys, each with its values.
    pub keys: BTreeMap<String, Vec<String>>,
}

impl Account {
    /// The values of a key; none where it is not configured.
    pub fn all(&self, key: &str) -> &[String] {
        self.keys.get(key).map_or(&[], Vec::as_slice)
    }

    /// The first value of a key.
    pub fn one(&self, key: &str) -> Option<&str> {
        self.all(key).first().map(String::as_str)
    }
}

/// How a check came out.
#[derive(Debug, Clone)]
pub enum Verdict {
    /// As it must be.
    Passed,
    /// Not as it must be; what to do about it, in our words.
    Failed(String),
    /// Complete, and switched off by the venue; where to switch it on, in our words.
    Off(String),
    /// The vendor could not be asked: nothing is known.
    Unasked(VendorError),
}

/// One line of a vendor's checklist, asked by machine.
#[derive(Debug, Clone)]
pub struct Check {
    /// Names the kind of check, UPPER_SNAKE_CASE and stable. Several lines may be of one kind: the title tells them apart.
    pub code: &'static str,
    /// What is checked, for people.
    pub title: String,
    /// How it came out.
    pub verdict: Verdict,
}

impl Check {
    /// A check that passes where there is no hint.
    pub fn new(code: &'static str, title: impl Into<String>, hint: Option<&str>) -> Self {
        let verdict = hint.map_or(Verdict::Passed, |hint| Verdict::Failed(hint.to_owned()));
        Self { code, title: title.into(), verdict }
    }

    /// A check of a switch: on where there is no hint.
    pub fn switch(code: &'static str, title: impl Into<String>, hint: Option<&str>) -> Self {
        let verdict = hint.map_or(Verdict::Passed, |hint| Verdict::Off(hint.to_owned()));
        Self { code, title: title.into(), verdict }
    }

    /// A check that the vendor did not answer.
    pub fn unasked(code: &'static str, title: impl Into<String>, error: VendorError) -> Self {
        Self { code, title: title.into(), verdict: Verdict::Unasked(error) }
    }
}

/// The message by which the venue hands an account over to the reseller. Holds no secret: those travel another way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    /// The subject.
    pub subject: String,
    /// The body, with line breaks.
    pub body: String,
    /// What is not in the configuration and must be filled in by hand: names for people.
    pub missing: Vec<String>,
}

/// Asking a vendor how an account is set up.
#[async_trait]
pub trait ResellerAccounts: Send + Sync {
    /// Goes through the vendor's checklist, in its order. Sells nothing and changes nothing. Never fails as a whole: what could
    /// not be asked is said so in its own line.
    async fn check(&self, account: &Account) -> Vec<Check>;

    /// The events that the account may sell; none: whatever the vendor shows it. Calls nobody.
    fn events(&self, account: &Account) -> Option<BTreeSet<EventKey>>;

    /// The filled-in message of the venue to the reseller. Calls nobody.
    fn hand_over(&self, account: &Account) -> Letter;
}
