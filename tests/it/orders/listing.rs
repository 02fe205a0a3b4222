//! Tests of lists of orders on both databases: sorting, cursors, sales, counts, and connections of their own.

use std::time::Duration;

use domain::{EventKey, Money, OrderKey, Price, TicketTypeKey};
use futures_util::future::join_all;
use jiff::Timestamp;
use jiff::civil::{Date, date};
use orders::lease::{LeaseAfterWrite, Precondition};
use orders::store::OrderWrite;
use orders::{
    LegStatus, Order, OrderCursor, OrderFilter, OrderSort, OrderStore, PageRequest, SaleFilter, SalesPeriod,
    SearchWords, SortColumn,
};
use sqlx::Connection as _;
use store_sql::{CredentialKey, StoreSettings, open_order_store};

use crate::default_config::default_store_settings;
use crate::orders::database::{Postgres, Stage, open, reopen};
use crate::orders::store::draft_order;
use crate::orders::vendor::{KEYED, PLAIN};
use crate::orders::world::World;

const COLUMNS: [SortColumn; 4] = [SortColumn::Created, SortColumn::Visit, SortColumn::Total, SortColumn::Status];

/// Values of an order that lists are sorted by.
#[derive(Clone, Copy)]
struct Listed {
    number: &'static str,
    created_at: &'static str,
    visit: Option<Date>,
    total: (i64, &'static str),
    is_released: bool,
    reseller: Option<&'static str>,
}

/// Orders with equal values, and with times within one microsecond.
const LISTED: [Listed; 6] = [
    Listed {
        number: "A",
        created_at: "2031-03-10T12:00:00.123456789Z",
        visit: Some(date(2031, 5, 1)),
        total: (500, "EUR"),
        is_released: false,
        reseller: Some("tiqets"),
    },
    Listed {
        number: "B",
        created_at: "2031-03-10T12:00:00.123456100Z",
        visit: Some(date(2031, 4, 1)),
        total: (90, "EUR"),
        is_released: true,
        reseller: Some("tiqets"),
    },
    Listed {
        number: "C",
        created_at: "2031-03-10T12:00:00.123456100Z",
        visit: None,
        total: (1_000, "EUR"),
        is_released: false,
        reseller: None,
    },
    Listed {
        number: "D",
        created_at: "2031-03-10T12:00:00.123457Z",
        visit: Some(date(2031, 4, 1)),
        total: (90, "EUR"),
        is_released: true,
        reseller: Some("musement"),
    },
    Listed {
        number: "E",
        created_at: "2031-03-10T12:00:00Z",
        visit: Some(date(2030, 12, 31)),
        total: (7, "USD"),
        is_released: false,
        reseller: Some("tiqets"),
    },
    Listed {
        number: "F",
        created_at: "2031-03-10T12:00:00.123456789Z",
        visit: None,
        total: (90, "CHF"),
        is_released: true,
        reseller: Some("tiqets"),
    },
];

fn at(text: &str) -> Timestamp {
    text.parse().expect("an instant")
}

async fn insert(store: &dyn OrderStore, template: &Order, number: &str, change: impl FnOnce(&mut Order)) {
    let mut order = Order { key: OrderKey::random(), number: number.to_owned(), version: 1, ..template.clone() };
    for leg in &mut order.legs {
        leg.reference = format!("{number}-{}", leg.number);
    }
    change(&mut order);
    let write = OrderWrite::new(Precondition::New, &order, LeaseAfterWrite::Released);
    store.write(&write).await.expect("the order is written");
}

async fn insert_listed(world: &World) {
    let template = draft_order(world).await;
    for listed in LISTED {
        insert(world.store.as_ref(), &template, listed.number, |order| {
            order.created_at = at(listed.created_at);
            order.reseller = listed.reseller.map(str::to_owned);
            let last = order.lines.len() - 1;
            for (number, line) in order.lines.iter_mut().enumerate() {
                // The first visit is not that of the first line.
                line.visit_date =
                    listed.visit.map(|day| if number == last { day } else { day.tomorrow().expect("a day") });
                let amount = if number == 0 { listed.total.0 } else { 0 };
                line.quantity = 1;
                line.unit_price = Price::from_retail(Money::new(amount, listed.total.1.parse().expect("a currency")));
            }
            if listed.is_released {
                order.legs.iter_mut().for_each(|leg| leg.status = LegStatus::Released);
            }
        })
        .await;
    }
}

/// Reads a list by pages of a size, and returns its numbers.
async fn pages(store: &dyn OrderStore, filter: &OrderFilter, sort: OrderSort, first: usize) -> Vec<String> {
    let (mut numbers, mut after) = (Vec::new(), None);
    loop {
        let page = store.list(filter, &PageRequest { sort, after, first }).await.expect("the store responds");
        numbers.extend(page.orders.iter().map(|order| order.number.clone()));
        after = page.orders.last().map(|order| OrderCursor::of(order, sort.column));
        let text = after.map(|after| after.to_text());
        assert_eq!(text.as_deref().and_then(OrderCursor::parse), after);
        if !page.has_more {
            return numbers;
        }
    }
}

/// Every list has the order of its values, whatever its pages are, and the opposite direction is its reverse.
async fn lists_are_sorted_and_pages_neither_skip_nor_repeat(world: &World) {
    // The draft that the others are copies of has neither their status nor their day of creation.
    let of_day = OrderFilter { created_from: Some(at("2031-03-10T00:00:00Z")), ..OrderFilter::default() };
    let filters = [of_day.clone(), OrderFilter { reseller: Some("tiqets".to_owned()), ..of_day }];
    for (filter, column) in filters.iter().flat_map(|filter| COLUMNS.map(|column| (filter, column))) {
        let sort = |is_descending| OrderSort { column, is_descending };
        let whole = pages(world.store.as_ref(), filter, sort(false), 100).await;
        let is_listed = |listed: &&Listed| filter.reseller.is_none() || filter.reseller.as_deref() == listed.reseller;
        assert_eq!(whole.len(), LISTED.iter().filter(is_listed).count(), "{column:?}");
        let value = |number: &String| {
            let listed = LISTED.iter().find(|listed| listed.number == number).expect("a listed order");
            match column {
                SortColumn::Created => (String::new(), at(listed.created_at).as_nanosecond()),
                SortColumn::Visit => (listed.visit.map(|day| day.to_string()).unwrap_or_default(), 0),
                SortColumn::Total => (listed.total.1.to_owned(), listed.total.0.into()),
                SortColumn::Status => {
                    let status = if listed.is_released { "RELEASED" } else { "DRAFT" };
                    (status.to_owned(), at(listed.created_at).as_nanosecond())
                }
            }
        };
        assert!(whole.is_sorted_by_key(value), "{column:?}: {whole:?}");
        let reversed: Vec<String> = whole.iter().rev().cloned().collect();
        for size in [1, 2, 5] {
            assert_eq!(pages(world.store.as_ref(), filter, sort(false), size).await, whole, "{column:?} by {size}");
            assert_eq!(pages(world.store.as_ref(), filter, sort(true), size).await, reversed, "{column:?} by {size}");
        }
    }
}

/// A sale is that of one leg: its source, its period and its currency.
async fn orders_are_found_by_their_sale_and_ticket_type(world: &World) {
    let template = draft_order(world).await;
    let (a, b) = (template.legs[0].source.clone(), template.legs[1].source.clone());
    let sold_at = "2032-03-10T15:00:00Z";
    insert(world.store.as_ref(), &template, "SOLD", |order| {
        order.legs[0].confirmed_at = Some(at(sold_at));
        order.legs[0].charged = Some(Money::new(5, "USD".parse().expect("a currency")));
        order.legs[1].confirmed_at = Some(at("2032-04-10T15:00:00Z"));
        order.lines[0].event = EventKey::new("ballet");
        order.lines[0].ticket_type = TicketTypeKey::new("child");
    })
    .await;
    let planned = template.lines[1].unit_price.retail.currency;
    let period = SalesPeriod { begin: at(sold_at), end: at("2032-03-10T15:00:01Z") };
    let later = SalesPeriod { begin: at("2032-03-10T15:00:01Z"), end: at("2033-01-01T00:00:00Z") };
    let found = async |periods: Vec<_>, currency: Option<&str>| {
        let currency = currency.map(|code| code.parse().expect("a currency"));
        let sale = Some(SaleFilter { periods, currency });
        let filter = OrderFilter { sale, ..OrderFilter::default() };
        pages(world.store.as_ref(), &filter, OrderSort::default(), 10).await.len()
    };
    assert_eq!(found(vec![(a.clone(), period)], None).await, 1);
    assert_eq!(found(vec![(a.clone(), period)], Some("USD")).await, 1, "the currency that was charged");
    assert_eq!(found(vec![(b.clone(), later)], Some(planned.code())).await, 1, "the currency that was planned");
    assert_eq!(found(vec![(a.clone(), later), (b.clone(), later)], None).await, 1);
    for (source, when, currency) in
        [(&a, later, None), (&b, period, None), (&a, period, Some("CHF")), (&b, later, Some("USD"))]
    {
        assert_eq!(found(vec![(source.clone(), when)], currency).await, 0, "{source} {currency:?}");
    }
    assert_eq!(found(Vec::new(), None).await, 0, "no source, no sale");
    for (source, event, kind, count) in
        [(&a, "ballet", "child", 1), (&a, "ballet", "adult", 0), (&a, "opera", "child", 0), (&b, "ballet", "child", 0)]
    {
        let ticket_type = Some((source.clone(), EventKey::new(event), TicketTypeKey::new(kind)));
        let filter = OrderFilter { ticket_type, ..OrderFilter::default() };
        assert_eq!(pages(world.store.as_ref(), &filter, OrderSort::default(), 10).await.len(), count, "{event} {kind}");
    }
}

async fn check_all(world: &World) {
    insert_listed(world).await;
    lists_are_sorted_and_pages_neither_skip_nor_repeat(world).await;
    orders_are_found_by_their_sale_and_ticket_type(world).await;
}

#[tokio::test]
async fn lists_are_sorted_on_sqlite() {
    check_all(&World::new(Stage::Sqlite.ledger().await, &[KEYED, PLAIN])).await;
}

#[tokio::test]
async fn lists_are_sorted_on_postgres() {
    let Some(server) = Postgres::start() else { return };
    check_all(&World::new(server.ledger().await, &[KEYED, PLAIN])).await;
}

/// Orders that an earlier version wrote have no row by which they are sorted until they are indexed.
#[tokio::test]
async fn orders_of_earlier_versions_are_sorted_after_the_ledger_was_opened() {
    const UNINDEX: &str = "DELETE FROM order_search; DELETE FROM order_sort_keys; UPDATE orders SET is_searchable = 0;";
    let folder = tempfile::tempdir().expect("a temporary folder");
    let url = format!("sqlite://{}", folder.path().join("ledger.db").display());
    let mut world = World::new(open(&url).await, &[KEYED, PLAIN]);
    insert_listed(&world).await;
    world.store = open("sqlite::memory:").await;
    let mut file = sqlx::SqliteConnection::connect(&url).await.expect("the file opens");
    sqlx::raw_sql(UNINDEX).execute(&mut file).await.expect("the statement runs");
    file.close().await.expect("closed");
    world.store = reopen(&url, 7).await;
    lists_are_sorted_and_pages_neither_skip_nor_repeat(&world).await;
    let Some(server) = Postgres::start() else { return };
    let mut world = World::new(server.ledger().await, &[KEYED, PLAIN]);
    insert_listed(&world).await;
    server.run(UNINDEX).await;
    world.store = server.another().await;
    lists_are_sorted_and_pages_neither_skip_nor_repeat(&world).await;
}

async fn open_with(url: &str, settings: StoreSettings) -> std::sync::Arc<dyn OrderStore> {
    open_order_store(url, &[CredentialKey::new([7; 32])], &settings).await.expect("the store opens")
}

/// Lists that wait for the database keep no order waiting for a connection.
#[tokio::test]
async fn orders_are_written_while_every_list_waits() {
    let Some(server) = Postgres::start() else { return };
    let settings = StoreSettings {
        connections: 2,
        report_connections: 1,
        lock_timeout: Duration::from_secs(60),
        statement_timeout: Duration::from_secs(60),
        ..default_store_settings()
    };
    let world = World::new(open_with(server.url(), settings).await, &[KEYED, PLAIN]);
    draft_order(&world).await;
    let mut locking = server.pool().begin().await.expect("a transaction");
    // A draft has no tickets, so that only lists wait for this table.
    sqlx::raw_sql("LOCK TABLE tickets IN ACCESS EXCLUSIVE MODE").execute(&mut *locking).await.expect("a lock");
    let filter = OrderFilter::default();
    let request = PageRequest::newest(None, 10);
    let lists = join_all((0..4).map(|_| world.store.list(&filter, &request)));
    let written = async {
        while waiting_for_locks(&server).await == 0 {
            tokio::task::yield_now().await;
        }
        let written = tokio::time::timeout(Duration::from_secs(4), draft_order(&world)).await;
        locking.rollback().await.expect("released");
        written.expect("the order waits for no list");
    };
    let (lists, ()) = tokio::join!(lists, written);
    assert!(lists.iter().filter(|list| list.is_ok()).count() >= 1, "the list that had the connection");
}

/// Returns the number of sessions that wait for a lock.
pub(crate) async fn waiting_for_locks(server: &Postgres) -> i64 {
    let sql = "SELECT COUNT(*) FROM pg_locks WHERE NOT granted";
    sqlx::query_scalar(sql).fetch_one(server.pool()).await.expect("a count")
}

/// A count that takes too long is given up, and leaves no limit behind on its connection.
#[tokio::test]
async fn a_count_that_takes_too_long_is_given_up() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let url = format!("sqlite://{}", folder.path().join("ledger.db").display());
    let settings =
        StoreSettings { count_timeout: Duration::from_nanos(1), report_connections: 1, ..default_store_settings() };
    let world = World::new(open_with(&url, settings).await, &[KEYED, PLAIN]);
    let template = draft_order(&world).await;
    for number in 0..600 {
        insert(world.store.as_ref(), &template, &format!("N-{number}"), |_| {}).await;
    }
    let filter = OrderFilter { search: SearchWords::parse("n").expect("within the limits"), ..OrderFilter::default() };
    assert_eq!(world.store.count(&filter).await.expect("the store responds"), None.or(Some(0)), "nothing to count");
    let all = OrderFilter { status: vec![orders::OrderStatus::Draft], ..OrderFilter::default() };
    assert_eq!(world.store.count(&all).await.expect("the store responds"), None);
    assert_eq!(pages(world.store.as_ref(), &all, OrderSort::default(), 100).await.len(), 601);
    let Some(server) = Postgres::start() else { return };
    let settings = StoreSettings { count_timeout: Duration::from_millis(100), ..default_store_settings() };
    let world = World::new(open_with(server.url(), settings).await, &[KEYED, PLAIN]);
    draft_order(&world).await;
    let mut locking = server.pool().begin().await.expect("a transaction");
    sqlx::raw_sql("LOCK TABLE orders IN ACCESS EXCLUSIVE MODE").execute(&mut *locking).await.expect("a lock");
    assert_eq!(world.store.count(&OrderFilter::default()).await.expect("the store responds"), None);
    locking.rollback().await.expect("released");
    assert_eq!(world.store.count(&OrderFilter::default()).await.expect("the store responds"), Some(1));
}

/// The index of a reseller's search has its own rows only, so a broad word of others costs it nothing.
#[tokio::test]
async fn the_search_of_a_reseller_reads_its_own_rows_only() {
    let Some(server) = Postgres::start() else { return };
    let world = World::new(server.ledger().await, &[KEYED, PLAIN]);
    let template = draft_order(&world).await;
    for (number, reseller) in [("QQQQ-1", "tiqets"), ("QQQQ-2", "musement")] {
        insert(world.store.as_ref(), &template, number, |order| order.reseller = Some(reseller.to_owned())).await;
    }
    let search = SearchWords::parse("qqqq").expect("within the limits");
    let of = |reseller: &str| OrderFilter {
        search: search.clone(),
        reseller: Some(reseller.to_owned()),
        ..OrderFilter::default()
    };
    let sort = OrderSort::default();
    assert_eq!(pages(world.store.as_ref(), &of("tiqets"), sort, 10).await, ["QQQQ-1"]);
    server.run("UPDATE order_search SET reseller = 'musement' WHERE reseller = 'tiqets'").await;
    assert!(pages(world.store.as_ref(), &of("tiqets"), sort, 10).await.is_empty(), "found by its own rows");
    let all = OrderFilter { search: search.clone(), ..OrderFilter::default() };
    assert_eq!(pages(world.store.as_ref(), &all, sort, 10).await.len(), 2);
}
