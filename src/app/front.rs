//! The front door, out of the configuration.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::app::callers::callers;
use crate::app::shared::Shared;
use crate::app::sources::Ground;
use crate::app::start::StartError;
use crate::config::{Config, Safelist as SafelistMode};
use crate::gateway::answers::Answers;
use crate::gateway::engine::{Engine, Memory};
use crate::gateway::listener;
use crate::gateway::pace::Pace;
use crate::gateway::persisted::{Mode, Persisted, Safelist};
use crate::gateway::precheck::Limits;
use crate::gateway::router::Front;
use crate::graphql::Limits as SchemaLimits;
use crate::graphql::Services;
use crate::graphql::api::Api;
use crate::graphql::promise::{Truth, Used};
use source_stack::Cache;

/// Builds the front door.
pub fn build(
    config: &Config,
    services: Services,
    ground: &Ground,
    stop: CancellationToken,
) -> Result<Arc<Front>, StartError> {
    let (graphql, (api, limits)) = (&config.graphql, laws(config, services, ground));
    let persisted =
        Persisted::new(graphql.persisted.apq, ground.shared.as_ref().map(Shared::operations), safelist(config)?);
    let memory = config.cache.answers_memory.0 as u64;
    let answers = Answers::new(memory, config.server.request_timeout, ground.tracker.clone());
    let memory = Memory { documents: config.cache.documents.get(), answers };
    let engine = Engine::new(api, limits, persisted).map_err(|fault| StartError::Schema(fault.to_string()))?;
    let engine = engine.remembering(memory).paced_by(Pace::new(ground.shared.as_ref().map(Shared::counts)));
    let allowed = config.server.cors_origins.iter().map(|origin| origin.as_str().to_owned());
    // The service's own pages open sockets from where clients reach them.
    let own = config.server.public_url.iter().map(|url| url.origin().ascii_serialization());
    let origins = allowed.chain(own).collect();
    Ok(Arc::new(Front::new(engine, callers(config, &ground.client), origins, stop)))
}

/// The schema over these services, and how heavy an operation on it may be.
pub fn laws(config: &Config, services: Services, ground: &Ground) -> (Api, Limits) {
    let graphql = &config.graphql;
    let schema = SchemaLimits {
        depth: graphql.depth.get(),
        aliases: graphql.aliases.get(),
        // Who may read the schema is decided by the front, which knows who asks.
        introspection: true,
        suggestions: graphql.suggestions,
        ..SchemaLimits::default()
    };
    let limits = Limits {
        body_bytes: config.server.body_limit.0,
        batch: config.server.batch_limit.get(),
        tokens: graphql.tokens.get(),
        fields: graphql.fields.get() as u64,
        depth: u32::try_from(graphql.depth.get()).unwrap_or(u32::MAX),
        aliases: graphql.aliases.get() as u64,
        root_fields: graphql.root_fields.get() as u64,
        directives: graphql.directives.get() as u64,
        list_size: u32::from(graphql.list_size) as usize,
        calls: u32::from(graphql.cost).into(),
        calls_per_minute: graphql.cost_per_minute.map(Into::into),
        measure_only: graphql.measure_only,
        introspection: graphql.introspection,
    };
    let api = Api::new(&schema, Arc::new(services)).with_truth(Arc::new(Remembered(Arc::clone(&ground.cache))));
    (api, limits)
}

/// What the memory of facts knows of what became untrue.
struct Remembered(Arc<Cache>);

impl Truth for Remembered {
    fn moment(&self) -> u64 {
        self.0.moment()
    }

    fn is_untrue(&self, used: &Used, since: u64) -> bool {
        self.0.is_untrue(&used.sources, &used.performances, since)
    }
}

/// The manifest of operations, where one is named.
pub fn safelist(config: &Config) -> Result<Safelist, StartError> {
    let mode = match config.graphql.persisted.mode {
        SafelistMode::Off => Mode::Off,
        SafelistMode::Log => Mode::Log,
        SafelistMode::Require => Mode::Require,
    };
    let Some(path) = &config.graphql.persisted.manifest else { return Ok(Safelist::default()) };
    let unreadable = |fault: &dyn std::fmt::Display| StartError::File { path: path.clone(), why: fault.to_string() };
    let bytes = std::fs::read(path).map_err(|fault| unreadable(&fault))?;
    Safelist::from_json(mode, &bytes).map_err(|fault| unreadable(&fault))
}

/// How connections are accepted.
pub fn connections(config: &Config) -> Result<listener::Settings, StartError> {
    let tls = match &config.server.tls {
        None => None,
        Some(files) => {
            Some(Arc::new(tls(files).map_err(|fault| StartError::File { path: files.cert.clone(), why: fault })?))
        }
    };
    Ok(listener::Settings {
        connections: config.server.connections.get(),
        header_timeout: config.server.header_timeout,
        idle_timeout: config.server.idle_timeout,
        drain: config.server.drain,
        tls,
    })
}

fn tls(files: &crate::config::Tls) -> Result<rustls::ServerConfig, String> {
    use rustls::pki_types::pem::PemObject;
    use rustls::pki_types::{CertificateDer, PrivateKeyDer};
    let chain: Result<Vec<_>, _> =
        CertificateDer::pem_file_iter(&files.cert).map_err(|fault| fault.to_string())?.collect();
    let chain = chain.map_err(|fault| fault.to_string())?;
    let key = PrivateKeyDer::from_pem_file(&files.key).map_err(|fault| fault.to_string())?;
    let mut config = rustls::ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(|fault| fault.to_string())?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}
