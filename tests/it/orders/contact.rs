//! Orders that are held before their visitor is known.

use domain::LegShape;
use domain::ordering::Contact;
use orders::{
    Actor, CreateOrder, FulfillmentPolicy, Order, OrderFilter, OrderOutcome, OrderStatus, Orders, PageRequest,
    ProblemCode as P, SearchWords, UpdateContact,
};

use store_sql::{CredentialKey, Stores, open_stores};

use crate::default_config::default_store_settings;
use crate::orders::database::{Postgres, Stage};
use crate::orders::vendor::{Fault, KEYED, PLAIN, VendorCall, VendorTraits};
use crate::orders::world::{World, contact, storefront};

const NEEDS_CONTACT: VendorTraits = VendorTraits { needs_contact: true, ..KEYED };

fn tiqets() -> Actor {
    Actor { caller: "tiqets-shop".to_owned(), reseller: Some("tiqets".to_owned()) }
}

fn without_contact(world: &World) -> CreateOrder {
    CreateOrder { contact: None, ..world.input(FulfillmentPolicy::AllOrNothing) }
}

fn visitor(email: &str) -> Contact {
    Contact { email: email.to_owned(), ..contact() }
}

/// Creates an order without a contact and holds it.
async fn held(world: &World, orders: &Orders, actor: &Actor) -> Order {
    let created = orders.create(actor, &without_contact(world)).await.expect("the store");
    let order = created.order.unwrap_or_else(|| panic!("{:?}", created.problems)).key;
    orders.hold(actor, &world.act(order)).await.expect("the store");
    orders.wait_until_idle().await;
    let order = world.read(order).await;
    assert_eq!((order.status(), &order.contact), (OrderStatus::Held, &None));
    order
}

async fn set(world: &World, orders: &Orders, actor: &Actor, order: &Order, email: &str) -> OrderOutcome {
    let update = UpdateContact { action: world.act(order.key), contact: visitor(email) };
    orders.update_contact(actor, &update).await.expect("the store")
}

async fn confirmed(world: &World, orders: &Orders, actor: &Actor, order: &Order) -> Order {
    orders.confirm(actor, &world.act(order.key)).await.expect("the store");
    orders.wait_until_idle().await;
    let order = world.read(order.key).await;
    assert_eq!(order.status(), OrderStatus::Confirmed);
    order
}

fn problems(outcome: &OrderOutcome) -> Vec<(P, String)> {
    outcome.problems.iter().map(|problem| (problem.code, problem.path.join("."))).collect()
}

fn contacts(world: &World, vendor: usize) -> Vec<(VendorCall, Option<String>)> {
    world.vendors[vendor].state.lock().expect("books").contacts.clone()
}

fn email(text: &str) -> Option<String> {
    Some(text.to_owned())
}

/// Opens the stores of both databases, as far as they are installed.
async fn stores(server: Option<&Postgres>) -> Vec<Stores> {
    let mut stores = Vec::new();
    for url in ["sqlite::memory:"].into_iter().chain(server.map(Postgres::url)) {
        let opened = open_stores(url, &[CredentialKey::new([7; 32])], &default_store_settings()).await;
        stores.push(opened.expect("the stores open"));
    }
    stores
}

#[tokio::test]
async fn an_order_is_held_without_a_contact_and_sold_with_the_one_that_follows() {
    let server = Postgres::start();
    for Stores { orders: ledger, .. } in stores(server.as_ref()).await {
        let world = World::new(ledger, &[KEYED, PLAIN]);
        let orders = world.process();
        let order = held(&world, &orders, &storefront()).await;
        let refused = orders.confirm(&storefront(), &world.act(order.key)).await.expect("the store");
        assert_eq!(problems(&refused), [(P::ContactMissing, "input.order".to_owned())]);
        assert_eq!(world.read(order.key).await.version, order.version, "something was written");

        let set = set(&world, &orders, &storefront(), &order, "zoe@example.org").await;
        assert_eq!((problems(&set), set.order.map(|order| order.status())), (vec![], Some(OrderStatus::Held)));
        let sold = confirmed(&world, &orders, &storefront(), &order).await;
        assert_eq!((sold.contact, sold.hold_contact), (Some(visitor("zoe@example.org")), None));
        for vendor in 0..2 {
            let expected = [(VendorCall::Hold, None), (VendorCall::Confirm, email("zoe@example.org"))];
            assert_eq!(contacts(&world, vendor), expected);
        }
    }
}

#[tokio::test]
async fn a_source_that_requires_a_contact_at_the_hold_gets_that_of_the_seller_and_keeps_it() {
    let world = World::new(Stage::Sqlite.ledger().await, &[NEEDS_CONTACT, PLAIN]);
    let orders = world.process();
    // The shop of the operator has no contact.
    let refused = orders.create(&storefront(), &without_contact(&world)).await.expect("the store");
    assert_eq!(problems(&refused), [(P::ContactMissing, "input.contact".to_owned())]);
    assert_eq!(refused.problems[0].source.as_ref(), Some(&world.vendors[0].id));

    let order = held(&world, &orders, &tiqets()).await;
    set(&world, &orders, &tiqets(), &order, "zoe@example.org").await;
    let sold = confirmed(&world, &orders, &tiqets(), &order).await;
    assert_eq!(sold.contact, Some(visitor("zoe@example.org")));
    let seller = email("tiqets@example.org");
    assert_eq!(contacts(&world, 0), [(VendorCall::Hold, seller.clone()), (VendorCall::Confirm, seller)]);
    assert_eq!(contacts(&world, 1), [(VendorCall::Hold, None), (VendorCall::Confirm, email("zoe@example.org"))]);
}

#[tokio::test]
async fn a_source_that_holds_nothing_gets_the_visitor() {
    let traits = VendorTraits { shape: LegShape::ConfirmOnly, ..NEEDS_CONTACT };
    let world = World::new(Stage::Sqlite.ledger().await, &[traits, KEYED]);
    let orders = world.process();
    let created = orders.create(&tiqets(), &without_contact(&world)).await.expect("the store");
    let order = created.order.expect("an order");
    assert_eq!(order.hold_contact, None);
    orders.hold(&tiqets(), &world.act(order.key)).await.expect("the store");
    orders.wait_until_idle().await;
    set(&world, &orders, &tiqets(), &order, "zoe@example.org").await;
    confirmed(&world, &orders, &tiqets(), &order).await;
    assert_eq!(contacts(&world, 0), [(VendorCall::Confirm, email("zoe@example.org"))]);
}

#[tokio::test]
async fn a_contact_that_is_set_before_the_hold_replaces_that_of_the_seller() {
    let world = World::new(Stage::Sqlite.ledger().await, &[NEEDS_CONTACT]);
    let orders = world.process();
    let created = orders.create(&tiqets(), &without_contact(&world)).await.expect("the store");
    let order = created.order.expect("an order");
    assert_eq!(order.hold_contact.as_ref().map(|contact| contact.email.as_str()), Some("tiqets@example.org"));
    set(&world, &orders, &tiqets(), &order, "zoe@example.org").await;
    orders.hold(&tiqets(), &world.act(order.key)).await.expect("the store");
    orders.wait_until_idle().await;
    // Another visitor buys: the source keeps the contact of its hold.
    set(&world, &orders, &tiqets(), &order, "eva@example.org").await;
    let sold = confirmed(&world, &orders, &tiqets(), &order).await;
    assert_eq!((sold.contact, sold.hold_contact), (Some(visitor("eva@example.org")), Some(visitor("zoe@example.org"))));
    let of_hold = email("zoe@example.org");
    assert_eq!(contacts(&world, 0), [(VendorCall::Hold, of_hold.clone()), (VendorCall::Confirm, of_hold)]);
}

#[tokio::test]
async fn nothing_is_placed_without_a_contact() {
    let world = World::new(Stage::Sqlite.ledger().await, &[KEYED]);
    let outcome = world.process().place(&tiqets(), &without_contact(&world)).await.expect("the store");
    assert_eq!((problems(&outcome), outcome.order), (vec![(P::ContactMissing, "input.contact".to_owned())], None));
    assert_eq!(contacts(&world, 0), []);
}

#[tokio::test]
async fn a_contact_is_checked_and_set_once_per_key() {
    let world = World::new(Stage::Sqlite.ledger().await, &[KEYED]);
    let orders = world.process();
    let order = held(&world, &orders, &storefront()).await;
    let invalid = set(&world, &orders, &storefront(), &order, "zoe").await;
    assert_eq!(problems(&invalid), [(P::EmailInvalid, "input.contact.email".to_owned())]);
    let mut update = UpdateContact { action: world.act(order.key), contact: visitor("zoe@example.org") };
    update.action.if_version = Some(order.version + 1);
    let outdated = orders.update_contact(&storefront(), &update).await.expect("the store");
    assert_eq!(problems(&outdated), [(P::VersionOutdated, "input.ifVersion".to_owned())]);
    update.action.if_version = Some(order.version);
    let first = orders.update_contact(&storefront(), &update).await.expect("the store");
    let second = orders.update_contact(&storefront(), &update).await.expect("the store");
    assert_eq!((first.replayed, second.replayed), (false, true));
    let other = UpdateContact { contact: visitor("eva@example.org"), ..update };
    let reused = orders.update_contact(&storefront(), &other).await.expect("the store");
    assert_eq!(problems(&reused), [(P::IdempotencyKeyReused, "input.idempotencyKey".to_owned())]);
    assert_eq!(world.read(order.key).await.contact, Some(visitor("zoe@example.org")));
    let foreign = Actor { caller: "digitick".to_owned(), reseller: Some("digitick".to_owned()) };
    let hidden = set(&world, &orders, &foreign, &order, "eve@example.org").await;
    assert_eq!((problems(&hidden), hidden.order), (vec![(P::OrderNotFound, "input.order".to_owned())], None));
}

#[tokio::test]
async fn a_contact_stays_once_a_source_may_have_it() {
    let world = World::new(Stage::Sqlite.ledger().await, &[PLAIN]);
    let orders = world.process();
    let order = held(&world, &orders, &storefront()).await;
    set(&world, &orders, &storefront(), &order, "zoe@example.org").await;
    // A confirmation that certainly did nothing was sent with the contact all the same.
    world.vendors[0].fail(VendorCall::Confirm, 0, Fault::Refused);
    orders.confirm(&storefront(), &world.act(order.key)).await.expect("the store");
    orders.wait_until_idle().await;
    let late = set(&world, &orders, &storefront(), &order, "eva@example.org").await;
    assert_eq!(problems(&late), [(P::ActionNotAvailable, "input.order".to_owned())]);
    assert_eq!(world.read(order.key).await.contact, Some(visitor("zoe@example.org")));
}

#[tokio::test]
async fn an_order_is_found_by_its_present_contact() {
    let server = Postgres::start();
    for Stores { orders: ledger, search_index, .. } in stores(server.as_ref()).await {
        let world = World::new(ledger, &[KEYED]);
        let orders = world.process();
        let order = held(&world, &orders, &storefront()).await;
        let find = async |word: &str| {
            let search = SearchWords::parse(word).expect("words");
            let filter = OrderFilter { search, ..OrderFilter::default() };
            let page = orders.list(&storefront(), &filter, &PageRequest::newest(None, 10)).await.expect("the store");
            page.orders.len()
        };
        set(&world, &orders, &storefront(), &order, "zoe.former@example.org").await;
        assert_eq!(find("zoe.former@example.org").await, 1);
        set(&world, &orders, &storefront(), &order, "eva.present@example.org").await;
        assert_eq!(find("eva.present@example.org").await, 1, "at once");
        while search_index.index_batch().await.expect("the store") {}
        assert_eq!((find("zoe.former@example.org").await, find("eva.present@example.org").await), (0, 1));
    }
}
