//! Problems of orders as the schema shows them.

use std::sync::Arc;

use async_graphql::ID;

use crate::graphql::ctx::Ctx;
use crate::graphql::id;
use crate::graphql::problem::{GeneralProblem, NotAvailableProblem, PriceChangedProblem, Problem, ProblemCode, Retry};
use crate::graphql::sources::Source;
use catalog::Sourced;
use domain::OrderKey;
use orders::{self, Detail};

/// Problems of an order, or of an input that made none.
pub fn problems(ctx: &Ctx, order: Option<OrderKey>, told: &[orders::Problem]) -> Vec<Problem> {
    told.iter().map(|problem| shown(ctx, order, problem)).collect()
}

fn shown(ctx: &Ctx, order: Option<OrderKey>, problem: &orders::Problem) -> Problem {
    let general = general(ctx, order, problem);
    match &problem.detail {
        Some(Detail::Price { was, now }) => {
            Problem::PriceChanged(PriceChangedProblem { general, was: *was, now: *now })
        }
        Some(Detail::Left { performance, remaining, wanted }) => {
            let source = general.source.as_ref().map(|source| Arc::clone(&source.0));
            let performance = source.zip(performance.clone()).map(|(source, key)| Sourced::new(source, key));
            let (remaining, wanted) = (*remaining, *wanted);
            Problem::NotAvailable(NotAvailableProblem { general, remaining, performance, wanted })
        }
        None => Problem::General(general),
    }
}

fn general(ctx: &Ctx, order: Option<OrderKey>, problem: &orders::Problem) -> GeneralProblem {
    let source = problem.source.as_ref().and_then(|source| ctx.federation().find_source(source));
    let leg: Option<ID> = order.zip(problem.leg).map(|(order, leg)| id::leg_id(order, leg));
    GeneralProblem {
        retry_after: problem.retry_after,
        source: source.map(|source| Source(Arc::clone(source))),
        leg,
        path: (!problem.path.is_empty()).then(|| problem.path.clone()),
        vendor_code: problem.vendor_code.clone(),
        ..GeneralProblem::new(ProblemCode::Order(problem.code), retry(problem.code.retry()))
    }
}

fn retry(retry: orders::Retry) -> Retry {
    match retry {
        orders::Retry::Never => Retry::Never,
        orders::Retry::SameKeyAfterDelay => Retry::SameKeyAfterDelay,
        orders::Retry::AfterRequery => Retry::AfterRequery,
        orders::Retry::WithNewInput => Retry::WithNewInput,
    }
}
