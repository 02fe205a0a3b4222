//! Orders, their payment and refund, and the tickets that come of them (`ticketing.md §4.10`, `§4.11`).

use serde_json::{Value, json};

use crate::ticketing::book::{Book, DIGITS, HEX, Item, Order, Ticket, deadline};
use crate::ticketing::door::Ask;
use crate::ticketing::reply::{Outcome, Refusal};
use crate::ticketing::show;

/// The test card that is good.
const GOOD_CARD: &str = "4111111111111111";
/// The test card that declines.
const BAD_CARD: &str = "5555555555555555";

/// A line asked for: event, section, quantity.
type Wish = (String, String, u32);

pub(super) fn place(book: &mut Book, ask: &Ask<'_>) -> Outcome {
    let fields = ask.fields();
    fields.require(&["items"])?;
    let wishes = wishes(&ask.body["items"]).ok_or_else(|| Refusal::invalid(&["items"]))?;
    let customer = fields.loose("customer").unwrap_or_else(|| ask.account().to_owned());
    if !book.accounts.contains_key(&customer) {
        return Err(Refusal::new(404, "The requested account could not be located"));
    }
    if !ask.acts_for(&customer) {
        return Err(not_permitted());
    }
    let mut items = Vec::new();
    for (event_id, section_id, quantity) in &wishes {
        let event = book.events.get(event_id).ok_or_else(|| Refusal::invalid(&["items"]))?;
        let section = book.section(event_id, section_id).ok_or_else(|| Refusal::invalid(&["items"]))?;
        if !ask.view().is_on_sale(event, section) || section.remaining() < *quantity {
            let text = "An order for the requested tickets could not be placed at this time. Please try again.";
            return Err(Refusal::new(400, text));
        }
        items.push(Item {
            number: String::new(),
            event: event_id.clone(),
            section: section_id.clone(),
            name: format!("{}: {}", event.title, section.name),
            description: section.description.clone(),
            price: section.current,
            quantity: *quantity,
        });
    }
    let fee = |item: &Item| {
        let base = book.section(&item.event, &item.section).map_or(item.price, |section| section.base);
        fee(base, item.price, book.switches.fee_surcharge) * i64::from(item.quantity)
    };
    let fees = items.iter().map(fee).sum();
    for item in &mut items {
        item.number = book.next_text("item", HEX, 32);
        if let Some(section) = book.section_mut(&item.event, &item.section) {
            section.reserved += item.quantity;
        }
    }
    let number = book.next_text("order", b"0123456789ABCDEF", 12);
    let order = Order {
        number: number.clone(),
        status: "Placed".to_owned(),
        placed: ask.now,
        customer,
        items,
        fees,
        tickets: Vec::new(),
    };
    let is_free = order.total() == 0;
    book.waiting.insert((deadline(order.placed), number.clone()));
    book.orders.insert(number.clone(), order);
    if is_free {
        fulfil(book, ask, &number);
    }
    book.orders.get(&number).map(show::order).ok_or_else(Refusal::gone)
}

/// An object from full section URI to quantity; `None` where anything in it is wrong.
fn wishes(items: &Value) -> Option<Vec<Wish>> {
    let items = items.as_object().filter(|items| !items.is_empty())?;
    let wish = |(uri, quantity): (&String, &Value)| {
        let (event, section) = uri.strip_prefix("/events/")?.split_once("/sections/")?;
        let quantity = u32::try_from(quantity.as_u64()?).ok().filter(|quantity| *quantity > 0)?;
        Some((event.to_owned(), section.to_owned(), quantity))
    };
    items.iter().map(wish).collect()
}

/// The fee of one ticket by its base price, in hundredths.
fn fee(base: i64, price: i64, surcharge: i64) -> i64 {
    if price == 0 {
        return 0;
    }
    // A row ends with the amount that it still covers.
    let rows = [(5_000, 99), (10_000, 199), (15_000, 299), (20_000, 399)];
    rows.iter().find(|(most, _)| base <= *most).map_or(499, |(_, fee)| *fee) + surcharge
}

/// Reserved places become sold ones, and tickets are issued.
fn fulfil(book: &mut Book, ask: &Ask<'_>, number: &str) {
    book.free_places(number, "Fulfilled");
    let Some(order) = book.orders.get(number).cloned() else { return };
    let mut serials = Vec::new();
    for item in &order.items {
        if let Some(section) = book.section_mut(&item.event, &item.section) {
            section.sold += item.quantity;
        }
        for _ in 0..item.quantity {
            let ticket = Ticket {
                id: book.next_id(ask.now),
                serial: format!("{}{}", serial_prefix(&item.name), book.next_text("ticket", DIGITS, 8)),
                event: item.event.clone(),
                section: item.section.clone(),
                owner: order.customer.clone(),
                status: "Issued".to_owned(),
                issued: ask.now,
                redeemed: None,
                changed: ask.now,
                transfer: None,
            };
            serials.push(ticket.serial.clone());
            book.tickets.insert(ticket.serial.clone(), ticket);
        }
    }
    if let Some(order) = book.orders.get_mut(number) {
        order.tickets = serials;
    }
}

/// Six of the event's title, a hyphen, four of the section's name.
fn serial_prefix(name: &str) -> String {
    let (title, section) = name.split_once(": ").unwrap_or((name, ""));
    let code = |text: &str, length: usize| -> String {
        let letters = text.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_uppercase());
        letters.chain(std::iter::repeat('X')).take(length).collect()
    };
    format!("{}-{}", code(title, 6), code(section, 4))
}

fn not_permitted() -> Refusal {
    Refusal::new(403, "This account is not permitted to manage orders on behalf of the ordering customer.")
}

fn own<'b>(book: &'b Book, ask: &Ask<'_>, number: &str) -> Result<&'b Order, Refusal> {
    let order = book.orders.get(number).ok_or_else(Refusal::gone)?;
    if ask.acts_for(&order.customer) { Ok(order) } else { Err(not_permitted()) }
}

pub(super) fn list(book: &Book, ask: &Ask<'_>) -> Outcome {
    let query = &ask.query;
    let mut found: Vec<&Order> = book
        .orders
        .values()
        .filter(|order| ask.acts_for(&order.customer) && query.allows("customer", &order.customer))
        .filter(|order| query.get("status").is_none_or(|status| order.status.eq_ignore_ascii_case(status)))
        .collect();
    found.sort_by_key(|order| order.placed);
    query.page(&book.switches, found, |order| show::order(order))
}

pub(super) fn read(book: &Book, ask: &Ask<'_>, number: &str) -> Outcome {
    own(book, ask, number).map(show::order)
}

pub(super) fn cancel(book: &mut Book, ask: &Ask<'_>, number: &str) -> Outcome {
    let order = own(book, ask, number)?;
    if order.status != "Placed" {
        return Err(Refusal::new(409, format!("A {} order cannot be cancelled.", order.status.to_lowercase())));
    }
    book.free_places(number, "Cancelled");
    Ok(json!({}))
}

pub(super) fn pay(book: &mut Book, ask: &Ask<'_>, number: &str) -> Outcome {
    let order = own(book, ask, number)?;
    if order.status != "Placed" {
        return Err(Refusal::new(409, format!("You cannot pay for a {} order.", order.status)));
    }
    let fields = ask.fields();
    fields.require(&["number"])?;
    let card = fields.loose("number").unwrap_or_default();
    if card != GOOD_CARD && card != BAD_CARD {
        return Err(Refusal::invalid(&["number"]));
    }
    let is_date = |text: &str| matches!(text.as_bytes(), [b'0' | b'1', _, b'/', _, _]);
    if !fields.text("expiryDate").is_none_or(is_date) {
        return Err(Refusal::invalid(&["expiryDate"]));
    }
    let is_declined = card == BAD_CARD || book.switches.declines > 0;
    book.switches.declines = book.switches.declines.saturating_sub(1);
    if !is_declined {
        fulfil(book, ask, number);
    }
    Ok(json!({
        "uri": format!("/orders/{number}/payments/{}", book.next_id(ask.now)),
        "status": if is_declined { "Declined" } else { "Authorised" },
        "method": {
            "cardholder": fields.text("name"),
            "card_type": if card == GOOD_CARD { "Visa" } else { "Mastercard" },
            "card_digits": card[card.len() - 4..],
        },
    }))
}

/// Gives the money of a whole order back: its tickets no longer open the gate.
pub(super) fn refund(book: &mut Book, ask: &Ask<'_>, number: &str) -> Outcome {
    let order = own(book, ask, number)?.clone();
    ask.fields().require(&["reason"])?;
    if order.status != "Fulfilled" {
        return Err(Refusal::new(409, format!("You cannot refund a {} order.", order.status.to_lowercase())));
    }
    for item in &order.items {
        if let Some(section) = book.section_mut(&item.event, &item.section) {
            section.sold = section.sold.saturating_sub(item.quantity);
        }
    }
    for serial in &order.tickets {
        if let Some(ticket) = book.tickets.get_mut(serial) {
            "Voided".clone_into(&mut ticket.status);
            (ticket.changed, ticket.transfer) = (ask.now, None);
        }
    }
    if let Some(kept) = book.orders.get_mut(number) {
        "Refunded".clone_into(&mut kept.status);
    }
    Ok(json!({ "status": "Authorised" }))
}

/// What is held and what was sold, for comparison with a ledger. Our reference is the customer's user name.
pub(super) fn holdings(book: &Book) -> Value {
    let reference = |order: &Order| book.accounts.get(&order.customer).map(|account| account.username.clone());
    let quantity = |order: &Order| order.items.iter().map(|item| item.quantity).sum::<u32>();
    let hold = |order: &Order| {
        let expires = jiff::Timestamp::from_second(deadline(order.placed)).ok();
        json!({
            "reference": reference(order), "id": order.number, "quantity": quantity(order), "expires_at": expires,
        })
    };
    let ticket = |serial: &String| {
        let state = book.tickets.get(serial).map(|ticket| ticket.status.clone());
        json!({ "id": serial, "state": state })
    };
    let sale = |order: &Order| {
        json!({
            "reference": reference(order), "id": order.number, "state": order.status,
            "tickets": order.tickets.iter().map(ticket).collect::<Vec<_>>(), "total_minor": order.total(),
        })
    };
    let (held, others): (Vec<_>, Vec<_>) = book.orders.values().partition(|order| order.status == "Placed");
    json!({
        "holds": held.into_iter().map(hold).collect::<Vec<_>>(),
        "orders": others.into_iter().map(sale).collect::<Vec<_>>(),
    })
}
