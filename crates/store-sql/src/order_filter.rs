//! The filter of a list of orders as a SQL condition.

use std::collections::BTreeSet;

use crate::codec::to_nanos;
use crate::rows::placeholders;
use crate::sql::{SqlTransaction, SqlValue};
use domain::StoreError;
use orders::search::SearchWords;
use orders::store::OrderFilter;

/// Sorts after every character of a token.
const AFTER_EVERY_LETTER: char = char::MAX;
/// Largest number of matches of a word that are read before the list.
const FEW_MATCHES: usize = 500;
/// Numbers of keys in a statement. The last one is that of [`FEW_MATCHES`].
const KEY_LIST_SIZES: [usize; 4] = [1, 8, 64, FEW_MATCHES];

/// Returns the filter as a SQL condition on `orders o` with its values, with its search as it was resolved.
pub(crate) fn filter_conditions(filter: &OrderFilter, search: Option<&ResolvedSearch>) -> (String, Vec<SqlValue>) {
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
    if let Some(search) = search {
        conditions.extend(search_conditions(search, &mut values));
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
) -> Result<ResolvedSearch, StoreError> {
    let mut resolved =
        ResolvedSearch { keys: search.words().is_empty().then(BTreeSet::new), words: Vec::with_capacity(1) };
    for word in search.words() {
        let sql = "SELECT order_key FROM order_search WHERE token >= $1 AND token < $2 LIMIT $3";
        let [from, to] = token_range(word);
        let rows = transaction.fetch_all(sql, vec![from.into(), to.into(), (FEW_MATCHES + 1).into()]).await?;
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

fn search_conditions(search: &ResolvedSearch, values: &mut Vec<SqlValue>) -> Vec<String> {
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
        let (from, to) = (values.len() + 1, values.len() + 2);
        values.extend(token_range(word).map(SqlValue::from));
        conditions
            .push(format!("o.key IN (SELECT order_key FROM order_search WHERE token >= ${from} AND token < ${to})"));
    }
    conditions
}
