//! The guard in front of each port: one line a method.

use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use secrecy::SecretString;

use crate::guard::Guard;
use crate::question::{Layer, Question};
use domain::admissions::{Admission, GateKey, TokenPage};
use domain::ids::StepKey;
use domain::ordering::{
    CancelLine, Cancelled, Confirmed, Found, Held, HoldExtension, IssuedTicket, LegRequest, Ordering, Refunds,
    SettlementRefusal, VendorSale,
};
use domain::{
    AdmissionToken, Admissions, Batch, Catalog, EventKey, ExternalRef, LegShape, Operation, PerformanceKey, SectionKey,
    SourceId, TokenKey, VendorError,
};

/// A port whose calls go through a guard.
pub(crate) struct Guarded<P: ?Sized> {
    pub(super) guard: Arc<Guard>,
    pub(super) inner: Arc<P>,
}

impl<P: ?Sized> Guarded<P> {
    pub(crate) fn new(inner: Arc<P>, guard: &Arc<Guard>) -> Self {
        Self { guard: Arc::clone(guard), inner }
    }
}

impl Layer for Guarded<dyn Catalog> {
    fn source(&self) -> &SourceId {
        &self.guard.source
    }

    async fn answer<Q: Question>(&self, question: Q, items: Vec<Q::Item>) -> Batch<Q::Key, Q::Answer> {
        self.guard.call_batch(Q::OPERATION, items, Q::key, |items| question.ask(&*self.inner, items)).await
    }
}

#[async_trait]
impl Ordering for Guarded<dyn Ordering> {
    fn shape(&self, leg: &LegRequest) -> LegShape {
        self.inner.shape(leg)
    }

    fn refuses(&self, leg: &LegRequest) -> Option<SettlementRefusal> {
        self.inner.refuses(leg)
    }

    async fn hold(&self, key: &StepKey, leg: &LegRequest) -> Result<Held, VendorError> {
        self.guard.call(Operation::Hold, || self.inner.hold(key, leg)).await
    }

    async fn confirm(&self, key: &StepKey, leg: &LegRequest, refs: &[ExternalRef]) -> Result<Confirmed, VendorError> {
        self.guard.call(Operation::Confirm, || self.inner.confirm(key, leg, refs)).await
    }

    async fn release(&self, key: &StepKey, leg: &LegRequest, refs: &[ExternalRef]) -> Result<(), VendorError> {
        self.guard.call(Operation::Release, || self.inner.release(key, leg, refs)).await
    }

    async fn find_hold(&self, key: &StepKey, leg: &LegRequest) -> Result<Found<Held>, VendorError> {
        self.guard.call(Operation::LookUp, || self.inner.find_hold(key, leg)).await
    }

    async fn find_confirmation(
        &self,
        key: &StepKey,
        leg: &LegRequest,
        refs: &[ExternalRef],
    ) -> Result<Found<Confirmed>, VendorError> {
        self.guard.call(Operation::LookUp, || self.inner.find_confirmation(key, leg, refs)).await
    }

    async fn load_tickets(&self, leg: &LegRequest, refs: &[ExternalRef]) -> Result<Vec<IssuedTicket>, VendorError> {
        self.guard.call(Operation::LookUp, || self.inner.load_tickets(leg, refs)).await
    }

    async fn list_sales(
        &self,
        from: Timestamp,
        to: Timestamp,
        performances: &[PerformanceKey],
        references: &[String],
    ) -> Result<Vec<VendorSale>, VendorError> {
        self.guard.call(Operation::ListOrders, || self.inner.list_sales(from, to, performances, references)).await
    }
}

#[async_trait]
impl HoldExtension for Guarded<dyn HoldExtension> {
    async fn extend(&self, key: &StepKey, leg: &LegRequest, refs: &[ExternalRef]) -> Result<Held, VendorError> {
        self.guard.call(Operation::Extend, || self.inner.extend(key, leg, refs)).await
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
    ) -> Result<Cancelled, VendorError> {
        self.guard.call(Operation::Cancel, || self.inner.cancel(key, leg, refs, lines)).await
    }

    async fn find_cancellation(
        &self,
        key: &StepKey,
        leg: &LegRequest,
        refs: &[ExternalRef],
        lines: &[CancelLine],
    ) -> Result<Found<Cancelled>, VendorError> {
        self.guard.call(Operation::LookUp, || self.inner.find_cancellation(key, leg, refs, lines)).await
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
        self.guard.call(Operation::ReadTokens, || self.inner.list_tokens(event, is_global, skip, limit)).await
    }

    async fn load_token(&self, token: &TokenKey) -> Result<AdmissionToken, VendorError> {
        self.guard.call(Operation::ReadTokens, || self.inner.load_token(token)).await
    }

    async fn issue_token(
        &self,
        key: &StepKey,
        event: &EventKey,
        sections: &[SectionKey],
    ) -> Result<AdmissionToken, VendorError> {
        self.guard.call(Operation::WriteTokens, || self.inner.issue_token(key, event, sections)).await
    }

    async fn rescope_token(&self, token: &TokenKey, sections: &[SectionKey]) -> Result<AdmissionToken, VendorError> {
        self.guard.call(Operation::WriteTokens, || self.inner.rescope_token(token, sections)).await
    }

    async fn revoke_token(&self, token: &TokenKey) -> Result<(), VendorError> {
        self.guard.call(Operation::WriteTokens, || self.inner.revoke_token(token)).await
    }

    // An exchange may make a key at the vendor each time: it is not repeated when its answer was lost.
    async fn exchange_code(&self, code: &SecretString) -> Result<GateKey, VendorError> {
        self.guard.call(Operation::WriteTokens, || self.inner.exchange_code(code)).await
    }

    async fn admit(&self, gate: &GateKey, serials: &[String]) -> Result<Vec<Admission>, VendorError> {
        self.guard.call(Operation::Admit, || self.inner.admit(gate, serials)).await
    }

    async fn list_admissions(&self, gate: &GateKey) -> Result<Vec<Admission>, VendorError> {
        self.guard.call(Operation::ReadAdmissions, || self.inner.list_admissions(gate)).await
    }
}
