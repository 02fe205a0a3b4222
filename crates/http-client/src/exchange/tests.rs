//! Exchanges of a client that carries an observer.

use std::sync::Arc;
use std::time::Duration;

use domain::{Endpoint, RateLimiter, RequestPlace, RequestTurn};
use parking_lot::Mutex;
use reqwest::Method;
use reqwest::header::{AUTHORIZATION, HeaderName};
use secrecy::SecretString;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_util::task::TaskTracker;

use super::*;
use crate::{ConnectionPools, RequestBody, VendorHttpClient};

struct Unlimited;

#[async_trait::async_trait]
impl RateLimiter for Unlimited {
    async fn acquire(&self, _: RequestTurn) -> Result<RequestPlace, Duration> {
        Ok(RequestPlace::unlimited())
    }

    fn pause(&self, _: Option<&'static str>, _: Duration) {}

    fn remaining(&self) -> Option<u32> {
        None
    }
}

#[derive(Default)]
struct Collected(Mutex<Vec<Exchange>>);

impl ExchangeObserver for Collected {
    fn observe(&self, exchange: Exchange) {
        self.0.lock().push(exchange);
    }
}

fn request(url: &str) -> VendorRequest {
    let secret = SecretString::from("Bearer planted-secret".to_owned());
    VendorRequest::new(VendorOperation::ListEvents, Method::POST, Url::parse(url).expect("a URL"))
        .secret_header(AUTHORIZATION, &secret)
        .header(HeaderName::from_static("accept"), "application/json")
        .endpoint(Endpoint::default())
        .payload(RequestBody::json(&["asked"]).expect("JSON"))
}

#[tokio::test]
async fn an_observer_receives_the_exchange_with_the_names_of_the_headers_and_without_their_values() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let tasks = TaskTracker::new();
    tasks.spawn(async move {
        let (mut stream, _) = listener.accept().await.expect("a connection");
        let mut head = [0; 4096];
        let _ = stream.read(&mut head).await;
        let response = b"HTTP/1.1 404 Not Found\r\nretry-after: 7\r\ncontent-length: 2\r\n\r\n{}";
        stream.write_all(response).await.expect("a response");
    });
    let collected = Arc::new(Collected::default());
    let client = VendorHttpClient::new(
        ConnectionPools::new(Duration::from_secs(1)).expect("a client"),
        SourceId::new("harbor"),
        Arc::new(Unlimited),
        Duration::from_secs(5),
    )
    .with_observer(Arc::clone(&collected) as _);
    client.send(request(&format!("http://{address}/v2/x?y=1"))).await.expect("a response");
    client.send(request("http://127.0.0.1:9/v2/x")).await.expect_err("no response");

    let exchanges = collected.0.lock();
    let [answered, refused] = exchanges.as_slice() else { panic!("{} exchanges", exchanges.len()) };
    assert_eq!(answered.request_headers, ["accept", "authorization", "content-type"]);
    assert_eq!((answered.url.path(), answered.url.query()), ("/v2/x", Some("y=1")));
    assert_eq!(&answered.request_body[..], br#"["asked"]"#);
    let response = answered.outcome.as_ref().unwrap_or_else(|kind| panic!("{kind:?}"));
    assert_eq!((response.status, &response.body[..]), (404, &b"{}"[..]));
    assert_eq!(response.header("retry-after"), Some("7"));
    assert_eq!(refused.outcome.as_ref().err(), Some(&ErrorKind::Unavailable));
}
