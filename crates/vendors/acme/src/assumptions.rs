//! Assumptions where the vendor's documentation is silent. Each is the cautious choice, to be verified in a sandbox
//! (`acme.md §9`). Those on which money, tickets or sales depend are in [`ASSUMPTIONS`], so that an operator can correct them.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use rust_decimal::Decimal;
use serde::Deserialize;

use crate::settings::Facts;
use crate::wire::catalog::{Channel, Day, Instance, PersonType, PriceLine};
use domain::Audience;
use domain::ordering::TicketState;
use vendor_api::{Accepts, Assumption};

/// The inferred facts that a setting corrects.
pub(crate) const ASSUMPTIONS: &[Assumption] = &[
    Assumption {
        key: "checkout_retry",
        at_source: true,
        fact: "a check-out that is sent twice sells twice: the guard by request UUID is not documented for the organization check-out",
        section: "acme.md §2.3",
        default: "\"never\"",
        accepts: Accepts::OneOf(&["never", "same_uuid"]),
        if_wrong: "with `never`, a lost check-out that no look-up finds waits for a person; with `same_uuid`, it is sent once more with the same UUID within ten minutes, and sells twice if the vendor ignores the UUID",
    },
    Assumption {
        key: "order_lookup",
        at_source: false,
        fact: "a reseller's key may search orders by email address and list those of an instance",
        section: "acme.md §4.5",
        default: "\"search_then_list\"",
        accepts: Accepts::OneOf(&["search_then_list", "list", "none"]),
        if_wrong: "a sale whose response was lost is not found, and a person decides; `none` saves the calls",
    },
    Assumption {
        key: "list_page_size",
        at_source: false,
        fact: "a list has at most so many rows unless the next page is requested; -1 requests everything in one call",
        section: "acme.md §2.6",
        default: "100",
        accepts: Accepts::Count(-1, 1000),
        if_wrong: "rows beyond the first page are missing: events that are not sold, orders that are not found",
    },
    Assumption {
        key: "discounted_price_zero",
        at_source: false,
        fact: "a `discountedPrice` of 0 means that there is no discount, unless the price is 0 or `discount` covers it",
        section: "acme.md §7.5",
        default: "\"none\"",
        accepts: Accepts::OneOf(&["none", "price"]),
        if_wrong: "with `none`, a free ticket is offered at its list price; with `price`, a paid one is offered for nothing",
    },
    Assumption {
        key: "ticket_status_words",
        at_source: false,
        fact: "the words of `ticketStatus`; a ticket with any other word is issued, and the word is logged once",
        section: "acme.md §7.6",
        default: "{ \"Active\" = \"issued\", \"Refunded\" = \"void\", \"Canceled\" = \"void\", \"Cancelled\" = \"void\", \"Void\" = \"void\", \"Voided\" = \"void\" }",
        accepts: Accepts::Words(&["issued", "pending", "used", "void"]),
        if_wrong: "a refunded ticket whose word is missing here counts as valid, so its refund needs a person",
    },
    Assumption {
        key: "check_in_status_words",
        at_source: false,
        fact: "the words of `checkInStatus` of a ticket, if it has one; any other word means nothing, and is logged once",
        section: "acme.md §7.4",
        default: "{ \"CheckedIn\" = \"used\", \"NotCheckedIn\" = \"unused\" }",
        accepts: Accepts::Words(&["unused", "used"]),
        if_wrong: "a ticket that admitted its visitor counts as unused and can be refunded",
    },
    Assumption {
        key: "instance_state_words",
        at_source: false,
        fact: "the words of an instance's `state`; an instance with any other word is not sold, and the word is logged once",
        section: "acme.md §7.5",
        default: "{ \"Active\" = \"active\", \"Canceled\" = \"canceled\", \"Cancelled\" = \"canceled\" }",
        accepts: Accepts::Words(&["active", "canceled"]),
        if_wrong: "performances that take place are not sold",
    },
    Assumption {
        key: "unlisted_channel",
        at_source: false,
        fact: "a list of sales channels without `reseller` forbids the sale",
        section: "acme.md §6",
        default: "\"closed\"",
        accepts: Accepts::OneOf(&["closed", "open"]),
        if_wrong: "with `closed`, what resellers may sell is not offered; with `open`, the vendor refuses the sale",
    },
    Assumption {
        key: "item_amount",
        at_source: false,
        fact: "`items[].amount` of a check-out is the total of the line, not the price of one ticket",
        section: "acme.md §4.3",
        default: "\"line\"",
        accepts: Accepts::OneOf(&["line", "unit"]),
        if_wrong: "the vendor refuses each check-out of two or more tickets of a type, and the hold is given back",
    },
    Assumption {
        key: "barcode_symbology",
        at_source: false,
        fact: "the gate scans a QR code of the plain `uuid` of the ticket",
        section: "acme.md §4.4",
        default: "\"qr\"",
        accepts: Accepts::OneOf(&["qr", "code128", "aztec", "pdf417"]),
        if_wrong: "the gate cannot scan the codes",
    },
    Assumption {
        key: "refund_used_ticket",
        at_source: false,
        fact: "a ticket that admitted its visitor is not to be refunded, although the vendor would",
        section: "acme.md §5",
        default: "\"refuse\"",
        accepts: Accepts::OneOf(&["refuse", "allow"]),
        if_wrong: "with `refuse`, the venue refunds in its back office; with `allow`, visitors who were inside get their money back",
    },
];

/// Sales channel of all organization orders (`acme.md §6`).
const RESELLER_CHANNEL: &str = "reseller";

/// INFERRED: a channel list without ours forbids the sale (`unlisted_channel`); a missing list does not restrict it.
/// Schedule, price line and instance must all allow it.
pub(crate) fn sells_to_resellers(channels: Option<&[Channel]>, facts: &Facts) -> bool {
    channels.is_none_or(|channels| {
        let ours = |channel: &&Channel| {
            channel.channel.as_deref().is_some_and(|code| code.eq_ignore_ascii_case(RESELLER_CHANNEL))
        };
        channels.iter().find(ours).map_or(facts.unlisted_channel_sells, |channel| channel.enabled == Some(true))
    })
}

/// Returns the meaning of a word, in any case.
fn meaning<T: Copy>(words: &BTreeMap<String, T>, word: &str) -> Option<T> {
    words.get(&word.trim().to_lowercase()).copied()
}

/// State of an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum InstanceState {
    /// Takes place.
    Active,
    /// Canceled for good.
    Canceled,
}

/// INFERRED: the state words of an instance; a missing state means that it takes place. `None` for an unknown word.
pub(crate) fn instance_state(word: Option<&str>, facts: &Facts) -> Option<InstanceState> {
    word.map_or(Some(InstanceState::Active), |word| meaning(&facts.instance_state_words, word))
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

/// INFERRED: a discount covers the whole price if it is the price itself or 100 percent; whether `discount` is an amount or a
/// percentage is not documented (`acme.md §7.5` \[C\]).
pub(crate) fn is_discounted_to_zero(line: &PriceLine) -> bool {
    line.discount.is_some_and(|discount| discount.0 == line.price.0 || discount.0 == Decimal::ONE_HUNDRED)
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

/// Meaning of a ticket's status word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum TicketWord {
    /// It admits its visitor.
    Issued,
    /// It is not ready.
    Pending,
    /// It admitted its visitor.
    Used,
    /// It admits nobody.
    Void,
}

/// Meaning of a ticket's check-in word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum CheckInWord {
    /// It did not admit its visitor yet.
    Unused,
    /// It admitted its visitor.
    Used,
}

/// Returns whether a ticket's status word is known.
pub(crate) fn is_ticket_word(word: &str, facts: &Facts) -> bool {
    meaning(&facts.ticket_status_words, word).is_some()
}

/// Returns whether a ticket's check-in word is known.
pub(crate) fn is_check_in_word(word: &str, facts: &Facts) -> bool {
    meaning(&facts.check_in_status_words, word).is_some()
}

/// INFERRED except for `Refunded` (`acme.md §7.6`): the state of a ticket from its words and the time of its check-in. A ticket
/// without a status, or with an unknown word, is usable: a paid ticket must not be withheld for a word (`acme.md §7.6` \[C\]).
pub(crate) fn ticket_state(
    status: Option<&str>,
    check_in: Option<&str>,
    checked_in: Option<Option<Timestamp>>,
    facts: &Facts,
) -> TicketState {
    let status = status.and_then(|word| meaning(&facts.ticket_status_words, word)).unwrap_or(TicketWord::Issued);
    let check_in = check_in.and_then(|word| meaning(&facts.check_in_status_words, word));
    match (status, checked_in) {
        (TicketWord::Void, _) => TicketState::Void,
        (_, Some(at)) => TicketState::Used(at),
        (TicketWord::Used, None) => TicketState::Used(None),
        _ if check_in == Some(CheckInWord::Used) => TicketState::Used(None),
        (TicketWord::Pending, None) => TicketState::Pending,
        (TicketWord::Issued, None) => TicketState::Issued,
    }
}

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
    fn only_words_that_are_known_to_be_bad_withhold_a_ticket() {
        let facts = Facts::with("");
        let state = |word: Option<&str>, checked_in| ticket_state(word, None, checked_in, &facts);
        assert_eq!(state(Some("REFUNDED"), None), TicketState::Void);
        assert_eq!(state(Some("Refunded"), Some(None)), TicketState::Void);
        assert_eq!(state(Some("Active"), Some(None)), TicketState::Used(None));
        for good in [None, Some("active"), Some("Wrapped")] {
            assert_eq!(state(good, None), TicketState::Issued, "{good:?}");
        }
        let corrected =
            Facts::with("ticket_status_words = { Wrapped = \"pending\", Active = \"void\", Torn = \"used\" }");
        for (word, expected) in [
            ("wrapped", TicketState::Pending),
            ("Active", TicketState::Void),
            ("Torn", TicketState::Used(None)),
            ("Refunded", TicketState::Void),
        ] {
            assert_eq!(ticket_state(Some(word), None, None, &corrected), expected, "{word}");
        }
    }

    #[test]
    fn a_check_in_word_marks_a_ticket_as_used() {
        let state = |word, settings| ticket_state(Some("Active"), Some(word), None, &Facts::with(settings));
        assert_eq!(state("CheckedIn", ""), TicketState::Used(None));
        assert_eq!(state("NotCheckedIn", ""), TicketState::Issued);
        assert_eq!(state("Scanned", ""), TicketState::Issued);
        assert_eq!(state("Scanned", "check_in_status_words = { Scanned = \"used\" }"), TicketState::Used(None));
    }

    #[test]
    fn the_state_of_an_instance_is_read_in_any_case_and_an_unknown_word_stays_unknown() {
        let state = |word, settings| instance_state(word, &Facts::with(settings));
        for (word, expected) in [
            (None, Some(InstanceState::Active)),
            (Some("ACTIVE"), Some(InstanceState::Active)),
            (Some("cancelled"), Some(InstanceState::Canceled)),
            (Some("Open"), None),
        ] {
            assert_eq!(state(word, ""), expected, "{word:?}");
        }
        let words = "instance_state_words = { Open = \"active\", Active = \"canceled\" }";
        assert_eq!(state(Some("OPEN"), words), Some(InstanceState::Active));
        assert_eq!(state(Some("active"), words), Some(InstanceState::Canceled));
    }

    #[test]
    fn a_channel_list_without_resellers_forbids_the_sale_unless_the_setting_allows_it() {
        let channels = |name: &str, enabled: bool| -> Vec<Channel> {
            serde_json::from_value(serde_json::json!([{ "channel": name, "enabled": enabled }])).expect("channels")
        };
        for (channels, by_default, opened) in [
            (None, true, true),
            (Some(channels("online", true)), false, true),
            (Some(channels("Reseller", true)), true, true),
            (Some(channels("reseller", false)), false, false),
        ] {
            let sells = |settings| sells_to_resellers(channels.as_deref(), &Facts::with(settings));
            assert_eq!((sells(""), sells("unlisted_channel = \"open\"")), (by_default, opened), "{channels:?}");
        }
    }
}
