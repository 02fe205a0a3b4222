//! The viewer of a request, and its scopes.

use std::collections::HashSet;

pub use domain::Scope;

/// The viewer: the caller of the request and its permissions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Viewer {
    /// The configuration key of the caller, or the subject of its token.
    pub id: String,
    /// Human-readable name of the caller.
    pub name: String,
    /// The reseller that the caller belongs to. Such a caller sees nothing of other resellers.
    pub reseller: Option<String>,
    /// The scopes of the caller.
    pub scopes: HashSet<Scope>,
}

/// Id of the viewer of requests without credentials.
pub const ANONYMOUS: &str = "anonymous";

impl Viewer {
    /// Returns true for the viewer of requests without credentials.
    pub fn is_anonymous(&self) -> bool {
        self.id == ANONYMOUS
    }

    /// Returns true if the caller has the scope. `admin` includes all scopes.
    pub fn has_scope(&self, scope: Scope) -> bool {
        self.scopes.contains(&scope) || self.scopes.contains(&Scope::Admin)
    }
}
