//! What an executed operation came to, as every way of answering tells it.

use async_graphql::Response;
use serde_json::json;

/// Whether execution never began: errors, none of them at a field, and no data. Such an answer has no `data` at all.
pub fn never_began(answer: &Response) -> bool {
    !answer.errors.is_empty()
        && answer.data == async_graphql::Value::Null
        && answer.errors.iter().all(|error| error.path.is_empty())
}

/// The answer as JSON.
pub fn to_text(answer: &Response) -> String {
    let text = if never_began(answer) {
        serde_json::to_string(&json!({ "errors": answer.errors }))
    } else {
        serde_json::to_string(answer)
    };
    text.unwrap_or_default()
}
