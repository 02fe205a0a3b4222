//! Settings of this vendor and their validation.

use secrecy::SecretString;
use toml::Value;
use url::Url;

use domain::Currency;
use vendor_api::InvalidSetting;
use vendor_api::SourceConfig;

/// Keys of a source beyond the shared ones.
pub(crate) const KEYS: &[&str] = &["api_key", "editor_key", "tenant_id", "organization_id", "voucher", "assumptions"];
/// Keys of `assumptions`.
const ASSUMPTIONS: &[&str] = &["checkout_retry"];
/// Keys that hold secrets.
pub(crate) const SECRETS: &[&str] = &["api_key", "editor_key"];

/// Keys of a reseller's connection: the buyer, and the ids that the venue assigned (`acme.md §5`).
pub(crate) const CONNECTION_KEYS: &[&str] = &["organization_id", "event_templates", "ticket_types"];

/// Amount that an order charges to our voucher.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Voucher {
    /// The full amount: the voucher is our booking reference, and the venue bills us.
    Charged,
    /// Nothing yet: only for an organization with a deferred payment policy (`acme.md §5`).
    Deferred,
}

/// Reaction to a check-out whose response was lost and that no look-up finds (`acme.md §5`, rule 2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(crate) enum CheckOutRetry {
    /// It is never sent again: that the organization check-out honors a request UUID is not documented.
    #[default]
    Never,
    /// It is sent again with the same UUID while its hold exists: only after a sandbox answered the repetition with a 409.
    SameUuid,
}

/// Settings of one tenant.
pub(crate) struct Settings {
    pub(crate) base_url: Url,
    pub(crate) api_key: SecretString,
    /// Key of a user who may edit, if it differs from the selling key: a reseller's key may not edit (`acme.md §5`).
    pub(crate) editing_key: Option<SecretString>,
    /// Enables the `/v2/b2c` reads: the calendar, and finding orders again.
    pub(crate) tenant_id: Option<String>,
    /// Buying organization when the order names none.
    pub(crate) organization_id: Option<String>,
    pub(crate) voucher: Voucher,
    pub(crate) check_out_retry: CheckOutRetry,
    pub(crate) currency: Currency,
}

impl Settings {
    /// Parses and validates a source's configuration; the error lists everything that is wrong.
    pub(crate) fn from_config(config: &SourceConfig) -> Result<Self, Vec<InvalidSetting>> {
        let mut errors = Vec::new();
        let base = collect_error(&mut errors, parse_base_url(config));
        let api_key = collect_error(&mut errors, api_key(config));
        let editor_key = collect_error(&mut errors, editor_key(config));
        let tenant_id = collect_error(&mut errors, numeric_id(config, "tenant_id"));
        let organization_id = collect_error(&mut errors, numeric_id(config, "organization_id"));
        let voucher = collect_error(&mut errors, voucher(config));
        let check_out_retry = check_out_retry(config).map_err(|error| errors.push(error)).unwrap_or_default();
        let missing = || {
            InvalidSetting::new(
                "currency",
                "missing: ACME's API never contains the currency of its prices, e.g. \"USD\"",
            )
        };
        let currency = collect_error(&mut errors, config.currency.ok_or_else(missing));
        for key in config.vendor_settings.keys().filter(|key| !KEYS.contains(&key.as_str())) {
            errors.push(InvalidSetting::new(
                key,
                format!("unknown key; the keys of this vendor are {}", KEYS.join(", ")),
            ));
        }
        let keys = api_key.zip(editor_key);
        match (base, keys, tenant_id, organization_id, voucher, currency) {
            (
                Some(base),
                Some((api_key, editor_key)),
                Some(tenant_id),
                Some(organization_id),
                Some(voucher),
                Some(currency),
            ) if errors.is_empty() => Ok(Self {
                base_url: base,
                api_key,
                editing_key: editor_key,
                tenant_id,
                organization_id,
                voucher,
                check_out_retry,
                currency,
            }),
            _ => Err(errors),
        }
    }
}

fn collect_error<T>(errors: &mut Vec<InvalidSetting>, outcome: Result<T, InvalidSetting>) -> Option<T> {
    outcome.map_err(|error| errors.push(error)).ok()
}

fn parse_base_url(config: &SourceConfig) -> Result<Url, InvalidSetting> {
    let base = Url::parse(&config.base_url).ok().filter(|url| !url.cannot_be_a_base() && url.has_host());
    base.ok_or_else(|| InvalidSetting::new("base_url", "not a URL such as \"https://sand3-api.acmeticketing.com\""))
}

fn api_key(config: &SourceConfig) -> Result<SecretString, InvalidSetting> {
    let missing = "missing: the API key that the venue received from ACME, as a secret";
    optional_key(config, "api_key")?.ok_or_else(|| InvalidSetting::new("api_key", missing))
}

fn editor_key(config: &SourceConfig) -> Result<Option<SecretString>, InvalidSetting> {
    optional_key(config, "editor_key")
}

fn optional_key(config: &SourceConfig, name: &str) -> Result<Option<SecretString>, InvalidSetting> {
    match config.vendor_settings.get(name).map(|value| value.as_str().unwrap_or_default()) {
        Some(key) if !key.is_empty() && key.bytes().all(|b| b.is_ascii_graphic()) => Ok(Some(key.into())),
        Some(_) => Err(InvalidSetting::new(name, "must be printable ASCII without spaces")),
        None => Ok(None),
    }
}

/// Parses an id that ACME writes as a number; a string of digits is accepted.
fn numeric_id(config: &SourceConfig, key: &str) -> Result<Option<String>, InvalidSetting> {
    let text = match config.vendor_settings.get(key) {
        None => return Ok(None),
        Some(Value::Integer(number)) => number.to_string(),
        Some(Value::String(text)) => text.clone(),
        Some(_) => String::new(),
    };
    let is_number = !text.is_empty() && text.len() <= 19 && text.bytes().all(|b| b.is_ascii_digit());
    is_number.then_some(Some(text)).ok_or_else(|| InvalidSetting::new(key, "must be a whole number such as 412"))
}

fn voucher(config: &SourceConfig) -> Result<Voucher, InvalidSetting> {
    match config.vendor_settings.get("voucher").map(|value| value.as_str().unwrap_or_default()) {
        None | Some("charged") => Ok(Voucher::Charged),
        Some("deferred") => Ok(Voucher::Deferred),
        Some(_) => Err(InvalidSetting::new("voucher", "neither \"charged\" (the default) nor \"deferred\"")),
    }
}

fn check_out_retry(config: &SourceConfig) -> Result<CheckOutRetry, InvalidSetting> {
    let Some(assumptions) = config.vendor_settings.get("assumptions") else { return Ok(CheckOutRetry::default()) };
    let wrong_table = || InvalidSetting::new("assumptions", format!("must be a table of {}", ASSUMPTIONS.join(", ")));
    let assumptions = assumptions.as_table().ok_or_else(wrong_table)?;
    if let Some(key) = assumptions.keys().find(|key| !ASSUMPTIONS.contains(&key.as_str())) {
        let known = ASSUMPTIONS.join(", ");
        return Err(InvalidSetting::new(format!("assumptions.{key}"), format!("unknown key; the keys are {known}")));
    }
    match assumptions.get("checkout_retry").map(|value| value.as_str().unwrap_or_default()) {
        None | Some("never") => Ok(CheckOutRetry::Never),
        Some("same_uuid") => Ok(CheckOutRetry::SameUuid),
        Some(_) => {
            let message = "neither \"never\" (the default) nor \"same_uuid\"";
            Err(InvalidSetting::new("assumptions.checkout_retry", message))
        }
    }
}

#[cfg(test)]
mod tests {
    use domain::{Environment, SourceId};

    use super::*;

    fn settings(own: &str) -> Result<Settings, Vec<InvalidSetting>> {
        Settings::from_config(&SourceConfig {
            id: SourceId::new("harbor"),
            environment: Environment::Sandbox,
            base_url: "https://sand3-api.acmeticketing.com".to_owned(),
            institution: "Harbor Museum".to_owned(),
            time_zone: jiff::tz::TimeZone::UTC,
            currency: "USD".parse().ok(),
            vendor_settings: toml::from_str(&format!("api_key = \"key\"\n{own}")).expect("valid TOML"),
        })
    }

    #[test]
    fn a_lost_check_out_is_sent_again_only_if_the_configuration_says_so() {
        for (own, expected) in [
            ("", Ok(CheckOutRetry::Never)),
            ("assumptions = {}", Ok(CheckOutRetry::Never)),
            ("assumptions = { checkout_retry = \"never\" }", Ok(CheckOutRetry::Never)),
            ("assumptions = { checkout_retry = \"same_uuid\" }", Ok(CheckOutRetry::SameUuid)),
            ("assumptions = { checkout_retry = true }", Err("assumptions.checkout_retry")),
            ("assumptions = { checkout_retries = \"never\" }", Err("assumptions.checkout_retries")),
            ("assumptions = \"never\"", Err("assumptions")),
        ] {
            let read = settings(own).map(|settings| settings.check_out_retry);
            let read = read.map_err(|errors| errors[0].key.clone());
            assert_eq!(read, expected.map_err(str::to_owned), "{own}");
        }
    }
}
