//! Allowed status transitions of legs and orders. A test compares the diagrams in docs/orders.md with these tables.

use crate::status::{LegStatus, OrderStatus};

/// Allowed transitions of a leg, by status. Inactive statuses have none; `NeedsAttention` is left by a person only.
pub const LEG_TRANSITIONS: [(LegStatus, &[LegStatus]); 14] = {
    use LegStatus::*;
    [
        (Draft, &[Holding, Confirming, Released]),
        (Holding, &[Draft, Held, HoldFailed, OutcomeUnknown]),
        (Held, &[HoldFailed, Confirming, Releasing, Expired]),
        (HoldFailed, &[]),
        (Confirming, &[Draft, Held, Confirmed, ConfirmFailed, OutcomeUnknown]),
        // Cancelled: by a person, of a sale whose tickets never came.
        (Confirmed, &[Cancelling, Cancelled, NeedsAttention]),
        (ConfirmFailed, &[]),
        (OutcomeUnknown, &[Draft, Held, HoldFailed, Confirmed, ConfirmFailed, Cancelled, NeedsAttention]),
        (Releasing, &[Held, Released]),
        (Released, &[]),
        (Expired, &[]),
        (Cancelling, &[Confirmed, OutcomeUnknown, Cancelled, NeedsAttention]),
        (Cancelled, &[]),
        // By a person.
        (NeedsAttention, &[OutcomeUnknown, Confirmed, ConfirmFailed, Cancelled]),
    ]
};

/// Observable transitions of an order, by status. They follow from [`LEG_TRANSITIONS`] and the rules of
/// [`decide`](crate::decision::decide), because the status of an order is computed from its legs.
pub const ORDER_TRANSITIONS: [(OrderStatus, &[OrderStatus]); 16] = {
    use OrderStatus::*;
    [
        (Draft, &[Holding, Confirming, Releasing]),
        // Released: the only hold expired while the other legs waited for their turn.
        (Holding, &[Draft, Held, PartiallyHeld, Confirming, Failed, Releasing, Released]),
        (Held, &[PartiallyHeld, Confirming, Releasing, Expired]),
        (PartiallyHeld, &[Draft, Confirming, Failed, Releasing, Released, Expired]),
        (Confirming, &[Confirmed, PartiallyConfirmed, Compensating, Failed, Expired, NeedsAttention]),
        // NeedsAttention: tickets of a sale did not come.
        (Confirmed, &[Cancelling, NeedsAttention]),
        (PartiallyConfirmed, &[Cancelling, NeedsAttention]),
        // PartiallyConfirmed: a person said that a sale stands.
        (Compensating, &[PartiallyConfirmed, Failed, NeedsAttention]),
        (Failed, &[]),
        (Releasing, &[Failed, Released, Expired, NeedsAttention]),
        (Released, &[]),
        (Expired, &[]),
        (Cancelling, &[Confirmed, PartiallyConfirmed, Cancelled, PartiallyCancelled, NeedsAttention]),
        (Cancelled, &[]),
        (PartiallyCancelled, &[Cancelling, NeedsAttention]),
        // All but Releasing and Cancelling by a person, or by tickets that came late.
        (
            NeedsAttention,
            &[
                Confirming,
                Confirmed,
                PartiallyConfirmed,
                Compensating,
                Failed,
                Releasing,
                Cancelling,
                Cancelled,
                PartiallyCancelled,
            ],
        ),
    ]
};

impl LegStatus {
    /// Returns true if a leg may change to `next` in one step.
    pub fn can_become(self, next: Self) -> bool {
        LEG_TRANSITIONS.iter().any(|(from, to)| *from == self && to.contains(&next))
    }
}
