//! The text of the subgraph: that of the schema, with keys, what fields cost, how long lists are, and topics.

use std::collections::HashMap;

use async_graphql::Schema;

use crate::graphql::cost;
use crate::graphql::schema::{Mutation, Query, Subscription, sdl_options, topics};
use catalog::USUAL_PAGE;

/// What the text begins with: the version of federation, and the directives that the text uses.
pub(super) const LINK: &str = r#"extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@cost", "@key", "@listSize", "@shareable", "@tag"])"#;

/// The schema as the text of a subgraph: every type that implements Node is an entity, and gateways may watch it too.
///
/// `@cost` is the number of calls of one source that a field causes at most, `@listSize` the rows of a page, and `@tag` the
/// topic of a root field, by which contracts can leave topics out.
pub fn sdl() -> String {
    let schema = Schema::build(Query::default(), Mutation::default(), Subscription::default())
        .enable_subscription_in_federation()
        .finish();
    let text = schema.sdl_with_options(sdl_options().federation());
    // What follows the types is the library's own link, of an older version of federation.
    let types = text.split("extend schema @link").next().unwrap_or_default();
    let mut pen = Pen { topics: topics(), owner: None, field: None, is_paged: false, is_prose: false };
    let mut out = format!("{LINK}\n\n");
    for line in types.trim_end().lines() {
        out.push_str(&pen.copy(line));
        out.push('\n');
    }
    out
}

/// Copies the text line by line, and knows where in it the line stands.
struct Pen<'a> {
    /// The topic of each root field, by the names of its owner and itself.
    topics: HashMap<(String, String), &'static str>,
    /// The type whose fields are being copied.
    owner: Option<&'a str>,
    /// The field whose arguments are being copied.
    field: Option<&'a str>,
    /// Whether it pages.
    is_paged: bool,
    /// Inside a description of several lines.
    is_prose: bool,
}

impl<'a> Pen<'a> {
    fn copy(&mut self, line: &'a str) -> String {
        if line.matches("\"\"\"").count() % 2 == 1 {
            self.is_prose = !self.is_prose;
            return line.to_owned();
        }
        if self.is_prose || line.trim_start().starts_with('"') {
            return line.to_owned();
        }
        match (self.owner, self.field) {
            (None, _) => {
                self.owner = line.strip_prefix("type ").and_then(|head| head.split(' ').next());
                with_key(line)
            }
            (Some(_), None) if line == "}" => {
                self.owner = None;
                line.to_owned()
            }
            (Some(owner), None) => {
                let name = line.trim_start().split(['(', ':']).next().unwrap_or_default();
                if line.ends_with('(') {
                    (self.field, self.is_paged) = (Some(name), false);
                    return line.to_owned();
                }
                self.with_directives(line, owner, name, false)
            }
            (Some(owner), Some(name)) => {
                self.is_paged |= line.trim_start().starts_with("first:");
                if !line.starts_with("  )") {
                    return line.to_owned();
                }
                self.field = None;
                self.with_directives(line, owner, name, self.is_paged)
            }
        }
    }

    /// The last line of a field, with what is to be said about it.
    fn with_directives(&self, line: &str, owner: &str, field: &str, is_paged: bool) -> String {
        let mut out = line.to_owned();
        if let Some(weight) = cost::weight(owner, field) {
            out.push_str(&format!(" @cost(weight: {weight})"));
        }
        if is_paged {
            out.push_str(&format!(
                r#" @listSize(assumedSize: {USUAL_PAGE}, slicingArguments: ["first"], sizedFields: ["edges", "nodes"], requireOneSlicingArgument: false)"#
            ));
        }
        if let Some(topic) = self.topics.get(&(owner.to_owned(), field.to_owned())) {
            out.push_str(&format!(" @tag(name: \"{topic}\")"));
        }
        out
    }
}

/// The first line of a type, with the key of an entity where the type is one.
fn with_key(line: &str) -> String {
    let interfaces = line.strip_prefix("type ").and_then(|head| head.split_once(" implements "));
    match interfaces.and_then(|(_, after)| after.split_once(" {")) {
        Some((names, _)) if names.split(['&', ' ']).any(|name| name == "Node") => {
            line.replacen(" {", " @key(fields: \"id\") {", 1)
        }
        _ => line.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use async_graphql_parser::types::{ConstDirective, FieldDefinition, TypeKind, TypeSystemDefinition};

    use super::*;

    /// Every field of every object, with its owner.
    fn fields() -> Vec<(String, FieldDefinition)> {
        let document = async_graphql_parser::parse_schema(sdl()).expect("a schema");
        let mut all = Vec::new();
        for definition in document.definitions {
            let TypeSystemDefinition::Type(definition) = definition else { continue };
            let TypeKind::Object(object) = definition.node.kind else { continue };
            let owner = definition.node.name.node.to_string();
            all.extend(object.fields.into_iter().map(|field| (owner.clone(), field.node)));
        }
        all
    }

    fn named<'a>(field: &'a FieldDefinition, name: &str) -> Vec<&'a ConstDirective> {
        field.directives.iter().map(|directive| &directive.node).filter(|found| found.name.node == name).collect()
    }

    #[test]
    fn every_node_has_a_key_and_nothing_else_has() {
        let text = sdl();
        for line in text.lines().filter(|line| line.starts_with("type ")) {
            let is_node = line.contains("implements Node") || line.contains("& Node");
            assert_eq!(line.contains("@key(fields: \"id\")"), is_node, "{line}");
        }
        assert!(text.starts_with(LINK));
        assert!(!text.contains("_entities") && !text.contains("_service"), "a gateway adds these itself");
        assert!(text.contains("type PageInfo @shareable {"), "other subgraphs page too");
        assert!(text.contains("type Subscription {"));
    }

    #[test]
    fn every_root_field_has_one_topic_and_nothing_else_has() {
        for (owner, field) in fields() {
            let is_root = ["Query", "Mutation", "Subscription"].contains(&owner.as_str());
            assert_eq!(named(&field, "tag").len(), usize::from(is_root), "{owner}.{}", field.name.node);
        }
    }

    #[test]
    fn what_calls_sources_tells_its_cost_and_what_pages_its_size() {
        for (owner, field) in fields() {
            let name = field.name.node.as_str();
            let told = named(&field, "cost").first().map(|cost| cost.arguments[0].1.node.to_string());
            assert_eq!(told, cost::weight(&owner, name).map(|weight| weight.to_string()), "{owner}.{name}");
            let is_paged = field.arguments.iter().any(|argument| argument.node.name.node == "first");
            assert_eq!(named(&field, "listSize").len(), usize::from(is_paged), "{owner}.{name}");
        }
        let text = sdl();
        assert!(text.contains("): OrderPayload! @cost(weight: 3) @tag(name: \"orders\")"));
    }
}
