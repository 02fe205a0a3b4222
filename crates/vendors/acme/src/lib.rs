//! ACME Ticketing: one tenant, reached with an API key. Quirks are in the README beside this file.

mod accounts;
mod authoring;
mod catalog;
mod client;
mod inferred;
mod map;
mod ordering;
mod settings;
pub(crate) mod wire;

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use crate::accounts::Registry;
use crate::authoring::Desk;
use crate::catalog::{HORIZON_DAYS, Programme};
use crate::client::Client;
use crate::map::Venue;
use crate::ordering::BoxOffice;
use crate::settings::Settings;
use domain::authoring::Authoring;
use domain::ordering::Ordering;
use domain::{Facts, Source, VendorKind};
use vendor_api::Stanza;
use vendor_api::{Finding, Surroundings, Vendor};

/// The row of the table of vendors.
pub const ROW: Vendor = Vendor {
    name: "acme",
    kind: VendorKind::Acme,
    keys: settings::KEYS,
    secrets: settings::SECRETS,
    connection_keys: settings::CONNECTION_KEYS,
    quota: None,
    check,
    connect,
};

fn check(stanza: &Stanza) -> Vec<Finding> {
    Settings::read(stanza).err().unwrap_or_default()
}

fn connect(stanza: Stanza, surroundings: Surroundings) -> Result<Source, Vec<Finding>> {
    let settings = Settings::read(&stanza)?;
    let Surroundings { transport, clock, health, tracker: _ } = surroundings;
    let facts = facts(&settings);
    let venue = Venue { zone: stanza.time_zone.clone(), currency: settings.currency };
    // Without a key of its own, editing uses the one that sells: the vendor then says whether it may.
    let editor = settings.editor_key.unwrap_or_else(|| settings.api_key.clone());
    let desk = Arc::new(Desk {
        source: stanza.id.clone(),
        client: Client::new(transport.clone(), settings.base.clone(), editor, None),
        venue: venue.clone(),
        clock: Arc::clone(&clock),
    });
    let client = Arc::new(Client::new(transport, settings.base, settings.api_key, settings.tenant_id));
    let office = Arc::new(BoxOffice {
        source: stanza.id.clone(),
        client: Arc::clone(&client),
        venue: venue.clone(),
        clock: Arc::clone(&clock),
        organization_id: settings.organization_id,
        voucher: settings.voucher,
    });
    let accounts = Registry {
        client: Arc::clone(&client),
        venue: venue.clone(),
        clock: Arc::clone(&clock),
        institution: stanza.institution.clone(),
        organization_id: office.organization_id.clone(),
    };
    let catalog = Programme::new(stanza.id.clone(), client, venue, clock);
    Ok(Source {
        id: stanza.id,
        vendor: VendorKind::Acme,
        institution: stanza.institution,
        environment: stanza.environment,
        time_zone: stanza.time_zone,
        currency: Some(settings.currency),
        facts,
        health,
        catalog: Arc::new(catalog),
        ordering: Some(Arc::clone(&office) as Arc<dyn Ordering>),
        hold_extension: None,
        refunds: Some(office),
        admissions: None,
        accounts: Some(Arc::new(accounts)),
        authoring: Some(Arc::clone(&desk) as Arc<dyn Authoring>),
        sectioning: None,
        back_office: Some(desk),
    })
}

fn facts(settings: &Settings) -> Facts {
    Facts {
        max_batch: 100,
        hold_ttl: Duration::from_secs(600),
        slow_confirm: Duration::from_secs(60),
        honours_idempotency_keys: false,
        finds_by_our_reference: settings.tenant_id.is_some(),
        cancels_in_part: true,
        undo_is_proven: true,
        settles_on_account: true,
        commits_at_hold: false,
        barcode_at_confirm: true,
        holds_seats: false,
        delivers_to_app: false,
        confirm_rank: 20,
        horizon_days: HORIZON_DAYS,
    }
}
