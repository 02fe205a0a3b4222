//! One change of an order into its rows, all of it or nothing.

use crate::rows::{delivery_name, policy_name, symbology_name, ticket_state};
use crate::shapes::{self, nanos, stored_refs, stored_secures, write};
use crate::sql::{Session, Value};
use crate::vault::Vault;
use orders::LedgerError;
use orders::ledger::{Basis, Credential, Lease, Ownership, Write, Written};
use orders::leg::{Attempt, Leg, Ticket};
use orders::order::{Line, Order};

/// Writes a change. The line of the feed comes last: its lock is the one that others wait for.
pub(crate) async fn save(session: &mut dyn Session, vault: &Vault, change: &Write<'_>) -> Result<Written, LedgerError> {
    let key = change.order.key.to_string();
    let before = change.basis.before();
    let fence = match change.basis {
        Basis::New => insert_order(session, change).await?,
        Basis::Free(_) | Basis::Owned(..) => update_order(session, change).await?,
    };
    if let Some(used) = change.key {
        let sql = "INSERT INTO idempotency_keys (scope, operation, key, request_hash, order_key, used_at) \
            VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING";
        let (scope, operation) = (used.scope.as_str(), used.operation.as_str());
        let values: Vec<Value> = vec![
            scope.into(),
            operation.into(),
            used.key.as_str().into(),
            used.request_hash.as_str().into(),
            key.as_str().into(),
            nanos(change.order.updated_at).into(),
        ];
        if session.run(sql, values).await? == 0 {
            return Err(LedgerError::KeyTaken);
        }
    }
    for (number, line) in change.order.lines.iter().enumerate() {
        save_line(session, &key, number, before.and_then(|before| before.lines.get(number)), line).await?;
    }
    for leg in &change.order.legs {
        save_leg(session, &key, before.and_then(|before| before.legs.get(leg.number)), leg).await?;
    }
    for (number, ticket) in change.order.tickets.iter().enumerate() {
        if before.and_then(|before| before.tickets.get(number)) != Some(ticket) {
            save_ticket(session, &key, number, ticket).await?;
        }
    }
    for credential in change.credentials {
        save_credential(session, vault, &key, credential).await?;
    }
    save_log(session, &key, change).await?;
    let cursor = save_change(session, &key, change).await?;
    Ok(Written { cursor, lease: Lease { order: change.order.key, fence } })
}

fn lease_until(change: &Write<'_>) -> i64 {
    match change.ownership {
        Ownership::Mine(until) => nanos(until),
        Ownership::Nobody => 0,
    }
}

async fn insert_order(session: &mut dyn Session, change: &Write<'_>) -> Result<u64, LedgerError> {
    let order = change.order;
    let sql = "INSERT INTO orders (key, number, version, status, caller, reseller, reseller_reference, policy, is_test, \
        first_name, last_name, email, phone, postal_code, locale, delivery, intent, is_placed, plan, created_at, \
        updated_at, fence, lease_until) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, \
        $17, $18, $19, $20, $21, $22, $23)";
    let contact = &order.contact;
    let values: Vec<Value> = vec![
        order.key.to_string().into(),
        order.number.as_str().into(),
        order.version.into(),
        change.status.name().into(),
        order.caller.as_str().into(),
        order.reseller.as_deref().into(),
        order.reseller_reference.as_deref().into(),
        policy_name(order.policy).into(),
        order.is_test.into(),
        contact.first_name.as_str().into(),
        contact.last_name.as_str().into(),
        contact.email.as_str().into(),
        contact.phone.as_deref().into(),
        contact.postal_code.as_deref().into(),
        order.locale.as_ref().map(|locale| locale.as_str()).into(),
        delivery_name(order.delivery).into(),
        order.intent.name().into(),
        order.is_placed.into(),
        write(&shapes::StoredPlan::from(&order.plan))?.into(),
        nanos(order.created_at).into(),
        nanos(order.updated_at).into(),
        1_i64.into(),
        lease_until(change).into(),
    ];
    session.run(sql, values).await?;
    Ok(1)
}

/// Refused where another writer was faster, or the order has another owner.
async fn update_order(session: &mut dyn Session, change: &Write<'_>) -> Result<u64, LedgerError> {
    let order = change.order;
    let (before, guard, more) = match change.basis {
        Basis::New => return Err(LedgerError::Outdated),
        Basis::Free(before) => (before, "lease_until <= $8", 1_i64),
        Basis::Owned(before, lease) => {
            let fence = i64::try_from(lease.fence).unwrap_or(i64::MAX);
            return update(session, change, before, ("fence = $8", fence), 0).await;
        }
    };
    let now = nanos(order.updated_at);
    update(session, change, before, (guard, now), more).await
}

async fn update(
    session: &mut dyn Session,
    change: &Write<'_>,
    before: &Order,
    (guard, guard_value): (&str, i64),
    more: i64,
) -> Result<u64, LedgerError> {
    let order = change.order;
    let sql = format!(
        "UPDATE orders SET version = $2, status = $3, intent = $4, updated_at = $5, lease_until = $6, \
        fence = fence + $9 WHERE key = $1 AND version = $7 AND {guard} RETURNING fence"
    );
    let values: Vec<Value> = vec![
        order.key.to_string().into(),
        order.version.into(),
        change.status.name().into(),
        order.intent.name().into(),
        nanos(order.updated_at).into(),
        lease_until(change).into(),
        before.version.into(),
        guard_value.into(),
        more.into(),
    ];
    let rows = session.rows(&sql, values).await?;
    rows.into_iter().next().ok_or(LedgerError::Outdated)?.count()
}

async fn save_line(
    session: &mut dyn Session,
    key: &str,
    number: usize,
    before: Option<&Line>,
    line: &Line,
) -> Result<(), LedgerError> {
    match before {
        Some(before) if before.is_cancelled == line.is_cancelled => Ok(()),
        Some(_) => {
            let sql = "UPDATE order_lines SET is_cancelled = $3 WHERE order_key = $1 AND number = $2";
            session.run(sql, vec![key.into(), number.into(), line.is_cancelled.into()]).await.map(|_| ())
        }
        None => {
            let sql = "INSERT INTO order_lines (order_key, number, leg, event, performance, ticket_type, quantity, \
                unit_price, starts_at, cutoff_at, is_cancelled) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";
            let values: Vec<Value> = vec![
                key.into(),
                number.into(),
                line.leg.into(),
                line.event.as_str().into(),
                line.performance.as_str().into(),
                line.ticket_type.as_str().into(),
                i64::from(line.quantity).into(),
                write(&shapes::StoredPrice::from(&line.unit_price))?.into(),
                line.starts_at.map(nanos).into(),
                line.cutoff_at.map(nanos).into(),
                line.is_cancelled.into(),
            ];
            session.run(sql, values).await.map(|_| ())
        }
    }
}

async fn save_leg(session: &mut dyn Session, key: &str, before: Option<&Leg>, leg: &Leg) -> Result<(), LedgerError> {
    if before == Some(leg) {
        return Ok(());
    }
    let sql = "INSERT INTO legs (order_key, number, source, reference, status, traits, account, refs, held_until, \
        leaves_hold, secures, held_total, confirmed_at, charged, refunded, unknown, try_again, cancel, wants_extension, \
        tickets, problems) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, \
        $20, $21) ON CONFLICT (order_key, number) DO UPDATE SET status = excluded.status, refs = excluded.refs, \
        held_until = excluded.held_until, leaves_hold = excluded.leaves_hold, secures = excluded.secures, \
        held_total = excluded.held_total, confirmed_at = excluded.confirmed_at, charged = excluded.charged, \
        refunded = excluded.refunded, unknown = excluded.unknown, try_again = excluded.try_again, \
        cancel = excluded.cancel, wants_extension = excluded.wants_extension, tickets = excluded.tickets, \
        problems = excluded.problems";
    session.run(sql, leg_values(key, leg)?).await?;
    for (number, attempt) in leg.attempts.iter().enumerate() {
        if before.and_then(|before| before.attempts.get(number)) != Some(attempt) {
            save_attempt(session, key, leg.number, number, attempt).await?;
        }
    }
    Ok(())
}

fn leg_values(key: &str, leg: &Leg) -> Result<Vec<Value>, LedgerError> {
    let money = |money: Option<domain::Money>| -> Result<Value, LedgerError> {
        Ok(money.map(|money| write(&shapes::StoredMoney::from(money))).transpose()?.into())
    };
    let problems: Vec<shapes::StoredProblem> = leg.problems.iter().map(Into::into).collect();
    Ok(vec![
        key.into(),
        leg.number.into(),
        leg.source.as_str().into(),
        leg.reference.as_str().into(),
        leg.status.name().into(),
        write(&shapes::StoredTraits::from(&leg.traits))?.into(),
        write(&leg.account)?.into(),
        write(&stored_refs(&leg.refs))?.into(),
        leg.held_until.map(nanos).into(),
        leg.leaves_hold.into(),
        write(&stored_secures(&leg.secures))?.into(),
        money(leg.held_total)?,
        leg.confirmed_at.map(nanos).into(),
        money(leg.charged)?,
        money(leg.refunded)?,
        leg.unknown.as_ref().map(|unknown| write(&shapes::StoredUnknown::from(unknown))).transpose()?.into(),
        leg.again.as_ref().map(|again| write(&shapes::StoredAgain::from(again))).transpose()?.into(),
        leg.cancel.as_ref().map(|wish| write(&shapes::StoredCancel::from(wish))).transpose()?.into(),
        leg.wants_extension.into(),
        leg.tickets.as_ref().map(|again| write(&shapes::StoredAgain::from(again))).transpose()?.into(),
        write(&problems)?.into(),
    ])
}

async fn save_attempt(
    session: &mut dyn Session,
    key: &str,
    leg: usize,
    number: usize,
    attempt: &Attempt,
) -> Result<(), LedgerError> {
    let sql = "INSERT INTO attempts (order_key, leg, number, operation, step_key, request_hash, started_at, deadline, \
        ended_at, outcome, answer, vendor_code) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) \
        ON CONFLICT (order_key, leg, number) DO UPDATE SET ended_at = excluded.ended_at, outcome = excluded.outcome, \
        answer = excluded.answer, vendor_code = excluded.vendor_code";
    let values: Vec<Value> = vec![
        key.into(),
        leg.into(),
        number.into(),
        attempt.operation.name().into(),
        attempt.key.to_string().into(),
        attempt.request_hash.as_str().into(),
        nanos(attempt.started_at).into(),
        nanos(attempt.deadline).into(),
        attempt.ended_at.map(nanos).into(),
        attempt.outcome.name().into(),
        attempt.answer.as_deref().into(),
        attempt.vendor_code.as_deref().into(),
    ];
    session.run(sql, values).await.map(|_| ())
}

async fn save_ticket(session: &mut dyn Session, key: &str, number: usize, ticket: &Ticket) -> Result<(), LedgerError> {
    let sql = "INSERT INTO tickets (order_key, number, line, refs, seat, state, used_at, symbology) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (order_key, number) DO UPDATE SET refs = excluded.refs, \
        seat = excluded.seat, state = excluded.state, used_at = excluded.used_at, symbology = excluded.symbology";
    let (state, used_at) = ticket_state(ticket.state);
    let values: Vec<Value> = vec![
        key.into(),
        number.into(),
        ticket.line.into(),
        write(&stored_refs(&ticket.refs))?.into(),
        ticket.seat.as_deref().into(),
        state.into(),
        used_at.into(),
        ticket.symbology.map(symbology_name).into(),
    ];
    session.run(sql, values).await.map(|_| ())
}

/// Where a code stands; it opens nowhere else.
pub(crate) fn place_of(key: &str, ticket: usize) -> String {
    format!("order {key}, ticket {ticket}")
}

async fn save_credential(
    session: &mut dyn Session,
    vault: &Vault,
    key: &str,
    credential: &Credential,
) -> Result<(), LedgerError> {
    let sealed = vault.seal(&place_of(key, credential.ticket), &credential.barcode.value)?;
    let sql = "INSERT INTO credentials (order_key, ticket, symbology, key_id, sealed) VALUES ($1, $2, $3, $4, $5) \
        ON CONFLICT (order_key, ticket) DO UPDATE SET symbology = excluded.symbology, key_id = excluded.key_id, \
        sealed = excluded.sealed";
    let values: Vec<Value> = vec![
        key.into(),
        credential.ticket.into(),
        symbology_name(credential.barcode.symbology).into(),
        sealed.key_id.into(),
        sealed.bytes.into(),
    ];
    session.run(sql, values).await.map(|_| ())
}

async fn save_log(session: &mut dyn Session, key: &str, change: &Write<'_>) -> Result<(), LedgerError> {
    let sql = "INSERT INTO transitions (order_key, place, at, version, leg, from_status, to_status, cause) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    for (number, transition) in change.transitions.iter().enumerate() {
        // A version has far fewer moves than this; places grow with versions.
        let place = change.order.version * 1_000 + u64::try_from(number).unwrap_or(999).min(999);
        let values: Vec<Value> = vec![
            key.into(),
            place.into(),
            nanos(transition.at).into(),
            transition.version.into(),
            transition.leg.map(|leg| i64::try_from(leg).unwrap_or(i64::MAX)).into(),
            transition.from.as_str().into(),
            transition.to.as_str().into(),
            transition.cause.as_str().into(),
        ];
        session.run(sql, values).await?;
    }
    session.run("DELETE FROM timers WHERE order_key = $1", vec![key.into()]).await?;
    for timer in change.timers {
        let sql = "INSERT INTO timers (order_key, due_at, kind, leg) VALUES ($1, $2, $3, $4)";
        let leg = timer.leg.map(|leg| i64::try_from(leg).unwrap_or(i64::MAX));
        let values: Vec<Value> = vec![key.into(), nanos(timer.at).into(), timer.kind.name().into(), leg.into()];
        session.run(sql, values).await?;
    }
    Ok(())
}

async fn save_change(session: &mut dyn Session, key: &str, change: &Write<'_>) -> Result<u64, LedgerError> {
    let next = session.rows("UPDATE feed SET last = last + 1 WHERE id = 1 RETURNING last", Vec::new()).await?;
    let cursor =
        next.into_iter().next().ok_or_else(|| LedgerError::Unreadable("the feed has no end".to_owned()))?.count()?;
    let sql = "INSERT INTO changes (cursor, at, order_key, version, status, reseller) VALUES ($1, $2, $3, $4, $5, $6)";
    let values: Vec<Value> = vec![
        cursor.into(),
        nanos(change.order.updated_at).into(),
        key.into(),
        change.order.version.into(),
        change.status.name().into(),
        change.order.reseller.as_deref().into(),
    ];
    session.run(sql, values).await?;
    Ok(cursor)
}
