//! Authentication and authorization, in the vendor's order of checks (`ticketing.md §2.7`).

use axum::http::HeaderMap;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::Value;

use crate::ticketing::responses::{BodyFields, QueryParameters, TicketingErrorResponse};
use crate::ticketing::routes::Route;
use crate::ticketing::seed::{ADMINISTRATOR_KEY, INTEGRATION_ACCOUNT, RESTRICTED_KEY};
use crate::ticketing::state::{TicketingEvent, TicketingState};
use crate::ticketing::views::ViewContext;

/// Oldest supported client version.
const MIN_CLIENT_VERSION: [u64; 3] = [3, 0, 0];

/// Owner of a key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Identity {
    Administrator,
    Restricted,
    /// A session of the account.
    Session(String),
    /// The bearer of an admission token, by token id.
    TokenBearer(String),
}

/// An authorized request.
pub(super) struct RequestContext<'a> {
    pub method: &'a str,
    pub query: QueryParameters,
    pub body: Value,
    pub caller: Identity,
    /// API key of the request.
    pub key: String,
    pub now: Timestamp,
    pub zone: &'a TimeZone,
}

impl RequestContext<'_> {
    pub(super) fn view(&self) -> ViewContext<'_> {
        ViewContext { now: self.now, zone: self.zone, hides_sales: self.caller == Identity::Restricted }
    }

    pub(super) fn fields(&self) -> BodyFields<'_> {
        BodyFields(&self.body)
    }

    /// Returns the caller's account.
    pub(super) fn account(&self) -> &str {
        match &self.caller {
            Identity::Session(number) => number,
            _ => INTEGRATION_ACCOUNT,
        }
    }

    /// True if the caller may act for the account.
    pub(super) fn acts_for(&self, number: &str) -> bool {
        self.caller == Identity::Administrator || self.caller == Identity::Session(number.to_owned())
    }

    /// True if the caller administers the host.
    pub(super) fn administers(&self, state: &TicketingState, host: &str) -> bool {
        match &self.caller {
            Identity::Administrator => true,
            Identity::Session(number) => state.hosts.get(host).is_some_and(|host| host.administrators.contains(number)),
            Identity::Restricted | Identity::TokenBearer(_) => false,
        }
    }

    /// Returns the event if the caller administers its host.
    pub(super) fn managed_event<'b>(
        &self,
        state: &'b TicketingState,
        event: &str,
    ) -> Result<&'b TicketingEvent, TicketingErrorResponse> {
        let event = state.events.get(event).ok_or_else(TicketingErrorResponse::not_found)?;
        if self.administers(state, &event.host) {
            return Ok(event);
        }
        Err(TicketingErrorResponse::new(403, "This account is not an administrator for the relevant event host."))
    }
}

/// Checks the client version, then the key, then its permissions.
pub(super) fn authorize(
    state: &TicketingState,
    route: Route<'_>,
    method: &str,
    headers: &HeaderMap,
) -> Result<Identity, TicketingErrorResponse> {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().trim();
    if !is_supported_version(header("x-client-version")) {
        return Err(TicketingErrorResponse::upgrade_required());
    }
    let key = header("x-api-key");
    if key.is_empty() {
        return Err(TicketingErrorResponse::unauthenticated());
    }
    let caller = identify(state, key).ok_or_else(|| match route {
        Route::ActiveSession => TicketingErrorResponse::new(401, "There is no active session for the given key."),
        _ => TicketingErrorResponse::forbidden(),
    })?;
    let is_allowed = match &caller {
        Identity::Administrator => true,
        Identity::Restricted => route.allows_restricted_keys(method),
        Identity::Session(number) => {
            let is_administrator = state.accounts.get(number).is_some_and(|account| account.role == "administrator");
            is_administrator || !route.requires_administrator(method)
        }
        Identity::TokenBearer(token) => match route {
            Route::EventTickets(event) | Route::Admissions(event) => {
                state.tokens.get(token).is_some_and(|token| token.event == event)
            }
            _ => false,
        },
    };
    if is_allowed { Ok(caller) } else { Err(TicketingErrorResponse::forbidden()) }
}

fn is_supported_version(version: &str) -> bool {
    let parts: Option<Vec<u64>> = version.split('.').map(|part| part.parse().ok()).collect();
    parts.is_some_and(|parts| parts.as_slice() >= MIN_CLIENT_VERSION.as_slice())
}

fn identify(state: &TicketingState, key: &str) -> Option<Identity> {
    match key {
        ADMINISTRATOR_KEY => return Some(Identity::Administrator),
        RESTRICTED_KEY => return Some(Identity::Restricted),
        _ => {}
    }
    if let Some(session) = state.sessions.get(key).filter(|session| !session.is_over) {
        return Some(Identity::Session(session.account.clone()));
    }
    if let Some(integration) = state.integrations.values().find(|integration| integration.key == key) {
        let is_administrator = integration.role == "administrator";
        return Some(if is_administrator { Identity::Administrator } else { Identity::Restricted });
    }
    let token = state.tokens.values().find(|token| token.key == key)?;
    Some(Identity::TokenBearer(token.id.clone()))
}
