//! Load and event generation for EspyMetrics.
//!
//! The programs under test are strangers to this crate: it shares no code with
//! them, so that a mistake in theirs cannot hide in its expectations.

#![forbid(unsafe_code)]

pub mod args;
mod client;
pub mod compare;
pub mod config;
mod cpu_list;
pub mod crawl;
pub mod events;
pub mod failure;
pub mod floor;
mod floor_child;
pub mod hostile;
mod http;
pub mod interrupt;
mod measure;
pub mod plan;
mod process;
mod progress;
mod record;
pub mod report;
pub mod require;
pub mod run;
pub mod schedule;
