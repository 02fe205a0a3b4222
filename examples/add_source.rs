//! Adds a source to a configuration and validates it, without starting anything: `cargo run --example add_source`.
//!
//! The first attempt misspells a key; the diagnostic names the key and the nearest known one. `ticketgraph check --config FILE`
//! prints the same, and `--online` also asks the vendor.

use std::path::Path;

use ticketgraph::app::vendor_config_specs;
use ticketgraph::config::Config;

const SOURCE: &str = r#"
[sources.quay]
vendor = "ticketing"
environment = "sandbox"
base_url = "https://qa.ticketingevents.com/v3"
institution = "Quay Nights"
time_zone = "America/Port_of_Spain"
currency = "TTD"
host = "17201149984410"
api_key = { env = "QUAY_TICKETING_KEY" }
client_version = "3.0.0"
"#;

#[expect(clippy::print_stdout, reason = "the output of the example")]
fn main() {
    for text in [SOURCE.replace("institution", "instituton"), SOURCE.to_owned()] {
        let variables = [("QUAY_TICKETING_KEY".to_owned(), "secret".to_owned())];
        let loaded =
            Config::load(Some(Path::new("example.toml")), variables, &|_| Ok(text.clone()), &vendor_config_specs());
        match loaded {
            Ok(config) => println!("valid: {} source", config.sources.len()),
            Err(diagnostics) => diagnostics.lines().for_each(|line| println!("{line}")),
        }
    }
}
