//! `ExternalAccessControlService`: access control at the gate (`secutix.md §3.8`). Real resellers may not use it; here it lets tests
//! verify tickets end to end.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::secutix::encoding::Parameters;
use crate::secutix::method::{CallContext, MethodError, MethodResult};
use crate::secutix::state::{SecutixState, SecutixTicket, SoldItem, TicketState};
use crate::secutix::world::ProductContent;

const UNKNOWN_TICKET: MethodError = MethodError("error.ticket.notFound", "unknown ticket");

/// `exportList`. Page keys are `p-<rows so far>`.
pub(super) fn export(state: &mut SecutixState, context: &CallContext<'_>, call: &Parameters) -> MethodResult {
    let wanted = call.text("listType").unwrap_or_else(|| "GREY".to_owned());
    let codes: Vec<String> =
        call.list("productCodes").into_iter().filter_map(|one| one.as_str().map(str::to_owned)).collect();
    let skip = call.text("paginationStart").and_then(|page| page.strip_prefix("p-")?.parse().ok()).unwrap_or(0);
    let limit = call.id("nbMaxResults").and_then(|most| usize::try_from(most).ok()).unwrap_or(1_000);
    let code_of =
        |product: i64| context.institution.product(product).map(|product| product.code.clone()).unwrap_or_default();
    let rows: Vec<Value> = state
        .tickets(context.institution.code)
        .filter(|(_, line, _, ticket)| {
            let fits = match wanted.as_str() {
                "WHITE" => ticket.print == TicketState::Valid,
                "BLACK" => ticket.print != TicketState::Valid,
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

fn gate_state(ticket: &SecutixTicket) -> &'static str {
    if ticket.print == TicketState::Valid { "VALID" } else { "CANCELLED" }
}

/// Time between a visitor's entry and the start of the performance.
const ENTRY_LEAD_TIME: SignedDuration = SignedDuration::from_mins(20);

/// Returns the time at which the holder of a ticket entered, if it has passed. Every emulated visitor attends.
fn entry_time(state: &SecutixState, context: &CallContext<'_>, code: &str) -> Option<Timestamp> {
    let (_, line, ..) =
        state.tickets(context.institution.code).find(|(.., ticket)| ticket.barcode.as_deref() == Some(code))?;
    let SoldItem::Seats { performance, .. } = line.item else { return None };
    // A performance that is no longer in the season is over.
    let start = context.institution.performance(performance).map_or(context.now, |(_, date)| date.start);
    start.checked_sub(ENTRY_LEAD_TIME).ok().filter(|at| *at <= context.now)
}

/// `getControlledTicket`. Holders of valid seat tickets enter before the performance starts.
pub(super) fn controlled(state: &mut SecutixState, context: &CallContext<'_>, call: &Parameters) -> MethodResult {
    let code = call.text("barCodeOrTaxNumber").ok_or(UNKNOWN_TICKET)?;
    let comes_at = entry_time(state, context, &code);
    let ticket = state.ticket_mut(Some(context.institution.code), &code).ok_or(UNKNOWN_TICKET)?;
    if let Some(at) = comes_at.filter(|_| ticket.print == TicketState::Valid && ticket.controls.is_empty()) {
        ticket.controls.push(("OK".to_owned(), at));
    }
    let controls: Vec<Value> = ticket
        .controls
        .iter()
        .map(|(kind, at)| json!({"controlOperationType": kind, "operationDateTime": context.encoder.instant(*at)}))
        .collect();
    Ok(json!({"controlledTicketData": {
        "barcode": ticket.barcode, "taxNumber": ticket.tax_number, "state": gate_state(ticket), "duplicate": false,
        "printingDateTime": ticket.printed_at.map(|at| context.encoder.instant(at)), "ticketMedium": ticket.medium,
        "controlOperations": controls,
    }}))
}

/// `importControlledTicket`: imports controls that a gate made offline.
pub(super) fn import(state: &mut SecutixState, context: &CallContext<'_>, call: &Parameters) -> MethodResult {
    for one in call.list("controlledTickets") {
        let one = Parameters(one.clone());
        let code = one.text("barcode").ok_or(UNKNOWN_TICKET)?;
        let at = one.instant("controlDate").unwrap_or(context.now);
        let kind = if one.text("controlResult").as_deref() == Some("OK") { "OFFLINE_OK" } else { "OFFLINE_FAIL" };
        let ticket = state.ticket_mut(Some(context.institution.code), &code).ok_or(UNKNOWN_TICKET)?;
        ticket.controls.push((kind.to_owned(), at));
    }
    Ok(json!({}))
}

/// `burnTicket`: controls a ticket now.
pub(super) fn burn(state: &mut SecutixState, context: &CallContext<'_>, call: &Parameters) -> MethodResult {
    let code = call.text("barCodeOrTaxNumber").ok_or(UNKNOWN_TICKET)?;
    let ticket = state.ticket_mut(Some(context.institution.code), &code).ok_or(UNKNOWN_TICKET)?;
    let kind = match ticket.print {
        TicketState::Valid => "OK",
        TicketState::Canceled => "CANCELLED_TICKET",
        TicketState::Invalidated => "INVALIDATED_TICKET",
        TicketState::NotPrinted => "FAIL",
    };
    ticket.controls.push((kind.to_owned(), context.now));
    if kind == "OK" { Ok(json!({})) } else { Err(MethodError("error.ticket.invalid", "the ticket is not valid")) }
}

/// `getTimeZone`.
pub(super) fn time_zone(_: &mut SecutixState, context: &CallContext<'_>, _: &Parameters) -> MethodResult {
    Ok(json!({"timeZone": context.institution.zone.iana_name()}))
}

/// `getAccessControlCatalog`: returns codes only.
pub(super) fn catalog(_: &mut SecutixState, context: &CallContext<'_>, _: &Parameters) -> MethodResult {
    let products: Vec<Value> = context
        .institution
        .season
        .products
        .iter()
        .filter_map(|product| match &product.content {
            ProductContent::Performances(performances) => {
                let dates: Vec<Value> = performances
                    .iter()
                    .map(|performance| json!({"performanceId": performance.id, "start": context.encoder.instant(performance.start)}))
                    .collect();
                Some(json!({"productCode": product.code, "performances": dates}))
            }
            _ => None,
        })
        .collect();
    Ok(json!({"accessControlCatalogData": {"seasonCode": context.institution.season.code, "products": products}}))
}
