//! Callers of two processes of the service: what they may ask is counted together, what they registered is known to both, and
//! whose tokens are believed stands at an address or in a file.

use axum::Router;
use axum::routing::get;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::net::TcpListener;
use tokio_util::task::TaskTracker;

use super::redis_server::RedisServer;
use super::service::{Service, Vendors};
use super::support::until;
use crate::front::{Signer, claims, sign, signer};

/// A caller with few requests, and few vendor calls for everybody.
const LIMITS: &str = "[clients.limited]\nkey = { value = \"limited\" }\nscopes = [\"catalog:read\"]\nrequests_per_minute = 5\n\
    [graphql]\ncost_per_minute = 20\n";

async fn ask(service: &Service, key: &str, body: Value) -> (u16, Value) {
    let answer = service.send(key, &body).await;
    let (status, text) = (answer.status().as_u16(), answer.text().await.expect("text"));
    (status, serde_json::from_str(&text).unwrap_or_else(|_| panic!("{text}")))
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_and_vendor_calls_of_a_caller_are_counted_over_all_processes() {
    let Some(redis) = RedisServer::start() else { return };
    let vendors = Vendors::raise().await;
    let start = || Service::start(&vendors, Some(&redis.address()), LIMITS);
    let (one, other) = (start(), start());
    let free = json!({ "query": "{ viewer { id } }" });
    for service in [&one, &other] {
        until("redis counts", async || service.get("/health/ready").await.contains("\"ready\"")).await;
    }
    let mut statuses = Vec::new();
    for service in [&one, &other, &one, &other, &one, &other, &one] {
        statuses.push(ask(service, "limited", free.clone()).await.0);
    }
    // A minute may end in between, and begin anew: never more than two minutes' worth, and never each process for itself.
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 5, "{statuses:?}");
    assert_eq!(statuses[5..], [429, 429], "{statuses:?}");
    // Each list may cost a call of each of the two sources: ten of them in a minute, wherever they are asked.
    let costly = |number: usize| json!({ "query": format!("{{ events(first: 1) {{ l{number}: totalCount }} }}") });
    let mut told = Vec::new();
    for number in 0..12 {
        let service = if number % 2 == 0 { &one } else { &other };
        told.push(ask(service, "shop", costly(number)).await);
    }
    let fine = told.iter().filter(|(status, _)| *status == 200).count();
    assert_eq!(fine, 10, "{told:?}");
    assert_eq!(told[11].1["errors"][0]["extensions"]["code"], "RATE_LIMITED", "{told:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operation_registered_at_one_process_is_known_to_the_other() {
    let Some(redis) = RedisServer::start() else { return };
    let vendors = Vendors::raise().await;
    let start = || Service::start(&vendors, Some(&redis.address()), "");
    let (one, other) = (start(), start());
    for service in [&one, &other] {
        until("redis is there", async || service.get("/health/ready").await.contains("\"ready\"")).await;
    }
    let text = "query Known { viewer { id } }";
    let hash: String = Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect();
    let named = json!({ "persistedQuery": { "version": 1, "sha256Hash": hash } });
    let alone = json!({ "extensions": named });
    let unknown = ask(&other, "shop", alone.clone()).await.1;
    assert_eq!(unknown["errors"][0]["extensions"]["code"], "PERSISTED_QUERY_NOT_FOUND", "{unknown}");
    ask(&one, "shop", json!({ "query": text, "extensions": named })).await;
    assert_eq!(ask(&other, "shop", alone).await, (200, json!({ "data": { "viewer": { "id": "shop" } } })));
}

/// The key set of a signer.
fn published(signer: &Signer) -> String {
    json!({ "keys": [signer.jwk] }).to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_are_believed_by_keys_from_an_address_or_a_file_and_by_no_others() {
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
         algorithms = [\"ES256\"]\n[auth.issuers.file]\nissuer = \"https://other.example\"\naudience = \"ticketgraph\"\n\
         jwks_file = {:?}\nalgorithms = [\"ES256\"]\nrequests_per_minute = 2\n",
        file.display().to_string()
    );
    let service = Service::start(&Vendors::raise().await, None, &settings);
    let who = json!({ "query": "{ viewer { id scopes } }" });
    let of = |issuer: &str| {
        let mut claims = claims(600);
        claims["iss"] = issuer.into();
        claims
    };
    let known = json!({ "data": { "viewer": { "id": "shop", "scopes": ["catalog:read"] } } });
    let first = sign(&at_address, &of("https://id.example"));
    assert_eq!(ask(&service, &first, who.clone()).await, (200, known.clone()));
    let second = sign(&in_file, &of("https://other.example"));
    assert_eq!(ask(&service, &second, who.clone()).await, (200, known));
    // The key of one issuer signs nothing for the other.
    for crossed in [sign(&at_address, &of("https://other.example")), sign(&in_file, &of("https://id.example"))] {
        assert_eq!(ask(&service, &crossed, who.clone()).await.0, 401);
    }
    assert_eq!(ask(&service, &sign(&signer(), &of("https://id.example")), who.clone()).await.0, 401);
    // Callers of the second issuer have a limit each.
    ask(&service, &second, who.clone()).await;
    assert_eq!(ask(&service, &second, who).await.0, 429);
}
