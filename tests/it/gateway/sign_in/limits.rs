//! The sign-in with an audit log that does not respond, and with too many requests of an address.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use audit::{AuditEntry, AuditFilter, AuditLog, AuditPage, AuditStore};
use domain::StoreError;
use reqwest::header::{COOKIE, LOCATION, SET_COOKIE};
use sign_in::Role;

use super::{World, parameter};
use crate::gateway::sign;

/// An audit log whose store does not respond.
struct DeadAuditStore;

fn dead<T>() -> Result<T, StoreError> {
    Err(StoreError::Failed("no store".into()))
}

#[async_trait]
impl AuditStore for DeadAuditStore {
    async fn append_audit(&self, _: &AuditEntry) -> Result<(), StoreError> {
        dead()
    }

    async fn list_audit(&self, _: &AuditFilter, _: Option<i64>, _: usize) -> Result<AuditPage, StoreError> {
        dead()
    }

    async fn delete_audit(&self, _: jiff::Timestamp) -> Result<u64, StoreError> {
        dead()
    }
}

#[tokio::test]
async fn a_sign_out_that_cannot_be_recorded_ends_the_session_all_the_same() {
    let audit = AuditLog::new(Arc::new(DeadAuditStore), Arc::new(domain::SystemClock), Duration::from_secs(3600));
    let world = World::start_with(None, Some(Arc::new(audit))).await;
    let session = world.start_session(Role::Seller).await;
    let request = world.gateway.client.post(format!("http://{}/session/end", world.gateway.address));
    let ended = request.header(COOKIE, &session).header("x-csrf-protection", "1").send().await.expect("a response");
    assert_eq!(ended.status(), 204);
    assert!(ended.headers()[SET_COOKIE].to_str().expect("text").contains("Max-Age=0"));
    assert_eq!(world.viewer(&[("cookie", &session), ("x-csrf-protection", "1")]).await.0, 401);
    let unrecorded = world.sign_in_with(|world, nonce| sign(&world.signer, &world.claims(nonce))).await;
    assert_eq!(unrecorded.headers()[LOCATION], "/dashboard?sign-in=unavailable", "nobody signs in unrecorded");
}

#[tokio::test]
async fn an_address_that_sends_too_many_returns_takes_no_place_and_causes_no_request_to_the_provider() {
    let world = World::start_with(Some(3), None).await;
    let (_, url) = world.begin().await;
    let invented = "__Host-ticketgraph-sign-in=state.nonce.verifier";
    for _ in 0..5 {
        world.get("/sign-in/callback?code=c&state=state", Some(invented)).await;
    }
    assert_eq!(world.answers.lock().forms.len(), 2, "requests to the provider");
    for path in ["/sign-in", &format!("/sign-in/callback?code=c&state={}", parameter(&url, "state"))] {
        let rejected = world.get(path, None).await;
        assert_eq!((rejected.status().as_u16(), rejected.headers().contains_key(SET_COOKIE)), (429, false), "{path}");
        let wait: u64 = rejected.headers()["retry-after"].to_str().expect("text").parse().expect("seconds");
        assert!((1..=60).contains(&wait), "{wait}");
    }
    assert_eq!(world.get("/session", None).await.status(), 200);
}
