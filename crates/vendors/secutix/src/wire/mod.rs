//! The words of S-360 (`secutix.md §2.4–§4`): one model of requests and results for both transports. Private to this folder and the emulator.
//!
//! Everything that comes from the vendor is optional and loose; what is missing is missed where it is mapped.

pub mod access;
pub mod availability;
pub mod catalog;
pub mod contact;
pub mod history;
pub mod loose;
pub mod order;
pub mod xml;

use serde::{Deserialize, Serialize};

pub use loose::{Flag, List, Perhaps, Whole, Words};

/// A service and where it lives (`secutix.md §2.1`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Service {
    /// The part of the system.
    pub module: &'static str,
    /// The Java package, with `{}` where the version goes.
    pub package: &'static str,
    /// The class.
    pub class: &'static str,
    /// The class with a small first letter, as JSON addresses have it.
    pub json: &'static str,
    /// Its own version, where it does not follow that of the sales services.
    pub version: Option<&'static str>,
}

/// Catalogue and point of sale.
pub const CATALOG: Service = Service {
    module: "tnseb",
    package: "com.secutix.service.realtime.catalog",
    class: "CatalogService",
    json: "catalogService",
    version: None,
};

/// What is free.
pub const AVAILABILITY: Service = Service {
    module: "tnseb",
    package: "com.secutix.service.realtime.availability",
    class: "AvailabilityService",
    json: "availabilityService",
    version: None,
};

/// Orders, in one call.
pub const FACADE: Service = Service {
    module: "tnseb",
    package: "com.secutix.service.realtime.externalorder",
    class: "ExternalOrderFacade",
    json: "externalOrderFacade",
    version: None,
};

/// Orders, step by step.
pub const ORDER: Service = Service {
    module: "tnseb",
    package: "com.secutix.service.realtime.externalorder",
    class: "ExternalOrderService",
    json: "externalOrderService",
    version: None,
};

/// What was sold.
pub const HISTORY: Service = Service {
    module: "tnseb",
    package: "com.secutix.service.realtime.history",
    class: "ExternalOrderHistoryService",
    json: "externalOrderHistoryService",
    version: None,
};

/// Contacts.
pub const CONTACT: Service = Service {
    module: "tnco",
    package: "com.secutix.service.contact",
    class: "ContactInformationPublicService",
    json: "contactInformationPublicService",
    version: Some("v2_21"),
};

/// The gate (`secutix.md §3.8`). Only some logins may ask it.
pub const ACCESS_CONTROL: Service = Service {
    module: "tnci",
    package: "com.secutix.facade.control",
    class: "ExternalAccessControlService",
    json: "externalAccessControlService",
    version: Some("v1_6"),
};

/// A method of a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Method {
    /// The service.
    pub service: Service,
    /// The name on the wire.
    pub name: &'static str,
}

impl Method {
    /// Where the method is called in JSON: the path below the host (`secutix.md §2.1`).
    pub fn json_path(&self, version: &str) -> String {
        let version = self.service.version.unwrap_or(version);
        format!("/{}/backend-apis/{}/{version}/{}", self.service.module, self.service.json, self.name)
    }

    /// Where the service of the method is called in SOAP.
    pub fn soap_path(&self, version: &str) -> String {
        let version = self.service.version.unwrap_or(version);
        let Service { module, package, class, .. } = self.service;
        format!("/{module}/external-remoting/{package}.{version}.{class}.webservice")
    }

    /// The namespace of the method's element (`secutix.md §2.4`).
    pub fn namespace(&self, version: &str) -> String {
        let version = self.service.version.unwrap_or(version);
        format!("http://{version}.{}.service.secutix.com", self.service.class)
    }
}

/// A request without parameters.
#[derive(Debug, Default, Serialize)]
pub struct Nothing {}

/// What every result says about itself (`secutix.md §2.6`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Outcome {
    /// `success`, `in_progress`, or a code.
    pub status_code: Option<Words>,
    /// More about it.
    pub status_detail: Option<Words>,
    /// More about it, in order results.
    pub status_message: Option<Words>,
    /// Names an asynchronous request.
    pub request_id: Option<Whole>,
    /// In order results.
    pub expected_exception: Option<Flag>,
}

/// Text in several languages (`secutix.md §2.10`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(from = "LooseLabel")]
pub struct Label {
    /// Language and text.
    pub translations: Vec<(String, String)>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum LooseLabel {
    Plain(String),
    Structured {
        #[serde(default)]
        translations: List<Translation>,
    },
    #[expect(dead_code, reason = "only there so that a label of unknown shape is empty instead of an error")]
    Odd(serde_json::Value),
}

#[derive(Deserialize)]
struct Translation {
    #[serde(default)]
    locale: Option<Words>,
    #[serde(default)]
    value: Option<Words>,
}

impl From<LooseLabel> for Label {
    fn from(loose: LooseLabel) -> Self {
        let translations = match loose {
            LooseLabel::Plain(text) => vec![(String::new(), text)],
            LooseLabel::Structured { translations } => translations
                .0
                .into_iter()
                .filter_map(|one| Some((one.locale.map(|locale| locale.0).unwrap_or_default(), one.value?.0)))
                .collect(),
            LooseLabel::Odd(_) => Vec::new(),
        };
        Self { translations }
    }
}

/// A currency as S-360 describes it (`secutix.md §4.2`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct CurrencyCash {
    /// ISO 4217.
    pub currency_code: Option<Words>,
    /// The smallest amount, in thousandths.
    pub min_amount: Option<Whole>,
}
