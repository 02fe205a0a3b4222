//! A kind of ticket for an event.

use std::sync::Arc;

use async_graphql::{Enum, ID, Object};

use crate::graphql::catalog::money::Price;
use crate::graphql::catalog::section::Section;
use crate::graphql::id;
use crate::graphql::scalars::{Locale, int};
use crate::graphql::sources::{ExternalRef, Source};
use domain::catalog;
use domain::source;
use domain::text::Text;

/// Who a ticket is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "catalog::Audience")]
pub enum Audience {
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
    /// A family on one ticket.
    Family,
    /// Members of the venue.
    Member,
    /// Groups.
    Group,
    /// Anything else, or not told.
    Other,
}

/// How a ticket type is held: both ways without copying it.
#[derive(Clone)]
enum Held {
    Listed(Arc<Vec<catalog::TicketType>>, usize),
    Single(Arc<catalog::TicketType>),
}

/// A kind of ticket for an event.
#[derive(Clone)]
pub struct TicketType {
    pub(in crate::graphql) source: Arc<source::Source>,
    held: Held,
}

impl TicketType {
    /// The ticket type at a place of the list that its source gave.
    pub fn listed(source: Arc<source::Source>, list: &Arc<Vec<catalog::TicketType>>, place: usize) -> Self {
        Self { source, held: Held::Listed(Arc::clone(list), place) }
    }

    /// All of the list that their source gave.
    pub fn all(source: &Arc<source::Source>, list: &Arc<Vec<catalog::TicketType>>) -> Vec<Self> {
        (0..list.len()).map(|place| Self::listed(Arc::clone(source), list, place)).collect()
    }

    /// A ticket type that came with something else.
    pub fn single(source: Arc<source::Source>, kind: &Arc<catalog::TicketType>) -> Self {
        Self { source, held: Held::Single(Arc::clone(kind)) }
    }

    pub(in crate::graphql) fn kind(&self) -> &catalog::TicketType {
        match &self.held {
            Held::Listed(list, place) => &list[*place],
            Held::Single(kind) => kind,
        }
    }

    pub(in crate::graphql) fn bound_to(&self) -> Option<Section> {
        let kind = self.kind();
        kind.section.as_ref().map(|section| Section {
            source: Arc::clone(&self.source),
            event: kind.event.clone(),
            section: section.clone(),
        })
    }
}

/// A text in the language asked for, or the nearest there is.
pub(super) fn pick(text: &Text, locale: Option<Locale>) -> String {
    text.pick(locale.as_ref().map(|locale| &locale.0)).to_owned()
}

/// A kind of ticket for an event. The same kind on two events is two ticket types: its price differs.
#[Object]
impl TicketType {
    /// Names the ticket type in the whole graph. Opaque.
    pub async fn id(&self) -> ID {
        id::ticket_type_id(&self.source.id, &self.kind().event, &self.kind().key)
    }

    /// The source that sells it.
    async fn source(&self) -> Source {
        Source(Arc::clone(&self.source))
    }

    /// The vendor's own identifiers.
    async fn external_refs(&self) -> Vec<ExternalRef> {
        ExternalRef::all(&self.source, &self.kind().refs)
    }

    /// The name.
    async fn name(&self, #[graphql(desc = "The language that is wanted.")] locale: Option<Locale>) -> String {
        pick(&self.kind().name, locale)
    }

    /// More about it.
    async fn description(
        &self,
        #[graphql(desc = "The language that is wanted.")] locale: Option<Locale>,
    ) -> Option<String> {
        self.kind().description.as_ref().map(|text| pick(text, locale))
    }

    /// Who it is for.
    async fn audience(&self) -> Audience {
        self.kind().audience.into()
    }

    /// Youngest age.
    async fn min_age(&self) -> Option<i32> {
        self.kind().min_age.map(int)
    }

    /// Oldest age.
    async fn max_age(&self) -> Option<i32> {
        self.kind().max_age.map(int)
    }

    /// People admitted by one ticket; a family ticket admits several.
    async fn admits(&self) -> i32 {
        int(self.kind().admits)
    }

    /// The section it admits to, where it is bound to one.
    async fn section(&self) -> Option<Section> {
        self.bound_to()
    }

    /// The usual price; an offer of a performance may have another.
    async fn price(&self) -> Option<Price> {
        self.kind().price.as_ref().map(|price| Price::of(&self.source, price))
    }

    /// Fewest per order.
    async fn min_per_order(&self) -> Option<i32> {
        self.kind().min_per_order.map(int)
    }

    /// Most per order.
    async fn max_per_order(&self) -> Option<i32> {
        self.kind().max_per_order.map(int)
    }
}
