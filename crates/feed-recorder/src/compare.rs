//! Compares the observed parts of an object with those that the feed has named.

use std::time::Duration;

use change_feed::{ChangeKind, FactChange, FactKey, FactPart, NewChange, StoredFacts};
use jiff::{SignedDuration, Timestamp};

use crate::object::{CompleteList, LISTED, LOADED, NESTED, ObservedObject, SALES, subject};

/// Returns true if an object of the catalog was recorded as gone.
pub(crate) fn has_gone(key: &FactKey, stored: &StoredFacts) -> bool {
    matches!(key.kind, ChangeKind::Event | ChangeKind::Performance) && stored.parts.is_empty()
}

/// Returns the time at which a vendor returned the newest of the facts, without availability.
pub(crate) fn facts_at(stored: &StoredFacts) -> Option<Timestamp> {
    [LISTED, NESTED, LOADED].iter().filter_map(|part| stored.parts.get(*part)).map(|part| part.at).max()
}

/// Returns true if a list contains the object after it was recorded as gone.
fn is_revived(stored: &StoredFacts, object: &ObservedObject) -> bool {
    object.listed_at().is_some_and(|at| at > stored.seen_at)
}

/// Returns the observed parts that differ from the stored ones and are not older. An object that has gone has none until a list
/// contains it: its vendor may still return it by its key.
pub(crate) fn new_parts<'a>(
    key: &FactKey,
    stored: Option<&StoredFacts>,
    object: &'a ObservedObject,
) -> Vec<(&'static str, &'a FactPart)> {
    let is_new = |name: &str, part: &FactPart| match stored {
        None => true,
        Some(stored) if has_gone(key, stored) => is_revived(stored, object) && part.at >= stored.seen_at,
        Some(stored) => stored.parts.get(name).is_none_or(|known| known.digest != part.digest && known.at <= part.at),
    };
    object.parts.iter().filter(|(name, part)| is_new(name, part)).map(|(name, part)| (*name, part)).collect()
}

/// Returns true if a part is older than the stored one and differs from it, or if a list still contains what has gone.
pub(crate) fn is_outdated(key: &FactKey, stored: &StoredFacts, object: &ObservedObject) -> bool {
    if has_gone(key, stored) {
        return object.listed_at().is_some_and(|at| at < stored.seen_at);
    }
    object.parts.iter().any(|(name, part)| {
        stored.parts.get(*name).is_some_and(|known| known.digest != part.digest && part.at < known.at)
    })
}

/// Returns true if the feed has named the observed state, or a newer one.
pub(crate) fn is_settled(key: &FactKey, stored: Option<&StoredFacts>, object: &ObservedObject) -> bool {
    match (object.gone_at, stored) {
        (Some(_), None) => true,
        (Some(at), Some(stored)) => has_gone(key, stored) || facts_at(stored).is_some_and(|seen| seen > at),
        (None, stored) => new_parts(key, stored, object).is_empty(),
    }
}

/// Returns true if an event is in the public list of its source.
pub(crate) fn is_listed_event(key: &FactKey, stored: Option<&StoredFacts>, object: Option<&ObservedObject>) -> bool {
    if object.is_some_and(|object| object.gone_at.is_some()) {
        return false;
    }
    stored.is_some_and(|stored| stored.parts.contains_key(LISTED))
        || object.is_some_and(|object| new_parts(key, stored, object).iter().any(|(name, _)| *name == LISTED))
}

/// Returns true if a known object has changed in what each sale changes only.
pub(crate) fn differs_in_sales_only(before: &StoredFacts, now: &StoredFacts) -> bool {
    let mut others = before.parts.iter().filter(|(name, _)| !SALES.contains(&name.as_str()));
    !before.parts.is_empty()
        && others.all(|(name, part)| now.parts.get(name).is_some_and(|now| now.digest == part.digest))
}

/// Returns true if a part has another value than before, or if the object has gone or is back.
pub(crate) fn replaces(before: &StoredFacts, now: &StoredFacts) -> bool {
    let is_other = |(name, part): (&String, &FactPart)| now.parts.get(name).is_none_or(|now| now.digest != part.digest);
    before.parts.is_empty() || before.parts.iter().any(is_other)
}

/// Returns true if a time is less than `span` ago. Another replica's clock may be ahead.
pub(crate) fn is_recent(recorded_at: Timestamp, now: Timestamp, span: Duration) -> bool {
    let age = now.duration_since(recorded_at);
    age >= SignedDuration::ZERO && age < SignedDuration::try_from(span).unwrap_or(SignedDuration::MAX)
}

/// Returns true if a list lacks an object that it would contain.
pub(crate) fn is_missing(list: &CompleteList, name: &str, stored: &StoredFacts) -> bool {
    !list.keys.contains(name)
        && facts_at(stored).unwrap_or(stored.seen_at) <= list.at
        && list.covers(stored.starts_at)
        && !stored.parts.is_empty()
}

/// Returns the change of an object from its stored state.
pub(crate) fn fact_change(
    key: &FactKey,
    stored: Option<&StoredFacts>,
    object: &ObservedObject,
    now: Timestamp,
) -> FactChange {
    let expected_version = stored.map_or(0, |stored| stored.version);
    let mut facts = stored.cloned().unwrap_or_default();
    if let Some(at) = object.gone_at {
        facts.parts.clear();
        facts.seen_at = at;
    } else {
        for (name, part) in new_parts(key, stored, object) {
            facts.seen_at = facts.seen_at.max(part.at);
            facts.parts.insert(name.to_owned(), part.clone());
        }
    }
    facts.version = expected_version + 1;
    facts.recorded_at = now;
    facts.parent = object.parent.clone().or(facts.parent);
    facts.starts_at = object.starts_at.or(facts.starts_at);
    let reseller = (key.kind == ChangeKind::Connection).then(|| key.key.clone());
    let subject = subject(key, facts.parent.as_deref());
    let is_removed = object.gone_at.is_some();
    let change = NewChange { at: now, subject, version: facts.version, reseller, is_removed };
    FactChange { key: key.clone(), expected_version, facts, change }
}

#[cfg(test)]
mod tests {
    use domain::SourceId;

    use super::*;
    use crate::object::{AVAILABILITY, Observed, key};

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("a time")
    }

    fn stored(parts: &[(&str, &str, i64)]) -> StoredFacts {
        let part = |(name, digest, second): &(&str, &str, i64)| {
            ((*name).to_owned(), FactPart { digest: (*digest).to_owned(), at: at(*second) })
        };
        StoredFacts { parts: parts.iter().map(part).collect(), version: 1, seen_at: at(10), ..StoredFacts::default() }
    }

    fn performance() -> FactKey {
        key(ChangeKind::Performance, &SourceId::new("harbor"), "p")
    }

    fn seen(parts: &[(&'static str, &str, i64)]) -> ObservedObject {
        let mut observed = Observed::default();
        for (name, digest, second) in parts {
            observed.add(performance(), name, (*digest).to_owned(), at(*second));
        }
        observed.objects.remove(&performance()).expect("an object")
    }

    #[test]
    fn lists_stay_valid_when_an_object_changes_by_a_sale_only() {
        let before = stored(&[(LISTED, "a", 1), (AVAILABILITY, "1", 1), ("listed_availability", "1", 1)]);
        let differs = |parts: &[(&str, &str, i64)]| differs_in_sales_only(&before, &stored(parts));
        assert!(differs(&[(LISTED, "a", 1), (AVAILABILITY, "2", 2), ("listed_availability", "2", 2)]));
        assert!(differs(&[(LISTED, "a", 1), (LOADED, "b", 2), (AVAILABILITY, "2", 2)]), "loaded for the first time");
        assert!(!differs(&[(LISTED, "b", 2), (AVAILABILITY, "2", 2)]));
        assert!(!differs(&[(AVAILABILITY, "1", 1)]));
        assert!(!differs_in_sales_only(&stored(&[]), &before), "back again");
    }

    #[test]
    fn a_part_that_is_seen_for_the_first_time_replaces_nothing() {
        let before = stored(&[(LISTED, "a", 1)]);
        assert!(!replaces(&before, &stored(&[(LISTED, "a", 1), (AVAILABILITY, "1", 1)])));
        assert!(replaces(&before, &stored(&[(LISTED, "b", 1)])));
        assert!(replaces(&before, &stored(&[])), "gone");
        assert!(replaces(&stored(&[]), &before), "back again");
    }

    #[test]
    fn parts_are_older_or_newer_each_by_its_own_time() {
        let key = performance();
        let known = stored(&[(LISTED, "a", 3), (AVAILABILITY, "1", 9)]);
        let names = |parts: &[(&'static str, &str, i64)]| {
            let object = seen(parts);
            new_parts(&key, Some(&known), &object).into_iter().map(|(name, _)| name).collect::<Vec<_>>()
        };
        assert_eq!(names(&[(LISTED, "b", 5), (AVAILABILITY, "1", 10)]), [LISTED], "a snapshot before the availability");
        assert_eq!(names(&[(LISTED, "b", 2), (AVAILABILITY, "2", 10)]), [AVAILABILITY], "a list from before");
        assert!(is_outdated(&key, &known, &seen(&[(LISTED, "b", 2)])));
        assert!(!is_outdated(&key, &known, &seen(&[(LISTED, "b", 5)])));
        let change = fact_change(&key, Some(&known), &seen(&[(LISTED, "b", 2), (AVAILABILITY, "2", 10)]), at(20));
        assert_eq!(change.facts.parts[LISTED].digest, "a");
    }

    #[test]
    fn what_has_gone_is_revived_by_a_later_list_only() {
        let key = performance();
        let gone = stored(&[]);
        let is_settled = |parts: &[(&'static str, &str, i64)]| is_settled(&key, Some(&gone), &seen(parts));
        assert!(is_settled(&[(LOADED, "a", 11), (AVAILABILITY, "1", 12)]), "loaded by its key");
        assert!(is_settled(&[(LISTED, "a", 9)]), "a list from before");
        assert!(!is_settled(&[(LISTED, "a", 11)]));
        assert!(!is_settled(&[(NESTED, "a", 11)]));
        let mut observed = Observed::default();
        observed.objects.insert(key.clone(), ObservedObject::gone(at(10), None, None));
        observed.add(key.clone(), LOADED, "a".to_owned(), at(12));
        assert!(observed.objects[&key].gone_at.is_some(), "loaded while it waits");
        observed.add(key.clone(), LISTED, "a".to_owned(), at(12));
        assert!(observed.objects[&key].gone_at.is_none());
    }

    #[test]
    fn an_older_value_does_not_replace_a_newer_one_that_waits() {
        assert_eq!(seen(&[(LISTED, "new", 5), (LISTED, "old", 3)]).parts[LISTED].digest, "new");
    }
}
