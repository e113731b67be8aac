//! The whole generator: same bytes, same counts in every format.

use std::collections::BTreeMap;
use std::io::Read;

use jiff::civil::date;
use serde_json::Value;

use super::*;
use crate::config::{Compress, Recipe};

const FORMATS: [Format; 4] = [
    Format::Bigquery,
    Format::Linehaul,
    Format::AccessLog,
    Format::Counts,
];

fn config(format: Format) -> EventsConfig {
    EventsConfig {
        recipe: Recipe {
            row_count: 6_000,
            day_count: 3,
            last_day: date(2026, 11, 22),
            seed: 7,
            project_count: 60,
            malformed_count: 25,
            side_file_share: 0.05,
        },
        format,
        compress: Compress::None,
        out: Out::Stdout,
        expected_prefix: None,
    }
}

struct Made {
    file: Vec<u8>,
    expected: String,
    summary: Value,
}

fn make(config: &EventsConfig) -> Made {
    let (mut file, mut csv) = (Vec::new(), Vec::new());
    let summary = generate(config, &mut file, &mut csv).unwrap();
    Made {
        file,
        expected: String::from_utf8(csv).unwrap(),
        summary: serde_json::to_value(&summary).unwrap(),
    }
}

fn number(value: &Value, path: &str) -> u64 {
    value
        .pointer(path)
        .and_then(Value::as_u64)
        .unwrap_or_else(|| panic!("{path} in {value}"))
}

#[test]
fn same_recipe_same_bytes_and_another_seed_others() {
    for format in FORMATS {
        let (first, second) = (make(&config(format)), make(&config(format)));
        assert_eq!(first.file, second.file);
        assert_eq!(first.expected, second.expected);
        assert_eq!(first.summary, second.summary);
        let mut other = config(format);
        other.recipe.seed = 8;
        assert_ne!(make(&other).file, first.file);
    }
}

#[test]
fn every_format_holds_the_same_downloads() {
    let [bigquery, linehaul, access_log, counts] = FORMATS.map(|format| make(&config(format)));
    assert_eq!(bigquery.expected, linehaul.expected);
    assert_eq!(counts.expected, linehaul.expected);
    let without_country: String = linehaul
        .expected
        .lines()
        .filter(|line| !line.contains(",country,"))
        .flat_map(|line| [line, "\n"])
        .collect();
    assert_eq!(access_log.expected, without_country);
    for made in [&bigquery, &access_log, &counts] {
        for path in ["/events", "/counted", "/downloads", "/side_files"] {
            assert_eq!(number(&made.summary, path), number(&linehaul.summary, path));
        }
    }
    let ignored = number(&linehaul.summary, "/ignored/user-agent");
    assert!(ignored > 0);
    assert_eq!(number(&bigquery.summary, "/rows"), 6_000 - ignored);
    assert_eq!(number(&bigquery.summary, "/ignored/user-agent"), 0);
}

#[test]
fn malformed_lines_change_no_event() {
    for format in FORMATS {
        let with = make(&config(format));
        let mut clean = config(format);
        clean.recipe.malformed_count = 0;
        let clean = make(&clean);
        assert_eq!(with.expected, clean.expected);
        let lines = |file: &[u8]| file.iter().filter(|byte| **byte == b'\n').count() as u64;
        assert_eq!(lines(&with.file), lines(&clean.file) + 25);
        assert_eq!(number(&with.summary, "/malformed"), 25);
        assert_eq!(number(&with.summary, "/lines"), lines(&with.file));
        assert_eq!(number(&clean.summary, "/lines"), lines(&clean.file));
    }
}

#[test]
fn a_file_of_counts_is_its_own_expectation() {
    let mut clean = config(Format::Counts);
    clean.recipe.malformed_count = 0;
    let made = make(&clean);
    assert_eq!(String::from_utf8(made.file).unwrap(), made.expected);
}

#[test]
fn expected_counts_are_sorted_and_add_up() {
    let made = make(&config(Format::Linehaul));
    let mut sums: BTreeMap<(String, String), u64> = BTreeMap::new();
    let mut keys = Vec::new();
    let mut lines = made.expected.lines();
    assert_eq!(lines.next(), Some(write_counts::HEADER));
    for line in lines {
        let (key, count) = line.rsplit_once(',').unwrap();
        let fields: Vec<_> = key.splitn(4, ',').map(str::to_owned).collect();
        *sums
            .entry((fields[2].clone(), fields[3].clone()))
            .or_default() += count.parse::<u64>().unwrap();
        // Quotes come before letters: compare what is quoted.
        let category = fields[3].trim_matches('"').replace("\"\"", "\"");
        keys.push([&fields[0], &fields[1], &fields[2], &category].map(String::clone));
    }
    assert!(keys.is_sorted());
    let sum_of = |dimension: &str| -> u64 {
        sums.iter()
            .filter(|((of, _), _)| of == dimension)
            .map(|(_, sum)| sum)
            .sum()
    };
    let overall = |view: &str| sums[&("overall".to_owned(), view.to_owned())];
    for dimension in ["version", "file_type", "installer", "traffic"] {
        assert_eq!(sum_of(dimension), overall("with_mirrors"), "{dimension}");
    }
    for dimension in [
        "version_without_mirrors",
        "file_type_without_mirrors",
        "python_major",
        "python_minor",
        "implementation",
        "cpu",
        "system",
        "distro",
        "libc",
        "country",
        "ci",
        "version_python",
    ] {
        assert_eq!(sum_of(dimension), overall("without_mirrors"), "{dimension}");
    }
    assert!(overall("without_mirrors") < overall("with_mirrors"));
    assert_eq!(overall("with_mirrors"), number(&made.summary, "/downloads"));
    let rows = number(&made.summary, "/counted")
        + number(&made.summary, "/ignored/user-agent")
        + number(&made.summary, "/ignored/python");
    assert_eq!(number(&made.summary, "/rows"), rows);
    let days = made.summary["days"].as_array().unwrap();
    let of_days: u64 = days.iter().map(|day| number(day, "/downloads")).sum();
    assert_eq!((days.len(), of_days), (3, overall("with_mirrors")));
}

#[test]
fn bigquery_rows_are_the_linehaul_lines() {
    let mut config = config(Format::Bigquery);
    config.recipe.malformed_count = 0;
    let rows = String::from_utf8(make(&config).file).unwrap();
    config.format = Format::Linehaul;
    let lines = String::from_utf8(make(&config).file).unwrap();
    let mut rows = rows.lines();
    let mut last_time = String::new();
    for line in lines.lines() {
        let fields: Vec<_> = line.splitn(10, '|').collect();
        if marginals::IGNORED_AGENTS
            .iter()
            .any(|(agent, _)| *agent == fields[9])
        {
            continue;
        }
        let row: Value = serde_json::from_str(rows.next().unwrap()).unwrap();
        let text = |path| row.pointer(path).and_then(Value::as_str);
        assert_eq!(text("/country_code").unwrap_or_default(), fields[2]);
        assert_eq!(text("/url"), Some(fields[3]));
        assert_eq!(text("/tls_protocol").unwrap_or("(null)"), fields[4]);
        assert_eq!(text("/tls_cipher").unwrap_or("(null)"), fields[5]);
        assert_eq!(text("/project"), Some(fields[6]));
        assert_eq!(text("/file/project"), Some(fields[6]));
        assert_eq!(text("/file/version"), Some(fields[7]));
        assert_eq!(text("/file/type"), Some(fields[8]));
        assert_eq!(text("/file/filename"), fields[3].rsplit('/').next());
        // "Fri, 20 Nov 2026 20:54:54 GMT" and "2026-11-20 20:54:54 UTC".
        let time = text("/timestamp").unwrap();
        assert_eq!(
            &time[8..19],
            format!("{} {}", &fields[1][5..7], &fields[1][17..25])
        );
        assert!(*time >= *last_time);
        last_time = time.to_owned();
        assert_eq!(row.as_object().unwrap().len(), 8);
        match row["details"].as_object() {
            Some(details) => assert_eq!(details.len(), 10),
            None => assert!(row["details"].is_null()),
        }
    }
    assert_eq!(rows.next(), None);
}

#[test]
fn access_log_lines_are_combined_lines() {
    let mut config = config(Format::AccessLog);
    config.recipe.malformed_count = 0;
    let made = make(&config);
    let text = String::from_utf8(made.file).unwrap();
    let mut downloads = 0;
    for line in text.lines() {
        assert!(line.is_ascii());
        assert!(line.starts_with("192.0.2."), "{line}");
        let parts: Vec<_> = line.split('"').collect();
        assert_eq!(parts.len(), 7, "{line}");
        assert!(parts[0].ends_with(" +0000] ") && parts[1].ends_with(" HTTP/1.1"));
        downloads +=
            u64::from(parts[1].starts_with("GET /packages/") && parts[2].starts_with(" 200 "));
    }
    assert_eq!(downloads, 6_000);
    for other in ["partial", "not_modified", "not_found", "head", "simple"] {
        assert!(
            number(&made.summary, &format!("/other_lines/{other}")) > 0,
            "{other}"
        );
    }
}

#[test]
fn a_day_may_have_bad_lines_only() {
    let mut config = config(Format::Linehaul);
    config.recipe.row_count = 1;
    let made = make(&config);
    assert_eq!(made.file.iter().filter(|byte| **byte == b'\n').count(), 26);
}

#[test]
fn files_and_their_compression() {
    let directory = tempfile::tempdir().unwrap();
    let plain = make(&config(Format::Bigquery));
    for (compress, name) in [
        (Compress::None, "events.ndjson"),
        (Compress::Gzip, "events.ndjson.gz"),
        (Compress::Zstd, "events.ndjson.zst"),
    ] {
        let path = directory.path().join(name);
        let config = EventsConfig {
            compress,
            out: Out::File(path.clone()),
            expected_prefix: Some(path.clone()),
            ..config(Format::Bigquery)
        };
        run(&config).unwrap();
        let bytes = fs::read(&path).unwrap();
        let mut text = Vec::new();
        match compress {
            Compress::None => text = bytes,
            Compress::Gzip => {
                flate2::read::GzDecoder::new(&*bytes)
                    .read_to_end(&mut text)
                    .unwrap();
            }
            Compress::Zstd => text = zstd::decode_all(&*bytes).unwrap(),
        }
        assert!(text == plain.file, "{name}");
        let beside = |suffix: &str| {
            fs::read_to_string(directory.path().join(format!("{name}{suffix}"))).unwrap()
        };
        assert_eq!(beside(".expected.csv"), plain.expected);
        let summary: Value = serde_json::from_str(&beside(".expected.json")).unwrap();
        assert_eq!(summary, plain.summary);
    }
}

#[test]
fn a_failed_run_leaves_no_summary_of_an_earlier_one() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("events");
    let summary = directory.path().join("events.expected.json");
    fs::write(&summary, "{}").unwrap();
    fs::create_dir(directory.path().join("events.expected.csv")).unwrap();
    let config = EventsConfig {
        out: Out::File(path.clone()),
        expected_prefix: Some(path),
        ..config(Format::Bigquery)
    };
    run(&config).unwrap_err();
    assert!(!summary.exists());
}
