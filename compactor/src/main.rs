//! `espy-compactor`: arguments, configuration, log, work, exit code.

use std::process::ExitCode;

use clap::Parser;
use espy_compactor::cli::{Cli, Command};
use espy_compactor::config::{self, Signals};
use espy_compactor::depot::Depot;
use espy_compactor::{pull, run};
use espy_shared::logging;
use espy_shared::telemetry::Statsd;
use jiff::Timestamp;

/// As clap exits for what it finds itself.
const USAGE: u8 = 2;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let now = Timestamp::now();
    let done = match &cli.command {
        Command::Run(args) => {
            config::run(args, now).map(|(config, s)| work(&s, |statsd| run::run(&config, statsd)))
        }
        Command::Ingest(args) => config::run(args, now)
            .map(|(config, s)| work(&s, |statsd| run::ingest(&config, statsd))),
        Command::Build(args) => config::step(args, now)
            .map(|(config, s)| work(&s, |statsd| run::build(&config, statsd))),
        Command::Verify(args) => config::step(args, now)
            .map(|(config, s)| work(&s, |statsd| run::verify(&config, statsd))),
        Command::Publish(args) => config::step(args, now)
            .map(|(config, s)| work(&s, |statsd| run::publish(&config, statsd))),
        Command::Pull(args) => config::pull(args).map(|(depot, config, s)| {
            work(&s, |statsd| {
                pull::pull(&Depot::new(&depot), &config, statsd).map(|_| ExitCode::SUCCESS)
            })
        }),
    };
    done.unwrap_or_else(|mistakes| {
        let mut command = <Cli as clap::CommandFactory>::command();
        command.build();
        let command = command
            .find_subcommand_mut(cli.command.name())
            .expect("the command was parsed");
        let text = format!("{}\n", mistakes.join("\n"));
        let _ = command
            .error(clap::error::ErrorKind::ValueValidation, text)
            .print();
        ExitCode::from(USAGE)
    })
}

fn work(signals: &Signals, work: impl FnOnce(&Statsd) -> anyhow::Result<ExitCode>) -> ExitCode {
    logging::start(signals.log_format);
    let statsd = Statsd::new(signals.statsd.as_deref(), "compactor");
    work(&statsd).unwrap_or_else(|error| {
        log::error!("{error:#}");
        ExitCode::FAILURE
    })
}
