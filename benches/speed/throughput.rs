//! Orders a second over three vendors of 0 ms without limits, beside the same saga in a durable-execution engine.
//!
//! Everybody sells the same products over emulated vendors of their own, in turns. An order is a plan, holds at three vendors at
//! once, confirmations one after another, and its tickets. `TICKETGRAPH_BENCH_BEFORE` names the binary of an earlier
//! commit: it is measured in the same run, and its figures stand beside ours.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use tokio::time::timeout;

use crate::Effort;
use crate::client::Connection;
use crate::contenders::{Contender, Product, SOURCES};
use crate::table::Table;

/// Environment variable with the path of the binary to compare with.
const BEFORE: &str = "TICKETGRAPH_BENCH_BEFORE";
/// Environment variable with sizes of the connection pool, like `4,8,16`: one more row for each.
const CONNECTIONS: &str = "TICKETGRAPH_BENCH_CONNECTIONS";
/// Concurrent clients.
const CLIENTS: usize = 32;
/// Longest time of an order.
const LIMIT: Duration = Duration::from_secs(60);
/// Names, of which the engine's and that of the first row are baselines.
const ENGINE: &str = "the saga in Restate";
const SQLITE: &str = "SQLite, 1 process";
const POSTGRES: [(&str, usize); 3] =
    [("PostgreSQL, 1 process", 1), ("PostgreSQL, 2 processes", 2), ("PostgreSQL, 4 processes", 4)];

/// The best rounds of a contender.
struct Score {
    contender: Contender,
    /// Orders a second.
    rate: f64,
    /// Processor time of an order in seconds.
    cost: f64,
}

/// Measures all contenders and compares them.
pub(crate) async fn throughput(effort: Effort, table: &mut Table) {
    let mut scores: Vec<Score> = Vec::new();
    for contender in start_all(table).await {
        scores.push(Score { contender, rate: 0.0, cost: f64::INFINITY });
    }
    let mut stock = Vec::new();
    for (source, _) in SOURCES {
        stock.push(scores[0].contender.load_products(source).await);
    }
    let orders = effort.sales;
    for round in 0..=effort.rounds {
        // Each round sells the same at every contender. The first one warms up.
        let sale = draw(&mut stock, if round == 0 { orders / 4 + 1 } else { orders });
        for score in &mut scores {
            let (rate, cost) = sell(&score.contender, round, &sale).await;
            if round > 0 {
                (score.rate, score.cost) = (score.rate.max(rate), score.cost.min(cost));
            }
        }
    }
    report(&scores, orders, table);
}

/// Starts everybody who can be started; a row says who cannot.
async fn start_all(table: &mut Table) -> Vec<Contender> {
    let ours = Path::new(env!("CARGO_BIN_EXE_ticketgraph"));
    let before = std::env::var_os(BEFORE).map(PathBuf::from);
    let mut contenders = Vec::new();
    for (binary, suffix) in [(Some(ours), ""), (before.as_deref(), ", before")] {
        let Some(binary) = binary else { continue };
        contenders.push(Contender::sqlite(binary, &format!("{SQLITE}{suffix}")));
        for (name, replicas) in POSTGRES {
            match Contender::postgres(binary, &format!("{name}{suffix}"), replicas, None) {
                Some(contender) => contenders.push(contender),
                None => {
                    table.row(&format!("orders a second, {name}"), "not measured", "–", "PostgreSQL is not installed")
                }
            }
        }
    }
    let sizes = std::env::var_os(CONNECTIONS).unwrap_or_default();
    for connections in sizes.to_string_lossy().split(',').filter_map(|size| size.parse().ok()) {
        let name = format!("PostgreSQL, 1 process, {connections} connections");
        contenders.extend(Contender::postgres(ours, &name, 1, Some(connections)));
    }
    match Contender::engine(ENGINE).await {
        Some(engine) => contenders.push(engine),
        None => table.row(ENGINE, "not measured", "–", "it is not installed: scripts/npm-install benches/restate"),
    }
    contenders
}

/// Takes the products of this number of orders out of the stock, where most are left.
fn draw(stock: &mut [Vec<Product>], orders: usize) -> Vec<[Product; 3]> {
    let mut take = |place: usize| {
        let best = stock[place].iter_mut().max_by_key(|product| product.left).expect("a product");
        best.left -= 1;
        assert!(best.left >= 0, "{} has too few vacancies for this benchmark", SOURCES[place].0);
        best.clone()
    };
    (0..orders).map(|_| std::array::from_fn(&mut take)).collect()
}

/// Sells orders with all clients at once. Returns orders a second, and the processor time of an order in seconds.
async fn sell(contender: &Contender, round: usize, sale: &[[Product; 3]]) -> (f64, f64) {
    let requests: Vec<Vec<u8>> =
        (0..).zip(sale).map(|(n, line)| contender.request(&format!("{round}-{n}"), line)).collect();
    let next = AtomicUsize::new(0);
    let client = async |client: usize| {
        let mut connection = Connection::open(contender.entry(client)).await;
        while let Some(request) = requests.get(next.fetch_add(1, SeqCst)) {
            let answer = timeout(LIMIT, connection.send(request)).await;
            let answer = answer.unwrap_or_else(|_| panic!("{}: an order takes too long", contender.name));
            let text = String::from_utf8_lossy(&answer.body);
            assert!(text.contains("\"CONFIRMED\""), "{}: {} {text}", contender.name, answer.status);
        }
    };
    let (begun, before) = (Instant::now(), contender.processor());
    join_all((0..CLIENTS).map(client)).await;
    let orders = sale.len() as f64;
    (orders / begun.elapsed().as_secs_f64(), (contender.processor() - before) / orders)
}

fn report(scores: &[Score], orders: usize, table: &mut Table) {
    let find = |name: &str| scores.iter().find(|score| score.contender.name == name);
    let Some(sqlite) = find(SQLITE) else { return };
    let (base, base_name) = find(ENGINE).map_or((sqlite, SQLITE), |engine| (engine, ENGINE));
    for score in scores {
        let name = &score.contender.name;
        let before = find(&format!("{name}, before"));
        let beside = |ratio: f64| format!("; {ratio:.2} of before");
        let rate_beside = before.map_or(String::new(), |before| beside(score.rate / before.rate));
        let cost_beside = before.map_or(String::new(), |before| beside(score.cost / before.cost));
        if !std::ptr::eq(score, base) {
            let note = format!(
                "of {orders} orders by {CLIENTS} clients; {:.2} of {SQLITE}{rate_beside}",
                score.rate / sqlite.rate
            );
            table.row(
                &format!("three-leg orders a second: {name} / {base_name}"),
                format!("{:.2}", score.rate / base.rate),
                "≥ 1",
                note,
            );
            let note = format!("its database included; {:.2} of {SQLITE}{cost_beside}", score.cost / sqlite.cost);
            table.row(
                &format!("processor time of an order: {name} / {base_name}"),
                format!("{:.2}", score.cost / base.cost),
                "≤ 1",
                note,
            );
        }
    }
}
