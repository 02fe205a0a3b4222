//! Delivery record: pushes of one ticket into an app, and its state there. Pure.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::ChannelStream;
use domain::mobile::{AppStateUpdate, AppTicketKey, AppTicketState, AppTicketStatus};
use domain::ordering::TicketState;
use domain::{Effect, ErrorKind, OrderKey, SourceId, VendorError};
use orders::{Order, Problem, ProblemCode, Ticket};

/// Time before the start from which the barcode may be displayed.
const BARCODE_LEAD_TIME: SignedDuration = SignedDuration::from_hours(3);
/// Largest number of status events kept per ticket.
const MAX_STATUS_EVENTS: usize = 200;

/// State of one push.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, strum::IntoStaticStr)]
#[strum(serialize_all = "SCREAMING_SNAKE_CASE")]
pub enum PushState {
    /// Nothing to push.
    None,
    /// To be pushed.
    Due,
    /// Pushed with an unknown outcome; pushed again under the same key.
    Sent,
    /// Accepted by the app.
    Done,
    /// Refused by the app; pushed again only on request.
    Refused,
}

/// States of a push that is pending: it is sent at the next run of its stream.
pub const PENDING: &[PushState] = &[PushState::Due, PushState::Sent];
/// States of a push that failed: it is sent again only on request.
pub const FAILED: &[PushState] = &[PushState::Refused];

impl PushState {
    /// Name in the store.
    pub fn name(self) -> &'static str {
        self.into()
    }
}

/// Last error of a push or run: our problem code and the vendor's code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastError {
    code: String,
    vendor_code: Option<String>,
}

impl LastError {
    /// Creates an error from a problem code.
    pub fn new(code: ProblemCode) -> Self {
        Self { code: code.name().to_owned(), vendor_code: None }
    }

    /// Converts a failure of the app or the source.
    pub fn from_vendor(error: &VendorError) -> Self {
        let problem = Problem::from_vendor(error);
        Self { code: problem.code.name().to_owned(), vendor_code: problem.vendor_code }
    }

    /// Converts the error to a client-visible problem.
    pub fn to_problem(&self, source: &SourceId) -> Problem {
        Problem { vendor_code: self.vendor_code.clone(), ..Problem::new(self.problem_code()).for_source(source) }
    }

    /// Returns the kind of the error.
    pub(crate) fn problem_code(&self) -> ProblemCode {
        ProblemCode::parse(&self.code).unwrap_or(ProblemCode::SourceFault)
    }
}

/// One kind of push for a ticket: injection, cancellation or control.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppPush {
    /// State of the push.
    pub state: PushState,
    /// Time of the last attempt.
    pub at: Option<Timestamp>,
    /// Number of attempts.
    #[serde(rename = "tries")]
    pub attempts: u32,
    /// Number of attempts whose outcome is unknown.
    #[serde(default)]
    pub unknown: u32,
    /// Error of the last attempt.
    #[serde(rename = "trouble")]
    pub last_error: Option<LastError>,
}

impl AppPush {
    fn new(state: PushState) -> Self {
        Self { state, at: None, attempts: 0, unknown: 0, last_error: None }
    }

    /// Records a failed attempt: refused, due again, or unknown.
    fn fail(&mut self, error: &VendorError) {
        self.last_error = Some(LastError::from_vendor(error));
        self.state = match (&error.kind, error.effect) {
            (ErrorKind::Rejected(_) | ErrorKind::NotFound, _) => PushState::Refused,
            // An earlier attempt may have arrived.
            (_, Effect::None) if self.unknown > 1 => PushState::Sent,
            (_, Effect::None) => PushState::Due,
            (_, Effect::Unknown) => PushState::Sent,
        };
        if self.state != PushState::Sent || error.effect == Effect::None {
            self.unknown = self.unknown.saturating_sub(1);
        }
    }

    /// Returns true if the app may have what was pushed.
    fn may_have_arrived(&self) -> bool {
        matches!(self.state, PushState::Sent | PushState::Done)
            || matches!(self.state, PushState::Refused | PushState::Due) && self.unknown > 0
    }

    fn mark_done(&mut self) {
        (self.state, self.last_error) = (PushState::Done, None);
    }
}

/// Status event of a ticket in its source or app.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusEvent {
    /// Time of the event.
    pub at: Timestamp,
    /// Reporting system: a source or an app.
    pub system: String,
    /// Reported state.
    pub state: String,
}

/// Delivery of one ticket into an app.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// Key of the channel.
    pub channel: String,
    /// Key of the ticket in the app.
    pub key: AppTicketKey,
    /// The order.
    pub order: OrderKey,
    /// Index of the ticket in its order.
    pub ticket: usize,
    /// True if the source voided the ticket.
    #[serde(rename = "is_void")]
    pub is_voided: bool,
    /// True if the visitor was admitted.
    pub is_used: bool,
    /// Time of admission.
    pub used_at: Option<Timestamp>,
    /// Push of the ticket into the app.
    pub injection: AppPush,
    /// Cancellation of the ticket in the app.
    pub cancellation: AppPush,
    /// Report of the admission to the app.
    pub control: AppPush,
    /// State in the app. `None` if the app is not known to hold the ticket.
    pub state: Option<AppTicketState>,
    /// State in the app's own vocabulary.
    pub vendor_state: String,
    /// Email address of the current owner.
    pub owner_email: Option<String>,
    /// Name of the current holder.
    pub holder_name: Option<String>,
    /// Number of transfers.
    pub transfers: u32,
    /// Time from which the barcode may be displayed.
    pub visible_from: Option<Timestamp>,
    /// Time of the next refresh from the source.
    pub check_at: Timestamp,
    /// Time since which source and app disagree.
    pub disagrees_since: Option<Timestamp>,
    /// Status events in the order in which they were received.
    #[serde(rename = "moments")]
    pub status_events: Vec<StatusEvent>,
}

impl Delivery {
    /// Creates the delivery of a ticket. Its key is derived, so repeated creation is idempotent.
    pub fn new(channel: &str, order: &Order, number: usize, now: Timestamp) -> Self {
        let ticket = &order.tickets[number];
        let line = &order.lines[ticket.line];
        let mut delivery = Self {
            channel: channel.to_owned(),
            key: AppTicketKey::new(format!("{}-{number}", order.legs[line.leg].reference)),
            order: order.key,
            ticket: number,
            is_voided: false,
            is_used: false,
            used_at: None,
            injection: AppPush::new(PushState::Due),
            cancellation: AppPush::new(PushState::None),
            control: AppPush::new(PushState::None),
            state: None,
            vendor_state: String::new(),
            owner_email: None,
            holder_name: None,
            transfers: 0,
            visible_from: line.starts_at.and_then(|start| start.checked_sub(BARCODE_LEAD_TIME).ok()),
            check_at: now,
            disagrees_since: None,
            status_events: Vec::new(),
        };
        delivery.apply_order_ticket(ticket, now);
        delivery
    }

    /// Applies the state of the ticket at its source.
    pub fn apply_order_ticket(&mut self, ticket: &Ticket, now: Timestamp) {
        match ticket.state {
            TicketState::Void => self.is_voided = true,
            TicketState::Used(at) => (self.is_used, self.used_at) = (true, at.or(self.used_at)),
            TicketState::Pending | TicketState::Issued => {}
        }
        self.update_pushes(now);
    }

    /// Makes a refused injection due again.
    pub fn retry_refused(&mut self, now: Timestamp) {
        if self.injection.state == PushState::Refused {
            // One that may have arrived is asked for first, and then has all but one of its attempts again.
            let may_have_arrived = self.injection.may_have_arrived();
            self.injection.state = if may_have_arrived { PushState::Sent } else { PushState::Due };
            self.injection.unknown = u32::from(may_have_arrived);
        }
        self.update_pushes(now);
    }

    /// Returns true if the injection was sent and its outcome is unknown.
    pub fn is_injection_unknown(&self) -> bool {
        self.injection.state == PushState::Sent
    }

    /// Records that the app certainly does not have the ticket: what was sent did not arrive, so no outcome is unknown any more.
    pub fn mark_not_arrived(&mut self) {
        let state = if self.is_voided { PushState::None } else { PushState::Due };
        (self.injection.state, self.injection.unknown, self.injection.last_error) = (state, 0, None);
        if self.is_voided {
            // There is nothing to cancel.
            self.cancellation.mark_done();
        }
    }

    /// Records that nothing was learned from the app about a ticket, and that it may be sent again.
    pub fn mark_repeatable(&mut self) {
        self.injection.state = PushState::Due;
    }

    /// Counts an attempt to find out whether the app has the ticket.
    pub fn count_unknown(&mut self) {
        self.injection.unknown = self.injection.unknown.saturating_add(1);
    }

    /// Leaves an injection with an unknown outcome to a person: it is not sent again by itself.
    pub fn give_up_injection(&mut self, now: Timestamp) {
        self.injection.state = PushState::Refused;
        self.injection.last_error = Some(LastError::new(ProblemCode::OutcomeNeverKnown));
        self.update_pushes(now);
    }

    /// Returns the push of a stream. `None` for the stream that only reads.
    pub fn push(&self, stream: ChannelStream) -> Option<&AppPush> {
        match stream {
            ChannelStream::Injection => Some(&self.injection),
            ChannelStream::Cancelled => Some(&self.cancellation),
            ChannelStream::Controlled => Some(&self.control),
            ChannelStream::Status => None,
        }
    }

    fn push_mut(&mut self, stream: ChannelStream) -> Option<&mut AppPush> {
        match stream {
            ChannelStream::Injection => Some(&mut self.injection),
            ChannelStream::Cancelled => Some(&mut self.cancellation),
            ChannelStream::Controlled => Some(&mut self.control),
            ChannelStream::Status => None,
        }
    }

    /// Marks the push as sent. Written before the app is called.
    pub fn mark_sent(&mut self, stream: ChannelStream, now: Timestamp) {
        if let Some(push) = self.push_mut(stream) {
            (push.state, push.at, push.attempts) = (PushState::Sent, Some(now), push.attempts.saturating_add(1));
            push.unknown = push.unknown.saturating_add(1);
        }
    }

    /// Records that the app ticket could not be built.
    pub fn mark_not_ready(&mut self, error: LastError, is_final: bool) {
        self.injection.last_error = Some(error);
        if is_final {
            self.injection.state = PushState::Refused;
        }
    }

    /// Records the response of the app.
    pub fn record_result(
        &mut self,
        stream: ChannelStream,
        result: &Result<AppStateUpdate, VendorError>,
        systems: SystemNames<'_>,
        now: Timestamp,
    ) {
        match (stream, result) {
            (ChannelStream::Injection, Ok(says)) => {
                self.mark_injected(systems, now);
                let state = says.apply_to(self.state).or(Some(AppTicketState::Injected));
                self.set_app_state(state, systems.app, now);
            }
            (ChannelStream::Cancelled, Err(error))
                if error.kind == ErrorKind::NotFound
                    && matches!(self.injection.state, PushState::Sent | PushState::Refused) =>
            {
                // The ticket never arrived, so there is nothing to cancel.
                self.injection.state = PushState::None;
                self.cancellation.mark_done();
            }
            (_, Ok(says)) => {
                if let Some(push) = self.push_mut(stream) {
                    push.mark_done();
                }
                self.set_app_state(says.apply_to(self.state), systems.app, now);
            }
            (_, Err(error)) => {
                if let Some(push) = self.push_mut(stream) {
                    push.fail(error);
                }
            }
        }
        self.update_pushes(now);
    }

    /// Applies a status from the feed of the app.
    pub fn apply_app_status(&mut self, status: &AppTicketStatus, systems: SystemNames<'_>, now: Timestamp) {
        let state = status.update.apply_to(self.state);
        // The app has the ticket, whatever its status is called.
        if self.injection.may_have_arrived() && self.injection.state != PushState::Done {
            self.mark_injected(systems, now);
        }
        self.set_app_state(state, systems.app, status.updated_at.unwrap_or(now));
        self.vendor_state.clone_from(&status.vendor_state);
        self.owner_email.clone_from(&status.owner_email);
        self.holder_name.clone_from(&status.holder_name);
        self.transfers = status.transfers.unwrap_or(self.transfers);
        if self.cancellation.state == PushState::Done && !is_gone(state) && state.is_some() {
            // The app reactivated a canceled ticket: cancel it again.
            self.cancellation.state = PushState::Due;
        }
        self.update_pushes(now);
    }

    /// Marks the injection as done. The source counts a delivered ticket as printed.
    fn mark_injected(&mut self, systems: SystemNames<'_>, now: Timestamp) {
        self.injection.mark_done();
        if !self.status_events.iter().any(|moment| moment.state == PRINTED) {
            self.record_event(now, systems.source, PRINTED);
        }
    }

    fn set_app_state(&mut self, state: Option<AppTicketState>, app: &str, at: Timestamp) {
        if self.state == state {
            return;
        }
        self.state = state;
        if let Some(state) = state {
            state.name().clone_into(&mut self.vendor_state);
            self.record_event(at, app, state.name());
        }
    }

    fn record_event(&mut self, at: Timestamp, system: &str, state: &str) {
        if self.status_events.len() < MAX_STATUS_EVENTS {
            self.status_events.push(StatusEvent { at, system: system.to_owned(), state: state.to_owned() });
        }
    }

    /// Updates the due pushes and the disagreement of the two systems.
    fn update_pushes(&mut self, now: Timestamp) {
        let was_told = self.injection.may_have_arrived();
        if self.is_voided {
            if self.injection.state == PushState::Due && was_told {
                // It is not sent again, but may be there.
                self.injection.state = PushState::Sent;
            }
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
            && self.state != Some(AppTicketState::Controlled)
        {
            self.control.state = PushState::Due;
        }
        self.disagrees_since = if self.disagrees() { self.disagrees_since.or(Some(now)) } else { None };
    }

    /// Returns true if source and app disagree.
    fn disagrees(&self) -> bool {
        let Some(state) = self.state.filter(|_| self.injection.state == PushState::Done) else { return false };
        if self.is_voided || is_gone(Some(state)) {
            return self.is_voided != is_gone(Some(state));
        }
        self.is_used != (state == AppTicketState::Controlled)
    }

    /// Returns true if they have disagreed for longer than `tolerance`.
    pub fn has_drifted(&self, now: Timestamp, tolerance: Duration) -> bool {
        let tolerance = SignedDuration::try_from(tolerance).unwrap_or(SignedDuration::MAX);
        self.disagrees_since.is_some_and(|since| now.duration_since(since) > tolerance)
    }

    /// Returns true if the injection is due or has an unknown outcome.
    pub fn is_injection_pending(&self) -> bool {
        matches!(self.injection.state, PushState::Due | PushState::Sent)
    }

    /// Returns the time of the next refresh from the source. `None` if the ticket is final or not in the app.
    pub fn next_check_at(&self) -> Option<Timestamp> {
        let is_there = self.injection.state == PushState::Done;
        (is_there && !self.is_voided && !self.is_used && !self.is_final()).then_some(self.check_at)
    }

    /// Returns true if no further change is expected.
    pub fn is_final(&self) -> bool {
        match self.state {
            Some(AppTicketState::Deleted) => self.is_voided,
            Some(AppTicketState::Controlled) => self.is_used && !self.is_voided,
            None => self.is_voided && self.injection.state == PushState::None,
            _ => false,
        }
    }

    /// Returns true if the holder may transfer the ticket in the app. False once the barcode can be displayed or the
    /// ticket was used.
    pub fn is_transferable(&self) -> bool {
        use AppTicketState::{Assigned, Downloaded, Injected, Transferred};
        let may = matches!(self.state, Some(Injected | Downloaded | Assigned | Transferred));
        may && !self.is_voided && !self.is_used
    }
}

/// Status event that marks a ticket as printed, which for an app means delivered.
const PRINTED: &str = "PRINTED";

fn is_gone(state: Option<AppTicketState>) -> bool {
    matches!(state, Some(AppTicketState::DeletionPending | AppTicketState::Deleted))
}

/// Names of the two systems that hold a ticket.
#[derive(Debug, Clone, Copy)]
pub struct SystemNames<'a> {
    /// Name of the source.
    pub source: &'a str,
    /// Name of the app.
    pub app: &'a str,
}
