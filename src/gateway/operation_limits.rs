//! Measures the size of an operation in one pass over its syntax tree, before anything expands its fragments.
//!
//! Validation and complexity rules walk a fragment at each spread: 750 bytes can take seconds. Here each fragment is
//! measured once and added at every spread, so the check is linear in the size of the document.

use std::collections::HashMap;

use async_graphql_parser::Positioned;
use async_graphql_parser::types::{
    ExecutableDocument, FragmentDefinition, OperationDefinition, Selection, SelectionSet,
};
use async_graphql_value::Name;
use serde_json::{Map, Value};

use crate::gateway::operation_signature::Tokens;

/// Limits of an operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperationLimits {
    /// Bytes of a request body.
    pub body_bytes: usize,
    /// Requests in one batch; 1 rejects arrays.
    pub batch: usize,
    /// Lexical tokens of a document.
    pub tokens: usize,
    /// Fields after fragment expansion.
    pub fields: u64,
    /// Nesting depth of fields.
    pub depth: u32,
    /// Aliased fields after fragment expansion.
    pub aliases: u64,
    /// Root fields after fragment expansion.
    pub root_fields: u64,
    /// Directives after fragment expansion.
    pub directives: u64,
    /// Items of one list in the variables.
    pub list_size: usize,
    /// Estimated vendor calls of one operation.
    pub vendor_calls: u64,
    /// Estimated vendor calls per minute of all operations of one caller; `None`: unlimited.
    pub vendor_calls_per_minute: Option<u32>,
    /// Exceeded limits are reported, not enforced.
    pub warn_only: bool,
    /// Everybody may read the schema; otherwise the scope `admin` is required.
    pub introspection: bool,
}

/// Size of an operation after fragment expansion.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct OperationSize {
    /// Fields.
    pub fields: u64,
    /// Nesting depth of fields.
    pub depth: u32,
    /// Aliased fields.
    pub aliases: u64,
    /// Root fields.
    pub root_fields: u64,
    /// Directives.
    pub directives: u64,
    /// Reads the schema.
    pub introspects: bool,
    /// Contains a fragment cycle, which validation rejects.
    pub is_cyclic: bool,
}

/// An exceeded limit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the operation has {found} {what}; {allowed} are allowed")]
pub struct LimitExceeded {
    /// The limited quantity, for the error message.
    pub what: &'static str,
    /// Allowed amount.
    pub allowed: u64,
    /// Actual amount; counting stops early if it is far beyond the limit.
    pub found: u64,
}

impl OperationLimits {
    /// Compares a size with the limits.
    pub fn check(&self, size: &OperationSize) -> Result<(), LimitExceeded> {
        let pairs = [
            ("fields", self.fields, size.fields),
            ("levels of nesting", self.depth.into(), size.depth.into()),
            ("aliases", self.aliases, size.aliases),
            ("root fields", self.root_fields, size.root_fields),
            ("directives", self.directives, size.directives),
        ];
        for (what, allowed, found) in pairs {
            if found > allowed {
                return Err(LimitExceeded { what, allowed, found });
            }
        }
        Ok(())
    }

    /// Checks the lists in the variables. `representations` of a federation gateway have a limit of their own.
    pub fn check_lists(&self, variables: &Map<String, Value>) -> Result<(), LimitExceeded> {
        let long =
            variables.iter().filter(|(name, _)| *name != "representations").map(|(_, value)| longest_list(value));
        match long.max() {
            Some(found) if found > self.list_size => {
                Err(LimitExceeded { what: "items in one list", allowed: self.list_size as u64, found: found as u64 })
            }
            _ => Ok(()),
        }
    }

    /// Counts tokens without parsing, and stops at the limit.
    pub fn check_tokens(&self, text: &str) -> Result<(), LimitExceeded> {
        let found = count_tokens(text.as_bytes(), self.tokens);
        if found > self.tokens {
            return Err(LimitExceeded { what: "tokens", allowed: self.tokens as u64, found: found as u64 });
        }
        Ok(())
    }
}

/// Returns the length of the longest list in a value.
fn longest_list(value: &Value) -> usize {
    match value {
        Value::Array(items) => items.iter().map(longest_list).fold(items.len(), usize::max),
        Value::Object(fields) => fields.values().map(longest_list).max().unwrap_or_default(),
        _ => 0,
    }
}

/// Measures one operation of a document.
pub fn measure(document: &ExecutableDocument, operation: &OperationDefinition) -> OperationSize {
    let mut counter = SizeCounter { fragments: &document.fragments, measured_fragments: HashMap::new() };
    let mut size = counter.selection_set(&operation.selection_set.node);
    size.directives = size.directives.saturating_add(operation.directives.len() as u64);
    size
}

struct SizeCounter<'a> {
    fragments: &'a HashMap<Name, Positioned<FragmentDefinition>>,
    /// `None` while a fragment is being measured: a cycle adds nothing, and validation reports it.
    measured_fragments: HashMap<&'a str, Option<OperationSize>>,
}

impl<'a> SizeCounter<'a> {
    fn selection_set(&mut self, selection_set: &'a SelectionSet) -> OperationSize {
        let mut sum = OperationSize::default();
        for item in &selection_set.items {
            let (part, own_directives) = match &item.node {
                Selection::Field(field) => {
                    let inner = self.selection_set(&field.node.selection_set.node);
                    let part = OperationSize {
                        fields: inner.fields.saturating_add(1),
                        depth: inner.depth.saturating_add(1),
                        aliases: inner.aliases.saturating_add(field.node.alias.is_some().into()),
                        root_fields: 1,
                        directives: inner.directives,
                        introspects: inner.introspects || is_introspection_field(field.node.name.node.as_str()),
                        is_cyclic: inner.is_cyclic,
                    };
                    (part, field.node.directives.len())
                }
                Selection::InlineFragment(inline) => {
                    (self.selection_set(&inline.node.selection_set.node), inline.node.directives.len())
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

    fn fragment(&mut self, name: &str) -> OperationSize {
        let Some((name, fragment)) = self.fragments.get_key_value(name) else { return OperationSize::default() };
        match self.measured_fragments.get(name.as_str()) {
            Some(size) => size.unwrap_or(OperationSize { is_cyclic: true, ..OperationSize::default() }),
            None => {
                self.measured_fragments.insert(name.as_str(), None);
                let size = self.selection_set(&fragment.node.selection_set.node);
                self.measured_fragments.insert(name.as_str(), Some(size));
                size
            }
        }
    }
}

fn is_introspection_field(field: &str) -> bool {
    matches!(field, "__schema" | "__type" | "_service")
}

/// Counts lexical tokens, up to one more than `stop`.
fn count_tokens(text: &[u8], stop: usize) -> usize {
    Tokens::of(text).take(stop + 1).count()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::app;
    use crate::config::Config;

    /// Returns the limits of `config/default.toml`.
    pub(in crate::gateway) fn default_limits() -> OperationLimits {
        let config = Config::load(None, [], &|_| Ok(String::new()), &app::vendor_config_specs());
        app::operation_limits(&config.expect("the default configuration"))
    }

    fn size_of(text: &str) -> OperationSize {
        let document = async_graphql_parser::parse_query(text).expect("a document");
        let (_, operation) = document.operations.iter().next().expect("an operation");
        measure(&document, &operation.node)
    }

    #[test]
    fn a_fragment_bomb_is_measured_in_full_without_expansion() {
        let mut bomb = "{ ...f0 } fragment f40 on Query { a }".to_owned();
        for level in 0..40 {
            bomb += &format!(" fragment f{level} on Query {{ ...f{} ...f{} }}", level + 1, level + 1);
        }
        assert_eq!(size_of(&bomb).fields, 1 << 40);
        assert!(default_limits().check(&size_of(&bomb)).is_err());
    }

    #[test]
    fn every_limit_can_be_exceeded() {
        let limits = default_limits();
        let nested = format!("{{ {} a {} }}", "a {".repeat(20), "}".repeat(20));
        let aliases = (0..100).map(|n| format!("x{n}: a ")).collect::<String>();
        for (text, what) in [
            (nested, "levels of nesting"),
            (format!("{{ b {{ {aliases} }} }}"), "aliases"),
            (format!("{{ {} }}", "a ".repeat(30)), "root fields"),
            (format!("{{ a {} }}", "@x ".repeat(100)), "directives"),
            (format!("{{ a {{ {} }} }}", "b ".repeat(6_000)), "fields"),
        ] {
            assert_eq!(limits.check(&size_of(&text)).expect_err(what).what, what);
        }
        assert_eq!(limits.check(&size_of("{ a { b { c } } x: a }")), Ok(()));
    }

    #[test]
    fn measuring_a_fragment_cycle_terminates() {
        assert_eq!(size_of("{ ...a } fragment a on Query { x ...b } fragment b on Query { y ...a }").fields, 2);
    }

    #[test]
    fn tokens_are_counted_by_the_lexical_grammar() {
        for (text, count) in [
            ("{ a, b # c d e\n}", 4),
            ("{ a(x: \"some words \\\" in\", y: \"\"\"a \" block\"\"\") }", 11),
            ("query Q($a: Int = 10) { ...F }", 14),
        ] {
            assert_eq!(count_tokens(text.as_bytes(), 1_000), count, "{text}");
        }
        assert!(default_limits().check_tokens(&"a ".repeat(100_000)).is_err());
    }
}
