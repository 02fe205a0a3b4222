//! The configured callers and their use, for operators.

use async_graphql::{Context, Enum, Object, SimpleObject};
use jiff::SignedDuration;

use crate::graphql::base::callers::{self, CallerKind, ConfiguredCaller};
use crate::graphql::base::ctx::Ctx;
use crate::graphql::base::error::ApiError;
use crate::graphql::base::scalars::{DateTime, int};
use crate::graphql::topics::resellers::Reseller;

/// Kind of a configured caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(name = "CallerKind", remote = "CallerKind")]
pub enum CallerKindEnum {
    /// A client with an API key.
    Client,
    /// All subjects whose tokens are of one issuer.
    TokenIssuer,
    /// All clients without credentials.
    Anonymous,
}

/// A configured caller of this API and its use. Contains no key.
#[derive(SimpleObject)]
struct Caller {
    /// The name in the configuration.
    name: String,
    /// The kind of caller.
    kind: CallerKindEnum,
    /// The reseller that it belongs to. Null for callers that see the data of all, and for token issuers.
    reseller: Option<Reseller>,
    /// The scopes, in alphabetical order. Of a token issuer, those that its tokens may grant.
    scopes: Vec<&'static str>,
    /// Requests per minute that the caller may send: each subject of a token issuer, and each address of anonymous clients. Null
    /// without a limit.
    requests_per_minute: Option<i32>,
    /// Use of the last hour, to five minutes.
    last_hour: CallerUse,
    /// Use of the last 24 hours, to five minutes.
    last_day: CallerUse,
}

/// Requests of a caller that one replica has served, and those that were refused.
#[derive(SimpleObject)]
struct CallerUse {
    /// Begin of the counted time. Counts begin at zero when the replica starts.
    since: DateTime,
    /// Number of requests. Each operation of a batch and of a WebSocket is one.
    requests: i32,
    /// Number of requests that a rate limit refused.
    rate_limited: i32,
    /// Number of requests that were refused, or fields of them, because the caller has no permission.
    forbidden: i32,
}

impl CallerUse {
    fn of(ctx: &Ctx, used: callers::CallerUse) -> Self {
        let count = |count: u64| int(u32::try_from(count).unwrap_or(u32::MAX));
        let counted_for = SignedDuration::try_from(used.counted_for).unwrap_or(SignedDuration::ZERO);
        Self {
            since: DateTime::utc(ctx.now.checked_sub(counted_for).unwrap_or(ctx.now)),
            requests: count(used.counts.requests),
            rate_limited: count(used.counts.rate_limited),
            forbidden: count(used.counts.forbidden),
        }
    }
}

impl Caller {
    fn of(ctx: &Ctx, caller: ConfiguredCaller, [hour, day]: [callers::CallerUse; 2]) -> Self {
        Self {
            name: caller.name,
            kind: caller.kind.into(),
            reseller: caller.reseller.and_then(|reseller| ctx.find_reseller(&reseller)),
            scopes: caller.scopes.iter().map(|scope| scope.as_str()).collect(),
            requests_per_minute: caller.requests_per_minute.map(int),
            last_hour: CallerUse::of(ctx, hour),
            last_day: CallerUse::of(ctx, day),
        }
    }
}

/// Queries of callers.
#[derive(Default)]
pub struct CallersQuery;

#[Object]
impl CallersQuery {
    /// Returns the configured callers by name, each with its use of the replica that serves this request: other replicas count for
    /// themselves. Needs the scope `admin`; not for callers of a reseller.
    async fn callers(&self, ctx: &Context<'_>) -> Result<Vec<Caller>, ApiError> {
        let ctx = Ctx::of(ctx);
        ctx.require_operator()?;
        Ok(ctx.callers.list().into_iter().map(|(caller, used)| Caller::of(ctx, caller, used)).collect())
    }
}
