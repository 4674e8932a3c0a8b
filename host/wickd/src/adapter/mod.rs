//! `wickd adapter`: exchange adapters before they are trusted with an account.
//!
//! Comes in: a component, or a venue of a configuration. Goes out: reports. Deliberately absent: any
//! way to a venue that the daemon does not have.

mod bench;
mod damage;
mod fixtures;
mod numbers;
mod probes;
mod report;
mod smoke;
mod streams;
mod test;

use crate::cli::AdapterCommand;
use crate::exit::{Exit, Failure};
use crate::terminal::Terminal;

/// Runs one of them.
pub(crate) fn command(terminal: &Terminal, command: &AdapterCommand) -> Result<Exit, Failure> {
    match command {
        AdapterCommand::Test { file, fixtures, damaged } => {
            let fixtures = fixtures.as_deref();
            test::test(terminal, &test::Asked { file, fixtures, damaged: *damaged })
        }
        AdapterCommand::Smoke { venue, config, trade } => {
            let (config, trade) = (&config.config, trade.as_deref());
            smoke::smoke(terminal, &smoke::Asked { venue, config, trade })
        }
    }
}
