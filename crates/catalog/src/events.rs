//! Events of many sources as one list, and by key.

use std::sync::Arc;

use domain::CatalogScope;
use domain::catalog::{Event, TicketType};
use domain::error::{ErrorKind, VendorError, VendorOperation};
use domain::ids::{EventKey, SourceId};
use domain::source::Source;
use domain::time::{Freshness, Observed};
use futures_util::future::join_all;

use crate::UnifiedCatalog;
use crate::cursor::EventCursor;
use crate::error::InvalidArgument;
use crate::filter::EventFilter;
use crate::merged_events::{SourceEvents, starts_at_ms};
use crate::paging::PageSize;
use crate::sourced::{Sourced, SourcedEvent};

/// Query of a page of events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventQuery {
    /// The filter.
    pub filter: EventFilter,
    /// The quantity.
    pub first: PageSize,
    /// The cursor to start after.
    pub after: Option<EventCursor>,
}

impl EventQuery {
    /// Validates the arguments of an event list.
    pub fn new(filter: EventFilter, first: Option<i32>, after: Option<&str>) -> Result<Self, InvalidArgument> {
        filter.validate()?;
        let after = after.map(EventCursor::decode).transpose()?;
        Ok(Self { filter, first: PageSize::new(first)?, after })
    }
}

/// A page of the merged list.
#[derive(Clone)]
pub struct EventPage {
    /// The events, by start time (events without one first), then source, then key.
    pub events: Vec<SourcedEvent>,
    /// True if more rows follow.
    pub has_next: bool,
    /// True if rows precede the page.
    pub has_previous: bool,
    /// Total number of matches in the sources that responded.
    pub total: usize,
    /// The age of each source's list, whether or not the page contains its events.
    pub freshness: Vec<(SourceId, Freshness)>,
    /// The failures of sources.
    pub problems: Vec<VendorError>,
}

impl Sourced<Observed<Arc<Event>>> {
    /// Returns the event's position in the merged list.
    pub fn cursor(&self) -> EventCursor {
        let event = &self.value.value;
        EventCursor { starts_at_ms: starts_at_ms(event), source: self.source.id.clone(), key: event.key.clone() }
    }
}

impl UnifiedCatalog {
    /// Lists a page of the matching events of all sources. A source that fails becomes a problem of the page.
    pub async fn list_events(&self, query: &EventQuery) -> Result<EventPage, InvalidArgument> {
        let filter = &query.filter;
        if filter.sources.iter().flatten().any(|id| self.find_source(id).is_none()) {
            return Err(InvalidArgument::new("filter.sources", "ids of configured sources"));
        }
        let (lists, ages, problems) = self.fan_out(filter).await;
        let age_by_source = lists.iter().zip(&ages).map(|(list, age)| (list.source.id.clone(), *age)).collect();
        let view = self.merged_events.get_or_merge(filter.scope(), lists);
        let entries = view.filtered(filter);
        let start = query.after.as_ref().map_or(0, |after| view.count_up_to(&entries, after));
        let end = entries.len().min(start + query.first.rows());
        let events = entries[start..end]
            .iter()
            .map(|entry| {
                let (source, event) = view.get(entry);
                let age = ages[entry.list as usize];
                Sourced::new(Arc::clone(source), Observed { value: Arc::clone(event), freshness: age })
            })
            .collect();
        Ok(EventPage {
            events,
            has_next: end < entries.len(),
            has_previous: start > 0,
            total: entries.len(),
            freshness: age_by_source,
            problems,
        })
    }

    /// Calls every matching source for its list. Results and problems are in the order of source ids.
    async fn fan_out(&self, filter: &EventFilter) -> (Vec<SourceEvents>, Vec<Freshness>, Vec<VendorError>) {
        let scope = filter.scope();
        let matching = self.sources.iter().filter(|source| filter.matches_source(source));
        let calls = matching.map(|source| async move {
            (source, self.call_source(source, VendorOperation::ListEvents, source.catalog.list_events(scope)).await)
        });
        let (mut lists, mut ages, mut problems) = (Vec::new(), Vec::new(), Vec::new());
        for (source, result) in join_all(calls).await {
            match result {
                Ok(list) => {
                    lists.push(SourceEvents { source: Arc::clone(source), events: list.value });
                    ages.push(list.freshness);
                }
                Err(failure) => problems.push(failure),
            }
        }
        (lists, ages, problems)
    }

    /// Loads events by key, including private events and drafts, in the given order.
    pub async fn load_events(&self, keys: &[Sourced<EventKey>]) -> Vec<Result<SourcedEvent, VendorError>> {
        let results =
            self.bulk_load(VendorOperation::LoadEvents, keys, |source, keys| source.catalog.load_events(keys)).await;
        keys.iter()
            .zip(results)
            .map(|(key, result)| result.map(|event| Sourced::new(Arc::clone(&key.source), event)))
            .collect()
    }

    /// Loads the ticket types of events, in the given order. Ticket types embedded in an event need no call.
    pub async fn load_ticket_types(
        &self,
        events: &[SourcedEvent],
    ) -> Vec<Result<Observed<Arc<Vec<TicketType>>>, VendorError>> {
        let not_embedded: Vec<_> =
            events.iter().filter(|event| embedded_ticket_types(event).is_none()).map(Sourced::to_key).collect();
        let loaded = self
            .bulk_load(VendorOperation::LoadTicketTypes, &not_embedded, |source, keys| {
                source.catalog.load_ticket_types(keys)
            })
            .await;
        let mut loaded = loaded.into_iter();
        events.iter().filter_map(|event| embedded_ticket_types(event).map(Ok).or_else(|| loaded.next())).collect()
    }
}

impl UnifiedCatalog {
    /// Finds a ticket type by the vendor's id, in the given event or else in the first event of the source that has it.
    pub async fn find_ticket_type(
        &self,
        source: &Arc<Source>,
        event: Option<&EventKey>,
        id: &str,
    ) -> Result<Option<TicketTypeMatch>, VendorError> {
        let events = match event {
            Some(key) => {
                let key = [Sourced::new(Arc::clone(source), key.clone())];
                self.load_events(&key).await.into_iter().collect::<Result<Vec<_>, _>>()?
            }
            None => {
                let listing = source.catalog.list_events(CatalogScope::All);
                let listed = self.call_source(source, VendorOperation::ListEvents, listing).await?;
                let observed = |event: &Arc<Event>| Observed { value: Arc::clone(event), freshness: listed.freshness };
                listed.value.iter().map(|event| Sourced::new(Arc::clone(source), observed(event))).collect()
            }
        };
        let results = self.load_ticket_types(&events).await;
        let mut failure = None;
        for (event, listed) in events.into_iter().zip(results) {
            match listed {
                Ok(listed) => {
                    if let Some(index) = listed.value.iter().position(|kind| kind.matches_id(id)) {
                        return Ok(Some(TicketTypeMatch { event, ticket_types: listed.value, index }));
                    }
                }
                Err(error) if error.kind == ErrorKind::NotFound => {}
                Err(error) => failure = Some(error),
            }
        }
        failure.map_or(Ok(None), Err)
    }
}

/// A ticket type found by the vendor's id.
pub struct TicketTypeMatch {
    /// The event of the ticket type.
    pub event: SourcedEvent,
    /// All ticket types of the event.
    pub ticket_types: Arc<Vec<TicketType>>,
    /// Its index in `ticket_types`.
    pub index: usize,
}

/// Returns the ticket types that are embedded in the event.
fn embedded_ticket_types(event: &SourcedEvent) -> Option<Observed<Arc<Vec<TicketType>>>> {
    let Observed { value, freshness } = &event.value;
    value.listed_ticket_types.clone().map(|listed| Observed { value: listed, freshness: *freshness })
}
