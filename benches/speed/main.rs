//! The real binary under load, compared with baselines in the same run: its cost to the machine and to the vendors.
//!
//! Every role is a process of its own: the service, a plain handler that sends the same bytes, a vendor. The measure is
//! the processor time of the service per request, as accounted by the kernel, as a ratio, so that load and speed of the
//! machine matter little. `--smoke` only shows that it runs; words choose scenarios: `cargo bench --bench speed --
//! overload sockets`.

mod client;
mod contenders;
mod crowd;
mod engine;
mod orders;
mod overload;
mod plain;
mod process;
mod scenarios;
mod search;
mod sockets;
mod stock;
mod table;
mod throughput;

use std::time::Duration;

/// Amount of measurement.
#[derive(Clone, Copy)]
pub struct Effort {
    /// Time per figure and round.
    pub span: Duration,
    /// Interleaved rounds; the best one counts.
    pub rounds: usize,
    /// Events of the large catalog.
    pub many: usize,
    /// Concurrent identical requests.
    pub crowd: usize,
    /// Distinct documents of the flood.
    pub flood: usize,
    /// Idle subscribers.
    pub subscribers: usize,
    /// Orders per vendor, and across all.
    pub orders: usize,
    /// Orders that are searched.
    pub searched: usize,
    /// Three-leg orders of each contender and round.
    pub sales: usize,
}

const FULL: Effort = Effort {
    span: Duration::from_secs(2),
    rounds: 3,
    many: 10_000,
    crowd: 1000,
    flood: 40_000,
    subscribers: 10_000,
    orders: 41,
    searched: 100_000,
    sales: 400,
};
const SMOKE: Effort = Effort {
    span: Duration::from_millis(150),
    rounds: 1,
    many: 300,
    crowd: 100,
    flood: 300,
    subscribers: 100,
    orders: 2,
    searched: 1_000,
    sales: 6,
};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let effort = if words.contains(&"--smoke") { SMOKE } else { FULL };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        match words.as_slice() {
            ["crowd", events, delay] => crowd::serve(number(events), Duration::from_millis(number(delay) as u64)).await,
            ["plain", file] => plain::serve(std::path::Path::new(file)).await,
            ["stock", vendor] => stock::serve(vendor).await,
            words => scenarios::run(effort, words).await,
        }
    });
}

fn number(text: &str) -> usize {
    text.parse().expect("a number")
}
