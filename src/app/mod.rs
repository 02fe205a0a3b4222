//! The composition root: the only room that knows every other. It connects, and holds no rule of its own.

mod announce;
mod callers;
mod deliveries;
mod front;
mod online;
mod orders;
mod partners;
mod playground;
mod reload;
mod shapes;
mod shared;
mod sources;
mod start;
mod state;

pub use online::{Found, check_online, line};
pub use playground::{Playground, run_sandbox};
pub use reload::Reread;
pub use shapes::shapes;
pub use start::{Launch, StartError, serve};
