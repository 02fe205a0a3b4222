//! Reading orders, files and external references.

use serde_json::{Value, json};

use crate::secutix::catalog::currency_view;
use crate::secutix::encoding::Parameters;
use crate::secutix::method::{CallContext, MethodError, MethodResult};
use crate::secutix::orders::cart::operation_view;
use crate::secutix::orders::own_order;
use crate::secutix::state::{OrderOperation, OrderState, SeatMovement, SecutixOrder, SecutixState, SoldItem};

/// `getOrderDetails`.
pub(crate) fn details(state: &mut SecutixState, context: &CallContext<'_>, call: &Parameters) -> MethodResult {
    let late = state.overrides.late_barcodes;
    let order = own_order(state, context, call)?;
    if order.state == OrderState::Closed {
        order.reads += 1;
    }
    let mut view = order_view(order, context, order.reads <= late);
    reduce_detail(&mut view, call.text("granularity").as_deref());
    Ok(json!({ "orderDetailsData": view }))
}

/// Removes what was not asked for: the detail that is answered without a word is INFERRED to be the smallest (`secutix.md §3.3`).
fn reduce_detail(order: &mut Value, granularity: Option<&str>) {
    match granularity {
        Some("TICKETS") => {}
        Some("MOVEMENTS") => {
            for movement in order["movementDatas"].as_array_mut().into_iter().flatten().filter_map(Value::as_object_mut)
            {
                ["ticketId", "ticketState", "barcode"].iter().for_each(|field| drop(movement.remove(*field)));
            }
        }
        _ => order["movementDatas"] = json!([]),
    }
}

/// Serializes the whole order. `hides_codes` omits barcodes that are not generated yet.
pub(crate) fn order_view(order: &SecutixOrder, context: &CallContext<'_>, hides_codes: bool) -> Value {
    let day = order.created_at.to_zoned(context.institution.zone.clone()).date();
    let has_places = |line: &&OrderOperation| line.movements.iter().any(|seat| !seat.is_removed);
    let operations: Vec<Value> = order
        .operations
        .iter()
        .filter(has_places)
        .map(|line| {
            let mut out = operation_view(order, line, context);
            if let SoldItem::Seats { performance, .. } = line.item {
                out["performanceId"] = json!(performance);
                out["eventId"] = json!(line.product);
            }
            out
        })
        .collect();
    let seats = order.operations.iter().flat_map(|line| line.movements.iter().map(move |seat| (line, seat)));
    let movements: Vec<Value> =
        seats.filter(|(_, seat)| !seat.is_removed).map(|(line, seat)| movement_view(line, seat, hides_codes)).collect();
    json!({
        "orderId": order.id, "orderSecretId": order.secret, "orderState": order.state(context.now).wire_name(),
        "orderType": order.order_type, "creationDateTime": context.encoder.instant(order.created_at),
        "referenceDate": context.encoder.day(day), "expirationDate": context.encoder.instant(order.expires_at),
        "contactReference": order.contact, "salesChannelCode": "DGTK", "salesChannelName": "Digitick",
        "orderOriginator": "EXTERNAL_SALE", "saleAmount": order.amount(), "preSaleAmount": 0, "reservationAmount": 0,
        "optionAmount": 0, "waitingAccountBalanceAmount": 0, "catalogCurrency": currency_view(context.institution),
        "operationDatas": operations, "movementDatas": movements,
    })
}

/// Serializes a movement. The position of barcode and ticket state is INFERRED (`secutix.md §8`).
fn movement_view(line: &OrderOperation, seat: &SeatMovement, hides_codes: bool) -> Value {
    let mut out = json!({"movementId": seat.id, "operationId": line.id, "contingentId": line.contingent});
    if let Some(ticket) = &seat.ticket {
        out["ticketId"] = json!(ticket.id);
        out["ticketState"] = json!(ticket.print.wire_name());
        if !hides_codes {
            out["barcode"] = json!(ticket.barcode);
        }
    }
    out
}

/// `getFileDetails` by `fileId`, `getFileDetailsFromOrderSecretId` by `orderSecretId`.
pub(crate) fn file(state: &mut SecutixState, context: &CallContext<'_>, call: &Parameters) -> MethodResult {
    let (file, secret) = (call.id("fileId"), call.text("orderSecretId"));
    let order = state.orders.values().find(|order| {
        order.institution == context.institution.code
            && (Some(order.file) == file || Some(&order.secret) == secret.as_ref())
    });
    let order = order.ok_or(MethodError("error.file.notFound", "unknown file"))?;
    let file_state = match order.state(context.now) {
        OrderState::Open => "RUNNING",
        OrderState::Closed => "SOLDED",
        OrderState::Abandoned => "ABANDONNED",
        OrderState::Canceled => "CANCELED",
    };
    Ok(json!({
        "fileDetailsData": {"fileId": order.file, "fileState": file_state, "fileContacts": [], "fileAttachments": []},
        "orderDetailsDatas": [order_view(order, context, false)],
    }))
}

/// `updateExternalReferences`.
pub(crate) fn set_reference(state: &mut SecutixState, context: &CallContext<'_>, call: &Parameters) -> MethodResult {
    let order = referenced_order(state, context, call)?;
    let one = call.object("externalReference");
    let (key, value) = (one.text("key"), one.text("value"));
    let (key, value) = key.zip(value).ok_or(MethodError("error.externalReference", "key and value are mandatory"))?;
    order.references.insert(key, value);
    Ok(json!({}))
}

/// `getExternalReference`.
pub(crate) fn references(state: &mut SecutixState, context: &CallContext<'_>, call: &Parameters) -> MethodResult {
    let order = referenced_order(state, context, call)?;
    let pairs: Vec<Value> = order.references.iter().map(|(key, value)| json!({"key": key, "value": value})).collect();
    Ok(json!({"externalReferences": {"id": order.id, "externalReferences": pairs}}))
}

fn referenced_order<'a>(
    state: &'a mut SecutixState,
    context: &CallContext<'_>,
    call: &Parameters,
) -> Result<&'a mut SecutixOrder, MethodError> {
    if call.text("externalReferenceKind").as_deref() != Some("ORDER") {
        return Err(MethodError("error.externalReferenceKind", "only ORDER is supported"));
    }
    own_order(state, context, &Parameters(json!({"orderId": call.id("id")})))
}
