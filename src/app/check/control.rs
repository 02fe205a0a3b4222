//! Control requests with wrong credentials. Whatever accepts those is no proof that the right ones are known, and no vendor.

use std::sync::Arc;

use crate::app::sources::{Infrastructure, connect_sources};
use crate::config::{Config, DeliveryConfig};
use domain::SourceId;
use domain::accounts::{AccountCheck, CheckOutcome};
use vendor_api::ChannelConfig;
use vendor_registry::{APPS, VENDORS};

/// A key that nobody was given.
const WRONG_KEY: &str = "ticketgraph-check-with-a-wrong-key";

/// Sends one read request with wrong credentials, after the checks with the right ones. Returns why those prove nothing; `None` if the
/// wrong ones were refused.
pub(super) async fn check_wrong_credentials(
    config: &Config,
    infrastructure: &Infrastructure,
    id: &SourceId,
    right: &[AccountCheck],
) -> Option<String> {
    let right = right.iter().find(|check| check.code == "CREDENTIALS")?;
    let mut wrong = config.clone();
    wrong.sources.retain(|other, _| other == id);
    let source = wrong.sources.get_mut(id)?;
    let vendor = VENDORS.iter().find(|vendor| vendor.name == source.vendor)?;
    replace_secrets(&mut source.source.vendor_settings, vendor.secrets);
    let connected = connect_sources(&wrong, infrastructure, None);
    let accounts = connected.ok().and_then(|connected| connected.sources.first()?.accounts.as_ref().map(Arc::clone));
    let Some(accounts) = accounts else {
        return Some("A request with a wrong key could not be made, so the right one proves nothing.".to_owned());
    };
    judge(&accounts.check_credentials().await, right)
}

/// Judges the check with wrong credentials beside that with the right ones.
pub(super) fn judge(wrong: &AccountCheck, right: &AccountCheck) -> Option<String> {
    let seen = wrong.seen.last().map_or_else(String::new, |seen| format!(" ({seen})"));
    let status = |check: &AccountCheck| check.seen.last().and_then(|seen| seen.status);
    let is_refused = matches!(wrong.outcome, CheckOutcome::Failed(_)) || status(wrong) == Some(403);
    match &wrong.outcome {
        // Both are refused in the same way: the right one is no better known than the wrong one.
        _ if is_refused && status(wrong) == status(right) && status(wrong).is_some_and(|status| status >= 400) => {
            Some(format!("A wrong key gets the same response{seen}."))
        }
        _ if is_refused => None,
        CheckOutcome::Unreachable(error) => {
            Some(format!("Whether a wrong key is refused is unknown: {}{seen}.", error.kind.name()))
        }
        CheckOutcome::Unproven(_) => Some(format!("A wrong key got a response that is none of the vendor's{seen}.")),
        _ => Some(format!(
            "A wrong key was not refused{seen}: this is not the vendor, or its credentials are not checked."
        )),
    }
}

/// Returns why a source is not proven to be the vendor.
pub(super) fn unproven_reason(checks: &[AccountCheck]) -> Option<String> {
    checks.iter().find_map(|check| match &check.outcome {
        CheckOutcome::Unproven(reason) if check.code == "CREDENTIALS" => Some(reason.main.clone()),
        _ => None,
    })
}

/// Takes back everything that passed, if wrong credentials pass as well.
pub(super) fn apply(unproven: Option<String>, checks: &mut [AccountCheck]) {
    let Some(reason) = unproven else { return };
    for check in checks {
        if matches!(check.outcome, CheckOutcome::Passed | CheckOutcome::Disabled(_) | CheckOutcome::Risk(_)) {
            check.outcome = CheckOutcome::Unproven(reason.as_str().into());
        }
    }
}

/// Returns the configuration of an app with a wrong key.
pub(super) fn with_wrong_key(settings: &DeliveryConfig) -> ChannelConfig {
    let mut channel = settings.channel.clone();
    let secrets = APPS.iter().find(|app| app.name == settings.app).map_or(&[][..], |app| app.secrets);
    replace_secrets(&mut channel.app_settings, secrets);
    channel
}

/// Replaces the credentials. Secrets in inner tables are no credentials: a payment card, for example. The login is another one, too, so
/// that failed logins never lock the account that sells.
fn replace_secrets(settings: &mut toml::Table, secrets: &[&str]) {
    if let Some(toml::Value::String(login)) = settings.get_mut("login") {
        login.push_str("_CHECK");
    }
    for name in secrets {
        if let Some(value) = settings.get_mut(*name) {
            *value = toml::Value::String(WRONG_KEY.to_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use domain::{SeenResponse, VendorOperation};

    use super::*;

    fn check(outcome: CheckOutcome) -> AccountCheck {
        AccountCheck::with_outcome("CREDENTIALS", "The vendor knows the key", outcome)
    }

    fn with_status(check: AccountCheck, status: u16) -> AccountCheck {
        let seen = SeenResponse::new(VendorOperation::CheckConnection, "GET", "/list");
        AccountCheck { seen: vec![SeenResponse { status: Some(status), ..seen }], ..check }
    }

    #[test]
    fn only_a_refused_wrong_key_proves_the_right_one() {
        let right = with_status(check(CheckOutcome::Passed), 200);
        let refused = || check(CheckOutcome::Failed("unknown".into()));
        assert_eq!(judge(&with_status(refused(), 401), &right), None);
        // A vendor that refuses unknown keys as it refuses missing permissions.
        assert_eq!(judge(&with_status(check(CheckOutcome::Passed), 403), &right), None);
        assert!(
            judge(&with_status(check(CheckOutcome::Passed), 200), &right)
                .is_some_and(|why| why.contains("not refused"))
        );
        assert!(judge(&check(CheckOutcome::Unproven("HTML".into())), &right).is_some());
        let denied = || with_status(check(CheckOutcome::Passed), 403);
        assert!(judge(&denied(), &denied()).is_some_and(|why| why.contains("the same response")));
    }

    #[test]
    fn nothing_passes_while_a_wrong_key_passes_and_failures_stay() {
        let mut checks = [check(CheckOutcome::Passed), check(CheckOutcome::Failed("a hint".into()))];
        apply(Some("a reason".to_owned()), &mut checks);
        assert!(matches!(&checks[0].outcome, CheckOutcome::Unproven(reason) if reason.main == "a reason"));
        assert!(matches!(&checks[1].outcome, CheckOutcome::Failed(_)));
        assert_eq!(unproven_reason(&checks).as_deref(), Some("a reason"));
    }

    #[test]
    fn a_payment_card_is_no_credential() {
        let mut settings: toml::Table = "api_key = \"k\"\n[settlement]\ninstrument = \"card\"".parse().expect("TOML");
        replace_secrets(&mut settings, &["api_key", "settlement.instrument"]);
        assert_eq!(settings["api_key"].as_str(), Some(WRONG_KEY));
        assert_eq!(settings["settlement"]["instrument"].as_str(), Some("card"));
    }
}
