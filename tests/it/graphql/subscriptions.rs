//! Subscriptions to availability and health: one shared poller, changes only, ended by the last unsubscribe.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use catalog::UnifiedCatalog;
use domain::Source;
use domain::source::{Health, HealthReport, HealthState};
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use serde_json::{Value, json};
use ticketgraph::graphql::api::Api;
use ticketgraph::graphql::{Scope, Services, Viewer};
use tokio::sync::watch::Sender;

use super::fake::{Behavior, fixed_clock, now};
use super::{DEADLINE, TestGraph, museum};
use crate::default_config::default_api_settings;
use crate::documents::lower;

fn watch(services: &Arc<Services>, document: &str) -> BoxStream<'static, Value> {
    let viewer = Viewer {
        id: "tester".to_owned(),
        name: "A tester".to_owned(),
        reseller: None,
        scopes: HashSet::from([Scope::CatalogRead]),
    };
    let api = Api::new(default_api_settings(), Arc::clone(services));
    let operation = lower(api.served_schema(), document, &Value::Null).expect("a valid document");
    let responses = api.stream(operation, Arc::new(viewer), "r-1");
    responses.map(|response| serde_json::to_value(&response).expect("JSON")).boxed()
}

async fn a_performance(graph: &TestGraph) -> String {
    let response = graph
        .run_json(r#"{ events(filter: {text: "Soca"}) { nodes { performances(first: 1) { nodes { id } } } } }"#)
        .await;
    let id = response.pointer("/data/events/nodes/0/performances/nodes/0/id").and_then(Value::as_str);
    id.expect("a performance").to_owned()
}

fn poll_count(graph: &TestGraph) -> usize {
    let call_counts = graph.catalog("club").call_counts();
    call_counts.iter().find(|(name, _)| *name == "load_availability").map_or(0, |(_, count)| *count)
}

async fn next_status(stream: &mut BoxStream<'static, Value>) -> Value {
    let response = stream.next().await.expect("the stream goes on");
    response["data"]["availabilityChanged"]["status"].clone()
}

#[tokio::test(start_paused = true)]
async fn any_number_of_subscribers_share_one_poll_and_receive_changes_only() {
    let graph = TestGraph::of_three();
    let id = a_performance(&graph).await;
    let document =
        format!(r#"subscription {{ availabilityChanged(performance: "{id}") {{ status problems {{ code }} }} }}"#);
    let mut watching: Vec<_> = (0..50).map(|_| watch(&graph.services, &document)).collect();
    for stream in &mut watching {
        assert_eq!(next_status(stream).await, "AVAILABLE");
    }
    assert_eq!(poll_count(&graph), 1);
    // Nothing changes for a minute: the poller goes on and nothing is emitted.
    let quiet = tokio::time::timeout(Duration::from_secs(59), watching[0].next()).await;
    assert!(quiet.is_err(), "{quiet:?}");
    assert_eq!(poll_count(&graph), 4);
    graph.catalog("club").behave(Behavior::Failing("unavailable"));
    for stream in &mut watching {
        assert_eq!(next_status(stream).await, "UNKNOWN");
    }
    assert_eq!(poll_count(&graph), 5);
    drop(watching);
    tokio::time::sleep(Duration::from_secs(300)).await;
    assert!(poll_count(&graph) <= 6, "a poller ends with its last subscriber");
    graph.catalog("club").behave(Behavior::Normal);
    assert_eq!(next_status(&mut watch(&graph.services, &document)).await, "AVAILABLE", "a poller starts again");
}

#[tokio::test(start_paused = true)]
async fn a_subscription_to_an_invalid_performance_id_is_rejected() {
    let graph = TestGraph::of_three();
    let event = graph.event_id("Soca").await;
    for id in ["nonsense", &event] {
        let document = format!(r#"subscription {{ availabilityChanged(performance: "{id}") {{ status }} }}"#);
        let response = watch(&graph.services, &document).next().await.expect("a response");
        assert_eq!(response["errors"][0]["extensions"]["code"], "BAD_USER_INPUT", "{response}");
    }
}

struct ScriptedHealth(Sender<HealthState>);

#[async_trait]
impl Health for ScriptedHealth {
    fn report(&self) -> HealthReport {
        HealthReport {
            state: *self.0.borrow(),
            since: now(),
            throttled: false,
            last_success_at: None,
            last_failure_at: None,
            remaining_requests: None,
        }
    }

    async fn wait_for_change(&self, known: &HealthReport) -> HealthReport {
        self.0.subscribe().wait_for(|state| *state != known.state).await.expect("the sender is alive");
        self.report()
    }
}

#[tokio::test(start_paused = true)]
async fn a_source_is_emitted_only_when_its_health_changes() {
    let (_, _, source) = museum().build();
    let health = Arc::new(ScriptedHealth(Sender::new(HealthState::Up)));
    let shaky: Arc<dyn Health> = Arc::clone(&health) as _;
    let source = Arc::new(Source { health: shaky, ..Source::clone(&source) });
    let catalog = Arc::new(UnifiedCatalog::new(vec![source], DEADLINE, fixed_clock()));
    let services = Arc::new(Services {
        catalog,
        edits: None,
        resellers: None,
        orders: None,
        deliveries: None,
        changes: None,
        audit: None,
        webhooks: None,
    });
    let document = "subscription { sourceHealthChanged { name health { state } } }";
    // All subscribers have left before the second round.
    for _ in 0..2 {
        let mut watching = [watch(&services, document), watch(&services, document)];
        for stream in &mut watching {
            let quiet = tokio::time::timeout(Duration::from_secs(30), stream.next()).await;
            assert!(quiet.is_err(), "{quiet:?}");
        }
        for (state, expected) in [(HealthState::Down, "DOWN"), (HealthState::Up, "UP")] {
            let start = tokio::time::Instant::now();
            health.0.send_replace(state);
            for stream in &mut watching {
                let expected =
                    json!({ "data": { "sourceHealthChanged": { "name": "museum", "health": { "state": expected } } } });
                assert_eq!(stream.next().await, Some(expected));
            }
            assert_eq!(start.elapsed(), Duration::ZERO, "pushed, not polled");
        }
        drop(watching);
        let alone = tokio::time::timeout(Duration::from_secs(1), health.0.closed()).await;
        assert!(alone.is_ok(), "the publisher ends with its last subscriber");
    }
}
