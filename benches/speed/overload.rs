//! Overload: accepted requests stay fast, and the rest is rejected at once.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::Effort;
use crate::client::{Connection, load};
use crate::process::Process;
use crate::scenarios::{LONG_LIVED_CACHE, once, pages};
use crate::table::Table;

/// Multiple of the peak rate.
const TIMES: f64 = 5.0;
/// Longest useful response time.
const IN_TIME: Duration = Duration::from_secs(2);
/// Concurrent clients at the peak: enough that the service never waits for one.
const BUSY: usize = 16;
/// Largest number of concurrent clients during the overload.
const CROWD: usize = 4_000;

/// Requests distinct pages, at the peak rate and beyond it.
pub(crate) async fn overload(effort: Effort, table: &mut Table) {
    let vendor = Process::role(&["crowd", "200", "0"]);
    // The default limit on requests in flight.
    let service = Process::service(vendor.address, &format!("{LONG_LIVED_CACHE}[server]\n"));
    once(service.address, &pages("w")).await;
    let span = effort.span * 2;
    let peak = |name: &'static str| async move {
        let done = load(service.address, BUSY, span, |number| pages(&format!("{name}{number}"))).await;
        assert_eq!(done.failed, 0, "at the peak nothing is refused");
        done.answers as f64 / span.as_secs_f64()
    };
    let before = peak("b").await;
    let storm = run_overload(service.address, before * TIMES, span).await;
    let after = peak("a").await;
    let peak = before.max(after);
    let goodput = storm.good as f64 / span.as_secs_f64();
    let offered = storm.sent as f64 / span.as_secs_f64();
    let note = format!(
        "{offered:.0} a second came, {goodput:.0} were answered in time, {} too late; the peak is {before:.0}, afterwards {after:.0}",
        storm.late
    );
    let what = format!("goodput at {:.1} × the peak", offered / peak);
    table.row(&what, format!("{:.0} %", 100.0 * goodput / peak), "> 80 %", note);
    let (half, most) = (storm.refused_at(0.5), storm.refused_at(0.99));
    let note = format!("{} refusals, each 503 with Retry-After; half of them within {half:.0?}", storm.refusals.len());
    table.row("the rest is refused, 99 of 100 within", format!("{most:.0?}"), "< 500 ms", note);
}

/// Results of an overload run.
#[derive(Default)]
struct OverloadResult {
    sent: usize,
    good: usize,
    late: usize,
    refusals: Vec<Duration>,
}

impl OverloadResult {
    fn refused_at(&self, share: f64) -> Duration {
        let place = (self.refusals.len() as f64 * share) as usize;
        self.refusals.get(place.min(self.refusals.len().saturating_sub(1))).copied().unwrap_or_default()
    }
}

/// Sends requests at a fixed rate, whatever becomes of them, each from the next free client.
async fn run_overload(address: SocketAddr, rate: f64, span: Duration) -> OverloadResult {
    let clients = ((rate * IN_TIME.as_secs_f64()) as usize).clamp(BUSY, CROWD);
    let mut connections = Vec::new();
    for _ in 0..clients {
        connections.push(Connection::open(address).await);
    }
    let begin = Instant::now();
    let all = connections.into_iter().enumerate().map(|(client, mut connection)| async move {
        let mut storm = OverloadResult::default();
        for number in (client..).step_by(clients) {
            let due = begin + Duration::from_secs_f64(number as f64 / rate);
            if due >= begin + span {
                break;
            }
            tokio::time::sleep_until(due.into()).await;
            let sent = Instant::now();
            let answer = connection.send(&pages(&format!("s{number}"))).await;
            let took = sent.elapsed();
            storm.sent += 1;
            match answer.status {
                200 if took <= IN_TIME => storm.good += 1,
                200 => storm.late += 1,
                503 => {
                    assert!(answer.head.contains("retry-after: "), "{}", answer.head);
                    storm.refusals.push(took);
                }
                other => panic!("{other}"),
            }
        }
        storm
    });
    let mut sum = OverloadResult::default();
    for storm in futures_util::future::join_all(all).await {
        sum.sent += storm.sent;
        sum.good += storm.good;
        sum.late += storm.late;
        sum.refusals.extend(storm.refusals);
    }
    sum.refusals.sort_unstable();
    sum
}
