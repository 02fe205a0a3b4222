//! Webhooks over the ledger and HTTP.

mod api;
mod configured;
mod hostile;
mod mended;
mod process_campaign;
mod receiver;
mod sending;
mod verify;
mod world;
