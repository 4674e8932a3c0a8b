//! The harness of an indicator: one instance of a component.
//!
//! Comes in: samples. Goes out: values. Deliberately absent: a world; an indicator has none.

use super::config;
use crate::bindings::strategy::wickd::plugin::params::{Entry, Issue, Value};
use crate::indicator::{Indicator, Sample, Session};
use crate::params;
use crate::state::{State, restore_or_keep};

/// One instance.
pub struct IndicatorTest<I> {
    session: Session<I>,
    outputs: Vec<String>,
    warm_up: u32,
    config: Vec<Entry>,
}

impl<I: Indicator> IndicatorTest<I> {
    /// Makes an instance with these parameters and defaults for the rest.
    ///
    /// # Errors
    /// A parameter is unknown or out of bounds, or the indicator refused it.
    pub fn new(given: &[(&str, Value)]) -> Result<Self, Vec<Issue>> {
        Self::made(config::complete(&params::schema::<I::Params>(), given)?)
    }

    fn made(config: Vec<Entry>) -> Result<Self, Vec<Issue>> {
        let mut session = Session::default();
        let shape = session.create(&config)?;
        let outputs = shape.outputs.into_iter().map(|output| output.name).collect();
        Ok(Self { session, outputs, warm_up: shape.warm_up, config })
    }

    /// The names of its outputs.
    pub fn outputs(&self) -> &[String] {
        &self.outputs
    }

    /// The warm-up it declares, in samples.
    pub fn warm_up(&self) -> u32 {
        self.warm_up
    }

    /// A single price. True once the warm-up is over.
    pub fn price(&mut self, price: f64) -> bool {
        let (open, high, low, close) = (price, price, price, price);
        self.update(&Sample { ts_event: super::START_NS, open, high, low, close, volume: 0.0 })
    }

    /// A whole sample. True once the warm-up is over.
    pub fn update(&mut self, sample: &Sample) -> bool {
        self.session.update(0, sample)
    }

    /// The value of an output.
    pub fn value(&self, output: u32) -> f64 {
        self.session.value(0, output)
    }

    /// The value of every output, as an input of a strategy would read them.
    pub fn values(&self) -> Vec<f64> {
        (0..).zip(&self.outputs).map(|(output, _)| self.value(output)).collect()
    }

    /// The saved state.
    pub fn save(&self) -> Vec<u8> {
        self.session.save()
    }

    /// Restores bytes into this instance.
    ///
    /// # Errors
    /// What the host would show the operator.
    pub fn restore(&mut self, version: u32, bytes: &[u8]) -> Result<(), String> {
        restore_or_keep(&mut self.session, version, bytes).map_err(|error| error.to_string())
    }

    /// Swaps the instance: saves, makes a fresh one, restores.
    ///
    /// # Panics
    /// The indicator does not read its own state.
    pub fn restart(self) -> Self {
        let saved = self.save();
        let mut next = Self::made(self.config).expect("the same parameters are taken again");
        if I::VERSION != 0 {
            next.restore(I::VERSION, &saved).expect("a plugin reads its own state");
        }
        next
    }
}
