//! Indicators: samples in, numbers out.
//!
//! Comes in: the calls of the `indicator` world, for many instances in one component. Goes out: the
//! calls on one [`Indicator`] each. Deliberately absent: a context; what an indicator says depends
//! on its samples alone.

use std::marker::PhantomData;

use crate::bindings::indicator::exports::wickd::plugin::indicator_api as api;
use crate::bindings::strategy::wickd::plugin::params::{Entry, Issue, Spec};
use crate::params::{self, Params};
use crate::seat::Seated;
use crate::setup::issue;
use crate::state::{Reader, State, StateError, restore_or_keep, write_varint};

pub use api::Sample;

/// The most instances of one component: the host shares equal ones, so each is a distinct use.
const INSTANCES_MAX: usize = 4_096;

/// An indicator with one or many outputs.
pub trait Indicator: State + Sized {
    /// What an operator, or a plugin that uses it, can set.
    type Params: Params;
    /// Name and description of each output.
    const OUTPUTS: &'static [(&'static str, &'static str)];

    /// Makes one instance.
    ///
    /// # Errors
    /// What is wrong with which parameter; [`issue`](crate::issue) makes one.
    fn new(params: Self::Params) -> Result<Self, Vec<Issue>>;

    /// How many samples until the values mean something.
    fn warm_up(&self) -> u32;

    /// Takes one sample. True once the warm-up is over.
    fn update(&mut self, sample: &Sample) -> bool;

    /// The latest value of an output; 0 for one that does not exist.
    fn value(&self, output: u32) -> f64;
}

/// All instances of a component, numbered in the order they were made.
#[doc(hidden)]
pub struct Session<I>(pub(crate) Vec<I>);

impl<I> Default for Session<I> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<I: Indicator> Session<I> {
    pub(crate) fn create(&mut self, config: &[Entry]) -> Result<api::Shape, Vec<Issue>> {
        if self.0.len() == INSTANCES_MAX {
            return Err(issue(
                "instances",
                format!("no more than {INSTANCES_MAX} in one component"),
            ));
        }
        let indicator = I::new(params::from_entries(config)?)?;
        let output = |(name, description): &(&str, &str)| api::Output {
            name: (*name).to_owned(),
            description: (*description).to_owned(),
        };
        let outputs = I::OUTPUTS.iter().map(output).collect();
        let shape = api::Shape { outputs, warm_up: indicator.warm_up() };
        self.0.push(indicator);
        Ok(shape)
    }

    pub(crate) fn update(&mut self, instance: u32, sample: &Sample) -> bool {
        self.0.get_mut(instance as usize).is_some_and(|indicator| indicator.update(sample))
    }

    pub(crate) fn value(&self, instance: u32, output: u32) -> f64 {
        self.0.get(instance as usize).map_or(0.0, |indicator| indicator.value(output))
    }

    /// How many instances, then each one's length and state.
    fn joined(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        write_varint(self.0.len() as u64, &mut bytes);
        for indicator in &self.0 {
            let state = indicator.save();
            write_varint(state.len() as u64, &mut bytes);
            bytes.extend_from_slice(&state);
        }
        bytes
    }

    fn split(&mut self, version: u32, bytes: &[u8]) -> Result<(), StateError> {
        let mut reader = Reader::new(bytes);
        if reader.varint()? != self.0.len() as u64 {
            return Err(StateError::Config("number of instances"));
        }
        for indicator in &mut self.0 {
            indicator.restore(version, reader.block()?)?;
        }
        if reader.is_empty() { Ok(()) } else { Err(StateError::Long) }
    }
}

impl<I: Indicator> State for Session<I> {
    const VERSION: u32 = I::VERSION;

    fn save(&self) -> Vec<u8> {
        if I::VERSION == 0 { Vec::new() } else { self.joined() }
    }

    fn restore(&mut self, version: u32, bytes: &[u8]) -> Result<(), StateError> {
        if I::VERSION == 0 { Err(StateError::Stateless) } else { self.split(version, bytes) }
    }
}

/// The exports of a component whose indicator is `I`; named by `export_indicator!`.
#[doc(hidden)]
pub struct IndicatorGuest<I>(PhantomData<I>);

impl<I: Indicator + Seated<Session = Session<I>>> api::Guest for IndicatorGuest<I> {
    fn schema() -> Vec<Spec> {
        params::schema::<I::Params>()
    }
    fn create(config: Vec<Entry>) -> Result<api::Shape, Vec<Issue>> {
        if I::lend(|_| ()).is_none() {
            I::sit(Session::default());
        }
        I::lend(|session| session.create(&config))
            .unwrap_or_else(|| Err(issue("instances", "there is no place for one")))
    }
    fn update(instance: u32, sample: Sample) -> bool {
        I::lend(|session| session.update(instance, &sample)).unwrap_or(false)
    }
    fn value(instance: u32, output: u32) -> f64 {
        I::lend(|session| session.value(instance, output)).unwrap_or(0.0)
    }
    fn state_version() -> u32 {
        I::VERSION
    }
    fn save() -> Vec<u8> {
        I::lend(|session| session.save()).unwrap_or_default()
    }
    fn restore(version: u32, state: Vec<u8>) -> Result<(), String> {
        let result = I::lend(|session| restore_or_keep(session, version, &state));
        result.ok_or("restore came before create")?.map_err(|error| error.to_string())
    }
}
