//! The filter of a list of orders as a SQL condition.

use crate::codec::to_nanos;
use crate::rows::placeholders;
use crate::sql::SqlValue;
use orders::search::SearchWords;
use orders::store::OrderFilter;

/// Sorts after every character of a token.
const AFTER_EVERY_LETTER: char = char::MAX;

/// Returns the filter as a SQL condition on `orders o` with its values.
pub(crate) fn filter_conditions(filter: &OrderFilter) -> (String, Vec<SqlValue>) {
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
    if let Some(search) = &filter.search {
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

/// Returns a condition for each word. Tokens are compared byte by byte, so those with a prefix are a range of the index.
fn search_conditions(search: &SearchWords, values: &mut Vec<SqlValue>) -> Vec<String> {
    if search.words().is_empty() {
        return vec!["1 = 0".to_owned()];
    }
    let mut conditions = Vec::new();
    for word in search.words() {
        let (from, to) = (values.len() + 1, values.len() + 2);
        values.push(word.as_str().into());
        values.push(format!("{word}{AFTER_EVERY_LETTER}").into());
        conditions
            .push(format!("o.key IN (SELECT order_key FROM order_search WHERE token >= ${from} AND token < ${to})"));
    }
    conditions
}
