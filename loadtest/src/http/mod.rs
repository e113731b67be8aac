//! As much of HTTP/1.1 as a client of small reads needs.

pub(crate) mod answer;
mod body;
pub(crate) mod probe;
pub(crate) mod request;
