//! Our keys: what is in them, so that a key alone is enough for the next call.

use jiff::civil::Date;

use domain::{EventKey, PerformanceKey, TicketTypeKey};

/// Whether an id may stand in a path and in a key: nothing that would change either.
pub(crate) fn is_plain(id: &str) -> bool {
    (1..=64).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

/// What a performance key holds: the instance, the day that it is listed under, and whether its admission is timed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct InstanceRef {
    pub(crate) instance: String,
    pub(crate) day: Date,
    pub(crate) is_timed: bool,
}

impl InstanceRef {
    /// Reads a key of ours; `None` for any other text.
    pub(crate) fn read(key: &PerformanceKey) -> Option<Self> {
        let mut parts = key.as_str().split(':');
        let (instance, day, mode) = (parts.next()?, parts.next()?, parts.next()?);
        let is_timed = match mode {
            "t" => true,
            "d" => false,
            _ => return None,
        };
        let whole = parts.next().is_none() && is_plain(instance);
        let day = day.parse().ok()?;
        whole.then(|| Self { instance: instance.to_owned(), day, is_timed })
    }

    /// The key.
    pub(crate) fn key(&self) -> PerformanceKey {
        let mode = if self.is_timed { 't' } else { 'd' };
        PerformanceKey::new(format!("{}:{}:{mode}", self.instance, self.day))
    }
}

/// The key of a ticket type on an event.
pub(crate) fn ticket_type(template: &str, person_type: &str) -> TicketTypeKey {
    TicketTypeKey::new(format!("{template}:{person_type}"))
}

/// The template and the person type of a key of ours.
pub(crate) fn read_ticket_type(key: &TicketTypeKey) -> Option<(&str, &str)> {
    key.as_str().split_once(':').filter(|(template, person_type)| is_plain(template) && is_plain(person_type))
}

/// The template of an event key; `None` for text that no template can have.
pub(crate) fn template(key: &EventKey) -> Option<&str> {
    Some(key.as_str()).filter(|id| is_plain(id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_performance_key_says_all_that_later_calls_need() {
        let key = PerformanceKey::new("66f1aa10c3d2e4b5a6971001:2031-06-01:t");
        let read = InstanceRef::read(&key).expect("a key of ours");
        assert_eq!((read.instance.as_str(), read.is_timed), ("66f1aa10c3d2e4b5a6971001", true));
        assert_eq!(read.key(), key);
    }

    #[test]
    fn text_that_is_no_key_of_ours_is_refused() {
        for text in
            ["", "x", "x:2031-06-01", "x:2031-06-31:t", "x:2031-06-01:q", "../x:2031-06-01:t", "x:2031-06-01:t:"]
        {
            assert_eq!(InstanceRef::read(&PerformanceKey::new(text)), None, "{text}");
        }
        assert_eq!(read_ticket_type(&TicketTypeKey::new("a:b:c")), None);
    }
}
