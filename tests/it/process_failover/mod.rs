//! Stores that fail over while the real binary sells at the emulated vendors: PostgreSQL behind a pooler, Redis with sentinels or as a
//! cluster. No order is lost or sold twice.

mod pooler;
mod primary;
mod read_only;
mod redis;
mod redis_faults;
mod relay;
mod shop;

use testkit::{PgBouncer, PostgresServer};

use crate::orders::database::Postgres;

/// Starts a server and a pooler in transaction mode with this many sessions. `None` if one of them is not installed, unless the
/// environment requires it.
#[expect(clippy::print_stderr, reason = "skipped tests are reported")]
fn start_pooled(pool_size: u32) -> Option<(Postgres, PgBouncer)> {
    let postgres = Postgres::start()?;
    match start_pooler(postgres.server(), pool_size) {
        Some(pooler) => Some((postgres, pooler)),
        None => {
            eprintln!("NOT RUN: PgBouncer is not installed");
            None
        }
    }
}

fn start_pooler(server: &PostgresServer, pool_size: u32) -> Option<PgBouncer> {
    let pooler = PgBouncer::start(server, pool_size);
    let is_required = std::env::var_os("TICKETGRAPH_TEST_REQUIRE_POSTGRES").is_some_and(|value| value == "1");
    assert!(pooler.is_some() || !is_required, "TICKETGRAPH_TEST_REQUIRE_POSTGRES=1, but pgbouncer was not found");
    pooler
}

/// Returns the number of orders of a campaign: few, or as the variable says.
fn order_count(few: usize) -> usize {
    let number = std::env::var_os("FAILOVER_ORDERS").and_then(|text| text.to_str()?.parse().ok());
    number.unwrap_or(few)
}
