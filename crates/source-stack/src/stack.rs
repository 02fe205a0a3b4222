//! The order of the layers, in one place.

use std::sync::Arc;

use crate::batch::Cut;
use crate::cache::{Cache, Far, Forgetful, Near, Shelf};
use crate::coalesce::Coalesced;
use crate::guard::{Guard, Guarded, Pulse};
use crate::policy::Policy;
use crate::question::Layered;
use domain::authoring::{Authoring, BackOffice, Sectioning};
use domain::ordering::{Ordering, Refunds};
use domain::{Catalog, Source};

/// What the layers of one source are made of.
pub struct Parts {
    /// The numbers.
    pub policy: Policy,
    /// The pulse that the source was connected with; the guard keeps it beating.
    pub pulse: Arc<Pulse>,
    /// The memory that all sources share.
    pub cache: Arc<Cache>,
    /// Tells accounts apart that have the same name in different configurations of one shared store: a digest of what the vendor
    /// sees of the account. Holds no secret.
    pub realm: String,
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
        accounts,
        authoring,
        sectioning,
        back_office,
    } = source;
    let Parts { policy, pulse, cache, realm } = parts;
    let shelf = Shelf::new(Arc::clone(&cache), id.clone(), &realm, policy.lifetimes.clone());
    let guard = Arc::new(Guard::new(id.clone(), &facts, policy, Arc::clone(&pulse)));
    let catalog = care_for(catalog, &guard, &shelf, facts.max_batch);
    let ordering = ordering.map(|port| Arc::new(Guarded::new(port, &guard)) as Arc<dyn Ordering>);
    let refunds = refunds.map(|port| Arc::new(Guarded::new(port, &guard)) as Arc<dyn Refunds>);
    let authoring = authoring.map(|port| Arc::new(Guarded::new(port, &guard)) as Arc<dyn Authoring>);
    let sectioning = sectioning.map(|port| Arc::new(Guarded::new(port, &guard)) as Arc<dyn Sectioning>);
    let back_office = back_office.map(|port| Arc::new(Guarded::new(port, &guard)) as Arc<dyn BackOffice>);
    Source {
        id,
        vendor,
        institution,
        environment,
        time_zone,
        currency,
        facts,
        health: pulse,
        catalog,
        // What is sold or given back is free no longer, or again.
        ordering: ordering.map(|port| Arc::new(Forgetful::new(shelf.source(), &cache, port)) as _),
        hold_extension: hold_extension.map(|port| Arc::new(Guarded::new(port, &guard)) as _),
        refunds: refunds.map(|port| Arc::new(Forgetful::new(shelf.source(), &cache, port)) as _),
        admissions: admissions.map(|port| Arc::new(Guarded::new(port, &guard)) as _),
        // A person asks what is wrong with a set-up: the breaker's word would hide it, and each line tells its own failure.
        accounts,
        // What was edited is another event than the one that is remembered.
        authoring: authoring.map(|port| Arc::new(Forgetful::new(shelf.source(), &cache, port)) as _),
        sectioning: sectioning.map(|port| Arc::new(Forgetful::new(shelf.source(), &cache, port)) as _),
        back_office: back_office.map(|port| Arc::new(Forgetful::new(shelf.source(), &cache, port)) as _),
    }
}

/// The layers of a catalogue, from the vendor outwards.
fn care_for(vendor: Arc<dyn Catalog>, guard: &Arc<Guard>, shelf: &Shelf, max_batch: usize) -> Arc<dyn Catalog> {
    let source = shelf.source().clone();
    let guarded = Arc::new(Layered(Guarded::new(vendor, guard)));
    let cut = Arc::new(Layered(Cut::new(source.clone(), guarded, max_batch)));
    let far = Arc::new(Layered(Far::new(shelf.clone(), cut)));
    let coalesced = Coalesced::new(source, far, Arc::clone(shelf.marks()), shelf.tasks().clone());
    Arc::new(Layered(Near::new(shelf.clone(), Arc::new(Layered(coalesced)))))
}
