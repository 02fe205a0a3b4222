//! SecuTix: detail of orders, place of tickets, unit of amounts, contingents, seasons, payments and words (`secutix.md §8`).

use std::collections::BTreeMap;

use domain::ordering::{
    ConfirmedSale, Contact, DeliveryPreference, IssuedTicket, LegLine, LegRequest, Ordering, PlacedHold, TicketState,
};
use domain::{
    CatalogScope, Clock, Effect, ErrorKind, Money, OrderKey, PerformanceWindow, RefusalReason, TicketTypeKey,
    VendorError,
};
use serde_json::{Value, json};

use crate::contract::fixture::{VendorFixture, secutix, secutix_with};

const EVENT: &str = "81001";
const TICKET_TYPE: &str = "81001.s83001.84011";
const KEY: OrderKey = OrderKey(uuid::Uuid::from_u128(16));

/// The opera house with settings and other readings.
async fn opera(settings: &str, readings: &[(&str, Option<&str>, Value)]) -> VendorFixture {
    let fixture = secutix_with("OPERA", settings).await;
    for (name, id, value) in readings {
        fixture.change_state(name, *id, value.clone());
    }
    fixture
}

fn ordering(fixture: &VendorFixture) -> &dyn Ordering {
    fixture.source.ordering.as_deref().expect("ordering port")
}

/// Two adults in the stalls, at 180 francs each.
async fn leg(fixture: &VendorFixture) -> LegRequest {
    let events = fixture.source.catalog.list_events(CatalogScope::Public).await.expect("events").value;
    let event = events.iter().find(|one| one.key.as_str() == EVENT).expect("an event");
    let window = PerformanceWindow { from: fixture.clock.now(), to: None, limit: 10 };
    let mut lists = fixture.source.catalog.list_performances(std::slice::from_ref(&event.key), &window).await;
    let dates = lists.remove(&event.key).expect("a response").expect("dates").value;
    let line = LegLine {
        line: 0,
        performance: dates.last().expect("a date").key.clone(),
        ticket_type: TicketTypeKey::new(TICKET_TYPE),
        quantity: 2,
        unit_price: Money::new(18_000, "CHF".parse().expect("a currency")),
    };
    LegRequest {
        reference: "TG-0016-A".to_owned(),
        lines: vec![line],
        contact: Some(Contact {
            first_name: "Ada".to_owned(),
            last_name: "Guest".to_owned(),
            email: "ada@example.org".to_owned(),
            phone: None,
            postal_code: None,
        }),
        account: BTreeMap::new(),
        locale: None,
        delivery: DeliveryPreference::Barcode,
        hold_waits_for_client: false,
    }
}

async fn hold(fixture: &VendorFixture, leg: &LegRequest) -> Result<PlacedHold, VendorError> {
    ordering(fixture).hold(&KEY.step_key(0, "hold"), leg).await
}

async fn sell(fixture: &VendorFixture) -> Result<ConfirmedSale, VendorError> {
    let leg = leg(fixture).await;
    let held = hold(fixture, &leg).await?;
    ordering(fixture).confirm(&KEY.step_key(0, "confirm"), &leg, &held.refs).await
}

fn holdings(fixture: &VendorFixture) -> (usize, usize) {
    let inventory = fixture.running.stage.inventory();
    let count = |name: &str| inventory[name].as_array().map_or(0, Vec::len);
    (count("holds"), count("orders"))
}

fn has_codes(tickets: &[IssuedTicket]) -> bool {
    let is_issued = |ticket: &IssuedTicket| ticket.barcode.is_some() && ticket.state == TicketState::Issued;
    tickets.len() == 2 && tickets.iter().all(is_issued)
}

fn is_refused(error: &VendorError, reason: &RefusalReason) -> bool {
    error.effect == Effect::None && matches!(&error.kind, ErrorKind::Rejected(refusal) if refusal.reason == *reason)
}

#[tokio::test]
async fn an_order_has_its_tickets_only_if_their_detail_is_asked_for() {
    for (settings, has) in [
        ("", true),
        ("assumptions.order_granularity = \"MOVEMENTS\"", false),
        ("assumptions.order_granularity = \"OPERATIONS\"", false),
        ("assumptions.order_granularity = \"none\"", false),
    ] {
        let fixture = opera(settings, &[]).await;
        let sold = sell(&fixture).await.expect("a sale");
        assert_eq!((sold.tickets.len(), has_codes(&sold.tickets)), (2, has), "{settings}");
        assert!(sold.tickets.iter().all(|ticket| ticket.state != TicketState::Void), "{settings}");
        assert_eq!(holdings(&fixture), (0, 1), "{settings}");
    }
}

#[tokio::test]
async fn tickets_beside_the_movements_are_found() {
    for (settings, has) in [
        ("", true),
        ("assumptions.tickets_at = \"order\"", true),
        ("assumptions.tickets_at = \"movement\"", false),
        ("transport = \"soap\"", true),
    ] {
        let fixture = opera(settings, &[("tickets_beside", None, json!(true))]).await;
        let sold = sell(&fixture).await.expect("a sale");
        assert_eq!(has_codes(&sold.tickets), has, "{settings}");
    }
}

#[tokio::test]
async fn amounts_in_hundredths_are_never_a_tenth_of_the_price() {
    let reading = [("hundredths", None, json!(true))];
    let fixture = opera("", &reading).await;
    let events = fixture.source.catalog.list_events(CatalogScope::Public).await.expect("events").value;
    assert!(events.iter().all(|event| event.price_from.is_none_or(|price| price.amount == 0)), "{events:?}");
    let error = sell(&fixture).await.expect_err("no price fits");
    assert_eq!((error.kind, error.effect), (ErrorKind::Malformed, Effect::None));
    assert_eq!(holdings(&fixture), (0, 0), "the cart is given back");
    let fixture = opera("assumptions.amount_unit = \"hundredths\"", &reading).await;
    let sold = sell(&fixture).await.expect("a sale");
    assert_eq!(sold.total.map(|total| total.amount), Some(36_000));
    assert_eq!(fixture.running.stage.inventory()["orders"][0]["total_minor"], json!(36_000));
}

#[tokio::test]
async fn a_cart_out_of_another_contingent_is_given_back() {
    let only = "contingents = [88002]";
    let fixture = opera(only, &[]).await;
    let error = sell(&fixture).await.expect_err("the vendor takes seats of 88001");
    assert!(is_refused(&error, &RefusalReason::SoldOut { remaining: None }), "{error}");
    assert_eq!(holdings(&fixture), (0, 0));
    let fixture = opera(only, &[("close_contingent", Some("88001"), json!(null))]).await;
    sell(&fixture).await.expect("seats of 88002");
    let ignored = format!("{only}\nassumptions.contingents = \"ignore\"");
    sell(&opera(&ignored, &[]).await).await.expect("seats of any contingent");
    let unnamed = [("unnamed_contingents", None, json!(true))];
    sell(&opera(only, &unnamed).await).await.expect("seats of an unnamed contingent");
    let required = format!("{only}\nassumptions.contingents = \"require\"");
    let fixture = opera(&required, &unnamed).await;
    assert!(sell(&fixture).await.is_err());
    assert_eq!(holdings(&fixture), (0, 0));
}

#[tokio::test]
async fn a_season_of_another_organization_is_listed_unless_the_own_ones_are_named() {
    let reading = [("other_season", None, json!(true))];
    let list = async |settings: &str| {
        let fixture = opera(settings, &reading).await;
        let events = fixture.source.catalog.list_events(CatalogScope::All).await.expect("events").value;
        let keys: Vec<String> = events.iter().map(|event| event.key.to_string()).collect();
        let own = events.iter().find(|event| event.key.as_str() == EVENT).map(|event| {
            let season = event.refs.iter().find(|one| one.kind == "secutix.season").expect("a season");
            season.value.clone()
        });
        (keys.contains(&"99001".to_owned()), own)
    };
    let (has_foreign, own) = list("").await;
    assert!(has_foreign);
    let own = own.expect("the own event");
    assert_eq!(list(&format!("assumptions.seasons = [\"{own}\"]")).await, (false, Some(own)));
    assert_eq!(list("assumptions.seasons = [\"OTHER\"]").await, (true, None));
}

#[tokio::test]
async fn payments_in_another_place_refuse_the_sale_until_the_setting_names_it() {
    for (place, settings) in
        [("none", "assumptions.close_payments = \"none\""), ("facade", "assumptions.close_payments = \"facade\"")]
    {
        for transport in ["json", "soap"] {
            let reading = [("payments_at", None, json!(place))];
            let fixture = opera(&format!("transport = \"{transport}\""), &reading).await;
            let error = sell(&fixture).await.expect_err("refused");
            assert!(is_refused(&error, &RefusalReason::PaymentDeclined), "{place} {transport}: {error}");
            assert_eq!(holdings(&fixture).1, 0, "{place} {transport}");
            let fixture = opera(&format!("transport = \"{transport}\"\n{settings}"), &reading).await;
            let sold = sell(&fixture).await.expect("a sale");
            assert!(has_codes(&sold.tickets), "{place} {transport}");
            assert_eq!(holdings(&fixture), (0, 1), "{place} {transport}");
        }
    }
}

#[tokio::test]
async fn other_words_for_states_sell_nothing_twice_and_are_read_once_the_settings_know_them() {
    let open = [("word", Some("IN_PROGRESS"), json!("OPENED"))];
    let sold = sell(&opera("", &open).await).await.expect("the word of an open cart matters to nothing");
    assert!(has_codes(&sold.tickets));
    let printed = [("word", Some("VALID"), json!("PRINTED"))];
    let sold = sell(&opera("", &printed).await).await.expect("a sale");
    assert!(sold.tickets.iter().all(|ticket| ticket.state == TicketState::Pending));
    let known = "assumptions.ticket_states = { PRINTED = \"issued\" }";
    assert!(has_codes(&sell(&opera(known, &printed).await).await.expect("a sale").tickets));
    let closed = [("word", Some("CLOSED"), json!("SOLD"))];
    let fixture = opera("assumptions.order_states = { SOLD = \"closed\" }", &closed).await;
    assert!(has_codes(&sell(&fixture).await.expect("a sale").tickets));
    assert_eq!(holdings(&fixture), (0, 1));
}

#[tokio::test]
async fn the_readiness_check_prints_a_price_and_the_seasons_and_names_a_wrong_unit() {
    let check = async |fixture: &VendorFixture| -> Vec<domain::accounts::AccountCheck> {
        let accounts = fixture.source.accounts.as_ref().expect("accounts");
        accounts.check_account(&domain::accounts::AccountConfig::default(), domain::accounts::WriteProbes::Never).await
    };
    let outcome = |checks: &[domain::accounts::AccountCheck], code: &str| {
        let found = checks.iter().find(|check| check.code == code).expect("a check");
        (found.title.main.clone(), format!("{:?}", found.outcome))
    };
    let checks = check(&secutix("OPERA", "json").await).await;
    let (title, result) = outcome(&checks, "PRICES");
    assert!(title.contains("CHF") && result == "Passed", "{title} {result}");
    let checks = check(&opera("", &[("other_season", None, json!(true))]).await).await;
    assert!(outcome(&checks, "SEASONS").0.contains("OTHER"));
    let checks = check(&opera("", &[("hundredths", None, json!(true))]).await).await;
    assert!(outcome(&checks, "PRICES").1.contains("assumptions.amount_unit"));
}
