//! Passes: dated, open or timed (`secutix.md §4.1`). That a day stands in the dates of an item's prices is inferred.

use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::Time;

use crate::map::catalog::Reading;
use crate::map::keys::{self, Occasion, Ware};
use crate::map::snapshot::{Row, Show};
use crate::map::till::Till;
use crate::map::{text, time};
use crate::wire::catalog::{ItemPrice, PassItem, PassPart};
use domain::{BookingMode, ExternalRef, Performance, TicketType};

/// A pass whose things have time slots or hours is timed, one that needs a day is dated, any other is open.
pub(crate) fn booking_mode(pass: &PassPart) -> BookingMode {
    let has_hours = |item: &PassItem| {
        !item.timeslot_ids.is_empty() || item.item_prices.readable().any(|price| price.start_time.is_some())
    };
    if pass.items.readable().any(has_hours) {
        BookingMode::Timed
    } else if pass.date_mandatory.is_some_and(|flag| flag.0) {
        BookingMode::Dated
    } else {
        BookingMode::Open
    }
}

/// One show for the whole of an open pass; one for each thing of any other.
pub(crate) fn shows(reading: &mut Reading<'_>, pass: &PassPart) -> Vec<Show> {
    let mode = booking_mode(pass);
    reading.losses.unread += pass.items.unread();
    let mut shows: Vec<Show> = Vec::new();
    for item in pass.items.readable() {
        let Some(id) = item.item_id.map(|id| id.0) else {
            reading.losses.unread += 1;
            continue;
        };
        let rows = rows(reading, item, id);
        let show = match mode {
            BookingMode::Open => open_show(reading, item, rows),
            _ => item_show(reading, item, id, mode, rows),
        };
        match shows.first_mut().filter(|_| mode == BookingMode::Open) {
            Some(whole) => join(whole, show),
            None => shows.push(show),
        }
    }
    shows
}

fn rows(reading: &mut Reading<'_>, item: &PassItem, id: i64) -> Vec<Row> {
    reading.losses.unread += item.item_prices.unread();
    let mut rows: Vec<Row> = Vec::new();
    for price in item.item_prices.readable() {
        let (Some(audience), Some(amount)) = (price.aud_sub_cat_id, price.amount) else {
            reading.losses.unread += 1;
            continue;
        };
        let Some(mut row) = reading.row(Ware::Item(id), audience.0, amount.0, None) else { continue };
        if rows.iter().any(|known| known.ticket_type.key == row.ticket_type.key) {
            continue;
        }
        // A type that two things share would hide which of them is meant: the thing's own name goes first.
        let made = Arc::new(limited(reading, item, price, &row.ticket_type));
        reading.ticket_types.insert((Ware::Item(id), audience.0), Arc::clone(&made));
        row.ticket_type = made;
        rows.push(row);
    }
    rows
}

/// The tariff with the limits of the thing, and its name in front where it has one.
fn limited(reading: &Reading<'_>, item: &PassItem, price: &ItemPrice, tariff: &TicketType) -> TicketType {
    let mut made = tariff.clone();
    let count = |told: Option<crate::wire::Whole>| {
        told.and_then(|count| u32::try_from(count.0).ok()).filter(|count| *count > 0)
    };
    made.min_per_order = count(price.min_qty).or(made.min_per_order);
    made.max_per_order = count(price.max_qty).or(made.max_per_order);
    if let Some(name) = text::text(item.external_name.as_ref(), None, reading.tariffs.main_language) {
        let tariff_name = made.name.clone();
        made.name.main = format!("{} – {}", name.main, tariff_name.main);
        for locale in name.translations.keys().chain(tariff_name.translations.keys()) {
            let both = format!("{} – {}", name.pick(Some(locale)), tariff_name.pick(Some(locale)));
            made.name.translations.insert(locale.clone(), both);
        }
    }
    made
}

fn open_show(reading: &Reading<'_>, item: &PassItem, rows: Vec<Row>) -> Show {
    let occasion = Occasion::OpenPass(reading.id);
    let (_, end) = validity(item, reading.till);
    show(reading, occasion, Vec::new(), rows, |performance| performance.ends_at = end)
}

fn item_show(reading: &Reading<'_>, item: &PassItem, id: i64, mode: BookingMode, rows: Vec<Row>) -> Show {
    let till = reading.till;
    let (start, end) = validity(item, till);
    let day = start.map(|start| start.to_zoned(till.zone.clone()).date());
    let hour = item.item_prices.readable().find_map(|price| price.start_time.as_ref()?.0.trim().parse::<Time>().ok());
    let starts_at = day
        .zip(hour)
        .filter(|_| mode == BookingMode::Timed)
        .and_then(|(day, hour)| till.zone.to_timestamp(day.to_datetime(hour)).ok());
    let occasion = Occasion::PassItem { product: reading.id, item: id };
    let refs = vec![ExternalRef::new("secutix.item", id.to_string())];
    show(reading, occasion, refs, rows, |performance| {
        performance.starts_at = starts_at;
        performance.date = day;
        performance.ends_at = end;
    })
}

fn show(
    reading: &Reading<'_>,
    occasion: Occasion,
    refs: Vec<ExternalRef>,
    rows: Vec<Row>,
    dated: impl FnOnce(&mut Performance),
) -> Show {
    let mut performance = Performance {
        key: keys::performance(occasion),
        event: keys::event(reading.id),
        refs,
        starts_at: None,
        ends_at: None,
        date: None,
        cutoff_at: None,
        listed_availability: None,
    };
    performance.refs.push(ExternalRef::new("secutix.product", reading.id.to_string()));
    dated(&mut performance);
    Show {
        performance: Arc::new(performance),
        occasion,
        product: reading.id,
        is_for_sale: reading.is_for_sale,
        rows,
        most_places: reading.till.most_places,
    }
}

/// Adds the things of an open pass to one show; it is good as long as the longest of them.
fn join(whole: &mut Show, more: Show) {
    whole.rows.extend(more.rows);
    let ends_at = whole.performance.ends_at.zip(more.performance.ends_at).map(|(left, right)| left.max(right));
    whole.performance = Arc::new(Performance { ends_at, ..Performance::clone(&whole.performance) });
}

/// From the first day to the end of the last, over all prices of a thing.
fn validity(item: &PassItem, till: &Till) -> (Option<Timestamp>, Option<Timestamp>) {
    let prices = || item.item_prices.readable();
    let start = prices().filter_map(|price| time::instant(price.start_date.as_ref(), &till.zone)).min();
    let last = prices().filter_map(|price| time::day(price.end_date.as_ref(), &till.zone)).max();
    let end = last.and_then(|day| till.zone.to_timestamp(day.tomorrow().ok()?.at(0, 0, 0, 0)).ok());
    (start, end)
}
