//! Signals, as wishes of whoever sent them.
//!
//! SIGTERM, SIGINT and SIGQUIT ask for a graceful end; a second one, a while later, ends the process at
//! once. SIGHUP asks what a restart would change. Every other signal that a service manager or a person
//! may send by habit is heard and does nothing, where its default would kill.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2};
use signal_hook::iterator::Signals as Incoming;

use crate::exit::{Exit, Failure};

/// Signals for the end that come this soon after the first are the same wish: a service manager and a
/// terminal may both send one.
const SAME_WISH: Duration = Duration::from_secs(1);
/// Other signals that wait for an answer; more say nothing new.
const ASKED_MAX: usize = 16;

/// What a signal asks for, but for the end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Asked {
    /// Whether the configuration has changed.
    Reload,
    /// Nothing; this is the signal's name.
    Nothing(&'static str),
}

/// The signals that have come so far.
pub(crate) struct Signals {
    end: Arc<AtomicBool>,
    asked: Mutex<Receiver<Asked>>,
}

impl Signals {
    /// From now on signals are wishes.
    pub(crate) fn listen() -> Result<Self, Failure> {
        let cannot =
            |error: std::io::Error| Failure::of(Exit::Unexpected, "cannot hear signals", &error);
        let heard = [SIGTERM, SIGINT, SIGQUIT, SIGHUP, SIGUSR1, SIGUSR2];
        let mut incoming = Incoming::new(heard).map_err(cannot)?;
        let (end, (sender, asked)) = (Arc::<AtomicBool>::default(), sync_channel(ASKED_MAX));
        let wished = end.clone();
        let hear = move || {
            let mut since = None;
            for signal in incoming.forever() {
                heed(signal, &wished, &sender, &mut since);
            }
        };
        std::thread::Builder::new().name("signals".into()).spawn(hear).map_err(cannot)?;
        Ok(Self { end, asked: Mutex::new(asked) })
    }

    /// Whether somebody has asked for the end.
    pub(crate) fn end_is_wished(&self) -> bool {
        self.end.load(Ordering::Relaxed)
    }

    /// What else was asked since the last time.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).try_iter().collect()
    }
}

fn heed(signal: i32, wished: &AtomicBool, sender: &SyncSender<Asked>, since: &mut Option<Instant>) {
    let asked = match signal {
        SIGHUP => Asked::Reload,
        SIGUSR1 => Asked::Nothing("SIGUSR1"),
        SIGUSR2 => Asked::Nothing("SIGUSR2"),
        _ => {
            wished.store(true, Ordering::Relaxed);
            if since.get_or_insert_with(Instant::now).elapsed() > SAME_WISH {
                std::process::exit(Exit::Interrupted as i32);
            }
            return;
        }
    };
    // A full queue has the question already.
    let _ = sender.try_send(asked);
}
