//! A new order: what the sources say about its lines now, the checks that need it, and the plan. Books nothing.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use futures_util::future::join_all;
use jiff::Timestamp;

use crate::facts::{self, Fact};
use crate::leg::{Leg, LegTraits};
use crate::order::{Line, Order};
use crate::plan::{Plan, plan};
use crate::problem::{Problem, ProblemCode};
use crate::request::{Asker, CreateOrder, line_path};
use crate::rules::{Rules, earlier};
use crate::status::Intent;
use domain::ordering::{DeliveryPreference, SettlementRefusal};
use domain::{Environment, LegShape, OrderKey, PerformanceKey, Source, SourceId, VendorError};

/// Under which accounts resellers sell.
pub trait SellingAccounts: Send + Sync {
    /// Whether the reseller is known at all.
    fn knows(&self, reseller: &str) -> bool;

    /// Settings of the reseller in a source (organisation, point of sale …); none: it does not sell there.
    fn account(&self, reseller: &str, source: &SourceId) -> Option<BTreeMap<String, String>>;
}

/// Everything that planning reads.
pub(crate) struct Planner<'a> {
    pub sources: &'a HashMap<SourceId, Source>,
    pub accounts: &'a dyn SellingAccounts,
    pub rules: &'a Rules,
    pub now: Timestamp,
}

impl Planner<'_> {
    /// Plans and prices an order. Every problem found is told, each with the part of the input that it is about.
    pub async fn plan(&self, asker: &Asker, input: &CreateOrder) -> Result<Order, Vec<Problem>> {
        let reseller = self.reseller(asker, input)?;
        let sellers = self.sellers(input)?;
        let is_test = one_environment(&sellers, input)?;
        let facts = self.ask(&sellers, input).await;
        let lines = self.lines(input, &facts)?;
        let mut order = self.sketch(asker, input, lines, reseller);
        order.is_test = is_test;
        self.settle(&mut order)?;
        let ranks: Vec<u8> = order.legs.iter().map(|leg| self.sources[&leg.source].facts.confirm_rank).collect();
        order.plan = plan(&order, &ranks, self.now)?;
        Ok(order)
    }

    /// The reseller that sells: the caller's own, or the one that a caller without one names.
    fn reseller(&self, asker: &Asker, input: &CreateOrder) -> Result<Option<String>, Vec<Problem>> {
        let refuse = || vec![Problem::new(ProblemCode::UnknownReseller).at(["input", "reseller"])];
        match (&asker.reseller, &input.reseller) {
            (Some(own), Some(named)) if own != named => Err(refuse()),
            (None, Some(named)) if !self.accounts.knows(named) => Err(refuse()),
            (own, named) => Ok(own.clone().or_else(|| named.clone())),
        }
    }

    /// The sources of all lines, each of which must exist and sell.
    fn sellers(&self, input: &CreateOrder) -> Result<BTreeMap<SourceId, &Source>, Vec<Problem>> {
        let mut sellers = BTreeMap::new();
        let mut problems = Vec::new();
        for (number, line) in input.lines.iter().enumerate() {
            match self.sources.get(&line.source) {
                None => {
                    problems.push(Problem::new(ProblemCode::UnknownPerformance).at(line_path(number, "performance")));
                }
                Some(source) if source.ordering.is_none() => {
                    let problem = Problem::new(ProblemCode::UnsupportedBySource).of(&source.id);
                    problems.push(problem.at(line_path(number, "performance")));
                }
                Some(source) => {
                    sellers.insert(source.id.clone(), source);
                }
            }
        }
        if problems.is_empty() { Ok(sellers) } else { Err(problems) }
    }

    /// Asks every source at once; the age of what is free is zero.
    async fn ask(
        &self,
        sellers: &BTreeMap<SourceId, &Source>,
        input: &CreateOrder,
    ) -> HashMap<(SourceId, PerformanceKey), Result<Fact, VendorError>> {
        let asked = sellers.values().map(|source| async {
            let keys: BTreeSet<&PerformanceKey> =
                input.lines.iter().filter(|line| line.source == source.id).map(|line| &line.performance).collect();
            let keys: Vec<PerformanceKey> = keys.into_iter().cloned().collect();
            facts::ask_source(source, &keys)
                .await
                .into_iter()
                .map(|(key, fact)| ((source.id.clone(), key), fact))
                .collect()
        });
        let answers: Vec<Vec<_>> = join_all(asked).await;
        answers.into_iter().flatten().collect()
    }

    fn lines(
        &self,
        input: &CreateOrder,
        facts: &HashMap<(SourceId, PerformanceKey), Result<Fact, VendorError>>,
    ) -> Result<Vec<(SourceId, Line)>, Vec<Problem>> {
        let mut lines = Vec::new();
        let mut problems = Vec::new();
        for (number, asked) in input.lines.iter().enumerate() {
            let fact = facts.get(&(asked.source.clone(), asked.performance.clone()));
            let line = match fact {
                Some(Ok(fact)) => facts::line(number, input, fact, self.now),
                Some(Err(error)) => Err(facts::unread(error, number)),
                None => Err(Problem::new(ProblemCode::SourceFault)),
            };
            match line {
                Ok(line) => lines.push((asked.source.clone(), line)),
                Err(problem) => problems.push(problem.of(&asked.source)),
            }
        }
        if problems.is_empty() { Ok(lines) } else { Err(problems) }
    }

    /// The order with a leg for each source, in order of their first lines.
    fn sketch(
        &self,
        asker: &Asker,
        input: &CreateOrder,
        lines: Vec<(SourceId, Line)>,
        reseller: Option<String>,
    ) -> Order {
        let key = OrderKey::draw();
        let number = number_of(key);
        let mut sources: Vec<SourceId> = Vec::new();
        for (source, _) in &lines {
            if !sources.contains(source) {
                sources.push(source.clone());
            }
        }
        let place = |source: &SourceId| sources.iter().position(|other| other == source).unwrap_or(0);
        let lines: Vec<Line> = lines.iter().map(|(source, line)| Line { leg: place(source), ..line.clone() }).collect();
        let legs = sources.iter().enumerate().map(|(place, source)| self.leg(place, source, &number, &lines)).collect();
        Order {
            key,
            number,
            version: 0,
            caller: asker.caller.clone(),
            reseller,
            reseller_reference: input.reseller_reference.clone(),
            policy: input.policy,
            is_test: input.is_test,
            contact: input.contact.clone(),
            locale: input.locale.clone(),
            delivery: input.delivery,
            intent: Intent::None,
            is_placed: false,
            plan: Plan::none(),
            lines,
            legs,
            tickets: Vec::new(),
            created_at: self.now,
            updated_at: self.now,
        }
    }

    fn leg(&self, place: usize, source: &SourceId, number: &str, lines: &[Line]) -> Leg {
        let facts = &self.sources[source].facts;
        let terms = self.rules.terms(source);
        let first = lines.iter().filter(|line| line.leg == place).filter_map(|line| line.starts_at).min();
        let traits = LegTraits {
            shape: LegShape::HoldThenConfirm,
            has_undo: self.sources[source].refunds.is_some(),
            undo_is_proven: facts.undo_is_proven,
            cancels_in_part: facts.cancels_in_part,
            extends_holds: self.sources[source].hold_extension.is_some(),
            honours_keys: facts.honours_idempotency_keys,
            slow_confirm: facts.slow_confirm,
            hold_ttl: facts.hold_ttl,
            cancel_until: first.map(|first| earlier(first, terms.until_before_start)),
            cancel_fee: terms.fee,
        };
        let reference = format!("{}-{}", number.replace('-', ""), place + 1);
        Leg::new(place, source.clone(), reference, traits)
    }

    /// Asks each source how it books its leg, and whether it can be paid.
    fn settle(&self, order: &mut Order) -> Result<(), Vec<Problem>> {
        let mut problems = Vec::new();
        for number in 0..order.legs.len() {
            let source = &self.sources[&order.legs[number].source];
            let Some(ordering) = &source.ordering else { continue };
            let mut refusal = None;
            if let Some(reseller) = &order.reseller {
                match self.accounts.account(reseller, &source.id) {
                    Some(account) => order.legs[number].account = account,
                    None => refusal = Some(SettlementRefusal::NoAccount),
                }
            }
            let request = order.request(&order.legs[number]);
            let has_app = source.facts.delivers_to_app || request.delivery == DeliveryPreference::Barcode;
            let refusal = refusal.or((!has_app).then_some(SettlementRefusal::Delivery));
            let code = match refusal.or_else(|| ordering.refuses(&request)) {
                Some(SettlementRefusal::NoInstrument | SettlementRefusal::NoAccount) => {
                    ProblemCode::SettlementUnsupported
                }
                Some(SettlementRefusal::Delivery) => ProblemCode::UnsupportedBySource,
                None => {
                    order.legs[number].traits.shape = ordering.shape(&request);
                    continue;
                }
            };
            problems.push(Problem::new(code).of(&source.id).on_leg(number));
        }
        if problems.is_empty() { Ok(()) } else { Err(problems) }
    }
}

/// All sources are for trying out, or none is; and a test order buys nothing real. Tells which.
fn one_environment(sellers: &BTreeMap<SourceId, &Source>, input: &CreateOrder) -> Result<bool, Vec<Problem>> {
    let is_test = |source: &&&Source| source.environment == Environment::Sandbox;
    let tests = sellers.values().filter(is_test).count();
    if tests == sellers.len() {
        return Ok(true);
    }
    if tests == 0 && !input.is_test {
        return Ok(false);
    }
    let wrong = sellers.values().filter(|source| !is_test(source));
    Err(wrong
        .map(|source| Problem::new(ProblemCode::TestAndLiveMixed).of(&source.id).at(["input", "testMode"]))
        .collect())
}

/// A number that can be read over the telephone: 60 bits of the key without I, L, O and U.
fn number_of(key: OrderKey) -> String {
    const LETTERS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    let bits = key.0.as_u128();
    let letters: Vec<char> = (0..12_u32)
        .map(|place| {
            let five = (bits >> (place * 5)) & 31;
            LETTERS.get(usize::try_from(five).unwrap_or(0)).map_or('0', |letter| char::from(*letter))
        })
        .collect();
    letters.chunks(4).map(|group| group.iter().collect::<String>()).collect::<Vec<_>>().join("-")
}
