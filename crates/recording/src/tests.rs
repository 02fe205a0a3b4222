//! Whole recordings: planted secrets, bounds, and replay.

use std::fs;
use std::path::Path;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use domain::{SourceId, VendorOperation};
use http_client::{Exchange, ExchangeObserver, ExchangeResponse};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use tempfile::TempDir;
use url::Url;

use super::*;

/// Keys, passwords, names, addresses, numbers of phones and cards, bar codes, ids and tokens.
const SECRETS: [&str; 50] = [
    "sk_live_51H8xYzAbCdEf",
    "5a6e0d1cb00c0000000000000000c0de",
    "harbor-sandbox-key-9",
    "AKIAIOSFODNN7EXAMPLE",
    "wJalrXUtnFEMI/K7MDENG",
    "Tr0ub4dor&3",
    "correct horse battery",
    "p@ssw0rd!2026",
    "Sesame-Open-77",
    "opera-sandbox-password1",
    "Anna-Maria Keller",
    "Jean-Luc O'Brien",
    "Zoë Ñandú García",
    "Müller-Lüdenscheidt",
    "Wolfgang Amadeus",
    "anna.keller@example.com",
    "jl.obrien+tickets@mail.example.org",
    "zoe@nandu.example",
    "kontakt@mueller.example",
    "w.a@salzburg.example",
    "+41 79 123 45 67",
    "+33612345678",
    "0041216190000",
    "(868) 555-0142",
    "1-800-555-0199",
    "Rue du Lac 12, 1005 Lausanne",
    "1 Wrightson Road",
    "Bahnhofstrasse 99a",
    "CH-8001 Zürich",
    "Apartment 4B, 221 Baker Street",
    "4111111111111111",
    "5500-0000-0000-0004",
    "3782 822463 10005",
    "6011000990139424",
    "CH9300762011623852957",
    "K7P2M9QX",
    "7612345678900",
    "TQ-ADULT-00917",
    "9780201379624",
    "QR:0x9F3C7A11",
    "6f9619ff-8b86-d011-b42d-00cf4fc964ff",
    "123E4567-E89B-12D3-A456-426614174000",
    "66f0aa10c3d2e4b5a6978001",
    "17201149984410",
    "c0ffee00-dead-4bee-8fad-feedfacecafe",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI0MiJ9.c2lnbmF0dXJl",
    "ya29.a0AfH6SMBx-token",
    "xoxb-17653672481-19874698323",
    "ghp_16C7e42F292c6912E7710c838347Ae178B4a",
    "1990-02-03",
];

/// Keys under which values are usually kept, and others.
const KEYS: [&str; 10] =
    ["name", "status", "type", "startTime", "amount", "currency", "quantity", "statusCode", "email", "timeZone"];

fn exchange(url: &str, request: &str, headers: &[(&'static str, String)], response: &str) -> Exchange {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        let value = HeaderValue::from_bytes(value.as_bytes()).expect("a header");
        map.append(HeaderName::from_static(name), value);
    }
    Exchange {
        source: SourceId::new("harbor"),
        operation: VendorOperation::ListEvents,
        method: "POST".to_owned(),
        url: Url::parse(url).expect("a URL"),
        display_path: None,
        request_headers: vec!["authorization".to_owned()],
        request_body: request.as_bytes().to_vec().into(),
        outcome: Ok(ExchangeResponse::new(200, map, response.as_bytes().to_vec().into())),
        duration: Duration::from_millis(7),
    }
}

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

/// Returns exchanges that contain a secret in every place where one can stand.
fn exchanges_with(secret: &str, key: &str) -> Vec<Exchange> {
    let json = serde_json::json!({
        "id": 1, "holder": { key: secret, "list": [secret], "text": format!("<p>{secret}</p> and {secret}.") }, secret: true,
    });
    let escaped = quick_xml::escape::escape(secret);
    let xml = format!(
        "<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\"><s:Header><Password>{escaped}</Password></s:Header>\
         <s:Body><getOrder {key}=\"{escaped}\"><{key}>{escaped}</{key}><x><![CDATA[{secret}]]></x></getOrder></s:Body><!-- {secret} --></s:Envelope>"
    );
    let html = format!("<html><body class=\"{secret}\"><h1>{secret}</h1><br></p {secret}>{secret}</body>");
    let plain = format!("{key}={}&x={}", encoded(secret), encoded(secret));
    let header = ["content-type", "retry-after", "date", "set-cookie"].map(|name| (name, secret.to_owned()));
    let path = format!("https://vendor.example/v2/users/{}/tickets", encoded(secret));
    let query = format!("https://vendor.example/v2/users?{plain}&{}=1", encoded(secret));
    let torn = format!("{{\"{key}\": \"{secret}");
    vec![
        exchange(&path, &json.to_string(), &header, &html),
        exchange(&query, &xml, &header, &json.to_string()),
        exchange(&path, &plain, &header, &xml),
        exchange(&query, &html, &header, &torn),
        exchange(&path, &plain, &header, secret),
    ]
}

/// Returns the forms of a secret that a careless masking would let through.
fn forms(secret: &str) -> Vec<String> {
    let reversed: String = secret.chars().rev().collect();
    let mut forms = vec![
        secret.to_owned(),
        encoded(secret),
        STANDARD_NO_PAD.encode(secret),
        URL_SAFE_NO_PAD.encode(secret),
        reversed,
    ];
    forms.push(url::form_urlencoded::byte_serialize(secret.as_bytes()).collect());
    forms.push(serde_json::Value::from(secret).to_string().trim_matches('"').to_owned());
    forms.push(quick_xml::escape::escape(secret).into_owned());
    forms
}

/// Returns the names and contents of all files of a folder.
fn contents(folder: &Path) -> String {
    let mut all = String::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("a file").path();
        all.push_str(&path.display().to_string());
        all.push_str(&fs::read_to_string(&path).expect("text"));
    }
    all
}

#[test]
fn none_of_fifty_planted_secrets_is_in_a_recording() {
    let folder = TempDir::new().expect("a folder");
    let recorder = Recorder::start(folder.path(), RecordingLimits::ONE_ROUND).expect("a recording");
    let mut planted = 0;
    for (number, secret) in SECRETS.iter().enumerate() {
        // A date stays a date under a key of dates, unless the date is one of a birth.
        let is_date = *secret == "1990-02-03";
        // A word without digits is kept as a status or a type: no vendor sends a name under such a key.
        let is_words = secret.bytes().all(|byte| byte.is_ascii_alphabetic() || matches!(byte, b' ' | b'-'));
        let keys = if is_date { &["dateOfBirth", "name"][..] } else { &KEYS };
        for key in keys.iter().filter(|key| !(is_words && ["status", "type", "statusCode"].contains(key))) {
            for exchange in exchanges_with(secret, key) {
                // A date as the key of a map is structure, so only its values are planted.
                let is_key = is_date && exchange.url.query().is_some_and(|query| query.ends_with("=1"));
                let as_key = is_date && String::from_utf8_lossy(&exchange.request_body).contains("\"1990-02-03\":");
                if !is_key && !as_key {
                    recorder.observe(exchange);
                    planted += 1;
                }
            }
        }
        if secret.len() > 6 && secret.bytes().all(|byte| byte.is_ascii_digit()) && !secret.starts_with('0') {
            let body =
                format!("{{\"id\": {secret}, \"amount\": {secret}, \"startTime\": -{secret}, \"x\": {secret}.25}}");
            recorder.observe(exchange(&format!("https://vendor.example/n/{number}"), &body, &[], &body));
            planted += 1;
        }
    }
    let summary = recorder.finish();
    assert_eq!((summary.samples, summary.lost, summary.repeated), (planted, 0, 0));
    let all = contents(folder.path());
    let found: Vec<String> =
        SECRETS.iter().flat_map(|secret| forms(secret)).filter(|form| all.contains(form.as_str())).collect();
    assert!(found.is_empty(), "{found:?}");
    assert!(all.contains("getOrder") && all.contains("\"holder\"") && all.contains("<h1>"), "the structure is kept");
}

#[test]
fn a_recording_is_bounded_in_samples_bodies_and_bytes() {
    let folder = TempDir::new().expect("a folder");
    let limits = RecordingLimits { samples: 2, body_bytes: 100, total_bytes: 2200, queue: 100 };
    let recorder = Recorder::start(folder.path(), limits).expect("a recording");
    for number in 0..4 {
        recorder.observe(exchange(&format!("https://vendor.example/events/a{number}"), "", &[], "{}"));
    }
    for (number, resource) in ["holds", "orders", "tickets", "users", "rooms", "seats"].iter().enumerate() {
        let body = format!("\"{}\"", "x".repeat(number * 40));
        recorder.observe(exchange(&format!("https://vendor.example/{resource}"), "", &[], &body));
    }
    let summary = recorder.finish();
    assert_eq!(summary.repeated, 2, "one path template with one status");
    assert!(summary.lost > 0 && summary.samples >= 4, "{summary:?}");
    recorder.observe(exchange("https://vendor.example/late", "", &[], "{}"));
    RecordingIndex::new("2026-11-21T12:00:00Z".to_owned(), Vec::new()).write(folder.path()).expect("an index");
    let recording = Recording::read(folder.path()).expect("a recording");
    assert_eq!(recording.samples.len() as u64, summary.samples);
    let bytes: u64 =
        recording.samples.iter().map(|(name, _)| fs::metadata(folder.path().join(name)).expect("a file").len()).sum();
    assert!(bytes <= 2200, "{bytes}");
    assert!(Recorder::start(folder.path(), limits).is_err(), "two recordings have different pseudonyms");
}

#[test]
fn a_large_body_is_recorded_as_its_size() {
    let folder = TempDir::new().expect("a folder");
    let limits = RecordingLimits { body_bytes: 10, ..RecordingLimits::ONE_ROUND };
    let recorder = Recorder::start(folder.path(), limits).expect("a recording");
    recorder.observe(exchange("https://vendor.example/x", "", &[], "\"K7P2M9QX-K7P2M9QX\""));
    recorder.finish();
    let all = contents(folder.path());
    assert!(all.contains("\"tooLarge\": 19"), "{all}");
}

/// Returns a body with a number that is kept.
fn numbered(number: u32) -> String {
    format!("{{\"id\":{number}}}")
}

/// Records exchanges and returns the player of their source.
fn player(exchanges: Vec<Exchange>) -> Player {
    let folder = TempDir::new().expect("a folder");
    let recorder = Recorder::start(folder.path(), RecordingLimits::ONE_ROUND).expect("a recording");
    exchanges.into_iter().for_each(|exchange| recorder.observe(exchange));
    recorder.finish();
    RecordingIndex::new(String::new(), Vec::new()).write(folder.path()).expect("an index");
    Player::new(&Recording::read(folder.path()).expect("a recording"), "harbor")
}

fn answer(player: &Player, path: &str, query: &str, body: &str) -> Result<String, String> {
    let request = ReplayRequest { method: "POST", path, query, body: body.as_bytes() };
    let answer = player.answer(&request).map_err(|error| error.path_template)?;
    Ok(String::from_utf8(answer.body.bytes().expect("a body")).expect("text"))
}

#[test]
fn a_replay_prefers_the_same_request_then_the_most_similar_one_and_serves_several_answers_in_order() {
    let at = |day: u32| format!("https://vendor.example/events?startTime=2026-11-{day}T00:00:00Z");
    let player = player(vec![
        exchange(&at(20), "", &[], &numbered(20)),
        exchange(&at(21), "", &[], &numbered(21)),
        exchange(&at(21), "", &[], &numbered(22)),
        exchange("https://vendor.example/events/66f0aa10c3d2e4b5a6978001", "", &[], &numbered(1)),
        exchange("https://vendor.example/prices?size=7&size=7", "", &[], &numbered(31)),
        exchange("https://vendor.example/prices?size=7", "", &[], &numbered(30)),
    ]);
    let query = |day: &str| format!("startTime=2026-11-{day}T00%3A00%3A00Z");
    for expected in [21, 22, 22] {
        assert_eq!(answer(&player, "/events", &query("21"), ""), Ok(numbered(expected)));
    }
    assert_eq!(answer(&player, "/events", &query("20"), ""), Ok(numbered(20)));
    assert_eq!(answer(&player, "/events", "startTime=2026-11-20T09%3A00%3A00Z", ""), Ok(numbered(20)));
    assert_eq!(answer(&player, "/events/0123456789ab0123456789ab", "", ""), Ok(numbered(1)));
    assert_eq!(answer(&player, "/prices", "size=7&size=7", ""), Ok(numbered(31)));
    assert_eq!(answer(&player, "/orders/K7P2M9QX", "", ""), Err("/orders/{}".to_owned()));
}

#[test]
fn a_replay_distinguishes_the_methods_of_one_soap_address_and_ignores_credentials() {
    let envelope = |method: &str, id: u32, password: &str| {
        format!(
            "<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\"><s:Header><p>{password}</p></s:Header><s:Body><v1:{method} xmlns:v1=\"x\"><id>{id}</id></v1:{method}></s:Body></s:Envelope>"
        )
    };
    let url = "https://vendor.example/external/catalogService";
    let player = player(vec![
        exchange(url, &envelope("getCatalog", 1, "planted-1"), &[], &numbered(1)),
        exchange(url, &envelope("getCatalog", 2, "planted-1"), &[], &numbered(2)),
        exchange(url, &envelope("getConfig", 1, "planted-1"), &[], &numbered(3)),
        exchange(url, &envelope("getStock", 1, "planted-1"), &[], &numbered(4)),
        exchange(url, &envelope("getStock", 1, "planted-2"), &[], &numbered(5)),
    ]);
    let ask = |method: &str, id: u32| answer(&player, "/external/catalogService", "", &envelope(method, id, "other"));
    assert_eq!(
        (ask("getCatalog", 2), ask("getCatalog", 1), ask("getConfig", 7)),
        (Ok(numbered(2)), Ok(numbered(1)), Ok(numbered(3)))
    );
    assert_eq!((ask("getStock", 1), ask("getStock", 1)), (Ok(numbered(4)), Ok(numbered(5))));
    assert_eq!(ask("getPrices", 1), Err("/external/catalogService#getPrices".to_owned()));
}

#[test]
fn a_shape_names_keys_and_types_and_no_value() {
    let body = SampleBody::Json(serde_json::json!({ "id": 4711, "tags": ["Anna"], "none": null }));
    let described = shape(&body);
    assert!(described.contains("id: number") && described.contains("tags: [string]"), "{described}");
    assert!(!described.contains("4711") && !described.contains("Anna"), "{described}");
}

#[test]
fn the_folder_and_the_files_of_a_recording_are_for_their_owner_only() {
    use std::os::unix::fs::PermissionsExt as _;
    let parent = TempDir::new().expect("a folder");
    let folder = parent.path().join("recording");
    let recorder = Recorder::start(&folder, RecordingLimits::ONE_ROUND).expect("a recording");
    recorder.observe(exchange("https://vendor.example/x", "", &[], "{}"));
    recorder.finish();
    RecordingIndex::new(String::new(), Vec::new()).write(&folder).expect("an index");
    let mode = |path: &Path| fs::metadata(path).expect("metadata").permissions().mode() & 0o777;
    assert_eq!(mode(&folder), 0o700);
    let modes: Vec<u32> =
        fs::read_dir(&folder).expect("a folder").map(|file| mode(&file.expect("a file").path())).collect();
    assert_eq!(modes, [0o600, 0o600]);
}
