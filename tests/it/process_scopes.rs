//! Scopes hold for every path to an object: payloads of mutations, `node`, and streams of a whole venue.

use serde_json::{Value, json};
use tempfile::TempDir;
use ticketgraph::graphql::base::id::GlobalId;

use crate::process::Process;

const CLIENTS: &[(&str, &str, &str)] = &[
    ("BUYER", r#"["admin"]"#, ""),
    ("READER", r#"["catalog:read"]"#, ""),
    ("WRITER", r#"["catalog:read", "order:write"]"#, ""),
    ("CLERK", r#"["order:read", "order:write"]"#, ""),
    ("COURIER", r#"["delivery:write"]"#, ""),
    ("OTHER", r#"["delivery:write"]"#, "tiqets"),
];

struct Service {
    _process: Process,
    _folder: TempDir,
    url: String,
    client: reqwest::Client,
}

impl Service {
    fn start() -> Self {
        let folder = TempDir::new().expect("a folder");
        let mut settings = Vec::new();
        for (name, scopes, reseller) in CLIENTS {
            settings.push((format!("TICKETGRAPH__CLIENTS__{name}__KEY"), format!("{{ value = \"{name}\" }}")));
            settings.push((format!("TICKETGRAPH__CLIENTS__{name}__SCOPES"), (*scopes).to_owned()));
            if !reseller.is_empty() {
                settings.push((format!("TICKETGRAPH__CLIENTS__{name}__RESELLER"), (*reseller).to_owned()));
            }
        }
        let settings: Vec<_> = settings.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let data = folder.path().to_str().expect("a path").to_owned();
        let process = Process::start_with(&folder, &["serve", "--listen", "127.0.0.1:0", "--data", &data], &settings);
        let url = format!("{}/graphql", process.address("listening on http://"));
        Self { _process: process, _folder: folder, url, client: http_client::build_client().expect("a client") }
    }

    async fn post(&self, key: &str, query: &str, variables: Value) -> Value {
        let request =
            self.client.post(&self.url).bearer_auth(key).json(&json!({ "query": query, "variables": variables }));
        request.send().await.expect("a response").json().await.expect("JSON")
    }

    /// Plans an order of the buyer, which books nothing, and returns its id.
    async fn draft(&self) -> Value {
        let offers = "{ events(first: 50) { nodes { performances(first: 3) { nodes { id availability {
            offers { status ticketType { id } } } } } } } }";
        let found = self.post("BUYER", offers, json!({})).await;
        for event in found["data"]["events"]["nodes"].as_array().expect("events") {
            for performance in event["performances"]["nodes"].as_array().into_iter().flatten() {
                let offers = performance["availability"]["offers"].as_array().into_iter().flatten();
                for offer in offers.filter(|offer| offer["status"] == "AVAILABLE") {
                    let line = json!({ "performance": performance["id"], "ticketType": offer["ticketType"]["id"], "quantity": 1 });
                    let input = json!({
                        "idempotencyKey": "draft", "lines": [line],
                        "contact": { "firstName": "Ada", "lastName": "Berg", "email": "ada@example.com" },
                    });
                    let create = "mutation($input: CreateOrderInput!) { createOrder(input: $input) { order { id } } }";
                    let created = self.post("BUYER", create, json!({ "input": input })).await;
                    if created["data"]["createOrder"]["order"]["id"].is_string() {
                        return created["data"]["createOrder"]["order"]["id"].clone();
                    }
                }
            }
        }
        panic!("nothing is on sale: {found}");
    }
}

fn code(response: &Value) -> &str {
    response["errors"][0]["extensions"]["code"].as_str().unwrap_or_default()
}

#[tokio::test]
async fn each_path_to_an_object_needs_the_scope_of_the_object() {
    let service = Service::start();
    let order = service.draft().await;
    let hold = |selection: &str| {
        format!(
            "mutation($o: ID!) {{ holdOrder(input: {{idempotencyKey: \"k\", order: $o}}) {{ {selection} problems {{ code }} }} }}"
        )
    };
    let variables = json!({ "o": order });
    // Nothing is held where the order could not be shown.
    for selection in ["order { contact { email } }", "...on OrderPayload { order { id } }"] {
        let refused = service.post("WRITER", &hold(selection), variables.clone()).await;
        assert_eq!(code(&refused), "FORBIDDEN", "{refused}");
    }
    let read = "query($o: ID!) { node(id: $o) { ... on Order { status contact { email } } } }";
    let status = service.post("BUYER", read, variables.clone()).await;
    assert_eq!(status["data"]["node"]["status"], "DRAFT", "{status}");
    for key in ["READER", "WRITER", "COURIER"] {
        let refused = service.post(key, read, variables.clone()).await;
        assert_eq!((code(&refused), &refused["data"]["node"]), ("FORBIDDEN", &Value::Null), "{key}: {refused}");
    }
    let quote =
        "mutation($o: ID!) { quoteCancellation(input: {order: $o}) { quote { id lines { id } } problems { code } } }";
    assert_eq!(code(&service.post("WRITER", quote, variables.clone()).await), "FORBIDDEN");
    let held = service.post("WRITER", &hold(""), variables.clone()).await;
    assert_eq!(held["errors"], Value::Null, "{held}");
    // Identifiers at the vendor may be as good as the tickets.
    let refs = "query($o: ID!) { node(id: $o) { ... on Order { legs { externalRefs { value } } } } }";
    let shown = service.post("BUYER", refs, variables.clone()).await;
    assert!(shown.to_string().contains("value"), "{shown}");
    let hidden = service.post("CLERK", refs, variables.clone()).await;
    assert_eq!(hidden["data"]["node"]["legs"][0]["externalRefs"], json!([]), "{hidden}");
    let confirm = "mutation($o: ID!) { confirmOrder(input: {idempotencyKey: \"c\", order: $o}) { problems { code } } }";
    let confirmed = service.post("WRITER", confirm, variables.clone()).await;
    assert_eq!(confirmed["errors"], Value::Null, "{confirmed}");
    let refs = "query($o: ID!) { node(id: $o) { ... on Order { tickets { externalRefs { value } } } } }";
    let shown = service.post("BUYER", refs, variables.clone()).await;
    assert!(shown["data"]["node"]["tickets"][0]["externalRefs"][0]["value"].is_string(), "{shown}");
    let hidden = service.post("CLERK", refs, variables.clone()).await;
    assert_eq!(hidden["data"]["node"]["tickets"][0]["externalRefs"], json!([]), "{hidden}");

    let channel = json!({ "c": GlobalId::Channel("opera-app".to_owned()).encode().0 });
    let node = "query($c: ID!) { node(id: $c) { id __typename } }";
    assert_eq!(code(&service.post("READER", node, channel.clone()).await), "FORBIDDEN");
    let found = service.post("COURIER", node, channel.clone()).await;
    assert_eq!(found["data"]["node"]["__typename"], "DeliveryChannel", "{found}");
    let run = "mutation($c: ID!) { runDeliveryStream(input: {channel: $c, kind: STATUS}) { problems { code } } }";
    assert_eq!(code(&service.post("OTHER", run, channel.clone()).await), "FORBIDDEN");
    let ran = service.post("COURIER", run, channel).await;
    assert_eq!(ran["errors"], Value::Null, "{ran}");
}

/// Operators' mutations need the scope `admin`, and name the field that is wrong.
#[tokio::test]
async fn only_an_operator_settles_tries_again_notes_and_pauses() {
    let service = Service::start();
    let order = service.draft().await;
    let source = service.post("BUYER", "{ sources { id } }", json!({})).await["data"]["sources"][0]["id"].clone();
    let leg =
        "query($order: ID!) { order(id: $order) { legs { id availableSettlements } availableActions notes { text } } }";
    let found = service.post("BUYER", leg, json!({ "order": order })).await;
    let leg = found["data"]["order"]["legs"][0]["id"].clone();
    let mutations = [
        (
            "mutation($leg: ID!) { it: settleLeg(input: { idempotencyKey: \"1\", leg: $leg, outcome: SOLD, note: \"n\" }) {
                problems { code path } } }",
            "ACTION_NOT_AVAILABLE",
        ),
        (
            "mutation($leg: ID!) { it: retryLegs(input: { idempotencyKey: \"2\", legs: [$leg], ratePerMinute: 0 }) {
                scheduled problems { code path } } }",
            "RATE_INVALID",
        ),
        (
            "mutation($order: ID!) { it: addOrderNote(input: { idempotencyKey: \"3\", order: $order, text: \"\" }) {
                problems { code path } } }",
            "NOTE_MISSING",
        ),
        (
            "mutation($source: ID!) { it: resolveOrphan(input: { idempotencyKey: \"4\", source: $source, note: \"n\",
                ref: { kind: \"nobody.order\", value: \"1\" } }) { problems { code path } } }",
            "REFERENCE_INVALID",
        ),
        (
            "mutation($order: ID!) { it: pauseSource(input: { idempotencyKey: \"5\", source: $order, note: \"n\",
                mode: STOP_ALL_CALLS }) { problems { code path } } }",
            "UNKNOWN_SOURCE",
        ),
        (
            "mutation($source: ID!) { it: resumeSource(input: { idempotencyKey: \"6\", source: $source }) {
                source { paused { mode } } problems { code path } } }",
            "SOURCE_NOT_PAUSED",
        ),
    ];
    let variables = json!({ "leg": leg, "order": order, "source": source });
    for (mutation, expected) in mutations {
        for key in ["READER", "WRITER", "CLERK"] {
            let answer = service.post(key, mutation, variables.clone()).await;
            assert_eq!(code(&answer), "FORBIDDEN", "{key}: {mutation}");
        }
        let answer = service.post("BUYER", mutation, variables.clone()).await;
        assert_eq!(answer["data"]["it"]["problems"][0]["code"], expected, "{answer}");
        assert_eq!(answer["data"]["it"]["problems"][0]["path"][0], "input", "{answer}");
    }
    let note =
        "mutation($order: ID!) { addOrderNote(input: { idempotencyKey: \"7\", order: $order, text: \"by phone\" }) {
        order { notes { by text } } problems { code } } }";
    let noted = service.post("BUYER", note, variables.clone()).await;
    assert_eq!(
        noted["data"]["addOrderNote"]["order"]["notes"],
        json!([{ "by": "buyer", "text": "by phone" }]),
        "{noted}"
    );
    let seen = "query($order: ID!) { order(id: $order) { notes { text } } }";
    assert_eq!(service.post("CLERK", seen, variables).await["data"]["order"]["notes"], json!([]), "for operators only");
}
