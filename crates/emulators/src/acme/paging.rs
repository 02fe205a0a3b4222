//! Query parameters, pages and timestamps in ACME's format (`acme.md §2.6`).

use std::collections::HashMap;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use crate::acme::error_response::AcmeErrorResponse;

/// Query parameters of a request.
pub(super) type Query = HashMap<String, String>;

/// Parses a timestamp parameter; anything but ISO 8601 with an offset is rejected.
pub(super) fn parse_instant(query: &Query, name: &str) -> Result<Option<Timestamp>, AcmeErrorResponse> {
    let Some(text) = query.get(name) else { return Ok(None) };
    let refuse = |_| AcmeErrorResponse::invalid(format!("{name} must be ISO 8601 with an offset"));
    text.parse().map(Some).map_err(refuse)
}

/// Formats an instant with the tenant's UTC offset at that time.
pub(super) fn format_instant(instant: Timestamp, zone: &TimeZone) -> String {
    instant.display_with_offset(zone.to_offset(instant)).to_string()
}

/// Wraps one page of a list. `count` is the number of matches; `pageSize=-1` returns all of them.
pub(super) fn envelope(list: Vec<Value>, query: &Query, sort_field: &str) -> Result<Value, AcmeErrorResponse> {
    let number = |name: &str, default: i64| match query.get(name) {
        None => Ok(default),
        Some(text) => text.parse::<i64>().map_err(|_| AcmeErrorResponse::invalid(format!("{name} must be a number"))),
    };
    let (page, size) = (number("page", 1)?, number("pageSize", 100)?);
    if page < 1 || size == 0 || size < -1 {
        return Err(AcmeErrorResponse::invalid("page must be at least 1, pageSize must be -1 or positive"));
    }
    let direction = query.get("sortDirection").map_or("asc", String::as_str);
    let field = query.get("sortField").map_or(sort_field, String::as_str);
    let mut list = list;
    list.sort_by(|a, b| a[field].to_string().cmp(&b[field].to_string()));
    if direction == "desc" {
        list.reverse();
    }
    let count = list.len();
    let page_of = |list: Vec<Value>| match usize::try_from(size) {
        Ok(size) => list.into_iter().skip((page as usize - 1).saturating_mul(size)).take(size).collect(),
        Err(_) if page == 1 => list,
        Err(_) => Vec::new(),
    };
    let list = page_of(list);
    Ok(json!({ "list": list, "pagination": {
        "page": page, "pageSize": size, "sortDirection": direction, "sortField": field, "count": count } }))
}
