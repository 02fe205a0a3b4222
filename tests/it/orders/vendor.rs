//! A vendor in memory. It yields in each call, fails where a script says so, and can be asked afterwards what it holds.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use jiff::civil::Date;
use secrecy::SecretString;
use ticketgraph::domain::ids::StepKey;
use ticketgraph::domain::ordering::{
    Barcode, CancelLine, Cancelled, Confirmed, Found, Held, HoldExtension, HoldSecures, IssuedTicket, LegRequest,
    Ordering, Refunds, SettlementRefusal, Symbology, TicketState, VendorSale,
};
use ticketgraph::domain::{
    Availability, AvailabilityStatus, Batch, BookingMode, CalendarDay, Catalog, Clock, Effect, Environment, ErrorKind,
    Event, EventKey, EventStatus, ExternalRef, Facts, Health, HealthReport, HealthState, LegShape, Money, Observed,
    Offer, Operation, Performance, PerformanceKey, Price, Reason, Scope, Source, SourceId, Text, TicketType,
    TicketTypeKey, VendorError, VendorKind, Window,
};
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
                quota: None,
                horizon_days: 30,
            },
            health: Arc::clone(self) as Arc<dyn Health>,
            catalog: Arc::clone(self) as Arc<dyn Catalog>,
            ordering: Some(Arc::clone(self) as Arc<dyn Ordering>),
            hold_extension: habits.extends.then(|| Arc::clone(self) as Arc<dyn HoldExtension>),
            refunds: habits.has_undo.then(|| Arc::clone(self) as Arc<dyn Refunds>),
            admissions: None,
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
        state: match (sale.void.contains(id), without_codes) {
            (true, _) => TicketState::Void,
            (false, true) => TicketState::Pending,
            (false, false) => TicketState::Issued,
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

#[async_trait]
impl Ordering for Vendor {
    fn shape(&self, _: &LegRequest) -> LegShape {
        self.habits.shape
    }

    fn refuses(&self, _: &LegRequest) -> Option<SettlementRefusal> {
        self.shelf.lock().expect("shelf").refuses
    }

    async fn hold(&self, key: &StepKey, leg: &LegRequest) -> Result<Held, VendorError> {
        assert_eq!(self.habits.shape, LegShape::HoldThenConfirm, "a leg that is not held first was held");
        self.perform(Deed::Hold, |books| {
            let same = books.holds.iter().find(|(_, hold)| self.habits.honours_keys && hold.key == *key);
            if let Some((id, hold)) = same {
                return Ok(self.held(id, hold, leg));
            }
            books.next += 1;
            let id = format!("{}-h{}", self.id, books.next);
            let expires_at = self.clock.now() + self.hold_ttl;
            let hold = Hold { reference: leg.reference.clone(), key: *key, expires_at, is_open: true };
            let held = self.held(&id, &hold, leg);
            books.holds.insert(id, hold);
            Ok(held)
        })
        .await
    }

    async fn confirm(&self, key: &StepKey, leg: &LegRequest, refs: &[ExternalRef]) -> Result<Confirmed, VendorError> {
        self.perform(Deed::Confirm, |books| {
            let same = books.sales.iter().find(|(_, sale)| self.habits.honours_keys && sale.key == *key);
            if let Some((id, sale)) = same {
                return Ok(self.confirmed(id, sale, leg));
            }
            if self.habits.shape == LegShape::HoldThenConfirm {
                let now = self.clock.now();
                let hold = id_of(refs, "fake.hold").and_then(|id| books.holds.get_mut(id));
                let Some(hold) = hold.filter(|hold| hold.is_open && now < hold.expires_at) else {
                    return Err(VendorError::rejected(&self.id, Operation::Confirm, Reason::HoldExpired, None));
                };
                hold.is_open = false;
            }
            books.next += 1;
            let id = format!("{}-s{}", self.id, books.next);
            let tickets = leg
                .lines
                .iter()
                .flat_map(|line| (0..line.quantity).map(move |nth| (line.line, nth)))
                .map(|(line, nth)| (format!("{id}-t{line}.{nth}"), (line, format!("code-{id}-{line}.{nth}"))))
                .collect();
            let sale = Sale { reference: leg.reference.clone(), key: *key, tickets, void: BTreeSet::new() };
            let confirmed = self.confirmed(&id, &sale, leg);
            books.sales.insert(id, sale);
            Ok(confirmed)
        })
        .await
    }

    async fn release(&self, _: &StepKey, _: &LegRequest, refs: &[ExternalRef]) -> Result<(), VendorError> {
        self.perform(Deed::Release, |books| {
            if let Some(hold) = id_of(refs, "fake.hold").and_then(|id| books.holds.get_mut(id)) {
                hold.is_open = false;
            }
            Ok(())
        })
        .await
    }

    async fn find_hold(&self, _: &StepKey, leg: &LegRequest) -> Result<Found<Held>, VendorError> {
        self.perform(Deed::FindHold, |books| {
            if !self.habits.finds {
                return Ok(Found::Unclear);
            }
            let now = self.clock.now();
            let mut holds = books.holds.iter();
            let hold = holds.find(|(_, hold)| hold.reference == leg.reference && hold.is_open && now < hold.expires_at);
            Ok(hold.map_or(Found::NotDone, |(id, hold)| Found::Done(self.held(id, hold, leg))))
        })
        .await
    }

    async fn find_confirmation(
        &self,
        _: &StepKey,
        leg: &LegRequest,
        _: &[ExternalRef],
    ) -> Result<Found<Confirmed>, VendorError> {
        self.perform(Deed::FindSale, |books| {
            if !self.habits.finds {
                return Ok(Found::Unclear);
            }
            let sale = books.sales.iter().find(|(_, sale)| sale.reference == leg.reference);
            Ok(sale.map_or(Found::NotDone, |(id, sale)| Found::Done(self.confirmed(id, sale, leg))))
        })
        .await
    }

    async fn load_tickets(&self, _: &LegRequest, refs: &[ExternalRef]) -> Result<Vec<IssuedTicket>, VendorError> {
        tokio::task::yield_now().await;
        let later = self.shelf.lock().expect("shelf").codes_come_later;
        let books = self.books.lock().expect("books");
        let sale = id_of(refs, "fake.sale").and_then(|id| books.sales.get(id));
        sale.map(|sale| issued(sale, later))
            .ok_or_else(|| VendorError::new(&self.id, Operation::LookUp, ErrorKind::NotFound))
    }

    async fn list_sales(
        &self,
        _: Timestamp,
        _: Timestamp,
        _: &[PerformanceKey],
        _: &[String],
    ) -> Result<Vec<VendorSale>, VendorError> {
        tokio::task::yield_now().await;
        let holds = self.open_holds();
        let books = self.books.lock().expect("books");
        let sales = books.sales.iter().filter(|(_, sale)| sale.is_live()).map(|(id, sale)| VendorSale {
            reference: Some(sale.reference.clone()),
            refs: vec![ExternalRef::new("fake.sale", id.clone())],
            is_sold: true,
        });
        let holds = holds.into_iter().map(|(id, hold)| VendorSale {
            reference: Some(hold.reference),
            refs: vec![ExternalRef::new("fake.hold", id)],
            is_sold: false,
        });
        Ok(sales.chain(holds).collect())
    }
}

#[async_trait]
impl HoldExtension for Vendor {
    async fn extend(&self, _: &StepKey, leg: &LegRequest, refs: &[ExternalRef]) -> Result<Held, VendorError> {
        self.perform(Deed::Extend, |books| {
            let id = id_of(refs, "fake.hold").unwrap_or_default();
            let hold = books.holds.get_mut(id).ok_or_else(|| self.refusal(Deed::Extend))?;
            hold.expires_at = self.clock.now() + self.hold_ttl;
            Ok(self.held(id, hold, leg))
        })
        .await
    }
}

impl Vendor {
    /// Voids tickets, all of the sale where single ones cannot go.
    fn void(&self, books: &mut Books, refs: &[ExternalRef], lines: &[CancelLine]) -> Result<Cancelled, VendorError> {
        let sale = id_of(refs, "fake.sale").and_then(|id| books.sales.get_mut(id));
        let sale = sale.ok_or_else(|| self.refusal(Deed::Cancel))?;
        let asked = lines.iter().flat_map(|line| line.tickets.iter().map(|ticket| ticket.value.clone()));
        let all = sale.tickets.keys().cloned();
        let void: Vec<String> = if self.habits.cancels_in_part { asked.collect() } else { all.collect() };
        sale.void.extend(void);
        Ok(voided(sale))
    }
}

fn voided(sale: &Sale) -> Cancelled {
    let void = sale.void.iter().map(|id| ExternalRef::new("fake.ticket", id.clone())).collect();
    Cancelled { refunded: None, void }
}

#[async_trait]
impl Refunds for Vendor {
    async fn cancel(
        &self,
        _: &StepKey,
        _: &LegRequest,
        refs: &[ExternalRef],
        lines: &[CancelLine],
    ) -> Result<Cancelled, VendorError> {
        self.perform(Deed::Cancel, |books| self.void(books, refs, lines)).await
    }

    async fn find_cancellation(
        &self,
        _: &StepKey,
        _: &LegRequest,
        refs: &[ExternalRef],
        lines: &[CancelLine],
    ) -> Result<Found<Cancelled>, VendorError> {
        self.perform(Deed::FindUndo, |books| {
            let sale = id_of(refs, "fake.sale").and_then(|id| books.sales.get(id));
            let sale = sale.ok_or_else(|| self.refusal(Deed::FindUndo))?;
            let gone = |ticket: &ExternalRef| sale.void.contains(&ticket.value);
            if !self.habits.finds {
                return Ok(Found::Unclear);
            }
            let all_gone = lines.iter().flat_map(|line| &line.tickets).all(gone);
            Ok(if all_gone { Found::Done(voided(sale)) } else { Found::NotDone })
        })
        .await
    }
}

impl Health for Vendor {
    fn report(&self) -> HealthReport {
        HealthReport {
            state: HealthState::Up,
            since: self.clock.now(),
            throttled: false,
            last_success_at: None,
            last_failure_at: None,
            remaining_budget: None,
        }
    }
}

impl Vendor {
    fn event(&self) -> Arc<Event> {
        Arc::new(Event {
            key: EventKey::new("visit"),
            refs: Vec::new(),
            title: Text::plain("Visit"),
            summary: None,
            description: None,
            image: None,
            venue: None,
            categories: Vec::new(),
            time_zone: "UTC".to_owned(),
            booking_mode: BookingMode::Timed,
            status: self.shelf.lock().expect("shelf").event_status,
            is_private: false,
            starts_at: None,
            ends_at: None,
            duration_minutes: None,
            capacity: None,
            sold_quantity: None,
            price_from: None,
            sections: Vec::new(),
            listed_ticket_types: None,
            listed_performances: None,
        })
    }

    fn performance(&self, key: &PerformanceKey) -> Result<Arc<Performance>, VendorError> {
        let shelf = self.shelf.lock().expect("shelf");
        if shelf.is_down {
            return Err(VendorError::new(&self.id, Operation::LoadPerformances, ErrorKind::Unavailable));
        }
        if !key.as_str().starts_with("show") {
            return Err(VendorError::new(&self.id, Operation::LoadPerformances, ErrorKind::NotFound));
        }
        Ok(Arc::new(Performance {
            key: key.clone(),
            event: EventKey::new("visit"),
            refs: Vec::new(),
            starts_at: Some(shelf.starts_at),
            ends_at: Some(shelf.starts_at + Duration::from_secs(3600)),
            date: None,
            cutoff_at: Some(shelf.starts_at),
            listed_availability: None,
        }))
    }

    fn availability(&self) -> Arc<Availability> {
        let price = self.price();
        let shelf = self.shelf.lock().expect("shelf");
        let offer = |name: &str, amount: i64| Offer {
            ticket_type: Arc::new(TicketType {
                key: TicketTypeKey::new(name.to_owned()),
                event: EventKey::new("visit"),
                refs: Vec::new(),
                name: Text::plain(name),
                description: None,
                audience: ticketgraph::domain::Audience::Adult,
                min_age: None,
                max_age: None,
                admits: 1,
                section: None,
                price: None,
                min_per_order: None,
                max_per_order: shelf.max_per_order,
            }),
            price: Price::plain(Money::new(amount, price.currency)),
            vacancies: None,
            status: shelf.status,
        };
        Arc::new(Availability {
            status: shelf.status,
            vacancies: shelf.vacancies,
            capacity: None,
            max_per_order: None,
            offers: vec![offer("adult", price.amount), offer("child", price.amount / 2)],
        })
    }
}

#[async_trait]
impl Catalog for Vendor {
    async fn list_events(&self, _: Scope) -> Result<Observed<Arc<Vec<Arc<Event>>>>, VendorError> {
        Ok(Observed::live(Arc::new(vec![self.event()]), self.clock.now()))
    }

    async fn load_events(&self, keys: &[EventKey]) -> Batch<EventKey, Observed<Arc<Event>>> {
        tokio::task::yield_now().await;
        keys.iter().map(|key| (key.clone(), Ok(Observed::live(self.event(), self.clock.now())))).collect()
    }

    async fn load_ticket_types(&self, _: &[EventKey]) -> Batch<EventKey, Observed<Arc<Vec<TicketType>>>> {
        unreachable!("orders read ticket types with their offers")
    }

    async fn list_performances(
        &self,
        _: &[EventKey],
        _: &Window,
    ) -> Batch<EventKey, Observed<Arc<Vec<Arc<Performance>>>>> {
        unreachable!("orders read performances by key")
    }

    async fn load_performances(&self, keys: &[PerformanceKey]) -> Batch<PerformanceKey, Observed<Arc<Performance>>> {
        tokio::task::yield_now().await;
        let now = self.clock.now();
        let answer = |key: &PerformanceKey| self.performance(key).map(|performance| Observed::live(performance, now));
        keys.iter().map(|key| (key.clone(), answer(key))).collect()
    }

    async fn load_availability(
        &self,
        performances: &[Observed<Arc<Performance>>],
        max_age: Duration,
    ) -> Batch<PerformanceKey, Observed<Arc<Availability>>> {
        tokio::task::yield_now().await;
        assert_eq!(max_age, Duration::ZERO, "an order was priced from a memory");
        let free = || Ok(Observed::live(self.availability(), self.clock.now()));
        performances.iter().map(|performance| (performance.value.key.clone(), free())).collect()
    }

    async fn load_calendar(&self, _: &[EventKey], _: Date, _: Date) -> Batch<EventKey, Arc<Vec<CalendarDay>>> {
        unreachable!("orders read no calendar")
    }
}
