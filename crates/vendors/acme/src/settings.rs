//! What a stanza of this vendor says, and everything that is wrong with it.

use secrecy::SecretString;
use toml::Value;
use url::Url;

use domain::Currency;
use vendor_api::Finding;
use vendor_api::Stanza;

/// Keys of a stanza beside the shared ones.
pub(crate) const KEYS: &[&str] = &["api_key", "editor_key", "tenant_id", "organization_id", "voucher"];
/// Those that hold secrets.
pub(crate) const SECRETS: &[&str] = &["api_key", "editor_key"];

/// Keys of a reseller's connection: who buys, and the ids that the venue gave (`acme.md §5`).
pub(crate) const CONNECTION_KEYS: &[&str] = &["organization_id", "event_templates", "ticket_types"];

/// How much an order charges to our voucher.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Voucher {
    /// All of it: the voucher is our booking reference, the venue bills us.
    Charged,
    /// Nothing yet: only where the venue gave the organisation a deferred payment policy (`acme.md §5`).
    Deferred,
}

/// The settings of one tenant.
pub(crate) struct Settings {
    pub(crate) base: Url,
    pub(crate) api_key: SecretString,
    /// The key of a user who may edit, where it is another one: a reseller's may not (`acme.md §5`).
    pub(crate) editor_key: Option<SecretString>,
    /// Opens the `/v2/b2c` reads: the calendar, and finding orders again.
    pub(crate) tenant_id: Option<String>,
    /// Who buys where the order names no organisation of its own.
    pub(crate) organization_id: Option<String>,
    pub(crate) voucher: Voucher,
    pub(crate) currency: Currency,
}

impl Settings {
    /// Reads a stanza; the error names everything that is wrong with it.
    pub(crate) fn read(stanza: &Stanza) -> Result<Self, Vec<Finding>> {
        let mut findings = Vec::new();
        let base = noted(&mut findings, base(stanza));
        let api_key = noted(&mut findings, api_key(stanza));
        let editor_key = noted(&mut findings, editor_key(stanza));
        let tenant_id = noted(&mut findings, id(stanza, "tenant_id"));
        let organization_id = noted(&mut findings, id(stanza, "organization_id"));
        let voucher = noted(&mut findings, voucher(stanza));
        let missing = || Finding::new("currency", "missing: ACME never names the currency of its prices, e.g. \"USD\"");
        let currency = noted(&mut findings, stanza.currency.ok_or_else(missing));
        for key in stanza.own.keys().filter(|key| !KEYS.contains(&key.as_str())) {
            findings.push(Finding::new(key, format!("not a key of this vendor; it has {}", KEYS.join(", "))));
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
            ) if findings.is_empty() => {
                Ok(Self { base, api_key, editor_key, tenant_id, organization_id, voucher, currency })
            }
            _ => Err(findings),
        }
    }
}

fn noted<T>(findings: &mut Vec<Finding>, outcome: Result<T, Finding>) -> Option<T> {
    outcome.map_err(|finding| findings.push(finding)).ok()
}

fn base(stanza: &Stanza) -> Result<Url, Finding> {
    let base = Url::parse(&stanza.base_url).ok().filter(|url| !url.cannot_be_a_base() && url.has_host());
    base.ok_or_else(|| Finding::new("base_url", "not an address such as \"https://sand3-api.acmeticketing.com\""))
}

fn api_key(stanza: &Stanza) -> Result<SecretString, Finding> {
    let missing = "missing: the key that the venue asked ACME for, as a secret";
    key(stanza, "api_key")?.ok_or_else(|| Finding::new("api_key", missing))
}

fn editor_key(stanza: &Stanza) -> Result<Option<SecretString>, Finding> {
    key(stanza, "editor_key")
}

fn key(stanza: &Stanza, name: &str) -> Result<Option<SecretString>, Finding> {
    match stanza.own.get(name).map(|value| value.as_str().unwrap_or_default()) {
        Some(key) if !key.is_empty() && key.bytes().all(|b| b.is_ascii_graphic()) => Ok(Some(key.into())),
        Some(_) => Err(Finding::new(name, "empty, or not fit for a header: printable ASCII without spaces")),
        None => Ok(None),
    }
}

/// An id that ACME writes as a number; text of digits is the same.
fn id(stanza: &Stanza, key: &str) -> Result<Option<String>, Finding> {
    let text = match stanza.own.get(key) {
        None => return Ok(None),
        Some(Value::Integer(number)) => number.to_string(),
        Some(Value::String(text)) => text.clone(),
        Some(_) => String::new(),
    };
    let is_number = !text.is_empty() && text.len() <= 19 && text.bytes().all(|b| b.is_ascii_digit());
    is_number.then_some(Some(text)).ok_or_else(|| Finding::new(key, "not a whole number such as 412"))
}

fn voucher(stanza: &Stanza) -> Result<Voucher, Finding> {
    match stanza.own.get("voucher").map(|value| value.as_str().unwrap_or_default()) {
        None | Some("charged") => Ok(Voucher::Charged),
        Some("deferred") => Ok(Voucher::Deferred),
        Some(_) => Err(Finding::new("voucher", "neither \"charged\" (the default) nor \"deferred\"")),
    }
}
