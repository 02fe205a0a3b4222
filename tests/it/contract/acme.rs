//! ACME's place at the bench, and what only ACME has.

use std::collections::HashMap;

use ticketgraph::domain::EventKey;
use ticketgraph::sandbox::acme::Acme;
use ticketgraph::sandbox::faults::Twist;

use crate::contract::{Account, Bench, Sample, clock, connect, start};

/// The account of the sandbox, with what `change` does to it.
fn account(change: impl FnOnce(&mut toml::Table)) -> Account {
    let mut own = toml::toml! {
        api_key = "harbor-sandbox-key"
        tenant_id = 412
        organization_id = 5120
    };
    change(&mut own);
    Account {
        vendor: "acme",
        institution: "Harbor Museum",
        zone: "America/New_York",
        currency: Some("USD"),
        own,
    }
}

/// The museum and a client of it.
pub async fn bench() -> Bench {
    let clock = clock();
    let running = start(Acme::new(clock.clone(), None, false), &clock).await;
    let source = connect(account(|_| {}), running.base_url(), &clock);
    let key = |number: &str| EventKey::new(format!("66f0aa10c3d2e4b5a697{number}"));
    let sell_out = |refs: &HashMap<String, String>| Twist {
        what: "sold_out".to_owned(),
        id: refs.get("acme.instance").cloned(),
        value: serde_json::Value::Null,
    };
    let sample = Sample {
        event: key("8001"),
        private: Some(key("8005")),
        draft: Some(key("8006")),
        absent: key("9999"),
        sell_out,
    };
    Bench { name: "acme", source, running, clock, sample }
}
