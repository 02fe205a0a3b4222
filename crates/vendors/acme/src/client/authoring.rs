//! The endpoints of event templates (`acme.md §3`). Most are a part below a template, read whole and written whole.

use reqwest::Method;
use serde_json::Value;

use crate::client::{Client, TEMPLATES, fault_code, one};
use domain::{ErrorKind, Operation, Reason, VendorError};
use http_client::{Answer, Payload};

const READ: Operation = Operation::ReadAuthoring;
const WRITE: Operation = Operation::WriteAuthoring;

impl Client {
    /// `GET template/{id}` as it stands on the wire, to be changed and written back whole.
    pub(crate) async fn read_template(&self, id: &str) -> Result<Value, VendorError> {
        self.read_part(id, &[]).await
    }

    /// `GET template/{id}/published`; none while it is a draft (`acme.md §3.2 k`).
    pub(crate) async fn find_published(&self, id: &str) -> Result<Option<Value>, VendorError> {
        one(&self.send(READ, self.get(READ, self.url(TEMPLATES, &[id, "published"]))).await?)
    }

    /// `POST template`: the id of the new one, in any of three forms (`acme.md §3.2 f`).
    pub(crate) async fn create_template(&self, template: &Value) -> Result<String, VendorError> {
        let answer = self.write(Method::POST, &[], Some(template)).await?;
        let told = serde_json::from_slice::<Value>(&answer.body).ok();
        let id = match &told {
            Some(Value::Object(object)) => object.get("id").and_then(Value::as_str).map(str::to_owned),
            Some(Value::String(id)) => Some(id.clone()),
            Some(other) => Some(other.to_string()),
            None => std::str::from_utf8(&answer.body).ok().map(|text| text.trim().to_owned()),
        };
        let id = id.filter(|id| crate::map::keys::is_plain(id));
        id.ok_or_else(|| answer.malformed(&"the id of a new template is no id"))
    }

    /// `PUT template/{id}`: replaces the whole; the body must hold the id (`acme.md §8.7`, `§8.8`).
    pub(crate) async fn replace_template(&self, id: &str, template: &Value) -> Result<(), VendorError> {
        self.write(Method::PUT, &[id], Some(template)).await.map(drop)
    }

    /// `DELETE template/{id}`. What is gone already is gone.
    pub(crate) async fn delete_template(&self, id: &str) -> Result<(), VendorError> {
        match self.write(Method::DELETE, &[id], None).await {
            Err(error) if error.kind == ErrorKind::NotFound => Ok(()),
            outcome => outcome.map(drop),
        }
    }

    /// `GET template/{id}/{part}`; `NotFound` where there is no such template, or the answer says nothing (`acme.md §8.17`).
    pub(crate) async fn read_part(&self, id: &str, part: &[&str]) -> Result<Value, VendorError> {
        let path: Vec<&str> = [id].iter().chain(part).copied().collect();
        let answer = self.send(READ, self.get(READ, self.url(TEMPLATES, &path))).await?;
        one(&answer)?.ok_or_else(|| answer.error(ErrorKind::NotFound))
    }

    /// Writes a part of a template. What the vendor answers is not looked at: half of it says nothing (`acme.md §3.2 g`).
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

    async fn write(&self, method: Method, path: &[&str], body: Option<&Value>) -> Result<Answer, VendorError> {
        let mut call = self.call(WRITE, method, self.url(TEMPLATES, path));
        if let Some(body) = body {
            let payload = Payload::json(body).map_err(|fault| self.internal(WRITE).because(fault))?;
            call = call.payload(payload);
        }
        let answer = self.send(WRITE, call).await?;
        if answer.status.is_success() { Ok(answer) } else { Err(self.refusal(&answer)) }
    }

    /// What a refused write means (`acme.md §2.4`, INFERRED but for 409): by the status alone.
    fn refusal(&self, answer: &Answer) -> VendorError {
        let reason = match answer.status.as_u16() {
            400 | 422 => Reason::InvalidInput { field: "input".to_owned() },
            403 => Reason::Forbidden,
            409 => Reason::Conflict,
            _ => return answer.refused(),
        };
        VendorError::rejected(self.transport.source(), WRITE, reason, fault_code(answer))
    }
}
