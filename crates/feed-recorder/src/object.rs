//! Observed objects and their digests.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use change_feed::{ChangeKind, ChangeSubject, FactKey, FactPart};
use domain::{Event, EventKey, Performance, PerformanceKey, PerformanceWindow, SourceId};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use source_stack::Observation;

/// Part of an event that the public list of its source returns. An event without it is not public, or not known to be.
pub(crate) const LISTED: &str = "listed";
/// Facts of an object by its key.
pub(crate) const LOADED: &str = "loaded";
/// Facts of a performance with its event.
pub(crate) const NESTED: &str = "nested";
const TICKET_TYPES: &str = "types";
const NESTED_TICKET_TYPES: &str = "nested_types";
/// Part of a performance that its lists do not have.
pub(crate) const AVAILABILITY: &str = "availability";
/// Parts that change with each sale.
pub(crate) const SALES: &[&str] =
    &[AVAILABILITY, "listed_availability", "loaded_availability", "nested_availability", "listed_sold", "loaded_sold"];
/// Fields that depend on the time of their reading only.
const TIMES_OF_READING: &[&str] = &["guaranteed_until", "freshness"];
/// Time after the start of a performance at which its facts are forgotten.
pub(crate) const PAST: SignedDuration = SignedDuration::from_hours(31 * 24);
/// Bytes of a digest that are kept.
const DIGEST_BYTES: usize = 16;
/// Largest distance of the start of a dated visit from midnight UTC of its day.
const DAY_MARGIN: SignedDuration = SignedDuration::from_hours(36);

/// The observed parts of one object since it was last compared.
#[derive(Debug, Clone)]
pub(crate) struct ObservedObject {
    /// Observed parts by name.
    pub parts: BTreeMap<&'static str, FactPart>,
    /// Event of a performance.
    pub parent: Option<String>,
    /// Start of a performance.
    pub starts_at: Option<Timestamp>,
    /// Time of a complete list that lacks the object.
    pub gone_at: Option<Timestamp>,
}

impl ObservedObject {
    /// Returns an object that a complete list lacks.
    pub(crate) fn gone(at: Timestamp, parent: Option<String>, starts_at: Option<Timestamp>) -> Self {
        Self { parts: BTreeMap::new(), parent, starts_at, gone_at: Some(at) }
    }

    /// Returns the time of the last list that has the object.
    pub(crate) fn listed_at(&self) -> Option<Timestamp> {
        [LISTED, NESTED].iter().filter_map(|part| self.parts.get(part)).map(|part| part.at).max()
    }
}

/// A list that contains every object of a range.
#[derive(Debug, Clone)]
pub(crate) struct CompleteList {
    pub kind: ChangeKind,
    pub source: SourceId,
    /// Event of the performances.
    pub parent: Option<String>,
    /// Listed keys.
    pub keys: BTreeSet<String>,
    /// Range of the starts of performances.
    pub range: Option<(Timestamp, Timestamp)>,
    pub at: Timestamp,
}

impl CompleteList {
    /// Returns true if an object with this start would be in the list.
    pub(crate) fn covers(&self, starts_at: Option<Timestamp>) -> bool {
        match (self.range, starts_at) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some((from, to)), Some(start)) => from <= start && start < to,
        }
    }
}

/// Observed objects, merged by key, and complete lists.
#[derive(Debug, Default)]
pub(crate) struct Observed {
    pub objects: BTreeMap<FactKey, ObservedObject>,
    pub lists: Vec<CompleteList>,
}

/// Returns the digest of a value, without the fields that depend on the time of its reading only.
pub(crate) fn digest(value: &impl Serialize) -> String {
    // Domain types have no maps with other keys than texts, and no other serialization fails.
    let mut value = serde_json::to_value(value).unwrap_or_default();
    remove_times_of_reading(&mut value);
    hex::encode(&Sha256::digest(value.to_string())[..DIGEST_BYTES])
}

fn remove_times_of_reading(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|name, _| !TIMES_OF_READING.contains(&name.as_str()));
            fields.values_mut().for_each(remove_times_of_reading);
        }
        Value::Array(values) => values.iter_mut().for_each(remove_times_of_reading),
        _ => {}
    }
}

impl Observed {
    /// Adds a part of an object. Parts of later times replace earlier ones. Only a list revives an object that has gone.
    pub(crate) fn add(
        &mut self,
        key: FactKey,
        part: &'static str,
        digest: String,
        at: Timestamp,
    ) -> &mut ObservedObject {
        let object = self.objects.entry(key).or_insert_with(|| ObservedObject {
            parts: BTreeMap::new(),
            parent: None,
            starts_at: None,
            gone_at: None,
        });
        if object.parts.get(part).is_none_or(|known| known.at <= at) {
            object.parts.insert(part, FactPart { digest, at });
        }
        if [LISTED, NESTED].contains(&part) {
            object.gone_at = object.gone_at.filter(|gone| at <= *gone);
        }
        object
    }

    /// Adds the objects of a value that a vendor has returned.
    pub(crate) fn add_observation(&mut self, source: &SourceId, at: Timestamp, value: &Observation) {
        let event_key = |event: &EventKey| key(ChangeKind::Event, source, event.as_str());
        match value {
            Observation::PublicEvents(events) => {
                for event in events.iter() {
                    self.add_event(source, at, event, LISTED);
                }
                let keys = events.iter().map(|event| event.key.as_str().to_owned()).collect();
                let (kind, source) = (ChangeKind::Event, source.clone());
                self.lists.push(CompleteList { kind, source, parent: None, keys, range: None, at });
            }
            Observation::Event(event) => self.add_event(source, at, event, LOADED),
            Observation::TicketTypes(event, listed) => {
                self.add(event_key(event), TICKET_TYPES, digest(listed), at);
            }
            Observation::Performances(event, window, listed) => {
                for performance in listed.iter() {
                    self.add_performance(source, at, performance, LISTED);
                }
                self.lists.extend(complete_list(source, at, event, window, listed));
            }
            Observation::Performance(performance) => self.add_performance(source, at, performance, LOADED),
            Observation::Availability(performance, event, availability) => {
                let object = self.add(performance_key(source, performance), AVAILABILITY, digest(availability), at);
                object.parent = Some(event.as_str().to_owned());
            }
        }
    }

    fn add_event(&mut self, source: &SourceId, at: Timestamp, event: &Event, part: &'static str) {
        let key = key(ChangeKind::Event, source, event.key.as_str());
        let alone =
            Event { listed_ticket_types: None, listed_performances: None, sold_quantity: None, ..event.clone() };
        self.add(key.clone(), part, digest(&alone), at);
        if let Some(sold) = event.sold_quantity {
            let part = if part == LISTED { "listed_sold" } else { "loaded_sold" };
            self.add(key.clone(), part, digest(&sold), at);
        }
        if let Some(listed) = &event.listed_ticket_types {
            self.add(key, NESTED_TICKET_TYPES, digest(listed), at);
        }
        let Some(performances) = &event.listed_performances else { return };
        for performance in performances.iter() {
            self.add_performance(source, at, performance, NESTED);
        }
        let keys = performances.iter().map(|performance| performance.key.as_str().to_owned()).collect();
        self.lists.push(CompleteList {
            kind: ChangeKind::Performance,
            source: source.clone(),
            parent: Some(event.key.as_str().to_owned()),
            keys,
            range: None,
            at,
        });
    }

    fn add_performance(&mut self, source: &SourceId, at: Timestamp, performance: &Performance, part: &'static str) {
        let key = performance_key(source, &performance.key);
        if let Some(availability) = &performance.listed_availability {
            let part = match part {
                LISTED => "listed_availability",
                NESTED => "nested_availability",
                _ => "loaded_availability",
            };
            self.add(key.clone(), part, digest(availability), at);
        }
        let alone = Performance { listed_availability: None, ..performance.clone() };
        let object = self.add(key, part, digest(&alone), at);
        object.parent = Some(performance.event.as_str().to_owned());
        object.starts_at = start(performance);
    }
}

/// Returns the key of an object.
pub(crate) fn key(kind: ChangeKind, source: &SourceId, key: &str) -> FactKey {
    FactKey { kind, source: source.clone(), key: key.to_owned() }
}

fn performance_key(source: &SourceId, performance: &PerformanceKey) -> FactKey {
    key(ChangeKind::Performance, source, performance.as_str())
}

/// Returns the start of a performance, or of its day in UTC.
fn start(performance: &Performance) -> Option<Timestamp> {
    let midnight = |day: jiff::civil::Date| day.to_zoned(TimeZone::UTC).ok().map(|start| start.timestamp());
    performance.starts_at.or_else(|| performance.date.and_then(midnight))
}

/// Returns the range of a window that a list covers, unless the list has ended at its limit without a start.
fn complete_list(
    source: &SourceId,
    at: Timestamp,
    event: &EventKey,
    window: &PerformanceWindow,
    listed: &[Arc<Performance>],
) -> Option<CompleteList> {
    let mut end = window.to.unwrap_or(Timestamp::MAX);
    if listed.len() >= window.limit || window.to.is_none() {
        // A source decides how far it lists without an end.
        end = end.min(listed.last().and_then(|last| start(last))?);
    }
    let from = window.from.saturating_add(DAY_MARGIN).ok()?;
    let to = end.saturating_sub(DAY_MARGIN).ok()?;
    let exact = listed.iter().all(|performance| performance.starts_at.is_some());
    let range = if exact && !listed.is_empty() { (window.from, end) } else { (from, to) };
    Some(CompleteList {
        kind: ChangeKind::Performance,
        source: source.clone(),
        parent: Some(event.as_str().to_owned()),
        keys: listed.iter().map(|performance| performance.key.as_str().to_owned()).collect(),
        range: Some(range),
        at,
    })
}

/// Returns the subject of an entry of the feed.
pub(crate) fn subject(key: &FactKey, parent: Option<&str>) -> ChangeSubject {
    let source = key.source.clone();
    match key.kind {
        ChangeKind::Event => ChangeSubject::Event { source, event: EventKey::new(key.key.as_str()) },
        ChangeKind::Performance => ChangeSubject::Performance {
            source,
            event: parent.map(EventKey::new),
            performance: PerformanceKey::new(key.key.as_str()),
        },
        ChangeKind::Connection => ChangeSubject::Connection { reseller: key.key.clone(), source },
        // Orders, tickets and deliveries are written by their own stores.
        ChangeKind::Source | ChangeKind::Order | ChangeKind::Ticket | ChangeKind::Delivery => {
            ChangeSubject::Source(source)
        }
    }
}
