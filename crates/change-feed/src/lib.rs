//! The feed of changes: which object has changed, when, and in which order.
//!
//! An entry names an object and its version, not its values: readers refetch the object, whose state is at least as new as the entry.

mod facts;
mod page;
mod store;
mod subject;

pub use crate::facts::{FactChange, FactKey, FactPart, FactStore, StoredFacts};
pub use crate::page::{FeedError, FeedPage, FeedSlice, page_changes};
pub use crate::store::{Change, ChangeFilter, ChangeStore, NewChange};
pub use crate::subject::{ChangeKind, ChangeSubject, InvalidSubject};
