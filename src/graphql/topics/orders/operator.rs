//! Mutations for operators: settle legs, try them again, note, resolve orphans, and pause sources.

use std::sync::Arc;

use async_graphql::{Context, Enum, ID, InputObject, Object, SimpleObject};
use audit::{AuditAction, AuditSubject};
use domain::{OrderKey, SourceId, StoreError};
use orders::{self, Actor, OperatorOutcome, Orders};

use crate::graphql::base::ctx::Ctx;
use crate::graphql::base::error::ApiError;
use crate::graphql::base::id::GlobalId;
use crate::graphql::base::scalars::{DateTime, int};
use crate::graphql::topics::orders::input::{input_path, parse_order_key, problem_at};
use crate::graphql::topics::orders::payload::OrderPayload;
use crate::graphql::topics::orders::problem::to_problems;
use crate::graphql::topics::problem::Problem;
use crate::graphql::topics::sources::{PauseModeEnum, Source};

/// State of a leg in the vendor's own books.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(name = "LegSettlement", remote = "orders::LegSettlement")]
pub(super) enum LegSettlementEnum {
    /// The tickets are sold.
    Sold,
    /// Nothing is sold.
    NotSold,
    /// The sale was undone.
    Undone,
    /// The sale stands. It is kept: nothing tries to undo it any more.
    NotUndone,
}

/// An identifier at the vendor.
#[derive(InputObject)]
struct ExternalRefInput {
    /// The kind of identifier, prefixed with the vendor and a dot, as in `ExternalRef.kind`.
    kind: String,
    /// The identifier as the vendor writes it.
    value: String,
}

/// Input of `settleLeg`.
#[derive(InputObject)]
struct SettleLegInput {
    /// Client-chosen idempotency key.
    idempotency_key: ID,
    /// The leg.
    leg: ID,
    /// The version of the order that the caller has read. If the order has another version, nothing is settled.
    if_version: Option<i32>,
    /// Finding in the vendor's books.
    outcome: LegSettlementEnum,
    /// Note for the order, at most 2,000 characters: who said so, and how.
    note: String,
    /// The vendor's identifiers of the sale, at most 16. Its tickets are read by them.
    external_refs: Option<Vec<ExternalRefInput>>,
}

/// Input of `retryLegs`: legs, or all of a source.
#[derive(InputObject)]
struct RetryLegsInput {
    /// Client-chosen idempotency key.
    idempotency_key: ID,
    /// The legs.
    legs: Option<Vec<ID>>,
    /// The source.
    source: Option<ID>,
    /// Legs a minute, 1 to 6,000. If omitted, as fast as the limits of the source allow.
    rate_per_minute: Option<i32>,
}

/// Result of `retryLegs`.
#[derive(SimpleObject)]
struct RetryLegsPayload {
    /// Number of legs that are looked up or tried again.
    scheduled: i32,
    /// Expected failures.
    problems: Vec<Problem>,
}

/// Input of `addOrderNote`.
#[derive(InputObject)]
struct AddOrderNoteInput {
    /// Client-chosen idempotency key.
    idempotency_key: ID,
    /// The order.
    order: ID,
    /// The note, at most 2,000 characters.
    text: String,
}

/// Input of `resolveOrphan`.
#[derive(InputObject)]
struct ResolveOrphanInput {
    /// Client-chosen idempotency key.
    idempotency_key: ID,
    /// The source.
    source: ID,
    /// The vendor's identifier, as `reconciliation` lists it.
    r#ref: ExternalRefInput,
    /// The leg that it belongs to. If omitted, it is none of ours.
    leg: Option<ID>,
    /// The reason, at most 2,000 characters.
    note: String,
}

/// Result of `resolveOrphan`.
#[derive(SimpleObject)]
struct ResolveOrphanPayload {
    /// Expected failures.
    problems: Vec<Problem>,
}

/// Input of `pauseSource`.
#[derive(InputObject)]
struct PauseSourceInput {
    /// Client-chosen idempotency key.
    idempotency_key: ID,
    /// The source.
    source: ID,
    /// Extent of the pause.
    mode: PauseModeEnum,
    /// The reason, at most 2,000 characters.
    note: String,
    /// End of the pause. If omitted, until it is resumed.
    until: Option<DateTime>,
}

/// Input of `resumeSource`.
#[derive(InputObject)]
struct ResumeSourceInput {
    /// Client-chosen idempotency key.
    idempotency_key: ID,
    /// The source.
    source: ID,
}

/// Result of `pauseSource` and `resumeSource`.
#[derive(SimpleObject)]
struct SourcePayload {
    /// The source. Null if it does not exist.
    source: Option<Source>,
    /// Expected failures.
    problems: Vec<Problem>,
}

impl SourcePayload {
    fn of(ctx: &Ctx, source: Option<&SourceId>, outcome: &OperatorOutcome) -> Self {
        let source = source.and_then(|source| ctx.catalog().find_source(source));
        Self { source: source.map(|source| Source(Arc::clone(source))), problems: problems(ctx, outcome) }
    }
}

fn problems(ctx: &Ctx, outcome: &OperatorOutcome) -> Vec<Problem> {
    to_problems(ctx, None, &outcome.problems)
}

/// Returns an outcome that names one invalid field.
fn invalid(code: orders::ProblemCode, part: &str) -> OperatorOutcome {
    OperatorOutcome { scheduled: 0, problems: vec![problem_at(code, input_path(part))] }
}

fn parse_leg(id: &ID) -> Option<(OrderKey, usize)> {
    match GlobalId::decode(id) {
        Some(GlobalId::Leg(order, leg)) => Some((order, leg)),
        _ => None,
    }
}

fn parse_source(id: &ID) -> Result<SourceId, OperatorOutcome> {
    match GlobalId::decode(id) {
        Some(GlobalId::Source(source)) => Ok(source),
        _ => Err(invalid(orders::ProblemCode::UnknownSource, "source")),
    }
}

/// Returns the context if the viewer is an operator.
fn require_operator<'a>(ctx: &Context<'a>) -> Result<&'a Ctx, ApiError> {
    let ctx = Ctx::of(ctx);
    ctx.require_operator()?;
    Ok(ctx)
}

/// Acts, and records the action in the audit log unless it was refused as a whole. A client that leaves in the middle does not keep it
/// from being recorded.
async fn act_recorded<F>(
    ctx: &Ctx,
    (action, subject): (AuditAction, AuditSubject),
    act: impl FnOnce(Orders, Actor) -> F,
) -> Result<OperatorOutcome, ApiError>
where
    F: Future<Output = Result<OperatorOutcome, StoreError>> + Send + 'static,
{
    let (orders, recorder) = (ctx.orders()?, ctx.recorder());
    let work = act(orders.clone(), ctx.actor());
    let acted = orders.run_to_end(async move {
        let outcome = work.await?;
        if outcome.problems.is_empty() || outcome.scheduled > 0 {
            recorder.record(action, subject).await?;
        }
        Ok(outcome)
    });
    Ok(acted.await.unwrap_or(Err(StoreError::Outdated))?)
}

impl RetryLegsInput {
    fn into_request(self) -> Result<orders::RetryLegs, OperatorOutcome> {
        let legs: Option<Option<Vec<_>>> = self.legs.map(|legs| legs.iter().map(parse_leg).collect());
        let legs = match legs {
            Some(None) => return Err(invalid(orders::ProblemCode::LegNotFound, "legs")),
            other => other.flatten(),
        };
        let source = self.source.as_ref().map(parse_source).transpose()?;
        Ok(orders::RetryLegs { key: self.idempotency_key.0, legs, source, rate: self.rate_per_minute.map(Into::into) })
    }
}

impl ResolveOrphanInput {
    fn into_request(self) -> Result<orders::ResolveOrphan, OperatorOutcome> {
        let leg = match &self.leg {
            Some(id) => Some(parse_leg(id).ok_or_else(|| invalid(orders::ProblemCode::LegNotFound, "leg"))?),
            None => None,
        };
        Ok(orders::ResolveOrphan {
            key: self.idempotency_key.0,
            source: parse_source(&self.source)?,
            reference: (self.r#ref.kind, self.r#ref.value),
            leg,
            note: self.note,
        })
    }
}

/// Mutations for operators.
#[derive(Default)]
pub struct OperatorMutation;

#[Object]
impl OperatorMutation {
    /// Says what the vendor's own books show of a leg that needs attention. The order goes on from there.
    async fn settle_leg(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The leg and what was found.")] input: SettleLegInput,
    ) -> Result<OrderPayload, ApiError> {
        let ctx = require_operator(ctx)?;
        let request = match parse_leg(&input.leg) {
            None => Err(vec![problem_at(orders::ProblemCode::LegNotFound, input_path("leg"))]),
            Some((order, leg)) => Ok(orders::SettleLeg {
                key: input.idempotency_key.0,
                order,
                leg,
                if_version: input.if_version.map(|version| u64::try_from(version).unwrap_or(u64::MAX)),
                outcome: input.outcome.into(),
                note: input.note,
                refs: input.external_refs.unwrap_or_default().into_iter().map(|it| (it.kind, it.value)).collect(),
            }),
        };
        let settle = |orders: Orders, actor, request| async move { orders.settle(&actor, &request).await };
        OrderPayload::from_recorded_action(ctx, AuditAction::LegSettled, request, settle).await
    }

    /// Looks up, or tries again, now: legs that wait or need attention.
    async fn retry_legs(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The legs.")] input: RetryLegsInput,
    ) -> Result<RetryLegsPayload, ApiError> {
        let ctx = require_operator(ctx)?;
        let outcome = match input.into_request() {
            Ok(request) => {
                let subject = AuditSubject { source: request.source.clone(), ..AuditSubject::NONE };
                let retry = |orders: Orders, actor| async move { orders.retry(&actor, &request).await };
                act_recorded(ctx, (AuditAction::LegsRetried, subject), retry).await?
            }
            Err(outcome) => outcome,
        };
        let scheduled = int(u32::try_from(outcome.scheduled).unwrap_or(u32::MAX));
        Ok(RetryLegsPayload { scheduled, problems: problems(ctx, &outcome) })
    }

    /// Adds a note to an order.
    async fn add_order_note(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The order and the note.")] input: AddOrderNoteInput,
    ) -> Result<OrderPayload, ApiError> {
        let ctx = require_operator(ctx)?;
        let request = parse_order_key(&input.order).map(|order| orders::AddNote {
            key: input.idempotency_key.0,
            order,
            text: input.text,
        });
        let add = |orders: Orders, actor, request| async move { orders.add_note(&actor, &request).await };
        OrderPayload::from_recorded_action(ctx, AuditAction::NoteAdded, request, add).await
    }

    /// Ties something found only at the vendor to an order of ours, or declares it none of ours.
    async fn resolve_orphan(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What was found and where it belongs.")] input: ResolveOrphanInput,
    ) -> Result<ResolveOrphanPayload, ApiError> {
        let ctx = require_operator(ctx)?;
        let outcome = match input.into_request() {
            Ok(request) => {
                let subject = AuditSubject::source(&request.source);
                let resolve = |orders: Orders, actor| async move { orders.resolve_orphan(&actor, &request).await };
                act_recorded(ctx, (AuditAction::OrphanResolved, subject), resolve).await?
            }
            Err(outcome) => outcome,
        };
        Ok(ResolveOrphanPayload { problems: problems(ctx, &outcome) })
    }

    /// Pauses a source: no new orders, or no call at all. Every replica follows within seconds.
    async fn pause_source(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The source and the pause.")] input: PauseSourceInput,
    ) -> Result<SourcePayload, ApiError> {
        let ctx = require_operator(ctx)?;
        let source = match parse_source(&input.source) {
            Ok(source) => source,
            Err(outcome) => return Ok(SourcePayload::of(ctx, None, &outcome)),
        };
        let request = orders::PauseSource {
            key: input.idempotency_key.0,
            source,
            mode: input.mode.into(),
            note: input.note,
            until: input.until.map(|until| until.at),
        };
        let (paused, subject) = (request.source.clone(), AuditSubject::source(&request.source));
        let pause = |orders: Orders, actor| async move { orders.pause_source(&actor, &request).await };
        let outcome = act_recorded(ctx, (AuditAction::SourcePaused, subject), pause).await?;
        Ok(SourcePayload::of(ctx, Some(&paused), &outcome))
    }

    /// Ends the pause of a source.
    async fn resume_source(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The source.")] input: ResumeSourceInput,
    ) -> Result<SourcePayload, ApiError> {
        let ctx = require_operator(ctx)?;
        let source = match parse_source(&input.source) {
            Ok(source) => source,
            Err(outcome) => return Ok(SourcePayload::of(ctx, None, &outcome)),
        };
        let (key, paused) = (input.idempotency_key.0, source.clone());
        let resume = |orders: Orders, actor| async move { orders.resume_source(&actor, &key, &paused).await };
        let outcome = act_recorded(ctx, (AuditAction::SourceResumed, AuditSubject::source(&source)), resume).await?;
        Ok(SourcePayload::of(ctx, Some(&source), &outcome))
    }
}
