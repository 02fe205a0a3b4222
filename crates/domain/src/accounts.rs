//! The port of reseller accounts: checks a reseller's setup at a vendor and writes the handover message of the venue.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;

use crate::account_texts;
use crate::error::VendorError;
use crate::ids::EventKey;
use crate::seen::{SeenResponse, observe_responses};
use crate::text::LocalizedText;

/// The configuration of one account at a source.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AccountConfig {
    /// Name of the reseller, or `None` for the source's own account.
    pub reseller: Option<String>,
    /// Vendor-specific keys, each with its values.
    pub keys: BTreeMap<String, Vec<String>>,
}

impl AccountConfig {
    /// Returns the values of a key, or an empty slice if the key is not configured.
    pub fn values(&self, key: &str) -> &[String] {
        self.keys.get(key).map_or(&[], Vec::as_slice)
    }

    /// Returns the first value of a key.
    pub fn first_value(&self, key: &str) -> Option<&str> {
        self.values(key).first().map(String::as_str)
    }
}

/// Result of one check.
#[derive(Debug, Clone)]
pub enum CheckOutcome {
    /// The setup is correct.
    Passed,
    /// The setup is wrong. The text says what to do about it and never quotes the vendor.
    Failed(LocalizedText),
    /// The setup is complete, but the venue has switched it off. The text says where to switch it on.
    Disabled(LocalizedText),
    /// The vendor could not be reached, so the result is unknown.
    Unreachable(VendorError),
    /// The response proves nothing: it is not one that this vendor gives. The text says what was seen.
    Unproven(LocalizedText),
    /// Works, with a risk that the text names.
    Risk(LocalizedText),
    /// Not checked, because it takes a request that may write, or the vendor does not show it. The text says how to check it.
    NotTried(LocalizedText),
}

impl CheckOutcome {
    /// Returns true if nothing has to be corrected.
    pub fn is_fine(&self) -> bool {
        matches!(self, Self::Passed | Self::Risk(_) | Self::NotTried(_))
    }
}

/// Permission to send requests that may write. They carry nothing, and a vendor that works as documented refuses them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WriteProbes {
    /// They are not sent.
    Never,
    /// They are sent.
    Allowed,
}

/// One item of a vendor's checklist, verified automatically.
#[derive(Debug, Clone)]
pub struct AccountCheck {
    /// Stable code of the kind of check, in UPPER_SNAKE_CASE. Several checks may share a code; their titles differ.
    pub code: &'static str,
    /// Human-readable description of the item.
    pub title: LocalizedText,
    /// Result of the check.
    pub outcome: CheckOutcome,
    /// Responses that the result is based on.
    pub seen: Vec<SeenResponse>,
}

impl AccountCheck {
    /// Creates a check that passed.
    pub fn passed(code: &'static str, title: impl Into<LocalizedText>) -> Self {
        Self::with_outcome(code, title, CheckOutcome::Passed)
    }

    /// Creates a check that passes if there is no hint and fails with the hint otherwise.
    pub fn new(code: &'static str, title: impl Into<LocalizedText>, hint: Option<impl Into<LocalizedText>>) -> Self {
        let outcome = hint.map_or(CheckOutcome::Passed, |hint| CheckOutcome::Failed(hint.into()));
        Self::with_outcome(code, title, outcome)
    }

    /// Creates a check with a result.
    pub fn with_outcome(code: &'static str, title: impl Into<LocalizedText>, outcome: CheckOutcome) -> Self {
        Self { code, title: title.into(), outcome, seen: Vec::new() }
    }

    /// Creates a check whose response is not one that the service gives: one of these settings may be wrong.
    pub fn unproven(code: &'static str, title: impl Into<LocalizedText>, service: &str, settings: &[&str]) -> Self {
        let hint = account_texts::foreign_response(service, &settings.join(", "));
        Self::with_outcome(code, title, CheckOutcome::Unproven(hint.into()))
    }

    /// Runs a check and notes the responses that it was based on.
    pub async fn observed(check: impl Future<Output = Self>) -> Self {
        let (check, seen) = observe_responses(check).await;
        Self { seen, ..check }
    }

    /// Creates a check of an on/off setting: passed if there is no hint, disabled with the hint otherwise.
    pub fn switch(code: &'static str, title: impl Into<LocalizedText>, hint: Option<impl Into<LocalizedText>>) -> Self {
        let outcome = hint.map_or(CheckOutcome::Passed, |hint| CheckOutcome::Disabled(hint.into()));
        Self::with_outcome(code, title, outcome)
    }

    /// Creates a check whose request to the vendor failed.
    pub fn unreachable(code: &'static str, title: impl Into<LocalizedText>, error: VendorError) -> Self {
        Self::with_outcome(code, title, CheckOutcome::Unreachable(error))
    }
}

/// Message from the venue that hands an account over to the reseller. Contains no secrets: those are sent by another channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HandoverMessage {
    /// Subject line.
    pub subject: LocalizedText,
    /// Body, with line breaks.
    pub body: LocalizedText,
    /// Human-readable names of the values that are not configured and must be filled in by hand.
    pub missing_fields: Vec<LocalizedText>,
}

/// Capability: checks reseller accounts at the vendor.
#[async_trait]
pub trait ResellerAccounts: Send + Sync {
    /// Runs the vendor's checklist in its documented order. Never fails as a whole: a request that fails is reported in its own
    /// check.
    async fn check_account(&self, account: &AccountConfig, writes: WriteProbes) -> Vec<AccountCheck>;

    /// Checks with one read request whether the vendor knows the credentials. Passes only for a response in the vendor's own form.
    async fn check_credentials(&self) -> AccountCheck;

    /// Returns the events that the account may sell, or `None` if it may sell every event the vendor lists. Makes no vendor
    /// call.
    fn sellable_events(&self, account: &AccountConfig) -> Option<BTreeSet<EventKey>>;

    /// Builds the handover message from the venue to the reseller. Makes no vendor call.
    fn handover_message(&self, account: &AccountConfig) -> HandoverMessage;
}
