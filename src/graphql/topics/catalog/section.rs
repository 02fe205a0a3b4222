//! A section of a venue.

use std::sync::Arc;

use ::catalog::SourcedEvent;
use async_graphql::{ID, Object};
use domain::catalog;
use domain::ids::EventKey;
use domain::source::Source;

use crate::graphql::base::id;
use crate::graphql::base::scalars::int;
use crate::graphql::topics::sources::ExternalRef;

/// A part of an event's venue: a section, a seat category or an area.
#[derive(Clone)]
pub struct Section {
    /// The source.
    pub source: Arc<Source>,
    /// The event.
    pub event: EventKey,
    /// The source's data.
    pub section: catalog::Section,
}

impl Section {
    /// Returns all sections of an event.
    pub fn list(event: &SourcedEvent) -> Vec<Self> {
        let data = &event.value.value;
        data.sections
            .iter()
            .map(|section| Self {
                source: Arc::clone(&event.source),
                event: data.key.clone(),
                section: section.clone(),
            })
            .collect()
    }
}

/// A part of an event's venue: a section, a seat category or an area.
#[Object]
impl Section {
    /// Global id of the section. Opaque.
    pub async fn id(&self) -> ID {
        id::section_id(&self.source.id, &self.event, &self.section.key)
    }

    /// The name in the source's main language.
    async fn name(&self) -> &str {
        &self.section.name.main
    }

    /// Number of places, if the source reports it.
    async fn capacity(&self) -> Option<i32> {
        self.section.capacity.map(int)
    }

    /// The vendor's own identifiers.
    async fn external_refs(&self) -> Vec<ExternalRef> {
        ExternalRef::list(&self.source, &self.section.refs)
    }
}
