//! What a guest's imports do: charge, check, convert, ask the host. A call that finds no fuel left for
//! it ends the guest's call; a denial is an answer.

use wasmtime::Result;
use wasmtime::component::Linker;
use wickd_model::{self as model, Level, TsNs};

use crate::bindings::{exchange, indicator, signal, strategy, wit};
use crate::cell::{Cell, Host};
use crate::cost;
use crate::exchange::Staged;

impl<H: Send + 'static> wit::types::Host for Cell<H> {}
impl<H: Send + 'static> wit::params::Host for Cell<H> {}
impl<H: Send + 'static> wit::wants::Host for Cell<H> {}
impl<H: Send + 'static> wit::signals::Host for Cell<H> {}

impl<H: Send + 'static> wit::runtime::Host for Cell<H> {
    fn now(&mut self) -> Result<TsNs> {
        self.meter.charge(cost::CALL)?;
        Ok(self.now_ns)
    }

    fn log(&mut self, level: wit::runtime::Level, message: String) -> Result<()> {
        self.meter.charge(cost::CALL + cost::LOG + cost::text(message.len()))?;
        let level = match level {
            wit::runtime::Level::Debug => Level::Debug,
            wit::runtime::Level::Info => Level::Info,
            wit::runtime::Level::Warn => Level::Warn,
            wit::runtime::Level::Error => Level::Error,
        };
        self.log.push(self.now_ns, level, message.as_bytes());
        Ok(())
    }

    fn metric(&mut self, name: String, value: f64) -> Result<()> {
        self.meter.charge(cost::CALL + cost::METRIC + cost::text(name.len()))?;
        Cell::metric(self, &name, value);
        Ok(())
    }
}

impl<H: Host> wit::inputs::Host for Cell<H> {
    fn ready(&mut self, handle: u32) -> Result<bool> {
        self.meter.charge(cost::CALL)?;
        Ok(self.host.input_ready(handle))
    }

    fn value(&mut self, handle: u32, output: u32) -> Result<f64> {
        self.meter.charge(cost::CALL)?;
        Ok(self.host.input_value(handle, output))
    }
}

/// An answer to a guest, or the code of its denial.
type Answer<T> = std::result::Result<T, wit::types::DenyCode>;

impl<H: Host> wit::trading::Host for Cell<H> {
    fn submit(&mut self, order: wit::types::OrderRequest) -> Result<Answer<u64>> {
        self.meter.charge(cost::CALL + cost::ORDER)?;
        Ok(self.host.submit(order.into()).map_err(Into::into))
    }

    fn cancel(&mut self, intent: u64) -> Result<Answer<()>> {
        self.meter.charge(cost::CALL + cost::ORDER)?;
        Ok(self.host.cancel(intent).map_err(Into::into))
    }

    fn cancel_all(&mut self) -> Result<u32> {
        self.meter.charge(cost::CALL)?;
        let cancelled = self.host.cancel_all();
        self.meter.charge(cost::ORDER * u64::from(cancelled))?;
        Ok(cancelled)
    }

    fn position_of(&mut self, instrument: u32) -> Result<wit::types::Position> {
        self.meter.charge(cost::CALL)?;
        Ok(self.host.position(instrument).into())
    }

    fn set_timer(&mut self, id: u32, at: TsNs) -> Result<bool> {
        self.meter.charge(cost::CALL + cost::TIMER)?;
        Ok(self.host.set_timer(id, at))
    }

    fn clear_timer(&mut self, id: u32) -> Result<()> {
        self.meter.charge(cost::CALL + cost::TIMER)?;
        self.host.clear_timer(id);
        Ok(())
    }
}

impl<H: Host> signal::wickd::plugin::emitting::Host for Cell<H> {
    fn emit(&mut self, signal: wit::signals::Signal) -> Result<bool> {
        self.meter.charge(cost::CALL + cost::SIGNAL)?;
        let share = 0.0..=1.0;
        // A NaN is in no range, so it ends here too.
        if !share.contains(&signal.strength) || !share.contains(&signal.confidence) {
            self.host.emit_refused();
            return Ok(false);
        }
        let emitted = model::Signal {
            instrument: signal.instrument,
            output: signal.output,
            direction: match signal.direction {
                wit::signals::Direction::Down => model::Direction::Down,
                wit::signals::Direction::Flat => model::Direction::Flat,
                wit::signals::Direction::Up => model::Direction::Up,
            },
            strength: signal.strength,
            confidence: signal.confidence,
            valid_until: signal.valid_until,
        };
        Ok(self.host.emit(emitted, self.now_ns))
    }
}

type Own<H> = wasmtime::component::HasSelf<Cell<H>>;

/// A linker with the imports of a world that hears the market, and nothing beyond them.
pub(crate) fn market<H: Host>(
    engine: &wasmtime::Engine,
    world: model::World,
) -> wasmtime::Result<Linker<Cell<H>>> {
    let mut linker = Linker::new(engine);
    crate::wasi::link(&mut linker)?;
    let l = &mut linker;
    match world {
        model::World::Strategy => strategy::Strategy::add_to_linker::<_, Own<H>>(l, |cell| cell)?,
        model::World::Signal => signal::Signal::add_to_linker::<_, Own<H>>(l, |cell| cell)?,
        model::World::Indicator => {
            indicator::Indicator::add_to_linker::<_, Own<H>>(l, |cell| cell)?
        }
        model::World::Exchange | model::World::Feed | model::World::Utility => {
            wasmtime::bail!("a plugin of world `{}` hears no market", world.name())
        }
    }
    Ok(linker)
}

/// A linker with the imports of an exchange adapter.
pub(crate) fn exchange(engine: &wasmtime::Engine) -> wasmtime::Result<Linker<Cell<Staged>>> {
    let mut linker = Linker::new(engine);
    crate::wasi::link(&mut linker)?;
    exchange::Exchange::add_to_linker::<_, Own<Staged>>(&mut linker, |cell| cell)?;
    Ok(linker)
}
