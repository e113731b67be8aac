//! Entity tags: what an answer was made from, and what was asked.

use data_encoding::HEXLOWER;
use http::HeaderValue;
use sha2::{Digest, Sha256};

use espy_shared::hash::ObjectHash;

use super::coding::Coding;

/// Goes up whenever the same question to the same segments gets other bytes.
const FORMAT: u8 = 1;
/// Bytes of hash in a tag: 128 bits, no two answers meet by chance.
const BYTES: usize = 16;
const TEXT_BYTES: usize = 2 * BYTES + 2;

/// What all answers from the same segments share.
#[derive(Clone, Debug)]
pub(crate) struct TagSeed([u8; 32]);

impl TagSeed {
    /// From the segments that are read, and what else decides the answer
    /// besides the question.
    pub(crate) fn new(segments: impl IntoIterator<Item = ObjectHash>, window: &[i32]) -> Self {
        let mut hasher = Sha256::new();
        hasher.update([FORMAT]);
        for day in window {
            hasher.update(day.to_le_bytes());
        }
        for segment in segments {
            hasher.update(segment.to_string());
        }
        Self(hasher.finalize().into())
    }

    /// The tag of the answer to a question in a coding, the question given in
    /// its one spelling as parts. Lengths keep the parts apart, whatever they
    /// hold.
    pub(crate) fn tag(&self, coding: Coding, question: &[&str]) -> EntityTag {
        let mut hasher = Sha256::new();
        hasher.update(self.0);
        hasher.update([match coding {
            Coding::Identity => 0,
            Coding::Gzip => 1,
        }]);
        for part in question {
            hasher.update((part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
        let hash = hasher.finalize();
        let mut text = [b'"'; TEXT_BYTES];
        HEXLOWER.encode_mut(&hash[..BYTES], &mut text[1..=2 * BYTES]);
        let header = HeaderValue::from_bytes(&text);
        EntityTag(header.expect("quotes and hexadecimal digits are printable"))
    }
}

/// A strong entity tag, quoted; clones share its text.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct EntityTag(HeaderValue);

/// How `If-None-Match` fits a tag.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Match {
    /// Not at all, or there is no such header.
    None,
    /// The client has exactly this.
    Listed,
    /// `*`: the client has something.
    Any,
}

impl EntityTag {
    pub(crate) fn header(&self) -> HeaderValue {
        self.0.clone()
    }

    /// Compares with the values of `If-None-Match`: lists, `*`, and weak tags,
    /// which fit their strong form (RFC 9110, 13.1.2 and 8.8.3.2).
    pub(crate) fn matches<'a>(&self, values: impl IntoIterator<Item = &'a [u8]>) -> Match {
        let mut found = Match::None;
        for value in values {
            if value.trim_ascii() == b"*" {
                found = Match::Any;
            }
            // A comma inside a foreign tag cuts it into pieces that fit
            // nothing: our tags hold none.
            for tag in value.split(|&byte| byte == b',') {
                let tag = tag.trim_ascii();
                if tag.strip_prefix(b"W/").unwrap_or(tag) == self.0.as_bytes() {
                    return Match::Listed;
                }
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seed(text: &[u8], window: &[i32]) -> TagSeed {
        TagSeed::new([ObjectHash::of(text)], window)
    }

    #[test]
    fn matching() {
        let tag = seed(b"x", &[]).tag(Coding::Identity, &["recent", "pip"]);
        let text = String::from_utf8(tag.0.as_bytes().to_vec()).unwrap();
        for (values, expect) in [
            (vec![], Match::None),
            (vec![text.clone()], Match::Listed),
            (vec![format!("W/{text}")], Match::Listed),
            (vec![format!("\"a\", {text}")], Match::Listed),
            (vec![format!("\"a\",W/{text} ,\"b\"")], Match::Listed),
            (vec!["\"a\"".into(), text.clone()], Match::Listed),
            (vec!["*".into()], Match::Any),
            (vec![" * ".into()], Match::Any),
            (vec!["\"*\"".into()], Match::None),
            (vec![text.trim_matches('"').into()], Match::None),
            (vec![format!("w/{text}")], Match::None),
            (vec!["".into(), ",".into()], Match::None),
        ] {
            let bytes: Vec<&[u8]> = values.iter().map(String::as_bytes).collect();
            assert_eq!(tag.matches(bytes), expect, "{values:?}");
        }
        assert_eq!(tag.header().to_str().unwrap(), text);
    }

    #[test]
    fn different_sources_and_questions_differ() {
        let tags = [
            seed(b"x", &[]).tag(Coding::Identity, &["recent", "pip", ""]),
            seed(b"y", &[]).tag(Coding::Identity, &["recent", "pip", ""]),
            seed(b"x", &[1]).tag(Coding::Identity, &["recent", "pip", ""]),
            seed(b"x", &[]).tag(Coding::Identity, &["overall", "pip", ""]),
            seed(b"x", &[]).tag(Coding::Identity, &["recent", "pip", "day"]),
            seed(b"x", &[]).tag(Coding::Identity, &["recent", "", "pip"]),
            seed(b"x", &[]).tag(Coding::Gzip, &["recent", "pip", ""]),
        ];
        for (index, tag) in tags.iter().enumerate() {
            assert!(!tags[..index].contains(tag), "{index}");
        }
    }
}
