//! WASI as Rust's standard library imports it, linked so that it can do nothing.
//!
//! There is no folder, no argument, no variable, no socket; clocks tell event time; random numbers
//! are seeded. Every call costs fuel. Waiting is a fault: a guest asleep in a host call is stopped by
//! neither fuel nor epoch.

use wasmtime::component::{HasData, Linker, Resource, ResourceTable};
use wasmtime::{Result, bail};
use wasmtime_wasi::cli::{WasiCli, WasiCliView};
use wasmtime_wasi::clocks::{WasiClocks, WasiClocksView};
use wasmtime_wasi::filesystem::{WasiFilesystem, WasiFilesystemView};
use wasmtime_wasi::p2::DynPollable;
use wasmtime_wasi::p2::bindings::sync::io::poll as sync_poll;
use wasmtime_wasi::p2::bindings::{cli, clocks, filesystem, random, sync};
use wasmtime_wasi::random::WasiRandom;
use wasmtime_wasi::{WasiView, p2};

use crate::cell::Cell;

/// The interfaces of the compute tier. Sockets and HTTP are absent, so they cannot be linked.
pub(crate) fn link<H: Send + 'static>(l: &mut Linker<Cell<H>>) -> Result<()> {
    type T<H> = Cell<H>;
    clocks::wall_clock::add_to_linker::<T<H>, WasiClocks>(l, |t| t.wasi().clocks())?;
    clocks::monotonic_clock::add_to_linker::<T<H>, WasiClocks>(l, |t| t.wasi().clocks())?;
    random::random::add_to_linker::<T<H>, WasiRandom>(l, |t| t.wasi_random().ctx().ctx.random())?;
    random::insecure::add_to_linker::<T<H>, WasiRandom>(l, |t| t.wasi_random().ctx().ctx.random())?;
    random::insecure_seed::add_to_linker::<T<H>, WasiRandom>(l, |t| {
        t.wasi_random().ctx().ctx.random()
    })?;
    filesystem::preopens::add_to_linker::<T<H>, WasiFilesystem>(l, |t| t.wasi().filesystem())?;
    sync::filesystem::types::add_to_linker::<T<H>, WasiFilesystem>(l, |t| t.wasi().filesystem())?;
    cli::exit::add_to_linker::<T<H>, WasiCli>(l, |t| t.wasi().cli())?;
    cli::environment::add_to_linker::<T<H>, WasiCli>(l, |t| t.wasi().cli())?;
    cli::stdin::add_to_linker::<T<H>, WasiCli>(l, |t| t.wasi().cli())?;
    cli::stdout::add_to_linker::<T<H>, WasiCli>(l, |t| t.wasi().cli())?;
    cli::stderr::add_to_linker::<T<H>, WasiCli>(l, |t| t.wasi().cli())?;
    cli::terminal_input::add_to_linker::<T<H>, WasiCli>(l, |t| t.wasi().cli())?;
    cli::terminal_output::add_to_linker::<T<H>, WasiCli>(l, |t| t.wasi().cli())?;
    cli::terminal_stdin::add_to_linker::<T<H>, WasiCli>(l, |t| t.wasi().cli())?;
    cli::terminal_stdout::add_to_linker::<T<H>, WasiCli>(l, |t| t.wasi().cli())?;
    cli::terminal_stderr::add_to_linker::<T<H>, WasiCli>(l, |t| t.wasi().cli())?;
    p2::bindings::io::error::add_to_linker::<T<H>, Io>(l, |t| t.wasi().ctx().table)?;
    sync::io::streams::add_to_linker::<T<H>, Io>(l, |t| t.wasi().ctx().table)?;
    sync_poll::add_to_linker::<T<H>, NoWaiting>(l, |t| NeverWait(t.wasi().ctx().table))
}

struct Io;
impl HasData for Io {
    type Data<'a> = &'a mut ResourceTable;
}

struct NoWaiting;
impl HasData for NoWaiting {
    type Data<'a> = NeverWait<'a>;
}

struct NeverWait<'a>(&'a mut ResourceTable);

impl sync_poll::Host for NeverWait<'_> {
    fn poll(&mut self, _pollables: Vec<Resource<DynPollable>>) -> Result<Vec<u32>> {
        bail!("a plugin of the compute tier may not wait; use a timer of the host")
    }
}

impl sync_poll::HostPollable for NeverWait<'_> {
    fn ready(&mut self, _pollable: Resource<DynPollable>) -> Result<bool> {
        Ok(false)
    }
    fn block(&mut self, _pollable: Resource<DynPollable>) -> Result<()> {
        bail!("a plugin of the compute tier may not wait; use a timer of the host")
    }
    fn drop(&mut self, pollable: Resource<DynPollable>) -> Result<()> {
        sync_poll::HostPollable::drop(self.0, pollable)
    }
}
