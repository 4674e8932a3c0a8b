//! The way of one dropped file: watch, settle, read once, validate, version, world, manifest, rights,
//! compile, link, ask for its parameters. Each step can refuse, with its reason and a fix.
//!
//! Comes in: folders. Goes out: plugins ready to be instantiated, and refusals. Everything is done
//! with the bytes that were read once: the file is not opened again. Deliberately absent: slots, and
//! any effect on what runs; a refused file changes nothing.

mod compile;
mod described;
mod watch;

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use notify::event::{AccessKind, AccessMode};
use notify::{EventKind, Watcher};
use semver::Version;
use wickd_model::{Digest, Fault, Issue, Limits, PluginName, Spec, World};
use wickd_policy::params::Schema;
use wickd_policy::{LimitsPatch, MANIFEST_BYTES_MAX, Manifest};
use wickd_sandbox::{
    IndicatorGuest, Loaded, Runtime, SignalGuest, StrategyGuest, exchange::ExchangeGuest, inspect,
};
use wickd_store::{BlobCache, Shelf};

pub(crate) use compile::Compiler;
use described::{described, rights};
use watch::{Change, Watch, sidecar};

use crate::clock::WallClock;
use crate::control::ToControl;
use crate::io;
use crate::lane::Seat;
use crate::notice::{Detail, Notice, Notices};

/// A plugin that passed every step.
pub struct Plugin {
    /// Its description of itself.
    pub manifest: Manifest,
    /// SHA-256 of its bytes.
    pub digest: Digest,
    /// Linked into its world.
    pub(crate) loaded: Loaded<Seat>,
    /// Its parameters.
    pub schema: Schema,
    /// The sidecar's limits.
    pub(crate) limits: LimitsPatch,
    /// Where it came from.
    pub path: PathBuf,
    /// The precedence of its folder; 0 comes first.
    pub(crate) rank: usize,
}

impl Plugin {
    /// Name and version, for people.
    pub fn label(&self) -> String {
        format!("{} {}", self.manifest.name, self.manifest.version)
    }

    /// A fresh instance outside any venue, to be tried. `None` where it is no exchange adapter.
    ///
    /// # Errors
    /// It faults while it starts.
    pub fn adapter(
        &self,
        runtime: &Runtime,
        limits: &Limits,
    ) -> Option<Result<ExchangeGuest, Box<Fault>>> {
        ExchangeGuest::new(runtime, &self.loaded, limits, crate::seed_of(&self.digest))
    }

    /// What it may use: the sidecar's limits over the house's.
    pub fn limits(&self, house: Limits) -> Limits {
        self.limits.over(house)
    }
}

/// A refusal: which step, why, and what would mend it.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{step}: {reason}")]
pub struct Refusal {
    /// Which step.
    pub step: &'static str,
    /// Why.
    pub reason: String,
    /// What would mend it.
    pub fix: String,
}

impl Refusal {
    fn new(step: &'static str, reason: impl ToString, fix: impl Into<String>) -> Self {
        Self { step, reason: reason.to_string(), fix: fix.into() }
    }
}

/// What an admission cost.
#[derive(Clone, Debug, Default)]
pub struct Cost {
    /// Milliseconds to compile; 0 where it was cached.
    pub compile_ms: u64,
    /// The cache had it.
    pub cached: bool,
    /// Size of the file.
    pub bytes: u64,
    /// The compile cache failed, which costs time only.
    pub cache_error: Option<String>,
}

/// Whatever the steps need.
pub struct Admission {
    pub(crate) compiler: Compiler,
    pub(crate) limits: Limits,
    pub(crate) shelf: Option<Shelf>,
    pub(crate) clock: WallClock,
}

impl Admission {
    /// Admission without a daemon around it: for checking a file.
    pub fn alone(runtime: Runtime, limits: Limits, cache: Option<BlobCache>) -> Self {
        let compiler = Compiler { runtime, worker: None, cache };
        Self { compiler, limits, shelf: None, clock: WallClock::system() }
    }

    /// The same, with this program as the compiler's child process, as the daemon has it.
    pub fn compiled_by(mut self, worker: PathBuf) -> Self {
        self.compiler.worker = Some(worker);
        self
    }

    /// All steps for one file.
    ///
    /// # Errors
    /// The first step that refuses.
    pub fn admit(&self, path: &Path, rank: usize) -> Result<(Plugin, Cost), Box<Refusal>> {
        let bytes = read_once(path, self.limits.component_bytes, "component_bytes")?;
        let sidecar = match sidecar(path) {
            Some(path) => Some(read_once(&path, MANIFEST_BYTES_MAX as u64, "")?),
            None => None,
        };
        self.admit_bytes(&bytes, sidecar.as_deref(), path, rank).map_err(Box::new)
    }

    fn admit_bytes(
        &self,
        bytes: &[u8],
        sidecar: Option<&[u8]>,
        path: &Path,
        rank: usize,
    ) -> Result<(Plugin, Cost), Refusal> {
        let inspection = inspect(bytes).map_err(|error| {
            let fix = "build it again with `cargo build --profile guest --target wasm32-wasip2`, \
                       and copy it whole: `install` or `mv`, not an editor";
            Refusal::new("validate", error, fix)
        })?;
        let (manifest, patch) = described(&inspection, sidecar)?;
        rights(&inspection)?;
        let now = self.clock.now_ns();
        let compiled = self.compiler.code(inspection.digest, bytes, now).map_err(|error| {
            Refusal::new("compile", chain(&error), "build it smaller, or with another toolchain")
        })?;
        let loaded = Loaded::link(&self.compiler.runtime, &compiled.code, inspection.world)
            .map_err(|error| {
                let fix = "build it against the `wit/` of this wickd; do not edit the bindings";
                Refusal::new("link", chain(&error), fix)
            })?;
        let limits = patch.over(self.limits);
        let schema = self.schema(&loaded, &limits, inspection.digest, &manifest.name)?;
        if let Some(shelf) = &self.shelf {
            // The shelf is for rolling back later; without room on it the plugin still runs.
            let _ = shelf.put(bytes, now);
        }
        let cost = Cost {
            compile_ms: compiled.compile_ms,
            cached: compiled.cached,
            bytes: inspection.bytes,
            cache_error: compiled.cache_error.map(|error| chain(&error)),
        };
        let (digest, path) = (inspection.digest, path.to_owned());
        Ok((Plugin { manifest, digest, loaded, schema, limits: patch, path, rank }, cost))
    }

    /// Asks an instance for its parameters: the first time any of its code runs.
    fn schema(
        &self,
        loaded: &Loaded<Seat>,
        limits: &Limits,
        digest: Digest,
        name: &PluginName,
    ) -> Result<Schema, Refusal> {
        let runtime = &self.compiler.runtime;
        let seat = || Seat::new(limits.signals_per_call);
        let seed = crate::seed_of(&digest);
        let no_world = || Refusal::new("schema", "it is of no known world", "use the SDK");
        let specs: Result<Vec<Spec>, Box<Fault>> = match loaded.world() {
            World::Strategy => StrategyGuest::new(runtime, loaded, seat(), limits, seed)
                .ok_or_else(no_world)?
                .and_then(|mut guest| guest.schema()),
            World::Signal => SignalGuest::new(runtime, loaded, seat(), limits, seed)
                .ok_or_else(no_world)?
                .and_then(|mut guest| guest.schema()),
            World::Indicator => IndicatorGuest::new(runtime, loaded, seat(), limits, seed)
                .ok_or_else(no_world)?
                .and_then(|mut guest| guest.schema()),
            World::Exchange => ExchangeGuest::new(runtime, loaded, limits, seed)
                .ok_or_else(no_world)?
                .and_then(|mut guest| guest.schema()),
            World::Feed | World::Utility => io::schema(runtime, loaded, &limits.for_io(), name)
                .map_err(|error| Refusal::new("schema", error, "free some memory"))?
                .ok_or_else(no_world)?,
        };
        let specs = specs.map_err(|fault| Refusal::new("schema", &fault, fault.kind.hint()))?;
        Schema::new(specs).map_err(|issues| {
            Refusal::new("schema", list(&issues), "mend the parameter's declaration in the plugin")
        })
    }
}

/// This wickd's version.
pub(crate) fn house_version() -> Version {
    // The version comes from Cargo, which checks its form.
    Version::parse(env!("CARGO_PKG_VERSION")).unwrap_or(Version::new(0, 0, 0))
}

/// Opens once, follows no link, reads no more than allowed.
fn read_once(path: &Path, bytes_max: u64, limit: &str) -> Result<Vec<u8>, Box<Refusal>> {
    let refuse = |reason: String, fix: &str| Box::new(Refusal::new("read", reason, fix));
    let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
    let mut options = File::options();
    let opened = options.read(true).custom_flags(flags.bits().cast_signed()).open(path);
    let file = opened.map_err(|error| refuse(error.to_string(), "check owner and mode"))?;
    let meta = file.metadata().map_err(|error| refuse(error.to_string(), "check the disk"))?;
    if !meta.is_file() {
        return Err(refuse("it is not a regular file".into(), "remove it from the folder"));
    }
    if meta.len() > bytes_max {
        let reason = format!("{} bytes, and at most {bytes_max} are taken", meta.len());
        return Err(Box::new(match limit {
            "" => Refusal::new("read", reason, "shorten it"),
            limit => Refusal::new("read", reason, format!("raise `limits.{limit}`")),
        }));
    }
    let mut bytes = Vec::with_capacity(meta.len() as usize);
    file.take(bytes_max + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| refuse(error.to_string(), "check the disk"))?;
    match bytes.len() as u64 == meta.len() {
        true => Ok(bytes),
        false => Err(refuse("it changed while it was read".into(), "copy it whole, then move it")),
    }
}

/// An error with its causes as one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    wickd_model::printable(text.as_bytes(), 600)
}

fn list(issues: &[Issue]) -> String {
    issues.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

/// The intake's thread.
pub(crate) struct Intake {
    stop: Sender<notify::Result<notify::Event>>,
    thread: std::thread::JoinHandle<()>,
    // Dropping the watcher ends the hints.
    _watcher: Option<notify::RecommendedWatcher>,
}

impl Intake {
    pub(crate) fn start(
        admission: Admission,
        folders: Vec<PathBuf>,
        settle_ms: u64,
        rescan_ms: u64,
        notices: Notices,
        control: Sender<ToControl>,
    ) -> std::io::Result<Self> {
        let (hints, wakes) = channel();
        let watcher = watch_folders(&folders, hints.clone(), &notices);
        let mut watch = Watch::new(folders, settle_ms);
        let work = Work { admission, notices, control };
        let (settle, rescan) = (Duration::from_millis(settle_ms), Duration::from_millis(rescan_ms));
        let thread = std::thread::Builder::new().name("intake".into()).spawn(move || {
            let started = Instant::now();
            let mut first = true;
            loop {
                let changes = watch.look(started.elapsed().as_millis() as u64);
                for change in changes {
                    if work.take(change).is_err() {
                        return;
                    }
                }
                if first && !watch.is_restless() {
                    first = false;
                    let _ = work.control.send(ToControl::FoldersRead);
                }
                let wait = if watch.is_restless() { settle / 4 } else { rescan };
                if !wait_for_hint(&wakes, wait.max(Duration::from_millis(1))) {
                    return;
                }
            }
        })?;
        Ok(Self { stop: hints, thread, _watcher: watcher })
    }

    pub(crate) fn stop(self) {
        // An error is the sign to stop: no watcher sends a generic one of this kind.
        let _ = self.stop.send(Err(notify::Error::generic(STOP)));
        // Whatever it was doing has no effect any more.
        let _ = self.thread.join();
    }
}

const STOP: &str = "wickd stops";

/// Sleeps until a hint or the time; swallows the burst that a hint comes in. False to stop.
fn wait_for_hint(wakes: &Receiver<notify::Result<notify::Event>>, wait: Duration) -> bool {
    let is_stop = |hint: &notify::Result<notify::Event>| {
        matches!(hint, Err(error)
            if matches!(&error.kind, notify::ErrorKind::Generic(text) if text == STOP))
    };
    match wakes.recv_timeout(wait) {
        Ok(hint) => !is_stop(&hint) && !wakes.try_iter().any(|hint| is_stop(&hint)),
        Err(RecvTimeoutError::Timeout) => true,
        Err(RecvTimeoutError::Disconnected) => false,
    }
}

/// Looking through a folder opens it, which must not be a reason to look again.
fn tells_of_change(kind: EventKind) -> bool {
    match kind {
        EventKind::Access(access) => access == AccessKind::Close(AccessMode::Write),
        _ => true,
    }
}

fn watch_folders(
    folders: &[PathBuf],
    hints: Sender<notify::Result<notify::Event>>,
    notices: &Notices,
) -> Option<notify::RecommendedWatcher> {
    let degraded = |error: &dyn std::error::Error| {
        let text = format!("no file events from the system ({error})");
        Notice::warn("watch-degraded", text)
            .fix("files are found by the periodic rescan; see `rescan_ms`")
    };
    let hear = move |hint: notify::Result<notify::Event>| {
        if hint.as_ref().map_or(true, |event| tells_of_change(event.kind)) {
            // Nobody listens any more once the intake ends.
            let _ = hints.send(hint);
        }
    };
    let mut watcher = match notify::recommended_watcher(hear) {
        Ok(watcher) => watcher,
        Err(error) => {
            notices.say(degraded(&error));
            return None;
        }
    };
    for folder in folders.iter().filter(|folder| folder.is_dir()) {
        if let Err(error) = watcher.watch(folder, notify::RecursiveMode::Recursive) {
            notices.say(degraded(&error).place(folder.display()));
        }
    }
    Some(watcher)
}

struct Work {
    admission: Admission,
    notices: Notices,
    control: Sender<ToControl>,
}

impl Work {
    fn take(&self, change: Change) -> Result<(), std::sync::mpsc::SendError<ToControl>> {
        match change {
            Change::Refused { path, reason, fix } => {
                let notice = Notice::warn("file-refused", format!("not taken: {reason}"));
                self.notices.say(notice.place(path.display()).fix(fix));
                Ok(())
            }
            Change::Gone { path } => self.control.send(ToControl::Gone(path)),
            Change::Settled { path, rank } => {
                let name = path.file_name().map_or_else(String::new, |name| {
                    wickd_model::printable(name.as_encoded_bytes(), 80)
                });
                self.notices.say(Notice::info("file-found", format!("reading {name}")));
                match self.admission.admit(&path, rank) {
                    Ok((plugin, cost)) => {
                        let Cost { compile_ms, cached, bytes, cache_error } = cost;
                        if let Some(error) = cache_error {
                            let text = format!("the compile cache fails: {error}");
                            self.notices.say(Notice::warn("cache-failed", text));
                        }
                        let how = match cached {
                            true => "from the cache".to_owned(),
                            false => format!("compiled in {compile_ms} ms"),
                        };
                        let notice = Notice::info("plugin-admitted", format!("admitted, {how}"))
                            .plugin(plugin.label(), plugin.digest)
                            .place(path.display())
                            .detail(Detail::Admitted { compile_ms, cached, bytes });
                        self.notices.say(notice);
                        self.control.send(ToControl::Admitted(Arc::new(plugin)))
                    }
                    Err(refusal) => {
                        let Refusal { step, reason, fix } = *refusal;
                        let notice =
                            Notice::warn("plugin-refused", format!("{step}: {reason}")).fix(fix);
                        self.notices.say(notice.place(path.display()));
                        Ok(())
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looking_wakes_nobody_and_writing_does() {
        let dir = tempfile::tempdir().unwrap();
        let (hints, wakes) = channel();
        let (notices, _heard) = Notices::channel();
        let watcher = watch_folders(&[dir.path().to_owned()], hints, &notices);
        assert!(watcher.is_some());
        for _ in 0..10 {
            assert_eq!(dir.path().read_dir().unwrap().count(), 0);
        }
        // Hints come in order: had looking been one, it would be the first.
        std::fs::write(dir.path().join("new.wasm"), b"bytes").unwrap();
        let first = wakes.recv_timeout(Duration::from_secs(60)).unwrap().unwrap();
        assert!(first.kind.is_create(), "{first:?}");
    }
}
