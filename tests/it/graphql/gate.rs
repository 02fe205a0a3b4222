//! A fake gate with three tokens per event, the first of them global.

use std::sync::Arc;

use async_trait::async_trait;
use domain::admissions::{Admission, AdmissionToken, Admissions, GateKey, TokenPage};
use domain::ids::StepKey;
use domain::{ErrorKind, EventKey, SectionKey, TokenKey, VendorError, VendorOperation};
use secrecy::SecretString;

use super::fake::FakeCatalog;

/// A gate with the behavior of its source.
pub(super) struct FakeAdmissions {
    /// The catalog of the source.
    pub catalog: Arc<FakeCatalog>,
}

impl FakeAdmissions {
    fn error(&self, kind: ErrorKind) -> VendorError {
        VendorError::new(&self.catalog.id, VendorOperation::WriteTokens, kind)
    }
}

fn token(event: &EventKey, number: usize) -> AdmissionToken {
    AdmissionToken {
        key: TokenKey::new(format!("{event}/t{number}")),
        event: event.clone(),
        is_global: number == 0,
        sections: vec![SectionKey::new("floor"), SectionKey::new("gone")],
        code: SecretString::from("open sesame"),
        refs: Vec::new(),
    }
}

#[async_trait]
impl Admissions for FakeAdmissions {
    async fn list_tokens(
        &self,
        event: &EventKey,
        is_global: Option<bool>,
        skip: usize,
        limit: usize,
    ) -> Result<TokenPage, VendorError> {
        self.catalog.record_call(VendorOperation::ReadTokens).await?;
        let fitting: Vec<_> = (0..3)
            .map(|number| token(event, number))
            .filter(|token| is_global.is_none_or(|wanted| wanted == token.is_global))
            .collect();
        let total = u32::try_from(fitting.len()).ok();
        Ok(TokenPage { tokens: fitting.into_iter().skip(skip).take(limit).collect(), total })
    }

    async fn load_token(&self, key: &TokenKey) -> Result<AdmissionToken, VendorError> {
        self.catalog.record_call(VendorOperation::ReadTokens).await?;
        let (event, _) = key.as_str().split_once('/').ok_or_else(|| self.error(ErrorKind::NotFound))?;
        let event = EventKey::new(event);
        let found = (0..3).map(|number| token(&event, number)).find(|token| token.key == *key);
        found.ok_or_else(|| self.error(ErrorKind::NotFound))
    }

    async fn issue_token(
        &self,
        _key: &StepKey,
        _event: &EventKey,
        _sections: &[SectionKey],
    ) -> Result<AdmissionToken, VendorError> {
        Err(self.error(ErrorKind::Unsupported))
    }

    async fn rescope_token(&self, _token: &TokenKey, _sections: &[SectionKey]) -> Result<AdmissionToken, VendorError> {
        Err(self.error(ErrorKind::Unsupported))
    }

    async fn revoke_token(&self, _token: &TokenKey) -> Result<(), VendorError> {
        Err(self.error(ErrorKind::Unsupported))
    }

    async fn exchange_code(&self, _code: &SecretString) -> Result<GateKey, VendorError> {
        Err(self.error(ErrorKind::Unsupported))
    }

    async fn admit(&self, _gate: &GateKey, _serials: &[String]) -> Result<Vec<Admission>, VendorError> {
        Err(self.error(ErrorKind::Unsupported))
    }

    async fn list_admissions(&self, _gate: &GateKey) -> Result<Vec<Admission>, VendorError> {
        Err(self.error(ErrorKind::Unsupported))
    }
}
