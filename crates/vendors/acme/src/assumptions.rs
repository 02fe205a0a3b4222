//! Assumptions where the vendor's documentation is silent. Each is the cautious choice, to be verified in a sandbox
//! (`acme.md §9`).

use jiff::{SignedDuration, Timestamp};

use crate::wire::catalog::{Channel, Day, Instance, PersonType};
use domain::Audience;
use domain::ordering::{Symbology, TicketState};

/// Sales channel of all organization orders (`acme.md §6`).
const RESELLER_CHANNEL: &str = "reseller";

/// INFERRED: a channel list without ours forbids the sale; a missing list does not restrict it. Schedule, price line
/// and instance must all allow it.
pub(crate) fn sells_to_resellers(channels: Option<&[Channel]>) -> bool {
    channels.is_none_or(|channels| {
        let ours = |channel: &&Channel| {
            channel.channel.as_deref().is_some_and(|code| code.eq_ignore_ascii_case(RESELLER_CHANNEL))
        };
        channels.iter().find(ours).is_some_and(|channel| channel.enabled == Some(true))
    })
}

/// State of an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum InstanceState {
    /// Takes place.
    Active,
    /// Canceled for good.
    Canceled,
    /// An undocumented state.
    Unknown,
}

/// INFERRED: the state names of an instance; a missing state means `active`.
pub(crate) fn instance_state(word: Option<&str>) -> InstanceState {
    match word.map(str::to_ascii_lowercase).as_deref() {
        None | Some("active") => InstanceState::Active,
        Some("canceled" | "cancelled") => InstanceState::Canceled,
        Some(_) => InstanceState::Unknown,
    }
}

/// INFERRED: timed admission is sold until it starts, or some minutes longer if late sale is allowed; open admission is
/// sold until it ends.
pub(crate) fn cutoff(
    instance: &Instance,
    is_timed: bool,
    begin: Timestamp,
    end: Option<Timestamp>,
) -> Option<Timestamp> {
    if !is_timed {
        return end;
    }
    let late = instance.ticket_details.as_ref().and_then(|details| details.post_start_purchase);
    match late {
        Some(late) if late.allow_late_ticket_purchase == Some(true) => {
            late.minutes_after.map_or(end, |minutes| begin.checked_add(SignedDuration::from_mins(minutes.into())).ok())
        }
        _ => Some(begin),
    }
}

/// INFERRED: a combo admits, and needs capacity for, the sum of its children; any other type admits one person.
pub(crate) fn admits(person: &PersonType) -> u32 {
    let bundled = person.children.iter().fold(0_u32, |sum, child| sum.saturating_add(child.quantity.unwrap_or(1)));
    bundled.max(1)
}

/// INFERRED: an active calendar day has something for sale.
pub(crate) fn is_open(day: &Day) -> bool {
    day.active == Some(true)
}

/// INFERRED: the audience of a ticket type, from the words of its name. The wire has no field for it.
pub(crate) fn audience(person: &PersonType) -> Audience {
    const WORDS: &[(Audience, &[&str])] = &[
        (Audience::Family, &["family", "families"]),
        (Audience::Member, &["member", "members"]),
        (Audience::Group, &["group", "groups"]),
        (Audience::Infant, &["infant", "infants", "baby", "toddler"]),
        (Audience::Student, &["student", "students"]),
        (Audience::Youth, &["youth", "youths", "teen", "teens", "young"]),
        (Audience::Child, &["child", "children", "kid", "kids", "junior"]),
        (Audience::Senior, &["senior", "seniors"]),
        (Audience::Adult, &["adult", "adults"]),
    ];
    let name = person.name.as_deref().unwrap_or_default().to_lowercase();
    let has = |words: &[&str]| name.split(|c: char| !c.is_alphanumeric()).any(|word| words.contains(&word));
    WORDS.iter().find(|(_, words)| has(words)).map_or(Audience::Other, |(audience, _)| *audience)
}

/// INFERRED: the age range in a description such as `13+`, `3-12` or `under 4`.
pub(crate) fn ages(person: &PersonType) -> (Option<u32>, Option<u32>) {
    let text = person.description.as_deref().unwrap_or_default().to_lowercase().replace('–', "-");
    let age = |word: &str| word.parse::<u32>().ok().filter(|age| *age < 120);
    let words: Vec<&str> = text.split(|c: char| c.is_whitespace() || "(),;".contains(c)).collect();
    for (at, word) in words.iter().enumerate() {
        if let Some(from) = word.strip_suffix('+').and_then(age) {
            return (Some(from), None);
        }
        if let Some((from, to)) = word.split_once('-').and_then(|(from, to)| age(from).zip(age(to))) {
            return (Some(from), Some(to));
        }
        if *word == "under" {
            let below = words.get(at + 1).and_then(|word| age(word)).filter(|age| *age > 0);
            return (None, below.map(|age| age - 1));
        }
    }
    (None, None)
}

/// INFERRED except for `RefundResult` (`acme.md §7.6`): the state names of a ticket. A ticket without a state is usable; an
/// undocumented state is pending.
pub(crate) fn ticket_state(word: Option<&str>, checked_in: Option<Option<Timestamp>>) -> TicketState {
    match (word.map(str::to_ascii_lowercase).as_deref(), checked_in) {
        (Some("refunded" | "canceled" | "cancelled" | "void" | "voided"), _) => TicketState::Void,
        (_, Some(at)) => TicketState::Used(at),
        (None | Some("active"), None) => TicketState::Issued,
        (Some(_), None) => TicketState::Pending,
    }
}

/// INFERRED: the code scanned at the gate is a QR code that contains the plain `uuid` of the ticket (`acme.md §4.4`).
pub(crate) const SYMBOLOGY: Symbology = Symbology::Qr;

#[cfg(test)]
mod tests {
    use super::*;

    fn person(name: &str, description: &str) -> PersonType {
        serde_json::from_value(serde_json::json!({ "id": "1", "name": name, "description": description }))
            .expect("a type")
    }

    #[test]
    fn the_audience_is_read_from_whole_words_of_the_name() {
        for (name, audience) in [
            ("OTA Adult", Audience::Adult),
            ("Family (2 adults + 2 children)", Audience::Family),
            ("Junior", Audience::Child),
            ("Remembrance", Audience::Other),
            ("SENIOR 65+", Audience::Senior),
        ] {
            assert_eq!(super::audience(&person(name, "")), audience, "{name}");
        }
    }

    #[test]
    fn ages_are_read_from_the_usual_ways_to_write_them() {
        for (text, ages) in [
            ("13+", (Some(13), None)),
            ("ages 3–12", (Some(3), Some(12))),
            ("free for children under 4", (None, Some(3))),
            ("with an ID", (None, None)),
        ] {
            assert_eq!(super::ages(&person("", text)), ages, "{text}");
        }
    }

    #[test]
    fn an_undocumented_ticket_state_is_pending() {
        assert_eq!(ticket_state(Some("Refunded"), None), TicketState::Void);
        assert_eq!(ticket_state(Some("Active"), Some(None)), TicketState::Used(None));
        assert_eq!(ticket_state(Some("Wrapped"), None), TicketState::Pending);
    }
}
