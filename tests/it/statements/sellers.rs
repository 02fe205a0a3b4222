//! Statements of all sellers: direct sales, configured resellers, and resellers that are no longer configured.

use domain::SystemClock;
use proptest::strategy::ValueTree;
use resellers::{Resellers, SellerStatement, seller_statements};

use super::*;

/// Sellers of the random orders, of which `gone` is no longer configured.
const SELLERS: [Option<&str>; 3] = [None, Some("tiqets"), Some("gone")];

async fn read(store: &Arc<dyn OrderStore>, actor: &Actor, days: (&str, &str)) -> Vec<SellerStatement> {
    let configured = Resellers::new(vec![reseller("tiqets"), reseller("digitick")], &[], Arc::new(SystemClock));
    let days = (day(days.0), day(days.1));
    seller_statements(&over(store), actor, Some(&configured), days, &zones()).await.expect("the store responds")
}

fn of_seller<'a>(statements: &'a [SellerStatement], key: Option<&str>) -> &'a [StatementRow] {
    let found: Vec<_> = statements.iter().filter(|statement| statement.key.as_deref() == key).collect();
    assert_eq!(found.len(), 1, "one statement of {key:?}");
    &found[0].rows
}

#[tokio::test]
async fn every_seller_has_its_own_sums_to_the_cent_and_direct_sales_have_no_commission() {
    let store = open("sqlite::memory:").await;
    let mut unknown = simple();
    (unknown.legs[0].confirmed_at, unknown.legs[0].status) = (None, LegStatus::OutcomeUnknown);
    let mut canceled = simple();
    (canceled.lines[0].is_canceled, canceled.legs[0].refunded) = (true, Some(money(3_999, "USD")));
    write_as(&store, &[simple(), canceled], None).await;
    write_as(&store, &[simple(), simple(), simple(), unknown], Some("tiqets")).await;
    write_as(&store, &[simple()], Some("gone")).await;
    let statements = read(&store, &operator(), MARCH).await;
    let keys: Vec<_> = statements.iter().map(|it| (it.key.as_deref(), it.reseller.is_some())).collect();
    assert_eq!(keys, [(None, false), (Some("digitick"), true), (Some("tiqets"), true), (Some("gone"), false)]);
    let sums = |key| {
        let [row] = of_seller(&statements, key) else { panic!("one row of {key:?} in {statements:?}") };
        let amount = |money: Option<Money>| money.map(|money| money.amount);
        (row.orders, row.gross.amount, row.refunded.amount, amount(row.commission), amount(row.net), row.unresolved)
    };
    assert_eq!(sums(None), (2, 8_004, 3_999, None, None, 0));
    assert_eq!(sums(Some("tiqets")), (3, 12_006, 0, Some(1_501), Some(10_505), 1), "12.5 % of 120.06 is 15.0075");
    assert_eq!(sums(Some("gone")), (1, 4_002, 0, None, None, 0));
    assert_eq!(of_seller(&statements, Some("digitick")), []);
    let earlier = read(&store, &operator(), ("2031-02-01", "2031-02-28")).await;
    assert_eq!(
        earlier.iter().map(|it| (it.key.as_deref(), it.rows.len())).collect::<Vec<_>>(),
        [(None, 0), (Some("digitick"), 0), (Some("tiqets"), 0)]
    );
}

#[tokio::test]
async fn a_caller_of_a_reseller_reads_no_sums_of_all() {
    let store = open("sqlite::memory:").await;
    write_as(&store, &[simple()], None).await;
    write_as(&store, &[simple()], Some("tiqets")).await;
    let own = Actor { caller: "tiqets".to_owned(), reseller: Some("tiqets".to_owned()) };
    let statements = read(&store, &own, MARCH).await;
    assert!(statements.iter().all(|statement| statement.rows.is_empty()), "{statements:?}");
}

/// The statement of each seller is that of its orders alone.
async fn sellers_agree(store: &Arc<dyn OrderStore>, sold: &[Vec<Order>; 3]) -> Result<(), TestCaseError> {
    for (seller, orders) in SELLERS.iter().zip(sold) {
        write_as(store, orders, *seller).await;
    }
    for days in [MARCH, ("2031-03-09", "2031-03-10"), ("2031-02-01", "2031-12-31")] {
        let statements = read(store, &operator(), days).await;
        for (seller, orders) in SELLERS.into_iter().zip(sold) {
            let rates = if seller == Some("tiqets") { rates() } else { BTreeMap::new() };
            let expected = oracle::statement(orders, (day(days.0), day(days.1)), &zones(), &rates);
            let found = statements.iter().find(|statement| statement.key.as_deref() == seller);
            prop_assert_eq!(found.map(|it| it.rows.clone()).unwrap_or_default(), expected);
        }
    }
    Ok(())
}

#[test]
fn the_databases_sum_random_orders_of_several_sellers_apart() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let config = ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() };
    let sold = prop::array::uniform3(prop::collection::vec(any_order(), 0..5));
    let mut runner = TestRunner::new(config);
    let run = runner
        .run(&sold, |sold| runtime.block_on(async { sellers_agree(&open("sqlite::memory:").await, &sold).await }));
    run.unwrap_or_else(|error| panic!("{error}"));
    let _inside = runtime.enter();
    let Some(server) = Postgres::start() else { return };
    let sold = prop::array::uniform3(prop::collection::vec(any_order(), 12)).new_tree(&mut runner).expect("orders");
    let agree = runtime.block_on(async { sellers_agree(&server.ledger().await, &sold.current()).await });
    agree.unwrap_or_else(|error| panic!("{error}"));
}
