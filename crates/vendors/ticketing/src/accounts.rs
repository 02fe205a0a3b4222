//! Readiness checks of an integration key (`ticketing.md §2`): version, key and its level, host.

use std::collections::BTreeSet;

use async_trait::async_trait;

use crate::TicketingSource;
use domain::accounts::{self, AccountCheck, HandoverMessage, ResellerAccounts};
use domain::{ErrorKind, EventKey, RefusalReason, VendorError, VendorOperation};

const OPERATION: VendorOperation = VendorOperation::CheckConnection;

#[async_trait]
impl ResellerAccounts for TicketingSource {
    async fn check_account(&self, _: &accounts::AccountConfig) -> Vec<AccountCheck> {
        let host = self.defaults.host.as_str();
        let version = "The client version is accepted";
        let key = "The integration key is accepted";
        let listed = match self.client.published_events(OPERATION, None).await {
            Err(error) if self.client.is_version_rejected(&error) => {
                let hint = "Set client_version to the version that the vendor requires.";
                return vec![AccountCheck::new("CLIENT_VERSION", version, Some(hint))];
            }
            Err(error) if is_access_denied(&error) => {
                let hint = "Request an integration key for this environment from a TickeTing administrator.";
                return vec![
                    AccountCheck::new("CLIENT_VERSION", version, None),
                    AccountCheck::new("CREDENTIALS", key, Some(hint)),
                ];
            }
            Err(error) => return vec![AccountCheck::unreachable("CREDENTIALS", key, error)],
            Ok(listed) => listed,
        };
        let mut checks =
            vec![AccountCheck::new("CLIENT_VERSION", version, None), AccountCheck::new("CREDENTIALS", key, None)];
        checks.push(self.key_level_check(host).await);
        checks.push(self.host_check(host).await);
        checks.push(self.host_events_check(listed.len()).await);
        checks
    }

    fn sellable_events(&self, _: &accounts::AccountConfig) -> Option<BTreeSet<EventKey>> {
        None
    }

    fn handover_message(&self, account: &accounts::AccountConfig) -> HandoverMessage {
        let reseller = account.reseller.as_deref().unwrap_or("partner");
        let missing = vec![
            "API key: a TickeTing administrator creates an integration key; send it through another channel than this message".to_owned(),
        ];
        let body = format!(
            "Hello,\n\n{reseller} can sell the events of host {host} through the TickeTing API.\n\nAddress: {base}\nHost: {host}\n\
             Client version: {version}\nAPI key: <API key>, in the header X-API-Key\n\nKind regards",
            host = self.defaults.host,
            base = self.client.base(),
            version = self.client.version(),
        );
        HandoverMessage { subject: format!("TickeTing API access for {reseller}"), body, missing_fields: missing }
    }
}

impl TicketingSource {
    /// Only administrator keys can list unpublished events. Lesser keys can sell, but cannot refund or issue tokens
    /// (`ticketing.md §4.6`).
    async fn key_level_check(&self, host: &str) -> AccountCheck {
        let title = "The integration key has administrator level";
        match self.client.events(OPERATION, host).await {
            Ok(_) => AccountCheck::new("KEY_LEVEL", title, None),
            Err(error) if is_access_denied(&error) => {
                let hint = "A key of a lower level cannot refund orders or issue admission tokens: request a key with administrator level.";
                AccountCheck::new("KEY_LEVEL", title, Some(hint))
            }
            Err(error) => AccountCheck::unreachable("KEY_LEVEL", title, error),
        }
    }

    /// Compares the public list of events with the host's own one (`ticketing.md §4.6` \[C\]).
    async fn host_events_check(&self, published: usize) -> AccountCheck {
        let code = "EVENTS_ON_SALE";
        let title = "The host has published events";
        let lists = async {
            let listed = self.events_of_host(OPERATION).await?.len();
            Ok((listed, self.published_events_of_host(OPERATION).await?.len()))
        };
        match lists.await {
            Ok((listed, own)) => {
                let title =
                    format!("{title}: {own} of {published} in the public list, of {listed} in the host's own list");
                let hint = "The host has no published event: publish one, or check the host id.";
                AccountCheck::new(code, title, (own == 0).then_some(hint))
            }
            Err(error) if is_access_denied(&error) => {
                let hint = "The key may read no list of the host's events, so nothing is sold: request a key with administrator level, or set assumptions.published_host_filter to \"trusted\" if the vendor confirms that the public list is filtered by host.";
                AccountCheck::new(code, title, Some(hint))
            }
            Err(error) => AccountCheck::unreachable(code, title, error),
        }
    }

    async fn host_check(&self, host: &str) -> AccountCheck {
        let title = format!("Host {host} exists");
        match self.client.find_host(OPERATION, host).await {
            Ok(()) => AccountCheck::new("HOST_KNOWN", title, None),
            Err(error) if error.kind == ErrorKind::NotFound => {
                let hint = "The vendor has no host with this id in this environment: copy its 14 digits again.";
                AccountCheck::new("HOST_KNOWN", title, Some(hint))
            }
            Err(error) => AccountCheck::unreachable("HOST_KNOWN", title, error),
        }
    }
}

fn is_access_denied(error: &VendorError) -> bool {
    match &error.kind {
        ErrorKind::Unauthorized => true,
        ErrorKind::Rejected(refusal) => refusal.reason == RefusalReason::Forbidden,
        _ => false,
    }
}
