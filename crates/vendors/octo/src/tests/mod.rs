//! Tests of the client and the mapping with JSON of the contract.
