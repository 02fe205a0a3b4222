//! Tickets read again on request: codes that came late, visitors that were let in.

use futures_util::future::join_all;

use crate::orders::answer::Answer;
use crate::orders::call::Caller;
use crate::orders::decide::{Call, Step};
use crate::orders::ledger::{LedgerError, OrderBy};
use crate::orders::order::Order;
use crate::orders::run;
use crate::orders::shared::Shared;
use crate::orders::status::LegStatus;
use crate::orders::work::Work;

/// Reads the tickets of every sold leg and keeps what changed. An order under work is left alone.
pub(in crate::orders) async fn refresh(shared: &Shared, order: Order) -> Result<Order, LedgerError> {
    if !order.is_at_rest() {
        return Ok(order);
    }
    let caller = Caller { sources: &shared.sources, rules: &shared.rules };
    let sold = order.legs.iter().filter(|leg| leg.status == LegStatus::Confirmed);
    let steps = sold.map(|leg| Step { leg: leg.number, call: Call::ReadTickets });
    let calls = steps.map(|step| {
        let (caller, order) = (&caller, &order);
        async move { (step.leg, caller.call(order, step).await) }
    });
    let answers: Vec<(usize, Answer)> = join_all(calls).await;
    let key = order.key;
    let mut work = Work::on(order, &shared.rules, shared.clock.now());
    for (leg, answer) in answers {
        work.record(leg, answer);
    }
    if work.order == work.before {
        return Ok(work.order);
    }
    let before = work.before.clone();
    match run::begin(shared, Some(&before), &mut work, None, false).await {
        Ok(_) => Ok(work.order),
        // Something else happened to the order meanwhile; the tickets are read again another time.
        Err(LedgerError::Outdated) => shared.ledger.find(&OrderBy::Key(key)).await?.ok_or(LedgerError::Outdated),
        Err(error) => Err(error),
    }
}
