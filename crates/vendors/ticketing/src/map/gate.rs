//! Admission tokens and admissions (`ticketing.md §5.5`, `§5.7`).

use crate::map::{keys, time};
use crate::wire;
use domain::admissions::{Admission, AdmissionToken, GateKey};
use domain::{EventKey, ExternalRef};

/// The reference kind of an admission token.
const TOKEN: &str = "ticketing.token";

/// Takes over a token of an event; `None` where it has no id.
pub(crate) fn token(event: &EventKey, wire: wire::Token) -> Option<AdmissionToken> {
    Some(AdmissionToken {
        key: keys::token(event, &wire.uri)?,
        event: event.clone(),
        is_global: wire.global == Some(true),
        sections: wire.sections.iter().filter_map(|uri| keys::section(event, uri)).collect(),
        code: wire.code.into(),
        refs: vec![ExternalRef::new(TOKEN, wire.uri)],
    })
}

/// Takes over what a code was exchanged for; `None` where it names no event.
pub(crate) fn gate(wire: wire::GateKey) -> Option<GateKey> {
    let event = EventKey::new(keys::tail(wire.event.as_deref()?)?);
    let sections = wire.sections.iter().filter_map(|uri| keys::section(&event, uri)).collect();
    Some(GateKey { key: wire.key.into(), event, sections })
}

/// Takes over who was let in; `None` where no ticket is named.
pub(crate) fn admission(event: &EventKey, wire: wire::Admission) -> Option<Admission> {
    Some(Admission {
        ticket_serial: wire.ticket?,
        admitted_at: time::server_instant(wire.admitted.as_deref()),
        section: wire.section.as_deref().and_then(|uri| keys::section(event, uri)),
    })
}
