//! The report as a page.

use super::Report;

/// A page.
pub(crate) fn page(_report: &Report) -> String {
    String::new()
}
