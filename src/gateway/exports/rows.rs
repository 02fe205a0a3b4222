//! Rows of the files: columns, pages as GraphQL returns them, and their cells.

use rust_decimal::Decimal;
use serde::Deserialize;

/// Columns of `orders.csv`: one row per order and currency.
pub(super) const ORDER_COLUMNS: &[&str] = &[
    "number",
    "created_at",
    "updated_at",
    "status",
    "reseller",
    "reseller_reference",
    "test",
    "tickets",
    "sources",
    "currency",
    "requested",
    "confirmed",
    "refunded",
    "fee",
];

/// Columns of `statement.csv`: one row per reseller, source and currency.
pub(super) const STATEMENT_COLUMNS: &[&str] = &[
    "reseller",
    "from",
    "to",
    "source",
    "currency",
    "orders",
    "tickets_sold",
    "tickets_voided",
    "tickets_used",
    "gross",
    "refunded",
    "net",
    "commission",
    "unresolved",
];

/// A cell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Cell {
    /// A text that somebody chose. A spreadsheet must not take it for a formula.
    Text(String),
    /// A number, a day, a time or a name of a closed list.
    Value(String),
}

/// The rows of a page of a file.
#[derive(Debug, Default)]
pub(super) struct Page {
    /// The rows.
    pub rows: Vec<Vec<Cell>>,
    /// Number of orders on all pages, or of rows of a statement; `None`: not counted, or that took too long.
    pub total: Option<u64>,
    /// Number of orders on this page, or of rows of a statement.
    pub count: u64,
    /// Cursor of the next page; `None`: this is the last one.
    pub next: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct Amount {
    amount: i64,
    exponent: u32,
}

/// Response of the documents of orders.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct OrdersResponse {
    orders: OrderPage,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OrderPage {
    #[serde(default)]
    total_count: Option<u64>,
    page_info: PageInfo,
    nodes: Vec<Order>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PageInfo {
    has_next_page: bool,
    end_cursor: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Order {
    number: String,
    created_at: String,
    updated_at: String,
    status: String,
    reseller: Option<Named>,
    reseller_reference: Option<String>,
    test_mode: bool,
    lines: Vec<OrderLine>,
    totals: Vec<OrderTotals>,
}

#[derive(Deserialize)]
struct Named {
    name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OrderLine {
    quantity: u64,
    unit_price: UnitPrice,
    leg: Leg,
}

#[derive(Deserialize)]
struct UnitPrice {
    retail: InCurrency,
}

#[derive(Deserialize)]
struct InCurrency {
    currency: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Leg {
    source_name: String,
}

#[derive(Deserialize)]
struct OrderTotals {
    currency: String,
    requested: Amount,
    confirmed: Amount,
    refunded: Amount,
    fee: Amount,
}

/// Response of the documents of statements.
#[derive(Deserialize)]
pub(super) struct StatementResponse {
    resellers: Option<Vec<ResellerStatement>>,
    reseller: Option<ResellerStatement>,
}

#[derive(Deserialize)]
struct ResellerStatement {
    name: String,
    statement: Vec<StatementRow>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct StatementRow {
    source_name: String,
    currency: String,
    orders: u64,
    tickets_sold: u64,
    tickets_voided: u64,
    tickets_used: u64,
    gross: Amount,
    refunded: Amount,
    net: Option<Amount>,
    commission: Option<Amount>,
    unresolved: u64,
}

impl OrdersResponse {
    /// Returns the page.
    pub(super) fn into_page(self) -> Page {
        let page = self.orders;
        let PageInfo { has_next_page, end_cursor } = page.page_info;
        Page {
            rows: page.nodes.iter().flat_map(Order::rows).collect(),
            total: page.total_count,
            count: page.nodes.len() as u64,
            next: end_cursor.filter(|_| has_next_page),
        }
    }
}

impl Order {
    /// Returns a row per currency. Tickets and sources are those of the lines in the currency.
    fn rows(&self) -> impl Iterator<Item = Vec<Cell>> {
        self.totals.iter().map(|totals| {
            let lines = || self.lines.iter().filter(|line| line.unit_price.retail.currency == totals.currency);
            let mut sources: Vec<&str> = lines().map(|line| line.leg.source_name.as_str()).collect();
            sources.sort_unstable();
            sources.dedup();
            vec![
                text(&self.number),
                value(&self.created_at),
                value(&self.updated_at),
                value(&self.status),
                text(self.reseller.as_ref().map_or("", |reseller| &reseller.name)),
                text(self.reseller_reference.as_deref().unwrap_or_default()),
                value(self.test_mode),
                value(lines().map(|line| line.quantity).sum::<u64>()),
                text(&sources.join(" ")),
                value(&totals.currency),
                decimal(&totals.requested),
                decimal(&totals.confirmed),
                decimal(&totals.refunded),
                decimal(&totals.fee),
            ]
        })
    }
}

impl StatementResponse {
    /// Returns the only page of a statement from one day to another, or `None` if the caller has no such reseller.
    pub(super) fn into_page(self, from: &str, to: &str) -> Option<Page> {
        let resellers = self.resellers.or(self.reseller.map(|reseller| vec![reseller]))?;
        let rows = resellers.iter().flat_map(|reseller| {
            reseller.statement.iter().map(|row| {
                vec![
                    text(&reseller.name),
                    value(from),
                    value(to),
                    text(&row.source_name),
                    value(&row.currency),
                    value(row.orders),
                    value(row.tickets_sold),
                    value(row.tickets_voided),
                    value(row.tickets_used),
                    decimal(&row.gross),
                    decimal(&row.refunded),
                    row.net.as_ref().map_or(value(""), decimal),
                    row.commission.as_ref().map_or(value(""), decimal),
                    value(row.unresolved),
                ]
            })
        });
        let rows: Vec<Vec<Cell>> = rows.collect();
        Some(Page { total: Some(rows.len() as u64), count: rows.len() as u64, rows, next: None })
    }
}

pub(super) fn text(text: &str) -> Cell {
    Cell::Text(text.to_owned())
}

pub(super) fn value(value: impl ToString) -> Cell {
    Cell::Value(value.to_string())
}

/// Formats an amount with its decimal places and a dot, without the currency.
pub(super) fn decimal(amount: &Amount) -> Cell {
    Cell::Value(Decimal::new(amount.amount, amount.exponent).to_string())
}
