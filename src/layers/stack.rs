//! The order of the layers, in one place.

use std::sync::Arc;

use crate::domain::Source;
use crate::layers::guard::{Guard, Guarded, Pulse};
use crate::layers::policy::Policy;
use crate::layers::question::Layered;

/// What the layers of one source are made of.
pub struct Parts {
    /// The numbers.
    pub policy: Policy,
    /// The pulse that the source was connected with; the guard keeps it beating.
    pub pulse: Arc<Pulse>,
}

/// Puts the layers around a connected source.
///
/// The source is taken apart field by field: a new capability does not compile until somebody decided how it is guarded.
pub fn stack(source: Source, parts: Parts) -> Source {
    let Source {
        id,
        vendor,
        institution,
        environment,
        time_zone,
        currency,
        facts,
        health: _,
        catalog,
        ordering,
        hold_extension,
        refunds,
        admissions,
    } = source;
    let guard = Arc::new(Guard::new(id.clone(), &facts, parts.policy, Arc::clone(&parts.pulse)));
    Source {
        id,
        vendor,
        institution,
        environment,
        time_zone,
        currency,
        facts,
        health: parts.pulse,
        catalog: Arc::new(Layered(Guarded::new(catalog, &guard))),
        ordering: ordering.map(|port| Arc::new(Guarded::new(port, &guard)) as _),
        hold_extension: hold_extension.map(|port| Arc::new(Guarded::new(port, &guard)) as _),
        refunds: refunds.map(|port| Arc::new(Guarded::new(port, &guard)) as _),
        admissions: admissions.map(|port| Arc::new(Guarded::new(port, &guard)) as _),
    }
}
