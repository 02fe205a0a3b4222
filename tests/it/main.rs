//! The one integration binary.

mod architecture;
mod config;
mod examples;
mod front;
