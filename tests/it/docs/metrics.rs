//! Metrics: pages, alerts and dashboard name existing metrics, and every alert has a runbook entry.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use telemetry::{METRICS, Metric};

use crate::docs::deployment::yaml;
use crate::docs::{chapter, read, report, words};

/// Metrics of Prometheus itself.
const OF_PROMETHEUS: &[&str] = &["up", "ALERTS"];
/// Labels that Prometheus adds, and the bound of a histogram bucket.
const ADDED_LABELS: &[&str] = &["job", "instance", "le"];
/// Keywords and functions of the expression language.
const LANGUAGE: &[&str] = &[
    "sum",
    "max",
    "min",
    "count",
    "rate",
    "increase",
    "histogram_quantile",
    "time",
    "vector",
    "by",
    "without",
    "and",
    "or",
    "unless",
    "on",
    "ignoring",
    "group_left",
];

fn metrics() -> BTreeMap<&'static str, &'static Metric> {
    METRICS.iter().copied().flatten().map(|metric| (metric.name, metric)).collect()
}

/// Returns the metric of a name in an expression, without the suffixes of histograms.
fn metric_of(name: &str) -> Option<&'static Metric> {
    let metrics = metrics();
    let endings = ["", "_bucket", "_sum", "_count"].into_iter();
    endings.filter_map(|ending| name.strip_suffix(ending)).find_map(|base| metrics.get(base).copied())
}

/// Returns the metric names and the label names in an expression, without strings and durations.
fn names(expression: &str) -> (BTreeSet<String>, BTreeSet<String>) {
    let (mut names, mut labels) = (BTreeSet::new(), BTreeSet::new());
    let mut rest = String::new();
    for (at, part) in expression.split('"').enumerate() {
        rest.push_str(if at % 2 == 0 { part } else { "_" });
    }
    let mut inside = Vec::new();
    let mut word = String::new();
    let mut last = String::new();
    for letter in rest.chars().chain([' ']) {
        if letter.is_alphanumeric() || letter == '_' || letter == ':' {
            word.push(letter);
            continue;
        }
        if word.starts_with(|first: char| first.is_alphabetic()) {
            let is_label = matches!(inside.last(), Some('{' | 'l'));
            if is_label { &mut labels } else { &mut names }.insert(word.clone());
        }
        if !word.is_empty() {
            last = std::mem::take(&mut word);
        }
        match letter {
            '(' => inside.push(if ["by", "without", "on", "ignoring"].contains(&last.as_str()) { 'l' } else { '(' }),
            '{' | '[' => inside.push(letter),
            ')' | '}' | ']' => drop(inside.pop()),
            _ => {}
        }
        if !letter.is_whitespace() {
            last.clear();
        }
    }
    names.retain(|name| !LANGUAGE.contains(&name.as_str()));
    (names, labels)
}

/// Returns every expression of the alerts and the dashboard, with its location.
fn expressions() -> Vec<(String, String)> {
    let mut found = Vec::new();
    for rule in alerts() {
        let text = |key: &str| rule[key].as_str().expect("text").to_owned();
        found.push((text("alert"), text("expr")));
    }
    let dashboard: Value =
        serde_json::from_str(&read("deploy/grafana/dashboards/ticketgraph.json")).expect("the dashboard is JSON");
    for panel in dashboard["panels"].as_array().expect("panels") {
        for target in panel["targets"].as_array().into_iter().flatten() {
            let title = panel["title"].as_str().expect("a title");
            found.push((title.to_owned(), target["expr"].as_str().expect("an expression").to_owned()));
        }
    }
    assert!(found.len() > 50, "{}", found.len());
    found
}

fn alerts() -> Vec<Value> {
    let rules = yaml("deploy/prometheus/alerts.yaml");
    let groups = rules["groups"].as_array().expect("groups").clone();
    groups.iter().flat_map(|group| group["rules"].as_array().expect("rules").clone()).collect()
}

#[test]
fn the_operation_page_lists_every_metric_and_no_other() {
    let page = read("docs/operation.md");
    let table = words(chapter(&page, "## Metrics"));
    let documented: BTreeSet<&str> = table.iter().map(String::as_str).filter(|word| !word.starts_with('/')).collect();
    let known: BTreeSet<&str> = metrics().into_keys().collect();
    let (missing, unknown): (Vec<_>, Vec<_>) =
        (known.difference(&documented).collect(), documented.difference(&known).collect());
    assert!(missing.is_empty() && unknown.is_empty(), "not on the page: {missing:?}; no metric: {unknown:?}");
}

#[test]
fn alerts_and_dashboard_use_existing_metrics_and_labels() {
    let mut broken = Vec::new();
    for (place, expression) in expressions() {
        let (names, labels) = names(&expression);
        let mut known: BTreeSet<&str> = ADDED_LABELS.iter().copied().collect();
        assert!(!names.is_empty(), "{place}: {expression}");
        for name in names.iter().filter(|name| !OF_PROMETHEUS.contains(&name.as_str())) {
            match metric_of(name) {
                Some(metric) => known.extend(metric.labels),
                None => broken.push(format!("{place}: no metric is called {name}")),
            }
        }
        let unknown = labels.iter().filter(|label| !known.contains(label.as_str()));
        broken.extend(unknown.map(|label| format!("{place}: no label is called {label} in {expression}")));
    }
    report(&broken);
}

#[test]
fn other_pages_name_existing_metrics() {
    let mut broken = Vec::new();
    for (name, page) in crate::docs::pages() {
        let documented = words(&page).into_iter().filter(|word| {
            ["ticketgraph_", "http_server_", "http_client_", "db_client_"].iter().any(|begin| word.starts_with(begin))
        });
        broken.extend(
            documented
                .filter(|word| metric_of(word).is_none())
                .map(|word| format!("{name}: no metric is called {word}")),
        );
    }
    report(&broken);
}

#[test]
fn alerts_and_runbook_entries_match() {
    let page = read("docs/operation.md");
    let chapters: BTreeSet<&str> =
        chapter(&page, "## Runbook").lines().filter_map(|line| line.strip_prefix("### ")).collect();
    let alerts = alerts();
    let named: BTreeSet<&str> = alerts.iter().map(|rule| rule["alert"].as_str().expect("a name")).collect();
    assert_eq!(chapters, named, "left: chapters, right: alerts");
    for rule in &alerts {
        assert!(rule["annotations"]["summary"].as_str().is_some_and(|text| text.ends_with('.')), "{rule}");
        assert!(["critical", "warning"].contains(&rule["labels"]["severity"].as_str().expect("a severity")), "{rule}");
    }
}

#[test]
fn metric_names_are_distinguished_from_labels_and_durations() {
    let (names, labels) =
        names(r#"60 * sum by (source, status) (rate(a_total{status=~"x|y_z"}[5m])) / on (job) up > 1e3"#);
    assert_eq!(names, ["a_total", "up"].map(str::to_owned).into());
    assert_eq!(labels, ["job", "source", "status"].map(str::to_owned).into());
}
