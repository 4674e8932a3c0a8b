//! The compile worker: a child process that turns one component into machine code.
//!
//! Comes in: the component on standard input. Goes out: the artefact on standard output, or an error
//! on standard error and exit code 1. Before it reads a byte it gives up memory and time beyond its
//! bounds, so that a compiler bomb ends here and nowhere else. Deliberately absent: validation, which
//! the daemon has done; and the daemon's environment, which it did not hand down.

use std::io::{Read, Write};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use wickd_model::{Limits, printable};

use crate::exit::{Exit, Failure};

/// Address space of the compiler. The largest component allowed needs about half of it.
const ADDRESS_SPACE_BYTES: u64 = 4 << 30;
/// Processor time of the compiler, behind the daemon's own deadline of 60 s of wall clock.
const CPU_S: u64 = 120;

/// Compiles standard input to standard output.
pub(crate) fn compile() -> Result<Exit, Failure> {
    bound(Resource::As, ADDRESS_SPACE_BYTES)?;
    bound(Resource::Cpu, CPU_S)?;
    bound(Resource::Core, 0)?;
    let bytes_max = largest_component();
    let mut wasm = Vec::new();
    let read = std::io::stdin().take(bytes_max + 1).read_to_end(&mut wasm);
    read.map_err(|error| Failure::of(Exit::Unexpected, "cannot read the component", &error))?;
    if wasm.len() as u64 > bytes_max {
        let text = format!("the component has more than {bytes_max} bytes");
        return Err(Failure::new(Exit::Unexpected, text));
    }
    let artefact = wickd_sandbox::compile_artefact(&wasm)
        .map_err(|error| Failure::of(Exit::Unexpected, "it does not compile", &error))?;
    let mut out = std::io::stdout().lock();
    out.write_all(artefact.bytes())
        .and_then(|()| out.flush())
        .map_err(|error| Failure::of(Exit::Unexpected, "cannot write the artefact", &error))?;
    Ok(Exit::Ok)
}

/// What went wrong as one line: the daemon shows it as the reason of a refusal.
pub(crate) fn said(failure: &Failure) -> String {
    let text = [std::slice::from_ref(&failure.text), &failure.causes].concat().join(": ");
    printable(text.as_bytes(), 400)
}

/// Lowers a resource limit of this process; one that is lower already stays.
fn bound(resource: Resource, most: u64) -> Result<(), Failure> {
    let now = getrlimit(resource);
    let most = now.maximum.map_or(most, |maximum| maximum.min(most));
    setrlimit(resource, Rlimit { current: Some(most), maximum: Some(most) })
        .map_err(|error| Failure::of(Exit::Unexpected, "cannot bound the compiler", &error))
}

/// The greatest `component_bytes` that any layer of the configuration may set.
fn largest_component() -> u64 {
    let rows = Limits::default().rows();
    let row = rows.iter().find(|row| row.0 == "component_bytes");
    row.map_or(Limits::default().component_bytes, |row| row.4)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worker_takes_as_much_as_a_configuration_may_allow() {
        assert_eq!(largest_component(), 256 << 20);
    }
}
