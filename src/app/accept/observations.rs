//! Compares the vendor's assumptions with what an acceptance run has seen at the ports. An assumption that no observation concerns is
//! *not seen*; nothing is concluded from silence.

use serde::Serialize;
use toml::{Table, Value};

use crate::app::accept::unknown_words::UnknownWord;
use vendor_api::{Accepts, AssumptionInForce};

/// Everything that the run has seen.
#[derive(Debug, Default)]
pub(super) struct Observations {
    /// A performance was on sale.
    pub is_on_sale: bool,
    /// The product has a price.
    pub is_paid: bool,
    /// A hold was placed.
    pub is_held: bool,
    /// A sale was made.
    pub is_sold: bool,
    /// A sold ticket could be used and had its code.
    pub is_issued: bool,
    /// A sale had no ticket at all.
    pub has_no_tickets: bool,
    /// A refunded ticket was void.
    pub is_void: bool,
    /// A sale was found as if its response had been lost.
    pub is_found: Option<bool>,
    /// The vendor's list of sales had the sale with our reference.
    pub is_listed: bool,
    /// Effect of a check-out that was sent twice.
    pub second_check_out: Option<SecondCheckOut>,
}

/// Effect of a check-out that was sent again with the same key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SecondCheckOut {
    /// A second sale exists.
    SoldTwice,
    /// The first sale was returned, and the vendor lists no other.
    SameSale,
    /// Neither is shown. The text continues "the second check-out …".
    Unclear(&'static str),
}

/// Result of an assumption.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "result")]
pub(super) enum Verdict {
    /// The run has seen it.
    AsAssumed {
        /// Observation.
        seen: &'static str,
    },
    /// The run has seen otherwise.
    Different {
        /// Observation.
        seen: String,
        /// Setting that fits the observation.
        set: String,
    },
    /// The run has seen nothing that concerns it.
    NotSeen,
}

/// Observation that an assumption needs.
#[derive(Debug, Clone, Copy)]
enum Evidence {
    /// A performance whose state was understood.
    OnSale,
    /// A ticket that was issued, and void after its refund.
    TicketStates,
    /// The tickets of a sale.
    Tickets,
    /// A hold, if the source has this setting.
    HoldWith(&'static str, &'static str),
    /// A sale with a price.
    PaidSale,
    /// A sale with a price, if the source does not have this setting.
    PaidSaleWithout(&'static str),
    /// A sale that was found, and refunded.
    SaleStates,
    /// A sale that was looked up and listed.
    LookUp,
    /// A check-out that was sent twice.
    SecondCheckOut,
}

/// Assumptions of all vendors that the ports show, by key. All others take a gate, a limit, a second account or a rare state.
const SHOWN: &[(&str, Evidence)] = &[
    ("checkout_retry", Evidence::SecondCheckOut),
    ("order_lookup", Evidence::LookUp),
    ("instance_state_words", Evidence::OnSale),
    ("event_states", Evidence::OnSale),
    ("event_status_words", Evidence::OnSale),
    ("ticket_status_words", Evidence::TicketStates),
    ("ticket_states", Evidence::TicketStates),
    ("order_status_words", Evidence::SaleStates),
    ("order_states", Evidence::SaleStates),
    ("order_granularity", Evidence::Tickets),
    ("tickets_at", Evidence::Tickets),
    ("soap_attribution_order", Evidence::HoldWith("transport", "soap")),
    ("close_payments", Evidence::PaidSale),
    ("payment_status_words", Evidence::PaidSale),
    ("pending_account", Evidence::PaidSaleWithout("payment_method")),
    ("capability_prefix", Evidence::PaidSale),
    ("cancel_by", Evidence::TicketStates),
    ("booking_status_words", Evidence::SaleStates),
    ("delivery_format_words", Evidence::TicketStates),
];

impl Observations {
    /// Compares an assumption with the observations.
    pub(super) fn verdict(&self, assumed: &AssumptionInForce, settings: &Table, words: &[UnknownWord]) -> Verdict {
        let key = assumed.assumption.key;
        if let Some(unknown) = words.iter().find(|unknown| unknown.setting == key) {
            return unknown_word(assumed, unknown);
        }
        let Some((_, evidence)) = SHOWN.iter().find(|(shown, _)| *shown == key) else { return Verdict::NotSeen };
        let when = |is_seen: bool, seen| if is_seen { Verdict::AsAssumed { seen } } else { Verdict::NotSeen };
        let is_paid_sale = self.is_sold && self.is_paid;
        match evidence {
            Evidence::OnSale => when(self.is_on_sale, "a performance was on sale; the words met are known"),
            Evidence::TicketStates => {
                when(self.is_issued && self.is_void, "a ticket was issued, then void; the words met are known")
            }
            Evidence::Tickets if self.has_no_tickets => different(assumed, "the sale had no ticket"),
            Evidence::Tickets => when(self.is_issued, "the sale had its ticket with a code"),
            Evidence::HoldWith(name, value) => {
                let is_set = settings.get(*name).and_then(Value::as_str) == Some(value);
                when(is_set && self.is_held, "a hold was placed")
            }
            Evidence::PaidSale => when(is_paid_sale, "a sale was paid"),
            Evidence::PaidSaleWithout(name) => when(is_paid_sale && !settings.contains_key(*name), "a sale was paid"),
            Evidence::SaleStates => when(
                self.is_found == Some(true) && self.is_void,
                "a sale was found, then refunded; the words met are known",
            ),
            Evidence::LookUp if self.is_found == Some(false) => different(assumed, "the sale was not found"),
            Evidence::LookUp => {
                let is_seen = self.is_found == Some(true) && self.is_listed;
                when(is_seen, "the sale was found and listed; whether by a search or by the list does not show")
            }
            Evidence::SecondCheckOut => self.second_check_out(assumed),
        }
    }

    fn second_check_out(&self, assumed: &AssumptionInForce) -> Verdict {
        let (fits, seen) = match self.second_check_out {
            Some(SecondCheckOut::SoldTwice) => ("\"never\"", "a check-out that was sent twice sold twice"),
            Some(SecondCheckOut::SameSale) => ("\"same_uuid\"", "a check-out that was sent twice sold once"),
            Some(SecondCheckOut::Unclear(_)) | None => return Verdict::NotSeen,
        };
        if assumed.value == fits {
            return Verdict::AsAssumed { seen };
        }
        let set = format!("assumptions.{} = {fits}", assumed.assumption.key);
        Verdict::Different { seen: seen.to_owned(), set }
    }
}

fn unknown_word(assumed: &AssumptionInForce, unknown: &UnknownWord) -> Verdict {
    let meanings = match assumed.assumption.accepts {
        Accepts::Words(meanings) => meanings.join(" | "),
        _ => "…".to_owned(),
    };
    let (key, word) = (assumed.assumption.key, &unknown.word);
    Verdict::Different {
        seen: format!("the vendor uses the word {word:?}"),
        set: format!("assumptions.{key} = {{ {word:?} = \"{meanings}\" }}"),
    }
}

/// The value is wrong, and the run cannot see which one is right.
fn different(assumed: &AssumptionInForce, seen: &str) -> Verdict {
    let others = match assumed.assumption.accepts {
        Accepts::OneOf(words) => {
            let is_other = |word: &&&str| format!("\"{word}\"") != assumed.value;
            words.iter().filter(is_other).map(|word| format!("\"{word}\"")).collect::<Vec<_>>().join(" | ")
        }
        _ => "…".to_owned(),
    };
    Verdict::Different { seen: seen.to_owned(), set: format!("assumptions.{} = {others}", assumed.assumption.key) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use vendor_api::Assumptions;
    use vendor_registry::VENDORS;

    fn verdicts(seen: &Observations, settings: &str, words: &[UnknownWord]) -> Vec<(&'static str, Verdict)> {
        let settings: Table = settings.parse().expect("TOML");
        let mut all = Vec::new();
        for vendor in VENDORS {
            let own = Table::new();
            let assumed = Assumptions::from_settings(vendor.assumptions, &own).expect("defaults").in_force();
            all.extend(assumed.iter().map(|one| (one.assumption.key, seen.verdict(one, &settings, words))));
        }
        all
    }

    fn verdict(seen: &Observations, settings: &str, key: &str) -> Verdict {
        let of_key = verdicts(seen, settings, &[]).into_iter().find(|(one, _)| *one == key);
        of_key.expect("an assumption").1
    }

    #[test]
    fn without_an_observation_no_assumption_is_as_assumed() {
        for (key, verdict) in verdicts(&Observations::default(), "transport = \"soap\"", &[]) {
            assert_eq!(verdict, Verdict::NotSeen, "{key}");
        }
    }

    #[test]
    fn each_key_of_the_table_is_an_assumption_of_a_vendor() {
        let known: Vec<&str> = verdicts(&Observations::default(), "", &[]).into_iter().map(|(key, _)| key).collect();
        for (key, _) in SHOWN {
            assert!(known.contains(key), "{key}");
        }
    }

    #[test]
    fn one_observation_proves_only_what_it_shows() {
        let issued = Observations { is_issued: true, is_sold: true, ..Observations::default() };
        assert_eq!(verdict(&issued, "", "ticket_states"), Verdict::NotSeen, "no refunded ticket was seen");
        assert_eq!(verdict(&issued, "", "close_payments"), Verdict::NotSeen, "a free ticket");
        let paid = Observations { is_paid: true, ..issued };
        let as_assumed = Verdict::AsAssumed { seen: "a sale was paid" };
        assert_eq!(verdict(&paid, "", "pending_account"), as_assumed);
        assert_eq!(verdict(&paid, "payment_method = 7", "pending_account"), Verdict::NotSeen);
        let held = Observations { is_held: true, ..Observations::default() };
        assert_eq!(verdict(&held, "transport = \"json\"", "soap_attribution_order"), Verdict::NotSeen);
        assert_ne!(verdict(&held, "transport = \"soap\"", "soap_attribution_order"), Verdict::NotSeen);
    }

    #[test]
    fn what_differs_names_the_setting() {
        let of = |second| Observations { second_check_out: Some(second), ..Observations::default() };
        let set = |verdict| match verdict {
            Verdict::Different { set, .. } => Some(set),
            Verdict::AsAssumed { .. } | Verdict::NotSeen => None,
        };
        let same = verdict(&of(SecondCheckOut::SameSale), "", "checkout_retry");
        assert_eq!(set(same).as_deref(), Some("assumptions.checkout_retry = \"same_uuid\""));
        let twice = verdict(&of(SecondCheckOut::SoldTwice), "", "checkout_retry");
        assert!(matches!(twice, Verdict::AsAssumed { .. }), "{twice:?}");
        assert_eq!(verdict(&of(SecondCheckOut::Unclear("failed")), "", "checkout_retry"), Verdict::NotSeen);
        let found = Observations { is_found: Some(true), ..Observations::default() };
        assert_eq!(verdict(&found, "", "order_lookup"), Verdict::NotSeen, "a look-up alone shows one way only");
        let lost = Observations { is_found: Some(false), ..Observations::default() };
        assert!(set(verdict(&lost, "", "order_lookup")).is_some_and(|set| !set.contains("search_then_list")));
        let word = UnknownWord { setting: "ticket_status_words".to_owned(), word: "Wrapped".to_owned() };
        let all = verdicts(&Observations { is_issued: true, is_void: true, ..Observations::default() }, "", &[word]);
        let of_words = all.into_iter().find(|(key, _)| *key == "ticket_status_words").expect("an assumption").1;
        assert!(set(of_words).is_some_and(|set| set.starts_with("assumptions.ticket_status_words = { \"Wrapped\" = ")));
    }
}
