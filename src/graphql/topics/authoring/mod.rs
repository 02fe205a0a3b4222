//! Authoring: the fields that a source's back office lets API users edit.

mod associations;
mod event_authoring;
mod input;
mod mutation;
mod payload;
mod schedule;
mod section;

pub use event_authoring::EventAuthoring;
pub use mutation::AuthoringMutation;
pub use section::SectionMutation;
