//! Requests that no honest client sends, and what must become of them: 4xx or
//! a closed connection; never 5xx, never two answers, never silence.

mod corpus;

use std::fmt;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::config::{LoadConfig, Target};
use crate::http::answer::{KeepNothing, Reader};
use crate::interrupt::Interrupt;
use corpus::{Case, Rule};

/// Servers close idle connections after a minute or so; what has no answer by
/// then hangs.
const ANSWER_WAIT: Duration = Duration::from_millis(1500);
/// After an answer: whether a second one follows.
const SECOND_WAIT: Duration = Duration::from_millis(150);
const ANSWER_BYTES_MAX: usize = 4 << 20;

/// What the corpus has shown.
#[derive(Debug, Serialize)]
pub struct HostileFindings {
    /// Requests sent.
    pub case_count: usize,
    /// Wrong answers.
    pub failed_count: usize,
    /// Each request.
    pub cases: Vec<HostileCase>,
}

/// A hostile request.
#[derive(Debug, Serialize)]
pub struct HostileCase {
    /// What is hostile about it.
    pub name: &'static str,
    /// What came back: statuses, `closed`, `silence`.
    pub got: String,
    /// Why that is wrong; null where it is right.
    pub wrong: Option<String>,
}

/// What came back.
#[derive(Debug, Default, PartialEq, Eq)]
struct Reaction {
    statuses: Vec<u16>,
    is_closed: bool,
    is_garbage: bool,
}

/// Sends all of the corpus, each on a connection of its own, and looks after
/// each whether honest requests are still answered.
pub(crate) fn attack(
    target: &Target,
    load: &LoadConfig,
    honest_path: &str,
    interrupt: &Interrupt,
) -> HostileFindings {
    let mut cases = Vec::new();
    for case in corpus::all(&target.authority, honest_path) {
        if interrupt.is_set() {
            break;
        }
        let (got, mut wrong) = match send(target, &case, load.timeout) {
            Ok(reaction) => (reaction.to_string(), verdict(case.rule, &reaction)),
            Err(error) => (format!("{error}"), Some("no connection".to_owned())),
        };
        if wrong.is_none() && !is_alive(target, honest_path, load.timeout) {
            wrong = Some("an honest request got no answer afterwards".to_owned());
        }
        cases.push(HostileCase {
            name: case.name,
            got,
            wrong,
        });
    }
    HostileFindings {
        case_count: cases.len(),
        failed_count: cases.iter().filter(|case| case.wrong.is_some()).count(),
        cases,
    }
}

fn verdict(rule: Rule, reaction: &Reaction) -> Option<String> {
    let answers = &reaction.statuses;
    if reaction.is_garbage {
        return Some("the answer is not HTTP/1".to_owned());
    }
    if let Some(status) = answers.iter().find(|status| **status >= 500) {
        return Some(format!("status {status}: the server's fault"));
    }
    if answers.len() > 1 {
        return Some(format!("{} answers to one request", answers.len()));
    }
    match (answers.first(), rule) {
        (None, _) if reaction.is_closed => None,
        (None, _) => Some("neither answered nor closed".to_owned()),
        (Some(400..500), _) | (Some(_), Rule::OneAnswer) => None,
        (Some(status), Rule::Refuse) => Some(format!("status {status} instead of 4xx")),
    }
}

fn send(target: &Target, case: &Case, timeout: Duration) -> std::io::Result<Reaction> {
    let mut stream = TcpStream::connect_timeout(&target.address, timeout)?;
    stream.set_nodelay(true)?;
    stream.set_write_timeout(Some(ANSWER_WAIT))?;
    // A server may answer and close before it has read all; that is its right.
    let _ = stream.write_all(&case.bytes);
    if case.half_close {
        let _ = stream.shutdown(Shutdown::Write);
    }
    Ok(receive(&mut stream, case.is_head))
}

/// Reads answers until the end, or until no more can be expected.
fn receive(stream: &mut TcpStream, is_head: bool) -> Reaction {
    let mut reaction = Reaction::default();
    let mut reader = Reader::default();
    let mut buffer = vec![0; 64 << 10];
    let begun = Instant::now();
    let mut byte_count = 0;
    loop {
        let wait = if reaction.statuses.is_empty() {
            ANSWER_WAIT
        } else {
            SECOND_WAIT
        };
        if stream.set_read_timeout(Some(wait)).is_err() || begun.elapsed() > 2 * ANSWER_WAIT {
            return reaction;
        }
        match stream.read(&mut buffer) {
            Ok(0) => {
                reaction
                    .statuses
                    .extend(reader.take_end().map(|answer| answer.status));
                reaction.is_closed = true;
                return reaction;
            }
            Ok(count) => {
                byte_count += count;
                if byte_count > ANSWER_BYTES_MAX {
                    return reaction;
                }
                let mut bytes = &buffer[..count];
                while !bytes.is_empty() {
                    match reader.take(&mut bytes, is_head, &mut KeepNothing) {
                        Ok(Some(answer)) => reaction.statuses.push(answer.status),
                        Ok(None) => {}
                        Err(_) => {
                            reaction.is_garbage = true;
                            return reaction;
                        }
                    }
                }
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                return reaction;
            }
            Err(_) => {
                reaction.is_closed = true;
                return reaction;
            }
        }
    }
}

fn is_alive(target: &Target, path: &str, timeout: Duration) -> bool {
    crate::http::probe::Probe::new(target, timeout)
        .get(path)
        .is_ok_and(|answer| answer.status < 500)
}

impl fmt::Display for Reaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts: Vec<String> = self.statuses.iter().map(ToString::to_string).collect();
        if self.is_garbage {
            parts.push("not HTTP".to_owned());
        }
        if self.is_closed {
            parts.push("closed".to_owned());
        } else if parts.is_empty() {
            parts.push("silence".to_owned());
        }
        f.write_str(&parts.join(", "))
    }
}

impl fmt::Display for HostileFindings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let failed = self.failed_count;
        writeln!(
            f,
            "{} hostile requests, {failed} answered wrongly",
            self.case_count
        )?;
        for case in &self.cases {
            if let Some(wrong) = &case.wrong {
                writeln!(f, "  WRONG {}: {wrong} (got {})", case.name, case.got)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verdicts() {
        fn check(rule: Rule, statuses: &[u16], is_closed: bool, is_right: bool) {
            let reaction = Reaction {
                statuses: statuses.to_vec(),
                is_closed,
                is_garbage: false,
            };
            assert_eq!(
                verdict(rule, &reaction).is_none(),
                is_right,
                "{rule:?} {reaction}"
            );
        }
        check(Rule::Refuse, &[400], true, true);
        check(Rule::Refuse, &[431], false, true);
        check(Rule::Refuse, &[], true, true);
        check(Rule::Refuse, &[], false, false);
        check(Rule::Refuse, &[200], true, false);
        check(Rule::Refuse, &[505], true, false);
        check(Rule::Refuse, &[400, 400], true, false);
        check(Rule::OneAnswer, &[200], true, true);
        check(Rule::OneAnswer, &[200, 200], true, false);
        check(Rule::OneAnswer, &[500], true, false);
    }
}
