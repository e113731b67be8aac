//! Arguments, configuration, log, run, exit code.

use std::io::Write;
use std::process::ExitCode;

use espy_handler::config::Config;
use espy_handler::server;

fn main() -> ExitCode {
    let config = match Config::from_command_line(std::env::args_os()) {
        Ok(config) => config,
        Err(mistakes) => {
            let _ = writeln!(std::io::stderr(), "{mistakes}");
            return ExitCode::from(2);
        }
    };
    let _log = espy_shared::logging::start_queued(config.log_format);
    std::panic::set_hook(Box::new(|panic| log::error!("panic: {panic}")));
    config.log();
    match server::run(&config) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            log::error!("{}", espy_handler::error::chain(&error));
            ExitCode::FAILURE
        }
    }
}
