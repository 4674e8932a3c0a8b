//! The way of one dropped file: watch, settle, read once, [in a child: validate, version, world,
//! manifest, rights, compile, link], load, link, ask for its parameters. Each step can refuse, with its
//! reason and a fix.
//!
//! Comes in: folders. Goes out: plugins ready to be instantiated, and refusals. Everything is done
//! with the bytes that were read once: the file is not opened again. Deliberately absent: slots, and
//! any effect on what runs; a refused file changes nothing.

mod answer;
mod child;
mod described;
mod folders;
pub(crate) mod look;
mod reader;
mod sidecars;
mod thread;
mod watch;

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use semver::Version;
use wickd_model::{Digest, Fault, Issue, Limits, PluginName, Spec, World};
use wickd_policy::acceptance::{Candidate, Profile, SIGNATURE_BYTES_MAX, SigningKey};
use wickd_policy::params::Schema;
use wickd_policy::{LimitsPatch, MANIFEST_BYTES_MAX, Manifest};
use wickd_sandbox::{
    IndicatorGuest, Loaded, Runtime, SignalGuest, StrategyGuest, exchange::ExchangeGuest, sha256,
};
use wickd_store::{BlobCache, Folder, Shelf};

pub use answer::Description;
use child::no_link;
pub use child::{describe, read_component};
use described::{described, rights};
pub use reader::reading_budget_s;
pub(crate) use reader::{Asked, Reader, Unread, try_child};
use sidecars::{Kept, Sidecar};
pub(crate) use thread::Intake;
use watch::Settled;

use crate::clock::WallClock;
use crate::control::{Acceptance, AcceptedRecord};
use crate::events::Notices;
use crate::io;
use crate::lane::Seat;
use crate::plan::Plan;
use crate::recover::told;

/// Stack for loading and linking, in bytes: four times that of the child, which has done both before.
const STACK_BYTES: usize = 64 << 20;

/// Compiled code kept: some hundred plugins.
const COMPILED_BYTES_MAX: u64 = 2 << 30;
/// Refusals remembered: some thousand, which a start need not find again.
const REFUSALS_BYTES_MAX: u64 = 1 << 20;
/// Components kept for rolling back, beside those in use.
const SHELF_COMPONENTS_MAX: usize = 64;

/// A plugin that passed every step.
pub struct Plugin {
    /// Its description of itself.
    pub manifest: Manifest,
    /// SHA-256 of its bytes.
    pub digest: Digest,
    /// Size of its file.
    pub bytes: u64,
    /// What its component says of itself.
    pub description: Description,
    /// Linked into its world.
    pub(crate) loaded: Loaded<Seat>,
    /// Its parameters.
    pub schema: Schema,
    /// What it asks for.
    pub profile: Profile,
    /// The configured keys that have signed its bytes.
    pub(crate) signers: Vec<SigningKey>,
    /// The limits that sidecars lower.
    pub(crate) lowered: LimitsPatch,
    /// Those whose sidecar is not there any more.
    orphaned: Vec<String>,
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

    /// As the rules of acceptance see it.
    pub(crate) fn candidate(&self) -> Candidate<'_> {
        Candidate {
            digest: self.digest,
            version: &self.manifest.version,
            profile: &self.profile,
            signers: &self.signers,
        }
    }

    /// Whether an instance of the other would be no other than one of this.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.digest == other.digest && self.lowered == other.lowered
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

    /// What it may use: what the configuration gives it, lowered by its sidecars.
    pub fn limits(&self, configured: Limits) -> Limits {
        self.lowered.lower(configured)
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
    /// Every step that can refuse.
    pub(crate) const STEPS: [&'static str; 9] =
        ["read", "validate", "version", "manifest", "world", "rights", "compile", "link", "schema"];

    /// A panic of wickd's own at a file, which ends with the reading of it.
    pub(crate) fn own_failure() -> Self {
        Self::new("link", "wickd itself failed at it and is unharmed", "report it with the file")
    }

    pub(crate) fn new(step: &'static str, reason: impl ToString, fix: impl Into<String>) -> Self {
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
    pub(crate) reader: Reader,
    pub(crate) limits: Limits,
    pub(crate) shelf: Option<Shelf>,
    pub(crate) clock: WallClock,
    /// Keys whose signatures count somewhere.
    pub(crate) keys: Vec<SigningKey>,
    /// What sidecars had lowered before.
    pub(crate) record: AcceptedRecord,
}

impl Admission {
    /// Admission without a daemon around it: for checking a file.
    pub fn alone(runtime: Runtime, limits: Limits, cache: Option<BlobCache>) -> Self {
        let cache = cache.map(Arc::new);
        let stop = Arc::default();
        let reader = Reader { runtime, worker: None, cache, refused: None, stop };
        let (keys, record) = (Vec::new(), None);
        Self { reader, limits, shelf: None, clock: WallClock::system(), keys, record }
    }

    /// Admission as a plan asks for it, with what it keeps in the state folder.
    pub(crate) fn for_plan(
        plan: &Plan,
        runtime: &Runtime,
        folder: Option<&Folder>,
        record: AcceptedRecord,
        clock: &WallClock,
        notices: &Notices,
    ) -> Self {
        let cache = folder.map(|folder| folder.blobs(COMPILED_BYTES_MAX));
        let refused = folder.map(|folder| folder.refusals(REFUSALS_BYTES_MAX));
        let shelf = folder.map(Folder::shelf);
        let shelf = shelf.and_then(|shelf| told(shelf, "shelf", notices));
        if let Some(shelf) = &shelf {
            let holders: Vec<Digest> =
                Acceptance::new(record.clone()).holders().into_iter().collect();
            // A shelf that cannot be pruned only takes room.
            let _ = shelf.prune(SHELF_COMPONENTS_MAX, &holders);
        }
        let reader = Reader {
            runtime: runtime.clone(),
            worker: plan.reader.clone(),
            cache: cache.and_then(|cache| told(cache, "cache", notices)).map(Arc::new),
            refused: refused.and_then(|cache| told(cache, "refusals", notices)).map(Arc::new),
            stop: Arc::default(),
        };
        let (limits, keys, clock) = (plan.limits, plan.keys(), clock.clone());
        Self { reader, limits, shelf, clock, keys, record }
    }

    /// The same, with this program as the child process that reads, as the daemon has it.
    pub fn read_by(mut self, worker: PathBuf) -> Self {
        self.reader.worker = Some(worker);
        self
    }

    /// All steps for one file.
    ///
    /// # Errors
    /// The first step that refuses.
    pub fn admit(&self, path: &Path, rank: usize) -> Result<(Plugin, Cost), Box<Refusal>> {
        self.read(&Settled::alone(path, rank), &|_| true).map_err(|unread| {
            Box::new(match unread {
                Unread::Refused(refusal) => refusal,
                Unread::Machine { reason, fix } => Refusal::new("read", reason, fix),
                Unread::Deferred | Unread::Stopped => {
                    Refusal::new("read", "wickd stops", "start it again")
                }
            })
        })
    }

    /// The same for the daemon, which is asked before a plugin is compiled, and tells what
    /// the machine could not do from what the plugin is refused for.
    pub(crate) fn read(
        &self,
        file: &Settled,
        described: &Asked<'_>,
    ) -> Result<(Plugin, Cost), Unread> {
        let bytes = read_once(&file.real, self.limits.component_bytes, "component_bytes")?;
        let sidecar = |path: &PathBuf| -> Result<Sidecar, Refusal> {
            let is_shared = path.file_name().is_some_and(|name| name == "plugin.yaml");
            let bytes = read_once(path, MANIFEST_BYTES_MAX as u64, "")?;
            Ok(Sidecar { bytes, is_shared })
        };
        let sidecars = file.sidecars.iter().map(sidecar).collect::<Result<Vec<_>, _>>()?;
        let signers = self.signers(&bytes, file);
        let admit = || self.admit_bytes(bytes, &sidecars, file, described);
        let admitted = self.on_a_stack_of_its_own(admit);
        admitted.map(|(plugin, cost)| (Plugin { signers, ..plugin }, cost))
    }

    /// The bytes that a place was pinned to, under the name of a file that has others by now. `None`
    /// where the shelf has not got them, or they are not to be taken.
    pub(crate) fn read_former(&self, digest: &Digest, file: &Settled) -> Option<Plugin> {
        let bytes = self.shelf.as_ref()?.get(digest).ok()??;
        let admit = || self.admit_bytes(bytes, &[], file, &|_| true);
        Some(self.on_a_stack_of_its_own(admit).ok()?.0)
    }

    /// The digest of what a file has now; `None` where it cannot be read.
    pub(crate) fn digest_of(&self, file: &Settled) -> Option<Digest> {
        let bytes = read_once(&file.real, self.limits.component_bytes, "").ok()?;
        Some(sha256(&bytes))
    }

    /// The keys that have signed these bytes. A signature that cannot be read is by nobody.
    fn signers(&self, bytes: &[u8], file: &Settled) -> Vec<SigningKey> {
        let Some(path) = file.signature.as_ref().filter(|_| !self.keys.is_empty()) else {
            return Vec::new();
        };
        let text = read_once(path, SIGNATURE_BYTES_MAX as u64, "").ok();
        let Some(text) = text.and_then(|bytes| String::from_utf8(bytes).ok()) else {
            return Vec::new();
        };
        self.keys.iter().filter(|key| key.signed(bytes, &text)).cloned().collect()
    }

    /// Works on a thread with more stack than the child had: a type that is nested too deep for this
    /// one has ended the child before. A panic ends the work and nothing else.
    fn on_a_stack_of_its_own<T: Send>(
        &self,
        work: impl FnOnce() -> Result<T, Unread> + Send,
    ) -> Result<T, Unread> {
        std::thread::scope(|threads| {
            let thread = std::thread::Builder::new().name("admission".into());
            let started = thread.stack_size(STACK_BYTES).spawn_scoped(threads, work);
            let started = started.map_err(|error| Unread::Machine {
                reason: format!("no thread starts: {error}"),
                fix: "raise the limit of threads (`TasksMax=` of the unit, `ulimit -u`)",
            })?;
            started.join().unwrap_or_else(|_| Err(Refusal::own_failure().into()))
        })
    }

    fn admit_bytes(
        &self,
        bytes: Vec<u8>,
        sidecars: &[Sidecar],
        file: &Settled,
        told: &Asked<'_>,
    ) -> Result<(Plugin, Cost), Unread> {
        let (digest, size, now) = (sha256(&bytes), bytes.len() as u64, self.clock.now_ns());
        let bytes = Arc::new(bytes);
        let read = self.reader.read(digest, bytes.clone(), now, told)?;
        let (manifest, lowered) = described(&read.description, sidecars)?;
        rights(&read.description)?;
        let Kept { limits: lowered, orphaned } =
            sidecars::keep(&self.record, &file.path, &lowered, now)?;
        let runtime = &self.reader.runtime;
        let loaded = Loaded::link(runtime, &read.code, read.description.world)
            .map_err(|error| no_link(&error))?;
        let schema = self.schema(&loaded, &lowered, digest, &manifest.name)?;
        if let Some(shelf) = &self.shelf {
            // The shelf is for rolling back later; without room on it the plugin still runs.
            let _ = shelf.put(&bytes, now);
        }
        let cost = Cost {
            compile_ms: read.compile_ms,
            cached: read.cached,
            bytes: size,
            cache_error: read.cache_error.map(|error| chain(&error)),
        };
        let (description, path, rank) = (read.description, file.path.clone(), file.rank);
        let profile = Profile::of(&manifest, &description.imports, schema.specs(), &lowered);
        let plugin = Plugin {
            manifest,
            digest,
            bytes: size,
            description,
            loaded,
            schema,
            profile,
            signers: Vec::new(),
            lowered,
            orphaned,
            path,
            rank,
        };
        Ok((plugin, cost))
    }

    /// Asks an instance for its parameters: the first time any of its code runs.
    fn schema(
        &self,
        loaded: &Loaded<Seat>,
        lowered: &LimitsPatch,
        digest: Digest,
        name: &PluginName,
    ) -> Result<Schema, Refusal> {
        let limits = &lowered.lower(self.limits);
        let runtime = &self.reader.runtime;
        let seat = || Seat::new(limits);
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
            World::Feed | World::Utility => {
                io::schema(runtime, loaded, &lowered.lower(self.limits.for_io()), name)
                    .map_err(|error| Refusal::new("schema", error, "free some memory"))?
                    .ok_or_else(no_world)?
            }
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
fn read_once(path: &Path, bytes_max: u64, limit: &str) -> Result<Vec<u8>, Refusal> {
    let refuse = |reason: String, fix: &str| Refusal::new("read", reason, fix);
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
        return Err(match limit {
            "" => refuse(reason, "shorten it"),
            limit => refuse(reason, &format!("raise `limits.{limit}`")),
        });
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
