//! The configured callers and their use: every way to send a request counts once, and refusals are counted by their reason.

use std::sync::Arc;

use serde_json::{Value, json};
use ticketgraph::gateway::auth::{ApiKey, Authenticator, Principal};
use ticketgraph::graphql::{Scope, Viewer};

use super::expiry::{claims, gateway_trusting, sign, signer};
use super::socket::{Received, Socket, subscribe};
use super::{GatewayOptions, TestGateway, start, start_with};

const CALLERS: &str = "{ callers { name kind reseller { name } scopes requestsPerMinute
    lastHour { since requests rateLimited forbidden } lastDay { since requests rateLimited forbidden } } }";
/// A document that callers with `catalog:read` may not run.
const FORBIDDEN: &str = r#"{ order(number: "x") { id } }"#;

async fn send(door: &TestGateway, key: &str, body: &Value) -> Value {
    let request = door.client.post(door.url()).header("content-type", "application/json").body(body.to_string());
    let request = if key.is_empty() { request } else { request.bearer_auth(key) };
    request.send().await.expect("a response").json().await.expect("JSON")
}

async fn ask(door: &TestGateway, key: &str, document: &str) -> Value {
    send(door, key, &json!({ "query": document })).await
}

async fn caller(door: &TestGateway, name: &str) -> Value {
    let response = ask(door, "all-key", CALLERS).await;
    assert_eq!(response["errors"], json!(null), "{response}");
    let list = response["data"]["callers"].as_array().expect("callers");
    list.iter().find(|caller| caller["name"] == name).unwrap_or_else(|| panic!("{name} in {response}")).clone()
}

/// Returns the requests of the last hour, those refused by a rate limit, and those forbidden. The day has the same.
async fn used(door: &TestGateway, name: &str) -> [u64; 3] {
    let caller = caller(door, name).await;
    let counts = |window: &str| {
        ["requests", "rateLimited", "forbidden"].map(|count| caller[window][count].as_u64().expect("a number"))
    };
    assert_eq!(counts("lastHour"), counts("lastDay"), "{caller}");
    counts("lastHour")
}

#[tokio::test]
async fn requests_and_refusals_are_counted_for_their_caller() {
    let door = start().await;
    for _ in 0..5 {
        ask(&door, "slow-key", "{ viewer { id } }").await;
    }
    ask(&door, "right", "{ viewer { id } }").await;
    ask(&door, "right", FORBIDDEN).await;
    ask(&door, "right", "{ a: order(number: \"x\") { id } b: order(number: \"y\") { id } }").await;
    ask(&door, "", "{ viewer { id } }").await;
    ask(&door, "wrong", "{ viewer { id } }").await;
    assert_eq!(used(&door, "slow").await, [5, 2, 0]);
    assert_eq!(used(&door, "shop").await, [3, 0, 2], "a response with two refused fields counts once");
    assert_eq!(used(&door, "anonymous").await, [1, 0, 0], "a wrong key is nobody's");
    let requests = caller(&door, "operator").await["lastHour"]["requests"].clone();
    assert_eq!(requests, json!(4), "asking counts too");
}

#[tokio::test]
async fn a_caller_is_shown_with_its_settings_and_no_key() {
    let door = start().await;
    let mut slow = caller(&door, "slow").await;
    let since = slow["lastHour"]["since"].take();
    assert_eq!(slow["lastDay"]["since"].take(), since, "counts begin at the start");
    let counts = json!({ "since": null, "requests": 0, "rateLimited": 0, "forbidden": 0 });
    let shown = json!({ "name": "slow", "kind": "CLIENT", "reseller": null, "scopes": ["catalog:read"],
        "requestsPerMinute": 3, "lastHour": counts, "lastDay": counts });
    assert_eq!(slow, shown);
    assert_eq!(caller(&door, "anonymous").await["kind"], "ANONYMOUS");
    let text = ask(&door, "all-key", CALLERS).await.to_string();
    for secret in ["slow-key", "all-key", "right"] {
        assert!(!text.contains(secret), "{text}");
    }
}

#[tokio::test]
async fn each_operation_of_a_batch_and_of_a_socket_is_a_request() {
    let door = start().await;
    let batch = json!([{ "query": "{ viewer { id } }" }, { "query": FORBIDDEN }, { "query": "{ __typename }" }]);
    send(&door, "right", &batch).await;
    assert_eq!(used(&door, "shop").await, [3, 0, 1]);
    let mut socket = Socket::connected(&door).await;
    for (id, document) in [("1", "{ viewer { id } }"), ("2", "subscription { ordersChanged { id } }")] {
        socket.send(subscribe(id, document)).await;
        while !matches!(socket.receive().await, Received::Message(message) if message["type"] != "next") {}
    }
    assert_eq!(used(&door, "anonymous").await, [2, 0, 1]);
}

#[tokio::test]
async fn the_tokens_of_an_issuer_are_one_caller() {
    let signer = signer();
    let door = gateway_trusting(&signer).await;
    for subject in ["ada", "bea", "bea:x"] {
        let mut claims = claims(600);
        claims["sub"] = json!(subject);
        ask(&door, &sign(&signer, &claims), FORBIDDEN).await;
    }
    assert_eq!(used(&door, "portal").await, [3, 0, 3]);
    assert_eq!(caller(&door, "portal").await["kind"], "TOKEN_ISSUER");
}

#[tokio::test]
async fn callers_are_for_operators_only() {
    let viewer = Viewer {
        id: "tiqets".to_owned(),
        name: "tiqets".to_owned(),
        reseller: Some("tiqets".to_owned()),
        scopes: [Scope::Admin].into(),
    };
    let tiqets = Principal { viewer: Arc::new(viewer), requests_per_minute: None, expires_at: None, session: None };
    let reports = super::principal("office", &[Scope::ReportRead, Scope::OrderRead, Scope::CatalogRead], None);
    let keys = vec![("tiqets-key", tiqets), ("office-key", reports)];
    let door = start_with(GatewayOptions { keys, ..GatewayOptions::default() }).await;
    for key in ["tiqets-key", "office-key", "right", ""] {
        let refused = ask(&door, key, CALLERS).await;
        assert_eq!(refused["errors"][0]["extensions"]["code"], "FORBIDDEN", "{key}: {refused}");
        assert_eq!(refused["data"], json!(null), "{key}");
    }
}

#[tokio::test]
async fn a_reload_keeps_the_counts_of_the_callers_that_stay() {
    let door = start().await;
    ask(&door, "right", "{ viewer { id } }").await;
    let before = door.state.authenticator.load_full();
    let stays = |api_key: &&ApiKey| api_key.principal.viewer.id != "slow";
    let copy = |api_key: &ApiKey| ApiKey { key_sha256: api_key.key_sha256, principal: api_key.principal.clone() };
    let api_keys = before.api_keys.iter().filter(stays).map(copy).collect();
    door.state.replace_authenticator(Authenticator { api_keys, ..Authenticator::default() });
    let response = ask(&door, "all-key", CALLERS).await;
    let names: Vec<_> = response["data"]["callers"].as_array().expect("callers").iter().map(|it| &it["name"]).collect();
    assert_eq!(names, ["operator", "shop"]);
    assert_eq!(used(&door, "shop").await, [1, 0, 0]);
}
