//! Reasons of failures: named to operators in `explain` and in `Source.lastFailures`, and to nobody else.

use emulators::{Fault, Rule, Scenario, StateChange};
use serde_json::{Value, json};

use super::{BUY, Deployment, LIST, RunningService};

/// Callers: an operator, a shop of our own, and a reseller with an account at the museum only. `annex` names no buyer.
const CALLERS: &str = r#"
[clients.operator]
key = { value = "operator" }
scopes = ["admin"]
[clients.partner]
key = { value = "partner" }
reseller = "tiqets"
scopes = ["catalog:read", "order:read", "order:write"]
[resellers.tiqets]
name = "Tiqets"
[resellers.tiqets.connections.harbor]
organization_id = 5120
event_templates = ["66f0aa10c3d2e4b5a6978001"]
ticket_types = ["66f0ff60c3d2e4b5a6970001"]
[sources.annex]
vendor = "acme"
environment = "sandbox"
institution = "Harbor Annex"
api_key = { value = "harbor-sandbox-key" }
tenant_id = 412
time_zone = "America/New_York"
currency = "USD"
"#;

const FAILURES: &str =
    "{ sources { name lastFailures { at kind operation method path status contentType vendorCode misfit
    missingSetting } } }";

/// Values that a vendor's body contains and nobody may see.
const PLANTED: [&str; 3] = ["K7P2M9QX4711", "ada.guest", "planted"];

async fn start() -> (Deployment, RunningService) {
    let house = Deployment::start("").await;
    house.write_config(&CALLERS.replace("institution = \"Harbor Annex\"", &annex(&house)));
    let served = house.serve();
    (house, served)
}

fn annex(house: &Deployment) -> String {
    let address = house.vendors.base_url("acme");
    format!("institution = \"Harbor Annex\"\nbase_url = \"{address}\"")
}

/// Sends an operation that asks for an explanation and returns the whole response.
async fn explained(served: &RunningService, key: &str, document: &str, variables: &Value) -> Value {
    let body = json!({ "query": document, "variables": variables, "extensions": { "explain": true } });
    let request = served.client.post(format!("{}/graphql", served.address)).bearer_auth(key).json(&body);
    request.send().await.expect("a response").json().await.expect("JSON")
}

/// Reasons of an operation at a source.
fn reasons<'a>(response: &'a Value, source: &str, operation: &str) -> &'a [Value] {
    let rows = response["extensions"]["explain"]["sources"].as_array().unwrap_or_else(|| panic!("{response:#}"));
    let row = rows.iter().find(|row| row["source"] == source && row["operation"] == operation);
    row.and_then(|row| row["reasons"].as_array()).unwrap_or_else(|| panic!("{response:#}"))
}

/// The last failures of a source as a caller sees them.
async fn last_failures(served: &RunningService, key: &str, source: &str) -> Value {
    let found = served.query(key, FAILURES, &Value::Null).await;
    let sources = found["sources"].as_array().expect("sources").clone();
    let row = sources.into_iter().find(|row| row["name"] == source).expect("the source");
    row["lastFailures"].clone()
}

/// The failure of a kind.
fn of_kind<'a>(failures: &'a Value, kind: &str) -> &'a Value {
    let failures = failures.as_array().unwrap_or_else(|| panic!("{failures}"));
    failures.iter().find(|failure| failure["kind"] == kind).unwrap_or_else(|| panic!("{kind}: {failures:#?}"))
}

/// Makes calls of a vendor fail: those that read a list.
fn fail(house: &Deployment, vendor: &str, fault: Fault) {
    ["acme", "secutix"].iter().for_each(|vendor| house.vendors.stage(vendor).faults.clear());
    let path = if vendor == "secutix" { "getPOSConfig" } else { "" };
    house.vendors.stage(vendor).faults.add(Scenario { rules: vec![Rule::for_path(path, fault)] });
}

fn assert_no_planted_value(text: &str) {
    assert!(PLANTED.iter().all(|value| !text.contains(value)), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn operators_read_what_a_failed_call_met_and_nobody_reads_a_value() {
    let (house, mut served) = start().await;
    let planted = format!("Sorry, {} <{}@example.org> {}", PLANTED[0], PLANTED[1], PLANTED[2]);
    let no_list = json!({ PLANTED[0]: planted }).to_string();
    let wrong_field = json!({ "statusCode": "success", "posConfigData": planted }).to_string();
    let status = |status, body: &str| Fault::Status { status, retry_after: None, body: Some(body.to_owned()) };
    let mut shown = Vec::new();
    for (source, vendor, fault, kind, status, content_type, misfit) in [
        ("opera", "secutix", status(200, &wrong_field), "malformed", 200, json!(null), Some("field `")),
        ("harbor", "acme", status(403, &planted), "unauthorized", 403, json!(null), None),
        ("harbor", "acme", status(200, &no_list), "malformed", 200, json!(null), Some("neither a list nor a page")),
        ("harbor", "acme", status(200, &planted), "malformed", 200, json!(null), Some("is not JSON")),
        // Last: they open the circuit.
        ("harbor", "acme", status(500, &planted), "unavailable", 500, json!(null), None),
        ("harbor", "acme", Fault::Html502, "unavailable", 502, json!("text/html"), None),
    ] {
        fail(&house, vendor, fault);
        let filter = format!("first: 50, filter: {{ vendors: [{}] }}", vendor.to_uppercase());
        let document = LIST.replace("first: 50", &filter);
        let response = explained(&served, "operator", &document, &Value::Null).await;
        let [reason] = reasons(&response, source, "list_events") else { panic!("{response:#}") };
        assert_eq!((&reason["kind"], &reason["status"]), (&json!(kind), &json!(status)), "{reason}");
        assert_eq!((&reason["contentType"], reason["method"].is_string()), (&content_type, true), "{reason}");
        assert!(reason["path"].as_str().is_some_and(|path| path.starts_with('/')), "{reason}");
        let seen = reason["misfit"].as_str();
        assert!(
            seen.is_some() == misfit.is_some() && seen.unwrap_or_default().starts_with(misfit.unwrap_or("")),
            "{reason}"
        );
        let kept = last_failures(&served, "operator", source).await;
        let kept = of_kind(&kept, &kind.to_uppercase()).clone();
        for name in ["status", "contentType", "method", "path", "misfit"] {
            assert_eq!(kept[name], reason[name], "{kept}");
        }
        assert_eq!((&kept["operation"], kept["at"].is_string()), (&json!("list_events"), true), "{kept}");
        shown.extend([response.to_string(), kept.to_string()]);
    }
    let response = explained(&served, "operator", LIST, &Value::Null).await;
    let reason = &reasons(&response, "harbor", "list_events")[0];
    assert_eq!(reason, &json!({ "kind": "unavailable", "notSent": "circuit_open" }));
    let kept = last_failures(&served, "operator", "harbor").await;
    assert_eq!(of_kind(&kept, "UNAVAILABLE")["status"], 502, "a call that was not sent hides no reason");
    for key in ["shop", "partner"] {
        let response = served.request(key, LIST, &Value::Null).send().await.expect("a response");
        let response: Value = response.json().await.expect("JSON");
        assert!(response["data"]["events"]["problems"][0]["message"].is_string(), "{response}");
        assert!(!response.to_string().contains("list_events") && !response.to_string().contains("502"), "{response}");
        assert_eq!(last_failures(&served, key, "harbor").await, Value::Null);
        let refused = explained(&served, key, LIST, &Value::Null).await;
        assert_eq!(refused["errors"][0]["extensions"]["code"], "FORBIDDEN", "{refused}");
        assert_eq!(refused["extensions"]["explain"], Value::Null);
        shown.push(response.to_string());
    }
    let (_, metrics) = served.get("/metrics").await;
    served.process.signal("-TERM");
    let (_, lines) = served.process.end();
    let log = lines.join("\n");
    assert!(log.contains("the call failed: GET /") && log.contains(" -> 500"), "{log}");
    shown.extend([metrics, log]);
    shown.iter().for_each(|text| assert_no_planted_value(text));
}

#[tokio::test(flavor = "multi_thread")]
async fn operators_read_the_setting_that_lacks_a_word() {
    let (house, served) = start().await;
    let change = StateChange { name: "instance_word".to_owned(), id: None, value: json!("Planted") };
    house.vendors.stage("acme").change_state(&change).expect("a supported change");
    let document = "{ events(first: 50) { nodes { performances(first: 5) { nodes { id } } } } }";
    let response = explained(&served, "operator", document, &Value::Null).await;
    assert_eq!(response.get("errors"), None, "{response}");
    let setting = "sources.harbor.assumptions.instance_state_words";
    let reason = &reasons(&response, "harbor", "list_performances")[0];
    assert_eq!((&reason["kind"], &reason["missingSetting"]), (&json!("unknown_word"), &json!(setting)), "{reason}");
    let kept = last_failures(&served, "operator", "harbor").await;
    assert_eq!(of_kind(&kept, "UNKNOWN_WORD")["missingSetting"], setting);
    assert!(!kept.to_string().contains("Planted") && !reason.to_string().contains("Planted"), "{kept}");
    assert_eq!(last_failures(&served, "shop", "harbor").await, Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_cannot_be_settled_names_the_setting_to_operators_and_is_neutral_to_buyers() {
    let (_house, served) = start().await;
    let buy = BUY.replace("problems { message }", "problems { code message }");
    for (source, buyer, setting) in
        [("annex", "shop", "sources.annex.organization_id"), ("opera", "partner", "resellers.tiqets.connections.opera")]
    {
        let mut wish = served.order_input(source, "explained").await;
        let neutral = served.query(buyer, &buy, &wish).await;
        let problem = &neutral["placeOrder"]["problems"][0];
        assert_eq!(
            (&problem["code"], &neutral["placeOrder"]["order"]),
            (&json!("SETTLEMENT_UNSUPPORTED"), &Value::Null)
        );
        let text = neutral.to_string();
        for word in ["organization_id", "connections", "sources.", "setting", "configuration"] {
            assert!(!text.contains(word), "{text}");
        }
        let viewer = served.query(buyer, "{ viewer { reseller { id } } }", &Value::Null).await;
        wish["input"]["reseller"] = viewer["viewer"]["reseller"]["id"].clone();
        let response = explained(&served, "operator", &buy, &wish).await;
        assert_eq!(response["data"]["placeOrder"]["problems"][0], *problem, "{response}");
        let reason = &reasons(&response, source, "plan")[0];
        assert_eq!(
            (&reason["kind"], &reason["missingSetting"]),
            (&json!("settlement_unsupported"), &json!(setting)),
            "{reason}"
        );
        let kept = last_failures(&served, "operator", source).await;
        assert_eq!(of_kind(&kept, "SETTLEMENT_UNSUPPORTED")["missingSetting"], setting);
        assert_eq!(last_failures(&served, buyer, source).await, Value::Null);
    }
}
