//! Inputs of event mutations and their conversion. An invalid part becomes a problem with its path.

use std::collections::BTreeMap;

use async_graphql::{ID, InputObject};
use catalog::Sourced;
use domain::authoring::{
    BackOfficeEdit, DiscountLine, EventChange, NewEvent, RelatedEvent, RelatedEvents, Relation, RequiredResource,
};
use domain::ids::{EventKey, SourceId};

use crate::graphql::base::id::{GlobalId, parse_source_id};
use crate::graphql::base::scalars::DateTime;
use crate::graphql::topics::authoring::schedule::{EventScheduleInput, parse_count};
use crate::graphql::topics::authoring::section::SectionInput;
use crate::graphql::topics::editing::InvalidInput;

/// Input of `createEvent`: a new event for one or several sources.
#[derive(InputObject)]
pub(super) struct CreateEventInput {
    /// Client-chosen idempotency key. A request with a key that was used before has no further effect.
    pub idempotency_key: ID,
    /// The sources in which to create the event.
    pub sources: Vec<ID>,
    /// The title.
    title: String,
    /// One or two sentences.
    summary: Option<String>,
    /// The full description.
    description: Option<String>,
    /// Duration of one performance in minutes.
    duration_minutes: Option<i32>,
    /// Places per performance.
    capacity: Option<i32>,
    /// Start of the run.
    starts_at: Option<DateTime>,
    /// End of the run.
    ends_at: Option<DateTime>,
    /// True if the event is hidden from public lists.
    #[graphql(default_with = "Some(false)")]
    is_private: Option<bool>,
    /// Schedules of the performances, for sources that have schedules.
    schedules: Option<Vec<EventScheduleInput>>,
    /// Sections of the venue, for sources that sell by section.
    sections: Option<Vec<SectionInput>>,
    /// Fields that are specific to one vendor, under the vendor's names.
    vendor_fields: Option<Vec<VendorFieldInput>>,
}

/// A vendor-specific field.
#[derive(InputObject)]
pub(super) struct VendorFieldInput {
    /// The source that receives the field.
    source: ID,
    /// The field's name at the vendor.
    name: String,
    /// The value. It is sent as JSON if it is valid JSON, otherwise as text.
    value: String,
}

/// Input of `updateEvent`. Omitted fields are not changed.
#[derive(InputObject)]
pub(super) struct UpdateEventInput {
    /// Client-chosen idempotency key. A request with a key that was used before has no further effect.
    pub idempotency_key: ID,
    /// The event.
    pub event: ID,
    /// The title.
    title: Option<String>,
    /// One or two sentences.
    summary: Option<String>,
    /// The full description.
    description: Option<String>,
    /// Duration of one performance in minutes.
    duration_minutes: Option<i32>,
    /// Places per performance.
    capacity: Option<i32>,
    /// Start of the run.
    starts_at: Option<DateTime>,
    /// End of the run.
    ends_at: Option<DateTime>,
    /// Fields that are specific to the event's vendor, under the vendor's names.
    vendor_fields: Option<Vec<VendorFieldInput>>,
}

/// Input of an action on an event.
#[derive(InputObject)]
pub(super) struct EventActionInput {
    /// Client-chosen idempotency key. A request with a key that was used before has no further effect.
    pub idempotency_key: ID,
    /// The event.
    pub event: ID,
}

/// Input of `addEventSchedule`.
#[derive(InputObject)]
pub(super) struct AddEventScheduleInput {
    /// Client-chosen idempotency key. A request with a key that was used before has no further effect.
    pub idempotency_key: ID,
    /// The event.
    pub event: ID,
    /// The schedule.
    pub schedule: EventScheduleInput,
}

/// Input of `setEventSchedules`.
#[derive(InputObject)]
pub(super) struct SetEventSchedulesInput {
    /// Client-chosen idempotency key. A request with a key that was used before has no further effect.
    pub idempotency_key: ID,
    /// The event.
    pub event: ID,
    /// The schedules. Existing ids are updated; schedules of the event that are not listed are removed.
    pub schedules: Vec<EventScheduleInput>,
}

/// Input of `addEventResource`.
#[derive(InputObject)]
pub(super) struct EventResourceInput {
    /// Client-chosen idempotency key. A request with a key that was used before has no further effect.
    pub idempotency_key: ID,
    /// The event.
    pub event: ID,
    /// The vendor's id of the resource.
    pub resource: ID,
    /// The quantity.
    pub quantity: i32,
}

/// A resource and its quantity.
#[derive(InputObject)]
pub(super) struct EventResourceLine {
    /// The vendor's id of the resource.
    resource: ID,
    /// The quantity.
    quantity: i32,
}

/// Input of `setEventResources`.
#[derive(InputObject)]
pub(super) struct SetEventResourcesInput {
    /// Client-chosen idempotency key. A request with a key that was used before has no further effect.
    pub idempotency_key: ID,
    /// The event.
    pub event: ID,
    /// The resources. Resources of the event that are not listed are removed.
    pub resources: Vec<EventResourceLine>,
}

/// A related event.
#[derive(InputObject)]
pub(super) struct EventRelationInput {
    /// The related event, in the same source.
    event: ID,
    /// Smallest number of minutes between the two events.
    min_minutes: Option<i32>,
    /// Largest number of minutes between the two events.
    max_minutes: Option<i32>,
}

/// The events of a relation.
#[derive(InputObject)]
pub(super) struct SetEventRelationsInput {
    /// Client-chosen idempotency key. A request with a key that was used before has no further effect.
    pub idempotency_key: ID,
    /// The event.
    pub event: ID,
    /// The related events.
    relations: Vec<EventRelationInput>,
    /// Tags by which recommendations are found. If omitted, the tags are not changed. For recommendations only.
    tags: Option<Vec<String>>,
    /// True to keep the existing entries.
    #[graphql(default = false)]
    add: bool,
}

/// Input of `setEventAddOns`.
#[derive(InputObject)]
pub(super) struct SetEventAddOnsInput {
    /// Client-chosen idempotency key. A request with a key that was used before has no further effect.
    pub idempotency_key: ID,
    /// The event.
    pub event: ID,
    /// The vendor's ids of the add-ons.
    add_ons: Vec<ID>,
    /// True to keep the existing entries.
    #[graphql(default = false)]
    add: bool,
}

/// Input of `removeEventAddOn`.
#[derive(InputObject)]
pub(super) struct RemoveEventAddOnInput {
    /// Client-chosen idempotency key. A request with a key that was used before has no further effect.
    pub idempotency_key: ID,
    /// The event.
    pub event: ID,
    /// The vendor's id of the add-on.
    pub add_on: ID,
}

/// Input of `setEventMembership`.
#[derive(InputObject)]
pub(super) struct SetEventMembershipInput {
    /// Client-chosen idempotency key. A request with a key that was used before has no further effect.
    pub idempotency_key: ID,
    /// The event.
    pub event: ID,
    /// The membership categories that may buy. An empty list means no restriction.
    restrictions: Vec<ID>,
    /// The discounts for members.
    discounts: Vec<MembershipDiscountInput>,
}

/// The discount of a membership category.
#[derive(InputObject)]
pub(super) struct MembershipDiscountInput {
    /// The vendor's id of the membership category.
    category: ID,
    /// The vendor's id of the discount. If omitted, the regular price applies.
    discount: Option<ID>,
    /// Largest number of tickets. If omitted, there is no limit.
    max_tickets: Option<i32>,
}

/// Input of `setMembershipDiscount`.
#[derive(InputObject)]
pub(super) struct SetMembershipDiscountInput {
    /// Client-chosen idempotency key. A request with a key that was used before has no further effect.
    pub idempotency_key: ID,
    /// The event.
    pub event: ID,
    /// The discount.
    pub discount: MembershipDiscountInput,
}

/// A membership category of an event.
#[derive(InputObject)]
pub(super) struct MembershipCategoryInput {
    /// Client-chosen idempotency key. A request with a key that was used before has no further effect.
    pub idempotency_key: ID,
    /// The event.
    pub event: ID,
    /// The vendor's id of the membership category.
    pub category: ID,
}

/// Vendor-specific fields by source.
type FieldsBySource = BTreeMap<SourceId, BTreeMap<String, String>>;

fn fields_by_source(list: Option<Vec<VendorFieldInput>>) -> Result<FieldsBySource, InvalidInput> {
    let mut fields = FieldsBySource::new();
    for (at, one) in list.unwrap_or_default().into_iter().enumerate() {
        let invalid = |part: &str| InvalidInput::at(&["vendorFields", &at.to_string(), part]);
        let source = parse_source_id("source", &one.source).map_err(|_| invalid("source"))?;
        if fields.entry(source).or_default().insert(one.name, one.value).is_some() {
            return Err(invalid("name"));
        }
    }
    Ok(fields)
}

fn validate_title(title: &str) -> Result<(), InvalidInput> {
    let is_fine = !title.trim().is_empty() && title.chars().count() <= 255;
    is_fine.then_some(()).ok_or_else(|| InvalidInput::at(&["title"]))
}

impl CreateEventInput {
    /// Converts the input to one new event for each of the sources.
    pub(super) fn into_new_events(self, sources: &[SourceId]) -> Result<Vec<NewEvent>, InvalidInput> {
        validate_title(&self.title)?;
        let mut fields = fields_by_source(self.vendor_fields)?;
        let mut schedules = Vec::new();
        for (at, one) in self.schedules.unwrap_or_default().into_iter().enumerate() {
            schedules.push(one.into_schedule(&["schedules", &at.to_string()])?);
        }
        let mut sections = Vec::new();
        for (at, one) in self.sections.unwrap_or_default().into_iter().enumerate() {
            sections.push(one.into_new_section(&["sections", &at.to_string()])?);
        }
        let event = NewEvent {
            title: self.title,
            summary: self.summary,
            description: self.description,
            duration_minutes: parse_count(self.duration_minutes, &["durationMinutes"])?,
            capacity: parse_count(self.capacity, &["capacity"])?,
            starts_at: self.starts_at.map(|at| at.at),
            ends_at: self.ends_at.map(|at| at.at),
            is_private: self.is_private.unwrap_or_default(),
            schedules,
            sections,
            vendor_fields: BTreeMap::new(),
        };
        if event.starts_at.zip(event.ends_at).is_some_and(|(from, to)| to < from) {
            return Err(InvalidInput::at(&["endsAt"]));
        }
        let of = |source| NewEvent { vendor_fields: fields.remove(source).unwrap_or_default(), ..event.clone() };
        let events = sources.iter().map(of).collect();
        // A field for a source in which the event is not created is a mistake of the client.
        if fields.is_empty() { Ok(events) } else { Err(InvalidInput::at(&["vendorFields"])) }
    }
}

impl UpdateEventInput {
    /// Converts the input.
    pub(super) fn into_change(self, source: &SourceId) -> Result<EventChange, InvalidInput> {
        self.title.as_deref().map(validate_title).transpose()?;
        let mut fields = fields_by_source(self.vendor_fields)?;
        let change = EventChange {
            title: self.title,
            summary: self.summary,
            description: self.description,
            duration_minutes: parse_count(self.duration_minutes, &["durationMinutes"])?,
            capacity: parse_count(self.capacity, &["capacity"])?,
            starts_at: self.starts_at.map(|at| at.at),
            ends_at: self.ends_at.map(|at| at.at),
            vendor_fields: fields.remove(source).unwrap_or_default(),
        };
        if fields.is_empty() { Ok(change) } else { Err(InvalidInput::at(&["vendorFields"])) }
    }
}

impl SetEventSchedulesInput {
    /// Converts the input.
    pub(super) fn into_arrangement(self) -> Result<BackOfficeEdit, InvalidInput> {
        let mut schedules = Vec::new();
        for (at, one) in self.schedules.into_iter().enumerate() {
            schedules.push(one.into_schedule(&["schedules", &at.to_string()])?);
        }
        Ok(BackOfficeEdit::SetSchedules(schedules))
    }
}

fn parse_resource_line(resource: ID, quantity: i32, path: &[&str]) -> Result<RequiredResource, InvalidInput> {
    let quantity = u32::try_from(quantity).map_err(|_| InvalidInput::at(path))?;
    Ok(RequiredResource { resource: resource.0, quantity })
}

impl EventResourceInput {
    /// Converts the input.
    pub(super) fn into_arrangement(self) -> Result<BackOfficeEdit, InvalidInput> {
        parse_resource_line(self.resource, self.quantity, &["quantity"]).map(BackOfficeEdit::AddResource)
    }
}

impl SetEventResourcesInput {
    /// Converts the input.
    pub(super) fn into_arrangement(self) -> Result<BackOfficeEdit, InvalidInput> {
        let lines = self.resources.into_iter().enumerate();
        let lines = lines.map(|(at, one)| {
            parse_resource_line(one.resource, one.quantity, &["resources", &at.to_string(), "quantity"])
        });
        Ok(BackOfficeEdit::SetResources(lines.collect::<Result<_, _>>()?))
    }
}

impl SetEventRelationsInput {
    /// Converts the input. The related events must be of the same source and must not be the event itself.
    pub(super) fn into_arrangement(
        self,
        of: &Sourced<EventKey>,
        relation: Relation,
    ) -> Result<BackOfficeEdit, InvalidInput> {
        if self.tags.is_some() && relation != Relation::Recommendations {
            return Err(InvalidInput::at(&["tags"]));
        }
        let mut events = Vec::with_capacity(self.relations.len());
        for (at, one) in self.relations.into_iter().enumerate() {
            let at = at.to_string();
            let event = match GlobalId::decode(&one.event) {
                Some(GlobalId::Event(source, event)) if source == of.source.id && event != of.value => event,
                _ => return Err(InvalidInput::at(&["relations", &at, "event"])),
            };
            let min_minutes = parse_count(one.min_minutes, &["relations", &at, "minMinutes"])?;
            let max_minutes = parse_count(one.max_minutes, &["relations", &at, "maxMinutes"])?;
            if min_minutes.zip(max_minutes).is_some_and(|(min, max)| max < min) {
                return Err(InvalidInput::at(&["relations", &at, "maxMinutes"]));
            }
            events.push(RelatedEvent { event, min_minutes, max_minutes });
        }
        let related = RelatedEvents { operation: None, events, tags: self.tags };
        Ok(match self.add {
            true => BackOfficeEdit::AddRelated(relation, related),
            false => BackOfficeEdit::SetRelated(relation, related),
        })
    }
}

impl SetEventAddOnsInput {
    /// Converts the input.
    pub(super) fn into_arrangement(self) -> Result<BackOfficeEdit, InvalidInput> {
        let ids = self.add_ons.into_iter().map(|id| id.0).collect();
        Ok(if self.add { BackOfficeEdit::AddAddOns(ids) } else { BackOfficeEdit::SetAddOns(ids) })
    }
}

impl SetEventMembershipInput {
    /// Converts the input.
    pub(super) fn into_arrangement(self) -> Result<BackOfficeEdit, InvalidInput> {
        let discounts = self.discounts.into_iter().enumerate();
        let discounts = discounts.map(|(at, one)| one.into_discount_line(&["discounts", &at.to_string()]));
        Ok(BackOfficeEdit::SetMembership {
            restrictions: self.restrictions.into_iter().map(|id| id.0).collect(),
            discounts: discounts.collect::<Result<_, _>>()?,
        })
    }
}

impl MembershipDiscountInput {
    /// Converts the input. `path` is its position in the whole input, for problems.
    pub(super) fn into_discount_line(self, path: &[&str]) -> Result<DiscountLine, InvalidInput> {
        Ok(DiscountLine {
            category: self.category.0,
            discount: self.discount.map(|id| id.0),
            max_tickets: parse_count(self.max_tickets, &[path, &["maxTickets"]].concat())?,
        })
    }
}
