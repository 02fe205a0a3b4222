//! Changes to ten destinations, of which three are hostile, while a sender and PostgreSQL are killed: none is lost, none overtakes an
//! earlier one of its object, and a repetition has the same id.
//!
//! `scripts/soak-webhooks 20000` runs it with more changes. Times are printed, and not compared with a limit.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use change_feed::{ChangeFilter, ChangeKind};
use tempfile::TempDir;
use ticketgraph::graphql::topics::feed::node_id;
use tokio::task::block_in_place;
use tokio::time::{Instant, interval};

use crate::orders::database::Postgres;
use crate::process::Process;
use crate::process_orders::{VENDORS, sandbox_at};
use crate::webhooks::receiver::{Behavior, Received, Receiver};
use crate::webhooks::world::{OPEN, World, operator, performance};

/// Number of changes without the variable `WEBHOOK_CHANGES`.
const FEW: usize = 400;
/// Objects that change.
const OBJECTS: usize = 40;
/// Changes of the phase whose times are measured, and of a second.
const MEASURED: usize = 100;
const PER_SECOND: u64 = 50;
/// Destinations that accept everything.
const HEALTHY: usize = 7;
/// Longest wait for the last message, without and with the variable.
const MAX_WAIT: Duration = Duration::from_secs(120);
const LONG_MAX_WAIT: Duration = Duration::from_secs(1_800);

/// Settings with short times, and the key of the ledger of this process.
const WEBHOOKS: &str =
    "[webhooks]\ntimeout = \"1s\"\ninitial_backoff = \"50ms\"\nmax_backoff = \"2s\"\nlog_entries = 100000\n";
const KEYS: [(&str, &str); 2] = [
    ("c2FuZGJveCBvbmx5LCBuZXZlciBmb3IgcmVhbCB1c2U=", "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc="),
    ("[webhooks]\n", WEBHOOKS),
];

/// A change of the feed as a receiver sees it: position, object and version.
type Entry = (u64, String, u64);

fn configuration(url: &str) -> String {
    let nowhere = VENDORS.map(|name| (name, "http://127.0.0.1:9".to_owned()));
    let mut text = sandbox_at(&BTreeMap::from(nowhere));
    for (usual, ours) in KEYS {
        assert!(text.contains(usual), "{usual}");
        text = text.replace(usual, ours);
    }
    text.replace("[ledger]\n", &format!("[ledger]\nurl = \"{url}\"\n"))
}

fn start(folder: &TempDir) -> Process {
    let process = Process::start(folder, &["serve", "--config", "venues.toml", "--listen", "127.0.0.1:0"]);
    process.address("listening on http://");
    process
}

fn object_name(number: usize) -> String {
    format!("object-{}", number % OBJECTS)
}

fn object_id(number: usize) -> String {
    node_id(&performance(&object_name(number), 1).subject).0
}

/// Appends a change of an object. A change whose acknowledgment was lost may be in the feed twice.
async fn append(world: &World, number: usize) {
    let version = u64::try_from(number / OBJECTS + 1).expect("a number");
    let change = [performance(&object_name(number), version)];
    while world.stores.changes.append(&change).await.is_err() {
        tokio::task::yield_now().await;
    }
}

/// Returns everything of the feed after a position.
async fn feed(world: &World, mut after: u64) -> Vec<Entry> {
    let filter = ChangeFilter { kinds: vec![ChangeKind::Performance], reseller: None };
    let mut entries = Vec::new();
    loop {
        let slice = world.stores.changes.list(after, 1_000, &filter).await.expect("the store");
        assert!(slice.is_current, "every change has a position");
        for (position, change) in slice.lines {
            after = position;
            entries.push((position, node_id(&change.subject).0, change.version));
        }
        if !slice.has_more {
            return entries;
        }
    }
}

fn position(world: &World, received: &Received) -> u64 {
    let cursor = received.body["data"]["cursor"].as_str().expect("a cursor");
    world.stores.changes.decode_cursor(cursor).expect("a cursor of the feed")
}

fn is_ours(received: &Received) -> bool {
    received.body["type"] == "availability.updated"
}

/// Checks what a healthy destination has accepted against the feed. Returns the number of repetitions.
fn check(world: &World, accepted: &[Received], feed: &[Entry]) -> usize {
    let (mut ids, mut last) = (BTreeMap::new(), BTreeMap::new());
    let mut repeated = 0;
    // The service itself records connections.
    let accepted: Vec<&Received> = accepted.iter().filter(|one| is_ours(one)).collect();
    for one in &accepted {
        let at = position(world, one);
        match ids.insert(at, one.id.clone()) {
            Some(before) => {
                assert_eq!(before, one.id, "a repetition has the same id");
                repeated += 1;
            }
            None => {
                let before = last.insert(one.object().to_owned(), at).unwrap_or_default();
                assert!(before < at, "position {at} arrived after {before}: {}", one.object());
            }
        }
    }
    let expected: BTreeMap<u64, (&str, u64)> =
        feed.iter().map(|(at, id, version)| (*at, (id.as_str(), *version))).collect();
    let lost: Vec<_> = expected.keys().filter(|at| !ids.contains_key(at)).collect();
    assert!(lost.is_empty(), "{} of {} are lost: {lost:?}", lost.len(), expected.len());
    assert_eq!(ids.len(), expected.len(), "nothing else arrived");
    assert_eq!(ids.values().collect::<BTreeSet<_>>().len(), ids.len(), "an id of its own each");
    for one in accepted {
        assert_eq!(expected[&position(world, one)], (one.object(), one.version()));
    }
    repeated
}

/// Appends changes at a rate, and prints the time from the commit to the arrival.
#[expect(clippy::print_stdout, reason = "times are read by people")]
async fn measure(world: &World, healthy: &[Receiver]) {
    let mut ticks = interval(Duration::from_millis(1_000 / PER_SECOND));
    let mut committed = Vec::new();
    for number in 0..MEASURED {
        ticks.tick().await;
        append(world, number).await;
        committed.push(Instant::now());
    }
    let (mut times, objects) = (Vec::new(), (0..OBJECTS).map(object_id).collect::<Vec<_>>());
    for receiver in healthy {
        let all = |received: &[Received]| received.iter().filter(|one| is_ours(one)).count() >= MEASURED;
        let received = receiver.wait_within(MAX_WAIT, all).await;
        let all = received.iter().filter_map(|one| {
            let object = objects.iter().position(|object| object == one.object())?;
            let version = usize::try_from(one.version()).ok()?;
            Some(one.at.saturating_duration_since(*committed.get((version - 1) * OBJECTS + object)?))
        });
        times.extend(all);
    }
    times.sort_unstable();
    let at = |percent: usize| times[(times.len() * percent / 100).min(times.len() - 1)].as_millis();
    println!("{} messages at {PER_SECOND} changes a second: p50 {} ms, p99 {} ms", times.len(), at(50), at(99));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_change_is_lost_or_overtaken_while_a_sender_and_the_database_are_killed() {
    let Some(postgres) = Postgres::start() else { return };
    let number = std::env::var_os("WEBHOOK_CHANGES").and_then(|text| text.to_str()?.parse().ok());
    let (changes, max_wait) = (number.unwrap_or(FEW), if number.is_some() { LONG_MAX_WAIT } else { MAX_WAIT });
    let world = World::with(postgres.url(), OPEN, Duration::from_secs(1)).await;
    let folder = TempDir::new().expect("a folder");
    std::fs::write(folder.path().join("venues.toml"), configuration(postgres.url())).expect("a file");
    let mut receivers = Vec::new();
    let hostile = [Behavior::Status(500), Behavior::Status(301), Behavior::Slow(Duration::from_secs(40))];
    for number in 0..HEALTHY + hostile.len() {
        let behavior = if number < HEALTHY { Behavior::Status(204) } else { hostile[number - HEALTHY] };
        let receiver = Receiver::start(behavior).await;
        world.create(&operator(), &format!("destination-{number}"), &receiver.url).await;
        receivers.push(receiver);
    }
    let begin = world.stores.changes.end().await.expect("the store");
    let (mut one, _other) = block_in_place(|| (start(&folder), start(&folder)));
    measure(&world, &receivers[..HEALTHY]).await;
    let begun = Instant::now();
    for number in MEASURED..changes {
        append(&world, number).await;
        if number == MEASURED + (changes - MEASURED) / 3 {
            block_in_place(|| one.kill());
            one = block_in_place(|| start(&folder));
        }
        if number == MEASURED + (changes - MEASURED) * 2 / 3 {
            block_in_place(|| postgres.kill());
            block_in_place(|| postgres.restart());
        }
    }
    let feed = feed(&world, begin).await;
    let mut repeated = 0;
    for receiver in &receivers[..HEALTHY] {
        let all = |received: &[Received]| {
            received.len() >= feed.len()
                && received.iter().filter(|one| is_ours(one)).map(|one| one.id.as_str()).collect::<BTreeSet<_>>().len()
                    >= feed.len()
        };
        repeated += check(&world, &receiver.wait_within(max_wait, all).await, &feed);
    }
    println!("{} changes to {HEALTHY} destinations in {:?}, {repeated} repetitions", feed.len(), begun.elapsed());
    drop(one);
}
