//! Plan of an order: the confirmation sequence, the guarantee, and the risks.

use domain::Money;

/// Guarantee given before booking.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, strum::IntoStaticStr, strum::EnumString)]
#[strum(serialize_all = "SCREAMING_SNAKE_CASE")]
pub enum Guarantee {
    /// A single leg: either confirmed or not.
    Atomic,
    /// Several legs: either all are confirmed, or the confirmed ones are canceled with a full refund.
    Compensated,
    /// No guarantee across legs.
    BestEffort,
}

impl Guarantee {
    /// Name in the store and the schema.
    pub fn name(self) -> &'static str {
        self.into()
    }

    /// Parses a stored name.
    pub fn parse(name: &str) -> Option<Self> {
        name.parse().ok()
    }
}

/// Risk of a leg that is known before booking.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, strum::IntoStaticStr, strum::EnumString, strum::VariantArray)]
#[strum(serialize_all = "SCREAMING_SNAKE_CASE")]
pub enum RiskKind {
    /// The leg cannot be canceled.
    NoUndo,
    /// The vendor documents cancellation, but it has not been proven to work.
    UndoUnproven,
    /// Cancellation has a fee.
    #[strum(serialize = "UNDO_COSTS")]
    UndoHasFee,
    /// The leg is not held first and may sell out before confirmation.
    NotHeld,
    /// The price may change before confirmation.
    #[strum(serialize = "PRICE_MAY_MOVE")]
    PriceMayChange,
    /// A lost response can only be resolved by a lookup.
    #[strum(serialize = "ANSWER_MAY_BE_LOST")]
    ResponseMayBeLost,
}

impl RiskKind {
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
}

/// Risk of one leg.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Risk {
    /// Kind of the risk.
    pub kind: RiskKind,
    /// Index of the leg.
    pub leg: usize,
}

/// Plan made before booking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Guarantee of the plan.
    pub guarantee: Guarantee,
    /// Indexes of the legs in the order of confirmation; cancellation runs in reverse.
    pub confirm_sequence: Vec<usize>,
    /// Risks of all legs.
    pub risks: Vec<Risk>,
    /// Amounts per currency that may be paid and not refunded if the order fails partially.
    pub worst_case_loss: Vec<Money>,
}

impl Plan {
    /// Creates a plan without legs.
    pub fn empty() -> Self {
        Self {
            guarantee: Guarantee::BestEffort,
            confirm_sequence: Vec::new(),
            risks: Vec::new(),
            worst_case_loss: Vec::new(),
        }
    }
}
