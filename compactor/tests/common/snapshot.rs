//! What a depot or a host holds.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use espy_shared::dimension::Dimension;
use espy_shared::layout;
use espy_shared::manifest::{ChannelDocument, Current, Manifest};
use espy_shared::segment::{self, Kind, SeriesReader};

use super::events::Counts;

/// The newest manifest of a depot; none before the first.
pub fn newest(depot: &Path) -> Option<Manifest> {
    let sequence = count(&depot.join("manifests"));
    (sequence > 0).then(|| {
        let bytes = fs::read(depot.join(layout::manifest(sequence))).expect("numbers have no gaps");
        Manifest::parse(&bytes).expect("what is published is sound")
    })
}

/// The number of manifests.
pub fn count(dir: &Path) -> u64 {
    fs::read_dir(dir).map_or(0, |entries| {
        let names = entries.map(|entry| entry.expect("the folder can be read").file_name());
        names
            .filter(|name| layout::number_of(&name.to_string_lossy()).is_some())
            .count() as u64
    })
}

/// The newest document of a channel.
pub fn channel(depot: &Path, name: &str) -> Option<ChannelDocument> {
    let counter = count(&depot.join("channels").join(name));
    (counter > 0).then(|| {
        let bytes =
            fs::read(depot.join(layout::channel(name, counter))).expect("numbers have no gaps");
        ChannelDocument::parse(&bytes).expect("what is published is sound")
    })
}

/// Kind, days and SHA-256 of each span and history of the newest snapshot.
pub fn spans(depot: &Path) -> Vec<String> {
    let manifest = newest(depot).expect("something is published");
    manifest.series_segments().iter().map(describe).collect()
}

/// The same, the head included.
pub fn segments(depot: &Path) -> Vec<String> {
    let manifest = newest(depot).expect("something is published");
    manifest.segments.iter().map(describe).collect()
}

fn describe(entry: &espy_shared::manifest::SegmentEntry) -> String {
    let day = |day: Option<espy_shared::day::Day>| day.map_or_else(String::new, |d| d.to_string());
    format!(
        "{} {}..{} {}",
        entry.kind,
        day(entry.first_day),
        day(entry.last_day),
        entry.sha256
    )
}

/// Every count of the newest snapshot but `__all__`'s, read through the codec.
pub fn counts(depot: &Path) -> Counts {
    let manifest = newest(depot).expect("something is published");
    let dir = tempfile::tempdir().expect("a folder can be made");
    let mut counts = Counts::new();
    for entry in manifest.series_segments() {
        let object = fs::read(depot.join(layout::object(&entry.sha256))).expect("it is published");
        let path = dir.path().join(entry.sha256.to_string());
        fs::write(&path, zstd::decode_all(&object[..]).expect("it is zstd")).expect("it fits");
        let connection = segment::open_file(&path).expect("it is a segment");
        segment::check(&connection, &entry.identity()).expect("it is the segment named");
        let reader = SeriesReader::new(connection).expect("it holds series");
        let mut statement = reader
            .connection()
            .prepare("SELECT name FROM project WHERE name <> '__all__'")
            .expect("it has projects");
        let names: Vec<String> = statement
            .query_map([], |row| row.get(0))
            .expect("it has projects")
            .collect::<Result<_, _>>()
            .expect("names are text");
        for project in names {
            for dimension in Dimension::ALL {
                reader
                    .walk(&project, dimension, |category, numbers| {
                        for (slot, &number) in numbers.iter().enumerate().filter(|(_, n)| **n > 0) {
                            let key = (
                                project.clone(),
                                dimension.name(),
                                category.to_owned(),
                                reader.slot_day(slot).to_string(),
                            );
                            *counts.entry(key).or_default() += number;
                        }
                    })
                    .expect("series decode");
            }
        }
    }
    counts
}

/// Downloads with mirrors by project, over all days.
pub fn downloads(depot: &Path) -> BTreeMap<String, u64> {
    let mut downloads = BTreeMap::new();
    for ((project, dimension, category, _), count) in counts(depot) {
        if (dimension, category.as_str()) == ("overall", "with_mirrors") {
            *downloads.entry(project).or_default() += count;
        }
    }
    downloads
}

/// Whether a host serves a whole snapshot: its manifest and every segment of
/// it, byte for byte. Returns its sequence; none where nothing is installed.
#[track_caller]
pub fn installed(snapshots: &Path) -> Option<u64> {
    let current = fs::read(snapshots.join(layout::CURRENT)).ok()?;
    let current = Current::parse(&current).expect("the pointer is whole");
    let bytes = fs::read(snapshots.join(layout::manifest(current.sequence)))
        .expect("the manifest is there");
    assert_eq!(
        espy_shared::hash::ObjectHash::of(&bytes),
        current.manifest,
        "the manifest is the one pointed to"
    );
    let manifest = Manifest::parse(&bytes).expect("the manifest is sound");
    for entry in &manifest.segments {
        let bytes = fs::read(snapshots.join(layout::segment(&entry.sha256)))
            .unwrap_or_else(|error| panic!("segment {}: {error}", entry.sha256));
        assert_eq!(
            espy_shared::hash::ObjectHash::of(&bytes),
            entry.sha256,
            "segments are whole"
        );
    }
    Some(current.sequence)
}

/// Batches in the ledger of the newest snapshot: rows counted by source.
pub fn ledger(depot: &Path) -> Vec<(String, u64)> {
    let manifest = newest(depot).expect("something is published");
    assert_eq!(manifest.ledger.kind, Kind::Ledger);
    let object =
        fs::read(depot.join(layout::object(&manifest.ledger.sha256))).expect("it is published");
    let dir = tempfile::tempdir().expect("a folder can be made");
    let path = dir.path().join("ledger");
    fs::write(&path, zstd::decode_all(&object[..]).expect("it is zstd")).expect("it fits");
    let connection = segment::open_file(&path).expect("it is a segment");
    let mut statement = connection
        .prepare("SELECT source, counted FROM batch ORDER BY source, hash")
        .expect("it has batches");
    statement
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
        .expect("it has batches")
        .collect::<Result<_, _>>()
        .expect("rows are readable")
}
