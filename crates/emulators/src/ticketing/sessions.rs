//! Sessions of people (`ticketing.md §4.1`).

use serde_json::json;

use crate::ticketing::book::{Book, Session};
use crate::ticketing::door::Ask;
use crate::ticketing::reply::{Outcome, Refusal};
use crate::ticketing::show;

pub(super) fn start(book: &mut Book, ask: &Ask<'_>) -> Outcome {
    let fields = ask.fields();
    fields.require(&["identification", "password"])?;
    let account = book.account_by_name(fields.text("identification").unwrap_or_default());
    let account = account.ok_or_else(|| Refusal::new(404, "The requested account could not be located"))?;
    if Some(account.password.as_str()) != fields.text("password") {
        return Err(Refusal::new(401, "A session cannot be started with the given password."));
    }
    let account = account.number.clone();
    let key = book.next_key();
    let session = Session { id: book.next_id(ask.now), account, started: ask.now, is_over: false };
    let shown = show::session(book, &session, &key);
    book.sessions.insert(key, session);
    Ok(shown)
}

pub(super) fn active(book: &Book, ask: &Ask<'_>) -> Outcome {
    let session = book.sessions.get(&ask.key).ok_or_else(none)?;
    Ok(show::session(book, session, &ask.key))
}

pub(super) fn end(book: &mut Book, ask: &Ask<'_>) -> Outcome {
    let session = book.sessions.get_mut(&ask.key).ok_or_else(none)?;
    session.is_over = true;
    Ok(json!({}))
}

fn none() -> Refusal {
    Refusal::new(401, "There is no active session for the given key.")
}
