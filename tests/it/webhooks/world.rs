//! A ledger with webhooks and a runner, and changes of performances.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use change_feed::{ChangeSubject, NewChange};
use domain::{Clock, PerformanceKey, Scope, SourceId, SystemClock};
use orders::Actor;
use resilience::RetryPolicy;
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use store_sql::Stores;
use webhooks::address::{AddressPolicy, resolver};
use webhooks::notice::{WebhookDisabled, WebhookNotifier};
use webhooks::request::{CreateWebhook, WebhookOutcome};
use webhooks::runner::Wake;
use webhooks::{
    RunnerDependencies, RunnerSettings, Sender, Webhook, WebhookCaller, WebhookEventType, WebhookInclude,
    WebhookObjects, WebhookOwner, WebhookRunner, WebhookSignature, Webhooks, WebhooksDependencies,
};

use crate::feed::open;

/// Policy of destinations on this machine.
pub(super) const OPEN: AddressPolicy = AddressPolicy { allows_private: true };
/// Time for which a replaced secret signs, too.
pub(super) const OVERLAP: Duration = Duration::from_secs(3600);
/// Most webhooks of an owner.
pub(super) const PER_OWNER: usize = 12;

/// Settings with short times.
pub(super) const SETTINGS: RunnerSettings = RunnerSettings {
    max_attempts_for: Duration::from_secs(3600),
    retry: RetryPolicy {
        max_attempts: u32::MAX,
        initial_backoff: Duration::from_millis(10),
        max_backoff: Duration::from_millis(50),
        budget_percent: 0,
        budget_reserve: 0,
    },
    window: 50,
    sends_per_webhook: 8,
    sends_per_owner: 12,
    sends: 64,
    poll_interval: Duration::from_millis(50),
    log_retention: Duration::from_secs(3600),
    log_entries: 1_000,
};

/// Caller that is no longer configured.
pub(super) const REMOVED: &str = "removed";
/// Performance whose reading panics.
pub(super) const PANICKING: &str = "panicking";

/// Objects that are named after themselves.
struct NamedObjects;

#[async_trait]
impl WebhookObjects for NamedObjects {
    fn id(&self, subject: &ChangeSubject) -> String {
        subject.to_text().expect("a text")
    }

    fn cache_tags(&self, _: &ChangeSubject) -> Vec<String> {
        Vec::new()
    }

    fn is_known(&self, owner: &WebhookOwner) -> bool {
        owner.caller != REMOVED
    }

    async fn load(&self, owner: &WebhookOwner, subject: &ChangeSubject) -> Option<Value> {
        assert!(!self.id(subject).contains(PANICKING), "this object cannot be read");
        Some(json!({ "as": owner.caller }))
    }
}

/// Notices that were sent.
#[derive(Default)]
pub(super) struct Notices(Mutex<Vec<WebhookDisabled>>);

impl WebhookNotifier for Notices {
    fn notify_disabled(&self, notice: WebhookDisabled) {
        self.0.lock().expect("a lock").push(notice);
    }
}

impl Notices {
    pub(super) fn all(&self) -> Vec<WebhookDisabled> {
        self.0.lock().expect("a lock").clone()
    }
}

pub(super) struct World {
    pub stores: Stores,
    pub webhooks: Webhooks,
    pub notices: Arc<Notices>,
    sender: Sender,
    wake: Wake,
}

pub(super) fn caller(name: &str, reseller: Option<&str>) -> WebhookCaller {
    let actor = Actor { caller: name.to_owned(), reseller: reseller.map(str::to_owned) };
    let scopes = vec![Scope::CatalogRead, Scope::OrderRead, Scope::ReportRead];
    WebhookCaller { actor, scopes, is_operator: reseller.is_none() }
}

pub(super) fn operator() -> WebhookCaller {
    caller("operator", None)
}

impl World {
    pub(super) async fn open() -> Self {
        Self::with("sqlite::memory:", OPEN, Duration::from_secs(2)).await
    }

    pub(super) async fn with(url: &str, policy: AddressPolicy, timeout: Duration) -> Self {
        let stores = open(url).await;
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let client = http_client::build_client_resolving_by(resolver(policy)).expect("a client");
        let (objects, feed) = (Arc::new(NamedObjects), Arc::clone(&stores.changes));
        let sender = Sender { client, policy, timeout, clock: Arc::clone(&clock), objects, feed };
        let wake = Wake::default();
        let webhooks = Webhooks::new(WebhooksDependencies {
            store: Arc::clone(&stores.webhooks),
            feed: Arc::clone(&stores.changes),
            sender: sender.clone(),
            clock,
            secret_overlap: OVERLAP,
            per_owner: PER_OWNER,
            wake: wake.clone(),
        });
        Self { stores, webhooks, notices: Arc::default(), sender, wake }
    }

    /// Starts a runner with these settings.
    pub(super) fn run(&self, settings: RunnerSettings) -> WebhookRunner {
        let dependencies = RunnerDependencies {
            store: Arc::clone(&self.stores.webhooks),
            feed: Arc::clone(&self.stores.changes),
            sender: self.sender.clone(),
            notifier: Some(Arc::clone(&self.notices) as _),
            clock: Arc::new(SystemClock),
            settings,
        };
        WebhookRunner::start(dependencies, self.wake.clone())
    }

    /// Creates a webhook for changes of performances and connections. Returns it with its secret.
    pub(super) async fn create(&self, caller: &WebhookCaller, key: &str, url: &str) -> (Webhook, String) {
        let outcome = self.request(caller, key, url, WebhookInclude::Ids).await;
        let secret = outcome.secret.expect("a secret").expose_secret().to_owned();
        (outcome.webhook.expect("a webhook"), secret)
    }

    pub(super) async fn request(
        &self,
        caller: &WebhookCaller,
        key: &str,
        url: &str,
        include: WebhookInclude,
    ) -> WebhookOutcome {
        let request = CreateWebhook {
            key: key.to_owned(),
            url: url.to_owned(),
            events: vec![WebhookEventType::AvailabilityUpdated, WebhookEventType::ConnectionUpdated],
            include,
            signature: WebhookSignature::Hmac,
        };
        self.webhooks.create(caller, &request).await.expect("the store")
    }

    pub(super) async fn read(&self, webhook: &Webhook) -> Webhook {
        self.webhooks.find(&operator().actor, &webhook.key).await.expect("the store").expect("the webhook")
    }

    /// Appends a change of each of these performances with their versions.
    pub(super) async fn change(&self, changes: &[(&str, u64)]) {
        let changes: Vec<NewChange> = changes.iter().map(|(name, version)| performance(name, *version)).collect();
        self.stores.changes.append(&changes).await.expect("the store");
    }
}

pub(super) fn performance(name: &str, version: u64) -> NewChange {
    let performance = PerformanceKey::new(name);
    let subject = ChangeSubject::Performance { source: SourceId::new("harbor"), event: None, performance };
    NewChange { at: SystemClock.now(), subject, version, reseller: None, is_removed: false }
}

pub(super) fn connection(reseller: &str, version: u64) -> NewChange {
    let subject = ChangeSubject::Connection { reseller: reseller.to_owned(), source: SourceId::new("harbor") };
    NewChange { at: SystemClock.now(), subject, version, reseller: Some(reseller.to_owned()), is_removed: false }
}
