//! The rows of one change of an order.

use std::collections::{BTreeMap, BTreeSet};

use crate::changes::encode_subject;
use crate::codec::{self, duration_nanos, encode_json, encode_name, encode_secures, to_nanos};
use crate::credential_cipher::CredentialCipher;
use crate::order_tables::{
    ATTEMPTS, CHANGES, CREDENTIALS, LEGS, LINES, ORDER_SEARCH, OrderTable, SORT_KEYS, TICKETS, TIMERS, TRANSITIONS,
};
use crate::rows::ticket_state;
use crate::sealed_refs::{NO_PLAINTEXT, RefsTable};
use crate::settings::LeaseClock;
use crate::sql::SqlValue;
use change_feed::{ChangeKind, ChangeSubject};
use domain::StoreError;
use domain::ordering::Contact;
use jiff::civil::Date;
use orders::idempotency::IdempotencyRecord;
use orders::lease::{LeaseAfterWrite, Precondition};
use orders::leg::{Attempt, Leg, Ticket};
use orders::order::{Line, Order};
use orders::search::SearchFields;
use orders::store::{OrderTimer, OrderWrite, TicketCredential, Transition};
use secrecy::ExposeSecret as _;

/// Fencing token of the first owner of an order.
pub(crate) const FIRST_FENCE: u64 = 1;

/// A row in the order of the columns of its table.
pub(crate) type Row = Vec<SqlValue>;

/// The rows of one change of an order and its entry of the feed, without a position.
pub(crate) struct OrderRows {
    /// Key of the order.
    pub key: String,
    /// The row of the order itself.
    pub order: OrderRow,
    /// The idempotency record of the action.
    pub idempotency: Option<Row>,
    /// Rows of the other tables, in an order that their references to each other allow.
    pub tables: Vec<(&'static OrderTable, Vec<Row>)>,
}

/// The row of an order and the condition of the write.
pub(crate) struct OrderRow {
    /// Values of the statement.
    pub values: Vec<SqlValue>,
    /// True for an order that does not exist yet.
    pub is_new: bool,
    is_leased: bool,
    holds_lease: bool,
}

impl OrderRows {
    /// Encodes a change.
    pub(crate) fn new(cipher: &CredentialCipher, change: &OrderWrite<'_>) -> Result<Self, StoreError> {
        let key = change.order.key.to_string();
        let before = change.precondition.previous();
        let (mut lines, mut legs, mut attempts, mut tickets) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let mut changed_tickets: BTreeSet<usize> = change.credentials.iter().map(|code| code.ticket).collect();
        for (number, line) in change.order.lines.iter().enumerate() {
            let stored = before.and_then(|before| before.lines.get(number));
            if stored.is_none_or(|stored| stored.is_canceled != line.is_canceled) {
                lines.push(line_row(&key, number, line)?);
            }
        }
        for leg in &change.order.legs {
            let stored = before.and_then(|before| before.legs.get(leg.number));
            if stored == Some(leg) {
                continue;
            }
            legs.push(leg_row(cipher, &key, leg)?);
            for (number, attempt) in leg.attempts.iter().enumerate() {
                if stored.and_then(|stored| stored.attempts.get(number)) != Some(attempt) {
                    attempts.push(attempt_row(&key, leg.number, number, attempt));
                }
            }
        }
        for (number, ticket) in change.order.tickets.iter().enumerate() {
            if before.and_then(|before| before.tickets.get(number)) != Some(ticket) {
                tickets.push(ticket_row(cipher, &key, number, ticket)?);
                changed_tickets.insert(number);
            }
        }
        // One row for each ticket: a statement cannot replace a row that it has written itself.
        let credentials: BTreeMap<usize, _> =
            change.credentials.iter().map(|credential| (credential.ticket, credential)).collect();
        let credentials = credentials.into_values().map(|credential| credential_row(cipher, &key, credential));
        let credentials = credentials.collect::<Result<_, _>>()?;
        let tables = vec![
            (&LINES, lines),
            (&LEGS, legs),
            (&ATTEMPTS, attempts),
            (&TICKETS, tickets),
            (&CREDENTIALS, credentials),
            (&TRANSITIONS, transition_rows(&key, change)),
            (&TIMERS, timer_rows(&key, change)),
            (&CHANGES, change_rows(&key, change, &changed_tickets)?),
            (&ORDER_SEARCH, token_rows(&key, change)),
            (&SORT_KEYS, sort_key_rows(&key, change)),
        ];
        let idempotency = change.idempotency.map(|record| idempotency_row(&key, change, record));
        Ok(Self { order: OrderRow::new(&key, change)?, key, idempotency, tables })
    }
}

impl OrderRows {
    /// Returns the number of entries of the feed, the first of which is that of the order.
    pub(crate) fn change_count(&self) -> u64 {
        let changes = self.tables.iter().filter(|(table, _)| table.name == CHANGES.name);
        changes.map(|(_, rows)| u64::try_from(rows.len()).unwrap_or(u64::MAX)).sum()
    }
}

impl OrderRow {
    fn new(key: &str, change: &OrderWrite<'_>) -> Result<Self, StoreError> {
        let (values, is_new, is_leased) = match change.precondition {
            Precondition::New => (new_order_values(key, change)?, true, false),
            Precondition::Unleased(before) => (changed_order_values(key, change, before.version, 0)?, false, false),
            Precondition::Leased(before, lease) => {
                (changed_order_values(key, change, before.version, lease.fence)?, false, true)
            }
        };
        Ok(Self { values, is_new, is_leased, holds_lease: matches!(change.lease_after, LeaseAfterWrite::Held(_)) })
    }

    /// Returns the statement that writes the row and returns its fencing token. It returns no row if the version has changed or
    /// the order has another owner.
    pub(crate) fn statement(&self, clock: LeaseClock) -> String {
        let lease_end = |now: &str, lease: &str| {
            if self.holds_lease { format!("{now} + {lease}") } else { lease.to_owned() }
        };
        if self.is_new {
            let lease_end = lease_end(clock.now("$20"), "$21");
            return format!(
                "INSERT INTO orders (key, number, version, status, caller, reseller, reseller_reference, policy, is_test, \
                first_name, last_name, email, phone, postal_code, locale, delivery, intent, is_placed, plan, created_at, \
                updated_at, fence, lease_until, is_searchable, hold_contact, replaces, replaced_by) VALUES ($1, $2, $3, $4, $5, $6, \
                $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $22, $20, {FIRST_FENCE}, {lease_end}, 1, $23, $24, $25) \
                RETURNING fence"
            );
        }
        let is_same_contact = "CAST($12 AS TEXT) IS NULL";
        let now = clock.now("$5");
        let lease_end = lease_end(now, "$6");
        let (guard, fence) = if self.is_leased {
            ("fence = $8".to_owned(), "fence")
        } else {
            (format!("$8 = 0 AND lease_until <= {now}"), "fence + 1")
        };
        format!(
            "UPDATE orders SET version = $2, status = $3, intent = $4, updated_at = $5, notes = $9, replaced_by = $16, \
            first_name = COALESCE($10, first_name), last_name = COALESCE($11, last_name), email = COALESCE($12, email), \
            phone = CASE WHEN {is_same_contact} THEN phone ELSE $13 END, \
            postal_code = CASE WHEN {is_same_contact} THEN postal_code ELSE $14 END, \
            hold_contact = CASE WHEN {is_same_contact} THEN hold_contact ELSE $15 END, \
            is_searchable = CASE WHEN {is_same_contact} THEN is_searchable ELSE 0 END, \
            lease_until = {lease_end}, fence = {fence} WHERE key = $1 AND version = $7 AND {guard} RETURNING fence"
        )
    }
}

/// Returns the lease after the write in nanoseconds, or 0 if it is released.
fn lease_nanos(change: &OrderWrite<'_>) -> i64 {
    match change.lease_after {
        LeaseAfterWrite::Held(lease) => duration_nanos(lease),
        LeaseAfterWrite::Released => 0,
    }
}

fn new_order_values(key: &str, change: &OrderWrite<'_>) -> Result<Vec<SqlValue>, StoreError> {
    let order = change.order;
    let contact = order.contact.as_ref();
    let part = |of: fn(&Contact) -> &str| contact.map_or("", of);
    Ok(vec![
        key.into(),
        order.number.as_str().into(),
        order.version.into(),
        change.status.name().into(),
        order.caller.as_str().into(),
        order.reseller.as_deref().into(),
        order.reseller_reference.as_deref().into(),
        encode_name(order.policy).into(),
        order.is_test.into(),
        part(|contact| &contact.first_name).into(),
        part(|contact| &contact.last_name).into(),
        part(|contact| &contact.email).into(),
        contact.and_then(|contact| contact.phone.as_deref()).into(),
        contact.and_then(|contact| contact.postal_code.as_deref()).into(),
        order.locale.as_ref().map(|locale| locale.as_str()).into(),
        encode_name(order.delivery).into(),
        order.intent.name().into(),
        order.is_placed.into(),
        encode_json(&codec::StoredPlan::from(&order.plan))?.into(),
        to_nanos(order.updated_at).into(),
        lease_nanos(change).into(),
        to_nanos(order.created_at).into(),
        hold_contact(order)?.into(),
        order.replaces.map(|order| order.to_string()).into(),
        order.replaced_by.map(|order| order.to_string()).into(),
    ])
}

fn hold_contact(order: &Order) -> Result<Option<String>, StoreError> {
    order.hold_contact.as_ref().map(encode_json).transpose()
}

/// Returns true if the write changes the contact of an order.
fn changes_contact(change: &OrderWrite<'_>) -> bool {
    change.precondition.previous().is_some_and(|before| before.contact != change.order.contact)
}

fn changed_order_values(
    key: &str,
    change: &OrderWrite<'_>,
    version: u64,
    fence: u64,
) -> Result<Vec<SqlValue>, StoreError> {
    let order = change.order;
    // An unchanged contact is not written: it may have been erased since the order was read.
    let contact = order.contact.as_ref().filter(|_| changes_contact(change));
    Ok(vec![
        key.into(),
        order.version.into(),
        change.status.name().into(),
        order.intent.name().into(),
        to_nanos(order.updated_at).into(),
        lease_nanos(change).into(),
        version.into(),
        fence.into(),
        encode_json(&order.notes.iter().map(codec::StoredNote::from).collect::<Vec<_>>())?.into(),
        contact.map(|contact| contact.first_name.as_str()).into(),
        contact.map(|contact| contact.last_name.as_str()).into(),
        contact.map(|contact| contact.email.as_str()).into(),
        contact.and_then(|contact| contact.phone.as_deref()).into(),
        contact.and_then(|contact| contact.postal_code.as_deref()).into(),
        hold_contact(order)?.into(),
        order.replaced_by.map(|order| order.to_string()).into(),
    ])
}

fn idempotency_row(key: &str, change: &OrderWrite<'_>, used: &IdempotencyRecord) -> Row {
    vec![
        used.scope.as_str().into(),
        used.operation.as_str().into(),
        used.key.as_str().into(),
        used.request_hash.as_str().into(),
        key.into(),
        to_nanos(change.order.updated_at).into(),
    ]
}

fn line_row(key: &str, number: usize, line: &Line) -> Result<Row, StoreError> {
    Ok(vec![
        key.into(),
        number.into(),
        line.leg.into(),
        line.event.as_str().into(),
        line.performance.as_str().into(),
        line.ticket_type.as_str().into(),
        i64::from(line.quantity).into(),
        encode_json(&codec::StoredPrice::from(&line.unit_price))?.into(),
        line.starts_at.map(to_nanos).into(),
        line.cutoff_at.map(to_nanos).into(),
        line.is_canceled.into(),
        line.event_title.as_ref().map(encode_json).transpose()?.into(),
        line.visit_date.map(|day| day.to_string()).into(),
    ])
}

fn leg_row(cipher: &CredentialCipher, key: &str, leg: &Leg) -> Result<Row, StoreError> {
    let money = |money: Option<domain::Money>| -> Result<SqlValue, StoreError> {
        Ok(money.map(|money| encode_json(&codec::StoredMoney::from(money))).transpose()?.into())
    };
    let sealed = RefsTable::Legs.encrypt(cipher, (key, leg.number), &leg.refs)?;
    let problems: Vec<codec::StoredProblem> = leg.problems.iter().map(Into::into).collect();
    Ok(vec![
        key.into(),
        leg.number.into(),
        leg.source.as_str().into(),
        leg.reference.as_str().into(),
        leg.status.name().into(),
        encode_json(&codec::StoredTraits::from(&leg.capabilities))?.into(),
        encode_json(&leg.account)?.into(),
        NO_PLAINTEXT.into(),
        leg.hold_expires_at.map(to_nanos).into(),
        leg.has_stray_hold.into(),
        encode_json(&encode_secures(&leg.secures))?.into(),
        money(leg.held_total)?,
        leg.confirmed_at.map(to_nanos).into(),
        money(leg.charged)?,
        money(leg.refunded)?,
        leg.unknown.as_ref().map(|unknown| encode_json(&codec::StoredUnknown::from(unknown))).transpose()?.into(),
        leg.retry.as_ref().map(|again| encode_json(&codec::StoredRetrySchedule::from(again))).transpose()?.into(),
        leg.cancellation.as_ref().map(|wish| encode_json(&codec::StoredCancelRequest::from(wish))).transpose()?.into(),
        leg.extension_requested.into(),
        codec::ticket_schedule(leg.ticket_search).map(|schedule| encode_json(&schedule)).transpose()?.into(),
        encode_json(&problems)?.into(),
        sealed.key_id.into(),
        sealed.bytes.into(),
        leg.settled.map(encode_name).into(),
        codec::StoredTicketsEnd::of(leg.ticket_search).map(|end| encode_json(&end)).transpose()?.into(),
    ])
}

fn attempt_row(key: &str, leg: usize, number: usize, attempt: &Attempt) -> Row {
    vec![
        key.into(),
        leg.into(),
        number.into(),
        attempt.operation.name().into(),
        attempt.key.to_string().into(),
        attempt.request_hash.as_str().into(),
        to_nanos(attempt.started_at).into(),
        to_nanos(attempt.deadline).into(),
        attempt.ended_at.map(to_nanos).into(),
        attempt.outcome.name().into(),
        attempt.result.as_deref().into(),
        attempt.vendor_code.as_deref().into(),
    ]
}

fn ticket_row(cipher: &CredentialCipher, key: &str, number: usize, ticket: &Ticket) -> Result<Row, StoreError> {
    let (state, used_at) = ticket_state(ticket.state);
    let sealed = RefsTable::Tickets.encrypt(cipher, (key, number), &ticket.refs)?;
    Ok(vec![
        key.into(),
        number.into(),
        ticket.line.into(),
        NO_PLAINTEXT.into(),
        ticket.seat.as_deref().into(),
        state.into(),
        used_at.into(),
        ticket.symbology.map(encode_name).into(),
        sealed.key_id.into(),
        sealed.bytes.into(),
    ])
}

/// Returns the location of a barcode, which is the associated data of its encryption.
pub(crate) fn credential_location(key: &str, ticket: usize) -> String {
    format!("order {key}, ticket {ticket}")
}

fn credential_row(cipher: &CredentialCipher, key: &str, credential: &TicketCredential) -> Result<Row, StoreError> {
    let sealed =
        cipher.encrypt(&credential_location(key, credential.ticket), credential.barcode.value.expose_secret())?;
    Ok(vec![
        key.into(),
        credential.ticket.into(),
        encode_name(credential.barcode.symbology).into(),
        sealed.key_id.into(),
        sealed.bytes.into(),
    ])
}

fn transition_rows(key: &str, change: &OrderWrite<'_>) -> Vec<Row> {
    let row = |(number, transition): (usize, &Transition)| {
        // A version has far fewer than 1,000 transitions, so positions grow with versions.
        let position = change.order.version * 1_000 + u64::try_from(number).unwrap_or(999).min(999);
        vec![
            key.into(),
            position.into(),
            to_nanos(transition.at).into(),
            transition.version.into(),
            optional_index(transition.leg),
            transition.from.as_str().into(),
            transition.to.as_str().into(),
            transition.cause.as_str().into(),
        ]
    };
    change.transitions.iter().enumerate().map(row).collect()
}

fn timer_rows(key: &str, change: &OrderWrite<'_>) -> Vec<Row> {
    let row = |timer: &OrderTimer| {
        vec![key.into(), to_nanos(timer.at).into(), timer.kind.name().into(), optional_index(timer.leg)]
    };
    change.timers.iter().map(row).collect()
}

/// Returns the entries of the feed: that of the order, and one for each ticket that changed.
fn change_rows(key: &str, change: &OrderWrite<'_>, tickets: &BTreeSet<usize>) -> Result<Vec<Row>, StoreError> {
    let row = |kind: ChangeKind, subject: Option<String>| -> Row {
        vec![
            to_nanos(change.order.updated_at).into(),
            kind.name().into(),
            subject.into(),
            key.into(),
            change.order.version.into(),
            change.status.name().into(),
            change.order.reseller.as_deref().into(),
            false.into(),
        ]
    };
    let ticket = |number: &usize| {
        let subject = ChangeSubject::Ticket { order: change.order.key, ticket: *number };
        Ok(row(ChangeKind::Ticket, Some(encode_subject(&subject)?)))
    };
    std::iter::once(Ok(row(ChangeKind::Order, None))).chain(tickets.iter().map(ticket)).collect()
}

/// Returns the tokens of a new order, or of one with another contact. Those of the former contact stay until the order is indexed again.
fn token_rows(key: &str, change: &OrderWrite<'_>) -> Vec<Row> {
    if !matches!(change.precondition, Precondition::New) && !changes_contact(change) {
        return Vec::new();
    }
    let reseller = change.order.reseller.as_deref().unwrap_or_default();
    let tokens = SearchFields::of(change.order).tokens();
    tokens.into_iter().map(|token| vec![token.into(), key.into(), reseller.into()]).collect()
}

/// Returns the row of a new order by which it is listed. It does not change afterwards.
fn sort_key_rows(key: &str, change: &OrderWrite<'_>) -> Vec<Row> {
    if !matches!(change.precondition, Precondition::New) {
        return Vec::new();
    }
    let reseller = change.order.reseller.as_deref();
    vec![sort_key_row(key, reseller, change.order.first_visit(), change.order.first_total())]
}

/// Returns the row by which an order is listed. An open visit has an empty day.
pub(crate) fn sort_key_row(
    key: &str,
    reseller: Option<&str>,
    first_visit: Option<Date>,
    total: Option<domain::Money>,
) -> Row {
    let currency = total.map(|total| total.currency.code().to_owned()).unwrap_or_default();
    vec![
        key.into(),
        reseller.unwrap_or_default().into(),
        first_visit.map(|day| day.to_string()).unwrap_or_default().into(),
        currency.into(),
        total.map_or(0, |total| total.amount).into(),
    ]
}

fn optional_index(index: Option<usize>) -> SqlValue {
    index.map(|index| i64::try_from(index).unwrap_or(i64::MAX)).into()
}
