//! Sessions of users (`ticketing.md §4.1`).

use serde_json::json;

use crate::ticketing::auth::RequestContext;
use crate::ticketing::responses::{EndpointResult, TicketingErrorResponse};
use crate::ticketing::state::{TicketingSession, TicketingState};
use crate::ticketing::views;

pub(super) fn start(state: &mut TicketingState, request: &RequestContext<'_>) -> EndpointResult {
    let fields = request.fields();
    fields.require(&["identification", "password"])?;
    let account = state.account_by_name(fields.text("identification").unwrap_or_default());
    let account =
        account.ok_or_else(|| TicketingErrorResponse::new(404, "The requested account could not be located"))?;
    if Some(account.password.as_str()) != fields.text("password") {
        return Err(TicketingErrorResponse::new(401, "A session cannot be started with the given password."));
    }
    let account = account.number.clone();
    let key = state.next_key();
    let session = TicketingSession { id: state.next_id(request.now), account, started: request.now, is_over: false };
    let shown = views::session(state, &session, &key);
    state.sessions.insert(key, session);
    Ok(shown)
}

pub(super) fn active(state: &TicketingState, request: &RequestContext<'_>) -> EndpointResult {
    let session = state.sessions.get(&request.key).ok_or_else(no_session)?;
    Ok(views::session(state, session, &request.key))
}

pub(super) fn end(state: &mut TicketingState, request: &RequestContext<'_>) -> EndpointResult {
    let session = state.sessions.get_mut(&request.key).ok_or_else(no_session)?;
    session.is_over = true;
    Ok(json!({}))
}

fn no_session() -> TicketingErrorResponse {
    TicketingErrorResponse::new(401, "There is no active session for the given key.")
}
