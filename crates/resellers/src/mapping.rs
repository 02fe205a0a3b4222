//! Checks that a reseller's product mappings refer to products of the source.

use std::collections::BTreeSet;

use crate::{ProductMapping, texts};
use domain::accounts::AccountCheck;
use domain::catalog::TicketType;
use domain::{Batch, CatalogScope, ErrorKind, EventKey, LocalizedText, Source, VendorError};

/// Checks every mapping, with at most three catalog calls for all of them.
pub(super) async fn check_mappings(source: &Source, mappings: &[ProductMapping]) -> Vec<AccountCheck> {
    if mappings.is_empty() {
        return Vec::new();
    }
    let named: BTreeSet<EventKey> = mappings.iter().filter_map(event_of).collect();
    let named: Vec<EventKey> = named.into_iter().collect();
    let events: Batch<EventKey, ()> = match named.as_slice() {
        [] => Batch::new(),
        keys => {
            source.catalog.load_events(keys).await.into_iter().map(|(key, loaded)| (key, loaded.map(|_| ()))).collect()
        }
    };
    let kinds = load_ticket_types(source, mappings, named).await;
    let line = |mapping: &ProductMapping| {
        let event = event_of(mapping).map(|key| events.get(&key).cloned().unwrap_or(Ok(())));
        check_mapping(mapping, event, &kinds)
    };
    mappings.iter().map(line).collect()
}

/// Ticket types by event.
type TicketTypesByEvent = Vec<(EventKey, Result<Vec<TicketType>, VendorError>)>;

/// Loads the ticket types of all mapped events, or of every event of the source if a mapping names none.
async fn load_ticket_types(
    source: &Source,
    mappings: &[ProductMapping],
    named: Vec<EventKey>,
) -> Result<TicketTypesByEvent, VendorError> {
    let mut events = named;
    if mappings.iter().any(|mapping| mapping.event.is_none() && mapping.ticket_type.is_some()) {
        let listed = source.catalog.list_events(CatalogScope::All).await?;
        events.extend(listed.value.iter().map(|event| event.key.clone()));
        events.sort();
        events.dedup();
    }
    if mappings.iter().all(|mapping| mapping.ticket_type.is_none()) || events.is_empty() {
        return Ok(Vec::new());
    }
    let loaded = source.catalog.load_ticket_types(&events).await;
    Ok(loaded.into_iter().map(|(event, kinds)| (event, kinds.map(|kinds| kinds.value.to_vec()))).collect())
}

fn event_of(mapping: &ProductMapping) -> Option<EventKey> {
    mapping.event.as_deref().map(EventKey::new)
}

fn check_mapping(
    mapping: &ProductMapping,
    event: Option<Result<(), VendorError>>,
    kinds: &Result<TicketTypesByEvent, VendorError>,
) -> AccountCheck {
    let code = "MAPPING_KNOWN";
    let title = LocalizedText::from(texts::mapping(&mapping.partner_code));
    match event {
        Some(Err(error)) if error.kind == ErrorKind::NotFound => {
            let event = mapping.event.as_deref().unwrap_or_default();
            let hint = texts::unknown_event(event);
            return AccountCheck::new(code, title, Some(hint));
        }
        Some(Err(error)) => return AccountCheck::unreachable(code, title, error),
        Some(Ok(())) | None => {}
    }
    let Some(wanted) = mapping.ticket_type.as_deref() else { return AccountCheck::passed(code, title) };
    let kinds = match kinds {
        Ok(kinds) => kinds,
        Err(error) => return AccountCheck::unreachable(code, title, error.clone()),
    };
    let of_event = event_of(mapping);
    let mut unasked = None;
    for (_, loaded) in kinds.iter().filter(|(key, _)| of_event.as_ref().is_none_or(|event| event == key)) {
        match loaded {
            Ok(kinds) if kinds.iter().any(|kind| kind.matches_id(wanted)) => {
                return AccountCheck::passed(code, title);
            }
            Ok(_) => {}
            Err(error) if error.kind == ErrorKind::NotFound => {}
            Err(error) => unasked = Some(error.clone()),
        }
    }
    if let Some(error) = unasked {
        return AccountCheck::unreachable(code, title, error);
    }
    let hint = texts::unknown_ticket_type(wanted);
    AccountCheck::new(code, title, Some(hint))
}
