//! Purges: sent three times, retried while an edge is down, and never waited for.

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::Service;
use crate::layers::support::until;
use crate::process::{TIMEOUT, check_online};

/// An edge that responds with a status, and remembers the tags of the purges.
struct PurgeReceiver {
    listener: TcpListener,
}

impl PurgeReceiver {
    async fn bind() -> Self {
        Self { listener: TcpListener::bind("127.0.0.1:0").await.expect("a port") }
    }

    fn url(&self) -> String {
        format!("http://{}", self.listener.local_addr().expect("an address"))
    }

    /// Receives one purge, responds, and returns method and tags.
    async fn receive(&self, status: &str) -> (String, Vec<String>) {
        let accepted = tokio::time::timeout(TIMEOUT, self.listener.accept()).await.expect("a purge in time");
        let (mut stream, _) = accepted.expect("a connection");
        let (mut head, mut buffer) = (String::new(), [0; 4096]);
        while !head.contains("\r\n\r\n") {
            let length = stream.read(&mut buffer).await.expect("a request");
            head.push_str(&String::from_utf8_lossy(&buffer[..length]));
        }
        let response = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
        stream.write_all(response.as_bytes()).await.expect("a response");
        let tags = head.lines().find_map(|line| line.strip_prefix("xkey-purge: ")).expect("tags");
        let method = head.split(' ').next().expect("a method").to_owned();
        (method, tags.split(' ').map(str::to_owned).collect())
    }
}

fn purge_urls(urls: &[&str]) -> String {
    json!(urls).to_string()
}

/// Returns something to buy of the first event that has it.
async fn offer_of(service: &Service, source: &str) -> (Value, Value) {
    for event in service.events_of(source).await {
        if let Some(offer) = service.find_offer(&event).await {
            return offer;
        }
    }
    panic!("nothing to buy")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_purges_everything_a_sale_its_performances_and_an_edit_its_source_each_again() {
    let receiver = PurgeReceiver::bind().await;
    let service = Service::start(&[("TICKETGRAPH__EDGE__PURGE_URLS", &purge_urls(&[&receiver.url()]))]);
    for _ in 0..2 {
        assert_eq!(receiver.receive("200 OK").await, ("PURGE".to_owned(), vec!["ticketgraph".to_owned()]));
    }
    let offer = offer_of(&service, "harbor").await;
    assert_eq!(service.buy("one", &offer).await, "CONFIRMED");
    for _ in 0..2 {
        let (_, tags) = receiver.receive("200 OK").await;
        assert!(tags.iter().all(|tag| tag.starts_with("p-") || tag.starts_with("a-")), "{tags:?}");
        assert_eq!(tags.len(), 2, "{tags:?}");
    }
    let event = service.events_of("harbor").await.remove(0);
    let document = "mutation($input: UpdateEventInput!) { updateEvent(input: $input) { problems { message } } }";
    let input = json!({ "idempotencyKey": "edit", "event": event, "title": "Another title" });
    let edit = service.api().query(document, json!({ "input": input })).await;
    assert_eq!(edit["updateEvent"]["problems"], json!([]), "{edit}");
    // The sale may have been purged more often: each of its steps is.
    until("the edit is purged", async || {
        let (_, tags) = receiver.receive("200 OK").await;
        tags.iter().any(|tag| tag.starts_with("e-")) && tags.iter().any(|tag| tag.starts_with("s-"))
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_of_the_configuration_purges_everything() {
    let receiver = PurgeReceiver::bind().await;
    let service = Service::start(&[("TICKETGRAPH__EDGE__PURGE_URLS", &purge_urls(&[&receiver.url()]))]);
    let everything = ("PURGE".to_owned(), vec!["ticketgraph".to_owned()]);
    for _ in 0..2 {
        assert_eq!(receiver.receive("200 OK").await, everything);
    }
    service.process.signal("-HUP");
    for _ in 0..2 {
        assert_eq!(receiver.receive("200 OK").await, everything);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edge_that_is_down_is_reported_and_costs_no_order_any_time() {
    // Connections are established by the kernel, and no purge is ever answered.
    let hanging = PurgeReceiver::bind().await;
    let refusing = PurgeReceiver::bind().await;
    let address = refusing.url();
    drop(refusing);
    let urls = purge_urls(&[&hanging.url(), &address]);
    // An order that waited for a purge would take longer than its response may.
    let service = Service::start(&[
        ("TICKETGRAPH__EDGE__PURGE_URLS", &urls),
        ("TICKETGRAPH__EDGE__PURGE_TIMEOUT", "5m"),
        ("TICKETGRAPH__EDGE__PURGE_QUEUE", "2"),
    ]);
    let offer = offer_of(&service, "harbor").await;
    assert_eq!(service.buy("one", &offer).await, "CONFIRMED");
    let hung = hanging.url().replace("http://", "");
    let refused = address.replace("http://", "");
    assert_eq!(service.metric("ticketgraph_edge_purges_total", &hung).await, 0.0, "the first purge is still in flight");
    assert!(service.metric("ticketgraph_edge_purges_pending", &hung).await >= 1.0);
    until("the other is down", async || service.metric("ticketgraph_edge_up", &refused).await == 0.0).await;
    assert!(service.metric("ticketgraph_edge_purges_total", "outcome=\"failed\"").await >= 1.0);
    let ready = service.client.get(format!("{}/health/ready", service.origin)).send().await.expect("a response");
    let (status, ready) = (ready.status(), ready.json::<Value>().await.expect("JSON"));
    assert_eq!((status.as_u16(), &ready["status"]), (200, &json!("degraded")), "{ready}");
    let listed = ready["dependencies"].as_array().expect("dependencies").iter();
    let edge = listed.clone().find(|one| one["name"] == format!("edge {refused}")).expect("the edge");
    assert_eq!((&edge["ok"], &edge["required"]), (&json!(false), &json!(false)));
    assert_eq!(edge["reason"], "purges cannot be sent: no connection");
    // More tags than may wait are merged into that of everything, and arrive when the edge is back.
    let offer = offer_of(&service, "quay").await;
    assert_eq!(service.buy("two", &offer).await, "CONFIRMED");
    until("tags are merged", async || {
        service.metric("ticketgraph_edge_purges_total", "outcome=\"merged\"").await >= 1.0
    })
    .await;
    let listener = TcpListener::bind(&refused).await.expect("the port");
    let back = PurgeReceiver { listener };
    let (method, tags) = back.receive("200 OK").await;
    assert_eq!((method.as_str(), tags.contains(&"ticketgraph".to_owned())), ("PURGE", true), "{tags:?}");
    until("it is up", async || service.metric("ticketgraph_edge_up", &refused).await == 1.0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_check_names_an_edge_that_refuses_purges() {
    let (accepting, refusing) = (PurgeReceiver::bind().await, PurgeReceiver::bind().await);
    let configuration = format!("[edge]\npurge_urls = [\"{}\", \"{}\"]\n", accepting.url(), refusing.url());
    let answers = async { tokio::join!(accepting.receive("204 No Content"), refusing.receive("403 Forbidden")) };
    let (output, _) = tokio::join!(check_online(&configuration, &[], &[]), answers);
    let text = String::from_utf8_lossy(&output.stdout);
    let line_after =
        |url: String| text.lines().skip_while(|line| !line.contains(&url)).take(3).collect::<Vec<_>>().join("\n");
    assert!(line_after(accepting.url()).contains("ok"), "{text}");
    assert!(line_after(refusing.url()).contains("FAILED") && text.contains("refused with status 403"), "{text}");
}
