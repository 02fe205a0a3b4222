//! Lines and columns of the fields of a document, for the locations of errors (GraphQL §7.1.2).

use apollo_compiler::executable::{ExecutableDocument, Selection, SelectionSet};
use async_graphql::Pos;

/// Lines and columns of fields, by byte offset.
pub(super) struct Positions(Vec<(usize, Pos)>);

impl Positions {
    /// Locates all fields in one pass over the text.
    pub(super) fn of(text: &str, document: &ExecutableDocument) -> Self {
        let mut offsets = Vec::new();
        for operation in document.operations.iter() {
            collect(&operation.selection_set, &mut offsets);
        }
        for fragment in document.fragments.values() {
            collect(&fragment.selection_set, &mut offsets);
        }
        offsets.sort_unstable();
        Self::locate(text, offsets)
    }

    /// Locates offsets, which are in ascending order.
    pub(super) fn locate(text: &str, offsets: Vec<usize>) -> Self {
        let mut found = Vec::with_capacity(offsets.len());
        let (mut line, mut column, mut previous) = (1, 1, '\0');
        let mut wanted = offsets.into_iter().peekable();
        for (offset, character) in text.char_indices() {
            while wanted.next_if_eq(&offset).is_some() {
                found.push((offset, Pos { line, column }));
            }
            match character {
                // "\r\n" is one line terminator (GraphQL §2.1.2).
                '\n' if previous == '\r' => {}
                '\n' | '\r' => (line, column) = (line + 1, 1),
                _ => column += 1,
            }
            previous = character;
        }
        Self(found)
    }

    /// Returns the position of the field at a byte offset.
    pub(super) fn get(&self, offset: usize) -> Pos {
        self.0.binary_search_by_key(&offset, |(known, _)| *known).map_or(Pos::default(), |index| self.0[index].1)
    }
}

fn collect(set: &SelectionSet, offsets: &mut Vec<usize>) {
    for selection in &set.selections {
        match selection {
            Selection::Field(field) => {
                offsets.extend(field.location().map(|location| location.offset()));
                collect(&field.selection_set, offsets);
            }
            Selection::InlineFragment(inline) => collect(&inline.selection_set, offsets),
            Selection::FragmentSpread(_) => {}
        }
    }
}
