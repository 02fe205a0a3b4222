//! `ExternalOrderHistoryService`: past sales (`secutix.md §3.5`).

use serde_json::{Value, json};

use crate::secutix::encoding::Parameters;
use crate::secutix::method::{CallContext, MethodError, MethodResult};
use crate::secutix::state::{OrderState, SecutixState, SoldItem};

/// Maximum and default number of rows per page.
const MAX_ROWS: usize = 5_000;

/// `listTicketsByCriteria`. A filter by point of sale returns an empty list, as observed.
pub(super) fn list(state: &mut SecutixState, context: &CallContext<'_>, call: &Parameters) -> MethodResult {
    let filter = call.object("ticketFilterCriteria");
    let dates = filter.instant("startDate").zip(filter.instant("endDate"));
    let (start, end) = dates.ok_or(MethodError("error.ticketFilterCriteria", "both dates are mandatory"))?;
    let page = call.object("paginationParameter");
    let place = |name: &str| page.id(name).and_then(|count| usize::try_from(count).ok());
    let (skip, limit) = (place("startPosition").unwrap_or(0), place("maxResult").unwrap_or(MAX_ROWS).min(MAX_ROWS));
    let product = filter.id("productId");
    let rows: Vec<Value> = state
        .tickets(context.institution.code)
        .filter(|_| filter.id("pointOfSalesId").is_none())
        .filter(|(order, line, _, _)| {
            product.is_none_or(|product| line.product == product)
                && order.closed_at.is_some_and(|sold| start <= sold && sold < end)
        })
        .map(|(_, line, _, ticket)| {
            let (performance, category) = match line.item {
                SoldItem::Seats { performance, category } => (Some(performance), category),
                SoldItem::PassItem { .. } => (None, None),
            };
            json!({
                "ticketId": ticket.id, "ticketState": ticket.print.wire_name(), "performanceId": performance, "seatCategoryId": category,
                "audienceSubCategoryId": line.audience, "priceLevelId": line.level, "price": line.unit_price,
                "audienceSubCategory": context.institution.tariff(line.audience).map(|tariff| tariff.code),
            })
        })
        .collect();
    let truncated = rows.len() > skip + limit;
    let page: Vec<Value> = rows.into_iter().skip(skip).take(limit).collect();
    Ok(json!({"truncated": truncated, "ticketSummaries": page}))
}

/// `countFilesByCriteria`, as far as readiness checks need it.
pub(super) fn count(state: &mut SecutixState, context: &CallContext<'_>, call: &Parameters) -> MethodResult {
    let (start, end) = (call.instant("startDate"), call.instant("endDate"));
    let product = call.id("productId");
    let files = state.orders.values().filter(|order| {
        order.institution == context.institution.code
            && order.state(context.now) != OrderState::Abandoned
            && start.is_none_or(|start| order.created_at >= start)
            && end.is_none_or(|end| order.created_at < end)
            && product.is_none_or(|product| order.product_ids().contains(&product))
    });
    Ok(json!({"count": files.count()}))
}
