//! Settings of a SecuTix source beyond the shared ones (`secutix.md §5.1`).

use std::sync::Arc;

use secrecy::SecretString;
use serde::Deserialize;
use vendor_api::{Assumptions, InvalidSetting, SourceConfig};

use crate::assumptions::ASSUMPTIONS;
use crate::facts::Facts;
use crate::map::point_of_sale::SourceDefaults;
use crate::protocol::{Identity, TokenOrigin};

/// Vendor-specific keys of a source's configuration.
pub(crate) const KEYS: &[&str] = &[
    "login",
    "password",
    "partner_name",
    "transport",
    "contact_reference",
    "point_of_sales_id",
    "payment_method",
    "contingents",
    "token",
    "api_version",
    vendor_api::ASSUMPTIONS,
];

/// Keys that contain secrets.
pub(crate) const SECRETS: &[&str] = &["password"];

/// Keys in a reseller's connection (`secutix.md §5.1`).
pub(crate) const CONNECTION_KEYS: &[&str] = &["sales_channel", "point_of_sale", "contact_reference", "contingents"];

/// Protocol of the source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ProtocolKind {
    /// REST_RPC.
    #[default]
    Json,
    /// SOAP 1.1.
    Soap,
}

/// A number or text: ids are written both ways.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub(crate) enum ConfiguredId {
    /// As a number.
    Number(i64),
    /// As text.
    Text(String),
}

impl ConfiguredId {
    /// Returns it as text.
    pub(crate) fn text(&self) -> String {
        match self {
            Self::Number(id) => id.to_string(),
            Self::Text(text) => text.trim().to_owned(),
        }
    }

    /// Returns it as a number, if it is one.
    pub(crate) fn number(&self) -> Option<i64> {
        self.text().parse().ok()
    }
}

/// Parsed settings, with the inferred facts.
#[derive(Debug)]
pub(crate) struct Settings {
    own: OwnSettings,
    /// Inferred facts that apply to the source.
    pub facts: Arc<Facts>,
}

impl std::ops::Deref for Settings {
    type Target = OwnSettings;

    fn deref(&self) -> &OwnSettings {
        &self.own
    }
}

/// Settings without the table of assumptions.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct OwnSettings {
    /// Operator: `<institution>_<sales channel>`.
    pub login: String,
    /// Password of the operator.
    pub password: SecretString,
    /// Our name in tokens.
    #[serde(default = "default_partner_name")]
    pub partner_name: String,
    /// Protocol.
    #[serde(default)]
    pub transport: ProtocolKind,
    /// Technical contact that all sales are associated with. The hand-over mail does not contain it: ask for it.
    pub contact_reference: ConfiguredId,
    /// Point of sale. Default: that of the login.
    #[serde(default)]
    pub point_of_sales_id: Option<ConfiguredId>,
    /// Id or code of the payment method. Default: the first pending account.
    #[serde(default)]
    pub payment_method: Option<ConfiguredId>,
    /// Contingents to sell from. Empty: all of the channel.
    #[serde(default)]
    pub contingents: Vec<i64>,
    /// Origin of the token of the JSON protocol.
    #[serde(default)]
    pub token: TokenOrigin,
    /// Version of the services.
    #[serde(default = "default_api_version")]
    pub api_version: String,
}

fn default_partner_name() -> String {
    "ticketgraph".to_owned()
}

/// The latest version that is frozen and not deprecated (`secutix.md §2.1`).
fn default_api_version() -> String {
    "v1_33".to_owned()
}

impl Settings {
    /// Parses the configuration; returns every invalid setting.
    pub(crate) fn from_config(config: &SourceConfig) -> Result<Self, Vec<InvalidSetting>> {
        let mut table = config.vendor_settings.clone();
        table.remove(vendor_api::ASSUMPTIONS);
        let read: Result<OwnSettings, _> = table.try_into();
        let own = read.map_err(|error| vec![parse_diagnostic(config, &error)]);
        let own = own.and_then(|own| own.validated());
        let facts = Assumptions::from_settings(ASSUMPTIONS, &config.vendor_settings)
            .and_then(|values| Facts::from_assumptions(&values).map_err(|invalid| vec![invalid]));
        match (own, facts) {
            (Ok(own), Ok(facts)) => Ok(Self { own, facts: Arc::new(facts) }),
            (own, facts) => Err([own.err(), facts.err()].into_iter().flatten().flatten().collect()),
        }
    }

    /// Returns the configured values that complete or override the vendor's.
    pub(crate) fn source_defaults(&self, config: &SourceConfig) -> SourceDefaults {
        SourceDefaults {
            time_zone: config.time_zone.clone(),
            currency: config.currency,
            point_of_sale_id: self.point_of_sales_id.as_ref().and_then(ConfiguredId::number),
            payment_method: self.payment_method.as_ref().map(ConfiguredId::text),
            facts: Arc::clone(&self.facts),
        }
    }
}

impl OwnSettings {
    fn validated(self) -> Result<Self, Vec<InvalidSetting>> {
        let invalid = self.validate();
        if invalid.is_empty() { Ok(self) } else { Err(invalid) }
    }

    fn validate(&self) -> Vec<InvalidSetting> {
        use secrecy::ExposeSecret;
        let mut invalid = Vec::new();
        let mut expect = |holds: bool, key: &str, message: &str| {
            if !holds {
                invalid.push(InvalidSetting::new(key, message));
            }
        };
        let parts = self.login.rsplit_once('_');
        let is_login = parts.is_some_and(|(institution, channel)| !institution.is_empty() && !channel.is_empty());
        expect(is_login, "login", "must be <institution code>_<sales channel>, for example OPERA_DGTK");
        expect(!self.password.expose_secret().is_empty(), "password", "must not be empty");
        expect(!self.partner_name.trim().is_empty(), "partner_name", "must not be empty");
        let contact = self.contact_reference.text();
        expect(
            (1..=20).contains(&contact.len()),
            "contact_reference",
            "must be the number of the technical contact, at most 20 characters; the hand-over mail does not contain it: ask for it",
        );
        let is_number = self.point_of_sales_id.as_ref().is_none_or(|id| id.number().is_some());
        expect(is_number, "point_of_sales_id", "must be a number, for example 500100");
        let version = self.api_version.strip_prefix('v').and_then(|version| version.split_once('_'));
        let is_version = version.is_some_and(|(major, minor)| {
            [major, minor].iter().all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()))
        });
        expect(is_version, "api_version", "must look like v1_33");
        invalid
    }

    /// Returns the institution code: the login without its channel, upper case.
    pub(crate) fn institution(&self) -> String {
        self.login.rsplit_once('_').map_or(self.login.as_str(), |(institution, _)| institution).to_uppercase()
    }

    /// Returns the sales channel of the login.
    pub(crate) fn channel(&self) -> String {
        self.login.rsplit_once('_').map_or("", |(_, channel)| channel).to_uppercase()
    }

    /// Returns our identity in tokens.
    pub(crate) fn identity(&self) -> Identity {
        Identity {
            institution: self.institution(),
            login: self.login.clone(),
            password: self.password.clone(),
            partner: self.partner_name.clone(),
        }
    }
}

/// Names the key that could not be parsed. The parser's text is not used: it may quote a value, and a value may be a secret.
fn parse_diagnostic(config: &SourceConfig, error: &toml::de::Error) -> InvalidSetting {
    let message = error.message();
    let missing = message.strip_prefix("missing field `").and_then(|rest| rest.split('`').next());
    if let Some(key) = missing {
        return InvalidSetting::new(key, "is missing");
    }
    if let Some(key) = config.vendor_settings.keys().find(|key| !KEYS.contains(&key.as_str())) {
        return InvalidSetting::new(key, "is not a key of a secutix source");
    }
    let is_one_of = |key: &str, words: &[&str]| {
        config.vendor_settings.get(key).is_none_or(|value| value.as_str().is_some_and(|text| words.contains(&text)))
    };
    if !is_one_of("transport", &["json", "soap"]) {
        return InvalidSetting::new("transport", "must be \"json\" or \"soap\"");
    }
    if !is_one_of("token", &["self", "endpoint"]) {
        return InvalidSetting::new("token", "must be \"self\" or \"endpoint\"");
    }
    let wrong = config.vendor_settings.iter().find(|(key, value)| !match key.as_str() {
        vendor_api::ASSUMPTIONS => true,
        "contingents" => value.as_array().is_some_and(|ids| ids.iter().all(toml::Value::is_integer)),
        "contact_reference" | "point_of_sales_id" | "payment_method" => value.is_str() || value.is_integer(),
        _ => value.is_str(),
    });
    InvalidSetting::new(wrong.map_or("login", |(key, _)| key.as_str()), "has the wrong type")
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::{Environment, SourceId};

    fn config(own: &str) -> SourceConfig {
        SourceConfig {
            id: SourceId::new("opera"),
            environment: Environment::Sandbox,
            base_url: "https://opera.ws.secutix.com".to_owned(),
            institution: "OPERA".to_owned(),
            time_zone: jiff::tz::TimeZone::UTC,
            currency: None,
            vendor_settings: toml::from_str(own).expect("valid TOML"),
        }
    }

    #[test]
    fn a_complete_configuration_is_parsed_and_the_institution_is_the_prefix_of_the_login() {
        let own = "login = \"Opera_DGTK\"\npassword = \"x\"\ncontact_reference = 1000042\npayment_method = \"PEND\"";
        let settings = Settings::from_config(&config(own)).expect("valid settings");
        assert_eq!((settings.institution().as_str(), settings.channel().as_str()), ("OPERA", "DGTK"));
        assert_eq!((settings.transport, settings.api_version.as_str()), (ProtocolKind::Json, "v1_33"));
        assert_eq!(settings.contact_reference.text(), "1000042");
    }

    #[test]
    fn every_invalid_setting_is_reported_by_its_key_and_without_its_value() {
        let base = "password = \"s3cret\"\ncontact_reference = \"1000042\"\n";
        for (own, keys) in [
            (format!("{base}login = \"OPERA\"\napi_version = \"latest\""), vec!["login", "api_version"]),
            (format!("{base}login = \"A_B\"\ntransport = \"rest\""), vec!["transport"]),
            (format!("{base}login = \"A_B\"\ntoken = \"x\""), vec!["token"]),
            (
                format!("{base}login = \"A_B\"\nassumptions.rate_limit_scope = \"x\""),
                vec!["assumptions.rate_limit_scope"],
            ),
            (
                format!("{base}login = \"A_B\"\nassumptions.catalog_min_interval = \"25h\""),
                vec!["assumptions.catalog_min_interval"],
            ),
            (format!("{base}login = \"A_B\"\nrate_limit_scope = \"institution\""), vec!["rate_limit_scope"]),
            (format!("{base}login = \"A_B\"\ncontingents = [\"a\"]"), vec!["contingents"]),
            (format!("{base}login = \"A_B\"\nlogn = \"x\""), vec!["logn"]),
            (base.to_owned(), vec!["login"]),
            (
                "login = \"A_B\"\npassword = \"\"\ncontact_reference = \"\"\npoint_of_sales_id = \"x\"".to_owned(),
                vec!["password", "contact_reference", "point_of_sales_id"],
            ),
            ("login = \"A_B\"\npassword = 77123\ncontact_reference = \"1\"".to_owned(), vec!["password"]),
        ] {
            let invalid = Settings::from_config(&config(&own)).expect_err("invalid settings");
            assert_eq!(invalid.iter().map(|setting| setting.key.as_str()).collect::<Vec<_>>(), keys, "{own}");
            assert!(
                invalid.iter().all(|setting| !setting.message.contains("77123") && !setting.message.contains("s3cret"))
            );
        }
    }
}
