//! Cursors: opaque positions in a list. Keyset-based, so that inserted and deleted rows never shift a page.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::ids::{EventKey, PerformanceKey, SourceId};
use sha2::{Digest as _, Sha256};

use crate::error::InvalidArgument;

/// Length in bytes of the checksum that detects damaged cursors.
const CHECKSUM_LEN: usize = 6;
const EVENT_TAG: &str = "1e";
const PERFORMANCE_TAG: &str = "1p";
const OFFSET_TAG: &str = "1s";
/// Separates the parts. No part can contain it.
const SEPARATOR: char = '\0';

/// The position of an event in the merged list.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventCursor {
    /// Start of the run in milliseconds, or the smallest value if it has none.
    pub starts_at_ms: i64,
    /// The source.
    pub source: SourceId,
    /// The key in the source.
    pub key: EventKey,
}

impl EventCursor {
    /// Encodes the cursor as opaque text.
    pub fn encode(&self) -> String {
        encode(&format!("{EVENT_TAG}{SEPARATOR}{}{SEPARATOR}{}{SEPARATOR}{}", self.starts_at_ms, self.source, self.key))
    }

    /// Decodes the argument `after`.
    pub fn decode(text: &str) -> Result<Self, InvalidArgument> {
        let parts = decode(text, EVENT_TAG)?;
        let mut parts = parts.splitn(3, SEPARATOR);
        let (Some(at), Some(source), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(invalid_cursor());
        };
        Ok(Self { starts_at_ms: parse_number(at)?, source: SourceId::new(source), key: EventKey::new(key) })
    }
}

/// The position of a performance among those of its event.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PerformanceCursor {
    /// Start in milliseconds (of the day, if it has no time), or the smallest value if it has neither.
    pub starts_at_ms: i64,
    /// The key.
    pub key: PerformanceKey,
}

impl PerformanceCursor {
    /// Encodes the cursor as opaque text.
    pub fn encode(&self) -> String {
        encode(&format!("{PERFORMANCE_TAG}{SEPARATOR}{}{SEPARATOR}{}", self.starts_at_ms, self.key))
    }

    /// Decodes the argument `after`.
    pub fn decode(text: &str) -> Result<Self, InvalidArgument> {
        let parts = decode(text, PERFORMANCE_TAG)?;
        let (at, key) = parts.split_once(SEPARATOR).ok_or_else(invalid_cursor)?;
        Ok(Self { starts_at_ms: parse_number(at)?, key: PerformanceKey::new(key) })
    }
}

/// Number of preceding rows, for vendors that page by offset only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct OffsetCursor(pub usize);

impl OffsetCursor {
    /// Encodes the cursor as opaque text.
    pub fn encode(self) -> String {
        encode(&format!("{OFFSET_TAG}{SEPARATOR}{}", self.0))
    }

    /// Decodes the argument `after`.
    pub fn decode(text: &str) -> Result<Self, InvalidArgument> {
        parse_number(&decode(text, OFFSET_TAG)?).map(Self)
    }
}

fn encode(content: &str) -> String {
    let mut bytes = Vec::with_capacity(CHECKSUM_LEN + content.len());
    bytes.extend_from_slice(&Sha256::digest(content)[..CHECKSUM_LEN]);
    bytes.extend_from_slice(content.as_bytes());
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Returns the content behind the tag after checking the checksum and the tag.
fn decode(text: &str, kind: &str) -> Result<String, InvalidArgument> {
    let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| invalid_cursor())?;
    let (check, content) = bytes.split_at_checked(CHECKSUM_LEN).ok_or_else(invalid_cursor)?;
    if Sha256::digest(content)[..CHECKSUM_LEN] != *check {
        return Err(invalid_cursor());
    }
    let content = std::str::from_utf8(content).map_err(|_| invalid_cursor())?;
    let rest = content.strip_prefix(kind).and_then(|rest| rest.strip_prefix(SEPARATOR)).ok_or_else(invalid_cursor)?;
    Ok(rest.to_owned())
}

fn parse_number<N: std::str::FromStr>(text: &str) -> Result<N, InvalidArgument> {
    text.parse().map_err(|_| invalid_cursor())
}

fn invalid_cursor() -> InvalidArgument {
    InvalidArgument::new("after", "a cursor of this list")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sample() -> EventCursor {
        EventCursor { starts_at_ms: 1_790_000_000_000, source: SourceId::new("harbor"), key: EventKey::new("66f0") }
    }

    #[test]
    fn a_cursor_of_another_list_names_the_argument_after() {
        let other = PerformanceCursor { starts_at_ms: 0, key: PerformanceKey::new("1") }.encode();
        for invalid in ["", "x", "MTIz", "not base64!", &other] {
            let error = EventCursor::decode(invalid).expect_err(invalid);
            assert_eq!((error.argument.as_ref(), error.expected.as_ref()), ("after", "a cursor of this list"));
        }
    }

    proptest! {
        #[test]
        fn a_cursor_decodes_to_what_was_encoded(starts_at_ms: i64, source in "[a-z-]{1,12}", key in "[^\0]{0,20}") {
            let cursor = EventCursor { starts_at_ms, source: SourceId::new(source), key: EventKey::new(key) };
            prop_assert_eq!(EventCursor::decode(&cursor.encode()), Ok(cursor));
        }

        #[test]
        fn a_cursor_with_one_changed_character_is_rejected(position: prop::sample::Index, letter in "[A-Za-z0-9_-]") {
            let mut text = sample().encode();
            let position = position.index(text.len());
            prop_assume!(text[position..=position] != letter);
            text.replace_range(position..=position, &letter);
            prop_assert!(EventCursor::decode(&text).is_err());
        }
    }
}
