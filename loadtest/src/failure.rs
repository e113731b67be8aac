//! What can go wrong with a request, by kind.

use std::io;

/// A kind of error; each request has one at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Failure {
    /// The connection could not be opened, for another reason than the next.
    Connect,
    /// Nobody listens.
    Refused,
    /// The target reset the connection.
    Reset,
    /// It closed the connection before the answer was complete.
    ClosedEarly,
    /// The answer took longer than `--timeout`.
    Timeout,
    /// The answer is not HTTP.
    Protocol,
    /// 4xx where it is wrong.
    Status4xx,
    /// 5xx.
    Status5xx,
    /// Another status than was right: a success where a log has an error.
    StatusUnexpected,
    /// Due, but too many others were waiting.
    NotSent,
}

impl Failure {
    /// All kinds.
    pub const ALL: [Self; 10] = [
        Self::Connect,
        Self::Refused,
        Self::Reset,
        Self::ClosedEarly,
        Self::Timeout,
        Self::Protocol,
        Self::Status4xx,
        Self::Status5xx,
        Self::StatusUnexpected,
        Self::NotSent,
    ];

    /// As in reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Refused => "refused",
            Self::Reset => "reset",
            Self::ClosedEarly => "closed_early",
            Self::Timeout => "timeout",
            Self::Protocol => "protocol",
            Self::Status4xx => "status_4xx",
            Self::Status5xx => "status_5xx",
            Self::StatusUnexpected => "status_unexpected",
            Self::NotSent => "not_sent",
        }
    }

    /// The kind of a status that was wrong.
    #[must_use]
    pub fn of_status(status: u16) -> Self {
        match status {
            400..500 => Self::Status4xx,
            500.. => Self::Status5xx,
            _ => Self::StatusUnexpected,
        }
    }

    /// The kind of an error while connecting.
    #[must_use]
    pub fn of_connect(error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::ConnectionRefused => Self::Refused,
            io::ErrorKind::ConnectionReset => Self::Reset,
            io::ErrorKind::TimedOut => Self::Timeout,
            _ => Self::Connect,
        }
    }

    /// The kind of an error on an open connection.
    #[must_use]
    pub fn of_io(error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe | io::ErrorKind::UnexpectedEof => Self::ClosedEarly,
            io::ErrorKind::TimedOut => Self::Timeout,
            _ => Self::Reset,
        }
    }
}
