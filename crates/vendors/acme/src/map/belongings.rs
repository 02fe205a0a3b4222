//! What belongs to a template, in both directions: resources, related templates, add-ons, membership elements (`acme.md §7.3`).

use serde_json::{Map, Value, json};

use crate::map::Venue;
use crate::map::authoring::overlaid;
use crate::wire::lenient;
use domain::authoring::{
    AddOn, DiscountLine, MemberDiscount, MembershipCategory, Related, RelatedEvent, Relation, Resource, ResourceLine,
};
use domain::{EventKey, Money};

fn entries(list: &Value) -> impl Iterator<Item = &Value> {
    list.as_array().into_iter().flatten()
}

/// An id, text or number.
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

/// The resources of a list.
pub(crate) fn resources(list: &Value) -> Vec<Resource> {
    let resource = |one: &Value| {
        Some(Resource {
            id: id(&one["resourceTemplateId"])?,
            name: text(&one["resourceTemplateName"]),
            category: text(&one["resourceCategory"]),
            quantity: lenient::whole(&one["quantity"]),
        })
    };
    entries(list).filter_map(resource).collect()
}

/// A resource as it is written; one that was there keeps its other fields.
pub(crate) fn resource(line: &ResourceLine, known: &Value) -> Value {
    let known = entries(known).find(|one| id(&one["resourceTemplateId"]).as_ref() == Some(&line.resource));
    let mut fields = Map::new();
    fields.insert("resourceTemplateId".to_owned(), line.resource.as_str().into());
    fields.insert("quantity".to_owned(), line.quantity.into());
    overlaid(known, fields)
}

/// The word of a relation in paths, and the key of its list.
pub(crate) fn words(relation: Relation) -> (&'static str, &'static str) {
    match relation {
        Relation::Prerequisites => ("prerequisites", "requires"),
        Relation::Recommendations => ("recommendations", "recommendations"),
        Relation::Dependents => ("dependents", "dependents"),
    }
}

/// The events of a relation.
pub(crate) fn related(relation: Relation, wire: &Value) -> Related {
    let minutes = |length: &Value| {
        let part = |name: &str| lenient::whole(&length[name]);
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
    Related {
        operation: text(&wire["operation"]),
        events: entries(&wire[words(relation).1]).filter_map(event).collect(),
        tags: is_tagged.then(|| entries(&wire["tags"]).filter_map(text).collect()),
    }
}

/// A relation as it is written. `known` is what it was: its operation, its tags and whatever we have no words for stay.
pub(crate) fn written_related(relation: Relation, wish: &Related, known: &Value) -> Value {
    let list = words(relation).1;
    let length = |minutes: u32| json!({ "minutes": minutes });
    let event = |one: &RelatedEvent| {
        let known =
            entries(&known[list]).find(|entry| id(&entry["eventTemplateId"]).as_deref() == Some(one.event.as_str()));
        let mut fields = Map::new();
        fields.insert("eventTemplateId".to_owned(), one.event.as_str().into());
        for (name, minutes) in [("min", one.min_minutes), ("max", one.max_minutes)] {
            if let Some(minutes) = minutes {
                fields.insert(name.to_owned(), length(minutes));
            }
        }
        overlaid(known, fields)
    };
    let mut fields = Map::new();
    fields.insert(list.to_owned(), wish.events.iter().map(event).collect::<Vec<_>>().into());
    match relation {
        // The only word that was ever seen (`acme.md §7.3`).
        Relation::Prerequisites if known["operation"].is_null() => {
            fields.insert("operation".to_owned(), "allOf".into());
        }
        Relation::Recommendations => {
            let tags = wish.tags.as_ref().map_or_else(|| known["tags"].clone(), |tags| json!(tags));
            fields.insert("tags".to_owned(), if tags.is_null() { json!([]) } else { tags });
        }
        _ => {}
    }
    overlaid(Some(known), fields)
}

/// The add-ons of a template, with or without the outer key (`acme.md §3.3`).
pub(crate) fn add_ons(wire: &Value, venue: &Venue) -> Vec<AddOn> {
    let inner = inner(wire);
    let full: Vec<AddOn> = entries(&inner["inventoryAddOns"]).filter_map(|one| add_on(one, venue)).collect();
    if !full.is_empty() {
        return full;
    }
    entries(&inner["inventoryIds"]).filter_map(id).map(|id| AddOn { id, name: None, price: None }).collect()
}

fn inner(wire: &Value) -> &Value {
    if wire["addOns"].is_null() { wire } else { &wire["addOns"] }
}

fn add_on(wire: &Value, venue: &Venue) -> Option<AddOn> {
    let price = lenient::decimal(&wire["price"]).and_then(|price| Money::from_major(price, venue.currency).ok());
    Some(AddOn { id: id(&wire["id"])?, name: text(&wire["name"]), price })
}

/// A list of add-ons as it is written: ids only, which are numbers (`acme.md §8.4`). None where one is none.
pub(crate) fn written_add_ons(ids: &[String]) -> Option<Value> {
    let numbers: Option<Vec<u64>> = ids.iter().map(|id| id.parse().ok()).collect();
    Some(json!({ "addOns": { "inventoryAddOns": [], "inventoryIds": numbers? } }))
}

/// The membership categories that may buy.
pub(crate) fn restrictions(wire: &Value) -> Vec<MembershipCategory> {
    entries(&wire["restrictions"]).filter_map(category).collect()
}

fn category(wire: &Value) -> Option<MembershipCategory> {
    Some(MembershipCategory { id: id(&wire["id"])?, name: text(&wire["name"]) })
}

/// The discounts of a list.
pub(crate) fn discounts(list: &Value) -> Vec<MemberDiscount> {
    entries(list).filter_map(discount).collect()
}

/// One discount.
pub(crate) fn discount(wire: &Value) -> Option<MemberDiscount> {
    Some(MemberDiscount {
        category: category(&wire["category"])?,
        discount: id(&wire["discount"]["id"]),
        discount_name: text(&wire["discount"]["name"]),
        max_tickets: lenient::whole(&wire["maxTickets"]),
    })
}

/// The membership elements as they are written: objects with nothing but ids (`acme.md §3.2 n`).
pub(crate) fn membership(restrictions: &[String], discounts: &[DiscountLine]) -> Value {
    let named = |id: &String| json!({ "id": id });
    let discount = |line: &DiscountLine| json!({ "category": { "id": line.category }, "discount": line.discount.as_ref().map(named), "maxTickets": line.max_tickets });
    json!({
        "restrictions": restrictions.iter().map(named).collect::<Vec<_>>(),
        "discounts": discounts.iter().map(discount).collect::<Vec<_>>(),
    })
}

/// One discount as it is added: flat ids (`acme.md §3.2 n`).
pub(crate) fn new_discount(line: &DiscountLine) -> Value {
    json!({ "categoryId": line.category, "discountId": line.discount, "maxTickets": line.max_tickets })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_relation_that_is_replaced_keeps_its_operation_its_tags_and_what_we_have_no_words_for() {
        let known = json!({ "recommendations": [{ "eventTemplateId": "a", "min": { "minutes": 5 }, "note": "kept" }], "tags": ["family"] });
        let wish = Related {
            events: vec![
                RelatedEvent { event: EventKey::new("a"), min_minutes: None, max_minutes: Some(90) },
                RelatedEvent { event: EventKey::new("b"), min_minutes: Some(0), max_minutes: None },
            ],
            ..Related::default()
        };
        assert_eq!(
            written_related(Relation::Recommendations, &wish, &known),
            json!({ "recommendations": [
                { "eventTemplateId": "a", "min": { "minutes": 5 }, "max": { "minutes": 90 }, "note": "kept" },
                { "eventTemplateId": "b", "min": { "minutes": 0 } }], "tags": ["family"] })
        );
        let first = written_related(Relation::Prerequisites, &Related::default(), &Value::Null);
        assert_eq!(first, json!({ "operation": "allOf", "requires": [] }));
    }

    #[test]
    fn the_two_ways_to_write_a_discount_differ_as_the_vendor_has_it() {
        let line = DiscountLine { category: "gold".to_owned(), discount: None, max_tickets: Some(4) };
        assert_eq!(new_discount(&line), json!({ "categoryId": "gold", "discountId": null, "maxTickets": 4 }));
        assert_eq!(
            membership(&[], std::slice::from_ref(&line)),
            json!({ "restrictions": [], "discounts": [{ "category": { "id": "gold" }, "discount": null, "maxTickets": 4 }] })
        );
    }

    #[test]
    fn add_ons_are_numbers() {
        assert_eq!(
            written_add_ons(&["310".to_owned()]),
            Some(json!({ "addOns": { "inventoryAddOns": [], "inventoryIds": [310] } }))
        );
        assert_eq!(written_add_ons(&["map".to_owned()]), None);
    }
}
