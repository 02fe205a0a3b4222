//! Editing events: what a back office lets an API user do.
//!
//! Two ports, because vendors differ: every vendor with a back office makes events ([`Authoring`]), only some let us arrange what
//! belongs to them ([`BackOffice`]). What the back office names by ids of its own (resources, add-ons, membership categories) keeps them.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use serde::Serialize;

use crate::catalog::Event;
use crate::error::VendorError;
use crate::ids::{EventKey, SectionKey, StepKey};
use crate::money::Money;

/// An event to be made. What a source has no place for is told as a setback, never dropped in silence.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct NewEvent {
    /// The title.
    pub title: String,
    /// One or two sentences.
    pub summary: Option<String>,
    /// The whole description.
    pub description: Option<String>,
    /// Length of one performance.
    pub duration_minutes: Option<u32>,
    /// Places of one performance.
    pub capacity: Option<u32>,
    /// Begin of the run.
    pub starts_at: Option<Timestamp>,
    /// End of the run.
    pub ends_at: Option<Timestamp>,
    /// Hidden from ordinary lists.
    pub is_private: bool,
    /// When performances take place.
    pub schedules: Vec<Schedule>,
    /// The parts of the place, each sold at one price.
    pub sections: Vec<NewSection>,
    /// Fields that only this vendor knows, as it names them.
    pub vendor_fields: BTreeMap<String, String>,
}

/// A part of the place of an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NewSection {
    /// The name.
    pub name: String,
    /// Its places.
    pub capacity: u32,
    /// What a place costs; none: nothing.
    pub price: Option<Money>,
    /// Not sold before; none: sold from now on.
    pub sales_start: Option<Timestamp>,
    /// Not sold at or after; none: sold until the event is over.
    pub sales_end: Option<Timestamp>,
}

/// What changes on a section. What is none stays.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct SectionChange {
    /// The name.
    pub name: Option<String>,
    /// Its places.
    pub capacity: Option<u32>,
    /// What a place costs.
    pub price: Option<Money>,
    /// Not sold before.
    pub sales_start: Option<Timestamp>,
    /// Not sold at or after.
    pub sales_end: Option<Timestamp>,
}

/// What changes on an event. What is none stays.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct EventChange {
    /// The title.
    pub title: Option<String>,
    /// One or two sentences.
    pub summary: Option<String>,
    /// The whole description.
    pub description: Option<String>,
    /// Length of one performance.
    pub duration_minutes: Option<u32>,
    /// Places of one performance.
    pub capacity: Option<u32>,
    /// Begin of the run.
    pub starts_at: Option<Timestamp>,
    /// End of the run.
    pub ends_at: Option<Timestamp>,
    /// Fields that only this vendor knows, as it names them.
    pub vendor_fields: BTreeMap<String, String>,
}

/// A part of a write that did not come to pass, beside a whole that did.
#[derive(Debug, Clone)]
pub struct Setback {
    /// The part of the input, e.g. `sections`, `1`.
    pub path: Vec<String>,
    /// Why.
    pub error: VendorError,
}

/// An event that was made.
#[derive(Debug, Clone)]
pub struct Created {
    /// Its key.
    pub event: EventKey,
    /// Parts of it that could not be made.
    pub setbacks: Vec<Setback>,
}

/// A day of the week.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
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
    /// Monday to Sunday.
    pub const ALL: [Self; 7] =
        [Self::Monday, Self::Tuesday, Self::Wednesday, Self::Thursday, Self::Friday, Self::Saturday, Self::Sunday];
}

/// Where tickets are sold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
pub enum SalesChannel {
    /// The venue's own site.
    Online,
    /// By telephone.
    CustomerRep,
    /// At the counter.
    PointOfSale,
    /// Entered by hand.
    ManualEntry,
    /// Through resellers like us.
    Reseller,
    /// Another one, told by its code only.
    Other,
}

/// Whether a schedule is sold in a channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ChannelSwitch {
    /// The channel.
    pub channel: SalesChannel,
    /// The vendor's own code; empty in what clients write.
    pub code: String,
    /// Whether it is sold there.
    pub is_enabled: bool,
}

/// A start time of day, on the clock of the venue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct ScheduleTime {
    /// 0 to 23.
    pub hour: u32,
    /// 0 to 59.
    pub minute: u32,
    /// How many performances begin then.
    pub quantity: u32,
}

/// When performances of an event take place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Schedule {
    /// Names it in its event; none: it is new.
    pub id: Option<String>,
    /// The name.
    pub name: Option<String>,
    /// More about it.
    pub description: Option<String>,
    /// Begin of its validity.
    pub effective_from: Timestamp,
    /// End of its validity; none: for good.
    pub effective_to: Option<Timestamp>,
    /// On which days.
    pub weekdays: Vec<Weekday>,
    /// At which times.
    pub times: Vec<ScheduleTime>,
    /// Where it is sold. Written empty: as before, or everywhere.
    pub channels: Vec<ChannelSwitch>,
    /// Places of one performance, instead of the event's.
    pub capacity: Option<u32>,
    /// Length of one performance, instead of the event's.
    pub duration_minutes: Option<u32>,
}

/// Something that a performance needs: people, a place, equipment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Resource {
    /// The vendor's id.
    pub id: String,
    /// The name.
    pub name: Option<String>,
    /// What kind of thing it is, in the vendor's word.
    pub category: Option<String>,
    /// How many.
    pub quantity: Option<u32>,
}

/// A resource to be had, and how many.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ResourceLine {
    /// The vendor's id.
    pub resource: String,
    /// How many.
    pub quantity: u32,
}

/// How two events belong together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
pub enum Relation {
    /// The others must be bought with this one.
    Prerequisites,
    /// The others are shown beside this one.
    Recommendations,
    /// The others need this one.
    Dependents,
}

/// Another event, and how far in time it may be from this one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RelatedEvent {
    /// The other event, of the same source.
    pub event: EventKey,
    /// At least.
    pub min_minutes: Option<u32>,
    /// At most.
    pub max_minutes: Option<u32>,
}

/// The other events of one relation.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Related {
    /// How prerequisites count, in the vendor's word.
    pub operation: Option<String>,
    /// The others.
    pub events: Vec<RelatedEvent>,
    /// Words by which recommendations are found; none in a write: as before.
    pub tags: Option<Vec<String>>,
}

/// Something sold beside the tickets of an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AddOn {
    /// The vendor's id.
    pub id: String,
    /// The name.
    pub name: Option<String>,
    /// What one costs.
    pub price: Option<Money>,
}

/// A kind of member.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MembershipCategory {
    /// The vendor's id.
    pub id: String,
    /// The name.
    pub name: Option<String>,
}

/// What members of a kind pay.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MemberDiscount {
    /// The kind of member.
    pub category: MembershipCategory,
    /// The vendor's id of the discount; none: the usual price.
    pub discount: Option<String>,
    /// Its name.
    pub discount_name: Option<String>,
    /// Most tickets; none: as many as they like.
    pub max_tickets: Option<u32>,
}

/// A discount to be given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DiscountLine {
    /// The vendor's id of the kind of member.
    pub category: String,
    /// The vendor's id of the discount; none: the usual price.
    pub discount: Option<String>,
    /// Most tickets; none: as many as they like.
    pub max_tickets: Option<u32>,
}

/// A change of what belongs to an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub enum Arrangement {
    /// One schedule more.
    AddSchedule(Schedule),
    /// These schedules instead of all. One with a known id keeps what we have no words for.
    SetSchedules(Vec<Schedule>),
    /// One resource more.
    AddResource(ResourceLine),
    /// These resources instead of all. One that was there keeps what we have no words for.
    SetResources(Vec<ResourceLine>),
    /// More events of a relation; one that was there is changed.
    AddRelated(Relation, Related),
    /// These events instead of all; none: the relation ends.
    SetRelated(Relation, Related),
    /// More add-ons.
    AddAddOns(Vec<String>),
    /// These add-ons instead of all; none: no add-ons.
    SetAddOns(Vec<String>),
    /// One add-on less.
    RemoveAddOn(String),
    /// Who may buy (none named: everybody), and what they pay.
    SetMembership {
        /// The kinds of member that may buy.
        restrictions: Vec<String>,
        /// What they pay.
        discounts: Vec<DiscountLine>,
    },
    /// Gives a discount, or changes it.
    SetDiscount(DiscountLine),
    /// Takes the discount of a kind of member away.
    RemoveDiscount(String),
    /// Lets a kind of member buy.
    AllowCategory(String),
    /// Lets a kind of member buy no longer.
    DenyCategory(String),
}

/// A change of a part of the place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub enum SectionEdit {
    /// One section more.
    Add(NewSection),
    /// Another name, number of places, price or time of sale. A capacity below what was sold is refused with `InvalidInput`.
    Change(SectionKey, SectionChange),
    /// One section less; one of which tickets were sold is refused with `Conflict`.
    Remove(SectionKey),
}

/// Making and changing events. Nothing here is repeated by itself once it may have acted.
#[async_trait]
pub trait Authoring: Send + Sync {
    /// Makes an event, as a draft. A part that could not be made is a setback of the event that was.
    async fn create_event(&self, key: &StepKey, event: &NewEvent) -> Result<Created, VendorError>;

    /// Changes an event and keeps what the change does not name, also what we have no words for. A capacity below what was sold is
    /// refused with `InvalidInput`; so is taking a publication back, before the vendor is called.
    async fn update_event(&self, event: &EventKey, change: &EventChange) -> Result<(), VendorError>;

    /// Publishes a draft, or hands it in for that. One that is published stays so; there is no way back.
    async fn publish_event(&self, event: &EventKey) -> Result<(), VendorError>;

    /// Deletes an event. One of which tickets were sold is refused; deleting what is gone succeeds.
    async fn delete_event(&self, event: &EventKey) -> Result<(), VendorError>;

    /// The event as it is published; none while it is a draft.
    async fn find_published(&self, event: &EventKey) -> Result<Option<Arc<Event>>, VendorError>;
}

/// Changing the parts of the place of an event, each of which is sold at one price.
#[async_trait]
pub trait Sectioning: Send + Sync {
    /// Makes one change; tells the section, unless it is gone.
    async fn edit_section(&self, event: &EventKey, edit: &SectionEdit) -> Result<Option<SectionKey>, VendorError>;
}

/// Arranging what belongs to an event. One call to the vendor a method, and one more where its writes replace the whole.
#[async_trait]
pub trait BackOffice: Send + Sync {
    /// When performances take place.
    async fn list_schedules(&self, event: &EventKey) -> Result<Vec<Schedule>, VendorError>;

    /// What performances need.
    async fn list_resources(&self, event: &EventKey) -> Result<Vec<Resource>, VendorError>;

    /// The events of a relation.
    async fn load_related(&self, event: &EventKey, relation: Relation) -> Result<Related, VendorError>;

    /// What is sold beside the tickets.
    async fn list_add_ons(&self, event: &EventKey) -> Result<Vec<AddOn>, VendorError>;

    /// The kinds of member that may buy; none: everybody.
    async fn list_restrictions(&self, event: &EventKey) -> Result<Vec<MembershipCategory>, VendorError>;

    /// What members pay.
    async fn list_discounts(&self, event: &EventKey) -> Result<Vec<MemberDiscount>, VendorError>;

    /// What members of one kind pay; none where nothing is agreed.
    async fn find_discount(&self, event: &EventKey, category: &str) -> Result<Option<MemberDiscount>, VendorError>;

    /// Makes a change.
    async fn arrange(&self, event: &EventKey, change: &Arrangement) -> Result<(), VendorError>;
}
