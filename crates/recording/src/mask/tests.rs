//! Masking of bodies, paths, queries and headers.

use serde_json::json;

use super::*;

fn masker() -> Masker {
    Masker { pseudonyms: Pseudonyms::with_key(&[7; 32]) }
}

fn url(text: &str) -> Url {
    Url::parse(text).expect("a URL")
}

fn json_of(body: SampleBody) -> Value {
    match body {
        SampleBody::Json(value) => value,
        other => panic!("{other:?}"),
    }
}

fn xml_of(body: SampleBody) -> String {
    match body {
        SampleBody::Xml(text) => text,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_json_body_keeps_keys_types_states_times_and_amounts_and_masks_the_rest() {
    let body = json!({
        "id": "66f0aa10c3d2e4b5a6978001", "name": "Anna Smith", "status": "CONFIRMED", "start": "2026-11-21T12:00:00Z", "total": 41.5,
        "quantity": 2, "card": 4_111_111_111_111_111_u64, "open": true, "none": null, "tags": ["a", ""], "contact": { "birthDate": "1990-02-03", "zip": "1005" },
    });
    let masked = json_of(masker().body(body.to_string().as_bytes()));
    for kept in ["status", "start", "total", "quantity", "open", "none"] {
        assert_eq!(masked[kept], body[kept], "{kept}");
    }
    for replaced in ["/id", "/name", "/card", "/contact/birthDate", "/contact/zip"] {
        assert_ne!(masked.pointer(replaced), body.pointer(replaced), "{replaced}");
    }
    assert!(masked["card"].is_u64() && masked["card"].to_string().len() == 16, "{masked}");
    assert_eq!(masked["tags"][1], "");
}

#[test]
fn an_id_has_one_pseudonym_in_bodies_paths_queries_lists_keys_and_addresses() {
    let masker = masker();
    let id = "66f0aa10c3d2e4b5a6978001";
    let body = json!({ "id": id, "link": format!("https://vendor.example/events/{id}?x=1"), id: true });
    let masked = json_of(masker.body(body.to_string().as_bytes()));
    let pseudonym = masked["id"].as_str().expect("a string");
    assert!(masked["link"].as_str().expect("a string").contains(&format!("/{pseudonym}?")), "{masked}");
    assert_eq!(masked[pseudonym], true);
    let asked = url(&format!("https://vendor.example/v2/b2b/event/{id}?ids={id},{id}&page=2"));
    assert_eq!(masker.path(&asked, None).path, format!("/v2/b2b/event/{pseudonym}"));
    assert_eq!(masker.path(&asked, None).template, "/v2/b2b/event/{}");
    let ids = format!("{pseudonym},{pseudonym}");
    assert_eq!(masker.query(&asked), [("ids".to_owned(), ids), ("page".to_owned(), "2".to_owned())]);
    let number = json_of(masker.body(b"[17201149984410, \"17201149984410\"]"));
    assert_eq!(number[0].to_string(), number[1].as_str().expect("a string"), "as a number and as a string");
}

#[test]
fn an_encoded_segment_is_masked_as_what_it_encodes() {
    let masker = masker();
    let masked = masker.path(&url("https://vendor.example/users/anna%40example.com/"), None);
    assert_eq!(masked.template, "/users/{}/");
    assert_eq!(masked.path, format!("/users/{}/", masker.pseudonyms.of("anna@example.com")));
}

#[test]
fn an_envelope_keeps_its_elements_and_is_well_formed() {
    let text = "<?xml version=\"1.0\"?><!-- Anna --><s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\" \
        xmlns:v1=\"http://service.K7P2M9QX.com/v1_33/\"><s:Body><v1:getOrder id=\"K7P2M9QX\"><state>PAID</state>\
        <name>Anna &amp; B&#246;b &lt;x&gt;</name><note><![CDATA[K7P2M9QX]]></note><total>35000</total><nothing/></v1:getOrder></s:Body></s:Envelope>";
    let masked = xml_of(masker().body(text.as_bytes()));
    assert!(
        masked.contains("<state>PAID</state>")
            && masked.contains("<total>35000</total>")
            && masked.contains("<nothing/>"),
        "{masked}"
    );
    assert!(
        masked.contains("xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\"") && masked.contains("<v1:getOrder "),
        "{masked}"
    );
    for value in ["Anna", "K7P2M9QX", "B&#246;b"] {
        assert!(!masked.contains(value), "{value} in {masked}");
    }
    assert_eq!(xml_of(masker().body(masked.as_bytes())).len(), masked.len(), "it is read again");
    let name = masker().pseudonyms.of("Anna & Böb <x>");
    assert!(masked.contains(&quick_xml::escape::escape(&name).to_string()), "{name} in {masked}");
}

#[test]
fn a_name_of_an_element_that_is_a_value_is_masked() {
    let masked = xml_of(masker().body(b"<root><K7P2M9QX a=\"b\">x</K7P2M9QX></root>"));
    assert!(!masked.contains("K7P2M9QX") && masked.starts_with("<root><"), "{masked}");
}

#[test]
fn what_is_neither_json_nor_xml_is_masked_as_a_whole_and_keeps_known_tags() {
    let page =
        "<!DOCTYPE html><html lang=en><body><h1>Hello Anna</h1><br><p class=\"K7P2M9QX\">K7P2M9QX<K7P2M9QX></body>";
    let SampleBody::Text(masked) = masker().body(page.as_bytes()) else { panic!("not text") };
    assert!(masked.contains("<body><h1>") && masked.contains("</h1><br><p "), "{masked}");
    assert!(!masked.contains("Anna") && !masked.contains("K7P2M9QX"), "{masked}");
    for torn in [
        "{\"name\":\"Anna\"",
        "<a><name>Anna</name>",
        "Anna",
        "<a>Anna</b>",
        "<!DOCTYPE a [<!ENTITY x \"Anna\">]><a>&x;</a>",
    ] {
        let SampleBody::Text(masked) = masker().body(torn.as_bytes()) else { panic!("{torn}: not text") };
        assert!(!masked.contains("Anna"), "{masked}");
    }
    assert_eq!(masker().body(&[0xff, 0xfe, 0x00]), SampleBody::Binary(3));
    assert_eq!(masker().body(b""), SampleBody::Empty);
    assert_eq!(masker().body(b"\xef\xbb\xbf[true]"), SampleBody::Json(json!([true])));
}

#[test]
fn only_media_types_dates_and_numbers_of_headers_are_kept() {
    let masker = masker();
    for (name, value, expected) in [
        ("content-type", "application/json;charset=UTF-8", "application/json; charset=utf-8"),
        ("content-type", "multipart/mixed; boundary=K7P2M9QX", "multipart/mixed"),
        ("retry-after", "17", "17"),
        ("retry-after", "Sun, 06 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:37 GMT"),
    ] {
        assert_eq!(masker.header(name, value), expected);
    }
    for (name, value) in
        [("content-type", "K7P2M9QX"), ("retry-after", "Anna"), ("date", "Anna Smith, 06 Nov 1994 GMT")]
    {
        assert_ne!(masker.header(name, value), value);
    }
}

#[test]
fn a_key_that_is_a_value_is_masked() {
    let masked = json_of(masker().body(br#"{"anna@example.com": {"K7P2M9QX": 1}, "startTime": "x9"}"#)).to_string();
    assert!(
        !masked.contains("example") && !masked.contains("K7P2M9QX") && masked.contains("\"startTime\""),
        "{masked}"
    );
}

#[test]
fn a_segment_that_is_not_displayed_is_masked_whatever_it_looks_like() {
    let secret = url("https://vendor.example/v3/tokens/lowercase/admissions");
    let masked = masker().path(&secret, Some("/tokens/…/admissions"));
    assert_eq!(masked.template, "/v3/tokens/{}/admissions");
    assert!(!masked.path.contains("lowercase"), "{}", masked.path);
}

#[test]
fn what_is_inside_of_something_private_is_masked_in_json_and_xml() {
    let body = json!({
        "birth": { "date": "1990-05-04" }, "card": { "code": 123 }, "barcode": { "value": 482_913, "id": 482_913 },
        "phone": { "number": 412_345, "status": "Vaud" }, "code": { "id": 4829 },
        "contact": { "firstName": "Anna", "state": "Vaud" },
    });
    let masked = json_of(masker().body(body.to_string().as_bytes()));
    for replaced in [
        "/birth/date",
        "/card/code",
        "/barcode/value",
        "/barcode/id",
        "/phone/number",
        "/phone/status",
        "/code/id",
        "/contact/state",
    ] {
        assert_ne!(masked.pointer(replaced), body.pointer(replaced), "{replaced}");
    }
    let text = "<order><birth><date>1990-05-04</date></birth><card><x>123</x></card><state>PAID</state>\
        <contact><state>Vaud</state><city/></contact><securityCode>4829</securityCode><count>17</count></order>";
    let masked = xml_of(masker().body(text.as_bytes()));
    assert!(masked.contains("<state>PAID</state>") && masked.contains("<count>17</count>"), "{masked}");
    for value in ["1990-05-04", "123", "Vaud", "4829"] {
        assert!(!masked.contains(value), "{value} in {masked}");
    }
    let query = masker().query(&url("https://vendor.example/orders?state=Vaud&city=x"));
    assert_ne!(query[0].1, "Vaud");
}

#[test]
fn a_limit_in_a_setting_is_kept_and_a_private_or_long_number_is_not() {
    let masker = masker();
    assert_eq!(masker.setting_number("calls_per_second", 5), 5);
    for (key, number) in [("host", 17_201_149_984_410), ("pin", 482_913)] {
        assert_ne!(masker.setting_number(key, number), number, "{key}");
    }
}

#[test]
fn an_attribute_has_the_rules_of_its_own_element() {
    let text = "<order><address state=\"Vaud\"/><card status=\"Anna\">x</card><b state=\"Uri\" zip=\"x\"/><c state=\"PAID\"/></order>";
    let masked = xml_of(masker().body(text.as_bytes()));
    assert!(["Vaud", "Anna", "Uri"].iter().all(|value| !masked.contains(value)), "{masked}");
    assert!(masked.contains("<c state=\"PAID\"/>"), "{masked}");
}
