//! Callers with a session: the cookie of a browser that has signed in.
//!
//! Browsers send cookies with requests that other sites cause. A cookie therefore counts only together with a header that no other site
//! can send without permission, and only from the pages' own origin.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use axum::http::header::ORIGIN;
use axum::http::{HeaderMap, HeaderName};
use sign_in::{Access, RoleRule, Session, SessionError, SessionId, SessionToken, Sessions, grants};
use tokio::sync::{Mutex, watch};
use tokio::time::{Instant, timeout_at};

use crate::gateway::auth::{AuthError, Principal};
use crate::gateway::sign_in::cookies::Cookies;
use crate::graphql::base::viewer::Viewer;

/// Header with which a page sends its cookie deliberately. Other origins may not send it: the API allows it to none.
pub const CSRF_HEADER: HeaderName = HeaderName::from_static("x-csrf-protection");
const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Longest time after which a stream ends whose session was ended by another replica.
const CHECK_INTERVAL: Duration = Duration::from_secs(15);

/// Authenticates callers by their session.
pub struct SessionAuth {
    /// Sessions of all replicas.
    pub sessions: Arc<Sessions>,
    /// Names of the cookies.
    pub cookies: Cookies,
    /// Origin of the pages.
    pub origin: String,
    /// Configured resellers: a session of another one is rejected.
    pub resellers: HashSet<String>,
    /// Rules that grant roles: a session whose access none of them grants is rejected.
    pub rules: Vec<RoleRule>,
    /// Requests per minute of each user.
    pub requests_per_minute: Option<u32>,
}

impl SessionAuth {
    /// Authenticates a request by its cookie. `None` if the request does not ask for its session.
    pub async fn authenticate(&self, headers: &HeaderMap) -> Option<Result<Principal, AuthError>> {
        if !headers.contains_key(&CSRF_HEADER) {
            return None;
        }
        if !self.is_from_own_page(headers) {
            return Some(Err(AuthError::ForeignOrigin));
        }
        Some(self.resume(headers).await)
    }

    /// Authenticates a WebSocket by the cookie of its upgrade request. Browsers send no headers of a page with it, but always the
    /// origin.
    pub async fn authenticate_socket(&self, headers: &HeaderMap) -> Result<Principal, AuthError> {
        if !self.is_own_origin(headers) {
            return Err(AuthError::ForeignOrigin);
        }
        self.resume(headers).await
    }

    /// Returns true unless a browser names another origin, or another site as the cause of the request.
    fn is_from_own_page(&self, headers: &HeaderMap) -> bool {
        let same_site = headers.get(FETCH_SITE).is_none_or(|site| site == "same-origin");
        same_site && (!headers.contains_key(ORIGIN) || self.is_own_origin(headers))
    }

    fn is_own_origin(&self, headers: &HeaderMap) -> bool {
        headers.get(ORIGIN).is_some_and(|origin| origin.as_bytes() == self.origin.as_bytes())
    }

    async fn resume(&self, headers: &HeaderMap) -> Result<Principal, AuthError> {
        let cookie = self.cookies.find_session(headers).ok_or(AuthError::NoSession)?;
        let token = SessionToken::parse(&cookie).ok_or(AuthError::UnknownSession)?;
        let session = self.sessions.resume(token.id()).await?;
        if !self.accepts(&session.stored.access) {
            return Err(AuthError::UnknownSession);
        }
        Ok(Principal {
            viewer: Arc::new(viewer(&session)),
            requests_per_minute: self.requests_per_minute,
            expires_at: Some(Instant::now() + self.sessions.time_left(&session)),
            session: Some(SessionWatch::new(&self.sessions, &session)),
        })
    }

    /// Returns true if the reseller of a session is still configured, and a rule still grants its access.
    pub(super) fn accepts(&self, access: &Access) -> bool {
        access.reseller.as_ref().is_none_or(|reseller| self.resellers.contains(reseller)) && grants(&self.rules, access)
    }
}

/// Returns the viewer's id of a person. It has a slash before any colon, so it is the id of no client and of no token's subject.
pub fn viewer_id(user: &str) -> String {
    format!("sign-in/{user}")
}

/// Returns the viewer of a session.
fn viewer(session: &Session) -> Viewer {
    let stored = &session.stored;
    Viewer {
        id: viewer_id(&stored.user),
        name: stored.name.clone(),
        reseller: stored.access.reseller.clone(),
        scopes: stored.access.role.scopes(),
    }
}

impl From<SessionError> for AuthError {
    fn from(error: SessionError) -> Self {
        match error {
            SessionError::Expired => Self::ExpiredSession,
            SessionError::Unknown => Self::UnknownSession,
            SessionError::Busy => {
                tracing::warn!("too many sessions are looked up at the same time");
                Self::SessionsUnavailable
            }
            SessionError::Store(error) => {
                tracing::error!(%error, "sessions cannot be read");
                Self::SessionsUnavailable
            }
        }
    }
}

/// The session of a caller, watched while a stream is open.
#[derive(Clone)]
pub struct SessionWatch {
    id: SessionId,
    user: Arc<str>,
    access: Arc<Access>,
    state: Arc<Mutex<WatchState>>,
}

struct WatchState {
    ends: watch::Receiver<()>,
    next_check: Instant,
}

impl fmt::Debug for SessionWatch {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("SessionWatch([REDACTED])")
    }
}

impl SessionWatch {
    fn new(sessions: &Sessions, session: &Session) -> Self {
        let state = WatchState { ends: sessions.subscribe_to_ends(), next_check: Instant::now() + CHECK_INTERVAL };
        let stored = &session.stored;
        let (user, access) = (stored.user.as_str().into(), Arc::new(stored.access.clone()));
        Self { id: stored.id, user, access, state: Arc::new(Mutex::new(state)) }
    }

    /// Returns the subject at the provider.
    pub fn user(&self) -> &str {
        &self.user
    }

    /// Returns the access that was granted at the sign-in.
    pub fn access(&self) -> &Access {
        &self.access
    }

    /// Returns the key of the session.
    pub fn id(&self) -> SessionId {
        self.id
    }

    /// Completes when the session has ended: at once if this process ended it, otherwise within the interval of checks. May be dropped
    /// and called again; no end is missed.
    pub async fn wait_until_ended(&self, sessions: &Sessions) {
        let mut state = self.state.lock().await;
        loop {
            let next_check = state.next_check;
            // The sender lives as long as `sessions`.
            let _ = timeout_at(next_check, state.ends.changed()).await;
            // Due until it was made.
            state.next_check = Instant::now();
            if matches!(sessions.find(self.id).await, Err(SessionError::Expired | SessionError::Unknown)) {
                return;
            }
            state.next_check = Instant::now() + CHECK_INTERVAL;
        }
    }
}
