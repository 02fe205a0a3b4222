//! Maps passes: dated, open or timed (`secutix.md §4.1`). That an item's prices contain its date is inferred.

use std::sync::Arc;

use domain::{BookingMode, ExternalRef, Performance, TicketType};
use jiff::Timestamp;
use jiff::civil::Time;

use crate::map::catalog::ProductReader;
use crate::map::keys::{self, PerformanceRef, ProductItem};
use crate::map::point_of_sale::PointOfSale;
use crate::map::snapshot::{PerformanceEntry, TariffPrice};
use crate::map::{text, time};
use crate::wire::catalog::{ItemPrice, PassItem, PassPart};

/// Returns the booking mode: timed if items have time slots or hours, dated if a date is mandatory, otherwise open.
pub(crate) fn booking_mode(pass: &PassPart) -> BookingMode {
    let has_hours = |item: &PassItem| {
        !item.timeslot_ids.is_empty() || item.item_prices.parsed().any(|price| price.start_time.is_some())
    };
    if pass.items.parsed().any(has_hours) {
        BookingMode::Timed
    } else if pass.date_mandatory.is_some_and(|flag| flag.0) {
        BookingMode::Dated
    } else {
        BookingMode::Open
    }
}

/// Maps an open pass to one performance, any other pass to one per item.
pub(crate) fn performances(reader: &mut ProductReader<'_>, pass: &PassPart) -> Vec<PerformanceEntry> {
    let mode = booking_mode(pass);
    reader.skipped.unreadable += pass.items.unreadable_count();
    let mut entries: Vec<PerformanceEntry> = Vec::new();
    for item in pass.items.parsed() {
        let Some(id) = item.item_id.map(|id| id.0) else {
            reader.skipped.unreadable += 1;
            continue;
        };
        let rows = tariff_prices(reader, item, id);
        let entry = match mode {
            BookingMode::Open => open_pass(reader, item, rows),
            _ => pass_item(reader, item, id, mode, rows),
        };
        match entries.first_mut().filter(|_| mode == BookingMode::Open) {
            Some(merged) => merge(merged, entry),
            None => entries.push(entry),
        }
    }
    entries
}

fn tariff_prices(reader: &mut ProductReader<'_>, item: &PassItem, id: i64) -> Vec<TariffPrice> {
    reader.skipped.unreadable += item.item_prices.unreadable_count();
    let mut rows: Vec<TariffPrice> = Vec::new();
    for price in item.item_prices.parsed() {
        let (Some(audience), Some(amount)) = (price.aud_sub_cat_id, price.amount) else {
            reader.skipped.unreadable += 1;
            continue;
        };
        let Some(mut row) = reader.tariff_price(ProductItem::PassItem(id), audience.0, amount.0, None) else {
            continue;
        };
        if rows.iter().any(|other| other.ticket_type.key == row.ticket_type.key) {
            continue;
        }
        // A ticket type shared by two items would hide which of them is meant, so the item's name is put in front.
        let ticket_type = Arc::new(pass_ticket_type(reader, item, price, &row.ticket_type));
        reader.ticket_types.insert((ProductItem::PassItem(id), audience.0), Arc::clone(&ticket_type));
        row.ticket_type = ticket_type;
        rows.push(row);
    }
    rows
}

/// Returns the ticket type with the limits of the item and its name in front.
fn pass_ticket_type(reader: &ProductReader<'_>, item: &PassItem, price: &ItemPrice, tariff: &TicketType) -> TicketType {
    let mut ticket_type = tariff.clone();
    let limit = |count: Option<crate::wire::LenientInt>| {
        count.and_then(|count| u32::try_from(count.0).ok()).filter(|count| *count > 0)
    };
    ticket_type.min_per_order = limit(price.min_qty).or(ticket_type.min_per_order);
    ticket_type.max_per_order = limit(price.max_qty).or(ticket_type.max_per_order);
    if let Some(name) = text::localized_text(item.external_name.as_ref(), None, reader.tariffs.main_language) {
        let tariff_name = ticket_type.name.clone();
        ticket_type.name.main = format!("{} – {}", name.main, tariff_name.main);
        for locale in name.translations.keys().chain(tariff_name.translations.keys()) {
            let full_name = format!("{} – {}", name.resolve(Some(locale)), tariff_name.resolve(Some(locale)));
            ticket_type.name.translations.insert(locale.clone(), full_name);
        }
    }
    ticket_type
}

fn open_pass(reader: &ProductReader<'_>, item: &PassItem, rows: Vec<TariffPrice>) -> PerformanceEntry {
    let reference = PerformanceRef::OpenPass(reader.product_id);
    let (_, end) = validity(item, reader.point_of_sale);
    performance_entry(reader, reference, Vec::new(), rows, |performance| performance.ends_at = end)
}

fn pass_item(
    reader: &ProductReader<'_>,
    item: &PassItem,
    id: i64,
    mode: BookingMode,
    rows: Vec<TariffPrice>,
) -> PerformanceEntry {
    let point_of_sale = reader.point_of_sale;
    let (start, end) = validity(item, point_of_sale);
    let day = start.map(|start| start.to_zoned(point_of_sale.time_zone.clone()).date());
    let hour = item.item_prices.parsed().find_map(|price| price.start_time.as_ref()?.0.trim().parse::<Time>().ok());
    let starts_at = day
        .zip(hour)
        .filter(|_| mode == BookingMode::Timed)
        .and_then(|(day, hour)| point_of_sale.time_zone.to_timestamp(day.to_datetime(hour)).ok());
    let reference = PerformanceRef::PassItem { product: reader.product_id, item: id };
    let refs = vec![ExternalRef::new("secutix.item", id.to_string())];
    performance_entry(reader, reference, refs, rows, |performance| {
        performance.starts_at = starts_at;
        performance.date = day;
        performance.ends_at = end;
    })
}

fn performance_entry(
    reader: &ProductReader<'_>,
    reference: PerformanceRef,
    refs: Vec<ExternalRef>,
    rows: Vec<TariffPrice>,
    dated: impl FnOnce(&mut Performance),
) -> PerformanceEntry {
    let mut performance = Performance {
        key: keys::performance(reference),
        event: keys::event(reader.product_id),
        refs,
        starts_at: None,
        ends_at: None,
        date: None,
        cutoff_at: None,
        listed_availability: None,
    };
    performance.refs.push(ExternalRef::new("secutix.product", reader.product_id.to_string()));
    dated(&mut performance);
    PerformanceEntry {
        performance: Arc::new(performance),
        reference,
        product_id: reader.product_id,
        is_for_sale: reader.is_for_sale,
        prices: rows,
        max_per_order: reader.point_of_sale.max_per_order,
    }
}

/// Merges the items of an open pass into one performance. It is valid as long as the longest of them.
fn merge(merged: &mut PerformanceEntry, more: PerformanceEntry) {
    merged.prices.extend(more.prices);
    let ends_at = merged.performance.ends_at.zip(more.performance.ends_at).map(|(left, right)| left.max(right));
    merged.performance = Arc::new(Performance { ends_at, ..Performance::clone(&merged.performance) });
}

/// Returns the first day and the end of the last day over all prices of an item.
fn validity(item: &PassItem, point_of_sale: &PointOfSale) -> (Option<Timestamp>, Option<Timestamp>) {
    let prices = || item.item_prices.parsed();
    let start =
        prices().filter_map(|price| time::parse_instant(price.start_date.as_ref(), &point_of_sale.time_zone)).min();
    let last = prices().filter_map(|price| time::parse_day(price.end_date.as_ref(), &point_of_sale.time_zone)).max();
    let end = last.and_then(|day| point_of_sale.time_zone.to_timestamp(day.tomorrow().ok()?.at(0, 0, 0, 0)).ok());
    (start, end)
}
