//! What the compactor and the handler agree on: names, days, dimensions, the
//! series codec, the segment schema, the manifest, file manners and telemetry.
//!
//! Nothing here knows async, HTTP, command lines or the clock.

#![forbid(unsafe_code)]

pub mod day;
pub mod dimension;
pub mod files;
pub mod hash;
pub mod layout;
pub mod logging;
pub mod manifest;
pub mod name;
pub mod segment;
pub mod series;
pub mod telemetry;
pub mod varint;
pub mod version;
