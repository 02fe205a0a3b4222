//! Sources, out of their stanzas: connected by their vendor, layered, and read as one catalogue.

use std::sync::Arc;
use std::time::Duration;

use sha2::{Digest, Sha256};
use tokio_util::task::TaskTracker;

use crate::app::shared::Shared;
use crate::config::{Config, Lifetime as LifetimeSettings, Lifetimes as LifetimesSettings, Resilience, SourceSettings};
use domain::{Budget, Clock, Quota, Source};
use http_client::Transport;
use source_stack::{
    BreakerPolicy, BudgetPolicy, Bulkhead, Cache, Deadlines, Lifetime, Lifetimes, LocalBudget, Pace, Parts, Policy,
    Pulse, Retries, stack,
};
use vendor_api::{Finding, Surroundings, Vendor};
use vendor_registry::VENDORS;

/// What the federation waits beyond the deadline of a source, so that the guard's own word arrives first.
pub const SLACK: Duration = Duration::from_millis(500);

/// What every source is surrounded by.
pub struct Ground {
    /// The connection pool.
    pub client: reqwest::Client,
    /// The time of day.
    pub clock: Arc<dyn Clock>,
    /// What all sources are remembered in.
    pub cache: Arc<Cache>,
    /// What replicas share, where they do.
    pub shared: Option<Shared>,
    /// Owns the tasks of the sources.
    pub tracker: TaskTracker,
}

/// Connects every source of a configuration; calls nobody.
pub fn connect(config: &Config, ground: &Ground) -> Result<Vec<Arc<Source>>, Vec<Finding>> {
    let mut findings = Vec::new();
    let mut connected = Vec::new();
    for settings in config.sources.values() {
        let is_delivered = config.deliveries.values().any(|delivery| delivery.channel.source == settings.stanza.id);
        match connect_one(settings, &config.cache.lifetimes, ground, is_delivered) {
            Ok(source) => connected.push(source),
            Err(faults) => findings.extend(
                faults
                    .into_iter()
                    .map(|fault| Finding::new(format!("sources.{}.{}", settings.stanza.id, fault.key), fault.message)),
            ),
        }
    }
    if findings.is_empty() { Ok(connected) } else { Err(findings) }
}

fn connect_one(
    settings: &SourceSettings,
    lifetimes: &LifetimesSettings,
    ground: &Ground,
    is_delivered: bool,
) -> Result<Arc<Source>, Vec<Finding>> {
    let vendor = VENDORS
        .iter()
        .find(|vendor| vendor.name == settings.vendor)
        .ok_or_else(|| vec![Finding::new("vendor", "is not one of the vendors")])?;
    let id = settings.stanza.id.clone();
    let realm = realm(settings, vendor);
    let policy = policy(&settings.resilience, lifetimes, vendor.quota);
    let budget: Arc<dyn Budget> = match (&policy.budget, &ground.shared) {
        (Some(budget), Some(shared)) => shared.budget(&format!("{id}:{realm}"), budget),
        (Some(budget), None) => Arc::new(LocalBudget::new(Pace::of(budget), budget.patience)),
        (None, _) => Arc::new(LocalBudget::unlimited()),
    };
    let pulse = Arc::new(Pulse::new(id.clone(), Arc::clone(&ground.clock), Arc::clone(&budget)));
    let surroundings = Surroundings {
        transport: Transport::new(ground.client.clone(), id, budget, settings.resilience.attempt_timeout),
        clock: Arc::clone(&ground.clock),
        health: Arc::clone(&pulse) as _,
        tracker: ground.tracker.clone(),
    };
    let mut source = (vendor.connect)(settings.stanza.clone(), surroundings)?;
    // What a vendor could deliver goes nowhere without a channel.
    source.facts.delivers_to_app &= is_delivered;
    Ok(Arc::new(stack(source, Parts { policy, pulse, cache: Arc::clone(&ground.cache), realm })))
}

/// A digest of what the vendor sees of the account, its secrets aside: two configurations that share a store under one name for
/// different accounts never read each other's facts.
fn realm(settings: &SourceSettings, vendor: &Vendor) -> String {
    let stanza = &settings.stanza;
    let mut digest = Sha256::new();
    let zone = stanza.time_zone.iana_name().unwrap_or_default();
    let currency = stanza.currency.map_or("", |currency| currency.code());
    for part in [&settings.vendor, &stanza.base_url, &stanza.institution, zone, currency] {
        digest.update(part.as_bytes());
        digest.update([0]);
    }
    for (key, value) in stanza.own.iter().filter(|(key, _)| !vendor.secrets.contains(&key.as_str())) {
        digest.update(format!("{key}={value}\0").as_bytes());
    }
    digest.finalize()[..8].iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The numbers of the layers, out of the configuration; without a quota there, the vendor's own.
fn policy(from: &Resilience, lifetimes: &LifetimesSettings, usual: Option<Quota>) -> Policy {
    let (deadlines, retries, breaker) = (&from.deadlines, &from.retries, &from.breaker);
    Policy {
        attempt_timeout: from.attempt_timeout,
        deadlines: Deadlines {
            list: deadlines.list,
            read: deadlines.read,
            availability: deadlines.availability,
            order: deadlines.order,
            gate: deadlines.gate,
            other: deadlines.other,
        },
        retries: Retries {
            max_attempts: retries.max_attempts.into(),
            first_pause: retries.first_pause,
            longest_pause: retries.longest_pause,
            percent: retries.percent.of_hundred().into(),
            reserve: retries.reserve,
        },
        breaker: BreakerPolicy {
            window: breaker.window,
            min_calls: u32::from(breaker.min_calls) as usize,
            failure_percent: breaker.failure_percent.of_hundred().into(),
            rest: breaker.rest,
            longest_rest: breaker.longest_rest,
            closes_after: breaker.closes_after.into(),
        },
        bulkhead: Bulkhead {
            browsing: u32::from(from.bulkhead.browsing) as usize,
            checkout: u32::from(from.bulkhead.checkout) as usize,
            longest_wait: from.bulkhead.longest_wait,
        },
        budget: from.budget.quota.or(usual).map(|quota| BudgetPolicy {
            quota,
            order_percent: from.budget.order_percent.of_hundred().into(),
            patience: from.budget.patience,
            replicas: from.budget.replicas.into(),
        }),
        lifetimes: Lifetimes {
            lists: lifetime(&lifetimes.lists),
            facts: lifetime(&lifetimes.facts),
            calendar: lifetimes.calendar,
            availability: lifetimes.availability,
            not_found: lifetimes.not_found,
            patience: lifetimes.patience,
            jitter_percent: lifetimes.jitter_percent.of_hundred().into(),
        },
    }
}

fn lifetime(from: &LifetimeSettings) -> Lifetime {
    Lifetime { fresh: from.fresh, lenient: from.lenient, stale: from.stale }
}
