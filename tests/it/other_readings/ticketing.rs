//! TickeTing (`ticketing.md`, "Changed on 2026-11-28").

use domain::accounts::{AccountConfig, CheckOutcome};
use domain::authoring::SectionEdit;
use domain::ordering::{ConfirmedSale, LegRequest, LookupOutcome, PlacedHold, TicketState};
use domain::{
    CatalogScope, Effect, ErrorKind, EventKey, EventStatus, PerformanceKey, RefusalReason, SectionKey, VendorError,
};
use emulators::ticketing::{ADMINISTRATOR_KEY, RESTRICTED_KEY};
use serde_json::json;

use crate::contract::fixture::{VendorFixture, settlement, ticketing_with};
use crate::contract::ordering::{holdings, leg, ordering_port, step};
use crate::other_readings::{captured_log, count_calls, reason};

/// Title of an event of another host.
const FOREIGN: &str = "Savannah Sounds";

/// The host with lines of the table `assumptions`.
async fn host(key: &str, assumptions: &str) -> VendorFixture {
    ticketing_with(key, &format!("{}\n[assumptions]\n{assumptions}", settlement())).await
}

async fn titles(fixture: &VendorFixture, scope: CatalogScope) -> Vec<String> {
    let events = fixture.source.catalog.list_events(scope).await.expect("events").value;
    events.iter().map(|event| event.title.main.clone()).collect()
}

async fn held(fixture: &VendorFixture, leg: &LegRequest) -> Result<PlacedHold, VendorError> {
    ordering_port(fixture).hold(&step("hold"), leg).await
}

async fn sold(fixture: &VendorFixture) -> Result<(LegRequest, ConfirmedSale), VendorError> {
    let leg = leg(fixture).await;
    let held = held(fixture, &leg).await?;
    let sale = ordering_port(fixture).confirm(&step("confirm"), &leg, &held.refs).await?;
    Ok((leg, sale))
}

/// A leg of an event of another host, as a client could have it from elsewhere.
async fn foreign_leg() -> LegRequest {
    let fixture = host(ADMINISTRATOR_KEY, "published_host_filter = \"trusted\"").await;
    fixture.change_state("ignore_host", None, json!(true));
    let events = fixture.source.catalog.list_events(CatalogScope::Public).await.expect("events").value;
    let foreign = events.iter().find(|event| event.title.main == FOREIGN).expect("the risk of the setting");
    let types = foreign.listed_ticket_types.clone().expect("ticket types");
    let mut leg = leg(&fixture).await;
    leg.lines[0].performance = PerformanceKey::new(foreign.key.as_str());
    leg.lines[0].ticket_type = types[0].key.clone();
    leg.lines[0].unit_price = types[0].price.as_ref().expect("a price").retail;
    leg
}

#[tokio::test]
async fn a_public_list_that_ignores_the_host_offers_no_event_of_another() {
    for key in [ADMINISTRATOR_KEY, RESTRICTED_KEY] {
        let fixture = host(key, "").await;
        let usual = titles(&fixture, CatalogScope::Public).await;
        fixture.change_state("ignore_host", None, json!(true));
        assert_eq!(titles(&fixture, CatalogScope::Public).await, usual);
        assert!(!usual.is_empty() && !usual.iter().any(|title| title == FOREIGN), "{usual:?}");
        assert!(!titles(&fixture, CatalogScope::All).await.iter().any(|title| title == FOREIGN));
        assert_eq!(count_calls(&fixture, &["/published-events", "host="]), 0, "an undocumented filter is not sent");
    }
    // Where the vendor confirmed the filter, the public list alone is enough.
    let fixture = host(ADMINISTRATOR_KEY, "published_host_filter = \"trusted\"").await;
    let trusted = titles(&fixture, CatalogScope::Public).await;
    assert!(!trusted.is_empty() && !trusted.iter().any(|title| title == FOREIGN));
    assert_eq!(
        (count_calls(&fixture, &["/published-events", "host="]), count_calls(&fixture, &["/events?host"])),
        (1, 0)
    );
}

#[tokio::test]
async fn an_event_of_another_host_is_neither_read_nor_sold_by_its_id() {
    let leg = foreign_leg().await;
    let event = EventKey::new(leg.lines[0].performance.as_str());
    let fixture = host(ADMINISTRATOR_KEY, "").await;
    let own = fixture.source.catalog.list_events(CatalogScope::Public).await.expect("events").value[0].key.clone();
    let fixture = host(ADMINISTRATOR_KEY, "").await;
    let catalog = &fixture.source.catalog;
    let is_missing = |error: &VendorError| error.kind == ErrorKind::NotFound;
    for keys in [vec![event.clone()], vec![event.clone(), own.clone()]] {
        let batch = catalog.load_events(&keys).await;
        assert!(batch[&event].as_ref().is_err_and(is_missing));
        assert!(keys.len() == 1 || batch[&own].is_ok());
    }
    let performance = leg.lines[0].performance.clone();
    let batch = catalog.load_performances(std::slice::from_ref(&performance)).await;
    assert!(batch[&performance].as_ref().is_err_and(is_missing));
    let refused = held(&fixture, &leg).await.expect_err("a refusal");
    assert_eq!((refused.effect, reason(refused)), (Effect::None, RefusalReason::NotOnSale));
    assert_eq!((holdings(&fixture), count_calls(&fixture, &["/accounts"])), ((0, 0), 0), "nothing was begun");
    // The first read by id and the list of two.
    assert_eq!(count_calls(&fixture, &["/v3/events?", "host="]), 2, "foreign ids do not list the host again and again");
}

#[tokio::test]
async fn without_a_list_of_the_host_nothing_is_sold_until_the_filter_is_trusted() {
    let own = leg(&host(ADMINISTRATOR_KEY, "").await).await;
    let check = async |fixture: &VendorFixture| {
        let accounts = fixture.source.accounts.as_ref().expect("checks");
        let checks = accounts.check_account(&AccountConfig::default(), domain::accounts::WriteProbes::Never).await;
        checks.into_iter().find(|check| check.code == "EVENTS_ON_SALE").expect("a check")
    };
    let fixture = host(ADMINISTRATOR_KEY, "").await;
    fixture.change_state("hide_host_events", None, json!(true));
    let error = fixture.source.catalog.list_events(CatalogScope::Public).await.expect_err("no list");
    assert_eq!(error.kind, ErrorKind::Unauthorized);
    let refused = held(&fixture, &own).await.expect_err("no sale");
    assert_eq!((refused.kind, refused.effect, holdings(&fixture)), (ErrorKind::Unauthorized, Effect::None, (0, 0)));
    let found = check(&fixture).await;
    assert!(
        matches!(&found.outcome, CheckOutcome::Failed(hint) if hint.main.contains("published_host_filter")),
        "{found:?}"
    );
    let fixture = host(ADMINISTRATOR_KEY, "published_host_filter = \"trusted\"").await;
    fixture.change_state("hide_host_events", None, json!(true));
    held(&fixture, &own).await.expect("a hold");
    let found = check(&fixture).await;
    assert!(matches!(found.outcome, CheckOutcome::Passed), "{found:?}");
}

#[tokio::test]
async fn the_check_tells_how_many_public_events_are_the_hosts() {
    let fixture = host(ADMINISTRATOR_KEY, "").await;
    let own = titles(&fixture, CatalogScope::Public).await.len();
    let listed = titles(&fixture, CatalogScope::All).await.len();
    let checks = fixture
        .source
        .accounts
        .as_ref()
        .expect("checks")
        .check_account(&AccountConfig::default(), domain::accounts::WriteProbes::Never)
        .await;
    let check = checks.iter().find(|check| check.code == "EVENTS_ON_SALE").expect("a check");
    assert!(check.title.main.contains(&format!(": {own} of ")), "{}", check.title.main);
    assert!(check.title.main.contains(&format!("of {listed} in its own")), "{}", check.title.main);
    assert!(!check.title.main.contains(&format!("{own} of {own} ")), "others have events too: {}", check.title.main);
}

/// A section with sold tickets, and its event.
async fn sold_section(fixture: &VendorFixture) -> (EventKey, SectionKey) {
    let events = fixture.source.catalog.list_events(CatalogScope::Public).await.expect("events").value;
    let event = events.iter().find(|event| event.sold_quantity.is_some_and(|sold| sold > 0)).expect("a sold event");
    (event.key.clone(), event.sections[0].key.clone())
}

#[tokio::test]
async fn a_section_with_sold_tickets_is_deleted_only_if_client_and_vendor_allow_it() {
    for (assumptions, vendor_deletes, deletes, is_gone) in [
        ("", false, 0, false),
        ("", true, 0, false),
        ("delete_sold_section = \"allow\"", false, 1, false),
        ("delete_sold_section = \"allow\"", true, 1, true),
    ] {
        let fixture = host(ADMINISTRATOR_KEY, assumptions).await;
        fixture.change_state("delete_sold", None, json!(vendor_deletes));
        let (event, section) = sold_section(&fixture).await;
        let authoring = fixture.source.section_authoring.as_ref().expect("authoring");
        let removed = authoring.edit_section(&event, &SectionEdit::Remove(section.clone())).await;
        assert_eq!(removed.map_err(reason).err(), (!is_gone).then_some(RefusalReason::Conflict), "{assumptions}");
        let calls = fixture.running.stage.log.all();
        assert_eq!(calls.iter().filter(|call| call.method == "DELETE").count(), deletes, "{assumptions}");
        let read = fixture.source.catalog.load_events(std::slice::from_ref(&event)).await;
        let read = read[&event].as_ref().expect("an event").value.clone();
        assert_eq!(read.sections.iter().any(|one| one.key == section), !is_gone, "{assumptions}");
    }
}

#[tokio::test]
async fn an_order_with_an_unknown_word_stays_unknown_and_is_sold_once() {
    let fixture = host(ADMINISTRATOR_KEY, "").await;
    fixture.change_state("word", Some("Fulfilled"), json!("Paid"));
    let leg = leg(&fixture).await;
    let held = held(&fixture, &leg).await.expect("a hold");
    let error = ordering_port(&fixture).confirm(&step("confirm"), &leg, &held.refs).await.expect_err("unknown");
    assert_eq!(error.effect, Effect::Unknown);
    for _ in 0..3 {
        let found = ordering_port(&fixture).find_confirmation(&step("confirm"), &leg, &held.refs).await;
        assert!(matches!(found.expect("a look-up"), LookupOutcome::Undetermined));
    }
    assert_eq!((holdings(&fixture), count_calls(&fixture, &["/payments"])), ((0, 1), 1));
    let fixture = host(ADMINISTRATOR_KEY, "order_status_words = { Paid = \"fulfilled\" }").await;
    fixture.change_state("word", Some("Fulfilled"), json!("Paid"));
    assert_eq!(sold(&fixture).await.expect("a sale").1.tickets.len(), 2);
}

#[tokio::test]
async fn a_payment_with_an_unknown_word_is_what_its_order_says() {
    let fixture = host(ADMINISTRATOR_KEY, "").await;
    fixture.change_state("word", Some("Authorised"), json!("Approved"));
    assert_eq!(sold(&fixture).await.expect("a sale").1.tickets.len(), 2);
    assert_eq!(count_calls(&fixture, &["/payments"]), 1);
    let fixture = host(ADMINISTRATOR_KEY, "").await;
    fixture.change_state("word", Some("Declined"), json!("Refused"));
    fixture.change_state("decline", None, json!(1));
    assert_eq!(sold(&fixture).await.map(drop).map_err(reason), Err(RefusalReason::PaymentDeclined));
    assert_eq!(holdings(&fixture), (1, 0));
}

#[tokio::test]
async fn a_ticket_and_an_event_with_unknown_words_follow_the_settings() {
    for (assumptions, state) in
        [("", TicketState::Pending), ("ticket_status_words = { Sold = \"issued\" }", TicketState::Issued)]
    {
        let fixture = host(ADMINISTRATOR_KEY, assumptions).await;
        fixture.change_state("word", Some("Issued"), json!("Sold"));
        let (log, sale) = captured_log(async { sold(&fixture).await.expect("a sale").1 }).await;
        assert!(sale.tickets.iter().all(|ticket| ticket.state == state), "{assumptions}");
        let lines = log.lines().filter(|line| line.contains("ticket_status_words") && line.contains("Sold"));
        assert_eq!(lines.count(), usize::from(assumptions.is_empty()), "once: {log}");
    }
    for (assumptions, is_sold) in [("", false), ("event_status_words = { Live = \"published\" }", true)] {
        let fixture = host(ADMINISTRATOR_KEY, assumptions).await;
        fixture.change_state("word", Some("Scheduled"), json!("Live"));
        let events = fixture.source.catalog.list_events(CatalogScope::Public).await.expect("events").value;
        let on_sale = events.iter().filter(|event| event.status == EventStatus::OnSale).count();
        assert_eq!((events.is_empty(), on_sale > 0), (false, is_sold), "{assumptions}");
    }
}

#[tokio::test]
async fn the_page_size_of_the_setting_is_requested() {
    let fixture = host(ADMINISTRATOR_KEY, "page_size = 7").await;
    let whole = titles(&host(ADMINISTRATOR_KEY, "").await, CatalogScope::Public).await;
    assert_eq!(titles(&fixture, CatalogScope::Public).await, whole);
    assert_eq!(count_calls(&fixture, &["records="]), count_calls(&fixture, &["records=7"]));
    assert!(count_calls(&fixture, &["/published-events", "page=2"]) == 1, "more than one page");
}

#[tokio::test]
async fn a_fault_of_the_server_is_logged_for_a_report_to_the_vendor_without_any_value() {
    let fixture = host(ADMINISTRATOR_KEY, "").await;
    let leg = leg(&fixture).await;
    fixture.change_state("server_error", None, json!(1));
    let (log, error) = captured_log(async { held(&fixture, &leg).await.expect_err("a fault") }).await;
    assert_eq!(error.kind, ErrorKind::Unavailable);
    let line = log.lines().find(|line| line.contains("dev@ticketingevents.com")).unwrap_or_else(|| panic!("{log}"));
    for part in ["POST", "/v3/accounts", "x-api-key", "x-client-version", "firstName"] {
        assert!(line.contains(part), "{part}: {line}");
    }
    for value in [ADMINISTRATOR_KEY, "Ada", "ada", "example.org", leg.reference.as_str()] {
        assert!(!line.contains(value), "{value}: {line}");
    }
}
