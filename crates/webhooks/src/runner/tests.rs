//! Tests of a leased webhook: failures, poisoned lanes, and writing in parts.

use std::collections::BTreeSet;
use std::time::Duration;

use change_feed::{Change, ChangeSubject};
use domain::{PerformanceKey, SourceId};
use jiff::Timestamp;
use resilience::RetryPolicy;
use tokio::time::Instant;

use crate::delivery::{AttemptOutcome, WebhookAttempt, WebhookDelivery, WebhookDeliveryState};
use crate::runner::RunnerSettings;
use crate::runner::leased::Leased;
use crate::secret::SigningKey;
use crate::store::ClaimedWebhook;
use crate::webhook::{
    DisabledReason, Webhook, WebhookEventType, WebhookInclude, WebhookKey, WebhookOwner, WebhookSignature, WebhookState,
};

const HOUR: i64 = 3_600;
const SETTINGS: RunnerSettings = RunnerSettings {
    max_attempts_for: Duration::from_secs(3_600),
    retry: RetryPolicy {
        max_attempts: u32::MAX,
        initial_backoff: Duration::from_secs(1),
        max_backoff: Duration::from_secs(1_000),
        budget_percent: 0,
        budget_reserve: 0,
    },
    window: 100,
    sends_per_webhook: 16,
    sends_per_owner: 64,
    sends: 64,
    poll_interval: Duration::from_secs(1),
    log_retention: Duration::from_secs(3_600),
    log_entries: 100,
};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).expect("a time")
}

fn leased() -> Leased {
    let webhook = Webhook {
        key: WebhookKey("w".to_owned()),
        owner: WebhookOwner { caller: "shop".to_owned(), reseller: None, scopes: Vec::new() },
        url: "https://hooks.example.com/".into(),
        events: vec![WebhookEventType::AvailabilityUpdated],
        include: WebhookInclude::Ids,
        signing: SigningKey::generate(WebhookSignature::Hmac).expect("a key"),
        previous: Vec::new(),
        salt: "salt".into(),
        state: WebhookState::Active,
        disabled: None,
        created_at: at(0),
        position: 0,
        failing_since: None,
        fence: 1,
    };
    Leased::new(ClaimedWebhook { webhook, waiting: Vec::new() }, Instant::now() + Duration::from_secs(60))
}

fn change(position: u64, performance: &str) -> Change {
    let performance = PerformanceKey::new(performance);
    let subject = ChangeSubject::Performance { source: SourceId::new("harbor"), event: None, performance };
    Change { position, at: at(0), subject, version: position, reseller: None, is_removed: false }
}

fn attempt(second: i64, outcome: AttemptOutcome) -> WebhookAttempt {
    let (request, response) = (Vec::new(), Vec::new());
    WebhookAttempt { at: at(second), duration_ms: 1, outcome, status: None, request, response }
}

/// Writes everything in parts of this size. Returns the positions and the numbers of messages.
fn write(leased: &mut Leased, limit: usize) -> Vec<(u64, usize)> {
    let mut parts = Vec::new();
    while let Some(part) = leased.to_write(Duration::ZERO, limit).map(|write| (write.position, write.deliveries.len()))
    {
        leased.written(part.1, part.0, Instant::now() + Duration::from_secs(60));
        parts.push(part);
    }
    parts
}

/// Attempts a message from one second to another.
fn fail(leased: &mut Leased, delivery: WebhookDelivery, from: i64, to: i64) {
    leased.absorb(delivery, attempt(from, AttemptOutcome::Refused), at(to), &SETTINGS);
}

#[test]
fn failures_of_sends_at_the_same_time_count_once() {
    let mut leased = leased();
    let changes: Vec<Change> = (1..=16).map(|position| change(position, &format!("p{position}"))).collect();
    leased.add(&changes, 16, at(0), &SETTINGS);
    write(&mut leased, 200);
    let taken: Vec<_> = std::iter::from_fn(|| leased.take_due(at(0), &SETTINGS)).collect();
    assert_eq!(taken.len(), 16);
    for delivery in taken {
        fail(&mut leased, delivery, 0, 1);
    }
    write(&mut leased, 200);
    let wait = leased.wait_until_due(at(1), &SETTINGS).expect("something is due");
    assert!(wait <= Duration::from_secs(1), "one failure: {wait:?}");
    let mut now = 3;
    for _ in 0..2 {
        let next = leased.take_due(at(now), &SETTINGS).expect("due");
        fail(&mut leased, next, now, now);
        write(&mut leased, 200);
        now += 10;
    }
    assert!(leased.take_due(at(3 + 10), &SETTINGS).is_none(), "three failures in a row: it waits as a whole");
}

#[test]
fn a_message_that_is_refused_alone_is_given_up_and_its_lane_goes_on() {
    let mut leased = leased();
    leased.add(&[change(1, "poison"), change(2, "poison"), change(3, "good")], 3, at(0), &SETTINGS);
    write(&mut leased, 200);
    let poison = leased.take_due(at(0), &SETTINGS).expect("due");
    let good = leased.take_due(at(0), &SETTINGS).expect("due");
    fail(&mut leased, poison, 0, 1);
    leased.absorb(good, attempt(1, AttemptOutcome::Accepted), at(2), &SETTINGS);
    write(&mut leased, 200);
    let poison = leased.take_due(at(HOUR + 9), &SETTINGS).expect("due");
    assert_eq!(poison.position, Some(1));
    fail(&mut leased, poison, HOUR + 9, HOUR + 10);
    let written = leased.to_write(Duration::ZERO, 200).expect("something");
    assert_eq!((written.deliveries[0].state, written.disabled), (WebhookDeliveryState::Failed, None));
    write(&mut leased, 200);
    assert_eq!(leased.take_due(at(2 * HOUR), &SETTINGS).expect("due").position, Some(2));
}

#[test]
fn a_destination_that_accepts_nothing_is_disabled() {
    let mut leased = leased();
    leased.add(&[change(1, "p1")], 1, at(0), &SETTINGS);
    write(&mut leased, 200);
    for second in [0, HOUR + 1] {
        let next = leased.take_due(at(second), &SETTINGS).expect("due");
        fail(&mut leased, next, second, second);
        let written = leased.to_write(Duration::ZERO, 200).expect("something");
        assert_eq!(written.disabled.is_some(), second > HOUR);
        assert_eq!(written.deliveries[0].state, WebhookDeliveryState::Pending, "it goes on once it is enabled");
        if second == 0 {
            write(&mut leased, 200);
        }
    }
    leased.written(1, 1, Instant::now());
    assert_eq!(leased.disabled(), Some((DisabledReason::Failing, Some(at(0)))));
}

#[test]
fn the_messages_of_one_object_take_a_tenth_of_the_window_and_others_go_on() {
    let mut leased = leased();
    let mut changes: Vec<Change> = (1..=40).map(|position| change(position, "poison")).collect();
    changes.push(change(41, "good"));
    leased.add(&changes, 41, at(0), &SETTINGS);
    write(&mut leased, 200);
    assert_eq!(
        (leased.waiting(), leased.position, leased.wants_more(&SETTINGS)),
        (10, 10, false),
        "it waits for its lane"
    );
    let mut now = 0;
    for _ in 0..3 {
        let poison = leased.take_due(at(now), &SETTINGS).expect("due");
        fail(&mut leased, poison, now, now);
        write(&mut leased, 200);
        now += 100;
    }
    assert!(leased.wants_more(&SETTINGS), "the first message fails again and again");
    leased.add(&changes, 41, at(now), &SETTINGS);
    let given_up: BTreeSet<u64> = leased
        .to_write(Duration::ZERO, 200)
        .expect("something")
        .deliveries
        .iter()
        .filter(|one| one.state == WebhookDeliveryState::Failed)
        .filter_map(|one| one.position)
        .collect();
    assert_eq!(given_up, (10..40).collect(), "older ones than the newest, which the log shows");
    write(&mut leased, 200);
    assert_eq!((leased.waiting(), leased.position), (11, 41));
}

#[test]
fn what_is_written_in_parts_is_complete_up_to_the_position_of_each_part() {
    let mut leased = leased();
    let changes: Vec<Change> = (1..=25).map(|position| change(position, &format!("p{position}"))).collect();
    leased.add(&changes, 90, at(0), &SETTINGS);
    assert_eq!(write(&mut leased, 10), [(10, 10), (20, 10), (90, 5)]);
    assert_eq!(leased.waiting(), 25);
    let sent = leased.take_due(at(0), &SETTINGS).expect("due");
    leased.absorb(sent, attempt(0, AttemptOutcome::Accepted), at(1), &SETTINGS);
    leased.add(&[change(91, "q1"), change(92, "q2")], 95, at(1), &SETTINGS);
    assert_eq!(write(&mut leased, 1), [(90, 1), (91, 1), (95, 1)]);
    assert_eq!(leased.waiting(), 26);
}
