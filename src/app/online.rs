//! `check --online`: checks accounts, connections and channels with the vendors.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::app::delivery_setup::venue_location;
use crate::app::error::StartError;
use crate::app::order_setup::attach_stores;
use crate::app::reseller_setup;
use crate::app::sandbox::start_sandbox;
use crate::app::sources::{connect_sources, vendor_client};
use crate::app::start::build_infrastructure;
use crate::config::{Config, DeliveryConfig, ResilienceConfig};
use deliveries::{check_app, check_location};
use domain::accounts::{AccountCheck, AccountConfig, CheckOutcome, WriteProbes};
use domain::{Clock, SourceId, SystemClock};
use resellers::{check_account, check_connection};
use source_stack::LocalRateLimiter;
use vendor_api::InvalidSetting;
use vendor_registry::APPS;

/// Timeout of one call to a mobile app.
const CALL_TIMEOUT: Duration = Duration::from_secs(10);

/// Check results of one part of the configuration.
pub struct CheckReport {
    /// Path of the part in the configuration.
    pub section: String,
    /// Results, one per line.
    pub checks: Vec<AccountCheck>,
}

impl CheckReport {
    /// Returns true if all checks passed.
    pub fn all_passed(&self) -> bool {
        self.checks.iter().all(|check| check.outcome.is_fine())
    }
}

/// Checks every account and every reseller connection with the vendors. Sells and writes nothing. With the built-in
/// configuration the emulated vendors are started first, in memory only.
pub async fn check_online(mut config: Config) -> Result<Vec<CheckReport>, StartError> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let (tracker, stop) = (TaskTracker::new(), CancellationToken::new());
    let _stop = stop.clone().drop_guard();
    let _sandbox =
        if config.built_in { Some(start_sandbox(&mut config, None, false, &clock, &tracker).await?) } else { None };
    let infrastructure = build_infrastructure(&config, &clock, &tracker, &stop)?;
    // What a service has read or requested lately is not requested again: some requests are allowed once in ten minutes.
    let stores = if config.built_in { None } else { attach_stores(&config).await? };
    let kept = stores.as_ref().map(|stores| &stores.snapshots);
    let sources = connect_sources(&config, &infrastructure, kept).map_err(StartError::Settings)?.sources;
    let own = sources.iter().map(async |source| CheckReport {
        section: format!("sources.{}", source.id),
        checks: check_account(source, &AccountConfig::default(), WriteProbes::Never).await,
    });
    let mut all = join_all(own).await;
    for (key, settings) in &config.resellers {
        for (id, connection) in reseller_setup::reseller(key, settings).connections {
            let section = format!("resellers.{key}.connections.{id}");
            let Some(source) = sources.iter().find(|source| source.id == id) else { continue };
            all.push(CheckReport { section, checks: check_connection(source, &connection, WriteProbes::Never).await });
        }
    }
    for (id, settings) in &config.deliveries {
        all.push(CheckReport {
            section: format!("deliveries.{id}"),
            checks: vec![
                check_channel(&config.resilience, id, settings).await?,
                check_location(&venue_location(settings)),
            ],
        });
    }
    Ok(all)
}

async fn check_channel(
    resilience: &ResilienceConfig,
    id: &str,
    settings: &DeliveryConfig,
) -> Result<AccountCheck, StartError> {
    let unknown = || StartError::Settings(vec![InvalidSetting::new("app", "is not one of the apps")]);
    let app = APPS.iter().find(|app| app.name == settings.app).ok_or_else(unknown)?;
    let resilience = ResilienceConfig { attempt_timeout: CALL_TIMEOUT, ..resilience.clone() };
    let limiter = Arc::new(LocalRateLimiter::unlimited());
    let client =
        vendor_client(&resilience, SourceId::new(id), limiter, app.rate_limit_pause).map_err(StartError::Settings)?;
    let channel = (app.connect)(settings.channel.clone(), client).map_err(StartError::Settings)?;
    Ok(check_app(channel.port.as_ref()).await)
}

/// Formats a check as a line: result, part of the configuration, title, and hint.
pub fn format_check(section: &str, check: &AccountCheck) -> String {
    match &check.outcome {
        CheckOutcome::Passed => format!("ok      {section}: {}", check.title),
        CheckOutcome::Failed(hint) => format!("FAILED  {section}: {} ({}). {hint}", check.title, check.code),
        CheckOutcome::Disabled(hint) => format!("OFF     {section}: {} ({}). {hint}", check.title, check.code),
        CheckOutcome::Unproven(hint) => format!("UNKNOWN {section}: {} ({}). {hint}", check.title, check.code),
        CheckOutcome::Risk(hint) => format!("ok      {section}: {} ({}). {hint}", check.title, check.code),
        CheckOutcome::NotTried(hint) => format!("-       {section}: {} ({}). {hint}", check.title, check.code),
        CheckOutcome::Unreachable(error) => format!(
            "UNKNOWN {section}: {} ({}). The vendor could not be reached: {}.",
            check.title,
            check.code,
            error.kind.name()
        ),
    }
}
