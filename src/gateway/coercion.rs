//! Whether the values of variables fit their types, before anything runs (GraphQL §6.1.2).
//!
//! The executor would find out too, but only field by field: a wrong value is an error of the request, not of a field.

use std::collections::{HashMap, HashSet};

use async_graphql_parser::parse_schema;
use async_graphql_parser::types::{
    BaseType, InputObjectType, OperationDefinition, Type, TypeKind, TypeSystemDefinition,
};
use serde_json::{Map, Value};

/// The scalars of the language (GraphQL §3.5).
const BUILT_IN: [&str; 5] = ["Int", "Float", "String", "Boolean", "ID"];

/// The input types of a schema.
pub struct InputTypes {
    enums: HashMap<String, HashSet<String>>,
    objects: HashMap<String, Vec<InputField>>,
}

struct InputField {
    name: String,
    kind: Type,
    has_default: bool,
}

/// A value that does not fit; the text names the variable, the place in it, and what would be right.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("variable `${variable}`{place}: {expected}")]
pub struct Unfit {
    /// The variable.
    pub variable: String,
    /// The place inside the value.
    pub place: String,
    /// What would be right.
    pub expected: String,
}

impl InputTypes {
    /// Reads them from the text of a schema.
    pub fn from_sdl(sdl: &str) -> Result<Self, async_graphql_parser::Error> {
        let mut types = Self { enums: HashMap::new(), objects: HashMap::new() };
        for definition in parse_schema(sdl)?.definitions {
            let TypeSystemDefinition::Type(definition) = definition else { continue };
            let name = definition.node.name.node.to_string();
            match definition.node.kind {
                TypeKind::Enum(kind) => {
                    let values = kind.values.iter().map(|value| value.node.value.node.to_string()).collect();
                    types.enums.insert(name, values);
                }
                TypeKind::InputObject(kind) => {
                    types.objects.insert(name, fields(kind));
                }
                _ => {}
            }
        }
        Ok(types)
    }

    /// Checks the variables of an operation.
    pub fn check(&self, operation: &OperationDefinition, variables: &Map<String, Value>) -> Result<(), Unfit> {
        for definition in &operation.variable_definitions {
            let name = definition.node.name.node.as_str();
            let kind = &definition.node.var_type.node;
            let unfit = |(place, expected): (String, String)| Unfit { variable: name.to_owned(), place, expected };
            match variables.get(name) {
                Some(value) => self.fits(kind, value).map_err(unfit)?,
                None if kind.nullable || definition.node.default_value.is_some() => {}
                None => return Err(unfit((String::new(), format!("a value of type {kind} is required")))),
            }
        }
        Ok(())
    }

    /// Whether [`check`](Self::check) is all there is to know about the variables of an operation: none is of a scalar that says
    /// itself what it takes.
    pub fn knows_all(&self, operation: &OperationDefinition) -> bool {
        operation.variable_definitions.iter().all(|definition| self.knows(&definition.node.var_type.node))
    }

    fn knows(&self, kind: &Type) -> bool {
        match &kind.base {
            BaseType::List(inner) => self.knows(inner),
            BaseType::Named(name) => BUILT_IN.contains(&name.as_str()) || self.enums.contains_key(name.as_str()),
        }
    }

    fn fits(&self, kind: &Type, value: &Value) -> Result<(), (String, String)> {
        if value.is_null() {
            return if kind.nullable { Ok(()) } else { Err((String::new(), format!("{kind} may not be null"))) };
        }
        match (&kind.base, value) {
            (BaseType::List(inner), Value::Array(items)) => items.iter().enumerate().try_for_each(|(at, item)| {
                self.fits(inner, item).map_err(|(place, expected)| (format!("[{at}]{place}"), expected))
            }),
            // A single value stands for a list of one.
            (BaseType::List(inner), single) => self.fits(inner, single),
            (BaseType::Named(name), value) => self.named_fits(name.as_str(), value),
        }
    }

    fn named_fits(&self, name: &str, value: &Value) -> Result<(), (String, String)> {
        if let Some(fields) = self.objects.get(name) {
            return self.object_fits(name, fields, value);
        }
        let fine = match (name, self.enums.get(name)) {
            (_, Some(values)) => value.as_str().is_some_and(|value| values.contains(value)),
            ("Int", _) => value.as_i64().is_some_and(|number| i32::try_from(number).is_ok()),
            ("Float", _) => value.is_number(),
            ("String", _) => value.is_string(),
            ("Boolean", _) => value.is_boolean(),
            ("ID", _) => value.is_string() || value.is_i64() || value.is_u64(),
            // Scalars of ours say themselves what they take.
            _ => true,
        };
        if fine { Ok(()) } else { Err((String::new(), format!("the value is no {name}"))) }
    }

    fn object_fits(&self, name: &str, fields: &[InputField], value: &Value) -> Result<(), (String, String)> {
        let Value::Object(map) = value else { return Err((String::new(), format!("{name} is an object"))) };
        if let Some(unknown) = map.keys().find(|key| !fields.iter().any(|field| field.name == **key)) {
            return Err((String::new(), format!("{name} has no field `{}`", printable(unknown))));
        }
        for field in fields {
            match map.get(&field.name) {
                Some(value) => self
                    .fits(&field.kind, value)
                    .map_err(|(place, expected)| (format!(".{}{place}", field.name), expected))?,
                None if field.kind.nullable || field.has_default => {}
                None => {
                    return Err((format!(".{}", field.name), format!("a value of type {} is required", field.kind)));
                }
            }
        }
        Ok(())
    }
}

fn fields(kind: InputObjectType) -> Vec<InputField> {
    let field = |field: async_graphql_parser::types::InputValueDefinition| InputField {
        name: field.name.node.to_string(),
        kind: field.ty.node,
        has_default: field.default_value.is_some(),
    };
    kind.fields.into_iter().map(|positioned| field(positioned.node)).collect()
}

/// A client's own word, short and without anything that a terminal or a log would act on.
fn printable(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(60).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SDL: &str = "enum Colour { RED } input Line { quantity: Int! colour: Colour = RED tags: [String!] } scalar Day type Query { a: Int }";

    fn check(definitions: &str, variables: Value) -> Result<(), String> {
        let types = InputTypes::from_sdl(SDL).expect("a schema");
        let document =
            async_graphql_parser::parse_query(format!("query Q({definitions}) {{ a }}")).expect("a document");
        let (_, operation) = document.operations.iter().next().expect("an operation");
        let Value::Object(map) = variables else { panic!("no object") };
        types.check(&operation.node, &map).map_err(|unfit| unfit.to_string())
    }

    #[test]
    fn what_fits_passes() {
        for (definitions, variables) in [
            ("$l: [Line!]!", serde_json::json!({"l": [{"quantity": 1, "tags": ["x"]}]})),
            ("$l: [Line!]!", serde_json::json!({"l": {"quantity": 1}})),
            ("$a: Int = 1, $b: String", serde_json::json!({})),
            ("$d: Day, $i: ID!", serde_json::json!({"d": 7, "i": 7})),
        ] {
            assert_eq!(check(definitions, variables.clone()), Ok(()), "{definitions} {variables}");
        }
    }

    #[test]
    fn what_does_not_fit_is_named_with_its_place() {
        for (definitions, variables, text) in [
            ("$a: Int!", serde_json::json!({}), "variable `$a`: a value of type Int! is required"),
            ("$a: Int", serde_json::json!({"a": 3_000_000_000_u64}), "variable `$a`: the value is no Int"),
            (
                "$l: [Line!]!",
                serde_json::json!({"l": [{"quantity": "x"}]}),
                "variable `$l`[0].quantity: the value is no Int",
            ),
            (
                "$l: Line",
                serde_json::json!({"l": {"quantity": 1, "colour": "BLUE"}}),
                "variable `$l`.colour: the value is no Colour",
            ),
            ("$l: Line", serde_json::json!({"l": {"quantity": 1, "x": 1}}), "variable `$l`: Line has no field `x`"),
            ("$l: [Line!]", serde_json::json!({"l": [null]}), "variable `$l`[0]: Line! may not be null"),
        ] {
            assert_eq!(check(definitions, variables), Err(text.to_owned()));
        }
    }
}
