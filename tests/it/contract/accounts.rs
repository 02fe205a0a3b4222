//! Readiness: the venue's checklist, asked by machine. What is taken away fails exactly its own line.

use std::collections::BTreeMap;

use domain::accounts::{Account, Check, Verdict};
use emulators::{Fault, Rule};
use serde_json::json;

use crate::contract::bench::{ACME_IDS, acme_with, secutix};
use crate::contract::{Bench, each_vendor};

fn account(keys: &[(&str, &[&str])]) -> Account {
    let values = |all: &[&str]| all.iter().map(|one| (*one).to_owned()).collect();
    let keys: BTreeMap<_, _> = keys.iter().map(|(key, all)| ((*key).to_owned(), values(all))).collect();
    Account { reseller: Some("Tiqets".to_owned()), keys }
}

async fn ask(bench: &Bench, account: &Account) -> Vec<Check> {
    bench.source.accounts.as_ref().expect("a checklist").check(account).await
}

/// The kinds of the lines that are not as they must be, and that each has a hint.
fn wrong(checks: &[Check]) -> Vec<&'static str> {
    let lines = checks.iter().filter(|check| match &check.verdict {
        Verdict::Passed => false,
        Verdict::Failed(hint) | Verdict::Off(hint) => {
            assert!(!hint.is_empty(), "{}", check.code);
            true
        }
        Verdict::Unasked(_) => true,
    });
    lines.map(|check| check.code).collect()
}

#[tokio::test]
async fn the_account_of_each_sandbox_is_ready_and_asking_sells_nothing() {
    each_vendor(async |bench| {
        let before = bench.running.stage.holdings();
        let checks = ask(bench, &Account::default()).await;
        assert_eq!((checks.is_empty(), wrong(&checks)), (false, Vec::new()), "{}: {checks:?}", bench.source.id);
        assert_eq!(bench.running.stage.holdings(), before, "{}", bench.source.id);
    })
    .await;
}

#[tokio::test]
async fn a_dead_vendor_is_said_to_be_unasked_and_never_to_be_wrong() {
    each_vendor(async |bench| {
        bench.fail(vec![Rule::on("/", Fault::DropBefore)]);
        let checks = ask(bench, &Account::default()).await;
        let is_unasked = |check: &Check| matches!(check.verdict, Verdict::Unasked(_));
        assert!(checks.iter().any(is_unasked), "{}", bench.source.id);
        assert!(!checks.iter().any(|check| matches!(check.verdict, Verdict::Failed(_))), "{checks:?}");
    })
    .await;
}

const TEMPLATE: &str = "66f0aa10c3d2e4b5a6978001";
const ADULT: &str = "66f0ff60c3d2e4b5a6970001";

#[tokio::test]
async fn each_permission_that_is_taken_away_fails_its_own_line() {
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
        let bench = acme_with("harbor-sandbox-key", ACME_IDS).await;
        assert_eq!(wrong(&ask(&bench, &named).await), Vec::<&str>::new());
        bench.twist("deny", Some(permission), json!(null));
        let checks = ask(&bench, &named).await;
        assert_eq!(wrong(&checks), [code], "{permission}");
        let line = checks.iter().find(|check| check.code == code).expect("a line");
        assert!(line.title.contains(permission), "{}", line.title);
    }
}

#[tokio::test]
async fn an_id_of_another_environment_fails_its_own_line() {
    let bench = acme_with("harbor-sandbox-key", ACME_IDS).await;
    let of = async |keys: &[(&str, &[&str])]| wrong(&ask(&bench, &account(keys)).await);
    let strange = "66f0aa10c3d2e4b5a6979999";
    assert_eq!(of(&[("event_templates", &[TEMPLATE, strange])]).await, ["EVENT_TEMPLATE_KNOWN"]);
    assert_eq!(
        of(&[("event_templates", &[TEMPLATE]), ("ticket_types", &[ADULT, strange])]).await,
        ["TICKET_TYPE_KNOWN"]
    );
    assert_eq!(of(&[("organization_id", &["77"])]).await, ["ORGANIZATION_KNOWN"]);
}

#[tokio::test]
async fn what_a_venue_of_secutix_takes_away_fails_its_own_line_over_both_transports() {
    let named = account(&[
        ("sales_channel", &["DGTK"]),
        ("point_of_sale", &["500100"]),
        ("contact_reference", &["1000042"]),
        ("contingents", &["88001", "88002"]),
    ]);
    for transport in ["json", "soap"] {
        let bench = secutix("OPERA", transport).await;
        assert_eq!(wrong(&ask(&bench, &named).await), Vec::<&str>::new(), "{transport}");
        bench.twist("close_contingent", Some("88002"), json!(null));
        let checks = ask(&bench, &named).await;
        assert_eq!(wrong(&checks), ["CONTINGENT_NOT_EMPTY"], "{transport}");
        let line = checks.iter().find(|check| matches!(check.verdict, Verdict::Failed(_))).expect("a line");
        assert!(line.title.contains("88002"), "{}", line.title);
        bench.twist("forget_contact", Some("1000042"), json!(null));
        assert_eq!(wrong(&ask(&bench, &named).await), ["TECHNICAL_CONTACT", "CONTINGENT_NOT_EMPTY"], "{transport}");
        let other = account(&[("sales_channel", &["OTHER"]), ("point_of_sale", &["1"])]);
        let told = wrong(&ask(&bench, &other).await);
        assert_eq!(told[..2], ["SALES_CHANNEL", "POINT_OF_SALE"], "{transport}");
    }
}

#[tokio::test]
async fn a_handover_is_filled_in_and_names_what_is_missing_and_holds_no_secret() {
    each_vendor(async |bench| {
        let named = account(&[("event_templates", &[TEMPLATE])]);
        let letter = bench.source.accounts.as_ref().expect("a checklist").hand_over(&named);
        for secret in ["harbor-sandbox-key", "opera-sandbox-password", "club-sandbox-password", "c0de"] {
            assert!(!letter.body.contains(secret), "{}", bench.source.id);
        }
        assert!(letter.subject.contains("Tiqets") && !letter.missing.is_empty(), "{letter:?}");
    })
    .await;
    let bench = secutix("OPERA", "json").await;
    let letter = bench.source.accounts.as_ref().expect("a checklist").hand_over(&account(&[]));
    insta::with_settings!({ filters => vec![(r"http://127.0.0.1:\d+", "[address]")] }, {
        insta::assert_snapshot!(format!("{}\n\n{}\n\nmissing: {:#?}", letter.subject, letter.body, letter.missing));
    });
}
