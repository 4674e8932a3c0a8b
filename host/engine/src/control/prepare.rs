//! From a plugin to a generation that can be seated: parameters, instance, `init`, inputs.
//!
//! Comes in: a plugin and a slot's plan. Goes out: a [`Body`], or why there is none. It all happens
//! away from the lanes; a plugin that hangs or fails here has disturbed nobody.

use std::sync::Arc;

use wickd_model::{Entry, Fault, Instrument, InstrumentId, Issue, Limits, Needs, PluginName};
use wickd_policy::params::Setting;
use wickd_policy::yaml::Problem;
use wickd_sandbox::{IndicatorGuest, Runtime, SignalGuest, StrategyGuest};

use crate::intake::Plugin;
use crate::lane::{
    Body, Emits, IndicatorNode, InputView, Node, NodeKind, Refusals, Seat, Share, SignalNode, Wants,
};
use crate::plan::SlotPlan;

/// Why there is no generation.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unprepared {
    /// The operator's parameters do not fit the plugin.
    #[error("{}", problems(.0))]
    Config(Vec<Problem>),
    /// The plugin refuses its configuration.
    #[error("the plugin refuses its configuration: {}", issues(.0))]
    Refuses(Vec<Issue>),
    /// It failed.
    #[error("{0}")]
    Fault(Box<Fault>),
    /// It is no strategy.
    #[error("it is no {0} plugin")]
    World(&'static str),
    /// Something is not there; it may come.
    #[error("{what}")]
    Missing {
        /// What is not there.
        what: String,
        /// Its name, where it is an input.
        plugin: Option<PluginName>,
    },
}

fn problems(problems: &[Problem]) -> String {
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

fn issues(issues: &[Issue]) -> String {
    issues.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

impl From<Box<Fault>> for Unprepared {
    fn from(fault: Box<Fault>) -> Self {
        Self::Fault(fault)
    }
}

/// A generation before it has been told its inputs.
pub(crate) struct Prepared {
    pub(crate) body: Box<Body>,
    pub(crate) needs: Needs,
}

/// What every preparation needs.
pub(crate) struct Kitchen<'k> {
    pub(crate) runtime: &'k Runtime,
    pub(crate) instruments: &'k [Instrument],
    pub(crate) limits: Limits,
}

impl Kitchen<'_> {
    fn pick(&self, ids: &[InstrumentId]) -> Vec<Instrument> {
        ids.iter().filter_map(|id| self.instruments.get(*id as usize).cloned()).collect()
    }

    /// A strategy's next generation.
    pub(crate) fn strategy(
        &self,
        plugin: &Plugin,
        plan: &SlotPlan,
        generation: u32,
    ) -> Result<Prepared, Unprepared> {
        let config = plugin.schema.resolve(&plan.settings).map_err(Unprepared::Config)?;
        let limits = plugin.limits(plan.limits.over(self.limits));
        let seat = Seat::new(&limits);
        let seed = crate::seed_of(&plugin.digest);
        let made = StrategyGuest::new(self.runtime, &plugin.loaded, seat, &limits, seed);
        let mut guest = made.ok_or(Unprepared::World("strategy"))??;
        let needs = guest.init(&config, &self.pick(&plan.instruments))?;
        let needs = needs.map_err(Unprepared::Refuses)?;
        let state_version = guest.state_version()?;
        let wants = Wants::new(
            self.instruments.len(),
            &plan.instruments,
            needs.quotes,
            needs.trades,
            &needs.bar_secs,
        );
        let (digest, version) = (plugin.digest, plugin.manifest.version.to_string().into());
        let share = Share::new(limits.second_fuel());
        let body = Body {
            guest,
            generation,
            digest,
            version,
            state_version,
            wants,
            seq: 0,
            share,
            fuel_per_past_event: 0,
        };
        Ok(Prepared { body: Box::new(body), needs })
    }

    /// The parameters of an input as its plugin resolves them.
    pub(crate) fn input_config(
        plugin: &Plugin,
        params: &[Entry],
    ) -> Result<Vec<Entry>, Unprepared> {
        let setting = |entry: &Entry| Setting {
            key: entry.key.clone(),
            value: entry.value.to_string(),
            key_place: Default::default(),
            value_place: Default::default(),
        };
        let settings: Vec<_> = params.iter().map(setting).collect();
        plugin.schema.resolve(&settings).map_err(Unprepared::Config)
    }

    /// One instance of an indicator.
    pub(crate) fn indicator(
        &self,
        plugin: &Plugin,
        config: &[Entry],
        instrument: InstrumentId,
        source: wickd_model::Source,
    ) -> Result<Node, Unprepared> {
        let Some(of) = self.instruments.get(instrument as usize) else {
            let what = format!("there is no instrument {instrument}");
            return Err(Unprepared::Missing { what, plugin: None });
        };
        let limits = plugin.limits(self.limits);
        let seat = Seat::new(&limits);
        let seed = crate::seed_of(&plugin.digest);
        let made = IndicatorGuest::new(self.runtime, &plugin.loaded, seat, &limits, seed);
        let mut guest = made.ok_or(Unprepared::World("indicator"))??;
        let shape = guest.create(config)?.map_err(Unprepared::Refuses)?;
        let state_version = guest.state_version()?;
        let node = IndicatorNode {
            guest,
            instrument,
            source,
            outputs: shape.outputs.len() as u32,
            price_unit: 10f64.powi(-i32::from(of.price_scale)),
            size_unit: 10f64.powi(-i32::from(of.size_scale)),
            share: Share::new(limits.second_fuel()),
            fuel: Arc::default(),
        };
        Ok(self.node(plugin, state_version, NodeKind::Indicator(Box::new(node))))
    }

    /// A signal plugin, before it has been told its own inputs.
    pub(crate) fn signal(
        &self,
        plugin: &Plugin,
        config: &[Entry],
        instrument: InstrumentId,
        refusals: Arc<Refusals>,
    ) -> Result<(SignalNode, Needs), Unprepared> {
        let limits = plugin.limits(self.limits);
        let seat = Seat::new(&limits);
        let seed = crate::seed_of(&plugin.digest);
        let made = SignalGuest::new(self.runtime, &plugin.loaded, seat, &limits, seed);
        let mut guest = made.ok_or(Unprepared::World("signal"))??;
        let shape = guest.init(config, &self.pick(&[instrument]))?.map_err(Unprepared::Refuses)?;
        let outputs = shape.outputs.len() as u32;
        guest.host_mut().emits = Some(Emits { instrument, outputs, refusals });
        let needs = shape.needs;
        let wants = Wants::new(
            self.instruments.len(),
            &[instrument],
            needs.quotes,
            needs.trades,
            &needs.bar_secs,
        );
        let (share, fuel) = (Share::new(limits.second_fuel()), Arc::default());
        Ok((SignalNode { guest, wants, seq: 0, share, fuel }, needs))
    }

    pub(crate) fn node(&self, plugin: &Plugin, state_version: u32, kind: NodeKind) -> Node {
        let (digest, plugin, view) = (plugin.digest, plugin.label(), InputView::default());
        Node { kind, digest, plugin, state_version, view }
    }
}
