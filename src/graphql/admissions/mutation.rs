//! Mutations of the gate: staff credentials, and letting visitors in.

use async_graphql::{Context, ID, InputObject, Object, SimpleObject};

use crate::graphql::admissions::token::AdmissionToken;
use crate::graphql::catalog::Section;
use crate::graphql::ctx::Ctx;
use crate::graphql::editing::{Made, Wrong};
use crate::graphql::error::Fault;
use crate::graphql::id::{GlobalId, event_argument, token_argument};
use crate::graphql::loaders::EventAt;
use crate::graphql::problem::{GeneralProblem, Problem, ProblemCode, Retry};
use crate::graphql::scalars::DateTime;
use crate::graphql::sources::Source;
use crate::graphql::viewer::Scope;
use catalog::{Credential, Sourced, SourcedEvent};
use domain::error::{Effect, ErrorKind, VendorError};
use domain::ids::{EventKey, SectionKey, TokenKey};
use domain::{admissions, source};
use edits::Edit;

/// A new staff credential.
#[derive(InputObject)]
pub struct IssueAdmissionTokenInput {
    /// Chosen by the client; the same key repeats nothing.
    idempotency_key: ID,
    /// The event of the gate.
    event: ID,
    /// The sections that it covers, at least one, all of the event.
    sections: Vec<ID>,
}

/// Other sections for a staff credential.
#[derive(InputObject)]
pub struct RescopeAdmissionTokenInput {
    /// Chosen by the client; the same key repeats nothing.
    idempotency_key: ID,
    /// The credential; not the global one.
    token: ID,
    /// The sections that it covers from now on, at least one, all of its event.
    sections: Vec<ID>,
}

/// A staff credential that shall be useless.
#[derive(InputObject)]
pub struct RevokeAdmissionTokenInput {
    /// Chosen by the client; the same key repeats nothing.
    idempotency_key: ID,
    /// The credential; not the global one.
    token: ID,
}

/// What became of a mutation of a staff credential.
#[derive(SimpleObject)]
pub struct AdmissionTokenPayload {
    /// The credential as it is now; null: it is not there (any more), or could not be read.
    token: Option<AdmissionToken>,
    /// Expected failures. Look at these, not at HTTP.
    problems: Vec<Problem>,
    /// The key was seen before: nothing was done.
    replayed: bool,
}

/// Visitors to let in. token or code: the credential that admits.
#[derive(InputObject)]
pub struct AdmitTicketsInput {
    /// A staff credential by its id.
    token: Option<ID>,
    /// A staff credential by its secret.
    code: Option<String>,
    /// The event of the gate.
    event: ID,
    /// The serials of the tickets, at most 100.
    serials: Vec<String>,
}

/// What became of visitors at the gate.
#[derive(SimpleObject)]
pub struct AdmitTicketsPayload {
    /// Who was let in.
    admitted: Vec<Admission>,
    /// Serials that the source left out of its answer.
    refused: Vec<String>,
    /// Expected failures. Nobody is known to be let in where there is one.
    problems: Vec<Problem>,
}

/// A visitor let in.
#[derive(SimpleObject)]
pub struct Admission {
    /// The serial of the ticket.
    ticket_serial: String,
    /// When.
    admitted_at: Option<DateTime>,
    /// Where.
    section: Option<Section>,
}

impl Admission {
    /// What the gate of an event tells.
    pub fn all(source: &source::Source, event: Option<&SourcedEvent>, told: Vec<admissions::Admission>) -> Vec<Self> {
        let sections = event.map(Section::all).unwrap_or_default();
        let shown = |told: admissions::Admission| Self {
            ticket_serial: told.ticket_serial,
            admitted_at: told.admitted_at.map(|at| DateTime::of(source, at)),
            section: sections.iter().find(|section| Some(&section.section.key) == told.section.as_ref()).cloned(),
        };
        told.into_iter().map(shown).collect()
    }
}

/// Most serials of one call.
const MOST_SERIALS: usize = 100;

/// Running the gate.
#[derive(Default)]
pub struct AdmissionsMutation;

/// Running the gate. All need the scope `admission:write`.
#[Object]
impl AdmissionsMutation {
    /// Issues a staff credential for some sections of an event.
    async fn issue_admission_token(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The credential.")] input: IssueAdmissionTokenInput,
    ) -> Result<AdmissionTokenPayload, Fault> {
        let ctx = gatekeeper(ctx)?;
        let event = event_argument(ctx.federation(), "input.event", &input.event)?;
        let sections = match sections(&event.source, &event.value, &input.sections) {
            Ok(sections) => sections,
            Err(wrong) => return Ok(AdmissionTokenPayload::refused(wrong)),
        };
        let edit = Edit::IssueToken(event.value.clone(), sections);
        let asked = (event.source.id.clone(), edit.clone());
        let made = ctx.edit(("issueAdmissionToken", &input.idempotency_key), &asked, &event.source, edit).await?;
        let token = made.key.as_deref().map(|key| Sourced::new(event.source, TokenKey::new(key)));
        Ok(AdmissionTokenPayload::of(ctx, token, made).await)
    }

    /// Replaces the sections of a staff credential. The global one refuses.
    async fn rescope_admission_token(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The change.")] input: RescopeAdmissionTokenInput,
    ) -> Result<AdmissionTokenPayload, Fault> {
        let ctx = gatekeeper(ctx)?;
        let token = token_argument(ctx.federation(), "input.token", &input.token)?;
        // The credential tells its event, and with it which sections are its own.
        let known = match ctx.federation().load_token(&token).await {
            Ok(known) => known,
            Err(error) => return Ok(AdmissionTokenPayload::failed(ctx, &error)),
        };
        let sections = match sections(&token.source, &known.event, &input.sections) {
            Ok(sections) => sections,
            Err(wrong) => return Ok(AdmissionTokenPayload::refused(wrong)),
        };
        let edit = Edit::RescopeToken(token.value.clone(), sections);
        let asked = (token.source.id.clone(), edit.clone());
        let made = ctx.edit(("rescopeAdmissionToken", &input.idempotency_key), &asked, &token.source, edit).await?;
        Ok(AdmissionTokenPayload::of(ctx, Some(token), made).await)
    }

    /// Makes a staff credential useless. The global one refuses.
    async fn revoke_admission_token(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The credential.")] input: RevokeAdmissionTokenInput,
    ) -> Result<AdmissionTokenPayload, Fault> {
        let ctx = gatekeeper(ctx)?;
        let token = token_argument(ctx.federation(), "input.token", &input.token)?;
        let edit = Edit::RevokeToken(token.value.clone());
        let asked = (token.source.id.clone(), edit.clone());
        let made = ctx.edit(("revokeAdmissionToken", &input.idempotency_key), &asked, &token.source, edit).await?;
        Ok(AdmissionTokenPayload::of(ctx, Some(token), made).await)
    }

    /// Lets visitors in with a staff credential. Serials that the source silently left out are named in `refused`.
    async fn admit_tickets(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The visitors.")] input: AdmitTicketsInput,
    ) -> Result<AdmitTicketsPayload, Fault> {
        admit(gatekeeper(ctx)?, input).await
    }
}

fn gatekeeper<'c>(ctx: &Context<'c>) -> Result<&'c Ctx, Fault> {
    let ctx = Ctx::of(ctx);
    ctx.require(Scope::AdmissionWrite)?;
    Ok(ctx)
}

/// The sections of an event that are named; a foreign one is refused before anything is sent.
fn sections(source: &source::Source, event: &EventKey, ids: &[ID]) -> Result<Vec<SectionKey>, Wrong> {
    if ids.is_empty() {
        return Err(Wrong::at(&["sections"]));
    }
    let own = |(at, id): (usize, &ID)| match GlobalId::decode(id) {
        Some(GlobalId::Section(of, its, section)) if of == source.id && its == *event => Ok(section),
        _ => Err(Wrong::at(&["sections", &at.to_string()])),
    };
    ids.iter().enumerate().map(own).collect()
}

impl AdmissionTokenPayload {
    fn refused(wrong: Wrong) -> Self {
        Self { token: None, problems: vec![wrong.problem()], replayed: false }
    }

    fn failed(ctx: &Ctx, error: &VendorError) -> Self {
        Self { token: None, problems: vec![ctx.problem(error)], replayed: false }
    }

    /// The credential as it is now, with what came of the edit.
    async fn of(ctx: &Ctx, token: Option<Sourced<TokenKey>>, mut made: Made) -> Self {
        let mut shown = None;
        if let Some(token) = token {
            match ctx.federation().load_token(&token).await {
                Ok(known) => shown = Some(AdmissionToken::alone(token.source, known)),
                Err(error) if error.kind == ErrorKind::NotFound => {}
                Err(error) => made.problems.push(ctx.problem(&error)),
            }
        }
        Self { token: shown, problems: made.problems, replayed: made.is_replayed }
    }
}

async fn admit(ctx: &Ctx, input: AdmitTicketsInput) -> Result<AdmitTicketsPayload, Fault> {
    let event = event_argument(ctx.federation(), "input.event", &input.event)?;
    let nobody =
        |problem| Ok(AdmitTicketsPayload { admitted: Vec::new(), refused: Vec::new(), problems: vec![problem] });
    let credential = match (&input.token, input.code) {
        (Some(token), None) => {
            let token = token_argument(ctx.federation(), "input.token", token)?;
            if token.source.id != event.source.id {
                return nobody(Wrong::at(&["token"]).problem());
            }
            Credential::Token(token.value)
        }
        (None, Some(code)) => Credential::Code(code.into()),
        _ => return nobody(Wrong::at(&["token"]).problem()),
    };
    let mut serials = input.serials;
    let mut seen = std::collections::HashSet::new();
    serials.retain(|serial| seen.insert(serial.clone()));
    if serials.is_empty() || serials.len() > MOST_SERIALS || serials.iter().any(|serial| serial.trim().is_empty()) {
        return nobody(Wrong::at(&["serials"]).problem());
    }
    let told = match ctx.federation().admit(&event, &credential, &serials).await {
        Ok(told) => told,
        Err(error) => return nobody(gate_problem(ctx, &error)),
    };
    let refused = serials.into_iter().filter(|serial| !told.iter().any(|one| one.ticket_serial == *serial)).collect();
    // The names of the sections; without them the answer is still true.
    let known = ctx.loaders.load(EventAt(event.clone())).await.ok();
    Ok(AdmitTicketsPayload {
        admitted: Admission::all(&event.source, known.as_ref(), told),
        refused,
        problems: Vec::new(),
    })
}

/// A failure at the gate. What may have let somebody in is never called a mere failure.
fn gate_problem(ctx: &Ctx, error: &VendorError) -> Problem {
    if error.effect == Effect::None {
        return ctx.problem(error);
    }
    ctx.tell(error);
    let source = ctx.federation().find_source(&error.source).cloned().map(Source);
    Problem::General(GeneralProblem {
        source,
        ..GeneralProblem::new(ProblemCode::EditOutcomeUnknown, Retry::AfterRequery)
    })
}
