//! Orders: lines to operations, and movements back to lines and tickets (`secutix.md §3.3`, §4.3).

use std::collections::BTreeMap;

use secrecy::SecretString;

use crate::inferred;
use crate::map::keys::{self, Occasion, Tariff, Ware};
use crate::map::money;
use crate::wire::Whole;
use crate::wire::order::{
    Attribution, ContactData, CreateOrder, Movement, Operation, OrderDetails, SALE, SimpleProduct, SingleEntry,
};
use domain::ExternalRef;
use domain::ordering::{Barcode, IssuedTicket, LegLine, LegRequest, TicketState};

/// Kinds of references to what S-360 knows.
pub(crate) mod kind {
    /// The order.
    pub const ORDER: &str = "secutix.order";
    /// Another name of the order.
    pub const SECRET: &str = "secutix.order_secret";
    /// What the hold said that it costs, in thousandths.
    pub const AMOUNT: &str = "secutix.amount";
    /// A place; the number of its line follows after a dot, so that no later step has to guess it.
    pub const MOVEMENT: &str = "secutix.movement";
    /// A ticket.
    pub const TICKET: &str = "secutix.ticket";
}

/// A line that names nothing of this source.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct ForeignLine;

/// A line of a leg, in the vendor's ids.
#[derive(Debug, Clone, Copy)]
struct Wish {
    line: usize,
    occasion: Occasion,
    tariff: Tariff,
    quantity: u32,
    /// Thousandths, to tell lines apart that differ in nothing else that the answer shows.
    unit_price: i64,
}

/// Writes a new order: places and things in the order of the lines (`secutix.md §3.3`).
pub(crate) fn new_order(leg: &LegRequest, point_of_sale: i64, contact: String) -> Result<CreateOrder, ForeignLine> {
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
        let wish = wish(line)?;
        let (audience_sub_category_id, quantity) = (wish.tariff.audience, wish.quantity);
        match (wish.occasion, wish.tariff.ware) {
            (Occasion::Date(performance_id), Ware::Seats(seat_category_id)) => {
                let attribution = Attribution { performance_id, seat_category_id, audience_sub_category_id, quantity };
                let entry = SingleEntry { operation_attributions: vec![attribution] };
                order.single_entry_attribution_operations.push(entry);
            }
            (_, Ware::Item(item_id)) => {
                order.simple_product_operations.push(SimpleProduct { item_id, audience_sub_category_id, quantity });
            }
            _ => return Err(ForeignLine),
        }
    }
    Ok(order)
}

fn wish(line: &LegLine) -> Result<Wish, ForeignLine> {
    let occasion = keys::read_performance(&line.performance).ok_or(ForeignLine)?;
    let tariff = keys::read_ticket_type(&line.ticket_type).ok_or(ForeignLine)?;
    let fits = match (occasion, tariff.ware) {
        (Occasion::Date(_), Ware::Seats(_)) => true,
        (Occasion::OpenPass(product), Ware::Item(_)) => product == tariff.product,
        (Occasion::PassItem { product, item }, Ware::Item(its)) => product == tariff.product && item == its,
        _ => false,
    };
    let unit_price = money::thousandths(line.unit_price);
    let wish = Wish { line: line.line, occasion, tariff, quantity: line.quantity, unit_price };
    if fits { Ok(wish) } else { Err(ForeignLine) }
}

/// Which line each movement belongs to. The vendor may split a line over several operations (one for each contingent), and its
/// answer does not name the seat category: what it does name must fit, and the price decides between lines that are alike.
/// `None` where the movements do not fill the lines exactly.
pub(crate) fn allot(
    leg: &LegRequest,
    operations: &[Operation],
    movements: &[Movement],
) -> Option<BTreeMap<i64, usize>> {
    let wishes = leg.lines.iter().map(wish).collect::<Result<Vec<_>, _>>().ok()?;
    let mut open: Vec<u32> = wishes.iter().map(|wish| wish.quantity).collect();
    let mut lines = BTreeMap::new();
    let mut operations: Vec<&Operation> = operations.iter().collect();
    operations.sort_by_key(|operation| operation.operation_id.map(|id| id.0));
    let mut rest: Vec<(&Operation, i64)> = Vec::new();
    for operation in operations {
        let its = movements
            .iter()
            .filter(|movement| movement.operation_id.is_some() && movement.operation_id == operation.operation_id);
        rest.extend(its.filter_map(|movement| Some((operation, movement.movement_id?.0))));
    }
    // Lines at the very price first: only what is left may go to a line whose price has changed since.
    for strict in [true, false] {
        rest.retain(|(operation, movement)| {
            let fits = |(place, wish): &(usize, &Wish)| open[*place] > 0 && could_be(operation, wish, strict);
            let Some((place, wish)) = wishes.iter().enumerate().find(fits) else { return true };
            open[place] -= 1;
            lines.insert(*movement, wish.line);
            false
        });
    }
    (rest.is_empty() && open.iter().all(|left| *left == 0)).then_some(lines)
}

fn could_be(operation: &Operation, wish: &Wish, strict: bool) -> bool {
    let says = |told: Option<Whole>, ours: Option<i64>| match (told, ours) {
        (Some(told), Some(ours)) => told.0 == ours,
        _ => true,
    };
    let (category, item) = match wish.tariff.ware {
        Ware::Seats(category) => (category, None),
        Ware::Item(item) => (None, Some(item)),
    };
    let date = if let Occasion::Date(date) = wish.occasion { Some(date) } else { None };
    let kinds_fit = operation.item_id.is_none() || item.is_some();
    let price_fits = operation.unit_price.is_none_or(|told| told.0 == wish.unit_price);
    kinds_fit
        && says(operation.product_id, Some(wish.tariff.product))
        && says(operation.audience_sub_category_id, Some(wish.tariff.audience))
        && says(operation.performance_id, date)
        && says(operation.seat_category_id, category)
        && says(operation.item_id, item)
        && (!strict || price_fits)
}

/// The references that later steps need, movements with their lines.
pub(crate) fn refs(
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

/// A reference of a kind.
pub(crate) fn find_ref<'a>(refs: &'a [ExternalRef], kind: &str) -> Option<&'a str> {
    refs.iter().find(|one| one.kind == kind).map(|one| one.value.as_str())
}

/// A reference of a kind that is a number.
pub(crate) fn find_id(refs: &[ExternalRef], kind: &str) -> Option<i64> {
    find_ref(refs, kind)?.parse().ok()
}

/// The movements of a hold and the line of each.
pub(crate) fn lines_of(refs: &[ExternalRef]) -> BTreeMap<i64, usize> {
    let line = |kind: &str| kind.strip_prefix(kind::MOVEMENT)?.strip_prefix('.')?.parse().ok();
    refs.iter().filter_map(|one| Some((one.value.parse().ok()?, line(&one.kind)?))).collect()
}

/// What a movement says about its ticket, in either place where it may stand (`secutix.md §8`).
pub(crate) struct TicketFace<'a> {
    pub ticket: Option<i64>,
    pub barcode: Option<&'a str>,
    pub state: TicketState,
}

/// Reads the ticket of a movement.
pub(crate) fn face(movement: &Movement) -> TicketFace<'_> {
    let below = movement.ticket.as_ref();
    let barcode = movement.barcode.as_ref().or(below.and_then(|ticket| ticket.barcode.as_ref()));
    let barcode = barcode.map(|words| words.0.trim()).filter(|code| !code.is_empty());
    let state = movement.ticket_state.as_ref().or(below.and_then(|ticket| ticket.ticket_state.as_ref()));
    TicketFace {
        ticket: movement.ticket_id.or(below.and_then(|ticket| ticket.ticket_id)).map(|id| id.0),
        barcode,
        state: inferred::ticket_state(state, barcode.is_some()),
    }
}

/// The tickets of a sale.
pub(crate) fn tickets(details: &OrderDetails, lines: &BTreeMap<i64, usize>) -> Vec<IssuedTicket> {
    let told: BTreeMap<i64, &Movement> =
        details.movement_datas.0.iter().filter_map(|movement| Some((movement.movement_id?.0, movement))).collect();
    let ticket = |(movement, line): (&i64, &usize)| {
        let mut refs = vec![ExternalRef::new(kind::MOVEMENT, movement.to_string())];
        let Some(known) = told.get(movement) else {
            let state = if is_void(details, *movement) { TicketState::Void } else { TicketState::Pending };
            return IssuedTicket { line: *line, refs, barcode: None, seat: None, state };
        };
        let face = face(known);
        refs.extend(face.ticket.map(|ticket| ExternalRef::new(kind::TICKET, ticket.to_string())));
        let barcode = face
            .barcode
            .filter(|_| face.state != TicketState::Void)
            .map(|code| Barcode { symbology: inferred::SYMBOLOGY, value: SecretString::from(code.to_owned()) });
        IssuedTicket { line: *line, refs, barcode, seat: None, state: face.state }
    };
    lines.iter().map(ticket).collect()
}

/// Whether a place is certainly no longer good. A place that the order does not list was taken out of it, unless the order lists
/// none at all: then nothing is known.
pub(crate) fn is_void(details: &OrderDetails, movement: i64) -> bool {
    let places = &details.movement_datas.0;
    match places.iter().find(|one| one.movement_id.is_some_and(|id| id.0 == movement)) {
        Some(listed) => face(listed).state == TicketState::Void,
        None => {
            !places.is_empty() || inferred::order_state(details.order_state.as_ref()) == inferred::OrderState::Cancelled
        }
    }
}

/// Whether nothing is left to wait for: every place has its code, or is void.
pub(crate) fn has_all_codes(details: &OrderDetails) -> bool {
    let is_done = |movement: &Movement| {
        let face = face(movement);
        face.barcode.is_some() || face.state == TicketState::Void
    };
    !details.movement_datas.0.is_empty() && details.movement_datas.0.iter().all(is_done)
}
