//! Readiness checks of a reseller at the institution: the venue's checklist (`secutix.md §5.1`), automated.

use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;
use domain::accounts::{AccountCheck, AccountConfig, CheckOutcome, HandoverMessage, ResellerAccounts, WriteProbes};
use domain::{Clock, ErrorKind, EventKey, VendorError, VendorOperation, observe_responses};

use crate::client::Client;
use crate::facts::Facts;
use crate::map::family::ProductFamily;
use crate::map::keys::PerformanceRef;
use crate::map::snapshot::CatalogSnapshot;
use crate::snapshot_cache::SnapshotCache;
use crate::wire::availability::EventAvailabilityQuery;
use crate::wire::catalog::PosConfig;

const OPERATION: VendorOperation = VendorOperation::CheckConnection;

/// Checks accounts at one institution.
pub(super) struct SecutixAccounts {
    pub(super) client: Arc<Client>,
    pub(super) snapshots: Arc<SnapshotCache>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) institution: String,
    pub(super) base_url: String,
    pub(super) login: String,
    /// Technical contact if the account has none of its own.
    pub(super) contact: String,
    /// Contingents if the account has none of its own.
    pub(super) contingents: Vec<i64>,
}

#[async_trait]
impl ResellerAccounts for SecutixAccounts {
    async fn check_account(&self, account: &AccountConfig, _: WriteProbes) -> Vec<AccountCheck> {
        let (read, seen) = observe_responses(self.client.pos_config(OPERATION)).await;
        let mut checks = vec![AccountCheck { seen, ..credentials_check(read.as_ref().err()) }];
        let Ok(pos) = read else { return checks };
        checks.push(self.check_sales_channel(account, &pos));
        checks.push(check_channel_type(&pos, self.client.facts()));
        checks.push(check_point_of_sale(account, &pos, self.client.facts()));
        if self.client.facts().needs_payment_method() {
            checks.push(check_pending_account(&pos, self.client.facts()));
        }
        let (contact, seen) = observe_responses(self.check_contact(account)).await;
        checks.extend(contact.into_iter().map(|check| AccountCheck { seen: seen.clone(), ..check }));
        checks.extend(self.check_offer(account).await);
        checks
    }

    async fn check_credentials(&self) -> AccountCheck {
        let read = async { credentials_check(self.client.pos_config(OPERATION).await.as_ref().err()) };
        AccountCheck::observed(read).await
    }

    /// The catalog is already limited to the sales channel (`secutix.md §3.1`).
    fn sellable_events(&self, _: &AccountConfig) -> Option<BTreeSet<EventKey>> {
        None
    }

    fn handover_message(&self, account: &AccountConfig) -> HandoverMessage {
        let reseller = account.reseller.as_deref().unwrap_or("partner");
        let contact = account.first_value("contact_reference").unwrap_or(&self.contact);
        let mut missing = vec![
            format!("contact at {reseller}: the recipient of this message"),
            "password: SecuTix assigns it to the operator of the sales channel; send it separately from this message"
                .to_owned(),
        ];
        if contact.is_empty() {
            missing
                .push("contact_reference: number of the technical contact that sales are associated with".to_owned());
        }
        // The letter of the vendor, line by line (`secutix.md §5.1.1`); its wording is kept. Below it stands what we add.
        let body = format!(
            "Hello <contact at {reseller}>.\n\n\
             We have opened an account for {reseller} to access the SecuTix web service so that you can sell tickets on behalf of \
             {institution}.\n\n\
             The web service are accessible on the following URL:\n{url}\n\n\
             The login account is the following:\n{login}\n<password provided by SecuTix>\n\n\
             The pointOfSalesId can be obtained by calling the getPosConfig method of the Catalog service.\n\n\
             Kind regards,\n{institution}\n\n\
             Beside the letter of SecuTix: the technical contact of all sales is {contact}; the interface uses no mappings.",
            institution = self.institution,
            url = self.base_url,
            login = self.login,
        );
        HandoverMessage {
            subject: format!("{}: access to the SecuTix web service for {reseller}", self.institution),
            body,
            missing_fields: missing,
        }
    }
}

impl SecutixAccounts {
    fn check_sales_channel(&self, account: &AccountConfig, pos: &PosConfig) -> AccountCheck {
        let login_channel = self.login.rsplit_once('_').map_or("", |(_, channel)| channel);
        let expected = account.first_value("sales_channel").unwrap_or(login_channel);
        let actual = pos.sales_channel_code.as_ref().map(|words| words.0.trim());
        let title = format!("Sales channel {expected} is active");
        if actual.is_some_and(|actual| !actual.eq_ignore_ascii_case(expected)) {
            let hint = "The login belongs to another sales channel. Use the login of this one.";
            return AccountCheck::new("SALES_CHANNEL", title, Some(hint));
        }
        let is_on = self.client.facts().is_active(pos.sales_channel_activity_state.as_ref());
        let hint = "Activate the sales channel; it must be an internal one of the type real-time interface.";
        AccountCheck::switch("SALES_CHANNEL", title, (!is_on).then_some(hint))
    }

    /// Checks that the contact exists, and if it does, its pending account.
    async fn check_contact(&self, account: &AccountConfig) -> Vec<AccountCheck> {
        let number = account.first_value("contact_reference").unwrap_or(&self.contact);
        let title = format!("Technical contact {number} exists");
        let line = match self.client.active_contact(OPERATION, number).await {
            Ok(contact) => {
                let is_authorized = contact.is_authorized(&self.client.facts().pending_account);
                let exists = AccountCheck::new("TECHNICAL_CONTACT", title, None);
                return vec![exists, check_authorization(number, is_authorized)];
            }
            Err(error) if matches!(error.kind, ErrorKind::NotFound | ErrorKind::Rejected(_)) => {
                let hint = "Create or choose a contact for which the pending account is authorized, and associate it with the sales channel.";
                AccountCheck::new("TECHNICAL_CONTACT", title, Some(hint))
            }
            Err(error) => AccountCheck::unreachable("TECHNICAL_CONTACT", title, error),
        };
        vec![line]
    }

    /// Checks that products are on sale and that each contingent has seats.
    async fn check_offer(&self, account: &AccountConfig) -> Vec<AccountCheck> {
        let title = "Products are on sale through the channel";
        let snapshot = match self.snapshots.current(OPERATION).await {
            Ok(snapshot) => snapshot.value,
            Err(error) => return vec![AccountCheck::unreachable("PRODUCTS_ON_SALE", title, error)],
        };
        let dates = self.dates_on_sale(&snapshot);
        let hint = "Link an activity profile (events) or a product profile (passes) to the sales channel and put products on sale.";
        let mut checks = vec![AccountCheck::new("PRODUCTS_ON_SALE", title, dates.is_empty().then_some(hint))];
        checks.push(check_seasons(&snapshot, self.client.facts()));
        checks.push(check_prices(&snapshot));
        checks.extend(check_families(&snapshot));
        let named = account.values("contingents").iter().filter_map(|id| id.parse().ok());
        let mut contingents: Vec<i64> = named.collect();
        if contingents.is_empty() {
            contingents.clone_from(&self.contingents);
        }
        if contingents.is_empty() {
            checks.push(self.check_contingent(&snapshot, &dates, None).await);
        }
        for contingent in contingents {
            checks.push(self.check_contingent(&snapshot, &dates, Some(contingent)).await);
        }
        checks
    }

    /// Returns the dates that are for sale and not over.
    fn dates_on_sale(&self, snapshot: &CatalogSnapshot) -> Vec<i64> {
        let now = self.clock.now();
        let open = snapshot
            .performances
            .values()
            .filter(|entry| entry.is_for_sale && !entry.is_over(&snapshot.point_of_sale, now));
        let mut dates: Vec<i64> = open
            .filter_map(|entry| match entry.reference {
                PerformanceRef::Date(date) => Some(date),
                _ => None,
            })
            .collect();
        dates.sort_unstable();
        dates.truncate(self.client.facts().max_performances);
        dates
    }

    async fn check_contingent(
        &self,
        snapshot: &CatalogSnapshot,
        dates: &[i64],
        contingent: Option<i64>,
    ) -> AccountCheck {
        let title = match contingent {
            Some(id) => format!("Contingent {id} has seats"),
            None => "The contingents of the channel have seats".to_owned(),
        };
        let query = EventAvailabilityQuery {
            point_of_sales_id: snapshot.point_of_sale.id,
            event_ids: Vec::new(),
            performance_ids: dates.to_vec(),
            seat_category_ids: Vec::new(),
            contingent_ids: contingent.into_iter().collect(),
        };
        let vacancies: Result<i64, VendorError> = match dates {
            [] => Ok(0),
            _ => self.client.event_availability(&query).await.map(|rows| {
                rows.iter().filter_map(|row| row.availability.map(|left| left.0)).fold(0, i64::saturating_add)
            }),
        };
        let hint = "Associate the contingent with the sales channel and add seats of the products to it.";
        match vacancies {
            Ok(left) => AccountCheck::new("CONTINGENT_NOT_EMPTY", title, (left <= 0).then_some(hint)),
            Err(error) => AccountCheck::unreachable("CONTINGENT_NOT_EMPTY", title, error),
        }
    }
}

/// Names the seasons that the catalog has: an account that is shared may show those of other organizations (`secutix.md §7`).
fn check_seasons(snapshot: &CatalogSnapshot, facts: &Facts) -> AccountCheck {
    let title = format!("The catalog has the seasons: {}", snapshot.seasons.join(", "));
    let is_missed = !facts.seasons.is_empty() && snapshot.listed.is_empty();
    let hint = "No product is in the seasons of `assumptions.seasons`: compare them with those of the catalog.";
    AccountCheck::new("SEASONS", title, is_missed.then_some(hint))
}

/// Returns a price to compare with the venue's own, because the unit of amounts is inferred (`secutix.md §4.2`).
fn check_prices(snapshot: &CatalogSnapshot) -> AccountCheck {
    let example = snapshot.listed.iter().find_map(|event| Some((event, event.price_from?)));
    let title = match example {
        Some((event, price)) => format!("The lowest price of product {} is {price}, as at the venue", event.key),
        None => "Prices can be read".to_owned(),
    };
    let hint = "Prices do not fit the smallest amount of their currency and are not sold: if the venue's amounts have another unit, set `assumptions.amount_unit`.";
    AccountCheck::new("PRICES", title, (snapshot.unsold_prices > 0).then_some(hint))
}

/// Judges the credentials by the reading of the point of sale, which fails unless the response has the form of the service.
fn credentials_check(error: Option<&VendorError>) -> AccountCheck {
    const TITLE: &str = "The vendor knows the login and its password";
    let Some(error) = error else { return AccountCheck::new("CREDENTIALS", TITLE, None) };
    match error.kind {
        ErrorKind::Unauthorized | ErrorKind::Rejected(_) => {
            let hint = "Ask SecuTix for the password of the operator that is linked to the sales channel, and check the login: <institution code>_<sales channel>.";
            AccountCheck::new("CREDENTIALS", TITLE, Some(hint))
        }
        ErrorKind::NotFound | ErrorKind::Malformed | ErrorKind::Internal => {
            let (whose, settings) = ("S-360's Catalog service", "base_url, transport and api_version");
            AccountCheck::unproven("CREDENTIALS", TITLE, whose, settings, "institution")
        }
        _ => AccountCheck::unreachable("CREDENTIALS", TITLE, error.clone()),
    }
}

/// Checks the type of the sales channel, if the response shows it: the field is inferred.
fn check_channel_type(pos: &PosConfig, facts: &Facts) -> AccountCheck {
    const TITLE: &str = "The sales channel is of the type real-time interface";
    let hint = match facts.is_realtime_interface(pos.sales_channel_type.as_ref()) {
        Some(true) => None,
        Some(false) => Some(
            "Create an internal sales channel of the type real-time interface: the type of a saved one cannot be changed. If the venue's word for it is another one, add it to `assumptions.channel_types`.",
        ),
        None => {
            let hint = "The API does not show it: verify in the venue's back office that the channel is an internal one of this type.";
            return AccountCheck::with_outcome("CHANNEL_TYPE", TITLE, CheckOutcome::NotTried(hint.to_owned()));
        }
    };
    AccountCheck::new("CHANNEL_TYPE", TITLE, hint)
}

/// Checks the pending account of a contact, if the response shows it: the field is inferred.
fn check_authorization(number: &str, is_authorized: Option<bool>) -> AccountCheck {
    let title = format!("The pending account is authorized for the technical contact {number}");
    let hint = match is_authorized {
        Some(true) => None,
        Some(false) => Some("Authorize the pending account for this contact, or name one for which it is."),
        None => {
            let hint = "The API does not show it: verify in the venue's back office that the contact may pay with a pending account.";
            return AccountCheck::with_outcome("CONTACT_AUTHORIZATION", title, CheckOutcome::NotTried(hint.to_owned()));
        }
    };
    AccountCheck::new("CONTACT_AUTHORIZATION", title, hint)
}

/// Names the families of the catalog that are not sold, one per line.
fn check_families(snapshot: &CatalogSnapshot) -> Vec<AccountCheck> {
    if snapshot.unsold_families.is_empty() {
        return vec![AccountCheck::new("PRODUCT_FAMILIES", "All families of products in the catalog are sold", None)];
    }
    let lines = snapshot.unsold_families.iter().map(|(family, products)| {
        let title = match family {
            ProductFamily::Unknown => format!("Products of families that are not documented, not sold: {products}"),
            family => format!("Products of the family {}, not sold: {products}", family.name()),
        };
        AccountCheck::with_outcome("PRODUCT_FAMILIES", title, CheckOutcome::Risk(family.reason().to_owned()))
    });
    lines.collect()
}

fn check_point_of_sale(account: &AccountConfig, pos: &PosConfig, facts: &Facts) -> AccountCheck {
    let actual = pos.pos_id.map(|id| id.0.to_string());
    let title = match account.first_value("point_of_sale").or(actual.as_deref()) {
        Some(id) => format!("Point of sale {id} exists and is active"),
        None => "A point of sale exists".to_owned(),
    };
    let hint = match (&actual, account.first_value("point_of_sale")) {
        (None, _) => Some("Create a point of sale for the sales channel."),
        (Some(actual), Some(expected)) if actual != expected => {
            Some("The login has a different point of sale than the connection. Use the one that getPOSConfig returns.")
        }
        _ => None,
    };
    if hint.is_some() {
        return AccountCheck::new("POINT_OF_SALE", title, hint);
    }
    let is_on = facts.is_active(pos.pos_activity_state.as_ref());
    AccountCheck::switch("POINT_OF_SALE", title, (!is_on).then_some("Activate the point of sale."))
}

fn check_pending_account(pos: &PosConfig, facts: &Facts) -> AccountCheck {
    let is_available = pos.payment_methods.0.iter().any(|method| {
        method.payment_type.as_ref().is_some_and(|name| name.0 == facts.pending_account)
            && method.for_payment.is_none_or(|flag| flag.0)
    });
    let hint = "Add the payment method pending account to the point of sale and make it available for payment.";
    AccountCheck::new("PENDING_ACCOUNT", "Sales can be paid with a pending account", (!is_available).then_some(hint))
}
