//! Fake vendor in memory. It yields in each call, fails as scripted, and exposes its bookings.

mod ports;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use domain::ids::StepKey;
use domain::ordering::{
    Barcode, CancelLine, CompletedCancellation, ConfirmedSale, HoldExtension, HoldSecures, IssuedTicket, LegRequest,
    LookupOutcome, Ordering, PlacedHold, Refunds, SettlementRefusal, Symbology, TicketState, VendorSale,
};
use domain::{
    Availability, AvailabilityStatus, Batch, BookingMode, CalendarDay, Catalog, CatalogScope, Clock, Effect,
    Environment, ErrorKind, Event, EventKey, EventStatus, ExternalRef, Health, HealthReport, HealthState, LegShape,
    LocalizedText, Money, Observed, Offer, OrderCalls, Performance, PerformanceKey, PerformanceWindow, Price,
    RateLimiter, RefusalReason, RequestTurn, Source, SourceId, SourceTraits, TicketType, TicketTypeKey, TurnScope,
    VendorError, VendorKind, VendorOperation,
};
use jiff::Timestamp;
use jiff::civil::Date;
use secrecy::SecretString;
use source_stack::LocalRateLimiter;
use tokio::sync::Notify;

/// Traits of a fake vendor.
#[derive(Debug, Clone, Copy)]
pub(crate) struct VendorTraits {
    pub shape: LegShape,
    pub honors_keys: bool,
    pub finds: bool,
    pub has_undo: bool,
    pub undo_is_proven: bool,
    pub cancels_in_part: bool,
    pub extends: bool,
    pub needs_contact: bool,
    pub rank: u8,
}

/// Honors keys, supports lookups and cancellation.
pub(crate) const KEYED: VendorTraits = VendorTraits {
    shape: LegShape::HoldThenConfirm,
    honors_keys: true,
    finds: true,
    has_undo: true,
    undo_is_proven: true,
    cancels_in_part: true,
    extends: true,
    needs_contact: false,
    rank: 20,
};
/// Does not honor keys: two equal calls act twice.
pub(crate) const PLAIN: VendorTraits = VendorTraits { honors_keys: false, rank: 30, extends: false, ..KEYED };
/// Supports no lookups.
pub(super) const BLIND: VendorTraits =
    VendorTraits { honors_keys: false, finds: false, rank: 40, undo_is_proven: false, ..KEYED };
/// Confirms at once, and cancels whole sales only.
pub(crate) const COMMITTING: VendorTraits =
    VendorTraits { shape: LegShape::CommitsAtHold, honors_keys: false, cancels_in_part: false, rank: 10, ..KEYED };
/// Confirms at once and supports no cancellation.
pub(super) const FINAL: VendorTraits =
    VendorTraits { shape: LegShape::ConfirmOnly, has_undo: false, rank: 50, ..KEYED };

/// Kind of a call in scripts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum VendorCall {
    Hold,
    Extend,
    Confirm,
    Release,
    Cancel,
    FindHold,
    FindSale,
    FindUndo,
}

impl VendorCall {
    pub(crate) fn writes(self) -> bool {
        !matches!(self, Self::FindHold | Self::FindSale | Self::FindUndo)
    }
}

/// Fault of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Fault {
    /// Rejected; nothing was done.
    Refused,
    /// Not sent; a retry may work.
    NotSent,
    /// Executed after the caller has come back a hundred times.
    Slow,
    /// Not sent: its turn in our own queue comes in a minute.
    Waits,
    /// Waits for its turn in our own queue until the test resumes it, then executed.
    Queued,
    /// Sent, not executed, and no response.
    LostRequest,
    /// Executed, and no response.
    LostAnswer,
    /// Delivered to the vendor twice; the second response is returned.
    Repeated,
    /// Executed, then no response until the test resumes it.
    StallsAfter,
    /// No response until the test resumes it, and never executed.
    StallsBefore,
}

#[derive(Debug, Clone)]
pub(crate) struct Hold {
    pub reference: String,
    pub key: StepKey,
    pub expires_at: Timestamp,
    pub is_open: bool,
}

#[derive(Debug, Clone)]
pub(crate) struct Sale {
    pub reference: String,
    pub key: StepKey,
    /// Line and barcode by ticket.
    pub tickets: BTreeMap<String, (usize, String)>,
    pub void: BTreeSet<String>,
    /// Time of admission of its visitors.
    pub used: Option<Timestamp>,
}

impl Sale {
    pub(crate) fn is_live(&self) -> bool {
        self.void.len() < self.tickets.len()
    }
}

#[derive(Default)]
pub(crate) struct VendorState {
    pub holds: BTreeMap<String, Hold>,
    pub sales: BTreeMap<String, Sale>,
    /// Every call received, in order.
    pub calls: Vec<VendorCall>,
    /// Email address of each hold and confirmation.
    pub contacts: Vec<(VendorCall, Option<String>)>,
    /// Every call that asked for its turn, in order.
    turns: Vec<VendorCall>,
    script: HashMap<(VendorCall, usize), Fault>,
    next: u32,
}

/// Catalog state; modified by tests.
#[derive(Debug, Clone)]
pub(crate) struct CatalogState {
    pub price: i64,
    pub currency: &'static str,
    pub vacancies: Option<u32>,
    pub status: AvailabilityStatus,
    pub event_status: EventStatus,
    pub max_per_order: Option<u32>,
    pub starts_at: Timestamp,
    pub is_down: bool,
    /// Total reported by hold and confirmation. `None` reports the planned total.
    pub total: Option<i64>,
    /// True to issue tickets without barcodes at first.
    pub codes_come_later: bool,
    pub refuses: Option<SettlementRefusal>,
}

pub(crate) struct Vendor {
    pub id: SourceId,
    pub traits: VendorTraits,
    pub state: Mutex<VendorState>,
    pub catalog: Mutex<CatalogState>,
    pub resume: Notify,
    /// Notified when a call waits for its turn.
    pub queued: Notify,
    /// Limiter of all calls. `None`: nothing limits them.
    pub limiter: Mutex<Option<Arc<LocalRateLimiter>>>,
    pub hold_ttl: Duration,
    clock: Arc<dyn Clock>,
}

pub(super) fn key(text: &str) -> PerformanceKey {
    PerformanceKey::new(text.to_owned())
}

impl Vendor {
    pub(crate) fn new(name: &str, traits: VendorTraits, clock: Arc<dyn Clock>) -> Arc<Self> {
        let catalog = CatalogState {
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
            traits,
            state: Mutex::default(),
            catalog: Mutex::new(catalog),
            resume: Notify::new(),
            queued: Notify::new(),
            limiter: Mutex::default(),
            hold_ttl: Duration::from_secs(600),
            clock,
        })
    }

    /// Injects a fault into the `nth` call of a kind.
    pub(crate) fn fail(&self, call: VendorCall, nth: usize, fault: Fault) {
        self.state.lock().expect("books").script.insert((call, nth), fault);
    }

    /// Injects no fault any more.
    pub(crate) fn recover(&self) {
        self.state.lock().expect("books").script.clear();
    }

    pub(crate) fn source(self: &Arc<Self>, environment: Environment) -> Source {
        let traits = self.traits;
        Source {
            id: self.id.clone(),
            vendor: VendorKind::Acme,
            institution: "Test".to_owned(),
            environment,
            time_zone: jiff::tz::TimeZone::UTC,
            currency: None,
            traits: SourceTraits {
                max_batch: 100,
                hold_ttl: self.hold_ttl,
                slow_confirm_duration: Duration::from_secs(60),
                honors_idempotency_keys: traits.honors_keys,
                finds_by_our_reference: traits.finds,
                cancels_in_part: traits.cancels_in_part,
                undo_is_proven: traits.undo_is_proven,
                settles_on_account: true,
                commits_at_hold: traits.shape == LegShape::CommitsAtHold,
                barcode_at_confirm: true,
                holds_seats: false,
                needs_contact_at_hold: traits.needs_contact,
                delivers_to_app: false,
                confirm_rank: traits.rank,
                order_calls: OrderCalls { hold: 1, confirm: 1, tickets: 1, undo: 1, endpoint: None },
                horizon_days: 30,
            },
            health: Arc::clone(self) as Arc<dyn Health>,
            failures: Arc::default(),
            capacity: Some(Arc::new(LocalRateLimiter::new(None, 16, Duration::ZERO))),
            catalog: Arc::clone(self) as Arc<dyn Catalog>,
            ordering: Some(Arc::clone(self) as Arc<dyn Ordering>),
            hold_extension: traits.extends.then(|| Arc::clone(self) as Arc<dyn HoldExtension>),
            refunds: traits.has_undo.then(|| Arc::clone(self) as Arc<dyn Refunds>),
            admissions: None,
            accounts: None,
            authoring: None,
            section_authoring: None,
            back_office: None,
            incoming_webhook: None,
        }
    }

    pub(crate) fn price(&self) -> Money {
        let catalog = self.catalog.lock().expect("catalog");
        Money::new(catalog.price, catalog.currency.parse().expect("a currency"))
    }

    /// Returns the current holds.
    pub(crate) fn open_holds(&self) -> Vec<(String, Hold)> {
        let now = self.clock.now();
        let state = self.state.lock().expect("books");
        let stands = |hold: &Hold| hold.is_open && now < hold.expires_at;
        state.holds.iter().filter(|(_, hold)| stands(hold)).map(|(id, hold)| (id.clone(), hold.clone())).collect()
    }

    pub(crate) fn live_sales(&self, reference: &str) -> Vec<(String, Sale)> {
        let state = self.state.lock().expect("books");
        let wanted = |sale: &Sale| sale.reference == reference && sale.is_live();
        state.sales.iter().filter(|(_, sale)| wanted(sale)).map(|(id, sale)| (id.clone(), sale.clone())).collect()
    }

    fn refusal(&self, call: VendorCall) -> VendorError {
        VendorError::rejected(&self.id, operation(call), RefusalReason::Other, Some("refused.by.script".to_owned()))
    }

    fn lost(&self, call: VendorCall, effect: Effect) -> VendorError {
        VendorError::new(&self.id, operation(call), ErrorKind::Unavailable).with_effect(effect)
    }

    /// Waits for the turn of a call, as requests to a vendor do.
    async fn wait_for_turn(&self, call: VendorCall) -> Result<(), VendorError> {
        let is_queued = {
            let mut state = self.state.lock().expect("books");
            state.turns.push(call);
            let nth = state.turns.iter().filter(|other| **other == call).count();
            state.script.get(&(call, nth)) == Some(&Fault::Queued)
        };
        let turn = async {
            if is_queued {
                self.queued.notify_one();
                self.resume.notified().await;
            }
            let limiter = self.limiter.lock().expect("a limiter").clone();
            match limiter {
                Some(limiter) => limiter.acquire(RequestTurn::current(operation(call))).await.map(drop),
                None => Ok(()),
            }
        };
        let Some(scope) = TurnScope::current() else { return Ok(()) };
        scope.wait(turn).await.map_err(|wait| VendorError::awaiting_turn(&self.id, operation(call), wait))
    }

    /// Executes a call as scripted.
    async fn perform<T>(
        &self,
        call: VendorCall,
        act: impl Fn(&mut VendorState) -> Result<T, VendorError> + Send + Sync,
    ) -> Result<T, VendorError> {
        tokio::task::yield_now().await;
        self.wait_for_turn(call).await?;
        let fault = {
            let mut state = self.state.lock().expect("books");
            state.calls.push(call);
            let nth = state.calls.iter().filter(|other| **other == call).count();
            state.script.get(&(call, nth)).copied()
        };
        if fault == Some(Fault::Slow) {
            for _ in 0..100 {
                tokio::task::yield_now().await;
            }
        }
        let done = {
            let mut state = self.state.lock().expect("books");
            match fault {
                None | Some(Fault::Slow | Fault::Queued) => Some(act(&mut state)),
                Some(Fault::Refused) => Some(Err(self.refusal(call))),
                Some(Fault::NotSent) => Some(Err(self.lost(call, Effect::None))),
                Some(Fault::Waits) => {
                    Some(Err(VendorError::awaiting_turn(&self.id, operation(call), Duration::from_secs(60))))
                }
                Some(Fault::LostRequest) => Some(Err(self.lost(call, Effect::Unknown))),
                Some(Fault::LostAnswer) => {
                    let _ = act(&mut state);
                    Some(Err(self.lost(call, Effect::Unknown)))
                }
                Some(Fault::Repeated) => {
                    let _ = act(&mut state);
                    Some(act(&mut state))
                }
                Some(Fault::StallsAfter) => {
                    let _ = act(&mut state);
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
                self.resume.notified().await;
                Err(self.lost(call, Effect::Unknown))
            }
        }
    }

    fn total(&self, leg: &LegRequest) -> Money {
        let promised = leg.lines.iter().map(|line| line.unit_price.amount * i64::from(line.quantity)).sum();
        let total = self.catalog.lock().expect("catalog").total.unwrap_or(promised);
        Money::new(total, leg.lines[0].unit_price.currency)
    }

    fn held(&self, id: &str, hold: &Hold, leg: &LegRequest) -> PlacedHold {
        PlacedHold {
            refs: vec![ExternalRef::new("acme.hold", id)],
            expires_at: Some(hold.expires_at),
            secures: vec![HoldSecures::Capacity, HoldSecures::Price],
            total: Some(self.total(leg)),
        }
    }

    fn confirmed(&self, id: &str, sale: &Sale, leg: &LegRequest) -> ConfirmedSale {
        let later = self.catalog.lock().expect("catalog").codes_come_later;
        ConfirmedSale {
            refs: vec![ExternalRef::new("acme.sale", id)],
            tickets: issued(sale, later),
            total: Some(self.total(leg)),
        }
    }
}

fn issued(sale: &Sale, without_codes: bool) -> Vec<IssuedTicket> {
    let ticket = |(id, (line, code)): (&String, &(usize, String))| IssuedTicket {
        line: *line,
        refs: vec![ExternalRef::new("acme.ticket", id.clone())],
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

fn operation(call: VendorCall) -> VendorOperation {
    match call {
        VendorCall::Hold => VendorOperation::Hold,
        VendorCall::Extend => VendorOperation::Extend,
        VendorCall::Confirm => VendorOperation::Confirm,
        VendorCall::Release => VendorOperation::Release,
        VendorCall::Cancel => VendorOperation::Cancel,
        VendorCall::FindHold | VendorCall::FindSale | VendorCall::FindUndo => VendorOperation::LookUp,
    }
}

fn id_of<'a>(refs: &'a [ExternalRef], kind: &str) -> Option<&'a str> {
    refs.iter().find(|external| external.kind == kind).map(|external| external.value.as_str())
}
