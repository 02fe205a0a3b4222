//! Where an answer is kept: what was asked of whom about what, and the tags by which it is forgotten.

use std::fmt;
use std::time::Duration;

use jiff::civil::Date;

use domain::{EventKey, Operation, PerformanceKey, Scope, SourceId, Window};

/// What an answer is about.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Subject {
    /// All events in a scope.
    List(Scope),
    /// One event.
    Event(EventKey),
    /// One performance.
    Performance(PerformanceKey),
}

/// The part of time that an answer covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Extent {
    /// All of it.
    Whole,
    /// Performances inside a window.
    Window(Window),
    /// Days, both included.
    Days(Date, Date),
}

/// Names an answer. Holds all that the vendor sees of the question, and nothing of who asked.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Slot {
    pub(crate) source: SourceId,
    pub(crate) operation: Operation,
    pub(crate) subject: Subject,
    pub(crate) extent: Extent,
}

/// Names a flight: availability that may be of a different age is asked for apart.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct FlightKey {
    pub(crate) slot: Slot,
    pub(crate) max_age: Option<Duration>,
}

/// What an answer is forgotten by.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Tag {
    /// Everything of a source.
    Source(SourceId),
    /// The lists of events of a source.
    Lists(SourceId),
    /// One event and what hangs on it.
    Event(SourceId, EventKey),
    /// All performances of a source.
    Performances(SourceId),
    /// One performance.
    Performance(SourceId, PerformanceKey),
}

impl Slot {
    /// The tags of the answer; any of them makes it void.
    pub(crate) fn tags(&self) -> Vec<Tag> {
        let source = || self.source.clone();
        match &self.subject {
            Subject::List(_) => vec![Tag::Source(source()), Tag::Lists(source())],
            Subject::Event(key) => vec![Tag::Source(source()), Tag::Event(source(), key.clone())],
            Subject::Performance(key) => {
                vec![Tag::Source(source()), Tag::Performances(source()), Tag::Performance(source(), key.clone())]
            }
        }
    }

    /// How much of the memory the name itself takes, in bytes.
    pub(super) fn weight(&self) -> usize {
        let text = match &self.subject {
            Subject::List(_) => 0,
            Subject::Event(key) => key.as_str().len(),
            Subject::Performance(key) => key.as_str().len(),
        };
        size_of::<Self>() + text
    }
}

/// The name as a shared store knows it. The free text of a key comes last, so that no two names meet.
impl fmt::Display for Slot {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}:{}:", self.source, self.operation.name())?;
        match self.extent {
            Extent::Whole => {}
            Extent::Window(Window { from, to, limit }) => match to {
                Some(to) => write!(out, "{from},{to},{limit}:")?,
                None => write!(out, "{from},,{limit}:")?,
            },
            Extent::Days(from, to) => write!(out, "{from},{to}:")?,
        }
        match &self.subject {
            Subject::List(scope) => write!(out, "{scope:?}"),
            Subject::Event(key) => out.write_str(key.as_str()),
            Subject::Performance(key) => out.write_str(key.as_str()),
        }
    }
}

/// The mark as a shared store knows it.
impl fmt::Display for Tag {
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
    fn different_questions_have_different_names() {
        let from = "2027-03-14T09:00:00Z".parse().expect("a timestamp");
        let slot = |operation, subject, extent| Slot { source: SourceId::new("opera"), operation, subject, extent };
        let event = || Subject::Event(EventKey::new("4:2"));
        let window = |to, limit| Extent::Window(Window { from, to, limit });
        let day = jiff::civil::date(2027, 3, 14);
        let slots = [
            slot(Operation::ListEvents, Subject::List(Scope::Public), Extent::Whole),
            slot(Operation::ListEvents, Subject::List(Scope::Everything), Extent::Whole),
            slot(Operation::LoadEvents, event(), Extent::Whole),
            slot(Operation::LoadTicketTypes, event(), Extent::Whole),
            slot(Operation::ListPerformances, event(), window(None, 3)),
            slot(Operation::ListPerformances, event(), window(None, 4)),
            slot(Operation::ListPerformances, event(), window(Some(from), 3)),
            slot(Operation::LoadCalendar, event(), Extent::Days(day, day)),
            slot(Operation::LoadPerformances, Subject::Performance(PerformanceKey::new("4:2")), Extent::Whole),
            slot(Operation::LoadAvailability, Subject::Performance(PerformanceKey::new("4:2")), Extent::Whole),
        ];
        let names: std::collections::BTreeSet<_> = slots.iter().map(Slot::to_string).collect();
        assert_eq!(names.len(), slots.len(), "{names:#?}");
    }
}
