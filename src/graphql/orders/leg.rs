//! One leg: everything of an order that one source must book.

use std::sync::Arc;

use async_graphql::{Context, Enum, ID, Object, SimpleObject};

use crate::graphql::ctx::Ctx;
use crate::graphql::error::{Code, Fault};
use crate::graphql::id;
use crate::graphql::orders::Shared;
use crate::graphql::orders::order::Order;
use crate::graphql::orders::problem::problems;
use crate::graphql::problem::Problem;
use crate::graphql::scalars::DateTime;
use crate::graphql::sources::{ExternalRef, Source};
use domain::ordering;
use domain::source;
use orders::{self, Leg};

/// Where a leg stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "orders::LegStatus")]
pub enum LegStatus {
    /// Nothing is booked.
    Draft,
    /// Places are being set aside.
    Holding,
    /// Places are set aside.
    Held,
    /// The source set nothing aside.
    HoldFailed,
    /// It is being sold.
    Confirming,
    /// It is sold.
    Confirmed,
    /// The source sold nothing.
    ConfirmFailed,
    /// The answer of the source was lost: it is being looked up. Neither success nor failure.
    OutcomeUnknown,
    /// The hold is being given back.
    Releasing,
    /// The hold was given back.
    Released,
    /// The hold ran out.
    Expired,
    /// The sale is being undone.
    Cancelling,
    /// The sale was undone.
    Cancelled,
    /// An operator has to look at it.
    NeedsAttention,
}

/// What is asked of a source for a leg.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "orders::leg::LegOperation")]
pub enum LegOperation {
    /// Setting places aside.
    Hold,
    /// Prolonging a hold.
    Extend,
    /// Selling.
    Confirm,
    /// Giving a hold back.
    Release,
    /// Undoing a sale.
    Cancel,
}

/// What came of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "orders::leg::AttemptOutcome")]
pub enum AttemptOutcome {
    /// Called, no answer yet.
    InFlight,
    /// It was done.
    Succeeded,
    /// It certainly was not done.
    Rejected,
    /// Nobody knows yet.
    Unknown,
    /// A look-up found it done.
    ResolvedDone,
    /// A look-up found it not done.
    ResolvedNotDone,
}

/// What a hold sets aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "ordering::HoldSecures")]
pub enum HoldSecures {
    /// A number of places.
    Capacity,
    /// Certain seats.
    Seats,
    /// The price.
    Price,
}

/// One leg: everything of an order that one source must book.
#[derive(Clone)]
pub struct VendorOrder {
    order: Shared,
    leg: usize,
}

impl VendorOrder {
    /// Every leg of an order.
    pub fn all(order: &Shared) -> Vec<Self> {
        (0..order.legs.len()).map(|leg| Self::of(order, leg)).collect()
    }

    /// A leg that the order has.
    pub(super) fn of(order: &Shared, leg: usize) -> Self {
        Self { order: Arc::clone(order), leg }
    }

    /// One leg of an order; none where it has fewer.
    pub fn find(order: &Shared, leg: usize) -> Option<Self> {
        (leg < order.legs.len()).then(|| Self::of(order, leg))
    }

    fn told(&self) -> &Leg {
        &self.order.legs[self.leg]
    }

    fn source_of(&self, ctx: &Ctx) -> Result<Arc<source::Source>, Fault> {
        ctx.federation().find_source(&self.told().source).cloned().ok_or_else(|| Fault::new(Code::SourceGone))
    }
}

/// One leg: everything of an order that one source must book.
#[Object]
impl VendorOrder {
    /// Names the leg in the whole graph. Opaque.
    pub async fn id(&self) -> ID {
        id::leg_id(self.order.key, self.leg)
    }

    /// The order that it belongs to.
    async fn order(&self) -> Order {
        Order(Arc::clone(&self.order))
    }

    /// The source that books it.
    async fn source(&self, ctx: &Context<'_>) -> Result<Source, Fault> {
        self.source_of(Ctx::of(ctx)).map(Source)
    }

    /// Where it stands.
    async fn status(&self) -> LegStatus {
        self.told().status.into()
    }

    /// Our reference at the source.
    async fn our_reference(&self) -> &str {
        &self.told().reference
    }

    /// What the vendor calls it.
    async fn external_refs(&self, ctx: &Context<'_>) -> Result<Vec<ExternalRef>, Fault> {
        Ok(ExternalRef::all(&self.source_of(Ctx::of(ctx))?, &self.told().refs))
    }

    /// When its hold ends.
    async fn hold_expires_at(&self) -> Option<DateTime> {
        self.told().held_until.map(DateTime::utc)
    }

    /// What its hold sets aside.
    async fn hold_secures(&self) -> Vec<HoldSecures> {
        self.told().secures.iter().copied().map(Into::into).collect()
    }

    /// What was asked when the answer was lost; null: no answer is missing.
    async fn unknown_operation(&self) -> Option<LegOperation> {
        self.told().unknown.map(|unknown| unknown.operation.into())
    }

    /// Since when the outcome is unknown.
    async fn unknown_since(&self) -> Option<DateTime> {
        self.told().unknown.map(|unknown| DateTime::utc(unknown.since))
    }

    /// When it is looked up or tried next.
    async fn next_check_at(&self) -> Option<DateTime> {
        let leg = self.told();
        let at = leg.unknown.map(|unknown| unknown.next_check_at).or(leg.again.map(|again| again.at));
        at.map(DateTime::utc)
    }

    /// Whether, until when and at what cost it can be undone.
    async fn cancellation(&self, ctx: &Context<'_>) -> CancellationTerms {
        CancellationTerms::of(self.told(), Ctx::of(ctx).now)
    }

    /// Every call that may have changed something at the vendor, in order.
    async fn attempts(&self) -> Vec<Attempt> {
        Attempt::all(self.told())
    }

    /// What went wrong with the last action.
    async fn problems(&self, ctx: &Context<'_>) -> Vec<Problem> {
        problems(Ctx::of(ctx), Some(self.order.key), &self.told().problems)
    }
}

/// Whether, until when and at what cost a leg can be undone.
#[derive(SimpleObject)]
pub struct CancellationTerms {
    /// Whether it can be undone now.
    possible: bool,
    /// Until when.
    until: Option<DateTime>,
    /// What is kept, in percent.
    fee_percent: Option<f64>,
    /// Why it cannot be undone, as a stable code.
    reason: Option<String>,
}

impl CancellationTerms {
    fn of(leg: &Leg, now: jiff::Timestamp) -> Self {
        let possible = leg.may_cancel(now);
        let reason = if possible {
            None
        } else if !leg.traits.has_undo {
            Some("UNSUPPORTED_BY_SOURCE")
        } else if leg.status != orders::LegStatus::Confirmed {
            Some("NOT_CONFIRMED")
        } else {
            Some("CANCELLATION_TOO_LATE")
        };
        Self {
            possible,
            until: leg.traits.cancel_until.map(DateTime::utc),
            // A percentage for people; sums of money are never worked out of it.
            fee_percent: leg.traits.has_undo.then(|| f64::from(leg.traits.cancel_fee) / 100.0),
            reason: reason.map(str::to_owned),
        }
    }
}

/// A call that may have changed something at the vendor.
#[derive(SimpleObject)]
pub struct Attempt {
    /// What was asked.
    operation: LegOperation,
    /// Counts the calls of this operation, from 1.
    number: i32,
    /// When the call began.
    started_at: DateTime,
    /// When its outcome was written.
    ended_at: Option<DateTime>,
    /// What came of it.
    outcome: AttemptOutcome,
    /// The vendor's own code, for support.
    vendor_code: Option<String>,
}

impl Attempt {
    fn all(leg: &Leg) -> Vec<Self> {
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
