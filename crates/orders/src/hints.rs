//! Hints of vendors that one of their orders changed, from webhooks that nobody authenticates.
//!
//! A hint brings the look-up of an unknown outcome forward, and nothing else: what became of the order is read from the vendor. Hints
//! call nobody by themselves. They are kept in memory only, because the look-up comes anyway.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use parking_lot::Mutex;

use crate::Orders;
use crate::context::OrdersContext;
use crate::leg::{AttemptOutcome, Leg};
use crate::listing::{OrderCursor, PageRequest, SortColumn};
use crate::operator::Retries;
use crate::order::Order;
use crate::periodic::every;
use crate::problem::ProblemCode;
use crate::request::Actor;
use crate::status::OrderStatus;
use crate::store::OrderFilter;
use domain::time::later;
use domain::{ExternalRef, SourceId, StoreError};

/// Orders read at once.
const PAGE: usize = 100;
/// Name of the cause of a look-up in the history of an order.
const CAUSE: &str = "incoming webhook";

/// Statuses of orders with an outcome that is being looked up.
const IN_PROGRESS: [OrderStatus; 5] = [
    OrderStatus::Holding,
    OrderStatus::Confirming,
    OrderStatus::Compensating,
    OrderStatus::Releasing,
    OrderStatus::Cancelling,
];

/// Hints of one source, with the time at which each came first.
type SourceHints = BTreeMap<ExternalRef, Timestamp>;

/// Hints of one source that wait.
#[derive(Default)]
struct WaitingHints {
    hints: SourceHints,
    /// Time at which hints of the source were followed last.
    followed_at: Option<Timestamp>,
}

/// Hints that wait.
#[derive(Default)]
pub(crate) struct PendingHints(Mutex<BTreeMap<SourceId, WaitingHints>>);

impl PendingHints {
    /// Adds a hint. Returns false if there is no room.
    fn add(&self, source: &SourceId, order: ExternalRef, at: Timestamp, max: usize) -> bool {
        let mut pending = self.0.lock();
        let hints = &mut pending.entry(source.clone()).or_default().hints;
        if hints.len() >= max && !hints.contains_key(&order) {
            return false;
        }
        hints.entry(order).or_insert(at);
        true
    }

    /// Takes the hints of the sources of which none were taken for `pause`.
    fn take(&self, now: Timestamp, pause: Duration) -> BTreeMap<SourceId, SourceHints> {
        let mut pending = self.0.lock();
        let is_due = |waiting: &WaitingHints| waiting.followed_at.is_none_or(|at| later(at, pause) <= now);
        let due = pending.iter_mut().filter(|(_, waiting)| !waiting.hints.is_empty() && is_due(waiting));
        due.map(|(source, waiting)| {
            waiting.followed_at = Some(now);
            (source.clone(), std::mem::take(&mut waiting.hints))
        })
        .collect()
    }
}

impl Orders {
    /// Takes a hint that the order with this reference changed at a source. Hints of one order that wait count as one. Returns false if
    /// the source is unknown, or [`OrderSettings::max_pending_hints`](crate::OrderSettings::max_pending_hints) of its hints wait.
    pub fn take_hint(&self, source: &SourceId, order: ExternalRef) -> bool {
        let is_known = self.0.sources.contains_key(source);
        is_known && self.0.hints.add(source, order, self.0.clock.now(), self.0.settings.max_pending_hints)
    }

    /// Brings the look-ups of the hinted orders forward and returns their number. They run like all look-ups, at the next search for due
    /// orders. Hints of orders of others, and of orders that nothing is unknown about, are dropped.
    ///
    /// All orders in progress at a source are read for its hints, so they are followed once in half of
    /// [`OrderSettings::hint_interval`](crate::OrderSettings::hint_interval) at most, and wait until then.
    pub async fn follow_hints(&self) -> Result<usize, StoreError> {
        let (mut scheduled, mut failure) = (0, None);
        for (source, hints) in self.0.hints.take(self.0.clock.now(), self.0.settings.hint_interval / 2) {
            match self.follow_hints_of(&source, &hints).await {
                Ok(legs) => scheduled += legs,
                Err(error) => {
                    self.put_back(&source, &hints);
                    failure = Some(error);
                }
            }
        }
        failure.map_or(Ok(scheduled), Err)
    }

    /// Reads the orders in progress at a source once, however many hints there are.
    async fn follow_hints_of(&self, source: &SourceId, hints: &SourceHints) -> Result<usize, StoreError> {
        let filter =
            OrderFilter { status: IN_PROGRESS.to_vec(), sources: vec![source.clone()], ..OrderFilter::default() };
        let is_meant = |leg: &Leg| leg.source == *source && leg.refs.iter().any(|known| hints.contains_key(known));
        let (mut after, mut scheduled): (Option<OrderCursor>, usize) = (None, 0);
        loop {
            let page = self.0.store.list(&filter, &PageRequest::newest(after, PAGE)).await?;
            for order in page.orders.iter().filter(|order| order.legs.iter().any(is_meant)) {
                let legs = self.bring_forward(order, &is_meant).await?;
                scheduled += legs.unwrap_or_default();
                if legs.is_none() {
                    let refs = order.legs.iter().flat_map(|leg| &leg.refs);
                    let of_order = refs.filter_map(|known| Some((known.clone(), *hints.get(known)?)));
                    self.put_back(source, &of_order.collect());
                }
            }
            after = page.orders.last().map(|order| OrderCursor::of(order, SortColumn::Created));
            if !page.has_more {
                break;
            }
        }
        metrics::counter!("ticketgraph_incoming_webhook_lookups_total", "source" => source.as_str().to_owned())
            .increment(scheduled as u64);
        Ok(scheduled)
    }

    /// Brings the look-ups of an order forward, and returns their number. `None` while one is due or running, because it may have read what
    /// was true before the hint, and while the call itself is in flight, because its response may be lost.
    async fn bring_forward(
        &self,
        order: &Order,
        is_meant: &(dyn Fn(&Leg) -> bool + Send + Sync),
    ) -> Result<Option<usize>, StoreError> {
        let interval = self.0.settings.hint_interval;
        let now = self.0.clock.now();
        let is_called = |leg: &Leg| leg.attempts.iter().any(|attempt| attempt.outcome == AttemptOutcome::InFlight);
        if order.legs.iter().any(|leg| is_meant(leg) && is_called(leg)) {
            return Ok(None);
        }
        let lookup_of = |leg: &Leg| leg.unknown.filter(|_| is_meant(leg)).map(|unknown| unknown.next_lookup_at);
        if order.legs.iter().filter_map(lookup_of).any(|at| at <= now) {
            return Ok(None);
        }
        let comes_late =
            |order: &Order, leg: &Leg| lookup_of(leg).is_some_and(|at| at > now.max(later(order.updated_at, interval)));
        if !order.legs.iter().any(|leg| comes_late(order, leg)) {
            return Ok(Some(0));
        }
        let actor = Actor { caller: CAUSE.to_owned(), reseller: None };
        let mut retries = Retries::after_change(&actor, interval);
        let (code, legs) = self.retry_order(&mut retries, order.key, &comes_late).await?;
        Ok((code != ProblemCode::OrderBusy).then_some(legs.len()))
    }

    /// Lets hints wait for the next search, unless they have waited for longer than a call takes.
    fn put_back(&self, source: &SourceId, hints: &SourceHints) {
        let (now, settings) = (self.0.clock.now(), &self.0.settings);
        for (order, at) in hints.iter().filter(|(_, at)| later(**at, settings.call_timeout) > now) {
            self.0.hints.add(source, order.clone(), *at, settings.max_pending_hints);
        }
    }
}

/// Follows hints periodically until the process stops.
pub(crate) async fn follow_hints_periodically(context: Arc<OrdersContext>) {
    let (interval, stop): (Duration, _) = (context.settings.poll_interval, context.stop.clone());
    let orders = Orders(context);
    let follow = || async {
        if let Err(error) = orders.follow_hints().await {
            tracing::warn!(%error, "hints of webhooks could not be followed");
        }
    };
    every(interval, stop, follow).await;
}
