//! The safelist over real connections: both formats, all modes, and a change under load.

use futures_util::future::join_all;
use serde_json::{Value, json};
use ticketgraph::gateway::persisted::{Safelist, SafelistEnforcement};
use tokio_util::sync::CancellationToken;

use super::{TestGateway, start_with_limits};
use crate::default_config::default_limits;

/// Manifest in the format of Apollo.
fn apollo(operations: &[(&str, &str)]) -> Value {
    let operations: Vec<Value> =
        operations.iter().map(|(id, body)| json!({ "id": id, "body": body, "name": "Q", "type": "query" })).collect();
    json!({ "format": "apollo-persisted-query-manifest", "version": 1, "operations": operations })
}

/// Manifest in the format of Relay.
fn relay(operations: &[(&str, &str)]) -> Value {
    operations.iter().map(|(id, body)| ((*id).to_owned(), (*body).into())).collect::<serde_json::Map<_, Value>>().into()
}

fn read(mode: SafelistEnforcement, manifest: &Value) -> Safelist {
    Safelist::from_json(mode, manifest.to_string().as_bytes()).expect("a manifest")
}

async fn ask(door: &TestGateway, body: &Value) -> (u16, Value) {
    let request = door.client.post(door.url()).header("content-type", "application/json");
    let request = request.header("accept", "application/graphql-response+json").body(body.to_string());
    let answer = request.send().await.expect("a response");
    (answer.status().as_u16(), answer.json().await.expect("JSON"))
}

const KNOWN: &str = "query Q { viewer { id } }";

#[tokio::test]
async fn both_manifest_formats_are_parsed_and_every_mode_is_enforced() {
    for manifest in [apollo(&[("q1", KNOWN)]), relay(&[("q1", KNOWN)])] {
        for (mode, others) in
            [(SafelistEnforcement::Off, 200), (SafelistEnforcement::Log, 200), (SafelistEnforcement::Require, 400)]
        {
            let door = start_with_limits(default_limits(), read(mode, &manifest)).await;
            assert_eq!(ask(&door, &json!({ "query": KNOWN })).await.0, 200, "{mode:?}");
            assert_eq!(ask(&door, &json!({ "query": "{ viewer { name } }" })).await.0, others, "{mode:?}");
            for named in [
                json!({ "extensions": { "persistedQuery": { "version": 1, "sha256Hash": "q1" } } }),
                json!({ "extensions": { "documentId": "q1" } }),
                json!({ "extensions": { "doc_id": "q1" } }),
            ] {
                let (status, response) = ask(&door, &named).await;
                assert_eq!((status, &response["data"]["viewer"]["id"]), (200, &json!("anonymous")), "{named}");
            }
        }
    }
}

#[tokio::test]
async fn operations_registered_by_clients_do_not_bypass_a_required_safelist() {
    use sha2::{Digest, Sha256};
    let door = start_with_limits(default_limits(), read(SafelistEnforcement::Require, &apollo(&[("q1", KNOWN)]))).await;
    let text = "{ viewer { name } }";
    let hash: String = Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect();
    let named = json!({ "persistedQuery": { "version": 1, "sha256Hash": hash } });
    for body in [json!({ "query": text, "extensions": named }), json!({ "extensions": named })] {
        assert_ne!(ask(&door, &body).await.1["data"]["viewer"]["name"], "anonymous", "{body}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_safelist_changes_under_load_without_a_dropped_request() {
    let (old, new) = ("query Old { viewer { id } }", "query New { viewer { name } }");
    let before = [("both", KNOWN), ("old", old)];
    let after = [("both", KNOWN), ("new", new)];
    let door = start_with_limits(default_limits(), read(SafelistEnforcement::Require, &apollo(&before))).await;
    assert_eq!(
        (ask(&door, &json!({ "query": old })).await.0, ask(&door, &json!({ "query": new })).await.0),
        (200, 400)
    );
    let done = CancellationToken::new();
    let asking = join_all((0..8).map(|_| async {
        let mut answered = 0;
        while !done.is_cancelled() || answered < 20 {
            assert_eq!(ask(&door, &json!({ "query": KNOWN })).await.0, 200);
            answered += 1;
        }
        answered
    }));
    let changing = async {
        for round in 0..200 {
            let manifest = if round % 2 == 0 { relay(&after) } else { apollo(&before) };
            door.state.pipeline.persisted().replace_safelist(read(SafelistEnforcement::Require, &manifest));
            tokio::task::yield_now().await;
        }
        door.state.pipeline.persisted().replace_safelist(read(SafelistEnforcement::Require, &relay(&after)));
        done.cancel();
    };
    let (answered, ()) = tokio::join!(asking, changing);
    assert!(answered.into_iter().sum::<i32>() >= 160);
    assert_eq!(
        (ask(&door, &json!({ "query": old })).await.0, ask(&door, &json!({ "query": new })).await.0),
        (400, 200)
    );
}
