//! Names that a client may have meant, for the errors of an invalid document or variable.

use std::collections::HashMap;
use std::fmt::Write as _;

use apollo_compiler::ast::{Argument, Definition, Document, Field, Selection, Type, Value};
use apollo_compiler::parser::SourceSpan;
use apollo_compiler::schema::{ExtendedType, InputValueDefinition};
use apollo_compiler::{Name, Node, Schema};
use async_graphql::Pos;

/// Positions with a suggestion at most, about as many as errors are reported.
const MAX_SUGGESTIONS: usize = 300;
/// Names in one suggestion at most.
const MAX_NAMES: usize = 5;

/// Suggestions for the unknown names of a document, by position.
pub(super) struct Suggestions(HashMap<(usize, usize), String>);

impl Suggestions {
    /// Collects suggestions for unknown fields, arguments, input fields and enum values.
    pub(super) fn of(document: &Document, schema: &Schema) -> Self {
        let mut visitor = Visitor { document, schema, found: HashMap::new() };
        for definition in &document.definitions {
            match definition {
                Definition::OperationDefinition(operation) => {
                    let root = schema.root_operation(operation.operation_type).map(Name::as_str);
                    visitor.selection_set(&operation.selection_set, root);
                }
                Definition::FragmentDefinition(fragment) => {
                    visitor.selection_set(&fragment.selection_set, Some(fragment.type_condition.as_str()));
                }
                _ => {}
            }
        }
        Self(visitor.found)
    }

    /// Returns the suggestion for the name at a position.
    pub(super) fn get(&self, at: Pos) -> Option<&str> {
        self.0.get(&(at.line, at.column)).map(String::as_str)
    }
}

/// Visitor of a syntax tree that need not match the schema. Selections of unknown fields are not visited.
struct Visitor<'a> {
    document: &'a Document,
    schema: &'a Schema,
    found: HashMap<(usize, usize), String>,
}

impl<'a> Visitor<'a> {
    fn selection_set(&mut self, set: &'a [Selection], owner: Option<&'a str>) {
        for selection in set {
            match selection {
                Selection::Field(field) => self.field(field, owner),
                Selection::InlineFragment(inline) => {
                    self.selection_set(&inline.selection_set, inline.type_condition.as_deref().or(owner));
                }
                Selection::FragmentSpread(_) => {}
            }
        }
    }

    fn field(&mut self, field: &'a Node<Field>, owner: Option<&'a str>) {
        let Some(owner) = owner else { return };
        let Ok(definition) = self.schema.type_field(owner, &field.name) else {
            let known = match self.schema.types.get(owner) {
                Some(ExtendedType::Object(object)) => object.fields.keys(),
                Some(ExtendedType::Interface(interface)) => interface.fields.keys(),
                _ => return,
            };
            return self.suggest(&[field.name.location()], &field.name, known);
        };
        for argument in &field.arguments {
            self.argument(argument, &definition.arguments);
        }
        self.selection_set(&field.selection_set, Some(definition.ty.inner_named_type()));
    }

    fn argument(&mut self, argument: &Node<Argument>, known: &[Node<InputValueDefinition>]) {
        match known.iter().find(|definition| definition.name == argument.name) {
            Some(definition) => self.value(&argument.value, &definition.ty),
            None => {
                let at = [argument.location(), argument.name.location()];
                self.suggest(&at, &argument.name, known.iter().map(|definition| &definition.name));
            }
        }
    }

    fn value(&mut self, value: &Node<Value>, ty: &Type) {
        match (value.as_ref(), self.schema.types.get(ty.inner_named_type())) {
            (Value::List(items), _) => items.iter().for_each(|item| self.value(item, ty)),
            (Value::Enum(name), Some(ExtendedType::Enum(kind))) if !kind.values.contains_key(name) => {
                self.suggest(&[value.location(), name.location()], name, kind.values.keys());
            }
            (Value::Object(fields), Some(ExtendedType::InputObject(kind))) => {
                for (name, field) in fields {
                    match kind.fields.get(name) {
                        Some(definition) => self.value(field, &definition.ty),
                        None => {
                            let at = [value.location(), name.location(), field.location()];
                            self.suggest(&at, name, kind.fields.keys());
                        }
                    }
                }
            }
            _ => {}
        }
    }

    fn suggest<'b>(&mut self, at: &[Option<SourceSpan>], wrong: &str, known: impl Iterator<Item = &'b Name>) {
        if self.found.len() >= MAX_SUGGESTIONS {
            return;
        }
        let text = did_you_mean(wrong, known.map(Name::as_str));
        let positions = at.iter().flatten().filter_map(|span| span.line_column(&self.document.sources));
        for position in positions.filter(|_| !text.is_empty()) {
            self.found.insert((position.line, position.column), text.clone());
        }
    }
}

/// Returns ` Did you mean "a" or "b"?` for the known names that are close to a wrong one, or an empty text.
pub(super) fn did_you_mean<'a>(wrong: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    // The distance that graphql-js accepts.
    let threshold = wrong.chars().count() * 2 / 5 + 1;
    let lower = wrong.to_lowercase();
    let mut close: Vec<(usize, &str)> = known
        .into_iter()
        .map(|name| (strsim::damerau_levenshtein(&lower, &name.to_lowercase()), name))
        .filter(|(distance, _)| *distance <= threshold)
        .collect();
    close.sort_unstable();
    close.truncate(MAX_NAMES);
    let mut text = String::new();
    for (index, (_, name)) in close.iter().enumerate() {
        let before = match index {
            0 => " Did you mean ",
            _ if index + 1 == close.len() => " or ",
            _ => ", ",
        };
        // Writing to a string cannot fail.
        let _ = write!(text, "{before}\"{name}\"");
    }
    if !text.is_empty() {
        text.push('?');
    }
    text
}
