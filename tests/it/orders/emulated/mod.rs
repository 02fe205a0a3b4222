//! Fault suite over the emulated vendors, through the real clients and HTTP. Each call of each flow is rejected, lost
//! before or after the vendor acts, or delivered twice; the process crashes at every write; two runners compete;
//! compensation fails. Every case ends with a comparison of the bookings at the vendors and the stored order.

mod audit;
mod change_held;
mod four_vendors;
mod limits;
mod plaintext;
mod recorded;
mod venues;
mod webhooks;

use std::collections::BTreeMap;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use emulators::LoggedCall;
use emulators::{Fault, Rule};
use futures_util::future::join_all;
use orders::{FulfillmentPolicy, OrderStatus};

use crate::orders::database::{Postgres, Stage};
use crate::orders::emulated::audit::{audit, check_untouched};
use crate::orders::emulated::venues::{BookingStyle, SellableLine, Venues, doubles, writes};
use crate::orders::flow::{FLOWS, Flow, act};
use crate::orders::world::{CrashPoint, ProcessStore};

/// Number of concurrent cases; a case that waits for a vendor leaves the processor to others.
const WORKERS: usize = 6;

/// Vendor and the fault injected there.
type InjectedFault = (usize, Rule);

/// Fault case: booking style, client flow, and faults.
#[derive(Debug, Clone)]
struct Case {
    style: BookingStyle,
    flow: Flow,
    faults: Vec<InjectedFault>,
    ending: Ending,
}

/// Fate of the process.
#[derive(Debug, Clone, Copy)]
enum Ending {
    /// It survives.
    None,
    /// It crashes at a write, and another process resumes when its lease ends.
    Dies(CrashPoint),
    /// It hangs in a call until another process has taken over, then continues.
    Hangs(usize),
}

/// Result of a case.
struct CaseResult {
    calls: Vec<Vec<LoggedCall>>,
    writes: usize,
    status: Option<OrderStatus>,
    problems: Vec<String>,
}

/// Workers and the state that they share.
struct Suite {
    workers: Vec<Stage>,
    styles: Vec<BookingStyle>,
    client: http_client::ConnectionPools,
    lines: BTreeMap<u8, Vec<SellableLine>>,
}

impl Suite {
    async fn on_sqlite(styles: &[BookingStyle]) -> Self {
        Self::on((0..WORKERS).map(|_| Stage::Sqlite).collect(), styles).await
    }

    async fn on_postgres(styles: &[BookingStyle]) -> Option<(Self, Postgres)> {
        let server = Postgres::start()?;
        let mut workers = Vec::new();
        for number in 0..WORKERS {
            workers.push(Stage::Lane(server.lane(number).await));
        }
        Some((Self::on(workers, styles).await, server))
    }

    async fn on(workers: Vec<Stage>, styles: &[BookingStyle]) -> Self {
        let client = http_client::ConnectionPools::new(Duration::from_secs(4)).expect("a client");
        let mut suite = Self { workers, styles: styles.to_vec(), client, lines: BTreeMap::new() };
        for &style in styles {
            let venues = Venues::open(style, suite.workers[0].ledger().await, &suite.client, &[]).await;
            suite.lines.insert(style as u8, venues.find_lines(style).await);
        }
        suite
    }

    async fn venues(&self, worker: &Stage, style: BookingStyle) -> Venues {
        let lines = self.lines.get(&(style as u8)).expect("wares");
        Venues::open(style, worker.ledger().await, &self.client, lines).await
    }

    /// Runs and audits one case.
    async fn run(&self, worker: &Stage, case: &Case) -> CaseResult {
        let venues = self.venues(worker, case.style).await;
        for (vendor, rule) in &case.faults {
            venues.fail(*vendor, rule.clone());
        }
        let world = &venues.world;
        let crash = if let Ending::Dies(crash) = case.ending { Some(crash) } else { None };
        let ledger = ProcessStore::new(Arc::clone(&world.store), crash);
        let orders = world.process_on(Arc::clone(&ledger) as Arc<_>);
        let successor = if matches!(case.ending, Ending::None) { orders.clone() } else { world.process() };
        let begun = if let Ending::Hangs(vendor) = case.ending {
            let stage = &venues.fixtures[vendor].running.stage;
            let first = act(world, &orders, case.flow);
            let second = async {
                stage.wait_for_hung_call().await;
                world.clock.advance(world.settings.lease + Duration::from_secs(1));
                successor.resume_due().await.expect("the store");
                successor.wait_until_idle().await;
                stage.release_hung_calls();
            };
            let mut first = std::pin::pin!(first);
            tokio::select! {
                // Nothing hung, because the flow does not make that call.
                begun = &mut first => begun,
                () = second => first.await,
            }
        } else {
            act(world, &orders, case.flow).await
        };
        let mut problems = Vec::new();
        let mut status = None;
        match begun {
            None => problems = check_untouched(&venues),
            Some(order) => {
                if crash.is_some() {
                    let taken = successor.resume_due().await.expect("the store");
                    if taken > 0 {
                        problems.push("the lease of a crashed process had ended".to_owned());
                    }
                    world.clock.advance(world.settings.lease + Duration::from_secs(1));
                }
                let order = world.run_until_final(&successor, order).await;
                status = Some(order.status());
                problems.extend(audit(&venues, &order));
            }
        }
        let writes = ledger.writes.load(SeqCst);
        let problems = problems.into_iter().map(|line| format!("{line}\n    {case:?}")).collect();
        CaseResult { calls: venues.calls(), writes, status, problems }
    }

    /// Runs cases concurrently and fails with the problems of all of them. Returns the results.
    async fn run_all(&self, cases: Vec<Case>) -> Vec<(Case, CaseResult)> {
        let queue = Mutex::new(cases.into_iter());
        let workers = self.workers.iter().map(async |worker| {
            let mut done = Vec::new();
            loop {
                let next = queue.lock().expect("the queue").next();
                let Some(case) = next else { return done };
                let outcome = Box::pin(self.run(worker, &case)).await;
                done.push((case, outcome));
            }
        });
        let done: Vec<(Case, CaseResult)> = join_all(workers).await.into_iter().flatten().collect();
        let problems: Vec<&String> = done.iter().flat_map(|(_, outcome)| &outcome.problems).collect();
        let lines: Vec<&str> = problems.iter().take(40).map(|line| line.as_str()).collect();
        assert!(problems.is_empty(), "{} problems in {} cases:\n{}", problems.len(), done.len(), lines.join("\n"));
        done
    }

    /// Runs every flow in every style without faults, to record its calls and writes.
    async fn baseline(&self) -> Vec<(Case, CaseResult)> {
        let flows = self.styles.iter().flat_map(|style| FLOWS.map(|flow| (*style, flow)));
        let cases = flows.map(|(style, flow)| Case { style, flow, faults: Vec::new(), ending: Ending::None });
        self.run_all(cases.collect()).await
    }

    /// Injects every fault into each call of each flow, and into the call that follows a write.
    async fn fail_each_call(&self) -> usize {
        let mut cases = Vec::new();
        for (baseline, outcome) in &self.baseline().await {
            for (vendor, nth, call) in steps(outcome) {
                for fault in faults(call) {
                    let first = (vendor, nth_call(nth, fault.clone()));
                    cases.push(Case { faults: vec![first.clone()], ..baseline.clone() });
                    if matches!(fault, Fault::DropBefore | Fault::CommitThenDrop) && writes(call) {
                        let next = (vendor, nth_call(nth + 1, Fault::DropBefore));
                        cases.push(Case { faults: vec![first, next], ..baseline.clone() });
                    }
                }
            }
        }
        self.count(cases).await
    }

    /// Crashes the process before and after each of its writes: without faults, with a lost response, and with a
    /// rejected confirmation.
    async fn crash_at_each_write(&self) -> usize {
        let mut troubled = Vec::new();
        for (baseline, outcome) in &self.baseline().await {
            troubled.push(baseline.clone());
            let sales = steps(outcome).into_iter().filter(|(_, _, call)| sells(call));
            let last = sales.clone().max_by_key(|(_, _, call)| call.at);
            for (vendor, nth, _) in sales {
                troubled
                    .push(Case { faults: vec![(vendor, nth_call(nth, Fault::CommitThenDrop))], ..baseline.clone() });
            }
            if let Some((vendor, nth, _)) = last {
                troubled.push(Case { faults: vec![(vendor, nth_call(nth, refusal()))], ..baseline.clone() });
            }
        }
        let mut cases = Vec::new();
        for (case, outcome) in self.run_all(troubled).await {
            for write in 1..=outcome.writes {
                for crash in [CrashPoint::Before(write), CrashPoint::After(write)] {
                    cases.push(Case { ending: Ending::Dies(crash), ..case.clone() });
                }
            }
        }
        self.count(cases).await
    }

    /// Hangs the first runner in each write, before and after the vendor acts, until a second runner has taken over.
    async fn two_runners_compete(&self) -> usize {
        let mut cases = Vec::new();
        for (baseline, outcome) in &self.baseline().await {
            if !matches!(baseline.flow, Flow::Place(_)) {
                continue;
            }
            for (vendor, nth, _) in steps(outcome).into_iter().filter(|(_, _, call)| writes(call)) {
                for acts in [false, true] {
                    let faults = vec![(vendor, nth_call(nth, Fault::Hang { acts }))];
                    cases.push(Case { faults, ending: Ending::Hangs(vendor), ..baseline.clone() });
                }
            }
        }
        self.count(cases).await
    }

    /// Rejects a leg while the compensation of the others fails: once or always, before or after the vendor acts.
    async fn fail_compensation(&self) -> usize {
        let mut cases = Vec::new();
        for (baseline, outcome) in &self.baseline().await {
            if !matches!(baseline.flow, Flow::Place(FulfillmentPolicy::AllOrNothing)) {
                continue;
            }
            for (vendor, nth, _) in steps(outcome).into_iter().filter(|(_, _, call)| sells(call)) {
                let refused = (vendor, nth_call(nth, refusal()));
                for canceled_vendor in (0..COMPENSATING.len()).filter(|canceled_vendor| *canceled_vendor != vendor) {
                    for (fault, times) in undo_faults() {
                        let compensating = COMPENSATING[canceled_vendor].iter().map(|(method, path)| Rule {
                            method: Some((*method).to_owned()),
                            times,
                            ..Rule::for_path(path, fault.clone())
                        });
                        let faults =
                            std::iter::once(refused.clone()).chain(compensating.map(|rule| (canceled_vendor, rule)));
                        cases.push(Case { faults: faults.collect(), ..baseline.clone() });
                    }
                }
            }
        }
        self.count(cases).await
    }

    #[expect(clippy::print_stdout, reason = "the number of cases is part of the result")]
    async fn count(&self, cases: Vec<Case>) -> usize {
        let done = self.run_all(cases).await;
        let mut ends: BTreeMap<&str, usize> = BTreeMap::new();
        for (_, outcome) in &done {
            *ends.entry(outcome.status.map_or("not stored", OrderStatus::name)).or_default() += 1;
        }
        println!("{} cases: {ends:?}", done.len());
        done.len()
    }
}

/// Returns every call of a run as vendor, index and call. Planning makes none, because the catalog is recorded.
fn steps(outcome: &CaseResult) -> Vec<(usize, usize, &LoggedCall)> {
    let calls = outcome.calls.iter().enumerate();
    calls.flat_map(|(vendor, calls)| calls.iter().enumerate().map(move |(nth, call)| (vendor, nth, call))).collect()
}

/// Calls that cancel or release at each vendor.
const COMPENSATING: [&[(&str, &str)]; 4] = [
    &[("POST", "/refunds"), ("DELETE", "/reservations/")],
    &[("POST", "cancelOperations"), ("POST", "abandonMovements")],
    &[("POST", "/refunds"), ("DELETE", "/orders/")],
    &[("POST", "/cancel")],
];

/// Returns true if the call confirms a sale.
fn sells(call: &LoggedCall) -> bool {
    let is_post = call.method == "POST";
    let names = ["/orders/organizations/", "closeOrder", "/payments", "/confirm"];
    let is_free_order = call.target.ends_with("/v3/orders");
    is_post && (names.iter().any(|name| call.target.contains(name) || call.action.contains(name)) || is_free_order)
}

/// Rejection: nothing was done.
fn refusal() -> Fault {
    Fault::Status { status: 400, retry_after: None, body: None }
}

/// Returns the faults to inject into a call. For a call that only reads, losing the request or the response makes no
/// difference to the vendor.
fn faults(call: &LoggedCall) -> Vec<Fault> {
    if !writes(call) {
        return vec![Fault::DropBefore];
    }
    let busy = Fault::Status { status: 429, retry_after: None, body: None };
    let mut faults = vec![refusal(), busy, Fault::DropBefore, Fault::CommitThenDrop];
    if !doubles(call) {
        faults.push(Fault::Repeat);
    }
    faults
}

/// Returns the faults to inject into a cancellation, and their number.
fn undo_faults() -> Vec<(Fault, Option<u32>)> {
    let faults = [refusal(), Fault::DropBefore, Fault::CommitThenDrop, Fault::Repeat];
    faults.into_iter().flat_map(|fault| [(fault.clone(), Some(1)), (fault, None)]).collect()
}

fn nth_call(nth: usize, fault: Fault) -> Rule {
    Rule { skip: u32::try_from(nth).expect("a small number"), ..Rule::for_path("/", fault).times(1) }
}

impl Suite {
    async fn check_faults(&self) {
        let (calls, undos) = (self.fail_each_call().await, self.fail_compensation().await);
        assert!(calls > 300 && undos > 50, "{calls} {undos}");
    }

    /// For one style, so that each test ends within its limit.
    async fn check_crashes(&self) {
        let (deaths, runners) = (self.crash_at_each_write().await, self.two_runners_compete().await);
        assert!(deaths > 300 && runners > 20, "{deaths} {runners}");
    }
}

#[tokio::test]
async fn on_sqlite_emulated_vendors_and_store_agree_after_every_fault() {
    Suite::on_sqlite(&BookingStyle::ALL).await.check_faults().await;
}

#[tokio::test]
async fn on_sqlite_emulated_vendors_and_store_agree_after_every_crash_of_an_order_that_is_held() {
    Suite::on_sqlite(&[BookingStyle::Held]).await.check_crashes().await;
}

#[tokio::test]
async fn on_sqlite_emulated_vendors_and_store_agree_after_every_crash_of_an_order_that_is_sold_at_once() {
    Suite::on_sqlite(&[BookingStyle::AtOnce]).await.check_crashes().await;
}

#[tokio::test]
async fn on_postgres_emulated_vendors_and_store_agree_after_every_fault() {
    let Some((suite, _server)) = Suite::on_postgres(&BookingStyle::ALL).await else { return };
    suite.check_faults().await;
}

#[tokio::test]
async fn on_postgres_emulated_vendors_and_store_agree_after_every_crash_of_an_order_that_is_held() {
    let Some((suite, _server)) = Suite::on_postgres(&[BookingStyle::Held]).await else { return };
    suite.check_crashes().await;
}

#[tokio::test]
async fn on_postgres_emulated_vendors_and_store_agree_after_every_crash_of_an_order_that_is_sold_at_once() {
    let Some((suite, _server)) = Suite::on_postgres(&[BookingStyle::AtOnce]).await else { return };
    suite.check_crashes().await;
}
