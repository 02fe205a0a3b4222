//! An answer on its way to the shared store and back: versioned, named and summed, so that nothing wrong is ever served.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use crate::cache::answer::Answer;

/// The version of the layout of all facts. It goes up with each change to a type that is kept; a test notices.
pub(super) const SHAPE: u32 = 1;

/// The bytes of the sum in front.
const SUM: usize = 8;
/// The clocks of two replicas may differ by this much.
const SKEW: jiff::SignedDuration = jiff::SignedDuration::from_secs(60);

/// What is written around an answer.
#[derive(Serialize)]
struct Written<'a, A> {
    shape: u32,
    name: &'a str,
    marks: &'a [Option<String>],
    fetched_at: Timestamp,
    answer: &'a A,
}

/// What is read around an answer, before the answer itself is looked at.
#[derive(Deserialize)]
struct Read<'a> {
    shape: u32,
    name: String,
    marks: Vec<Option<String>>,
    fetched_at: Timestamp,
    #[serde(borrow)]
    answer: &'a RawValue,
}

/// An answer from the shared store.
#[derive(Debug, PartialEq)]
pub(super) struct Opened<A> {
    pub(super) answer: A,
    pub(super) fetched_at: Timestamp,
    /// The marks that were set when it was asked for.
    pub(super) marks: Vec<Option<String>>,
}

/// Why an entry is dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flaw {
    /// Its bytes are not the ones that were written.
    Torn,
    /// Another version wrote it.
    OtherShape,
    /// It is about something else.
    OtherName,
    /// It does not say what it should.
    Unreadable,
    /// It comes from the future.
    Future,
}

impl Flaw {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Torn => "torn",
            Self::OtherShape => "other_shape",
            Self::OtherName => "other_name",
            Self::Unreadable => "unreadable",
            Self::Future => "future",
        }
    }
}

/// Packs an answer; none where it takes more than `limit` bytes.
pub(super) fn seal<A: Answer>(
    name: &str,
    marks: &[Option<String>],
    fetched_at: Timestamp,
    answer: &A,
    limit: usize,
) -> Option<Vec<u8>> {
    let mut out = Limited { bytes: vec![0; SUM], limit: limit + SUM };
    let written = Written { shape: SHAPE, name, marks, fetched_at, answer };
    serde_json::to_writer(&mut out, &written).ok()?;
    let sum = sum(&out.bytes[SUM..]);
    out.bytes[..SUM].copy_from_slice(&sum);
    Some(out.bytes)
}

/// Opens what `seal` packed, and finds out what is wrong with it.
pub(super) fn open<A: Answer>(bytes: &[u8], name: &str, now: Timestamp) -> Result<Opened<A>, Flaw> {
    let (told, body) = bytes.split_at_checked(SUM).ok_or(Flaw::Torn)?;
    if told != sum(body) {
        return Err(Flaw::Torn);
    }
    let read: Read<'_> = serde_json::from_slice(body).map_err(|_| Flaw::Unreadable)?;
    if read.shape != SHAPE {
        return Err(Flaw::OtherShape);
    }
    if read.name != name {
        return Err(Flaw::OtherName);
    }
    if read.fetched_at.duration_since(now) > SKEW {
        return Err(Flaw::Future);
    }
    let answer = serde_json::from_str(read.answer.get()).map_err(|_| Flaw::Unreadable)?;
    Ok(Opened { answer, fetched_at: read.fetched_at, marks: read.marks })
}

fn sum(body: &[u8]) -> [u8; SUM] {
    let mut short = [0; SUM];
    short.copy_from_slice(&Sha256::digest(body)[..SUM]);
    short
}

/// Keeps bytes up to a limit, and ends at it.
struct Limited {
    bytes: Vec<u8>,
    limit: usize,
}

impl std::io::Write for Limited {
    fn write(&mut self, part: &[u8]) -> std::io::Result<usize> {
        if self.bytes.len() + part.len() > self.limit {
            return Err(std::io::ErrorKind::FileTooLarge.into());
        }
        self.bytes.extend_from_slice(part);
        Ok(part.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::fake::{availability, calendar_day, event, performance, price, ticket_type};
    use domain::{Availability, AvailabilityStatus, Event, EventKey, Observed, Offer, Section, SectionKey, Text};

    type EventAnswer = Observed<Arc<Event>>;

    fn now() -> Timestamp {
        "2027-03-14T09:00:00Z".parse().expect("a timestamp")
    }

    /// An event with something in every field.
    fn full() -> EventAnswer {
        let mut full = event("e1");
        let key = EventKey::new("e1");
        full.title.translations.insert(domain::Locale::parse("fr").expect("a tag"), "Opéra".to_owned());
        full.sections = vec![Section {
            key: SectionKey::new("s1"),
            name: Text::plain("Stalls"),
            capacity: Some(7),
            refs: Vec::new(),
        }];
        full.listed_ticket_types = Some(Arc::new(vec![ticket_type(&key, 900)]));
        let mut dated = performance("p1", Some(now()));
        let offer = Offer {
            ticket_type: Arc::new(ticket_type(&key, 900)),
            price: price(800),
            vacancies: Some(2),
            status: AvailabilityStatus::Limited,
        };
        dated.listed_availability = Some(Arc::new(Availability { offers: vec![offer], ..availability(3) }));
        full.listed_performances = Some(Arc::new(vec![Arc::new(dated)]));
        Observed::live(Arc::new(full), now())
    }

    fn sealed() -> Vec<u8> {
        seal("opera:e1", &[None, Some("m".to_owned())], now(), &full(), 1 << 20).expect("small enough")
    }

    fn resealed(change: impl FnOnce(String) -> String) -> Vec<u8> {
        let body = change(String::from_utf8(sealed()[SUM..].to_vec()).expect("text")).into_bytes();
        [&sum(&body)[..], &body].concat()
    }

    #[test]
    fn what_is_sealed_opens_as_the_same() {
        let opened = open::<EventAnswer>(&sealed(), "opera:e1", now()).expect("an entry");
        assert_eq!(opened, Opened { answer: full(), fetched_at: now(), marks: vec![None, Some("m".to_owned())] });
    }

    #[test]
    fn every_single_bit_that_is_turned_is_noticed() {
        let whole = sealed();
        for at in (0..whole.len()).step_by(7) {
            let mut torn = whole.clone();
            torn[at] ^= 1;
            assert_eq!(open::<EventAnswer>(&torn, "opera:e1", now()), Err(Flaw::Torn), "byte {at}");
        }
        for length in [0, 3, SUM, whole.len() - 1] {
            assert_eq!(open::<EventAnswer>(&whole[..length], "opera:e1", now()), Err(Flaw::Torn));
        }
    }

    #[test]
    fn entries_of_another_shape_name_or_time_are_told_apart() {
        let older = resealed(|body| body.replacen(&format!("\"shape\":{SHAPE}"), "\"shape\":0", 1));
        assert_eq!(open::<EventAnswer>(&older, "opera:e1", now()), Err(Flaw::OtherShape));
        assert_eq!(open::<EventAnswer>(&sealed(), "opera:e2", now()), Err(Flaw::OtherName));
        let early = now() - jiff::SignedDuration::from_mins(5);
        assert_eq!(open::<EventAnswer>(&sealed(), "opera:e1", early), Err(Flaw::Future));
        let odd = resealed(|body| body.replace("\"OnSale\"", "\"Onward\""));
        assert_eq!(open::<EventAnswer>(&odd, "opera:e1", now()), Err(Flaw::Unreadable));
        assert_eq!(open::<EventAnswer>(&resealed(|_| "[]".to_owned()), "opera:e1", now()), Err(Flaw::Unreadable));
    }

    #[test]
    fn what_is_too_large_is_not_packed() {
        let size = sealed().len() - SUM;
        let sealed = |limit| seal("opera:e1", &[None, Some("m".to_owned())], now(), &full(), limit);
        assert!(sealed(size).is_some() && sealed(size - 1).is_none());
    }

    /// When this fails, a kept type has changed: raise `SHAPE`, then take over the new text.
    #[test]
    fn the_shape_goes_up_when_the_layout_of_a_fact_changes() {
        let body = String::from_utf8(sealed()[SUM..].to_vec()).expect("text");
        let row = serde_json::to_string(&calendar_day(jiff::civil::date(2027, 3, 14), 900, now())).expect("a row");
        insta::assert_snapshot!(format!("{body}\n{row}"));
    }
}
