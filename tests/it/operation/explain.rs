//! An operation explains itself to those who may know, on request.

use serde_json::{Value, json};

use super::{House, LIST, OPERATOR};

#[tokio::test(flavor = "multi_thread")]
async fn an_operation_explains_what_it_cost_to_those_who_may_know() {
    let house = House::raise(OPERATOR).await;
    let served = house.serve();
    let failing = emulators::Rule::on("", emulators::Fault::DropBefore).times(1);
    house.vendors.stage("acme").faults.add(emulators::Scenario { rules: vec![failing] });
    let asked = async |key: &str, extensions: Value| -> Value {
        let body = json!({ "query": LIST, "extensions": extensions });
        let request = served.client.post(format!("{}/graphql", served.address)).bearer_auth(key).json(&body);
        request.send().await.expect("an answer").json().await.expect("JSON")
    };
    let first = asked("operator", json!({ "explain": true })).await;
    assert_eq!(first.get("errors"), None, "{first}");
    let told = &first["extensions"]["explain"];
    let calls = house.vendors.stage("acme").log.all().len() + house.vendors.stage("secutix").log.all().len();
    assert_eq!(told["vendorRequests"].as_u64(), Some(calls as u64), "{told:#}");
    assert!(told["retries"].as_u64() >= Some(1), "{told:#}");
    assert!(told["vendorCalls"].as_u64() >= Some(2) && told["cacheMisses"].as_u64() >= Some(2), "{told:#}");
    let rows = told["sources"].as_array().expect("rows");
    let row = rows.iter().find(|row| row["source"] == "harbor" && row["operation"] == "list_events").expect("a row");
    assert!(row["calls"] == 1 && row["retries"].as_u64() >= Some(1), "{row:#}");

    let again = asked("operator", json!({ "explain": true })).await;
    let told = &again["extensions"]["explain"];
    assert_eq!((&told["vendorRequests"], &told["vendorCalls"]), (&json!(0), &json!(0)), "{told:#}");
    assert!(told["cacheHits"].as_u64() >= Some(2), "{told:#}");
    assert!(told["sources"][0]["cache"]["oldestMs"].is_u64(), "{told:#}");
    assert_eq!(again["data"], first["data"]);

    assert_eq!(asked("operator", json!({})).await.get("extensions"), None);
    let refused = asked("shop", json!({ "explain": true })).await;
    assert_eq!(refused["errors"][0]["extensions"]["code"], "FORBIDDEN", "{refused}");
}
