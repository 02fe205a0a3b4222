//! Typed settings: built-in defaults, under a file, under environment variables; every finding at once.
//!
//! `config/default.toml` is the manual. A new setting is a line there, a field of its section, and a line in that
//! section's `read`; tests see to it that the two sides agree.

mod cache;
mod callers;
mod check;
mod finding;
mod graphql;
mod ledger;
mod resellers;
mod resilience;
mod secret;
mod section;
mod server;
mod setting;
mod shapes;
mod sources;
mod telemetry;
mod tree;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::Path;

pub use cache::{Cache, Lifetime, Lifetimes};
pub use callers::{Algorithm, Anonymous, Auth, Client, ClientKey, Issuer, KeySet, Scope};
pub use finding::{Finding, Findings};
pub use graphql::{Graphql, Persisted, Safelist};
pub use ledger::{EncryptionKey, Ledger, Orders};
pub use resellers::{Connection, Mapping, Reseller};
pub use resilience::{Breaker, Budget, Bulkhead, Deadlines, Resilience, Retries};
pub use section::ReadFile;
pub use server::{Origin, Server, Tls};
pub use setting::{Bytes, LogFilter, Percent};
pub use shapes::{Fault, Shape, Shapes};
pub use sources::{DeliverySettings, SourceSettings, Terms};
pub use telemetry::{LogFormat, Telemetry};

use crate::config::section::{Ground, Section};
use crate::config::tree::{Illegible, Place, Table, Value};
use domain::SourceId;

/// Every key with its default.
const DEFAULTS: (&str, &str) = (tree::DEFAULTS, include_str!("../../config/default.toml"));

/// What runs without a file: emulated vendors.
const SANDBOX: (&str, &str) = ("config/sandbox.toml", include_str!("../../config/sandbox.toml"));

/// A whole configuration without findings. Its Debug shows no secret.
#[derive(Debug, Clone)]
pub struct Config {
    /// Whether this is the built-in sandbox, because no file was named.
    pub built_in: bool,
    /// `[server]`.
    pub server: Server,
    /// `[graphql]`.
    pub graphql: Graphql,
    /// `[auth]`.
    pub auth: Auth,
    /// `[cache]`.
    pub cache: Cache,
    /// `[resilience]`, of sources that do not say otherwise.
    pub resilience: Resilience,
    /// `[ledger]`.
    pub ledger: Ledger,
    /// `[orders]`.
    pub orders: Orders,
    /// `[telemetry]`.
    pub telemetry: Telemetry,
    /// `[sources]`.
    pub sources: BTreeMap<SourceId, SourceSettings>,
    /// `[deliveries]`, by name.
    pub deliveries: BTreeMap<String, DeliverySettings>,
    /// `[resellers]`, by name.
    pub resellers: BTreeMap<String, Reseller>,
    /// `[clients]`, by name.
    pub clients: BTreeMap<String, Client>,
}

impl Config {
    /// Reads the file (none: the built-in sandbox) over the defaults, and `TICKETGRAPH__SECTION__KEY` of the variables
    /// over both. The variables also hold the secrets that are written `{ env = "NAME" }`.
    ///
    /// Errors: everything that is wrong, at once.
    pub fn load(
        file: Option<&Path>,
        variables: impl IntoIterator<Item = (String, String)>,
        read_file: ReadFile<'_>,
        shapes: &Shapes<'_>,
    ) -> Result<Self, Findings> {
        let variables: Vec<(String, String)> = variables.into_iter().collect();
        let defaults = built_in(DEFAULTS)?;
        let (upper, place) = match file {
            Some(path) => (from_file(path, read_file)?, Place::Line(path.into(), 1)),
            None => (built_in(SANDBOX)?, Place::BuiltIn(SANDBOX.0, 1)),
        };
        let mut tree = defaults.clone();
        tree::lay_over(&mut tree, upper);
        tree::lay_variables_over(&mut tree, &variables);
        let ground = Ground {
            findings: RefCell::default(),
            variables: variables.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect(),
            read_file,
            defaults: &defaults,
            literals_allowed: only_sandboxes(&tree),
        };
        let root = Section::root(&ground, place, &tree);
        let config = Self { built_in: file.is_none(), ..Self::read(&root, shapes) };
        root.tell_unknown();
        check::whole(&root, &config);
        let findings = ground.findings.take();
        if findings.is_empty() { Ok(config) } else { Err(Findings::of(findings)) }
    }

    fn read(root: &Section<'_>, shapes: &Shapes<'_>) -> Self {
        let beneath = root.tables_of("resilience");
        let read_source = |id: &str, from: &Section<'_>| SourceSettings::read(id, from, shapes, &beneath);
        let sources = root.each("sources", read_source);
        let names: Vec<&str> = sources.keys().map(String::as_str).collect();
        let keys_of = |source: &SourceSettings| {
            shapes::named(&shapes.vendors, &source.vendor).map_or(&[][..], |shape| shape.connection_keys)
        };
        let connection_keys = sources.iter().map(|(id, source)| (id.as_str(), keys_of(source))).collect();
        let resellers = root.each("resellers", |_, from| Reseller::read(from, &connection_keys));
        let reseller_names: Vec<&str> = resellers.keys().map(String::as_str).collect();
        Self {
            built_in: false,
            server: root.within("server", Server::read),
            graphql: root.within("graphql", Graphql::read),
            auth: root.within("auth", Auth::read),
            cache: root.within("cache", Cache::read),
            resilience: root.within("resilience", Resilience::read),
            ledger: root.within("ledger", Ledger::read),
            orders: root.within("orders", Orders::read),
            telemetry: root.within("telemetry", Telemetry::read),
            deliveries: root.each("deliveries", |id, from| DeliverySettings::read(id, from, shapes, &names)),
            clients: root.each("clients", |_, from| Client::read(from, &reseller_names)),
            sources: sources.into_iter().map(|(id, source)| (SourceId::new(id), source)).collect(),
            resellers,
        }
    }
}

fn built_in((name, text): (&'static str, &str)) -> Result<Table, Findings> {
    tree::parse(text, &Place::BuiltIn(name, 1)).map_err(Findings::unreadable)
}

fn from_file(path: &Path, read_file: ReadFile<'_>) -> Result<Table, Findings> {
    let text = read_file(path).map_err(|fault| {
        let message = format!("cannot be read: {}", fault.kind());
        Findings::unreadable(vec![Illegible { place: Place::File(path.into()), message }])
    })?;
    tree::parse(&text, &Place::Line(path.into(), 1)).map_err(Findings::unreadable)
}

/// Whether every source is a sandbox, so that secrets may be written out.
fn only_sandboxes(tree: &Table) -> bool {
    let Some(Value::Table(sources)) = tree.get("sources").map(|node| &node.value) else { return true };
    sources.values().all(|source| match &source.value {
        Value::Table(source) => source.get("environment").and_then(|node| node.text()) == Some("sandbox"),
        _ => false,
    })
}
