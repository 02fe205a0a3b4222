//! Tickets that were sent with an unknown outcome. The app is asked about each before it is sent again, because each may be paid for.

use crate::context::CALL_TIMEOUT;
use crate::delivery::{Delivery, SystemNames};
use domain::mobile::{AppChannel, Reinjection};
use domain::{Clock, ErrorKind, VendorError, VendorOperation};

/// Largest number of tickets that the app is asked about in one run.
const MAX_QUESTIONS: usize = 50;

/// Asks the app about tickets that were sent with an unknown outcome, before any is sent again. Those that were sent too often are left
/// to a person.
pub(crate) async fn ask_about_unknown(
    app: &AppChannel,
    clock: &dyn Clock,
    systems: SystemNames<'_>,
    deliveries: &mut [Delivery],
) {
    let now = clock.now();
    // Refused ones are here because a person asked for them.
    deliveries.iter_mut().for_each(|delivery| delivery.retry_refused(now));
    for delivery in deliveries.iter_mut().filter(|one| one.is_injection_unknown()).take(MAX_QUESTIONS) {
        let asked = tokio::time::timeout(CALL_TIMEOUT, app.port.load_status(&delivery.key)).await;
        let late = |_| Err(VendorError::new(&app.source, VendorOperation::ReadDelivery, ErrorKind::Timeout));
        match asked.unwrap_or_else(late) {
            Ok(status) => delivery.apply_app_status(&status, systems, clock.now()),
            Err(error) if error.kind == ErrorKind::NotFound => delivery.mark_not_arrived(),
            // The next run asks again, and sends none of them before.
            Err(error) if error.kind.is_transient() => {
                tracing::warn!(
                    channel = app.id,
                    %error,
                    "the app cannot be asked about tickets with an unknown outcome now: they wait for the next run"
                );
                return;
            }
            // It may concern this ticket alone, so the others do not wait for it.
            Err(error) => {
                tracing::debug!(channel = app.id, ticket = %delivery.key, %error, "nothing was learned about a ticket");
                record_nothing_learned(app, delivery, clock);
            }
        }
    }
}

/// Records that the app says nothing usable about a ticket. It counts as an attempt, so that this ends.
fn record_nothing_learned(app: &AppChannel, delivery: &mut Delivery, clock: &dyn Clock) {
    match app.rules.reinjection {
        Reinjection::NewTicket => delivery.count_unknown(),
        // Its next injection is what counts.
        Reinjection::Update | Reinjection::Refused => delivery.mark_repeatable(),
    }
    if delivery.injection.unknown >= app.rules.max_injections {
        tracing::error!(
            channel = app.id,
            ticket = %delivery.key,
            "a ticket was sent to the app too often with an unknown outcome: a person has to look for it there"
        );
        delivery.give_up_injection(clock.now());
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;
    use std::time::Duration;

    use async_trait::async_trait;
    use domain::mobile::{
        AppCancellation, AppControl, AppEventIdentity, AppRules, AppStateUpdate, AppStatusPage, AppTicket,
        AppTicketKey, AppTicketState, AppTicketStatus, MobileApp,
    };
    use domain::{Batch, Effect, OrderKey, RefusalReason, SourceId, VendorRefusal};
    use jiff::Timestamp;
    use testkit::ManualClock;

    use super::*;
    use crate::ChannelStream;
    use crate::delivery::{AppPush, PushState};

    const NOW: &str = "2031-09-01T08:00:00Z";
    const SYSTEMS: SystemNames<'_> = SystemNames { source: "opera", app: "wallet" };

    /// An app that has every ticket except those whose status cannot be read.
    #[derive(Default)]
    struct App {
        failing: BTreeMap<&'static str, ErrorKind>,
        delay: Duration,
    }

    #[async_trait]
    impl MobileApp for App {
        async fn inject(&self, _: &[AppTicket]) -> Batch<AppTicketKey, AppStateUpdate> {
            Batch::new()
        }

        async fn cancel(&self, _: &[AppCancellation]) -> Batch<AppTicketKey, AppStateUpdate> {
            Batch::new()
        }

        async fn control(&self, _: &[AppControl]) -> Batch<AppTicketKey, AppStateUpdate> {
            Batch::new()
        }

        async fn read_changes(&self, _: Option<&str>) -> Result<AppStatusPage, VendorError> {
            Err(error(ErrorKind::Unsupported))
        }

        async fn load_status(&self, ticket: &AppTicketKey) -> Result<AppTicketStatus, VendorError> {
            tokio::time::sleep(self.delay).await;
            if let Some(kind) = self.failing.get(ticket.as_str()) {
                return Err(error(kind.clone()));
            }
            Ok(AppTicketStatus {
                key: ticket.clone(),
                update: AppStateUpdate::Is(AppTicketState::Injected),
                vendor_state: "INJECTED".to_owned(),
                updated_at: None,
                owner_email: None,
                holder_name: None,
                transfers: None,
            })
        }
    }

    fn error(kind: ErrorKind) -> VendorError {
        VendorError::new(&SourceId::new("opera"), VendorOperation::ReadDelivery, kind)
    }

    fn channel(reinjection: Reinjection, max_injections: u32, failing: &[(&'static str, ErrorKind)]) -> AppChannel {
        AppChannel {
            id: "wallet".to_owned(),
            app: "wallet",
            source: SourceId::new("opera"),
            max_batch: 100,
            rules: AppRules {
                event_identity: AppEventIdentity::Performance,
                pass_validity: None,
                reinjection,
                max_injections,
            },
            port: Arc::new(App { failing: failing.iter().cloned().collect(), delay: Duration::ZERO }),
        }
    }

    fn push(state: PushState) -> AppPush {
        AppPush { state, at: None, attempts: 0, unknown: 0, last_error: None }
    }

    /// A ticket that is due.
    fn delivery(key: &str) -> Delivery {
        Delivery {
            channel: "wallet".to_owned(),
            key: AppTicketKey::new(key),
            order: OrderKey::random(),
            ticket: 0,
            is_voided: false,
            is_used: false,
            used_at: None,
            injection: push(PushState::Due),
            cancellation: push(PushState::None),
            control: push(PushState::None),
            state: None,
            vendor_state: String::new(),
            owner_email: None,
            holder_name: None,
            transfers: 0,
            visible_from: None,
            check_at: now(),
            disagrees_since: None,
            status_events: Vec::new(),
        }
    }

    fn now() -> Timestamp {
        NOW.parse().expect("an instant")
    }

    /// Sends a ticket; the response does not arrive in time.
    fn send(delivery: &mut Delivery) {
        delivery.mark_sent(ChannelStream::Injection, now());
        let late = Err(error(ErrorKind::Timeout).with_effect(Effect::Unknown));
        delivery.record_result(ChannelStream::Injection, &late, SYSTEMS, now());
    }

    fn sent(key: &str) -> Delivery {
        let mut delivery = delivery(key);
        send(&mut delivery);
        delivery
    }

    async fn ask(app: &AppChannel, deliveries: &mut [Delivery]) -> Vec<PushState> {
        ask_about_unknown(app, ManualClock::at(NOW).as_ref(), SYSTEMS, deliveries).await;
        deliveries.iter().map(|delivery| delivery.injection.state).collect()
    }

    fn rejected() -> ErrorKind {
        ErrorKind::Rejected(VendorRefusal { reason: RefusalReason::Forbidden, vendor_code: None })
    }

    #[tokio::test]
    async fn a_ticket_that_cannot_be_asked_about_does_not_hold_up_the_others_and_is_given_up_at_the_limit() {
        let kinds =
            [ErrorKind::Unauthorized, rejected(), ErrorKind::Internal, ErrorKind::Unsupported, ErrorKind::Malformed];
        for kind in kinds {
            let app = channel(Reinjection::Update, 3, &[("poison", kind.clone())]);
            let mut deliveries = [sent("poison"), sent("sound")];
            assert_eq!(ask(&app, &mut deliveries).await, [PushState::Due, PushState::Done], "{kind:?}");
            for expected in [PushState::Due, PushState::Refused] {
                send(&mut deliveries[0]);
                assert_eq!(ask(&app, &mut deliveries).await[0], expected, "{kind:?}");
            }
            // An app that may make a second ticket is sent none, and asked as often.
            let app = channel(Reinjection::NewTicket, 3, &[("poison", kind.clone())]);
            let mut deliveries = [sent("poison"), sent("sound")];
            assert_eq!(ask(&app, &mut deliveries).await, [PushState::Sent, PushState::Done], "{kind:?}");
            assert_eq!(ask(&app, &mut deliveries).await[0], PushState::Refused, "{kind:?}");
        }
    }

    #[tokio::test]
    async fn an_app_that_fails_is_asked_about_no_further_ticket_and_nothing_is_counted() {
        for kind in [ErrorKind::RateLimited, ErrorKind::Unavailable, ErrorKind::Timeout] {
            let app = channel(Reinjection::NewTicket, 2, &[("first", kind.clone())]);
            let mut deliveries = [sent("first"), sent("second")];
            for _ in 0..5 {
                assert_eq!(ask(&app, &mut deliveries).await, [PushState::Sent, PushState::Sent], "{kind:?}");
            }
            assert_eq!(deliveries[0].injection.unknown, 1, "{kind:?}");
        }
    }

    #[tokio::test]
    async fn a_ticket_that_certainly_did_not_arrive_is_never_given_up() {
        for max_injections in [1, 3] {
            for reinjection in [Reinjection::Update, Reinjection::Refused, Reinjection::NewTicket] {
                let app = channel(reinjection, max_injections, &[("lost", ErrorKind::NotFound)]);
                let mut deliveries = [delivery("lost")];
                for _ in 0..5 {
                    send(&mut deliveries[0]);
                    assert_eq!(ask(&app, &mut deliveries).await, [PushState::Due], "{reinjection:?}");
                    assert_eq!(deliveries[0].injection.unknown, 0, "{reinjection:?}");
                }
            }
        }
    }

    #[tokio::test]
    async fn a_person_s_retry_is_sent_once_the_app_says_that_it_has_no_ticket() {
        let blind = channel(Reinjection::Update, 1, &[("lost", ErrorKind::Malformed)]);
        let mut deliveries = [sent("lost")];
        assert_eq!(ask(&blind, &mut deliveries).await, [PushState::Refused]);
        let seeing = channel(Reinjection::Update, 1, &[("lost", ErrorKind::NotFound)]);
        assert_eq!(ask(&seeing, &mut deliveries).await, [PushState::Due]);
        assert_eq!(deliveries[0].injection.last_error, None);
    }

    #[tokio::test]
    async fn a_voided_ticket_that_did_not_arrive_needs_no_cancellation() {
        let app = channel(Reinjection::Update, 3, &[("lost", ErrorKind::NotFound)]);
        let mut deliveries = [sent("lost")];
        deliveries[0].is_voided = true;
        deliveries[0].retry_refused(now());
        assert_eq!(deliveries[0].cancellation.state, PushState::Due);
        assert_eq!(ask(&app, &mut deliveries).await, [PushState::None]);
        assert_eq!(deliveries[0].cancellation.state, PushState::Done);
        assert!(deliveries[0].is_final());
    }

    #[tokio::test(start_paused = true)]
    async fn an_app_that_is_silent_about_a_ticket_ends_the_questions() {
        let silent = App { delay: Duration::from_secs(3600), ..App::default() };
        let app = AppChannel { port: Arc::new(silent), ..channel(Reinjection::NewTicket, 1, &[]) };
        let started_at = tokio::time::Instant::now();
        let mut deliveries = [sent("first"), sent("second")];
        assert_eq!(ask(&app, &mut deliveries).await, [PushState::Sent, PushState::Sent]);
        assert_eq!(started_at.elapsed(), CALL_TIMEOUT);
    }
}
