//! Detection of objects that a document selects in several places.

use async_graphql_parser::types::{ExecutableDocument, Field, OperationDefinition, Selection, SelectionSet};
use async_graphql_value::Name;

/// Returns true if two object selections of an operation have the same response key. The executor must then merge both,
/// which is impossible with raw JSON. Expects an operation within the operation limits, because fragments are visited
/// once per spread.
pub fn has_merged_objects(document: &ExecutableDocument, operation: &OperationDefinition) -> bool {
    MergeVisitor { document, fragment_stack: Vec::new() }.has_merged_objects(&operation.selection_set.node)
}

struct MergeVisitor<'a> {
    document: &'a ExecutableDocument,
    /// Fragments being visited.
    fragment_stack: Vec<&'a Name>,
}

impl<'a> MergeVisitor<'a> {
    fn has_merged_objects(&mut self, set: &'a SelectionSet) -> bool {
        let mut fields = Vec::new();
        if !self.flatten(set, &mut fields) {
            return true;
        }
        let key = |field: &'a Field| field.alias.as_ref().map_or(&field.name.node, |alias| &alias.node);
        let with_rows: Vec<_> = fields.into_iter().filter(|field| !field.selection_set.node.items.is_empty()).collect();
        let is_twice = with_rows
            .iter()
            .enumerate()
            .any(|(index, field)| with_rows[..index].iter().any(|other| key(other) == key(field)));
        is_twice || with_rows.iter().any(|field| self.has_merged_objects(&field.selection_set.node))
    }

    /// Collects the fields of a selection set, including those of its fragments. Returns false if a fragment is missing
    /// or recursive.
    fn flatten(&mut self, set: &'a SelectionSet, fields: &mut Vec<&'a Field>) -> bool {
        set.items.iter().all(|item| match &item.node {
            Selection::Field(field) => {
                fields.push(&field.node);
                true
            }
            Selection::InlineFragment(inline) => self.flatten(&inline.node.selection_set.node, fields),
            Selection::FragmentSpread(spread) => {
                let name = &spread.node.fragment_name.node;
                let Some(fragment) = self.document.fragments.get(name).filter(|_| !self.fragment_stack.contains(&name))
                else {
                    return false;
                };
                self.fragment_stack.push(name);
                let is_complete = self.flatten(&fragment.node.selection_set.node, fields);
                self.fragment_stack.pop();
                is_complete
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use async_graphql_parser::parse_query;

    use super::*;

    fn read(text: &str) -> bool {
        let document = parse_query(text).expect("a document");
        let (_, operation) = document.operations.iter().next().expect("an operation");
        has_merged_objects(&document, &operation.node)
    }

    #[test]
    fn only_objects_under_one_key_need_merging() {
        for (text, found) in [
            ("{ events { nodes { id id title } } }", false),
            ("{ a: events { nodes { id } } b: events { nodes { id } } }", false),
            ("{ events { ...F } } fragment F on EventConnection { nodes { id } }", false),
            ("{ events { nodes { id } nodes { title } } }", true),
            ("{ events { nodes { id } } events { nodes { title } } }", true),
            ("{ events { nodes { id } ...F } } fragment F on EventConnection { nodes { title } }", true),
            ("{ events { nodes { id } ... { nodes { title } } } }", true),
            ("{ events { nodes { sections { id } sections { name } } } }", true),
            ("{ events { ...F } } fragment F on EventConnection { ...F }", true),
            ("{ events { ...Missing } }", true),
        ] {
            assert_eq!(read(text), found, "{text}");
        }
    }
}
