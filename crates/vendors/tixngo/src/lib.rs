//! TIXnGO: tickets of a SecuTix organisation in a mobile app (`tixngo.md`). See the README for its quirks.

mod client;
pub mod inferred;
mod map;
mod settings;
mod wire;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use async_trait::async_trait;

use crate::client::Client;
use crate::settings::{Settings, Texts};
use domain::mobile::{
    AppCancellation, AppChanges, AppChannel, AppControl, AppSays, AppStatus, AppTicket, AppTicketKey, MobileApp,
};
use domain::{Batch, ErrorKind, Operation, Reason, VendorError};
use http_client::Transport;
use vendor_api::ChannelStanza;
use vendor_api::{App, Finding};

/// The row of the table of apps.
pub const ROW: App = App { name: "tixngo", keys: settings::KEYS, secrets: settings::SECRETS, check, connect };

/// One configured TIXnGO interface.
struct Interface {
    client: Client,
    texts: Texts,
}

fn check(stanza: &ChannelStanza) -> Vec<Finding> {
    Settings::read(stanza).err().unwrap_or_default()
}

fn connect(stanza: ChannelStanza, transport: Transport) -> Result<AppChannel, Vec<Finding>> {
    let settings = Settings::read(&stanza)?;
    let client = Client::new(transport, settings.tickets, settings.header, settings.api_key);
    Ok(AppChannel {
        id: stanza.id,
        app: ROW.name,
        source: stanza.source,
        max_batch: inferred::MOST_TICKETS,
        port: Arc::new(Interface { client, texts: settings.texts }),
    })
}

#[async_trait]
impl MobileApp for Interface {
    async fn inject(&self, tickets: &[AppTicket]) -> Batch<AppTicketKey, AppSays> {
        let mut refused = Batch::new();
        let mut items = Vec::with_capacity(tickets.len());
        // One ticket of a wrong form could cost its neighbours the whole call.
        for ticket in tickets {
            match map::flaw(ticket) {
                Some(field) => {
                    let reason = Reason::InvalidInput { field: field.to_owned() };
                    refused.insert(ticket.key.clone(), Err(self.client.rejected(reason, None)));
                }
                None => items.push((ticket.key.clone(), map::ticket(ticket, &self.texts))),
            }
        }
        refused.extend(self.client.inject(&items).await);
        refused
    }

    async fn cancel(&self, tickets: &[AppCancellation]) -> Batch<AppTicketKey, AppSays> {
        let item = |told| (AppCancellation::clone(told).key, map::cancellation(told, &self.texts));
        let items: Vec<_> = tickets.iter().map(item).collect();
        self.client.cancel(&items).await
    }

    async fn control(&self, tickets: &[AppControl]) -> Batch<AppTicketKey, AppSays> {
        let items: Vec<_> = tickets.iter().map(|told| (told.key.clone(), map::control(told))).collect();
        self.client.control(&items).await
    }

    async fn read_changes(&self, after: Option<&str>) -> Result<AppChanges, VendorError> {
        let (entries, page) = self.client.changes(after).await?;
        let next = page.pagination.and_then(|pagination| pagination.next_page_key).filter(|key| !key.is_empty());
        Ok(AppChanges {
            is_last: entries.len() < inferred::MOST_TICKETS,
            statuses: entries.into_iter().map(map::status).collect(),
            next: next.or_else(|| after.map(str::to_owned)),
        })
    }

    async fn load(&self, ticket: &AppTicketKey) -> Result<AppStatus, VendorError> {
        if !map::is_ticket_id(ticket) {
            return Err(self.client.error(Operation::ReadDelivery, ErrorKind::NotFound));
        }
        self.client.ticket(ticket).await.map(map::status)
    }
}
