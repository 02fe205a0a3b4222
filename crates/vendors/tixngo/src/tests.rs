//! The mapping, table by table.

use jiff::Timestamp;

use crate::inferred::{FeedEntry, TicketFault};
use crate::map;
use crate::settings::Texts;
use domain::mobile::{AppCancellation, AppEvent, AppHolder, AppSays, AppState, AppTicket, AppTicketKey};
use domain::{Locale, Money, Reason, Text};

fn at(text: &str) -> Timestamp {
    text.parse().expect("an instant")
}

fn sample() -> AppTicket {
    let mut name = Text::plain("Harbour Lights Gala");
    name.translations.insert(Locale::parse("fr").expect("a tag"), "Gala des lumières".to_owned());
    AppTicket {
        key: AppTicketKey::new("HLG-2034-000117"),
        event: AppEvent {
            id: "HLG-2034".to_owned(),
            name,
            site: Text::plain("North Quay"),
            city: Text::plain("Lausanne"),
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
        price: Some(Money::new(8500, "CHF".parse().expect("a currency"))),
        category: Some("ADULT".to_owned()),
        ticket_number: "900000117".to_owned(),
        barcode: "7610000000117".into(),
        places: vec![("Gate".to_owned(), "C".to_owned()), ("Seat".to_owned(), "14".to_owned())],
        visible_from: Some(at("2034-06-07T15:00:00Z")),
        group: Some("HLG-A".to_owned()),
        file: Some("55120".to_owned()),
        max_transfers: Some(3),
    }
}

#[test]
fn a_ticket_is_written_as_the_papers_want_it() {
    let texts = Texts::default();
    insta::assert_json_snapshot!("ticket", map::ticket(&sample(), &texts));
    let texts = Texts { as_maps: true, ..Texts::default() };
    let json = serde_json::to_value(map::ticket(&sample(), &texts)).expect("json");
    assert_eq!(json["event"]["name"], serde_json::json!({ "fr": "Gala des lumières" }));
    assert_eq!(json["event"]["address"]["site"], "North Quay");
}

#[test]
fn a_ticket_of_the_wrong_form_is_known_before_it_is_sent() {
    assert_eq!(map::flaw(&sample()), None);
    let spoil = |change: fn(&mut AppTicket)| {
        let mut ticket = sample();
        change(&mut ticket);
        map::flaw(&ticket)
    };
    assert_eq!(spoil(|it| it.key = AppTicketKey::new("ticket#1")), Some("key"));
    assert_eq!(spoil(|it| it.key = AppTicketKey::new("x".repeat(257))), Some("key"));
    assert_eq!(spoil(|it| it.holder.email.clear()), Some("holder.email"));
    assert_eq!(spoil(|it| it.barcode = "".into()), Some("barcode"));
    assert_eq!(spoil(|it| it.event.expires_at = at("2034-01-01T00:00:00Z")), Some("event.expires_at"));
}

#[test]
fn each_status_has_its_meaning_and_an_unknown_one_none() {
    use AppState::{
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
        assert_eq!(map::says(status), AppSays::Is(state), "{status}");
    }
    for status in ["FAILURE_TRANSFER", "FAILURE"] {
        assert_eq!(map::says(status), AppSays::Back, "{status}");
    }
    for status in ["DEFAULT", "INVALID", "RECEIVED", ""] {
        assert_eq!(map::says(status), AppSays::Unknown, "{status}");
    }
}

#[test]
fn while_a_transfer_is_pending_only_an_address_is_known() {
    let read = |json: &str| map::status(serde_json::from_str::<FeedEntry>(json).expect("an entry"));
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
fn a_refusal_of_a_ticket_says_what_can_be_done() {
    let reason = |code: &str| {
        map::reason(Some(&TicketFault { code: Some(code.to_owned()), field: Some("event.id".to_owned()) }))
    };
    assert_eq!(reason("TOO_LONG"), Some(Reason::InvalidInput { field: "event.id".to_owned() }));
    assert_eq!(reason("TICKET_DELETED"), Some(Reason::Conflict));
    assert_eq!(reason("EVENT_EXPIRED"), Some(Reason::TooLate));
    assert_eq!(reason("NEW_CODE"), Some(Reason::Other));
    assert_eq!((reason("UNKNOWN_TICKET"), map::reason(None)), (None, Some(Reason::Other)));
}

#[test]
fn whether_a_deleted_ticket_stays_in_sight_is_decided_by_reason_then_wish_then_setting() {
    let shown = |reason: &str, notifies: bool, shows_deleted: bool| {
        let texts = Texts { shows_deleted, shown_reasons: ["RESALE".to_owned()].into(), ..Texts::default() };
        let told = AppCancellation { key: AppTicketKey::new("A"), reason: reason.to_owned(), notifies };
        map::cancellation(&told, &texts).show_deleted_ticket
    };
    assert!(shown("RESALE", false, false) && shown("REFUND", true, false) && shown("REFUND", false, true));
    assert!(!shown("REFUND", false, false));
}
