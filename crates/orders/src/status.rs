//! Where an order and its legs stand. The status of an order is computed from its legs and its intent, never set.

/// Where one leg stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum LegStatus {
    /// Planned; its source knows nothing of it.
    Draft,
    /// Its hold is being made.
    Holding,
    /// Places are set aside.
    Held,
    /// Its hold was refused, or could not be had.
    HoldFailed,
    /// It is being sold.
    Confirming,
    /// It is sold.
    Confirmed,
    /// The sale was refused; nothing was sold.
    ConfirmFailed,
    /// The answer of its source was lost: it is being looked up.
    OutcomeUnknown,
    /// Its hold is being given back.
    Releasing,
    /// Its hold was given back.
    Released,
    /// Its hold ran out.
    Expired,
    /// It is being undone.
    Cancelling,
    /// It was undone.
    Cancelled,
    /// Only a human can settle it.
    NeedsAttention,
}

impl LegStatus {
    /// All of them, in the order of a leg's life.
    pub const ALL: [Self; 14] = [
        Self::Draft,
        Self::Holding,
        Self::Held,
        Self::HoldFailed,
        Self::Confirming,
        Self::Confirmed,
        Self::ConfirmFailed,
        Self::OutcomeUnknown,
        Self::Releasing,
        Self::Released,
        Self::Expired,
        Self::Cancelling,
        Self::Cancelled,
        Self::NeedsAttention,
    ];

    /// The name in the ledger and the schema.
    pub fn name(self) -> &'static str {
        match self {
            Self::Draft => "DRAFT",
            Self::Holding => "HOLDING",
            Self::Held => "HELD",
            Self::HoldFailed => "HOLD_FAILED",
            Self::Confirming => "CONFIRMING",
            Self::Confirmed => "CONFIRMED",
            Self::ConfirmFailed => "CONFIRM_FAILED",
            Self::OutcomeUnknown => "OUTCOME_UNKNOWN",
            Self::Releasing => "RELEASING",
            Self::Released => "RELEASED",
            Self::Expired => "EXPIRED",
            Self::Cancelling => "CANCELLING",
            Self::Cancelled => "CANCELLED",
            Self::NeedsAttention => "NEEDS_ATTENTION",
        }
    }

    /// The status with this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.name() == name)
    }

    /// A call is under way, or its outcome is not known.
    pub fn is_in_flight(self) -> bool {
        matches!(self, Self::Holding | Self::Confirming | Self::OutcomeUnknown | Self::Releasing | Self::Cancelling)
    }

    /// Nothing is booked and nothing will be.
    pub fn is_dead(self) -> bool {
        matches!(self, Self::HoldFailed | Self::ConfirmFailed | Self::Released | Self::Expired | Self::Cancelled)
    }
}

/// Where an order stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum OrderStatus {
    /// Planned and priced; nothing is booked.
    Draft,
    /// Holds are being made.
    Holding,
    /// Every leg is held.
    Held,
    /// Some legs are held.
    PartiallyHeld,
    /// Legs are being sold.
    Confirming,
    /// Every leg is sold.
    Confirmed,
    /// Some legs are sold, the others never will be.
    PartiallyConfirmed,
    /// A leg failed, and the others are being undone.
    Compensating,
    /// Nothing is booked: a leg failed.
    Failed,
    /// Holds are being given back.
    Releasing,
    /// Nothing is booked: the holds were given back.
    Released,
    /// Nothing is booked: the holds ran out.
    Expired,
    /// Sold legs are being undone at the buyer's wish.
    Cancelling,
    /// Everything sold was undone.
    Cancelled,
    /// A part of what was sold was undone.
    PartiallyCancelled,
    /// Only a human can settle it.
    NeedsAttention,
}

impl OrderStatus {
    /// All of them, in the order of the schema.
    pub const ALL: [Self; 16] = [
        Self::Draft,
        Self::Holding,
        Self::Held,
        Self::PartiallyHeld,
        Self::Confirming,
        Self::Confirmed,
        Self::PartiallyConfirmed,
        Self::Compensating,
        Self::Failed,
        Self::Releasing,
        Self::Released,
        Self::Expired,
        Self::Cancelling,
        Self::Cancelled,
        Self::PartiallyCancelled,
        Self::NeedsAttention,
    ];

    /// The name in the ledger and the schema.
    pub fn name(self) -> &'static str {
        match self {
            Self::Draft => "DRAFT",
            Self::Holding => "HOLDING",
            Self::Held => "HELD",
            Self::PartiallyHeld => "PARTIALLY_HELD",
            Self::Confirming => "CONFIRMING",
            Self::Confirmed => "CONFIRMED",
            Self::PartiallyConfirmed => "PARTIALLY_CONFIRMED",
            Self::Compensating => "COMPENSATING",
            Self::Failed => "FAILED",
            Self::Releasing => "RELEASING",
            Self::Released => "RELEASED",
            Self::Expired => "EXPIRED",
            Self::Cancelling => "CANCELLING",
            Self::Cancelled => "CANCELLED",
            Self::PartiallyCancelled => "PARTIALLY_CANCELLED",
            Self::NeedsAttention => "NEEDS_ATTENTION",
        }
    }

    /// The status with this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.name() == name)
    }

    /// Nothing more will happen by itself, and everything is known: the moment to capture a payment.
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

    /// Work is going on.
    pub fn is_under_way(self) -> bool {
        matches!(self, Self::Holding | Self::Confirming | Self::Compensating | Self::Releasing | Self::Cancelling)
    }
}

/// What was last wanted of an order. It stays when the work is done: how an order ended depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Intent {
    /// Nothing yet.
    None,
    /// Set places aside.
    Hold,
    /// Sell.
    Confirm,
    /// Give holds back.
    Release,
    /// Undo at the buyer's wish.
    Cancel,
    /// Undo because a leg failed.
    Compensate,
}

impl Intent {
    /// All of them.
    pub const ALL: [Self; 6] = [Self::None, Self::Hold, Self::Confirm, Self::Release, Self::Cancel, Self::Compensate];

    /// The name in the ledger.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "NONE",
            Self::Hold => "HOLD",
            Self::Confirm => "CONFIRM",
            Self::Release => "RELEASE",
            Self::Cancel => "CANCEL",
            Self::Compensate => "COMPENSATE",
        }
    }

    /// The intent with this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|intent| intent.name() == name)
    }

    /// What an order is called while this is being done.
    fn under_way(self) -> Option<OrderStatus> {
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

/// What the status of an order depends on, of one leg.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LegView {
    /// Where the leg stands.
    pub status: LegStatus,
    /// The intent still asks something of it.
    pub has_work: bool,
    /// Sold, and some of its lines were undone.
    pub is_partly_cancelled: bool,
}

/// The status of an order; the first rule that fits wins.
pub fn order_status(intent: Intent, legs: &[LegView]) -> OrderStatus {
    let any = |wanted: LegStatus| legs.iter().any(|leg| leg.status == wanted);
    let all = |wanted: LegStatus| legs.iter().all(|leg| leg.status == wanted);
    let in_flight = legs.iter().any(|leg| leg.status.is_in_flight());
    let has_work = legs.iter().any(|leg| leg.has_work);
    match intent.under_way() {
        Some(status) if in_flight || has_work => return status,
        None if in_flight => return OrderStatus::NeedsAttention,
        _ => {}
    }
    if any(LegStatus::NeedsAttention) {
        return OrderStatus::NeedsAttention;
    }
    if any(LegStatus::Confirmed) {
        return sold_status(legs);
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
        dead_status(intent, legs)
    }
}

/// The status of an order at rest of which something is sold.
fn sold_status(legs: &[LegView]) -> OrderStatus {
    let any = |wanted: LegStatus| legs.iter().any(|leg| leg.status == wanted);
    if any(LegStatus::Held) || any(LegStatus::Draft) {
        OrderStatus::NeedsAttention
    } else if any(LegStatus::Cancelled) || legs.iter().any(|leg| leg.is_partly_cancelled) {
        OrderStatus::PartiallyCancelled
    } else if legs.iter().all(|leg| leg.status == LegStatus::Confirmed) {
        OrderStatus::Confirmed
    } else {
        OrderStatus::PartiallyConfirmed
    }
}

/// The status of an order at rest of which nothing lives.
fn dead_status(intent: Intent, legs: &[LegView]) -> OrderStatus {
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

    /// What an intent asks of a leg by its status alone.
    fn asks(intent: Intent, status: LegStatus) -> bool {
        match intent {
            Intent::None | Intent::Cancel => false,
            Intent::Hold => status == LegStatus::Draft,
            Intent::Confirm | Intent::Release => matches!(status, LegStatus::Draft | LegStatus::Held),
            Intent::Compensate => matches!(status, LegStatus::Draft | LegStatus::Held | LegStatus::Confirmed),
        }
    }

    /// Every row of one to three legs made of `views`.
    fn rows(views: &[LegView]) -> Vec<Vec<LegView>> {
        let longer = |rows: &[Vec<LegView>]| -> Vec<Vec<LegView>> {
            rows.iter().flat_map(|row| views.iter().map(|view| [row.as_slice(), &[*view]].concat())).collect()
        };
        let one = longer(&[Vec::new()]);
        let two = longer(&one);
        let three = longer(&two);
        [one, two, three].concat()
    }

    /// The sentences that hold for every order.
    fn check(intent: Intent, legs: &[LegView]) {
        let status = order_status(intent, legs);
        let told = || format!("{intent:?} {legs:?} gives {status:?}");
        let any = |fits: fn(LegStatus) -> bool| legs.iter().any(|leg| fits(leg.status));
        let open = any(LegStatus::is_in_flight) || any(|leg| leg == LegStatus::NeedsAttention);
        assert!(!(open && status.is_terminal()), "a terminal status hides an open leg: {}", told());
        if status == OrderStatus::Confirmed {
            assert!(legs.iter().all(|leg| leg.status == LegStatus::Confirmed), "{}", told());
        }
        let dead = matches!(
            status,
            OrderStatus::Failed | OrderStatus::Released | OrderStatus::Expired | OrderStatus::Cancelled
        );
        assert!(!dead || legs.iter().all(|leg| leg.status.is_dead()), "a dead status hides a live leg: {}", told());
        if any(LegStatus::is_in_flight) {
            assert!(status.is_under_way() || status == OrderStatus::NeedsAttention, "{}", told());
        }
        if any(|leg| leg == LegStatus::Held) && any(|leg| leg == LegStatus::Confirmed) {
            assert!(!status.is_terminal(), "a hold beside a sale is not an end: {}", told());
        }
    }

    #[test]
    fn the_status_of_every_order_of_up_to_three_legs_hides_no_leg() {
        let mut cases = 0;
        for intent in Intent::ALL {
            let views = LegStatus::ALL.map(|status| LegView {
                status,
                has_work: asks(intent, status),
                is_partly_cancelled: false,
            });
            for row in rows(&views) {
                check(intent, &row);
                cases += 1;
            }
        }
        assert_eq!(cases, (14 + 14 * 14 + 14 * 14 * 14) * 6);
        assert_eq!(cases, 17_724);
    }

    #[test]
    fn what_still_has_work_or_is_partly_undone_hides_no_leg_either() {
        let mut cases = 0;
        let views: Vec<_> = LegStatus::ALL
            .into_iter()
            .flat_map(|status| {
                let is_partly_cancelled = status == LegStatus::Confirmed;
                [(false, false), (true, false), (false, is_partly_cancelled)]
                    .map(|(has_work, is_partly_cancelled)| LegView { status, has_work, is_partly_cancelled })
            })
            .collect();
        for intent in Intent::ALL {
            for row in rows(&views) {
                check(intent, &row);
                cases += 1;
            }
        }
        assert_eq!(cases, (42 + 42 * 42 + 42 * 42 * 42) * 6);
    }

    #[test]
    fn an_order_is_called_what_its_legs_say() {
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
                .map(|status| LegView { status: *status, has_work: asks(intent, *status), is_partly_cancelled: false })
                .collect();
            assert_eq!(order_status(intent, &legs), wanted, "{intent:?} {statuses:?}");
        }
    }

    #[test]
    fn names_are_read_back() {
        assert!(LegStatus::ALL.iter().all(|status| LegStatus::parse(status.name()) == Some(*status)));
        assert!(OrderStatus::ALL.iter().all(|status| OrderStatus::parse(status.name()) == Some(*status)));
        assert!(Intent::ALL.iter().all(|intent| Intent::parse(intent.name()) == Some(*intent)));
    }
}
