//! Templates seen lately: schedules decide which days are asked for and whether resellers may sell, so most calls need them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::wire::catalog::Template;
use domain::Freshness;

/// How long a template is good enough to plan with. Facts about events are always asked for.
const LIFETIME: SignedDuration = SignedDuration::from_secs(60);

/// A template, and when the vendor told it.
#[derive(Clone)]
pub(crate) struct Seen {
    pub(crate) template: Arc<Template>,
    pub(crate) at: Timestamp,
}

impl Seen {
    /// How old what follows from it is.
    pub(crate) fn freshness(&self, now: Timestamp) -> Freshness {
        let live = Freshness::live(self.at);
        if live.is_within(Duration::ZERO, now) {
            live
        } else {
            Freshness { mode: domain::FreshnessMode::Cached, ..live }
        }
    }
}

/// Remembers templates for a minute.
#[derive(Default)]
pub(crate) struct Shelf(Mutex<HashMap<String, Seen>>);

impl Shelf {
    /// Takes templates in; what is too old makes room.
    pub(crate) fn put(&self, templates: Vec<Template>, now: Timestamp) -> Vec<Seen> {
        let seen: Vec<Seen> =
            templates.into_iter().map(|template| Seen { template: Arc::new(template), at: now }).collect();
        let mut shelf = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        shelf.retain(|_, seen| is_young(seen, now));
        shelf.extend(seen.iter().map(|seen| (seen.template.id.to_string(), seen.clone())));
        seen
    }

    /// A template that is young enough.
    pub(crate) fn find(&self, id: &str, now: Timestamp) -> Option<Seen> {
        let shelf = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        shelf.get(id).filter(|seen| is_young(seen, now)).cloned()
    }
}

fn is_young(seen: &Seen, now: Timestamp) -> bool {
    now.duration_since(seen.at) <= LIFETIME
}
