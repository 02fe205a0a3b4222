//! The gate: staff credentials, and letting visitors in.

use async_trait::async_trait;
use jiff::Timestamp;
use secrecy::SecretString;

use crate::error::VendorError;
use crate::ids::{EventKey, ExternalRef, SectionKey, StepKey, TokenKey};

/// A staff credential that lets its bearer redeem tickets in its sections. Not a visitor's ticket.
#[derive(Debug, Clone)]
pub struct AdmissionToken {
    /// The key in its source.
    pub key: TokenKey,
    /// The event of the gate.
    pub event: EventKey,
    /// Covers all sections, cannot be changed or revoked.
    pub is_global: bool,
    /// The sections that it covers.
    pub sections: Vec<SectionKey>,
    /// The bearer secret.
    pub code: SecretString,
    /// The vendor's own identifiers.
    pub refs: Vec<ExternalRef>,
}

/// A page of admission tokens.
#[derive(Debug, Clone)]
pub struct TokenPage {
    /// The global token first, then by key.
    pub tokens: Vec<AdmissionToken>,
    /// How many there are in all, where told.
    pub total: Option<u32>,
}

/// A visitor let in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Admission {
    /// The serial of the ticket.
    pub ticket_serial: String,
    /// When.
    pub admitted_at: Option<Timestamp>,
    /// Where.
    pub section: Option<SectionKey>,
}

/// What a gate credential was exchanged for: a key that admits at one event.
#[derive(Debug, Clone)]
pub struct GateKey {
    /// The bearer secret of the gate.
    pub key: SecretString,
    /// The only event that it is good for.
    pub event: EventKey,
    /// The only sections that it is good for.
    pub sections: Vec<SectionKey>,
}

/// Staff credentials and the gate.
#[async_trait]
pub trait Admissions: Send + Sync {
    /// Lists the tokens of an event, `skip` of them left out, at most `limit`; only the global one, or only the others, on request.
    async fn list_tokens(
        &self,
        event: &EventKey,
        is_global: Option<bool>,
        skip: usize,
        limit: usize,
    ) -> Result<TokenPage, VendorError>;

    /// Reads one token.
    async fn load_token(&self, token: &TokenKey) -> Result<AdmissionToken, VendorError>;

    /// Issues a token for sections of an event. Not repeated by itself: the vendor honours no keys.
    async fn issue_token(
        &self,
        key: &StepKey,
        event: &EventKey,
        sections: &[SectionKey],
    ) -> Result<AdmissionToken, VendorError>;

    /// Replaces the sections of a token. The global one refuses with `Conflict`.
    async fn rescope_token(&self, token: &TokenKey, sections: &[SectionKey]) -> Result<AdmissionToken, VendorError>;

    /// Makes a token useless. The global one refuses with `Conflict`; revoking what is gone succeeds.
    async fn revoke_token(&self, token: &TokenKey) -> Result<(), VendorError>;

    /// Exchanges the code of a token for a gate key.
    async fn exchange_code(&self, code: &SecretString) -> Result<GateKey, VendorError>;

    /// Admits serials. The answer holds only those that were let in: the difference is what was refused.
    async fn admit(&self, gate: &GateKey, serials: &[String]) -> Result<Vec<Admission>, VendorError>;

    /// Lists who was let in.
    async fn list_admissions(&self, gate: &GateKey) -> Result<Vec<Admission>, VendorError>;
}
