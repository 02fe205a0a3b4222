//! Sending: at least once, in order for each object, with the same id, signed with the secrets that are valid.

use std::collections::BTreeSet;

use webhooks::WebhookInclude;
use webhooks::request::WebhookProblem;

use crate::webhooks::receiver::{Behavior, Received, Receiver};
use crate::webhooks::world::{SETTINGS, World, caller, connection, operator};

fn versions(received: &[Received], object: &str) -> Vec<u64> {
    received.iter().filter(|one| one.object().contains(object)).map(Received::version).collect()
}

#[tokio::test]
async fn changes_arrive_in_order_for_each_object_signed_and_with_id_version_and_cursor() {
    let (world, receiver) = (World::open().await, Receiver::start(Behavior::Status(204)).await);
    world.change(&[("before", 1)]).await;
    let (webhook, secret) = world.create(&operator(), "one", &receiver.url).await;
    receiver.verify_with(&[&secret]);
    let runner = world.run(SETTINGS);
    let changes: Vec<(&str, u64)> = (1..=40).flat_map(|version| [("p1", version), ("p2", version)]).collect();
    world.change(&changes).await;
    let accepted = receiver.wait_for(80).await;
    for object in ["p1", "p2"] {
        assert_eq!(versions(&accepted, object), (1..=40).collect::<Vec<u64>>());
    }
    assert!(versions(&accepted, "before").is_empty(), "only changes from its creation on");
    let first = &accepted[0].body;
    assert_eq!(first["type"], "availability.updated");
    let cursor = first["data"]["cursor"].as_str().expect("a cursor");
    assert!(world.stores.changes.decode_cursor(cursor).is_some(), "a cursor of the feed");
    assert!(first["timestamp"].as_str().is_some_and(|at| at.ends_with('Z')), "{first}");
    let ids: BTreeSet<&str> = accepted.iter().map(|one| one.id.as_str()).collect();
    assert_eq!(ids.len(), 80);
    runner.close().await;
    let log = world.webhooks.list_messages(&webhook.key, None, 100).await.expect("the store");
    assert_eq!(log.len(), 80);
    assert!(log.iter().all(|message| message.attempts == 1 && message.log[0].status == Some(204)));
}

#[tokio::test]
async fn a_message_that_fails_is_repeated_with_its_id_and_no_later_one_of_its_object_passes_it() {
    let (world, receiver) = (World::open().await, Receiver::start(Behavior::Status(500)).await);
    world.create(&operator(), "one", &receiver.url).await;
    let runner = world.run(SETTINGS);
    world.change(&[("p1", 1), ("p1", 2)]).await;
    let failed = receiver.wait_until(|received| received.len() >= 4).await;
    assert_eq!(failed.iter().map(Received::version).collect::<BTreeSet<u64>>(), BTreeSet::from([1]));
    assert_eq!(failed.iter().map(|one| &one.id).collect::<BTreeSet<_>>().len(), 1, "the same id");
    receiver.behave(Behavior::Status(200));
    assert_eq!(versions(&receiver.wait_for(2).await, "p1"), [1, 2]);
    runner.close().await;
}

#[tokio::test]
async fn a_restart_goes_on_where_it_stopped_and_a_replay_sends_the_same_ids_again() {
    let (world, receiver) = (World::open().await, Receiver::start(Behavior::Status(500)).await);
    let (webhook, _) = world.create(&operator(), "one", &receiver.url).await;
    let first = world.run(SETTINGS);
    world.change(&[("p1", 1), ("p1", 2), ("p2", 1)]).await;
    receiver.wait_until(|received| !received.is_empty()).await;
    first.close().await;
    receiver.behave(Behavior::Status(200));
    world.change(&[("p2", 2)]).await;
    let second = world.run(SETTINGS);
    let accepted = receiver.wait_for(4).await;
    assert_eq!((versions(&accepted, "p1"), versions(&accepted, "p2")), (vec![1, 2], vec![1, 2]));
    let cursor = accepted.iter().find(|one| one.object().contains("p1")).expect("it").body["data"]["cursor"].clone();
    let actor = operator();
    let replayed = world.webhooks.replay(&actor, "again", &webhook.key, cursor.as_str()).await.expect("the store");
    assert!(replayed.problem.is_none() && !replayed.is_replayed, "{replayed:?}");
    let twice = receiver.wait_for(7).await;
    let again = &twice[4..];
    assert_eq!((versions(again, "p1"), versions(again, "p2")), (vec![2], vec![1, 2]));
    assert!(again.iter().all(|one| accepted.iter().any(|before| before.id == one.id && before.body == one.body)));
    let forged = world.webhooks.replay(&actor, "forged", &webhook.key, Some("forged")).await.expect("the store");
    assert_eq!(forged.problem, Some(WebhookProblem::InvalidCursor));
    second.close().await;
}

#[tokio::test]
async fn a_new_secret_and_the_one_before_both_verify_during_the_overlap() {
    let (world, receiver) = (World::open().await, Receiver::start(Behavior::Status(200)).await);
    let (webhook, old) = world.create(&operator(), "one", &receiver.url).await;
    let runner = world.run(SETTINGS);
    let actor = operator();
    let rotated = world.webhooks.rotate_secret(&actor, "rotate", &webhook.key).await.expect("the store");
    let new = secrecy::ExposeSecret::expose_secret(&rotated.secret.expect("a new secret")).to_owned();
    assert_ne!(new, old);
    let repeated = world.webhooks.rotate_secret(&actor, "rotate", &webhook.key).await.expect("the store");
    assert!(repeated.is_replayed && repeated.secret.is_none(), "a secret is returned once");
    for (secret, version) in [(&old, 1), (&new, 2)] {
        receiver.verify_with(&[secret]);
        world.change(&[("p1", version)]).await;
        let accepted = receiver.wait_for(usize::try_from(version).expect("a number")).await;
        assert_eq!(accepted.last().map(|one| one.signature.split(' ').count()), Some(2));
    }
    runner.close().await;
}

#[tokio::test]
async fn a_reseller_receives_its_own_changes_and_those_of_the_catalog_also_with_the_cursor_of_another() {
    let (world, receiver) = (World::open().await, Receiver::start(Behavior::Status(200)).await);
    let all = Receiver::start(Behavior::Status(200)).await;
    let (webhook, _) = world.create(&caller("tours", Some("tours")), "one", &receiver.url).await;
    world.create(&operator(), "all", &all.url).await;
    let runner = world.run(SETTINGS);
    let changes = [connection("other", 1), connection("tours", 1), connection("other", 2), connection("tours", 2)];
    world.stores.changes.append(&changes).await.expect("the store");
    assert_eq!(all.wait_for(4).await.len(), 4);
    assert_eq!(versions(&receiver.wait_for(2).await, "tours"), [1, 2]);
    let of_other = all.accepted().into_iter().find(|one| one.object().contains("other")).expect("one");
    let cursor = of_other.body["data"]["cursor"].as_str().expect("a cursor");
    let actor = caller("tours", Some("tours"));
    let replayed = world.webhooks.replay(&actor, "again", &webhook.key, Some(cursor)).await.expect("the store");
    assert!(replayed.problem.is_none(), "{replayed:?}");
    world.change(&[("p1", 1)]).await;
    let accepted = receiver.wait_until(|received| received.iter().any(|one| one.object().contains("p1"))).await;
    assert!(accepted.iter().all(|one| !one.object().contains("other")), "{accepted:?}");
    assert!(accepted.len() >= 4, "its own came again: {accepted:?}");
    runner.close().await;
}

#[tokio::test]
async fn the_object_is_included_on_request_as_its_owner_may_see_it() {
    let (world, receiver) = (World::open().await, Receiver::start(Behavior::Status(200)).await);
    world.request(&operator(), "one", &receiver.url, WebhookInclude::Full).await;
    let runner = world.run(SETTINGS);
    world.change(&[("p1", 1)]).await;
    assert_eq!(receiver.wait_for(1).await[0].body["data"]["object"]["as"], "operator");
    runner.close().await;
}

#[tokio::test]
async fn two_runners_share_the_webhooks_and_none_sends_twice() {
    let world = World::open().await;
    let mut receivers = Vec::new();
    for number in 0..3 {
        let receiver = Receiver::start(Behavior::Status(200)).await;
        world.create(&operator(), &format!("k{number}"), &receiver.url).await;
        receivers.push(receiver);
    }
    let runners = [world.run(SETTINGS), world.run(SETTINGS)];
    let changes: Vec<(&str, u64)> = (1..=30).map(|version| ("p1", version)).collect();
    world.change(&changes).await;
    for receiver in &receivers {
        assert_eq!(versions(&receiver.wait_for(30).await, "p1"), (1..=30).collect::<Vec<u64>>());
    }
    for runner in runners {
        runner.close().await;
    }
    assert!(receivers.iter().all(|receiver| receiver.received().len() == 30), "each message came once");
}
