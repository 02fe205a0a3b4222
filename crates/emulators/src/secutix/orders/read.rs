//! Reading orders, files and external references.

use serde_json::{Value, json};

use crate::secutix::book::{Book, Movement, Operation, Order, Sold, State};
use crate::secutix::catalog::cash;
use crate::secutix::method::{Desk, Outcome, Refusal};
use crate::secutix::orders::cart::operation;
use crate::secutix::orders::order_mut;
use crate::secutix::voice::Parameters;

/// `getOrderDetails`.
pub(crate) fn details(book: &mut Book, desk: &Desk<'_>, call: &Parameters) -> Outcome {
    let late = book.twists.late_barcodes;
    let order = order_mut(book, desk, call)?;
    if order.state == State::Closed {
        order.reads += 1;
    }
    Ok(json!({"orderDetailsData": whole(order, desk, order.reads <= late)}))
}

/// The whole order; codes are left out while they are still being made.
fn whole(order: &Order, desk: &Desk<'_>, hides_codes: bool) -> Value {
    let day = order.created_at.to_zoned(desk.institution.zone.clone()).date();
    let has_places = |line: &&Operation| line.movements.iter().any(|place| !place.is_dropped);
    let operations: Vec<Value> = order
        .operations
        .iter()
        .filter(has_places)
        .map(|line| {
            let mut out = operation(order, line, desk);
            if let Sold::Seats { show, .. } = line.what {
                out["performanceId"] = json!(show);
                out["eventId"] = json!(line.product);
            }
            out
        })
        .collect();
    let places = order.operations.iter().flat_map(|line| line.movements.iter().map(move |place| (line, place)));
    let movements: Vec<Value> =
        places.filter(|(_, place)| !place.is_dropped).map(|(line, place)| movement(line, place, hides_codes)).collect();
    json!({
        "orderId": order.id, "orderSecretId": order.secret, "orderState": order.state(desk.now).word(),
        "orderType": order.order_type, "creationDateTime": desk.voice.instant(order.created_at),
        "referenceDate": desk.voice.day(day), "expirationDate": desk.voice.instant(order.expires_at),
        "contactReference": order.contact, "salesChannelCode": "DGTK", "salesChannelName": "Digitick",
        "orderOriginator": "EXTERNAL_SALE", "saleAmount": order.amount(), "preSaleAmount": 0, "reservationAmount": 0,
        "optionAmount": 0, "waitingAccountBalanceAmount": 0, "catalogCurrency": cash(desk.institution),
        "operationDatas": operations, "movementDatas": movements,
    })
}

/// A place; where code and state of its ticket stand is inferred (`secutix.md §8`).
fn movement(line: &Operation, place: &Movement, hides_codes: bool) -> Value {
    let mut out = json!({"movementId": place.id, "operationId": line.id, "contingentId": line.contingent});
    if let Some(ticket) = &place.ticket {
        out["ticketId"] = json!(ticket.id);
        out["ticketState"] = json!(ticket.print.word());
        if !hides_codes {
            out["barcode"] = json!(ticket.barcode);
        }
    }
    out
}

/// `getFileDetails` by `fileId`, `getFileDetailsFromOrderSecretId` by `orderSecretId`.
pub(crate) fn file(book: &mut Book, desk: &Desk<'_>, call: &Parameters) -> Outcome {
    let (file, secret) = (call.id("fileId"), call.text("orderSecretId"));
    let order = book.orders.values().find(|order| {
        order.institution == desk.institution.code
            && (Some(order.file) == file || Some(&order.secret) == secret.as_ref())
    });
    let order = order.ok_or(Refusal("error.file.notFound", "unknown file"))?;
    let state = match order.state(desk.now) {
        State::Open => "RUNNING",
        State::Closed => "SOLDED",
        State::Abandoned => "ABANDONNED",
        State::Cancelled => "CANCELED",
    };
    Ok(json!({
        "fileDetailsData": {"fileId": order.file, "fileState": state, "fileContacts": [], "fileAttachments": []},
        "orderDetailsDatas": [whole(order, desk, false)],
    }))
}

/// `updateExternalReferences`.
pub(crate) fn set_reference(book: &mut Book, desk: &Desk<'_>, call: &Parameters) -> Outcome {
    let order = named(book, desk, call)?;
    let one = call.inner("externalReference");
    let (key, value) = (one.text("key"), one.text("value"));
    let (key, value) = key.zip(value).ok_or(Refusal("error.externalReference", "key and value are mandatory"))?;
    order.references.insert(key, value);
    Ok(json!({}))
}

/// `getExternalReference`.
pub(crate) fn references(book: &mut Book, desk: &Desk<'_>, call: &Parameters) -> Outcome {
    let order = named(book, desk, call)?;
    let pairs: Vec<Value> = order.references.iter().map(|(key, value)| json!({"key": key, "value": value})).collect();
    Ok(json!({"externalReferences": {"id": order.id, "externalReferences": pairs}}))
}

fn named<'a>(book: &'a mut Book, desk: &Desk<'_>, call: &Parameters) -> Result<&'a mut Order, Refusal> {
    if call.text("externalReferenceKind").as_deref() != Some("ORDER") {
        return Err(Refusal("error.externalReferenceKind", "only ORDER"));
    }
    order_mut(book, desk, &Parameters(json!({"orderId": call.id("id")})))
}
