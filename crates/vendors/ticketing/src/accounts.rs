//! Whether an integration key is set up at the vendor (`ticketing.md §2`): version, key and level, host.

use std::collections::BTreeSet;

use async_trait::async_trait;

use crate::Account;
use domain::accounts::{self, Check, Letter, ResellerAccounts};
use domain::{ErrorKind, EventKey, Operation, Reason, VendorError};

const OP: Operation = Operation::CheckConnection;

#[async_trait]
impl ResellerAccounts for Account {
    async fn check(&self, _: &accounts::Account) -> Vec<Check> {
        let host = self.terms.host.as_str();
        let version = "The version of the API that we speak is accepted";
        let key = "The integration key is accepted";
        let listed = match self.client.published_events(OP, host).await {
            Err(error) if self.client.wants_newer_version(&error) => {
                let hint = "Set client_version to the version that the vendor asks for.";
                return vec![Check::new("CLIENT_VERSION", version, Some(hint))];
            }
            Err(error) if is_refusal(&error) => {
                let hint = "Ask an administrator of TickeTing for an integration key of this environment.";
                return vec![Check::new("CLIENT_VERSION", version, None), Check::new("CREDENTIALS", key, Some(hint))];
            }
            Err(error) => return vec![Check::unasked("CREDENTIALS", key, error)],
            Ok(listed) => listed,
        };
        let mut checks = vec![Check::new("CLIENT_VERSION", version, None), Check::new("CREDENTIALS", key, None)];
        checks.push(self.level(host).await);
        checks.push(self.host(host).await);
        let hint = "The host has no published event: publish one, or look at the host.";
        checks.push(Check::new("EVENTS_ON_SALE", "The host has published events", listed.is_empty().then_some(hint)));
        checks
    }

    fn events(&self, _: &accounts::Account) -> Option<BTreeSet<EventKey>> {
        None
    }

    fn hand_over(&self, account: &accounts::Account) -> Letter {
        let reseller = account.reseller.as_deref().unwrap_or("partner");
        let missing = vec![
            "API key: an administrator of TickeTing creates an integration key; send it by another way than this message".to_owned(),
        ];
        let body = format!(
            "Hello,\n\n{reseller} can sell the events of host {host} through the TickeTing API.\n\nAddress: {base}\nHost: {host}\n\
             Client version: {version}\nAPI key: <API key>, in the header X-API-Key\n\nKind regards",
            host = self.terms.host,
            base = self.client.base(),
            version = self.client.version(),
        );
        Letter { subject: format!("TickeTing API access for {reseller}"), body, missing }
    }
}

impl Account {
    /// Administrators list what is not published; lesser keys sell, but cannot refund or issue tokens (`ticketing.md §4.6`).
    async fn level(&self, host: &str) -> Check {
        let title = "The integration key is of administrator level";
        match self.client.events(OP, host).await {
            Ok(_) => Check::new("KEY_LEVEL", title, None),
            Err(error) if is_refusal(&error) => {
                let hint = "With a lesser key nothing can be refunded, and no admission token issued: ask for a key of administrator level.";
                Check::new("KEY_LEVEL", title, Some(hint))
            }
            Err(error) => Check::unasked("KEY_LEVEL", title, error),
        }
    }

    async fn host(&self, host: &str) -> Check {
        let title = format!("Host {host} is there");
        match self.client.find_host(OP, host).await {
            Ok(()) => Check::new("HOST_KNOWN", title, None),
            Err(error) if error.kind == ErrorKind::NotFound => {
                let hint = "The vendor has no host of this id in this environment: copy its 14 digits again.";
                Check::new("HOST_KNOWN", title, Some(hint))
            }
            Err(error) => Check::unasked("HOST_KNOWN", title, error),
        }
    }
}

fn is_refusal(error: &VendorError) -> bool {
    match &error.kind {
        ErrorKind::Unauthorized => true,
        ErrorKind::Rejected(refusal) => refusal.reason == Reason::Forbidden,
        _ => false,
    }
}
