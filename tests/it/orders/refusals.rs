//! What is refused before anything is booked: the problem names the field, and no vendor hears of the order.

use domain::ordering::SettlementRefusal;
use domain::{AvailabilityStatus, Environment, EventStatus, LegShape, Money, SourceId, TicketTypeKey};
use orders::{Asker, CreateOrder, Detail, LocalBus, Orders, Parts, Policy, Problem, ProblemCode as P};

use crate::orders::database::Stage;
use crate::orders::vendor::{FINAL, Habits, KEYED, PLAIN, Vendor, key};
use crate::orders::world::{Resellers, World, storefront};

/// Places an order that a test has bent, and proves that nothing came of it.
async fn refused(habits: &[Habits], bend: impl FnOnce(&World, &mut CreateOrder)) -> Vec<Problem> {
    let world = World::new(Stage::Sqlite.ledger().await, habits);
    let mut input = world.input(Policy::AllOrNothing);
    bend(&world, &mut input);
    let outcome = world.process().place(&storefront(), &input).await.expect("the ledger");
    assert_eq!(outcome.order, None, "{:?}", outcome.problems);
    assert_eq!(world.ledger.feed_end().await.expect("the ledger"), 0, "something was written");
    let nothing_came = |vendor: &std::sync::Arc<Vendor>| vendor.books.lock().expect("books").calls.is_empty();
    assert!(world.vendors.iter().all(nothing_came), "a vendor heard of a refused order");
    outcome.problems
}

fn told(problems: &[Problem]) -> Vec<(P, String)> {
    problems.iter().map(|problem| (problem.code, problem.path.join("."))).collect()
}

fn one(code: P, path: &str) -> Vec<(P, String)> {
    vec![(code, path.to_owned())]
}

#[tokio::test]
async fn wrong_input_is_refused_with_the_name_of_the_field() {
    type Bend = fn(&World, &mut CreateOrder);
    let table: [(Bend, P, &str); 13] = [
        (|_, input| input.lines.clear(), P::NoLines, "input.lines"),
        (|_, input| input.lines = vec![input.lines[0].clone(); 51], P::TooManyLines, "input.lines"),
        (|_, input| input.lines[0].quantity = 0, P::QuantityInvalid, "input.lines.0.quantity"),
        (|_, input| input.lines[0].quantity = -1, P::QuantityInvalid, "input.lines.0.quantity"),
        (|_, input| input.lines[0].quantity = 51, P::LimitExceeded, "input.lines.0.quantity"),
        (|_, input| input.contact.email.clear(), P::EmailInvalid, "input.contact.email"),
        (|_, input| input.contact.last_name = " ".to_owned(), P::ContactIncomplete, "input.contact.lastName"),
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
    for (bend, code, path) in table {
        assert_eq!(told(&refused(&[KEYED], bend).await), one(code, path));
    }
}

#[tokio::test]
async fn what_the_catalogue_does_not_sell_is_refused() {
    type Bend = fn(&World, &mut CreateOrder);
    let table: [(Bend, P, &str); 8] = [
        (
            |_, input| input.lines[0].ticket_type = TicketTypeKey::new("senior"),
            P::UnknownTicketType,
            "input.lines.0.ticketType",
        ),
        (|world, _| shelf(world).status = AvailabilityStatus::SoldOut, P::NotAvailable, "input.lines.0.quantity"),
        (|world, _| shelf(world).status = AvailabilityStatus::Closed, P::NotOnSale, "input.lines.0.performance"),
        (|world, _| shelf(world).event_status = EventStatus::Cancelled, P::NotOnSale, "input.lines.0.performance"),
        (|world, _| shelf(world).vacancies = Some(1), P::NotAvailable, "input.lines.0.quantity"),
        (|world, _| shelf(world).max_per_order = Some(1), P::LimitExceeded, "input.lines.0.quantity"),
        (|world, _| shelf(world).is_down = true, P::SourceUnavailable, "input.lines.0.performance"),
        (
            |world, _| shelf(world).status = AvailabilityStatus::Unknown,
            P::SourceUnavailable,
            "input.lines.0.performance",
        ),
    ];
    for (bend, code, path) in table {
        assert_eq!(told(&refused(&[KEYED], bend).await), one(code, path));
    }
}

fn shelf(world: &World) -> std::sync::MutexGuard<'_, crate::orders::vendor::Shelf> {
    world.vendors[0].shelf.lock().expect("shelf")
}

#[tokio::test]
async fn lines_for_the_same_thing_count_together() {
    let problems = refused(&[KEYED], |world, input| {
        shelf(world).vacancies = Some(3);
        input.lines.push(input.lines[0].clone());
    })
    .await;
    let codes: Vec<P> = problems.iter().map(|problem| problem.code).collect();
    assert_eq!(codes, [P::NotAvailable, P::NotAvailable]);
    assert_eq!(
        problems[0].detail,
        Some(Detail::Left { performance: Some(key("show 1")), remaining: Some(3), wanted: 2 })
    );
}

#[tokio::test]
async fn a_price_that_is_not_the_expected_one_is_told_with_was_and_now() {
    let eur = |amount| Money::new(amount, "EUR".parse().expect("a currency"));
    let problems = refused(&[KEYED], |_, input| input.lines[0].expected_unit_price = Some(eur(2000))).await;
    assert_eq!(told(&problems), one(P::PriceChanged, "input.lines.0.expectedUnitPrice"));
    assert_eq!(problems[0].detail, Some(Detail::Price { was: eur(2000), now: eur(2500) }));
}

#[tokio::test]
async fn what_a_source_cannot_settle_is_refused_before_anything_is_held() {
    let table = [
        (SettlementRefusal::NoInstrument, P::SettlementUnsupported),
        (SettlementRefusal::NoAccount, P::SettlementUnsupported),
        (SettlementRefusal::Delivery, P::UnsupportedBySource),
    ];
    for (refusal, code) in table {
        let problems = refused(&[KEYED, KEYED], |world, _| shelf(world).refuses = Some(refusal)).await;
        assert_eq!(told(&problems), one(code, ""));
        assert_eq!((problems[0].leg, problems[0].source.as_ref().map(SourceId::as_str)), (Some(0), Some("a")));
    }
    // Digitick has no account at the first source.
    let problems = refused(&[KEYED, KEYED], |_, input| input.reseller = Some("digitick".to_owned())).await;
    assert_eq!((problems.len(), problems[0].code, problems[0].leg), (1, P::SettlementUnsupported, Some(0)));
}

#[tokio::test]
async fn all_or_nothing_is_refused_for_two_legs_that_can_be_neither_held_nor_undone() {
    let problems = refused(&[FINAL, FINAL], |_, _| ()).await;
    let codes: Vec<P> = problems.iter().map(|problem| problem.code).collect();
    assert_eq!(codes, [P::NotCombinable, P::NotCombinable]);
}

#[tokio::test]
async fn sources_for_trying_out_and_real_ones_are_never_mixed() {
    let world = World::new(Stage::Sqlite.ledger().await, &[KEYED, PLAIN]);
    let process = |first: Environment, second: Environment| {
        Orders::new(Parts {
            sources: vec![world.vendors[0].source(first), world.vendors[1].source(second)],
            ledger: std::sync::Arc::clone(&world.ledger),
            bus: std::sync::Arc::new(LocalBus::default()),
            clock: std::sync::Arc::clone(&world.clock) as _,
            accounts: std::sync::Arc::new(Resellers),
            rules: world.rules.clone(),
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
        let mut input = world.input(Policy::AllOrNothing);
        input.is_test = is_test;
        let outcome = process(first, second).create(&storefront(), &input).await.expect("the ledger");
        let got = outcome.order.map(|order| order.is_test).ok_or_else(|| outcome.problems[0].code);
        assert_eq!(got, wanted, "{first:?} {second:?} {is_test}");
    }
}

#[tokio::test]
async fn a_source_that_does_not_sell_is_named() {
    let world = World::new(Stage::Sqlite.ledger().await, &[KEYED]);
    let mut source = world.vendors[0].source(Environment::Sandbox);
    source.ordering = None;
    let orders = Orders::new(Parts {
        sources: vec![source],
        ledger: std::sync::Arc::clone(&world.ledger),
        bus: std::sync::Arc::new(LocalBus::default()),
        clock: std::sync::Arc::clone(&world.clock) as _,
        accounts: std::sync::Arc::new(Resellers),
        rules: world.rules.clone(),
    });
    let outcome = orders.create(&storefront(), &world.input(Policy::AllOrNothing)).await.expect("the ledger");
    assert_eq!(told(&outcome.problems), one(P::UnsupportedBySource, "input.lines.0.performance"));
}

#[tokio::test]
async fn a_reseller_orders_for_itself_only() {
    let world = World::new(Stage::Sqlite.ledger().await, &[KEYED]);
    let tiqets = Asker { caller: "shop".to_owned(), reseller: Some("tiqets".to_owned()) };
    let mut input = world.input(Policy::AllOrNothing);
    input.reseller = Some("digitick".to_owned());
    let outcome = world.process().create(&tiqets, &input).await.expect("the ledger");
    assert_eq!(told(&outcome.problems), one(P::UnknownReseller, "input.reseller"));
    input.reseller = None;
    let order = world.process().create(&tiqets, &input).await.expect("the ledger").order.expect("an order");
    assert_eq!(order.reseller.as_deref(), Some("tiqets"));
    assert_eq!(order.legs[0].account.get("organization").map(String::as_str), Some("tiqets at a"));
    assert_eq!(order.legs[0].traits.shape, LegShape::HoldThenConfirm);
}
