//! Tests of the pure core: planning, decisions, and the state machine.

mod decisions;
mod outcomes;
mod replacement;
mod state_machine;
