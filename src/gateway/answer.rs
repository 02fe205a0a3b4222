//! What an executed operation came to, as every way of answering tells it.

use async_graphql::Response;
use serde_json::json;

use crate::graphql::writer::to_json;

/// Whether execution never began: errors, none of them at a field, and no data. Such an answer has no `data` at all.
pub fn never_began(answer: &Response) -> bool {
    !answer.errors.is_empty()
        && answer.data == async_graphql::Value::Null
        && answer.errors.iter().all(|error| error.path.is_empty())
}

/// The answer as JSON.
pub fn to_text(answer: &Response) -> String {
    if never_began(answer) {
        return json!({ "errors": answer.errors }).to_string();
    }
    // It is made of texts: what fails here is no answer of ours.
    String::from_utf8(to_json(answer)).unwrap_or_default()
}
