//! Tests of roles and sessions.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::time::Duration;

use async_trait::async_trait;
use domain::{Scope, StoreError};
use jiff::Timestamp;
use parking_lot::Mutex;
use serde_json::{Map, Value, json};
use testkit::ManualClock;

use super::*;

const NOW: &str = "2027-03-14T09:00:00Z";
const ISSUER: &str = "https://login.example.com/";
const HOUR: Duration = Duration::from_secs(3600);
const MINUTE: Duration = Duration::from_secs(60);

fn rule(value: &str, role: Role, reseller: Option<&str>) -> RoleRule {
    RoleRule { value: value.to_owned(), access: Access { reseller: reseller.map(str::to_owned), role } }
}

fn claims(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        other => panic!("{other} is no object"),
    }
}

#[test]
fn each_role_has_the_scopes_of_the_one_below_and_only_an_operator_is_an_admin() {
    for pair in Role::ALL.windows(2) {
        assert!(pair[0].scopes().is_subset(&pair[1].scopes()) && pair[0] < pair[1], "{pair:?}");
    }
    for role in [Role::Viewer, Role::Seller, Role::Manager] {
        for scope in [Scope::Admin, Scope::AdmissionSecret, Scope::EventWrite] {
            assert!(!role.scopes().contains(&scope), "{role:?} {scope:?}");
        }
    }
    assert!(
        !Role::Viewer.scopes().contains(&Scope::OrderWrite) && !Role::Viewer.scopes().contains(&Scope::TicketBarcode)
    );
    assert!(Role::ALL.iter().all(|role| role.as_str().parse() == Ok(*role)));
}

#[test]
fn a_claim_grants_what_its_rules_say_and_the_highest_role_of_several() {
    let rules = [
        rule("a-viewers", Role::Viewer, Some("a")),
        rule("b-managers", Role::Manager, Some("b")),
        rule("c-managers", Role::Manager, Some("c")),
        rule("staff", Role::Operator, None),
    ];
    let granted = |claim: &str, value: Value| find_access(&rules, claim, &claims(value)).cloned();
    let expected = |index: usize| Some(rules[index].access.clone());
    assert_eq!(granted("groups", json!({"groups": ["a-viewers"]})), expected(0));
    assert_eq!(granted("groups", json!({"groups": "a-viewers"})), expected(0));
    assert_eq!(granted("groups", json!({"groups": ["c-managers", "a-viewers", "b-managers"]})), expected(1));
    assert_eq!(granted("groups", json!({"groups": ["a-viewers", "staff"]})), expected(3));
    assert_eq!(granted("realm.roles", json!({"realm": {"roles": ["staff"]}})), expected(3));
    assert_eq!(granted("https://example.org/roles", json!({"https://example.org/roles": ["staff"]})), expected(3));
    for nothing in [
        json!({}),
        json!({"groups": []}),
        json!({"groups": ["strangers", "STAFF", "staff "]}),
        json!({"groups": "a-viewers staff"}),
        json!({"groups": {"staff": true}}),
        json!({"groups": [["staff"], {"name": "staff"}, null, true]}),
        json!({"roles": ["staff"]}),
    ] {
        assert_eq!(granted("groups", nothing.clone()), None, "{nothing}");
    }
}

#[test]
fn an_access_is_granted_as_long_as_a_rule_grants_exactly_it() {
    let rules = [rule("sellers", Role::Seller, Some("a")), rule("staff", Role::Operator, None)];
    let granted = |role, reseller: Option<&str>| grants(&rules, &rule("", role, reseller).access);
    assert!(granted(Role::Seller, Some("a")) && granted(Role::Operator, None));
    for (role, reseller) in [(Role::Manager, Some("a")), (Role::Viewer, Some("a")), (Role::Seller, Some("b"))] {
        assert!(!granted(role, reseller), "{role:?} {reseller:?}");
    }
    assert!(!grants(&rules[..1], &rules[1].access), "a rule that was removed");
}

#[test]
fn a_sign_in_that_has_begun_survives_its_cookie_and_nothing_else_is_one() {
    let pending = PendingSignIn::parse("state.nonce.verifier").expect("a sign-in");
    assert_eq!(pending.to_text(), "state.nonce.verifier");
    assert!(!format!("{pending:?}").contains("verifier"));
    for text in ["", "state", "state.nonce", "state..verifier", "a.b.c.d", &format!("a.b.{}", "c".repeat(512))] {
        assert!(PendingSignIn::parse(text).is_none(), "{text}");
    }
}

#[derive(Default)]
struct MemoryStore(Mutex<HashMap<SessionId, StoredSession>>, Lookups);

/// Lookups in flight: their present and their highest number.
#[derive(Default)]
struct Lookups {
    /// The store does not respond.
    hang: AtomicBool,
    now: AtomicUsize,
    most: AtomicUsize,
}

#[async_trait]
impl SessionStore for MemoryStore {
    async fn insert_session(&self, session: &StoredSession, limit: u32) -> Result<u64, StoreError> {
        let mut all = self.0.lock();
        all.insert(session.id, session.clone());
        let mut own: Vec<StoredSession> = all.values().filter(|other| other.user == session.user).cloned().collect();
        own.sort_by_key(|session| std::cmp::Reverse(session.started_at));
        let deleted = own.into_iter().skip(limit as usize).filter(|old| all.remove(&old.id).is_some());
        Ok(deleted.count() as u64)
    }

    async fn find_session(&self, id: SessionId) -> Result<Option<StoredSession>, StoreError> {
        let Lookups { hang, now, most } = &self.1;
        most.fetch_max(now.fetch_add(1, SeqCst) + 1, SeqCst);
        if hang.load(SeqCst) {
            std::future::pending::<()>().await;
        }
        tokio::task::yield_now().await;
        now.fetch_sub(1, SeqCst);
        Ok(self.0.lock().get(&id).cloned())
    }

    async fn touch_session(&self, id: SessionId, at: Timestamp) -> Result<(), StoreError> {
        self.0.lock().entry(id).and_modify(|session| session.seen_at = at);
        Ok(())
    }

    async fn delete_session(&self, id: SessionId) -> Result<bool, StoreError> {
        Ok(self.0.lock().remove(&id).is_some())
    }

    async fn delete_sessions_of(&self, user: &str) -> Result<u64, StoreError> {
        let mut all = self.0.lock();
        let before = all.len();
        all.retain(|_, session| session.user != user);
        Ok((before - all.len()) as u64)
    }

    async fn delete_expired_sessions(&self, seen: Timestamp, started: Timestamp) -> Result<u64, StoreError> {
        let mut all = self.0.lock();
        let before = all.len();
        all.retain(|_, session| session.seen_at > seen && session.started_at > started);
        Ok((before - all.len()) as u64)
    }
}

fn sessions() -> (Sessions, Arc<MemoryStore>, Arc<ManualClock>) {
    let (store, clock) = (Arc::new(MemoryStore::default()), ManualClock::at(NOW));
    let limits = SessionLimits { idle_timeout: HOUR, lifetime: 4 * HOUR, per_user: 2 };
    (Sessions::new(store.clone(), clock.clone(), limits, ISSUER.to_owned()), store, clock)
}

fn user(id: &str) -> User {
    let access = Access { reseller: Some("tiqets".to_owned()), role: Role::Seller };
    User { id: id.to_owned(), name: format!("{id}@example.org"), access }
}

#[tokio::test]
async fn a_token_is_random_opens_its_session_only_and_is_not_stored() {
    let (sessions, store, _) = sessions();
    let (one, other) =
        (sessions.start(user("mara")).await.expect("a session"), SessionToken::generate().expect("a token"));
    assert_eq!((one.expose().len(), one.expose() == other.expose()), (43, false));
    let session = sessions.resume(one.id()).await.expect("the session");
    assert_eq!((session.stored.user.as_str(), session.stored.name.as_str()), ("mara", "mara@example.org"));
    assert!(matches!(sessions.resume(other.id()).await, Err(SessionError::Unknown)));
    let stored: Vec<SessionId> = store.0.lock().keys().copied().collect();
    assert!(stored == [one.id()] && stored[0].0.as_slice() != one.expose().as_bytes());
    assert!(!format!("{one:?} {session:?}").contains(one.expose()));
    for text in ["", "short", &"A".repeat(44), &format!("{}=", "A".repeat(42)), &"+".repeat(43)] {
        assert!(SessionToken::parse(text).is_none(), "{text}");
    }
}

#[tokio::test]
async fn a_session_ends_when_it_is_idle_and_at_the_end_of_its_life_however_much_it_is_used() {
    let (sessions, _, clock) = sessions();
    let idle = sessions.start(user("idle")).await.expect("a session").id();
    let busy = sessions.start(user("busy")).await.expect("a session").id();
    for _ in 0..4 {
        clock.advance(30 * MINUTE);
        sessions.resume(busy).await.expect("a session in use");
    }
    assert!(matches!(sessions.resume(idle).await, Err(SessionError::Expired)));
    for _ in 0..3 {
        clock.advance(30 * MINUTE);
        sessions.resume(busy).await.expect("a session in use");
    }
    clock.advance(30 * MINUTE);
    assert!(matches!(sessions.resume(busy).await, Err(SessionError::Expired)));
}

#[tokio::test]
async fn a_lookup_alone_does_not_prolong_a_session() {
    let (sessions, _, clock) = sessions();
    let id = sessions.start(user("mara")).await.expect("a session").id();
    for _ in 0..2 {
        clock.advance(29 * MINUTE);
        sessions.find(id).await.expect("a session");
    }
    clock.advance(2 * MINUTE);
    assert!(matches!(sessions.find(id).await, Err(SessionError::Expired)));
}

#[tokio::test]
async fn a_new_session_ends_the_oldest_beyond_the_limit_of_its_user() {
    let (sessions, _, clock) = sessions();
    let mut own = Vec::new();
    let other = sessions.start(user("vera")).await.expect("a session").id();
    for _ in 0..3 {
        clock.advance(MINUTE);
        own.push(sessions.start(user("mara")).await.expect("a session").id());
    }
    assert!(matches!(sessions.find(own[0]).await, Err(SessionError::Unknown)));
    for id in [own[1], own[2], other] {
        sessions.find(id).await.expect("a session within the limit");
    }
}

#[tokio::test]
async fn ending_one_session_leaves_the_others_and_ending_all_leaves_other_users() {
    let (sessions, _, _) = sessions();
    let start = async |name: &str| sessions.start(user(name)).await.expect("a session").id();
    let (one, two, other) = (start("mara").await, start("mara").await, start("vera").await);
    let ends = sessions.subscribe_to_ends();
    sessions.end(one).await.expect("an end");
    assert!(ends.has_changed().expect("the sessions"), "open streams look again");
    assert!(matches!(sessions.find(one).await, Err(SessionError::Unknown)));
    sessions.find(two).await.expect("another session of the user");
    assert_eq!(sessions.end_all("mara").await.expect("an end"), 1);
    assert!(matches!(sessions.find(two).await, Err(SessionError::Unknown)));
    sessions.find(other).await.expect("a session of another user");
}

#[tokio::test]
async fn expired_sessions_are_named_as_such_for_a_day_and_then_deleted() {
    let (sessions, store, clock) = sessions();
    let id = sessions.start(user("mara")).await.expect("a session").id();
    clock.advance(24 * HOUR);
    assert_eq!(sessions.delete_expired().await.expect("a deletion"), 0);
    assert!(matches!(sessions.find(id).await, Err(SessionError::Expired)));
    clock.advance(HOUR);
    assert_eq!(sessions.delete_expired().await.expect("a deletion"), 1);
    assert!(store.0.lock().is_empty());
}

#[tokio::test]
async fn invented_tokens_use_two_connections_of_the_store_at_most() {
    let (sessions, store, _) = sessions();
    let sessions = Arc::new(sessions);
    let mut strangers = tokio::task::JoinSet::new();
    for _ in 0..50 {
        let (sessions, token) = (Arc::clone(&sessions), SessionToken::generate().expect("a token"));
        strangers.spawn(async move { sessions.find(token.id()).await.is_err() });
    }
    assert!(strangers.join_all().await.into_iter().all(|is_unknown| is_unknown));
    assert_eq!(store.1.most.load(SeqCst), 2);
}

#[tokio::test(start_paused = true)]
async fn a_lookup_waits_a_bounded_time_for_others_that_hang() {
    let (sessions, store, _) = sessions();
    let (sessions, token) = (Arc::new(sessions), SessionToken::generate().expect("a token"));
    store.1.hang.store(true, SeqCst);
    let mut hanging = tokio::task::JoinSet::new();
    for _ in 0..2 {
        let (sessions, id) = (Arc::clone(&sessions), token.id());
        hanging.spawn(async move { sessions.find(id).await.is_err() });
    }
    tokio::task::yield_now().await;
    let third = tokio::time::timeout(MINUTE, sessions.find(token.id())).await;
    assert!(matches!(third, Ok(Err(SessionError::Busy))), "{third:?}");
}

#[tokio::test]
async fn a_session_of_another_issuer_is_unknown() {
    let (sessions, store, clock) = sessions();
    let id = sessions.start(user("mara")).await.expect("a session").id();
    let limits = SessionLimits { idle_timeout: HOUR, lifetime: 4 * HOUR, per_user: 2 };
    let moved = Sessions::new(store, clock, limits, "https://other.example.com/".to_owned());
    assert!(matches!(moved.find(id).await, Err(SessionError::Unknown)));
    sessions.find(id).await.expect("a session of its issuer");
}

#[tokio::test]
async fn an_end_is_signaled_only_if_a_session_has_ended() {
    let (sessions, _, clock) = sessions();
    let mut ends = sessions.subscribe_to_ends();
    let mut has_ended = || {
        let changed = ends.has_changed().expect("the sessions");
        ends.mark_unchanged();
        changed
    };
    let id = sessions.start(user("mara")).await.expect("a session").id();
    sessions.end(SessionToken::generate().expect("a token").id()).await.expect("no end");
    sessions.end_all("vera").await.expect("no end");
    clock.advance(MINUTE);
    sessions.start(user("mara")).await.expect("a second session");
    assert!(!has_ended(), "nothing has ended");
    clock.advance(MINUTE);
    sessions.start(user("mara")).await.expect("a third session");
    assert!(has_ended(), "the oldest");
    sessions.end(id).await.expect("no end");
    assert!(!has_ended(), "it was ended before");
    sessions.end_all("mara").await.expect("an end");
    assert!(has_ended(), "all");
}
