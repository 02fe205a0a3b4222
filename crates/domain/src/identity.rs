//! Permissions of callers.
#![expect(missing_docs, reason = "strum derives `into_str` without a comment")]

use strum::{EnumString, IntoStaticStr, VariantArray};

/// A permission of a caller, written as in the configuration, for example `catalog:read`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, EnumString, IntoStaticStr, VariantArray)]
#[strum(const_into_str)]
pub enum Scope {
    /// Read sources, events, performances, prices and availability.
    #[strum(serialize = "catalog:read")]
    CatalogRead,
    /// Read orders.
    #[strum(serialize = "order:read")]
    OrderRead,
    /// Create and change orders.
    #[strum(serialize = "order:write")]
    OrderWrite,
    /// Read the codes of tickets.
    #[strum(serialize = "ticket:barcode")]
    TicketBarcode,
    /// Read admission tokens and admissions.
    #[strum(serialize = "admission:read")]
    AdmissionRead,
    /// Issue and revoke admission tokens, admit visitors.
    #[strum(serialize = "admission:write")]
    AdmissionWrite,
    /// Read the codes of admission tokens.
    #[strum(serialize = "admission:secret")]
    AdmissionSecret,
    /// Edit events.
    #[strum(serialize = "event:write")]
    EventWrite,
    /// Deliver tickets to the mobile app.
    #[strum(serialize = "delivery:write")]
    DeliveryWrite,
    /// Read statements and reports.
    #[strum(serialize = "report:read")]
    ReportRead,
    /// Manage webhooks and receive what they send.
    #[strum(serialize = "webhook:write")]
    WebhookWrite,
    /// All permissions.
    #[strum(serialize = "admin")]
    Admin,
}

impl Scope {
    /// All scopes, in the order of the documentation.
    pub const ALL: &[Self] = <Self as VariantArray>::VARIANTS;

    /// The scope as it is written.
    pub const fn as_str(self) -> &'static str {
        self.into_str()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_scope_parses_from_its_name() {
        for scope in Scope::ALL {
            assert_eq!(scope.as_str().parse(), Ok(*scope));
        }
        assert!("catalog".parse::<Scope>().is_err());
    }
}
