//! SecuTix S-360: sales services over JSON or SOAP, one catalogue in memory, orders that close on a pending account.

mod accounts;
mod asking;
mod catalog;
mod client;
mod inferred;
mod map;
mod memo;
mod refunds;
mod sales;
mod settings;
mod shelf;
mod speech;
pub(crate) mod wire;

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use crate::accounts::Registry;
use crate::asking::Asking;
use crate::catalog::Shop;
use crate::client::{Client, Pace};
use crate::sales::Sales;
use crate::settings::{Settings, Transport};
use crate::shelf::Shelf;
use crate::speech::{JsonSpeech, SoapSpeech, Speech, Tokens};
use domain::{Facts, Quota, Source, VendorKind};
use vendor_api::Stanza;
use vendor_api::{Finding, Surroundings, Vendor};

/// The row in the table of vendors.
pub const ROW: Vendor = Vendor {
    name: "secutix",
    kind: VendorKind::Secutix,
    keys: settings::KEYS,
    secrets: settings::SECRETS,
    connection_keys: settings::CONNECTION_KEYS,
    // 60 a minute are documented, for an endpoint, and the institution's own staff draws on them too (`secutix.md §2.8`).
    quota: Some(Quota { requests: 50, per: Duration::from_secs(60) }),
    check,
    connect,
};

/// Says all that is wrong with a stanza; calls nobody.
fn check(stanza: &Stanza) -> Vec<Finding> {
    Settings::read(stanza).err().unwrap_or_default()
}

/// Builds a source; calls nobody.
fn connect(stanza: Stanza, surroundings: Surroundings) -> Result<Source, Vec<Finding>> {
    let settings = Settings::read(&stanza)?;
    let Surroundings { transport, clock, health, tracker } = surroundings;
    let (base, version) = (stanza.base_url.as_str(), settings.api_version.as_str());
    let speech: Box<dyn Speech> = match settings.transport {
        Transport::Json => {
            let tokens = Tokens::new(settings.token, settings.identity(), base, Arc::clone(&clock));
            Box::new(JsonSpeech::new(transport, base, version, tokens))
        }
        Transport::Soap => {
            Box::new(SoapSpeech::new(transport, base, version, &settings.login, settings.password.clone()))
        }
    };
    let client = Arc::new(Client::new(stanza.id.clone(), speech, Pace::ASYNCHRONOUS));
    let house = settings.house(&stanza);
    let shelf = Arc::new(Shelf::new(Arc::clone(&client), Arc::clone(&clock), tracker, house, stanza.base_url.clone()));
    let sales = Arc::new(Sales {
        client: Arc::clone(&client),
        shelf: Arc::clone(&shelf),
        contact: settings.contact_reference.text(),
        channel: settings.channel(),
        pace: Pace::CLOSING,
    });
    let accounts = Arc::new(Registry {
        client: Arc::clone(&client),
        shelf: Arc::clone(&shelf),
        clock: Arc::clone(&clock),
        institution: stanza.institution.clone(),
        base_url: stanza.base_url.clone(),
        login: settings.login.clone(),
        contact: settings.contact_reference.text(),
        contingents: settings.contingents.clone(),
    });
    let shop = Shop { client, shelf, clock, asking: Asking::new(settings.contingents.clone()) };
    Ok(Source {
        id: stanza.id,
        vendor: VendorKind::Secutix,
        institution: stanza.institution,
        environment: stanza.environment,
        time_zone: stanza.time_zone,
        currency: stanza.currency,
        facts: facts(),
        health,
        catalog: Arc::new(shop),
        ordering: Some(Arc::clone(&sales) as _),
        // That adding tickets starts the delay again is documented; that anything else does is not.
        hold_extension: None,
        refunds: Some(sales),
        admissions: None,
        accounts: Some(accounts),
        authoring: None,
        sectioning: None,
        back_office: None,
    })
}

/// Numbers and habits (`secutix.md §2.8`, §2.9, §5.4–§5.7; those that are inferred are so in `inferred`).
fn facts() -> Facts {
    Facts {
        max_batch: inferred::MOST_PERFORMANCES,
        hold_ttl: Duration::from_secs(inferred::HOLD_MINUTES * 60),
        slow_confirm: Duration::from_secs(30),
        honours_idempotency_keys: false,
        finds_by_our_reference: false,
        cancels_in_part: true,
        undo_is_proven: false,
        settles_on_account: true,
        commits_at_hold: false,
        barcode_at_confirm: true,
        holds_seats: true,
        delivers_to_app: true,
        confirm_rank: 30,
        horizon_days: 730,
    }
}
