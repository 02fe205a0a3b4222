//! How small things are written in the ledger, as JSON. These shapes outlive a deploy: they only ever grow, by fields with
//! a default, and are not the domain's own.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use domain::ordering::HoldSecures;
use domain::{Currency, ExternalRef, LegShape, Money, PerformanceKey, Price, SourceId, Tax};
use orders::LedgerError;
use orders::leg::{Again, CancelWish, LegOperation, LegTraits, Unknown};
use orders::plan::{Guarantee, Plan, Risk, RiskKind};
use orders::problem::{Detail, Problem, ProblemCode};

/// Writes a shape.
pub(crate) fn write<T: Serialize>(shape: &T) -> Result<String, LedgerError> {
    serde_json::to_string(shape).map_err(|_| LedgerError::Unreadable("a shape cannot be written".to_owned()))
}

/// Reads a shape.
pub(crate) fn read<T: DeserializeOwned>(text: &str) -> Result<T, LedgerError> {
    serde_json::from_str(text).map_err(|error| unreadable(&format!("a shape, line {}", error.line())))
}

/// A name that this version has no word for: written by a newer one, or by nobody.
pub(crate) fn known<T>(found: Option<T>, what: &str) -> Result<T, LedgerError> {
    found.ok_or_else(|| unreadable(what))
}

pub(crate) fn unreadable(what: &str) -> LedgerError {
    LedgerError::Unreadable(what.to_owned())
}

/// Nanoseconds since 1970, as a column holds them.
pub(crate) fn nanos(at: Timestamp) -> i64 {
    i64::try_from(at.as_nanosecond()).unwrap_or(i64::MAX)
}

pub(crate) fn instant(nanos: i64) -> Result<Timestamp, LedgerError> {
    Timestamp::from_nanosecond(nanos.into()).map_err(|_| unreadable("an instant"))
}

/// Minor units and currency.
#[derive(Serialize, Deserialize)]
pub(crate) struct StoredMoney(i64, String);

impl From<Money> for StoredMoney {
    fn from(money: Money) -> Self {
        Self(money.amount, money.currency.code().to_owned())
    }
}

impl StoredMoney {
    pub fn money(&self) -> Result<Money, LedgerError> {
        let currency: Currency = self.1.parse().map_err(|_| unreadable("a currency"))?;
        Ok(Money::new(self.0, currency))
    }
}

pub(crate) fn moneys(stored: &[StoredMoney]) -> Result<Vec<Money>, LedgerError> {
    stored.iter().map(StoredMoney::money).collect()
}

pub(crate) fn stored_moneys(moneys: &[Money]) -> Vec<StoredMoney> {
    moneys.iter().map(|money| (*money).into()).collect()
}

fn maybe(stored: Option<&StoredMoney>) -> Result<Option<Money>, LedgerError> {
    stored.map(StoredMoney::money).transpose()
}

/// Kind and value.
pub(crate) type StoredRef = (String, String);

pub(crate) fn stored_refs(refs: &[ExternalRef]) -> Vec<StoredRef> {
    refs.iter().map(|external| (external.kind.clone(), external.value.clone())).collect()
}

pub(crate) fn refs(stored: Vec<StoredRef>) -> Vec<ExternalRef> {
    stored.into_iter().map(|(kind, value)| ExternalRef { kind, value }).collect()
}

#[derive(Serialize, Deserialize)]
pub(crate) struct StoredPrice {
    retail: StoredMoney,
    original: Option<StoredMoney>,
    fees: Option<StoredMoney>,
    taxes: Vec<(String, StoredMoney)>,
    guaranteed_until: Option<i64>,
}

impl From<&Price> for StoredPrice {
    fn from(price: &Price) -> Self {
        Self {
            retail: price.retail.into(),
            original: price.original.map(Into::into),
            fees: price.fees.map(Into::into),
            taxes: price.taxes.iter().map(|tax| (tax.name.clone(), tax.amount.into())).collect(),
            guaranteed_until: price.guaranteed_until.map(nanos),
        }
    }
}

impl StoredPrice {
    pub fn price(self) -> Result<Price, LedgerError> {
        let taxes: Result<Vec<Tax>, LedgerError> =
            self.taxes.into_iter().map(|(name, amount)| Ok(Tax { name, amount: amount.money()? })).collect();
        Ok(Price {
            retail: self.retail.money()?,
            original: maybe(self.original.as_ref())?,
            fees: maybe(self.fees.as_ref())?,
            taxes: taxes?,
            guaranteed_until: self.guaranteed_until.map(instant).transpose()?,
        })
    }
}

#[derive(Serialize, Deserialize)]
pub(crate) struct StoredPlan {
    guarantee: String,
    sequence: Vec<usize>,
    risks: Vec<(String, usize)>,
    loss: Vec<StoredMoney>,
}

impl From<&Plan> for StoredPlan {
    fn from(plan: &Plan) -> Self {
        Self {
            guarantee: plan.guarantee.name().to_owned(),
            sequence: plan.confirm_sequence.clone(),
            risks: plan.risks.iter().map(|risk| (risk.kind.name().to_owned(), risk.leg)).collect(),
            loss: stored_moneys(&plan.worst_case_loss),
        }
    }
}

impl StoredPlan {
    pub fn plan(self) -> Result<Plan, LedgerError> {
        let risk =
            |(kind, leg): &(String, usize)| Ok(Risk { kind: known(RiskKind::parse(kind), "a risk")?, leg: *leg });
        let risks: Result<Vec<Risk>, LedgerError> = self.risks.iter().map(risk).collect();
        Ok(Plan {
            guarantee: known(Guarantee::parse(&self.guarantee), "a guarantee")?,
            confirm_sequence: self.sequence,
            risks: risks?,
            worst_case_loss: moneys(&self.loss)?,
        })
    }
}

#[derive(Serialize, Deserialize)]
pub(crate) struct StoredTraits {
    shape: String,
    has_undo: bool,
    undo_is_proven: bool,
    cancels_in_part: bool,
    extends_holds: bool,
    honours_keys: bool,
    slow_confirm_ms: u64,
    hold_ttl_ms: u64,
    cancel_until: Option<i64>,
    cancel_fee: u32,
}

const SHAPES: [(LegShape, &str); 3] = [
    (LegShape::HoldThenConfirm, "HOLD_THEN_CONFIRM"),
    (LegShape::ConfirmOnly, "CONFIRM_ONLY"),
    (LegShape::CommitsAtHold, "COMMITS_AT_HOLD"),
];

impl From<&LegTraits> for StoredTraits {
    fn from(traits: &LegTraits) -> Self {
        let shape = SHAPES.iter().find(|(shape, _)| *shape == traits.shape).map_or("", |(_, name)| name);
        let ms = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        Self {
            shape: shape.to_owned(),
            has_undo: traits.has_undo,
            undo_is_proven: traits.undo_is_proven,
            cancels_in_part: traits.cancels_in_part,
            extends_holds: traits.extends_holds,
            honours_keys: traits.honours_keys,
            slow_confirm_ms: ms(traits.slow_confirm),
            hold_ttl_ms: ms(traits.hold_ttl),
            cancel_until: traits.cancel_until.map(nanos),
            cancel_fee: traits.cancel_fee,
        }
    }
}

impl StoredTraits {
    pub fn traits(&self) -> Result<LegTraits, LedgerError> {
        let shape = SHAPES.iter().find(|(_, name)| *name == self.shape).map(|(shape, _)| *shape);
        Ok(LegTraits {
            shape: known(shape, "the shape of a leg")?,
            has_undo: self.has_undo,
            undo_is_proven: self.undo_is_proven,
            cancels_in_part: self.cancels_in_part,
            extends_holds: self.extends_holds,
            honours_keys: self.honours_keys,
            slow_confirm: Duration::from_millis(self.slow_confirm_ms),
            hold_ttl: Duration::from_millis(self.hold_ttl_ms),
            cancel_until: self.cancel_until.map(instant).transpose()?,
            cancel_fee: self.cancel_fee,
        })
    }
}

const SECURES: [(HoldSecures, &str); 3] =
    [(HoldSecures::Capacity, "CAPACITY"), (HoldSecures::Seats, "SEATS"), (HoldSecures::Price, "PRICE")];

pub(crate) fn stored_secures(secures: &[HoldSecures]) -> Vec<&'static str> {
    let name = |wanted: &HoldSecures| SECURES.iter().find(|(one, _)| one == wanted).map(|(_, name)| *name);
    secures.iter().filter_map(name).collect()
}

pub(crate) fn secures(stored: &[String]) -> Result<Vec<HoldSecures>, LedgerError> {
    let one = |wanted: &String| SECURES.iter().find(|(_, name)| name == wanted).map(|(one, _)| *one);
    stored.iter().map(|name| known(one(name), "what a hold secures")).collect()
}

#[derive(Serialize, Deserialize)]
pub(crate) struct StoredUnknown {
    operation: String,
    since: i64,
    next_check_at: i64,
    settle_by: i64,
}

impl From<&Unknown> for StoredUnknown {
    fn from(unknown: &Unknown) -> Self {
        Self {
            operation: unknown.operation.name().to_owned(),
            since: nanos(unknown.since),
            next_check_at: nanos(unknown.next_check_at),
            settle_by: nanos(unknown.settle_by),
        }
    }
}

impl StoredUnknown {
    pub fn unknown(&self) -> Result<Unknown, LedgerError> {
        Ok(Unknown {
            operation: known(LegOperation::parse(&self.operation), "an operation")?,
            since: instant(self.since)?,
            next_check_at: instant(self.next_check_at)?,
            settle_by: instant(self.settle_by)?,
        })
    }
}

/// Since when, and when next.
#[derive(Serialize, Deserialize)]
pub(crate) struct StoredAgain(i64, i64);

impl From<&Again> for StoredAgain {
    fn from(again: &Again) -> Self {
        Self(nanos(again.since), nanos(again.at))
    }
}

impl StoredAgain {
    pub fn again(&self) -> Result<Again, LedgerError> {
        Ok(Again { since: instant(self.0)?, at: instant(self.1)? })
    }
}

#[derive(Serialize, Deserialize)]
pub(crate) struct StoredCancel {
    name: String,
    lines: BTreeSet<usize>,
}

impl From<&CancelWish> for StoredCancel {
    fn from(wish: &CancelWish) -> Self {
        Self { name: wish.name.clone(), lines: wish.lines.clone() }
    }
}

impl From<StoredCancel> for CancelWish {
    fn from(stored: StoredCancel) -> Self {
        Self { name: stored.name, lines: stored.lines }
    }
}

#[derive(Serialize, Deserialize)]
pub(crate) struct StoredProblem {
    code: String,
    source: Option<String>,
    leg: Option<usize>,
    path: Vec<String>,
    vendor_code: Option<String>,
    retry_after_ms: Option<u64>,
    was: Option<StoredMoney>,
    now: Option<StoredMoney>,
    performance: Option<String>,
    remaining: Option<u32>,
    #[serde(default)]
    wanted: u32,
    /// The last two fields say something, even when both are absent.
    #[serde(default)]
    tells_what_is_left: bool,
}

impl From<&Problem> for StoredProblem {
    fn from(problem: &Problem) -> Self {
        let (was, now) = match &problem.detail {
            Some(Detail::Price { was, now }) => (Some((*was).into()), Some((*now).into())),
            _ => (None, None),
        };
        let (performance, remaining, wanted) = match &problem.detail {
            Some(Detail::Left { performance, remaining, wanted }) => {
                (performance.as_ref().map(|key| key.as_str().to_owned()), *remaining, *wanted)
            }
            _ => (None, None, 0),
        };
        Self {
            code: problem.code.name().to_owned(),
            source: problem.source.as_ref().map(|source| source.as_str().to_owned()),
            leg: problem.leg,
            path: problem.path.clone(),
            vendor_code: problem.vendor_code.clone(),
            retry_after_ms: problem.retry_after.map(|wait| u64::try_from(wait.as_millis()).unwrap_or(u64::MAX)),
            was,
            now,
            performance,
            remaining,
            wanted,
            tells_what_is_left: matches!(problem.detail, Some(Detail::Left { .. })),
        }
    }
}

impl StoredProblem {
    pub fn problem(self) -> Result<Problem, LedgerError> {
        let detail = match (maybe(self.was.as_ref())?, maybe(self.now.as_ref())?) {
            (Some(was), Some(now)) => Some(Detail::Price { was, now }),
            _ if self.tells_what_is_left => {
                let (performance, remaining) = (self.performance.map(PerformanceKey::new), self.remaining);
                Some(Detail::Left { performance, remaining, wanted: self.wanted })
            }
            _ => None,
        };
        Ok(Problem {
            code: known(ProblemCode::parse(&self.code), "a problem")?,
            source: self.source.map(SourceId::new),
            leg: self.leg,
            path: self.path,
            vendor_code: self.vendor_code,
            retry_after: self.retry_after_ms.map(Duration::from_millis),
            detail,
        })
    }
}

pub(crate) type StoredAccount = BTreeMap<String, String>;
