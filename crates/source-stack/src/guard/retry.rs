//! Decides whether a failed call may be retried.

use domain::{Effect, VendorError, VendorOperation};

/// True if the failure is transient and a second call can do no harm.
pub(super) fn is_retryable(operation: VendorOperation, error: &VendorError, honors_idempotency_keys: bool) -> bool {
    // The turn has not come within the time that the caller can wait: only the caller knows when to ask again.
    if error.awaits_turn && operation.is_order_call() {
        return false;
    }
    let is_idempotent = honors_idempotency_keys && carries_step_key(operation);
    error.kind.is_transient() && (operation.is_read_only() || error.effect == Effect::None || is_idempotent)
}

/// True if the call sends a step key, by which the vendor can identify a repeated request.
fn carries_step_key(operation: VendorOperation) -> bool {
    matches!(
        operation,
        VendorOperation::Hold
            | VendorOperation::Extend
            | VendorOperation::Confirm
            | VendorOperation::Release
            | VendorOperation::Cancel
    )
}

#[cfg(test)]
mod tests {
    use domain::{ErrorKind, SourceId};

    use super::*;

    #[test]
    fn a_call_is_retried_only_if_the_failure_is_transient_and_a_retry_does_no_harm() {
        use Effect::{None as Nothing, Unknown};
        use ErrorKind::{Internal, Malformed, NotFound, RateLimited, Timeout, Unauthorized, Unavailable, Unsupported};
        use VendorOperation::{Admit, Cancel, Confirm, Hold, LoadEvents, LookUp, WriteTokens};
        let table = [
            // operation, kind, effect, honors idempotency keys => is retried
            (LoadEvents, Unavailable, Nothing, false, true),
            (LoadEvents, Timeout, Unknown, false, true),
            (LookUp, RateLimited, Nothing, false, true),
            (LoadEvents, NotFound, Nothing, true, false),
            (LoadEvents, Malformed, Nothing, true, false),
            (LoadEvents, Unauthorized, Nothing, true, false),
            (Hold, Unavailable, Nothing, false, true),
            (Hold, RateLimited, Nothing, false, true),
            (Hold, Timeout, Unknown, false, false),
            (Hold, Unavailable, Unknown, false, false),
            (Hold, Timeout, Unknown, true, true),
            (Confirm, Unavailable, Unknown, true, true),
            (Confirm, Malformed, Unknown, true, false),
            (Cancel, Unsupported, Nothing, true, false),
            (Cancel, Internal, Unknown, true, false),
            // These calls carry no step key, so idempotency keys do not protect them.
            (Admit, Timeout, Unknown, true, false),
            (WriteTokens, Unavailable, Unknown, true, false),
            (WriteTokens, Unavailable, Nothing, false, true),
        ];
        for (operation, kind, effect, honors_idempotency_keys, expected) in table {
            let error = VendorError::new(&SourceId::new("opera"), operation, kind.clone()).with_effect(effect);
            let actual = is_retryable(operation, &error, honors_idempotency_keys);
            assert_eq!(actual, expected, "{operation:?} {kind:?} {effect:?}");
        }
    }
}
