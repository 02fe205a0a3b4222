//! Starts, finds and ends sessions.

use std::sync::Arc;
use std::time::Duration;

use domain::time::earlier;
use domain::{Clock, StoreError};
use jiff::Timestamp;
use tokio::sync::{Semaphore, watch};
use tokio::time::timeout;

use crate::role::Access;
use crate::session::{Session, SessionStore, StoredSession};
use crate::token::{SessionId, SessionToken};

/// Longest time for which uses of a session are not recorded, so that most requests write nothing.
const TOUCH_INTERVAL: Duration = Duration::from_secs(60);
/// Part of the idle timeout for which uses are not recorded, if that is shorter.
const TOUCHES_PER_TIMEOUT: u32 = 10;
/// Lookups at a time. Tokens that strangers invent cannot use more connections of the store.
const LOOKUPS: usize = 2;
/// Longest wait of a lookup for the others.
const LOOKUP_WAIT: Duration = Duration::from_secs(5);
/// Time after its end in which a session is still known as an expired one.
const REMEMBERED: Duration = Duration::from_secs(24 * 3600);

/// Limits of sessions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionLimits {
    /// Time without a request after which a session ends.
    pub idle_timeout: Duration,
    /// Time from the sign-in after which it ends in any case.
    pub lifetime: Duration,
    /// Sessions of one user; a new one ends the oldest.
    pub per_user: u32,
}

/// A person who has signed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Subject at the provider.
    pub id: String,
    /// Name for people.
    pub name: String,
    /// Granted access.
    pub access: Access,
}

/// Reason why a token has no session.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// The session was not used for too long, or began too long ago.
    #[error("the session has expired")]
    Expired,
    /// The session was ended, or is one of another deployment or of another provider.
    #[error("there is no such session")]
    Unknown,
    /// Too many sessions are looked up at the same time.
    #[error("too many sessions are looked up")]
    Busy,
    /// The store does not respond.
    #[error("sessions cannot be read")]
    Store(#[from] StoreError),
}

/// The sessions of all users.
pub struct Sessions {
    store: Arc<dyn SessionStore>,
    clock: Arc<dyn Clock>,
    limits: SessionLimits,
    issuer: String,
    lookups: Semaphore,
    ended: watch::Sender<()>,
}

impl Sessions {
    /// Creates the sessions of the people of an issuer over a store.
    pub fn new(store: Arc<dyn SessionStore>, clock: Arc<dyn Clock>, limits: SessionLimits, issuer: String) -> Self {
        Self { store, clock, limits, issuer, lookups: Semaphore::new(LOOKUPS), ended: watch::Sender::new(()) }
    }

    /// Starts a session and returns its token. The oldest sessions of the user beyond the limit end.
    pub async fn start(&self, user: User) -> Result<SessionToken, StoreError> {
        let (token, now) = (SessionToken::generate()?, self.clock.now());
        let (User { id: user, name, access }, issuer) = (user, self.issuer.clone());
        let session = StoredSession { id: token.id(), issuer, user, name, access, started_at: now, seen_at: now };
        let ended = self.store.insert_session(&session, self.limits.per_user).await?;
        self.signal_ends(ended);
        Ok(token)
    }

    /// Finds the session of a token and records that it was used.
    pub async fn resume(&self, id: SessionId) -> Result<Session, SessionError> {
        let session = self.find(id).await?;
        let now = self.clock.now();
        if earlier(now, self.touch_interval()) >= session.stored.seen_at {
            self.store.touch_session(id, now).await?;
        }
        Ok(session)
    }

    /// Finds a session without recording a use.
    pub async fn find(&self, id: SessionId) -> Result<Session, SessionError> {
        let stored = {
            // The semaphore is never closed.
            let _lookup = timeout(LOOKUP_WAIT, self.lookups.acquire()).await.map_err(|_| SessionError::Busy)?;
            self.store.find_session(id).await?.ok_or(SessionError::Unknown)?
        };
        if stored.issuer != self.issuer {
            return Err(SessionError::Unknown);
        }
        let now = self.clock.now();
        let (idle_since, started_after) = self.bounds(now);
        if stored.seen_at <= idle_since || stored.started_at <= started_after {
            return Err(SessionError::Expired);
        }
        let lifetime = jiff::SignedDuration::try_from(self.limits.lifetime).unwrap_or(jiff::SignedDuration::MAX);
        let ends_at = stored.started_at.checked_add(lifetime).unwrap_or(Timestamp::MAX);
        Ok(Session { stored, ends_at })
    }

    /// Ends a session.
    pub async fn end(&self, id: SessionId) -> Result<(), StoreError> {
        let existed = self.store.delete_session(id).await?;
        self.signal_ends(existed.into());
        Ok(())
    }

    /// Ends all sessions of a user, and returns their number.
    pub async fn end_all(&self, user: &str) -> Result<u64, StoreError> {
        let ended = self.store.delete_sessions_of(user).await?;
        self.signal_ends(ended);
        Ok(ended)
    }

    /// Deletes the sessions that expired a day ago or earlier, and returns their number.
    pub async fn delete_expired(&self) -> Result<u64, StoreError> {
        let (idle_since, started_after) = self.bounds(earlier(self.clock.now(), REMEMBERED));
        self.store.delete_expired_sessions(idle_since, started_after).await
    }

    /// Signals that sessions have ended in this process.
    pub fn subscribe_to_ends(&self) -> watch::Receiver<()> {
        self.ended.subscribe()
    }

    fn signal_ends(&self, ended: u64) {
        if ended > 0 {
            self.ended.send_replace(());
        }
    }

    /// Returns the time until a session ends, even if it is used.
    pub fn time_left(&self, session: &Session) -> Duration {
        session.ends_at.duration_since(self.clock.now()).try_into().unwrap_or(Duration::ZERO)
    }

    /// Returns the latest use and the latest start of sessions that have expired at a time.
    fn bounds(&self, now: Timestamp) -> (Timestamp, Timestamp) {
        (earlier(now, self.limits.idle_timeout), earlier(now, self.limits.lifetime))
    }

    fn touch_interval(&self) -> Duration {
        TOUCH_INTERVAL.min(self.limits.idle_timeout / TOUCHES_PER_TIMEOUT)
    }
}
