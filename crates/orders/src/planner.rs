//! Creates a planned order: facts from the sources, checks, settlement and plan. Books nothing.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use futures_util::future::join_all;
use jiff::Timestamp;
use tokio::time::Instant;

use crate::facts::{self, LineFacts};
use crate::leg::{Leg, LegCapabilities};
use crate::order::{Line, Order};
use crate::plan::Plan;
use crate::planning::build_plan;
use crate::problem::{Problem, ProblemCode};
use crate::request::{Actor, CreateOrder, line_path};
use crate::settings::OrderSettings;
use crate::status::Intent;
use domain::ordering::{Contact, DeliveryPreference, SettlementRefusal};
use domain::time::earlier;
use domain::{
    Environment, FailureReason, LegShape, OrderKey, PerformanceKey, RequestClass, RequestTurn, Source, SourceId,
    TurnScope, VendorError,
};
use telemetry::explain;

/// Accounts under which resellers sell at the sources.
pub trait SellingAccounts: Send + Sync {
    /// Returns true if the reseller is configured.
    fn has_reseller(&self, reseller: &str) -> bool;

    /// Returns the own contact of a reseller, or of the operator's shop.
    fn contact(&self, reseller: Option<&str>) -> Option<Contact>;

    /// Returns the account settings of the reseller at a source (organization, point of sale …). `None` if the
    /// reseller does not sell there.
    fn account(&self, reseller: &str, source: &SourceId) -> Option<BTreeMap<String, String>>;
}

/// Inputs of planning.
pub(crate) struct OrderPlanner<'a> {
    pub sources: &'a HashMap<SourceId, Source>,
    pub accounts: &'a dyn SellingAccounts,
    pub settings: &'a OrderSettings,
    pub now: Timestamp,
    /// Order that the new one replaces.
    pub replaced: Option<&'a Order>,
}

impl OrderPlanner<'_> {
    /// Plans and prices an order. Returns every problem found, each with the path of the input it concerns.
    pub(crate) async fn plan(&self, actor: &Actor, input: &CreateOrder) -> Result<Order, Vec<Problem>> {
        let reseller = self.resolve_reseller(actor, input)?;
        let sellers = self.resolve_sources(input)?;
        let is_test = check_environment(&sellers, input)?;
        let latest = Instant::now() + self.settings.response_timeout / 2;
        let turn = RequestTurn { due: Some(latest), latest: Some(latest), ..RequestTurn::of(RequestClass::Plan) };
        let facts = TurnScope::new(turn).run(self.load_facts(&sellers, input)).await;
        let lines = self.price_lines(input, &facts)?;
        let mut order = self.draft_order(OrderKey::random(), actor, input, &lines, reseller);
        order.is_test = is_test;
        let mut order = self.settle_and_plan(order)?;
        self.set_hold_contact(&mut order)?;
        Ok(order)
    }

    /// Sets the seller's own contact for the sources that require one at the hold, if the visitor is not known yet.
    fn set_hold_contact(&self, order: &mut Order) -> Result<(), Vec<Problem>> {
        if order.contact.is_some() {
            return Ok(());
        }
        order.hold_contact = self.replaced.and_then(|replaced| replaced.hold_contact.clone());
        if order.hold_contact.is_some() {
            return Ok(());
        }
        let Some(leg) = order.legs.iter().find(|leg| leg.needs_contact_at_hold()) else { return Ok(()) };
        let missing = Problem::new(ProblemCode::ContactMissing).for_source(&leg.source).at_path(["input", "contact"]);
        order.hold_contact = Some(self.accounts.contact(order.reseller.as_deref()).ok_or_else(|| vec![missing])?);
        Ok(())
    }

    /// Checks the settlement of a drafted order, and plans the sequence of its steps.
    pub(crate) fn settle_and_plan(&self, mut order: Order) -> Result<Order, Vec<Problem>> {
        self.plan_settlement(&mut order)?;
        let ranks: Vec<u8> = order.legs.iter().map(|leg| self.sources[&leg.source].traits.confirm_rank).collect();
        order.plan = build_plan(&order, &ranks, self.now)?;
        Ok(order)
    }

    /// Resolves the selling reseller: the one of the caller, or else the one named in the input.
    fn resolve_reseller(&self, actor: &Actor, input: &CreateOrder) -> Result<Option<String>, Vec<Problem>> {
        let refuse = || vec![Problem::new(ProblemCode::UnknownReseller).at_path(["input", "reseller"])];
        match (&actor.reseller, &input.reseller) {
            (Some(own), Some(named)) if own != named => Err(refuse()),
            (None, Some(named)) if !self.accounts.has_reseller(named) => Err(refuse()),
            (own, named) => Ok(own.clone().or_else(|| named.clone())),
        }
    }

    /// Resolves the sources of all lines. Each source must exist and support ordering.
    fn resolve_sources(&self, input: &CreateOrder) -> Result<BTreeMap<SourceId, &Source>, Vec<Problem>> {
        let mut sellers = BTreeMap::new();
        let mut problems = Vec::new();
        for (number, line) in input.lines.iter().enumerate() {
            match self.sources.get(&line.source) {
                None => {
                    problems
                        .push(Problem::new(ProblemCode::UnknownPerformance).at_path(line_path(number, "performance")));
                }
                Some(source) if source.ordering.is_none() => {
                    let problem = Problem::new(ProblemCode::UnsupportedBySource).for_source(&source.id);
                    problems.push(problem.at_path(line_path(number, "performance")));
                }
                Some(source) => {
                    sellers.insert(source.id.clone(), source);
                }
            }
        }
        if problems.is_empty() { Ok(sellers) } else { Err(problems) }
    }

    /// Loads the facts of all lines from their sources concurrently, uncached.
    async fn load_facts(
        &self,
        sellers: &BTreeMap<SourceId, &Source>,
        input: &CreateOrder,
    ) -> HashMap<(SourceId, PerformanceKey), Result<LineFacts, VendorError>> {
        let loads = sellers.values().map(|source| async {
            let keys: BTreeSet<&PerformanceKey> =
                input.lines.iter().filter(|line| line.source == source.id).map(|line| &line.performance).collect();
            let keys: Vec<PerformanceKey> = keys.into_iter().cloned().collect();
            facts::load_line_facts(source, &keys)
                .await
                .into_iter()
                .map(|(key, fact)| ((source.id.clone(), key), fact))
                .collect()
        });
        let loaded: Vec<Vec<_>> = join_all(loads).await;
        loaded.into_iter().flatten().collect()
    }

    fn price_lines(
        &self,
        input: &CreateOrder,
        facts: &HashMap<(SourceId, PerformanceKey), Result<LineFacts, VendorError>>,
    ) -> Result<Vec<(SourceId, Line)>, Vec<Problem>> {
        let mut lines = Vec::new();
        let mut problems = Vec::new();
        for (number, requested) in input.lines.iter().enumerate() {
            let fact = facts.get(&(requested.source.clone(), requested.performance.clone()));
            let line = match fact {
                Some(Ok(fact)) => facts::build_line(number, input, fact, self.now),
                Some(Err(error)) => Err(facts::load_problem(error, number)),
                None => Err(Problem::new(ProblemCode::SourceFault)),
            };
            match line {
                Ok(line) => lines.push((requested.source.clone(), line)),
                Err(problem) => problems.push(problem.for_source(&requested.source)),
            }
        }
        if problems.is_empty() { Ok(lines) } else { Err(problems) }
    }

    /// Drafts the order with one leg per source, in the order of their first lines.
    pub(crate) fn draft_order(
        &self,
        key: OrderKey,
        actor: &Actor,
        input: &CreateOrder,
        lines: &[(SourceId, Line)],
        reseller: Option<String>,
    ) -> Order {
        let number = order_number(key);
        let mut sources: Vec<SourceId> = Vec::new();
        for (source, _) in lines {
            if !sources.contains(source) {
                sources.push(source.clone());
            }
        }
        let leg_of = |source: &SourceId| sources.iter().position(|other| other == source).unwrap_or(0);
        let lines: Vec<Line> =
            lines.iter().map(|(source, line)| Line { leg: leg_of(source), ..line.clone() }).collect();
        let legs =
            sources.iter().enumerate().map(|(index, source)| self.draft_leg(index, source, &number, &lines)).collect();
        Order {
            key,
            number,
            version: 0,
            caller: actor.caller.clone(),
            reseller,
            reseller_reference: input.reseller_reference.clone(),
            policy: input.policy,
            is_test: input.is_test,
            contact: input.contact.clone(),
            hold_contact: None,
            locale: input.locale.clone(),
            delivery: input.delivery,
            replaces: self.replaced.map(|replaced| replaced.key),
            replaced_by: None,
            intent: Intent::None,
            is_placed: false,
            plan: Plan::empty(),
            lines,
            legs,
            notes: Vec::new(),
            tickets: Vec::new(),
            created_at: self.now,
            updated_at: self.now,
        }
    }

    fn draft_leg(&self, index: usize, source: &SourceId, number: &str, lines: &[Line]) -> Leg {
        let facts = &self.sources[source].traits;
        let policy = self.settings.cancellation_policy(source);
        let first = lines.iter().filter(|line| line.leg == index).filter_map(|line| line.starts_at).min();
        let capabilities = LegCapabilities {
            shape: LegShape::HoldThenConfirm,
            has_undo: self.sources[source].refunds.is_some(),
            undo_is_proven: facts.undo_is_proven,
            cancels_in_part: facts.cancels_in_part,
            extends_holds: self.sources[source].hold_extension.is_some(),
            holds_seats: facts.holds_seats,
            needs_contact_at_hold: facts.needs_contact_at_hold,
            honors_keys: facts.honors_idempotency_keys,
            slow_confirm: facts.slow_confirm_duration,
            hold_ttl: facts.hold_ttl,
            cancel_until: first.map(|first| earlier(first, policy.until_before_start)),
            cancel_fee: policy.fee,
        };
        let reference = reference_of(number, index);
        Leg::new(index, source.clone(), reference, capabilities)
    }

    /// Checks the settlement of each leg and records its booking shape.
    fn plan_settlement(&self, order: &mut Order) -> Result<(), Vec<Problem>> {
        let mut problems = Vec::new();
        for number in 0..order.legs.len() {
            let source = &self.sources[&order.legs[number].source];
            let Some(ordering) = &source.ordering else { continue };
            let mut refusal = None;
            if let Some(reseller) = &order.reseller {
                match self.accounts.account(reseller, &source.id) {
                    Some(account) => order.legs[number].account = account,
                    None => refusal = Some(SettlementRefusal::NoAccount { setting: None }),
                }
            }
            let request = order.leg_request(&order.legs[number]);
            let has_app = source.traits.delivers_to_app || request.delivery == DeliveryPreference::Barcode;
            let refusal = refusal.or((!has_app).then_some(SettlementRefusal::UnsupportedDelivery));
            let refusal = refusal.or_else(|| ordering.settlement_refusal(&request));
            if let Some(refusal) = refusal {
                self.report_refusal(source, refusal, order.reseller.as_deref());
            }
            let code = match refusal {
                Some(SettlementRefusal::NoInstrument { .. } | SettlementRefusal::NoAccount { .. }) => {
                    ProblemCode::SettlementUnsupported
                }
                Some(SettlementRefusal::UnsupportedDelivery) => ProblemCode::UnsupportedBySource,
                None => {
                    order.legs[number].capabilities.shape = ordering.shape(&request);
                    continue;
                }
            };
            problems.push(Problem::new(code).for_source(&source.id).on_leg(number));
        }
        if problems.is_empty() { Ok(()) } else { Err(problems) }
    }

    /// Logs, explains and keeps the reason of a refusal for operators. The buyer gets a neutral text.
    fn report_refusal(&self, source: &Source, refusal: SettlementRefusal, reseller: Option<&str>) {
        let reason = FailureReason::of_refused_order(refusal.missing_setting(&source.id, reseller));
        let (missing, setting) = (refusal.missing(), reason.missing_setting.as_deref().unwrap_or("none"));
        let reseller = reseller.unwrap_or("none");
        tracing::warn!(source = %source.id, reseller, missing, setting, "an order cannot be settled");
        explain::record(source.id.as_str(), "plan", |stats| stats.record_reason(&reason));
        if reason.missing_setting.is_some() {
            source.failures.record(self.now, &reason);
        }
    }
}

/// Returns true for a test order. Sandbox and live sources cannot be mixed, and a test order cannot contain live
/// sources.
fn check_environment(sellers: &BTreeMap<SourceId, &Source>, input: &CreateOrder) -> Result<bool, Vec<Problem>> {
    let is_test = |source: &&&Source| source.environment == Environment::Sandbox;
    let tests = sellers.values().filter(is_test).count();
    if tests == sellers.len() {
        return Ok(true);
    }
    if tests == 0 && !input.is_test {
        return Ok(false);
    }
    let live = sellers.values().filter(|source| !is_test(source));
    Err(live
        .map(|source| Problem::new(ProblemCode::TestAndLiveMixed).for_source(&source.id).at_path(["input", "testMode"]))
        .collect())
}

/// Returns the reference of a leg, as vendors store it, of an order that no ledger holds. It has the form of all others, so that
/// reconciliation shows what was left over under it.
pub fn leg_reference(order: OrderKey, leg: usize) -> String {
    reference_of(&order_number(order), leg)
}

fn reference_of(number: &str, leg: usize) -> String {
    format!("{}-{}", number.replace('-', ""), leg + 1)
}

/// Returns a number that can be read aloud: 60 bits of the key, without the letters I, L, O and U.
fn order_number(key: OrderKey) -> String {
    const LETTERS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    let bits = key.0.as_u128();
    let letters: Vec<char> = (0..12_u32)
        .map(|index| {
            let five = (bits >> (index * 5)) & 31;
            LETTERS.get(usize::try_from(five).unwrap_or(0)).map_or('0', |letter| char::from(*letter))
        })
        .collect();
    letters.chunks(4).map(|group| group.iter().collect::<String>()).collect::<Vec<_>>().join("-")
}
