//! Conversion of order problems to their GraphQL types.

use std::sync::Arc;

use async_graphql::ID;
use catalog::Sourced;
use domain::OrderKey;
use orders::{self, ProblemDetail};

use crate::graphql::base::ctx::Ctx;
use crate::graphql::base::id;
use crate::graphql::topics::problem::{
    GeneralProblem, NotAvailableProblem, PriceChangedProblem, Problem, Retry, SchemaProblemCode,
};
use crate::graphql::topics::sources::Source;

/// Converts the problems of an order, or of an input that created none.
pub fn to_problems(ctx: &Ctx, order: Option<OrderKey>, errors: &[orders::Problem]) -> Vec<Problem> {
    errors.iter().map(|problem| to_problem(ctx, order, problem)).collect()
}

fn to_problem(ctx: &Ctx, order: Option<OrderKey>, problem: &orders::Problem) -> Problem {
    let general = to_general_problem(ctx, order, problem);
    match &problem.detail {
        Some(ProblemDetail::Price { was, now }) => {
            Problem::PriceChanged(PriceChangedProblem { general, was: *was, now: *now })
        }
        Some(ProblemDetail::Remaining { performance, remaining, wanted }) => {
            let source = general.source.as_ref().map(|source| Arc::clone(&source.0));
            let performance = source.zip(performance.clone()).map(|(source, key)| Sourced::new(source, key));
            let (remaining, wanted) = (*remaining, *wanted);
            Problem::NotAvailable(NotAvailableProblem { general, remaining, performance, wanted })
        }
        None => Problem::General(general),
    }
}

fn to_general_problem(ctx: &Ctx, order: Option<OrderKey>, problem: &orders::Problem) -> GeneralProblem {
    let source = problem.source.as_ref().and_then(|source| ctx.catalog().find_source(source));
    let leg: Option<ID> = order.zip(problem.leg).map(|(order, leg)| id::leg_id(order, leg));
    GeneralProblem {
        retry_after: problem.retry_after,
        source: source.map(|source| Source(Arc::clone(source))),
        leg,
        path: (!problem.path.is_empty()).then(|| problem.path.clone()),
        vendor_code: problem.vendor_code.clone(),
        ..GeneralProblem::new(SchemaProblemCode::Order(problem.code), to_retry(problem.retry()))
    }
}

fn to_retry(retry: orders::RetryAdvice) -> Retry {
    match retry {
        orders::RetryAdvice::Never => Retry::Never,
        orders::RetryAdvice::SameKeyAfterDelay => Retry::SameKeyAfterDelay,
        orders::RetryAdvice::WithNewKey => Retry::WithNewKey,
        orders::RetryAdvice::AfterRequery => Retry::AfterRequery,
        orders::RetryAdvice::WithNewInput => Retry::WithNewInput,
    }
}
