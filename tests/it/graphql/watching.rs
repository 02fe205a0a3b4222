//! Watching availability and health: one poller however many listen, changes only, an end with the last listener.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use async_graphql::Request;
use async_trait::async_trait;
use catalog::Federation;
use domain::Source;
use domain::source::{Health, HealthReport, HealthState};
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use serde_json::{Value, json};
use ticketgraph::graphql::api::Api;
use ticketgraph::graphql::{Limits, Scope, Services, Viewer};
use tokio::sync::watch::Sender;

use super::fake::{Mood, StandingClock, now};
use super::{DEADLINE, Graph, museum};

fn watch(services: &Arc<Services>, document: &str) -> BoxStream<'static, Value> {
    let viewer = Viewer {
        id: "tester".to_owned(),
        name: "A tester".to_owned(),
        reseller: None,
        scopes: HashSet::from([Scope::CatalogRead]),
    };
    let api = Api::new(&Limits::default(), Arc::clone(services));
    let answers = api.stream(Request::new(document), Arc::new(viewer), "r-1");
    answers.map(|answer| serde_json::to_value(&answer).expect("JSON")).boxed()
}

async fn a_performance(graph: &Graph) -> String {
    let answer =
        graph.ask(r#"{ events(filter: {text: "Soca"}) { nodes { performances(first: 1) { nodes { id } } } } }"#).await;
    let id = answer.pointer("/data/events/nodes/0/performances/nodes/0/id").and_then(Value::as_str);
    id.expect("a performance").to_owned()
}

fn polls(graph: &Graph) -> usize {
    let counted = graph.catalog("club").counted();
    counted.iter().find(|(name, _)| *name == "load_availability").map_or(0, |(_, count)| *count)
}

async fn next_status(stream: &mut BoxStream<'static, Value>) -> Value {
    let answer = stream.next().await.expect("the stream goes on");
    answer["data"]["availabilityChanged"]["status"].clone()
}

#[tokio::test(start_paused = true)]
async fn however_many_watch_a_performance_its_source_is_asked_once_and_changes_alone_are_told() {
    let graph = Graph::of_three();
    let id = a_performance(&graph).await;
    let document =
        format!(r#"subscription {{ availabilityChanged(performance: "{id}") {{ status problems {{ code }} }} }}"#);
    let mut watching: Vec<_> = (0..50).map(|_| watch(&graph.services, &document)).collect();
    for stream in &mut watching {
        assert_eq!(next_status(stream).await, "AVAILABLE");
    }
    assert_eq!(polls(&graph), 1);
    // Nothing changes for a minute: the poller asks on, nobody hears anything.
    let quiet = tokio::time::timeout(Duration::from_secs(59), watching[0].next()).await;
    assert!(quiet.is_err(), "{quiet:?}");
    assert_eq!(polls(&graph), 4);
    graph.catalog("club").behave(Mood::Failing("unavailable"));
    for stream in &mut watching {
        assert_eq!(next_status(stream).await, "UNKNOWN");
    }
    assert_eq!(polls(&graph), 5);
    drop(watching);
    tokio::time::sleep(Duration::from_secs(300)).await;
    assert!(polls(&graph) <= 6, "a poller ends with its last listener");
    graph.catalog("club").behave(Mood::Fine);
    assert_eq!(next_status(&mut watch(&graph.services, &document)).await, "AVAILABLE", "and begins again");
}

#[tokio::test(start_paused = true)]
async fn what_is_no_performance_of_ours_cannot_be_watched() {
    let graph = Graph::of_three();
    let event = graph.event_id("Soca").await;
    for id in ["nonsense", &event] {
        let document = format!(r#"subscription {{ availabilityChanged(performance: "{id}") {{ status }} }}"#);
        let answer = watch(&graph.services, &document).next().await.expect("a refusal");
        assert_eq!(answer["errors"][0]["extensions"]["code"], "BAD_USER_INPUT", "{answer}");
    }
}

struct Shaky(Sender<HealthState>);

#[async_trait]
impl Health for Shaky {
    fn report(&self) -> HealthReport {
        HealthReport {
            state: *self.0.borrow(),
            since: now(),
            throttled: false,
            last_success_at: None,
            last_failure_at: None,
            remaining_budget: None,
        }
    }

    async fn changed(&self, known: &HealthReport) -> HealthReport {
        self.0.subscribe().wait_for(|state| *state != known.state).await.expect("it lives");
        self.report()
    }
}

#[tokio::test(start_paused = true)]
async fn a_source_is_told_when_its_health_changes_and_not_otherwise() {
    let (_, _, source) = museum().make();
    let health = Arc::new(Shaky(Sender::new(HealthState::Up)));
    let shaky: Arc<dyn Health> = Arc::clone(&health) as _;
    let source = Arc::new(Source { health: shaky, ..Source::clone(&source) });
    let federation = Arc::new(Federation::new(vec![source], DEADLINE, Arc::new(StandingClock)));
    let services = Arc::new(Services { federation, edits: None, partners: None, orders: None, deliveries: None });
    let document = "subscription { sourceHealthChanged { name health { state } } }";
    // The second time round everybody has gone in between.
    for _ in 0..2 {
        let mut watching = [watch(&services, document), watch(&services, document)];
        for stream in &mut watching {
            let quiet = tokio::time::timeout(Duration::from_secs(30), stream.next()).await;
            assert!(quiet.is_err(), "{quiet:?}");
        }
        for (state, told) in [(HealthState::Down, "DOWN"), (HealthState::Up, "UP")] {
            let began = tokio::time::Instant::now();
            health.0.send_replace(state);
            for stream in &mut watching {
                let told =
                    json!({ "data": { "sourceHealthChanged": { "name": "museum", "health": { "state": told } } } });
                assert_eq!(stream.next().await, Some(told));
            }
            assert_eq!(began.elapsed(), Duration::ZERO, "told, not found out");
        }
        drop(watching);
        let alone = tokio::time::timeout(Duration::from_secs(1), health.0.closed()).await;
        assert!(alone.is_ok(), "nobody is told any more");
    }
}
