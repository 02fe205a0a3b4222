//! Sign-in of people by an OpenID Connect provider: `/sign-in`, `/sign-in/callback`, `/session` and `/session/end`.
//!
//! What goes wrong is shown by the dashboard, in the language of its reader: it gets the reason in its address.

pub mod cookies;

use std::sync::Arc;

use audit::{AuditAction, AuditActor};
use axum::extract::rejection::QueryRejection;
use axum::extract::{Extension, Query, State};
use axum::http::header::{CACHE_CONTROL, LOCATION, RETRY_AFTER, SET_COOKIE, VARY};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use metrics::counter;
use serde::Deserialize;
use serde_json::{Value, json};
use sign_in::{Callback, Provider, RoleRule, SessionToken, Sessions, SignInError, User, find_access};

use crate::gateway::auth::session::{CSRF_HEADER, SessionAuth, viewer_id};
use crate::gateway::auth::{AuthError, Authenticator, Principal};
use crate::gateway::rate_limiter::RateLimitStatus;
use crate::gateway::sign_in::cookies::Cookies;
use crate::gateway::state::{AppState, PeerAddress};

/// Sign-in of people.
pub struct SignIn {
    /// OpenID Connect provider.
    pub provider: Provider,
    /// Name of the provider on the button.
    pub provider_name: String,
    /// Claim that decides the role.
    pub roles_claim: String,
    /// Rules that grant roles.
    pub rules: Vec<RoleRule>,
    /// Sessions.
    pub sessions: Arc<Sessions>,
    /// Names of the cookies.
    pub cookies: Cookies,
    /// Requests of the sign-in per minute of each address; `None`: unlimited.
    pub requests_per_minute_and_address: Option<u32>,
}

/// Reason why nobody has signed in, in the address of the dashboard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Failure {
    /// The person has no role.
    NoAccess,
    /// The provider refused.
    Refused,
    /// The return belongs to no sign-in of this browser.
    Unrelated,
    /// The return could not be verified.
    Invalid,
    /// The provider or the store is not available.
    Unavailable,
}

impl Failure {
    fn name(self) -> &'static str {
        match self {
            Self::NoAccess => "no-access",
            Self::Refused => "refused",
            Self::Unrelated | Self::Invalid => "invalid",
            Self::Unavailable => "unavailable",
        }
    }
}

impl From<SignInError> for Failure {
    fn from(error: SignInError) -> Self {
        match error {
            SignInError::Unavailable => Self::Unavailable,
            SignInError::Refused => Self::Refused,
            SignInError::Unrelated => Self::Unrelated,
            SignInError::Invalid => Self::Invalid,
        }
    }
}

/// Returns the routes of the sign-in.
pub fn routes() -> Router<Arc<AppState>> {
    Router::new()
        .route("/sign-in", get(begin))
        .route("/sign-in/callback", get(complete))
        .route("/session", get(show))
        .route("/session/end", post(end))
}

#[derive(Deserialize)]
struct BeginParameters {
    prompt: Option<String>,
}

/// `GET /sign-in`: sends the browser to the provider. With `prompt=login` the provider asks for the account again.
async fn begin(
    State(state): State<Arc<AppState>>,
    Query(parameters): Query<BeginParameters>,
    peer: Option<Extension<PeerAddress>>,
) -> Response {
    let Some(sign_in) = &state.sign_in else { return not_configured() };
    if let Some(status) = exceeded_limit(&state, sign_in, peer).await {
        return rate_limited(&status);
    }
    match sign_in.provider.begin(parameters.prompt.as_deref() == Some("login")).await {
        Ok((url, pending)) => redirect(url.as_str(), [sign_in.cookies.set_pending(&pending)]),
        Err(error) => fail(sign_in, error.into()),
    }
}

/// `GET /sign-in/callback`: the browser returns from the provider.
async fn complete(
    State(state): State<Arc<AppState>>,
    callback: Result<Query<Callback>, QueryRejection>,
    peer: Option<Extension<PeerAddress>>,
    headers: HeaderMap,
) -> Response {
    let Some(sign_in) = &state.sign_in else { return not_configured() };
    if let Some(status) = exceeded_limit(&state, sign_in, peer).await {
        return rate_limited(&status);
    }
    let Ok(Query(callback)) = callback else { return fail(sign_in, Failure::Unrelated) };
    match start_session(sign_in, callback, &headers).await {
        Ok((token, actor)) => {
            if !state.record(actor, AuditAction::SignedIn).await {
                // The session is unknown to everybody, and ends by itself.
                return fail(sign_in, Failure::Unavailable);
            }
            count("signed_in");
            redirect("/dashboard", [sign_in.cookies.set_session(&token), sign_in.cookies.remove_pending()])
        }
        Err(failure) => fail(sign_in, failure),
    }
}

async fn start_session(
    sign_in: &SignIn,
    callback: Callback,
    headers: &HeaderMap,
) -> Result<(SessionToken, AuditActor), Failure> {
    let pending = sign_in.cookies.find_pending(headers).ok_or(Failure::Unrelated)?;
    let identity = sign_in.provider.complete(callback, &pending).await?;
    let access = find_access(&sign_in.rules, &sign_in.roles_claim, &identity.claims).ok_or(Failure::NoAccess)?;
    let user = User { id: identity.subject, name: identity.name, access: access.clone() };
    let actor = AuditActor { id: viewer_id(&user.id), name: user.name.clone(), reseller: user.access.reseller.clone() };
    let started = sign_in.sessions.start(user).await.map(|token| (token, actor));
    started.map_err(|error| {
        tracing::error!(%error, "a session could not be stored");
        Failure::Unavailable
    })
}

/// `GET /session`: the provider's name, and who has signed in. A cookie of a session that has ended is removed.
async fn show(State(state): State<Arc<AppState>>, headers: HeaderMap) -> Response {
    let Some(sign_in) = &state.sign_in else { return no_store(Json(session_json(None, None, None))) };
    let authenticator = state.authenticator.load_full();
    let (principal, ended) = match find_caller(&authenticator, &headers).await {
        None | Some(Err(AuthError::NoSession)) => (None, None),
        Some(Ok(principal)) => (Some(principal), None),
        Some(Err(AuthError::ExpiredSession)) => (None, Some("EXPIRED")),
        Some(Err(AuthError::UnknownSession)) => (None, Some("UNKNOWN")),
        Some(Err(error)) => return refuse(error),
    };
    let mut response = no_store(Json(session_json(Some(sign_in), principal.as_ref(), ended)));
    if ended.is_some() {
        append_cookies(&mut response, [sign_in.cookies.remove_session()]);
    }
    response
}

fn session_json(sign_in: Option<&Arc<SignIn>>, principal: Option<&Principal>, ended: Option<&str>) -> Value {
    let provider = sign_in.map(|sign_in| json!({ "name": sign_in.provider_name }));
    let session =
        principal.map(|principal| json!({ "name": principal.viewer.name, "reseller": principal.viewer.reseller }));
    json!({ "provider": provider, "session": session, "ended": ended })
}

#[derive(Deserialize)]
struct EndParameters {
    #[serde(default)]
    everywhere: bool,
}

/// `POST /session/end`: ends the session; with `everywhere=true` all sessions of the user. A session that has ended before is none.
async fn end(
    State(state): State<Arc<AppState>>,
    Query(parameters): Query<EndParameters>,
    headers: HeaderMap,
) -> Response {
    let Some(sign_in) = &state.sign_in else { return not_configured() };
    let authenticator = state.authenticator.load_full();
    if !headers.contains_key(&CSRF_HEADER) {
        return refuse(AuthError::ForeignOrigin);
    }
    match find_caller(&authenticator, &headers).await {
        None | Some(Err(AuthError::NoSession | AuthError::ExpiredSession | AuthError::UnknownSession)) => {}
        Some(Err(error)) => return refuse(error),
        Some(Ok(principal)) => {
            let everywhere = parameters.everywhere;
            let action = if everywhere { AuditAction::SignedOutEverywhere } else { AuditAction::SignedOut };
            if !end_sessions(sign_in, &principal, everywhere).await {
                return refuse(AuthError::SessionsUnavailable);
            }
            // Nobody stays signed in because it cannot be recorded; that is logged.
            state.record(principal.viewer.to_audit_actor(), action).await;
            count(if everywhere { "signed_out_everywhere" } else { "signed_out" });
        }
    }
    let mut response = no_store(StatusCode::NO_CONTENT);
    append_cookies(&mut response, [sign_in.cookies.remove_session()]);
    response
}

/// Returns false if the ledger does not respond.
async fn end_sessions(sign_in: &SignIn, principal: &Principal, everywhere: bool) -> bool {
    let Some(watch) = &principal.session else { return true };
    let ended = if everywhere {
        sign_in.sessions.end_all(watch.user()).await.map(drop)
    } else {
        sign_in.sessions.end(watch.id()).await
    };
    ended.inspect_err(|error| tracing::error!(%error, "a session could not be ended")).is_ok()
}

async fn find_caller(authenticator: &Authenticator, headers: &HeaderMap) -> Option<Result<Principal, AuthError>> {
    let sessions: &SessionAuth = authenticator.sessions.as_ref()?;
    sessions.authenticate(headers).await
}

/// Shows the reason on the dashboard's page. A sign-in of this browser to which the request did not belong may still be completed.
fn fail(sign_in: &SignIn, failure: Failure) -> Response {
    count(failure.name());
    let cookie = if failure == Failure::Unrelated { None } else { sign_in.cookies.remove_pending() };
    redirect(&format!("/dashboard?sign-in={}", failure.name()), [cookie])
}

/// Counts a request of the sign-in against the limit of its address, since anybody may cause requests to the provider by them. Returns
/// the status if it is exceeded.
async fn exceeded_limit(
    state: &AppState,
    sign_in: &SignIn,
    peer: Option<Extension<PeerAddress>>,
) -> Option<RateLimitStatus> {
    let limit = sign_in.requests_per_minute_and_address?;
    let Extension(PeerAddress(address)) = peer?;
    let status = state.pipeline.rate_limiter().count_requests(&format!("sign-in@{address}"), 1, limit).await;
    status.is_exceeded().then_some(status)
}

fn rate_limited(status: &RateLimitStatus) -> Response {
    count("rate_limited");
    let text = "too many sign-ins: wait for the time in `Retry-After`\n";
    let mut response = no_store((StatusCode::TOO_MANY_REQUESTS, text));
    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(status.resets_in));
    status.add_headers(response.headers_mut());
    response
}

fn refuse(error: AuthError) -> Response {
    let status = match error {
        AuthError::SessionsUnavailable => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::FORBIDDEN,
    };
    no_store((status, format!("{error}\n")))
}

fn not_configured() -> Response {
    no_store((StatusCode::NOT_FOUND, "no sign-in provider is configured\n"))
}

fn count(outcome: &'static str) {
    counter!("ticketgraph_sign_ins_total", "outcome" => outcome).increment(1);
}

fn redirect<const N: usize>(to: &str, cookies: [Option<HeaderValue>; N]) -> Response {
    let Ok(location) = HeaderValue::from_str(to) else { return StatusCode::INTERNAL_SERVER_ERROR.into_response() };
    let mut response = no_store((StatusCode::SEE_OTHER, [(LOCATION, location)]));
    append_cookies(&mut response, cookies);
    response
}

fn append_cookies<const N: usize>(response: &mut Response, cookies: [Option<HeaderValue>; N]) {
    for cookie in cookies.into_iter().flatten() {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
}

fn no_store(response: impl IntoResponse) -> Response {
    let mut response = response.into_response();
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response.headers_mut().append(VARY, HeaderValue::from_static("cookie, x-csrf-protection"));
    response
}
