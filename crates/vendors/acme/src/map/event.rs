//! Templates as events, and price lists as ticket types.

use std::collections::HashSet;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value;

use crate::assumptions;
use crate::map::{SourceDefaults, keys};
use crate::wire::catalog::{PriceLine, PriceList, Template};
use domain::{
    BookingMode, Event, EventKey, EventStatus, ExternalRef, FirstWebUrl, LocalizedText, Money, Price, TicketType,
    WebUrl,
};

/// True if a template is hidden from ordinary lists (`acme.md §7.1`).
pub(crate) fn is_private(template: &Template) -> bool {
    template.kind.as_deref().is_some_and(|kind| kind.eq_ignore_ascii_case("private"))
}

/// True unless the admission type is `generalAdmission` (`acme.md §7.1`: the default is `standard`).
pub(crate) fn is_timed(admission_type: Option<&str>) -> bool {
    !admission_type.is_some_and(|kind| kind.eq_ignore_ascii_case("generalAdmission"))
}

/// Maps a template to an event; `now` decides whether it has ended.
pub(crate) fn event(template: &Template, defaults: &SourceDefaults, now: Timestamp) -> Event {
    let id = template.id.to_string();
    let listed = listed_ticket_types(template, defaults);
    Event {
        key: EventKey::new(id.as_str()),
        refs: vec![ExternalRef::new("acme.template", id)],
        title: LocalizedText::monolingual(template.name.as_deref().unwrap_or("Untitled")),
        summary: template.short_description.as_deref().map(|text| LocalizedText::monolingual(strip_tags(text))),
        description: template.description.as_deref().map(|html| LocalizedText::monolingual(ammonia::clean(html))),
        image: image(template, defaults).url,
        venue: None,
        categories: Vec::new(),
        time_zone: defaults.time_zone.iana_name().unwrap_or("Etc/Unknown").to_owned(),
        booking_mode: if is_timed(template.admission_type.as_deref()) {
            BookingMode::Timed
        } else {
            BookingMode::Dated
        },
        status: status(template, defaults, now),
        is_private: is_private(template),
        starts_at: template.start_time.as_ref().and_then(|time| time.instant(&defaults.time_zone)),
        ends_at: template.end_time.as_ref().and_then(|time| time.instant(&defaults.time_zone)),
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

/// Maps the status. Only a `published` template is for sale, until it ends, and if a schedule allows resellers. An
/// undocumented status is never for sale.
fn status(template: &Template, defaults: &SourceDefaults, now: Timestamp) -> EventStatus {
    let has_ended =
        template.end_time.as_ref().and_then(|time| time.instant(&defaults.time_zone)).is_some_and(|end| end < now);
    let schedules = &template.schedules;
    let is_ours = schedules.is_empty()
        || schedules.iter().any(|s| assumptions::sells_to_resellers(s.sales_channels.as_deref(), &defaults.facts));
    match template.review_state.as_deref().map(str::to_ascii_lowercase).as_deref() {
        Some("draft") => EventStatus::Draft,
        Some("published") if has_ended => EventStatus::Ended,
        Some("published") if is_ours => EventStatus::OnSale,
        _ => EventStatus::OffSale,
    }
}

/// Strips HTML tags. Only the ampersand is unescaped: an escaped tag must not become a tag.
fn strip_tags(html: &str) -> String {
    if !html.contains(['<', '&']) {
        return html.to_owned();
    }
    ammonia::Builder::empty().clean(html).to_string().replace("&amp;", "&")
}

/// URL of the primary image, otherwise of the first; the largest available size.
pub(crate) fn image(template: &Template, defaults: &SourceDefaults) -> FirstWebUrl {
    let primary = template.images.iter().find(|image| image["primary"] == Value::Bool(true));
    let images = std::iter::once(&template.primary_image).chain(primary).chain(&template.images);
    WebUrl::first(images.flat_map(sizes), Some(&defaults.base_url))
}

/// Addresses of an image, largest size first. A bare word is an id (`acme.md §7.1`), not a relative address.
fn sizes(image: &Value) -> impl Iterator<Item = &str> {
    let sizes = ["highRes", "screen", "preview", "thumbnail", "url"];
    let texts = image.as_str().into_iter().chain(sizes.into_iter().filter_map(|size| image[size].as_str()));
    texts.filter(|text| text.contains(['/', ':']))
}

/// Ticket types that a template lists: from its own price lists, otherwise from its schedules that allow resellers.
pub(crate) fn listed_ticket_types(template: &Template, defaults: &SourceDefaults) -> Vec<TicketType> {
    let own: Vec<&PriceList> = template.price_list.iter().chain(&template.price_lists).collect();
    let lists = if own.iter().any(|list| !list.prices.is_empty()) {
        own
    } else {
        let ours = template
            .schedules
            .iter()
            .filter(|s| assumptions::sells_to_resellers(s.sales_channels.as_deref(), &defaults.facts));
        ours.flat_map(|schedule| &schedule.price_lists).collect()
    };
    ticket_types(&template.id.to_string(), lists, defaults)
}

/// Maps price lists to ticket types, without duplicates, in the venue's display order.
pub(crate) fn ticket_types<'a>(
    template: &str,
    lists: impl IntoIterator<Item = &'a PriceList>,
    defaults: &SourceDefaults,
) -> Vec<TicketType> {
    let mut lines: Vec<&PriceLine> = lists.into_iter().flat_map(|list| &list.prices).collect();
    lines.sort_by_key(|line| line.display_order.unwrap_or(u32::MAX));
    let mut seen = HashSet::new();
    let kinds = lines.into_iter().filter_map(|line| ticket_type(template, line, defaults));
    kinds.filter(|kind| seen.insert(kind.key.clone())).collect()
}

/// Maps a price line to a ticket type; `None` if it is not sold through this channel, or its price does not fit the
/// currency.
pub(crate) fn ticket_type(template: &str, line: &PriceLine, defaults: &SourceDefaults) -> Option<TicketType> {
    let person = &line.person_type;
    let id = person.id.to_string();
    let is_ours = person.active != Some(false)
        && assumptions::sells_to_resellers(line.sales_channels.as_deref(), &defaults.facts);
    if !is_ours || !keys::is_plain(&id) {
        return None;
    }
    let (min_age, max_age) = assumptions::ages(person);
    Some(TicketType {
        key: keys::ticket_type_key(template, &id),
        event: EventKey::new(template),
        refs: vec![ExternalRef::new("acme.person_type", id)],
        name: LocalizedText::monolingual(person.name.as_deref().unwrap_or("Ticket")),
        description: person.description.as_deref().map(|text| LocalizedText::monolingual(strip_tags(text))),
        audience: assumptions::audience(person),
        min_age,
        max_age,
        admits: assumptions::admits(person),
        section: None,
        price: Some(price(line, defaults)?),
        min_per_order: None,
        max_per_order: None,
    })
}

/// Maps the price of a line: the discounted price if it is lower, with the list price as the original (`domain.md
/// §2.1`).
pub(crate) fn price(line: &PriceLine, defaults: &SourceDefaults) -> Option<Price> {
    let money = |amount: rust_decimal::Decimal| Money::from_major(amount, defaults.currency).ok();
    let list = money(line.price.0)?;
    let discounted = line.discounted_price.filter(|amount| {
        !amount.0.is_zero() || defaults.facts.zero_is_a_price || assumptions::is_discounted_to_zero(line)
    });
    match discounted.and_then(|amount| money(amount.0)) {
        Some(discounted) if discounted < list => Some(Price { original: Some(list), ..Price::from_retail(discounted) }),
        _ => Some(Price::from_retail(list)),
    }
}
