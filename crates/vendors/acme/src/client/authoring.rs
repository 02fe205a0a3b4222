//! Template endpoints (`acme.md §3`). Most of them address a part of a template, which is read and written as a whole.

use reqwest::Method;
use serde_json::Value;

use crate::client::{Client, TEMPLATES, error_code, optional_json};
use domain::{ErrorKind, RefusalReason, VendorError, VendorOperation};
use http_client::{RequestBody, VendorResponse};

const READ: VendorOperation = VendorOperation::ReadAuthoring;
const WRITE: VendorOperation = VendorOperation::WriteAuthoring;

impl Client {
    /// `GET template/{id}` as raw JSON, to be changed and written back as a whole.
    pub(crate) async fn read_template(&self, id: &str) -> Result<Value, VendorError> {
        self.read_part(id, &[]).await
    }

    /// `GET template/{id}/published`; `None` while the template is a draft (`acme.md §3.2 k`).
    pub(crate) async fn find_published(&self, id: &str) -> Result<Option<Value>, VendorError> {
        optional_json(&self.send(READ, self.get(READ, self.url(TEMPLATES, &[id, "published"]))).await?)
    }

    /// `POST template`; returns the new id, which the vendor sends in one of three forms (`acme.md §3.2 f`).
    pub(crate) async fn create_template(&self, template: &Value) -> Result<String, VendorError> {
        let response = self.write(Method::POST, &[], Some(template)).await?;
        let json = serde_json::from_slice::<Value>(&response.body).ok();
        let id = match &json {
            Some(Value::Object(object)) => object.get("id").and_then(Value::as_str).map(str::to_owned),
            Some(Value::String(id)) => Some(id.clone()),
            Some(other) => Some(other.to_string()),
            None => std::str::from_utf8(&response.body).ok().map(|text| text.trim().to_owned()),
        };
        let id = id.filter(|id| crate::map::keys::is_plain(id));
        id.ok_or_else(|| response.malformed(&"the id of the new template is malformed"))
    }

    /// `PUT template/{id}`: replaces the whole template; the body must contain the id (`acme.md §8.7`, `§8.8`).
    pub(crate) async fn replace_template(&self, id: &str, template: &Value) -> Result<(), VendorError> {
        self.write(Method::PUT, &[id], Some(template)).await.map(drop)
    }

    /// `DELETE template/{id}`. Succeeds if the template no longer exists.
    pub(crate) async fn delete_template(&self, id: &str) -> Result<(), VendorError> {
        match self.write(Method::DELETE, &[id], None).await {
            Err(error) if error.kind == ErrorKind::NotFound => Ok(()),
            outcome => outcome.map(drop),
        }
    }

    /// `GET template/{id}/{part}`; `NotFound` if the template does not exist or the response is empty (`acme.md
    /// §8.17`).
    pub(crate) async fn read_part(&self, id: &str, part: &[&str]) -> Result<Value, VendorError> {
        let path: Vec<&str> = [id].iter().chain(part).copied().collect();
        let response = self.send(READ, self.get(READ, self.url(TEMPLATES, &path))).await?;
        optional_json(&response)?.ok_or_else(|| response.error(ErrorKind::NotFound))
    }

    /// Writes a part of a template. The response is ignored, because half of these endpoints return an empty body
    /// (`acme.md §3.2 g`).
    pub(crate) async fn write_part(
        &self,
        method: Method,
        id: &str,
        part: &[&str],
        body: Option<&Value>,
    ) -> Result<(), VendorError> {
        let path: Vec<&str> = [id].iter().chain(part).copied().collect();
        self.write(method, &path, body).await.map(drop)
    }

    async fn write(&self, method: Method, path: &[&str], body: Option<&Value>) -> Result<VendorResponse, VendorError> {
        let mut call = self.call(WRITE, method, self.url(TEMPLATES, path));
        if let Some(body) = body {
            let payload = RequestBody::json(body).map_err(|error| self.internal(WRITE).with_cause(error))?;
            call = call.payload(payload);
        }
        let response = self.send(WRITE, call).await?;
        if response.status.is_success() { Ok(response) } else { Err(self.write_error(&response)) }
    }

    /// Maps a rejected write by its status alone (`acme.md §2.4`, INFERRED except for 409).
    fn write_error(&self, response: &VendorResponse) -> VendorError {
        let reason = match response.status.as_u16() {
            400 | 422 => RefusalReason::InvalidInput { field: "input".to_owned() },
            403 => RefusalReason::Forbidden,
            409 => RefusalReason::Conflict,
            _ => return response.status_error(),
        };
        VendorError::rejected(self.http.source(), WRITE, reason, error_code(response))
    }
}
