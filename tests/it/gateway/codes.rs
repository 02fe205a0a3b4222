//! Error codes: a closed list, documented on one page.

use strum::IntoEnumIterator as _;
use ticketgraph::graphql::{ErrorCode, Scope};

#[test]
fn every_scope_is_documented_and_no_other() {
    let page = include_str!("../../../docs/security.md").split("## Scopes").nth(1).expect("a section");
    let rows = page.split("\n## ").next().unwrap_or_default().lines();
    let explained: Vec<&str> =
        rows.filter_map(|line| line.strip_prefix("| `")?.split_once('`')).map(|(scope, _)| scope).collect();
    let each: std::collections::BTreeSet<&str> = explained.iter().copied().collect();
    assert_eq!((explained.len(), each), (Scope::ALL.len(), Scope::ALL.iter().map(|scope| scope.as_str()).collect()));
}

#[test]
fn every_code_is_documented_in_order_and_no_other() {
    let page = include_str!("../../../docs/errors.md");
    let explained: Vec<&str> =
        page.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('`')).map(|(code, _)| code).collect();
    assert_eq!(explained, ErrorCode::iter().map(ErrorCode::as_str).collect::<Vec<_>>());
}

#[test]
fn codes_are_upper_case_and_unique() {
    let codes: Vec<_> = ErrorCode::iter().map(ErrorCode::as_str).collect();
    assert!(codes.iter().all(|code| code.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_')), "{codes:?}");
    let distinct: std::collections::BTreeSet<_> = codes.iter().collect();
    assert_eq!(distinct.len(), codes.len());
    let messages: std::collections::BTreeSet<_> = ErrorCode::iter().map(ErrorCode::message).collect();
    assert_eq!(messages.len(), codes.len());
}
