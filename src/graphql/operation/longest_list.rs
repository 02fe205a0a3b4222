//! Length of the lists in the arguments of a lowered operation.

use async_graphql_parser::types as lowered;

/// Returns the length of the longest list in an argument, except `representations`.
pub(super) fn longest_list(set: &lowered::SelectionSet) -> usize {
    let longest = set.items.iter().map(|item| match &item.node {
        lowered::Selection::Field(field) => {
            let arguments = field.node.arguments.iter().filter(|(name, _)| name.node != "representations");
            let longest = arguments.map(|(_, value)| longest_in_value(&value.node)).max().unwrap_or_default();
            longest.max(longest_list(&field.node.selection_set.node))
        }
        lowered::Selection::InlineFragment(inline) => longest_list(&inline.node.selection_set.node),
        lowered::Selection::FragmentSpread(_) => 0,
    });
    longest.max().unwrap_or_default()
}

fn longest_in_value(value: &async_graphql_value::Value) -> usize {
    match value {
        async_graphql_value::Value::List(items) => items.iter().map(longest_in_value).fold(items.len(), usize::max),
        async_graphql_value::Value::Object(fields) => fields.values().map(longest_in_value).max().unwrap_or_default(),
        _ => 0,
    }
}
