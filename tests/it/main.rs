//! The one integration binary.

mod architecture;
mod examples;
mod config;
