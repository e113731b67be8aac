//! The compactor: turns download events into immutable snapshots, publishes
//! them to a depot, and installs them on hosts.
//!
//! A run is four stages, one word each everywhere: [`ingest`] makes a partial
//! of every input, [`build`] makes segments of the newest published snapshot
//! and the pending partials, [`verify`] reads back what was built, and
//! [`publish`] commits it. [`pull`] is the other side, on each host.

#![forbid(unsafe_code)]

pub mod base;
pub mod build;
pub mod cli;
pub mod config;
pub mod data;
pub mod depot;
pub mod ingest;
pub mod ledger;
pub mod partial;
pub mod progress;
pub mod publish;
pub mod pull;
pub mod run;
pub mod verify;
