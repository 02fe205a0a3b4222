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
use sha2::{Digest, Sha256};

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
    Tokens { text, at: 0 }.take(stop + 1).count()
}

/// What tells a document apart from others, and what does not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Likeness {
    /// The same for documents that differ in their layout, their commas and comments, and in the alias of their only root field.
    pub digest: u128,
    /// That alias: the one key below `data`.
    pub alias: Option<String>,
}

/// Reads what a document is like from its tokens, in one pass.
pub fn likeness(text: &str) -> Likeness {
    let tokens: Vec<&[u8]> = Tokens { text: text.as_bytes(), at: 0 }.collect();
    let place = alias_of_only_root(&tokens);
    let mut digest = Sha256::new();
    for (at, token) in tokens.iter().enumerate() {
        // No token is empty, so that nothing else looks like an alias that is left out.
        let token = if place == Some(at) { &[] } else { *token };
        digest.update((token.len() as u64).to_le_bytes());
        digest.update(token);
    }
    let digest = digest.finalize().iter().take(16).fold(0, |sum, byte| sum << 8 | u128::from(*byte));
    let alias = place.map(|place| String::from_utf8_lossy(tokens[place]).into_owned());
    Likeness { digest, alias }
}

/// Where the alias stands of the only field at the root of the only operation, a query; none where it is not as plain as that.
fn alias_of_only_root(tokens: &[&[u8]]) -> Option<usize> {
    let open = match *tokens.first()? {
        b"{" => 0,
        b"query" => skip_to(tokens, 1, b"{")?,
        _ => return None,
    };
    let [alias, colon, name] = [open + 1, open + 2, open + 3].map(|at| tokens.get(at).copied().unwrap_or_default());
    if !is_name(alias) || colon != b":" || !is_name(name) {
        return None;
    }
    let mut at = behind_group(tokens, open + 4, b"(", b")")?;
    while tokens.get(at) == Some(&&b"@"[..]) {
        at = behind_group(tokens, at + 2, b"(", b")")?;
    }
    at = behind_group(tokens, at, b"{", b"}")?;
    let is_last = tokens.get(at) == Some(&&b"}"[..]);
    // Fragments may follow; another operation would make it a matter of which one is meant.
    let only_fragments = tokens[(at + 1).min(tokens.len())..]
        .iter()
        .all(|token| !matches!(*token, b"query" | b"mutation" | b"subscription"));
    let follows = tokens.get(at + 1).is_none_or(|token| *token == b"fragment");
    (is_last && only_fragments && follows).then_some(open + 1)
}

/// The place of a token outside of parentheses.
fn skip_to(tokens: &[&[u8]], mut at: usize, wanted: &[u8]) -> Option<usize> {
    loop {
        at = behind_group(tokens, at, b"(", b")")?;
        if *tokens.get(at)? == wanted {
            return Some(at);
        }
        at += 1;
    }
}

/// The place behind a group that may begin here; the same place where none does, nothing where it does not end.
fn behind_group(tokens: &[&[u8]], at: usize, open: &[u8], close: &[u8]) -> Option<usize> {
    if tokens.get(at).copied() != Some(open) {
        return Some(at);
    }
    let mut depth = 0_usize;
    for (place, token) in tokens.iter().enumerate().skip(at) {
        if *token == open {
            depth += 1;
        } else if *token == close {
            depth -= 1;
            if depth == 0 {
                return Some(place + 1);
            }
        }
    }
    None
}

/// Whether a token is a name (GraphQL §2.1.9).
fn is_name(token: &[u8]) -> bool {
    token.first().is_some_and(|first| first.is_ascii_alphabetic() || *first == b'_')
        && token.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
}

/// The lexical tokens of a document (GraphQL §2.1.6).
struct Tokens<'a> {
    text: &'a [u8],
    at: usize,
}

impl<'a> Iterator for Tokens<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let text = self.text;
        loop {
            let begin = self.at;
            let end = match *text.get(begin)? {
                b' ' | b'\t' | b'\r' | b'\n' | b',' => {
                    self.at += 1;
                    continue;
                }
                b'#' => {
                    self.at += text[begin..].iter().position(|byte| *byte == b'\n').unwrap_or(text.len() - begin);
                    continue;
                }
                b'"' => end_of_string(text, begin),
                b'.' if text[begin..].starts_with(b"...") => begin + 3,
                byte if is_wordy(byte) => {
                    begin + text[begin..].iter().position(|byte| !is_wordy(*byte)).unwrap_or(text.len() - begin)
                }
                _ => begin + 1,
            };
            self.at = end;
            return Some(&text[begin..end]);
        }
    }
}

fn is_wordy(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}

/// The place behind a string or block string that begins at `at`.
fn end_of_string(text: &[u8], at: usize) -> usize {
    if text[at..].starts_with(b"\"\"\"") {
        let body = at + 3;
        return text[body..]
            .windows(3)
            .position(|three| three == b"\"\"\"")
            .map_or(text.len(), |found| body + found + 3);
    }
    let mut place = at + 1;
    while place < text.len() {
        match text[place] {
            b'\\' => place += 2,
            b'"' | b'\n' => return place + 1,
            _ => place += 1,
        }
    }
    text.len()
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
    fn documents_are_alike_that_differ_in_the_alias_of_their_only_root_field() {
        let one = likeness("{ a: x(y: {z: \"}\"}) @skip(if: false) { b: c } }");
        assert_eq!(one.alias.as_deref(), Some("a"));
        let alike = likeness("{ b2 : x(y:{z:\"}\"}) @skip(if:false) { b: c } }");
        assert_eq!((one.digest, alike.alias.as_deref()), (alike.digest, Some("b2")));
        for other in [
            "{ x(y: {z: \"}\"}) @skip(if: false) { b: c } }",
            "{ a: x(y: {z: \"}\"}) @skip(if: false) { d: c } }",
            "{ a: w(y: {z: \"}\"}) @skip(if: false) { b: c } }",
            "query { a: x(y: {z: \"}\"}) @skip(if: false) { b: c } }",
        ] {
            assert_ne!(likeness(other).digest, one.digest, "{other}");
        }
        let named = likeness("query Q($v: I = {a: [1]}) @d(x: {}) { k: x { ...F } } fragment F on X { y }");
        assert_eq!(named.alias.as_deref(), Some("k"));
        for plain in [
            "{ a: x b: y }",
            "{ a: x ...F } fragment F on Q { y }",
            "{ ... on Q { a: x } }",
            "query A { a: x } query B { b: x }",
            "mutation { a: x }",
            "subscription { a: x }",
            "{ 1a: x }",
            "{ ä: x }",
            "{ a: x(",
            "{ a: x {",
            "{ a: x } }",
            "{ a: x } { b: y }",
            "{ a: ",
            "{",
            "",
        ] {
            assert_eq!(likeness(plain).alias, None, "{plain}");
        }
    }

    #[test]
    fn the_digest_of_a_document_does_not_change_with_its_layout() {
        let digest = |text| likeness(text).digest;
        let one = digest("{ a(x: \"b  c\") { ...F } }");
        assert_eq!(digest("{a (x:\"b  c\"),\n# told\n {...F}}"), one);
        assert_ne!(digest("{ a(x: \"b c\") { ...F } }"), one, "text in quotes");
        assert_ne!(digest("{ ab }"), digest("{ a b }"));
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
