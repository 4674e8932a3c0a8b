//! `wickd`: the process.
//!
//! Comes in: a command line. Goes out: results on standard output, everything else on standard
//! error, and a documented exit code. Deliberately absent: whatever the engine does; this crate
//! configures it, watches it and shows it.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic"))]

mod adapter;
mod api;
mod audit;
mod backup;
mod check;
mod cli;
mod codes;
mod config;
mod config_check;
mod demo;
mod exit;
mod figures;
mod held;
mod journal;
mod plugin;
mod positions;
mod printer;
mod run;
mod screen;
mod signals;
mod status;
mod summary;
mod terminal;
mod worker;

use std::process::ExitCode;

use clap::Parser;

use cli::{Cli, Command, ConfigCommand};
use demo::Stage;
use exit::{Exit, Failure};
use terminal::Terminal;

fn main() -> ExitCode {
    // Clap answers `--help`, and a wrong command line with code 2, by itself.
    let cli = Cli::parse();
    let terminal = Terminal::new(cli.output);
    if let Command::ReadWorker { parent } = cli.command {
        return match worker::read(parent) {
            Ok(exit) => exit.into(),
            Err(failure) => {
                terminal.tell(&worker::said(&failure));
                failure.exit.into()
            }
        };
    }
    let exit = command(cli.command, &terminal).unwrap_or_else(|failure| {
        terminal.fail(&failure);
        failure.exit
    });
    printer::finish();
    exit.into()
}

fn command(command: Command, terminal: &Terminal) -> Result<Exit, Failure> {
    match command {
        Command::Run(args) => run::run(terminal, &args),
        Command::Demo { plugins, guests, state, speed, live_like, venue } => {
            let (plugins, guests, state) = (&plugins, &guests, state.as_deref());
            let stage = Stage { plugins, guests, state, speed };
            match live_like {
                true => demo::live_like(terminal, &stage, venue.as_deref()),
                false => demo::demo(terminal, &stage),
            }
        }
        Command::Check(args) => check::check(terminal, &args),
        Command::Status(state) => status::show(terminal, &state),
        Command::Held(state) => held::show(terminal, &state),
        Command::Approve { place, digest, state } => {
            held::approve(terminal, &place, digest, &state)
        }
        Command::Positions(of) => positions::positions(terminal, &of),
        Command::Adopt(of) => positions::adopt(terminal, &of),
        Command::Close(of) => positions::close(terminal, &of),
        Command::Resume(of) => positions::resume(terminal, &of),
        Command::Inspect { file } => plugin::show(terminal, &file),
        Command::Adapter(command) => adapter::command(terminal, &command),
        Command::Config(ConfigCommand::Check(path)) => config_check::check(terminal, &path.config),
        Command::Journal(command) => journal::command(terminal, command),
        Command::Audit(args) => audit::show(terminal, &args),
        Command::Codes => {
            codes::show(terminal);
            Ok(Exit::Ok)
        }
        Command::Backup { to, state } => backup::backup(terminal, &to, state),
        Command::Restore { from, state } => backup::restore(terminal, &from, state),
        Command::Limits => {
            plugin::limits(terminal);
            Ok(Exit::Ok)
        }
        // `main` has answered it, before anything that could print to its pipe.
        Command::ReadWorker { .. } => Ok(Exit::Ok),
    }
}
