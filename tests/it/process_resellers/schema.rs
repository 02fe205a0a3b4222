//! Paths into the schema: root field, tested argument, and a document that uses it.

use std::collections::BTreeMap;

use async_graphql_parser::types::{
    BaseType, FieldDefinition, InputValueDefinition, Type, TypeDefinition, TypeKind, TypeSystemDefinition,
};
use serde_json::{Map, Value, json};

use crate::documents::parse_sdl;

const ROOTS: [&str; 3] = ["Query", "Mutation", "Subscription"];
/// Depth of the selection in responses.
const DEPTH: usize = 3;

/// Schema types by name.
pub(super) struct Ways(BTreeMap<String, TypeDefinition>);

/// Root field, and the tested position in its arguments.
pub(super) struct Way {
    root: &'static str,
    field: FieldDefinition,
    /// Names from the argument to the tested position.
    place: Vec<String>,
}

impl Way {
    /// Returns the name of the root field.
    pub(super) fn name(&self) -> String {
        format!("{}.{}", self.root, self.field.name.node)
    }

    /// Returns the root field with the tested position.
    pub(super) fn path(&self) -> String {
        format!("{}({})", self.name(), self.place.join("."))
    }

    /// Returns true for subscriptions.
    pub(super) fn is_watched(&self) -> bool {
        self.root == "Subscription"
    }
}

impl Ways {
    /// Reads the public schema and the additions for gateways.
    pub(super) fn read() -> Self {
        let gateways = "scalar _Any extend type Query { _entities(representations: [_Any!]!): [Node]! }";
        let mut types = BTreeMap::new();
        let mut more = Vec::new();
        for text in [ticketgraph::graphql::schema::sdl(), gateways.to_owned()] {
            for definition in parse_sdl(text).definitions {
                let TypeSystemDefinition::Type(definition) = definition else { continue };
                match (definition.node.extend, definition.node.kind) {
                    (true, TypeKind::Object(object)) => more.extend(object.fields),
                    (_, kind) => {
                        let name = definition.node.name.node.to_string();
                        types.insert(name, TypeDefinition { kind, ..definition.node });
                    }
                }
            }
        }
        let TypeKind::Object(query) = &mut types.get_mut("Query").expect("a root").kind else { panic!("a root") };
        query.fields.extend(more);
        Self(types)
    }

    /// Returns every position that takes an ID, except idempotency keys.
    pub(super) fn by_id(&self) -> Vec<Way> {
        self.ways(&|name, kind| (kind == "ID" || kind == "_Any") && name != "idempotencyKey")
    }

    /// Returns every position that takes text, and the idempotency keys.
    pub(super) fn by_text(&self) -> Vec<Way> {
        self.ways(&|name, kind| kind == "String" || name == "idempotencyKey")
    }

    /// Returns the ID arguments of non-root fields.
    pub(super) fn inner(&self) -> Vec<String> {
        let mut all = Vec::new();
        for (owner, definition) in self.0.iter().filter(|(name, _)| !ROOTS.contains(&name.as_str())) {
            let TypeKind::Object(object) = &definition.kind else { continue };
            for field in &object.fields {
                for argument in &field.node.arguments {
                    self.places(&argument.node, &|name, kind| kind == "ID" && name != "idempotencyKey", &mut |place| {
                        all.push(format!("{owner}.{}({})", field.node.name.node, place.join(".")));
                    });
                }
            }
        }
        all
    }

    fn ways(&self, is_tried: &dyn Fn(&str, &str) -> bool) -> Vec<Way> {
        let mut ways = Vec::new();
        for root in ROOTS {
            for field in self.fields(root) {
                for argument in &field.arguments {
                    self.places(&argument.node, is_tried, &mut |place| {
                        ways.push(Way { root, field: field.clone(), place });
                    });
                }
            }
        }
        ways
    }

    fn places(
        &self,
        value: &InputValueDefinition,
        is_tried: &dyn Fn(&str, &str) -> bool,
        found: &mut dyn FnMut(Vec<String>),
    ) {
        let (name, kind) = (value.name.node.to_string(), named(&value.ty.node));
        if is_tried(&name, kind) {
            found(vec![name.clone()]);
        }
        if let Some(TypeKind::InputObject(input)) = self.0.get(kind).map(|definition| &definition.kind) {
            for field in &input.fields {
                self.places(&field.node, is_tried, &mut |mut place| {
                    place.insert(0, name.clone());
                    found(place);
                });
            }
        }
    }

    fn fields(&self, owner: &str) -> Vec<FieldDefinition> {
        match &self.0[owner].kind {
            TypeKind::Object(object) => object.fields.iter().map(|field| field.node.clone()).collect(),
            TypeKind::Interface(interface) => interface.fields.iter().map(|field| field.node.clone()).collect(),
            _ => Vec::new(),
        }
    }

    /// Builds a document and variables with `tried` at the tested position. `usual` supplies the other required
    /// values.
    pub(super) fn document(&self, way: &Way, tried: &Value, usual: &dyn Fn(&str) -> Option<Value>) -> (String, Value) {
        let (mut heads, mut gives, mut variables) = (Vec::new(), Vec::new(), Map::new());
        for argument in &way.field.arguments {
            let name = argument.node.name.node.as_str();
            let place = if way.place[0] == name { Some(&way.place[1..]) } else { None };
            if let Some(value) = self.value(&argument.node, place, tried, usual) {
                heads.push(format!("${name}: {}", argument.node.ty.node));
                gives.push(format!("{name}: ${name}"));
                variables.insert(name.to_owned(), value);
            }
        }
        let kind = way.root.to_lowercase();
        let selection = self.selection(named(&way.field.ty.node), DEPTH);
        let text =
            format!("{kind} Try({}) {{ {}({}) {selection} }}", heads.join(", "), way.field.name.node, gives.join(", "));
        (text, variables.into())
    }

    /// Builds the value of an argument with the tested value and the required ones.
    fn value(
        &self,
        definition: &InputValueDefinition,
        place: Option<&[String]>,
        tried: &Value,
        usual: &dyn Fn(&str) -> Option<Value>,
    ) -> Option<Value> {
        let (name, ty) = (definition.name.node.as_str(), &definition.ty.node);
        let is_required = !ty.nullable && definition.default_value.is_none();
        if place.is_none() && !is_required {
            return None;
        }
        let single = match (place, self.0.get(named(ty)).map(|known| &known.kind)) {
            (Some([]), _) => tried.clone(),
            (_, Some(TypeKind::InputObject(input))) => {
                let fields = input.fields.iter().filter_map(|field| {
                    let inner = field.node.name.node.as_str();
                    let place = place.and_then(|place| (place[0] == inner).then_some(&place[1..]));
                    Some((inner.to_owned(), self.value(&field.node, place, tried, usual)?))
                });
                Value::Object(fields.collect())
            }
            (_, Some(TypeKind::Enum(words))) => words.values[0].node.value.node.as_str().into(),
            _ => usual(name).unwrap_or_else(|| scalar(named(ty), name)),
        };
        Some(if matches!(ty.base, BaseType::List(_)) && !single.is_array() { json!([single]) } else { single })
    }

    /// Returns the selection of all fields without arguments, up to a depth.
    fn selection(&self, kind: &str, depth: usize) -> String {
        let parts = self.parts(kind, depth, "");
        if parts.is_empty() { String::new() } else { format!("{{ __typename {} }}", parts.join(" ")) }
    }

    fn parts(&self, kind: &str, depth: usize, prefix: &str) -> Vec<String> {
        let Some(definition) = self.0.get(kind) else { return Vec::new() };
        if let TypeKind::Interface(_) | TypeKind::Union(_) = definition.kind {
            let of = self.0.iter().filter(|(name, other)| is_one_of(name, other, kind, &definition.kind));
            let all = of.map(|(name, _)| {
                let parts = self.parts(name, depth.min(2), &format!("{}_", name.to_lowercase()));
                format!("... on {name} {{ {} }}", parts.join(" "))
            });
            return all.collect();
        }
        let mut parts = Vec::new();
        for field in self.fields(kind) {
            let name = &field.name.node;
            if field.arguments.iter().any(|given| !given.node.ty.node.nullable && given.node.default_value.is_none()) {
                continue;
            }
            let alias = if prefix.is_empty() { String::new() } else { format!("{prefix}{name}: ") };
            let inner = named(&field.ty.node);
            let is_leaf =
                self.0.get(inner).is_none_or(|known| matches!(known.kind, TypeKind::Scalar | TypeKind::Enum(_)));
            match is_leaf {
                true => parts.push(format!("{alias}{name}")),
                false if depth > 1 => {
                    let below = self.selection(inner, depth - 1);
                    // Objects without scalar fields are omitted at the last level.
                    parts.extend((!below.is_empty()).then(|| format!("{alias}{name} {below}")));
                }
                false => {}
            }
        }
        parts
    }
}

/// Returns true if an object is a member of an interface or union.
fn is_one_of(name: &str, object: &TypeDefinition, kind: &str, of: &TypeKind) -> bool {
    match (&object.kind, of) {
        (TypeKind::Object(_), TypeKind::Union(union)) => union.members.iter().any(|member| member.node == name),
        (TypeKind::Object(object), _) => object.implements.iter().any(|interface| interface.node == kind),
        _ => false,
    }
}

/// Returns the name of the type inside lists.
fn named(kind: &Type) -> &str {
    match &kind.base {
        BaseType::Named(name) => name,
        BaseType::List(inner) => named(inner),
    }
}

fn scalar(kind: &str, name: &str) -> Value {
    match kind {
        "String" => "x".into(),
        "Int" | "MinorUnits" => 1.into(),
        "Boolean" => true.into(),
        "DateTime" => "2027-01-01T10:00:00Z".into(),
        "LocalDate" => "2027-01-01".into(),
        "CurrencyCode" => "CHF".into(),
        "URL" => "https://hooks.example.com/".into(),
        // Beside the tried value: it names nothing.
        "ID" => "MQ".into(),
        other => panic!("no sample value for {other} in `{name}`"),
    }
}
