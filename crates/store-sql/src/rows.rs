//! Loads orders from their rows.

use std::collections::HashMap;

use crate::codec::{self, decode_json, decode_name, require, unreadable};
use crate::credential_cipher::CredentialCipher;
use crate::sealed_refs::RefsTable;
use crate::sql::{SqlRow, SqlTransaction, SqlValue};
use domain::StoreError;
use domain::ids::StepKey;
use domain::ordering::{Contact, TicketState};
use domain::{EventKey, Locale, OrderKey, PerformanceKey, SourceId, TicketTypeKey};
use orders::leg::{Attempt, AttemptOutcome, Leg, LegOperation, Ticket};
use orders::order::{Line, Order};
use orders::status::{Intent, LegStatus};

const ORDERS: &str = "SELECT key, number, version, caller, reseller, reseller_reference, policy, is_test, first_name, \
    last_name, email, phone, postal_code, hold_contact, locale, delivery, replaces, replaced_by, intent, is_placed, plan, \
    notes, created_at, updated_at FROM orders";
const LINES: &str = "SELECT order_key, leg, event, performance, ticket_type, quantity, unit_price, starts_at, cutoff_at, \
    is_cancelled, event_title, visit_date FROM order_lines";
const LEGS: &str = "SELECT order_key, number, source, reference, status, traits, account, refs, held_until, leaves_hold, \
    secures, held_total, confirmed_at, charged, refunded, unknown, try_again, cancel, wants_extension, tickets, problems, \
    settled, tickets_end, refs_key_id, refs_sealed FROM legs";
const ATTEMPTS: &str = "SELECT order_key, leg, operation, step_key, request_hash, started_at, deadline, ended_at, outcome, \
    answer, vendor_code FROM attempts";
const TICKETS: &str = "SELECT order_key, number, line, refs, seat, state, used_at, symbology, refs_key_id, refs_sealed \
    FROM tickets";

/// Loads orders by key, in the order of the keys. Unknown keys are skipped.
pub(crate) async fn load_orders(
    transaction: &mut SqlTransaction,
    cipher: &CredentialCipher,
    keys: &[String],
) -> Result<Vec<Order>, StoreError> {
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    let mut orders: HashMap<String, Order> = HashMap::new();
    for row in
        transaction.fetch_all(&format!("{ORDERS} WHERE key IN ({})", placeholders(1, keys.len())), values(keys)).await?
    {
        let order = decode_order(&row)?;
        orders.insert(order.key.to_string(), order);
    }
    for row in select(transaction, LINES, keys, "number").await? {
        let (key, line) = decode_line(&row)?;
        order_mut(&mut orders, &key)?.lines.push(line);
    }
    for row in select(transaction, LEGS, keys, "number").await? {
        let (key, leg) = decode_leg(cipher, &row)?;
        order_mut(&mut orders, &key)?.legs.push(leg);
    }
    for row in select(transaction, ATTEMPTS, keys, "number").await? {
        let (key, leg, attempt) = decode_attempt(&row)?;
        let legs = &mut order_mut(&mut orders, &key)?.legs;
        legs.get_mut(leg).ok_or_else(|| unreadable("an attempt without its leg"))?.attempts.push(attempt);
    }
    for row in select(transaction, TICKETS, keys, "number").await? {
        let (key, ticket) = decode_ticket(cipher, &row)?;
        order_mut(&mut orders, &key)?.tickets.push(ticket);
    }
    Ok(keys.iter().filter_map(|key| orders.remove(key)).collect())
}

/// Returns SQL placeholders, e.g. `$3, $4, $5`.
pub(crate) fn placeholders(first: usize, count: usize) -> String {
    (first..first + count).map(|index| format!("${index}")).collect::<Vec<_>>().join(", ")
}

fn values(keys: &[String]) -> Vec<SqlValue> {
    keys.iter().map(|key| key.as_str().into()).collect()
}

async fn select(
    transaction: &mut SqlTransaction,
    query: &str,
    keys: &[String],
    order_by: &str,
) -> Result<Vec<SqlRow>, StoreError> {
    let sql = format!("{query} WHERE order_key IN ({}) ORDER BY order_key, {order_by}", placeholders(1, keys.len()));
    transaction.fetch_all(&sql, values(keys)).await
}

fn order_mut<'a>(orders: &'a mut HashMap<String, Order>, key: &str) -> Result<&'a mut Order, StoreError> {
    orders.get_mut(key).ok_or_else(|| unreadable("a row without its order"))
}

pub(crate) fn order_key(text: &str) -> Result<OrderKey, StoreError> {
    text.parse().map(OrderKey).map_err(|_| unreadable("the key of an order"))
}

fn decode_order_key(row: &SqlRow, column: &str) -> Result<Option<OrderKey>, StoreError> {
    row.opt_text(column)?.map(|text| order_key(&text)).transpose()
}

/// Encodes a ticket state as its name and the time of use.
pub(crate) fn ticket_state(state: TicketState) -> (&'static str, Option<i64>) {
    match state {
        TicketState::Pending => ("PENDING", None),
        TicketState::Issued => ("ISSUED", None),
        TicketState::Used(at) => ("USED", at.map(codec::to_nanos)),
        TicketState::Void => ("VOID", None),
    }
}

fn decode_order(row: &SqlRow) -> Result<Order, StoreError> {
    Ok(Order {
        key: order_key(&row.text("key")?)?,
        number: row.text("number")?,
        version: row.unsigned("version")?,
        caller: row.text("caller")?,
        reseller: row.opt_text("reseller")?,
        reseller_reference: row.opt_text("reseller_reference")?,
        policy: decode_name(&row.text("policy")?, "a policy")?,
        is_test: row.bool("is_test")?,
        contact: decode_contact(row)?,
        hold_contact: row.opt_json("hold_contact")?,
        locale: row.opt_text("locale")?.map(|tag| require(Locale::parse(&tag), "a language")).transpose()?,
        delivery: decode_name(&row.text("delivery")?, "a delivery")?,
        replaces: decode_order_key(row, "replaces")?,
        replaced_by: decode_order_key(row, "replaced_by")?,
        intent: require(Intent::parse(&row.text("intent")?), "an intent")?,
        is_placed: row.bool("is_placed")?,
        plan: row.json::<codec::StoredPlan>("plan")?.decode()?,
        notes: row
            .json::<Vec<codec::StoredNote>>("notes")?
            .into_iter()
            .map(codec::StoredNote::decode)
            .collect::<Result<_, _>>()?,
        created_at: row.time("created_at")?,
        updated_at: row.time("updated_at")?,
        lines: Vec::new(),
        legs: Vec::new(),
        tickets: Vec::new(),
    })
}

/// Decodes the contact of the visitor. An order whose visitor is not known, or was erased, has empty texts.
fn decode_contact(row: &SqlRow) -> Result<Option<Contact>, StoreError> {
    let contact = Contact {
        first_name: row.text("first_name")?,
        last_name: row.text("last_name")?,
        email: row.text("email")?,
        phone: row.opt_text("phone")?,
        postal_code: row.opt_text("postal_code")?,
    };
    Ok(Some(contact).filter(|contact| !contact.email.is_empty()))
}

fn decode_line(row: &SqlRow) -> Result<(String, Line), StoreError> {
    let key = row.text("order_key")?;
    let line = Line {
        leg: row.index("leg")?,
        event: EventKey::new(row.text("event")?),
        performance: PerformanceKey::new(row.text("performance")?),
        ticket_type: TicketTypeKey::new(row.text("ticket_type")?),
        quantity: u32::try_from(row.int("quantity")?).map_err(|_| unreadable("a quantity"))?,
        unit_price: row.json::<codec::StoredPrice>("unit_price")?.decode()?,
        starts_at: row.opt_time("starts_at")?,
        cutoff_at: row.opt_time("cutoff_at")?,
        is_canceled: row.bool("is_cancelled")?,
        event_title: row.opt_json("event_title")?,
        visit_date: row
            .opt_text("visit_date")?
            .map(|text| text.parse().map_err(|_| unreadable("the day of a visit")))
            .transpose()?,
    };
    Ok((key, line))
}

fn decode_leg(cipher: &CredentialCipher, row: &SqlRow) -> Result<(String, Leg), StoreError> {
    let key = row.text("order_key")?;
    let money = |text: Option<String>| text.map(|text| decode_json::<codec::StoredMoney>(&text)?.decode()).transpose();
    let retry =
        |text: Option<String>| text.map(|text| decode_json::<codec::StoredRetrySchedule>(&text)?.decode()).transpose();
    let leg = Leg {
        number: row.index("number")?,
        source: SourceId::new(row.text("source")?),
        reference: row.text("reference")?,
        status: require(LegStatus::parse(&row.text("status")?), "the status of a leg")?,
        capabilities: row.json::<codec::StoredTraits>("traits")?.decode()?,
        account: row.json::<codec::StoredAccount>("account")?,
        refs: RefsTable::Legs.decrypt(cipher, row)?,
        hold_expires_at: row.opt_time("held_until")?,
        has_stray_hold: row.bool("leaves_hold")?,
        secures: codec::decode_secures(&row.json::<Vec<String>>("secures")?)?,
        held_total: money(row.opt_text("held_total")?)?,
        confirmed_at: row.opt_time("confirmed_at")?,
        charged: money(row.opt_text("charged")?)?,
        refunded: money(row.opt_text("refunded")?)?,
        unknown: row
            .opt_text("unknown")?
            .map(|text| decode_json::<codec::StoredUnknown>(&text)?.decode())
            .transpose()?,
        retry: retry(row.opt_text("try_again")?)?,
        cancellation: row
            .opt_text("cancel")?
            .map(|text| decode_json::<codec::StoredCancelRequest>(&text))
            .transpose()?
            .map(Into::into),
        extension_requested: row.bool("wants_extension")?,
        settled: row.opt_text("settled")?.map(|name| decode_name(&name, "a settlement")).transpose()?,
        ticket_search: codec::ticket_search(
            retry(row.opt_text("tickets")?)?,
            row.opt_text("tickets_end")?.map(|text| decode_json(&text)).transpose()?,
        )?,
        problems: row
            .json::<Vec<codec::StoredProblem>>("problems")?
            .into_iter()
            .map(codec::StoredProblem::decode)
            .collect::<Result<_, _>>()?,
        attempts: Vec::new(),
    };
    Ok((key, leg))
}

fn decode_attempt(row: &SqlRow) -> Result<(String, usize, Attempt), StoreError> {
    let (key, leg) = (row.text("order_key")?, row.index("leg")?);
    let attempt = Attempt {
        operation: require(LegOperation::parse(&row.text("operation")?), "an operation")?,
        key: StepKey(row.text("step_key")?.parse().map_err(|_| unreadable("the key of a step"))?),
        request_hash: row.text("request_hash")?,
        started_at: row.time("started_at")?,
        deadline: row.time("deadline")?,
        ended_at: row.opt_time("ended_at")?,
        outcome: require(AttemptOutcome::parse(&row.text("outcome")?), "an outcome")?,
        result: row.opt_text("answer")?,
        vendor_code: row.opt_text("vendor_code")?,
    };
    Ok((key, leg, attempt))
}

fn decode_ticket(cipher: &CredentialCipher, row: &SqlRow) -> Result<(String, Ticket), StoreError> {
    let key = row.text("order_key")?;
    let (line, refs, seat) = (row.index("line")?, RefsTable::Tickets.decrypt(cipher, row)?, row.opt_text("seat")?);
    let (state, used_at) = (row.text("state")?, row.opt_time("used_at")?);
    let state = match state.as_str() {
        "PENDING" => TicketState::Pending,
        "ISSUED" => TicketState::Issued,
        "USED" => TicketState::Used(used_at),
        "VOID" => TicketState::Void,
        _ => return Err(unreadable("the state of a ticket")),
    };
    let symbology = row.opt_text("symbology")?.map(|name| decode_name(&name, "a symbology")).transpose()?;
    Ok((key, Ticket { line, refs, seat, state, symbology }))
}
