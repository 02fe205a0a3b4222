//! The ports of event editing, as far as a vendor's back office opens it to API users.
//!
//! There are several ports because vendors differ: every vendor with a back office can create events ([`Authoring`]), but
//! only some can edit sections ([`SectionAuthoring`]) or schedules, resources, add-ons and memberships ([`BackOffice`]).
//! Resources, add-ons and membership categories are identified by the ids of the back office.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use serde::Serialize;

use crate::catalog::Event;
use crate::error::VendorError;
use crate::ids::{EventKey, SectionKey, StepKey};
use crate::money::Money;

/// An event to create. A field that the source does not support is reported as a partial failure, never dropped silently.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct NewEvent {
    /// Title.
    pub title: String,
    /// Summary of one or two sentences.
    pub summary: Option<String>,
    /// Full description.
    pub description: Option<String>,
    /// Length of one performance in minutes.
    pub duration_minutes: Option<u32>,
    /// Capacity of one performance.
    pub capacity: Option<u32>,
    /// Start of the run.
    pub starts_at: Option<Timestamp>,
    /// End of the run.
    pub ends_at: Option<Timestamp>,
    /// True if the event is hidden from public lists.
    pub is_private: bool,
    /// Schedules of the performances.
    pub schedules: Vec<Schedule>,
    /// Sections of the venue, each with one price.
    pub sections: Vec<NewSection>,
    /// Vendor-specific fields, under the vendor's names.
    pub vendor_fields: BTreeMap<String, String>,
}

/// A section to create.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NewSection {
    /// Name.
    pub name: String,
    /// Number of places.
    pub capacity: u32,
    /// Price of one place. `None` means free of charge.
    pub price: Option<Money>,
    /// Start of sales. `None` means immediately.
    pub sales_start: Option<Timestamp>,
    /// End of sales, exclusive. `None` means the end of the event.
    pub sales_end: Option<Timestamp>,
}

/// Changes to a section. Fields that are `None` stay unchanged.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct SectionChange {
    /// Name.
    pub name: Option<String>,
    /// Number of places.
    pub capacity: Option<u32>,
    /// Price of one place.
    pub price: Option<Money>,
    /// Start of sales.
    pub sales_start: Option<Timestamp>,
    /// End of sales, exclusive.
    pub sales_end: Option<Timestamp>,
}

/// Changes to an event. Fields that are `None` stay unchanged.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct EventChange {
    /// Title.
    pub title: Option<String>,
    /// Summary of one or two sentences.
    pub summary: Option<String>,
    /// Full description.
    pub description: Option<String>,
    /// Length of one performance in minutes.
    pub duration_minutes: Option<u32>,
    /// Capacity of one performance.
    pub capacity: Option<u32>,
    /// Start of the run.
    pub starts_at: Option<Timestamp>,
    /// End of the run.
    pub ends_at: Option<Timestamp>,
    /// Vendor-specific fields, under the vendor's names.
    pub vendor_fields: BTreeMap<String, String>,
}

/// The failed part of a write that otherwise succeeded.
#[derive(Debug, Clone)]
pub struct PartialFailure {
    /// Path of the failed part in the input, e.g. `sections`, `1`.
    pub path: Vec<String>,
    /// Cause of the failure.
    pub error: VendorError,
}

/// Result of creating an event.
#[derive(Debug, Clone)]
pub struct CreatedEvent {
    /// Key of the event.
    pub event: EventKey,
    /// Parts of the event that could not be created.
    pub partial_failures: Vec<PartialFailure>,
}

/// A day of the week.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, strum::VariantArray)]
pub enum Weekday {
    /// Monday.
    Monday,
    /// Tuesday.
    Tuesday,
    /// Wednesday.
    Wednesday,
    /// Thursday.
    Thursday,
    /// Friday.
    Friday,
    /// Saturday.
    Saturday,
    /// Sunday.
    Sunday,
}

impl Weekday {
    /// All days, Monday to Sunday.
    pub const ALL: &[Self] = <Self as strum::VariantArray>::VARIANTS;
}

/// A channel through which tickets are sold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
pub enum SalesChannel {
    /// The venue's own site.
    Online,
    /// By telephone.
    CustomerRep,
    /// At the counter.
    PointOfSale,
    /// Entered manually.
    ManualEntry,
    /// Resellers, such as this service.
    Reseller,
    /// Any other channel, identified only by its code.
    Other,
}

/// The availability of a schedule in a sales channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ScheduleChannel {
    /// Sales channel.
    pub channel: SalesChannel,
    /// The vendor's code of the channel. Empty in client input.
    pub code: String,
    /// True if the schedule is sold in the channel.
    pub is_enabled: bool,
}

/// A start time in the local time of the venue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct ScheduleTime {
    /// Hour, 0 to 23.
    pub hour: u32,
    /// Minute, 0 to 59.
    pub minute: u32,
    /// Number of performances that start at this time.
    pub quantity: u32,
}

/// A recurring schedule of performances.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Schedule {
    /// Id within the event. `None` for a new schedule.
    pub id: Option<String>,
    /// Name.
    pub name: Option<String>,
    /// Description.
    pub description: Option<String>,
    /// Start of validity.
    pub effective_from: Timestamp,
    /// End of validity. `None` means unlimited.
    pub effective_to: Option<Timestamp>,
    /// Days of the week.
    pub weekdays: Vec<Weekday>,
    /// Start times.
    pub times: Vec<ScheduleTime>,
    /// Sales channels. An empty list in a write keeps the current channels, or enables all for a new schedule.
    pub channels: Vec<ScheduleChannel>,
    /// Capacity of one performance, overriding the event's.
    pub capacity: Option<u32>,
    /// Length of one performance in minutes, overriding the event's.
    pub duration_minutes: Option<u32>,
}

/// A resource required by a performance: staff, a room, equipment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Resource {
    /// The vendor's id.
    pub id: String,
    /// Name.
    pub name: Option<String>,
    /// Category, in the vendor's term.
    pub category: Option<String>,
    /// Required quantity.
    pub quantity: Option<u32>,
}

/// A resource to assign and its quantity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RequiredResource {
    /// The vendor's id.
    pub resource: String,
    /// Required quantity.
    pub quantity: u32,
}

/// The relation between two events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
pub enum Relation {
    /// The related events must be bought together with this one.
    Prerequisites,
    /// The related events are recommended alongside this one.
    Recommendations,
    /// The related events require this one.
    Dependents,
}

/// A related event and its permitted distance in time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RelatedEvent {
    /// Related event of the same source.
    pub event: EventKey,
    /// Minimum distance in minutes.
    pub min_minutes: Option<u32>,
    /// Maximum distance in minutes.
    pub max_minutes: Option<u32>,
}

/// The related events of one relation.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct RelatedEvents {
    /// Logical operator that combines prerequisites, in the vendor's term.
    pub operation: Option<String>,
    /// Related events.
    pub events: Vec<RelatedEvent>,
    /// Tags by which recommendations are selected. `None` in a write keeps the current tags.
    pub tags: Option<Vec<String>>,
}

/// An add-on that is sold together with the tickets of an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AddOn {
    /// The vendor's id.
    pub id: String,
    /// Name.
    pub name: Option<String>,
    /// Price of one unit.
    pub price: Option<Money>,
}

/// A membership category.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MembershipCategory {
    /// The vendor's id.
    pub id: String,
    /// Name.
    pub name: Option<String>,
}

/// The discount of a membership category.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MemberDiscount {
    /// Membership category.
    pub category: MembershipCategory,
    /// The vendor's id of the discount. `None` means the regular price.
    pub discount: Option<String>,
    /// Name of the discount.
    pub discount_name: Option<String>,
    /// Maximum number of tickets. `None` means unlimited.
    pub max_tickets: Option<u32>,
}

/// A discount to grant to a membership category.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DiscountLine {
    /// The vendor's id of the membership category.
    pub category: String,
    /// The vendor's id of the discount. `None` means the regular price.
    pub discount: Option<String>,
    /// Maximum number of tickets. `None` means unlimited.
    pub max_tickets: Option<u32>,
}

/// One edit of the schedules, resources, relations, add-ons or memberships of an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub enum BackOfficeEdit {
    /// Adds a schedule.
    AddSchedule(Schedule),
    /// Replaces all schedules. A schedule with an existing id keeps the vendor fields that this model does not cover.
    SetSchedules(Vec<Schedule>),
    /// Adds a resource.
    AddResource(RequiredResource),
    /// Replaces all resources. An existing resource keeps the vendor fields that this model does not cover.
    SetResources(Vec<RequiredResource>),
    /// Adds events to a relation; an event already in the relation is updated.
    AddRelated(Relation, RelatedEvents),
    /// Replaces the events of a relation. An empty list removes the relation.
    SetRelated(Relation, RelatedEvents),
    /// Adds add-ons.
    AddAddOns(Vec<String>),
    /// Replaces all add-ons. An empty list removes them.
    SetAddOns(Vec<String>),
    /// Removes an add-on.
    RemoveAddOn(String),
    /// Replaces the membership restrictions and discounts. Without restrictions everybody may buy.
    SetMembership {
        /// Ids of the membership categories that may buy.
        restrictions: Vec<String>,
        /// Discounts by category.
        discounts: Vec<DiscountLine>,
    },
    /// Grants or updates a discount.
    SetDiscount(DiscountLine),
    /// Removes the discount of a membership category.
    RemoveDiscount(String),
    /// Allows a membership category to buy.
    AllowCategory(String),
    /// Stops allowing a membership category to buy.
    DenyCategory(String),
}

/// One edit of the sections of an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub enum SectionEdit {
    /// Adds a section.
    Add(NewSection),
    /// Changes the name, capacity, price or sales period. A capacity below the number of sold tickets is rejected with
    /// `InvalidInput`.
    Change(SectionKey, SectionChange),
    /// Removes a section. A section with sold tickets is rejected with `Conflict`.
    Remove(SectionKey),
}

/// Capability: creates and edits events. A write that may have taken effect is never retried automatically.
#[async_trait]
pub trait Authoring: Send + Sync {
    /// Creates an event as a draft. Parts that could not be created are returned as partial failures.
    async fn create_event(&self, key: &StepKey, event: &NewEvent) -> Result<CreatedEvent, VendorError>;

    /// Updates an event. Fields that the change does not name stay as they are, including vendor fields that this model
    /// does not cover. A capacity below the number of sold tickets is rejected with `InvalidInput`. Unpublishing is
    /// rejected likewise, before the vendor is called.
    async fn update_event(&self, event: &EventKey, change: &EventChange) -> Result<(), VendorError>;

    /// Publishes a draft or submits it for publication. Idempotent; an event cannot be unpublished.
    async fn publish_event(&self, event: &EventKey) -> Result<(), VendorError>;

    /// Deletes an event. An event with sold tickets is rejected; deleting an event that no longer exists succeeds.
    async fn delete_event(&self, event: &EventKey) -> Result<(), VendorError>;

    /// Returns the event as published, or `None` while it is a draft.
    async fn find_published(&self, event: &EventKey) -> Result<Option<Arc<Event>>, VendorError>;
}

/// Capability: edits the sections of an event, each of which has one price.
#[async_trait]
pub trait SectionAuthoring: Send + Sync {
    /// Applies one edit. Returns the key of the section, or `None` if the section was removed.
    async fn edit_section(&self, event: &EventKey, edit: &SectionEdit) -> Result<Option<SectionKey>, VendorError>;
}

/// Capability: edits the schedules, resources, relations, add-ons and memberships of an event. Each method makes one vendor
/// call, plus one read if the vendor's write replaces the whole list.
#[async_trait]
pub trait BackOffice: Send + Sync {
    /// Lists the schedules of an event.
    async fn list_schedules(&self, event: &EventKey) -> Result<Vec<Schedule>, VendorError>;

    /// Lists the resources that performances require.
    async fn list_resources(&self, event: &EventKey) -> Result<Vec<Resource>, VendorError>;

    /// Loads the events of a relation.
    async fn load_related(&self, event: &EventKey, relation: Relation) -> Result<RelatedEvents, VendorError>;

    /// Lists the add-ons of an event.
    async fn list_add_ons(&self, event: &EventKey) -> Result<Vec<AddOn>, VendorError>;

    /// Lists the membership categories that may buy. An empty list means everybody.
    async fn list_restrictions(&self, event: &EventKey) -> Result<Vec<MembershipCategory>, VendorError>;

    /// Lists the membership discounts.
    async fn list_discounts(&self, event: &EventKey) -> Result<Vec<MemberDiscount>, VendorError>;

    /// Returns the discount of a membership category, if there is one.
    async fn find_discount(&self, event: &EventKey, category: &str) -> Result<Option<MemberDiscount>, VendorError>;

    /// Applies one edit.
    async fn apply_edit(&self, event: &EventKey, change: &BackOfficeEdit) -> Result<(), VendorError>;
}
