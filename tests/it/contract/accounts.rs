//! Readiness checks: the venue's checklist, run by API calls. Each missing permission fails exactly its own check.

use std::collections::{BTreeMap, BTreeSet};

use domain::accounts::{AccountCheck, AccountConfig, CheckOutcome, WriteProbes};
use domain::{Locale, LocalizedText};
use emulators::{Fault, Rule};
use serde_json::json;

use crate::contract::fixture::{ACME_RESELLER_KEYS, acme_with, secutix};
use crate::contract::{VendorFixture, each_vendor};

fn account(keys: &[(&str, &[&str])]) -> AccountConfig {
    let values = |all: &[&str]| all.iter().map(|one| (*one).to_owned()).collect();
    let keys: BTreeMap<_, _> = keys.iter().map(|(key, all)| ((*key).to_owned(), values(all))).collect();
    AccountConfig { reseller: Some("Tiqets".to_owned()), keys }
}

/// Runs a test against a source of each vendor that has readiness checks.
async fn each_checked_vendor(test: impl AsyncFn(&VendorFixture)) {
    each_vendor(async |fixture| {
        if fixture.source.accounts.is_some() {
            test(fixture).await;
        }
    })
    .await;
}

/// Runs the checks, whose titles are written in each language.
async fn run_checks(fixture: &VendorFixture, account: &AccountConfig) -> Vec<AccountCheck> {
    let accounts = fixture.source.accounts.as_ref().expect("readiness checks");
    let checks = accounts.check_account(account, WriteProbes::Allowed).await;
    for check in &checks {
        assert_is_translated(&check.title, check.code);
    }
    checks
}

fn assert_is_translated(text: &LocalizedText, code: &str) {
    let texts: BTreeSet<&str> =
        ["en", "fr", "de"].iter().map(|tag| text.resolve(Locale::parse(tag).as_ref())).collect();
    assert!(texts.len() == 3 && !texts.contains(""), "{code}: {texts:?}");
}

/// Codes of the checks that did not pass, each of which must have a hint.
fn failed_codes(checks: &[AccountCheck]) -> Vec<&'static str> {
    let lines = checks.iter().filter(|check| match &check.outcome {
        CheckOutcome::Passed | CheckOutcome::Risk(_) => false,
        CheckOutcome::Failed(hint)
        | CheckOutcome::Disabled(hint)
        | CheckOutcome::Unproven(hint)
        | CheckOutcome::NotTried(hint) => {
            assert_is_translated(hint, check.code);
            true
        }
        CheckOutcome::Unreachable(_) => true,
    });
    lines.map(|check| check.code).collect()
}

#[tokio::test]
async fn every_sandbox_account_passes_its_checks_and_checking_sells_nothing() {
    each_checked_vendor(async |fixture| {
        let before = fixture.running.stage.inventory();
        let checks = run_checks(fixture, &AccountConfig::default()).await;
        assert_eq!(
            (checks.is_empty(), failed_codes(&checks)),
            (false, Vec::new()),
            "{}: {checks:?}",
            fixture.source.id
        );
        assert_eq!(fixture.running.stage.inventory(), before, "{}", fixture.source.id);
    })
    .await;
}

#[tokio::test]
async fn checks_of_an_unreachable_vendor_are_not_run_and_never_failed() {
    each_checked_vendor(async |fixture| {
        fixture.fail(vec![Rule::for_path("/", Fault::DropBefore)]);
        let checks = run_checks(fixture, &AccountConfig::default()).await;
        let is_unasked = |check: &AccountCheck| matches!(check.outcome, CheckOutcome::Unreachable(_));
        assert!(checks.iter().any(is_unasked), "{}", fixture.source.id);
        assert!(!checks.iter().any(|check| matches!(check.outcome, CheckOutcome::Failed(_))), "{checks:?}");
    })
    .await;
}

const TEMPLATE: &str = "66f0aa10c3d2e4b5a6978001";
const ADULT: &str = "66f0ff60c3d2e4b5a6970001";

#[tokio::test]
async fn each_removed_permission_fails_its_own_check() {
    let named = account(&[("event_templates", &[TEMPLATE]), ("ticket_types", &[ADULT])]);
    let expected = [
        ("ACCT_ORDERS_CREATE", "SALES_ALLOWED"),
        ("ORDER_PAYMENT", "SALES_ALLOWED"),
        ("ACCT_PMNT_POLICY_VIEW", "SALES_ALLOWED"),
        ("ORDER_VIEW", "ORDERS_READABLE"),
        ("ACCT_ORDERS_VIEW", "ORDERS_READABLE"),
        ("ACCT_ORDERS_UPDATE", "ORDERS_CHANGEABLE"),
        ("ACCT_ORDERS_DELETE", "ORDERS_CHANGEABLE"),
        ("ORDER_DELETE", "HOLDS_RELEASABLE"),
        ("REFUNDS_EXECUTE", "REFUNDS_ALLOWED"),
    ];
    for (permission, code) in expected {
        let fixture = acme_with("harbor-sandbox-key", ACME_RESELLER_KEYS).await;
        assert_eq!(failed_codes(&run_checks(&fixture, &named).await), Vec::<&str>::new());
        fixture.change_state("deny", Some(permission), json!(null));
        let checks = run_checks(&fixture, &named).await;
        assert_eq!(failed_codes(&checks), [code], "{permission}");
        let line = checks.iter().find(|check| check.code == code).expect("a line");
        assert!(line.title.main.contains(permission), "{}", line.title.main);
    }
}

#[tokio::test]
async fn an_id_of_another_environment_fails_its_own_check() {
    let fixture = acme_with("harbor-sandbox-key", ACME_RESELLER_KEYS).await;
    let of = async |keys: &[(&str, &[&str])]| failed_codes(&run_checks(&fixture, &account(keys)).await);
    let unknown = "66f0aa10c3d2e4b5a6979999";
    assert_eq!(of(&[("event_templates", &[TEMPLATE, unknown])]).await, ["EVENT_TEMPLATE_KNOWN"]);
    assert_eq!(
        of(&[("event_templates", &[TEMPLATE]), ("ticket_types", &[ADULT, unknown])]).await,
        ["TICKET_TYPE_KNOWN"]
    );
    assert_eq!(of(&[("organization_id", &["77"])]).await, ["ORGANIZATION_KNOWN"]);
}

#[tokio::test]
async fn a_removed_secutix_setting_fails_its_own_check_over_both_transports() {
    let named = account(&[
        ("sales_channel", &["DGTK"]),
        ("point_of_sale", &["500100"]),
        ("contact_reference", &["1000042"]),
        ("contingents", &["88001", "88002"]),
    ]);
    for transport in ["json", "soap"] {
        let fixture = secutix("OPERA", transport).await;
        assert_eq!(failed_codes(&run_checks(&fixture, &named).await), Vec::<&str>::new(), "{transport}");
        fixture.change_state("close_contingent", Some("88002"), json!(null));
        let checks = run_checks(&fixture, &named).await;
        assert_eq!(failed_codes(&checks), ["CONTINGENT_NOT_EMPTY"], "{transport}");
        let line = checks.iter().find(|check| matches!(check.outcome, CheckOutcome::Failed(_))).expect("a line");
        assert!(line.title.main.contains("88002"), "{}", line.title.main);
        fixture.change_state("unauthorize_contact", Some("1000042"), json!(null));
        let failed = failed_codes(&run_checks(&fixture, &named).await);
        assert_eq!(failed, ["CONTACT_AUTHORIZATION", "CONTINGENT_NOT_EMPTY"], "{transport}");
        fixture.change_state("remove_contact", Some("1000042"), json!(null));
        assert_eq!(
            failed_codes(&run_checks(&fixture, &named).await),
            ["TECHNICAL_CONTACT", "CONTINGENT_NOT_EMPTY"],
            "{transport}"
        );
        let other = account(&[("sales_channel", &["OTHER"]), ("point_of_sale", &["1"])]);
        let failed = failed_codes(&run_checks(&fixture, &other).await);
        assert_eq!(failed[..2], ["SALES_CHANNEL", "POINT_OF_SALE"], "{transport}");
    }
}

/// Result of a check with its hint.
fn outcome_of<'a>(checks: &'a [AccountCheck], code: &str) -> (&'static str, &'a str) {
    match &checks.iter().find(|check| check.code == code).expect("a line").outcome {
        CheckOutcome::Passed => ("passed", ""),
        CheckOutcome::Failed(hint) => ("failed", &hint.main),
        CheckOutcome::NotTried(hint) => ("not shown", &hint.main),
        CheckOutcome::Risk(hint) => ("risk", &hint.main),
        other => panic!("{code}: {other:?}"),
    }
}

#[tokio::test]
async fn what_secutix_does_not_show_of_the_setup_is_never_ok() {
    for transport in ["json", "soap"] {
        let fixture = secutix("OPERA", transport).await;
        let run = async || run_checks(&fixture, &AccountConfig::default()).await;
        let [channel, contact] = ["CHANNEL_TYPE", "CONTACT_AUTHORIZATION"];
        let checks = run().await;
        assert_eq!([outcome_of(&checks, channel).0, outcome_of(&checks, contact).0], ["passed"; 2], "{transport}");
        fixture.change_state("word", Some("REALTIME_INTERFACE"), json!("INTERNET"));
        let checks = run().await;
        let (outcome, hint) = outcome_of(&checks, channel);
        assert!(outcome == "failed" && hint.contains("assumptions.channel_types"), "{transport}: {outcome} {hint}");
        // Any other form of the permissions shows nothing, and the contact exists nevertheless.
        fixture.change_state("authorization_texts", None, json!(true));
        let checks = run().await;
        assert_eq!(outcome_of(&checks, contact).0, "not shown", "{transport}");
        assert_eq!(outcome_of(&checks, "TECHNICAL_CONTACT").0, "passed", "{transport}");
        fixture.change_state("hidden_setup", None, json!(true));
        let checks = run().await;
        for code in [channel, contact] {
            let (outcome, hint) = outcome_of(&checks, code);
            assert!(outcome == "not shown" && hint.contains("back office"), "{transport}: {code} {outcome} {hint}");
        }
    }
}

#[tokio::test]
async fn families_that_are_not_sold_are_named_with_the_reason() {
    let fixture = secutix("OPERA", "json").await;
    let checks = run_checks(&fixture, &AccountConfig::default()).await;
    let lines: Vec<(&str, &CheckOutcome)> = checks
        .iter()
        .filter(|check| check.code == "PRODUCT_FAMILIES")
        .map(|check| (check.title.main.as_str(), &check.outcome))
        .collect();
    let [(privileges, CheckOutcome::Risk(why)), (goods, CheckOutcome::Risk(setting))] = lines[..] else {
        panic!("{lines:?}")
    };
    assert_eq!(privileges, "Products of the family SEASONTICKET, not sold: 1");
    assert!(why.main.contains("not supported"), "{why:?}");
    assert_eq!(goods, "Products of the family GOODS, not sold: 1");
    assert!(setting.main.contains("assumptions.sold_families"), "{setting:?}");
}

#[tokio::test]
async fn a_handover_letter_is_filled_in_and_lists_missing_values_and_contains_no_secret() {
    each_checked_vendor(async |fixture| {
        let named = account(&[("event_templates", &[TEMPLATE])]);
        let letter = fixture.source.accounts.as_ref().expect("readiness checks").handover_message(&named);
        for locale in ["en", "fr", "de"].map(Locale::parse) {
            let body = letter.body.resolve(locale.as_ref());
            for secret in ["harbor-sandbox-key", "opera-sandbox-password", "club-sandbox-password", "c0de"] {
                assert!(!body.contains(secret), "{}", fixture.source.id);
            }
            assert!(letter.subject.resolve(locale.as_ref()).contains("Tiqets"), "{letter:?}");
        }
        assert!(!letter.missing_fields.is_empty(), "{letter:?}");
        for text in letter.missing_fields.iter().chain([&letter.subject, &letter.body]) {
            assert_is_translated(text, fixture.source.id.as_str());
        }
    })
    .await;
    let fixture = secutix("OPERA", "json").await;
    let letter = fixture.source.accounts.as_ref().expect("readiness checks").handover_message(&account(&[]));
    insta::with_settings!({ filters => vec![(r"http://127.0.0.1:\d+", "[address]")] }, {
        let written = ["en", "fr", "de"].map(|tag| {
            let locale = Locale::parse(tag);
            let pick = |text: &LocalizedText| text.resolve(locale.as_ref()).to_owned();
            let missing: Vec<String> = letter.missing_fields.iter().map(pick).collect();
            format!("{}\n\n{}\n\nmissing: {missing:#?}", pick(&letter.subject), pick(&letter.body))
        });
        insta::assert_snapshot!(written.join("\n\n---\n\n"));
    });
}

#[tokio::test]
async fn without_permission_no_check_sends_a_request_that_may_write() {
    each_checked_vendor(async |fixture| {
        let accounts = fixture.source.accounts.as_ref().expect("readiness checks");
        let checks = accounts.check_account(&AccountConfig::default(), WriteProbes::Never).await;
        let is_clean = |check: &AccountCheck| {
            matches!(check.outcome, CheckOutcome::NotTried(_)) || failed_codes(std::slice::from_ref(check)).is_empty()
        };
        assert!(checks.iter().all(is_clean), "{checks:?}");
        let skipped = checks.iter().filter(|check| matches!(check.outcome, CheckOutcome::NotTried(_))).count();
        let is_acme = fixture.source.vendor == domain::VendorKind::Acme;
        assert_eq!(skipped, if is_acme { 7 } else { 0 }, "{checks:?}");
        let calls = fixture.running.stage.log.all();
        let may_write = |method: &str| ["PUT", "DELETE", "PATCH"].contains(&method) || is_acme && method == "POST";
        assert!(!calls.iter().any(|call| may_write(&call.method)), "{}", fixture.source.id);
    })
    .await;
}

#[tokio::test]
async fn the_credentials_alone_are_checked_with_read_requests() {
    each_checked_vendor(async |fixture| {
        let check = fixture.source.accounts.as_ref().expect("readiness checks").check_credentials().await;
        assert_eq!((check.code, failed_codes(std::slice::from_ref(&check))), ("CREDENTIALS", Vec::new()));
        let last = check.seen.last().expect("a response");
        assert_eq!(last.status, Some(200), "{last}");
    })
    .await;
}
