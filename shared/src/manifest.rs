//! Documents: the manifest, which names the segments of a snapshot, the
//! channel document, which says which manifest readers should serve, and a
//! host's pointer to the one it has installed.
//!
//! A document has one spelling: what is parsed and printed again must give the
//! same bytes, and its `content_hash` must be the SHA-256 of that text with
//! the field itself blank. So no changed byte goes unnoticed, and two programs
//! cannot read one text differently.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::day::Day;
use crate::hash::ObjectHash;
use crate::segment::{Identity, Kind, SCHEMA_VERSION};

/// Largest manifest in bytes: some 400 bytes per segment, a segment per month
/// of 400 years.
pub const MANIFEST_BYTES_MAX: usize = 4 << 20;
/// Largest channel document in bytes.
pub const CHANNEL_BYTES_MAX: usize = 64 << 10;
/// Largest pointer in bytes.
pub const CURRENT_BYTES_MAX: usize = 64 << 10;

/// A snapshot: the segments and the ledger it consists of.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// SHA-256 of this document with this field blank.
    pub content_hash: String,
    /// Newer than any schema we know means: keep what you have.
    pub schema_version: u32,
    /// 1 for the first snapshot of a depot; one more each time.
    pub sequence: u64,
    /// SHA-256 of the document with the sequence before.
    pub parent: Option<ObjectHash>,
    /// The latest day with a counted event before the run's today.
    pub data_through: Option<Day>,
    /// RFC 3339, UTC.
    pub published_at: String,
    /// When a newer snapshot should be there. RFC 3339, UTC.
    pub next_expected: String,
    /// Program, version and SQLite that wrote the segments.
    pub builder: String,
    /// The head, then spans and histories by first day.
    pub segments: Vec<SegmentEntry>,
    /// What has been counted.
    pub ledger: SegmentEntry,
}

/// One object of a snapshot.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SegmentEntry {
    /// SHA-256 of the SQLite file; names the object.
    pub sha256: ObjectHash,
    /// Length of the SQLite file.
    pub raw_bytes: u64,
    /// Length of the object in the depot, compressed.
    pub object_bytes: u64,
    /// What it holds.
    pub kind: Kind,
    /// First day covered.
    pub first_day: Option<Day>,
    /// Last day covered.
    pub last_day: Option<Day>,
    /// Rows of its main table.
    pub rows: u64,
    /// Downloads with mirrors that it holds.
    pub event_sum: u64,
}

impl SegmentEntry {
    /// What the segment must say of itself.
    pub fn identity(&self) -> Identity {
        Identity {
            kind: self.kind,
            first_day: self.first_day,
            last_day: self.last_day,
            rows: self.rows,
            event_sum: self.event_sum,
        }
    }
}

/// Which manifest the readers of a channel should serve.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChannelDocument {
    /// SHA-256 of this document with this field blank.
    pub content_hash: String,
    /// The channel's name, `prod` unless told otherwise.
    pub channel: String,
    /// 1 for the first; one more each time. Never goes down for a reader.
    pub counter: u64,
    /// SHA-256 of the document with the counter before.
    pub previous: Option<ObjectHash>,
    /// The manifest to serve.
    pub sequence: u64,
    /// SHA-256 of that manifest's document.
    pub manifest: ObjectHash,
    /// RFC 3339, UTC.
    pub issued_at: String,
    /// Why: `release` so far.
    pub reason: String,
}

/// A host's pointer: which installed manifest to serve.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Current {
    /// SHA-256 of this document with this field blank.
    pub content_hash: String,
    /// The manifest's sequence.
    pub sequence: u64,
    /// SHA-256 of the manifest's document.
    pub manifest: ObjectHash,
    /// The channel followed.
    pub channel: String,
    /// The counter of the channel document that named the manifest.
    pub counter: u64,
}

/// A document is refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DocumentError {
    /// Larger than any document of its kind may be.
    #[error("{bytes} bytes are more than a document may have")]
    Size {
        /// Its length.
        bytes: usize,
    },
    /// No JSON, or not the fields it should have.
    #[error("not a document of this kind: {0}")]
    Json(#[from] serde_json::Error),
    /// Written by a newer program.
    #[error("schema version {0} is newer than {SCHEMA_VERSION}; upgrade this program")]
    Newer(u64),
    /// Not the text this program would have written.
    #[error("the document has been changed: it does not print as it was read")]
    Spelling,
    /// The content hash does not fit.
    #[error("the document has been changed: its content hash does not match")]
    ContentHash,
    /// The fields contradict each other.
    #[error("absurd document: {0}")]
    Absurd(&'static str),
}

impl Manifest {
    /// Fills in the content hash and prints the document.
    pub fn seal(self) -> (Self, Vec<u8>) {
        seal(self)
    }

    /// Reads and checks a document.
    ///
    /// # Errors
    ///
    /// Whenever one byte differs from what was sealed; `Newer` for a schema
    /// that this program does not know.
    pub fn parse(bytes: &[u8]) -> Result<Self, DocumentError> {
        #[derive(Deserialize)]
        struct Version {
            schema_version: u64,
        }
        check_size(bytes, MANIFEST_BYTES_MAX)?;
        let Version { schema_version } = serde_json::from_slice(bytes)?;
        if schema_version > u64::from(SCHEMA_VERSION) {
            return Err(DocumentError::Newer(schema_version));
        }
        let manifest: Self = parse(bytes)?;
        manifest.check()?;
        Ok(manifest)
    }

    fn check(&self) -> Result<(), DocumentError> {
        if self.sequence == 0 || (self.sequence == 1) != self.parent.is_none() {
            return Err(DocumentError::Absurd(
                "sequence and parent contradict each other",
            ));
        }
        if self.ledger.kind != Kind::Ledger {
            return Err(DocumentError::Absurd("the ledger is of another kind"));
        }
        let (first, rest) = self
            .segments
            .split_first()
            .ok_or(DocumentError::Absurd("no segments"))?;
        if first.kind != Kind::Head {
            return Err(DocumentError::Absurd("the first segment is no head"));
        }
        let mut last_day = None;
        for entry in rest {
            if !matches!(entry.kind, Kind::Span | Kind::History) {
                return Err(DocumentError::Absurd(
                    "a second head or a ledger among the segments",
                ));
            }
            let (Some(first), Some(last)) = (entry.first_day, entry.last_day) else {
                return Err(DocumentError::Absurd("a series segment without days"));
            };
            if first > last || last_day.is_some_and(|last_day| first <= last_day) {
                return Err(DocumentError::Absurd("days run backwards or overlap"));
            }
            last_day = Some(last);
        }
        Ok(())
    }

    /// The head's entry.
    ///
    /// # Panics
    ///
    /// Never for a parsed manifest: it has been checked.
    pub fn head(&self) -> &SegmentEntry {
        self.segments
            .first()
            .expect("a manifest begins with its head")
    }

    /// Spans and histories by first day.
    pub fn series_segments(&self) -> &[SegmentEntry] {
        &self.segments[1..]
    }
}

impl ChannelDocument {
    /// Fills in the content hash and prints the document.
    pub fn seal(self) -> (Self, Vec<u8>) {
        seal(self)
    }

    /// Reads and checks a document.
    ///
    /// # Errors
    ///
    /// Whenever one byte differs from what was sealed.
    pub fn parse(bytes: &[u8]) -> Result<Self, DocumentError> {
        check_size(bytes, CHANNEL_BYTES_MAX)?;
        let document: Self = parse(bytes)?;
        if document.counter == 0 || (document.counter == 1) != document.previous.is_none() {
            return Err(DocumentError::Absurd(
                "counter and previous contradict each other",
            ));
        }
        Ok(document)
    }
}

impl Current {
    /// Fills in the content hash and prints the document.
    pub fn seal(self) -> (Self, Vec<u8>) {
        seal(self)
    }

    /// Reads and checks a document.
    ///
    /// # Errors
    ///
    /// Whenever one byte differs from what was sealed.
    pub fn parse(bytes: &[u8]) -> Result<Self, DocumentError> {
        check_size(bytes, CURRENT_BYTES_MAX)?;
        parse(bytes)
    }
}

fn check_size(bytes: &[u8], bytes_max: usize) -> Result<(), DocumentError> {
    if bytes.len() > bytes_max {
        return Err(DocumentError::Size { bytes: bytes.len() });
    }
    Ok(())
}

/// A document that carries the hash of its own content.
trait Sealed: DeserializeOwned + Serialize {
    fn content_hash(&mut self) -> &mut String;
}

impl Sealed for Manifest {
    fn content_hash(&mut self) -> &mut String {
        &mut self.content_hash
    }
}

impl Sealed for Current {
    fn content_hash(&mut self) -> &mut String {
        &mut self.content_hash
    }
}

impl Sealed for ChannelDocument {
    fn content_hash(&mut self) -> &mut String {
        &mut self.content_hash
    }
}

fn seal<T: Sealed>(mut document: T) -> (T, Vec<u8>) {
    document.content_hash().clear();
    *document.content_hash() = ObjectHash::of(&print(&document)).to_string();
    let bytes = print(&document);
    (document, bytes)
}

fn parse<T: Sealed>(bytes: &[u8]) -> Result<T, DocumentError> {
    let mut document: T = serde_json::from_slice(bytes)?;
    if print(&document) != bytes {
        return Err(DocumentError::Spelling);
    }
    let stored = std::mem::take(document.content_hash());
    if ObjectHash::of(&print(&document)).to_string() != stored {
        return Err(DocumentError::ContentHash);
    }
    *document.content_hash() = stored;
    Ok(document)
}

fn print<T: Serialize>(document: &T) -> Vec<u8> {
    let mut bytes =
        serde_json::to_vec_pretty(document).expect("documents hold only texts and numbers");
    bytes.push(b'\n');
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(kind: Kind, days: Option<(&str, &str)>) -> SegmentEntry {
        SegmentEntry {
            sha256: ObjectHash::of(b"x"),
            raw_bytes: 4096,
            object_bytes: 100,
            kind,
            first_day: days.map(|(first, _)| first.parse().unwrap()),
            last_day: days.map(|(_, last)| last.parse().unwrap()),
            rows: 3,
            event_sum: 7,
        }
    }

    fn manifest() -> Manifest {
        Manifest {
            content_hash: String::new(),
            schema_version: SCHEMA_VERSION,
            sequence: 1,
            parent: None,
            data_through: Some("2026-11-20".parse().unwrap()),
            published_at: "2026-11-21T01:00:00Z".into(),
            next_expected: "2026-11-22T01:00:00Z".into(),
            builder: "espy-compactor 0.1.0".into(),
            segments: vec![
                entry(Kind::Head, Some(("2026-11-01", "2026-11-20"))),
                entry(Kind::Span, Some(("2026-11-01", "2026-11-16"))),
                entry(Kind::Span, Some(("2026-11-17", "2026-11-20"))),
            ],
            ledger: entry(Kind::Ledger, None),
        }
    }

    #[test]
    fn parse_inverts_seal() {
        let (sealed, bytes) = manifest().seal();
        assert_eq!(Manifest::parse(&bytes).unwrap(), sealed);
    }

    #[test]
    fn any_flipped_bit_or_cut_is_refused() {
        let (_, bytes) = manifest().seal();
        for index in 0..bytes.len() {
            assert!(Manifest::parse(&bytes[..index]).is_err());
            for bit in 0..8 {
                let mut changed = bytes.clone();
                changed[index] ^= 1 << bit;
                assert!(Manifest::parse(&changed).is_err(), "byte {index} bit {bit}");
            }
        }
    }

    #[test]
    fn absurd_documents_are_refused() {
        type Change = fn(&mut Manifest);
        let changes: [(&str, Change); 6] = [
            ("overlap", |m| {
                m.segments[2].first_day = m.segments[1].last_day
            }),
            ("no head", |m| m.segments.remove(0).kind = Kind::Head),
            ("empty", |m| m.segments.clear()),
            ("parent of the first", |m| {
                m.parent = Some(ObjectHash::of(b"p"))
            }),
            ("ledger", |m| m.ledger.kind = Kind::Span),
            ("newer", |m| m.schema_version += 1),
        ];
        for (what, change) in changes {
            let mut changed = manifest();
            change(&mut changed);
            let (_, bytes) = changed.seal();
            assert!(Manifest::parse(&bytes).is_err(), "{what}");
        }
    }

    #[test]
    fn channel_documents_come_back() {
        let document = ChannelDocument {
            content_hash: String::new(),
            channel: "prod".into(),
            counter: 2,
            previous: Some(ObjectHash::of(b"1")),
            sequence: 5,
            manifest: ObjectHash::of(b"m"),
            issued_at: "2026-11-21T01:00:00Z".into(),
            reason: "release".into(),
        };
        let (sealed, bytes) = document.seal();
        assert_eq!(ChannelDocument::parse(&bytes).unwrap(), sealed);
        let mut changed = bytes;
        changed[40] ^= 1;
        assert!(ChannelDocument::parse(&changed).is_err());
    }
}
