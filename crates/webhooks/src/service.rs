//! Webhooks as callers manage them: create, change, rotate the secret, test, replay and delete.

use std::sync::Arc;
use std::time::Duration;

use change_feed::ChangeStore;
use domain::time::later;
use domain::{Clock, Scope, StoreError};
use orders::Actor;
use orders::idempotency::{is_valid_key, request_hash};
use orders::operator::OperatorAction;
use secrecy::SecretString;
use serde::Serialize;

use crate::delivery::{WebhookDelivery, WebhookDeliveryState, message_id};
use crate::request::{CreateWebhook, UpdateWebhook, WebhookOutcome, WebhookProblem};
use crate::runner::Wake;
use crate::secret::{SecretError, SigningKey, random_text};
use crate::send::Sender;
use crate::store::{LogPlace, WaitingMessages, WebhookScope, WebhookStore};
use crate::webhook::{
    DisabledReason, MAX_PREVIOUS_KEYS, PreviousKey, Webhook, WebhookEventType, WebhookKey, WebhookOwner, WebhookState,
};

/// Tries to change a webhook that changes at the same time.
const MAX_CHANGE_TRIES: usize = 5;
/// Hexadecimal digits of a key.
const KEY_DIGITS: usize = 32;

/// Failure of the service.
#[derive(Debug, thiserror::Error)]
pub enum WebhooksError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// No secret could be generated.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// The caller may not see an event that the webhook receives.
    #[error("the caller lacks the scope `{}`", .0.as_str())]
    MissingScope(Scope),
    /// The configuration defines the webhook, and the caller is no operator.
    #[error("webhooks of the configuration are changed by operators")]
    OperatorsOnly,
}

/// Ports and settings of the service.
pub struct WebhooksDependencies {
    /// Webhooks and messages.
    pub store: Arc<dyn WebhookStore>,
    /// The feed.
    pub feed: Arc<dyn ChangeStore>,
    /// Sends test messages.
    pub sender: Sender,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// Time for which a replaced secret signs, too.
    pub secret_overlap: Duration,
    /// Most webhooks of an owner.
    pub per_owner: usize,
    /// Wakes the runner.
    pub wake: Wake,
}

/// The webhooks. Cheap to clone.
#[derive(Clone)]
pub struct Webhooks(Arc<WebhooksDependencies>);

/// A caller with the scopes that its webhooks read with.
#[derive(Debug, Clone)]
pub struct WebhookCaller {
    /// The caller.
    pub actor: Actor,
    /// Its scopes.
    pub scopes: Vec<Scope>,
    /// True for an operator.
    pub is_operator: bool,
}

impl WebhookCaller {
    /// Checks that the caller may change a webhook: it needs the scope of each event that the webhook receives.
    fn check_change(&self, webhook: &Webhook) -> Result<(), WebhooksError> {
        if webhook.key.is_configured() && !self.is_operator {
            return Err(WebhooksError::OperatorsOnly);
        }
        self.check_events(&webhook.events)
    }

    fn check_events(&self, events: &[WebhookEventType]) -> Result<(), WebhooksError> {
        let missing = events.iter().map(|event| event.kind().scope()).find(|scope| !self.scopes.contains(scope));
        missing.map_or(Ok(()), |scope| Err(WebhooksError::MissingScope(scope)))
    }
}

impl Webhooks {
    /// Creates the service.
    pub fn new(dependencies: WebhooksDependencies) -> Self {
        Self(Arc::new(dependencies))
    }

    /// Lists the webhooks of a reseller's callers, or all, by the time of their creation.
    pub async fn list(&self, actor: &Actor) -> Result<Vec<Webhook>, StoreError> {
        self.0.store.list_webhooks(scope_of(actor)).await
    }

    /// Finds a webhook that the caller may manage.
    pub async fn find(&self, actor: &Actor, key: &WebhookKey) -> Result<Option<Webhook>, StoreError> {
        let found = self.0.store.find_webhook(key).await?;
        Ok(found.filter(|webhook| actor.can_see(webhook.owner.reseller.as_deref())))
    }

    /// Lists messages of a webhook, newest first: those after a place, at most `limit`.
    pub async fn list_messages(
        &self,
        key: &WebhookKey,
        after: Option<&LogPlace>,
        limit: usize,
    ) -> Result<Vec<WebhookDelivery>, StoreError> {
        self.0.store.list_messages(key, after, limit).await
    }

    /// Returns the cursor of a message in the feed. `None` for a test message.
    pub fn cursor_of(&self, delivery: &WebhookDelivery) -> Result<Option<String>, StoreError> {
        delivery.position.map(|position| self.0.feed.encode_cursor(position)).transpose()
    }

    /// Creates a webhook, which receives changes from now on.
    pub async fn create(
        &self,
        caller: &WebhookCaller,
        request: &CreateWebhook,
    ) -> Result<WebhookOutcome, WebhooksError> {
        let actor = &caller.actor;
        caller.check_events(&request.events)?;
        let action = match self.begin(actor, "createWebhook", &request.key, request).await? {
            Begun::New(action) => action,
            Begun::Known(outcome) => return Ok(*outcome),
            Begun::Repeated(action) => return self.replayed(actor, &created_key(&action)).await,
        };
        if request.events.is_empty() {
            return Ok(WebhookOutcome::rejected(WebhookProblem::NoEvents));
        }
        let Ok(url) = self.0.sender.policy.check_url(&request.url) else {
            return Ok(WebhookOutcome::rejected(WebhookProblem::InvalidUrl));
        };
        let signing = SigningKey::generate(request.signature)?;
        let mut events = request.events.clone();
        events.sort_unstable();
        events.dedup();
        let webhook = Webhook {
            key: created_key(&action),
            owner: WebhookOwner {
                caller: actor.caller.clone(),
                reseller: actor.reseller.clone(),
                scopes: caller.scopes.clone(),
            },
            url: SecretString::from(url.to_string()),
            events,
            include: request.include,
            signing,
            previous: Vec::new(),
            salt: SecretString::from(random_text()?),
            state: WebhookState::Active,
            disabled: None,
            created_at: self.0.clock.now(),
            position: self.0.feed.end().await?,
            failing_since: None,
            fence: 0,
        };
        match self.0.store.insert_webhook(&action, &webhook, self.0.per_owner).await {
            Ok(()) => {}
            Err(StoreError::KeyTaken) => return self.replayed(actor, &webhook.key).await,
            Err(StoreError::Outdated) => return Ok(WebhookOutcome::rejected(WebhookProblem::LimitReached)),
            Err(error) => return Err(error.into()),
        }
        self.0.wake.wake();
        let secret = webhook.signing.shared_secret().cloned();
        Ok(WebhookOutcome { webhook: Some(webhook), secret, ..WebhookOutcome::default() })
    }

    /// Changes a webhook. One that is enabled goes on from its position in the feed.
    /// What it reads is from then on what the caller that changed URL, events or content may read.
    pub async fn update(
        &self,
        caller: &WebhookCaller,
        request: &UpdateWebhook,
    ) -> Result<WebhookOutcome, WebhooksError> {
        caller.check_events(request.events.as_deref().unwrap_or_default())?;
        if request.events.as_ref().is_some_and(Vec::is_empty) {
            return Ok(WebhookOutcome::rejected(WebhookProblem::NoEvents));
        }
        let url = match request.url.as_deref().map(|url| self.0.sender.policy.check_url(url)).transpose() {
            Ok(url) => url.map(|url| SecretString::from(url.to_string())),
            Err(_) => return Ok(WebhookOutcome::rejected(WebhookProblem::InvalidUrl)),
        };
        let changes_settings = url.is_some() || request.events.is_some() || request.include.is_some();
        let change = |webhook: &mut Webhook| {
            if changes_settings && webhook.key.is_configured() {
                return Err(WebhookProblem::Configured);
            }
            let is_orphan = webhook.disabled == Some(DisabledReason::OwnerRemoved);
            if changes_settings || (is_orphan && request.state == Some(WebhookState::Active)) {
                webhook.owner.caller.clone_from(&caller.actor.caller);
                webhook.owner.scopes.clone_from(&caller.scopes);
            }
            if let Some(url) = &url {
                webhook.url = url.clone();
            }
            if let Some(events) = &request.events {
                webhook.events = events.clone();
                webhook.events.sort_unstable();
                webhook.events.dedup();
            }
            webhook.include = request.include.unwrap_or(webhook.include);
            match request.state {
                Some(WebhookState::Active) => {
                    (webhook.state, webhook.disabled, webhook.failing_since) = (WebhookState::Active, None, None);
                }
                Some(WebhookState::Disabled) if webhook.state == WebhookState::Active => {
                    (webhook.state, webhook.disabled) = (WebhookState::Disabled, Some(DisabledReason::Requested));
                }
                _ => {}
            }
            Ok(None)
        };
        let waiting =
            if request.state == Some(WebhookState::Active) { WaitingMessages::Restart } else { WaitingMessages::Keep };
        self.change(caller, ("updateWebhook", &request.key, request), &request.webhook, waiting, change).await
    }

    /// Replaces the key of the signatures. Up to five old ones sign too, each for a while.
    pub async fn rotate_secret(
        &self,
        caller: &WebhookCaller,
        key: &str,
        webhook: &WebhookKey,
    ) -> Result<WebhookOutcome, WebhooksError> {
        let now = self.0.clock.now();
        let until = later(now, self.0.secret_overlap);
        let change = |webhook: &mut Webhook| {
            if webhook.key.is_configured() {
                return Err(WebhookProblem::Configured);
            }
            let new = SigningKey::generate(webhook.signing.scheme()).map_err(|_| WebhookProblem::Conflict)?;
            let secret = new.shared_secret().cloned();
            let old = std::mem::replace(&mut webhook.signing, new);
            webhook.previous.retain(|previous| now < previous.until);
            webhook.previous.insert(0, PreviousKey { key: old, until });
            webhook.previous.truncate(MAX_PREVIOUS_KEYS);
            Ok(secret)
        };
        self.change(caller, ("rotateWebhookSecret", key, &()), webhook, WaitingMessages::Keep, change).await
    }

    /// Sends the changes after a cursor again, as far as the webhook may see them, with the ids that they had. Without a cursor: all.
    /// Messages that wait at or before it are not sent.
    pub async fn replay(
        &self,
        caller: &WebhookCaller,
        key: &str,
        webhook: &WebhookKey,
        after: Option<&str>,
    ) -> Result<WebhookOutcome, WebhooksError> {
        let Some(position) = after.map_or(Some(0), |cursor| self.0.feed.decode_cursor(cursor)) else {
            return Ok(WebhookOutcome::rejected(WebhookProblem::InvalidCursor));
        };
        let change = |webhook: &mut Webhook| {
            webhook.position = position;
            Ok(None)
        };
        self.change(caller, ("replayWebhook", key, &after), webhook, WaitingMessages::Drop, change).await
    }

    /// Deletes a webhook with its log.
    pub async fn delete(
        &self,
        actor: &Actor,
        key: &str,
        webhook: &WebhookKey,
    ) -> Result<WebhookOutcome, WebhooksError> {
        let action = match self.begin(actor, "deleteWebhook", key, &webhook.0).await? {
            Begun::New(action) => action,
            Begun::Known(outcome) => return Ok(*outcome),
            Begun::Repeated(_) => return self.replayed(actor, webhook).await,
        };
        let Some(found) = self.find(actor, webhook).await? else {
            return Ok(WebhookOutcome::rejected(WebhookProblem::NotFound));
        };
        if found.key.is_configured() {
            return Ok(WebhookOutcome { webhook: Some(found), ..WebhookOutcome::rejected(WebhookProblem::Configured) });
        }
        match self.0.store.delete_webhook(&action, webhook).await {
            Err(StoreError::KeyTaken) => self.replayed(actor, webhook).await,
            done => Ok(done.map(|()| WebhookOutcome::default())?),
        }
    }

    /// Sends a test message at once, once, whatever the state of the webhook. Its outcome is in the log.
    pub async fn test(
        &self,
        caller: &WebhookCaller,
        key: &str,
        webhook: &WebhookKey,
    ) -> Result<WebhookOutcome, WebhooksError> {
        let actor = &caller.actor;
        let action = match self.begin(actor, "testWebhook", key, &webhook.0).await? {
            Begun::New(action) => action,
            Begun::Known(outcome) => return Ok(*outcome),
            Begun::Repeated(_) => return self.replayed(actor, webhook).await,
        };
        let Some(found) = self.find(actor, webhook).await? else {
            return Ok(WebhookOutcome::rejected(WebhookProblem::NotFound));
        };
        caller.check_change(&found)?;
        match self.0.store.insert_request(&action).await {
            Err(StoreError::KeyTaken) => return self.replayed(actor, webhook).await,
            done => done?,
        }
        let mut delivery = WebhookDelivery {
            webhook: webhook.clone(),
            message: message_id(&found, &format!("test {}", created_key(&action).0)),
            position: None,
            subject: None,
            version: 0,
            at: action.at,
            created_at: action.at,
            state: WebhookDeliveryState::Failed,
            attempts: 0,
            first_attempt_at: None,
            next_attempt_at: action.at,
            log: Vec::new(),
        };
        let attempt = self.0.sender.attempt(&found, &delivery).await;
        metrics::counter!("ticketgraph_webhook_attempts_total", "outcome" => attempt.outcome.label()).increment(1);
        delivery.record(attempt);
        self.0.store.insert_test(&delivery).await?;
        Ok(WebhookOutcome { webhook: Some(found), ..WebhookOutcome::default() })
    }

    /// Changes a webhook together with the record of the request. A change that comes between is read, and the change made again.
    async fn change<T: Serialize + Sync + ?Sized>(
        &self,
        caller: &WebhookCaller,
        (operation, key, request): (&str, &str, &T),
        webhook: &WebhookKey,
        waiting: WaitingMessages,
        change: impl Fn(&mut Webhook) -> Result<Option<SecretString>, WebhookProblem>,
    ) -> Result<WebhookOutcome, WebhooksError> {
        let actor = &caller.actor;
        let action = match self.begin(actor, operation, key, &(&webhook.0, request)).await? {
            Begun::New(action) => action,
            Begun::Known(outcome) => return Ok(*outcome),
            Begun::Repeated(_) => return self.replayed(actor, webhook).await,
        };
        for _ in 0..MAX_CHANGE_TRIES {
            let Some(mut found) = self.find(actor, webhook).await? else {
                return Ok(WebhookOutcome::rejected(WebhookProblem::NotFound));
            };
            caller.check_change(&found)?;
            let before = found.clone();
            let secret = match change(&mut found) {
                Ok(secret) => secret,
                Err(problem) => {
                    return Ok(WebhookOutcome { webhook: Some(before), ..WebhookOutcome::rejected(problem) });
                }
            };
            match self.0.store.replace_webhook(&action, &found, waiting).await {
                Ok(()) => {
                    self.0.wake.wake();
                    return Ok(WebhookOutcome { webhook: Some(found), secret, ..WebhookOutcome::default() });
                }
                Err(StoreError::KeyTaken) => return self.replayed(actor, webhook).await,
                Err(StoreError::Outdated) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(WebhookOutcome::rejected(WebhookProblem::Conflict))
    }

    /// Returns the record of a new request, or what is known of a key that is invalid or was used.
    async fn begin<T: Serialize + Sync + ?Sized>(
        &self,
        actor: &Actor,
        operation: &str,
        key: &str,
        request: &T,
    ) -> Result<Begun, StoreError> {
        let known = |problem| Ok(Begun::Known(Box::new(WebhookOutcome::rejected(problem))));
        if !is_valid_key(key) {
            return known(WebhookProblem::InvalidKey);
        }
        let (scope, request_hash) = (actor.idempotency_scope(), request_hash(request));
        match self.0.store.find_request(&scope, operation, key).await? {
            Some(used) if used.request_hash != request_hash => known(WebhookProblem::KeyReused),
            Some(used) => Ok(Begun::Repeated(used)),
            None => {
                let (operation, key, at) = (operation.to_owned(), key.to_owned(), self.0.clock.now());
                Ok(Begun::New(OperatorAction { scope, operation, key, request_hash, scheduled: 0, at }))
            }
        }
    }

    /// Returns the outcome of a request that is repeated. A secret is not returned again.
    async fn replayed(&self, actor: &Actor, webhook: &WebhookKey) -> Result<WebhookOutcome, WebhooksError> {
        let webhook = self.find(actor, webhook).await?;
        Ok(WebhookOutcome { webhook, is_replayed: true, ..WebhookOutcome::default() })
    }
}

/// A request with its idempotency key.
enum Begun {
    New(OperatorAction),
    Repeated(OperatorAction),
    Known(Box<WebhookOutcome>),
}

/// Returns the key of the webhook that a request creates, which is the same if the request is repeated.
fn created_key(action: &OperatorAction) -> WebhookKey {
    let mut digits = request_hash(&(&action.scope, &action.operation, &action.key));
    digits.truncate(KEY_DIGITS);
    WebhookKey(digits)
}

fn scope_of(actor: &Actor) -> WebhookScope<'_> {
    actor.reseller.as_deref().map_or(WebhookScope::All, WebhookScope::Reseller)
}
