//! The intake's thread: what has come to rest is read, two files at a time.
//!
//! Comes in: folders. Goes out: plugins, files that have gone, and what has become of the files that
//! were there at the start. There is one place to be described in and one to be compiled in. So whose
//! plugin a file is becomes known whatever is being compiled: the smallest file first; and what
//! somebody uses is compiled before what nobody does. A file whose turn to be compiled has not come
//! gives up its child and is read again then. Deliberately absent: reading itself, which is
//! [`Admission`]'s, on a thread of its own for each file, so that this one always answers.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SendError, Sender, channel};
use std::time::{Duration, Instant};

use wickd_model::{PluginName, World};

use super::watch::{Change, Settled, Watch};
use super::{Admission, Cost, Plugin, Refusal, Unread, folders};
use crate::control::{Reading as Told, ToControl};
use crate::events::{Detail, FileEvent, Notice, Notices};
use crate::wanted::Wanted;
use reading::{Former, Reading, former, restore};

mod reading;

/// How often a file is tried that the machine could not read.
const TRIES_MAX: u32 = 3;
/// How long after a failure of the machine it is tried again.
const TRY_AGAIN: Duration = Duration::from_secs(5);
/// How long the end waits for readings, whose children are killed at once.
const END: Duration = Duration::from_secs(1);

/// What wakes the thread.
enum Wake {
    Hint,
    /// This file has been described, and goes on in the place to be compiled in, or will.
    Described {
        number: u64,
        plugin: PluginName,
        requires: Vec<PluginName>,
    },
    Read(Box<Finished>),
    Stop,
}

/// The place to be compiled in, which a file takes the moment it has been described.
#[derive(Default)]
struct Place {
    taken: AtomicBool,
    /// Files that wait for it, and come before any other.
    waiting: AtomicUsize,
}

impl Place {
    fn take(&self) -> bool {
        self.taken.compare_exchange(false, true, Ordering::AcqRel, Ordering::Relaxed).is_ok()
    }

    /// Takes it in passing, where nobody waits for it.
    fn pass(&self) -> bool {
        self.waiting.load(Ordering::Acquire) == 0 && self.take()
    }

    fn leave(&self) {
        self.taken.store(false, Ordering::Release);
    }
}

/// The intake as the engine holds it.
pub(crate) struct Intake {
    wakes: Sender<Wake>,
    /// Ends the children that read.
    stop: Arc<AtomicBool>,
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
        wanted: Wanted,
        notices: Notices,
        control: Sender<ToControl>,
    ) -> std::io::Result<Self> {
        let (wakes, woken) = channel();
        let hints = wakes.clone();
        // Nobody listens any more once the intake ends.
        let hint = move || drop(hints.send(Wake::Hint));
        let watcher = folders::watch(&folders, hint, &notices);
        let stop = admission.reader.stop.clone();
        let watch = Watch::new(folders, settle_ms);
        let former = former(&admission.record);
        let work = Work {
            admission: Arc::new(admission),
            notices,
            control,
            wakes: wakes.clone(),
            wanted,
            queue: Vec::new(),
            waiting: Vec::new(),
            place: Arc::default(),
            describing: None,
            running: 0,
            latest: BTreeMap::new(),
            numbered: 0,
            former,
        };
        let pace = Pace {
            settle: Duration::from_millis(settle_ms),
            rescan: Duration::from_millis(rescan_ms),
        };
        let thread = std::thread::Builder::new().name("intake".into());
        // It ends with control, or when it is told to; either way nobody is left to be told.
        let thread = thread.spawn(move || drop(work.run(watch, &woken, pace)))?;
        Ok(Self { wakes, stop, thread, _watcher: watcher })
    }

    pub(crate) fn thread(&self) -> &std::thread::JoinHandle<()> {
        &self.thread
    }

    pub(crate) fn stop(self) {
        self.stop.store(true, Ordering::Relaxed);
        let _ = self.wakes.send(Wake::Stop);
        let _ = self.thread.join();
    }
}

/// How often the folders are looked through.
#[derive(Clone, Copy)]
struct Pace {
    settle: Duration,
    rescan: Duration,
}

/// Control has ended.
type Over = SendError<ToControl>;

/// A file to be read.
#[derive(Clone)]
struct Job {
    file: Settled,
    bytes: u64,
    /// Tells this state of the file from later ones.
    number: u64,
    tries: u32,
    not_before: Option<Instant>,
    /// Whose it is, once that is known.
    plugin: Option<PluginName>,
}

/// A file that has been read.
struct Finished {
    job: Job,
    outcome: Result<(Plugin, Cost), Unread>,
}

struct Work {
    admission: Arc<Admission>,
    notices: Notices,
    control: Sender<ToControl>,
    wakes: Sender<Wake>,
    /// The plugins that somebody uses.
    wanted: Wanted,
    /// To be described.
    queue: Vec<Job>,
    /// Described, to be compiled.
    waiting: Vec<Job>,
    place: Arc<Place>,
    /// The file in the place to be described in.
    describing: Option<u64>,
    running: usize,
    /// The newest state of each file that is queued or being read, and whose it is.
    latest: BTreeMap<PathBuf, (u64, Option<PluginName>)>,
    numbered: u64,
    former: Former,
}

impl Work {
    fn run(mut self, mut watch: Watch, woken: &Receiver<Wake>, pace: Pace) -> Result<(), Over> {
        let started = Instant::now();
        let mut is_first = true;
        loop {
            let changes = watch.look(started.elapsed().as_millis() as u64);
            if std::mem::take(&mut is_first) {
                let settled = changes.iter().filter_map(|change| match change {
                    Change::Settled(file) => Some(file.path.as_path()),
                    _ => None,
                });
                let found = settled.chain(watch.unsettled()).map(Path::to_owned).collect();
                self.control.send(ToControl::Reading(Told::Found(found)))?;
            }
            for change in changes {
                self.take(change)?;
            }
            self.start_readings();
            let wait = if watch.is_restless() { pace.settle / 4 } else { pace.rescan };
            let wait = self.next_try().map_or(wait, |next| wait.min(next));
            if !self.wait(woken, wait.max(Duration::from_millis(1)))? {
                return self.end(woken);
            }
        }
    }

    fn take(&mut self, change: Change) -> Result<(), Over> {
        match change {
            Change::Refused { path, reason, fix } => {
                let event = FileEvent::Refused { reason: reason.to_string(), fix: fix.to_string() };
                self.notices.publish(Notice::of(event).place(path.display()));
                self.forget(&path)
            }
            Change::Blind { folder, reason, fix } => {
                let event = FileEvent::FolderUnseen { reason, fix };
                self.notices.publish(Notice::of(event).place(folder.display()));
                Ok(())
            }
            Change::Sighted { folder, looks } => {
                let event = FileEvent::FolderSeen { looks };
                self.notices.publish(Notice::of(event).place(folder.display()));
                Ok(())
            }
            Change::Restless { path, ms } => {
                let event = FileEvent::Restless { seconds: ms / 1_000 };
                self.notices.publish(Notice::of(event).place(path.display()));
                // Nobody waits for it any longer; once it rests it is read like a new one.
                self.control.send(ToControl::Reading(Told::Done(path)))
            }
            Change::Moved { from, to } => {
                self.forget(&from)?;
                self.control.send(ToControl::Moved { from, to })
            }
            Change::Gone { path } => {
                self.forget(&path)?;
                self.control.send(ToControl::Gone(path))
            }
            Change::Settled(file) => {
                let path = file.path.clone();
                let name = path.file_name().map_or_else(String::new, |name| {
                    wickd_model::printable(name.as_encoded_bytes(), 80)
                });
                self.notices.publish(Notice::of(FileEvent::Found { name }));
                // A file that vanished since is small, and refused when it is opened.
                let bytes = file.real.symlink_metadata().map_or(0, |meta| meta.len());
                self.drop_queued(&path);
                self.numbered += 1;
                let number = self.numbered;
                self.latest.insert(path, (number, None));
                let (tries, not_before, plugin) = (0, None, None);
                self.queue.push(Job { file, bytes, number, tries, not_before, plugin });
                Ok(())
            }
        }
    }

    /// What is known or under way of a file does not count any more.
    fn forget(&mut self, path: &Path) -> Result<(), Over> {
        self.latest.remove(path);
        self.drop_queued(path);
        self.control.send(ToControl::Reading(Told::Done(path.to_owned())))
    }

    fn drop_queued(&mut self, path: &Path) {
        self.queue.retain(|job| job.file.path != path);
        self.waiting.retain(|job| job.file.path != path);
        self.place.waiting.store(self.waiting.len(), Ordering::Release);
    }

    /// Fills both places.
    fn start_readings(&mut self) {
        let next = self.waiting.iter().enumerate().min_by_key(|(_, job)| {
            let is_wanted = job.plugin.as_ref().is_some_and(|name| self.wanted.contains(name));
            (!is_wanted, job.bytes, job.number)
        });
        if let Some((next, _)) = next
            && self.place.take()
        {
            let job = self.waiting.swap_remove(next);
            self.place.waiting.store(self.waiting.len(), Ordering::Release);
            self.start(job, true);
        }
        let now = Instant::now();
        let due = self.queue.iter().enumerate();
        let due = due.filter(|(_, job)| job.not_before.is_none_or(|at| now >= at));
        if let (None, Some((next, _))) =
            (self.describing, due.min_by_key(|(_, job)| (job.bytes, job.number)))
        {
            let job = self.queue.swap_remove(next);
            self.describing = Some(job.number);
            self.start(job, false);
        }
    }

    /// Starts to read a file; `compiles` where it has the place for that already.
    fn start(&mut self, job: Job, compiles: bool) {
        self.running += 1;
        let (admission, control) = (self.admission.clone(), self.control.clone());
        let (wakes, place) = (self.wakes.clone(), self.place.clone());
        let (former, notices) = (self.former.clone(), self.notices.clone());
        let spare = job.clone();
        let thread = std::thread::Builder::new().name("reading".into());
        let started = thread.spawn(move || {
            let has_place = AtomicBool::new(compiles);
            let reading = Reading {
                job: &job,
                control,
                wakes: wakes.clone(),
                place: &place,
                has_place: &has_place,
            };
            // A panic costs this file, and not the place it was read in.
            let outcome = catch_unwind(AssertUnwindSafe(|| {
                restore(&admission, &reading.job.file, &former, &notices, &reading.control);
                reading.run(&admission)
            }));
            let outcome = outcome.unwrap_or_else(|_| Err(Refusal::own_failure().into()));
            if has_place.load(Ordering::Acquire) {
                place.leave();
            }
            // Nobody waits for it any more once the intake ends.
            let _ = wakes.send(Wake::Read(Box::new(Finished { job, outcome })));
        });
        if let Err(error) = started {
            if compiles {
                self.place.leave();
            }
            let reason = format!("no thread starts: {error}");
            let fix = "raise the limit of threads (`TasksMax=` of the unit, `ulimit -u`)";
            let outcome = Err(Unread::Machine { reason, fix });
            let _ = self.wakes.send(Wake::Read(Box::new(Finished { job: spare, outcome })));
        }
    }

    /// How long until a file may be tried again.
    fn next_try(&self) -> Option<Duration> {
        let next = self.queue.iter().filter_map(|job| job.not_before).min()?;
        Some(next.saturating_duration_since(Instant::now()))
    }

    /// Waits for something to do; swallows the burst that hints come in. False to stop.
    fn wait(&mut self, woken: &Receiver<Wake>, wait: Duration) -> Result<bool, Over> {
        let first = match woken.recv_timeout(wait) {
            Ok(wake) => wake,
            Err(RecvTimeoutError::Timeout) => return Ok(true),
            Err(RecvTimeoutError::Disconnected) => return Ok(false),
        };
        for wake in std::iter::once(first).chain(woken.try_iter()) {
            match wake {
                Wake::Hint => {}
                Wake::Stop => return Ok(false),
                Wake::Described { number, plugin, requires } => {
                    self.wanted.require(&plugin, requires);
                    let mut files = self.latest.values_mut();
                    if let Some((_, known)) = files.find(|(latest, _)| *latest == number) {
                        *known = Some(plugin);
                    }
                    self.described(number);
                }
                Wake::Read(finished) => self.finished(*finished)?,
            }
        }
        Ok(true)
    }

    /// Lets the readings end that are under way, for a bounded time: they write into the state folder.
    fn end(mut self, woken: &Receiver<Wake>) -> Result<(), Over> {
        let started = Instant::now();
        while self.running > 0 {
            match woken.recv_timeout(END.saturating_sub(started.elapsed())) {
                Ok(Wake::Read(_)) => self.running -= 1,
                Ok(_) => {}
                Err(_) => break,
            }
        }
        Ok(())
    }

    /// The place to be described in is free again.
    fn described(&mut self, number: u64) {
        self.describing = self.describing.filter(|describing| *describing != number);
    }

    fn finished(&mut self, Finished { job, outcome }: Finished) -> Result<(), Over> {
        self.running -= 1;
        self.described(job.number);
        let plugin = match self.latest.get(&job.file.path) {
            Some((number, plugin)) if *number == job.number => plugin.clone(),
            // The file has changed or gone while it was read.
            _ => return Ok(()),
        };
        let path = job.file.path.clone();
        match outcome {
            Err(Unread::Deferred) => {
                self.waiting.push(Job { plugin, ..job });
                self.place.waiting.store(self.waiting.len(), Ordering::Release);
                return Ok(());
            }
            Ok((plugin, cost)) => {
                self.say_admitted(&plugin, cost);
                self.tell_sidecars(&plugin);
                self.latest.remove(&path);
                return self.control.send(ToControl::Admitted(Arc::new(plugin)));
            }
            Err(Unread::Machine { reason, .. }) if job.tries + 1 < TRIES_MAX => {
                let event = FileEvent::ReadingDelayed { why: reason };
                self.notices.publish(Notice::of(event).place(path.display()));
                let not_before = Some(Instant::now() + TRY_AGAIN);
                self.queue.push(Job { tries: job.tries + 1, not_before, ..job });
                return Ok(());
            }
            Err(Unread::Machine { reason, fix }) => {
                let event = FileEvent::ReadingFailed { why: reason, fix };
                self.notices.publish(Notice::of(event).place(path.display()));
            }
            Err(Unread::Refused(Refusal { step, reason, fix })) => {
                let event = FileEvent::PluginRefused { step: step.to_string(), reason, fix };
                self.notices.publish(Notice::of(event).place(path.display()));
            }
            Err(Unread::Stopped) => {}
        }
        self.forget(&path)
    }

    /// A sidecar that would raise a limit has no effect there, and its author is told what would. One
    /// that has gone takes nothing back.
    fn tell_sidecars(&self, plugin: &Plugin) {
        let configured = match plugin.manifest.world {
            World::Exchange => self.admission.limits.for_adapter(),
            World::Feed | World::Utility => self.admission.limits.for_io(),
            World::Strategy | World::Signal | World::Indicator => self.admission.limits,
        };
        let tell = |event: FileEvent| {
            let notice = Notice::of(event).plugin(plugin.label(), plugin.digest);
            self.notices.publish(notice.place(plugin.path.display()));
        };
        for (name, asked, there) in plugin.lowered.beyond(configured) {
            tell(FileEvent::SidecarRaises { name, asked, there });
        }
        if !plugin.orphaned.is_empty() {
            tell(FileEvent::SidecarGone { limits: plugin.orphaned.join(", ") });
        }
    }

    fn say_admitted(&self, plugin: &Plugin, cost: Cost) {
        let Cost { compile_ms, cached, bytes, cache_error } = cost;
        if let Some(error) = cache_error {
            let event = FileEvent::CacheFailed { why: error.to_string() };
            self.notices.publish(Notice::of(event));
        }
        let notice = Notice::of(FileEvent::Admitted { compile_ms, cached })
            .plugin(plugin.label(), plugin.digest)
            .place(plugin.path.display())
            .detail(Detail::Admitted { compile_ms, cached, bytes });
        self.notices.publish(notice);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_place_to_be_compiled_in_is_passed_into_only_where_nobody_waits_for_it() {
        let place = Place::default();
        assert!(place.pass() && !place.pass() && !place.take(), "it is taken once");
        place.leave();
        place.waiting.store(1, Ordering::Relaxed);
        assert!(!place.pass(), "somebody waits");
        assert!(place.take(), "who waits takes it");
    }
}
