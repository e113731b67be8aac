//! A connection's socket, watched.

use std::cell::RefCell;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use super::activity::Activity;

/// Answers up to this long are written from one piece: to copy them is
/// cheaper than to make the system look at two.
const FLAT_BYTES_MAX: usize = 4096;

/// Tells the activity what passes through.
pub(super) struct Watched {
    pub(super) stream: TcpStream,
    pub(super) activity: Rc<Activity>,
    /// Shared by all connections of a core.
    pub(super) flat: Rc<RefCell<Vec<u8>>>,
}

impl AsyncRead for Watched {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buffer))?;
        match &buffer.filled()[before..] {
            [] => {}
            bytes => self.activity.has_read(bytes),
        }
        Poll::Ready(Ok(()))
    }
}

impl Watched {
    fn wrote(&self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        match written {
            Poll::Ready(_) => self.activity.has_written(),
            Poll::Pending => self.activity.is_stalled(),
        }
        written
    }
}

impl AsyncWrite for Watched {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.wrote(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        let length: usize = parts.iter().map(|part| part.len()).sum();
        let written = if length <= FLAT_BYTES_MAX {
            let mut flat = this.flat.borrow_mut();
            flat.clear();
            parts.iter().for_each(|part| flat.extend_from_slice(part));
            Pin::new(&mut this.stream).poll_write(cx, &flat)
        } else {
            Pin::new(&mut this.stream).poll_write_vectored(cx, parts)
        };
        self.wrote(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    /// Called when the engine has nothing left to write.
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.activity.has_flushed();
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
