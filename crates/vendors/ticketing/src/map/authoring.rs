//! Events and sections for editing: read as raw fields, changed, and written back with all fields that the domain does
//! not model (`ticketing.md §4.6`, `§4.7`, `§5.9`). Errors name the input field that cannot be written.

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::value::{RawValue, to_raw_value};

use crate::assumptions;
use crate::map::{SourceDefaults, keys, time};
use crate::wire::{self, RawFields};
use domain::Money;
use domain::authoring::{EventChange, NewEvent, NewSection, SectionChange};

/// Path of the invalid input field, in domain names.
type InvalidField = String;

/// Fields that a new event requires beyond the common ones (`§4.6`).
const REQUIRED_FIELDS: [&str; 3] = ["venue", "category", "subcategory"];

/// Start and end of an event, if they are set.
pub(crate) type EventSpan = (Option<Timestamp>, Option<Timestamp>);

/// Builds a new event, to be registered as a draft.
pub(crate) fn new_event(event: &NewEvent, defaults: &SourceDefaults) -> Result<RawFields, InvalidField> {
    let mut fields = RawFields::new();
    let description = event.description.as_ref().or(event.summary.as_ref()).unwrap_or(&event.title);
    put(&mut fields, "host", &defaults.host);
    put(&mut fields, "title", &event.title);
    put(&mut fields, "description", description);
    put(&mut fields, "type", "Standard");
    put(&mut fields, "public", &!event.is_private);
    let (start, end) = event_span(event);
    put_date(&mut fields, "start", start, defaults);
    put_date(&mut fields, "end", end, defaults);
    for (name, text) in defaults.new_event_fields.iter().chain(&event.vendor_fields) {
        put_vendor_field(&mut fields, name, text)?;
    }
    match REQUIRED_FIELDS.into_iter().find(|name| !fields.contains_key(*name)) {
        Some(missing) => Err(vendor_field_path(missing)),
        None => Ok(fields),
    }
}

/// Start and end of a new event.
pub(crate) fn event_span(event: &NewEvent) -> EventSpan {
    let lasts = event.duration_minutes.map(|minutes| SignedDuration::from_mins(minutes.into()));
    let end = || event.starts_at.and_then(|start| start.checked_add(lasts?).ok());
    (event.starts_at, event.ends_at.or_else(end))
}

/// Paths of the input fields of a new event that the vendor cannot store.
pub(crate) fn unsupported_parts(event: &NewEvent) -> Vec<Vec<String>> {
    let (start, end) = event_span(event);
    let lasts = start.zip(end).map(|(start, end)| end.duration_since(start));
    let wanted = event.duration_minutes.map(|minutes| SignedDuration::from_mins(minutes.into()));
    let places = event.sections.iter().map(|section| section.capacity).fold(0, u32::saturating_add);
    let parts = [
        ("summary", event.summary.is_some() && event.description.is_some()),
        ("durationMinutes", wanted.is_some() && wanted != lasts),
        ("capacity", event.capacity.is_some_and(|wanted| wanted != places)),
    ];
    let parts = parts.into_iter().filter(|(_, is_left)| *is_left).map(|(name, _)| vec![name.to_owned()]);
    let schedules = (0..event.schedules.len()).map(|at| vec!["schedules".to_owned(), at.to_string()]);
    parts.chain(schedules).collect()
}

/// Applies a change to an event as it was read; all other fields are kept.
pub(crate) fn changed_event(
    mut fields: RawFields,
    change: &EventChange,
    defaults: &SourceDefaults,
) -> Result<RawFields, InvalidField> {
    let without_place = [("summary", change.summary.is_some()), ("capacity", change.capacity.is_some())];
    if let Some((name, _)) = without_place.into_iter().find(|(_, is_there)| *is_there) {
        return Err(name.to_owned());
    }
    let start =
        change.starts_at.or_else(|| time::parse_instant(text_field(&fields, "start").as_deref(), &defaults.time_zone));
    let end = match change.duration_minutes {
        None => change.ends_at,
        Some(minutes) => {
            let end = start.and_then(|start| start.checked_add(SignedDuration::from_mins(minutes.into())).ok());
            let end = end.ok_or("durationMinutes")?;
            if change.ends_at.is_some_and(|wanted| wanted != end) {
                return Err("durationMinutes".to_owned());
            }
            Some(end)
        }
    };
    retain_writable(&mut fields, assumptions::READ_ONLY_EVENT_FIELDS);
    for name in ["venue", "category"] {
        let place = take_field::<wire::Reference>(&mut fields, name).and_then(|place| place.0);
        if let Some(uri) = place {
            put(&mut fields, name, &uri);
        }
    }
    if let Some(name) = take_field::<wire::NameField>(&mut fields, "subcategory").and_then(|label| label.0) {
        put(&mut fields, "subcategory", &name);
    }
    put_text(&mut fields, "title", change.title.as_ref());
    put_text(&mut fields, "description", change.description.as_ref());
    put_date(&mut fields, "start", change.starts_at, defaults);
    put_date(&mut fields, "end", end, defaults);
    for (name, text) in &change.vendor_fields {
        put_vendor_field(&mut fields, name, text)?;
    }
    Ok(fields)
}

/// Status of an event as it was read.
pub(crate) fn status(fields: &RawFields) -> String {
    text_field(fields, "status").unwrap_or_default()
}

/// Sold and reserved tickets of an event; counts that a weak key does not see are zero.
pub(crate) fn allocated_in_event(fields: &RawFields) -> i64 {
    let sections: Vec<wire::Section> = read_field(fields, "sections").unwrap_or_default();
    let each = sections.iter().map(|section| count_or_zero(section.sold) + count_or_zero(section.reserved));
    each.fold(0, i64::saturating_add)
}

/// Sold and reserved tickets of a section.
pub(crate) fn allocated_in_section(fields: &RawFields) -> i64 {
    count_or_zero(read_field(fields, "sold")).saturating_add(count_or_zero(read_field(fields, "reserved")))
}

/// Sold and reserved tickets of a section, also as the difference of its capacity and its remaining tickets; `None` if it shows
/// neither.
pub(crate) fn known_allocation(fields: &RawFields) -> Option<i64> {
    let count = |name| read_field::<wire::Count>(fields, name).map(|count| count.0);
    let counted = count("sold").map(|sold| sold.saturating_add(count("reserved").unwrap_or(0)));
    let derived = count("capacity").zip(count("remaining")).map(|(capacity, left)| capacity.saturating_sub(left));
    counted.max(derived)
}

fn count_or_zero(count: Option<wire::Count>) -> i64 {
    count.map_or(0, |count| count.0)
}

/// Builds a new section. By default it is sold from now until its event ends.
pub(crate) fn new_section(
    section: &NewSection,
    (start, end): EventSpan,
    now: Timestamp,
    defaults: &SourceDefaults,
) -> Result<RawFields, InvalidField> {
    let sales_end = section.sales_end.or(end).or(start).ok_or("salesEnd")?;
    let price = section.price.unwrap_or(Money::zero(defaults.currency));
    let mut fields = RawFields::new();
    put(&mut fields, "name", &section.name);
    put(&mut fields, "capacity", &section.capacity);
    put_price(&mut fields, price, defaults)?;
    put_date(&mut fields, "salesStart", Some(section.sales_start.unwrap_or(now)), defaults);
    put_date(&mut fields, "salesEnd", Some(sales_end), defaults);
    Ok(fields)
}

/// Start and end of an event as it was read.
pub(crate) fn span_from_fields(fields: &RawFields, defaults: &SourceDefaults) -> EventSpan {
    let date = |name| time::parse_instant(text_field(fields, name).as_deref(), &defaults.time_zone);
    (date("start"), date("end"))
}

/// Applies a change to a section as it was read; all other fields are kept.
pub(crate) fn changed_section(
    mut fields: RawFields,
    change: &SectionChange,
    defaults: &SourceDefaults,
) -> Result<RawFields, InvalidField> {
    if change.capacity.is_some_and(|places| i64::from(places) < allocated_in_section(&fields)) {
        return Err("capacity".to_owned());
    }
    let base = read_field::<wire::SectionPrice>(&fields, "price").and_then(|price| price.base);
    retain_writable(&mut fields, assumptions::READ_ONLY_SECTION_FIELDS);
    match (change.price, base) {
        (Some(price), _) => put_price(&mut fields, price, defaults)?,
        (None, Some(base)) => put_number(&mut fields, "basePrice", base.0),
        (None, None) => {}
    }
    put_text(&mut fields, "name", change.name.as_ref());
    if let Some(places) = change.capacity {
        put(&mut fields, "capacity", &places);
    }
    put_date(&mut fields, "salesStart", change.sales_start, defaults);
    put_date(&mut fields, "salesEnd", change.sales_end, defaults);
    Ok(fields)
}

/// Input path of a vendor field.
fn vendor_field_path(name: &str) -> InvalidField {
    format!("vendorFields.{name}")
}

/// Sets a field by its vendor name. Read-only fields are rejected; `status` is one of them, so that nothing published
/// is ever unpublished.
fn put_vendor_field(fields: &mut RawFields, name: &str, text: &str) -> Result<(), InvalidField> {
    if assumptions::READ_ONLY_EVENT_FIELDS.contains(&name) {
        return Err(vendor_field_path(name));
    }
    let collection = match name {
        "venue" => "venues",
        "category" => "categories",
        _ => {
            let value = RawValue::from_string(text.to_owned()).ok().or_else(|| to_raw_value(text).ok());
            fields.extend(value.map(|value| (name.to_owned(), value)));
            return Ok(());
        }
    };
    let id = keys::id_from_uri(text).ok_or_else(|| vendor_field_path(name))?;
    put(fields, name, &format!("/{collection}/{id}"));
    Ok(())
}

/// Retains the writable fields; null fields are removed.
fn retain_writable(fields: &mut RawFields, read_only: &[&str]) {
    fields.retain(|name, value| !read_only.contains(&name.as_str()) && value.get() != "null");
}

fn read_field<T: DeserializeOwned>(fields: &RawFields, name: &str) -> Option<T> {
    serde_json::from_str(fields.get(name)?.get()).ok()
}

fn take_field<T: DeserializeOwned>(fields: &mut RawFields, name: &str) -> Option<T> {
    serde_json::from_str(fields.remove(name)?.get()).ok()
}

fn text_field(fields: &RawFields, name: &str) -> Option<String> {
    read_field(fields, name)
}

fn put<T: Serialize + ?Sized>(fields: &mut RawFields, name: &str, value: &T) {
    // Strings, numbers and booleans always serialize.
    fields.extend(to_raw_value(value).ok().map(|value| (name.to_owned(), value)));
}

fn put_text(fields: &mut RawFields, name: &str, value: Option<&String>) {
    if let Some(value) = value {
        put(fields, name, value);
    }
}

fn put_date(fields: &mut RawFields, name: &str, at: Option<Timestamp>, defaults: &SourceDefaults) {
    if let Some(at) = at {
        put(fields, name, &time::format_local(at, &defaults.time_zone));
    }
}

/// Amounts are numbers in major units (`§3.4`), formatted from their digits, never through a float.
fn put_price(fields: &mut RawFields, price: Money, defaults: &SourceDefaults) -> Result<(), InvalidField> {
    if price.currency != defaults.currency {
        return Err("price".to_owned());
    }
    put_number(fields, "basePrice", price.to_major());
    Ok(())
}

fn put_number(fields: &mut RawFields, name: &str, number: rust_decimal::Decimal) {
    let digits = RawValue::from_string(number.normalize().to_string()).ok();
    fields.extend(digits.map(|digits| (name.to_owned(), digits)));
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::tests::defaults;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("an instant")
    }

    fn to_json(fields: Result<RawFields, InvalidField>) -> Value {
        serde_json::to_value(fields.expect("fields")).expect("JSON")
    }

    fn fields(value: &Value) -> RawFields {
        serde_json::from_value(value.clone()).expect("fields")
    }

    fn gala() -> NewEvent {
        let vendor_fields =
            [("venue", "17"), ("category", "/categories/18"), ("subcategory", "Gala"), ("tags", "[\"quay\"]")];
        NewEvent {
            title: "Gala".to_owned(),
            starts_at: Some(at("2034-06-08T00:00:00Z")),
            duration_minutes: Some(180),
            vendor_fields: vendor_fields.map(|(name, text)| (name.to_owned(), text.to_owned())).into(),
            ..NewEvent::default()
        }
    }

    #[test]
    fn a_new_event_names_its_host_bare_and_its_places_by_uri() {
        let expected = json!({ "host": "17301149984410", "title": "Gala", "description": "Gala", "type": "Standard", "public": true,
            "venue": "/venues/17", "category": "/categories/18", "subcategory": "Gala", "tags": ["quay"],
            "start": "2034-06-07T20:00", "end": "2034-06-07T23:00" });
        assert_eq!(to_json(new_event(&gala(), &defaults())), expected);
        let mut bare = gala();
        bare.vendor_fields.remove("venue");
        assert_eq!(new_event(&bare, &defaults()).expect_err("no venue"), "vendorFields.venue");
        let configured =
            SourceDefaults { new_event_fields: [("venue".to_owned(), "19".to_owned())].into(), ..defaults() };
        assert_eq!(to_json(new_event(&bare, &configured))["venue"], "/venues/19");
        assert_eq!(
            to_json(new_event(&gala(), &configured))["venue"],
            "/venues/17",
            "the client's value takes precedence"
        );
        bare.vendor_fields.insert("status".to_owned(), "Scheduled".to_owned());
        assert_eq!(new_event(&bare, &configured).expect_err("a status"), "vendorFields.status");
    }

    #[test]
    fn unsupported_input_is_reported_by_name() {
        assert_eq!(unsupported_parts(&gala()), Vec::<Vec<String>>::new());
        let more = NewEvent { capacity: Some(10), ends_at: gala().starts_at, ..gala() };
        assert_eq!(unsupported_parts(&more), [["durationMinutes"], ["capacity"]]);
    }

    #[test]
    fn a_change_keeps_what_it_does_not_name_and_unmodeled_fields() {
        let original = fields(
            &json!({ "self": "/events/1", "title": "Old", "description": "Words", "type": "Standard", "public": true,
            "status": "Draft", "published": "", "popularity": 3, "banner": "https://x/1", "thumbnail": "https://x/2", "sections": [],
            "venue": { "self": "/venues/17", "name": "Quay" }, "category": { "self": "/categories/18" },
            "subcategory": { "self": "/categories/19", "name": "Gala" }, "start": "2034-06-07T20:00", "end": "2034-06-07T23:00",
            "disclaimer": null, "tags": ["quay"], "dressCode": { "of": "the vendor", "fee": 0.10 } }),
        );
        let change =
            EventChange { title: Some("New".to_owned()), duration_minutes: Some(60), ..EventChange::default() };
        let written = changed_event(original.clone(), &change, &defaults()).expect("fields");
        assert_eq!(written["dressCode"].get(), original["dressCode"].get(), "to the last digit");
        let expected = json!({ "title": "New", "description": "Words", "type": "Standard", "public": true, "venue": "/venues/17",
            "category": "/categories/18", "subcategory": "Gala", "start": "2034-06-07T20:00", "end": "2034-06-07T21:00",
            "tags": ["quay"], "dressCode": { "of": "the vendor", "fee": 0.10 } });
        assert_eq!(to_json(Ok(written)), expected);
        for (change, wrong) in [
            (EventChange { capacity: Some(1), ..EventChange::default() }, "capacity"),
            (EventChange { summary: Some("S".to_owned()), ..EventChange::default() }, "summary"),
            (
                EventChange {
                    vendor_fields: [("published".to_owned(), String::new())].into(),
                    ..EventChange::default()
                },
                "vendorFields.published",
            ),
        ] {
            assert_eq!(changed_event(original.clone(), &change, &defaults()).expect_err(wrong), wrong);
        }
    }

    #[test]
    fn a_section_is_written_with_its_base_price_and_never_below_what_was_sold() {
        let original = fields(
            &json!({ "self": "/events/1/sections/2", "name": "Quay", "description": "", "capacity": 50,
            "price": { "base": 299.9, "current": 250, "expires": null }, "salesStart": "2034-01-01T00:00",
            "salesEnd": "2034-06-07T20:00", "active": true, "sold": "7", "reserved": 1, "remaining": 42, "artwork": "a" }),
        );
        let change = |capacity| SectionChange { capacity: Some(capacity), ..SectionChange::default() };
        let expected = json!({ "name": "Quay", "description": "", "capacity": 8, "basePrice": 299.9, "artwork": "a",
            "salesStart": "2034-01-01T00:00", "salesEnd": "2034-06-07T20:00" });
        assert_eq!(to_json(changed_section(original.clone(), &change(8), &defaults())), expected);
        assert_eq!(changed_section(original.clone(), &change(7), &defaults()).expect_err("sold"), "capacity");
        let dear =
            SectionChange { price: Some(Money::new(5, "EUR".parse().expect("one"))), ..SectionChange::default() };
        assert_eq!(changed_section(original, &dear, &defaults()).expect_err("another currency"), "price");
    }

    #[test]
    fn a_new_section_is_sold_until_its_event_is_over() {
        let section = NewSection {
            name: "Deck".to_owned(),
            capacity: 20,
            price: Some(Money::new(12_050, defaults().currency)),
            sales_start: None,
            sales_end: None,
        };
        let now = at("2034-06-01T12:00:00Z");
        let written = to_json(new_section(&section, event_span(&gala()), now, &defaults()));
        let expected = json!({ "name": "Deck", "capacity": 20, "basePrice": 120.5, "salesStart": "2034-06-01T08:00",
            "salesEnd": "2034-06-07T23:00" });
        assert_eq!(written, expected);
        assert_eq!(new_section(&section, (None, None), now, &defaults()).expect_err("no end"), "salesEnd");
    }
}
