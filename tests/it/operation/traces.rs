//! A collector receives connected spans.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::State;
use axum::routing::post;
use emulators::{Fault, Rule, Scenario};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Text;
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use prost::Message;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio_util::task::TaskTracker;

use super::{BUY, Deployment, OPERATOR, response_data};

type Received = Arc<Mutex<Vec<Span>>>;

/// A minimal collector: spans over HTTP in protobuf.
async fn collector(tasks: &TaskTracker) -> (String, Received) {
    let received = Received::default();
    let take = |State(received): State<Received>, body: Bytes| async move {
        let batch = ExportTraceServiceRequest::decode(body).expect("spans");
        let scopes = batch.resource_spans.into_iter().flat_map(|resource| resource.scope_spans);
        received.lock().expect("a lock").extend(scopes.flat_map(|scope| scope.spans));
        Vec::new()
    };
    let router = axum::Router::new().route("/v1/traces", post(take)).with_state(Arc::clone(&received));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tasks.spawn(async move { axum::serve(listener, router).await });
    (format!("http://{address}"), received)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The spans of a run.
struct Spans(Vec<Span>);

impl Spans {
    fn of_trace(&self, trace: &str) -> Vec<&Span> {
        self.0.iter().filter(|span| hex(&span.trace_id) == trace).collect()
    }

    fn find(&self, id: &[u8]) -> Option<&Span> {
        self.0.iter().find(|span| span.span_id == id)
    }

    /// Returns the names of a span and of all its ancestors.
    fn ancestry(&self, span: &Span) -> Vec<String> {
        let above = std::iter::successors(Some(span), |span| self.find(&span.parent_span_id));
        above.map(|span| span.name.clone()).collect()
    }

    fn attribute(span: &Span, name: &str) -> Option<String> {
        let value = span.attributes.iter().find(|attribute| attribute.key == name)?.value.clone()?.value?;
        match value {
            Text::StringValue(text) => Some(text),
            Text::IntValue(number) => Some(number.to_string()),
            _ => None,
        }
    }

    /// Returns the names of spans in other traces that the spans of a trace link to.
    fn links_out_of(&self, trace: &str) -> Vec<String> {
        let links = self.of_trace(trace).into_iter().flat_map(|span| span.links.clone());
        let others = links.filter(|link| hex(&link.trace_id) != trace);
        others.filter_map(|link| self.find(&link.span_id).map(|span| span.name.clone())).collect()
    }
}

const TRACES: [&str; 4] = [
    "0af7651916cd43dd8448eb211c80319c",
    "1bf7651916cd43dd8448eb211c80319c",
    "2cf7651916cd43dd8448eb211c80319c",
    "3df7651916cd43dd8448eb211c80319c",
];

fn traceparent(trace: &str) -> String {
    format!("00-{trace}-b7ad6b7169203331-01")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_receives_linked_spans_of_requests_calls_and_orders_without_secrets() {
    let tasks = TaskTracker::new();
    let (endpoint, received) = collector(&tasks).await;
    let house = Deployment::start(&format!("{OPERATOR}[telemetry]\notlp_endpoint = \"{endpoint}\"\n")).await;
    let mut served = house.serve();
    let slow = Rule::for_path("", Fault::Delay { ms: 700 });
    house.vendors.stage("acme").faults.add(Scenario { rules: vec![slow] });
    let same = "query Same { events(first: 50) { nodes { title } } }";
    let other = "query Other { events(first: 50) { nodes { id title } } }";
    let ask = |document, trace| {
        response_data(served.request("shop", document, &Value::Null).header("traceparent", traceparent(trace)))
    };
    // The last one comes while the facts of the others are on their way.
    let later = async {
        tokio::time::sleep(Duration::from_millis(150)).await;
        ask(other, TRACES[2]).await
    };
    tokio::join!(ask(same, TRACES[0]), ask(same, TRACES[1]), later);
    house.vendors.stage("acme").faults.clear();
    let wish = served.order_input("harbor", "traces").await;
    let bought = response_data(served.request("shop", BUY, &wish).header("traceparent", traceparent(TRACES[3]))).await;
    let number = bought["placeOrder"]["order"]["number"].as_str().expect("a number").to_owned();
    // The last spans are exported before the process ends.
    served.process.signal("-TERM");
    let (code, lines) = served.process.end();
    assert_eq!(code, Some(0), "{lines:#?}");
    let spans = Spans(received.lock().expect("a lock").clone());

    for trace in TRACES {
        let of_trace = spans.of_trace(trace);
        let server = of_trace.iter().find(|span| span.kind == SpanKind::Server as i32).expect("the request");
        assert_eq!((server.name.as_str(), hex(&server.parent_span_id).as_str()), ("POST /graphql", "b7ad6b7169203331"));
        assert_eq!(Spans::attribute(server, "http.response.status_code").as_deref(), Some("200"));
        let operation = of_trace.iter().find(|span| span.parent_span_id == server.span_id).expect("the operation");
        assert!(Spans::attribute(operation, "graphql.operation.name").is_some(), "{operation:?}");
    }
    let calls: Vec<&Span> = spans.0.iter().filter(|span| span.kind == SpanKind::Client as i32).collect();
    let leads = |trace: &str| calls.iter().any(|call| hex(&call.trace_id) == trace);
    let leader = TRACES[..3].iter().find(|trace| leads(trace)).expect("one of them called the vendor");
    let call = calls.iter().find(|call| hex(&call.trace_id) == **leader).expect("a call");
    assert_eq!(spans.ancestry(call), ["vendor call", "source call", "flight", "query", "POST /graphql"]);
    let links: BTreeMap<&str, Vec<String>> =
        TRACES[..3].iter().map(|trace| (*trace, spans.links_out_of(trace))).collect();
    assert!(links.values().any(|names| names.contains(&"query".to_owned())), "the same answer: {links:?}");
    assert!(links.values().any(|names| names.contains(&"flight".to_owned())), "the same facts: {links:?}");

    let order = spans.0.iter().find(|span| Spans::attribute(span, "order").as_deref() == Some(number.as_str()));
    let order = order.expect("the order's own span");
    let asked_by = order.links.iter().find_map(|link| spans.find(&link.span_id)).expect("what set it off");
    assert_eq!(hex(&asked_by.trace_id), TRACES[3]);
    let sold = calls.iter().filter(|call| call.trace_id == order.trace_id);
    assert!(sold.count() >= 2, "holding and confirming are spans of the order's trace");
    let all = format!("{:?}", spans.0);
    for secret in ["harbor-sandbox-key", "opera-sandbox-password", "ada.berg", "Berg", "Bearer"] {
        assert!(!all.contains(secret), "{secret} was sent to the collector");
    }
}
