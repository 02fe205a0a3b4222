//! The topic of authoring: what the back office of a source lets us edit.

mod belongings;
mod input;
mod mutation;
mod payload;
mod schedule;
mod section;
mod view;

pub use mutation::AuthoringMutation;
pub use section::SectionMutation;
pub use view::EventAuthoring;
