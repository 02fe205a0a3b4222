//! Asking every vendor whether what the configuration says of it works: `check --online`.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::app::partners;
use crate::app::sources::connect;
use crate::app::start::{StartError, ground, raise_sandbox};
use crate::config::{Config, DeliverySettings};
use domain::accounts::{Account, Check, Verdict};
use domain::mobile::AppTicketKey;
use domain::{Clock, ErrorKind, SourceId, SystemClock};
use http_client::Transport;
use resellers::{check, check_connection};
use source_stack::LocalBudget;
use vendor_api::Finding;
use vendor_registry::APPS;

/// How long one call of a mobile app may take here.
const PATIENCE: Duration = Duration::from_secs(10);
/// A ticket that no app has.
const NOBODY: &str = "ticketgraph-check";

/// What was found of one part of the configuration.
pub struct Found {
    /// The part, as the configuration names it.
    pub place: String,
    /// Line by line.
    pub checks: Vec<Check>,
}

impl Found {
    /// Whether every line is as it must be.
    pub fn is_fine(&self) -> bool {
        self.checks.iter().all(|check| matches!(check.verdict, Verdict::Passed))
    }
}

/// Asks every vendor about its account, and about each reseller that is connected to it. Sells nothing, writes nothing.
/// With the built-in configuration the vendors are raised first, with nothing on disk.
pub async fn check_online(mut config: Config) -> Result<Vec<Found>, StartError> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let (tracker, stop) = (TaskTracker::new(), CancellationToken::new());
    let _stop = stop.clone().drop_guard();
    let _sandbox = if config.built_in { Some(raise_sandbox(&mut config, None, &clock, &tracker).await?) } else { None };
    let ground = ground(&config, &clock, &tracker, &stop)?;
    let sources = connect(&config, &ground).map_err(StartError::Settings)?;
    let own = sources.iter().map(async |source| Found {
        place: format!("sources.{}", source.id),
        checks: check(source, &Account::default()).await,
    });
    let mut all = join_all(own).await;
    for (key, settings) in &config.resellers {
        for (id, connection) in partners::reseller(key, settings).connections {
            let place = format!("resellers.{key}.connections.{id}");
            let Some(source) = sources.iter().find(|source| source.id == id) else { continue };
            all.push(Found { place, checks: check_connection(source, &connection).await });
        }
    }
    for (id, settings) in &config.deliveries {
        let transport = Transport::new(
            ground.client.clone(),
            SourceId::new(id.as_str()),
            Arc::new(LocalBudget::unlimited()),
            PATIENCE,
        );
        all.push(Found { place: format!("deliveries.{id}"), checks: vec![reach(settings, transport).await?] });
    }
    Ok(all)
}

/// Reads a ticket that is not there: whoever may ask is told so.
async fn reach(settings: &DeliverySettings, transport: Transport) -> Result<Check, StartError> {
    let title = "The address and the key of the mobile app are accepted";
    let unknown = || StartError::Settings(vec![Finding::new("app", "is not one of the apps")]);
    let app = APPS.iter().find(|app| app.name == settings.app).ok_or_else(unknown)?;
    let channel = (app.connect)(settings.channel.clone(), transport).map_err(StartError::Settings)?;
    Ok(match channel.port.load(&AppTicketKey::new(NOBODY)).await {
        Ok(_) => Check::new("APP_REACHED", title, None),
        Err(error) => match error.kind {
            ErrorKind::NotFound => Check::new("APP_REACHED", title, None),
            ErrorKind::Unauthorized | ErrorKind::Rejected(_) => {
                let hint = "The app refuses the key: the password field of the interface in S-360 holds the right one.";
                Check::new("APP_REACHED", title, Some(hint))
            }
            _ => Check::unasked("APP_REACHED", title, error),
        },
    })
}

/// A check as a line for people: where, whether, what, and what to do.
pub fn line(place: &str, check: &Check) -> String {
    match &check.verdict {
        Verdict::Passed => format!("ok      {place}: {}", check.title),
        Verdict::Failed(hint) => format!("FAILED  {place}: {} ({}). {hint}", check.title, check.code),
        Verdict::Off(hint) => format!("OFF     {place}: {} ({}). {hint}", check.title, check.code),
        Verdict::Unasked(error) => format!(
            "UNKNOWN {place}: {} ({}). The vendor could not be asked: {}.",
            check.title,
            check.code,
            error.kind.name()
        ),
    }
}
