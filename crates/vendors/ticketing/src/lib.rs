//! TickeTing: events with sections, admission tokens, orders settled by card (`ticketing.md`). See the README for its
//! quirks.

mod accounts;
mod admissions;
mod assumptions;
mod authoring;
mod catalog;
mod client;
mod map;
mod ordering;
mod own_events;
mod refunds;
mod settings;
mod wire;

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use secrecy::SecretString;

use crate::client::Client;
use crate::map::SourceDefaults;
use crate::own_events::OwnEvents;
use crate::settings::{Facts, PaymentCard, Settings};
use domain::authoring::{Authoring, SectionAuthoring};
use domain::ordering::{Ordering, Refunds};
use domain::{Admissions, Catalog, Clock, OrderCalls, Source, SourceTraits, VendorKind};
use vendor_api::SourceConfig;
use vendor_api::{ConnectContext, InvalidSetting, UnknownWords, Vendor};

/// Registry row of this vendor.
pub const VENDOR: Vendor = Vendor {
    name: "ticketing",
    kind: VendorKind::Ticketing,
    keys: settings::KEYS,
    secrets: settings::SECRETS,
    connection_keys: &[],
    assumptions: assumptions::ASSUMPTIONS,
    quota: None,
    endpoint_quota: None,
    // INFERRED: no limit is documented (`ticketing.md §2.8`); as long as the other vendors ask for at least.
    rate_limit_pause: Duration::from_secs(30),
    check,
    connect,
};

/// One configured TickeTing account; implements every capability of the source.
struct TicketingSource {
    client: Client,
    defaults: SourceDefaults,
    api_key: SecretString,
    /// Card that settles paid orders.
    card: Option<PaymentCard>,
    clock: Arc<dyn Clock>,
    /// Set once the key turned out to be below administrator: it can list published events only.
    is_below_administrator: AtomicBool,
    own_events: OwnEvents,
    unknown_words: UnknownWords,
}

fn check(config: &SourceConfig) -> Vec<InvalidSetting> {
    Settings::from_config(config).err().unwrap_or_default()
}

fn connect(config: SourceConfig, context: ConnectContext) -> Result<Source, Vec<InvalidSetting>> {
    let settings = Settings::from_config(&config)?;
    let traits = traits(settings.card.is_some(), &settings.defaults.facts);
    let page_size = settings.defaults.facts.page_size;
    let currency = settings.defaults.currency;
    let ConnectContext { http, clock, health, .. } = context;
    let account = Arc::new(TicketingSource {
        client: Client::new(http, settings.base_url, settings.api_key.clone(), settings.client_version, page_size),
        defaults: settings.defaults,
        api_key: settings.api_key,
        card: settings.card,
        clock,
        is_below_administrator: AtomicBool::new(false),
        own_events: OwnEvents::default(),
        unknown_words: UnknownWords::default(),
    });
    Ok(Source {
        id: config.id,
        vendor: VendorKind::Ticketing,
        institution: config.institution,
        environment: config.environment,
        time_zone: config.time_zone,
        currency: Some(currency),
        traits,
        health,
        failures: Arc::default(),
        capacity: None,
        catalog: Arc::clone(&account) as Arc<dyn Catalog>,
        ordering: Some(Arc::clone(&account) as Arc<dyn Ordering>),
        hold_extension: None,
        refunds: Some(Arc::clone(&account) as Arc<dyn Refunds>),
        admissions: Some(Arc::clone(&account) as Arc<dyn Admissions>),
        authoring: Some(Arc::clone(&account) as Arc<dyn Authoring>),
        section_authoring: Some(Arc::clone(&account) as Arc<dyn SectionAuthoring>),
        accounts: Some(account),
        back_office: None,
        incoming_webhook: None,
    })
}

fn traits(settles: bool, facts: &Facts) -> SourceTraits {
    SourceTraits {
        max_batch: client::max_listed(facts.page_size),
        hold_ttl: facts.payment_window.unsigned_abs(),
        slow_confirm_duration: Duration::from_secs(20),
        honors_idempotency_keys: false,
        finds_by_our_reference: true,
        cancels_in_part: false,
        undo_is_proven: true,
        settles_on_account: settles,
        commits_at_hold: true,
        barcode_at_confirm: true,
        holds_seats: false,
        needs_contact_at_hold: true,
        delivers_to_app: false,
        confirm_rank: 10,
        order_calls: OrderCalls { hold: 2, confirm: 2, tickets: 1, undo: 3, endpoint: None },
        horizon_days: 366,
    }
}
