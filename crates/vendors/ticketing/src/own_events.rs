//! Events of the host. The public list is everybody's, has no documented filter by host, and its events name no host
//! (`ticketing.md §4.6` \[C\]), so only the list of the host's own events proves it.

use std::collections::HashSet;
use std::sync::atomic::Ordering;

use jiff::{SignedDuration, Timestamp};
use parking_lot::Mutex;

use crate::map::keys;
use crate::{TicketingSource, wire};
use domain::{ErrorKind, VendorError, VendorOperation};

/// Time for which an event that is not in the list of the host's events is not looked for again.
const LIST_AGE: SignedDuration = SignedDuration::from_secs(60);

/// Ids of the events that were seen in the list of the host's events. An event never changes its host.
#[derive(Default)]
pub(crate) struct OwnEvents {
    seen: Mutex<Seen>,
    /// Held by the reader of the list, so that orders that begin together read it once.
    reading: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct Seen {
    ids: HashSet<String>,
    listed_at: Option<Timestamp>,
}

impl OwnEvents {
    /// Adds an event that the host created.
    pub(crate) fn insert(&self, id: &str) {
        self.seen.lock().ids.insert(id.to_owned());
    }

    fn insert_list<'a>(&self, ids: impl Iterator<Item = &'a str>, now: Timestamp) {
        let mut seen = self.seen.lock();
        seen.ids.extend(ids.map(str::to_owned));
        seen.listed_at = Some(now);
    }

    /// Returns true if an event is the host's; `None` if the list must be read first.
    fn contains(&self, id: &str, now: Timestamp) -> Option<bool> {
        let seen = self.seen.lock();
        let is_recent = seen.listed_at.is_some_and(|at| now.duration_since(at) <= LIST_AGE);
        match seen.ids.contains(id) {
            true => Some(true),
            false => is_recent.then_some(false),
        }
    }
}

impl TicketingSource {
    /// Lists all events of the host, without those that name another one. A key below administrator reads the public part, from
    /// the host's own list (`ticketing.md §4.5`). Fails if no list of the host is open to the key.
    pub(super) async fn events_of_host(&self, op: VendorOperation) -> Result<Vec<wire::Event>, VendorError> {
        let host = self.defaults.host.as_str();
        if !self.is_below_administrator.load(Ordering::Relaxed) {
            match self.client.events(op, host).await {
                Err(error) if error.kind == ErrorKind::Unauthorized => {}
                listed => return Ok(self.remember_own(listed?)),
            }
        }
        let listed = match self.client.host_events(op, host).await {
            // No list of the host is open to the key, but the filter of the public one is trusted.
            Err(error) if error.kind == ErrorKind::Unauthorized && self.defaults.facts.trusts_host_filter => {
                self.client.published_events(op, Some(host)).await?
            }
            listed => listed?,
        };
        self.is_below_administrator.store(true, Ordering::Relaxed);
        Ok(self.remember_own(listed))
    }

    /// Lists the published events of the host: those of the public list that are in the list of the host's events too, or as
    /// the public list is filtered, if the configuration trusts the filter.
    pub(super) async fn published_events_of_host(&self, op: VendorOperation) -> Result<Vec<wire::Event>, VendorError> {
        if self.defaults.facts.trusts_host_filter {
            let listed = self.client.published_events(op, Some(&self.defaults.host)).await?;
            return Ok(self.remember_own(listed));
        }
        let (own, mut published) = tokio::try_join!(self.events_of_host(op), self.client.published_events(op, None))?;
        let own: HashSet<&str> = own.iter().filter_map(|event| keys::id_from_uri(&event.uri)).collect();
        published.retain(|event| keys::id_from_uri(&event.uri).is_some_and(|id| own.contains(id)));
        Ok(self.without_foreign(published))
    }

    /// Returns true if an event is the host's, by the host that it names or by the list of the host's events.
    pub(super) async fn is_own(&self, op: VendorOperation, id: &str) -> Result<bool, VendorError> {
        let now = self.clock.now();
        if let Some(is_own) = self.own_events.contains(id, now) {
            return Ok(is_own);
        }
        let _reading = self.own_events.reading.lock().await;
        if let Some(is_own) = self.own_events.contains(id, now) {
            return Ok(is_own);
        }
        self.events_of_host(op).await?;
        Ok(self.own_events.contains(id, now).unwrap_or(false))
    }

    /// Returns true if a single event is the host's.
    pub(super) async fn is_own_event(&self, op: VendorOperation, event: &wire::Event) -> Result<bool, VendorError> {
        match (&event.host, keys::id_from_uri(&event.uri)) {
            (Some(host), _) => Ok(keys::id_from_uri(host) == Some(&self.defaults.host)),
            (None, Some(id)) => self.is_own(op, id).await,
            (None, None) => Ok(false),
        }
    }

    fn remember_own(&self, listed: Vec<wire::Event>) -> Vec<wire::Event> {
        let own = self.without_foreign(listed);
        self.own_events.insert_list(own.iter().filter_map(|event| keys::id_from_uri(&event.uri)), self.clock.now());
        own
    }

    fn without_foreign(&self, mut events: Vec<wire::Event>) -> Vec<wire::Event> {
        let host = &self.defaults.host;
        events.retain(|event| event.host.as_ref().is_none_or(|uri| keys::id_from_uri(uri) == Some(host)));
        events
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unlisted_event_is_looked_for_again_after_a_minute_and_a_listed_one_never() {
        let at = |seconds| Timestamp::UNIX_EPOCH + SignedDuration::from_secs(seconds);
        let own = OwnEvents::default();
        assert_eq!(own.contains("1", at(0)), None);
        own.insert_list(["1"].into_iter(), at(0));
        assert_eq!((own.contains("1", at(0)), own.contains("2", at(60))), (Some(true), Some(false)));
        assert_eq!((own.contains("1", at(9999)), own.contains("2", at(61))), (Some(true), None));
        own.insert("2");
        assert_eq!(own.contains("2", at(61)), Some(true));
    }
}
