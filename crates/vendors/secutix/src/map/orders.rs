//! Maps order lines to operations, and movements back to lines and tickets (`secutix.md §3.3`, §4.3).

use std::collections::BTreeMap;

use domain::ExternalRef;
use domain::ordering::{Barcode, IssuedTicket, LegLine, LegRequest, TicketState};
use secrecy::SecretString;

use crate::facts::{AttributionOrder, Facts, OrderState, TicketPlace};
use crate::map::keys::{self, PerformanceRef, ProductItem, TariffRef};
use crate::map::money::AmountUnit;
use crate::wire::LenientInt;
use crate::wire::orders::{
    Attribution, ContactData, CreateOrder, Movement, OrderDetails, OrderOperation, OrderTicket, SALE, SimpleProduct,
    SingleEntry,
};

/// Kinds of references to records of S-360.
pub(crate) mod kind {
    /// The order.
    pub(crate) const ORDER: &str = "secutix.order";
    /// Secret id of the order.
    pub(crate) const SECRET: &str = "secutix.order_secret";
    /// Total of the hold, as on the wire.
    pub(crate) const AMOUNT: &str = "secutix.amount";
    /// A movement (seat). The number of its order line follows after a dot.
    pub(crate) const MOVEMENT: &str = "secutix.movement";
    /// A ticket.
    pub(crate) const TICKET: &str = "secutix.ticket";
}

/// A line whose keys are not keys of this source.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct ForeignLineError;

/// A line of a leg, in the vendor's ids.
#[derive(Debug, Clone, Copy)]
struct RequestedLine {
    line: usize,
    performance: PerformanceRef,
    tariff: TariffRef,
    quantity: u32,
    /// Price on the wire. Distinguishes lines that differ in nothing else that the response contains.
    unit_price: i64,
}

/// Builds a new order: seats and pass items in the order of the lines (`secutix.md §3.3`).
pub(crate) fn new_order(
    leg: &LegRequest,
    point_of_sale: i64,
    contact: String,
    facts: &Facts,
) -> Result<CreateOrder, ForeignLineError> {
    let mut order = CreateOrder {
        request_id: None,
        point_of_sales_id: point_of_sale,
        order_type: SALE,
        purchasers_info: vec![ContactData { contact_reference: contact }],
        external_reference: leg.reference.clone(),
        single_entry_attribution_operations: Vec::new(),
        simple_product_operations: Vec::new(),
        is_resume_all_option_operations: false,
        is_resume_all_reservation_operations: false,
    };
    for line in &leg.lines {
        let requested = requested_line(line, facts.amount_unit)?;
        let (audience_sub_category_id, quantity) = (requested.tariff.audience_id, requested.quantity);
        match (requested.performance, requested.tariff.item) {
            (PerformanceRef::Date(performance_id), ProductItem::SeatCategory(seat_category_id)) => {
                let order_of_fields: AttributionOrder = facts.attribution_order;
                let attribution = Attribution {
                    performance_id,
                    seat_category_id,
                    audience_sub_category_id,
                    quantity,
                    order_of_fields,
                };
                let entry = SingleEntry { operation_attributions: vec![attribution] };
                order.single_entry_attribution_operations.push(entry);
            }
            (_, ProductItem::PassItem(item_id)) => {
                order.simple_product_operations.push(SimpleProduct { item_id, audience_sub_category_id, quantity });
            }
            _ => return Err(ForeignLineError),
        }
    }
    Ok(order)
}

fn requested_line(line: &LegLine, unit: AmountUnit) -> Result<RequestedLine, ForeignLineError> {
    let performance = keys::parse_performance(&line.performance).ok_or(ForeignLineError)?;
    let tariff = keys::parse_ticket_type(&line.ticket_type).ok_or(ForeignLineError)?;
    let fits = match (performance, tariff.item) {
        (PerformanceRef::Date(_), ProductItem::SeatCategory(_)) => true,
        (PerformanceRef::OpenPass(product), ProductItem::PassItem(_)) => product == tariff.product_id,
        (PerformanceRef::PassItem { product, item }, ProductItem::PassItem(pass_item)) => {
            product == tariff.product_id && item == pass_item
        }
        _ => false,
    };
    let unit_price = unit.amount(line.unit_price);
    let requested = RequestedLine { line: line.line, performance, tariff, quantity: line.quantity, unit_price };
    if fits { Ok(requested) } else { Err(ForeignLineError) }
}

/// Assigns each movement to a line. The vendor may split a line into several operations (one per contingent), and its response
/// omits the seat category. Fields that are present must match; the price decides between otherwise equal lines. `None` if the
/// movements do not fill the lines exactly.
pub(crate) fn assign_movements(
    leg: &LegRequest,
    operations: &[OrderOperation],
    movements: &[Movement],
    unit: AmountUnit,
) -> Option<BTreeMap<i64, usize>> {
    let requested_lines = leg.lines.iter().map(|line| requested_line(line, unit));
    let requested_lines = requested_lines.collect::<Result<Vec<_>, _>>().ok()?;
    let mut open: Vec<u32> = requested_lines.iter().map(|requested| requested.quantity).collect();
    let mut lines = BTreeMap::new();
    let mut operations: Vec<&OrderOperation> = operations.iter().collect();
    operations.sort_by_key(|operation| operation.operation_id.map(|id| id.0));
    let mut rest: Vec<(&OrderOperation, i64)> = Vec::new();
    for operation in operations {
        let own = movements
            .iter()
            .filter(|movement| movement.operation_id.is_some() && movement.operation_id == operation.operation_id);
        rest.extend(own.filter_map(|movement| Some((operation, movement.movement_id?.0))));
    }
    // Lines at the exact price first: only the remaining movements may go to a line whose price has changed since.
    for strict in [true, false] {
        rest.retain(|(operation, movement)| {
            let fits = |(index, requested): &(usize, &RequestedLine)| {
                open[*index] > 0 && matches_line(operation, requested, strict)
            };
            let Some((index, requested)) = requested_lines.iter().enumerate().find(fits) else { return true };
            open[index] -= 1;
            lines.insert(*movement, requested.line);
            false
        });
    }
    (rest.is_empty() && open.iter().all(|left| *left == 0)).then_some(lines)
}

fn matches_line(operation: &OrderOperation, requested: &RequestedLine, strict: bool) -> bool {
    let matches = |wire: Option<LenientInt>, requested: Option<i64>| match (wire, requested) {
        (Some(wire), Some(requested)) => wire.0 == requested,
        _ => true,
    };
    let (category, item) = match requested.tariff.item {
        ProductItem::SeatCategory(category) => (category, None),
        ProductItem::PassItem(item) => (None, Some(item)),
    };
    let date = if let PerformanceRef::Date(date) = requested.performance { Some(date) } else { None };
    let item_fits = operation.item_id.is_none() || item.is_some();
    let price_fits = operation.unit_price.is_none_or(|price| price.0 == requested.unit_price);
    item_fits
        && matches(operation.product_id, Some(requested.tariff.product_id))
        && matches(operation.audience_sub_category_id, Some(requested.tariff.audience_id))
        && matches(operation.performance_id, date)
        && matches(operation.seat_category_id, category)
        && matches(operation.item_id, item)
        && (!strict || price_fits)
}

/// Builds the references that later steps need, including movements with their lines.
pub(crate) fn external_refs(
    order: i64,
    secret: Option<&str>,
    amount: Option<i64>,
    lines: &BTreeMap<i64, usize>,
) -> Vec<ExternalRef> {
    let mut refs = vec![ExternalRef::new(kind::ORDER, order.to_string())];
    refs.extend(secret.map(|secret| ExternalRef::new(kind::SECRET, secret)));
    refs.extend(amount.map(|amount| ExternalRef::new(kind::AMOUNT, amount.to_string())));
    refs.extend(lines.iter().map(|(movement, line)| movement_ref(*movement, *line)));
    refs
}

fn movement_ref(movement: i64, line: usize) -> ExternalRef {
    ExternalRef::new(format!("{}.{line}", kind::MOVEMENT), movement.to_string())
}

/// Finds the reference of a kind.
pub(crate) fn find_ref<'a>(refs: &'a [ExternalRef], kind: &str) -> Option<&'a str> {
    refs.iter().find(|one| one.kind == kind).map(|one| one.value.as_str())
}

/// Finds the reference of a kind as a number.
pub(crate) fn find_id(refs: &[ExternalRef], kind: &str) -> Option<i64> {
    find_ref(refs, kind)?.parse().ok()
}

/// Returns the movements of a hold and the line of each.
pub(crate) fn movement_lines(refs: &[ExternalRef]) -> BTreeMap<i64, usize> {
    let line = |kind: &str| kind.strip_prefix(kind::MOVEMENT)?.strip_prefix('.')?.parse().ok();
    refs.iter().filter_map(|one| Some((one.value.parse().ok()?, line(&one.kind)?))).collect()
}

/// Puts the tickets of an order into their movements, from the list beside them (`secutix.md §4.3`). A movement that the order does not
/// list stays unlisted: whether its ticket exists is unknown.
pub(crate) fn place_tickets(details: &mut OrderDetails, place: TicketPlace) {
    let listed: BTreeMap<i64, &OrderTicket> = details
        .ticket_datas
        .0
        .iter()
        .chain(&details.tickets.0)
        .filter_map(|ticket| Some((ticket.movement_id?.0, ticket)))
        .collect();
    if place == TicketPlace::Movement {
        return;
    }
    for movement in &mut details.movement_datas.0 {
        if place == TicketPlace::Order {
            (movement.ticket_id, movement.barcode, movement.ticket_state, movement.ticket) = (None, None, None, None);
        }
        let Some(ticket) = movement.movement_id.and_then(|id| listed.get(&id.0)) else { continue };
        // A field that the movement has itself wins; one without it is taken from the list.
        let nested = movement.ticket.get_or_insert_default();
        nested.ticket_id = nested.ticket_id.or(ticket.ticket_id);
        nested.barcode = nested.barcode.take().or_else(|| ticket.barcode.clone());
        nested.ticket_state = nested.ticket_state.take().or_else(|| ticket.ticket_state.clone());
    }
}

/// Ticket fields of a movement, from either location (`secutix.md §8`).
pub(crate) struct TicketFields<'a> {
    pub ticket_id: Option<i64>,
    pub barcode: Option<&'a str>,
    pub state: TicketState,
}

/// Reads the ticket fields of a movement.
pub(crate) fn ticket_fields<'a>(movement: &'a Movement, facts: &Facts) -> TicketFields<'a> {
    let nested = movement.ticket.as_ref();
    let barcode = movement.barcode.as_ref().or(nested.and_then(|ticket| ticket.barcode.as_ref()));
    let barcode = barcode.map(|words| words.0.trim()).filter(|code| !code.is_empty());
    let state = movement.ticket_state.as_ref().or(nested.and_then(|ticket| ticket.ticket_state.as_ref()));
    TicketFields {
        ticket_id: movement.ticket_id.or(nested.and_then(|ticket| ticket.ticket_id)).map(|id| id.0),
        barcode,
        state: facts.ticket_state(state, barcode.is_some()),
    }
}

/// Maps the tickets of a sale.
pub(crate) fn tickets(details: &OrderDetails, lines: &BTreeMap<i64, usize>, facts: &Facts) -> Vec<IssuedTicket> {
    let movements: BTreeMap<i64, &Movement> =
        details.movement_datas.0.iter().filter_map(|movement| Some((movement.movement_id?.0, movement))).collect();
    let ticket = |(movement, line): (&i64, &usize)| {
        let mut refs = vec![ExternalRef::new(kind::MOVEMENT, movement.to_string())];
        let Some(listed) = movements.get(movement) else {
            let state =
                if is_ticket_void(details, *movement, facts) { TicketState::Void } else { TicketState::Pending };
            return IssuedTicket { line: *line, refs, barcode: None, seat: None, state };
        };
        let fields = ticket_fields(listed, facts);
        refs.extend(fields.ticket_id.map(|ticket| ExternalRef::new(kind::TICKET, ticket.to_string())));
        let barcode = fields
            .barcode
            .filter(|_| fields.state != TicketState::Void)
            .map(|code| Barcode { symbology: facts.symbology, value: SecretString::from(code.to_owned()) });
        IssuedTicket { line: *line, refs, barcode, seat: None, state: fields.state }
    };
    lines.iter().map(ticket).collect()
}

/// Returns true if the ticket of a movement is certainly void. A movement that the order does not list was removed, unless the
/// order lists none at all: then nothing can be concluded.
pub(crate) fn is_ticket_void(details: &OrderDetails, movement: i64, facts: &Facts) -> bool {
    let movements = &details.movement_datas.0;
    match movements.iter().find(|one| one.movement_id.is_some_and(|id| id.0 == movement)) {
        Some(listed) => ticket_fields(listed, facts).state == TicketState::Void,
        None => !movements.is_empty() || facts.order_state(details.order_state.as_ref()) == OrderState::Canceled,
    }
}
