//! JSON log lines with request id and order number.

use serde_json::Value;

use super::{BUY, Deployment, LIST, OPERATOR, response_data};

#[tokio::test(flavor = "multi_thread")]
async fn every_log_line_has_its_request_id_and_order_number() {
    let house = Deployment::start(&format!("{OPERATOR}[telemetry]\nlog_format = \"json\"\n")).await;
    let mut served = house.serve();
    let wish = served.order_input("harbor", "logs").await;
    let bought = response_data(served.request("shop", BUY, &wish).header("x-request-id", "req-that-buys")).await;
    let order = &bought["placeOrder"]["order"];
    assert_eq!(order["status"], "CONFIRMED", "{bought}");
    house.vendors.stage("acme").set_down(true);
    let other = LIST.replace("title", "title description");
    let asked = served.request("shop", &other, &Value::Null).header("x-request-id", "req-that-fails");
    asked.send().await.expect("a response");

    served.process.signal("-TERM");
    let (code, lines) = served.process.end();
    assert_eq!(code, Some(0), "{lines:#?}");
    let lines: Vec<Value> =
        lines.iter().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("no JSON: {line}"))).collect();
    for line in &lines {
        for name in ["timestamp", "level", "target", "message"] {
            assert!(line[name].is_string(), "{name} of {line}");
        }
        assert!(!line.to_string().contains("ada.berg"), "{line}");
    }
    let moves: Vec<&Value> = lines.iter().filter(|line| line["message"] == "order status changed").collect();
    assert!(moves.iter().all(|line| line["order"] == order["number"]), "{moves:#?}");
    assert!(moves.iter().any(|line| line["request_id"] == "req-that-buys"), "the request and its order: {moves:#?}");
    assert!(moves.iter().any(|line| line["to"] == "CONFIRMED"), "{moves:#?}");
    // Once for each source and family, however often the catalog is used.
    let unsold = lines.iter().filter(|line| line["message"] == "products of a family are not sold");
    let mut unsold: Vec<(&str, &str)> =
        unsold.map(|line| (line["source"].as_str().expect("text"), line["family"].as_str().expect("text"))).collect();
    unsold.sort_unstable();
    assert_eq!(unsold, [("opera", "GOODS"), ("opera", "SEASONTICKET")]);
    let fails =
        |line: &&Value| line["message"].as_str().is_some_and(|text| text.contains("the health of the source changed"));
    let fault = lines.iter().find(fails).unwrap_or_else(|| panic!("no line about the source: {lines:#?}"));
    assert_eq!((&fault["request_id"], &fault["source"]), (&"req-that-fails".into(), &"harbor".into()), "{fault}");
}
