//! Closing carts and canceling sales.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::secutix::catalog::{currency_view, state_of};
use crate::secutix::encoding::{Parameters, as_number, as_text};
use crate::secutix::method::{CallContext, MethodError, MethodResult};
use crate::secutix::orders::cart::remove_seats;
use crate::secutix::orders::{check_contact, check_open, own_order};
use crate::secutix::readings::PaymentsAt;
use crate::secutix::state::{OrderState, SecutixOrder, SecutixState, SecutixTicket, SoldItem, TicketState};

const PAYMENT_MISMATCH: MethodError = MethodError("error.order.payment", "the payments do not cover the order");

/// `closeOrder`: turns a cart into a sale on the pending account.
pub(crate) fn close(state: &mut SecutixState, context: &CallContext<'_>, call: &Parameters) -> MethodResult {
    let is_paid = !call.list("payments").is_empty();
    match state.overrides.readings.payments_at {
        PaymentsAt::List => {}
        PaymentsAt::None if !is_paid => {}
        PaymentsAt::None | PaymentsAt::Facade => return Err(PAYMENT_MISMATCH),
    }
    let purchaser = call.object("purchaserInfo").text("contactReference");
    let order = close_cart(state, context, call, purchaser, call.flag("generateBarCodes"))?;
    Ok(json!({"orderData": {"orderId": order.id, "orderState": order.state.wire_name()}}))
}

/// `createPaymentsAndCloseOrder`: closes the order and returns its payments. The response is INFERRED.
pub(crate) fn pay_and_close(state: &mut SecutixState, context: &CallContext<'_>, call: &Parameters) -> MethodResult {
    let purchaser = call.list("purchasersInfo").first().and_then(|one| as_text(one.get("contactReference")?));
    let id = close_cart(state, context, call, purchaser, true)?.id;
    let paid = |payment: &&Value| {
        let one = Parameters((*payment).clone());
        Some((one.id("paymentMethodId")?, one.id("amount")?))
    };
    let paid_amounts: Vec<(i64, i64)> = call.list("payments").iter().filter_map(paid).collect();
    let payments: Vec<Value> = paid_amounts
        .into_iter()
        .map(|(method, amount)| {
            json!({"paymentId": state.next_number(), "paymentMethodId": method, "amount": amount, "state": "PAID"})
        })
        .collect();
    Ok(json!({"payments": payments, "orderData": {"orderId": id, "orderState": "CLOSED"}}))
}

fn close_cart<'a>(
    state: &'a mut SecutixState,
    context: &CallContext<'_>,
    call: &Parameters,
    purchaser: Option<String>,
    generates: bool,
) -> Result<&'a SecutixOrder, MethodError> {
    let order = own_order(state, context, call)?;
    check_open(order, context.now)?;
    check_contact(context, purchaser.or_else(|| order.contact.clone()))?;
    let total = order.amount();
    let (id, lines) = (order.id, order.operations.clone());
    let is_off = |product: i64, item: SoldItem| {
        let states =
            [Some(product), if let SoldItem::Seats { performance, .. } = item { Some(performance) } else { None }];
        states.into_iter().flatten().any(|id| state_of(&state.overrides, id, "RUNNING").starts_with("CANCELED"))
    };
    if lines.iter().any(|line| is_off(line.product, line.item)) {
        return Err(MethodError("error.product.notOnSale", "cancelled"));
    }
    if state.overrides.readings.payments_at != PaymentsAt::None {
        check_payments(context, call, total)?;
    }
    let prints = generates && !state.overrides.no_barcodes;
    let mut sold = state.orders.remove(&id).ok_or(PAYMENT_MISMATCH)?;
    for seat in sold.operations.iter_mut().flat_map(|line| &mut line.movements).filter(|seat| !seat.is_removed) {
        seat.ticket = Some(print_ticket(state, context.institution.code, prints, context.now));
    }
    sold.state = OrderState::Closed;
    sold.closed_at = Some(context.now);
    if state.overrides.webhooks.contains_key(context.institution.code) {
        state.closed_orders.push(id);
    }
    Ok(state.orders.entry(id).or_insert(sold))
}

/// Issues a ticket, with a barcode if it is printed.
pub(crate) fn print_ticket(state: &mut SecutixState, institution: &str, prints: bool, now: Timestamp) -> SecutixTicket {
    let ticket = state.next_number();
    let short = ticket % 100_000_000;
    SecutixTicket {
        id: ticket,
        print: if prints { TicketState::Valid } else { TicketState::NotPrinted },
        barcode: prints.then(|| format!("{institution}{short:010}")),
        tax_number: format!("{institution}-{short}"),
        printed_at: prints.then_some(now),
        medium: prints.then(|| "E_TICKET".to_owned()),
        controls: Vec::new(),
    }
}

/// Checks that the payments use the pending account and add up to the total; a free order needs none.
fn check_payments(context: &CallContext<'_>, call: &Parameters, total: i64) -> Result<(), MethodError> {
    let mut sum = 0;
    for payment in call.list("payments") {
        let method = payment.get("paymentMethodId").and_then(as_number);
        if method != Some(context.institution.pending_account) {
            return Err(PAYMENT_MISMATCH);
        }
        sum += payment.get("amount").and_then(as_number).ok_or(PAYMENT_MISMATCH)?;
    }
    if sum == total { Ok(()) } else { Err(PAYMENT_MISMATCH) }
}

/// `cancelOperations`: cancels lines of a cart at any time, and lines of a sale before the performance starts and before a ticket is used.
/// The seats become available again.
pub(crate) fn cancel(state: &mut SecutixState, context: &CallContext<'_>, call: &Parameters) -> MethodResult {
    let (operations, movements) = (call.ids("operationIds"), call.ids("movementIds"));
    let order = own_order(state, context, call)?;
    match order.state(context.now) {
        OrderState::Open => {
            let lines: Vec<i64> = selected_movements(order, &operations, &movements)?;
            remove_seats(order, |seat| lines.contains(&seat.id));
        }
        OrderState::Closed => cancel_sold_seats(order, context, &operations, &movements)?,
        OrderState::Abandoned => return Err(MethodError("error.order.expired", "the order has expired")),
        OrderState::Canceled => {}
    }
    let (id, products) = (order.id, order.product_ids());
    state.mark_changed(products, context.now);
    Ok(json!({"expectedException": false, "statusMessage": null, "orderUpdateData": {
        "orderId": id, "catalogCurrency": currency_view(context.institution), "generatedContactQualities": {},
    }}))
}

/// Returns the selected movements: those listed, or all of the listed operations.
fn selected_movements(order: &SecutixOrder, operations: &[i64], movements: &[i64]) -> Result<Vec<i64>, MethodError> {
    let lines = order.operations.iter().filter(|line| operations.is_empty() || operations.contains(&line.id));
    let seats: Vec<i64> = lines
        .flat_map(|line| &line.movements)
        .map(|seat| seat.id)
        .filter(|id| movements.is_empty() || movements.contains(id))
        .collect();
    let is_whole = movements.iter().all(|wanted| seats.contains(wanted));
    if is_whole && !seats.is_empty() { Ok(seats) } else { Err(MethodError("error.order.movement", "unknown movement")) }
}

fn cancel_sold_seats(
    order: &mut SecutixOrder,
    context: &CallContext<'_>,
    operations: &[i64],
    movements: &[i64],
) -> Result<(), MethodError> {
    let selected = selected_movements(order, operations, movements)?;
    let has_begun = |item: SoldItem| match item {
        SoldItem::Seats { performance, .. } => {
            context.institution.performance(performance).is_none_or(|(_, date)| date.start <= context.now)
        }
        SoldItem::PassItem { item } => {
            let today = context.now.to_zoned(context.institution.zone.clone()).date();
            context.institution.pass_item(item).is_none_or(|(_, thing)| thing.last_day.is_some_and(|last| last < today))
        }
    };
    let lines = || order.operations.iter().flat_map(|line| line.movements.iter().map(move |seat| (line, seat)));
    let was_used = |ticket: &SecutixTicket| ticket.controls.iter().any(|(kind, _)| kind == "OK");
    let too_late = lines().any(|(line, seat)| {
        selected.contains(&seat.id) && (has_begun(line.item) || seat.ticket.as_ref().is_some_and(was_used))
    });
    if too_late {
        return Err(MethodError("error.order.tooLate", "the performance has started, or a ticket was used"));
    }
    for seat in order.operations.iter_mut().flat_map(|line| &mut line.movements) {
        if let Some(ticket) = seat.ticket.as_mut().filter(|_| selected.contains(&seat.id)) {
            ticket.print = TicketState::Canceled;
        }
    }
    if order.operations.iter().flat_map(|line| &line.movements).all(|seat| !seat.is_live()) {
        order.state = OrderState::Canceled;
    }
    Ok(())
}
