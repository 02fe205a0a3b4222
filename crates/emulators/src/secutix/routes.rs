//! Routes of both transports, and their envelopes (`secutix.md §2`).

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Method as Verb, Response, StatusCode, Uri, header};
use serde_json::{Value, json};
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::SizeAbove;

use crate::secutix::SecutixEmulator;
use crate::secutix::auth::{authenticate, authenticate_operator, bearer_token, create_token};
use crate::secutix::encoding::{Encoder, Encoding, Parameters, write_xml};
use crate::secutix::limits::RequestLimits;
use crate::secutix::method::{CallContext, Method};
use crate::secutix::world::Institution;
use crate::secutix::xml;

/// Smallest compressed response, in bytes, for clients that accept compression.
const COMPRESSION_THRESHOLD_BYTES: u64 = 16_384;

/// Builds the vendor's routes.
pub(super) fn router(secutix: Arc<SecutixEmulator>) -> Router {
    Router::new()
        .fallback(dispatch)
        .layer(CompressionLayer::new().compress_when(SizeAbove::new(COMPRESSION_THRESHOLD_BYTES)))
        .with_state(secutix)
}

async fn dispatch(
    State(secutix): State<Arc<SecutixEmulator>>,
    verb: Verb,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    let response = respond(&secutix, &verb, &uri, &headers, &body);
    secutix.send_webhooks().await;
    response
}

fn respond(secutix: &SecutixEmulator, verb: &Verb, uri: &Uri, headers: &HeaderMap, body: &[u8]) -> Response<Body> {
    let parts: Vec<&str> = uri.path().trim_matches('/').split('/').collect();
    if *verb != Verb::POST {
        return plain_response(StatusCode::METHOD_NOT_ALLOWED);
    }
    match parts[..] {
        ["tnai", "backend-apis", "v1", "auth"] => issue_token(secutix, body),
        [_, "backend-apis", service, version, method] if is_version(version) => {
            json_call(secutix, headers, service, method, body)
        }
        [_, "external-remoting", class] => soap_call(secutix, class, body),
        _ => plain_response(StatusCode::NOT_FOUND),
    }
}

fn is_version(text: &str) -> bool {
    text.starts_with('v') && text.contains('_')
}

fn json_call(secutix: &SecutixEmulator, headers: &HeaderMap, service: &str, name: &str, body: &[u8]) -> Response<Body> {
    let institutions = secutix.institutions();
    let Some(institution) =
        bearer_token(headers).and_then(|token| authenticate(secutix, institutions.as_slice(), token))
    else {
        return json_response(StatusCode::UNAUTHORIZED, &json!({"error": "Unauthorized"}));
    };
    let is_json = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    if !is_json.is_some_and(|kind| kind.starts_with("application/json")) {
        return plain_response(StatusCode::UNSUPPORTED_MEDIA_TYPE);
    }
    let Some(method) = Method::find(service, name) else { return plain_response(StatusCode::NOT_FOUND) };
    let Ok(parameters @ Value::Object(_)) = serde_json::from_slice(body) else {
        return plain_response(StatusCode::BAD_REQUEST);
    };
    match call_method(secutix, institution, Encoding::Json, method, parameters) {
        Some(result) => json_response(StatusCode::OK, &result),
        None => limit_exceeded(),
    }
}

/// Runs a method; returns `None` if the call exceeds the request limit.
fn call_method(
    secutix: &SecutixEmulator,
    institution: &Institution,
    encoding: Encoding,
    method: &Method,
    mut parameters: Value,
) -> Option<Value> {
    let now = secutix.now();
    let is_catalog = method.name == "getCatalogDetailed" && parameters.get("requestId").is_none_or(Value::is_null);
    let exceeds = |limits: &RequestLimits| !limits.try_acquire(institution.code, method.service, is_catalog);
    if secutix.limits.as_ref().is_some_and(exceeds) {
        return None;
    }
    let encoder = Encoder { encoding, zone: institution.zone.clone() };
    let context = CallContext { institution, now, encoder };
    Some(secutix.store.update(|state| {
        state.overrides.readings.read(&mut parameters);
        let mut result = method.result((method.run)(state, &context, &Parameters(parameters)));
        state.overrides.readings.write(&mut result, institution);
        result
    }))
}

/// The token endpoint (`secutix.md §2.3`).
fn issue_token(secutix: &SecutixEmulator, body: &[u8]) -> Response<Body> {
    let request: Value = serde_json::from_slice(body).unwrap_or_default();
    let institutions = secutix.institutions();
    let Some(institution) = authenticate_operator(institutions.as_slice(), &request["operator"], &request["secret"])
    else {
        return json_response(StatusCode::UNAUTHORIZED, &json!({"error": "Unauthorized"}));
    };
    let partner = request["partner"].as_str().unwrap_or_default();
    match create_token(institution, partner, secutix.clock.base_now()) {
        Ok(token) => json_response(StatusCode::OK, &json!({ "token": token })),
        Err(_) => plain_response(StatusCode::INTERNAL_SERVER_ERROR),
    }
}

/// Returns the method that a SOAP body calls, for the call log.
pub(super) fn soap_method(body: &[u8]) -> Option<String> {
    let mut envelope = xml::read(body).ok()?;
    let Value::Object(children) = envelope.remove("Body")? else { return None };
    children.into_iter().next().map(|(name, _)| name)
}

fn soap_call(secutix: &SecutixEmulator, class: &str, body: &[u8]) -> Response<Body> {
    let Ok(mut envelope) = xml::read(body) else { return soap_fault("S:Client", "The request is not well-formed") };
    let header = envelope.remove("Header").unwrap_or_default();
    let user = &header["Security"]["UsernameToken"];
    let institutions = secutix.institutions();
    let Some(institution) = authenticate_operator(institutions.as_slice(), &user["Username"], &user["Password"]) else {
        return soap_fault("wsse:FailedAuthentication", "Authentication failed");
    };
    let Some(Value::Object(mut children)) = envelope.remove("Body") else {
        return soap_fault("S:Client", "There is no body");
    };
    let name = children.keys().next().cloned().unwrap_or_default();
    let parameters = children.remove(&name).filter(Value::is_object).unwrap_or_else(|| json!({}));
    // `com.secutix.….v1_33.CatalogService.webservice`
    let class = class.strip_suffix(".webservice").unwrap_or(class);
    let mut parts = class.rsplit('.');
    let (service, version) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let Some(method) = Method::find(service, &name).filter(|_| is_version(version)) else {
        return soap_fault("S:Client", "Unknown method");
    };
    let Some(result) = call_method(secutix, institution, Encoding::Soap, method, parameters) else {
        return limit_exceeded();
    };
    let mut inner = String::new();
    write_xml(&mut inner, method.class, &result);
    let envelope = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><S:Envelope xmlns:S=\"http://schemas.xmlsoap.org/soap/envelope/\"><S:Body>\
         <ns2:{name}Response xmlns:ns2=\"http://{version}.{service}.service.secutix.com\">{inner}</ns2:{name}Response>\
         </S:Body></S:Envelope>"
    );
    response(StatusCode::OK, "text/xml;charset=utf-8", envelope)
}

fn soap_fault(code: &str, text: &str) -> Response<Body> {
    let body = format!(
        "<S:Envelope xmlns:S=\"http://schemas.xmlsoap.org/soap/envelope/\"><S:Body><S:Fault><faultcode \
         xmlns:wsse=\"http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd\">{code}</faultcode>\
         <faultstring>{text}</faultstring></S:Fault></S:Body></S:Envelope>"
    );
    response(StatusCode::INTERNAL_SERVER_ERROR, "text/xml;charset=utf-8", body)
}

/// Status 509, a non-standard one (`secutix.md §2.8`).
fn limit_exceeded() -> Response<Body> {
    plain_response(StatusCode::from_u16(509).unwrap_or(StatusCode::TOO_MANY_REQUESTS))
}

fn plain_response(status: StatusCode) -> Response<Body> {
    response(status, "text/plain", status.as_str().to_owned())
}

fn json_response(status: StatusCode, value: &Value) -> Response<Body> {
    response(status, "application/json;charset=UTF-8", value.to_string())
}

fn response(status: StatusCode, kind: &'static str, body: String) -> Response<Body> {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static(kind));
    response
}
