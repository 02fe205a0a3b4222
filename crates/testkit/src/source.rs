//! A source with a fake catalog, and stand-ins for what surrounds a source.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use domain::{
    Catalog, Environment, Health, HealthReport, HealthState, OrderCalls, RateLimiter, RequestPlace, RequestTurn,
    Source, SourceId, SourceTraits, VendorKind,
};
use jiff::Timestamp;

/// A source that only has a catalog, of any vendor: what surrounds a source does not depend on its vendor. Tests set
/// further ports on the result.
pub fn fake_source(id: SourceId, catalog: Arc<dyn Catalog>) -> Source {
    Source {
        institution: id.to_string(),
        id,
        vendor: VendorKind::ALL[0],
        environment: Environment::Sandbox,
        time_zone: jiff::tz::TimeZone::UTC,
        currency: None,
        traits: traits(),
        health: Arc::new(AlwaysUp),
        failures: Arc::default(),
        capacity: None,
        catalog,
        ordering: None,
        hold_extension: None,
        refunds: None,
        admissions: None,
        accounts: None,
        authoring: None,
        section_authoring: None,
        back_office: None,
        incoming_webhook: None,
    }
}

/// Traits of a source with batches of 100 keys, whose writes are not idempotent.
pub fn traits() -> SourceTraits {
    SourceTraits {
        max_batch: 100,
        hold_ttl: Duration::from_secs(600),
        slow_confirm_duration: Duration::ZERO,
        honors_idempotency_keys: false,
        finds_by_our_reference: true,
        cancels_in_part: true,
        undo_is_proven: true,
        settles_on_account: true,
        commits_at_hold: false,
        barcode_at_confirm: true,
        holds_seats: false,
        needs_contact_at_hold: false,
        delivers_to_app: false,
        confirm_rank: 0,
        order_calls: OrderCalls { hold: 1, confirm: 1, tickets: 1, undo: 1, endpoint: None },
        horizon_days: 30,
    }
}

/// A rate limiter without a limit.
pub struct UnlimitedRateLimiter;

#[async_trait]
impl RateLimiter for UnlimitedRateLimiter {
    async fn acquire(&self, _turn: RequestTurn) -> Result<RequestPlace, Duration> {
        Ok(RequestPlace::unlimited())
    }

    fn pause(&self, _endpoint: Option<&'static str>, _wait: Duration) {}

    fn remaining(&self) -> Option<u32> {
        None
    }
}

/// Health of a source that is always up.
pub struct AlwaysUp;

#[async_trait]
impl Health for AlwaysUp {
    fn report(&self) -> HealthReport {
        HealthReport {
            state: HealthState::Up,
            since: Timestamp::UNIX_EPOCH,
            throttled: false,
            last_success_at: None,
            last_failure_at: None,
            remaining_requests: None,
        }
    }

    async fn wait_for_change(&self, _: &HealthReport) -> HealthReport {
        std::future::pending().await
    }
}
