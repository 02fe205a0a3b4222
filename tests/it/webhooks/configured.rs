//! Webhooks of the configuration, and what the ledger holds of secrets.

use std::path::Path;

use domain::{Clock as _, Scope, SystemClock};
use tempfile::TempDir;
use ticketgraph::app;
use ticketgraph::config::Config;
use webhooks::request::{UpdateWebhook, WebhookProblem};
use webhooks::{
    DisabledReason, SigningKey, Webhook, WebhookEventType, WebhookInclude, WebhookKey, WebhookOwner, WebhookState,
};

use crate::webhooks::receiver::{Behavior, Receiver};
use crate::webhooks::world::{SETTINGS, World, operator};

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// Returns the findings of a configuration with this destination.
fn findings(destination: &str) -> Vec<String> {
    let text = format!("[resellers.tours]\nname = \"Tours\"\n[webhooks.destinations.crm]\n{destination}");
    let read = |_: &Path| Ok(text.clone());
    let loaded = Config::load(Some(Path::new("venues.toml")), [], &read, &app::vendor_config_specs());
    loaded.map_or_else(|found| found.lines().collect(), |_| Vec::new())
}

#[test]
fn a_fixed_destination_is_checked_when_the_configuration_is_read() {
    let url = "url = \"https://hooks.example.com/x\"\n";
    let (secret, events) = (format!("secret = {{ value = \"{SECRET}\" }}\n"), "events = [\"order.updated\"]\n");
    let good = format!("{url}{secret}{events}reseller = \"tours\"\n");
    assert_eq!(findings(&good), Vec::<String>::new());
    let short = "secret = { value = \"whsec_c2hvcnQ=\" }\n";
    let bad = [
        (format!("{url}{short}{events}"), "24 to 64 bytes"),
        (format!("{url}{events}"), "webhooks.destinations.crm.secret"),
        (format!("{url}{secret}events = [\"order.updated\", \"order.deleted\"]\n"), "order.deleted"),
        (format!("{url}{secret}events = []\n"), "is empty"),
        (format!("{secret}{events}"), "webhooks.destinations.crm.url"),
        (format!("url = \"http://hooks.example.com/x\"\n{secret}{events}"), "https://"),
        (format!("url = \"https://10.0.0.1/x\"\n{secret}{events}"), "private network"),
        (format!("{url}{secret}{events}reseller = \"nobody\"\n"), "nobody"),
    ];
    for (destination, expected) in bad {
        let found = findings(&destination);
        assert!(found.len() == 1 && found[0].contains(expected), "{expected}: {found:?}");
        assert!(!found[0].contains("c2hvcnQ"), "{found:?}");
    }
    assert_eq!(findings(&format!("{good}\n[webhooks]\nmax_attempts_for = \"3d\"\n")), Vec::<String>::new());
}

/// Returns a webhook of the configuration.
pub(super) fn fixed(url: &str, reseller: Option<&str>, events: &[WebhookEventType]) -> Webhook {
    Webhook {
        key: WebhookKey::configured("crm"),
        owner: WebhookOwner {
            caller: "webhook crm".to_owned(),
            reseller: reseller.map(str::to_owned),
            scopes: vec![Scope::CatalogRead],
        },
        url: url.into(),
        events: events.to_vec(),
        include: WebhookInclude::Ids,
        signing: SigningKey::parse(SECRET).expect("a secret"),
        previous: Vec::new(),
        salt: "salt".into(),
        state: WebhookState::Active,
        disabled: None,
        created_at: SystemClock.now(),
        position: 0,
        failing_since: None,
        fence: 0,
    }
}

#[tokio::test]
async fn a_fixed_destination_goes_on_after_a_restart_with_its_new_settings_and_ends_when_it_is_taken_out() {
    let (world, receiver) = (World::open().await, Receiver::start(Behavior::Status(200)).await);
    receiver.verify_with(&[SECRET]);
    let store = &world.stores.webhooks;
    let both = [WebhookEventType::AvailabilityUpdated, WebhookEventType::ConnectionUpdated];
    store.replace_configured(&[fixed("http://127.0.0.1:9/", None, &both[1..])]).await.expect("the store");
    world.change(&[("p1", 1)]).await;
    store.replace_configured(&[fixed(&receiver.url, None, &both[..1])]).await.expect("the store");
    let runner = world.run(SETTINGS);
    assert_eq!(receiver.wait_for(1).await[0].version(), 1);
    let key = WebhookKey::configured("crm");
    let mut request = UpdateWebhook {
        key: "k1".to_owned(),
        webhook: key.clone(),
        url: Some("http://127.0.0.1:9/".to_owned()),
        events: None,
        include: None,
        state: None,
    };
    let caller = operator();
    let refused = world.webhooks.update(&caller, &request).await.expect("the store");
    assert_eq!(refused.problem, Some(WebhookProblem::Configured));
    request.url = None;
    request.state = Some(WebhookState::Disabled);
    let disabled = world.webhooks.update(&caller, &request).await.expect("the store").webhook.expect("the webhook");
    assert_eq!(disabled.disabled, Some(DisabledReason::Requested));
    for problem in [
        world.webhooks.delete(&caller.actor, "k2", &key).await.expect("the store").problem,
        world.webhooks.rotate_secret(&caller, "k3", &key).await.expect("the store").problem,
    ] {
        assert_eq!(problem, Some(WebhookProblem::Configured));
    }
    store.replace_configured(&[]).await.expect("the store");
    assert!(store.list_webhooks(webhooks::store::WebhookScope::All).await.expect("the store").is_empty());
    runner.close().await;
}

#[tokio::test]
async fn the_ledger_holds_neither_secret_nor_url_in_plaintext() {
    let folder = TempDir::new().expect("a folder");
    let file = folder.path().join("orders.db");
    let url = format!("sqlite://{}", file.display());
    let world = World::with(&url, crate::webhooks::world::OPEN, std::time::Duration::from_secs(1)).await;
    let (_, secret) = world.create(&operator(), "one", "http://127.0.0.1:9/hook?key=secret-in-the-url").await;
    let digits = secret.strip_prefix("whsec_").expect("a secret");
    let mut bytes = std::fs::read(&file).expect("the ledger");
    bytes.extend(std::fs::read(file.with_extension("db-wal")).unwrap_or_default());
    let holds = |text: &str| bytes.windows(text.len()).any(|part| part == text.as_bytes());
    assert!(holds("AVAILABILITY_UPDATED"), "the webhook is stored");
    assert!(!holds(digits) && !holds("secret-in-the-url"));
}
