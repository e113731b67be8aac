//! `espy-compactor`: arguments, configuration, log, work, exit code.

use std::process::ExitCode;

use espy_compactor::cli::{self, Cli, Command};
use espy_compactor::config::{self, Signals};
use espy_compactor::depot::Depot;
use espy_compactor::{pull, run};
use espy_shared::logging;
use espy_shared::telemetry::Statsd;
use jiff::Timestamp;

/// As clap exits for what it finds itself.
const USAGE: u8 = 2;

fn main() -> ExitCode {
    let (cli, mut unknown) = cli::parse(std::env::args_os());
    let now = Timestamp::now();
    if !unknown.is_empty() {
        unknown.extend(mistakes(&cli.command, now));
        return wrong(&cli.command, &unknown);
    }
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
    done.unwrap_or_else(|mistakes| wrong(&cli.command, &mistakes))
}

/// What is wrong with the flags that are known.
fn mistakes(command: &Command, now: Timestamp) -> Vec<String> {
    match command {
        Command::Run(args) | Command::Ingest(args) => config::run(args, now).err(),
        Command::Build(args) | Command::Verify(args) | Command::Publish(args) => {
            config::step(args, now).err()
        }
        Command::Pull(args) => config::pull(args).err(),
    }
    .unwrap_or_default()
}

fn wrong(command: &Command, mistakes: &[String]) -> ExitCode {
    let mut program = <Cli as clap::CommandFactory>::command();
    program.build();
    let used = program
        .find_subcommand_mut(command.name())
        .expect("the command was parsed");
    let text = format!("{}\n", mistakes.join("\n"));
    let _ = used
        .error(clap::error::ErrorKind::ValueValidation, text)
        .print();
    ExitCode::from(USAGE)
}

fn work(signals: &Signals, work: impl FnOnce(&Statsd) -> anyhow::Result<ExitCode>) -> ExitCode {
    logging::start(signals.log_format);
    let statsd = Statsd::new(signals.statsd.as_deref(), "compactor");
    work(&statsd).unwrap_or_else(|error| {
        log::error!("{error:#}");
        ExitCode::FAILURE
    })
}
