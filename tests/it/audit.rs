//! The audit log on both databases.

use audit::{AuditAction, AuditActor, AuditEntry, AuditFilter, AuditStore, AuditSubject};
use domain::{OrderKey, SourceId};
use jiff::Timestamp;
use store_sql::{CredentialKey, Stores, open_stores};

use crate::default_config::default_store_settings;
use crate::orders::database::Postgres;

async fn open(url: &str) -> Stores {
    open_stores(url, &[CredentialKey::new([7; 32])], &default_store_settings()).await.expect("the store opens")
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_806_000_000 + second).expect("a time")
}

fn entry(second: i64, actor: &str, action: AuditAction, subject: AuditSubject) -> AuditEntry {
    let reseller = (actor != "operator").then(|| "tiqets".to_owned());
    let actor = AuditActor { id: actor.to_owned(), name: format!("{actor}@example.org"), reseller };
    AuditEntry { at: at(second), actor, action, subject }
}

async fn listed(store: &dyn AuditStore, filter: &AuditFilter) -> Vec<AuditEntry> {
    let page = store.list_audit(filter, None, 100).await.expect("the store");
    assert!(!page.has_more);
    page.entries.into_iter().map(|(_, entry)| entry).collect()
}

async fn all(stores: &Stores) {
    let store = &*stores.audit;
    let order = AuditSubject::order(OrderKey::random(), "TG-1");
    let entries = [
        entry(0, "mara", AuditAction::SignedIn, AuditSubject::NONE),
        entry(1, "mara", AuditAction::CodesRead, order.clone()),
        entry(2, "shop", AuditAction::OrderCanceled, order),
        entry(3, "operator", AuditAction::SourcePaused, AuditSubject::source(&SourceId::new("harbor"))),
    ];
    for entry in &entries {
        store.append_audit(entry).await.expect("the store");
    }
    let newest_first: Vec<AuditEntry> = entries.iter().rev().cloned().collect();
    assert_eq!(listed(store, &AuditFilter::default()).await, newest_first);
    let of_mara = AuditFilter { actor: Some("mara".to_owned()), ..AuditFilter::default() };
    assert_eq!(listed(store, &of_mara).await, [entries[1].clone(), entries[0].clone()]);
    let of_order = AuditFilter { order_number: Some("TG-1".to_owned()), ..AuditFilter::default() };
    assert_eq!(listed(store, &of_order).await, [entries[2].clone(), entries[1].clone()]);
    let actions = vec![AuditAction::CodesRead, AuditAction::SourcePaused];
    let both = AuditFilter { actions, actor: Some("mara".to_owned()), ..AuditFilter::default() };
    assert_eq!(listed(store, &both).await, [entries[1].clone()]);

    let mut pages = Vec::new();
    let mut before = None;
    loop {
        let page = store.list_audit(&AuditFilter::default(), before, 3).await.expect("the store");
        before = page.entries.last().map(|(position, _)| *position);
        pages.extend(page.entries.into_iter().map(|(_, entry)| entry));
        if !page.has_more {
            break;
        }
    }
    assert_eq!(pages, newest_first);
    assert_eq!(store.delete_audit(at(2)).await.expect("the store"), 2);
    assert_eq!(listed(store, &AuditFilter::default()).await, newest_first[..2]);
}

#[tokio::test]
async fn on_sqlite_the_log_is_listed_filtered_and_deleted() {
    all(&open("sqlite::memory:").await).await;
}

#[tokio::test]
async fn on_postgres_the_log_is_listed_filtered_and_deleted() {
    let Some(server) = Postgres::start() else { return };
    all(&open(server.url()).await).await;
}
