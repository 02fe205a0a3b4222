//! Regions, venues, categories and countries (`ticketing.md §4.15`). Only administrators change them.

use serde_json::{Value, json};

use crate::ticketing::book::{Book, Category, Region, Venue};
use crate::ticketing::door::{Ask, Place};
use crate::ticketing::reply::{Outcome, Refusal};
use crate::ticketing::show;

pub(super) fn countries() -> Outcome {
    Ok(json!({ "countries": ["Antigua and Barbuda", "Barbados", "Grenada", "Trinidad and Tobago"] }))
}

pub(super) fn regions(book: &Book, ask: &Ask<'_>) -> Outcome {
    let is_active = |region: &Region| book.venues.values().any(|venue| venue.region == region.id);
    let found = book.regions.values().filter(|region| ask.query.is("active", is_active(region)));
    ask.query.page(&book.switches, found.collect(), |region: &&Region| show::region(region))
}

pub(super) fn region(book: &Book, id: &str) -> Outcome {
    book.regions.get(id).map(show::region).ok_or_else(Refusal::gone)
}

pub(super) fn change_region(book: &mut Book, ask: &Ask<'_>, place: Place<'_>) -> Outcome {
    let id = match place {
        Place::Region(id) => Some(id),
        _ => None,
    };
    let known = id.map(|id| book.regions.get(id).cloned().ok_or_else(Refusal::gone)).transpose()?;
    if let (Some(region), "DELETE") = (&known, ask.method) {
        if book.venues.values().any(|venue| venue.region == region.id) {
            return Err(Refusal::new(409, "A region cannot be deleted if it has venues attached"));
        }
        book.regions.remove(&region.id);
        return Ok(json!({}));
    }
    let fields = ask.fields();
    fields.require(&["name", "country"])?;
    let text = |name: &str| fields.text(name).unwrap_or_default().to_owned();
    let own_id = known.as_ref().map(|region| region.id.as_str());
    if book.regions.values().any(|other| Some(other.id.as_str()) != own_id && other.name == text("name")) {
        return Err(Refusal::duplicate("region", &["name"]));
    }
    let id = known.map_or_else(|| book.next_id(ask.now), |region| region.id);
    let (name, country, district, city) = (text("name"), text("country"), text("district"), text("city"));
    let region = Region { id: id.clone(), name, country, district, city };
    let shown = show::region(&region);
    book.regions.insert(id, region);
    Ok(shown)
}

/// In the list of venues the region is a URI, not an object.
fn listed_venue(venue: &Venue) -> Value {
    show::venue(venue, json!(format!("/regions/{}", venue.region)))
}

pub(super) fn venues(book: &Book, ask: &Ask<'_>) -> Outcome {
    let wanted = |venue: &&Venue| ask.query.allows("region", &venue.region) && ask.query.is_in("name", &venue.name);
    let found = book.venues.values().filter(wanted);
    ask.query.page(&book.switches, found.collect(), |venue: &&Venue| listed_venue(venue))
}

pub(super) fn venue(book: &Book, id: &str) -> Outcome {
    book.venues.get(id).map(listed_venue).ok_or_else(Refusal::gone)
}

pub(super) fn change_venue(book: &mut Book, ask: &Ask<'_>, place: Place<'_>) -> Outcome {
    let id = match place {
        Place::Venue(id) => Some(id),
        _ => None,
    };
    let known = id.map(|id| book.venues.get(id).cloned().ok_or_else(Refusal::gone)).transpose()?;
    if let (Some(venue), "DELETE") = (&known, ask.method) {
        if book.events.values().any(|event| event.venue == venue.id) {
            return Err(Refusal::new(409, "A venue cannot be deleted if it has events attached"));
        }
        book.venues.remove(&venue.id);
        return Ok(json!({}));
    }
    let fields = ask.fields();
    fields.require(&["name", "region", "longitude", "latitude", "address"])?;
    let text = |name: &str| fields.loose(name).unwrap_or_default();
    if !book.regions.contains_key(&text("region")) {
        return Err(Refusal::invalid(&["region"]));
    }
    let own_id = known.as_ref().map(|venue| venue.id.as_str());
    if book.venues.values().any(|other| Some(other.id.as_str()) != own_id && other.name == text("name")) {
        return Err(Refusal::duplicate("venue", &["name"]));
    }
    let venue = Venue {
        id: known.map_or_else(|| book.next_id(ask.now), |venue| venue.id),
        name: text("name"),
        region: text("region"),
        longitude: text("longitude"),
        latitude: text("latitude"),
        address: text("address"),
    };
    let shown = listed_venue(&venue);
    book.venues.insert(venue.id.clone(), venue);
    Ok(shown)
}

fn category_view(category: &Category) -> Value {
    json!({
        "self": format!("/categories/{}", category.id), "name": category.name,
        "subcategories": category.subcategories,
    })
}

pub(super) fn categories(book: &Book, ask: &Ask<'_>) -> Outcome {
    let known = book.categories.values().collect();
    ask.query.page(&book.switches, known, |category: &&Category| category_view(category))
}

pub(super) fn category(book: &Book, id: &str) -> Outcome {
    book.categories.get(id).map(category_view).ok_or_else(Refusal::gone)
}

pub(super) fn change_category(book: &mut Book, ask: &Ask<'_>, place: Place<'_>) -> Outcome {
    let id = match place {
        Place::Category(id) => Some(id),
        _ => None,
    };
    let known = id.map(|id| book.categories.get(id).cloned().ok_or_else(Refusal::gone)).transpose()?;
    if let (Some(category), "DELETE") = (&known, ask.method) {
        if book.events.values().any(|event| event.category == category.id) {
            return Err(Refusal::new(409, "A category cannot be deleted if it is in use"));
        }
        book.categories.remove(&category.id);
        return Ok(json!({}));
    }
    let fields = ask.fields();
    fields.require(&["name"])?;
    let name = fields.text("name").unwrap_or_default().to_owned();
    let own_id = known.as_ref().map(|category| category.id.as_str());
    if book.categories.values().any(|other| Some(other.id.as_str()) != own_id && other.name == name) {
        return Err(Refusal::duplicate("category", &["name"]));
    }
    let subcategories = fields.texts("subcategories").unwrap_or_default();
    let id = known.map_or_else(|| book.next_id(ask.now), |category| category.id);
    let category = Category { id: id.clone(), name, subcategories };
    let shown = category_view(&category);
    book.categories.insert(id, category);
    Ok(shown)
}
