//! `[sign_in]`: people who sign in at the dashboard by an OpenID Connect provider.

use std::num::{NonZeroU32, NonZeroUsize};
use std::time::Duration;

use secrecy::SecretString;
use sign_in::{Access, Role, RoleRule};
use url::Url;

use crate::config::diagnostic::unknown_name;
use crate::config::section::Section;
use crate::config::server::ServerConfig;
use crate::config::setting::Choice;
use crate::config::sources::{is_plain_to_remote, require_https};

/// Path of the address to which the provider sends browsers back.
const CALLBACK_PATH: &str = "/sign-in/callback";

impl Choice for Role {
    const KIND: &'static str = "role";
    const EXPECTED: &'static str = r#"a role such as "viewer""#;
    const CHOICES: &'static [(&'static str, Self)] =
        &[("viewer", Self::Viewer), ("seller", Self::Seller), ("manager", Self::Manager), ("operator", Self::Operator)];
}

/// Sign-in of people.
#[derive(Debug, Clone)]
pub struct SignInConfig {
    /// Issuer, exactly as the provider writes it.
    pub issuer: String,
    /// Client id at the provider.
    pub client_id: String,
    /// Client secret; `None` for a public client.
    pub client_secret: Option<SecretString>,
    /// URL at which browsers reach the dashboard: an origin.
    pub public_url: Url,
    /// Name of the provider on the button.
    pub provider_name: String,
    /// Scopes to ask for.
    pub scopes: Vec<String>,
    /// Claim that decides the role.
    pub roles_claim: String,
    /// Rules that grant roles, by their names.
    pub roles: Vec<RoleRule>,
    /// Time limit of a request to the provider.
    pub timeout: Duration,
    /// Sign-ins that are completed at the same time.
    pub in_flight: NonZeroUsize,
    /// Time without a request after which a session ends.
    pub idle_timeout: Duration,
    /// Time after which a session ends in any case.
    pub lifetime: Duration,
    /// Sessions of one user; a new one ends the oldest.
    pub sessions_per_user: NonZeroU32,
    /// Requests per minute of each user; `None`: unlimited.
    pub requests_per_minute: Option<NonZeroU32>,
    /// Requests of the sign-in per minute of each address; `None`: unlimited.
    pub requests_per_minute_and_address: Option<NonZeroU32>,
}

impl SignInConfig {
    /// Reads the section. `None` without an issuer.
    pub(super) fn read(from: &Section<'_>, server: &ServerConfig, resellers: &[&str]) -> Option<Self> {
        let issuer: Option<Url> = from.find("issuer");
        let written: Option<String> = from.find("issuer");
        let client_id: Option<String> = from.find("client_id");
        let public_url = from.find::<Url>("public_url");
        let provider_name: Option<String> = from.find("provider_name");
        let read = Self {
            issuer: written.unwrap_or_default(),
            client_id: client_id.clone().unwrap_or_default(),
            client_secret: from.find_secret("client_secret"),
            public_url: public_url.clone().or_else(|| server.public_url.clone()).unwrap_or_else(placeholder_url),
            provider_name: provider_name.or_else(|| Some(issuer.as_ref()?.host_str()?.to_owned())).unwrap_or_default(),
            scopes: from.get("scopes"),
            roles_claim: from.get("roles_claim"),
            roles: from.read_each("roles", |_, rule| read_rule(rule, resellers)).into_values().collect(),
            timeout: from.get("timeout"),
            in_flight: from.get("in_flight"),
            idle_timeout: from.get("idle_timeout"),
            lifetime: from.get("lifetime"),
            sessions_per_user: from.get("sessions_per_user"),
            requests_per_minute: from.find("requests_per_minute"),
            requests_per_minute_and_address: from.find("requests_per_minute_and_address"),
        };
        let issuer = issuer?;
        require_https(from, "issuer", &issuer);
        if client_id.is_none() {
            from.report_missing::<()>("client_id", "the id of this service at the provider");
        }
        if public_url.is_none() && server.public_url.is_none() {
            from.report_missing::<()>(
                "public_url",
                "the URL at which browsers reach the dashboard, unless `server.public_url` is",
            );
        }
        check_public_url(from, &read.public_url);
        if read.roles.is_empty() && from.is_clean(&["roles"]) {
            from.report("roles", "is empty: nobody could sign in");
        }
        let idle = ("idle_timeout", read.idle_timeout);
        from.require_not_longer(idle, ("lifetime", read.lifetime), "sessions would end before they are idle");
        Some(read)
    }

    /// Returns the address to which the provider sends browsers back.
    pub fn redirect_url(&self) -> Url {
        self.public_url.join(CALLBACK_PATH).unwrap_or_else(|_| self.public_url.clone())
    }
}

fn placeholder_url() -> Url {
    Url::parse("http://localhost").unwrap_or_else(|_| unreachable!("a constant URL"))
}

/// Cookies without `Secure` are for this machine only, and the paths of the dashboard are fixed.
fn check_public_url(from: &Section<'_>, url: &Url) {
    if is_plain_to_remote(url, &["http"]) {
        from.report("public_url", "must begin with https:// unless it is on this machine, because it has cookies");
    }
    if url.path() != "/" || url.query().is_some() {
        from.report("public_url", "must have no path: the dashboard is at /dashboard");
    }
}

fn read_rule(from: &Section<'_>, resellers: &[&str]) -> RoleRule {
    let role: Role = from.get("role");
    let reseller: Option<String> = from.find("reseller");
    if let Some(name) = reseller.as_deref().filter(|name| !resellers.contains(name)) {
        from.report("reseller", unknown_name("reseller", name, resellers.iter().copied()));
    }
    if from.is_clean(&["role", "reseller"]) {
        match (&reseller, role) {
            (Some(_), Role::Operator) => {
                from.report("reseller", "must not be written for an operator, who sees all data")
            }
            (None, Role::Viewer | Role::Seller | Role::Manager) => {
                from.report("reseller", "is missing: only an operator sees the data of all resellers");
            }
            _ => {}
        }
    }
    RoleRule { value: from.get("value"), access: Access { reseller, role } }
}
