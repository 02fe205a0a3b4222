//! `check`: what a configuration lists, and with `--online` whether vendors, apps and everything else that it names are there and work.

mod certificate;
mod control;
mod dependencies;
mod facts;
mod format;
mod selling;

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;

use crate::app::command::CommandRun;
use crate::app::delivery_setup::{notifications, venue_location};
use crate::app::error::StartError;
use crate::app::order_setup::attach_stores;
use crate::app::reseller_setup;
use crate::app::sources::{connect_sources, observed, vendor_client};
use crate::config::{Config, DeliveryConfig, ResilienceConfig};
use deliveries::{check_app, check_location};
use domain::accounts::{AccountCheck, AccountConfig, CheckOutcome, WriteProbes};
use domain::mobile::AppChannel;
use domain::{Source, SourceId};
use http_client::ExchangeObserver;
use resellers::{check_account, check_connection};
use source_stack::LocalRateLimiter;
use vendor_api::{ChannelConfig, InvalidSetting};
use vendor_registry::APPS;

pub use format::{format_check, format_details};
pub use selling::{list_assumptions, unsellable_sources};

/// Timeout of one call to a mobile app.
const CALL_TIMEOUT: Duration = Duration::from_secs(10);

/// Options of `check --online`.
#[derive(Debug, Clone, Copy, Default)]
pub struct CheckOptions {
    /// Also reads what a person can compare with the venue's back office.
    pub verbose: bool,
    /// Sends requests that may write.
    pub try_writes: bool,
}

/// Check results of one part of the configuration.
pub struct CheckReport {
    /// Path of the part in the configuration.
    pub section: String,
    /// Results, one per line.
    pub checks: Vec<AccountCheck>,
    /// Facts to compare with the venue's back office.
    pub facts: Vec<String>,
}

impl CheckReport {
    fn new(section: String, checks: Vec<AccountCheck>) -> Self {
        Self { section, checks, facts: Vec::new() }
    }

    /// Returns true if there is nothing to correct.
    pub fn is_fine(&self) -> bool {
        self.checks.iter().all(|check| check.outcome.is_fine())
    }
}

/// Checks every account, every reseller connection, every app, and everything else that the configuration names. Writes nothing at a
/// vendor, unless the options say so. With the built-in configuration the emulated vendors are started first, in memory only.
pub async fn check_online(mut config: Config, options: CheckOptions) -> Result<Vec<CheckReport>, StartError> {
    let run = CommandRun::start(&mut config).await?;
    let (clock, infrastructure) = (&*run.clock, &run.infrastructure);
    // What a service has read or requested lately is not requested again: some requests are allowed once in ten minutes.
    let stores = if config.built_in { Ok(None) } else { attach_stores(&config).await };
    let mut all = dependencies::check(&config, infrastructure, &stores, clock).await;
    let kept = stores.as_ref().ok().and_then(Option::as_ref).map(|stores| &stores.snapshots);
    let connected = connect_sources(&config, infrastructure, kept).map_err(StartError::Settings)?;
    let writes = if options.try_writes { WriteProbes::Allowed } else { WriteProbes::Never };
    let own_account = AccountConfig::default();
    let own = connected.sources.iter().map(async |source| {
        let mut checks = check_account(source, &own_account, writes).await;
        let control = control::check_wrong_credentials(&config, infrastructure, &source.id, &checks).await;
        control::apply(control, &mut checks);
        // Facts of something that is no vendor would mislead.
        let is_proven = !checks.iter().any(|check| matches!(check.outcome, CheckOutcome::Unproven(_)));
        let facts = if options.verbose && is_proven { facts::read(source, clock).await } else { Vec::new() };
        CheckReport { section: format!("sources.{}", source.id), checks, facts }
    });
    all.extend(join_all(own).await);
    all.extend(check_connections(&config, &connected.sources, writes, &all).await);
    for (id, settings) in &config.deliveries {
        let mut checks = vec![check_channel(&config.resilience, id, settings, None).await?];
        checks.push(check_location(&venue_location(settings)));
        all.push(CheckReport::new(format!("deliveries.{id}"), checks));
    }
    if let Some(notifications) = notifications(&config, infrastructure)? {
        all.push(CheckReport::new("notifications".to_owned(), notifications.check(writes).await));
    }
    Ok(all)
}

/// Checks the connections of resellers at sources that are proven to be the vendor.
async fn check_connections(
    config: &Config,
    sources: &[Arc<Source>],
    writes: WriteProbes,
    known: &[CheckReport],
) -> Vec<CheckReport> {
    let mut reports = Vec::new();
    for (reseller, id, connection) in reseller_setup::connections(config) {
        let Some(source) = sources.iter().find(|source| source.id == id) else { continue };
        let mut checks = check_connection(source, &connection, writes).await;
        let of_source = known.iter().find(|report| report.section == format!("sources.{id}"));
        let unproven = of_source.and_then(|report| control::unproven_reason(&report.checks));
        control::apply(unproven, &mut checks);
        reports.push(CheckReport::new(format!("resellers.{reseller}.connections.{id}"), checks));
    }
    reports
}

/// Checks an app with its key, and with a wrong one that it must refuse. The exchanges with its key are passed to the observer, if
/// there is one.
pub(super) async fn check_channel(
    resilience: &ResilienceConfig,
    id: &str,
    settings: &DeliveryConfig,
    observer: Option<&Arc<dyn ExchangeObserver>>,
) -> Result<AccountCheck, StartError> {
    let known = connect_channel(resilience, id, settings, settings.channel.clone(), observer)?;
    let check = AccountCheck::observed(check_app(known.port.as_ref())).await;
    let wrong = connect_channel(resilience, id, settings, control::with_wrong_key(settings), None)?;
    let refused = AccountCheck::observed(check_app(wrong.port.as_ref())).await;
    let control = control::judge(&refused, &check);
    let mut checks = vec![check];
    control::apply(control, &mut checks);
    Ok(checks.remove(0))
}

fn connect_channel(
    resilience: &ResilienceConfig,
    id: &str,
    settings: &DeliveryConfig,
    channel: ChannelConfig,
    observer: Option<&Arc<dyn ExchangeObserver>>,
) -> Result<AppChannel, StartError> {
    let unknown = || StartError::Settings(vec![InvalidSetting::new("app", "is not one of the apps")]);
    let app = APPS.iter().find(|app| app.name == settings.app).ok_or_else(unknown)?;
    let resilience = ResilienceConfig { attempt_timeout: CALL_TIMEOUT, ..resilience.clone() };
    let limiter = Arc::new(LocalRateLimiter::unlimited());
    let client =
        vendor_client(&resilience, SourceId::new(id), limiter, app.rate_limit_pause).map_err(StartError::Settings)?;
    (app.connect)(channel, observed(client, observer)).map_err(StartError::Settings)
}
