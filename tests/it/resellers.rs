//! Resellers through the graph, over an emulated museum and an emulated opera house whose permissions are revoked one
//! by one.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use catalog::UnifiedCatalog;
use domain::accounts::AccountConfig;
use domain::authoring::{BackOfficeEdit, SalesChannel};
use domain::{Clock, EventKey, Source, SourceId};
use resellers::{ConnectionSettings, ProductMapping, Reseller, Resellers};
use serde_json::{Value, json};
use ticketgraph::graphql::{Ctx, Scope, Services, Viewer};

use crate::contract::fixture::{ACME_RESELLER_KEYS, VendorFixture, acme_with, secutix};
use crate::default_config::default_api_settings;
use crate::documents::run;

const TEMPLATE: &str = "66f0aa10c3d2e4b5a6978001";
const ADULT: &str = "66f0ff60c3d2e4b5a6970001";
const STRANGE: &str = "66f0aa10c3d2e4b5a6979999";

/// Two sources and the graph over them.
struct Venues {
    harbor: VendorFixture,
    opera: VendorFixture,
    services: Arc<Services>,
}

fn connection(keys: &[(&str, &[&str])], mappings: &[(&str, Option<&str>, Option<&str>)]) -> ConnectionSettings {
    let values = |all: &[&str]| all.iter().map(|one| (*one).to_owned()).collect();
    let mapping = |(code, event, kind): &(&str, Option<&str>, Option<&str>)| ProductMapping {
        partner_code: (*code).to_owned(),
        event: event.map(str::to_owned),
        ticket_type: kind.map(str::to_owned),
    };
    ConnectionSettings {
        account: AccountConfig {
            reseller: Some("Tiqets".to_owned()),
            keys: keys.iter().map(|(key, all)| ((*key).to_owned(), values(all))).collect(),
        },
        commission_percent: None,
        mappings: mappings.iter().map(mapping).collect(),
    }
}

/// Returns the connections of the sandbox configuration.
fn usual() -> [ConnectionSettings; 2] {
    let harbor = &[("organization_id", &["5120"][..]), ("event_templates", &[TEMPLATE]), ("ticket_types", &[ADULT])];
    let opera = &[
        ("sales_channel", &["DGTK"][..]),
        ("point_of_sale", &["500100"]),
        ("contact_reference", &["1000042"]),
        ("contingents", &["88001", "88002"]),
    ];
    [connection(harbor, &[("TQ-ADULT", None, Some(ADULT))]), connection(opera, &[])]
}

impl Venues {
    async fn open() -> Self {
        Self::with(usual()).await
    }

    async fn with([tiqets, digitick]: [ConnectionSettings; 2]) -> Self {
        let harbor =
            acme_with("harbor-sandbox-key", &format!("{ACME_RESELLER_KEYS}\neditor_key = \"harbor-venue-key\"")).await;
        let opera = secutix("OPERA", "json").await;
        let sources: Vec<Arc<Source>> = [&harbor, &opera].map(|bench| Arc::new(bench.source.clone())).to_vec();
        let clock: Arc<dyn Clock> = Arc::clone(&harbor.clock) as _;
        let reseller = |key: &str, source: &str, connection| Reseller {
            key: key.to_owned(),
            name: key.to_owned(),
            connections: BTreeMap::from([(SourceId::new(source), connection)]),
        };
        let resellers = vec![reseller("tiqets", "harbor", tiqets), reseller("digitick", "opera", digitick)];
        let partners = Some(Arc::new(Resellers::new(resellers, &sources, Arc::clone(&clock))));
        let catalog = Arc::new(UnifiedCatalog::new(sources, Duration::from_secs(10), clock));
        let services = Arc::new(Services {
            catalog,
            resellers: partners,
            edits: None,
            orders: None,
            deliveries: None,
            changes: None,
            audit: None,
            webhooks: None,
        });
        Self { harbor, opera, services }
    }

    async fn run(&self, document: &str, variables: Value) -> Value {
        let scopes = HashSet::from([Scope::CatalogRead, Scope::ReportRead]);
        let viewer = Viewer { id: "office".to_owned(), name: "The office".to_owned(), reseller: None, scopes };
        let ctx = Ctx::new(&self.services, Arc::new(viewer), Arc::from("r-1"), default_api_settings().response_fields);
        serde_json::to_value(run(document, &variables, ctx).await).expect("JSON")
    }

    /// Returns the only connection at a source, checked again.
    async fn check(&self, source: &str) -> Value {
        let response = self.run("{ resellers { connections { id source { name } } } }", json!({})).await;
        let all = response["data"]["resellers"].as_array().expect("resellers");
        let mut all = all.iter().flat_map(|reseller| reseller["connections"].as_array().expect("connections"));
        let connection = all.find(|one| one["source"]["name"] == source).expect("a connection");
        let document = "mutation($c: ID!) { checkResellerConnection(connection: $c) { problems { code }
            connection { state readiness { code title ok hint checkedAt } } } }";
        let response = self.run(document, json!({ "c": connection["id"] })).await;
        assert_eq!(response["errors"], Value::Null, "{response}");
        let payload = &response["data"]["checkResellerConnection"];
        assert_eq!(payload["problems"], json!([]), "{payload}");
        payload["connection"].clone()
    }

    /// Returns the state of a connection and the codes of its failed checks. Exactly the failed checks have a hint.
    async fn state(&self, source: &str) -> (String, Vec<String>) {
        let response = self.check(source).await;
        let mut failing = Vec::new();
        for line in response["readiness"].as_array().expect("lines") {
            assert_eq!(line["ok"] == false, line["hint"].as_str().is_some_and(|hint| hint.len() > 20), "{line}");
            if line["ok"] == false {
                failing.push(line["code"].as_str().expect("a code").to_owned());
            }
        }
        (response["state"].as_str().expect("a state").to_owned(), failing)
    }

    async fn expect(&self, source: &str, state: &str, failing: &[&str]) {
        assert_eq!(self.state(source).await, (state.to_owned(), failing.iter().map(|&one| one.to_owned()).collect()));
    }
}

#[tokio::test]
async fn both_resellers_of_the_sandbox_are_ready() {
    let venues = Venues::open().await;
    venues.expect("harbor", "READY", &[]).await;
    venues.expect("opera", "READY", &[]).await;
}

#[tokio::test]
async fn checks_and_the_handover_message_are_written_in_the_requested_language() {
    let venues = Venues::open().await;
    venues.opera.change_state("close_contingent", Some("88002"), json!(null));
    let document = "query($locale: Locale) { resellers { connections { source { name }
        readiness { code title(locale: $locale) hint(locale: $locale) }
        handover { subject(locale: $locale) body(locale: $locale) missing(locale: $locale) } } } }";
    let mut seen = Vec::new();
    for locale in ["fr-CH", "de", "en", "it"] {
        let response = venues.run(document, json!({ "locale": locale })).await;
        assert_eq!(response["errors"], Value::Null, "{response}");
        let all = response["data"]["resellers"].as_array().expect("resellers");
        let mut all = all.iter().flat_map(|reseller| reseller["connections"].as_array().expect("connections"));
        let opera = all.find(|one| one["source"]["name"] == "opera").expect("a connection");
        let checks = opera["readiness"].as_array().expect("checks");
        let empty = checks
            .iter()
            .find(|check| check["code"] == "CONTINGENT_NOT_EMPTY" && !check["hint"].is_null())
            .expect("the check");
        seen.push([&empty["title"], &empty["hint"], &opera["handover"]].map(Value::clone));
    }
    assert_eq!(seen[2], seen[3], "English is the fallback");
    seen.pop();
    insta::assert_json_snapshot!(seen, { "[][2].body" => insta::dynamic_redaction(|body, _| {
        body.as_str().and_then(|text| text.lines().next()).unwrap_or_default().to_owned()
    }) });
}

#[tokio::test]
async fn an_empty_contingent_fails_one_check_of_its_reseller() {
    let venues = Venues::open().await;
    venues.opera.change_state("close_contingent", Some("88002"), json!(null));
    let response = venues.check("opera").await;
    let lines = response["readiness"].as_array().expect("lines");
    let failing: Vec<_> = lines.iter().filter(|line| line["ok"] == false).collect();
    assert_eq!(failing.len(), 1, "{response}");
    assert_eq!((&failing[0]["code"], &response["state"]), (&json!("CONTINGENT_NOT_EMPTY"), &json!("INCOMPLETE")));
    assert!(failing[0]["title"].as_str().is_some_and(|title| title.contains("88002")), "{response}");
    venues.expect("harbor", "READY", &[]).await;
}

#[tokio::test]
async fn a_revoked_permission_fails_its_own_check() {
    let venues = Venues::open().await;
    venues.harbor.change_state("deny", Some("ORDER_DELETE"), json!(null));
    venues.expect("harbor", "INCOMPLETE", &["HOLDS_RELEASABLE"]).await;
    venues.expect("opera", "READY", &[]).await;
}

/// Account settings by key.
type Settings = &'static [(&'static str, &'static [&'static str])];

#[tokio::test]
async fn an_id_of_another_environment_fails_its_own_check() {
    let wrong: [(Settings, &str); 3] = [
        (&[("organization_id", &["77"]), ("event_templates", &[TEMPLATE])], "ORGANIZATION_KNOWN"),
        (&[("event_templates", &[TEMPLATE, STRANGE])], "EVENT_TEMPLATE_KNOWN"),
        (&[("event_templates", &[TEMPLATE]), ("ticket_types", &[ADULT, STRANGE])], "TICKET_TYPE_KNOWN"),
    ];
    for (keys, code) in wrong {
        let venues = Venues::with([connection(keys, &[]), usual()[1].clone()]).await;
        venues.expect("harbor", "INCOMPLETE", &[code]).await;
    }
}

#[tokio::test]
async fn a_connection_disabled_by_the_venue_is_suspended() {
    let venues = Venues::open().await;
    venues.opera.change_state("close_channel", Some("OPERA"), json!(null));
    venues.expect("opera", "SUSPENDED", &["SALES_CHANNEL"]).await;

    let office = venues.harbor.source.back_office.as_ref().expect("a back office");
    let event = EventKey::new(TEMPLATE);
    let mut schedules = office.list_schedules(&event).await.expect("schedules");
    for switch in schedules.iter_mut().flat_map(|schedule| &mut schedule.channels) {
        switch.is_enabled &= switch.channel != SalesChannel::Reseller;
    }
    office.apply_edit(&event, &BackOfficeEdit::SetSchedules(schedules)).await.expect("an edit");
    let (state, failing) = venues.state("harbor").await;
    assert_eq!(state, "SUSPENDED", "{failing:?}");
    assert!(failing.contains(&"CHANNEL_AT_TEMPLATE".to_owned()), "{failing:?}");
    assert!(failing.iter().all(|code| code.starts_with("CHANNEL_AT_")), "{failing:?}");
    // A disabled connection with a failed check is incomplete.
    venues.harbor.change_state("deny", Some("ORDER_DELETE"), json!(null));
    assert_eq!(venues.state("harbor").await.0, "INCOMPLETE");
}

const MAPPINGS: &str = "{ resellers { connections { mappings { partnerCode event { id } ticketType { name } } } } }";

#[tokio::test]
async fn a_mapping_to_an_absent_id_fails_its_check_and_its_field() {
    let keys: &[(&str, &[&str])] = &[("event_templates", &[TEMPLATE])];
    let mappings = [
        ("KNOWN", None, Some(ADULT)),
        ("OF-ITS-EVENT", Some(TEMPLATE), Some(ADULT)),
        ("NO-EVENT", Some(STRANGE), Some(ADULT)),
        ("NO-TYPE", Some(TEMPLATE), Some(STRANGE)),
        ("NOWHERE", None, Some(STRANGE)),
    ];
    let venues = Venues::with([connection(keys, &mappings), usual()[1].clone()]).await;
    let response = venues.check("harbor").await;
    let lines: Vec<_> = response["readiness"]
        .as_array()
        .expect("lines")
        .iter()
        .filter(|line| line["code"] == "MAPPING_KNOWN")
        .collect();
    let fine: Vec<_> = lines.iter().map(|line| line["ok"] == true).collect();
    assert_eq!((fine, &response["state"]), (vec![true, true, false, false, false], &json!("INCOMPLETE")), "{response}");
    for (line, (code, ..)) in lines.iter().zip(mappings) {
        assert!(line["title"].as_str().is_some_and(|title| title.starts_with(code)), "{line}");
        let names_it = line["hint"].as_str().is_some_and(|hint| hint.contains(STRANGE));
        assert_eq!(names_it, line["ok"] == false, "{line}");
    }

    let response = venues.run(MAPPINGS, json!({})).await;
    let all = response["data"]["resellers"].as_array().expect("resellers");
    let shown: Vec<_> =
        all.iter().flat_map(|one| one["connections"][0]["mappings"].as_array().cloned().expect("mappings")).collect();
    let has = |place: usize| (shown[place]["event"].is_object(), shown[place]["ticketType"].is_object());
    assert_eq!([0, 1, 2, 3, 4].map(has), [(false, true), (true, true), (false, false), (true, false), (false, false)]);
    let errors = response["errors"].as_array().expect("errors");
    let paths: Vec<String> = errors
        .iter()
        .map(|error| {
            assert_eq!(error["extensions"]["code"], "NOT_FOUND", "{error}");
            format!("{}.{}", error["path"][5], error["path"][6])
        })
        .collect();
    let paths: HashSet<String> = paths.into_iter().collect();
    let expected = ["2.\"event\"", "2.\"ticketType\"", "3.\"ticketType\"", "4.\"ticketType\""];
    assert_eq!(paths, HashSet::from(expected.map(str::to_owned)), "a mapping without an event is valid");
}
