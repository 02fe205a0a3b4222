//! Connects the webhooks that vendors send with the orders.

use std::sync::Arc;

use secrecy::ExposeSecret as _;

use crate::config::Config;
use crate::gateway::incoming_webhooks::{HintReceiver, IncomingWebhook as WebhookRoute, IncomingWebhooks, Reception};
use domain::{IncomingWebhook, Source, SourceId};
use orders::Orders;

/// Returns the webhooks of the sources that take some. None without a ledger.
pub fn incoming_webhooks(config: &Config, sources: &[Arc<Source>], orders: Option<&Orders>) -> IncomingWebhooks {
    let limits = &config.incoming_webhooks;
    let routes = sources.iter().filter_map(|source| {
        let secret = config.sources.get(&source.id)?.webhook_secret.as_ref()?;
        let webhook = source.incoming_webhook.clone()?;
        let receiver = OrderHints { source: source.id.clone(), webhook, orders: orders?.clone() };
        Some(WebhookRoute::new(source.id.as_str(), secret.expose_secret(), Arc::new(receiver)))
    });
    IncomingWebhooks {
        sources: routes.collect(),
        body_limit: limits.body_limit.0,
        requests_per_minute: limits.requests_per_minute.into(),
    }
}

/// Passes the orders that the webhooks of a source name to the orders.
struct OrderHints {
    source: SourceId,
    webhook: Arc<dyn IncomingWebhook>,
    orders: Orders,
}

impl HintReceiver for OrderHints {
    fn receive(&self, query: &str, body: &[u8]) -> Reception {
        let Some(order) = self.webhook.find_order(query, body) else { return Reception::Unreadable };
        match self.orders.take_hint(&self.source, order) {
            true => Reception::Accepted,
            false => Reception::Dropped,
        }
    }
}
