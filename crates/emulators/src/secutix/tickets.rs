//! `ExternalOrderHistoryService`: what was sold (`secutix.md §3.5`).

use serde_json::{Value, json};

use crate::secutix::book::{Book, Sold, State};
use crate::secutix::method::{Desk, Outcome, Refusal};
use crate::secutix::voice::Parameters;

/// Rows without a pagination parameter.
const MOST: usize = 5_000;

/// `listTicketsByCriteria`. With a point of sale the list comes back empty, as it was observed to.
pub(super) fn list(book: &mut Book, desk: &Desk<'_>, call: &Parameters) -> Outcome {
    let filter = call.inner("ticketFilterCriteria");
    let dates = filter.instant("startDate").zip(filter.instant("endDate"));
    let (start, end) = dates.ok_or(Refusal("error.ticketFilterCriteria", "both dates are mandatory"))?;
    let page = call.inner("paginationParameter");
    let place = |name: &str| page.id(name).and_then(|count| usize::try_from(count).ok());
    let (skip, limit) = (place("startPosition").unwrap_or(0), place("maxResult").unwrap_or(MOST).min(MOST));
    let product = filter.id("productId");
    let rows: Vec<Value> = book
        .tickets(desk.institution.code)
        .filter(|_| filter.id("pointOfSalesId").is_none())
        .filter(|(order, line, _, _)| {
            product.is_none_or(|product| line.product == product)
                && order.closed_at.is_some_and(|sold| start <= sold && sold < end)
        })
        .map(|(_, line, _, ticket)| {
            let (show, category) = match line.what {
                Sold::Seats { show, category } => (Some(show), category),
                Sold::Things { .. } => (None, None),
            };
            json!({
                "ticketId": ticket.id, "ticketState": ticket.print.word(), "performanceId": show, "seatCategoryId": category,
                "audienceSubCategoryId": line.audience, "priceLevelId": line.level, "price": line.unit_price,
                "audienceSubCategory": desk.institution.tariff(line.audience).map(|tariff| tariff.code),
            })
        })
        .collect();
    let truncated = rows.len() > skip + limit;
    let page: Vec<Value> = rows.into_iter().skip(skip).take(limit).collect();
    Ok(json!({"truncated": truncated, "ticketSummaries": page}))
}

/// `countFilesByCriteria`, as far as readiness checks need it.
pub(super) fn count(book: &mut Book, desk: &Desk<'_>, call: &Parameters) -> Outcome {
    let (start, end) = (call.instant("startDate"), call.instant("endDate"));
    let product = call.id("productId");
    let files = book.orders.values().filter(|order| {
        order.institution == desk.institution.code
            && order.state(desk.now) != State::Abandoned
            && start.is_none_or(|start| order.created_at >= start)
            && end.is_none_or(|end| order.created_at < end)
            && product.is_none_or(|product| order.products().contains(&product))
    });
    Ok(json!({"count": files.count()}))
}
