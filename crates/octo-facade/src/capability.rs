//! Capabilities: optional parts of OCTO that a request asks for (octo.md §2.2, §9).

use serde::Serialize;
use strum::{EnumIter, IntoEnumIterator as _};

/// Prefix of the long form of an id.
const PREFIX: &str = "octo/";

/// Longest list of capabilities that is read.
const MAX_NAMES: usize = 50;

/// A capability that this service has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, EnumIter)]
pub enum OctoCapability {
    /// Prices.
    Pricing,
    /// Texts, pictures and categories.
    Content,
}

impl OctoCapability {
    /// The id without a prefix.
    fn short_name(self) -> &'static str {
        match self {
            Self::Pricing => "pricing",
            Self::Content => "content",
        }
    }
}

/// The capabilities that a request asks for and this service has, in the form in which they were asked for (octo.md O1).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OctoCapabilities(Vec<(OctoCapability, String)>);

impl OctoCapabilities {
    /// Reads the header `Octo-Capabilities`: ids separated by commas, with or without the prefix `octo/`. Unknown ids have no effect.
    pub fn parse(header: &str) -> Self {
        let mut found: Vec<(OctoCapability, String)> = Vec::new();
        for name in header.split(',').map(str::trim).take(MAX_NAMES) {
            let short = name.strip_prefix(PREFIX).unwrap_or(name);
            if let Some(known) = OctoCapability::iter().find(|known| known.short_name() == short)
                && found.iter().all(|(one, _)| *one != known)
            {
                found.push((known, name.to_owned()));
            }
        }
        Self(found)
    }

    /// Returns true if the request asks for prices.
    pub fn has_pricing(&self) -> bool {
        self.has(OctoCapability::Pricing)
    }

    /// Returns true if the request asks for texts.
    pub fn has_content(&self) -> bool {
        self.has(OctoCapability::Content)
    }

    fn has(&self, wanted: OctoCapability) -> bool {
        self.0.iter().any(|(one, _)| *one == wanted)
    }

    /// Returns the header of the response: the ids that took effect.
    pub fn to_header(&self) -> String {
        self.0.iter().map(|(_, name)| name.as_str()).collect::<Vec<_>>().join(", ")
    }
}

/// A capability as `GET /capabilities` lists it (octo.md §3).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ListedCapability {
    id: String,
    revision: u32,
    required: bool,
    dependencies: Vec<String>,
    docs: Option<String>,
}

/// Lists the capabilities of this service.
pub fn list() -> Vec<ListedCapability> {
    let listed = |capability: OctoCapability| ListedCapability {
        id: format!("{PREFIX}{}", capability.short_name()),
        revision: 1,
        required: false,
        dependencies: Vec::new(),
        docs: None,
    };
    OctoCapability::iter().map(listed).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_of_an_id_are_known_and_returned_as_they_were_sent() {
        for (header, effective) in [
            ("octo/pricing", "octo/pricing"),
            ("pricing", "pricing"),
            ("octo/cart, octo/pricing , pricing", "octo/pricing"),
            ("octo/unknown", ""),
            ("", ""),
            ("octo/octo/pricing", ""),
        ] {
            let capabilities = OctoCapabilities::parse(header);
            assert_eq!(capabilities.to_header(), effective, "{header}");
            assert_eq!(capabilities.has_pricing(), !effective.is_empty(), "{header}");
        }
        let both = OctoCapabilities::parse("content,octo/pricing");
        assert_eq!((both.to_header().as_str(), both.has_content()), ("content, octo/pricing", true));
        assert!(!OctoCapabilities::parse("octo/pricing").has_content());
    }
}
