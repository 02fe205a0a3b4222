//! The ledger's files and dumps contain no barcode, and no reference by which a vendor admits or opens an order.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use domain::OrderKey;
use domain::ordering::Contact;
use orders::{FulfillmentPolicy, Order, OrderLookup, OrderStatus, OrderStore};
use secrecy::ExposeSecret as _;
use sqlx::AssertSqlSafe;

use crate::docs::{blocks, read as read_document};
use crate::orders::database::{Postgres, open, reopen};
use crate::orders::emulated::venues::{BookingStyle, Venues};
use crate::orders::world::storefront;

/// Kinds of references that are secrets at their vendor.
const SECRET_KINDS: [&str; 3] = ["ticketing.ticket", "ticketing.ticket_uri", "secutix.order_secret"];

/// Sells two tickets of each vendor, and returns the order with everything in it that must not be readable.
async fn sell(ledger: std::sync::Arc<dyn OrderStore>) -> (Order, BTreeSet<String>) {
    let client = http_client::ConnectionPools::new(Duration::from_secs(4)).expect("a client");
    let empty = Venues::open(BookingStyle::Held, open("sqlite::memory:").await, &client, &[]).await;
    let lines = empty.find_lines(BookingStyle::Held).await;
    let venues = Venues::open(BookingStyle::Held, ledger, &client, &lines).await;
    let (world, orders) = (&venues.world, venues.world.process());
    let input = world.input(FulfillmentPolicy::AllOrNothing);
    let placed = orders.place(&storefront(), &input).await.expect("the store").order.expect("an order");
    let order = world.run_until_final(&orders, placed.key).await;
    assert_eq!(order.status(), OrderStatus::Confirmed);
    let codes = world.store.load_credentials(order.key).await.expect("the store");
    assert_eq!(codes.len(), 8, "two tickets of four vendors");
    let refs = order.tickets.iter().flat_map(|ticket| &ticket.refs).chain(order.legs.iter().flat_map(|leg| &leg.refs));
    let secrets = refs.filter(|one| SECRET_KINDS.contains(&one.kind.as_str()));
    let secrets: Vec<_> = secrets.collect();
    for kind in SECRET_KINDS {
        assert!(secrets.iter().any(|one| one.kind == kind), "the sale has no {kind}");
    }
    let mut hidden: BTreeSet<String> = secrets.into_iter().map(|one| one.value.clone()).collect();
    hidden.extend(codes.iter().map(|code| code.barcode.value.expose_secret().to_owned()));
    (order, hidden)
}

/// Returns the secrets that these bytes contain.
fn found<'a>(bytes: &[u8], hidden: &'a BTreeSet<String>) -> Vec<&'a str> {
    let is_there = |secret: &&String| bytes.windows(secret.len()).any(|part| part == secret.as_bytes());
    hidden.iter().filter(is_there).map(String::as_str).collect()
}

/// Returns the bytes of all files of a ledger.
fn files(folder: &Path) -> Vec<u8> {
    let files = std::fs::read_dir(folder).expect("the folder");
    files.flat_map(|entry| std::fs::read(entry.expect("a file").path()).expect("bytes")).collect()
}

/// Statements that give an order the form in which the previous version stored it.
fn downgrade(order: &Order) -> Vec<String> {
    let json = |refs: &[domain::ExternalRef]| {
        let pairs: Vec<(&str, &str)> = refs.iter().map(|one| (one.kind.as_str(), one.value.as_str())).collect();
        serde_json::to_string(&pairs).expect("JSON")
    };
    let update = |table: &str, number: usize, refs: &[domain::ExternalRef]| {
        format!(
            "UPDATE {table} SET refs = '{}', refs_key_id = NULL, refs_sealed = NULL WHERE order_key = '{}' AND number = {number}",
            json(refs),
            order.key
        )
    };
    let tickets = order.tickets.iter().enumerate().map(|(number, ticket)| update("tickets", number, &ticket.refs));
    tickets.chain(order.legs.iter().map(|leg| update("legs", leg.number, &leg.refs))).collect()
}

async fn read(ledger: &dyn OrderStore, key: OrderKey) -> Order {
    ledger.find(&OrderLookup::Key(key)).await.expect("the store").expect("the order")
}

#[tokio::test]
async fn the_sqlite_file_contains_no_code_after_a_sale_and_none_of_an_earlier_version() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let url = format!("sqlite://{}", folder.path().join("ledger.db").display());
    let (order, hidden) = sell(open(&url).await).await;
    assert_eq!(found(&files(folder.path()), &hidden), Vec::<&str>::new());

    let ledger = reopen(&url, 7).await;
    let pool = sqlx::SqlitePool::connect(&url).await.expect("the file opens");
    for statement in downgrade(&order) {
        sqlx::query(AssertSqlSafe(statement)).execute(&pool).await.expect("the statement runs");
    }
    // What the previous version overwrote is left in the free pages of the file.
    let remnant = "a serial that was overwritten ".repeat(300);
    let overwrite = format!(
        "PRAGMA user_version = 0; PRAGMA secure_delete = OFF; UPDATE orders SET reseller_reference = '{remnant}'; \
        UPDATE orders SET reseller_reference = NULL; PRAGMA wal_checkpoint(TRUNCATE)"
    );
    let mut connection = pool.acquire().await.expect("a connection");
    sqlx::raw_sql(AssertSqlSafe(overwrite)).execute(&mut *connection).await.expect("the statements run");
    drop(connection);
    assert_eq!(read(ledger.as_ref(), order.key).await, order, "a row of the previous version is read");
    drop(ledger);
    assert!(found(&files(folder.path()), &hidden).len() >= SECRET_KINDS.len(), "nothing is in plaintext");
    let remnants = BTreeSet::from(["a serial that was overwritten".to_owned()]);
    assert_eq!(found(&files(folder.path()), &remnants).len(), 1, "nothing was left behind");
    pool.close().await;

    let ledger = reopen(&url, 7).await;
    assert_eq!(read(ledger.as_ref(), order.key).await, order);
    assert_eq!(found(&files(folder.path()), &hidden), Vec::<&str>::new(), "after an upgrade");
    assert_eq!(found(&files(folder.path()), &remnants), Vec::<&str>::new(), "what was overwritten is left in the file");
}

#[tokio::test]
async fn a_dump_of_postgresql_contains_no_code_after_a_sale_and_none_of_an_earlier_version() {
    let Some(server) = Postgres::start() else { return };
    let (order, hidden) = sell(server.ledger().await).await;
    let dump = server.dump();
    assert!(String::from_utf8_lossy(&dump).contains(&order.number), "the dump contains the order");
    assert_eq!(found(&dump, &hidden), Vec::<&str>::new());

    let pool = sqlx::PgPool::connect(server.url()).await.expect("the server");
    for statement in downgrade(&order) {
        sqlx::query(AssertSqlSafe(statement)).execute(&pool).await.expect("the statement runs");
    }
    assert_eq!(read(server.ledger().await.as_ref(), order.key).await, order, "a row of the previous version is read");
    assert!(found(&server.dump(), &hidden).len() >= SECRET_KINDS.len(), "nothing is in plaintext");
    let replica = server.another().await;
    assert_eq!(read(replica.as_ref(), order.key).await, order);
    assert_eq!(found(&server.dump(), &hidden), Vec::<&str>::new(), "after an upgrade");
}

/// Returns the statements of `docs/security.md` that find orders that are held under the contact of a person, erase a person, and delete
/// an order.
fn documented(number: &str) -> [String; 3] {
    let page = read_document("docs/security.md");
    let scripts = blocks(&page).into_iter().filter(|block| block.is("sql"));
    let scripts: Vec<String> = scripts.map(|block| block.text.replace("ORDER-NUMBER", number)).collect();
    scripts.try_into().expect("three scripts")
}

#[tokio::test]
async fn the_documented_statements_erase_a_person_and_delete_an_order() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let url = format!("sqlite://{}", folder.path().join("ledger.db").display());
    let (order, _) = sell(open(&url).await).await;
    let [find, erase, delete] = documented(&order.number);
    // As stored with the order, and as a word that it is found by.
    let contact = order.contact.as_ref().expect("a contact");
    let word = contact.email.replace(['@', '.'], "");
    let people = BTreeSet::from([contact.email.clone(), contact.last_name.clone(), word]);
    assert_eq!(found(&files(folder.path()), &people).len(), 3, "the ledger does not hold the person at all");
    let pool = sqlx::SqlitePool::connect(&url).await.expect("the file opens");
    let former = Contact { email: "Ada@example.org".to_owned(), ..contact.clone() };
    let former = serde_json::to_string(&former).expect("JSON");
    let held = async || -> Vec<String> {
        sqlx::query_scalar(AssertSqlSafe(find.as_str())).fetch_all(&pool).await.expect("the orders")
    };
    assert_eq!(held().await, Vec::<String>::new(), "nothing is held under the contact");
    let held_under = sqlx::query("UPDATE orders SET hold_contact = $1").bind(former);
    held_under.execute(&pool).await.expect("the statement runs");
    assert_eq!(held().await, [order.number.as_str()]);
    sqlx::raw_sql(AssertSqlSafe(erase)).execute(&pool).await.expect("the statements run");
    sqlx::raw_sql("VACUUM; PRAGMA wal_checkpoint(TRUNCATE)").execute(&pool).await.expect("the statements run");
    assert_eq!((found(&files(folder.path()), &people), held().await), (Vec::<&str>::new(), Vec::new()));
    let ledger = reopen(&url, 7).await;
    let erased = read(ledger.as_ref(), order.key).await;
    assert_eq!((&erased.contact, &erased.tickets), (&None, &order.tickets), "the order is still there");

    sqlx::raw_sql(AssertSqlSafe(delete)).execute(&pool).await.expect("the statements run");
    assert_eq!(ledger.find(&OrderLookup::Key(order.key)).await.expect("the store"), None);
    let tables: Vec<String> = sqlx::query_scalar(
        "SELECT m.name FROM sqlite_master m JOIN pragma_table_info(m.name) c WHERE m.type = 'table' AND c.name = 'order_key'",
    )
    .fetch_all(&pool)
    .await
    .expect("the tables");
    assert!(tables.len() >= 11, "{tables:?}");
    for table in tables {
        let left: i64 = sqlx::query_scalar(AssertSqlSafe(format!("SELECT COUNT(*) FROM {table}")))
            .fetch_one(&pool)
            .await
            .expect("a count");
        assert_eq!(left, 0, "{table} still has rows of the order");
    }
}

#[tokio::test]
async fn the_documented_statements_run_on_postgresql() {
    let Some(server) = Postgres::start() else { return };
    let (order, _) = sell(server.ledger().await).await;
    let pool = sqlx::PgPool::connect(server.url()).await.expect("the server");
    for script in documented(&order.number) {
        sqlx::raw_sql(AssertSqlSafe(script)).execute(&pool).await.expect("the statements run");
    }
    let found = server.ledger().await.find(&OrderLookup::Key(order.key)).await.expect("the store");
    assert_eq!(found, None);
}
