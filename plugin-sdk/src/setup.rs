//! What a plugin says it needs while it is being made.
//!
//! Comes in: the slot's instruments. Goes out: the `needs` record of the contract. Deliberately
//! absent: anything that takes effect at once; the host reads the needs when `new` has returned.

use crate::bindings::strategy::wickd::plugin::params::{Entry, Issue, Value};
use crate::bindings::strategy::wickd::plugin::wants::{Input as RawInput, Needs, Source};
use crate::market::{Instrument, InstrumentId};

/// The instruments of the slot, and a list to write needs on.
pub struct Setup {
    instruments: Vec<Instrument>,
    needs: Needs,
}

/// The handle of another plugin whose output this one reads.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Input(u32);

impl Input {
    /// Its place in the list of inputs, as `Heard::input` names it.
    pub fn handle(self) -> u32 {
        self.0
    }
}

impl Setup {
    pub(crate) fn new(instruments: Vec<Instrument>) -> Self {
        let needs = Needs {
            quotes: false,
            trades: false,
            bar_secs: Vec::new(),
            warm_up_events: 0,
            inputs: Vec::new(),
        };
        Self { instruments, needs }
    }

    pub(crate) fn into_needs(self) -> Needs {
        self.needs
    }

    /// Every instrument of the slot.
    pub fn instruments(&self) -> &[Instrument] {
        &self.instruments
    }

    /// The one instrument of a plugin that works on one.
    ///
    /// # Errors
    /// The slot has none, or more than one.
    pub fn instrument(&self) -> Result<Instrument, Vec<Issue>> {
        match self.instruments.as_slice() {
            [one] => Ok(one.clone()),
            many => Err(issue(
                "instruments",
                format!("this plugin works on one instrument, the slot has {}", many.len()),
            )),
        }
    }

    /// Asks for quotes.
    pub fn quotes(&mut self) -> &mut Self {
        self.needs.quotes = true;
        self
    }

    /// Asks for trades.
    pub fn trades(&mut self) -> &mut Self {
        self.needs.trades = true;
        self
    }

    /// Asks for bars of so many seconds. May be asked several times.
    pub fn bars(&mut self, step_secs: u32) -> &mut Self {
        if !self.needs.bar_secs.contains(&step_secs) {
            self.needs.bar_secs.push(step_secs);
        }
        self
    }

    /// How many past events rebuild the plugin's mind when its state cannot be carried.
    pub fn warm_up(&mut self, events: u32) -> &mut Self {
        self.needs.warm_up_events = events;
        self
    }

    /// Asks for another plugin's output: an indicator to read, or a signal to hear.
    ///
    /// ```
    /// # use wickd_sdk::{Setup, Source, Input};
    /// # fn f(setup: &mut Setup) -> Input {
    /// setup.input("bollinger", 0, Source::Mid, &[("period", 20.into())])
    /// # }
    /// ```
    pub fn input(
        &mut self,
        plugin: &str,
        instrument: InstrumentId,
        source: Source,
        params: &[(&str, Value)],
    ) -> Input {
        let entry =
            |(key, value): &(&str, Value)| Entry { key: (*key).to_owned(), value: value.clone() };
        self.needs.inputs.push(RawInput {
            plugin: plugin.to_owned(),
            instrument,
            source,
            params: params.iter().map(entry).collect(),
        });
        Input(self.needs.inputs.len() as u32 - 1)
    }
}

/// One thing wrong with one key, ready to return from `new`.
pub fn issue(key: &str, message: impl Into<String>) -> Vec<Issue> {
    vec![Issue { key: key.to_owned(), message: message.into() }]
}
