//! Events: the public list, the administrators' list, and their making (`ticketing.md §4.6`).

use serde_json::{Value, json};

use crate::ticketing::book::{Book, Event};
use crate::ticketing::door::Ask;
use crate::ticketing::reply::{Fields, Outcome, Refusal};
use crate::ticketing::show;

/// What every event has, beside its host.
const WHOLE: [&str; 7] = ["title", "description", "type", "public", "category", "subcategory", "venue"];

/// Public and published: what everybody may see.
fn is_shown(event: &Event) -> bool {
    event.public && event.published.is_some()
}

pub(super) fn published(book: &Book, ask: &Ask<'_>) -> Outcome {
    let shown = book.events.values().filter(|event| is_shown(event) && ask.query.allows("host", &event.host));
    page(book, ask, shown.collect())
}

/// The administrators' list; an administrator of one host may list that host.
pub(super) fn all(book: &Book, ask: &Ask<'_>) -> Outcome {
    let host = ask.query.get("host").unwrap_or_default();
    if !ask.administers(book, host) {
        return Err(Refusal::restricted());
    }
    let has_section = |event: &Event| {
        ask.query.get("section").is_none_or(|wanted| event.sections.iter().any(|section| section.id == wanted))
    };
    let listed = book.events.values().filter(|event| ask.query.allows("host", &event.host) && has_section(event));
    page(book, ask, listed.collect())
}

pub(super) fn of_host(book: &Book, ask: &Ask<'_>, host: &str) -> Outcome {
    if !book.hosts.contains_key(host) {
        return Err(Refusal::new(404, "The specified host could not be found."));
    }
    let sees_all = ask.administers(book, host);
    let listed = book.events.values().filter(|event| event.host == host && (sees_all || is_shown(event)));
    page(book, ask, listed.collect())
}

fn page(book: &Book, ask: &Ask<'_>, mut events: Vec<&Event>) -> Outcome {
    let (query, view) = (&ask.query, ask.view());
    events.retain(|event| {
        let region = book.venues.get(&event.venue).map(|venue| venue.region.as_str()).unwrap_or_default();
        query.allows("region", region)
            && query.is_in("title", &event.title)
            && query.get("status").is_none_or(|status| event.status.eq_ignore_ascii_case(status))
            && query.is("public", event.public)
            && query.is("active", !view.is_over(event))
    });
    match query.get("sort") {
        Some("alphabetical") => events.sort_by(|a, b| a.title.cmp(&b.title)),
        Some("published") => events.sort_by_key(|event| event.published),
        Some("popularity") => events.sort_by_key(|event| event.popularity),
        Some("start") => events.sort_by(|a, b| a.start.cmp(&b.start)),
        _ => {}
    }
    query.page(&book.switches, events, |event| show::event(book, view, event))
}

pub(super) fn read(book: &Book, ask: &Ask<'_>, id: &str) -> Outcome {
    let event = book.events.get(id).ok_or_else(Refusal::gone)?;
    if !is_shown(event) && !ask.administers(book, &event.host) {
        return Err(Refusal::restricted());
    }
    Ok(show::event(book, ask.view(), event))
}

pub(super) fn register(book: &mut Book, ask: &Ask<'_>) -> Outcome {
    let fields = ask.fields();
    fields.require(&[&["host"], WHOLE.as_slice()].concat())?;
    let host = fields.loose("host").unwrap_or_default();
    if !book.hosts.contains_key(&host) {
        return Err(Refusal::new(404, "The specified host could not be found."));
    }
    if !ask.administers(book, &host) {
        return Err(Refusal::new(403, "This account is not an administrator for the relevant event host."));
    }
    let mut event = Event {
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
    fill(book, &mut event, &fields, ask)?;
    event.id = book.next_id(ask.now);
    let token = book.next_id(ask.now);
    book.add_global_token(&event.id, token);
    let shown = show::event(book, ask.view(), &event);
    book.events.insert(event.id.clone(), event);
    Ok(shown)
}

pub(super) fn update(book: &mut Book, ask: &Ask<'_>, id: &str) -> Outcome {
    let mut event = ask.managed(book, id)?.clone();
    // INFERRED: a PUT replaces the whole, so what it leaves out is gone.
    ask.fields().require(&WHOLE)?;
    (event.start, event.end, event.disclaimer, event.tags) = (None, None, None, Vec::new());
    fill(book, &mut event, &ask.fields(), ask)?;
    let shown = show::event(book, ask.view(), &event);
    book.events.insert(id.to_owned(), event);
    Ok(shown)
}

pub(super) fn delete(book: &mut Book, ask: &Ask<'_>, id: &str) -> Outcome {
    let event = ask.managed(book, id)?;
    if event.sections.iter().any(|section| ask.view().is_on_sale(event, section)) {
        return Err(Refusal::new(409, "An event cannot be deleted while it has active sections."));
    }
    book.events.remove(id);
    book.tokens.retain(|_, token| token.event != id);
    book.deleted.insert(id.to_owned());
    Ok(json!({}))
}

/// Takes over the fields that are there; refuses before anything is changed.
fn fill(book: &Book, event: &mut Event, fields: &Fields<'_>, ask: &Ask<'_>) -> Result<(), Refusal> {
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
    match book.categories.get(&event.category) {
        None => invalid.push("category"),
        Some(category) if !category.subcategories.contains(&event.subcategory) => invalid.push("subcategory"),
        Some(_) => {}
    }
    if let Some(uri) = fields.text("venue") {
        event.venue = tail(uri);
    }
    if !book.venues.contains_key(&event.venue) {
        invalid.push("venue");
    }
    for (name, field) in [("start", &mut event.start), ("end", &mut event.end)] {
        match fields.text(name) {
            Some(text) if ask.view().local(text).is_some() => *field = Some(text.to_owned()),
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
        return Err(Refusal::invalid(&invalid));
    }
    let is_twin = |other: &&Event| other.id != event.id && other.host == event.host && other.title == event.title;
    if fields.text("title").is_some() && book.events.values().any(|other| is_twin(&other)) {
        return Err(Refusal::duplicate("event", &["title"]));
    }
    Ok(())
}
