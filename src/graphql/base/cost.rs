//! Cost estimation: the largest number of source calls that an operation can cause, computed before execution.
//!
//! Levels below a list are fetched in bulk, so a level costs one call per source and batch of rows. The estimate
//! assumes that nothing is cached.

use async_graphql_parser::types::{Field, OperationDefinition, OperationType, Selection, SelectionSet};
use async_graphql_value::Value;
use catalog::{DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE, UnifiedCatalog};

use crate::graphql::operation::ServedSchema;

/// Steps of an order at one source: check, hold and confirm.
const CALLS_PER_WRITE: u64 = 3;

/// The number of source calls of a field.
#[derive(Clone, Copy)]
enum CallCost {
    /// One call per source.
    EachSource,
    /// Bulk calls for all rows of the field.
    Bulk,
    /// One call.
    Once,
    /// Every step of an order, at each source.
    Write,
}

fn call_cost(owner: &str, field: &str) -> Option<CallCost> {
    match (owner, field) {
        ("Query", "events") => Some(CallCost::EachSource),
        ("Query", "event" | "admissionToken" | "node" | "nodes" | "_entities")
        | ("Event", "ticketTypes" | "performances" | "calendar" | "admissionTokens")
        | ("Performance" | "AdmissionToken", "event")
        | ("Performance", "availability")
        | ("StatementPart", "eventTitle" | "ticketTypeName")
        | ("Subscription", "availabilityChanged") => Some(CallCost::Bulk),
        ("Query", "reconciliation") => Some(CallCost::Once),
        ("Mutation", _) => Some(CallCost::Write),
        _ => None,
    }
}

/// Returns the number of calls to one source that the field itself causes, as published in the subgraph, or `None` if
/// it causes none.
pub(in crate::graphql) fn cost_weight(owner: &str, field: &str) -> Option<u64> {
    call_cost(owner, field).map(|price| match price {
        CallCost::EachSource | CallCost::Bulk | CallCost::Once => 1,
        CallCost::Write => CALLS_PER_WRITE,
    })
}

/// Estimates the cost of operations for one set of sources.
pub struct CostEstimator {
    schema: ServedSchema,
    sources: u64,
    batch: u64,
}

impl CostEstimator {
    /// Creates an estimator for these sources.
    pub fn new(schema: ServedSchema, catalog: &UnifiedCatalog) -> Self {
        let batches = catalog.sources().iter().map(|source| source.traits.max_batch.max(1) as u64);
        Self { schema, sources: catalog.sources().len().max(1) as u64, batch: batches.min().unwrap_or(1) }
    }

    /// Returns the largest number of source calls that a lowered operation can cause.
    pub fn estimate_calls(&self, operation: &OperationDefinition) -> u64 {
        self.selection_set(&operation.selection_set.node, root_type(operation), 1)
    }

    /// Returns the complexity of a lowered operation: the fields of its response if every page is full.
    pub fn estimate_complexity(&self, operation: &OperationDefinition) -> u64 {
        let root = root_type(operation);
        self.complexity(&operation.selection_set.node, root)
    }

    fn complexity(&self, set: &SelectionSet, owner: &str) -> u64 {
        set.items.iter().fold(0, |fields, item| {
            fields.saturating_add(match &item.node {
                Selection::Field(field) => {
                    let kind = self.schema.field_type(owner, field.node.name.node.as_str()).unwrap_or_default();
                    let inner = self.complexity(&field.node.selection_set.node, kind);
                    row_count(&field.node, kind).saturating_mul(inner).saturating_add(1)
                }
                Selection::InlineFragment(inline) => {
                    let on = inline.node.type_condition.as_ref().map_or(owner, |on| on.node.on.node.as_str());
                    self.complexity(&inline.node.selection_set.node, on)
                }
                // Lowering inlines named fragments.
                Selection::FragmentSpread(_) => 0,
            })
        })
    }

    fn selection_set(&self, set: &SelectionSet, owner: &str, rows: u64) -> u64 {
        set.items.iter().fold(0, |calls, item| {
            calls.saturating_add(match &item.node {
                Selection::Field(field) => self.field(&field.node, owner, rows),
                Selection::InlineFragment(inline) => {
                    let on = inline.node.type_condition.as_ref().map_or(owner, |on| on.node.on.node.as_str());
                    self.selection_set(&inline.node.selection_set.node, on, rows)
                }
                // Lowering inlines named fragments.
                Selection::FragmentSpread(_) => 0,
            })
        })
    }

    fn field(&self, field: &Field, owner: &str, rows: u64) -> u64 {
        let name = field.name.node.as_str();
        let Some(kind) = self.schema.field_type(owner, name) else { return 0 };
        let below = rows.saturating_mul(row_count(field, kind));
        let own_rows = if owner == "Query" { below } else { rows };
        let own = call_cost(owner, name).map_or(0, |price| self.calls_of(price, own_rows));
        own.saturating_add(self.selection_set(&field.selection_set.node, kind, below))
    }

    fn calls_of(&self, price: CallCost, rows: u64) -> u64 {
        match price {
            CallCost::EachSource => self.sources,
            CallCost::Bulk => rows.min(self.sources.min(rows).saturating_add(rows / self.batch)),
            CallCost::Once => 1,
            CallCost::Write => self.sources * CALLS_PER_WRITE,
        }
    }
}

fn root_type(operation: &OperationDefinition) -> &'static str {
    match operation.ty {
        OperationType::Query => "Query",
        OperationType::Mutation => "Mutation",
        OperationType::Subscription => "Subscription",
    }
}

/// Returns the number of rows of a field.
fn row_count(field: &Field, kind: &str) -> u64 {
    let argument = |name| field.get_argument(name).map(|value| &value.node);
    if let Some(keys) = ["ids", "representations"].into_iter().find_map(argument) {
        return match keys {
            Value::List(items) => items.len().max(1) as u64,
            _ => 1,
        };
    }
    if !kind.ends_with("Connection") {
        return 1;
    }
    let first = match argument("first") {
        Some(Value::Number(first)) => first.as_u64(),
        _ => None,
    };
    first.unwrap_or(DEFAULT_PAGE_SIZE as u64).clamp(1, MAX_PAGE_SIZE as u64)
}
