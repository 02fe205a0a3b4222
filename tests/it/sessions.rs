//! Sessions of people on both databases.

use jiff::Timestamp;
use sign_in::{Access, Role, SessionId, SessionStore, StoredSession};
use store_sql::{CredentialKey, Stores, open_stores};

use crate::default_config::default_store_settings;
use crate::orders::database::Postgres;

async fn open(url: &str) -> Stores {
    open_stores(url, &[CredentialKey::new([7; 32])], &default_store_settings()).await.expect("the store opens")
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_806_000_000 + second).expect("a time")
}

fn session(id: u8, user: &str, second: i64) -> StoredSession {
    let access = match user {
        "olga" => Access { reseller: None, role: Role::Operator },
        _ => Access { reseller: Some("tiqets".to_owned()), role: Role::Seller },
    };
    let (user, name) = (user.to_owned(), format!("{user}@example.org"));
    let (id, issuer) = (SessionId([id; 32]), "https://login.example.com/".to_owned());
    StoredSession { id, issuer, user, name, access, started_at: at(second), seen_at: at(second) }
}

async fn ids(store: &dyn SessionStore) -> Vec<u8> {
    let mut found = Vec::new();
    for id in 0..16 {
        if store.find_session(SessionId([id; 32])).await.expect("the store").is_some() {
            found.push(id);
        }
    }
    found
}

async fn all(stores: &Stores) {
    let store = &*stores.sessions;
    let insert = async |id, user, second, limit| {
        store.insert_session(&session(id, user, second), limit).await.expect("the store")
    };
    insert(1, "olga", 0, 2).await;
    for (id, second, deleted) in [(2, 10, 0), (3, 20, 0), (4, 30, 1)] {
        assert_eq!(insert(id, "mara", second, 2).await, deleted);
    }
    assert_eq!(ids(store).await, [1, 3, 4], "the oldest of its user is gone");
    for (id, user, second) in [(1, "olga", 0), (4, "mara", 30)] {
        let found = store.find_session(SessionId([id; 32])).await.expect("the store");
        assert_eq!(found, Some(session(id, user, second)));
    }
    // A new session stays even if the clock of another replica is ahead.
    insert(5, "mara", 0, 1).await;
    assert_eq!(ids(store).await, [1, 5]);

    let id = SessionId([5; 32]);
    store.touch_session(id, at(60)).await.expect("the store");
    store.touch_session(id, at(50)).await.expect("the store");
    store.touch_session(SessionId([9; 32]), at(60)).await.expect("a session that is gone stays so");
    let touched = store.find_session(id).await.expect("the store").expect("the session");
    assert_eq!((touched.seen_at, touched.started_at), (at(60), at(0)));

    insert(6, "mara", 70, 9).await;
    assert_eq!(store.delete_expired_sessions(at(-1), at(-1)).await.expect("the store"), 0);
    assert_eq!(store.delete_expired_sessions(at(0), at(-1)).await.expect("the store"), 1, "not used since");
    assert_eq!(ids(store).await, [5, 6]);
    assert_eq!(store.delete_expired_sessions(at(-1), at(0)).await.expect("the store"), 1, "began too long ago");
    insert(7, "mara", 71, 9).await;
    insert(8, "vera", 72, 9).await;
    assert!(store.delete_session(SessionId([7; 32])).await.expect("the store"));
    assert!(!store.delete_session(SessionId([7; 32])).await.expect("the store"));
    assert_eq!(store.delete_sessions_of("mara").await.expect("the store"), 1);
    assert_eq!(ids(store).await, [8]);
}

#[tokio::test]
async fn on_sqlite_sessions_are_bounded_and_end() {
    all(&open("sqlite::memory:").await).await;
}

#[tokio::test]
async fn on_postgres_sessions_are_bounded_and_end() {
    let Some(server) = Postgres::start() else { return };
    all(&open(server.url()).await).await;
}
