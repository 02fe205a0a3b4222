//! The objects of webhooks: ids, and one fixed document for each kind, executed as the owner of the webhook. None reads the code of a ticket
//! or the data of a buyer.

use std::collections::HashSet;
use std::sync::{Arc, OnceLock, Weak};

use async_trait::async_trait;
use change_feed::{ChangeKind, ChangeSubject};
use edge::EdgeTag;
use serde_json::{Map, Value};
use webhooks::{WebhookObjects, WebhookOwner};

use crate::gateway::operation::{OperationOutcome, OperationRequest, QUERIES_ONLY};
use crate::gateway::params::RequestParams;
use crate::gateway::request_id;
use crate::gateway::response_body::to_json_text;
use crate::gateway::state::AppState;
use crate::graphql::base::viewer::{Scope, Viewer};
use crate::graphql::topics::feed::node_id;

/// Returns the document of a kind.
fn document(kind: ChangeKind) -> &'static str {
    match kind {
        ChangeKind::Order => include_str!("order.graphql"),
        ChangeKind::Ticket => include_str!("ticket.graphql"),
        ChangeKind::Delivery => include_str!("delivery.graphql"),
        ChangeKind::Event => include_str!("event.graphql"),
        ChangeKind::Performance => include_str!("performance.graphql"),
        ChangeKind::Source => include_str!("source.graphql"),
        ChangeKind::Connection => include_str!("connection.graphql"),
    }
}

/// Returns true for the id of a caller of the configuration, or of a token's subject, which begins with the name of its issuer and a colon.
/// The ids of people have a slash before any colon, and those of configured webhooks a space.
fn is_of_configuration(caller: &str) -> bool {
    let name = caller.split(':').next().unwrap_or_default();
    !name.contains(['/', ' '])
}

/// Reads the objects through the gateway, with the same limits as a request. Created before the gateway, which is connected later.
#[derive(Default)]
pub struct GatewayObjects(OnceLock<Weak<AppState>>);

impl GatewayObjects {
    /// Connects the gateway.
    pub fn connect(&self, gateway: &Arc<AppState>) {
        // Connected once, at the start.
        let _ = self.0.set(Arc::downgrade(gateway));
    }

    /// Returns the owner as a viewer. What a caller of the configuration may no longer do, its webhooks may not either. `None` for a caller
    /// that was taken out of the configuration.
    fn viewer(gateway: &AppState, owner: &WebhookOwner) -> Option<Viewer> {
        let mut scopes: HashSet<Scope> = owner.scopes.iter().copied().collect();
        match gateway.pipeline.callers().find(&owner.caller) {
            None if is_of_configuration(&owner.caller) => return None,
            Some(caller) if !caller.scopes.contains(&Scope::Admin) => {
                scopes.retain(|scope| caller.scopes.contains(scope));
            }
            _ => {}
        }
        let (id, reseller) = (owner.caller.clone(), owner.reseller.clone());
        Some(Viewer { name: id.clone(), id, reseller, scopes })
    }
}

#[async_trait]
impl WebhookObjects for GatewayObjects {
    fn id(&self, subject: &ChangeSubject) -> String {
        node_id(subject).0
    }

    /// The same tags that a purge of the object sends.
    fn cache_tags(&self, subject: &ChangeSubject) -> Vec<String> {
        let tags = match subject {
            ChangeSubject::Event { source, event } => {
                vec![EdgeTag::of_event(source, event), EdgeTag::of_source(source)]
            }
            ChangeSubject::Performance { source, performance, .. } => {
                vec![EdgeTag::of_performance(source, performance), EdgeTag::of_any_performance(source)]
            }
            ChangeSubject::Source(source) => vec![EdgeTag::of_source(source)],
            _ => Vec::new(),
        };
        tags.iter().map(EdgeTag::to_string).collect()
    }

    fn is_known(&self, owner: &WebhookOwner) -> bool {
        // Before the gateway is connected nothing is sent.
        let Some(gateway) = self.0.get().and_then(Weak::upgrade) else { return true };
        Self::viewer(&gateway, owner).is_some()
    }

    async fn load(&self, owner: &WebhookOwner, subject: &ChangeSubject) -> Option<Value> {
        let gateway = self.0.get()?.upgrade()?;
        let variables = Map::from_iter([("id".to_owned(), Value::from(self.id(subject)))]);
        let operation = OperationRequest {
            params: RequestParams { variables, ..RequestParams::default() },
            body: None,
            viewer: Arc::new(Self::viewer(&gateway, owner)?),
            request_id: request_id::generate(),
            allowed_types: QUERIES_ONLY,
            accepts_deferred: false,
        };
        let outcome = Box::pin(gateway.pipeline.run_fixed(document(subject.kind()), operation)).await;
        let text = match outcome {
            OperationOutcome::Response(response) => to_json_text(&response),
            OperationOutcome::Cached(cached) => String::from_utf8(cached.body.to_vec()).ok()?,
            OperationOutcome::Rejected(_) | OperationOutcome::Deferred(..) | OperationOutcome::Stream(_) => {
                return None;
            }
        };
        let mut response: Value = serde_json::from_str(&text).ok()?;
        Some(response.get_mut("data")?.get_mut("node")?.take()).filter(|node| !node.is_null())
    }
}

#[cfg(test)]
mod tests {
    use super::is_of_configuration;

    #[test]
    fn the_ids_of_configured_callers_differ_from_those_of_people_and_configured_webhooks() {
        for configured in ["shop", "box-office_2", "issuer:a/b c", "anonymous"] {
            assert!(is_of_configuration(configured), "{configured}");
        }
        for other in ["sign-in/https://login.example.com ada", "sign-in/ada:1", "webhook crm"] {
            assert!(!is_of_configuration(other), "{other}");
        }
    }
}
