//! Encoding of values in the shared store: with schema version, name and checksum, so that a wrong value is never served.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use crate::cached_value::CachedValue;

/// Version of the encoding of all values. Increment it when a stored type changes; a snapshot test detects such changes.
pub(crate) const SCHEMA_VERSION: u32 = 2;

/// Length of the checksum in front of the encoded entry.
const CHECKSUM_BYTES: usize = 8;
/// Largest difference between the clocks of two replicas.
const MAX_CLOCK_SKEW: jiff::SignedDuration = jiff::SignedDuration::from_secs(60);

/// An entry as it is written.
#[derive(Serialize)]
struct EncodedEntry<'a, V> {
    schema_version: u32,
    name: &'a str,
    tag_versions: &'a [Option<String>],
    fetched_at: Timestamp,
    value: &'a V,
}

/// An entry as it is read, with its value still encoded.
#[derive(Deserialize)]
struct RawEntry<'a> {
    schema_version: u32,
    name: String,
    tag_versions: Vec<Option<String>>,
    fetched_at: Timestamp,
    #[serde(borrow)]
    value: &'a RawValue,
}

/// A decoded entry of the shared store.
#[derive(Debug, PartialEq)]
pub(crate) struct DecodedEntry<V> {
    pub(crate) value: V,
    pub(crate) fetched_at: Timestamp,
    /// Versions of the value's tags when it was requested.
    pub(crate) tag_versions: Vec<Option<String>>,
}

/// Reason for discarding an entry. Its name is a metric label.
#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub(crate) enum DecodeError {
    /// The bytes have been damaged.
    ChecksumMismatch,
    /// The entry was written by another version of the service.
    SchemaMismatch,
    /// The entry belongs to another name.
    NameMismatch,
    /// The entry cannot be parsed.
    Malformed,
    /// The entry was fetched in the future.
    FromFuture,
}

/// Encodes a value. Returns `None` if it takes more than `max_bytes`.
pub(crate) fn encode<V: CachedValue>(
    name: &str,
    tag_versions: &[Option<String>],
    fetched_at: Timestamp,
    value: &V,
    max_bytes: usize,
) -> Option<Vec<u8>> {
    let mut out = LimitedWriter { bytes: vec![0; CHECKSUM_BYTES], max_bytes: max_bytes + CHECKSUM_BYTES };
    let entry = EncodedEntry { schema_version: SCHEMA_VERSION, name, tag_versions, fetched_at, value };
    serde_json::to_writer(&mut out, &entry).ok()?;
    let checksum = checksum(&out.bytes[CHECKSUM_BYTES..]);
    out.bytes[..CHECKSUM_BYTES].copy_from_slice(&checksum);
    Some(out.bytes)
}

/// Decodes and verifies an entry written by `encode`.
pub(crate) fn decode<V: CachedValue>(bytes: &[u8], name: &str, now: Timestamp) -> Result<DecodedEntry<V>, DecodeError> {
    let (expected, body) = bytes.split_at_checked(CHECKSUM_BYTES).ok_or(DecodeError::ChecksumMismatch)?;
    if expected != checksum(body) {
        return Err(DecodeError::ChecksumMismatch);
    }
    let entry: RawEntry<'_> = serde_json::from_slice(body).map_err(|_| DecodeError::Malformed)?;
    if entry.schema_version != SCHEMA_VERSION {
        return Err(DecodeError::SchemaMismatch);
    }
    if entry.name != name {
        return Err(DecodeError::NameMismatch);
    }
    if entry.fetched_at.duration_since(now) > MAX_CLOCK_SKEW {
        return Err(DecodeError::FromFuture);
    }
    let value = serde_json::from_str(entry.value.get()).map_err(|_| DecodeError::Malformed)?;
    Ok(DecodedEntry { value, fetched_at: entry.fetched_at, tag_versions: entry.tag_versions })
}

fn checksum(body: &[u8]) -> [u8; CHECKSUM_BYTES] {
    let mut checksum = [0; CHECKSUM_BYTES];
    checksum.copy_from_slice(&Sha256::digest(body)[..CHECKSUM_BYTES]);
    checksum
}

/// Collects bytes and fails above a limit.
struct LimitedWriter {
    bytes: Vec<u8>,
    max_bytes: usize,
}

impl std::io::Write for LimitedWriter {
    fn write(&mut self, part: &[u8]) -> std::io::Result<usize> {
        if self.bytes.len() + part.len() > self.max_bytes {
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

    use domain::{
        Availability, AvailabilityStatus, Event, EventKey, LocalizedText, Observed, Offer, Section, SectionKey,
    };
    use testkit::{availability, calendar_day, event, performance, price, ticket_type};

    use super::*;

    type EventValue = Observed<Arc<Event>>;

    fn now() -> Timestamp {
        "2027-03-14T09:00:00Z".parse().expect("a timestamp")
    }

    /// An event with a value in every field.
    fn complete() -> EventValue {
        let mut complete = event("e1");
        let key = EventKey::new("e1");
        complete.title.translations.insert(domain::Locale::parse("fr").expect("a tag"), "Opéra".to_owned());
        complete.sections = vec![Section {
            key: SectionKey::new("s1"),
            name: LocalizedText::monolingual("Stalls"),
            capacity: Some(7),
            refs: Vec::new(),
        }];
        complete.listed_ticket_types = Some(Arc::new(vec![ticket_type(&key, 900)]));
        let mut dated = performance("p1", Some(now()));
        let offer = Offer {
            ticket_type: Arc::new(ticket_type(&key, 900)),
            price: price(800),
            vacancies: Some(2),
            status: AvailabilityStatus::Limited,
        };
        dated.listed_availability = Some(Arc::new(Availability { offers: vec![offer], ..availability(3) }));
        complete.listed_performances = Some(Arc::new(vec![Arc::new(dated)]));
        Observed::live(Arc::new(complete), now())
    }

    fn encoded() -> Vec<u8> {
        encode("opera:e1", &[None, Some("t".to_owned())], now(), &complete(), 1 << 20).expect("small enough")
    }

    fn reencoded(change: impl FnOnce(String) -> String) -> Vec<u8> {
        let body = change(String::from_utf8(encoded()[CHECKSUM_BYTES..].to_vec()).expect("text")).into_bytes();
        [&checksum(&body)[..], &body].concat()
    }

    #[test]
    fn a_decoded_entry_equals_the_encoded_one() {
        let decoded = decode::<EventValue>(&encoded(), "opera:e1", now()).expect("an entry");
        let tag_versions = vec![None, Some("t".to_owned())];
        assert_eq!(decoded, DecodedEntry { value: complete(), fetched_at: now(), tag_versions });
    }

    #[test]
    fn damaged_bytes_are_detected() {
        let intact = encoded();
        for at in (0..intact.len()).step_by(7) {
            let mut damaged = intact.clone();
            damaged[at] ^= 1;
            let result = decode::<EventValue>(&damaged, "opera:e1", now());
            assert_eq!(result, Err(DecodeError::ChecksumMismatch), "byte {at}");
        }
        for length in [0, 3, CHECKSUM_BYTES, intact.len() - 1] {
            let result = decode::<EventValue>(&intact[..length], "opera:e1", now());
            assert_eq!(result, Err(DecodeError::ChecksumMismatch));
        }
    }

    #[test]
    fn entries_of_another_schema_name_or_time_are_rejected() {
        let current = format!("\"schema_version\":{SCHEMA_VERSION}");
        let older = reencoded(|body| body.replacen(&current, "\"schema_version\":0", 1));
        assert_eq!(decode::<EventValue>(&older, "opera:e1", now()), Err(DecodeError::SchemaMismatch));
        assert_eq!(decode::<EventValue>(&encoded(), "opera:e2", now()), Err(DecodeError::NameMismatch));
        let early = now() - jiff::SignedDuration::from_mins(5);
        assert_eq!(decode::<EventValue>(&encoded(), "opera:e1", early), Err(DecodeError::FromFuture));
        let invalid = reencoded(|body| body.replace("\"OnSale\"", "\"Onward\""));
        assert_eq!(decode::<EventValue>(&invalid, "opera:e1", now()), Err(DecodeError::Malformed));
        let list = reencoded(|_| "[]".to_owned());
        assert_eq!(decode::<EventValue>(&list, "opera:e1", now()), Err(DecodeError::Malformed));
    }

    #[test]
    fn a_value_above_the_limit_is_not_encoded() {
        let size = encoded().len() - CHECKSUM_BYTES;
        let encoded = |limit| encode("opera:e1", &[None, Some("t".to_owned())], now(), &complete(), limit);
        assert!(encoded(size).is_some() && encoded(size - 1).is_none());
    }

    /// If this fails, a stored type has changed: increment `SCHEMA_VERSION`, then accept the new snapshot.
    #[test]
    fn the_schema_version_is_incremented_when_the_encoding_of_a_value_changes() {
        let body = String::from_utf8(encoded()[CHECKSUM_BYTES..].to_vec()).expect("text");
        let row = serde_json::to_string(&calendar_day(jiff::civil::date(2027, 3, 14), 900, now())).expect("a row");
        insta::assert_snapshot!(format!("{body}\n{row}"));
    }
}
