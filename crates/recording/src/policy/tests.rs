//! The rules by which values are kept.

use super::*;

fn keeps(key: &str, text: &str) -> bool {
    KeyRules::of(key, KeyContext::default()).keeps_text(text)
}

#[test]
fn a_text_is_kept_only_under_a_key_whose_rule_it_fits() {
    for (key, text) in [
        ("orderStatus", "IN_PROGRESS"),
        ("types", "Adult guided-tour"),
        ("statusCode", "ERR_1200"),
        ("statusCode", "200"),
        ("startTime", "2026-11-21T12:00:00Z"),
        ("sale_start", "2026-11-21"),
        ("lastUpdate", "1795262400000"),
        ("openingTime", "09:30"),
        ("weekdays", "MONDAY"),
        ("unitPrice", "12.50"),
        ("vatAmount", "12.50"),
        ("currency", "CHF"),
        ("currencyCode", "CHF"),
        ("locale", "fr-CH"),
        ("timeZone", "Europe/Zurich"),
        ("quantity", "4"),
        ("ticket_type_id", "4711"),
        ("ns2:salesChannel", "reseller"),
        ("anything", "true"),
        ("code", "TICKET_NOT_FOUND"),
    ] {
        assert!(keeps(key, text), "{key}: {text}");
    }
    for (key, text) in [
        ("name", "Anna"),
        ("status", "K7P2M9QX"),
        ("status", "anna@example.com"),
        ("type", &"x".repeat(41)),
        ("statusCode", "12345"),
        ("startTime", "4111111111111111"),
        ("startTime", "1234"),
        ("startTime", "2026-13-41"),
        ("birthDate", "1990-02-03"),
        ("dateOfBirth", "1990-02-03"),
        ("amount", "4111111111111111"),
        ("amount", "12.123456789"),
        ("currency", "ANNA"),
        ("currency", "a1b"),
        ("locale", "Anna Smith"),
        ("timeZone", "Anna"),
        ("quantity", "4111111111111111"),
        ("quantity", "007"),
        ("code", "ADULT"),
        ("code", "TQ_ADULT_9"),
        ("cardNumber", "4"),
        ("pinId", "4711"),
        ("zip", "1005"),
        ("title", "ADULT"),
        ("tokenType", "Bearer"),
    ] {
        assert!(!keeps(key, text), "{key}: {text}");
    }
    assert!(
        !KeyRules::of("state", KeyContext { in_address: true, ..KeyContext::default() }).keeps_text("Vaud"),
        "a state within an address"
    );
}

#[test]
fn names_of_errors_units_of_prices_and_formats_are_kept() {
    for (key, text) in [("error", "INVALID_OPTION_ID"), ("pricingPer", "UNIT"), ("deliveryFormats", "QRCODE")] {
        assert!(keeps(key, text), "{key}: {text}");
    }
    for (key, text) in [("error", "Anna was not found"), ("error", "ANNA"), ("pricingPer", "K7P2M9QX")] {
        assert!(!keeps(key, text), "{key}: {text}");
    }
}

#[test]
fn a_code_a_number_of_a_tax_payer_and_a_list_of_phones_are_masked() {
    for (key, text) in [
        ("securityCode", "123"),
        ("taxNumber", "123456789"),
        ("vatId", "123456789"),
        ("chargeId", "123456789"),
        ("promoCode", "ADULT"),
        ("phones", "2026-11-21"),
    ] {
        assert!(!keeps(key, text), "{key}: {text}");
    }
}

#[test]
fn a_number_is_kept_if_it_is_a_decimal_or_small_under_a_key_of_counts_amounts_or_times() {
    let keeps = |key: &str, number: &str| KeyRules::of(key, KeyContext::default()).keeps_number(number);
    for (key, number) in [
        ("count", "0"),
        ("ticketTypeId", "999999"),
        ("maxTickets", "12"),
        ("pageNumber", "3"),
        ("balance", "-12"),
        ("retail", "1250"),
        ("net", "1000"),
        ("currencyPrecision", "2"),
        ("hour", "9"),
        ("from", "9"),
        ("statusCode", "404"),
        ("status", "200"),
        ("x", "46.5197"),
        ("amount", "125000000"),
        ("startDate", "1795262400000"),
        ("createdAt", "1795262400"),
    ] {
        assert!(keeps(key, number), "{key}: {number}");
    }
    for (key, number) in [
        ("x", "12"),
        ("securityCode", "123"),
        ("accessCode", "482913"),
        ("code", "123"),
        ("npa", "1005"),
        ("telephone", "412345"),
        ("dayNumber", "412345"),
        ("idNumber", "412345"),
        ("taxId", "4123"),
        ("chargeId", "123456789"),
        ("quantity", "1000000"),
        ("x", "4111111111111111"),
        ("x", "4111111111111111.5"),
        ("x", "0.4111111111111111"),
        ("x", "4.1e15"),
        ("x", "1795262400000"),
        ("amount", "4111111111111111"),
        ("startDate", "4111111111111"),
        ("from", "1795262400"),
        ("pin", "4711"),
        ("cvv", "123"),
    ] {
        assert!(!keeps(key, number), "{key}: {number}");
    }
}

#[test]
fn a_key_is_kept_if_it_reads_as_a_name_and_not_as_an_id_or_an_address() {
    for key in ["id", "startTime", "address2", "$type", "@id", "ticket_types", "b2bChannel", "500100", "2026-11-21"] {
        assert!(keeps_key(key), "{key}");
    }
    for key in [
        "anna@example.com",
        "66f0aa10c3d2e4b5a6978001",
        "Anna Smith",
        "K7P2M9QX",
        "AB12",
        "harbor-key-9",
        "+41791234567",
        "17201149984410",
        "",
        "@",
    ] {
        assert!(!keeps_key(key), "{key}");
    }
}

#[test]
fn a_segment_is_kept_if_it_names_a_resource_a_version_or_a_method() {
    for segment in [
        "event",
        "published-events",
        "v2",
        "v1_33",
        "b2b",
        "getCatalogDetailed",
        "catalogService",
        "com.vendor.catalog.v1_33.CatalogService.webservice",
        "",
    ] {
        assert!(keeps_segment(segment), "{segment}");
    }
    for segment in [
        "66f0aa10c3d2e4b5a6978001",
        "K7P2M9QX",
        "anna.smith",
        "AnnaSmith",
        "anna@example.com",
        "Anna%20Smith",
        "12",
        "vip1",
    ] {
        assert!(!keeps_segment(segment), "{segment}");
    }
}

#[test]
fn a_word_of_a_setting_is_kept_and_a_name_or_a_login_is_not() {
    for (key, text) in [("transport", "soap"), ("checkout_retry", "same_uuid"), ("api_version", "v1_33")] {
        assert!(keeps_setting(key, text), "{key}");
    }
    for (key, text) in
        [("login", "anna"), ("partner_name", "anna"), ("host", "17201149984410"), ("transport", "K7P2M9QX")]
    {
        assert!(!keeps_setting(key, text), "{key}");
    }
}

#[test]
fn a_number_in_xml_is_kept_if_it_is_a_count() {
    let keeps = |key: &str, text: &str| KeyRules::of(key, KeyContext::default()).keeps_untyped(text);
    assert!(keeps("fractionDigit", "2") && keeps("x", "999") && keeps("x", "0"));
    assert!(!keeps("x", "1000") && !keeps("x", "007") && !keeps("cvv", "123") && !keeps("billingNumber", "12"));
}
