//! Builds the gateway from the configuration.

use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_util::sync::CancellationToken;

use crate::app::auth_setup::authenticator;
use crate::app::edge_setup::edge_settings;
use crate::app::error::StartError;
use crate::app::incoming_webhook_setup::incoming_webhooks;
use crate::app::order_setup::order_settings;
use crate::app::shared_redis::SharedRedis;
use crate::app::sign_in_setup;
use crate::app::sources::Infrastructure;
use crate::config::{Config, SafelistMode};
use crate::gateway::exports::ExportLimits;
use crate::gateway::listener;
use crate::gateway::octo::OctoSettings;
use crate::gateway::operation_limits::OperationLimits;
use crate::gateway::persisted::{PersistedOperations, Safelist, SafelistEnforcement};
use crate::gateway::pipeline::{Pipeline, PipelineCaches};
use crate::gateway::rate_limiter::RequestRateLimiter;
use crate::gateway::response_cache::ResponseCache;
use crate::gateway::socket::SocketLimits;
use crate::gateway::state::AppState;
use crate::graphql::Services;
use crate::graphql::api::{Api, ApiSettings};
use crate::graphql::base::cache_validity::{Invalidations, ResponseDependencies};
use domain::Source;
use octo_facade::BookingStore;
use sign_in::SessionStore;
use source_stack::CatalogCache;

/// Builds the shared state of the gateway.
pub(super) fn build_gateway(
    config: &Config,
    (services, sources): (Services, &[Arc<Source>]),
    infrastructure: &Infrastructure,
    (sessions, bookings): (&Arc<dyn SessionStore>, &Arc<dyn BookingStore>),
    stop: &CancellationToken,
) -> Result<Arc<AppState>, StartError> {
    metrics::gauge!("ticketgraph_requests_in_flight_limit").set(u32::from(config.server.in_flight));
    let audit = services.audit.clone();
    let incoming = incoming_webhooks(config, sources, services.orders.as_ref());
    let (graphql, (api, limits)) = (&config.graphql, schema_and_limits(config, services, infrastructure));
    let persisted = PersistedOperations::new(
        graphql.persisted.apq,
        config.cache.persisted_memory.0 as u64,
        infrastructure.redis.as_ref().map(SharedRedis::operation_store),
        load_safelist(config)?,
    );
    let memory = config.cache.response_memory.0 as u64;
    let answers = ResponseCache::new(memory, config.server.request_timeout, infrastructure.tracker.clone());
    let document_memory = config.cache.document_memory.0 as u64;
    let memory = PipelineCaches { documents: config.cache.documents.get(), document_memory, responses: answers };
    let pipeline = Pipeline::new(api, limits, persisted)
        .with_caches(memory)
        .with_rate_limiter(RequestRateLimiter::new(infrastructure.redis.as_ref().map(SharedRedis::request_counters)));
    let allowed = config.server.cors_origins.iter().map(|origin| origin.as_str().to_owned());
    // The service's own pages open WebSockets from its public origin.
    let pages = config.sign_in.iter().map(|sign_in| &sign_in.public_url);
    let own = config.server.public_url.iter().chain(pages).map(|url| url.origin().ascii_serialization());
    let origins = allowed.chain(own).collect();
    let sign_in = sign_in_setup::sign_in(config, sessions, &infrastructure.client, &infrastructure.clock);
    if let Some(sign_in) = &sign_in {
        let clean = sign_in_setup::delete_expired_sessions(Arc::clone(&sign_in.sessions), stop.clone());
        infrastructure.tracker.spawn(clean);
    }
    let authenticator = authenticator(config, &infrastructure.client, sign_in.as_ref());
    let mut state = AppState::new(pipeline, authenticator, origins, socket_limits(config), stop.clone());
    state.serves_tls = config.server.tls.is_some();
    state.cors_loopback = config.server.cors_loopback;
    state.edge = edge_settings(config);
    state.incoming_webhooks = incoming;
    state.octo = octo_settings(config, bookings);
    state.sign_in = sign_in;
    state.audit = audit;
    Ok(Arc::new(state))
}

/// Returns the limits of WebSocket clients.
pub fn socket_limits(config: &Config) -> SocketLimits {
    let websocket = &config.server.websocket;
    SocketLimits {
        init_timeout: websocket.init_timeout,
        ping_interval: websocket.ping_interval,
        write_timeout: websocket.write_timeout,
        operations: websocket.operations.get(),
        queue: websocket.queue.get(),
    }
}

/// Returns the settings of the OCTO endpoints.
fn octo_settings(config: &Config, bookings: &Arc<dyn BookingStore>) -> OctoSettings {
    let policies = order_settings(config).cancellation_policies;
    let cutoffs = policies.iter().map(|(source, policy)| (source.to_string(), policy.until_before_start));
    let public_url = config.server.public_url.as_ref();
    OctoSettings {
        bookings: Some(Arc::clone(bookings)),
        public_url: public_url.map(|url| url.as_str().trim_end_matches('/').to_owned()),
        max_units: config.orders.max_quantity.into(),
        max_products: config.octo.products.get(),
        max_availabilities: config.octo.availabilities.get(),
        max_bookings: config.octo.bookings.get(),
        cancellation_cutoffs: cutoffs.collect(),
    }
}

/// Returns the limits of exports.
pub fn export_limits(config: &Config) -> ExportLimits {
    let exports = &config.exports;
    ExportLimits {
        orders: exports.orders.get() as u64,
        catalog_objects: exports.catalog_objects.get() as u64,
        write_timeout: exports.write_timeout,
        in_flight: exports.in_flight.get(),
    }
}

/// Builds the executable schema and the operation limits.
pub(super) fn schema_and_limits(
    config: &Config,
    services: Services,
    infrastructure: &Infrastructure,
) -> (Api, OperationLimits) {
    let api = Api::new(api_settings(config), Arc::new(services))
        .with_invalidations(Arc::new(CacheInvalidations(Arc::clone(&infrastructure.cache))))
        .with_cache_tags(config.edge.enabled && config.edge.router_caches);
    (api, operation_limits(config))
}

/// Returns the settings of the schema.
pub fn api_settings(config: &Config) -> ApiSettings {
    let graphql = &config.graphql;
    ApiSettings { suggestions: graphql.suggestions, response_fields: graphql.response_fields.get() as u64 }
}

/// Returns the operation limits of a configuration.
pub fn operation_limits(config: &Config) -> OperationLimits {
    let graphql = &config.graphql;
    OperationLimits {
        body_bytes: config.server.body_limit.0,
        batch: config.server.batch_limit.get(),
        tokens: graphql.tokens.get(),
        recursion: graphql.recursion.get(),
        fields: graphql.fields.get() as u64,
        depth: u32::try_from(graphql.depth.get()).unwrap_or(u32::MAX),
        aliases: graphql.aliases.get() as u64,
        root_fields: graphql.root_fields.get() as u64,
        directives: graphql.directives.get() as u64,
        list_size: u32::from(graphql.list_size) as usize,
        complexity: graphql.complexity.get() as u64,
        vendor_calls: u32::from(graphql.cost).into(),
        vendor_calls_per_minute: graphql.cost_per_minute.map(Into::into),
        warn_only: graphql.warn_only,
        introspection: graphql.introspection,
    }
}

/// Adapts the source cache to the invalidations that the response cache needs.
struct CacheInvalidations(Arc<CatalogCache>);

impl Invalidations for CacheInvalidations {
    fn epoch(&self) -> u64 {
        self.0.epoch()
    }

    fn is_invalidated(&self, used: &ResponseDependencies, since: u64) -> bool {
        self.0.is_invalidated(&used.sources, &used.performances, since)
    }

    fn invalidated_at(&self, used: &ResponseDependencies) -> Option<Timestamp> {
        self.0.invalidated_at(&used.sources, &used.performances)
    }
}

/// Loads the safelist manifest, if one is configured.
pub(super) fn load_safelist(config: &Config) -> Result<Safelist, StartError> {
    let mode = match config.graphql.persisted.mode {
        SafelistMode::Off => SafelistEnforcement::Off,
        SafelistMode::Log => SafelistEnforcement::Log,
        SafelistMode::Require => SafelistEnforcement::Require,
    };
    let Some(path) = &config.graphql.persisted.manifest else { return Ok(Safelist::default()) };
    let unreadable = |error: &dyn std::fmt::Display| StartError::File { path: path.clone(), why: error.to_string() };
    let bytes = std::fs::read(path).map_err(|error| unreadable(&error))?;
    Safelist::from_json(mode, &bytes).map_err(|error| unreadable(&error))
}

/// Returns the settings of accepted connections.
pub(super) fn listener_settings(config: &Config) -> Result<listener::Settings, StartError> {
    let tls = match &config.server.tls {
        None => None,
        Some(files) => {
            Some(Arc::new(load_tls(files).map_err(|error| StartError::File { path: files.cert.clone(), why: error })?))
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

/// Reads the certificates of a file: that of the server, then those of its authorities.
pub(super) fn read_certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let certificates = CertificateDer::pem_file_iter(file).and_then(Iterator::collect);
    certificates.map_err(|error: rustls::pki_types::pem::Error| error.to_string())
}

/// Loads certificate and key, which must fit.
pub(super) fn load_tls(files: &crate::config::TlsConfig) -> Result<rustls::ServerConfig, String> {
    let key = PrivateKeyDer::from_pem_file(&files.key).map_err(|error| error.to_string())?;
    let mut config = rustls::ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(read_certificates(&files.cert)?, key)
        .map_err(|error| error.to_string())?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}
