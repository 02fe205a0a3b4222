//! Maps a product with one of its options to an event, and its units to ticket types (`octo.md §12.1`).

use std::sync::Arc;

use crate::map::{Offering, SourceDefaults, Timing, keys, price};
use crate::wire::catalog::{Product, ProductOption, Unit};
use domain::{
    Audience, BookingMode, Event, EventKey, EventStatus, ExternalRef, FirstWebUrl, LocalizedText, Price, TicketType,
    WebUrl,
};

/// Reference kind of a product.
const PRODUCT_REF: &str = "octo.product";
/// Reference kind of an option.
const OPTION_REF: &str = "octo.option";
/// Reference kind of a unit.
const UNIT_REF: &str = "octo.unit";

/// Reference kind of the supplier's own reference of a product or unit.
const REFERENCE_REF: &str = "octo.reference";

/// Maps an event; `None` if an id cannot be part of a key.
pub(crate) fn event(offering: Offering<'_>, defaults: &SourceDefaults) -> Option<Event> {
    let Offering { product, option, .. } = offering;
    let key = keys::event_key(&product.id, &option.id)?;
    let types = ticket_types(offering, defaults)?;
    let summary = [&option.short_description, &product.short_description, &product.subtitle];
    Some(Event {
        refs: refs([
            (PRODUCT_REF, Some(&product.id)),
            (OPTION_REF, Some(&option.id)),
            (REFERENCE_REF, product.reference.as_ref()),
        ]),
        title: title(product, option),
        summary: summary.into_iter().flatten().find_map(|text| safe_text(text)),
        description: product.description.as_deref().and_then(safe_text),
        image: image(product).url,
        venue: product.locations.iter().find_map(|place| place.title.as_deref().and_then(usable)).map(str::to_owned),
        categories: product.category_labels.clone(),
        time_zone: defaults.zone_of(product).iana_name().unwrap_or("UTC").to_owned(),
        booking_mode: match offering.timing() {
            Timing::StartTime | Timing::Unknown => BookingMode::Timed,
            Timing::Day => BookingMode::Dated,
            Timing::Open => BookingMode::Open,
        },
        status: if offering.is_sellable(defaults) { EventStatus::OnSale } else { EventStatus::OffSale },
        is_private: false,
        starts_at: None,
        ends_at: None,
        duration_minutes: option.duration_minutes_from.or(product.duration_minutes_from),
        capacity: None,
        sold_quantity: None,
        price_from: types.iter().filter_map(|one| one.price.as_ref().map(|price| price.retail)).min(),
        sections: Vec::new(),
        listed_ticket_types: Some(Arc::new(types)),
        listed_performances: None,
        key,
    })
}

fn refs<const N: usize>(ids: [(&str, Option<&String>); N]) -> Vec<ExternalRef> {
    ids.into_iter().filter_map(|(kind, id)| Some(ExternalRef::new(kind, id?.as_str()))).collect()
}

/// Title of the product, and that of the option if there are several. `internalName` is not for customers and is used only if the
/// supplier returns no content.
fn title(product: &Product, option: &ProductOption) -> LocalizedText {
    let of_product = first_usable([&product.title, &product.internal_name]).unwrap_or(&product.id);
    let of_option = first_usable([&option.title, &option.internal_name]).unwrap_or(&option.id);
    let is_only = product.options.len() == 1;
    if is_only { of_product.into() } else { format!("{of_product}: {of_option}").into() }
}

fn first_usable(texts: [&Option<String>; 2]) -> Option<&str> {
    texts.into_iter().flatten().find_map(|text| usable(text))
}

fn usable(text: &str) -> Option<&str> {
    Some(text.trim()).filter(|text| !text.is_empty())
}

/// HTML is possible in texts and is reduced to safe tags.
fn safe_text(text: &str) -> Option<LocalizedText> {
    let text = usable(text)?;
    let safe = if text.contains('<') { ammonia::clean(text) } else { text.to_owned() };
    usable(&safe).map(LocalizedText::from)
}

/// Address of the cover, otherwise of the first picture.
pub(crate) fn image(product: &Product) -> FirstWebUrl {
    let is_picture = |kind: &Option<String>| kind.as_deref().is_none_or(|kind| kind.starts_with("image/"));
    let pictures = || product.media.iter().filter(|media| is_picture(&media.kind));
    let covers = pictures().filter(|media| media.rel.as_deref() == Some("COVER"));
    let addresses = covers.chain(pictures()).map(|media| media.src.as_str());
    WebUrl::first(addresses.chain(product.cover_image_url.as_deref()), None)
}

/// Maps the units of an option; `None` if an id of the event cannot be part of a key.
pub(crate) fn ticket_types(offering: Offering<'_>, defaults: &SourceDefaults) -> Option<Vec<TicketType>> {
    let event = keys::event_key(&offering.product.id, &offering.option.id)?;
    let currency = defaults.currency_of(offering.product).filter(|_| offering.is_priced_per_ticket());
    let priced = |unit: &Unit| {
        let price = currency.and_then(|currency| price::lowest(&unit.pricing_from, currency)).map(Price::from_retail);
        ticket_type(&event, unit, price)
    };
    Some(offering.option.units.iter().filter_map(priced).collect())
}

fn ticket_type(event: &EventKey, unit: &Unit, price: Option<Price>) -> Option<TicketType> {
    let name = first_usable([&unit.title, &unit.internal_name]).unwrap_or(&unit.id);
    let limits = unit.restrictions.as_ref();
    Some(TicketType {
        key: keys::ticket_type_key(event, &unit.id)?,
        event: event.clone(),
        refs: refs([(UNIT_REF, Some(&unit.id)), (REFERENCE_REF, unit.reference.as_ref())]),
        name: name.into(),
        description: unit.short_description.as_deref().and_then(safe_text),
        audience: audience(unit.kind.as_deref().unwrap_or_default()),
        min_age: limits.and_then(|limits| limits.min_age),
        max_age: limits.and_then(|limits| limits.max_age),
        admits: limits.and_then(|limits| limits.pax_count).unwrap_or(1).max(1),
        section: None,
        price,
        min_per_order: limits.and_then(|limits| limits.min_quantity).filter(|least| *least > 0),
        max_per_order: limits.and_then(|limits| limits.max_quantity),
    })
}

fn audience(kind: &str) -> Audience {
    match kind {
        "ADULT" => Audience::Adult,
        "YOUTH" => Audience::Youth,
        "CHILD" => Audience::Child,
        "INFANT" => Audience::Infant,
        "FAMILY" => Audience::Family,
        "SENIOR" => Audience::Senior,
        "STUDENT" => Audience::Student,
        _ => Audience::Other,
    }
}
