//! The content of a notice: JSON for the webhook, text for the e-mail.

use deliveries::notice::{NoticeEvent, StreamNotice};
use serde_json::json;
use webhooks::DisabledReason;
use webhooks::notice::WebhookDisabled;

/// A notice in both forms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Message {
    /// Id, the same for each attempt, so that a receiver can ignore repetitions.
    pub id: String,
    /// JSON body of the webhook.
    pub json: String,
    /// Subject of the e-mail.
    pub subject: String,
    /// Text of the e-mail.
    pub text: String,
}

impl Message {
    /// Writes a notice.
    pub(crate) fn of(notice: &StreamNotice) -> Self {
        let (kind, status, says) = match notice.event {
            NoticeEvent::Failed => ("failed", "failing", "fails"),
            NoticeEvent::StillFailing => ("failed", "failing", "still fails"),
            NoticeEvent::Recovered => ("recovered", "working", "works again"),
        };
        let (channel, stream) = (&notice.channel, notice.stream.name());
        let (pending, failed) = (notice.counts.pending, notice.counts.failed);
        let problem = notice.problem.map(|problem| problem.name());
        let is_reminder = notice.event == NoticeEvent::StillFailing;
        let body = json!({
            "type": format!("delivery.stream_{kind}"),
            "timestamp": notice.at.to_string(),
            "data": {
                "channel": channel, "stream": stream, "status": status, "reminder": is_reminder,
                "failing_since": notice.failing_since.to_string(), "problem": problem, "pending": pending, "failed": failed,
            },
        });
        let since = notice.failing_since.strftime("%Y-%m-%d %H:%M UTC");
        let began = match notice.event {
            NoticeEvent::Recovered => {
                format!("The stream {stream} of the delivery {channel} works again. It had failed since {since}.")
            }
            NoticeEvent::Failed | NoticeEvent::StillFailing => {
                format!("The stream {stream} of the delivery {channel} has failed since {since}.")
            }
        };
        Self {
            id: format!("msg_{channel}_{stream}_{}", notice.at.as_nanosecond()),
            json: body.to_string(),
            subject: format!("ticketgraph: {channel} {stream} {says}"),
            text: format!(
                "{began}\n\nKind of failure: {problem}\nTickets that wait: {pending}\nTickets that were refused: {failed}\n",
                problem = problem.unwrap_or("unknown"),
            ),
        }
    }

    /// Writes the notice of a webhook that was disabled.
    pub(crate) fn of_disabled(notice: &WebhookDisabled) -> Self {
        let (webhook, reason): (_, &'static str) = (&notice.webhook.0, notice.reason.into());
        let body = json!({
            "type": "webhook.disabled",
            "timestamp": notice.at.to_string(),
            "data": {
                "webhook": webhook, "reseller": notice.reseller, "reason": reason,
                "failing_since": notice.failing_since.to_string(),
            },
        });
        let because = match notice.reason {
            DisabledReason::Gone => "its destination responded that it is gone (status 410)".to_owned(),
            DisabledReason::OwnerRemoved => "its caller is no longer configured".to_owned(),
            DisabledReason::Failing | DisabledReason::Requested => {
                format!("its destination has failed since {}", notice.failing_since.strftime("%Y-%m-%d %H:%M UTC"))
            }
        };
        Self {
            id: format!("msg_webhook_{}", notice.at.as_nanosecond()),
            json: body.to_string(),
            subject: format!("ticketgraph: webhook {webhook} is disabled"),
            text: format!(
                "The webhook {webhook} is disabled: {because}.\n\nReseller: {reseller}\nNothing is lost: once it is enabled, it \
                goes on from where it stopped.\n",
                reseller = notice.reseller.as_deref().unwrap_or("none"),
            ),
        }
    }

    /// Writes a test notice, which reports nothing.
    pub(crate) fn test(now: jiff::Timestamp) -> Self {
        let body = json!({"type": "notification.test", "timestamp": now.to_string(), "data": {}});
        let text = "A test.".to_owned();
        Self { id: format!("msg_test_{}", now.as_nanosecond()), json: body.to_string(), subject: text.clone(), text }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use deliveries::ChannelStream;
    use deliveries::store::StreamCounts;
    use jiff::Timestamp;
    use webhooks::WebhookKey;

    #[test]
    fn a_notice_names_channel_stream_time_kind_of_failure_and_numbers() {
        let notice = StreamNotice {
            channel: "opera-app".to_owned(),
            stream: ChannelStream::Injection,
            event: NoticeEvent::StillFailing,
            at: Timestamp::from_second(1_800_003_600).expect("a time"),
            failing_since: Timestamp::from_second(1_800_000_000).expect("a time"),
            problem: None,
            counts: StreamCounts { pending: 7, failed: 2 },
        };
        let message = Message::of(&notice);
        let body: serde_json::Value = serde_json::from_str(&message.json).expect("JSON");
        let expected = json!({
            "type": "delivery.stream_failed", "timestamp": "2027-01-15T09:00:00Z",
            "data": {
                "channel": "opera-app", "stream": "INJECTION", "status": "failing", "reminder": true,
                "failing_since": "2027-01-15T08:00:00Z", "problem": null, "pending": 7, "failed": 2,
            },
        });
        assert_eq!(body, expected);
        assert_eq!(message.subject, "ticketgraph: opera-app INJECTION still fails");
        assert!(
            message.text.contains("since 2027-01-15 08:00 UTC") && message.text.contains("wait: 7"),
            "{}",
            message.text
        );
        let other = StreamNotice { at: notice.failing_since, ..notice };
        assert_ne!(Message::of(&other).id, message.id);
        // A full stop separates the parts that are signed.
        assert!(!message.id.contains('.'), "{}", message.id);
    }

    #[test]
    fn a_notice_of_a_disabled_webhook_names_it_with_reason_and_time_and_no_address() {
        let at = Timestamp::from_second(1_800_003_600).expect("a time");
        let notice = WebhookDisabled {
            webhook: WebhookKey("a1".to_owned()),
            reseller: Some("tours".to_owned()),
            reason: DisabledReason::Failing,
            at,
            failing_since: Timestamp::from_second(1_799_744_400).expect("a time"),
        };
        let message = Message::of_disabled(&notice);
        let body: serde_json::Value = serde_json::from_str(&message.json).expect("JSON");
        let data = json!({
            "webhook": "a1", "reseller": "tours", "reason": "FAILING", "failing_since": "2027-01-12T09:00:00Z",
        });
        let expected = json!({"type": "webhook.disabled", "timestamp": "2027-01-15T09:00:00Z", "data": data});
        assert_eq!((body, message.subject.as_str()), (expected, "ticketgraph: webhook a1 is disabled"));
        assert!(message.text.contains("has failed since 2027-01-12 09:00 UTC"), "{}", message.text);
    }
}
