//! Tests of the search of orders on both databases, and of the index that orders of earlier versions get when the ledger is opened.

use domain::ordering::Contact;
use domain::text::LocalizedText;
use domain::{EventKey, Locale, OrderKey, SourceId};
use jiff::Timestamp;
use jiff::civil::date;
use orders::lease::{LeaseAfterWrite, Precondition};
use orders::store::OrderWrite;
use orders::{Actor, CreateOrder, FulfillmentPolicy, Order, OrderFilter, PageRequest, SearchWords};
use sqlx::Connection as _;

use crate::orders::database::{Postgres, Stage, open, reopen};
use crate::orders::store::draft_order;
use crate::orders::vendor::{KEYED, PLAIN};
use crate::orders::world::{World, storefront};

/// Number of the order in [`searchable_orders`] that most searches are for.
const NUMBER: &str = "VQMZ-TJ2X-67EW";

fn contact(first_name: &str, last_name: &str, email: &str) -> Contact {
    let [first_name, last_name, email] = [first_name, last_name, email].map(str::to_owned);
    Contact { first_name, last_name, email, phone: None, postal_code: None }
}

fn titled(main: &str, french: &str) -> LocalizedText {
    let mut title = LocalizedText::monolingual(main);
    title.translations.insert(Locale::parse("fr").expect("a language"), french.to_owned());
    title
}

/// Writes a copy of an order under a number of its own.
async fn insert(world: &World, template: &Order, number: &str, change: impl FnOnce(&mut Order)) {
    let mut order = Order { key: OrderKey::random(), number: number.to_owned(), version: 1, ..template.clone() };
    for leg in &mut order.legs {
        leg.reference = format!("{number}-{}", leg.number);
    }
    change(&mut order);
    let write = OrderWrite::new(Precondition::New, &order, LeaseAfterWrite::Released);
    world.store.write(&write).await.expect("the order is written");
}

/// Writes the orders that are searched for. The second one belongs to another reseller, the third to none.
async fn searchable_orders(world: &World) {
    let template = draft_order(world).await;
    insert(world, &template, NUMBER, |order| {
        order.contact = Some(contact("Zoë", "Quistgård", "zoe.quist@mail.example.org"));
        order.reseller = Some("tiqets".to_owned());
        order.reseller_reference = Some("TQ-100458".to_owned());
        order.lines[0].event_title = Some(titled("Nutcracker", "Casse-Noisette"));
        order.lines[0].event = EventKey::new("ballet");
        order.lines[0].visit_date = Some(date(2027, 5, 3));
    })
    .await;
    insert(world, &template, "1111-2222-3333", |order| {
        order.contact = Some(contact("Zoe", "Berg", "berg@example.org"));
        order.reseller = Some("musement".to_owned());
        order.lines[0].event_title = Some(titled("Nutcracker", "Casse-Noisette"));
        order.lines[1].event = EventKey::new("ballet");
        order.lines[1].visit_date = Some(date(2027, 6, 10));
    })
    .await;
    insert(world, &template, "4444-5555-6666", |order| {
        order.contact = Some(contact("O_Neil", "100%", "percent%_@example.org"));
        order.lines.iter_mut().for_each(|line| line.visit_date = None);
    })
    .await;
}

async fn numbers(world: &World, actor: &Actor, filter: &OrderFilter) -> Vec<String> {
    let page =
        world.process().list(actor, filter, &PageRequest::newest(None, 1_000)).await.expect("the store responds");
    let total = world.process().count(actor, filter).await.expect("the store responds");
    assert_eq!(u64::try_from(page.orders.len()).ok(), total, "the count is that of the list");
    let mut numbers: Vec<String> = page.orders.into_iter().map(|order| order.number).collect();
    numbers.sort();
    numbers
}

async fn search(world: &World, actor: &Actor, text: &str) -> Vec<String> {
    let search = SearchWords::parse(text).expect("within the limits");
    numbers(world, actor, &OrderFilter { search, ..OrderFilter::default() }).await
}

async fn orders_are_found_by_words(world: &World) {
    let all = storefront();
    for text in [
        NUMBER,
        "vqmztj2x67ew",
        "vqmz-tj",
        "67EW",
        "tq-100458",
        "TQ100458",
        "zoe.quist@mail.example.org",
        "ZOE.QUIST@",
        "mail.example.org",
        "quistgard zoe",
        "Quistgård",
        "QUIST",
        "casse-noisette quist",
        "quist nutcracker",
    ] {
        assert_eq!(search(world, &all, text).await, [NUMBER], "{text}");
    }
    assert_eq!(search(world, &all, "zoë nut").await, ["1111-2222-3333", NUMBER]);
    for text in ["uistg", "zoe.quist@mail.example.com", "quist berg", "cracker", "VQMZ-TJ2X-67EX"] {
        assert!(search(world, &all, text).await.is_empty(), "{text}");
    }
}

async fn metacharacters_match_nothing_else(world: &World) {
    let all = storefront();
    for text in ["%", "_", "*", "%%", "zo%", "z_e", "xx' OR '1'='1", "\u{0}", "\u{10ffff}"] {
        let found = search(world, &all, text).await;
        // Punctuation is skipped: `zo%` is the word `zo`.
        assert_eq!(!found.is_empty(), text == "zo%", "{text:?} {found:?}");
    }
    assert_eq!(search(world, &all, "percent%_@example").await, ["4444-5555-6666"]);
    assert_eq!(search(world, &all, "o_neil 100%").await, ["4444-5555-6666"]);
}

async fn a_reseller_finds_only_its_own_orders(world: &World) {
    let of = |reseller: &str| Actor { caller: "a caller".to_owned(), reseller: Some(reseller.to_owned()) };
    assert_eq!(search(world, &of("tiqets"), "zoe").await, [NUMBER]);
    assert_eq!(search(world, &of("musement"), "zoe").await, ["1111-2222-3333"]);
    for text in [NUMBER, "zoe.quist@mail.example.org", "quist", "tq-100458"] {
        assert!(search(world, &of("musement"), text).await.is_empty(), "{text}");
    }
}

/// Event and day of the visit must be those of one line.
async fn orders_are_found_by_event_and_visit(world: &World) {
    let all = storefront();
    let (a, b) = (world.vendors[0].id.clone(), world.vendors[1].id.clone());
    let ballet = |source: &SourceId| OrderFilter {
        event: Some((source.clone(), EventKey::new("ballet"))),
        ..OrderFilter::default()
    };
    assert_eq!(numbers(world, &all, &ballet(&a)).await, [NUMBER]);
    assert_eq!(numbers(world, &all, &ballet(&b)).await, ["1111-2222-3333"], "of another source");
    let visit = |filter: OrderFilter, from, to| OrderFilter { visit_from: from, visit_to: to, ..filter };
    let (may, june) = (Some(date(2027, 5, 3)), Some(date(2027, 6, 10)));
    let any = OrderFilter::default();
    assert_eq!(numbers(world, &all, &visit(any.clone(), may, june)).await, ["1111-2222-3333", NUMBER]);
    assert_eq!(numbers(world, &all, &visit(any.clone(), may, may)).await, [NUMBER]);
    assert_eq!(numbers(world, &all, &visit(any.clone(), june, None)).await, ["1111-2222-3333"]);
    assert!(numbers(world, &all, &visit(ballet(&a), june, None)).await.is_empty(), "another line is on that day");
    let words = SearchWords::parse("berg").expect("within the limits");
    assert!(numbers(world, &all, &OrderFilter { search: words, ..visit(any, may, may) }).await.is_empty());
}

/// A planned order keeps the title of its event and the day of its visit where the venue is.
async fn a_new_order_is_found_at_once(world: &World) {
    let mut input: CreateOrder = world.input(FulfillmentPolicy::AllOrNothing);
    input.contact = Some(contact("Ångström", "Ńiemand", "new.one@example.org"));
    let created = world.process().create(&storefront(), &input).await.expect("the store responds");
    let order = created.order.expect("an order");
    assert_eq!(order.lines[0].event_title, Some(LocalizedText::monolingual("Visit")));
    assert_eq!(
        order.lines[0].visit_date,
        order.lines[0].starts_at.map(|at| at.to_zoned(jiff::tz::TimeZone::UTC).date())
    );
    assert_eq!(search(world, &storefront(), "angstrom niemand visit").await, std::slice::from_ref(&order.number));
    assert_eq!(world.read(order.key).await, order);
}

async fn check_all(world: &World) {
    searchable_orders(world).await;
    orders_are_found_by_words(world).await;
    metacharacters_match_nothing_else(world).await;
    a_reseller_finds_only_its_own_orders(world).await;
    orders_are_found_by_event_and_visit(world).await;
    a_new_order_is_found_at_once(world).await;
}

#[tokio::test]
async fn orders_are_found_on_sqlite() {
    check_all(&World::new(Stage::Sqlite.ledger().await, &[KEYED, PLAIN])).await;
}

#[tokio::test]
async fn orders_are_found_on_postgres() {
    let Some(server) = Postgres::start() else { return };
    check_all(&World::new(server.ledger().await, &[KEYED, PLAIN])).await;
}

/// State of orders that an earlier version wrote.
const UNINDEX: &str = "DELETE FROM order_search; DELETE FROM order_sort_keys; UPDATE orders SET is_searchable = 0; UPDATE order_lines SET visit_date = NULL, event_title = NULL;";

/// Opening the ledger indexes every order of an earlier version by what was stored, and its visits by the day in UTC.
async fn earlier_orders_are_found(world: &World) {
    assert_eq!(search(world, &storefront(), "quist").await, [NUMBER]);
    assert!(search(world, &storefront(), "nutcracker").await.is_empty(), "the title was not stored by then");
    let start: Timestamp = draft_order(world).await.lines[0].starts_at.expect("a start");
    let day = start.to_zoned(jiff::tz::TimeZone::UTC).date();
    let filter = OrderFilter {
        visit_from: Some(day),
        visit_to: Some(day),
        search: SearchWords::parse("quist").expect("within the limits"),
        ..OrderFilter::default()
    };
    assert_eq!(numbers(world, &storefront(), &filter).await, [NUMBER]);
}

#[tokio::test]
async fn orders_of_earlier_versions_are_found_after_the_ledger_was_opened() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let url = format!("sqlite://{}", folder.path().join("ledger.db").display());
    let mut world = World::new(open(&url).await, &[KEYED, PLAIN]);
    searchable_orders(&world).await;
    let template = draft_order(&world).await;
    for number in 0..600 {
        insert(&world, &template, &format!("AAAA-BBBB-{number:04}"), |_| {}).await;
    }
    world.store = open("sqlite::memory:").await;
    let mut file = sqlx::SqliteConnection::connect(&url).await.expect("the file opens");
    sqlx::raw_sql(UNINDEX).execute(&mut file).await.expect("the statement runs");
    file.close().await.expect("closed");
    world.store = reopen(&url, 7).await;
    earlier_orders_are_found(&world).await;
    for (text, count) in [("aaaabbbb", 600), ("AAAA-BBBB-0", 600), ("AAAA-BBBB-00", 100), ("AAAA-BBBB-000", 10)] {
        assert_eq!(search(&world, &storefront(), text).await.len(), count, "{text}: more than one batch, or a few");
    }
    // Words with many matches, with few, and with none.
    assert_eq!(search(&world, &storefront(), "aaaabbbb 0123").await, ["AAAA-BBBB-0123"]);
    assert_eq!(search(&world, &storefront(), "aaaabbbb ada").await.len(), 600);
    assert!(search(&world, &storefront(), "aaaabbbb quist").await.is_empty());
    assert!(search(&world, &storefront(), "nobody quist").await.is_empty());
    let Some(server) = Postgres::start() else { return };
    let mut world = World::new(server.ledger().await, &[KEYED, PLAIN]);
    searchable_orders(&world).await;
    server.run(UNINDEX).await;
    world.store = server.another().await;
    earlier_orders_are_found(&world).await;
}
