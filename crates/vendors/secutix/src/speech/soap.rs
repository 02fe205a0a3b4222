//! SOAP 1.1 with a WS-Security user name (`secutix.md §2.2`, §2.4).

use async_trait::async_trait;
use quick_xml::escape::escape;
use reqwest::header::{ACCEPT, HeaderName};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use url::Url;

use crate::speech::{Ask, Opened, Speech, refused, unwritten};
use crate::wire::{Method, xml};
use domain::{Effect, ErrorKind, Operation, VendorError};
use http_client::{Answer, Call, Payload, Transport};

const ENVELOPE: &str = "http://schemas.xmlsoap.org/soap/envelope/";
const SECURITY: &str = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd";
const PASSWORD_TEXT: &str =
    "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-username-token-profile-1.0#PasswordText";
const SOAP_ACTION: HeaderName = HeaderName::from_static("soapaction");

/// The SOAP transport.
pub(crate) struct SoapSpeech {
    transport: Transport,
    base: String,
    version: String,
    login: String,
    password: SecretString,
}

impl SoapSpeech {
    /// Speaks SOAP below `base`, at an API version.
    pub fn new(transport: Transport, base: &str, version: &str, login: &str, password: SecretString) -> Self {
        Self { transport, base: base.to_owned(), version: version.to_owned(), login: login.to_owned(), password }
    }

    fn fault(&self, answer: &Answer, operation: Operation, body: &Value) -> VendorError {
        let code = text_of(body, &["faultcode", "Code"]).unwrap_or_default();
        let kind_of_fault = code.rsplit(':').next().unwrap_or_default();
        let (kind, effect) = match kind_of_fault {
            "FailedAuthentication" | "InvalidSecurity" | "InvalidSecurityToken" | "FailedCheck" => {
                (ErrorKind::Unauthorized, Effect::None)
            }
            "Client" | "Sender" | "MustUnderstand" | "VersionMismatch" => (ErrorKind::Internal, Effect::None),
            _ if operation.reads() => (ErrorKind::Unavailable, Effect::None),
            _ => (ErrorKind::Unavailable, Effect::Unknown),
        };
        let plain = kind_of_fault.chars().filter(char::is_ascii_alphanumeric).take(40).collect::<String>();
        answer.error(kind).with_effect(effect).because(format!("SOAP fault {plain}"))
    }
}

#[async_trait]
impl Speech for SoapSpeech {
    async fn ask(&self, ask: &Ask<'_>) -> Result<Opened, VendorError> {
        let source = self.transport.source();
        let url = Url::parse(&format!("{}{}", self.base, ask.method.soap_path(&self.version)))
            .map_err(|fault| unwritten(source, ask.operation, fault.into()))?;
        let body = ask
            .parameters
            .to_xml(&format!("v1:{}", ask.method.name))
            .map_err(|fault| unwritten(source, ask.operation, fault))?;
        let envelope = enveloped(ask.method, &self.version, &self.login, &self.password, &body);
        let mut call = Call::new(ask.operation, reqwest::Method::POST, url)
            .header(ACCEPT, "text/xml")
            .header(SOAP_ACTION, "\"\"")
            .payload(Payload::new("text/xml; charset=utf-8", envelope));
        if let Some(timeout) = ask.timeout {
            call = call.timeout(timeout);
        }
        let answer = self.transport.send(call).await?;
        // A fault comes with 500; any other answer that is no envelope is told by its status.
        match opened(&answer.body) {
            Ok(Content::Fault(body)) => Err(self.fault(&answer, ask.operation, &body)),
            Ok(Content::Result(tree)) if answer.status.is_success() => Ok(Opened { answer, tree: Some(tree) }),
            Err(fault) if answer.status.is_success() => Err(answer.malformed(&fault)),
            _ => Err(refused(&answer)),
        }
    }
}

/// The whole request (`secutix.md §2.4`): only the method element is in the service's namespace.
fn enveloped(method: Method, version: &str, login: &str, password: &SecretString, body: &str) -> String {
    let (namespace, login, password) = (method.namespace(version), escape(login), escape(password.expose_secret()));
    format!(
        "<soapenv:Envelope xmlns:soapenv=\"{ENVELOPE}\" xmlns:v1=\"{namespace}\"><soapenv:Header>\
         <wsse:Security xmlns:wsse=\"{SECURITY}\"><wsse:UsernameToken><wsse:Username>{login}</wsse:Username>\
         <wsse:Password Type=\"{PASSWORD_TEXT}\">{password}</wsse:Password></wsse:UsernameToken></wsse:Security>\
         </soapenv:Header><soapenv:Body>{body}</soapenv:Body></soapenv:Envelope>"
    )
}

/// What an envelope held.
#[derive(Debug, PartialEq)]
pub(crate) enum Content {
    /// The result object.
    Result(Value),
    /// A fault.
    Fault(Value),
}

/// Why an envelope was not opened.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum EnvelopeFault {
    /// No XML that we read.
    #[error(transparent)]
    Xml(#[from] xml::XmlFault),
    /// XML, but no SOAP.
    #[error("there is no {0} in the envelope")]
    Missing(&'static str),
}

/// Takes an answer out of its envelope: `Envelope/Body/<method>Response/<ResultClass>`, under any prefix (`secutix.md §2.4`).
/// Never panics, whatever the bytes.
pub(crate) fn opened(bytes: &[u8]) -> Result<Content, EnvelopeFault> {
    let mut root = xml::read(bytes)?;
    if root.name != "Envelope" {
        return Err(EnvelopeFault::Missing("Envelope"));
    }
    let body = root.take("Body").ok_or(EnvelopeFault::Missing("Body"))?;
    let Value::Object(children) = body else { return Err(EnvelopeFault::Missing("Response")) };
    let (name, response) = children.into_iter().next().ok_or(EnvelopeFault::Missing("Response"))?;
    if name == "Fault" {
        return Ok(Content::Fault(response));
    }
    unwrapped(response).map(Content::Result).ok_or(EnvelopeFault::Missing("result"))
}

/// The result stands below its class name, or below `return`; some stacks leave that level out.
fn unwrapped(response: Value) -> Option<Value> {
    let Value::Object(children) = response else { return None };
    if children.contains_key("statusCode") {
        return Some(Value::Object(children));
    }
    children.into_iter().map(|(_, child)| child).find(Value::is_object)
}

fn text_of(body: &Value, names: &[&str]) -> Option<String> {
    names.iter().find_map(|name| body.get(name)?.as_str().map(str::to_owned))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::speech::Parameters;
    use crate::wire::Nothing;
    use crate::wire::catalog::{CatalogQuery, GET_CATALOG_DETAILED, GET_POS_CONFIG};
    use proptest::prelude::*;
    use serde_json::json;

    const FINE: &str = "<S:Envelope xmlns:S='e'><S:Body><r><R><statusCode a=\"b\">a &amp; b</statusCode></R></r></S:Body></S:Envelope>";

    proptest! {
        #[test]
        fn whatever_comes_instead_of_an_envelope_is_refused_and_breaks_nothing(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            let _ = opened(&bytes);
        }

        #[test]
        fn an_envelope_that_is_cut_or_garbled_is_read_or_refused(cut in 0..FINE.len(), at in 0..FINE.len(), byte in any::<u8>()) {
            let mut bytes = FINE.as_bytes().to_vec();
            bytes[at] = byte;
            let _ = opened(&bytes);
            prop_assert!(opened(&bytes[..cut]).is_err(), "a part was taken for the whole");
        }
    }

    #[test]
    fn a_request_is_the_documented_envelope_with_everything_escaped() {
        let body = Nothing {}.to_xml("v1:getPOSConfig").expect("a body");
        assert_eq!(body, "<v1:getPOSConfig/>");
        let envelope = enveloped(GET_POS_CONFIG, "v1_33", "A<_DGTK", &"p&w".to_owned().into(), &body);
        let mut root = xml::read(envelope.as_bytes()).expect("XML");
        assert!(envelope.contains("xmlns:v1=\"http://v1_33.CatalogService.service.secutix.com\""));
        assert_eq!(root.take("Body"), Some(json!({"getPOSConfig": null})));
        let token = root.take("Header").expect("a header")["Security"]["UsernameToken"].clone();
        assert_eq!(token, json!({"Username": "A<_DGTK", "Password": "p&w"}));
        assert_eq!(
            CatalogQuery { request_id: Some(17) }.to_xml("v1:x").expect("a body"),
            "<v1:x><requestId>17</requestId></v1:x>"
        );
        assert_eq!(
            GET_CATALOG_DETAILED.soap_path("v1_33"),
            "/tnseb/external-remoting/com.secutix.service.realtime.catalog.v1_33.CatalogService.webservice"
        );
    }

    #[test]
    fn a_result_is_found_below_any_prefix_and_class_name() {
        for answer in [
            "<S:Envelope xmlns:S='e'><S:Body><ns2:r xmlns:ns2='n'><POSConfigResult><statusCode>success</statusCode></POSConfigResult></ns2:r></S:Body></S:Envelope>",
            "<Envelope><Header/><Body><r><return><statusCode>success</statusCode></return></r></Body></Envelope>",
            "<x:Envelope xmlns:x='e'><x:Body><r><statusCode>success</statusCode></r></x:Body></x:Envelope>",
        ] {
            assert_eq!(opened(answer.as_bytes()), Ok(Content::Result(json!({"statusCode": "success"}))), "{answer}");
        }
    }

    #[test]
    fn a_fault_is_told_from_a_result_and_an_empty_envelope_from_both() {
        let fault = "<S:Envelope><S:Body><S:Fault><faultcode>wsse:FailedAuthentication</faultcode></S:Fault></S:Body></S:Envelope>";
        assert!(matches!(opened(fault.as_bytes()), Ok(Content::Fault(_))));
        for (broken, missing) in [
            ("<html/>", "Envelope"),
            ("<Envelope/>", "Body"),
            ("<Envelope><Body/></Envelope>", "Response"),
            ("<Envelope><Body><r/></Body></Envelope>", "result"),
        ] {
            assert_eq!(opened(broken.as_bytes()), Err(EnvelopeFault::Missing(missing)));
        }
    }
}
