//! Hashed cache tags of sources, events and performances.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use domain::{EventKey, PerformanceKey, SourceId};
use sha2::{Digest, Sha256};

/// Tag that every public response has.
const EVERYTHING: &str = "ticketgraph";
/// Bytes of a hash in a tag.
const HASH_BYTES: usize = 8;

/// A cache tag: equal on all replicas and after a restart. It contains a truncated SHA-256 instead of the keys.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EdgeTag {
    text: Arc<str>,
    /// The tag of its source, which all responses with this tag have.
    source: Option<Arc<str>>,
}

impl EdgeTag {
    /// Returns the tag of all public responses.
    pub fn everything() -> Self {
        Self { text: EVERYTHING.into(), source: None }
    }

    /// Returns the tag of responses with any fact of a source.
    pub fn of_source(source: &SourceId) -> Self {
        Self { text: hashed('s', source, "").into(), source: None }
    }

    /// Returns the tag of responses with the availability of more performances than they have tags for.
    pub fn of_any_performance(source: &SourceId) -> Self {
        Self::within(source, 'a', "")
    }

    /// Returns the tag of responses with an event.
    pub fn of_event(source: &SourceId, event: &EventKey) -> Self {
        Self::within(source, 'e', event.as_str())
    }

    /// Returns the tag of responses with the availability of a performance.
    pub fn of_performance(source: &SourceId, performance: &PerformanceKey) -> Self {
        Self::within(source, 'p', performance.as_str())
    }

    fn within(source: &SourceId, kind: char, key: &str) -> Self {
        Self { text: hashed(kind, source, key).into(), source: Some(hashed('s', source, "").into()) }
    }

    /// Returns the text: at most 18 letters, digits and hyphens.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Returns the tag of the source, or that of everything for a source. Each covers the responses with this tag.
    pub(crate) fn coarser(&self) -> Self {
        match &self.source {
            Some(source) => Self { text: Arc::clone(source), source: None },
            None => Self::everything(),
        }
    }
}

impl fmt::Display for EdgeTag {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.text)
    }
}

/// Hashes a key of a source. No name of a source contains the separator.
fn hashed(kind: char, source: &SourceId, key: &str) -> String {
    let hash = Sha256::digest(format!("{kind}\0{source}\0{key}"));
    format!("{kind}-{}", hex::encode(&hash[..HASH_BYTES]))
}

/// Returns the tags of a response with facts of these sources and events, and the availability of these performances: one for all
/// responses, one or two for each source, and at most `max` others. Beyond that, the performances of a source share one tag, and the
/// events have none, because an edit purges their source.
pub fn response_tags(
    sources: &BTreeSet<SourceId>,
    events: &BTreeSet<(SourceId, EventKey)>,
    performances: &BTreeSet<(SourceId, PerformanceKey)>,
    max: usize,
) -> Vec<EdgeTag> {
    let mut tags = vec![EdgeTag::everything()];
    tags.extend(sources.iter().map(EdgeTag::of_source));
    let (mut left, has_room) = (max, performances.len() <= max);
    if has_room {
        left -= performances.len();
        tags.extend(performances.iter().map(|(source, key)| EdgeTag::of_performance(source, key)));
    } else {
        let with_performances: BTreeSet<&SourceId> = performances.iter().map(|(source, _)| source).collect();
        tags.extend(with_performances.into_iter().map(EdgeTag::of_any_performance));
    }
    if events.len() <= left {
        tags.extend(events.iter().map(|(source, key)| EdgeTag::of_event(source, key)));
    }
    tags
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_stable_distinct_and_reveal_no_key() {
        let (opera, harbor) = (SourceId::new("opera"), SourceId::new("harbor"));
        let (event, performance) = (EventKey::new("4:2"), PerformanceKey::new("4:2"));
        let tags = [
            EdgeTag::everything(),
            EdgeTag::of_source(&opera),
            EdgeTag::of_source(&harbor),
            EdgeTag::of_any_performance(&opera),
            EdgeTag::of_event(&opera, &event),
            EdgeTag::of_event(&harbor, &event),
            EdgeTag::of_performance(&opera, &performance),
        ];
        assert_eq!(tags.iter().map(EdgeTag::as_str).collect::<BTreeSet<_>>().len(), tags.len());
        // An edge keeps its entries when the service is upgraded, so a tag never changes.
        assert_eq!(EdgeTag::of_source(&opera).as_str(), "s-16af1affac19f4d6");
        for tag in &tags {
            assert!(
                tag.as_str().len() <= 18 && !tag.as_str().contains("opera") && !tag.as_str().contains(':'),
                "{tag}"
            );
        }
        assert_eq!(EdgeTag::of_performance(&opera, &performance).coarser(), EdgeTag::of_source(&opera));
        assert_eq!(EdgeTag::of_source(&opera).coarser(), EdgeTag::everything());
    }

    #[test]
    fn a_response_with_too_many_facts_has_coarser_tags() {
        let opera = SourceId::new("opera");
        let sources = BTreeSet::from([opera.clone()]);
        let events = (0..3).map(|number| (opera.clone(), EventKey::new(format!("e{number}")))).collect();
        let performances = (0..5).map(|number| (opera.clone(), PerformanceKey::new(format!("p{number}")))).collect();
        let of = |max| response_tags(&sources, &events, &performances, max);
        let any = EdgeTag::of_any_performance(&opera);
        assert_eq!((of(8).len(), of(8).contains(&any)), (2 + 8, false));
        assert_eq!((of(7).len(), of(7).contains(&any)), (2 + 5, false));
        assert_eq!((of(4).len(), of(4).contains(&any)), (3 + 3, true));
        assert_eq!(of(0), [EdgeTag::everything(), EdgeTag::of_source(&opera), any]);
    }
}
