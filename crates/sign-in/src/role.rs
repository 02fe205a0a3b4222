//! Roles of people, their scopes, and the rules that grant them by a claim of the provider.

use std::cmp::Reverse;
use std::collections::HashSet;

use domain::Scope;
use serde_json::{Map, Value};
use strum::{EnumString, IntoStaticStr, VariantArray};

/// Permissions of a person, the least first. The roles of a reseller are limited to its data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, EnumString, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum Role {
    /// Reads the orders and reports of a reseller.
    Viewer,
    /// Also places, changes and cancels orders, and reads ticket codes.
    Seller,
    /// Everything that concerns a reseller.
    Manager,
    /// Runs the service: everything, of all resellers.
    Operator,
}

impl Role {
    /// All roles.
    pub const ALL: &[Self] = <Self as VariantArray>::VARIANTS;

    /// The role as it is written in the configuration.
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// Returns the scopes of the role.
    pub fn scopes(self) -> HashSet<Scope> {
        let scopes: &[Scope] = match self {
            Self::Viewer => &[Scope::CatalogRead, Scope::OrderRead, Scope::ReportRead],
            Self::Seller => {
                &[Scope::CatalogRead, Scope::OrderRead, Scope::ReportRead, Scope::OrderWrite, Scope::TicketBarcode]
            }
            Self::Manager => &[
                Scope::CatalogRead,
                Scope::OrderRead,
                Scope::ReportRead,
                Scope::OrderWrite,
                Scope::TicketBarcode,
                Scope::DeliveryWrite,
                Scope::WebhookWrite,
            ],
            Self::Operator => Scope::ALL,
        };
        scopes.iter().copied().collect()
    }
}

/// The role of a person, and the reseller to whose data it is limited.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Access {
    /// The reseller; `None` for an operator only.
    pub reseller: Option<String>,
    /// The role.
    pub role: Role,
}

/// Grants access to people whose claim has a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleRule {
    /// Value of the claim, or one of its values.
    pub value: String,
    /// Access that it grants.
    pub access: Access,
}

/// Finds the access of a person by a claim: that of the highest role whose value the claim has, and of several the first. `None`: no access.
///
/// The claim is a text or a list of texts. Its name is that of a claim, or a path with dots into claims that are objects.
pub fn find_access<'a>(rules: &'a [RoleRule], claim: &str, claims: &Map<String, Value>) -> Option<&'a Access> {
    let value = find_claim(claims, claim)?;
    let has = |wanted: &str| match value {
        Value::String(text) => text == wanted,
        Value::Array(values) => values.iter().any(|value| value.as_str() == Some(wanted)),
        _ => false,
    };
    let granted = rules.iter().filter(|rule| has(&rule.value)).map(|rule| &rule.access);
    granted.min_by_key(|access| Reverse(access.role))
}

/// Returns true if a rule grants an access. What was granted by a rule that was removed since is not.
pub fn grants(rules: &[RoleRule], access: &Access) -> bool {
    rules.iter().any(|rule| rule.access == *access)
}

/// Finds a claim by its name, which may contain dots, or by a path.
pub(crate) fn find_claim<'a>(claims: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    if let Some(value) = claims.get(name) {
        return Some(value);
    }
    let (first, rest) = name.split_once('.')?;
    find_claim(claims.get(first)?.as_object()?, rest)
}
