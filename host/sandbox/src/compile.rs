//! WebAssembly to machine code.
//!
//! Compiling is the step where a hostile file meets a large piece of software with no fuel to stop it.
//! So [`compile_artefact`] is run in a child process under a deadline and a memory bound (the engine
//! does that), and only its output comes back here.

use wasmtime::component::Component;

use crate::precompiled;
use crate::runtime::{Runtime, RuntimeError};

/// A component that does not compile, or an artefact that does not load.
#[derive(Debug, thiserror::Error)]
pub enum CompileError {
    /// No engine on this machine.
    #[error("no compiler")]
    Runtime(#[from] RuntimeError),
    /// The compiler refused.
    #[error("the component does not compile")]
    Compile(#[source] wasmtime::Error),
    /// The artefact is of another build or damaged.
    #[error("the compiled artefact does not load")]
    Load(#[source] wasmtime::Error),
}

/// Machine code of one component for this engine.
#[derive(Clone)]
pub struct Artefact(Vec<u8>);

impl Artefact {
    /// Vouches that `bytes` came from [`compile_artefact`]: over the worker's pipe or out of the
    /// daemon's own compile cache. Never make one from anything else: it is run as native code.
    pub fn compiled_here(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// For the cache.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl std::fmt::Debug for Artefact {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} bytes of machine code", self.0.len())
    }
}

/// Compiles a validated component. Takes about a tenth of a second for a Rust plugin.
pub fn compile_artefact(wasm: &[u8]) -> Result<Artefact, CompileError> {
    let runtime = Runtime::without_ticker()?;
    runtime.engine().precompile_component(wasm).map(Artefact).map_err(CompileError::Compile)
}

/// A component as code, ready to be linked into worlds.
#[derive(Clone)]
pub struct Code(pub(crate) Component);

impl Runtime {
    /// Maps an artefact into memory as code.
    pub fn load(&self, artefact: &Artefact) -> Result<Code, CompileError> {
        precompiled::load(self, &artefact.0).map(Code).map_err(CompileError::Load)
    }
}
