//! What no vendor means and an enemy might send: an answer or a typed error, never a panic.

use crate::map::event;
use crate::tests::{client, now, terms};
use domain::{ErrorKind, Operation};
use testkit::{Case, hostile_json, told};

#[tokio::test]
async fn hostile_answers_are_errors_or_empty_and_never_a_panic() {
    for (name, body) in hostile_json() {
        let (client, _prompter) = client(vec![Case::new(name, 200, body)]).await;
        let outcomes = [
            client.published_events(Operation::ListEvents, "x").await.map(|all| all.len()),
            client.event(Operation::LoadEvents, "1").await.map(|_| 1),
            client.tokens("1", None).await.map(|all| all.len()),
            client.exchange(&"K7P2M9QX".into()).await.map(|_| 1),
            client.admissions(&"a-gate".into(), "1").await.map(|all| all.len()),
            client.order("1").await.map(|_| 1),
            client.wallet("1").await.map(|all| all.len()),
        ];
        for outcome in outcomes {
            match outcome {
                Ok(count) => assert_eq!(count, 0, "{name}: nothing can be read out of it"),
                Err(error) => assert_eq!(error.kind, ErrorKind::Malformed, "{name}: {}", told(&error)),
            }
        }
    }
}

#[tokio::test]
async fn an_entry_with_a_field_of_a_wrong_kind_costs_at_most_itself() {
    let good = r#"{"self": "/events/2", "title": "Good"}"#;
    let fields = "title description status public category subcategory venue host start end published banner sections";
    let kinds = [
        "{}",
        "[]",
        "[[]]",
        "-1",
        "1e999",
        "true",
        "\"\"",
        "null",
        "[{\"self\": 7}]",
        "99999999999999999999999999999999",
    ];
    for field in fields.split_whitespace() {
        for wrong in kinds {
            let odd = format!("{{\"self\": \"/events/1\", \"{field}\": {wrong}}}");
            let body = format!("{{\"total\": 2, \"entries\": [{odd}, {good}]}}");
            let (client, _prompter) = client(vec![Case::new(field, 200, body)]).await;
            let listed = client.published_events(Operation::ListEvents, "x").await.expect("a list");
            let read: Vec<_> = listed.iter().filter_map(|one| event::event(one, &terms(), now())).collect();
            assert!(read.iter().any(|event| event.title.main == "Good"), "{field}: {wrong}");
        }
    }
}
