//! ACME Ticketing: one tenant, accessed with an API key. See the README for its quirks.

mod accounts;
mod assumptions;
mod authoring;
mod catalog;
mod client;
mod map;
mod ordering;
mod settings;
pub(crate) mod wire;

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use crate::accounts::AcmeAccounts;
use crate::authoring::AcmeAuthoring;
use crate::catalog::{AcmeCatalog, HORIZON_DAYS};
use crate::client::Client;
use crate::map::SourceDefaults;
use crate::ordering::{AcmeOrdering, KnownPayments, SentCheckOuts};
use crate::settings::{OrderLookup, Settings};
use domain::authoring::Authoring;
use domain::ordering::Ordering;
use domain::{OrderCalls, Source, SourceTraits, VendorKind};
use vendor_api::SourceConfig;
use vendor_api::{ConnectContext, InvalidSetting, Vendor};

/// Registry row of this vendor.
pub const VENDOR: Vendor = Vendor {
    name: "acme",
    kind: VendorKind::Acme,
    keys: settings::KEYS,
    secrets: settings::SECRETS,
    connection_keys: settings::CONNECTION_KEYS,
    assumptions: assumptions::ASSUMPTIONS,
    quota: None,
    endpoint_quota: None,
    // A client of the vendor waits so long (`acme.md §2.4`, §2.7).
    rate_limit_pause: Duration::from_secs(30),
    check,
    connect,
};

fn check(config: &SourceConfig) -> Vec<InvalidSetting> {
    Settings::from_config(config).err().unwrap_or_default()
}

fn connect(config: SourceConfig, context: ConnectContext) -> Result<Source, Vec<InvalidSetting>> {
    let settings = Settings::from_config(&config)?;
    let ConnectContext { http, clock, health, .. } = context;
    let facts = facts(&settings);
    let defaults = SourceDefaults {
        time_zone: config.time_zone.clone(),
        currency: settings.currency,
        base_url: settings.base_url.clone(),
        facts: settings.facts.clone(),
    };
    // Without an editing key, edits use the selling key; the vendor decides whether that is permitted.
    let editor = settings.editing_key.unwrap_or_else(|| settings.api_key.clone());
    let desk = Arc::new(AcmeAuthoring {
        source: config.id.clone(),
        client: Client::new(http.clone(), settings.base_url.clone(), editor, None, settings.facts.clone()),
        defaults: defaults.clone(),
        clock: Arc::clone(&clock),
    });
    let client = Arc::new(Client::new(http, settings.base_url, settings.api_key, settings.tenant_id, settings.facts));
    let office = Arc::new(AcmeOrdering {
        source: config.id.clone(),
        client: Arc::clone(&client),
        defaults: defaults.clone(),
        clock: Arc::clone(&clock),
        organization_id: settings.organization_id,
        voucher: settings.voucher,
        sent: SentCheckOuts::default(),
        payments: KnownPayments::default(),
    });
    let accounts = AcmeAccounts {
        client: Arc::clone(&client),
        defaults: defaults.clone(),
        clock: Arc::clone(&clock),
        institution: config.institution.clone(),
        organization_id: office.organization_id.clone(),
    };
    let catalog = AcmeCatalog::new(config.id.clone(), client, defaults, clock);
    Ok(Source {
        id: config.id,
        vendor: VendorKind::Acme,
        institution: config.institution,
        environment: config.environment,
        time_zone: config.time_zone,
        currency: Some(settings.currency),
        traits: facts,
        health,
        failures: Arc::default(),
        capacity: None,
        catalog: Arc::new(catalog),
        ordering: Some(Arc::clone(&office) as Arc<dyn Ordering>),
        hold_extension: None,
        refunds: Some(office),
        admissions: None,
        accounts: Some(Arc::new(accounts)),
        authoring: Some(Arc::clone(&desk) as Arc<dyn Authoring>),
        section_authoring: None,
        back_office: Some(desk),
        incoming_webhook: None,
    })
}

fn facts(settings: &Settings) -> SourceTraits {
    SourceTraits {
        max_batch: 100,
        hold_ttl: Duration::from_secs(600),
        slow_confirm_duration: Duration::from_secs(60),
        honors_idempotency_keys: false,
        finds_by_our_reference: settings.tenant_id.is_some() && settings.facts.order_lookup != OrderLookup::None,
        cancels_in_part: true,
        undo_is_proven: true,
        settles_on_account: true,
        commits_at_hold: false,
        barcode_at_confirm: true,
        holds_seats: false,
        needs_contact_at_hold: false,
        delivers_to_app: false,
        confirm_rank: 20,
        order_calls: OrderCalls { hold: 2, confirm: 3, tickets: 1, undo: 3, endpoint: None },
        horizon_days: HORIZON_DAYS,
    }
}
