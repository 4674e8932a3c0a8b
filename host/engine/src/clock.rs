//! The wall clock, at the edge: control and intake read it, lanes do not.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use wickd_model::TsNs;

/// The machine's clock, or one that a test or a simulator moves.
#[derive(Clone)]
pub struct WallClock(Source);

#[derive(Clone)]
enum Source {
    System,
    Set(Arc<AtomicU64>),
}

impl WallClock {
    /// The machine's.
    pub fn system() -> Self {
        Self(Source::System)
    }

    /// One that shows what `time` holds.
    pub fn set_by(time: Arc<AtomicU64>) -> Self {
        Self(Source::Set(time))
    }

    /// Unix time in nanoseconds.
    pub fn now_ns(&self) -> TsNs {
        match &self.0 {
            Source::System => SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .map_or(0, |since| since.as_nanos() as u64),
            Source::Set(time) => time.load(Ordering::Relaxed),
        }
    }
}
