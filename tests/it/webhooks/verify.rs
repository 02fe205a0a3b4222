//! The verification in Rust, as docs/webhooks.md prints it.

#[rustfmt::skip]
mod printed {
/// Returns true if the message is authentic and its time is near now.
pub(in crate::webhooks) fn is_authentic(secret: &str, headers: &axum::http::HeaderMap, body: &[u8]) -> bool {
    standardwebhooks::Webhook::new(secret).is_ok_and(|webhook| webhook.verify(body, headers).is_ok())
}
}

pub(super) use printed::is_authentic;

use crate::docs::{blocks, read};

#[test]
fn the_page_prints_the_verification_that_the_tests_use() {
    let source = include_str!("verify.rs").replace("pub(in crate::webhooks) ", "");
    let page = read("docs/webhooks.md");
    let printed = blocks(&page).into_iter().find(|block| block.is("rust")).expect("a block in Rust");
    assert!(source.contains(&printed.text), "{}", printed.text);
}
