//! What the cache has to know of an answer: its age, and how it looks without its prices.

use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;

use domain::{Availability, CalendarDay, Event, Freshness, FreshnessMode, Observed, Performance, TicketType};

/// What a row of a few short texts takes, in bytes.
const ROW: usize = 400;

/// An answer as the cache sees it.
pub(crate) trait Answer: Clone + Send + Sync + Serialize + DeserializeOwned + 'static {
    /// Its age; of several rows, the oldest. `None` where there is no row that could have one.
    fn freshness(&self) -> Option<Freshness>;

    /// The same, as it is told from memory.
    fn told_as(self, mode: FreshnessMode, expires_at: Option<Timestamp>) -> Self;

    /// The same without prices and without what is free, for when the vendor cannot be asked. `None`: nothing would be left.
    fn without_prices(&self) -> Option<Self>;

    /// Roughly how many bytes it takes.
    fn weight(&self) -> usize;
}

impl<T: Fact> Answer for Observed<Arc<T>> {
    fn freshness(&self) -> Option<Freshness> {
        Some(self.freshness)
    }

    fn told_as(self, mode: FreshnessMode, expires_at: Option<Timestamp>) -> Self {
        Self { freshness: told_as(self.freshness, mode, expires_at), ..self }
    }

    fn without_prices(&self) -> Option<Self> {
        Some(Self { value: T::without_prices(&self.value)?, freshness: self.freshness })
    }

    fn weight(&self) -> usize {
        self.value.weight()
    }
}

impl Answer for Arc<Vec<CalendarDay>> {
    fn freshness(&self) -> Option<Freshness> {
        self.iter().map(|day| day.freshness).min_by_key(|freshness| freshness.observed_at)
    }

    fn told_as(self, mode: FreshnessMode, expires_at: Option<Timestamp>) -> Self {
        let tell =
            |day: &CalendarDay| CalendarDay { freshness: told_as(day.freshness, mode, expires_at), ..day.clone() };
        Arc::new(self.iter().map(tell).collect())
    }

    fn without_prices(&self) -> Option<Self> {
        None
    }

    fn weight(&self) -> usize {
        self.len() * ROW
    }
}

fn told_as(known: Freshness, mode: FreshnessMode, expires_at: Option<Timestamp>) -> Freshness {
    Freshness { mode, observed_at: known.observed_at, expires_at }
}

/// A fact that is told as a whole. What has no prices is handed on as the same allocation: those who remember views of it
/// know it by its address.
pub(crate) trait Fact: Serialize + DeserializeOwned + Send + Sync + 'static {
    /// The same without prices and without what is free.
    fn without_prices(fact: &Arc<Self>) -> Option<Arc<Self>>;

    /// Roughly how many bytes it takes: an estimate by what it is made of, since to write it out in order to count costs more than
    /// to fetch it.
    fn weight(&self) -> usize;
}

impl Fact for Event {
    fn without_prices(fact: &Arc<Self>) -> Option<Arc<Self>> {
        let has_prices =
            fact.price_from.is_some() || fact.listed_ticket_types.is_some() || fact.listed_performances.is_some();
        if !has_prices {
            return Some(Arc::clone(fact));
        }
        let bare = Self {
            price_from: None,
            listed_ticket_types: fact.listed_ticket_types.as_ref().and_then(Fact::without_prices),
            listed_performances: fact.listed_performances.as_ref().and_then(Fact::without_prices),
            ..Self::clone(fact)
        };
        Some(Arc::new(bare))
    }

    fn weight(&self) -> usize {
        let kinds = self.listed_ticket_types.as_ref().map_or(0, |kinds| kinds.weight());
        let dates = self.listed_performances.as_ref().map_or(0, |dates| dates.weight());
        let texts: usize = [&self.summary, &self.description].into_iter().flatten().map(|text| text.main.len()).sum();
        2 * ROW + texts + kinds + dates
    }
}

impl Fact for Vec<TicketType> {
    fn without_prices(fact: &Arc<Self>) -> Option<Arc<Self>> {
        if fact.iter().all(|kind| kind.price.is_none()) {
            return Some(Arc::clone(fact));
        }
        Some(Arc::new(fact.iter().map(|kind| TicketType { price: None, ..kind.clone() }).collect()))
    }

    fn weight(&self) -> usize {
        self.len() * 2 * ROW
    }
}

impl Fact for Performance {
    fn without_prices(fact: &Arc<Self>) -> Option<Arc<Self>> {
        if fact.listed_availability.is_none() {
            return Some(Arc::clone(fact));
        }
        Some(Arc::new(Self { listed_availability: None, ..Self::clone(fact) }))
    }

    fn weight(&self) -> usize {
        ROW + self.listed_availability.as_ref().map_or(0, |free| free.weight())
    }
}

impl<T: Fact> Fact for Vec<Arc<T>> {
    fn without_prices(fact: &Arc<Self>) -> Option<Arc<Self>> {
        let bare: Self = fact.iter().filter_map(T::without_prices).collect();
        let is_same =
            bare.len() == fact.len() && bare.iter().zip(fact.iter()).all(|(one, other)| Arc::ptr_eq(one, other));
        Some(if is_same { Arc::clone(fact) } else { Arc::new(bare) })
    }

    fn weight(&self) -> usize {
        self.iter().map(|one| one.weight()).sum()
    }
}

impl Fact for Availability {
    fn without_prices(_: &Arc<Self>) -> Option<Arc<Self>> {
        None
    }

    fn weight(&self) -> usize {
        ROW + self.offers.len() * ROW
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::{availability, event, performance, ticket_type};
    use domain::EventKey;

    #[test]
    fn an_event_without_prices_keeps_its_words_and_loses_every_amount_below_it() {
        let mut rich = event("e1");
        rich.listed_ticket_types = Some(Arc::new(vec![ticket_type(&EventKey::new("e1"), 900)]));
        let mut dated = performance("p1", None);
        dated.listed_availability = Some(Arc::new(availability(3)));
        rich.listed_performances = Some(Arc::new(vec![Arc::new(dated)]));
        let bare = Fact::without_prices(&Arc::new(rich.clone())).expect("an event");
        assert_eq!((&bare.title, bare.price_from), (&rich.title, None));
        let kinds = bare.listed_ticket_types.as_ref().expect("ticket types");
        assert_eq!((kinds[0].name.main.as_str(), &kinds[0].price), ("Adult", &None));
        assert_eq!(bare.listed_performances.as_ref().expect("performances")[0].listed_availability, None);
    }

    #[test]
    fn what_has_no_prices_stays_the_same_allocation() {
        let plain = Arc::new(vec![Arc::new(Event { price_from: None, ..event("e1") })]);
        assert!(Arc::ptr_eq(&plain, &Fact::without_prices(&plain).expect("a list")));
        let priced = Arc::new(vec![Arc::new(event("e1"))]);
        assert!(!Arc::ptr_eq(&priced, &Fact::without_prices(&priced).expect("a list")));
    }

    #[test]
    fn what_is_free_is_nothing_without_its_numbers() {
        let free = Observed::live(Arc::new(availability(3)), Timestamp::UNIX_EPOCH);
        assert!(free.without_prices().is_none());
    }
}
