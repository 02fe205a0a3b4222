//! Maps counted vacancies to offers.

use std::collections::BTreeMap;

use domain::{Availability, AvailabilityStatus, Offer};
use jiff::Timestamp;

use crate::assumptions;
use crate::map::keys::{PerformanceRef, ProductItem};
use crate::map::point_of_sale::PointOfSale;
use crate::map::snapshot::PerformanceEntry;
use crate::wire::availability::AvailabilityRow;

/// The vendor's counts for one performance. Rows of several contingents are added up.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct AvailabilityCounts {
    /// Count over everything, if the vendor sent such a row.
    total: Option<i64>,
    /// Count per seat category or pass item.
    by_part: BTreeMap<i64, i64>,
}

impl AvailabilityCounts {
    fn add(&mut self, part: Option<i64>, vacancies: i64) {
        let vacancies = vacancies.max(0);
        match part {
            Some(part) => *self.by_part.entry(part).or_default() += vacancies,
            None => *self.total.get_or_insert(0) += vacancies,
        }
    }

    /// Returns the vacancies of a part. A part without a row is unknown, unless a total row exists and is zero or is the only
    /// row.
    fn of_item(&self, item: ProductItem) -> Option<i64> {
        let part = match item {
            ProductItem::SeatCategory(category) => category,
            ProductItem::PassItem(item) => Some(item),
        };
        match part {
            Some(part) => {
                self.by_part.get(&part).copied().or(self.total.filter(|total| *total == 0 || self.by_part.is_empty()))
            }
            None => self.sum(),
        }
    }

    /// Returns the total vacancies.
    fn sum(&self) -> Option<i64> {
        self.total.or_else(|| (!self.by_part.is_empty()).then(|| self.by_part.values().sum()))
    }
}

/// Collects the counts of one performance from the rows of many.
pub(crate) fn availability_counts(rows: &[AvailabilityRow], reference: PerformanceRef) -> AvailabilityCounts {
    let mut counts = AvailabilityCounts::default();
    for row in rows {
        let Some(vacancies) = row.availability.map(|vacancies| vacancies.0) else { continue };
        let id = |value: Option<crate::wire::LenientInt>| value.map(|id| id.0);
        match reference {
            PerformanceRef::Date(date) if id(row.performance_id) == Some(date) => {
                counts.add(id(row.seat_category_id), vacancies)
            }
            PerformanceRef::OpenPass(product) if id(row.product_id) == Some(product) => {
                counts.add(id(row.item_id), vacancies)
            }
            PerformanceRef::PassItem { product, item } if id(row.product_id) == Some(product) => {
                match id(row.item_id) {
                    Some(other) if other != item => {}
                    part => counts.add(part, vacancies),
                }
            }
            _ => {}
        }
    }
    counts
}

/// Builds the availability of a performance. Without counts its status is unknown, never sold out.
pub(crate) fn availability(
    entry: &PerformanceEntry,
    counts: &AvailabilityCounts,
    point_of_sale: &PointOfSale,
    now: Timestamp,
) -> Availability {
    let is_open = entry.is_for_sale && !entry.is_over(point_of_sale, now);
    let offers: Vec<Offer> = entry
        .prices
        .iter()
        .map(|row| {
            let vacancies = counts.of_item(row.item);
            Offer {
                ticket_type: row.ticket_type.clone(),
                price: row.price.clone(),
                vacancies: vacancies.map(clamp_vacancies),
                status: if is_open { availability_status(vacancies) } else { AvailabilityStatus::Closed },
            }
        })
        .collect();
    let all = counts.sum();
    let status = match is_open {
        false => AvailabilityStatus::Closed,
        // A date without a price cannot be bought.
        true if entry.prices.is_empty() => AvailabilityStatus::Closed,
        true => availability_status(all),
    };
    let vacancies = all.map(clamp_vacancies);
    Availability { status, vacancies, capacity: None, max_per_order: entry.max_per_order, offers }
}

fn availability_status(vacancies: Option<i64>) -> AvailabilityStatus {
    match vacancies {
        None => AvailabilityStatus::Unknown,
        Some(vacancies) if vacancies <= 0 => AvailabilityStatus::SoldOut,
        Some(vacancies) if vacancies < assumptions::LIMITED_THRESHOLD => AvailabilityStatus::Limited,
        Some(_) => AvailabilityStatus::Available,
    }
}

fn clamp_vacancies(vacancies: i64) -> u32 {
    u32::try_from(vacancies.max(0)).unwrap_or(u32::MAX)
}
