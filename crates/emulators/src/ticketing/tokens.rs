//! Admission tokens (`ticketing.md §4.2`, `§4.8`).

use serde_json::json;

use crate::ticketing::auth::RequestContext;
use crate::ticketing::responses::{EndpointResult, TicketingErrorResponse};
use crate::ticketing::state::{TicketingState, TicketingToken, UPPER};
use crate::ticketing::views;

/// Exchanges a code for the token's key. An unknown code returns 404, not 401.
pub(super) fn exchange_code(state: &TicketingState, code: &str) -> EndpointResult {
    let token = state.tokens.values().find(|token| token.code == code);
    let token = token
        .ok_or_else(|| TicketingErrorResponse::new(404, "The provided code does not belong to any event token"))?;
    Ok(json!({
        "key": token.key,
        "event": format!("/events/{}", token.event),
        "sections": views::token_sections(state, token),
    }))
}

pub(super) fn list(state: &TicketingState, request: &RequestContext<'_>, event: &str) -> EndpointResult {
    request.managed_event(state, event)?;
    let of_event = state
        .tokens
        .values()
        .filter(|token| token.event == event && request.query.matches_flag("global", token.global));
    let mut tokens: Vec<&TicketingToken> = of_event.collect();
    tokens.sort_by_key(|token| !token.global);
    request.query.page(&state.quirks, tokens, |token| views::token(state, token))
}

pub(super) fn read(state: &TicketingState, request: &RequestContext<'_>, event: &str, id: &str) -> EndpointResult {
    request.managed_event(state, event)?;
    Ok(views::token(state, find_token(state, event, id)?))
}

pub(super) fn issue(state: &mut TicketingState, request: &RequestContext<'_>, event: &str) -> EndpointResult {
    request.managed_event(state, event)?;
    let sections = requested_sections(state, request, event)?;
    let token = TicketingToken {
        id: state.next_id(request.now),
        event: event.to_owned(),
        code: state.next_text("code", UPPER, 8),
        key: state.next_key(),
        global: false,
        sections,
    };
    let shown = views::token(state, &token);
    state.tokens.insert(token.id.clone(), token);
    Ok(shown)
}

pub(super) fn update_sections(
    state: &mut TicketingState,
    request: &RequestContext<'_>,
    event: &str,
    id: &str,
) -> EndpointResult {
    check_modifiable(state, request, event, id)?;
    let sections = requested_sections(state, request, event)?;
    if let Some(token) = state.tokens.get_mut(id) {
        token.sections = sections;
    }
    Ok(json!({}))
}

pub(super) fn revoke(
    state: &mut TicketingState,
    request: &RequestContext<'_>,
    event: &str,
    id: &str,
) -> EndpointResult {
    check_modifiable(state, request, event, id)?;
    state.tokens.remove(id);
    Ok(json!({}))
}

fn find_token<'b>(
    state: &'b TicketingState,
    event: &str,
    id: &str,
) -> Result<&'b TicketingToken, TicketingErrorResponse> {
    state.tokens.get(id).filter(|token| token.event == event).ok_or_else(TicketingErrorResponse::not_found)
}

fn check_modifiable(
    state: &TicketingState,
    request: &RequestContext<'_>,
    event: &str,
    id: &str,
) -> Result<(), TicketingErrorResponse> {
    request.managed_event(state, event)?;
    if find_token(state, event, id)?.global {
        return Err(TicketingErrorResponse::new(409, "The global admission token cannot be modified or invalidated."));
    }
    Ok(())
}

/// Parses the requested sections by full URI: at least one, all of this event.
fn requested_sections(
    state: &TicketingState,
    request: &RequestContext<'_>,
    event: &str,
) -> Result<Vec<String>, TicketingErrorResponse> {
    let fields = request.fields();
    fields.require(&["sections"])?;
    let uris = fields
        .texts("sections")
        .filter(|uris| !uris.is_empty())
        .ok_or_else(|| TicketingErrorResponse::invalid(&["sections"]))?;
    let id = |uri: &String| {
        let (owner, id) = uri.strip_prefix("/events/")?.split_once("/sections/")?;
        (owner == event && state.section(event, id).is_some()).then(|| id.to_owned())
    };
    uris.iter().map(id).collect::<Option<_>>().ok_or_else(|| TicketingErrorResponse::invalid(&["sections"]))
}
