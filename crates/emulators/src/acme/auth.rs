//! Authentication: the API key, its permissions, the tenant header, and the request limit.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method};
use axum::middleware::{self, Next};
use axum::response::Response;
use jiff::{SignedDuration, Timestamp};

use crate::acme::error_response::AcmeErrorResponse;
use crate::acme::{AcmeEmulator, venue};

/// API key of a reseller, without permission to edit (`acme.md §5`).
const RESELLER_KEY: &str = "harbor-sandbox-key";
/// API key of the venue.
const VENUE_KEY: &str = "harbor-venue-key";
/// Requests per second and key, if requests are limited. ACME publishes no number.
const MAX_REQUESTS_PER_SECOND: usize = 10;

/// Sliding window of each key's recent requests.
#[derive(Default)]
pub(super) struct RequestWindow(HashMap<String, VecDeque<Timestamp>>);

impl RequestWindow {
    fn try_acquire(&mut self, key: &str, now: Timestamp) -> bool {
        let calls = self.0.entry(key.to_owned()).or_default();
        while calls.front().is_some_and(|at| now.duration_since(*at) >= SignedDuration::from_secs(1)) {
            calls.pop_front();
        }
        let allowed = calls.len() < MAX_REQUESTS_PER_SECOND;
        if allowed {
            calls.push_back(now);
        }
        allowed
    }
}

/// Requires an API key for all routes.
pub(super) fn require_key(routes: Router<Arc<AcmeEmulator>>, acme: Arc<AcmeEmulator>) -> Router {
    let unknown = || async { AcmeErrorResponse::not_found("path") };
    routes.fallback(unknown).layer(middleware::from_fn_with_state(Arc::clone(&acme), authenticate)).with_state(acme)
}

async fn authenticate(
    State(acme): State<Arc<AcmeEmulator>>,
    request: Request,
    next: Next,
) -> Result<Response, AcmeErrorResponse> {
    let header = |headers: &HeaderMap, name: &str| headers.get(name)?.to_str().ok().map(str::to_owned);
    let key = header(request.headers(), "x-acme-api-key").ok_or_else(AcmeErrorResponse::unauthorized)?;
    if key != RESELLER_KEY && key != VENUE_KEY {
        return Err(AcmeErrorResponse::unauthorized());
    }
    if let Some(window) = &acme.request_window
        && !window.lock().try_acquire(&key, acme.now())
    {
        return Err(AcmeErrorResponse::rate_limited());
    }
    let path = request.uri().path();
    if path.starts_with("/v2/b2c/") {
        let tenant = header(request.headers(), "x-b2c-tenant-id");
        if tenant.and_then(|text| text.parse().ok()) != Some(venue::TENANT) {
            return Err(AcmeErrorResponse::invalid("x-b2c-tenant-id must name the tenant"));
        }
    }
    let edits = request.method() != Method::GET && path.starts_with("/v2/b2b/event/");
    if edits && key != VENUE_KEY {
        return Err(AcmeErrorResponse::forbidden("EVENT_TEMPLATE_EDIT"));
    }
    let denied = acme
        .store
        .read(|state| required_permissions(request.method(), path).iter().find(|right| state.denied.contains(**right)));
    if let Some(right) = denied {
        return Err(AcmeErrorResponse::forbidden(right));
    }
    Ok(next.run(request).await)
}

/// Returns the permissions that a reseller's call needs: INFERRED from their names (`acme.md §5`).
fn required_permissions(method: &Method, path: &str) -> &'static [&'static str] {
    let begins = |with: &str| path.starts_with(with);
    match (method.as_str(), path) {
        ("GET", _) if begins("/v2/b2b/event/template") => &["EVENT_TEMPLATE_VIEW"],
        ("GET", _) if begins("/v2/b2b/event/instances") => &["EVENT_VIEW"],
        ("POST", "/v2/b2b/reservations") => &["ORDER_CREATE"],
        ("PUT", "/v2/b2b/reservations") => &["ORDER_UPDATE"],
        ("DELETE", _) if begins("/v2/b2b/reservations/") => &["ORDER_DELETE"],
        ("POST", _) if begins("/v2/b2b/orders/organizations/") => {
            &["ACCT_ORDERS_CREATE", "ORDER_CREATE", "ORDER_PAYMENT", "ACCT_PMNT_POLICY_VIEW"]
        }
        ("GET", _) if begins("/v2/b2b/willcall/") || begins("/v2/b2b/orders/") => &["ORDER_VIEW", "ACCT_ORDERS_VIEW"],
        ("POST", "/v2/b2b/orders/update") => &["ORDER_UPDATE", "ACCT_ORDERS_UPDATE", "ACCT_ORDERS_DELETE"],
        ("POST", "/v2/b2b/b2b/refunds" | "/v1/b2b/b2b/refunds") => &["REFUNDS_EXECUTE"],
        _ => &[],
    }
}
