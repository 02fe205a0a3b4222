//! A parcel: one ticket on its way into an app. What is wanted of it, what was told, where it stands there. Pure.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::Stream;
use domain::mobile::{AppSays, AppState, AppStatus, AppTicketKey};
use domain::ordering::TicketState;
use domain::{Effect, ErrorKind, OrderKey, SourceId, VendorError};
use orders::{Order, Problem, ProblemCode, Ticket};

/// How long before the begin a code may be shown.
const SHOWN_BEFORE: SignedDuration = SignedDuration::from_hours(3);
/// Most moments that are kept of one ticket.
const MOST_MOMENTS: usize = 200;

/// Where one of the three things stands that an app is told about a ticket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum PushState {
    /// Nothing to tell.
    None,
    /// To be told.
    Due,
    /// Told, or about to be, and the answer is not known: it is told again, as the same ticket.
    Sent,
    /// The app took it.
    Done,
    /// The app refused it; it is told again on request only.
    Refused,
}

impl PushState {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::None, Self::Due, Self::Sent, Self::Done, Self::Refused];

    /// The name in the ledger.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "NONE",
            Self::Due => "DUE",
            Self::Sent => "SENT",
            Self::Done => "DONE",
            Self::Refused => "REFUSED",
        }
    }
}

/// What went wrong, in our words and with the vendor's code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trouble {
    code: String,
    vendor_code: Option<String>,
}

impl Trouble {
    /// Trouble of which only the kind is known.
    pub fn new(code: ProblemCode) -> Self {
        Self { code: code.name().to_owned(), vendor_code: None }
    }

    /// A failure of the app or of the source.
    pub fn of(error: &VendorError) -> Self {
        let problem = Problem::from_vendor(error);
        Self { code: problem.code.name().to_owned(), vendor_code: problem.vendor_code }
    }

    /// The same as clients see it.
    pub fn problem(&self, source: &SourceId) -> Problem {
        let code = ProblemCode::parse(&self.code).unwrap_or(ProblemCode::SourceFault);
        Problem { vendor_code: self.vendor_code.clone(), ..Problem::new(code).of(source) }
    }
}

/// One of the three things that an app is told about a ticket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Push {
    /// Where it stands.
    pub state: PushState,
    /// When it was last told.
    pub at: Option<Timestamp>,
    /// How often.
    pub tries: u32,
    /// What went wrong the last time.
    pub trouble: Option<Trouble>,
}

impl Push {
    fn new(state: PushState) -> Self {
        Self { state, at: None, tries: 0, trouble: None }
    }

    /// A failed telling: refused for good, to be told again, or nobody knows.
    fn fail(&mut self, error: &VendorError) {
        self.trouble = Some(Trouble::of(error));
        self.state = match (&error.kind, error.effect) {
            (ErrorKind::Rejected(_) | ErrorKind::NotFound, _) => PushState::Refused,
            (_, Effect::None) => PushState::Due,
            (_, Effect::Unknown) => PushState::Sent,
        };
    }

    fn done(&mut self) {
        (self.state, self.trouble) = (PushState::Done, None);
    }
}

/// Something that happened to a ticket, in one of the systems that hold it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moment {
    /// When.
    pub at: Timestamp,
    /// The system that says so: a source, or an app.
    pub system: String,
    /// What it says.
    pub state: String,
}

/// One ticket on its way into an app.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parcel {
    /// The channel.
    pub channel: String,
    /// Its key in the app.
    pub key: AppTicketKey,
    /// The order.
    pub order: OrderKey,
    /// The number of the ticket in the order.
    pub ticket: usize,
    /// It is no longer good at its source.
    pub is_void: bool,
    /// Its visitor was let in.
    pub is_used: bool,
    /// When.
    pub used_at: Option<Timestamp>,
    /// Handing it over.
    pub injection: Push,
    /// Taking it back.
    pub cancellation: Push,
    /// Saying that it was used.
    pub control: Push,
    /// Where it stands in the app; none: not there, as far as is known.
    pub state: Option<AppState>,
    /// The app's own word for it.
    pub vendor_state: String,
    /// Who has it.
    pub owner_email: Option<String>,
    /// The name of who has it.
    pub holder_name: Option<String>,
    /// How often it changed hands.
    pub transfers: u32,
    /// From when its code may be shown.
    pub visible_from: Option<Timestamp>,
    /// When its source is asked next whether it was used.
    pub check_at: Timestamp,
    /// Since when source and app contradict each other.
    pub disagrees_since: Option<Timestamp>,
    /// What happened to it, in the order of hearing.
    pub moments: Vec<Moment>,
}

impl Parcel {
    /// A ticket that shall go into the app. Its key is derived, so that it is the same however often it is made.
    pub fn new(channel: &str, order: &Order, number: usize, now: Timestamp) -> Self {
        let ticket = &order.tickets[number];
        let line = &order.lines[ticket.line];
        let mut parcel = Self {
            channel: channel.to_owned(),
            key: AppTicketKey::new(format!("{}-{number}", order.legs[line.leg].reference)),
            order: order.key,
            ticket: number,
            is_void: false,
            is_used: false,
            used_at: None,
            injection: Push::new(PushState::Due),
            cancellation: Push::new(PushState::None),
            control: Push::new(PushState::None),
            state: None,
            vendor_state: String::new(),
            owner_email: None,
            holder_name: None,
            transfers: 0,
            visible_from: line.starts_at.and_then(|start| start.checked_sub(SHOWN_BEFORE).ok()),
            check_at: now,
            disagrees_since: None,
            moments: Vec::new(),
        };
        parcel.hear_order(ticket, now);
        parcel
    }

    /// What the source says of the ticket now.
    pub fn hear_order(&mut self, ticket: &Ticket, now: Timestamp) {
        match ticket.state {
            TicketState::Void => self.is_void = true,
            TicketState::Used(at) => (self.is_used, self.used_at) = (true, at.or(self.used_at)),
            TicketState::Pending | TicketState::Issued => {}
        }
        self.settle(now);
    }

    /// Lets a refused injection be tried again.
    pub fn try_again(&mut self, now: Timestamp) {
        if self.injection.state == PushState::Refused {
            self.injection.state = PushState::Due;
        }
        self.settle(now);
    }

    /// The push of a stream; none for the stream that only reads.
    pub fn push(&self, stream: Stream) -> Option<&Push> {
        match stream {
            Stream::Injection => Some(&self.injection),
            Stream::Cancelled => Some(&self.cancellation),
            Stream::Controlled => Some(&self.control),
            Stream::Status => None,
        }
    }

    fn push_mut(&mut self, stream: Stream) -> Option<&mut Push> {
        match stream {
            Stream::Injection => Some(&mut self.injection),
            Stream::Cancelled => Some(&mut self.cancellation),
            Stream::Controlled => Some(&mut self.control),
            Stream::Status => None,
        }
    }

    /// It is about to be told: written before the app is called.
    pub fn begin(&mut self, stream: Stream, now: Timestamp) {
        if let Some(push) = self.push_mut(stream) {
            (push.state, push.at, push.tries) = (PushState::Sent, Some(now), push.tries.saturating_add(1));
        }
    }

    /// It could not be made ready to be told.
    pub fn unready(&mut self, trouble: Trouble, is_final: bool) {
        self.injection.trouble = Some(trouble);
        if is_final {
            self.injection.state = PushState::Refused;
        }
    }

    /// What the app answered.
    pub fn end(&mut self, stream: Stream, answer: &Result<AppSays, VendorError>, places: Systems<'_>, now: Timestamp) {
        match (stream, answer) {
            (Stream::Injection, Ok(says)) => {
                self.taken(places, now);
                let state = says.after(self.state).or(Some(AppState::Injected));
                self.stand(state, places.app, now);
            }
            (Stream::Cancelled, Err(error))
                if error.kind == ErrorKind::NotFound && self.injection.state == PushState::Sent =>
            {
                // It never arrived, so nothing is left to take back.
                self.injection.state = PushState::None;
                self.cancellation.done();
            }
            (_, Ok(says)) => {
                if let Some(push) = self.push_mut(stream) {
                    push.done();
                }
                self.stand(says.after(self.state), places.app, now);
            }
            (_, Err(error)) => {
                if let Some(push) = self.push_mut(stream) {
                    push.fail(error);
                }
            }
        }
        self.settle(now);
    }

    /// What the feed says.
    pub fn hear_app(&mut self, status: &AppStatus, places: Systems<'_>, now: Timestamp) {
        let state = status.says.after(self.state);
        if self.injection.state == PushState::Sent && state.is_some() {
            self.taken(places, now);
        }
        self.stand(state, places.app, status.updated_at.unwrap_or(now));
        self.vendor_state.clone_from(&status.vendor_state);
        self.owner_email.clone_from(&status.owner_email);
        self.holder_name.clone_from(&status.holder_name);
        self.transfers = status.transfers.unwrap_or(self.transfers);
        if self.cancellation.state == PushState::Done && !is_gone(state) && state.is_some() {
            // It was taken back and lives again: take it back once more.
            self.cancellation.state = PushState::Due;
        }
        self.settle(now);
    }

    /// The app took it: for its source that is what printing means.
    fn taken(&mut self, places: Systems<'_>, now: Timestamp) {
        self.injection.done();
        if !self.moments.iter().any(|moment| moment.state == PRINTED) {
            self.note(now, places.source, PRINTED);
        }
    }

    fn stand(&mut self, state: Option<AppState>, app: &str, at: Timestamp) {
        if self.state == state {
            return;
        }
        self.state = state;
        if let Some(state) = state {
            state.name().clone_into(&mut self.vendor_state);
            self.note(at, app, state.name());
        }
    }

    fn note(&mut self, at: Timestamp, system: &str, state: &str) {
        if self.moments.len() < MOST_MOMENTS {
            self.moments.push(Moment { at, system: system.to_owned(), state: state.to_owned() });
        }
    }

    /// Draws the conclusions: what is due now, and whether the two systems agree.
    fn settle(&mut self, now: Timestamp) {
        let was_told = matches!(self.injection.state, PushState::Sent | PushState::Done);
        if self.is_void {
            if !was_told {
                self.injection.state = PushState::None;
            } else if self.cancellation.state == PushState::None {
                self.cancellation.state = PushState::Due;
            }
            if self.control.state == PushState::Due {
                self.control.state = PushState::None;
            }
        } else if self.is_used
            && self.injection.state == PushState::Done
            && self.control.state == PushState::None
            && self.state != Some(AppState::Controlled)
        {
            self.control.state = PushState::Due;
        }
        self.disagrees_since = if self.disagrees() { self.disagrees_since.or(Some(now)) } else { None };
    }

    /// Whether source and app contradict each other.
    fn disagrees(&self) -> bool {
        let Some(state) = self.state.filter(|_| self.injection.state == PushState::Done) else { return false };
        if self.is_void || is_gone(Some(state)) {
            return self.is_void != is_gone(Some(state));
        }
        self.is_used != (state == AppState::Controlled)
    }

    /// Whether they have contradicted each other for longer than `patience`.
    pub fn drifts(&self, now: Timestamp, patience: Duration) -> bool {
        let patience = SignedDuration::try_from(patience).unwrap_or(SignedDuration::MAX);
        self.disagrees_since.is_some_and(|since| now.duration_since(since) > patience)
    }

    /// Whether it is to be handed over.
    pub fn waits_for_injection(&self) -> bool {
        matches!(self.injection.state, PushState::Due | PushState::Sent)
    }

    /// When its source is asked again; none: nothing more is expected of it, or it is not in the app.
    pub fn next_check(&self) -> Option<Timestamp> {
        let is_there = self.injection.state == PushState::Done;
        (is_there && !self.is_void && !self.is_used && !self.is_at_its_end()).then_some(self.check_at)
    }

    /// Whether nothing more is expected of it.
    pub fn is_at_its_end(&self) -> bool {
        match self.state {
            Some(AppState::Deleted) => self.is_void,
            Some(AppState::Controlled) => self.is_used && !self.is_void,
            None => self.is_void && self.injection.state == PushState::None,
            _ => false,
        }
    }

    /// Whether its holder may hand it on in the app. Not once its code can be shown, and never after the gate.
    pub fn is_transferable(&self) -> bool {
        use AppState::{Assigned, Downloaded, Injected, Transferred};
        let may = matches!(self.state, Some(Injected | Downloaded | Assigned | Transferred));
        may && !self.is_void && !self.is_used
    }
}

/// The moment at which a ticket was printed, which for an app means taken.
const PRINTED: &str = "PRINTED";

fn is_gone(state: Option<AppState>) -> bool {
    matches!(state, Some(AppState::DeletionPending | AppState::Deleted))
}

/// The names of the two systems that hold a ticket.
#[derive(Debug, Clone, Copy)]
pub struct Systems<'a> {
    /// Its source.
    pub source: &'a str,
    /// The app.
    pub app: &'a str,
}
