//! Lowering: the operation of a request as async-graphql executes it.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};

use apollo_compiler::ast::Value as Literal;
use apollo_compiler::executable::{
    Argument, Directive, DirectiveList, ExecutableDocument, Field, Operation, OperationType, Selection, SelectionSet,
};
use apollo_compiler::schema::ExtendedType;
use apollo_compiler::{Node, Schema};
use async_graphql::indexmap::IndexMap;
use async_graphql::{Name, Pos, Positioned, Request, ServerError, Value};
use async_graphql_parser::types as lowered;
use serde_json::Map;

use crate::graphql::base::error::ErrorCode;
use crate::graphql::operation::deferral::{DEFER, DeferredFragment, FragmentId};
use crate::graphql::operation::longest_list::longest_list;
use crate::graphql::operation::positions::Positions;
use crate::graphql::operation::variables::number_to_json;

/// An operation without variables, directives and named fragments. Fields of one response key are merged, unless an inline
/// fragment between them has the key too. Inline fragments are left only where an object may be of several types.
pub struct LoweredOperation {
    /// The operation as a document of its own.
    pub document: lowered::ExecutableDocument,
}

impl LoweredOperation {
    /// Returns the operation.
    pub fn operation(&self) -> &lowered::OperationDefinition {
        let mut operations = self.document.operations.iter();
        let (_, operation) = operations.next().expect("`lower` creates one operation");
        &operation.node
    }

    /// Returns the length of the longest list in an argument. The `representations` of a federation gateway have a limit
    /// of their own.
    pub fn longest_list(&self) -> usize {
        longest_list(&self.operation().selection_set.node)
    }

    /// Returns the request that executes the operation.
    pub(in crate::graphql) fn into_request(self) -> Request {
        let mut request = Request::new("");
        request.set_parsed_query(self.document);
        request
    }
}

/// Part of an operation that is lowered.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// All fields. `@defer` is ignored, which the specification allows.
    Everything,
    /// The fields outside of deferred fragments.
    Initial,
    /// The fields of one deferred fragment, and the fields that lead to them.
    Deferred(FragmentId),
}

/// A lowered part.
pub(super) struct Lowered {
    /// The fields of the part.
    pub(super) operation: LoweredOperation,
    /// The deferred fragments outside of an initial part.
    pub(super) deferred: Vec<DeferredFragment>,
    /// Response keys that lead to the objects with a deferred part's fragment.
    pub(super) roots: Vec<Vec<String>>,
}

/// Lowers a part of an operation with its coerced variables.
///
/// # Errors
///
/// A condition is null, or two fields under one response key have different arguments. Of the latter, validation finds
/// all but lists of different lengths (apollo-compiler 1.33, `validation/selection.rs`, `same_value`).
pub(super) fn lower(
    schema: &Schema,
    document: &ExecutableDocument,
    positions: &Positions,
    operation: &Operation,
    variables: &Map<String, serde_json::Value>,
    part: Part,
) -> Result<Lowered, ServerError> {
    let lowering = Lowering {
        schema,
        document,
        positions,
        variables,
        part,
        error: RefCell::default(),
        deferred: RefCell::default(),
        path: RefCell::default(),
        roots: RefCell::default(),
    };
    let operation = lowered::OperationDefinition {
        ty: match operation.operation_type {
            OperationType::Query => lowered::OperationType::Query,
            OperationType::Mutation => lowered::OperationType::Mutation,
            OperationType::Subscription => lowered::OperationType::Subscription,
        },
        variable_definitions: Vec::new(),
        directives: Vec::new(),
        selection_set: at(Pos::default(), lowering.selection_set(&[(&operation.selection_set, part.includes_root())])),
    };
    let document = lowered::ExecutableDocument {
        operations: lowered::DocumentOperations::Single(at(Pos::default(), operation)),
        fragments: HashMap::new(),
    };
    match lowering.error.into_inner() {
        Some(error) => Err(error),
        None => Ok(Lowered {
            operation: LoweredOperation { document },
            deferred: lowering.deferred.into_inner(),
            roots: lowering.roots.into_inner(),
        }),
    }
}

fn at<T>(position: Pos, node: T) -> Positioned<T> {
    Positioned::new(node, position)
}

impl Part {
    /// Returns true if the fields outside of deferred fragments are part of it.
    fn includes_root(self) -> bool {
        !matches!(self, Self::Deferred(_))
    }
}

struct Lowering<'a> {
    schema: &'a Schema,
    document: &'a ExecutableDocument,
    positions: &'a Positions,
    variables: &'a Map<String, serde_json::Value>,
    part: Part,
    /// The first error.
    error: RefCell<Option<ServerError>>,
    /// The deferred fragments outside of the part.
    deferred: RefCell<Vec<DeferredFragment>>,
    /// Response keys that lead to the current selection set.
    path: RefCell<Vec<String>>,
    /// Paths at which the deferred fragment begins.
    roots: RefCell<Vec<Vec<String>>>,
}

/// A selection set, and whether its fields are part of what is lowered. If not, they are kept where they lead to fields
/// that are.
type CollectedSet<'a> = (&'a SelectionSet, bool);

/// Collected selections of one selection set, in the order of their first occurrence.
#[derive(Default)]
struct Collected<'a> {
    entries: IndexMap<EntryKey<'a>, Entry<'a>>,
    /// Spreads so far: a fragment adds nothing when it is spread again.
    spreads: Vec<(&'a str, bool)>,
    /// Number of inline fragments so far that have a response key.
    fragments_with: HashMap<&'a str, usize>,
}

#[derive(PartialEq, Eq, Hash)]
enum EntryKey<'a> {
    /// A response key, and the number of inline fragments before it that may have this key too. Fields on both sides of such a
    /// fragment are executed apart, because only that keeps the order of the keys below them.
    ResponseKey(&'a str, usize),
    /// An inline fragment, by its place: fragments are not merged, because that would change the order of keys.
    Fragment(usize),
}

enum Entry<'a> {
    /// The first field of a response key, and the selection sets of all its fields.
    Field(&'a Field, Pos, Vec<CollectedSet<'a>>),
    /// Selections for objects of one type.
    Fragment(&'a str, CollectedSet<'a>),
}

impl<'a> Lowering<'a> {
    /// Merges the selection sets of a field (GraphQL §6.3.2, CollectFields).
    fn selection_set(&self, sets: &[CollectedSet<'a>]) -> lowered::SelectionSet {
        let mut collected = Collected::default();
        for set in sets {
            self.collect(*set, set.0.ty.as_str(), &mut collected);
        }
        self.lower(collected)
    }

    fn lower(&self, collected: Collected<'a>) -> lowered::SelectionSet {
        let items = collected.entries.into_values().filter_map(|entry| match entry {
            Entry::Field(field, position, sets) => {
                let selected = self.field(field, position, &sets);
                let leads_nowhere =
                    sets.iter().all(|(_, is_part)| !is_part) && selected.selection_set.node.items.is_empty();
                (!leads_nowhere).then(|| at(position, lowered::Selection::Field(at(position, selected))))
            }
            Entry::Fragment(name, set) => {
                let mut selections = Collected::default();
                self.collect(set, name, &mut selections);
                let selection_set = self.lower(selections);
                if selection_set.items.is_empty() {
                    return None;
                }
                let condition = lowered::TypeCondition { on: at(Pos::default(), Name::new(name)) };
                let fragment = lowered::InlineFragment {
                    type_condition: Some(at(Pos::default(), condition)),
                    directives: Vec::new(),
                    selection_set: at(Pos::default(), selection_set),
                };
                Some(at(Pos::default(), lowered::Selection::InlineFragment(at(Pos::default(), fragment))))
            }
        });
        lowered::SelectionSet { items: items.collect() }
    }

    fn collect(&self, (set, is_part): CollectedSet<'a>, parent: &str, collected: &mut Collected<'a>) {
        for selection in &set.selections {
            if !self.is_included(selection.directives()) {
                continue;
            }
            match selection {
                Selection::Field(field) => {
                    let key = field.response_key().as_str();
                    let position = field.location().map_or(Pos::default(), |at| self.positions.get(at.offset()));
                    let fragments = collected.fragments_with.get(key).copied().unwrap_or_default();
                    let fragments = if field.selection_set.is_empty() { 0 } else { fragments };
                    let entries = &collected.entries;
                    let first = (0..=fragments).find_map(|before| entries.get(&EntryKey::ResponseKey(key, before)));
                    if let Some(Entry::Field(first, ..)) = first {
                        self.check_arguments(first, field, position);
                    }
                    let entry = collected.entries.entry(EntryKey::ResponseKey(key, fragments));
                    if let Entry::Field(_, _, sets) = entry.or_insert_with(|| Entry::Field(field, position, Vec::new()))
                    {
                        sets.push((&field.selection_set, is_part));
                    }
                }
                Selection::InlineFragment(inline) => {
                    if let Some(is_part) = self.part_of(selection, is_part) {
                        self.collect_fragment((&inline.selection_set, is_part), parent, collected);
                    }
                }
                Selection::FragmentSpread(spread) => {
                    let Some(is_part) = self.part_of(selection, is_part) else { continue };
                    let key = (spread.fragment_name.as_str(), is_part);
                    let fragment = self.document.fragments.get(key.0).filter(|_| !collected.spreads.contains(&key));
                    if let Some(fragment) = fragment {
                        collected.spreads.push(key);
                        self.collect_fragment((&fragment.selection_set, is_part), parent, collected);
                    }
                }
            }
        }
    }

    fn insert_fragment(&self, collected: &mut Collected<'a>, condition: &'a str, set: CollectedSet<'a>) {
        let mut keys = HashSet::new();
        self.response_keys(set.0, &mut keys, &mut HashSet::new());
        keys.into_iter().for_each(|key| *collected.fragments_with.entry(key).or_default() += 1);
        collected.entries.insert(EntryKey::Fragment(collected.entries.len()), Entry::Fragment(condition, set));
    }

    /// Adds the response keys of a selection set and of the fragments in it.
    fn response_keys(&self, set: &'a SelectionSet, keys: &mut HashSet<&'a str>, visited: &mut HashSet<&'a str>) {
        for selection in set.selections.iter().filter(|selection| self.is_included(selection.directives())) {
            match selection {
                Selection::Field(field) => {
                    keys.insert(field.response_key().as_str());
                }
                Selection::InlineFragment(inline) => self.response_keys(&inline.selection_set, keys, visited),
                Selection::FragmentSpread(spread) => {
                    let name = spread.fragment_name.as_str();
                    let fragment = self.document.fragments.get(name).filter(|_| visited.insert(name));
                    if let Some(fragment) = fragment {
                        self.response_keys(&fragment.selection_set, keys, visited);
                    }
                }
            }
        }
    }

    /// Returns whether the fields of a fragment are part of what is lowered, or `None` if the fragment is left out.
    fn part_of(&self, fragment: &'a Selection, is_part: bool) -> Option<bool> {
        match self.part {
            Part::Everything => Some(is_part),
            // A deferred fragment inside of a deferred one is delivered with it.
            Part::Deferred(_) if is_part => Some(true),
            Part::Deferred(wanted) => match self.deferral(fragment) {
                Some(deferred) if deferred.id == wanted => {
                    let path = self.path.borrow().clone();
                    let mut roots = self.roots.borrow_mut();
                    if !roots.contains(&path) {
                        roots.push(path);
                    }
                    Some(true)
                }
                Some(_) => None,
                None => Some(false),
            },
            Part::Initial => {
                let Some(deferred) = self.deferral(fragment) else { return Some(is_part) };
                let mut fragments = self.deferred.borrow_mut();
                if !fragments.iter().any(|known| known.id == deferred.id) {
                    fragments.push(deferred);
                }
                None
            }
        }
    }

    /// Returns the deferred fragment, unless `@defer` is absent or switched off.
    fn deferral(&self, fragment: &'a Selection) -> Option<DeferredFragment> {
        let directive = fragment.directives().get("defer")?;
        let is_deferred = directive.specified_argument_by_name("if").is_none_or(|_| self.condition(directive));
        let label = directive.specified_argument_by_name("label").and_then(|label| label.as_str());
        is_deferred.then(|| DeferredFragment { id: FragmentId::of(fragment), label: label.map(str::to_owned) })
    }

    /// Collects a fragment on the type of its selection set, inside a selection set on `parent`.
    fn collect_fragment(&self, set: CollectedSet<'a>, parent: &str, collected: &mut Collected<'a>) {
        let condition = set.0.ty.as_str();
        if condition == parent || self.schema.is_subtype(condition, parent) {
            self.collect(set, parent, collected);
        } else if self.is_union(condition) && !self.is_object(parent) {
            // The executor knows unions only as types of fields, so the fragment is given to each of the members.
            for member in self.members(condition).filter(|member| self.schema.is_subtype(parent, member)) {
                self.insert_fragment(collected, member, set);
            }
        } else if !self.is_object(parent) {
            self.insert_fragment(collected, condition, set);
        }
    }

    fn members(&self, union: &str) -> impl Iterator<Item = &'a str> {
        let members = self.schema.types.get(union).and_then(|kind| kind.as_union()).map(|union| &union.members);
        members.into_iter().flatten().map(|member| member.name.as_str())
    }

    fn is_union(&self, name: &str) -> bool {
        self.schema.types.get(name).is_some_and(ExtendedType::is_union)
    }

    fn is_object(&self, name: &str) -> bool {
        self.schema.types.get(name).is_some_and(ExtendedType::is_object)
    }

    /// Records a conflict if the arguments of two fields have lists of different lengths.
    fn check_arguments(&self, first: &Field, second: &Field, position: Pos) {
        let differs = |argument: &Node<Argument>| {
            let same = second.specified_argument_by_name(&argument.name);
            same.is_some_and(|value| has_other_length(&argument.value, value))
        };
        if !std::ptr::eq(first, second) && first.arguments.iter().any(differs) {
            let message = format!(
                "Fields \"{}\" conflict because they have differing arguments. Use different aliases on the fields to fetch \
                 both if this was intentional.",
                first.response_key()
            );
            self.fail(message, Some(position), ErrorCode::GraphqlValidationFailed);
        }
    }

    fn fail(&self, message: String, position: Option<Pos>, code: ErrorCode) {
        self.error.borrow_mut().get_or_insert_with(|| code.server_error(message, position));
    }

    /// Decides `@skip` and `@include` (GraphQL §3.13).
    fn is_included(&self, directives: &DirectiveList) -> bool {
        !directives.get("skip").is_some_and(|skip| self.condition(skip))
            && directives.get("include").is_none_or(|include| self.condition(include))
    }

    /// Returns the value of the argument `if`.
    fn condition(&self, directive: &Directive) -> bool {
        match directive.specified_argument_by_name("if").map(AsRef::as_ref) {
            Some(Literal::Boolean(value)) => *value,
            Some(Literal::Variable(name)) => match self.variables.get(name.as_str()) {
                Some(serde_json::Value::Bool(value)) => *value,
                // A nullable variable with a default may be given as null.
                _ => {
                    let message =
                        format!("Argument \"if\" of \"@{}\" must not be null: variable `${name}`", directive.name);
                    self.fail(message, None, ErrorCode::BadUserInput);
                    false
                }
            },
            // Validation requires a boolean.
            _ => false,
        }
    }

    fn field(&self, field: &'a Field, position: Pos, sets: &[CollectedSet<'a>]) -> lowered::Field {
        let arguments = field.arguments.iter().filter_map(|argument| {
            let value = self.value(&argument.value)?;
            Some((at(position, Name::new(&argument.name)), at(position, value)))
        });
        self.path.borrow_mut().push(field.response_key().to_string());
        let selection_set = self.selection_set(sets);
        let is_root = self.roots.borrow().contains(&self.path.borrow());
        self.path.borrow_mut().pop();
        let directive =
            is_root.then(|| lowered::Directive { name: at(position, Name::new(DEFER)), arguments: Vec::new() });
        lowered::Field {
            alias: field.alias.as_ref().map(|alias| at(position, Name::new(alias))),
            name: at(position, Name::new(&field.name)),
            arguments: arguments.collect(),
            directives: directive.map(|directive| at(position, directive)).into_iter().collect(),
            selection_set: at(position, selection_set),
        }
    }

    /// Replaces variables by their values. A variable without a value is absent: its argument or input field then has
    /// its default (GraphQL §6.4.1), and an item of a list is null.
    fn value(&self, literal: &Literal) -> Option<async_graphql_value::Value> {
        use async_graphql_value::Value as Lowered;
        Some(match literal {
            Literal::Variable(name) => {
                let value = self.variables.get(name.as_str())?;
                Value::from_json(value.clone()).unwrap_or_default().into_value()
            }
            Literal::Null => Lowered::Null,
            Literal::Boolean(value) => Lowered::Boolean(*value),
            Literal::Enum(name) => Lowered::Enum(Name::new(name)),
            Literal::String(text) => Lowered::String(text.clone()),
            Literal::Int(number) => number_literal(number.as_str()),
            Literal::Float(number) => number_literal(number.as_str()),
            Literal::List(items) => {
                Lowered::List(items.iter().map(|item| self.value(item).unwrap_or(Lowered::Null)).collect())
            }
            Literal::Object(fields) => Lowered::Object(
                fields.iter().filter_map(|(name, value)| Some((Name::new(name), self.value(value)?))).collect(),
            ),
        })
    }
}

/// Returns true if a list in one value has another length in the other.
fn has_other_length(one: &Literal, other: &Literal) -> bool {
    match (one, other) {
        (Literal::List(one), Literal::List(other)) => {
            one.len() != other.len() || one.iter().zip(other).any(|(one, other)| has_other_length(one, other))
        }
        (Literal::Object(one), Literal::Object(other)) => one
            .iter()
            .any(|(name, value)| other.iter().any(|(same, other)| same == name && has_other_length(value, other))),
        _ => false,
    }
}

fn number_literal(text: &str) -> async_graphql_value::Value {
    match number_to_json(text) {
        serde_json::Value::Number(number) => async_graphql_value::Value::Number(number),
        _ => async_graphql_value::Value::Null,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graphql::operation::testing::lower;

    /// Returns the selections of the problems: `f` for a field, `i` for an inline fragment.
    fn shape_of_problems(selections: &str) -> String {
        let text = format!(
            "mutation {{ extendHold(input: {{idempotencyKey: \"k\", order: \"o\"}}) {{ problems {{ {selections} }} }} }}"
        );
        let operation = lower(&text);
        let mut set = &operation.operation().selection_set.node;
        for _ in 0..2 {
            let lowered::Selection::Field(field) = &set.items[0].node else { panic!("{selections}") };
            set = &field.node.selection_set.node;
        }
        let shape = |item: &Positioned<lowered::Selection>| match &item.node {
            lowered::Selection::Field(_) => 'f',
            lowered::Selection::InlineFragment(_) => 'i',
            lowered::Selection::FragmentSpread(_) => '?',
        };
        set.items.iter().map(shape).collect()
    }

    #[test]
    fn fields_around_a_fragment_with_their_key_are_not_merged_so_that_the_keys_below_keep_their_order() {
        let busy = "... on NotAvailableProblem";
        for (selections, shape) in [
            ("source { id } source { name }".to_owned(), "f"),
            (format!("source {{ id }} {busy} {{ detail: retryAfterSeconds }} source {{ name }}"), "fi"),
            (format!("source {{ id }} {busy} {{ source {{ vendor }} }} source {{ name }}"), "fif"),
            (format!("source {{ id }} {busy} {{ ... {{ source {{ vendor }} }} }} source {{ name }}"), "fif"),
            (format!("code {busy} {{ code source {{ vendor }} }} code source {{ name }}"), "fif"),
            (format!("{busy} {{ source {{ vendor }} }} source {{ id }} source {{ name }}"), "if"),
        ] {
            assert_eq!(shape_of_problems(&selections), shape, "{selections}");
        }
    }
}
