//! Mapping tables over fixtures.
