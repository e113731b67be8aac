//! The handler: one small share-nothing server per core, which answers reads
//! from the snapshot on its own host and needs nothing else to be alive.
//!
//! [`respond::respond`] turns a request into its answer and knows no engine;
//! `rules` says which requests are looked at at all; `server` puts hyper
//! around both; `generation` loads snapshots and swaps them; `image` keeps
//! their verified bytes; `signals` tells of all that.

pub mod config;
pub mod error;
pub mod generation;
pub mod image;
pub mod respond;
pub mod routes;
pub mod rules;
pub mod server;
pub mod signals;
pub mod state;
