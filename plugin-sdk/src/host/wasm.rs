//! The imports themselves.
//!
//! Comes in and goes out: what the contract says. Deliberately absent: everything else.

pub(crate) use crate::bindings::exchange::wickd::plugin::wire;
pub(crate) use crate::bindings::signal::wickd::plugin::emitting::emit;
pub(crate) use crate::bindings::strategy::wickd::plugin::inputs::{ready, value};
pub(crate) use crate::bindings::strategy::wickd::plugin::runtime::{log, metric, now};
pub(crate) use crate::bindings::strategy::wickd::plugin::trading::{
    cancel, cancel_all, clear_timer, position_of, set_timer, submit,
};
