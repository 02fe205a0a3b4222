//! `check --online` against servers that are no vendor: nothing is proven, nothing is written, and what was seen is named.

use std::process::Output;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::http::{Request, Response};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::process::Command;
use tokio::task::JoinSet;

use crate::process::{binary, check_online};

/// A server that gives the same response to everything, and remembers the methods and paths of the requests.
struct Server {
    address: String,
    requests: Arc<Mutex<Vec<String>>>,
    _tasks: JoinSet<std::io::Result<()>>,
}

impl Server {
    async fn start(status: u16, content_type: &'static str, body: &'static str) -> Self {
        let requests = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&requests);
        let respond = move |request: Request<Body>| {
            seen.lock().expect("a lock").push(format!("{} {}", request.method(), request.uri().path()));
            let response = Response::builder().status(status).header("content-type", content_type);
            let response = response.header("location", "/login").body(Body::from(body)).expect("a response");
            std::future::ready(response)
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = format!("http://{}", listener.local_addr().expect("an address"));
        let mut tasks = JoinSet::new();
        tasks.spawn(async move { axum::serve(listener, Router::new().fallback(respond)).await });
        Self { address, requests, _tasks: tasks }
    }

    /// Returns a configuration whose vendors and app are all this server.
    fn configuration(&self) -> String {
        format!(
            r#"
[sources.harbor]
vendor = "acme"
environment = "sandbox"
base_url = "{0}"
institution = "Harbor Museum"
api_key = {{ value = "any" }}
tenant_id = 412
organization_id = 5120
time_zone = "America/New_York"
currency = "USD"
[sources.opera]
vendor = "secutix"
environment = "sandbox"
base_url = "{0}"
institution = "OPERA"
login = "OPERA_DGTK"
password = {{ value = "any" }}
contact_reference = "1000042"
time_zone = "Europe/Zurich"
currency = "CHF"
[sources.club]
vendor = "secutix"
environment = "sandbox"
base_url = "{0}"
institution = "CLUB"
login = "CLUB_DGTK"
password = {{ value = "any" }}
contact_reference = "1000042"
transport = "soap"
time_zone = "Europe/Zurich"
currency = "CHF"
[sources.quay]
vendor = "ticketing"
environment = "sandbox"
base_url = "{0}/v3"
institution = "Quay Nights"
host = "17201149984410"
api_key = {{ value = "any" }}
client_version = "3.0.0"
time_zone = "America/Port_of_Spain"
currency = "TTD"
[deliveries.app]
app = "tixngo"
source = "opera"
url = "{0}/v3/organizer/tickets"
api_key = {{ value = "any" }}
city = "Lausanne"
country = "CH"
postal_code = "1005"
"#,
            self.address
        )
    }
}

async fn check(configuration: &str, more: &[&str]) -> (Output, String) {
    let run = check_online(configuration, more, &[]).await;
    let text = String::from_utf8_lossy(&run.stdout).into_owned();
    (run, text)
}

const NO_VENDORS: [(u16, &str, &str); 8] = [
    (200, "text/html", "<html><body>It works!</body></html>"),
    (302, "text/html", ""),
    (404, "text/html", "<html>Not found</html>"),
    (404, "application/json", r#"{"error":"not found"}"#),
    (405, "text/plain", "no"),
    (200, "application/json", "{}"),
    (200, "application/json", "[]"),
    (500, "text/html", "<html>Oops</html>"),
];

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_no_vendor_passes_no_check_and_gets_no_write() {
    for (status, content_type, body) in NO_VENDORS {
        let server = Server::start(status, content_type, body).await;
        let (run, output) = check(&server.configuration(), &[]).await;
        assert_eq!(run.status.code(), Some(1), "{status} {body}: {output}");
        assert!(!output.contains("accepted"), "{status} {body}: {output}");
        for part in ["sources.harbor", "sources.opera", "sources.club", "sources.quay"] {
            let lines: Vec<&str> = output.lines().filter(|line| line.contains(part)).collect();
            assert!(
                !lines.is_empty() && !lines.iter().any(|line| line.starts_with("ok ")),
                "{status} {body}: {output}"
            );
            assert!(lines.iter().any(|line| line.contains(&format!("-> {status}"))), "{status} {body}: {lines:#?}");
        }
        let app: Vec<&str> = output.lines().filter(|line| line.contains("APP_REACHED")).collect();
        assert!(app.len() == 1 && !app[0].starts_with("ok "), "{status} {body}: {output}");
        // The reads of SecuTix are POST requests; its services are named, and none that writes is among them.
        let requests = server.requests.lock().expect("a lock").clone();
        let reads = ["/auth", "getPOSConfig", "CatalogService"];
        let writes =
            |request: &&String| !request.starts_with("GET ") && !reads.iter().any(|read| request.contains(read));
        assert_eq!(requests.iter().find(writes), None, "{status} {body}: {requests:#?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vendor_that_carries_out_an_empty_write_is_a_finding_and_is_announced_before() {
    let server = Server::start(200, "application/json", "[]").await;
    let (run, output) = check(&server.configuration(), &["--try-writes"]).await;
    assert_eq!(run.status.code(), Some(1), "{output}");
    let announced = output.find("requests that may write are sent").expect("an announcement");
    let found = output.find("carried out a request that carries nothing").expect("a finding");
    assert!(announced < found, "{output}");
    let requests = server.requests.lock().expect("a lock").clone();
    assert!(requests.iter().any(|request| request == "POST /v2/b2b/reservations"), "{requests:#?}");
}

#[tokio::test]
async fn check_lists_the_assumptions_that_are_set_and_callers_who_could_never_buy() {
    let configuration = r#"
[sources.harbor]
vendor = "acme"
environment = "sandbox"
base_url = "https://sandx-api.acmeticketing.com"
institution = "Harbor Museum"
api_key = { value = "any" }
tenant_id = 412
checkout_retry = "same_uuid"
time_zone = "America/New_York"
currency = "USD"
[resellers.tiqets]
name = "Tiqets"
[resellers.tiqets.connections.harbor]
organization_id = 5120
[clients.shop]
key = { value = "sandbox-shop-key-of-this-test" }
scopes = ["order:write"]
[clients.tiqets]
key = { value = "sandbox-tiqets-key-of-this-test" }
reseller = "tiqets"
scopes = ["order:write"]
[clients.reader]
key = { value = "sandbox-reader-key-of-this-test" }
scopes = ["catalog:read"]
"#;
    let folder = TempDir::new().expect("a folder");
    std::fs::write(folder.path().join("venues.toml"), configuration).expect("a file");
    let run = async |arguments: &[&str]| {
        let arguments = [&["check", "--config", "venues.toml"], arguments].concat();
        let run = Command::from(binary(folder.path(), &arguments)).output().await.expect("a run");
        (run.status.code(), String::from_utf8_lossy(&run.stdout).into_owned())
    };
    let (code, output) = run(&[]).await;
    let lines: Vec<&str> = output.lines().collect();
    assert_eq!(
        (code, &lines[..]),
        (
            Some(0),
            &[
                "assumed sources.harbor: checkout_retry = \"same_uuid\" (configured; acme.md §2.3)",
                "warning clients.shop: can never buy at sources.harbor: no buying account is configured, neither at the source nor for the caller's reseller",
                "no findings: 1 sources, 0 deliveries, 1 resellers, 3 clients"
            ][..]
        )
    );
    let (_, output) = run(&["--verbose"]).await;
    assert!(output.contains("list_page_size = 100 (default; "), "{output}");
}
