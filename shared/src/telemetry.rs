//! Timings to statsd, and the clock of a stage.
//!
//! Metrics never block or fail the work: packets go out over UDP, and a name
//! that cannot be resolved costs one warning.

use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};
use statsd::Client;
use statsd::client::Pipeline;

/// Every metric that is sent, and nothing else. Names begin with the prefix
/// `espy.` and the program.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Metric {
    /// Wall time of a stage, milliseconds.
    StageWall(Stage),
    /// CPU time of a stage over all threads, milliseconds.
    StageCpu(Stage),
    /// Rows counted by a run.
    RowsCounted,
    /// Rows ignored by a run.
    RowsIgnored,
    /// Rows rejected by a run; alarm when above a few.
    RowsRejected,
    /// Batches that failed as a whole; alarm when above 0.
    BatchesFailed,
    /// Sequence of the snapshot published or served.
    SnapshotSequence,
    /// Days between `data_through` and today; alarm when above 2.
    SnapshotAgeDays,
    /// Answers of a route.
    RouteRequests(&'static str),
    /// Answers of a route with a 5xx; alarm when above 0.
    RouteErrors(&'static str),
    /// Answers of a route that had been rendered before.
    RouteCacheHits(&'static str),
    /// Time to an answer of a route, milliseconds, sampled.
    RouteWall(&'static str),
    /// CPU time of an answer of a route, milliseconds, sampled.
    RouteCpu(&'static str),
}

/// The stages of a daily run, one word each everywhere.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[expect(missing_docs, reason = "the words of the data flow")]
pub enum Stage {
    Ingest,
    Build,
    Verify,
    Publish,
    Pull,
    /// The handler reading, verifying and preparing a new snapshot.
    Load,
}

impl Stage {
    /// The word.
    pub fn name(self) -> &'static str {
        match self {
            Stage::Ingest => "ingest",
            Stage::Build => "build",
            Stage::Verify => "verify",
            Stage::Publish => "publish",
            Stage::Pull => "pull",
            Stage::Load => "load",
        }
    }
}

impl Metric {
    /// The name behind the program's prefix.
    pub fn name(self) -> String {
        match self {
            Metric::StageWall(stage) => format!("{}.wall_ms", stage.name()),
            Metric::StageCpu(stage) => format!("{}.cpu_ms", stage.name()),
            Metric::RowsCounted => "rows.counted".into(),
            Metric::RowsIgnored => "rows.ignored".into(),
            Metric::RowsRejected => "rows.rejected".into(),
            Metric::BatchesFailed => "batches.failed".into(),
            Metric::SnapshotSequence => "snapshot.sequence".into(),
            Metric::SnapshotAgeDays => "snapshot.age_days".into(),
            Metric::RouteRequests(route) => format!("route.{route}.requests"),
            Metric::RouteErrors(route) => format!("route.{route}.errors"),
            Metric::RouteCacheHits(route) => format!("route.{route}.cache_hits"),
            Metric::RouteWall(route) => format!("route.{route}.wall_ms"),
            Metric::RouteCpu(route) => format!("route.{route}.cpu_ms"),
        }
    }
}

/// Where timings go; may be nowhere.
pub struct Statsd(Option<Client>);

impl Statsd {
    /// Sends to `address` (`host:port`) under `espy.<program>.`; without an
    /// address, or with one that cannot be resolved, it sends nothing.
    pub fn new(address: Option<&str>, program: &str) -> Self {
        let Some(address) = address else {
            return Self(None);
        };
        match Client::new(address, &format!("espy.{program}")) {
            Ok(client) => Self(Some(client)),
            Err(error) => {
                log::warn!(address, error:% = error; "statsd cannot be reached; timings are not sent");
                Self(None)
            }
        }
    }

    /// Whether there is an address to send to.
    pub fn is_resolved(&self) -> bool {
        self.0.is_some()
    }

    /// Sends what was gathered, in packets of [`PACKET_BYTES_MAX`].
    pub fn send(&self, mut batch: Batch) {
        if let Some(client) = &self.0 {
            batch.0.send(client);
        }
    }

    /// Sends a duration.
    pub fn time(&self, metric: Metric, duration: Duration) {
        if let Some(client) = &self.0 {
            client.timer(&metric.name(), duration.as_secs_f64() * 1000.0);
        }
    }

    /// Adds to a counter.
    pub fn count(&self, metric: Metric, by: u64) {
        if let Some(client) = &self.0 {
            // The protocol's numbers are floats; beyond 2^53 a count is off by one part in 10^16.
            client.count(&metric.name(), by as f64);
        }
    }

    /// Sets a gauge.
    pub fn gauge(&self, metric: Metric, value: f64) {
        if let Some(client) = &self.0 {
            client.gauge(&metric.name(), value);
        }
    }
}

/// Bytes of a packet with several metrics, under 1400: with the headers of IP
/// and UDP it fits every Ethernet.
pub const PACKET_BYTES_MAX: usize = 1399;

/// Metrics that are sent together.
pub struct Batch(Pipeline);

impl Default for Batch {
    fn default() -> Self {
        let mut pipeline = Pipeline::new();
        pipeline.set_max_udp_size(PACKET_BYTES_MAX);
        Self(pipeline)
    }
}

impl Batch {
    /// Adds a duration.
    pub fn time(&mut self, metric: Metric, duration: Duration) {
        self.0
            .timer(&metric.name(), duration.as_secs_f64() * 1000.0);
    }

    /// Adds to a counter.
    pub fn count(&mut self, metric: Metric, by: u64) {
        // See `Statsd::count`.
        self.0.count(&metric.name(), by as f64);
    }

    /// Sets a gauge.
    pub fn gauge(&mut self, metric: Metric, value: f64) {
        self.0.gauge(&metric.name(), value);
    }
}

/// Measures one stage: wall time, and CPU time of the whole process.
pub struct StageClock {
    stage: Stage,
    wall: Instant,
    cpu: Duration,
}

impl StageClock {
    /// Starts now.
    pub fn start(stage: Stage) -> Self {
        Self {
            stage,
            wall: Instant::now(),
            cpu: cpu_time(),
        }
    }

    /// Wall and CPU time so far.
    pub fn elapsed(&self) -> (Duration, Duration) {
        (self.wall.elapsed(), cpu_time().saturating_sub(self.cpu))
    }

    /// Sends both times and returns the wall time in milliseconds, for the
    /// stage's log line.
    pub fn finish(self, statsd: &Statsd) -> u64 {
        let (wall, cpu) = self.elapsed();
        statsd.time(Metric::StageWall(self.stage), wall);
        statsd.time(Metric::StageCpu(self.stage), cpu);
        u64::try_from(wall.as_millis()).unwrap_or(u64::MAX)
    }
}

fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(
        time.tv_sec.unsigned_abs(),
        u32::try_from(time.tv_nsec).unwrap_or(0),
    )
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;

    use super::*;

    #[test]
    fn packets_are_plain_statsd() {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket
            .set_read_timeout(Some(Duration::from_secs(5)))
            .unwrap();
        let statsd = Statsd::new(Some(&socket.local_addr().unwrap().to_string()), "compactor");
        let mut buffer = [0; 1500];
        let mut receive = || {
            let length = socket.recv(&mut buffer).unwrap();
            String::from_utf8(buffer[..length].to_vec()).unwrap()
        };
        statsd.count(Metric::RowsCounted, 7);
        assert_eq!(receive(), "espy.compactor.rows.counted:7|c");
        statsd.gauge(Metric::SnapshotSequence, 3.0);
        assert_eq!(receive(), "espy.compactor.snapshot.sequence:3|g");
        StageClock::start(Stage::Build).finish(&statsd);
        assert!(receive().starts_with("espy.compactor.build.wall_ms:"));
        assert!(receive().starts_with("espy.compactor.build.cpu_ms:"));
    }

    #[test]
    fn batches_fill_packets() {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket
            .set_read_timeout(Some(Duration::from_secs(5)))
            .unwrap();
        let statsd = Statsd::new(Some(&socket.local_addr().unwrap().to_string()), "handler");
        assert!(statsd.is_resolved());
        let mut batch = Batch::default();
        for _ in 0..100 {
            batch.time(Metric::RouteWall("status"), Duration::from_micros(1500));
        }
        statsd.send(batch);
        let (mut lines, mut packets) = (0, 0);
        let mut buffer = [0; 2000];
        while lines < 100 {
            let length = socket.recv(&mut buffer).unwrap();
            assert!(length <= PACKET_BYTES_MAX);
            let text = str::from_utf8(&buffer[..length]).unwrap();
            for line in text.lines() {
                assert_eq!(line, "espy.handler.route.status.wall_ms:1.5|ms");
                lines += 1;
            }
            packets += 1;
        }
        assert_eq!((lines, packets), (100, 3));
    }

    #[test]
    fn no_statsd_costs_nothing() {
        for address in [
            None,
            Some("no.such.host.invalid:8125"),
            Some("127.0.0.1:1"),
            Some("nonsense"),
        ] {
            let statsd = Statsd::new(address, "compactor");
            statsd.count(Metric::RowsCounted, 1);
            StageClock::start(Stage::Ingest).finish(&statsd);
        }
    }
}
