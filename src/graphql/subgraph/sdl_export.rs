//! The SDL of the subgraph: the schema with entity keys, costs, list sizes and topic tags.

use std::collections::HashMap;

use async_graphql::Schema;
use catalog::DEFAULT_PAGE_SIZE;

use crate::graphql::base::cost;
use crate::graphql::schema::{Mutation, Query, Subscription, sdl_options, topics};

/// Opening line: the federation version and the imported directives.
pub(super) const FEDERATION_LINK: &str = r#"extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@cost", "@key", "@listSize", "@shareable", "@tag"])"#;

/// Returns the schema as subgraph SDL. Every type that implements Node is an entity, and gateways may subscribe.
///
/// `@cost` is the largest number of calls to one source that a field causes, `@listSize` the rows of a page, and `@tag`
/// the topic of a root field, by which contracts can exclude topics.
pub fn sdl() -> String {
    let schema = Schema::build(Query::default(), Mutation::default(), Subscription::default())
        .enable_subscription_in_federation()
        .finish();
    let text = schema.sdl_with_options(sdl_options().federation());
    // The types are followed by the library's own link to an older version of federation.
    let types = text.split("extend schema @link").next().unwrap_or_default();
    let mut pen = SdlAnnotator { topics: topics(), owner: None, field: None, is_paged: false, in_description: false };
    let mut out = format!("{FEDERATION_LINK}\n\n");
    for line in types.trim_end().lines() {
        out.push_str(&pen.annotate(line));
        out.push('\n');
    }
    out
}

/// Adds directives to SDL line by line, tracking the position in the document.
struct SdlAnnotator<'a> {
    /// The topic of each root field, by owner and field name.
    topics: HashMap<(String, String), &'static str>,
    /// The type whose fields are being read.
    owner: Option<&'a str>,
    /// The field whose arguments are being read.
    field: Option<&'a str>,
    /// True if the field returns a page.
    is_paged: bool,
    /// True inside a multi-line description.
    in_description: bool,
}

impl<'a> SdlAnnotator<'a> {
    fn annotate(&mut self, line: &'a str) -> String {
        if line.matches("\"\"\"").count() % 2 == 1 {
            self.in_description = !self.in_description;
            return line.to_owned();
        }
        if self.in_description || line.trim_start().starts_with('"') {
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

    /// Appends the directives to the last line of a field.
    fn with_directives(&self, line: &str, owner: &str, field: &str, is_paged: bool) -> String {
        let mut out = line.to_owned();
        if let Some(weight) = cost::cost_weight(owner, field) {
            out.push_str(&format!(" @cost(weight: {weight})"));
        }
        if is_paged {
            out.push_str(&format!(
                r#" @listSize(assumedSize: {DEFAULT_PAGE_SIZE}, slicingArguments: ["first"], sizedFields: ["edges", "nodes"], requireOneSlicingArgument: false)"#
            ));
        }
        if let Some(topic) = self.topics.get(&(owner.to_owned(), field.to_owned())) {
            out.push_str(&format!(" @tag(name: \"{topic}\")"));
        }
        out
    }
}

/// Appends the entity key to the first line of a type that implements Node.
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
    fn only_nodes_have_an_entity_key() {
        let text = sdl();
        for line in text.lines().filter(|line| line.starts_with("type ")) {
            let is_node = line.contains("implements Node") || line.contains("& Node");
            assert_eq!(line.contains("@key(fields: \"id\")"), is_node, "{line}");
        }
        assert!(text.starts_with(FEDERATION_LINK));
        assert!(!text.contains("_entities") && !text.contains("_service"), "a gateway adds these itself");
        assert!(text.contains("type PageInfo @shareable {"), "other subgraphs page too");
        assert!(text.contains("type Subscription {"));
    }

    #[test]
    fn only_root_fields_have_a_topic() {
        for (owner, field) in fields() {
            let is_root = ["Query", "Mutation", "Subscription"].contains(&owner.as_str());
            assert_eq!(named(&field, "tag").len(), usize::from(is_root), "{owner}.{}", field.name.node);
        }
    }

    #[test]
    fn fields_with_source_calls_have_a_cost_and_paged_fields_a_list_size() {
        for (owner, field) in fields() {
            let name = field.name.node.as_str();
            let weight = named(&field, "cost").first().map(|cost| cost.arguments[0].1.node.to_string());
            assert_eq!(weight, cost::cost_weight(&owner, name).map(|weight| weight.to_string()), "{owner}.{name}");
            let is_paged = field.arguments.iter().any(|argument| argument.node.name.node == "first");
            assert_eq!(named(&field, "listSize").len(), usize::from(is_paged), "{owner}.{name}");
        }
        let text = sdl();
        assert!(text.contains("): OrderPayload! @cost(weight: 3) @tag(name: \"orders\")"));
    }
}
