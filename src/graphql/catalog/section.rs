//! A part of the place.

use std::sync::Arc;

use async_graphql::{ID, Object};

use crate::graphql::id;
use crate::graphql::scalars::int;
use crate::graphql::sources::ExternalRef;
use ::catalog::SourcedEvent;
use domain::catalog;
use domain::ids::EventKey;
use domain::source::Source;

/// A part of the place of an event: a section, a seat category, an area.
#[derive(Clone)]
pub struct Section {
    /// The source.
    pub source: Arc<Source>,
    /// The event.
    pub event: EventKey,
    /// What the source says.
    pub section: catalog::Section,
}

impl Section {
    /// All sections of an event.
    pub fn all(event: &SourcedEvent) -> Vec<Self> {
        let told = &event.value.value;
        told.sections
            .iter()
            .map(|section| Self {
                source: Arc::clone(&event.source),
                event: told.key.clone(),
                section: section.clone(),
            })
            .collect()
    }
}

/// A part of the place of an event: a section, a seat category, an area.
#[Object]
impl Section {
    /// Names the section in the whole graph. Opaque.
    pub async fn id(&self) -> ID {
        id::section_id(&self.source.id, &self.event, &self.section.key)
    }

    /// The name, in the main language of the source.
    async fn name(&self) -> &str {
        &self.section.name.main
    }

    /// Its places, where the source tells.
    async fn capacity(&self) -> Option<i32> {
        self.section.capacity.map(int)
    }

    /// The vendor's own identifiers.
    async fn external_refs(&self) -> Vec<ExternalRef> {
        ExternalRef::all(&self.source, &self.section.refs)
    }
}
