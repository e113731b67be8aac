//! `espy-loadtest`: arguments, configuration, log, run, exit code.

#![forbid(unsafe_code)]

use std::process::ExitCode;

use clap::CommandFactory;
use clap::error::ErrorKind;
use espy_loadtest::args::{self, Args, Command};
use espy_loadtest::config::{EventsConfig, FloorConfig, Mistakes};
use espy_loadtest::interrupt::Interrupt;
use espy_loadtest::{events, floor};
use jiff::Timestamp;
use jiff::tz::TimeZone;

fn main() -> ExitCode {
    let (args, unknown) = args::parse(std::env::args_os());
    let name = args.command.name();
    // Mistakes come before anything is bound or written.
    match args.command {
        Command::Events(args) => {
            let today = TimeZone::UTC.to_datetime(Timestamp::now()).date();
            let config = checked(name, EventsConfig::from_args(&args, today), unknown);
            work(|| {
                log::info!("{config}");
                events::run(&config).map(|()| ExitCode::SUCCESS)
            })
        }
        Command::Floor(args) => {
            let config = checked(name, FloorConfig::from_args(&args), unknown);
            work(|| {
                let interrupt = Interrupt::listen()?;
                floor::run(config, &interrupt).map(|()| ExitCode::SUCCESS)
            })
        }
        Command::Run(_) | Command::Compare(_) => ExitCode::FAILURE,
    }
}

/// The configuration, or an end with every mistake told.
fn checked<T>(name: &str, read: Result<T, Mistakes>, unknown: Vec<String>) -> T {
    let mistakes = match read {
        Ok(config) if unknown.is_empty() => return config,
        Ok(_) => Mistakes::default().with(unknown),
        Err(mistakes) => mistakes.with(unknown),
    };
    let mut command = Args::command();
    command.build();
    command
        .find_subcommand_mut(name)
        .expect("the subcommand was read")
        .error(ErrorKind::ValueValidation, mistakes)
        .exit()
}

fn work(work: impl FnOnce() -> anyhow::Result<ExitCode>) -> ExitCode {
    env_logger::Builder::from_env(env_logger::Env::default().default_filter_or("info")).init();
    work().unwrap_or_else(|error| {
        log::error!("{error:#}");
        ExitCode::FAILURE
    })
}
