//! The port of admission control: staff credentials and the admission of visitors.

use async_trait::async_trait;
use jiff::Timestamp;
use secrecy::SecretString;

use crate::error::VendorError;
use crate::ids::{EventKey, ExternalRef, SectionKey, StepKey, TokenKey};

/// A staff credential: its bearer may redeem tickets in the token's sections. Not a visitor's ticket.
#[derive(Debug, Clone)]
pub struct AdmissionToken {
    /// Key in its source.
    pub key: TokenKey,
    /// Event of the gate.
    pub event: EventKey,
    /// True for the token that covers all sections. It cannot be changed or revoked.
    pub is_global: bool,
    /// Sections covered by the token.
    pub sections: Vec<SectionKey>,
    /// Bearer secret.
    pub code: SecretString,
    /// The vendor's own identifiers.
    pub refs: Vec<ExternalRef>,
}

/// A page of admission tokens.
#[derive(Debug, Clone)]
pub struct TokenPage {
    /// The tokens of the page: the global one first, the others by key.
    pub tokens: Vec<AdmissionToken>,
    /// Total number of tokens, if the source reports it.
    pub total: Option<u32>,
}

/// The admission of one visitor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Admission {
    /// Serial number of the ticket.
    pub ticket_serial: String,
    /// Time of the admission, if reported.
    pub admitted_at: Option<Timestamp>,
    /// Section of the admission, if reported.
    pub section: Option<SectionKey>,
}

/// Key that an admission token's code was exchanged for. Admits visitors at one event.
#[derive(Debug, Clone)]
pub struct GateKey {
    /// Bearer secret of the gate.
    pub secret: SecretString,
    /// The only event at which the key is valid.
    pub event: EventKey,
    /// The only sections in which the key is valid.
    pub sections: Vec<SectionKey>,
}

/// Capability: manages staff credentials and admits visitors.
#[async_trait]
pub trait Admissions: Send + Sync {
    /// Lists at most `limit` tokens of an event, after skipping `skip` of them. `is_global` restricts the list to the
    /// global token (`true`) or to the others (`false`).
    async fn list_tokens(
        &self,
        event: &EventKey,
        is_global: Option<bool>,
        skip: usize,
        limit: usize,
    ) -> Result<TokenPage, VendorError>;

    /// Loads one token.
    async fn load_token(&self, token: &TokenKey) -> Result<AdmissionToken, VendorError>;

    /// Issues a token for sections of an event. Never retried automatically, because the vendor honors no idempotency keys.
    async fn issue_token(
        &self,
        key: &StepKey,
        event: &EventKey,
        sections: &[SectionKey],
    ) -> Result<AdmissionToken, VendorError>;

    /// Replaces the sections of a token. Fails with `Conflict` for the global token.
    async fn rescope_token(&self, token: &TokenKey, sections: &[SectionKey]) -> Result<AdmissionToken, VendorError>;

    /// Revokes a token. Fails with `Conflict` for the global token; revoking a token that no longer exists succeeds.
    async fn revoke_token(&self, token: &TokenKey) -> Result<(), VendorError>;

    /// Exchanges the code of a token for a gate key.
    async fn exchange_code(&self, code: &SecretString) -> Result<GateKey, VendorError>;

    /// Admits tickets by serial number. Returns only the admitted ones; every other serial was rejected.
    async fn admit(&self, gate: &GateKey, serials: &[String]) -> Result<Vec<Admission>, VendorError>;

    /// Lists the admissions at the gate.
    async fn list_admissions(&self, gate: &GateKey) -> Result<Vec<Admission>, VendorError>;
}
