//! Supplier, capabilities and products (`octo.md §4`).

use serde_json::{Value, json};

use crate::octo::error_response::{OperationResult, Refusal};
use crate::octo::request::Call;
use crate::octo::routes::{BASE_PATH, Route, SUPPLIER};
use crate::octo::state::OctoState;
use crate::octo::switches::Flag;
use crate::octo::world::{Kind, Product, ProductOption, Unit, ZONE};
use crate::octo::{content, pricing};

/// Name of the supplier.
const NAME: &str = "Laguna Tours";

/// Returns the supplier, or a list with it.
pub(super) fn supplier(state: &OctoState, call: &Call<'_>, route: &Route) -> Value {
    let own = format!("{}{BASE_PATH}", call.origin);
    let is_foreign = state.switches.is(Flag::ForeignEndpoint);
    let endpoint = if is_foreign { "https://octo.elsewhere.example/v1".to_owned() } else { own };
    let supplier = json!({
        "id": SUPPLIER, "name": NAME, "endpoint": endpoint,
        "contact": {
            "website": "https://laguna.example", "email": "resellers@laguna.example", "telephone": "+390415550100", "address": null,
        },
    });
    if route.is_supplier_list { json!([supplier]) } else { supplier }
}

/// Returns the capabilities that the supplier offers.
pub(super) fn capabilities(state: &OctoState) -> Value {
    let capability = |id: &str, is_required: bool| json!({ "id": id, "revision": 1, "required": is_required, "dependencies": [], "docs": null });
    let required = &state.switches.required_capabilities;
    let offered = ["octo/pricing", "octo/content"];
    let others = required.iter().map(String::as_str).filter(|id| !offered.contains(id));
    offered.into_iter().chain(others).map(|id| capability(id, required.contains(id))).collect()
}

/// Returns who the key belongs to.
pub(super) fn whoami(state: &OctoState, call: &Call<'_>, route: &Route) -> Value {
    json!({
        "supplier": supplier(state, call, route),
        "connection": { "id": "connection-1", "name": "Sandbox" },
        "reseller": { "id": "reseller-1", "name": "Sandbox reseller" },
    })
}

/// Lists the products on sale.
pub(super) fn products(state: &OctoState, call: &Call<'_>) -> Value {
    let ids = state.product_ids();
    let most = state.switches.list_cap.unwrap_or(usize::MAX);
    let shown = ids.iter().filter_map(|id| Some(show_product(state, call, id, state.find_product(id)?)));
    shown.take(most).collect()
}

/// Returns a product.
pub(super) fn product(state: &OctoState, call: &Call<'_>, id: &str) -> OperationResult {
    let product = state.find_product(id).ok_or_else(|| Refusal::invalid_product(id))?;
    Ok(show_product(state, call, id, product))
}

/// Writes a product.
pub(super) fn show_product(state: &OctoState, call: &Call<'_>, id: &str, product: &Product) -> Value {
    let options: Vec<Value> =
        state.options(id, product).map(|option| show_option(state, call, (id, product, option), false)).collect();
    let shown = json!({
        "id": id, "internalName": product.internal_name, "reference": product.reference, "locale": "en", "timeZone": ZONE,
        "allowFreesale": product.is_freesale, "instantConfirmation": product.confirms_at_once,
        "instantDelivery": product.delivers_at_once, "availabilityRequired": product.needs_availability,
        "availabilityType": product.kind.wire_name(), "deliveryFormats": product.formats,
        "deliveryMethods": product.methods, "redemptionMethod": product.redemption, "options": options,
    });
    with_fields(shown, |fields| {
        pricing::add_product_fields(fields, product, call);
        if call.capabilities.content {
            content::add_product(fields, state, id, product, call.language);
        }
    })
}

/// Writes an option. Inside a booking, prices have other names.
pub(super) fn show_option(
    state: &OctoState,
    call: &Call<'_>,
    (id, product, option): (&str, &Product, &ProductOption),
    is_booked: bool,
) -> Value {
    let (amount, unit) = option.cutoff;
    let starts: Vec<String> = match product.kind {
        Kind::OpeningHours if state.switches.is(Flag::HourStartTimes) => vec!["00:00".to_owned()],
        _ => option.starts.iter().map(|(hour, minute)| format!("{hour:02}:{minute:02}")).collect(),
    };
    let min_units = if state.switches.is(Flag::NullMinUnits) { None } else { Some(option.min_units) };
    let is_default = product.options.first().is_some_and(|first| first.id == option.id);
    let units: Vec<Value> =
        option.units.iter().map(|unit| show_unit(state, call, (id, product, unit), is_booked)).collect();
    let shown = json!({
        "id": option.id, "default": is_default, "internalName": option.internal_name, "reference": option.reference,
        "availabilityLocalStartTimes": starts, "cancellationCutoff": format!("{amount} {unit}s before"),
        "cancellationCutoffAmount": amount, "cancellationCutoffUnit": unit, "requiredContactFields": option.contact_fields,
        "restrictions": { "minUnits": min_units, "maxUnits": option.max_units }, "units": units,
    });
    with_fields(shown, |fields| {
        if call.capabilities.pricing && product.is_per_booking {
            let name = if is_booked { "pricing" } else { "pricingFrom" };
            fields.insert(name.to_owned(), state.booking_prices(id, product, option));
        }
        if call.capabilities.content {
            content::add_option(fields, state, option, call.language);
        }
    })
}

/// Writes a unit. Inside a booking, prices have other names.
pub(super) fn show_unit(
    state: &OctoState,
    call: &Call<'_>,
    (id, product, unit): (&str, &Product, &Unit),
    is_booked: bool,
) -> Value {
    let (min_age, max_age) = unit.ages;
    let (min_quantity, max_quantity) = unit.quantity;
    let shown = json!({
        "id": unit.id, "internalName": unit.internal_name, "reference": null, "type": unit.kind,
        "requiredContactFields": unit.contact_fields,
        "restrictions": {
            "minAge": min_age, "maxAge": max_age, "idRequired": unit.needs_proof, "minQuantity": min_quantity,
            "maxQuantity": max_quantity, "paxCount": unit.people, "accompaniedBy": unit.accompanied_by,
        },
    });
    with_fields(shown, |fields| {
        if call.capabilities.pricing && !product.is_per_booking {
            let name = if is_booked { "pricing" } else { "pricingFrom" };
            fields.insert(name.to_owned(), state.unit_prices(id, product, unit));
        }
        if call.capabilities.content {
            content::add_unit(fields, unit, call.language);
        }
    })
}

fn with_fields(mut shown: Value, add: impl FnOnce(&mut serde_json::Map<String, Value>)) -> Value {
    if let Value::Object(fields) = &mut shown {
        add(fields);
    }
    shown
}
