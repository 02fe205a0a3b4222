//! Builds the webhooks from the configuration.

use std::sync::Arc;

use aws_lc_rs::rand::{SecureRandom as _, SystemRandom};
use secrecy::SecretString;

use crate::app::error::StartError;
use crate::config::{Config, DestinationConfig, WebhooksConfig};
use crate::gateway::state::AppState;
use crate::gateway::webhook_objects::GatewayObjects;
use change_feed::ChangeStore;
use domain::{Clock, Scope};
use http_client::build_client_resolving_by;
use notifications::Notifications;
use resilience::RetryPolicy;
use store_sql::Stores;
use webhooks::address::{AddressPolicy, resolver};
use webhooks::notice::WebhookNotifier;
use webhooks::runner::Wake;
use webhooks::{
    RunnerDependencies, RunnerSettings, Sender, Webhook, WebhookInclude, WebhookKey, WebhookOwner, WebhookRunner,
    WebhookState, Webhooks, WebhooksDependencies,
};

/// The webhooks before they are started.
pub(super) struct PreparedWebhooks {
    /// Service for callers.
    pub service: Webhooks,
    /// Objects of the bodies, which the gateway reads.
    objects: Arc<GatewayObjects>,
    runner: RunnerDependencies,
    wake: Wake,
}

impl PreparedWebhooks {
    /// Connects the gateway and starts sending.
    pub(super) fn start(self, gateway: &Arc<AppState>) -> WebhookRunner {
        self.objects.connect(gateway);
        WebhookRunner::start(self.runner, self.wake)
    }
}

/// Builds the webhooks and stores those of the configuration. Nothing is sent yet.
pub(super) async fn prepare(
    config: &Config,
    stores: &Stores,
    clock: &Arc<dyn Clock>,
    notifications: Option<&Notifications>,
) -> Result<PreparedWebhooks, StartError> {
    let settings = &config.webhooks;
    let policy = AddressPolicy { allows_private: settings.allow_private_addresses };
    let (objects, wake) = (Arc::new(GatewayObjects::default()), Wake::default());
    let sender = Sender {
        client: build_client_resolving_by(resolver(policy))?,
        policy,
        timeout: settings.timeout,
        clock: Arc::clone(clock),
        objects: Arc::clone(&objects) as _,
        feed: Arc::clone(&stores.changes),
    };
    let notifier = notifications.map(|notifications| Arc::new(notifications.clone()) as Arc<dyn WebhookNotifier>);
    store_configured(settings, stores, &stores.changes, clock.as_ref()).await?;
    let runner = RunnerDependencies {
        store: Arc::clone(&stores.webhooks),
        feed: Arc::clone(&stores.changes),
        sender: sender.clone(),
        notifier,
        clock: Arc::clone(clock),
        settings: runner_settings(settings),
    };
    let service = Webhooks::new(WebhooksDependencies {
        store: Arc::clone(&stores.webhooks),
        feed: Arc::clone(&stores.changes),
        sender,
        clock: Arc::clone(clock),
        secret_overlap: settings.secret_overlap,
        per_owner: settings.per_owner.get(),
        wake: wake.clone(),
    });
    Ok(PreparedWebhooks { service, objects, runner, wake })
}

fn runner_settings(settings: &WebhooksConfig) -> RunnerSettings {
    RunnerSettings {
        max_attempts_for: settings.max_attempts_for,
        retry: RetryPolicy {
            max_attempts: u32::MAX,
            initial_backoff: settings.initial_backoff,
            max_backoff: settings.max_backoff,
            budget_percent: 0,
            budget_reserve: 0,
        },
        window: settings.window.get(),
        sends_per_webhook: settings.sends_per_webhook.get(),
        sends_per_owner: settings.sends_per_owner.get(),
        sends: settings.sends.get(),
        poll_interval: settings.poll_interval,
        log_retention: settings.log_retention,
        log_entries: settings.log_entries.get(),
    }
}

/// Stores the webhooks of the configuration. New ones receive changes from now on.
async fn store_configured(
    settings: &WebhooksConfig,
    stores: &Stores,
    feed: &Arc<dyn ChangeStore>,
    clock: &dyn Clock,
) -> Result<(), StartError> {
    let position = feed.end().await.map_err(StartError::Webhooks)?;
    let configured: Result<Vec<Webhook>, StartError> = settings
        .destinations
        .iter()
        .map(|(name, destination)| configured_webhook(name, destination, position, clock))
        .collect();
    stores.webhooks.replace_configured(&configured?).await.map_err(StartError::Webhooks)
}

fn configured_webhook(
    name: &str,
    destination: &DestinationConfig,
    position: u64,
    clock: &dyn Clock,
) -> Result<Webhook, StartError> {
    let mut salt = [0; 32];
    SystemRandom::new()
        .fill(&mut salt)
        .map_err(|_| StartError::Io("random bytes".to_owned(), std::io::Error::other("the system has none")))?;
    let scopes = vec![Scope::CatalogRead, Scope::OrderRead, Scope::ReportRead];
    let (caller, reseller) = (format!("webhook {name}"), destination.reseller.clone());
    Ok(Webhook {
        key: WebhookKey::configured(name),
        owner: WebhookOwner { caller, reseller, scopes },
        url: destination.url.clone(),
        events: destination.events.clone(),
        include: WebhookInclude::Ids,
        signing: destination.signing.clone(),
        previous: Vec::new(),
        salt: SecretString::from(hex::encode(salt)),
        state: WebhookState::Active,
        disabled: None,
        created_at: clock.now(),
        position,
        failing_since: None,
        fence: 0,
    })
}
