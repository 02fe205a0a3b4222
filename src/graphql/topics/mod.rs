//! The topics of the schema, one module each, with their query, mutation and subscription objects.

pub mod admissions;
pub mod audit;
pub mod authoring;
pub mod callers;
pub mod catalog;
pub mod deliveries;
pub mod editing;
pub mod feed;
pub mod orders;
pub mod problem;
pub mod resellers;
pub mod sources;
pub mod webhooks;
