//! Hosts and their statistics (`ticketing.md §4.5`, `§4.14`).

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use crate::ticketing::auth::RequestContext;
use crate::ticketing::responses::{BodyFields, EndpointResult, TicketingErrorResponse};
use crate::ticketing::state::{TicketingHost, TicketingOrder, TicketingState};
use crate::ticketing::views;

const PROFILE_FIELDS: [&str; 12] = [
    "name",
    "contact",
    "email",
    "description",
    "phone",
    "website",
    "country",
    "firstAddressLine",
    "secondAddressLine",
    "city",
    "state",
    "businessNo",
];

fn find_host<'b>(state: &'b TicketingState, id: &str) -> Result<&'b TicketingHost, TicketingErrorResponse> {
    state.hosts.get(id).ok_or_else(|| TicketingErrorResponse::new(404, "The specified host could not be found."))
}

fn managed_host<'b>(
    state: &'b TicketingState,
    request: &RequestContext<'_>,
    id: &str,
) -> Result<&'b TicketingHost, TicketingErrorResponse> {
    let host = find_host(state, id)?;
    if request.administers(state, id) { Ok(host) } else { Err(TicketingErrorResponse::forbidden()) }
}

fn parse_profile(fields: &BodyFields<'_>) -> BTreeMap<String, String> {
    PROFILE_FIELDS.iter().filter_map(|name| Some(((*name).to_owned(), fields.text(name)?.to_owned()))).collect()
}

pub(super) fn list(state: &TicketingState, request: &RequestContext<'_>) -> EndpointResult {
    let account = request.query.get("account");
    let found = state.hosts.values().filter(|host| account.is_none_or(|number| host.administrators.contains(number)));
    request.query.page(&state.quirks, found.collect(), |host: &&TicketingHost| views::host(host))
}

pub(super) fn read(state: &TicketingState, id: &str) -> EndpointResult {
    find_host(state, id).map(views::host)
}

pub(super) fn create(state: &mut TicketingState, request: &RequestContext<'_>) -> EndpointResult {
    request.fields().require(&["name", "contact", "email"])?;
    let profile = parse_profile(&request.fields());
    check_unique_name(state, "", &profile)?;
    let administrators = BTreeSet::from([request.account().to_owned()]);
    let host = TicketingHost { id: state.next_id(request.now), profile, administrators };
    let shown = views::host(&host);
    state.hosts.insert(host.id.clone(), host);
    Ok(shown)
}

pub(super) fn update(state: &mut TicketingState, request: &RequestContext<'_>, id: &str) -> EndpointResult {
    managed_host(state, request, id)?;
    let profile = parse_profile(&request.fields());
    check_unique_name(state, id, &profile)?;
    if let Some(host) = state.hosts.get_mut(id) {
        host.profile.extend(profile);
    }
    Ok(json!({}))
}

pub(super) fn delete(state: &mut TicketingState, request: &RequestContext<'_>, id: &str) -> EndpointResult {
    managed_host(state, request, id)?;
    state.hosts.remove(id);
    Ok(json!({}))
}

fn check_unique_name(
    state: &TicketingState,
    id: &str,
    profile: &BTreeMap<String, String>,
) -> Result<(), TicketingErrorResponse> {
    let is_twin = |host: &TicketingHost| host.id != id && host.profile.get("name") == profile.get("name");
    if profile.contains_key("name") && state.hosts.values().any(is_twin) {
        return Err(TicketingErrorResponse::duplicate("host", &["name"]));
    }
    Ok(())
}

/// Returns the number of fulfilled orders of the matching events, their tickets, and their revenue in hundredths.
fn sales_totals(state: &TicketingState, is_wanted: impl Fn(&str) -> bool) -> (usize, u32, i64) {
    let fulfilled = state.orders.values().filter(|order| order.status == "Fulfilled");
    let of = |order: &TicketingOrder| -> (u32, i64) {
        let items = order.items.iter().filter(|item| is_wanted(&item.event));
        items
            .fold((0, 0), |(tickets, sum), item| (tickets + item.quantity, sum + item.price * i64::from(item.quantity)))
    };
    let counted = fulfilled.map(of).filter(|(tickets, _)| *tickets > 0);
    counted.fold((0, 0, 0), |(orders, tickets, sum), (more, money)| (orders + 1, tickets + more, sum + money))
}

pub(super) fn statistics(state: &TicketingState, request: &RequestContext<'_>, id: &str) -> EndpointResult {
    managed_host(state, request, id)?;
    let is_of_host = |event: &str| state.events.get(event).is_some_and(|event| event.host == id);
    let (orders, tickets, revenue) = sales_totals(state, is_of_host);
    let events = state.events.values().filter(|event| event.host == id).count();
    Ok(json!({ "events": events, "orders": orders, "revenue": views::json_amount(revenue), "tickets": tickets }))
}

pub(super) fn event_statistics(state: &TicketingState, request: &RequestContext<'_>, id: &str) -> EndpointResult {
    let capacity: u32 = request.managed_event(state, id)?.sections.iter().map(|section| section.capacity).sum();
    let (orders, tickets, revenue) = sales_totals(state, |event| event == id);
    Ok(json!({ "capacity": capacity, "orders": orders, "revenue": views::json_amount(revenue), "tickets": tickets }))
}
