//! The connection of a reseller to a source.

use std::sync::Arc;

use async_graphql::{Context, Enum, ID, Object};
use catalog::Sourced;
use domain::LocalizedText;
use domain::accounts::{CheckOutcome, HandoverMessage};
use domain::ids::{EventKey, ExternalRef as VendorRef, SourceId};
use domain::source;
use resellers::{self, Readiness};

use crate::graphql::base::ctx::Ctx;
use crate::graphql::base::error::{ApiError, ErrorCode};
use crate::graphql::base::id::GlobalId;
use crate::graphql::base::loaders::EventByKey;
use crate::graphql::base::scalars::{DateTime, Locale};
use crate::graphql::topics::catalog::{Event, TicketType};
use crate::graphql::topics::problem::Problem;
use crate::graphql::topics::resellers::{Reseller, texts};
use crate::graphql::topics::sources::{ExternalRef, Source};

/// The state of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(name = "ConnectionState", remote = "resellers::ConnectionState")]
pub enum ConnectionStateEnum {
    /// A check failed or could not be made.
    Incomplete,
    /// All checks passed.
    Ready,
    /// Complete, but disabled by the venue.
    Suspended,
}

/// One automated check of the vendor's checklist.
pub(super) struct ReadinessCheck {
    code: &'static str,
    title: LocalizedText,
    hint: Option<LocalizedText>,
    checked_at: DateTime,
}

/// One automated check of the vendor's checklist.
#[Object]
impl ReadinessCheck {
    /// Stable code of the check.
    async fn code(&self) -> &str {
        self.code
    }

    /// The subject of the check.
    async fn title(&self, #[graphql(desc = "The preferred language.")] locale: Option<Locale>) -> &str {
        self.title.resolve(locale.map(|locale| locale.0).as_ref())
    }

    /// True if the check passed.
    async fn ok(&self) -> bool {
        self.hint.is_none()
    }

    /// Instructions to fix a failed check.
    async fn hint(&self, #[graphql(desc = "The preferred language.")] locale: Option<Locale>) -> Option<&str> {
        let hint = self.hint.as_ref()?;
        Some(hint.resolve(locale.map(|locale| locale.0).as_ref()))
    }

    /// Time of the vendor's response.
    async fn checked_at(&self) -> Option<DateTime> {
        Some(self.checked_at)
    }
}

/// The onboarding message from the venue to the reseller.
pub(super) struct Handover(HandoverMessage);

/// The onboarding message from the venue to the reseller.
#[Object]
impl Handover {
    /// The subject.
    async fn subject(&self, #[graphql(desc = "The preferred language.")] locale: Option<Locale>) -> &str {
        self.0.subject.resolve(locale.map(|locale| locale.0).as_ref())
    }

    /// The body. Contains no secret.
    async fn body(&self, #[graphql(desc = "The preferred language.")] locale: Option<Locale>) -> &str {
        self.0.body.resolve(locale.map(|locale| locale.0).as_ref())
    }

    /// The details that must be filled in by hand.
    async fn missing(&self, #[graphql(desc = "The preferred language.")] locale: Option<Locale>) -> Vec<&str> {
        let locale = locale.map(|locale| locale.0);
        self.0.missing_fields.iter().map(|field| field.resolve(locale.as_ref())).collect()
    }
}

/// The reseller's code for an event or ticket type of the source.
pub(super) struct Mapping {
    source: Arc<source::Source>,
    mapping: resellers::ProductMapping,
}

/// The reseller's code for an event or ticket type of the source.
#[Object]
impl Mapping {
    /// The reseller's code.
    async fn partner_code(&self) -> &str {
        &self.mapping.partner_code
    }

    /// The event. Fails with NOT_FOUND if the source has no event with this id.
    async fn event(&self, ctx: &Context<'_>) -> Option<Result<Event, ApiError>> {
        let event = EventKey::new(self.mapping.event.as_deref()?);
        let at = Sourced { source: Arc::clone(&self.source), value: event };
        Some(Ctx::of(ctx).loaders.load(EventByKey(at)).await.map(Event).map_err(ApiError::from))
    }

    /// The ticket type. If no event is named, the ticket type of the first event that has it. Fails with NOT_FOUND if
    /// there is none.
    async fn ticket_type(&self, ctx: &Context<'_>) -> Option<Result<TicketType, ApiError>> {
        let named = self.mapping.ticket_type.as_deref()?;
        let event = self.mapping.event.as_deref().map(EventKey::new);
        let found = Ctx::of(ctx).catalog().find_ticket_type(&self.source, event.as_ref(), named).await;
        Some(match found {
            Ok(Some(found)) => Ok(TicketType::in_list(found.event.source, &found.ticket_types, found.index)),
            Ok(None) => Err(ApiError::new(ErrorCode::NotFound)),
            Err(error) => Err(error.into()),
        })
    }
}

/// The connection of a reseller to a source, with its readiness.
#[derive(Clone)]
pub struct ResellerConnection {
    reseller: Arc<resellers::Reseller>,
    source: Arc<source::Source>,
}

impl ResellerConnection {
    /// Finds a connection that the viewer may see.
    pub fn find(ctx: &Ctx, reseller: &str, source: &SourceId) -> Option<Self> {
        let Reseller(reseller) = ctx.find_reseller(reseller)?;
        reseller.connections.contains_key(source).then_some(())?;
        Some(Self { source: Arc::clone(ctx.catalog().find_source(source)?), reseller })
    }

    pub(super) fn reseller_key(&self) -> &str {
        &self.reseller.key
    }

    pub(super) fn source_id(&self) -> &SourceId {
        &self.source.id
    }

    fn settings(&self) -> Option<&resellers::ConnectionSettings> {
        self.reseller.connections.get(&self.source.id)
    }

    async fn load_readiness(&self, ctx: &Ctx) -> Result<Readiness, ApiError> {
        let resellers = ctx.resellers().ok_or_else(|| ApiError::new(ErrorCode::NotFound))?;
        let readiness = resellers.readiness(&self.reseller.key, &self.source.id).await;
        readiness.ok_or_else(|| ApiError::new(ErrorCode::NotFound))
    }
}

/// The connection of a reseller to a source, with its readiness.
#[Object]
impl ResellerConnection {
    /// Global id of the connection. Opaque.
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

    /// The account's identifiers at the vendor.
    async fn external_refs(&self) -> Vec<ExternalRef> {
        let keys = self.settings().into_iter().flat_map(|settings| &settings.account.keys);
        let all = keys.flat_map(|(key, values)| values.iter().map(move |value| (key, value)));
        let named: Vec<VendorRef> =
            all.map(|(key, value)| VendorRef::new(format!("{}.{key}", self.source.vendor.name()), value)).collect();
        ExternalRef::list(&self.source, &named)
    }

    /// The state, computed from the checks.
    async fn state(&self, ctx: &Context<'_>) -> Result<ConnectionStateEnum, ApiError> {
        Ok(self.load_readiness(Ctx::of(ctx)).await?.state().into())
    }

    /// The automated checks, at most five minutes old.
    async fn readiness(&self, ctx: &Context<'_>) -> Result<Vec<ReadinessCheck>, ApiError> {
        let readiness = self.load_readiness(Ctx::of(ctx)).await?;
        Ok(to_readiness_checks(&self.source, &readiness))
    }

    /// The reseller's codes for events and ticket types of the source.
    async fn mappings(&self) -> Vec<Mapping> {
        let all = self.settings().into_iter().flat_map(|settings| &settings.mappings);
        all.map(|mapping| Mapping { source: Arc::clone(&self.source), mapping: mapping.clone() }).collect()
    }

    /// The onboarding message from the venue to the reseller, with the details that are still missing.
    async fn handover(&self, ctx: &Context<'_>) -> Result<Handover, ApiError> {
        let ctx = Ctx::of(ctx);
        let letter =
            ctx.resellers().and_then(|resellers| resellers.handover_letter(&self.reseller.key, &self.source.id));
        let letter = letter.ok_or_else(|| ApiError::new(ErrorCode::UnsupportedBySource))?;
        Ok(Handover(letter))
    }
}

fn to_readiness_checks(source: &source::Source, readiness: &Readiness) -> Vec<ReadinessCheck> {
    let line = |check: &domain::accounts::AccountCheck| {
        let hint = match &check.outcome {
            CheckOutcome::Passed | CheckOutcome::Risk(_) => None,
            CheckOutcome::Failed(hint)
            | CheckOutcome::Disabled(hint)
            | CheckOutcome::Unproven(hint)
            | CheckOutcome::NotTried(hint) => Some(hint.clone()),
            CheckOutcome::Unreachable(_) => Some(texts::UNREACHABLE.into()),
        };
        let checked_at = DateTime::of(source, readiness.checked_at);
        ReadinessCheck { code: check.code, title: check.title.clone(), hint, checked_at }
    };
    readiness.checks.iter().map(line).collect()
}

/// Returns the first failure to reach the vendor, as one problem for any number of checks.
pub(super) fn first_problem(ctx: &Ctx, readiness: &Readiness) -> Option<Problem> {
    readiness.checks.iter().find_map(|check| match &check.outcome {
        CheckOutcome::Unreachable(error) => Some(ctx.problem(error)),
        _ => None,
    })
}
