//! Wire types of S-360 (`secutix.md §2.4–§4`): one model of requests and results for both protocols.
//!
//! Every field from the vendor is optional and tolerant; the mapping reports missing ones.

pub(crate) mod access;
pub(crate) mod availability;
pub(crate) mod catalog;
pub(crate) mod contact;
pub(crate) mod history;
pub(crate) mod lenient;
pub(crate) mod orders;
pub(crate) mod xml;

use serde::{Deserialize, Serialize};

pub(crate) use lenient::{LenientBool, LenientInt, LenientList, LenientString, Tolerant};

/// A service and its address (`secutix.md §2.1`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Service {
    /// Module of the system.
    pub module: &'static str,
    /// Java package, with `{}` in place of the version.
    pub package: &'static str,
    /// Java class.
    pub class: &'static str,
    /// The class with a lowercase first letter, as in JSON addresses.
    pub json_name: &'static str,
    /// Version of its own, if it does not follow that of the sales services.
    pub version: Option<&'static str>,
}

/// Catalog and point of sale.
pub(crate) const CATALOG: Service = Service {
    module: "tnseb",
    package: "com.secutix.service.realtime.catalog",
    class: "CatalogService",
    json_name: "catalogService",
    version: None,
};

/// Availability.
pub(crate) const AVAILABILITY: Service = Service {
    module: "tnseb",
    package: "com.secutix.service.realtime.availability",
    class: "AvailabilityService",
    json_name: "availabilityService",
    version: None,
};

/// Orders, in one call.
pub(crate) const FACADE: Service = Service {
    module: "tnseb",
    package: "com.secutix.service.realtime.externalorder",
    class: "ExternalOrderFacade",
    json_name: "externalOrderFacade",
    version: None,
};

/// Orders, step by step.
pub(crate) const ORDER: Service = Service {
    module: "tnseb",
    package: "com.secutix.service.realtime.externalorder",
    class: "ExternalOrderService",
    json_name: "externalOrderService",
    version: None,
};

/// Sales history.
pub(crate) const HISTORY: Service = Service {
    module: "tnseb",
    package: "com.secutix.service.realtime.history",
    class: "ExternalOrderHistoryService",
    json_name: "externalOrderHistoryService",
    version: None,
};

/// Contacts.
pub(crate) const CONTACT: Service = Service {
    module: "tnco",
    package: "com.secutix.service.contact",
    class: "ContactInformationPublicService",
    json_name: "contactInformationPublicService",
    version: Some("v2_21"),
};

/// Access control (`secutix.md §3.8`). Only some logins may call it.
pub(crate) const ACCESS_CONTROL: Service = Service {
    module: "tnci",
    package: "com.secutix.facade.control",
    class: "ExternalAccessControlService",
    json_name: "externalAccessControlService",
    version: Some("v1_6"),
};

/// A method of a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Method {
    /// The service.
    pub service: Service,
    /// The name on the wire.
    pub name: &'static str,
}

impl Method {
    /// Returns the JSON path of the method, below the host (`secutix.md §2.1`).
    pub(crate) fn json_path(&self, version: &str) -> String {
        let version = self.service.version.unwrap_or(version);
        format!("/{}/backend-apis/{}/{version}/{}", self.service.module, self.service.json_name, self.name)
    }

    /// Returns the SOAP path of the method's service.
    pub(crate) fn soap_path(&self, version: &str) -> String {
        let version = self.service.version.unwrap_or(version);
        let Service { module, package, class, .. } = self.service;
        format!("/{module}/external-remoting/{package}.{version}.{class}.webservice")
    }

    /// Returns the namespace of the method's element (`secutix.md §2.4`).
    pub(crate) fn namespace(&self, version: &str) -> String {
        let version = self.service.version.unwrap_or(version);
        format!("http://{version}.{}.service.secutix.com", self.service.class)
    }
}

/// A request without parameters.
#[derive(Debug, Default, Serialize)]
pub(crate) struct NoParameters {}

/// Status fields of every result (`secutix.md §2.6`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct ResultHeader {
    /// `success`, `in_progress`, or a code.
    pub status_code: Option<LenientString>,
    /// Details.
    pub status_detail: Option<LenientString>,
    /// Details, in order results.
    pub status_message: Option<LenientString>,
    /// Id of an asynchronous request.
    pub request_id: Option<LenientInt>,
    /// False for a system failure; in order results.
    pub expected_exception: Option<LenientBool>,
}

/// Localized text (`secutix.md §2.10`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(from = "LenientLabel")]
pub(crate) struct Label {
    /// Pairs of language and text.
    pub translations: Vec<(String, String)>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum LenientLabel {
    Plain(String),
    Structured {
        #[serde(default)]
        translations: LenientList<LabelTranslation>,
    },
    #[expect(dead_code, reason = "makes a label of unknown structure empty instead of an error")]
    Odd(serde_json::Value),
}

#[derive(Deserialize)]
struct LabelTranslation {
    #[serde(default)]
    locale: Option<LenientString>,
    #[serde(default)]
    value: Option<LenientString>,
}

impl From<LenientLabel> for Label {
    fn from(loose: LenientLabel) -> Self {
        let translations = match loose {
            LenientLabel::Plain(text) => vec![(String::new(), text)],
            LenientLabel::Structured { translations } => translations
                .0
                .into_iter()
                .filter_map(|one| Some((one.locale.map(|locale| locale.0).unwrap_or_default(), one.value?.0)))
                .collect(),
            LenientLabel::Odd(_) => Vec::new(),
        };
        Self { translations }
    }
}

/// A currency (`secutix.md §4.2`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct CurrencyCash {
    /// ISO 4217.
    pub currency_code: Option<LenientString>,
    /// Number of decimal places.
    pub fraction_digit: Option<LenientInt>,
    /// Smallest amount, in the unit of all amounts.
    pub min_amount: Option<LenientInt>,
}
