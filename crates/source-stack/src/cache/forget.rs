//! Forgets what our own sales make untrue.
//!
//! It stands outside the guard: what counts is that a call may have acted, whatever its attempts came to.

use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;

use crate::cache::{Cache, Invalidation};
use domain::ids::StepKey;
use domain::ordering::{
    CancelLine, Cancelled, Confirmed, Found, Held, IssuedTicket, LegRequest, Ordering, Refunds, SettlementRefusal,
    VendorSale,
};
use domain::{Effect, ErrorKind, ExternalRef, LegShape, PerformanceKey, SourceId, VendorError};

/// A selling port whose calls make the memory forget what was free before.
pub(crate) struct Forgetful<P: ?Sized> {
    pub(super) source: SourceId,
    pub(super) cache: Arc<Cache>,
    pub(super) inner: Arc<P>,
}

impl<P: ?Sized> Forgetful<P> {
    pub(crate) fn new(source: &SourceId, cache: &Arc<Cache>, inner: Arc<P>) -> Self {
        Self { source: source.clone(), cache: Arc::clone(cache), inner }
    }

    /// Forgets what is free for the performances of a leg, unless the call certainly changed nothing and taught us nothing.
    fn forget<T>(&self, leg: &LegRequest, outcome: Result<T, VendorError>) -> Result<T, VendorError> {
        let is_idle = outcome
            .as_ref()
            .is_err_and(|error| error.effect == Effect::None && !matches!(error.kind, ErrorKind::Rejected(_)));
        if !is_idle {
            let performances = leg.lines.iter().map(|line| line.performance.clone()).collect();
            self.cache.forget(Invalidation::Performances(self.source.clone(), performances));
        }
        outcome
    }
}

#[async_trait]
impl Ordering for Forgetful<dyn Ordering> {
    fn shape(&self, leg: &LegRequest) -> LegShape {
        self.inner.shape(leg)
    }

    fn refuses(&self, leg: &LegRequest) -> Option<SettlementRefusal> {
        self.inner.refuses(leg)
    }

    async fn hold(&self, key: &StepKey, leg: &LegRequest) -> Result<Held, VendorError> {
        self.forget(leg, self.inner.hold(key, leg).await)
    }

    async fn confirm(&self, key: &StepKey, leg: &LegRequest, refs: &[ExternalRef]) -> Result<Confirmed, VendorError> {
        self.forget(leg, self.inner.confirm(key, leg, refs).await)
    }

    async fn release(&self, key: &StepKey, leg: &LegRequest, refs: &[ExternalRef]) -> Result<(), VendorError> {
        self.forget(leg, self.inner.release(key, leg, refs).await)
    }

    async fn find_hold(&self, key: &StepKey, leg: &LegRequest) -> Result<Found<Held>, VendorError> {
        self.inner.find_hold(key, leg).await
    }

    async fn find_confirmation(
        &self,
        key: &StepKey,
        leg: &LegRequest,
        refs: &[ExternalRef],
    ) -> Result<Found<Confirmed>, VendorError> {
        self.inner.find_confirmation(key, leg, refs).await
    }

    async fn load_tickets(&self, leg: &LegRequest, refs: &[ExternalRef]) -> Result<Vec<IssuedTicket>, VendorError> {
        self.inner.load_tickets(leg, refs).await
    }

    async fn list_sales(
        &self,
        from: Timestamp,
        to: Timestamp,
        performances: &[PerformanceKey],
        references: &[String],
    ) -> Result<Vec<VendorSale>, VendorError> {
        self.inner.list_sales(from, to, performances, references).await
    }
}

#[async_trait]
impl Refunds for Forgetful<dyn Refunds> {
    async fn cancel(
        &self,
        key: &StepKey,
        leg: &LegRequest,
        refs: &[ExternalRef],
        lines: &[CancelLine],
    ) -> Result<Cancelled, VendorError> {
        self.forget(leg, self.inner.cancel(key, leg, refs, lines).await)
    }

    async fn find_cancellation(
        &self,
        key: &StepKey,
        leg: &LegRequest,
        refs: &[ExternalRef],
        lines: &[CancelLine],
    ) -> Result<Found<Cancelled>, VendorError> {
        self.inner.find_cancellation(key, leg, refs, lines).await
    }
}
