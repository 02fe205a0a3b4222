//! Fast path for catalog lists: writes rows as JSON directly from the facts in memory.
//!
//! The executor creates a future, a name and a value for every field, which is most of the cost of a list of fifty
//! events. Here the selection is read once for the whole list, and each row is then written in one pass.
//!
//! It contains no rules. If any part of a list is unsupported or not in memory, the whole list is left to the executor.
//! A test compares both paths over random documents.

mod catalog;
mod field_merging;
mod json;
mod selection;

use std::borrow::Cow;

use async_graphql::registry::Registry;
use async_graphql::{Context, ContextSelectionSet, OutputType, Positioned, ServerResult, Value};
use async_graphql_parser::types::Field;

use crate::graphql::base::ctx::Ctx;
use crate::graphql::json_writer::selection::{RowField, SelectionWriter};

pub use field_merging::has_merged_objects;
pub use json::{to_initial_json, to_json};
pub use selection::{FieldWriter, JsonFields};

/// Request data that enables raw JSON rows: the response is serialized by [`to_json`] and no objects of the operation
/// [need merging](has_merged_objects).
pub struct RawJson;

/// A list whose rows can be written as raw JSON. To clients it is an ordinary list.
pub struct JsonRows<T>(pub Vec<T>);

impl<T: JsonFields> JsonRows<T> {
    /// Returns the rows as JSON, or `None` if the executor must resolve them.
    fn write_json(&self, ctx: &Context<'_>) -> Option<Vec<u8>> {
        ctx.data_opt::<RawJson>()?;
        let app = Ctx::of(ctx);
        let writer = SelectionWriter::<T>::read(&RowField::new(ctx.field()))?;
        let mut out = Vec::with_capacity(1024 * self.0.len());
        selection::write_list(&writer, &self.0, app, &mut out)?;
        Some(out)
    }
}

impl<T: JsonFields> OutputType for JsonRows<T> {
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
        if let Some(written) = self.write_json(&ctx.with_field(field)) {
            return Ok(Value::Binary(written.into()));
        }
        OutputType::resolve(&self.0, ctx, field).await
    }
}
