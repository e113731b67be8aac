//! Load and event generation for EspyMetrics.
//!
//! The programs under test are strangers to this crate: it shares no code with
//! them, so that a mistake in theirs cannot hide in its expectations.

#![forbid(unsafe_code)]

pub mod args;
pub mod config;
mod cpu_list;
pub mod events;
pub mod floor;
pub mod interrupt;
