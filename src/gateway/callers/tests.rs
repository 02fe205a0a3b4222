//! Keys and tokens: who is recognised, and who is not.

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
           "scope": "catalog:read nonsense order:read", "reseller": "tiqets"})
}

fn sign(signer: &Signer, algorithm: Algorithm, claims: &Value) -> String {
    let header = Header { kid: Some(signer.kid.clone()), ..Header::new(algorithm) };
    encode(&header, claims, &signer.private).expect("a token")
}

#[derive(Clone)]
struct Published {
    set: Arc<std::sync::Mutex<Value>>,
    fetches: Arc<AtomicUsize>,
}

#[async_trait::async_trait]
impl KeySource for Published {
    async fn fetch(&self) -> Result<Vec<u8>, UnusableKeys> {
        self.fetches.fetch_add(1, Ordering::SeqCst);
        Ok(self.set.lock().expect("a lock").to_string().into_bytes())
    }
}

fn believing(signer: &Signer) -> (Callers, Published) {
    let published =
        Published { set: Arc::new(std::sync::Mutex::new(json!({"keys": [signer.jwk]}))), fetches: Arc::default() };
    let settings = IssuerSettings {
        issuer: "https://id.example".to_owned(),
        audience: "ticketgraph".to_owned(),
        algorithms: vec![Algorithm::ES256],
        per_minute: Some(60),
    };
    let issuer = Issuer::new(settings, Box::new(published.clone()));
    (Callers { issuers: vec![Arc::new(issuer)], ..Callers::default() }, published)
}

async fn ask(callers: &Callers, token: &str) -> Result<Caller, Stranger> {
    callers.recognise_text(&format!("Bearer {token}")).await
}

#[tokio::test]
async fn a_token_says_who_its_bearer_is_and_unknown_scopes_allow_nothing() {
    let signer = signer("one");
    let (callers, _) = believing(&signer);
    let caller = ask(&callers, &sign(&signer, Algorithm::ES256, &claims())).await.expect("a caller");
    assert_eq!(
        (caller.viewer.id.as_str(), caller.viewer.reseller.as_deref(), caller.per_minute),
        ("shop", Some("tiqets"), Some(60))
    );
    let scopes: HashSet<_> = ["catalog:read", "order:read"].iter().map(|name| name.parse().expect("a scope")).collect();
    assert_eq!(caller.viewer.scopes, scopes);
}

#[tokio::test]
async fn a_token_that_is_not_exactly_right_is_not_believed() {
    let (signer, stranger) = (signer("one"), signer("one"));
    let (callers, _) = believing(&signer);
    for (claim, value) in [
        ("exp", json!(1_000_000_000)),
        ("exp", Value::Null),
        ("iss", json!("https://elsewhere.example")),
        ("aud", json!("another")),
        ("nbf", json!(3_900_000_000_u64)),
    ] {
        let mut wrong = claims();
        wrong[claim] = value.clone();
        let outcome = ask(&callers, &sign(&signer, Algorithm::ES256, &wrong)).await;
        assert_eq!(outcome.map(|_| ()), Err(Stranger::Unknown), "{claim} {value}");
    }
    let forged = sign(&stranger, Algorithm::ES256, &claims());
    assert_eq!(ask(&callers, &forged).await.map(|_| ()), Err(Stranger::Unknown));
}

#[tokio::test]
async fn neither_no_algorithm_nor_a_public_key_taken_for_a_secret_opens_the_door() {
    let signer = signer("one");
    let (callers, _) = believing(&signer);
    let payload = URL_SAFE_NO_PAD.encode(claims().to_string());
    let none = format!("{}.{payload}.", URL_SAFE_NO_PAD.encode(r#"{"alg":"none","typ":"JWT","kid":"one"}"#));
    assert_eq!(ask(&callers, &none).await.map(|_| ()), Err(Stranger::Unknown));
    let public = EncodingKey::from_secret(signer.jwk.to_string().as_bytes());
    let header = Header { kid: Some("one".to_owned()), ..Header::new(Algorithm::HS256) };
    let confused = encode(&header, &claims(), &public).expect("a token");
    assert_eq!(ask(&callers, &confused).await.map(|_| ()), Err(Stranger::Unknown));
}

#[tokio::test(start_paused = true)]
async fn rotated_keys_are_fetched_anew_and_strangers_cannot_make_us_fetch_often() {
    let (old, new) = (signer("old"), signer("new"));
    let (callers, published) = believing(&old);
    assert!(ask(&callers, &sign(&old, Algorithm::ES256, &claims())).await.is_ok());
    *published.set.lock().expect("a lock") = json!({"keys": [new.jwk]});
    for _ in 0..5 {
        assert!(ask(&callers, &sign(&new, Algorithm::ES256, &claims())).await.is_err());
    }
    assert_eq!(published.fetches.load(Ordering::SeqCst), 1);
    tokio::time::advance(std::time::Duration::from_secs(31)).await;
    assert!(ask(&callers, &sign(&new, Algorithm::ES256, &claims())).await.is_ok());
    assert_eq!(published.fetches.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn keys_are_recognised_and_everything_else_is_told_apart() {
    let viewer = Viewer { id: "shop".to_owned(), name: "shop".to_owned(), reseller: None, scopes: HashSet::new() };
    let caller = Caller { viewer: Arc::new(viewer), per_minute: None, until: None };
    let key_sha256 = Sha256::digest(b"right").into();
    let mut callers = Callers { keys: vec![KeyHolder { key_sha256, caller: caller.clone() }], ..Callers::default() };
    let with = |text: &str| {
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, text.parse().expect("a header"));
        headers
    };
    assert!(callers.recognise(&with("Bearer right")).await.is_ok());
    assert!(callers.recognise(&with("bearer  right")).await.is_ok());
    for (text, stranger) in [
        ("Bearer wrong", Stranger::Unknown),
        ("Basic right", Stranger::Unreadable),
        ("Bearer", Stranger::Unreadable),
        ("Bearer two words", Stranger::Unreadable),
    ] {
        assert_eq!(callers.recognise(&with(text)).await.map(|_| ()), Err(stranger), "{text}");
    }
    assert_eq!(callers.recognise(&HeaderMap::new()).await.map(|_| ()), Err(Stranger::Anonymous));
    callers.anonymous = Some(caller);
    assert!(callers.recognise(&HeaderMap::new()).await.is_ok());
    assert!(callers.recognise(&with("Bearer wrong")).await.is_err(), "a wrong key is not the same as none");
}
