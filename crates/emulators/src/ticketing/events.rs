//! Events: the public list, the administrators' list, and authoring (`ticketing.md §4.6`).

use serde_json::{Value, json};

use crate::ticketing::auth::RequestContext;
use crate::ticketing::responses::{BodyFields, EndpointResult, TicketingErrorResponse};
use crate::ticketing::state::{TicketingEvent, TicketingState};
use crate::ticketing::views;

/// Required fields of an event, apart from the host.
const REQUIRED_FIELDS: [&str; 7] = ["title", "description", "type", "public", "category", "subcategory", "venue"];

/// True if everybody may see the event: it is public and published.
fn is_public(event: &TicketingEvent) -> bool {
    event.public && event.published.is_some()
}

pub(super) fn list_published(state: &TicketingState, request: &RequestContext<'_>) -> EndpointResult {
    let is_wanted = |event: &TicketingEvent| state.quirks.ignores_host || request.query.matches_id("host", &event.host);
    let shown = state.events.values().filter(|event| is_public(event) && is_wanted(event));
    event_page(state, request, shown.collect())
}

/// Lists events for administrators; a host's administrator may list that host's events.
pub(super) fn list_all(state: &TicketingState, request: &RequestContext<'_>) -> EndpointResult {
    let host = request.query.get("host").unwrap_or_default();
    if !request.administers(state, host) || state.quirks.hides_host_events {
        return Err(TicketingErrorResponse::forbidden());
    }
    let has_section = |event: &TicketingEvent| {
        request.query.get("section").is_none_or(|wanted| event.sections.iter().any(|section| section.id == wanted))
    };
    let listed =
        state.events.values().filter(|event| request.query.matches_id("host", &event.host) && has_section(event));
    event_page(state, request, listed.collect())
}

pub(super) fn list_of_host(state: &TicketingState, request: &RequestContext<'_>, host: &str) -> EndpointResult {
    if !state.hosts.contains_key(host) {
        return Err(TicketingErrorResponse::new(404, "The specified host could not be found."));
    }
    if state.quirks.hides_host_events {
        return Err(TicketingErrorResponse::forbidden());
    }
    let sees_all = request.administers(state, host);
    let listed = state.events.values().filter(|event| event.host == host && (sees_all || is_public(event)));
    event_page(state, request, listed.collect())
}

fn event_page(
    state: &TicketingState,
    request: &RequestContext<'_>,
    mut events: Vec<&TicketingEvent>,
) -> EndpointResult {
    let (query, view) = (&request.query, request.view());
    events.retain(|event| {
        let region = state.venues.get(&event.venue).map(|venue| venue.region.as_str()).unwrap_or_default();
        query.matches_id("region", region)
            && query.matches_text("title", &event.title)
            && query.get("status").is_none_or(|status| event.status.eq_ignore_ascii_case(status))
            && query.matches_flag("public", event.public)
            && query.matches_flag("active", !view.is_over(event))
    });
    match query.get("sort") {
        Some("alphabetical") => events.sort_by(|a, b| a.title.cmp(&b.title)),
        Some("published") => events.sort_by_key(|event| event.published),
        Some("popularity") => events.sort_by_key(|event| event.popularity),
        Some("start") => events.sort_by(|a, b| a.start.cmp(&b.start)),
        _ => {}
    }
    query.page(&state.quirks, events, |event| views::event(state, view, event))
}

pub(super) fn read(state: &TicketingState, request: &RequestContext<'_>, id: &str) -> EndpointResult {
    let event = state.events.get(id).ok_or_else(TicketingErrorResponse::not_found)?;
    if !is_public(event) && !request.administers(state, &event.host) {
        return Err(TicketingErrorResponse::forbidden());
    }
    Ok(views::event(state, request.view(), event))
}

pub(super) fn register(state: &mut TicketingState, request: &RequestContext<'_>) -> EndpointResult {
    let fields = request.fields();
    fields.require(&[&["host"], REQUIRED_FIELDS.as_slice()].concat())?;
    let host = fields.text_or_number("host").unwrap_or_default();
    if !state.hosts.contains_key(&host) {
        return Err(TicketingErrorResponse::new(404, "The specified host could not be found."));
    }
    if !request.administers(state, &host) {
        return Err(TicketingErrorResponse::new(
            403,
            "This account is not an administrator for the relevant event host.",
        ));
    }
    let mut event = TicketingEvent {
        id: String::new(),
        host,
        title: String::new(),
        description: String::new(),
        kind: String::new(),
        subcategory: String::new(),
        status: "Draft".to_owned(),
        public: false,
        category: String::new(),
        venue: String::new(),
        start: None,
        end: None,
        published: None,
        popularity: 0,
        disclaimer: None,
        tags: Vec::new(),
        sections: Vec::new(),
    };
    apply_fields(state, &mut event, &fields, request)?;
    event.id = state.next_id(request.now);
    let token = state.next_id(request.now);
    state.add_global_token(&event.id, token);
    let shown = views::event(state, request.view(), &event);
    state.events.insert(event.id.clone(), event);
    Ok(shown)
}

pub(super) fn update(state: &mut TicketingState, request: &RequestContext<'_>, id: &str) -> EndpointResult {
    let mut event = request.managed_event(state, id)?.clone();
    // INFERRED: a PUT replaces the whole object and resets omitted fields.
    request.fields().require(&REQUIRED_FIELDS)?;
    (event.start, event.end, event.disclaimer, event.tags) = (None, None, None, Vec::new());
    apply_fields(state, &mut event, &request.fields(), request)?;
    let shown = views::event(state, request.view(), &event);
    state.events.insert(id.to_owned(), event);
    Ok(shown)
}

pub(super) fn delete(state: &mut TicketingState, request: &RequestContext<'_>, id: &str) -> EndpointResult {
    let event = request.managed_event(state, id)?;
    if event.sections.iter().any(|section| request.view().is_on_sale(event, section)) {
        return Err(TicketingErrorResponse::new(409, "An event cannot be deleted while it has active sections."));
    }
    state.events.remove(id);
    state.tokens.retain(|_, token| token.event != id);
    state.deleted.insert(id.to_owned());
    Ok(json!({}))
}

/// Applies the given fields, or rejects the request without an effect on the stored event.
fn apply_fields(
    state: &TicketingState,
    event: &mut TicketingEvent,
    fields: &BodyFields<'_>,
    request: &RequestContext<'_>,
) -> Result<(), TicketingErrorResponse> {
    let mut invalid = Vec::new();
    let tail = |uri: &str| uri.rsplit('/').next().unwrap_or_default().to_owned();
    let is_given = |name: &str| fields.0.get(name).is_some_and(|value| !value.is_null());
    for (name, field) in [
        ("title", &mut event.title),
        ("description", &mut event.description),
        ("type", &mut event.kind),
        ("subcategory", &mut event.subcategory),
    ] {
        match fields.text(name) {
            Some(text) => text.clone_into(field),
            None if is_given(name) => invalid.push(name),
            None => {}
        }
    }
    if event.kind != "Standard" {
        invalid.push("type");
    }
    match fields.0.get("public") {
        Some(Value::Bool(public)) => event.public = *public,
        Some(_) => invalid.push("public"),
        None => {}
    }
    if let Some(uri) = fields.text("category") {
        event.category = tail(uri);
    }
    match state.categories.get(&event.category) {
        None => invalid.push("category"),
        Some(category) if !category.subcategories.contains(&event.subcategory) => invalid.push("subcategory"),
        Some(_) => {}
    }
    if let Some(uri) = fields.text("venue") {
        event.venue = tail(uri);
    }
    if !state.venues.contains_key(&event.venue) {
        invalid.push("venue");
    }
    for (name, field) in [("start", &mut event.start), ("end", &mut event.end)] {
        match fields.text(name) {
            Some(text) if request.view().parse_local(text).is_some() => *field = Some(text.to_owned()),
            Some(_) => invalid.push(name),
            None => {}
        }
    }
    if let Some(tags) = fields.texts("tags") {
        event.tags = tags;
    }
    if let Some(text) = fields.text("disclaimer") {
        event.disclaimer = Some(text.to_owned());
    }
    if !invalid.is_empty() {
        return Err(TicketingErrorResponse::invalid(&invalid));
    }
    let is_twin =
        |other: &&TicketingEvent| other.id != event.id && other.host == event.host && other.title == event.title;
    if fields.text("title").is_some() && state.events.values().any(|other| is_twin(&other)) {
        return Err(TicketingErrorResponse::duplicate("event", &["title"]));
    }
    Ok(())
}
