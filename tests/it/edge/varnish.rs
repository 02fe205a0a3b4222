//! A real Varnish in front: what it serves, and that nothing untrue stays in it.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use axum::Router;
use axum::http::{Uri, header};
use futures_util::StreamExt;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};
use testkit::VarnishServer;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::{EVENT, Edge, Received, TITLES, VCL};

/// Anonymous requests of the mix.
const REQUESTS: usize = 20_000;
/// Requests at the same time.
const CONCURRENT: usize = 8;

fn is_hit(received: &Received) -> bool {
    received.header("x-cache") == "HIT"
}

#[tokio::test(flavor = "multi_thread")]
async fn a_zipf_mix_of_anonymous_reads_is_served_by_the_edge() {
    let Some(edge) = Edge::start() else { return };
    let mut queries = vec![edge.service.persist(TITLES, &json!({})).await];
    for source in ["harbor", "opera", "quay"] {
        for id in edge.service.events_of(source).await.into_iter().take(12) {
            queries.push(edge.service.persist(EVENT, &json!({ "id": id })).await);
        }
    }
    // The k-th most popular query has a share of 1/k.
    let mut popularity = Vec::new();
    for place in 0..queries.len() {
        popularity.push(popularity.last().copied().unwrap_or(0.0) + 1.0 / (place as f64 + 1.0));
    }
    let total = *popularity.last().expect("queries");
    let mut random = fastrand::Rng::with_seed(7);
    let accepts = ["application/graphql-response+json, application/json;q=0.9", "application/json", "*/*"];
    let requests = (0..REQUESTS).map(|_| {
        let point = random.f64() * total;
        let chosen = popularity.iter().position(|sum| *sum >= point).unwrap_or_default();
        (chosen, accepts[random.usize(..accepts.len())])
    });
    let sent = futures_util::stream::iter(requests).map(|(chosen, accept)| {
        let (edge, query) = (&edge, &queries[chosen]);
        async move { edge.get(query, &[("accept", accept)]).await }
    });
    let received: Vec<Received> = sent.buffer_unordered(CONCURRENT).collect().await;
    assert!(received.iter().all(|one| one.status == 200 && one.json().get("errors").is_none()));
    let hits = received.iter().filter(|one| is_hit(one)).count();
    println!("{hits} of {REQUESTS} requests over {} queries from the edge: {:.2} %", queries.len(), share(hits));
    assert!(share(hits) >= 99.0, "{hits} of {REQUESTS}");
}

fn share(hits: usize) -> f64 {
    hits as f64 * 100.0 / REQUESTS as f64
}

/// Sends requests for a cached query with unknown, repeated and competing parameters, and long ones.
async fn ignored_parameters_make_no_entry(edge: &Edge, query: &[(&'static str, String)]) {
    let padded = [query, &[("padding", "1".to_owned())]].concat();
    for _ in 0..3 {
        assert!(!is_hit(&edge.get(&padded, &[]).await), "an unknown parameter makes no entry");
    }
    let id = query[0].1.clone();
    let ambiguous = [
        [("query", "{ viewer { id } }"), ("variables", "{}")],
        [("id", id.as_str()), ("variables", "{}")],
        [("doc_id", "1"), ("operationName", "Titles")],
        [("operationName", "Other"), ("operationName", "Titles")],
    ];
    for more in ambiguous {
        let named: Vec<_> = query.iter().filter(|(name, _)| *name != more[1].0).cloned().collect();
        let named = [&more.map(|(name, value)| (name, value.to_owned()))[..], &named].concat();
        for _ in 0..3 {
            let received = edge.get(&named, &[]).await;
            assert!(!is_hit(&received), "ignored values make no entry: {named:?}");
        }
    }
    let long = [&query[..1], &[("variables", json!({ "padding": "&id=".repeat(500) }).to_string())]].concat();
    assert_eq!(edge.get(&long, &[]).await.status, 200, "a long request is read");
    for odd in [format!("{}&padding=1", "id=".repeat(2_000)), "id=&".repeat(1_500)] {
        let url = format!("{}/graphql?{odd}", edge.varnish.url());
        let status = edge.service.client.get(url).send().await.expect("a response").status().as_u16();
        assert!(status < 500, "{status}: what is no request reaches the service");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_edge_keeps_what_is_public_and_passes_the_rest() {
    let Some(edge) = Edge::start() else { return };
    let query = edge.service.persist(TITLES, &json!({})).await;
    edge.service.get_cached(&query, &[]).await;
    edge.wait_for_purges().await;
    edge.get(&query, &[]).await;
    let cached = edge.get(&query, &[]).await;
    assert!(is_hit(&cached), "{cached:?}");
    assert_eq!(cached.header("cache-control"), "public, max-age=0, must-revalidate");
    assert_eq!((cached.header("surrogate-key"), cached.header("cache-tag"), cached.header("xkey")), ("", "", ""));
    let not_modified = edge.get(&query, &[("if-none-match", cached.header("etag"))]).await;
    assert_eq!((not_modified.status, not_modified.body.as_str()), (304, ""));
    let swapped: Vec<_> = query.iter().rev().cloned().collect();
    assert!(is_hit(&edge.get(&swapped, &[]).await), "the order of the parameters does not matter");
    // What the service ignores makes no entry.
    let hosts = [("host", "tickets.example.com"), ("origin", "https://unknown.example.com")];
    for header in hosts {
        let same = edge.get(&query, &[header]).await;
        assert!(is_hit(&same) && same.header("access-control-allow-origin").is_empty(), "{header:?}: {same:?}");
    }
    ignored_parameters_make_no_entry(&edge, &query).await;
    for private in [("authorization", "Bearer sandbox-operator"), ("cookie", "a=b"), ("x-csrf-protection", "1")] {
        assert!(!is_hit(&edge.get(&query, &[private]).await), "{private:?}");
    }
    let wrong = edge.get(&query, &[("authorization", "Bearer nobody")]).await;
    assert_eq!(wrong.status, 401, "a wrong key gets no cached response");
    for _ in 0..3 {
        let viewer = edge.get(&[("query", "{ viewer { id } }".to_owned())], &[]).await;
        assert!(viewer.status == 200 && !is_hit(&viewer), "{viewer:?}");
    }
    let purge = async |url: String, tags: Option<&str>| {
        let method = reqwest::Method::from_bytes(b"PURGE").expect("a method");
        let request = edge.service.client.request(method, url);
        let request = tags.into_iter().fold(request, |request, tags| request.header("xkey-purge", tags));
        request.send().await.expect("a response").status().as_u16()
    };
    assert_eq!(purge(edge.varnish.purge_url(), None).await, 400, "a purge names its tags");
    assert_eq!(purge(edge.varnish.url(), Some("ticketgraph")).await, 403, "the listener of clients takes none");
    assert_eq!(purge(edge.varnish.purge_url(), Some("ticketgraph")).await, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_that_take_longer_than_a_response_may_to_be_stored_are_not_cut_off() {
    let Some(edge) = Edge::start() else { return };
    let event = edge.service.events_of("harbor").await.remove(0);
    let document = "query Now($id: ID!) { event(id: $id) { performances(first: 1) { nodes {
        availability(maxAgeSeconds: 0) { status } } } } }";
    let query = edge.service.persist(document, &json!({ "id": event })).await;
    let slow = json!({ "rules": [{ "path": "/instances/summaries", "fault": { "kind": "delay", "ms": 5_000 } }] });
    let faults = edge.service.client.post(format!("{}/_emu/faults", edge.service.museum)).json(&slow);
    assert!(faults.send().await.expect("a response").status().is_success());
    let by_post = async || {
        let body = json!({ "query": document, "variables": { "id": event } });
        let sent = edge.service.client.post(format!("{}/graphql", edge.varnish.url())).json(&body).send().await;
        let response = sent.expect("a response");
        (response.status().as_u16(), response.text().await.expect("text"))
    };
    let start = Instant::now();
    let by_get = edge.get(&query, &[]).await;
    let by_get_took = start.elapsed();
    let posted = by_post().await;
    let took = [by_get_took, start.elapsed() - by_get_took];
    assert!(took.iter().all(|took| *took > Duration::from_secs(5)), "the vendor is slow: {took:?}");
    for (status, body) in [(by_get.status, by_get.body), posted] {
        let response: Value = serde_json::from_str(&body).unwrap_or_else(|_| panic!("{status}: {body}"));
        let available = &response["data"]["event"]["performances"]["nodes"][0]["availability"]["status"];
        assert!(status == 200 && available.is_string() && available != "UNKNOWN", "{status}: {body}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_response_that_took_longer_than_four_seconds_is_passed_on_and_not_stored() {
    let Some(varnish) = VarnishServer::start(VCL) else { return };
    let respond = async |uri: Uri| {
        if uri.query().is_some_and(|query| query.contains("slow")) {
            tokio::time::sleep(Duration::from_millis(5_100)).await;
        }
        ([(header::CACHE_CONTROL, "public, s-maxage=60, max-age=0")], "a fact")
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let mut tasks = JoinSet::new();
    tasks.spawn(async move { axum::serve(listener, Router::new().fallback(respond)).await });
    varnish.load(&VCL.replace(".port = \"4000\"", &format!(".port = \"{port}\"")));
    let client = http_client::build_client().expect("a client");
    let get = async |name: &str| {
        let response = client.get(format!("{}/graphql?id={name}", varnish.url())).send().await.expect("a response");
        let cache = response.headers()["x-cache"].to_str().expect("text").to_owned();
        (cache, response.text().await.expect("text"))
    };
    for (name, second) in [("fast", "HIT"), ("slow", "MISS")] {
        assert_eq!(get(name).await, ("MISS".to_owned(), "a fact".to_owned()));
        assert_eq!(get(name).await, (second.to_owned(), "a fact".to_owned()), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_fails_is_covered_except_for_availability() {
    let lifetimes = ["LISTS__MAX_AGE", "FACTS__MAX_AGE", "AVAILABILITY"];
    let settings = lifetimes.map(|name| (format!("TICKETGRAPH__CACHE__LIFETIMES__{name}"), "3s"));
    let mut settings: Vec<(&str, &str)> = settings.iter().map(|(name, value)| (name.as_str(), *value)).collect();
    settings.push(("TICKETGRAPH__EDGE__STALE_WHILE_REVALIDATE", "1s"));
    let Some(mut edge) = Edge::start_with(&settings) else { return };
    let event = edge.service.events_of("harbor").await.remove(0);
    let titles = edge.service.persist(TITLES, &json!({})).await;
    let availability = edge.service.persist(EVENT, &json!({ "id": event })).await;
    edge.wait_for_purges().await;
    crate::layers::support::until("both are cached", async || {
        is_hit(&edge.get(&titles, &[]).await) && is_hit(&edge.get(&availability, &[]).await)
    })
    .await;
    edge.service.process.kill();
    // Longer than the lifetime and `stale_while_revalidate`.
    tokio::time::sleep(Duration::from_secs(5)).await;
    for _ in 0..3 {
        let covered = edge.get(&titles, &[]).await;
        assert!(covered.status == 200 && is_hit(&covered), "{covered:?}");
        let unknown = edge.get(&availability, &[]).await;
        assert_eq!(unknown.status, 503, "old availability is not served: {unknown:?}");
    }
}

/// A write, and the reads around it.
#[derive(Debug, Clone)]
enum Step {
    Sell(usize),
    Edit(usize),
    Read(usize),
    /// Waits until the edge serves everything.
    Warm,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        2 => (0..2_usize).prop_map(Step::Sell),
        2 => (0..2_usize).prop_map(Step::Edit),
        2 => (0..3_usize).prop_map(Step::Read),
        3 => Just(Step::Warm),
    ];
    prop::collection::vec(step, 6..10)
}

/// Events whose facts change, with what their readers must see.
struct Changing {
    edge: Edge,
    events: Vec<String>,
    offers: Vec<(Value, Value)>,
    queries: Vec<Vec<(&'static str, String)>>,
    titles: BTreeMap<usize, String>,
    vacancies: BTreeMap<usize, u64>,
    writes: usize,
    oldest: Duration,
}

impl Changing {
    async fn start() -> Option<Self> {
        let edge = Edge::start()?;
        let (mut events, mut offers, mut queries) = (Vec::new(), Vec::new(), Vec::new());
        for event in edge.service.events_of("harbor").await {
            if let Some(offer) = edge.service.find_offer(&event).await {
                queries.push(edge.service.persist(EVENT, &json!({ "id": event })).await);
                events.push(event);
                offers.push(offer);
            }
        }
        assert!(events.len() >= 2, "two events with something to buy");
        queries.truncate(2);
        queries.push(edge.service.persist(TITLES, &json!({})).await);
        let (titles, vacancies) = (BTreeMap::new(), BTreeMap::new());
        Some(Self { edge, events, offers, queries, titles, vacancies, writes: 0, oldest: Duration::ZERO })
    }

    /// Returns the title and the vacancies of the sold performance in a response.
    fn facts(&self, place: usize, received: &Received) -> (String, Option<u64>) {
        let response = received.json();
        let event = &response["data"]["event"];
        let nodes = event["performances"]["nodes"].as_array().cloned().unwrap_or_default();
        let sold = nodes.iter().find(|node| node["id"] == self.offers[place].0);
        let vacancies = sold.and_then(|node| node["availability"]["vacancies"].as_u64());
        (event["title"].as_str().unwrap_or_default().to_owned(), vacancies)
    }

    async fn write(&mut self, step: &Step) {
        self.writes += 1;
        match *step {
            Step::Sell(place) => {
                let status = self.edge.service.buy(&format!("sale-{}", self.writes), &self.offers[place]).await;
                assert_eq!(status, "CONFIRMED");
                if let Some(left) = self.vacancies.get_mut(&place) {
                    *left -= 1;
                }
            }
            Step::Edit(place) => {
                let title = format!("Title {}", self.writes);
                let document =
                    "mutation($input: UpdateEventInput!) { updateEvent(input: $input) { problems { message } } }";
                let input = json!({ "idempotencyKey": title, "event": self.events[place], "title": title });
                let data = self.edge.service.api().query(document, json!({ "input": input })).await;
                assert_eq!(data["updateEvent"]["problems"], json!([]), "{data}");
                self.titles.insert(place, title);
            }
            Step::Read(_) | Step::Warm => {}
        }
    }

    /// Performs a step, with requests through the edge before, during and after a write.
    async fn perform(&mut self, step: &Step) {
        match step {
            Step::Read(place) => {
                self.edge.get(&self.queries[*place], &[]).await;
            }
            Step::Warm => {
                crate::layers::support::until("the edge serves everything", async || {
                    let mut hits = 0;
                    for query in &self.queries {
                        hits += usize::from(is_hit(&self.edge.get(query, &[]).await));
                    }
                    hits == self.queries.len()
                })
                .await;
            }
            Step::Sell(_) | Step::Edit(_) => {
                let (url, client) = (self.edge.varnish.url(), self.edge.service.client.clone());
                let queries = self.queries.clone();
                let stop = tokio_util::sync::CancellationToken::new();
                let stopped = stop.clone();
                let reading = async move {
                    while !stopped.is_cancelled() {
                        for query in &queries {
                            let request = client.get(format!("{url}/graphql")).query(query);
                            request.send().await.expect("a response").text().await.expect("text");
                        }
                    }
                };
                let writing = async {
                    self.write(step).await;
                    stop.cancel();
                };
                tokio::join!(reading, writing);
                self.watch(Instant::now()).await;
            }
        }
    }

    /// Reads until both purges are accepted, and records how long something old was served. From then on nothing old is.
    async fn watch(&mut self, written: Instant) {
        loop {
            let is_purged = self.edge.service.waiting_purges().await == 0.0;
            for place in 0..2 {
                let asked = Instant::now();
                let received = self.edge.get(&self.queries[place], &[]).await;
                let is_true = self.is_true(place, &received);
                assert!(is_true || !is_purged, "event {place} is untrue after the purges: {received:?}");
                if !is_true {
                    self.oldest = self.oldest.max(asked - written);
                }
            }
            if is_purged {
                return;
            }
        }
    }

    fn is_true(&self, place: usize, received: &Received) -> bool {
        let (title, vacancies) = self.facts(place, received);
        self.titles.get(&place).is_none_or(|expected| *expected == title)
            && self.vacancies.get(&place).is_none_or(|expected| Some(*expected) == vacancies)
    }

    /// Reads at the service what the readers must see from now on.
    async fn read_truth(&mut self) {
        for place in 0..2 {
            let received = self.edge.service.get(&self.queries[place], &[]).await;
            let (title, vacancies) = self.facts(place, &received);
            self.titles.insert(place, title);
            self.vacancies.insert(place, vacancies.expect("vacancies"));
        }
    }
}

#[test]
fn after_a_sale_or_an_edit_the_edge_serves_nothing_old_in_any_interleaving() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    let Some(mut world) = runtime.block_on(Changing::start()) else { return };
    runtime.block_on(world.read_truth());
    let mut runner = TestRunner::new(ProptestConfig {
        cases: 6,
        max_shrink_iters: 0,
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    let world = std::cell::RefCell::new(world);
    let outcome = runner.run(&steps(), |steps| {
        let mut world = world.borrow_mut();
        for step in &steps {
            runtime.block_on(world.perform(step));
        }
        Ok(())
    });
    outcome.expect("nothing old");
    let world = world.borrow();
    let hits = world.edge.varnish.counter("MAIN.cache_hit");
    println!("{} writes, {hits} reads from the edge, the oldest {:?} after its write", world.writes, world.oldest);
    assert!(world.writes > 5 && hits > 50, "{} writes, {hits} hits", world.writes);
}
