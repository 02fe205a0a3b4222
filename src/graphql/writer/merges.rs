//! Whether a document asks for one object in several places.

use async_graphql_parser::types::{ExecutableDocument, Field, OperationDefinition, Selection, SelectionSet};
use async_graphql_value::Name;

/// Whether two selections of an operation come under one key: the executor then merges what both tell, which it cannot do with what
/// is written already. Expects an operation whose weight is within its limits: what is spread is walked as often as it is spread.
pub fn merges(document: &ExecutableDocument, operation: &OperationDefinition) -> bool {
    Walk { document, open: Vec::new() }.merges(&operation.selection_set.node)
}

struct Walk<'a> {
    document: &'a ExecutableDocument,
    /// Fragments on the way to here.
    open: Vec<&'a Name>,
}

impl<'a> Walk<'a> {
    fn merges(&mut self, set: &'a SelectionSet) -> bool {
        let mut fields = Vec::new();
        if !self.flatten(set, &mut fields) {
            return true;
        }
        let key = |field: &'a Field| field.alias.as_ref().map_or(&field.name.node, |alias| &alias.node);
        let with_rows: Vec<_> = fields.into_iter().filter(|field| !field.selection_set.node.items.is_empty()).collect();
        let is_twice =
            with_rows.iter().enumerate().any(|(at, field)| with_rows[..at].iter().any(|one| key(one) == key(field)));
        is_twice || with_rows.iter().any(|field| self.merges(&field.selection_set.node))
    }

    /// The fields of a set, those of its fragments among them; false where they cannot be told.
    fn flatten(&mut self, set: &'a SelectionSet, fields: &mut Vec<&'a Field>) -> bool {
        set.items.iter().all(|item| match &item.node {
            Selection::Field(field) => {
                fields.push(&field.node);
                true
            }
            Selection::InlineFragment(inline) => self.flatten(&inline.node.selection_set.node, fields),
            Selection::FragmentSpread(spread) => {
                let name = &spread.node.fragment_name.node;
                let Some(fragment) = self.document.fragments.get(name).filter(|_| !self.open.contains(&name)) else {
                    return false;
                };
                self.open.push(name);
                let fits = self.flatten(&fragment.node.selection_set.node, fields);
                self.open.pop();
                fits
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
        merges(&document, &operation.node)
    }

    #[test]
    fn objects_under_one_key_are_merged_and_leaves_are_not() {
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
