//! Whether a reseller is set up at the institution: the venue's own checklist (seed 001, `secutix.md §5.1`), asked by machine.

use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;

use crate::client::Client;
use crate::inferred;
use crate::map::keys::Occasion;
use crate::map::snapshot::Snapshot;
use crate::shelf::Shelf;
use crate::wire::availability::EventAvailabilityQuery;
use crate::wire::catalog::PosConfig;
use domain::accounts::{Account, Check, Letter, ResellerAccounts};
use domain::{Clock, ErrorKind, EventKey, Operation, VendorError};

const OP: Operation = Operation::CheckConnection;

/// Checks accounts at one institution.
pub(super) struct Registry {
    pub(super) client: Arc<Client>,
    pub(super) shelf: Arc<Shelf>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) institution: String,
    pub(super) base_url: String,
    pub(super) login: String,
    /// The technical contact where the account names none of its own.
    pub(super) contact: String,
    /// The contingents where the account names none of its own.
    pub(super) contingents: Vec<i64>,
}

#[async_trait]
impl ResellerAccounts for Registry {
    async fn check(&self, account: &Account) -> Vec<Check> {
        let title = "The login and its password are accepted";
        let pos = match self.client.pos_config(OP).await {
            Ok(pos) => pos,
            Err(error) if matches!(error.kind, ErrorKind::Unauthorized | ErrorKind::Rejected(_)) => {
                let hint = "SecuTix gives the password to the operator that is linked to the sales channel: ask for it, and look at the login, which is <institution code>_<sales channel>.";
                return vec![Check::new("CREDENTIALS", title, Some(hint))];
            }
            Err(error) => return vec![Check::unasked("CREDENTIALS", title, error)],
        };
        let mut checks = vec![Check::new("CREDENTIALS", title, None)];
        checks.push(self.channel(account, &pos));
        checks.push(point_of_sale(account, &pos));
        checks.push(pending_account(&pos));
        checks.push(self.contact(account).await);
        checks.extend(self.offer(account).await);
        checks
    }

    /// The catalogue is that of the sales channel already (`secutix.md §3.1`).
    fn events(&self, _: &Account) -> Option<BTreeSet<EventKey>> {
        None
    }

    fn hand_over(&self, account: &Account) -> Letter {
        let reseller = account.reseller.as_deref().unwrap_or("partner");
        let contact = account.one("contact_reference").unwrap_or(&self.contact);
        let mut missing = vec![
            format!("contact at {reseller}: whom the message goes to"),
            "password: SecuTix assigns it to the operator of the sales channel; send it by another way than this message".to_owned(),
        ];
        if contact.is_empty() {
            missing.push(
                "contact_reference: the number of the technical contact that sales are associated with".to_owned(),
            );
        }
        let body = format!(
            "Hello <contact at {reseller}>,\n\nWe have opened an account with which {reseller} can use the SecuTix web service, \
             and sell tickets on behalf of {institution}.\n\nWeb service: {url}\nLogin: {login}\nPassword: <password>\n\
             Technical contact: {contact}\n\nThe pointOfSalesId is told by the method getPOSConfig of the Catalog service. \
             The interface uses no mappings.\n\nKind regards,\n{institution}",
            institution = self.institution,
            url = self.base_url,
            login = self.login,
        );
        Letter {
            subject: format!("{}: access to the SecuTix web service for {reseller}", self.institution),
            body,
            missing,
        }
    }
}

impl Registry {
    fn channel(&self, account: &Account, pos: &PosConfig) -> Check {
        let own = self.login.rsplit_once('_').map_or("", |(_, channel)| channel);
        let wanted = account.one("sales_channel").unwrap_or(own);
        let told = pos.sales_channel_code.as_ref().map(|words| words.0.trim());
        let title = format!("Sales channel {wanted} is active");
        if told.is_some_and(|told| !told.eq_ignore_ascii_case(wanted)) {
            let hint = "The login belongs to another sales channel: use the login of this one.";
            return Check::new("SALES_CHANNEL", title, Some(hint));
        }
        let is_on = inferred::is_active(pos.sales_channel_activity_state.as_ref());
        let hint = "Activate the sales channel; it must be an internal one of the type real-time interface.";
        Check::switch("SALES_CHANNEL", title, (!is_on).then_some(hint))
    }

    async fn contact(&self, account: &Account) -> Check {
        let number = account.one("contact_reference").unwrap_or(&self.contact);
        let title = format!("Technical contact {number} is known");
        match self.client.contact_state(OP, number).await {
            Ok(()) => Check::new("TECHNICAL_CONTACT", title, None),
            Err(error) if matches!(error.kind, ErrorKind::NotFound | ErrorKind::Rejected(_)) => {
                let hint = "Create or choose a contact for which the pending account is authorised, and associate it with the sales channel.";
                Check::new("TECHNICAL_CONTACT", title, Some(hint))
            }
            Err(error) => Check::unasked("TECHNICAL_CONTACT", title, error),
        }
    }

    /// Whether anything is on sale, and whether each contingent has places for it.
    async fn offer(&self, account: &Account) -> Vec<Check> {
        let title = "Products are on sale through the channel";
        let snapshot = match self.shelf.current(OP).await {
            Ok(known) => known.value,
            Err(error) => return vec![Check::unasked("PRODUCTS_ON_SALE", title, error)],
        };
        let dates = self.dates(&snapshot);
        let hint = "Link an activity profile (events) or a product profile (passes) to the sales channel and put products on sale.";
        let mut checks = vec![Check::new("PRODUCTS_ON_SALE", title, dates.is_empty().then_some(hint))];
        let named = account.all("contingents").iter().filter_map(|id| id.parse().ok());
        let mut contingents: Vec<i64> = named.collect();
        if contingents.is_empty() {
            contingents.clone_from(&self.contingents);
        }
        if contingents.is_empty() {
            checks.push(self.places(&snapshot, &dates, None).await);
        }
        for contingent in contingents {
            checks.push(self.places(&snapshot, &dates, Some(contingent)).await);
        }
        checks
    }

    /// The dates that are for sale and not over.
    fn dates(&self, snapshot: &Snapshot) -> Vec<i64> {
        let now = self.clock.now();
        let open = snapshot.shows.values().filter(|show| show.is_for_sale && !show.is_over(&snapshot.till, now));
        let mut dates: Vec<i64> = open
            .filter_map(|show| match show.occasion {
                Occasion::Date(date) => Some(date),
                _ => None,
            })
            .collect();
        dates.sort_unstable();
        dates.truncate(inferred::MOST_PERFORMANCES);
        dates
    }

    async fn places(&self, snapshot: &Snapshot, dates: &[i64], contingent: Option<i64>) -> Check {
        let title = match contingent {
            Some(id) => format!("Contingent {id} has places"),
            None => "The contingents of the channel have places".to_owned(),
        };
        let query = EventAvailabilityQuery {
            point_of_sales_id: snapshot.till.point_of_sale,
            event_ids: Vec::new(),
            performance_ids: dates.to_vec(),
            seat_category_ids: Vec::new(),
            contingent_ids: contingent.into_iter().collect(),
        };
        let told: Result<i64, VendorError> = match dates {
            [] => Ok(0),
            _ => self.client.event_availability(&query).await.map(|rows| {
                rows.iter().filter_map(|row| row.availability.map(|left| left.0)).fold(0, i64::saturating_add)
            }),
        };
        let hint = "Associate the contingent with the sales channel and put places of the products into it.";
        match told {
            Ok(left) => Check::new("CONTINGENT_NOT_EMPTY", title, (left <= 0).then_some(hint)),
            Err(error) => Check::unasked("CONTINGENT_NOT_EMPTY", title, error),
        }
    }
}

fn point_of_sale(account: &Account, pos: &PosConfig) -> Check {
    let told = pos.pos_id.map(|id| id.0.to_string());
    let title = match account.one("point_of_sale").or(told.as_deref()) {
        Some(id) => format!("Point of sale {id} is found and active"),
        None => "A point of sale is found".to_owned(),
    };
    let hint = match (&told, account.one("point_of_sale")) {
        (None, _) => Some("Create a point of sale for the sales channel."),
        (Some(told), Some(wanted)) if told != wanted => {
            Some("The login has another point of sale than the connection says: take the one that getPOSConfig tells.")
        }
        _ => None,
    };
    if hint.is_some() {
        return Check::new("POINT_OF_SALE", title, hint);
    }
    let is_on = inferred::is_active(pos.pos_activity_state.as_ref());
    Check::switch("POINT_OF_SALE", title, (!is_on).then_some("Activate the point of sale."))
}

fn pending_account(pos: &PosConfig) -> Check {
    let is_there = pos.payment_methods.0.iter().any(|method| {
        method.payment_type.as_ref().is_some_and(|name| name.0 == inferred::PENDING_ACCOUNT)
            && method.for_payment.is_none_or(|flag| flag.0)
    });
    let hint = "Give the point of sale the payment method pending account, available for payment.";
    Check::new("PENDING_ACCOUNT", "Sales can be put on a pending account", (!is_there).then_some(hint))
}
