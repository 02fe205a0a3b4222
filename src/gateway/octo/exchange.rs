//! One request of an authenticated reseller: its headers, its supplier, and the documents that it executes.

use std::collections::HashSet;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::RawPathParams;
use axum::http::header::{ACCEPT_LANGUAGE, AUTHORIZATION, HOST};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue};
use axum::response::{IntoResponse as _, Response};
use domain::Locale;
use octo_facade::facts::SourceFacts;
use octo_facade::{BookingStore, OctoCapabilities, OctoError, OctoErrorCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use crate::gateway::concurrency_limit::LoadShed;
use crate::gateway::exports::document::executed_data;
use crate::gateway::graphql_http::AuthenticatedCaller;
use crate::gateway::negotiate::has_json_body;
use crate::gateway::octo::OctoSettings;
use crate::gateway::octo::documents::SOURCES;
use crate::gateway::octo::failures::{of_errors, of_rejection};
use crate::gateway::octo::reply::Reply;
use crate::gateway::operation::{ALL_OPERATION_TYPES, OperationRequest};
use crate::gateway::params::RequestParams;
use crate::gateway::request_id::RequestId;
use crate::gateway::state::{AppState, PeerAddress};
use crate::graphql::base::viewer::{Scope, Viewer};

/// Header of requests and responses: capabilities.
const CAPABILITIES: &str = "octo-capabilities";
/// Header of requests and responses: `test` or `live`.
const ENVIRONMENT: &str = "octo-env";

/// Ids in the path of a request.
#[derive(Debug, Clone, Default)]
pub(super) struct PathIds {
    source: Option<String>,
    product: Option<String>,
    uuid: Option<String>,
}

impl PathIds {
    /// Reads the decoded parameters of a path.
    pub(super) fn of(parameters: &RawPathParams) -> Self {
        let named = |name: &str| parameters.iter().find(|(known, _)| *known == name).map(|(_, value)| value.to_owned());
        Self { source: named("source"), product: named("product"), uuid: named("uuid") }
    }
}

/// A supplier, and who sells it.
#[derive(Debug, Clone)]
pub(super) struct Seller {
    /// The source.
    pub(super) source: SourceFacts,
    /// Global id of the caller's reseller.
    pub(super) reseller: Option<String>,
}

/// Result of [`SOURCES`].
#[derive(Deserialize)]
struct SourcesResult {
    viewer: ViewerResult,
    sources: Vec<SourceFacts>,
}

#[derive(Deserialize)]
struct ViewerResult {
    reseller: Option<ResellerResult>,
}

#[derive(Deserialize)]
struct ResellerResult {
    id: String,
    connections: Vec<ConnectionResult>,
}

#[derive(Deserialize)]
struct ConnectionResult {
    source: octo_facade::facts::IdOnly,
}

/// A request of an authenticated reseller.
pub(super) struct Exchange<'a> {
    state: &'a Arc<AppState>,
    caller: AuthenticatedCaller,
    /// The caller with the scope to read orders: those of its own bookings, which only their uuid finds.
    booking_viewer: Arc<Viewer>,
    headers: &'a HeaderMap,
    query: Option<&'a str>,
    authority: Option<&'a str>,
    ids: PathIds,
    request_id: String,
    /// Capabilities that take effect.
    pub(super) capabilities: OctoCapabilities,
    /// True if live sources must be refused.
    pub(super) is_test: bool,
}

impl<'a> Exchange<'a> {
    /// Authenticates the caller and counts one request.
    ///
    /// # Errors
    ///
    /// The key is missing, unknown or without the scopes `catalog:read` and `order:write`; the caller exceeded its rate limit; or a header is
    /// malformed.
    pub(super) async fn begin(state: &'a Arc<AppState>, parts: &'a Parts, ids: PathIds) -> Result<Self, OctoError> {
        let headers = &parts.headers;
        // Neither anonymous callers nor sessions of browsers.
        if !headers.contains_key(AUTHORIZATION) {
            return Err(OctoError::new(OctoErrorCode::Unauthorized, "send a key as `Authorization: Bearer …`"));
        }
        let peer = parts.extensions.get::<PeerAddress>().copied();
        let caller = AuthenticatedCaller::authenticate(state, headers, peer).await;
        let caller = caller.map_err(|rejection| of_rejection(&rejection))?;
        let viewer = &caller.principal.viewer;
        if let Some(missing) = [Scope::CatalogRead, Scope::OrderWrite].iter().find(|scope| !viewer.has_scope(**scope)) {
            let message = format!("the key needs the scope `{}`", missing.as_str());
            return Err(OctoError::new(OctoErrorCode::Forbidden, message));
        }
        let scopes: HashSet<Scope> = viewer.scopes.iter().copied().chain([Scope::OrderRead]).collect();
        let booking_viewer = Arc::new(Viewer { scopes, ..Viewer::clone(viewer) });
        let capabilities = OctoCapabilities::parse(text_of(headers, CAPABILITIES)?.unwrap_or_default());
        let is_test = match text_of(headers, ENVIRONMENT)?.map(str::trim) {
            Some("test") => true,
            Some("live" | "") | None => false,
            Some(_) => return Err(OctoError::bad_request("the header `Octo-Env` must be `test` or `live`")),
        };
        Ok(Self {
            state,
            booking_viewer,
            headers,
            query: parts.uri.query(),
            authority: parts.uri.authority().map(|authority| authority.as_str()),
            ids,
            request_id: parts.extensions.get::<RequestId>().map(|RequestId(id)| id.clone()).unwrap_or_default(),
            capabilities,
            is_test,
            caller,
        })
    }

    /// Reads the body, within the size and the time of every request.
    ///
    /// # Errors
    ///
    /// The body is too large, incomplete, or not declared as JSON.
    pub(super) async fn read_body(&self, load_shed: &LoadShed, body: Body) -> Result<Bytes, OctoError> {
        let limit = self.state.pipeline.limits().body_bytes;
        let body = load_shed.read_body(body, limit).await.map_err(|rejection| of_rejection(&rejection))?;
        if !body.is_empty() && !has_json_body(self.headers) {
            return Err(OctoError::bad_request("send the body as `Content-Type: application/json` in UTF-8"));
        }
        Ok(body)
    }

    /// Builds the response, with the capabilities that took effect.
    pub(super) fn finish(&self, reply: Result<Reply, OctoError>) -> Response {
        let mut response = reply.unwrap_or_else(Reply::failed).into_response();
        let headers = response.headers_mut();
        if let Ok(value) = HeaderValue::from_str(&self.capabilities.to_header()) {
            headers.insert(CAPABILITIES, value);
        }
        headers.insert(ENVIRONMENT, HeaderValue::from_static(if self.is_test { "test" } else { "live" }));
        if let Some(status) = &self.caller.rate_limit_status {
            status.add_headers(headers);
        }
        response
    }

    /// Settings.
    pub(super) fn settings(&self) -> &OctoSettings {
        &self.state.octo
    }

    /// Returns the store of bookings.
    pub(super) fn bookings(&self) -> Result<&dyn BookingStore, OctoError> {
        self.state.octo.bookings.as_deref().ok_or_else(|| OctoError::unavailable("nothing can be booked"))
    }

    /// Returns the owner of the uuids of bookings.
    pub(super) fn scope(&self) -> String {
        let viewer = &self.booking_viewer;
        octo_facade::store::scope_of(&viewer.id, viewer.reseller.as_deref())
    }

    /// Returns the product of the path.
    pub(super) fn product_id(&self) -> &str {
        self.ids.product.as_deref().unwrap_or_default()
    }

    /// Returns the uuid of the path as it was sent.
    pub(super) fn uuid(&self) -> &str {
        self.ids.uuid.as_deref().unwrap_or_default()
    }

    /// Returns the language that the request prefers.
    pub(super) fn language(&self) -> Option<String> {
        let accepted = self.headers.get(ACCEPT_LANGUAGE)?.to_str().ok()?;
        let mut tags = accept_language::parse(accepted).into_iter();
        tags.find_map(|tag| Locale::parse(&tag)).map(|locale| locale.as_str().to_owned())
    }

    /// Returns the parameters of the query.
    pub(super) fn parameters(&self) -> Vec<(String, String)> {
        url::form_urlencoded::parse(self.query.unwrap_or_default().as_bytes()).into_owned().collect()
    }

    /// Returns the URL under which suppliers are.
    pub(super) fn suppliers_url(&self) -> String {
        let own = || {
            let scheme = if self.state.serves_tls { "https" } else { "http" };
            let host = self.headers.get(HOST).and_then(|host| host.to_str().ok()).or(self.authority);
            format!("{scheme}://{}", host.unwrap_or("localhost"))
        };
        format!("{}/octo/suppliers", self.state.octo.public_url.clone().unwrap_or_else(own))
    }

    /// Lists the sources that the caller may sell.
    pub(super) async fn sellers(&self) -> Result<Vec<Seller>, OctoError> {
        let found: SourcesResult = self.query(SOURCES, json!({})).await?;
        let reseller = found.viewer.reseller;
        let is_connected = |source: &SourceFacts| {
            let mut connections = reseller.iter().flat_map(|reseller| &reseller.connections);
            reseller.is_none() || connections.any(|connection| connection.source.id == source.id)
        };
        let sold = found.sources.into_iter().filter(|source| source.has("ORDERING") && is_connected(source));
        let id = reseller.as_ref().map(|reseller| reseller.id.clone());
        Ok(sold.map(|source| Seller { source, reseller: id.clone() }).collect())
    }

    /// Returns the supplier of the path, or the only one of the caller.
    ///
    /// # Errors
    ///
    /// The caller may not sell the supplier, or the path names none and there are several.
    pub(super) async fn seller(&self) -> Result<Seller, OctoError> {
        let mut sellers = self.sellers().await?;
        if let Some(name) = &self.ids.source {
            let found = sellers.into_iter().find(|seller| seller.source.name == *name);
            return found.ok_or_else(|| OctoError::new(OctoErrorCode::NotFound, "there is no such supplier"));
        }
        match (sellers.pop(), sellers.is_empty()) {
            (Some(only), true) => Ok(only),
            (None, _) => Err(OctoError::new(OctoErrorCode::Forbidden, "the key is for no supplier")),
            (Some(_), false) => Err(OctoError::bad_request(
                "the key is for several suppliers: use `/octo/suppliers/{id}` before the path; `/octo/suppliers` lists them",
            )),
        }
    }

    /// Executes a document as the caller. Any error of a field is an error of the request.
    pub(super) async fn query<T: DeserializeOwned>(
        &self,
        document: &'static str,
        variables: Value,
    ) -> Result<T, OctoError> {
        let (data, errors) = self.execute(document, variables, &self.caller.principal.viewer).await?;
        complete(data, &errors)
    }

    /// Executes a document as the caller. Fields that failed are null in the data.
    pub(super) async fn query_parts(
        &self,
        document: &'static str,
        variables: Value,
    ) -> Result<(Value, Vec<Value>), OctoError> {
        self.execute(document, variables, &self.caller.principal.viewer).await
    }

    /// Executes a document about the caller's own bookings.
    pub(super) async fn query_bookings<T: DeserializeOwned>(
        &self,
        document: &'static str,
        variables: Value,
    ) -> Result<T, OctoError> {
        let (data, errors) = self.execute(document, variables, &self.booking_viewer).await?;
        complete(data, &errors)
    }

    async fn execute(
        &self,
        document: &'static str,
        variables: Value,
        viewer: &Arc<Viewer>,
    ) -> Result<(Value, Vec<Value>), OctoError> {
        let variables = match variables {
            Value::Object(variables) => variables,
            _ => Map::new(),
        };
        let operation = OperationRequest {
            params: RequestParams { variables, ..RequestParams::default() },
            body: None,
            viewer: Arc::clone(viewer),
            request_id: self.request_id.clone(),
            allowed_types: ALL_OPERATION_TYPES,
            accepts_deferred: false,
        };
        let outcome = Box::pin(self.state.pipeline.run_fixed(document, operation)).await;
        executed_data(outcome).map_err(|rejection| of_rejection(&rejection))
    }
}

fn text_of<'h>(headers: &'h HeaderMap, name: &str) -> Result<Option<&'h str>, OctoError> {
    let value = headers.get(name).map(HeaderValue::to_str).transpose();
    value.map_err(|_| OctoError::bad_request(format!("the header `{name}` is no text")))
}

/// Reads data without errors.
fn complete<T: DeserializeOwned>(data: Value, errors: &[Value]) -> Result<T, OctoError> {
    if errors.is_empty() { read(data) } else { Err(of_errors(errors)) }
}

/// Reads a part of the data of a document.
pub(super) fn read<T: DeserializeOwned>(value: Value) -> Result<T, OctoError> {
    serde_json::from_value(value).map_err(|error| {
        tracing::error!(category = ?error.classify(), "the result of a document has another form");
        OctoError::internal()
    })
}
