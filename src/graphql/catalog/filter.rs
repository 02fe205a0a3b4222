//! Which events a list shows, as a client writes it.

use std::sync::Arc;

use async_graphql::{ID, InputObject};

use crate::graphql::catalog::event::EventStatus;
use crate::graphql::ctx::Ctx;
use crate::graphql::error::Fault;
use crate::graphql::id::{GlobalId, source_argument};
use crate::graphql::scalars::LocalDate;
use crate::graphql::sources::VendorKind;
use crate::graphql::viewer::Scope;
use ::catalog::{Allowed, RequestError};
use domain::catalog;
use domain::source;

/// Which events a list shows. What is not given is not asked for; an empty list matches nothing.
#[derive(Debug, Default, InputObject)]
pub struct EventFilter {
    /// Stands in title, summary, description, venue or a category, in any language; case does not matter.
    pub text: Option<String>,
    /// Of these sources only.
    pub sources: Option<Vec<ID>>,
    /// Of these vendors only.
    pub vendors: Option<Vec<VendorKind>>,
    /// Whose run has not ended before this day, in the zone of the source.
    pub from: Option<LocalDate>,
    /// Whose run has begun by the end of this day; at most 366 days with `from`.
    pub to: Option<LocalDate>,
    /// In one of these states; without it all but DRAFT, which needs the scope `event:write`.
    pub status: Option<Vec<EventStatus>>,
    /// Private events too. Needs the scope `order:write` or `event:write`.
    #[graphql(default_with = "Some(false)")]
    pub include_private: Option<bool>,
    /// Only what this reseller may sell.
    pub reseller: Option<ID>,
}

impl EventFilter {
    /// The filter in the words of the federation; unknown ids are errors that name their argument.
    pub(super) fn read(self, ctx: &Ctx) -> Result<::catalog::EventFilter, Fault> {
        let sources: Result<Option<_>, RequestError> =
            self.sources.map(|ids| ids.iter().map(|id| source_argument("filter.sources", id)).collect()).transpose();
        let vendors = self.vendors.map(|kinds| kinds.into_iter().map(source::VendorKind::from).collect());
        let status = self.status.map(|states| states.into_iter().map(catalog::EventStatus::from).collect());
        let allowed = self.reseller.map(|id| allowed_to(ctx, &id)).transpose()?;
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
        may_list(ctx, &filter)?;
        Ok(filter)
    }
}

/// Private events are listed for who sells or edits, drafts for who edits. Who knows the id of one may read it: that is its
/// invitation.
fn may_list(ctx: &Ctx, filter: &::catalog::EventFilter) -> Result<(), Fault> {
    if filter.lists_drafts() || (filter.include_private && !ctx.viewer.may(Scope::OrderWrite)) {
        ctx.require(Scope::EventWrite)?;
    }
    Ok(())
}

/// What a reseller may sell. A viewer of one reseller learns nothing of the others, not even that they are there.
fn allowed_to(ctx: &Ctx, id: &ID) -> Result<Arc<Allowed>, RequestError> {
    let known = match GlobalId::decode(id) {
        Some(GlobalId::Reseller(name)) if ctx.viewer.reseller.as_ref().is_none_or(|own| *own == name) => ctx
            .services
            .partners
            .as_ref()
            .and_then(|partners| partners.find_allowed(&name))
            .map(|all| Arc::new(Allowed(all))),
        _ => None,
    };
    known.ok_or_else(|| RequestError::new("filter.reseller", "the id of a reseller"))
}
