//! How a reseller is set up in one source.

use std::sync::Arc;

use async_graphql::{Context, Enum, ID, Object, SimpleObject};

use crate::graphql::catalog::{Event, TicketType};
use crate::graphql::ctx::Ctx;
use crate::graphql::error::{Code, Fault};
use crate::graphql::id::GlobalId;
use crate::graphql::loaders::EventAt;
use crate::graphql::partners::Reseller;
use crate::graphql::problem::Problem;
use crate::graphql::scalars::DateTime;
use crate::graphql::sources::{ExternalRef, Source};
use catalog::Sourced;
use domain::accounts::Verdict;
use domain::ids::{EventKey, ExternalRef as VendorRef, SourceId};
use domain::source;
use resellers::{self, Readiness};

/// What a connection is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "resellers::ConnectionState")]
pub enum ConnectionState {
    /// Something is missing, or could not be asked.
    Incomplete,
    /// Everything is as it must be.
    Ready,
    /// Complete, and switched off by the venue.
    Suspended,
}

/// One line of the vendor's checklist, asked by machine.
#[derive(SimpleObject)]
pub struct ReadinessCheck {
    /// Names the kind of check; stable.
    code: String,
    /// What is checked.
    title: String,
    /// Whether it is as it must be.
    ok: bool,
    /// What to do about it.
    hint: Option<String>,
    /// When the vendor was asked.
    checked_at: Option<DateTime>,
}

/// The message that the venue sends to the partner.
#[derive(SimpleObject)]
pub struct Handover {
    /// The subject.
    subject: String,
    /// The body. Holds no secret.
    body: String,
    /// What must be filled in by hand.
    missing: Vec<String>,
}

/// The reseller's word for something that the source sells.
pub struct Mapping {
    source: Arc<source::Source>,
    mapping: resellers::Mapping,
}

/// The reseller's word for something that the source sells.
#[Object]
impl Mapping {
    /// The reseller's word.
    async fn partner_code(&self) -> &str {
        &self.mapping.partner_code
    }

    /// The event that it means; an error NOT_FOUND where the source has none of this id.
    async fn event(&self, ctx: &Context<'_>) -> Option<Result<Event, Fault>> {
        let event = EventKey::new(self.mapping.event.as_deref()?);
        let at = Sourced { source: Arc::clone(&self.source), value: event };
        Some(Ctx::of(ctx).loaders.load(EventAt(at)).await.map(Event).map_err(Fault::from))
    }

    /// The ticket type that it means: where no event is named, that of the first event that has it; an error NOT_FOUND where none has.
    async fn ticket_type(&self, ctx: &Context<'_>) -> Option<Result<TicketType, Fault>> {
        let named = self.mapping.ticket_type.as_deref()?;
        let event = self.mapping.event.as_deref().map(EventKey::new);
        let found = Ctx::of(ctx).federation().find_ticket_type(&self.source, event.as_ref(), named).await;
        Some(match found {
            Ok(Some(found)) => Ok(TicketType::listed(found.event.source, &found.kinds, found.place)),
            Ok(None) => Err(Fault::new(Code::NotFound)),
            Err(error) => Err(error.into()),
        })
    }
}

/// How a reseller is set up in one source, and whether that set-up works.
#[derive(Clone)]
pub struct ResellerConnection {
    reseller: Arc<resellers::Reseller>,
    source: Arc<source::Source>,
}

impl ResellerConnection {
    /// A connection that the viewer may know of.
    pub fn find(ctx: &Ctx, reseller: &str, source: &SourceId) -> Option<Self> {
        let Reseller(reseller) = ctx.find_reseller(reseller)?;
        reseller.connections.contains_key(source).then_some(())?;
        Some(Self { source: Arc::clone(ctx.federation().find_source(source)?), reseller })
    }

    pub(super) fn reseller_key(&self) -> &str {
        &self.reseller.key
    }

    pub(super) fn source_id(&self) -> &SourceId {
        &self.source.id
    }

    fn settings(&self) -> Option<&resellers::Connection> {
        self.reseller.connections.get(&self.source.id)
    }

    async fn asked(&self, ctx: &Ctx) -> Result<Readiness, Fault> {
        let partners = ctx.partners().ok_or_else(|| Fault::new(Code::NotFound))?;
        let asked = partners.readiness(&self.reseller.key, &self.source.id).await;
        asked.ok_or_else(|| Fault::new(Code::NotFound))
    }
}

/// How a reseller is set up in one source, and whether that set-up works.
#[Object]
impl ResellerConnection {
    /// Names the connection in the whole graph. Opaque.
    pub async fn id(&self) -> ID {
        GlobalId::Connection(self.reseller.key.clone(), self.source.id.clone()).encode()
    }

    /// The reseller.
    async fn reseller(&self) -> Reseller {
        Reseller(Arc::clone(&self.reseller))
    }

    /// The source.
    async fn source(&self) -> Source {
        Source(Arc::clone(&self.source))
    }

    /// The vendor's own names of the account.
    async fn external_refs(&self) -> Vec<ExternalRef> {
        let keys = self.settings().into_iter().flat_map(|settings| &settings.account.keys);
        let all = keys.flat_map(|(key, values)| values.iter().map(move |value| (key, value)));
        let named: Vec<VendorRef> =
            all.map(|(key, value)| VendorRef::new(format!("{}.{key}", self.source.vendor.name()), value)).collect();
        ExternalRef::all(&self.source, &named)
    }

    /// What it is good for, as the checks say.
    async fn state(&self, ctx: &Context<'_>) -> Result<ConnectionState, Fault> {
        Ok(self.asked(Ctx::of(ctx)).await?.state().into())
    }

    /// The vendor's checklist, asked by machine; as it was found in the last five minutes, or now.
    async fn readiness(&self, ctx: &Context<'_>) -> Result<Vec<ReadinessCheck>, Fault> {
        let asked = self.asked(Ctx::of(ctx)).await?;
        Ok(lines(&self.source, &asked))
    }

    /// The reseller's words for what the source sells.
    async fn mappings(&self) -> Vec<Mapping> {
        let all = self.settings().into_iter().flat_map(|settings| &settings.mappings);
        all.map(|mapping| Mapping { source: Arc::clone(&self.source), mapping: mapping.clone() }).collect()
    }

    /// The message that the venue sends to the partner, filled in, with what is still missing.
    async fn handover(&self, ctx: &Context<'_>) -> Result<Handover, Fault> {
        let ctx = Ctx::of(ctx);
        let letter = ctx.partners().and_then(|partners| partners.hand_over(&self.reseller.key, &self.source.id));
        let letter = letter.ok_or_else(|| Fault::new(Code::UnsupportedBySource))?;
        Ok(Handover { subject: letter.subject, body: letter.body, missing: letter.missing })
    }
}

fn lines(source: &source::Source, asked: &Readiness) -> Vec<ReadinessCheck> {
    let line = |check: &domain::accounts::Check| {
        let hint = match &check.verdict {
            Verdict::Passed => None,
            Verdict::Failed(hint) | Verdict::Off(hint) => Some(hint.clone()),
            Verdict::Unasked(_) => Some("The vendor could not be asked: try again later.".to_owned()),
        };
        ReadinessCheck {
            code: check.code.to_owned(),
            title: check.title.clone(),
            ok: hint.is_none(),
            hint,
            checked_at: Some(DateTime::of(source, asked.checked_at)),
        }
    };
    asked.checks.iter().map(line).collect()
}

/// What could not be asked, as problems: one, however many lines it costs.
pub(super) fn problems(ctx: &Ctx, asked: &Readiness) -> Option<Problem> {
    asked.checks.iter().find_map(|check| match &check.verdict {
        Verdict::Unasked(error) => Some(ctx.problem(error)),
        _ => None,
    })
}
