//! The one engine of the process, and the ticker behind every deadline.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use wasmtime::{Config, Engine, OptLevel, Strategy};

/// How often the epoch moves, and so how finely deadlines are kept.
const EPOCH_TICK: Duration = Duration::from_millis(1);
/// The guest's own stack. Deep recursion ends here; a lane's OS stack is far larger.
const GUEST_STACK_BYTES: usize = 256 << 10;
/// Stack of a call of the I/O tier: the guest's own, and room for the host functions it calls.
const ASYNC_STACK_BYTES: usize = 2 << 20;
/// Frames kept of a trapping guest's stack.
const BACKTRACE_FRAMES_MAX: usize = 40;

/// The engine could not be made.
#[derive(Debug, thiserror::Error)]
pub enum RuntimeError {
    /// This machine cannot run it.
    #[error("the WebAssembly engine does not start on this machine")]
    Engine(#[source] wasmtime::Error),
    /// No thread for the ticker.
    #[error("the epoch ticker's thread does not start")]
    Ticker(#[source] std::io::Error),
}

/// The engine: one per process, because code and type numbers of two must never mix.
#[derive(Clone)]
pub struct Runtime {
    engine: Engine,
    ticker: Option<Arc<Ticker>>,
}

impl Runtime {
    /// The engine with its epoch ticker on an OS thread of its own: a spinning guest cannot hold it.
    pub fn start() -> Result<Self, RuntimeError> {
        let mut runtime = Self::without_ticker()?;
        runtime.ticker = Some(Arc::new(Ticker::start(&runtime.engine)?));
        Ok(runtime)
    }

    /// The engine alone, for compiling: nothing it makes can be called safely without deadlines.
    pub(crate) fn without_ticker() -> Result<Self, RuntimeError> {
        let engine = Engine::new(&config()).map_err(RuntimeError::Engine)?;
        Ok(Self { engine, ticker: None })
    }

    /// Whether the ticker runs; without it no deadline ends.
    pub fn is_ticking(&self) -> bool {
        self.ticker.as_ref().is_some_and(|ticker| !ticker.thread.is_finished())
    }

    pub(crate) fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Changes whenever an artefact compiled by another build or configuration must not be loaded.
    pub fn compatibility(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.engine.precompile_compatibility_hash().hash(&mut hasher);
        hasher.finish()
    }
}

/// Everything about the engine that a guest could notice, in one place. The compile worker uses the
/// same function, or its artefacts would not load.
fn config() -> Config {
    let mut config = Config::new();
    config.strategy(Strategy::Cranelift).cranelift_opt_level(OptLevel::Speed);
    // Replay must be equal to the bit, on any machine.
    config.cranelift_nan_canonicalization(true).wasm_relaxed_simd(false);
    // Fuel is the contract, the epoch the wall-clock backstop behind it.
    config.consume_fuel(true).epoch_interruption(true);
    // The compute tier is synchronous; support for concurrent calls triples the price of one.
    config.concurrency_support(false);
    config.max_wasm_stack(GUEST_STACK_BYTES);
    // Synchronous calls do not use it. In the I/O tier host functions run on what the guest leaves of
    // it, and overrunning it there would end the process.
    config.async_stack_size(ASYNC_STACK_BYTES).async_stack_zeroing(true);
    // What no plugin needs, an attacker shall not have.
    config
        .wasm_memory64(false)
        .wasm_multi_memory(false)
        .wasm_wide_arithmetic(false)
        .wasm_custom_page_sizes(false)
        .wasm_tail_call(false);
    // Registering native unwind tables takes a process-wide lock at every load.
    config.native_unwind_info(false);
    config.wasm_backtrace_max_frames(std::num::NonZeroUsize::new(BACKTRACE_FRAMES_MAX));
    // Tables are filled when an instance is made, off the tick path, not at first use.
    config.table_lazy_init(false);
    config
}

/// Moves the epoch once a millisecond until the last runtime is gone.
struct Ticker {
    stop: Arc<AtomicBool>,
    thread: std::thread::JoinHandle<()>,
}

impl Ticker {
    fn start(engine: &Engine) -> Result<Self, RuntimeError> {
        let stop = Arc::new(AtomicBool::new(false));
        let (weak, seen) = (engine.weak(), stop.clone());
        let tick = move || {
            while !seen.load(Ordering::Relaxed) {
                std::thread::sleep(EPOCH_TICK);
                match weak.upgrade() {
                    Some(engine) => engine.increment_epoch(),
                    None => return,
                }
            }
        };
        let thread = std::thread::Builder::new()
            .name("epoch".into())
            .spawn(tick)
            .map_err(RuntimeError::Ticker)?;
        Ok(Self { stop, thread })
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}
