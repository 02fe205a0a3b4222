//! The reseller's words for what a source sells: whether each means something there.

use std::collections::BTreeSet;

use crate::Mapping;
use domain::accounts::Check;
use domain::catalog::TicketType;
use domain::{Batch, ErrorKind, EventKey, Scope, Source, VendorError};

/// Looks every mapping up: a line for each, and at most three calls of the catalogue for all of them.
pub(super) async fn check(source: &Source, mappings: &[Mapping]) -> Vec<Check> {
    if mappings.is_empty() {
        return Vec::new();
    }
    let named: BTreeSet<EventKey> = mappings.iter().filter_map(event_of).collect();
    let named: Vec<EventKey> = named.into_iter().collect();
    let events: Batch<EventKey, ()> = match named.as_slice() {
        [] => Batch::new(),
        keys => source.catalog.load_events(keys).await.into_iter().map(|(key, told)| (key, told.map(|_| ()))).collect(),
    };
    let kinds = load_kinds(source, mappings, named).await;
    let line = |mapping: &Mapping| {
        let event = event_of(mapping).map(|key| events.get(&key).cloned().unwrap_or(Ok(())));
        verdict(mapping, event, &kinds)
    };
    mappings.iter().map(line).collect()
}

/// The ticket types of events.
type Kinds = Vec<(EventKey, Result<Vec<TicketType>, VendorError>)>;

/// The ticket types of all events that a mapping may mean: where one names no event, those of every event of the source.
async fn load_kinds(source: &Source, mappings: &[Mapping], named: Vec<EventKey>) -> Result<Kinds, VendorError> {
    let mut events = named;
    if mappings.iter().any(|mapping| mapping.event.is_none() && mapping.ticket_type.is_some()) {
        let listed = source.catalog.list_events(Scope::Everything).await?;
        events.extend(listed.value.iter().map(|event| event.key.clone()));
        events.sort();
        events.dedup();
    }
    if mappings.iter().all(|mapping| mapping.ticket_type.is_none()) || events.is_empty() {
        return Ok(Vec::new());
    }
    let told = source.catalog.load_ticket_types(&events).await;
    Ok(told.into_iter().map(|(event, kinds)| (event, kinds.map(|kinds| kinds.value.to_vec()))).collect())
}

fn event_of(mapping: &Mapping) -> Option<EventKey> {
    mapping.event.as_deref().map(EventKey::new)
}

fn verdict(mapping: &Mapping, event: Option<Result<(), VendorError>>, kinds: &Result<Kinds, VendorError>) -> Check {
    let code = "MAPPING_KNOWN";
    let title = format!("{} means something that the source sells", mapping.partner_code);
    match event {
        Some(Err(error)) if error.kind == ErrorKind::NotFound => {
            let event = mapping.event.as_deref().unwrap_or_default();
            let hint =
                format!("The source has no event {event}: look at the id, which is another one in each environment.");
            return Check::new(code, title, Some(&hint));
        }
        Some(Err(error)) => return Check::unasked(code, title, error),
        Some(Ok(())) | None => {}
    }
    let Some(wanted) = mapping.ticket_type.as_deref() else { return Check::new(code, title, None) };
    let kinds = match kinds {
        Ok(kinds) => kinds,
        Err(error) => return Check::unasked(code, title, error.clone()),
    };
    let of_event = event_of(mapping);
    let mut unasked = None;
    for (_, told) in kinds.iter().filter(|(key, _)| of_event.as_ref().is_none_or(|event| event == key)) {
        match told {
            Ok(kinds) if kinds.iter().any(|kind| kind.is_named(wanted)) => return Check::new(code, title, None),
            Ok(_) => {}
            Err(error) if error.kind == ErrorKind::NotFound => {}
            Err(error) => unasked = Some(error.clone()),
        }
    }
    if let Some(error) = unasked {
        return Check::unasked(code, title, error);
    }
    let hint = format!(
        "Nothing on sale has the ticket type {wanted}: look at the id, which is another one in each environment."
    );
    Check::new(code, title, Some(&hint))
}
