//! Checks the literals of scalars beyond what apollo-compiler knows: custom scalars, and control characters.

use apollo_compiler::Schema;
use apollo_compiler::ast::{Type, Value as Literal};
use apollo_compiler::executable::{ExecutableDocument, Selection, SelectionSet};
use apollo_compiler::schema::ExtendedType;
use apollo_compiler::{Name, Node};
use async_graphql::{Pos, ServerError, Value};

use crate::graphql::base::error::ErrorCode;
use crate::graphql::base::scalars::check_scalar;
use crate::graphql::operation::document::MAX_ERRORS;
use crate::graphql::operation::variables::{CONTROL_CHARACTERS, has_control_characters, literal_to_json};

/// Returns an error for each literal that is not a value of its custom scalar.
pub(super) fn check(schema: &Schema, document: &ExecutableDocument) -> Vec<ServerError> {
    let mut visitor = Visitor { schema, document, errors: Vec::new() };
    for operation in document.operations.iter() {
        visitor.selection_set(&operation.selection_set);
    }
    for fragment in document.fragments.values() {
        visitor.selection_set(&fragment.selection_set);
    }
    visitor.errors
}

struct Visitor<'a> {
    schema: &'a Schema,
    document: &'a ExecutableDocument,
    errors: Vec<ServerError>,
}

impl Visitor<'_> {
    fn selection_set(&mut self, set: &SelectionSet) {
        for selection in &set.selections {
            match selection {
                Selection::Field(field) => {
                    for argument in &field.arguments {
                        if let Some(definition) = field.definition.argument_by_name(&argument.name) {
                            self.value(&argument.value, &definition.ty);
                        }
                    }
                    self.selection_set(&field.selection_set);
                }
                Selection::InlineFragment(inline) => self.selection_set(&inline.selection_set),
                Selection::FragmentSpread(_) => {}
            }
        }
    }

    fn value(&mut self, literal: &Node<Literal>, ty: &Type) {
        let name = ty.inner_named_type();
        match (literal.as_ref(), self.schema.types.get(name)) {
            // The values of variables are checked when they are coerced.
            (Literal::Variable(_) | Literal::Null, _) => {}
            (Literal::List(items), _) => items.iter().for_each(|item| self.value(item, ty)),
            (Literal::Object(fields), Some(ExtendedType::InputObject(kind))) => {
                for (field, value) in fields {
                    if let Some(definition) = kind.fields.get(field) {
                        self.value(value, &definition.ty);
                    }
                }
            }
            (_, Some(ExtendedType::Scalar(_))) => self.scalar(literal, name),
            _ => {}
        }
    }

    fn scalar(&mut self, literal: &Node<Literal>, name: &Name) {
        let checked = match literal.as_ref() {
            Literal::String(text) if has_control_characters(text) => Err(CONTROL_CHARACTERS.to_owned()),
            literal => check_scalar(name, Value::from_json(literal_to_json(literal)).unwrap_or_default()),
        };
        let Err(expected) = checked else { return };
        if self.errors.len() >= MAX_ERRORS {
            return;
        }
        let range = literal.line_column_range(&self.document.sources);
        let position = range.map(|range| Pos { line: range.start.line, column: range.start.column });
        self.errors.push(ErrorCode::GraphqlValidationFailed.server_error(expected, position));
    }
}
