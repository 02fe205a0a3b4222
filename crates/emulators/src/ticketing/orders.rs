//! Orders, payments, refunds and issued tickets (`ticketing.md §4.10`, `§4.11`).

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::ticketing::auth::RequestContext;
use crate::ticketing::responses::{EndpointResult, TicketingErrorResponse};
use crate::ticketing::state::{
    DIGITS, HEX, IssuedTicket, TicketingEvent, TicketingOrder, TicketingOrderItem, TicketingSection, TicketingState,
    payment_deadline,
};
use crate::ticketing::views;

/// Test card that is accepted.
const ACCEPTED_CARD: &str = "4111111111111111";
/// Test card that is declined.
const DECLINED_CARD: &str = "5555555555555555";

/// A requested line: event, section, quantity.
type RequestedLine = (String, String, u32);

pub(super) fn route(state: &mut TicketingState, request: &RequestContext<'_>) -> EndpointResult {
    let fields = request.fields();
    fields.require(&["items"])?;
    let lines = requested_lines(&request.body["items"]).ok_or_else(|| TicketingErrorResponse::invalid(&["items"]))?;
    let customer = fields.text_or_number("customer").unwrap_or_else(|| request.account().to_owned());
    if !state.accounts.contains_key(&customer) {
        return Err(TicketingErrorResponse::new(404, "The requested account could not be located"));
    }
    if !request.acts_for(&customer) {
        return Err(not_permitted());
    }
    let mut items = Vec::new();
    for (event_id, section_id, quantity) in &lines {
        let event = state.events.get(event_id).ok_or_else(|| TicketingErrorResponse::invalid(&["items"]))?;
        let section = state.section(event_id, section_id).ok_or_else(|| TicketingErrorResponse::invalid(&["items"]))?;
        if !request.view().is_on_sale(event, section) || section.remaining() < *quantity {
            let text = "An order for the requested tickets could not be placed at this time. Please try again.";
            return Err(TicketingErrorResponse::new(400, text));
        }
        items.push(new_item(event, section, *quantity));
    }
    let fee = |item: &TicketingOrderItem| {
        let base = state.section(&item.event, &item.section).map_or(item.price, |section| section.base);
        ticket_fee(base, item.price, state.quirks.fee_surcharge) * i64::from(item.quantity)
    };
    let fees = items.iter().map(fee).sum();
    for item in &mut items {
        item.number = state.next_text("item", HEX, 32);
        if let Some(section) = state.section_mut(&item.event, &item.section) {
            section.reserved += item.quantity;
        }
    }
    let number = state.next_text("order", b"0123456789ABCDEF", 12);
    let order = TicketingOrder {
        number: number.clone(),
        status: "Placed".to_owned(),
        placed: request.now,
        customer,
        items,
        fees,
        tickets: Vec::new(),
    };
    let is_free = order.total() == 0;
    state.awaiting_payment.insert((payment_deadline(order.placed), number.clone()));
    state.orders.insert(number.clone(), order);
    if is_free {
        issue_tickets(state, request, &number);
    }
    state.orders.get(&number).map(views::order).ok_or_else(TicketingErrorResponse::not_found)
}

/// Creates an item without a number.
pub(super) fn new_item(event: &TicketingEvent, section: &TicketingSection, quantity: u32) -> TicketingOrderItem {
    TicketingOrderItem {
        number: String::new(),
        event: event.id.clone(),
        section: section.id.clone(),
        name: format!("{}: {}", event.title, section.name),
        description: section.description.clone(),
        price: section.current,
        quantity,
    }
}

/// Parses an object from full section URI to quantity; returns `None` if any entry is invalid.
fn requested_lines(items: &Value) -> Option<Vec<RequestedLine>> {
    let items = items.as_object().filter(|items| !items.is_empty())?;
    let line = |(uri, quantity): (&String, &Value)| {
        let (event, section) = uri.strip_prefix("/events/")?.split_once("/sections/")?;
        let quantity = u32::try_from(quantity.as_u64()?).ok().filter(|quantity| *quantity > 0)?;
        Some((event.to_owned(), section.to_owned(), quantity))
    };
    items.iter().map(line).collect()
}

/// Returns the fee of one ticket by its base price, in hundredths.
pub(super) fn ticket_fee(base: i64, price: i64, surcharge: i64) -> i64 {
    if price == 0 {
        return 0;
    }
    // Each row: largest base price, fee.
    let rows = [(5_000, 99), (10_000, 199), (15_000, 299), (20_000, 399)];
    rows.iter().find(|(most, _)| base <= *most).map_or(499, |(_, fee)| *fee) + surcharge
}

/// Turns reserved seats into sold ones and issues the tickets.
fn issue_tickets(state: &mut TicketingState, request: &RequestContext<'_>, number: &str) {
    state.release_seats(number, "Fulfilled");
    let Some(order) = state.orders.get(number).cloned() else { return };
    let mut serials = Vec::new();
    for item in &order.items {
        if let Some(section) = state.section_mut(&item.event, &item.section) {
            section.sold += item.quantity;
        }
        for _ in 0..item.quantity {
            let ticket = new_ticket(state, item, &order.customer, request.now);
            serials.push(ticket.serial.clone());
            state.tickets.insert(ticket.serial.clone(), ticket);
        }
    }
    if let Some(order) = state.orders.get_mut(number) {
        order.tickets = serials;
    }
}

/// Creates the ticket of an item.
pub(super) fn new_ticket(
    state: &mut TicketingState,
    item: &TicketingOrderItem,
    owner: &str,
    now: Timestamp,
) -> IssuedTicket {
    IssuedTicket {
        id: state.next_id(now),
        serial: format!("{}{}", serial_prefix(&item.name), state.next_text("ticket", DIGITS, 8)),
        event: item.event.clone(),
        section: item.section.clone(),
        owner: owner.to_owned(),
        status: "Issued".to_owned(),
        issued: now,
        redeemed: None,
        changed: now,
        transfer: None,
    }
}

/// Returns six characters of the event's title, a hyphen, and four of the section's name.
fn serial_prefix(name: &str) -> String {
    let (title, section) = name.split_once(": ").unwrap_or((name, ""));
    let code = |text: &str, length: usize| -> String {
        let letters = text.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_uppercase());
        letters.chain(std::iter::repeat('X')).take(length).collect()
    };
    format!("{}-{}", code(title, 6), code(section, 4))
}

fn not_permitted() -> TicketingErrorResponse {
    TicketingErrorResponse::new(
        403,
        "This account is not permitted to manage orders on behalf of the ordering customer.",
    )
}

fn own_order<'b>(
    state: &'b TicketingState,
    request: &RequestContext<'_>,
    number: &str,
) -> Result<&'b TicketingOrder, TicketingErrorResponse> {
    let order = state.orders.get(number).ok_or_else(TicketingErrorResponse::not_found)?;
    if request.acts_for(&order.customer) { Ok(order) } else { Err(not_permitted()) }
}

pub(super) fn list(state: &TicketingState, request: &RequestContext<'_>) -> EndpointResult {
    let query = &request.query;
    let mut found: Vec<&TicketingOrder> = state
        .orders
        .values()
        .filter(|order| request.acts_for(&order.customer) && query.matches_id("customer", &order.customer))
        .filter(|order| query.get("status").is_none_or(|status| order.status.eq_ignore_ascii_case(status)))
        .collect();
    found.sort_by_key(|order| order.placed);
    query.page(&state.quirks, found, |order| views::order(order))
}

pub(super) fn read(state: &TicketingState, request: &RequestContext<'_>, number: &str) -> EndpointResult {
    own_order(state, request, number).map(views::order)
}

pub(super) fn cancel(state: &mut TicketingState, request: &RequestContext<'_>, number: &str) -> EndpointResult {
    let order = own_order(state, request, number)?;
    if order.status != "Placed" {
        return Err(TicketingErrorResponse::new(
            409,
            format!("A {} order cannot be cancelled.", order.status.to_lowercase()),
        ));
    }
    state.release_seats(number, "Cancelled");
    Ok(json!({}))
}

pub(super) fn pay(state: &mut TicketingState, request: &RequestContext<'_>, number: &str) -> EndpointResult {
    let order = own_order(state, request, number)?;
    if order.status != "Placed" {
        return Err(TicketingErrorResponse::new(409, format!("You cannot pay for a {} order.", order.status)));
    }
    let fields = request.fields();
    fields.require(&["number"])?;
    let card = fields.text_or_number("number").unwrap_or_default();
    if card != ACCEPTED_CARD && card != DECLINED_CARD {
        return Err(TicketingErrorResponse::invalid(&["number"]));
    }
    let is_date = |text: &str| matches!(text.as_bytes(), [b'0' | b'1', _, b'/', _, _]);
    if !fields.text("expiryDate").is_none_or(is_date) {
        return Err(TicketingErrorResponse::invalid(&["expiryDate"]));
    }
    let is_declined = card == DECLINED_CARD || state.quirks.declines > 0;
    state.quirks.declines = state.quirks.declines.saturating_sub(1);
    if !is_declined {
        issue_tickets(state, request, number);
    }
    Ok(json!({
        "uri": format!("/orders/{number}/payments/{}", state.next_id(request.now)),
        "status": if is_declined { "Declined" } else { "Authorised" },
        "method": {
            "cardholder": fields.text("name"),
            "card_type": if card == ACCEPTED_CARD { "Visa" } else { "Mastercard" },
            "card_digits": card[card.len() - 4..],
        },
    }))
}

/// Refunds a whole order and voids its tickets.
pub(super) fn refund(state: &mut TicketingState, request: &RequestContext<'_>, number: &str) -> EndpointResult {
    let order = own_order(state, request, number)?.clone();
    request.fields().require(&["reason"])?;
    if order.status != "Fulfilled" {
        return Err(TicketingErrorResponse::new(
            409,
            format!("You cannot refund a {} order.", order.status.to_lowercase()),
        ));
    }
    for item in &order.items {
        if let Some(section) = state.section_mut(&item.event, &item.section) {
            section.sold = section.sold.saturating_sub(item.quantity);
        }
    }
    for serial in &order.tickets {
        if let Some(ticket) = state.tickets.get_mut(serial) {
            "Voided".clone_into(&mut ticket.status);
            (ticket.changed, ticket.transfer) = (request.now, None);
        }
    }
    if let Some(kept) = state.orders.get_mut(number) {
        "Refunded".clone_into(&mut kept.status);
    }
    Ok(json!({ "status": "Authorised" }))
}

/// Returns all holds and orders, for comparison with a ledger. The client's reference is the customer's user name.
pub(super) fn inventory(state: &TicketingState) -> Value {
    let reference =
        |order: &TicketingOrder| state.accounts.get(&order.customer).map(|account| account.username.clone());
    let quantity = |order: &TicketingOrder| order.items.iter().map(|item| item.quantity).sum::<u32>();
    let hold = |order: &TicketingOrder| {
        let expires = Timestamp::from_second(payment_deadline(order.placed)).ok();
        json!({
            "reference": reference(order), "id": order.number, "quantity": quantity(order), "expires_at": expires,
        })
    };
    let ticket = |serial: &String| {
        let status = state.tickets.get(serial).map(|ticket| ticket.status.clone());
        json!({ "id": serial, "state": status })
    };
    let sale = |order: &TicketingOrder| {
        json!({
            "reference": reference(order), "id": order.number, "state": order.status,
            "tickets": order.tickets.iter().map(ticket).collect::<Vec<_>>(), "total_minor": order.total(),
        })
    };
    let (held, others): (Vec<_>, Vec<_>) = state.orders.values().partition(|order| order.status == "Placed");
    json!({
        "holds": held.into_iter().map(hold).collect::<Vec<_>>(),
        "orders": others.into_iter().map(sale).collect::<Vec<_>>(),
    })
}
