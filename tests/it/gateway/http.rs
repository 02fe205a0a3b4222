//! GraphQL over HTTP by specification, and the behavior that browsers and proxies rely on.

use reqwest::Method;
use serde_json::{Value, json};

use super::{start, start_with_limits};
use crate::default_config::default_limits;
use ticketgraph::gateway::persisted::{Safelist, SafelistEnforcement};

#[tokio::test]
async fn a_response_keeps_the_field_order_of_the_document() {
    let door = start().await;
    let text = door
        .client
        .post(door.url())
        .header("content-type", "application/json")
        .body(json!({"query": "{ viewer { scopes name id } __typename }"}).to_string())
        .send()
        .await
        .expect("a response")
        .text()
        .await
        .expect("text");
    assert_eq!(
        text,
        r#"{"data":{"viewer":{"scopes":["catalog:read"],"name":"anonymous","id":"anonymous"},"__typename":"Query"}}"#
    );
}

#[tokio::test]
async fn only_json_bodies_are_executed() {
    let door = start().await;
    for kind in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""] {
        let request = door.client.post(door.url()).body(r#"{"query":"{ __typename }"}"#);
        let request = if kind.is_empty() { request } else { request.header("content-type", kind) };
        assert_eq!(request.send().await.expect("a response").status(), 415, "{kind:?}");
    }
}

#[tokio::test]
async fn get_runs_queries_only_and_other_methods_are_rejected() {
    let door = start().await;
    let get = |query: &str| door.client.get(door.url()).query(&[("query", query)]).send();
    assert_eq!(get("{ __typename }").await.expect("a response").status(), 200);
    let refused = get("subscription { orderChanged(id: \"x\") { __typename } }").await.expect("a response");
    assert_eq!((refused.status().as_u16(), refused.headers()["allow"].as_bytes()), (405, &b"GET, POST"[..]));
    for method in [Method::PUT, Method::DELETE, Method::PATCH] {
        assert_eq!(door.client.request(method, door.url()).send().await.expect("a response").status(), 405);
    }
    assert_eq!(get("").await.expect("a response").status(), 400);
}

#[tokio::test]
async fn a_wrong_request_is_a_400_with_a_code_and_no_data() {
    let door = start().await;
    for (document, code) in [
        ("{", "GRAPHQL_PARSE_FAILED"),
        ("{ nonsense }", "GRAPHQL_VALIDATION_FAILED"),
        ("query A { viewer { id } } query B { viewer { id } }", "BAD_REQUEST"),
        ("query ($id: ID!) { event(id: $id) { id } }", "BAD_USER_INPUT"),
    ] {
        let (status, body) = door.post(document).await;
        assert_eq!((status, body["errors"][0]["extensions"]["code"].as_str()), (400, Some(code)), "{document}: {body}");
        assert!(body.get("data").is_none(), "{body}");
        assert!(body["errors"][0]["extensions"]["requestId"].is_string(), "{body}");
    }
}

#[tokio::test]
async fn batch_responses_keep_the_order_and_the_batch_size_is_limited() {
    let door = start().await;
    let post = |body: Value| {
        door.client.post(door.url()).header("content-type", "application/json").body(body.to_string()).send()
    };
    let ask = json!({"query": "{ __typename }"});
    let answers: Value = post(json!([ask, {"query": "{"}])).await.expect("a response").json().await.expect("JSON");
    assert_eq!(answers[0]["data"]["__typename"], "Query");
    assert_eq!(answers[1]["errors"][0]["extensions"]["code"], "GRAPHQL_PARSE_FAILED");
    let many = vec![ask; 1_000];
    assert_eq!(post(many.into()).await.expect("a response").status(), 400);
}

#[tokio::test]
async fn every_response_has_the_request_id() {
    let door = start().await;
    let ask = |id: &'static str| {
        door.client.get(format!("http://{}/health/live", door.address)).header("x-request-id", id).send()
    };
    let kept = ask("mine-1").await.expect("a response");
    assert_eq!(kept.headers()["x-request-id"], "mine-1");
    let drawn = ask("not well formed").await.expect("a response");
    assert_eq!(drawn.headers()["x-request-id"].len(), 32);
}

#[tokio::test]
async fn a_browser_gets_a_page_and_an_unknown_path_is_not_found() {
    let door = start().await;
    let page = door.client.get(door.url()).header("accept", "text/html,*/*;q=0.8").send().await.expect("a response");
    assert_eq!(page.headers()["content-type"], "text/html; charset=utf-8");
    assert!(
        page.headers()["content-security-policy"].to_str().is_ok_and(|policy| policy.contains("default-src 'none'"))
    );
    for path in ["/", "/schema.graphql", "/metrics", "/health/ready"] {
        let status =
            door.client.get(format!("http://{}{path}", door.address)).send().await.expect("a response").status();
        assert_eq!(status, 200, "{path}");
    }
    let lost = door.client.get(format!("http://{}/nothing", door.address)).send().await.expect("a response");
    assert_eq!(lost.status(), 404);
}

#[tokio::test]
async fn cors_allows_exact_origins_only() {
    let door = start().await;
    let preflight = |origin: &'static str| {
        door.client
            .request(Method::OPTIONS, door.url())
            .header("origin", origin)
            .header("access-control-request-method", "POST")
            .header("access-control-request-headers", "content-type")
            .send()
    };
    let allowed = preflight("https://shop.example").await.expect("a response");
    assert_eq!(allowed.headers()["access-control-allow-origin"], "https://shop.example");
    for origin in ["https://shop.example.evil.test", "https://evil.test", "null", "http://localhost:5173"] {
        let refused = preflight(origin).await.expect("a response");
        assert!(!refused.headers().contains_key("access-control-allow-origin"), "{origin}");
    }
}

#[tokio::test]
async fn a_caller_is_authenticated_by_its_key_and_has_its_own_rate_limit() {
    let door = start().await;
    let ask = |key: &'static str| {
        door.client.get(door.url()).query(&[("query", "{ viewer { id } }")]).header("authorization", key).send()
    };
    let known: Value = ask("Bearer right").await.expect("a response").json().await.expect("JSON");
    assert_eq!(known["data"]["viewer"]["id"], "shop");
    for wrong in ["Bearer wrong", "Basic right", "right"] {
        let refused = ask(wrong).await.expect("a response");
        assert_eq!(
            (refused.status().as_u16(), refused.headers()["www-authenticate"].as_bytes()),
            (401, &b"Bearer"[..]),
            "{wrong}"
        );
    }
    let mut statuses = Vec::new();
    for _ in 0..4 {
        statuses.push(ask("Bearer slow-key").await.expect("a response"));
    }
    assert_eq!(statuses.iter().map(|answer| answer.status().as_u16()).collect::<Vec<_>>(), [200, 200, 200, 429]);
    assert!(statuses[3].headers().contains_key("retry-after"));
    assert_eq!(ask("Bearer right").await.expect("a response").status(), 200, "one caller's limit is not another's");
}

#[tokio::test]
async fn a_required_safelist_rejects_all_other_operations() {
    let manifest = br#"{"operations":[{"id":"q1","body":"{ viewer { id } }"}]}"#;
    let safelist = Safelist::from_json(SafelistEnforcement::Require, manifest).expect("a manifest");
    let door = start_with_limits(default_limits(), safelist).await;
    assert_eq!(door.post("{ viewer { id } }").await.0, 200);
    assert_eq!(door.post("{ viewer { name } }").await.0, 400);
}

#[tokio::test]
async fn get_responses_can_be_revalidated_by_their_etag() {
    let door = start().await;
    for (path, control) in
        [("graphql?query=%7B__typename%7D", "private, no-cache"), ("schema.graphql", "public, no-cache")]
    {
        let get = |tag: Option<String>| {
            let request = door.client.get(format!("http://{}/{path}", door.address));
            tag.into_iter().fold(request, |request, tag| request.header("if-none-match", tag)).send()
        };
        let first = get(None).await.expect("a response");
        assert_eq!((first.status().as_u16(), first.headers()["cache-control"].as_bytes()), (200, control.as_bytes()));
        let tag = first.headers()["etag"].to_str().expect("a tag").to_owned();
        assert!(!first.text().await.expect("text").is_empty());
        for known in [tag.clone(), format!("\"other\", {tag}")] {
            let again = get(Some(known)).await.expect("a response");
            assert_eq!((again.status().as_u16(), again.headers()["etag"].as_bytes()), (304, tag.as_bytes()), "{path}");
            assert!(again.text().await.expect("text").is_empty());
        }
        assert_eq!(get(Some("\"other\"".to_owned())).await.expect("a response").status(), 200, "{path}");
    }
}

#[tokio::test]
async fn the_etag_of_the_schema_is_a_hash_of_its_text() {
    use sha2::{Digest, Sha256};
    let door = start().await;
    let response = door.client.get(format!("http://{}/schema.graphql", door.address)).send().await.expect("a response");
    let tag = response.headers()["etag"].to_str().expect("a tag").to_owned();
    let hash = Sha256::digest(response.text().await.expect("text"));
    let hex: String = hash.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(tag, format!("\"{hex}\""));
}

#[tokio::test]
async fn responses_carry_the_rate_limit_status() {
    let door = start().await;
    let ask = || {
        let request = door.client.get(door.url()).query(&[("query", "{ viewer { id } }")]);
        request.header("authorization", "Bearer slow-key").send()
    };
    for remaining in ["2", "1", "0", "0"] {
        let answer = ask().await.expect("a response");
        assert_eq!(
            (answer.headers()["ratelimit-limit"].as_bytes(), answer.headers()["ratelimit-remaining"].as_bytes()),
            (&b"3"[..], remaining.as_bytes())
        );
        assert!(answer.headers().contains_key("ratelimit-reset"));
    }
}

#[tokio::test]
async fn a_subscription_by_get_requires_event_stream_and_a_mutation_never_runs_by_get() {
    let door = start().await;
    let get = |accept: &'static str, document: &'static str| {
        door.client.get(door.url()).query(&[("query", document)]).header("accept", accept).send()
    };
    let watching = get("text/event-stream", "subscription { sourceHealthChanged { name } }").await.expect("a response");
    assert_eq!(watching.headers()["content-type"], "text/event-stream");
    for accept in ["text/event-stream", "application/json", "*/*"] {
        let document = "mutation { releaseOrder(input: {order: \"x\", idempotencyKey: \"y\"}) { replayed } }";
        assert_eq!(get(accept, document).await.expect("a response").status(), 405, "{accept}");
    }
}

#[tokio::test]
async fn a_stream_ends_without_complete_at_shutdown() {
    let door = start().await;
    let request = door.client.get(door.url()).query(&[("query", "subscription { sourceHealthChanged { name } }")]);
    let watching = request.header("accept", "text/event-stream").send().await.expect("a response");
    door.stop.cancel();
    let text = tokio::time::timeout(std::time::Duration::from_secs(20), watching.text()).await.expect("it ends");
    assert!(!text.expect("text").contains("complete"), "clients would not come again");
}
