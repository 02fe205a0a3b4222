//! The sums of statements and sales, computed order by order in Rust: the reference for the sums of the database.

use std::collections::{BTreeMap, HashMap};

use domain::ordering::TicketState;
use domain::{Currency, Money, SourceId};
use jiff::civil::{Date, Weekday};
use jiff::tz::TimeZone;
use orders::{Leg, LegStatus, Order};
use resellers::{SalesInterval, SalesPoint, StatementRow};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

/// Confirmed leg with its local day.
struct Sale<'a> {
    order: &'a Order,
    leg: &'a Leg,
    day: Date,
    gross: Money,
}

impl Sale<'_> {
    /// Returns the refund: the reported amount, or else the refund by the cancellation policy. Limited to the amount
    /// charged.
    fn refunded(&self) -> Money {
        let back = match self.leg.refunded {
            Some(reported) if reported.currency == self.gross.currency => reported.amount,
            Some(_) => 0,
            None => {
                let canceled = self.order.lines_of(self.leg.number).filter(|(_, line)| line.is_canceled);
                let canceled = canceled.map(|(_, line)| line.total().amount).fold(0, i64::saturating_add);
                // Rounded down, in favor of the visitor.
                let fee = i128::from(canceled) * i128::from(self.leg.capabilities.cancel_fee.min(10_000)) / 10_000;
                canceled - i64::try_from(fee).unwrap_or(canceled)
            }
        };
        Money { amount: back.min(self.gross.amount), ..self.gross }
    }
}

/// Computes a statement over an inclusive range of days, by ascending source and currency. `rates` holds the
/// commissions in percent.
pub(super) fn statement(
    orders: &[Order],
    (from, to): (Date, Date),
    zones: &HashMap<SourceId, TimeZone>,
    rates: &BTreeMap<SourceId, Decimal>,
) -> Vec<StatementRow> {
    let mut rows: BTreeMap<(SourceId, Currency), StatementRow> = BTreeMap::new();
    for sale in sales_of(orders, zones).filter(|sale| (from..=to).contains(&sale.day)) {
        let row = row_mut(&mut rows, &sale.leg.source, sale.gross.currency);
        row.orders += 1;
        row.gross = add(row.gross, sale.gross);
        row.refunded = add(row.refunded, sale.refunded());
        for (number, line) in sale.order.lines_of(sale.leg.number) {
            row.tickets_sold += line.quantity;
            if line.is_canceled {
                row.tickets_voided += line.quantity;
            }
            let used = |state: &TicketState| matches!(state, TicketState::Used(_));
            let of_line = sale.order.tickets.iter().filter(|ticket| ticket.line == number && used(&ticket.state));
            row.tickets_used += u32::try_from(of_line.count()).unwrap_or(u32::MAX);
        }
    }
    for (source, currency) in unresolved(orders, (from, to), zones) {
        row_mut(&mut rows, &source, currency).unresolved += 1;
    }
    let mut rows: Vec<StatementRow> = rows.into_values().collect();
    for row in &mut rows {
        let Some(rate) = rates.get(&row.source) else { continue };
        let net_sales = Money { amount: row.gross.amount - row.refunded.amount, ..row.gross };
        let commission = percentage_of(net_sales, *rate);
        row.net = Some(Money { amount: net_sales.amount - commission.amount, ..net_sales });
        row.commission = Some(commission);
    }
    rows
}

/// Computes sales over time, oldest first. Intervals without sales are omitted.
pub(super) fn sales(
    orders: &[Order],
    (from, to): (Date, Date),
    zones: &HashMap<SourceId, TimeZone>,
    interval: SalesInterval,
) -> Vec<SalesPoint> {
    let mut points: BTreeMap<(Date, SourceId, Currency), SalesPoint> = BTreeMap::new();
    for sale in sales_of(orders, zones).filter(|sale| (from..=to).contains(&sale.day)) {
        let (first, source, currency) =
            (interval_start(sale.day, interval), sale.leg.source.clone(), sale.gross.currency);
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
        point.gross = add(point.gross, sale.gross);
    }
    points.into_values().collect()
}

fn sales_of<'a>(orders: &'a [Order], zones: &'a HashMap<SourceId, TimeZone>) -> impl Iterator<Item = Sale<'a>> {
    orders.iter().flat_map(move |order| {
        order.legs.iter().filter_map(move |leg| {
            let day = day_of(leg.confirmed_at?, &leg.source, zones);
            let gross = leg.charged.or_else(|| order.planned_totals(leg.number).into_iter().next())?;
            Some(Sale { order, leg, day, gross })
        })
    })
}

/// Returns the legs with an unknown outcome, by source and currency.
fn unresolved(
    orders: &[Order],
    (from, to): (Date, Date),
    zones: &HashMap<SourceId, TimeZone>,
) -> Vec<(SourceId, Currency)> {
    let mut unresolved_legs = Vec::new();
    for order in orders {
        for leg in &order.legs {
            let is_open = matches!(leg.status, LegStatus::OutcomeUnknown | LegStatus::NeedsAttention);
            let day = day_of(order.created_at, &leg.source, zones);
            let currency = order.planned_totals(leg.number).into_iter().next().map(|money| money.currency);
            if let Some(currency) = currency.filter(|_| is_open && (from..=to).contains(&day)) {
                unresolved_legs.push((leg.source.clone(), currency));
            }
        }
    }
    unresolved_legs
}

fn day_of(at: jiff::Timestamp, source: &SourceId, zones: &HashMap<SourceId, TimeZone>) -> Date {
    at.to_zoned(zones.get(source).cloned().unwrap_or(TimeZone::UTC)).date()
}

fn row_mut<'a>(
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

/// Returns the first day of the interval that contains `day`.
fn interval_start(day: Date, interval: SalesInterval) -> Date {
    match interval {
        SalesInterval::Day => day,
        SalesInterval::Week => {
            let since = day.weekday().since(Weekday::Monday);
            day.saturating_sub(jiff::Span::new().days(i64::from(since)))
        }
        SalesInterval::Month => day.first_of_month(),
    }
}

fn add(sum: Money, more: Money) -> Money {
    Money { amount: sum.amount.saturating_add(more.amount), ..sum }
}

fn percentage_of(of: Money, percent: Decimal) -> Money {
    let exact = Decimal::from(of.amount) * percent / Decimal::ONE_HUNDRED;
    let rounded = exact.round_dp_with_strategy(0, rust_decimal::RoundingStrategy::MidpointAwayFromZero);
    Money { amount: rounded.to_i64().expect("an amount"), ..of }
}
