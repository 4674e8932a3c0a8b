//! The one `unsafe` block of the house: taking machine code the house compiled itself.

use wasmtime::component::Component;

use crate::runtime::Runtime;

/// Loads an artefact as code.
///
/// The bytes must have come from [`crate::compile_artefact`] on this machine. They do, because there
/// are two sources: the compile worker, which is this very binary run as a child and answering over a
/// pipe, and the compile cache, a folder only the daemon's user can enter (mode 0700), whose entries
/// are keyed by component digest and engine compatibility and carry a SHA-256 checked at each read.
/// Nothing from a plugin folder or a network reaches this function: intake validates every file as
/// WebAssembly, and an artefact is an ELF image, so it is refused there by its first four bytes.
pub(crate) fn load(runtime: &Runtime, artefact: &[u8]) -> wasmtime::Result<Component> {
    // SAFETY: as argued above, the bytes are the output of this engine's own compiler. wasmtime
    // checks its version and settings in the header, so another build's artefact is an error.
    #[expect(unsafe_code, reason = "wasmtime cannot check machine code; the doc comment argues")]
    unsafe {
        Component::deserialize(runtime.engine(), artefact)
    }
}
