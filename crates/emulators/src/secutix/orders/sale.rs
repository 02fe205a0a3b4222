//! Closing carts, and cancelling what was sold.

use serde_json::{Value, json};

use crate::secutix::book::{Book, Order, Print, Sold, State, Ticket};
use crate::secutix::catalog::{cash, state_of};
use crate::secutix::method::{Desk, Outcome, Refusal};
use crate::secutix::orders::cart::drop_places;
use crate::secutix::orders::{check_contact, check_open, order_mut};
use crate::secutix::voice::{Parameters, number, text};

const PAYMENT: Refusal = Refusal("error.order.payment", "the payments do not cover the order");

/// `closeOrder`: a cart becomes a sale on the pending account.
pub(crate) fn close(book: &mut Book, desk: &Desk<'_>, call: &Parameters) -> Outcome {
    let purchaser = call.inner("purchaserInfo").text("contactReference");
    let order = sell(book, desk, call, purchaser, call.flag("generateBarCodes"))?;
    Ok(json!({"orderData": {"orderId": order.id, "orderState": order.state.word()}}))
}

/// `createPaymentsAndCloseOrder`: the same with the payments told back; its answer is inferred.
pub(crate) fn pay_and_close(book: &mut Book, desk: &Desk<'_>, call: &Parameters) -> Outcome {
    let purchaser = call.list("purchasersInfo").first().and_then(|one| text(one.get("contactReference")?));
    let id = sell(book, desk, call, purchaser, true)?.id;
    let paid = |payment: &&Value| {
        let one = Parameters((*payment).clone());
        Some((one.id("paymentMethodId")?, one.id("amount")?))
    };
    let made: Vec<(i64, i64)> = call.list("payments").iter().filter_map(paid).collect();
    let payments: Vec<Value> = made
        .into_iter()
        .map(|(method, amount)| {
            json!({"paymentId": book.number(), "paymentMethodId": method, "amount": amount, "state": "PAID"})
        })
        .collect();
    Ok(json!({"payments": payments, "orderData": {"orderId": id, "orderState": "CLOSED"}}))
}

fn sell<'a>(
    book: &'a mut Book,
    desk: &Desk<'_>,
    call: &Parameters,
    purchaser: Option<String>,
    generates: bool,
) -> Result<&'a Order, Refusal> {
    let order = order_mut(book, desk, call)?;
    check_open(order, desk.now)?;
    check_contact(desk, purchaser.or_else(|| order.contact.clone()))?;
    check_payments(desk, call, order.amount())?;
    let (id, lines) = (order.id, order.operations.clone());
    let is_off = |product: i64, what: Sold| {
        let states = [Some(product), if let Sold::Seats { show, .. } = what { Some(show) } else { None }];
        states.into_iter().flatten().any(|id| state_of(&book.twists, id, "RUNNING").starts_with("CANCELED"))
    };
    if lines.iter().any(|line| is_off(line.product, line.what)) {
        return Err(Refusal("error.product.notOnSale", "called off"));
    }
    let prints = generates && !book.twists.no_barcodes;
    let mut sold = book.orders.remove(&id).ok_or(PAYMENT)?;
    for place in sold.operations.iter_mut().flat_map(|line| &mut line.movements).filter(|place| !place.is_dropped) {
        let ticket = book.number();
        let short = ticket % 100_000_000;
        place.ticket = Some(Ticket {
            id: ticket,
            print: if prints { Print::Valid } else { Print::NotPrinted },
            barcode: prints.then(|| format!("{}{short:010}", desk.institution.code)),
            tax_number: format!("{}-{short}", desk.institution.code),
            printed_at: prints.then_some(desk.now),
            medium: prints.then(|| "E_TICKET".to_owned()),
            controls: Vec::new(),
        });
    }
    sold.state = State::Closed;
    sold.closed_at = Some(desk.now);
    Ok(book.orders.entry(id).or_insert(sold))
}

/// The sum must be the total, by a method of the point of sale that sales can be paid with; nothing is only enough for nothing.
fn check_payments(desk: &Desk<'_>, call: &Parameters, total: i64) -> Result<(), Refusal> {
    let mut sum = 0;
    for payment in call.list("payments") {
        let method = payment.get("paymentMethodId").and_then(number);
        if method != Some(desk.institution.pending_account) {
            return Err(PAYMENT);
        }
        sum += payment.get("amount").and_then(number).ok_or(PAYMENT)?;
    }
    if sum == total { Ok(()) } else { Err(PAYMENT) }
}

/// `cancelOperations`: of a cart any time; of a sale until the date begins and before anybody went in. Places go back.
pub(crate) fn cancel(book: &mut Book, desk: &Desk<'_>, call: &Parameters) -> Outcome {
    let (operations, movements) = (call.ids("operationIds"), call.ids("movementIds"));
    let order = order_mut(book, desk, call)?;
    match order.state(desk.now) {
        State::Open => {
            let lines: Vec<i64> = places_of(order, &operations, &movements)?;
            drop_places(order, |place| lines.contains(&place.id));
        }
        State::Closed => cancel_sold(order, desk, &operations, &movements)?,
        State::Abandoned => return Err(Refusal("error.order.expired", "the order has expired")),
        State::Cancelled => {}
    }
    let (id, products) = (order.id, order.products());
    book.touch(products, desk.now);
    Ok(json!({"expectedException": false, "statusMessage": null, "orderUpdateData": {
        "orderId": id, "catalogCurrency": cash(desk.institution), "generatedContactQualities": {},
    }}))
}

/// The places that are meant: those named, or all of the lines named.
fn places_of(order: &Order, operations: &[i64], movements: &[i64]) -> Result<Vec<i64>, Refusal> {
    let lines = order.operations.iter().filter(|line| operations.is_empty() || operations.contains(&line.id));
    let places: Vec<i64> = lines
        .flat_map(|line| &line.movements)
        .map(|place| place.id)
        .filter(|id| movements.is_empty() || movements.contains(id))
        .collect();
    let is_whole = movements.iter().all(|wanted| places.contains(wanted));
    if is_whole && !places.is_empty() { Ok(places) } else { Err(Refusal("error.order.movement", "unknown movement")) }
}

fn cancel_sold(order: &mut Order, desk: &Desk<'_>, operations: &[i64], movements: &[i64]) -> Result<(), Refusal> {
    let meant = places_of(order, operations, movements)?;
    let has_begun = |what: Sold| match what {
        Sold::Seats { show, .. } => desk.institution.show(show).is_none_or(|(_, date)| date.start <= desk.now),
        Sold::Things { item } => {
            let today = desk.now.to_zoned(desk.institution.zone.clone()).date();
            desk.institution.item(item).is_none_or(|(_, thing)| thing.last_day.is_some_and(|last| last < today))
        }
    };
    let lines = || order.operations.iter().flat_map(|line| line.movements.iter().map(move |place| (line, place)));
    let is_late = |ticket: &Ticket| ticket.controls.iter().any(|(kind, _)| kind == "OK");
    let too_late = lines().any(|(line, place)| {
        meant.contains(&place.id) && (has_begun(line.what) || place.ticket.as_ref().is_some_and(is_late))
    });
    if too_late {
        return Err(Refusal("error.order.tooLate", "it has begun, or somebody went in"));
    }
    for place in order.operations.iter_mut().flat_map(|line| &mut line.movements) {
        if let Some(ticket) = place.ticket.as_mut().filter(|_| meant.contains(&place.id)) {
            ticket.print = Print::Cancelled;
        }
    }
    if order.operations.iter().flat_map(|line| &line.movements).all(|place| !place.is_live()) {
        order.state = State::Cancelled;
    }
    Ok(())
}
