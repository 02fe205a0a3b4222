//! A ticket type of an event.

use std::sync::Arc;

use async_graphql::{Enum, ID, Object};
use domain::catalog;
use domain::source;
use domain::text::LocalizedText;

use crate::graphql::base::id;
use crate::graphql::base::scalars::{Locale, int};
use crate::graphql::topics::catalog::money::Price;
use crate::graphql::topics::catalog::section::Section;
use crate::graphql::topics::sources::{ExternalRef, Source};

/// The audience of a ticket type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(name = "Audience", remote = "catalog::Audience")]
pub enum AudienceEnum {
    /// Adults.
    Adult,
    /// Children.
    Child,
    /// Young people.
    Youth,
    /// Infants.
    Infant,
    /// Senior citizens.
    Senior,
    /// Students.
    Student,
    /// A family with one ticket.
    Family,
    /// Members of the venue.
    Member,
    /// Groups.
    Group,
    /// Any other audience, or unspecified.
    Other,
}

/// A ticket type, referenced without a copy of its data.
#[derive(Clone)]
enum TicketTypeRef {
    InList(Arc<Vec<catalog::TicketType>>, usize),
    Single(Arc<catalog::TicketType>),
}

/// A ticket type of an event.
#[derive(Clone)]
pub struct TicketType {
    pub(in crate::graphql) source: Arc<source::Source>,
    reference: TicketTypeRef,
}

impl TicketType {
    /// Creates a ticket type from its position in the source's list.
    pub fn in_list(source: Arc<source::Source>, list: &Arc<Vec<catalog::TicketType>>, index: usize) -> Self {
        Self { source, reference: TicketTypeRef::InList(Arc::clone(list), index) }
    }

    /// Creates all ticket types of the source's list.
    pub fn list(source: &Arc<source::Source>, list: &Arc<Vec<catalog::TicketType>>) -> Vec<Self> {
        (0..list.len()).map(|index| Self::in_list(Arc::clone(source), list, index)).collect()
    }

    /// Creates a ticket type that was embedded in another response.
    pub fn single(source: Arc<source::Source>, kind: &Arc<catalog::TicketType>) -> Self {
        Self { source, reference: TicketTypeRef::Single(Arc::clone(kind)) }
    }

    pub(in crate::graphql) fn inner(&self) -> &catalog::TicketType {
        match &self.reference {
            TicketTypeRef::InList(list, index) => &list[*index],
            TicketTypeRef::Single(kind) => kind,
        }
    }

    pub(in crate::graphql) fn restricted_to(&self) -> Option<Section> {
        let kind = self.inner();
        kind.section.as_ref().map(|section| Section {
            source: Arc::clone(&self.source),
            event: kind.event.clone(),
            section: section.clone(),
        })
    }
}

/// Returns the text in the requested language, or the closest available.
pub(super) fn localized(text: &LocalizedText, locale: Option<Locale>) -> String {
    text.resolve(locale.as_ref().map(|locale| &locale.0)).to_owned()
}

/// A ticket type of an event. The same type on two events is two ticket types, because their prices differ.
#[Object]
impl TicketType {
    /// Global id of the ticket type. Opaque.
    pub async fn id(&self) -> ID {
        id::ticket_type_id(&self.source.id, &self.inner().event, &self.inner().key)
    }

    /// The source that sells it.
    async fn source(&self) -> Source {
        Source(Arc::clone(&self.source))
    }

    /// The vendor's own identifiers.
    async fn external_refs(&self) -> Vec<ExternalRef> {
        ExternalRef::list(&self.source, &self.inner().refs)
    }

    /// The name.
    async fn name(&self, #[graphql(desc = "The preferred language.")] locale: Option<Locale>) -> String {
        localized(&self.inner().name, locale)
    }

    /// The description.
    async fn description(&self, #[graphql(desc = "The preferred language.")] locale: Option<Locale>) -> Option<String> {
        self.inner().description.as_ref().map(|text| localized(text, locale))
    }

    /// The audience.
    async fn audience(&self) -> AudienceEnum {
        self.inner().audience.into()
    }

    /// Minimum age.
    async fn min_age(&self) -> Option<i32> {
        self.inner().min_age.map(int)
    }

    /// Maximum age.
    async fn max_age(&self) -> Option<i32> {
        self.inner().max_age.map(int)
    }

    /// Number of people admitted by one ticket. A family ticket admits several.
    async fn admits(&self) -> i32 {
        int(self.inner().admits)
    }

    /// The section that the ticket type is restricted to, if any.
    async fn section(&self) -> Option<Section> {
        self.restricted_to()
    }

    /// The regular price. An offer of a performance may have another price.
    async fn price(&self) -> Option<Price> {
        self.inner().price.as_ref().map(|price| Price::of(&self.source, price))
    }

    /// Smallest quantity per order.
    async fn min_per_order(&self) -> Option<i32> {
        self.inner().min_per_order.map(int)
    }

    /// Largest quantity per order.
    async fn max_per_order(&self) -> Option<i32> {
        self.inner().max_per_order.map(int)
    }
}
