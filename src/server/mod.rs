//! What faces the client.

pub mod pages;
