//! Endpoints of the gate (`ticketing.md §4.2`, `§4.8`, `§4.9`).

use reqwest::Method;
use secrecy::{ExposeSecret, SecretString};

use crate::client::{API_KEY, Client, List, forbidden, is_gone};
use crate::inferred;
use crate::map::keys;
use crate::wire;
use domain::{ErrorKind, Operation, Reason, VendorError};

const TOKENS: Operation = Operation::WriteTokens;

/// What a refusal means where tokens are written.
fn token_refusal(status: u16) -> Option<Reason> {
    match status {
        400 => Some(Reason::InvalidInput { field: "sections".to_owned() }),
        403 => Some(Reason::Forbidden),
        409 => Some(Reason::Conflict),
        _ => None,
    }
}

impl Client {
    /// `GET /events/{event}/tokens`; `global` narrows to the global one, or to the others.
    pub(crate) async fn tokens(&self, event: &str, global: Option<bool>) -> Result<Vec<wire::Token>, VendorError> {
        let filter = global.map(|global| ("global", if global { "true" } else { "false" }));
        let path = format!("/events/{event}/tokens");
        let filters: Vec<(&str, &str)> = filter.into_iter().collect();
        let op = Operation::ReadTokens;
        self.whole(&List { op, path: &path, filters: &filters, key: None, means: forbidden }).await
    }

    /// `GET /events/{event}/tokens/{token}`.
    pub(crate) async fn token(&self, event: &str, token: &str) -> Result<wire::Token, VendorError> {
        let url = self.address(&format!("/events/{event}/tokens/{token}"));
        let answer = self.send(self.call(Operation::ReadTokens, Method::GET, url)).await?;
        self.read(&answer, forbidden)
    }

    /// `POST /events/{event}/tokens`.
    pub(crate) async fn issue_token(&self, event: &str, scope: &wire::TokenScope) -> Result<wire::Token, VendorError> {
        let answer = self.write(TOKENS, Method::POST, &format!("/events/{event}/tokens"), Some(scope)).await?;
        self.read(&answer, token_refusal)
    }

    /// `PUT /events/{event}/tokens/{token}`: replaces the sections. The answer's body means nothing.
    pub(crate) async fn rescope_token(
        &self,
        event: &str,
        token: &str,
        scope: &wire::TokenScope,
    ) -> Result<(), VendorError> {
        let path = format!("/events/{event}/tokens/{token}");
        let answer = self.write(TOKENS, Method::PUT, &path, Some(scope)).await?;
        self.accept(&answer, token_refusal)
    }

    /// `DELETE /events/{event}/tokens/{token}`. What is gone already is gone.
    pub(crate) async fn revoke_token(&self, event: &str, token: &str) -> Result<(), VendorError> {
        let path = format!("/events/{event}/tokens/{token}");
        let answer = self.write(TOKENS, Method::DELETE, &path, None::<&()>).await?;
        if is_gone(&answer) { Ok(()) } else { self.accept(&answer, token_refusal) }
    }

    /// `GET /tokens/{code}`: the code is a secret, so the path is shown nowhere. A code that no token has is `NotFound`.
    pub(crate) async fn exchange(&self, code: &SecretString) -> Result<wire::GateKey, VendorError> {
        if !keys::is_id(code.expose_secret()) {
            return Err(self.error(Operation::ReadTokens, ErrorKind::NotFound));
        }
        let url = self.address(&format!("/tokens/{}", code.expose_secret()));
        let call = self.call(Operation::ReadTokens, Method::GET, url).shown_as("/tokens/…");
        let answer = self.send(call).await?;
        self.read(&answer, forbidden)
    }

    /// `POST /events/{event}/admissions` with the key of the gate. The vendor leaves refused serials out of its answer, and
    /// answers 400 where it refuses all of them: then nobody was admitted.
    pub(crate) async fn admit(
        &self,
        gate: &SecretString,
        event: &str,
        serials: &[String],
    ) -> Result<Vec<wire::Admission>, VendorError> {
        let body = wire::Admit { redeemer: inferred::REDEEMER, device: inferred::DEVICE, serials };
        let url = self.address(&format!("/events/{event}/admissions"));
        let call = self.call(Operation::Admit, Method::POST, url).secret_header(API_KEY, gate);
        let answer = self.send(call.payload(self.json(Operation::Admit, &body)?)).await?;
        if answer.status.as_u16() == 400 {
            return Ok(Vec::new());
        }
        self.read(&answer, forbidden)
    }

    /// `GET /events/{event}/admissions` with the key of the gate.
    pub(crate) async fn admissions(
        &self,
        gate: &SecretString,
        event: &str,
    ) -> Result<Vec<wire::Admission>, VendorError> {
        let path = format!("/events/{event}/admissions");
        let op = Operation::ReadAdmissions;
        self.whole(&List { op, path: &path, filters: &[], key: Some(gate), means: forbidden }).await
    }
}
