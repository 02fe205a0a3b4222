//! `accept`: an acceptance run in a vendor's sandbox. It buys one cheap ticket through the ports of the source, as orders do, and
//! undoes everything it has made.

mod calls;
mod clock_changes;
mod duplicates;
mod journal;
mod observations;
mod product;
mod report;
mod run;
mod steps;
mod undo;
mod unknown_words;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::app::accept::journal::Journal;
use crate::app::accept::observations::Observations;
use crate::app::accept::report::{AssumptionResult, Report};
use crate::app::accept::run::{Run, Stopped};
use crate::app::accept::unknown_words::WordCollector;
use crate::app::command::CommandRun;
use crate::app::error::StartError;
use crate::app::order_setup::attach_stores;
use crate::app::signals::shutdown_signal;
use crate::app::sources::connect_sources;
use crate::config::{Config, ConfiguredSource};
use domain::Environment;
use vendor_api::Assumptions;
use vendor_registry::VENDORS;

/// Prints a line.
pub type Output = Arc<dyn Fn(&str) + Send + Sync>;

/// Options of an acceptance run.
#[derive(Debug)]
pub struct AcceptOptions {
    /// Source, as in the configuration.
    pub source: String,
    /// Sends the same check-out twice.
    pub probe_duplicates: bool,
    /// Permits a run at a live source, which buys a real ticket.
    pub is_live_permitted: bool,
    /// File of the results.
    pub report: Option<PathBuf>,
}

/// Carries out an acceptance run. Returns true if everything passed and nothing is left at the vendor.
pub async fn accept(mut config: Config, options: AcceptOptions, output: Output) -> Result<bool, StartError> {
    let settings = select_source(&config, &options)?.clone();
    let file = leftovers_file(&options);
    if file.exists() {
        let why = "lists what an earlier run left at the vendor: undo that, then remove the file".to_owned();
        return Err(StartError::File { path: file, why });
    }
    let words = WordCollector::install();
    let command = CommandRun::start(&mut config).await?;
    let stores = if config.built_in { None } else { attach_stores(&config).await? };
    let kept = stores.as_ref().map(|stores| &stores.snapshots);
    let connected = connect_sources(&config, &command.infrastructure, kept).map_err(StartError::Settings)?;
    // As orders use it: every read calls the vendor.
    let source = connected.for_orders.into_iter().find(|source| source.id == settings.source.id);
    let source = source.ok_or_else(|| unknown_source(&config, &options.source))?;
    let interrupted = interrupt(&command.tracker, &output);
    let begun_at = command.clock.now();
    let mut run = Run {
        source,
        clock: Arc::clone(&command.clock),
        stop: interrupted,
        journal: Journal::new(file),
        seen: Observations::default(),
        steps: Vec::new(),
        output,
    };
    // Stopped or not: what was made is undone, and what was seen is reported.
    let _ = Box::pin(carry_out(&mut run, options.probe_duplicates)).await;
    Box::pin(run.undo_all()).await;
    let report = report(&mut run, &settings, begun_at, &words)?;
    report.print(&run.output, run.journal.file());
    if let Some(path) = &options.report {
        report.write(path).map_err(|error| StartError::Io(format!("the report {}", path.display()), error))?;
    }
    Ok(report.is_fine())
}

async fn carry_out(run: &mut Run, probe_duplicates: bool) -> Result<(), Stopped> {
    let events = run.list_events().await?;
    run.see_clock_changes(&events).await?;
    let product = run.pick_product(&events).await?;
    run.hold_and_release(&product).await?;
    run.buy_and_refund(&product).await?;
    if probe_duplicates {
        run.probe_duplicates(&product).await?;
    }
    Ok(())
}

fn select_source<'c>(config: &'c Config, options: &AcceptOptions) -> Result<&'c ConfiguredSource, StartError> {
    let of_name = config.sources.values().find(|settings| settings.source.id.as_str() == options.source);
    let settings = of_name.ok_or_else(|| unknown_source(config, &options.source))?;
    if settings.source.environment == Environment::Live && !options.is_live_permitted {
        return Err(StartError::Usage(format!(
            "the source {} is live: an acceptance run buys and refunds a real ticket. Run it at a sandbox, or add --live",
            options.source
        )));
    }
    Ok(settings)
}

fn unknown_source(config: &Config, name: &str) -> StartError {
    let known: Vec<&str> = config.sources.keys().map(domain::SourceId::as_str).collect();
    StartError::Usage(format!("there is no source {name}; the configuration has {}", known.join(", ")))
}

/// Returns the path of the leftovers file: beside the report, otherwise in the current folder.
fn leftovers_file(options: &AcceptOptions) -> PathBuf {
    let folder = options.report.as_deref().and_then(Path::parent).unwrap_or(Path::new(""));
    folder.join(format!("accept-leftovers-{}.json", options.source))
}

/// Returns a token that a signal cancels.
fn interrupt(tracker: &TaskTracker, output: &Output) -> CancellationToken {
    let token = CancellationToken::new();
    let (cancel, output) = (token.clone(), Arc::clone(output));
    tracker.spawn(async move {
        shutdown_signal().await;
        output("interrupted: the call in flight is completed, then everything is undone");
        cancel.cancel();
    });
    token
}

fn report(
    run: &mut Run,
    settings: &ConfiguredSource,
    begun_at: jiff::Timestamp,
    words: &WordCollector,
) -> Result<Report, StartError> {
    let table = VENDORS.iter().find(|vendor| vendor.name == settings.vendor).map_or(&[][..], |it| it.assumptions);
    let own = &settings.source.vendor_settings;
    let assumed = Assumptions::from_settings(table, own).map_err(StartError::Settings)?.in_force();
    let words = words.words();
    let result = |assumed| {
        let verdict = run.seen.verdict(&assumed, own, &words);
        AssumptionResult::new(assumed, verdict)
    };
    let assumptions = assumed.into_iter().map(result).collect();
    Ok(Report {
        source: settings.source.id.to_string(),
        vendor: settings.vendor.clone(),
        version: build_info::VERSION,
        begun_at,
        is_interrupted: run.stop.is_cancelled(),
        steps: std::mem::take(&mut run.steps),
        assumptions,
        leftovers: run.journal.leftovers(),
    })
}
