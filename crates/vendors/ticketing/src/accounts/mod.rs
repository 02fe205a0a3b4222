//! Readiness checks of an integration key (`ticketing.md §2`): version, key and its level, host.

mod texts;

use std::collections::BTreeSet;

use async_trait::async_trait;

use self::texts::*;
use crate::TicketingSource;
use domain::accounts::{self, AccountCheck, CheckOutcome, HandoverMessage, ResellerAccounts, WriteProbes};
use domain::{
    ErrorKind, EventKey, Language, LocalizedText, RefusalReason, SeenResponse, VendorError, VendorOperation,
    observe_responses,
};

const OPERATION: VendorOperation = VendorOperation::CheckConnection;

#[async_trait]
impl ResellerAccounts for TicketingSource {
    async fn check_account(&self, _: &accounts::AccountConfig, _: WriteProbes) -> Vec<AccountCheck> {
        let host = self.defaults.host.as_str();
        let (listed, seen) = observe_responses(self.client.published_events(OPERATION, None)).await;
        let key = key_check(listed.as_ref().err(), &seen);
        if let Err(error) = &listed
            && self.client.is_version_rejected(error)
        {
            let check = AccountCheck::new("CLIENT_VERSION", CLIENT_VERSION, Some(SET_CLIENT_VERSION));
            return vec![AccountCheck { seen, ..check }];
        }
        let is_known = matches!(key.outcome, CheckOutcome::Passed);
        let mut checks = vec![AccountCheck { seen, ..key }];
        if !is_known {
            return checks;
        }
        checks.insert(0, AccountCheck::passed("CLIENT_VERSION", CLIENT_VERSION));
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
        HandoverMessage {
            subject: LocalizedText::from([
                format!("TickeTing API access for {reseller}"),
                format!("Accès à l'API TickeTing pour {reseller}"),
                format!("Zugang zur TickeTing-API für {reseller}"),
            ]),
            body: LocalizedText::written(|language| self.handover_body(reseller, language)),
            missing_fields: vec![KEY_MISSING.into()],
        }
    }
}

impl TicketingSource {
    fn handover_body(&self, reseller: &str, language: Language) -> String {
        let (host, base, version) = (&self.defaults.host, self.client.base(), self.client.version());
        match language {
            Language::English => format!(
                "Hello,\n\n{reseller} can sell the events of host {host} through the TickeTing API.\n\nAddress: {base}\nHost: {host}\n\
                 Client version: {version}\nAPI key: <API key>, in the header X-API-Key\n\nKind regards"
            ),
            Language::French => format!(
                "Bonjour,\n\n{reseller} peut vendre les événements de l'hôte {host} par l'API TickeTing.\n\nAdresse : {base}\n\
                 Hôte : {host}\nVersion du client : {version}\nClé d'API : <clé d'API>, dans l'en-tête X-API-Key\n\nCordialement"
            ),
            Language::German => format!(
                "Guten Tag,\n\n{reseller} kann die Veranstaltungen des Hosts {host} über die TickeTing-API verkaufen.\n\n\
                 Adresse: {base}\nHost: {host}\nClient-Version: {version}\nAPI-Schlüssel: <API-Schlüssel>, im Header X-API-Key\n\n\
                 Mit freundlichen Grüßen"
            ),
        }
    }

    /// Only administrator keys can list unpublished events. Lesser keys can sell, but cannot refund or issue tokens
    /// (`ticketing.md §4.6`).
    async fn key_level_check(&self, host: &str) -> AccountCheck {
        let title = KEY_LEVEL;
        match self.client.events(OPERATION, host).await {
            Ok(_) => AccountCheck::passed("KEY_LEVEL", title),
            Err(error) if is_access_denied(&error) => {
                AccountCheck::new("KEY_LEVEL", title, Some(REQUEST_ADMINISTRATOR))
            }
            Err(error) => AccountCheck::unreachable("KEY_LEVEL", title, error),
        }
    }

    /// Compares the public list of events with the host's own one (`ticketing.md §4.6` \[C\]).
    async fn host_events_check(&self, published: usize) -> AccountCheck {
        let code = "EVENTS_ON_SALE";
        let lists = async {
            let listed = self.events_of_host(OPERATION).await?.len();
            Ok((listed, self.published_events_of_host(OPERATION).await?.len()))
        };
        match lists.await {
            Ok((listed, own)) => {
                let title = [
                    format!(
                        "The host has published events: {own} of {published} in the public list, of {listed} in its own"
                    ),
                    format!(
                        "L'hôte a publié des événements : {own} sur {published} de la liste publique, sur {listed} de la sienne"
                    ),
                    format!(
                        "Der Host hat Veranstaltungen veröffentlicht: {own} von {published} der öffentlichen Liste, von {listed} der eigenen"
                    ),
                ];
                AccountCheck::new(code, title, (own == 0).then_some(PUBLISH_EVENT))
            }
            Err(error) if is_access_denied(&error) => AccountCheck::new(code, EVENTS_PUBLISHED, Some(NO_LIST)),
            Err(error) => AccountCheck::unreachable(code, EVENTS_PUBLISHED, error),
        }
    }

    async fn host_check(&self, host: &str) -> AccountCheck {
        let title =
            [format!("Host {host} exists"), format!("L'hôte {host} existe"), format!("Der Host {host} ist vorhanden")];
        match self.client.find_host(OPERATION, host).await {
            Ok(()) => AccountCheck::passed("HOST_KNOWN", title),
            Err(error) if error.kind == ErrorKind::NotFound => {
                AccountCheck::new("HOST_KNOWN", title, Some(UNKNOWN_HOST))
            }
            Err(error) => AccountCheck::unreachable("HOST_KNOWN", title, error),
        }
    }
}

/// Judges the key by the reading of the public list. A 404 means an empty list only if it is the vendor's own (`ticketing.md §2.4`).
fn key_check(error: Option<&VendorError>, seen: &[SeenResponse]) -> AccountCheck {
    let is_json = seen.last().is_some_and(SeenResponse::is_json);
    match error {
        Some(error) if is_access_denied(error) => AccountCheck::new("CREDENTIALS", CREDENTIALS, Some(REQUEST_KEY)),
        Some(error) if error.kind.is_transient() => {
            AccountCheck::unreachable("CREDENTIALS", CREDENTIALS, error.clone())
        }
        None if is_json => AccountCheck::passed("CREDENTIALS", CREDENTIALS),
        _ => AccountCheck::unproven("CREDENTIALS", CREDENTIALS, "TickeTing", &["base_url"]),
    }
}

fn is_access_denied(error: &VendorError) -> bool {
    match &error.kind {
        ErrorKind::Unauthorized => true,
        ErrorKind::Rejected(refusal) => refusal.reason == RefusalReason::Forbidden,
        _ => false,
    }
}
