//! What clients send about events, and its reading. A part that cannot be used becomes a problem with its path.

use std::collections::BTreeMap;

use async_graphql::{ID, InputObject};

use crate::graphql::authoring::schedule::{EventScheduleInput, count};
use crate::graphql::authoring::section::SectionInput;
use crate::graphql::editing::Wrong;
use crate::graphql::id::{GlobalId, source_argument};
use crate::graphql::scalars::DateTime;
use catalog::Sourced;
use domain::authoring::{
    Arrangement, DiscountLine, EventChange, NewEvent, Related, RelatedEvent, Relation, ResourceLine,
};
use domain::ids::{EventKey, SourceId};

/// A new event for one or several sources.
#[derive(InputObject)]
pub struct CreateEventInput {
    /// Chosen by the client; the same key repeats nothing.
    pub idempotency_key: ID,
    /// The sources that shall have it.
    pub sources: Vec<ID>,
    /// The title.
    title: String,
    /// One or two sentences.
    summary: Option<String>,
    /// The whole description.
    description: Option<String>,
    /// Length of one performance.
    duration_minutes: Option<i32>,
    /// Places of one performance.
    capacity: Option<i32>,
    /// Begin of the run.
    starts_at: Option<DateTime>,
    /// End of the run.
    ends_at: Option<DateTime>,
    /// Hidden from ordinary lists.
    #[graphql(default_with = "Some(false)")]
    is_private: Option<bool>,
    /// When performances take place, for sources that have schedules.
    schedules: Option<Vec<EventScheduleInput>>,
    /// The parts of the place, for sources that sell by section.
    sections: Option<Vec<SectionInput>>,
    /// Fields that only one vendor knows, as that vendor names them.
    vendor_fields: Option<Vec<VendorFieldInput>>,
}

/// A field that only one vendor knows.
#[derive(InputObject)]
pub struct VendorFieldInput {
    /// The source that it is for.
    source: ID,
    /// Its name, as the vendor has it.
    name: String,
    /// Its value: JSON where it is JSON, else text.
    value: String,
}

/// A change of an event. What is left out stays.
#[derive(InputObject)]
pub struct UpdateEventInput {
    /// Chosen by the client; the same key repeats nothing.
    pub idempotency_key: ID,
    /// The event.
    pub event: ID,
    /// The title.
    title: Option<String>,
    /// One or two sentences.
    summary: Option<String>,
    /// The whole description.
    description: Option<String>,
    /// Length of one performance.
    duration_minutes: Option<i32>,
    /// Places of one performance.
    capacity: Option<i32>,
    /// Begin of the run.
    starts_at: Option<DateTime>,
    /// End of the run.
    ends_at: Option<DateTime>,
    /// Fields that only the vendor of the event knows, as that vendor names them.
    vendor_fields: Option<Vec<VendorFieldInput>>,
}

/// An action on an event.
#[derive(InputObject)]
pub struct EventActionInput {
    /// Chosen by the client; the same key repeats nothing.
    pub idempotency_key: ID,
    /// The event.
    pub event: ID,
}

/// One schedule more.
#[derive(InputObject)]
pub struct AddEventScheduleInput {
    /// Chosen by the client; the same key repeats nothing.
    pub idempotency_key: ID,
    /// The event.
    pub event: ID,
    /// The schedule.
    pub schedule: EventScheduleInput,
}

/// All schedules of an event.
#[derive(InputObject)]
pub struct SetEventSchedulesInput {
    /// Chosen by the client; the same key repeats nothing.
    pub idempotency_key: ID,
    /// The event.
    pub event: ID,
    /// The schedules; those with an id that is known are changed, the others of the event go.
    pub schedules: Vec<EventScheduleInput>,
}

/// One resource more.
#[derive(InputObject)]
pub struct EventResourceInput {
    /// Chosen by the client; the same key repeats nothing.
    pub idempotency_key: ID,
    /// The event.
    pub event: ID,
    /// The vendor's id of the resource.
    pub resource: ID,
    /// How many.
    pub quantity: i32,
}

/// A resource, and how many.
#[derive(InputObject)]
pub struct EventResourceLine {
    /// The vendor's id of the resource.
    resource: ID,
    /// How many.
    quantity: i32,
}

/// All resources of an event.
#[derive(InputObject)]
pub struct SetEventResourcesInput {
    /// Chosen by the client; the same key repeats nothing.
    pub idempotency_key: ID,
    /// The event.
    pub event: ID,
    /// The resources; the others of the event go.
    pub resources: Vec<EventResourceLine>,
}

/// Another event.
#[derive(InputObject)]
pub struct EventRelationInput {
    /// The other event, of the same source.
    event: ID,
    /// At least so many minutes between the two.
    min_minutes: Option<i32>,
    /// At most so many minutes between the two.
    max_minutes: Option<i32>,
}

/// The events of a relation.
#[derive(InputObject)]
pub struct SetEventRelationsInput {
    /// Chosen by the client; the same key repeats nothing.
    pub idempotency_key: ID,
    /// The event.
    pub event: ID,
    /// The other events.
    relations: Vec<EventRelationInput>,
    /// Words by which recommendations are found; without them, as before. For recommendations only.
    tags: Option<Vec<String>>,
    /// Keeps what is there.
    #[graphql(default = false)]
    add: bool,
}

/// The add-ons of an event.
#[derive(InputObject)]
pub struct SetEventAddOnsInput {
    /// Chosen by the client; the same key repeats nothing.
    pub idempotency_key: ID,
    /// The event.
    pub event: ID,
    /// The vendor's ids of the add-ons.
    add_ons: Vec<ID>,
    /// Keeps what is there.
    #[graphql(default = false)]
    add: bool,
}

/// One add-on less.
#[derive(InputObject)]
pub struct RemoveEventAddOnInput {
    /// Chosen by the client; the same key repeats nothing.
    pub idempotency_key: ID,
    /// The event.
    pub event: ID,
    /// The vendor's id of the add-on.
    pub add_on: ID,
}

/// What an event is to members.
#[derive(InputObject)]
pub struct SetEventMembershipInput {
    /// Chosen by the client; the same key repeats nothing.
    pub idempotency_key: ID,
    /// The event.
    pub event: ID,
    /// The kinds of member that may buy; none: everybody may.
    restrictions: Vec<ID>,
    /// What members pay.
    discounts: Vec<MembershipDiscountInput>,
}

/// What members of a kind pay.
#[derive(InputObject)]
pub struct MembershipDiscountInput {
    /// The vendor's id of the kind of member.
    category: ID,
    /// The vendor's id of the discount; without it, the usual price.
    discount: Option<ID>,
    /// Most tickets; without it, as many as they like.
    max_tickets: Option<i32>,
}

/// One discount.
#[derive(InputObject)]
pub struct SetMembershipDiscountInput {
    /// Chosen by the client; the same key repeats nothing.
    pub idempotency_key: ID,
    /// The event.
    pub event: ID,
    /// The discount.
    pub discount: MembershipDiscountInput,
}

/// A kind of member, on an event.
#[derive(InputObject)]
pub struct MembershipCategoryInput {
    /// Chosen by the client; the same key repeats nothing.
    pub idempotency_key: ID,
    /// The event.
    pub event: ID,
    /// The vendor's id of the kind of member.
    pub category: ID,
}

/// The fields that are meant for a source.
type Fields = BTreeMap<SourceId, BTreeMap<String, String>>;

fn fields(list: Option<Vec<VendorFieldInput>>) -> Result<Fields, Wrong> {
    let mut fields = Fields::new();
    for (at, one) in list.unwrap_or_default().into_iter().enumerate() {
        let wrong = |part: &str| Wrong::at(&["vendorFields", &at.to_string(), part]);
        let source = source_argument("source", &one.source).map_err(|_| wrong("source"))?;
        if fields.entry(source).or_default().insert(one.name, one.value).is_some() {
            return Err(wrong("name"));
        }
    }
    Ok(fields)
}

fn titled(title: &str) -> Result<(), Wrong> {
    let is_fine = !title.trim().is_empty() && title.chars().count() <= 255;
    is_fine.then_some(()).ok_or_else(|| Wrong::at(&["title"]))
}

impl CreateEventInput {
    /// The event as each of the sources shall have it.
    pub fn read(self, sources: &[SourceId]) -> Result<Vec<NewEvent>, Wrong> {
        titled(&self.title)?;
        let mut fields = fields(self.vendor_fields)?;
        let mut schedules = Vec::new();
        for (at, one) in self.schedules.unwrap_or_default().into_iter().enumerate() {
            schedules.push(one.read(&["schedules", &at.to_string()])?);
        }
        let mut sections = Vec::new();
        for (at, one) in self.sections.unwrap_or_default().into_iter().enumerate() {
            sections.push(one.read(&["sections", &at.to_string()])?);
        }
        let event = NewEvent {
            title: self.title,
            summary: self.summary,
            description: self.description,
            duration_minutes: count(self.duration_minutes, &["durationMinutes"])?,
            capacity: count(self.capacity, &["capacity"])?,
            starts_at: self.starts_at.map(|at| at.at),
            ends_at: self.ends_at.map(|at| at.at),
            is_private: self.is_private.unwrap_or_default(),
            schedules,
            sections,
            vendor_fields: BTreeMap::new(),
        };
        if event.starts_at.zip(event.ends_at).is_some_and(|(from, to)| to < from) {
            return Err(Wrong::at(&["endsAt"]));
        }
        let of = |source| NewEvent { vendor_fields: fields.remove(source).unwrap_or_default(), ..event.clone() };
        let events = sources.iter().map(of).collect();
        // A field for a source that the event is not made at is a mistake.
        if fields.is_empty() { Ok(events) } else { Err(Wrong::at(&["vendorFields"])) }
    }
}

impl UpdateEventInput {
    /// The change.
    pub fn read(self, source: &SourceId) -> Result<EventChange, Wrong> {
        self.title.as_deref().map(titled).transpose()?;
        let mut fields = fields(self.vendor_fields)?;
        let change = EventChange {
            title: self.title,
            summary: self.summary,
            description: self.description,
            duration_minutes: count(self.duration_minutes, &["durationMinutes"])?,
            capacity: count(self.capacity, &["capacity"])?,
            starts_at: self.starts_at.map(|at| at.at),
            ends_at: self.ends_at.map(|at| at.at),
            vendor_fields: fields.remove(source).unwrap_or_default(),
        };
        if fields.is_empty() { Ok(change) } else { Err(Wrong::at(&["vendorFields"])) }
    }
}

impl SetEventSchedulesInput {
    /// The change.
    pub fn read(self) -> Result<Arrangement, Wrong> {
        let mut schedules = Vec::new();
        for (at, one) in self.schedules.into_iter().enumerate() {
            schedules.push(one.read(&["schedules", &at.to_string()])?);
        }
        Ok(Arrangement::SetSchedules(schedules))
    }
}

fn line(resource: ID, quantity: i32, path: &[&str]) -> Result<ResourceLine, Wrong> {
    let quantity = u32::try_from(quantity).map_err(|_| Wrong::at(path))?;
    Ok(ResourceLine { resource: resource.0, quantity })
}

impl EventResourceInput {
    /// The change.
    pub fn read(self) -> Result<Arrangement, Wrong> {
        line(self.resource, self.quantity, &["quantity"]).map(Arrangement::AddResource)
    }
}

impl SetEventResourcesInput {
    /// The change.
    pub fn read(self) -> Result<Arrangement, Wrong> {
        let lines = self.resources.into_iter().enumerate();
        let lines =
            lines.map(|(at, one)| line(one.resource, one.quantity, &["resources", &at.to_string(), "quantity"]));
        Ok(Arrangement::SetResources(lines.collect::<Result<_, _>>()?))
    }
}

impl SetEventRelationsInput {
    /// The change. The other events must be of the same source, and not the event itself.
    pub fn read(self, of: &Sourced<EventKey>, relation: Relation) -> Result<Arrangement, Wrong> {
        if self.tags.is_some() && relation != Relation::Recommendations {
            return Err(Wrong::at(&["tags"]));
        }
        let mut events = Vec::with_capacity(self.relations.len());
        for (at, one) in self.relations.into_iter().enumerate() {
            let at = at.to_string();
            let event = match GlobalId::decode(&one.event) {
                Some(GlobalId::Event(source, event)) if source == of.source.id && event != of.value => event,
                _ => return Err(Wrong::at(&["relations", &at, "event"])),
            };
            let min_minutes = count(one.min_minutes, &["relations", &at, "minMinutes"])?;
            let max_minutes = count(one.max_minutes, &["relations", &at, "maxMinutes"])?;
            if min_minutes.zip(max_minutes).is_some_and(|(min, max)| max < min) {
                return Err(Wrong::at(&["relations", &at, "maxMinutes"]));
            }
            events.push(RelatedEvent { event, min_minutes, max_minutes });
        }
        let related = Related { operation: None, events, tags: self.tags };
        Ok(match self.add {
            true => Arrangement::AddRelated(relation, related),
            false => Arrangement::SetRelated(relation, related),
        })
    }
}

impl SetEventAddOnsInput {
    /// The change.
    pub fn read(self) -> Result<Arrangement, Wrong> {
        let ids = self.add_ons.into_iter().map(|id| id.0).collect();
        Ok(if self.add { Arrangement::AddAddOns(ids) } else { Arrangement::SetAddOns(ids) })
    }
}

impl SetEventMembershipInput {
    /// The change.
    pub fn read(self) -> Result<Arrangement, Wrong> {
        let discounts = self.discounts.into_iter().enumerate();
        let discounts = discounts.map(|(at, one)| one.read(&["discounts", &at.to_string()]));
        Ok(Arrangement::SetMembership {
            restrictions: self.restrictions.into_iter().map(|id| id.0).collect(),
            discounts: discounts.collect::<Result<_, _>>()?,
        })
    }
}

impl MembershipDiscountInput {
    /// Reads the input; `path` is where it stands.
    pub fn read(self, path: &[&str]) -> Result<DiscountLine, Wrong> {
        Ok(DiscountLine {
            category: self.category.0,
            discount: self.discount.map(|id| id.0),
            max_tickets: count(self.max_tickets, &[path, &["maxTickets"]].concat())?,
        })
    }
}
