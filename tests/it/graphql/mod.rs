//! GraphQL documents against three fake sources.

mod arguments;
mod batching;
mod catalog;
mod contract;
mod defer;
mod fake;
mod gate;
mod json_writer;
mod merging;
mod nodes;
mod partial;
mod specification;
mod subgraph;
mod subscriptions;
mod windows;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use ::catalog::UnifiedCatalog;
use domain::accounts::AccountConfig;
use domain::admissions::Admissions;
use domain::{EventStatus, Source, SourceId, VendorKind};
use fake::{FakeCatalog, SourceSpec, bilingual, event, fixed_clock, section};
use resellers::{ConnectionSettings, Reseller, Resellers};
use rust_decimal::Decimal;
use serde_json::{Value, json};
use ticketgraph::graphql::{Ctx, Scope, Services, Viewer};

use crate::default_config::default_api_settings;
use crate::documents::run;

/// Deadline of a source call. The clock is paused.
const DEADLINE: Duration = Duration::from_secs(3);

/// The first query of the README.
const FIRST: &str = "{ events(first: 50) { nodes { title ticketTypes { name } performances(first: 3) { nodes { startsAt availability { status } } } } } }";

/// The API over fake sources.
struct TestGraph {
    services: Arc<Services>,
    catalogs: BTreeMap<&'static str, Arc<FakeCatalog>>,
}

impl TestGraph {
    /// Three sources: a museum, an opera with a gate, and a club. The opera accepts two keys per call.
    fn of_three() -> Self {
        Self::over(vec![museum(), opera(), club()])
    }

    fn over(sources: Vec<SourceSpec>) -> Self {
        let mut catalogs = BTreeMap::new();
        let mut all = Vec::new();
        for spec in sources {
            let name = spec.id;
            let (catalog, gate, mut source) = spec.build();
            if name == "opera" {
                let gate: Arc<dyn Admissions> = gate;
                source = Arc::new(Source { admissions: Some(gate), ..Source::clone(&source) });
            }
            catalogs.insert(name, catalog);
            all.push(source);
        }
        let resellers = Some(Arc::new(test_resellers(&all)));
        let unified_catalog = Arc::new(UnifiedCatalog::new(all, DEADLINE, fixed_clock()));
        let services = Arc::new(Services {
            catalog: unified_catalog,
            resellers,
            edits: None,
            orders: None,
            deliveries: None,
            changes: None,
            audit: None,
            webhooks: None,
        });
        Self { services, catalogs }
    }

    fn unified_catalog(&self) -> &UnifiedCatalog {
        &self.services.catalog
    }

    fn catalog(&self, name: &str) -> &FakeCatalog {
        &self.catalogs[name]
    }

    /// Executes a document for a viewer who may read everything except secrets.
    async fn run(&self, document: &str) -> String {
        self.run_as(document, &[Scope::CatalogRead, Scope::AdmissionRead]).await
    }

    async fn run_as(&self, document: &str, scopes: &[Scope]) -> String {
        let viewer = Viewer {
            id: "tester".to_owned(),
            name: "A tester".to_owned(),
            reseller: None,
            scopes: scopes.iter().copied().collect(),
        };
        self.run_for(document, Value::Null, viewer).await
    }

    async fn run_for(&self, document: &str, variables: Value, viewer: Viewer) -> String {
        serde_json::to_string(&run(document, &variables, self.ctx(viewer)).await).expect("JSON")
    }

    fn ctx(&self, viewer: Viewer) -> Ctx {
        Ctx::new(&self.services, Arc::new(viewer), Arc::from("r-1"), default_api_settings().response_fields)
    }

    /// Executes a document and parses the response.
    async fn run_json(&self, document: &str) -> Value {
        serde_json::from_str(&self.run(document).await).expect("JSON")
    }

    async fn run_json_with(&self, document: &str, variables: Value) -> Value {
        serde_json::from_str(&self.run_with(document, variables).await).expect("JSON")
    }

    /// Executes a document with variables for a viewer with all scopes.
    async fn run_with(&self, document: &str, variables: Value) -> String {
        let viewer = Viewer {
            id: "tester".to_owned(),
            name: "A tester".to_owned(),
            reseller: None,
            scopes: [Scope::Admin].into(),
        };
        self.run_for(document, variables, viewer).await
    }

    /// Finds the id of an event by its title.
    async fn event_id(&self, title: &str) -> String {
        let found = self
            .run_json_with("query($t: String) { events(filter: {text: $t, includePrivate: true, status: [DRAFT, ON_SALE, OFF_SALE, CANCELLED, ENDED]}) { nodes { id } } }", serde_json::json!({ "t": title }))
            .await;
        found["data"]["events"]["nodes"][0]["id"].as_str().unwrap_or_else(|| panic!("{title}: {found}")).to_owned()
    }
}

/// One reseller who may sell all events of the club and one of the museum.
fn test_resellers(sources: &[Arc<Source>]) -> Resellers {
    let connection = |events: &[&str]| {
        let events = events.iter().map(|id| (*id).to_owned()).collect();
        let account = AccountConfig {
            reseller: Some("Tiqets".to_owned()),
            keys: BTreeMap::from([("events".to_owned(), events)]),
        };
        ConnectionSettings { account, commission_percent: Some(Decimal::TEN), mappings: Vec::new() }
    };
    let connections =
        BTreeMap::from([(SourceId::new("museum"), connection(&["m2"])), (SourceId::new("club"), connection(&[]))]);
    let reseller = Reseller { key: "tiqets".to_owned(), name: "Tiqets".to_owned(), connections };
    Resellers::new(vec![reseller], sources, fixed_clock())
}

fn museum() -> SourceSpec {
    let mut rembrandt = event("m2", "Rembrandt in Amsterdam", Some(10));
    rembrandt.summary = Some(bilingual("Forty paintings", "Quarante tableaux"));
    rembrandt.venue = Some("East Wing".to_owned());
    let mut gala = event("m3", "Gala for members", Some(4));
    gala.is_private = true;
    let mut draft = event("m4", "Not yet ready", Some(20));
    draft.status = EventStatus::Draft;
    SourceSpec {
        id: "museum",
        vendor: VendorKind::Acme,
        zone: "America/New_York",
        currency: "USD",
        events: vec![event("m1", "Permanent collection", None), rembrandt, gala, draft],
        max_batch: 50,
        performances: None,
    }
}

fn opera() -> SourceSpec {
    let mut flute = event("o1", "Die Zauberflöte", Some(3));
    flute.title = bilingual("Die Zauberflöte", "La Flûte enchantée");
    flute.sections = vec![section("floor", "Parkett"), section("box", "Loge")];
    let mut cancelled = event("o3", "Tosca", Some(5));
    cancelled.status = EventStatus::Cancelled;
    SourceSpec {
        id: "opera",
        vendor: VendorKind::Secutix,
        zone: "Europe/Zurich",
        currency: "CHF",
        events: vec![flute, event("o2", "Carmen", Some(30)), cancelled],
        max_batch: 2,
        performances: None,
    }
}

fn club() -> SourceSpec {
    SourceSpec {
        id: "club",
        vendor: VendorKind::Ticketing,
        zone: "America/Port_of_Spain",
        currency: "TTD",
        events: vec![event("c1", "Soca Night", Some(3)), event("c2", "Steelpan Sunday", Some(8))],
        max_batch: 50,
        performances: None,
    }
}
