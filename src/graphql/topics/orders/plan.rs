//! The guarantees that an order gives before the booking.

use async_graphql::{Context, Enum, ID, Object};
use orders::plan;

use crate::graphql::base::ctx::Ctx;
use crate::graphql::base::error::ApiError;
use crate::graphql::base::id;
use crate::graphql::base::scalars::seconds;
use crate::graphql::topics::catalog::Money;
use crate::graphql::topics::orders::SharedOrder;

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

    /// The risks, one row each: a stable code, then the source.
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
