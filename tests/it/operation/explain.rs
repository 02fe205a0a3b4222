//! `extensions.explain` for authorized callers.

use serde_json::{Value, json};

use super::{Deployment, LIST, OPERATOR};

#[tokio::test(flavor = "multi_thread")]
async fn explain_reports_the_vendor_calls_to_admins_only() {
    let house = Deployment::start(OPERATOR).await;
    let served = house.serve();
    let failing = emulators::Rule::for_path("", emulators::Fault::DropBefore).times(1);
    house.vendors.stage("acme").faults.add(emulators::Scenario { rules: vec![failing] });
    let asked = async |key: &str, extensions: Value| -> Value {
        let body = json!({ "query": LIST, "extensions": extensions });
        let request = served.client.post(format!("{}/graphql", served.address)).bearer_auth(key).json(&body);
        request.send().await.expect("a response").json().await.expect("JSON")
    };
    let first = asked("operator", json!({ "explain": true })).await;
    assert_eq!(first.get("errors"), None, "{first}");
    let explanation = &first["extensions"]["explain"];
    let calls = house.vendors.stage("acme").log.all().len() + house.vendors.stage("secutix").log.all().len();
    assert_eq!(explanation["vendorRequests"].as_u64(), Some(calls as u64), "{explanation:#}");
    assert!(explanation["retries"].as_u64() >= Some(1), "{explanation:#}");
    assert!(
        explanation["vendorCalls"].as_u64() >= Some(2) && explanation["cacheMisses"].as_u64() >= Some(2),
        "{explanation:#}"
    );
    let rows = explanation["sources"].as_array().expect("rows");
    let row = rows.iter().find(|row| row["source"] == "harbor" && row["operation"] == "list_events").expect("a row");
    assert!(row["calls"] == 1 && row["retries"].as_u64() >= Some(1), "{row:#}");

    let again = asked("operator", json!({ "explain": true })).await;
    let explanation = &again["extensions"]["explain"];
    assert_eq!(
        (&explanation["vendorRequests"], &explanation["vendorCalls"]),
        (&json!(0), &json!(0)),
        "{explanation:#}"
    );
    assert!(explanation["cacheHits"].as_u64() >= Some(2), "{explanation:#}");
    assert!(explanation["sources"][0]["cache"]["oldestMs"].is_u64(), "{explanation:#}");
    assert_eq!(again["data"], first["data"]);

    assert_eq!(asked("operator", json!({})).await.get("extensions"), None);
    let refused = asked("shop", json!({ "explain": true })).await;
    assert_eq!(refused["errors"][0]["extensions"]["code"], "FORBIDDEN", "{refused}");
}
