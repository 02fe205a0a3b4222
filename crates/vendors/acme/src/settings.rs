//! Settings of this vendor and their validation.

use std::collections::BTreeMap;

use secrecy::SecretString;
use serde::Deserialize;
use toml::{Table, Value};
use url::Url;

use crate::assumptions::{ASSUMPTIONS, CheckInWord, InstanceState, TicketWord};
use domain::Currency;
use domain::ordering::Symbology;
use vendor_api::SourceConfig;
use vendor_api::{Assumptions, InvalidSetting};

/// Keys of a source beyond the shared ones.
pub(crate) const KEYS: &[&str] =
    &["api_key", "editor_key", "tenant_id", "organization_id", "voucher", "checkout_retry", "assumptions"];
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum CheckOutRetry {
    /// It is never sent again: that the organization check-out honors a request UUID is not documented.
    Never,
    /// It is sent again once with the same UUID while its hold exists, within ten minutes: only after a sandbox answered the
    /// repetition with a 409.
    SameUuid,
}

/// Ways to find an order whose response was lost (`acme.md §4.5`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum OrderLookup {
    /// Search by the address that only this leg uses, then list the orders of its instance.
    SearchThenList,
    /// List the orders of its instance.
    List,
    /// None: the key may read no list of orders.
    None,
}

/// Meaning of `items[].amount` of a check-out (`acme.md §4.3`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ItemAmount {
    /// Total of the line.
    Line,
    /// Price of one ticket.
    Unit,
}

/// Inferred facts, as the configuration corrects them.
#[derive(Clone, Debug)]
pub(crate) struct Facts {
    pub(crate) check_out_retry: CheckOutRetry,
    pub(crate) order_lookup: OrderLookup,
    /// Rows of a page; `None` requests everything in one call.
    pub(crate) page_size: Option<usize>,
    /// True if a discounted price of 0 is a price.
    pub(crate) zero_is_a_price: bool,
    pub(crate) ticket_status_words: BTreeMap<String, TicketWord>,
    pub(crate) check_in_status_words: BTreeMap<String, CheckInWord>,
    pub(crate) instance_state_words: BTreeMap<String, InstanceState>,
    /// True if a list of channels without ours allows the sale.
    pub(crate) unlisted_channel_sells: bool,
    pub(crate) item_amount: ItemAmount,
    pub(crate) symbology: Symbology,
    pub(crate) refunds_used_tickets: bool,
}

impl Facts {
    /// Reads the table `assumptions` of a configuration; the error lists everything that is wrong.
    pub(crate) fn from_settings(settings: &Table) -> Result<Self, Vec<InvalidSetting>> {
        let read = Assumptions::from_settings(ASSUMPTIONS, settings)?;
        Self::from_assumptions(&read).map_err(|invalid| vec![invalid])
    }

    fn from_assumptions(read: &Assumptions) -> Result<Self, InvalidSetting> {
        let is = |key: &str, word: &str| read.get::<String>(key).map(|value| value == word);
        let page_size: i64 = read.get("list_page_size")?;
        if page_size == 0 {
            return Err(InvalidSetting::new("assumptions.list_page_size", "must not be 0; -1 requests everything"));
        }
        Ok(Self {
            check_out_retry: read.get("checkout_retry")?,
            order_lookup: read.get("order_lookup")?,
            page_size: usize::try_from(page_size).ok(),
            zero_is_a_price: is("discounted_price_zero", "price")?,
            ticket_status_words: read.words("ticket_status_words")?,
            check_in_status_words: read.words("check_in_status_words")?,
            instance_state_words: read.words("instance_state_words")?,
            unlisted_channel_sells: is("unlisted_channel", "open")?,
            item_amount: read.get("item_amount")?,
            symbology: read.symbology("barcode_symbology")?,
            refunds_used_tickets: is("refund_used_ticket", "allow")?,
        })
    }

    /// Facts with the given lines of the table `assumptions`.
    #[cfg(test)]
    pub(crate) fn with(lines: &str) -> Self {
        let settings = format!("[assumptions]\n{lines}").parse().expect("TOML");
        Self::from_settings(&settings).expect("valid assumptions")
    }
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
    pub(crate) facts: Facts,
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
        let facts = Facts::from_settings(&config.vendor_settings).map_err(|invalid| errors.extend(invalid)).ok();
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
        match (base, keys, facts, tenant_id, organization_id, voucher, currency) {
            (
                Some(base),
                Some((api_key, editor_key)),
                Some(facts),
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
                facts,
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
            ("checkout_retry = \"same_uuid\"", Ok(CheckOutRetry::SameUuid)),
            ("checkout_retry = \"sometimes\"", Err("assumptions.checkout_retry")),
            ("checkout_retry = \"never\"\nassumptions = { checkout_retry = \"never\" }", Ok(CheckOutRetry::Never)),
            ("checkout_retry = \"never\"\nassumptions = { checkout_retry = \"same_uuid\" }", Err("checkout_retry")),
        ] {
            let read = settings(own).map(|settings| settings.facts.check_out_retry);
            let read = read.map_err(|errors| errors[0].key.clone());
            assert_eq!(read, expected.map_err(str::to_owned), "{own}");
        }
    }

    #[test]
    fn a_page_has_some_rows_or_all() {
        let size =
            |own: &str| settings(&format!("assumptions.list_page_size = {own}")).map(|read| read.facts.page_size);
        assert_eq!(size("25").map_err(|_| ()), Ok(Some(25)));
        assert_eq!(size("-1").map_err(|_| ()), Ok(None));
        assert_eq!(size("0").map_err(|errors| errors[0].key.clone()), Err("assumptions.list_page_size".to_owned()));
    }

    #[test]
    fn each_symbology_of_the_setting_is_the_one_of_the_tickets() {
        for (word, symbology) in [
            ("qr", Symbology::Qr),
            ("code128", Symbology::Code128),
            ("aztec", Symbology::Aztec),
            ("pdf417", Symbology::Pdf417),
        ] {
            assert_eq!(Facts::with(&format!("barcode_symbology = \"{word}\"")).symbology, symbology, "{word}");
        }
        assert_eq!(Facts::with("").symbology, Symbology::Qr);
    }
}
