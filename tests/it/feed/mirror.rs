//! A mirror of the catalog: a snapshot, and the objects that the feed names afterwards, refetched.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;
use std::time::Duration;

use catalog::UnifiedCatalog;
use domain::{Clock, Source};
use emulators::StateChange;
use feed_recorder::{FeedSettings, Recorder, Refresher};
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde_json::{Value, json};
use source_stack::{CatalogCache, HealthTracker, StackParts, stack};
use store_sql::Stores;
use testkit::{UnlimitedRateLimiter, default_section};
use ticketgraph::graphql::{Ctx, Scope, Services, Viewer};
use tokio_util::task::TaskTracker;

use crate::contract::fixture::{VendorFixture, acme_with, secutix, ticketing_with};
use crate::default_config::default_api_settings;
use crate::documents::run;
use crate::feed::store::open;

const EVENT: &str = "fragment EventFields on Event { id title summary description status startsAt endsAt soldQuantity capacity categories
    priceFrom { amount } ticketTypes { id name price { retail { amount } } } }
    fragment PerformanceFields on Performance { id startsAt endsAt cutoffAt date event { id }
        availability { status vacancies capacity maxPerOrder problems { code }
            offers { status vacancies price { retail { amount } } ticketType { id } } } }";
const SNAPSHOT: &str =
    "query($from: DateTime, $to: DateTime) { events(first: 100) { problems { code } nodes { ...EventFields
    performances(first: 100, from: $from, to: $to) { problems { code } nodes { ...PerformanceFields } } } } }";
const NODE: &str = "query($id: ID!) { node(id: $id) { ...EventFields ...PerformanceFields } }";

/// Returns the query of the page that describes mirroring.
fn documented_query() -> String {
    let page = include_str!("../../../docs/feed.md");
    let block = page.split("```graphql\n").nth(1).and_then(|rest| rest.split("```").next());
    block.expect("a query").to_owned()
}

/// Objects by their ids.
type Objects = BTreeMap<String, Value>;

struct Mirrored {
    fixture: VendorFixture,
    stores: Stores,
    source: Arc<Source>,
    recorder: Arc<Recorder>,
    refresher: Refresher,
    cached: Arc<Services>,
    direct: Arc<Services>,
}

impl Mirrored {
    async fn start(fixture: VendorFixture) -> Self {
        let stores = open("sqlite::memory:").await;
        let clock = Arc::clone(&fixture.clock) as Arc<dyn Clock>;
        let tasks = TaskTracker::new();
        let cache = CatalogCache::new(1 << 26, None, Arc::clone(&clock), tasks.clone());
        let settings = FeedSettings {
            queue: 10_000,
            known_facts: 10_000,
            coalesce: Duration::from_secs(5),
            refresh_interval: Duration::from_secs(60),
            month_percent: 50,
        };
        let store = Arc::clone(&stores.facts);
        let recorder = Recorder::start(store, Arc::clone(&cache), Arc::clone(&clock), &settings, &tasks);
        let id = fixture.source.id.clone();
        let parts = StackParts {
            capacity: None,
            resilience: default_section("resilience"),
            cache_policy: default_section("cache.lifetimes"),
            health: Arc::new(HealthTracker::new(id, Arc::clone(&clock), Arc::new(UnlimitedRateLimiter))),
            cache: Arc::clone(&cache),
            realm: "r".to_owned(),
            observer: Some(Arc::clone(&recorder) as _),
        };
        let source = Arc::new(stack(fixture.source.clone(), parts).source);
        let services = |source: Arc<Source>| {
            let catalog = UnifiedCatalog::new(vec![source], Duration::from_secs(30), Arc::clone(&clock));
            Arc::new(Services {
                catalog: Arc::new(catalog),
                edits: None,
                orders: None,
                deliveries: None,
                resellers: None,
                changes: Some(Arc::clone(&stores.changes)),
                audit: None,
                webhooks: None,
            })
        };
        let (cached, direct) = (services(Arc::clone(&source)), services(Arc::new(fixture.source.clone())));
        let (sources, store) = (vec![Arc::clone(&source)], Arc::clone(&stores.facts));
        let refresher = Refresher {
            sources,
            store,
            recorder: Arc::clone(&recorder),
            cache,
            clock,
            settings,
            finished: Default::default(),
        };
        Self { fixture, stores, source, recorder, refresher, cached, direct }
    }

    fn pass(&self, minutes: i64) {
        self.fixture.clock.advance(minutes * 60_000);
    }

    /// Returns all events and the performances of a range, each without the other.
    async fn snapshot(&self, services: &Arc<Services>, (from, to): (&str, &str)) -> Objects {
        let response = ask(services, SNAPSHOT, json!({ "from": from, "to": to })).await;
        let events = &response["data"]["events"];
        assert_eq!(events["problems"], json!([]), "{response}");
        let mut objects = Objects::new();
        for event in events["nodes"].as_array().expect("events") {
            let mut event = event.clone();
            let performances = event.as_object_mut().and_then(|fields| fields.remove("performances"));
            for performance in performances.expect("performances")["nodes"].as_array().expect("a list") {
                objects.insert(id(performance), performance.clone());
            }
            objects.insert(id(&event), event);
        }
        objects
    }

    /// Applies the changes after a cursor to a mirror, and returns their number.
    async fn apply(&self, mirror: &mut Objects, mut after: String) -> usize {
        let mut count = 0;
        let document = documented_query();
        loop {
            let response = ask(&self.cached, &document, json!({ "after": after })).await;
            let changes = &response["data"]["changes"];
            let nodes = changes["nodes"].as_array().unwrap_or_else(|| panic!("{response}"));
            count += nodes.len();
            for change in nodes {
                let changed = change["nodeId"].clone();
                if change["removed"] == true {
                    mirror.remove(changed.as_str().expect("an id"));
                    continue;
                }
                let node = ask(&self.cached, NODE, json!({ "id": changed })).await["data"]["node"].take();
                let key = changed.as_str().expect("an id").to_owned();
                match node {
                    Value::Null => mirror.remove(&key),
                    node => mirror.insert(key, node),
                };
            }
            if changes["pageInfo"]["hasNextPage"] == false {
                return count;
            }
            changes["pageInfo"]["endCursor"].as_str().expect("a cursor").clone_into(&mut after);
        }
    }

    /// Ids of the vendor that its state changes may name.
    async fn vendor_ids(&self) -> Vec<String> {
        let document = "{ events(first: 100) { nodes { externalRefs { value } ticketTypes { externalRefs { value } }
            performances(first: 20) { nodes { externalRefs { value } } } } } }";
        let response = ask(&self.direct, document, json!({})).await;
        let mut ids = BTreeSet::new();
        collect_values(&response, &mut ids);
        ids.into_iter().collect()
    }
}

fn collect_values(value: &Value, ids: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            ids.extend(fields.get("value").and_then(Value::as_str).map(str::to_owned));
            fields.values().for_each(|value| collect_values(value, ids));
        }
        Value::Array(values) => values.iter().for_each(|value| collect_values(value, ids)),
        _ => {}
    }
}

fn id(object: &Value) -> String {
    object["id"].as_str().expect("an id").to_owned()
}

async fn ask(services: &Arc<Services>, document: &str, variables: Value) -> Value {
    let document =
        if document.contains("...EventFields") { format!("{document} {EVENT}") } else { document.to_owned() };
    let scopes = HashSet::from([Scope::CatalogRead]);
    let viewer = Viewer { id: "mirror".to_owned(), name: "Mirror".to_owned(), reseller: None, scopes };
    let ctx = Ctx::new(services, Arc::new(viewer), Arc::from("r-1"), default_api_settings().response_fields);
    serde_json::to_value(run(&document, &variables, ctx).await).expect("JSON")
}

/// An edit at the vendor: its name, the place of its id among the vendor's ids, and a value.
type Edit = (&'static str, prop::sample::Index, u16);

/// Edits by the step of the hour, and whether a client reads in it.
fn hour() -> impl Strategy<Value = Vec<(Vec<Edit>, bool)>> {
    let name = prop::sample::select(vec!["price", "price", "sold_out", "restock", "cancel"]);
    let edit = (name, any::<prop::sample::Index>(), 1_u16..500);
    prop::collection::vec((prop::collection::vec(edit, 0..4), any::<bool>()), 12)
}

/// Makes an hour of edits, and compares the mirror with direct reads.
async fn mirror_equals_direct_reads(world: &Mirrored, steps: &[(Vec<Edit>, bool)]) {
    let ids = world.vendor_ids().await;
    world.refresher.refresh(&world.source).await;
    let cursor =
        world.stores.changes.encode_cursor(world.stores.changes.end().await.expect("the feed")).expect("a cursor");
    let start = world.fixture.clock.now();
    let range = (start.to_string(), (start + jiff::SignedDuration::from_hours(24 * 4)).to_string());
    let mut mirror = world.snapshot(&world.cached, (&range.0, &range.1)).await;
    let mut edited = 0;
    for (edits, is_read) in steps {
        for (name, place, value) in edits {
            let value = if *name == "price" { json!(format!("{value}")) } else { json!(value) };
            let change = StateChange { name: (*name).to_owned(), id: Some(place.get(&ids).clone()), value };
            edited += usize::from(world.fixture.running.stage.change_state(&change).is_ok());
        }
        world.pass(5);
        if *is_read {
            world.snapshot(&world.cached, (&range.0, &range.1)).await;
        }
        world.refresher.refresh(&world.source).await;
    }
    world.pass(10);
    world.refresher.refresh(&world.source).await;
    world.recorder.flush().await;
    let changes = world.apply(&mut mirror, cursor).await;
    let now = world.fixture.clock.now().to_string();
    let direct = world.snapshot(&world.direct, (&now, &range.1)).await;
    let differing: Vec<String> = direct
        .iter()
        .filter(|(id, object)| mirror.get(*id) != Some(object))
        .map(|(id, object)| format!("{id}\n mirror {:?}\n direct {object}", mirror.get(id).map(Value::to_string)))
        .collect();
    assert!(
        differing.is_empty(),
        "{} of {} objects differ after {edited} edits and {changes} changes:\n{}",
        differing.len(),
        direct.len(),
        differing.join("\n")
    );
    // What is not listed any more is not shown as being on sale.
    let is_on_sale = |object: &Value| object["status"] == "ON_SALE";
    let extra: Vec<&String> = mirror
        .iter()
        .filter(|(id, object)| is_on_sale(object) && !direct.contains_key(*id))
        .map(|(id, _)| id)
        .collect();
    assert!(extra.is_empty(), "{extra:?}");
    assert!(changes > 0 || edited == 0, "nothing was in the feed after {edited} edits");
}

/// Runs hours of a vendor from seeds.
async fn hours(name: &str, start: impl AsyncFn() -> VendorFixture) {
    let seed = [7; 32];
    let mut runner = TestRunner::new_with_rng(Config::default(), TestRng::from_seed(RngAlgorithm::ChaCha, &seed));
    for round in 0..3 {
        let world = Mirrored::start(start().await).await;
        let steps = hour().new_tree(&mut runner).expect("a case").current();
        eprintln_round(name, round, &steps);
        mirror_equals_direct_reads(&world, &steps).await;
    }
}

/// Names the case in the output of a failed test.
#[expect(clippy::print_stderr, reason = "shown if the test fails")]
fn eprintln_round(name: &str, round: usize, steps: &[(Vec<Edit>, bool)]) {
    eprintln!("{name}, round {round}: {steps:?}");
}

#[tokio::test]
async fn a_mirror_of_acme_equals_direct_reads_after_an_hour_of_edits() {
    hours("acme", async || acme_with("harbor-sandbox-key", "").await).await;
}

#[tokio::test]
async fn a_mirror_of_secutix_equals_direct_reads_after_an_hour_of_edits() {
    hours("secutix", async || secutix("OPERA", "json").await).await;
}

#[tokio::test]
async fn a_mirror_of_ticketing_equals_direct_reads_after_an_hour_of_edits() {
    hours("ticketing", async || ticketing_with("5a6e0d1cb00c0000000000000000c0de", "").await).await;
}
