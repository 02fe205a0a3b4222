//! The domain model of ticketgraph: ids, money, time, catalog data, and the ports that a source may offer.
//!
//! This crate depends on no vendor, framework, database or GraphQL library.

mod account_texts;
pub mod accounts;
pub mod admissions;
pub mod authoring;
pub mod catalog;
pub mod error;
pub mod failure;
pub mod identity;
pub mod ids;
mod incoming_webhook;
pub mod mobile;
pub mod money;
pub mod monthly_calls;
pub mod ordering;
pub mod seen;
pub mod snapshots;
pub mod source;
mod store;
pub mod text;
pub mod time;
pub mod turn;
mod web_url;

pub use accounts::ResellerAccounts;
pub use admissions::{AdmissionToken, Admissions};
pub use catalog::{
    Audience, Availability, AvailabilityStatus, BookingMode, CalendarDay, Catalog, CatalogScope, Event, EventStatus,
    Offer, Performance, PerformanceWindow, Section, TicketType,
};
pub use error::{Batch, Effect, ErrorKind, NotSent, RefusalReason, VendorError, VendorOperation, VendorRefusal};
pub use failure::{FailureKind, FailureReason, RecentFailure, RecentFailures};
pub use identity::Scope;
pub use ids::{
    BookingUuid, EventKey, ExternalRef, Key, OrderKey, PerformanceKey, SectionKey, SourceId, TicketTypeKey, TokenKey,
};
pub use incoming_webhook::IncomingWebhook;
pub use money::{Currency, Money, MoneyError, Price, Tax};
pub use monthly_calls::{CallCounts, CallsByClass, Month, MonthlyUse};
pub use ordering::LegShape;
pub use seen::{SeenResponse, observe_responses};
pub use snapshots::{Snapshot, SnapshotStore};
pub use source::{
    CallCount, CapacityReport, CapacityWish, Environment, Health, HealthReport, HealthState, OrderCalls, OrderCapacity,
    Quota, RateLimiter, RequestPlace, Source, SourceTraits, VendorKind,
};
pub use store::StoreError;
pub use text::{Language, Locale, LocalizedText, Texts};
pub use time::{Clock, Freshness, FreshnessMode, Observed, SystemClock, later};
pub use turn::{Endpoint, ReadyCall, RequestClass, RequestTurn, ReservationKey, TurnScope};
pub use web_url::{FirstWebUrl, InvalidWebUrl, WebUrl};
