//! The catalog as a file: its lines, its cursor, its end, and access.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use catalog::UnifiedCatalog;
use change_feed::{ChangeSubject, NewChange};
use domain::{ErrorKind, SourceId};
use serde_json::{Value, json};
use store_sql::Stores;
use testkit::{FakeCatalog, FakeOutcome, GeneratedRecords, ManualClock, fake_source};
use ticketgraph::gateway::auth::Principal;
use ticketgraph::gateway::exports::ExportLimits;
use ticketgraph::graphql::{Scope, Services, Viewer};

use crate::default_config::default_export_limits;
use crate::feed::store::open;
use crate::gateway::{GatewayOptions, TestGateway, start_with};

/// Events of each source.
const EVENTS: usize = 3;

struct World {
    door: TestGateway,
    stores: Stores,
    harbor: Arc<FakeCatalog>,
    clock: Arc<ManualClock>,
}

fn principal(scopes: &[Scope]) -> Principal {
    let scopes = scopes.iter().copied().collect();
    let viewer = Viewer { id: "one".to_owned(), name: "One".to_owned(), reseller: None, scopes };
    Principal { viewer: Arc::new(viewer), requests_per_minute: None, expires_at: None, session: None }
}

impl World {
    async fn start(exports: ExportLimits) -> Self {
        let stores = open("sqlite::memory:").await;
        let clock = ManualClock::at("2031-04-01T12:00:00Z");
        let catalog = |name: &str| {
            FakeCatalog::new(SourceId::new(name), clock.clone(), GeneratedRecords::new(clock.clone(), 100))
        };
        let (harbor, opera) = (catalog("harbor"), catalog("opera"));
        let sources = [("harbor", &harbor), ("opera", &opera)]
            .map(|(name, catalog)| Arc::new(fake_source(SourceId::new(name), Arc::clone(catalog) as _)));
        let services = Services {
            catalog: Arc::new(UnifiedCatalog::new(sources.to_vec(), Duration::from_secs(5), clock.clone())),
            edits: None,
            orders: None,
            deliveries: None,
            resellers: None,
            changes: Some(Arc::clone(&stores.changes)),
            audit: None,
            webhooks: None,
        };
        let keys =
            vec![("catalog-key", principal(&[Scope::CatalogRead])), ("orders-key", principal(&[Scope::OrderRead]))];
        let door =
            start_with(GatewayOptions { services: Some(services), keys, exports, ..GatewayOptions::default() }).await;
        Self { door, stores, harbor, clock }
    }

    async fn send(&self, key: &str, query: &str) -> reqwest::Response {
        let url = format!("http://{}/exports/catalog.ndjson{query}", self.door.address);
        self.door.client.get(url).bearer_auth(key).send().await.expect("a response")
    }

    async fn lines(&self) -> Vec<Value> {
        let response = self.send("catalog-key", "").await;
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "application/x-ndjson; charset=utf-8");
        let text = response.text().await.expect("a complete file");
        text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
    }
}

fn of_kind<'lines>(lines: &'lines [Value], kind: &str) -> Vec<&'lines Value> {
    lines.iter().filter(|line| line["type"] == kind).collect()
}

#[tokio::test]
async fn the_file_has_every_object_once_between_its_cursor_and_its_end() {
    let world = World::start(default_export_limits()).await;
    let at = domain::Clock::now(&*world.clock);
    let subject = ChangeSubject::Source(SourceId::new("harbor"));
    let change = NewChange { at, subject, version: 1, reseller: None, is_removed: false };
    world.stores.changes.append(std::slice::from_ref(&change)).await.expect("the store");
    let end = world.stores.changes.end().await.expect("the store");
    let lines = world.lines().await;
    assert_eq!(lines[0]["type"], "snapshot");
    let cursor = lines[0]["cursor"].as_str().expect("a cursor");
    assert_eq!(world.stores.changes.decode_cursor(cursor), Some(end), "what follows the cursor is not in the file");
    assert_eq!(lines[0]["at"], "2031-04-01T12:00:00+00:00");
    let ids = |kind: &str| -> Vec<String> {
        of_kind(&lines, kind).iter().map(|line| line["id"].as_str().expect("an id").to_owned()).collect()
    };
    let unique = |kind: &str| ids(kind).into_iter().collect::<BTreeSet<_>>().len();
    assert_eq!((ids("source").len(), ids("event").len(), unique("event")), (2, 2 * EVENTS, 2 * EVENTS));
    let performances = ids("performance").len();
    assert!(performances > 0 && unique("performance") == performances);
    let event = of_kind(&lines, "event")[0];
    assert!(event["ticketTypes"].as_array().is_some_and(|types| !types.is_empty()), "{event}");
    let performance = of_kind(&lines, "performance")[0];
    assert!(performance["availability"]["status"].is_string(), "{performance}");
    let last = lines.last().expect("a line");
    assert_eq!(last["type"], "end");
    assert_eq!(last["counts"], json!({ "snapshot": 1, "source": 2, "event": 2 * EVENTS, "performance": performances }));
}

#[tokio::test]
async fn a_source_that_fails_is_named_and_the_others_are_complete() {
    let world = World::start(default_export_limits()).await;
    world.harbor.always(FakeOutcome::Fail(ErrorKind::Unavailable));
    let lines = world.lines().await;
    let problems = of_kind(&lines, "problem");
    assert!(
        problems.iter().any(|problem| problem["source"]["name"] == "harbor" && problem["code"].is_string()),
        "{problems:?}"
    );
    assert_eq!(of_kind(&lines, "event").len(), EVENTS);
    assert_eq!(lines.last().expect("a line")["type"], "end");
}

#[tokio::test]
async fn access_and_parameters_are_checked_before_anything_is_sent() {
    let world = World::start(default_export_limits()).await;
    for (key, query, status, code) in [
        ("orders-key", "", 403, "FORBIDDEN"),
        ("nobody", "", 401, "UNAUTHENTICATED"),
        ("catalog-key", "?from=2031-01-01", 400, "BAD_REQUEST"),
    ] {
        let response = world.send(key, query).await;
        assert_eq!(response.status(), status, "{key}");
        let body: Value = response.json().await.expect("JSON");
        assert_eq!(body["errors"][0]["extensions"]["code"], code, "{body}");
    }
}

#[tokio::test]
async fn an_export_of_too_many_objects_is_cut_and_has_no_end() {
    let world = World::start(ExportLimits { catalog_objects: 30, ..default_export_limits() }).await;
    let response = world.send("catalog-key", "").await;
    assert_eq!(response.status(), 200);
    assert!(response.text().await.is_err(), "the file is complete");
}
