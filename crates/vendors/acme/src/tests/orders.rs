//! Holds, check-outs, will-call orders and refunds.

use secrecy::ExposeSecret;

use crate::client::WriteOutcome;
use crate::map::checkout::{self, CheckOutOptions};
use crate::map::tickets;
use crate::settings::ItemAmount;
use crate::tests::{client, defaults, format_outcome, format_write, key};
use crate::wire::orders::{CheckOut, Order, OrderDetail, Refund, ReservationItem};
use domain::Money;
use domain::ordering::{CancelLine, Contact, DeliveryPreference, LegLine, LegRequest};
use domain::{PerformanceKey, TicketTypeKey, VendorOperation};
use testkit::{FixtureCase, load_case, load_cases};

/// Order operations that have fixtures, sorted by name.
pub(super) const ORDER_OPERATIONS: &[&str] = &["check_out", "find_order", "list_orders_of", "refund", "reserve"];

/// Three adults and two children at one instance.
pub(super) fn leg() -> LegRequest {
    let line = |line, person: &str, quantity, cents| LegLine {
        line,
        performance: PerformanceKey::new("71c1aa10d4e5f60718291001:2031-06-01:t"),
        ticket_type: TicketTypeKey::new(format!("71c0aa10d4e5f60718290001:71c0ff60d4e5f6071829000{person}")),
        quantity,
        unit_price: Money::new(cents, defaults().currency),
    };
    LegRequest {
        reference: "TG-1".to_owned(),
        lines: vec![line(0, "1", 3, 2225), line(1, "2", 2, 950)],
        contact: Some(Contact {
            first_name: "Ada".to_owned(),
            last_name: "Guest".to_owned(),
            email: "guest@example.org".to_owned(),
            phone: Some("2025550101".to_owned()),
            postal_code: Some("02110".to_owned()),
        }),
        account: std::collections::BTreeMap::new(),
        locale: None,
        delivery: DeliveryPreference::Barcode,
        hold_waits_for_client: true,
    }
}

fn check_out(reservation: Option<&str>, charges_voucher: bool) -> CheckOut {
    let leg = leg();
    let wanted = checkout::requested_lines(&leg).expect("keys of ours");
    let currency = "USD".parse().expect("a currency");
    let (contact, organization, item_amount) = (leg.contact.as_ref().expect("a contact"), "5120", ItemAmount::Line);
    let options = CheckOutOptions { contact, organization, reservation, charges_voucher, currency, item_amount };
    checkout::check_out(&leg, &wanted, &options)
}

fn refund_of(order: &OrderDetail, lines: &[CancelLine]) -> Option<Refund> {
    let leg = leg();
    let wanted = checkout::requested_lines(&leg).expect("keys of ours");
    tickets::refund(order, &wanted, lines, &defaults(), "TG-1")
}

async fn mapped(operation: &str, case: FixtureCase) -> String {
    let (client, _server) = client(vec![case]).await;
    let (defaults, leg) = (defaults(), leg());
    let wanted = checkout::requested_lines(&leg).expect("keys of ours");
    match operation {
        "reserve" => {
            let places = [ReservationItem { event_id: "71c1aa10d4e5f60718291001".to_owned(), quantity: 5 }];
            format_write(client.reserve(VendorOperation::Hold, &places).await)
        }
        "check_out" => {
            let sold =
                client.check_out(VendorOperation::Confirm, &key(), "5120", &check_out(Some("71011"), true)).await;
            let total = |order: &Order| checkout::order_total(order, &defaults);
            format_outcome(sold.map(|outcome| match outcome {
                WriteOutcome::Done(order) => format!("{} for {:?}", order.id, total(&order)),
                other => format!("{other:?}"),
            }))
        }
        "find_order" => {
            let order = client.find_order(VendorOperation::LookUp, "910321").await;
            let issued = |order: OrderDetail| {
                let tickets = tickets::issued_tickets(&order, &wanted, &defaults);
                let codes: Vec<_> = tickets
                    .iter()
                    .map(|one| one.barcode.as_ref().map(|code| code.value.expose_secret().to_owned()))
                    .collect();
                let refund =
                    refund_of(&order, &[]).map(|refund| serde_json::to_value(refund).expect("JSON").to_string());
                let void = tickets::void_tickets(&order, &wanted, &[], &defaults);
                (order.payment_id, tickets, codes, refund, void)
            };
            format_outcome(order.map(|found| found.map(issued)))
        }
        "list_orders_of" => {
            let listed = client.list_orders_of(VendorOperation::ListOrders, "71c1aa10d4e5f60718291001").await;
            format_outcome(listed.map(|all| {
                let brief = |order: Order| {
                    let tag = order.email.as_deref().and_then(checkout::reference_in_email).map(str::to_owned);
                    let at = order.created_on.or(order.creation_date).and_then(|at| at.instant(&defaults.time_zone));
                    (order.id.to_string(), tag, at, order.refund_amount)
                };
                all.into_iter().map(brief).collect::<Vec<_>>()
            }))
        }
        "refund" => {
            let order = will_call().await;
            let line = CancelLine { line: 0, tickets: Vec::new() };
            let refund = refund_of(&order, &[line]).expect("a refund");
            format_write(client.refund(VendorOperation::Cancel, &refund).await)
        }
        other => panic!("{other} has no mapping"),
    }
}

async fn will_call() -> OrderDetail {
    let (client, _server) = client(vec![load_case("acme/find_order", "will_call.json")]).await;
    client.find_order(VendorOperation::LookUp, "910321").await.expect("an answer").expect("an order")
}

#[tokio::test]
async fn every_order_response_is_mapped_as_documented() {
    for operation in ORDER_OPERATIONS {
        for case in load_cases(&format!("acme/{operation}")) {
            let name = format!("{operation}__{}", case.name);
            insta::assert_snapshot!(name, mapped(operation, case).await);
        }
    }
}

#[tokio::test]
async fn a_check_out_and_a_refund_are_written_as_documented() {
    insta::assert_json_snapshot!("written__check_out", check_out(Some("71011"), true));
    let deferred = serde_json::to_value(check_out(None, false)).expect("JSON");
    assert_eq!(deferred["chargeAmount"], "0.00", "the lines keep their amounts");
    assert_eq!(deferred["events"][0]["items"][0]["amount"], "66.75");
    assert!(deferred.get("reservationId").is_none());
    // Two of the line's three tickets are valid; the third was refunded before.
    let line = CancelLine { line: 0, tickets: Vec::new() };
    insta::assert_json_snapshot!("written__refund", refund_of(&will_call().await, &[line]));
}
