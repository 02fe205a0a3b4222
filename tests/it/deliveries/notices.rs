//! Notices to the operator: one when a stream fails, one when it works again, to a webhook and by e-mail.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode};
use deliveries::Deliveries;
use deliveries::notice::{NoticePolicy, StreamNotices};
use domain::ordering::DeliveryPreference::MobileApp;
use domain::{Clock, SystemClock};
use emulators::tixngo::OPERA_KEY;
use notifications::{EmailSettings, NotificationSettings, Notifications, WebhookSettings};
use serde_json::Value;
use standardwebhooks::Webhook;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::deliveries::mail_server::{MailServer, PASSWORD};
use crate::deliveries::world::{INTERVAL, World};

/// Key of the signatures.
const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const POLICY: NoticePolicy =
    NoticePolicy { pending_period: Duration::from_secs(600), repeat_interval: Duration::from_secs(4 * 3600) };

/// A webhook that verifies signatures, and responds with its statuses, the last one again and again.
struct Receiver {
    url: String,
    bodies: Arc<Mutex<Vec<String>>>,
    ids: Arc<Mutex<Vec<String>>>,
    _tasks: JoinSet<std::io::Result<()>>,
}

impl Receiver {
    async fn start(statuses: &'static [u16]) -> Self {
        let (bodies, ids) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Mutex::new(Vec::new())));
        let (received, seen) = (Arc::clone(&bodies), Arc::clone(&ids));
        let respond = move |headers: HeaderMap, body: Bytes| {
            let verified = Webhook::new(SECRET).expect("a key").verify(&body, &headers);
            verified.expect("a signature of the key, and a time near now");
            let id = headers["webhook-id"].to_str().expect("text").to_owned();
            let mut ids = seen.lock().expect("a lock");
            let status = statuses[ids.len().min(statuses.len() - 1)];
            ids.push(id);
            received.lock().expect("a lock").push(String::from_utf8(body.to_vec()).expect("text"));
            let headers = [("location", "/elsewhere")];
            std::future::ready((StatusCode::from_u16(status).expect("a status"), headers, "x".repeat(1 << 20)))
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}/hooks/key-in-the-path", listener.local_addr().expect("an address"));
        let mut tasks = JoinSet::new();
        tasks.spawn(async move { axum::serve(listener, Router::new().fallback(respond)).await });
        Self { url, bodies, ids, _tasks: tasks }
    }

    /// Type, stream and reminder of each notice, in order of streams.
    fn notices(&self) -> Vec<(String, String, bool)> {
        let mut notices: Vec<_> = self.bodies.lock().expect("a lock").iter().map(|body| read(body)).collect();
        notices.sort();
        notices
    }

    fn clear(&self) {
        self.bodies.lock().expect("a lock").clear();
    }
}

fn read(body: &str) -> (String, String, bool) {
    let body: Value = serde_json::from_str(body).expect("JSON");
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    assert_eq!(body["data"]["channel"], "opera-app");
    (text(&body["type"]), text(&body["data"]["stream"]), body["data"]["reminder"].as_bool().expect("a flag"))
}

fn notifications(webhook: Option<&str>, mail_server: Option<&MailServer>) -> Notifications {
    let settings = NotificationSettings {
        webhook: webhook.map(|url| WebhookSettings { url: url.into(), secret: SECRET.into() }),
        email: mail_server.map(|server| EmailSettings {
            smtp_url: server.url(PASSWORD).into(),
            from: "ticketgraph@example.org".to_owned(),
            to: vec!["Operator <operator@example.org>".to_owned(), "second@example.org".to_owned()],
        }),
        timeout: Duration::from_millis(500),
        max_attempts_for: Duration::from_secs(2),
    };
    let client = http_client::build_client().expect("a client");
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    Notifications::new(&settings, &client, &clock).expect("valid destinations").expect("a destination")
}

fn process(world: &World, notifications: &Notifications) -> Deliveries {
    world.notifying_process(StreamNotices { notifier: Arc::new(notifications.clone()), policy: POLICY })
}

/// Runs all streams once per interval for a time, then waits for the notices.
async fn run_for(world: &World, process: &Deliveries, notifications: &Notifications, time: Duration) {
    for _ in 0..time.as_secs() / INTERVAL.as_secs() {
        world.advance(INTERVAL);
        process.run_cycle().await.expect("the store");
    }
    notifications.wait_until_idle().await;
}

fn of_both_streams(kind: &str, is_reminder: bool) -> Vec<(String, String, bool)> {
    ["INJECTION", "STATUS"].map(|stream| (kind.to_owned(), stream.to_owned(), is_reminder)).to_vec()
}

#[tokio::test]
async fn a_failing_stream_is_reported_once_by_webhook_and_mail_and_once_when_it_works_again() {
    let (world, webhook, mail) = (World::open().await, Receiver::start(&[204]).await, MailServer::start().await);
    let order = world.buy(MobileApp).await;
    let sender = notifications(Some(&webhook.url), Some(&mail));
    let first = process(&world, &sender);
    world.app.stage.set_down(true);
    // The first run fails, the second one is younger than the pending period.
    run_for(&world, &first, &sender, INTERVAL * 2).await;
    assert_eq!((webhook.notices(), mail.mails().len()), (Vec::new(), 0));
    run_for(&world, &first, &sender, INTERVAL * 10).await;
    assert_eq!(webhook.notices(), of_both_streams("delivery.stream_failed", false));
    assert_eq!(mail.mails().len(), 2);
    // After a restart, and on another replica.
    let second = process(&world, &sender);
    run_for(&world, &second, &sender, INTERVAL * 3).await;
    assert_eq!((webhook.notices().len(), mail.mails().len()), (2, 2));
    world.app.stage.set_down(false);
    run_for(&world, &second, &sender, INTERVAL * 4).await;
    run_for(&world, &first, &sender, INTERVAL).await;
    assert_eq!(webhook.notices()[2..], of_both_streams("delivery.stream_recovered", false));
    assert_eq!(mail.mails().len(), 4);
    let failed: Value = serde_json::from_str(&webhook.bodies.lock().expect("a lock")[0]).expect("JSON");
    assert_eq!((&failed["data"]["problem"], &failed["data"]["pending"]), (&"SOURCE_UNAVAILABLE".into(), &2.into()));
    let mails = mail.mails();
    let subjects: Vec<&str> = mails.iter().map(|mail| mail.header("Subject")).collect();
    assert!(subjects.contains(&"ticketgraph: opera-app INJECTION fails"), "{subjects:?}");
    assert!(subjects.contains(&"ticketgraph: opera-app STATUS works again"), "{subjects:?}");
    let envelope =
        ["MAIL FROM:<ticketgraph@example.org>", "RCPT TO:<operator@example.org>", "RCPT TO:<second@example.org>"];
    assert_eq!(mails[0].envelope, envelope);
    // Nothing about the buyer, no number or code of a ticket, no secret.
    let ticket = world.app_holds()[0].0.clone();
    let all = webhook.bodies.lock().expect("a lock").join("\n") + &format!("{mails:?}");
    for private in ["Bea", "Holder", "bea@example.org", &order.number, &ticket, OPERA_KEY, PASSWORD, &SECRET[6..]] {
        assert!(!all.contains(private), "{private}");
    }
}

#[tokio::test]
async fn a_failure_is_repeated_after_the_interval_and_not_before() {
    let (world, webhook) = (World::open().await, Receiver::start(&[200]).await);
    world.buy(MobileApp).await;
    let sender = notifications(Some(&webhook.url), None);
    let process = process(&world, &sender);
    world.app.stage.set_down(true);
    run_for(&world, &process, &sender, INTERVAL * 3).await;
    webhook.clear();
    run_for(&world, &process, &sender, POLICY.repeat_interval - INTERVAL).await;
    assert_eq!(webhook.notices(), []);
    run_for(&world, &process, &sender, INTERVAL).await;
    assert_eq!(webhook.notices(), of_both_streams("delivery.stream_failed", true));
}

#[tokio::test]
async fn a_dead_destination_costs_a_stream_nothing() {
    let world = World::open().await;
    world.buy(MobileApp).await;
    // Accepts connections, which the system does for it, and never responds.
    let silent = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}/", silent.local_addr().expect("an address"));
    let sender = notifications(Some(&url), None);
    let process = process(&world, &sender);
    world.app.stage.set_down(true);
    for _ in 0..3 {
        world.advance(INTERVAL);
        process.run_cycle().await.expect("the store");
    }
    world.app.stage.set_down(false);
    world.advance(INTERVAL);
    process.run_cycle().await.expect("the store");
    let held = world.app_holds();
    assert!(held.len() == 2 && held.iter().all(|(_, status)| status == "INJECTED"), "{held:?}");
    // The sends go on meanwhile, and end.
    let ended = tokio::time::timeout(Duration::from_millis(300), sender.wait_until_idle()).await;
    assert!(ended.is_err(), "a send that nobody answers was over at once");
    tokio::time::timeout(Duration::from_secs(20), sender.wait_until_idle()).await.expect("the attempts are bounded");
}

#[tokio::test]
async fn a_send_is_repeated_with_the_same_id_for_a_time_and_not_if_it_is_refused_for_good() {
    let more = usize::MAX;
    for (statuses, sends) in [
        (&[503_u16, 200] as &[u16], 2..=2),
        (&[500], 3..=more),
        (&[429, 429, 200], 3..=3),
        (&[400], 1..=1),
        (&[302], 1..=1),
        (&[410], 1..=1),
    ] {
        let (world, webhook) = (World::open().await, Receiver::start(statuses).await);
        let sender = notifications(Some(&webhook.url), None);
        let process = process(&world, &sender);
        world.app.stage.set_down(true);
        // Without a ticket only the stream that reads fails.
        run_for(&world, &process, &sender, INTERVAL * 3).await;
        let ids = webhook.ids.lock().expect("a lock").clone();
        assert!(sends.contains(&ids.len()), "{statuses:?}: {}", ids.len());
        assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    }
}
