//! ACME (`acme.md`, "Changed on 2026-11-28").

use std::collections::BTreeSet;

use domain::accounts::{AccountConfig, CheckOutcome};
use domain::ordering::{CancelLine, ConfirmedSale, LegRequest, LookupOutcome, PlacedHold, Symbology, TicketState};
use domain::{AvailabilityStatus, CatalogScope, Clock, OrderKey, PerformanceKey, RefusalReason};
use emulators::{Fault, Rule};
use serde_json::{Value, json};

use crate::contract::fixture::{ACME_RESELLER_KEYS, VendorFixture, acme_with};
use crate::contract::ordering::{holdings, leg, ordering_port, step};
use crate::other_readings::{captured_log, count_calls, reason};

const KEY: &str = "harbor-sandbox-key";
const NO_TENANT: &str = "organization_id = 5120";
const CHECK_OUT: &str = "/orders/organizations/";

/// The museum with lines of the table `assumptions`.
async fn museum(assumptions: &str) -> VendorFixture {
    museum_with(ACME_RESELLER_KEYS, assumptions).await
}

async fn museum_with(keys: &str, assumptions: &str) -> VendorFixture {
    acme_with(KEY, &format!("{keys}\n[assumptions]\n{assumptions}")).await
}

async fn held(fixture: &VendorFixture, leg: &LegRequest) -> PlacedHold {
    ordering_port(fixture).hold(&step("hold"), leg).await.expect("a hold")
}

async fn sold(fixture: &VendorFixture) -> (LegRequest, ConfirmedSale) {
    let leg = leg(fixture).await;
    let held = held(fixture, &leg).await;
    let sale = ordering_port(fixture).confirm(&step("confirm"), &leg, &held.refs).await.expect("a sale");
    (leg, sale)
}

/// Loses the answer of a check-out that the vendor booked, or its request.
async fn lose(fixture: &VendorFixture, leg: &LegRequest, held: &PlacedHold, fault: Fault) {
    fixture.fail(vec![Rule::for_path(CHECK_OUT, fault).times(1)]);
    ordering_port(fixture).confirm(&step("confirm"), leg, &held.refs).await.expect_err("a lost check-out");
}

async fn look_up(fixture: &VendorFixture, leg: &LegRequest, held: &PlacedHold) -> LookupOutcome<ConfirmedSale> {
    ordering_port(fixture).find_confirmation(&step("confirm"), leg, &held.refs).await.expect("a look-up")
}

#[tokio::test]
async fn a_venue_that_ignores_or_forgets_the_uuid_sells_once_whatever_its_lists_show() {
    for (quirk, value, minutes, retry) in [
        ("uuid_ignored", json!(true), 0, "never"),
        ("uuid_memory", json!(10), 11, "never"),
        ("uuid_memory", json!(10), 11, "same_uuid"),
    ] {
        for (keys, hides, is_found) in
            [(ACME_RESELLER_KEYS, false, true), (ACME_RESELLER_KEYS, true, true), (NO_TENANT, false, false)]
        {
            let name = format!("{quirk} {keys} {hides} {retry}");
            let fixture = museum_with(keys, &format!("checkout_retry = \"{retry}\"")).await;
            fixture.change_state(quirk, None, value.clone());
            fixture.change_state("holds_stay", None, json!(true));
            fixture.change_state("hidden_contacts", None, json!(hides));
            let leg = leg(&fixture).await;
            let held = held(&fixture, &leg).await;
            lose(&fixture, &leg, &held, Fault::CommitThenDrop).await;
            fixture.clock.advance(minutes * 60_000);
            for _ in 0..4 {
                let found = look_up(&fixture, &leg, &held).await;
                assert_eq!(matches!(found, LookupOutcome::Done(_)), is_found, "{name}");
                assert!(!matches!(found, LookupOutcome::NotDone), "nothing found proves nothing: {name}");
            }
            assert_eq!((count_calls(&fixture, &[CHECK_OUT]), holdings(&fixture).1), (1, 1), "{name}");
        }
    }
}

#[tokio::test]
async fn a_venue_that_honors_the_uuid_sells_once_although_the_check_out_is_sent_again() {
    let fixture = museum_with(NO_TENANT, "checkout_retry = \"same_uuid\"").await;
    fixture.change_state("holds_stay", None, json!(true));
    let leg = leg(&fixture).await;
    let held = held(&fixture, &leg).await;
    lose(&fixture, &leg, &held, Fault::CommitThenDrop).await;
    for _ in 0..3 {
        let found = look_up(&fixture, &leg, &held).await;
        assert!(matches!(found, LookupOutcome::Undetermined), "a 409 proves an arrival, not an order");
    }
    assert_eq!((count_calls(&fixture, &[CHECK_OUT]), holdings(&fixture).1), (2, 1));
}

#[tokio::test]
async fn with_the_setting_a_lost_check_out_is_sent_again_once_and_not_after_ten_minutes() {
    for (minutes, lost, sent, sales) in [(0, 1, 2, 1), (0, 2, 2, 0), (11, 1, 1, 0)] {
        let fixture = museum("checkout_retry = \"same_uuid\"").await;
        let leg = leg(&fixture).await;
        let held = held(&fixture, &leg).await;
        fixture.fail(vec![Rule::for_path(CHECK_OUT, Fault::DropBefore).times(lost)]);
        ordering_port(&fixture).confirm(&step("confirm"), &leg, &held.refs).await.expect_err("a lost check-out");
        fixture.clock.advance(minutes * 60_000);
        let mut found = false;
        for _ in 0..3 {
            found |= matches!(look_up(&fixture, &leg, &held).await, LookupOutcome::Done(_));
        }
        let books = (count_calls(&fixture, &[CHECK_OUT]), holdings(&fixture).1, found);
        assert_eq!(books, (sent, sales, sales == 1), "{minutes} minutes, {lost} lost");
    }
}

/// Sells one ticket of a leg's performance to each of many others, a second apart.
async fn sell_to_others(fixture: &VendorFixture, leg: &LegRequest, count: u32) {
    for number in 0..count {
        fixture.clock.advance(1000);
        let mut other = leg.clone();
        other.reference = format!("TG-OTHER-{number}");
        other.lines[0].quantity = 1;
        let key = OrderKey(uuid::Uuid::from_u128(u128::from(number) + 1)).step_key(0, "confirm");
        ordering_port(fixture).confirm(&key, &other, &[]).await.expect("a sale");
    }
}

/// A leg of one ticket of an open visit, which many buy.
async fn open_leg(fixture: &VendorFixture) -> LegRequest {
    let mut leg = leg(fixture).await;
    let offers = fixture.offers(fixture.clock.now()).await;
    let is_open = |one: &&(std::sync::Arc<domain::Performance>, domain::Offer)| {
        one.0.starts_at.is_none() && one.1.vacancies.is_none_or(|left| left > 80) && one.1.price.retail.amount > 0
    };
    let (performance, offer) = offers.iter().find(is_open).expect("an open visit");
    leg.lines[0].performance = performance.key.clone();
    leg.lines[0].ticket_type = offer.ticket_type.key.clone();
    leg.lines[0].unit_price = offer.price.retail;
    leg.lines[0].quantity = 1;
    leg
}

#[tokio::test]
async fn a_sale_among_many_hidden_orders_is_found_by_bounded_look_ups_that_continue() {
    let fixture = museum("").await;
    fixture.change_state("hidden_contacts", None, json!(true));
    let leg = open_leg(&fixture).await;
    let held = PlacedHold { refs: Vec::new(), expires_at: None, secures: Vec::new(), total: None };
    lose(&fixture, &leg, &held, Fault::CommitThenDrop).await;
    sell_to_others(&fixture, &leg, 30).await;
    let mut reads = Vec::new();
    for is_found in [false, true, true] {
        fixture.running.stage.log.clear();
        let found = look_up(&fixture, &leg, &held).await;
        assert_eq!(matches!(found, LookupOutcome::Done(_)), is_found, "{reads:?}");
        reads.push(count_calls(&fixture, &["/orders/detail/"]));
        assert_eq!(
            count_calls(&fixture, &["/orders/search"]),
            1,
            "the search comes first, however often it finds nothing"
        );
    }
    // The newest orders are read first, each once; ours is the oldest.
    assert_eq!(reads, [25, 6, 0]);
    assert_eq!(count_calls(&fixture, &[CHECK_OUT]), 0);
}

#[tokio::test]
async fn without_payment_ids_a_sale_is_found_by_the_address_that_only_it_has() {
    for (hides_contacts, is_found) in [(false, true), (true, false)] {
        let fixture = museum("").await;
        fixture.change_state("hidden_payments", None, json!(true));
        fixture.change_state("hidden_contacts", None, json!(hides_contacts));
        let leg = open_leg(&fixture).await;
        sell_to_others(&fixture, &leg, 3).await;
        let held = PlacedHold { refs: Vec::new(), expires_at: None, secures: Vec::new(), total: None };
        lose(&fixture, &leg, &held, Fault::CommitThenDrop).await;
        let found = look_up(&fixture, &leg, &held).await;
        assert_eq!(matches!(found, LookupOutcome::Done(_)), is_found, "{hides_contacts}");
        assert_eq!((count_calls(&fixture, &[CHECK_OUT]), holdings(&fixture).1), (4, 4));
    }
}

#[tokio::test]
async fn the_orders_of_an_instance_are_read_page_by_page() {
    for (settings, is_found) in
        [("list_page_size = 10\norder_lookup = \"list\"", true), ("order_lookup = \"list\"", false)]
    {
        let fixture = museum(settings).await;
        fixture.change_state("bare_pages", None, json!(10));
        let leg = open_leg(&fixture).await;
        let mut early = leg.clone();
        early.reference = "TG-EARLY".to_owned();
        sell_to_others(&fixture, &early, 14).await;
        let held = PlacedHold { refs: Vec::new(), expires_at: None, secures: Vec::new(), total: None };
        lose(&fixture, &leg, &held, Fault::CommitThenDrop).await;
        let found = look_up(&fixture, &leg, &held).await;
        assert_eq!(matches!(found, LookupOutcome::Done(_)), is_found, "{settings}");
        assert!(is_found || matches!(found, LookupOutcome::Undetermined), "what is not found may exist");
        assert_eq!((count_calls(&fixture, &["/orders/search"]), holdings(&fixture).1), (0, 15), "{settings}");
    }
}

#[tokio::test]
async fn a_key_that_may_read_no_list_makes_no_look_up_and_the_checks_say_so() {
    for (keys, assumptions) in [(ACME_RESELLER_KEYS, "order_lookup = \"none\""), (NO_TENANT, "")] {
        let fixture = museum_with(keys, assumptions).await;
        let leg = leg(&fixture).await;
        let held = held(&fixture, &leg).await;
        lose(&fixture, &leg, &held, Fault::CommitThenDrop).await;
        assert!(matches!(look_up(&fixture, &leg, &held).await, LookupOutcome::Undetermined));
        assert_eq!(count_calls(&fixture, &["/v2/b2c/orders"]), 0);
        assert!(!fixture.source.traits.finds_by_our_reference);
        let accounts = fixture.source.accounts.as_ref().expect("checks");
        let checks = accounts.check_account(&AccountConfig::default(), domain::accounts::WriteProbes::Never).await;
        let check = checks.iter().find(|check| check.code == "LOST_SALES_FOUND").expect("a check");
        assert!(matches!(check.outcome, CheckOutcome::Failed(_)), "{check:?}");
    }
}

#[tokio::test]
async fn every_list_is_requested_page_by_page_and_short_pages_are_followed_with_the_setting() {
    let keys = async |fixture: &VendorFixture| {
        let listed = fixture.source.catalog.list_events(CatalogScope::All).await.expect("events").value;
        listed.iter().map(|event| event.key.clone()).collect::<BTreeSet<_>>()
    };
    let fixture = museum("").await;
    let whole = keys(&fixture).await;
    assert_eq!(count_calls(&fixture, &["/event/template?", "page=1", "pageSize=100"]), 1);
    assert!(whole.len() > 6, "more than two short pages: {}", whole.len());
    let fixture = museum("list_page_size = 3").await;
    fixture.change_state("bare_pages", None, json!(3));
    assert_eq!(keys(&fixture).await, whole);
}

#[tokio::test]
async fn a_discounted_price_of_zero_sells_at_the_list_price() {
    let prices = async |fixture: &VendorFixture| {
        let offers = fixture.offers(fixture.clock.now()).await;
        offers
            .into_iter()
            .map(|(one, offer)| (one.key.clone(), offer.ticket_type.key.clone(), offer.price.retail))
            .collect::<Vec<_>>()
    };
    let fixture = museum("").await;
    let usual = prices(&fixture).await;
    fixture.change_state("discounted_price_zero", None, json!(true));
    assert_eq!(prices(&fixture).await, usual, "no price is 0, and real discounts stay");
    let (leg, sale) = sold(&fixture).await;
    assert_eq!(sale.total, leg.lines[0].unit_price.checked_mul(2).ok());
    let fixture = museum("discounted_price_zero = \"price\"").await;
    fixture.change_state("discounted_price_zero", None, json!(true));
    assert!(prices(&fixture).await.iter().any(|(.., price)| price.amount == 0), "the setting makes 0 a price");
}

#[tokio::test]
async fn a_ticket_with_an_unknown_status_word_is_issued_with_its_code() {
    for (assumptions, state) in
        [("", TicketState::Issued), ("ticket_status_words = { Valid = \"pending\" }", TicketState::Pending)]
    {
        let fixture = museum(assumptions).await;
        fixture.change_state("ticket_word", None, json!("Valid"));
        let sell = async {
            let (leg, sale) = sold(&fixture).await;
            let read = ordering_port(&fixture).load_tickets(&leg, &sale.refs).await.expect("tickets");
            (sale, read)
        };
        let (log, (sale, read)) = captured_log(sell).await;
        let warnings = log.lines().filter(|line| line.contains("ticket_status_words") && line.contains("Valid"));
        assert_eq!(warnings.count(), usize::from(assumptions.is_empty()), "once for four tickets: {log}");
        for ticket in sale.tickets.iter().chain(&read) {
            assert_eq!((ticket.state, ticket.barcode.is_some()), (state, true), "{assumptions}");
        }
        assert_eq!(sale.tickets.len(), 2);
    }
    let fixture = museum("barcode_symbology = \"code128\"").await;
    let (_, sale) = sold(&fixture).await;
    assert!(
        sale.tickets
            .iter()
            .all(|ticket| { ticket.barcode.as_ref().is_some_and(|barcode| barcode.symbology == Symbology::Code128) })
    );
}

async fn cancel(fixture: &VendorFixture, leg: &LegRequest, sale: &ConfirmedSale) -> Result<usize, RefusalReason> {
    let refunds = fixture.source.refunds.as_deref().expect("refunds");
    let lines = [CancelLine { line: 0, tickets: sale.tickets.iter().map(|ticket| ticket.refs[0].clone()).collect() }];
    let canceled = refunds.cancel(&step("cancel"), leg, &sale.refs, &lines).await;
    canceled.map(|canceled| canceled.voided.len()).map_err(reason)
}

#[tokio::test]
async fn a_refund_whose_word_is_unknown_leaves_the_tickets_to_a_person_until_the_word_is_configured() {
    for (assumptions, voided) in [("", 0), ("ticket_status_words = { Returned = \"void\" }", 2)] {
        let fixture = museum(assumptions).await;
        fixture.change_state("refund_word", None, json!("Returned"));
        let (leg, sale) = sold(&fixture).await;
        assert_eq!(cancel(&fixture, &leg, &sale).await, Ok(voided), "{assumptions}");
        assert_eq!(count_calls(&fixture, &["/refunds"]), 1, "refunded once");
    }
}

#[tokio::test]
async fn a_ticket_whose_check_in_is_only_a_word_is_used_and_is_refunded_only_with_the_setting() {
    for (word, assumptions, outcome) in [
        ("CheckedIn", "", Err(RefusalReason::TooLate)),
        ("CheckedIn", "refund_used_ticket = \"allow\"", Ok(2)),
        ("Scanned", "check_in_status_words = { Scanned = \"used\" }", Err(RefusalReason::TooLate)),
    ] {
        let fixture = museum(assumptions).await;
        fixture.change_state("check_in_word", None, json!(word));
        let (leg, sale) = sold(&fixture).await;
        let code = sale.tickets[0].barcode.as_ref().expect("a code");
        fixture.change_state("use_ticket", Some(secrecy::ExposeSecret::expose_secret(&code.value)), Value::Null);
        assert_eq!(cancel(&fixture, &leg, &sale).await, outcome, "{word} {assumptions}");
    }
}

#[tokio::test]
async fn an_instance_in_an_unknown_state_is_not_on_sale_and_is_sold_with_the_setting() {
    let status = async |fixture: &VendorFixture, performance: &PerformanceKey| {
        let batch = fixture.source.catalog.load_performances(std::slice::from_ref(performance)).await;
        let observed = batch[performance].as_ref().expect("a performance").clone();
        let batch = fixture.source.catalog.load_availability(&[observed], std::time::Duration::ZERO).await;
        batch[performance].as_ref().expect("availability").value.status
    };
    let fixture = museum("").await;
    let leg = leg(&fixture).await;
    fixture.change_state("instance_word", None, json!("Open"));
    let (log, found) = captured_log(status(&fixture, &leg.lines[0].performance)).await;
    assert_eq!(found, AvailabilityStatus::Closed, "an answer, and not a vendor that cannot be reached");
    assert!(log.contains("instance_state_words") && log.contains("Open"), "the operator sees the word: {log}");
    fixture.clock.advance(61_000);
    let refused = ordering_port(&fixture).confirm(&step("confirm"), &leg, &[]).await.expect_err("a refusal");
    assert_eq!((reason(refused), holdings(&fixture)), (RefusalReason::NotOnSale, (0, 0)));
    let fixture = museum("instance_state_words = { Open = \"active\" }").await;
    fixture.change_state("instance_word", None, json!("Open"));
    assert_eq!(sold(&fixture).await.1.tickets.len(), 2);
}

#[tokio::test]
async fn a_venue_that_expects_the_price_of_one_ticket_refuses_until_the_setting_says_so() {
    let fixture = museum("").await;
    fixture.change_state("unit_amounts", None, json!(true));
    let leg = leg(&fixture).await;
    let held = held(&fixture, &leg).await;
    let refused = ordering_port(&fixture).confirm(&step("confirm"), &leg, &held.refs).await.expect_err("a refusal");
    assert_eq!((reason(refused), holdings(&fixture)), (RefusalReason::Other, (1, 0)));
    let fixture = museum("item_amount = \"unit\"").await;
    fixture.change_state("unit_amounts", None, json!(true));
    let (leg, sale) = sold(&fixture).await;
    assert_eq!(sale.total, leg.lines[0].unit_price.checked_mul(2).ok());
}

#[tokio::test]
async fn a_venue_that_lists_only_its_own_channels_sells_with_the_setting() {
    let fixture = museum("").await;
    let leg = leg(&fixture).await;
    fixture.change_state("no_channels", None, json!(true));
    let refused = ordering_port(&fixture).confirm(&step("confirm"), &leg, &[]).await.expect_err("a refusal");
    assert_eq!((reason(refused), holdings(&fixture)), (RefusalReason::NotOnSale, (0, 0)));
    let fixture = museum("unlisted_channel = \"open\"").await;
    fixture.change_state("no_channels", None, json!(true));
    assert_eq!(sold(&fixture).await.1.tickets.len(), 2);
}
