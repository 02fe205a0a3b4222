//! A staff credential, and pages of staff credentials.

use std::sync::Arc;

use async_graphql::{Context, ID, Object, SimpleObject};
use catalog::{AdmissionTokenPage, Sourced, SourcedEvent};
use domain::admissions;
use domain::error::VendorError;
use domain::source;
use secrecy::ExposeSecret as _;

use crate::graphql::base::ctx::Ctx;
use crate::graphql::base::error::{ApiError, or_add_error};
use crate::graphql::base::id;
use crate::graphql::base::loaders::EventByKey;
use crate::graphql::base::page::PageInfo;
use crate::graphql::base::scalars::int;
use crate::graphql::base::viewer::Scope;
use crate::graphql::topics::admissions::mutation::Admission;
use crate::graphql::topics::catalog::{Event, Section};
use crate::graphql::topics::problem::Problem;
use crate::graphql::topics::sources::{ExternalRef, Source};

/// A STAFF credential that lets its bearer redeem tickets in its sections. It is not a visitor's ticket or barcode.
#[derive(Clone)]
pub struct AdmissionToken {
    source: Arc<source::Source>,
    token: Arc<admissions::AdmissionToken>,
    event: Option<SourcedEvent>,
}

impl AdmissionToken {
    /// Creates a token whose event is not loaded yet.
    pub fn without_event(source: Arc<source::Source>, token: Arc<admissions::AdmissionToken>) -> Self {
        Self { source, token, event: None }
    }

    /// Creates a token of an event that is already loaded.
    pub fn of(event: &SourcedEvent, token: &Arc<admissions::AdmissionToken>) -> Self {
        Self { source: Arc::clone(&event.source), token: Arc::clone(token), event: Some(event.clone()) }
    }

    async fn load_event(&self, ctx: &Ctx) -> Result<SourcedEvent, VendorError> {
        match &self.event {
            Some(event) => Ok(event.clone()),
            None => {
                let key = Sourced::new(Arc::clone(&self.source), self.token.event.clone());
                ctx.loaders.load(EventByKey(key)).await
            }
        }
    }
}

/// A STAFF credential that lets its bearer redeem tickets in its sections. It is not a visitor's ticket or barcode.
#[Object]
impl AdmissionToken {
    /// Global id of the token. Opaque.
    pub async fn id(&self) -> ID {
        id::admission_token_id(&self.source.id, &self.token.key)
    }

    /// The source that issued the token.
    async fn source(&self) -> Source {
        Source(Arc::clone(&self.source))
    }

    /// The event of the gate.
    async fn event(&self, ctx: &Context<'_>) -> Result<Event, ApiError> {
        Ok(Event(self.load_event(Ctx::of(ctx)).await?))
    }

    /// True if the token covers all sections. Such a token cannot be changed or revoked.
    async fn is_global(&self) -> bool {
        self.token.is_global
    }

    /// The sections that the token covers, without those that the event no longer has.
    async fn sections(&self, ctx: &Context<'_>) -> Vec<Section> {
        let event = self.load_event(Ctx::of(ctx)).await;
        or_add_error(
            ctx,
            event.map(|event| {
                let mut sections = Section::list(&event);
                sections.retain(|section| self.token.sections.contains(&section.section.key));
                sections
            }),
        )
    }

    /// The bearer's secret. Null unless the viewer has the scope `admission:secret`.
    async fn code(&self, ctx: &Context<'_>) -> Option<&str> {
        let can_see = Ctx::of(ctx).viewer.has_scope(Scope::AdmissionSecret);
        can_see.then(|| self.token.code.expose_secret())
    }

    /// The admissions of the event that the bearer may see. Empty, with an error on this field, if the source could not
    /// be read.
    async fn admissions(&self, ctx: &Context<'_>) -> Vec<Admission> {
        let app = Ctx::of(ctx);
        let admissions = app.catalog().list_admissions(&self.source, &self.token).await;
        let event = self.load_event(app).await.ok();
        or_add_error(ctx, admissions.map(|admissions| Admission::list(&self.source, event.as_ref(), admissions)))
    }

    /// The vendor's own identifiers.
    async fn external_refs(&self) -> Vec<ExternalRef> {
        ExternalRef::list(&self.source, &self.token.refs)
    }
}

/// A page of admission tokens.
#[derive(SimpleObject)]
pub struct AdmissionTokenConnection {
    /// The tokens with their cursors.
    pub edges: Vec<AdmissionTokenEdge>,
    /// The tokens, the global one first.
    pub nodes: Vec<AdmissionToken>,
    /// Paging information.
    pub page_info: PageInfo,
    /// Total number of tokens, if the source reports it.
    pub total_count: Option<i32>,
    /// The failure of the source, if it could not be read.
    pub problems: Vec<Problem>,
}

/// An admission token with its cursor.
#[derive(SimpleObject)]
pub struct AdmissionTokenEdge {
    /// The cursor of the token.
    pub cursor: String,
    /// The token.
    pub node: AdmissionToken,
}

impl AdmissionTokenConnection {
    /// Creates a page of an event's tokens.
    pub fn new(event: &SourcedEvent, slice: &AdmissionTokenPage) -> Self {
        let nodes: Vec<_> = slice.tokens.iter().map(|token| AdmissionToken::of(event, token)).collect();
        let edges: Vec<_> = (0..)
            .zip(&nodes)
            .map(|(index, node)| AdmissionTokenEdge { cursor: slice.cursor(index).encode(), node: node.clone() })
            .collect();
        let page_info = PageInfo {
            has_next_page: slice.has_next,
            has_previous_page: slice.offset > 0,
            start_cursor: edges.first().map(|edge| edge.cursor.clone()),
            end_cursor: edges.last().map(|edge| edge.cursor.clone()),
        };
        let total_count = slice.total.map(int);
        Self { edges, nodes, page_info, total_count, problems: Vec::new() }
    }

    /// Creates an empty page with the problems that explain it, if any.
    pub fn empty(problems: Vec<Problem>) -> Self {
        let page_info =
            PageInfo { has_next_page: false, has_previous_page: false, start_cursor: None, end_cursor: None };
        Self { edges: Vec::new(), nodes: Vec::new(), page_info, total_count: None, problems }
    }
}
