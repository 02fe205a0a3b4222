//! Size of an operation after fragment expansion, measured in one pass over the validated document.
//!
//! A fragment is measured once and added at every spread, so the work is linear in the size of the document: 750 bytes
//! of fragments that spread each other twice can stand for 2^40 fields.

use std::collections::HashMap;

use apollo_compiler::Node;
use apollo_compiler::executable::{Fragment, FragmentMap, Operation, Selection, SelectionSet};

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
}

impl OperationSize {
    /// Measures one operation of a validated document.
    pub(super) fn of(fragments: &FragmentMap, operation: &Operation) -> Self {
        let mut counter = SizeCounter { fragments, measured_fragments: HashMap::new() };
        let mut size = counter.selection_set(&operation.selection_set);
        size.directives = size.directives.saturating_add(operation.directives.len() as u64);
        size
    }
}

struct SizeCounter<'a> {
    fragments: &'a FragmentMap,
    measured_fragments: HashMap<&'a str, OperationSize>,
}

impl<'a> SizeCounter<'a> {
    fn selection_set(&mut self, set: &'a SelectionSet) -> OperationSize {
        let mut sum = OperationSize::default();
        for selection in &set.selections {
            let part = match selection {
                Selection::Field(field) => {
                    let inner = self.selection_set(&field.selection_set);
                    OperationSize {
                        fields: inner.fields.saturating_add(1),
                        depth: inner.depth.saturating_add(1),
                        aliases: inner.aliases.saturating_add(field.alias.is_some().into()),
                        root_fields: 1,
                        directives: inner.directives,
                        introspects: inner.introspects || is_introspection_field(&field.name),
                    }
                }
                Selection::InlineFragment(inline) => self.selection_set(&inline.selection_set),
                Selection::FragmentSpread(spread) => match self.fragments.get(&spread.fragment_name) {
                    Some(fragment) => self.fragment(fragment),
                    None => OperationSize::default(),
                },
            };
            sum.fields = sum.fields.saturating_add(part.fields);
            sum.depth = sum.depth.max(part.depth);
            sum.aliases = sum.aliases.saturating_add(part.aliases);
            sum.root_fields = sum.root_fields.saturating_add(part.root_fields);
            sum.introspects |= part.introspects;
            let own_directives = selection.directives().len() as u64;
            sum.directives = sum.directives.saturating_add(part.directives).saturating_add(own_directives);
        }
        sum
    }

    fn fragment(&mut self, fragment: &'a Node<Fragment>) -> OperationSize {
        if let Some(size) = self.measured_fragments.get(fragment.name.as_str()) {
            return *size;
        }
        // Validation rejects fragments that spread themselves, so this terminates.
        let size = self.selection_set(&fragment.selection_set);
        self.measured_fragments.insert(fragment.name.as_str(), size);
        size
    }
}

fn is_introspection_field(field: &str) -> bool {
    matches!(field, "__schema" | "__type" | "_service")
}
