//! Writes rows of the catalogue as JSON, straight from the facts in memory.
//!
//! The executor makes a future, a name and a value of every field; for a list of fifty events that is most of what an answer costs.
//! Here the selection is read once for the whole list and each row is then written in one walk. It is a second way to the same
//! text and holds no rule: whatever it does not know, or does not find in memory, it leaves to the executor, for the whole list. A
//! test holds both against each other over documents made at random.

mod catalog;
mod json;
mod merges;
mod selection;

use std::borrow::Cow;

use async_graphql::registry::Registry;
use async_graphql::{Context, ContextSelectionSet, OutputType, Positioned, ServerResult, Value};
use async_graphql_parser::types::Field;

use crate::graphql::ctx::Ctx;
use crate::graphql::writer::selection::{Asked, SelectionWriter};

pub use json::to_json;
pub use merges::merges;
pub use selection::{FieldWriter, Written};

/// Put into a request whose answer goes out by [`to_json`] and whose document [merges](merges()) nothing: rows may be written.
pub struct Verbatim;

/// A list whose rows may be written at once. To clients it is a list like every other.
pub struct Rows<T>(pub Vec<T>);

impl<T: Written> Rows<T> {
    /// The rows as JSON; none where the executor has to make them.
    fn write(&self, ctx: &Context<'_>) -> Option<Vec<u8>> {
        ctx.data_opt::<Verbatim>()?;
        let app = Ctx::of(ctx);
        let writer = SelectionWriter::<T>::read(&Asked::one(ctx.field()))?;
        let mut out = Vec::with_capacity(1024 * self.0.len());
        selection::write_list(&writer, &self.0, app, &mut out)?;
        Some(out)
    }
}

impl<T: Written> OutputType for Rows<T> {
    fn type_name() -> Cow<'static, str> {
        <Vec<T> as OutputType>::type_name()
    }

    fn qualified_type_name() -> String {
        <Vec<T> as OutputType>::qualified_type_name()
    }

    fn create_type_info(registry: &mut Registry) -> String {
        <Vec<T> as OutputType>::create_type_info(registry)
    }

    async fn resolve(&self, ctx: &ContextSelectionSet<'_>, field: &Positioned<Field>) -> ServerResult<Value> {
        if let Some(written) = self.write(&ctx.with_field(field)) {
            return Ok(Value::Binary(written.into()));
        }
        OutputType::resolve(&self.0, ctx, field).await
    }
}
