//! The parts of the place of an event, each sold at one price: for sources that sell by section.

use async_graphql::{Context, ID, InputObject, Object};

use crate::graphql::authoring::mutation::{Told, edit, editor};
use crate::graphql::authoring::schedule::count;
use crate::graphql::ctx::Ctx;
use crate::graphql::editing::Wrong;
use crate::graphql::error::Fault;
use crate::graphql::id::{GlobalId, sourced};
use crate::graphql::orders::MoneyInput;
use crate::graphql::scalars::DateTime;
use crate::graphql::viewer::Scope;
use catalog::{RequestError, Sourced};
use domain::authoring::{NewSection, SectionChange, SectionEdit};
use domain::ids::{EventKey, SectionKey};
use domain::money::Money;
use edits::Edit;

/// A part of the place.
#[derive(InputObject)]
pub struct SectionInput {
    /// The name.
    name: String,
    /// Its places.
    capacity: i32,
    /// What a place costs.
    price: MoneyInput,
    /// Not sold before; without it, sold from now on.
    sales_start: Option<DateTime>,
    /// Not sold at or after; without it, sold until the event is over.
    sales_end: Option<DateTime>,
}

/// One section more.
#[derive(InputObject)]
pub struct AddEventSectionInput {
    /// Chosen by the client; the same key repeats nothing.
    idempotency_key: ID,
    /// The event.
    event: ID,
    /// The section.
    section: SectionInput,
}

/// A change of a section. What is left out stays.
#[derive(InputObject)]
pub struct UpdateEventSectionInput {
    /// Chosen by the client; the same key repeats nothing.
    idempotency_key: ID,
    /// The section.
    section: ID,
    /// The name.
    name: Option<String>,
    /// Its places; not below what was sold.
    capacity: Option<i32>,
    /// What a place costs.
    price: Option<MoneyInput>,
    /// Not sold before.
    sales_start: Option<DateTime>,
    /// Not sold at or after.
    sales_end: Option<DateTime>,
}

/// One section less.
#[derive(InputObject)]
pub struct RemoveEventSectionInput {
    /// Chosen by the client; the same key repeats nothing.
    idempotency_key: ID,
    /// The section.
    section: ID,
}

fn price(price: MoneyInput, path: &[&str]) -> Result<Money, Wrong> {
    let price = Money::from(price);
    if price.amount < 0 { Err(Wrong::at(&[path, &["price"]].concat())) } else { Ok(price) }
}

impl SectionInput {
    /// Reads the input; `path` is where it stands.
    pub fn read(self, path: &[&str]) -> Result<NewSection, Wrong> {
        let wrong = |field: &'static str| Wrong::at(&[path, &[field]].concat());
        if self.name.trim().is_empty() {
            return Err(wrong("name"));
        }
        if self.sales_start.as_ref().zip(self.sales_end.as_ref()).is_some_and(|(from, to)| to.at < from.at) {
            return Err(wrong("salesEnd"));
        }
        Ok(NewSection {
            name: self.name,
            capacity: u32::try_from(self.capacity).map_err(|_| wrong("capacity"))?,
            price: Some(price(self.price, path)?),
            sales_start: self.sales_start.map(|at| at.at),
            sales_end: self.sales_end.map(|at| at.at),
        })
    }
}

impl UpdateEventSectionInput {
    fn read(self, key: SectionKey) -> Result<SectionEdit, Wrong> {
        if self.name.as_ref().is_some_and(|name| name.trim().is_empty()) {
            return Err(Wrong::at(&["name"]));
        }
        let change = SectionChange {
            name: self.name,
            capacity: count(self.capacity, &["capacity"])?,
            price: self.price.map(|told| price(told, &[])).transpose()?,
            sales_start: self.sales_start.map(|at| at.at),
            sales_end: self.sales_end.map(|at| at.at),
        };
        Ok(SectionEdit::Change(key, change))
    }
}

/// Editing sections.
#[derive(Default)]
pub struct SectionMutation;

/// Editing sections. All need the scope `event:write`.
#[Object]
impl SectionMutation {
    /// Adds a section.
    async fn add_event_section(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The section.")] input: AddEventSectionInput,
    ) -> Told {
        let (ctx, event, key) = editor(ctx, &input.event, &input.idempotency_key)?;
        let section = input.section.read(&["section"]).map(SectionEdit::Add);
        section_edit(ctx, ("addEventSection", &key), &event, section).await
    }

    /// Changes what is named of a section; everything else stays.
    async fn update_event_section(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The change.")] input: UpdateEventSectionInput,
    ) -> Told {
        let (ctx, event, section) = sectioner(ctx, &input.section)?;
        let key = input.idempotency_key.clone();
        section_edit(ctx, ("updateEventSection", &key), &event, input.read(section)).await
    }

    /// Removes a section of which no tickets were sold.
    async fn remove_event_section(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The section.")] input: RemoveEventSectionInput,
    ) -> Told {
        let (ctx, event, section) = sectioner(ctx, &input.section)?;
        let edit = Ok(SectionEdit::Remove(section));
        section_edit(ctx, ("removeEventSection", &input.idempotency_key), &event, edit).await
    }
}

/// A viewer who may edit, the event, and its section.
fn sectioner<'c>(ctx: &Context<'c>, id: &ID) -> Result<(&'c Ctx, Sourced<EventKey>, SectionKey), Fault> {
    let ctx = Ctx::of(ctx);
    ctx.require(Scope::EventWrite)?;
    let found = match GlobalId::decode(id) {
        Some(GlobalId::Section(source, event, section)) => {
            sourced(ctx.federation(), &source, event).map(|event| (ctx, event, section))
        }
        _ => None,
    };
    found.ok_or_else(|| RequestError::new("input.section", "the id of a section").into())
}

async fn section_edit(
    ctx: &Ctx,
    name: (&'static str, &ID),
    event: &Sourced<EventKey>,
    change: Result<SectionEdit, Wrong>,
) -> Told {
    edit(ctx, name, event, change.map(|change| Edit::Section(event.value.clone(), change))).await
}
