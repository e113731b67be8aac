//! Reads events: what was downloaded, when, and by what kind of client.

pub mod details;
pub mod linehaul;
pub mod user_agent;
