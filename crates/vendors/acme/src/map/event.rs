//! Templates as events, price lists as ticket types.

use std::collections::HashSet;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value;

use crate::inferred;
use crate::map::{Venue, keys};
use crate::wire::catalog::{PriceLine, PriceList, Template};
use domain::{BookingMode, Event, EventKey, EventStatus, ExternalRef, Money, Price, Text, TicketType};

/// Hidden from ordinary lists (`acme.md §7.1`).
pub(crate) fn is_private(template: &Template) -> bool {
    template.kind.as_deref().is_some_and(|kind| kind.eq_ignore_ascii_case("private"))
}

/// Timed unless it says `generalAdmission` (`acme.md §7.1`: the default is `standard`).
pub(crate) fn is_timed(admission_type: Option<&str>) -> bool {
    !admission_type.is_some_and(|kind| kind.eq_ignore_ascii_case("generalAdmission"))
}

/// A template as an event; `now` decides whether its run is over.
pub(crate) fn event(template: &Template, venue: &Venue, now: Timestamp) -> Event {
    let id = template.id.to_string();
    let listed = listed_ticket_types(template, venue);
    Event {
        key: EventKey::new(id.as_str()),
        refs: vec![ExternalRef::new("acme.template", id)],
        title: Text::plain(template.name.as_deref().unwrap_or("Untitled")),
        summary: template.short_description.as_deref().map(|text| Text::plain(plain(text))),
        description: template.description.as_deref().map(|html| Text::plain(ammonia::clean(html))),
        image: image(template),
        venue: None,
        categories: Vec::new(),
        time_zone: venue.zone.iana_name().unwrap_or("Etc/Unknown").to_owned(),
        booking_mode: if is_timed(template.admission_type.as_deref()) {
            BookingMode::Timed
        } else {
            BookingMode::Dated
        },
        status: status(template, venue, now),
        is_private: is_private(template),
        starts_at: template.start_time.as_ref().and_then(|time| time.instant(&venue.zone)),
        ends_at: template.end_time.as_ref().and_then(|time| time.instant(&venue.zone)),
        duration_minutes: template
            .duration
            .map(|length| length.hour.unwrap_or(0).saturating_mul(60).saturating_add(length.minutes.unwrap_or(0))),
        capacity: template.capacity,
        sold_quantity: template.sold_quantity,
        price_from: listed.iter().flat_map(|kind| &kind.price).map(|price| price.retail).min(),
        sections: Vec::new(),
        listed_ticket_types: (!listed.is_empty()).then(|| Arc::new(listed)),
        listed_performances: None,
    }
}

/// Only `published` is for sale, during its run, and where a schedule lets resellers sell. An unknown word is never for sale.
fn status(template: &Template, venue: &Venue, now: Timestamp) -> EventStatus {
    let has_ended = template.end_time.as_ref().and_then(|time| time.instant(&venue.zone)).is_some_and(|end| end < now);
    let schedules = &template.schedules;
    let is_ours =
        schedules.is_empty() || schedules.iter().any(|s| inferred::sells_to_resellers(s.sales_channels.as_deref()));
    match template.review_state.as_deref().map(str::to_ascii_lowercase).as_deref() {
        Some("draft") => EventStatus::Draft,
        Some("published") if has_ended => EventStatus::Ended,
        Some("published") if is_ours => EventStatus::OnSale,
        _ => EventStatus::OffSale,
    }
}

/// Text without tags. Only the ampersand is written as itself again: an escaped tag must not become one.
fn plain(html: &str) -> String {
    if !html.contains(['<', '&']) {
        return html.to_owned();
    }
    ammonia::Builder::empty().clean(html).to_string().replace("&amp;", "&")
}

/// The primary image, else the first; whatever size is there, the larger ones first.
fn image(template: &Template) -> Option<String> {
    let primary = template.images.iter().find(|image| image["primary"] == Value::Bool(true));
    let candidates = std::iter::once(&template.primary_image).chain(primary).chain(&template.images);
    candidates.filter_map(address).next()
}

fn address(image: &Value) -> Option<String> {
    let sizes = ["highRes", "screen", "preview", "thumbnail", "url"];
    let texts = image.as_str().into_iter().chain(sizes.iter().filter_map(|size| image[*size].as_str()));
    texts.filter(|text| text.starts_with("https://") || text.starts_with("http://")).map(str::to_owned).next()
}

/// The ticket types that a template names: its own price lists, else those of its schedules that sell to resellers.
pub(crate) fn listed_ticket_types(template: &Template, venue: &Venue) -> Vec<TicketType> {
    let own: Vec<&PriceList> = template.price_list.iter().chain(&template.price_lists).collect();
    let lists = if own.iter().any(|list| !list.prices.is_empty()) {
        own
    } else {
        let ours = template.schedules.iter().filter(|s| inferred::sells_to_resellers(s.sales_channels.as_deref()));
        ours.flat_map(|schedule| &schedule.price_lists).collect()
    };
    ticket_types(&template.id.to_string(), lists, venue)
}

/// The ticket types of price lists, each once, in the order that the venue shows them.
pub(crate) fn ticket_types<'a>(
    template: &str,
    lists: impl IntoIterator<Item = &'a PriceList>,
    venue: &Venue,
) -> Vec<TicketType> {
    let mut lines: Vec<&PriceLine> = lists.into_iter().flat_map(|list| &list.prices).collect();
    lines.sort_by_key(|line| line.display_order.unwrap_or(u32::MAX));
    let mut seen = HashSet::new();
    let kinds = lines.into_iter().filter_map(|line| ticket_type(template, line, venue));
    kinds.filter(|kind| seen.insert(kind.key.clone())).collect()
}

/// A price line as a ticket type; `None` where it is not sold through us, or its price cannot be written in the currency.
pub(crate) fn ticket_type(template: &str, line: &PriceLine, venue: &Venue) -> Option<TicketType> {
    let person = &line.person_type;
    let id = person.id.to_string();
    let is_ours = person.active != Some(false) && inferred::sells_to_resellers(line.sales_channels.as_deref());
    if !is_ours || !keys::is_plain(&id) {
        return None;
    }
    let (min_age, max_age) = inferred::ages(person);
    Some(TicketType {
        key: keys::ticket_type(template, &id),
        event: EventKey::new(template),
        refs: vec![ExternalRef::new("acme.person_type", id)],
        name: Text::plain(person.name.as_deref().unwrap_or("Ticket")),
        description: person.description.as_deref().map(|text| Text::plain(plain(text))),
        audience: inferred::audience(person),
        min_age,
        max_age,
        admits: inferred::admits(person),
        section: None,
        price: Some(price(line, venue)?),
        min_per_order: None,
        max_per_order: None,
    })
}

/// What a line costs: the discounted price where it is lower, then the list price is the original (`domain.md §2.1`).
pub(crate) fn price(line: &PriceLine, venue: &Venue) -> Option<Price> {
    let money = |amount: rust_decimal::Decimal| Money::from_major(amount, venue.currency).ok();
    let list = money(line.price.0)?;
    match line.discounted_price.and_then(|amount| money(amount.0)) {
        Some(discounted) if discounted < list => Some(Price { original: Some(list), ..Price::plain(discounted) }),
        _ => Some(Price::plain(list)),
    }
}
