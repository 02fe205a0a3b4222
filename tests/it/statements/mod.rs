//! Statements and sales: sums, rates, local days, currencies and cancellations, as the databases compute them.

mod oracle;
mod sellers;

use std::collections::BTreeMap;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use domain::accounts::AccountConfig;
use domain::ordering::{Contact, DeliveryPreference, TicketState};
use domain::{EventKey, LegShape, Money, OrderKey, PerformanceKey, Price, SourceId, TicketTypeKey};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use orders::lease::{LeaseAfterWrite, Precondition};
use orders::leg::{Leg, LegCapabilities, Ticket};
use orders::plan::{Guarantee, Plan};
use orders::store::OrderWrite;
use orders::{
    Actor, FulfillmentPolicy, Intent, LegStatus, Line, LocalChangeBus, Order, OrderStore, Orders, OrdersDependencies,
    SalesGrouping, SalesPart,
};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use resellers::{
    ConnectionSettings, Reseller, SalesInterval, SalesPoint, StatementRow, TimeZones, breakdown, statement,
};
use rust_decimal::Decimal;
use testkit::ManualClock;

use crate::orders::database::{Postgres, open};
use crate::orders::world::{TestResellers, default_settings};

fn at(text: &str) -> Timestamp {
    text.parse().expect("an instant")
}

fn day(text: &str) -> Date {
    text.parse().expect("a day")
}

pub(crate) fn money(amount: i64, currency: &str) -> Money {
    Money::new(amount, currency.parse().expect("a currency"))
}

/// Creates a leg at a source with its time of confirmation.
pub(crate) fn leg(number: usize, source: &str, confirmed_at: Option<&str>) -> Leg {
    let traits = LegCapabilities {
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
    Leg {
        status: if confirmed_at.is_some() { LegStatus::Confirmed } else { LegStatus::ConfirmFailed },
        confirmed_at: confirmed_at.map(at),
        ..Leg::new(number, SourceId::new(source), format!("TG-{number}"), traits)
    }
}

pub(crate) fn line(leg: usize, quantity: u32, price: Money) -> Line {
    Line {
        leg,
        event: EventKey::new("e"),
        performance: PerformanceKey::new("p"),
        ticket_type: TicketTypeKey::new("t"),
        quantity,
        unit_price: Price::from_retail(price),
        starts_at: None,
        event_title: None,
        visit_date: None,
        cutoff_at: None,
        is_canceled: false,
    }
}

pub(crate) fn order(legs: Vec<Leg>, lines: Vec<Line>) -> Order {
    let contact = Contact {
        first_name: "Ada".to_owned(),
        last_name: "Guest".to_owned(),
        email: "ada@example.org".to_owned(),
        phone: None,
        postal_code: None,
    };
    let plan = Plan { guarantee: Guarantee::Atomic, ..Plan::empty() };
    let created_at = at("2031-03-10T12:00:00Z");
    Order {
        key: OrderKey::random(),
        number: "TG".to_owned(),
        version: 1,
        caller: "tiqets".to_owned(),
        reseller: Some("tiqets".to_owned()),
        reseller_reference: None,
        policy: FulfillmentPolicy::AllOrNothing,
        is_test: true,
        contact: Some(contact),
        hold_contact: None,
        locale: None,
        delivery: DeliveryPreference::Barcode,
        replaces: None,
        replaced_by: None,
        intent: Intent::Confirm,
        is_placed: true,
        plan,
        lines,
        legs,
        notes: Vec::new(),
        tickets: Vec::new(),
        created_at,
        updated_at: created_at,
    }
}

/// The harbor is in New York, the opera in Zurich.
fn zones() -> TimeZones {
    let zone = |name: &str| TimeZone::get(name).expect("a zone");
    HashMap::from([
        (SourceId::new("harbor"), zone("America/New_York")),
        (SourceId::new("opera"), zone("Europe/Zurich")),
    ])
}

fn rates() -> BTreeMap<SourceId, Decimal> {
    BTreeMap::from([(SourceId::new("harbor"), Decimal::new(125, 1))])
}

const MARCH: (&str, &str) = ("2031-03-01", "2031-03-31");

/// Runs a test with its own runtime.
fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime").block_on(work)
}

/// The reseller of the orders, with a rate at the harbor and none at the opera.
pub(crate) fn reseller(key: &str) -> Reseller {
    let connection = |source: &str, commission_percent| {
        let settings =
            ConnectionSettings { account: AccountConfig::default(), commission_percent, mappings: Vec::new() };
        (SourceId::new(source), settings)
    };
    let connections = [connection("harbor", Some(Decimal::new(125, 1))), connection("opera", None)];
    Reseller { key: key.to_owned(), name: key.to_owned(), connections: connections.into_iter().collect() }
}

/// A caller that sees all orders.
fn operator() -> Actor {
    Actor { caller: "operator".to_owned(), reseller: None }
}

/// Writes orders to a store, as sold by a reseller, with numbers and references of their own.
pub(crate) async fn write(store: &Arc<dyn OrderStore>, orders: &[Order], reseller: &str) {
    write_as(store, orders, Some(reseller)).await;
}

/// Writes orders to a store, as sold by a reseller or directly, with numbers and references of their own.
pub(crate) async fn write_as(store: &Arc<dyn OrderStore>, orders: &[Order], reseller: Option<&str>) {
    for order in orders {
        let mut order = order.clone();
        order.key = OrderKey::random();
        order.number = format!("TG-{}", order.key);
        order.reseller = reseller.map(str::to_owned);
        for leg in &mut order.legs {
            leg.reference = format!("{}-{}", order.number, leg.number);
        }
        let write = OrderWrite::new(Precondition::New, &order, LeaseAfterWrite::Released);
        store.write(&write).await.expect("the order is written");
    }
}

/// Returns the orders over a store, for reading.
pub(crate) fn over(store: &Arc<dyn OrderStore>) -> Orders {
    Orders::new(OrdersDependencies {
        sources: Vec::new(),
        store: Arc::clone(store),
        bus: Arc::new(LocalChangeBus::default()),
        clock: ManualClock::at("2031-04-01T12:00:00Z"),
        accounts: Arc::new(TestResellers),
        settings: default_settings(),
    })
}

/// Computes a statement by the database, and checks that the computation order by order agrees.
fn rows(orders: &[Order], (from, to): (&str, &str)) -> Vec<StatementRow> {
    let days = (day(from), day(to));
    let rows = block_on(async {
        let store = open("sqlite::memory:").await;
        write(&store, orders, "tiqets").await;
        statement(&over(&store), &operator(), &reseller("tiqets"), days, &zones()).await.expect("the store responds")
    });
    assert_eq!(rows, oracle::statement(orders, days, &zones(), &rates()));
    rows
}

/// Computes sales over time by the database, and checks that the computation order by order agrees.
fn sales(orders: &[Order], days: (Date, Date), interval: SalesInterval) -> Vec<SalesPoint> {
    let points = block_on(async {
        let store = open("sqlite::memory:").await;
        write(&store, orders, "tiqets").await;
        let (orders, reseller) = (over(&store), reseller("tiqets"));
        resellers::sales(&orders, &operator(), &reseller, days, &zones(), interval).await.expect("the store responds")
    });
    assert_eq!(points, oracle::sales(orders, days, &zones(), interval));
    points
}

/// Creates an order with one leg at the harbor: two tickets of 20.01, sold in mid-March.
fn simple() -> Order {
    order(vec![leg(0, "harbor", Some("2031-03-10T15:00:00Z"))], vec![line(0, 2, money(2_001, "USD"))])
}

/// Returns gross, refunded, commission and net of the only row.
fn sums(order: &Order) -> (i64, i64, Option<i64>, Option<i64>) {
    let rows = rows(std::slice::from_ref(order), MARCH);
    let [row] = rows.as_slice() else { panic!("one row, not {rows:?}") };
    let amount = |money: Option<Money>| money.map(|money| money.amount);
    (row.gross.amount, row.refunded.amount, amount(row.commission), amount(row.net))
}

#[test]
fn the_charged_amount_is_split_by_the_configured_rate() {
    assert_eq!(sums(&simple()), (4_002, 0, Some(500), Some(3_502)), "12.5 % of 40.02 is 5.0025");
    let mut charged = simple();
    charged.legs[0].charged = Some(money(3_996, "USD"));
    assert_eq!(
        sums(&charged),
        (3_996, 0, Some(500), Some(3_496)),
        "the amount charged by the source takes precedence; 4.995 rounds up"
    );
}

#[test]
fn a_source_without_a_rate_has_no_commission_and_no_net() {
    let opera = order(vec![leg(0, "opera", Some("2031-03-10T15:00:00Z"))], vec![line(0, 1, money(9_000, "CHF"))]);
    assert_eq!(sums(&opera), (9_000, 0, None, None));
}

#[test]
fn a_canceled_sale_counts_as_sale_and_refund_without_commission() {
    let mut whole = simple();
    whole.lines[0].is_canceled = true;
    whole.legs[0].status = LegStatus::Cancelled;
    whole.legs[0].refunded = Some(money(4_002, "USD"));
    assert_eq!(sums(&whole), (4_002, 4_002, Some(0), Some(0)));
    let row = &rows(&[whole.clone()], MARCH)[0];
    assert_eq!((row.orders, row.tickets_sold, row.tickets_voided), (1, 2, 2));
    whole.legs[0].refunded = None;
    assert_eq!(
        sums(&whole),
        (4_002, 4_002, Some(0), Some(0)),
        "without a reported refund, the cancellation policy applies"
    );
    whole.legs[0].capabilities.cancel_fee = 1_000;
    assert_eq!(sums(&whole), (4_002, 3_602, Some(50), Some(350)), "the fee of ten percent is kept");
    whole.legs[0].refunded = Some(money(5_000, "USD"));
    assert_eq!(sums(&whole).1, 4_002, "limited to the amount charged");
}

#[test]
fn a_partially_canceled_order_earns_commission_on_the_rest() {
    let lines = vec![line(0, 2, money(2_000, "USD")), line(0, 1, money(1_000, "USD"))];
    let mut order = order(vec![leg(0, "harbor", Some("2031-03-10T15:00:00Z"))], lines);
    order.lines[1].is_canceled = true;
    assert_eq!(sums(&order), (5_000, 1_000, Some(500), Some(3_500)));
    let row = &rows(&[order], MARCH)[0];
    assert_eq!((row.tickets_sold, row.tickets_voided), (3, 1));
}

/// A source that was taken out of the configuration keeps its sales, by days in UTC.
#[test]
fn a_source_that_is_not_configured_any_more_keeps_its_row() {
    let gone = order(vec![leg(0, "gone", Some("2031-03-31T23:59:59Z"))], vec![line(0, 1, money(1_000, "USD"))]);
    let result = rows(std::slice::from_ref(&gone), MARCH);
    assert_eq!((result.len(), result[0].source.as_str(), result[0].gross.amount), (1, "gone", 1_000));
    assert_eq!(rows(std::slice::from_ref(&gone), ("2031-04-01", "2031-04-30")), []);
    assert_eq!(sales(&[gone], (day("2031-03-01"), day("2031-03-31")), SalesInterval::Day).len(), 1);
}

#[test]
fn used_tickets_are_counted_at_their_source() {
    let mut order = simple();
    let ticket = |state| Ticket { line: 0, refs: Vec::new(), seat: None, state, symbology: None };
    order.tickets = vec![ticket(TicketState::Used(None)), ticket(TicketState::Issued)];
    assert_eq!(rows(&[order], MARCH)[0].tickets_used, 1);
}

#[test]
fn each_source_and_currency_has_its_own_row_without_conversion() {
    let sold_at = Some("2031-03-10T15:00:00Z");
    let legs = vec![leg(0, "harbor", sold_at), leg(1, "opera", sold_at)];
    let both = order(legs, vec![line(0, 1, money(1_000, "USD")), line(1, 1, money(2_000, "CHF"))]);
    let foreign = order(vec![leg(0, "opera", sold_at)], vec![line(0, 1, money(3_000, "EUR"))]);
    let result: Vec<_> = rows(&[both, foreign], MARCH)
        .into_iter()
        .map(|row| (row.source.to_string(), row.currency.code(), row.gross.amount, row.orders))
        .collect();
    let expected = [
        ("harbor".to_owned(), "USD", 1_000, 1),
        ("opera".to_owned(), "CHF", 2_000, 1),
        ("opera".to_owned(), "EUR", 3_000, 1),
    ];
    assert_eq!(result, expected);
}

#[test]
fn unknown_outcomes_are_counted_but_not_summed() {
    let mut order = simple();
    order.legs[0].confirmed_at = None;
    for (status, unresolved) in
        [(LegStatus::OutcomeUnknown, 1), (LegStatus::NeedsAttention, 1), (LegStatus::ConfirmFailed, 0)]
    {
        order.legs[0].status = status;
        let result = rows(std::slice::from_ref(&order), MARCH);
        assert_eq!(result.first().map_or(0, |row| row.unresolved), unresolved, "{status:?}");
        assert_eq!(result.first().map_or(0, |row| row.gross.amount), 0);
    }
}

#[test]
fn a_sale_belongs_to_the_local_day_of_its_source() {
    // It is still March 31 in New York and already April 1 in Zurich.
    let sold_at = Some("2031-04-01T02:30:00Z");
    let of = |source: &str| order(vec![leg(0, source, sold_at)], vec![line(0, 1, money(1_000, "USD"))]);
    let in_march = |source| rows(&[of(source)], MARCH).len();
    assert_eq!((in_march("harbor"), in_march("opera")), (1, 0));
    assert_eq!(rows(&[of("opera")], ("2031-04-01", "2031-04-01")).len(), 1);
    // Daylight saving time starts in New York during this night.
    let night = order(vec![leg(0, "harbor", Some("2031-03-09T06:59:59Z"))], vec![line(0, 1, money(1_000, "USD"))]);
    assert_eq!(rows(&[night], ("2031-03-09", "2031-03-09")).len(), 1);
}

#[test]
fn sales_are_grouped_by_day_week_and_month() {
    let sold_at = |text: &str| order(vec![leg(0, "harbor", Some(text))], vec![line(0, 2, money(500, "USD"))]);
    // A Sunday, the following Monday and Tuesday, and a day in the next month.
    let days = ["2031-03-09T15:00:00Z", "2031-03-10T15:00:00Z", "2031-03-11T15:00:00Z", "2031-04-02T15:00:00Z"];
    let orders: Vec<Order> = days.into_iter().map(sold_at).collect();
    let points = |interval| {
        let result = sales(&orders, (day("2031-03-01"), day("2031-04-30")), interval);
        let shown = |point: &SalesPoint| (point.from.to_string(), point.orders, point.tickets, point.gross.amount);
        result.iter().map(shown).collect::<Vec<_>>()
    };
    let row = |from: &str, count: u32| (from.to_owned(), count, 2 * count, 1_000 * i64::from(count));
    let by_day = [row("2031-03-09", 1), row("2031-03-10", 1), row("2031-03-11", 1), row("2031-04-02", 1)];
    assert_eq!(points(SalesInterval::Day), by_day);
    assert_eq!(points(SalesInterval::Week), [row("2031-03-03", 1), row("2031-03-10", 2), row("2031-03-31", 1)]);
    assert_eq!(points(SalesInterval::Month), [row("2031-03-01", 3), row("2031-04-01", 1)]);
    let narrow = sales(&orders, (day("2031-03-10"), day("2031-03-10")), SalesInterval::Month);
    assert_eq!(narrow.iter().map(|point| point.orders).sum::<u32>(), 1, "days outside the range are not counted");
}

fn any_money() -> impl Strategy<Value = Money> {
    (0_i64..200_000, prop::sample::select(vec!["CHF", "EUR", "JPY", "USD", "KWD"]))
        .prop_map(|(amount, currency)| money(amount, currency))
}

fn any_ticket_state() -> impl Strategy<Value = TicketState> {
    prop::sample::select(vec![TicketState::Used(None), TicketState::Issued, TicketState::Void, TicketState::Pending])
}

/// A leg with its lines and the states of the tickets of each line.
fn any_leg(number: usize, source: &'static str) -> impl Strategy<Value = (Leg, Vec<(Line, Vec<TicketState>)>)> {
    let kind = (prop::sample::select(vec!["a", "b", "c"]), prop::sample::select(vec!["adult", "child"]));
    let line = (1_u32..5, any_money(), any::<bool>(), prop::collection::vec(any_ticket_state(), 0..4), kind).prop_map(
        move |(quantity, price, is_canceled, states, (event, kind))| {
            let (event, ticket_type) = (EventKey::new(event), TicketTypeKey::new(kind));
            (Line { is_canceled, event, ticket_type, ..line(number, quantity, price) }, states)
        },
    );
    // Hours from the last day of February, so that days, weeks, months and the change to daylight saving time are crossed.
    let confirmed = prop::option::weighted(0.8, 0_i64..1_500);
    let status = prop::sample::select(vec![
        LegStatus::Confirmed,
        LegStatus::Cancelled,
        LegStatus::OutcomeUnknown,
        LegStatus::NeedsAttention,
    ]);
    let amounts = (prop::option::of(any_money()), prop::option::of(any_money()));
    let fee = prop::sample::select(vec![0, 1, 333, 1_000, 10_000, 20_000]);
    (confirmed, status, amounts, fee, prop::collection::vec(line, 0..4)).prop_map(
        move |(confirmed, status, (charged, refunded), fee, lines)| {
            let mut leg = leg(number, source, None);
            leg.confirmed_at =
                confirmed.map(|hours| at("2031-02-28T00:30:00Z") + jiff::SignedDuration::from_hours(hours));
            (leg.status, leg.charged, leg.refunded, leg.capabilities.cancel_fee) = (status, charged, refunded, fee);
            (leg, lines)
        },
    )
}

/// An order with a leg at each source, created within the range of days.
fn any_order() -> impl Strategy<Value = Order> {
    (any_leg(0, "harbor"), any_leg(1, "opera"), 0_i64..1_500).prop_map(|(harbor, opera, created)| {
        let (mut lines, mut tickets, mut legs) = (Vec::new(), Vec::new(), Vec::new());
        for (leg, own) in [harbor, opera] {
            legs.push(leg);
            for (line, states) in own {
                let ticket = |state| Ticket { line: lines.len(), refs: Vec::new(), seat: None, state, symbology: None };
                tickets.extend(states.into_iter().map(ticket));
                lines.push(line);
            }
        }
        let created_at = at("2031-02-28T00:30:00Z") + jiff::SignedDuration::from_hours(created);
        Order { tickets, created_at, updated_at: created_at, ..order(legs, lines) }
    })
}

/// The database agrees to the minor unit with the computation order by order, for random orders.
async fn sums_agree(store: &Arc<dyn OrderStore>, orders: &[Order]) -> Result<(), TestCaseError> {
    // Cases share a database, each with its own reseller.
    let reseller = reseller(&OrderKey::random().to_string());
    write(store, orders, &reseller.key).await;
    // The oracle counts orders by their keys.
    let keyed: Vec<Order> = orders.iter().map(|order| Order { key: OrderKey::random(), ..order.clone() }).collect();
    let (reading, actor) = (over(store), operator());
    for days in [("2031-03-01", "2031-03-31"), ("2031-03-09", "2031-03-10"), ("2031-02-01", "2031-12-31")] {
        let days = (day(days.0), day(days.1));
        let summed = statement(&reading, &actor, &reseller, days, &zones()).await.expect("the store responds");
        prop_assert_eq!(&summed, &oracle::statement(orders, days, &zones(), &rates()));
        parts_agree((&reading, &actor), &keyed, (&reseller, &summed), days).await?;
        for interval in [SalesInterval::Day, SalesInterval::Week, SalesInterval::Month] {
            let points = resellers::sales(&reading, &actor, &reseller, days, &zones(), interval).await;
            prop_assert_eq!(points.expect("the store responds"), oracle::sales(orders, days, &zones(), interval));
        }
    }
    let stranger = Actor { caller: "digitick".to_owned(), reseller: Some("digitick".to_owned()) };
    let hidden = statement(&reading, &stranger, &reseller, (day("2031-03-01"), day("2031-03-31")), &zones()).await;
    prop_assert_eq!(hidden.expect("the store responds"), Vec::new());
    Ok(())
}

/// The parts of each row agree with the computation order by order, and add up to the row.
async fn parts_agree(
    (reading, actor): (&Orders, &Actor),
    orders: &[Order],
    (reseller, rows): (&Reseller, &[StatementRow]),
    days: (Date, Date),
) -> Result<(), TestCaseError> {
    for row in rows {
        for (grouping, has_kinds) in [(SalesGrouping::Event, false), (SalesGrouping::TicketType, true)] {
            for first in [1, 2, 100] {
                let of = (Some(reseller.key.as_str()), row);
                let parts = breakdown(reading, actor, of, (days, &zones()), (grouping, first)).await;
                let parts: Vec<oracle::Part> = parts.expect("the store responds").iter().map(plain).collect();
                let wanted = (has_kinds, first as usize);
                let expected = oracle::parts(orders, (&row.source, row.currency), days, &zones(), wanted);
                prop_assert_eq!(&parts, &expected);
                let sum = |place: usize| parts.iter().map(|(_, numbers)| numbers[place]).sum::<i64>();
                let whole = [row.tickets_sold, row.tickets_voided, row.tickets_used].map(i64::from);
                prop_assert_eq!([sum(1), sum(2), sum(3)], whole);
                prop_assert_eq!([sum(4), sum(5)], [row.gross.amount, row.refunded.amount]);
            }
        }
    }
    Ok(())
}

fn plain(part: &SalesPart) -> oracle::Part {
    let group = part.group.as_ref().map(|group| {
        let kind = group.ticket_type.as_ref().map(|kind| kind.as_str().to_owned()).unwrap_or_default();
        (group.event.as_str().to_owned(), kind)
    });
    let counts = [part.orders, part.tickets_sold, part.tickets_voided, part.tickets_used].map(i64::from);
    (group, [counts[0], counts[1], counts[2], counts[3], part.gross, part.refunded])
}

fn check_random_orders(store: &Arc<dyn OrderStore>, runtime: &tokio::runtime::Runtime) {
    let config = ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() };
    let orders = prop::collection::vec(any_order(), 0..8);
    let run = TestRunner::new(config).run(&orders, |orders| runtime.block_on(sums_agree(store, &orders)));
    run.unwrap_or_else(|error| panic!("{error}"));
}

#[test]
fn the_databases_sum_random_orders_as_the_computation_order_by_order_does() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    check_random_orders(&runtime.block_on(open("sqlite::memory:")), &runtime);
    let _inside = runtime.enter();
    let Some(server) = Postgres::start() else { return };
    check_random_orders(&runtime.block_on(server.ledger()), &runtime);
}
