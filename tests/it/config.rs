//! Settings: parsing, precedence, and all diagnostics at once.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::docs::settings::with_key_hashes;
use domain::{Scope, SourceId};
use rust_decimal::Decimal;
use secrecy::ExposeSecret;
use sha2::{Digest as _, Sha256};
use ticketgraph::app;
use ticketgraph::config::{Config, ConfigDiagnostics, VendorConfigSpec, VendorConfigSpecs};
use vendor_api::{ChannelConfig, InvalidSetting, SourceConfig};

/// Returns keys like those of the vendors, with checks of every kind.
fn vendor_config_specs() -> VendorConfigSpecs<'static> {
    let shape = |name, keys, secrets, connection_keys, check: fn(&SourceConfig) -> Vec<InvalidSetting>| {
        VendorConfigSpec { name, keys, secrets, connection_keys, check }
    };
    let needs_tenant = |source: &SourceConfig| match source.vendor_settings.get("tenant_id") {
        Some(toml::Value::Integer(_)) => vec![],
        _ => vec![InvalidSetting::new("tenant_id", "must be a whole number")],
    };
    let ends_right = |channel: &ChannelConfig| match channel.url.ends_with("organizer/tickets") {
        true => vec![],
        false => vec![InvalidSetting::new("url", "must end with organizer/tickets")],
    };
    let secutix = ["login", "password", "partner_name", "transport", "contact_reference"].as_slice();
    VendorConfigSpecs {
        vendors: vec![
            shape(
                "acme",
                &["api_key", "tenant_id", "organization_id"],
                &["api_key"],
                &["organization_id", "event_templates", "ticket_types"],
                needs_tenant,
            ),
            shape("secutix", secutix, &["password"], &["sales_channel", "point_of_sale"], |_| vec![]),
            shape(
                "ticketing",
                &["host", "api_key", "client_version", "settlement"],
                &["api_key", "settlement.instrument"],
                &[],
                |_| vec![],
            ),
            shape("octo", &["api_key", "honors_uuid"], &["api_key"], &[], |_| vec![]),
        ],
        apps: vec![VendorConfigSpec {
            name: "tixngo",
            keys: &["api_key", "auth_header"],
            secrets: &["api_key"],
            connection_keys: &[],
            check: ends_right,
        }],
    }
}

/// Files by path.
#[derive(Default)]
struct Files(BTreeMap<PathBuf, String>);

impl Files {
    fn with(mut self, path: &str, text: &str) -> Self {
        self.0.insert(path.into(), text.to_owned());
        self
    }

    fn load(&self, file: Option<&str>, variables: &[(&str, &str)]) -> Result<Config, ConfigDiagnostics> {
        self.load_with(&vendor_config_specs(), file, variables)
    }

    fn load_with(
        &self,
        shapes: &VendorConfigSpecs<'_>,
        file: Option<&str>,
        variables: &[(&str, &str)],
    ) -> Result<Config, ConfigDiagnostics> {
        let read = |path: &Path| self.0.get(path).cloned().ok_or_else(|| io::Error::from(io::ErrorKind::NotFound));
        let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Config::load(file.map(Path::new), variables, &read, shapes)
    }
}

pub(crate) fn load(text: &str, variables: &[(&str, &str)]) -> Result<Config, ConfigDiagnostics> {
    Files::default().with("venues.toml", text).load(Some("venues.toml"), variables)
}

/// Loads a configuration with the settings of the real vendors.
fn load_with_real_vendors(text: &str, variables: &[(&str, &str)]) -> Result<Config, ConfigDiagnostics> {
    Files::default().with("venues.toml", text).load_with(&app::vendor_config_specs(), Some("venues.toml"), variables)
}

pub(crate) fn lines(outcome: Result<Config, ConfigDiagnostics>) -> String {
    outcome.expect_err("findings").lines().collect::<Vec<_>>().join("\n")
}

pub(crate) const HARBOR: &str = r#"
[sources.harbor]
vendor = "acme"
environment = "sandbox"
base_url = "https://sandx-api.acmeticketing.com/"
institution = "Harbor Museum"
api_key = { env = "HARBOR_ACME_KEY" }
tenant_id = 412
time_zone = "America/New_York"
currency = "USD"
"#;

/// A billing card with every field.
const CARD: &str = r#"{ "number": "4111111111111111", "cvv": "123", "expiryDate": "12/39", "name": "A", "address1": "1 Road",
    "city": "Port of Spain", "district": "Port of Spain", "country": "TT" }"#;

pub(crate) const KEY: (&str, &str) = ("HARBOR_ACME_KEY", "planted-acme-key");

#[test]
fn an_empty_file_keeps_all_defaults_and_the_defaults_contain_every_key() {
    let config = load("", &[]).expect("the defaults");
    assert_eq!(config.server.listen.to_string(), "127.0.0.1:4000");
    assert_eq!(config.resilience.attempt_timeout, Duration::from_secs(8));
    assert!(!config.built_in && config.cache.redis_url.is_none() && config.auth.anonymous.is_none());
}

#[test]
fn the_built_in_sandbox_is_a_complete_configuration_with_a_key_for_each_role() {
    let config = Files::default().load_with(&app::vendor_config_specs(), None, &[]).expect("the sandbox");
    let roles: Vec<_> = config.clients.keys().map(String::as_str).collect();
    assert_eq!(roles, ["digitick-dashboard", "editor", "gate", "operator", "storefront", "tiqets-dashboard"]);
    let shown = |name: &str| config.clients[name].key.plaintext.as_ref().map(|key| key.expose_secret().to_owned());
    assert_eq!(shown("storefront").as_deref(), Some("sandbox-storefront"));
    let anonymous =
        config.auth.anonymous.as_ref().map(|anonymous| anonymous.scopes.iter().copied().collect::<Vec<_>>());
    assert_eq!(anonymous, Some(vec![Scope::CatalogRead]));
    assert!(config.built_in);
    let quay = &config.sources[&SourceId::new("quay")].source.vendor_settings;
    let card = quay["settlement"]["instrument"].as_str().expect("a card");
    assert!(serde_json::from_str::<serde_json::Value>(card).expect("json")["expiryDate"].is_string());
}

#[test]
fn the_example_configuration_has_no_diagnostics_given_its_variables() {
    let text = &with_key_hashes(include_str!("../../config/example.toml"));
    let variables = [
        ("HARBOR_ACME_KEY", "a"),
        ("OPERA_SECUTIX_PASSWORD", "b"),
        ("OPERA_WEBHOOK_SECRET", "0123456789abcdef0123456789abcdef"),
        ("QUAY_TICKETING_KEY", "c"),
        ("QUAY_CARD", CARD),
        ("LAGOON_OCTO_KEY", "f"),
        ("TIXNGO_KEY", "d"),
        ("LEDGER_URL", "postgres://u:p@db.example.com/ticketgraph"),
        ("LEDGER_KEY", "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="),
        ("REDIS_URL", "rediss://u:p@redis.example.com"),
        ("SMTP_URL", "smtps://u:p@mail.example.com"),
    ];
    let config = load_with_real_vendors(text, &variables).expect("no diagnostics");
    assert!(config.sources.len() == 4 && config.ledger.encryption_key.is_some());
    let missing = lines(load_with_real_vendors(text, &[]));
    for (name, _) in variables {
        assert!(missing.contains(&format!("the environment variable {name} is not set")), "{name} in {missing}");
    }
}

#[test]
fn placeholders_and_published_keys_are_refused_in_a_live_configuration() {
    let how = "make a key with `ticketgraph key new`, which also prints this line";
    for (text, clients) in [
        (include_str!("../../config/example.toml"), &["storefront", "tiqets-dashboard"][..]),
        (include_str!("../../deploy/kubernetes/ticketgraph.toml"), &["storefront"]),
    ] {
        let found =
            lines(load_with_real_vendors(text, &[("LEDGER_KEY", "c2FuZGJveCBvbmx5LCBuZXZlciBmb3IgcmVhbCB1c2U=")]));
        for client in clients {
            let expected = format!("clients.{client}.key_sha256: is the placeholder of an example: {how}");
            assert!(found.contains(&expected), "{expected} in {found}");
        }
        let expected =
            "ledger.encryption_key: is the published key of the sandbox: make one with `openssl rand -base64 32`";
        assert!(found.contains(expected), "{found}");
    }
    // The keys of the sandbox, and the examples of earlier versions.
    let sandbox: toml::Table = include_str!("../../config/sandbox.toml").parse().expect("TOML");
    let keys = sandbox["clients"].as_table().expect("clients").values();
    let mut hashes: Vec<String> = keys
        .map(|client| hex::encode(Sha256::digest(client["key"]["value"].as_str().expect("a key").as_bytes())))
        .collect();
    assert!(hashes.len() >= 6, "{hashes:?}");
    hashes.extend(
        [
            "f584ad838f8fc62724b3a9a1ad9bf1e2f9edd8eb3fb222ecf7a49e7fc6e0e2c3",
            "1192AF5B7A99E1AB7EAED2AE90D567E0D7097165E71A46AEB937A2509DFBE0FD",
        ]
        .map(str::to_owned),
    );
    for hash in hashes {
        let client = format!("[clients.shop]\nkey_sha256 = \"{hash}\"\nscopes = [\"catalog:read\"]\n");
        let live = HARBOR.replace("\"sandbox\"", "\"live\"");
        assert_ne!(live, HARBOR);
        let found = lines(load(&format!("{live}{client}"), &[KEY]));
        assert!(found.contains(&format!("clients.shop.key_sha256: is the hash of a published key: {how}")), "{found}");
        load(&format!("{HARBOR}{client}"), &[KEY]).expect("a sandbox may use it");
    }
}

#[test]
fn the_commented_examples_in_the_defaults_are_valid() {
    let manual = include_str!("../../config/default.toml");
    let is_example = |line: &&str| line.starts_with('#') && !line.starts_with("# ") && line.len() > 1;
    let examples: Vec<_> = manual.lines().filter(is_example).map(|line| &line[1..]).collect();
    assert!(examples.len() > 20);
    let secret = ("CRM_WEBHOOK_SECRET", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
    let config = load_with_real_vendors(&with_key_hashes(&examples.join("\n")), &[KEY, ("TIXNGO_KEY", "x"), secret])
        .expect("no diagnostics");
    assert_eq!((config.sources.len(), config.clients.len(), config.auth.issuers.len()), (1, 1, 1));
    assert_eq!(config.webhooks.destinations["crm"].reseller.as_deref(), Some("tiqets"));
}

#[test]
fn common_source_settings_are_parsed_and_vendor_keys_are_passed_on() {
    let config = load(HARBOR, &[KEY]).expect("no diagnostics");
    let harbor = &config.sources[&SourceId::new("harbor")];
    assert_eq!(harbor.source.base_url, "https://sandx-api.acmeticketing.com");
    assert_eq!(harbor.source.time_zone.iana_name(), Some("America/New_York"));
    assert_eq!(harbor.source.vendor_settings["api_key"].as_str(), Some("planted-acme-key"));
    assert_eq!(harbor.source.vendor_settings["tenant_id"].as_integer(), Some(412));
    assert_eq!(harbor.resilience, config.resilience);
}

#[test]
fn a_source_overrides_single_resilience_settings() {
    let text = format!(
        "{HARBOR}[sources.harbor.resilience]\nattempt_timeout = \"3s\"\n[sources.harbor.resilience.circuit_breaker]\nmin_calls = 7\n\
         [resilience.circuit_breaker]\nsuccess_threshold = 9\n"
    );
    let config = load(&text, &[KEY]).expect("no diagnostics");
    let harbor = &config.sources[&SourceId::new("harbor")].resilience;
    assert_eq!(harbor.attempt_timeout, Duration::from_secs(3));
    assert_eq!((harbor.circuit_breaker.min_calls.get(), harbor.circuit_breaker.success_threshold.get()), (7, 9));
    assert_eq!(config.resilience.attempt_timeout, Duration::from_secs(8));
}

#[test]
fn a_commission_is_exact() {
    let text =
        format!("{HARBOR}[resellers.t]\nname = \"T\"\n[resellers.t.connections.harbor]\ncommission_percent = 8.1\n");
    let config = load(&text, &[KEY]).expect("no diagnostics");
    let connection = &config.resellers["t"].connections[&SourceId::new("harbor")];
    assert_eq!(connection.commission_percent, Some("8.1".parse::<Decimal>().expect("a decimal")));
}

#[test]
fn variables_override_the_file_and_are_parsed_by_the_type_of_the_setting() {
    let text = format!(
        "{HARBOR}[deliveries.app-one]\napp = \"tixngo\"\nsource = \"harbor\"\nurl = \"https://a.example/organizer/tickets\"\n"
    );
    let variables = [
        KEY,
        ("TICKETGRAPH__SERVER__LISTEN", "0.0.0.0:9"),
        ("TICKETGRAPH__SERVER__CORS_ORIGINS", "[\"https://shop.example.com\"]"),
        ("TICKETGRAPH__GRAPHQL__DEPTH", "21"),
        ("TICKETGRAPH__GRAPHQL__WARN_ONLY", "true"),
        ("TICKETGRAPH__SOURCES__HARBOR__BASE_URL", "http://127.0.0.1:5"),
        ("TICKETGRAPH__SOURCES__HARBOR__INSTITUTION", "1234"),
        ("TICKETGRAPH__SOURCES__HARBOR__TENANT_ID", "7"),
        ("TICKETGRAPH__SOURCES__HARBOR__API_KEY", "straight-from-the-variable"),
        ("TICKETGRAPH__DELIVERIES__APP_ONE__API_KEY", "{ env = \"HARBOR_ACME_KEY\" }"),
        ("TICKETGRAPH__LEDGER__URL", "postgres://u:p@db/t"),
        ("TICKETGRAPH_CONFIG", "not a setting"),
    ];
    let config = load(&text, &variables).expect("no diagnostics");
    assert_eq!(config.server.listen.to_string(), "0.0.0.0:9");
    assert_eq!(config.server.cors_origins[0].as_str(), "https://shop.example.com");
    assert!(config.graphql.depth.get() == 21 && config.graphql.warn_only);
    let source = &config.sources[&SourceId::new("harbor")].source;
    assert_eq!((source.base_url.as_str(), source.institution.as_str()), ("http://127.0.0.1:5", "1234"));
    assert_eq!(source.vendor_settings["tenant_id"].as_integer(), Some(7));
    assert_eq!(source.vendor_settings["api_key"].as_str(), Some("straight-from-the-variable"));
    assert_eq!(config.deliveries["app-one"].channel.app_settings["api_key"].as_str(), Some("planted-acme-key"));
    assert_eq!(config.ledger.url.expose_secret(), "postgres://u:p@db/t");
}

#[test]
fn a_variable_that_overrides_text_stays_text_even_if_it_looks_like_a_number() {
    let quay = r#"
[sources.quay]
vendor = "ticketing"
environment = "sandbox"
base_url = "https://qa.ticketingevents.com/v3"
institution = "Quay"
host = "1"
time_zone = "UTC"
"#;
    let config = load(quay, &[("TICKETGRAPH__SOURCES__QUAY__HOST", "17201149984410")]).expect("no diagnostics");
    assert_eq!(config.sources[&SourceId::new("quay")].source.vendor_settings["host"].as_str(), Some("17201149984410"));
}

#[test]
fn secrets_are_read_from_files_relative_to_the_configuration() {
    let text = r#"
[sources.quay]
vendor = "ticketing"
environment = "live"
base_url = "https://api.ticketingevents.com/v3"
institution = "Quay"
api_key = { file = "secrets/key" }
settlement = { instrument_file = "secrets/card.json" }
time_zone = "UTC"
"#;
    let files = Files::default()
        .with("/etc/tg/venues.toml", text)
        .with("/etc/tg/secrets/key", "key-in-a-file\r\n")
        .with("/etc/tg/secrets/card.json", "{\"number\":\"1\"}");
    let config = files.load(Some("/etc/tg/venues.toml"), &[]).expect("no diagnostics");
    let own = &config.sources[&SourceId::new("quay")].source.vendor_settings;
    assert_eq!(own["api_key"].as_str(), Some("key-in-a-file"));
    assert_eq!(own["settlement"]["instrument"].as_str(), Some("{\"number\":\"1\"}"));
    assert!(own["settlement"].get("instrument_file").is_none());
}

#[test]
fn the_debug_output_of_a_configuration_contains_no_secret() {
    let text = &with_key_hashes(include_str!("../../config/example.toml"));
    let planted = [
        ("HARBOR_ACME_KEY", "planted-one"),
        ("OPERA_SECUTIX_PASSWORD", "planted-two"),
        ("OPERA_WEBHOOK_SECRET", "planted-ten-0123456789abcdefghijk"),
        ("QUAY_TICKETING_KEY", "planted-three"),
        ("QUAY_CARD", r#"{ "number": "planted-eight" }"#),
        ("LAGOON_OCTO_KEY", "planted-ten"),
        ("TIXNGO_KEY", "planted-four"),
        ("LEDGER_URL", "postgres://planted-five:p@db/t"),
        ("LEDGER_KEY", "706c616e7465642d7369782d706c616e7465642d7369782d706c616e74656421"),
        ("REDIS_URL", "rediss://planted-seven:p@redis"),
        ("SMTP_URL", "smtps://planted-nine:p@mail"),
    ];
    let shown = format!("{:?}", load(text, &planted).expect("no diagnostics"));
    assert!(shown.contains("Harbor Museum"), "the Debug shows what is no secret");
    for secret in ["planted-", "706c616e", "112, 108, 97"] {
        assert!(!shown.contains(secret), "{secret} in {shown}");
    }
    let sandbox =
        format!("{:?}", Files::default().load_with(&app::vendor_config_specs(), None, &[]).expect("the sandbox"));
    for secret in ["sandbox-storefront", "harbor-sandbox-key", "4111", "opera-sandbox-password", "octo-sandbox-key"] {
        assert!(!sandbox.contains(secret), "{secret} in {sandbox}");
    }
}

#[test]
fn diagnostics_contain_no_secret_even_if_it_was_written_in_the_wrong_place() {
    let text = r#"
[cache]
redis_url = "rediss://u:planted@redis"
[ledger]
url = "mysql://u:planted@db"
encryption_key = "planted"
[sources.harbor]
vendor = "acme"
environment = "live"
base_url = "https://u:planted@acme.example"
api_key = "planted"
[clients.a]
key = { value = "planted" }
key_sha256 = "planted"
"#;
    let report = lines(load(text, &[("TICKETGRAPH__SOURCES__HARBOR__APIKEY", "planted")]));
    assert!(report.contains("sources.harbor.api_key") && report.contains("clients.a.key"), "{report}");
    assert!(!report.contains("planted"), "{report}");
}

#[test]
fn a_file_that_is_missing_or_not_toml_is_unreadable() {
    let torn = load("[server\nlisten = 4\nx = = 3\n", &[]).expect_err("no toml");
    let absent = Files::default().load(Some("nowhere.toml"), &[]).expect_err("no file");
    assert!(torn.is_unreadable() && absent.is_unreadable());
    let report: Vec<_> = torn.lines().chain(absent.lines()).collect();
    insta::assert_snapshot!(report.join("\n"));
    assert!(!load("[servr]", &[]).expect_err("a finding").is_unreadable());
}

#[test]
fn the_secret_of_an_incoming_webhook_has_a_length_and_characters_that_a_path_keeps() {
    let source = |secret: &str| format!("{HARBOR}[sources.harbor.incoming_webhook]\n{secret}\n");
    let with = |secret: &str| {
        load(&source("secret = { env = \"HOOK\" }"), &[KEY, ("HOOK", secret)]).map(|config| {
            let harbor = config.sources.into_values().next().expect("a source");
            harbor.webhook_secret.map(|secret| secret.expose_secret().to_owned())
        })
    };
    let fitting = ["0123456789-abcdefghij_KLMNOPQRST", &"x".repeat(128)];
    for secret in fitting {
        assert_eq!(with(secret).expect("a secret"), Some(secret.to_owned()));
    }
    let expected = "sources.harbor.incoming_webhook.secret: must be a secret of 32 to 128 letters, digits, `-` and `_`";
    let short = "planted-0123456789-abcdefghijkl";
    assert_eq!(short.len(), 31);
    for secret in [short, &"x".repeat(129), "planted/0123456789-abcdefghijklmn", "planted%200123456789-abcdefghijk"] {
        let found = with(secret).expect_err("a finding").lines().collect::<Vec<_>>().join("\n");
        assert!(found.contains(expected) && !found.contains("planted") && !found.contains("xxx"), "{found}");
    }
    let found = lines(load(&source(""), &[KEY]));
    assert!(found.contains("sources.harbor.incoming_webhook.secret: is missing"), "{found}");
    let none = load(HARBOR, &[KEY]).expect("a configuration").sources.into_values().next().expect("a source");
    assert!(none.webhook_secret.is_none());
}
