//! Plan of a run, drawn from its seed alone: what clients buy, and what disturbs them.

use emulators::{Fault, Rule};
use fastrand::Rng;

use crate::process_orders::{SOURCES, VENDORS};

/// Orders between two disturbances, on average.
const ORDERS_PER_DISTURBANCE: usize = 2;
/// One seed in this many runs against vendors that enforce their request limits.
const LIMITED_SEEDS: u64 = 4;

/// All that is random in a run.
#[derive(Debug)]
pub(super) struct Plan {
    pub orders: Vec<OrderPlan>,
    pub disturbances: Vec<PlannedDisturbance>,
    /// True if vendors enforce their request limits.
    pub is_limited: bool,
}

/// One client and its purchase.
#[derive(Debug, Clone)]
pub(super) struct OrderPlan {
    pub number: usize,
    pub lines: Vec<LinePlan>,
    pub policy: &'static str,
    pub flow: Flow,
    /// Sends the first request to two replicas at once.
    pub is_doubled: bool,
    /// Repeats each mutation after its response.
    pub repeats: bool,
    /// Leaves after this time, whatever is running.
    pub leaves_after_ms: Option<u64>,
    /// Comes back after it left, with the same keys.
    pub returns: bool,
    pub cancellation: Option<Cancellation>,
}

/// Line of an order.
#[derive(Debug, Clone)]
pub(super) struct LinePlan {
    /// Index of the source.
    pub source: usize,
    /// Choice among what the source has on sale.
    pub choice: usize,
    pub quantity: i64,
}

/// Way through the states of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flow {
    /// `placeOrder`.
    Place,
    /// `createOrder`, `holdOrder`, `confirmOrder`.
    Confirm,
    /// `createOrder`, `holdOrder`, `releaseOrder`.
    Release,
    /// `createOrder`, `holdOrder`, and nothing more.
    Forget,
}

/// Part of a sold order that its buyer cancels.
#[derive(Debug, Clone, Copy)]
pub(super) enum Cancellation {
    Whole,
    FirstLine,
}

/// Disturbance, and the order before which it begins.
#[derive(Debug)]
pub(super) struct PlannedDisturbance {
    pub before_order: usize,
    pub disturbance: Disturbance,
}

/// Disturbance of vendors, of the service or of what it stores.
#[derive(Debug)]
pub(super) enum Disturbance {
    Faults { vendor: &'static str, rules: Vec<Rule> },
    Outage { vendor: &'static str, ms: u64 },
    Kill { replica: usize, ms: u64 },
    Freeze { replica: usize, ms: u64 },
    KillPostgres { ms: u64 },
    FreezeRedis { ms: u64 },
    KillRedis { ms: u64 },
}

impl Plan {
    /// Draws a plan. The first orders of a seed are the same whatever their number.
    pub(super) fn draw(seed: u64, orders: usize) -> Self {
        let mut rng = Rng::with_seed(seed);
        let mut of_disturbances = rng.fork();
        Self {
            orders: (0..orders).map(|number| draw_order(&mut rng, number)).collect(),
            disturbances: draw_disturbances(&mut of_disturbances, orders),
            is_limited: seed % LIMITED_SEEDS == LIMITED_SEEDS - 1,
        }
    }
}

fn draw_order(rng: &mut Rng, number: usize) -> OrderPlan {
    let count = choose(rng, &[1, 2, 2, 3, 3]);
    let sources = rng.choose_multiple(0..SOURCES.len(), count);
    let mut lines = Vec::new();
    for source in sources {
        for _ in 0..1 + usize::from(one_in(rng, 4)) {
            lines.push(LinePlan { source, choice: rng.usize(..), quantity: rng.i64(1..=3) });
        }
    }
    let flow = match rng.u32(..10) {
        0..5 => Flow::Place,
        5..8 => Flow::Confirm,
        8 => Flow::Release,
        _ => Flow::Forget,
    };
    let cancellation = match rng.u32(..6) {
        0 => Some(Cancellation::Whole),
        1 => Some(Cancellation::FirstLine),
        _ => None,
    };
    OrderPlan {
        number,
        lines,
        policy: if one_in(rng, 3) { "BEST_EFFORT" } else { "ALL_OR_NOTHING" },
        flow,
        is_doubled: one_in(rng, 6),
        repeats: one_in(rng, 4),
        leaves_after_ms: one_in(rng, 5).then(|| rng.u64(1..1_500)),
        returns: rng.bool(),
        cancellation,
    }
}

/// Draws disturbances over the orders. Every run has at least one of each kind that takes a process away.
fn draw_disturbances(rng: &mut Rng, orders: usize) -> Vec<PlannedDisturbance> {
    let mut all = vec![
        PlannedDisturbance { before_order: orders / 4, disturbance: draw_kill(rng) },
        PlannedDisturbance {
            before_order: orders / 2,
            disturbance: Disturbance::KillPostgres { ms: rng.u64(100..2_000) },
        },
        PlannedDisturbance {
            before_order: orders * 3 / 4,
            disturbance: Disturbance::Freeze { replica: rng.usize(..2), ms: rng.u64(1_000..8_000) },
        },
    ];
    for before_order in 0..orders {
        if one_in(rng, ORDERS_PER_DISTURBANCE) {
            all.push(PlannedDisturbance { before_order, disturbance: draw_disturbance(rng) });
        }
    }
    all
}

fn draw_disturbance(rng: &mut Rng) -> Disturbance {
    let vendor = VENDORS[rng.usize(..VENDORS.len())];
    match rng.u32(..100) {
        0..84 => Disturbance::Faults { vendor, rules: (0..rng.usize(1..5)).map(|_| draw_rule(rng, vendor)).collect() },
        84..88 => Disturbance::Outage { vendor, ms: rng.u64(500..6_000) },
        88..92 => draw_kill(rng),
        // The longest freezes outlast the lease of an order, so another replica takes over what the frozen one had begun.
        92..95 => Disturbance::Freeze { replica: rng.usize(..2), ms: rng.u64(1_000..26_000) },
        95..97 => Disturbance::KillPostgres { ms: rng.u64(100..4_000) },
        97 | 98 => Disturbance::FreezeRedis { ms: rng.u64(500..4_000) },
        _ => Disturbance::KillRedis { ms: rng.u64(100..3_000) },
    }
}

fn draw_kill(rng: &mut Rng) -> Disturbance {
    Disturbance::Kill { replica: rng.usize(..2), ms: rng.u64(0..4_000) }
}

/// Draws a fault of a call that books, sells, undoes or reads. SecuTix names its methods in the path (JSON) or in the body (SOAP).
fn draw_rule(rng: &mut Rng, vendor: &'static str) -> Rule {
    let (method, target) = match vendor {
        "acme" => choose(
            rng,
            &[
                (Some("POST"), "/b2b/reservations"),
                (Some("POST"), "/orders/organizations/"),
                (Some("POST"), "/refunds"),
                (Some("DELETE"), "/reservations/"),
                (Some("GET"), "/v2/"),
            ],
        ),
        "secutix" => choose(
            rng,
            &[
                (None, "createOrUpdateOrder"),
                (None, "closeOrder"),
                (None, "abandonMovements"),
                (None, "cancelOperations"),
                (None, "getOrderDetails"),
            ],
        ),
        "octo" => choose(
            rng,
            &[
                (Some("POST"), "/octo/bookings"),
                (Some("POST"), "/confirm"),
                (Some("POST"), "/cancel"),
                (Some("GET"), "/octo/"),
                (Some("POST"), "/octo/availability"),
            ],
        ),
        _ => choose(
            rng,
            &[
                (Some("POST"), "/v3/orders"),
                (Some("POST"), "/payments"),
                (Some("POST"), "/refunds"),
                (Some("DELETE"), "/orders/"),
                (Some("GET"), "/v3/"),
                (Some("POST"), "/accounts"),
            ],
        ),
    };
    let fault = draw_fault(rng, vendor);
    let is_long = matches!(fault, Fault::Delay { ms: 0..1_000 });
    let mut rule = Rule { method: method.map(str::to_owned), skip: rng.u32(..3), ..Rule::for_path(target, fault) };
    if vendor == "secutix" && rng.bool() {
        (rule.path, rule.body) = (None, rule.path);
    }
    rule.times(if is_long { rng.u32(3..12) } else { rng.u32(1..4) })
}

fn draw_fault(rng: &mut Rng, vendor: &str) -> Fault {
    let busy = if vendor == "secutix" { 509 } else { 429 };
    let status = |status, retry_after| Fault::Status { status, retry_after, body: None };
    match rng.u32(..22) {
        0..3 => Fault::Delay { ms: rng.u64(50..1_000) },
        // Longer than an attempt may take, so the vendor acts after the service has given up.
        3..5 => Fault::Delay { ms: rng.u64(2_000..4_000) },
        5..9 => Fault::CommitThenDrop,
        9..11 => Fault::DropBefore,
        11..13 => status(500, None),
        13 => status(503, Some(rng.u64(1..4))),
        14..16 => status(busy, Some(rng.u64(1..4))),
        16..18 => status(400, None),
        18 => Fault::Html502,
        19 => Fault::Truncate,
        20 => Fault::Malformed,
        _ => Fault::Hang { acts: rng.bool() },
    }
}

fn choose<T: Copy>(rng: &mut Rng, all: &[T]) -> T {
    all[rng.usize(..all.len())]
}

fn one_in(rng: &mut Rng, many: usize) -> bool {
    rng.usize(..many) == 0
}

#[test]
fn a_seed_always_gives_the_same_plan_and_the_same_first_orders() {
    let text = |plan: &Plan| format!("{plan:?}");
    assert_eq!(text(&Plan::draw(7, 40)), text(&Plan::draw(7, 40)));
    assert_ne!(text(&Plan::draw(7, 40)), text(&Plan::draw(8, 40)));
    let (few, many) = (Plan::draw(7, 10), Plan::draw(7, 40));
    assert_eq!(format!("{:?}", few.orders), format!("{:?}", &many.orders[..10]));
}
