//! `espy-loadtest`: arguments, configuration, log, run, exit code.

#![forbid(unsafe_code)]

use std::process::ExitCode;

use clap::CommandFactory;
use clap::error::ErrorKind;
use espy_loadtest::args::{self, Args, Command};
use espy_loadtest::config::{CompareConfig, EventsConfig, FloorConfig, Mistakes, RunConfig};
use espy_loadtest::interrupt::Interrupt;
use espy_loadtest::{compare, events, floor, run};
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
        Command::Run(args) => {
            let config = checked(name, RunConfig::from_args(&args), unknown);
            work(|| run::run(&config, &Interrupt::listen()?))
        }
        Command::Compare(args) => {
            let config = checked(name, CompareConfig::from_args(&args), unknown);
            work(|| compare::run(&config, &Interrupt::listen()?))
        }
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

/// The floor server's crates log every connection that ends.
const LOG_DEFAULT: &str = "info,may=off,may_minihttp=off";

fn work(work: impl FnOnce() -> anyhow::Result<ExitCode>) -> ExitCode {
    let filter = env_logger::Env::new().filter_or("ESPY_LOG", LOG_DEFAULT);
    env_logger::Builder::from_env(filter).init();
    work().unwrap_or_else(|error| {
        log::error!("{error:#}");
        ExitCode::FAILURE
    })
}
