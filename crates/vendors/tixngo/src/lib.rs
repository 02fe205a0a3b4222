//! TIXnGO: tickets of a SecuTix organization in a mobile app (`tixngo.md`).

mod assumptions;
mod client;
mod facts;
mod map;
mod settings;
mod wire;

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use domain::mobile::{
    AppCancellation, AppChannel, AppControl, AppStateUpdate, AppStatusPage, AppTicket, AppTicketKey, AppTicketStatus,
    MobileApp,
};
use domain::{Batch, ErrorKind, RefusalReason, VendorError, VendorOperation};
use http_client::VendorHttpClient;
use vendor_api::ChannelConfig;
use vendor_api::{DeliveryApp, InvalidSetting};

use crate::client::Client;
use crate::settings::{DisplayOptions, Settings};

/// Row of the table of delivery apps.
pub const APP: DeliveryApp = DeliveryApp {
    name: "tixngo",
    keys: settings::KEYS,
    secrets: settings::SECRETS,
    assumptions: assumptions::ASSUMPTIONS,
    // INFERRED: `tixngo.md §2` asks for a back-off without a number.
    rate_limit_pause: Duration::from_secs(30),
    check,
    connect,
};

/// One configured TIXnGO interface.
struct TixngoApp {
    client: Client,
    display: DisplayOptions,
}

fn check(config: &ChannelConfig) -> Vec<InvalidSetting> {
    Settings::from_config(config).err().unwrap_or_default()
}

fn connect(config: ChannelConfig, transport: VendorHttpClient) -> Result<AppChannel, Vec<InvalidSetting>> {
    let settings = Settings::from_config(&config)?;
    let facts = settings.facts;
    let (rules, max_batch) = (facts.rules, facts.tickets_per_call.max(facts.controlled_tickets_per_call));
    let client = Client::new(transport, settings.tickets_url, settings.header, settings.api_key, facts);
    Ok(AppChannel {
        id: config.id,
        app: APP.name,
        source: config.source,
        max_batch,
        rules,
        port: Arc::new(TixngoApp { client, display: settings.display }),
    })
}

#[async_trait]
impl MobileApp for TixngoApp {
    async fn inject(&self, tickets: &[AppTicket]) -> Batch<AppTicketKey, AppStateUpdate> {
        let mut refused = Batch::new();
        let mut items = Vec::with_capacity(tickets.len());
        // One invalid ticket could fail the whole call for the others.
        for ticket in tickets {
            match map::invalid_field(ticket) {
                Some(field) => {
                    let reason = RefusalReason::InvalidInput { field: field.to_owned() };
                    refused.insert(ticket.key.clone(), Err(self.client.rejected(reason, None)));
                }
                None => items.push((ticket.key.clone(), map::ticket(ticket, &self.display))),
            }
        }
        refused.extend(self.client.inject(&items).await);
        refused
    }

    async fn cancel(&self, tickets: &[AppCancellation]) -> Batch<AppTicketKey, AppStateUpdate> {
        let item = |item| (AppCancellation::clone(item).key, map::cancellation(item, &self.display));
        let items: Vec<_> = tickets.iter().map(item).collect();
        self.client.cancel(&items).await
    }

    async fn control(&self, tickets: &[AppControl]) -> Batch<AppTicketKey, AppStateUpdate> {
        let items: Vec<_> = tickets.iter().map(|item| (item.key.clone(), map::control(item))).collect();
        self.client.control(&items).await
    }

    async fn read_changes(&self, after: Option<&str>) -> Result<AppStatusPage, VendorError> {
        let page = self.client.read_changes(after).await?;
        let (facts, entries) = (self.client.facts(), page.result);
        let next = page.next_page_key.filter(|key| !key.is_empty());
        Ok(AppStatusPage {
            is_caught_up: entries.len() < facts.tickets_per_call || next.is_none(),
            statuses: entries.into_iter().map(|entry| map::ticket_status(entry, facts)).collect(),
            next_cursor: next.or_else(|| after.map(str::to_owned)),
        })
    }

    async fn load_status(&self, ticket: &AppTicketKey) -> Result<AppTicketStatus, VendorError> {
        if !map::is_ticket_id(ticket) {
            return Err(self.client.error(VendorOperation::ReadDelivery, ErrorKind::NotFound));
        }
        let entry = self.client.load_ticket(ticket).await?;
        Ok(map::ticket_status(entry, self.client.facts()))
    }
}
