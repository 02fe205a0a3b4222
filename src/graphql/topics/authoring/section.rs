//! Sections of an event, each with one price, for sources that sell by section.

use async_graphql::{Context, ID, InputObject, Object};
use catalog::{InvalidArgument, Sourced};
use domain::authoring::{NewSection, SectionChange, SectionEdit};
use domain::ids::{EventKey, SectionKey};
use domain::money::Money;
use edits::Edit;

use crate::graphql::base::ctx::Ctx;
use crate::graphql::base::error::ApiError;
use crate::graphql::base::id::{GlobalId, find_sourced};
use crate::graphql::base::scalars::DateTime;
use crate::graphql::base::viewer::Scope;
use crate::graphql::topics::authoring::mutation::{MutationResult, make_edit, require_event_write};
use crate::graphql::topics::authoring::schedule::parse_count;
use crate::graphql::topics::editing::InvalidInput;
use crate::graphql::topics::orders::MoneyInput;

/// A section of the venue.
#[derive(InputObject)]
pub(super) struct SectionInput {
    /// The name.
    name: String,
    /// Number of places.
    capacity: i32,
    /// The price of one place.
    price: MoneyInput,
    /// Start of sales. If omitted, sales start immediately.
    sales_start: Option<DateTime>,
    /// End of sales (exclusive). If omitted, sales end with the event.
    sales_end: Option<DateTime>,
}

/// Input of `addEventSection`.
#[derive(InputObject)]
pub(super) struct AddEventSectionInput {
    /// Client-chosen idempotency key. A request with a key that was used before has no further effect.
    idempotency_key: ID,
    /// The event.
    event: ID,
    /// The section.
    section: SectionInput,
}

/// Input of `updateEventSection`. Omitted fields are not changed.
#[derive(InputObject)]
pub(super) struct UpdateEventSectionInput {
    /// Client-chosen idempotency key. A request with a key that was used before has no further effect.
    idempotency_key: ID,
    /// The section.
    section: ID,
    /// The name.
    name: Option<String>,
    /// Number of places; not below the number sold.
    capacity: Option<i32>,
    /// The price of one place.
    price: Option<MoneyInput>,
    /// Start of sales.
    sales_start: Option<DateTime>,
    /// End of sales (exclusive).
    sales_end: Option<DateTime>,
}

/// Input of `removeEventSection`.
#[derive(InputObject)]
pub(super) struct RemoveEventSectionInput {
    /// Client-chosen idempotency key. A request with a key that was used before has no further effect.
    idempotency_key: ID,
    /// The section.
    section: ID,
}

fn parse_price(price: MoneyInput, path: &[&str]) -> Result<Money, InvalidInput> {
    let price = Money::from(price);
    if price.amount < 0 { Err(InvalidInput::at(&[path, &["price"]].concat())) } else { Ok(price) }
}

impl SectionInput {
    /// Converts the input. `path` is its position in the whole input, for problems.
    pub(super) fn into_new_section(self, path: &[&str]) -> Result<NewSection, InvalidInput> {
        let invalid = |field: &'static str| InvalidInput::at(&[path, &[field]].concat());
        if self.name.trim().is_empty() {
            return Err(invalid("name"));
        }
        if self.sales_start.as_ref().zip(self.sales_end.as_ref()).is_some_and(|(from, to)| to.at < from.at) {
            return Err(invalid("salesEnd"));
        }
        Ok(NewSection {
            name: self.name,
            capacity: u32::try_from(self.capacity).map_err(|_| invalid("capacity"))?,
            price: Some(parse_price(self.price, path)?),
            sales_start: self.sales_start.map(|at| at.at),
            sales_end: self.sales_end.map(|at| at.at),
        })
    }
}

impl UpdateEventSectionInput {
    fn into_section_edit(self, key: SectionKey) -> Result<SectionEdit, InvalidInput> {
        if self.name.as_ref().is_some_and(|name| name.trim().is_empty()) {
            return Err(InvalidInput::at(&["name"]));
        }
        let change = SectionChange {
            name: self.name,
            capacity: parse_count(self.capacity, &["capacity"])?,
            price: self.price.map(|input| parse_price(input, &[])).transpose()?,
            sales_start: self.sales_start.map(|at| at.at),
            sales_end: self.sales_end.map(|at| at.at),
        };
        Ok(SectionEdit::Change(key, change))
    }
}

/// Mutations of sections.
#[derive(Default)]
pub struct SectionMutation;

/// Mutations of sections. All require the scope `event:write`.
#[Object]
impl SectionMutation {
    /// Adds a section.
    async fn add_event_section(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The section.")] input: AddEventSectionInput,
    ) -> MutationResult {
        let (ctx, event, key) = require_event_write(ctx, &input.event, &input.idempotency_key)?;
        let section = input.section.into_new_section(&["section"]).map(SectionEdit::Add);
        make_section_edit(ctx, ("addEventSection", &key), &event, section).await
    }

    /// Updates the given fields of a section. Omitted fields are not changed.
    async fn update_event_section(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The change.")] input: UpdateEventSectionInput,
    ) -> MutationResult {
        let (ctx, event, section) = require_section_write(ctx, &input.section)?;
        let key = input.idempotency_key.clone();
        make_section_edit(ctx, ("updateEventSection", &key), &event, input.into_section_edit(section)).await
    }

    /// Removes a section that has no sold tickets.
    async fn remove_event_section(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The section.")] input: RemoveEventSectionInput,
    ) -> MutationResult {
        let (ctx, event, section) = require_section_write(ctx, &input.section)?;
        let edit = Ok(SectionEdit::Remove(section));
        make_section_edit(ctx, ("removeEventSection", &input.idempotency_key), &event, edit).await
    }
}

/// Checks the scope and decodes a section id to its event and section.
fn require_section_write<'c>(ctx: &Context<'c>, id: &ID) -> Result<(&'c Ctx, Sourced<EventKey>, SectionKey), ApiError> {
    let ctx = Ctx::of(ctx);
    ctx.require(Scope::EventWrite)?;
    let found = match GlobalId::decode(id) {
        Some(GlobalId::Section(source, event, section)) => {
            find_sourced(ctx.catalog(), &source, event).map(|event| (ctx, event, section))
        }
        _ => None,
    };
    found.ok_or_else(|| InvalidArgument::new("input.section", "the id of a section").into())
}

async fn make_section_edit(
    ctx: &Ctx,
    name: (&'static str, &ID),
    event: &Sourced<EventKey>,
    change: Result<SectionEdit, InvalidInput>,
) -> MutationResult {
    make_edit(ctx, name, event, change.map(|change| Edit::Section(event.value.clone(), change))).await
}
