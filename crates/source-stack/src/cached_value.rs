//! Values as the cache stores them: their age, their size, and their form without prices.

use std::sync::Arc;

use domain::{Availability, CalendarDay, Event, Freshness, FreshnessMode, Observed, Performance, TicketType};
use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Estimated size of a record with a few short texts, in bytes.
const RECORD_BYTES: usize = 400;

/// A value that can be cached.
pub(crate) trait CachedValue: Clone + Send + Sync + Serialize + DeserializeOwned + 'static {
    /// Returns its freshness, or that of its oldest row. `None` if it has no rows.
    fn freshness(&self) -> Option<Freshness>;

    /// Returns the value with the freshness of a cached response.
    fn with_freshness(self, mode: FreshnessMode, expires_at: Option<Timestamp>) -> Self;

    /// Returns the value without prices and availability, to be served while the vendor fails. `None` if nothing would be left.
    fn without_prices(&self) -> Option<Self>;

    /// Returns its estimated size in bytes.
    fn weight(&self) -> usize;
}

impl<T: CatalogRecord> CachedValue for Observed<Arc<T>> {
    fn freshness(&self) -> Option<Freshness> {
        Some(self.freshness)
    }

    fn with_freshness(self, mode: FreshnessMode, expires_at: Option<Timestamp>) -> Self {
        Self { freshness: Freshness { mode, expires_at, ..self.freshness }, ..self }
    }

    fn without_prices(&self) -> Option<Self> {
        Some(Self { value: T::without_prices(&self.value)?, freshness: self.freshness })
    }

    fn weight(&self) -> usize {
        self.value.weight()
    }
}

impl CachedValue for Arc<Vec<CalendarDay>> {
    fn freshness(&self) -> Option<Freshness> {
        self.iter().map(|day| day.freshness).min_by_key(|freshness| freshness.observed_at)
    }

    fn with_freshness(self, mode: FreshnessMode, expires_at: Option<Timestamp>) -> Self {
        let with_freshness = |day: &CalendarDay| CalendarDay {
            freshness: Freshness { mode, expires_at, ..day.freshness },
            ..day.clone()
        };
        Arc::new(self.iter().map(with_freshness).collect())
    }

    fn without_prices(&self) -> Option<Self> {
        None
    }

    fn weight(&self) -> usize {
        self.len() * RECORD_BYTES
    }
}

/// A record of the catalog. Without prices to remove, `without_prices` returns the same allocation, because views of a record are
/// cached by its address.
pub(crate) trait CatalogRecord: Serialize + DeserializeOwned + Send + Sync + 'static {
    /// Returns the record without prices and availability. `None` if nothing would be left.
    fn without_prices(record: &Arc<Self>) -> Option<Arc<Self>>;

    /// Returns the estimated size in bytes. Serializing the record to measure it would cost more than fetching it again.
    fn weight(&self) -> usize;
}

impl CatalogRecord for Event {
    fn without_prices(event: &Arc<Self>) -> Option<Arc<Self>> {
        let has_prices =
            event.price_from.is_some() || event.listed_ticket_types.is_some() || event.listed_performances.is_some();
        if !has_prices {
            return Some(Arc::clone(event));
        }
        let without_prices = Self {
            price_from: None,
            listed_ticket_types: event.listed_ticket_types.as_ref().and_then(CatalogRecord::without_prices),
            listed_performances: event.listed_performances.as_ref().and_then(CatalogRecord::without_prices),
            ..Self::clone(event)
        };
        Some(Arc::new(without_prices))
    }

    fn weight(&self) -> usize {
        let ticket_types = self.listed_ticket_types.as_ref().map_or(0, |listed| listed.weight());
        let performances = self.listed_performances.as_ref().map_or(0, |listed| listed.weight());
        let texts: usize = [&self.summary, &self.description].into_iter().flatten().map(|text| text.main.len()).sum();
        2 * RECORD_BYTES + texts + ticket_types + performances
    }
}

impl CatalogRecord for Vec<TicketType> {
    fn without_prices(ticket_types: &Arc<Self>) -> Option<Arc<Self>> {
        if ticket_types.iter().all(|ticket_type| ticket_type.price.is_none()) {
            return Some(Arc::clone(ticket_types));
        }
        let without_price = |ticket_type: &TicketType| TicketType { price: None, ..ticket_type.clone() };
        Some(Arc::new(ticket_types.iter().map(without_price).collect()))
    }

    fn weight(&self) -> usize {
        self.len() * 2 * RECORD_BYTES
    }
}

impl CatalogRecord for Performance {
    fn without_prices(performance: &Arc<Self>) -> Option<Arc<Self>> {
        if performance.listed_availability.is_none() {
            return Some(Arc::clone(performance));
        }
        Some(Arc::new(Self { listed_availability: None, ..Self::clone(performance) }))
    }

    fn weight(&self) -> usize {
        RECORD_BYTES + self.listed_availability.as_ref().map_or(0, |availability| availability.weight())
    }
}

impl<T: CatalogRecord> CatalogRecord for Vec<Arc<T>> {
    fn without_prices(records: &Arc<Self>) -> Option<Arc<Self>> {
        let without_prices: Self = records.iter().filter_map(T::without_prices).collect();
        let is_same = without_prices.len() == records.len()
            && without_prices.iter().zip(records.iter()).all(|(one, other)| Arc::ptr_eq(one, other));
        Some(if is_same { Arc::clone(records) } else { Arc::new(without_prices) })
    }

    fn weight(&self) -> usize {
        self.iter().map(|record| record.weight()).sum()
    }
}

impl CatalogRecord for Availability {
    fn without_prices(_: &Arc<Self>) -> Option<Arc<Self>> {
        None
    }

    fn weight(&self) -> usize {
        RECORD_BYTES + self.offers.len() * RECORD_BYTES
    }
}

#[cfg(test)]
mod tests {
    use domain::EventKey;
    use testkit::{availability, event, performance, ticket_type};

    use super::*;

    #[test]
    fn an_event_without_prices_keeps_its_texts_and_loses_every_amount_below_it() {
        let mut priced = event("e1");
        priced.listed_ticket_types = Some(Arc::new(vec![ticket_type(&EventKey::new("e1"), 900)]));
        let mut dated = performance("p1", None);
        dated.listed_availability = Some(Arc::new(availability(3)));
        priced.listed_performances = Some(Arc::new(vec![Arc::new(dated)]));
        let without_prices = CatalogRecord::without_prices(&Arc::new(priced.clone())).expect("an event");
        assert_eq!((&without_prices.title, without_prices.price_from), (&priced.title, None));
        let ticket_types = without_prices.listed_ticket_types.as_ref().expect("ticket types");
        assert_eq!((ticket_types[0].name.main.as_str(), &ticket_types[0].price), ("Adult", &None));
        let performances = without_prices.listed_performances.as_ref().expect("performances");
        assert_eq!(performances[0].listed_availability, None);
    }

    #[test]
    fn a_record_that_has_no_prices_stays_the_same_allocation() {
        let unpriced = Arc::new(vec![Arc::new(Event { price_from: None, ..event("e1") })]);
        assert!(Arc::ptr_eq(&unpriced, &CatalogRecord::without_prices(&unpriced).expect("a list")));
        let priced = Arc::new(vec![Arc::new(event("e1"))]);
        assert!(!Arc::ptr_eq(&priced, &CatalogRecord::without_prices(&priced).expect("a list")));
    }

    #[test]
    fn availability_has_no_form_without_numbers() {
        let observed = Observed::live(Arc::new(availability(3)), Timestamp::UNIX_EPOCH);
        assert!(observed.without_prices().is_none());
    }
}
