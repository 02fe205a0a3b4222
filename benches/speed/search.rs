//! Time of a search among many orders compared with that of the first page of all, at the store itself.
//!
//! A search by an email address must not depend on the number of orders, and no order waits for searches.

use std::sync::Arc;
use std::time::{Duration, Instant};

use domain::ordering::{Contact, DeliveryPreference};
use domain::text::LocalizedText;
use domain::{EventKey, LegShape, Money, OrderKey, PerformanceKey, Price, SourceId, TicketTypeKey};
use futures_util::future::join_all;
use jiff::{SignedDuration, Timestamp};
use orders::lease::{LeaseAfterWrite, Precondition};
use orders::leg::{Leg, LegCapabilities};
use orders::plan::Plan;
use orders::store::OrderWrite;
use orders::{FulfillmentPolicy, Intent, Line, Order, OrderFilter, OrderStore, PageRequest, SearchWords};
use store_sql::{CredentialKey, open_order_store};
use testkit::PostgresServer;
use ticketgraph::app;
use ticketgraph::config::Config;

use crate::Effort;
use crate::table::Table;

/// Orders that are written at once.
const GROUP: usize = 100;
/// Searches of each kind; the middle one counts.
const SEARCHES: usize = 41;
/// Clients who search while orders are written: more than there are connections.
const SEARCHERS: usize = 16;
const NAMES: [&str; 8] = ["Garcia", "Müller", "Smith", "Rossi", "Nguyen", "Dubois", "Novák", "Jensen"];
const TITLES: [&str; 4] = ["Harbor Cruise", "Night at the Opera", "Old Masters", "City Lights Tour"];

/// Measures searches on both databases.
pub(crate) async fn search(effort: Effort, table: &mut Table) {
    let folder = tempfile::tempdir().expect("a folder");
    let file = format!("sqlite://{}", folder.path().join("ledger.db").display());
    search_in("SQLite", &open(&file).await, effort, table).await;
    match PostgresServer::start("-c fsync=off") {
        Some(server) => search_in("PostgreSQL", &open(&server.url()).await, effort, table).await,
        None => table.row("search: PostgreSQL", "not measured", "–", "PostgreSQL is not installed"),
    }
}

async fn open(url: &str) -> Arc<dyn OrderStore> {
    let config = Config::load(None, [], &|_| Ok(String::new()), &app::vendor_config_specs());
    let settings = app::store_settings(&config.expect("the default configuration"));
    open_order_store(url, &[CredentialKey::new([7; 32])], &settings).await.expect("a store")
}

async fn search_in(database: &str, store: &Arc<dyn OrderStore>, effort: Effort, table: &mut Table) {
    let count = effort.searched;
    let started = Instant::now();
    for group in (0..count).step_by(GROUP) {
        join_all((group..count.min(group + GROUP)).map(|number| write(store.as_ref(), number))).await;
    }
    let written = count as f64 / started.elapsed().as_secs_f64();
    let words = |text: &str| OrderFilter { search: SearchWords::parse(text).expect("words"), ..OrderFilter::default() };
    let middle = count / 2;
    let all = time(store.as_ref(), &OrderFilter::default(), count).await;
    let email = time(store.as_ref(), &words(&email_of(middle)), 1).await;
    let number = time(store.as_ref(), &words(&number_of(middle).to_lowercase().replace('-', "")), 1).await;
    let name = time(store.as_ref(), &words("muller opera"), count / 8).await;
    let wide = time(store.as_ref(), &words("smith"), count / 8).await;
    let of_one = |filter: OrderFilter| OrderFilter { reseller: Some("reseller 3".to_owned()), ..filter };
    let reseller = time(store.as_ref(), &of_one(words(&email_of(middle))), usize::from(middle % 20 == 3)).await;
    let broad = time(store.as_ref(), &of_one(words("visitor")), count / 20).await;
    let total = time_count(store.as_ref(), &OrderFilter::default(), count).await;
    let busy = time_writes_beside_searches(store, &words("visitor"), count).await;
    let ms = |time: Duration| format!("{:.2} ms", time.as_secs_f64() * 1_000.0);
    table.row(
        &format!("a search by email among {count} orders / the first page of all: {database}"),
        format!("{:.2}", email.as_secs_f64() / all.as_secs_f64()),
        "≤ 1",
        format!(
            "{}; first page of all {}, its count {}; by number {}; by email for one reseller {}, a word that all orders have for one \
            reseller of twenty {}; name and title {}; a name of one in eight {}; {written:.0} new orders a second; a new order beside \
            {SEARCHERS} clients who search {}",
            ms(email),
            ms(all),
            ms(total),
            ms(number),
            ms(reseller),
            ms(broad),
            ms(name),
            ms(wide),
            ms(busy)
        ),
    );
}

/// Returns the middle time of a first page of 20 orders with its count. `total` is the number of matches.
async fn time(store: &dyn OrderStore, filter: &OrderFilter, total: usize) -> Duration {
    let mut times = Vec::with_capacity(SEARCHES);
    for _ in 0..SEARCHES {
        let started = Instant::now();
        let page = store.list(filter, &PageRequest::newest(None, 20)).await.expect("a page");
        times.push(started.elapsed());
        assert_eq!(page.orders.len(), total.min(20), "the number of matches");
    }
    times.sort_unstable();
    times[SEARCHES / 2]
}

/// Returns the middle time of a count.
async fn time_count(store: &dyn OrderStore, filter: &OrderFilter, total: usize) -> Duration {
    let mut times = Vec::with_capacity(SEARCHES);
    for _ in 0..SEARCHES {
        let started = Instant::now();
        let counted = store.count(filter).await.expect("a count");
        times.push(started.elapsed());
        assert!(counted.is_none_or(|counted| counted == total as u64), "the number of matches");
    }
    times.sort_unstable();
    times[SEARCHES / 2]
}

/// Returns the middle time of a new order while clients search without a pause.
async fn time_writes_beside_searches(store: &Arc<dyn OrderStore>, filter: &OrderFilter, count: usize) -> Duration {
    let mut searching = tokio::task::JoinSet::new();
    for _ in 0..SEARCHERS {
        let (store, filter) = (Arc::clone(store), filter.clone());
        searching.spawn(async move {
            loop {
                // A search that gets no connection in time fails; the next one waits again.
                let _ = store.list(&filter, &PageRequest::newest(None, 20)).await;
                let _ = store.count(&filter).await;
            }
        });
    }
    let mut times = Vec::with_capacity(SEARCHES);
    for number in count..count + SEARCHES {
        let started = Instant::now();
        write(store.as_ref(), number).await;
        times.push(started.elapsed());
    }
    times.sort_unstable();
    times[SEARCHES / 2]
}

fn email_of(number: usize) -> String {
    format!("visitor{number}@mail{}.example.org", number % 7)
}

fn number_of(number: usize) -> String {
    let digits = format!("{:012X}", (number as u64).wrapping_mul(0x9E37_79B9_7F4A) & 0xFFFF_FFFF_FFFF);
    format!("{}-{}-{}", &digits[..4], &digits[4..8], &digits[8..])
}

async fn write(store: &dyn OrderStore, number: usize) {
    let order = order(number);
    let write = OrderWrite::new(Precondition::New, &order, LeaseAfterWrite::Released);
    store.write(&write).await.expect("written");
}

fn order(number: usize) -> Order {
    let created_at = Timestamp::UNIX_EPOCH + SignedDuration::from_secs(1_700_000_000 + number as i64);
    let name = NAMES[number % NAMES.len()];
    Order {
        key: OrderKey::random(),
        number: number_of(number),
        version: 1,
        caller: "bench".to_owned(),
        reseller: Some(format!("reseller {}", number % 20)),
        reseller_reference: Some(format!("TQ-{number:07}")),
        policy: FulfillmentPolicy::AllOrNothing,
        is_test: true,
        contact: Some(Contact {
            first_name: format!("Visitor{number}"),
            last_name: name.to_owned(),
            email: email_of(number),
            phone: None,
            postal_code: None,
        }),
        hold_contact: None,
        locale: None,
        delivery: DeliveryPreference::Barcode,
        replaces: None,
        replaced_by: None,
        intent: Intent::None,
        is_placed: false,
        plan: Plan::empty(),
        lines: vec![line(number, created_at)],
        legs: vec![leg(number)],
        notes: Vec::new(),
        tickets: Vec::new(),
        created_at,
        updated_at: created_at,
    }
}

fn line(number: usize, created_at: Timestamp) -> Line {
    let starts_at = created_at + SignedDuration::from_hours(24 * (number % 90) as i64);
    Line {
        leg: 0,
        event: EventKey::new(format!("event {}", number % 200)),
        event_title: Some(LocalizedText::monolingual(TITLES[number % TITLES.len()])),
        performance: PerformanceKey::new(format!("performance {}", number % 2_000)),
        ticket_type: TicketTypeKey::new("adult"),
        quantity: 2,
        unit_price: Price::from_retail(Money::new(2_500, "EUR".parse().expect("a currency"))),
        starts_at: Some(starts_at),
        visit_date: Some(starts_at.to_zoned(jiff::tz::TimeZone::UTC).date()),
        cutoff_at: None,
        is_canceled: false,
    }
}

fn leg(number: usize) -> Leg {
    let capabilities = LegCapabilities {
        holds_seats: false,
        needs_contact_at_hold: false,
        shape: LegShape::HoldThenConfirm,
        has_undo: true,
        undo_is_proven: true,
        cancels_in_part: true,
        extends_holds: false,
        honors_keys: false,
        slow_confirm: Duration::from_secs(1),
        hold_ttl: Duration::from_secs(600),
        cancel_until: None,
        cancel_fee: 0,
    };
    Leg::new(0, SourceId::new("harbor"), format!("{}-1", number_of(number)), capabilities)
}
