//! Events and sections as they are edited: read field by field, changed, and written back with everything that we have no words for
//! (`ticketing.md §4.6`, `§4.7`, `§5.9`). What cannot be written is told as the part of the input that it is.

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::value::{RawValue, to_raw_value};

use crate::inferred;
use crate::map::{Terms, keys, time};
use crate::wire::{self, Fields};
use domain::Money;
use domain::authoring::{EventChange, NewEvent, NewSection, SectionChange};

/// The part of the input that is wrong, in our words.
type Wrong = String;

/// What a new event must name beside what every event has (`§4.6`).
const REQUIRED: [&str; 3] = ["venue", "category", "subcategory"];

/// Begin and end of an event, where they are told.
pub(crate) type Span = (Option<Timestamp>, Option<Timestamp>);

/// A new event, to be registered as a draft.
pub(crate) fn new_event(event: &NewEvent, terms: &Terms) -> Result<Fields, Wrong> {
    let mut fields = Fields::new();
    let description = event.description.as_ref().or(event.summary.as_ref()).unwrap_or(&event.title);
    put(&mut fields, "host", &terms.host);
    put(&mut fields, "title", &event.title);
    put(&mut fields, "description", description);
    put(&mut fields, "type", "Standard");
    put(&mut fields, "public", &!event.is_private);
    let (start, end) = span(event);
    put_date(&mut fields, "start", start, terms);
    put_date(&mut fields, "end", end, terms);
    for (name, text) in terms.new_events.iter().chain(&event.vendor_fields) {
        put_own(&mut fields, name, text)?;
    }
    match REQUIRED.into_iter().find(|name| !fields.contains_key(*name)) {
        Some(missing) => Err(own(missing)),
        None => Ok(fields),
    }
}

/// When a new event begins and ends.
pub(crate) fn span(event: &NewEvent) -> Span {
    let lasts = event.duration_minutes.map(|minutes| SignedDuration::from_mins(minutes.into()));
    let end = || event.starts_at.and_then(|start| start.checked_add(lasts?).ok());
    (event.starts_at, event.ends_at.or_else(end))
}

/// The parts of a new event that the vendor has no place for, each by its place in the input.
pub(crate) fn left_out(event: &NewEvent) -> Vec<Vec<String>> {
    let (start, end) = span(event);
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

/// Writes a change into an event as it was read; everything else stays.
pub(crate) fn changed_event(mut fields: Fields, change: &EventChange, terms: &Terms) -> Result<Fields, Wrong> {
    let without_place = [("summary", change.summary.is_some()), ("capacity", change.capacity.is_some())];
    if let Some((name, _)) = without_place.into_iter().find(|(_, is_there)| *is_there) {
        return Err(name.to_owned());
    }
    let start = change.starts_at.or_else(|| time::instant(text(&fields, "start").as_deref(), &terms.zone));
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
    keep_what_is_written(&mut fields, inferred::EVENT_IS_TOLD);
    for name in ["venue", "category"] {
        let place = take::<wire::Place>(&mut fields, name).and_then(|place| place.0);
        if let Some(uri) = place {
            put(&mut fields, name, &uri);
        }
    }
    if let Some(name) = take::<wire::Label>(&mut fields, "subcategory").and_then(|label| label.0) {
        put(&mut fields, "subcategory", &name);
    }
    put_text(&mut fields, "title", change.title.as_ref());
    put_text(&mut fields, "description", change.description.as_ref());
    put_date(&mut fields, "start", change.starts_at, terms);
    put_date(&mut fields, "end", end, terms);
    for (name, text) in &change.vendor_fields {
        put_own(&mut fields, name, text)?;
    }
    Ok(fields)
}

/// The status that an event was read with.
pub(crate) fn status(fields: &Fields) -> String {
    text(fields, "status").unwrap_or_default()
}

/// Tickets of an event that are sold or reserved; what a weak key is not told counts as none.
pub(crate) fn taken_of_event(fields: &Fields) -> i64 {
    let sections: Vec<wire::Section> = read(fields, "sections").unwrap_or_default();
    let each = sections.iter().map(|section| count(section.sold) + count(section.reserved));
    each.fold(0, i64::saturating_add)
}

/// Tickets of a section that are sold or reserved.
pub(crate) fn taken_of_section(fields: &Fields) -> i64 {
    count(read(fields, "sold")).saturating_add(count(read(fields, "reserved")))
}

fn count(told: Option<wire::Count>) -> i64 {
    told.map_or(0, |count| count.0)
}

/// A new section. It is sold from now on until its event is over, unless something else is wished.
pub(crate) fn new_section(
    section: &NewSection,
    (start, end): Span,
    now: Timestamp,
    terms: &Terms,
) -> Result<Fields, Wrong> {
    let sales_end = section.sales_end.or(end).or(start).ok_or("salesEnd")?;
    let price = section.price.unwrap_or(Money::zero(terms.currency));
    let mut fields = Fields::new();
    put(&mut fields, "name", &section.name);
    put(&mut fields, "capacity", &section.capacity);
    put_price(&mut fields, price, terms)?;
    put_date(&mut fields, "salesStart", Some(section.sales_start.unwrap_or(now)), terms);
    put_date(&mut fields, "salesEnd", Some(sales_end), terms);
    Ok(fields)
}

/// Begin and end of an event that was read.
pub(crate) fn span_of(fields: &Fields, terms: &Terms) -> Span {
    let date = |name| time::instant(text(fields, name).as_deref(), &terms.zone);
    (date("start"), date("end"))
}

/// Writes a change into a section as it was read; everything else stays.
pub(crate) fn changed_section(mut fields: Fields, change: &SectionChange, terms: &Terms) -> Result<Fields, Wrong> {
    if change.capacity.is_some_and(|places| i64::from(places) < taken_of_section(&fields)) {
        return Err("capacity".to_owned());
    }
    let base = read::<wire::SectionPrice>(&fields, "price").and_then(|price| price.base);
    keep_what_is_written(&mut fields, inferred::SECTION_IS_TOLD);
    match (change.price, base) {
        (Some(price), _) => put_price(&mut fields, price, terms)?,
        (None, Some(base)) => put_number(&mut fields, "basePrice", base.0),
        (None, None) => {}
    }
    put_text(&mut fields, "name", change.name.as_ref());
    if let Some(places) = change.capacity {
        put(&mut fields, "capacity", &places);
    }
    put_date(&mut fields, "salesStart", change.sales_start, terms);
    put_date(&mut fields, "salesEnd", change.sales_end, terms);
    Ok(fields)
}

/// The place in the input of a field that only the vendor knows.
fn own(name: &str) -> Wrong {
    format!("vendorFields.{name}")
}

/// A field by the vendor's name. What the vendor tells of itself is not written: its status among it, so that nothing published is
/// ever taken back.
fn put_own(fields: &mut Fields, name: &str, text: &str) -> Result<(), Wrong> {
    if inferred::EVENT_IS_TOLD.contains(&name) {
        return Err(own(name));
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
    let id = keys::tail(text).ok_or_else(|| own(name))?;
    put(fields, name, &format!("/{collection}/{id}"));
    Ok(())
}

/// Leaves what can be written; what is null is not there.
fn keep_what_is_written(fields: &mut Fields, told: &[&str]) {
    fields.retain(|name, value| !told.contains(&name.as_str()) && value.get() != "null");
}

fn read<T: DeserializeOwned>(fields: &Fields, name: &str) -> Option<T> {
    serde_json::from_str(fields.get(name)?.get()).ok()
}

fn take<T: DeserializeOwned>(fields: &mut Fields, name: &str) -> Option<T> {
    serde_json::from_str(fields.remove(name)?.get()).ok()
}

fn text(fields: &Fields, name: &str) -> Option<String> {
    read(fields, name)
}

fn put<T: Serialize + ?Sized>(fields: &mut Fields, name: &str, value: &T) {
    // Text, numbers and switches can always be written.
    fields.extend(to_raw_value(value).ok().map(|value| (name.to_owned(), value)));
}

fn put_text(fields: &mut Fields, name: &str, value: Option<&String>) {
    if let Some(value) = value {
        put(fields, name, value);
    }
}

fn put_date(fields: &mut Fields, name: &str, at: Option<Timestamp>, terms: &Terms) {
    if let Some(at) = at {
        put(fields, name, &time::written(at, &terms.zone));
    }
}

/// Amounts are numbers in major units (`§3.4`), written from their digits, never through a float.
fn put_price(fields: &mut Fields, price: Money, terms: &Terms) -> Result<(), Wrong> {
    if price.currency != terms.currency {
        return Err("price".to_owned());
    }
    put_number(fields, "basePrice", price.to_major());
    Ok(())
}

fn put_number(fields: &mut Fields, name: &str, number: rust_decimal::Decimal) {
    let digits = RawValue::from_string(number.normalize().to_string()).ok();
    fields.extend(digits.map(|digits| (name.to_owned(), digits)));
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::tests::terms;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("an instant")
    }

    fn shown(fields: Result<Fields, Wrong>) -> Value {
        serde_json::to_value(fields.expect("fields")).expect("JSON")
    }

    fn fields(value: &Value) -> Fields {
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
        let told = json!({ "host": "17301149984410", "title": "Gala", "description": "Gala", "type": "Standard", "public": true,
            "venue": "/venues/17", "category": "/categories/18", "subcategory": "Gala", "tags": ["quay"],
            "start": "2034-06-07T20:00", "end": "2034-06-07T23:00" });
        assert_eq!(shown(new_event(&gala(), &terms())), told);
        let mut bare = gala();
        bare.vendor_fields.remove("venue");
        assert_eq!(new_event(&bare, &terms()).expect_err("no venue"), "vendorFields.venue");
        let configured = Terms { new_events: [("venue".to_owned(), "19".to_owned())].into(), ..terms() };
        assert_eq!(shown(new_event(&bare, &configured))["venue"], "/venues/19");
        assert_eq!(shown(new_event(&gala(), &configured))["venue"], "/venues/17", "the client's word is stronger");
        bare.vendor_fields.insert("status".to_owned(), "Scheduled".to_owned());
        assert_eq!(new_event(&bare, &configured).expect_err("a status"), "vendorFields.status");
    }

    #[test]
    fn what_has_no_place_is_left_out_by_name() {
        assert_eq!(left_out(&gala()), Vec::<Vec<String>>::new());
        let more = NewEvent { capacity: Some(10), ends_at: gala().starts_at, ..gala() };
        assert_eq!(left_out(&more), [["durationMinutes"], ["capacity"]]);
    }

    #[test]
    fn a_change_keeps_what_it_does_not_name_and_what_we_have_no_words_for() {
        let told = fields(
            &json!({ "self": "/events/1", "title": "Old", "description": "Words", "type": "Standard", "public": true,
            "status": "Draft", "published": "", "popularity": 3, "banner": "https://x/1", "thumbnail": "https://x/2", "sections": [],
            "venue": { "self": "/venues/17", "name": "Quay" }, "category": { "self": "/categories/18" },
            "subcategory": { "self": "/categories/19", "name": "Gala" }, "start": "2034-06-07T20:00", "end": "2034-06-07T23:00",
            "disclaimer": null, "tags": ["quay"], "dressCode": { "of": "the vendor", "fee": 0.10 } }),
        );
        let change =
            EventChange { title: Some("New".to_owned()), duration_minutes: Some(60), ..EventChange::default() };
        let written = changed_event(told.clone(), &change, &terms()).expect("fields");
        assert_eq!(written["dressCode"].get(), told["dressCode"].get(), "to the last digit");
        let expected = json!({ "title": "New", "description": "Words", "type": "Standard", "public": true, "venue": "/venues/17",
            "category": "/categories/18", "subcategory": "Gala", "start": "2034-06-07T20:00", "end": "2034-06-07T21:00",
            "tags": ["quay"], "dressCode": { "of": "the vendor", "fee": 0.10 } });
        assert_eq!(shown(Ok(written)), expected);
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
            assert_eq!(changed_event(told.clone(), &change, &terms()).expect_err(wrong), wrong);
        }
    }

    #[test]
    fn a_section_is_written_with_its_base_price_and_never_below_what_was_sold() {
        let told = fields(&json!({ "self": "/events/1/sections/2", "name": "Quay", "description": "", "capacity": 50,
            "price": { "base": 299.9, "current": 250, "expires": null }, "salesStart": "2034-01-01T00:00",
            "salesEnd": "2034-06-07T20:00", "active": true, "sold": "7", "reserved": 1, "remaining": 42, "artwork": "a" }));
        let change = |capacity| SectionChange { capacity: Some(capacity), ..SectionChange::default() };
        let expected = json!({ "name": "Quay", "description": "", "capacity": 8, "basePrice": 299.9, "artwork": "a",
            "salesStart": "2034-01-01T00:00", "salesEnd": "2034-06-07T20:00" });
        assert_eq!(shown(changed_section(told.clone(), &change(8), &terms())), expected);
        assert_eq!(changed_section(told.clone(), &change(7), &terms()).expect_err("sold"), "capacity");
        let dear =
            SectionChange { price: Some(Money::new(5, "EUR".parse().expect("one"))), ..SectionChange::default() };
        assert_eq!(changed_section(told, &dear, &terms()).expect_err("another currency"), "price");
    }

    #[test]
    fn a_new_section_is_sold_until_its_event_is_over() {
        let section = NewSection {
            name: "Deck".to_owned(),
            capacity: 20,
            price: Some(Money::new(12_050, terms().currency)),
            sales_start: None,
            sales_end: None,
        };
        let now = at("2034-06-01T12:00:00Z");
        let told = shown(new_section(&section, span(&gala()), now, &terms()));
        let expected = json!({ "name": "Deck", "capacity": 20, "basePrice": 120.5, "salesStart": "2034-06-01T08:00",
            "salesEnd": "2034-06-07T23:00" });
        assert_eq!(told, expected);
        assert_eq!(new_section(&section, (None, None), now, &terms()).expect_err("no end"), "salesEnd");
    }
}
