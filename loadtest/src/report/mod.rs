//! What a run has found, and how it is told.
//!
//! The structures here are the schema of `report.json`; `docs/loadtest.md`
//! describes it. Times are in microseconds, shares from 0 to 1.

pub(crate) mod html;
mod latency;
mod machine;
mod outcome;
pub(crate) mod spread;
mod svg;
pub(crate) mod table;

use std::fs;
use std::path::Path;

use anyhow::Context;
use serde::Serialize;

pub use latency::Latency;
pub use machine::Machine;
pub use outcome::{FloorShare, Outcome, Ratio, Round, Slice};

use crate::crawl::CrawlFindings;
use crate::hostile::HostileFindings;
use crate::require::Verdict;

/// Changes when a field changes its meaning or goes away.
pub const SCHEMA: u32 = 1;

/// A report.
#[derive(Debug, Serialize)]
pub struct Report {
    /// [`SCHEMA`].
    pub schema: u32,
    /// `run`, `compare`, `crawl` or `hostile`.
    pub kind: &'static str,
    /// Of this program.
    pub version: &'static str,
    /// When it began, UTC.
    pub started: String,
    /// Whether a signal ended it early.
    pub interrupted: bool,
    /// Where it ran.
    pub machine: Machine,
    /// The load in words: what and how.
    pub load: Vec<(String, String)>,
    /// What was asked for.
    pub plan: Vec<(String, String)>,
    /// What was measured, the floor last.
    pub outcomes: Vec<Outcome>,
    /// What a reader should know before believing the numbers.
    pub warnings: Vec<String>,
    /// What became of each limit.
    pub limits: Vec<Verdict>,
    /// Links that were followed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub crawl: Option<CrawlFindings>,
    /// Hostile requests that were sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hostile: Option<HostileFindings>,
}

impl Report {
    /// A report with nothing in it.
    #[must_use]
    pub fn new(kind: &'static str) -> Self {
        Self {
            schema: SCHEMA,
            kind,
            version: env!("CARGO_PKG_VERSION"),
            started: jiff::Timestamp::now()
                .round(jiff::Unit::Second)
                .unwrap_or_else(|_| jiff::Timestamp::now())
                .to_string(),
            interrupted: false,
            machine: Machine::this(),
            load: Vec::new(),
            plan: Vec::new(),
            outcomes: Vec::new(),
            warnings: Vec::new(),
            limits: Vec::new(),
            crawl: None,
            hostile: None,
        }
    }

    /// Whether every limit holds, every link works and every hostile request
    /// was turned away.
    #[must_use]
    pub fn is_good(&self) -> bool {
        self.limits.iter().all(|verdict| verdict.is_met)
            && self.outcomes.iter().all(|outcome| outcome.answers > 0)
            && self
                .crawl
                .as_ref()
                .is_none_or(|crawl| crawl.broken.is_empty())
            && self
                .hostile
                .as_ref()
                .is_none_or(|hostile| hostile.failed_count == 0)
    }

    /// Writes `report.json` and `report.html` into a folder.
    ///
    /// # Errors
    ///
    /// When the folder or the files cannot be written.
    pub fn write(&self, folder: &Path) -> anyhow::Result<()> {
        fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
        let json = serde_json::to_string_pretty(self).context("report.json")?;
        for (name, text) in [("report.json", json), ("report.html", html::page(self))] {
            let path = folder.join(name);
            fs::write(&path, text).with_context(|| path.display().to_string())?;
        }
        Ok(())
    }
}
