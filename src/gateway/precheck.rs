//! What an operation weighs, found in one pass over its text before anything walks its expansion.
//!
//! Validation and complexity rules walk fragments as often as they are spread: 750 bytes can burn seconds. Here each fragment is weighed
//! once and its weight added where it is spread, so the check is linear in the size of the document.

use std::collections::HashMap;

use async_graphql_parser::Positioned;
use async_graphql_parser::types::{
    ExecutableDocument, FragmentDefinition, OperationDefinition, Selection, SelectionSet,
};
use async_graphql_value::Name;
use serde_json::{Map, Value};

use crate::gateway::likeness::Tokens;

/// How heavy an operation may be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a request body.
    pub body_bytes: usize,
    /// Requests in one batch; 1 refuses arrays.
    pub batch: usize,
    /// Lexical tokens of a document.
    pub tokens: usize,
    /// Fields after all fragments are spread.
    pub fields: u64,
    /// Nesting of fields.
    pub depth: u32,
    /// Aliased fields, after spreading.
    pub aliases: u64,
    /// Fields at the root, after spreading.
    pub root_fields: u64,
    /// Directives, after spreading.
    pub directives: u64,
    /// Items of one list in the variables.
    pub list_size: usize,
    /// Vendor calls that one operation may cause, by estimate.
    pub calls: u64,
    /// Vendor calls that the operations of one caller may cause in a minute, by estimate; `None`: any number.
    pub calls_per_minute: Option<u32>,
    /// Whether limits are only told and nothing is refused.
    pub measure_only: bool,
    /// Whether everybody may read the schema; else only who may do everything.
    pub introspection: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes: 256 << 10,
            batch: 10,
            tokens: 5_000,
            fields: 5_000,
            depth: 16,
            aliases: 60,
            root_fields: 20,
            directives: 60,
            list_size: 100,
            calls: 100,
            calls_per_minute: None,
            measure_only: false,
            introspection: true,
        }
    }
}

/// What an operation weighs after all fragments are spread.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Weight {
    /// Fields.
    pub fields: u64,
    /// Nesting of fields.
    pub depth: u32,
    /// Aliased fields.
    pub aliases: u64,
    /// Fields at the root.
    pub root_fields: u64,
    /// Directives.
    pub directives: u64,
    /// Whether it reads the schema.
    pub introspects: bool,
    /// Whether a fragment spreads itself, which validation refuses.
    pub is_cyclic: bool,
}

/// A limit that is passed: which, what it allows, and what was found.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the operation has {found} {what}; {allowed} are allowed")]
pub struct TooHeavy {
    /// What there is too much of, for people.
    pub what: &'static str,
    /// How much is allowed.
    pub allowed: u64,
    /// How much was found; counting stops early where it is far too much.
    pub found: u64,
}

impl Limits {
    /// Compares a weight with the limits.
    pub fn check(&self, weight: &Weight) -> Result<(), TooHeavy> {
        let pairs = [
            ("fields", self.fields, weight.fields),
            ("levels of nesting", self.depth.into(), weight.depth.into()),
            ("aliases", self.aliases, weight.aliases),
            ("root fields", self.root_fields, weight.root_fields),
            ("directives", self.directives, weight.directives),
        ];
        for (what, allowed, found) in pairs {
            if found > allowed {
                return Err(TooHeavy { what, allowed, found });
            }
        }
        Ok(())
    }

    /// Looks for a list in the variables that is too long. What a gateway asks for at once has a limit of its own.
    pub fn check_lists(&self, variables: &Map<String, Value>) -> Result<(), TooHeavy> {
        let long = variables.iter().filter(|(name, _)| *name != "representations").map(|(_, value)| longest(value));
        match long.max() {
            Some(found) if found > self.list_size => {
                Err(TooHeavy { what: "items in one list", allowed: self.list_size as u64, found: found as u64 })
            }
            _ => Ok(()),
        }
    }

    /// Counts tokens without parsing, and stops at the limit.
    pub fn check_tokens(&self, text: &str) -> Result<(), TooHeavy> {
        let found = count_tokens(text.as_bytes(), self.tokens);
        if found > self.tokens {
            return Err(TooHeavy { what: "tokens", allowed: self.tokens as u64, found: found as u64 });
        }
        Ok(())
    }
}

/// The length of the longest list in a value.
fn longest(value: &Value) -> usize {
    match value {
        Value::Array(items) => items.iter().map(longest).fold(items.len(), usize::max),
        Value::Object(fields) => fields.values().map(longest).max().unwrap_or_default(),
        _ => 0,
    }
}

/// Weighs one operation of a document.
pub fn weigh(document: &ExecutableDocument, operation: &OperationDefinition) -> Weight {
    let mut scale = Scale { fragments: &document.fragments, known: HashMap::new() };
    let mut weight = scale.set(&operation.selection_set.node);
    weight.directives = weight.directives.saturating_add(operation.directives.len() as u64);
    weight
}

struct Scale<'a> {
    fragments: &'a HashMap<Name, Positioned<FragmentDefinition>>,
    /// `None` while a fragment is being weighed: a cycle weighs nothing here, validation names it.
    known: HashMap<&'a str, Option<Weight>>,
}

impl<'a> Scale<'a> {
    fn set(&mut self, set: &'a SelectionSet) -> Weight {
        let mut sum = Weight::default();
        for item in &set.items {
            let (part, own_directives) = match &item.node {
                Selection::Field(field) => {
                    let inner = self.set(&field.node.selection_set.node);
                    let part = Weight {
                        fields: inner.fields.saturating_add(1),
                        depth: inner.depth.saturating_add(1),
                        aliases: inner.aliases.saturating_add(field.node.alias.is_some().into()),
                        root_fields: 1,
                        directives: inner.directives,
                        introspects: inner.introspects || reads_the_schema(field.node.name.node.as_str()),
                        is_cyclic: inner.is_cyclic,
                    };
                    (part, field.node.directives.len())
                }
                Selection::InlineFragment(inline) => {
                    (self.set(&inline.node.selection_set.node), inline.node.directives.len())
                }
                Selection::FragmentSpread(spread) => {
                    (self.fragment(&spread.node.fragment_name.node), spread.node.directives.len())
                }
            };
            sum.fields = sum.fields.saturating_add(part.fields);
            sum.depth = sum.depth.max(part.depth);
            sum.aliases = sum.aliases.saturating_add(part.aliases);
            sum.root_fields = sum.root_fields.saturating_add(part.root_fields);
            sum.introspects |= part.introspects;
            sum.is_cyclic |= part.is_cyclic;
            sum.directives = sum.directives.saturating_add(part.directives).saturating_add(own_directives as u64);
        }
        sum
    }

    fn fragment(&mut self, name: &str) -> Weight {
        let Some((name, fragment)) = self.fragments.get_key_value(name) else { return Weight::default() };
        match self.known.get(name.as_str()) {
            Some(weight) => weight.unwrap_or(Weight { is_cyclic: true, ..Weight::default() }),
            None => {
                self.known.insert(name.as_str(), None);
                let weight = self.set(&fragment.node.selection_set.node);
                self.known.insert(name.as_str(), Some(weight));
                weight
            }
        }
    }
}

fn reads_the_schema(field: &str) -> bool {
    matches!(field, "__schema" | "__type" | "_service")
}

/// Counts lexical tokens, at most one more than `stop`.
fn count_tokens(text: &[u8], stop: usize) -> usize {
    Tokens::of(text).take(stop + 1).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn weight(text: &str) -> Weight {
        let document = async_graphql_parser::parse_query(text).expect("a document");
        let (_, operation) = document.operations.iter().next().expect("an operation");
        weigh(&document, &operation.node)
    }

    #[test]
    fn a_fragment_bomb_is_weighed_in_full_without_being_spread() {
        let mut bomb = "{ ...f0 } fragment f40 on Query { a }".to_owned();
        for level in 0..40 {
            bomb += &format!(" fragment f{level} on Query {{ ...f{} ...f{} }}", level + 1, level + 1);
        }
        assert_eq!(weight(&bomb).fields, 1 << 40);
        assert!(Limits::default().check(&weight(&bomb)).is_err());
    }

    #[test]
    fn every_limit_has_an_operation_that_passes_it() {
        let nested = format!("{{ {} a {} }}", "a {".repeat(20), "}".repeat(20));
        let aliases = (0..100).map(|n| format!("x{n}: a ")).collect::<String>();
        for (text, what) in [
            (nested, "levels of nesting"),
            (format!("{{ b {{ {aliases} }} }}"), "aliases"),
            (format!("{{ {} }}", "a ".repeat(30)), "root fields"),
            (format!("{{ a {} }}", "@x ".repeat(100)), "directives"),
            (format!("{{ a {{ {} }} }}", "b ".repeat(6_000)), "fields"),
        ] {
            assert_eq!(Limits::default().check(&weight(&text)).expect_err(what).what, what);
        }
        assert_eq!(Limits::default().check(&weight("{ a { b { c } } x: a }")), Ok(()));
    }

    #[test]
    fn a_cycle_of_fragments_is_weighed_and_ends() {
        assert_eq!(weight("{ ...a } fragment a on Query { x ...b } fragment b on Query { y ...a }").fields, 2);
    }

    #[test]
    fn tokens_are_counted_as_the_language_cuts_them() {
        for (text, count) in [
            ("{ a, b # c d e\n}", 4),
            ("{ a(x: \"some words \\\" in\", y: \"\"\"a \" block\"\"\") }", 11),
            ("query Q($a: Int = 10) { ...F }", 14),
        ] {
            assert_eq!(count_tokens(text.as_bytes(), 1_000), count, "{text}");
        }
        assert!(Limits::default().check_tokens(&"a ".repeat(100_000)).is_err());
    }
}
