//! What is free for a performance, and at which prices.

use std::sync::Arc;
use std::time::Duration;

use async_graphql::{Context, Enum, Object};

use crate::graphql::catalog::freshness::Freshness;
use crate::graphql::catalog::money::Price;
use crate::graphql::catalog::ticket_type::TicketType;
use crate::graphql::ctx::Ctx;
use crate::graphql::problem::Problem;
use crate::graphql::scalars::int;
use ::catalog::{AvailabilityOutcome, RequestError, for_quantity};
use domain::catalog;
use domain::source::Source;
use domain::time::Observed;

/// How old an availability may be when the caller does not say.
pub const USUAL_MAX_AGE_SECONDS: i32 = 60;

/// Reads the argument `maxAgeSeconds`.
pub(in crate::graphql) fn max_age(seconds: Option<i32>) -> Result<Duration, RequestError> {
    u64::try_from(seconds.unwrap_or(USUAL_MAX_AGE_SECONDS))
        .map(Duration::from_secs)
        .map_err(|_| RequestError::new("maxAgeSeconds", "0 or more"))
}

/// Reads the argument `quantity`.
pub(in crate::graphql) fn quantity(places: Option<i32>) -> Result<Option<u32>, RequestError> {
    match places.map(u32::try_from) {
        None => Ok(None),
        Some(Ok(places @ 1..)) => Ok(Some(places)),
        Some(_) => Err(RequestError::new("quantity", "1 or more")),
    }
}

/// How much is left. UNKNOWN: the vendor could not be reached. It never means sold out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "catalog::AvailabilityStatus")]
pub enum AvailabilityStatus {
    /// For sale.
    Available,
    /// For sale, and nearly gone.
    Limited,
    /// Nothing left.
    SoldOut,
    /// Not for sale: past, cancelled, or not through this service.
    Closed,
    /// For sale without a limit.
    Freesale,
    /// The vendor could not be reached. It never means sold out.
    Unknown,
}

/// What is free for one performance, and at which prices.
pub struct Availability {
    /// The source.
    pub source: Arc<Source>,
    /// What it says.
    pub outcome: AvailabilityOutcome,
}

impl Availability {
    /// What a source says, for so many places together where somebody wants so many.
    pub fn of(source: &Arc<Source>, outcome: AvailabilityOutcome, places: Option<u32>) -> Self {
        let AvailabilityOutcome { availability, problem } = outcome;
        let availability = match places {
            Some(places) => Observed { value: for_quantity(&availability.value, places), ..availability },
            None => availability,
        };
        Self { source: Arc::clone(source), outcome: AvailabilityOutcome { availability, problem } }
    }

    pub(in crate::graphql) fn told(&self) -> &catalog::Availability {
        &self.outcome.availability.value
    }
}

/// What is free for one performance, and at which prices.
#[Object]
impl Availability {
    /// The overall state.
    async fn status(&self) -> AvailabilityStatus {
        self.told().status.into()
    }

    /// Places left, where the source tells.
    async fn vacancies(&self) -> Option<i32> {
        self.told().vacancies.map(int)
    }

    /// All places, where the source tells.
    async fn capacity(&self) -> Option<i32> {
        self.told().capacity.map(int)
    }

    /// Most per order.
    async fn max_per_order(&self) -> Option<i32> {
        self.told().max_per_order.map(int)
    }

    /// What can be bought.
    async fn offers(&self) -> Vec<Offer> {
        Offer::all(self)
    }

    /// How old the answer is.
    async fn freshness(&self) -> Freshness {
        Freshness::of(&self.source, self.outcome.availability.freshness)
    }

    /// Why the state is UNKNOWN, when it is.
    async fn problems(&self, ctx: &Context<'_>) -> Vec<Problem> {
        self.outcome.problem.iter().map(|failure| Ctx::of(ctx).problem(failure)).collect()
    }
}

/// What can be bought: a ticket type at a price for one performance.
pub struct Offer {
    pub(in crate::graphql) source: Arc<Source>,
    told: Arc<catalog::Availability>,
    place: usize,
}

impl Offer {
    pub(in crate::graphql) fn all(availability: &Availability) -> Vec<Self> {
        let told = &availability.outcome.availability.value;
        (0..told.offers.len())
            .map(|place| Self { source: Arc::clone(&availability.source), told: Arc::clone(told), place })
            .collect()
    }

    pub(in crate::graphql) fn offer(&self) -> &catalog::Offer {
        &self.told.offers[self.place]
    }
}

/// What can be bought: a ticket type at a price for one performance.
#[Object]
impl Offer {
    /// What is sold.
    async fn ticket_type(&self) -> TicketType {
        TicketType::single(Arc::clone(&self.source), &self.offer().ticket_type)
    }

    /// At which price.
    async fn price(&self) -> Price {
        Price::of(&self.source, &self.offer().price)
    }

    /// How many are left of it, where the source tells.
    async fn vacancies(&self) -> Option<i32> {
        self.offer().vacancies.map(int)
    }

    /// Its own state.
    async fn status(&self) -> AvailabilityStatus {
        self.offer().status.into()
    }
}
