//! Contract of the mobile app port, against the emulated TIXnGO (`tixngo.md`).

use std::sync::Arc;
use std::time::Duration;

use domain::mobile::{
    AppCancellation, AppChannel, AppControl, AppEvent, AppHolder, AppStateUpdate, AppTicket, AppTicketKey,
    AppTicketState,
};
use domain::{Clock, Effect, ErrorKind, LocalizedText, Money, RefusalReason, SourceId, VendorError};
use emulators::StateChange;
use emulators::tixngo::{CLUB_KEY, OPERA_KEY, TixngoEmulator};
use emulators::{Fault, Rule, RunningEmulator, SandboxClock, Scenario, Stage};
use http_client::VendorHttpClient;
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_util::task::TaskTracker;
use vendor_api::ChannelConfig;

use crate::contract::fixture::{ATTEMPT_TIMEOUT, fixed_clock};

/// The emulated app and a channel of one organizer.
struct AppFixture {
    app: AppChannel,
    running: RunningEmulator,
    clock: Arc<SandboxClock>,
}

impl AppFixture {
    async fn start() -> Self {
        Self::start_with(OPERA_KEY, false).await
    }

    async fn start_with(key: &str, limits: bool) -> Self {
        let clock = fixed_clock();
        let stage = Stage::new(TixngoEmulator::new(Arc::clone(&clock), None, limits), Arc::clone(&clock));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("free port");
        let running = stage.run(listener, &TaskTracker::new()).expect("running emulator");
        let app = connect(&running, &format!("api_key = \"{key}\""));
        Self { app, running, clock }
    }

    fn fail(&self, rules: Vec<Rule>) {
        self.running.stage.faults.clear();
        self.running.stage.faults.add(Scenario { rules });
    }

    fn change_state(&self, name: &str, id: &str, value: Value) {
        let change = StateChange { name: name.to_owned(), id: Some(id.to_owned()), value };
        self.running.stage.change_state(&change).expect("known state change");
    }

    async fn inject(&self, ids: &[&str]) {
        let tickets: Vec<AppTicket> = ids.iter().map(|id| ticket(id)).collect();
        for (id, result) in self.app.port.inject(&tickets).await {
            assert_eq!(result.expect("accepted"), AppStateUpdate::Is(AppTicketState::Injected), "{id}");
        }
    }

    async fn state(&self, id: &str) -> AppStateUpdate {
        self.app.port.load_status(&key(id)).await.expect("status of the ticket").update
    }
}

fn connect(running: &RunningEmulator, own: &str) -> AppChannel {
    let config = ChannelConfig {
        id: "opera-app".to_owned(),
        source: SourceId::new("opera"),
        url: format!("{}/v3/organizer/tickets", running.base_url()),
        app_settings: own.parse().expect("valid TOML"),
    };
    let client = http_client::ConnectionPools::new(ATTEMPT_TIMEOUT).expect("HTTP client");
    let transport =
        VendorHttpClient::new(client, config.source.clone(), Arc::new(testkit::UnlimitedRateLimiter), ATTEMPT_TIMEOUT);
    (vendor_registry::APPS[0].connect)(config, transport).unwrap_or_else(|invalid| panic!("{invalid:?}"))
}

fn key(id: &str) -> AppTicketKey {
    AppTicketKey::new(id)
}

fn ticket(id: &str) -> AppTicket {
    let at = |text: &str| text.parse::<Timestamp>().expect("valid timestamp");
    AppTicket {
        key: key(id),
        event: AppEvent {
            id: "TOSCA".to_owned(),
            name: LocalizedText::monolingual("Tosca"),
            site: LocalizedText::monolingual("Grand Théâtre"),
            city: LocalizedText::monolingual("Lausanne"),
            country_code: "CH".to_owned(),
            zip: "1000".to_owned(),
            starts_at: at("2026-12-01T19:00:00Z"),
            expires_at: at("2026-12-02T19:00:00Z"),
            website: None,
        },
        holder: AppHolder {
            email: "bea@example.org".to_owned(),
            first_name: "Bea".to_owned(),
            last_name: "Holder".to_owned(),
            phone: None,
            language: None,
        },
        price: Some(Money::new(8500, "CHF".parse().expect("known currency"))),
        category: None,
        ticket_number: format!("N-{id}"),
        barcode: format!("code of {id}").into(),
        seating: vec![("Seat".to_owned(), "14".to_owned())],
        visible_from: Some(at("2026-12-01T16:00:00Z")),
        group: None,
        file: None,
        max_transfers: None,
    }
}

fn cancellation(id: &str) -> AppCancellation {
    AppCancellation { key: key(id), reason: "REFUND".to_owned(), notify_holder: false }
}

fn rejection_reason(result: &Result<AppStateUpdate, VendorError>) -> Option<&RefusalReason> {
    match &result.as_ref().expect_err("rejected").kind {
        ErrorKind::Rejected(refusal) => Some(&refusal.reason),
        _ => None,
    }
}

#[tokio::test]
async fn a_thousand_tickets_are_one_call_and_each_has_its_own_outcome() {
    let fixture = AppFixture::start().await;
    let mut tickets: Vec<AppTicket> = (0..1001).map(|number| ticket(&format!("T-{number}"))).collect();
    tickets[3].holder.email = "nobody".to_owned();
    let code = tickets[7].barcode.clone();
    tickets[500].barcode = code;
    let results = fixture.app.port.inject(&tickets).await;
    assert_eq!(results.len(), 1001, "each ticket has a result");
    assert_eq!(
        rejection_reason(&results[&key("T-3")]),
        Some(&RefusalReason::InvalidInput { field: "holder.email".to_owned() })
    );
    assert_eq!(
        rejection_reason(&results[&key("T-500")]),
        Some(&RefusalReason::Conflict),
        "a barcode of another ticket"
    );
    assert_eq!(results.values().filter(|result| result.is_ok()).count(), 999);
    // One was rejected before sending, so a thousand remained.
    assert_eq!(fixture.running.stage.log.count("/v3/organizer/tickets"), 1);
}

#[tokio::test]
async fn more_than_a_thousand_are_split_and_a_smaller_vendor_limit_halves_the_batch() {
    let fixture = AppFixture::start().await;
    let tickets: Vec<AppTicket> = (0..1500).map(|number| ticket(&format!("T-{number}"))).collect();
    assert!(fixture.app.port.inject(&tickets).await.values().all(Result::is_ok));
    assert_eq!(fixture.running.stage.log.all().len(), 2);
    let too_many = Fault::Status { status: 413, retry_after: None, body: None };
    fixture.fail(vec![Rule::for_path("/cancelled", too_many).times(1)]);
    let cancelled: Vec<_> = (0..10).map(|number| cancellation(&format!("T-{number}"))).collect();
    assert!(fixture.app.port.cancel(&cancelled).await.values().all(Result::is_ok));
    assert_eq!(fixture.running.stage.log.count("/cancelled"), 3, "one full batch and two halves");
}

#[tokio::test]
async fn injecting_the_same_ticket_again_keeps_its_owner_and_status() {
    let fixture = AppFixture::start().await;
    fixture.inject(&["A"]).await;
    fixture.change_state("download", "A", json!(null));
    fixture.change_state("transfer/start", "A", json!("cy@example.net"));
    fixture.change_state("transfer/accept", "A", json!("Cy Guest"));
    let results = fixture.app.port.inject(&[ticket("A")]).await;
    assert_eq!(results[&key("A")].as_ref().expect("accepted"), &AppStateUpdate::Is(AppTicketState::Transferred));
    let now = fixture.app.port.load_status(&key("A")).await.expect("status of the ticket");
    assert_eq!((now.owner_email.as_deref(), now.transfers), (Some("cy@example.net"), Some(1)));
}

#[tokio::test]
async fn a_canceled_ticket_is_deleted_in_two_steps_and_its_id_is_not_reusable() {
    let fixture = AppFixture::start().await;
    fixture.inject(&["A"]).await;
    let results = fixture.app.port.cancel(&[cancellation("A"), cancellation("unknown")]).await;
    assert_eq!(results[&key("A")].as_ref().expect("accepted"), &AppStateUpdate::Is(AppTicketState::DeletionPending));
    assert_eq!(results[&key("unknown")].as_ref().expect_err("not found").kind, ErrorKind::NotFound);
    fixture.clock.advance(3_000);
    assert_eq!(fixture.state("A").await, AppStateUpdate::Is(AppTicketState::Deleted));
    let again = fixture.app.port.cancel(&[cancellation("A")]).await;
    assert_eq!(again[&key("A")].as_ref().expect("accepted"), &AppStateUpdate::Is(AppTicketState::Deleted));
    let results = fixture.app.port.inject(&[ticket("A")]).await;
    assert_eq!(rejection_reason(&results[&key("A")]), Some(&RefusalReason::Conflict));
}

#[tokio::test]
async fn a_controlled_ticket_can_no_longer_be_transferred() {
    let fixture = AppFixture::start().await;
    fixture.inject(&["A"]).await;
    fixture.change_state("transfer/start", "A", json!("cy@example.net"));
    let control = AppControl { key: key("A"), controlled_at: fixture.clock.now() };
    let results = fixture.app.port.control(std::slice::from_ref(&control)).await;
    assert_eq!(results[&key("A")].as_ref().expect("accepted"), &AppStateUpdate::Is(AppTicketState::Controlled));
    let start =
        StateChange { name: "transfer/start".to_owned(), id: Some("A".to_owned()), value: json!("eve@example.net") };
    assert!(fixture.running.stage.change_state(&start).is_err());
    assert!(fixture.app.port.control(&[control]).await[&key("A")].is_ok(), "a repeated control is accepted");
    let results = fixture.app.port.inject(&[ticket("A")]).await;
    assert_eq!(rejection_reason(&results[&key("A")]), Some(&RefusalReason::Conflict));
}

#[tokio::test]
async fn the_feed_is_read_page_by_page_and_each_change_comes_once() {
    let fixture = AppFixture::start().await;
    let tickets: Vec<AppTicket> = (0..1001).map(|number| ticket(&format!("T-{number:04}"))).collect();
    fixture.app.port.inject(&tickets).await;
    let first = fixture.app.port.read_changes(None).await.expect("page of the feed");
    assert_eq!((first.statuses.len(), first.is_caught_up), (1000, false));
    let second = fixture.app.port.read_changes(first.next_cursor.as_deref()).await.expect("page of the feed");
    assert_eq!((second.statuses.len(), second.is_caught_up), (1, true));
    let third = fixture.app.port.read_changes(second.next_cursor.as_deref()).await.expect("page of the feed");
    assert_eq!((third.statuses.len(), third.is_caught_up, third.next_cursor == second.next_cursor), (0, true, true));
    fixture.change_state("download", "T-0003", json!(null));
    fixture.change_state("activate", "T-0003", json!(null));
    let fourth = fixture.app.port.read_changes(third.next_cursor.as_deref()).await.expect("page of the feed");
    let changes: Vec<_> =
        fourth.statuses.iter().map(|status| (status.key.as_str(), status.vendor_state.as_str())).collect();
    assert_eq!(changes, [("T-0003", "MANUAL_ACTIVATED")], "one entry with the current state");
}

#[tokio::test]
async fn a_ticket_is_downloaded_and_activated_by_the_passage_of_time() {
    let fixture = AppFixture::start().await;
    fixture.inject(&["A"]).await;
    fixture.clock.advance(11 * 60_000);
    assert_eq!(fixture.state("A").await, AppStateUpdate::Is(AppTicketState::Downloaded));
    fixture.clock.advance(11 * 24 * 3_600_000);
    assert_eq!(fixture.state("A").await, AppStateUpdate::Is(AppTicketState::Activated));
}

#[tokio::test]
async fn an_api_key_gives_access_to_the_tickets_of_its_organizer_only() {
    let fixture = AppFixture::start().await;
    fixture.inject(&["A"]).await;
    let club = connect(&fixture.running, &format!("api_key = \"{CLUB_KEY}\"\nauth_header = \"x-tixngo-key\""));
    assert!(club.port.read_changes(None).await.expect("page of the feed").statuses.is_empty());
    let forbidden = |error: VendorError| match error.kind {
        ErrorKind::Rejected(refusal) => refusal.reason == RefusalReason::Forbidden,
        _ => false,
    };
    assert!(forbidden(club.port.load_status(&key("A")).await.expect_err("foreign")));
    let result = club.port.cancel(&[cancellation("A")]).await.remove(&key("A")).expect("result of the ticket");
    assert!(forbidden(result.expect_err("foreign")));
    let nobody = connect(&fixture.running, "api_key = \"wrong\"");
    let error = nobody.port.read_changes(None).await.expect_err("unauthorized");
    assert_eq!(error.kind, ErrorKind::Unauthorized);
    let result = nobody.port.inject(&[ticket("B")]).await.remove(&key("B")).expect("result of the ticket");
    assert_eq!(result.map_err(|error| (error.kind, error.effect)), Err((ErrorKind::Unauthorized, Effect::None)));
}

#[tokio::test]
async fn an_id_with_slashes_and_spaces_is_found_and_an_unknown_one_is_not() {
    let fixture = AppFixture::start().await;
    fixture.inject(&["S 1/2 (B)"]).await;
    assert_eq!(fixture.state("S 1/2 (B)").await, AppStateUpdate::Is(AppTicketState::Injected));
    assert_eq!(fixture.app.port.load_status(&key("C")).await.expect_err("missing ticket").kind, ErrorKind::NotFound);
}

#[tokio::test]
async fn too_many_calls_are_rate_limited_with_a_retry_after() {
    let fixture = AppFixture::start_with(OPERA_KEY, true).await;
    for _ in 0..120 {
        fixture.app.port.read_changes(None).await.expect("page of the feed");
    }
    let error = fixture.app.port.read_changes(None).await.expect_err("too many");
    assert_eq!((error.kind, error.retry_after), (ErrorKind::RateLimited, Some(Duration::from_secs(60))));
}

fn status(status: u16, retry_after: Option<u64>) -> Fault {
    Fault::Status { status, retry_after, body: None }
}

#[tokio::test]
async fn each_fault_has_its_error_kind_and_a_lost_push_has_an_unknown_effect() {
    let faults = [
        (status(500, None), ErrorKind::Unavailable, Effect::Unknown),
        (status(503, Some(3)), ErrorKind::Unavailable, Effect::Unknown),
        (status(429, Some(2)), ErrorKind::RateLimited, Effect::None),
        (Fault::DropBefore, ErrorKind::Unavailable, Effect::Unknown),
        (Fault::CommitThenDrop, ErrorKind::Unavailable, Effect::Unknown),
        (Fault::Truncate, ErrorKind::Unavailable, Effect::Unknown),
        (Fault::Malformed, ErrorKind::Malformed, Effect::Unknown),
        (Fault::Html502, ErrorKind::Unavailable, Effect::Unknown),
        (Fault::Delay { ms: 60_000 }, ErrorKind::Timeout, Effect::Unknown),
    ];
    let fixture = AppFixture::start().await;
    for (number, (fault, kind, effect)) in faults.into_iter().enumerate() {
        fixture.fail(vec![Rule::for_path("/", fault.clone())]);
        let read = fixture.app.port.read_changes(None).await.expect_err("injected fault");
        assert_eq!((read.kind, read.effect), (kind.clone(), Effect::None), "{fault:?}");
        let id = format!("F-{number}");
        let result = fixture.app.port.inject(&[ticket(&id)]).await.remove(&key(&id)).expect("result of the ticket");
        let error = result.expect_err("injected fault");
        assert_eq!((error.kind, error.effect), (kind, effect), "{fault:?}");
        fixture.fail(Vec::new());
        // Whatever the outcome, sending the same ticket again never creates a second one.
        fixture.inject(&[&id]).await;
    }
    let all = fixture.app.port.read_changes(None).await.expect("page of the feed").statuses;
    assert_eq!(all.len(), 9, "one ticket per fault");
}

#[tokio::test]
async fn a_ticket_missing_from_the_response_is_unknown_and_the_others_are_not() {
    let fixture = AppFixture::start().await;
    let body = json!({"result": [{"ticketId": "A", "outcome": "ACCEPTED", "status": "INJECTED"},
        {"ticketId": "C", "outcome": "PERHAPS"}]});
    let answer = Fault::Status { status: 200, retry_after: None, body: Some(body.to_string()) };
    fixture.fail(vec![Rule::for_path("/tickets", answer)]);
    let results = fixture.app.port.inject(&[ticket("A"), ticket("B"), ticket("C")]).await;
    assert!(results[&key("A")].is_ok());
    for id in ["B", "C"] {
        let error = results[&key(id)].as_ref().expect_err("unknown outcome");
        assert_eq!((&error.kind, error.effect), (&ErrorKind::Malformed, Effect::Unknown), "{id}");
    }
}
