//! Lines that claim to be downloads and cannot be read.
//!
//! Each is a good line with one fault, and with nothing else to object to, so
//! that a reader that passes over the fault would count it.

use super::agent::Agent;
use super::calendar::Day;
use super::environment::Environment;
use super::event::Event;
use super::json_agent;
use super::projects::Projects;
use super::write_access_log::AccessLog;
use super::{write_bigquery, write_counts, write_linehaul};
use crate::config::Format;

/// What is wrong with a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    /// It ends too soon.
    Truncated,
    /// A field holds what it must not hold.
    WrongType,
    /// A field is not there.
    MissingField,
    /// 30 February.
    ImpossibleDate,
    /// A NUL byte.
    Nul,
    /// Bytes that are not UTF-8.
    NotUtf8,
}

impl Fault {
    const ALL: [Self; 6] = [
        Self::Truncated,
        Self::WrongType,
        Self::MissingField,
        Self::ImpossibleDate,
        Self::Nul,
        Self::NotUtf8,
    ];
}

/// Makes bad lines, all of one client and file.
pub(crate) struct Malformed {
    format: Format,
    rng: fastrand::Rng,
    agent: Agent,
    /// One project, whatever others there are.
    projects: Projects,
    access_log: AccessLog,
}

impl Malformed {
    pub(crate) fn new(format: Format, seed: u64) -> Self {
        let mut rng = fastrand::Rng::with_seed(seed ^ 0x6d61_6c66_6f72_6d65);
        let agent = json_agent::pip("24.0", Environment::draw(&mut rng), &mut rng);
        Self {
            format,
            projects: Projects::new(1, rng.u64(..)),
            access_log: AccessLog::new(rng.u64(..)),
            rng,
            agent,
        }
    }

    /// Appends a bad line, with its end.
    pub(crate) fn write(&mut self, day: &Day, second: u32, lines: &mut Vec<u8>) {
        let fault = Fault::ALL[self.rng.usize(..Fault::ALL.len())];
        let line = self.bad_line(fault, day, second);
        lines.extend_from_slice(&line);
        lines.push(b'\n');
    }

    fn bad_line(&mut self, fault: Fault, day: &Day, second: u32) -> Vec<u8> {
        let project = self.projects.get(0);
        let filename = "malformed-1.0.tar.gz";
        let directory =
            "/packages/0a/1b/2c3d4e5f60718293a4b5c6d7e8f9000102030405060708090a0b0c0d0e0f/";
        let event = Event {
            second,
            country: Some("US"),
            project_index: 0,
            project,
            version: "1.0",
            file_type: "sdist",
            filename,
            url: &format!("{directory}{filename}"),
            side_file: false,
            tls: Some(("TLSv1.3", "TLS_AES_128_GCM_SHA256")),
            agent: &self.agent,
        };
        let mut line = Vec::new();
        match self.format {
            Format::Bigquery => write_bigquery::write(day, &event, &mut line),
            Format::Linehaul => write_linehaul::write(day, &event, &mut line),
            Format::AccessLog => self.access_log.write_download(day, &event, &mut line),
            Format::Counts => write_counts::write(
                &day.iso,
                &write_counts::Row {
                    project: &project.name,
                    dimension: "overall",
                    category: "with_mirrors",
                    count: 1,
                },
                &mut line,
            ),
        }
        let (good, bad) = self.replacement(fault, day, &project.name);
        match good {
            Some(good) => replace_first(&line, good.as_bytes(), &bad),
            None => {
                line.truncate(self.cut(&line));
                line
            }
        }
    }

    /// A piece of the good line, and what stands there instead; none where the
    /// line is to be cut.
    fn replacement(&self, fault: Fault, day: &Day, project: &str) -> (Option<String>, Vec<u8>) {
        let year = &day.iso[..4];
        let pair = |good: String, bad: &str| (Some(good), bad.as_bytes().to_vec());
        let bytes = |good: String, bad: &[u8]| (Some(good), bad.to_vec());
        match (fault, self.format) {
            (Fault::Truncated, _) => (None, Vec::new()),

            (Fault::WrongType, Format::Bigquery) => {
                pair(format!("\"project\":\"{project}\""), "\"project\":17")
            }
            (Fault::MissingField, Format::Bigquery) => pair("\"timestamp\":".into(), "\"time\":"),
            (Fault::ImpossibleDate, Format::Bigquery | Format::Counts) => {
                pair(day.iso.clone(), &format!("{year}-02-30"))
            }
            (Fault::Nul, Format::Bigquery) => bytes("\"project\":\"".into(), b"\"project\":\"\0"),
            (Fault::NotUtf8, Format::Bigquery) => {
                bytes("\"project\":\"".into(), b"\"project\":\"\xff\xfe")
            }

            (Fault::WrongType, Format::Linehaul) => pair("|sdist|".into(), "|bdist_none|"),
            (Fault::MissingField, Format::Linehaul) => pair("|1.0|".into(), "|(null)|"),
            (Fault::ImpossibleDate, Format::Linehaul) => {
                pair(day.rfc1123.clone(), &format!("Mon, 30 Feb {year}"))
            }
            (Fault::Nul, Format::Linehaul) => bytes("|1.0|".into(), b"|1.\0|"),
            (Fault::NotUtf8, Format::Linehaul) => bytes("|1.0|".into(), b"|1.\xff|"),

            (Fault::WrongType, Format::AccessLog) => pair("\" 200 ".into(), "\" 2x0 "),
            (Fault::MissingField, Format::AccessLog) => pair("\" 200 ".into(), "\" "),
            (Fault::ImpossibleDate, Format::AccessLog) => {
                pair(day.nginx.clone(), &format!("30/Feb/{year}"))
            }
            (Fault::Nul, Format::AccessLog) => bytes("[".into(), b"[\0"),
            (Fault::NotUtf8, Format::AccessLog) => bytes("[".into(), b"[\xff"),

            (Fault::WrongType, Format::Counts) => pair(",1".into(), ",one"),
            (Fault::MissingField, Format::Counts) => pair(",with_mirrors".into(), ""),
            (Fault::Nul, Format::Counts) => bytes(",with_mirrors,1".into(), b",with_mirrors,\0"),
            (Fault::NotUtf8, Format::Counts) => bytes("with_mirrors".into(), b"with_\xff"),
        }
    }

    /// Where to cut, so that what is left still claims to be a download.
    fn cut(&mut self, line: &[u8]) -> usize {
        let (from, to) = match self.format {
            // From inside the time to before the last brace.
            Format::Bigquery => (20, line.len()),
            // From the url to before the type.
            Format::Linehaul => (60, position(line, b"|sdist|")),
            // After the path, before the status is whole.
            Format::AccessLog => (position(line, b" HTTP/1.1"), position(line, b"\" 200 ") + 4),
            // From the project to before the count.
            Format::Counts => (11, position(line, b",1")),
        };
        self.rng.usize(from..to)
    }
}

fn position(line: &[u8], piece: &[u8]) -> usize {
    line.windows(piece.len())
        .position(|window| window == piece)
        .expect("good lines have the piece")
}

fn replace_first(line: &[u8], good: &[u8], bad: &[u8]) -> Vec<u8> {
    let start = position(line, good);
    [&line[..start], bad, &line[start + good.len()..]].concat()
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    /// Every fault of the format, often.
    fn bad_lines(format: Format) -> Vec<(Fault, Vec<u8>)> {
        let day = Day::new(date(2026, 11, 20));
        let mut malformed = Malformed::new(format, 4);
        let mut lines = Vec::new();
        for fault in Fault::ALL {
            for _ in 0..200 {
                let line = malformed.bad_line(fault, &day, 75_294);
                assert!(!line.contains(&b'\n'));
                lines.push((fault, line));
            }
        }
        lines
    }

    #[test]
    fn bigquery_rows_are_no_rows() {
        for (fault, line) in bad_lines(Format::Bigquery) {
            let Ok(row) = serde_json::from_slice::<serde_json::Value>(&line) else {
                continue;
            };
            match fault {
                Fault::WrongType => assert!(row["project"].is_number()),
                Fault::MissingField => assert!(row.get("timestamp").is_none()),
                Fault::ImpossibleDate => {
                    assert_eq!(row["timestamp"], "2026-02-30 20:54:54 UTC");
                }
                _ => panic!("{fault:?} is JSON: {row}"),
            }
        }
    }

    #[test]
    fn linehaul_lines_lack_something() {
        for (fault, line) in bad_lines(Format::Linehaul) {
            assert!(line.starts_with(b"download|"));
            let fields: Vec<_> = line.splitn(10, |byte| *byte == b'|').collect();
            match fault {
                Fault::Truncated => assert!(fields.len() < 10),
                Fault::WrongType => assert_eq!(fields[8], b"bdist_none"),
                Fault::MissingField => assert_eq!(fields[7], b"(null)"),
                Fault::ImpossibleDate => assert_eq!(fields[1], b"Mon, 30 Feb 2026 20:54:54 GMT"),
                Fault::Nul => assert_eq!(fields[7], b"1.\0"),
                Fault::NotUtf8 => assert_eq!(fields[7], b"1.\xff"),
            }
        }
    }

    #[test]
    fn access_log_lines_are_downloads_but_for_the_fault() {
        for (fault, line) in bad_lines(Format::AccessLog) {
            let text = String::from_utf8_lossy(&line);
            assert!(text.contains("\"GET /packages/"), "{text}");
            let found = match fault {
                Fault::Truncated => !text.contains(" 200"),
                Fault::WrongType => text.contains(" 2x0 "),
                Fault::MissingField => text.matches('"').count() == 6 && !text.contains(" 200 "),
                Fault::ImpossibleDate => text.contains("[30/Feb/2026:20:54:54 +0000]"),
                Fault::Nul => text.contains("[\0"),
                Fault::NotUtf8 => text.contains("[\u{fffd}"),
            };
            assert!(found, "{fault:?}: {text}");
        }
    }

    #[test]
    fn counts_have_no_count() {
        for (fault, line) in bad_lines(Format::Counts) {
            let text = String::from_utf8_lossy(&line);
            let fields: Vec<_> = text.split(',').collect();
            let found = match fault {
                Fault::Truncated | Fault::MissingField => fields.len() < 5,
                Fault::WrongType => fields[4] == "one",
                Fault::ImpossibleDate => fields[0] == "2026-02-30",
                Fault::Nul => fields[4] == "\0",
                Fault::NotUtf8 => fields[3].ends_with('\u{fffd}'),
            };
            assert!(found, "{fault:?}: {text}");
        }
    }
}
