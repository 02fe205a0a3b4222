//! Bookings (`octo.md §6, §7`).

mod cancel;
mod confirm;
mod items;
mod read;
mod reserve;
mod show;
mod update;

pub(super) use cancel::cancel;
pub(super) use confirm::{confirm, extend};
pub(super) use items::booking_total;
pub(super) use read::{get, list};
pub(super) use reserve::reserve;
pub(super) use update::update;
