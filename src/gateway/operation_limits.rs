//! Limits of operations.

use crate::graphql::operation::{LoweredOperation, OperationSize, ParserLimits};

/// Operations with more fields than this multiple of the limit are rejected even if limits only warn.
const MAX_EXPANSION_FACTOR: u64 = 10;

/// Limits of an operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperationLimits {
    /// Bytes of a request body.
    pub body_bytes: usize,
    /// Requests in one batch; 1 rejects arrays.
    pub batch: usize,
    /// Lexical tokens of a document.
    pub tokens: usize,
    /// Nesting of selections, values and types in a document; enforced even if limits only warn.
    pub recursion: usize,
    /// Fields after fragment expansion.
    pub fields: u64,
    /// Nesting depth of fields.
    pub depth: u32,
    /// Aliased fields after fragment expansion.
    pub aliases: u64,
    /// Root fields after fragment expansion.
    pub root_fields: u64,
    /// Directives after fragment expansion.
    pub directives: u64,
    /// Items of one list in an argument.
    pub list_size: usize,
    /// Fields of the response if every page is full.
    pub complexity: u64,
    /// Estimated vendor calls of one operation.
    pub vendor_calls: u64,
    /// Estimated vendor calls per minute of all operations of one caller; `None`: unlimited.
    pub vendor_calls_per_minute: Option<u32>,
    /// Exceeded limits are reported, not enforced.
    pub warn_only: bool,
    /// Everybody may read the schema; otherwise the scope `admin` is required.
    pub introspection: bool,
}

/// An exceeded limit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the operation has {found} {what}; {allowed} are allowed")]
pub struct LimitExceeded {
    /// The limited quantity, for the error message.
    pub what: &'static str,
    /// Allowed amount.
    pub allowed: u64,
    /// Actual amount; counting stops early if it is far beyond the limit.
    pub found: u64,
}

impl OperationLimits {
    /// Compares a size with the limits.
    pub fn check(&self, size: &OperationSize) -> Result<(), LimitExceeded> {
        let pairs = [
            ("fields", self.fields, size.fields),
            ("levels of nesting", self.depth.into(), size.depth.into()),
            ("aliases", self.aliases, size.aliases),
            ("root fields", self.root_fields, size.root_fields),
            ("directives", self.directives, size.directives),
        ];
        for (what, allowed, found) in pairs {
            if found > allowed {
                return Err(LimitExceeded { what, allowed, found });
            }
        }
        Ok(())
    }

    /// Checks that the fragments of an operation can be expanded at all. Callers enforce it even if limits only warn.
    pub fn check_expansion(&self, size: &OperationSize) -> Result<(), LimitExceeded> {
        let allowed = self.fields.saturating_mul(MAX_EXPANSION_FACTOR);
        if size.fields > allowed {
            return Err(LimitExceeded { what: "fields", allowed, found: size.fields });
        }
        Ok(())
    }

    /// Checks the lists in the arguments of a lowered operation.
    pub fn check_lists(&self, operation: &LoweredOperation) -> Result<(), LimitExceeded> {
        let found = operation.longest_list();
        if found > self.list_size {
            let (allowed, found) = (self.list_size as u64, found as u64);
            return Err(LimitExceeded { what: "items in one list", allowed, found });
        }
        Ok(())
    }

    /// Checks the number of fields of the response if every page is full.
    pub fn check_complexity(&self, found: u64) -> Result<(), LimitExceeded> {
        if found > self.complexity {
            return Err(LimitExceeded { what: "fields in full pages", allowed: self.complexity, found });
        }
        Ok(())
    }

    /// Returns the limits of the parser. The nesting is bounded even if limits only warn.
    pub fn of_parser(&self) -> ParserLimits {
        let tokens = if self.warn_only { usize::MAX } else { self.tokens };
        ParserLimits { tokens, recursion: self.recursion }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::app;
    use crate::config::Config;

    /// Returns the limits of `config/default.toml`.
    pub(in crate::gateway) fn default_limits() -> OperationLimits {
        let config = Config::load(None, [], &|_| Ok(String::new()), &app::vendor_config_specs());
        app::operation_limits(&config.expect("the default configuration"))
    }

    #[test]
    fn every_limit_can_be_exceeded() {
        let limits = default_limits();
        let within = OperationSize { fields: 1, depth: 1, root_fields: 1, ..OperationSize::default() };
        assert_eq!(limits.check(&within), Ok(()));
        for (size, what) in [
            (OperationSize { depth: limits.depth + 1, ..within }, "levels of nesting"),
            (OperationSize { aliases: limits.aliases + 1, ..within }, "aliases"),
            (OperationSize { root_fields: limits.root_fields + 1, ..within }, "root fields"),
            (OperationSize { directives: limits.directives + 1, ..within }, "directives"),
            (OperationSize { fields: limits.fields + 1, ..within }, "fields"),
        ] {
            assert_eq!(limits.check(&size).expect_err(what).what, what);
        }
    }
}
