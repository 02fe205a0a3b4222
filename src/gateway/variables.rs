//! Checks variable values against their types before execution (GraphQL §6.1.2).
//!
//! The executor would only report a wrong value at the field that uses it; here it is an error of the request.

use std::collections::{HashMap, HashSet};

use async_graphql_parser::parse_schema;
use async_graphql_parser::types::{
    BaseType, InputObjectType, OperationDefinition, Type, TypeKind, TypeSystemDefinition,
};
use serde_json::{Map, Value};

/// Built-in scalars (GraphQL §3.5).
const BUILT_IN_SCALARS: [&str; 5] = ["Int", "Float", "String", "Boolean", "ID"];

/// Input types of a schema.
pub struct InputTypes {
    enums: HashMap<String, HashSet<String>>,
    objects: HashMap<String, Vec<InputField>>,
}

struct InputField {
    name: String,
    ty: Type,
    has_default: bool,
}

/// A variable value of the wrong type, with the path of the value and the expected type.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("variable `${variable}`{path}: {expected}")]
pub struct InvalidVariable {
    /// Name of the variable.
    pub variable: String,
    /// Path inside the value.
    pub path: String,
    /// Expected type or constraint.
    pub expected: String,
}

impl InputTypes {
    /// Reads the input types of a schema in SDL.
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
                    types.objects.insert(name, input_fields(kind));
                }
                _ => {}
            }
        }
        Ok(types)
    }

    /// Checks the variables of an operation.
    pub fn check(
        &self,
        operation: &OperationDefinition,
        variables: &Map<String, Value>,
    ) -> Result<(), InvalidVariable> {
        for definition in &operation.variable_definitions {
            let name = definition.node.name.node.as_str();
            let kind = &definition.node.var_type.node;
            let invalid =
                |(path, expected): (String, String)| InvalidVariable { variable: name.to_owned(), path, expected };
            match variables.get(name) {
                Some(value) => self.check_value(kind, value).map_err(invalid)?,
                None if kind.nullable || definition.node.default_value.is_some() => {}
                None => return Err(invalid((String::new(), format!("a value of type {kind} is required")))),
            }
        }
        Ok(())
    }

    /// Returns true if [`check`](Self::check) validates all variables of an operation completely. It does not for
    /// custom scalars, which validate themselves.
    pub fn fully_checks(&self, operation: &OperationDefinition) -> bool {
        operation.variable_definitions.iter().all(|definition| self.fully_checks_type(&definition.node.var_type.node))
    }

    fn fully_checks_type(&self, kind: &Type) -> bool {
        match &kind.base {
            BaseType::List(inner) => self.fully_checks_type(inner),
            BaseType::Named(name) => {
                BUILT_IN_SCALARS.contains(&name.as_str()) || self.enums.contains_key(name.as_str())
            }
        }
    }

    fn check_value(&self, kind: &Type, value: &Value) -> Result<(), (String, String)> {
        if value.is_null() {
            return if kind.nullable { Ok(()) } else { Err((String::new(), format!("{kind} may not be null"))) };
        }
        match (&kind.base, value) {
            (BaseType::List(inner), Value::Array(items)) => items.iter().enumerate().try_for_each(|(at, item)| {
                self.check_value(inner, item).map_err(|(path, expected)| (format!("[{at}]{path}"), expected))
            }),
            // A single value is coerced to a list of one item.
            (BaseType::List(inner), single) => self.check_value(inner, single),
            (BaseType::Named(name), value) => self.check_named_type(name.as_str(), value),
        }
    }

    fn check_named_type(&self, name: &str, value: &Value) -> Result<(), (String, String)> {
        if let Some(fields) = self.objects.get(name) {
            return self.check_input_object(name, fields, value);
        }
        let is_valid = match (name, self.enums.get(name)) {
            (_, Some(values)) => value.as_str().is_some_and(|value| values.contains(value)),
            ("Int", _) => value.as_i64().is_some_and(|number| i32::try_from(number).is_ok()),
            ("Float", _) => value.is_number(),
            ("String", _) => value.is_string(),
            ("Boolean", _) => value.is_boolean(),
            ("ID", _) => value.is_string() || value.is_i64() || value.is_u64(),
            // Custom scalars validate themselves.
            _ => true,
        };
        if is_valid { Ok(()) } else { Err((String::new(), format!("the value is not of type {name}"))) }
    }

    fn check_input_object(&self, name: &str, fields: &[InputField], value: &Value) -> Result<(), (String, String)> {
        let Value::Object(map) = value else { return Err((String::new(), format!("{name} must be an object"))) };
        if let Some(unknown) = map.keys().find(|key| !fields.iter().any(|field| field.name == **key)) {
            return Err((String::new(), format!("{name} has no field `{}`", printable(unknown))));
        }
        for field in fields {
            match map.get(&field.name) {
                Some(value) => self
                    .check_value(&field.ty, value)
                    .map_err(|(path, expected)| (format!(".{}{path}", field.name), expected))?,
                None if field.ty.nullable || field.has_default => {}
                None => {
                    return Err((format!(".{}", field.name), format!("a value of type {} is required", field.ty)));
                }
            }
        }
        Ok(())
    }
}

fn input_fields(kind: InputObjectType) -> Vec<InputField> {
    let field = |field: async_graphql_parser::types::InputValueDefinition| InputField {
        name: field.name.node.to_string(),
        ty: field.ty.node,
        has_default: field.default_value.is_some(),
    };
    kind.fields.into_iter().map(|positioned| field(positioned.node)).collect()
}

/// Shortens client input and removes control characters, so that it is safe in terminals and logs.
fn printable(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(60).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SDL: &str = "enum Color { RED } input Line { quantity: Int! color: Color = RED tags: [String!] } scalar Day type Query { a: Int }";

    fn check(definitions: &str, variables: Value) -> Result<(), String> {
        let types = InputTypes::from_sdl(SDL).expect("a schema");
        let document =
            async_graphql_parser::parse_query(format!("query Q({definitions}) {{ a }}")).expect("a document");
        let (_, operation) = document.operations.iter().next().expect("an operation");
        let Value::Object(map) = variables else { panic!("no object") };
        types.check(&operation.node, &map).map_err(|invalid| invalid.to_string())
    }

    #[test]
    fn valid_variables_pass() {
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
    fn an_invalid_variable_is_reported_with_its_path() {
        for (definitions, variables, text) in [
            ("$a: Int!", serde_json::json!({}), "variable `$a`: a value of type Int! is required"),
            ("$a: Int", serde_json::json!({"a": 3_000_000_000_u64}), "variable `$a`: the value is not of type Int"),
            (
                "$l: [Line!]!",
                serde_json::json!({"l": [{"quantity": "x"}]}),
                "variable `$l`[0].quantity: the value is not of type Int",
            ),
            (
                "$l: Line",
                serde_json::json!({"l": {"quantity": 1, "color": "BLUE"}}),
                "variable `$l`.color: the value is not of type Color",
            ),
            ("$l: Line", serde_json::json!({"l": {"quantity": 1, "x": 1}}), "variable `$l`: Line has no field `x`"),
            ("$l: [Line!]", serde_json::json!({"l": [null]}), "variable `$l`[0]: Line! may not be null"),
        ] {
            assert_eq!(check(definitions, variables), Err(text.to_owned()));
        }
    }
}
