//! The smallest vendor that passes the contract tests. See the README.

mod catalog;
mod client;
mod map;
mod ordering;
mod settings;
mod wire;

use std::sync::Arc;
use std::time::Duration;

use domain::{Clock, OrderCalls, Source, SourceTraits, VendorKind};
use vendor_api::{ConnectContext, InvalidSetting, SourceConfig, Vendor};

use crate::client::Client;
use crate::map::SourceDefaults;
use crate::settings::Settings;

/// Registry row of this vendor.
pub const VENDOR: Vendor = Vendor {
    name: "demo",
    kind: VendorKind::Ticketing,
    keys: settings::KEYS,
    secrets: settings::SECRETS,
    connection_keys: &[],
    assumptions: &[],
    quota: None,
    endpoint_quota: None,
    rate_limit_pause: Duration::from_secs(30),
    check,
    connect,
};

/// One configured account; implements every capability of the source.
struct DemoSource {
    client: Client,
    defaults: SourceDefaults,
    clock: Arc<dyn Clock>,
}

fn check(config: &SourceConfig) -> Vec<InvalidSetting> {
    Settings::from_config(config).err().unwrap_or_default()
}

fn connect(config: SourceConfig, context: ConnectContext) -> Result<Source, Vec<InvalidSetting>> {
    let settings = Settings::from_config(&config)?;
    let ConnectContext { http, clock, health, .. } = context;
    let source = Arc::new(DemoSource {
        client: Client::new(http, settings.base_url, settings.api_key),
        defaults: SourceDefaults { time_zone: config.time_zone.clone(), currency: settings.currency },
        clock,
    });
    Ok(Source {
        id: config.id,
        vendor: VENDOR.kind,
        institution: config.institution,
        environment: config.environment,
        time_zone: config.time_zone,
        currency: Some(settings.currency),
        traits: traits(),
        health,
        failures: Arc::default(),
        capacity: None,
        catalog: Arc::clone(&source) as _,
        ordering: Some(source),
        hold_extension: None,
        refunds: None,
        admissions: None,
        accounts: None,
        authoring: None,
        section_authoring: None,
        back_office: None,
        incoming_webhook: None,
    })
}

fn traits() -> SourceTraits {
    SourceTraits {
        max_batch: 100,
        hold_ttl: Duration::from_secs(600),
        slow_confirm_duration: Duration::from_secs(5),
        honors_idempotency_keys: true,
        finds_by_our_reference: true,
        cancels_in_part: false,
        undo_is_proven: false,
        settles_on_account: true,
        commits_at_hold: false,
        barcode_at_confirm: true,
        holds_seats: false,
        needs_contact_at_hold: false,
        delivers_to_app: false,
        confirm_rank: 0,
        order_calls: OrderCalls { hold: 1, confirm: 1, tickets: 1, undo: 1, endpoint: None },
        horizon_days: 366,
    }
}
