//! Tokens: forged ones are rejected, and sessions end when their token expires.

use std::sync::Arc;

use async_trait::async_trait;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{EncodingKey, Header, encode};
use serde_json::{Value, json};
use ticketgraph::gateway::auth::{Algorithm, IssuerSettings, KeySetError, KeySetSource, TokenIssuer};
use ticketgraph::gateway::persisted::Safelist;
use ticketgraph::graphql::Scope;

use super::socket::{Received, Socket, subscribe};
use super::{TestGateway, start_for};
use crate::default_config::default_limits;

struct FixedKeySet(Value);

#[async_trait]
impl KeySetSource for FixedKeySet {
    async fn fetch(&self) -> Result<Vec<u8>, KeySetError> {
        Ok(self.0.to_string().into_bytes())
    }
}

/// Signs tokens.
pub(crate) struct Signer {
    private: EncodingKey,
    x: String,
    /// Public key.
    pub jwk: Value,
}

/// Creates a signer with a key of its own.
pub(crate) fn signer() -> Signer {
    let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new()).expect("a key");
    let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, document.as_ref()).expect("a key");
    let point = pair.public_key().as_ref();
    let part = |range: std::ops::Range<usize>| URL_SAFE_NO_PAD.encode(&point[range]);
    let (x, y) = (part(1..33), part(33..65));
    let jwk = json!({"kty": "EC", "crv": "P-256", "kid": "one", "alg": "ES256", "x": x, "y": y});
    Signer { private: EncodingKey::from_ec_der(document.as_ref()), x, jwk }
}

/// Returns claims that are valid for this many seconds.
pub(crate) fn claims(expires_in: i64) -> Value {
    let now = i64::try_from(jsonwebtoken::get_current_timestamp()).expect("a time");
    json!({"sub": "shop", "iss": "https://id.example", "aud": "ticketgraph", "exp": now + expires_in, "scope": "catalog:read"})
}

/// Returns a signed token.
pub(crate) fn sign(signer: &Signer, claims: &Value) -> String {
    let header = Header { kid: Some("one".to_owned()), ..Header::new(Algorithm::ES256) };
    encode(&header, claims, &signer.private).expect("a token")
}

/// Starts a gateway that trusts the tokens of the issuer `portal`.
pub(super) async fn gateway_trusting(signer: &Signer) -> TestGateway {
    let settings = IssuerSettings {
        name: "portal".to_owned(),
        issuer: "https://id.example".to_owned(),
        audience: "ticketgraph".to_owned(),
        algorithms: vec![Algorithm::ES256],
        scopes: [Scope::CatalogRead].into(),
        allows_all_resellers: true,
        requests_per_minute: None,
    };
    let issuer = TokenIssuer::new(settings, Box::new(FixedKeySet(json!({ "keys": [signer.jwk] }))));
    start_for(default_limits(), Safelist::default(), vec![Arc::new(issuer)], 64).await
}

async fn status_for(door: &TestGateway, token: &str) -> u16 {
    let request = door.client.get(door.url()).query(&[("query", "{ viewer { id } }")]);
    request.header("authorization", format!("Bearer {token}")).send().await.expect("a response").status().as_u16()
}

#[tokio::test]
async fn forged_tokens_are_rejected_whatever_their_header_claims() {
    let signer = signer();
    let door = gateway_trusting(&signer).await;
    assert_eq!(status_for(&door, &sign(&signer, &claims(600))).await, 200);
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let unsigned =
        |algorithm: &str| format!("{}.{}.", part(&json!({"alg": algorithm, "typ": "JWT"})), part(&claims(600)));
    // The issuer's public key, used as the secret of an HMAC.
    let confused = encode(
        &Header { kid: Some("one".to_owned()), ..Header::new(Algorithm::HS256) },
        &claims(600),
        &EncodingKey::from_secret(signer.x.as_bytes()),
    );
    let other_issuer =
        json!({"sub": "shop", "iss": "https://evil.example", "aud": "ticketgraph", "exp": 4_000_000_000_u64});
    let own_key = json!({"alg": "ES256", "jwk": signer_of_somebody_else().jwk});
    for (what, token) in [
        ("alg none", unsigned("none")),
        ("alg NONE", unsigned("NONE")),
        ("no signature", unsigned("ES256")),
        ("key confusion", confused.expect("a token")),
        ("another key", sign(&signer_of_somebody_else(), &claims(600))),
        ("a key of its own", format!("{}.{}.{}", part(&own_key), part(&claims(600)), URL_SAFE_NO_PAD.encode([0; 64]))),
        ("another issuer", sign(&signer, &other_issuer)),
        ("expired", sign(&signer, &claims(-3_600))),
        ("a changed claim", tampered(&sign(&signer, &claims(600)))),
    ] {
        assert_eq!(status_for(&door, &token).await, 401, "{what}");
    }
}

fn signer_of_somebody_else() -> Signer {
    signer()
}

fn tampered(token: &str) -> String {
    let mut parts: Vec<&str> = token.split('.').collect();
    let mut claims = claims(600);
    claims["scope"] = "admin".into();
    let forged = URL_SAFE_NO_PAD.encode(claims.to_string());
    parts[1] = &forged;
    parts.join(".")
}

/// Shortest remaining validity. The accepted clock difference is 30 seconds, so a token that expired 28 seconds ago has
/// two left.
const NEARLY_EXPIRED: i64 = -28;

#[tokio::test]
async fn a_websocket_is_closed_when_its_token_expires() {
    let signer = signer();
    let door = gateway_trusting(&signer).await;
    let mut socket = Socket::connect(&door, Some("graphql-transport-ws")).await;
    let token = format!("Bearer {}", sign(&signer, &claims(NEARLY_EXPIRED)));
    socket.send(json!({"type": "connection_init", "payload": {"authorization": token}})).await;
    assert_eq!(socket.receive().await, Received::Message(json!({"type": "connection_ack"})));
    socket.send(subscribe("1", "subscription { sourceHealthChanged { name } }")).await;
    assert_eq!(socket.receive().await, Received::Closed(4403));
}

#[tokio::test]
async fn an_event_stream_completes_when_its_token_expires() {
    let signer = signer();
    let door = gateway_trusting(&signer).await;
    let request =
        door.client.post(door.url()).header("content-type", "application/json").header("accept", "text/event-stream");
    let token = format!("Bearer {}", sign(&signer, &claims(NEARLY_EXPIRED)));
    let body = json!({ "query": "subscription { sourceHealthChanged { name } }" }).to_string();
    let response = request.header("authorization", token).body(body).send().await.expect("a response");
    assert_eq!(response.status(), 200);
    assert!(response.text().await.expect("the whole stream").trim_end().starts_with("event: complete"));
}
