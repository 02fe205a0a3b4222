//! The words of ticketgraph: ids, money, time, the facts of the catalogue, and the ports that a source may have.
//!
//! Nothing here knows a vendor, a framework, a database or GraphQL.

pub mod accounts;
pub mod admissions;
pub mod authoring;
pub mod catalog;
pub mod error;
pub mod ids;
pub mod mobile;
pub mod money;
pub mod ordering;
pub mod source;
pub mod text;
pub mod time;

pub use accounts::ResellerAccounts;
pub use admissions::{AdmissionToken, Admissions};
pub use catalog::{
    Audience, Availability, AvailabilityStatus, BookingMode, CalendarDay, Catalog, Event, EventStatus, Offer,
    Performance, Scope, Section, TicketType, Window,
};
pub use error::{Batch, Effect, ErrorKind, Operation, Reason, Refusal, VendorError};
pub use ids::{EventKey, ExternalRef, Key, OrderKey, PerformanceKey, SectionKey, SourceId, TicketTypeKey, TokenKey};
pub use money::{Currency, Money, MoneyError, Price, Tax};
pub use source::{Budget, Environment, Facts, Health, HealthReport, HealthState, LegShape, Quota, Source, VendorKind};
pub use text::{Locale, Text};
pub use time::{Clock, Freshness, FreshnessMode, Observed, SystemClock};
