//! Content reviews and integrations, which the reference lists without content (`ticketing.md §7` I1, I6).

use serde_json::{Value, json};

use crate::ticketing::auth::RequestContext;
use crate::ticketing::responses::{EndpointResult, TicketingErrorResponse};
use crate::ticketing::state::{ApiIntegration, EventSubmission, TicketingState};

/// Submits an event for review.
pub(super) fn submit(state: &mut TicketingState, request: &RequestContext<'_>, event: &str) -> EndpointResult {
    let status = request.managed_event(state, event)?.status.clone();
    if status != "Draft" {
        let text = format!("A {} event cannot be submitted.", status.to_lowercase());
        return Err(TicketingErrorResponse::new(409, text));
    }
    let submission = EventSubmission { id: state.next_id(request.now), event: event.to_owned(), decided: false };
    let shown = submission_view(&submission);
    state.submissions.insert(submission.id.clone(), submission);
    if let Some(event) = state.events.get_mut(event) {
        "Submitted".clone_into(&mut event.status);
    }
    Ok(shown)
}

fn submission_view(submission: &EventSubmission) -> Value {
    json!({
        "self": format!("/submissions/{}", submission.id),
        "event": format!("/events/{}", submission.event),
        "decided": submission.decided,
    })
}

pub(super) fn list(state: &TicketingState, request: &RequestContext<'_>) -> EndpointResult {
    let open = state.submissions.values().filter(|submission| !submission.decided);
    request.query.page(&state.quirks, open.collect(), |submission: &&EventSubmission| submission_view(submission))
}

/// Decides a review; approval publishes the event.
pub(super) fn decide(state: &mut TicketingState, request: &RequestContext<'_>, id: &str) -> EndpointResult {
    request.fields().require(&["approved"])?;
    let is_approved =
        request.body["approved"].as_bool().ok_or_else(|| TicketingErrorResponse::invalid(&["approved"]))?;
    let submission = state.submissions.get_mut(id).ok_or_else(TicketingErrorResponse::not_found)?;
    if submission.decided {
        return Err(TicketingErrorResponse::new(409, "This submission has already been decided."));
    }
    submission.decided = true;
    let event = submission.event.clone();
    if let Some(event) = state.events.get_mut(&event) {
        let status = if is_approved { "Scheduled" } else { "Draft" };
        status.clone_into(&mut event.status);
        event.published = is_approved.then_some(request.now);
    }
    Ok(json!({ "self": format!("/submissions/{id}/decisions"), "approved": is_approved }))
}

pub(super) fn integrations(state: &TicketingState, request: &RequestContext<'_>) -> EndpointResult {
    let known = state.integrations.values().collect();
    request.query.page(&state.quirks, known, |integration: &&ApiIntegration| integration_view(integration))
}

fn integration_view(integration: &ApiIntegration) -> Value {
    json!({
        "self": format!("/integrations/{}", integration.id), "name": integration.name, "role": integration.role,
        "key": integration.key,
    })
}

pub(super) fn add_integration(state: &mut TicketingState, request: &RequestContext<'_>) -> EndpointResult {
    let fields = request.fields();
    fields.require(&["name", "role"])?;
    let text = |name: &str| fields.text(name).unwrap_or_default().to_owned();
    let (id, key) = (state.next_id(request.now), state.next_key());
    let integration = ApiIntegration { id, name: text("name"), role: text("role"), key };
    let shown = integration_view(&integration);
    state.integrations.insert(integration.id.clone(), integration);
    Ok(shown)
}

pub(super) fn remove_integration(state: &mut TicketingState, id: &str) -> EndpointResult {
    state.integrations.remove(id).map(|_| json!({})).ok_or_else(TicketingErrorResponse::not_found)
}
