//! Pre-aggregated counts as CSV: `day,project,dimension,category,count`.

use csv_core::{ReadRecordResult, Reader};
use espy_shared::day::Day;
use espy_shared::dimension::{Dimension, NULL, WITH_MIRRORS, WITHOUT_MIRRORS};
use espy_shared::name;

use super::counter::{COUNT_MAX, Counter};
use super::linehaul::FILE_TYPES;
use super::row::{Reject, Verdict};
use super::rules::{Rules, clean, country, is_version};

/// The columns, by their names in the header.
pub const COLUMNS: [&str; 5] = ["day", "project", "dimension", "category", "count"];

/// Where each of [`COLUMNS`] stands in a line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Header {
    places: [usize; COLUMNS.len()],
    width: usize,
}

impl Header {
    /// Reads a first line; `None` when it is no header of counts.
    pub fn parse(line: &str) -> Option<Self> {
        let fields = Fields::split(line)?;
        let mut places = [0; COLUMNS.len()];
        for (place, column) in places.iter_mut().zip(COLUMNS) {
            *place = fields.iter().position(|field| field.trim() == column)?;
        }
        Some(Self {
            places,
            width: fields.iter().count(),
        })
    }
}

/// Counts one line.
pub fn count(line: &str, header: &Header, rules: &mut Rules<'_>, counter: &mut Counter) -> Verdict {
    match try_count(line, header, rules, counter) {
        Ok(()) => Verdict::Counted,
        Err(reject) => reject.into(),
    }
}

/// Whether a line would count.
pub fn is_readable(line: &str, header: &Header, rules: &Rules<'_>) -> bool {
    Row::parse(line, header, rules).is_ok()
}

/// Counts what a line says beyond its beginning, which was counted before as a
/// line of its own: a file read while it was being written can end inside the
/// last number.
///
/// # Errors
///
/// `torn-row` when the beginning was another row than the line.
pub fn count_rest(
    line: &str,
    counted_bytes: usize,
    header: &Header,
    rules: &mut Rules<'_>,
    counter: &mut Counter,
) -> Result<(), Reject> {
    let torn = line
        .get(..counted_bytes)
        .map(|torn| Row::parse(torn, header, rules));
    let whole = Row::parse(line, header, rules);
    match (torn, whole) {
        (Some(Ok(torn)), Ok(whole)) if torn.key() == whole.key() && torn.count <= whole.count => {
            Row {
                count: whole.count - torn.count,
                ..whole
            }
            .count(counter);
            Ok(())
        }
        _ => Err(Reject::new(
            "torn-row",
            format!("its first {counted_bytes} bytes were counted before as another row"),
        )),
    }
}

fn try_count(
    line: &str,
    header: &Header,
    rules: &mut Rules<'_>,
    counter: &mut Counter,
) -> Result<(), Reject> {
    Row::parse(line, header, rules)?.count(counter);
    Ok(())
}

/// A line, understood.
struct Row {
    day: Day,
    project: String,
    dimension: Dimension,
    category: String,
    count: u64,
}

impl Row {
    fn parse(line: &str, header: &Header, rules: &Rules<'_>) -> Result<Self, Reject> {
        let fields =
            Fields::split(line).ok_or_else(|| Reject::new("bad-csv", "quotes do not close"))?;
        let width = fields.iter().count();
        if width != header.width {
            return Err(Reject::new(
                "bad-csv",
                format!("{width} fields, the header has {}", header.width),
            ));
        }
        let field = |index: usize| fields.iter().nth(header.places[index]).unwrap_or_default();
        let day: Day = field(0)
            .parse()
            .map_err(|_| Reject::new("bad-date", format!("{:?} is no day", field(0))))?;
        rules.check_day(day)?;
        let project = name::normalize(field(1)).ok_or_else(|| {
            Reject::new("bad-project", format!("{:?} is no project name", field(1))).on(day)
        })?;
        let dimension = Dimension::from_name(field(2)).ok_or_else(|| {
            let known: Vec<&str> = Dimension::ALL
                .iter()
                .map(|dimension| dimension.name())
                .collect();
            let detail = format!("{:?} is none of {}", field(2), known.join(", "));
            Reject::new("unknown-dimension", detail).on(day)
        })?;
        let count = digits(field(4))
            .filter(|count| *count <= COUNT_MAX)
            .ok_or_else(|| {
                let detail = format!("{:?} is no count from 0 to {COUNT_MAX}", field(4));
                Reject::new("bad-count", detail).on(day)
            })?;
        let sent = field(3);
        let category = category(dimension, sent).ok_or_else(|| {
            Reject::new(
                "bad-category",
                format!("{sent:?} is no category of {dimension}"),
            )
            .on(day)
        })?;
        let (project, category) = (project.into_owned(), category.into_owned());
        Ok(Self {
            day,
            project,
            dimension,
            category,
            count,
        })
    }

    fn key(&self) -> (Day, &str, Dimension, &str) {
        (self.day, &self.project, self.dimension, &self.category)
    }

    fn count(&self, counter: &mut Counter) {
        if self.count == 0 {
            return;
        }
        let is_download = matches!(self.dimension, Dimension::Overall | Dimension::SideFiles)
            && self.category == WITH_MIRRORS;
        let (project, category) = (
            counter.project(&self.project),
            counter.category(&self.category),
        );
        counter.add(project, self.dimension, category, self.day, self.count);
        counter.see_count(self.day, if is_download { self.count } else { 0 });
    }
}

/// Digits alone; a sign is none.
fn digits(text: &str) -> Option<u64> {
    text.bytes()
        .all(|byte| byte.is_ascii_digit())
        .then(|| text.parse().ok())?
}

fn category(dimension: Dimension, sent: &str) -> Option<std::borrow::Cow<'_, str>> {
    let sent = if sent.is_empty() { NULL } else { sent };
    let is_one_of = |known: &[&str]| known.contains(&sent).then_some(sent.into());
    match dimension {
        Dimension::Overall | Dimension::SideFiles | Dimension::Partial => {
            is_one_of(&[WITH_MIRRORS, WITHOUT_MIRRORS])
        }
        Dimension::FileType | Dimension::FileTypeWithoutMirrors => is_one_of(&FILE_TYPES),
        Dimension::System => is_one_of(&["Windows", "Linux", "Darwin", "other", NULL]),
        Dimension::Ci => is_one_of(&["true", NULL]),
        Dimension::Version | Dimension::VersionWithoutMirrors => {
            is_version(sent).then_some(sent.into())
        }
        Dimension::VersionPython => sent
            .rsplit_once(' ')
            .filter(|(version, python)| is_version(version) && is_version(python))
            .map(|_| sent.into()),
        // `null` and `other` are categories here, not countries as sent.
        Dimension::Country if matches!(sent, NULL | "other") => Some(sent.into()),
        Dimension::Country => Some(country(Some(sent))),
        Dimension::PythonMajor
        | Dimension::PythonMinor
        | Dimension::Traffic
        | Dimension::Installer
        | Dimension::Implementation
        | Dimension::Cpu
        | Dimension::Libc
        | Dimension::Distro
        | Dimension::UserData => Some(clean(sent).into()),
    }
}

/// The fields of one line, RFC 4180.
struct Fields {
    text: String,
    ends: Vec<usize>,
}

impl Fields {
    fn split(line: &str) -> Option<Self> {
        // A quoted field that runs on into the next line has an odd number of quotes.
        if !memchr::memchr_iter(b'"', line.as_bytes())
            .count()
            .is_multiple_of(2)
        {
            return None;
        }
        let mut reader = Reader::new();
        let mut output = vec![0; line.len()];
        let mut ends = vec![0; memchr::memchr_iter(b',', line.as_bytes()).count() + 2];
        let (result, read, written, ended) =
            reader.read_record(line.as_bytes(), &mut output, &mut ends);
        let (written, ended) = match result {
            ReadRecordResult::Record => (written, ended),
            ReadRecordResult::InputEmpty if read == line.len() => {
                // The end of the input closes the record.
                let (_, _, more, last) =
                    reader.read_record(&[], &mut output[written..], &mut ends[ended..]);
                (written + more, ended + last)
            }
            _ => return None,
        };
        output.truncate(written);
        ends.truncate(ended);
        Some(Self {
            text: String::from_utf8(output).ok()?,
            ends,
        })
    }

    fn iter(&self) -> impl Iterator<Item = &str> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts
            .zip(&self.ends)
            .map(|(start, &end)| self.text.get(start..end).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::super::tables::Tables;
    use super::*;

    fn check(header: &str, line: &str) -> (Verdict, Vec<String>) {
        let tables = Tables::default();
        let mut rules = Rules::new(&tables, "2026-11-21".parse().unwrap(), None);
        let mut counter = Counter::default();
        let verdict = count(
            line,
            &Header::parse(header).unwrap(),
            &mut rules,
            &mut counter,
        );
        let mut rows = Vec::new();
        counter
            .walk(|project, dimension, category, day, count| {
                rows.push(format!("{day}|{project}|{dimension}|{category}|{count}"));
                Ok::<_, ()>(())
            })
            .unwrap();
        (verdict, rows)
    }

    const HEADER: &str = "day,project,dimension,category,count";

    #[test]
    fn lines() {
        for (header, line, expect) in [
            (
                HEADER,
                "2026-11-20,Zope.x,overall,with_mirrors,7",
                "2026-11-20|zope-x|overall|with_mirrors|7",
            ),
            (
                HEADER,
                "2026-11-20,a,distro,\"Foo, \"\"Bar\"\" 1\",7",
                "2026-11-20|a|distro|Foo, \"Bar\" 1|7",
            ),
            (
                HEADER,
                "2026-11-20,a,python_minor,,1",
                "2026-11-20|a|python_minor|null|1",
            ),
            (
                "count,project,day,category,dimension,note",
                "5,a,2026-11-20,US,country,x",
                "2026-11-20|a|country|US|5",
            ),
            (
                HEADER,
                "2026-11-20,a,country,other,1",
                "2026-11-20|a|country|other|1",
            ),
            (
                HEADER,
                "2026-11-20,a,version_python,1.0 null,1",
                "2026-11-20|a|version_python|1.0 null|1",
            ),
        ] {
            assert_eq!(
                check(header, line),
                (Verdict::Counted, vec![expect.to_owned()]),
                "{line}"
            );
        }
        assert_eq!(
            check(HEADER, "2026-11-20,a,overall,with_mirrors,0"),
            (Verdict::Counted, vec![])
        );
    }

    #[test]
    fn bad_lines_name_their_reason() {
        for (line, reason) in [
            ("2026-11-20,a,overall,with_mirrors", "bad-csv"),
            ("2026-11-20,a,overall,with_mirrors,1,2", "bad-csv"),
            ("2026-11-20,\"a,overall,with_mirrors,1", "bad-csv"),
            ("2026-02-30,a,overall,with_mirrors,1", "bad-date"),
            ("2026-11-23,a,overall,with_mirrors,1", "far-future"),
            ("2026-11-20,__all__,overall,with_mirrors,1", "bad-project"),
            ("2026-11-20,a,overal,with_mirrors,1", "unknown-dimension"),
            ("2026-11-20,a,overall,mirrors,1", "bad-category"),
            ("2026-11-20,a,system,linux,1", "bad-category"),
            ("2026-11-20,a,overall,with_mirrors,-1", "bad-count"),
            ("2026-11-20,a,overall,with_mirrors,1.5", "bad-count"),
            ("2026-11-20,a,overall,with_mirrors,+1", "bad-count"),
            ("2026-11-20,a,overall,with_mirrors,", "bad-count"),
            (
                "2026-11-20,a,overall,with_mirrors,1000000000001",
                "bad-count",
            ),
            (
                "2026-11-20,a,overall,with_mirrors,99999999999999999999999",
                "bad-count",
            ),
        ] {
            match check(HEADER, line) {
                (Verdict::Rejected(reject), rows) => {
                    assert_eq!(reject.reason, reason, "{line}: {}", reject.detail);
                    assert!(rows.is_empty());
                }
                other => panic!("{line}: {other:?}"),
            }
        }
        assert!(matches!(
            check(HEADER, "2026-11-20,a,overall,with_mirrors,1000000000000").0,
            Verdict::Counted
        ));
    }

    #[test]
    fn the_rest_of_a_torn_line_corrects_its_count() {
        let tables = Tables::default();
        let mut rules = Rules::new(&tables, "2026-11-21".parse().unwrap(), None);
        let header = Header::parse(HEADER).unwrap();
        let line = "2026-11-20,a,overall,with_mirrors,1234";
        for (counted, expect) in [
            (line.len() - 1, Some(1234 - 123)),
            (line.len() - 3, Some(1234 - 1)),
            (line.len() - 4, None),
            (line.len() - 20, None),
        ] {
            let mut counter = Counter::default();
            let done = count_rest(line, counted, &header, &mut rules, &mut counter);
            let mut sum = None;
            counter
                .walk(|_, _, _, _, count| {
                    sum = Some(count);
                    Ok::<_, ()>(())
                })
                .unwrap();
            assert_eq!((done.is_ok(), sum), (expect.is_some(), expect), "{counted}");
        }
    }

    #[test]
    fn headers() {
        for (line, is_header) in [
            (HEADER, true),
            (
                "\"day\",\"project\",\"dimension\",\"category\",\"count\"",
                true,
            ),
            ("day,project,dimension,category", false),
            ("2026-11-20,a,overall,with_mirrors,1", false),
            ("", false),
        ] {
            assert_eq!(Header::parse(line).is_some(), is_header, "{line}");
        }
    }
}
