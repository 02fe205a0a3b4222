//! Which way a leg and an order may go. Drawn for people in docs/orders.md, which a test compares with the tables here.

use crate::status::{LegStatus, OrderStatus};

/// Where a leg may go from each status, in the order of its life. What is dead, and what a human has to settle, goes nowhere.
pub const LEG_MOVES: [(LegStatus, &[LegStatus]); 14] = {
    use LegStatus::*;
    [
        (Draft, &[Holding, Confirming, Released]),
        (Holding, &[Held, HoldFailed, OutcomeUnknown]),
        (Held, &[HoldFailed, Confirming, Releasing, Expired]),
        (HoldFailed, &[]),
        (Confirming, &[Draft, Held, Confirmed, ConfirmFailed, OutcomeUnknown]),
        (Confirmed, &[Cancelling, NeedsAttention]),
        (ConfirmFailed, &[]),
        (OutcomeUnknown, &[Draft, Held, HoldFailed, Confirmed, ConfirmFailed, Cancelled, NeedsAttention]),
        (Releasing, &[Held, Released]),
        (Released, &[]),
        (Expired, &[]),
        (Cancelling, &[Confirmed, OutcomeUnknown, Cancelled, NeedsAttention]),
        (Cancelled, &[]),
        (NeedsAttention, &[]),
    ]
};

/// Where an order may go from each status. It is computed from its legs, so this follows from [`LEG_MOVES`] and the rules of
/// [`decide`](crate::decide::decide); it stands here to be read.
pub const ORDER_MOVES: [(OrderStatus, &[OrderStatus]); 16] = {
    use OrderStatus::*;
    [
        (Draft, &[Holding, Confirming, Releasing]),
        (Holding, &[Draft, Held, PartiallyHeld, Confirming, Failed, Releasing]),
        (Held, &[PartiallyHeld, Confirming, Releasing, Expired]),
        (PartiallyHeld, &[Draft, Confirming, Failed, Releasing, Released, Expired]),
        (Confirming, &[Confirmed, PartiallyConfirmed, Compensating, Failed, Expired, NeedsAttention]),
        (Confirmed, &[Cancelling]),
        (PartiallyConfirmed, &[Cancelling]),
        (Compensating, &[Failed, NeedsAttention]),
        (Failed, &[]),
        (Releasing, &[Failed, Released, Expired, NeedsAttention]),
        (Released, &[]),
        (Expired, &[]),
        (Cancelling, &[Confirmed, PartiallyConfirmed, Cancelled, PartiallyCancelled, NeedsAttention]),
        (Cancelled, &[]),
        (PartiallyCancelled, &[Cancelling]),
        (NeedsAttention, &[Releasing, Cancelling]),
    ]
};

impl LegStatus {
    /// Whether a leg may go from here to there in one step.
    pub fn may_become(self, next: Self) -> bool {
        LEG_MOVES.iter().any(|(from, to)| *from == self && to.contains(&next))
    }
}
