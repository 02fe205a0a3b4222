//! `record` and `serve --record`: recordings of the exchanges with vendors.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use domain::accounts::{AccountCheck, AccountConfig, WriteProbes};
use domain::{CatalogScope, Clock, EventKey, Observed, Performance, PerformanceWindow, Source, SourceId, VendorError};
use http_client::{Exchange, ExchangeObserver};
use recording::{Recorder, RecordingLimits, RecordingSummary};
use resellers::{check_account, check_connection};

use crate::app::check::check_channel;
use crate::app::command::CommandRun;
use crate::app::error::StartError;
use crate::app::replay_config;
use crate::app::reseller_setup;
use crate::app::sources::{Infrastructure, connect_sources};
use crate::config::Config;

/// Events of each source whose ticket types, performances and availability are read.
const MAX_EVENTS: usize = 20;
/// Performances of each of these events.
const MAX_PERFORMANCES: usize = 3;

/// Result of `record`.
pub struct RecordReport {
    /// One line for each group of calls: its result, the source, and the reads.
    pub lines: Vec<String>,
    /// Files written.
    pub summary: RecordingSummary,
    /// True if every call had an answer that fits, and everything was written.
    pub is_complete: bool,
}

/// Passes exchanges on under the name of a delivery channel.
pub(super) struct RenamedSource {
    name: SourceId,
    observer: Arc<dyn ExchangeObserver>,
}

impl RenamedSource {
    /// Wraps an observer.
    pub(super) fn observer(name: &str, observer: &Arc<dyn ExchangeObserver>) -> Arc<dyn ExchangeObserver> {
        Arc::new(Self { name: SourceId::new(name), observer: Arc::clone(observer) })
    }
}

impl ExchangeObserver for RenamedSource {
    fn observe(&self, exchange: Exchange) {
        self.observer.observe(Exchange { source: self.name.clone(), ..exchange });
    }
}

/// Starts a recording: writes the list of its sources, and the configuration for its replay.
fn start_recording(
    folder: &Path,
    limits: RecordingLimits,
    config: &Config,
    clock: &Arc<dyn Clock>,
) -> Result<Arc<Recorder>, StartError> {
    let unusable = |why: String| StartError::File { path: folder.to_owned(), why };
    let recorder = Recorder::start(folder, limits).map_err(|error| unusable(error.to_string()))?;
    replay_config::write(folder, config, recorder.masker(), clock.now())
        .map_err(|error| unusable(error.to_string()))?;
    Ok(recorder)
}

/// The recording beside a service, if one was asked for.
pub(super) struct ServiceRecording(Option<Arc<Recorder>>);

impl ServiceRecording {
    /// Starts a recording into a folder.
    pub(super) fn start(folder: Option<&Path>, config: &Config, clock: &Arc<dyn Clock>) -> Result<Self, StartError> {
        let start = |folder| start_recording(folder, RecordingLimits::BESIDE_SERVICE, config, clock);
        folder.map(start).transpose().map(Self)
    }

    /// Passes the exchanges of all sources and channels to the recording.
    pub(super) fn observe(&self, infrastructure: Infrastructure) -> Infrastructure {
        let observer = self.0.as_ref().map(|recorder| Arc::clone(recorder) as Arc<dyn ExchangeObserver>);
        Infrastructure { observer, ..infrastructure }
    }

    /// Ends the recording and logs its result.
    pub(super) fn finish(&self) {
        if let Some(recorder) = &self.0 {
            let RecordingSummary { samples, repeated, lost } = recorder.finish();
            tracing::info!(samples, repeated, lost, "the recording is complete");
        }
    }
}

/// Makes the calls of `check --online` and one round through the catalog of each source, and records them. Sells and writes
/// nothing. With the built-in configuration the emulated vendors are started first, in memory only.
pub async fn record(mut config: Config, folder: &Path) -> Result<RecordReport, StartError> {
    let mut run = CommandRun::start(&mut config).await?;
    let recorder = start_recording(folder, RecordingLimits::ONE_ROUND, &config, &run.clock)?;
    let observer = Arc::clone(&recorder) as Arc<dyn ExchangeObserver>;
    run.infrastructure.observer = Some(Arc::clone(&observer));
    // Without a store everything is read from the vendor, also what a service keeps for a day.
    let sources = connect_sources(&config, &run.infrastructure, None).map_err(StartError::Settings)?.sources;
    let mut lines = Vec::new();
    for source in &sources {
        lines.push(checks_line(
            source.id.as_str(),
            &check_account(source, &AccountConfig::default(), WriteProbes::Never).await,
        ));
        lines.extend(read_catalog(source, run.clock.as_ref()).await);
    }
    for (reseller, id, connection) in reseller_setup::connections(&config) {
        let Some(source) = sources.iter().find(|source| source.id == id) else { continue };
        let checks = check_connection(source, &connection, WriteProbes::Never).await;
        lines.push(checks_line(&format!("{reseller} at {id}"), &checks));
    }
    for (id, settings) in &config.deliveries {
        let observer = RenamedSource::observer(id, &observer);
        let check = check_channel(&config.resilience, id, settings, Some(&observer)).await?;
        lines.push(checks_line(id, &[check]));
    }
    let summary = recorder.finish();
    let is_complete = summary.lost == 0 && lines.iter().all(|(passed, _)| *passed);
    Ok(RecordReport { lines: lines.into_iter().map(|(_, line)| line).collect(), summary, is_complete })
}

/// Reads a catalog once: events, and of the first ones ticket types, performances and availability.
async fn read_catalog(source: &Source, clock: &dyn Clock) -> Vec<(bool, String)> {
    let catalog = &source.catalog;
    let listed = catalog.list_events(CatalogScope::Public).await;
    let keys: Vec<EventKey> =
        listed.iter().flat_map(|listed| listed.value.iter()).take(MAX_EVENTS).map(|event| event.key.clone()).collect();
    let ticket_types = catalog.load_ticket_types(&keys).await;
    let window = PerformanceWindow { from: clock.now(), to: None, limit: MAX_PERFORMANCES };
    let performances = catalog.list_performances(&keys, &window).await;
    let coming: Vec<Observed<Arc<Performance>>> = performances
        .values()
        .flatten()
        .flat_map(|listed| {
            listed.value.iter().map(|one| Observed { value: Arc::clone(one), freshness: listed.freshness })
        })
        .collect();
    let availability = catalog.load_availability(&coming, Duration::ZERO).await;
    let id = &source.id;
    vec![
        line(id, "events", std::iter::once(listed.as_ref().err())),
        line(id, "ticket types", ticket_types.values().map(|read| read.as_ref().err())),
        line(id, "performances", performances.values().map(|read| read.as_ref().err())),
        line(id, "availability", availability.values().map(|read| read.as_ref().err())),
    ]
}

fn line<'a>(id: &SourceId, reads: &str, results: impl Iterator<Item = Option<&'a VendorError>>) -> (bool, String) {
    let mut count = 0;
    let failed: Vec<&str> = results.inspect(|_| count += 1).flatten().map(|error| error.kind.name()).collect();
    match failed.first() {
        None => (true, format!("ok      {id}: {reads} ({count})")),
        Some(kind) => (false, format!("FAILED  {id}: {reads}: {} of {count}, the first with {kind}", failed.len())),
    }
}

fn checks_line(of: &str, checks: &[AccountCheck]) -> (bool, String) {
    let failed: Vec<&str> = checks.iter().filter(|check| !check.outcome.is_fine()).map(|check| check.code).collect();
    match failed.is_empty() {
        true => (true, format!("ok      {of}: checks ({})", checks.len())),
        false => (false, format!("FAILED  {of}: checks {}", failed.join(", "))),
    }
}
