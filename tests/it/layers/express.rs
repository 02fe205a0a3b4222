//! The short way and the ordinary one: the same answer, to the letter and header, and never to somebody else or for longer.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, Response};
use futures_util::StreamExt;
use http_body_util::BodyExt;
use sha2::{Digest, Sha256};
use ticketgraph::gateway::callers::{Caller, Callers, KeyHolder};
use ticketgraph::gateway::express::Express;
use ticketgraph::gateway::health::Dependencies;
use ticketgraph::gateway::persisted::{Mode, Safelist};
use ticketgraph::gateway::router::{self, Front, Peer};
use ticketgraph::graphql::Scope;
use ticketgraph::graphql::viewer::Viewer;
use tokio_util::sync::CancellationToken;

use super::theatre::{Hand, World};

const ASKED: &str =
    r#"{"query":"{ events { nodes { id title ticketTypes { name price { retail { formatted } } } } } }"}"#;

/// Both ways into one front door.
struct Ways {
    front: Arc<Front>,
    express: Express,
    router: Router,
    clock: Arc<Hand>,
}

fn caller(name: &str, scopes: &[Scope], reseller: Option<&str>, per_minute: Option<u32>) -> Caller {
    let scopes: HashSet<Scope> = scopes.iter().copied().collect();
    let reseller = reseller.map(str::to_owned);
    let viewer = Arc::new(Viewer { id: name.to_owned(), name: name.to_owned(), reseller, scopes });
    Caller { viewer, per_minute, until: None }
}

fn callers(keys: &[(&str, Caller)]) -> Callers {
    let holder =
        |(key, caller): &(&str, Caller)| KeyHolder { key_sha256: Sha256::digest(key).into(), caller: caller.clone() };
    Callers { keys: keys.iter().map(holder).collect(), ..Callers::default() }
}

fn ways(is_traced: bool) -> Ways {
    let world = World::new(true);
    let reads = [Scope::CatalogRead];
    let known = [
        ("shop", caller("shop", &reads, None, None)),
        ("other", caller("other", &[Scope::CatalogRead, Scope::ReportRead], Some("tiqets"), None)),
        ("slow", caller("slow", &reads, None, Some(3))),
    ];
    let origins = vec!["https://shop.example".to_owned()];
    let front = Arc::new(Front::new(world.engine, callers(&known), origins, CancellationToken::new()));
    let settings = router::Settings {
        in_flight: 64,
        body_timeout: Duration::from_secs(5),
        request_timeout: Duration::from_secs(20),
        metrics: Arc::new(String::new),
        dependencies: Dependencies::default(),
    };
    let express = Express::new(Arc::clone(&front), is_traced);
    Ways { express, router: router::build(Arc::clone(&front), settings), front, clock: world.clock }
}

fn request(body: &str, headers: &[(&str, &str)]) -> Request<Body> {
    let mut request = Request::post("/graphql").header("content-type", "application/json");
    request = request.header("content-length", body.len()).header("x-request-id", "r-1");
    request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    request.body(Body::from(body.to_owned())).expect("a request")
}

const PEER: Peer = Peer(IpAddr::V4(Ipv4Addr::LOCALHOST));

impl Ways {
    async fn short(&self, request: Request<Body>) -> Option<Told> {
        Some(told(self.express.answer(request, PEER).await.ok()?).await)
    }

    async fn ordinary(&self, mut request: Request<Body>) -> Told {
        request.extensions_mut().insert(PEER);
        told(tower::ServiceExt::oneshot(self.router.clone(), request).await.expect("an answer")).await
    }

    /// Makes it something that was answered before: what the first fetched, the second keeps, and the third finds.
    async fn make_known(&self, headers: &[(&str, &str)]) {
        for _ in 0..3 {
            assert_eq!(self.ordinary(request(ASKED, headers)).await.status, 200);
        }
    }
}

#[derive(Debug, PartialEq)]
struct Told {
    status: u16,
    /// What each says, all lines of a name together; `vary` without order.
    headers: BTreeMap<String, BTreeSet<String>>,
    body: Vec<u8>,
}

async fn told(response: Response<Body>) -> Told {
    let (parts, body) = response.into_parts();
    let mut headers: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (name, value) in &parts.headers {
        let words = value.to_str().expect("text").split(',').map(|word| word.trim().to_owned());
        headers.entry(name.to_string()).or_default().extend(words);
    }
    let body = body.collect().await.expect("a body").to_bytes().to_vec();
    Told { status: parts.status.as_u16(), headers, body }
}

#[tokio::test]
async fn both_ways_tell_the_same() {
    let ways = ways(false);
    for coding in ["identity", "gzip", "br", "zstd", "gzip;q=0.5, br;q=0.1"] {
        for accept in ["application/json", "application/graphql-response+json", "*/*"] {
            for key in ["Bearer shop", "Bearer other"] {
                let headers = [("accept-encoding", coding), ("accept", accept), ("authorization", key)];
                ways.make_known(&headers).await;
                let short = ways.short(request(ASKED, &headers)).await.expect("it was answered before");
                let ordinary = ways.ordinary(request(ASKED, &headers)).await;
                assert_eq!(short, ordinary, "{headers:?}");
            }
        }
    }
}

#[tokio::test]
async fn what_is_unusual_takes_the_ordinary_way() {
    let ways = ways(false);
    let shop = ("authorization", "Bearer shop");
    assert!(ways.short(request(ASKED, &[shop])).await.is_none(), "nobody asked before");
    ways.make_known(&[shop]).await;
    assert!(ways.short(request(ASKED, &[shop])).await.is_some());
    for unusual in [
        ("origin", "https://shop.example"),
        ("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
        ("expect", "100-continue"),
        ("accept", "text/event-stream"),
        ("content-type", "text/plain"),
    ] {
        let mut odd = request(ASKED, &[shop]);
        odd.headers_mut().insert(unusual.0, unusual.1.parse().expect("a value"));
        assert!(ways.short(odd).await.is_none(), "{unusual:?}");
    }
    for wrong in ["Bearer nobody", "Basic shop"] {
        assert!(ways.short(request(ASKED, &[("authorization", wrong)])).await.is_none(), "{wrong}");
    }
    assert!(ways.short(request(ASKED, &[])).await.is_none(), "nobody is let in without a key here");
    let other = ASKED.replace("title", "status");
    assert!(ways.short(request(&other, &[shop])).await.is_none());
}

#[tokio::test]
async fn what_takes_the_ordinary_way_comes_as_it_was() {
    let ways = ways(false);
    let other = r#"{"query":"{ events(first: 1) { totalCount } }"}"#;
    let headers = [("authorization", "Bearer shop")];
    let back = ways.express.answer(request(other, &headers), PEER).await.expect_err("the ordinary way");
    assert_eq!(ways.ordinary(back).await, ways.ordinary(request(other, &headers)).await);
    // A body of which a part is late.
    let (front, rest) = other.split_at(9);
    let parts = futures_util::stream::iter([front, rest]).then(|part| async move {
        tokio::time::sleep(Duration::from_millis(60)).await;
        Ok::<_, std::io::Error>(part.to_owned())
    });
    let late = request(other, &headers).map(|_| Body::from_stream(Box::pin(parts)));
    let back = ways.express.answer(late, PEER).await.expect_err("the ordinary way");
    assert_eq!(ways.ordinary(back).await, ways.ordinary(request(other, &headers)).await);
}

#[tokio::test]
async fn it_is_told_to_those_who_see_the_same_and_while_it_holds() {
    let ways = ways(false);
    let (shop, other) = ([("authorization", "Bearer shop")], [("authorization", "Bearer other")]);
    ways.make_known(&shop).await;
    assert!(ways.short(request(ASKED, &other)).await.is_none(), "a reseller sees prices of its own");
    ways.clock.advance(10 * 60_000);
    assert!(ways.short(request(ASKED, &shop)).await.is_none(), "it is too old");
}

#[tokio::test]
async fn each_telling_counts() {
    let ways = ways(false);
    let slow = [("authorization", "Bearer slow")];
    ways.make_known(&[("authorization", "Bearer shop")]).await;
    for left in ["2", "1", "0"] {
        let told = ways.short(request(ASKED, &slow)).await.expect("an answer");
        assert!(told.headers["ratelimit-remaining"].contains(left), "{:?}", told.headers);
    }
    assert!(ways.short(request(ASKED, &slow)).await.is_none(), "the ordinary way says that it is too much");
    assert_eq!(ways.ordinary(request(ASKED, &slow)).await.status, 429);
}

#[tokio::test]
async fn a_caller_that_is_none_any_more_and_new_laws_end_it() {
    let ways = ways(false);
    let shop = [("authorization", "Bearer shop")];
    ways.make_known(&shop).await;
    assert!(ways.short(request(ASKED, &shop)).await.is_some());
    ways.front.replace_callers(callers(&[]));
    assert!(ways.short(request(ASKED, &shop)).await.is_none());
}

#[tokio::test]
async fn a_safelist_that_logs_hears_of_every_request() {
    let ways = ways(false);
    let list = |mode| Safelist::from_json(mode, br#"{"x":"{ other }"}"#).expect("a manifest");
    ways.front.engine.persisted().replace_safelist(list(Mode::Log));
    let shop = [("authorization", "Bearer shop")];
    ways.make_known(&shop).await;
    assert!(ways.short(request(ASKED, &shop)).await.is_none());
    ways.front.engine.persisted().replace_safelist(list(Mode::Off));
    ways.make_known(&shop).await;
    assert!(ways.short(request(ASKED, &shop)).await.is_some());
}

#[tokio::test]
async fn it_is_closed_where_requests_are_traced() {
    let ways = ways(true);
    let shop = [("authorization", "Bearer shop")];
    ways.make_known(&shop).await;
    assert!(ways.short(request(ASKED, &shop)).await.is_none());
}
