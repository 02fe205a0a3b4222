//! Sessions and the port of their store.

use async_trait::async_trait;
use domain::StoreError;
use jiff::Timestamp;

use crate::role::Access;
use crate::token::SessionId;

/// A session as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredSession {
    /// Hash of its token.
    pub id: SessionId,
    /// Issuer of the provider.
    pub issuer: String,
    /// Subject at the provider.
    pub user: String,
    /// Name of the person for people: an e-mail address, if the provider gave one.
    pub name: String,
    /// Access that was granted at the sign-in.
    pub access: Access,
    /// Time of the sign-in.
    pub started_at: Timestamp,
    /// Time of the last request, give or take a minute.
    pub seen_at: Timestamp,
}

/// A valid session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// The session as it is stored.
    pub stored: StoredSession,
    /// Time at which it ends even if it is used.
    pub ends_at: Timestamp,
}

/// Stores sessions, shared by all replicas.
#[async_trait]
pub trait SessionStore: Send + Sync {
    /// Inserts a session and deletes the oldest ones of its user until at most `limit` are left, in one transaction. Returns the number
    /// of deleted ones.
    async fn insert_session(&self, session: &StoredSession, limit: u32) -> Result<u64, StoreError>;

    /// Finds a session by the hash of its token, whether or not it has expired.
    async fn find_session(&self, id: SessionId) -> Result<Option<StoredSession>, StoreError>;

    /// Records that a session was used. A session that is gone stays so.
    async fn touch_session(&self, id: SessionId, at: Timestamp) -> Result<(), StoreError>;

    /// Deletes a session. Returns true if it existed.
    async fn delete_session(&self, id: SessionId) -> Result<bool, StoreError>;

    /// Deletes all sessions of a user. Returns their number.
    async fn delete_sessions_of(&self, user: &str) -> Result<u64, StoreError>;

    /// Deletes the sessions that were last used before `seen_before` or began before `started_before`. Returns their number.
    async fn delete_expired_sessions(
        &self,
        seen_before: Timestamp,
        started_before: Timestamp,
    ) -> Result<u64, StoreError>;
}
