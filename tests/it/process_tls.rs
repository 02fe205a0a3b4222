//! TLS by configuration: the real binary with certificate and key files.

use std::net::SocketAddr;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::process::Process;

#[tokio::test]
async fn the_service_serves_tls_with_the_configured_certificate() {
    let folder = TempDir::new().expect("a folder");
    let own = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).expect("a file");
        path.display().to_string()
    };
    let (cert, key) = (file("cert.pem", &own.cert.pem()), file("key.pem", &own.signing_key.serialize_pem()));
    let settings = [("TICKETGRAPH__SERVER__TLS__CERT", cert.as_str()), ("TICKETGRAPH__SERVER__TLS__KEY", key.as_str())];
    let arguments = ["serve", "--listen", "127.0.0.1:0", "--data", folder.path().to_str().expect("a path")];
    let process = Process::start_with(&folder, &arguments, &settings);
    let address = process.address("listening on https://");
    let address: SocketAddr = address.trim_start_matches("http://").parse().expect("an address");
    let client =
        |builder: reqwest::ClientBuilder| builder.no_proxy().resolve("localhost", address).build().expect("a client");
    let url = format!("https://localhost:{}/graphql", address.port());
    let body = json!({ "query": "{ viewer { id } }" });
    let trusted = reqwest::Certificate::from_der(own.cert.der()).expect("a certificate");
    let trusting = client(reqwest::Client::builder().tls_certs_only([trusted]));
    let response = trusting.post(&url).json(&body).send().await.expect("a response");
    assert_eq!(response.headers()["strict-transport-security"], "max-age=31536000");
    let response: Value = response.json().await.expect("JSON");
    assert_eq!(response["data"]["viewer"]["id"], "anonymous");
    // Other clients do not trust this certificate, and plain HTTP gets no response.
    assert!(client(reqwest::Client::builder().tls_certs_only([])).post(&url).json(&body).send().await.is_err());
    assert!(client(reqwest::Client::builder()).post(url.replace("https", "http")).json(&body).send().await.is_err());
}
