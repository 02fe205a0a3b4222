//! Table tests of the mapping: every response of `tests/fixtures/secutix` goes through the client and the mapping. A response
//! that exists in JSON and in XML must give the same value.

mod clock_changes;
mod hostile;
mod kept_catalog;
mod other_facts;

use std::fmt::Debug;
use std::time::Duration;

use domain::ordering::{Contact, DeliveryPreference, LegLine, LegRequest};
use domain::{Clock, Money, PerformanceKey, SourceId, TicketTypeKey, VendorError, VendorOperation};
use http_client::PausePolicy;
use jiff::tz::TimeZone;
use secrecy::ExposeSecret;
use testkit::{FixtureCase, ManualClock, StubServer, error_summary, fixture_operations, load_case, load_cases};

use crate::assumptions;
use crate::catalog_store::CatalogStore;
use crate::client::{Client, PollSchedule};
use crate::facts::Facts;
use crate::map::availability::{availability, availability_counts};
use crate::map::catalog;
use crate::map::money::AmountUnit;
use crate::map::orders;
use crate::map::point_of_sale::{PointOfSale, SourceDefaults};
use crate::map::snapshot::CatalogSnapshot;
use crate::protocol::{Identity, JsonProtocol, Protocol, SoapProtocol, TokenOrigin, TokenProvider};
use crate::wire::availability::EventAvailabilityQuery;
use crate::wire::catalog::CatalogData;
use crate::wire::orders::{CloseOrder, ContactData, SALE};

/// The operations that the table below maps.
const MAPPED_OPERATIONS: &[&str] = &[
    "close_order",
    "create_or_update_order",
    "get_catalog_detailed",
    "get_event_availability",
    "get_order_details",
    "get_pos_config",
];

/// One morning before the season, in RFC 3339.
const NOW: &str = "2031-09-01T08:00:00Z";

/// Polls without delay, but not forever.
const NO_DELAY: PollSchedule = PollSchedule { delays: [Duration::ZERO; 4], max_wait: Duration::from_secs(5) };

/// Creates a client for the encoding of the responses; the extension of the first one decides.
async fn client(responses: Vec<FixtureCase>) -> (Client, StubServer) {
    client_with(responses, Facts::of("")).await
}

/// Creates a client with other facts.
async fn client_with(responses: Vec<FixtureCase>, facts: std::sync::Arc<Facts>) -> (Client, StubServer) {
    let is_soap = responses[0].extension == "xml";
    let server = StubServer::responding(responses).await;
    let pauses = PausePolicy { default: crate::VENDOR.rate_limit_pause, max: Duration::from_secs(3600) };
    let (transport, base) = (server.client.clone().with_pauses(pauses), server.base.as_str());
    let protocol: Box<dyn Protocol> = if is_soap {
        Box::new(SoapProtocol::new(transport, base, "v1_33", "QUAI_DGTK", "a-password".into()))
    } else {
        let identity = Identity {
            institution: "QUAI".to_owned(),
            login: "QUAI_DGTK".to_owned(),
            password: "a-password".into(),
            partner: "ticketgraph".to_owned(),
        };
        Box::new(JsonProtocol::new(
            transport,
            base,
            "v1_33",
            TokenProvider::new(TokenOrigin::SelfSigned, identity, base, ManualClock::at(NOW)),
        ))
    };
    (Client::new(SourceId::new("quai"), protocol, NO_DELAY, facts), server)
}

fn format_result<T: Debug>(outcome: Result<T, VendorError>) -> String {
    match outcome {
        Ok(value) => format!("{value:#?}"),
        Err(error) => error_summary(&error),
    }
}

fn source_defaults() -> SourceDefaults {
    SourceDefaults {
        time_zone: TimeZone::get("Europe/Paris").expect("known time zone"),
        currency: "EUR".parse().ok(),
        point_of_sale_id: None,
        payment_method: None,
        facts: Facts::of(""),
    }
}

async fn point_of_sale() -> PointOfSale {
    let (client, _server) = client(vec![load_case("secutix/get_pos_config", "full.json")]).await;
    let pos = client.pos_config(VendorOperation::ListEvents).await.expect("point of sale response");
    PointOfSale::from_config(&pos, &source_defaults()).expect("complete point of sale")
}

/// Reads a catalog that is kept nowhere.
async fn read_catalog(client: &Client) -> Result<CatalogData, VendorError> {
    let store = CatalogStore::new(None, &Facts::of(""), ManualClock::at(NOW));
    client.catalog(VendorOperation::ListEvents, None, &store).await.map(|(catalog, _)| catalog)
}

async fn season_snapshot() -> CatalogSnapshot {
    let (client, _server) = client(vec![load_case("secutix/get_catalog_detailed", "season.json")]).await;
    let data = read_catalog(&client).await.expect("catalog response");
    catalog::snapshot(&data, point_of_sale().await, "https://quai.example.org", &Facts::of("")).0
}

/// A leg with two full-price tickets and a reduced one in the stalls.
fn leg() -> LegRequest {
    let line = |line, audience: i64, quantity, rappen| LegLine {
        line,
        performance: PerformanceKey::new("82011"),
        ticket_type: TicketTypeKey::new(format!("81011.s83011.{audience}")),
        quantity,
        unit_price: Money::new(rappen, "CHF".parse().expect("known currency")),
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
        contact: Some(contact),
        account: std::collections::BTreeMap::new(),
        locale: None,
        delivery: DeliveryPreference::Barcode,
        hold_waits_for_client: true,
    }
}

fn catalog_summary(snapshot: &CatalogSnapshot) -> impl Debug {
    let mut entries: Vec<_> =
        snapshot.performances.values().map(|entry| (entry.performance.key.clone(), entry.is_for_sale)).collect();
    entries.sort();
    (snapshot.listed.clone(), entries)
}

async fn map_case(operation: &str, case: FixtureCase) -> String {
    let (client, _server) = client(vec![case]).await;
    match operation {
        "get_pos_config" => {
            let pos = client.pos_config(VendorOperation::ListEvents).await;
            format_result(pos.map(|pos| PointOfSale::from_config(&pos, &source_defaults())))
        }
        "get_catalog_detailed" => {
            let data = read_catalog(&client).await;
            let point_of_sale = point_of_sale().await;
            let map = |data: &_| catalog::snapshot(data, point_of_sale, "https://quai.example.org", &Facts::of(""));
            format_result(data.map(|data| {
                let (snapshot, skipped) = map(&data);
                (format!("{:#?}", catalog_summary(&snapshot)), skipped)
            }))
            .replace("\\n", "\n")
            .replace("\\\"", "\"")
        }
        "get_event_availability" => {
            let query = EventAvailabilityQuery {
                point_of_sales_id: 510_100,
                event_ids: vec![81011],
                performance_ids: vec![82011],
                seat_category_ids: vec![assumptions::ALL_SEAT_CATEGORIES],
                contingent_ids: Vec::new(),
            };
            let rows = client.event_availability(&query).await;
            let season = season_snapshot().await;
            let entry = &season.performances[&PerformanceKey::new("82011")];
            let map = |rows: Vec<_>| {
                availability(
                    entry,
                    &availability_counts(&rows, entry.reference),
                    &season.point_of_sale,
                    ManualClock::at(NOW).now(),
                )
            };
            format_result(rows.map(map).map(|availability| {
                let offer = |one: domain::Offer| (one.ticket_type.key.clone(), one.vacancies, one.status);
                (
                    availability.status,
                    availability.vacancies,
                    availability.max_per_order,
                    availability.offers.into_iter().map(offer).collect::<Vec<_>>(),
                )
            }))
        }
        other => map_order_case(other, client).await,
    }
}

async fn map_order_case(operation: &str, client: Client) -> String {
    match operation {
        "create_or_update_order" => {
            let leg = leg();
            let written =
                orders::new_order(&leg, 510_100, "1000042".to_owned(), &Facts::of("")).expect("lines with valid keys");
            format_result(client.create_order(written).await.map(|update| {
                let lines = orders::assign_movements(
                    &leg,
                    &update.operation_data_updates.0,
                    &update.movement_data_updates.0,
                    AmountUnit::Thousandths,
                );
                (update.order_id, update.order_secret_id, lines)
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
            format_result(client.close_order(&close).await)
        }
        "get_order_details" => {
            let lines = [(93001, 0), (93002, 0), (93003, 1)].into();
            format_result(client.order_details(90001).await.map(|details| {
                let tickets = orders::tickets(&details, &lines, &Facts::of(""));
                let barcodes: Vec<_> = tickets
                    .iter()
                    .map(|one| one.barcode.as_ref().map(|code| code.value.expose_secret().to_owned()))
                    .collect();
                let state = Facts::of("").order_state(details.order_state.as_ref());
                (state, details.sale_amount, barcodes, tickets)
            }))
        }
        other => panic!("{other} has no mapping"),
    }
}

#[tokio::test]
async fn every_response_is_mapped_as_documented_and_identically_over_both_protocols() {
    for operation in MAPPED_OPERATIONS {
        // JSON and XML of one name share a snapshot, so they cannot drift apart.
        for case in load_cases(&format!("secutix/{operation}")) {
            let name = format!("{operation}__{}", case.name);
            let value = map_case(operation, case).await;
            insta::allow_duplicates! { insta::assert_snapshot!(name, value) }
        }
    }
}

#[tokio::test]
async fn json_and_soap_fixtures_of_one_name_map_to_the_same_value() {
    let mut pairs = 0;
    for operation in MAPPED_OPERATIONS {
        let all = load_cases(&format!("secutix/{operation}"));
        for json in all.iter().filter(|case| case.extension == "json") {
            let Some(soap) = all.iter().find(|case| case.extension == "xml" && case.name == json.name) else {
                continue;
            };
            assert_eq!(
                map_case(operation, json.clone()).await,
                map_case(operation, soap.clone()).await,
                "{}",
                json.name
            );
            pairs += 1;
        }
    }
    assert!(pairs > 20, "{pairs} pairs");
}

#[test]
fn every_fixture_folder_is_in_the_table() {
    assert_eq!(fixture_operations("secutix"), MAPPED_OPERATIONS);
}

#[tokio::test]
async fn a_catalog_in_progress_is_polled_by_its_request_id_over_both_protocols() {
    let in_progress = |extension: &str, id: Option<u32>| match extension {
        "json" => FixtureCase::new(
            "working",
            200,
            format!(
                "{{\"statusCode\": \"in_progress\", \"requestId\": {}}}",
                id.map_or("null".to_owned(), |id| id.to_string())
            ),
        ),
        _ => {
            let id = id.map(|id| format!("<requestId>{id}</requestId>")).unwrap_or_default();
            FixtureCase::new("working", 200, format!("<E:Envelope xmlns:E='e'><E:Body><r><CatalogResultDetailed>{id}<statusCode>in_progress</statusCode></CatalogResultDetailed></r></E:Body></E:Envelope>").replace("E:Envelope", "Envelope").replace("E:Body", "Body"))
        }
    };
    for extension in ["json", "xml"] {
        let done = load_case("secutix/get_catalog_detailed", &format!("season.{extension}"));
        let mut responses = vec![in_progress(extension, Some(17)), in_progress(extension, None), done];
        responses[0].extension = extension.to_owned();
        let (client, server) = client(responses).await;
        let data = read_catalog(&client).await.expect("catalog response");
        assert_eq!(data.seasons.0.len(), 1, "{extension}");
        let has_request_id = |call: &String| call.contains("requestId") && call.contains("17");
        assert_eq!(
            server.requests().iter().map(has_request_id).collect::<Vec<_>>(),
            [false, true, true],
            "{extension}"
        );
    }
}

#[tokio::test]
async fn a_new_order_whose_poll_fails_is_being_created_and_is_not_created_again() {
    let in_progress = || FixtureCase::new("working", 200, "{\"statusCode\": \"in_progress\", \"requestId\": 17}");
    let failed = |status| FixtureCase::new("failed", status, "");
    let done = load_case("secutix/create_or_update_order", "two_contingents.json");
    let written =
        || orders::new_order(&leg(), 510_100, "1000042".to_owned(), &Facts::of("")).expect("lines with valid keys");
    // A poll that failed is repeated, with the id of the request.
    for status in [503, 509] {
        let (client, server) = client(vec![in_progress(), failed(status), done.clone()]).await;
        assert!(client.create_order(written()).await.is_ok(), "{status}");
        let has_request_id: Vec<_> = server.requests().iter().map(|call| call.contains("requestId")).collect();
        assert_eq!(has_request_id, [false, true, true], "{status}");
    }
    // A poll that no repetition helps leaves the order unknown: it must not count as "nothing was done".
    let (client, server) = client(vec![in_progress(), failed(401)]).await;
    let error = client.create_order(written()).await.expect_err("no answer");
    assert_eq!(error.effect, domain::Effect::Unknown);
    assert_eq!(server.requests().iter().filter(|call| !call.contains("requestId")).count(), 1);
}
