//! Compiling in a bounded place: a child process with a deadline and a memory bound, and a cache.
//!
//! Comes in: validated bytes. Goes out: machine code. The cache is keyed by component digest and by
//! engine compatibility, so an upgrade of wickd compiles anew. Deliberately absent: code from a folder.

use std::io::{Read, Write};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use wickd_model::{Digest, TsNs};
use wickd_sandbox::{Artefact, Code, CompileError, Runtime, compile_artefact};
use wickd_store::{BlobCache, StoreError};

/// Longest compile. A Rust plugin takes a tenth of a second, a Python interpreter ten.
const COMPILE_DEADLINE: Duration = Duration::from_secs(60);
/// Largest artefact: machine code is a few times the component's size.
const ARTEFACT_BYTES_MAX: u64 = 1 << 30;
/// Longest error text taken from the child.
const ERROR_BYTES_MAX: u64 = 4 << 10;

/// Why there is no code.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoCode {
    /// The compiler or the loader refused.
    #[error(transparent)]
    Compile(#[from] CompileError),
    /// The child was stopped.
    #[error("compiling took longer than {0} s and was stopped")]
    Deadline(u64),
    /// The child said no, or died.
    #[error("the compiler failed: {0}")]
    Child(String),
    /// No child process.
    #[error("the compiler does not start")]
    Spawn(#[source] std::io::Error),
}

/// Compiles, or finds compiled.
pub(crate) struct Compiler {
    pub(crate) runtime: Runtime,
    /// The program to run as a child; `None` compiles here.
    pub(crate) worker: Option<PathBuf>,
    pub(crate) cache: Option<BlobCache>,
}

/// Code, and what it cost.
pub(crate) struct Compiled {
    pub(crate) code: Code,
    pub(crate) cached: bool,
    pub(crate) compile_ms: u64,
    /// The cache failed; the code is fine.
    pub(crate) cache_error: Option<StoreError>,
}

impl Compiler {
    pub(crate) fn code(&self, digest: Digest, wasm: &[u8], now: TsNs) -> Result<Compiled, NoCode> {
        let key = format!("{digest}-{:016x}", self.runtime.compatibility());
        let started = Instant::now();
        let mut cache_error = None;
        match self.cache.as_ref().map(|cache| cache.get(&key)) {
            Some(Ok(Some(bytes))) => {
                // An artefact that does not load was written by another build; compile again.
                if let Ok(code) = self.runtime.load(&Artefact::compiled_here(bytes)) {
                    return Ok(Compiled { code, cached: true, compile_ms: 0, cache_error });
                }
            }
            Some(Err(error)) => cache_error = Some(error),
            Some(Ok(None)) | None => {}
        }
        let artefact = match &self.worker {
            Some(worker) => in_child(worker, wasm, COMPILE_DEADLINE)?,
            None => compile_artefact(wasm)?,
        };
        let code = self.runtime.load(&artefact)?;
        if let Some(Err(error)) =
            self.cache.as_ref().map(|cache| cache.put(&key, artefact.bytes(), now))
        {
            cache_error = Some(error);
        }
        let compile_ms = started.elapsed().as_millis() as u64;
        Ok(Compiled { code, cached: false, compile_ms, cache_error })
    }
}

/// Runs the compiler as a child: a bug in it, a bomb for it or a spike of memory stays there.
fn in_child(worker: &PathBuf, wasm: &[u8], deadline: Duration) -> Result<Artefact, NoCode> {
    let mut child = Command::new(worker)
        .arg("compile-worker")
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(NoCode::Spawn)?;
    let (Some(mut stdin), Some(stdout), Some(mut stderr)) =
        (child.stdin.take(), child.stdout.take(), child.stderr.take())
    else {
        return Err(NoCode::Child("its pipes are gone".into()));
    };
    let (done, answer) = channel();
    let wasm = wasm.to_vec();
    // The writer ends with the child: a closed pipe is an error it may ignore.
    std::thread::spawn(move || drop(stdin.write_all(&wasm)));
    // Read beside the artefact and to its end, or a child with much to say would stand still.
    let said = std::thread::spawn(move || {
        let mut said = Vec::new();
        let _ = (&mut stderr).take(ERROR_BYTES_MAX).read_to_end(&mut said);
        let _ = std::io::copy(&mut stderr, &mut std::io::sink());
        said
    });
    std::thread::spawn(move || {
        let mut artefact = Vec::new();
        let read = stdout.take(ARTEFACT_BYTES_MAX).read_to_end(&mut artefact);
        let said = said.join().unwrap_or_default();
        let _ = done.send(read.map(|_| (artefact, said)));
    });
    let answer = answer.recv_timeout(deadline);
    if answer.is_err() {
        let _ = child.kill();
    }
    let status = child.wait().map_err(NoCode::Spawn)?;
    match answer {
        Err(RecvTimeoutError::Timeout) => Err(NoCode::Deadline(deadline.as_secs())),
        Ok(Ok((artefact, _))) if status.success() => Ok(Artefact::compiled_here(artefact)),
        Ok(Ok((_, said))) if !said.is_empty() => {
            // The worker says it in one line; what the runtime adds to that is for its authors.
            let first = said.trim_ascii().split(|byte| *byte == b'\n').next().unwrap_or_default();
            Err(NoCode::Child(wickd_model::printable(first, 400)))
        }
        _ => Err(NoCode::Child(format!("it ended with {status}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    /// What comes of a worker that is this shell script.
    fn outcome(script: &str, deadline: Duration) -> Result<Artefact, NoCode> {
        let dir = tempfile::tempdir().unwrap();
        let worker = dir.path().join("worker");
        std::fs::write(&worker, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(&worker, PermissionsExt::from_mode(0o755)).unwrap();
        in_child(&worker, &[7; 1 << 20], deadline)
    }

    #[test]
    fn a_compiler_that_does_not_end_is_killed_at_its_deadline() {
        let started = Instant::now();
        let outcome = outcome("exec sleep 1000", Duration::from_millis(50));
        assert!(matches!(outcome, Err(NoCode::Deadline(_))), "{:?}", outcome.err());
        assert!(started.elapsed() < Duration::from_secs(100));
    }

    #[test]
    fn a_compiler_that_fails_is_quoted_bounded_and_printable() {
        let second = Duration::from_secs(60);
        let said = |script| outcome(script, second).map(drop).unwrap_err().to_string();
        assert_eq!(said("echo no room >&2; echo more >&2; exit 1"), "the compiler failed: no room");
        assert!(said("exit 3").contains("exit status: 3"));
        assert!(said("kill -9 $$").contains("signal: 9"));
        let noise = said("printf '\\033[2J' >&2; head -c 100000 /dev/zero >&2; exit 1");
        assert!(noise.len() < 2_048 && !noise.chars().any(char::is_control), "{noise:?}");
    }

    #[test]
    fn a_compiler_that_takes_no_input_is_no_hindrance() {
        let outcome = outcome("exec <&-; printf code", Duration::from_secs(60));
        assert_eq!(outcome.map(|artefact| artefact.bytes().to_vec()).ok(), Some(b"code".to_vec()));
    }
}
