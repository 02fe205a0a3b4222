//! Isolation: one bad message, row, secret or caller leaves the others as they are.

use std::time::Duration;

use domain::{Clock as _, SystemClock};
use secrecy::ExposeSecret as _;
use tempfile::TempDir;
use webhooks::delivery::{AttemptOutcome, WebhookDelivery, WebhookDeliveryState};
use webhooks::request::UpdateWebhook;
use webhooks::{DisabledReason, WebhookInclude, WebhookState};

use crate::webhooks::receiver::{Behavior, Receiver};
use crate::webhooks::world::{OPEN, PANICKING, REMOVED, SETTINGS, World, caller, operator};

#[tokio::test]
async fn a_row_that_cannot_be_read_stops_no_other_webhook_and_no_other_message() {
    let folder = TempDir::new().expect("a folder");
    let url = format!("sqlite://{}", folder.path().join("orders.db").display());
    let world = World::with(&url, OPEN, Duration::from_secs(2)).await;
    let receiver = Receiver::start(Behavior::Status(200)).await;
    let (bad, _) = world.create(&operator(), "bad", "http://127.0.0.1:9/").await;
    let (good, _) = world.create(&operator(), "good", &receiver.url).await;
    let pool = sqlx::SqlitePool::connect(&url).await.expect("the file");
    let spoil = "UPDATE webhooks SET sealed = x'00' WHERE id = $1";
    sqlx::query(spoil).bind(&bad.key.0).execute(&pool).await.expect("a row");
    let runner = world.run(SETTINGS);
    world.change(&[("p1", 1), ("p2", 1)]).await;
    receiver.wait_for(2).await;
    runner.close().await;
    let listed = world.webhooks.list(&operator().actor).await.expect("the others");
    assert_eq!(listed.iter().map(|webhook| &webhook.key).collect::<Vec<_>>(), [&good.key]);
    let log = async || world.webhooks.list_messages(&good.key, None, 10).await.expect("the others");
    let messages = log().await;
    for spoil in ["SET log = 'x' WHERE message = $1", "SET subject = 'x' WHERE message <> $1"] {
        let sql = format!("UPDATE webhook_messages {spoil}");
        sqlx::query(sqlx::AssertSqlSafe(sql)).bind(&messages[0].message).execute(&pool).await.expect("a row");
    }
    let left = log().await;
    assert_eq!((left.len(), left[0].log.len()), (1, 0), "{left:?}");
}

#[tokio::test]
async fn an_attempt_that_panics_is_a_failure_and_others_are_sent() {
    let (world, receiver) = (World::open().await, Receiver::start(Behavior::Status(200)).await);
    let created = world.request(&operator(), "one", &receiver.url, WebhookInclude::Full).await;
    let webhook = created.webhook.expect("a webhook");
    let runner = world.run(SETTINGS);
    world.change(&[(PANICKING, 1), ("p1", 1)]).await;
    receiver.wait_for(1).await;
    let failed = |one: &WebhookDelivery| one.log.first().is_some_and(|one| one.outcome == AttemptOutcome::Unreachable);
    loop {
        let log = world.webhooks.list_messages(&webhook.key, None, 10).await.expect("the store");
        if log.iter().any(failed) {
            break;
        }
        tokio::task::yield_now().await;
    }
    runner.close().await;
}

#[tokio::test]
async fn nothing_is_sent_for_a_caller_that_was_removed_until_another_enables_the_webhook() {
    let (world, receiver) = (World::open().await, Receiver::start(Behavior::Status(200)).await);
    let (webhook, _) = world.create(&caller(REMOVED, None), "one", &receiver.url).await;
    world.change(&[("p1", 1)]).await;
    let runner = world.run(SETTINGS);
    while world.read(&webhook).await.disabled != Some(DisabledReason::OwnerRemoved) {
        tokio::task::yield_now().await;
    }
    assert!(receiver.received().is_empty());
    let request = UpdateWebhook {
        key: "enable".to_owned(),
        webhook: webhook.key.clone(),
        url: None,
        events: None,
        include: None,
        state: Some(WebhookState::Active),
    };
    world.webhooks.update(&operator(), &request).await.expect("the store");
    assert_eq!(receiver.wait_for(1).await[0].version(), 1);
    assert_eq!(world.read(&webhook).await.owner.caller, "operator");
    runner.close().await;
}

#[tokio::test]
async fn a_replay_drops_what_waits_before_its_cursor() {
    let (world, receiver) = (World::open().await, Receiver::start(Behavior::Status(500)).await);
    let (webhook, _) = world.create(&operator(), "one", &receiver.url).await;
    let runner = world.run(SETTINGS);
    world.change(&[("p1", 1), ("p2", 1)]).await;
    receiver.wait_until(|received| !received.is_empty()).await;
    runner.close().await;
    let end = world.stores.changes.end().await.expect("the store");
    let cursor = world.stores.changes.encode_cursor(end).expect("a cursor");
    world.change(&[("p3", 1)]).await;
    world.webhooks.replay(&operator(), "skip", &webhook.key, Some(&cursor)).await.expect("the store");
    receiver.behave(Behavior::Status(200));
    let runner = world.run(SETTINGS);
    assert!(receiver.wait_for(1).await[0].object().contains("p3"));
    runner.close().await;
    let log = world.webhooks.list_messages(&webhook.key, None, 10).await.expect("the store");
    assert!(log.iter().all(|message| message.state == WebhookDeliveryState::Delivered), "{log:?}");
}

#[tokio::test]
async fn each_of_the_last_secrets_verifies_until_its_end_and_there_are_five_at_most() {
    let (world, receiver) = (World::open().await, Receiver::start(Behavior::Status(200)).await);
    let (webhook, first) = world.create(&operator(), "one", &receiver.url).await;
    let mut secrets = vec![first];
    for number in 0..6 {
        let key = format!("rotate {number}");
        let rotated = world.webhooks.rotate_secret(&operator(), &key, &webhook.key).await.expect("the store");
        secrets.push(rotated.secret.expect("a secret").expose_secret().to_owned());
    }
    assert_eq!(world.read(&webhook).await.previous.len(), 5);
    let runner = world.run(SETTINGS);
    for (version, secret) in (1..).zip(&secrets[1..]) {
        receiver.verify_with(&[secret]);
        world.change(&[("p1", version)]).await;
        let accepted = receiver.wait_for(usize::try_from(version).expect("a number")).await;
        assert_eq!(accepted.last().map(|one| one.signature.split(' ').count()), Some(6));
    }
    runner.close().await;
}

#[tokio::test]
async fn of_messages_that_were_stored_at_the_same_time_the_log_has_its_number_of_entries() {
    let (world, receiver) = (World::open().await, Receiver::start(Behavior::Status(200)).await);
    let (webhook, _) = world.create(&operator(), "one", &receiver.url).await;
    let runner = world.run(SETTINGS);
    world.change(&[("p1", 1), ("p2", 1), ("p3", 1), ("p4", 1)]).await;
    receiver.wait_for(4).await;
    runner.close().await;
    let store = &world.stores.webhooks;
    let log = store.list_messages(&webhook.key, None, 10).await.expect("the store");
    assert!(log.iter().all(|message| message.created_at == log[0].created_at), "one batch");
    let before = SystemClock.now() - Duration::from_secs(3_600);
    assert_eq!(store.delete_messages(&webhook.key, before, 3).await.expect("the store"), 1);
    assert_eq!(store.list_keys().await.expect("the store"), [webhook.key]);
}
