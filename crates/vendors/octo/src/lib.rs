//! Suppliers that speak OCTO: products with options and units, bookings on hold (`octo.md`). See the README for its quirks.

mod accounts;
mod assumptions;
mod catalog;
mod client;
mod map;
mod ordering;
mod recent;
mod settings;
mod wire;

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use crate::client::Client;
use crate::map::SourceDefaults;
use crate::recent::Recent;
use crate::settings::{BookingEnv, Facts, Settings};
use domain::ordering::{HoldExtension, Ordering, Refunds};
use domain::{Catalog, Clock, OrderCalls, Source, SourceTraits, VendorKind};
use vendor_api::{ConnectContext, InvalidSetting, SourceConfig, UnknownWords, Vendor};

/// Registry row of this vendor.
pub const VENDOR: Vendor = Vendor {
    name: "octo",
    kind: VendorKind::Octo,
    keys: settings::KEYS,
    secrets: settings::SECRETS,
    connection_keys: &[],
    assumptions: assumptions::ASSUMPTIONS,
    quota: None,
    endpoint_quota: None,
    // INFERRED: no limit is documented (`octo.md §2.5`, `§11` O13); as long as the other vendors ask for at least.
    rate_limit_pause: Duration::from_secs(30),
    check,
    connect,
};

/// Lifetime of a hold whose booking has no `utcExpiresAt`, in minutes.
const FALLBACK_HOLD_MINUTES: u32 = 15;

/// One supplier; implements every capability of the source.
struct OctoSource {
    client: Client,
    defaults: SourceDefaults,
    /// Supplier of the settings, with which the one of the key is compared.
    supplier_id: Option<String>,
    /// Kind of the bookings; `None` if the supplier has no header for it.
    env: Option<BookingEnv>,
    clock: Arc<dyn Clock>,
    /// Products and holds that need not be read again.
    recent: Recent,
    unknown_words: UnknownWords,
}

fn check(config: &SourceConfig) -> Vec<InvalidSetting> {
    Settings::from_config(config).err().unwrap_or_default()
}

fn connect(config: SourceConfig, context: ConnectContext) -> Result<Source, Vec<InvalidSetting>> {
    let settings = Settings::from_config(&config)?;
    let traits = traits(&settings.defaults.facts);
    let currency = settings.defaults.currency;
    let ConnectContext { http, clock, health, .. } = context;
    let supplier = Arc::new(OctoSource {
        client: Client::new(http, &settings),
        defaults: settings.defaults,
        supplier_id: settings.supplier_id,
        env: settings.env,
        clock,
        recent: Recent::default(),
        unknown_words: UnknownWords::default(),
    });
    Ok(Source {
        id: config.id,
        vendor: VendorKind::Octo,
        institution: config.institution,
        environment: config.environment,
        time_zone: config.time_zone,
        currency,
        traits,
        health,
        failures: Arc::default(),
        capacity: None,
        catalog: Arc::clone(&supplier) as Arc<dyn Catalog>,
        ordering: Some(Arc::clone(&supplier) as Arc<dyn Ordering>),
        hold_extension: Some(Arc::clone(&supplier) as Arc<dyn HoldExtension>),
        refunds: Some(Arc::clone(&supplier) as Arc<dyn Refunds>),
        admissions: None,
        authoring: None,
        section_authoring: None,
        accounts: Some(supplier),
        back_office: None,
        incoming_webhook: None,
    })
}

fn traits(facts: &Facts) -> SourceTraits {
    let minutes = u64::from(facts.hold_minutes.min(FALLBACK_HOLD_MINUTES));
    SourceTraits {
        max_batch: client::MAX_SLOTS,
        hold_ttl: Duration::from_secs(60 * minutes),
        slow_confirm_duration: Duration::from_secs(20),
        honors_idempotency_keys: facts.honors_uuid,
        finds_by_our_reference: true,
        cancels_in_part: false,
        undo_is_proven: false,
        settles_on_account: true,
        commits_at_hold: false,
        barcode_at_confirm: true,
        holds_seats: false,
        needs_contact_at_hold: false,
        delivers_to_app: false,
        confirm_rank: 25,
        // Of one booking: one call each, and a read before it where this process has not just planned or held it.
        order_calls: OrderCalls { hold: 2, confirm: 2, tickets: 1, undo: 2, endpoint: None },
        horizon_days: 365,
    }
}
