//! Exports as CSV files: format, parameters, access, paging, limits, and files that break off.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use std::time::{Duration, Instant};

use catalog::UnifiedCatalog;
use domain::{Source, SourceId};
use orders::{Order, OrderStore};
use resellers::Resellers;
use serde_json::{Value, json};
use testkit::{FakeCatalog, GeneratedRecords, ManualClock, fake_source};
use ticketgraph::gateway::auth::{Authenticator, Principal};
use ticketgraph::gateway::exports::ExportLimits;
use ticketgraph::gateway::persisted::{Safelist, SafelistEnforcement};
use ticketgraph::graphql::base::id::GlobalId;
use ticketgraph::graphql::{Scope, Services, Viewer};

use super::{GatewayOptions, TestGateway, start_with};
use crate::default_config::default_export_limits;
use crate::orders::database::open;
use crate::orders::world::ProcessStore;
use crate::statements::{leg, line, money, order, over, reseller, write};

pub(super) const SOLD_AT: Option<&str> = Some("2031-03-10T15:00:00Z");
const STATEMENT: &str = "statement.csv?from=2031-03-01&to=2031-03-31";

/// A gateway over the orders of two resellers, `tiqets` and `digitick`.
pub(super) struct World {
    pub(super) door: TestGateway,
    pub(super) store: Arc<ProcessStore>,
}

fn of_reseller(name: &str, per_minute: Option<u32>, scopes: &[Scope]) -> Principal {
    let viewer = Viewer {
        id: name.to_owned(),
        name: name.to_owned(),
        reseller: Some(name.to_owned()),
        scopes: scopes.iter().copied().collect(),
    };
    Principal { viewer: Arc::new(viewer), requests_per_minute: per_minute, expires_at: None, session: None }
}

impl World {
    pub(super) async fn start(sold: &[(&str, Vec<Order>)], options: GatewayOptions) -> Self {
        let inner = open("sqlite::memory:").await;
        for (reseller, orders) in sold {
            write(&inner, orders, reseller).await;
        }
        let store = ProcessStore::new(inner, None);
        let clock = ManualClock::at("2031-04-01T12:00:00Z");
        let source = |name: &str| {
            let records = GeneratedRecords::new(clock.clone(), 1);
            let catalog = FakeCatalog::new(SourceId::new(name), clock.clone(), records);
            Arc::new(fake_source(SourceId::new(name), catalog))
        };
        let sources: Vec<Arc<Source>> = ["harbor", "opera"].map(source).to_vec();
        let partners = Resellers::new(vec![reseller("tiqets"), reseller("digitick")], &sources, clock.clone());
        let services = Services {
            catalog: Arc::new(UnifiedCatalog::new(sources, Duration::from_secs(5), clock)),
            edits: None,
            orders: Some(over(&(Arc::clone(&store) as Arc<dyn OrderStore>))),
            deliveries: None,
            resellers: Some(Arc::new(partners)),
            changes: None,
            audit: None,
            webhooks: None,
        };
        let both = [Scope::OrderRead, Scope::ReportRead];
        let mut keys = vec![
            ("tiqets-key", of_reseller("tiqets", None, &both)),
            ("digitick-key", of_reseller("digitick", None, &both)),
            ("orders-key", of_reseller("tiqets", None, &[Scope::OrderRead])),
            ("limited-key", of_reseller("tiqets", Some(2), &both)),
        ];
        keys.extend(options.keys);
        let door = start_with(GatewayOptions { services: Some(services), keys, ..options }).await;
        Self { door, store }
    }

    async fn send(&self, key: &str, path: &str) -> reqwest::Response {
        let request = self.door.client.get(format!("http://{}/exports/{path}", self.door.address)).bearer_auth(key);
        request.send().await.expect("a response")
    }

    async fn text(&self, key: &str, path: &str) -> String {
        let response = self.send(key, path).await;
        assert_eq!(response.status(), 200, "{path}");
        response.text().await.expect("a complete file")
    }

    /// Returns the records of a file behind the first one, cell by cell.
    pub(super) async fn records(&self, key: &str, path: &str) -> Vec<Vec<String>> {
        let text = self.text(key, path).await;
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        reader.records().map(|record| record.expect("a record").iter().map(str::to_owned).collect()).collect()
    }

    /// Returns status, code and message of an error.
    pub(super) async fn error(&self, key: &str, path: &str) -> (u16, String, String) {
        let response = self.send(key, path).await;
        assert_eq!(response.headers()["content-type"], "application/json; charset=utf-8", "{path}");
        let status = response.status().as_u16();
        let body: Value = response.json().await.expect("JSON");
        let error = &body["errors"][0];
        assert!(error["extensions"]["requestId"].is_string(), "{body}");
        let text = |value: &Value| value.as_str().expect("a text").to_owned();
        (status, text(&error["extensions"]["code"]), text(&error["message"]))
    }

    pub(super) async fn graphql(&self, key: &str, document: &str) -> Value {
        let body = json!({ "query": document }).to_string();
        let request = self.door.client.post(self.door.url()).header("content-type", "application/json");
        request.bearer_auth(key).body(body).send().await.expect("a response").json().await.expect("JSON")
    }
}

/// Creates an order of two tickets of 20.01 USD at the harbor.
pub(super) fn simple(reference: &str) -> Order {
    let mut order = order(vec![leg(0, "harbor", SOLD_AT)], vec![line(0, 2, money(2_001, "USD"))]);
    order.reseller_reference = Some(reference.to_owned());
    order
}

fn many(count: usize, reference: &str) -> Vec<Order> {
    (0..count).map(|number| simple(&format!("{reference}{number}"))).collect()
}

pub(super) fn id_of(reseller: &str) -> String {
    GlobalId::Reseller(reseller.to_owned()).encode().to_string()
}

#[tokio::test]
async fn orders_have_one_row_per_currency_with_plain_numbers_and_defused_texts() {
    let legs = vec![leg(0, "harbor", SOLD_AT), leg(1, "opera", SOLD_AT)];
    let lines = vec![line(0, 1, money(1_005, "USD")), line(1, 3, money(700, "JPY"))];
    let both = Order { reseller_reference: Some("=cmd|' /C calc'!A0, \"x\"".to_owned()), ..order(legs, lines) };
    let world = World::start(&[("tiqets", vec![both])], GatewayOptions::default()).await;
    let response = world.send("tiqets-key", "orders.csv").await;
    let headers = response.headers().clone();
    for (name, value) in [
        ("content-type", "text/csv; charset=utf-8; header=present"),
        ("content-disposition", "attachment; filename=\"orders.csv\""),
        ("cache-control", "no-store"),
    ] {
        assert_eq!(headers[name], value);
    }
    let text = response.text().await.expect("a file");
    let number = world.graphql("tiqets-key", "{ orders { nodes { number } } }").await;
    let number = number["data"]["orders"]["nodes"][0]["number"].as_str().expect("a number").to_owned();
    let start = format!(
        "{number},2031-03-10T12:00:00+00:00,2031-03-10T12:00:00+00:00,CONFIRMED,tiqets,\"'=cmd|' /C calc'!A0, \"\"x\"\"\",true"
    );
    let columns = "number,created_at,updated_at,status,reseller,reseller_reference,test,tickets,sources,currency,requested,confirmed,refunded,fee";
    assert_eq!(
        text,
        format!("{columns}\r\n{start},3,opera,JPY,2100,2100,0,0\r\n{start},1,harbor,USD,10.05,10.05,0.00,0.00\r\n")
    );
    let marked = world.send("tiqets-key", "orders.csv?bom=true").await.bytes().await.expect("a file");
    assert_eq!(marked.strip_prefix(b"\xef\xbb\xbf"), Some(text.as_bytes()));
    assert_eq!(world.text("tiqets-key", "orders.csv?bom=false").await, text);
}

#[tokio::test]
async fn a_statement_exported_as_csv_equals_the_page_to_the_cent() {
    let mut canceled = simple("canceled");
    canceled.lines[0].is_canceled = true;
    canceled.legs[0].refunded = Some(money(3_333, "USD"));
    let opera = order(vec![leg(0, "opera", SOLD_AT)], vec![line(0, 1, money(90_071, "CHF"))]);
    let sold = [("tiqets", vec![simple("a"), canceled, opera]), ("digitick", vec![simple("b")])];
    // A source that is not configured any more.
    let gone = order(vec![leg(0, "gone", SOLD_AT)], vec![line(0, 1, money(1_999, "EUR"))]);
    let sold = [sold, [("tiqets", vec![gone]), ("digitick", Vec::new())]].concat();
    let world = World::start(&sold, GatewayOptions::default()).await;
    let page = world
        .graphql(
            "all-key",
            "{ resellers { name statement(from: \"2031-03-01\", to: \"2031-03-31\") { sourceName currency orders ticketsSold
                ticketsVoided ticketsUsed unresolved gross { formatted } refunded { formatted } net { formatted }
                commission { formatted } } } }",
        )
        .await;
    let mut expected = Vec::new();
    for reseller in page["data"]["resellers"].as_array().expect("resellers") {
        for row in reseller["statement"].as_array().expect("rows") {
            let plain = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            let amount = |name: &str| {
                let text = row[name]["formatted"].as_str().unwrap_or_default();
                text.split(' ').next().unwrap_or_default().to_owned()
            };
            expected.push(vec![
                plain(&reseller["name"]),
                "2031-03-01".to_owned(),
                "2031-03-31".to_owned(),
                plain(&row["sourceName"]),
                plain(&row["currency"]),
                plain(&row["orders"]),
                plain(&row["ticketsSold"]),
                plain(&row["ticketsVoided"]),
                plain(&row["ticketsUsed"]),
                amount("gross"),
                amount("refunded"),
                amount("net"),
                amount("commission"),
                plain(&row["unresolved"]),
            ]);
        }
    }
    assert_eq!(expected.len(), 4, "{page}");
    assert!(expected.iter().any(|row| row[3] == "gone" && row[9] == "19.99"), "{expected:?}");
    assert!(expected.iter().any(|row| row[9] == "80.04" && row[10] == "33.33"), "{expected:?}");
    assert_eq!(world.records("all-key", STATEMENT).await, expected);
    let own: Vec<Vec<String>> = expected.into_iter().filter(|row| row[0] == "tiqets").collect();
    assert_eq!(own.len(), 3);
    for (key, path) in [
        ("tiqets-key", STATEMENT.to_owned()),
        ("tiqets-key", format!("{STATEMENT}&reseller={}", id_of("tiqets"))),
        ("all-key", format!("{STATEMENT}&reseller={}", id_of("tiqets"))),
    ] {
        assert_eq!(world.records(key, &path).await, own, "{key} {path}");
    }
    let response = world.send("tiqets-key", STATEMENT).await;
    let named = "attachment; filename=\"statement_2031-03-01_2031-03-31.csv\"";
    assert_eq!(response.headers()["content-disposition"], named);
}

#[tokio::test]
async fn a_caller_gets_the_rows_that_the_fields_return_and_no_others() {
    let sold = [("tiqets", many(2, "THEIRS-")), ("digitick", many(3, "OWN-"))];
    let world = World::start(&sold, GatewayOptions::default()).await;
    let own = world.text("digitick-key", "orders.csv").await;
    assert_eq!((own.matches("OWN-").count(), own.contains("THEIRS"), own.contains("tiqets")), (3, false, false));
    let statement = world.text("digitick-key", STATEMENT).await;
    assert_eq!((statement.matches("digitick").count(), statement.contains("tiqets")), (1, false));
    assert_eq!(world.records("all-key", "orders.csv").await.len(), 5);
    let of_one = format!("orders.csv?reseller={}", id_of("tiqets"));
    assert_eq!(world.text("all-key", &of_one).await.matches("THEIRS-").count(), 2);
    // A foreign reseller is not distinguished from an absent one.
    for path in ["orders.csv?", &format!("{STATEMENT}&")] {
        let foreign = world.error("digitick-key", &format!("{path}reseller={}", id_of("tiqets"))).await;
        let absent = world.error("digitick-key", &format!("{path}reseller={}", id_of("nobody"))).await;
        assert_eq!(foreign, absent);
        assert_eq!((foreign.0, foreign.1.as_str()), (400, "BAD_USER_INPUT"));
        assert!(foreign.2.contains("`reseller`"), "{foreign:?}");
    }
    for (key, path, scope) in [
        ("right", "orders.csv", "order:read"),
        ("right", STATEMENT, "report:read"),
        ("orders-key", STATEMENT, "report:read"),
    ] {
        let (status, code, message) = world.error(key, path).await;
        assert_eq!((status, code.as_str()), (403, "FORBIDDEN"), "{key} {path}");
        assert!(message.contains(scope), "{message}");
    }
    assert_eq!(world.send("wrong", "orders.csv").await.status(), 401);
    let anonymous = world.door.client.get(format!("http://{}/exports/orders.csv", world.door.address));
    assert_eq!(anonymous.send().await.expect("a response").status(), 403);
    world.door.state.replace_authenticator(Authenticator::default());
    let refused = world.door.client.get(format!("http://{}/exports/orders.csv", world.door.address));
    assert_eq!(refused.send().await.expect("a response").status(), 401);
}

#[tokio::test]
async fn a_wrong_parameter_is_named_before_anything_is_sent() {
    let world = World::start(&[("tiqets", many(1, "x"))], GatewayOptions::default()).await;
    for (path, code, named) in [
        ("orders.csv?limit=5", "BAD_REQUEST", "there is no parameter `limit`; the parameters are `reseller`, `status`"),
        ("orders.csv?query=%7B__typename%7D", "BAD_REQUEST", "there is no parameter `query`"),
        ("orders.csv?testMode=1", "BAD_REQUEST", "`testMode` must be `true` or `false`"),
        (
            "orders.csv?status=SOLD",
            "BAD_USER_INPUT",
            "the parameter `status`[0]: `SOLD` does not exist in the enum OrderStatus",
        ),
        ("orders.csv?createdFrom=yesterday", "BAD_USER_INPUT", "the parameter `createdFrom`: "),
        ("orders.csv?sources=x", "BAD_USER_INPUT", "parameter `sources` must be "),
        (
            "orders.csv?createdFrom=2031-02-01T00:00:00Z&createdTo=2031-01-01T00:00:00Z",
            "BAD_USER_INPUT",
            "parameter `createdTo` must be a time after `createdFrom`",
        ),
        (
            "statement.csv?from=2031-01-01",
            "BAD_USER_INPUT",
            "the parameter `to`: a value of type LocalDate! is required",
        ),
        ("statement.csv?from=2031-01-01&to=2031-13-01", "BAD_USER_INPUT", "the parameter `to`: "),
        (
            "statement.csv?from=2031-01-02&to=2031-01-01",
            "BAD_USER_INPUT",
            "`to` must be a day that is not before `from`",
        ),
    ] {
        let (status, found, message) = world.error("tiqets-key", path).await;
        assert_eq!((status, found.as_str()), (400, code), "{path}: {message}");
        assert!(message.contains(named), "{path}: {message}");
    }
}

#[tokio::test]
async fn every_page_is_exported_once_and_filters_apply() {
    let mut orders = many(230, "R-");
    for order in orders.iter_mut().take(115) {
        order.is_test = false;
    }
    let world = World::start(&[("tiqets", orders)], GatewayOptions::default()).await;
    let rows = world.records("tiqets-key", "orders.csv").await;
    let references: BTreeSet<&str> = rows.iter().map(|row| row[5].as_str()).collect();
    assert_eq!((rows.len(), references.len()), (230, 230));
    assert_eq!(world.store.lists.load(SeqCst), 3, "pages of a hundred");
    assert_eq!(world.store.counts.load(SeqCst), 1, "before anything is sent");
    for (path, count) in [
        ("orders.csv?testMode=false", 115),
        ("orders.csv?status=CONFIRMED&status=HELD", 230),
        ("orders.csv?status=HELD", 0),
        ("orders.csv?createdFrom=2031-03-10T13:00:00%2B01:00", 230),
        ("orders.csv?createdTo=2031-03-10T12:00:00Z", 0),
        (&format!("orders.csv?reseller={}&testMode=true", id_of("tiqets")), 115),
    ] {
        assert_eq!(world.records("tiqets-key", path).await.len(), count, "{path}");
    }
}

#[tokio::test]
async fn an_export_of_too_many_orders_is_rejected_before_anything_is_sent() {
    let exports = ExportLimits { orders: 4, ..default_export_limits() };
    let world =
        World::start(&[("tiqets", many(5, "x"))], GatewayOptions { exports, ..GatewayOptions::default() }).await;
    let (status, code, message) = world.error("tiqets-key", "orders.csv").await;
    assert_eq!((status, code.as_str()), (400, "OPERATION_TOO_LARGE"));
    assert!(
        message.contains("5 orders; 4 are allowed: narrow the range by `createdFrom` and `createdTo`"),
        "{message}"
    );
    assert_eq!(world.records("tiqets-key", "orders.csv?status=HELD").await.len(), 0);
}

#[tokio::test]
async fn an_export_that_fails_in_the_middle_never_looks_complete() {
    for encoding in ["identity", "gzip"] {
        let world = World::start(&[("tiqets", many(250, "x"))], GatewayOptions::default()).await;
        world.store.failing_list.store(3, SeqCst);
        let request = world.door.client.get(format!("http://{}/exports/orders.csv", world.door.address));
        let request = request.bearer_auth("tiqets-key").header("accept-encoding", encoding);
        let response = request.send().await.expect("the first page");
        assert_eq!(response.status(), 200);
        let body = response.bytes().await;
        assert!(body.is_err(), "{encoding}: a file of {} bytes looks complete", body.expect("a body").len());
    }
}

#[tokio::test]
async fn an_export_ends_when_its_caller_loses_access() {
    let world = World::start(&[("tiqets", many(150, "x"))], GatewayOptions::default()).await;
    world.store.slow_list.store(2, SeqCst);
    let response = world.send("tiqets-key", "orders.csv").await;
    world.store.slowed.notified().await;
    world.door.state.replace_authenticator(Authenticator::default());
    assert!(response.bytes().await.is_err(), "the second page never comes");
}

#[tokio::test]
async fn an_export_holds_a_place_until_its_last_page_and_counts_as_a_request() {
    let options = GatewayOptions { in_flight: 1, ..GatewayOptions::default() };
    let world = World::start(&[("tiqets", many(150, "x"))], options).await;
    world.store.slow_list.store(2, SeqCst);
    let response = world.send("limited-key", "orders.csv").await;
    assert_eq!(response.headers()["ratelimit-remaining"], "1");
    world.store.slowed.notified().await;
    assert_eq!(world.error("tiqets-key", "orders.csv").await.1, "OVERLOADED");
    assert_eq!(world.door.post("{ __typename }").await.0, 503);
    world.store.resumed.notify_one();
    assert!(response.text().await.expect("a complete file").ends_with("\r\n"));
    assert_eq!(world.send("limited-key", STATEMENT).await.status(), 200);
    assert_eq!(world.error("limited-key", STATEMENT).await.1, "RATE_LIMITED");
}

#[tokio::test]
async fn exports_leave_places_for_everybody_else() {
    let exports = ExportLimits { in_flight: 1, ..default_export_limits() };
    let options = GatewayOptions { in_flight: 8, exports, ..GatewayOptions::default() };
    let world = World::start(&[("tiqets", many(150, "x"))], options).await;
    world.store.slow_list.store(2, SeqCst);
    let response = world.send("limited-key", "orders.csv").await;
    world.store.slowed.notified().await;
    assert_eq!(world.error("tiqets-key", "orders.csv").await.1, "OVERLOADED");
    assert_eq!(world.door.post("{ __typename }").await.0, 200);
    world.store.resumed.notify_one();
    assert!(response.text().await.expect("a complete file").ends_with("\r\n"));
    assert_eq!(world.send("tiqets-key", STATEMENT).await.status(), 200);
}

#[tokio::test]
async fn a_client_that_does_not_read_an_export_loses_its_place() {
    let exports = ExportLimits { write_timeout: Duration::from_millis(200), ..default_export_limits() };
    let options = GatewayOptions { in_flight: 1, exports, ..GatewayOptions::default() };
    // More than the buffers of both sides hold.
    let world = World::start(&[("tiqets", many(400, &"x".repeat(100_000)))], options).await;
    let request = world.door.client.get(format!("http://{}/exports/orders.csv", world.door.address));
    // Uncompressed: a compressed file would fit into the buffers.
    let request = request.bearer_auth("tiqets-key").header("accept-encoding", "identity");
    let response = request.send().await.expect("the first page");
    let began = Instant::now();
    while world.door.post("{ __typename }").await.0 != 200 {
        assert!(began.elapsed() < Duration::from_secs(60), "the place is still held");
        tokio::task::yield_now().await;
    }
    assert!(response.bytes().await.is_err(), "the file is incomplete");
}

#[tokio::test]
async fn exports_run_under_a_required_safelist_and_their_documents_run_nowhere_else() {
    let manifest = json!({ "x1": "{ __typename }" }).to_string();
    let safelist = Safelist::from_json(SafelistEnforcement::Require, manifest.as_bytes()).expect("a manifest");
    let options = GatewayOptions { safelist, ..GatewayOptions::default() };
    let world = World::start(&[("tiqets", many(1, "x"))], options).await;
    assert_eq!(world.records("tiqets-key", "orders.csv").await.len(), 1);
    assert_eq!(world.records("tiqets-key", STATEMENT).await.len(), 1);
    let texts = ["statement.graphql", "reseller_statement.graphql", "amount.graphql"].map(|name| {
        std::fs::read_to_string(format!("{}/src/gateway/exports/{name}", env!("CARGO_MANIFEST_DIR")))
            .expect("a document")
    });
    for document in [texts.concat(), "{ viewer { id } }".to_owned()] {
        let refused = world.graphql("tiqets-key", &document).await;
        assert_eq!(refused["errors"][0]["extensions"]["code"], "BAD_REQUEST", "{refused}");
    }
}
