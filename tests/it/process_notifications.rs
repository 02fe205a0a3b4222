//! Notices to the operator from the real binary, and the check of their destinations.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::StatusCode;
use tempfile::{NamedTempFile, TempDir};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::deliveries::mail_server::{MailServer, PASSWORD};
use crate::process::{Process, TIMEOUT, check_online};

/// A webhook that gives one status to each method, and passes on the methods and ids.
struct Receiver {
    url: String,
    requests: Arc<Mutex<Vec<String>>>,
    arrived: mpsc::UnboundedReceiver<()>,
    _tasks: JoinSet<std::io::Result<()>>,
}

impl Receiver {
    async fn start(head: u16, post: u16) -> Self {
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (sender, arrived) = mpsc::unbounded_channel();
        let seen = Arc::clone(&requests);
        let respond = move |request: Request<Body>| {
            let is_signed = request.headers().contains_key("webhook-signature");
            seen.lock().expect("a lock").push(format!("{} {is_signed}", request.method()));
            let status = if request.method() == "HEAD" { head } else { post };
            // Fails only if the test is over.
            let _ = sender.send(());
            std::future::ready((StatusCode::from_u16(status).expect("a status"), [("location", "/other")]))
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}/hooks/planted-key", listener.local_addr().expect("an address"));
        let mut tasks = JoinSet::new();
        tasks.spawn(async move { axum::serve(listener, Router::new().fallback(respond)).await });
        Self { url, requests, arrived, _tasks: tasks }
    }
}

/// A delivery whose app and source are not there.
fn configuration(webhook: &str, smtp: &str) -> String {
    format!(
        r#"
[sources.opera]
vendor = "secutix"
environment = "sandbox"
base_url = "http://127.0.0.1:9"
institution = "OPERA"
login = "OPERA_DGTK"
password = {{ value = "any" }}
contact_reference = "1000042"
time_zone = "Europe/Zurich"
currency = "CHF"
[deliveries.opera-app]
app = "tixngo"
source = "opera"
url = "http://127.0.0.1:9/v3/organizer/tickets"
api_key = {{ value = "any" }}
interval = "200ms"
country = "CH"
postal_code = "1005"
[notifications]
webhook_url = {{ value = "{webhook}" }}
webhook_secret = {{ value = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw" }}
smtp_url = {{ value = "{smtp}" }}
email_from = "ticketgraph@example.org"
email_to = ["operator@example.org"]
pending_period = "300ms"
timeout = "2s"
"#
    )
}

async fn check(configuration: &str, more: &[&str]) -> Vec<String> {
    check_trusting(configuration, more, None).await
}

/// Runs the check, with only this certificate trusted if there is one.
async fn check_trusting(configuration: &str, more: &[&str], certificate: Option<&str>) -> Vec<String> {
    let trusted = certificate.map(|certificate| {
        let file = NamedTempFile::new().expect("a file");
        std::fs::write(&file, certificate).expect("a file");
        file
    });
    let environment: Vec<_> = trusted.iter().map(|file| ("SSL_CERT_FILE", file.path())).collect();
    let run = check_online(configuration, more, &environment).await;
    let text = String::from_utf8_lossy(&run.stdout).into_owned() + &String::from_utf8_lossy(&run.stderr);
    assert!(!text.contains("planted") && !text.contains(PASSWORD), "{text}");
    text.lines().filter(|line| line.contains(" notifications: ")).map(str::to_owned).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn check_reaches_webhook_and_mail_server_and_sends_nothing_without_permission() {
    let mail = MailServer::start().await;
    for (head, post, expected) in [
        (405, 204, ["ok ", "ok "]),
        (200, 401, ["ok ", "FAILED "]),
        (302, 302, ["FAILED ", "FAILED "]),
        (503, 503, ["FAILED ", "FAILED "]),
    ] {
        let webhook = Receiver::start(head, post).await;
        let text = configuration(&webhook.url, &mail.url(PASSWORD));
        let lines = check(&text, &[]).await;
        assert_eq!(lines.len(), 3, "{lines:#?}");
        assert!(lines[0].starts_with(expected[0]) && lines[1].starts_with("SKIPPED"), "{head}: {lines:#?}");
        assert!(lines[2].starts_with("ok "), "{lines:#?}");
        assert_eq!(*webhook.requests.lock().expect("a lock"), ["HEAD false"]);
        let lines = check(&text, &["--try-writes"]).await;
        assert!(lines[1].starts_with(expected[1]), "{post}: {lines:#?}");
        assert_eq!(*webhook.requests.lock().expect("a lock"), ["HEAD false", "HEAD false", "POST true"]);
    }
    assert_eq!((mail.logins(), mail.mails().len()), (8, 0));
    let lines = check(&configuration("http://127.0.0.1:9/planted", &mail.url("planted-wrong")), &[]).await;
    assert!(lines[0].starts_with("FAILED ") && lines[0].contains("No connection"), "{lines:#?}");
    assert!(lines[2].starts_with("FAILED ") && lines[2].contains("reply 535"), "{lines:#?}");
    assert_eq!(mail.logins(), 8);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_server_is_trusted_only_with_a_certificate_of_its_name() {
    let (mail, certificate) = MailServer::start_tls().await;
    let webhook = Receiver::start(200, 200).await;
    let text = configuration(&webhook.url, &mail.tls_url());
    let lines = check_trusting(&text, &[], Some(&certificate)).await;
    assert!(lines[2].starts_with("ok ") && mail.logins() == 1, "{lines:#?}");
    let stranger = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate").cert.pem();
    let lines = check_trusting(&text, &[], Some(&stranger)).await;
    assert!(lines[2].starts_with("FAILED ") && mail.logins() == 1, "{lines:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_service_reports_a_failing_stream_by_webhook_and_mail_and_counts_what_it_sent() {
    let (mail, mut webhook) = (MailServer::start().await, Receiver::start(200, 200).await);
    let folder = TempDir::new().expect("a folder");
    let text = configuration(&webhook.url, &mail.url(PASSWORD));
    std::fs::write(folder.path().join("venues.toml"), text).expect("a file");
    let arguments = ["serve", "--config", "venues.toml", "--listen", "127.0.0.1:0", "--data", "data"];
    let mut process = Process::start(&folder, &arguments);
    let address = process.address("listening on http://");
    tokio::time::timeout(TIMEOUT, webhook.arrived.recv()).await.expect("a notice").expect("a receiver");
    let mut lines = Vec::new();
    for _ in 0..2 {
        lines.extend(process.lines_until("notice sent", 0));
    }
    let client = http_client::build_client().expect("a client");
    let metrics =
        client.get(format!("{address}/metrics")).send().await.expect("a response").text().await.expect("text");
    for destination in ["webhook", "email"] {
        let counted = metrics.lines().any(|line| {
            line.starts_with("ticketgraph_notifications_total") && line.contains(destination) && line.ends_with("} 1")
        });
        assert!(counted, "{destination}: {metrics}");
    }
    assert_eq!(*webhook.requests.lock().expect("a lock"), ["POST true"]);
    assert_eq!(mail.mails()[0].header("Subject"), "ticketgraph: opera-app STATUS fails");
    process.signal("-TERM");
    let (code, rest) = process.end();
    assert_eq!(code, Some(0), "{rest:#?}");
    lines.extend(rest);
    assert!(!lines.iter().any(|line| line.contains("planted") || line.contains(PASSWORD)), "{lines:#?}");
}
