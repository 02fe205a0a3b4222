//! Availability and prices of a performance.

use std::sync::Arc;
use std::time::Duration;

use ::catalog::{AvailabilityOutcome, InvalidArgument, for_quantity};
use async_graphql::{Context, Enum, Object};
use domain::catalog;
use domain::source::Source;
use domain::time::Observed;

use crate::graphql::base::ctx::Ctx;
use crate::graphql::base::scalars::int;
use crate::graphql::topics::catalog::freshness::Freshness;
use crate::graphql::topics::catalog::money::Price;
use crate::graphql::topics::catalog::ticket_type::TicketType;
use crate::graphql::topics::problem::Problem;

/// Default of `maxAgeSeconds`.
pub(crate) const DEFAULT_MAX_AGE_SECONDS: i32 = 60;

/// Parses the argument `maxAgeSeconds`.
pub(in crate::graphql) fn parse_max_age(seconds: Option<i32>) -> Result<Duration, InvalidArgument> {
    u64::try_from(seconds.unwrap_or(DEFAULT_MAX_AGE_SECONDS))
        .map(Duration::from_secs)
        .map_err(|_| InvalidArgument::new("maxAgeSeconds", "0 or more"))
}

/// Parses the argument `quantity`.
pub(in crate::graphql) fn parse_quantity(places: Option<i32>) -> Result<Option<u32>, InvalidArgument> {
    match places.map(u32::try_from) {
        None => Ok(None),
        Some(Ok(places @ 1..)) => Ok(Some(places)),
        Some(_) => Err(InvalidArgument::new("quantity", "1 or more")),
    }
}

/// Availability state. UNKNOWN means that the vendor could not be reached; it never means sold out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(name = "AvailabilityStatus", remote = "catalog::AvailabilityStatus")]
pub enum AvailabilityStatusEnum {
    /// For sale.
    Available,
    /// For sale, few places left.
    Limited,
    /// Sold out.
    SoldOut,
    /// Not for sale: past, canceled or not sold through this service.
    Closed,
    /// For sale without a limit.
    Freesale,
    /// The vendor could not be reached. It never means sold out.
    Unknown,
}

/// Availability and prices of one performance.
pub struct Availability {
    /// The source.
    pub source: Arc<Source>,
    /// The source's response.
    pub outcome: AvailabilityOutcome,
}

impl Availability {
    /// Creates the availability of a source. With `places`, offers with fewer places count as sold out.
    pub fn of(source: &Arc<Source>, outcome: AvailabilityOutcome, places: Option<u32>) -> Self {
        let AvailabilityOutcome { availability, problem } = outcome;
        let availability = match places {
            Some(places) => Observed { value: for_quantity(&availability.value, places), ..availability },
            None => availability,
        };
        Self { source: Arc::clone(source), outcome: AvailabilityOutcome { availability, problem } }
    }

    pub(in crate::graphql) fn inner(&self) -> &catalog::Availability {
        &self.outcome.availability.value
    }
}

/// Availability and prices of one performance.
#[Object]
impl Availability {
    /// The overall state.
    async fn status(&self) -> AvailabilityStatusEnum {
        self.inner().status.into()
    }

    /// Number of places left, if the source reports it.
    async fn vacancies(&self) -> Option<i32> {
        self.inner().vacancies.map(int)
    }

    /// Total number of places, if the source reports it.
    async fn capacity(&self) -> Option<i32> {
        self.inner().capacity.map(int)
    }

    /// Largest quantity per order.
    async fn max_per_order(&self) -> Option<i32> {
        self.inner().max_per_order.map(int)
    }

    /// The offers that can be bought.
    async fn offers(&self) -> Vec<Offer> {
        Offer::list(self)
    }

    /// The age of the data.
    async fn freshness(&self) -> Freshness {
        Freshness::of(&self.source, self.outcome.availability.freshness)
    }

    /// The failure of the source, if the state is UNKNOWN.
    async fn problems(&self, ctx: &Context<'_>) -> Vec<Problem> {
        self.outcome.problem.iter().map(|failure| Ctx::of(ctx).problem(failure)).collect()
    }
}

/// An offer: a ticket type at a price for one performance.
pub struct Offer {
    pub(in crate::graphql) source: Arc<Source>,
    availability: Arc<catalog::Availability>,
    index: usize,
}

impl Offer {
    pub(in crate::graphql) fn list(availability: &Availability) -> Vec<Self> {
        let data = &availability.outcome.availability.value;
        (0..data.offers.len())
            .map(|index| Self { source: Arc::clone(&availability.source), availability: Arc::clone(data), index })
            .collect()
    }

    pub(in crate::graphql) fn inner(&self) -> &catalog::Offer {
        &self.availability.offers[self.index]
    }
}

/// An offer: a ticket type at a price for one performance.
#[Object]
impl Offer {
    /// The ticket type.
    async fn ticket_type(&self) -> TicketType {
        TicketType::single(Arc::clone(&self.source), &self.inner().ticket_type)
    }

    /// The price.
    async fn price(&self) -> Price {
        Price::of(&self.source, &self.inner().price)
    }

    /// Number of places left for this offer, if the source reports it.
    async fn vacancies(&self) -> Option<i32> {
        self.inner().vacancies.map(int)
    }

    /// The state of this offer.
    async fn status(&self) -> AvailabilityStatusEnum {
        self.inner().status.into()
    }
}
