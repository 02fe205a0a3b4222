//! Reviewing content and integrations: headings without content in the reference (`ticketing.md §7` I1, I6).

use serde_json::{Value, json};

use crate::ticketing::book::{Book, Integration, Submission};
use crate::ticketing::door::Ask;
use crate::ticketing::reply::{Outcome, Refusal};

/// Sends an event for review.
pub(super) fn submit(book: &mut Book, ask: &Ask<'_>, event: &str) -> Outcome {
    let status = ask.managed(book, event)?.status.clone();
    if status != "Draft" {
        let text = format!("A {} event cannot be submitted.", status.to_lowercase());
        return Err(Refusal::new(409, text));
    }
    let submission = Submission { id: book.next_id(ask.now), event: event.to_owned(), decided: false };
    let shown = show(&submission);
    book.submissions.insert(submission.id.clone(), submission);
    if let Some(event) = book.events.get_mut(event) {
        "Submitted".clone_into(&mut event.status);
    }
    Ok(shown)
}

fn show(submission: &Submission) -> Value {
    json!({
        "self": format!("/submissions/{}", submission.id),
        "event": format!("/events/{}", submission.event),
        "decided": submission.decided,
    })
}

pub(super) fn list(book: &Book, ask: &Ask<'_>) -> Outcome {
    let open = book.submissions.values().filter(|submission| !submission.decided);
    ask.query.page(&book.switches, open.collect(), |submission: &&Submission| show(submission))
}

/// Approval publishes.
pub(super) fn decide(book: &mut Book, ask: &Ask<'_>, id: &str) -> Outcome {
    ask.fields().require(&["approved"])?;
    let is_approved = ask.body["approved"].as_bool().ok_or_else(|| Refusal::invalid(&["approved"]))?;
    let submission = book.submissions.get_mut(id).ok_or_else(Refusal::gone)?;
    if submission.decided {
        return Err(Refusal::new(409, "This submission has already been decided."));
    }
    submission.decided = true;
    let event = submission.event.clone();
    if let Some(event) = book.events.get_mut(&event) {
        let status = if is_approved { "Scheduled" } else { "Draft" };
        status.clone_into(&mut event.status);
        event.published = is_approved.then_some(ask.now);
    }
    Ok(json!({ "self": format!("/submissions/{id}/decisions"), "approved": is_approved }))
}

pub(super) fn integrations(book: &Book, ask: &Ask<'_>) -> Outcome {
    let known = book.integrations.values().collect();
    ask.query.page(&book.switches, known, |integration: &&Integration| integration_view(integration))
}

fn integration_view(integration: &Integration) -> Value {
    json!({
        "self": format!("/integrations/{}", integration.id), "name": integration.name, "role": integration.role,
        "key": integration.key,
    })
}

pub(super) fn add_integration(book: &mut Book, ask: &Ask<'_>) -> Outcome {
    let fields = ask.fields();
    fields.require(&["name", "role"])?;
    let text = |name: &str| fields.text(name).unwrap_or_default().to_owned();
    let (id, key) = (book.next_id(ask.now), book.next_key());
    let integration = Integration { id, name: text("name"), role: text("role"), key };
    let shown = integration_view(&integration);
    book.integrations.insert(integration.id.clone(), integration);
    Ok(shown)
}

pub(super) fn remove_integration(book: &mut Book, id: &str) -> Outcome {
    book.integrations.remove(id).map(|_| json!({})).ok_or_else(Refusal::gone)
}
