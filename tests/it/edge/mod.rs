//! Shared caches in front of the real binary: public responses, purges, and a real Varnish with the delivered VCL.

mod headers;
mod leaks;
mod purges;
mod varnish;

use reqwest::header::HeaderMap;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tempfile::TempDir;
use testkit::VarnishServer;

use crate::process::{Api, Process};

/// The delivered VCL.
const VCL: &str = include_str!("../../../deploy/varnish/ticketgraph.vcl");
/// Events with what the cache may serve after its expiry.
const TITLES: &str = "query Titles { events(first: 30) { nodes { id title } } }";
/// One event with its availability.
const EVENT: &str = "query Event($id: ID!) { event(id: $id) { title performances(first: 3) { nodes {
    id availability { status vacancies } } } } }";

/// Limit of anonymous requests: all of them come from one address, as behind an edge.
const REQUESTS: (&str, &str) = ("TICKETGRAPH__AUTH__ANONYMOUS__REQUESTS_PER_MINUTE", "1000000");

/// A response as a client gets it.
#[derive(Debug, Clone)]
struct Received {
    status: u16,
    headers: HeaderMap,
    body: String,
}

impl Received {
    /// Returns a header, or an empty text.
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("text"))
    }

    fn is_public(&self) -> bool {
        self.header("cache-control").contains("public")
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.body).expect("JSON")
    }
}

/// The sandbox as a process.
struct Service {
    process: Process,
    _folder: TempDir,
    /// Address of the emulated museum.
    museum: String,
    origin: String,
    client: reqwest::Client,
}

impl Service {
    /// Starts the sandbox with settings.
    fn start(settings: &[(&str, &str)]) -> Self {
        let folder = TempDir::new().expect("a folder");
        let arguments = ["serve", "--listen", "127.0.0.1:0", "--data", "data", "--unlimited"];
        let process = Process::start_with(&folder, &arguments, &[&[REQUESTS], settings].concat());
        let museum = process.address("the emulated acme ");
        let origin = process.address(": listening on ");
        Self { process, _folder: folder, museum, origin, client: http_client::build_client().expect("a client") }
    }

    fn api(&self) -> Api {
        Api::at(&self.origin)
    }

    /// Sends a GET query to the service or to an edge in front of it.
    async fn get_from(&self, base: &str, query: &[(&str, String)], headers: &[(&str, &str)]) -> Received {
        let request = self.client.get(format!("{base}/graphql")).query(query);
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        let response = request.send().await.expect("a response");
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Received { status, headers, body: response.text().await.expect("text") }
    }

    async fn get(&self, query: &[(&str, String)], headers: &[(&str, &str)]) -> Received {
        self.get_from(&self.origin, query, headers).await
    }

    /// Repeats a query until its facts are cached, so that its response is public if it may be.
    async fn get_cached(&self, query: &[(&str, String)], headers: &[(&str, &str)]) -> Received {
        for _ in 0..3 {
            let received = self.get(query, headers).await;
            if received.is_public() {
                return received;
            }
        }
        self.get(query, headers).await
    }

    /// Registers a document and returns the parameters that request it by its hash.
    async fn persist(&self, document: &str, variables: &Value) -> Vec<(&'static str, String)> {
        let hash = hex::encode(Sha256::digest(document));
        let extensions = json!({ "persistedQuery": { "version": 1, "sha256Hash": hash } });
        let body = json!({ "query": document, "variables": variables, "extensions": extensions });
        let response =
            self.client.post(format!("{}/graphql", self.origin)).json(&body).send().await.expect("a response");
        assert_eq!(response.status(), 200);
        vec![("documentId", format!("sha256:{hash}")), ("variables", variables.to_string())]
    }

    /// Returns the ids of the events of a source.
    async fn events_of(&self, source: &str) -> Vec<String> {
        let query = "{ events(first: 100, filter: { status: [ON_SALE] }) { nodes { id source { name } } } }";
        let data = self.api().query(query, Value::Null).await;
        let nodes = data["events"]["nodes"].as_array().expect("events").iter();
        let own = nodes.filter(|event| event["source"]["name"] == source);
        own.map(|event| event["id"].as_str().expect("an id").to_owned()).collect()
    }

    /// Returns the sum of the series of a metric whose labels contain `part`.
    async fn metric(&self, name: &str, part: &str) -> f64 {
        let response = self.client.get(format!("{}/metrics", self.origin)).send().await.expect("a response");
        let text = response.text().await.expect("text");
        let lines = text.lines().filter(|line| line.starts_with(name) && line.contains(part));
        lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
    }

    /// Returns the number of tags whose first two purges are not sent yet. The third one catches slow responses only.
    async fn waiting_purges(&self) -> f64 {
        let name = "ticketgraph_edge_purges_pending";
        self.metric(name, "pass=\"1\"").await + self.metric(name, "pass=\"2\"").await
    }

    /// Returns a performance of an event with many vacancies and a ticket type to buy, if there is one.
    async fn find_offer(&self, event: &str) -> Option<(Value, Value)> {
        let query =
            "query($id: ID!) { event(id: $id) { performances(first: 3) { nodes { id availability { status vacancies
            offers { status price { retail { amount } } ticketType { id } } } } } } }";
        let data = self.api().query(query, json!({ "id": event })).await;
        let nodes = data["event"]["performances"]["nodes"].as_array()?.clone();
        nodes.into_iter().find_map(|node| {
            let free = &node["availability"];
            let sells = |offer: &&Value| offer["status"] == "AVAILABLE" && offer["price"]["retail"]["amount"] != 0;
            let offer = free["offers"].as_array()?.iter().find(sells)?.clone();
            let has_room = free["vacancies"].as_u64().is_some_and(|left| left > 20);
            has_room.then(|| (node["id"].clone(), offer["ticketType"]["id"].clone()))
        })
    }

    /// Buys one ticket and returns the status of the order.
    async fn buy(&self, key: &str, (performance, ticket_type): &(Value, Value)) -> Value {
        let document = "mutation($input: CreateOrderInput!) { placeOrder(input: $input) { order { status } problems { message } } }";
        let input = json!({ "idempotencyKey": key,
            "lines": [{ "performance": performance, "ticketType": ticket_type, "quantity": 1 }],
            "contact": { "firstName": "Ada", "lastName": "Berg", "email": "ada.berg@example.com", "phone": "2025550101",
                "postalCode": "02110" } });
        let data = self.api().query(document, json!({ "input": input })).await;
        assert_eq!(data["placeOrder"]["problems"], json!([]), "{data}");
        data["placeOrder"]["order"]["status"].clone()
    }
}

/// The sandbox with a Varnish in front.
struct Edge {
    varnish: VarnishServer,
    service: Service,
}

impl Edge {
    /// Starts both. `None` without Varnish.
    fn start() -> Option<Self> {
        Self::start_with(&[])
    }

    /// Starts both, the service with more settings.
    fn start_with(more: &[(&str, &str)]) -> Option<Self> {
        let varnish = VarnishServer::start(VCL)?;
        let purge_urls = format!("[\"{}\"]", varnish.purge_url());
        let service = Service::start(&[&[("TICKETGRAPH__EDGE__PURGE_URLS", purge_urls.as_str())], more].concat());
        let (_, port) = service.origin.rsplit_once(':').expect("a port");
        varnish.load(&VCL.replace(".port = \"4000\"", &format!(".port = \"{port}\"")));
        Some(Self { varnish, service })
    }

    /// Sends a GET query through the edge.
    async fn get(&self, query: &[(&str, String)], headers: &[(&str, &str)]) -> Received {
        self.service.get_from(&self.varnish.url(), query, headers).await
    }

    /// Waits until the edge has accepted all purges twice.
    async fn wait_for_purges(&self) {
        crate::layers::support::until("all purges are accepted", async || self.service.waiting_purges().await == 0.0)
            .await;
    }
}
