//! Mapping tests: every response of `tests/fixtures/ticketing` through client and mapping.

mod clock_changes;
mod facts;
mod hostile;

use std::fmt::Debug;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use secrecy::ExposeSecret;

use crate::client::Client;
use crate::map::{SourceDefaults, account, admissions, event, order};
use crate::settings::Facts;
use crate::wire;
use domain::ordering::{Contact, DeliveryPreference, LegLine, LegRequest};
use domain::{EventKey, Money, PerformanceKey, TicketTypeKey, VendorError, VendorOperation};
use testkit::{FixtureCase, StubServer, error_summary, fixture_operations, load_cases};

/// Operations that have fixtures.
const OPERATIONS: &[&str] =
    &["admit", "event", "exchange", "find_account", "pay", "place_order", "published_events", "tokens", "wallet"];

fn now() -> Timestamp {
    "2034-06-01T12:00:00Z".parse().expect("an instant")
}

pub(crate) fn defaults() -> SourceDefaults {
    SourceDefaults {
        time_zone: TimeZone::get("America/Port_of_Spain").expect("a zone"),
        currency: "TTD".parse().expect("a currency"),
        base_url: "https://api.ticketing.example/v3".parse().expect("a URL"),
        host: "17301149984410".to_owned(),
        new_event_fields: std::collections::BTreeMap::new(),
        facts: Facts::with(""),
    }
}

async fn client(responses: Vec<FixtureCase>) -> (Client, StubServer) {
    let server = StubServer::responding(responses).await;
    let base = format!("{}/v3", server.base).parse().expect("an address");
    (Client::new(server.client.clone(), base, "a-key".into(), "3.0.0".to_owned(), 100), server)
}

fn format_outcome<T: Debug>(outcome: Result<T, VendorError>) -> String {
    match outcome {
        Ok(value) => format!("{value:#?}"),
        Err(error) => error_summary(&error),
    }
}

/// Five tickets of one section.
fn leg() -> LegRequest {
    let line = LegLine {
        line: 0,
        performance: PerformanceKey::new("17301154400021"),
        ticket_type: TicketTypeKey::new("17301154400021/17301154407312"),
        quantity: 5,
        unit_price: Money::new(5099, defaults().currency),
    };
    let contact = Contact {
        first_name: "Bea".to_owned(),
        last_name: "Holder".to_owned(),
        email: "bea@example.org".to_owned(),
        phone: None,
        postal_code: None,
    };
    LegRequest {
        reference: "TG-1".to_owned(),
        lines: vec![line],
        contact: Some(contact),
        account: std::collections::BTreeMap::new(),
        locale: None,
        delivery: DeliveryPreference::Barcode,
        hold_waits_for_client: true,
    }
}

fn a_card() -> wire::Payment<'static> {
    wire::Payment {
        number: "4111111111111111",
        cvv: wire::Cvv::Number(123),
        expiry_date: "12/39",
        name: "Quay",
        email: "quay@example.org",
        phone: None,
        address1: "1 Quay Street",
        address2: None,
        city: "Port of Spain",
        district: "Port of Spain",
        country: "TT",
    }
}

async fn mapped(operation: &str, case: FixtureCase) -> String {
    let (client, _server) = client(vec![case]).await;
    let gala = EventKey::new("17301154400021");
    match operation {
        "published_events" => {
            let listed = client.published_events(VendorOperation::ListEvents, None).await;
            format_outcome(
                listed.map(|all| all.iter().map(|one| event::event(one, &defaults(), now())).collect::<Vec<_>>()),
            )
        }
        "event" => {
            let one = client.event(VendorOperation::LoadEvents, "17301154400031").await;
            format_outcome(one.map(|one| event::event(&one, &defaults(), now())))
        }
        "tokens" => {
            let listed = client.tokens(gala.as_str(), None).await;
            let token = |one| {
                let token = admissions::token(&gala, one)?;
                Some((token.code.expose_secret().to_owned(), token))
            };
            format_outcome(listed.map(|all| all.into_iter().map(token).collect::<Vec<_>>()))
        }
        "exchange" => {
            let key = client.exchange_code(&"K7P2M9QX".into()).await;
            format_outcome(
                key.map(|key| admissions::gate_key(key).map(|gate| (gate.secret.expose_secret().to_owned(), gate))),
            )
        }
        "admit" => {
            let serials = ["HARALA-QUAY41120057".to_owned(), "HARALA-QUAY41120058".to_owned()];
            let admitted = client.admit(&"a-gate".into(), gala.as_str(), &serials).await;
            format_outcome(
                admitted.map(|all| all.into_iter().map(|one| admissions::admission(&gala, one)).collect::<Vec<_>>()),
            )
        }
        other => mapped_order(other, client).await,
    }
}

async fn mapped_order(operation: &str, client: Client) -> String {
    match operation {
        "place_order" => {
            let items = order::items(&leg().lines).expect("lines of ours");
            let new = wire::NewOrder { customer: "BE-19D3A0C8", items: items.clone() };
            let placed = client.place_order(VendorOperation::Hold, &new).await;
            format_outcome(placed.map(|placed| {
                let fits = order::contains_exactly(&placed, &[(items.keys().next().expect("one").clone(), 2)].into());
                (order::order_state(&placed, &defaults().facts), fits, order::held(&placed, "BE-19D3A0C8", &defaults()))
            }))
        }
        "pay" => {
            let link = client.resolve_link("/orders/4C0E91A7F2D4/payments").expect("a link");
            format_outcome(
                client.pay(link, &a_card()).await.map(|settled| account::payment_word(&settled, &defaults().facts)),
            )
        }
        "wallet" => {
            let wallet = client.wallet("BE-19D3A0C8").await;
            format_outcome(wallet.map(|tickets| {
                let issued = order::issued_tickets(&leg(), tickets, &defaults().facts);
                let code = |one: &domain::ordering::IssuedTicket| {
                    one.barcode.as_ref().map(|code| code.value.expose_secret().to_owned())
                };
                (issued.iter().map(code).collect::<Vec<_>>(), issued)
            }))
        }
        "find_account" => {
            let found = client.find_account("TG-1").await;
            format_outcome(
                found.map(|account| account.map(|account| (account.number, account.username, account.email))),
            )
        }
        other => panic!("{other} has no mapping"),
    }
}

#[tokio::test]
async fn every_response_is_mapped_as_documented() {
    for operation in OPERATIONS {
        for case in load_cases(&format!("ticketing/{operation}")) {
            let name = format!("{operation}__{}", case.name);
            insta::assert_snapshot!(name, mapped(operation, case).await);
        }
    }
}

#[test]
fn every_fixture_folder_is_tested() {
    assert_eq!(fixture_operations("ticketing"), OPERATIONS);
}

#[tokio::test]
async fn a_list_that_shrinks_under_us_ends_with_the_404_past_its_end() {
    let page = r#"{"total": 3, "page": 1, "records": 1, "entries": [{"self": "/events/1", "title": "One"}]}"#;
    let past = r#"{"error": "The specified page does not exist for the given records per page"}"#;
    let responses = vec![FixtureCase::new("first", 200, page), FixtureCase::new("past the end", 404, past)];
    let (client, server) = client(responses).await;
    let listed = client.published_events(VendorOperation::ListEvents, None).await.expect("events");
    assert_eq!((listed.len(), server.requests().len()), (1, 2));
}
