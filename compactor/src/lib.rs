//! Turns logs of package downloads into the snapshot the handler serves.
#![forbid(unsafe_code)]

pub mod ingest;
