//! Readiness checks of a reseller account: the venue's own checklist, verified by API calls (seed 000, `acme.md §5`).

mod texts;

use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;
use futures_util::future::join_all;
use jiff::{Span, civil::Date};

use self::texts::*;
use crate::assumptions;
use crate::client::{Client, DayQuery, Probe, ProbeResult};
use crate::map::{SourceDefaults, days};
use crate::settings::{Facts, OrderLookup};
use crate::wire::catalog::{Instance, PriceLine, PriceList, Template};
use domain::accounts::{AccountCheck, AccountConfig, CheckOutcome, HandoverMessage, ResellerAccounts, WriteProbes};
use domain::{Clock, EventKey, Language, LocalizedText, Texts, VendorError, VendorOperation};

const OPERATION: VendorOperation = VendorOperation::CheckConnection;
/// Days ahead that are searched for an instance of each event.
const SEARCHED_DAYS: i64 = 7;

/// Checks reseller accounts at one tenant.
pub(super) struct AcmeAccounts {
    pub(super) client: Arc<Client>,
    pub(super) defaults: SourceDefaults,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) institution: String,
    /// Buying organization when the account names none.
    pub(super) organization_id: Option<String>,
}

/// Probed calls with the check's code and the permissions that the call needs. Which call needs which permission is
/// INFERRED from the names (`acme.md §5`).
const PERMISSIONS: &[(Probe, &str, &str)] = &[
    (Probe::Templates, "EVENT_TEMPLATES_READABLE", "EVENT_TEMPLATE_VIEW"),
    (Probe::Instances, "EVENTS_READABLE", "EVENT_VIEW"),
    (Probe::Hold, "HOLDS_ALLOWED", "ORDER_CREATE"),
    (Probe::ChangeHold, "HOLDS_CHANGEABLE", "ORDER_UPDATE"),
    (Probe::ReleaseHold, "HOLDS_RELEASABLE", "ORDER_DELETE"),
    (Probe::CheckOut, "SALES_ALLOWED", "ACCT_ORDERS_CREATE, ORDER_PAYMENT, ACCT_PMNT_POLICY_VIEW"),
    (Probe::Orders, "ORDERS_READABLE", "ORDER_VIEW, ACCT_ORDERS_VIEW"),
    (Probe::ChangeOrder, "ORDERS_CHANGEABLE", "ACCT_ORDERS_UPDATE, ACCT_ORDERS_DELETE"),
    (Probe::Refund, "REFUNDS_ALLOWED", "REFUNDS_EXECUTE"),
];

#[async_trait]
impl ResellerAccounts for AcmeAccounts {
    async fn check_account(&self, account: &AccountConfig, writes: WriteProbes) -> Vec<AccountCheck> {
        let organization = account.first_value("organization_id").or(self.organization_id.as_deref());
        let permissions = PERMISSIONS.iter().map(|(probe, code, permissions)| {
            AccountCheck::observed(self.check_permission((*probe, code, permissions), organization, writes))
        });
        let mut checks = vec![self.check_credentials().await];
        checks.push(AccountCheck::observed(self.check_organization(organization, writes)).await);
        checks.extend(join_all(permissions).await);
        checks.push(self.lookup_check());
        let kinds: BTreeSet<&str> = account.values("ticket_types").iter().map(String::as_str).collect();
        let template_checks = account.values("event_templates").iter().map(|id| self.check_template(id, &kinds));
        let mut priced_types = BTreeSet::new();
        for (lines, prices) in join_all(template_checks).await {
            checks.extend(lines);
            priced_types.extend(prices);
        }
        checks.extend(kinds.iter().map(|id| {
            let title = [
                format!("Ticket type {id} has a price"),
                format!("Le type de billet {id} a un prix"),
                format!("Die Ticketart {id} hat einen Preis"),
            ];
            AccountCheck::new("TICKET_TYPE_KNOWN", title, (!priced_types.contains(*id)).then_some(NO_PRICE))
        }));
        checks
    }

    /// Reads the first row of the list of templates. A key that may not read them is known all the same.
    async fn check_credentials(&self) -> AccountCheck {
        AccountCheck::observed(async {
            match self.client.probe_list().await {
                Err(error) => AccountCheck::unreachable("CREDENTIALS", CREDENTIALS, error),
                Ok(ProbeResult::UnknownKey) => AccountCheck::new("CREDENTIALS", CREDENTIALS, Some(UNKNOWN_KEY)),
                Ok(ProbeResult::Allowed | ProbeResult::Denied) => AccountCheck::passed("CREDENTIALS", CREDENTIALS),
                Ok(_) => unproven("CREDENTIALS", CREDENTIALS),
            }
        })
        .await
    }

    fn sellable_events(&self, account: &AccountConfig) -> Option<BTreeSet<EventKey>> {
        let templates = account.values("event_templates");
        (!templates.is_empty()).then(|| templates.iter().map(|id| EventKey::new(id.as_str())).collect())
    }

    fn handover_message(&self, account: &AccountConfig) -> HandoverMessage {
        let reseller = account.reseller.as_deref().unwrap_or("partner");
        let fields = self.handover_fields(account);
        let missing = fields.iter().filter(|field| field.values.is_empty());
        let institution = &self.institution;
        HandoverMessage {
            subject: LocalizedText::from([
                format!("{institution}: ACME configuration details for {reseller}"),
                format!("{institution} : paramètres ACME pour {reseller}"),
                format!("{institution}: ACME-Zugangsdaten für {reseller}"),
            ]),
            body: LocalizedText::written(|language| handover_body(institution, reseller, &fields, language)),
            missing_fields: missing
                .map(|field| {
                    let colon = [": ", " : ", ": "];
                    LocalizedText::written(|language| {
                        [language.pick(field.title), language.pick(colon), language.pick(field.instructions)].concat()
                    })
                })
                .collect(),
        }
    }
}

/// A line of the handover message.
struct HandoverField {
    title: Texts,
    values: Vec<String>,
    /// Instructions to find the values.
    instructions: Texts,
}

fn handover_body(institution: &str, reseller: &str, fields: &[HandoverField], language: Language) -> String {
    let colon = language.pick([":", " :", ":"]);
    let lines = fields.iter().map(|field| {
        let title = language.pick(field.title);
        let text = if field.values.is_empty() { format!("<{title}>") } else { field.values.join(", ") };
        format!("{title}{colon} {text}")
    });
    let lines = lines.collect::<Vec<_>>().join("\n");
    let permissions = PERMISSIONS.iter().map(|(_, _, permissions)| *permissions).collect::<Vec<_>>().join(", ");
    match language {
        Language::English => format!(
            "Hello,\n\nThese are the configuration details of {institution} for {reseller}.\n\n{lines}\n\nThe user of the key has \
             these permissions: {permissions}.\nThe IDs are valid in this environment only; they differ between sandbox and \
             production.\n\nKind regards,\n{institution}"
        ),
        Language::French => format!(
            "Bonjour,\n\nVoici les paramètres de {institution} pour {reseller}.\n\n{lines}\n\nL'utilisateur de la clé a les \
             autorisations suivantes : {permissions}.\nLes identifiants ne valent que dans cet environnement ; ils diffèrent entre \
             le bac à sable et la production.\n\nCordialement,\n{institution}"
        ),
        Language::German => format!(
            "Guten Tag,\n\nhier sind die Konfigurationsdaten von {institution} für {reseller}.\n\n{lines}\n\nDer Benutzer des \
             Schlüssels hat diese Berechtigungen: {permissions}.\nDie IDs gelten nur in dieser Umgebung; in Sandbox und Produktion \
             sind sie verschieden.\n\nMit freundlichen Grüßen\n{institution}"
        ),
    }
}

impl AcmeAccounts {
    fn handover_fields(&self, account: &AccountConfig) -> [HandoverField; 4] {
        let organization = account.first_value("organization_id").or(self.organization_id.as_deref());
        let field =
            |title, values: &[String], instructions| HandoverField { title, values: values.to_vec(), instructions };
        [
            field(EVENT_TEMPLATE_IDS, account.values("event_templates"), SEE_EVENT_TEMPLATE),
            field(TICKET_TYPE_IDS, account.values("ticket_types"), SEE_TICKET_CATEGORIES),
            HandoverField {
                title: ORGANIZATION_ID,
                values: organization.map(str::to_owned).into_iter().collect(),
                instructions: SEE_ORGANIZATION,
            },
            field(API_KEY, &[], REQUEST_KEY),
        ]
    }

    /// There is no endpoint that reads an organization; a check-out for one that does not exist fails with 404.
    async fn check_organization(&self, organization: Option<&str>, writes: WriteProbes) -> AccountCheck {
        const CODE: &str = "ORGANIZATION_KNOWN";
        let Some(id) = organization else {
            return AccountCheck::new(CODE, ORGANIZATION_CONFIGURED, Some(CONFIGURE_ORGANIZATION));
        };
        let title = [
            format!("Organization {id} exists"),
            format!("L'organisation {id} existe"),
            format!("Die Organisation {id} ist vorhanden"),
        ];
        if writes == WriteProbes::Never {
            return not_tried(CODE, title);
        }
        match self.client.probe(Probe::CheckOut, organization).await {
            Err(error) => AccountCheck::unreachable(CODE, title, error),
            Ok(ProbeResult::NotFound) => AccountCheck::new(CODE, title, Some(UNKNOWN_ORGANIZATION)),
            Ok(ProbeResult::Unrecognized) => unproven(CODE, title),
            Ok(ProbeResult::CarriedOut) => carried_out(CODE, title),
            Ok(_) => AccountCheck::passed(CODE, title),
        }
    }

    async fn check_permission(
        &self,
        (probe, code, permissions): (Probe, &'static str, &str),
        organization: Option<&str>,
        writes: WriteProbes,
    ) -> AccountCheck {
        let title = [
            format!("The user of the key has {permissions}"),
            format!("L'utilisateur de la clé a {permissions}"),
            format!("Der Benutzer des Schlüssels hat {permissions}"),
        ];
        if probe.may_write() && writes == WriteProbes::Never {
            return not_tried(code, title);
        }
        match self.client.probe(probe, organization).await {
            Err(error) => AccountCheck::unreachable(code, title, error),
            Ok(ProbeResult::Denied | ProbeResult::UnknownKey) => {
                let hint = [
                    format!("Grant {permissions} to a role of the user's group in the back office."),
                    format!("Accordez {permissions} à un rôle du groupe de l'utilisateur dans le back-office."),
                    format!("Erteilen Sie {permissions} einer Rolle der Gruppe des Benutzers im Backoffice."),
                ];
                AccountCheck::new(code, title, Some(hint))
            }
            Ok(ProbeResult::Unrecognized) => unproven(code, title),
            Ok(ProbeResult::CarriedOut) => carried_out(code, title),
            Ok(ProbeResult::Allowed | ProbeResult::NotFound) => AccountCheck::passed(code, title),
        }
    }

    /// Checks that a sale whose response was lost can be looked up. A check-out is never sent again by itself (`acme.md §5`, rule
    /// 2), so without a look-up each lost response waits for a person.
    fn lookup_check(&self) -> AccountCheck {
        let risk = match (self.client.reads_b2c(), self.defaults.facts.order_lookup) {
            (false, _) => Some(NO_TENANT),
            (true, OrderLookup::None) => Some(NO_ORDER_LOOKUP),
            (true, _) => None,
        };
        let outcome = risk.map_or(CheckOutcome::Passed, |risk| CheckOutcome::Risk(risk.into()));
        AccountCheck::with_outcome("LOST_SALES_FOUND", LOST_SALES_FOUND, outcome)
    }

    /// Checks that an event template of the account exists and that resellers may sell it at all three levels. Also
    /// returns the ticket types that have a reseller price there.
    async fn check_template(&self, id: &str, kinds: &BTreeSet<&str>) -> (Vec<AccountCheck>, BTreeSet<String>) {
        let facts = &self.defaults.facts;
        let title = LocalizedText::from([
            format!("Event template {id} exists"),
            format!("Le modèle d'événement {id} existe"),
            format!("Die Veranstaltungsvorlage {id} ist vorhanden"),
        ]);
        let template = match self.client.find_template(OPERATION, id).await {
            Ok(Some(template)) => template,
            Ok(None) => {
                let check = AccountCheck::new("EVENT_TEMPLATE_KNOWN", title, Some(UNKNOWN_TEMPLATE));
                return (vec![check], BTreeSet::new());
            }
            Err(error) => {
                return (vec![AccountCheck::unreachable("EVENT_TEMPLATE_KNOWN", title, error)], BTreeSet::new());
            }
        };
        let mut checks =
            vec![AccountCheck::passed("EVENT_TEMPLATE_KNOWN", title), template_channel_check(&template, id, facts)];
        let next = self.next_instances(id).await;
        let instances = next.as_deref().unwrap_or_default();
        let lines = price_lines(&template, instances);
        let priced_types = lines.iter().map(|line| line.person_type.id.to_string()).collect();
        checks.push(price_channel_check(&lines, id, kinds, facts));
        checks.push(instance_channel_check(next.as_deref(), id, sells_to_resellers(&template, facts), facts));
        (checks, priced_types)
    }

    /// Returns the instances of the next day that has any.
    async fn next_instances(&self, id: &str) -> Result<Vec<Instance>, VendorError> {
        let today = days::date_of(self.clock.now(), &self.defaults.time_zone);
        for ahead in 0..SEARCHED_DAYS {
            let day: Date = today.saturating_add(Span::new().days(ahead));
            let query = DayQuery { day, template_id: Some(id), include_private: true };
            let found = self.client.list_instances(OPERATION, query, &self.defaults.time_zone).await?;
            if !found.is_empty() {
                return Ok(found);
            }
        }
        Ok(Vec::new())
    }
}

/// A check whose response is none that ACME gives.
fn unproven(code: &'static str, title: impl Into<LocalizedText>) -> AccountCheck {
    AccountCheck::unproven(code, title, "ACME", &["base_url"])
}

/// A check that takes a request that may write.
fn not_tried(code: &'static str, title: impl Into<LocalizedText>) -> AccountCheck {
    AccountCheck::with_outcome(code, title, CheckOutcome::NotTried(MAY_WRITE.into()))
}

/// A check for which an empty write was carried out.
fn carried_out(code: &'static str, title: impl Into<LocalizedText>) -> AccountCheck {
    AccountCheck::new(code, title, Some(CARRIED_OUT))
}

/// True if a template lets resellers sell. A template without schedules leaves that to its instances.
fn sells_to_resellers(template: &Template, facts: &Facts) -> bool {
    let mut schedules = template.schedules.iter();
    template.schedules.is_empty()
        || schedules.any(|one| assumptions::sells_to_resellers(one.sales_channels.as_deref(), facts))
}

fn template_channel_check(template: &Template, id: &str, facts: &Facts) -> AccountCheck {
    let title = [
        format!("Resellers may sell event template {id}"),
        format!("Les revendeurs peuvent vendre le modèle d'événement {id}"),
        format!("Wiederverkäufer dürfen die Veranstaltungsvorlage {id} verkaufen"),
    ];
    let hint = (!sells_to_resellers(template, facts)).then_some(NO_SCHEDULE);
    AccountCheck::switch("CHANNEL_AT_TEMPLATE", title, hint)
}

/// Returns all price lines under which a template is sold: its own, those of its schedules, and those of its instances.
fn price_lines<'a>(template: &'a Template, instances: &'a [Instance]) -> Vec<&'a PriceLine> {
    let own = template.price_list.iter().chain(&template.price_lists);
    let scheduled = template.schedules.iter().flat_map(|schedule| &schedule.price_lists);
    let dated = instances.iter().filter_map(|instance| instance.price_list.as_ref());
    own.chain(scheduled).chain(dated).flat_map(|list: &PriceList| &list.prices).collect()
}

fn price_channel_check(lines: &[&PriceLine], id: &str, kinds: &BTreeSet<&str>, facts: &Facts) -> AccountCheck {
    let wanted = |line: &&&PriceLine| kinds.is_empty() || kinds.contains(line.person_type.id.to_string().as_str());
    let is_open =
        lines.iter().filter(wanted).any(|line| assumptions::sells_to_resellers(line.sales_channels.as_deref(), facts));
    let title = [
        format!("Event template {id} has prices for resellers"),
        format!("Le modèle d'événement {id} a des prix pour les revendeurs"),
        format!("Die Veranstaltungsvorlage {id} hat Preise für Wiederverkäufer"),
    ];
    AccountCheck::switch("CHANNEL_AT_PRICE", title, (!is_open).then_some(NO_RESELLER_PRICE))
}

fn instance_channel_check(
    next: Result<&[Instance], &VendorError>,
    id: &str,
    is_template_open: bool,
    facts: &Facts,
) -> AccountCheck {
    let code = "CHANNEL_AT_INSTANCE";
    let title = [
        format!("Resellers may sell the next dates of event template {id}"),
        format!("Les revendeurs peuvent vendre les prochaines dates du modèle d'événement {id}"),
        format!("Wiederverkäufer dürfen die nächsten Termine der Veranstaltungsvorlage {id} verkaufen"),
    ];
    let is_sold = |one: &Instance| assumptions::sells_to_resellers(one.sales_channels.as_deref(), facts);
    match next {
        Err(error) => AccountCheck::unreachable(code, title, error.clone()),
        // A template with the channel off shows resellers no instances.
        Ok([]) if !is_template_open => AccountCheck::switch(code, title, Some(NO_VISIBLE_DATE)),
        Ok([]) => AccountCheck::new(code, title, Some(NO_DATE)),
        Ok(instances) => {
            AccountCheck::switch(code, title, (!instances.iter().any(is_sold)).then_some(NO_RESELLER_DATE))
        }
    }
}
