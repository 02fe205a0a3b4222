//! The suite over the emulated vendors: each call of each flow is refused, lost before the vendor acts, lost after it acted, or reaches
//! it twice; the process dies at every write; two runners compete; undoing fails. After each case what the vendors hold is compared with what the
//! ledger says. Unlike the suite over vendors that a test made, this one goes through the real clients and real HTTP.

mod audit;
mod houses;
mod remembered;

use std::collections::BTreeMap;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use emulators::log::LoggedCall;
use emulators::{Fault, Rule};
use futures_util::future::join_all;
use http_client;
use orders::{OrderStatus, Policy};

use crate::orders::database::{Postgres, Stage};
use crate::orders::emulated::audit::{audit, check_untouched};
use crate::orders::emulated::houses::{Cast, Houses, Ware, doubles, writes};
use crate::orders::flow::{FLOWS, Flow, act};
use crate::orders::world::{Death, ProcessLedger};

/// How many cases run side by side: a client that waits for a vendor leaves the processor to others.
const LANES: usize = 6;

/// What goes wrong at which vendor.
type Harm = (usize, Rule);

/// A case: who sells what, what the client does, what goes wrong.
#[derive(Debug, Clone)]
struct Case {
    cast: Cast,
    flow: Flow,
    harms: Vec<Harm>,
    ending: Ending,
}

/// What happens to the process.
#[derive(Debug, Clone, Copy)]
enum Ending {
    /// It lives.
    None,
    /// It dies at a write, and another one takes over when its lease is over.
    Dies(Death),
    /// It hangs in a call until another one has taken over, and goes on then.
    Hangs(usize),
}

/// What a case came to.
struct Outcome {
    calls: Vec<Vec<LoggedCall>>,
    writes: usize,
    status: Option<OrderStatus>,
    told: Vec<String>,
}

/// Where cases are run, and what they share.
struct Suite {
    lanes: Vec<Stage>,
    client: reqwest::Client,
    wares: BTreeMap<u8, Vec<Ware>>,
}

impl Suite {
    async fn on_sqlite() -> Self {
        Self::on((0..LANES).map(|_| Stage::Sqlite).collect()).await
    }

    async fn on_postgres() -> Option<(Self, Postgres)> {
        let server = Postgres::start()?;
        let mut lanes = Vec::new();
        for number in 0..LANES {
            lanes.push(Stage::Lane(server.lane(number).await));
        }
        Some((Self::on(lanes).await, server))
    }

    async fn on(lanes: Vec<Stage>) -> Self {
        let client = http_client::client().expect("a client");
        let mut suite = Self { lanes, client, wares: BTreeMap::new() };
        for cast in Cast::ALL {
            let houses = Houses::open(cast, suite.lanes[0].ledger().await, &suite.client, &[]).await;
            suite.wares.insert(cast as u8, houses.find_wares(cast).await);
        }
        suite
    }

    async fn houses(&self, lane: &Stage, cast: Cast) -> Houses {
        let wares = self.wares.get(&(cast as u8)).expect("wares");
        Houses::open(cast, lane.ledger().await, &self.client, wares).await
    }

    /// Runs one case and audits it.
    async fn run(&self, lane: &Stage, case: &Case) -> Outcome {
        let houses = self.houses(lane, case.cast).await;
        for (vendor, rule) in &case.harms {
            houses.fail(*vendor, rule.clone());
        }
        let world = &houses.world;
        let death = if let Ending::Dies(death) = case.ending { Some(death) } else { None };
        let ledger = ProcessLedger::new(Arc::clone(&world.ledger), death);
        let orders = world.process_on(Arc::clone(&ledger) as Arc<_>);
        let heir = if matches!(case.ending, Ending::None) { orders.clone() } else { world.process() };
        let begun = if let Ending::Hangs(vendor) = case.ending {
            let stage = &houses.benches[vendor].running.stage;
            let first = act(world, &orders, case.flow);
            let second = async {
                stage.hangs().await;
                world.clock.pass(world.rules.lease + Duration::from_secs(1));
                heir.recover().await.expect("the ledger");
                heir.settled().await;
                stage.go_on();
            };
            let mut first = std::pin::pin!(first);
            tokio::select! {
                // Nothing hung: the call was none of this flow.
                begun = &mut first => begun,
                () = second => first.await,
            }
        } else {
            act(world, &orders, case.flow).await
        };
        let mut told = Vec::new();
        let mut status = None;
        match begun {
            None => told = check_untouched(&houses),
            Some(order) => {
                if death.is_some() {
                    let taken = heir.recover().await.expect("the ledger");
                    if taken > 0 {
                        told.push("the dead still own what they own".to_owned());
                    }
                    world.clock.pass(world.rules.lease + Duration::from_secs(1));
                }
                let order = world.finish(&heir, order).await;
                status = Some(order.status());
                told.extend(audit(&houses, &order));
            }
        }
        let writes = ledger.writes.load(SeqCst);
        let told = told.into_iter().map(|line| format!("{line}\n    {case:?}")).collect();
        Outcome { calls: houses.calls(), writes, status, told }
    }

    /// Runs cases side by side. Fails with everything that any of them found; tells how many ended how.
    async fn run_all(&self, cases: Vec<Case>) -> Vec<(Case, Outcome)> {
        let queue = Mutex::new(cases.into_iter());
        let lanes = self.lanes.iter().map(async |lane| {
            let mut done = Vec::new();
            loop {
                let next = queue.lock().expect("the queue").next();
                let Some(case) = next else { return done };
                let outcome = self.run(lane, &case).await;
                done.push((case, outcome));
            }
        });
        let done: Vec<(Case, Outcome)> = join_all(lanes).await.into_iter().flatten().collect();
        let told: Vec<&String> = done.iter().flat_map(|(_, outcome)| &outcome.told).collect();
        let lines: Vec<&str> = told.iter().take(40).map(|line| line.as_str()).collect();
        assert!(told.is_empty(), "{} findings in {} cases:\n{}", told.len(), done.len(), lines.join("\n"));
        done
    }

    /// Every flow of every cast with nothing wrong: which calls it makes, how often it writes.
    async fn plain(&self) -> Vec<(Case, Outcome)> {
        let flows = Cast::ALL.into_iter().flat_map(|cast| FLOWS.map(|flow| (cast, flow)));
        let cases = flows.map(|(cast, flow)| Case { cast, flow, harms: Vec::new(), ending: Ending::None });
        self.run_all(cases.collect()).await
    }

    /// Each call of each flow goes wrong in every way; after a write, so does the call that follows.
    async fn each_call_fails(&self) -> usize {
        let mut cases = Vec::new();
        for (plain, outcome) in &self.plain().await {
            for (vendor, nth, call) in steps(outcome) {
                for fault in faults(call) {
                    let first = (vendor, nth_call(nth, fault.clone()));
                    cases.push(Case { harms: vec![first.clone()], ..plain.clone() });
                    if matches!(fault, Fault::DropBefore | Fault::CommitThenDrop) && writes(call) {
                        let next = (vendor, nth_call(nth + 1, Fault::DropBefore));
                        cases.push(Case { harms: vec![first, next], ..plain.clone() });
                    }
                }
            }
        }
        self.count(cases).await
    }

    /// The process dies before and after each of its writes, with nothing else wrong, and with an answer lost or a sale refused.
    async fn each_write_is_the_last(&self) -> usize {
        let mut troubled = Vec::new();
        for (plain, outcome) in &self.plain().await {
            troubled.push(plain.clone());
            let sales = steps(outcome).into_iter().filter(|(_, _, call)| sells(call));
            let last = sales.clone().max_by_key(|(_, _, call)| call.at);
            for (vendor, nth, _) in sales {
                troubled.push(Case { harms: vec![(vendor, nth_call(nth, Fault::CommitThenDrop))], ..plain.clone() });
            }
            if let Some((vendor, nth, _)) = last {
                troubled.push(Case { harms: vec![(vendor, nth_call(nth, refusal()))], ..plain.clone() });
            }
        }
        let mut cases = Vec::new();
        for (case, outcome) in self.run_all(troubled).await {
            for write in 1..=outcome.writes {
                for death in [Death::Before(write), Death::After(write)] {
                    cases.push(Case { ending: Ending::Dies(death), ..case.clone() });
                }
            }
        }
        self.count(cases).await
    }

    /// The first runner hangs in each write, before and after the vendor acts; a second one takes over; then the first wakes up.
    async fn two_runners_compete(&self) -> usize {
        let mut cases = Vec::new();
        for (plain, outcome) in &self.plain().await {
            if !matches!(plain.flow, Flow::Place(_)) {
                continue;
            }
            for (vendor, nth, _) in steps(outcome).into_iter().filter(|(_, _, call)| writes(call)) {
                for acts in [false, true] {
                    let harms = vec![(vendor, nth_call(nth, Fault::Hang { acts }))];
                    cases.push(Case { harms, ending: Ending::Hangs(vendor), ..plain.clone() });
                }
            }
        }
        self.count(cases).await
    }

    /// A leg is refused, and undoing the others fails: once or for ever, before the vendor acts or after.
    async fn undoing_fails(&self) -> usize {
        let mut cases = Vec::new();
        for (plain, outcome) in &self.plain().await {
            if !matches!(plain.flow, Flow::Place(Policy::AllOrNothing)) {
                continue;
            }
            for (vendor, nth, _) in steps(outcome).into_iter().filter(|(_, _, call)| sells(call)) {
                let refused = (vendor, nth_call(nth, refusal()));
                for undone in (0..UNDOING.len()).filter(|undone| *undone != vendor) {
                    for (fault, times) in undo_faults() {
                        let undoing = UNDOING[undone].iter().map(|(method, path)| Rule {
                            method: Some((*method).to_owned()),
                            times,
                            ..Rule::on(path, fault.clone())
                        });
                        let harms = std::iter::once(refused.clone()).chain(undoing.map(|rule| (undone, rule)));
                        cases.push(Case { harms: harms.collect(), ..plain.clone() });
                    }
                }
            }
        }
        self.count(cases).await
    }

    #[expect(clippy::print_stdout, reason = "how many cases were run is part of the result")]
    async fn count(&self, cases: Vec<Case>) -> usize {
        let done = self.run_all(cases).await;
        let mut ends: BTreeMap<&str, usize> = BTreeMap::new();
        for (_, outcome) in &done {
            *ends.entry(outcome.status.map_or("not in the ledger", OrderStatus::name)).or_default() += 1;
        }
        println!("{} cases: {ends:?}", done.len());
        done.len()
    }
}

/// Every call of a run, as vendor, place and call. None of them is of the planning: the catalogue is remembered.
fn steps(outcome: &Outcome) -> Vec<(usize, usize, &LoggedCall)> {
    let calls = outcome.calls.iter().enumerate();
    calls.flat_map(|(vendor, calls)| calls.iter().enumerate().map(move |(nth, call)| (vendor, nth, call))).collect()
}

/// The calls that undo or give back at each vendor.
const UNDOING: [&[(&str, &str)]; 3] = [
    &[("POST", "/refunds"), ("DELETE", "/reservations/")],
    &[("POST", "cancelOperations"), ("POST", "abandonMovements")],
    &[("POST", "/refunds"), ("DELETE", "/orders/")],
];

/// Whether a call is the one that sells.
fn sells(call: &LoggedCall) -> bool {
    let is_post = call.method == "POST";
    let names = ["/orders/organizations/", "closeOrder", "/payments"];
    let is_free_order = call.target.ends_with("/v3/orders");
    is_post && (names.iter().any(|name| call.target.contains(name) || call.action.contains(name)) || is_free_order)
}

/// A clear no: nothing was done.
fn refusal() -> Fault {
    Fault::Status { status: 400, retry_after: None, body: None }
}

/// What may happen to a call. A call that only reads is the same to its vendor whether the answer is lost or the question.
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

/// What may happen to an undo, and how often.
fn undo_faults() -> Vec<(Fault, Option<u32>)> {
    let faults = [refusal(), Fault::DropBefore, Fault::CommitThenDrop, Fault::Repeat];
    faults.into_iter().flat_map(|fault| [(fault.clone(), Some(1)), (fault, None)]).collect()
}

fn nth_call(nth: usize, fault: Fault) -> Rule {
    Rule { skip: u32::try_from(nth).expect("a small number"), ..Rule::on("/", fault).times(1) }
}

#[tokio::test]
async fn on_sqlite_what_emulated_vendors_hold_is_what_the_ledger_says_after_every_fault() {
    let suite = Suite::on_sqlite().await;
    let (calls, undos) = (suite.each_call_fails().await, suite.undoing_fails().await);
    println!("{calls} cases of calls, {undos} of undos");
    assert!(calls > 300 && undos > 50, "{calls} {undos}");
}

#[tokio::test]
async fn on_sqlite_what_emulated_vendors_hold_is_what_the_ledger_says_after_every_death() {
    let suite = Suite::on_sqlite().await;
    let (deaths, runners) = (suite.each_write_is_the_last().await, suite.two_runners_compete().await);
    println!("{deaths} cases of deaths, {runners} of two runners");
    assert!(deaths > 300 && runners > 30, "{deaths} {runners}");
}

#[tokio::test]
async fn on_postgres_what_emulated_vendors_hold_is_what_the_ledger_says_after_every_fault() {
    let Some((suite, _server)) = Suite::on_postgres().await else { return };
    let (calls, undos) = (suite.each_call_fails().await, suite.undoing_fails().await);
    println!("{calls} cases of calls, {undos} of undos");
    assert!(calls > 300 && undos > 50, "{calls} {undos}");
}

#[tokio::test]
async fn on_postgres_what_emulated_vendors_hold_is_what_the_ledger_says_after_every_death() {
    let Some((suite, _server)) = Suite::on_postgres().await else { return };
    let (deaths, runners) = (suite.each_write_is_the_last().await, suite.two_runners_compete().await);
    println!("{deaths} cases of deaths, {runners} of two runners");
    assert!(deaths > 300 && runners > 30, "{deaths} {runners}");
}
