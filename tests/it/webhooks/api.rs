//! Webhooks as callers manage them: scopes, owners, idempotency keys, problems and the log.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use audit::{AuditAction, AuditFilter, AuditLog, AuditSubject};
use catalog::UnifiedCatalog;
use domain::SystemClock;
use serde_json::{Value, json};
use ticketgraph::graphql::{Ctx, Scope, Services, Viewer};
use webhooks::WebhookEventType;

use crate::contract::fixture::fixed_clock;
use crate::default_config::default_api_settings;
use crate::documents::run;
use crate::orders::vendor::KEYED;
use crate::orders::world::World as OrdersWorld;
use crate::webhooks::configured::fixed;
use crate::webhooks::receiver::{Behavior, Receiver};
use crate::webhooks::world::{PER_OWNER, World, operator};

const WEBHOOK: &str = "webhook { id url events include signature publicKey state disabledReason configured }
    secret replayed problems { code path retry }";
const OPERATOR: &[Scope] = &[Scope::Admin];
const OF_RESELLER: &[Scope] = &[Scope::WebhookWrite, Scope::OrderRead];

struct Api {
    services: Arc<Services>,
    audit: Arc<AuditLog>,
    world: World,
}

impl Api {
    async fn open() -> Self {
        let world = World::open().await;
        let log = AuditLog::new(Arc::clone(&world.stores.audit), Arc::new(SystemClock), Duration::from_secs(3_600));
        let audit = Arc::new(log);
        let orders = OrdersWorld::new(Arc::clone(&world.stores.orders), &[KEYED]).process();
        let services = Arc::new(Services {
            catalog: Arc::new(UnifiedCatalog::new(Vec::new(), Duration::from_secs(5), fixed_clock())),
            edits: None,
            orders: Some(orders),
            deliveries: None,
            resellers: None,
            changes: Some(Arc::clone(&world.stores.changes)),
            audit: Some(Arc::clone(&audit)),
            webhooks: Some(world.webhooks.clone()),
        });
        Self { services, audit, world }
    }

    async fn run(&self, reseller: Option<&str>, scopes: &[Scope], document: &str, variables: Value) -> Value {
        let id = reseller.unwrap_or("operator").to_owned();
        let scopes: HashSet<Scope> = scopes.iter().copied().collect();
        let viewer = Viewer { name: id.clone(), id, reseller: reseller.map(str::to_owned), scopes };
        let ctx = Ctx::new(&self.services, Arc::new(viewer), Arc::from("r-1"), default_api_settings().response_fields);
        serde_json::to_value(run(document, &variables, ctx).await).expect("JSON")
    }

    async fn create(&self, reseller: Option<&str>, scopes: &[Scope], key: &str, url: &str, events: &[&str]) -> Value {
        let document = format!(
            "mutation($key: ID!, $url: URL!, $events: [WebhookEventType!]!) {{
            createWebhook(input: {{ idempotencyKey: $key, url: $url, events: $events }}) {{ {WEBHOOK} }} }}"
        );
        self.run(reseller, scopes, &document, json!({ "key": key, "url": url, "events": events })).await
    }

    /// Runs an action with more fields of its input.
    async fn act(&self, reseller: Option<&str>, action: &str, key: &str, webhook: &Value, more: &str) -> Value {
        let document = format!(
            "mutation($key: ID!, $webhook: ID!) {{
            {action}(input: {{ idempotencyKey: $key, webhook: $webhook {more} }}) {{ {WEBHOOK} }} }}"
        );
        let scopes = if reseller.is_some() { OF_RESELLER } else { OPERATOR };
        let variables = json!({ "key": key, "webhook": webhook });
        self.run(reseller, scopes, &document, variables).await["data"][action].take()
    }
}

fn problem(payload: &Value) -> (&str, &str) {
    let problem = &payload["problems"][0];
    (problem["code"].as_str().unwrap_or_default(), problem["path"][1].as_str().unwrap_or_default())
}

#[tokio::test]
async fn a_webhook_is_created_once_for_its_key_and_its_secret_is_in_the_first_response_only() {
    let (api, url) = (Api::open().await, "http://127.0.0.1:9/hook");
    let created = api.create(Some("tours"), OF_RESELLER, "k1", url, &["TICKET_UPDATED", "ORDER_UPDATED"]).await;
    let payload = &created["data"]["createWebhook"];
    let webhook = &payload["webhook"];
    assert_eq!((&webhook["url"], &webhook["state"]), (&json!(url), &json!("ACTIVE")), "{created}");
    assert_eq!(webhook["events"], json!(["ORDER_UPDATED", "TICKET_UPDATED"]));
    assert!(payload["secret"].as_str().is_some_and(|secret| secret.starts_with("whsec_")), "{payload}");
    let again = api.create(Some("tours"), OF_RESELLER, "k1", url, &["TICKET_UPDATED", "ORDER_UPDATED"]).await;
    let again = &again["data"]["createWebhook"];
    assert_eq!((&again["webhook"]["id"], &again["secret"]), (&webhook["id"], &Value::Null));
    assert_eq!(again["replayed"], json!(true));
    let other = api.create(Some("tours"), OF_RESELLER, "k1", url, &["ORDER_UPDATED"]).await;
    assert_eq!(problem(&other["data"]["createWebhook"]), ("IDEMPOTENCY_KEY_REUSED", "idempotencyKey"));
    let audited = api.audit.list(&AuditFilter::default(), None, 10).await.expect("the store");
    let actions: Vec<AuditAction> = audited.entries.iter().map(|(_, entry)| entry.action).collect();
    assert_eq!(actions, [AuditAction::WebhookCreated], "once, and not for what was refused or repeated");
}

#[tokio::test]
async fn a_reseller_manages_its_own_webhooks_only() {
    let api = Api::open().await;
    let url = "http://127.0.0.1:9/hook";
    let created = api.create(Some("tours"), OF_RESELLER, "k1", url, &["ORDER_UPDATED"]).await;
    let id = &created["data"]["createWebhook"]["webhook"]["id"];
    api.create(None, OPERATOR, "k1", url, &["ORDER_UPDATED"]).await;
    let list = "{ webhooks { id reseller { id } deliveries { nodes { messageId } } } }";
    let count = |response: &Value| response["data"]["webhooks"].as_array().map_or(0, Vec::len);
    let seen = [Some("tours"), Some("other"), None].map(|reseller| {
        let scopes = if reseller.is_some() { OF_RESELLER } else { OPERATOR };
        api.run(reseller, scopes, list, json!({}))
    });
    let seen = futures_util::future::join_all(seen).await;
    assert_eq!(seen.iter().map(count).collect::<Vec<_>>(), [1, 0, 2], "{seen:?}");
    for action in ["updateWebhook", "rotateWebhookSecret", "testWebhook", "replayWebhook", "deleteWebhook"] {
        let refused = api.act(Some("other"), action, "k2", id, "").await;
        assert_eq!(problem(&refused), ("WEBHOOK_NOT_FOUND", "webhook"), "{action}: {refused}");
    }
    let node = "query($id: ID!) { node(id: $id) { ... on Webhook { url } } }";
    let found = async |reseller| api.run(reseller, OF_RESELLER, node, json!({ "id": id })).await["data"]["node"].take();
    assert_eq!(found(Some("tours")).await, json!({ "url": url }));
    assert_eq!(found(Some("other")).await, Value::Null);
}

#[tokio::test]
async fn scopes_are_needed_to_manage_and_to_receive() {
    let api = Api::open().await;
    let url = "http://127.0.0.1:9/hook";
    let refused = |response: &Value| response["errors"][0]["extensions"]["code"] == "FORBIDDEN";
    let orders = &["ORDER_UPDATED"];
    assert!(refused(&api.create(None, &[Scope::OrderRead], "k1", url, orders).await));
    assert!(refused(&api.create(None, &[Scope::WebhookWrite], "k1", url, orders).await));
    for event in ["EVENT_UPDATED", "AVAILABILITY_UPDATED", "SOURCE_UPDATED", "CONNECTION_UPDATED"] {
        assert!(refused(&api.create(Some("tours"), OF_RESELLER, "k1", url, &[event]).await), "{event}");
    }
    assert!(refused(&api.run(None, &[Scope::OrderRead], "{ webhooks { id } }", json!({})).await));
    let created = api.create(Some("tours"), OF_RESELLER, "k1", url, orders).await;
    assert!(created["errors"].is_null(), "{created}");
}

#[tokio::test]
async fn only_a_caller_that_may_see_the_events_changes_a_webhook_or_reads_its_whole_url() {
    let api = Api::open().await;
    let created = api.create(None, OPERATOR, "k1", "http://127.0.0.1:9/hook?key=k", &["ORDER_UPDATED"]).await;
    let id = &created["data"]["createWebhook"]["webhook"]["id"];
    let write_only = &[Scope::WebhookWrite, Scope::CatalogRead];
    let inputs = [
        ("updateWebhook", ", url: \"http://127.0.0.1:9/elsewhere\""),
        ("updateWebhook", ", state: DISABLED"),
        ("updateWebhook", ", events: [EVENT_UPDATED]"),
        ("rotateWebhookSecret", ""),
        ("replayWebhook", ""),
        ("testWebhook", ""),
    ];
    for (action, more) in inputs {
        let document = format!(
            "mutation($id: ID!) {{ {action}(input: {{ idempotencyKey: \"k2\", webhook: $id {more} }}) {{ replayed }} }}"
        );
        let refused = api.run(None, write_only, &document, json!({ "id": id })).await;
        assert_eq!(refused["errors"][0]["extensions"]["code"], "FORBIDDEN", "{action}{more}: {refused}");
    }
    let list = "{ webhooks { url } }";
    let origin = api.run(None, write_only, list, json!({})).await["data"]["webhooks"][0]["url"].take();
    assert_eq!(origin, "http://127.0.0.1:9");
    let whole = api.run(None, OPERATOR, list, json!({})).await["data"]["webhooks"][0]["url"].take();
    assert_eq!(whole, "http://127.0.0.1:9/hook?key=k", "nothing was changed");
    let audited = api.audit.list(&AuditFilter::default(), None, 10).await.expect("the store");
    let webhook = api.world.webhooks.list(&operator().actor).await.expect("the store").remove(0);
    assert_eq!(audited.entries.len(), 1);
    assert_eq!(audited.entries[0].1.subject, AuditSubject::webhook(&webhook.key.0));
}

#[tokio::test]
async fn a_changed_webhook_reads_with_the_scopes_of_the_caller_that_changed_it() {
    let api = Api::open().await;
    let created = api.create(None, OPERATOR, "k1", "http://127.0.0.1:9/", &["ORDER_UPDATED"]).await;
    let id = &created["data"]["createWebhook"]["webhook"]["id"];
    let document = "mutation($id: ID!) { updateWebhook(input: { idempotencyKey: \"k2\", webhook: $id, include: FULL }) { replayed } }";
    let scopes = &[Scope::WebhookWrite, Scope::OrderRead];
    let changed = api.run(None, scopes, document, json!({ "id": id })).await;
    assert!(changed["errors"].is_null(), "{changed}");
    let webhook = api.world.webhooks.list(&operator().actor).await.expect("the store").remove(0);
    assert!(!webhook.owner.scopes.contains(&Scope::ReportRead), "{:?}", webhook.owner.scopes);
}

#[tokio::test]
async fn a_caller_that_is_no_operator_changes_nothing_of_the_configuration() {
    let api = Api::open().await;
    let fixed = fixed("http://127.0.0.1:9/", Some("tours"), &[WebhookEventType::OrderUpdated]);
    api.world.stores.webhooks.replace_configured(&[fixed]).await.expect("the store");
    let list = "{ webhooks { id configured } }";
    let id = api.run(Some("tours"), OF_RESELLER, list, json!({})).await["data"]["webhooks"][0]["id"].take();
    for (action, more) in [("updateWebhook", ", state: DISABLED"), ("replayWebhook", ""), ("testWebhook", "")] {
        let document = format!(
            "mutation($id: ID!) {{ {action}(input: {{ idempotencyKey: \"k1\", webhook: $id {more} }}) {{ replayed }} }}"
        );
        for reseller in [Some("tours"), None] {
            let refused = api.run(reseller, OF_RESELLER, &document, json!({ "id": id })).await;
            assert_eq!(refused["errors"][0]["extensions"]["code"], "FORBIDDEN", "{action} of {reseller:?}: {refused}");
        }
        let allowed = api.run(None, OPERATOR, &document, json!({ "id": id })).await;
        assert!(allowed["errors"].is_null(), "{action}: {allowed}");
    }
}

#[tokio::test]
async fn bad_input_is_a_problem_with_its_path_or_an_error() {
    let api = Api::open().await;
    let url = "http://127.0.0.1:9/hook";
    let none = api.create(None, OPERATOR, "k1", url, &[]).await;
    assert_eq!(problem(&none["data"]["createWebhook"]), ("WEBHOOK_INPUT_INVALID", "events"));
    let user = api.create(None, OPERATOR, "k1", "http://ada:pw@127.0.0.1/", &["ORDER_UPDATED"]).await;
    assert_eq!(problem(&user["data"]["createWebhook"]), ("WEBHOOK_URL_INVALID", "url"));
    let key = api.create(None, OPERATOR, " ", url, &["ORDER_UPDATED"]).await;
    assert_eq!(problem(&key["data"]["createWebhook"]), ("IDEMPOTENCY_KEY_INVALID", "idempotencyKey"));
    let created = api.create(None, OPERATOR, "k1", url, &["ORDER_UPDATED"]).await;
    let id = &created["data"]["createWebhook"]["webhook"]["id"];
    let forged = api.act(None, "replayWebhook", "k2", id, ", cursor: \"forged\"").await;
    assert_eq!(problem(&forged), ("WEBHOOK_INPUT_INVALID", "cursor"));
    for number in 1..PER_OWNER {
        api.create(None, OPERATOR, &format!("n{number}"), url, &["ORDER_UPDATED"]).await;
    }
    let more = api.create(None, OPERATOR, "one more", url, &["ORDER_UPDATED"]).await;
    assert_eq!(problem(&more["data"]["createWebhook"]), ("WEBHOOK_LIMIT_REACHED", ""));
    let reseller = api.create(Some("tours"), OF_RESELLER, "k1", url, &["ORDER_UPDATED"]).await;
    assert_eq!(reseller["data"]["createWebhook"]["problems"], json!([]), "the limit is that of an owner");
}

#[tokio::test]
async fn a_webhook_is_changed_tested_and_deleted() {
    let (api, receiver) = (Api::open().await, Receiver::start(Behavior::Status(503)).await);
    let created = api.create(None, OPERATOR, "k1", "http://127.0.0.1:9/", &["ORDER_UPDATED"]).await;
    let id = &created["data"]["createWebhook"]["webhook"]["id"];
    let more = format!(", url: \"{}\", include: FULL, state: DISABLED", receiver.url);
    let changed = api.act(None, "updateWebhook", "k2", id, &more).await;
    let webhook = &changed["webhook"];
    assert_eq!(webhook["url"], json!(receiver.url), "{changed}");
    assert_eq!(
        (&webhook["include"], &webhook["state"], &webhook["disabledReason"]),
        (&json!("FULL"), &json!("DISABLED"), &json!("REQUESTED"))
    );
    api.act(None, "testWebhook", "k3", id, "").await;
    api.act(None, "testWebhook", "k3", id, "").await;
    assert_eq!(receiver.received().len(), 1, "once for its key");
    let log = "query($id: ID!, $after: String) { node(id: $id) { ... on Webhook { deliveries(first: 1, after: $after) {
        nodes { messageId type state objectId cursor attemptCount nextAttemptAt
            attempts { status outcome requestHeaders { name value } responseHeaders { name value } } }
        pageInfo { hasNextPage hasPreviousPage endCursor } } } } }";
    api.act(None, "testWebhook", "k4", id, "").await;
    let page = api.run(None, OPERATOR, log, json!({ "id": id })).await["data"]["node"]["deliveries"].take();
    let message = &page["nodes"][0];
    assert_eq!((&message["type"], &message["state"]), (&json!("webhook.test"), &json!("FAILED")), "{page}");
    assert_eq!(
        (&message["attempts"][0]["status"], &message["attempts"][0]["outcome"]),
        (&json!(503), &json!("REFUSED"))
    );
    assert_eq!(page["pageInfo"]["hasNextPage"], json!(true));
    let after = json!({ "id": id, "after": page["pageInfo"]["endCursor"] });
    let second = api.run(None, OPERATOR, log, after).await["data"]["node"]["deliveries"].take();
    assert_ne!(second["nodes"][0]["messageId"], message["messageId"]);
    assert_eq!(second["pageInfo"]["hasNextPage"], json!(false));
    let deleted = api.act(None, "deleteWebhook", "k5", id, "").await;
    assert_eq!((&deleted["webhook"], &deleted["problems"]), (&Value::Null, &json!([])));
    let gone = api.act(None, "deleteWebhook", "k6", id, "").await;
    assert_eq!(problem(&gone), ("WEBHOOK_NOT_FOUND", "webhook"));
    assert!(api.world.notices.all().is_empty());
}

#[tokio::test]
async fn a_private_key_is_not_returned_and_its_public_key_can_be_read() {
    let api = Api::open().await;
    let document = format!(
        "mutation {{ createWebhook(input: {{ idempotencyKey: \"k1\", url: \"http://127.0.0.1:9/\", events: [ORDER_UPDATED],
        signature: ED25519 }}) {{ {WEBHOOK} }} }}"
    );
    let created = api.run(None, OPERATOR, &document, json!({})).await;
    let payload = &created["data"]["createWebhook"];
    assert_eq!((&payload["secret"], &payload["webhook"]["signature"]), (&Value::Null, &json!("ED25519")), "{created}");
    let before = payload["webhook"]["publicKey"].clone();
    assert!(before.as_str().is_some_and(|key| key.starts_with("whpk_")));
    let rotated = api.act(None, "rotateWebhookSecret", "k2", &payload["webhook"]["id"], "").await;
    assert_ne!(rotated["webhook"]["publicKey"], before);
    assert_eq!(rotated["secret"], Value::Null);
}
