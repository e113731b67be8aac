//! The handler: one small share-nothing server per core, which answers reads
//! from the snapshot on its own host and needs nothing else to be alive.
//!
//! [`respond::respond`] turns a request into its answer and knows no engine;
//! `server` puts hyper around it; `generation` loads snapshots and swaps them;
//! `image` keeps their verified bytes.

pub mod config;
pub mod error;
pub mod generation;
pub mod image;
pub mod respond;
mod routes;
pub mod server;
pub mod state;
