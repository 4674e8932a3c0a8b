//! A stand-in host for native tests: one [`World`] per harness, entered for the length of a call.
//!
//! Comes in: import calls of the plugin under test. Goes out: what they left in the world.
//! Deliberately absent: the risk gate and the venue; a test says what they answer.

use std::cell::RefCell;

use crate::bindings::strategy::wickd::plugin::runtime::Level;
use crate::bindings::strategy::wickd::plugin::signals::Signal;
use crate::bindings::strategy::wickd::plugin::types::{DenyCode, OrderRequest, Position};
use crate::exchange::Said;

/// As many timers as the contract gives a slot.
const TIMERS_MAX: usize = 64;

/// What a plugin asked of its host, and what the host answers.
#[derive(Default)]
pub(crate) struct World {
    pub(crate) now: u64,
    pub(crate) logs: Vec<(Level, String)>,
    pub(crate) metrics: Vec<(String, f64)>,
    pub(crate) inputs: Vec<Vec<f64>>,
    pub(crate) orders: Vec<(u64, OrderRequest)>,
    pub(crate) cancels: Vec<u64>,
    /// Sizes still open, by intent.
    pub(crate) open: Vec<u64>,
    pub(crate) intents: u64,
    pub(crate) deny: Option<DenyCode>,
    pub(crate) positions: Vec<Position>,
    pub(crate) timers: Vec<(u32, u64)>,
    pub(crate) signals: Vec<Signal>,
    pub(crate) said: Vec<Said>,
}

thread_local! {
    static WORLD: RefCell<World> = RefCell::default();
}

/// Runs `call` with `world` behind the imports.
pub(crate) fn enter<R>(world: &mut World, call: impl FnOnce() -> R) -> R {
    WORLD.with_borrow_mut(|current| std::mem::swap(current, world));
    let result = call();
    WORLD.with_borrow_mut(|current| std::mem::swap(current, world));
    result
}

pub(crate) fn now() -> u64 {
    WORLD.with_borrow(|world| world.now)
}

pub(crate) fn log(level: Level, message: &str) {
    WORLD.with_borrow_mut(|world| world.logs.push((level, message.to_owned())));
}

pub(crate) fn metric(name: &str, value: f64) {
    WORLD.with_borrow_mut(|world| world.metrics.push((name.to_owned(), value)));
}

pub(crate) fn ready(handle: u32) -> bool {
    WORLD.with_borrow(|world| world.inputs.get(handle as usize).is_some_and(|v| !v.is_empty()))
}

pub(crate) fn value(handle: u32, output: u32) -> f64 {
    WORLD.with_borrow(|world| {
        let values = world.inputs.get(handle as usize);
        values.and_then(|values| values.get(output as usize)).copied().unwrap_or(0.0)
    })
}

pub(crate) fn submit(order: OrderRequest) -> Result<u64, DenyCode> {
    WORLD.with_borrow_mut(|world| {
        if let Some(code) = world.deny {
            return Err(code);
        }
        world.intents += 1;
        world.orders.push((world.intents, order));
        world.open.push(world.intents);
        Ok(world.intents)
    })
}

pub(crate) fn cancel(intent: u64) -> Result<(), DenyCode> {
    WORLD.with_borrow_mut(|world| {
        if intent == 0 || intent > world.intents {
            return Err(DenyCode::UnknownIntent);
        }
        if !world.open.contains(&intent) {
            return Err(DenyCode::NotOpen);
        }
        world.cancels.push(intent);
        Ok(())
    })
}

pub(crate) fn cancel_all() -> u32 {
    WORLD.with_borrow_mut(|world| {
        world.cancels.extend_from_slice(&world.open);
        world.open.len() as u32
    })
}

pub(crate) fn position_of(instrument: u32) -> Position {
    let flat = Position { instrument, size: 0, entry: 0, realised: 0, fees: 0 };
    WORLD.with_borrow(|world| {
        world.positions.iter().find(|p| p.instrument == instrument).copied().unwrap_or(flat)
    })
}

pub(crate) fn set_timer(id: u32, at: u64) -> bool {
    WORLD.with_borrow_mut(|world| {
        world.timers.retain(|(known, _)| *known != id);
        let room = world.timers.len() < TIMERS_MAX;
        if room {
            world.timers.push((id, at));
        }
        room
    })
}

pub(crate) fn clear_timer(id: u32) {
    WORLD.with_borrow_mut(|world| world.timers.retain(|(known, _)| *known != id));
}

pub(crate) fn emit(signal: Signal) -> bool {
    let sound = |x: f64| (0.0..=1.0).contains(&x);
    let taken = sound(signal.strength) && sound(signal.confidence);
    if taken {
        WORLD.with_borrow_mut(|world| world.signals.push(signal));
    }
    taken
}

/// What an adapter says while it reads: kept in order.
pub(crate) mod wire {
    use super::WORLD;
    use crate::exchange::{
        Balance, Candle, FillReport, Funding, Holding, Operation, OrderReport, Print, Said, Top,
    };

    /// As many messages and fetches as one call may stage.
    const SHARE: usize = 64;

    fn say(said: Said) {
        WORLD.with_borrow_mut(|world| world.said.push(said));
    }

    fn has_room(of: fn(&Said) -> bool) -> bool {
        WORLD.with_borrow(|world| world.said.iter().filter(|said| of(said)).count() < SHARE)
    }

    pub(crate) fn send(socket: u32, text: &str) -> bool {
        let room = has_room(|said| matches!(said, Said::Send { .. }));
        if room {
            say(Said::Send { socket, text: text.to_owned() });
        }
        room
    }
    pub(crate) fn fetch(operation: &Operation) -> bool {
        let room = has_room(|said| matches!(said, Said::Fetch(_)));
        if room {
            say(Said::Fetch(operation.clone()));
        }
        room
    }
    pub(crate) fn reconnect(socket: u32, why: &str) {
        say(Said::Reconnect { socket, why: why.to_owned() });
    }
    pub(crate) fn subscribed(channel: u32) {
        say(Said::Subscribed(channel));
    }
    pub(crate) fn refused(channel: u32, why: &str) {
        say(Said::Refused { channel, why: why.to_owned() });
    }
    pub(crate) fn gap(channel: u32, why: &str) {
        say(Said::Gap { channel, why: why.to_owned() });
    }
    pub(crate) fn quote(top: Top) {
        say(Said::Quote(top));
    }
    pub(crate) fn trade(print: Print) {
        say(Said::Trade(print));
    }
    pub(crate) fn bar(candle: Candle) {
        say(Said::Bar(candle));
    }
    pub(crate) fn levels(instrument: u32, ts_event: u64, snapshot: bool, bids: u32, words: &[i64]) {
        say(Said::Levels { instrument, ts_event, snapshot, bids, words: words.to_vec() });
    }
    pub(crate) fn funding_rate(funding: Funding) {
        say(Said::Funding(funding));
    }
    pub(crate) fn order(report: &OrderReport) {
        say(Said::Order(report.clone()));
    }
    pub(crate) fn fill(report: &FillReport) {
        say(Said::Fill(report.clone()));
    }
    pub(crate) fn balance_of(balance: &Balance) {
        say(Said::Balance(balance.clone()));
    }
    pub(crate) fn holding_of(holding: Holding) {
        say(Said::Holding(holding));
    }
    pub(crate) fn unknown(what: &str) {
        say(Said::Unknown(what.to_owned()));
    }
}
