//! Regions, venues, categories and countries (`ticketing.md §4.15`). Only administrators may change them.

use serde_json::{Value, json};

use crate::ticketing::auth::RequestContext;
use crate::ticketing::responses::{EndpointResult, TicketingErrorResponse};
use crate::ticketing::routes::Route;
use crate::ticketing::state::{TicketingCategory, TicketingRegion, TicketingState, TicketingVenue};
use crate::ticketing::views;

pub(super) fn countries() -> EndpointResult {
    Ok(json!({ "countries": ["Antigua and Barbuda", "Barbados", "Grenada", "Trinidad and Tobago"] }))
}

pub(super) fn regions(state: &TicketingState, request: &RequestContext<'_>) -> EndpointResult {
    let is_active = |region: &TicketingRegion| state.venues.values().any(|venue| venue.region == region.id);
    let found = state.regions.values().filter(|region| request.query.matches_flag("active", is_active(region)));
    request.query.page(&state.quirks, found.collect(), |region: &&TicketingRegion| views::region(region))
}

pub(super) fn region(state: &TicketingState, id: &str) -> EndpointResult {
    state.regions.get(id).map(views::region).ok_or_else(TicketingErrorResponse::not_found)
}

pub(super) fn change_region(
    state: &mut TicketingState,
    request: &RequestContext<'_>,
    route: Route<'_>,
) -> EndpointResult {
    let id = match route {
        Route::Region(id) => Some(id),
        _ => None,
    };
    let known =
        id.map(|id| state.regions.get(id).cloned().ok_or_else(TicketingErrorResponse::not_found)).transpose()?;
    if let (Some(region), "DELETE") = (&known, request.method) {
        if state.venues.values().any(|venue| venue.region == region.id) {
            return Err(TicketingErrorResponse::new(409, "A region cannot be deleted if it has venues attached"));
        }
        state.regions.remove(&region.id);
        return Ok(json!({}));
    }
    let fields = request.fields();
    fields.require(&["name", "country"])?;
    let text = |name: &str| fields.text(name).unwrap_or_default().to_owned();
    let own_id = known.as_ref().map(|region| region.id.as_str());
    if state.regions.values().any(|other| Some(other.id.as_str()) != own_id && other.name == text("name")) {
        return Err(TicketingErrorResponse::duplicate("region", &["name"]));
    }
    let id = known.map_or_else(|| state.next_id(request.now), |region| region.id);
    let (name, country, district, city) = (text("name"), text("country"), text("district"), text("city"));
    let region = TicketingRegion { id: id.clone(), name, country, district, city };
    let shown = views::region(&region);
    state.regions.insert(id, region);
    Ok(shown)
}

/// Serializes a venue of the list, whose region is a URI and not an object.
fn venue_view(venue: &TicketingVenue) -> Value {
    views::venue(venue, json!(format!("/regions/{}", venue.region)))
}

pub(super) fn venues(state: &TicketingState, request: &RequestContext<'_>) -> EndpointResult {
    let wanted = |venue: &&TicketingVenue| {
        request.query.matches_id("region", &venue.region) && request.query.matches_text("name", &venue.name)
    };
    let found = state.venues.values().filter(wanted);
    request.query.page(&state.quirks, found.collect(), |venue: &&TicketingVenue| venue_view(venue))
}

pub(super) fn venue(state: &TicketingState, id: &str) -> EndpointResult {
    state.venues.get(id).map(venue_view).ok_or_else(TicketingErrorResponse::not_found)
}

pub(super) fn change_venue(
    state: &mut TicketingState,
    request: &RequestContext<'_>,
    route: Route<'_>,
) -> EndpointResult {
    let id = match route {
        Route::Venue(id) => Some(id),
        _ => None,
    };
    let known = id.map(|id| state.venues.get(id).cloned().ok_or_else(TicketingErrorResponse::not_found)).transpose()?;
    if let (Some(venue), "DELETE") = (&known, request.method) {
        if state.events.values().any(|event| event.venue == venue.id) {
            return Err(TicketingErrorResponse::new(409, "A venue cannot be deleted if it has events attached"));
        }
        state.venues.remove(&venue.id);
        return Ok(json!({}));
    }
    let fields = request.fields();
    fields.require(&["name", "region", "longitude", "latitude", "address"])?;
    let text = |name: &str| fields.text_or_number(name).unwrap_or_default();
    if !state.regions.contains_key(&text("region")) {
        return Err(TicketingErrorResponse::invalid(&["region"]));
    }
    let own_id = known.as_ref().map(|venue| venue.id.as_str());
    if state.venues.values().any(|other| Some(other.id.as_str()) != own_id && other.name == text("name")) {
        return Err(TicketingErrorResponse::duplicate("venue", &["name"]));
    }
    let venue = TicketingVenue {
        id: known.map_or_else(|| state.next_id(request.now), |venue| venue.id),
        name: text("name"),
        region: text("region"),
        longitude: text("longitude"),
        latitude: text("latitude"),
        address: text("address"),
    };
    let shown = venue_view(&venue);
    state.venues.insert(venue.id.clone(), venue);
    Ok(shown)
}

fn category_view(category: &TicketingCategory) -> Value {
    json!({
        "self": format!("/categories/{}", category.id), "name": category.name,
        "subcategories": category.subcategories,
    })
}

pub(super) fn categories(state: &TicketingState, request: &RequestContext<'_>) -> EndpointResult {
    let known = state.categories.values().collect();
    request.query.page(&state.quirks, known, |category: &&TicketingCategory| category_view(category))
}

pub(super) fn category(state: &TicketingState, id: &str) -> EndpointResult {
    state.categories.get(id).map(category_view).ok_or_else(TicketingErrorResponse::not_found)
}

pub(super) fn change_category(
    state: &mut TicketingState,
    request: &RequestContext<'_>,
    route: Route<'_>,
) -> EndpointResult {
    let id = match route {
        Route::Category(id) => Some(id),
        _ => None,
    };
    let known =
        id.map(|id| state.categories.get(id).cloned().ok_or_else(TicketingErrorResponse::not_found)).transpose()?;
    if let (Some(category), "DELETE") = (&known, request.method) {
        if state.events.values().any(|event| event.category == category.id) {
            return Err(TicketingErrorResponse::new(409, "A category cannot be deleted if it is in use"));
        }
        state.categories.remove(&category.id);
        return Ok(json!({}));
    }
    let fields = request.fields();
    fields.require(&["name"])?;
    let name = fields.text("name").unwrap_or_default().to_owned();
    let own_id = known.as_ref().map(|category| category.id.as_str());
    if state.categories.values().any(|other| Some(other.id.as_str()) != own_id && other.name == name) {
        return Err(TicketingErrorResponse::duplicate("category", &["name"]));
    }
    let subcategories = fields.texts("subcategories").unwrap_or_default();
    let id = known.map_or_else(|| state.next_id(request.now), |category| category.id);
    let category = TicketingCategory { id: id.clone(), name, subcategories };
    let shown = category_view(&category);
    state.categories.insert(id, category);
    Ok(shown)
}
