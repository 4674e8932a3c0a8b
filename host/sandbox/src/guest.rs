//! The three kinds of guests as typed calls.

use wickd_model::{
    Bar, Entry as Param, Fault, FeedStatus, Heard, Instrument, Issue, Limits, Needs, OrderEvent,
    Position, Quote, Sample, Shape, Spec, Trade, TsNs, World,
};

use crate::bindings::{exchange, feed, indicator, signal, strategy, utility};
use crate::call::Entry;
use crate::cell::{Cell, Host};
use crate::compile::Code;
use crate::exchange::Staged;
use crate::imports;
use crate::io::{self, Io};
use crate::pack::Batch;
use crate::runtime::Runtime;

/// Outputs an indicator or signal plugin may declare.
const OUTPUTS_MAX: usize = 16;
/// Inputs a plugin may ask for.
const INPUTS_MAX: usize = 16;
/// Bar steps a plugin may ask for.
const BAR_STEPS_MAX: usize = 8;
/// Most past events a plugin may ask to be warmed up with; the host's ring holds no more.
const WARM_UP_EVENTS_MAX: u32 = 65_536;

/// The component's exports or imports are not those of its world.
#[derive(Debug, thiserror::Error)]
#[error("the component does not fit the world `{}`", world.name())]
pub struct LoadError {
    world: World,
    #[source]
    source: wasmtime::Error,
}

/// A component linked into its world: instances are made from it in microseconds.
pub struct Loaded<H: Host>(pub(crate) Pre<H>);

pub(crate) enum Pre<H: Host> {
    Strategy(strategy::StrategyPre<Cell<H>>),
    Signal(signal::SignalPre<Cell<H>>),
    Indicator(indicator::IndicatorPre<Cell<H>>),
    Exchange(exchange::ExchangePre<Cell<Staged>>),
    Feed(feed::FeedPre<Cell<Io>>),
    Utility(utility::UtilityPre<Cell<Io>>),
}

impl<H: Host> Clone for Loaded<H> {
    fn clone(&self) -> Self {
        Self(match &self.0 {
            Pre::Strategy(pre) => Pre::Strategy(pre.clone()),
            Pre::Signal(pre) => Pre::Signal(pre.clone()),
            Pre::Indicator(pre) => Pre::Indicator(pre.clone()),
            Pre::Exchange(pre) => Pre::Exchange(pre.clone()),
            Pre::Feed(pre) => Pre::Feed(pre.clone()),
            Pre::Utility(pre) => Pre::Utility(pre.clone()),
        })
    }
}

impl<H: Host> Loaded<H> {
    /// Links `code` into `world`; checks every import and export by type.
    pub fn link(runtime: &Runtime, code: &Code, world: World) -> Result<Self, LoadError> {
        let link = || {
            let engine = runtime.engine();
            if world == World::Exchange {
                let pre = imports::exchange(engine)?.instantiate_pre(&code.0)?;
                return Ok(Self(Pre::Exchange(exchange::ExchangePre::new(pre)?)));
            }
            if world.calls_out() {
                let pre = io::linker(engine, world)?.instantiate_pre(&code.0)?;
                return Ok(Self(match world {
                    World::Feed => Pre::Feed(feed::FeedPre::new(pre)?),
                    _ => Pre::Utility(utility::UtilityPre::new(pre)?),
                }));
            }
            let pre = imports::market(engine, world)?.instantiate_pre(&code.0)?;
            Ok(Self(match world {
                World::Signal => Pre::Signal(signal::SignalPre::new(pre)?),
                World::Indicator => Pre::Indicator(indicator::IndicatorPre::new(pre)?),
                _ => Pre::Strategy(strategy::StrategyPre::new(pre)?),
            }))
        };
        link().map_err(|source| LoadError { world, source })
    }

    /// Which world.
    pub fn world(&self) -> World {
        match &self.0 {
            Pre::Strategy(_) => World::Strategy,
            Pre::Signal(_) => World::Signal,
            Pre::Indicator(_) => World::Indicator,
            Pre::Exchange(_) => World::Exchange,
            Pre::Feed(_) => World::Feed,
            Pre::Utility(_) => World::Utility,
        }
    }
}

/// What every kind of guest has: surroundings, state, a schema.
macro_rules! guest {
    ($(#[$doc:meta])* $guest:ident, $world:ident, $bindings:ty, $api:ident) => {
        $(#[$doc])*
        pub struct $guest<H: Host> {
            entry: Entry<H>,
            exports: $bindings,
        }

        impl<H: Host> $guest<H> {
            /// A fresh instance behind `host`. `None` where `loaded` is of another world.
            ///
            /// Runs the guest's start code, under the cold budget.
            pub fn new(
                runtime: &Runtime,
                loaded: &Loaded<H>,
                host: H,
                limits: &Limits,
                seed: u64,
            ) -> Option<Result<Self, Box<Fault>>> {
                let Pre::$world(pre) = &loaded.0 else { return None };
                let mut entry = Entry::new(runtime, Cell::new(host, limits, seed), limits);
                let made = entry.cold("instantiate", |store| pre.instantiate(store));
                Some(made.map(|exports| Self { entry, exports }))
            }

            /// What stands behind it.
            pub fn host(&self) -> &H {
                &self.entry.store.data().host
            }

            /// The same, to change.
            #[inline]
            pub fn host_mut(&mut self) -> &mut H {
                &mut self.entry.store.data_mut().host
            }

            /// What stands behind it, kept; the instance is gone.
            pub fn into_host(self) -> H {
                self.entry.store.into_data().host
            }

            /// Fuel of the last call.
            #[inline]
            pub fn fuel_used(&self) -> u64 {
                self.entry.fuel_used()
            }

            /// Another event begins on its lane: its calls until the next one share a budget.
            #[inline]
            pub fn begin_event(&mut self) {
                self.entry.begin_event();
            }

            /// It has left its lane: its calls hold up nobody any more.
            pub fn leave_lane(&mut self) {
                self.entry.leave_lane();
            }

            /// Fuel that all calls of this event have used.
            #[inline]
            pub fn event_fuel_used(&self) -> u64 {
                self.entry.event_fuel_used()
            }

            /// Fuel that is left for the calls of this event.
            #[inline]
            pub fn event_fuel(&self) -> u64 {
                self.entry.event_fuel()
            }

            /// Its limits.
            #[inline]
            pub fn limits(&self) -> &Limits {
                self.entry.limits()
            }

            /// Linear memory now.
            pub fn memory_bytes(&self) -> u64 {
                self.entry.store.data().meter.memory_bytes
            }

            /// Whether it has said something since the last [`Self::take_log`].
            #[inline]
            pub fn has_log(&self) -> bool {
                self.entry.store.data().has_log()
            }

            /// What it said, and how many lines were dropped since it was made.
            pub fn take_log(&mut self) -> (Vec<wickd_model::LogLine>, u64) {
                self.entry.store.data_mut().take_log()
            }

            /// Says of the lines to come whether its orders are muted meanwhile.
            #[inline]
            pub fn mute(&mut self, muted: bool) {
                self.entry.store.data_mut().log.muted = muted;
            }

            /// The gauges it set.
            pub fn metrics(&self) -> &[(String, f64)] {
                self.entry.store.data().metrics()
            }

            /// Sets event time for the cold calls to come.
            pub fn set_now(&mut self, ts_ns: TsNs) {
                self.entry.store.data_mut().set_now(ts_ns);
            }

            /// Its parameters.
            pub fn schema(&mut self) -> Result<Vec<Spec>, Box<Fault>> {
                let api = self.exports.$api();
                let specs = self.entry.cold("schema", |store| api.call_schema(store))?;
                Ok(specs.into_iter().map(Into::into).collect())
            }

            /// The version of its state; 0 where it keeps none.
            pub fn state_version(&mut self) -> Result<u32, Box<Fault>> {
                let api = self.exports.$api();
                self.entry.cold("state-version", |store| api.call_state_version(store))
            }

            /// Its state, at most `state_bytes`.
            pub fn save(&mut self) -> Result<Vec<u8>, Box<Fault>> {
                let limits = *self.entry.limits();
                let api = self.exports.$api();
                self.entry.store.set_hostcall_fuel(limits.state_bytes as usize);
                let state = self.entry.cold("save", |store| api.call_save(store));
                self.entry.store.set_hostcall_fuel(limits.host_call_bytes as usize);
                state
            }

            /// Gives it the state of another instance; `Ok(Err)` carries its refusal.
            pub fn restore(
                &mut self,
                version: u32,
                state: &[u8],
            ) -> Result<Result<(), String>, Box<Fault>> {
                let api = self.exports.$api();
                let answer =
                    self.entry.cold("restore", |store| api.call_restore(store, version, state))?;
                Ok(answer.map_err(|text| wickd_model::printable(text.as_bytes(), 256)))
            }
        }
    };
}

guest! {
    /// A strategy: hears the market, stages orders.
    StrategyGuest, Strategy, strategy::Strategy, wickd_plugin_strategy_api
}
guest! {
    /// A signal plugin: hears the market, emits signals.
    SignalGuest, Signal, signal::Signal, wickd_plugin_signal_api
}
guest! {
    /// An indicator plugin: takes samples, gives numbers.
    IndicatorGuest, Indicator, indicator::Indicator, wickd_plugin_indicator_api
}

/// The market calls that strategies and signals share.
macro_rules! market {
    ($guest:ident, $api:ident) => {
        impl<H: Host> $guest<H> {
            /// One quote.
            #[inline]
            pub fn on_quote(&mut self, quote: Quote) -> Result<(), Box<Fault>> {
                let api = self.exports.$api();
                self.entry.hot("on-quote", quote.at.ts_event, |store| {
                    api.call_on_quote(store, quote.into())
                })
            }

            /// One trade.
            #[inline]
            pub fn on_trade(&mut self, trade: Trade) -> Result<(), Box<Fault>> {
                let api = self.exports.$api();
                self.entry.hot("on-trade", trade.at.ts_event, |store| {
                    api.call_on_trade(store, trade.into())
                })
            }

            /// One closed bar.
            #[inline]
            pub fn on_bar(&mut self, bar: Bar) -> Result<(), Box<Fault>> {
                let api = self.exports.$api();
                self.entry
                    .hot("on-bar", bar.at.ts_event, |store| api.call_on_bar(store, bar.into()))
            }

            /// A change of the feed.
            pub fn on_feed(&mut self, status: FeedStatus) -> Result<(), Box<Fault>> {
                let api = self.exports.$api();
                self.entry.hot("on-feed", status.at.ts_event, |store| {
                    api.call_on_feed(store, status.into())
                })
            }

            /// Past events at once, under the cold budget; `ts_ns` is the last one's event time.
            pub fn on_batch(&mut self, batch: &Batch, ts_ns: TsNs) -> Result<(), Box<Fault>> {
                let api = self.exports.$api();
                self.entry.store.data_mut().set_now(ts_ns);
                self.entry.cold("on-batch", |store| api.call_on_batch(store, batch.words()))
            }

            fn check_needs(&mut self, needs: &Needs) -> Result<(), Box<Fault>> {
                let too_many = needs.inputs.len() > INPUTS_MAX
                    || needs.bar_secs.len() > BAR_STEPS_MAX
                    || needs.warm_up_events > WARM_UP_EVENTS_MAX;
                if !too_many && !needs.bar_secs.contains(&0) {
                    return Ok(());
                }
                let message = format!(
                    "asks for {} inputs (at most {INPUTS_MAX}), {} bar steps (at most \
                     {BAR_STEPS_MAX}, none of 0 s), {} warm-up events (at most \
                     {WARM_UP_EVENTS_MAX})",
                    needs.inputs.len(),
                    needs.bar_secs.len(),
                    needs.warm_up_events
                );
                Err(self.entry.bad_value("init", &message))
            }
        }
    };
}

market!(StrategyGuest, wickd_plugin_strategy_api);
market!(SignalGuest, wickd_plugin_signal_api);

impl<H: Host> StrategyGuest<H> {
    /// Configures it; `Ok(Err)` carries its complaints.
    pub fn init(
        &mut self,
        config: &[Param],
        instruments: &[Instrument],
    ) -> Result<Result<Needs, Vec<Issue>>, Box<Fault>> {
        let api = self.exports.wickd_plugin_strategy_api();
        let config: Vec<_> = config.iter().map(Into::into).collect();
        let instruments: Vec<_> = instruments.iter().map(Into::into).collect();
        let answer =
            self.entry.cold("init", |store| api.call_init(store, &config, &instruments))?;
        match answer {
            Ok(needs) => {
                let needs = Needs::from(needs);
                self.check_needs(&needs).map(|()| Ok(needs))
            }
            Err(issues) => Ok(Err(issues.into_iter().take(32).map(Into::into).collect())),
        }
    }

    /// Tells it where it stands, before the first event.
    pub fn start(
        &mut self,
        restored: bool,
        positions: &[Position],
        open_orders: &[OrderEvent],
    ) -> Result<(), Box<Fault>> {
        let api = self.exports.wickd_plugin_strategy_api();
        let situation = strategy::exports::wickd::plugin::strategy_api::Situation {
            restored,
            positions: positions.iter().map(|position| (*position).into()).collect(),
            open_orders: open_orders.iter().map(|event| (*event).into()).collect(),
        };
        self.entry.cold("start", |store| api.call_start(store, &situation))
    }

    /// News of an order.
    pub fn on_order(&mut self, event: OrderEvent) -> Result<(), Box<Fault>> {
        let api = self.exports.wickd_plugin_strategy_api();
        self.entry
            .hot("on-order", event.at.ts_event, |store| api.call_on_order(store, event.into()))
    }

    /// A signal of an input.
    pub fn on_signal(&mut self, heard: Heard) -> Result<(), Box<Fault>> {
        let api = self.exports.wickd_plugin_strategy_api();
        self.entry
            .hot("on-signal", heard.at.ts_event, |store| api.call_on_signal(store, heard.into()))
    }

    /// A timer it set.
    pub fn on_timer(&mut self, id: u32, at: TsNs) -> Result<(), Box<Fault>> {
        let api = self.exports.wickd_plugin_strategy_api();
        self.entry.hot("on-timer", at, |store| api.call_on_timer(store, id, at))
    }

    /// Its last word.
    pub fn stop(&mut self) -> Result<(), Box<Fault>> {
        let api = self.exports.wickd_plugin_strategy_api();
        self.entry.cold("stop", |store| api.call_stop(store))
    }
}

/// What a signal plugin asks for and says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SignalShape {
    /// What it wants to hear.
    pub needs: Needs,
    /// The names of its signals.
    pub outputs: Vec<String>,
}

impl<H: Host> SignalGuest<H> {
    /// Configures it; `Ok(Err)` carries its complaints.
    pub fn init(
        &mut self,
        config: &[Param],
        instruments: &[Instrument],
    ) -> Result<Result<SignalShape, Vec<Issue>>, Box<Fault>> {
        let api = self.exports.wickd_plugin_signal_api();
        let config: Vec<_> = config.iter().map(Into::into).collect();
        let instruments: Vec<_> = instruments.iter().map(Into::into).collect();
        let answer =
            self.entry.cold("init", |store| api.call_init(store, &config, &instruments))?;
        let shape = match answer {
            Ok(shape) => shape,
            Err(issues) => return Ok(Err(issues.into_iter().take(32).map(Into::into).collect())),
        };
        let needs = Needs::from(shape.needs);
        self.check_needs(&needs)?;
        if shape.outputs.is_empty() || shape.outputs.len() > OUTPUTS_MAX {
            let message =
                format!("declares {} outputs, not 1 to {OUTPUTS_MAX}", shape.outputs.len());
            return Err(self.entry.bad_value("init", &message));
        }
        let name = |text: String| wickd_model::printable(text.as_bytes(), 64);
        Ok(Ok(SignalShape { needs, outputs: shape.outputs.into_iter().map(name).collect() }))
    }
}

impl<H: Host> IndicatorGuest<H> {
    /// Makes one more instance, numbered from 0; `Ok(Err)` carries its complaints.
    pub fn create(&mut self, config: &[Param]) -> Result<Result<Shape, Vec<Issue>>, Box<Fault>> {
        let api = self.exports.wickd_plugin_indicator_api();
        let config: Vec<_> = config.iter().map(Into::into).collect();
        let answer = self.entry.cold("create", |store| api.call_create(store, &config))?;
        let shape = match answer {
            Ok(shape) => shape,
            Err(issues) => return Ok(Err(issues.into_iter().take(32).map(Into::into).collect())),
        };
        if shape.outputs.is_empty() || shape.outputs.len() > OUTPUTS_MAX {
            let message =
                format!("declares {} outputs, not 1 to {OUTPUTS_MAX}", shape.outputs.len());
            return Err(self.entry.bad_value("create", &message));
        }
        let short = |text: String| wickd_model::printable(text.as_bytes(), 128);
        let outputs = shape.outputs.into_iter();
        Ok(Ok(Shape {
            outputs: outputs.map(|o| (short(o.name), short(o.description))).collect(),
            warm_up: shape.warm_up,
        }))
    }

    /// Feeds one instance; true once it has seen its warm-up.
    #[inline]
    pub fn update(&mut self, instance: u32, sample: Sample) -> Result<bool, Box<Fault>> {
        let api = self.exports.wickd_plugin_indicator_api();
        let Sample { ts_event, open, high, low, close, volume } = sample;
        let sample = indicator::exports::wickd::plugin::indicator_api::Sample {
            ts_event,
            open,
            high,
            low,
            close,
            volume,
        };
        self.entry.hot("update", ts_event, |store| api.call_update(store, instance, sample))
    }

    /// Reads one output; not a number is a fault.
    #[inline]
    pub fn value(&mut self, instance: u32, output: u32) -> Result<f64, Box<Fault>> {
        let api = self.exports.wickd_plugin_indicator_api();
        let now = self.entry.store.data().now_ns;
        let value =
            self.entry.hot("value", now, |store| api.call_value(store, instance, output))?;
        match value.is_finite() {
            true => Ok(value),
            false => Err(self.entry.bad_value("value", "an output is not a finite number")),
        }
    }
}
