//! SOAP 1.1 with a WS-Security user name (`secutix.md §2.2`, §2.4).

use async_trait::async_trait;
use domain::{Effect, ErrorKind, VendorError, VendorOperation};
use http_client::{RequestBody, VendorHttpClient, VendorRequest, VendorResponse};
use quick_xml::escape::escape;
use reqwest::header::{ACCEPT, HeaderName};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use url::Url;

use crate::protocol::{Protocol, ProtocolRequest, ProtocolResponse, RateLimitScope, encode_error, http_error};
use crate::wire::{Method, xml};

const ENVELOPE: &str = "http://schemas.xmlsoap.org/soap/envelope/";
const SECURITY: &str = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd";
const PASSWORD_TEXT: &str =
    "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-username-token-profile-1.0#PasswordText";
const SOAP_ACTION: HeaderName = HeaderName::from_static("soapaction");

/// The SOAP protocol.
pub(crate) struct SoapProtocol {
    transport: VendorHttpClient,
    base: String,
    version: String,
    login: String,
    password: SecretString,
    scope: RateLimitScope,
}

impl SoapProtocol {
    /// Creates the protocol for a base URL and an API version.
    pub(crate) fn new(
        transport: VendorHttpClient,
        base: &str,
        version: &str,
        login: &str,
        password: SecretString,
    ) -> Self {
        Self {
            transport,
            base: base.to_owned(),
            version: version.to_owned(),
            login: login.to_owned(),
            password,
            scope: RateLimitScope::default(),
        }
    }

    /// Sets the requests that a rate-limit response concerns.
    #[must_use]
    pub(crate) fn with_rate_limit_scope(mut self, scope: RateLimitScope) -> Self {
        self.scope = scope;
        self
    }

    fn fault_error(&self, response: &VendorResponse, operation: VendorOperation, body: &Value) -> VendorError {
        let code = find_text(body, &["faultcode", "Code"]).unwrap_or_default();
        let kind_of_fault = code.rsplit(':').next().unwrap_or_default();
        let (kind, effect) = match kind_of_fault {
            "FailedAuthentication" | "InvalidSecurity" | "InvalidSecurityToken" | "FailedCheck" => {
                (ErrorKind::Unauthorized, Effect::None)
            }
            "Client" | "Sender" | "MustUnderstand" | "VersionMismatch" => (ErrorKind::Internal, Effect::None),
            _ if operation.is_read_only() => (ErrorKind::Unavailable, Effect::None),
            _ => (ErrorKind::Unavailable, Effect::Unknown),
        };
        let plain = kind_of_fault.chars().filter(char::is_ascii_alphanumeric).take(40).collect::<String>();
        response.error(kind).with_effect(effect).with_cause(format!("SOAP fault {plain}"))
    }
}

#[async_trait]
impl Protocol for SoapProtocol {
    async fn call(&self, request: &ProtocolRequest<'_>) -> Result<ProtocolResponse, VendorError> {
        let source = self.transport.source();
        let url = Url::parse(&format!("{}{}", self.base, request.method.soap_path(&self.version)))
            .map_err(|error| encode_error(source, request.operation, error.into()))?;
        let body = request
            .parameters
            .to_xml(&format!("v1:{}", request.method.name))
            .map_err(|error| encode_error(source, request.operation, error))?;
        let envelope = build_envelope(request.method, &self.version, &self.login, &self.password, &body);
        let mut call = VendorRequest::new(request.operation, reqwest::Method::POST, url)
            .header(ACCEPT, "text/xml")
            .header(SOAP_ACTION, "\"\"")
            .endpoint(self.scope.endpoint(request.method))
            .payload(RequestBody::new("text/xml; charset=utf-8", envelope));
        if let Some(timeout) = request.timeout {
            call = call.timeout(timeout);
        }
        let response = self.transport.send(call).await?;
        // A fault comes with 500. A rate limit is not one, whatever its body is. Any other response without an envelope is classified by its status.
        if matches!(response.status.as_u16(), 429 | 509) {
            return Err(http_error(&response));
        }
        match parse_envelope(&response.body) {
            Ok(SoapBody::Fault(body)) => Err(self.fault_error(&response, request.operation, &body)),
            Ok(SoapBody::Result(tree)) if response.status.is_success() => {
                Ok(ProtocolResponse { response, soap_result: Some(tree) })
            }
            Err(error) if response.status.is_success() => Err(response.malformed(&error)),
            _ => Err(http_error(&response)),
        }
    }
}

/// Builds the whole request (`secutix.md §2.4`). Only the method element is in the service's namespace.
fn build_envelope(method: Method, version: &str, login: &str, password: &SecretString, body: &str) -> String {
    let (namespace, login, password) = (method.namespace(version), escape(login), escape(password.expose_secret()));
    format!(
        "<soapenv:Envelope xmlns:soapenv=\"{ENVELOPE}\" xmlns:v1=\"{namespace}\"><soapenv:Header>\
         <wsse:Security xmlns:wsse=\"{SECURITY}\"><wsse:UsernameToken><wsse:Username>{login}</wsse:Username>\
         <wsse:Password Type=\"{PASSWORD_TEXT}\">{password}</wsse:Password></wsse:UsernameToken></wsse:Security>\
         </soapenv:Header><soapenv:Body>{body}</soapenv:Body></soapenv:Envelope>"
    )
}

/// Content of an envelope.
#[derive(Debug, PartialEq)]
pub(crate) enum SoapBody {
    /// The result object.
    Result(Value),
    /// A fault.
    Fault(Value),
}

/// Error of parsing an envelope.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum EnvelopeError {
    /// Not acceptable as XML.
    #[error(transparent)]
    Xml(#[from] xml::XmlError),
    /// XML without the expected SOAP element.
    #[error("the envelope has no {0}")]
    Missing(&'static str),
}

/// Parses an envelope: `Envelope/Body/<method>Response/<ResultClass>`, under any prefix (`secutix.md §2.4`). Accepts any bytes
/// without panicking.
pub(crate) fn parse_envelope(bytes: &[u8]) -> Result<SoapBody, EnvelopeError> {
    let mut root = xml::parse(bytes)?;
    if root.name != "Envelope" {
        return Err(EnvelopeError::Missing("Envelope"));
    }
    let body = root.take_child("Body").ok_or(EnvelopeError::Missing("Body"))?;
    let Value::Object(children) = body else { return Err(EnvelopeError::Missing("Response")) };
    let (name, response) = children.into_iter().next().ok_or(EnvelopeError::Missing("Response"))?;
    if name == "Fault" {
        return Ok(SoapBody::Fault(response));
    }
    unwrap_result(response).map(SoapBody::Result).ok_or(EnvelopeError::Missing("result"))
}

/// Finds the result below its class name or below `return`. Some SOAP stacks omit that level.
fn unwrap_result(response: Value) -> Option<Value> {
    let Value::Object(children) = response else { return None };
    if children.contains_key("statusCode") {
        return Some(Value::Object(children));
    }
    children.into_iter().map(|(_, child)| child).find(Value::is_object)
}

fn find_text(body: &Value, names: &[&str]) -> Option<String> {
    names.iter().find_map(|name| body.get(name)?.as_str().map(str::to_owned))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::Parameters;
    use crate::wire::NoParameters;
    use crate::wire::catalog::{CatalogQuery, GET_CATALOG_DETAILED, GET_POS_CONFIG};
    use proptest::prelude::*;
    use serde_json::json;

    const VALID: &str = "<S:Envelope xmlns:S='e'><S:Body><r><R><statusCode a=\"b\">a &amp; b</statusCode></R></r></S:Body></S:Envelope>";

    proptest! {
        #[test]
        fn any_bytes_instead_of_an_envelope_are_rejected_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            let _ = parse_envelope(&bytes);
        }

        #[test]
        fn a_truncated_or_corrupted_envelope_is_parsed_or_rejected(cut in 0..VALID.len(), at in 0..VALID.len(), byte in any::<u8>()) {
            let mut bytes = VALID.as_bytes().to_vec();
            bytes[at] = byte;
            let _ = parse_envelope(&bytes);
            prop_assert!(parse_envelope(&bytes[..cut]).is_err(), "a truncated envelope was accepted");
        }
    }

    #[test]
    fn a_request_is_the_documented_envelope_with_escaped_content() {
        let body = NoParameters {}.to_xml("v1:getPOSConfig").expect("encodable body");
        assert_eq!(body, "<v1:getPOSConfig/>");
        let envelope = build_envelope(GET_POS_CONFIG, "v1_33", "A<_DGTK", &"p&w".to_owned().into(), &body);
        let mut root = xml::parse(envelope.as_bytes()).expect("valid XML");
        assert!(envelope.contains("xmlns:v1=\"http://v1_33.CatalogService.service.secutix.com\""));
        assert_eq!(root.take_child("Body"), Some(json!({"getPOSConfig": null})));
        let token = root.take_child("Header").expect("header element")["Security"]["UsernameToken"].clone();
        assert_eq!(token, json!({"Username": "A<_DGTK", "Password": "p&w"}));
        assert_eq!(
            CatalogQuery { request_id: Some(17) }.to_xml("v1:x").expect("encodable body"),
            "<v1:x><requestId>17</requestId></v1:x>"
        );
        assert_eq!(
            GET_CATALOG_DETAILED.soap_path("v1_33"),
            "/tnseb/external-remoting/com.secutix.service.realtime.catalog.v1_33.CatalogService.webservice"
        );
    }

    #[test]
    fn a_result_is_found_below_any_prefix_and_class_name() {
        for response in [
            "<S:Envelope xmlns:S='e'><S:Body><ns2:r xmlns:ns2='n'><POSConfigResult><statusCode>success</statusCode></POSConfigResult></ns2:r></S:Body></S:Envelope>",
            "<Envelope><Header/><Body><r><return><statusCode>success</statusCode></return></r></Body></Envelope>",
            "<x:Envelope xmlns:x='e'><x:Body><r><statusCode>success</statusCode></r></x:Body></x:Envelope>",
        ] {
            assert_eq!(
                parse_envelope(response.as_bytes()),
                Ok(SoapBody::Result(json!({"statusCode": "success"}))),
                "{response}"
            );
        }
    }

    #[test]
    fn faults_results_and_empty_envelopes_are_distinguished() {
        let fault = "<S:Envelope><S:Body><S:Fault><faultcode>wsse:FailedAuthentication</faultcode></S:Fault></S:Body></S:Envelope>";
        assert!(matches!(parse_envelope(fault.as_bytes()), Ok(SoapBody::Fault(_))));
        for (body, missing) in [
            ("<html/>", "Envelope"),
            ("<Envelope/>", "Body"),
            ("<Envelope><Body/></Envelope>", "Response"),
            ("<Envelope><Body><r/></Body></Envelope>", "result"),
        ] {
            assert_eq!(parse_envelope(body.as_bytes()), Err(EnvelopeError::Missing(missing)));
        }
    }
}
