//! Staff credentials and admissions at the gate.

use async_trait::async_trait;
use secrecy::SecretString;

use crate::map::{admissions, keys};
use crate::{TicketingSource, wire};
use domain::admissions::{Admission, AdmissionToken, Admissions, GateKey, TokenPage};
use domain::ids::StepKey;
use domain::{ErrorKind, EventKey, RefusalReason, SectionKey, TokenKey, VendorError, VendorOperation};

impl TicketingSource {
    /// Returns the event and the id of a token; a malformed key is not found.
    fn token_ids<'k>(&self, op: VendorOperation, token: &'k TokenKey) -> Result<(EventKey, &'k str), VendorError> {
        let (event, id) = keys::split_key(token.as_str()).ok_or_else(|| self.client.error(op, ErrorKind::NotFound))?;
        Ok((EventKey::new(event), id))
    }

    fn require_event_id(&self, op: VendorOperation, event: &EventKey) -> Result<(), VendorError> {
        if keys::is_id(event.as_str()) { Ok(()) } else { Err(self.client.error(op, ErrorKind::NotFound)) }
    }

    /// Converts the sections to the vendor's form: at least one, all of this event.
    fn token_scope(&self, event: &EventKey, sections: &[SectionKey]) -> Result<wire::TokenScope, VendorError> {
        let own = |section: &SectionKey| {
            let (owner, _) = keys::split_key(section.as_str())?;
            (owner == event.as_str()).then(|| keys::section_uri(section)).flatten()
        };
        let uris: Option<Vec<String>> = sections.iter().map(own).collect();
        let uris = uris.filter(|uris| !uris.is_empty());
        let wrong = || RefusalReason::InvalidInput { field: "sections".to_owned() };
        uris.map(|sections| wire::TokenScope { sections })
            .ok_or_else(|| self.client.rejected(VendorOperation::WriteTokens, wrong()))
    }

    fn map_token(
        &self,
        op: VendorOperation,
        event: &EventKey,
        wire: wire::Token,
    ) -> Result<AdmissionToken, VendorError> {
        admissions::token(event, wire).ok_or_else(|| self.client.error(op, ErrorKind::Malformed))
    }
}

#[async_trait]
impl Admissions for TicketingSource {
    async fn list_tokens(
        &self,
        event: &EventKey,
        is_global: Option<bool>,
        skip: usize,
        limit: usize,
    ) -> Result<TokenPage, VendorError> {
        self.require_event_id(VendorOperation::ReadTokens, event)?;
        let listed = self.client.tokens(event.as_str(), is_global).await?;
        let mut tokens: Vec<_> = listed.into_iter().filter_map(|wire| admissions::token(event, wire)).collect();
        // The vendor applies the filter, but its result is checked, because a global token is a master key.
        tokens.retain(|token| is_global.is_none_or(|wanted| token.is_global == wanted));
        tokens.sort_by(|a, b| (!a.is_global, &a.key).cmp(&(!b.is_global, &b.key)));
        let total = u32::try_from(tokens.len()).ok();
        Ok(TokenPage { tokens: tokens.into_iter().skip(skip).take(limit).collect(), total })
    }

    async fn load_token(&self, token: &TokenKey) -> Result<AdmissionToken, VendorError> {
        let (event, id) = self.token_ids(VendorOperation::ReadTokens, token)?;
        let wire = self.client.token(event.as_str(), id).await?;
        self.map_token(VendorOperation::ReadTokens, &event, wire)
    }

    async fn issue_token(
        &self,
        _key: &StepKey,
        event: &EventKey,
        sections: &[SectionKey],
    ) -> Result<AdmissionToken, VendorError> {
        self.require_event_id(VendorOperation::WriteTokens, event)?;
        let scope = self.token_scope(event, sections)?;
        let wire = self.client.issue_token(event.as_str(), &scope).await?;
        self.map_token(VendorOperation::WriteTokens, event, wire)
    }

    async fn rescope_token(&self, token: &TokenKey, sections: &[SectionKey]) -> Result<AdmissionToken, VendorError> {
        let (event, id) = self.token_ids(VendorOperation::WriteTokens, token)?;
        let scope = self.token_scope(&event, sections)?;
        self.client.rescope_token(event.as_str(), id, &scope).await?;
        self.load_token(token).await
    }

    async fn revoke_token(&self, token: &TokenKey) -> Result<(), VendorError> {
        let (event, id) = self.token_ids(VendorOperation::WriteTokens, token)?;
        self.client.revoke_token(event.as_str(), id).await
    }

    async fn exchange_code(&self, code: &SecretString) -> Result<GateKey, VendorError> {
        let wire = self.client.exchange_code(code).await?;
        admissions::gate_key(wire).ok_or_else(|| self.client.error(VendorOperation::ReadTokens, ErrorKind::Malformed))
    }

    async fn admit(&self, gate: &GateKey, serials: &[String]) -> Result<Vec<Admission>, VendorError> {
        self.require_event_id(VendorOperation::Admit, &gate.event)?;
        if serials.is_empty() {
            return Ok(Vec::new());
        }
        let admitted = self.client.admit(&gate.secret, gate.event.as_str(), serials).await?;
        Ok(admitted.into_iter().filter_map(|wire| admissions::admission(&gate.event, wire)).collect())
    }

    async fn list_admissions(&self, gate: &GateKey) -> Result<Vec<Admission>, VendorError> {
        self.require_event_id(VendorOperation::ReadAdmissions, &gate.event)?;
        let listed = self.client.admissions(&gate.secret, gate.event.as_str()).await?;
        Ok(listed.into_iter().filter_map(|wire| admissions::admission(&gate.event, wire)).collect())
    }
}
