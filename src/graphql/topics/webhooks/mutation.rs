//! Mutations of webhooks.

use async_graphql::{Context, Object, SimpleObject};
use audit::{AuditAction, AuditSubject};
use domain::StoreError;
use orders::ProblemCode;
use secrecy::ExposeSecret as _;
use webhooks::request::{WebhookOutcome, WebhookProblem};
use webhooks::{WebhookCaller, WebhookKey, Webhooks, WebhooksError};

use crate::graphql::base::ctx::Ctx;
use crate::graphql::base::error::{ApiError, ErrorCode};
use crate::graphql::topics::problem::{GeneralProblem, Problem, Retry, SchemaProblemCode};
use crate::graphql::topics::webhooks::input::{
    CreateWebhookInput, ReplayWebhookInput, UpdateWebhookInput, WebhookActionInput, webhook_key,
};
use crate::graphql::topics::webhooks::{WebhookNode, require_webhooks};

/// Result of a mutation of a webhook.
#[derive(SimpleObject)]
struct WebhookPayload {
    /// The webhook in its current state. Null if it was deleted or does not exist.
    webhook: Option<WebhookNode>,
    /// The new shared secret: `whsec_…`. It is in this response only; a repeated request does not return it again.
    secret: Option<String>,
    /// Expected failures.
    problems: Vec<Problem>,
    /// True if the idempotency key was used before.
    replayed: bool,
}

impl From<WebhookOutcome> for WebhookPayload {
    fn from(outcome: WebhookOutcome) -> Self {
        Self {
            webhook: outcome.webhook.map(WebhookNode::new),
            secret: outcome.secret.map(|secret| secret.expose_secret().to_owned()),
            problems: outcome.problem.map(to_problem).into_iter().collect(),
            replayed: outcome.is_replayed,
        }
    }
}

fn to_problem(problem: WebhookProblem) -> Problem {
    use SchemaProblemCode as Code;
    let (code, retry, field) = match problem {
        WebhookProblem::NotFound => (Code::WebhookNotFound, Retry::WithNewInput, Some("webhook")),
        WebhookProblem::InvalidKey => {
            (Code::Order(ProblemCode::IdempotencyKeyInvalid), Retry::WithNewInput, Some("idempotencyKey"))
        }
        WebhookProblem::KeyReused => {
            (Code::Order(ProblemCode::IdempotencyKeyReused), Retry::WithNewInput, Some("idempotencyKey"))
        }
        WebhookProblem::InvalidUrl => (Code::WebhookUrlInvalid, Retry::WithNewInput, Some("url")),
        WebhookProblem::NoEvents => (Code::WebhookInputInvalid, Retry::WithNewInput, Some("events")),
        WebhookProblem::InvalidCursor => (Code::WebhookInputInvalid, Retry::WithNewInput, Some("cursor")),
        WebhookProblem::LimitReached => (Code::WebhookLimitReached, Retry::Never, None),
        WebhookProblem::Configured => (Code::WebhookConfigured, Retry::Never, Some("webhook")),
        WebhookProblem::Conflict => (Code::Conflict, Retry::AfterRequery, None),
    };
    let path = field.map(|field| vec!["input".to_owned(), field.to_owned()]);
    Problem::General(GeneralProblem { path, ..GeneralProblem::new(code, retry) })
}

/// Returns the error of the viewer's request.
fn to_error(error: WebhooksError, ctx: &Ctx) -> ApiError {
    match error {
        WebhooksError::Store(error) => error.into(),
        WebhooksError::MissingScope(scope) => ApiError::forbidden(scope, &ctx.viewer),
        WebhooksError::OperatorsOnly => ctx.require_operator().err().unwrap_or_else(ApiError::for_operators),
        WebhooksError::Secret(error) => {
            tracing::error!(%error, "the secret of a webhook could not be generated");
            ApiError::new(ErrorCode::Internal)
        }
    }
}

/// Acts, and records the action in the audit log if it took effect. A client that leaves in the middle does not keep it from being recorded.
async fn act_recorded<F>(
    ctx: &Ctx,
    action: AuditAction,
    named: Option<&WebhookKey>,
    act: impl FnOnce(Webhooks, WebhookCaller) -> F,
) -> Result<WebhookPayload, ApiError>
where
    F: Future<Output = Result<WebhookOutcome, WebhooksError>> + Send + 'static,
{
    let (recorder, named) = (ctx.recorder(), named.cloned());
    let work = act(ctx.webhooks()?.clone(), ctx.webhook_caller());
    let acted = ctx.orders()?.run_to_end(async move {
        let outcome = work.await?;
        if outcome.is_new() {
            let key = named.or_else(|| outcome.webhook.as_ref().map(|webhook| webhook.key.clone()));
            let subject = key.map_or(AuditSubject::NONE, |key| AuditSubject::webhook(&key.0));
            recorder.record(action, subject).await?;
        }
        Ok(outcome)
    });
    let outcome = acted.await.unwrap_or(Err(WebhooksError::Store(StoreError::Outdated)));
    let outcome = outcome.map_err(|error| to_error(error, ctx))?;
    Ok(outcome.into())
}

/// Mutations of webhooks.
#[derive(Default)]
pub struct WebhooksMutation;

#[Object]
impl WebhooksMutation {
    /// Adds a destination of changes. It receives those from now on.
    async fn create_webhook(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Destination and types of events.")] input: CreateWebhookInput,
    ) -> Result<WebhookPayload, ApiError> {
        let ctx = require_webhooks(ctx)?;
        let request = input.into_request(ctx)?;
        let create = |webhooks: Webhooks, caller| async move { webhooks.create(&caller, &request).await };
        act_recorded(ctx, AuditAction::WebhookCreated, None, create).await
    }

    /// Changes a webhook, or enables it again.
    async fn update_webhook(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The webhook and its new values.")] input: UpdateWebhookInput,
    ) -> Result<WebhookPayload, ApiError> {
        let ctx = require_webhooks(ctx)?;
        let request = input.into_request(ctx)?;
        let named = request.webhook.clone();
        let update = |webhooks: Webhooks, caller| async move { webhooks.update(&caller, &request).await };
        act_recorded(ctx, AuditAction::WebhookUpdated, Some(&named), update).await
    }

    /// Replaces the secret. For a while messages have a signature of both.
    async fn rotate_webhook_secret(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The webhook.")] input: WebhookActionInput,
    ) -> Result<WebhookPayload, ApiError> {
        let ctx = require_webhooks(ctx)?;
        let (key, webhook) = (input.idempotency_key.0, webhook_key(&input.webhook));
        let named = webhook.clone();
        let rotate = |webhooks: Webhooks, caller| async move { webhooks.rotate_secret(&caller, &key, &webhook).await };
        act_recorded(ctx, AuditAction::WebhookSecretRotated, Some(&named), rotate).await
    }

    /// Sends a message of the type `webhook.test`, once, and waits for the response. `deliveries` has the outcome.
    async fn test_webhook(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The webhook.")] input: WebhookActionInput,
    ) -> Result<WebhookPayload, ApiError> {
        let ctx = require_webhooks(ctx)?;
        let (key, webhook) = (input.idempotency_key.0, webhook_key(&input.webhook));
        let named = webhook.clone();
        let test = |webhooks: Webhooks, caller| async move { webhooks.test(&caller, &key, &webhook).await };
        act_recorded(ctx, AuditAction::WebhookTested, Some(&named), test).await
    }

    /// Sends the changes after a cursor again, with the same ids. The cursor may be another caller's: the webhook receives only what it may
    /// see.
    async fn replay_webhook(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The webhook and the cursor.")] input: ReplayWebhookInput,
    ) -> Result<WebhookPayload, ApiError> {
        let ctx = require_webhooks(ctx)?;
        let (key, webhook, cursor) = (input.idempotency_key.0, webhook_key(&input.webhook), input.cursor);
        let named = webhook.clone();
        let replay = |webhooks: Webhooks, caller| async move {
            webhooks.replay(&caller, &key, &webhook, cursor.as_deref()).await
        };
        act_recorded(ctx, AuditAction::WebhookReplayed, Some(&named), replay).await
    }

    /// Deletes a webhook with its log. What waits is not sent.
    async fn delete_webhook(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The webhook.")] input: WebhookActionInput,
    ) -> Result<WebhookPayload, ApiError> {
        let ctx = require_webhooks(ctx)?;
        let (key, webhook) = (input.idempotency_key.0, webhook_key(&input.webhook));
        let named = webhook.clone();
        let delete = |webhooks: Webhooks, caller: WebhookCaller| async move {
            webhooks.delete(&caller.actor, &key, &webhook).await
        };
        act_recorded(ctx, AuditAction::WebhookDeleted, Some(&named), delete).await
    }
}
