//! Everything that a configuration names beside vendors and apps: ledger, Redis, certificates, keys of issuers, the sign-in
//! provider.

use crate::app::auth_setup;
use crate::app::check::{CheckReport, certificate};
use crate::app::error::{StartError, with_causes};
use crate::app::sign_in_setup;
use crate::app::sources::Infrastructure;
use crate::config::Config;
use domain::Clock;
use domain::accounts::{AccountCheck, CheckOutcome};
use store_sql::Stores;

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
        let hint = redis.find_fault().await.map(|fault| {
            format!(
                "It {fault}: replicas share neither cache nor limits. Check redis_url, its password and the network."
            )
        });
        let check = AccountCheck::new("REDIS", "Redis responds", hint);
        reports.push(CheckReport::new("cache.redis_url".to_owned(), vec![check]));
    }
    if let Some(files) = &config.server.tls {
        let checks = certificate::check(config, files, clock.now());
        reports.push(CheckReport::new("server.tls".to_owned(), checks));
    }
    for url in config.edge.purge_urls.iter().filter(|_| config.edge.enabled) {
        let outcome = edge::check_edge(&infrastructure.client, url, config.edge.purge_timeout).await;
        let hint = outcome.err().map(|error| {
            format!("{error}: old responses stay until they expire. Check the address, and who may purge there (docs/edge.md).")
        });
        let check = AccountCheck::new("PURGE", "The edge accepts purges", hint.as_deref());
        reports.push(CheckReport::new(format!("edge.purge_urls {url}"), vec![check]));
    }
    for (name, settings) in &config.auth.issuers {
        let title = "The keys of the issuer can be read";
        let check = match auth_setup::read_keys(name, settings, &infrastructure.client).await {
            Ok(0) => {
                AccountCheck::new("ISSUER_KEYS", title, Some("The key set has no key for the configured algorithms."))
            }
            Ok(_) => AccountCheck::passed("ISSUER_KEYS", title),
            Err(error) => AccountCheck::new("ISSUER_KEYS", title, Some(format!("{error}."))),
        };
        reports.push(CheckReport::new(format!("auth.issuers.{name}"), vec![check]));
    }
    if let Some(settings) = &config.sign_in {
        let title = "The sign-in provider publishes its configuration and keys";
        let provider = sign_in_setup::provider(settings, &infrastructure.client, &infrastructure.clock);
        let hint =
            "It cannot be discovered: see the log line, and compare `sign_in.issuer` with what the provider writes.";
        let check = AccountCheck::new("SIGN_IN", title, provider.discover().await.is_err().then_some(hint));
        reports.push(CheckReport::new("sign_in".to_owned(), vec![check]));
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
            return AccountCheck::with_outcome("LEDGER", TITLE, CheckOutcome::NotTried(hint.into()));
        }
        Err(error) => return AccountCheck::new("LEDGER", TITLE, Some(format!("{error}."))),
    };
    match stores.health.order_stats(clock.now()).await {
        Ok(_) => AccountCheck::passed("LEDGER", TITLE),
        Err(error) => {
            let hint = format!("It has no tables yet, or they cannot be read: {}.", with_causes(&error));
            AccountCheck::with_outcome("LEDGER", TITLE, CheckOutcome::Risk(hint.into()))
        }
    }
}
