//! Table tests of the mapping.

use domain::mobile::{AppCancellation, AppEvent, AppHolder, AppStateUpdate, AppTicket, AppTicketKey, AppTicketState};
use domain::{Locale, LocalizedText, Money, RefusalReason};
use jiff::Timestamp;

use crate::assumptions::{FeedEntry, TicketError};
use crate::facts::{Facts, Outcome};
use crate::map;
use crate::settings::DisplayOptions;

fn at(text: &str) -> Timestamp {
    text.parse().expect("valid timestamp")
}

fn sample() -> AppTicket {
    let mut name = LocalizedText::monolingual("Harbour Lights Gala");
    name.translations.insert(Locale::parse("fr").expect("valid language tag"), "Gala des lumières".to_owned());
    AppTicket {
        key: AppTicketKey::new("HLG-2034-000117"),
        event: AppEvent {
            id: "HLG-2034".to_owned(),
            name,
            site: LocalizedText::monolingual("North Quay"),
            city: LocalizedText::monolingual("Lausanne"),
            country_code: "CH".to_owned(),
            zip: "1007".to_owned(),
            starts_at: at("2034-06-07T18:00:00Z"),
            expires_at: at("2034-06-08T18:00:00Z"),
            website: Some("https://gala.example.org".to_owned()),
        },
        holder: AppHolder {
            email: "bea@example.org".to_owned(),
            first_name: "Bea".to_owned(),
            last_name: "H".repeat(130),
            phone: None,
            language: Locale::parse("fr"),
        },
        price: Some(Money::new(8500, "CHF".parse().expect("known currency"))),
        category: Some("ADULT".to_owned()),
        ticket_number: "900000117".to_owned(),
        barcode: "7610000000117".into(),
        seating: vec![("Gate".to_owned(), "C".to_owned()), ("Seat".to_owned(), "14".to_owned())],
        visible_from: Some(at("2034-06-07T15:00:00Z")),
        group: Some("HLG-A".to_owned()),
        file: Some("55120".to_owned()),
        max_transfers: Some(3),
    }
}

#[test]
fn a_ticket_is_mapped_as_documented() {
    let options = DisplayOptions::default();
    insta::assert_json_snapshot!("ticket", map::ticket(&sample(), &options));
    let options = DisplayOptions { localized_maps: true, ..DisplayOptions::default() };
    let json = serde_json::to_value(map::ticket(&sample(), &options)).expect("valid JSON");
    assert_eq!(json["event"]["name"], serde_json::json!({ "fr": "Gala des lumières" }));
    assert_eq!(json["event"]["address"]["site"], "North Quay");
}

#[test]
fn an_invalid_ticket_is_detected_before_it_is_sent() {
    assert_eq!(map::invalid_field(&sample()), None);
    let field_after = |change: fn(&mut AppTicket)| {
        let mut ticket = sample();
        change(&mut ticket);
        map::invalid_field(&ticket)
    };
    assert_eq!(field_after(|it| it.key = AppTicketKey::new("ticket#1")), Some("key"));
    assert_eq!(field_after(|it| it.key = AppTicketKey::new("x".repeat(257))), Some("key"));
    assert_eq!(field_after(|it| it.holder.email.clear()), Some("holder.email"));
    assert_eq!(field_after(|it| it.barcode = "".into()), Some("barcode"));
    assert_eq!(field_after(|it| it.event.expires_at = at("2034-01-01T00:00:00Z")), Some("event.expires_at"));
}

#[test]
fn each_status_is_mapped_and_others_are_unknown() {
    use AppTicketState::{
        Activated, Assigned, Controlled, Deleted, DeletionPending, Downloaded, Injected, TransferPending, Transferred,
    };
    for (status, state) in [
        ("INJECTED", Injected),
        ("DOWNLOADED", Downloaded),
        ("ASSIGNED", Assigned),
        ("PENDING_TRANSFER", TransferPending),
        ("PENDING_TRANFER", TransferPending),
        ("PENDING", TransferPending),
        ("TRANSFERRED", Transferred),
        ("BT_ACTIVATED", Activated),
        ("MANUAL_ACTIVATED", Activated),
        ("OFFLINE_ACTIVATED", Activated),
        ("ONLINE_ACTIVATED", Activated),
        ("ACTIVATED", Activated),
        ("DEACTIVATED", Downloaded),
        ("CONTROLLED", Controlled),
        ("DELETION_PENDING", DeletionPending),
        ("DELETED", Deleted),
    ] {
        assert_eq!(Facts::of("").parse_status(status), AppStateUpdate::Is(state), "{status}");
    }
    for status in ["FAILURE_TRANSFER", "FAILURE"] {
        assert_eq!(Facts::of("").parse_status(status), AppStateUpdate::TransferReverted, "{status}");
    }
    for status in ["DEFAULT", "INVALID", "RECEIVED", ""] {
        assert_eq!(Facts::of("").parse_status(status), AppStateUpdate::Unknown, "{status}");
    }
}

#[test]
fn a_pending_transfer_has_only_an_email_address() {
    let read =
        |json: &str| map::ticket_status(serde_json::from_str::<FeedEntry>(json).expect("feed entry"), &Facts::of(""));
    let pending = read(
        r#"{"ticketId": "A", "status": "PENDING_TRANSFER", "updatedAt": "2034-05-20T08:15:00Z",
            "spectatorDetails": {"email": "cy@example.net"}, "initialOwner": null, "assignee": null}"#,
    );
    assert_eq!((pending.owner_email.as_deref(), pending.holder_name), (Some("cy@example.net"), None));
    let assigned = read(
        r#"{"ticketId": "A", "status": "ASSIGNED", "spectatorDetails": {"email": "bea@example.org", "firstName": "Bea"},
            "assignee": {"firstName": "Cy", "lastName": "Guest"}, "transferLevel": 1}"#,
    );
    assert_eq!((assigned.holder_name.as_deref(), assigned.transfers), (Some("Cy Guest"), Some(1)));
}

#[test]
fn each_rejection_code_is_mapped_to_a_reason() {
    let reason = |code: &str| {
        let error = TicketError { code: Some(code.to_owned()), field: Some("event.id".to_owned()) };
        Facts::of("").rejection_reason(Some(&error))
    };
    assert_eq!(reason("TOO_LONG"), Some(RefusalReason::InvalidInput { field: "event.id".to_owned() }));
    assert_eq!(reason("TICKET_DELETED"), Some(RefusalReason::Conflict));
    assert_eq!(reason("EVENT_EXPIRED"), Some(RefusalReason::TooLate));
    assert_eq!(reason("NEW_CODE"), Some(RefusalReason::Other));
    assert_eq!((reason("UNKNOWN_TICKET"), Facts::of("").rejection_reason(None)), (None, Some(RefusalReason::Other)));
}

#[test]
fn a_deleted_ticket_stays_visible_by_reason_then_notification_then_setting() {
    let shown = |reason: &str, notifies: bool, shows_deleted: bool| {
        let options = DisplayOptions {
            show_deleted: shows_deleted,
            show_deleted_reasons: ["RESALE".to_owned()].into(),
            ..DisplayOptions::default()
        };
        let cancellation =
            AppCancellation { key: AppTicketKey::new("A"), reason: reason.to_owned(), notify_holder: notifies };
        map::cancellation(&cancellation, &options).show_deleted_ticket
    };
    assert!(shown("RESALE", false, false) && shown("REFUND", true, false) && shown("REFUND", false, true));
    assert!(!shown("REFUND", false, false));
}

#[test]
fn words_and_paths_are_those_of_the_settings() {
    let other = Facts::of(
        "[assumptions]\noutcomes = { OK = \"accepted\", KO = \"rejected\" }\nstatuses = { SENT = \"injected\" }\n\
         rejections = { GONE = \"not_found\", LATE = \"too_late\" }\npath_controlled = \"/used/\"\n\
         tickets_per_call = 7\ncontrolled_tickets_per_call = 9\npass_validity = \"48h\"",
    );
    let default = Facts::of("");
    assert_eq!((default.outcome("OK"), other.outcome("ok")), (None, Some(Outcome::Accepted)));
    assert_eq!((other.outcome("KO"), other.outcome("REJECTED")), (Some(Outcome::Rejected), Some(Outcome::Rejected)));
    assert_eq!(default.parse_status("SENT"), AppStateUpdate::Unknown);
    assert_eq!(other.parse_status("SENT"), AppStateUpdate::Is(AppTicketState::Injected));
    let error = |code: &str| TicketError { code: Some(code.to_owned()), field: None };
    assert_eq!(default.rejection_reason(Some(&error("GONE"))), Some(RefusalReason::Other));
    assert_eq!(other.rejection_reason(Some(&error("GONE"))), None);
    assert_eq!(other.rejection_reason(Some(&error("LATE"))), Some(RefusalReason::TooLate));
    assert_eq!((default.path_controlled.as_str(), other.path_controlled.as_str()), ("controlled", "used"));
    assert_eq!((other.tickets_per_call, other.controlled_tickets_per_call), (7, 9));
    assert_eq!(
        (default.rules.pass_validity, other.rules.pass_validity.map(|time| time.as_secs())),
        (None, Some(172_800))
    );
}

#[test]
fn an_answer_or_a_page_of_another_shape_is_unknown() {
    let rows = serde_json::json!([{"ticketId": "A", "outcome": "ACCEPTED"}]);
    for (shape, body) in [
        ("result", serde_json::json!({ "result": rows })),
        ("tickets", serde_json::json!({ "tickets": rows })),
        ("list", rows.clone()),
        ("accepted", serde_json::json!({ "accepted": ["A"] })),
    ] {
        for other in ["result", "tickets", "list", "accepted"] {
            let facts = Facts::of(&format!("assumptions.answer_shape = \"{other}\""));
            let read = facts.read_answer(body.clone()).map(|answer| answer.result.len());
            assert_eq!(read, (shape == other).then_some(1), "{shape} read as {other}");
        }
    }
    let entries = serde_json::json!([{"ticketId": "A", "status": "INJECTED"}]);
    for (shape, body) in [
        ("result", serde_json::json!({ "result": entries, "pagination": { "nextPageKey": "7" } })),
        ("items", serde_json::json!({ "items": entries, "nextPageKey": "7" })),
        ("list", entries.clone()),
    ] {
        for other in ["result", "items", "list"] {
            let facts = Facts::of(&format!("assumptions.feed_shape = \"{other}\""));
            let page = facts.read_page(body.clone()).map(|page| (page.result.len(), page.next_page_key));
            let key = (shape != "list").then(|| "7".to_owned());
            assert_eq!(page, (shape == other).then_some((1, key)), "{shape} read as {other}");
        }
    }
}

#[test]
fn times_have_whole_seconds() {
    let mut ticket = sample();
    ticket.event.starts_at = at("2034-06-07T18:00:00.25Z");
    ticket.visible_from = Some(at("2034-06-07T15:00:00.999Z"));
    let json = serde_json::to_value(map::ticket(&ticket, &DisplayOptions::default())).expect("valid JSON");
    assert_eq!(json["event"]["startTime"], "2034-06-07T18:00:00Z");
    assert_eq!(json["activationParameters"]["time"], "2034-06-07T15:00:00Z");
}
