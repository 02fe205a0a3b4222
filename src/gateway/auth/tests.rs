//! Tests of API keys and tokens.

use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{EncodingKey, Header, encode};
use serde_json::{Value, json};

use super::*;

struct Signer {
    kid: String,
    private: EncodingKey,
    jwk: Value,
}

fn signer(kid: &str) -> Signer {
    let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new()).expect("a key");
    let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, document.as_ref()).expect("a key");
    let point = pair.public_key().as_ref();
    let part = |range: std::ops::Range<usize>| URL_SAFE_NO_PAD.encode(&point[range]);
    Signer {
        kid: kid.to_owned(),
        private: EncodingKey::from_ec_der(document.as_ref()),
        jwk: json!({"kty": "EC", "crv": "P-256", "kid": kid, "alg": "ES256", "x": part(1..33), "y": part(33..65)}),
    }
}

fn claims() -> Value {
    json!({"sub": "shop", "iss": "https://id.example", "aud": "ticketgraph", "exp": 4_000_000_000_u64,
           "scope": "catalog:read nonsense order:read admin", "reseller": "tiqets"})
}

fn sign(signer: &Signer, algorithm: Algorithm, claims: &Value) -> String {
    let header = Header { kid: Some(signer.kid.clone()), ..Header::new(algorithm) };
    encode(&header, claims, &signer.private).expect("a token")
}

#[derive(Clone)]
struct PublishedKeySet {
    set: Arc<std::sync::Mutex<Value>>,
    fetches: Arc<AtomicUsize>,
}

#[async_trait::async_trait]
impl KeySetSource for PublishedKeySet {
    async fn fetch(&self) -> Result<Vec<u8>, KeySetError> {
        self.fetches.fetch_add(1, Ordering::SeqCst);
        Ok(self.set.lock().expect("a lock").to_string().into_bytes())
    }
}

fn authenticator_trusting(signer: &Signer) -> (Authenticator, PublishedKeySet) {
    let published = PublishedKeySet {
        set: Arc::new(std::sync::Mutex::new(json!({"keys": [signer.jwk]}))),
        fetches: Arc::default(),
    };
    let settings = IssuerSettings {
        name: "portal".to_owned(),
        issuer: "https://id.example".to_owned(),
        audience: "ticketgraph".to_owned(),
        algorithms: vec![Algorithm::ES256],
        scopes: ["catalog:read", "order:read"].iter().map(|name| name.parse().expect("a scope")).collect(),
        allows_all_resellers: false,
        requests_per_minute: Some(60),
    };
    let issuer = TokenIssuer::new(settings, Box::new(published.clone()));
    (Authenticator { issuers: vec![Arc::new(issuer)], ..Authenticator::default() }, published)
}

async fn authenticate(authenticator: &Authenticator, token: &str) -> Result<Principal, AuthError> {
    authenticator.authenticate_header(&format!("Bearer {token}")).await
}

#[tokio::test]
async fn a_token_identifies_its_principal_and_grants_no_more_than_its_issuer_may() {
    let signer = signer("one");
    let (authenticator, _) = authenticator_trusting(&signer);
    let principal = authenticate(&authenticator, &sign(&signer, Algorithm::ES256, &claims())).await.expect("a caller");
    assert_eq!(
        (principal.viewer.id.as_str(), principal.viewer.reseller.as_deref(), principal.requests_per_minute),
        ("portal:shop", Some("tiqets"), Some(60))
    );
    let scopes: HashSet<_> = ["catalog:read", "order:read"].iter().map(|name| name.parse().expect("a scope")).collect();
    assert_eq!(principal.viewer.scopes, scopes);
}

#[tokio::test]
async fn an_invalid_token_is_rejected() {
    let (signer, forger) = (signer("one"), signer("one"));
    let (authenticator, _) = authenticator_trusting(&signer);
    for (claim, value) in [
        ("exp", json!(1_000_000_000)),
        ("exp", Value::Null),
        ("iss", json!("https://elsewhere.example")),
        ("aud", json!("another")),
        ("nbf", json!(3_900_000_000_u64)),
        ("reseller", Value::Null),
        ("reseller", json!("")),
        ("sub", json!("")),
        ("sub", json!("x".repeat(256))),
    ] {
        let mut wrong = claims();
        wrong[claim] = value.clone();
        let result = authenticate(&authenticator, &sign(&signer, Algorithm::ES256, &wrong)).await;
        assert_eq!(result.map(|_| ()), Err(AuthError::InvalidCredentials), "{claim} {value}");
    }
    let header =
        Header { kid: Some(signer.kid.clone()), crit: Some(vec!["b64".to_owned()]), ..Header::new(Algorithm::ES256) };
    let critical = encode(&header, &claims(), &signer.private).expect("a token");
    assert_eq!(authenticate(&authenticator, &critical).await.map(|_| ()), Err(AuthError::InvalidCredentials));
    let mut for_encryption = signer.jwk.clone();
    for_encryption["use"] = json!("enc");
    let (other, published) = authenticator_trusting(&signer);
    *published.set.lock().expect("a lock") = json!({ "keys": [for_encryption] });
    let token = sign(&signer, Algorithm::ES256, &claims());
    assert_eq!(authenticate(&other, &token).await.map(|_| ()), Err(AuthError::InvalidCredentials));
    let forged = sign(&forger, Algorithm::ES256, &claims());
    assert_eq!(authenticate(&authenticator, &forged).await.map(|_| ()), Err(AuthError::InvalidCredentials));
}

#[tokio::test]
async fn neither_alg_none_nor_a_public_key_used_as_a_secret_is_accepted() {
    let signer = signer("one");
    let (authenticator, _) = authenticator_trusting(&signer);
    let payload = URL_SAFE_NO_PAD.encode(claims().to_string());
    let none = format!("{}.{payload}.", URL_SAFE_NO_PAD.encode(r#"{"alg":"none","typ":"JWT","kid":"one"}"#));
    assert_eq!(authenticate(&authenticator, &none).await.map(|_| ()), Err(AuthError::InvalidCredentials));
    let public = EncodingKey::from_secret(signer.jwk.to_string().as_bytes());
    let header = Header { kid: Some("one".to_owned()), ..Header::new(Algorithm::HS256) };
    let confused = encode(&header, &claims(), &public).expect("a token");
    assert_eq!(authenticate(&authenticator, &confused).await.map(|_| ()), Err(AuthError::InvalidCredentials));
}

#[tokio::test(start_paused = true)]
async fn rotated_keys_are_fetched_again_and_unknown_tokens_cannot_force_frequent_fetches() {
    let (old, new) = (signer("old"), signer("new"));
    let (authenticator, published) = authenticator_trusting(&old);
    assert!(authenticate(&authenticator, &sign(&old, Algorithm::ES256, &claims())).await.is_ok());
    *published.set.lock().expect("a lock") = json!({"keys": [new.jwk]});
    for _ in 0..5 {
        assert!(authenticate(&authenticator, &sign(&new, Algorithm::ES256, &claims())).await.is_err());
    }
    assert_eq!(published.fetches.load(Ordering::SeqCst), 1);
    tokio::time::advance(std::time::Duration::from_secs(31)).await;
    assert!(authenticate(&authenticator, &sign(&new, Algorithm::ES256, &claims())).await.is_ok());
    assert_eq!(published.fetches.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn keys_are_authenticated_and_other_credentials_get_distinct_errors() {
    let viewer = Viewer { id: "shop".to_owned(), name: "shop".to_owned(), reseller: None, scopes: HashSet::new() };
    let principal = Principal { viewer: Arc::new(viewer), requests_per_minute: None, expires_at: None, session: None };
    let key_sha256 = Sha256::digest(b"right").into();
    let mut authenticator = Authenticator {
        api_keys: vec![ApiKey { key_sha256, principal: principal.clone() }],
        ..Authenticator::default()
    };
    let with = |text: &str| {
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, text.parse().expect("a header"));
        headers
    };
    assert!(authenticator.authenticate(&with("Bearer right")).await.is_ok());
    assert!(authenticator.authenticate(&with("bearer  right")).await.is_ok());
    for (text, error) in [
        ("Bearer wrong", AuthError::InvalidCredentials),
        ("Basic right", AuthError::MalformedHeader),
        ("Bearer", AuthError::MalformedHeader),
        ("Bearer two words", AuthError::MalformedHeader),
    ] {
        assert_eq!(authenticator.authenticate(&with(text)).await.map(|_| ()), Err(error), "{text}");
    }
    assert_eq!(authenticator.authenticate(&HeaderMap::new()).await.map(|_| ()), Err(AuthError::MissingCredentials));
    authenticator.anonymous = Some(principal);
    assert!(authenticator.authenticate(&HeaderMap::new()).await.is_ok());
    assert!(authenticator.authenticate(&with("Bearer wrong")).await.is_err(), "a wrong key is not the same as none");
}
