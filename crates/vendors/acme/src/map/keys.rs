//! Keys of this source. A key alone contains everything that the next call needs.

use jiff::civil::Date;

use domain::{EventKey, PerformanceKey, TicketTypeKey};

/// True if an id is safe in a path and in a key.
pub(crate) fn is_plain(id: &str) -> bool {
    (1..=64).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

/// Content of a performance key: the instance, the day it is listed under, and whether its admission is timed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct InstanceRef {
    pub(crate) id: String,
    pub(crate) day: Date,
    pub(crate) is_timed: bool,
}

impl InstanceRef {
    /// Parses a performance key; `None` for malformed text.
    pub(crate) fn parse(key: &PerformanceKey) -> Option<Self> {
        let mut parts = key.as_str().split(':');
        let (instance, day, mode) = (parts.next()?, parts.next()?, parts.next()?);
        let is_timed = match mode {
            "t" => true,
            "d" => false,
            _ => return None,
        };
        let whole = parts.next().is_none() && is_plain(instance);
        let day = day.parse().ok()?;
        whole.then(|| Self { id: instance.to_owned(), day, is_timed })
    }

    /// Formats the key.
    pub(crate) fn key(&self) -> PerformanceKey {
        let mode = if self.is_timed { 't' } else { 'd' };
        PerformanceKey::new(format!("{}:{}:{mode}", self.id, self.day))
    }
}

/// Key of a ticket type of an event.
pub(crate) fn ticket_type_key(template: &str, person_type: &str) -> TicketTypeKey {
    TicketTypeKey::new(format!("{template}:{person_type}"))
}

/// Returns the template id and the person type of a ticket type key.
pub(crate) fn parse_ticket_type_key(key: &TicketTypeKey) -> Option<(&str, &str)> {
    key.as_str().split_once(':').filter(|(template, person_type)| is_plain(template) && is_plain(person_type))
}

/// Returns the template id of an event key; `None` if it cannot be one.
pub(crate) fn template_id(key: &EventKey) -> Option<&str> {
    Some(key.as_str()).filter(|id| is_plain(id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_performance_key_contains_all_that_later_calls_need() {
        let key = PerformanceKey::new("66f1aa10c3d2e4b5a6971001:2031-06-01:t");
        let read = InstanceRef::parse(&key).expect("a key of ours");
        assert_eq!((read.id.as_str(), read.is_timed), ("66f1aa10c3d2e4b5a6971001", true));
        assert_eq!(read.key(), key);
    }

    #[test]
    fn a_malformed_key_is_rejected() {
        for text in
            ["", "x", "x:2031-06-01", "x:2031-06-31:t", "x:2031-06-01:q", "../x:2031-06-01:t", "x:2031-06-01:t:"]
        {
            assert_eq!(InstanceRef::parse(&PerformanceKey::new(text)), None, "{text}");
        }
        assert_eq!(parse_ticket_type_key(&TicketTypeKey::new("a:b:c")), None);
    }
}
