//! Readiness checks of a reseller account: the venue's own checklist, verified by API calls (seed 000, `acme.md §5`).

use std::collections::BTreeSet;
use std::fmt::Write;
use std::sync::Arc;

use async_trait::async_trait;
use futures_util::future::join_all;
use jiff::{Span, civil::Date};

use crate::assumptions;
use crate::client::{Client, DayQuery, Probe, ProbeResult};
use crate::map::{SourceDefaults, days};
use crate::settings::{Facts, OrderLookup};
use crate::wire::catalog::{Instance, PriceLine, PriceList, Template};
use domain::accounts::{AccountCheck, AccountConfig, CheckOutcome, HandoverMessage, ResellerAccounts, WriteProbes};
use domain::{Clock, EventKey, VendorError, VendorOperation};

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
            let hint = "No event of this connection has a price for it. Check the id, which differs between environments, and the price lists.";
            AccountCheck::new("TICKET_TYPE_KNOWN", format!("Ticket type {id} has a price"), (!priced_types.contains(*id)).then_some(hint))
        }));
        checks
    }

    /// Reads the first row of the list of templates. A key that may not read them is known all the same.
    async fn check_credentials(&self) -> AccountCheck {
        AccountCheck::observed(async {
            match self.client.probe_list().await {
                Err(error) => AccountCheck::unreachable("CREDENTIALS", CREDENTIALS, error),
                Ok(ProbeResult::UnknownKey) => {
                    let hint = "The key is unknown here. A key belongs to one venue and one environment: request one for this environment from api-help@acmeticketing.com.";
                    AccountCheck::new("CREDENTIALS", CREDENTIALS, Some(hint))
                }
                Ok(ProbeResult::Allowed | ProbeResult::Denied) => AccountCheck::new("CREDENTIALS", CREDENTIALS, None),
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
        let mut missing = Vec::new();
        let mut body =
            format!("Hello,\n\nThese are the configuration details of {} for {reseller}.\n", self.institution);
        let mut add_line = |title: &str, values: &[String], instructions: &str| {
            if values.is_empty() {
                missing.push(format!("{title}: {instructions}"));
            }
            let text = if values.is_empty() { format!("<{title}>") } else { values.join(", ") };
            // Writing to a `String` cannot fail.
            let _ = write!(body, "\n{title}: {text}");
        };
        let organization: Vec<String> = account
            .first_value("organization_id")
            .or(self.organization_id.as_deref())
            .map(str::to_owned)
            .into_iter()
            .collect();
        add_line(
            "Event template IDs",
            account.values("event_templates"),
            "see the URL of each event template in the back office",
        );
        add_line(
            "Ticket type IDs",
            account.values("ticket_types"),
            "see the list of ticket categories in the back office",
        );
        add_line("Organization ID", &organization, "see the URL of the organization record in the back office");
        add_line(
            "API key",
            &[],
            "request it from api-help@acmeticketing.com, and send it through another channel than this message",
        );
        let permissions: Vec<&str> = PERMISSIONS.iter().map(|(_, _, permissions)| *permissions).collect();
        let _ = write!(
            body,
            "\n\nThe user of the key has these permissions: {}.\nThe IDs are valid in this environment only; they differ between sandbox and production.\n\nKind regards,\n{}",
            permissions.join(", "),
            self.institution
        );
        HandoverMessage {
            subject: format!("{}: ACME configuration details for {reseller}", self.institution),
            body,
            missing_fields: missing,
        }
    }
}

impl AcmeAccounts {
    /// There is no endpoint that reads an organization; a check-out for one that does not exist fails with 404.
    async fn check_organization(&self, organization: Option<&str>, writes: WriteProbes) -> AccountCheck {
        const CODE: &str = "ORGANIZATION_KNOWN";
        let Some(id) = organization else {
            let hint = "Configure organization_id: see the URL of the organization record in the back office.";
            return AccountCheck::new(CODE, "An organization is configured", Some(hint));
        };
        let title = format!("Organization {id} exists");
        if writes == WriteProbes::Never {
            return not_tried(CODE, title);
        }
        match self.client.probe(Probe::CheckOut, organization).await {
            Err(error) => AccountCheck::unreachable(CODE, title, error),
            Ok(ProbeResult::NotFound) => {
                let hint = "The venue has no organization with this id in this environment: create a reseller record for the partner, or copy its id again.";
                AccountCheck::new(CODE, title, Some(hint))
            }
            Ok(ProbeResult::Unrecognized) => unproven(CODE, title),
            Ok(ProbeResult::CarriedOut) => carried_out(CODE, title),
            Ok(_) => AccountCheck::new(CODE, title, None),
        }
    }

    async fn check_permission(
        &self,
        (probe, code, permissions): (Probe, &'static str, &str),
        organization: Option<&str>,
        writes: WriteProbes,
    ) -> AccountCheck {
        let title = format!("The user of the key has {permissions}");
        if probe.may_write() && writes == WriteProbes::Never {
            return not_tried(code, title);
        }
        match self.client.probe(probe, organization).await {
            Err(error) => AccountCheck::unreachable(code, title, error),
            Ok(ProbeResult::Denied | ProbeResult::UnknownKey) => {
                let hint = format!("Grant {permissions} to a role of the user's group in the back office.");
                AccountCheck::new(code, title, Some(&hint))
            }
            Ok(ProbeResult::Unrecognized) => unproven(code, title),
            Ok(ProbeResult::CarriedOut) => carried_out(code, title),
            Ok(ProbeResult::Allowed | ProbeResult::NotFound) => AccountCheck::new(code, title, None),
        }
    }

    /// Checks that a sale whose response was lost can be looked up. A check-out is never sent again by itself (`acme.md §5`, rule
    /// 2), so without a look-up each lost response waits for a person.
    fn lookup_check(&self) -> AccountCheck {
        let hint = match (self.client.reads_b2c(), self.defaults.facts.order_lookup) {
            (false, _) => Some(
                "Configure tenant_id: without it no order can be looked up, so each sale whose response is lost waits for a person, who has to compare it with the back office.",
            ),
            (true, OrderLookup::None) => Some(
                "assumptions.order_lookup is \"none\": each sale whose response is lost waits for a person, who has to compare it with the back office.",
            ),
            (true, _) => None,
        };
        let outcome = hint.map_or(CheckOutcome::Passed, |hint| CheckOutcome::Risk(hint.to_owned()));
        AccountCheck::with_outcome("LOST_SALES_FOUND", "A sale whose response is lost can be looked up", outcome)
    }

    /// Checks that an event template of the account exists and that resellers may sell it at all three levels. Also
    /// returns the ticket types that have a reseller price there.
    async fn check_template(&self, id: &str, kinds: &BTreeSet<&str>) -> (Vec<AccountCheck>, BTreeSet<String>) {
        let (title, facts) = (format!("Event template {id} exists"), &self.defaults.facts);
        let template = match self.client.find_template(OPERATION, id).await {
            Ok(Some(template)) => template,
            Ok(None) => {
                let hint = "The venue has no event template with this id in this environment: copy it again from the URL of the template in the back office.";
                return (vec![AccountCheck::new("EVENT_TEMPLATE_KNOWN", title, Some(hint))], BTreeSet::new());
            }
            Err(error) => {
                return (vec![AccountCheck::unreachable("EVENT_TEMPLATE_KNOWN", title, error)], BTreeSet::new());
            }
        };
        let mut checks =
            vec![AccountCheck::new("EVENT_TEMPLATE_KNOWN", title, None), template_channel_check(&template, id, facts)];
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

/// Title of the check of the key.
const CREDENTIALS: &str = "The vendor knows the API key";

/// A check whose response is none that ACME gives.
fn unproven(code: &'static str, title: impl Into<String>) -> AccountCheck {
    AccountCheck::unproven(code, title, "ACME's", "base_url", "vendor")
}

/// A check that takes a request that may write.
fn not_tried(code: &'static str, title: impl Into<String>) -> AccountCheck {
    let how = "Only a request that may write shows it: --try-writes sends one that carries nothing.";
    AccountCheck::with_outcome(code, title, CheckOutcome::NotTried(how.to_owned()))
}

/// A check for which an empty write was carried out.
fn carried_out(code: &'static str, title: impl Into<String>) -> AccountCheck {
    let hint = "The vendor carried out a request that carries nothing: look in its back office for what it made, and send no such request again.";
    AccountCheck::new(code, title, Some(hint))
}

/// True if a template lets resellers sell. A template without schedules leaves that to its instances.
fn sells_to_resellers(template: &Template, facts: &Facts) -> bool {
    let mut schedules = template.schedules.iter();
    template.schedules.is_empty()
        || schedules.any(|one| assumptions::sells_to_resellers(one.sales_channels.as_deref(), facts))
}

fn template_channel_check(template: &Template, id: &str, facts: &Facts) -> AccountCheck {
    let hint = "No schedule of the event template has the Reseller channel enabled.";
    let title = format!("Resellers may sell event template {id}");
    AccountCheck::switch("CHANNEL_AT_TEMPLATE", title, (!sells_to_resellers(template, facts)).then_some(hint))
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
    let hint = "No price of the configured ticket types has the Reseller channel enabled: check the price list.";
    AccountCheck::switch(
        "CHANNEL_AT_PRICE",
        format!("Event template {id} has prices for resellers"),
        (!is_open).then_some(hint),
    )
}

fn instance_channel_check(
    next: Result<&[Instance], &VendorError>,
    id: &str,
    is_template_open: bool,
    facts: &Facts,
) -> AccountCheck {
    let (code, title) = ("CHANNEL_AT_INSTANCE", format!("Resellers may sell the next dates of event template {id}"));
    let is_sold = |one: &Instance| assumptions::sells_to_resellers(one.sales_channels.as_deref(), facts);
    match next {
        Err(error) => AccountCheck::unreachable(code, title, error.clone()),
        // A template with the channel off shows resellers no instances.
        Ok([]) if !is_template_open => AccountCheck::switch(
            code,
            title,
            Some("No dates are visible while the event template has the Reseller channel disabled."),
        ),
        Ok([]) => {
            let hint = "It has no date in the next seven days: nothing can be sold, and the channel of its dates was not checked.";
            AccountCheck::new(code, title, Some(hint))
        }
        Ok(instances) => {
            let hint = "None of the next dates has the Reseller channel enabled: an edited date no longer follows its template.";
            AccountCheck::switch(code, title, (!instances.iter().any(is_sold)).then_some(hint))
        }
    }
}
