//! Tries a plugin outside any slot: makes an instance and configures it, as a slot would.
//!
//! Comes in: an admitted plugin, settings, instruments, limits. Goes out: what it says to that
//! configuration, or the step that failed. Every way out is shut. Deliberately absent: events.

use wickd_model::{Fault, Instrument, Issue, Limits, Product, World};
use wickd_policy::params::Setting;
use wickd_sandbox::exchange::ExchangeGuest;
use wickd_sandbox::{IndicatorGuest, Runtime, SignalGuest, StrategyGuest};

use crate::intake::{Plugin, Refusal};
use crate::io;
use crate::lane::Seat;

/// What a plugin says to its configuration: nothing, or what it has against it.
pub(crate) type Said = Result<Result<(), Vec<Issue>>, Box<Fault>>;

/// An instrument for plugins that are tried without a configuration: a common spot market.
pub fn sample_instrument() -> Instrument {
    Instrument {
        id: 0,
        epoch: 0,
        venue: "paper".into(),
        symbol: "BTC-USDT".into(),
        product: Product::Spot,
        base: "BTC".into(),
        quote: "USDT".into(),
        price_scale: 2,
        size_scale: 6,
        price_step: 1,
        qty_step: 1,
        min_qty: 1,
        min_notional: 0,
        maker_fee_ppm: 1_000,
        taker_fee_ppm: 1_000,
    }
}

/// Makes an instance of `plugin` and calls its `init`. Gives what it has against the configuration,
/// which is nothing where it takes it.
///
/// # Errors
/// The settings are not its own, or it fails while it starts.
pub fn try_plugin(
    runtime: &Runtime,
    plugin: &Plugin,
    limits: &Limits,
    settings: &[Setting],
    instruments: &[Instrument],
) -> Result<Vec<Issue>, Refusal> {
    let config = plugin.schema.resolve(settings).map_err(|problems| {
        let told: Vec<_> = problems.iter().map(ToString::to_string).collect();
        Refusal::new("config", told.join("; "), "mend the `config:` of the place that names it")
    })?;
    let (loaded, seed) = (&plugin.loaded, crate::seed_of(&plugin.digest));
    let seat = || Seat::new(limits);
    let said: Option<Said> = match plugin.manifest.world {
        World::Strategy => StrategyGuest::new(runtime, loaded, seat(), limits, seed)
            .map(|made| made.and_then(|mut guest| Ok(guest.init(&config, instruments)?.map(drop)))),
        World::Signal => SignalGuest::new(runtime, loaded, seat(), limits, seed)
            .map(|made| made.and_then(|mut guest| Ok(guest.init(&config, instruments)?.map(drop)))),
        World::Indicator => IndicatorGuest::new(runtime, loaded, seat(), limits, seed)
            .map(|made| made.and_then(|mut guest| Ok(guest.create(&config)?.map(drop)))),
        World::Exchange => ExchangeGuest::new(runtime, loaded, limits, seed)
            .map(|made| made.and_then(|mut guest| guest.init(&config))),
        World::Feed | World::Utility => {
            let (name, limits) = (&plugin.manifest.name, limits.for_io());
            io::configured(runtime, loaded, &limits, name, &config, instruments)
                .map_err(|error| Refusal::new("init", error, "free some memory"))?
        }
    };
    let said =
        said.ok_or_else(|| Refusal::new("init", "it is of no known world", "use the SDK"))?;
    match said {
        Ok(Ok(())) => Ok(Vec::new()),
        Ok(Err(issues)) => Ok(issues),
        Err(fault) => Err(Refusal::new("init", &fault, fault.kind.hint())),
    }
}
