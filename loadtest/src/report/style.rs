//! The look of the page.
