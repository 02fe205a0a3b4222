//! JSON encoding of structured columns. The formats outlive deployments, so they are separate from the domain types and
//! change only by adding fields with a default.

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;
use std::time::Duration;

use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use domain::StoreError;
use domain::ordering::HoldSecures;
use domain::{Currency, ExternalRef, Money, PerformanceKey, Price, SourceId, Tax};
use orders::leg::{
    LegCancellation, LegCapabilities, LegOperation, RetrySchedule, TicketSearch, TicketSearchEnd, UnknownOutcome,
};
use orders::order::OrderNote;
use orders::plan::{Guarantee, Plan, Risk, RiskKind};
use orders::problem::{Problem, ProblemCode, ProblemDetail};

/// Encodes a value as JSON.
pub(crate) fn encode_json<T: Serialize>(shape: &T) -> Result<String, StoreError> {
    serde_json::to_string(shape).map_err(|_| StoreError::Unreadable("a value cannot be encoded as JSON".to_owned()))
}

/// Decodes a value from JSON.
pub(crate) fn decode_json<T: DeserializeOwned>(text: &str) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|error| unreadable(&format!("a JSON value, line {}", error.line())))
}

/// Fails if a stored name is unknown, for example because a newer version wrote it.
pub(crate) fn require<T>(found: Option<T>, what: &str) -> Result<T, StoreError> {
    found.ok_or_else(|| unreadable(what))
}

/// Encodes an enum value as its stored name.
pub(crate) fn encode_name<T: Into<&'static str>>(value: T) -> &'static str {
    value.into()
}

/// Decodes an enum value from its stored name. Fails if the name is unknown.
pub(crate) fn decode_name<T: FromStr>(name: &str, what: &str) -> Result<T, StoreError> {
    require(name.parse().ok(), what)
}

pub(crate) fn unreadable(what: &str) -> StoreError {
    StoreError::Unreadable(what.to_owned())
}

/// Returns nanoseconds since 1970, the column format of timestamps.
pub(crate) fn to_nanos(at: Timestamp) -> i64 {
    i64::try_from(at.as_nanosecond()).unwrap_or(i64::MAX)
}

/// Returns the nanoseconds of a duration, the unit of leases.
pub(crate) fn duration_nanos(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX / 4)
}

pub(crate) fn from_nanos(nanos: i64) -> Result<Timestamp, StoreError> {
    Timestamp::from_nanosecond(nanos.into()).map_err(|_| unreadable("an instant"))
}

/// Minor units and currency code.
#[derive(Serialize, Deserialize)]
pub(crate) struct StoredMoney(i64, String);

impl From<Money> for StoredMoney {
    fn from(money: Money) -> Self {
        Self(money.amount, money.currency.code().to_owned())
    }
}

impl StoredMoney {
    pub(crate) fn decode(&self) -> Result<Money, StoreError> {
        let currency: Currency = self.1.parse().map_err(|_| unreadable("a currency"))?;
        Ok(Money::new(self.0, currency))
    }
}

pub(crate) fn decode_moneys(stored: &[StoredMoney]) -> Result<Vec<Money>, StoreError> {
    stored.iter().map(StoredMoney::decode).collect()
}

pub(crate) fn encode_moneys(moneys: &[Money]) -> Vec<StoredMoney> {
    moneys.iter().map(|money| (*money).into()).collect()
}

fn decode_optional_money(stored: Option<&StoredMoney>) -> Result<Option<Money>, StoreError> {
    stored.map(StoredMoney::decode).transpose()
}

/// Kind and value of an external reference.
pub(crate) type StoredRef = (String, String);

pub(crate) fn encode_refs(refs: &[ExternalRef]) -> Vec<StoredRef> {
    refs.iter().map(|external| (external.kind.clone(), external.value.clone())).collect()
}

pub(crate) fn decode_refs(stored: Vec<StoredRef>) -> Vec<ExternalRef> {
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

impl StoredPrice {
    /// Returns the price that the visitor pays.
    pub(crate) fn retail(&self) -> Result<Money, StoreError> {
        self.retail.decode()
    }
}

impl From<&Price> for StoredPrice {
    fn from(price: &Price) -> Self {
        Self {
            retail: price.retail.into(),
            original: price.original.map(Into::into),
            fees: price.fees.map(Into::into),
            taxes: price.taxes.iter().map(|tax| (tax.name.clone(), tax.amount.into())).collect(),
            guaranteed_until: price.guaranteed_until.map(to_nanos),
        }
    }
}

impl StoredPrice {
    pub(crate) fn decode(self) -> Result<Price, StoreError> {
        let taxes: Result<Vec<Tax>, StoreError> =
            self.taxes.into_iter().map(|(name, amount)| Ok(Tax { name, amount: amount.decode()? })).collect();
        Ok(Price {
            retail: self.retail.decode()?,
            original: decode_optional_money(self.original.as_ref())?,
            fees: decode_optional_money(self.fees.as_ref())?,
            taxes: taxes?,
            guaranteed_until: self.guaranteed_until.map(from_nanos).transpose()?,
        })
    }
}

/// Time, author and text of a note.
#[derive(Serialize, Deserialize)]
pub(crate) struct StoredNote {
    at: i64,
    by: String,
    text: String,
}

impl From<&OrderNote> for StoredNote {
    fn from(note: &OrderNote) -> Self {
        Self { at: to_nanos(note.at), by: note.by.clone(), text: note.text.clone() }
    }
}

impl StoredNote {
    pub(crate) fn decode(self) -> Result<OrderNote, StoreError> {
        Ok(OrderNote { at: from_nanos(self.at)?, by: self.by, text: self.text })
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
            loss: encode_moneys(&plan.worst_case_loss),
        }
    }
}

impl StoredPlan {
    pub(crate) fn decode(self) -> Result<Plan, StoreError> {
        let risk =
            |(kind, leg): &(String, usize)| Ok(Risk { kind: require(RiskKind::parse(kind), "a risk")?, leg: *leg });
        let risks: Result<Vec<Risk>, StoreError> = self.risks.iter().map(risk).collect();
        Ok(Plan {
            guarantee: require(Guarantee::parse(&self.guarantee), "a guarantee")?,
            confirm_sequence: self.sequence,
            risks: risks?,
            worst_case_loss: decode_moneys(&self.loss)?,
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
    #[serde(default)]
    holds_seats: bool,
    #[serde(default)]
    needs_contact_at_hold: bool,
    #[serde(rename = "honours_keys")]
    honors_keys: bool,
    slow_confirm_ms: u64,
    hold_ttl_ms: u64,
    cancel_until: Option<i64>,
    cancel_fee: u32,
}

impl From<&LegCapabilities> for StoredTraits {
    fn from(traits: &LegCapabilities) -> Self {
        let ms = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        Self {
            shape: encode_name(traits.shape).to_owned(),
            has_undo: traits.has_undo,
            undo_is_proven: traits.undo_is_proven,
            cancels_in_part: traits.cancels_in_part,
            extends_holds: traits.extends_holds,
            holds_seats: traits.holds_seats,
            needs_contact_at_hold: traits.needs_contact_at_hold,
            honors_keys: traits.honors_keys,
            slow_confirm_ms: ms(traits.slow_confirm),
            hold_ttl_ms: ms(traits.hold_ttl),
            cancel_until: traits.cancel_until.map(to_nanos),
            cancel_fee: traits.cancel_fee,
        }
    }
}

impl StoredTraits {
    pub(crate) fn decode(&self) -> Result<LegCapabilities, StoreError> {
        Ok(LegCapabilities {
            shape: decode_name(&self.shape, "the shape of a leg")?,
            has_undo: self.has_undo,
            undo_is_proven: self.undo_is_proven,
            cancels_in_part: self.cancels_in_part,
            extends_holds: self.extends_holds,
            holds_seats: self.holds_seats,
            needs_contact_at_hold: self.needs_contact_at_hold,
            honors_keys: self.honors_keys,
            slow_confirm: Duration::from_millis(self.slow_confirm_ms),
            hold_ttl: Duration::from_millis(self.hold_ttl_ms),
            cancel_until: self.cancel_until.map(from_nanos).transpose()?,
            cancel_fee: self.cancel_fee,
        })
    }
}

pub(crate) fn encode_secures(secures: &[HoldSecures]) -> Vec<&'static str> {
    secures.iter().map(|secured| encode_name(*secured)).collect()
}

pub(crate) fn decode_secures(stored: &[String]) -> Result<Vec<HoldSecures>, StoreError> {
    stored.iter().map(|name| decode_name(name, "a part secured by a hold")).collect()
}

#[derive(Serialize, Deserialize)]
pub(crate) struct StoredUnknown {
    operation: String,
    since: i64,
    next_check_at: i64,
    settle_by: i64,
}

impl From<&UnknownOutcome> for StoredUnknown {
    fn from(unknown: &UnknownOutcome) -> Self {
        Self {
            operation: unknown.operation.name().to_owned(),
            since: to_nanos(unknown.since),
            next_check_at: to_nanos(unknown.next_lookup_at),
            settle_by: to_nanos(unknown.settle_deadline),
        }
    }
}

impl StoredUnknown {
    pub(crate) fn decode(&self) -> Result<UnknownOutcome, StoreError> {
        Ok(UnknownOutcome {
            operation: require(LegOperation::parse(&self.operation), "an operation")?,
            since: from_nanos(self.since)?,
            next_lookup_at: from_nanos(self.next_check_at)?,
            settle_deadline: from_nanos(self.settle_by)?,
        })
    }
}

/// Start of the schedule and time of the next attempt.
#[derive(Serialize, Deserialize)]
pub(crate) struct StoredRetrySchedule(i64, i64);

impl From<&RetrySchedule> for StoredRetrySchedule {
    fn from(again: &RetrySchedule) -> Self {
        Self(to_nanos(again.since), to_nanos(again.next_at))
    }
}

impl StoredRetrySchedule {
    pub(crate) fn decode(&self) -> Result<RetrySchedule, StoreError> {
        Ok(RetrySchedule { since: from_nanos(self.0)?, next_at: from_nanos(self.1)? })
    }
}

/// End of a search for tickets, in a column of its own: versions before it read the schedule alone.
#[derive(Serialize, Deserialize)]
pub(crate) struct StoredTicketsEnd {
    since: i64,
    is_accepted: bool,
}

impl StoredTicketsEnd {
    pub(crate) fn of(search: Option<TicketSearch>) -> Option<Self> {
        let search = search?;
        Some(Self { since: to_nanos(search.since), is_accepted: search.end? == TicketSearchEnd::Accepted })
    }
}

/// Returns the scheduled read of a search.
pub(crate) fn ticket_schedule(search: Option<TicketSearch>) -> Option<StoredRetrySchedule> {
    let search = search?;
    Some(StoredRetrySchedule(to_nanos(search.since), to_nanos(search.next_at?)))
}

/// Returns the search of a schedule and an end.
pub(crate) fn ticket_search(
    schedule: Option<RetrySchedule>,
    end: Option<StoredTicketsEnd>,
) -> Result<Option<TicketSearch>, StoreError> {
    let next_at = schedule.map(|schedule| schedule.next_at);
    let Some(end) = end else {
        return Ok(schedule.map(|schedule| TicketSearch { since: schedule.since, next_at, end: None }));
    };
    let since = from_nanos(end.since)?;
    let end = if end.is_accepted { TicketSearchEnd::Accepted } else { TicketSearchEnd::NotFound };
    Ok(Some(TicketSearch { since, next_at, end: Some(end) }))
}

#[derive(Serialize, Deserialize)]
pub(crate) struct StoredCancelRequest {
    name: String,
    lines: BTreeSet<usize>,
}

impl From<&LegCancellation> for StoredCancelRequest {
    fn from(wish: &LegCancellation) -> Self {
        Self { name: wish.quote.clone(), lines: wish.lines.clone() }
    }
}

impl From<StoredCancelRequest> for LegCancellation {
    fn from(stored: StoredCancelRequest) -> Self {
        Self { quote: stored.name, lines: stored.lines }
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
    /// True if the vacancy fields are meaningful, even if both are absent.
    #[serde(default)]
    tells_what_is_left: bool,
}

impl From<&Problem> for StoredProblem {
    fn from(problem: &Problem) -> Self {
        let (was, now) = match &problem.detail {
            Some(ProblemDetail::Price { was, now }) => (Some((*was).into()), Some((*now).into())),
            _ => (None, None),
        };
        let (performance, remaining, wanted) = match &problem.detail {
            Some(ProblemDetail::Remaining { performance, remaining, wanted }) => {
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
            tells_what_is_left: matches!(problem.detail, Some(ProblemDetail::Remaining { .. })),
        }
    }
}

impl StoredProblem {
    pub(crate) fn decode(self) -> Result<Problem, StoreError> {
        let detail = match (decode_optional_money(self.was.as_ref())?, decode_optional_money(self.now.as_ref())?) {
            (Some(was), Some(now)) => Some(ProblemDetail::Price { was, now }),
            _ if self.tells_what_is_left => {
                let (performance, remaining) = (self.performance.map(PerformanceKey::new), self.remaining);
                Some(ProblemDetail::Remaining { performance, remaining, wanted: self.wanted })
            }
            _ => None,
        };
        Ok(Problem {
            // A later version may know more.
            code: ProblemCode::parse(&self.code).unwrap_or(ProblemCode::SourceFault),
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

#[cfg(test)]
mod tests {
    use domain::LegShape;
    use domain::ordering::{DeliveryPreference, Symbology};
    use orders::order::FulfillmentPolicy;

    use super::*;

    fn names<T: Copy + Into<&'static str>>(values: &[T]) -> Vec<&'static str> {
        values.iter().map(|value| encode_name(*value)).collect()
    }

    #[test]
    fn stored_names_never_change() {
        assert_eq!(
            names(&[LegShape::HoldThenConfirm, LegShape::ConfirmOnly, LegShape::CommitsAtHold]),
            ["HOLD_THEN_CONFIRM", "CONFIRM_ONLY", "COMMITS_AT_HOLD"]
        );
        assert_eq!(
            names(&[HoldSecures::Capacity, HoldSecures::Seats, HoldSecures::Price]),
            ["CAPACITY", "SEATS", "PRICE"]
        );
        assert_eq!(
            names(&[FulfillmentPolicy::AllOrNothing, FulfillmentPolicy::BestEffort]),
            ["ALL_OR_NOTHING", "BEST_EFFORT"]
        );
        assert_eq!(names(&[DeliveryPreference::Barcode, DeliveryPreference::MobileApp]), ["BARCODE", "MOBILE_APP"]);
        assert_eq!(
            names(&[Symbology::Qr, Symbology::Code128, Symbology::Aztec, Symbology::Pdf417, Symbology::Other]),
            ["QR", "CODE128", "AZTEC", "PDF417", "OTHER"]
        );
        assert!(decode_name::<Symbology>("SWIPE", "a symbology").is_err());
    }
}
