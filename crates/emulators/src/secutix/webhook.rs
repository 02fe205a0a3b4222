//! The order webhook (`secutix.md §3.10`): sent when an order is closed, without authentication. The response to it is not looked at.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::secutix::SecutixEmulator;
use crate::secutix::encoding::{Encoder, Encoding};
use crate::secutix::method::CallContext;
use crate::secutix::orders::order_view;
use crate::secutix::state::SecutixState;
use crate::secutix::world::Institution;

/// Time for a receiver to respond.
const TIMEOUT: Duration = Duration::from_secs(5);
/// Text that version 1 replaces by the number of the order.
const PLACEHOLDER: &str = "${orderId}";

/// The webhook of an institution.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "version", rename_all = "lowercase", deny_unknown_fields)]
pub(super) enum Webhook {
    /// Version 1: a GET request, or a POST request if there is a body. The number is replaced in URL and body.
    V1 {
        /// URL of the receiver.
        url: String,
        /// Body of a POST request.
        #[serde(default)]
        body: Option<String>,
    },
    /// Version 2: a POST request with the order.
    V2 {
        /// URL of the receiver.
        url: String,
    },
}

/// A request to a receiver.
struct Outgoing {
    url: String,
    /// Body of a POST request; `None`: a GET request.
    body: Option<String>,
}

impl Webhook {
    /// Returns the request about an order. `None` if there is no such order.
    fn request(&self, state: &SecutixState, institution: &Institution, order: i64) -> Option<Outgoing> {
        let filled = |text: &str| text.replace(PLACEHOLDER, &order.to_string());
        Some(match self {
            Self::V1 { url, body } => Outgoing { url: filled(url), body: body.as_deref().map(filled) },
            Self::V2 { url } => {
                let order = state.orders.get(&order)?;
                let encoder = Encoder { encoding: Encoding::Json, zone: institution.zone.clone() };
                let context = CallContext { institution, now: order.closed_at?, encoder };
                let body = json!({"statusCode": "success", "orderDetailsData": order_view(order, &context, false)});
                Outgoing { url: url.clone(), body: Some(body.to_string()) }
            }
        })
    }
}

/// Sets or removes the webhook of an institution.
pub(super) fn set(
    state: &mut SecutixState,
    institutions: &[Institution],
    institution: &str,
    value: &Value,
) -> Result<(), String> {
    if institutions.iter().all(|one| one.code != institution) {
        return Err("webhook needs the code of an institution".to_owned());
    }
    if value.is_null() {
        state.overrides.webhooks.remove(institution);
        return Ok(());
    }
    let webhook = serde_json::from_value(value.clone()).map_err(|error| format!("webhook: {error}"))?;
    state.overrides.webhooks.insert(institution.to_owned(), webhook);
    Ok(())
}

impl SecutixEmulator {
    /// Sends the webhooks of the orders that were closed, unless they are held back.
    pub(super) async fn send_webhooks(&self) {
        for Outgoing { url, body } in self.take_webhooks() {
            let client = reqwest::Client::builder().no_proxy().timeout(TIMEOUT).build();
            let request = client.map(|client| match body {
                Some(body) => client.post(url).header("content-type", "application/json").body(body),
                None => client.get(url),
            });
            match request {
                Ok(request) => drop(request.send().await),
                Err(error) => tracing::warn!(%error, "a webhook could not be sent"),
            }
        }
    }

    fn take_webhooks(&self) -> Vec<Outgoing> {
        if self.store.read(|state| state.closed_orders.is_empty() || state.overrides.holds_webhooks) {
            return Vec::new();
        }
        let institutions = self.institutions();
        self.store.update(|state| {
            let closed = std::mem::take(&mut state.closed_orders);
            let requests = closed.into_iter().filter_map(|order| {
                let code = &state.orders.get(&order)?.institution;
                let institution = institutions.iter().find(|institution| institution.code == code)?;
                state.overrides.webhooks.get(code)?.request(state, institution, order)
            });
            requests.collect()
        })
    }
}
