//! A staff credential, and pages of them.

use std::sync::Arc;

use async_graphql::{Context, ID, Object, SimpleObject};
use secrecy::ExposeSecret as _;

use crate::graphql::admissions::mutation::Admission;
use crate::graphql::catalog::{Event, Section};
use crate::graphql::ctx::Ctx;
use crate::graphql::error::{Fault, or_report};
use crate::graphql::id;
use crate::graphql::loaders::EventAt;
use crate::graphql::page::PageInfo;
use crate::graphql::problem::Problem;
use crate::graphql::scalars::int;
use crate::graphql::sources::{ExternalRef, Source};
use crate::graphql::viewer::Scope;
use catalog::{Sourced, SourcedEvent, TokenSlice};
use domain::admissions;
use domain::error::VendorError;
use domain::source;

/// A STAFF credential that lets its bearer redeem tickets in its sections. It is not a visitor's ticket or barcode.
#[derive(Clone)]
pub struct AdmissionToken {
    source: Arc<source::Source>,
    token: Arc<admissions::AdmissionToken>,
    event: Option<SourcedEvent>,
}

impl AdmissionToken {
    /// A token whose event is not at hand.
    pub fn alone(source: Arc<source::Source>, token: Arc<admissions::AdmissionToken>) -> Self {
        Self { source, token, event: None }
    }

    /// A token of this event.
    pub fn of(event: &SourcedEvent, token: &Arc<admissions::AdmissionToken>) -> Self {
        Self { source: Arc::clone(&event.source), token: Arc::clone(token), event: Some(event.clone()) }
    }

    async fn load_event(&self, ctx: &Ctx) -> Result<SourcedEvent, VendorError> {
        match &self.event {
            Some(event) => Ok(event.clone()),
            None => {
                let key = Sourced::new(Arc::clone(&self.source), self.token.event.clone());
                ctx.loaders.load(EventAt(key)).await
            }
        }
    }
}

/// A STAFF credential that lets its bearer redeem tickets in its sections. It is not a visitor's ticket or barcode.
#[Object]
impl AdmissionToken {
    /// Names the token in the whole graph. Opaque.
    pub async fn id(&self) -> ID {
        id::admission_token_id(&self.source.id, &self.token.key)
    }

    /// The source that issued it.
    async fn source(&self) -> Source {
        Source(Arc::clone(&self.source))
    }

    /// The event of the gate.
    async fn event(&self, ctx: &Context<'_>) -> Result<Event, Fault> {
        Ok(Event(self.load_event(Ctx::of(ctx)).await?))
    }

    /// Covers all sections; cannot be changed or revoked.
    async fn is_global(&self) -> bool {
        self.token.is_global
    }

    /// The sections that it covers, as far as the event still has them.
    async fn sections(&self, ctx: &Context<'_>) -> Vec<Section> {
        let event = self.load_event(Ctx::of(ctx)).await;
        or_report(
            ctx,
            event.map(|event| {
                let mut sections = Section::all(&event);
                sections.retain(|section| self.token.sections.contains(&section.section.key));
                sections
            }),
        )
    }

    /// The secret of the bearer. Null unless the viewer has the scope `admission:secret`.
    async fn code(&self, ctx: &Context<'_>) -> Option<&str> {
        let may = Ctx::of(ctx).viewer.may(Scope::AdmissionSecret);
        may.then(|| self.token.code.expose_secret())
    }

    /// Who was let in at the event, as far as the bearer may know. Empty, with an error of this field, when the source could not tell.
    async fn admissions(&self, ctx: &Context<'_>) -> Vec<Admission> {
        let ctx_here = Ctx::of(ctx);
        let told = ctx_here.federation().list_admissions(&self.source, &self.token).await;
        let event = self.load_event(ctx_here).await.ok();
        or_report(ctx, told.map(|told| Admission::all(&self.source, event.as_ref(), told)))
    }

    /// The vendor's own identifiers.
    async fn external_refs(&self) -> Vec<ExternalRef> {
        ExternalRef::all(&self.source, &self.token.refs)
    }
}

/// A page of admission tokens.
#[derive(SimpleObject)]
pub struct AdmissionTokenConnection {
    /// The tokens with their cursors.
    pub edges: Vec<AdmissionTokenEdge>,
    /// The tokens, the global one first.
    pub nodes: Vec<AdmissionToken>,
    /// Where the page stands.
    pub page_info: PageInfo,
    /// How many there are in all, where the source tells.
    pub total_count: Option<i32>,
    /// Why the source could not tell, when it could not.
    pub problems: Vec<Problem>,
}

/// An admission token in a page.
#[derive(SimpleObject)]
pub struct AdmissionTokenEdge {
    /// Where the token stands.
    pub cursor: String,
    /// The token.
    pub node: AdmissionToken,
}

impl AdmissionTokenConnection {
    /// The page of an event's tokens.
    pub fn new(event: &SourcedEvent, slice: &TokenSlice) -> Self {
        let nodes: Vec<_> = slice.tokens.iter().map(|token| AdmissionToken::of(event, token)).collect();
        let edges: Vec<_> = (0..)
            .zip(&nodes)
            .map(|(index, node)| AdmissionTokenEdge { cursor: slice.cursor(index).encode(), node: node.clone() })
            .collect();
        let page_info = PageInfo {
            has_next_page: slice.has_next,
            has_previous_page: slice.skipped > 0,
            start_cursor: edges.first().map(|edge| edge.cursor.clone()),
            end_cursor: edges.last().map(|edge| edge.cursor.clone()),
        };
        let total_count = slice.total.map(int);
        Self { edges, nodes, page_info, total_count, problems: Vec::new() }
    }

    /// No tokens, and perhaps why.
    pub fn empty(problems: Vec<Problem>) -> Self {
        let page_info =
            PageInfo { has_next_page: false, has_previous_page: false, start_cursor: None, end_cursor: None };
        Self { edges: Vec::new(), nodes: Vec::new(), page_info, total_count: None, problems }
    }
}
