//! The text of `/metrics`, as Prometheus reads it.

use std::fmt::{self, Write};

use bytes::Bytes;

use espy_shared::version::{COMMIT, VERSION};

use super::histogram::{BOUNDS, Reading};
use super::{RouteSignals, Signals, Trouble};
use crate::routes::RouteName;
use crate::state::{Served, ServiceState};

/// Everything, in one go.
pub(super) fn write(signals: &Signals, state: &ServiceState) -> Bytes {
    let mut text = Text(String::with_capacity(16_384));
    text.routes(signals);
    text.troubles(signals);
    text.process(signals, state);
    text.snapshot(state);
    text.0.into()
}

struct Text(String);

impl Text {
    fn routes(&mut self, signals: &Signals) {
        self.family(
            "espy_requests_total",
            "counter",
            "Answers by route and status class.",
        );
        for route in RouteName::ALL {
            for class in 0..super::CLASSES {
                let count = sum(signals, route, |route| route.by_class[class].get());
                if count > 0 {
                    let (name, class) = (route.as_str(), class + 1);
                    self.line(format_args!(
                        "espy_requests_total{{route=\"{name}\",status=\"{class}xx\"}} {count}"
                    ));
                }
            }
        }
        self.per_route(
            "espy_response_body_bytes_total",
            "Bytes of bodies, as sent.",
            signals,
            |route| route.body_bytes.get(),
        );
        self.per_route(
            "espy_cache_hits_total",
            "Answers that had been rendered before.",
            signals,
            |route| route.cache_hits.get(),
        );
        self.durations(signals);
    }

    fn per_route(
        &mut self,
        family: &str,
        help: &str,
        signals: &Signals,
        value: impl Fn(&RouteSignals) -> u64,
    ) {
        self.family(family, "counter", help);
        for route in RouteName::ALL {
            let value = sum(signals, route, &value);
            let route = route.as_str();
            self.line(format_args!("{family}{{route=\"{route}\"}} {value}"));
        }
    }

    fn durations(&mut self, signals: &Signals) {
        self.family(
            "espy_request_duration_seconds",
            "histogram",
            "Time from a request to its answer, without reading and writing.",
        );
        for route in RouteName::ALL {
            let mut reading = Reading::default();
            for route in signals.routes(route) {
                route.duration.read_into(&mut reading);
            }
            let total: u64 = reading.buckets.iter().sum();
            if total == 0 {
                continue;
            }
            let route = route.as_str();
            let mut below = 0;
            for ((_, bound), count) in BOUNDS.iter().zip(reading.buckets) {
                below += count;
                self.line(format_args!(
                    "espy_request_duration_seconds_bucket{{route=\"{route}\",le=\"{bound}\"}} {below}"
                ));
            }
            self.line(format_args!(
                "espy_request_duration_seconds_bucket{{route=\"{route}\",le=\"+Inf\"}} {total}"
            ));
            // Sums of nanoseconds are far below 2^53.
            let seconds = reading.sum_ns as f64 / 1e9;
            self.line(format_args!(
                "espy_request_duration_seconds_sum{{route=\"{route}\"}} {seconds}"
            ));
            self.line(format_args!(
                "espy_request_duration_seconds_count{{route=\"{route}\"}} {total}"
            ));
        }
    }

    fn troubles(&mut self, signals: &Signals) {
        self.family(
            "espy_errors_total",
            "counter",
            "What went wrong outside of answers, by kind.",
        );
        for trouble in Trouble::ALL {
            let count = signals.sum(|core| &core.troubles[trouble as usize]);
            let kind = trouble.as_str();
            self.line(format_args!("espy_errors_total{{kind=\"{kind}\"}} {count}"));
        }
        self.single(
            "espy_log_lines_dropped_total",
            "counter",
            "Log lines that found no room because nobody read them.",
            espy_shared::logging::dropped_lines() as f64,
        );
    }

    fn process(&mut self, signals: &Signals, state: &ServiceState) {
        self.single(
            "espy_connections_accepted_total",
            "counter",
            "Connections that were accepted.",
            signals.sum(|core| &core.connections_accepted) as f64,
        );
        self.single(
            "espy_connections_open",
            "gauge",
            "Connections that are open.",
            signals.sum(|core| &core.connections_open) as f64,
        );
        self.single(
            "espy_cache_bytes",
            "gauge",
            "Bytes of rendered answers that are kept, all cores.",
            signals.sum(|core| &core.cache_bytes) as f64,
        );
        self.family("espy_build_info", "gauge", "What is running, as labels.");
        let sqlite = rusqlite::version();
        self.line(format_args!(
            "espy_build_info{{version=\"{VERSION}\",commit=\"{COMMIT}\",sqlite=\"{sqlite}\"}} 1"
        ));
        self.single(
            "espy_start_time_seconds",
            "gauge",
            "When the process started, seconds since 1970.",
            state.started_seconds() as f64,
        );
        self.single(
            "espy_ready",
            "gauge",
            "1 while a verified snapshot is served and nobody has asked to stop.",
            f64::from(u8::from(state.is_ready())),
        );
    }

    fn snapshot(&mut self, state: &ServiceState) {
        let Served {
            serving,
            resident_bytes,
            is_refusing,
        } = state.served();
        self.single(
            "espy_snapshot_refused",
            "gauge",
            "1 while the current snapshot is refused and an older one, or none, is served.",
            f64::from(u8::from(is_refusing)),
        );
        self.single(
            "espy_snapshot_resident_bytes",
            "gauge",
            "Bytes of segments in memory.",
            resident_bytes as f64,
        );
        let Some(facts) = serving else { return };
        self.single(
            "espy_snapshot_sequence",
            "gauge",
            "Number of the snapshot that is served.",
            facts.manifest().sequence as f64,
        );
        self.single(
            "espy_snapshot_published_time_seconds",
            "gauge",
            "When it was published, seconds since 1970; its age is time() minus this.",
            facts.published_seconds() as f64,
        );
        if let Some(day) = facts.manifest().data_through {
            self.single(
                "espy_snapshot_data_through_time_seconds",
                "gauge",
                "Start of the last day with data, seconds since 1970.",
                f64::from(day.number()) * 86_400.0,
            );
        }
    }

    fn single(&mut self, family: &str, kind: &str, help: &str, value: f64) {
        self.family(family, kind, help);
        self.line(format_args!("{family} {value}"));
    }

    fn family(&mut self, family: &str, kind: &str, help: &str) {
        self.line(format_args!("# HELP {family} {help}"));
        self.line(format_args!("# TYPE {family} {kind}"));
    }

    fn line(&mut self, line: fmt::Arguments<'_>) {
        // A String takes everything.
        let _ = self.0.write_fmt(line);
        self.0.push('\n');
    }
}

fn sum(signals: &Signals, route: RouteName, value: impl Fn(&RouteSignals) -> u64) -> u64 {
    signals.routes(route).map(value).sum()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use http::StatusCode;

    use super::super::Answered;
    use super::*;

    #[test]
    fn answers_are_told() {
        let signals = Signals::new(2);
        signals.core(1).answered(&Answered {
            route: RouteName::Recent,
            status: StatusCode::OK,
            body_bytes: 100,
            is_from_cache: true,
            duration: Duration::from_micros(7),
        });
        signals.core(0).trouble(Trouble::Malformed);
        let text = write(&signals, &ServiceState::new(2, 1, 5));
        let text = str::from_utf8(&text).unwrap();
        for line in [
            "espy_requests_total{route=\"pypistats_recent\",status=\"2xx\"} 1",
            "espy_response_body_bytes_total{route=\"pypistats_recent\"} 100",
            "espy_cache_hits_total{route=\"pypistats_recent\"} 1",
            "espy_request_duration_seconds_bucket{route=\"pypistats_recent\",le=\"5e-06\"} 0",
            "espy_request_duration_seconds_bucket{route=\"pypistats_recent\",le=\"1e-05\"} 1",
            "espy_request_duration_seconds_bucket{route=\"pypistats_recent\",le=\"+Inf\"} 1",
            "espy_request_duration_seconds_sum{route=\"pypistats_recent\"} 0.000007",
            "espy_request_duration_seconds_count{route=\"pypistats_recent\"} 1",
            "espy_errors_total{kind=\"malformed\"} 1",
            "espy_errors_total{kind=\"accept\"} 0",
            "espy_start_time_seconds 5",
            "espy_ready 0",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
    }
}
