//! Purges of shared caches in front of the service: from an invalidation of this replica to the tags of the responses that it
//! makes untrue.

use std::sync::Arc;

use async_trait::async_trait;
use edge::{EdgeTag, PurgeSettings, Purger};

use crate::app::sources::Infrastructure;
use crate::config::Config;
use crate::gateway::edge::EdgeSettings;
use crate::gateway::health::Dependency;
use source_stack::Invalidation;

/// Returns the settings of public responses; `None`: there are none.
pub(super) fn edge_settings(config: &Config) -> Option<EdgeSettings> {
    let edge = &config.edge;
    edge.enabled.then(|| EdgeSettings {
        stale_while_revalidate: edge.stale_while_revalidate,
        stale_if_error: edge.stale_if_error,
        max_tags: edge.max_tags.get(),
        router_caches: edge.router_caches,
    })
}

/// Starts the senders of purges. The first purge is of everything: an earlier process may have ended before it sent its last one, or
/// may have had another configuration.
pub(super) fn start_purger(config: &Config, infrastructure: Infrastructure) -> Infrastructure {
    let Infrastructure { client, cache, .. } = &infrastructure;
    let urls = if config.edge.enabled { config.edge.purge_urls.clone() } else { Vec::new() };
    let lifetimes = &config.cache.lifetimes;
    let longest = [lifetimes.lists.max_age, lifetimes.facts.max_age, lifetimes.calendar, lifetimes.availability];
    let settings = PurgeSettings {
        urls,
        timeout: config.edge.purge_timeout,
        queue: config.edge.purge_queue.get(),
        entry_lifetime: longest.into_iter().max().unwrap_or_default() + config.edge.stale_if_error,
    };
    let purger = Purger::start(settings, client);
    purger.purge_everything();
    let (max, sender) = (config.edge.max_tags.get(), Arc::clone(&purger));
    cache.observe_invalidations(move |invalidation| sender.purge(&purged_tags(invalidation, max)));
    Infrastructure { purger: Some(purger), ..infrastructure }
}

/// Returns the tags to purge: at most `max` of performances, otherwise that of their source.
fn purged_tags(invalidation: &Invalidation, max: usize) -> Vec<EdgeTag> {
    match invalidation {
        Invalidation::Everything => vec![EdgeTag::everything()],
        Invalidation::Source(source) => vec![EdgeTag::of_source(source)],
        // Lists and performances of the source may have changed too.
        Invalidation::Event(source, event) => vec![EdgeTag::of_event(source, event), EdgeTag::of_source(source)],
        // The lists of the source contain them, and other events are in the same lists.
        Invalidation::Facts(source, _) => vec![EdgeTag::of_source(source)],
        Invalidation::Sales(source, keys) if keys.len() > max => vec![EdgeTag::of_source(source)],
        Invalidation::Sales(source, keys) => keys.iter().map(|key| EdgeTag::of_event(source, key)).collect(),
        Invalidation::Performances(source, keys) if keys.len() > max => vec![EdgeTag::of_source(source)],
        Invalidation::Performances(source, keys) => {
            let mut tags: Vec<EdgeTag> = keys.iter().map(|key| EdgeTag::of_performance(source, key)).collect();
            tags.push(EdgeTag::of_any_performance(source));
            tags
        }
    }
}

/// Returns the dependencies of `/health/ready`. The service works without its edges: they serve old responses until those expire.
pub(super) fn dependencies(infrastructure: &Infrastructure) -> Vec<Arc<dyn Dependency>> {
    let Some(purger) = &infrastructure.purger else { return Vec::new() };
    let edges = purger.status().into_iter();
    edges.map(|edge| Arc::new(EdgeDependency { name: edge.name, purger: Arc::clone(purger) }) as _).collect()
}

struct EdgeDependency {
    name: String,
    purger: Arc<Purger>,
}

#[async_trait]
impl Dependency for EdgeDependency {
    fn name(&self) -> String {
        format!("edge {}", self.name)
    }

    fn is_required(&self) -> bool {
        false
    }

    async fn check(&self) -> Result<(), String> {
        let status = self.purger.status().into_iter().find(|edge| edge.name == self.name);
        status.and_then(|edge| edge.failure).map_or(Ok(()), |failure| Err(failure.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use domain::{EventKey, PerformanceKey, SourceId};

    use super::*;

    #[test]
    fn a_purge_reaches_every_response_with_an_untrue_fact() {
        let opera = SourceId::new("opera");
        let performances = |count| {
            let keys = (0..count).map(|number| PerformanceKey::new(format!("p{number}")));
            Invalidation::Performances(opera.clone(), keys.collect())
        };
        let of_source = EdgeTag::of_source(&opera);
        assert_eq!(purged_tags(&Invalidation::Everything, 2), [EdgeTag::everything()]);
        assert_eq!(purged_tags(&Invalidation::Source(opera.clone()), 2), std::slice::from_ref(&of_source));
        assert!(purged_tags(&Invalidation::Event(opera.clone(), EventKey::new("e")), 2).contains(&of_source));
        let sold = purged_tags(&performances(2), 2);
        assert!(sold.contains(&EdgeTag::of_performance(&opera, &PerformanceKey::new("p1"))), "{sold:?}");
        assert!(sold.contains(&EdgeTag::of_any_performance(&opera)), "{sold:?}");
        assert_eq!(purged_tags(&performances(3), 2), [of_source]);
    }
}
