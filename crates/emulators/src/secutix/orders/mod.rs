//! `ExternalOrderFacade` and `ExternalOrderService`: carts, sales and cancellations (`secutix.md §3.3`, §3.4, §8).

mod cart;
mod read;
mod sale;

use jiff::Timestamp;

pub(super) use cart::{abandon, create_or_update, new_order};
pub(super) use read::{details, file, order_view, references, set_reference};
pub(super) use sale::{cancel, close, pay_and_close, print_ticket};

use crate::secutix::encoding::Parameters;
use crate::secutix::method::{CallContext, MethodError};
use crate::secutix::state::{OrderState, SecutixOrder, SecutixState};

/// Returns the order named by `orderId`, if it belongs to the caller's institution.
fn own_order<'a>(
    state: &'a mut SecutixState,
    context: &CallContext<'_>,
    call: &Parameters,
) -> Result<&'a mut SecutixOrder, MethodError> {
    let id = call.id("orderId").ok_or(NOT_FOUND)?;
    let order = state.orders.get_mut(&id).filter(|order| order.institution == context.institution.code);
    order.ok_or(NOT_FOUND)
}

const NOT_FOUND: MethodError = MethodError("error.order.notFound", "unknown order");

/// Rejects an order that is no longer an open cart.
fn check_open(order: &SecutixOrder, now: Timestamp) -> Result<(), MethodError> {
    match order.state(now) {
        OrderState::Open => Ok(()),
        OrderState::Closed | OrderState::Canceled => Err(MethodError("error.order.closed", "the order is closed")),
        OrderState::Abandoned => Err(MethodError("error.order.expired", "the order has expired")),
    }
}

/// Rejects a contact that is not a technical contact with a pending account.
fn check_contact(context: &CallContext<'_>, reference: Option<String>) -> Result<String, MethodError> {
    let known = |reference: &String| {
        reference.trim().parse::<i64>().is_ok_and(|number| context.institution.contacts.contains(&number))
    };
    reference.filter(known).ok_or(MethodError("error.contact.notFound", "unknown contact"))
}
