//! From a permit to a connection: resolve, check every address, dial exactly one that was checked.
//!
//! Comes in: a [`Permit`]. Goes out: a TCP stream to a checked address, or why there is none. The
//! check is on the address that is dialled, at every dial: what a name meant a moment ago counts for
//! nothing. Deliberately absent: proxies, and falling back to another answer when one is refused: a
//! name that mixes public and private addresses is an attack or a mistake.

use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::timeout;
use wickd_policy::net::{Denial, Host, Permit};

/// Most answers of a name that are looked at; real ones have up to eight.
const ANSWERS_MAX: usize = 16;
/// Longest wait for a name, in milliseconds.
const RESOLVE_MS_MAX: u64 = 2_000;

/// What resolving gives: addresses, or why there are none.
pub type Resolving<'a> = Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send + 'a>>;

/// Where names become addresses.
pub trait Resolve: Send + Sync {
    /// The addresses of a name.
    fn resolve<'a>(&'a self, name: &'a str) -> Resolving<'a>;
}

/// The machine's own resolver.
#[derive(Clone, Copy, Debug, Default)]
pub struct System;

impl Resolve for System {
    fn resolve<'a>(&'a self, name: &'a str) -> Resolving<'a> {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name, 0)).await?;
            Ok(found.map(|address| address.ip()).collect())
        })
    }
}

/// Why there is no connection. Nothing of a request has left.
#[derive(Debug, thiserror::Error)]
pub enum DialError {
    /// The address is not granted.
    #[error("{denial}")]
    Denied {
        /// Which one.
        address: IpAddr,
        /// For the permit that was dialled for.
        denial: Box<Denial>,
    },
    /// The name has no address, or not in time.
    #[error("{0} does not resolve; check the name and the machine's DNS")]
    Name(String),
    /// Nobody answers there.
    #[error("{target} does not accept a connection; it may be down, or blocked on the way")]
    Connect {
        /// Scheme, host and port.
        target: String,
        /// The last address's reason.
        source: io::Error,
    },
}

/// Every address of a permit's host, each checked; never empty.
///
/// # Errors
/// One that is not granted, or none at all.
pub async fn addresses(
    resolver: &dyn Resolve,
    permit: &Permit,
) -> Result<Vec<SocketAddr>, DialError> {
    let origin = permit.target().origin();
    let found = match &origin.host {
        Host::Address(address) => vec![*address],
        Host::Name(name) => {
            let wait = Duration::from_millis(RESOLVE_MS_MAX);
            let found = timeout(wait, resolver.resolve(name)).await;
            found.ok().and_then(Result::ok).unwrap_or_default()
        }
    };
    // Checked before any is left out: one refused answer refuses the name.
    found.iter().try_for_each(|address| check(permit, *address))?;
    match found.is_empty() {
        true => Err(DialError::Name(origin.host.to_string())),
        false => {
            let dialled = found.into_iter().take(ANSWERS_MAX);
            Ok(dialled.map(|address| SocketAddr::new(address, origin.port)).collect())
        }
    }
}

/// A connection to the first checked address that takes one within `wait`.
///
/// # Errors
/// As [`addresses`], or nobody answers.
pub async fn connect(
    resolver: &dyn Resolve,
    permit: &Permit,
    wait: Duration,
) -> Result<TcpStream, DialError> {
    let addresses = addresses(resolver, permit).await?;
    let failed =
        |source| DialError::Connect { target: permit.target().origin().to_string(), source };
    let attempt = async {
        let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
        for address in addresses {
            match TcpStream::connect(address).await {
                Ok(stream) => {
                    check(permit, stream.peer_addr().map_err(failed)?.ip())?;
                    stream.set_nodelay(true).map_err(failed)?;
                    return Ok(stream);
                }
                Err(error) => last = error,
            }
        }
        Err(failed(last))
    };
    let late = || failed(io::Error::from(io::ErrorKind::TimedOut));
    timeout(wait, attempt).await.unwrap_or_else(|_| Err(late()))
}

fn check(permit: &Permit, address: IpAddr) -> Result<(), DialError> {
    permit.check(address).map_err(|denial| DialError::Denied { address, denial })
}
