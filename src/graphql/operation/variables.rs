//! Coercion of variable values (GraphQL §6.1.2), with errors that name the path, the expected type and what was found.

use apollo_compiler::Schema;
use apollo_compiler::ast::{Type, Value as Literal};
use apollo_compiler::executable::Operation;
use apollo_compiler::schema::{ExtendedType, InputObjectType};
use serde_json::{Map, Number, Value};

use crate::graphql::base::scalars::check_scalar;
use crate::graphql::operation::suggestion::did_you_mean;

/// Longest excerpt of a client's value in an error, in characters.
const MAX_EXCERPT: usize = 60;

/// Requirement on texts.
pub(super) const CONTROL_CHARACTERS: &str = "a text must not contain control characters";

/// A variable value of the wrong type, with the path of the value and what was expected.
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

/// Path inside a value, and what was expected there.
type Mismatch = (String, String);

/// Coerces the variables of an operation. A variable that has neither a value nor a default stays absent.
pub(super) fn coerce(
    schema: &Schema,
    suggestions: bool,
    operation: &Operation,
    values: &Map<String, Value>,
) -> Result<Map<String, Value>, InvalidVariable> {
    let coercion = Coercion { schema, suggestions };
    let mut coerced = Map::new();
    for definition in &operation.variables {
        let name = definition.name.as_str();
        let result = match (values.get(name), &definition.default_value) {
            (Some(value), _) => coercion.value(&definition.ty, value),
            (None, Some(default)) => coercion.value(&definition.ty, &literal_to_json(default)),
            (None, None) if definition.ty.is_non_null() => {
                Err((String::new(), format!("a value of type {} is required", definition.ty)))
            }
            (None, None) => continue,
        };
        let invalid = |(path, expected)| InvalidVariable { variable: name.to_owned(), path, expected };
        coerced.insert(name.to_owned(), result.map_err(invalid)?);
    }
    Ok(coerced)
}

#[derive(Clone, Copy)]
struct Coercion<'a> {
    schema: &'a Schema,
    suggestions: bool,
}

impl Coercion<'_> {
    fn value(self, ty: &Type, value: &Value) -> Result<Value, Mismatch> {
        if value.is_null() {
            return if ty.is_non_null() {
                Err((String::new(), format!("{ty} may not be null")))
            } else {
                Ok(Value::Null)
            };
        }
        match (ty, value) {
            (Type::List(item) | Type::NonNullList(item), Value::Array(items)) => {
                let items = items.iter().enumerate().map(|(at, value)| {
                    self.value(item, value).map_err(|(path, expected)| (format!("[{at}]{path}"), expected))
                });
                items.collect::<Result<_, _>>().map(Value::Array)
            }
            // A single value is coerced to a list of one item (GraphQL §3.11).
            (Type::List(item) | Type::NonNullList(item), single) => Ok(Value::Array(vec![self.value(item, single)?])),
            (Type::Named(name) | Type::NonNullNamed(name), value) => self.named(name, value),
        }
    }

    fn named(self, name: &str, value: &Value) -> Result<Value, Mismatch> {
        match self.schema.types.get(name) {
            Some(ExtendedType::InputObject(object)) => self.input_object(object, value),
            Some(ExtendedType::Enum(kind)) => match value.as_str() {
                Some(text) if kind.values.contains_key(text) => Ok(value.clone()),
                Some(text) => {
                    let known = kind.values.keys().map(|known| known.as_str());
                    let suggestion = self.suggest(text, known);
                    Err((
                        String::new(),
                        format!("`{}` does not exist in the enum {name}.{suggestion}", printable(text)),
                    ))
                }
                None => {
                    Err((String::new(), format!("a value of the enum {name} is required, found {}", excerpt(value))))
                }
            },
            _ => scalar(name, value),
        }
    }

    fn input_object(self, object: &InputObjectType, value: &Value) -> Result<Value, Mismatch> {
        let name = &object.name;
        let Value::Object(given) = value else {
            return Err((String::new(), format!("an object of type {name} is required, found {}", excerpt(value))));
        };
        if let Some(unknown) = given.keys().find(|key| !object.fields.contains_key(key.as_str())) {
            let suggestion = self.suggest(unknown, object.fields.keys().map(|known| known.as_str()));
            return Err((String::new(), format!("{name} has no field `{}`.{suggestion}", printable(unknown))));
        }
        let mut coerced = Map::new();
        for (field, definition) in &object.fields {
            let result = match (given.get(field.as_str()), &definition.default_value) {
                (Some(value), _) => self.value(&definition.ty, value),
                (None, Some(default)) => self.value(&definition.ty, &literal_to_json(default)),
                (None, None) if definition.ty.is_non_null() => {
                    Err((String::new(), format!("a value of type {} is required", definition.ty)))
                }
                (None, None) => continue,
            };
            let value = result.map_err(|(path, expected)| (format!(".{field}{path}"), expected))?;
            coerced.insert(field.to_string(), value);
        }
        Ok(Value::Object(coerced))
    }

    fn suggest<'a>(self, wrong: &str, known: impl Iterator<Item = &'a str>) -> String {
        if self.suggestions { did_you_mean(wrong, known) } else { String::new() }
    }
}

/// Coerces a value to a scalar (GraphQL §3.5).
fn scalar(name: &str, value: &Value) -> Result<Value, Mismatch> {
    let coerced = match name {
        "Int" => {
            whole_number(value).and_then(|number| i32::try_from(number).ok()).map(|number| Value::Number(number.into()))
        }
        "Float" => value.is_number().then(|| value.clone()),
        "String" | "ID" if value.as_str().is_some_and(has_control_characters) => {
            return Err((String::new(), CONTROL_CHARACTERS.to_owned()));
        }
        "String" => value.is_string().then(|| value.clone()),
        "Boolean" => value.is_boolean().then(|| value.clone()),
        "ID" if value.is_string() => Some(value.clone()),
        "ID" => whole_number(value).map(|number| Value::String(number.to_string())),
        custom => {
            let checked = check_scalar(custom, async_graphql::Value::from_json(value.clone()).unwrap_or_default());
            return checked.map(|()| value.clone()).map_err(|expected| (String::new(), expected));
        }
    };
    coerced.ok_or_else(|| (String::new(), format!("a value of type {name} is required, found {}", excerpt(value))))
}

/// Returns true if a text has control characters other than tabs and line breaks. Databases and vendors reject them.
pub(super) fn has_control_characters(text: &str) -> bool {
    text.chars().any(|c| c.is_control() && !matches!(c, '\t' | '\n' | '\r'))
}

/// Returns an integer. In JSON `2` and `2.0` are the same number, so both are integers.
fn whole_number(value: &Value) -> Option<i128> {
    /// Every whole number below this is exact in a 64-bit float.
    const MAX_EXACT: f64 = 9_007_199_254_740_992.0;
    let number: &Number = value.as_number()?;
    if let Some(integer) = number.as_i128() {
        return Some(integer);
    }
    let float = number.as_f64()?;
    (float.fract() == 0.0 && float.abs() <= MAX_EXACT).then_some(float as i128)
}

/// Converts a constant of a validated document or schema to JSON.
pub(super) fn literal_to_json(literal: &Literal) -> Value {
    match literal {
        // Validation rejects variables in constants.
        Literal::Null | Literal::Variable(_) => Value::Null,
        Literal::Boolean(value) => Value::Bool(*value),
        Literal::Enum(name) => Value::String(name.to_string()),
        Literal::String(text) => Value::String(text.clone()),
        Literal::Int(number) => number_to_json(number.as_str()),
        Literal::Float(number) => number_to_json(number.as_str()),
        Literal::List(items) => Value::Array(items.iter().map(|item| literal_to_json(item)).collect()),
        Literal::Object(fields) => {
            Value::Object(fields.iter().map(|(name, value)| (name.to_string(), literal_to_json(value))).collect())
        }
    }
}

/// Reads a number literal; its grammar is that of JSON (GraphQL §2.9.1).
pub(super) fn number_to_json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or(Value::Null)
}

/// Describes a value. Strings are not repeated: they may be people's data.
fn excerpt(value: &Value) -> String {
    match value {
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "an object".to_owned(),
        Value::String(_) => "a string".to_owned(),
        scalar => scalar.to_string(),
    }
}

/// Shortens client input and removes control characters, so that it is safe in terminals and logs.
fn printable(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(MAX_EXCERPT).collect()
}
