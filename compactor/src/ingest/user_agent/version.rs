//! Whether a version, by PEP 440, is at or above a threshold.
//!
//! Upstream asks `packaging` (`version not in SpecifierSet(">=6",
//! prereleases=True)`). The thresholds are plain releases, so the order of two
//! pre-releases never matters and only their presence is kept here.

use std::cmp::Ordering;

use super::words::strip_digits;

/// A version as far as a comparison with a plain release needs it.
pub(super) struct Version<'a> {
    has_epoch: bool,
    /// `1.4.0`: digits and dots.
    release: &'a str,
    /// `6.0rc1` and `6.0.dev1` come before 6.0, `6.0.post1` after it.
    is_before_release: bool,
}

impl<'a> Version<'a> {
    /// Reads a version in any spelling PEP 440 allows; `None` for others.
    ///
    /// The grammar is that of PEP 440's appendix B. None of its parts can take
    /// a character that a later part needs, so there is no going back.
    pub(super) fn parse(text: &'a str) -> Option<Self> {
        let text = text.strip_prefix(['v', 'V']).unwrap_or(text);
        let (epoch, text) = text.split_once('!').unwrap_or(("0", text));
        if strip_digits(epoch) != Some("") {
            return None;
        }
        let mut rest = Rest(strip_digits(text)?);
        while rest.skip_sign_digits('.') {}
        let release = &text[..text.len() - rest.0.len()];
        let is_pre = rest.skip_stage(&["alpha", "a", "beta", "b", "preview", "pre", "c", "rc"]);
        let is_post = rest.skip_sign_digits('-') || rest.skip_stage(&["post", "rev", "r"]);
        let is_dev = rest.skip_stage(&["dev"]);
        rest.skip_local();
        rest.0.is_empty().then(|| Version {
            has_epoch: epoch.bytes().any(|digit| digit != b'0'),
            release,
            is_before_release: is_pre || (is_dev && !is_post),
        })
    }

    /// `>=`: `release` or later, pre-releases of it not.
    pub(super) fn is_at_least(&self, release: &[u64]) -> bool {
        self.has_epoch
            || match self.compare_release(release) {
                Ordering::Less => false,
                Ordering::Equal => !self.is_before_release,
                Ordering::Greater => true,
            }
    }

    /// `<`: earlier than `release`, whose own pre-releases PEP 440 takes out.
    pub(super) fn is_below(&self, release: &[u64]) -> bool {
        !self.has_epoch && self.compare_release(release).is_lt()
    }

    /// Missing parts are zeros: 6 and 6.0.0 are equal.
    fn compare_release(&self, release: &[u64]) -> Ordering {
        // A part too large for a number is larger than any threshold.
        let mut parts = self
            .release
            .split('.')
            .map(|part| part.parse().unwrap_or(u64::MAX));
        for threshold in release {
            let order = parts.next().unwrap_or(0).cmp(threshold);
            if order.is_ne() {
                return order;
            }
        }
        if parts.all(|part| part == 0) {
            Ordering::Equal
        } else {
            Ordering::Greater
        }
    }
}

/// What is still to be read.
struct Rest<'a>(&'a str);

impl Rest<'_> {
    /// The first of `words` that stands here, whatever its case.
    fn skip_any_of(&mut self, words: &[&str]) -> bool {
        for word in words {
            if let Some((head, rest)) = self.0.split_at_checked(word.len())
                && head.eq_ignore_ascii_case(word)
            {
                self.0 = rest;
                return true;
            }
        }
        false
    }

    /// `sign[0-9]+`: a part of the release, or `-1`, a post-release.
    fn skip_sign_digits(&mut self, sign: char) -> bool {
        let rest = self.0.strip_prefix(sign);
        let Some(rest) = rest.and_then(strip_digits) else {
            return false;
        };
        self.0 = rest;
        true
    }

    /// `[-_.]?(word)[-_.]?[0-9]*`
    fn skip_stage(&mut self, words: &[&str]) -> bool {
        let mut stage = Rest(self.0);
        stage.skip_separator();
        if !stage.skip_any_of(words) {
            return false;
        }
        stage.skip_separator();
        self.0 = strip_digits(stage.0).unwrap_or(stage.0);
        true
    }

    fn skip_separator(&mut self) {
        self.0 = self.0.strip_prefix(['-', '_', '.']).unwrap_or(self.0);
    }

    /// `\+[a-z0-9]+([-_.][a-z0-9]+)*`
    fn skip_local(&mut self) {
        let Some(local) = self.0.strip_prefix('+') else {
            return;
        };
        let is_part =
            |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric());
        if local.split(['-', '_', '.']).all(is_part) {
            self.0 = "";
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thresholds_are_those_of_pep_440() {
        /// Whether `>=6`, `<6`; `None` when it is no version.
        fn check(text: &str, expect: Option<(bool, bool)>) {
            let found = Version::parse(text).map(|v| (v.is_at_least(&[6]), v.is_below(&[6])));
            assert_eq!(found, expect, "{text}");
        }

        const AT_LEAST: Option<(bool, bool)> = Some((true, false));
        const BELOW: Option<(bool, bool)> = Some((false, true));
        const NEITHER: Option<(bool, bool)> = Some((false, false));

        check("6", AT_LEAST);
        check("6.0.0", AT_LEAST);
        check("v24.0", AT_LEAST);
        check("V24.0", AT_LEAST);
        check("06.1", AT_LEAST);
        check("6.0.post1", AT_LEAST);
        check("6-1", AT_LEAST);
        check("6.post1.dev2", AT_LEAST);
        check("6.0+local.1", AT_LEAST);
        check("6.1.dev0", AT_LEAST);
        check("26.0b1", AT_LEAST);
        check("1!0.1", AT_LEAST);
        check("99999999999999999999999", AT_LEAST);
        check("5.9.9", BELOW);
        check("5.9+LOCAL_2", BELOW);
        check("5.0-alpha.-1", BELOW);
        check("1.5.dev1", BELOW);
        check("0!1.5rc1", BELOW);
        check("00!5", BELOW);
        check("6.0.dev1", NEITHER);
        check("6.0rc1", NEITHER);
        check("6.0.0-PREVIEW_3", NEITHER);
        check("6a1.post1", NEITHER);
        check("6c1", NEITHER);
        check("6.0rc1dev", NEITHER);
        for other in [
            "",
            "v",
            "evil",
            "6.",
            ".6",
            "6..0",
            "6.x",
            "1.0.0.0a1b2",
            "6+",
            "6+a..b",
            "6+é",
            "!6",
            "1!",
            "1!2!3",
            "6.0-",
            "6 ",
            "\u{ff16}",
            "6.0/1",
            "6.dev1.post1",
        ] {
            check(other, None);
        }
    }
}
