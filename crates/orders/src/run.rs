//! The runner of one order: write what is about to be done, do it, write what came of it; until nothing is left to do.
//!
//! It runs in its own task. The lease outlasts the longest call and carries a number, so that a runner that was given up
//! for dead cannot write any more; whatever it left in flight is looked up by its successor.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tracing::Instrument;

use crate::bus::ChangeBus;
use crate::call::Caller;
use crate::decide::Step;
use crate::ledger::{Basis, Change, KeyUse, Lease, Ledger, LedgerError, OrderBy, Ownership, Transition, Write};
use crate::observe::{self, UnderWork};
use crate::order::Order;
use crate::rules::later;
use crate::shared::Shared;
use crate::status::LegStatus;
use crate::work::{Work, timers};
use telemetry::explain::carry;

/// Waits between tries of a ledger that fails.
const LEDGER_PATIENCE: [Duration; 3] = [Duration::from_millis(100), Duration::from_secs(1), Duration::from_secs(5)];

/// Takes over an order that nobody owns any more and runs it.
pub(crate) async fn take_over(shared: Arc<Shared>, lease: Lease) {
    let order = match shared.ledger.find(&OrderBy::Key(lease.order)).await {
        Ok(Some(order)) => order,
        Ok(None) => return,
        Err(error) => return tracing::error!(order = %lease.order, %error, "an order could not be read"),
    };
    let span = observe::span(&order, true);
    let mut runner = Runner::new(&shared, order, lease);
    runner.work.adopt();
    runner.run().instrument(span).await;
}

/// Runs an order that was just written with this lease. Its work is told to whoever asked for it here.
pub(crate) fn run(shared: Arc<Shared>, order: Order, lease: Lease) -> impl Future<Output = ()> {
    let span = observe::span(&order, false);
    carry(async move { Runner::new(&shared, order, lease).run().await }.instrument(span))
}

/// What a runner does after a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Then {
    /// It goes on.
    GoOn,
    /// Nothing is left to do now.
    Rest,
    /// It has to stop; the order comes back by its timer at once, here or in another replica.
    Leave,
}

struct Runner<'a> {
    shared: &'a Shared,
    work: Work<'a>,
    lease: Lease,
}

impl<'a> Runner<'a> {
    fn new(shared: &'a Shared, order: Order, lease: Lease) -> Self {
        Self { shared, work: Work::on(order, &shared.rules, shared.clock.now()), lease }
    }

    async fn run(&mut self) {
        let _running = UnderWork::begin();
        if let Err(error) = self.until_rest().await {
            let order = &self.work.before;
            match error {
                // Another runner has it now, and knows better.
                LedgerError::Outdated => tracing::warn!(order = %order.number, "the order was taken over"),
                error => tracing::error!(order = %order.number, %error, "the order is left to recovery"),
            }
        }
    }

    async fn until_rest(&mut self) -> Result<(), LedgerError> {
        loop {
            self.work.now = self.shared.clock.now();
            let steps = self.work.next();
            if steps.is_empty() {
                return self.flush(Then::Rest).await;
            }
            if self.shared.stop.is_cancelled() {
                return self.flush(Then::Leave).await;
            }
            self.make(&steps).await?;
        }
    }

    /// Makes calls together and takes in each answer as it comes. The last one is written with what follows from it.
    async fn make(&mut self, steps: &[Step]) -> Result<(), LedgerError> {
        self.work.begin(steps);
        if steps.iter().any(|step| step.call.operation().is_some()) {
            self.flush(Then::GoOn).await?;
        } else {
            // Look-ups change nothing, but they take time.
            self.shared.ledger.renew(&self.lease, self.lease_end()).await?;
        }
        let caller = Caller { sources: &self.shared.sources, rules: &self.shared.rules };
        let order = self.work.order.clone();
        let mut calls: FuturesUnordered<_> =
            steps.iter().map(|step| async { (step.leg, caller.call(&order, *step).await) }).collect();
        while let Some((leg, answer)) = calls.next().await {
            self.work.now = self.shared.clock.now();
            self.work.record(leg, answer);
            if !calls.is_empty() {
                self.flush(Then::GoOn).await?;
            }
        }
        Ok(())
    }

    fn lease_end(&self) -> jiff::Timestamp {
        later(self.shared.clock.now(), self.shared.rules.lease)
    }

    /// Writes the order as it is now.
    async fn flush(&mut self, then: Then) -> Result<(), LedgerError> {
        let now = self.shared.clock.now();
        let moves = self.work.close("legs");
        let timers = timers(&self.work.order, then != Then::Rest, now);
        let ownership = match then {
            Then::GoOn => Ownership::Mine(self.lease_end()),
            Then::Rest | Then::Leave => Ownership::Nobody,
        };
        let write = Write {
            basis: Basis::Owned(&self.work.before, self.lease),
            order: &self.work.order,
            status: self.work.order.status(),
            ownership,
            key: None,
            transitions: &moves,
            timers: &timers,
            credentials: &self.work.credentials,
        };
        let cursor = write_patiently(self.shared.ledger.as_ref(), &write).await?;
        self.work.written();
        tell(self.shared.bus.as_ref(), &self.work.order, cursor).await;
        observe::count(&self.work.order, &moves);
        sound_the_alarm(&self.work.order, &moves);
        Ok(())
    }
}

/// Writes, and tries again for some seconds where the store fails. A write that was done although its answer was lost
/// is refused the second time, and the order is left to recovery.
async fn write_patiently(ledger: &dyn Ledger, write: &Write<'_>) -> Result<u64, LedgerError> {
    for wait in LEDGER_PATIENCE {
        match ledger.write(write).await {
            Ok(written) => return Ok(written.cursor),
            Err(LedgerError::Failed(error)) => {
                tracing::warn!(order = %write.order.number, %error, "the ledger failed, trying again");
            }
            Err(error) => return Err(error),
        }
        tokio::time::sleep(wait).await;
    }
    ledger.write(write).await.map(|written| written.cursor)
}

/// Writes the first change of an action and becomes the owner of the order, or writes it and leaves it alone.
pub(crate) async fn begin(
    shared: &Shared,
    basis: Option<&Order>,
    work: &mut Work<'_>,
    key: Option<&KeyUse>,
    owns: bool,
) -> Result<Lease, LedgerError> {
    let moves = work.close("asked");
    let timers = timers(&work.order, owns, work.now);
    let ownership = if owns { Ownership::Mine(later(work.now, shared.rules.lease)) } else { Ownership::Nobody };
    let write = Write {
        basis: basis.map_or(Basis::New, Basis::Free),
        order: &work.order,
        status: work.order.status(),
        ownership,
        key,
        transitions: &moves,
        timers: &timers,
        credentials: &work.credentials,
    };
    let written = shared.ledger.write(&write).await?;
    work.written();
    observe::count(&work.order, &moves);
    tell(shared.bus.as_ref(), &work.order, written.cursor).await;
    Ok(written.lease)
}

async fn tell(bus: &dyn ChangeBus, order: &Order, cursor: u64) {
    let change = Change {
        cursor,
        at: order.updated_at,
        order: order.key,
        version: order.version,
        status: order.status(),
        reseller: order.reseller.clone(),
    };
    bus.publish(&change).await;
}

/// What only a human can settle is never silent.
fn sound_the_alarm(order: &Order, moves: &[Transition]) {
    let stuck = LegStatus::NeedsAttention.name();
    for leg in moves.iter().filter(|transition| transition.to == stuck).filter_map(|transition| transition.leg) {
        let source = order.legs[leg].source.as_str().to_owned();
        tracing::error!(order = %order.number, leg, source, "an order needs attention");
        metrics::counter!("ticketgraph_orders_needing_attention_total", "source" => source).increment(1);
    }
}
