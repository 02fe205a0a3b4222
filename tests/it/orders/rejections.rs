//! Rejections before booking: each problem has the path of its input, and no vendor is called.

use domain::ordering::SettlementRefusal;
use domain::{AvailabilityStatus, Environment, EventKey, EventStatus, LegShape, Money, SourceId, TicketTypeKey};
use orders::{
    Actor, CreateOrder, FulfillmentPolicy, LocalChangeBus, Orders, OrdersDependencies, Problem, ProblemCode as P,
    ProblemDetail,
};

use crate::orders::database::Stage;
use crate::orders::vendor::{FINAL, KEYED, PLAIN, Vendor, VendorTraits, key};
use crate::orders::world::{TestResellers, World, storefront};

/// Places a modified order and asserts that nothing was booked.
async fn rejected(traits: &[VendorTraits], modify: impl FnOnce(&World, &mut CreateOrder)) -> Vec<Problem> {
    let world = World::new(Stage::Sqlite.ledger().await, traits);
    let mut input = world.input(FulfillmentPolicy::AllOrNothing);
    modify(&world, &mut input);
    let outcome = world.process().place(&storefront(), &input).await.expect("the store");
    assert_eq!(outcome.order, None, "{:?}", outcome.problems);
    assert_eq!(world.store.feed_end().await.expect("the store"), 0, "something was written");
    let received_nothing = |vendor: &std::sync::Arc<Vendor>| vendor.state.lock().expect("books").calls.is_empty();
    assert!(world.vendors.iter().all(received_nothing), "a vendor was called for a rejected order");
    outcome.problems
}

fn codes_and_paths(problems: &[Problem]) -> Vec<(P, String)> {
    problems.iter().map(|problem| (problem.code, problem.path.join("."))).collect()
}

fn one(code: P, path: &str) -> Vec<(P, String)> {
    vec![(code, path.to_owned())]
}

#[tokio::test]
async fn invalid_input_is_rejected_with_its_path() {
    type Modify = fn(&World, &mut CreateOrder);
    let table: [(Modify, P, &str); 13] = [
        (|_, input| input.lines.clear(), P::NoLines, "input.lines"),
        (|_, input| input.lines = vec![input.lines[0].clone(); 51], P::TooManyLines, "input.lines"),
        (|_, input| input.lines[0].quantity = 0, P::QuantityInvalid, "input.lines.0.quantity"),
        (|_, input| input.lines[0].quantity = -1, P::QuantityInvalid, "input.lines.0.quantity"),
        (|_, input| input.lines[0].quantity = 51, P::LimitExceeded, "input.lines.0.quantity"),
        (|_, input| input.contact.as_mut().expect("a contact").email.clear(), P::EmailInvalid, "input.contact.email"),
        (
            |_, input| input.contact.as_mut().expect("a contact").last_name = " ".to_owned(),
            P::ContactIncomplete,
            "input.contact.lastName",
        ),
        (|_, input| input.key.clear(), P::IdempotencyKeyInvalid, "input.idempotencyKey"),
        (|_, input| input.key = "k".repeat(129), P::IdempotencyKeyInvalid, "input.idempotencyKey"),
        (|_, input| input.reseller_reference = Some("r".repeat(256)), P::TextTooLong, "input.resellerReference"),
        (|_, input| input.reseller = Some("nobody".to_owned()), P::UnknownReseller, "input.reseller"),
        (
            |_, input| input.lines[0].ticket_type_source = SourceId::new("b"),
            P::TicketTypeOfAnotherSource,
            "input.lines.0.ticketType",
        ),
        (|_, input| input.lines[0].performance = key("gone"), P::UnknownPerformance, "input.lines.0.performance"),
    ];
    for (modify, code, path) in table {
        assert_eq!(codes_and_paths(&rejected(&[KEYED], modify).await), one(code, path));
    }
}

#[tokio::test]
async fn lines_that_are_not_on_sale_are_rejected() {
    type Modify = fn(&World, &mut CreateOrder);
    let table: [(Modify, P, &str); 9] = [
        (
            |_, input| input.lines[0].ticket_type = TicketTypeKey::new("senior"),
            P::UnknownTicketType,
            "input.lines.0.ticketType",
        ),
        (
            |_, input| input.lines[0].ticket_type_event = EventKey::new("another visit"),
            P::UnknownTicketType,
            "input.lines.0.ticketType",
        ),
        (|world, _| catalog(world).status = AvailabilityStatus::SoldOut, P::NotAvailable, "input.lines.0.quantity"),
        (|world, _| catalog(world).status = AvailabilityStatus::Closed, P::NotOnSale, "input.lines.0.performance"),
        (|world, _| catalog(world).event_status = EventStatus::Cancelled, P::NotOnSale, "input.lines.0.performance"),
        (|world, _| catalog(world).vacancies = Some(1), P::NotAvailable, "input.lines.0.quantity"),
        (|world, _| catalog(world).max_per_order = Some(1), P::LimitExceeded, "input.lines.0.quantity"),
        (|world, _| catalog(world).is_down = true, P::SourceUnavailable, "input.lines.0.performance"),
        (
            |world, _| catalog(world).status = AvailabilityStatus::Unknown,
            P::SourceUnavailable,
            "input.lines.0.performance",
        ),
    ];
    for (modify, code, path) in table {
        assert_eq!(codes_and_paths(&rejected(&[KEYED], modify).await), one(code, path));
    }
}

fn catalog(world: &World) -> std::sync::MutexGuard<'_, crate::orders::vendor::CatalogState> {
    world.vendors[0].catalog.lock().expect("catalog")
}

#[tokio::test]
async fn lines_for_the_same_ticket_type_count_together() {
    let problems = rejected(&[KEYED], |world, input| {
        catalog(world).vacancies = Some(3);
        input.lines.push(input.lines[0].clone());
    })
    .await;
    let codes: Vec<P> = problems.iter().map(|problem| problem.code).collect();
    assert_eq!(codes, [P::NotAvailable, P::NotAvailable]);
    assert_eq!(
        problems[0].detail,
        Some(ProblemDetail::Remaining { performance: Some(key("show 1")), remaining: Some(3), wanted: 2 })
    );
}

#[tokio::test]
async fn an_unexpected_price_is_reported_with_both_amounts() {
    let eur = |amount| Money::new(amount, "EUR".parse().expect("a currency"));
    let problems = rejected(&[KEYED], |_, input| input.lines[0].expected_unit_price = Some(eur(2000))).await;
    assert_eq!(codes_and_paths(&problems), one(P::PriceChanged, "input.lines.0.expectedUnitPrice"));
    assert_eq!(problems[0].detail, Some(ProblemDetail::Price { was: eur(2000), now: eur(2500) }));
}

#[tokio::test]
async fn an_unsupported_settlement_is_rejected_before_any_hold() {
    let table = [
        (SettlementRefusal::NoInstrument { setting: "settlement" }, P::SettlementUnsupported),
        (SettlementRefusal::NoAccount { setting: None }, P::SettlementUnsupported),
        (SettlementRefusal::UnsupportedDelivery, P::UnsupportedBySource),
    ];
    for (refusal, code) in table {
        let problems = rejected(&[KEYED, KEYED], |world, _| catalog(world).refuses = Some(refusal)).await;
        assert_eq!(codes_and_paths(&problems), one(code, ""));
        assert_eq!((problems[0].leg, problems[0].source.as_ref().map(SourceId::as_str)), (Some(0), Some("a")));
    }
    // Digitick has no account at the first source.
    let problems = rejected(&[KEYED, KEYED], |_, input| input.reseller = Some("digitick".to_owned())).await;
    assert_eq!((problems.len(), problems[0].code, problems[0].leg), (1, P::SettlementUnsupported, Some(0)));
}

#[tokio::test]
async fn all_or_nothing_is_rejected_for_two_legs_without_hold_and_cancellation() {
    let problems = rejected(&[FINAL, FINAL], |_, _| ()).await;
    let codes: Vec<P> = problems.iter().map(|problem| problem.code).collect();
    assert_eq!(codes, [P::NotCombinable, P::NotCombinable]);
}

#[tokio::test]
async fn sandbox_and_live_sources_are_never_mixed() {
    let world = World::new(Stage::Sqlite.ledger().await, &[KEYED, PLAIN]);
    let process = |first: Environment, second: Environment| {
        Orders::new(OrdersDependencies {
            sources: vec![world.vendors[0].source(first), world.vendors[1].source(second)],
            store: std::sync::Arc::clone(&world.store),
            bus: std::sync::Arc::new(LocalChangeBus::default()),
            clock: std::sync::Arc::clone(&world.clock) as _,
            accounts: std::sync::Arc::new(TestResellers),
            settings: world.settings.clone(),
        })
    };
    use Environment::{Live, Sandbox};
    let table = [
        ((Live, Sandbox), false, Err(P::TestAndLiveMixed)),
        ((Live, Live), true, Err(P::TestAndLiveMixed)),
        ((Live, Live), false, Ok(false)),
        ((Sandbox, Sandbox), false, Ok(true)),
        ((Sandbox, Sandbox), true, Ok(true)),
    ];
    for ((first, second), is_test, wanted) in table {
        let mut input = world.input(FulfillmentPolicy::AllOrNothing);
        input.is_test = is_test;
        let outcome = process(first, second).create(&storefront(), &input).await.expect("the store");
        let got = outcome.order.map(|order| order.is_test).ok_or_else(|| outcome.problems[0].code);
        assert_eq!(got, wanted, "{first:?} {second:?} {is_test}");
    }
}

#[tokio::test]
async fn a_source_without_ordering_is_reported() {
    let world = World::new(Stage::Sqlite.ledger().await, &[KEYED]);
    let mut source = world.vendors[0].source(Environment::Sandbox);
    source.ordering = None;
    let orders = Orders::new(OrdersDependencies {
        sources: vec![source],
        store: std::sync::Arc::clone(&world.store),
        bus: std::sync::Arc::new(LocalChangeBus::default()),
        clock: std::sync::Arc::clone(&world.clock) as _,
        accounts: std::sync::Arc::new(TestResellers),
        settings: world.settings.clone(),
    });
    let outcome = orders.create(&storefront(), &world.input(FulfillmentPolicy::AllOrNothing)).await.expect("the store");
    assert_eq!(codes_and_paths(&outcome.problems), one(P::UnsupportedBySource, "input.lines.0.performance"));
}

#[tokio::test]
async fn a_reseller_can_only_order_for_itself() {
    let world = World::new(Stage::Sqlite.ledger().await, &[KEYED]);
    let tiqets = Actor { caller: "shop".to_owned(), reseller: Some("tiqets".to_owned()) };
    let mut input = world.input(FulfillmentPolicy::AllOrNothing);
    input.reseller = Some("digitick".to_owned());
    let outcome = world.process().create(&tiqets, &input).await.expect("the store");
    assert_eq!(codes_and_paths(&outcome.problems), one(P::UnknownReseller, "input.reseller"));
    input.reseller = None;
    let order = world.process().create(&tiqets, &input).await.expect("the store").order.expect("an order");
    assert_eq!(order.reseller.as_deref(), Some("tiqets"));
    assert_eq!(order.legs[0].account.get("organization").map(String::as_str), Some("tiqets at a"));
    assert_eq!(order.legs[0].capabilities.shape, LegShape::HoldThenConfirm);
}
