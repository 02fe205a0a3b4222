//! The filter of a list of orders.

use async_graphql::{ID, InputObject};
use catalog::InvalidArgument;
use domain::{EventKey, SourceId, TicketTypeKey};
use jiff::civil::{Date, date};
use orders::{SaleFilter, SearchWords};

use crate::graphql::base::ctx::Ctx;
use crate::graphql::base::id::{GlobalId, parse_source_id};
use crate::graphql::base::scalars::{CurrencyCode, DateTime, LocalDate};
use crate::graphql::topics::orders::order::OrderStatusEnum;

/// Filter of an order list.
#[derive(InputObject, Default)]
#[graphql(name = "OrderFilter")]
pub struct OrderFilterInput {
    /// Only orders in one of these states.
    pub status: Option<Vec<OrderStatusEnum>>,
    /// Only orders with a leg at one of these sources.
    pub sources: Option<Vec<ID>>,
    /// Only orders that this reseller sold. A caller of a reseller may name its own only.
    pub reseller: Option<ID>,
    /// Only orders created at or after this time.
    pub created_from: Option<DateTime>,
    /// Only orders created before this time.
    pub created_to: Option<DateTime>,
    /// Only orders with a sale that was confirmed on or after this day in the time zone of its source: those that a statement counts, also
    /// if they were canceled later. With `sources`, a sale at one of them, otherwise at one that is configured.
    pub confirmed_from: Option<LocalDate>,
    /// Only orders with a sale that was confirmed on or before this day in the time zone of its source. The same sale as that of
    /// `confirmedFrom`.
    pub confirmed_to: Option<LocalDate>,
    /// Only orders whose sale is in this currency. Only with `confirmedFrom` or `confirmedTo`.
    pub currency: Option<CurrencyCode>,
    /// Only orders updated at or after this time.
    pub updated_since: Option<DateTime>,
    /// Only test orders, or only real orders.
    pub test_mode: Option<bool>,
    /// Only orders in which each of these words begins a word of the order number, the reseller's reference, the visitor's name or email
    /// address, or the title of an event. Case, accents, spaces and punctuation are ignored, so an order number is found in any spelling.
    /// At most 100 characters and 8 words. Titles are those of the time of the order, in all languages of the event.
    pub search: Option<String>,
    /// Only orders with a line for this event.
    pub event: Option<ID>,
    /// Only orders with a line for this ticket type.
    pub ticket_type: Option<ID>,
    /// Only orders with a visit on or after this day in the time zone of the venue. Orders from before the day was recorded are found by
    /// their day in UTC. Open visits have no day. With `event`, a visit to that event.
    pub visit_from: Option<LocalDate>,
    /// Only orders with a visit on or before this day, at most 3660 days after `visitFrom`.
    pub visit_to: Option<LocalDate>,
}

/// Longest range of days of a visit or a sale, ten years.
const MAX_DAYS: i32 = 3_660;

/// First and last day of a sale, where the filter has none.
const ALL_DAYS: (Date, Date) = (date(1970, 1, 1), date(2200, 1, 1));

impl OrderFilterInput {
    /// Converts the filter, only for orders of `reseller` if it is given. Fails with the first field that is invalid.
    pub(super) fn into_filter(
        self,
        ctx: &Ctx,
        reseller: Option<String>,
    ) -> Result<orders::OrderFilter, InvalidArgument> {
        if let (Some(from), Some(to)) = (self.created_from, self.created_to)
            && to.at <= from.at
        {
            return Err(InvalidArgument::new("filter.createdTo", "a time after `createdFrom`"));
        }
        let sources = self.find_sources()?;
        let reseller = self.find_reseller(ctx, reseller)?;
        let sale = self.find_sale(ctx, &sources)?;
        let (event, ticket_type) = (self.find_event()?, self.find_ticket_type()?);
        let search = self.search.as_deref().map(SearchWords::parse).transpose();
        let search = search.map_err(|limit| InvalidArgument::new("filter.search", limit.to_string()))?.flatten();
        let (visit_from, visit_to) = (self.visit_from.map(|day| day.0), self.visit_to.map(|day| day.0));
        validate_days("visit", visit_from, visit_to)?;
        Ok(orders::OrderFilter {
            status: self.status.unwrap_or_default().into_iter().map(Into::into).collect(),
            sources,
            created_from: self.created_from.map(|at| at.at),
            created_to: self.created_to.map(|at| at.at),
            updated_since: self.updated_since.map(|at| at.at),
            is_test: self.test_mode,
            reseller,
            starts_from: None,
            search,
            event,
            visit_from,
            visit_to,
            ticket_type,
            sale,
        })
    }

    fn find_sources(&self) -> Result<Vec<SourceId>, InvalidArgument> {
        self.sources.iter().flatten().map(|id| parse_source_id("filter.sources", id)).collect()
    }

    /// Finds the reseller. A foreign one is not distinguished from an absent one.
    fn find_reseller(&self, ctx: &Ctx, listed: Option<String>) -> Result<Option<String>, InvalidArgument> {
        let Some(id) = &self.reseller else { return Ok(listed) };
        let key = match GlobalId::decode(id) {
            Some(GlobalId::Reseller(key)) => ctx.find_reseller(&key).map(|_| key),
            _ => None,
        };
        match key.filter(|key| listed.as_ref().is_none_or(|listed| listed == key)) {
            Some(key) => Ok(Some(key)),
            None => Err(InvalidArgument::new("filter.reseller", "the id of a reseller that is yours")),
        }
    }

    fn find_event(&self) -> Result<Option<(SourceId, EventKey)>, InvalidArgument> {
        let event = self.event.as_ref().map(|id| match GlobalId::decode(id) {
            Some(GlobalId::Event(source, event)) => Ok((source, event)),
            _ => Err(InvalidArgument::new("filter.event", "the id of an event")),
        });
        event.transpose()
    }

    fn find_ticket_type(&self) -> Result<Option<(SourceId, EventKey, TicketTypeKey)>, InvalidArgument> {
        let kind = self.ticket_type.as_ref().map(|id| match GlobalId::decode(id) {
            Some(GlobalId::TicketType(source, event, kind)) => Ok((source, event, kind)),
            _ => Err(InvalidArgument::new("filter.ticketType", "the id of a ticket type")),
        });
        kind.transpose()
    }

    /// Returns the periods of sales at the sources of the filter, or at all that are configured.
    fn find_sale(&self, ctx: &Ctx, sources: &[SourceId]) -> Result<Option<SaleFilter>, InvalidArgument> {
        let (from, to) = (self.confirmed_from.map(|day| day.0), self.confirmed_to.map(|day| day.0));
        if from.is_none() && to.is_none() {
            return match self.currency {
                Some(_) => Err(InvalidArgument::new("filter.currency", "given with `confirmedFrom` or `confirmedTo`")),
                None => Ok(None),
            };
        }
        validate_days("confirmed", from, to)?;
        let days = (from.unwrap_or(ALL_DAYS.0), to.unwrap_or(ALL_DAYS.1));
        let zones = ctx.time_zones();
        let configured: Vec<SourceId> = zones.keys().cloned().collect();
        let sources = if sources.is_empty() { &configured } else { sources };
        let periods = resellers::sale_periods(sources, days, &zones);
        Ok(Some(SaleFilter { periods, currency: self.currency.map(|currency| currency.0) }))
    }
}

fn validate_days(name: &str, from: Option<Date>, to: Option<Date>) -> Result<(), InvalidArgument> {
    let (Some(from), Some(to)) = (from, to) else { return Ok(()) };
    let invalid = |expected: String| Err(InvalidArgument::new(format!("filter.{name}To"), expected));
    if to < from {
        return invalid(format!("`{name}From` or a later day"));
    }
    if (to - from).get_days() > MAX_DAYS {
        return invalid(format!("at most {MAX_DAYS} days after `{name}From`"));
    }
    Ok(())
}
