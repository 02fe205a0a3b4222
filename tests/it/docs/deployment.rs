//! Deployment files: they parse, agree with each other, and refer to existing files and metrics.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::Value;
use telemetry::{METRICS, MetricKind};

use crate::docs::settings::findings;
use crate::docs::{files, read, root};

/// Parses a YAML file.
pub(super) fn yaml(path: &str) -> Value {
    serde_saphyr::from_str(&read(path)).unwrap_or_else(|why| panic!("{path}: {why}"))
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}"))
}

fn list(value: &Value) -> &Vec<Value> {
    value.as_array().unwrap_or_else(|| panic!("no list: {value}"))
}

/// Returns the default shutdown timeout.
fn drain() -> Duration {
    let defaults: toml::Table = read("config/default.toml").parse().expect("TOML");
    let drain = defaults["server"]["drain"].as_str().expect("a duration");
    Duration::from_secs(drain.trim_end_matches('s').parse().expect("seconds"))
}

fn seconds(value: &Value) -> Duration {
    let number = value.as_u64().or_else(|| value.as_str()?.trim_end_matches('s').parse().ok());
    Duration::from_secs(number.unwrap_or_else(|| panic!("no seconds: {value}")))
}

#[test]
fn every_yaml_and_json_file_parses() {
    let mut count = 0;
    for (name, text) in files("deploy", ".json") {
        serde_json::from_str::<Value>(&text).unwrap_or_else(|why| panic!("{name}: {why}"));
        count += 1;
    }
    for name in files("deploy", ".yaml").into_keys() {
        assert!(yaml(&name).is_object(), "{name}");
        count += 1;
    }
    assert!(count >= 10, "{count}");
}

#[test]
fn the_compose_file_passes_valid_settings() {
    let compose = yaml("compose.yaml");
    let service = &compose["services"]["ticketgraph"];
    let variables: Vec<(String, String)> = service["environment"]
        .as_object()
        .expect("variables")
        .iter()
        .map(|(name, value)| (name.clone(), text(value).to_owned()))
        .collect();
    assert_eq!(findings(&read("config/sandbox.toml"), &variables), [""; 0]);
    // Every emulated vendor is reached at the service that emulates it, none on loopback.
    let named: String = variables.iter().map(|(_, value)| format!("{value}\n")).collect();
    let sandbox: toml::Table = read("config/sandbox.toml").parse().expect("TOML");
    let sources = sandbox["sources"].as_table().expect("sources");
    for (source, source_config) in sources {
        let port = source_config["base_url"].as_str().and_then(|url| url.rsplit(':').next()).expect("a port");
        let variable = format!("TICKETGRAPH__SOURCES__{}__BASE_URL", source.to_uppercase());
        let value = variables.iter().find(|(name, _)| *name == variable).map(|(_, value)| value.as_str());
        assert_eq!(value, Some(format!("http://vendors:{port}").as_str()), "{variable}");
    }
    assert!(!named.contains("localhost"), "{named}");
    let notice = seconds(&service["environment"]["TICKETGRAPH__SERVER__DRAIN_NOTICE"]);
    assert!(seconds(&service["stop_grace_period"]) > notice + drain());
    assert_eq!(service["deploy"]["replicas"], 2);
}

#[test]
fn the_compose_file_mounts_existing_files_and_publishes_ports_on_loopback_only() {
    let compose = yaml("compose.yaml");
    for (name, service) in compose["services"].as_object().expect("services") {
        for volume in service["volumes"].as_array().into_iter().flatten() {
            let (from, _) = text(volume).split_once(':').expect("a mount");
            let is_there = if from.starts_with('.') {
                root().join(from).exists()
            } else {
                compose["volumes"].as_object().expect("volumes").contains_key(from)
            };
            assert!(is_there, "{name}: {from}");
        }
        for port in service["ports"].as_array().into_iter().flatten() {
            assert!(text(port).starts_with("127.0.0.1:"), "{name}: {port}");
        }
        for other in service["depends_on"].as_object().into_iter().flat_map(|others| others.keys()) {
            assert!(compose["services"][other].is_object(), "{name} waits for {other}");
        }
    }
    // The alerts ask for the job, the proxy and Prometheus for the service.
    let prometheus = yaml("deploy/prometheus/prometheus.yaml");
    let scrape = &prometheus["scrape_configs"][0];
    assert_eq!(
        (text(&scrape["job_name"]), text(&scrape["dns_sd_configs"][0]["names"][0])),
        ("ticketgraph", "ticketgraph")
    );
    assert!(read("deploy/haproxy.cfg").contains(" ticketgraph:4000\n"));
    assert!(root().join("deploy/prometheus").join(text(&prometheus["rule_files"][0])).exists());
}

/// Returns the secrets passed to the pods: environment variable and key of the secret.
fn handed_over(container: &Value) -> BTreeMap<String, String> {
    let pairs = list(&container["env"]).iter().map(|variable| {
        let key = &variable["valueFrom"]["secretKeyRef"];
        assert_eq!(text(&key["name"]), "ticketgraph");
        (text(&variable["name"]).to_owned(), text(&key["key"]).to_owned())
    });
    pairs.collect()
}

#[test]
fn the_pods_get_a_valid_configuration_and_every_secret_that_it_names() {
    let deployment = yaml("deploy/kubernetes/deployment.yaml");
    let pod = &deployment["spec"]["template"]["spec"];
    let container = &pod["containers"][0];
    let configuration = read("deploy/kubernetes/ticketgraph.toml");
    assert_eq!(findings(&configuration, &[]), [""; 0]);
    let named: BTreeSet<String> =
        configuration.split("env = \"").skip(1).filter_map(|rest| rest.split('"').next()).map(str::to_owned).collect();
    let handed = handed_over(container);
    assert_eq!(handed.keys().cloned().collect::<BTreeSet<_>>(), named);
    let skeleton = yaml("deploy/kubernetes/secret.example.yaml");
    let values = skeleton["stringData"].as_object().expect("a skeleton");
    assert_eq!(values.keys().collect::<BTreeSet<_>>(), handed.values().collect());
    assert!(values.values().all(|value| value == ""), "a skeleton holds no secret");
    let mounted = text(&container["volumeMounts"][0]["mountPath"]);
    assert_eq!(list(&container["args"])[2], format!("{mounted}/ticketgraph.toml"));
}

#[test]
fn the_pods_have_probes_on_existing_paths_and_time_to_drain() {
    let deployment = yaml("deploy/kubernetes/deployment.yaml");
    let pod = &deployment["spec"]["template"]["spec"];
    let container = &pod["containers"][0];
    let router = read("src/gateway/router.rs");
    for probe in ["startupProbe", "livenessProbe", "readinessProbe"] {
        let path = text(&container[probe]["httpGet"]["path"]);
        assert!(router.contains(&format!("\"{path}\"")), "{probe}: {path}");
        assert_eq!(container[probe]["httpGet"]["port"], container["ports"][0]["name"]);
    }
    let configuration: toml::Table = read("deploy/kubernetes/ticketgraph.toml").parse().expect("TOML");
    let notice = configuration["server"]["drain_notice"].as_str().expect("a duration");
    assert!(seconds(&pod["terminationGracePeriodSeconds"]) > seconds(&notice.into()) + drain());
    let port = container["ports"][0]["containerPort"].as_u64().expect("a port");
    assert!(read("deploy/kubernetes/ticketgraph.toml").contains(&format!("listen = \"0.0.0.0:{port}\"")));
    let security = &container["securityContext"];
    assert_eq!(
        (&security["readOnlyRootFilesystem"], &pod["securityContext"]["runAsNonRoot"]),
        (&Value::Bool(true), &Value::Bool(true))
    );
}

#[test]
fn service_disruption_budget_and_autoscaler_select_the_pods_and_an_existing_metric() {
    let deployment = yaml("deploy/kubernetes/deployment.yaml");
    let labels = &deployment["spec"]["template"]["metadata"]["labels"];
    assert_eq!(&deployment["spec"]["selector"]["matchLabels"], labels);
    assert_eq!(&yaml("deploy/kubernetes/service.yaml")["spec"]["selector"], labels);
    assert_eq!(&yaml("deploy/kubernetes/disruption-budget.yaml")["spec"]["selector"]["matchLabels"], labels);
    let scaler = yaml("deploy/kubernetes/autoscaler.yaml");
    assert_eq!(scaler["spec"]["scaleTargetRef"]["name"], deployment["metadata"]["name"]);
    let named = text(&scaler["spec"]["metrics"][0]["pods"]["metric"]["name"]);
    let metric = METRICS.iter().copied().flatten().find(|metric| metric.name == named).expect("a metric");
    assert!(matches!(metric.kind, MetricKind::Gauge(_)), "{named} goes up and down");
    for resource in list(&yaml("deploy/kubernetes/kustomization.yaml")["resources"]) {
        assert!(root().join("deploy/kubernetes").join(text(resource)).exists(), "{resource}");
    }
}
