//! Who may call: the key, its permissions, the tenant header, and the pace.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, PoisonError};

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method};
use axum::middleware::{self, Next};
use axum::response::Response;
use jiff::{SignedDuration, Timestamp};

use crate::acme::refusal::Refusal;
use crate::acme::{Acme, venue};

/// The key of a reseller: no right to edit (`acme.md §5`).
const RESELLER_KEY: &str = "harbor-sandbox-key";
/// The key of the venue itself.
const VENUE_KEY: &str = "harbor-venue-key";
/// Requests of one key in a second, where requests are limited. ACME publishes no number.
const MOST_PER_SECOND: usize = 10;

/// When each key called lately.
#[derive(Default)]
pub(super) struct Pace(HashMap<String, VecDeque<Timestamp>>);

impl Pace {
    fn allows(&mut self, key: &str, now: Timestamp) -> bool {
        let calls = self.0.entry(key.to_owned()).or_default();
        while calls.front().is_some_and(|at| now.duration_since(*at) >= SignedDuration::from_secs(1)) {
            calls.pop_front();
        }
        let allowed = calls.len() < MOST_PER_SECOND;
        if allowed {
            calls.push_back(now);
        }
        allowed
    }
}

/// Puts the routes behind the key.
pub(super) fn guarded(routes: Router<Arc<Acme>>, acme: Arc<Acme>) -> Router {
    let unknown = || async { Refusal::not_found("path") };
    routes.fallback(unknown).layer(middleware::from_fn_with_state(Arc::clone(&acme), guard)).with_state(acme)
}

async fn guard(State(acme): State<Arc<Acme>>, request: Request, next: Next) -> Result<Response, Refusal> {
    let header = |headers: &HeaderMap, name: &str| headers.get(name)?.to_str().ok().map(str::to_owned);
    let key = header(request.headers(), "x-acme-api-key").ok_or_else(Refusal::unauthorized)?;
    if key != RESELLER_KEY && key != VENUE_KEY {
        return Err(Refusal::unauthorized());
    }
    if let Some(pace) = &acme.pace
        && !pace.lock().unwrap_or_else(PoisonError::into_inner).allows(&key, acme.now())
    {
        return Err(Refusal::rate_limited());
    }
    let path = request.uri().path();
    if path.starts_with("/v2/b2c/") {
        let tenant = header(request.headers(), "x-b2c-tenant-id");
        if tenant.and_then(|text| text.parse().ok()) != Some(venue::TENANT) {
            return Err(Refusal::invalid("x-b2c-tenant-id must name the tenant"));
        }
    }
    let edits = request.method() != Method::GET && path.starts_with("/v2/b2b/event/");
    if edits && key != VENUE_KEY {
        return Err(Refusal::forbidden("EVENT_TEMPLATE_EDIT"));
    }
    let denied =
        acme.keeper.read(|book| needed(request.method(), path).iter().find(|right| book.denied.contains(**right)));
    if let Some(right) = denied {
        return Err(Refusal::forbidden(right));
    }
    Ok(next.run(request).await)
}

/// The rights that a call of a reseller needs: INFERRED from their names (`acme.md §5`).
fn needed(method: &Method, path: &str) -> &'static [&'static str] {
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
