//! The read-only part of the contract against a recording or a live account.
//!
//! Without a target the sandbox is recorded and replayed. `TICKETGRAPH_CONTRACT_TARGET` is the folder of a recording, or the URL of a
//! host together with a configuration in `TICKETGRAPH_CONTRACT_CONFIG`. `TICKETGRAPH_CONTRACT_WRITES=1` also places a hold at a host and
//! gives it back.

mod checks;
mod report;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use deliveries::check_app;
use domain::accounts::CheckOutcome;
use domain::ids::StepKey;
use domain::{Clock, OrderKey, Source, SourceId, SystemClock, VendorOperation};
use http_client::{ConnectionPools, PausePolicy, VendorHttpClient};
use recording::{Recording, SampleBody};
use tempfile::TempDir;
use testkit::{AlwaysUp, ManualClock, UnlimitedRateLimiter};
use ticketgraph::app::{self, ReplayOptions, RunningReplay};
use ticketgraph::config::{Config, ConfiguredSource};
use tokio_util::task::TaskTracker;
use url::Url;
use vendor_api::ConnectContext;
use vendor_registry::{APPS, VENDORS};

use crate::contract::each_vendor;
use checks::{Deviation, check_hold, check_reads};

/// Accounts to check.
struct Target {
    config: Config,
    clock: Arc<dyn Clock>,
    recording: Option<Recording>,
    writes: bool,
    _replay: Option<RunningReplay>,
}

fn variable(name: &str) -> Option<String> {
    std::env::var_os(name)?.into_string().ok().filter(|value| !value.is_empty())
}

fn load(file: Option<&Path>, variables: Vec<(String, String)>) -> Config {
    let read = |path: &Path| fs::read_to_string(path);
    Config::load(file, variables, &read, &app::vendor_config_specs())
        .unwrap_or_else(|findings| panic!("{}", findings.lines().collect::<Vec<_>>().join("\n")))
}

fn client(id: SourceId, pause: Duration) -> VendorHttpClient {
    let pools = ConnectionPools::new(Duration::from_secs(4)).expect("a client");
    let pauses = PausePolicy { default: pause, max: Duration::from_secs(3600) };
    VendorHttpClient::new(pools, id, Arc::new(UnlimitedRateLimiter), Duration::from_secs(60)).with_pauses(pauses)
}

impl Target {
    /// Replays a recording. The clock stands at the time of the recording.
    async fn replay(folder: &Path) -> Self {
        let recording = Recording::read(folder).expect("a recording");
        let listen = "127.0.0.1:0".parse().expect("an address");
        let options = ReplayOptions { folder: folder.to_owned(), listen };
        let replay = app::start_replay(&options, &TaskTracker::new()).await.expect("a replay");
        let mut config = load(Some(&folder.join("replay.toml")), Vec::new());
        for (source, address) in &replay.addresses {
            if let Some(settings) = config.sources.get_mut(&SourceId::new(source.name.as_str())) {
                settings.source.base_url = address.clone();
            }
            if let Some(settings) = config.deliveries.get_mut(&source.name) {
                settings.channel.url = address.clone();
            }
        }
        let clock = ManualClock::at(&recording.index.recorded_at);
        Self { config, clock, recording: Some(recording), writes: false, _replay: Some(replay) }
    }

    /// Selects the accounts of a configuration at a host.
    fn host(url: &Url) -> Self {
        let file =
            PathBuf::from(variable("TICKETGRAPH_CONTRACT_CONFIG").expect("TICKETGRAPH_CONTRACT_CONFIG names a file"));
        let text = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        };
        let mut config = load(
            Some(&file),
            std::env::vars_os()
                .filter_map(text)
                .filter(|(name, _)| !name.starts_with("TICKETGRAPH_CONTRACT"))
                .collect(),
        );
        for settings in config.sources.values_mut() {
            settings.source.base_url = moved(&settings.source.base_url, url);
        }
        for settings in config.deliveries.values_mut() {
            settings.channel.url = moved(&settings.channel.url, url);
        }
        let writes = variable("TICKETGRAPH_CONTRACT_WRITES").is_some_and(|value| value == "1");
        Self { config, clock: Arc::new(SystemClock), recording: None, writes, _replay: None }
    }

    fn connect(&self, settings: &ConfiguredSource) -> Source {
        let vendor = VENDORS.iter().find(|row| row.name == settings.vendor).expect("a registered vendor");
        let context = ConnectContext {
            kept: None,
            http: client(settings.source.id.clone(), vendor.rate_limit_pause),
            clock: Arc::clone(&self.clock),
            health: Arc::new(AlwaysUp),
            tracker: TaskTracker::new(),
        };
        (vendor.connect)(settings.source.clone(), context).unwrap_or_else(|errors| panic!("{errors:?}"))
    }

    /// Checks every source and every channel, and returns the report. It is empty if there are no deviations.
    async fn report(&self) -> String {
        let mut report = String::new();
        for (id, settings) in &self.config.sources {
            let source = self.connect(settings);
            let mut deviations = check_reads(&source, self.clock.as_ref()).await;
            if self.writes {
                deviations.extend(check_hold(&source, self.clock.as_ref(), &key()).await);
            }
            report += &report::paragraphs(id.as_str(), Some(source.vendor), &deviations, self.recording.as_ref());
        }
        for (id, settings) in &self.config.deliveries {
            let row = APPS.iter().find(|row| row.name == settings.app).expect("a registered app");
            let http = client(SourceId::new(id.as_str()), row.rate_limit_pause);
            let channel = (row.connect)(settings.channel.clone(), http).unwrap_or_else(|errors| panic!("{errors:?}"));
            let check = check_app(channel.port.as_ref()).await;
            if !matches!(check.outcome, CheckOutcome::Passed) {
                let deviation = Deviation {
                    operation: VendorOperation::ReadDelivery,
                    expected: "a ticket that does not exist is not found",
                    seen: format!("check {}", check.code),
                };
                report += &report::paragraphs(id, None, &[deviation], self.recording.as_ref());
            }
        }
        report
    }
}

/// Replaces scheme, host and port of a URL.
fn moved(base_url: &str, host: &Url) -> String {
    let path = Url::parse(base_url).map_or_else(|_| String::new(), |url| url.path().trim_end_matches('/').to_owned());
    format!("{}{path}", host.as_str().trim_end_matches('/'))
}

fn key() -> StepKey {
    OrderKey(uuid::Uuid::from_u128(0xC0_17AC7)).step_key(0, "hold")
}

/// Records one round through the sandbox.
async fn recorded_sandbox() -> TempDir {
    let folder = TempDir::new().expect("a folder");
    let report = Box::pin(app::record(load(None, Vec::new()), folder.path())).await.expect("a recording");
    assert!(report.is_complete, "{:#?} {:?}", report.lines, report.summary);
    folder
}

/// Writes a report beside the build, and fails with it unless it is empty.
fn expect_none(report: &str) {
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("contract-report.txt");
    fs::write(&file, report).expect("a file");
    assert!(report.is_empty(), "also in {}:\n\n{report}", file.display());
}

#[tokio::test]
async fn the_target_or_else_a_replay_of_the_sandbox_keeps_the_contract() {
    let target = variable("TICKETGRAPH_CONTRACT_TARGET");
    let sandbox = if target.is_none() { Some(recorded_sandbox().await) } else { None };
    let target = match (target.as_deref().map(Url::parse), &sandbox) {
        (Some(Ok(url)), _) => Target::host(&url),
        (Some(Err(_)), _) => Target::replay(Path::new(target.as_deref().unwrap_or_default())).await,
        (None, folder) => Target::replay(folder.as_ref().expect("a recording").path()).await,
    };
    assert!(!target.config.sources.is_empty(), "no sources");
    expect_none(&target.report().await);
}

#[tokio::test]
async fn a_recording_covers_every_source_and_contains_none_of_its_secrets_or_texts() {
    let folder = recorded_sandbox().await;
    let recording = Recording::read(folder.path()).expect("a recording");
    let config = load(None, Vec::new());
    let names: Vec<&str> = recording.index.sources.iter().map(|source| source.name.as_str()).collect();
    for name in config.sources.keys().map(SourceId::as_str).chain(config.deliveries.keys().map(String::as_str)) {
        assert!(names.contains(&name) && recording.samples_of(name).next().is_some(), "{name}");
    }
    let is_xml = |sample: &&(String, recording::Sample)| matches!(sample.1.body, SampleBody::Xml(_));
    assert!(
        recording.samples_of("club").any(|sample| is_xml(&sample))
            && !recording.samples_of("opera").any(|sample| is_xml(&sample))
    );
    let mut all = String::new();
    for entry in fs::read_dir(folder.path()).expect("a folder") {
        all += &fs::read_to_string(entry.expect("a file").path()).expect("text");
    }
    let planted = [
        "harbor-sandbox-key",
        "harbor-venue-key",
        "opera-sandbox-password",
        "club-sandbox-password",
        "5a6e0d1cb00c0000000000000000c0de",
        "tixngo-sandbox-key",
        "octo-sandbox-key",
        "lagoon-cruise",
        "17201149984410",
        "OPERA_DGTK",
        "4111111111111111",
        "Wrightson",
        "1000042",
        "66f0aa10c3d2e4b5a6978001",
        "Harbor Museum",
    ];
    for secret in planted {
        assert!(!all.contains(secret), "{secret}");
    }
}

#[tokio::test]
async fn a_deviating_answer_is_reported_with_its_section_sample_and_shape_and_without_values() {
    let folder = recorded_sandbox().await;
    let recording = Recording::read(folder.path()).expect("a recording");
    for (name, mut sample) in recording.samples.clone() {
        if sample.source == "harbor" && sample.operation == VendorOperation::ListEvents.name() {
            sample.body = SampleBody::Json(serde_json::json!([{ "identifier": "planted-value" }]));
            fs::write(folder.path().join(name), serde_json::to_vec(&sample).expect("JSON")).expect("a file");
        }
    }
    let report = Target::replay(folder.path()).await.report().await;
    for part in [
        "harbor: acme.md §3.1",
        "expected: events can be listed",
        "error MALFORMED",
        "missing field",
        "[{identifier: string}]",
        ".json",
        "settings: base_url",
    ] {
        assert!(report.to_lowercase().contains(&part.to_lowercase()), "{part} in {report}");
    }
    assert!(!report.contains("planted-value") && !report.contains("opera:"), "{report}");
}

#[tokio::test]
async fn a_request_that_was_not_recorded_gets_501_and_its_template() {
    let folder = recorded_sandbox().await;
    let target = Target::replay(folder.path()).await;
    let address = &target.config.sources[&SourceId::new("harbor")].source.base_url;
    let http = http_client::build_client().expect("a client");
    let response = http.delete(format!("{address}/v2/b2b/nothing/K7P2M9QX")).send().await.expect("a response");
    assert_eq!(response.status().as_u16(), 501);
    let body: serde_json::Value = response.json().await.expect("JSON");
    assert_eq!((&body["method"], &body["pathTemplate"]), (&"DELETE".into(), &"/v2/b2b/nothing/{}".into()));
}

#[tokio::test]
async fn the_same_checks_hold_for_every_emulated_vendor_and_a_hold_is_given_back() {
    each_vendor(async |fixture| {
        assert_eq!(check_reads(&fixture.source, fixture.clock.as_ref()).await, [], "{}", fixture.source.id);
        assert_eq!(check_hold(&fixture.source, fixture.clock.as_ref(), &key()).await, [], "{}", fixture.source.id);
    })
    .await;
}
