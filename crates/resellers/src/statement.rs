//! What a reseller sold, out of its orders: by source and currency, and over time. Pure.

use std::collections::{BTreeMap, HashMap};

use jiff::civil::{Date, Weekday};
use jiff::tz::TimeZone;
use rust_decimal::prelude::ToPrimitive;
use rust_decimal::{Decimal, RoundingStrategy};

use domain::ordering::TicketState;
use domain::{Currency, Money, SourceId};
use orders::{Leg, LegStatus, Order};

/// What a reseller sold in one source and currency within some days.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatementRow {
    /// Where.
    pub source: SourceId,
    /// The currency of the sums.
    pub currency: Currency,
    /// Orders with a sale here.
    pub orders: u32,
    /// Tickets sold, those that were undone later among them.
    pub tickets_sold: u32,
    /// Tickets undone.
    pub tickets_voided: u32,
    /// Tickets used.
    pub tickets_used: u32,
    /// What the visitors were charged.
    pub gross: Money,
    /// What went back to them.
    pub refunded: Money,
    /// What the reseller keeps of the rest; none where no rate is agreed.
    pub commission: Option<Money>,
    /// What the reseller owes the venue; none where no rate is agreed.
    pub net: Option<Money>,
    /// Sales of which nobody knows yet whether they are one.
    pub unresolved: u32,
}

/// What was sold from one day on, for one interval.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SalesPoint {
    /// The first day.
    pub from: Date,
    /// Where.
    pub source: SourceId,
    /// The currency of the sum.
    pub currency: Currency,
    /// Orders.
    pub orders: u32,
    /// Tickets.
    pub tickets: u32,
    /// What the visitors were charged.
    pub gross: Money,
}

/// How long a point of a curve is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Interval {
    /// A day.
    Day,
    /// A week, from Monday.
    Week,
    /// A month.
    Month,
}

/// The zone of each source: a sale belongs to the day that it was there.
pub type Zones = HashMap<SourceId, TimeZone>;

/// A sale: a leg that was confirmed, on its day.
struct Sale<'a> {
    order: &'a Order,
    leg: &'a Leg,
    day: Date,
    gross: Money,
}

impl Sale<'_> {
    /// What went back: what the source said, else what its terms give back for what was undone. Never more than was charged.
    fn refunded(&self) -> Money {
        let back = match self.leg.refunded {
            Some(told) if told.currency == self.gross.currency => told.amount,
            Some(_) => 0,
            None => {
                let undone = self.order.lines_of(self.leg.number).filter(|(_, line)| line.is_cancelled);
                let undone = undone.map(|(_, line)| line.total().amount).fold(0, i64::saturating_add);
                // Rounded down, for the visitor.
                let kept = i128::from(undone) * i128::from(self.leg.traits.cancel_fee.min(10_000)) / 10_000;
                undone - i64::try_from(kept).unwrap_or(undone)
            }
        };
        Money { amount: back.min(self.gross.amount), ..self.gross }
    }
}

/// The statement over some days, both included, by ascending source and currency. `rates` are the commissions in percent.
pub fn statement(
    orders: &[Order],
    (from, to): (Date, Date),
    zones: &Zones,
    rates: &BTreeMap<SourceId, Decimal>,
) -> Vec<StatementRow> {
    let mut rows: BTreeMap<(SourceId, Currency), StatementRow> = BTreeMap::new();
    for sale in sales_of(orders, zones).filter(|sale| (from..=to).contains(&sale.day)) {
        let row = row(&mut rows, &sale.leg.source, sale.gross.currency);
        row.orders += 1;
        row.gross = plus(row.gross, sale.gross);
        row.refunded = plus(row.refunded, sale.refunded());
        for (number, line) in sale.order.lines_of(sale.leg.number) {
            row.tickets_sold += line.quantity;
            if line.is_cancelled {
                row.tickets_voided += line.quantity;
            }
            let used = |state: &TicketState| matches!(state, TicketState::Used(_));
            let of_line = sale.order.tickets.iter().filter(|ticket| ticket.line == number && used(&ticket.state));
            row.tickets_used += u32::try_from(of_line.count()).unwrap_or(u32::MAX);
        }
    }
    for (source, currency) in unresolved(orders, (from, to), zones) {
        row(&mut rows, &source, currency).unresolved += 1;
    }
    let mut rows: Vec<StatementRow> = rows.into_values().collect();
    for row in &mut rows {
        let Some(rate) = rates.get(&row.source) else { continue };
        let kept = Money { amount: row.gross.amount - row.refunded.amount, ..row.gross };
        let commission = share(kept, *rate);
        row.net = Some(Money { amount: kept.amount - commission.amount, ..kept });
        row.commission = Some(commission);
    }
    rows
}

/// Sales over time, oldest first; an interval without any sale has no point.
pub fn sales(orders: &[Order], (from, to): (Date, Date), zones: &Zones, interval: Interval) -> Vec<SalesPoint> {
    let mut points: BTreeMap<(Date, SourceId, Currency), SalesPoint> = BTreeMap::new();
    for sale in sales_of(orders, zones).filter(|sale| (from..=to).contains(&sale.day)) {
        let (first, source, currency) = (begin(sale.day, interval), sale.leg.source.clone(), sale.gross.currency);
        let empty = SalesPoint {
            from: first,
            source: source.clone(),
            currency,
            orders: 0,
            tickets: 0,
            gross: Money::zero(currency),
        };
        let point = points.entry((first, source, currency)).or_insert(empty);
        point.orders += 1;
        point.tickets += sale.order.lines_of(sale.leg.number).map(|(_, line)| line.quantity).sum::<u32>();
        point.gross = plus(point.gross, sale.gross);
    }
    points.into_values().collect()
}

fn sales_of<'a>(orders: &'a [Order], zones: &'a Zones) -> impl Iterator<Item = Sale<'a>> {
    orders.iter().flat_map(move |order| {
        order.legs.iter().filter_map(move |leg| {
            let day = day_of(leg.confirmed_at?, &leg.source, zones);
            let gross = leg.charged.or_else(|| order.promised(leg.number).into_iter().next())?;
            Some(Sale { order, leg, day, gross })
        })
    })
}

/// Where nobody knows yet whether it is a sale.
fn unresolved(orders: &[Order], (from, to): (Date, Date), zones: &Zones) -> Vec<(SourceId, Currency)> {
    let mut found = Vec::new();
    for order in orders {
        for leg in &order.legs {
            let is_open = matches!(leg.status, LegStatus::OutcomeUnknown | LegStatus::NeedsAttention);
            let day = day_of(order.created_at, &leg.source, zones);
            let currency = order.promised(leg.number).into_iter().next().map(|money| money.currency);
            if let Some(currency) = currency.filter(|_| is_open && (from..=to).contains(&day)) {
                found.push((leg.source.clone(), currency));
            }
        }
    }
    found
}

fn day_of(at: jiff::Timestamp, source: &SourceId, zones: &Zones) -> Date {
    at.to_zoned(zones.get(source).cloned().unwrap_or(TimeZone::UTC)).date()
}

fn row<'a>(
    rows: &'a mut BTreeMap<(SourceId, Currency), StatementRow>,
    source: &SourceId,
    currency: Currency,
) -> &'a mut StatementRow {
    rows.entry((source.clone(), currency)).or_insert_with(|| StatementRow {
        source: source.clone(),
        currency,
        orders: 0,
        tickets_sold: 0,
        tickets_voided: 0,
        tickets_used: 0,
        gross: Money::zero(currency),
        refunded: Money::zero(currency),
        commission: None,
        net: None,
        unresolved: 0,
    })
}

/// The first day of the interval that a day lies in.
fn begin(day: Date, interval: Interval) -> Date {
    match interval {
        Interval::Day => day,
        Interval::Week => {
            let since = day.weekday().since(Weekday::Monday);
            day.saturating_sub(jiff::Span::new().days(i64::from(since)))
        }
        Interval::Month => day.first_of_month(),
    }
}

fn plus(sum: Money, more: Money) -> Money {
    Money { amount: sum.amount.saturating_add(more.amount), ..sum }
}

/// A part of a sum in percent, rounded to the minor unit, half away from zero.
pub(super) fn share(of: Money, percent: Decimal) -> Money {
    let exact = Decimal::from(of.amount) * percent / Decimal::ONE_HUNDRED;
    let rounded = exact.round_dp_with_strategy(0, RoundingStrategy::MidpointAwayFromZero);
    Money { amount: rounded.to_i64().unwrap_or(0), ..of }
}
