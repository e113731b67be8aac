//! What becomes of one row.

use espy_shared::day::Day;

/// What becomes of one row. Reasons are short, stable names.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// It is in the counts.
    Counted,
    /// By the rules no download.
    Ignored {
        /// Why.
        reason: &'static str,
        /// Its day.
        day: Option<Day>,
    },
    /// Does not claim to be a download; is in no share.
    Unrelated {
        /// What it is.
        reason: &'static str,
    },
    /// Unreadable; goes to quarantine.
    Rejected(Reject),
}

/// Why a row is unreadable.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Reject {
    /// A short, stable name.
    pub reason: &'static str,
    /// What exactly, for a person.
    pub detail: String,
    /// Its day, where that could be read.
    pub day: Option<Day>,
}

impl Reject {
    /// Without a day.
    pub fn new(reason: &'static str, detail: impl Into<String>) -> Self {
        Self {
            reason,
            detail: detail.into(),
            day: None,
        }
    }

    /// With the day that could be read.
    #[must_use]
    pub fn on(mut self, day: Day) -> Self {
        self.day = Some(day);
        self
    }
}

impl From<Reject> for Verdict {
    fn from(reject: Reject) -> Self {
        Verdict::Rejected(reject)
    }
}
