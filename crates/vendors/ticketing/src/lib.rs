//! TickeTing: events with sections, admission tokens, orders settled by card (`ticketing.md`). See the README for its quirks.

mod accounts;
mod admissions;
mod authoring;
mod catalog;
mod client;
mod inferred;
mod map;
mod ordering;
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
use crate::map::Terms;
use crate::settings::{Instrument, Settings};
use domain::authoring::{Authoring, Sectioning};
use domain::ordering::{Ordering, Refunds};
use domain::{Admissions, Catalog, Clock, Facts, Source, VendorKind};
use vendor_api::Stanza;
use vendor_api::{Finding, Surroundings, Vendor};

/// The row of the table of vendors.
pub const ROW: Vendor = Vendor {
    name: "ticketing",
    kind: VendorKind::Ticketing,
    keys: settings::KEYS,
    secrets: settings::SECRETS,
    connection_keys: &[],
    quota: None,
    check,
    connect,
};

/// One configured TickeTing account; every capability of the source reads and writes through it.
struct Account {
    client: Client,
    terms: Terms,
    api_key: SecretString,
    /// What paid orders are settled with.
    instrument: Option<Instrument>,
    clock: Arc<dyn Clock>,
    /// The key was found to be below administrator: it lists what is published, nothing else.
    lists_published_only: AtomicBool,
}

fn check(stanza: &Stanza) -> Vec<Finding> {
    Settings::read(stanza).err().unwrap_or_default()
}

fn connect(stanza: Stanza, surroundings: Surroundings) -> Result<Source, Vec<Finding>> {
    let settings = Settings::read(&stanza)?;
    let facts = facts(settings.instrument.is_some());
    let currency = settings.terms.currency;
    let Surroundings { transport, clock, health, tracker: _ } = surroundings;
    let account = Arc::new(Account {
        client: Client::new(transport, settings.base, settings.api_key.clone(), settings.client_version),
        terms: settings.terms,
        api_key: settings.api_key,
        instrument: settings.instrument,
        clock,
        lists_published_only: AtomicBool::new(false),
    });
    Ok(Source {
        id: stanza.id,
        vendor: VendorKind::Ticketing,
        institution: stanza.institution,
        environment: stanza.environment,
        time_zone: stanza.time_zone,
        currency: Some(currency),
        facts,
        health,
        catalog: Arc::clone(&account) as Arc<dyn Catalog>,
        ordering: Some(Arc::clone(&account) as Arc<dyn Ordering>),
        hold_extension: None,
        refunds: Some(Arc::clone(&account) as Arc<dyn Refunds>),
        admissions: Some(Arc::clone(&account) as Arc<dyn Admissions>),
        authoring: Some(Arc::clone(&account) as Arc<dyn Authoring>),
        sectioning: Some(Arc::clone(&account) as Arc<dyn Sectioning>),
        accounts: Some(account),
        back_office: None,
    })
}

fn facts(settles: bool) -> Facts {
    Facts {
        max_batch: client::MOST_LISTED,
        hold_ttl: inferred::PAYMENT_WINDOW,
        slow_confirm: Duration::from_secs(20),
        honours_idempotency_keys: false,
        finds_by_our_reference: true,
        cancels_in_part: false,
        undo_is_proven: true,
        settles_on_account: settles,
        commits_at_hold: true,
        barcode_at_confirm: true,
        holds_seats: false,
        delivers_to_app: false,
        confirm_rank: 10,
        horizon_days: 366,
    }
}
