//! The sums of statements and sales, computed order by order in Rust: the reference for the sums of the database.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use domain::ordering::TicketState;
use domain::{Currency, Money, OrderKey, SourceId};
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

/// A part of a row: event, ticket type, then orders, sold, voided, used, gross and refunded.
pub(super) type Part = (Option<(String, String)>, [i64; 6]);

/// Divides a row of a statement by event, or by event and ticket type, greatest amount first. Everything beyond `first` parts is the last
/// one.
pub(super) fn parts(
    orders: &[Order],
    (source, currency): (&SourceId, Currency),
    (from, to): (Date, Date),
    zones: &HashMap<SourceId, TimeZone>,
    (has_kinds, first): (bool, usize),
) -> Vec<Part> {
    let mut lines: Vec<((String, String), OrderKey, [i64; 5])> = Vec::new();
    let mut rest: Vec<(OrderKey, [i64; 5])> = Vec::new();
    let is_wanted = |sale: &Sale<'_>| {
        (from..=to).contains(&sale.day) && sale.leg.source == *source && sale.gross.currency == currency
    };
    for sale in sales_of(orders, zones).filter(is_wanted) {
        let own: Vec<(usize, &orders::Line)> = sale.order.lines_of(sale.leg.number).collect();
        if own.is_empty() {
            rest.push((sale.order.key, [0, 0, 0, sale.gross.amount, sale.refunded().amount]));
        }
        let in_currency = |line: &orders::Line| if line.total().currency == currency { line.total().amount } else { 0 };
        let is_planned = own.iter().any(|(_, line)| in_currency(line) > 0);
        let by_sale = |line: &orders::Line| if is_planned { in_currency(line) } else { line.quantity.into() };
        let of_canceled = |line: &orders::Line| if line.is_canceled { line.total().amount } else { 0 };
        let is_canceled = own.iter().any(|(_, line)| of_canceled(line) > 0);
        let weights: Vec<i64> = own.iter().map(|(_, line)| by_sale(line)).collect();
        let canceled = own.iter().map(|(_, line)| if is_canceled { of_canceled(line) } else { by_sale(line) });
        let gross = divide(sale.gross.amount, &weights);
        let refunded = divide(sale.refunded().amount, &canceled.collect::<Vec<_>>());
        for (((number, line), gross), refunded) in own.iter().zip(gross).zip(refunded) {
            let used =
                |ticket: &&orders::Ticket| ticket.line == *number && matches!(ticket.state, TicketState::Used(_));
            let used = i64::try_from(sale.order.tickets.iter().filter(used).count()).expect("a count");
            let kind = if has_kinds { line.ticket_type.as_str() } else { "" };
            let voided = if line.is_canceled { line.quantity } else { 0 };
            let numbers = [line.quantity.into(), voided.into(), used, gross, refunded];
            lines.push(((line.event.as_str().to_owned(), kind.to_owned()), sale.order.key, numbers));
        }
    }
    let mut sums: BTreeMap<(String, String), i64> = BTreeMap::new();
    for (group, _, numbers) in &lines {
        *sums.entry(group.clone()).or_default() += numbers[3];
    }
    let mut ranked: Vec<((String, String), i64)> = sums.into_iter().collect();
    ranked.sort_by_key(|(group, gross)| (-gross, group.clone()));
    let place = |group: &(String, String)| ranked.iter().take(first).position(|(ranked, _)| ranked == group);
    let mut parts: BTreeMap<usize, (BTreeSet<OrderKey>, [i64; 5])> = BTreeMap::new();
    let placed = lines.iter().map(|(group, order, numbers)| (place(group).unwrap_or(first), order, numbers));
    for (place, order, numbers) in placed.chain(rest.iter().map(|(order, numbers)| (first, order, numbers))) {
        let (orders, sums) = parts.entry(place).or_default();
        orders.insert(*order);
        sums.iter_mut().zip(numbers).for_each(|(sum, number)| *sum += number);
    }
    let part = |(place, (orders, sums)): (usize, (BTreeSet<OrderKey>, [i64; 5]))| {
        let group = ranked.get(place).filter(|_| place < first).map(|(group, _)| group.clone());
        let count = i64::try_from(orders.len()).expect("a count");
        (group, [count, sums[0], sums[1], sums[2], sums[3], sums[4]])
    };
    parts.into_iter().map(part).collect()
}

/// Divides an amount by weights: each gets the difference of the shares up to it and before it, rounded down.
fn divide(amount: i64, weights: &[i64]) -> Vec<i64> {
    let whole: i128 = weights.iter().map(|weight| i128::from(*weight)).sum();
    let share = |weight: i128| if whole == 0 { 0 } else { i128::from(amount) * weight / whole };
    let mut upto = 0;
    let part = |weight: &i64| {
        let before = share(upto);
        upto += i128::from(*weight);
        i64::try_from(share(upto) - before).expect("an amount")
    };
    weights.iter().map(part).collect()
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
