//! Performances with their availability: one request per event and range, or per event and up to 100 ids (`octo.md §5.2`).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures_util::stream::{self, StreamExt};
use jiff::civil::Date;
use jiff::{Timestamp, ToSpan};

use super::{MAX_CONCURRENT_READS, Products};
use crate::OctoSource;
use crate::client::{INVALID_AVAILABILITY_ID, MAX_SLOTS, Reading, has_code};
use crate::map::keys::{self, OfferingId};
use crate::map::{Offering, Timing, slot};
use crate::wire::catalog::Slot;
use crate::wire::requests::{DaysQuery, SlotsQuery};
use domain::{
    Batch, Currency, ErrorKind, EventKey, Observed, Performance, PerformanceKey, PerformanceWindow, VendorError,
    VendorOperation,
};

/// Days of the first request of an open-ended list; more are requested only if it has too few performances.
const FIRST_DAYS: i32 = 31;
/// Days that one request may cover, less one (`octo.md §2.5`).
const MAX_DAYS: i32 = 365;

impl OctoSource {
    /// Lists the performances of events in a window.
    pub(super) async fn performances_of(
        &self,
        events: &[EventKey],
        window: &PerformanceWindow,
    ) -> Batch<EventKey, Observed<Arc<Vec<Arc<Performance>>>>> {
        let op = VendorOperation::ListPerformances;
        let wanted: BTreeSet<EventKey> = events.iter().cloned().collect();
        let ids = wanted.iter().filter_map(keys::parse_event).map(|id| id.product).collect();
        let products = self.read_products(op, ids).await;
        let reads = stream::iter(wanted).map(|key: EventKey| {
            let products = &products;
            async move {
                let listed = self.list_in_window(op, products, &key, window).await;
                (key, listed.map(|listed| Observed::live(Arc::new(listed), self.clock.now())))
            }
        });
        reads.buffer_unordered(MAX_CONCURRENT_READS).collect().await
    }

    async fn list_in_window(
        &self,
        op: VendorOperation,
        products: &Products,
        key: &EventKey,
        window: &PerformanceWindow,
    ) -> Result<Vec<Arc<Performance>>, VendorError> {
        let id = keys::parse_event(key).ok_or_else(|| self.client.error(op, ErrorKind::NotFound))?;
        let offering = self.offering(op, products, &id)?;
        if offering.timing() == Timing::Open {
            let performance = self.open_performance(op, offering).await?;
            return Ok(std::iter::once(Arc::new(performance)).take(window.limit).collect());
        }
        let zone = self.defaults.zone_of(offering.product);
        let day = |at: Timestamp| at.to_zoned(zone.clone()).date();
        let first = day(window.from);
        let furthest = first.saturating_add(MAX_DAYS.days());
        let last = window.to.map_or(furthest, day).min(furthest);
        let near = first.saturating_add(FIRST_DAYS.days()).min(last);
        let mut ranges = vec![(first, near)];
        if near < last {
            ranges.push((near.saturating_add(1.day()), last));
        }
        let mut found: BTreeMap<_, Arc<Performance>> = BTreeMap::new();
        for range in ranges {
            let slots = self.slots_in(op, offering, range).await?;
            let mapped =
                slots.value.iter().filter_map(|row| slot::performance(offering, row, slots.has_prices, &self.defaults));
            let inside = mapped.filter(|performance| is_inside(performance, window, (first, last)));
            found.extend(inside.map(|one| ((one.starts_at, one.date, one.key.clone()), Arc::new(one))));
            if found.len() >= window.limit {
                break;
            }
        }
        Ok(found.into_values().take(window.limit).collect())
    }

    async fn slots_in(
        &self,
        op: VendorOperation,
        offering: Offering<'_>,
        (first, last): (Date, Date),
    ) -> Result<Reading<Vec<Slot>>, VendorError> {
        let query = DaysQuery {
            product_id: &offering.product.id,
            option_id: &offering.option.id,
            local_date_start: first.to_string(),
            local_date_end: last.to_string(),
            currency: self.defaults.requested_currency(offering).map(Currency::code),
        };
        self.client.slots_of_days(op, &query).await
    }

    /// Reads what an open-dated product costs: at its first availability of the coming days (`octo.md §11` O15).
    pub(crate) async fn open_performance(
        &self,
        op: VendorOperation,
        offering: Offering<'_>,
    ) -> Result<Performance, VendorError> {
        let missing = || self.client.error(op, ErrorKind::Malformed);
        let event = keys::event_key(&offering.product.id, &offering.option.id).ok_or_else(missing)?;
        let today = self.clock.now().to_zoned(self.defaults.zone_of(offering.product)).date();
        let slots = self.slots_in(op, offering, (today, today.saturating_add(FIRST_DAYS.days()))).await?;
        let first = slots.value.iter().find(|row| row.available == Some(true)).or(slots.value.first());
        let availability = slot::availability(offering, first, slots.has_prices, &self.defaults);
        Ok(Performance { listed_availability: Some(Arc::new(availability)), ..slot::open_performance(event) })
    }

    /// Reads performances by key, with their availability.
    pub(super) async fn read_performances(
        &self,
        op: VendorOperation,
        wanted: &[PerformanceKey],
    ) -> Batch<PerformanceKey, Observed<Arc<Performance>>> {
        let mut batch = Batch::new();
        let mut by_event: BTreeMap<OfferingId, BTreeSet<PerformanceKey>> = BTreeMap::new();
        for key in wanted {
            match keys::parse_part(key) {
                Some((id, _)) => drop(by_event.entry(id).or_default().insert(key.clone())),
                None => drop(batch.insert(key.clone(), Err(self.client.error(op, ErrorKind::NotFound)))),
            }
        }
        let products = self.read_products(op, by_event.keys().map(|id| id.product.clone()).collect()).await;
        let mut chunks: Vec<(OfferingId, Vec<PerformanceKey>)> = Vec::new();
        for (id, keys) in by_event {
            let keys: Vec<PerformanceKey> = keys.into_iter().collect();
            chunks.extend(keys.chunks(MAX_SLOTS).map(|chunk| (id.clone(), chunk.to_vec())));
        }
        let reads = stream::iter(chunks).map(|(id, keys): (OfferingId, Vec<PerformanceKey>)| {
            let products = &products;
            async move { self.read_chunk(op, products, &id, &keys).await }
        });
        let read: Vec<_> = reads.buffer_unordered(MAX_CONCURRENT_READS).collect().await;
        batch.extend(read.into_iter().flatten());
        batch
    }

    async fn read_chunk(
        &self,
        op: VendorOperation,
        products: &Products,
        id: &OfferingId,
        wanted: &[PerformanceKey],
    ) -> Batch<PerformanceKey, Observed<Arc<Performance>>> {
        let offering = match self.offering(op, products, id) {
            Ok(offering) => offering,
            Err(error) => return error.to_batch(wanted),
        };
        let mut batch = Batch::new();
        let mut ids = Vec::new();
        for key in wanted {
            let own = keys::parse_part(key).map(|(_, id)| id).unwrap_or_default();
            // Only an open-dated product has a performance without an availability, and it has no other.
            match (offering.timing() == Timing::Open, own.is_empty()) {
                (true, true) => {
                    let read = self.open_performance(op, offering).await;
                    batch.insert(key.clone(), read.map(|one| Observed::live(Arc::new(one), self.clock.now())));
                }
                (false, false) => ids.push(own),
                _ => drop(batch.insert(key.clone(), Err(self.client.error(op, ErrorKind::NotFound)))),
            }
        }
        let found = self.slots_by_id(op, offering, &ids).await;
        let now = self.clock.now();
        let event = keys::event_key(&id.product, &id.option);
        batch.extend(ids.iter().zip(found).filter_map(|(own, read)| {
            let key = keys::performance_key(event.as_ref()?, own)?;
            let performance = read.and_then(|(slot, has_prices)| {
                let mapped = slot::performance(offering, &slot, has_prices, &self.defaults);
                mapped.ok_or_else(|| self.client.error(op, ErrorKind::Malformed))
            });
            Some((key, performance.map(|one| Observed::live(Arc::new(one), now))))
        }));
        batch
    }

    /// Reads availabilities by id, one result for each. If one of several is refused as unknown, each is read by itself.
    async fn slots_by_id(
        &self,
        op: VendorOperation,
        offering: Offering<'_>,
        ids: &[String],
    ) -> Vec<Result<(Slot, bool), VendorError>> {
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        if ids.is_empty() {
            return Vec::new();
        }
        match self.ask_slots(op, offering, &ids).await {
            Ok(read) => self.sort_slots(op, &ids, read),
            Err(error) if ids.len() > 1 && has_code(&error, INVALID_AVAILABILITY_ID) => {
                let ids: Vec<String> = ids.into_iter().map(str::to_owned).collect();
                let reads = stream::iter(ids).map(|id: String| async move {
                    let read = self.ask_slots(op, offering, &[&id]).await?;
                    self.sort_slots(op, &[&id], read).swap_remove(0)
                });
                reads.buffered(MAX_CONCURRENT_READS).collect().await
            }
            Err(error) => ids.iter().map(|_| Err(error.clone())).collect(),
        }
    }

    async fn ask_slots(
        &self,
        op: VendorOperation,
        offering: Offering<'_>,
        ids: &[&str],
    ) -> Result<Reading<Vec<Slot>>, VendorError> {
        let query = SlotsQuery {
            product_id: &offering.product.id,
            option_id: &offering.option.id,
            availability_ids: ids,
            units: Vec::new(),
            currency: self.defaults.requested_currency(offering).map(Currency::code),
        };
        self.client.slots(op, &query).await
    }

    fn sort_slots(
        &self,
        op: VendorOperation,
        ids: &[&str],
        read: Reading<Vec<Slot>>,
    ) -> Vec<Result<(Slot, bool), VendorError>> {
        let mut slots: BTreeMap<String, Slot> = read.value.into_iter().map(|slot| (slot.id.clone(), slot)).collect();
        let missing = || self.client.error(op, ErrorKind::NotFound);
        ids.iter().map(|id| slots.remove(*id).map(|slot| (slot, read.has_prices)).ok_or_else(missing)).collect()
    }
}

/// True if a performance lies in a window: by its start, or by its day if it has none.
fn is_inside(performance: &Performance, window: &PerformanceWindow, (first, last): (Date, Date)) -> bool {
    match (performance.starts_at, performance.date) {
        (Some(at), _) => at >= window.from && window.to.is_none_or(|to| at < to),
        (None, Some(day)) => day >= first && day <= last,
        (None, None) => true,
    }
}
