//! The lines of a file, in its format, with the malformed ones between.

use std::io::{self, Write};

use super::calendar::Day;
use super::event::Event;
use super::expected::Verdict;
use super::malformed::Malformed;
use super::write_access_log::{AccessLog, OtherLines};
use super::write_counts::{self, Row};
use super::{write_bigquery, write_linehaul};
use crate::config::{EventsConfig, Format};

pub(crate) struct Lines<'a> {
    format: Format,
    out: &'a mut dyn Write,
    access_log: AccessLog,
    malformed: Malformed,
    spread: Spread,
    /// The time of the latest event.
    second: u32,
    buffer: Vec<u8>,
}

impl<'a> Lines<'a> {
    pub(crate) fn new(config: &EventsConfig, out: &'a mut dyn Write) -> Self {
        let seed = config.recipe.seed;
        Self {
            format: config.format,
            out,
            access_log: AccessLog::new(seed),
            malformed: Malformed::new(config.format, seed),
            spread: Spread::new(0, 0),
            second: 0,
            buffer: Vec::new(),
        }
    }

    pub(crate) fn write_header(&mut self) -> io::Result<()> {
        if self.format == Format::Counts {
            writeln!(self.out, "{}", write_counts::HEADER)?;
        }
        Ok(())
    }

    /// Malformed lines are to be spread among the good ones of the day.
    pub(crate) fn start_day(&mut self, malformed_count: u64, good_count: u64) {
        self.spread = Spread::new(malformed_count, good_count);
        self.second = 0;
    }

    /// The lines of an event; there are none in a file of counts.
    pub(crate) fn write_event(
        &mut self,
        day: &Day,
        event: &Event<'_>,
        verdict: Verdict,
    ) -> io::Result<()> {
        self.buffer.clear();
        match self.format {
            Format::Counts => return Ok(()),
            Format::Bigquery if verdict == Verdict::IgnoredUserAgent => {}
            Format::Bigquery => {
                write_bigquery::write(day, event, &mut self.buffer);
                self.buffer.push(b'\n');
            }
            Format::Linehaul => {
                write_linehaul::write(day, event, &mut self.buffer);
                self.buffer.push(b'\n');
            }
            Format::AccessLog => self.access_log.write(day, event, &mut self.buffer),
        }
        self.second = event.second;
        let bad = self.spread.due();
        self.write_malformed(day, bad);
        self.out.write_all(&self.buffer)
    }

    /// The line of a count, for a file of counts.
    pub(crate) fn write_count(&mut self, day: &Day, row: &Row<'_>) -> io::Result<()> {
        self.buffer.clear();
        write_counts::write(&day.iso, row, &mut self.buffer);
        self.buffer.push(b'\n');
        let bad = self.spread.due();
        self.write_malformed(day, bad);
        self.out.write_all(&self.buffer)
    }

    /// The malformed lines of a day without good ones; gives the number of other
    /// lines of the day.
    pub(crate) fn end_day(&mut self, day: &Day) -> io::Result<OtherLines> {
        self.buffer.clear();
        let bad = self.spread.rest();
        self.write_malformed(day, bad);
        self.out.write_all(&self.buffer)?;
        Ok(std::mem::take(&mut self.access_log.other_lines))
    }

    fn write_malformed(&mut self, day: &Day, count: u64) {
        for _ in 0..count {
            self.malformed.write(day, self.second, &mut self.buffer);
        }
    }
}

/// Spreads `count` evenly among others.
struct Spread {
    count: u64,
    given: u64,
    others: u64,
    others_seen: u64,
}

impl Spread {
    fn new(count: u64, others: u64) -> Self {
        Self {
            count,
            given: 0,
            others,
            others_seen: 0,
        }
    }

    /// How many come after this one of the others.
    fn due(&mut self) -> u64 {
        self.others_seen += 1;
        let so_far =
            u128::from(self.count) * u128::from(self.others_seen) / u128::from(self.others);
        let so_far =
            u64::try_from(so_far).expect("no more than count, as no others come after all");
        let due = so_far - self.given;
        self.given = so_far;
        due
    }

    fn rest(&mut self) -> u64 {
        let rest = self.count - self.given;
        self.given = self.count;
        rest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spreads_all_and_evenly() {
        fn check(count: u64, others: u64, expect: &[u64], expect_rest: u64) {
            let mut spread = Spread::new(count, others);
            let due: Vec<_> = (0..others).map(|_| spread.due()).collect();
            assert_eq!((due.as_slice(), spread.rest()), (expect, expect_rest));
            assert_eq!(spread.rest(), 0);
        }
        check(0, 3, &[0, 0, 0], 0);
        check(2, 4, &[0, 1, 0, 1], 0);
        check(5, 2, &[2, 3], 0);
        check(3, 0, &[], 3);
    }
}
