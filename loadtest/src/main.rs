//! `espy-loadtest`: arguments, configuration, log, run, exit code.

#![forbid(unsafe_code)]

use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{CommandFactory, Parser};
use espy_loadtest::args::{Args, Command};
use espy_loadtest::config::EventsConfig;
use espy_loadtest::events;
use jiff::Timestamp;
use jiff::tz::TimeZone;

fn main() -> ExitCode {
    let args = Args::parse();
    let today = TimeZone::UTC.to_datetime(Timestamp::now()).date();
    let Command::Events(events_args) = &args.command;
    let config = EventsConfig::from_args(events_args, today).unwrap_or_else(|mistakes| {
        let mut command = Args::command();
        command.build();
        command
            .find_subcommand_mut("events")
            .expect("the subcommand was read")
            .error(ErrorKind::ValueValidation, mistakes)
            .exit()
    });
    env_logger::Builder::from_env(env_logger::Env::default().default_filter_or("info")).init();
    log::info!("{config}");
    match events::run(&config) {
        Ok(()) => ExitCode::SUCCESS,
        Err(err) => {
            log::error!("{err:#}");
            ExitCode::FAILURE
        }
    }
}
