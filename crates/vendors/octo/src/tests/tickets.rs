//! Tickets, vouchers and lists of visitors (`octo.md §6.4`).

use secrecy::ExposeSecret;
use serde_json::{Value, json};

use super::{booking, leg};
use crate::map::booking::{BookingState, intents};
use crate::map::tickets::issued_tickets;
use crate::settings::Facts;
use crate::wire::bookings::Booking;
use domain::SourceId;
use domain::ordering::{IssuedTicket, Symbology, TicketState};

fn tickets(changes: &Value, (state, is_manifest): (BookingState, bool)) -> Vec<IssuedTicket> {
    let leg = leg();
    let read: Booking = serde_json::from_value(booking(&leg, 0, "CONFIRMED", changes)).expect("a booking");
    let intents = intents(&SourceId::new("rehearsal"), &leg).expect("bookings");
    issued_tickets(&intents[0], &read, (state, is_manifest), &Facts::with(""))
}

fn item(uuid: &str, unit: &str, options: &Value) -> Value {
    json!({ "uuid": uuid, "unitId": unit, "ticket": { "redemptionMethod": "DIGITAL", "deliveryOptions": options } })
}

fn codes(tickets: &[IssuedTicket]) -> Vec<Option<(Symbology, String)>> {
    let code = |ticket: &IssuedTicket| {
        let barcode = ticket.barcode.as_ref()?;
        Some((barcode.symbology, barcode.value.expose_secret().to_owned()))
    };
    tickets.iter().map(code).collect()
}

#[test]
fn each_unit_item_is_a_ticket_of_its_line_whatever_the_order_of_the_response() {
    let usual = tickets(&json!({}), (BookingState::Sold, false));
    assert_eq!(usual.iter().map(|ticket| ticket.line).collect::<Vec<_>>(), [0, 0, 1]);
    assert!(usual.iter().all(|ticket| ticket.state == TicketState::Issued), "the booking governs, not the item");
    let leg = leg();
    let mut items = booking(&leg, 0, "CONFIRMED", &json!({}))["unitItems"].as_array().expect("items").clone();
    items.reverse();
    let reversed = tickets(&json!({ "unitItems": items }), (BookingState::Sold, false));
    assert_eq!(codes(&reversed), codes(&usual));
}

#[test]
fn items_without_our_uuids_are_assigned_by_unit_and_keep_their_own() {
    let qr = |value: &str| json!([{ "deliveryFormat": "QRCODE", "deliveryValue": value }]);
    let items = json!([item("x-1", "child", &qr("c")), item("x-2", "adult", &qr("a")), item("x-3", "adult", &qr("b"))]);
    let read = tickets(&json!({ "unitItems": items }), (BookingState::Sold, false));
    let names: Vec<_> = read.iter().map(|ticket| ticket.refs[0].value.as_str()).collect();
    assert_eq!(names, ["x-2", "x-3", "x-1"]);
}

#[test]
fn a_code_is_preferred_to_a_link_and_a_link_to_nothing() {
    let option = |format: &str, value: &str| json!({ "deliveryFormat": format, "deliveryValue": value });
    let pdf = option("PDF_URL", "https://tickets.example/1.pdf");
    let symbology_of = |options: Value| {
        let items = json!([item("x", "adult", &options)]);
        codes(&tickets(&json!({ "unitItems": items }), (BookingState::Sold, false))).remove(0)
    };
    let found = |symbology, value: &str| Some((symbology, value.to_owned()));
    assert_eq!(symbology_of(json!([pdf, option("AZTECCODE", "a")])), found(Symbology::Aztec, "a"));
    assert_eq!(symbology_of(json!([option("CODE128", "1"), option("QRCODE", "2")])), found(Symbology::Code128, "1"));
    assert_eq!(symbology_of(json!([pdf])), found(Symbology::Other, "https://tickets.example/1.pdf"));
    assert_eq!(symbology_of(json!([option("PDF_URL", "javascript:alert(1)")])), None);
    assert_eq!(symbology_of(json!([option("HOLOGRAM", "h")])), found(Symbology::Other, "h"));
    assert_eq!(symbology_of(json!([option("QRCODE", " ")])), None);
}

#[test]
fn a_voucher_is_one_code_on_every_ticket_and_tickets_win() {
    let voucher = json!({ "redemptionMethod": "DIGITAL", "deliveryOptions": [{ "deliveryFormat": "QRCODE", "deliveryValue": "v" }] });
    let empty =
        json!([item("x-1", "adult", &json!([])), item("x-2", "adult", &json!([])), item("x-3", "child", &json!([]))]);
    let only = json!({ "deliveryMethods": ["VOUCHER"], "voucher": voucher, "unitItems": empty });
    let shared = tickets(&only, (BookingState::Sold, false));
    assert!(codes(&shared).iter().all(|code| *code == Some((Symbology::Qr, "v".to_owned()))));
    assert!(shared.iter().all(|ticket| ticket.refs.iter().any(|one| one.kind == "octo.voucher")));
    let both = json!({ "deliveryMethods": ["TICKET", "VOUCHER"], "voucher": voucher });
    assert!(
        codes(&tickets(&both, (BookingState::Sold, false)))
            .iter()
            .all(|code| code.as_ref().is_some_and(|(_, code)| code != "v"))
    );
}

#[test]
fn a_visitor_on_a_list_needs_no_code_and_any_other_ticket_without_one_is_pending() {
    let without = |method: &str| {
        let item =
            json!({ "uuid": "x", "unitId": "adult", "ticket": { "redemptionMethod": method, "deliveryOptions": [] } });
        json!({ "unitItems": [item] })
    };
    let state = |changes: &Value, is_manifest| tickets(changes, (BookingState::Sold, is_manifest))[0].state;
    assert_eq!(state(&without("MANIFEST"), false), TicketState::Issued);
    assert_eq!(state(&without("DIGITAL"), true), TicketState::Pending, "its own word wins");
    let bare = json!({ "unitItems": [{ "uuid": "x", "unitId": "adult", "ticket": null }] });
    assert_eq!((state(&bare, true), state(&bare, false)), (TicketState::Issued, TicketState::Pending));
}

#[test]
fn a_ticket_is_used_or_void_by_its_own_word_or_that_of_the_booking() {
    let leg = leg();
    let mut items = booking(&leg, 0, "CONFIRMED", &json!({}))["unitItems"].clone();
    items[0]["utcRedeemedAt"] = json!("2027-06-15T08:00:00Z");
    items[1]["ticket"]["utcRedeemedAt"] = json!("2027-06-15T08:01:00Z");
    items[2]["status"] = json!("CANCELLED");
    let read = tickets(&json!({ "unitItems": items }), (BookingState::Sold, false));
    let states: Vec<_> = read.iter().map(|ticket| ticket.state).collect();
    let at = |time: &str| TicketState::Used(Some(time.parse().expect("a time")));
    assert_eq!(states, [at("2027-06-15T08:00:00Z"), at("2027-06-15T08:01:00Z"), TicketState::Void]);
    let all = tickets(&json!({}), (BookingState::Canceled, false));
    assert!(all.iter().all(|ticket| ticket.state == TicketState::Void));
    let open = tickets(&json!({}), (BookingState::Unknown, false));
    assert!(open.iter().all(|ticket| ticket.state == TicketState::Pending), "never success");
    let used = tickets(&json!({ "status": "REDEEMED" }), (BookingState::Sold, false));
    assert!(used.iter().all(|ticket| ticket.state == TicketState::Used(None)));
}
