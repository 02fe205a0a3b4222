//! Webhooks over the ledger and HTTP.

mod api;
mod hostile;
mod process_campaign;
mod receiver;
mod sending;
mod world;
