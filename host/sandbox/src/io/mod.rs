//! The I/O tier: utilities and feeds, whose calls may wait for the network.
//!
//! Comes in: a linked component, its way [`Outside`], typed calls. Goes out: an answer or a
//! [`Fault`], and of a feed the market data it gave. Every call runs on a fiber of the caller's async
//! thread, under fuel that yields and under one deadline for all of its waiting. Deliberately absent:
//! threads, queues, restarts, and any way out that does not lead through [`Outside`].

mod call;
mod giving;
mod http;
mod names;
mod outside;
mod quota;
mod websocket;

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use wasmtime::component::Linker;
use wasmtime_wasi::sockets::SocketAddrUse;
use wasmtime_wasi::{HostMonotonicClock, HostWallClock, WasiCtxBuilder};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};
use wickd_model::{
    self as model, Entry as Param, Fault, Instrument, Issue, Limits, Spec, TsNs, World,
};

use crate::Host;
use crate::bindings::names::wasi::sockets::ip_name_lookup as lookup;
use crate::bindings::{feed, utility};
use crate::cell::Cell;
use crate::guest::{Loaded, Pre};
use crate::runtime::Runtime;

use call::Entry;
use giving::Giving;
pub use giving::{NotGiven, Round, Why};
pub use names::Answers;
pub use outside::{Outside, Refused, RefusedKind};
pub use quota::NewNames;
pub use websocket::Connection;

/// Room for one request's headers in memory, in bytes, the table that holds them included.
const FIELDS_BYTES_MAX: usize = 32 << 10;
/// Longest text of a refused event, in bytes.
const WHY_BYTES_MAX: usize = 256;
/// How finely the clocks of the I/O tier are told, in nanoseconds: a finer one measures neighbours.
const CLOCK_GRAIN_NS: u64 = 1_000_000;

/// What stands behind a guest of the I/O tier.
pub(crate) struct Io {
    pub(crate) outside: Arc<Outside>,
    fields: WasiHttpCtx,
    sender: http::Sender,
    giving: Giving,
}

impl WasiHttpView for Cell<Io> {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        let Io { fields, sender, .. } = &mut self.host;
        WasiHttpCtxView { hooks: sender, table: &mut self.table, ctx: fields }
    }
}

/// A linker with the imports of a world of the I/O tier.
pub(crate) fn linker(
    engine: &wasmtime::Engine,
    world: World,
) -> wasmtime::Result<Linker<Cell<Io>>> {
    type Own = wasmtime::component::HasSelf<Cell<Io>>;
    let mut linker = Linker::new(engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(&mut linker)?;
    // In place of wasmtime's, which asks the system for any name.
    linker.allow_shadowing(true);
    lookup::add_to_linker::<_, Own>(&mut linker, |cell| cell)?;
    linker.allow_shadowing(false);
    match world {
        World::Feed => feed::Feed::add_to_linker::<_, Own>(&mut linker, |cell| cell)?,
        _ => utility::Utility::add_to_linker::<_, Own>(&mut linker, |cell| cell)?,
    }
    Ok(linker)
}

/// Surroundings that lead outside through `outside` and nowhere else.
fn cell(outside: Arc<Outside>, limits: &Limits) -> Cell<Io> {
    let mut fields = WasiHttpCtx::new();
    fields.set_field_size_limit(FIELDS_BYTES_MAX);
    let checks = outside.clone();
    let furnish = |wasi: &mut WasiCtxBuilder| {
        // Everything is switched on here so that each attempt meets the check, and is told.
        wasi.wall_clock(Clock(Instant::now()))
            .monotonic_clock(Clock(Instant::now()))
            .allow_tcp(true)
            .allow_udp(true)
            .allow_ip_name_lookup(false)
            .socket_addr_check(move |address, use_| {
                let allowed = match use_ {
                    SocketAddrUse::TcpConnect => checks.may_connect(address),
                    // What every connection does by itself: no address, no port.
                    SocketAddrUse::TcpBind
                        if address.ip().is_unspecified() && address.port() == 0 =>
                    {
                        true
                    }
                    SocketAddrUse::TcpBind => checks.never("bind", address),
                    SocketAddrUse::TcpListen => checks.never("listen on", address),
                    SocketAddrUse::TcpAccept => checks.never("accept", address),
                    _ => checks.never("speak UDP at", address),
                };
                Box::pin(std::future::ready(allowed))
            });
    };
    let sender = http::Sender(outside.clone());
    Cell::around(Io { outside, fields, sender, giving: Giving::default() }, limits, furnish)
}

impl utility::wickd::plugin::happenings::Host for Cell<Io> {}

/// The machine's clocks, in whole milliseconds.
struct Clock(Instant);

impl HostWallClock for Clock {
    fn resolution(&self) -> Duration {
        Duration::from_nanos(CLOCK_GRAIN_NS)
    }
    fn now(&self) -> Duration {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Duration::from_millis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    }
}

impl HostMonotonicClock for Clock {
    fn resolution(&self) -> u64 {
        CLOCK_GRAIN_NS
    }
    fn now(&self) -> u64 {
        let ns = u64::try_from(self.0.elapsed().as_nanos()).unwrap_or(u64::MAX);
        ns - ns % CLOCK_GRAIN_NS
    }
}

type Faulty<T> = Result<T, Box<Fault>>;

/// What happened, as a utility hears it.
#[derive(Clone, Debug, PartialEq)]
pub enum Happening {
    /// Something the house said.
    Notice(Notice),
    /// A durable fill.
    Fill {
        /// Of which slot.
        slot: String,
        /// Which.
        event: model::OrderEvent,
    },
    /// A closed bar.
    Bar(model::Bar),
}

/// A notice as a utility hears it; empty texts where there is nothing to say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs, reason = "the fields are those of the contract")]
pub struct Notice {
    pub at: TsNs,
    pub code: String,
    pub severity: Severity,
    pub slot: String,
    pub plugin: String,
    pub digest: String,
    pub place: String,
    pub text: String,
    pub fix: String,
}

/// How much a notice matters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs, reason = "the cases are the field's own words")]
pub enum Severity {
    #[default]
    Info,
    Warn,
    Error,
}

impl From<&Happening> for utility::wickd::plugin::happenings::Happening {
    fn from(happening: &Happening) -> Self {
        use utility::wickd::plugin::happenings as wit;
        match happening {
            Happening::Notice(notice) => {
                let notice = notice.clone();
                Self::Notice(wit::Notice {
                    at: notice.at,
                    code: notice.code,
                    severity: match notice.severity {
                        Severity::Info => wit::Severity::Info,
                        Severity::Warn => wit::Severity::Warn,
                        Severity::Error => wit::Severity::Error,
                    },
                    slot: notice.slot,
                    plugin: notice.plugin,
                    digest: notice.digest,
                    place: notice.place,
                    text: notice.text,
                    fix: notice.fix,
                })
            }
            Happening::Fill { slot, event } => {
                Self::Fill(wit::Fill { slot: slot.clone(), event: (*event).into() })
            }
            Happening::Bar(bar) => Self::Bar((*bar).into()),
        }
    }
}

/// What both kinds have: surroundings, a schema, `init`.
macro_rules! guest {
    ($(#[$doc:meta])* $guest:ident, $world:ident, $bindings:ty, $api:ident) => {
        $(#[$doc])*
        pub struct $guest {
            entry: Entry,
            exports: $bindings,
        }

        impl $guest {
            /// A fresh instance. `None` where `loaded` is of another world.
            ///
            /// # Errors
            /// The guest's start code failed.
            pub async fn new<H: Host>(
                runtime: &Runtime,
                loaded: &Loaded<H>,
                outside: Arc<Outside>,
                limits: &Limits,
            ) -> Option<Faulty<Self>> {
                let Pre::$world(pre) = &loaded.0 else { return None };
                let mut entry = Entry::new(runtime, cell(outside, limits), limits);
                let made = entry
                    .enter("instantiate", async |store| pre.instantiate_async(store).await)
                    .await;
                Some(made.map(|exports| Self { entry, exports }))
            }

            /// Sets what its log lines and `now` say, for the calls to come.
            pub fn set_now(&mut self, ts_ns: TsNs) {
                self.entry.store.data_mut().set_now(ts_ns);
            }

            /// Fuel of the last call.
            pub fn fuel_used(&self) -> u64 {
                self.entry.fuel_used()
            }

            /// What it logged, and how many lines were dropped since it was made.
            pub fn take_log(&mut self) -> (Vec<wickd_model::LogLine>, u64) {
                self.entry.store.data_mut().take_log()
            }

            /// Its parameters.
            ///
            /// # Errors
            /// The call failed.
            pub async fn schema(&mut self) -> Faulty<Vec<Spec>> {
                let api = self.exports.$api();
                let specs =
                    self.entry.enter("schema", async |store| api.call_schema(store).await).await?;
                Ok(specs.into_iter().map(Into::into).collect())
            }

            /// Configures it; `Ok(Err)` carries its complaints.
            ///
            /// # Errors
            /// The call failed.
            pub async fn init(
                &mut self,
                config: &[Param],
                instruments: &[Instrument],
            ) -> Faulty<Result<(), Vec<Issue>>> {
                let api = self.exports.$api();
                let config: Vec<_> = config.iter().map(Into::into).collect();
                // Of no other will a feed be heard; a utility gives nothing.
                self.entry.store.data_mut().host.giving.own =
                    instruments.iter().map(|instrument| instrument.id).collect();
                let instruments: Vec<_> = instruments.iter().map(Into::into).collect();
                let answer = self
                    .entry
                    .enter("init", async |store| {
                        api.call_init(store, &config, &instruments).await
                    })
                    .await?;
                Ok(answer.map_err(|issues| issues.into_iter().take(32).map(Into::into).collect()))
            }
        }
    };
}

guest! {
    /// A utility: hears what happens, may call out.
    UtilityGuest, Utility, utility::Utility, wickd_plugin_utility_api
}
guest! {
    /// A feed: gives market data from outside.
    FeedGuest, Feed, feed::Feed, wickd_plugin_feed_api
}

impl UtilityGuest {
    /// Tells it one thing; `Ok(Err)` carries why it could make nothing of it.
    ///
    /// # Errors
    /// The call failed.
    pub async fn on_event(&mut self, happening: &Happening) -> Faulty<Result<(), String>> {
        let api = self.exports.wickd_plugin_utility_api();
        let happening = happening.into();
        let answer = self
            .entry
            .enter("on-event", async |store| api.call_on_event(store, &happening).await)
            .await?;
        Ok(answer.map_err(|why| model::printable(why.as_bytes(), WHY_BYTES_MAX)))
    }
}

impl FeedGuest {
    /// One round: what it gave goes to `into`, in order, with what was no market data. `Ok(Ok)` says
    /// in how many milliseconds it wants the next, `Ok(Err)` what went wrong outside. A round that
    /// failed has given nothing.
    ///
    /// # Errors
    /// The call failed.
    pub async fn run(&mut self, into: &mut Round) -> Faulty<Result<u32, String>> {
        let api = self.exports.wickd_plugin_feed_api();
        let answer = self.entry.enter("run", async |store| api.call_run(store).await).await;
        let giving = &mut self.entry.store.data_mut().host.giving;
        into.not_given.append(&mut giving.not_given);
        match answer {
            Ok(answer) => {
                into.events.append(&mut giving.events);
                Ok(answer.map_err(|why| model::printable(why.as_bytes(), WHY_BYTES_MAX)))
            }
            Err(fault) => Err(fault),
        }
    }
}
