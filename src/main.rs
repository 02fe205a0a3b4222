//! Command line.
//!
//! Exit codes: 0 for success, 1 for diagnostics or a failed run, 2 for wrong usage or a wrong configuration.

use std::convert::Infallible;
use std::fmt::Display;
use std::future::pending;
use std::io::{ErrorKind, Write as _};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, CommandFactory as _, Parser, Subcommand};
use clap_complete::Shell;
use telemetry::{LogFormat, Metrics, TraceExporter, TraceSettings};
use ticketgraph::app::{self, CheckOptions, ReplayOptions, SandboxOptions, ServeOptions, StartError};
use ticketgraph::config::{Config, ConfigDiagnostics};
use ticketgraph::graphql;
use tokio::runtime::{Handle, Runtime};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const FAILED: u8 = 1;
const USAGE: u8 = 2;

/// One GraphQL API over many ticketing vendors.
///
/// Without a command it serves; without a configuration it serves the built-in sandbox of emulated vendors.
#[derive(Parser)]
#[command(version = build_info::VERSION, args_conflicts_with_subcommands = true)]
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
    /// Checks a configuration and prints all problems.
    Check {
        #[command(flatten)]
        file: File,
        /// Also checks credentials, ids, channels and resellers with each vendor, and ledger, Redis, certificates and issuers.
        #[arg(long)]
        online: bool,
        /// Also shows the requests of each check, facts to compare with the venue's back office, and all assumptions.
        #[arg(long)]
        verbose: bool,
        /// With --online: also sends requests that may write. They carry nothing, and a vendor refuses them.
        #[arg(long, requires = "online")]
        try_writes: bool,
    },
    /// Records what the vendors answer to read-only calls, masked. Sells and writes nothing at a vendor.
    Record {
        #[command(flatten)]
        file: File,
        /// New or empty folder of the recording.
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
    },
    /// Serves a recording as the vendors did.
    Replay {
        /// Folder of the recording.
        #[arg(value_name = "DIR")]
        folder: PathBuf,
        /// Address of the first source; the others follow on the next ports, or on free ones if the port is 0.
        #[arg(long, value_name = "ADDR:PORT", default_value_t = app::replay_address())]
        listen: SocketAddr,
    },
    /// Buys and refunds a cheap ticket in a vendor's sandbox, and compares what it sees with the assumptions.
    Accept(Accept),
    /// Prints the schema (SDL).
    Schema {
        /// Prints the schema of an Apollo Federation v2 subgraph.
        #[arg(long)]
        subgraph: bool,
    },
    /// Runs only the emulated vendors, on fixed ports.
    Sandbox {
        /// The address to listen on.
        #[arg(long, value_name = "ADDR", default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
        listen: IpAddr,
        /// First of the vendors' ports. Fails if one of them is taken; without it, free ports replace those that are taken.
        #[arg(long, value_name = "PORT")]
        ports: Option<u16>,
        /// Faults of the vendors from the start.
        #[arg(long, value_name = "FILE")]
        scenario: Option<PathBuf>,
        /// Disables the vendors' published request limits.
        #[arg(long)]
        unlimited: bool,
    },
    /// API keys.
    Key {
        #[command(subcommand)]
        command: KeyCommand,
    },
    /// Prints the completions of a shell.
    Completions {
        /// Shell.
        shell: Shell,
    },
    /// Writes the manual pages into a folder.
    Manual {
        /// The folder.
        folder: PathBuf,
    },
}

#[derive(Subcommand)]
enum KeyCommand {
    /// Prints a new random key for a client, and the line of its section [clients.NAME]. Neither is stored.
    New,
}

#[derive(Args)]
struct Serve {
    #[command(flatten)]
    file: File,
    /// Address to listen on; overrides `[server] listen`.
    #[arg(long, value_name = "ADDR:PORT")]
    listen: Option<SocketAddr>,
    /// Folder of the sandbox's files, instead of the user's data folder.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Disables the request limits of the sandbox's vendors, for load tests.
    #[arg(long)]
    unlimited: bool,
    /// Records masked samples of all exchanges with vendors into a new or empty folder.
    #[arg(long, value_name = "DIR")]
    record: Option<PathBuf>,
}

#[derive(Args)]
struct Accept {
    #[command(flatten)]
    file: File,
    /// Source, as in the configuration.
    #[arg(long, value_name = "NAME")]
    source: String,
    /// Also sends a check-out twice with the same key, to see whether the vendor sells twice. Everything sold is refunded.
    #[arg(long)]
    probe_duplicates: bool,
    /// Permits a live source, where a real ticket is bought and refunded.
    #[arg(long)]
    live: bool,
    /// File of the results. What cannot be undone is listed in a file beside it.
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
}

#[derive(Args, Clone)]
struct File {
    /// Configuration file; by default the one in TICKETGRAPH_CONFIG, or else the built-in sandbox.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

fn main() -> ExitCode {
    // Two dependencies bring a cryptography provider; the first call selects one. It fails only if one was selected
    // before.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let arguments = Arguments::parse();
    match arguments.command.unwrap_or(Command::Serve(arguments.serve)) {
        Command::Serve(serve) => self::serve(serve),
        Command::Check { file, online, verbose, try_writes } => {
            check(&file, online, CheckOptions { verbose, try_writes })
        }
        Command::Record { file, out } => record(&file, &out),
        Command::Replay { folder, listen } => replay(ReplayOptions { folder, listen }),
        Command::Accept(accept) => self::accept(accept),
        Command::Schema { subgraph } => {
            let sdl = if subgraph { graphql::subgraph::sdl() } else { graphql::schema::sdl() };
            write_out(format!("{}\n", sdl.trim_end()).as_bytes())
        }
        Command::Sandbox { listen, ports, scenario, unlimited } => {
            sandbox(SandboxOptions { listen, first_port: ports, scenario, limits_requests: !unlimited })
        }
        Command::Key { command: KeyCommand::New } => match app::NewKey::generate() {
            Some(key) => {
                key.to_lines().iter().for_each(print);
                ExitCode::SUCCESS
            }
            None => failed("the system has no random numbers"),
        },
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Arguments::command(), "ticketgraph", &mut script);
            write_out(&script)
        }
        Command::Manual { folder } => match clap_mangen::generate_to(Arguments::command(), &folder) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => failed(format!("the manual pages cannot be written to {}: {error}", folder.display())),
        },
    }
}

impl File {
    fn load(&self) -> Result<Config, ConfigDiagnostics> {
        let text = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        };
        let variables: Vec<(String, String)> = std::env::vars_os().filter_map(text).collect();
        let from_variable = variables.iter().find(|(name, value)| name == "TICKETGRAPH_CONFIG" && !value.is_empty());
        let file = self.config.clone().or_else(|| from_variable.map(|(_, value)| value.into()));
        Config::load(file.as_deref(), variables, &|path| std::fs::read_to_string(path), &app::vendor_config_specs())
    }
}

fn check(file: &File, online: bool, options: CheckOptions) -> ExitCode {
    match file.load() {
        Ok(config) => {
            app::list_assumptions(&config, options.verbose).iter().for_each(print);
            match run(app::unsellable_sources(&config)) {
                Ok(Ok(warnings)) => warnings.iter().for_each(print),
                Ok(Err(error)) => return not_started(&error),
                Err(error) => return failed(error),
            }
            if online { check_online(config, options) } else { report_clean(&config) }
        }
        Err(diagnostics) => {
            diagnostics.lines().for_each(print);
            ExitCode::from(if diagnostics.is_unreadable() { USAGE } else { FAILED })
        }
    }
}

fn report_clean(config: &Config) -> ExitCode {
    let counts = [config.sources.len(), config.deliveries.len(), config.resellers.len(), config.clients.len()];
    let [sources, deliveries, resellers, clients] = counts;
    print(format!("no findings: {sources} sources, {deliveries} deliveries, {resellers} resellers, {clients} clients"));
    ExitCode::SUCCESS
}

fn check_online(config: Config, options: CheckOptions) -> ExitCode {
    if options.try_writes {
        print(
            "requests that may write are sent: they carry nothing, and a vendor that works as documented refuses them",
        );
    }
    let reports = match run(app::check_online(config, options)) {
        Ok(Ok(reports)) => reports,
        Ok(Err(error)) => return not_started(&error),
        Err(error) => return failed(error),
    };
    for report in &reports {
        report.checks.iter().for_each(|check| print(app::format_check(&report.section, check)));
        if options.verbose {
            app::format_details(report).iter().for_each(print);
        }
    }
    if reports.iter().all(app::CheckReport::is_fine) { ExitCode::SUCCESS } else { ExitCode::from(FAILED) }
}

fn accept(accept: Accept) -> ExitCode {
    let config = match accept.file.load() {
        Ok(config) => config,
        Err(diagnostics) => {
            diagnostics.lines().for_each(print_error);
            return ExitCode::from(USAGE);
        }
    };
    let Accept { source, probe_duplicates, live: is_live_permitted, report, .. } = accept;
    let options = app::AcceptOptions { source, probe_duplicates, is_live_permitted, report };
    match run(app::accept(config, options, Arc::new(|line: &str| print(line)))) {
        Ok(Ok(true)) => ExitCode::SUCCESS,
        Ok(Ok(false)) => ExitCode::from(FAILED),
        Ok(Err(error)) => not_started(&error),
        Err(error) => failed(error),
    }
}

fn serve(serve: Serve) -> ExitCode {
    let config = match serve.file.load() {
        Ok(config) => config,
        Err(diagnostics) => {
            diagnostics.lines().for_each(print_error);
            return ExitCode::from(USAGE);
        }
    };
    let runtime = match runtime() {
        Ok(runtime) => runtime,
        Err(error) => return failed(error),
    };
    let traces = match traces(&config, runtime.handle()) {
        Ok(traces) => traces,
        Err(error) => return failed(error),
    };
    let metrics =
        telemetry::init_tracing(config.telemetry.log_format, config.telemetry.log_level.as_str(), traces.as_ref())
            .and_then(|()| config.telemetry.metrics.then(Metrics::install).transpose());
    let metrics = match metrics {
        Ok(metrics) => metrics,
        Err(error) => return failed(error),
    };
    let render = metrics.clone().map(|metrics| Arc::new(move || metrics.render()) as _);
    let file = serve.file.clone();
    let loader = Some(Arc::new(move || file.load()) as _);
    let Serve { listen, data, unlimited, record, .. } = serve;
    let options = ServeOptions { listen, data, metrics: render, loader, unlimited, record };
    let served = runtime.block_on(async {
        tokio::select! {
            served = Box::pin(app::serve(config, options)) => served,
            never = run_upkeep(metrics) => match never {},
        }
    });
    if let Some(traces) = traces {
        traces.shutdown();
    }
    match served {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => failed("not every request in flight was completed within the drain limit"),
        Err(error) => not_started(&error),
    }
}

/// Starts the export of traces, if it is configured.
fn traces(config: &Config, runtime: &Handle) -> Result<Option<TraceExporter>, String> {
    let Some(endpoint) = config.telemetry.otlp_endpoint.clone() else { return Ok(None) };
    let settings = TraceSettings { endpoint, sample_percent: config.telemetry.otlp_percent.get() };
    let client = http_client::build_client().map_err(|error| error.to_string())?;
    TraceExporter::start(&settings, client, runtime.clone()).map(Some).map_err(|error| error.to_string())
}

fn record(file: &File, folder: &Path) -> ExitCode {
    let config = match file.load() {
        Ok(config) => config,
        Err(diagnostics) => {
            diagnostics.lines().for_each(print_error);
            return ExitCode::from(USAGE);
        }
    };
    match run(Box::pin(app::record(config, folder))) {
        Ok(Ok(report)) => {
            report.lines.iter().for_each(print);
            let summary = report.summary;
            print(format!("{} samples in {}, {} lost", summary.samples, folder.display(), summary.lost));
            if report.is_complete { ExitCode::SUCCESS } else { ExitCode::from(FAILED) }
        }
        Ok(Err(error)) => not_started(&error),
        Err(error) => failed(error),
    }
}

fn replay(options: ReplayOptions) -> ExitCode {
    if let Err(error) = telemetry::init_tracing(LogFormat::Text, "info", None) {
        return failed(error);
    }
    match run(app::run_replay(options)) {
        Ok(Ok(())) => ExitCode::SUCCESS,
        Ok(Err(error)) => not_started(&error),
        Err(error) => failed(error),
    }
}

fn sandbox(options: SandboxOptions) -> ExitCode {
    if let Err(error) = telemetry::init_tracing(LogFormat::Text, "info", None) {
        return failed(error);
    }
    match run(app::run_sandbox(options)) {
        Ok(Ok(())) => ExitCode::SUCCESS,
        Ok(Err(error)) => not_started(&error),
        Err(error) => failed(error),
    }
}

/// Runs a future to completion on all cores.
fn run<T>(future: impl Future<Output = T>) -> std::io::Result<T> {
    Ok(runtime()?.block_on(future))
}

fn runtime() -> std::io::Result<Runtime> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()
}

/// Bounds the memory of metrics that nobody scrapes.
async fn run_upkeep(metrics: Option<Metrics>) -> Infallible {
    let Some(metrics) = metrics else { return pending().await };
    let mut interval = tokio::time::interval(Duration::from_secs(5));
    loop {
        interval.tick().await;
        metrics.run_upkeep();
    }
}

fn not_started(error: &StartError) -> ExitCode {
    print_error(error);
    ExitCode::from(if error.is_usage_error() { USAGE } else { FAILED })
}

fn failed(error: impl Display) -> ExitCode {
    print_error(error);
    ExitCode::from(FAILED)
}

/// Prints a line. The rest of an output that nobody reads any more is lost, as usual for commands.
fn print(line: impl Display) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

/// Writes the output of a command. A reader that has gone is no failure.
fn write_out(text: &[u8]) -> ExitCode {
    match std::io::stdout().write_all(text) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => failed(format!("the output cannot be written: {error}")),
        _ => ExitCode::SUCCESS,
    }
}

#[expect(clippy::print_stderr, reason = "errors before logging starts")]
fn print_error(line: impl Display) {
    eprintln!("{line}");
}
