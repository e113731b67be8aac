//! What the flags mean: valid values, with units in their names.

mod events;
mod floor;
mod load;
mod plan;
mod value;

use std::fmt;

pub use events::{
    Compress, EXPECTED_CSV, EXPECTED_JSON, EventsConfig, Format, Out, Recipe, with_suffix,
};
pub use floor::FloorConfig;
pub use load::{
    CompareConfig, Engine, LoadConfig, Loop, Pid, ReportConfig, RunConfig, RunKind, Target,
};
pub use plan::{NamesFrom, PlanConfig, RouteConfig};
pub(crate) use value::parse_time;

/// Every mistake of a command line, one a line.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Mistakes(Vec<String>);

impl Mistakes {
    /// Keeps mistakes found elsewhere.
    #[must_use]
    pub fn with(mut self, others: Vec<String>) -> Self {
        self.0.splice(0..0, others);
        self
    }

    fn add(&mut self, mistake: String) {
        self.0.push(mistake);
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        self.0.len()
    }

    /// Keeps the mistake and goes on.
    fn take<T>(&mut self, read: Result<T, String>) -> Option<T> {
        read.map_err(|mistake| self.0.push(mistake)).ok()
    }
}

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("\n       "))
    }
}
