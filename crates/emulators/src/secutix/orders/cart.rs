//! Adding to carts and removing from them.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::secutix::availability::{check_point_of_sale, free_seats};
use crate::secutix::catalog::{currency_view, price_of, state_of};
use crate::secutix::encoding::{Parameters, as_text};
use crate::secutix::method::{CallContext, MethodError, MethodResult};
use crate::secutix::orders::{check_contact, check_open, own_order};
use crate::secutix::state::{OrderOperation, OrderState, SeatMovement, SecutixOrder, SecutixState, SoldItem};
use crate::secutix::world::SecutixProduct;

const NOT_ON_SALE: MethodError = MethodError("error.product.notOnSale", "not on sale");
const NO_SEAT_LEFT: MethodError = MethodError("error.order.availability", "No place left");
/// Maximum number of seats per line (`maxSeatsPerPerformance`).
const MAX_SEATS_PER_LINE: i64 = 10;

/// A requested line.
struct RequestedLine {
    item: SoldItem,
    audience: i64,
    quantity: i64,
    contingent: Option<i64>,
}

/// `createOrUpdateOrder`: books all lines or none. A repeated `externalReference` creates another order.
pub(crate) fn create_or_update(state: &mut SecutixState, context: &CallContext<'_>, call: &Parameters) -> MethodResult {
    check_point_of_sale(context, call)?;
    let order_type = call.text("orderType").unwrap_or_default();
    if order_type != "SALE" {
        return Err(MethodError("error.order.type", "only SALE is offered to this channel"));
    }
    let requests = requested_lines(call)?;
    let id = match call.id("orderId") {
        Some(id) => {
            check_open(own_order(state, context, call)?, context.now)?;
            id
        }
        None => create_cart(state, context, call, order_type)?,
    };
    let before = state.orders.get(&id).map_or(0, |order| order.operations.len());
    if let Err(error) = requests.iter().try_for_each(|line_request| allocate_seats(state, context, id, line_request)) {
        // A rejected call has no effect: a new order is removed, an existing one keeps its earlier lines.
        if call.id("orderId").is_none() {
            state.orders.remove(&id);
        } else if let Some(order) = state.orders.get_mut(&id) {
            order.operations.truncate(before);
        }
        return Err(error);
    }
    let order = find_order(state, id)?;
    order.extend_expiry(context.now);
    if let Some(reference) = call.text("externalReference") {
        order.reference = Some(reference);
    }
    let products = order.product_ids();
    let update = order_update_view(order, context, &order.operations[before..]);
    state.mark_changed(products, context.now);
    Ok(json!({"expectedException": false, "statusMessage": null, "orderUpdateData": update}))
}

fn find_order(state: &mut SecutixState, id: i64) -> Result<&mut SecutixOrder, MethodError> {
    state.orders.get_mut(&id).ok_or(MethodError("error.order.notFound", "unknown order"))
}

fn create_cart(
    state: &mut SecutixState,
    context: &CallContext<'_>,
    call: &Parameters,
    order_type: String,
) -> Result<i64, MethodError> {
    let purchaser = call.list("purchasersInfo").first().and_then(|one| as_text(one.get("contactReference")?));
    let contact = check_contact(context, purchaser)?;
    let order = new_order(state, context.institution.code, order_type, &contact, context.now);
    let id = order.id;
    // The cart must hold seats during the call, so that its second line sees the seats of its first.
    state.orders.insert(id, order);
    find_order(state, id)?.extend_expiry(context.now);
    Ok(id)
}

/// Creates an empty cart.
pub(crate) fn new_order(
    state: &mut SecutixState,
    institution: &str,
    order_type: String,
    contact: &str,
    now: Timestamp,
) -> SecutixOrder {
    let (id, file) = (state.next_number(), state.next_number());
    SecutixOrder {
        id,
        institution: institution.to_owned(),
        secret: format!("{:08x}", id.unsigned_abs().wrapping_mul(0x9e37_79b9) & 0xffff_ffff),
        file,
        order_type,
        reference: None,
        contact: Some(contact.to_owned()),
        created_at: now,
        expires_at: now,
        state: OrderState::Open,
        closed_at: None,
        reads: 0,
        operations: Vec::new(),
        references: BTreeMap::new(),
    }
}

fn requested_lines(call: &Parameters) -> Result<Vec<RequestedLine>, MethodError> {
    let mut requests = Vec::new();
    for operation in call.list("singleEntryAttributionOperations") {
        for attribution in Parameters(operation.clone()).list("operationAttributions") {
            let one = Parameters(attribution.clone());
            let performance = one.id("performanceId").ok_or(NOT_ON_SALE)?;
            requests.push(requested_line(&one, SoldItem::Seats { performance, category: one.id("seatCategoryId") })?);
        }
    }
    for operation in call.list("simpleProductOperations") {
        let one = Parameters(operation.clone());
        let item = one.id("itemId").ok_or(NOT_ON_SALE)?;
        requests.push(requested_line(&one, SoldItem::PassItem { item })?);
    }
    if requests.is_empty() {
        return Err(MethodError("error.order.noOperation", "at least one operation is needed"));
    }
    Ok(requests)
}

fn requested_line(one: &Parameters, item: SoldItem) -> Result<RequestedLine, MethodError> {
    let quantity = one.id("quantity").unwrap_or(0);
    if !(1..=MAX_SEATS_PER_LINE).contains(&quantity) {
        return Err(MethodError("error.order.quantity", "quantity out of range"));
    }
    let audience = one.id("audienceSubCategoryId").ok_or(NOT_ON_SALE)?;
    Ok(RequestedLine { item, audience, quantity, contingent: one.id("contingentId") })
}

/// Allocates seats from one contingent after another; a requested line may become several operations.
fn allocate_seats(
    state: &mut SecutixState,
    context: &CallContext<'_>,
    id: i64,
    line_request: &RequestedLine,
) -> Result<(), MethodError> {
    let (product, unit_price, level) = price_line(state, context, line_request)?;
    let mut missing = line_request.quantity;
    for (contingent, _, share) in context.institution.contingents {
        if missing == 0 || line_request.contingent.is_some_and(|wanted| wanted != *contingent) {
            continue;
        }
        let taken =
            free_seats(state, context.institution, line_request.item, (*contingent, *share), context.now).min(missing);
        if taken == 0 {
            continue;
        }
        let operation = OrderOperation {
            id: state.next_number(),
            item: line_request.item,
            product,
            audience: line_request.audience,
            level,
            contingent: *contingent,
            unit_price,
            movements: (0..taken)
                .map(|_| SeatMovement { id: state.next_number(), is_removed: false, ticket: None })
                .collect(),
        };
        find_order(state, id)?.operations.push(operation);
        missing -= taken;
    }
    if missing > 0 { Err(NO_SEAT_LEFT) } else { Ok(()) }
}

/// Returns product, price and price level of a requested line, if it is on sale.
fn price_line(
    state: &SecutixState,
    context: &CallContext<'_>,
    line_request: &RequestedLine,
) -> Result<(i64, i64, i64), MethodError> {
    let is_running = |product: &SecutixProduct| state_of(&state.overrides, product.id, product.state) == "RUNNING";
    match line_request.item {
        SoldItem::Seats { performance, category } => {
            let (product, date) = context.institution.performance(performance).ok_or(NOT_ON_SALE)?;
            let is_open = is_running(product)
                && state_of(&state.overrides, performance, "RUNNING") == "RUNNING"
                && matches!(product.family, "SINGLE_ENTRY")
                && date.start > context.now;
            let row = date.prices.iter().find(|(of, tariff, level, _)| {
                *of == category
                    && *tariff == line_request.audience
                    && context
                        .institution
                        .season
                        .price_levels
                        .iter()
                        .any(|known| known.0 == *level && known.2 == "OCCASIONAL")
            });
            let (_, _, level, amount) = row.filter(|_| is_open).ok_or(NOT_ON_SALE)?;
            Ok((product.id, price_of(&state.overrides, performance, product.id, *amount), *level))
        }
        SoldItem::PassItem { item } => {
            let (product, thing) = context.institution.pass_item(item).ok_or(NOT_ON_SALE)?;
            let today = context.now.to_zoned(context.institution.zone.clone()).date();
            let is_open = is_running(product) && thing.last_day.is_none_or(|last| today <= last);
            let price = thing.prices.iter().find(|(tariff, _)| *tariff == line_request.audience).filter(|_| is_open);
            let (_, amount) = price.ok_or(NOT_ON_SALE)?;
            Ok((product.id, price_of(&state.overrides, item, product.id, *amount), 0))
        }
    }
}

/// Serializes the changes to an order (`secutix.md §4.3`).
pub(super) fn order_update_view(order: &SecutixOrder, context: &CallContext<'_>, lines: &[OrderOperation]) -> Value {
    let operations: Vec<Value> = lines.iter().map(|line| operation_view(order, line, context)).collect();
    let seats = lines.iter().flat_map(|line| line.movements.iter().map(move |seat| (line, seat)));
    let movements: Vec<Value> = seats
        .map(|(line, seat)| json!({"movementId": seat.id, "operationId": line.id, "contingentId": line.contingent}))
        .collect();
    json!({
        "orderId": order.id, "orderSecretId": order.secret, "mainOperationId": order.operations.first().map(|line| line.id),
        "catalogCurrency": currency_view(context.institution), "operationDataUpdates": operations, "movementDataUpdates": movements,
        "removeOperationIds": [], "removeMovementIds": [], "generatedContactQualities": {},
    })
}

/// Serializes an operation, the same in both order responses.
pub(super) fn operation_view(order: &SecutixOrder, line: &OrderOperation, context: &CallContext<'_>) -> Value {
    let quantity = i64::try_from(line.movements.iter().filter(|seat| seat.is_live()).count()).unwrap_or(0);
    let product = context.institution.product(line.product);
    let contingent = context.institution.contingents.iter().find(|(id, _, _)| *id == line.contingent);
    let (kind, item) = match line.item {
        SoldItem::Seats { .. } => ("SINGLE_ENTRY", None),
        SoldItem::PassItem { item } => ("SIMPLE_PRODUCT", Some(item)),
    };
    json!({
        "operationId": line.id, "fileId": order.file, "kind": kind, "quantity": quantity,
        "basePrice": line.unit_price, "unitPrice": line.unit_price, "totalAmount": line.unit_price * quantity,
        "productId": line.product, "productCode": product.map(|product| product.code.clone()),
        "product": product.and_then(|product| product.name.first().map(|(_, name)| name.clone())), "itemId": item,
        "audienceSubCategoryId": line.audience, "contingentId": line.contingent,
        "audienceSubCategory": context.institution.tariff(line.audience).map(|tariff| tariff.code),
        "contingent": contingent.map(|(_, name, _)| *name), "numbered": item.is_none(),
    })
}

/// `abandonMovements`: removes seats from a cart; an empty cart is abandoned.
pub(crate) fn abandon(state: &mut SecutixState, context: &CallContext<'_>, call: &Parameters) -> MethodResult {
    let order = own_order(state, context, call)?;
    check_open(order, context.now)?;
    let wanted = call.ids("movementIds");
    let removed = remove_seats(order, |seat| wanted.contains(&seat.id));
    let (id, products) = (order.id, order.product_ids());
    state.mark_changed(products, context.now);
    Ok(json!({"expectedException": false, "statusMessage": null, "orderUpdateData": {
        "orderId": id, "removeMovementIds": removed, "removeOperationIds": [],
    }}))
}

/// Removes seats from a cart and returns their movement ids.
pub(super) fn remove_seats(order: &mut SecutixOrder, is_selected: impl Fn(&SeatMovement) -> bool) -> Vec<i64> {
    let mut removed = Vec::new();
    for seat in order.operations.iter_mut().flat_map(|line| &mut line.movements) {
        if !seat.is_removed && is_selected(seat) {
            seat.is_removed = true;
            removed.push(seat.id);
        }
    }
    if order.operations.iter().flat_map(|line| &line.movements).all(|seat| seat.is_removed) {
        order.state = OrderState::Abandoned;
    }
    removed
}
