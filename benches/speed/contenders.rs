//! Contenders of the throughput scenario: who runs the orders, over emulated vendors of its own.

use std::net::SocketAddr;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use testkit::PostgresServer;

use crate::client::{Connection, post};
use crate::engine::{Engine, PLACE};
use crate::process::{Process, processor_with_children};

/// Sources of the three legs, and the fixed address of the vendor of each in the configuration of the sandbox.
pub(crate) const SOURCES: [(&str, &str); 3] =
    [("harbor", "http://127.0.0.1:4101"), ("opera", "http://127.0.0.1:4102"), ("quay", "http://127.0.0.1:4103")];
/// Key of a caller that may place orders.
const KEY: &str = "sandbox-operator";
/// Places an order.
const PLACE_ORDER: &str =
    "mutation($input: CreateOrderInput!) { placeOrder(input: $input) { order { id status } problems { code } } }";

/// No limit of a source delays an order, and no delivery app reads them.
const SETTINGS: &str = r#"
[server]
in_flight = 5000

[resilience.bulkhead]
browsing = 400
checkout = 400
max_wait = "30s"

[resilience.rate_limit]
quota = "1000000/1s"
endpoint_quota = "1000000/1s"

[telemetry]
log_level = "error,ticketgraph::app=info"
"#;

/// Runs orders, and is measured with everything that it needs for that except the vendors.
pub(crate) struct Contender {
    /// Name in the table.
    pub name: String,
    entries: Vec<SocketAddr>,
    /// Processes whose processor time counts.
    processes: Vec<Process>,
    database: Option<PostgresServer>,
    is_engine: bool,
    _vendors: Process,
}

/// A product with its price, bought once by each order that has it.
#[derive(Clone)]
pub(crate) struct Product {
    performance: String,
    ticket_type: String,
    price: i64,
    /// Number of orders that may buy it.
    pub left: i64,
}

impl Contender {
    /// Starts a binary over SQLite.
    pub(crate) fn sqlite(binary: &Path, name: &str) -> Self {
        let vendors = Process::emulators();
        let service = Process::configured(binary, &configuration(&vendors, "url = \"sqlite://orders.db\""));
        Self::over(name, vendors, vec![service], None)
    }

    /// Starts replicas over a PostgreSQL server of their own, or returns `None` if it is not installed.
    pub(crate) fn postgres(binary: &Path, name: &str, replicas: usize, connections: Option<u32>) -> Option<Self> {
        let database = PostgresServer::start("-c shared_buffers=128MB")?;
        let vendors = Process::emulators();
        let connections = connections.map_or(String::new(), |most| format!("\nconnections = {most}"));
        let ledger = format!("url = {{ value = \"{}\" }}{connections}", database.url());
        let services = (0..replicas).map(|_| Process::configured(binary, &configuration(&vendors, &ledger))).collect();
        Some(Self::over(name, vendors, services, Some(database)))
    }

    fn over(name: &str, vendors: Process, processes: Vec<Process>, database: Option<PostgresServer>) -> Self {
        let entries = processes.iter().map(|process| process.address).collect();
        Self { name: name.to_owned(), entries, processes, database, is_engine: false, _vendors: vendors }
    }

    /// Starts the durable-execution engine with the same saga, or returns `None` if it is not installed.
    pub(crate) async fn engine(name: &str) -> Option<Self> {
        let vendors = Process::emulators();
        let engine = Engine::start(&vendors.vendors).await?;
        let entries = vec![engine.entry];
        let processes = vec![engine.server, engine.saga];
        Some(Self { name: name.to_owned(), entries, processes, database: None, is_engine: true, _vendors: vendors })
    }

    /// Returns the processor time of all its processes and its database in seconds.
    pub(crate) fn processor(&self) -> f64 {
        let database = self.database.as_ref().map_or(0.0, |server| processor_with_children(server.process_id()));
        self.processes.iter().map(Process::processor).sum::<f64>() + database
    }

    /// Returns the address that a client sends its orders to.
    pub(crate) fn entry(&self, client: usize) -> SocketAddr {
        self.entries[client % self.entries.len()]
    }

    /// Builds the request of an order.
    pub(crate) fn request(&self, key: &str, products: &[Product; 3]) -> Vec<u8> {
        let contact = json!({ "firstName": "Ada", "lastName": "Guest", "email": "ada@example.org",
            "phone": "2025550101", "postalCode": "02110" });
        if self.is_engine {
            let line = |product: &Product| {
                json!({ "performance": vendor_key(&product.performance),
                "ticketType": vendor_key(&product.ticket_type), "price": product.price })
            };
            let [acme, secutix, ticketing] = products.each_ref().map(line);
            let input = json!({ "contact": contact, "acme": acme, "secutix": secutix, "ticketing": ticketing });
            return post(PLACE, &[("idempotency-key", key)], &input.to_string());
        }
        let line = |product: &Product| {
            json!({ "performance": product.performance, "ticketType": product.ticket_type,
            "quantity": 1 })
        };
        let lines = products.each_ref().map(line);
        let input = json!({ "idempotencyKey": key, "policy": "ALL_OR_NOTHING", "lines": lines, "contact": contact });
        self.graphql(PLACE_ORDER, &json!({ "input": input }))
    }

    fn graphql(&self, query: &str, variables: &Value) -> Vec<u8> {
        let authorization = format!("Bearer {KEY}");
        let body = json!({ "query": query, "variables": variables });
        post("/graphql", &[("authorization", &authorization)], &body.to_string())
    }

    /// Returns the products of a source that can be bought, by descending vacancies.
    pub(crate) async fn load_products(&self, source: &str) -> Vec<Product> {
        let query = "{ events(first: 50) { nodes { source { name } performances(first: 50) { nodes { id startsAt
            availability { status vacancies offers { vacancies ticketType { id } price { retail { amount } } } } } } } } }";
        let sent = Connection::open(self.entry(0)).await.send(&self.graphql(query, &Value::Null)).await;
        let response: Value = serde_json::from_slice(&sent.body).expect("JSON");
        let events = response["data"]["events"]["nodes"].as_array().unwrap_or_else(|| panic!("no events: {response}"));
        let own = events.iter().filter(|event| event["source"]["name"] == source);
        let performances = own.flat_map(|event| event["performances"]["nodes"].as_array().expect("performances"));
        let product = |performance: &Value| {
            let state = &performance["availability"];
            let offers = state["offers"].as_array()?;
            let left = |offer: &Value| offer["vacancies"].as_i64().or(state["vacancies"].as_i64()).unwrap_or_default();
            let price = |offer: &Value| offer["price"]["retail"]["amount"].as_i64().unwrap_or_default();
            // Some vendors sell a free order with the hold itself, so only products with a price are held.
            let best = offers.iter().filter(|offer| price(offer) > 0).max_by_key(|offer| left(offer))?;
            let is_on_sale = state["status"] == "AVAILABLE" && performance["startsAt"].is_string();
            let id = |value: &Value| value.as_str().map(str::to_owned);
            let (performance, ticket_type) = (id(&performance["id"])?, id(&best["ticketType"]["id"])?);
            is_on_sale.then(|| Product { performance, ticket_type, price: price(best), left: left(best) })
        };
        let mut products: Vec<Product> = performances.filter_map(product).collect();
        products.sort_by_key(|product| std::cmp::Reverse(product.left));
        products
    }
}

/// Returns the key at the vendor within a global id.
fn vendor_key(id: &str) -> String {
    let bytes = URL_SAFE_NO_PAD.decode(id).expect("base64");
    let text = String::from_utf8(bytes).expect("text");
    text.rsplit('\0').next().unwrap_or_default().to_owned()
}

/// Returns the configuration of the sandbox over these vendors with a ledger and without limits.
fn configuration(vendors: &Process, ledger: &str) -> String {
    let mut text = include_str!("../../config/sandbox.toml").replace("[ledger]\n", &format!("[ledger]\n{ledger}\n"));
    for ((_, fixed), own) in SOURCES.iter().zip(&vendors.vendors) {
        text = text.replace(fixed, &format!("http://{own}"));
    }
    // Without what no contender needs; the settings have a server of their own.
    for (first, next) in [("[server]", "[ledger]"), ("[deliveries.", "[resellers.")] {
        let section = text.find(first).expect("a section")..text.find(next).expect("the next section");
        text.replace_range(section, "");
    }
    text + SETTINGS
}
