//! `/metrics` is parsed by a Prometheus parser and compared with the table of metrics.

use std::collections::{BTreeMap, BTreeSet};

use prometheus_parse::{Scrape, Value as SampleValue};
use serde_json::{Value, json};
use telemetry::{METRICS, Metric, MetricKind};

use super::{BUY, Deployment, LIST, OPERATOR};

fn table() -> BTreeMap<&'static str, &'static Metric> {
    METRICS.iter().flat_map(|group| group.iter()).map(|metric| (metric.name, metric)).collect()
}

/// Returns the metric of a sample: sums and counts belong to their histogram.
fn family<'a>(table: &'a BTreeMap<&str, &'static Metric>, name: &str) -> Option<&'a Metric> {
    let base = ["_sum", "_count", "_bucket"].iter().find_map(|part| name.strip_suffix(part));
    let is_histogram = |metric: &&&Metric| matches!(metric.kind, MetricKind::Histogram(..));
    let found = table.get(name).or_else(|| table.get(base?).filter(is_histogram));
    found.copied()
}

/// Checks the rules of `promtool check metrics` that the table does not guarantee.
fn check_lines(text: &str) {
    let (mut helped, mut typed, mut seen) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    let table = table();
    for line in text.lines().filter(|line| !line.is_empty()) {
        let mut words = line.split(' ');
        match (words.next(), words.next(), words.next()) {
            (Some("#"), Some("HELP"), Some(name)) => assert!(helped.insert(name.to_owned()), "reported twice: {line}"),
            (Some("#"), Some("TYPE"), Some(name)) => {
                assert!(typed.insert(name.to_owned()), "reported twice: {line}");
                assert!(!seen.contains(name), "after its samples: {line}");
            }
            _ => {
                let name = line.split(['{', ' ']).next().expect("a name");
                let metric = family(&table, name).unwrap_or_else(|| panic!("not in the table: {line}"));
                assert!(typed.contains(metric.name) && helped.contains(metric.name), "no help or type: {line}");
                seen.insert(metric.name.to_owned());
                let value = line.rsplit(' ').next().expect("a value");
                assert!(value.parse::<f64>().is_ok_and(f64::is_finite), "{line}");
            }
        }
    }
}

fn check_samples(scrape: &Scrape) {
    let table = table();
    for sample in &scrape.samples {
        let metric = family(&table, &sample.metric).unwrap_or_else(|| panic!("not in the table: {sample:?}"));
        let fits = match (&metric.kind, &sample.value) {
            (MetricKind::Counter, SampleValue::Counter(_)) | (MetricKind::Gauge(_), SampleValue::Gauge(_)) => true,
            (MetricKind::Histogram(_, bounds), SampleValue::Histogram(counts)) => {
                assert!(counts.is_sorted_by(|one, next| one.count <= next.count), "{sample:?}");
                counts.len() == bounds.len() + 1
            }
            (MetricKind::Histogram(..), _) => sample.metric != metric.name,
            _ => false,
        };
        assert!(fits, "{sample:?} is no {:?}", metric.kind);
        let labels: BTreeSet<&str> = sample.labels.keys().map(String::as_str).collect();
        assert_eq!(labels, metric.labels.iter().copied().collect(), "{sample:?}");
    }
}

/// Metrics that operators look at first.
const EXPECTED: &[&str] = &[
    "ticketgraph_build_info",
    "process_start_time_seconds",
    "http_server_request_duration_seconds",
    "http_server_active_requests",
    "ticketgraph_requests_in_flight_limit",
    "ticketgraph_operation_duration_seconds",
    "ticketgraph_operation_errors_total",
    "ticketgraph_operations_rejected_total",
    "ticketgraph_response_cache_lookups_total",
    "ticketgraph_source_up",
    "ticketgraph_source_throttled",
    "ticketgraph_source_circuit_breaker_open",
    "ticketgraph_source_rate_limit_remaining",
    "ticketgraph_source_last_success_timestamp_seconds",
    "ticketgraph_source_call_duration_seconds",
    "ticketgraph_source_attempts_total",
    "ticketgraph_source_retries_total",
    "http_client_request_duration_seconds",
    "ticketgraph_cache_lookups_total",
    "ticketgraph_cache_age_seconds",
    "ticketgraph_cache_entries",
    "ticketgraph_ledger_up",
    "ticketgraph_ledger_clock_offset_seconds",
    "ticketgraph_ledger_connections",
    "ticketgraph_ledger_connections_max",
    "db_client_connection_wait_time_seconds",
    "ticketgraph_orders",
    "ticketgraph_orders_overdue_seconds",
    "ticketgraph_orders_running",
    "ticketgraph_order_changes_total",
    "ticketgraph_leg_changes_total",
    "ticketgraph_order_duration_seconds",
    "ticketgraph_websocket_connections",
    "ticketgraph_subscriptions",
];

#[tokio::test(flavor = "multi_thread")]
async fn metrics_can_be_parsed_and_match_the_table() {
    let house = Deployment::start(OPERATOR).await;
    let served = house.serve();
    let failing = emulators::Rule::for_path("", emulators::Fault::DropBefore).times(1);
    house.vendors.stage("acme").faults.add(emulators::Scenario { rules: vec![failing] });
    for _ in 0..3 {
        served.query("shop", LIST, &Value::Null).await;
    }
    let bought = served.query("shop", BUY, &served.order_input("harbor", "metrics").await).await;
    assert_eq!(bought["placeOrder"]["order"]["status"], "CONFIRMED", "{bought}");
    // Client input must not become a label value.
    let stranger = served.request("shop", "query StrangerDanger { nowhereToBeFound }", &Value::Null);
    stranger.send().await.expect("a response");
    served
        .request("shop", "query StrangerDanger { events { nodes { id } ", &Value::Null)
        .send()
        .await
        .expect("a response");
    let brew = reqwest::Method::from_bytes(b"BREW").expect("a method");
    served.client.request(brew, format!("{}/stranger/danger", served.address)).send().await.expect("a response");
    let mut socket = served.socket("shop").await;
    socket.subscribe("1", "subscription { sourceHealthChanged { name } }", json!({})).await;
    socket.subscribe("2", "{ __typename }", json!({})).await;
    assert_eq!(socket.receive().await.expect("a message")["id"], "2");

    let (status, text) = served.get("/metrics").await;
    assert_eq!(status, 200);
    check_lines(&text);
    let scrape = Scrape::parse(text.lines().map(|line| Ok(line.to_owned()))).expect("a scrape");
    check_samples(&scrape);
    let reported: BTreeSet<&str> = scrape.samples.iter().map(|sample| sample.metric.as_str()).collect();
    let missing: Vec<_> = EXPECTED.iter().filter(|name| !reported.contains(**name)).collect();
    assert!(missing.is_empty(), "{missing:?} in {text}");
    for word in ["Stranger", "stranger", "BREW", "nowhere", "ada.berg", "sandbox-key"] {
        assert!(!text.contains(word), "{word} in {text}");
    }
    let value = |name: &str, label: &str, is: &str| {
        let found = scrape.samples.iter().find(|sample| sample.metric == name && sample.labels.get(label) == Some(is));
        match found.map(|sample| &sample.value) {
            Some(SampleValue::Counter(value) | SampleValue::Gauge(value)) => *value,
            other => panic!("{name} {label}={is}: {other:?}"),
        }
    };
    assert!((value("ticketgraph_orders", "status", "CONFIRMED") - 1.0).abs() < 0.1);
    assert!(value("ticketgraph_source_retries_total", "source", "harbor") >= 1.0);
    assert!(value("ticketgraph_leg_changes_total", "status", "CONFIRMED") >= 1.0);
    assert!(text.contains("\nticketgraph_subscriptions 1"), "{text}");
    assert!(text.contains(r#"http_route="unmatched",http_response_status_code="404""#), "{text}");
}

/// Returns all quoted texts in the code that look like a metric name.
fn named_in_code() -> BTreeSet<String> {
    fn walk(folder: &std::path::Path, found: &mut BTreeSet<String>) {
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                walk(&path, found);
            } else if path.extension().is_some_and(|ending| ending == "rs")
                && !path.ends_with("telemetry/src/metrics.rs")
            {
                let text = std::fs::read_to_string(&path).expect("text");
                found.extend(text.split('"').filter(|word| is_a_name(word)).map(str::to_owned));
            }
        }
    }
    let mut found = BTreeSet::new();
    for folder in ["src", "crates"] {
        walk(&std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(folder), &mut found);
    }
    found
}

fn is_a_name(word: &str) -> bool {
    let begins = ["ticketgraph_", "http_server_", "http_client_", "db_client_", "process_"];
    let is_label = METRICS.iter().flat_map(|group| group.iter()).any(|metric| metric.labels.contains(&word));
    begins.iter().any(|begin| word.starts_with(begin))
        && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
        && !is_label
}

#[test]
fn the_table_has_exactly_the_metrics_of_the_code() {
    let table: BTreeSet<String> = table().into_keys().map(str::to_owned).collect();
    let code = named_in_code();
    let code: BTreeSet<String> = code.into_iter().chain(["ticketgraph_build_info".to_owned()]).collect();
    assert_eq!(code.symmetric_difference(&table).collect::<Vec<_>>(), Vec::<&String>::new());
}
