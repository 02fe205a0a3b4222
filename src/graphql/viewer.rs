//! Who is asking, and what they may do.

use std::collections::HashSet;
use std::str::FromStr;

use async_graphql::{Context, ID, Object};

use crate::graphql::ctx::Ctx;
use crate::graphql::partners::Reseller;

/// Something that a caller may be allowed. Written as in the configuration, e.g. `catalog:read`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Scope {
    /// Reading sources, events, performances, prices and availability.
    CatalogRead,
    /// Reading orders.
    OrderRead,
    /// Creating and changing orders.
    OrderWrite,
    /// Seeing the codes of tickets.
    TicketBarcode,
    /// Reading admission tokens and admissions.
    AdmissionRead,
    /// Issuing and revoking admission tokens, letting visitors in.
    AdmissionWrite,
    /// Seeing the codes of admission tokens.
    AdmissionSecret,
    /// Editing events.
    EventWrite,
    /// Handing tickets to the mobile app.
    DeliveryWrite,
    /// Reading statements and reports.
    ReportRead,
    /// Everything.
    Admin,
}

impl Scope {
    /// Every scope, in the order of the documentation.
    pub const ALL: [Self; 11] = [
        Self::CatalogRead,
        Self::OrderRead,
        Self::OrderWrite,
        Self::TicketBarcode,
        Self::AdmissionRead,
        Self::AdmissionWrite,
        Self::AdmissionSecret,
        Self::EventWrite,
        Self::DeliveryWrite,
        Self::ReportRead,
        Self::Admin,
    ];

    /// The scope as it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::CatalogRead => "catalog:read",
            Self::OrderRead => "order:read",
            Self::OrderWrite => "order:write",
            Self::TicketBarcode => "ticket:barcode",
            Self::AdmissionRead => "admission:read",
            Self::AdmissionWrite => "admission:write",
            Self::AdmissionSecret => "admission:secret",
            Self::EventWrite => "event:write",
            Self::DeliveryWrite => "delivery:write",
            Self::ReportRead => "report:read",
            Self::Admin => "admin",
        }
    }
}

/// The text is no scope.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a scope")]
pub struct UnknownScope(pub String);

impl FromStr for Scope {
    type Err = UnknownScope;

    fn from_str(text: &str) -> Result<Self, UnknownScope> {
        Self::ALL.into_iter().find(|scope| scope.as_str() == text).ok_or_else(|| UnknownScope(text.to_owned()))
    }
}

/// Who is asking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Viewer {
    /// The key of the caller in the configuration, or the subject of its token.
    pub id: String,
    /// The caller's name for people.
    pub name: String,
    /// The reseller that the caller belongs to; it then sees nothing of the others.
    pub reseller: Option<String>,
    /// What the caller may do.
    pub scopes: HashSet<Scope>,
}

impl Viewer {
    /// Whether the caller may do this. `admin` may do everything.
    pub fn may(&self, scope: Scope) -> bool {
        self.scopes.contains(&scope) || self.scopes.contains(&Scope::Admin)
    }
}

/// Who is asking.
#[Object]
impl Viewer {
    /// Names the caller. Not an id for `node`.
    async fn id(&self) -> ID {
        ID(self.id.clone())
    }

    /// The caller's name for people.
    async fn name(&self) -> &str {
        &self.name
    }

    /// The reseller that the caller belongs to; it then sees nothing of the others.
    async fn reseller(&self, ctx: &Context<'_>) -> Option<Reseller> {
        Ctx::of(ctx).find_reseller(self.reseller.as_deref()?)
    }

    /// What the caller may do, e.g. `catalog:read`, in alphabetical order.
    async fn scopes(&self) -> Vec<&'static str> {
        let mut scopes: Vec<_> = self.scopes.iter().map(|scope| scope.as_str()).collect();
        scopes.sort_unstable();
        scopes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_scope_is_read_as_it_is_written() {
        for scope in Scope::ALL {
            assert_eq!(scope.as_str().parse(), Ok(scope));
        }
        assert_eq!("catalog".parse::<Scope>(), Err(UnknownScope("catalog".to_owned())));
    }
}
