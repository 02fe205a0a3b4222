//! `ExternalOrderFacade` and `ExternalOrderService`: carts, sales, and their undoing (`secutix.md §3.3`, §3.4, §8).

mod cart;
mod read;
mod sale;

use jiff::Timestamp;

pub(super) use cart::{abandon, create_or_update};
pub(super) use read::{details, file, references, set_reference};
pub(super) use sale::{cancel, close, pay_and_close};

use crate::secutix::book::{Book, Order, State};
use crate::secutix::method::{Desk, Refusal};
use crate::secutix::voice::Parameters;

/// The order that a call names, of the caller's own institution.
fn order_mut<'a>(book: &'a mut Book, desk: &Desk<'_>, call: &Parameters) -> Result<&'a mut Order, Refusal> {
    let id = call.id("orderId").ok_or(NOT_FOUND)?;
    let order = book.orders.get_mut(&id).filter(|order| order.institution == desk.institution.code);
    order.ok_or(NOT_FOUND)
}

const NOT_FOUND: Refusal = Refusal("error.order.notFound", "unknown order");

/// Refuses what is not a cart any more.
fn check_open(order: &Order, now: Timestamp) -> Result<(), Refusal> {
    match order.state(now) {
        State::Open => Ok(()),
        State::Closed | State::Cancelled => Err(Refusal("error.order.closed", "the order is closed")),
        State::Abandoned => Err(Refusal("error.order.expired", "the order has expired")),
    }
}

/// Refuses a contact that is not a technical contact with an allowed pending account.
fn check_contact(desk: &Desk<'_>, reference: Option<String>) -> Result<String, Refusal> {
    let known = |reference: &String| {
        reference.trim().parse::<i64>().is_ok_and(|number| desk.institution.contacts.contains(&number))
    };
    reference.filter(known).ok_or(Refusal("error.contact.notFound", "unknown contact"))
}
