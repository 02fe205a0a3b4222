//! Admission tokens and admissions (`ticketing.md §5.5`, `§5.7`).

use crate::map::{keys, time};
use crate::wire;
use domain::admissions::{Admission, AdmissionToken, GateKey};
use domain::{EventKey, ExternalRef};

/// Reference kind of an admission token.
const TOKEN_REF: &str = "ticketing.token";

/// Maps a token of an event; `None` if it has no id.
pub(crate) fn token(event: &EventKey, wire: wire::Token) -> Option<AdmissionToken> {
    Some(AdmissionToken {
        key: keys::token_key(event, &wire.uri)?,
        event: event.clone(),
        is_global: wire.global == Some(true),
        sections: wire.sections.iter().filter_map(|uri| keys::section_key(event, uri)).collect(),
        code: wire.code.into(),
        refs: vec![ExternalRef::new(TOKEN_REF, wire.uri)],
    })
}

/// Maps the result of a code exchange; `None` if it names no event.
pub(crate) fn gate_key(wire: wire::GateKey) -> Option<GateKey> {
    let event = EventKey::new(keys::id_from_uri(wire.event.as_deref()?)?);
    let sections = wire.sections.iter().filter_map(|uri| keys::section_key(&event, uri)).collect();
    Some(GateKey { secret: wire.key.into(), event, sections })
}

/// Maps an admission; `None` if it names no ticket.
pub(crate) fn admission(event: &EventKey, wire: wire::Admission) -> Option<Admission> {
    Some(Admission {
        ticket_serial: wire.ticket?,
        admitted_at: time::parse_server_instant(wire.admitted.as_deref()),
        section: wire.section.as_deref().and_then(|uri| keys::section_key(event, uri)),
    })
}
