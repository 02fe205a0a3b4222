//! Secrets: `{ env = "NAME" }` or `{ file = "path" }`, and `{ value = "…" }` in sandbox configurations only.

use secrecy::{ExposeSecret, SecretString};
use url::Url;

use crate::config::diagnostic::reason;
use crate::config::section::{ReadContext, Section};
use crate::config::tree::{Node, Value};

/// Reads a secret from its location. Errors never contain the secret.
pub(super) fn read_secret(context: &ReadContext<'_>, key: &str, node: &Node) -> Result<SecretString, String> {
    let table = match (&node.value, node.as_table()) {
        (_, Some(table)) => table,
        // The variable itself is the location of the secret.
        (Value::Variable { text, .. }, None) => return non_empty(text, "the variable is empty"),
        (Value::Text(_), None) => return Err(plaintext_message(key)),
        _ => return Err(format!("must be {EXPECTED}, is {}", node.describe())),
    };
    let (kind, location) = match table.iter().next() {
        Some((kind, location)) if table.len() == 1 => (kind.as_str(), location),
        _ => return Err(format!("must have exactly one key: it is {EXPECTED}")),
    };
    let text = location.as_text().filter(|text| !text.is_empty());
    let Some(text) = text else { return Err(format!("`{kind}` must be text in quotes")) };
    match kind {
        "env" => {
            let value =
                context.variables.get(text).ok_or_else(|| format!("the environment variable {text} is not set"))?;
            non_empty(value, &format!("the environment variable {text} is empty"))
        }
        "file" => read_secret_file(context, node, text),
        "value" if context.literals_allowed => Ok(text.into()),
        "value" => Err(format!("is written out, which is only allowed if every source is a sandbox: write {EXPECTED}")),
        other => Err(format!("{other:?} is not a location of a secret: write {EXPECTED}")),
    }
}

const EXPECTED: &str = r#"{ env = "NAME" } or { file = "path" }"#;

fn plaintext_message(key: &str) -> String {
    let name = key.to_ascii_uppercase().replace(|sign: char| !sign.is_ascii_alphanumeric(), "_");
    format!(r#"is a secret and must not be written out: write {{ env = "{name}" }} or {{ file = "path" }}"#)
}

/// Reads a secret from a file; trailing line ends are ignored.
pub(super) fn read_secret_file(context: &ReadContext<'_>, node: &Node, written: &str) -> Result<SecretString, String> {
    let path = node.location.resolve(written);
    let text =
        (context.read_file)(&path).map_err(|error| format!("{} cannot be read: {}", path.display(), reason(&error)))?;
    non_empty(text.trim_end_matches(['\r', '\n']), &format!("{} is empty", path.display()))
}

fn non_empty(text: &str, complaint: &str) -> Result<SecretString, String> {
    if text.is_empty() { Err(complaint.to_owned()) } else { Ok(text.into()) }
}

impl Section<'_> {
    /// Reads an optional secret.
    pub(super) fn find_secret(&self, key: &str) -> Option<SecretString> {
        let node = self.node(key).filter(|node| !node.is_blank())?;
        read_secret(self.context, &self.path_of(key), node).map_err(|message| self.report(key, message)).ok()
    }

    /// Reads the optional URL of a store: plain text without a password, a secret with one.
    ///
    /// The URL must have one of the schemes.
    pub(super) fn find_store(&self, key: &str, schemes: &[&str]) -> Option<SecretString> {
        let node = self.node(key).filter(|node| !node.is_blank())?;
        let address = match &node.value {
            Value::Text(text) if !self.context.literals_allowed && has_password(text) => {
                self.report(key, format!("contains a password, which must not be written out: write {EXPECTED}"));
                return None;
            }
            Value::Text(text) => SecretString::from(text.as_str()),
            _ => self.find_secret(key)?,
        };
        let fine = schemes.iter().any(|scheme| address.expose_secret().starts_with(&format!("{scheme}:")));
        if !fine {
            let examples: Vec<String> = schemes.iter().map(|scheme| format!("{scheme}://")).collect();
            self.report(key, format!("must begin with {}", examples.join(" or ")));
        }
        fine.then_some(address)
    }
}

fn has_password(address: &str) -> bool {
    Url::parse(address).is_ok_and(|url| url.password().is_some())
}
