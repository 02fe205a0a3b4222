//! Contact of an order: it may follow after the hold, and it stays once a confirmation was sent.

use crate::idempotency;
use crate::leg::{Leg, LegOperation};
use crate::order::Order;
use crate::problem::{Problem, ProblemCode};
use crate::request::{self, Actor, UpdateContact};
use crate::status::LegStatus;
use crate::{OrderOutcome, Orders};
use domain::StoreError;
use domain::ordering::Contact;

impl Orders {
    /// Sets the contact of the visitor, as long as no confirmation was requested.
    pub async fn update_contact(&self, actor: &Actor, update: &UpdateContact) -> Result<OrderOutcome, StoreError> {
        let hash = idempotency::request_hash(update);
        let name = ("updateOrderContact", None, "order");
        self.apply_action_with_hash(actor, &update.action, name, &hash, |work| {
            let problems = request::validate_contact(&update.contact);
            if !problems.is_empty() {
                return Err(problems);
            }
            if !work.order.permits_other_contact() {
                return Err(vec![Problem::new(ProblemCode::ActionNotAvailable).at_path(["input", "order"])]);
            }
            work.order.set_contact(update.contact.clone());
            Ok(())
        })
        .await
    }
}

impl Order {
    /// Returns the contact that the source of a leg gets.
    pub(crate) fn contact_at(&self, leg: &Leg) -> Option<&Contact> {
        let of_hold = self.hold_contact.as_ref().filter(|_| leg.needs_contact_at_hold());
        of_hold.or(self.contact.as_ref())
    }

    /// Returns true if the contact may change: nothing is in progress, and no source has got it for a sale. That of a replacement
    /// follows from the order that it replaces until it is held.
    pub(crate) fn permits_other_contact(&self) -> bool {
        let is_open = |leg: &Leg| {
            matches!(leg.status, LegStatus::Draft | LegStatus::Held) && leg.attempt_count(LegOperation::Confirm) == 0
        };
        self.is_idle() && !self.is_unheld_replacement() && self.legs.iter().all(is_open)
    }

    /// Sets the contact of the visitor. A source that holds under another one keeps that.
    pub(crate) fn set_contact(&mut self, contact: Contact) {
        let before = self.contact.replace(contact);
        let is_held = |leg: &Leg| leg.needs_contact_at_hold() && leg.attempt_count(LegOperation::Hold) > 0;
        if self.legs.iter().any(is_held) {
            self.hold_contact = self.hold_contact.take().or(before);
        } else {
            self.hold_contact = None;
        }
    }
}
