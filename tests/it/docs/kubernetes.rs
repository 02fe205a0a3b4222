//! Kubernetes manifests: the API server would accept each of them, with every field.

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler;
use k8s_openapi::api::core::v1::{Namespace, Secret, Service};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::docs::deployment::yaml;
use crate::docs::files;

/// Reads a manifest as its kind, and returns the fields that the kind does not have. The error says which field has a wrong value.
fn unknown_fields(manifest: &Value) -> Result<Vec<String>, String> {
    match (manifest["apiVersion"].as_str(), manifest["kind"].as_str()) {
        (Some("v1"), Some("Namespace")) => dropped::<Namespace>(manifest),
        (Some("v1"), Some("Service")) => dropped::<Service>(manifest),
        (Some("v1"), Some("Secret")) => dropped::<Secret>(manifest),
        (Some("apps/v1"), Some("Deployment")) => dropped::<Deployment>(manifest),
        (Some("autoscaling/v2"), Some("HorizontalPodAutoscaler")) => dropped::<HorizontalPodAutoscaler>(manifest),
        (Some("networking.k8s.io/v1"), Some("NetworkPolicy")) => dropped::<NetworkPolicy>(manifest),
        (Some("policy/v1"), Some("PodDisruptionBudget")) => dropped::<PodDisruptionBudget>(manifest),
        kind => Err(format!("no kind of Kubernetes: {kind:?}")),
    }
}

/// Returns the paths of the values that are lost when a manifest is read as its type and written again.
fn dropped<T: DeserializeOwned + Serialize>(manifest: &Value) -> Result<Vec<String>, String> {
    let typed: T = serde_json::from_value(manifest.clone()).map_err(|why| why.to_string())?;
    let written = serde_json::to_value(typed).map_err(|why| why.to_string())?;
    let mut lost = Vec::new();
    compare(manifest, &written, "", &mut lost);
    Ok(lost)
}

fn compare(manifest: &Value, written: &Value, path: &str, lost: &mut Vec<String>) {
    match manifest {
        Value::Object(fields) => {
            for (name, value) in fields {
                match written.get(name) {
                    Some(kept) => compare(value, kept, &format!("{path}/{name}"), lost),
                    None => lost.push(format!("{path}/{name}")),
                }
            }
        }
        Value::Array(items) => {
            for (place, item) in items.iter().enumerate() {
                compare(item, &written[place], &format!("{path}/{place}"), lost);
            }
        }
        value if value != written => lost.push(path.to_owned()),
        _ => {}
    }
}

#[test]
fn every_manifest_has_only_fields_of_its_kind() {
    let mut kinds = Vec::new();
    for name in files("deploy/kubernetes", ".yaml").into_keys() {
        let manifest = yaml(&name);
        // Read by kustomize, not by the API server.
        if manifest["kind"] == "Kustomization" {
            continue;
        }
        assert_eq!(unknown_fields(&manifest), Ok(Vec::new()), "{name}");
        kinds.push(manifest["kind"].as_str().expect("a kind").to_owned());
    }
    assert_eq!(kinds.len(), 8, "{kinds:?}");
}

#[test]
fn a_misspelled_field_and_a_value_of_another_type_are_found() {
    let mut deployment = yaml("deploy/kubernetes/deployment.yaml");
    deployment["spec"]["template"]["spec"]["topologySpreadConstraint"] = json!([]);
    assert_eq!(unknown_fields(&deployment), Ok(vec!["/spec/template/spec/topologySpreadConstraint".to_owned()]));
    let mut budget = yaml("deploy/kubernetes/disruption-budget.yaml");
    budget["spec"]["minAvailable"] = json!(true);
    assert!(unknown_fields(&budget).is_err());
}

#[test]
fn the_manifests_apply_as_printed() {
    let customization = yaml("deploy/kubernetes/kustomization.yaml");
    let resources = customization["resources"].as_array().expect("resources");
    assert!(resources.contains(&json!("namespace.yaml")), "the namespace is created");
    assert_eq!(customization["namespace"], yaml("deploy/kubernetes/namespace.yaml")["metadata"]["name"]);
    let deployment = yaml("deploy/kubernetes/deployment.yaml");
    assert!(deployment["spec"].get("replicas").is_none(), "the autoscaler decides");
    let least = yaml("deploy/kubernetes/autoscaler.yaml")["spec"]["minReplicas"].as_u64().expect("a number");
    let kept = yaml("deploy/kubernetes/disruption-budget.yaml")["spec"]["minAvailable"].as_u64().expect("a number");
    assert!(least > kept, "a node can be drained with {least} pods of which {kept} stay");
}
