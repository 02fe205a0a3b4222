//! Secrets: written as `{ env = "NAME" }` or `{ file = "path" }`, and as `{ value = "…" }` in sandbox configurations only.

use secrecy::{ExposeSecret, SecretString};
use url::Url;

use crate::config::section::{Ground, Section};
use crate::config::tree::{Node, Value};

/// Reads a secret from where it is kept, or says what is wrong; the message never holds it.
pub(super) fn read(ground: &Ground<'_>, key: &str, node: &Node) -> Result<SecretString, String> {
    let table = match (&node.value, node.table()) {
        (_, Some(table)) => table,
        // The variable is itself the place where the secret is kept.
        (Value::Bare { text, .. }, None) => return full(text, "the variable is empty"),
        (Value::Text(_), None) => return Err(written_out(key)),
        _ => return Err(format!("must be {WANTED}, is {}", node.shown())),
    };
    let (kind, place) = match table.iter().next() {
        Some((kind, place)) if table.len() == 1 => (kind.as_str(), place),
        _ => return Err(format!("must hold just one key: it is {WANTED}")),
    };
    let text = place.text().filter(|text| !text.is_empty());
    let Some(text) = text else { return Err(format!("`{kind}` must be text in quotes")) };
    match kind {
        "env" => {
            let value =
                ground.variables.get(text).ok_or_else(|| format!("the environment variable {text} is not set"))?;
            full(value, &format!("the environment variable {text} is empty"))
        }
        "file" => from_file(ground, node, text),
        "value" if ground.literals_allowed => Ok(text.into()),
        "value" => Err(format!(
            "is written out, which only a configuration whose sources are all sandboxes may do: write {WANTED}"
        )),
        other => Err(format!("{other:?} is no place of a secret: write {WANTED}")),
    }
}

const WANTED: &str = r#"{ env = "NAME" } or { file = "path" }"#;

fn written_out(key: &str) -> String {
    let name = key.to_ascii_uppercase().replace(|sign: char| !sign.is_ascii_alphanumeric(), "_");
    format!(r#"is a secret and must not be written out: write {{ env = "{name}" }} or {{ file = "path" }}"#)
}

/// Reads a secret out of a file; line ends at its end do not count.
pub(super) fn from_file(ground: &Ground<'_>, node: &Node, written: &str) -> Result<SecretString, String> {
    let path = node.place.resolve(written);
    let text =
        (ground.read_file)(&path).map_err(|fault| format!("{} cannot be read: {}", path.display(), fault.kind()))?;
    full(text.trim_end_matches(['\r', '\n']), &format!("{} is empty", path.display()))
}

fn full(text: &str, complaint: &str) -> Result<SecretString, String> {
    if text.is_empty() { Err(complaint.to_owned()) } else { Ok(text.into()) }
}

impl Section<'_> {
    /// A secret that may be absent.
    pub(super) fn find_secret(&self, key: &str) -> Option<SecretString> {
        let node = self.node(key).filter(|node| !node.is_blank())?;
        read(self.ground, &self.path_of(key), node).map_err(|message| self.wrong(key, message)).ok()
    }

    /// The address of a store, which may hold a password: plain text without one, a secret with one. May be absent.
    ///
    /// The address must have one of the schemes.
    pub(super) fn find_store(&self, key: &str, schemes: &[&str]) -> Option<SecretString> {
        let node = self.node(key).filter(|node| !node.is_blank())?;
        let address = match &node.value {
            Value::Text(text) if !self.ground.literals_allowed && has_password(text) => {
                self.wrong(key, format!("holds a password, which must not be written out: write {WANTED}"));
                return None;
            }
            Value::Text(text) => SecretString::from(text.as_str()),
            _ => self.find_secret(key)?,
        };
        let fine = schemes.iter().any(|scheme| address.expose_secret().starts_with(&format!("{scheme}:")));
        if !fine {
            let examples: Vec<String> = schemes.iter().map(|scheme| format!("{scheme}://")).collect();
            self.wrong(key, format!("must begin with {}", examples.join(" or ")));
        }
        fine.then_some(address)
    }
}

fn has_password(address: &str) -> bool {
    Url::parse(address).is_ok_and(|url| url.password().is_some())
}
