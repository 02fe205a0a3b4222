//! `@defer`: which fragments are delivered after the initial response (GraphQL incremental delivery).
//!
//! The rules of validation are those of graphql-js 17: DeferStreamDirectiveLabelRule, DeferStreamDirectiveOnRootFieldRule
//! and DeferStreamDirectiveOnValidOperationsRule.

use std::collections::HashSet;

use apollo_compiler::Node;
use apollo_compiler::ast::Value as Literal;
use apollo_compiler::executable::{Directive, ExecutableDocument, OperationType, Selection, SelectionSet};
use async_graphql::{Pos, ServerError};

use crate::graphql::base::error::ErrorCode;
use crate::graphql::operation::lowering::LoweredOperation;

/// Name of the directive.
pub const DEFER: &str = "defer";

/// Identifies a fragment in a document that is in memory.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct FragmentId(usize);

impl FragmentId {
    pub(super) fn of(fragment: &Selection) -> Self {
        Self(std::ptr::from_ref(fragment).addr())
    }
}

/// A fragment with `@defer`.
pub(super) struct DeferredFragment {
    /// The fragment.
    pub(super) id: FragmentId,
    /// Its label.
    pub(super) label: Option<String>,
}

/// A query that is delivered in several payloads.
pub struct DeferredOperation {
    /// The fields outside of deferred fragments.
    pub initial: LoweredOperation,
    /// One operation for each deferred fragment: its fields, and the fields that lead to them.
    pub fragments: Vec<DeferredPart>,
}

/// A deferred fragment as an operation of its own.
pub struct DeferredPart {
    /// Label of the fragment.
    pub label: Option<String>,
    /// Response keys that lead to the objects with the fragment. The root has none.
    pub roots: Vec<Vec<String>>,
    /// The fields of the fragment, and the fields that lead to them.
    pub operation: LoweredOperation,
}

/// Returns true if any fragment of the document has `@defer`, or the errors of its use.
pub(super) fn check(document: &ExecutableDocument) -> Result<bool, Vec<ServerError>> {
    let mut rules = Rules { document, labels: HashSet::new(), errors: Vec::new(), is_used: false };
    for fragment in document.fragments.values() {
        rules.labels_in(&fragment.selection_set);
    }
    for operation in document.operations.iter() {
        rules.labels_in(&operation.selection_set);
    }
    if rules.is_used {
        for operation in document.operations.iter() {
            if operation.operation_type != OperationType::Query {
                let is_subscription = operation.operation_type == OperationType::Subscription;
                rules.placement_in(&operation.selection_set, is_subscription, true, &mut HashSet::new());
            }
        }
    }
    if rules.errors.is_empty() { Ok(rules.is_used) } else { Err(rules.errors) }
}

struct Rules<'a> {
    document: &'a ExecutableDocument,
    labels: HashSet<&'a str>,
    errors: Vec<ServerError>,
    is_used: bool,
}

impl<'a> Rules<'a> {
    /// Checks that labels are texts of the document and unique in it.
    fn labels_in(&mut self, set: &'a SelectionSet) {
        for selection in &set.selections {
            if let Some(directive) = selection.directives().get(DEFER) {
                self.is_used = true;
                match directive.specified_argument_by_name("label").map(AsRef::as_ref) {
                    Some(Literal::String(label)) if !self.labels.insert(label) => {
                        self.refuse(directive, "Value for arguments 'label' of @defer must be unique across all Defer/Stream directive usages.".to_owned());
                    }
                    Some(Literal::Variable(_)) => {
                        self.refuse(directive, "Argument \"@defer(label:)\" must be a static string.".to_owned());
                    }
                    _ => {}
                }
            }
            match selection {
                Selection::Field(field) => self.labels_in(&field.selection_set),
                Selection::InlineFragment(inline) => self.labels_in(&inline.selection_set),
                Selection::FragmentSpread(_) => {}
            }
        }
    }

    /// Refuses `@defer` on the root of a mutation, and in a subscription unless it can be switched off.
    fn placement_in(
        &mut self,
        set: &'a SelectionSet,
        is_subscription: bool,
        at_root: bool,
        seen: &mut HashSet<(&'a str, bool)>,
    ) {
        for selection in &set.selections {
            if let Some(directive) = selection.directives().get(DEFER) {
                if at_root {
                    self.refuse(
                        directive,
                        format!(
                            "Defer directive cannot be used on root {} type \"{}\".",
                            if is_subscription { "subscription" } else { "mutation" },
                            set.ty
                        ),
                    );
                } else if is_subscription && !can_be_off(directive) {
                    self.refuse(directive, "Defer directive not supported on subscription operations. Disable `@defer` by setting the `if` argument to `false`.".to_owned());
                }
            }
            match selection {
                Selection::Field(field) => self.placement_in(&field.selection_set, is_subscription, false, seen),
                Selection::InlineFragment(inline) => {
                    self.placement_in(&inline.selection_set, is_subscription, at_root, seen);
                }
                Selection::FragmentSpread(spread) => {
                    let fragment = self.document.fragments.get(&spread.fragment_name);
                    let fragment = fragment.filter(|fragment| seen.insert((fragment.name.as_str(), at_root)));
                    if let Some(fragment) = fragment {
                        self.placement_in(&fragment.selection_set, is_subscription, at_root, seen);
                    }
                }
            }
        }
    }

    fn refuse(&mut self, directive: &Node<Directive>, message: String) {
        let position = directive.line_column_range(&self.document.sources).map(|range| range.start);
        let position = position.map(|at| Pos { line: at.line, column: at.column });
        self.errors.push(ErrorCode::GraphqlValidationFailed.server_error(message, position));
    }
}

/// Returns true if the fragment is not, or may be not deferred.
fn can_be_off(directive: &Directive) -> bool {
    directive
        .specified_argument_by_name("if")
        .is_some_and(|value| matches!(value.as_ref(), Literal::Variable(_) | Literal::Boolean(false)))
}
