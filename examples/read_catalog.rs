//! Connects one source to its emulated vendor and lists its events, without GraphQL: `cargo run --example read_catalog`.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use catalog::{EventFilter, EventQuery, UnifiedCatalog};
use domain::{Clock, Environment, SourceId, SystemClock};
use emulators::{Options, Sandbox};
use http_client::VendorHttpClient;
use jiff::tz::TimeZone;
use testkit::{AlwaysUp, UnlimitedRateLimiter};
use tokio_util::task::TaskTracker;
use vendor_api::{ConnectContext, SourceConfig};
use vendor_registry::VENDORS;

#[tokio::main]
#[expect(clippy::print_stdout, reason = "the output of the example")]
async fn main() -> Result<(), Box<dyn Error>> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let tracker = TaskTracker::new();
    let sandbox = Sandbox::start(Options::for_tests(Arc::clone(&clock), tracker.clone())).await?;

    // What `[sources.harbor]` holds in a configuration file.
    let config = SourceConfig {
        id: SourceId::new("harbor"),
        environment: Environment::Sandbox,
        base_url: sandbox.base_url("acme").ok_or("the sandbox has no such vendor")?,
        institution: "Harbor Museum".to_owned(),
        time_zone: TimeZone::get("America/New_York")?,
        currency: Some("USD".parse()?),
        vendor_settings: "api_key = 'harbor-sandbox-key'\ntenant_id = 412".parse()?,
    };
    let client = http_client::ConnectionPools::new(Duration::from_secs(4))?;
    let limiter = Arc::new(UnlimitedRateLimiter);
    let context = ConnectContext {
        kept: None,
        http: VendorHttpClient::new(client, config.id.clone(), limiter, Duration::from_secs(5)),
        clock: Arc::clone(&clock),
        health: Arc::new(AlwaysUp),
        tracker,
    };
    let vendor = VENDORS.iter().find(|vendor| vendor.name == "acme").ok_or("no such vendor")?;
    let source = (vendor.connect)(config, context).map_err(|settings| format!("{settings:?}"))?;

    let catalog = UnifiedCatalog::new(vec![Arc::new(source)], Duration::from_secs(10), clock);
    let page = catalog.list_events(&EventQuery::new(EventFilter::default(), Some(10), None)?).await?;
    for event in &page.events {
        println!("{}: {}", event.source.institution, event.value.value.title.resolve(None));
    }
    Ok(())
}
