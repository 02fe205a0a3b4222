//! The scenarios, in the order of the table.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use crate::Effort;
use crate::client::{Connection, LoadResult, load, request};
use crate::orders::orders;
use crate::overload::overload;
use crate::process::{Process, kept, source};
use crate::search::search;
use crate::sockets::idle_subscribers;
use crate::table::Table;
use crate::throughput::throughput;

/// A list of 50 events with ticket types and prices.
const FIELDS: &str = "nodes { id title description startsAt endsAt status ticketTypes { id name description price { retail { amount formatted } } } }";
/// Very short lifetimes, so that every request calls the vendor.
const SHORT_LIVED_CACHE: &str = "[cache.lifetimes.lists]\nmax_age = \"1ms\"\nstale_while_revalidate = \"1ms\"\nstale_if_error = \"1ms\"\n[cache.lifetimes.facts]\nmax_age = \"1ms\"\nstale_while_revalidate = \"1ms\"\nstale_if_error = \"1ms\"\n[edge]\nstale_while_revalidate = \"1ms\"\nstale_if_error = \"1ms\"\n";
/// The id of the source `pier`.
const PAGE_CURSOR: &str = "MXYAcGllcg";
/// Longer than these lifetimes.
const REQUEST_GAP: Duration = Duration::from_millis(2);
/// Lifetimes longer than the run.
pub(crate) const LONG_LIVED_CACHE: &str = "[cache.lifetimes.lists]\nmax_age = \"1h\"\nstale_while_revalidate = \"1h\"\n[cache.lifetimes.facts]\nmax_age = \"1h\"\nstale_while_revalidate = \"1h\"\n";

fn list(alias: &str) -> String {
    format!("{{ {alias}events(first: 50) {{ {FIELDS} }} }}")
}

fn ask(alias: &str, coding: &str) -> Vec<u8> {
    request(&list(alias), "{}", coding)
}

/// A list with unique aliases in its rows, so that no two requests are equal.
fn renamed(alias: &str) -> Vec<u8> {
    let fields = FIELDS.replace("title", &format!("{alias}: title"));
    request(&format!("{{ events(first: 50) {{ {fields} }} }}"), "{}", "identity")
}

/// A list with performances and availability.
fn with_availability(alias: &str) -> Vec<u8> {
    let free = "performances(first: 3) { nodes { id startsAt availability { status vacancies } } }";
    let fields = FIELDS.replace("title", &format!("{alias}: title {free}"));
    request(&format!("{{ events(first: 50) {{ {fields} }} }}"), "{}", "identity")
}

/// A list with a field that the JSON writer does not serve, so that the executor resolves all rows.
fn by_executor(alias: &str) -> Vec<u8> {
    let fields = FIELDS.replace("title", &format!("{alias}: title source {{ health {{ state }} }}"));
    request(&format!("{{ events(first: 50) {{ {fields} }} }}"), "{}", "identity")
}

/// A list of one document whose variables differ from request to request, and whose rows do not.
fn other_variables(number: usize) -> Vec<u8> {
    let fields = FIELDS.replace("title", "title(locale: $locale)");
    let document = format!("query($locale: Locale) {{ events(first: 50) {{ {fields} }} }}");
    request(&document, &format!(r#"{{"locale":"en-x-{number}"}}"#), "identity")
}

/// Two long pages with unique aliases, which cost processor time only.
pub(crate) fn pages(alias: &str) -> Vec<u8> {
    let list = |name: &str| format!("{name}: events(first: 100) {{ {FIELDS} }}");
    request(&format!("{{ {} {} }}", list(&format!("{alias}x")), list(&format!("{alias}y"))), "{}", "identity")
}

/// Runs the named scenarios; all of them if none is named.
pub(crate) async fn run(effort: Effort, words: &[&str]) {
    const NAMES: [&str; 14] = [
        "memory",
        "cold",
        "mix",
        "calls",
        "ids",
        "orders",
        "search",
        "throughput",
        "shared",
        "sick",
        "large",
        "flood",
        "overload",
        "sockets",
    ];
    let mut table = Table::begin();
    let all = !NAMES.iter().any(|name| words.contains(name));
    for name in NAMES.into_iter().filter(|name| all || words.contains(name)) {
        match name {
            "memory" => response_cache(effort, &mut table).await,
            "cold" => cold(effort, &mut table).await,
            "mix" => mix(effort, &mut table).await,
            "calls" => calls(effort, &mut table).await,
            "ids" => many_ids(effort, &mut table).await,
            "orders" => orders(effort, &mut table).await,
            "search" => search(effort, &mut table).await,
            "throughput" => throughput(effort, &mut table).await,
            "shared" => shared(effort, &mut table).await,
            "sick" => sick(effort, &mut table).await,
            "large" => large(effort, &mut table).await,
            "flood" => flood(effort, &mut table).await,
            "overload" => overload(effort, &mut table).await,
            _ => idle_subscribers(effort, &mut table).await,
        }
    }
}

/// Processor time of a process per request, in microseconds: the minimum of all rounds.
struct CpuCost<'a> {
    process: &'a Process,
    best: f64,
}

impl<'a> CpuCost<'a> {
    fn of(process: &'a Process) -> Self {
        Self { process, best: f64::INFINITY }
    }

    async fn round(&mut self, effort: Effort, connections: usize, ask: impl Fn(usize) -> Vec<u8>) -> LoadResult {
        let before = self.process.processor();
        let done = load(self.process.address, connections, effort.span, ask).await;
        let spent = self.process.processor() - before;
        assert_eq!(done.failed, 0, "requests failed");
        self.best = self.best.min(spent * 1e6 / done.answers.max(1) as f64);
        done
    }
}

pub(crate) async fn once(address: SocketAddr, request: &[u8]) -> crate::client::ReceivedResponse {
    Connection::open(address).await.send(request).await
}

fn ratio(found: f64, base: f64) -> String {
    format!("{:.2}", found / base)
}

async fn response_cache(effort: Effort, table: &mut Table) {
    let vendor = Process::role(&["crowd", "100", "0"]);
    let service = Process::service(vendor.address, LONG_LIVED_CACHE);
    for _ in 0..3 {
        once(service.address, &ask("", "identity")).await;
    }
    let idle = service.resident();
    let whole = once(service.address, &ask("", "identity")).await;
    let pressed = once(service.address, &ask("", "br")).await;
    assert!(pressed.head.contains("content-encoding: br"), "{}", pressed.head);
    let folder = TempDir::new().expect("a folder");
    let plain = Process::role(&["plain", &kept(&folder, "whole.json", &whole.body)]);
    let plain_pressed = Process::role(&["plain", &kept(&folder, "whole.br", &pressed.body)]);
    let mut base = CpuCost::of(&plain);
    let (mut base_pressed, mut same) = (CpuCost::of(&plain_pressed), CpuCost::of(&service));
    let uncached =
        Process::service(vendor.address, &format!("{LONG_LIVED_CACHE}[cache]\nresponse_memory = \"1KiB\"\n"));
    once(uncached.address, &ask("", "identity")).await;
    let cost = || CpuCost::of(&service);
    let (mut same_pressed, mut variables, mut inner) = (cost(), cost(), cost());
    let (mut executed, mut again) = (CpuCost::of(&service), CpuCost::of(&uncached));
    for round in 0..effort.rounds {
        base.round(effort, 16, |_| ask("", "identity")).await;
        same.round(effort, 16, |_| ask("", "identity")).await;
        base_pressed.round(effort, 16, |_| ask("", "br")).await;
        same_pressed.round(effort, 16, |_| ask("", "br")).await;
        variables.round(effort, 16, |number| other_variables(round * 10_000_000 + number)).await;
        inner.round(effort, 16, |number| renamed(&format!("i{round}x{number}"))).await;
        executed.round(effort, 16, |number| by_executor(&format!("e{round}x{number}"))).await;
        again.round(effort, 16, |_| ask("", "identity")).await;
    }
    let size = format!("{} bytes; plain handler {:.1} µs of processor", whole.body.len(), base.best);
    table.row("identical query, cached response", ratio(same.best, base.best), "≤ 1.2", size);
    let size = format!("{} bytes of brotli; plain handler {:.1} µs", pressed.body.len(), base_pressed.best);
    table.row(
        "identical query, cached response, compressed",
        ratio(same_pressed.best, base_pressed.best),
        "≤ 1.2",
        size,
    );
    let executed_note = "with a field that the JSON writer does not serve";
    for (name, cost, limit, note) in [
        ("known document, other variables each time", &variables, "≤ 5", "coerced, lowered and serialized each time"),
        ("another document each time", &inner, "≤ 12", "parsed, validated, lowered and serialized each time"),
        ("another document each time, by the executor", &executed, "–", executed_note),
        ("identical query, response cache off", &again, "–", "parsed document and catalog cached"),
    ] {
        table.row(name, ratio(cost.best, base.best), limit, note);
    }
    table.row("resident memory, idle", format!("{idle:.0} MB"), "< 60 MB", "100 events, after three requests");
}

async fn cold(effort: Effort, table: &mut Table) {
    let vendor = Process::role(&["crowd", "50", "0"]);
    let service = Process::service(vendor.address, SHORT_LIVED_CACHE);
    let stock = Process::role(&["stock", &vendor.address.to_string()]);
    let folder = TempDir::new().expect("a folder");
    let body = once(service.address, &ask("", "identity")).await.body;
    let plain = Process::role(&["plain", &kept(&folder, "whole.json", &body)]);
    let (mut base, mut ours, mut theirs) = (CpuCost::of(&plain), CpuCost::of(&service), CpuCost::of(&stock));
    let mut free = CpuCost::of(&service);
    for round in 0..effort.rounds {
        base.round(effort, 16, |_| ask("", "identity")).await;
        free.round(effort, 1, |number| with_availability(&format!("v{round}x{number}"))).await;
        // One client, so that requests are not coalesced.
        ours.round(effort, 1, |number| renamed(&format!("c{round}x{number}"))).await;
        theirs.round(effort, 1, |_| ask("", "identity")).await;
    }
    table.row("cold, batched, vendor of 0 ms", ratio(ours.best, base.best), "≤ 45", "one call a request");
    let note = "as many calls: the list brings what is free along";
    table.row("the same, with performances and what is free", ratio(free.best, base.best), "–", note);
    let note = "async-graphql with its DataLoader, over the same vendor: two calls a request";
    table.row("the same, async-graphql as its book has it", ratio(theirs.best, base.best), "–", note);
}

async fn mix(effort: Effort, table: &mut Table) {
    let vendor = Process::role(&["crowd", "500", "0"]);
    let service = Process::service(vendor.address, LONG_LIVED_CACHE);
    let folder = TempDir::new().expect("a folder");
    let body = once(service.address, &ask("", "identity")).await.body;
    let plain = Process::role(&["plain", &kept(&folder, "whole.json", &body)]);
    let draw = Zipf::new(200 * 50);
    let asked = move |number: usize| {
        let place = draw.at(number);
        let (operation, variables) = (place % 200, place / 200);
        let document =
            format!("query Q{operation}($first: Int!) {{ o{operation}: events(first: $first) {{ {FIELDS} }} }}");
        request(&document, &format!("{{\"first\":{}}}", variables + 1), "identity")
    };
    let (mut base, mut ours) = (CpuCost::of(&plain), CpuCost::of(&service));
    for _ in 0..effort.rounds {
        base.round(effort, 16, |_| ask("", "identity")).await;
        ours.round(effort, 16, &asked).await;
    }
    let note = "against the plain handler with the body of 50 events; the mix sends 1 to 50";
    table.row("200 operations × 50 variables, Zipf", ratio(ours.best, base.best), "report", note);
}

/// Ranks by popularity, drawn identically in every run.
struct Zipf(Vec<f64>);

impl Zipf {
    fn new(places: usize) -> Self {
        let mut sum = 0.0;
        let sums = (1..=places).map(|place| {
            sum += 1.0 / place as f64;
            sum
        });
        Self(sums.collect())
    }

    fn at(&self, number: usize) -> usize {
        let drawn = (number as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 11;
        let share = drawn as f64 / (1u64 << 53) as f64;
        let wanted = share * self.0.last().copied().unwrap_or_default();
        self.0.partition_point(|sum| *sum < wanted)
    }
}

async fn calls(effort: Effort, table: &mut Table) {
    let vendor = Process::role(&["crowd", "50", "20"]);
    // Responses are cached, so a second call would be one that was not shared.
    let service = Process::service(vendor.address, LONG_LIVED_CACHE);
    let before = counted(&vendor).await;
    let same = ask("", "identity");
    // All connect before the first request.
    let mut connections =
        futures_util::future::join_all((0..effort.crowd).map(|_| Connection::open(service.address))).await;
    let answers = futures_util::future::join_all(connections.iter_mut().map(|client| client.send(&same))).await;
    assert!(answers.iter().all(|answer| answer.status == 200));
    let spent = counted(&vendor).await - before;
    let what = format!("{} identical cold requests at once, 20 ms", effort.crowd);
    table.row(&what, format!("{spent} calls"), "1 flight", "the list carries all that is asked: one call is the least");
    let service = Process::service(vendor.address, SHORT_LIVED_CACHE);
    let before = counted(&vendor).await;
    let done = load(service.address, 50, effort.span, |_| ask("", "identity")).await;
    let spent = counted(&vendor).await - before;
    let longest = (effort.span.as_secs_f64() / 0.02).ceil() as usize;
    let note = format!("{} answers; a vendor of 20 ms can be asked {longest} times one after another", done.answers);
    table.row("50 clients, cold, 20 ms", format!("{spent} calls"), "≤ one flight at a time", note);
}

async fn many_ids(effort: Effort, table: &mut Table) {
    let vendor = Process::role(&["crowd", "250", "20"]);
    let service = Process::service(vendor.address, SHORT_LIVED_CACHE);
    let mut ids = Vec::new();
    let mut after = String::new();
    while ids.len() < 250 {
        let document = format!("{{ events(first: 100{after}) {{ nodes {{ id }} pageInfo {{ endCursor }} }} }}");
        let answer = once(service.address, &request(&document, "{}", "identity")).await;
        let response: Value = serde_json::from_slice(&answer.body).expect("JSON");
        let page = &response["data"]["events"];
        ids.extend(page["nodes"].as_array().expect("events").iter().map(|event| event["id"].clone()));
        after = format!(", after: {}", page["pageInfo"]["endCursor"]);
    }
    let named: Vec<Value> = ids.iter().map(|id| serde_json::json!({ "__typename": "Event", "id": id })).collect();
    let variables = serde_json::json!({ "representations": named }).to_string();
    let document = "query($representations: [_Any!]!) { _entities(representations: $representations) { ... on Event { title ticketTypes { name } } } }";
    let asked = request(document, &variables, "identity");
    let mut most = 0;
    for _ in 0..effort.rounds {
        let before = counted(&vendor).await;
        let answer = once(service.address, &asked).await;
        let response: Value = serde_json::from_slice(&answer.body).expect("JSON");
        let found =
            response["data"]["_entities"].as_array().map_or(0, |all| all.iter().filter(|one| !one.is_null()).count());
        assert_eq!(found, 250, "{}", response["errors"]);
        most = most.max(counted(&vendor).await - before);
    }
    table.row("250 ids, a vendor that gives 100 a call", format!("{most} calls"), "3", "asked for as a gateway does");
}

async fn shared(effort: Effort, table: &mut Table) {
    let Some(redis) = Process::redis() else {
        table.row("with Redis", "not measured", "–", "there is no redis-server");
        return;
    };
    let vendor = Process::role(&["crowd", "100", "0"]);
    let settings = format!("{LONG_LIVED_CACHE}[cache]\nredis_url = \"redis://{}\"\n", redis.address);
    let (alone, first) =
        (Process::service(vendor.address, LONG_LIVED_CACHE), Process::service(vendor.address, &settings));
    for service in [&alone, &first] {
        once(service.address, &ask("", "identity")).await;
    }
    let (mut without, mut with) = (CpuCost::of(&alone), CpuCost::of(&first));
    for round in 0..effort.rounds {
        without.round(effort, 16, |number| renamed(&format!("w{round}x{number}"))).await;
        with.round(effort, 16, |number| renamed(&format!("w{round}x{number}"))).await;
    }
    table.row("Redis on, catalog cached", ratio(with.best, without.best), "≈ 1", "against the same without Redis");
    let before = counted(&vendor).await;
    let second = Process::service(vendor.address, &settings);
    once(second.address, &ask("", "identity")).await;
    let spent = counted(&vendor).await - before;
    table.row("a second replica's first answer", format!("{spent} calls"), "0", "its facts are in Redis");
    drop(redis);
    let mut left = CpuCost::of(&first);
    for round in 0..effort.rounds {
        left.round(effort, 16, |number| renamed(&format!("l{round}x{number}"))).await;
    }
    let note = "no request failed; against the same without Redis";
    table.row("Redis killed under the service", ratio(left.best, without.best), "≈ 1", note);
}

async fn sick(effort: Effort, table: &mut Table) {
    let (vendor, other) = (Process::role(&["crowd", "50", "0"]), Process::role(&["crowd", "50", "0"]));
    let service = Process::service(vendor.address, &format!("{SHORT_LIVED_CACHE}{}", source("pier", other.address)));
    once(service.address, &ask("", "identity")).await;
    let mut connection = Connection::open(service.address).await;
    let (mut bad, all) = (0, if effort.rounds == 1 { 100 } else { 2_000 });
    let before = counted(&vendor).await;
    for number in 0..all {
        connection.send(&request(&problems(number), "{}", "identity")).await;
        tokio::time::sleep(REQUEST_GAP).await;
    }
    let healthy = counted(&vendor).await - before;
    control(&vendor, "/fails/20").await;
    let before = counted(&vendor).await;
    for number in 0..all {
        let answer = connection.send(&request(&problems(number), "{}", "identity")).await;
        tokio::time::sleep(REQUEST_GAP).await;
        let response: Value = serde_json::from_slice(&answer.body).expect("JSON");
        let is_fine =
            response.get("errors").is_none() && response["data"]["a"]["problems"].as_array().is_some_and(Vec::is_empty);
        bad += usize::from(!is_fine);
    }
    let extra = (counted(&vendor).await - before) as f64 / healthy as f64 - 1.0;
    table.row(
        "5 % of calls answered 503",
        format!("{bad} errors"),
        "0",
        format!("of {all} requests, one after another"),
    );
    table.row(
        "extra calls at that failing vendor",
        format!("{:.1} %", extra * 100.0),
        "≤ 10 %",
        "against as many of the healthy vendor",
    );
    let both = |number: usize| request(&problems(number), "{}", "identity");
    let healthy_source = |number: usize| {
        let document = format!(
            "query($source: [ID!]) {{ n: events(first: {}, filter: {{ sources: $source }}) {{ totalCount }} }}",
            1 + number % 100
        );
        request(&document, &format!("{{\"source\":[\"{PAGE_CURSOR}\"]}}"), "identity")
    };
    let alive = middle(&mut connection, healthy_source).await;
    drop(vendor);
    middle(&mut connection, both).await;
    let found = format!("{:.1} ms", middle(&mut connection, both).await * 1e3);
    table.row("a dead vendor, its circuit open", found, "< 10 ms", "the middle of 100 requests; reported as a problem");
    let beside = middle(&mut connection, healthy_source).await;
    let note = "how long an answer of the other takes, against before: the middle of 100";
    table.row("a healthy source beside a dead one", ratio(beside, alive), "≈ 1", note);
}

/// Returns the median duration of a hundred requests, in seconds.
async fn middle(connection: &mut Connection, ask: impl Fn(usize) -> Vec<u8>) -> f64 {
    let mut times = Vec::new();
    for number in 0..100 {
        let begun = std::time::Instant::now();
        connection.send(&ask(number)).await;
        times.push(begun.elapsed());
        tokio::time::sleep(REQUEST_GAP).await;
    }
    times.sort_unstable();
    times[times.len() / 2].as_secs_f64()
}

fn problems(number: usize) -> String {
    format!("{{ a: events(first: {}) {{ totalCount problems {{ message }} }} }}", 1 + number % 100)
}

async fn large(effort: Effort, table: &mut Table) {
    let few = Process::role(&["crowd", "100", "0"]);
    let many = Process::role(&["crowd", &effort.many.to_string(), "0"]);
    let (small, big) =
        (Process::service(few.address, LONG_LIVED_CACHE), Process::service(many.address, LONG_LIVED_CACHE));
    for service in [&small, &big] {
        once(service.address, &ask("", "identity")).await;
    }
    let (mut base, mut ours) = (CpuCost::of(&small), CpuCost::of(&big));
    for round in 0..effort.rounds {
        base.round(effort, 8, |number| renamed(&format!("s{round}x{number}"))).await;
        ours.round(effort, 8, |number| renamed(&format!("b{round}x{number}"))).await;
    }
    let what = format!("a page of 50 of {} events instead of 100", effort.many);
    table.row(&what, ratio(ours.best, base.best), "< 1.5", format!("{:.0} MB resident", big.resident()));
}

async fn flood(effort: Effort, table: &mut Table) {
    let vendor = Process::role(&["crowd", "100", "0"]);
    let service =
        Process::service(vendor.address, &format!("{LONG_LIVED_CACHE}[cache]\nresponse_memory = \"32MiB\"\n"));
    once(service.address, &ask("", "identity")).await;
    let idle = service.resident();
    let mut sizes = Vec::new();
    for part in 0..4 {
        let mut connection = Connection::open(service.address).await;
        for number in 0..effort.flood / 4 {
            connection.send(&renamed(&format!("f{part}x{number}"))).await;
        }
        sizes.push(service.resident());
    }
    let found = sizes.iter().map(|size| format!("{size:.0}")).collect::<Vec<_>>().join(", ");
    let note = format!("MB after each quarter of {} distinct queries of 50 events; idle {idle:.0}", effort.flood);
    table.row("a flood of distinct queries", found, "bounded", note);
}

async fn counted(vendor: &Process) -> usize {
    let body = control(vendor, "/calls").await;
    String::from_utf8_lossy(&body).trim().parse().expect("a number")
}

async fn control(vendor: &Process, path: &str) -> Vec<u8> {
    let request = format!("GET {path} HTTP/1.1\r\nhost: bench\r\ncontent-length: 0\r\n\r\n");
    let mut connection = Connection::open(vendor.address).await;
    tokio::time::timeout(Duration::from_secs(5), connection.send(request.as_bytes())).await.expect("in time").body
}
