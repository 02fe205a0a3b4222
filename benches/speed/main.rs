//! The real binary under load, beside baselines that are measured in the same run: what it costs the machine, and the vendors.
//!
//! Every process is one of its own: the service, a plain handler that sends the same bytes, a vendor. What counts is the processor
//! time that the service takes for a request, by the kernel's account, as a ratio: the machine may be busy, and be another one.
//! `--smoke` only shows that it runs; words choose scenarios: `cargo bench --bench speed -- overload sockets`.

mod client;
mod crowd;
mod orders;
mod overload;
mod plain;
mod process;
mod scenarios;
mod sockets;
mod stock;
mod table;

use std::time::Duration;

/// How much is measured.
#[derive(Clone, Copy)]
pub struct Effort {
    /// For one figure, in one round.
    pub span: Duration,
    /// Rounds, interleaved; the best of each counts.
    pub rounds: usize,
    /// Events of the large catalogue.
    pub many: usize,
    /// Requests at once, where many clients ask the same.
    pub crowd: usize,
    /// Distinct documents of the flood.
    pub flood: usize,
    /// Subscribers that hear nothing.
    pub subscribers: usize,
    /// Orders at each vendor, and at all.
    pub orders: usize,
}

const FULL: Effort = Effort {
    span: Duration::from_secs(2),
    rounds: 3,
    many: 10_000,
    crowd: 1000,
    flood: 40_000,
    subscribers: 10_000,
    orders: 41,
};
const SMOKE: Effort = Effort {
    span: Duration::from_millis(150),
    rounds: 1,
    many: 300,
    crowd: 100,
    flood: 300,
    subscribers: 100,
    orders: 2,
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
