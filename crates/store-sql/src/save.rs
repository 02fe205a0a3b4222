//! Writes one change of an order to its rows.

use crate::codec::{self, duration_nanos, encode_json, encode_name, encode_secures, to_nanos};
use crate::credential_cipher::CredentialCipher;
use crate::rows::ticket_state;
use crate::sealed_refs::{NO_PLAINTEXT, RefsTable};
use crate::settings::LeaseClock;
use crate::sql::{SqlTransaction, SqlValue};
use domain::StoreError;
use orders::lease::{Lease, LeaseAfterWrite, Precondition};
use orders::leg::{Attempt, Leg, Ticket};
use orders::order::Line;
use orders::store::{OrderWrite, TicketCredential, TimerKind};
use secrecy::ExposeSecret as _;

/// Writes a change of an order and its entry of the feed, without a position.
pub(crate) async fn save_order(
    transaction: &mut SqlTransaction,
    cipher: &CredentialCipher,
    clock: LeaseClock,
    change: &OrderWrite<'_>,
) -> Result<Lease, StoreError> {
    let key = change.order.key.to_string();
    let before = change.precondition.previous();
    let fence = match change.precondition {
        Precondition::New => insert_order(transaction, clock, change).await?,
        Precondition::Unleased(_) | Precondition::Leased(..) => update_order(transaction, clock, change).await?,
    };
    if let Some(used) = change.idempotency {
        let sql = "INSERT INTO idempotency_keys (scope, operation, key, request_hash, order_key, used_at) \
            VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING";
        let (scope, operation) = (used.scope.as_str(), used.operation.as_str());
        let values: Vec<SqlValue> = vec![
            scope.into(),
            operation.into(),
            used.key.as_str().into(),
            used.request_hash.as_str().into(),
            key.as_str().into(),
            to_nanos(change.order.updated_at).into(),
        ];
        if transaction.execute(sql, values).await? == 0 {
            return Err(StoreError::KeyTaken);
        }
    }
    for (number, line) in change.order.lines.iter().enumerate() {
        save_line(transaction, &key, number, before.and_then(|before| before.lines.get(number)), line).await?;
    }
    for leg in &change.order.legs {
        save_leg(transaction, cipher, &key, before.and_then(|before| before.legs.get(leg.number)), leg).await?;
    }
    for (number, ticket) in change.order.tickets.iter().enumerate() {
        if before.and_then(|before| before.tickets.get(number)) != Some(ticket) {
            save_ticket(transaction, cipher, &key, number, ticket).await?;
        }
    }
    for credential in change.credentials {
        save_credential(transaction, cipher, &key, credential).await?;
    }
    save_transitions(transaction, &key, change).await?;
    save_timers(transaction, &key, clock, change).await?;
    save_change(transaction, &key, change).await?;
    Ok(Lease { order: change.order.key, fence })
}

/// Returns the end of the lease as an expression of the current time and the placeholder of the lease in nanoseconds.
fn lease_end(change: &OrderWrite<'_>, now: &str, placeholder: &str) -> String {
    match change.lease_after {
        LeaseAfterWrite::Held(_) => format!("{now} + {placeholder}"),
        LeaseAfterWrite::Released => placeholder.to_owned(),
    }
}

/// Returns the lease after the write in nanoseconds, or 0 if it is released.
fn lease_nanos(change: &OrderWrite<'_>) -> i64 {
    match change.lease_after {
        LeaseAfterWrite::Held(lease) => duration_nanos(lease),
        LeaseAfterWrite::Released => 0,
    }
}

async fn insert_order(
    transaction: &mut SqlTransaction,
    clock: LeaseClock,
    change: &OrderWrite<'_>,
) -> Result<u64, StoreError> {
    let order = change.order;
    let lease_end = lease_end(change, clock.now("$21"), "$23");
    let sql = format!(
        "INSERT INTO orders (key, number, version, status, caller, reseller, reseller_reference, policy, is_test, \
        first_name, last_name, email, phone, postal_code, locale, delivery, intent, is_placed, plan, created_at, \
        updated_at, fence, lease_until) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, \
        $17, $18, $19, $20, $21, $22, {lease_end})"
    );
    let contact = &order.contact;
    let values: Vec<SqlValue> = vec![
        order.key.to_string().into(),
        order.number.as_str().into(),
        order.version.into(),
        change.status.name().into(),
        order.caller.as_str().into(),
        order.reseller.as_deref().into(),
        order.reseller_reference.as_deref().into(),
        encode_name(order.policy).into(),
        order.is_test.into(),
        contact.first_name.as_str().into(),
        contact.last_name.as_str().into(),
        contact.email.as_str().into(),
        contact.phone.as_deref().into(),
        contact.postal_code.as_deref().into(),
        order.locale.as_ref().map(|locale| locale.as_str()).into(),
        encode_name(order.delivery).into(),
        order.intent.name().into(),
        order.is_placed.into(),
        encode_json(&codec::StoredPlan::from(&order.plan))?.into(),
        to_nanos(order.created_at).into(),
        to_nanos(order.updated_at).into(),
        1_i64.into(),
        lease_nanos(change).into(),
    ];
    transaction.execute(&sql, values).await?;
    Ok(1)
}

/// Updates the order row. Fails with `Outdated` if the version has changed or the order has another owner.
async fn update_order(
    transaction: &mut SqlTransaction,
    clock: LeaseClock,
    change: &OrderWrite<'_>,
) -> Result<u64, StoreError> {
    let order = change.order;
    let now = clock.now("$5");
    let (before, guard, fence, more) = match change.precondition {
        Precondition::New => return Err(StoreError::Outdated),
        Precondition::Unleased(before) => (before, format!("$8 = 0 AND lease_until <= {now}"), 0, 1_i64),
        Precondition::Leased(before, lease) => (before, "fence = $8".to_owned(), lease.fence, 0),
    };
    let lease_end = lease_end(change, now, "$6");
    let sql = format!(
        "UPDATE orders SET version = $2, status = $3, intent = $4, updated_at = $5, notes = $10, lease_until = {lease_end}, \
        fence = fence + $9 WHERE key = $1 AND version = $7 AND {guard} RETURNING fence"
    );
    let values: Vec<SqlValue> = vec![
        order.key.to_string().into(),
        order.version.into(),
        change.status.name().into(),
        order.intent.name().into(),
        to_nanos(order.updated_at).into(),
        lease_nanos(change).into(),
        before.version.into(),
        fence.into(),
        more.into(),
        encode_json(&order.notes.iter().map(codec::StoredNote::from).collect::<Vec<_>>())?.into(),
    ];
    transaction.fetch_first(&sql, values).await?.ok_or(StoreError::Outdated)?.unsigned("fence")
}

async fn save_line(
    transaction: &mut SqlTransaction,
    key: &str,
    number: usize,
    before: Option<&Line>,
    line: &Line,
) -> Result<(), StoreError> {
    match before {
        Some(before) if before.is_canceled == line.is_canceled => Ok(()),
        Some(_) => {
            let sql = "UPDATE order_lines SET is_cancelled = $3 WHERE order_key = $1 AND number = $2";
            transaction.execute(sql, vec![key.into(), number.into(), line.is_canceled.into()]).await.map(|_| ())
        }
        None => {
            let sql = "INSERT INTO order_lines (order_key, number, leg, event, performance, ticket_type, quantity, \
                unit_price, starts_at, cutoff_at, is_cancelled) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";
            let values: Vec<SqlValue> = vec![
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
            ];
            transaction.execute(sql, values).await.map(|_| ())
        }
    }
}

async fn save_leg(
    transaction: &mut SqlTransaction,
    cipher: &CredentialCipher,
    key: &str,
    before: Option<&Leg>,
    leg: &Leg,
) -> Result<(), StoreError> {
    if before == Some(leg) {
        return Ok(());
    }
    let sql = "INSERT INTO legs (order_key, number, source, reference, status, traits, account, refs, held_until, \
        leaves_hold, secures, held_total, confirmed_at, charged, refunded, unknown, try_again, cancel, wants_extension, \
        tickets, problems, refs_key_id, refs_sealed, settled) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, \
        $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24) ON CONFLICT (order_key, number) DO UPDATE SET \
        status = excluded.status, refs = excluded.refs, refs_key_id = excluded.refs_key_id, \
        refs_sealed = excluded.refs_sealed, \
        held_until = excluded.held_until, leaves_hold = excluded.leaves_hold, secures = excluded.secures, \
        held_total = excluded.held_total, confirmed_at = excluded.confirmed_at, charged = excluded.charged, \
        refunded = excluded.refunded, unknown = excluded.unknown, try_again = excluded.try_again, \
        cancel = excluded.cancel, wants_extension = excluded.wants_extension, tickets = excluded.tickets, \
        problems = excluded.problems, settled = excluded.settled";
    transaction.execute(sql, leg_values(cipher, key, leg)?).await?;
    for (number, attempt) in leg.attempts.iter().enumerate() {
        if before.and_then(|before| before.attempts.get(number)) != Some(attempt) {
            save_attempt(transaction, key, leg.number, number, attempt).await?;
        }
    }
    Ok(())
}

fn leg_values(cipher: &CredentialCipher, key: &str, leg: &Leg) -> Result<Vec<SqlValue>, StoreError> {
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
        leg.ticket_refresh
            .as_ref()
            .map(|again| encode_json(&codec::StoredRetrySchedule::from(again)))
            .transpose()?
            .into(),
        encode_json(&problems)?.into(),
        sealed.key_id.into(),
        sealed.bytes.into(),
        leg.settled.map(encode_name).into(),
    ])
}

async fn save_attempt(
    transaction: &mut SqlTransaction,
    key: &str,
    leg: usize,
    number: usize,
    attempt: &Attempt,
) -> Result<(), StoreError> {
    let sql = "INSERT INTO attempts (order_key, leg, number, operation, step_key, request_hash, started_at, deadline, \
        ended_at, outcome, answer, vendor_code) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) \
        ON CONFLICT (order_key, leg, number) DO UPDATE SET step_key = excluded.step_key, \
        request_hash = excluded.request_hash, started_at = excluded.started_at, \
        deadline = excluded.deadline, ended_at = excluded.ended_at, outcome = excluded.outcome, \
        answer = excluded.answer, vendor_code = excluded.vendor_code";
    let values: Vec<SqlValue> = vec![
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
    ];
    transaction.execute(sql, values).await.map(|_| ())
}

async fn save_ticket(
    transaction: &mut SqlTransaction,
    cipher: &CredentialCipher,
    key: &str,
    number: usize,
    ticket: &Ticket,
) -> Result<(), StoreError> {
    let sql = "INSERT INTO tickets (order_key, number, line, refs, seat, state, used_at, symbology, refs_key_id, \
        refs_sealed) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT (order_key, number) DO UPDATE SET \
        refs = excluded.refs, refs_key_id = excluded.refs_key_id, refs_sealed = excluded.refs_sealed, \
        seat = excluded.seat, state = excluded.state, used_at = excluded.used_at, symbology = excluded.symbology";
    let (state, used_at) = ticket_state(ticket.state);
    let sealed = RefsTable::Tickets.encrypt(cipher, (key, number), &ticket.refs)?;
    let values: Vec<SqlValue> = vec![
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
    ];
    transaction.execute(sql, values).await.map(|_| ())
}

/// Returns the location of a barcode, which is the associated data of its encryption.
pub(crate) fn credential_location(key: &str, ticket: usize) -> String {
    format!("order {key}, ticket {ticket}")
}

async fn save_credential(
    transaction: &mut SqlTransaction,
    cipher: &CredentialCipher,
    key: &str,
    credential: &TicketCredential,
) -> Result<(), StoreError> {
    let sealed =
        cipher.encrypt(&credential_location(key, credential.ticket), credential.barcode.value.expose_secret())?;
    let sql = "INSERT INTO credentials (order_key, ticket, symbology, key_id, sealed) VALUES ($1, $2, $3, $4, $5) \
        ON CONFLICT (order_key, ticket) DO UPDATE SET symbology = excluded.symbology, key_id = excluded.key_id, \
        sealed = excluded.sealed";
    let values: Vec<SqlValue> = vec![
        key.into(),
        credential.ticket.into(),
        encode_name(credential.barcode.symbology).into(),
        sealed.key_id.into(),
        sealed.bytes.into(),
    ];
    transaction.execute(sql, values).await.map(|_| ())
}

async fn save_transitions(
    transaction: &mut SqlTransaction,
    key: &str,
    change: &OrderWrite<'_>,
) -> Result<(), StoreError> {
    let sql = "INSERT INTO transitions (order_key, place, at, version, leg, from_status, to_status, cause) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    for (number, transition) in change.transitions.iter().enumerate() {
        // A version has far fewer than 1,000 transitions, so positions grow with versions.
        let position = change.order.version * 1_000 + u64::try_from(number).unwrap_or(999).min(999);
        let values: Vec<SqlValue> = vec![
            key.into(),
            position.into(),
            to_nanos(transition.at).into(),
            transition.version.into(),
            transition.leg.map(|leg| i64::try_from(leg).unwrap_or(i64::MAX)).into(),
            transition.from.as_str().into(),
            transition.to.as_str().into(),
            transition.cause.as_str().into(),
        ];
        transaction.execute(sql, values).await?;
    }
    Ok(())
}

/// Replaces the timers. An order is resumed once its lease has ended, so that timer is due now by the clock of leases.
async fn save_timers(
    transaction: &mut SqlTransaction,
    key: &str,
    clock: LeaseClock,
    change: &OrderWrite<'_>,
) -> Result<(), StoreError> {
    transaction.execute("DELETE FROM timers WHERE order_key = $1", vec![key.into()]).await?;
    for timer in change.timers {
        let due_at = if timer.kind == TimerKind::Resume { clock.now("$2") } else { "$2" };
        let sql = format!("INSERT INTO timers (order_key, due_at, kind, leg) VALUES ($1, {due_at}, $3, $4)");
        let leg = timer.leg.map(|leg| i64::try_from(leg).unwrap_or(i64::MAX));
        let values: Vec<SqlValue> = vec![key.into(), to_nanos(timer.at).into(), timer.kind.name().into(), leg.into()];
        transaction.execute(&sql, values).await?;
    }
    Ok(())
}

async fn save_change(transaction: &mut SqlTransaction, key: &str, change: &OrderWrite<'_>) -> Result<(), StoreError> {
    let sql = "INSERT INTO changes (at, order_key, version, status, reseller) VALUES ($1, $2, $3, $4, $5)";
    let values: Vec<SqlValue> = vec![
        to_nanos(change.order.updated_at).into(),
        key.into(),
        change.order.version.into(),
        change.status.name().into(),
        change.order.reseller.as_deref().into(),
    ];
    transaction.execute(sql, values).await.map(|_| ())
}
