//! Everything that a configuration names beside vendors and apps: ledger, Redis, certificates, keys of issuers.

use std::path::Path;

use x509_parser::pem::Pem;
use x509_parser::prelude::{GeneralName, X509Certificate};

use crate::app::check::CheckReport;
use crate::app::error::{StartError, with_causes};
use crate::app::sources::Infrastructure;
use crate::app::{auth_setup, gateway_setup};
use crate::config::{Config, TlsConfig};
use domain::Clock;
use domain::accounts::{AccountCheck, CheckOutcome};
use store_sql::Stores;

/// Days before the end of a certificate from which on it is a risk.
const RENEW_BEFORE_DAYS: i64 = 14;

/// Checks them all.
pub(super) async fn check(
    config: &Config,
    infrastructure: &Infrastructure,
    stores: &Result<Option<Stores>, StartError>,
    clock: &dyn Clock,
) -> Vec<CheckReport> {
    let mut reports = Vec::new();
    if !config.built_in {
        reports.push(CheckReport::new("ledger".to_owned(), vec![check_ledger(stores, clock).await]));
    }
    if let Some(redis) = &infrastructure.redis {
        let is_reachable = redis.dependency().check().await.is_ok();
        let hint = "It does not respond: replicas share neither cache nor limits. Check redis_url, its password and the network.";
        let check = AccountCheck::new("REDIS", "Redis responds", (!is_reachable).then_some(hint));
        reports.push(CheckReport::new("cache.redis_url".to_owned(), vec![check]));
    }
    if let Some(files) = &config.server.tls {
        let checks = check_certificate(config, files, clock);
        reports.push(CheckReport::new("server.tls".to_owned(), checks));
    }
    for (name, settings) in &config.auth.issuers {
        let title = "The keys of the issuer can be read";
        let check = match auth_setup::read_keys(name, settings, &infrastructure.client).await {
            Ok(0) => {
                AccountCheck::new("ISSUER_KEYS", title, Some("The key set has no key for the configured algorithms."))
            }
            Ok(_) => AccountCheck::new("ISSUER_KEYS", title, None),
            Err(error) => AccountCheck::new("ISSUER_KEYS", title, Some(&format!("{error}."))),
        };
        reports.push(CheckReport::new(format!("auth.issuers.{name}"), vec![check]));
    }
    reports
}

/// Reads the ledger. Writes nothing: a ledger of a running service stays as it is.
async fn check_ledger(stores: &Result<Option<Stores>, StartError>, clock: &dyn Clock) -> AccountCheck {
    const TITLE: &str = "The ledger can be read";
    let stores = match stores {
        Ok(Some(stores)) => stores,
        Ok(None) => {
            let hint = "It does not exist yet, or the file has no tables of the service, which creates them at its first start.";
            return AccountCheck::with_outcome("LEDGER", TITLE, CheckOutcome::NotTried(hint.to_owned()));
        }
        Err(error) => return AccountCheck::new("LEDGER", TITLE, Some(&format!("{error}."))),
    };
    match stores.health.order_stats(clock.now()).await {
        Ok(_) => AccountCheck::new("LEDGER", TITLE, None),
        Err(error) => {
            let hint = format!("It has no tables yet, or they cannot be read: {}.", with_causes(&error));
            AccountCheck::with_outcome("LEDGER", TITLE, CheckOutcome::Risk(hint))
        }
    }
}

/// Checks that the certificate fits its key, is valid now and for a while, and names the public address.
fn check_certificate(config: &Config, files: &TlsConfig, clock: &dyn Clock) -> Vec<AccountCheck> {
    let loaded = gateway_setup::load_tls(files).err();
    let hint = loaded.map(|why| format!("{} and {}: {why}.", files.cert.display(), files.key.display()));
    let mut checks = vec![AccountCheck::new("TLS_KEY", "The certificate fits its key", hint.as_deref())];
    let host = config.server.public_url.as_ref().and_then(|url| url.host_str().map(str::to_owned));
    match read_certificate(&files.cert) {
        Err(why) => checks.push(AccountCheck::new("TLS_CERTIFICATE", "The certificate can be read", Some(&why))),
        Ok(pem) => match pem.parse_x509() {
            Ok(certificate) => checks.extend(judge_certificate(&certificate, host.as_deref(), clock)),
            Err(error) => {
                let hint = format!("{}: {error}.", files.cert.display());
                checks.push(AccountCheck::new("TLS_CERTIFICATE", "The certificate can be read", Some(&hint)));
            }
        },
    }
    checks
}

/// Reads the first certificate of a file, which is that of the server.
fn read_certificate(path: &Path) -> Result<Pem, String> {
    let bytes = std::fs::read(path).map_err(|error| format!("{}: {error}.", path.display()))?;
    let (_, pem) = x509_parser::pem::parse_x509_pem(&bytes).map_err(|error| format!("{}: {error}.", path.display()))?;
    Ok(pem)
}

fn judge_certificate(certificate: &X509Certificate<'_>, host: Option<&str>, clock: &dyn Clock) -> Vec<AccountCheck> {
    let now = clock.now().as_second();
    let (from, until) = (certificate.validity().not_before.timestamp(), certificate.validity().not_after.timestamp());
    let days = (until - now).div_euclid(24 * 3600);
    let validity = match () {
        () if now < from => CheckOutcome::Failed("It is not valid yet.".to_owned()),
        () if now >= until => CheckOutcome::Failed("It has expired: renew it.".to_owned()),
        () if days < RENEW_BEFORE_DAYS => CheckOutcome::Risk(format!("It expires in {days} days: renew it.")),
        () => CheckOutcome::Passed,
    };
    let mut checks = vec![AccountCheck::with_outcome("TLS_VALIDITY", "The certificate is valid", validity)];
    if let Some(host) = host {
        let title = format!("The certificate names {host}");
        let hint = "It is none of its subject alternative names, so clients refuse it: check server.public_url and the certificate.";
        checks.push(AccountCheck::new("TLS_NAME", title, (!names(certificate, host)).then_some(hint)));
    }
    checks
}

/// Returns true if a certificate has a DNS name that fits a host (RFC 6125 §6.4: a wildcard stands for one label).
fn names(certificate: &X509Certificate<'_>, host: &str) -> bool {
    let alternatives = certificate.subject_alternative_name().ok().flatten();
    let all = alternatives.iter().flat_map(|names| &names.value.general_names);
    let mut dns = all.filter_map(|name| match name {
        GeneralName::DNSName(name) => Some(*name),
        _ => None,
    });
    let parent = host.split_once('.').map(|(_, parent)| parent);
    dns.any(|name| {
        name.eq_ignore_ascii_case(host)
            || name.strip_prefix("*.").zip(parent).is_some_and(|(name, parent)| name.eq_ignore_ascii_case(parent))
    })
}
