//! Families of products (`secutix.md §4.1`).

/// Family of a product.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum ProductFamily {
    SingleEntry,
    SeasonTicket,
    Pass,
    Package,
    Membership,
    Service,
    Goods,
    Transport,
    Hospitality,
    /// A word that is not documented, which is not repeated.
    Unknown,
}

impl ProductFamily {
    const ALL: [Self; 9] = [
        Self::SingleEntry,
        Self::SeasonTicket,
        Self::Pass,
        Self::Package,
        Self::Membership,
        Self::Service,
        Self::Goods,
        Self::Transport,
        Self::Hospitality,
    ];

    /// Reads a word, in any case.
    pub(crate) fn parse(word: &str) -> Self {
        let known = Self::ALL.into_iter().find(|family| family.name().eq_ignore_ascii_case(word.trim()));
        known.unwrap_or(Self::Unknown)
    }

    /// The vendor's word.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::SingleEntry => "SINGLE_ENTRY",
            Self::SeasonTicket => "SEASONTICKET",
            Self::Pass => "PASS",
            Self::Package => "PACKAGE",
            Self::Membership => "MEMBERSHIP",
            Self::Service => "SERVICE",
            Self::Goods => "GOODS",
            Self::Transport => "TRANSPORT",
            Self::Hospitality => "HOSPITALITY",
            Self::Unknown => "OTHER",
        }
    }

    /// Returns true for digital privileges (`tixngo.md §3.1`).
    pub(crate) fn is_privilege(self) -> bool {
        matches!(self, Self::SeasonTicket | Self::Membership)
    }
}
