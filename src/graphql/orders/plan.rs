//! What is guaranteed before anything is booked.

use async_graphql::{Enum, ID, Object};

use crate::graphql::catalog::Money;
use crate::graphql::id;
use crate::graphql::orders::Shared;
use orders::plan;

/// How sure it is that all of the order is had, or nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "plan::Guarantee")]
pub enum Guarantee {
    /// One leg: it is sold or it is not.
    Atomic,
    /// Several legs: all are sold, or what was sold is undone with everything given back.
    Compensated,
    /// Anything else: see the risks.
    BestEffort,
}

/// What is guaranteed before anything is booked.
pub struct OrderPlan(pub Shared);

/// What is guaranteed before anything is booked.
#[Object]
impl OrderPlan {
    /// How sure it is that all of the order is had, or nothing.
    async fn guarantee(&self) -> Guarantee {
        self.0.plan.guarantee.into()
    }

    /// The legs in the sequence in which they are sold; they are undone in reverse.
    async fn confirm_sequence(&self) -> Vec<ID> {
        self.0.plan.confirm_sequence.iter().map(|leg| id::leg_id(self.0.key, *leg)).collect()
    }

    /// What may go wrong, a row a risk: a stable code, then the source that it is about.
    async fn risks(&self) -> Vec<String> {
        let risks = self.0.plan.risks.iter();
        risks.map(|risk| format!("{} at {}", risk.kind.name(), self.0.legs[risk.leg].source)).collect()
    }

    /// What may be paid for and not given back although not everything could be had, a sum a currency.
    async fn worst_case_loss(&self) -> Vec<Money> {
        self.0.plan.worst_case_loss.iter().copied().map(Money).collect()
    }
}
