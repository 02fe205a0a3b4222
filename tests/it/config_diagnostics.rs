//! Every possible diagnostic of a configuration.

use crate::config::{HARBOR, KEY, lines, load};

/// Wrong settings by kind of error; each text is a file of its own.
const WRONG: &[(&str, &str)] = &[
    (
        "values of the wrong kind",
        r#"
[server]
listen = "localhost"
in_flight = 0
connections = -1
batch_limit = "ten"
body_limit = "1 MB"
drain = 30
header_timeout = "0s"
idle_timeout = "9000h"
cors_origins = ["*", "https://shop.example.com/", "https://fine.example.com"]
public_url = "ftp://tickets.example.com"
[server.tls]
cert = "chain.pem"
[graphql]
depth = 1.5
introspection = "yes"
[graphql.persisted]
mode = "requir"
[cache]
redis_url = "http://redis"
source_memory = 64
[cache.lifetimes]
jitter_percent = 101
[telemetry]
log_format = "jsn"
log_level = "ticketgraph=loud"
otlp_endpoint = "collector:4318"
"#,
    ),
    (
        "unknown keys",
        r#"
redis_url = "redis://r"
[servr]
listen = "0.0.0.0:1"
[server]
lisen = "0.0.0.0:1"
[graphql.persistd]
apq = true
[resilience.circuit_breaker]
min_call = 1
"#,
    ),
    (
        "values where tables belong",
        "server = 3\nclients = \"all\"\nsources = []\n[graphql]\npersisted = true\n[resellers]\ntiqets = 1\n",
    ),
    (
        "limits that are out of range or in the wrong order",
        r#"
[server]
request_timeout = "5s"
[graphql.persisted]
mode = "require"
[cache.lifetimes]
not_found = "5m"
jitter_percent = 60
[cache.lifetimes.facts]
max_age = "10m"
stale_while_revalidate = "48h"
[resilience]
attempt_timeout = "12s"
[resilience.retries]
max_attempts = 100
initial_backoff = "5s"
[resilience.circuit_breaker]
failure_percent = 0
open_duration = "5m"
[resilience.bulkhead]
browsing = 1000000
[resilience.rate_limit]
quota = "many"
order_percent = 100
pause = "2h"
[ledger]
url = "mysql://db/t"
encryption_key = { value = "short" }
lease = "60s"
settle_deadline = "1000h"
"#,
    ),
    (
        "a source with nothing in it, and one of no known vendor",
        "[sources.harbor]\n[sources.quay]\nvendor = \"tickting\"\nwhatever = 1\n",
    ),
    (
        "a source with everything wrong",
        r#"
[sources."Har bor"]
vendor = "acme"
environment = "production"
base_url = "sandx-api.acmeticketing.com"
institution = ""
api_key = "written out"
tenantid = "412"
time_zone = "America/NewYork"
currency = "US$"
[sources."Har bor".resilience.deadlines]
order = "80s"
[sources."Har bor".terms]
fee_percent = 200
"#,
    ),
    (
        "secrets in the wrong place",
        r#"
[sources.a]
vendor = "acme"
environment = "live"
base_url = "http://api.acmeticketing.com"
institution = "A"
api_key = { value = "written out" }
tenant_id = 1
time_zone = "UTC"
[sources.b]
vendor = "acme"
environment = "sandbox"
base_url = "https://b.example"
institution = "B"
api_key = { env = "NOT_SET" }
tenant_id = 1
time_zone = "UTC"
[sources.c]
vendor = "acme"
environment = "sandbox"
base_url = "https://c.example"
institution = "C"
api_key = { file = "no/such/file" }
tenant_id = 1
time_zone = "UTC"
[sources.d]
vendor = "acme"
environment = "sandbox"
base_url = "https://d.example"
institution = "D"
api_key = { env = "A", file = "b" }
tenant_id = 1
time_zone = "UTC"
[sources.e]
vendor = "acme"
environment = "sandbox"
base_url = "https://e.example"
institution = "E"
api_key = { vault = "x" }
tenant_id = 1
time_zone = "UTC"
[clients.app]
key = { value = "written out" }
scopes = []
[ledger]
url = "postgres://u:p@db/t"
"#,
    ),
    (
        "destinations of notices",
        r#"
[sources.e]
vendor = "acme"
environment = "live"
base_url = "https://e.example"
institution = "E"
api_key = { env = "MISSING_ACME_KEY" }
tenant_id = 1
time_zone = "UTC"
[notifications]
webhook_url = "http://hooks.example.com/x"
webhook_secret = { env = "MISSING_SECRET" }
smtp_url = "smtp://mail.example.com?tls=opportunistic"
email_from = "no address"
email_to = ["operator@example.com", "@"]
pending_period = "soon"
"#,
    ),
    (
        "incomplete destinations of notices",
        r#"
[notifications]
webhook_url = "https://hooks.example.com/x"
smtp_url = "smtps://user:password@mail.example.com"
timeout = "0s"
[sources.e]
vendor = "acme"
environment = "sandbox"
base_url = "https://e.example"
institution = "E"
api_key = { value = "x" }
tenant_id = 1
time_zone = "UTC"
currency = "USD"
"#,
    ),
];

#[test]
fn every_wrong_setting_is_reported_with_location_and_expected_value() {
    let report = WRONG.iter().map(|(what, text)| format!("# {what}\n{}\n", lines(load(text.trim_start(), &[]))));
    insta::assert_snapshot!(report.collect::<Vec<_>>().join("\n"));
}

#[test]
#[expect(clippy::too_many_lines, reason = "one table of findings")]
fn references_must_exist_and_unique_values_must_be_unique() {
    let text = format!(
        "{}{}",
        HARBOR.trim_start(),
        r#"
[deliveries.one]
app = "tixngo"
source = "harbour"
url = "https://a.example/v3/organizer/tickets"
api_key = { value = "x" }
[deliveries.two]
app = "tixngo"
source = "harbor"
url = "https://a.example/v3/organizer"
api_key = { value = "x" }
[deliveries.three]
app = "tixn"
source = "harbor"
url = "https://a.example/v3/organizer/tickets"
[resellers.tiqets]
name = "Tiqets"
[resellers.tiqets.connections.harbor]
organisation_id = 5120
commission_percent = 100.5
[[resellers.tiqets.connections.harbor.mappings]]
partner_code = "A"
[[resellers.tiqets.connections.harbor.mappings]]
tickettype = "B"
[resellers.tiqets.connections.opera]
sales_channel = "X"
[clients.one]
key_sha256 = "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae"
reseller = "tiqet"
scopes = ["catalog:read", "order:reed", "root"]
[clients.two]
key_sha256 = "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae"
scopes = []
[clients.three]
key_sha256 = "2c26"
scopes = "catalog:read"
[clients.four]
scopes = []
requests_per_minute = 0
[clients.five]
key = { value = "a" }
key_sha256 = "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7a0"
scopes = []
[auth.anonymous]
enabled = true
scopes = ["order:write"]
[auth.issuers.one]
issuer = "https://login.example.com"
audience = "a"
algorithms = ["HS256", "none"]
[auth.issuers.two]
issuer = "https://login.example.com"
jwks_url = "https://login.example.com/jwks"
jwks_file = "keys.json"
algorithms = []
"#
    );
    insta::assert_snapshot!(lines(load(&text, &[KEY])));
}

#[test]
fn a_wrong_variable_is_reported_by_the_name_of_the_variable() {
    let variables = [
        KEY,
        ("TICKETGRAPH__SERVER__LISTEN", "nowhere"),
        ("TICKETGRAPH__SERVER__LISTN", "127.0.0.1:1"),
        ("TICKETGRAPH__SERVER__LISTEN__PORT", "1"),
        ("TICKETGRAPH__SOURCES__HARBOR__TENANT_ID", "many"),
        ("TICKETGRAPH__SOURCES__HARBOUR__TENANT_ID", "1"),
        ("TICKETGRAPH__GRAPHQL__DEPTH", "-1"),
        ("TICKETGRAPH__", "1"),
    ];
    insta::assert_snapshot!(lines(load(HARBOR.trim_start(), &variables)));
}

#[test]
fn consequences_of_a_wrong_value_are_not_reported() {
    let report = lines(load("[orders]\ncall_timeout = \"soon\"\n[ledger]\nlease = \"11s\"\n", &[]));
    assert_eq!(report.lines().count(), 1, "{report}");
    assert!(report.starts_with("venues.toml:2 orders.call_timeout: must be a duration"), "{report}");
}

#[test]
fn a_lease_leaves_time_to_wait_for_a_turn() {
    for (text, key) in [
        ("[orders]\ncall_timeout = \"111s\"\n", "venues.toml:2 orders.call_timeout"),
        ("[ledger]\nlease = \"84s\"\n", "venues.toml:2 ledger.lease"),
    ] {
        let report = lines(load(text, &[]));
        let expected = format!(
            "{key}: leaves 9s between `orders.call_timeout` and the end of `ledger.lease`, must leave at least 10s, or no call \
             could wait for its turn"
        );
        assert_eq!(report.trim(), expected);
    }
    assert!(load("[ledger]\nlease = \"85s\"\n", &[]).is_ok());
}

#[test]
fn sources_of_one_institution_have_the_same_limits() {
    let second = HARBOR.replace("sources.harbor", "sources.pier").replace("Harbor Museum", " harbor museum");
    let limit = "[sources.pier.resilience.rate_limit]\nquota = \"60/1m\"\n";
    assert!(load(&format!("{HARBOR}{second}"), &[KEY]).is_ok());
    let own_pause = format!("{HARBOR}{second}{limit}").replace("quota = \"60/1m\"", "pause = \"40s\"");
    assert!(load(&own_pause, &[KEY]).is_ok(), "a pause is of the source alone");
    let report = lines(load(&format!("{HARBOR}{second}{limit}"), &[KEY]));
    let expected =
        "sources.pier.resilience: must have the same `rate_limit` and `bulkhead.checkout` as `sources.harbor`";
    assert!(report.contains(expected) && report.lines().count() == 1, "{report}");
    let another = second.replace("harbor museum", "Pier Museum");
    assert!(load(&format!("{HARBOR}{another}{limit}"), &[KEY]).is_ok(), "another institution has limits of its own");
}

#[test]
fn literal_secrets_are_allowed_only_if_every_source_is_a_sandbox() {
    let written = HARBOR.replace("{ env = \"HARBOR_ACME_KEY\" }", "{ value = \"test\" }");
    assert!(load(&written, &[]).is_ok());
    let live = HARBOR.replace("harbor", "live").replace("\"sandbox\"", "\"live\"");
    assert!(load(&format!("{HARBOR}{live}"), &[KEY]).is_ok(), "sandbox and live sources may stand side by side");
    let report = lines(load(&format!("{written}{live}"), &[KEY]));
    assert!(report.contains("sources.harbor.api_key: is written out") && report.lines().count() == 1, "{report}");
}

#[test]
fn a_key_of_an_earlier_version_is_rejected_with_its_new_name() {
    let text = "[cache]\nfacts_memory = \"64MiB\"\n[cache.lifetimes.facts]\nlenient = \"5m\"\n\
                [resilience.breaker]\nrest = \"2s\"\nmin_calls = 5\n[orders]\nquiet = \"45s\"\n[graphql]\nmeasure_only = true\n";
    let expected = "\
venues.toml:2 cache.facts_memory: was renamed to `cache.source_memory`
venues.toml:4 cache.lifetimes.facts.lenient: was renamed to `cache.lifetimes.facts.stale_while_revalidate`, which begins at the end of `max_age`
venues.toml:5 resilience.breaker: was renamed to `resilience.circuit_breaker`
venues.toml:6 resilience.breaker.rest: was renamed to `resilience.circuit_breaker.open_duration`
venues.toml:9 orders.quiet: was renamed to `orders.late_arrival_window`
venues.toml:11 graphql.measure_only: was renamed to `graphql.warn_only`";
    assert_eq!(lines(load(text, &[])), expected);
    let of_a_source = format!("{HARBOR}[sources.harbor.resilience.budget]\nquota = \"60/1m\"\n");
    let report = lines(load(&of_a_source, &[KEY]));
    assert!(report.ends_with("was renamed to `sources.harbor.resilience.rate_limit`"), "{report}");
    for key in ["order_granularity", "catalog_min_interval", "rate_limit_scope"] {
        let report = lines(load(&format!("{HARBOR}{key} = \"x\"\n"), &[KEY]));
        assert!(report.ends_with(&format!("was renamed to `sources.harbor.assumptions.{key}`")), "{report}");
    }
}

#[test]
fn a_source_may_not_hang_as_long_as_the_request_and_keys_are_fetched_by_https() {
    let text = format!(
        "{}{}",
        HARBOR.trim_start().replace("\"sandbox\"", "\"live\""),
        r#"
[server]
request_timeout = "20s"
[resilience.deadlines]
other = "20s"
[deliveries.one]
app = "tixngo"
source = "harbor"
url = "http://a.example/v3/organizer/tickets"
api_key = { env = "KEY" }
[auth.issuers.one]
issuer = "https://login.example.com"
audience = "a"
algorithms = ["RS256"]
jwks_url = "http://login.example.com/jwks"
"#
    );
    let found = lines(load(&text, &[KEY]));
    for expected in [
        "server.request_timeout: is 20s, must be longer than the 20s of `resilience.deadlines.list`",
        "a source that hangs would cost the whole response",
        "deliveries.one.url: must begin with https://",
        "auth.issuers.one.jwks_url: must begin with https://",
        "auth.issuers.one.scopes: is missing",
    ] {
        assert!(found.contains(expected), "{expected} is missing in:\n{found}");
    }
}

#[test]
fn two_channels_of_one_organization_are_rejected_whatever_their_sources_are_called() {
    let second = HARBOR.replace("[sources.harbor]", "[sources.pier]");
    let channel = |id: &str, source: &str, key: &str| {
        format!(
            "[deliveries.{id}]\napp = \"tixngo\"\nsource = \"{source}\"\napi_key = {{ value = \"{key}\" }}\n\
             url = \"https://a.example/organizer/tickets\"\n"
        )
    };
    let report = |institution: &str, keys: [&str; 2]| {
        let second = second.replace("institution = \"", &format!("institution = \"{institution}"));
        let text = format!("{HARBOR}{second}{}{}", channel("one", "harbor", keys[0]), channel("two", "pier", keys[1]));
        load(&text, &[KEY])
    };
    for (institution, keys) in [("Other ", ["x", "x"]), ("", ["x", "y"])] {
        let report = lines(report(institution, keys));
        assert!(report.contains("deliveries.two.url: delivers for the organization of `deliveries.one`"), "{report}");
    }
    assert!(report("Other ", ["x", "y"]).is_ok());
}
