//! Callers of two processes of the service: rate limits and persisted operations are shared. Token keys come from a URL or a file.

use axum::Router;
use axum::routing::get;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::net::TcpListener;
use tokio_util::task::TaskTracker;

use super::redis_server::RedisServer;
use super::service::{EmulatedVendors, ServiceProcess};
use super::support::until;
use crate::gateway::{Signer, claims, sign, signer};

/// A caller with a low request limit, and a low limit of vendor calls for all callers.
const LIMITS: &str = "[clients.limited]\nkey = { value = \"limited\" }\nscopes = [\"catalog:read\"]\nrequests_per_minute = 5\n\
    [graphql]\ncost_per_minute = 20\n";

async fn execute(service: &ServiceProcess, key: &str, body: Value) -> (u16, Value) {
    let response = service.send(key, &body).await;
    let (status, text) = (response.status().as_u16(), response.text().await.expect("text"));
    (status, serde_json::from_str(&text).unwrap_or_else(|_| panic!("{text}")))
}

#[tokio::test(flavor = "multi_thread")]
async fn rate_limits_of_a_caller_apply_across_processes() {
    let Some(redis) = RedisServer::start() else { return };
    let vendors = EmulatedVendors::start().await;
    let start = || ServiceProcess::start(&vendors, Some(&redis.address()), LIMITS);
    let (one, other) = (start(), start());
    let free = json!({ "query": "{ viewer { id } }" });
    for service in [&one, &other] {
        until("redis is reachable", async || service.get("/health/ready").await.contains("\"ready\"")).await;
    }
    let mut statuses = Vec::new();
    for service in [&one, &other, &one, &other, &one, &other, &one] {
        statuses.push(execute(service, "limited", free.clone()).await.0);
    }
    // A new minute may begin in between, but the processes never count separately.
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 5, "{statuses:?}");
    assert_eq!(statuses[5..], [429, 429], "{statuses:?}");
    // Each list costs up to one call to each of the two sources, so ten of them use up the limit of a minute.
    let costly = |number: usize| json!({ "query": format!("{{ events(first: 1) {{ l{number}: totalCount }} }}") });
    let mut responses = Vec::new();
    for number in 0..12 {
        let service = if number % 2 == 0 { &one } else { &other };
        responses.push(execute(service, "shop", costly(number)).await);
    }
    let accepted = responses.iter().filter(|(status, _)| *status == 200).count();
    assert_eq!(accepted, 10, "{responses:?}");
    assert_eq!(responses[11].1["errors"][0]["extensions"]["code"], "RATE_LIMITED", "{responses:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_persisted_operation_registered_at_one_process_is_available_at_the_other() {
    let Some(redis) = RedisServer::start() else { return };
    let vendors = EmulatedVendors::start().await;
    let start = || ServiceProcess::start(&vendors, Some(&redis.address()), "");
    let (one, other) = (start(), start());
    for service in [&one, &other] {
        until("redis is reachable", async || service.get("/health/ready").await.contains("\"ready\"")).await;
    }
    let text = "query Viewer { viewer { id } }";
    let hash: String = Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect();
    let named = json!({ "persistedQuery": { "version": 1, "sha256Hash": hash } });
    let alone = json!({ "extensions": named });
    let unknown = execute(&other, "shop", alone.clone()).await.1;
    assert_eq!(unknown["errors"][0]["extensions"]["code"], "PERSISTED_QUERY_NOT_FOUND", "{unknown}");
    execute(&one, "shop", json!({ "query": text, "extensions": named })).await;
    assert_eq!(execute(&other, "shop", alone).await, (200, json!({ "data": { "viewer": { "id": "shop" } } })));
}

/// The key set of a signer, as it is published.
fn published(signer: &Signer) -> String {
    json!({ "keys": [signer.jwk] }).to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_are_accepted_only_if_signed_by_a_key_of_their_own_issuer() {
    let (at_address, in_file) = (signer(), signer());
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("keys.json");
    std::fs::write(&file, published(&in_file)).expect("a file");
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let text = published(&at_address);
    let router = Router::new().route("/jwks.json", get(move || async move { text }));
    let tasks = TaskTracker::new();
    tasks.spawn(axum::serve(listener, router).into_future());
    let settings = format!(
        "[auth.issuers.address]\nissuer = \"https://id.example\"\naudience = \"ticketgraph\"\njwks_url = \"http://{address}/jwks.json\"\n\
         algorithms = [\"ES256\"]\nscopes = [\"catalog:read\"]\nallow_all_resellers = true\n[auth.issuers.file]\nissuer = \"https://other.example\"\naudience = \"ticketgraph\"\n\
         jwks_file = {:?}\nalgorithms = [\"ES256\"]\nscopes = [\"catalog:read\"]\nallow_all_resellers = true\nrequests_per_minute = 2\n",
        file.display().to_string()
    );
    let service = ServiceProcess::start(&EmulatedVendors::start().await, None, &settings);
    let query = json!({ "query": "{ viewer { id scopes } }" });
    let of = |issuer: &str| {
        let mut claims = claims(600);
        claims["iss"] = issuer.into();
        claims
    };
    let viewer = |id: &str| json!({ "data": { "viewer": { "id": id, "scopes": ["catalog:read"] } } });
    let first = sign(&at_address, &of("https://id.example"));
    assert_eq!(execute(&service, &first, query.clone()).await, (200, viewer("address:shop")));
    let second = sign(&in_file, &of("https://other.example"));
    assert_eq!(execute(&service, &second, query.clone()).await, (200, viewer("file:shop")));
    // A key of one issuer is not valid for the other.
    for crossed in [sign(&at_address, &of("https://other.example")), sign(&in_file, &of("https://id.example"))] {
        assert_eq!(execute(&service, &crossed, query.clone()).await.0, 401);
    }
    assert_eq!(execute(&service, &sign(&signer(), &of("https://id.example")), query.clone()).await.0, 401);
    // Each subject of the second issuer has its own limit.
    execute(&service, &second, query.clone()).await;
    assert_eq!(execute(&service, &second, query).await.0, 429);
}
