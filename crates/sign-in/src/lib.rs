//! People who sign in by an OpenID Connect provider: their identity, their role, and their sessions.
//!
//! Contains neither HTTP serving nor SQL: the gateway reads and sets the cookies, and a store implements [`SessionStore`].

mod discovery;
mod http;
mod pending;
mod provider;
mod role;
mod session;
mod sessions;
mod token;

#[cfg(test)]
mod tests;

pub use pending::PendingSignIn;
pub use provider::{Callback, Identity, Provider, ProviderSettings, SignInError};
pub use role::{Access, Role, RoleRule, find_access, grants};
pub use session::{Session, SessionStore, StoredSession};
pub use sessions::{SessionError, SessionLimits, Sessions, User};
pub use token::{SessionId, SessionToken};
