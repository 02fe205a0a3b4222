//! SecuTix S-360: sales services over JSON or SOAP, a catalog snapshot in memory, orders closed on a pending account.

mod accounts;
mod assumptions;
mod availability_cache;
mod availability_fetcher;
mod catalog;
mod catalog_store;
mod client;
mod closing;
mod facts;
mod map;
mod ordering;
mod protocol;
mod refunds;
mod settings;
mod snapshot_cache;
mod webhook;
mod wire;

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use domain::{Clock, OrderCalls, Quota, Source, SourceTraits, VendorKind};
use http_client::VendorHttpClient;
use vendor_api::SourceConfig;
use vendor_api::{ConnectContext, InvalidSetting, Vendor};

use crate::accounts::SecutixAccounts;
use crate::availability_fetcher::AvailabilityFetcher;
use crate::catalog::SecutixCatalog;
use crate::catalog_store::CatalogStore;
use crate::client::{Client, PollSchedule};
use crate::facts::Facts;
use crate::ordering::SecutixOrdering;
use crate::protocol::{JsonProtocol, Protocol, SoapProtocol, TokenProvider};
use crate::settings::{ProtocolKind, Settings};
use crate::snapshot_cache::SnapshotCache;
use crate::webhook::SecutixWebhook;
use crate::wire::ORDER;

/// Row of the vendor table.
pub const VENDOR: Vendor = Vendor {
    name: "secutix",
    kind: VendorKind::Secutix,
    keys: settings::KEYS,
    secrets: settings::SECRETS,
    connection_keys: settings::CONNECTION_KEYS,
    assumptions: assumptions::ASSUMPTIONS,
    // All requests to an institution, and those to one service, in every version and protocol. Both are documented, and the
    // institution's own staff shares them (`secutix.md §2.8`).
    quota: Some(Quota { requests: 180, per: Duration::from_secs(60) }),
    endpoint_quota: Some(Quota { requests: 60, per: Duration::from_secs(60) }),
    // The window of the limit (`secutix.md §2.8`).
    rate_limit_pause: Duration::from_secs(60),
    check,
    connect,
};

/// Validates the configuration of a source. Calls nobody.
fn check(config: &SourceConfig) -> Vec<InvalidSetting> {
    Settings::from_config(config).err().unwrap_or_default()
}

/// Builds a source. Calls nobody.
fn connect(config: SourceConfig, context: ConnectContext) -> Result<Source, Vec<InvalidSetting>> {
    let settings = Settings::from_config(&config)?;
    let ConnectContext { http, clock, health, tracker, kept } = context;
    let protocol = connect_protocol(&settings, &config.base_url, http, &clock);
    let facts = Arc::clone(&settings.facts);
    let client = Arc::new(Client::new(config.id.clone(), protocol, PollSchedule::IN_PROGRESS, Arc::clone(&facts)));
    let defaults = settings.source_defaults(&config);
    let snapshots = Arc::new(SnapshotCache::new(
        Arc::clone(&client),
        Arc::clone(&clock),
        tracker,
        defaults,
        config.base_url.clone(),
        CatalogStore::new(kept, &facts, Arc::clone(&clock)),
    ));
    let ordering = Arc::new(SecutixOrdering {
        client: Arc::clone(&client),
        snapshots: Arc::clone(&snapshots),
        contact: settings.contact_reference.text(),
        channel: settings.channel(),
        contingents: settings.contingents.clone(),
        completion_schedule: PollSchedule::ORDER_COMPLETION,
    });
    let accounts = Arc::new(SecutixAccounts {
        client: Arc::clone(&client),
        snapshots: Arc::clone(&snapshots),
        clock: Arc::clone(&clock),
        institution: config.institution.clone(),
        base_url: config.base_url.clone(),
        login: settings.login.clone(),
        contact: settings.contact_reference.text(),
        contingents: settings.contingents.clone(),
    });
    let catalog = SecutixCatalog {
        client,
        snapshots,
        clock,
        availability: AvailabilityFetcher::new(settings.contingents.clone()),
    };
    Ok(Source {
        id: config.id,
        vendor: VendorKind::Secutix,
        institution: config.institution,
        environment: config.environment,
        time_zone: config.time_zone,
        currency: config.currency,
        traits: source_traits(&facts),
        health,
        failures: Arc::default(),
        capacity: None,
        catalog: Arc::new(catalog),
        ordering: Some(Arc::clone(&ordering) as _),
        // Only adding tickets is documented to restart the expiry of a cart.
        hold_extension: None,
        refunds: Some(ordering),
        admissions: None,
        accounts: Some(accounts),
        authoring: None,
        section_authoring: None,
        back_office: None,
        incoming_webhook: Some(Arc::new(SecutixWebhook)),
    })
}

/// Creates the configured protocol, JSON or SOAP.
fn connect_protocol(
    settings: &Settings,
    base_url: &str,
    http: VendorHttpClient,
    clock: &Arc<dyn Clock>,
) -> Box<dyn Protocol> {
    let version = settings.api_version.as_str();
    match settings.transport {
        ProtocolKind::Json => {
            let tokens = TokenProvider::new(settings.token, settings.identity(), base_url, Arc::clone(clock));
            Box::new(
                JsonProtocol::new(http, base_url, version, tokens)
                    .with_rate_limit_scope(settings.facts.rate_limit_scope),
            )
        }
        ProtocolKind::Soap => {
            let password = settings.password.clone();
            let protocol = SoapProtocol::new(http, base_url, version, &settings.login, password);
            Box::new(protocol.with_rate_limit_scope(settings.facts.rate_limit_scope))
        }
    }
}

/// Traits of the vendor (`secutix.md §2.8`, §2.9, §5.4–§5.7).
fn source_traits(facts: &Facts) -> SourceTraits {
    SourceTraits {
        max_batch: facts.max_performances,
        hold_ttl: facts.hold_lifetime,
        slow_confirm_duration: Duration::from_secs(30),
        honors_idempotency_keys: false,
        finds_by_our_reference: false,
        cancels_in_part: true,
        undo_is_proven: false,
        settles_on_account: true,
        commits_at_hold: false,
        barcode_at_confirm: true,
        holds_seats: true,
        needs_contact_at_hold: false,
        delivers_to_app: true,
        confirm_rank: 30,
        // Only the hold goes to another service.
        order_calls: OrderCalls { hold: 1, confirm: 2, tickets: 1, undo: 3, endpoint: Some(ORDER.class) },
        horizon_days: 730,
    }
}
