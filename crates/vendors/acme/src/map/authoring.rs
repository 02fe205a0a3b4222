//! Templates for editing: kept as JSON values, changed, and written back with all fields that the domain does not
//! model.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::map::{SourceDefaults, schedules};
use domain::authoring::{EventChange, NewEvent};

/// Fields that have an operation of their own, or that are read-only.
const READ_ONLY_FIELDS: &[&str] = &[
    "id",
    "reviewState",
    "soldQuantity",
    "schedules",
    "prerequisites",
    "recommendations",
    "dependents",
    "addOns",
    "membership",
    "resources",
];

/// Returns the first field that cannot be written by its vendor name. `reviewState` is one of them, because a
/// publication is irreversible (`acme.md §8.5`).
pub(crate) fn read_only_field<'a>(fields: impl IntoIterator<Item = &'a String>) -> Option<&'a String> {
    fields.into_iter().find(|name| READ_ONLY_FIELDS.contains(&name.as_str()))
}

/// Formats an instant as ISO 8601 with the tenant's offset.
pub(crate) fn to_iso_8601(at: Timestamp, defaults: &SourceDefaults) -> String {
    let offset = defaults.time_zone.to_offset(at);
    at.display_with_offset(offset).to_string()
}

/// Formats a duration (`acme.md §7.1`); `hour` is singular on the wire.
pub(crate) fn to_duration(minutes: u32) -> Value {
    json!({ "hour": minutes / 60, "minutes": minutes % 60 })
}

/// Builds a new template, without an id. A description is required (`acme.md §7.1`); it defaults to the summary or the
/// title.
pub(crate) fn new_template(event: &NewEvent, defaults: &SourceDefaults) -> Value {
    let description = event.description.as_ref().or(event.summary.as_ref()).unwrap_or(&event.title);
    let mut template = json!({
        "name": event.title, "description": description, "type": if event.is_private { "private" } else { "standard" },
    });
    let change = EventChange {
        title: None,
        summary: event.summary.clone(),
        description: None,
        duration_minutes: event.duration_minutes,
        capacity: event.capacity,
        starts_at: event.starts_at,
        ends_at: event.ends_at,
        vendor_fields: event.vendor_fields.clone(),
    };
    change_template(&mut template, &change, defaults);
    if !event.schedules.is_empty() {
        let schedules: Vec<Value> =
            event.schedules.iter().map(|schedule| schedules::schedule_to_wire(schedule, None, defaults)).collect();
        template["schedules"] = schedules.into();
    }
    template
}

/// Applies a change to a template; all other fields stay as they were read.
pub(crate) fn change_template(template: &mut Value, change: &EventChange, defaults: &SourceDefaults) {
    let Some(fields) = template.as_object_mut() else { return };
    let mut set = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            fields.insert(name.to_owned(), value);
        }
    };
    set("name", change.title.as_deref().map(Value::from));
    set("shortDescription", change.summary.as_deref().map(Value::from));
    set("description", change.description.as_deref().map(Value::from));
    set("duration", change.duration_minutes.map(to_duration));
    set("capacity", change.capacity.map(Value::from));
    set("startTime", change.starts_at.map(|at| to_iso_8601(at, defaults).into()));
    set("endTime", change.ends_at.map(|at| to_iso_8601(at, defaults).into()));
    for (name, text) in &change.vendor_fields {
        set(name, Some(parse_field_value(text)));
    }
}

/// Parses the text of a vendor field: JSON if it is valid JSON, otherwise a string.
fn parse_field_value(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| Value::from(text))
}

/// Merges the fields of `over` into those of `known`; fields that only `known` has are kept.
pub(crate) fn merged(previous: Option<&Value>, over: Map<String, Value>) -> Value {
    let mut whole = previous.and_then(Value::as_object).cloned().unwrap_or_default();
    whole.extend(over);
    whole.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn defaults() -> SourceDefaults {
        SourceDefaults {
            time_zone: jiff::tz::TimeZone::get("America/New_York").expect("a zone"),
            currency: "USD".parse().expect("a currency"),
            base_url: "https://api.acme.example".parse().expect("a URL"),
            facts: crate::settings::Facts::with(""),
        }
    }

    #[test]
    fn a_change_keeps_what_it_does_not_name_and_unmodeled_fields() {
        let mut template =
            json!({ "id": "t1", "name": "Old", "capacity": 20, "ruleSets": [{ "of": "the vendor" }], "endTime": null });
        let change = EventChange {
            title: Some("New".to_owned()),
            duration_minutes: Some(75),
            starts_at: Some("2031-06-01T04:00:00Z".parse().expect("an instant")),
            vendor_fields: [("stars".to_owned(), "4".to_owned()), ("note".to_owned(), "hello".to_owned())].into(),
            ..EventChange::default()
        };
        change_template(&mut template, &change, &defaults());
        assert_eq!(
            template,
            json!({ "id": "t1", "name": "New", "capacity": 20, "ruleSets": [{ "of": "the vendor" }], "endTime": null,
                "duration": { "hour": 1, "minutes": 15 }, "startTime": "2031-06-01T00:00:00-04:00", "stars": 4, "note": "hello" })
        );
    }

    #[test]
    fn a_field_with_its_own_operation_cannot_be_written() {
        let fields = ["stars".to_owned(), "reviewState".to_owned()];
        assert_eq!(read_only_field(&fields).map(String::as_str), Some("reviewState"));
        assert_eq!(read_only_field(&fields[..1]), None);
    }
}
