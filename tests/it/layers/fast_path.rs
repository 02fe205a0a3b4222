//! The fast path and the regular pipeline return identical responses; the fast path serves no other caller and no longer.

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
use testkit::ManualClock;
use ticketgraph::gateway::auth::{ApiKey, Authenticator, Principal};
use ticketgraph::gateway::concurrency_limit::ConcurrencyLimit;
use ticketgraph::gateway::fast_path::FastPath;
use ticketgraph::gateway::health::Dependencies;
use ticketgraph::gateway::persisted::{Safelist, SafelistEnforcement};
use ticketgraph::gateway::router;
use ticketgraph::gateway::state::{AppState, PeerAddress};
use ticketgraph::graphql::Scope;
use ticketgraph::graphql::base::viewer::Viewer;
use tokio_util::sync::CancellationToken;

use super::world::World;
use crate::default_config::{default_export_limits, default_socket_limits};

const QUERY: &str =
    r#"{"query":"{ events { nodes { id title ticketTypes { name price { retail { formatted } } } } } }"}"#;

/// The fast path and the regular pipeline over one state.
struct Gateway {
    state: Arc<AppState>,
    fast_path: FastPath,
    router: Router,
    clock: Arc<ManualClock>,
}

fn principal(name: &str, scopes: &[Scope], reseller: Option<&str>, per_minute: Option<u32>) -> Principal {
    let scopes: HashSet<Scope> = scopes.iter().copied().collect();
    let reseller = reseller.map(str::to_owned);
    let viewer = Arc::new(Viewer { id: name.to_owned(), name: name.to_owned(), reseller, scopes });
    Principal { viewer, requests_per_minute: per_minute, expires_at: None, session: None }
}

fn authenticator(keys: &[(&str, Principal)]) -> Authenticator {
    let api_key = |(key, principal): &(&str, Principal)| ApiKey {
        key_sha256: Sha256::digest(key).into(),
        principal: principal.clone(),
    };
    Authenticator { api_keys: keys.iter().map(api_key).collect(), ..Authenticator::default() }
}

fn gateway(is_traced: bool) -> Gateway {
    let world = World::new(true);
    let reads = [Scope::CatalogRead];
    let keys = [
        ("shop", principal("shop", &reads, None, None)),
        ("other", principal("other", &[Scope::CatalogRead, Scope::ReportRead], Some("tiqets"), None)),
        ("slow", principal("slow", &reads, None, Some(3))),
    ];
    let origins = vec!["https://shop.example".to_owned()];
    let state = Arc::new(AppState::new(
        world.pipeline,
        authenticator(&keys),
        origins,
        default_socket_limits(),
        CancellationToken::new(),
    ));
    let settings = router::Settings {
        limit: ConcurrencyLimit::new(64),
        surface: router::Surface::ALL,
        sandbox: Router::new(),
        body_timeout: Duration::from_secs(5),
        request_timeout: Duration::from_secs(20),
        exports: default_export_limits(),
        metrics: Arc::new(String::new),
        dependencies: Dependencies::default(),
    };
    let fast_path = FastPath::new(Arc::clone(&state), is_traced);
    Gateway { fast_path, router: router::build(Arc::clone(&state), settings), state, clock: world.clock }
}

fn request(body: &str, headers: &[(&str, &str)]) -> Request<Body> {
    let mut request = Request::post("/graphql").header("host", "x").header("content-type", "application/json");
    request = request.header("content-length", body.len()).header("x-request-id", "r-1");
    request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    request.body(Body::from(body.to_owned())).expect("a request")
}

const PEER: PeerAddress = PeerAddress(IpAddr::V4(Ipv4Addr::LOCALHOST));

impl Gateway {
    async fn fast(&self, request: Request<Body>) -> Option<CollectedResponse> {
        Some(collect(self.fast_path.try_respond(request, PEER).await.ok()?).await)
    }

    async fn regular(&self, mut request: Request<Body>) -> CollectedResponse {
        request.extensions_mut().insert(PEER);
        collect(tower::ServiceExt::oneshot(self.router.clone(), request).await.expect("a response")).await
    }

    /// Warms the caches: the first request fetches, the second one caches the response, and the third one reads it.
    async fn warm_up(&self, headers: &[(&str, &str)]) {
        for _ in 0..3 {
            assert_eq!(self.regular(request(QUERY, headers)).await.status, 200);
        }
    }
}

#[derive(Debug, PartialEq)]
struct CollectedResponse {
    status: u16,
    /// Values by name, with the lines of one name merged and without order.
    headers: BTreeMap<String, BTreeSet<String>>,
    body: Vec<u8>,
}

async fn collect(response: Response<Body>) -> CollectedResponse {
    let (parts, body) = response.into_parts();
    let mut headers: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (name, value) in &parts.headers {
        let words = value.to_str().expect("text").split(',').map(|word| word.trim().to_owned());
        headers.entry(name.to_string()).or_default().extend(words);
    }
    let body = body.collect().await.expect("a body").to_bytes().to_vec();
    CollectedResponse { status: parts.status.as_u16(), headers, body }
}

#[tokio::test]
async fn both_paths_return_the_same_response() {
    let gateway = gateway(false);
    for coding in ["identity", "gzip", "br", "zstd", "gzip;q=0.5, br;q=0.1"] {
        for accept in ["application/json", "application/graphql-response+json", "*/*"] {
            for key in ["Bearer shop", "Bearer other"] {
                let headers = [("accept-encoding", coding), ("accept", accept), ("authorization", key)];
                gateway.warm_up(&headers).await;
                let fast = gateway.fast(request(QUERY, &headers)).await.expect("a cached response");
                let regular = gateway.regular(request(QUERY, &headers)).await;
                assert_eq!(fast, regular, "{headers:?}");
            }
        }
    }
}

#[tokio::test]
async fn unusual_requests_take_the_regular_path() {
    let gateway = gateway(false);
    let shop = ("authorization", "Bearer shop");
    assert!(gateway.fast(request(QUERY, &[shop])).await.is_none(), "nothing is cached yet");
    gateway.warm_up(&[shop]).await;
    assert!(gateway.fast(request(QUERY, &[shop])).await.is_some());
    for unusual in [
        ("origin", "https://shop.example"),
        ("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
        ("expect", "100-continue"),
        ("accept", "text/event-stream"),
        ("content-type", "text/plain"),
    ] {
        let mut odd = request(QUERY, &[shop]);
        odd.headers_mut().insert(unusual.0, unusual.1.parse().expect("a value"));
        assert!(gateway.fast(odd).await.is_none(), "{unusual:?}");
    }
    for wrong in ["Bearer nobody", "Basic shop"] {
        assert!(gateway.fast(request(QUERY, &[("authorization", wrong)])).await.is_none(), "{wrong}");
    }
    assert!(gateway.fast(request(QUERY, &[])).await.is_none(), "anonymous callers are rejected");
    let other = QUERY.replace("title", "status");
    assert!(gateway.fast(request(&other, &[shop])).await.is_none());
}

#[tokio::test]
async fn a_request_handed_to_the_regular_path_is_unchanged() {
    let gateway = gateway(false);
    let other = r#"{"query":"{ events(first: 1) { totalCount } }"}"#;
    let headers = [("authorization", "Bearer shop")];
    let back = gateway.fast_path.try_respond(request(other, &headers), PEER).await.expect_err("the regular path");
    assert_eq!(gateway.regular(back).await, gateway.regular(request(other, &headers)).await);
    // A body whose second part is late.
    let (front, rest) = other.split_at(9);
    let parts = futures_util::stream::iter([front, rest]).then(|part| async move {
        tokio::time::sleep(Duration::from_millis(60)).await;
        Ok::<_, std::io::Error>(part.to_owned())
    });
    let late = request(other, &headers).map(|_| Body::from_stream(Box::pin(parts)));
    let back = gateway.fast_path.try_respond(late, PEER).await.expect_err("the regular path");
    assert_eq!(gateway.regular(back).await, gateway.regular(request(other, &headers)).await);
}

#[tokio::test]
async fn a_response_is_served_to_callers_with_the_same_permissions_until_it_expires() {
    let gateway = gateway(false);
    let (shop, other) = ([("authorization", "Bearer shop")], [("authorization", "Bearer other")]);
    gateway.warm_up(&shop).await;
    assert!(gateway.fast(request(QUERY, &other)).await.is_none(), "a reseller has its own prices");
    gateway.clock.advance(Duration::from_secs(600));
    assert!(gateway.fast(request(QUERY, &shop)).await.is_none(), "it is too old");
}

#[tokio::test]
async fn each_cached_response_counts_against_the_rate_limit() {
    let gateway = gateway(false);
    let slow = [("authorization", "Bearer slow")];
    gateway.warm_up(&[("authorization", "Bearer shop")]).await;
    for left in ["2", "1", "0"] {
        let response = gateway.fast(request(QUERY, &slow)).await.expect("a cached response");
        assert!(response.headers["ratelimit-remaining"].contains(left), "{:?}", response.headers);
    }
    assert!(gateway.fast(request(QUERY, &slow)).await.is_none(), "the regular path rejects the request");
    assert_eq!(gateway.regular(request(QUERY, &slow)).await.status, 429);
}

#[tokio::test]
async fn a_caller_removed_by_a_reload_gets_no_cached_response() {
    let gateway = gateway(false);
    let shop = [("authorization", "Bearer shop")];
    gateway.warm_up(&shop).await;
    assert!(gateway.fast(request(QUERY, &shop)).await.is_some());
    gateway.state.replace_authenticator(authenticator(&[]));
    assert!(gateway.fast(request(QUERY, &shop)).await.is_none());
}

#[tokio::test]
async fn with_a_logging_safelist_every_request_takes_the_regular_path() {
    let gateway = gateway(false);
    let list = |mode| Safelist::from_json(mode, br#"{"x":"{ other }"}"#).expect("a manifest");
    gateway.state.pipeline.persisted().replace_safelist(list(SafelistEnforcement::Log));
    let shop = [("authorization", "Bearer shop")];
    gateway.warm_up(&shop).await;
    assert!(gateway.fast(request(QUERY, &shop)).await.is_none());
    gateway.state.pipeline.persisted().replace_safelist(list(SafelistEnforcement::Off));
    gateway.warm_up(&shop).await;
    assert!(gateway.fast(request(QUERY, &shop)).await.is_some());
}

#[tokio::test]
async fn traced_requests_take_the_regular_path() {
    let gateway = gateway(true);
    let shop = [("authorization", "Bearer shop")];
    gateway.warm_up(&shop).await;
    assert!(gateway.fast(request(QUERY, &shop)).await.is_none());
}

#[tokio::test]
async fn each_request_is_added_to_the_use_of_its_caller_once() {
    let gateway = gateway(false);
    let slow = ("authorization", "Bearer slow");
    let used = || {
        let list = gateway.state.pipeline.callers().list();
        let (_, [hour, _]) = list.into_iter().find(|(caller, _)| caller.name == "slow").expect("the caller");
        (hour.counts.requests, hour.counts.rate_limited)
    };
    gateway.warm_up(&[slow]).await;
    assert_eq!(used(), (3, 0));
    gateway.clock.advance(Duration::from_secs(1));
    // The limit is used up, so the regular path refuses what the fast path hands to it.
    assert!(gateway.fast(request(QUERY, &[slow])).await.is_none());
    assert_eq!(gateway.regular(request(QUERY, &[slow])).await.status, 429);
    assert_eq!(used(), (4, 1));
    let shop = ("authorization", "Bearer shop");
    gateway.warm_up(&[shop]).await;
    assert!(gateway.fast(request(QUERY, &[shop])).await.is_some());
    let list = gateway.state.pipeline.callers().list();
    let requests = list.iter().find(|(caller, _)| caller.name == "shop").map(|(_, [hour, _])| hour.counts.requests);
    assert_eq!(requests, Some(4));
}
