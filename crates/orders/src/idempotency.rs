//! Idempotency: a repeated request returns the order of the first one without another effect.
//!
//! The record of a key is written in the same transaction as the first change of its order. Step keys, which sources receive, are
//! derived in `unit_of_work`.

use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::problem::{Problem, ProblemCode};
use crate::request::Actor;
use crate::store::OrderLookup;
use crate::{OrderOutcome, Orders};
use domain::{OrderKey, StoreError};

/// Use of an idempotency key, kept for [`OrderSettings::idempotency_ttl`](crate::OrderSettings::idempotency_ttl).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyRecord {
    /// Owner of the key: a reseller or an API caller.
    pub scope: String,
    /// Name of the mutation.
    pub operation: String,
    /// Key chosen by the client.
    pub key: String,
    /// Hash of the request.
    pub request_hash: String,
    /// Order that the request created or changed.
    pub order: OrderKey,
}

impl IdempotencyRecord {
    /// Creates the record of a request that creates or changes an order.
    pub(crate) fn new(actor: &Actor, key: &str, operation: &str, request_hash: String, order: OrderKey) -> Self {
        Self {
            scope: actor.idempotency_scope(),
            operation: operation.to_owned(),
            key: key.to_owned(),
            request_hash,
            order,
        }
    }

    /// Name by which a source's queue knows the request when it is repeated.
    pub(crate) fn ticket(&self) -> String {
        request_hash(&(&self.scope, &self.operation, &self.key))
    }
}

impl Orders {
    /// Returns the outcome of an idempotency key that was used before, or the rejection of an invalid key.
    pub(crate) async fn find_replay(
        &self,
        actor: &Actor,
        key: &str,
        operation: &str,
        hash: &str,
    ) -> Result<Option<OrderOutcome>, StoreError> {
        if let Some(problem) = validate_key(key) {
            return Ok(Some(OrderOutcome::rejected(None, vec![problem])));
        }
        let Some(used) = self.0.store.find_idempotency_record(&actor.idempotency_scope(), operation, key).await? else {
            return Ok(None);
        };
        if used.request_hash != hash {
            let problem = Problem::new(ProblemCode::IdempotencyKeyReused).at_path(["input", "idempotencyKey"]);
            return Ok(Some(OrderOutcome::rejected(None, vec![problem])));
        }
        let order = self.0.store.find(&OrderLookup::Key(used.order)).await?;
        Ok(order.map(|order| OrderOutcome::current(order, true)))
    }
}

/// Hashes a request. Equal requests have equal hashes.
pub fn request_hash<T: Serialize + ?Sized>(request: &T) -> String {
    // Requests are plain text and numbers, which always serialize.
    let json = serde_json::to_vec(request).unwrap_or_default();
    hex::encode(Sha256::digest(json))
}

/// Validates an idempotency key.
pub(crate) fn validate_key(key: &str) -> Option<Problem> {
    (!is_valid_key(key)).then(|| Problem::new(ProblemCode::IdempotencyKeyInvalid).at_path(["input", "idempotencyKey"]))
}

/// Returns true for an idempotency key that is not blank and has at most 128 bytes.
pub fn is_valid_key(key: &str) -> bool {
    !key.trim().is_empty() && key.len() <= 128
}
