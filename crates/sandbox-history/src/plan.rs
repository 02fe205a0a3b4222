//! Draws the purchases of three months: more at weekends and in the evening, most visits within a few weeks.

use std::collections::{BTreeMap, BTreeSet};

use fastrand::Rng;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan};

use crate::formats::format_of;
use crate::purchase::{Fate, Purchase, PurchaseLine, time_of_day};
use crate::{Seller, Venue, visitors};
use emulators::{PastOffer, PastTicketType};

/// Seed of all random numbers.
const SEED: u64 = 0x7469_636b_6574_7321;
/// Days with purchases before today.
const DAYS: i64 = 92;
/// Days after today that purchases may be for.
const DAYS_AHEAD: i64 = 70;
/// Purchases of a seller on an average day.
const PER_DAY: f64 = 1.25;
/// Share of purchases by day of the week, from Monday.
const WEEKDAYS: [f64; 7] = [0.75, 0.8, 0.85, 0.95, 1.15, 1.35, 1.15];
/// Hours at which visitors buy; some come more than once.
const HOURS: [i8; 20] = [8, 9, 10, 10, 11, 12, 12, 13, 14, 15, 16, 17, 18, 18, 19, 19, 20, 20, 21, 22];
/// Average number of days between purchase and visit.
const LEAD_DAYS: f64 = 13.0;
/// Longest time between purchase and visit, in days.
const MAX_LEAD_DAYS: f64 = 65.0;
/// Shortest time between purchase and visit.
const MIN_LEAD: SignedDuration = SignedDuration::from_hours(2);
/// Number of orders whose outcome only a person can find out.
const LOST: usize = 2;
/// Time before now from which on nothing happened, so that every step of an order is over.
const QUIET: SignedDuration = SignedDuration::from_mins(30);

/// Draws the purchases in ascending order of time.
pub(crate) fn draw(venues: &[Venue<'_>], sellers: &[Seller], now: Timestamp) -> Vec<Purchase> {
    let today = now.to_zoned(TimeZone::UTC).date();
    let (first, last) = (today.saturating_sub(DAYS.days()), today.saturating_add(DAYS_AHEAD.days()));
    let offers = venues.iter().map(|venue| venue.sales.offers(&venue.institution, first, last)).collect();
    let mut market = Market { venues, now, offers, taken: BTreeMap::new(), random: Rng::with_seed(SEED) };
    let mut purchases = Vec::new();
    for day in first.series(1.day()).take_while(|day| *day <= today) {
        for (number, seller) in sellers.iter().enumerate() {
            // The business grows a little.
            let age = f64::from(today.since(day).map_or(0, |span| span.get_days())) / DAYS as f64;
            let weekday = WEEKDAYS[day.weekday().to_monday_zero_offset() as usize];
            let expected = PER_DAY * weekday * (1.15 - 0.3 * age);
            let count = (expected + market.random.f64()).floor() as usize;
            purchases.extend((0..count).filter_map(|_| market.purchase(day, number, seller)));
        }
    }
    purchases.sort_by_key(|purchase| purchase.at);
    lose_responses(&mut purchases, venues, now);
    purchases
}

/// Makes the responses of two recent confirmations of different sellers lost.
fn lose_responses(purchases: &mut [Purchase], venues: &[Venue<'_>], now: Timestamp) {
    let is_recent = |purchase: &Purchase| (2..12).contains(&(now.duration_since(purchase.at).as_hours() / 24));
    let mut sellers = BTreeSet::new();
    let recent = purchases.iter_mut().rev().filter(|purchase| purchase.fate == Fate::Kept && is_recent(purchase));
    for purchase in recent {
        let is_at_one = purchase.lines.iter().all(|line| line.venue == purchase.lines[0].venue);
        let format = format_of(venues[purchase.lines[0].venue].vendor);
        if is_at_one && format.absence_proves_nothing && sellers.len() < LOST && sellers.insert(purchase.seller) {
            (purchase.fate, purchase.used_at) = (Fate::Lost, None);
        }
    }
}

/// Offers of all venues, and the visitors who buy them.
struct Market<'a> {
    venues: &'a [Venue<'a>],
    now: Timestamp,
    /// Offers of each venue in order of time.
    offers: Vec<Vec<PastOffer>>,
    /// Places taken, by venue, performance and section.
    taken: BTreeMap<(usize, String, Option<String>), u32>,
    random: Rng,
}

impl Market<'_> {
    /// Draws a purchase of a seller on a day. `None` if nothing fits.
    fn purchase(&mut self, day: Date, number: usize, seller: &Seller) -> Option<Purchase> {
        let sources: Vec<usize> =
            (0..self.venues.len()).filter(|venue| seller.sources.contains_key(&self.venues[*venue].source)).collect();
        let first = *sources.get(self.random.usize(..sources.len().max(1)))?;
        let time = (self.pick(&HOURS), self.random.i8(0..60), self.random.i8(0..40));
        let at = time_of_day(day, time, &self.venues[first].time_zone)?;
        let (contact, locale) = visitors::draw(&mut self.random);
        let mut lines = self.lines(first, seller, at);
        let second = *sources.get(self.random.usize(..sources.len()))?;
        if second != first && self.random.u8(..100) < 40 {
            lines.extend(self.lines(second, seller, at));
        }
        if lines.is_empty() || at > self.now - QUIET {
            return None;
        }
        let fate = self.fate(at, &lines);
        if matches!(fate, Fate::Kept | Fate::Canceled(..)) {
            for line in &lines {
                let places = (line.venue, line.offer.performance.clone(), line.ticket_type.section.clone());
                *self.taken.entry(places).or_default() += line.quantity;
            }
        }
        let used_at = self.used_at(&lines, &fate);
        Some(Purchase { at, seller: number, contact, locale, lines, fate, used_at })
    }

    /// Draws tickets of one or two types for a visit at a venue. Empty if nothing fits.
    fn lines(&mut self, venue: usize, seller: &Seller, at: Timestamp) -> Vec<PurchaseLine> {
        let lead = (-(1.0 - self.random.f64()).ln() * LEAD_DAYS).min(MAX_LEAD_DAYS);
        let wanted = at + MIN_LEAD + SignedDuration::from_mins((lead * 24.0 * 60.0) as i64);
        let limits = &seller.sources[&self.venues[venue].source];
        let is_for_sale = |offer: &&PastOffer| {
            let sale_ends_at = offer.sale_ends_at.unwrap_or(offer.starts_at);
            !offer.ticket_types.is_empty()
                && offer.starts_at >= wanted
                && at + MIN_LEAD < sale_ends_at
                && offer.sale_starts_at.is_none_or(|start| start <= at)
        };
        let is_permitted =
            |offer: &&PastOffer| is_within(limits, &offer.event, self.offers[venue].iter().map(|other| &other.event));
        let next: Vec<&PastOffer> =
            self.offers[venue].iter().filter(is_for_sale).filter(is_permitted).take(8).collect();
        // Another performance of the same day is as good as the first one.
        let same_day: Vec<&&PastOffer> = next.iter().filter(|offer| offer.day == next[0].day).collect();
        let Some(offer) = same_day.get(self.random.usize(..same_day.len().max(1))).map(|offer| (**offer).clone())
        else {
            return Vec::new();
        };
        let types = offer.ticket_types.iter();
        let permitted =
            types.filter(|one| is_within(limits, &one.id, offer.ticket_types.iter().map(|other| &other.id)));
        let permitted: Vec<PastTicketType> = permitted.cloned().collect();
        let quantity = self.pick(&[1, 2, 2, 2, 2, 3, 4, 4]);
        let Some(main) = self.ticket_type(venue, &offer, &permitted, quantity) else { return Vec::new() };
        let line = |ticket_type, quantity| PurchaseLine { venue, offer: offer.clone(), ticket_type, quantity };
        let others: Vec<PastTicketType> =
            permitted.into_iter().filter(|other| other.id != main.id && other.section == main.section).collect();
        let places = main.places;
        let mut lines = vec![line(main, quantity)];
        let with_others = self.random.u8(..100) < 35 && places >= quantity + 2;
        if let Some(other) = others.get(self.random.usize(..others.len().max(1))).filter(|_| with_others) {
            lines.push(line(other.clone(), self.random.u32(1..=2)));
        }
        lines
    }

    /// Draws a ticket type with enough places: most often one of the full price of its section.
    fn ticket_type(
        &mut self,
        venue: usize,
        offer: &PastOffer,
        permitted: &[PastTicketType],
        quantity: u32,
    ) -> Option<PastTicketType> {
        let left = |one: &PastTicketType| {
            let taken = self.taken.get(&(venue, offer.performance.clone(), one.section.clone())).copied().unwrap_or(0);
            one.places.saturating_sub(taken)
        };
        let available = permitted.iter().filter(|one| left(one) >= quantity + 2);
        let is_full = |one: &PastTicketType| {
            permitted.iter().filter(|other| other.section == one.section).all(|other| other.price <= one.price)
        };
        let weighted: Vec<&PastTicketType> =
            available.flat_map(|one| std::iter::repeat_n(one, if is_full(one) { 4 } else { 1 })).collect();
        let index = self.random.usize(..weighted.len().max(1));
        weighted.get(index).map(|one| (*one).clone())
    }

    fn fate(&mut self, at: Timestamp, lines: &[PurchaseLine]) -> Fate {
        let roll = self.random.u8(..100);
        let is_single = lines.iter().all(|line| line.venue == lines[0].venue);
        let ends_at = lines.iter().map(PurchaseLine::sale_ends_at).min().unwrap_or(at);
        let (earliest, latest) = (at + MIN_LEAD, (ends_at - MIN_LEAD).min(self.now - QUIET));
        // Most change their minds soon.
        let soon = self.random.f64() * self.random.f64();
        let minutes = latest.duration_since(earliest).as_mins();
        let canceled_at = earliest + SignedDuration::from_mins((minutes.max(0) as f64 * soon) as i64);
        match roll {
            0..=2 if is_single => Fate::Expired,
            3..=4 if is_single => Fate::Refused,
            5..=12 if minutes > 0 => Fate::Canceled(canceled_at, None),
            13..=32 if minutes > 0 && is_single && lines.len() > 1 => {
                Fate::Canceled(canceled_at, Some(BTreeSet::from([1])))
            }
            _ => Fate::Kept,
        }
    }

    /// Draws the time at which the tickets were used: shortly before the performance. `None` before it, and for those who did not come.
    fn used_at(&mut self, lines: &[PurchaseLine], fate: &Fate) -> Option<Timestamp> {
        let start = lines.iter().map(|line| line.offer.starts_at).max()?;
        let comes = self.random.u8(..100) < 94;
        let used_at = start - SignedDuration::from_mins(self.random.i64(0..25));
        let is_single = lines.iter().all(|line| line.offer.starts_at == start);
        let is_sold = matches!(fate, Fate::Kept | Fate::Canceled(_, Some(_)));
        (comes && is_sold && is_single && start < self.now - QUIET).then_some(used_at)
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.random.usize(..from.len())]
    }
}

/// Returns true if an id is permitted: if the limits name any of its kind, it must be one of them.
fn is_within<'a>(limits: &BTreeSet<String>, id: &String, mut kind: impl Iterator<Item = &'a String>) -> bool {
    limits.contains(id) || !kind.any(|other| limits.contains(other))
}
