//! Has a component read by a child process, once for each digest.
//!
//! Comes in: a component's bytes and their digest. Goes out: its description and its machine code, or
//! a refusal. Both are kept in the state folder, keyed by digest, version of wickd and compatibility of
//! the engine, so that neither a start nor the next copy of a bomb pays again. Deliberately absent:
//! parsing of any kind: `answer` takes the child's word apart, and `child` is what runs there.

use std::io::Read as _;
use std::io::Write as _;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use wickd_model::{Digest, TsNs, printable};
use wickd_sandbox::{Artefact, Code, CompileError, Runtime};
use wickd_store::{BlobCache, StoreError};

use super::answer::{Answer, Description, NoAnswer, say_code, say_described, say_refused};
use super::child::read_component;
use super::{Refusal, house_version};

/// Processor time of the child for a component however small, in seconds. What the SDK builds takes a
/// tenth of a second.
const CPU_BASE_S: u64 = 4;
/// Further processor time for each MiB, in seconds: an interpreter of 18 MiB takes 20 s in all.
const CPU_PER_MIB_S: u64 = 4;
/// Processor time until it is described, in seconds: validating 20 MiB takes half of one.
const DESCRIBE_BASE_S: u64 = 2;
/// MiB for which describing may take a second more.
const DESCRIBE_MIB_PER_S: u64 = 4;
/// How many times its processor time a child may take by the clock: it only runs when nobody else
/// wants to.
const WALL_FACTOR: u64 = 10;
/// How often a child is looked after: how soon a wish to stop ends it.
const LOOK: Duration = Duration::from_millis(20);
/// Longest text taken from the child's standard error.
const ERROR_BYTES_MAX: u64 = 4 << 10;
/// How long a child whose answer was cut off may take to die by itself.
const DYING_MAX: Duration = Duration::from_secs(1);
/// Exit code of a Rust program that panicked.
const PANIC: i32 = 101;
/// Signal by which the kernel ends a process whose processor time is over.
const SIGXCPU: i32 = 24;
/// Signals by which a process ends itself: an abort, a stack that overflows, a fault.
const CRASHES: [i32; 5] = [4, 6, 7, 8, 11];

/// Seconds of processor time that reading a component of so many bytes may take: until it is
/// described, and in all.
pub fn reading_budget_s(bytes: u64) -> (u64, u64) {
    let mib = bytes.div_ceil(1 << 20);
    (DESCRIBE_BASE_S + mib / DESCRIBE_MIB_PER_S, CPU_BASE_S + CPU_PER_MIB_S * mib)
}

/// Told what a component is; says whether it is to be compiled now.
pub(crate) type Asked<'a> = dyn Fn(&Description) -> bool + Sync + 'a;

/// Why there is no code.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unread {
    /// The component is at fault, and will be again.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// This machine could not do it now; the same bytes may be taken at the next try.
    #[error("{reason}")]
    Machine { reason: String, fix: &'static str },
    /// It has been described, and is to be compiled later.
    #[error("it waits to be compiled")]
    Deferred,
    /// The daemon ends.
    #[error("wickd stops")]
    Stopped,
}

/// Reads components.
#[derive(Clone)]
pub(crate) struct Reader {
    pub(crate) runtime: Runtime,
    /// The program to run as a child; `None` reads inside this process.
    pub(crate) worker: Option<PathBuf>,
    pub(crate) cache: Option<Arc<BlobCache>>,
    /// Refusals, in the same form.
    pub(crate) refused: Option<Arc<BlobCache>>,
    /// Raised when no child may live any more.
    pub(crate) stop: Arc<AtomicBool>,
}

/// A component that has been read.
pub(crate) struct Read {
    pub(crate) description: Description,
    pub(crate) code: Code,
    pub(crate) cached: bool,
    pub(crate) compile_ms: u64,
    /// The cache failed; the code is fine.
    pub(crate) cache_error: Option<StoreError>,
}

impl Reader {
    /// Reads a component; `described` is told what it is before it is compiled, and says whether to.
    pub(crate) fn read(
        &self,
        digest: Digest,
        wasm: Arc<Vec<u8>>,
        now: TsNs,
        described: &Asked<'_>,
    ) -> Result<Read, Unread> {
        let version = house_version().to_string().to_lowercase().replace('+', "-");
        let key = format!("{digest}-{:016x}-{version}", self.runtime.compatibility());
        let mut cache_error = None;
        match self.known(&key) {
            Ok(Some(Answer::Refused(refusal))) => return Err(refusal.into()),
            Ok(Some(Answer::Described)) => {}
            // An artefact that does not load was written by another build; compile again.
            Ok(Some(Answer::Code(description, code))) => {
                if let Ok(code) = self.runtime.load(&Artefact::compiled_here(code)) {
                    described(&description);
                    return Ok(Read {
                        description,
                        code,
                        cached: true,
                        compile_ms: 0,
                        cache_error,
                    });
                }
            }
            Ok(None) => {}
            Err(error) => cache_error = Some(error),
        }
        let started = Instant::now();
        let answered = match &self.worker {
            Some(worker) => in_child(worker, wasm, &self.stop, described),
            None => here(&wasm, described),
        };
        let answer = match answered {
            Err(Unread::Refused(refusal)) => Answer::Refused(refusal),
            answered => answered?,
        };
        match answer {
            Answer::Described => Err(Unread::Deferred),
            Answer::Refused(refusal) => {
                // A refusal that is not remembered only costs time at the next start.
                let _ = self.refused.as_ref().map(|cache| {
                    let mut bytes = Vec::new();
                    say_refused(&mut bytes, &refusal).map(|()| cache.put(&key, &bytes, now))
                });
                Err(refusal.into())
            }
            Answer::Code(description, code) => {
                let artefact = Artefact::compiled_here(code);
                let code = self.runtime.load(&artefact).map_err(|error| cannot_load(&error))?;
                let kept = self.cache.as_ref().map(|cache| {
                    let mut bytes = Vec::new();
                    say_described(&mut bytes, &description).ok();
                    say_code(&mut bytes, artefact.bytes()).ok();
                    cache.put(&key, &bytes, now)
                });
                if let Some(Err(error)) = kept {
                    cache_error = Some(error);
                }
                let compile_ms = started.elapsed().as_millis() as u64;
                Ok(Read { description, code, cached: false, compile_ms, cache_error })
            }
        }
    }

    /// What an earlier child said of these bytes.
    fn known(&self, key: &str) -> Result<Option<Answer>, StoreError> {
        for cache in [&self.refused, &self.cache].into_iter().flatten() {
            if let Some(bytes) = cache.get(key)?
                && let Ok(answer) = Answer::read(&bytes[..], |_| true)
            {
                return Ok(Some(answer));
            }
        }
        Ok(None)
    }
}

/// The engine took another engine's code: the program on disk was replaced while it ran.
fn cannot_load(error: &CompileError) -> Unread {
    let reason = format!("the code that the child made: {}", super::chain(error));
    Unread::Machine { reason, fix: "restart wickd; its program may have been replaced" }
}

/// Reads inside this process: for tests and benchmarks, whose components are their own.
fn here(wasm: &[u8], described: &Asked<'_>) -> Result<Answer, Unread> {
    let mut answer = Vec::new();
    let said = read_component(wasm, &mut answer, || {});
    let read = said.map_err(NoAnswer::Short).and_then(|()| Answer::read(&answer[..], described));
    read.map_err(|error| Unread::Machine { reason: error.to_string(), fix: "free some memory" })
}

/// Whether the child can be started and answers: of no bytes at all it says that they are none.
pub(crate) fn try_child(worker: &PathBuf) -> Result<(), Unread> {
    match in_child(worker, Arc::default(), &AtomicBool::new(false), &|_| true)? {
        Answer::Refused(Refusal { step: "validate", .. }) => Ok(()),
        _ => Err(Unread::Machine {
            reason: "the child that reads plugins gives a wrong answer".to_owned(),
            fix: "install wickd again, and restart it",
        }),
    }
}

/// Reads in a child: a bug there, a bomb or a spike of memory stays there.
fn in_child(
    worker: &PathBuf,
    wasm: Arc<Vec<u8>>,
    stop: &AtomicBool,
    described: &Asked<'_>,
) -> Result<Answer, Unread> {
    let (_, cpu_s) = reading_budget_s(wasm.len() as u64);
    let deadline = Duration::from_secs(WALL_FACTOR * cpu_s);
    let no_child = |error: std::io::Error| Unread::Machine {
        reason: format!("no child process starts: {error}"),
        fix: "raise the limit of processes (`TasksMax=` of the unit, `ulimit -u`)",
    };
    let mut child = Command::new(worker)
        .args(["read-worker", &std::process::id().to_string()])
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(no_child)?;
    let (Some(mut stdin), Some(stdout), Some(mut stderr)) =
        (child.stdin.take(), child.stdout.take(), child.stderr.take())
    else {
        return Err(no_child(std::io::ErrorKind::BrokenPipe.into()));
    };
    std::thread::scope(|threads| {
        let (done, answered) = channel();
        let start = |name: &str| std::thread::Builder::new().name(name.into());
        // The writer ends with the child: a closed pipe is an error it may ignore.
        let written = start("child-in").spawn_scoped(threads, move || drop(stdin.write_all(&wasm)));
        let read = start("child-out").spawn_scoped(threads, move || {
            let _ = done.send(Answer::read(stdout, described));
        });
        // Read beside the answer and to its end, or a child with much to say would stand still.
        let said = start("child-err").spawn_scoped(threads, move || {
            let mut said = Vec::new();
            let _ = (&mut stderr).take(ERROR_BYTES_MAX).read_to_end(&mut said);
            let _ = std::io::copy(&mut stderr, &mut std::io::sink());
            said
        });
        let threads = [written.err(), read.err()].into_iter().flatten().next();
        if let Some(error) = threads {
            let _ = child.kill();
            let _ = child.wait();
            return Err(no_child(error));
        }
        let waited = wait(&answered, stop, deadline);
        let cut_off = matches!(waited, Waited::Answer(Err(NoAnswer::Short(_))));
        let status = end(&mut child, cut_off).map_err(no_child)?;
        let said = said.ok().and_then(|thread| thread.join().ok()).unwrap_or_default();
        match waited {
            Waited::Answer(Ok(answer)) => Ok(answer),
            Waited::Answer(Err(error)) => Err(died(status, &error, &said, cpu_s)),
            Waited::Stopped => Err(Unread::Stopped),
            Waited::Late => Err(Unread::Machine {
                reason: format!("reading it took longer than {} s", deadline.as_secs()),
                fix: "give the machine more processor time; the file is tried again",
            }),
        }
    })
}

/// How waiting for a child ended.
enum Waited {
    Answer(Result<Answer, NoAnswer>),
    Late,
    Stopped,
}

/// Waits for the answer, until the deadline or until wickd stops.
fn wait(
    answered: &Receiver<Result<Answer, NoAnswer>>,
    stop: &AtomicBool,
    deadline: Duration,
) -> Waited {
    let started = Instant::now();
    loop {
        match answered.recv_timeout(LOOK) {
            Ok(answer) => return Waited::Answer(answer),
            Err(_) if stop.load(Ordering::Relaxed) => return Waited::Stopped,
            Err(RecvTimeoutError::Timeout) if started.elapsed() <= deadline => {}
            Err(_) => return Waited::Late,
        }
    }
}

/// Ends a child. One whose answer was cut off is dying, and of what is worth a moment; any other has
/// nothing left to do.
fn end(child: &mut Child, cut_off: bool) -> std::io::Result<ExitStatus> {
    let started = Instant::now();
    while cut_off && started.elapsed() < DYING_MAX {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        std::thread::sleep(LOOK);
    }
    child.kill()?;
    child.wait()
}

/// What a child that gave no answer died of: mostly the component, sometimes the machine.
fn died(status: ExitStatus, answer: &NoAnswer, said: &[u8], cpu_s: u64) -> Unread {
    // The worker says it in one line; what the runtime adds to that is for its authors.
    let lines = said.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    let first = lines.into_iter().find(|line| !line.is_empty()).unwrap_or_default();
    let said = printable(first, 400);
    let refuse = |reason: String, fix| Unread::Refused(Refusal::new("read", reason, fix));
    let fix = "build it smaller and flatter; what a toolchain makes passes";
    match status.signal() {
        Some(SIGXCPU) => {
            let reason = format!("reading it takes more than {cpu_s} s of processor time");
            refuse(reason, "build it smaller; what a toolchain makes passes")
        }
        Some(signal) if CRASHES.contains(&signal) => match said.is_empty() {
            true => refuse(format!("reading it ends the child by signal {signal}"), fix),
            false => refuse(format!("reading it ends the child: {said}"), fix),
        },
        Some(signal) => Unread::Machine {
            reason: format!("the child that reads it was ended from outside by signal {signal}"),
            fix: "free some memory; the file is tried again",
        },
        None if status.code() == Some(PANIC) => refuse(format!("reading it fails: {said}"), fix),
        // It could not even begin, or said what no honest child says.
        None => Unread::Machine {
            reason: format!("the child that reads it fails: {said} ({answer}, {status})"),
            fix: "look at the limits of the service; the file is tried again",
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    /// What comes of a worker that is this shell script.
    fn outcome(script: &str) -> Result<Answer, Unread> {
        let dir = tempfile::tempdir().unwrap();
        let worker = dir.path().join("worker");
        std::fs::write(&worker, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(&worker, PermissionsExt::from_mode(0o755)).unwrap();
        in_child(&worker, Arc::new(vec![7; 1 << 20]), &AtomicBool::new(false), &|_| true)
    }

    fn said(script: &str) -> String {
        outcome(script).map(drop).unwrap_err().to_string()
    }

    fn is_refusal(script: &str) -> bool {
        matches!(outcome(script), Err(Unread::Refused(_)))
    }

    #[test]
    fn a_child_that_does_not_end_is_killed_when_wickd_stops() {
        let dir = tempfile::tempdir().unwrap();
        let worker = dir.path().join("worker");
        std::fs::write(&worker, "#!/bin/sh\nexec sleep 1000\n").unwrap();
        std::fs::set_permissions(&worker, PermissionsExt::from_mode(0o755)).unwrap();
        let stop = AtomicBool::new(true);
        let outcome = in_child(&worker, Arc::new(vec![7; 1 << 20]), &stop, &|_| true);
        assert!(matches!(outcome, Err(Unread::Stopped)));
    }

    #[test]
    fn a_wait_ends_at_its_deadline() {
        let (_open, answered) = channel();
        let waited = wait(&answered, &AtomicBool::new(false), Duration::ZERO);
        assert!(matches!(waited, Waited::Late));
    }

    #[test]
    fn what_a_component_does_to_the_child_is_its_refusal() {
        assert!(is_refusal("kill -ABRT $$") && is_refusal("kill -SEGV $$"));
        assert!(is_refusal("kill -XCPU $$") && is_refusal("exit 101"));
        assert!(said("kill -XCPU $$").contains("8 s of processor time"));
        let overflow =
            "echo >&2; echo \"thread 'reader' has overflowed its stack\" >&2; kill -ABRT $$";
        assert!(said(overflow).contains("overflowed its stack"), "{}", said(overflow));
        let noise = said("printf '\\033[2J' >&2; head -c 100000 /dev/zero >&2; exit 101");
        assert!(noise.len() < 4_096 && !noise.chars().any(char::is_control), "{noise:?}");
    }

    #[test]
    fn what_the_machine_does_to_the_child_is_not_the_components_fault() {
        for script in ["kill -9 $$", "exit 1", "exec <&-; printf code", "true"] {
            assert!(matches!(outcome(script), Err(Unread::Machine { .. })), "{script}");
        }
        let (stop, wasm) = (AtomicBool::new(false), Arc::new(vec![7]));
        let absent = in_child(&PathBuf::from("/no/such/program"), wasm, &stop, &|_| true);
        let Err(Unread::Machine { fix, .. }) = absent else { panic!("it started") };
        assert!(fix.contains("ulimit -u"), "{fix}");
    }

    #[test]
    fn time_to_read_grows_with_the_size_and_ends_somewhere() {
        assert_eq!(reading_budget_s(100_000), (2, 8));
        let (describe, all) = reading_budget_s(19 << 20);
        assert!(describe < all && all <= 90, "{describe} {all}");
    }
}
