//! The command line: arguments, serve, drain.
//!
//! Ends with 0 when all went well, 1 for a finding or a failed run, 2 for wrong usage or a wrong configuration.

use std::convert::Infallible;
use std::fmt::Display;
use std::future::pending;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use emulators::Scenario;
use telemetry::{LogForm, Metrics, TraceSettings, Traces};
use ticketgraph::app::{self, Launch, Playground, StartError};
use ticketgraph::config::{Config, Findings, LogFormat};
use ticketgraph::graphql;
use tokio::runtime::{Handle, Runtime};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const FAILED: u8 = 1;
const WRONG: u8 = 2;

/// One GraphQL API over many ticketing vendors.
///
/// Without a command it serves; without a configuration it serves the built-in sandbox of emulated vendors.
#[derive(Parser)]
#[command(version, args_conflicts_with_subcommands = true)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    serve: Serve,
}

#[derive(Subcommand)]
enum Command {
    /// Serves the API.
    Serve(Serve),
    /// Reads a whole configuration and prints everything that is wrong with it.
    Check {
        #[command(flatten)]
        file: File,
        /// Asks each vendor too: credentials, ids, channels, and how each reseller is set up.
        #[arg(long)]
        online: bool,
    },
    /// Prints the schema (SDL).
    Schema {
        /// As a subgraph of Apollo Federation v2.
        #[arg(long)]
        subgraph: bool,
    },
    /// Serves only the emulated vendors, on fixed ports.
    Sandbox {
        /// The address to listen on.
        #[arg(long, value_name = "ADDR", default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
        listen: IpAddr,
        /// Faults that the vendors show from the start.
        #[arg(long, value_name = "FILE")]
        scenario: Option<PathBuf>,
        /// Enforces none of the request limits that the vendors publish.
        #[arg(long)]
        unlimited: bool,
    },
}

#[derive(Args)]
struct Serve {
    #[command(flatten)]
    file: File,
    /// Where to listen, instead of `[server] listen`.
    #[arg(long, value_name = "ADDR:PORT")]
    listen: Option<SocketAddr>,
    /// Where the sandbox keeps its files, instead of the user's data folder.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
}

#[derive(Args)]
struct File {
    /// The configuration; else the file that TICKETGRAPH_CONFIG names; else the built-in sandbox.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

fn main() -> ExitCode {
    // Two crates bring a provider of cryptography each; the first call decides. It fails only where it was decided already.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let arguments = Arguments::parse();
    match arguments.command.unwrap_or(Command::Serve(arguments.serve)) {
        Command::Serve(serve) => self::serve(serve),
        Command::Check { file, online } => check(&file, online),
        Command::Schema { subgraph } => {
            print((if subgraph { graphql::subgraph::sdl() } else { graphql::schema::sdl() }).trim_end());
            ExitCode::SUCCESS
        }
        Command::Sandbox { listen, scenario, unlimited } => sandbox(listen, scenario.as_deref(), !unlimited),
    }
}

impl File {
    fn load(&self) -> Result<Config, Findings> {
        let text = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        };
        let variables: Vec<(String, String)> = std::env::vars_os().filter_map(text).collect();
        let named = variables.iter().find(|(name, value)| name == "TICKETGRAPH_CONFIG" && !value.is_empty());
        let file = self.config.clone().or_else(|| named.map(|(_, value)| value.into()));
        Config::load(file.as_deref(), variables, &|path| std::fs::read_to_string(path), &app::shapes())
    }
}

fn check(file: &File, online: bool) -> ExitCode {
    match file.load() {
        Ok(config) if online => check_online(config),
        Ok(config) => {
            let parts = [config.sources.len(), config.deliveries.len(), config.resellers.len(), config.clients.len()];
            let [sources, deliveries, resellers, clients] = parts;
            print(format!(
                "no findings: {sources} sources, {deliveries} deliveries, {resellers} resellers, {clients} clients"
            ));
            ExitCode::SUCCESS
        }
        Err(findings) => {
            findings.lines().for_each(print);
            ExitCode::from(if findings.unusable() { WRONG } else { FAILED })
        }
    }
}

fn check_online(config: Config) -> ExitCode {
    let found = match run(app::check_online(config)) {
        Ok(Ok(found)) => found,
        Ok(Err(fault @ (StartError::Settings(_) | StartError::File { .. }))) => {
            complain(fault);
            return ExitCode::from(WRONG);
        }
        Ok(Err(fault)) => return failed(fault),
        Err(fault) => return failed(fault),
    };
    for part in &found {
        part.checks.iter().for_each(|check| print(app::line(&part.place, check)));
    }
    if found.iter().all(app::Found::is_fine) { ExitCode::SUCCESS } else { ExitCode::from(FAILED) }
}

fn serve(serve: Serve) -> ExitCode {
    let config = match serve.file.load() {
        Ok(config) => config,
        Err(findings) => {
            findings.lines().for_each(complain);
            return ExitCode::from(WRONG);
        }
    };
    let form = match config.telemetry.log_format {
        LogFormat::Text => LogForm::Text,
        LogFormat::Json => LogForm::Json,
    };
    let runtime = match runtime() {
        Ok(runtime) => runtime,
        Err(fault) => return failed(fault),
    };
    let traces = match traces(&config, runtime.handle()) {
        Ok(traces) => traces,
        Err(fault) => return failed(fault),
    };
    let metrics = telemetry::start_logs(form, config.telemetry.log_level.as_str(), traces.as_ref())
        .and_then(|()| config.telemetry.metrics.then(Metrics::start).transpose());
    let metrics = match metrics {
        Ok(metrics) => metrics,
        Err(fault) => return failed(fault),
    };
    let rendered = metrics.clone().map(|metrics| Arc::new(move || metrics.render()) as _);
    let file = serve.file;
    let reread = Some(Arc::new(move || file.load()) as _);
    let launch = Launch { listen: serve.listen, data: serve.data, metrics: rendered, reread };
    let served = runtime.block_on(async {
        tokio::select! {
            served = Box::pin(app::serve(config, launch)) => served,
            never = tidy(metrics) => match never {},
        }
    });
    if let Some(traces) = traces {
        traces.close();
    }
    match served {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => failed("not every request in flight was answered within the drain limit"),
        Err(fault @ (StartError::Settings(_) | StartError::File { .. })) => {
            complain(fault);
            ExitCode::from(WRONG)
        }
        Err(fault) => failed(fault),
    }
}

/// Where spans go, where the configuration says so.
fn traces(config: &Config, runtime: &Handle) -> Result<Option<Traces>, String> {
    let Some(endpoint) = config.telemetry.otlp_endpoint.clone() else { return Ok(None) };
    let settings = TraceSettings { endpoint, percent: config.telemetry.otlp_percent.of_hundred() };
    let client = http_client::client().map_err(|fault| fault.to_string())?;
    Traces::start(&settings, client, runtime.clone()).map(Some).map_err(|fault| fault.to_string())
}

fn sandbox(listen: IpAddr, scenario: Option<&Path>, limits_requests: bool) -> ExitCode {
    let scenario = match scenario.map(read_scenario).transpose() {
        Ok(scenario) => scenario.unwrap_or_default(),
        Err(fault) => {
            complain(fault);
            return ExitCode::from(WRONG);
        }
    };
    if let Err(fault) = telemetry::start_logs(LogForm::Text, "info", None) {
        return failed(fault);
    }
    match run(app::run_sandbox(Playground { listen, folder: None, scenario, limits_requests })) {
        Ok(Ok(())) => ExitCode::SUCCESS,
        Ok(Err(fault)) | Err(fault) => failed(fault),
    }
}

fn read_scenario(path: &Path) -> Result<Scenario, String> {
    let told = |fault: &dyn Display| format!("{}: {fault}", path.display());
    let text = std::fs::read_to_string(path).map_err(|fault| told(&fault))?;
    Scenario::from_toml(&text).map_err(|fault| told(&fault))
}

/// Runs until the future is done, on all cores.
fn run<T>(future: impl Future<Output = T>) -> std::io::Result<T> {
    Ok(runtime()?.block_on(future))
}

fn runtime() -> std::io::Result<Runtime> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()
}

/// Keeps the memory of metrics small while nobody reads them.
async fn tidy(metrics: Option<Metrics>) -> Infallible {
    let Some(metrics) = metrics else { return pending().await };
    let mut every = tokio::time::interval(Duration::from_secs(5));
    loop {
        every.tick().await;
        metrics.tidy();
    }
}

fn failed(fault: impl Display) -> ExitCode {
    complain(fault);
    ExitCode::from(FAILED)
}

#[expect(clippy::print_stdout, reason = "what a command answers goes to standard output")]
fn print(line: impl Display) {
    println!("{line}");
}

#[expect(clippy::print_stderr, reason = "what goes wrong before there are logs")]
fn complain(line: impl Display) {
    eprintln!("{line}");
}
