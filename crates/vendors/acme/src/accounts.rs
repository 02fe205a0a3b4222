//! Whether a reseller is set up at the venue: the venue's own checklist (seed 000, `acme.md §5`), asked by machine.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::sync::Arc;

use async_trait::async_trait;
use futures_util::future::join_all;
use jiff::{Span, civil::Date};

use crate::client::{Client, DayQuery, Leave, Probe};
use crate::inferred;
use crate::map::{Venue, days};
use crate::wire::catalog::{Instance, PriceLine, PriceList, Template};
use domain::accounts::{Account, Check, Letter, ResellerAccounts};
use domain::{Clock, EventKey, Operation, VendorError};

const OP: Operation = Operation::CheckConnection;
/// How many days are searched for a date of each event.
const DAYS: i64 = 7;

/// Checks accounts at one tenant.
pub(super) struct Registry {
    pub(super) client: Arc<Client>,
    pub(super) venue: Venue,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) institution: String,
    /// Who buys where the account names no organisation of its own.
    pub(super) organization_id: Option<String>,
}

/// What is tried out, and the permissions that it needs: which call needs which is INFERRED from their names (`acme.md §5`).
const RIGHTS: &[(Probe, &str, &str)] = &[
    (Probe::Templates, "EVENT_TEMPLATES_READABLE", "EVENT_TEMPLATE_VIEW"),
    (Probe::Instances, "EVENTS_READABLE", "EVENT_VIEW"),
    (Probe::Hold, "HOLDS_ALLOWED", "ORDER_CREATE"),
    (Probe::ChangeHold, "HOLDS_CHANGEABLE", "ORDER_UPDATE"),
    (Probe::DropHold, "HOLDS_RELEASABLE", "ORDER_DELETE"),
    (Probe::CheckOut, "SALES_ALLOWED", "ACCT_ORDERS_CREATE, ORDER_PAYMENT, ACCT_PMNT_POLICY_VIEW"),
    (Probe::Orders, "ORDERS_READABLE", "ORDER_VIEW, ACCT_ORDERS_VIEW"),
    (Probe::ChangeOrder, "ORDERS_CHANGEABLE", "ACCT_ORDERS_UPDATE, ACCT_ORDERS_DELETE"),
    (Probe::Refund, "REFUNDS_ALLOWED", "REFUNDS_EXECUTE"),
];

#[async_trait]
impl ResellerAccounts for Registry {
    async fn check(&self, account: &Account) -> Vec<Check> {
        let organization = account.one("organization_id").or(self.organization_id.as_deref());
        let probes = join_all(RIGHTS.iter().map(|(probe, ..)| self.client.probe(*probe, organization))).await;
        let mut checks = vec![credentials(&probes)];
        checks.push(organized(organization, &probes));
        checks.extend(RIGHTS.iter().zip(probes).map(|((_, code, rights), told)| permitted(code, rights, told)));
        let kinds: BTreeSet<&str> = account.all("ticket_types").iter().map(String::as_str).collect();
        let asked = account.all("event_templates").iter().map(|id| self.look_at(id, &kinds));
        let mut met = BTreeSet::new();
        for (lines, prices) in join_all(asked).await {
            checks.extend(lines);
            met.extend(prices);
        }
        checks.extend(kinds.iter().map(|id| {
            let hint = "No event of this connection has a price for it: look at the id, which is another one in each environment, and at the price lists.";
            Check::new("TICKET_TYPE_KNOWN", format!("Ticket type {id} has a price"), (!met.contains(*id)).then_some(hint))
        }));
        checks
    }

    fn events(&self, account: &Account) -> Option<BTreeSet<EventKey>> {
        let templates = account.all("event_templates");
        (!templates.is_empty()).then(|| templates.iter().map(|id| EventKey::new(id.as_str())).collect())
    }

    fn hand_over(&self, account: &Account) -> Letter {
        let reseller = account.reseller.as_deref().unwrap_or("partner");
        let mut missing = Vec::new();
        let mut body =
            format!("Hello,\n\nThese are the configuration details of {} for {reseller}.\n", self.institution);
        let mut tell = |title: &str, values: &[String], how: &str| {
            if values.is_empty() {
                missing.push(format!("{title}: {how}"));
            }
            let told = if values.is_empty() { format!("<{title}>") } else { values.join(", ") };
            // Writing into a string cannot fail.
            let _ = write!(body, "\n{title}: {told}");
        };
        let organization: Vec<String> =
            account.one("organization_id").or(self.organization_id.as_deref()).map(str::to_owned).into_iter().collect();
        tell(
            "Event template IDs",
            account.all("event_templates"),
            "they stand in the address of each event template in the back office",
        );
        tell(
            "Ticket type IDs",
            account.all("ticket_types"),
            "they stand in the list of ticket categories in the back office",
        );
        tell(
            "Organization ID",
            &organization,
            "it stands in the address of the organization record in the back office",
        );
        tell("API key", &[], "ask api-help@acmeticketing.com for one, and send it by another way than this message");
        let rights: Vec<&str> = RIGHTS.iter().map(|(_, _, rights)| *rights).collect();
        let _ = write!(
            body,
            "\n\nThe user of the key has these permissions: {}.\nThe IDs are those of this environment only; they differ between sandbox and production.\n\nKind regards,\n{}",
            rights.join(", "),
            self.institution
        );
        Letter { subject: format!("{}: ACME configuration details for {reseller}", self.institution), body, missing }
    }
}

impl Registry {
    /// Looks at an event template of the account: whether it is there, and whether resellers may sell it at all three levels.
    /// Beside the lines, the ticket types that have a price for resellers there.
    async fn look_at(&self, id: &str, kinds: &BTreeSet<&str>) -> (Vec<Check>, BTreeSet<String>) {
        let title = format!("Event template {id} is there");
        let template = match self.client.find_template(OP, id).await {
            Ok(Some(template)) => template,
            Ok(None) => {
                let hint = "The venue has no event template of this id in this environment: copy it again from the address of the template in the back office.";
                return (vec![Check::new("EVENT_TEMPLATE_KNOWN", title, Some(hint))], BTreeSet::new());
            }
            Err(error) => return (vec![Check::unasked("EVENT_TEMPLATE_KNOWN", title, error)], BTreeSet::new()),
        };
        let mut checks = vec![Check::new("EVENT_TEMPLATE_KNOWN", title, None), at_template(&template, id)];
        let next = self.next_instances(id).await;
        let instances = next.as_deref().unwrap_or_default();
        let lines = lines(&template, instances);
        let met = lines.iter().map(|line| line.person_type.id.to_string()).collect();
        checks.push(at_price(&lines, id, kinds));
        checks.push(at_instance(next.as_deref(), id, is_open(&template)));
        (checks, met)
    }

    /// The instances of the next day that has any.
    async fn next_instances(&self, id: &str) -> Result<Vec<Instance>, VendorError> {
        let today = days::of(self.clock.now(), &self.venue.zone);
        for ahead in 0..DAYS {
            let day: Date = today.saturating_add(Span::new().days(ahead));
            let query = DayQuery { day, template: Some(id), with_private: true };
            let found = self.client.list_instances(OP, query, &self.venue.zone).await?;
            if !found.is_empty() {
                return Ok(found);
            }
        }
        Ok(Vec::new())
    }
}

fn credentials(probes: &[Result<Leave, VendorError>]) -> Check {
    let title = "The API key is accepted";
    match probes.first() {
        Some(Err(error)) => Check::unasked("CREDENTIALS", title, error.clone()),
        Some(Ok(Leave::UnknownKey)) => {
            let hint = "The key is unknown here. A key belongs to one venue and one environment: ask api-help@acmeticketing.com for one of this environment.";
            Check::new("CREDENTIALS", title, Some(hint))
        }
        _ => Check::new("CREDENTIALS", title, None),
    }
}

/// The organisation has no call of its own; buying for one that is not there says so.
fn organized(organization: Option<&str>, probes: &[Result<Leave, VendorError>]) -> Check {
    let title = organization.map_or("An organization is named".to_owned(), |id| format!("Organization {id} is there"));
    let told = RIGHTS.iter().zip(probes).find(|((probe, ..), _)| *probe == Probe::CheckOut).map(|(_, told)| told);
    let hint = match (organization, told) {
        (None, _) => {
            Some("Configure organization_id: it stands in the address of the organization record in the back office.")
        }
        (_, Some(Ok(Leave::Absent))) => Some(
            "The venue has no organization of this id in this environment: make a reseller record for the partner, or copy its id again.",
        ),
        _ => None,
    };
    Check::new("ORGANIZATION_KNOWN", title, hint)
}

fn permitted(code: &'static str, rights: &str, told: Result<Leave, VendorError>) -> Check {
    let title = format!("The user of the key has {rights}");
    match told {
        Err(error) => Check::unasked(code, title, error),
        Ok(Leave::Denied | Leave::UnknownKey) => {
            let hint = format!("Give {rights} to a role of the user's group in the back office.");
            Check::new(code, title, Some(&hint))
        }
        Ok(Leave::Granted | Leave::Absent) => Check::new(code, title, None),
    }
}

/// Whether a template lets resellers sell; one without schedules leaves that to its dates.
fn is_open(template: &Template) -> bool {
    let mut schedules = template.schedules.iter();
    template.schedules.is_empty() || schedules.any(|one| inferred::sells_to_resellers(one.sales_channels.as_deref()))
}

fn at_template(template: &Template, id: &str) -> Check {
    let hint = "No schedule of the event template has the Reseller channel on.";
    let title = format!("Resellers may sell event template {id}");
    Check::switch("CHANNEL_AT_TEMPLATE", title, (!is_open(template)).then_some(hint))
}

/// All prices of a template that is sold: its own, those of its schedules and of its dates.
fn lines<'a>(template: &'a Template, instances: &'a [Instance]) -> Vec<&'a PriceLine> {
    let own = template.price_list.iter().chain(&template.price_lists);
    let scheduled = template.schedules.iter().flat_map(|schedule| &schedule.price_lists);
    let dated = instances.iter().filter_map(|instance| instance.price_list.as_ref());
    own.chain(scheduled).chain(dated).flat_map(|list: &PriceList| &list.prices).collect()
}

fn at_price(lines: &[&PriceLine], id: &str, kinds: &BTreeSet<&str>) -> Check {
    let wanted = |line: &&&PriceLine| kinds.is_empty() || kinds.contains(line.person_type.id.to_string().as_str());
    let is_open = lines.iter().filter(wanted).any(|line| inferred::sells_to_resellers(line.sales_channels.as_deref()));
    let hint = "No price of the wanted ticket types has the Reseller channel on: look at the price list.";
    Check::switch(
        "CHANNEL_AT_PRICE",
        format!("Event template {id} has prices for resellers"),
        (!is_open).then_some(hint),
    )
}

fn at_instance(next: Result<&[Instance], &VendorError>, id: &str, is_template_open: bool) -> Check {
    let (code, title) = ("CHANNEL_AT_INSTANCE", format!("Resellers may sell the next dates of event template {id}"));
    let is_sold = |one: &Instance| inferred::sells_to_resellers(one.sales_channels.as_deref());
    match next {
        Err(error) => Check::unasked(code, title, error.clone()),
        // A template that is switched off shows resellers no dates.
        Ok([]) if !is_template_open => {
            Check::switch(code, title, Some("It shows no dates while its event template has the Reseller channel off."))
        }
        Ok([]) => {
            let hint = "It has no date in the next seven days: nothing can be sold, and the channel of its dates was not looked at.";
            Check::new(code, title, Some(hint))
        }
        Ok(instances) => {
            let hint =
                "None of the next dates has the Reseller channel on: an edited date no longer follows its template.";
            Check::switch(code, title, (!instances.iter().any(is_sold)).then_some(hint))
        }
    }
}
