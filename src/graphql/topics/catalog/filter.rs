//! The filter argument of `events`.

use std::sync::Arc;

use ::catalog::{AllowedEvents, InvalidArgument};
use async_graphql::{ID, InputObject};
use domain::catalog;
use domain::source;

use crate::graphql::base::ctx::Ctx;
use crate::graphql::base::error::ApiError;
use crate::graphql::base::id::{GlobalId, parse_source_id};
use crate::graphql::base::scalars::LocalDate;
use crate::graphql::base::viewer::Scope;
use crate::graphql::topics::catalog::event::EventStatusEnum;
use crate::graphql::topics::sources::VendorKindEnum;

/// Filter of an event list. Omitted fields do not restrict the list; an empty list matches nothing.
#[derive(Debug, Default, InputObject)]
#[graphql(name = "EventFilter")]
pub struct EventFilterInput {
    /// Text in the title, summary, description, venue or a category, in any language, ignoring case.
    pub text: Option<String>,
    /// Only events of these sources.
    pub sources: Option<Vec<ID>>,
    /// Only events of these vendors.
    pub vendors: Option<Vec<VendorKindEnum>>,
    /// Only events that end on or after this day, in the source's time zone.
    pub from: Option<LocalDate>,
    /// Only events that start on or before this day; at most 366 days with `from`.
    pub to: Option<LocalDate>,
    /// Only events in these states. If omitted, all states except DRAFT. DRAFT requires the scope `event:write`.
    pub status: Option<Vec<EventStatusEnum>>,
    /// True to include private events. Requires the scope `order:write` or `event:write`.
    #[graphql(default_with = "Some(false)")]
    pub include_private: Option<bool>,
    /// Only events that this reseller may sell.
    pub reseller: Option<ID>,
}

impl EventFilterInput {
    /// Converts the filter. Unknown ids are errors that name their argument.
    pub(super) fn into_query_filter(self, ctx: &Ctx) -> Result<::catalog::EventFilter, ApiError> {
        let sources: Result<Option<_>, InvalidArgument> =
            self.sources.map(|ids| ids.iter().map(|id| parse_source_id("filter.sources", id)).collect()).transpose();
        let vendors = self.vendors.map(|vendors| vendors.into_iter().map(source::VendorKind::from).collect());
        let status = self.status.map(|states| states.into_iter().map(catalog::EventStatus::from).collect());
        let allowed = self.reseller.map(|id| find_allowed_events(ctx, &id)).transpose()?;
        let filter = ::catalog::EventFilter {
            text: self.text,
            sources: sources?,
            vendors,
            from: self.from.map(|day| day.0),
            to: self.to.map(|day| day.0),
            status,
            include_private: self.include_private.unwrap_or_default(),
            allowed,
        };
        require_list_scopes(ctx, &filter)?;
        Ok(filter)
    }
}

/// Private events are listed for viewers who sell or edit, drafts for viewers who edit. Anyone with the id of a private
/// event may read it: the id is the invitation.
fn require_list_scopes(ctx: &Ctx, filter: &::catalog::EventFilter) -> Result<(), ApiError> {
    if filter.includes_drafts() || (filter.include_private && !ctx.viewer.has_scope(Scope::OrderWrite)) {
        ctx.require(Scope::EventWrite)?;
    }
    Ok(())
}

/// Finds the events that a reseller may sell. A viewer of one reseller cannot find out whether another reseller exists.
fn find_allowed_events(ctx: &Ctx, id: &ID) -> Result<Arc<AllowedEvents>, InvalidArgument> {
    let allowed = match GlobalId::decode(id) {
        Some(GlobalId::Reseller(name)) if ctx.viewer.reseller.as_ref().is_none_or(|own| *own == name) => ctx
            .services
            .resellers
            .as_ref()
            .and_then(|resellers| resellers.find_allowed_events(&name))
            .map(|all| Arc::new(AllowedEvents(all))),
        _ => None,
    };
    allowed.ok_or_else(|| InvalidArgument::new("filter.reseller", "the id of a reseller"))
}
