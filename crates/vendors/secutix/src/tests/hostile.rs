//! What no vendor means and an enemy might send, over both transports: a typed error, never a panic.

use crate::map::catalog;
use crate::tests::{client, till};
use domain::{ErrorKind, Operation};
use testkit::{Case, hostile_json, told};

/// An envelope around a result.
fn enveloped(result: &str) -> String {
    format!("<Envelope><Body><r><Result>{result}</Result></r></Body></Envelope>")
}

/// XML that no vendor means.
fn hostile_xml() -> Vec<(&'static str, String)> {
    let success = "<statusCode>success</statusCode>";
    let bomb = "<!DOCTYPE lolz [<!ENTITY a \"aaaa\"><!ENTITY b \"&a;&a;&a;\">]>";
    vec![
        (
            "an external entity",
            format!(
                "<!DOCTYPE r [<!ENTITY x SYSTEM \"file:///etc/passwd\">]>{}",
                enveloped("<statusCode>&x;</statusCode>")
            ),
        ),
        ("entities in entities", format!("{bomb}{}", enveloped("<statusCode>&b;</statusCode>"))),
        (
            "a document type over the network",
            format!("<!DOCTYPE r SYSTEM \"http://127.0.0.1:9/x.dtd\">{}", enveloped(success)),
        ),
        ("an entity that nobody defined", enveloped("<statusCode>&secret;</statusCode>")),
        ("elements in elements", enveloped(&format!("{}{}", "<a>".repeat(100_000), "</a>".repeat(100_000)))),
        ("an open end", "<Envelope><Body><r>".to_owned()),
        ("no envelope", "<html><body/></html>".to_owned()),
        ("an empty body", "<Envelope><Body/></Envelope>".to_owned()),
        ("a success without data", enveloped(success)),
        ("no status", enveloped("<posConfigData><posId>1</posId></posConfigData>")),
        ("two statuses", enveloped(&success.repeat(2))),
        ("an illegal character", enveloped("<statusCode>&#0;</statusCode>")),
    ]
}

async fn faults(case: Case) -> Vec<ErrorKind> {
    let (name, (client, _prompter)) = (case.name.clone(), client(vec![case]).await);
    let outcomes = [
        client.pos_config(Operation::ListEvents).await.map(drop),
        client.catalog(Operation::ListEvents).await.map(drop),
        client.order_details(1).await.map(drop),
        client.last_setup_update(Operation::ListEvents).await.map(drop),
    ];
    // The last of them has no data field that must be there.
    let must_fail = outcomes.iter().take(3).all(Result::is_err);
    assert!(must_fail, "{name}: nothing can be read out of it");
    outcomes
        .into_iter()
        .filter_map(Result::err)
        .inspect(|error| assert!(!told(error).is_empty()))
        .map(|error| error.kind)
        .collect()
}

#[tokio::test]
async fn hostile_answers_are_malformed_and_never_a_panic() {
    for (name, body) in hostile_json() {
        for kind in faults(Case::new(name, 200, body)).await {
            assert_eq!(kind, ErrorKind::Malformed, "{name}");
        }
    }
    for (name, body) in hostile_xml() {
        let case = Case { ending: "xml".to_owned(), ..Case::new(name, 200, body) };
        for kind in faults(case).await {
            assert_eq!(kind, ErrorKind::Malformed, "{name}");
        }
    }
}

#[tokio::test]
async fn a_product_of_wrong_kinds_costs_itself_and_its_neighbour_stays() {
    let good = r#"{"id": 2, "code": "GOOD", "productFamilyType": "SINGLE_ENTRY", "state": "RUNNING"}"#;
    for wrong in [
        "7",
        "[]",
        "null",
        "\"text\"",
        "{\"id\": {}}",
        "{\"id\": 0.5}",
        "{\"id\": 1e400}",
        "{\"id\": 99999999999999999999}",
        "{\"id\": 1, \"event\": {\"performances\": 17}}",
        "{\"id\": 1, \"event\": {\"performances\": [17, {\"id\": []}]}}",
        "{\"id\": 1, \"event\": {\"performances\": [{\"id\": 3, \"start\": \"2031-11-05T19:00:00Z\", \"duration\": 9223372036854775807, \"prices\": [{\"audSubCatId\": 1, \"amount\": 9223372036854775807}]}]}}",
        "{\"id\": 1, \"event\": {\"performances\": [{\"id\": 3, \"start\": \"-262144-01-01T00:00:00Z\"}]}}",
    ] {
        let body = format!(
            "{{\"statusCode\": \"success\", \"catalogData\": {{\"seasons\": [{{\"id\": 1, \"products\": [{wrong}, {good}]}}]}}}}"
        );
        let (client, _prompter) = client(vec![Case::new("wrong", 200, body)]).await;
        let told = client.catalog(Operation::ListEvents).await.unwrap_or_else(|error| panic!("{wrong}: {error}"));
        let (snapshot, _) = catalog::snapshot(&told, till().await, "https://quai.example.org");
        assert!(snapshot.listed.iter().any(|event| event.title.main == "GOOD"), "{wrong}");
    }
}
