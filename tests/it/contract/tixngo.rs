//! The contract of a mobile app, against the emulated TIXnGO (`tixngo.md`).

use std::sync::Arc;
use std::time::Duration;

use domain::mobile::{
    AppCancellation, AppChannel, AppControl, AppEvent, AppHolder, AppSays, AppState, AppTicket, AppTicketKey,
};
use domain::{Clock, Effect, ErrorKind, Money, Reason, SourceId, Text, VendorError};
use emulators::faults::Twist;
use emulators::tixngo::{CLUB_KEY, OPERA_KEY, Tixngo};
use emulators::{Fault, Rule, Running, SandboxClock, Scenario, Stage};
use http_client::Transport;
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_util::task::TaskTracker;
use vendor_api;
use vendor_api::ChannelStanza;

use crate::contract::bench::{ATTEMPT, Unlimited, fixed_clock};

/// An emulated app, and an interface to it for each organizer.
struct Desk {
    app: AppChannel,
    running: Running,
    clock: Arc<SandboxClock>,
}

impl Desk {
    async fn open() -> Self {
        Self::with(OPERA_KEY, false).await
    }

    async fn with(key: &str, limits: bool) -> Self {
        let clock = fixed_clock();
        let stage = Stage::new(Tixngo::new(Arc::clone(&clock), None, limits), Arc::clone(&clock));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let running = stage.run(listener, &TaskTracker::new()).expect("an emulator");
        let app = connect(&running, &format!("api_key = \"{key}\""));
        Self { app, running, clock }
    }

    fn fail(&self, rules: Vec<Rule>) {
        self.running.stage.faults.clear();
        self.running.stage.faults.add(Scenario { rules });
    }

    fn twist(&self, what: &str, id: &str, value: Value) {
        let twist = Twist { what: what.to_owned(), id: Some(id.to_owned()), value };
        self.running.stage.twist(&twist).expect("a twist that is understood");
    }

    async fn inject(&self, ids: &[&str]) {
        let tickets: Vec<AppTicket> = ids.iter().map(|id| ticket(id)).collect();
        for (id, told) in self.app.port.inject(&tickets).await {
            assert_eq!(told.expect("taken"), AppSays::Is(AppState::Injected), "{id}");
        }
    }

    async fn state(&self, id: &str) -> AppSays {
        self.app.port.load(&key(id)).await.expect("a ticket").says
    }
}

fn connect(running: &Running, own: &str) -> AppChannel {
    let stanza = ChannelStanza {
        id: "opera-app".to_owned(),
        source: SourceId::new("opera"),
        url: format!("{}/v3/organizer/tickets", running.base_url()),
        own: own.parse().expect("TOML"),
    };
    let client = http_client::client().expect("a client");
    let transport = Transport::new(client, stanza.source.clone(), Arc::new(Unlimited), ATTEMPT);
    (vendor_registry::APPS[0].connect)(stanza, transport).unwrap_or_else(|findings| panic!("{findings:?}"))
}

fn key(id: &str) -> AppTicketKey {
    AppTicketKey::new(id)
}

fn ticket(id: &str) -> AppTicket {
    let at = |text: &str| text.parse::<Timestamp>().expect("an instant");
    AppTicket {
        key: key(id),
        event: AppEvent {
            id: "TOSCA".to_owned(),
            name: Text::plain("Tosca"),
            site: Text::plain("Grand Théâtre"),
            city: Text::plain("Lausanne"),
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
        price: Some(Money::new(8500, "CHF".parse().expect("a currency"))),
        category: None,
        ticket_number: format!("N-{id}"),
        barcode: format!("code of {id}").into(),
        places: vec![("Seat".to_owned(), "14".to_owned())],
        visible_from: Some(at("2026-12-01T16:00:00Z")),
        group: None,
        file: None,
        max_transfers: None,
    }
}

fn cancellation(id: &str) -> AppCancellation {
    AppCancellation { key: key(id), reason: "REFUND".to_owned(), notifies: false }
}

fn refusal(told: &Result<AppSays, VendorError>) -> Option<&Reason> {
    match &told.as_ref().expect_err("refused").kind {
        ErrorKind::Rejected(refusal) => Some(&refusal.reason),
        _ => None,
    }
}

#[tokio::test]
async fn a_thousand_tickets_are_one_call_and_each_has_its_own_outcome() {
    let desk = Desk::open().await;
    let mut tickets: Vec<AppTicket> = (0..1001).map(|number| ticket(&format!("T-{number}"))).collect();
    tickets[3].holder.email = "nobody".to_owned();
    let code = tickets[7].barcode.clone();
    tickets[500].barcode = code;
    let told = desk.app.port.inject(&tickets).await;
    assert_eq!(told.len(), 1001, "each ticket has an answer");
    assert_eq!(refusal(&told[&key("T-3")]), Some(&Reason::InvalidInput { field: "holder.email".to_owned() }));
    assert_eq!(refusal(&told[&key("T-500")]), Some(&Reason::Conflict), "a code that another ticket has");
    assert_eq!(told.values().filter(|told| told.is_ok()).count(), 999);
    // One was refused before it was sent, so a thousand were left.
    assert_eq!(desk.running.stage.log.count("/v3/organizer/tickets"), 1);
}

#[tokio::test]
async fn more_than_a_thousand_are_cut_and_a_smaller_limit_of_the_vendor_halves_them() {
    let desk = Desk::open().await;
    let tickets: Vec<AppTicket> = (0..1500).map(|number| ticket(&format!("T-{number}"))).collect();
    assert!(desk.app.port.inject(&tickets).await.values().all(Result::is_ok));
    assert_eq!(desk.running.stage.log.all().len(), 2);
    let too_many = Fault::Status { status: 413, retry_after: None, body: None };
    desk.fail(vec![Rule::on("/cancelled", too_many).times(1)]);
    let cancelled: Vec<_> = (0..10).map(|number| cancellation(&format!("T-{number}"))).collect();
    assert!(desk.app.port.cancel(&cancelled).await.values().all(Result::is_ok));
    assert_eq!(desk.running.stage.log.count("/cancelled"), 3, "the whole, and two halves");
}

#[tokio::test]
async fn the_same_ticket_again_is_an_update_that_keeps_owner_and_status() {
    let desk = Desk::open().await;
    desk.inject(&["A"]).await;
    desk.twist("download", "A", json!(null));
    desk.twist("transfer/start", "A", json!("cy@example.net"));
    desk.twist("transfer/accept", "A", json!("Cy Guest"));
    let told = desk.app.port.inject(&[ticket("A")]).await;
    assert_eq!(told[&key("A")].as_ref().expect("taken"), &AppSays::Is(AppState::Transferred));
    let now = desk.app.port.load(&key("A")).await.expect("a ticket");
    assert_eq!((now.owner_email.as_deref(), now.transfers), (Some("cy@example.net"), Some(1)));
}

#[tokio::test]
async fn a_cancelled_ticket_is_deleted_in_two_steps_and_its_id_is_used_up() {
    let desk = Desk::open().await;
    desk.inject(&["A"]).await;
    let told = desk.app.port.cancel(&[cancellation("A"), cancellation("unheard")]).await;
    assert_eq!(told[&key("A")].as_ref().expect("taken"), &AppSays::Is(AppState::DeletionPending));
    assert_eq!(told[&key("unheard")].as_ref().expect_err("unknown").kind, ErrorKind::NotFound);
    desk.clock.advance(3_000);
    assert_eq!(desk.state("A").await, AppSays::Is(AppState::Deleted));
    let again = desk.app.port.cancel(&[cancellation("A")]).await;
    assert_eq!(again[&key("A")].as_ref().expect("taken"), &AppSays::Is(AppState::Deleted));
    let told = desk.app.port.inject(&[ticket("A")]).await;
    assert_eq!(refusal(&told[&key("A")]), Some(&Reason::Conflict));
}

#[tokio::test]
async fn a_controlled_ticket_never_changes_hands_again() {
    let desk = Desk::open().await;
    desk.inject(&["A"]).await;
    desk.twist("transfer/start", "A", json!("cy@example.net"));
    let control = AppControl { key: key("A"), controlled_at: desk.clock.now() };
    let told = desk.app.port.control(std::slice::from_ref(&control)).await;
    assert_eq!(told[&key("A")].as_ref().expect("taken"), &AppSays::Is(AppState::Controlled));
    let start = Twist { what: "transfer/start".to_owned(), id: Some("A".to_owned()), value: json!("eve@example.net") };
    assert!(desk.running.stage.twist(&start).is_err());
    assert!(desk.app.port.control(&[control]).await[&key("A")].is_ok(), "said twice");
    let told = desk.app.port.inject(&[ticket("A")]).await;
    assert_eq!(refusal(&told[&key("A")]), Some(&Reason::Conflict));
}

#[tokio::test]
async fn the_feed_is_read_page_by_page_and_each_change_comes_once() {
    let desk = Desk::open().await;
    let tickets: Vec<AppTicket> = (0..1001).map(|number| ticket(&format!("T-{number:04}"))).collect();
    desk.app.port.inject(&tickets).await;
    let first = desk.app.port.read_changes(None).await.expect("a page");
    assert_eq!((first.statuses.len(), first.is_last), (1000, false));
    let second = desk.app.port.read_changes(first.next.as_deref()).await.expect("a page");
    assert_eq!((second.statuses.len(), second.is_last), (1, true));
    let third = desk.app.port.read_changes(second.next.as_deref()).await.expect("a page");
    assert_eq!((third.statuses.len(), third.is_last, third.next == second.next), (0, true, true));
    desk.twist("download", "T-0003", json!(null));
    desk.twist("activate", "T-0003", json!(null));
    let fourth = desk.app.port.read_changes(third.next.as_deref()).await.expect("a page");
    let told: Vec<_> = fourth.statuses.iter().map(|told| (told.key.as_str(), told.vendor_state.as_str())).collect();
    assert_eq!(told, [("T-0003", "MANUAL_ACTIVATED")], "the ticket as it is now, once");
}

#[tokio::test]
async fn time_alone_brings_a_ticket_to_the_phone_and_its_code_to_light() {
    let desk = Desk::open().await;
    desk.inject(&["A"]).await;
    desk.clock.advance(11 * 60_000);
    assert_eq!(desk.state("A").await, AppSays::Is(AppState::Downloaded));
    desk.clock.advance(11 * 24 * 3_600_000);
    assert_eq!(desk.state("A").await, AppSays::Is(AppState::Activated));
}

#[tokio::test]
async fn a_key_opens_the_tickets_of_its_organizer_only_and_the_login_opens_nothing() {
    let desk = Desk::open().await;
    desk.inject(&["A"]).await;
    let club = connect(&desk.running, &format!("api_key = \"{CLUB_KEY}\"\nauth_header = \"x-tixngo-key\""));
    assert!(club.port.read_changes(None).await.expect("a page").statuses.is_empty());
    let forbidden = |error: VendorError| match error.kind {
        ErrorKind::Rejected(refusal) => refusal.reason == Reason::Forbidden,
        _ => false,
    };
    assert!(forbidden(club.port.load(&key("A")).await.expect_err("foreign")));
    let told = club.port.cancel(&[cancellation("A")]).await.remove(&key("A")).expect("an answer");
    assert!(forbidden(told.expect_err("foreign")));
    let nobody = connect(&desk.running, "api_key = \"wrong\"");
    let error = nobody.port.read_changes(None).await.expect_err("no entry");
    assert_eq!(error.kind, ErrorKind::Unauthorized);
    let told = nobody.port.inject(&[ticket("B")]).await.remove(&key("B")).expect("an answer");
    assert_eq!(told.map_err(|error| (error.kind, error.effect)), Err((ErrorKind::Unauthorized, Effect::None)));
}

#[tokio::test]
async fn an_id_with_slashes_and_blanks_is_read_and_one_that_nobody_made_is_not_found() {
    let desk = Desk::open().await;
    desk.inject(&["S 1/2 (B)"]).await;
    assert_eq!(desk.state("S 1/2 (B)").await, AppSays::Is(AppState::Injected));
    assert_eq!(desk.app.port.load(&key("C")).await.expect_err("none").kind, ErrorKind::NotFound);
}

#[tokio::test]
async fn too_many_calls_are_turned_away_with_a_wait() {
    let desk = Desk::with(OPERA_KEY, true).await;
    for _ in 0..120 {
        desk.app.port.read_changes(None).await.expect("a page");
    }
    let error = desk.app.port.read_changes(None).await.expect_err("too many");
    assert_eq!((error.kind, error.retry_after), (ErrorKind::RateLimited, Some(Duration::from_secs(60))));
}

fn status(status: u16, retry_after: Option<u64>) -> Fault {
    Fault::Status { status, retry_after, body: None }
}

#[tokio::test]
async fn each_fault_of_the_app_is_told_as_what_it_is_and_a_push_that_was_lost_is_unknown() {
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
    let desk = Desk::open().await;
    for (number, (fault, kind, effect)) in faults.into_iter().enumerate() {
        desk.fail(vec![Rule::on("/", fault.clone())]);
        let read = desk.app.port.read_changes(None).await.expect_err("a fault");
        assert_eq!((read.kind, read.effect), (kind.clone(), Effect::None), "{fault:?}");
        let id = format!("F-{number}");
        let told = desk.app.port.inject(&[ticket(&id)]).await.remove(&key(&id)).expect("an answer");
        let error = told.expect_err("a fault");
        assert_eq!((error.kind, error.effect), (kind, effect), "{fault:?}");
        desk.fail(Vec::new());
        // Whatever became of it: the same ticket again is never a second one.
        desk.inject(&[&id]).await;
    }
    let all = desk.app.port.read_changes(None).await.expect("a page").statuses;
    assert_eq!(all.len(), 9, "one ticket a fault");
}

#[tokio::test]
async fn a_result_that_leaves_a_ticket_out_leaves_it_unknown_and_its_neighbours_known() {
    let desk = Desk::open().await;
    let body = json!({"result": [{"ticketId": "A", "outcome": "ACCEPTED", "status": "INJECTED"},
        {"ticketId": "C", "outcome": "PERHAPS"}]});
    let answer = Fault::Status { status: 200, retry_after: None, body: Some(body.to_string()) };
    desk.fail(vec![Rule::on("/tickets", answer)]);
    let told = desk.app.port.inject(&[ticket("A"), ticket("B"), ticket("C")]).await;
    assert!(told[&key("A")].is_ok());
    for id in ["B", "C"] {
        let error = told[&key(id)].as_ref().expect_err("not told");
        assert_eq!((&error.kind, error.effect), (&ErrorKind::Malformed, Effect::Unknown), "{id}");
    }
}
