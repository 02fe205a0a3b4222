//! The settings of a SecuTix source, beside those that all sources share (`secutix.md §5.1`).

use secrecy::SecretString;
use serde::Deserialize;

use crate::map::till::House;
use crate::speech::{Identity, TokenMaker};
use vendor_api::Finding;
use vendor_api::Stanza;

/// Every key of its own in a stanza.
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
];

/// Those that hold secrets.
pub(crate) const SECRETS: &[&str] = &["password"];

/// Its keys in the connection of a reseller (`secutix.md §5.1`).
pub(crate) const CONNECTION_KEYS: &[&str] = &["sales_channel", "point_of_sale", "contact_reference", "contingents"];

/// Which of the two transports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Transport {
    /// REST_RPC.
    #[default]
    Json,
    /// SOAP 1.1.
    Soap,
}

/// A number or text: ids are written both ways.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub(crate) enum Id {
    /// As a number.
    Number(i64),
    /// As text.
    Text(String),
}

impl Id {
    /// The same as text.
    pub fn text(&self) -> String {
        match self {
            Self::Number(id) => id.to_string(),
            Self::Text(text) => text.trim().to_owned(),
        }
    }

    /// The same as a number, where it is one.
    pub fn number(&self) -> Option<i64> {
        self.text().parse().ok()
    }
}

/// What a stanza says.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Settings {
    /// The operator: `<institution>_<sales channel>`.
    pub login: String,
    /// The operator's password.
    pub password: SecretString,
    /// Our name in tokens.
    #[serde(default = "our_name")]
    pub partner_name: String,
    /// Which transport.
    #[serde(default)]
    pub transport: Transport,
    /// The technical contact that all sales hang on; not in the hand-over mail: ask for it.
    pub contact_reference: Id,
    /// The point of sale; absent: the one of the login.
    #[serde(default)]
    pub point_of_sales_id: Option<Id>,
    /// Id or code of the payment method; absent: the first pending account.
    #[serde(default)]
    pub payment_method: Option<Id>,
    /// The contingents to sell from; empty: all of the channel.
    #[serde(default)]
    pub contingents: Vec<i64>,
    /// Who makes the token of the JSON transport.
    #[serde(default)]
    pub token: TokenMaker,
    /// The version of the services.
    #[serde(default = "latest_frozen")]
    pub api_version: String,
}

fn our_name() -> String {
    "ticketgraph".to_owned()
}

/// The version to build on: frozen, not yet deprecated (`secutix.md §2.1`).
fn latest_frozen() -> String {
    "v1_33".to_owned()
}

impl Settings {
    /// Reads a stanza; every mistake in it is a finding.
    pub fn read(stanza: &Stanza) -> Result<Self, Vec<Finding>> {
        let read: Result<Self, _> = stanza.own.clone().try_into();
        let settings = read.map_err(|fault| vec![unreadable(stanza, &fault)])?;
        let findings = settings.findings();
        if findings.is_empty() { Ok(settings) } else { Err(findings) }
    }

    fn findings(&self) -> Vec<Finding> {
        use secrecy::ExposeSecret;
        let mut findings = Vec::new();
        let mut expect = |holds: bool, key: &str, message: &str| {
            if !holds {
                findings.push(Finding::new(key, message));
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
            "must be the number of the technical contact, at most 20 characters; it is not in the hand-over mail: ask for it",
        );
        let is_number = self.point_of_sales_id.as_ref().is_none_or(|id| id.number().is_some());
        expect(is_number, "point_of_sales_id", "must be a number, for example 500100");
        let version = self.api_version.strip_prefix('v').and_then(|version| version.split_once('_'));
        let is_version = version.is_some_and(|(major, minor)| {
            [major, minor].iter().all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()))
        });
        expect(is_version, "api_version", "must look like v1_33");
        findings
    }

    /// The institution code: the login without its channel, upper case.
    pub fn institution(&self) -> String {
        self.login.rsplit_once('_').map_or(self.login.as_str(), |(institution, _)| institution).to_uppercase()
    }

    /// The sales channel of the login.
    pub fn channel(&self) -> String {
        self.login.rsplit_once('_').map_or("", |(_, channel)| channel).to_uppercase()
    }

    /// Who we are in tokens.
    pub fn identity(&self) -> Identity {
        Identity {
            institution: self.institution(),
            login: self.login.clone(),
            password: self.password.clone(),
            partner: self.partner_name.clone(),
        }
    }

    /// What the configuration says where the vendor says nothing.
    pub fn house(&self, stanza: &Stanza) -> House {
        House {
            zone: stanza.time_zone.clone(),
            currency: stanza.currency,
            point_of_sale: self.point_of_sales_id.as_ref().and_then(Id::number),
            payment_method: self.payment_method.as_ref().map(Id::text),
        }
    }
}

/// Names the key that could not be read. The reader's own text may quote a value, and a value may be a secret.
fn unreadable(stanza: &Stanza, fault: &toml::de::Error) -> Finding {
    let message = fault.message();
    let missing = message.strip_prefix("missing field `").and_then(|rest| rest.split('`').next());
    if let Some(key) = missing {
        return Finding::new(key, "is missing");
    }
    if let Some(key) = stanza.own.keys().find(|key| !KEYS.contains(&key.as_str())) {
        return Finding::new(key, "is not a key of a secutix source");
    }
    let is_one_of = |key: &str, words: &[&str]| {
        stanza.own.get(key).is_none_or(|value| value.as_str().is_some_and(|text| words.contains(&text)))
    };
    if !is_one_of("transport", &["json", "soap"]) {
        return Finding::new("transport", "must be \"json\" or \"soap\"");
    }
    if !is_one_of("token", &["self", "endpoint"]) {
        return Finding::new("token", "must be \"self\" or \"endpoint\"");
    }
    let wrong = stanza.own.iter().find(|(key, value)| !match key.as_str() {
        "contingents" => value.as_array().is_some_and(|ids| ids.iter().all(toml::Value::is_integer)),
        "contact_reference" | "point_of_sales_id" | "payment_method" => value.is_str() || value.is_integer(),
        _ => value.is_str(),
    });
    Finding::new(wrong.map_or("login", |(key, _)| key.as_str()), "is of the wrong type")
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::{Environment, SourceId};

    fn stanza(own: &str) -> Stanza {
        Stanza {
            id: SourceId::new("opera"),
            environment: Environment::Sandbox,
            base_url: "https://opera.ws.secutix.com".to_owned(),
            institution: "OPERA".to_owned(),
            time_zone: jiff::tz::TimeZone::UTC,
            currency: None,
            own: toml::from_str(own).expect("TOML"),
        }
    }

    #[test]
    fn a_whole_stanza_is_read_and_the_institution_is_the_prefix_of_the_login() {
        let own = "login = \"Opera_DGTK\"\npassword = \"x\"\ncontact_reference = 1000042\npayment_method = \"PEND\"";
        let settings = Settings::read(&stanza(own)).expect("settings");
        assert_eq!((settings.institution().as_str(), settings.channel().as_str()), ("OPERA", "DGTK"));
        assert_eq!((settings.transport, settings.api_version.as_str()), (Transport::Json, "v1_33"));
        assert_eq!(settings.contact_reference.text(), "1000042");
    }

    #[test]
    fn every_mistake_is_named_by_its_key_and_no_value_is_shown() {
        let base = "password = \"s3cret\"\ncontact_reference = \"1000042\"\n";
        for (own, keys) in [
            (format!("{base}login = \"OPERA\"\napi_version = \"latest\""), vec!["login", "api_version"]),
            (format!("{base}login = \"A_B\"\ntransport = \"rest\""), vec!["transport"]),
            (format!("{base}login = \"A_B\"\ntoken = \"x\""), vec!["token"]),
            (format!("{base}login = \"A_B\"\ncontingents = [\"a\"]"), vec!["contingents"]),
            (format!("{base}login = \"A_B\"\nlogn = \"x\""), vec!["logn"]),
            (base.to_owned(), vec!["login"]),
            (
                "login = \"A_B\"\npassword = \"\"\ncontact_reference = \"\"\npoint_of_sales_id = \"x\"".to_owned(),
                vec!["password", "contact_reference", "point_of_sales_id"],
            ),
            ("login = \"A_B\"\npassword = 77123\ncontact_reference = \"1\"".to_owned(), vec!["password"]),
        ] {
            let findings = Settings::read(&stanza(&own)).expect_err("findings");
            assert_eq!(findings.iter().map(|finding| finding.key.as_str()).collect::<Vec<_>>(), keys, "{own}");
            assert!(
                findings
                    .iter()
                    .all(|finding| !finding.message.contains("77123") && !finding.message.contains("s3cret"))
            );
        }
    }
}
