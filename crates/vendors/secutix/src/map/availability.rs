//! What is free: rows of counts to offers.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::inferred;
use crate::map::keys::{Occasion, Ware};
use crate::map::snapshot::Show;
use crate::map::till::Till;
use crate::wire::availability::Free;
use domain::{Availability, AvailabilityStatus, Offer};

/// What the vendor counted for one show. Rows of several contingents are added up.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Over everything, where the vendor gave such a row.
    total: Option<i64>,
    /// For each seat category, or thing of a pass.
    parts: BTreeMap<i64, i64>,
}

impl Counts {
    fn add(&mut self, part: Option<i64>, free: i64) {
        let free = free.max(0);
        match part {
            Some(part) => *self.parts.entry(part).or_default() += free,
            None => *self.total.get_or_insert(0) += free,
        }
    }

    /// What is free of a part; a part without a row is not known, unless a row covers everything and nothing is left of it.
    fn of(&self, ware: Ware) -> Option<i64> {
        let part = match ware {
            Ware::Seats(category) => category,
            Ware::Item(item) => Some(item),
        };
        match part {
            Some(part) => {
                self.parts.get(&part).copied().or(self.total.filter(|total| *total == 0 || self.parts.is_empty()))
            }
            None => self.all(),
        }
    }

    /// What is free in all.
    fn all(&self) -> Option<i64> {
        self.total.or_else(|| (!self.parts.is_empty()).then(|| self.parts.values().sum()))
    }
}

/// The counts of a show among rows for many.
pub(crate) fn counts(rows: &[Free], occasion: Occasion) -> Counts {
    let mut counts = Counts::default();
    for row in rows {
        let Some(free) = row.availability.map(|free| free.0) else { continue };
        let id = |told: Option<crate::wire::Whole>| told.map(|id| id.0);
        match occasion {
            Occasion::Date(date) if id(row.performance_id) == Some(date) => counts.add(id(row.seat_category_id), free),
            Occasion::OpenPass(product) if id(row.product_id) == Some(product) => counts.add(id(row.item_id), free),
            Occasion::PassItem { product, item } if id(row.product_id) == Some(product) => match id(row.item_id) {
                Some(its) if its != item => {}
                part => counts.add(part, free),
            },
            _ => {}
        }
    }
    counts
}

/// Offers and state of a show. Without counts the state is unknown, never sold out.
pub(crate) fn availability(show: &Show, counts: &Counts, till: &Till, now: Timestamp) -> Availability {
    let is_open = show.is_for_sale && !show.is_over(till, now);
    let offers: Vec<Offer> = show
        .rows
        .iter()
        .map(|row| {
            let free = counts.of(row.ware);
            Offer {
                ticket_type: row.ticket_type.clone(),
                price: row.price.clone(),
                vacancies: free.map(vacancies),
                status: if is_open { state(free) } else { AvailabilityStatus::Closed },
            }
        })
        .collect();
    let all = counts.all();
    let status = match is_open {
        false => AvailabilityStatus::Closed,
        // A date without a price cannot be bought.
        true if show.rows.is_empty() => AvailabilityStatus::Closed,
        true => state(all),
    };
    let vacancies = all.map(vacancies);
    Availability { status, vacancies, capacity: None, max_per_order: show.most_places, offers }
}

fn state(free: Option<i64>) -> AvailabilityStatus {
    match free {
        None => AvailabilityStatus::Unknown,
        Some(free) if free <= 0 => AvailabilityStatus::SoldOut,
        Some(free) if free < inferred::NEARLY_GONE => AvailabilityStatus::Limited,
        Some(_) => AvailabilityStatus::Available,
    }
}

fn vacancies(free: i64) -> u32 {
    u32::try_from(free.max(0)).unwrap_or(u32::MAX)
}
