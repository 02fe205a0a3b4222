//! Cache keys: source, operation, subject and range of a value, and the tags that invalidate it.

use std::fmt;
use std::time::Duration;

use domain::{CatalogScope, EventKey, PerformanceKey, PerformanceWindow, SourceId, VendorOperation};
use jiff::civil::Date;

/// Subject of a cached value.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum CacheSubject {
    /// All events in a scope.
    List(CatalogScope),
    /// One event.
    Event(EventKey),
    /// One performance.
    Performance(PerformanceKey),
}

/// Range of time that a cached value covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum CacheRange {
    /// No restriction.
    Whole,
    /// Performances in a window.
    Window(PerformanceWindow),
    /// Days, both included.
    Days(Date, Date),
}

/// Key of a cached value. Contains everything the vendor sees of the request and nothing about the caller.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct CacheKey {
    pub(crate) source: SourceId,
    pub(crate) operation: VendorOperation,
    pub(crate) subject: CacheSubject,
    pub(crate) range: CacheRange,
}

/// Key of a call in flight. Availability requests with different maximum ages do not share a call.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct FlightKey {
    pub(crate) cache_key: CacheKey,
    pub(crate) max_age: Option<Duration>,
}

/// Tag that invalidates values.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum CacheTag {
    /// Everything of a source.
    Source(SourceId),
    /// The event lists of a source.
    Lists(SourceId),
    /// One event and everything that belongs to it.
    Event(SourceId, EventKey),
    /// All performances of a source.
    Performances(SourceId),
    /// One performance.
    Performance(SourceId, PerformanceKey),
}

impl CacheKey {
    /// Returns the tags of the value. Each of them invalidates it.
    pub(crate) fn tags(&self) -> Vec<CacheTag> {
        let source = || self.source.clone();
        match &self.subject {
            CacheSubject::List(_) => vec![CacheTag::Source(source()), CacheTag::Lists(source())],
            CacheSubject::Event(key) => {
                vec![CacheTag::Source(source()), CacheTag::Event(source(), key.clone())]
            }
            CacheSubject::Performance(key) => vec![
                CacheTag::Source(source()),
                CacheTag::Performances(source()),
                CacheTag::Performance(source(), key.clone()),
            ],
        }
    }

    /// Returns the size of the key in bytes.
    pub(crate) fn weight(&self) -> usize {
        let text = match &self.subject {
            CacheSubject::List(_) => 0,
            CacheSubject::Event(key) => key.as_str().len(),
            CacheSubject::Performance(key) => key.as_str().len(),
        };
        size_of::<Self>() + text
    }
}

/// Name in the shared store. The free text of a key comes last, so that no two keys share a name.
impl fmt::Display for CacheKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}:{}:", self.source, self.operation.name())?;
        match self.range {
            CacheRange::Whole => {}
            CacheRange::Window(PerformanceWindow { from, to, limit }) => match to {
                Some(to) => write!(out, "{from},{to},{limit}:")?,
                None => write!(out, "{from},,{limit}:")?,
            },
            CacheRange::Days(from, to) => write!(out, "{from},{to}:")?,
        }
        match &self.subject {
            CacheSubject::List(scope) => write!(out, "{scope:?}"),
            CacheSubject::Event(key) => out.write_str(key.as_str()),
            CacheSubject::Performance(key) => out.write_str(key.as_str()),
        }
    }
}

/// Name in the shared store.
impl fmt::Display for CacheTag {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Source(source) => write!(out, "{source}:all"),
            Self::Lists(source) => write!(out, "{source}:lists"),
            Self::Event(source, key) => write!(out, "{source}:event:{key}"),
            Self::Performances(source) => write!(out, "{source}:performances"),
            Self::Performance(source, key) => write!(out, "{source}:performance:{key}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn different_queries_have_different_names() {
        let from = "2027-03-14T09:00:00Z".parse().expect("a timestamp");
        let key = |operation, subject, range| CacheKey { source: SourceId::new("opera"), operation, subject, range };
        let event = || CacheSubject::Event(EventKey::new("4:2"));
        let performance = || CacheSubject::Performance(PerformanceKey::new("4:2"));
        let window = |to, limit| CacheRange::Window(PerformanceWindow { from, to, limit });
        let day = jiff::civil::date(2027, 3, 14);
        let keys = [
            key(VendorOperation::ListEvents, CacheSubject::List(CatalogScope::Public), CacheRange::Whole),
            key(VendorOperation::ListEvents, CacheSubject::List(CatalogScope::All), CacheRange::Whole),
            key(VendorOperation::LoadEvents, event(), CacheRange::Whole),
            key(VendorOperation::LoadTicketTypes, event(), CacheRange::Whole),
            key(VendorOperation::ListPerformances, event(), window(None, 3)),
            key(VendorOperation::ListPerformances, event(), window(None, 4)),
            key(VendorOperation::ListPerformances, event(), window(Some(from), 3)),
            key(VendorOperation::LoadCalendar, event(), CacheRange::Days(day, day)),
            key(VendorOperation::LoadPerformances, performance(), CacheRange::Whole),
            key(VendorOperation::LoadAvailability, performance(), CacheRange::Whole),
        ];
        let names: std::collections::BTreeSet<_> = keys.iter().map(CacheKey::to_string).collect();
        assert_eq!(names.len(), keys.len(), "{names:#?}");
    }
}
