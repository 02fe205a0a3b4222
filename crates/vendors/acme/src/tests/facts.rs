//! Inferred facts, each with its default and with the setting that corrects it.

use serde_json::json;

use crate::map::checkout::{self, CheckOutOptions};
use crate::map::{SourceDefaults, availability, event};
use crate::settings::{Facts, ItemAmount};
use crate::tests::orders::leg;
use crate::tests::{defaults, now};
use crate::wire::catalog::{Instance, PriceLine};
use domain::AvailabilityStatus;

fn with(settings: &str) -> SourceDefaults {
    SourceDefaults { facts: Facts::with(settings), ..defaults() }
}

#[test]
fn a_discounted_price_of_zero_counts_only_if_the_price_or_the_discount_says_so() {
    let retail = |line: serde_json::Value, settings: &str| {
        let mut whole = json!({ "personType": { "id": "1" } });
        whole.as_object_mut().expect("an object").extend(line.as_object().expect("an object").clone());
        let line: PriceLine = serde_json::from_value(whole).expect("a line");
        event::price(&line, &with(settings)).expect("a price").retail.amount
    };
    for (line, by_default, as_price) in [
        (json!({ "price": 25.00 }), 2500, 2500),
        (json!({ "price": 25.00, "discountedPrice": 25.00, "discount": 0 }), 2500, 2500),
        (json!({ "price": 25.00, "discountedPrice": 18.00, "discount": 7 }), 1800, 1800),
        (json!({ "price": 25.00, "discountedPrice": 0, "discount": 0 }), 2500, 0),
        (json!({ "price": 25.00, "discountedPrice": "0.00" }), 2500, 0),
        // 30 percent or 30 dollars: neither says that 25 dollars become nothing.
        (json!({ "price": 25.00, "discountedPrice": 0, "discount": 30 }), 2500, 0),
        (json!({ "price": 25.00, "discountedPrice": 0, "discount": "25.0" }), 0, 0),
        (json!({ "price": 25.00, "discountedPrice": 0, "discount": 100 }), 0, 0),
        (json!({ "price": 0, "discountedPrice": 0, "discount": 0 }), 0, 0),
    ] {
        assert_eq!(retail(line.clone(), ""), by_default, "{line}");
        assert_eq!(retail(line.clone(), "discounted_price_zero = \"price\""), as_price, "{line}");
    }
}

#[test]
fn an_instance_in_an_unknown_state_is_closed_until_its_word_is_configured() {
    let instance: Instance = serde_json::from_value(
        json!({ "id": "a", "state": "Open", "startTime": "2031-06-01T10:00:00-04:00", "endTime": "2031-06-01T11:00:00-04:00" }),
    )
    .expect("an instance");
    let status = |settings| availability::sale_status(&instance, None, &with(settings), now());
    assert_eq!(status(""), AvailabilityStatus::Closed, "not `Unknown`, which means that the vendor cannot be reached");
    assert_eq!(status("instance_state_words = { open = \"active\" }"), AvailabilityStatus::Available);
}

#[test]
fn the_amount_of_an_item_is_the_total_of_its_line_or_the_price_of_one_ticket() {
    let leg = leg();
    let wanted = checkout::requested_lines(&leg).expect("keys of ours");
    let (currency, contact) = ("USD".parse().expect("a currency"), leg.contact.as_ref().expect("a contact"));
    for (item_amount, amounts) in [(ItemAmount::Line, ["66.75", "19.00"]), (ItemAmount::Unit, ["22.25", "9.50"])] {
        let (organization, reservation, charges_voucher) = ("5120", None, true);
        let options = CheckOutOptions { contact, organization, reservation, charges_voucher, currency, item_amount };
        let sent = serde_json::to_value(checkout::check_out(&leg, &wanted, &options)).expect("JSON");
        let items = &sent["events"][0]["items"];
        assert_eq!([&items[0]["amount"], &items[1]["amount"]], amounts);
        assert_eq!(sent["chargeAmount"], "85.75", "the charge is the sum in both readings");
    }
    assert_eq!(Facts::with("item_amount = \"unit\"").item_amount, ItemAmount::Unit);
}
