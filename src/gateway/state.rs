//! State shared by all handlers.

use std::net::IpAddr;
use std::sync::Arc;

use arc_swap::ArcSwap;
use audit::{AuditAction, AuditActor, AuditLog, AuditSubject};
use axum::body::Bytes;
use axum::http::HeaderValue;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::gateway::auth::{Authenticator, Principal, wait_for_expiry};
use crate::gateway::cors::is_loopback_origin;
use crate::gateway::edge::EdgeSettings;
use crate::gateway::incoming_webhooks::IncomingWebhooks;
use crate::gateway::octo::OctoSettings;
use crate::gateway::pages::{self, StaticPage};
use crate::gateway::pipeline::Pipeline;
use crate::gateway::rate_limiter::RateLimitStatus;
use crate::gateway::rejection::RequestRejection;
use crate::gateway::sign_in::SignIn;
use crate::gateway::socket::SocketLimits;
use crate::graphql::base::callers::CallerEvent;

/// State shared by all handlers.
pub struct AppState {
    /// Runs operations.
    pub pipeline: Pipeline,
    /// Authenticates callers; replaced on reload.
    pub authenticator: ArcSwap<Authenticator>,
    /// Signals that the authenticator was replaced.
    auth_changes: watch::Sender<()>,
    /// Ends open streams at shutdown.
    pub stop: CancellationToken,
    /// Limits of WebSocket clients.
    pub socket_limits: SocketLimits,
    /// Allowed origins of browsers on other sites; exact matches.
    pub allowed_origins: Vec<String>,
    /// True if scripts of every origin on this machine may read responses.
    pub cors_loopback: bool,
    /// True if the listener serves TLS; browsers then get `Strict-Transport-Security`.
    pub serves_tls: bool,
    /// Responses for shared caches; `None`: no response is public.
    pub edge: Option<EdgeSettings>,
    /// Webhooks that vendors send.
    pub incoming_webhooks: IncomingWebhooks,
    /// OCTO endpoints.
    pub octo: OctoSettings,
    /// Audit log; `None` without a ledger.
    pub audit: Option<Arc<AuditLog>>,
    /// Sign-in of people; `None`: off.
    pub sign_in: Option<Arc<SignIn>>,
    /// The schema as a page.
    schema_page: StaticPage,
}

/// Address of the client.
#[derive(Debug, Clone, Copy)]
pub struct PeerAddress(pub IpAddr);

impl AppState {
    /// Creates the state over a pipeline.
    pub fn new(
        pipeline: Pipeline,
        authenticator: Authenticator,
        allowed_origins: Vec<String>,
        socket_limits: SocketLimits,
        stop: CancellationToken,
    ) -> Self {
        pipeline.callers().replace(authenticator.callers());
        let schema_page = pages::text_page(Bytes::copy_from_slice(pipeline.sdl().as_bytes()));
        Self {
            pipeline,
            authenticator: ArcSwap::from_pointee(authenticator),
            auth_changes: watch::Sender::new(()),
            stop,
            socket_limits,
            allowed_origins,
            cors_loopback: false,
            serves_tls: false,
            edge: None,
            incoming_webhooks: IncomingWebhooks::default(),
            octo: OctoSettings::default(),
            audit: None,
            sign_in: None,
            schema_page,
        }
    }

    /// Returns the schema as a page, if everybody may read the schema.
    pub(super) fn schema_page(&self) -> Option<StaticPage> {
        self.pipeline.limits().introspection.then(|| self.schema_page.clone())
    }

    /// Replaces the authenticator; streams of callers that are no longer accepted end.
    pub fn replace_authenticator(&self, authenticator: Authenticator) {
        self.pipeline.callers().replace(authenticator.callers());
        self.authenticator.store(Arc::new(authenticator));
        self.auth_changes.send_replace(());
    }

    /// Completes when a caller loses access: its token expires, its key is revoked, or its session ends.
    pub async fn wait_until_revoked(&self, principal: &Principal) {
        let mut auth_changes = self.auth_changes.subscribe();
        let revoked = async {
            while self.authenticator.load().is_still_valid(principal) {
                // The sender lives as long as `self`.
                let _ = auth_changes.changed().await;
            }
        };
        tokio::select! {
            () = wait_for_expiry(principal.expires_at) => {}
            () = revoked => {}
            () = self.wait_until_signed_out(principal) => {}
        }
    }

    async fn wait_until_signed_out(&self, principal: &Principal) {
        let Some(session) = &principal.session else { return std::future::pending().await };
        let authenticator = self.authenticator.load_full();
        if let Some(sessions) = &authenticator.sessions {
            session.wait_until_ended(&sessions.sessions).await;
        }
    }

    /// Returns true if a browser at this origin may open a WebSocket. Clients without an origin are not browsers and
    /// allowed.
    pub fn allows_origin(&self, origin: Option<&HeaderValue>) -> bool {
        let Some(origin) = origin else { return true };
        let Ok(origin) = origin.to_str() else { return false };
        is_loopback_origin(origin) || self.allowed_origins.iter().any(|allowed| allowed == origin)
    }

    /// Records an action that concerns no single order, before its response. Returns false if the ledger does not respond.
    pub async fn record(&self, actor: AuditActor, action: AuditAction) -> bool {
        let Some(audit) = &self.audit else { return true };
        let recorded = audit.record(actor, action, AuditSubject::NONE).await;
        recorded
            .inspect_err(|error| tracing::error!(%error, "an action could not be recorded in the audit log"))
            .is_ok()
    }

    /// Counts requests of a caller and returns its rate limit status, if it has a limit. Anonymous callers are counted
    /// by address; `anonymous_peer` is `None` for all others.
    pub async fn check_rate_limit(
        &self,
        principal: &Principal,
        anonymous_peer: Option<PeerAddress>,
        requests: u32,
    ) -> Result<Option<RateLimitStatus>, RequestRejection> {
        let checked = self.count_against_limit(principal, anonymous_peer, requests).await;
        self.record_requests(principal, requests);
        if checked.is_err() {
            self.pipeline.callers().record(&principal.viewer, CallerEvent::RateLimited, requests);
        }
        checked
    }

    /// Adds requests to the use of a caller.
    pub(super) fn record_requests(&self, principal: &Principal, requests: u32) {
        self.pipeline.callers().record(&principal.viewer, CallerEvent::Request, requests);
    }

    /// Counts requests against the rate limit of a caller. A request that is passed on to
    /// [`check_rate_limit`](Self::check_rate_limit) is added to the use of the caller there.
    pub(super) async fn count_against_limit(
        &self,
        principal: &Principal,
        anonymous_peer: Option<PeerAddress>,
        requests: u32,
    ) -> Result<Option<RateLimitStatus>, RequestRejection> {
        let Some(limit) = principal.requests_per_minute else { return Ok(None) };
        let id = &principal.viewer.id;
        let name = match anonymous_peer {
            Some(PeerAddress(address)) => format!("{id}@{address}"),
            None => id.clone(),
        };
        let status = self.pipeline.rate_limiter().count_requests(&name, requests, limit).await;
        if status.is_exceeded() {
            let text = "too many requests: wait for the time in `Retry-After`";
            return Err(RequestRejection {
                rate_limit_status: Some(status),
                ..RequestRejection::rate_limited(text, &status)
            });
        }
        Ok(Some(status))
    }
}
