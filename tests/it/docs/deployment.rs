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
    assert_eq!(scrape["dns_sd_configs"][0]["port"], 4001);
    let listens = &compose["services"]["ticketgraph"];
    assert!(list(&listens["command"]).contains(&Value::from("0.0.0.0:4000")));
    assert_eq!(text(&listens["environment"]["TICKETGRAPH__SERVER__ADMIN_LISTEN"]), "0.0.0.0:4001");
    // The API's port serves no health, so the proxy asks the other one.
    let proxy = read("deploy/haproxy.cfg");
    for part in [" ticketgraph:4000\n", " ticketgraph:4001\n", " check port 4001 ", "bind :4000\n", "bind :4001\n"] {
        assert!(proxy.contains(part), "{part}");
    }
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
        assert_eq!(container[probe]["httpGet"]["port"], "admin", "the API's port serves no health");
    }
    let configuration: toml::Table = read("deploy/kubernetes/ticketgraph.toml").parse().expect("TOML");
    let notice = configuration["server"]["drain_notice"].as_str().expect("a duration");
    assert!(seconds(&pod["terminationGracePeriodSeconds"]) > seconds(&notice.into()) + drain());
    let ports: BTreeMap<&str, u64> = list(&container["ports"])
        .iter()
        .map(|port| (text(&port["name"]), port["containerPort"].as_u64().expect("a port")))
        .collect();
    let address = |key: &str| configuration["server"][key].as_str().expect("an address").to_owned();
    assert_eq!(ports.keys().copied().collect::<Vec<_>>(), ["admin", "http"]);
    assert_eq!(address("listen"), format!("0.0.0.0:{}", ports["http"]));
    assert_eq!(address("admin_listen"), format!("0.0.0.0:{}", ports["admin"]));
    let scraped = &deployment["spec"]["template"]["metadata"]["annotations"]["prometheus.io/port"];
    assert_eq!(text(scraped), ports["admin"].to_string());
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
    for (file, port) in [("service", "http"), ("admin-service", "admin")] {
        let service = yaml(&format!("deploy/kubernetes/{file}.yaml"));
        assert_eq!(&service["spec"]["selector"], labels, "{file}");
        let targets: Vec<&str> = list(&service["spec"]["ports"]).iter().map(|port| text(&port["targetPort"])).collect();
        assert_eq!(targets, [port], "{file}: the API and the pages have services of their own");
    }
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

/// Returns the kind of sender or receiver of a rule, and its ports.
fn rule(rule: &Value, peers: &str) -> (Vec<String>, Vec<Value>) {
    let named = list(&rule[peers]).iter().map(|peer| {
        let namespace = &peer["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"];
        namespace.as_str().or(peer["ipBlock"]["cidr"].as_str()).expect("a peer").to_owned()
    });
    (named.collect(), list(&rule["ports"]).iter().map(|port| port["port"].clone()).collect())
}

#[test]
fn the_network_policy_admits_one_sender_to_each_port_and_lets_the_pods_reach_what_they_use() {
    let policy = yaml("deploy/kubernetes/network-policy.yaml");
    let spec = &policy["spec"];
    let labels = &yaml("deploy/kubernetes/deployment.yaml")["spec"]["template"]["metadata"]["labels"];
    assert_eq!((text(&policy["kind"]), &spec["podSelector"]["matchLabels"]), ("NetworkPolicy", labels));
    assert_eq!(spec["policyTypes"], serde_json::json!(["Ingress", "Egress"]));
    let senders: Vec<_> = list(&spec["ingress"]).iter().map(|one| rule(one, "from")).collect();
    let sender = |name: &str, port: &str| (vec![name.to_owned()], vec![Value::from(port)]);
    assert_eq!(senders, [sender("ingress-nginx", "http"), sender("monitoring", "admin")]);
    // Names, HTTPS, and the databases that the configuration names.
    let receivers: Vec<_> = list(&spec["egress"]).iter().map(|one| rule(one, "to")).collect();
    let ports: BTreeSet<u64> = receivers.iter().flat_map(|(_, ports)| ports).filter_map(Value::as_u64).collect();
    assert_eq!(ports, BTreeSet::from([53, 443, 5432, 6379]));
    let configuration: toml::Table = read("deploy/kubernetes/ticketgraph.toml").parse().expect("TOML");
    for (name, source) in configuration["sources"].as_table().expect("sources") {
        let url: url::Url = source["base_url"].as_str().expect("a URL").parse().expect("a URL");
        assert!(url.port_or_known_default().is_some_and(|port| ports.contains(&port.into())), "{name}");
    }
    // The instance metadata of a cloud gives credentials.
    let open = list(&spec["egress"]).iter().flat_map(|one| list(&one["to"]));
    let mut count = 0;
    for block in open.map(|peer| &peer["ipBlock"]).filter(|block| block["cidr"] == "0.0.0.0/0") {
        assert_eq!(block["except"], serde_json::json!(["169.254.0.0/16"]));
        count += 1;
    }
    assert_eq!(count, 2);
}

#[test]
fn every_base_image_is_pinned_by_digest() {
    let compose = yaml("compose.yaml");
    let services = compose["services"].as_object().expect("services").values();
    let foreign =
        services.filter(|service| service["build"].is_null()).map(|service| text(&service["image"]).to_owned());
    let dockerfile = read("Dockerfile");
    let from = dockerfile.lines().filter_map(|line| line.strip_prefix("FROM ")?.split(' ').next());
    let images: Vec<String> = from.map(str::to_owned).chain(foreign).collect();
    assert_eq!(images.len(), 8, "{images:?}");
    for image in images {
        let (tag, digest) = image.split_once("@sha256:").unwrap_or_else(|| panic!("{image} goes by tag alone"));
        assert!(tag.contains(':') && digest.len() == 64 && hex::decode(digest).is_ok(), "{image}");
    }
    assert!(dockerfile.contains("FROM node:22-"), "an older Node is past its end");
}
