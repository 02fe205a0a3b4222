//! Invalidate-on-write: a write through a port invalidates the cached values that it may have changed.
//!
//! It stands outside the guard, because only the outcome of all attempts counts.

mod authoring;

use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;

use crate::catalog_cache::CatalogCache;
use crate::tag_invalidation::Invalidation;
use domain::ids::StepKey;
use domain::ordering::{
    CancelLine, CompletedCancellation, ConfirmedSale, IssuedTicket, LegRequest, LookupOutcome, Ordering, PlacedHold,
    Refunds, SettlementRefusal, VendorSale,
};
use domain::{Effect, ErrorKind, ExternalRef, LegShape, PerformanceKey, SourceId, VendorError};

/// A port whose writes invalidate cached values.
pub(crate) struct InvalidateOnWrite<P: ?Sized> {
    source: SourceId,
    cache: Arc<CatalogCache>,
    inner: Arc<P>,
}

impl<P: ?Sized> InvalidateOnWrite<P> {
    pub(crate) fn new(source: &SourceId, cache: &Arc<CatalogCache>, inner: Arc<P>) -> Self {
        Self { source: source.clone(), cache: Arc::clone(cache), inner }
    }

    /// Invalidates the availability of a leg's performances, unless the call had no effect. A rejection invalidates too: it shows
    /// that the cached availability is wrong.
    fn invalidate_performances<T>(&self, leg: &LegRequest, outcome: Result<T, VendorError>) -> Result<T, VendorError> {
        let is_unchanged = outcome
            .as_ref()
            .is_err_and(|error| error.effect == Effect::None && !matches!(error.kind, ErrorKind::Rejected(_)));
        if !is_unchanged {
            let performances = leg.lines.iter().map(|line| line.performance.clone()).collect();
            self.cache.invalidate(Invalidation::Performances(self.source.clone(), performances));
        }
        outcome
    }
}

#[async_trait]
impl Ordering for InvalidateOnWrite<dyn Ordering> {
    fn shape(&self, leg: &LegRequest) -> LegShape {
        self.inner.shape(leg)
    }

    fn settlement_refusal(&self, leg: &LegRequest) -> Option<SettlementRefusal> {
        self.inner.settlement_refusal(leg)
    }

    async fn hold(&self, key: &StepKey, leg: &LegRequest) -> Result<PlacedHold, VendorError> {
        self.invalidate_performances(leg, self.inner.hold(key, leg).await)
    }

    async fn confirm(
        &self,
        key: &StepKey,
        leg: &LegRequest,
        refs: &[ExternalRef],
    ) -> Result<ConfirmedSale, VendorError> {
        self.invalidate_performances(leg, self.inner.confirm(key, leg, refs).await)
    }

    async fn release(&self, key: &StepKey, leg: &LegRequest, refs: &[ExternalRef]) -> Result<(), VendorError> {
        self.invalidate_performances(leg, self.inner.release(key, leg, refs).await)
    }

    async fn find_hold(&self, key: &StepKey, leg: &LegRequest) -> Result<LookupOutcome<PlacedHold>, VendorError> {
        self.inner.find_hold(key, leg).await
    }

    async fn find_confirmation(
        &self,
        key: &StepKey,
        leg: &LegRequest,
        refs: &[ExternalRef],
    ) -> Result<LookupOutcome<ConfirmedSale>, VendorError> {
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
impl Refunds for InvalidateOnWrite<dyn Refunds> {
    async fn cancel(
        &self,
        key: &StepKey,
        leg: &LegRequest,
        refs: &[ExternalRef],
        lines: &[CancelLine],
    ) -> Result<CompletedCancellation, VendorError> {
        self.invalidate_performances(leg, self.inner.cancel(key, leg, refs, lines).await)
    }

    async fn find_cancellation(
        &self,
        key: &StepKey,
        leg: &LegRequest,
        refs: &[ExternalRef],
        lines: &[CancelLine],
    ) -> Result<LookupOutcome<CompletedCancellation>, VendorError> {
        self.inner.find_cancellation(key, leg, refs, lines).await
    }
}
