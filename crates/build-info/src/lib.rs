//! Version, commit and date of a build.

/// Version with the commit and its date. The date is that of the commit, not of the build, so that a build can be repeated.
pub const VERSION: &str =
    concat!(env!("CARGO_PKG_VERSION"), " (", env!("TICKETGRAPH_COMMIT"), " ", env!("TICKETGRAPH_COMMIT_DATE"), ")");
