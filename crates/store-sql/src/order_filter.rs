//! The filter of a list of orders as a SQL condition.

use std::collections::BTreeSet;

use crate::codec::to_nanos;
use crate::rows::placeholders;
use crate::sql::{JsonDialect, SqlTransaction, SqlValue};
use domain::{EventKey, SourceId, StoreError, TicketTypeKey};
use orders::search::SearchWords;
use orders::store::{OrderFilter, SaleFilter};

/// Sorts after every character of a token.
const AFTER_EVERY_LETTER: char = char::MAX;
/// Largest number of matches of a word that are read before the list.
const FEW_MATCHES: usize = 500;
/// Numbers of keys in a statement. The last one is that of [`FEW_MATCHES`].
const KEY_LIST_SIZES: [usize; 4] = [1, 8, 64, FEW_MATCHES];

/// Selects the resellers of all tokens. Each step reads one entry of the index.
const RESELLERS: &str = "WITH RECURSIVE known (reseller) AS (\
        SELECT MIN(reseller) FROM order_search \
        UNION ALL SELECT (SELECT MIN(s.reseller) FROM order_search s WHERE s.reseller > known.reseller) FROM known \
            WHERE known.reseller IS NOT NULL\
    ) SELECT reseller FROM known WHERE reseller IS NOT NULL";

/// Returns the filter as a SQL condition on `orders o` with its values, with its search as it was resolved.
pub(crate) fn filter_conditions(
    filter: &OrderFilter,
    search: Option<&ResolvedSearch>,
    json: JsonDialect,
) -> (String, Vec<SqlValue>) {
    let mut values: Vec<SqlValue> = Vec::new();
    let mut conditions = vec!["1 = 1".to_owned()];
    if !filter.status.is_empty() {
        conditions.push(format!("o.status IN ({})", placeholders(values.len() + 1, filter.status.len())));
        values.extend(filter.status.iter().map(|status| SqlValue::from(status.name())));
    }
    if !filter.sources.is_empty() {
        let sources = placeholders(values.len() + 1, filter.sources.len());
        conditions.push(format!("o.key IN (SELECT order_key FROM legs WHERE source IN ({sources}))"));
        values.extend(filter.sources.iter().map(|source| SqlValue::from(source.as_str())));
    }
    let bounds = [
        ("o.created_at >=", filter.created_from.map(|at| to_nanos(at).into())),
        ("o.created_at <", filter.created_to.map(|at| to_nanos(at).into())),
        ("o.updated_at >=", filter.updated_since.map(|at| to_nanos(at).into())),
        ("o.is_test =", filter.is_test.map(SqlValue::from)),
        ("o.reseller =", filter.reseller.as_deref().map(SqlValue::from)),
    ];
    for (column, value) in bounds {
        if let Some(value) = value {
            values.push(value);
            conditions.push(format!("{column} ${}", values.len()));
        }
    }
    if let Some(from) = filter.starts_from {
        values.push(to_nanos(from).into());
        let lines = "SELECT order_key FROM order_lines WHERE starts_at IS NULL OR starts_at >=";
        conditions.push(format!("o.key IN ({lines} ${})", values.len()));
    }
    conditions.extend(visit_condition(filter, &mut values));
    conditions.extend(filter.ticket_type.as_ref().map(|kind| ticket_type_condition(kind, &mut values)));
    conditions.extend(filter.sale.as_ref().map(|sale| sale_condition(sale, json, &mut values)));
    if let Some(search) = search {
        conditions.extend(search_conditions(search, filter.reseller.as_deref(), &mut values));
    }
    (conditions.join(" AND "), values)
}

/// Returns the condition of the event and the day of the visit, which one line must meet.
fn visit_condition(filter: &OrderFilter, values: &mut Vec<SqlValue>) -> Option<String> {
    let event = filter.event.as_ref().map(|(source, event)| (source.as_str(), event.as_str()));
    let bounds = [
        ("l.event =", event.map(|(_, event)| event.to_owned())),
        ("g.source =", event.map(|(source, _)| source.to_owned())),
        ("l.visit_date >=", filter.visit_from.map(|day| day.to_string())),
        ("l.visit_date <=", filter.visit_to.map(|day| day.to_string())),
    ];
    let mut conditions = Vec::new();
    for (column, value) in bounds {
        if let Some(value) = value {
            values.push(value.into());
            conditions.push(format!("{column} ${}", values.len()));
        }
    }
    let legs = if event.is_some() { " JOIN legs g ON g.order_key = l.order_key AND g.number = l.leg" } else { "" };
    let condition = conditions.join(" AND ");
    (!conditions.is_empty())
        .then(|| format!("o.key IN (SELECT l.order_key FROM order_lines l{legs} WHERE {condition})"))
}

fn ticket_type_condition(
    (source, event, kind): &(SourceId, EventKey, TicketTypeKey),
    values: &mut Vec<SqlValue>,
) -> String {
    let first = values.len() + 1;
    values.extend([SqlValue::from(event.as_str()), kind.as_str().into(), source.as_str().into()]);
    format!(
        "o.key IN (SELECT l.order_key FROM order_lines l JOIN legs g ON g.order_key = l.order_key AND g.number = l.leg \
        WHERE l.event = ${} AND l.ticket_type = ${} AND g.source = ${})",
        first,
        first + 1,
        first + 2
    )
}

/// Returns the condition of a sale of one leg. Its currency is that of the sums in `sales.rs`.
fn sale_condition(sale: &SaleFilter, json: JsonDialect, values: &mut Vec<SqlValue>) -> String {
    let mut periods = Vec::with_capacity(sale.periods.len());
    for (source, period) in &sale.periods {
        let first = values.len() + 1;
        values.extend([SqlValue::from(source.as_str()), to_nanos(period.begin).into(), to_nanos(period.end).into()]);
        periods.push(format!(
            "g.source = ${} AND g.confirmed_at >= ${} AND g.confirmed_at < ${}",
            first,
            first + 1,
            first + 2
        ));
    }
    if periods.is_empty() {
        return "1 = 0".to_owned();
    }
    let mut condition = format!("({})", periods.join(" OR "));
    if let Some(currency) = sale.currency {
        values.push(currency.code().into());
        condition += &format!(" AND {} = ${}", sale_currency(json, "g"), values.len());
    }
    format!("o.key IN (SELECT g.order_key FROM legs g WHERE {condition})")
}

/// Returns the expression for the currency of the sale of a leg.
pub(crate) fn sale_currency(json: JsonDialect, leg: &str) -> String {
    let (charged, planned) =
        (json.text(&format!("{leg}.charged"), &["1"]), json.text("n.unit_price", &["retail", "1"]));
    format!(
        "COALESCE({charged}, (SELECT MIN({planned}) FROM order_lines n \
        WHERE n.order_key = {leg}.order_key AND n.leg = {leg}.number))"
    )
}

/// A search whose words with few matches are resolved to orders.
pub(crate) struct ResolvedSearch {
    /// Orders that match all of those words. `None` if there is no such word.
    keys: Option<BTreeSet<String>>,
    /// Other words.
    words: Vec<String>,
}

/// Resolves the words of a search that match few orders. A database cannot estimate how many a prefix matches, and may read all orders
/// for one of them.
pub(crate) async fn resolve_search(
    transaction: &mut SqlTransaction,
    search: &SearchWords,
    reseller: Option<&str>,
) -> Result<ResolvedSearch, StoreError> {
    let mut resolved =
        ResolvedSearch { keys: search.words().is_empty().then(BTreeSet::new), words: Vec::with_capacity(1) };
    for word in search.words() {
        let mut values: Vec<SqlValue> = vec![(FEW_MATCHES + 1).into()];
        let sql = format!("{} LIMIT $1", matching_orders(word, reseller, &mut values));
        let rows = transaction.fetch_all(&sql, values).await?;
        if rows.len() > FEW_MATCHES {
            resolved.words.push(word.clone());
            continue;
        }
        let matches: BTreeSet<String> = rows.iter().map(|row| row.text("order_key")).collect::<Result<_, _>>()?;
        resolved.keys = Some(match resolved.keys {
            Some(keys) => keys.intersection(&matches).cloned().collect(),
            None => matches,
        });
        if resolved.keys.as_ref().is_some_and(BTreeSet::is_empty) {
            break;
        }
    }
    Ok(resolved)
}

/// Returns the tokens that a word finds, as a range without its end. Tokens are compared byte by byte.
fn token_range(word: &str) -> [String; 2] {
    [word.to_owned(), format!("{word}{AFTER_EVERY_LETTER}")]
}

/// Returns the statement that selects the orders that a word finds, only those of a reseller if one is given.
fn matching_orders(word: &str, reseller: Option<&str>, values: &mut Vec<SqlValue>) -> String {
    let first = values.len() + 1;
    values.extend(token_range(word).map(SqlValue::from));
    let mut sql = format!("SELECT order_key FROM order_search WHERE token >= ${first} AND token < ${}", first + 1);
    match reseller {
        Some(reseller) => {
            values.push(reseller.into());
            sql += &format!(" AND reseller = ${}", values.len());
        }
        None => sql += &format!(" AND reseller IN ({RESELLERS})"),
    }
    sql
}

fn search_conditions(search: &ResolvedSearch, reseller: Option<&str>, values: &mut Vec<SqlValue>) -> Vec<String> {
    let mut conditions = Vec::new();
    if let Some(keys) = &search.keys {
        let Some(last) = keys.last() else { return vec!["1 = 0".to_owned()] };
        // Few sizes, so that there are few statements.
        let size = KEY_LIST_SIZES.into_iter().find(|size| *size >= keys.len()).unwrap_or(keys.len());
        conditions.push(format!("o.key IN ({})", placeholders(values.len() + 1, size)));
        let padded = keys.iter().chain(std::iter::repeat_n(last, size - keys.len()));
        values.extend(padded.map(|key| SqlValue::from(key.as_str())));
    }
    for word in &search.words {
        let found = matching_orders(word, reseller, values);
        conditions.push(format!("o.key IN ({found})"));
    }
    conditions
}
