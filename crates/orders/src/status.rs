//! Statuses of orders and legs. The status of an order is computed from its legs and its intent, never set.

/// Status of a leg.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    strum::IntoStaticStr,
    strum::EnumString,
    strum::VariantArray,
)]
#[strum(serialize_all = "SCREAMING_SNAKE_CASE")]
pub enum LegStatus {
    /// Planned; unknown to its source.
    Draft,
    /// The hold is in progress.
    Holding,
    /// Held.
    Held,
    /// The hold was rejected or failed.
    HoldFailed,
    /// The confirmation is in progress.
    Confirming,
    /// Confirmed.
    Confirmed,
    /// The confirmation was rejected; nothing was sold.
    ConfirmFailed,
    /// The response of the source was lost; the outcome is being looked up.
    OutcomeUnknown,
    /// The release is in progress.
    Releasing,
    /// The hold was released.
    Released,
    /// The hold expired.
    Expired,
    /// The cancellation is in progress.
    Cancelling,
    /// Canceled after its confirmation.
    Cancelled,
    /// Needs an operator.
    NeedsAttention,
}

impl LegStatus {
    /// All variants, in the order of a leg's life.
    pub const ALL: &[Self] = <Self as strum::VariantArray>::VARIANTS;

    /// Name in the store and the schema.
    pub fn name(self) -> &'static str {
        self.into()
    }

    /// Parses a stored name.
    pub fn parse(name: &str) -> Option<Self> {
        name.parse().ok()
    }

    /// Returns true if a call is in progress or its outcome is unknown.
    pub fn is_in_flight(self) -> bool {
        matches!(self, Self::Holding | Self::Confirming | Self::OutcomeUnknown | Self::Releasing | Self::Cancelling)
    }

    /// Returns true if nothing is booked and nothing will be.
    pub fn is_inactive(self) -> bool {
        matches!(self, Self::HoldFailed | Self::ConfirmFailed | Self::Released | Self::Expired | Self::Cancelled)
    }
}

/// Status of an order.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    strum::IntoStaticStr,
    strum::EnumString,
    strum::VariantArray,
)]
#[strum(serialize_all = "SCREAMING_SNAKE_CASE")]
pub enum OrderStatus {
    /// Planned and priced; nothing is booked.
    Draft,
    /// Holds are in progress.
    Holding,
    /// Every leg is held.
    Held,
    /// Some legs are held.
    PartiallyHeld,
    /// Confirmations are in progress.
    Confirming,
    /// Every leg is confirmed.
    Confirmed,
    /// Some legs are confirmed; the others never will be.
    PartiallyConfirmed,
    /// A leg failed and the others are being canceled.
    Compensating,
    /// Nothing is booked because a leg failed.
    Failed,
    /// Releases are in progress.
    Releasing,
    /// Nothing is booked; the holds were released.
    Released,
    /// Nothing is booked; the holds expired.
    Expired,
    /// Confirmed legs are being canceled on request.
    Cancelling,
    /// Every confirmed leg was canceled.
    Cancelled,
    /// A part of the confirmed lines was canceled.
    PartiallyCancelled,
    /// Needs an operator.
    NeedsAttention,
}

impl OrderStatus {
    /// All variants, in schema order.
    pub const ALL: &[Self] = <Self as strum::VariantArray>::VARIANTS;

    /// Name in the store and the schema.
    pub fn name(self) -> &'static str {
        self.into()
    }

    /// Parses a stored name.
    pub fn parse(name: &str) -> Option<Self> {
        name.parse().ok()
    }

    /// Returns true if the order is final and every outcome is known: the time to capture a payment.
    pub fn is_terminal(self) -> bool {
        matches!(
            self,
            Self::Confirmed
                | Self::PartiallyConfirmed
                | Self::Failed
                | Self::Released
                | Self::Expired
                | Self::Cancelled
                | Self::PartiallyCancelled
        )
    }

    /// Returns true if steps are in progress.
    pub fn is_in_progress(self) -> bool {
        matches!(self, Self::Holding | Self::Confirming | Self::Compensating | Self::Releasing | Self::Cancelling)
    }
}

/// Last requested intent of an order. It is kept afterwards, because the final status depends on it.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    strum::IntoStaticStr,
    strum::EnumString,
    strum::VariantArray,
)]
#[strum(serialize_all = "SCREAMING_SNAKE_CASE")]
pub enum Intent {
    /// No action was requested.
    None,
    /// Place holds.
    Hold,
    /// Confirm the legs.
    Confirm,
    /// Release the holds.
    Release,
    /// Cancel on request of the client.
    Cancel,
    /// Cancel because a leg failed.
    Compensate,
}

impl Intent {
    /// All variants.
    pub const ALL: &[Self] = <Self as strum::VariantArray>::VARIANTS;

    /// Name in the store.
    pub fn name(self) -> &'static str {
        self.into()
    }

    /// Parses a stored name.
    pub fn parse(name: &str) -> Option<Self> {
        name.parse().ok()
    }

    /// Returns the status of an order while the intent is in progress.
    fn in_progress_status(self) -> Option<OrderStatus> {
        match self {
            Self::None => None,
            Self::Hold => Some(OrderStatus::Holding),
            Self::Confirm => Some(OrderStatus::Confirming),
            Self::Release => Some(OrderStatus::Releasing),
            Self::Cancel => Some(OrderStatus::Cancelling),
            Self::Compensate => Some(OrderStatus::Compensating),
        }
    }
}

/// Properties of a leg that determine the status of its order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LegSnapshot {
    /// Status of the leg.
    pub status: LegStatus,
    /// True if the intent still requires a step of the leg.
    pub has_pending_work: bool,
    /// True if the leg is confirmed and some of its lines were canceled.
    pub is_partially_canceled: bool,
    /// True if the leg is confirmed, but its tickets did not come until the settle deadline.
    pub lacks_tickets: bool,
}

/// Computes the status of an order; the first matching rule wins.
pub fn order_status(intent: Intent, legs: &[LegSnapshot]) -> OrderStatus {
    let any = |wanted: LegStatus| legs.iter().any(|leg| leg.status == wanted);
    let all = |wanted: LegStatus| legs.iter().all(|leg| leg.status == wanted);
    let in_flight = legs.iter().any(|leg| leg.status.is_in_flight());
    let has_work = legs.iter().any(|leg| leg.has_pending_work);
    match intent.in_progress_status() {
        Some(status) if in_flight || has_work => return status,
        None if in_flight => return OrderStatus::NeedsAttention,
        _ => {}
    }
    // A sale without tickets is certain and can be canceled, so its leg stays confirmed; the order needs a person.
    if any(LegStatus::NeedsAttention) || legs.iter().any(|leg| leg.lacks_tickets) {
        return OrderStatus::NeedsAttention;
    }
    if any(LegStatus::Confirmed) {
        return status_with_sales(legs);
    }
    if all(LegStatus::Draft) {
        OrderStatus::Draft
    } else if all(LegStatus::Held) {
        OrderStatus::Held
    } else if any(LegStatus::Held) {
        OrderStatus::PartiallyHeld
    } else if any(LegStatus::Draft) {
        OrderStatus::Draft
    } else {
        inactive_status(intent, legs)
    }
}

/// Returns the status of an idle order with confirmed legs.
fn status_with_sales(legs: &[LegSnapshot]) -> OrderStatus {
    let any = |wanted: LegStatus| legs.iter().any(|leg| leg.status == wanted);
    if any(LegStatus::Held) || any(LegStatus::Draft) {
        OrderStatus::NeedsAttention
    } else if any(LegStatus::Cancelled) || legs.iter().any(|leg| leg.is_partially_canceled) {
        OrderStatus::PartiallyCancelled
    } else if legs.iter().all(|leg| leg.status == LegStatus::Confirmed) {
        OrderStatus::Confirmed
    } else {
        OrderStatus::PartiallyConfirmed
    }
}

/// Returns the status of an idle order without active legs.
fn inactive_status(intent: Intent, legs: &[LegSnapshot]) -> OrderStatus {
    let all = |fits: fn(LegStatus) -> bool| legs.iter().all(|leg| fits(leg.status));
    if intent == Intent::Compensate {
        OrderStatus::Failed
    } else if legs.iter().any(|leg| leg.status == LegStatus::Cancelled) {
        OrderStatus::Cancelled
    } else if all(|status| status == LegStatus::Expired) {
        OrderStatus::Expired
    } else if all(|status| matches!(status, LegStatus::Released | LegStatus::Expired)) {
        OrderStatus::Released
    } else {
        OrderStatus::Failed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns true if an intent requires a step of a leg, judged by its status alone.
    fn has_work_for(intent: Intent, status: LegStatus) -> bool {
        match intent {
            Intent::None | Intent::Cancel => false,
            Intent::Hold => status == LegStatus::Draft,
            Intent::Confirm | Intent::Release => matches!(status, LegStatus::Draft | LegStatus::Held),
            Intent::Compensate => matches!(status, LegStatus::Draft | LegStatus::Held | LegStatus::Confirmed),
        }
    }

    /// Returns all combinations of one to three legs.
    fn leg_combinations(views: &[LegSnapshot]) -> Vec<Vec<LegSnapshot>> {
        let longer = |rows: &[Vec<LegSnapshot>]| -> Vec<Vec<LegSnapshot>> {
            rows.iter().flat_map(|row| views.iter().map(|view| [row.as_slice(), &[*view]].concat())).collect()
        };
        let one = longer(&[Vec::new()]);
        let two = longer(&one);
        let three = longer(&two);
        [one, two, three].concat()
    }

    /// Asserts the invariants of every order.
    fn check_invariants(intent: Intent, legs: &[LegSnapshot]) {
        let status = order_status(intent, legs);
        let case = || format!("{intent:?} {legs:?} gives {status:?}");
        let any = |fits: fn(LegStatus) -> bool| legs.iter().any(|leg| fits(leg.status));
        let open = any(LegStatus::is_in_flight) || any(|leg| leg == LegStatus::NeedsAttention);
        assert!(!(open && status.is_terminal()), "a terminal status hides an open leg: {}", case());
        let lacks_tickets = legs.iter().any(|leg| leg.lacks_tickets);
        assert!(!(lacks_tickets && status.is_terminal()), "a terminal status hides missing tickets: {}", case());
        if status == OrderStatus::Confirmed {
            assert!(legs.iter().all(|leg| leg.status == LegStatus::Confirmed), "{}", case());
        }
        let dead = matches!(
            status,
            OrderStatus::Failed | OrderStatus::Released | OrderStatus::Expired | OrderStatus::Cancelled
        );
        assert!(
            !dead || legs.iter().all(|leg| leg.status.is_inactive()),
            "an inactive status hides an active leg: {}",
            case()
        );
        if any(LegStatus::is_in_flight) {
            assert!(status.is_in_progress() || status == OrderStatus::NeedsAttention, "{}", case());
        }
        if any(|leg| leg == LegStatus::Held) && any(|leg| leg == LegStatus::Confirmed) {
            assert!(!status.is_terminal(), "a status with holds and sales is not terminal: {}", case());
        }
    }

    #[test]
    fn no_status_of_an_order_of_up_to_three_legs_hides_a_leg() {
        let mut cases = 0;
        for intent in Intent::ALL.iter().copied() {
            let views: Vec<_> = LegStatus::ALL
                .iter()
                .map(|&status| LegSnapshot {
                    status,
                    has_pending_work: has_work_for(intent, status),
                    is_partially_canceled: false,
                    lacks_tickets: false,
                })
                .collect();
            for row in leg_combinations(&views) {
                check_invariants(intent, &row);
                cases += 1;
            }
        }
        assert_eq!(cases, (14 + 14 * 14 + 14 * 14 * 14) * 6);
        assert_eq!(cases, 17_724);
    }

    #[test]
    fn pending_work_partial_cancellation_and_missing_tickets_hide_no_leg() {
        let mut cases = 0;
        let views: Vec<_> = LegStatus::ALL
            .iter()
            .flat_map(|&status| {
                let is_sold = status == LegStatus::Confirmed;
                let plain =
                    LegSnapshot { status, has_pending_work: false, is_partially_canceled: false, lacks_tickets: false };
                [
                    plain,
                    LegSnapshot { has_pending_work: true, ..plain },
                    LegSnapshot { is_partially_canceled: is_sold, ..plain },
                    LegSnapshot { lacks_tickets: is_sold, ..plain },
                ]
            })
            .collect();
        for intent in Intent::ALL.iter().copied() {
            for row in leg_combinations(&views) {
                check_invariants(intent, &row);
                cases += 1;
            }
        }
        assert_eq!(cases, (56 + 56 * 56 + 56 * 56 * 56) * 6);
    }

    #[test]
    fn order_status_follows_from_the_legs() {
        use LegStatus as L;
        use OrderStatus as O;
        let table: [(Intent, &[LegStatus], OrderStatus); 16] = [
            (Intent::None, &[L::Draft, L::Draft], O::Draft),
            (Intent::Hold, &[L::Held, L::Holding], O::Holding),
            (Intent::Hold, &[L::Held, L::Held], O::Held),
            (Intent::Hold, &[L::Held, L::HoldFailed], O::PartiallyHeld),
            (Intent::Confirm, &[L::Confirmed, L::OutcomeUnknown], O::Confirming),
            (Intent::Confirm, &[L::Confirmed, L::Confirmed], O::Confirmed),
            (Intent::Confirm, &[L::Confirmed, L::ConfirmFailed], O::PartiallyConfirmed),
            (Intent::Compensate, &[L::Cancelling, L::ConfirmFailed], O::Compensating),
            (Intent::Compensate, &[L::Cancelled, L::ConfirmFailed], O::Failed),
            (Intent::Compensate, &[L::NeedsAttention, L::ConfirmFailed], O::NeedsAttention),
            (Intent::Release, &[L::Released, L::HoldFailed], O::Failed),
            (Intent::Release, &[L::Released, L::Expired], O::Released),
            (Intent::Hold, &[L::Expired, L::Expired], O::Expired),
            (Intent::Cancel, &[L::Cancelled, L::Confirmed], O::PartiallyCancelled),
            (Intent::Cancel, &[L::Cancelled, L::Cancelled], O::Cancelled),
            (Intent::None, &[L::Holding], O::NeedsAttention),
        ];
        for (intent, statuses, wanted) in table {
            let legs: Vec<_> = statuses
                .iter()
                .map(|status| LegSnapshot {
                    status: *status,
                    has_pending_work: has_work_for(intent, *status),
                    is_partially_canceled: false,
                    lacks_tickets: false,
                })
                .collect();
            assert_eq!(order_status(intent, &legs), wanted, "{intent:?} {statuses:?}");
        }
    }

    #[test]
    fn every_name_parses_back() {
        assert!(LegStatus::ALL.iter().all(|status| LegStatus::parse(status.name()) == Some(*status)));
        assert!(OrderStatus::ALL.iter().all(|status| OrderStatus::parse(status.name()) == Some(*status)));
        assert!(Intent::ALL.iter().all(|intent| Intent::parse(intent.name()) == Some(*intent)));
    }
}
