//! Webhooks that vendors send: the secret path, the limits, and what a response reveals.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::Bytes;
use futures_util::stream::pending;
use http_body_util::StreamBody;
use hyper::body::Frame;
use reqwest::header::{HeaderMap, RETRY_AFTER};
use ticketgraph::gateway::incoming_webhooks::{HintReceiver, IncomingWebhook, IncomingWebhooks, Reception};
use ticketgraph::gateway::router::Surface;

use super::{GatewayOptions, TestGateway, start_with};

const SECRET: &str = "opera-0123456789abcdefghijklmnop";
const OTHER_SECRET: &str = "club-0123456789abcdefghijklmnopq";

/// Requests that receivers got: query and body.
type Received = Arc<Mutex<Vec<(String, Vec<u8>)>>>;

struct Recorder(Received);

impl HintReceiver for Recorder {
    fn receive(&self, query: &str, body: &[u8]) -> Reception {
        self.0.lock().expect("a lock").push((query.to_owned(), body.to_vec()));
        match query {
            "full" => Reception::Dropped,
            "none" => Reception::Unreadable,
            _ => Reception::Accepted,
        }
    }
}

/// A gateway on which `opera` and `club` take webhooks.
async fn gateway(requests_per_minute: u32) -> (TestGateway, Received) {
    let received = Received::default();
    let webhook = |source, secret| IncomingWebhook::new(source, secret, Arc::new(Recorder(Arc::clone(&received))));
    let sources = vec![webhook("opera", SECRET), webhook("club", OTHER_SECRET)];
    let incoming_webhooks = IncomingWebhooks { sources, body_limit: 1_000, requests_per_minute };
    // The address of the API alone, which is the public one.
    let options = GatewayOptions {
        incoming_webhooks,
        surface: Surface::API_ONLY,
        body_timeout: Duration::from_millis(300),
        ..GatewayOptions::default()
    };
    (start_with(options).await, received)
}

/// Returns status, headers without those of one request, and body.
async fn send(request: reqwest::RequestBuilder) -> (u16, HeaderMap, String) {
    let response = request.send().await.expect("a response");
    let (status, mut headers) = (response.status().as_u16(), response.headers().clone());
    for name in ["x-request-id", "date"] {
        headers.remove(name);
    }
    (status, headers, response.text().await.expect("text"))
}

#[tokio::test]
async fn a_wrong_path_looks_like_an_unknown_one_and_nothing_is_read() {
    let (gateway, received) = gateway(600).await;
    let url = |path: &str| format!("http://{}{path}", gateway.address);
    let expected = send(gateway.client.get(url("/nothing"))).await;
    assert_eq!(expected.0, 404);
    let short = SECRET.strip_suffix('p').expect("a suffix");
    let paths = [
        "/hooks/opera/wrong".to_owned(),
        format!("/hooks/opera/{short}"),
        format!("/hooks/opera/{SECRET}q"),
        format!("/hooks/opera/{}", SECRET.to_uppercase()),
        format!("/hooks/opera/{OTHER_SECRET}"),
        format!("/hooks/nowhere/{SECRET}"),
        format!("/hooks/harbor/{SECRET}"),
        format!("/hooks/Opera/{SECRET}"),
        format!("/hooks/opera%00{SECRET}/x"),
        "/hooks/opera/%ff".to_owned(),
        format!("/hooks/opera/{SECRET}/more"),
        "/hooks/opera/".to_owned(),
    ];
    for path in &paths {
        assert_eq!(send(gateway.client.get(url(path)).query(&[("orderId", "1")])).await, expected, "{path}");
        assert_eq!(send(gateway.client.post(url(path))).await, expected, "{path}");
    }
    assert!(received.lock().expect("a lock").is_empty());
}

#[tokio::test]
async fn every_order_gets_the_same_response_by_get_and_post() {
    let (gateway, received) = gateway(600).await;
    let url = |query: &str| format!("http://{}/hooks/opera/{SECRET}?{query}", gateway.address);
    let accepted = send(gateway.client.get(url("orderId=1"))).await;
    assert_eq!((accepted.0, &*accepted.2, &accepted.1["cache-control"]), (204, "", &"no-store".parse().expect("one")));
    for request in [
        gateway.client.post(url("orderId=2")),
        gateway.client.post(url("")).body(r#"{"orderId": 3}"#),
        gateway.client.get(url("full")),
    ] {
        assert_eq!(send(request).await, accepted);
    }
    assert_eq!(send(gateway.client.post(url("none")).body("no JSON")).await.0, 400);
    assert_eq!(send(gateway.client.put(url("orderId=4"))).await.0, 405);
    let received = received.lock().expect("a lock");
    let queries: Vec<&str> = received.iter().map(|(query, _)| query.as_str()).collect();
    assert_eq!(queries, ["orderId=1", "orderId=2", "", "full", "none"]);
    assert_eq!(received[2].1, br#"{"orderId": 3}"#);
}

#[tokio::test]
async fn a_webhook_beyond_a_limit_is_refused_and_nothing_of_it_is_read() {
    let (gateway, received) = gateway(3).await;
    let url = |source: &str, secret: &str| format!("http://{}/hooks/{source}/{secret}", gateway.address);
    let of = |size: usize| gateway.client.post(url("club", OTHER_SECRET)).body("x".repeat(size));
    assert_eq!(send(of(1_001)).await.0, 413);
    assert_eq!(send(of(1_000)).await.0, 204);
    let endless = reqwest::Body::wrap(StreamBody::new(pending::<Result<Frame<Bytes>, std::io::Error>>()));
    assert_eq!(send(gateway.client.post(url("club", OTHER_SECRET)).body(endless)).await.0, 408);
    assert_eq!(received.lock().expect("a lock").len(), 1);

    // Guesses use nothing of the limit of a source.
    for _ in 0..20 {
        assert_eq!(send(gateway.client.get(url("opera", "guess"))).await.0, 404);
    }
    let mut refused = 0;
    for _ in 0..20 {
        let (status, headers, _) = send(gateway.client.get(url("opera", SECRET))).await;
        if status == 429 {
            refused += 1;
            let wait: u64 = headers[RETRY_AFTER].to_str().expect("text").parse().expect("seconds");
            assert!((1..=60).contains(&wait), "{wait}");
        } else {
            assert_eq!(status, 204);
        }
    }
    // A minute may end in between.
    assert!((14..=17).contains(&refused), "{refused}");
    assert_eq!(received.lock().expect("a lock").len(), 1 + 20 - refused);
}
