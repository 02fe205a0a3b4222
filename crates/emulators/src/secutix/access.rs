//! `ExternalAccessControlService`: the gate (`secutix.md §3.8`). A reseller would have no right to it; here it serves to check tickets end to end.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::secutix::book::{Book, Print, Sold, Ticket};
use crate::secutix::method::{Desk, Outcome, Refusal};
use crate::secutix::voice::Parameters;
use crate::secutix::world::Content;

const UNKNOWN: Refusal = Refusal("error.ticket.notFound", "unknown ticket");

/// `exportList`: pages are named `p-<rows so far>`.
pub(super) fn export(book: &mut Book, desk: &Desk<'_>, call: &Parameters) -> Outcome {
    let wanted = call.text("listType").unwrap_or_else(|| "GREY".to_owned());
    let codes: Vec<String> =
        call.list("productCodes").into_iter().filter_map(|one| one.as_str().map(str::to_owned)).collect();
    let skip = call.text("paginationStart").and_then(|page| page.strip_prefix("p-")?.parse().ok()).unwrap_or(0);
    let limit = call.id("nbMaxResults").and_then(|most| usize::try_from(most).ok()).unwrap_or(1_000);
    let code_of =
        |product: i64| desk.institution.product(product).map(|product| product.code.clone()).unwrap_or_default();
    let rows: Vec<Value> = book
        .tickets(desk.institution.code)
        .filter(|(_, line, _, ticket)| {
            let fits = match wanted.as_str() {
                "WHITE" => ticket.print == Print::Valid,
                "BLACK" => ticket.print != Print::Valid,
                _ => true,
            };
            fits && ticket.barcode.is_some() && (codes.is_empty() || codes.contains(&code_of(line.product)))
        })
        .map(|(_, line, _, ticket)| {
            json!({"barcode": ticket.barcode, "state": gate_state(ticket), "productCode": code_of(line.product)})
        })
        .skip(skip)
        .take(limit)
        .collect();
    let end = if rows.len() == limit { json!(format!("p-{}", skip + limit)) } else { Value::Null };
    Ok(json!({"accessControlListData": {"paginationEnd": end, "accessControlListItems": rows}}))
}

fn gate_state(ticket: &Ticket) -> &'static str {
    if ticket.print == Print::Valid { "VALID" } else { "CANCELLED" }
}

/// How long before the begin visitors go in.
const EARLY: SignedDuration = SignedDuration::from_mins(20);

/// When the holder of a ticket went in, where that is past: visitors of the sandbox come to what they bought.
fn visit(book: &Book, desk: &Desk<'_>, code: &str) -> Option<Timestamp> {
    let (_, line, ..) =
        book.tickets(desk.institution.code).find(|(.., ticket)| ticket.barcode.as_deref() == Some(code))?;
    let Sold::Seats { show, .. } = line.what else { return None };
    // A date that has left the season is over.
    let start = desk.institution.show(show).map_or(desk.now, |(_, date)| date.start);
    start.checked_sub(EARLY).ok().filter(|at| *at <= desk.now)
}

/// `getControlledTicket`. Who bought a seat goes in before the date begins.
pub(super) fn controlled(book: &mut Book, desk: &Desk<'_>, call: &Parameters) -> Outcome {
    let code = call.text("barCodeOrTaxNumber").ok_or(UNKNOWN)?;
    let comes_at = visit(book, desk, &code);
    let ticket = book.ticket_mut(Some(desk.institution.code), &code).ok_or(UNKNOWN)?;
    if let Some(at) = comes_at.filter(|_| ticket.print == Print::Valid && ticket.controls.is_empty()) {
        ticket.controls.push(("OK".to_owned(), at));
    }
    let controls: Vec<Value> = ticket
        .controls
        .iter()
        .map(|(kind, at)| json!({"controlOperationType": kind, "operationDateTime": desk.voice.instant(*at)}))
        .collect();
    Ok(json!({"controlledTicketData": {
        "barcode": ticket.barcode, "taxNumber": ticket.tax_number, "state": gate_state(ticket), "duplicate": false,
        "printingDateTime": ticket.printed_at.map(|at| desk.voice.instant(at)), "ticketMedium": ticket.medium,
        "controlOperations": controls,
    }}))
}

/// `importControlledTicket`: what a gate did while it was offline.
pub(super) fn import(book: &mut Book, desk: &Desk<'_>, call: &Parameters) -> Outcome {
    for one in call.list("controlledTickets") {
        let one = Parameters(one.clone());
        let code = one.text("barcode").ok_or(UNKNOWN)?;
        let at = one.instant("controlDate").unwrap_or(desk.now);
        let kind = if one.text("controlResult").as_deref() == Some("OK") { "OFFLINE_OK" } else { "OFFLINE_FAIL" };
        let ticket = book.ticket_mut(Some(desk.institution.code), &code).ok_or(UNKNOWN)?;
        ticket.controls.push((kind.to_owned(), at));
    }
    Ok(json!({}))
}

/// `burnTicket`: controls a ticket now.
pub(super) fn burn(book: &mut Book, desk: &Desk<'_>, call: &Parameters) -> Outcome {
    let code = call.text("barCodeOrTaxNumber").ok_or(UNKNOWN)?;
    let ticket = book.ticket_mut(Some(desk.institution.code), &code).ok_or(UNKNOWN)?;
    let kind = match ticket.print {
        Print::Valid => "OK",
        Print::Cancelled => "CANCELLED_TICKET",
        Print::Invalidated => "INVALIDATED_TICKET",
        Print::NotPrinted => "FAIL",
    };
    ticket.controls.push((kind.to_owned(), desk.now));
    if kind == "OK" { Ok(json!({})) } else { Err(Refusal("error.ticket.invalid", "the ticket is not valid")) }
}

/// `getTimeZone`.
pub(super) fn time_zone(_: &mut Book, desk: &Desk<'_>, _: &Parameters) -> Outcome {
    Ok(json!({"timeZone": desk.institution.zone.iana_name()}))
}

/// `getAccessControlCatalog`: codes only.
pub(super) fn catalog(_: &mut Book, desk: &Desk<'_>, _: &Parameters) -> Outcome {
    let products: Vec<Value> = desk
        .institution
        .season
        .products
        .iter()
        .filter_map(|product| match &product.content {
            Content::Dates(shows) => {
                let dates: Vec<Value> = shows
                    .iter()
                    .map(|show| json!({"performanceId": show.id, "start": desk.voice.instant(show.start)}))
                    .collect();
                Some(json!({"productCode": product.code, "performances": dates}))
            }
            _ => None,
        })
        .collect();
    Ok(json!({"accessControlCatalogData": {"seasonCode": desk.institution.season.code, "products": products}}))
}
