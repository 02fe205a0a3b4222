//! Admission tokens (`ticketing.md §4.2`, `§4.8`).

use serde_json::json;

use crate::ticketing::book::{Book, Token, UPPER};
use crate::ticketing::door::Ask;
use crate::ticketing::reply::{Outcome, Refusal};
use crate::ticketing::show;

/// What a code is exchanged for. A wrong code is 404, not 401.
pub(super) fn exchange(book: &Book, code: &str) -> Outcome {
    let token = book.tokens.values().find(|token| token.code == code);
    let token = token.ok_or_else(|| Refusal::new(404, "The provided code does not belong to any event token"))?;
    Ok(json!({
        "key": token.key,
        "event": format!("/events/{}", token.event),
        "sections": show::token_sections(book, token),
    }))
}

pub(super) fn list(book: &Book, ask: &Ask<'_>, event: &str) -> Outcome {
    ask.managed(book, event)?;
    let of_event = book.tokens.values().filter(|token| token.event == event && ask.query.is("global", token.global));
    let mut tokens: Vec<&Token> = of_event.collect();
    tokens.sort_by_key(|token| !token.global);
    ask.query.page(&book.switches, tokens, |token| show::token(book, token))
}

pub(super) fn read(book: &Book, ask: &Ask<'_>, event: &str, id: &str) -> Outcome {
    ask.managed(book, event)?;
    Ok(show::token(book, find(book, event, id)?))
}

pub(super) fn issue(book: &mut Book, ask: &Ask<'_>, event: &str) -> Outcome {
    ask.managed(book, event)?;
    let sections = scope(book, ask, event)?;
    let token = Token {
        id: book.next_id(ask.now),
        event: event.to_owned(),
        code: book.next_text("code", UPPER, 8),
        key: book.next_key(),
        global: false,
        sections,
    };
    let shown = show::token(book, &token);
    book.tokens.insert(token.id.clone(), token);
    Ok(shown)
}

pub(super) fn rescope(book: &mut Book, ask: &Ask<'_>, event: &str, id: &str) -> Outcome {
    changeable(book, ask, event, id)?;
    let sections = scope(book, ask, event)?;
    if let Some(token) = book.tokens.get_mut(id) {
        token.sections = sections;
    }
    Ok(json!({}))
}

pub(super) fn revoke(book: &mut Book, ask: &Ask<'_>, event: &str, id: &str) -> Outcome {
    changeable(book, ask, event, id)?;
    book.tokens.remove(id);
    Ok(json!({}))
}

fn find<'b>(book: &'b Book, event: &str, id: &str) -> Result<&'b Token, Refusal> {
    book.tokens.get(id).filter(|token| token.event == event).ok_or_else(Refusal::gone)
}

fn changeable(book: &Book, ask: &Ask<'_>, event: &str, id: &str) -> Result<(), Refusal> {
    ask.managed(book, event)?;
    if find(book, event, id)?.global {
        return Err(Refusal::new(409, "The global admission token cannot be modified or invalidated."));
    }
    Ok(())
}

/// The sections asked for, by full URI: at least one, all of this event.
fn scope(book: &Book, ask: &Ask<'_>, event: &str) -> Result<Vec<String>, Refusal> {
    let fields = ask.fields();
    fields.require(&["sections"])?;
    let uris =
        fields.texts("sections").filter(|uris| !uris.is_empty()).ok_or_else(|| Refusal::invalid(&["sections"]))?;
    let id = |uri: &String| {
        let (owner, id) = uri.strip_prefix("/events/")?.split_once("/sections/")?;
        (owner == event && book.section(event, id).is_some()).then(|| id.to_owned())
    };
    uris.iter().map(id).collect::<Option<_>>().ok_or_else(|| Refusal::invalid(&["sections"]))
}
