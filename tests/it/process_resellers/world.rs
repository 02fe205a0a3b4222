//! Two resellers at the real binary: both have sold, and one tries to read the data of the other.

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use domain::OrderKey;
use serde_json::{Value, json};
use tempfile::TempDir;
use ticketgraph::graphql::base::id::GlobalId;

use super::schema::{Way, Ways};
use crate::process::Process;

/// All permissions of its own reseller.
const INTRUDER: [(&str, &str); 3] = [
    ("TICKETGRAPH__CLIENTS__INTRUDER__KEY", r#"{ value = "intruder" }"#),
    ("TICKETGRAPH__CLIENTS__INTRUDER__RESELLER", "digitick"),
    ("TICKETGRAPH__CLIENTS__INTRUDER__SCOPES", r#"["admin"]"#),
];
const THEIR_KEY: &str = "sandbox-tiqets-dashboard";
const THEIR_REFERENCE: &str = "TIQETS-REFERENCE-77";
const THEIR_EMAIL: &str = "their.visitor@example.com";
const IDEMPOTENCY_KEY: &str = "their-own-key-1";
/// Longest silence of a subscription before it counts as watching the other reseller.
const SILENCE: Duration = Duration::from_secs(20);

/// Node of the other reseller, and the ID of an absent node of the same kind.
pub(super) struct OwnedNode {
    pub kind: &'static str,
    pub id: Value,
    pub absent: Value,
}

pub(super) struct World {
    _process: Process,
    _folder: TempDir,
    url: String,
    client: reqwest::Client,
    /// Nodes that the intruder requests.
    pub theirs: Vec<OwnedNode>,
    /// Texts of the other reseller that identify something.
    pub words: Vec<Value>,
    secrets: Vec<String>,
    own: Value,
    asked: AtomicUsize,
}

impl World {
    pub(super) async fn start() -> Self {
        let folder = TempDir::new().expect("a folder");
        let limits = ["FIELDS", "TOKENS", "ALIASES", "COST", "ROOT_FIELDS", "COMPLEXITY"]
            .map(|name| format!("TICKETGRAPH__GRAPHQL__{name}"));
        let mut settings = INTRUDER.to_vec();
        settings.extend(limits.iter().map(|name| (name.as_str(), "100000")));
        let data = folder.path().to_str().expect("a path").to_owned();
        let process = Process::start_with(&folder, &["serve", "--listen", "127.0.0.1:0", "--data", &data], &settings);
        let url = format!("{}/graphql", process.address("listening on http://"));
        let client = http_client::build_client().expect("a client");
        let mut world = Self {
            _process: process,
            _folder: folder,
            url,
            client,
            theirs: Vec::new(),
            words: Vec::new(),
            secrets: Vec::new(),
            own: Value::Null,
            asked: AtomicUsize::new(0),
        };
        let theirs = world.buy(THEIR_KEY).await;
        world.own = world.buy("intruder").await;
        world.record_ids(&theirs);
        world
    }

    /// Buys everything on sale and returns the order.
    async fn buy(&self, key: &str) -> Value {
        let offers = "{ viewer { reseller { id connections { id source { id name } } } } events(first: 100) { nodes { id source { name } performances(first: 5) { nodes { id
            availability { offers { status ticketType { id } } } } } } } }";
        let response = self.post(key, offers, json!({})).await;
        let reseller = &response["data"]["viewer"]["reseller"];
        let place = &reseller["connections"][0]["source"]["name"];
        let events = response["data"]["events"]["nodes"].as_array().unwrap_or_else(|| panic!("{response}"));
        for event in events.iter().filter(|event| event["source"]["name"] == *place) {
            for performance in event["performances"]["nodes"].as_array().into_iter().flatten() {
                let offers = performance["availability"]["offers"].as_array().into_iter().flatten();
                for offer in offers.filter(|offer| offer["status"] == "AVAILABLE") {
                    let line = json!({ "performance": performance["id"], "ticketType": offer["ticketType"]["id"], "quantity": 1 });
                    if let Some(mut order) = self.order(key, line).await {
                        order["event"] = event["id"].clone();
                        order["reseller"] = reseller.clone();
                        return order;
                    }
                }
            }
        }
        panic!("{key} cannot buy anything: {response}");
    }

    async fn order(&self, key: &str, line: Value) -> Option<Value> {
        let place = "mutation($input: CreateOrderInput!) { placeOrder(input: $input) { problems { code message }
            order { id number status legs { id externalRefs { value } } lines { id performance { id } ticketType { id } }
                tickets { id externalRefs { value } deliveries { ... on BarcodeDelivery { value } } } } } }";
        let is_theirs = key == THEIR_KEY;
        let input = json!({
            "idempotencyKey": if is_theirs { IDEMPOTENCY_KEY.to_owned() } else { self.fresh_key() }, "lines": [line],
            "resellerReference": if is_theirs { THEIR_REFERENCE } else { "own" },
            "contact": { "firstName": "Ada", "lastName": "Berg", "email": if is_theirs { THEIR_EMAIL } else { "own@example.com" } },
        });
        let placed = self.post(key, place, json!({ "input": input })).await;
        let mut order = placed["data"]["placeOrder"]["order"].clone();
        if order["status"] != "CONFIRMED" {
            return None;
        }
        let quote =
            "mutation($order: ID!) { quoteCancellation(input: { order: $order }) { quote { id } problems { code } } }";
        let quoted = self.post(key, quote, json!({ "order": order["id"] })).await;
        order["quote"] = quoted["data"]["quoteCancellation"]["quote"]["id"].clone();
        let cursors = "{ orders { edges { cursor } } changes { edges { cursor } } }";
        order["cursors"] = self.post(key, cursors, json!({})).await["data"].clone();
        Some(order)
    }

    /// Records what the intruder tries and what must never be exposed.
    fn record_ids(&mut self, order: &Value) {
        let reseller = &order["reseller"];
        let ids = [
            ("Order", &order["id"]),
            ("VendorOrder", &order["legs"][0]["id"]),
            ("OrderLine", &order["lines"][0]["id"]),
            ("Ticket", &order["tickets"][0]["id"]),
            ("CancellationQuote", &order["quote"]),
            ("Reseller", &reseller["id"]),
            ("ResellerConnection", &reseller["connections"][0]["id"]),
        ];
        for (kind, id) in ids {
            let text = id.as_str().unwrap_or_else(|| panic!("no id of {kind}: {order:#}"));
            self.theirs.push(OwnedNode { kind, id: id.clone(), absent: absent(text).into() });
        }
        let inside = |list: &str, inner: &str| {
            let rows = order[list].as_array().cloned().into_iter().flatten();
            rows.flat_map(|row| row[inner].as_array().cloned().unwrap_or_default())
                .map(|row| row["value"].clone())
                .collect()
        };
        let values: [Vec<Value>; 3] =
            [inside("legs", "externalRefs"), inside("tickets", "externalRefs"), inside("tickets", "deliveries")];
        assert!(values[2].iter().any(Value::is_string), "a barcode: {order:#}");
        let mut secrets: Vec<&Value> = values.iter().flatten().collect();
        secrets.push(&order["number"]);
        // Short numbers occur in many texts by chance.
        self.secrets =
            secrets.into_iter().filter_map(Value::as_str).filter(|text| text.len() > 8).map(str::to_owned).collect();
        self.secrets.extend([THEIR_REFERENCE, THEIR_EMAIL, "Tiqets"].map(str::to_owned));
        let cursors = &order["cursors"];
        self.words = vec![order["number"].clone(), THEIR_REFERENCE.into(), IDEMPOTENCY_KEY.into(), order["id"].clone()];
        self.words.extend([&cursors["orders"], &cursors["changes"]].map(|list| list["edges"][0]["cursor"].clone()));
    }

    /// Returns texts that find the order of the other reseller.
    pub(super) fn searches(&self) -> Vec<String> {
        let number = self.words[0].as_str().expect("a number");
        let spelled = number.replace('-', "").to_lowercase();
        [number, &spelled, THEIR_REFERENCE, "tiqetsreference77", THEIR_EMAIL, "THEIR.visitor@"]
            .map(str::to_owned)
            .to_vec()
    }

    /// Requests a value at a position, and returns the response without its variable parts.
    pub(super) async fn ask(&self, way: &Way, ways: &Ways, tried: &Value) -> Value {
        let sent = match way.name().as_str() {
            "Query._entities" => {
                self.theirs.iter().map(|thing| json!({ "__typename": thing.kind, "id": tried })).collect()
            }
            _ => tried.clone(),
        };
        let (document, variables) = ways.document(way, &sent, &|name| self.usual(name));
        let response = if way.is_watched() {
            self.watch(&document, variables).await
        } else {
            self.post("intruder", &document, variables).await.to_string()
        };
        let tried = tried.as_str().expect("a text");
        let mut response: Value = serde_json::from_str(&response.replace(tried, "*")).expect("JSON");
        for error in response["errors"].as_array_mut().into_iter().flatten() {
            error["extensions"]["requestId"].take();
            assert_ne!(error["extensions"]["code"], "GRAPHQL_VALIDATION_FAILED", "{document}\n{error}");
        }
        response
    }

    /// Returns the intruder's own value for a required argument.
    fn usual(&self, name: &str) -> Option<Value> {
        let own = &self.own;
        Some(match name {
            "order" | "id" => own["id"].clone(),
            "quote" => own["quote"].clone(),
            "leg" => own["id"].clone(),
            "event" => own["event"].clone(),
            "performance" => own["lines"][0]["performance"]["id"].clone(),
            "ticketType" => own["lines"][0]["ticketType"]["id"].clone(),
            "source" | "sources" => own["reseller"]["connections"][0]["source"]["id"].clone(),
            "reseller" => own["reseller"]["id"].clone(),
            "connection" => own["reseller"]["connections"][0]["id"].clone(),
            "channel" => GlobalId::Channel("opera-app".to_owned()).encode().0.into(),
            "idempotencyKey" => self.fresh_key().into(),
            "restrictions" | "token" | "category" | "resource" | "section" | "addOn" | "discount" | "sections"
            | "addOns" => "x".into(),
            "serials" | "tickets" | "lines" | "ids" => return None,
            "email" => "own@example.com".into(),
            "from" => "2027-01-01T00:00:00Z".into(),
            "to" => "2027-01-02T00:00:00Z".into(),
            _ => return None,
        })
    }

    fn fresh_key(&self) -> String {
        format!("own-{}", self.asked.fetch_add(1, SeqCst))
    }

    /// Returns the order and reseller as seen by their owner.
    pub(super) async fn theirs_as_they_see_it(&self) -> Value {
        let document = "query($id: ID!) { order(id: $id) { status version lines { quantity } tickets { id status deliveries { ... on BarcodeDelivery { value } } } timeline { nodes { to } } }
            orders { nodes { id version } } }";
        let response = self.as_them(document, json!({ "id": self.theirs[0].id })).await;
        assert_eq!(response["data"]["order"]["status"], "CONFIRMED", "{response}");
        response
    }

    pub(super) async fn as_them(&self, document: &str, variables: Value) -> Value {
        self.post(THEIR_KEY, document, variables).await
    }

    pub(super) async fn as_intruder(&self, document: &str, variables: Value) -> Value {
        self.post("intruder", document, variables).await
    }

    async fn post(&self, key: &str, document: &str, variables: Value) -> Value {
        let body = json!({ "query": document, "variables": variables });
        let sent = self.client.post(&self.url).bearer_auth(key).json(&body).send().await;
        sent.expect("a response").json().await.expect("JSON")
    }

    /// Returns the first event of a subscription; a subscription that starts and stays silent counts as a leak.
    async fn watch(&self, document: &str, variables: Value) -> String {
        let body = json!({ "query": document, "variables": variables });
        let request = self.client.post(&self.url).bearer_auth("intruder").header("accept", "text/event-stream");
        let whole = async { request.json(&body).send().await.expect("a response").text().await.expect("text") };
        let text = tokio::time::timeout(SILENCE, whole)
            .await
            .unwrap_or_else(|_| panic!("{document} subscribed to foreign data"));
        if let Some(error) = text.strip_prefix('{') {
            return format!("{{{error}");
        }
        let line = text.lines().find_map(|line| line.strip_prefix("data: ")).unwrap_or_else(|| panic!("{text}"));
        line.to_owned()
    }

    /// Asserts that a response contains no data of the other reseller.
    pub(super) fn leaks_nothing(&self, what: &str, response: &Value) {
        let text = response.to_string();
        for secret in &self.secrets {
            assert!(!text.contains(secret.as_str()), "{what} exposes {secret:?}: {response}");
        }
    }
}

/// Returns the ID of an absent node of the same kind.
fn absent(id: &str) -> String {
    let nothing = |OrderKey(key): OrderKey| OrderKey(uuid::Uuid::from_u128(!key.as_u128()));
    let other = match GlobalId::decode(id).expect("a global ID") {
        GlobalId::Order(order) => GlobalId::Order(nothing(order)),
        GlobalId::Leg(order, leg) => GlobalId::Leg(nothing(order), leg),
        GlobalId::OrderLine(order, line) => GlobalId::OrderLine(nothing(order), line),
        GlobalId::Ticket(order, ticket) => GlobalId::Ticket(nothing(order), ticket),
        GlobalId::Reseller(_) => GlobalId::Reseller("nobody".to_owned()),
        GlobalId::Connection(_, source) => GlobalId::Connection("nobody".to_owned(), source),
        GlobalId::Quote(quote) => GlobalId::Quote(uuid::Uuid::from_u128(!quote.as_u128())),
        other => panic!("{other:?} has no owner"),
    };
    other.encode().0
}
