//! The mapping, table by table: every answer of `tests/fixtures/secutix` through the client that reads it and the mapping behind it.
//! An answer that is there in JSON and in XML is the same one: both come out as the same value.

mod clock_changes;
mod hostile;

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use secrecy::ExposeSecret;

use crate::client::{Client, Pace};
use crate::inferred;
use crate::map::availability::{availability, counts};
use crate::map::catalog;
use crate::map::order;
use crate::map::snapshot::Snapshot;
use crate::map::till::{House, Till};
use crate::speech::{Identity, JsonSpeech, SoapSpeech, Speech, TokenMaker, Tokens};
use crate::wire::availability::EventAvailabilityQuery;
use crate::wire::order::{CloseOrder, ContactData, SALE};
use domain::ordering::{Contact, DeliveryPreference, LegLine, LegRequest};
use domain::{Clock, Money, Operation, PerformanceKey, SourceId, TicketTypeKey, VendorError};
use testkit::{Case, Prompter, case, cases, operations, told};

/// The operations that the table below maps.
const TABLE: &[&str] = &[
    "close_order",
    "create_or_update_order",
    "get_catalog_detailed",
    "get_event_availability",
    "get_order_details",
    "get_pos_config",
];

/// One morning before the season.
struct Fixed;

impl Clock for Fixed {
    fn now(&self) -> Timestamp {
        "2031-09-01T08:00:00Z".parse().expect("an instant")
    }
}

/// Asks without waiting, and not for ever.
const AT_ONCE: Pace = Pace { waits: [Duration::ZERO; 4], patience: Duration::from_secs(5) };

/// A client that speaks as the answers are written: the ending of the first decides.
async fn client(answers: Vec<Case>) -> (Client, Prompter) {
    let is_soap = answers[0].ending == "xml";
    let prompter = Prompter::giving(answers).await;
    let (transport, base) = (prompter.transport.clone(), prompter.base.as_str());
    let speech: Box<dyn Speech> = if is_soap {
        Box::new(SoapSpeech::new(transport, base, "v1_33", "QUAI_DGTK", "a-password".into()))
    } else {
        let identity = Identity {
            institution: "QUAI".to_owned(),
            login: "QUAI_DGTK".to_owned(),
            password: "a-password".into(),
            partner: "ticketgraph".to_owned(),
        };
        Box::new(JsonSpeech::new(
            transport,
            base,
            "v1_33",
            Tokens::new(TokenMaker::Us, identity, base, Arc::new(Fixed)),
        ))
    };
    (Client::new(SourceId::new("quai"), speech, AT_ONCE), prompter)
}

fn shown<T: Debug>(outcome: Result<T, VendorError>) -> String {
    match outcome {
        Ok(value) => format!("{value:#?}"),
        Err(error) => told(&error),
    }
}

fn house() -> House {
    House {
        zone: TimeZone::get("Europe/Paris").expect("a zone"),
        currency: "EUR".parse().ok(),
        point_of_sale: None,
        payment_method: None,
    }
}

async fn till() -> Till {
    let (client, _prompter) = client(vec![case("secutix/get_pos_config", "full.json")]).await;
    let pos = client.pos_config(Operation::ListEvents).await.expect("a point of sale");
    Till::read(&pos, &house()).expect("a till")
}

async fn season() -> Snapshot {
    let (client, _prompter) = client(vec![case("secutix/get_catalog_detailed", "season.json")]).await;
    let told = client.catalog(Operation::ListEvents).await.expect("a catalogue");
    catalog::snapshot(&told, till().await, "https://quai.example.org").0
}

/// Two full prices and a reduced one in the stalls.
fn leg() -> LegRequest {
    let line = |line, audience: i64, quantity, rappen| LegLine {
        line,
        performance: PerformanceKey::new("82011"),
        ticket_type: TicketTypeKey::new(format!("81011.s83011.{audience}")),
        quantity,
        unit_price: Money::new(rappen, "CHF".parse().expect("a currency")),
    };
    let contact = Contact {
        first_name: "Ada".to_owned(),
        last_name: "Guest".to_owned(),
        email: "ada@example.org".to_owned(),
        phone: None,
        postal_code: None,
    };
    LegRequest {
        reference: "TG-1".to_owned(),
        lines: vec![line(0, 84011, 2, 18_000), line(1, 84012, 1, 9_050)],
        contact,
        account: std::collections::BTreeMap::new(),
        locale: None,
        delivery: DeliveryPreference::Barcode,
    }
}

fn catalogue(snapshot: &Snapshot) -> impl Debug {
    let mut shows: Vec<_> =
        snapshot.shows.values().map(|show| (show.performance.key.clone(), show.is_for_sale)).collect();
    shows.sort();
    (snapshot.listed.clone(), shows)
}

async fn mapped(operation: &str, case: Case) -> String {
    let (client, _prompter) = client(vec![case]).await;
    match operation {
        "get_pos_config" => {
            let pos = client.pos_config(Operation::ListEvents).await;
            shown(pos.map(|pos| Till::read(&pos, &house())))
        }
        "get_catalog_detailed" => {
            let told = client.catalog(Operation::ListEvents).await;
            let till = till().await;
            let read = |told: &_| catalog::snapshot(told, till, "https://quai.example.org");
            shown(told.map(|told| {
                let (snapshot, losses) = read(&told);
                (format!("{:#?}", catalogue(&snapshot)), losses)
            }))
            .replace("\\n", "\n")
            .replace("\\\"", "\"")
        }
        "get_event_availability" => {
            let query = EventAvailabilityQuery {
                point_of_sales_id: 510_100,
                event_ids: vec![81011],
                performance_ids: vec![82011],
                seat_category_ids: vec![inferred::EACH_CATEGORY],
                contingent_ids: Vec::new(),
            };
            let rows = client.event_availability(&query).await;
            let season = season().await;
            let show = &season.shows[&PerformanceKey::new("82011")];
            let free = |rows: Vec<_>| availability(show, &counts(&rows, show.occasion), &season.till, Fixed.now());
            shown(rows.map(free).map(|told| {
                let offer = |one: domain::Offer| (one.ticket_type.key.clone(), one.vacancies, one.status);
                (
                    told.status,
                    told.vacancies,
                    told.max_per_order,
                    told.offers.into_iter().map(offer).collect::<Vec<_>>(),
                )
            }))
        }
        other => sold(other, client).await,
    }
}

async fn sold(operation: &str, client: Client) -> String {
    match operation {
        "create_or_update_order" => {
            let leg = leg();
            let written = order::new_order(&leg, 510_100, "1000042".to_owned()).expect("lines of ours");
            shown(client.create_order(written).await.map(|made| {
                let lines = order::allot(&leg, &made.operation_data_updates.0, &made.movement_data_updates.0);
                (made.order_id, made.order_secret_id, lines)
            }))
        }
        "close_order" => {
            let purchaser_info = ContactData { contact_reference: "1000042".to_owned() };
            let (order_id, payments) = (90001, Vec::new());
            let close = CloseOrder {
                order_id,
                order_type: SALE,
                purchaser_info,
                payments,
                generate_bar_codes: true,
                max_waiting_time: 0,
            };
            shown(client.close_order(&close).await)
        }
        "get_order_details" => {
            let lines = [(93001, 0), (93002, 0), (93003, 1)].into();
            shown(client.order_details(90001).await.map(|details| {
                let tickets = order::tickets(&details, &lines);
                let codes: Vec<_> = tickets
                    .iter()
                    .map(|one| one.barcode.as_ref().map(|code| code.value.expose_secret().to_owned()))
                    .collect();
                let state = inferred::order_state(details.order_state.as_ref());
                (state, details.sale_amount, order::has_all_codes(&details), codes, tickets)
            }))
        }
        other => panic!("{other} has no mapping"),
    }
}

#[tokio::test]
async fn every_answer_is_mapped_as_the_papers_say_and_alike_over_both_transports() {
    for operation in TABLE {
        // JSON and XML of one name share a snapshot, so that one cannot drift from the other.
        for case in cases(&format!("secutix/{operation}")) {
            let name = format!("{operation}__{}", case.name);
            let value = mapped(operation, case).await;
            insta::allow_duplicates! { insta::assert_snapshot!(name, value) }
        }
    }
}

#[tokio::test]
async fn json_and_soap_of_one_name_are_the_same_value() {
    let mut pairs = 0;
    for operation in TABLE {
        let all = cases(&format!("secutix/{operation}"));
        for json in all.iter().filter(|case| case.ending == "json") {
            let Some(soap) = all.iter().find(|case| case.ending == "xml" && case.name == json.name) else { continue };
            assert_eq!(mapped(operation, json.clone()).await, mapped(operation, soap.clone()).await, "{}", json.name);
            pairs += 1;
        }
    }
    assert!(pairs > 20, "{pairs} pairs");
}

#[test]
fn every_folder_of_fixtures_is_in_the_table() {
    assert_eq!(operations("secutix"), TABLE);
}

#[tokio::test]
async fn a_catalogue_in_the_making_is_asked_for_by_its_request_id_over_both_transports() {
    let working = |ending: &str, id: Option<u32>| match ending {
        "json" => Case::new(
            "working",
            200,
            format!(
                "{{\"statusCode\": \"in_progress\", \"requestId\": {}}}",
                id.map_or("null".to_owned(), |id| id.to_string())
            ),
        ),
        _ => {
            let id = id.map(|id| format!("<requestId>{id}</requestId>")).unwrap_or_default();
            Case::new("working", 200, format!("<E:Envelope xmlns:E='e'><E:Body><r><CatalogResultDetailed>{id}<statusCode>in_progress</statusCode></CatalogResultDetailed></r></E:Body></E:Envelope>").replace("E:Envelope", "Envelope").replace("E:Body", "Body"))
        }
    };
    for ending in ["json", "xml"] {
        let done = case("secutix/get_catalog_detailed", &format!("season.{ending}"));
        let mut answers = vec![working(ending, Some(17)), working(ending, None), done];
        answers[0].ending = ending.to_owned();
        let (client, prompter) = client(answers).await;
        let told = client.catalog(Operation::ListEvents).await.expect("a catalogue");
        assert_eq!(told.seasons.0.len(), 1, "{ending}");
        let names_it = |call: &String| call.contains("requestId") && call.contains("17");
        assert_eq!(prompter.asked().iter().map(names_it).collect::<Vec<_>>(), [false, true, true], "{ending}");
    }
}
