//! The venue as a process: flags in, `listening 127.0.0.1:PORT` out, until SIGTERM or SIGINT.
//!
//! Comes in: the command line. Goes out: one line with the address, then whatever clients ask for
//! over the network. Deliberately absent: everything else; it is in the library.
#![allow(clippy::print_stdout, reason = "the first line says where it listens")]

use clap::Parser;
use tokio::signal::unix::{SignalKind, signal};
use wickd_venue::{Config, Venue};

/// An exchange on loopback: Binance, OKX and Bybit dialects over one matching engine.
#[derive(Parser)]
#[command(version)]
struct Args {
    /// TCP port on 127.0.0.1; 0 lets the system choose.
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// Where the random numbers of market and faults begin.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Market events per second; 0 is a market that only moves on demand.
    #[arg(long, default_value_t = 1_000)]
    rate: u32,
    /// The account's API key.
    #[arg(long, default_value = "key")]
    key: String,
    /// Its secret.
    #[arg(long, default_value = "secretsecret")]
    secret: String,
    /// Its passphrase (OKX).
    #[arg(long, default_value = "password")]
    passphrase: String,
}

fn main() -> std::io::Result<()> {
    let Args { port, seed, rate: events_per_s, key, secret, passphrase } = Args::parse();
    let venue = Venue::start(Config {
        port,
        seed,
        events_per_s,
        key,
        secret,
        passphrase,
        ..Config::default()
    })?;
    let waiting = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    waiting.block_on(async {
        let (mut term, mut int) =
            (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        // The signals are caught from here on, so whoever reads the line may send one.
        println!("listening {}", venue.addr());
        tokio::select! {
            _ = term.recv() => {}
            _ = int.recv() => {}
        }
        Ok(())
    })
}
