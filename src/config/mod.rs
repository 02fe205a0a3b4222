//! Typed settings: built-in defaults, a file, and environment variables, in this order. All diagnostics are reported at
//! once.
//!
//! `config/default.toml` is the reference. A new setting is a line there, a field of its section, and a line in that
//! section's `read`; tests check that they agree.

mod audit;
mod auth;
mod cache;
mod consistency;
mod contact;
mod diagnostic;
mod edge;
mod exports;
mod feed;
mod graphql;
mod incoming_webhooks;
mod ledger;
mod notifications;
mod octo;
mod published;
mod renamed_keys;
mod resellers;
mod resilience;
mod sandbox;
mod secret;
mod section;
mod server;
mod setting;
mod sign_in;
mod sources;
mod telemetry;
mod tree;
mod vendor_spec;
mod webhooks;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::Path;

pub use audit::AuditConfig;
pub use auth::{
    AnonymousConfig, AuthConfig, ClientConfig, ClientKey, IssuerConfig, KeySetLocation, SignatureAlgorithm,
};
pub use cache::{CacheConfig, LifetimeConfig, LifetimesConfig};
pub use diagnostic::{ConfigDiagnostic, ConfigDiagnostics};
pub use edge::EdgeConfig;
pub use exports::ExportsConfig;
pub use feed::FeedConfig;
pub use graphql::{GraphqlConfig, PersistedConfig, SafelistMode};
pub use incoming_webhooks::IncomingWebhooksConfig;
pub use ledger::{EncryptionKey, LedgerConfig, LedgerPooler, OrdersConfig};
pub use notifications::NotificationsConfig;
pub use octo::OctoConfig;
pub use resellers::{ConnectionConfig, MappingConfig, ResellerConfig};
pub use resilience::{
    BulkheadConfig, CircuitBreakerConfig, DeadlinesConfig, RateLimitConfig, ResilienceConfig, RetryConfig,
};
pub use sandbox::SandboxConfig;
pub use section::ReadFile;
pub use server::{CorsOrigin, ServerConfig, TlsConfig};
pub use setting::{ByteSize, LogFilter, Percent};
pub use sign_in::SignInConfig;
pub use sources::{CancellationTermsConfig, ConfiguredSource, DeliveryConfig};
pub use telemetry::TelemetryConfig;
pub use vendor_spec::{VendorConfigSpec, VendorConfigSpecs};
pub use webhooks::{DestinationConfig, WebhooksConfig};

use crate::config::diagnostic::reason;
use crate::config::section::{ReadContext, Section};
use crate::config::tree::{Location, SyntaxError, Table, Value};
use domain::SourceId;

/// All keys with their defaults.
const DEFAULTS: (&str, &str) = (tree::DEFAULTS, include_str!("../../config/default.toml"));

/// Configuration without a file: emulated vendors.
#[cfg(feature = "sandbox")]
const SANDBOX: (&str, &str) = ("config/sandbox.toml", include_str!("../../config/sandbox.toml"));

/// A validated configuration. Its debug output contains no secret.
#[derive(Debug, Clone)]
pub struct Config {
    /// True for the built-in sandbox, which is used without a file.
    pub built_in: bool,
    /// `[server]`.
    pub server: ServerConfig,
    /// `[graphql]`.
    pub graphql: GraphqlConfig,
    /// Exports as files.
    pub exports: ExportsConfig,
    /// `[auth]`.
    pub auth: AuthConfig,
    /// `[audit]`.
    pub audit: AuditConfig,
    /// `[feed]`.
    pub feed: FeedConfig,
    /// `[sign_in]`; `None`: people have no other way than keys.
    pub sign_in: Option<SignInConfig>,
    /// `[cache]`.
    pub cache: CacheConfig,
    /// `[edge]`.
    pub edge: EdgeConfig,
    /// `[resilience]`, for sources that do not override it.
    pub resilience: ResilienceConfig,
    /// `[ledger]`.
    pub ledger: LedgerConfig,
    /// `[orders]`.
    pub orders: OrdersConfig,
    /// `[notifications]`.
    pub notifications: NotificationsConfig,
    /// `[octo]`.
    pub octo: OctoConfig,
    /// `[webhooks]`.
    pub webhooks: WebhooksConfig,
    /// `[incoming_webhooks]`.
    pub incoming_webhooks: IncomingWebhooksConfig,
    /// `[sandbox]`.
    pub sandbox: SandboxConfig,
    /// `[telemetry]`.
    pub telemetry: TelemetryConfig,
    /// `[sources]`.
    pub sources: BTreeMap<SourceId, ConfiguredSource>,
    /// `[deliveries]`, by name.
    pub deliveries: BTreeMap<String, DeliveryConfig>,
    /// `[resellers]`, by name.
    pub resellers: BTreeMap<String, ResellerConfig>,
    /// `[clients]`, by name.
    pub clients: BTreeMap<String, ClientConfig>,
}

impl Config {
    /// Reads a file over the defaults, and `TICKETGRAPH__SECTION__KEY` variables over both. Without a file the built-in
    /// sandbox is used. The variables also provide secrets of the form `{ env = "NAME" }`.
    ///
    /// # Errors
    ///
    /// Returns all diagnostics at once.
    pub fn load(
        file: Option<&Path>,
        variables: impl IntoIterator<Item = (String, String)>,
        read_file: ReadFile<'_>,
        specs: &VendorConfigSpecs<'_>,
    ) -> Result<Self, ConfigDiagnostics> {
        let variables: Vec<(String, String)> = variables.into_iter().collect();
        let defaults = parse_built_in(DEFAULTS)?;
        let (upper, location) = match file {
            Some(path) => (parse_file(path, read_file)?, Location::Line(path.into(), 1)),
            None => parse_sandbox()?,
        };
        let mut tree = defaults.clone();
        tree::merge_over(&mut tree, upper);
        tree::apply_variables(&mut tree, &variables);
        let context = ReadContext {
            diagnostics: RefCell::default(),
            variables: variables.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect(),
            read_file,
            defaults: &defaults,
            literals_allowed: only_sandboxes(&tree),
        };
        let root = Section::root(&context, location, &tree);
        let config = Self { built_in: file.is_none(), ..Self::read(&root, specs) };
        root.report_unknown_keys();
        consistency::check_consistency(&root, &config);
        let diagnostics = context.diagnostics.take();
        if diagnostics.is_empty() { Ok(config) } else { Err(ConfigDiagnostics::new(diagnostics)) }
    }

    fn read(root: &Section<'_>, specs: &VendorConfigSpecs<'_>) -> Self {
        let fallbacks = root.tables_of("resilience");
        let read_source = |id: &str, from: &Section<'_>| ConfiguredSource::read(id, from, specs, &fallbacks);
        let sources = root.read_each("sources", read_source);
        let names: Vec<&str> = sources.keys().map(String::as_str).collect();
        let keys_of = |source: &ConfiguredSource| {
            vendor_spec::find_spec(&specs.vendors, &source.vendor).map_or(&[][..], |spec| spec.connection_keys)
        };
        let connection_keys = sources.iter().map(|(id, source)| (id.as_str(), keys_of(source))).collect();
        let resellers = root.read_each("resellers", |_, from| ResellerConfig::read(from, &connection_keys));
        let reseller_names: Vec<&str> = resellers.keys().map(String::as_str).collect();
        let server = root.read_table("server", ServerConfig::read);
        Self {
            built_in: false,
            audit: root.read_table("audit", AuditConfig::read),
            feed: root.read_table("feed", FeedConfig::read),
            sign_in: root.read_table("sign_in", |from| SignInConfig::read(from, &server, &reseller_names)),
            server,
            graphql: root.read_table("graphql", GraphqlConfig::read),
            exports: root.read_table("exports", ExportsConfig::read),
            auth: root.read_table("auth", AuthConfig::read),
            cache: root.read_table("cache", CacheConfig::read),
            edge: root.read_table("edge", EdgeConfig::read),
            resilience: root.read_table("resilience", ResilienceConfig::read),
            ledger: root.read_table("ledger", LedgerConfig::read),
            orders: root.read_table("orders", OrdersConfig::read),
            notifications: root.read_table("notifications", NotificationsConfig::read),
            octo: root.read_table("octo", OctoConfig::read),
            webhooks: root.read_table("webhooks", |from| WebhooksConfig::read(from, &reseller_names)),
            incoming_webhooks: root.read_table("incoming_webhooks", IncomingWebhooksConfig::read),
            sandbox: root.read_table("sandbox", SandboxConfig::read),
            telemetry: root.read_table("telemetry", TelemetryConfig::read),
            deliveries: root.read_each("deliveries", |id, from| DeliveryConfig::read(id, from, specs, &names)),
            clients: root.read_each("clients", |_, from| ClientConfig::read(from, &reseller_names)),
            sources: sources.into_iter().map(|(id, source)| (SourceId::new(id), source)).collect(),
            resellers,
        }
    }
}

fn parse_built_in((name, text): (&'static str, &str)) -> Result<Table, ConfigDiagnostics> {
    tree::parse(text, &Location::BuiltIn(name, 1)).map_err(ConfigDiagnostics::unreadable)
}

#[cfg(feature = "sandbox")]
fn parse_sandbox() -> Result<(Table, Location), ConfigDiagnostics> {
    Ok((parse_built_in(SANDBOX)?, Location::BuiltIn(SANDBOX.0, 1)))
}

#[cfg(not(feature = "sandbox"))]
fn parse_sandbox() -> Result<(Table, Location), ConfigDiagnostics> {
    let message = "is missing: this binary was built without the feature `sandbox`, which contains a configuration";
    let error = SyntaxError { location: Location::File(Path::new("--config").into()), message: message.to_owned() };
    Err(ConfigDiagnostics::unreadable(vec![error]))
}

fn parse_file(path: &Path, read_file: ReadFile<'_>) -> Result<Table, ConfigDiagnostics> {
    let text = read_file(path).map_err(|error| {
        let message = format!("cannot be read: {}", reason(&error));
        ConfigDiagnostics::unreadable(vec![SyntaxError { location: Location::File(path.into()), message }])
    })?;
    tree::parse(&text, &Location::Line(path.into(), 1)).map_err(ConfigDiagnostics::unreadable)
}

/// Returns true if every source is a sandbox, so that secrets may be literals.
fn only_sandboxes(tree: &Table) -> bool {
    let Some(Value::Table(sources)) = tree.get("sources").map(|node| &node.value) else { return true };
    sources.values().all(|source| match &source.value {
        Value::Table(source) => source.get("environment").and_then(|node| node.as_text()) == Some("sandbox"),
        _ => false,
    })
}
