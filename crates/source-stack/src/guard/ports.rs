//! Guarded ports: each method runs its call through the guard.

use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use secrecy::SecretString;

use super::Guard;
use crate::catalog_query::{CatalogLayer, CatalogQuery};
use domain::admissions::{Admission, GateKey, TokenPage};
use domain::ids::StepKey;
use domain::ordering::{
    CancelLine, CompletedCancellation, ConfirmedSale, HoldExtension, IssuedTicket, LegRequest, LookupOutcome, Ordering,
    PlacedHold, Refunds, SettlementRefusal, VendorSale,
};
use domain::{
    AdmissionToken, Admissions, Batch, Catalog, EventKey, ExternalRef, LegShape, PerformanceKey, SectionKey, SourceId,
    TokenKey, VendorError, VendorOperation,
};

/// A port whose calls run through a guard.
pub(crate) struct Guarded<P: ?Sized> {
    pub(super) guard: Arc<Guard>,
    pub(super) inner: Arc<P>,
}

impl<P: ?Sized> Guarded<P> {
    pub(crate) fn new(inner: Arc<P>, guard: &Arc<Guard>) -> Self {
        Self { guard: Arc::clone(guard), inner }
    }
}

impl CatalogLayer for Guarded<dyn Catalog> {
    fn source(&self) -> &SourceId {
        &self.guard.source
    }

    async fn fetch<Q: CatalogQuery>(&self, query: Q, items: Vec<Q::Item>) -> Batch<Q::Key, Q::Value> {
        self.guard.call_batch(Q::OPERATION, items, Q::key, |items| query.fetch_from(&*self.inner, items)).await
    }
}

#[async_trait]
impl Ordering for Guarded<dyn Ordering> {
    fn shape(&self, leg: &LegRequest) -> LegShape {
        self.inner.shape(leg)
    }

    fn settlement_refusal(&self, leg: &LegRequest) -> Option<SettlementRefusal> {
        self.inner.settlement_refusal(leg)
    }

    async fn hold(&self, key: &StepKey, leg: &LegRequest) -> Result<PlacedHold, VendorError> {
        self.guard.call(VendorOperation::Hold, || self.inner.hold(key, leg)).await
    }

    async fn confirm(
        &self,
        key: &StepKey,
        leg: &LegRequest,
        refs: &[ExternalRef],
    ) -> Result<ConfirmedSale, VendorError> {
        self.guard.call(VendorOperation::Confirm, || self.inner.confirm(key, leg, refs)).await
    }

    async fn release(&self, key: &StepKey, leg: &LegRequest, refs: &[ExternalRef]) -> Result<(), VendorError> {
        self.guard.call(VendorOperation::Release, || self.inner.release(key, leg, refs)).await
    }

    async fn find_hold(&self, key: &StepKey, leg: &LegRequest) -> Result<LookupOutcome<PlacedHold>, VendorError> {
        self.guard.call(VendorOperation::LookUp, || self.inner.find_hold(key, leg)).await
    }

    async fn find_confirmation(
        &self,
        key: &StepKey,
        leg: &LegRequest,
        refs: &[ExternalRef],
    ) -> Result<LookupOutcome<ConfirmedSale>, VendorError> {
        self.guard.call(VendorOperation::LookUp, || self.inner.find_confirmation(key, leg, refs)).await
    }

    async fn load_tickets(&self, leg: &LegRequest, refs: &[ExternalRef]) -> Result<Vec<IssuedTicket>, VendorError> {
        self.guard.call(VendorOperation::LookUp, || self.inner.load_tickets(leg, refs)).await
    }

    async fn list_sales(
        &self,
        from: Timestamp,
        to: Timestamp,
        performances: &[PerformanceKey],
        references: &[String],
    ) -> Result<Vec<VendorSale>, VendorError> {
        self.guard.call(VendorOperation::ListOrders, || self.inner.list_sales(from, to, performances, references)).await
    }
}

#[async_trait]
impl HoldExtension for Guarded<dyn HoldExtension> {
    async fn extend(&self, key: &StepKey, leg: &LegRequest, refs: &[ExternalRef]) -> Result<PlacedHold, VendorError> {
        self.guard.call(VendorOperation::Extend, || self.inner.extend(key, leg, refs)).await
    }
}

#[async_trait]
impl Refunds for Guarded<dyn Refunds> {
    async fn cancel(
        &self,
        key: &StepKey,
        leg: &LegRequest,
        refs: &[ExternalRef],
        lines: &[CancelLine],
    ) -> Result<CompletedCancellation, VendorError> {
        self.guard.call(VendorOperation::Cancel, || self.inner.cancel(key, leg, refs, lines)).await
    }

    async fn find_cancellation(
        &self,
        key: &StepKey,
        leg: &LegRequest,
        refs: &[ExternalRef],
        lines: &[CancelLine],
    ) -> Result<LookupOutcome<CompletedCancellation>, VendorError> {
        self.guard.call(VendorOperation::LookUp, || self.inner.find_cancellation(key, leg, refs, lines)).await
    }
}

#[async_trait]
impl Admissions for Guarded<dyn Admissions> {
    async fn list_tokens(
        &self,
        event: &EventKey,
        is_global: Option<bool>,
        skip: usize,
        limit: usize,
    ) -> Result<TokenPage, VendorError> {
        self.guard.call(VendorOperation::ReadTokens, || self.inner.list_tokens(event, is_global, skip, limit)).await
    }

    async fn load_token(&self, token: &TokenKey) -> Result<AdmissionToken, VendorError> {
        self.guard.call(VendorOperation::ReadTokens, || self.inner.load_token(token)).await
    }

    async fn issue_token(
        &self,
        key: &StepKey,
        event: &EventKey,
        sections: &[SectionKey],
    ) -> Result<AdmissionToken, VendorError> {
        self.guard.call(VendorOperation::WriteTokens, || self.inner.issue_token(key, event, sections)).await
    }

    async fn rescope_token(&self, token: &TokenKey, sections: &[SectionKey]) -> Result<AdmissionToken, VendorError> {
        self.guard.call(VendorOperation::WriteTokens, || self.inner.rescope_token(token, sections)).await
    }

    async fn revoke_token(&self, token: &TokenKey) -> Result<(), VendorError> {
        self.guard.call(VendorOperation::WriteTokens, || self.inner.revoke_token(token)).await
    }

    // Each exchange may create a key at the vendor, so it is not retried after a lost response.
    async fn exchange_code(&self, code: &SecretString) -> Result<GateKey, VendorError> {
        self.guard.call(VendorOperation::WriteTokens, || self.inner.exchange_code(code)).await
    }

    async fn admit(&self, gate: &GateKey, serials: &[String]) -> Result<Vec<Admission>, VendorError> {
        self.guard.call(VendorOperation::Admit, || self.inner.admit(gate, serials)).await
    }

    async fn list_admissions(&self, gate: &GateKey) -> Result<Vec<Admission>, VendorError> {
        self.guard.call(VendorOperation::ReadAdmissions, || self.inner.list_admissions(gate)).await
    }
}
