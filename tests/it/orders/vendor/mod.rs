//! A vendor in memory. It yields in each call, fails where a script says so, and can be asked afterwards what it holds.

mod ports;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use domain::ids::StepKey;
use domain::ordering::{
    Barcode, CancelLine, Cancelled, Confirmed, Found, Held, HoldExtension, HoldSecures, IssuedTicket, LegRequest,
    Ordering, Refunds, SettlementRefusal, Symbology, TicketState, VendorSale,
};
use domain::{
    Availability, AvailabilityStatus, Batch, BookingMode, CalendarDay, Catalog, Clock, Effect, Environment, ErrorKind,
    Event, EventKey, EventStatus, ExternalRef, Facts, Health, HealthReport, HealthState, LegShape, Money, Observed,
    Offer, Operation, Performance, PerformanceKey, Price, Reason, Scope, Source, SourceId, Text, TicketType,
    TicketTypeKey, VendorError, VendorKind, Window,
};
use jiff::Timestamp;
use jiff::civil::Date;
use secrecy::SecretString;
use tokio::sync::Notify;

/// What kind of vendor it is.
#[derive(Debug, Clone, Copy)]
pub struct Habits {
    pub shape: LegShape,
    pub honours_keys: bool,
    pub finds: bool,
    pub has_undo: bool,
    pub undo_is_proven: bool,
    pub cancels_in_part: bool,
    pub extends: bool,
    pub rank: u8,
}

/// Honours keys, finds what it did, undoes.
pub const KEYED: Habits = Habits {
    shape: LegShape::HoldThenConfirm,
    honours_keys: true,
    finds: true,
    has_undo: true,
    undo_is_proven: true,
    cancels_in_part: true,
    extends: true,
    rank: 20,
};
/// Two equal calls do two things.
pub const PLAIN: Habits = Habits { honours_keys: false, rank: 30, extends: false, ..KEYED };
/// Cannot tell what it did.
pub const BLIND: Habits = Habits { honours_keys: false, finds: false, rank: 40, undo_is_proven: false, ..KEYED };
/// Sells at once, and undoes whole sales only.
pub const COMMITTING: Habits =
    Habits { shape: LegShape::CommitsAtHold, honours_keys: false, cancels_in_part: false, rank: 10, ..KEYED };
/// Sells at once and never undoes.
pub const FINAL: Habits = Habits { shape: LegShape::ConfirmOnly, has_undo: false, rank: 50, ..KEYED };

/// A call, as scripts name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Deed {
    Hold,
    Extend,
    Confirm,
    Release,
    Cancel,
    FindHold,
    FindSale,
    FindUndo,
}

impl Deed {
    pub fn writes(self) -> bool {
        !matches!(self, Self::FindHold | Self::FindSale | Self::FindUndo)
    }
}

/// How a call goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fault {
    /// A clear no; nothing was done.
    Refused,
    /// Never left; may work in a moment.
    NotSent,
    /// Sent, not done, and no answer.
    LostRequest,
    /// Done, and no answer.
    LostAnswer,
    /// Reached the vendor twice; the second answer comes back.
    Repeated,
    /// Done, then no answer until the test says so.
    StallsAfter,
    /// No answer until the test says so, and then: never done.
    StallsBefore,
}

#[derive(Debug, Clone)]
pub struct Hold {
    pub reference: String,
    pub key: StepKey,
    pub expires_at: Timestamp,
    pub is_open: bool,
}

#[derive(Debug, Clone)]
pub struct Sale {
    pub reference: String,
    pub key: StepKey,
    /// Code by ticket.
    pub tickets: BTreeMap<String, (usize, String)>,
    pub void: BTreeSet<String>,
    /// When its visitors were let in.
    pub used: Option<Timestamp>,
}

impl Sale {
    pub fn is_live(&self) -> bool {
        self.void.len() < self.tickets.len()
    }
}

#[derive(Default)]
pub struct Books {
    pub holds: BTreeMap<String, Hold>,
    pub sales: BTreeMap<String, Sale>,
    /// Every call that came in, in order.
    pub calls: Vec<Deed>,
    script: HashMap<(Deed, usize), Fault>,
    next: u32,
}

/// What the catalogue says; tests change it.
#[derive(Debug, Clone)]
pub struct Shelf {
    pub price: i64,
    pub currency: &'static str,
    pub vacancies: Option<u32>,
    pub status: AvailabilityStatus,
    pub event_status: EventStatus,
    pub max_per_order: Option<u32>,
    pub starts_at: Timestamp,
    pub is_down: bool,
    /// What a hold and a sale say the leg costs; none: what was promised.
    pub total: Option<i64>,
    /// Tickets come without codes at first.
    pub codes_come_later: bool,
    pub refuses: Option<SettlementRefusal>,
}

pub struct Vendor {
    pub id: SourceId,
    pub habits: Habits,
    pub books: Mutex<Books>,
    pub shelf: Mutex<Shelf>,
    pub go_on: Notify,
    pub hold_ttl: Duration,
    clock: Arc<dyn Clock>,
}

pub fn key(text: &str) -> PerformanceKey {
    PerformanceKey::new(text.to_owned())
}

impl Vendor {
    pub fn new(name: &str, habits: Habits, clock: Arc<dyn Clock>) -> Arc<Self> {
        let shelf = Shelf {
            price: 2500,
            currency: "EUR",
            vacancies: Some(100),
            status: AvailabilityStatus::Available,
            event_status: EventStatus::OnSale,
            max_per_order: None,
            starts_at: clock.now() + Duration::from_secs(30 * 24 * 3600),
            is_down: false,
            total: None,
            codes_come_later: false,
            refuses: None,
        };
        Arc::new(Self {
            id: SourceId::new(name.to_owned()),
            habits,
            books: Mutex::default(),
            shelf: Mutex::new(shelf),
            go_on: Notify::new(),
            hold_ttl: Duration::from_secs(600),
            clock,
        })
    }

    /// The call that is the `nth` of its kind goes wrong.
    pub fn fail(&self, deed: Deed, nth: usize, fault: Fault) {
        self.books.lock().expect("books").script.insert((deed, nth), fault);
    }

    pub fn source(self: &Arc<Self>, environment: Environment) -> Source {
        let habits = self.habits;
        Source {
            id: self.id.clone(),
            vendor: VendorKind::Acme,
            institution: "Test".to_owned(),
            environment,
            time_zone: jiff::tz::TimeZone::UTC,
            currency: None,
            facts: Facts {
                max_batch: 100,
                hold_ttl: self.hold_ttl,
                slow_confirm: Duration::from_secs(60),
                honours_idempotency_keys: habits.honours_keys,
                finds_by_our_reference: habits.finds,
                cancels_in_part: habits.cancels_in_part,
                undo_is_proven: habits.undo_is_proven,
                settles_on_account: true,
                commits_at_hold: habits.shape == LegShape::CommitsAtHold,
                barcode_at_confirm: true,
                holds_seats: false,
                delivers_to_app: false,
                confirm_rank: habits.rank,
                horizon_days: 30,
            },
            health: Arc::clone(self) as Arc<dyn Health>,
            catalog: Arc::clone(self) as Arc<dyn Catalog>,
            ordering: Some(Arc::clone(self) as Arc<dyn Ordering>),
            hold_extension: habits.extends.then(|| Arc::clone(self) as Arc<dyn HoldExtension>),
            refunds: habits.has_undo.then(|| Arc::clone(self) as Arc<dyn Refunds>),
            admissions: None,
            accounts: None,
            authoring: None,
            sectioning: None,
            back_office: None,
        }
    }

    pub fn price(&self) -> Money {
        let shelf = self.shelf.lock().expect("shelf");
        Money::new(shelf.price, shelf.currency.parse().expect("a currency"))
    }

    /// Holds that stand now.
    pub fn open_holds(&self) -> Vec<(String, Hold)> {
        let now = self.clock.now();
        let books = self.books.lock().expect("books");
        let stands = |hold: &Hold| hold.is_open && now < hold.expires_at;
        books.holds.iter().filter(|(_, hold)| stands(hold)).map(|(id, hold)| (id.clone(), hold.clone())).collect()
    }

    pub fn live_sales(&self, reference: &str) -> Vec<(String, Sale)> {
        let books = self.books.lock().expect("books");
        let wanted = |sale: &Sale| sale.reference == reference && sale.is_live();
        books.sales.iter().filter(|(_, sale)| wanted(sale)).map(|(id, sale)| (id.clone(), sale.clone())).collect()
    }

    fn refusal(&self, deed: Deed) -> VendorError {
        VendorError::rejected(&self.id, operation(deed), Reason::Other, Some("refused.by.script".to_owned()))
    }

    fn torn(&self, deed: Deed, effect: Effect) -> VendorError {
        VendorError::new(&self.id, operation(deed), ErrorKind::Unavailable).with_effect(effect)
    }

    /// Does a deed as the script says.
    async fn perform<T>(
        &self,
        deed: Deed,
        act: impl Fn(&mut Books) -> Result<T, VendorError> + Send + Sync,
    ) -> Result<T, VendorError> {
        tokio::task::yield_now().await;
        let fault = {
            let mut books = self.books.lock().expect("books");
            books.calls.push(deed);
            let nth = books.calls.iter().filter(|other| **other == deed).count();
            books.script.get(&(deed, nth)).copied()
        };
        let done = {
            let mut books = self.books.lock().expect("books");
            match fault {
                None => Some(act(&mut books)),
                Some(Fault::Refused) => Some(Err(self.refusal(deed))),
                Some(Fault::NotSent) => Some(Err(self.torn(deed, Effect::None))),
                Some(Fault::LostRequest) => Some(Err(self.torn(deed, Effect::Unknown))),
                Some(Fault::LostAnswer) => {
                    let _ = act(&mut books);
                    Some(Err(self.torn(deed, Effect::Unknown)))
                }
                Some(Fault::Repeated) => {
                    let _ = act(&mut books);
                    Some(act(&mut books))
                }
                Some(Fault::StallsAfter) => {
                    let _ = act(&mut books);
                    None
                }
                Some(Fault::StallsBefore) => None,
            }
        };
        match done {
            Some(done) => {
                tokio::task::yield_now().await;
                done
            }
            None => {
                self.go_on.notified().await;
                Err(self.torn(deed, Effect::Unknown))
            }
        }
    }

    fn total(&self, leg: &LegRequest) -> Money {
        let promised = leg.lines.iter().map(|line| line.unit_price.amount * i64::from(line.quantity)).sum();
        let told = self.shelf.lock().expect("shelf").total.unwrap_or(promised);
        Money::new(told, leg.lines[0].unit_price.currency)
    }

    fn held(&self, id: &str, hold: &Hold, leg: &LegRequest) -> Held {
        Held {
            refs: vec![ExternalRef::new("fake.hold", id)],
            expires_at: Some(hold.expires_at),
            secures: vec![HoldSecures::Capacity, HoldSecures::Price],
            total: Some(self.total(leg)),
        }
    }

    fn confirmed(&self, id: &str, sale: &Sale, leg: &LegRequest) -> Confirmed {
        let later = self.shelf.lock().expect("shelf").codes_come_later;
        Confirmed {
            refs: vec![ExternalRef::new("fake.sale", id)],
            tickets: issued(sale, later),
            total: Some(self.total(leg)),
        }
    }
}

fn issued(sale: &Sale, without_codes: bool) -> Vec<IssuedTicket> {
    let ticket = |(id, (line, code)): (&String, &(usize, String))| IssuedTicket {
        line: *line,
        refs: vec![ExternalRef::new("fake.ticket", id.clone())],
        barcode: (!without_codes)
            .then(|| Barcode { symbology: Symbology::Qr, value: SecretString::from(code.clone()) }),
        seat: None,
        state: match (sale.void.contains(id), without_codes, sale.used) {
            (true, ..) => TicketState::Void,
            (false, true, _) => TicketState::Pending,
            (false, false, Some(at)) => TicketState::Used(Some(at)),
            (false, false, None) => TicketState::Issued,
        },
    };
    sale.tickets.iter().map(ticket).collect()
}

fn operation(deed: Deed) -> Operation {
    match deed {
        Deed::Hold => Operation::Hold,
        Deed::Extend => Operation::Extend,
        Deed::Confirm => Operation::Confirm,
        Deed::Release => Operation::Release,
        Deed::Cancel => Operation::Cancel,
        Deed::FindHold | Deed::FindSale | Deed::FindUndo => Operation::LookUp,
    }
}

fn id_of<'a>(refs: &'a [ExternalRef], kind: &str) -> Option<&'a str> {
    refs.iter().find(|external| external.kind == kind).map(|external| external.value.as_str())
}
