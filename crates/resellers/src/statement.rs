//! Statements and sales of resellers, and of the direct sales, from the sums of the order store.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use jiff::civil::{Date, Weekday};
use jiff::tz::TimeZone;
use rust_decimal::prelude::ToPrimitive;
use rust_decimal::{Decimal, RoundingStrategy};

use crate::{Reseller, Resellers};
use domain::{Currency, Money, SourceId, StoreError};
use orders::{Actor, Orders, SalesGrouping, SalesPart, SalesPeriod, SalesScope, SalesSum, Sellers};

/// Sales of a seller in one source and currency over a range of days.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatementRow {
    /// The source.
    pub source: SourceId,
    /// Currency of the amounts.
    pub currency: Currency,
    /// Number of orders with a sale at the source.
    pub orders: u32,
    /// Number of tickets sold, including those canceled later.
    pub tickets_sold: u32,
    /// Number of tickets canceled.
    pub tickets_voided: u32,
    /// Number of tickets used.
    pub tickets_used: u32,
    /// Amount charged to the visitors.
    pub gross: Money,
    /// Amount refunded to the visitors.
    pub refunded: Money,
    /// Commission of the reseller. `None` if no rate is configured.
    pub commission: Option<Money>,
    /// Amount payable to the venue. `None` if no rate is configured.
    pub net: Option<Money>,
    /// Number of sales whose outcome is unknown.
    pub unresolved: u32,
}

/// Statement of one seller: a reseller, or the own shop.
#[derive(Debug, Clone)]
pub struct SellerStatement {
    /// Key of the reseller. `None`: direct sales, which are orders without a reseller.
    pub key: Option<String>,
    /// The reseller. `None` also for one that is no longer configured.
    pub reseller: Option<Arc<Reseller>>,
    /// Its sales by ascending source and currency.
    pub rows: Vec<StatementRow>,
}

/// Sales during one interval.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SalesPoint {
    /// First day of the interval.
    pub from: Date,
    /// The source.
    pub source: SourceId,
    /// Currency of the amount.
    pub currency: Currency,
    /// Number of orders.
    pub orders: u32,
    /// Number of tickets.
    pub tickets: u32,
    /// Amount charged to the visitors.
    pub gross: Money,
}

/// Length of a sales interval.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SalesInterval {
    /// One day.
    Day,
    /// One week, starting on Monday.
    Week,
    /// One month.
    Month,
}

/// Time zone of each configured source. A sale belongs to the local day at its source: in UTC if the source is not configured any more.
pub type TimeZones = HashMap<SourceId, TimeZone>;

/// Computes the statement of a reseller over an inclusive range of days, by ascending source and currency. The store sums the
/// sales; no order is loaded.
pub async fn statement(
    orders: &Orders,
    actor: &Actor,
    reseller: &Reseller,
    days: (Date, Date),
    zones: &TimeZones,
) -> Result<Vec<StatementRow>, StoreError> {
    let mut sellers = sum_rows(orders, actor, Sellers::Reseller(&reseller.key), days, zones).await?;
    let rows = sellers.remove(&Some(reseller.key.clone())).unwrap_or_default();
    Ok(with_commission(reseller, rows))
}

/// Computes the statements of all sellers over an inclusive range of days: the direct sales first, then every configured
/// reseller, then resellers that are no longer configured and have sales; each by ascending key. Two sums per source. Empty sums
/// if the actor belongs to a reseller.
pub async fn seller_statements(
    orders: &Orders,
    actor: &Actor,
    resellers: Option<&Resellers>,
    days: (Date, Date),
    zones: &TimeZones,
) -> Result<Vec<SellerStatement>, StoreError> {
    let mut sellers = sum_rows(orders, actor, Sellers::All, days, zones).await?;
    let direct = sellers.remove(&None).unwrap_or_default();
    let mut statements = vec![SellerStatement { key: None, reseller: None, rows: direct.into_values().collect() }];
    for reseller in resellers.into_iter().flat_map(Resellers::list) {
        let key = Some(reseller.key.clone());
        let rows = with_commission(reseller, sellers.remove(&key).unwrap_or_default());
        statements.push(SellerStatement { key, reseller: Some(Arc::clone(reseller)), rows });
    }
    let unconfigured = sellers.into_iter();
    statements.extend(unconfigured.map(|(key, rows)| SellerStatement {
        key,
        reseller: None,
        rows: rows.into_values().collect(),
    }));
    Ok(statements)
}

/// Rows of one seller.
type Rows = BTreeMap<(SourceId, Currency), StatementRow>;

/// Sums the sales of sellers over an inclusive range of days, by key of the reseller.
async fn sum_rows(
    orders: &Orders,
    actor: &Actor,
    sellers: Sellers<'_>,
    days: (Date, Date),
    zones: &TimeZones,
) -> Result<BTreeMap<Option<String>, Rows>, StoreError> {
    let mut rows: BTreeMap<Option<String>, Rows> = BTreeMap::new();
    for (source, period) in sale_periods(&sources_of(orders, zones).await?, days, zones) {
        let scope = SalesScope { sellers, source: &source };
        for sum in orders.sum_sales(actor, scope, &[period]).await? {
            let row = row_mut(rows.entry(sum.reseller.clone()).or_default(), &source, sum.currency);
            set_sum(row, &sum);
        }
        for sum in orders.sum_unresolved(actor, scope, period).await? {
            row_mut(rows.entry(sum.reseller).or_default(), &source, sum.currency).unresolved = sum.orders;
        }
    }
    Ok(rows)
}

fn set_sum(row: &mut StatementRow, sum: &SalesSum) {
    row.orders = sum.orders;
    row.tickets_sold = sum.tickets_sold;
    row.tickets_voided = sum.tickets_voided;
    row.tickets_used = sum.tickets_used;
    row.gross.amount = sum.gross;
    row.refunded.amount = sum.refunded;
}

/// Adds commission and net amount where a rate is configured.
fn with_commission(reseller: &Reseller, rows: Rows) -> Vec<StatementRow> {
    let mut rows: Vec<StatementRow> = rows.into_values().collect();
    for row in &mut rows {
        let connection = reseller.connections.get(&row.source);
        let Some(rate) = connection.and_then(|connection| connection.commission_percent) else { continue };
        let net_sales = Money { amount: row.gross.amount - row.refunded.amount, ..row.gross };
        let commission = percentage_of(net_sales, rate);
        row.net = Some(Money { amount: net_sales.amount - commission.amount, ..net_sales });
        row.commission = Some(commission);
    }
    rows
}

/// Divides a row of a statement by event or ticket type, greatest amount first. The parts add up to the row; everything beyond the wanted
/// number is the last one. Empty if the actor may not see the row.
pub async fn breakdown(
    orders: &Orders,
    actor: &Actor,
    (reseller, row): (Option<&str>, &StatementRow),
    (days, zones): ((Date, Date), &TimeZones),
    wanted: (SalesGrouping, u32),
) -> Result<Vec<SalesPart>, StoreError> {
    let Some(period) = period_of(days, &zone_of(&row.source, zones)) else { return Ok(Vec::new()) };
    let sellers = reseller.map_or(Sellers::Direct, Sellers::Reseller);
    let scope = SalesScope { sellers, source: &row.source };
    orders.list_sales_parts(actor, scope, (period, row.currency), wanted).await
}

/// Computes the sales of a reseller over time, oldest first. Intervals without sales are omitted.
pub async fn sales(
    orders: &Orders,
    actor: &Actor,
    reseller: &Reseller,
    days: (Date, Date),
    zones: &TimeZones,
    interval: SalesInterval,
) -> Result<Vec<SalesPoint>, StoreError> {
    let mut points: BTreeMap<(Date, SourceId, Currency), SalesPoint> = BTreeMap::new();
    for source in sources_of(orders, zones).await? {
        let scope = SalesScope { sellers: Sellers::Reseller(&reseller.key), source: &source };
        let zone = zone_of(&source, zones);
        let intervals: Vec<(Date, SalesPeriod)> = intervals_of(days, interval)
            .into_iter()
            .filter_map(|(first, days)| Some((first, period_of(days, &zone)?)))
            .collect();
        let periods: Vec<SalesPeriod> = intervals.iter().map(|(_, period)| *period).collect();
        for sum in orders.sum_sales(actor, scope, &periods).await? {
            let Some((from, _)) = intervals.get(sum.period) else { continue };
            let point = SalesPoint {
                from: *from,
                source: source.clone(),
                currency: sum.currency,
                orders: sum.orders,
                tickets: sum.tickets_sold,
                gross: Money { amount: sum.gross, currency: sum.currency },
            };
            points.insert((*from, source.clone(), sum.currency), point);
        }
    }
    Ok(points.into_values().collect())
}

/// Returns an inclusive range of days at each source as a period: in UTC at a source that is not configured.
pub fn sale_periods<'a>(
    sources: impl IntoIterator<Item = &'a SourceId>,
    days: (Date, Date),
    zones: &TimeZones,
) -> Vec<(SourceId, SalesPeriod)> {
    let period = |source: &SourceId| Some((source.clone(), period_of(days, &zone_of(source, zones))?));
    sources.into_iter().filter_map(period).collect()
}

fn zone_of(source: &SourceId, zones: &TimeZones) -> TimeZone {
    zones.get(source).cloned().unwrap_or(TimeZone::UTC)
}

/// Returns the configured sources, and those of orders of earlier configurations.
async fn sources_of(orders: &Orders, zones: &TimeZones) -> Result<BTreeSet<SourceId>, StoreError> {
    let mut sources: BTreeSet<SourceId> = zones.keys().cloned().collect();
    sources.extend(orders.list_leg_sources().await?);
    Ok(sources)
}

/// Returns an inclusive range of local days as a period. `None` if a day is outside the supported years.
fn period_of((from, to): (Date, Date), zone: &TimeZone) -> Option<SalesPeriod> {
    let begin_of = |day: Date| Some(day.to_zoned(zone.clone()).ok()?.timestamp());
    Some(SalesPeriod { begin: begin_of(from)?, end: begin_of(to.tomorrow().ok()?)? })
}

/// Splits an inclusive range of days into intervals. Each has its first day, which may be before the range, and its days within
/// the range.
fn intervals_of((from, to): (Date, Date), interval: SalesInterval) -> Vec<(Date, (Date, Date))> {
    let mut intervals: Vec<(Date, (Date, Date))> = Vec::new();
    for day in from.series(jiff::Span::new().days(1)).take_while(|day| *day <= to) {
        let first = interval_start(day, interval);
        match intervals.last_mut() {
            Some((last, (_, end))) if *last == first => *end = day,
            _ => intervals.push((first, (day, day))),
        }
    }
    intervals
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

/// Returns a percentage of an amount, rounded to the minor unit, half away from zero.
pub(super) fn percentage_of(of: Money, percent: Decimal) -> Money {
    let exact = Decimal::from(of.amount) * percent / Decimal::ONE_HUNDRED;
    let rounded = exact.round_dp_with_strategy(0, RoundingStrategy::MidpointAwayFromZero);
    Money { amount: rounded.to_i64().unwrap_or(0), ..of }
}
