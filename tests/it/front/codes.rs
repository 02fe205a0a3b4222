//! The codes of errors: a closed list, and the page that explains it.

use ticketgraph::graphql::{Code, Scope};

#[test]
fn every_scope_is_explained_and_no_other() {
    let page = include_str!("../../../docs/security.md").split("## Scopes").nth(1).expect("a section");
    let rows = page.split("\n## ").next().unwrap_or_default().lines();
    let explained: Vec<&str> =
        rows.filter_map(|line| line.strip_prefix("| `")?.split_once('`')).map(|(scope, _)| scope).collect();
    let each: std::collections::BTreeSet<&str> = explained.iter().copied().collect();
    assert_eq!((explained.len(), each), (Scope::ALL.len(), Scope::ALL.map(Scope::as_str).into()));
}

#[test]
fn every_code_is_explained_in_the_order_of_the_list_and_no_other() {
    let page = include_str!("../../../docs/errors.md");
    let explained: Vec<&str> =
        page.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('`')).map(|(code, _)| code).collect();
    assert_eq!(explained, Code::ALL.map(Code::as_str));
}

#[test]
fn codes_are_words_in_capitals_and_each_has_one_meaning() {
    let codes = Code::ALL.map(Code::as_str);
    assert!(codes.iter().all(|code| code.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_')), "{codes:?}");
    let distinct: std::collections::BTreeSet<_> = codes.iter().collect();
    assert_eq!(distinct.len(), codes.len());
    let messages: std::collections::BTreeSet<_> = Code::ALL.map(Code::message).into_iter().collect();
    assert_eq!(messages.len(), codes.len());
}
