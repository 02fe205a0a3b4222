//! One service as the OCTO supplier of another one, with kills of either: both ledgers and the books of the vendors agree.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::time::Duration;

use futures_util::future::{join, join_all};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::watch;
use tokio::task::block_in_place;
use tokio::time::{Instant, sleep};

use crate::process::{Api, Process, TIMEOUT};
use crate::process_orders::{SellableLine, VENDORS, Vendors, compare, configuration};

/// Number of orders without the variable `OCTO_LOOP_ORDERS`.
const FEW: usize = 40;
/// Clients that buy at the same time.
const BUYERS: usize = 6;
/// Time between two kills. The next one is of the other process.
const KILL_INTERVAL: Duration = Duration::from_secs(4);
/// Longest time of an order, with the variable.
const LONG_WAIT: Duration = Duration::from_secs(600);
/// Sources of the seller, which are suppliers for the buyer: their time zone and currency.
const SUPPLIERS: [(&str, &str, &str); 4] = [
    ("harbor", "America/New_York", "USD"),
    ("opera", "Europe/Zurich", "CHF"),
    ("club", "Europe/Paris", "EUR"),
    ("quay", "America/Port_of_Spain", "TTD"),
];

/// Everything that is read of an order at both services.
const ORDER: &str = "id status isTerminal policy resellerReference
    legs { ourReference status source { name } problems { code } attempts { operation outcome } }
    lines { quantity leg { ourReference } } tickets { id status }";

/// Configuration of the buyer: each source of the seller is a supplier that speaks OCTO.
fn buyer_configuration(folder: &TempDir, seller: &str, settings: &str) -> String {
    let ledger = folder.path().join("buyer.db");
    let mut text = format!(
        "[ledger]\nurl = \"sqlite://{}\"\nlease = \"20s\"\nencryption_key = {{ value = \"c2FuZGJveCBvbmx5LCBuZXZlciBmb3IgcmVhbCB1c2U=\" }}\n
         [clients.operator]\nkey = {{ value = \"sandbox-operator\" }}
         scopes = [\"catalog:read\", \"order:read\", \"order:write\", \"ticket:barcode\", \"report:read\", \"admin\"]\n",
        ledger.display()
    );
    for (name, time_zone, currency) in SUPPLIERS {
        text += &format!(
            "\n[sources.{name}]\nvendor = \"octo\"\nenvironment = \"sandbox\"\nbase_url = \"{seller}/octo/suppliers/{name}\"
             institution = \"{name}\"\napi_key = {{ value = \"sandbox-storefront\" }}\ntime_zone = \"{time_zone}\"
             currency = \"{currency}\"\n"
        );
    }
    text + settings
}

/// A service that is killed and started again, at the same address.
struct Service {
    configuration: &'static str,
    listen: String,
    process: Option<Process>,
}

impl Service {
    fn start(folder: &TempDir, configuration: &'static str) -> Self {
        let mut service = Self { configuration, listen: free_address(), process: None };
        service.restart(folder);
        service
    }

    fn api(&self) -> Api {
        Api::at(&format!("http://{}", self.listen))
    }

    fn restart(&mut self, folder: &TempDir) {
        drop(self.process.take());
        let process = Process::start(folder, &["serve", "--config", self.configuration, "--listen", &self.listen]);
        process.address("listening on http://");
        self.process = Some(process);
    }
}

/// Returns an address below the ports that the system gives to connections, so that it is still free after a kill.
fn free_address() -> String {
    let is_free = |port: &u16| TcpListener::bind(("127.0.0.1", *port)).is_ok();
    let port = std::iter::repeat_with(|| fastrand::u16(20_000..32_000)).find(is_free).expect("a port");
    format!("127.0.0.1:{port}")
}

/// Buys until the order has ended, whatever is killed meanwhile, and returns its id.
async fn buy(api: &Api, number: usize, lines: &[Value], wait: Duration) -> String {
    let input = json!({ "idempotencyKey": format!("loop {number}"), "lines": lines, "testMode": true,
        "policy": if number.is_multiple_of(5) { "BEST_EFFORT" } else { "ALL_OR_NOTHING" },
        "contact": { "firstName": "Ada", "lastName": "Guest", "email": "ada@example.org", "phone": "2025550101" } });
    let query = format!(
        "mutation($input: CreateOrderInput!) {{ it: placeOrder(input: $input) {{
        order {{ {ORDER} }} problems {{ code path }} }} }}"
    );
    let end = Instant::now() + wait;
    let mut last = Value::Null;
    while Instant::now() < end {
        if let Some(answer) = api.ask(&query, json!({ "input": input })).await {
            let order = &answer["data"]["it"]["order"];
            if order["isTerminal"] == true || order["status"] == "NEEDS_ATTENTION" {
                return order["id"].as_str().expect("an id").to_owned();
            }
            last = answer;
        }
        sleep(Duration::from_millis(500)).await;
    }
    // Only the unknown outcome of a sale at ACME stays so: a person decides.
    let order = &last["data"]["it"]["order"];
    assert!(is_unknown_at_acme(order), "order {number} has not ended: {last:#}");
    order["id"].as_str().expect("an id").to_owned()
}

fn is_unknown_at_acme(order: &Value) -> bool {
    let legs = order["legs"].as_array().into_iter().flatten();
    legs.clone().any(|leg| leg["source"]["name"] == "harbor" && leg["status"] == "OUTCOME_UNKNOWN")
}

/// Returns all orders of a service.
async fn orders(api: &Api) -> Vec<Value> {
    let query = format!(
        "query($after: String) {{ orders(first: 50, after: $after) {{ nodes {{ {ORDER} }}
        pageInfo {{ hasNextPage endCursor }} }} }}"
    );
    let (mut all, mut after) = (Vec::new(), Value::Null);
    loop {
        let page = api.query(&query, json!({ "after": after })).await["orders"].take();
        all.extend(page["nodes"].as_array().expect("orders").iter().cloned());
        if page["pageInfo"]["hasNextPage"] == false {
            return all;
        }
        after = page["pageInfo"]["endCursor"].clone();
    }
}

/// Asserts that each leg of the buyer is one order of the seller in the same state, and that the seller has no other ones.
fn compare_ledgers(bought: &[Value], sold: &[Value]) -> usize {
    let mut left: BTreeMap<&str, Vec<&Value>> = BTreeMap::new();
    for order in sold {
        left.entry(order["resellerReference"].as_str().unwrap_or_default()).or_default().push(order);
    }
    let mut sales = 0;
    for leg in bought.iter().flat_map(|order| order["legs"].as_array().expect("legs")) {
        let reference = leg["ourReference"].as_str().expect("a reference");
        let at_seller = left.remove(reference).unwrap_or_default();
        let confirmed = at_seller.iter().filter(|order| order["status"] == "CONFIRMED").count();
        let is_open = at_seller.iter().any(|order| order["isTerminal"] != true);
        let is_sold = leg["status"] == "CONFIRMED";
        let is_unsettled = ["OUTCOME_UNKNOWN", "NEEDS_ATTENTION"].iter().any(|status| leg["status"] == *status);
        assert!(
            confirmed == usize::from(is_sold) || is_unsettled && is_open,
            "{leg:#} is {at_seller:#?} at the seller"
        );
        assert!(confirmed <= 1, "sold twice: {at_seller:#?}");
        sales += confirmed;
        let is_held = at_seller.iter().any(|order| order["status"] == "HELD");
        assert!(!is_held || lost_its_hold(leg), "{leg:#} is still held at the seller: {at_seller:#?}");
    }
    assert!(left.is_empty(), "the seller has orders that nobody placed: {left:#?}");
    sales
}

/// Returns true if the response to a hold was lost: at the seller it ends by itself.
fn lost_its_hold(leg: &Value) -> bool {
    let mut attempts = leg["attempts"].as_array().into_iter().flatten();
    attempts.any(|attempt| attempt["operation"] == "HOLD" && attempt["outcome"] == "UNKNOWN")
}

/// Waits until no order of a service is on its way. A draft whose hold was never requested stays one, and a hold whose response was
/// lost ends by itself.
async fn settled_orders(api: &Api, wait: Duration) -> Vec<Value> {
    let end = Instant::now() + wait;
    loop {
        let all = orders(api).await;
        let rests =
            |order: &Value| ["NEEDS_ATTENTION", "DRAFT", "HELD"].iter().any(|status| order["status"] == *status);
        let is_open = |order: &&Value| order["isTerminal"] != true && !rests(order);
        let open: Vec<&Value> = all.iter().filter(is_open).collect();
        if open.iter().all(|order| is_unknown_at_acme(order)) {
            return all;
        }
        assert!(Instant::now() < end, "not settled: {open:#?}");
        sleep(Duration::from_secs(1)).await;
    }
}

/// Everything with a price that a supplier has on sale. What costs nothing is held by no vendor.
const CATALOG: &str = "query($source: ID!) { events(first: 50, filter: { sources: [$source] }) { nodes {
    performances(first: 20) { nodes { id availability { vacancies
      offers { status vacancies ticketType { id } price { retail { amount } } } } } } } } }";

/// Returns the lines that a supplier has on sale.
async fn load_lines(api: &Api, source: &str) -> Vec<SellableLine> {
    let listed = api.query(CATALOG, json!({ "source": source })).await;
    let each = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let performances =
        each(&listed["events"]["nodes"]).into_iter().flat_map(|event| each(&event["performances"]["nodes"]));
    let mut lines = Vec::new();
    for performance in performances {
        let availability = &performance["availability"];
        let has_price = |offer: &Value| offer["price"]["retail"]["amount"].as_i64().is_some_and(|amount| amount > 0);
        for offer in
            each(&availability["offers"]).iter().filter(|offer| offer["status"] == "AVAILABLE" && has_price(offer))
        {
            let id = |value: &Value| value["id"].as_str().expect("an id").to_owned();
            let left = offer["vacancies"].as_i64().or(availability["vacancies"].as_i64()).unwrap_or(0);
            lines.push(SellableLine { performance: id(&performance), ticket_type: id(&offer["ticketType"]), left });
        }
    }
    lines
}

/// Chooses one line at each of two or three suppliers for an order.
fn lines_of(number: usize, lines_by_supplier: &mut [Vec<SellableLine>]) -> Vec<Value> {
    let suppliers = (0..2 + number % 2).map(|place| (number + place) % lines_by_supplier.len()).collect::<Vec<_>>();
    let mut take = |supplier: usize| {
        let line = lines_by_supplier[supplier].iter_mut().max_by_key(|line| line.left).expect("a line");
        line.left -= 1;
        json!({ "performance": line.performance, "ticketType": line.ticket_type, "quantity": 1 })
    };
    suppliers.into_iter().map(&mut take).collect()
}

/// Starts the seller, and the buyer that has it as its suppliers.
fn start_both(folder: &TempDir, vendors: &Vendors) -> (Service, Service) {
    let sells = configuration(folder, vendors);
    let (_, settings) = sells.split_once("[orders]\ncall_timeout").expect("the settings");
    std::fs::write(folder.path().join("seller.toml"), &sells).expect("a file");
    let seller = Service::start(folder, "seller.toml");
    let settings = format!("\n[orders]\ncall_timeout{settings}");
    let text = buyer_configuration(folder, &format!("http://{}", seller.listen), &settings);
    std::fs::write(folder.path().join("buyer.toml"), text).expect("a file");
    let buyer = Service::start(folder, "buyer.toml");
    (seller, buyer)
}

/// Plans the lines of orders, spread over what the suppliers have on sale.
async fn plan_orders(buyer: &Api, count: usize) -> Vec<Vec<Value>> {
    let listed = buyer.query("{ sources { id name } }", Value::Null).await;
    let mut lines_by_supplier = Vec::new();
    for (name, _, _) in SUPPLIERS {
        let sources = listed["sources"].as_array().expect("sources");
        let source = sources.iter().find(|source| source["name"] == name).expect("a source");
        let lines = load_lines(buyer, source["id"].as_str().expect("an id")).await;
        assert!(!lines.is_empty(), "{name} has nothing on sale over OCTO");
        lines_by_supplier.push(lines);
    }
    (0..count).map(|number| lines_of(number, &mut lines_by_supplier)).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_service_sells_another_one_over_octo_and_kills_of_either_lose_and_double_nothing() {
    let chosen = std::env::var_os("OCTO_LOOP_ORDERS").and_then(|text| text.to_str()?.parse().ok());
    let (count, wait) = (chosen.unwrap_or(FEW), if chosen.is_some() { LONG_WAIT } else { 3 * TIMEOUT });
    let folder = TempDir::new().expect("a folder");
    let vendors = Vendors::start(&folder);
    let (mut seller, mut buyer) = block_in_place(|| start_both(&folder, &vendors));
    let (of_buyer, of_seller) = (buyer.api(), seller.api());
    let plans = plan_orders(&of_buyer, count).await;

    let (done, is_done) = watch::channel(false);
    let begun = Instant::now();
    let buying = async {
        let place = async |first: usize| {
            let mut ids = Vec::new();
            for number in (first..count).step_by(BUYERS) {
                ids.push(buy(&of_buyer, number, &plans[number], wait).await);
            }
            ids
        };
        let ids = join_all((0..BUYERS).map(place)).await;
        done.send(true).expect("a receiver");
        ids.into_iter().flatten().collect::<Vec<_>>()
    };
    let killing = async {
        let mut kills = [0, 0];
        loop {
            sleep(KILL_INTERVAL).await;
            if *is_done.borrow() {
                return kills;
            }
            let which = (kills[0] + kills[1]) % 2;
            block_in_place(|| if which == 0 { &mut seller } else { &mut buyer }.restart(&folder));
            kills[which] += 1;
        }
    };
    let (ids, kills) = join(buying, killing).await;
    let took = begun.elapsed();

    let bought = settled_orders(&of_buyer, wait).await;
    assert_eq!((bought.len(), ids.len()), (count, count), "one order for each key");
    let sold = settled_orders(&of_seller, wait).await;
    vendors.wait_an_hour().await;
    let mut holdings = BTreeMap::new();
    for vendor in VENDORS {
        holdings.insert(vendor, vendors.holdings(vendor).await);
    }
    compare(&sold, &holdings);
    let sales = compare_ledgers(&bought, &sold);
    let confirmed = bought.iter().filter(|order| order["status"] == "CONFIRMED").count();
    println!(
        "{count} orders, {confirmed} confirmed, {sales} sales at the seller and in the books, {} kills of the seller, {} of the \
         buyer, {:.0} s",
        kills[0],
        kills[1],
        took.as_secs_f64()
    );
    assert!(confirmed > count / 4, "{confirmed} of {count} are confirmed");
    assert!(kills.iter().all(|kills| *kills > 0), "both were killed");
}
