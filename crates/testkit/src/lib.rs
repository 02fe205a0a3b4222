//! Fakes, fixtures and stub servers for tests.

mod catalog;
mod clock;
mod default_config;
mod fixtures;
mod ordering;
mod pgbouncer;
mod postgres_server;
mod records;
mod source;
mod stub_server;
mod varnish_server;

pub use catalog::{FakeCatalog, FakeOutcome, RecordedCall, ScriptedKey, VENDOR_TEXT};
pub use clock::{ManualClock, TokioClock};
pub use default_config::default_section;
pub use fixtures::{FixtureCase, error_summary, fixture_operations, hostile_json, load_case, load_cases};
pub use ordering::{FakeOrdering, leg};
pub use pgbouncer::PgBouncer;
pub use postgres_server::PostgresServer;
pub use records::{FakeRecords, GeneratedRecords, availability, calendar_day, event, performance, price, ticket_type};
pub use source::{AlwaysUp, UnlimitedRateLimiter, fake_source, traits};
pub use stub_server::StubServer;
pub use varnish_server::VarnishServer;
