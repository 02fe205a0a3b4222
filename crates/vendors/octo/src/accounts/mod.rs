//! Readiness checks of a key (`octo.md §12.1`): the key, its supplier, capabilities, products and prices.

mod texts;

use std::collections::BTreeSet;

use async_trait::async_trait;

use self::texts::*;
use crate::OctoSource;
use crate::client::{CAPABILITIES as SUPPORTED, Reading, is_capability};
use crate::map::{Offering, event};
use crate::wire::catalog::Product;
use domain::accounts::{self, AccountCheck, CheckOutcome, HandoverMessage, ResellerAccounts, WriteProbes};
use domain::{
    ErrorKind, EventKey, Language, LocalizedText, SeenResponse, VendorError, VendorOperation, observe_responses,
};

const OPERATION: VendorOperation = VendorOperation::CheckConnection;

#[async_trait]
impl ResellerAccounts for OctoSource {
    async fn check_account(&self, _: &accounts::AccountConfig, _: WriteProbes) -> Vec<AccountCheck> {
        let (listed, seen) = observe_responses(self.client.products(OPERATION)).await;
        let key = key_check(listed.as_ref().err(), &seen);
        let mut checks = vec![AccountCheck { seen: seen.clone(), ..key }];
        let Ok(listed) = listed else { return checks };
        checks.push(AccountCheck::observed(self.supplier_check()).await);
        checks.push(AccountCheck::observed(self.capabilities_check()).await);
        checks.push(AccountCheck { seen, ..self.products_check(listed.value.len()) });
        if !listed.value.is_empty() {
            checks.push(self.prices_check(&listed));
            checks.push(self.sales_check(&listed));
        }
        checks
    }

    async fn check_credentials(&self) -> AccountCheck {
        let (listed, seen) = observe_responses(self.client.products(OPERATION)).await;
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
                format!("OCTO access for {reseller}"),
                format!("Accès OCTO pour {reseller}"),
                format!("OCTO-Zugang für {reseller}"),
            ]),
            body: LocalizedText::written(|language| self.handover_body(reseller, language)),
            missing_fields: vec![KEY_MISSING.into()],
        }
    }
}

impl OctoSource {
    fn handover_body(&self, reseller: &str, language: Language) -> String {
        let base = self.client.base();
        match language {
            Language::English => format!(
                "Hello,\n\n{reseller} can sell our products through OCTO.\n\nAddress: {base}\n\
                 API key: <API key>, in the header Authorization\n\nKind regards"
            ),
            Language::French => format!(
                "Bonjour,\n\n{reseller} peut vendre nos produits par OCTO.\n\nAdresse : {base}\n\
                 Clé d'API : <clé d'API>, dans l'en-tête Authorization\n\nCordialement"
            ),
            Language::German => format!(
                "Guten Tag,\n\n{reseller} kann unsere Produkte über OCTO verkaufen.\n\nAdresse: {base}\n\
                 API-Schlüssel: <API-Schlüssel>, im Header Authorization\n\nMit freundlichen Grüßen"
            ),
        }
    }

    /// Compares the supplier of the key with that of the settings. Suppliers without the endpoint, or without `supplier_id` in the
    /// settings, pass.
    async fn supplier_check(&self) -> AccountCheck {
        let code = "SUPPLIER_KNOWN";
        match self.client.supplier(OPERATION).await {
            Ok(found) => {
                let is_other = found.zip(self.supplier_id.as_deref()).is_some_and(|(found, wanted)| found.id != wanted);
                AccountCheck::new(code, SUPPLIER, is_other.then_some(OTHER_SUPPLIER))
            }
            Err(error) if error.kind == ErrorKind::Unauthorized => AccountCheck::new(code, SUPPLIER, Some(REQUEST_KEY)),
            Err(error) => AccountCheck::unreachable(code, SUPPLIER, error),
        }
    }

    /// Fails if the supplier requires a capability that this client does not read. A missing endpoint is fine.
    async fn capabilities_check(&self) -> AccountCheck {
        let code = "CAPABILITIES";
        match self.client.capabilities(OPERATION).await {
            Ok(listed) => {
                let is_lacking = listed.unwrap_or_default().iter().any(|one| {
                    one.required == Some(true) && !SUPPORTED.iter().any(|ours| is_capability(&one.id, ours))
                });
                AccountCheck::new(code, CAPABILITIES, is_lacking.then_some(REQUIRED_CAPABILITY))
            }
            Err(error) => AccountCheck::unreachable(code, CAPABILITIES, error),
        }
    }

    fn products_check(&self, count: usize) -> AccountCheck {
        let cap = self.defaults.facts.list_cap;
        let code = "PRODUCTS";
        if cap > 0 && count >= cap {
            return AccountCheck::with_outcome(code, PRODUCTS, CheckOutcome::Risk(LIST_IS_CUT.into()));
        }
        AccountCheck::new(code, PRODUCTS, (count == 0).then_some(NO_PRODUCTS))
    }

    fn prices_check(&self, listed: &Reading<Vec<Product>>) -> AccountCheck {
        let mut types =
            offerings(listed).filter_map(|offering| event::ticket_types(offering, &self.defaults)).flatten();
        let is_priced = types.any(|one| one.price.is_some());
        AccountCheck::new("PRICES", PRICES, (!is_priced).then_some(NO_PRICES))
    }

    fn sales_check(&self, listed: &Reading<Vec<Product>>) -> AccountCheck {
        let is_complete = offerings(listed).all(|offering| offering.is_sellable(&self.defaults));
        let outcome = if is_complete { CheckOutcome::Passed } else { CheckOutcome::Risk(NOT_ALL_SOLD.into()) };
        AccountCheck::with_outcome("PRODUCTS_SOLD", SALES, outcome)
    }
}

fn offerings(listed: &Reading<Vec<Product>>) -> impl Iterator<Item = Offering<'_>> {
    listed.value.iter().flat_map(|product| {
        product.options.iter().map(|option| Offering { product, option, has_prices: listed.has_prices })
    })
}

/// Judges the key by the reading of the list of products, which every supplier has.
fn key_check(error: Option<&VendorError>, seen: &[SeenResponse]) -> AccountCheck {
    let is_json = seen.last().is_some_and(SeenResponse::is_json);
    match error {
        Some(error) if error.kind == ErrorKind::Unauthorized => {
            AccountCheck::new("CREDENTIALS", CREDENTIALS, Some(REQUEST_KEY))
        }
        Some(error) if error.kind.is_transient() => {
            AccountCheck::unreachable("CREDENTIALS", CREDENTIALS, error.clone())
        }
        None if is_json => AccountCheck::passed("CREDENTIALS", CREDENTIALS),
        _ => AccountCheck::unproven("CREDENTIALS", CREDENTIALS, "OCTO", &["base_url", "supplier_path"]),
    }
}
