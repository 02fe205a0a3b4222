//! The acceptance run of the real binary against the emulated vendors: it buys and refunds, and the vendors' books are as before, also
//! when it is interrupted. What a vendor that is down keeps is listed.

use std::path::PathBuf;
use std::process::Stdio;

use reqwest::Method;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::Command;

use crate::config::HARBOR;
use crate::docs::{blocks, read};
use crate::process::binary;
use crate::process_orders::{SOURCES, Vendors, configuration, sold};

/// A folder with a configuration, and the emulated vendors that it names.
struct Venue {
    folder: TempDir,
    vendors: Vendors,
}

/// A run that ended.
struct Ended {
    code: Option<i32>,
    output: String,
}

impl Venue {
    /// Starts the vendors, with a part of the sandbox's configuration replaced.
    fn open(replaced: &[(&str, &str)]) -> Self {
        let folder = TempDir::new().expect("a folder");
        let vendors = Vendors::start(&folder);
        let mut text = configuration(&folder, &vendors);
        for (from, to) in replaced {
            assert!(text.contains(from), "{from}");
            text = text.replacen(from, to, 1);
        }
        std::fs::write(folder.path().join("venues.toml"), text).expect("a file");
        Self { folder, vendors }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    async fn accept(&self, source: &str, more: &[&str]) -> Ended {
        self.accept_until(source, more, "no such step", async |_| {}).await
    }

    /// Runs, and acts once when a step is announced. `act` gets the id of the process.
    async fn accept_until(&self, source: &str, more: &[&str], step: &str, act: impl AsyncFn(u32)) -> Ended {
        let arguments = [&["accept", "--config", "venues.toml", "--source", source], more].concat();
        let mut command = Command::from(binary(self.folder.path(), &arguments));
        command.env("HARBOR_ACME_KEY", "k").stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().expect("a process");
        let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        let mut output = String::new();
        while let Some(line) = lines.next_line().await.expect("a line") {
            output += &format!("{line}\n");
            if line.starts_with(step) {
                act(child.id().expect("a running process")).await;
            }
        }
        let ended = child.wait_with_output().await.expect("an end");
        Ended { code: ended.status.code(), output: output + &String::from_utf8_lossy(&ended.stderr) }
    }

    /// Returns the number of sales ever made at a vendor. One of them lists released holds as orders without tickets.
    async fn sales(&self, vendor: &str) -> usize {
        let holdings = self.vendors.holdings(vendor).await;
        let orders = holdings["orders"].as_array().expect("orders").iter();
        orders.filter(|order| order["tickets"].as_array().is_some_and(|tickets| !tickets.is_empty())).count()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_at_each_vendor_passes_and_leaves_its_books_as_they_were() {
    let venue = Venue::open(&[]);
    for (source, vendor) in SOURCES {
        let (before, count) = (venue.vendors.holdings(vendor).await, venue.sales(vendor).await);
        let ended = venue.accept(source, &["--report", "report.json"]).await;
        assert_eq!(ended.code, Some(0), "{source}: {}", ended.output);
        let after = venue.vendors.holdings(vendor).await;
        assert_eq!(venue.sales(vendor).await, count + 1, "{source} bought");
        assert_eq!((&after["holds"], sold(&after)), (&before["holds"], sold(&before)), "{source}");
        let report: Value =
            serde_json::from_slice(&std::fs::read(venue.file("report.json")).expect("a report")).expect("JSON");
        let steps = report["steps"].as_array().expect("steps");
        let step = |name: &str| steps.iter().find(|step| step["step"].as_str().expect("a text").contains(name));
        for name in ["refund the ticket", "see that the ticket is void", "look the sale up"] {
            assert!(step(name).is_some_and(|step| step["results"][0].is_string()), "{source}: {name} in {report:#}");
        }
        let assumptions = report["assumptions"].as_array().expect("assumptions");
        let of = |result: &str| assumptions.iter().filter(|one| one["result"] == result).count();
        assert!(of("as_assumed") > 2 && of("not_seen") > 4 && of("different") == 0, "{source}: {assumptions:#?}");
        assert_eq!(report["leftovers"], json!([]), "{source}");
        // The number of a ticket is its code at one vendor.
        let tickets = after["orders"].as_array().expect("orders").iter().flat_map(|order| order["tickets"].as_array());
        for id in tickets.flatten().filter_map(|ticket| ticket["id"].as_str()).filter(|id| id.len() > 6) {
            assert!(!ended.output.contains(id) && !report.to_string().contains(id), "{source} shows a code");
        }
        assert!(!venue.file(&format!("accept-leftovers-{source}.json")).exists());
    }
}

/// Calls of a vendor last so long that a test can act between two of them.
async fn slow_down(venue: &Venue, vendor: &str) {
    let rules = json!({ "rules": [{ "fault": { "kind": "delay", "ms": 250 } }] });
    venue.vendors.control(Method::POST, vendor, "faults", &rules).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vendor_that_goes_down_in_the_middle_leaves_a_file_that_names_the_sale() {
    let venue = Venue::open(&[]);
    slow_down(&venue, "acme").await;
    let before = sold(&venue.vendors.holdings("acme").await);
    let down = async |_| venue.vendors.control(Method::POST, "acme", "down", &Value::Null).await;
    let ended = venue.accept_until("harbor", &[], "-> look the sale up", down).await;
    assert_eq!(ended.code, Some(1), "{}", ended.output);
    venue.vendors.control(Method::POST, "acme", "up", &Value::Null).await;
    let mut left = sold(&venue.vendors.holdings("acme").await);
    left.retain(|sale| !before.contains(sale));
    let [(reference, 1)] = &left[..] else { panic!("one ticket is left: {left:?}") };
    let file = venue.file("accept-leftovers-harbor.json");
    let listed: Value = serde_json::from_slice(&std::fs::read(&file).expect("a file")).expect("JSON");
    assert_eq!(listed.as_array().map(Vec::len), Some(1), "{listed:#}");
    assert_eq!((&listed[0]["reference"], &listed[0]["state"]), (&json!(reference), &json!("sold")), "{listed:#}");
    assert!(listed[0]["vendor_references"][0]["value"].is_string(), "{listed:#}");
    assert!(listed[0]["performance"].as_str().is_some_and(|key| !key.is_empty()), "{listed:#}");
    assert!(ended.output.contains("LEFT AT THE VENDOR") && ended.output.contains(reference), "{}", ended.output);
    // The list of an earlier run is not overwritten.
    let again = venue.accept("harbor", &[]).await;
    assert_eq!(again.code, Some(2), "{}", again.output);
    assert!(again.output.contains("accept-leftovers-harbor.json"), "{}", again.output);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_is_interrupted_undoes_what_it_has_sold() {
    let venue = Venue::open(&[]);
    slow_down(&venue, "ticketing").await;
    let (before, count) = (venue.vendors.holdings("ticketing").await, venue.sales("ticketing").await);
    let interrupt = async |process: u32| {
        let status = Command::new("kill").args(["-INT", &process.to_string()]).status().await.expect("kill");
        assert!(status.success());
    };
    let ended = venue.accept_until("quay", &[], "-> read the ticket", interrupt).await;
    assert_eq!(ended.code, Some(1), "{}", ended.output);
    assert!(ended.output.contains("-> undo what is left"), "{}", ended.output);
    assert!(!ended.output.contains("-> refund the ticket"), "{}", ended.output);
    let after = venue.vendors.holdings("ticketing").await;
    assert_eq!(venue.sales("ticketing").await, count + 1, "it bought");
    assert_eq!((&after["holds"], sold(&after)), (&before["holds"], sold(&before)));
    assert!(!venue.file("accept-leftovers-quay.json").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_out_that_is_sent_twice_shows_a_vendor_that_ignores_the_key() {
    let venue = Venue::open(&[]);
    let before = sold(&venue.vendors.holdings("acme").await);
    let honors = venue.accept("harbor", &["--probe-duplicates"]).await;
    assert!(honors.output.contains("Set this: `assumptions.checkout_retry = \"same_uuid\"`"), "{}", honors.output);
    assert_eq!(honors.code, Some(1), "the assumption differs: {}", honors.output);
    venue.vendors.control(Method::POST, "acme", "uuid_ignored", &json!({ "value": true })).await;
    let count = venue.sales("acme").await;
    let ignores = venue.accept("harbor", &["--probe-duplicates"]).await;
    assert!(ignores.output.contains("the vendor sold twice"), "{}", ignores.output);
    assert!(ignores.output.contains("as assumed  checkout_retry = \"never\""), "{}", ignores.output);
    assert_eq!(ignores.code, Some(0), "{}", ignores.output);
    assert_eq!(venue.sales("acme").await, count + 3, "one sale of the run, two of the probe");
    assert_eq!(sold(&venue.vendors.holdings("acme").await), before, "all are refunded");
    // Without the option no check-out is repeated.
    let usual = venue.accept("harbor", &[]).await;
    assert_eq!((usual.code, venue.sales("acme").await), (Some(0), count + 4), "{}", usual.output);
    assert!(usual.output.contains("not seen    checkout_retry"), "{}", usual.output);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_setting_that_would_sell_twice_and_an_unknown_word_are_findings() {
    let retry = "tenant_id = 412\nassumptions.checkout_retry = \"same_uuid\"\n";
    let venue = Venue::open(&[("tenant_id = 412\n", retry)]);
    venue.vendors.control(Method::POST, "acme", "uuid_ignored", &json!({ "value": true })).await;
    venue.vendors.control(Method::POST, "acme", "ticket_word", &json!({ "value": "Wrapped" })).await;
    let ended = venue.accept("harbor", &["--probe-duplicates"]).await;
    assert_eq!(ended.code, Some(1), "{}", ended.output);
    for set in ["`assumptions.checkout_retry = \"never\"`", "`assumptions.ticket_status_words = { \"Wrapped\" = "] {
        assert!(ended.output.contains(set), "{set} in {}", ended.output);
    }
}

#[tokio::test]
async fn a_live_source_is_refused_unless_it_is_permitted() {
    let folder = TempDir::new().expect("a folder");
    let vendors = Vendors::start(&folder);
    let venue = Venue { folder, vendors };
    let sandbox = "environment = \"sandbox\"";
    assert!(HARBOR.contains(sandbox));
    let live = HARBOR.replace(sandbox, "environment = \"live\"");
    let live = live.replace("https://sandx-api.acmeticketing.com/", "https://127.0.0.1:9/");
    std::fs::write(venue.file("venues.toml"), live).expect("a file");
    let refused = venue.accept("harbor", &[]).await;
    assert_eq!(refused.code, Some(2), "{}", refused.output);
    assert!(
        refused.output.contains("the source harbor is live") && refused.output.contains("--live"),
        "{}",
        refused.output
    );
    assert!(!refused.output.contains("->"), "nothing was done: {}", refused.output);
    let permitted = venue.accept("harbor", &["--live"]).await;
    assert_eq!(permitted.code, Some(1), "{}", permitted.output);
    assert!(permitted.output.contains("-> list the events\n   FINDING: "), "{}", permitted.output);
    let unknown = venue.accept("nowhere", &[]).await;
    assert_eq!(unknown.code, Some(2), "{}", unknown.output);
    assert!(unknown.output.contains("there is no source nowhere; the configuration has harbor"), "{}", unknown.output);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_commands_of_the_first_day_end_as_the_page_says() {
    let page = read("docs/first-day.md");
    let blocks = blocks(&page);
    let venue = Venue::open(&[]);
    let sandbox = std::fs::read_to_string(venue.file("venues.toml")).expect("a file");
    let address = sandbox.lines().find(|line| line.starts_with("base_url")).and_then(|line| line.split('"').nth(1));
    let written = &blocks.iter().find(|block| block.is("toml")).expect("a configuration").text;
    let text = written.replace("http://127.0.0.1:4101", address.expect("the address of the first vendor"));
    std::fs::write(venue.file("first-day.toml"), text).expect("a file");
    let shell = blocks.iter().filter(|block| block.is("sh")).flat_map(|block| block.text.lines());
    let lines: Vec<&str> = shell.collect();
    let variables = lines.iter().filter_map(|line| line.strip_prefix("export ")?.split(' ').next()?.split_once('='));
    let variables: Vec<(&str, &str)> = variables.filter(|(name, _)| name.ends_with("KEY")).collect();
    let mut codes = Vec::new();
    for line in lines.iter().filter_map(|line| line.strip_prefix("ticketgraph ")) {
        if line.starts_with("serve") {
            continue;
        }
        let arguments: Vec<&str> = line.split_whitespace().collect();
        let mut command = Command::from(binary(venue.folder.path(), &arguments));
        command.envs(variables.iter().copied());
        let run = command.output().await.expect("a run");
        codes.push(run.status.code());
        let probes = line.contains("--probe-duplicates");
        let output = String::from_utf8_lossy(&run.stdout);
        assert_eq!(
            run.status.code(),
            Some(i32::from(probes)),
            "{line}: {output}{}",
            String::from_utf8_lossy(&run.stderr)
        );
    }
    assert_eq!(
        (codes.len(), variables.len()),
        (6, 2),
        "check, check --online, its details, record, accept, and the probe"
    );
    assert!(venue.file("accept-harbor.json").exists());
}
