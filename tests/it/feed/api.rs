//! The feed as clients see it: scopes, kinds and cursors of others.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;
use std::time::Duration;

use catalog::UnifiedCatalog;
use change_feed::{ChangeSubject, NewChange};
use domain::{EventKey, OrderKey, PerformanceKey, SourceId};
use jiff::Timestamp;
use serde_json::{Value, json};
use ticketgraph::graphql::{Ctx, Scope, Services, Viewer};

use crate::contract::fixture::fixed_clock;
use crate::default_config::default_api_settings;
use crate::documents::run;
use crate::feed::store::open;

const DOCUMENT: &str = "query($after: String, $kinds: [ChangeKind!]) {
    changes(first: 100, after: $after, kinds: $kinds) { nodes { cursor kind nodeId version } pageInfo { endCursor } } }";

/// A feed with an entry of each kind for each of two resellers, and a service over it.
async fn services() -> Arc<Services> {
    let stores = open("sqlite::memory:").await;
    let source = SourceId::new("harbor");
    let at = Timestamp::from_second(1_806_000_000).expect("a time");
    let mut changes = Vec::new();
    for reseller in ["tiqets", "digitick"] {
        let owned = ChangeSubject::Connection { reseller: reseller.to_owned(), source: source.clone() };
        changes.push(NewChange {
            at,
            subject: owned,
            version: 1,
            reseller: Some(reseller.to_owned()),
            is_removed: false,
        });
    }
    let (event, performance) = (EventKey::new("e"), PerformanceKey::new("p"));
    let everybodys = [
        ChangeSubject::Event { source: source.clone(), event },
        ChangeSubject::Performance { source: source.clone(), event: None, performance },
        ChangeSubject::Source(source),
    ];
    changes.extend(everybodys.map(|subject| NewChange { at, subject, version: 1, reseller: None, is_removed: false }));
    stores.changes.append(&changes).await.expect("the store");
    let catalog = Arc::new(UnifiedCatalog::new(Vec::new(), Duration::from_secs(5), fixed_clock()));
    Arc::new(Services {
        catalog,
        edits: None,
        orders: None,
        deliveries: None,
        resellers: None,
        changes: Some(stores.changes),
        audit: None,
        webhooks: None,
    })
}

async fn read(services: &Arc<Services>, reseller: Option<&str>, scopes: &[Scope], variables: Value) -> Value {
    let scopes: HashSet<Scope> = scopes.iter().copied().collect();
    let viewer = Viewer { id: "one".to_owned(), name: "One".to_owned(), reseller: reseller.map(str::to_owned), scopes };
    let ctx = Ctx::new(services, Arc::new(viewer), Arc::from("r-1"), default_api_settings().response_fields);
    serde_json::to_value(run(DOCUMENT, &variables, ctx).await).expect("JSON")
}

fn kinds(response: &Value) -> Vec<&str> {
    let nodes = response["data"]["changes"]["nodes"].as_array().unwrap_or_else(|| panic!("{response}"));
    nodes.iter().map(|node| node["kind"].as_str().expect("a kind")).collect()
}

#[tokio::test]
async fn a_caller_reads_the_kinds_that_its_scopes_allow_and_a_kind_beyond_them_is_named() {
    let services = services().await;
    let read = async |scopes: &[Scope], variables| read(&services, None, scopes, variables).await;
    let catalog = read(&[Scope::CatalogRead], json!({})).await;
    assert_eq!(kinds(&catalog), ["Event", "Performance", "Source"]);
    assert_eq!(kinds(&read(&[Scope::ReportRead], json!({})).await), ["Connection", "Connection"]);
    assert_eq!(kinds(&read(&[Scope::Admin], json!({})).await).len(), 5);
    assert_eq!(kinds(&read(&[Scope::CatalogRead], json!({ "kinds": ["SOURCE"] })).await), ["Source"]);
    for (kind, scope) in
        [("ORDER", "order:read"), ("TICKET", "order:read"), ("DELIVERY", "order:read"), ("CONNECTION", "report:read")]
    {
        let refused = read(&[Scope::CatalogRead], json!({ "kinds": ["EVENT", kind] })).await;
        let error = &refused["errors"][0];
        assert_eq!(error["extensions"]["code"], "FORBIDDEN", "{refused}");
        let message = error["message"].as_str().expect("a message");
        assert!(message.contains(kind) && message.contains(scope), "{message}");
    }
    for kind in ["EVENT", "PERFORMANCE", "SOURCE"] {
        let refused = read(&[Scope::OrderRead], json!({ "kinds": [kind] })).await;
        assert_eq!(refused["errors"][0]["extensions"]["code"], "FORBIDDEN", "{refused}");
    }
    let nothing = read(&[Scope::OrderWrite], json!({})).await;
    assert_eq!(nothing["errors"][0]["extensions"]["code"], "FORBIDDEN", "{nothing}");
}

#[tokio::test]
async fn a_cursor_of_another_caller_continues_with_what_this_one_may_see() {
    let services = services().await;
    let scopes = [Scope::CatalogRead, Scope::ReportRead];
    let theirs = read(&services, Some("tiqets"), &scopes, json!({ "kinds": ["CONNECTION"] })).await;
    assert_eq!(kinds(&theirs), ["Connection"]);
    let cursor = &theirs["data"]["changes"]["nodes"][0]["cursor"];
    let other = read(&services, Some("digitick"), &scopes, json!({ "after": cursor })).await;
    assert_eq!(kinds(&other), ["Connection", "Event", "Performance", "Source"], "the common feed goes on");
    assert_ne!(other["data"]["changes"]["nodes"][0]["nodeId"], theirs["data"]["changes"]["nodes"][0]["nodeId"]);
    let forged = read(&services, Some("digitick"), &scopes, json!({ "after": "forged" })).await;
    assert_eq!(forged["errors"][0]["extensions"]["code"], "BAD_USER_INPUT", "{forged}");
}

#[tokio::test]
async fn the_ids_of_changes_are_global_ids() {
    use ticketgraph::graphql::base::id::GlobalId;
    use ticketgraph::graphql::topics::feed::node_id;
    let (order, source) = (OrderKey::of_name("one"), SourceId::new("harbor"));
    let (event, performance) = (EventKey::new("e"), PerformanceKey::new("p"));
    let subjects = [
        ChangeSubject::Order(order),
        ChangeSubject::Ticket { order, ticket: 2 },
        ChangeSubject::Delivery { order, ticket: 2, channel: "app".to_owned() },
        ChangeSubject::Event { source: source.clone(), event: event.clone() },
        ChangeSubject::Performance { source: source.clone(), event: Some(event), performance },
        ChangeSubject::Source(source.clone()),
        ChangeSubject::Connection { reseller: "tiqets".to_owned(), source },
    ];
    let ids: BTreeSet<String> = subjects.iter().map(|subject| node_id(subject).0).collect();
    assert_eq!(ids.len(), subjects.len());
    for subject in &subjects {
        let decoded = GlobalId::decode(&node_id(subject)).unwrap_or_else(|| panic!("{subject:?}"));
        assert_eq!(decoded.encode(), node_id(subject));
    }
}
