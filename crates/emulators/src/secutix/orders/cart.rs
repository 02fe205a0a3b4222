//! Filling and emptying carts.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::secutix::availability::{check_point_of_sale, free};
use crate::secutix::book::{Book, Movement, Operation, Order, Sold, State};
use crate::secutix::catalog::{cash, price_of, state_of};
use crate::secutix::method::{Desk, Outcome, Refusal};
use crate::secutix::orders::{check_contact, check_open, order_mut};
use crate::secutix::voice::{Parameters, text};
use crate::secutix::world::Product;

const NOT_ON_SALE: Refusal = Refusal("error.product.notOnSale", "not on sale");
const NO_PLACE: Refusal = Refusal("error.order.availability", "No place left");
/// Most places in one line (`maxSeatsPerPerformance`).
const MOST: i64 = 10;

/// One line that a call asks for.
struct Wish {
    what: Sold,
    audience: i64,
    quantity: i64,
    contingent: Option<i64>,
}

/// `createOrUpdateOrder`: all of its lines or none. An order with an `externalReference` that is already there is another order.
pub(crate) fn create_or_update(book: &mut Book, desk: &Desk<'_>, call: &Parameters) -> Outcome {
    check_point_of_sale(desk, call)?;
    let order_type = call.text("orderType").unwrap_or_default();
    if order_type != "SALE" {
        return Err(Refusal("error.order.type", "only SALE is offered to this channel"));
    }
    let wishes = wishes(call)?;
    let id = match call.id("orderId") {
        Some(id) => {
            check_open(order_mut(book, desk, call)?, desk.now)?;
            id
        }
        None => begin(book, desk, call, order_type)?,
    };
    let before = book.orders.get(&id).map_or(0, |order| order.operations.len());
    if let Err(refusal) = wishes.iter().try_for_each(|wish| fulfil(book, desk, id, wish)) {
        // Nothing of a refused call stays: a new order goes, an older one keeps what it had.
        if call.id("orderId").is_none() {
            book.orders.remove(&id);
        } else if let Some(order) = book.orders.get_mut(&id) {
            order.operations.truncate(before);
        }
        return Err(refusal);
    }
    let order = order_of(book, id)?;
    order.prolong(desk.now);
    if let Some(reference) = call.text("externalReference") {
        order.reference = Some(reference);
    }
    let products = order.products();
    let answer = update(order, desk, &order.operations[before..]);
    book.touch(products, desk.now);
    Ok(json!({"expectedException": false, "statusMessage": null, "orderUpdateData": answer}))
}

fn order_of(book: &mut Book, id: i64) -> Result<&mut Order, Refusal> {
    book.orders.get_mut(&id).ok_or(Refusal("error.order.notFound", "unknown order"))
}

fn begin(book: &mut Book, desk: &Desk<'_>, call: &Parameters, order_type: String) -> Result<i64, Refusal> {
    let purchaser = call.list("purchasersInfo").first().and_then(|one| text(one.get("contactReference")?));
    let contact = check_contact(desk, purchaser)?;
    let (id, file) = (book.number(), book.number());
    let order = Order {
        id,
        institution: desk.institution.code.to_owned(),
        secret: format!("{:08x}", id.unsigned_abs().wrapping_mul(0x9e37_79b9) & 0xffff_ffff),
        file,
        order_type,
        reference: None,
        contact: Some(contact),
        created_at: desk.now,
        expires_at: desk.now,
        state: State::Open,
        closed_at: None,
        reads: 0,
        operations: Vec::new(),
        references: BTreeMap::new(),
    };
    // Until the call is done the cart must count as one, or its own first line would not be seen by its second.
    book.orders.insert(id, order);
    order_of(book, id)?.prolong(desk.now);
    Ok(id)
}

fn wishes(call: &Parameters) -> Result<Vec<Wish>, Refusal> {
    let mut wishes = Vec::new();
    for operation in call.list("singleEntryAttributionOperations") {
        for attribution in Parameters(operation.clone()).list("operationAttributions") {
            let one = Parameters(attribution.clone());
            let show = one.id("performanceId").ok_or(NOT_ON_SALE)?;
            wishes.push(wish(&one, Sold::Seats { show, category: one.id("seatCategoryId") })?);
        }
    }
    for operation in call.list("simpleProductOperations") {
        let one = Parameters(operation.clone());
        let item = one.id("itemId").ok_or(NOT_ON_SALE)?;
        wishes.push(wish(&one, Sold::Things { item })?);
    }
    if wishes.is_empty() {
        return Err(Refusal("error.order.noOperation", "at least one operation is needed"));
    }
    Ok(wishes)
}

fn wish(one: &Parameters, what: Sold) -> Result<Wish, Refusal> {
    let quantity = one.id("quantity").unwrap_or(0);
    if !(1..=MOST).contains(&quantity) {
        return Err(Refusal("error.order.quantity", "quantity out of range"));
    }
    let audience = one.id("audienceSubCategoryId").ok_or(NOT_ON_SALE)?;
    Ok(Wish { what, audience, quantity, contingent: one.id("contingentId") })
}

/// Attributes places, from one contingent after another: a wish may become several lines.
fn fulfil(book: &mut Book, desk: &Desk<'_>, id: i64, wish: &Wish) -> Result<(), Refusal> {
    let (product, unit_price, level) = offer(book, desk, wish)?;
    let mut missing = wish.quantity;
    for (contingent, _, share) in desk.institution.contingents {
        if missing == 0 || wish.contingent.is_some_and(|wanted| wanted != *contingent) {
            continue;
        }
        let taken = free(book, desk.institution, wish.what, (*contingent, *share), desk.now).min(missing);
        if taken == 0 {
            continue;
        }
        let operation = Operation {
            id: book.number(),
            what: wish.what,
            product,
            audience: wish.audience,
            level,
            contingent: *contingent,
            unit_price,
            movements: (0..taken).map(|_| Movement { id: book.number(), is_dropped: false, ticket: None }).collect(),
        };
        order_of(book, id)?.operations.push(operation);
        missing -= taken;
    }
    if missing > 0 { Err(NO_PLACE) } else { Ok(()) }
}

/// Product, price and price level of a wish, where it is for sale now.
fn offer(book: &Book, desk: &Desk<'_>, wish: &Wish) -> Result<(i64, i64, i64), Refusal> {
    let is_running = |product: &Product| state_of(&book.twists, product.id, product.state) == "RUNNING";
    match wish.what {
        Sold::Seats { show, category } => {
            let (product, date) = desk.institution.show(show).ok_or(NOT_ON_SALE)?;
            let is_open = is_running(product)
                && state_of(&book.twists, show, "RUNNING") == "RUNNING"
                && matches!(product.family, "SINGLE_ENTRY")
                && date.start > desk.now;
            let row = date.prices.iter().find(|(of, tariff, level, _)| {
                *of == category
                    && *tariff == wish.audience
                    && desk
                        .institution
                        .season
                        .price_levels
                        .iter()
                        .any(|known| known.0 == *level && known.2 == "OCCASIONAL")
            });
            let (_, _, level, amount) = row.filter(|_| is_open).ok_or(NOT_ON_SALE)?;
            Ok((product.id, price_of(&book.twists, show, product.id, *amount), *level))
        }
        Sold::Things { item } => {
            let (product, thing) = desk.institution.item(item).ok_or(NOT_ON_SALE)?;
            let today = desk.now.to_zoned(desk.institution.zone.clone()).date();
            let is_open = is_running(product) && thing.last_day.is_none_or(|last| today <= last);
            let price = thing.prices.iter().find(|(tariff, _)| *tariff == wish.audience).filter(|_| is_open);
            let (_, amount) = price.ok_or(NOT_ON_SALE)?;
            Ok((product.id, price_of(&book.twists, item, product.id, *amount), 0))
        }
    }
}

/// What changed in an order (`secutix.md §4.3`).
pub(super) fn update(order: &Order, desk: &Desk<'_>, lines: &[Operation]) -> Value {
    let operations: Vec<Value> = lines.iter().map(|line| operation(order, line, desk)).collect();
    let places = lines.iter().flat_map(|line| line.movements.iter().map(move |place| (line, place)));
    let movements: Vec<Value> = places
        .map(|(line, place)| json!({"movementId": place.id, "operationId": line.id, "contingentId": line.contingent}))
        .collect();
    json!({
        "orderId": order.id, "orderSecretId": order.secret, "mainOperationId": order.operations.first().map(|line| line.id),
        "catalogCurrency": cash(desk.institution), "operationDataUpdates": operations, "movementDataUpdates": movements,
        "removeOperationIds": [], "removeMovementIds": [], "generatedContactQualities": {},
    })
}

/// A line as both order answers show it.
pub(super) fn operation(order: &Order, line: &Operation, desk: &Desk<'_>) -> Value {
    let quantity = i64::try_from(line.movements.iter().filter(|place| place.is_live()).count()).unwrap_or(0);
    let product = desk.institution.product(line.product);
    let contingent = desk.institution.contingents.iter().find(|(id, _, _)| *id == line.contingent);
    let (kind, item) = match line.what {
        Sold::Seats { .. } => ("SINGLE_ENTRY", None),
        Sold::Things { item } => ("SIMPLE_PRODUCT", Some(item)),
    };
    json!({
        "operationId": line.id, "fileId": order.file, "kind": kind, "quantity": quantity,
        "basePrice": line.unit_price, "unitPrice": line.unit_price, "totalAmount": line.unit_price * quantity,
        "productId": line.product, "productCode": product.map(|product| product.code.clone()),
        "product": product.and_then(|product| product.name.first().map(|(_, name)| name.clone())), "itemId": item,
        "audienceSubCategoryId": line.audience, "contingentId": line.contingent,
        "audienceSubCategory": desk.institution.tariff(line.audience).map(|tariff| tariff.code),
        "contingent": contingent.map(|(_, name, _)| *name), "numbered": item.is_none(),
    })
}

/// `abandonMovements`: takes places out of a cart; an empty cart is abandoned.
pub(crate) fn abandon(book: &mut Book, desk: &Desk<'_>, call: &Parameters) -> Outcome {
    let order = order_mut(book, desk, call)?;
    check_open(order, desk.now)?;
    let wanted = call.ids("movementIds");
    let dropped = drop_places(order, |place| wanted.contains(&place.id));
    let (id, products) = (order.id, order.products());
    book.touch(products, desk.now);
    Ok(json!({"expectedException": false, "statusMessage": null, "orderUpdateData": {
        "orderId": id, "removeMovementIds": dropped, "removeOperationIds": [],
    }}))
}

/// Takes places out of a cart, and tells which.
pub(super) fn drop_places(order: &mut Order, is_meant: impl Fn(&Movement) -> bool) -> Vec<i64> {
    let mut dropped = Vec::new();
    for place in order.operations.iter_mut().flat_map(|line| &mut line.movements) {
        if !place.is_dropped && is_meant(place) {
            place.is_dropped = true;
            dropped.push(place.id);
        }
    }
    if order.operations.iter().flat_map(|line| &line.movements).all(|place| place.is_dropped) {
        order.state = State::Abandoned;
    }
    dropped
}
