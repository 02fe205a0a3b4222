//! Filter of event lists.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use domain::catalog::{CatalogScope, Event, EventStatus};
use domain::ids::{EventKey, SourceId};
use domain::source::{Source, VendorKind};
use domain::text::LocalizedText;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::error::InvalidArgument;
use crate::paging::validate_day_range;

/// The events that a reseller may sell, by source: all of them, or only those listed. A source that is missing has
/// none.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct AllowedEvents(pub BTreeMap<SourceId, Option<BTreeSet<EventKey>>>);

impl AllowedEvents {
    fn contains(&self, source: &SourceId, event: &EventKey) -> bool {
        self.0.get(source).is_some_and(|some| some.as_ref().is_none_or(|keys| keys.contains(event)))
    }
}

/// Filter of an event list. `None` does not restrict the list.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct EventFilter {
    /// Text in the title, summary, description, venue or a category, in any language, ignoring case.
    pub text: Option<String>,
    /// Only events of these sources.
    pub sources: Option<BTreeSet<SourceId>>,
    /// Only events of these vendors.
    pub vendors: Option<BTreeSet<VendorKind>>,
    /// Only events that end on or after this day, in the source's time zone.
    pub from: Option<Date>,
    /// Only events that start on or before this day, in the source's time zone.
    pub to: Option<Date>,
    /// Only events in these states. `None` means all states except draft.
    pub status: Option<Vec<EventStatus>>,
    /// True to include private events.
    pub include_private: bool,
    /// Only events that a reseller may sell.
    pub allowed: Option<Arc<AllowedEvents>>,
}

impl EventFilter {
    /// Rejects a reversed range of days and one of more than 366 days.
    pub fn validate(&self) -> Result<(), InvalidArgument> {
        match (self.from, self.to) {
            (Some(from), Some(to)) => validate_day_range("filter.to", from, to),
            _ => Ok(()),
        }
    }

    /// Returns true if the filter includes drafts.
    pub fn includes_drafts(&self) -> bool {
        self.status.as_ref().is_some_and(|states| states.contains(&EventStatus::Draft))
    }

    /// The visibility to request from sources.
    pub(super) fn scope(&self) -> CatalogScope {
        if self.include_private || self.includes_drafts() { CatalogScope::All } else { CatalogScope::Public }
    }

    /// Returns true if events of the source can match.
    pub(super) fn matches_source(&self, source: &Source) -> bool {
        self.sources.as_ref().is_none_or(|listed| listed.contains(&source.id))
            && self.vendors.as_ref().is_none_or(|listed| listed.contains(&source.vendor))
            && self.allowed.as_ref().is_none_or(|allowed| allowed.0.contains_key(&source.id))
    }

    /// Binds the filter to a source. Converts the days to instants of its time zone once.
    pub(super) fn for_source<'a>(&'a self, source: &'a Source) -> SourceFilter<'a> {
        let begin = |day: Date| start_of_day(day, &source.time_zone);
        SourceFilter {
            filter: self,
            source: &source.id,
            ends_after: self.from.map(begin),
            starts_before: self.to.map(|day| day.tomorrow().map_or(i64::MAX, begin)),
        }
    }

    /// The text to search for, in the case of [`searchable_text`].
    pub(super) fn search_text(&self) -> Option<String> {
        self.text.as_deref().map(str::trim).filter(|text| !text.is_empty()).map(str::to_lowercase)
    }
}

/// A filter in the time zone of one source.
pub(super) struct SourceFilter<'a> {
    filter: &'a EventFilter,
    source: &'a SourceId,
    ends_after: Option<i64>,
    starts_before: Option<i64>,
}

impl SourceFilter<'_> {
    /// Returns true if the event matches, apart from its text.
    pub(super) fn matches(&self, event: &Event) -> bool {
        let filter = self.filter;
        (filter.include_private || !event.is_private)
            && match &filter.status {
                Some(states) => states.contains(&event.status),
                None => event.status != EventStatus::Draft,
            }
            && self.overlaps(event)
            && filter.allowed.as_ref().is_none_or(|allowed| allowed.contains(self.source, &event.key))
    }

    /// Returns true if the run overlaps the days. A run without a start or end is open on that side.
    fn overlaps(&self, event: &Event) -> bool {
        let begin = event.starts_at.map_or(i64::MIN, |at| at.as_millisecond());
        let end = event.ends_at.map_or(i64::MAX, |at| at.as_millisecond());
        // A run that ends at midnight does not overlap the new day, unless it starts at the same instant.
        self.ends_after.is_none_or(|from| end > from || begin == from) && self.starts_before.is_none_or(|to| begin < to)
    }
}

/// The first millisecond of a day in a time zone.
pub(super) fn start_of_day(day: Date, zone: &TimeZone) -> i64 {
    zone.to_zoned(day.at(0, 0, 0, 0)).map_or(i64::MIN, |begin| begin.timestamp().as_millisecond())
}

/// All searchable texts of an event in all languages, in lower case.
pub(super) fn searchable_text(event: &Event) -> Box<str> {
    let texts = [Some(&event.title), event.summary.as_ref(), event.description.as_ref()];
    let readings = texts.into_iter().flatten().flat_map(translations);
    let plain = event.venue.iter().chain(&event.categories).map(String::as_str);
    let mut all = String::new();
    for text in readings.chain(plain) {
        all.push_str(&text.to_lowercase());
        // Prevents matches across two texts.
        all.push('\n');
    }
    all.into_boxed_str()
}

fn translations(text: &LocalizedText) -> impl Iterator<Item = &str> {
    std::iter::once(text.main.as_str()).chain(text.translations.values().map(String::as_str))
}
