//! Checks that each variable fits where it is used (GraphQL §5.8.5). apollo-compiler 1.33 compares the types of arguments only;
//! of variables within lists and input objects it knows no more than the name of the type.

use std::collections::{HashMap, HashSet};

use apollo_compiler::ast::{InputValueDefinition, Type, Value as Literal, VariableDefinition};
use apollo_compiler::executable::{Argument, DirectiveList, ExecutableDocument, Selection, SelectionSet};
use apollo_compiler::schema::ExtendedType;
use apollo_compiler::{Name, Node, Schema};
use async_graphql::{Pos, ServerError};

use crate::graphql::base::error::ErrorCode;
use crate::graphql::operation::document::MAX_ERRORS;

/// Returns an error for each variable that does not fit where it is used.
pub(super) fn check(schema: &Schema, document: &ExecutableDocument) -> Vec<ServerError> {
    let mut errors = Vec::new();
    for operation in document.operations.iter().filter(|operation| !operation.variables.is_empty()) {
        let variables = operation.variables.iter().map(|variable| (&variable.name, variable)).collect();
        let mut visitor = Visitor { schema, document, variables, visited: HashSet::new(), errors: &mut errors };
        visitor.directives(&operation.directives);
        visitor.selection_set(&operation.selection_set);
        if errors.len() >= MAX_ERRORS {
            break;
        }
    }
    errors
}

/// Visits an operation with the fragments that it uses.
struct Visitor<'a> {
    schema: &'a Schema,
    document: &'a ExecutableDocument,
    variables: HashMap<&'a Name, &'a Node<VariableDefinition>>,
    visited: HashSet<&'a Name>,
    errors: &'a mut Vec<ServerError>,
}

impl<'a> Visitor<'a> {
    fn selection_set(&mut self, set: &'a SelectionSet) {
        for selection in &set.selections {
            match selection {
                Selection::Field(field) => {
                    self.directives(&field.directives);
                    self.arguments(&field.arguments, &field.definition.arguments);
                    self.selection_set(&field.selection_set);
                }
                Selection::InlineFragment(inline) => {
                    self.directives(&inline.directives);
                    self.selection_set(&inline.selection_set);
                }
                Selection::FragmentSpread(spread) => {
                    self.directives(&spread.directives);
                    let Some(fragment) = self.document.fragments.get(&spread.fragment_name) else { continue };
                    if self.visited.insert(&spread.fragment_name) {
                        self.directives(&fragment.directives);
                        self.selection_set(&fragment.selection_set);
                    }
                }
            }
        }
    }

    fn directives(&mut self, directives: &'a DirectiveList) {
        for directive in directives {
            if let Some(definition) = self.schema.directive_definitions.get(&directive.name) {
                self.arguments(&directive.arguments, &definition.arguments);
            }
        }
    }

    fn arguments(&mut self, arguments: &'a [Node<Argument>], definitions: &'a [Node<InputValueDefinition>]) {
        for argument in arguments {
            if let Some(definition) = definitions.iter().find(|definition| definition.name == argument.name) {
                self.value(&argument.value, &definition.ty, definition.default_value.is_some());
            }
        }
    }

    /// Visits a value at a place that expects `ty`. `has_default` is true if the place has a default value.
    fn value(&mut self, literal: &'a Node<Literal>, ty: &'a Type, has_default: bool) {
        match literal.as_ref() {
            Literal::Variable(name) => self.usage(literal, name, ty, has_default),
            Literal::List(items) => items.iter().for_each(|item| self.value(item, ty.item_type(), false)),
            Literal::Object(fields) => {
                let Some(ExtendedType::InputObject(kind)) = self.schema.types.get(ty.inner_named_type()) else {
                    return;
                };
                for (field, value) in fields {
                    if let Some(definition) = kind.fields.get(field) {
                        self.value(value, &definition.ty, definition.default_value.is_some());
                    }
                }
            }
            _ => {}
        }
    }

    fn usage(&mut self, literal: &Node<Literal>, name: &Name, expected: &Type, has_default: bool) {
        let Some(variable) = self.variables.get(name) else { return };
        if self.errors.len() >= MAX_ERRORS || is_allowed(variable, expected, has_default) {
            return;
        }
        let range = literal.line_column_range(&self.document.sources);
        let position = range.map(|range| Pos { line: range.start.line, column: range.start.column });
        let message =
            format!("variable `${name}` of type `{}` cannot be used where `{expected}` is expected", variable.ty);
        self.errors.push(ErrorCode::GraphqlValidationFailed.server_error(message, position));
    }
}

/// IsVariableUsageAllowed (GraphQL §5.8.5). A default other than null makes up for a type that may be null.
fn is_allowed(variable: &VariableDefinition, expected: &Type, has_default: bool) -> bool {
    let has_value = variable.default_value.as_ref().is_some_and(|default| !default.is_null());
    if expected.is_non_null() && !variable.ty.is_non_null() && (has_value || has_default) {
        return variable.ty.is_assignable_to(&expected.clone().nullable());
    }
    variable.ty.is_assignable_to(expected)
}
