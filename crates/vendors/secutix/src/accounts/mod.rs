//! Readiness checks of a reseller at the institution: the venue's checklist (`secutix.md §5.1`), automated.

pub(crate) mod texts;

use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;
use domain::accounts::{AccountCheck, AccountConfig, CheckOutcome, HandoverMessage, ResellerAccounts, WriteProbes};
use domain::{Clock, ErrorKind, EventKey, Language, LocalizedText, VendorError, VendorOperation, observe_responses};

use self::texts::*;
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
            LocalizedText::from([
                format!("contact at {reseller}: the recipient of this message"),
                format!("contact chez {reseller} : le destinataire de ce message"),
                format!("Ansprechpartner bei {reseller}: der Empfänger dieser Nachricht"),
            ]),
            PASSWORD_MISSING.into(),
        ];
        if contact.is_empty() {
            missing.push(CONTACT_MISSING.into());
        }
        let institution = &self.institution;
        HandoverMessage {
            subject: LocalizedText::from([
                format!("{institution}: access to the SecuTix web service for {reseller}"),
                format!("{institution} : accès au service web SecuTix pour {reseller}"),
                format!("{institution}: Zugang zum SecuTix-Webservice für {reseller}"),
            ]),
            body: LocalizedText::written(|language| self.handover_body(reseller, contact, language)),
            missing_fields: missing,
        }
    }
}

impl SecutixAccounts {
    /// The letter of the vendor, line by line (`secutix.md §5.1.1`); its wording is kept in English. Below it stands what we add.
    fn handover_body(&self, reseller: &str, contact: &str, language: Language) -> String {
        let Self { institution, base_url: url, login, .. } = self;
        match language {
            Language::English => format!(
                "Hello <contact at {reseller}>.\n\n\
                 We have opened an account for {reseller} to access the SecuTix web service so that you can sell tickets on behalf \
                 of {institution}.\n\n\
                 The web service are accessible on the following URL:\n{url}\n\n\
                 The login account is the following:\n{login}\n<password provided by SecuTix>\n\n\
                 The pointOfSalesId can be obtained by calling the getPosConfig method of the Catalog service.\n\n\
                 Kind regards,\n{institution}\n\n\
                 Beside the letter of SecuTix: the technical contact of all sales is {contact}; the interface uses no mappings."
            ),
            Language::French => format!(
                "Bonjour <contact chez {reseller}>,\n\n\
                 Nous avons ouvert à {reseller} un accès au service web SecuTix, afin que vous puissiez vendre des billets pour le \
                 compte de {institution}.\n\n\
                 Le service web est accessible à l'adresse suivante :\n{url}\n\n\
                 Le compte est le suivant :\n{login}\n<mot de passe fourni par SecuTix>\n\n\
                 Le pointOfSalesId s'obtient par la méthode getPosConfig du service Catalog.\n\n\
                 Cordialement,\n{institution}\n\n\
                 En complément de la lettre de SecuTix : le contact technique de toutes les ventes est {contact} ; l'interface \
                 n'utilise pas de correspondances."
            ),
            Language::German => format!(
                "Guten Tag <Ansprechpartner bei {reseller}>,\n\n\
                 wir haben für {reseller} einen Zugang zum SecuTix-Webservice eingerichtet, damit Sie im Auftrag von {institution} \
                 Tickets verkaufen können.\n\n\
                 Der Webservice ist unter dieser Adresse erreichbar:\n{url}\n\n\
                 Das Konto lautet:\n{login}\n<Passwort von SecuTix>\n\n\
                 Die pointOfSalesId liefert die Methode getPosConfig des Dienstes Catalog.\n\n\
                 Mit freundlichen Grüßen\n{institution}\n\n\
                 Ergänzend zum Brief von SecuTix: Der technische Kontakt aller Verkäufe ist {contact}; die Schnittstelle verwendet \
                 keine Zuordnungen."
            ),
        }
    }

    fn check_sales_channel(&self, account: &AccountConfig, pos: &PosConfig) -> AccountCheck {
        let login_channel = self.login.rsplit_once('_').map_or("", |(_, channel)| channel);
        let expected = account.first_value("sales_channel").unwrap_or(login_channel);
        let actual = pos.sales_channel_code.as_ref().map(|words| words.0.trim());
        let title = [
            format!("Sales channel {expected} is active"),
            format!("Le canal de vente {expected} est actif"),
            format!("Der Verkaufskanal {expected} ist aktiv"),
        ];
        if actual.is_some_and(|actual| !actual.eq_ignore_ascii_case(expected)) {
            return AccountCheck::new("SALES_CHANNEL", title, Some(OTHER_SALES_CHANNEL));
        }
        let is_on = self.client.facts().is_active(pos.sales_channel_activity_state.as_ref());
        AccountCheck::switch("SALES_CHANNEL", title, (!is_on).then_some(ACTIVATE_SALES_CHANNEL))
    }

    /// Checks that the contact exists, and if it does, its pending account.
    async fn check_contact(&self, account: &AccountConfig) -> Vec<AccountCheck> {
        let number = account.first_value("contact_reference").unwrap_or(&self.contact);
        let title = [
            format!("Technical contact {number} exists"),
            format!("Le contact technique {number} existe"),
            format!("Der technische Kontakt {number} ist vorhanden"),
        ];
        let line = match self.client.active_contact(OPERATION, number).await {
            Ok(contact) => {
                let is_authorized = contact.is_authorized(&self.client.facts().pending_account);
                let exists = AccountCheck::passed("TECHNICAL_CONTACT", title);
                return vec![exists, check_authorization(number, is_authorized)];
            }
            Err(error) if matches!(error.kind, ErrorKind::NotFound | ErrorKind::Rejected(_)) => {
                AccountCheck::new("TECHNICAL_CONTACT", title, Some(CREATE_CONTACT))
            }
            Err(error) => AccountCheck::unreachable("TECHNICAL_CONTACT", title, error),
        };
        vec![line]
    }

    /// Checks that products are on sale and that each contingent has seats.
    async fn check_offer(&self, account: &AccountConfig) -> Vec<AccountCheck> {
        let snapshot = match self.snapshots.current(OPERATION).await {
            Ok(snapshot) => snapshot.value,
            Err(error) => return vec![AccountCheck::unreachable("PRODUCTS_ON_SALE", PRODUCTS_ON_SALE, error)],
        };
        let dates = self.dates_on_sale(&snapshot);
        let hint = dates.is_empty().then_some(LINK_PROFILE);
        let mut checks = vec![AccountCheck::new("PRODUCTS_ON_SALE", PRODUCTS_ON_SALE, hint)];
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
            Some(id) => LocalizedText::from([
                format!("Contingent {id} has seats"),
                format!("Le contingent {id} a des places"),
                format!("Das Kontingent {id} hat Plätze"),
            ]),
            None => CONTINGENTS_HAVE_SEATS.into(),
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
        match vacancies {
            Ok(left) => AccountCheck::new("CONTINGENT_NOT_EMPTY", title, (left <= 0).then_some(ADD_SEATS)),
            Err(error) => AccountCheck::unreachable("CONTINGENT_NOT_EMPTY", title, error),
        }
    }
}

/// Names the seasons that the catalog has: an account that is shared may show those of other organizations (`secutix.md §7`).
fn check_seasons(snapshot: &CatalogSnapshot, facts: &Facts) -> AccountCheck {
    let seasons = snapshot.seasons.join(", ");
    let title = [
        format!("The catalog has the seasons: {seasons}"),
        format!("Le catalogue a les saisons : {seasons}"),
        format!("Der Katalog hat die Saisons: {seasons}"),
    ];
    let is_missed = !facts.seasons.is_empty() && snapshot.listed.is_empty();
    AccountCheck::new("SEASONS", title, is_missed.then_some(NO_PRODUCT_IN_SEASONS))
}

/// Returns a price to compare with the venue's own, because the unit of amounts is inferred (`secutix.md §4.2`).
fn check_prices(snapshot: &CatalogSnapshot) -> AccountCheck {
    let example = snapshot.listed.iter().find_map(|event| Some((event, event.price_from?)));
    let title = match example {
        Some((event, price)) => LocalizedText::from([
            format!("The lowest price of product {} is {price}, as at the venue", event.key),
            format!("Le prix le plus bas du produit {} est {price}, comme au lieu", event.key),
            format!("Der niedrigste Preis des Produkts {} ist {price}, wie im Haus", event.key),
        ]),
        None => PRICES_READABLE.into(),
    };
    AccountCheck::new("PRICES", title, (snapshot.unsold_prices > 0).then_some(OTHER_AMOUNT_UNIT))
}

/// Judges the credentials by the reading of the point of sale, which fails unless the response has the form of the service.
fn credentials_check(error: Option<&VendorError>) -> AccountCheck {
    let Some(error) = error else { return AccountCheck::passed("CREDENTIALS", CREDENTIALS) };
    match error.kind {
        ErrorKind::Unauthorized | ErrorKind::Rejected(_) => {
            AccountCheck::new("CREDENTIALS", CREDENTIALS, Some(ASK_FOR_PASSWORD))
        }
        ErrorKind::NotFound | ErrorKind::Malformed | ErrorKind::Internal => {
            let settings = ["base_url", "transport", "api_version"];
            AccountCheck::unproven("CREDENTIALS", CREDENTIALS, "S-360 (Catalog)", &settings)
        }
        _ => AccountCheck::unreachable("CREDENTIALS", CREDENTIALS, error.clone()),
    }
}

/// Checks the type of the sales channel, if the response shows it: the field is inferred.
fn check_channel_type(pos: &PosConfig, facts: &Facts) -> AccountCheck {
    const CODE: &str = "CHANNEL_TYPE";
    match facts.is_realtime_interface(pos.sales_channel_type.as_ref()) {
        Some(true) => AccountCheck::passed(CODE, CHANNEL_TYPE),
        Some(false) => AccountCheck::new(CODE, CHANNEL_TYPE, Some(CREATE_CHANNEL)),
        None => AccountCheck::with_outcome(CODE, CHANNEL_TYPE, CheckOutcome::NotTried(VERIFY_CHANNEL_TYPE.into())),
    }
}

/// Checks the pending account of a contact, if the response shows it: the field is inferred.
fn check_authorization(number: &str, is_authorized: Option<bool>) -> AccountCheck {
    const CODE: &str = "CONTACT_AUTHORIZATION";
    let title = [
        format!("The pending account is authorized for the technical contact {number}"),
        format!("Le compte en attente est autorisé pour le contact technique {number}"),
        format!("Das Sammelkonto ist für den technischen Kontakt {number} freigegeben"),
    ];
    match is_authorized {
        Some(true) => AccountCheck::passed(CODE, title),
        Some(false) => AccountCheck::new(CODE, title, Some(AUTHORIZE_ACCOUNT)),
        None => AccountCheck::with_outcome(CODE, title, CheckOutcome::NotTried(VERIFY_AUTHORIZATION.into())),
    }
}

/// Names the families of the catalog that are not sold, one per line.
fn check_families(snapshot: &CatalogSnapshot) -> Vec<AccountCheck> {
    if snapshot.unsold_families.is_empty() {
        return vec![AccountCheck::passed("PRODUCT_FAMILIES", ALL_FAMILIES_SOLD)];
    }
    let lines = snapshot.unsold_families.iter().map(|(family, products)| {
        let title = match family {
            ProductFamily::Unknown => [
                format!("Products of families that are not documented, not sold: {products}"),
                format!("Produits de familles non documentées, non vendus : {products}"),
                format!("Produkte nicht dokumentierter Familien, nicht verkauft: {products}"),
            ],
            family => [
                format!("Products of the family {}, not sold: {products}", family.name()),
                format!("Produits de la famille {}, non vendus : {products}", family.name()),
                format!("Produkte der Familie {}, nicht verkauft: {products}", family.name()),
            ],
        };
        AccountCheck::with_outcome("PRODUCT_FAMILIES", title, CheckOutcome::Risk(unsold_reason(*family).into()))
    });
    lines.collect()
}

fn check_point_of_sale(account: &AccountConfig, pos: &PosConfig, facts: &Facts) -> AccountCheck {
    let actual = pos.pos_id.map(|id| id.0.to_string());
    let title = match account.first_value("point_of_sale").or(actual.as_deref()) {
        Some(id) => LocalizedText::from([
            format!("Point of sale {id} exists and is active"),
            format!("Le point de vente {id} existe et est actif"),
            format!("Die Verkaufsstelle {id} ist vorhanden und aktiv"),
        ]),
        None => POINT_OF_SALE_EXISTS.into(),
    };
    let hint = match (&actual, account.first_value("point_of_sale")) {
        (None, _) => Some(CREATE_POINT_OF_SALE),
        (Some(actual), Some(expected)) if actual != expected => Some(OTHER_POINT_OF_SALE),
        _ => None,
    };
    if hint.is_some() {
        return AccountCheck::new("POINT_OF_SALE", title, hint);
    }
    let is_on = facts.is_active(pos.pos_activity_state.as_ref());
    AccountCheck::switch("POINT_OF_SALE", title, (!is_on).then_some(ACTIVATE_POINT_OF_SALE))
}

fn check_pending_account(pos: &PosConfig, facts: &Facts) -> AccountCheck {
    let is_available = pos.payment_methods.0.iter().any(|method| {
        method.payment_type.as_ref().is_some_and(|name| name.0 == facts.pending_account)
            && method.for_payment.is_none_or(|flag| flag.0)
    });
    AccountCheck::new("PENDING_ACCOUNT", PENDING_ACCOUNT, (!is_available).then_some(ADD_PENDING_ACCOUNT))
}
