//! Admission endpoints (`ticketing.md §4.2`, `§4.8`, `§4.9`).

use reqwest::Method;
use secrecy::{ExposeSecret, SecretString};

use crate::assumptions;
use crate::client::{API_KEY, Client, ListRequest, is_resource_missing, rejects_forbidden};
use crate::map::keys;
use crate::wire;
use domain::{ErrorKind, RefusalReason, VendorError, VendorOperation};

const WRITE: VendorOperation = VendorOperation::WriteTokens;

/// Reasons of rejected token writes, by status.
fn token_rejections(status: u16) -> Option<RefusalReason> {
    match status {
        400 => Some(RefusalReason::InvalidInput { field: "sections".to_owned() }),
        403 => Some(RefusalReason::Forbidden),
        409 => Some(RefusalReason::Conflict),
        _ => None,
    }
}

impl Client {
    /// `GET /events/{event}/tokens`; `global` limits the list to the global token or to the others.
    pub(crate) async fn tokens(&self, event: &str, global: Option<bool>) -> Result<Vec<wire::Token>, VendorError> {
        let filter = global.map(|global| ("global", if global { "true" } else { "false" }));
        let path = format!("/events/{event}/tokens");
        let filters: Vec<(&str, &str)> = filter.into_iter().collect();
        let op = VendorOperation::ReadTokens;
        self.list_all_pages(&ListRequest {
            op,
            path: &path,
            filters: &filters,
            api_key: None,
            rejections: rejects_forbidden,
        })
        .await
    }

    /// `GET /events/{event}/tokens/{token}`.
    pub(crate) async fn token(&self, event: &str, token: &str) -> Result<wire::Token, VendorError> {
        let url = self.url(&format!("/events/{event}/tokens/{token}"));
        let response = self.send(self.call(VendorOperation::ReadTokens, Method::GET, url)).await?;
        self.read_json(&response, rejects_forbidden)
    }

    /// `POST /events/{event}/tokens`.
    pub(crate) async fn issue_token(&self, event: &str, scope: &wire::TokenScope) -> Result<wire::Token, VendorError> {
        let response = self.write(WRITE, Method::POST, &format!("/events/{event}/tokens"), Some(scope)).await?;
        self.read_json(&response, token_rejections)
    }

    /// `PUT /events/{event}/tokens/{token}`: replaces the sections. The response body is ignored.
    pub(crate) async fn rescope_token(
        &self,
        event: &str,
        token: &str,
        scope: &wire::TokenScope,
    ) -> Result<(), VendorError> {
        let path = format!("/events/{event}/tokens/{token}");
        let response = self.write(WRITE, Method::PUT, &path, Some(scope)).await?;
        self.check_status(&response, token_rejections)
    }

    /// `DELETE /events/{event}/tokens/{token}`. Succeeds if the token no longer exists.
    pub(crate) async fn revoke_token(&self, event: &str, token: &str) -> Result<(), VendorError> {
        let path = format!("/events/{event}/tokens/{token}");
        let response = self.write(WRITE, Method::DELETE, &path, None::<&()>).await?;
        if is_resource_missing(&response) { Ok(()) } else { self.check_status(&response, token_rejections) }
    }

    /// `GET /tokens/{code}`: the code is a secret, so the path is never logged. An unknown code is `NotFound`.
    pub(crate) async fn exchange_code(&self, code: &SecretString) -> Result<wire::GateKey, VendorError> {
        if !keys::is_id(code.expose_secret()) {
            return Err(self.error(VendorOperation::ReadTokens, ErrorKind::NotFound));
        }
        let url = self.url(&format!("/tokens/{}", code.expose_secret()));
        let call = self.call(VendorOperation::ReadTokens, Method::GET, url).with_display_path("/tokens/…");
        let response = self.send(call).await?;
        self.read_json(&response, rejects_forbidden)
    }

    /// `POST /events/{event}/admissions` with the gate's key. The response omits rejected serials; a 400 rejects all of
    /// them, so nobody was admitted.
    pub(crate) async fn admit(
        &self,
        gate: &SecretString,
        event: &str,
        serials: &[String],
    ) -> Result<Vec<wire::Admission>, VendorError> {
        let body = wire::NewAdmission { redeemer: assumptions::REDEEMER, device: assumptions::DEVICE, serials };
        let url = self.url(&format!("/events/{event}/admissions"));
        let call = self.call(VendorOperation::Admit, Method::POST, url).secret_header(API_KEY, gate);
        let response = self.send(call.payload(self.json(VendorOperation::Admit, &body)?)).await?;
        if response.status.as_u16() == 400 {
            return Ok(Vec::new());
        }
        self.read_json(&response, rejects_forbidden)
    }

    /// `GET /events/{event}/admissions` with the gate's key.
    pub(crate) async fn admissions(
        &self,
        gate: &SecretString,
        event: &str,
    ) -> Result<Vec<wire::Admission>, VendorError> {
        let path = format!("/events/{event}/admissions");
        let op = VendorOperation::ReadAdmissions;
        self.list_all_pages(&ListRequest {
            op,
            path: &path,
            filters: &[],
            api_key: Some(gate),
            rejections: rejects_forbidden,
        })
        .await
    }
}
