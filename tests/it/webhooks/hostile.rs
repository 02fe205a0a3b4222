//! Hostile destinations: each has its outcome, and costs the others nothing.

use std::collections::BTreeSet;
use std::time::Duration;

use webhooks::address::AddressPolicy;
use webhooks::delivery::AttemptOutcome;
use webhooks::request::{UpdateWebhook, WebhookProblem};
use webhooks::{DisabledReason, RunnerSettings, Webhook, WebhookInclude, WebhookState};

use crate::webhooks::receiver::{Behavior, Receiver};
use crate::webhooks::world::{OPEN, SETTINGS, World, caller, operator};

/// Time limit of an attempt.
const TIMEOUT: Duration = Duration::from_millis(300);

async fn world() -> World {
    World::with("sqlite::memory:", OPEN, TIMEOUT).await
}

/// Outcome and status of the last attempt in the log.
async fn last_attempt(world: &World, webhook: &Webhook) -> (AttemptOutcome, Option<u16>) {
    let log = world.webhooks.list_messages(&webhook.key, None, 10).await.expect("the store");
    let attempt = log.iter().find_map(|message| message.log.last()).expect("an attempt");
    (attempt.outcome, attempt.status)
}

async fn enable(world: &World, webhook: &Webhook, key: &str) {
    let request = UpdateWebhook {
        key: key.to_owned(),
        webhook: webhook.key.clone(),
        url: None,
        events: None,
        include: None,
        state: Some(WebhookState::Active),
    };
    let outcome = world.webhooks.update(&operator(), &request).await.expect("the store");
    assert_eq!(outcome.webhook.map(|webhook| webhook.state), Some(WebhookState::Active));
}

#[tokio::test]
async fn each_behavior_has_its_outcome_in_the_log() {
    let cases = [
        (Behavior::Status(500), AttemptOutcome::Refused, Some(500)),
        (Behavior::Status(301), AttemptOutcome::Redirected, Some(301)),
        (Behavior::Status(404), AttemptOutcome::Refused, Some(404)),
        (Behavior::OtherTime, AttemptOutcome::ClockDiffers, Some(401)),
        (Behavior::Slow(Duration::from_secs(40)), AttemptOutcome::TimedOut, None),
        (Behavior::Huge(200), AttemptOutcome::Accepted, Some(200)),
        (Behavior::Huge(500), AttemptOutcome::Refused, Some(500)),
    ];
    for (behavior, outcome, status) in cases {
        let (world, receiver) = (world().await, Receiver::start(behavior).await);
        let (webhook, _) = world.create(&operator(), "one", &receiver.url).await;
        let tested = world.webhooks.test(&operator(), "test", &webhook.key).await.expect("the store");
        assert!(tested.problem.is_none(), "{tested:?}");
        assert_eq!(last_attempt(&world, &webhook).await, (outcome, status), "{behavior:?}");
        assert_eq!(receiver.received()[0].body["type"], "webhook.test");
    }
}

#[tokio::test]
async fn an_address_where_nobody_listens_and_one_that_says_nothing_have_an_outcome() {
    let world = world().await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let silent = format!("http://{}/", listener.local_addr().expect("an address"));
    let closed = {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        format!("http://{}/", listener.local_addr().expect("an address"))
    };
    for (key, url, outcome) in
        [("silent", silent, AttemptOutcome::TimedOut), ("closed", closed, AttemptOutcome::Unreachable)]
    {
        let (webhook, _) = world.create(&operator(), key, &url).await;
        world.webhooks.test(&operator(), key, &webhook.key).await.expect("the store");
        assert_eq!(last_attempt(&world, &webhook).await, (outcome, None), "{key}");
    }
}

#[tokio::test]
async fn the_log_has_heads_of_a_fixed_list_and_neither_the_url_nor_the_body() {
    let (world, receiver) = (world().await, Receiver::start(Behavior::Status(302)).await);
    let (webhook, secret) = world.create(&operator(), "one", &receiver.url).await;
    world.webhooks.test(&operator(), "test", &webhook.key).await.expect("the store");
    let log = world.webhooks.list_messages(&webhook.key, None, 10).await.expect("the store");
    let attempt = &log[0].log[0];
    let names = |headers: &[(String, String)]| headers.iter().map(|(name, _)| name.clone()).collect::<BTreeSet<_>>();
    let sent = ["content-type", "webhook-id", "webhook-signature", "webhook-timestamp"].map(str::to_owned);
    assert_eq!(names(&attempt.request), BTreeSet::from(sent));
    let returned = ["content-length", "date", "location", "x-request-id"].map(str::to_owned);
    assert_eq!(names(&attempt.response), BTreeSet::from(returned));
    let text = format!("{log:?} {webhook:?}");
    assert!(!text.contains("secret-in-the-url") && !text.contains(&secret), "{text}");
}

#[tokio::test]
async fn a_destination_that_is_gone_is_disabled_at_once_and_goes_on_where_it_stopped() {
    let (world, receiver) = (world().await, Receiver::start(Behavior::Status(410)).await);
    let (webhook, _) = world.create(&operator(), "one", &receiver.url).await;
    let runner = world.run(SETTINGS);
    world.change(&[("p1", 1), ("p1", 2)]).await;
    receiver.wait_until(|received| !received.is_empty()).await;
    runner.close().await;
    let disabled = world.read(&webhook).await;
    assert_eq!((disabled.state, disabled.disabled), (WebhookState::Disabled, Some(DisabledReason::Gone)));
    assert_eq!(world.notices.all().iter().map(|notice| notice.reason).collect::<Vec<_>>(), [DisabledReason::Gone]);
    assert_eq!(receiver.received().len(), 1);
    world.change(&[("p1", 3)]).await;
    receiver.behave(Behavior::Status(200));
    let runner = world.run(SETTINGS);
    enable(&world, &webhook, "enable").await;
    let accepted = receiver.wait_for(3).await;
    assert_eq!(accepted.iter().map(super::receiver::Received::version).collect::<Vec<_>>(), [1, 2, 3]);
    runner.close().await;
}

#[tokio::test]
async fn a_destination_that_fails_for_the_longest_time_is_disabled_with_a_notice_and_nothing_is_lost() {
    let (world, receiver) = (world().await, Receiver::start(Behavior::Status(500)).await);
    let (webhook, _) = world.create(&operator(), "one", &receiver.url).await;
    let settings = RunnerSettings { max_attempts_for: Duration::from_millis(200), ..SETTINGS };
    let runner = world.run(settings);
    world.change(&[("p1", 1)]).await;
    while world.read(&webhook).await.state == WebhookState::Active {
        tokio::task::yield_now().await;
    }
    let notices = world.notices.all();
    assert_eq!(notices.iter().map(|notice| notice.reason).collect::<Vec<_>>(), [DisabledReason::Failing]);
    receiver.behave(Behavior::Status(200));
    enable(&world, &webhook, "enable").await;
    assert_eq!(receiver.wait_for(1).await[0].version(), 1);
    assert_eq!(world.read(&webhook).await.disabled, None);
    runner.close().await;
}

#[tokio::test]
async fn a_dead_destination_stops_at_its_window_and_the_feed_keeps_the_rest() {
    let (world, receiver) = (world().await, Receiver::start(Behavior::Status(503)).await);
    let healthy = Receiver::start(Behavior::Status(200)).await;
    let (webhook, _) = world.create(&operator(), "dead", &receiver.url).await;
    world.create(&operator(), "healthy", &healthy.url).await;
    let runner = world.run(SETTINGS);
    let names: Vec<String> = (0..SETTINGS.window * 3).map(|number| format!("p{number}")).collect();
    let changes: Vec<(&str, u64)> = names.iter().map(|name| (name.as_str(), 1)).collect();
    world.change(&changes).await;
    assert_eq!(healthy.wait_for(changes.len()).await.len(), changes.len());
    receiver.wait_until(|received| received.len() >= 3).await;
    let log = world.webhooks.list_messages(&webhook.key, None, 1_000).await.expect("the store");
    assert_eq!(log.len(), SETTINGS.window, "nothing grows");
    receiver.behave(Behavior::Status(200));
    assert_eq!(receiver.wait_for(changes.len()).await.len(), changes.len(), "nothing is lost");
    runner.close().await;
}

#[tokio::test]
async fn slow_destinations_cost_the_others_nothing() {
    let world = World::with("sqlite::memory:", OPEN, Duration::from_secs(5)).await;
    let hanging = Receiver::start(Behavior::Slow(Duration::from_secs(40))).await;
    world.create(&operator(), "hanging", &hanging.url).await;
    let healthy = Receiver::start(Behavior::Status(200)).await;
    world.create(&operator(), "healthy", &healthy.url).await;
    let runner = world.run(SETTINGS);
    let names: Vec<String> = (0..20).map(|number| format!("p{number}")).collect();
    let changes: Vec<(&str, u64)> = names.iter().map(|name| (name.as_str(), 1)).collect();
    world.change(&changes).await;
    hanging.wait_until(|received| received.len() >= SETTINGS.sends_per_webhook).await;
    let begun = tokio::time::Instant::now();
    world.change(&[("after", 1)]).await;
    healthy.wait_for(21).await;
    assert!(begun.elapsed() < Duration::from_secs(5), "the others wait for no attempt of a slow one");
    assert_eq!(hanging.received().len(), SETTINGS.sends_per_webhook, "its places are bounded");
    drop(runner);
}

#[tokio::test]
async fn slow_destinations_of_one_reseller_cost_another_one_nothing() {
    let world = World::with("sqlite::memory:", OPEN, Duration::from_secs(5)).await;
    let hanging = Receiver::start(Behavior::Slow(Duration::from_secs(40))).await;
    for number in 0..3 {
        world.create(&operator(), &format!("hanging {number}"), &hanging.url).await;
    }
    let healthy = Receiver::start(Behavior::Status(200)).await;
    world.create(&caller("tiqets", Some("tiqets")), "healthy", &healthy.url).await;
    // Only the places of one owner are left by it.
    let settings = RunnerSettings { sends: SETTINGS.sends_per_owner + 1, ..SETTINGS };
    let runner = world.run(settings);
    let names: Vec<String> = (0..20).map(|number| format!("p{number}")).collect();
    let changes: Vec<(&str, u64)> = names.iter().map(|name| (name.as_str(), 1)).collect();
    world.change(&changes).await;
    hanging.wait_until(|received| received.len() >= SETTINGS.sends_per_owner).await;
    healthy.wait_for(20).await;
    assert_eq!(hanging.received().len(), SETTINGS.sends_per_owner, "three of them have the places of one owner");
    drop(runner);
}

#[tokio::test]
async fn private_addresses_are_refused_when_a_webhook_is_made_and_at_each_send() {
    let strict = AddressPolicy { allows_private: false };
    let receiver = Receiver::start(Behavior::Status(200)).await;
    let world = World::with("sqlite::memory:", strict, TIMEOUT).await;
    for url in [receiver.url.as_str(), "https://127.0.0.1/", "https://[::ffff:10.0.0.1]/", "http://hooks.example.com/"]
    {
        let refused = world.request(&operator(), "one", url, WebhookInclude::Ids).await;
        assert_eq!(refused.problem, Some(WebhookProblem::InvalidUrl), "{url}");
    }
    // The name resolves to the loopback address at the time of the send.
    let (webhook, _) = world.create(&operator(), "local", "https://localhost/").await;
    world.webhooks.test(&operator(), "test", &webhook.key).await.expect("the store");
    assert_eq!(last_attempt(&world, &webhook).await, (AttemptOutcome::ForbiddenAddress, None));
    assert!(receiver.received().is_empty());
}
