//! The door: addresses of both transports, who may come in, how often, and the envelopes (`secutix.md §2`).

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Method as Verb, Response, StatusCode, Uri, header};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::SizeAbove;

use crate::secutix::Secutix;
use crate::secutix::method::{Desk, Method};
use crate::secutix::voice::{Parameters, Tongue, Voice, xml};
use crate::secutix::world::{Institution, institutions};
use crate::secutix::xml as reader;

/// Seconds that a token may be dated ahead (`secutix.md §8`).
const AHEAD: i64 = 60;
/// Seconds that a token of the token address is good for.
const TOKEN_LIFE: i64 = 300;
/// Answers above this many bytes are compressed for those who ask.
const COMPRESSED_ABOVE: u64 = 16_384;

/// The vendor's addresses.
pub(super) fn router(secutix: Arc<Secutix>) -> Router {
    Router::new()
        .fallback(enter)
        .layer(CompressionLayer::new().compress_when(SizeAbove::new(COMPRESSED_ABOVE)))
        .with_state(secutix)
}

async fn enter(
    State(secutix): State<Arc<Secutix>>,
    verb: Verb,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    let parts: Vec<&str> = uri.path().trim_matches('/').split('/').collect();
    if verb != Verb::POST {
        return plain(StatusCode::METHOD_NOT_ALLOWED);
    }
    match parts[..] {
        ["tnai", "backend-apis", "v1", "auth"] => token(&secutix, &body),
        [_, "backend-apis", service, version, method] if is_version(version) => {
            json_call(&secutix, &headers, service, method, &body)
        }
        [_, "external-remoting", class] => soap_call(&secutix, class, &body),
        _ => plain(StatusCode::NOT_FOUND),
    }
}

fn is_version(text: &str) -> bool {
    text.starts_with('v') && text.contains('_')
}

#[derive(Serialize, Deserialize)]
struct Claims {
    sub: String,
    aud: String,
    #[serde(default)]
    iss: String,
    iat: i64,
    exp: i64,
}

fn json_call(secutix: &Secutix, headers: &HeaderMap, service: &str, name: &str, body: &[u8]) -> Response<Body> {
    let houses = institutions(secutix.now());
    let Some(institution) = bearer(headers).and_then(|token| trusted(secutix, &houses, token)) else {
        return json_answer(StatusCode::UNAUTHORIZED, &json!({"error": "Unauthorized"}));
    };
    let is_json = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    if !is_json.is_some_and(|kind| kind.starts_with("application/json")) {
        return plain(StatusCode::UNSUPPORTED_MEDIA_TYPE);
    }
    let Some(method) = Method::find(service, name) else { return plain(StatusCode::NOT_FOUND) };
    let Ok(parameters @ Value::Object(_)) = serde_json::from_slice(body) else { return plain(StatusCode::BAD_REQUEST) };
    match answer(secutix, institution, Tongue::Json, method, parameters) {
        Some(result) => json_answer(StatusCode::OK, &result),
        None => too_many(),
    }
}

/// One call, unless it is one too many.
fn answer(
    secutix: &Secutix,
    institution: &Institution,
    tongue: Tongue,
    method: &Method,
    parameters: Value,
) -> Option<Value> {
    let now = secutix.now();
    let endpoint = format!("{}/{}", method.service, method.name);
    if secutix.limits.as_ref().is_some_and(|limits| !limits.admits(institution.code, &endpoint, now)) {
        return None;
    }
    let voice = Voice { tongue, zone: institution.zone.clone() };
    let desk = Desk { institution, now, voice };
    let outcome = secutix.book.change(|book| (method.answer)(book, &desk, &Parameters(parameters)));
    Some(method.result(outcome))
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    headers.get(header::AUTHORIZATION)?.to_str().ok()?.strip_prefix("Bearer ")
}

/// The institution that a token is good for: `sub` is its code, `aud` its operator, the key is the operator's password.
/// A client dates its tokens by its own clock, which may or may not be moved along with that of the sandbox: both are right.
fn trusted<'a>(secutix: &Secutix, houses: &'a [Institution], token: &str) -> Option<&'a Institution> {
    let mut rules = Validation::new(Algorithm::HS256);
    rules.validate_exp = false;
    rules.validate_aud = false;
    rules.required_spec_claims.clear();
    houses.iter().find(|house| {
        let key = DecodingKey::from_secret(house.password.as_bytes());
        let Ok(read) = jsonwebtoken::decode::<Claims>(token, &key, &rules) else { return false };
        let Claims { sub, aud, iat, exp, .. } = read.claims;
        let (early, late) = (secutix.clock.unmoved().as_second(), secutix.now().as_second());
        sub.eq_ignore_ascii_case(house.code) && aud == house.login && exp > early && iat <= late + AHEAD
    })
}

/// The token address (`secutix.md §2.3`).
fn token(secutix: &Secutix, body: &[u8]) -> Response<Body> {
    let asked: Value = serde_json::from_slice(body).unwrap_or_default();
    let houses = institutions(secutix.now());
    let house = houses.iter().find(|house| asked["operator"] == house.login && asked["secret"] == house.password);
    let Some(house) = house else { return json_answer(StatusCode::UNAUTHORIZED, &json!({"error": "Unauthorized"})) };
    let now = secutix.clock.unmoved().as_second();
    let claims = Claims {
        sub: house.code.to_owned(),
        aud: house.login.to_owned(),
        iss: asked["partner"].as_str().unwrap_or_default().to_owned(),
        iat: now,
        exp: now + TOKEN_LIFE,
    };
    match jsonwebtoken::encode(&Header::default(), &claims, &EncodingKey::from_secret(house.password.as_bytes())) {
        Ok(token) => json_answer(StatusCode::OK, &json!({ "token": token })),
        Err(_) => plain(StatusCode::INTERNAL_SERVER_ERROR),
    }
}

/// The method that a SOAP body calls, for the log.
pub(super) fn soap_method(body: &[u8]) -> Option<String> {
    let mut root = reader::read(body).ok()?;
    let Value::Object(children) = root.take("Body")? else { return None };
    children.into_iter().next().map(|(name, _)| name)
}

fn soap_call(secutix: &Secutix, class: &str, body: &[u8]) -> Response<Body> {
    let Ok(mut root) = reader::read(body) else { return fault("S:Client", "The request is not well-formed") };
    let header = root.take("Header").unwrap_or_default();
    let user = &header["Security"]["UsernameToken"];
    let houses = institutions(secutix.now());
    let Some(institution) =
        houses.iter().find(|house| user["Username"] == house.login && user["Password"] == house.password)
    else {
        return fault("wsse:FailedAuthentication", "Authentication failed");
    };
    let Some(Value::Object(mut children)) = root.take("Body") else { return fault("S:Client", "There is no body") };
    let name = children.keys().next().cloned().unwrap_or_default();
    let parameters = children.remove(&name).filter(Value::is_object).unwrap_or_else(|| json!({}));
    // `com.secutix.….v1_33.CatalogService.webservice`
    let class = class.strip_suffix(".webservice").unwrap_or(class);
    let mut parts = class.rsplit('.');
    let (service, version) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let Some(method) = Method::find(service, &name).filter(|_| is_version(version)) else {
        return fault("S:Client", "Unknown method");
    };
    let Some(result) = answer(secutix, institution, Tongue::Soap, method, parameters) else { return too_many() };
    let mut inner = String::new();
    xml(&mut inner, method.class, &result);
    let envelope = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><S:Envelope xmlns:S=\"http://schemas.xmlsoap.org/soap/envelope/\"><S:Body>\
         <ns2:{name}Response xmlns:ns2=\"http://{version}.{service}.service.secutix.com\">{inner}</ns2:{name}Response>\
         </S:Body></S:Envelope>"
    );
    with_kind(StatusCode::OK, "text/xml;charset=utf-8", envelope)
}

fn fault(code: &str, text: &str) -> Response<Body> {
    let body = format!(
        "<S:Envelope xmlns:S=\"http://schemas.xmlsoap.org/soap/envelope/\"><S:Body><S:Fault><faultcode \
         xmlns:wsse=\"http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd\">{code}</faultcode>\
         <faultstring>{text}</faultstring></S:Fault></S:Body></S:Envelope>"
    );
    with_kind(StatusCode::INTERNAL_SERVER_ERROR, "text/xml;charset=utf-8", body)
}

/// Not a standard status (`secutix.md §2.8`).
fn too_many() -> Response<Body> {
    plain(StatusCode::from_u16(509).unwrap_or(StatusCode::TOO_MANY_REQUESTS))
}

fn plain(status: StatusCode) -> Response<Body> {
    with_kind(status, "text/plain", status.as_str().to_owned())
}

fn json_answer(status: StatusCode, value: &Value) -> Response<Body> {
    with_kind(status, "application/json;charset=UTF-8", value.to_string())
}

fn with_kind(status: StatusCode, kind: &'static str, body: String) -> Response<Body> {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static(kind));
    response
}
