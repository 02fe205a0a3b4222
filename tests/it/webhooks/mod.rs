//! Webhooks over the ledger and HTTP.

mod hostile;
mod receiver;
mod sending;
mod world;
