//! Orders out of their rows.

use std::collections::HashMap;

use crate::shapes::{self, instant, known, read, unreadable};
use crate::sql::{Row, Session, Value};
use domain::ids::StepKey;
use domain::ordering::{Contact, DeliveryPreference, Symbology, TicketState};
use domain::{EventKey, Locale, OrderKey, PerformanceKey, SourceId, TicketTypeKey};
use orders::LedgerError;
use orders::leg::{Attempt, AttemptOutcome, Leg, LegOperation, Ticket};
use orders::order::{Line, Order, Policy};
use orders::status::{Intent, LegStatus};

const ORDERS: &str = "SELECT key, number, version, caller, reseller, reseller_reference, policy, is_test, first_name, \
    last_name, email, phone, postal_code, locale, delivery, intent, is_placed, plan, created_at, updated_at FROM orders";
const LINES: &str = "SELECT order_key, leg, event, performance, ticket_type, quantity, unit_price, starts_at, cutoff_at, \
    is_cancelled FROM order_lines";
const LEGS: &str = "SELECT order_key, number, source, reference, status, traits, account, refs, held_until, leaves_hold, \
    secures, held_total, confirmed_at, charged, refunded, unknown, try_again, cancel, wants_extension, tickets, problems \
    FROM legs";
const ATTEMPTS: &str = "SELECT order_key, leg, operation, step_key, request_hash, started_at, deadline, ended_at, outcome, \
    answer, vendor_code FROM attempts";
const TICKETS: &str = "SELECT order_key, line, refs, seat, state, used_at, symbology FROM tickets";

/// Reads orders by key, in the order of the keys; absent ones are left out.
pub(crate) async fn load(session: &mut dyn Session, keys: &[String]) -> Result<Vec<Order>, LedgerError> {
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    let mut orders: HashMap<String, Order> = HashMap::new();
    for row in session.rows(&format!("{ORDERS} WHERE key IN ({})", places(1, keys.len())), values(keys)).await? {
        let order = order(row)?;
        orders.insert(order.key.to_string(), order);
    }
    for row in select(session, LINES, keys, "number").await? {
        let (key, line) = line(row)?;
        with(&mut orders, &key)?.lines.push(line);
    }
    for row in select(session, LEGS, keys, "number").await? {
        let (key, leg) = leg(row)?;
        with(&mut orders, &key)?.legs.push(leg);
    }
    for row in select(session, ATTEMPTS, keys, "number").await? {
        let (key, leg, attempt) = attempt(row)?;
        let legs = &mut with(&mut orders, &key)?.legs;
        legs.get_mut(leg).ok_or_else(|| unreadable("an attempt without its leg"))?.attempts.push(attempt);
    }
    for row in select(session, TICKETS, keys, "number").await? {
        let (key, ticket) = ticket(row)?;
        with(&mut orders, &key)?.tickets.push(ticket);
    }
    Ok(keys.iter().filter_map(|key| orders.remove(key)).collect())
}

/// `$3, $4, $5`.
pub(crate) fn places(first: usize, count: usize) -> String {
    (first..first + count).map(|place| format!("${place}")).collect::<Vec<_>>().join(", ")
}

fn values(keys: &[String]) -> Vec<Value> {
    keys.iter().map(|key| key.as_str().into()).collect()
}

async fn select(session: &mut dyn Session, what: &str, keys: &[String], by: &str) -> Result<Vec<Row>, LedgerError> {
    let sql = format!("{what} WHERE order_key IN ({}) ORDER BY order_key, {by}", places(1, keys.len()));
    session.rows(&sql, values(keys)).await
}

fn with<'a>(orders: &'a mut HashMap<String, Order>, key: &str) -> Result<&'a mut Order, LedgerError> {
    orders.get_mut(key).ok_or_else(|| unreadable("a row without its order"))
}

pub(crate) fn order_key(text: &str) -> Result<OrderKey, LedgerError> {
    text.parse().map(OrderKey).map_err(|_| unreadable("the key of an order"))
}

const POLICIES: [(Policy, &str); 2] = [(Policy::AllOrNothing, "ALL_OR_NOTHING"), (Policy::BestEffort, "BEST_EFFORT")];
const DELIVERIES: [(DeliveryPreference, &str); 2] =
    [(DeliveryPreference::Barcode, "BARCODE"), (DeliveryPreference::MobileApp, "MOBILE_APP")];
const SYMBOLOGIES: [(Symbology, &str); 5] = [
    (Symbology::Qr, "QR"),
    (Symbology::Code128, "CODE128"),
    (Symbology::Aztec, "AZTEC"),
    (Symbology::Pdf417, "PDF417"),
    (Symbology::Other, "OTHER"),
];

fn named<T: Copy + PartialEq>(table: &[(T, &'static str)], wanted: T) -> &'static str {
    table.iter().find(|(one, _)| *one == wanted).map_or("", |(_, name)| name)
}

fn one<T: Copy>(table: &[(T, &'static str)], wanted: &str, what: &str) -> Result<T, LedgerError> {
    known(table.iter().find(|(_, name)| *name == wanted).map(|(one, _)| *one), what)
}

pub(crate) fn policy_name(policy: Policy) -> &'static str {
    named(&POLICIES, policy)
}

pub(crate) fn delivery_name(delivery: DeliveryPreference) -> &'static str {
    named(&DELIVERIES, delivery)
}

pub(crate) fn symbology_name(symbology: Symbology) -> &'static str {
    named(&SYMBOLOGIES, symbology)
}

pub(crate) fn symbology(name: &str) -> Result<Symbology, LedgerError> {
    one(&SYMBOLOGIES, name, "a symbology")
}

/// The name of a ticket's state, and when it was used.
pub(crate) fn ticket_state(state: TicketState) -> (&'static str, Option<i64>) {
    match state {
        TicketState::Pending => ("PENDING", None),
        TicketState::Issued => ("ISSUED", None),
        TicketState::Used(at) => ("USED", at.map(shapes::nanos)),
        TicketState::Void => ("VOID", None),
    }
}

fn order(mut row: Row) -> Result<Order, LedgerError> {
    Ok(Order {
        key: order_key(&row.text()?)?,
        number: row.text()?,
        version: row.count()?,
        caller: row.text()?,
        reseller: row.opt_text()?,
        reseller_reference: row.opt_text()?,
        policy: one(&POLICIES, &row.text()?, "a policy")?,
        is_test: row.flag()?,
        contact: Contact {
            first_name: row.text()?,
            last_name: row.text()?,
            email: row.text()?,
            phone: row.opt_text()?,
            postal_code: row.opt_text()?,
        },
        locale: row.opt_text()?.map(|tag| known(Locale::parse(&tag), "a language")).transpose()?,
        delivery: one(&DELIVERIES, &row.text()?, "a delivery")?,
        intent: known(Intent::parse(&row.text()?), "an intent")?,
        is_placed: row.flag()?,
        plan: read::<shapes::StoredPlan>(&row.text()?)?.plan()?,
        created_at: instant(row.int()?)?,
        updated_at: instant(row.int()?)?,
        lines: Vec::new(),
        legs: Vec::new(),
        tickets: Vec::new(),
    })
}

fn line(mut row: Row) -> Result<(String, Line), LedgerError> {
    let key = row.text()?;
    let line = Line {
        leg: row.place()?,
        event: EventKey::new(row.text()?),
        performance: PerformanceKey::new(row.text()?),
        ticket_type: TicketTypeKey::new(row.text()?),
        quantity: u32::try_from(row.int()?).map_err(|_| unreadable("a quantity"))?,
        unit_price: read::<shapes::StoredPrice>(&row.text()?)?.price()?,
        starts_at: row.opt_int()?.map(instant).transpose()?,
        cutoff_at: row.opt_int()?.map(instant).transpose()?,
        is_cancelled: row.flag()?,
    };
    Ok((key, line))
}

fn leg(mut row: Row) -> Result<(String, Leg), LedgerError> {
    let key = row.text()?;
    let money = |text: Option<String>| text.map(|text| read::<shapes::StoredMoney>(&text)?.money()).transpose();
    let again = |text: Option<String>| text.map(|text| read::<shapes::StoredAgain>(&text)?.again()).transpose();
    let leg = Leg {
        number: row.place()?,
        source: SourceId::new(row.text()?),
        reference: row.text()?,
        status: known(LegStatus::parse(&row.text()?), "the status of a leg")?,
        traits: read::<shapes::StoredTraits>(&row.text()?)?.traits()?,
        account: read::<shapes::StoredAccount>(&row.text()?)?,
        refs: shapes::refs(read(&row.text()?)?),
        held_until: row.opt_int()?.map(instant).transpose()?,
        leaves_hold: row.flag()?,
        secures: shapes::secures(&read::<Vec<String>>(&row.text()?)?)?,
        held_total: money(row.opt_text()?)?,
        confirmed_at: row.opt_int()?.map(instant).transpose()?,
        charged: money(row.opt_text()?)?,
        refunded: money(row.opt_text()?)?,
        unknown: row.opt_text()?.map(|text| read::<shapes::StoredUnknown>(&text)?.unknown()).transpose()?,
        again: again(row.opt_text()?)?,
        cancel: row.opt_text()?.map(|text| read::<shapes::StoredCancel>(&text)).transpose()?.map(Into::into),
        wants_extension: row.flag()?,
        tickets: again(row.opt_text()?)?,
        problems: read::<Vec<shapes::StoredProblem>>(&row.text()?)?
            .into_iter()
            .map(shapes::StoredProblem::problem)
            .collect::<Result<_, _>>()?,
        attempts: Vec::new(),
    };
    Ok((key, leg))
}

fn attempt(mut row: Row) -> Result<(String, usize, Attempt), LedgerError> {
    let (key, leg) = (row.text()?, row.place()?);
    let attempt = Attempt {
        operation: known(LegOperation::parse(&row.text()?), "an operation")?,
        key: StepKey(row.text()?.parse().map_err(|_| unreadable("the key of a step"))?),
        request_hash: row.text()?,
        started_at: instant(row.int()?)?,
        deadline: instant(row.int()?)?,
        ended_at: row.opt_int()?.map(instant).transpose()?,
        outcome: known(AttemptOutcome::parse(&row.text()?), "an outcome")?,
        answer: row.opt_text()?,
        vendor_code: row.opt_text()?,
    };
    Ok((key, leg, attempt))
}

fn ticket(mut row: Row) -> Result<(String, Ticket), LedgerError> {
    let key = row.text()?;
    let (line, refs, seat) = (row.place()?, shapes::refs(read(&row.text()?)?), row.opt_text()?);
    let (state, used_at) = (row.text()?, row.opt_int()?.map(instant).transpose()?);
    let state = match state.as_str() {
        "PENDING" => TicketState::Pending,
        "ISSUED" => TicketState::Issued,
        "USED" => TicketState::Used(used_at),
        "VOID" => TicketState::Void,
        _ => return Err(unreadable("the state of a ticket")),
    };
    let symbology = row.opt_text()?.map(|name| symbology(&name)).transpose()?;
    Ok((key, Ticket { line, refs, seat, state, symbology }))
}
