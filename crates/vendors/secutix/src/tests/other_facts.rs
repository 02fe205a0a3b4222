//! Each assumption with another value than its default: the setting really switches.

use std::collections::BTreeMap;
use std::sync::Arc;

use domain::accounts::{AccountConfig, ResellerAccounts, WriteProbes};
use domain::ordering::{Ordering, SettlementRefusal, Symbology, TicketState};
use domain::{EventStatus, ExternalRef, OrderKey, RefusalReason};
use secrecy::ExposeSecret;
use testkit::{FixtureCase, ManualClock, StubServer, load_case};
use tokio_util::task::TaskTracker;
use vendor_api::Assumptions;

use crate::accounts::SecutixAccounts;
use crate::accounts::texts::unsold_reason;
use crate::assumptions::ASSUMPTIONS;
use crate::catalog_store::CatalogStore;
use crate::facts::{Facts, OrderState, Rejection};
use crate::map::catalog;
use crate::map::family::ProductFamily;
use crate::map::orders::{self, kind};
use crate::map::point_of_sale::{PointOfSale, SourceDefaults};
use crate::map::snapshot::CatalogSnapshot;
use crate::ordering::SecutixOrdering;
use crate::protocol::Parameters;
use crate::snapshot_cache::SnapshotCache;
use crate::tests::{NO_DELAY, NOW, client, client_with, leg, point_of_sale, read_catalog, source_defaults};
use crate::wire::LenientString;
use crate::wire::catalog::PosConfigResult;

fn text(words: &str) -> LenientString {
    LenientString(words.to_owned())
}

/// Barcodes of a sale with one ticket in its movement and one in the order's list.
async fn barcodes(facts: &str) -> Vec<Option<String>> {
    let body = r#"{ "statusCode": "success", "orderDetailsData": { "orderId": 90001, "orderState": "CLOSED",
        "movementDatas": [
            { "movementId": 93001, "ticketId": 95001, "ticketState": "VALID", "barcode": "INSIDE" },
            { "movementId": 93002 } ],
        "ticketDatas": [ { "movementId": "93002", "ticketId": 95002, "ticketState": "VALID", "barCode": "BESIDE" } ] } }"#;
    let facts = Facts::of(facts);
    let (client, _server) = client_with(vec![FixtureCase::new("order", 200, body)], facts.clone()).await;
    let details = client.order_details(90001).await.expect("an order");
    let tickets = orders::tickets(&details, &[(93001, 0), (93002, 0)].into(), &facts);
    let code = |ticket: domain::ordering::IssuedTicket| Some(ticket.barcode?.value.expose_secret().to_owned());
    tickets.into_iter().map(code).collect()
}

#[tokio::test]
async fn tickets_are_found_in_the_movement_in_the_list_or_in_either() {
    let (inside, beside) = (Some("INSIDE".to_owned()), Some("BESIDE".to_owned()));
    assert_eq!(barcodes("").await, [inside.clone(), beside.clone()]);
    assert_eq!(barcodes("assumptions.tickets_at = \"movement\"").await, [inside, None]);
    assert_eq!(barcodes("assumptions.tickets_at = \"order\"").await, [None, beside]);
}

#[tokio::test]
async fn the_detail_of_orders_is_asked_for_as_configured() {
    for (facts, sent) in [
        ("", Some("\"granularity\":\"TICKETS\"")),
        ("assumptions.order_granularity = \"MOVEMENTS\"", Some("\"granularity\":\"MOVEMENTS\"")),
        ("assumptions.order_granularity = \"none\"", None),
    ] {
        let closed = load_case("secutix/get_order_details", "closed.json");
        let (client, server) = client_with(vec![closed], Facts::of(facts)).await;
        client.order_details(90001).await.expect("an order");
        let request = server.requests().remove(0);
        assert_eq!(request.contains("granularity"), sent.is_some(), "{request}");
        assert!(sent.is_none_or(|sent| request.contains(sent)), "{request}");
    }
}

#[test]
fn the_fields_of_a_line_have_the_configured_order_in_soap() {
    let audience = "<audienceSubCategoryId>84011</audienceSubCategoryId><quantity>2</quantity>";
    let date = "<performanceId>82011</performanceId><seatCategoryId>83011</seatCategoryId>";
    for (facts, fields) in [
        ("", format!("{audience}{date}")),
        ("assumptions.soap_attribution_order = \"performance_first\"", format!("{date}{audience}")),
    ] {
        let order = orders::new_order(&leg(), 510_100, "1000042".to_owned(), &Facts::of(facts)).expect("valid lines");
        let xml = order.to_xml("v1:createOrUpdateOrder").expect("encodable");
        assert!(xml.contains(&format!("<operationAttributions>{fields}</operationAttributions>")), "{xml}");
    }
}

async fn snapshot(catalog: &str, facts: &str) -> CatalogSnapshot {
    let (client, _server) = client(vec![FixtureCase::new("catalog", 200, catalog)]).await;
    let data = read_catalog(&client).await.expect("a catalog");
    catalog::snapshot(&data, point_of_sale().await, "https://quai.example.org", &Facts::of(facts)).0
}

#[tokio::test]
async fn seasons_of_other_organizations_are_left_out() {
    let season = |id: u32, code: &str, organization: &str| {
        format!(
            "{{\"id\": {id}, \"code\": \"{code}\", \"organizationCode\": \"{organization}\", \"products\": [{{\"id\": {id}9, \"state\": \"RUNNING\", \"productFamilyType\": \"SINGLE_ENTRY\"}}]}}"
        )
    };
    let body = format!(
        "{{\"statusCode\": \"success\", \"catalogData\": {{\"seasons\": [{}, {}]}}}}",
        season(1, "OURS", "MAIN"),
        season(2, "THEIRS", "OTHER")
    );
    for (seasons, listed) in [
        ("[]", vec!["19", "29"]),
        ("[\"ours\"]", vec!["19"]),
        ("[\"2\"]", vec!["29"]),
        ("[\"MAIN\"]", vec!["19"]),
        ("[\"NONE\"]", vec![]),
    ] {
        let snapshot = snapshot(&body, &format!("assumptions.seasons = {seasons}")).await;
        let keys: Vec<&str> = snapshot.listed.iter().map(|event| event.key.as_str()).collect();
        assert_eq!(keys, listed, "{seasons}");
        assert_eq!(snapshot.seasons, ["OURS", "THEIRS"]);
    }
}

#[tokio::test]
async fn a_service_is_sold_by_item_if_the_settings_say_so() {
    let body = r#"{"statusCode": "success", "catalogData": {"seasons": [{"id": 1, "products": [
        {"id": 81009, "productFamilyType": "SERVICE", "state": "RUNNING", "service": {"dateMandatory": false,
         "items": [{"itemId": 7001, "itemPrices": [{"audSubCatId": 84011, "amount": 5000}]}]}}]}]}}"#;
    let unsold = snapshot(body, "").await;
    assert!(unsold.listed.is_empty());
    assert_eq!(unsold.unsold_families, [(ProductFamily::Service, 1)].into());
    assert!(
        unsold_reason(ProductFamily::Service).iter().all(|text| text.contains("sold_families")),
        "the setting that sells them"
    );
    let sold = snapshot(body, "assumptions.sold_families = [\"PASS\", \"SERVICE\"]").await;
    assert_eq!((sold.listed[0].status, sold.performances.len()), (EventStatus::OnSale, 1));
    assert!(sold.unsold_families.is_empty());
    assert_eq!(sold.listed[0].price_from.map(|price| price.amount), Some(500));
}

#[tokio::test]
async fn families_that_are_not_sold_are_counted_and_undocumented_words_are_not_repeated() {
    let product =
        |id: u32, family: &str| format!(r#"{{"id": {id}, "productFamilyType": "{family}", "state": "RUNNING"}}"#);
    let families = ["SINGLE_ENTRY", "MEMBERSHIP", "SEASONTICKET", "SEASONTICKET", "HAUSMARKE", "goods"];
    let products: Vec<String> = (1..).zip(families).map(|(id, family)| product(id, family)).collect();
    let body = format!(
        r#"{{"statusCode": "success", "catalogData": {{"seasons": [{{"id": 1, "products": [{}]}}]}}}}"#,
        products.join(",")
    );
    let counts: Vec<(&str, usize)> =
        snapshot(&body, "").await.unsold_families.iter().map(|(family, count)| (family.name(), *count)).collect();
    assert_eq!(counts, [("SEASONTICKET", 2), ("MEMBERSHIP", 1), ("GOODS", 1), ("OTHER", 1)]);
}

#[test]
fn digital_privileges_cannot_be_set_as_sold() {
    for (family, is_refused) in [("SEASONTICKET", true), ("Membership", true), ("SERVICE", false)] {
        let settings = format!("assumptions.sold_families = [\"PASS\", \"{family}\"]").parse().expect("TOML");
        let values = Assumptions::from_settings(ASSUMPTIONS, &settings).expect("texts");
        assert_eq!(Facts::from_assumptions(&values).is_err(), is_refused, "{family}");
    }
}

/// A venue whose amounts are in cents: its smallest amount is five of them.
async fn point_of_sale_in_hundredths(unit: &str) -> PointOfSale {
    let body = r#"{"posConfigData": {"posId": 510100, "currencyCode": "CHF",
        "catalogCurrencies": [{"currencyCode": "CHF", "fractionDigit": 2, "minAmount": 5}]}}"#;
    let result: PosConfigResult = serde_json::from_str(body).expect("a point of sale");
    let facts = Facts::of(&format!("assumptions.amount_unit = \"{unit}\""));
    let defaults = SourceDefaults { facts, ..source_defaults() };
    PointOfSale::from_config(&result.pos_config_data.expect("data"), &defaults).expect("complete")
}

#[tokio::test]
async fn amounts_in_another_unit_are_not_sold_until_the_setting_says_so() {
    let case = load_case("secutix/get_catalog_detailed", "season.json");
    let (client, _server) = client(vec![case]).await;
    let data = read_catalog(&client).await.expect("a catalog");
    let mut lowest = Vec::new();
    for unit in ["thousandths", "hundredths"] {
        let point_of_sale = point_of_sale_in_hundredths(unit).await;
        let (snapshot, skipped) = catalog::snapshot(&data, point_of_sale, "https://quai.example.org", &Facts::of(""));
        let prices: usize = snapshot.performances.values().map(|entry| entry.prices.len()).sum();
        assert_eq!(prices == 0, unit == "thousandths", "{unit}");
        assert_eq!(snapshot.unsold_prices, skipped.invalid_amounts);
        lowest.push(snapshot.listed.iter().find_map(|event| event.price_from).map(|price| price.amount));
    }
    assert_eq!(lowest[0], None);
    assert!(lowest[1].is_some());
}

#[test]
fn words_of_states_codes_and_categories_are_those_of_the_settings() {
    let default = Facts::of("");
    let other = Facts::of(
        "[assumptions]\norder_states = { SOLD = \"closed\" }\nticket_states = { PRINTED = \"issued\" }\n\
         event_states = { OPEN = \"on_sale\" }\nrejections = { \"error.full\" = \"sold_out\", \"error.none\" = \"not_found\" }\n\
         admissions = [\"PASSED\"]\nactive_states = [\"ON\"]\noff_sale_categories = [\"STAFF\"]",
    );
    let states = |facts: &Facts| {
        let refused = facts.rejection("error.full") == Rejection::Refused(RefusalReason::SoldOut { remaining: None });
        (
            facts.order_state(Some(&text("Sold"))) == OrderState::Closed,
            facts.ticket_state(Some(&text("PRINTED")), false) == TicketState::Issued,
            facts.event_status(Some(&text("OPEN"))) == EventStatus::OnSale,
            refused && facts.rejection("error.none") == Rejection::NotFound,
            facts.is_admission(Some(&text("PASSED"))),
            facts.is_active(Some(&text("ON"))),
            !facts.is_for_sale(Some(&text("STAFF"))),
        )
    };
    assert_eq!(states(&default), (false, false, false, false, false, false, false));
    assert_eq!(states(&other), (true, true, true, true, true, true, true));
    // Words add to the default, lists replace it.
    assert_eq!(other.order_state(Some(&text("CLOSED"))), OrderState::Closed);
    assert!(!other.is_admission(Some(&text("OK"))) && default.is_admission(Some(&text("OK"))));
}

#[tokio::test]
async fn limits_lifetimes_symbology_and_the_pending_account_are_those_of_the_settings() {
    let facts = Facts::of(
        "[assumptions]\nmax_performances = 7\nhold_minutes = 4\nsymbology = \"aztec\"\npending_account = \"BANK_CARD\"",
    );
    let traits = crate::source_traits(&facts);
    assert_eq!((traits.max_batch, traits.hold_ttl.as_secs()), (7, 240));
    let closed = load_case("secutix/get_order_details", "closed.json");
    let (client, _server) = client_with(vec![closed], facts.clone()).await;
    let details = client.order_details(90001).await.expect("an order");
    let tickets = orders::tickets(&details, &[(93001, 0)].into(), &facts);
    assert_eq!(tickets[0].barcode.as_ref().map(|code| code.symbology), Some(Symbology::Aztec));
    let pos: PosConfigResult =
        serde_json::from_slice(&load_case("secutix/get_pos_config", "full.json").body).expect("a point of sale");
    let pos = pos.pos_config_data.expect("data");
    let method = |facts| PointOfSale::from_config(&pos, &SourceDefaults { facts, ..source_defaults() });
    assert_eq!(method(Facts::of("")).expect("complete").payment_method, Some(86001));
    assert_eq!(method(facts).expect("complete").payment_method, Some(86002));
}

#[tokio::test]
async fn a_sale_without_payments_needs_no_payment_method() {
    const NO_METHOD: &str = "assumptions.pending_account = \"NOTHING\"";
    for (rule, is_sold) in [("list", false), ("facade", false), ("none", true)] {
        let facts = Facts::of(&format!("{NO_METHOD}\nassumptions.close_payments = \"{rule}\""));
        let responses = vec![
            load_case("secutix/get_pos_config", "full.json"),
            load_case("secutix/close_order", "closed.json"),
            load_case("secutix/get_order_details", "closed.json"),
        ];
        let (ordering, server) = ordering(responses, &facts).await;
        let refs = [ExternalRef::new(kind::ORDER, "90001"), ExternalRef::new(kind::AMOUNT, "450500")];
        let sale = ordering.confirm(&OrderKey::random().step_key(0, "confirm"), &leg(), &refs).await;
        assert_eq!(sale.is_ok(), is_sold, "{rule}: {sale:?}");
        let refusal = ordering.settlement_refusal(&leg());
        let no_instrument = SettlementRefusal::NoInstrument { setting: "payment_method" };
        assert_eq!(refusal, (!is_sold).then_some(no_instrument), "{rule}");
        let close = server.requests().into_iter().find(|call| call.contains("closeOrder"));
        assert_eq!(close.is_some_and(|call| !call.contains("paymentMethodId")), is_sold, "{rule}");
        assert_eq!(checks(&facts).await.contains(&"PENDING_ACCOUNT"), !is_sold, "{rule}");
    }
}

/// Codes of the checks of an account.
async fn checks(facts: &Arc<Facts>) -> Vec<&'static str> {
    let responses = vec![load_case("secutix/get_pos_config", "full.json"), FixtureCase::new("refused", 404, "{}")];
    let (ordering, server) = ordering(responses, facts).await;
    let accounts = SecutixAccounts {
        client: ordering.client,
        snapshots: ordering.snapshots,
        clock: ManualClock::at(NOW),
        institution: "QUAI".to_owned(),
        base_url: server.base.clone(),
        login: "QUAI_DGTK".to_owned(),
        contact: ordering.contact,
        contingents: Vec::new(),
    };
    let account = AccountConfig { reseller: None, keys: BTreeMap::new() };
    accounts.check_account(&account, WriteProbes::Never).await.into_iter().map(|check| check.code).collect()
}

/// Sells at a point of sale whose payment methods are those of the first response.
async fn ordering(responses: Vec<FixtureCase>, facts: &Arc<Facts>) -> (SecutixOrdering, StubServer) {
    let (client, server) = client_with(responses, Arc::clone(facts)).await;
    let (client, clock) = (Arc::new(client), ManualClock::at(NOW));
    let snapshots = SnapshotCache::new(
        Arc::clone(&client),
        Arc::clone(&clock) as _,
        TaskTracker::new(),
        SourceDefaults { facts: Arc::clone(facts), ..source_defaults() },
        server.base.clone(),
        CatalogStore::new(None, facts, clock),
    );
    let ordering = SecutixOrdering {
        client,
        snapshots: Arc::new(snapshots),
        contact: "1000042".to_owned(),
        channel: "DGTK".to_owned(),
        contingents: Vec::new(),
        completion_schedule: NO_DELAY,
    };
    (ordering, server)
}
