//! Mutations of the gate: manage staff credentials and admit visitors.

use async_graphql::{Context, ID, InputObject, Object, SimpleObject};
use catalog::{AdmissionCredential, AdmissionRequest, InvalidArgument, Sourced, SourcedEvent};
use domain::error::{Effect, ErrorKind, VendorError};
use domain::ids::{EventKey, SectionKey, TokenKey};
use domain::{admissions, source};
use edits::Edit;

use crate::graphql::base::ctx::Ctx;
use crate::graphql::base::error::ApiError;
use crate::graphql::base::id::{GlobalId, parse_event_id, parse_token_id};
use crate::graphql::base::loaders::EventByKey;
use crate::graphql::base::scalars::DateTime;
use crate::graphql::base::viewer::Scope;
use crate::graphql::topics::admissions::token::AdmissionToken;
use crate::graphql::topics::catalog::Section;
use crate::graphql::topics::editing::{EditResult, InvalidInput};
use crate::graphql::topics::problem::{GeneralProblem, Problem, Retry, SchemaProblemCode};
use crate::graphql::topics::sources::Source;

/// Input of `issueAdmissionToken`.
#[derive(InputObject)]
pub(super) struct IssueAdmissionTokenInput {
    /// Client-chosen idempotency key. A request with a key that was used before has no further effect.
    idempotency_key: ID,
    /// The event of the gate.
    event: ID,
    /// The sections that the credential covers: at least one, all of them sections of the event.
    sections: Vec<ID>,
}

/// Input of `rescopeAdmissionToken`.
#[derive(InputObject)]
pub(super) struct RescopeAdmissionTokenInput {
    /// Client-chosen idempotency key. A request with a key that was used before has no further effect.
    idempotency_key: ID,
    /// The credential. The global credential is rejected.
    token: ID,
    /// The sections that the credential covers from now on: at least one, all of them sections of its event.
    sections: Vec<ID>,
}

/// Input of `revokeAdmissionToken`.
#[derive(InputObject)]
pub(super) struct RevokeAdmissionTokenInput {
    /// Client-chosen idempotency key. A request with a key that was used before has no further effect.
    idempotency_key: ID,
    /// The credential. The global credential is rejected.
    token: ID,
}

/// Result of a mutation of a staff credential.
#[derive(SimpleObject)]
pub(super) struct AdmissionTokenPayload {
    /// The credential after the mutation. Null if it does not exist (any more) or could not be read.
    token: Option<AdmissionToken>,
    /// Expected failures. Check these rather than the HTTP status.
    problems: Vec<Problem>,
    /// True if the idempotency key was used before and nothing was done.
    replayed: bool,
}

/// Input of `admitTickets`. Exactly one of `token` and `code` names the credential that admits the visitors.
#[derive(InputObject)]
pub(super) struct AdmitTicketsInput {
    /// The id of a staff credential.
    token: Option<ID>,
    /// The secret of a staff credential.
    code: Option<String>,
    /// The event of the gate.
    event: ID,
    /// The serial numbers of the tickets, at most 100.
    serials: Vec<String>,
}

/// Result of `admitTickets`.
#[derive(SimpleObject)]
pub(super) struct AdmitTicketsPayload {
    /// The visitors who were admitted.
    admitted: Vec<Admission>,
    /// Serial numbers that are missing from the source's response.
    refused: Vec<String>,
    /// Expected failures. If there is one, no visitor is known to be admitted.
    problems: Vec<Problem>,
}

/// The admission of one visitor.
#[derive(SimpleObject)]
pub(super) struct Admission {
    /// The serial number of the ticket.
    ticket_serial: String,
    /// Time of the admission.
    admitted_at: Option<DateTime>,
    /// The section of the admission.
    section: Option<Section>,
}

impl Admission {
    /// Converts the admissions that a source reports for an event.
    pub(super) fn list(
        source: &source::Source,
        event: Option<&SourcedEvent>,
        admitted: Vec<admissions::Admission>,
    ) -> Vec<Self> {
        let sections = event.map(Section::list).unwrap_or_default();
        let to_graphql = |admission: admissions::Admission| Self {
            ticket_serial: admission.ticket_serial,
            admitted_at: admission.admitted_at.map(|at| DateTime::of(source, at)),
            section: sections.iter().find(|section| Some(&section.section.key) == admission.section.as_ref()).cloned(),
        };
        admitted.into_iter().map(to_graphql).collect()
    }
}

/// Mutations of the gate.
#[derive(Default)]
pub struct AdmissionsMutation;

/// Mutations of the gate. All require the scope `admission:write`.
#[Object]
impl AdmissionsMutation {
    /// Issues a staff credential for some sections of an event.
    async fn issue_admission_token(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The credential.")] input: IssueAdmissionTokenInput,
    ) -> Result<AdmissionTokenPayload, ApiError> {
        let ctx = require_admission_write(ctx)?;
        let event = parse_event_id(ctx.catalog(), "input.event", &input.event)?;
        let sections = match parse_sections(&event.source, &event.value, &input.sections) {
            Ok(sections) => sections,
            Err(error) => return Ok(AdmissionTokenPayload::rejected(error)),
        };
        let edit = Edit::IssueToken(event.value.clone(), sections);
        let request = (event.source.id.clone(), edit.clone());
        let result = ctx.edit(("issueAdmissionToken", &input.idempotency_key), &request, &event.source, edit).await?;
        let token = result.key.as_deref().map(|key| Sourced::new(event.source, TokenKey::new(key)));
        Ok(AdmissionTokenPayload::of(ctx, token, result).await)
    }

    /// Replaces the sections of a staff credential. The global credential is rejected.
    async fn rescope_admission_token(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The change.")] input: RescopeAdmissionTokenInput,
    ) -> Result<AdmissionTokenPayload, ApiError> {
        let ctx = require_admission_write(ctx)?;
        let token = parse_token_id(ctx.catalog(), "input.token", &input.token)?;
        // The credential names its event, and the event determines the valid sections.
        let token_record = match ctx.catalog().load_token(&token).await {
            Ok(token_record) => token_record,
            Err(error) => return Ok(AdmissionTokenPayload::failed(ctx, &error)),
        };
        let sections = match parse_sections(&token.source, &token_record.event, &input.sections) {
            Ok(sections) => sections,
            Err(error) => return Ok(AdmissionTokenPayload::rejected(error)),
        };
        let edit = Edit::RescopeToken(token.value.clone(), sections);
        let request = (token.source.id.clone(), edit.clone());
        let result = ctx.edit(("rescopeAdmissionToken", &input.idempotency_key), &request, &token.source, edit).await?;
        Ok(AdmissionTokenPayload::of(ctx, Some(token), result).await)
    }

    /// Revokes a staff credential. The global credential is rejected.
    async fn revoke_admission_token(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The credential.")] input: RevokeAdmissionTokenInput,
    ) -> Result<AdmissionTokenPayload, ApiError> {
        let ctx = require_admission_write(ctx)?;
        let token = parse_token_id(ctx.catalog(), "input.token", &input.token)?;
        let edit = Edit::RevokeToken(token.value.clone());
        let request = (token.source.id.clone(), edit.clone());
        let result = ctx.edit(("revokeAdmissionToken", &input.idempotency_key), &request, &token.source, edit).await?;
        Ok(AdmissionTokenPayload::of(ctx, Some(token), result).await)
    }

    /// Admits visitors with a staff credential. Serial numbers that are missing from the source's response are listed
    /// in `refused`.
    async fn admit_tickets(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The visitors to admit.")] input: AdmitTicketsInput,
    ) -> Result<AdmitTicketsPayload, ApiError> {
        admit(require_admission_write(ctx)?, input).await
    }
}

fn require_admission_write<'c>(ctx: &Context<'c>) -> Result<&'c Ctx, ApiError> {
    let ctx = Ctx::of(ctx);
    ctx.require(Scope::AdmissionWrite)?;
    Ok(ctx)
}

/// Decodes section ids of an event. A section of another event is rejected before anything is sent.
fn parse_sections(source: &source::Source, event: &EventKey, ids: &[ID]) -> Result<Vec<SectionKey>, InvalidInput> {
    if ids.is_empty() {
        return Err(InvalidInput::at(&["sections"]));
    }
    let own = |(at, id): (usize, &ID)| match GlobalId::decode(id) {
        Some(GlobalId::Section(of, its, section)) if of == source.id && its == *event => Ok(section),
        _ => Err(InvalidInput::at(&["sections", &at.to_string()])),
    };
    ids.iter().enumerate().map(own).collect()
}

impl AdmissionTokenPayload {
    fn rejected(error: InvalidInput) -> Self {
        Self { token: None, problems: vec![error.into_problem()], replayed: false }
    }

    fn failed(ctx: &Ctx, error: &VendorError) -> Self {
        Self { token: None, problems: vec![ctx.problem(error)], replayed: false }
    }

    /// Loads the credential after an edit and adds the result of the edit.
    async fn of(ctx: &Ctx, token: Option<Sourced<TokenKey>>, mut result: EditResult) -> Self {
        let mut loaded_token = None;
        if let Some(token) = token {
            match ctx.catalog().load_token(&token).await {
                Ok(loaded) => loaded_token = Some(AdmissionToken::without_event(token.source, loaded)),
                Err(error) if error.kind == ErrorKind::NotFound => {}
                Err(error) => result.problems.push(ctx.problem(&error)),
            }
        }
        Self { token: loaded_token, problems: result.problems, replayed: result.is_replayed }
    }
}

async fn admit(ctx: &Ctx, input: AdmitTicketsInput) -> Result<AdmitTicketsPayload, ApiError> {
    let event = parse_event_id(ctx.catalog(), "input.event", &input.event)?;
    let reject =
        |problem| Ok(AdmitTicketsPayload { admitted: Vec::new(), refused: Vec::new(), problems: vec![problem] });
    let invalid = |error: InvalidArgument| reject(InvalidInput::at(&[&error.argument]).into_problem());
    let credential = match AdmissionCredential::new(input.token, input.code) {
        Ok(credential) => credential.try_map_token(|token| parse_token_id(ctx.catalog(), "input.token", &token))?,
        Err(error) => return invalid(error),
    };
    let request = match AdmissionRequest::new(event, credential, input.serials) {
        Ok(request) => request,
        Err(error) => return invalid(error),
    };
    let outcome = match ctx.catalog().admit(&request).await {
        Ok(outcome) => outcome,
        Err(error) => return reject(gate_problem(ctx, &error)),
    };
    // Loaded for the names of the sections only; the response is correct without them.
    let event = ctx.loaders.load(EventByKey(request.event().clone())).await.ok();
    Ok(AdmitTicketsPayload {
        admitted: Admission::list(&request.event().source, event.as_ref(), outcome.admitted),
        refused: outcome.rejected,
        problems: Vec::new(),
    })
}

/// Converts a failure at the gate to a problem. A call that may have admitted a visitor is reported as an unknown
/// outcome, not as a failure.
fn gate_problem(ctx: &Ctx, error: &VendorError) -> Problem {
    if error.effect == Effect::None {
        return ctx.problem(error);
    }
    ctx.log_failure(error);
    let source = ctx.catalog().find_source(&error.source).cloned().map(Source);
    Problem::General(GeneralProblem {
        source,
        ..GeneralProblem::new(SchemaProblemCode::EditOutcomeUnknown, Retry::AfterRequery)
    })
}
