//! Calendar and availability (`octo.md §5`).

use jiff::civil::Date;
use jiff::{Timestamp, ToSpan};
use serde_json::{Value, json};

use crate::octo::content;
use crate::octo::error_response::{OperationResult, Refusal};
use crate::octo::request::{Call, count, text};
use crate::octo::state::{OctoState, Places, TakenPlaces};
use crate::octo::switches::{AvailabilityIds, CalendarPrices, Flag};
use crate::octo::world::{Currency, Kind, LOCAL_TIME, Product, ProductOption, Slot, Unit, find_slot, slots_on};

/// Longest range of a request in days.
const MAX_DAYS: i64 = 366;
/// Maximum number of ids of a request.
const MAX_IDS: usize = 100;
/// Maximum number of units of a request.
const MAX_UNITS: i64 = 1000;

/// Product and option of a request.
#[derive(Clone, Copy)]
pub(super) struct Wanted<'a> {
    pub(super) id: &'a str,
    pub(super) product: &'static Product,
    pub(super) option: &'static ProductOption,
}

/// A slot with its places and its status.
struct Row<'a> {
    slot: &'a Slot,
    places: Places,
    status: &'static str,
    is_available: bool,
}

/// Finds the product and the option that ids name.
pub(super) fn find_wanted<'a>(
    state: &OctoState,
    product: Option<&'a str>,
    option: Option<&str>,
    may_leave_option_out: bool,
) -> Result<Wanted<'a>, Refusal> {
    let id = product.unwrap_or_default();
    let product = state.find_product(id).ok_or_else(|| Refusal::invalid_product(id))?;
    let mut options = state.options(id, product);
    let found = match option {
        None if may_leave_option_out => options.next(),
        _ => options.find(|known| Some(known.id) == option),
    };
    let option = found.ok_or_else(|| Refusal::invalid_option(option.unwrap_or_default()))?;
    Ok(Wanted { id, product, option })
}

/// Everything that a request for availability names besides its days.
struct Question<'a> {
    wanted: Wanted<'a>,
    units: Vec<&'static Unit>,
    currency: &'static Currency,
}

fn read_question<'a>(state: &OctoState, call: &'a Call<'_>) -> Result<Question<'a>, Refusal> {
    let wanted = find_wanted(state, call.text("productId")?, call.text("optionId")?, false)?;
    let currency = wanted.product.currency(call.text("currency")?).ok_or_else(Refusal::bad_request)?;
    let mut units = Vec::new();
    if let Some(list) = call.body.get("units").filter(|list| !list.is_null()) {
        for line in list.as_array().ok_or_else(Refusal::bad_request)? {
            let id = text(line, "id")?.unwrap_or_default();
            let unit = wanted.option.unit(id).ok_or_else(|| Refusal::invalid_unit(id))?;
            let quantity = count(line, "quantity")?.filter(|count| *count <= MAX_UNITS);
            let quantity = quantity.ok_or_else(Refusal::bad_request)?;
            units.extend(std::iter::repeat_n(unit, usize::try_from(quantity).unwrap_or(0)));
        }
    }
    Ok(Question { wanted, units, currency })
}

/// Returns the days of a range, both ends included, at most a year.
fn read_range(from: Option<Date>, to: Option<Date>) -> Result<Vec<Date>, Refusal> {
    let (Some(from), Some(to)) = (from, to) else { return Err(Refusal::bad_request()) };
    let days = from.until(to).map_or(-1, |span| i64::from(span.get_days()));
    if !(0..MAX_DAYS).contains(&days) {
        return Err(Refusal::bad_request());
    }
    Ok(from.series(1.day()).take_while(|day| *day <= to).collect())
}

/// Returns one row for each day that is not closed.
pub(super) fn calendar(state: &OctoState, call: &Call<'_>) -> OperationResult {
    let question = read_question(state, call)?;
    let days = read_range(call.date("localDateStart")?, call.date("localDateEnd")?)?;
    let taken = state.taken_places(call.now, None);
    let rows = days.into_iter().filter_map(|day| calendar_row(state, call, &question, day, &taken));
    Ok(rows.collect())
}

fn calendar_row(
    state: &OctoState,
    call: &Call<'_>,
    question: &Question<'_>,
    day: Date,
    taken: &TakenPlaces,
) -> Option<Value> {
    let Wanted { id, product, option } = question.wanted;
    let slots = slots_on(option, day, call.zone);
    let rows: Vec<Row<'_>> = slots.iter().filter_map(|slot| row(state, question, slot, call.now, taken)).collect();
    if rows.is_empty() && !state.switches.is(Flag::ClosedDayRows) {
        return None;
    }
    // The best slot of the day, not a sum.
    let best = rows.iter().max_by_key(|row| (row.is_available, row.places.vacancies.unwrap_or(u32::MAX)));
    let places = best.map_or(Places { capacity: Some(0), vacancies: Some(0) }, |row| Places { ..row.places });
    let (vacancies, capacity) = shown_places(state, &places);
    let mut shown = json!({
        "localDate": day.to_string(), "available": best.is_some_and(|row| row.is_available),
        "status": best.map_or("CLOSED", |row| row.status), "vacancies": vacancies, "capacity": capacity,
        "openingHours": if best.is_some() { opening_hours(state, option) } else { json!([]) },
    });
    let prices = state.switches.calendar_prices;
    if call.capabilities.pricing && prices != CalendarPrices::None {
        state.add_calendar_prices(&mut shown, (id, product, option), question.currency);
    }
    if call.capabilities.pricing && prices == CalendarPrices::Quotes {
        state.add_slot_prices(&mut shown, (id, product, option), question.currency, day, &question.units);
    }
    Some(shown)
}

/// Returns one row for each slot.
pub(super) fn check(state: &OctoState, call: &Call<'_>) -> OperationResult {
    let question = read_question(state, call)?;
    let slots = read_slots(state, call, question.wanted)?;
    let taken = state.taken_places(call.now, None);
    let rows = slots.iter().filter_map(|slot| row(state, &question, slot, call.now, &taken));
    Ok(rows.map(|row| show_row(state, call, &question, &row)).collect())
}

/// Returns the slots of exactly one of a day, a range, and ids.
fn read_slots(state: &OctoState, call: &Call<'_>, wanted: Wanted<'_>) -> Result<Vec<Slot>, Refusal> {
    let day = call.date("localDate")?;
    let (from, to) = (call.date("localDateStart")?, call.date("localDateEnd")?);
    let ids = call.body.get("availabilityIds").filter(|ids| !ids.is_null());
    let ways = [day.is_some(), from.is_some() || to.is_some(), ids.is_some()];
    if ways.into_iter().filter(|is_used| *is_used).count() != 1 {
        return Err(Refusal::bad_request());
    }
    let Some(ids) = ids else {
        let days = if day.is_some() { read_range(day, day)? } else { read_range(from, to)? };
        return Ok(days.into_iter().flat_map(|day| slots_on(wanted.option, day, call.zone)).collect());
    };
    let ids = ids.as_array().filter(|ids| (1..=MAX_IDS).contains(&ids.len())).ok_or_else(Refusal::bad_request)?;
    let ids: Option<Vec<&str>> = ids.iter().map(Value::as_str).collect();
    let ids = ids.ok_or_else(Refusal::bad_request)?;
    Ok(ids.into_iter().filter_map(|id| state.find_shown_slot(wanted.option, id, call)).collect())
}

/// Returns the row of a slot. `None`: it vanished.
fn row<'a>(
    state: &OctoState,
    question: &Question<'_>,
    slot: &'a Slot,
    now: Timestamp,
    taken: &TakenPlaces,
) -> Option<Row<'a>> {
    let Wanted { id, product, option } = question.wanted;
    let is_in = |edits| state.is_edited(edits, id, option.id, &slot.id);
    if is_in(&state.edits.vanished) {
        return None;
    }
    let places = state.places(id, option, slot, taken);
    let is_closed = is_in(&state.edits.closed) || now >= slot.sales_end;
    let status = match (places.capacity, places.vacancies) {
        _ if is_closed => "CLOSED",
        (Some(_), Some(0)) => "SOLD_OUT",
        (Some(capacity), Some(vacancies)) if vacancies < capacity.div_ceil(2) => "LIMITED",
        (Some(_), Some(_)) => "AVAILABLE",
        _ => "FREESALE",
    };
    let ids: Vec<&str> = question.units.iter().map(|unit| unit.id).collect();
    let needed = if ids.is_empty() { 1 } else { state.places_of(product, option, &ids) };
    let is_open = !matches!(status, "CLOSED" | "SOLD_OUT") && !is_in(&state.edits.unavailable);
    let is_available = is_open && places.vacancies.is_none_or(|vacancies| vacancies >= needed);
    Some(Row { slot, places, status, is_available })
}

fn show_row(state: &OctoState, call: &Call<'_>, question: &Question<'_>, row: &Row<'_>) -> Value {
    let Wanted { id, product, option } = question.wanted;
    let slot = row.slot;
    let (vacancies, capacity) = shown_places(state, &row.places);
    let max_units =
        row.places.vacancies.map(|vacancies| option.max_units.map_or(vacancies, |most| most.min(vacancies)));
    let mut shown = show_slot(state, product, option, slot);
    shown["available"] = row.is_available.into();
    shown["status"] = row.status.into();
    shown["vacancies"] = vacancies;
    shown["capacity"] = capacity;
    shown["maxUnits"] = if state.switches.is(Flag::HiddenVacancies) { Value::Null } else { max_units.into() };
    shown["utcCutoffAt"] = shown_cutoff(state, slot).into();
    if call.capabilities.pricing && !state.switches.is(Flag::NoSlotPrices) {
        state.add_slot_prices(&mut shown, (id, product, option), question.currency, slot.date, &question.units);
    }
    if call.capabilities.content {
        content::add_availability(&mut shown, call.language);
    }
    shown
}

/// Writes the part of a slot that bookings have, too.
pub(super) fn show_slot(state: &OctoState, product: &Product, option: &ProductOption, slot: &Slot) -> Value {
    json!({
        "id": state.shown_id(slot),
        "localDateTimeStart": slot.start.strftime(LOCAL_TIME).to_string(),
        "localDateTimeEnd": slot.end.strftime(LOCAL_TIME).to_string(),
        "allDay": product.kind == Kind::OpeningHours,
        "openingHours": opening_hours(state, option),
    })
}

fn shown_cutoff(state: &OctoState, slot: &Slot) -> String {
    let fraction =
        if state.switches.is(Flag::FractionalCutoff) { "%Y-%m-%dT%H:%M:%S.000Z" } else { "%Y-%m-%dT%H:%M:%SZ" };
    slot.sales_end.strftime(fraction).to_string()
}

/// Returns vacancies and capacity as shown.
fn shown_places(state: &OctoState, places: &Places) -> (Value, Value) {
    if places.capacity.is_none() {
        let number = Value::from(state.switches.freesale_number);
        return (number.clone(), number);
    }
    if state.switches.is(Flag::HiddenVacancies) {
        return (Value::Null, Value::Null);
    }
    (places.vacancies.into(), places.capacity.into())
}

fn opening_hours(state: &OctoState, option: &ProductOption) -> Value {
    match option.hours {
        Some(_) if state.switches.is(Flag::NoOpeningHours) => json!([{ "from": "00:00", "to": "23:59" }]),
        Some((from, to)) => json!([{ "from": from, "to": to }]),
        None => json!([]),
    }
}

impl OctoState {
    /// Returns the id of a slot on the wire.
    pub(super) fn shown_id(&self, slot: &Slot) -> String {
        match self.switches.availability_ids {
            AvailabilityIds::LocalStart => slot.id.clone(),
            AvailabilityIds::Opaque => format!("{}_720_a/b:c+{}", slot.start.strftime("%Y%m%d%H%M%S"), slot.place),
        }
    }

    /// Finds a slot by its id on the wire.
    pub(super) fn find_shown_slot(&self, option: &ProductOption, id: &str, call: &Call<'_>) -> Option<Slot> {
        match self.switches.availability_ids {
            AvailabilityIds::LocalStart => find_slot(option, id, call.zone),
            AvailabilityIds::Opaque => {
                let date = Date::strptime("%Y%m%d", id.get(..8)?).ok()?;
                slots_on(option, date, call.zone).into_iter().find(|slot| self.shown_id(slot) == id)
            }
        }
    }
}
