//! Edits: a museum and a host of nights, both emulated, one graph over both, and processes that die between their writes.

mod crash;
mod fan_out;
mod refusals;
mod world;
