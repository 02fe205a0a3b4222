//! OCTO for resellers: `/octo/…` and `/octo/suppliers/{source}/…` (octo.md §12.2).
//!
//! A second face of the same core: every request executes GraphQL documents of its own as the caller, through the stages of every operation
//! ([`pipeline`](crate::gateway::pipeline)). Scopes, limits, idempotency, ledger and audit are those of the fields. The mapping is in
//! [`octo_facade`].

mod another_hold;
mod availability;
mod bookings;
mod changes;
mod documents;
mod exchange;
mod failures;
mod orders;
mod products;
mod reply;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::rejection::RawPathParamsRejection;
use axum::extract::{Extension, RawPathParams, Request, State};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{MethodFilter, MethodRouter, any, on};
use octo_facade::{BookingStore, OctoError, OctoErrorCode};

use crate::gateway::concurrency_limit::LoadShed;
use crate::gateway::octo::exchange::{Exchange, PathIds};
use crate::gateway::octo::reply::Reply;
use crate::gateway::state::AppState;

/// Settings of the OCTO endpoints.
#[derive(Clone, Default)]
pub struct OctoSettings {
    /// Bookings; `None`: nothing can be booked.
    pub bookings: Option<Arc<dyn BookingStore>>,
    /// URL of this service without a slash at its end; `None`: that of the request.
    pub public_url: Option<String>,
    /// Largest number of units of a booking.
    pub max_units: u32,
    /// Largest number of products of a supplier.
    pub max_products: usize,
    /// Largest number of availabilities of a response.
    pub max_availabilities: usize,
    /// Largest number of bookings of a list.
    pub max_bookings: usize,
    /// Time before the visit after which a sale cannot be canceled, for each source.
    pub cancellation_cutoffs: HashMap<String, Duration>,
}

/// An endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Endpoint {
    Suppliers,
    Supplier,
    Capabilities,
    Products,
    Product,
    Calendar,
    Check,
    ListBookings,
    Reserve,
    GetBooking,
    Update,
    Confirm,
    Extend,
    Cancel,
}

/// Returns the routes. Each is served with and without a slash at its end (octo.md §3).
pub fn routes() -> Router<Arc<AppState>> {
    let mut router =
        Router::new().route("/octo", any(unknown)).route("/octo/", any(unknown)).route("/octo/{*rest}", any(unknown));
    let add = |router: Router<Arc<AppState>>, path: &str, served: MethodRouter<Arc<AppState>>| {
        let served = served.fallback(method_not_allowed);
        router.route(path, served.clone()).route(&format!("{path}/"), served)
    };
    router = add(router, "/octo/suppliers", get(Endpoint::Suppliers));
    router = add(router, "/octo/suppliers/{source}", get(Endpoint::Supplier));
    for base in ["/octo", "/octo/suppliers/{source}"] {
        let each = [
            ("supplier", get(Endpoint::Supplier)),
            ("capabilities", get(Endpoint::Capabilities)),
            ("products", get(Endpoint::Products)),
            ("products/{product}", get(Endpoint::Product)),
            ("availability", post(Endpoint::Check)),
            ("availability/calendar", post(Endpoint::Calendar)),
            ("bookings", get(Endpoint::ListBookings).merge(post(Endpoint::Reserve))),
            ("bookings/{uuid}/confirm", post(Endpoint::Confirm)),
            ("bookings/{uuid}/extend", post(Endpoint::Extend)),
            ("bookings/{uuid}/cancel", post(Endpoint::Cancel)),
            (
                "bookings/{uuid}",
                get(Endpoint::GetBooking)
                    .merge(endpoint(MethodFilter::PATCH, Endpoint::Update))
                    .merge(endpoint(MethodFilter::DELETE, Endpoint::Cancel)),
            ),
        ];
        for (path, served) in each {
            router = add(router, &format!("{base}/{path}"), served);
        }
    }
    router
}

fn get(served: Endpoint) -> MethodRouter<Arc<AppState>> {
    endpoint(MethodFilter::GET, served)
}

fn post(served: Endpoint) -> MethodRouter<Arc<AppState>> {
    endpoint(MethodFilter::POST, served)
}

fn endpoint(method: MethodFilter, served: Endpoint) -> MethodRouter<Arc<AppState>> {
    on(
        method,
        move |State(state): State<Arc<AppState>>,
              Extension(load_shed): Extension<LoadShed>,
              ids: Result<RawPathParams, RawPathParamsRejection>,
              request: Request| async move {
            let ids = ids.map(|ids| PathIds::of(&ids)).unwrap_or_default();
            Box::pin(serve(served, &state, &load_shed, ids, request)).await
        },
    )
}

async fn unknown() -> Response {
    Reply::failed(OctoError::new(OctoErrorCode::NotFound, "there is no such endpoint")).into_response()
}

async fn method_not_allowed() -> Response {
    let error = OctoError::bad_request("the endpoint does not have this method");
    Reply::failed(error.with_status(405)).into_response()
}

/// Authenticates the caller, counts the request, reads its body, and responds.
async fn serve(
    served: Endpoint,
    state: &Arc<AppState>,
    load_shed: &LoadShed,
    ids: PathIds,
    request: Request,
) -> Response {
    let (parts, body) = request.into_parts();
    let exchange = match Exchange::begin(state, &parts, ids).await {
        Ok(exchange) => exchange,
        Err(error) => return Reply::failed(error).into_response(),
    };
    let reply = match exchange.read_body(load_shed, body).await {
        // A request that has all it needs takes one of the places.
        Ok(body) => match load_shed.run(Box::pin(respond(served, &exchange, &body))).await {
            Ok((reply, _permit)) => reply,
            Err(rejection) => Err(failures::of_rejection(&rejection)),
        },
        Err(error) => Err(error),
    };
    exchange.finish(reply)
}

async fn respond(served: Endpoint, exchange: &Exchange<'_>, body: &[u8]) -> Result<Reply, OctoError> {
    match served {
        Endpoint::Suppliers => products::suppliers(exchange).await,
        Endpoint::Supplier => products::supplier(exchange).await,
        Endpoint::Capabilities => Reply::of(&octo_facade::capability::list()),
        Endpoint::Products => products::products(exchange).await,
        Endpoint::Product => products::product(exchange).await,
        Endpoint::Calendar => availability::calendar(exchange, body).await,
        Endpoint::Check => availability::check(exchange, body).await,
        Endpoint::ListBookings => bookings::list(exchange).await,
        Endpoint::Reserve => bookings::reserve(exchange, body).await,
        Endpoint::GetBooking => bookings::get(exchange).await,
        Endpoint::Update => changes::update(exchange, body).await,
        Endpoint::Confirm => changes::confirm(exchange, body).await,
        Endpoint::Extend => changes::extend(exchange, body).await,
        Endpoint::Cancel => changes::cancel(exchange, body).await,
    }
}
