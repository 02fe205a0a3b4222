//! Readiness checks of an integration key (`ticketing.md §2`): version, key and its level, host.

use std::collections::BTreeSet;

use async_trait::async_trait;

use crate::TicketingSource;
use domain::accounts::{self, AccountCheck, CheckOutcome, HandoverMessage, ResellerAccounts, WriteProbes};
use domain::{ErrorKind, EventKey, RefusalReason, SeenResponse, VendorError, VendorOperation, observe_responses};

const OPERATION: VendorOperation = VendorOperation::CheckConnection;

#[async_trait]
impl ResellerAccounts for TicketingSource {
    async fn check_account(&self, _: &accounts::AccountConfig, _: WriteProbes) -> Vec<AccountCheck> {
        let host = self.defaults.host.as_str();
        let (listed, seen) = observe_responses(self.client.published_events(OPERATION, None)).await;
        let key = key_check(listed.as_ref().err(), &seen);
        let version = "The vendor takes the client version";
        if let Err(error) = &listed
            && self.client.is_version_rejected(error)
        {
            let hint = "Set client_version to the version that the vendor requires.";
            return vec![AccountCheck { seen, ..AccountCheck::new("CLIENT_VERSION", version, Some(hint)) }];
        }
        let is_known = matches!(key.outcome, CheckOutcome::Passed);
        let mut checks = vec![AccountCheck { seen, ..key }];
        if !is_known {
            return checks;
        }
        checks.insert(0, AccountCheck::new("CLIENT_VERSION", version, None));
        let listed = listed.unwrap_or_default();
        checks.push(AccountCheck::observed(self.key_level_check(host)).await);
        checks.push(AccountCheck::observed(self.host_check(host)).await);
        checks.push(AccountCheck::observed(Box::pin(self.host_events_check(listed.len()))).await);
        checks
    }

    async fn check_credentials(&self) -> AccountCheck {
        let (listed, seen) = observe_responses(self.client.published_events(OPERATION, None)).await;
        let key = key_check(listed.as_ref().err(), &seen);
        AccountCheck { seen, ..key }
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

/// Judges the key by the reading of the public list. A 404 means an empty list only if it is the vendor's own (`ticketing.md §2.4`).
fn key_check(error: Option<&VendorError>, seen: &[SeenResponse]) -> AccountCheck {
    const TITLE: &str = "The vendor knows the integration key";
    let is_json = seen.last().is_some_and(SeenResponse::is_json);
    match error {
        Some(error) if is_access_denied(error) => {
            let hint = "Request an integration key for this environment from a TickeTing administrator.";
            AccountCheck::new("CREDENTIALS", TITLE, Some(hint))
        }
        Some(error) if error.kind.is_transient() => AccountCheck::unreachable("CREDENTIALS", TITLE, error.clone()),
        None if is_json => AccountCheck::new("CREDENTIALS", TITLE, None),
        _ => AccountCheck::unproven("CREDENTIALS", TITLE, "TickeTing's", "base_url", "vendor"),
    }
}

fn is_access_denied(error: &VendorError) -> bool {
    match &error.kind {
        ErrorKind::Unauthorized => true,
        ErrorKind::Rejected(refusal) => refusal.reason == RefusalReason::Forbidden,
        _ => false,
    }
}
