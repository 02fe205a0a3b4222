//! Cache of templates: nearly every call needs their schedules, which decide the days to request and whether resellers
//! may sell.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use parking_lot::Mutex;

use crate::wire::catalog::Template;
use domain::Freshness;

/// Time for which a cached template may be used for planning. Facts about events are always fetched.
const TTL: SignedDuration = SignedDuration::from_secs(60);

/// A cached template and the time it was fetched.
#[derive(Clone)]
pub(crate) struct CachedTemplate {
    pub(crate) template: Arc<Template>,
    pub(crate) fetched_at: Timestamp,
}

impl CachedTemplate {
    /// Freshness of facts derived from this template.
    pub(crate) fn freshness(&self, now: Timestamp) -> Freshness {
        let live = Freshness::live(self.fetched_at);
        if live.is_within(Duration::ZERO, now) {
            live
        } else {
            Freshness { mode: domain::FreshnessMode::Cached, ..live }
        }
    }
}

/// Caches templates for one minute.
#[derive(Default)]
pub(crate) struct TemplateCache(Mutex<HashMap<String, CachedTemplate>>);

impl TemplateCache {
    /// Inserts templates and drops expired ones.
    pub(crate) fn insert(&self, templates: Vec<Template>, now: Timestamp) -> Vec<CachedTemplate> {
        let cached: Vec<CachedTemplate> = templates
            .into_iter()
            .map(|template| CachedTemplate { template: Arc::new(template), fetched_at: now })
            .collect();
        let mut templates = self.0.lock();
        templates.retain(|_, cached| is_fresh(cached, now));
        templates.extend(cached.iter().map(|cached| (cached.template.id.to_string(), cached.clone())));
        cached
    }

    /// Returns a template that has not expired.
    pub(crate) fn get(&self, id: &str, now: Timestamp) -> Option<CachedTemplate> {
        let templates = self.0.lock();
        templates.get(id).filter(|cached| is_fresh(cached, now)).cloned()
    }
}

fn is_fresh(cached: &CachedTemplate, now: Timestamp) -> bool {
    now.duration_since(cached.fetched_at) <= TTL
}
