//! `[edge]`: shared HTTP caches in front of the service.

use std::num::NonZeroUsize;
use std::time::Duration;

use url::Url;

use crate::config::section::Section;

/// Settings of responses for shared caches, and of their purges.
#[derive(Debug, Clone)]
pub struct EdgeConfig {
    /// True if responses that are the same for everybody are public.
    pub enabled: bool,
    /// Edges that get a `PURGE` request when a fact becomes untrue.
    pub purge_urls: Vec<Url>,
    /// Time after its expiry in which an edge may serve a response while it fetches a new one.
    pub stale_while_revalidate: Duration,
    /// Time after its expiry in which an edge may serve a response while the service fails.
    pub stale_if_error: Duration,
    /// Cache tags of one response, besides those of sources; also of one purge.
    pub max_tags: NonZeroUsize,
    /// True if POST queries are public, too, for the response caches of federation routers, which get no purges.
    pub router_caches: bool,
    /// Time limit of a purge.
    pub purge_timeout: Duration,
    /// Tags that wait for one edge.
    pub purge_queue: NonZeroUsize,
}

impl EdgeConfig {
    pub(super) fn read(from: &Section<'_>) -> Self {
        let read = Self {
            enabled: from.get("enabled"),
            purge_urls: from.get("purge_urls"),
            stale_while_revalidate: from.get("stale_while_revalidate"),
            stale_if_error: from.get("stale_if_error"),
            max_tags: from.get("max_tags"),
            router_caches: from.get("router_caches"),
            purge_timeout: from.get("purge_timeout"),
            purge_queue: from.get("purge_queue"),
        };
        from.require_not_longer(
            ("stale_while_revalidate", read.stale_while_revalidate),
            ("stale_if_error", read.stale_if_error),
            "it would never be used",
        );
        from.require_at_most("max_tags", read.max_tags.get(), MAX_TAGS);
        read
    }
}

/// Largest number of tags: 18 bytes each, in a header of less than 8 KiB, which is what Varnish accepts.
const MAX_TAGS: usize = 400;
