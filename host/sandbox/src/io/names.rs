//! `wasi:sockets/ip-name-lookup`, answered by egress's resolver, for granted names alone.
//!
//! Comes in: a name. Goes out: its addresses, which are remembered as that name's. A lookup of another
//! name does not reach the network: a question to a DNS server can carry anything out. Deliberately
//! absent: judging the addresses; that is done when one of them is dialled.

use std::net::IpAddr;
use std::time::Duration;

use tokio::time::timeout;
use wasmtime::component::Resource;
use wasmtime_wasi::p2::bindings::sockets::network::{ErrorCode, IpAddress, Network};
use wasmtime_wasi::p2::{DynPollable, Pollable, subscribe};
use wickd_policy::net::Host;

use super::Io;
use crate::bindings::names::wasi::sockets::ip_name_lookup::{
    Host as Lookup, HostResolveAddressStream,
};
use crate::cell::Cell;

/// Longest wait for a name, in milliseconds.
const RESOLVE_MS_MAX: u64 = 2_000;
/// Answers looked at.
const ANSWERS_MAX: usize = 16;

/// The addresses of one lookup.
pub struct Answers(std::vec::IntoIter<IpAddr>);

#[wasmtime_wasi::async_trait]
impl Pollable for Answers {
    async fn ready(&mut self) {}
}

impl Lookup for Cell<Io> {
    async fn resolve_addresses(
        &mut self,
        network: Resource<Network>,
        name: String,
    ) -> wasmtime::Result<Result<Resource<Answers>, ErrorCode>> {
        self.table.get(&network)?;
        let outside = self.host.outside.clone();
        let found = match (outside.may_look_up(&name), outside.ways()) {
            (Some(Host::Address(address)), _) => vec![address],
            (Some(Host::Name(name)), Some(ways)) => {
                let asking = ways.resolver.resolve(&name);
                let found = timeout(Duration::from_millis(RESOLVE_MS_MAX), asking).await;
                let mut found = found.ok().and_then(Result::ok).unwrap_or_default();
                found.truncate(ANSWERS_MAX);
                outside.resolved(&name, &found);
                found
            }
            _ => return Ok(Err(ErrorCode::AccessDenied)),
        };
        match found.is_empty() {
            true => Ok(Err(ErrorCode::NameUnresolvable)),
            false => Ok(Ok(self.table.push(Answers(found.into_iter()))?)),
        }
    }
}

impl HostResolveAddressStream for Cell<Io> {
    fn resolve_next_address(
        &mut self,
        answers: Resource<Answers>,
    ) -> wasmtime::Result<Result<Option<IpAddress>, ErrorCode>> {
        Ok(Ok(self.table.get_mut(&answers)?.0.next().map(Into::into)))
    }

    fn subscribe(&mut self, answers: Resource<Answers>) -> wasmtime::Result<Resource<DynPollable>> {
        subscribe(&mut self.table, answers)
    }

    fn drop(&mut self, answers: Resource<Answers>) -> wasmtime::Result<()> {
        self.table.delete(answers)?;
        Ok(())
    }
}
