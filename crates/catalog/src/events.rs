//! Events of many sources as one list, and by key.

use std::sync::Arc;

use futures_util::future::join_all;

use crate::Federation;
use crate::cursor::EventCursor;
use crate::error::RequestError;
use crate::filter::EventFilter;
use crate::paging::PageSize;
use crate::sourced::{Sourced, SourcedEvent};
use crate::view::{SourceList, begin};
use domain::Scope;
use domain::catalog::{Event, TicketType};
use domain::error::{ErrorKind, Operation, VendorError};
use domain::ids::{EventKey, SourceId};
use domain::source::Source;
use domain::time::{Freshness, Observed};

/// A page of events that is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventQuery {
    /// Which events.
    pub filter: EventFilter,
    /// How many.
    pub first: PageSize,
    /// Behind which.
    pub after: Option<EventCursor>,
}

impl EventQuery {
    /// Checks the arguments of a list of events.
    pub fn new(filter: EventFilter, first: Option<i32>, after: Option<&str>) -> Result<Self, RequestError> {
        filter.check()?;
        let after = after.map(EventCursor::decode).transpose()?;
        Ok(Self { filter, first: PageSize::new(first)?, after })
    }
}

/// A page of the merged list.
pub struct EventPage {
    /// The events, by begin (none first), then source, then key.
    pub events: Vec<SourcedEvent>,
    /// Whether more follow.
    pub has_next: bool,
    /// Whether some came before.
    pub has_previous: bool,
    /// How many match in all, of the sources that answered.
    pub total: usize,
    /// How old the list of each source is that answered, of its events on this page or not.
    pub ages: Vec<(SourceId, Freshness)>,
    /// The sources that did not answer.
    pub problems: Vec<VendorError>,
}

impl Sourced<Observed<Arc<Event>>> {
    /// Where the event stands in the merged list.
    pub fn cursor(&self) -> EventCursor {
        let event = &self.value.value;
        EventCursor { at: begin(event), source: self.source.id.clone(), key: event.key.clone() }
    }
}

impl Federation {
    /// A page of the events of all sources that the filter wants. A source that fails is a problem of the page.
    pub async fn list_events(&self, query: &EventQuery) -> Result<EventPage, RequestError> {
        let filter = &query.filter;
        if filter.sources.iter().flatten().any(|id| self.find_source(id).is_none()) {
            return Err(RequestError::new("filter.sources", "ids of configured sources"));
        }
        let (lists, ages, problems) = self.fan_out(filter).await;
        let told = lists.iter().zip(&ages).map(|(list, age)| (list.source.id.clone(), *age)).collect();
        let view = self.views.merged(filter.scope(), lists);
        let entries = view.filtered(filter);
        let start = query.after.as_ref().map_or(0, |after| view.passed(&entries, after));
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
            ages: told,
            problems,
        })
    }

    /// Asks every wanted source for its list; both answers and problems are in the order of source ids.
    async fn fan_out(&self, filter: &EventFilter) -> (Vec<SourceList>, Vec<Freshness>, Vec<VendorError>) {
        let scope = filter.scope();
        let wanted = self.sources.iter().filter(|source| filter.wants_source(source));
        let calls = wanted.map(|source| async move {
            (source, self.ask(source, Operation::ListEvents, source.catalog.list_events(scope)).await)
        });
        let (mut lists, mut ages, mut problems) = (Vec::new(), Vec::new(), Vec::new());
        for (source, answer) in join_all(calls).await {
            match answer {
                Ok(list) => {
                    lists.push(SourceList { source: Arc::clone(source), events: list.value });
                    ages.push(list.freshness);
                }
                Err(failure) => problems.push(failure),
            }
        }
        (lists, ages, problems)
    }

    /// Events by key, private ones and drafts too, in the order asked for.
    pub async fn load_events(&self, keys: &[Sourced<EventKey>]) -> Vec<Result<SourcedEvent, VendorError>> {
        let answers = self.bulk(Operation::LoadEvents, keys, |source, keys| source.catalog.load_events(keys)).await;
        keys.iter()
            .zip(answers)
            .map(|(key, answer)| answer.map(|event| Sourced::new(Arc::clone(&key.source), event)))
            .collect()
    }

    /// The ticket types of events, in the order asked for. What came along with an event is taken without a call.
    pub async fn load_ticket_types(
        &self,
        events: &[SourcedEvent],
    ) -> Vec<Result<Observed<Arc<Vec<TicketType>>>, VendorError>> {
        let unlisted: Vec<_> =
            events.iter().filter(|event| listed_ticket_types(event).is_none()).map(Sourced::to_key).collect();
        let answers = self
            .bulk(Operation::LoadTicketTypes, &unlisted, |source, keys| source.catalog.load_ticket_types(keys))
            .await;
        let mut answers = answers.into_iter();
        events.iter().filter_map(|event| listed_ticket_types(event).map(Ok).or_else(|| answers.next())).collect()
    }
}

impl Federation {
    /// The ticket type that an id of the vendor means, among those of this event, else of the first event of the source that has
    /// it: the event, its ticket types, and the place among them.
    pub async fn find_ticket_type(
        &self,
        source: &Arc<Source>,
        event: Option<&EventKey>,
        id: &str,
    ) -> Result<Option<TicketTypePlace>, VendorError> {
        let events = match event {
            Some(key) => {
                let asked = [Sourced::new(Arc::clone(source), key.clone())];
                self.load_events(&asked).await.into_iter().collect::<Result<Vec<_>, _>>()?
            }
            None => {
                let listing = source.catalog.list_events(Scope::Everything);
                let listed = self.ask(source, Operation::ListEvents, listing).await?;
                let known = |event: &Arc<Event>| Observed { value: Arc::clone(event), freshness: listed.freshness };
                listed.value.iter().map(|event| Sourced::new(Arc::clone(source), known(event))).collect()
            }
        };
        let told = self.load_ticket_types(&events).await;
        let mut failure = None;
        for (event, kinds) in events.into_iter().zip(told) {
            match kinds {
                Ok(kinds) => {
                    if let Some(place) = kinds.value.iter().position(|kind| kind.is_named(id)) {
                        return Ok(Some(TicketTypePlace { event, kinds: kinds.value, place }));
                    }
                }
                Err(error) if error.kind == ErrorKind::NotFound => {}
                Err(error) => failure = Some(error),
            }
        }
        failure.map_or(Ok(None), Err)
    }
}

/// Where a ticket type stands.
pub struct TicketTypePlace {
    /// The event that it is for.
    pub event: SourcedEvent,
    /// All ticket types of the event.
    pub kinds: Arc<Vec<TicketType>>,
    /// Its place among them.
    pub place: usize,
}

/// The ticket types that came along with the event.
fn listed_ticket_types(event: &SourcedEvent) -> Option<Observed<Arc<Vec<TicketType>>>> {
    let Observed { value, freshness } = &event.value;
    value.listed_ticket_types.clone().map(|listed| Observed { value: listed, freshness: *freshness })
}
