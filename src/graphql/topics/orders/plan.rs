//! The guarantees that an order gives before the booking.

use std::sync::Arc;

use async_graphql::{Context, Enum, ID, Object};
use orders::plan;

use crate::graphql::base::ctx::Ctx;
use crate::graphql::base::error::ApiError;
use crate::graphql::base::id;
use crate::graphql::base::scalars::seconds;
use crate::graphql::topics::catalog::Money;
use crate::graphql::topics::orders::SharedOrder;
use crate::graphql::topics::orders::leg::VendorOrder;
use crate::graphql::topics::sources::Source;

/// The guarantee that either all legs are sold or none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(name = "Guarantee", remote = "plan::Guarantee")]
pub enum GuaranteeEnum {
    /// One leg: it is sold or it is not.
    Atomic,
    /// Several legs: either all are sold, or the sold ones are canceled with a full refund.
    Compensated,
    /// Anything else: see the risks.
    BestEffort,
}

/// Something that may keep an order from being all or nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(name = "RiskCode", remote = "plan::RiskKind")]
pub enum RiskCodeEnum {
    /// The source cannot cancel the sale.
    NoUndo,
    /// The source documents cancellation, but it has not been proven to work.
    UndoUnproven,
    /// Cancellation has a fee.
    #[graphql(name = "UNDO_COSTS")]
    UndoHasFee,
    /// The places are not held first and may sell out before the confirmation.
    NotHeld,
    /// The price may change before the confirmation.
    #[graphql(name = "PRICE_MAY_MOVE")]
    PriceMayChange,
    /// A lost response can only be resolved by a look-up.
    #[graphql(name = "ANSWER_MAY_BE_LOST")]
    ResponseMayBeLost,
}

/// A risk of one leg.
pub(super) struct LegRisk {
    order: SharedOrder,
    risk: plan::Risk,
}

/// A risk of one leg.
#[Object]
impl LegRisk {
    /// The risk.
    async fn code(&self) -> RiskCodeEnum {
        self.risk.kind.into()
    }

    /// The leg.
    async fn leg(&self) -> VendorOrder {
        VendorOrder::of(&self.order, self.risk.leg)
    }

    /// The source that books the leg.
    async fn source(&self, ctx: &Context<'_>) -> Result<Source, ApiError> {
        VendorOrder::of(&self.order, self.risk.leg).find_source(Ctx::of(ctx)).map(Source)
    }
}

/// The guarantees that an order gives before the booking.
pub(super) struct OrderPlan(pub SharedOrder);

/// The guarantees that an order gives before the booking.
#[Object]
impl OrderPlan {
    /// The guarantee that either all legs are sold or none.
    async fn guarantee(&self) -> GuaranteeEnum {
        self.0.plan.guarantee.into()
    }

    /// The legs in the order of confirmation. They are undone in reverse order.
    async fn confirm_sequence(&self) -> Vec<ID> {
        self.0.plan.confirm_sequence.iter().map(|leg| id::leg_id(self.0.key, *leg)).collect()
    }

    /// The risks by leg.
    async fn leg_risks(&self) -> Vec<LegRisk> {
        self.0.plan.risks.iter().map(|risk| LegRisk { order: Arc::clone(&self.0), risk: *risk }).collect()
    }

    /// The risks, one row each: a stable code, then the source. `legRisks` has the same as values.
    async fn risks(&self) -> Vec<String> {
        let risks = self.0.plan.risks.iter();
        risks.map(|risk| format!("{} at {}", risk.kind.name(), self.0.legs[risk.leg].source)).collect()
    }

    /// Seconds that the limits of the sources let the order take from now. Null if no wait is foreseen.
    async fn expected_seconds(&self, ctx: &Context<'_>) -> Result<Option<i32>, ApiError> {
        let wait = Ctx::of(ctx).orders()?.expected_wait(&self.0).await;
        Ok(wait.map(seconds))
    }

    /// The amount that may be charged without a refund although the order is incomplete, one amount per currency.
    async fn worst_case_loss(&self) -> Vec<Money> {
        self.0.plan.worst_case_loss.iter().copied().map(Money).collect()
    }
}
