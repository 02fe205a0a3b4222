//! The mapping, table by table: every answer of `tests/fixtures/ticketing` through the client that reads it and the mapping behind it.

mod clock_changes;
mod hostile;

use std::fmt::Debug;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use secrecy::ExposeSecret;

use crate::client::Client;
use crate::map::{Terms, account, event, gate, order};
use crate::wire;
use domain::ordering::{Contact, DeliveryPreference, LegLine, LegRequest};
use domain::{EventKey, Money, Operation, PerformanceKey, TicketTypeKey, VendorError};
use testkit::{Case, Prompter, cases, operations, told};

/// The operations that the table below maps.
const TABLE: &[&str] =
    &["admit", "event", "exchange", "find_account", "pay", "place_order", "published_events", "tokens", "wallet"];

fn now() -> Timestamp {
    "2034-06-01T12:00:00Z".parse().expect("an instant")
}

pub(crate) fn terms() -> Terms {
    Terms {
        zone: TimeZone::get("America/Port_of_Spain").expect("a zone"),
        currency: "TTD".parse().expect("a currency"),
        host: "17301149984410".to_owned(),
        new_events: std::collections::BTreeMap::new(),
    }
}

async fn client(answers: Vec<Case>) -> (Client, Prompter) {
    let prompter = Prompter::giving(answers).await;
    let base = format!("{}/v3", prompter.base).parse().expect("an address");
    (Client::new(prompter.transport.clone(), base, "a-key".into(), "3.0.0".to_owned()), prompter)
}

fn shown<T: Debug>(outcome: Result<T, VendorError>) -> String {
    match outcome {
        Ok(value) => format!("{value:#?}"),
        Err(error) => told(&error),
    }
}

/// Five places in one section.
fn leg() -> LegRequest {
    let line = LegLine {
        line: 0,
        performance: PerformanceKey::new("17301154400021"),
        ticket_type: TicketTypeKey::new("17301154400021/17301154407312"),
        quantity: 5,
        unit_price: Money::new(5099, terms().currency),
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
        contact,
        account: std::collections::BTreeMap::new(),
        locale: None,
        delivery: DeliveryPreference::Barcode,
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

async fn mapped(operation: &str, case: Case) -> String {
    let (client, _prompter) = client(vec![case]).await;
    let gala = EventKey::new("17301154400021");
    match operation {
        "published_events" => {
            let listed = client.published_events(Operation::ListEvents, "17301149984410").await;
            shown(listed.map(|all| all.iter().map(|one| event::event(one, &terms(), now())).collect::<Vec<_>>()))
        }
        "event" => {
            let one = client.event(Operation::LoadEvents, "17301154400031").await;
            shown(one.map(|one| event::event(&one, &terms(), now())))
        }
        "tokens" => {
            let listed = client.tokens(gala.as_str(), None).await;
            let token = |one| {
                let token = gate::token(&gala, one)?;
                Some((token.code.expose_secret().to_owned(), token))
            };
            shown(listed.map(|all| all.into_iter().map(token).collect::<Vec<_>>()))
        }
        "exchange" => {
            let key = client.exchange(&"K7P2M9QX".into()).await;
            shown(key.map(|key| gate::gate(key).map(|gate| (gate.key.expose_secret().to_owned(), gate))))
        }
        "admit" => {
            let serials = ["HARALA-QUAY41120057".to_owned(), "HARALA-QUAY41120058".to_owned()];
            let admitted = client.admit(&"a-gate".into(), gala.as_str(), &serials).await;
            shown(admitted.map(|all| all.into_iter().map(|one| gate::admission(&gala, one)).collect::<Vec<_>>()))
        }
        other => sold(other, client).await,
    }
}

async fn sold(operation: &str, client: Client) -> String {
    match operation {
        "place_order" => {
            let items = order::items(&leg().lines).expect("lines of ours");
            let new = wire::NewOrder { customer: "BE-19D3A0C8", items: items.clone() };
            let placed = client.place_order(Operation::Hold, &new).await;
            shown(placed.map(|placed| {
                let fits = order::holds(&placed, &[(items.keys().next().expect("one").clone(), 2)].into());
                (order::standing(&placed), fits, order::held(&placed, "BE-19D3A0C8", &terms()))
            }))
        }
        "pay" => {
            let link = client.follow("/orders/4C0E91A7F2D4/payments").expect("a link");
            shown(client.pay(link, &a_card()).await.map(|settled| account::is_authorised(&settled)))
        }
        "wallet" => {
            let wallet = client.wallet("BE-19D3A0C8").await;
            shown(wallet.map(|tickets| {
                let issued = order::tickets(&leg(), tickets);
                let code = |one: &domain::ordering::IssuedTicket| {
                    one.barcode.as_ref().map(|code| code.value.expose_secret().to_owned())
                };
                (issued.iter().map(code).collect::<Vec<_>>(), issued)
            }))
        }
        "find_account" => {
            let found = client.find_account("TG-1").await;
            shown(found.map(|account| account.map(|account| (account.number, account.username, account.email))))
        }
        other => panic!("{other} has no mapping"),
    }
}

#[tokio::test]
async fn every_answer_is_mapped_as_the_papers_say() {
    for operation in TABLE {
        for case in cases(&format!("ticketing/{operation}")) {
            let name = format!("{operation}__{}", case.name);
            insta::assert_snapshot!(name, mapped(operation, case).await);
        }
    }
}

#[test]
fn every_folder_of_fixtures_is_in_the_table() {
    assert_eq!(operations("ticketing"), TABLE);
}

#[tokio::test]
async fn a_list_that_shrinks_under_us_ends_with_the_404_past_its_end() {
    let page = r#"{"total": 3, "page": 1, "records": 1, "entries": [{"self": "/events/1", "title": "One"}]}"#;
    let past = r#"{"error": "The specified page does not exist for the given records per page"}"#;
    let answers = vec![Case::new("first", 200, page), Case::new("past the end", 404, past)];
    let (client, prompter) = client(answers).await;
    let listed = client.published_events(Operation::ListEvents, "x").await.expect("events");
    assert_eq!((listed.len(), prompter.asked().len()), (1, 2));
}
