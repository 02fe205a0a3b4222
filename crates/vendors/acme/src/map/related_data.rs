//! Data related to a template, in both directions: resources, related templates, add-ons, membership elements (`acme.md
//! §7.3`).

use serde_json::{Map, Value, json};

use crate::map::SourceDefaults;
use crate::map::authoring::merged;
use crate::wire::lenient;
use domain::authoring::{
    AddOn, DiscountLine, MemberDiscount, MembershipCategory, RelatedEvent, RelatedEvents, Relation, RequiredResource,
    Resource,
};
use domain::{EventKey, Money};

fn entries(list: &Value) -> impl Iterator<Item = &Value> {
    list.as_array().into_iter().flatten()
}

/// Parses an id, which is a string or a number.
fn id(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

fn text(value: &Value) -> Option<String> {
    value.as_str().filter(|text| !text.is_empty()).map(str::to_owned)
}

/// Parses a list of resources.
pub(crate) fn resources(list: &Value) -> Vec<Resource> {
    let resource = |one: &Value| {
        Some(Resource {
            id: id(&one["resourceTemplateId"])?,
            name: text(&one["resourceTemplateName"]),
            category: text(&one["resourceCategory"]),
            quantity: lenient::unsigned(&one["quantity"]),
        })
    };
    entries(list).filter_map(resource).collect()
}

/// Formats a resource; an existing one keeps its other fields.
pub(crate) fn resource_to_wire(line: &RequiredResource, previous: &Value) -> Value {
    let previous = entries(previous).find(|one| id(&one["resourceTemplateId"]).as_ref() == Some(&line.resource));
    let mut fields = Map::new();
    fields.insert("resourceTemplateId".to_owned(), line.resource.as_str().into());
    fields.insert("quantity".to_owned(), line.quantity.into());
    merged(previous, fields)
}

/// Returns the path segment of a relation and the key of its list.
pub(crate) fn relation_names(relation: Relation) -> (&'static str, &'static str) {
    match relation {
        Relation::Prerequisites => ("prerequisites", "requires"),
        Relation::Recommendations => ("recommendations", "recommendations"),
        Relation::Dependents => ("dependents", "dependents"),
    }
}

/// Parses the events of a relation.
pub(crate) fn related(relation: Relation, wire: &Value) -> RelatedEvents {
    let minutes = |length: &Value| {
        let part = |name: &str| lenient::unsigned(&length[name]);
        let (hours, minutes) = (part("hour"), part("minutes"));
        (hours.is_some() || minutes.is_some()).then(|| hours.unwrap_or(0).saturating_mul(60) + minutes.unwrap_or(0))
    };
    let event = |one: &Value| {
        Some(RelatedEvent {
            event: EventKey::new(id(&one["eventTemplateId"])?),
            min_minutes: minutes(&one["min"]),
            max_minutes: minutes(&one["max"]),
        })
    };
    let is_tagged = relation == Relation::Recommendations;
    RelatedEvents {
        operation: text(&wire["operation"]),
        events: entries(&wire[relation_names(relation).1]).filter_map(event).collect(),
        tags: is_tagged.then(|| entries(&wire["tags"]).filter_map(text).collect()),
    }
}

/// Formats a relation. `known` is its previous value: its operation, its tags and all fields that the domain does not
/// model are kept.
pub(crate) fn related_to_wire(relation: Relation, related: &RelatedEvents, previous: &Value) -> Value {
    let list = relation_names(relation).1;
    let length = |minutes: u32| json!({ "minutes": minutes });
    let event = |one: &RelatedEvent| {
        let previous =
            entries(&previous[list]).find(|entry| id(&entry["eventTemplateId"]).as_deref() == Some(one.event.as_str()));
        let mut fields = Map::new();
        fields.insert("eventTemplateId".to_owned(), one.event.as_str().into());
        for (name, minutes) in [("min", one.min_minutes), ("max", one.max_minutes)] {
            if let Some(minutes) = minutes {
                fields.insert(name.to_owned(), length(minutes));
            }
        }
        merged(previous, fields)
    };
    let mut fields = Map::new();
    fields.insert(list.to_owned(), related.events.iter().map(event).collect::<Vec<_>>().into());
    match relation {
        // The only operation that the vendor documents (`acme.md §7.3`).
        Relation::Prerequisites if previous["operation"].is_null() => {
            fields.insert("operation".to_owned(), "allOf".into());
        }
        Relation::Recommendations => {
            let tags = related.tags.as_ref().map_or_else(|| previous["tags"].clone(), |tags| json!(tags));
            fields.insert("tags".to_owned(), if tags.is_null() { json!([]) } else { tags });
        }
        _ => {}
    }
    merged(Some(previous), fields)
}

/// Parses the add-ons of a template, with or without the outer key (`acme.md §3.3`).
pub(crate) fn add_ons(wire: &Value, defaults: &SourceDefaults) -> Vec<AddOn> {
    let inner = unwrap_add_ons(wire);
    let full: Vec<AddOn> = entries(&inner["inventoryAddOns"]).filter_map(|one| add_on(one, defaults)).collect();
    if !full.is_empty() {
        return full;
    }
    entries(&inner["inventoryIds"]).filter_map(id).map(|id| AddOn { id, name: None, price: None }).collect()
}

fn unwrap_add_ons(wire: &Value) -> &Value {
    if wire["addOns"].is_null() { wire } else { &wire["addOns"] }
}

fn add_on(wire: &Value, defaults: &SourceDefaults) -> Option<AddOn> {
    let price = lenient::decimal(&wire["price"]).and_then(|price| Money::from_major(price, defaults.currency).ok());
    Some(AddOn { id: id(&wire["id"])?, name: text(&wire["name"]), price })
}

/// Formats a list of add-ons by id. Ids are numbers (`acme.md §8.4`); `None` if one is not.
pub(crate) fn add_ons_to_wire(ids: &[String]) -> Option<Value> {
    let numbers: Option<Vec<u64>> = ids.iter().map(|id| id.parse().ok()).collect();
    Some(json!({ "addOns": { "inventoryAddOns": [], "inventoryIds": numbers? } }))
}

/// Parses the membership categories that may buy.
pub(crate) fn restrictions(wire: &Value) -> Vec<MembershipCategory> {
    entries(&wire["restrictions"]).filter_map(category).collect()
}

fn category(wire: &Value) -> Option<MembershipCategory> {
    Some(MembershipCategory { id: id(&wire["id"])?, name: text(&wire["name"]) })
}

/// Parses a list of discounts.
pub(crate) fn discounts(list: &Value) -> Vec<MemberDiscount> {
    entries(list).filter_map(discount).collect()
}

/// Parses a discount.
pub(crate) fn discount(wire: &Value) -> Option<MemberDiscount> {
    Some(MemberDiscount {
        category: category(&wire["category"])?,
        discount: id(&wire["discount"]["id"]),
        discount_name: text(&wire["discount"]["name"]),
        max_tickets: lenient::unsigned(&wire["maxTickets"]),
    })
}

/// Formats the membership elements: objects that contain only ids (`acme.md §3.2 n`).
pub(crate) fn membership_to_wire(restrictions: &[String], discounts: &[DiscountLine]) -> Value {
    let named = |id: &String| json!({ "id": id });
    let discount = |line: &DiscountLine| json!({ "category": { "id": line.category }, "discount": line.discount.as_ref().map(named), "maxTickets": line.max_tickets });
    json!({
        "restrictions": restrictions.iter().map(named).collect::<Vec<_>>(),
        "discounts": discounts.iter().map(discount).collect::<Vec<_>>(),
    })
}

/// Formats a discount to be added, with flat ids (`acme.md §3.2 n`).
pub(crate) fn discount_to_wire(line: &DiscountLine) -> Value {
    json!({ "categoryId": line.category, "discountId": line.discount, "maxTickets": line.max_tickets })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_relation_that_is_replaced_keeps_its_operation_its_tags_and_unmodeled_fields() {
        let previous = json!({ "recommendations": [{ "eventTemplateId": "a", "min": { "minutes": 5 }, "note": "kept" }], "tags": ["family"] });
        let related = RelatedEvents {
            events: vec![
                RelatedEvent { event: EventKey::new("a"), min_minutes: None, max_minutes: Some(90) },
                RelatedEvent { event: EventKey::new("b"), min_minutes: Some(0), max_minutes: None },
            ],
            ..RelatedEvents::default()
        };
        assert_eq!(
            related_to_wire(Relation::Recommendations, &related, &previous),
            json!({ "recommendations": [
                { "eventTemplateId": "a", "min": { "minutes": 5 }, "max": { "minutes": 90 }, "note": "kept" },
                { "eventTemplateId": "b", "min": { "minutes": 0 } }], "tags": ["family"] })
        );
        let first = related_to_wire(Relation::Prerequisites, &RelatedEvents::default(), &Value::Null);
        assert_eq!(first, json!({ "operation": "allOf", "requires": [] }));
    }

    #[test]
    fn the_two_ways_to_write_a_discount_differ_as_the_vendor_has_it() {
        let line = DiscountLine { category: "gold".to_owned(), discount: None, max_tickets: Some(4) };
        assert_eq!(discount_to_wire(&line), json!({ "categoryId": "gold", "discountId": null, "maxTickets": 4 }));
        assert_eq!(
            membership_to_wire(&[], std::slice::from_ref(&line)),
            json!({ "restrictions": [], "discounts": [{ "category": { "id": "gold" }, "discount": null, "maxTickets": 4 }] })
        );
    }

    #[test]
    fn add_ons_are_numbers() {
        assert_eq!(
            add_ons_to_wire(&["310".to_owned()]),
            Some(json!({ "addOns": { "inventoryAddOns": [], "inventoryIds": [310] } }))
        );
        assert_eq!(add_ons_to_wire(&["map".to_owned()]), None);
    }
}
