//! Cache tags of responses, and purges of the shared HTTP caches ("edges") in front of the service.

mod pending;
mod purger;
mod tag;

pub use purger::{EdgeStatus, PurgeError, PurgeSettings, Purger, check_edge};
pub use tag::{EdgeTag, response_tags};
