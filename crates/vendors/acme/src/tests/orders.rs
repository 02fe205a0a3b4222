//! Holds, check-outs, will-call orders and refunds.

use secrecy::ExposeSecret;

use crate::client::Outcome;
use crate::map::booking::{self, Terms};
use crate::map::tickets;
use crate::tests::{client, key, shown, venue, written};
use crate::wire::orders::{CheckOut, Order, OrderDetail, Places, Refund};
use domain::Money;
use domain::ordering::{CancelLine, Contact, DeliveryPreference, LegLine, LegRequest};
use domain::{Operation, PerformanceKey, TicketTypeKey};
use testkit::{Case, case, cases};

/// The operations that the table below maps, in the order of their names.
pub(super) const SALES: &[&str] = &["check_out", "find_order", "list_orders_of", "refund", "reserve"];

/// Three adults and two children at one instance.
fn leg() -> LegRequest {
    let line = |line, person: &str, quantity, cents| LegLine {
        line,
        performance: PerformanceKey::new("71c1aa10d4e5f60718291001:2031-06-01:t"),
        ticket_type: TicketTypeKey::new(format!("71c0aa10d4e5f60718290001:71c0ff60d4e5f6071829000{person}")),
        quantity,
        unit_price: Money::new(cents, venue().currency),
    };
    LegRequest {
        reference: "TG-1".to_owned(),
        lines: vec![line(0, "1", 3, 2225), line(1, "2", 2, 950)],
        contact: Contact {
            first_name: "Ada".to_owned(),
            last_name: "Guest".to_owned(),
            email: "guest@example.org".to_owned(),
            phone: Some("2025550101".to_owned()),
            postal_code: Some("02110".to_owned()),
        },
        account: std::collections::BTreeMap::new(),
        locale: None,
        delivery: DeliveryPreference::Barcode,
    }
}

fn check_out(reservation: Option<&str>, charges: bool) -> CheckOut {
    let leg = leg();
    let wanted = booking::wanted(&leg).expect("keys of ours");
    booking::check_out(&leg, &wanted, &Terms { organization: "5120", reservation, charges })
}

fn refund_of(order: &OrderDetail, lines: &[CancelLine]) -> Option<Refund> {
    let leg = leg();
    let wanted = booking::wanted(&leg).expect("keys of ours");
    tickets::refund(order, &wanted, lines, &venue().zone, "TG-1")
}

async fn mapped(operation: &str, case: Case) -> String {
    let (client, _prompter) = client(vec![case]).await;
    let (venue, leg) = (venue(), leg());
    let wanted = booking::wanted(&leg).expect("keys of ours");
    match operation {
        "reserve" => {
            let places = [Places { event_id: "71c1aa10d4e5f60718291001".to_owned(), quantity: 5 }];
            written(client.reserve(Operation::Hold, &places).await)
        }
        "check_out" => {
            let sold = client.check_out(Operation::Confirm, &key(), "5120", &check_out(Some("71011"), true)).await;
            let total = |order: &Order| booking::total(order, &venue);
            shown(sold.map(|outcome| match outcome {
                Outcome::Done(order) => format!("{} for {:?}", order.id, total(&order)),
                other => format!("{other:?}"),
            }))
        }
        "find_order" => {
            let order = client.find_order(Operation::LookUp, "910321").await;
            let issued = |order: OrderDetail| {
                let tickets = tickets::issued(&order, &wanted, &venue.zone);
                let codes: Vec<_> = tickets
                    .iter()
                    .map(|one| one.barcode.as_ref().map(|code| code.value.expose_secret().to_owned()))
                    .collect();
                let refund =
                    refund_of(&order, &[]).map(|refund| serde_json::to_value(refund).expect("JSON").to_string());
                let void = tickets::void(&order, &wanted, &[], &venue.zone);
                (order.payment_id, tickets, codes, refund, void)
            };
            shown(order.map(|found| found.map(issued)))
        }
        "list_orders_of" => {
            let listed = client.list_orders_of(Operation::ListOrders, "71c1aa10d4e5f60718291001").await;
            shown(listed.map(|all| {
                let brief = |order: Order| {
                    let tag = order.email.as_deref().and_then(booking::reference).map(str::to_owned);
                    let at = order.created_on.or(order.creation_date).and_then(|at| at.instant(&venue.zone));
                    (order.id.to_string(), tag, at, order.refund_amount)
                };
                all.into_iter().map(brief).collect::<Vec<_>>()
            }))
        }
        "refund" => {
            let order = will_call().await;
            let line = CancelLine { line: 0, tickets: Vec::new() };
            let refund = refund_of(&order, &[line]).expect("a refund");
            written(client.refund(Operation::Cancel, &refund).await)
        }
        other => panic!("{other} has no mapping"),
    }
}

async fn will_call() -> OrderDetail {
    let (client, _prompter) = client(vec![case("acme/find_order", "will_call.json")]).await;
    client.find_order(Operation::LookUp, "910321").await.expect("an answer").expect("an order")
}

#[tokio::test]
async fn every_answer_of_a_sale_is_mapped_as_the_papers_say() {
    for operation in SALES {
        for case in cases(&format!("acme/{operation}")) {
            let name = format!("{operation}__{}", case.name);
            insta::assert_snapshot!(name, mapped(operation, case).await);
        }
    }
}

#[tokio::test]
async fn a_check_out_and_a_refund_are_written_as_the_papers_want_them() {
    insta::assert_json_snapshot!("written__check_out", check_out(Some("71011"), true));
    let deferred = serde_json::to_value(check_out(None, false)).expect("JSON");
    assert_eq!(deferred["chargeAmount"], "0.00", "the lines keep their amounts");
    assert_eq!(deferred["events"][0]["items"][0]["amount"], "66.75");
    assert!(deferred.get("reservationId").is_none());
    // Two of three tickets of a line are good; the third was refunded before.
    let line = CancelLine { line: 0, tickets: Vec::new() };
    insta::assert_json_snapshot!("written__refund", refund_of(&will_call().await, &[line]));
}
