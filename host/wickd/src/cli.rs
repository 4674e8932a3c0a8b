//! The command line.
//!
//! Comes in: arguments. Goes out: a [`Cli`]. Deliberately absent: what the commands do.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use wickd_engine::Severity;

use crate::check::CheckArgs;
use crate::exit;

/// Runs trading plugins you do not trust, as WebAssembly components.
#[derive(Parser, Debug)]
#[command(name = "wickd", version, after_help = exit::help(), propagate_version = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    /// What to do.
    pub(crate) command: Command,
    #[command(flatten)]
    /// How to tell it.
    pub(crate) output: Output,
}

/// How it is told.
#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct Output {
    /// Print JSON lines on standard output, each with `"schema": 1`
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// How log lines on standard error look while it runs
    #[arg(long, global = true, value_enum, default_value_t = LogFormat::Plain)]
    pub(crate) log_format: LogFormat,
    /// Print only results, warnings and errors
    #[arg(long, short, global = true)]
    pub(crate) quiet: bool,
    /// When to colour; `auto` also minds NO_COLOR
    #[arg(long, global = true, value_enum, default_value_t = Color::Auto)]
    pub(crate) color: Color,
}

/// How a log line looks.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum LogFormat {
    /// Time, severity, source and a sentence.
    Plain,
    /// One JSON object.
    Json,
}

/// When to colour.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Color {
    /// On a terminal, unless NO_COLOR is set.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// What can be done.
#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    /// Run the daemon until its feeds end or a signal comes
    Run(RunArgs),
    /// See it work: three strategies, a swap, a hostile plugin, on recorded BTC-USDT
    Demo {
        /// Folder with the example plugins, as `.ci/guests` builds them
        #[arg(long, default_value = "target/plugins")]
        plugins: PathBuf,
        /// Folder with the hostile plugin and the next version of ema-cross, from there as well
        #[arg(long, default_value = "target/guests")]
        guests: PathBuf,
        /// Keep configuration, plugins and state here; a temporary folder otherwise
        #[arg(long)]
        state: Option<PathBuf>,
        /// How many times as fast as recorded; the recording is 46 s long
        #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=100))]
        speed: u32,
        /// Trade at a venue instead, over sockets: three strategies with signed orders, answers that
        /// never come, an adapter swapped in between
        #[arg(long, conflicts_with = "speed")]
        live_like: bool,
        /// The venue's program; by default `wickd-venue` beside this one
        #[arg(long, requires = "live_like")]
        venue: Option<PathBuf>,
    },
    /// Take plugins through every step of intake and start them, without a daemon
    Check(CheckArgs),
    /// Show what runs in the daemon, and why what does not run does not
    Status(StatePath),
    /// Show plugins that would have a place and are held, with what they ask for
    Held(StatePath),
    /// Accept bytes for a place: in the running daemon, or for its next start
    Approve {
        /// The place, as `wickd held` names it
        place: String,
        /// The whole SHA-256 of the bytes, from there as well
        digest: wickd_model::Digest,
        #[command(flatten)]
        /// Whose daemon.
        state: StatePath,
    },
    /// Show what is owned, by slot, beside what the venues say
    Positions(PositionsArgs),
    /// Have a slot take what the venue has of an instrument and no other slot owns
    Adopt(OwnerArgs),
    /// Have the host take back a slot's orders of an instrument and close what it holds of it
    Close(OwnerArgs),
    /// Let orders leave again for a venue that was halted
    Resume(ResumeArgs),
    /// Show what a plugin is, what it asks for and which limits hold
    Inspect {
        /// The component
        file: PathBuf,
    },
    /// Try exchange adapters
    #[command(subcommand)]
    Adapter(AdapterCommand),
    /// Work with the configuration
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Read the order journal while the daemon is down
    #[command(subcommand)]
    Journal(JournalCommand),
    /// Show what happened, from the audit log, while the daemon is down
    Audit(AuditArgs),
    /// List every code a notice can have, with its severity and meaning
    Codes,
    /// Copy the state folder, while the daemon is down, to a folder that is not there yet
    Backup {
        /// Where to
        to: PathBuf,
        #[command(flatten)]
        /// Whose.
        state: StatePath,
    },
    /// Put a copy in the place of the state folder's contents, which are kept; the next run has an epoch
    /// of its own, so no order id is given twice
    Restore {
        /// The copy
        from: PathBuf,
        #[command(flatten)]
        /// Whose.
        state: StatePath,
    },
    /// List every limit of a plugin with its default and range
    Limits,
    /// Read a component from standard input; the daemon calls this itself
    #[command(hide = true)]
    ReadWorker {
        /// The process that called it
        parent: u32,
    },
}

/// Where the configuration is.
#[derive(Args, Clone, Debug)]
pub(crate) struct ConfigPath {
    /// The configuration
    #[arg(long, short, default_value = "wickd.yaml", env = "WICKD_CONFIG")]
    pub(crate) config: PathBuf,
}

/// What to run, and how.
#[derive(Args, Clone, Debug)]
pub(crate) struct RunArgs {
    #[command(flatten)]
    /// The configuration.
    pub(crate) config: ConfigPath,
    /// Start even where nothing can be written down: plugins run, and no order is sent
    #[arg(long)]
    pub(crate) degraded: bool,
}

/// Work with the configuration.
#[derive(Subcommand, Debug)]
pub(crate) enum ConfigCommand {
    /// Check it and the heads of the files it names; `--json` prints it with every default
    Check(ConfigPath),
}

/// Try an adapter.
#[derive(Subcommand, Debug)]
pub(crate) enum AdapterCommand {
    /// Hold an adapter against recorded talk and the acceptance list, offline, in the sandbox
    Test {
        /// The component
        file: PathBuf,
        /// Folder of recorded talk; by default `fixtures` beside the file or of the example plugin
        #[arg(long)]
        fixtures: Option<PathBuf>,
        /// How many damaged answers and frames it must survive
        #[arg(long, default_value_t = 2_000, value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
        damaged: u32,
    },
    /// Try a venue of the configuration with your own account; reads only, unless told otherwise
    Smoke {
        /// The venue, as the configuration names it
        venue: String,
        #[command(flatten)]
        /// The configuration that has it.
        config: ConfigPath,
        /// Place one post-only order of this many base units far below the market, and take it back
        #[arg(long, value_name = "SIZE")]
        trade: Option<String>,
    },
}

/// Read the journal.
#[derive(Subcommand, Debug)]
pub(crate) enum JournalCommand {
    /// Hold the journal against the paper venue's own ledger
    Verify(StatePath),
    /// Say once which instruments a journal of version 0.1 means: those of the configuration, in the
    /// order of its lines. That version wrote down places only
    Migrate(StatePath),
    /// Take the files of the state folder as they are, where one was lost or is an older copy: what it
    /// does not know of positions and orders is not known
    Accept(StatePath),
    /// Print the last records
    Show {
        #[command(flatten)]
        /// Whose.
        state: StatePath,
        /// How many
        #[arg(long, short = 'n', default_value_t = 50)]
        last: u64,
    },
}

/// Which entries of the audit log.
#[derive(Args, Clone, Debug)]
pub(crate) struct AuditArgs {
    #[command(flatten)]
    /// Whose.
    pub(crate) state: StatePath,
    /// How many
    #[arg(long, short = 'n', default_value_t = 50)]
    pub(crate) last: u64,
    /// Only with this code; `wickd codes` lists them
    #[arg(long)]
    pub(crate) code: Option<String>,
    /// Only about this slot, venue, plugin or file
    #[arg(long)]
    pub(crate) about: Option<String>,
    /// Only of this severity and above
    #[arg(long, value_enum)]
    pub(crate) severity: Option<Least>,
}

/// The least severity shown.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Least {
    /// Everything.
    Info,
    /// What was refused or contained, and errors.
    Warn,
    /// What the operator must act on.
    Error,
}

impl From<Least> for Severity {
    fn from(least: Least) -> Self {
        match least {
            Least::Info => Self::Info,
            Least::Warn => Self::Warn,
            Least::Error => Self::Error,
        }
    }
}

/// Where the state is.
#[derive(Args, Clone, Debug)]
pub(crate) struct StatePath {
    /// The state folder; without it, that of the configuration
    #[arg(long)]
    pub(crate) state: Option<PathBuf>,
    #[command(flatten)]
    /// The configuration that names it.
    pub(crate) config: ConfigPath,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn help_lists_the_exit_codes_and_hides_the_worker() {
        let help = Cli::command().render_long_help().to_string();
        assert!(help.contains("75  in-use") && !help.contains("read-worker"), "{help}");
    }
}

/// What is owned where.
#[derive(Args, Debug)]
pub(crate) struct PositionsArgs {
    /// Only of this venue
    #[arg(long)]
    pub(crate) venue: Option<String>,
    #[command(flatten)]
    pub(crate) state: StatePath,
}

/// Whose position of what.
#[derive(Args, Debug)]
pub(crate) struct OwnerArgs {
    /// The slot, or `unassigned`
    pub(crate) slot: String,
    /// The instrument, as `instruments:` names it
    pub(crate) instrument: String,
    #[command(flatten)]
    pub(crate) state: StatePath,
}

/// Which venue.
#[derive(Args, Debug)]
pub(crate) struct ResumeArgs {
    /// The venue's name
    pub(crate) venue: String,
    #[command(flatten)]
    pub(crate) state: StatePath,
}
