//! Cursors: where a page ended, as opaque text. Keyset, so that rows which come and go never shift a page.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};

use crate::error::RequestError;
use domain::ids::{EventKey, PerformanceKey, SourceId};

/// Bytes of the checksum that tells a damaged cursor from one of ours.
const CHECK: usize = 6;
const EVENT: &str = "1e";
const PERFORMANCE: &str = "1p";
const SKIP: &str = "1s";
/// Stands between the parts; none of them can hold it.
const BETWEEN: char = '\0';

/// The place of an event in the merged list.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventCursor {
    /// Begin of the run in milliseconds; the least value where it has none.
    pub at: i64,
    /// Its source.
    pub source: SourceId,
    /// Its key there.
    pub key: EventKey,
}

impl EventCursor {
    /// The cursor as opaque text.
    pub fn encode(&self) -> String {
        seal(&format!("{EVENT}{BETWEEN}{}{BETWEEN}{}{BETWEEN}{}", self.at, self.source, self.key))
    }

    /// Reads the argument `after`.
    pub fn decode(text: &str) -> Result<Self, RequestError> {
        let parts = open(text, EVENT)?;
        let mut parts = parts.splitn(3, BETWEEN);
        let (Some(at), Some(source), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(not_ours());
        };
        Ok(Self { at: number(at)?, source: SourceId::new(source), key: EventKey::new(key) })
    }
}

/// The place of a performance among those of its event.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PerformanceCursor {
    /// Begin in milliseconds (of the day, where it has no time); the least value where it has neither.
    pub at: i64,
    /// Its key.
    pub key: PerformanceKey,
}

impl PerformanceCursor {
    /// The cursor as opaque text.
    pub fn encode(&self) -> String {
        seal(&format!("{PERFORMANCE}{BETWEEN}{}{BETWEEN}{}", self.at, self.key))
    }

    /// Reads the argument `after`.
    pub fn decode(text: &str) -> Result<Self, RequestError> {
        let parts = open(text, PERFORMANCE)?;
        let (at, key) = parts.split_once(BETWEEN).ok_or_else(not_ours)?;
        Ok(Self { at: number(at)?, key: PerformanceKey::new(key) })
    }
}

/// How many rows came before, for vendors that page by number only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SkipCursor(pub usize);

impl SkipCursor {
    /// The cursor as opaque text.
    pub fn encode(self) -> String {
        seal(&format!("{SKIP}{BETWEEN}{}", self.0))
    }

    /// Reads the argument `after`.
    pub fn decode(text: &str) -> Result<Self, RequestError> {
        number(&open(text, SKIP)?).map(Self)
    }
}

fn seal(content: &str) -> String {
    let mut bytes = Vec::with_capacity(CHECK + content.len());
    bytes.extend_from_slice(&Sha256::digest(content)[..CHECK]);
    bytes.extend_from_slice(content.as_bytes());
    URL_SAFE_NO_PAD.encode(bytes)
}

/// What stands behind the kind, once the checksum and the kind are right.
fn open(text: &str, kind: &str) -> Result<String, RequestError> {
    let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| not_ours())?;
    let (check, content) = bytes.split_at_checked(CHECK).ok_or_else(not_ours)?;
    if Sha256::digest(content)[..CHECK] != *check {
        return Err(not_ours());
    }
    let content = std::str::from_utf8(content).map_err(|_| not_ours())?;
    let rest = content.strip_prefix(kind).and_then(|rest| rest.strip_prefix(BETWEEN)).ok_or_else(not_ours)?;
    Ok(rest.to_owned())
}

fn number<N: std::str::FromStr>(text: &str) -> Result<N, RequestError> {
    text.parse().map_err(|_| not_ours())
}

fn not_ours() -> RequestError {
    RequestError::new("after", "a cursor of this list")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sample() -> EventCursor {
        EventCursor { at: 1_790_000_000_000, source: SourceId::new("harbor"), key: EventKey::new("66f0") }
    }

    #[test]
    fn a_cursor_of_another_list_names_the_argument_after() {
        let other = PerformanceCursor { at: 0, key: PerformanceKey::new("1") }.encode();
        for wrong in ["", "x", "MTIz", "not base64!", &other] {
            let refused = EventCursor::decode(wrong).expect_err(wrong);
            assert_eq!((refused.argument.as_ref(), refused.expected.as_ref()), ("after", "a cursor of this list"));
        }
    }

    proptest! {
        #[test]
        fn a_cursor_survives_the_way_out_and_back(at: i64, source in "[a-z-]{1,12}", key in "[^\0]{0,20}") {
            let cursor = EventCursor { at, source: SourceId::new(source), key: EventKey::new(key) };
            prop_assert_eq!(EventCursor::decode(&cursor.encode()), Ok(cursor));
        }

        #[test]
        fn a_cursor_with_one_changed_character_is_refused(place: prop::sample::Index, letter in "[A-Za-z0-9_-]") {
            let mut text = sample().encode();
            let place = place.index(text.len());
            prop_assume!(text[place..=place] != letter);
            text.replace_range(place..=place, &letter);
            prop_assert!(EventCursor::decode(&text).is_err());
        }
    }
}
