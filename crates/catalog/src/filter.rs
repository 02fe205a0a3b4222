//! Which events a list shows.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::error::RequestError;
use crate::paging::check_days;
use domain::catalog::{Event, EventStatus, Scope};
use domain::ids::{EventKey, SourceId};
use domain::source::{Source, VendorKind};
use domain::text::Text;

/// The events that a reseller may sell: by source, all of them or only some. A source that is not named has none.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Allowed(pub BTreeMap<SourceId, Option<BTreeSet<EventKey>>>);

impl Allowed {
    fn has(&self, source: &SourceId, event: &EventKey) -> bool {
        self.0.get(source).is_some_and(|some| some.as_ref().is_none_or(|keys| keys.contains(event)))
    }
}

/// Which events are wanted. What is `None` is not asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct EventFilter {
    /// Stands in title, summary, description, venue or a category, in any language and any case.
    pub text: Option<String>,
    /// Of these sources only.
    pub sources: Option<BTreeSet<SourceId>>,
    /// Of these vendors only.
    pub vendors: Option<BTreeSet<VendorKind>>,
    /// Whose run has not ended before this day, in the zone of the source.
    pub from: Option<Date>,
    /// Whose run has begun by the end of this day, in the zone of the source.
    pub to: Option<Date>,
    /// In one of these states; `None`: any but draft.
    pub status: Option<Vec<EventStatus>>,
    /// Private ones too.
    pub include_private: bool,
    /// Of these only.
    pub allowed: Option<Arc<Allowed>>,
}

impl EventFilter {
    /// Refuses reversed days and more than 366 of them.
    pub fn check(&self) -> Result<(), RequestError> {
        match (self.from, self.to) {
            (Some(from), Some(to)) => check_days("filter.to", from, to),
            _ => Ok(()),
        }
    }

    /// Whether drafts are asked for.
    pub fn lists_drafts(&self) -> bool {
        self.status.as_ref().is_some_and(|states| states.contains(&EventStatus::Draft))
    }

    /// What the sources must be asked for.
    pub(super) fn scope(&self) -> Scope {
        if self.include_private || self.lists_drafts() { Scope::Everything } else { Scope::Public }
    }

    /// Whether any event of the source may be shown.
    pub(super) fn wants_source(&self, source: &Source) -> bool {
        self.sources.as_ref().is_none_or(|wanted| wanted.contains(&source.id))
            && self.vendors.as_ref().is_none_or(|wanted| wanted.contains(&source.vendor))
            && self.allowed.as_ref().is_none_or(|allowed| allowed.0.contains_key(&source.id))
    }

    /// What every event of a source is measured against; the days become instants of its zone once.
    pub(super) fn for_source<'a>(&'a self, source: &'a Source) -> SourceFilter<'a> {
        let begin = |day: Date| start_of_day(day, &source.time_zone);
        SourceFilter {
            filter: self,
            source: &source.id,
            not_ended_before: self.from.map(begin),
            begun_before: self.to.map(|day| day.tomorrow().map_or(i64::MAX, begin)),
        }
    }

    /// The text to look for, in the case of [`haystack`].
    pub(super) fn needle(&self) -> Option<String> {
        self.text.as_deref().map(str::trim).filter(|text| !text.is_empty()).map(str::to_lowercase)
    }
}

/// A filter in the zone of one source.
pub(super) struct SourceFilter<'a> {
    filter: &'a EventFilter,
    source: &'a SourceId,
    not_ended_before: Option<i64>,
    begun_before: Option<i64>,
}

impl SourceFilter<'_> {
    /// Whether the event is wanted; its text is looked at elsewhere.
    pub(super) fn wants(&self, event: &Event) -> bool {
        let filter = self.filter;
        (filter.include_private || !event.is_private)
            && match &filter.status {
                Some(states) => states.contains(&event.status),
                None => event.status != EventStatus::Draft,
            }
            && self.overlaps(event)
            && filter.allowed.as_ref().is_none_or(|allowed| allowed.has(self.source, &event.key))
    }

    /// Whether the run touches the days. A run without begin or end is open on that side.
    fn overlaps(&self, event: &Event) -> bool {
        let begin = event.starts_at.map_or(i64::MIN, |at| at.as_millisecond());
        let end = event.ends_at.map_or(i64::MAX, |at| at.as_millisecond());
        // A run that ends at the very midnight does not touch the new day, unless it is no longer than that instant.
        self.not_ended_before.is_none_or(|from| end > from || begin == from)
            && self.begun_before.is_none_or(|to| begin < to)
    }
}

/// The first millisecond of a day in a zone.
pub(super) fn start_of_day(day: Date, zone: &TimeZone) -> i64 {
    zone.to_zoned(day.at(0, 0, 0, 0)).map_or(i64::MIN, |begin| begin.timestamp().as_millisecond())
}

/// Everything about an event that a text may be found in, in all languages, lower-cased.
pub(super) fn haystack(event: &Event) -> Box<str> {
    let texts = [Some(&event.title), event.summary.as_ref(), event.description.as_ref()];
    let readings = texts.into_iter().flatten().flat_map(readings);
    let plain = event.venue.iter().chain(&event.categories).map(String::as_str);
    let mut all = String::new();
    for text in readings.chain(plain) {
        all.push_str(&text.to_lowercase());
        // Keeps a needle from being found across two texts.
        all.push('\n');
    }
    all.into_boxed_str()
}

fn readings(text: &Text) -> impl Iterator<Item = &str> {
    std::iter::once(text.main.as_str()).chain(text.translations.values().map(String::as_str))
}
