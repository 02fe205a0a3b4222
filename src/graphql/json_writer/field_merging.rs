//! Detection of objects that an operation selects in several places.

use std::collections::HashSet;

use async_graphql_parser::types::{Field, OperationDefinition, Selection, SelectionSet};

/// Returns true if two object selections of a lowered operation have the same response key, which is left where an
/// object may be of several types. The executor must then merge both, which is impossible with raw JSON.
pub fn has_merged_objects(operation: &OperationDefinition) -> bool {
    has_twice(&operation.selection_set.node)
}

fn has_twice(set: &SelectionSet) -> bool {
    let mut objects = Vec::new();
    collect_objects(set, &mut objects);
    let mut keys = HashSet::new();
    objects.iter().any(|field| !keys.insert(field.response_key().node.as_str()))
        || objects.iter().any(|field| has_twice(&field.selection_set.node))
}

/// Collects the fields with selections, including those of inline fragments.
fn collect_objects<'a>(set: &'a SelectionSet, objects: &mut Vec<&'a Field>) {
    for item in &set.items {
        match &item.node {
            Selection::Field(field) if field.node.selection_set.node.items.is_empty() => {}
            Selection::Field(field) => objects.push(&field.node),
            Selection::InlineFragment(inline) => collect_objects(&inline.node.selection_set.node, objects),
            // Lowering inlines named fragments.
            Selection::FragmentSpread(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graphql::operation::testing::lower;

    #[test]
    fn only_objects_of_several_types_need_merging() {
        for (text, found) in [
            ("{ events { nodes { id id title } } }", false),
            ("{ events { nodes { id } nodes { title } } }", false),
            ("{ events { nodes { id } } events { nodes { title } } }", false),
            ("{ events { nodes { id } ...F } } fragment F on EventConnection { nodes { title } }", false),
            ("{ node(id: \"x\") { ... on Event { source { id } } } }", false),
            ("{ node(id: \"x\") { ... on Event { source { id } } ... on Performance { event { id } } } }", false),
            ("{ node(id: \"x\") { ... on Event { source { id } } ... on Event { source { name } } } }", true),
        ] {
            assert_eq!(has_merged_objects(lower(text).operation()), found, "{text}");
        }
    }
}
