//! What happens to a component's bytes in the child process, and nowhere else in the daemon's life.
//!
//! Comes in: the bytes. Goes out: frames of an [`super::answer`]. Parsing, validation, the manifest's
//! YAML, the check of the imports, compilation, loading and linking all happen here first. A crash,
//! a loop or a spike of memory in any of them ends the child. Deliberately absent: running any of the
//! guest's code, and the bounds of the process, which the program sets before it calls.

use std::io::Write;
use std::time::{Duration, Instant};

use wickd_policy::{MANIFEST_BYTES_MAX, yaml};
use wickd_sandbox::{Artefact, Loaded, Runtime, compile_artefact, inspect};

use super::answer::{Description, say_code, say_described, say_refused};
use super::described::{described, rights};
use super::{Refusal, chain};
use crate::lane::Seat;

/// Longest loading and linking in the child. The daemon does both once more, and a component's types
/// can make them long; an interpreter takes a tenth of a second.
const LINK_MAX: Duration = Duration::from_secs(1);

/// Reads a component and says what it is; then compiles it and hands over the code. `described` is
/// called in between: from there on it may take longer.
///
/// # Errors
/// Nobody takes the answer.
pub fn read_component(
    wasm: &[u8],
    to: &mut impl Write,
    between: impl FnOnce(),
) -> std::io::Result<()> {
    let description = match describe(wasm) {
        Ok(description) => description,
        Err(refusal) => return say_refused(to, &refusal),
    };
    say_described(to, &description)?;
    between();
    match compiled(wasm, &description) {
        Ok(artefact) => say_code(to, artefact.bytes()),
        Err(refusal) => say_refused(to, &refusal),
    }
}

/// Everything about a component that can be known without compiling it.
///
/// # Errors
/// The first step that refuses.
pub fn describe(wasm: &[u8]) -> Result<Description, Refusal> {
    let inspection = inspect(wasm).map_err(|error| {
        let fix = "build it again with `cargo build --release --target wasm32-wasip2`, and copy it \
                   whole: `install` or `mv`, not an editor";
        Refusal::new("validate", error, fix)
    })?;
    let manifest = yaml::parse(&inspection.manifest, MANIFEST_BYTES_MAX).map_err(|problem| {
        let reason = format!("the embedded plugin.yaml: {problem}");
        Refusal::new("manifest", reason, "mend the plugin's plugin.yaml and build it again")
    })?;
    let (wit, imports) = (inspection.wit, inspection.imports);
    let (world, functions) = (inspection.world, inspection.functions);
    let wit = wickd_model::printable(wit.as_bytes(), 32);
    let description = Description { world, wit, imports, functions, manifest };
    described(&description, &[])?;
    rights(&description)?;
    Ok(description)
}

fn compiled(wasm: &[u8], description: &Description) -> Result<Artefact, Refusal> {
    let refuse = |error: &dyn std::error::Error| {
        Refusal::new("compile", chain(error), "build it smaller, or with another toolchain")
    };
    let artefact = compile_artefact(wasm).map_err(|error| refuse(&error))?;
    let runtime = Runtime::start().map_err(|error| refuse(&error))?;
    let started = Instant::now();
    let code = runtime.load(&artefact).map_err(|error| refuse(&error))?;
    Loaded::<Seat>::link(&runtime, &code, description.world).map_err(|error| no_link(&error))?;
    if started.elapsed() > LINK_MAX {
        let reason = format!("loading and linking it takes more than {} s", LINK_MAX.as_secs());
        return Err(Refusal::new("link", reason, "give it fewer and flatter types"));
    }
    Ok(artefact)
}

/// A component whose exports or imports are not those of its world.
pub(super) fn no_link(error: &dyn std::error::Error) -> Refusal {
    let fix = "build it against the `wit/` of this wickd; do not edit the bindings";
    Refusal::new("link", chain(error), fix)
}
