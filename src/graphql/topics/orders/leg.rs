//! A leg: the part of an order at one source.

use std::sync::Arc;

use async_graphql::{Context, Enum, ID, Object, SimpleObject};
use domain::ordering;
use domain::source;
use orders::{self, Leg};

use crate::graphql::base::ctx::Ctx;
use crate::graphql::base::error::{ApiError, ErrorCode};
use crate::graphql::base::id;
use crate::graphql::base::scalars::DateTime;
use crate::graphql::base::viewer::Scope;
use crate::graphql::topics::orders::SharedOrder;
use crate::graphql::topics::orders::operator::LegSettlementEnum;
use crate::graphql::topics::orders::order::Order;
use crate::graphql::topics::orders::problem::to_problems;
use crate::graphql::topics::problem::Problem;
use crate::graphql::topics::sources::{ExternalRef, Source};

/// The state of a leg.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(name = "LegStatus", remote = "orders::LegStatus")]
pub enum LegStatusEnum {
    /// Planned; nothing is booked.
    Draft,
    /// Hold in progress.
    Holding,
    /// Places are held.
    Held,
    /// The source rejected the hold.
    HoldFailed,
    /// Confirmation in progress.
    Confirming,
    /// Sold.
    Confirmed,
    /// The source rejected the confirmation.
    ConfirmFailed,
    /// The source's response was lost and is being looked up. Neither success nor failure.
    OutcomeUnknown,
    /// Release in progress.
    Releasing,
    /// The hold was released.
    Released,
    /// The hold expired.
    Expired,
    /// Cancellation in progress.
    Cancelling,
    /// The sale was canceled.
    Cancelled,
    /// Needs an operator.
    NeedsAttention,
}

/// A source operation of a leg.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(name = "LegOperation", remote = "orders::leg::LegOperation")]
pub enum LegOperationEnum {
    /// Hold places.
    Hold,
    /// Extend a hold.
    Extend,
    /// Confirm the sale.
    Confirm,
    /// Release a hold.
    Release,
    /// Cancel a sale.
    Cancel,
}

/// The outcome of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(name = "AttemptOutcome", remote = "orders::leg::AttemptOutcome")]
pub enum AttemptOutcomeEnum {
    /// Called, no response yet.
    InFlight,
    /// Done.
    Succeeded,
    /// Certainly not done.
    Rejected,
    /// Not known yet.
    Unknown,
    /// Found done by a look-up.
    ResolvedDone,
    /// Found not done by a look-up.
    ResolvedNotDone,
}

/// The part of an offer that a hold secures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(name = "HoldSecures", remote = "ordering::HoldSecures")]
pub enum HoldSecuresEnum {
    /// A number of places.
    Capacity,
    /// Specific seats.
    Seats,
    /// The price.
    Price,
}

/// A leg: the part of an order at one source.
#[derive(Clone)]
pub struct VendorOrder {
    order: SharedOrder,
    leg: usize,
}

impl VendorOrder {
    /// Returns all legs of an order.
    pub fn list(order: &SharedOrder) -> Vec<Self> {
        (0..order.legs.len()).map(|leg| Self::of(order, leg)).collect()
    }

    /// Returns a leg that the order has.
    pub(super) fn of(order: &SharedOrder, leg: usize) -> Self {
        Self { order: Arc::clone(order), leg }
    }

    /// Finds a leg by its index.
    pub fn find(order: &SharedOrder, leg: usize) -> Option<Self> {
        (leg < order.legs.len()).then(|| Self::of(order, leg))
    }

    fn inner(&self) -> &Leg {
        &self.order.legs[self.leg]
    }

    /// Finds the source that books the leg. Fails if it is not configured any more.
    pub(super) fn find_source(&self, ctx: &Ctx) -> Result<Arc<source::Source>, ApiError> {
        ctx.catalog().find_source(&self.inner().source).cloned().ok_or_else(|| ApiError::new(ErrorCode::SourceGone))
    }
}

/// A leg: the part of an order at one source.
#[Object]
impl VendorOrder {
    /// Global id of the leg. Opaque.
    pub async fn id(&self) -> ID {
        id::leg_id(self.order.key, self.leg)
    }

    /// The order that the leg belongs to.
    async fn order(&self) -> Order {
        Order(Arc::clone(&self.order))
    }

    /// The name of the source that books the leg. Also if the source is not configured any more.
    async fn source_name(&self) -> &str {
        self.inner().source.as_str()
    }

    /// The source that books the leg.
    async fn source(&self, ctx: &Context<'_>) -> Result<Source, ApiError> {
        self.find_source(Ctx::of(ctx)).map(Source)
    }

    /// The state.
    async fn status(&self) -> LegStatusEnum {
        self.inner().status.into()
    }

    /// Our reference at the source.
    async fn our_reference(&self) -> &str {
        &self.inner().reference
    }

    /// The vendor's own identifiers.
    async fn external_refs(&self, ctx: &Context<'_>) -> Result<Vec<ExternalRef>, ApiError> {
        let ctx = Ctx::of(ctx);
        // Some vendors hand out tickets to whoever knows these.
        if !ctx.viewer.has_scope(Scope::TicketBarcode) {
            return Ok(Vec::new());
        }
        if !self.inner().refs.is_empty() {
            ctx.record_codes_read(&self.order).await?;
        }
        Ok(ExternalRef::list(&self.find_source(ctx)?, &self.inner().refs))
    }

    /// Expiry of the hold.
    async fn hold_expires_at(&self) -> Option<DateTime> {
        self.inner().hold_expires_at.map(DateTime::utc)
    }

    /// The parts of the offer that the hold secures.
    async fn hold_secures(&self) -> Vec<HoldSecuresEnum> {
        self.inner().secures.iter().copied().map(Into::into).collect()
    }

    /// The operation whose response was lost. Null if no response is missing.
    async fn unknown_operation(&self) -> Option<LegOperationEnum> {
        self.inner().unknown.map(|unknown| unknown.operation.into())
    }

    /// Time since when the outcome is unknown.
    async fn unknown_since(&self) -> Option<DateTime> {
        self.inner().unknown.map(|unknown| DateTime::utc(unknown.since))
    }

    /// Time of the next look-up, retry, or read of tickets that are missing.
    async fn next_check_at(&self) -> Option<DateTime> {
        self.inner().next_check_at().map(DateTime::utc)
    }

    /// The answers of `settleLeg` that the leg waits for. Empty unless it needs attention and the caller has the scope `admin`.
    async fn available_settlements(&self, ctx: &Context<'_>) -> Vec<LegSettlementEnum> {
        let question = self.inner().open_question().filter(|_| Ctx::of(ctx).viewer.has_scope(Scope::Admin));
        question.into_iter().flat_map(|question| question.answers()).map(Into::into).collect()
    }

    /// The cancellation terms.
    async fn cancellation(&self, ctx: &Context<'_>) -> CancellationTerms {
        CancellationTerms::of(self.inner(), Ctx::of(ctx).now)
    }

    /// Every call that may have changed state at the vendor, in order.
    async fn attempts(&self) -> Vec<Attempt> {
        Attempt::list(self.inner())
    }

    /// The problems of the last action.
    async fn problems(&self, ctx: &Context<'_>) -> Vec<Problem> {
        to_problems(Ctx::of(ctx), Some(self.order.key), &self.inner().problems)
    }
}

/// Cancellation terms of a leg.
#[derive(SimpleObject)]
pub(super) struct CancellationTerms {
    /// True if the leg can be canceled now.
    possible: bool,
    /// The deadline for cancellation.
    until: Option<DateTime>,
    /// The fee in percent.
    fee_percent: Option<f64>,
    /// Stable code of the reason, if the leg cannot be canceled.
    reason: Option<String>,
}

impl CancellationTerms {
    fn of(leg: &Leg, now: jiff::Timestamp) -> Self {
        let possible = leg.is_cancelable(now);
        let reason = if possible {
            None
        } else if !leg.capabilities.has_undo {
            Some("UNSUPPORTED_BY_SOURCE")
        } else if leg.status != orders::LegStatus::Confirmed {
            Some("NOT_CONFIRMED")
        } else {
            Some("CANCELLATION_TOO_LATE")
        };
        Self {
            possible,
            until: leg.capabilities.cancel_until.map(DateTime::utc),
            // For display only; amounts of money are never computed from it.
            fee_percent: leg.capabilities.has_undo.then(|| f64::from(leg.capabilities.cancel_fee) / 100.0),
            reason: reason.map(str::to_owned),
        }
    }
}

/// A call that may have changed state at the vendor.
#[derive(SimpleObject)]
pub(super) struct Attempt {
    /// The operation.
    operation: LegOperationEnum,
    /// Number of the call among those of its operation, from 1.
    number: i32,
    /// Start of the call.
    started_at: DateTime,
    /// Time when its outcome was recorded.
    ended_at: Option<DateTime>,
    /// The outcome.
    outcome: AttemptOutcomeEnum,
    /// The vendor's own code, for support.
    vendor_code: Option<String>,
}

impl Attempt {
    fn list(leg: &Leg) -> Vec<Self> {
        let mut counts = std::collections::HashMap::new();
        let numbered = leg.attempts.iter().map(|attempt| {
            let number = counts.entry(attempt.operation).or_insert(0);
            *number += 1;
            Self {
                operation: attempt.operation.into(),
                number: *number,
                started_at: DateTime::utc(attempt.started_at),
                ended_at: attempt.ended_at.map(DateTime::utc),
                outcome: attempt.outcome.into(),
                vendor_code: attempt.vendor_code.clone(),
            }
        });
        numbered.collect()
    }
}
