//! The last so many samples, in a buffer that never grows.
//!
//! Comes in: samples. Goes out: the one that falls out, and views of those that stay. Deliberately
//! absent: statistics.

use crate::state::{Field, Reader, StateError, fingerprint};

/// The longest period in samples: 80 KB, and far beyond any use.
pub const PERIOD_MAX: u32 = 10_000;

/// A period, part of a state only to be held against.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Period(u32);

impl Period {
    pub(crate) fn new(period: u32) -> Self {
        Self(period.clamp(1, PERIOD_MAX))
    }

    pub(crate) fn get(self) -> u32 {
        self.0
    }

    pub(crate) fn f64(self) -> f64 {
        self.0.into()
    }
}

impl Field for Period {
    const LAYOUT: u64 = fingerprint("period");
    fn write(&self, to: &mut Vec<u8>) {
        self.0.write(to);
    }
    fn read(&mut self, from: &mut Reader<'_>) -> Result<(), StateError> {
        let mut saved = 0u32;
        saved.read(from)?;
        if saved == self.0 { Ok(()) } else { Err(StateError::Config("period")) }
    }
}

/// The last `period` samples.
#[derive(Clone, PartialEq, Debug)]
pub struct Window {
    items: Box<[f64]>,
    /// Where the next sample goes.
    at: usize,
    len: usize,
}

impl Window {
    /// An empty window of 1 to [`PERIOD_MAX`] samples.
    pub fn new(period: u32) -> Self {
        Self { items: vec![0.0; Period::new(period).get() as usize].into(), at: 0, len: 0 }
    }

    /// Takes a sample; gives back the one that fell out.
    pub fn push(&mut self, sample: f64) -> Option<f64> {
        let old = std::mem::replace(&mut self.items[self.at], sample);
        let was_full = self.is_full();
        self.at = if self.at + 1 == self.items.len() { 0 } else { self.at + 1 };
        self.len += usize::from(!was_full);
        was_full.then_some(old)
    }

    /// True once it holds a whole period.
    pub fn is_full(&self) -> bool {
        self.len == self.items.len()
    }

    /// True right after the push that filled the last place: when running sums are made anew.
    pub fn is_wrapped(&self) -> bool {
        self.at == 0
    }

    /// The oldest sample; 0 where there is none.
    pub fn oldest(&self) -> f64 {
        if self.is_full() { self.items[self.at] } else { self.items[0] }
    }

    /// What it holds, in no meaningful order.
    pub fn samples(&self) -> &[f64] {
        &self.items[..self.len]
    }
}

impl Field for Window {
    const LAYOUT: u64 = fingerprint("window");
    fn write(&self, to: &mut Vec<u8>) {
        (self.items.len() as u32).write(to);
        (self.len as u32).write(to);
        (self.at as u32).write(to);
        self.samples().iter().for_each(|sample| sample.write(to));
    }
    fn read(&mut self, from: &mut Reader<'_>) -> Result<(), StateError> {
        Period(self.items.len() as u32).read(from)?;
        let (mut len, mut at) = (0u32, 0u32);
        len.read(from)?;
        at.read(from)?;
        let (len, at, all) = (len as usize, at as usize, self.items.len());
        // A window that is not full yet fills from the first place on.
        if len > all || at >= all || (len < all && at != len) {
            return Err(StateError::Value("window"));
        }
        (self.len, self.at) = (len, at);
        self.items[..len].iter_mut().try_for_each(|sample| sample.read(from))
    }
}
