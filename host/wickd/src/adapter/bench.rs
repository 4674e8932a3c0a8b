//! An adapter on the bench: as many fresh instances as an examination wants, in the real sandbox.
//!
//! Comes in: an admitted plugin, its parameters and markets. Goes out: instances, each call's answer
//! as JSON beside what was said, and the most that any call used. Deliberately absent: verdicts.

use std::cell::Cell;

use serde::Serialize;
use serde_json::Value as Tree;
use wickd_engine::Plugin;
use wickd_model::{Entry, Fault, Limits, TsNs};
use wickd_policy::venue::VenueManifest;
use wickd_sandbox::Runtime;
use wickd_sandbox::exchange::nouns::{
    Channel, Description, Failure, Market, Operation, Reply, Request, Response, Socket,
};
use wickd_sandbox::exchange::{ExchangeGuest, Said};

/// When it is on the bench, where a fixture does not say: the start of 8 January 2021, UTC, as in the
/// SDK's harness.
pub(super) const START_NS: TsNs = 1_610_064_000_000_000_000;

/// A call that ended the instance.
pub(super) type Faulty<T> = Result<T, Box<Fault>>;

/// The bench.
pub(super) struct Bench<'b> {
    pub(super) runtime: &'b Runtime,
    pub(super) plugin: &'b Plugin,
    pub(super) limits: Limits,
    pub(super) config: Vec<Entry>,
    pub(super) markets: Vec<Market>,
    /// The most fuel of a frame, of any other call, and the most memory.
    pub(super) most: Cell<(u64, u64, u64)>,
}

/// An instance on the bench.
pub(super) struct Live<'b> {
    bench: &'b Bench<'b>,
    guest: ExchangeGuest,
    said: Vec<Said>,
    now: TsNs,
}

impl<'b> Bench<'b> {
    /// What its manifest declares of the venue.
    pub(super) fn manifest(&self) -> VenueManifest {
        self.plugin.manifest.venue.clone().unwrap_or_default()
    }

    /// A fresh instance that knows its parameters and markets. The outer `Err` is a fault, the inner
    /// one a refusal of the parameters.
    pub(super) fn fresh(&'b self) -> Faulty<Result<Live<'b>, String>> {
        let Some(guest) = self.plugin.adapter(self.runtime, &self.limits) else {
            return Ok(Err("it is no exchange adapter".to_owned()));
        };
        let mut guest = guest?;
        if let Err(issues) = guest.init(&self.config)? {
            let issues: Vec<_> =
                issues.iter().map(|it| format!("{}: {}", it.key, it.message)).collect();
            return Ok(Err(issues.join("; ")));
        }
        guest.bind(&self.markets)?;
        guest.set_now(START_NS);
        Ok(Ok(Live { bench: self, guest, said: Vec::new(), now: START_NS }))
    }
}

impl Live<'_> {
    pub(super) fn set_now(&mut self, now: TsNs) {
        self.now = now;
        self.guest.set_now(now);
    }

    fn cold<R>(&mut self, call: impl FnOnce(&mut ExchangeGuest) -> Faulty<R>) -> Faulty<R> {
        let answer = call(&mut self.guest);
        self.used(false);
        let answer = answer?;
        self.guest.drain(&mut self.said);
        Ok(answer)
    }

    fn used(&mut self, hot: bool) {
        let fuel = self.guest.fuel_used();
        let (mut frame, mut other, memory) = self.bench.most.get();
        let most = if hot { &mut frame } else { &mut other };
        *most = fuel.max(*most);
        self.bench.most.set((frame, other, memory.max(self.guest.memory_bytes())));
    }

    /// Fuel of the last call.
    pub(super) fn fuel_used(&self) -> u64 {
        self.guest.fuel_used()
    }

    pub(super) fn describe(&mut self) -> Faulty<Description> {
        self.cold(ExchangeGuest::describe)
    }

    pub(super) fn build(&mut self, operation: &Operation) -> Faulty<Result<Request, Failure>> {
        self.cold(|guest| guest.build(operation))
    }

    pub(super) fn parse(
        &mut self,
        operation: &Operation,
        response: &Response,
    ) -> Faulty<Result<Reply, Failure>> {
        self.cold(|guest| guest.parse(operation, response))
    }

    pub(super) fn plan(&mut self, channels: &[Channel]) -> Faulty<Result<Vec<Socket>, Failure>> {
        self.cold(|guest| guest.plan(channels))
    }

    pub(super) fn open(&mut self, socket: u32) -> Faulty<()> {
        self.cold(|guest| guest.on_open(socket))
    }

    pub(super) fn idle(&mut self, socket: u32) -> Faulty<()> {
        self.cold(|guest| guest.on_idle(socket))
    }

    pub(super) fn frame(&mut self, socket: u32, bytes: &[u8]) -> Faulty<()> {
        let outcome = self.guest.on_frame(socket, bytes, self.now);
        self.used(true);
        outcome?;
        self.guest.drain(&mut self.said);
        Ok(())
    }

    /// What it said since this was asked last.
    pub(super) fn said(&mut self) -> Vec<Said> {
        std::mem::take(&mut self.said)
    }

    /// The instance that follows it, as after a swap: sockets stay open.
    pub(super) fn succeeded(mut self, channels: &[Channel]) -> Faulty<Result<Self, String>> {
        let version = self.guest.state_version()?;
        let mut next = match self.bench.fresh()? {
            Ok(next) => next,
            Err(refusal) => return Ok(Err(refusal)),
        };
        next.set_now(self.now);
        if version > 0 {
            let state = self.guest.save()?;
            return Ok(next.guest.restore(version, &state)?.map(|()| next));
        }
        // One that carries nothing plans like the first.
        let planned = next.plan(channels)?;
        Ok(planned.map(|_| next).map_err(|failure| format!("it plans no more: {failure:?}")))
    }
}

/// A noun of the contract as fixtures spell it.
pub(super) fn tree(value: &impl Serialize) -> Tree {
    // Plain data of the contract; a map with other keys than text does not occur.
    serde_json::to_value(value).unwrap_or_default()
}

/// A case of the contract in one word: generated code prints it with its type.
pub(super) fn word_of(case: impl std::fmt::Debug) -> String {
    let text = format!("{case:?}");
    text.rsplit("::").next().unwrap_or_default().to_owned()
}

/// The fault of a call, in words for a finding.
pub(super) fn of_fault(fault: &Fault) -> (String, &'static str) {
    (fault.to_string(), fault.kind.hint())
}
