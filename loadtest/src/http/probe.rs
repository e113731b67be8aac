//! One question at a time, with the whole answer: for names, links and the
//! look at the target before a load.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, bail};

use super::answer::{Keep, Reader};
use super::request::USER_AGENT;
use crate::config::Target;

/// A name list of all of PyPI has about 20 MB.
const BODY_BYTES_MAX: usize = 256 << 20;

/// An answer in whole.
#[derive(Debug, Default)]
pub(crate) struct Whole {
    pub(crate) status: u16,
    /// Names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Whole {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(other, _)| other == name)
            .map(|(_, value)| value.as_str())
    }
}

impl Keep for Whole {
    fn header(&mut self, name: &str, value: &[u8]) {
        self.headers.push((
            name.to_ascii_lowercase(),
            String::from_utf8_lossy(value).into_owned(),
        ));
    }

    fn content(&mut self, bytes: &[u8]) {
        // What is cut off here is reported by `get`.
        let room = (BODY_BYTES_MAX + 1).saturating_sub(self.body.len());
        self.body.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }
}

/// A connection that is kept while the target keeps it.
#[derive(Debug)]
pub(crate) struct Probe {
    address: SocketAddr,
    authority: String,
    timeout: Duration,
    stream: Option<TcpStream>,
}

impl Probe {
    pub(crate) fn new(target: &Target, timeout: Duration) -> Self {
        Self {
            address: target.address,
            authority: target.authority.clone(),
            timeout,
            stream: None,
        }
    }

    /// Asks for a path.
    pub(crate) fn get(&mut self, path: &str) -> anyhow::Result<Whole> {
        let is_reused = self.stream.is_some();
        match self.try_get(path) {
            // A kept connection may have been closed meanwhile, which is no fault.
            Err(_) if is_reused => self.try_get(path),
            result => result,
        }
    }

    fn try_get(&mut self, path: &str) -> anyhow::Result<Whole> {
        let mut stream = match self.stream.take() {
            Some(stream) => stream,
            None => {
                let stream = TcpStream::connect_timeout(&self.address, self.timeout)
                    .with_context(|| format!("connect to {}", self.address))?;
                stream.set_nodelay(true)?;
                stream.set_read_timeout(Some(self.timeout))?;
                stream.set_write_timeout(Some(self.timeout))?;
                stream
            }
        };
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: {}\r\nUser-Agent: {USER_AGENT}\r\nAccept: */*\r\n\r\n",
            self.authority
        );
        stream.write_all(request.as_bytes()).context("send")?;
        let mut reader = Reader::default();
        let mut whole = Whole::default();
        let mut buffer = vec![0; 64 << 10];
        let answer = loop {
            let count = match stream.read(&mut buffer) {
                Ok(count) => count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    bail!("no answer within {:?}", self.timeout)
                }
                Err(error) => return Err(error).context("receive"),
            };
            if count == 0 {
                break reader.take_end().context("closed without a whole answer")?;
            }
            let mut bytes = &buffer[..count];
            if let Some(answer) = reader
                .take(&mut bytes, false, &mut whole)
                .map_err(anyhow::Error::msg)?
            {
                break answer;
            }
            if whole.body.len() > BODY_BYTES_MAX {
                bail!("more than {BODY_BYTES_MAX} bytes");
            }
        };
        whole.status = answer.status;
        if answer.keep_alive {
            self.stream = Some(stream);
        }
        Ok(whole)
    }
}
