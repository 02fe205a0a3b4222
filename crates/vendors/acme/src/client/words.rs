//! Logs words of the vendor that no setting explains, in everything that is read.

use crate::assumptions;
use crate::client::Client;
use crate::wire::catalog::{Instance, Summary};
use crate::wire::orders::{OrderDetail, Ticket};

impl Client {
    /// Logs the unknown states of instances.
    pub(super) fn report_states<'a>(&self, states: impl IntoIterator<Item = Option<&'a str>>) {
        for word in states.into_iter().flatten() {
            if assumptions::instance_state(Some(word), &self.facts).is_none() {
                self.report("instance_state_words", word, "its performances are not sold");
            }
        }
    }

    /// Logs the unknown words of an order's tickets.
    pub(super) fn report_tickets(&self, order: &OrderDetail) {
        let tickets = order.event_items.iter().flat_map(|event| &event.items).flat_map(|item| &item.tickets);
        for Ticket { ticket_status, check_in_status, .. } in tickets {
            if let Some(word) = ticket_status.as_ref().filter(|word| !assumptions::is_ticket_word(word, &self.facts)) {
                self.report("ticket_status_words", word, "its tickets are issued");
            }
            let check_in = check_in_status.as_ref();
            if let Some(word) = check_in.filter(|word| !assumptions::is_check_in_word(word, &self.facts)) {
                self.report("check_in_status_words", word, "its tickets count as unused");
            }
        }
    }

    fn report(&self, setting: &'static str, word: &str, effect: &str) {
        self.unknown_words.warn(self.http.source(), setting, word, effect);
    }
}

/// A row with the state of an instance.
pub(crate) trait HasState {
    /// The vendor's word.
    fn state(&self) -> Option<&str>;
}

impl HasState for Instance {
    fn state(&self) -> Option<&str> {
        self.state.as_deref()
    }
}

impl HasState for Summary {
    fn state(&self) -> Option<&str> {
        self.state.as_deref()
    }
}
