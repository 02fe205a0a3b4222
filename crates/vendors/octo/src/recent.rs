//! Recent products and holds. They save calls only: whoever finds nothing here asks the supplier.

use std::collections::HashMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use parking_lot::Mutex;
use uuid::Uuid;

use crate::client::Reading;
use crate::wire::catalog::Product;

/// Time for which a product that was read may be used to check a hold. Facts about events are always fetched.
const PRODUCT_TTL: SignedDuration = SignedDuration::from_secs(60);
/// Largest number of products. Further ones are not cached. A product has long texts.
const MAX_PRODUCTS: usize = 500;
/// Largest number of holds. Further ones are not cached.
const MAX_HOLDS: usize = 10_000;

/// A product and the time it was read.
type CachedProduct = (Arc<Reading<Product>>, Timestamp);

/// Caches products for one minute, and the ends of holds that this process placed without any doubt until they are used or over.
#[derive(Default)]
pub(crate) struct Recent {
    products: Mutex<HashMap<String, CachedProduct>>,
    holds: Mutex<HashMap<Uuid, Timestamp>>,
}

impl Recent {
    /// Inserts a product and drops expired ones.
    pub(crate) fn insert_product(&self, product: &Arc<Reading<Product>>, now: Timestamp) {
        let mut products = self.products.lock();
        products.retain(|_, (_, read_at)| is_recent(*read_at, now));
        if products.len() < MAX_PRODUCTS {
            products.insert(product.value.id.clone(), (Arc::clone(product), now));
        }
    }

    /// Returns a product that was read within the last minute.
    pub(crate) fn product(&self, id: &str, now: Timestamp) -> Option<Arc<Reading<Product>>> {
        let products = self.products.lock();
        products.get(id).filter(|(_, read_at)| is_recent(*read_at, now)).map(|(product, _)| Arc::clone(product))
    }

    /// Inserts a hold that the supplier has just returned, with its end.
    pub(crate) fn insert_hold(&self, uuid: Uuid, end: Timestamp, now: Timestamp) {
        let mut holds = self.holds.lock();
        if holds.len() >= MAX_HOLDS {
            holds.retain(|_, end| *end > now);
        }
        if holds.len() < MAX_HOLDS {
            holds.insert(uuid, end);
        }
    }

    /// Removes holds, and returns true if all were there and none is over.
    pub(crate) fn take_holds(&self, uuids: impl Iterator<Item = Uuid>, now: Timestamp) -> bool {
        let mut holds = self.holds.lock();
        let ends: Vec<Option<Timestamp>> = uuids.map(|uuid| holds.remove(&uuid)).collect();
        ends.into_iter().all(|end| end.is_some_and(|end| end > now))
    }
}

fn is_recent(read_at: Timestamp, now: Timestamp) -> bool {
    now.duration_since(read_at) <= PRODUCT_TTL
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).expect("a time")
    }

    #[test]
    fn a_hold_is_taken_once_and_only_before_its_end() {
        let recent = Recent::default();
        let (one, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
        recent.insert_hold(one, at(100), at(0));
        assert!(recent.take_holds([one].into_iter(), at(99)));
        assert!(!recent.take_holds([one].into_iter(), at(99)), "it was taken");
        recent.insert_hold(one, at(100), at(0));
        assert!(!recent.take_holds([one].into_iter(), at(100)), "it is over");
        recent.insert_hold(one, at(100), at(0));
        assert!(!recent.take_holds([one, other].into_iter(), at(1)), "one of two is missing");
        assert!(!recent.take_holds([one].into_iter(), at(1)), "and both are taken");
    }

    #[test]
    fn the_number_of_holds_and_products_is_limited_and_expired_ones_make_room() {
        let recent = Recent::default();
        let product = |number: usize| {
            let value = serde_json::from_value(serde_json::json!({ "id": number.to_string() })).expect("a product");
            Arc::new(Reading { value, has_prices: true })
        };
        for number in 0..=MAX_HOLDS {
            recent.insert_hold(Uuid::from_u128(number as u128), at(100), at(0));
            recent.insert_product(&product(number), at(0));
        }
        assert_eq!((recent.holds.lock().len(), recent.products.lock().len()), (MAX_HOLDS, MAX_PRODUCTS));
        recent.insert_hold(Uuid::from_u128(1 << 64), at(300), at(101));
        recent.insert_product(&product(MAX_HOLDS), at(101));
        assert_eq!((recent.holds.lock().len(), recent.products.lock().len()), (1, 1));
        let last = MAX_HOLDS.to_string();
        assert!(recent.product(&last, at(161)).is_some() && recent.product(&last, at(162)).is_none());
    }
}
