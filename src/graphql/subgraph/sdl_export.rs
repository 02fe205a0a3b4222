//! The SDL of the subgraph: the schema with entity keys, costs, list sizes and topic tags.

use apollo_compiler::ast::{Argument, Definition, Directive, Document, FieldDefinition, Value};
use apollo_compiler::{Name, Node, name};
use async_graphql::Schema;
use catalog::DEFAULT_PAGE_SIZE;

use crate::graphql::base::cache_validity::is_cacheable_entity;
use crate::graphql::base::cost;
use crate::graphql::schema::{Mutation, Query, Subscription, sdl_options, topics};

/// Opening line: the federation version and the imported directives.
pub(super) const FEDERATION_LINK: &str = r#"extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@cost", "@key", "@listSize", "@shareable", "@tag"])"#;

/// Opening line with `@cacheTag`, which Apollo Router supports and Apollo Gateway refuses.
const CACHE_TAG_LINK: &str = r#"extend schema @link(url: "https://specs.apollo.dev/federation/v2.12", import: ["@cacheTag", "@cost", "@key", "@listSize", "@shareable", "@tag"])"#;

/// Returns the schema as subgraph SDL. Every type that implements Node is an entity, and gateways may subscribe.
///
/// `@cost` is the largest number of calls to one source that a field causes, `@listSize` the rows of a page, and `@tag`
/// the topic of a root field, by which contracts can exclude topics.
///
/// # Panics
///
/// If the generated SDL cannot be parsed, which every test would reveal.
pub fn sdl() -> String {
    format!("{FEDERATION_LINK}\n\n{}", document())
}

/// Returns the SDL with `@cacheTag`: what the response cache of a router has stored can be invalidated by the ids in webhooks.
///
/// # Panics
///
/// If the generated SDL cannot be parsed, which every test would reveal.
pub fn sdl_with_cache_tags() -> String {
    let mut document = document();
    for definition in &mut document.definitions {
        let Definition::ObjectTypeDefinition(object) = definition else { continue };
        let object = object.make_mut();
        if is_cacheable_entity(&object.name) {
            object.directives.push(cache_tag(&format!("{}-{{$key.id}}", object.name.to_lowercase())));
        }
        for field in &mut object.fields {
            match (object.name.as_str(), field.name.as_str()) {
                ("Query", "events") => field.make_mut().directives.push(cache_tag("events")),
                ("Query", "event") => field.make_mut().directives.push(cache_tag("event-{$args.id}")),
                _ => {}
            }
        }
    }
    format!("{CACHE_TAG_LINK}\n\n{document}")
}

/// Returns the annotated definitions, without the link of the library.
fn document() -> Document {
    let schema = Schema::build(Query::default(), Mutation::default(), Subscription::default())
        .enable_subscription_in_federation()
        .finish();
    let text = schema.sdl_with_options(sdl_options().federation());
    let mut document = Document::parse(text, "subgraph.graphql").expect("the generated SDL");
    // The library links an older version of federation.
    document.definitions.retain(|definition| !matches!(definition, Definition::SchemaExtension(_)));
    let topics = topics();
    for definition in &mut document.definitions {
        let Definition::ObjectTypeDefinition(object) = definition else { continue };
        let object = object.make_mut();
        if object.implements_interfaces.iter().any(|interface| interface == "Node") {
            object.directives.push(directive(name!("key"), [(name!("fields"), string("id"))]));
        }
        for field in &mut object.fields {
            let topic = topics.get(&(object.name.to_string(), field.name.to_string()));
            annotate(field.make_mut(), &object.name, topic.copied());
        }
    }
    document
}

/// Adds the directives of a field.
fn annotate(field: &mut FieldDefinition, owner: &str, topic: Option<&'static str>) {
    if let Some(weight) = cost::cost_weight(owner, &field.name) {
        let weight = i32::try_from(weight).unwrap_or(i32::MAX);
        field.directives.push(directive(name!("cost"), [(name!("weight"), Node::new(Value::from(weight)))]));
    }
    if field.argument_by_name("first").is_some() {
        let list = |items: &[&str]| Node::new(Value::List(items.iter().map(|item| string(item)).collect()));
        let rows = i32::try_from(DEFAULT_PAGE_SIZE).unwrap_or(i32::MAX);
        let mut sized = directive(
            name!("listSize"),
            [
                (name!("assumedSize"), Node::new(Value::from(rows))),
                (name!("slicingArguments"), list(&["first"])),
                (name!("requireOneSlicingArgument"), Node::new(Value::Boolean(false))),
            ],
        );
        // A connection has its rows in fields; a plain list is them.
        if !field.ty.is_list() {
            let (name, value) = (name!("sizedFields"), list(&["edges", "nodes"]));
            sized.arguments.push(Node::new(Argument { name, value }));
        }
        field.directives.push(sized);
    }
    if let Some(topic) = topic {
        field.directives.push(directive(name!("tag"), [(name!("name"), string(topic))]));
    }
}

fn cache_tag(format: &str) -> Directive {
    directive(name!("cacheTag"), [(name!("format"), string(format))])
}

fn directive<const N: usize>(name: Name, arguments: [(Name, Node<Value>); N]) -> Directive {
    let arguments = arguments.into_iter().map(|(name, value)| Node::new(Argument { name, value }));
    Directive { name, arguments: arguments.collect() }
}

fn string(text: &str) -> Node<Value> {
    Node::new(Value::String(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use async_graphql_parser::types::{ConstDirective, FieldDefinition, TypeKind, TypeSystemDefinition};

    use super::*;

    /// Every field of every object, with its owner.
    fn fields() -> Vec<(String, FieldDefinition)> {
        fields_of(&sdl())
    }

    fn fields_of(text: &str) -> Vec<(String, FieldDefinition)> {
        let document = async_graphql_parser::parse_schema(text).expect("a schema");
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
    fn everything_that_a_router_may_cache_has_a_cache_tag() {
        let text = sdl_with_cache_tags();
        for line in [
            "type Event implements Node @key(fields: \"id\") @cacheTag(format: \"event-{$key.id}\") {",
            "type Performance implements Node @key(fields: \"id\") @cacheTag(format: \"performance-{$key.id}\") {",
        ] {
            assert!(text.contains(line), "{line}");
        }
        assert!(
            text.starts_with(CACHE_TAG_LINK) && !sdl().contains("@cacheTag"),
            "Apollo Gateway refuses the directive"
        );
        let tagged: Vec<_> =
            fields_of(&text).into_iter().filter(|(_, field)| !named(field, "cacheTag").is_empty()).collect();
        let names: Vec<String> = tagged.iter().map(|(owner, field)| format!("{owner}.{}", field.name.node)).collect();
        assert_eq!(names, ["Query.event", "Query.events"]);
        assert!(!text.lines().any(|line| line.starts_with("type Order ") && line.contains("@cacheTag")));
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
            // Composition fails where a plain list has sized fields.
            let is_connection = field.ty.node.to_string().trim_end_matches('!').ends_with("Connection");
            let sized = named(&field, "listSize").iter().any(|size| size.get_argument("sizedFields").is_some());
            assert_eq!(sized, is_paged && is_connection, "{owner}.{name}");
        }
        let text = sdl();
        assert!(text.contains("): OrderPayload! @cost(weight: 3) @tag(name: \"orders\")"));
    }
}
