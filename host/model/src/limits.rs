//! Every limit of a plugin and of a slot's trading: unit, default, range and reason in one place.

use serde::{Deserialize, Serialize};

use crate::{Cash, Issue};

macro_rules! limits {
    ($($(#[$doc:meta])* $name:ident: $type:ty = $default:expr, $min:expr, $max:expr;)*) => {
        /// What one plugin instance may use. Enforced by the sandbox; settable per slot.
        #[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
        #[serde(default, deny_unknown_fields)]
        pub struct Limits {
            $($(#[$doc])* pub $name: $type,)*
        }

        impl Default for Limits {
            fn default() -> Self {
                Self { $($name: $default,)* }
            }
        }

        impl Limits {
            /// Every limit outside its range, with the range.
            pub fn check(&self) -> Vec<Issue> {
                let mut issues = Vec::new();
                $({
                    let (min, max, default): ($type, $type, $type) = ($min, $max, $default);
                    if self.$name < min || self.$name > max {
                        issues.push(Issue {
                            key: concat!("limits.", stringify!($name)).to_owned(),
                            message: format!(
                                "{} is outside {min} to {max} (default {default})",
                                self.$name
                            ),
                        });
                    }
                })*
                issues
            }

            /// Name, value, least, default and greatest of each, for `inspect` and the reference page.
            pub fn rows(&self) -> Vec<(&'static str, u64, u64, u64, u64)> {
                let range = Self::default();
                vec![$({
                    let (min, max): ($type, $type) = ($min, $max);
                    (stringify!($name), self.$name.into(), min.into(), range.$name.into(), max.into())
                },)*]
            }
        }
    };
}

limits! {
    /// Work of one hot call, in fuel (about one wasm operator each). A million is under 1 ms.
    fuel_per_call: u64 = 1_000_000, 1_000, 10_000_000_000;
    /// Work of all calls of one event, in fuel: timers, handlers, news of orders, a snapshot. Four full
    /// calls; at least two calls' worth whatever is set. Beyond it timers wait for the next event.
    fuel_per_event: u64 = 4_000_000, 1_000, 10_000_000_000;
    /// Work of a second of event time, in fuel: a share of the lane. Half of what a core does, which
    /// no honest plugin comes near; at least one event's worth whatever is set. Beyond it the slot
    /// hears nothing until the second is over, then for longer, then it is quarantined.
    fuel_per_second: u64 = 500_000_000, 1_000, 1_000_000_000_000;
    /// Work of one cold call: schema, init, start, save, restore, stop, and a batch.
    fuel_per_cold_call: u64 = 200_000_000, 10_000, 1_000_000_000_000;
    /// Wall clock of one hot call: the backstop behind fuel.
    deadline_ms: u32 = 10, 1, 10_000;
    /// Wall clock of one cold call.
    cold_deadline_ms: u32 = 1_000, 1, 600_000;
    /// Linear memory. A Rust plugin needs about 1 MiB; an interpreter 64 MiB and more.
    memory_bytes: u64 = 16 << 20, 64 << 10, 1 << 32;
    /// Linear memories: an ordinary component has one.
    memories: u32 = 2, 1, 16;
    /// Tables: an ordinary component has two.
    tables: u32 = 4, 1, 64;
    /// Entries of each table: one per function whose address is taken.
    table_elements: u32 = 10_000, 16, 1_000_000;
    /// Core instances inside the component: an ordinary one has five.
    instances: u32 = 16, 1, 256;
    /// Bytes a guest may hand over in one host call, and a call may hand back.
    host_call_bytes: u32 = 64 << 10, 1 << 10, 64 << 20;
    /// Open WASI handles: streams, pollables, descriptors.
    resources: u32 = 64, 8, 10_000;
    /// Random bytes one request may ask for. They are seeded, not secret.
    random_bytes: u32 = 4 << 10, 64, 1 << 20;
    /// Longest log line; the rest is cut.
    log_line_bytes: u32 = 1 << 10, 64, 64 << 10;
    /// Log bytes kept per second of event time; the rest is counted and dropped.
    log_bytes_per_second: u32 = 64 << 10, 1 << 10, 16 << 20;
    /// Log bytes kept per day of event time, so that no plugin fills a disk; the rest is counted and
    /// dropped.
    log_bytes_per_day: u64 = 64 << 20, 64 << 10, 64 << 30;
    /// Orders and cancels one call may stage.
    intents_per_call: u32 = 16, 1, 64;
    /// Signals one call may emit.
    signals_per_call: u32 = 16, 1, 64;
    /// Saved state. It is copied at every snapshot.
    state_bytes: u32 = 1 << 20, 1 << 10, 64 << 20;
    /// Names a plugin may make up in a day where a grant has a wildcard. Each carries a few dozen
    /// letters to whoever answers for the domain; a venue's cluster has a handful.
    new_names_per_day: u32 = 32, 0, 10_000;
    /// The component's file.
    component_bytes: u64 = 8 << 20, 1 << 10, 256 << 20;
}

impl Limits {
    /// Work of all calls of one event: `fuel_per_event`, and room for a timer beside a handler.
    pub fn event_fuel(&self) -> u64 {
        self.fuel_per_event.max(self.fuel_per_call.saturating_mul(2))
    }

    /// Work of a second of event time: `fuel_per_second`, and room for one event.
    pub fn second_fuel(&self) -> u64 {
        self.fuel_per_second.max(self.event_fuel())
    }

    /// The same with the room an exchange adapter needs: it reads lists of all markets of a venue,
    /// and frames of a thousand levels, on a thread of its own where milliseconds hold up nobody else.
    pub fn for_adapter(self) -> Self {
        Self {
            fuel_per_call: self.fuel_per_call.max(50_000_000),
            fuel_per_cold_call: self.fuel_per_cold_call.max(2_000_000_000),
            deadline_ms: self.deadline_ms.max(250),
            cold_deadline_ms: self.cold_deadline_ms.max(5_000),
            memory_bytes: self.memory_bytes.max(128 << 20),
            host_call_bytes: self.host_call_bytes.max(16 << 20),
            ..self
        }
    }

    /// The same with the room of the I/O tier. Its calls are all cold: each may wait for the network,
    /// off the tick path, until `cold_deadline_ms`.
    pub fn for_io(self) -> Self {
        Self {
            fuel_per_cold_call: self.fuel_per_cold_call.max(2_000_000_000),
            cold_deadline_ms: self.cold_deadline_ms.max(30_000),
            memory_bytes: self.memory_bytes.max(64 << 20),
            host_call_bytes: self.host_call_bytes.max(2 << 20),
            resources: self.resources.max(256),
            random_bytes: self.random_bytes.max(64 << 10),
            ..self
        }
    }
}

/// Whether a slot may open, only close, or do nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// Trade.
    #[default]
    Trade,
    /// Only orders that bring a position nearer to zero.
    ReduceOnly,
    /// No order at all.
    Halt,
}

/// What a slot's orders must keep. Enforced by the gate. `None` means no such limit.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Risk {
    /// Trade, only reduce, or halt.
    pub mode: Mode,
    /// Largest order in base units, at scale 8.
    pub order_size_max: Option<i64>,
    /// Largest order value.
    pub order_notional_max: Option<Cash>,
    /// Largest position value per instrument, open orders counted.
    pub position_notional_max: Option<Cash>,
    /// Orders and cancels per second of event time.
    pub orders_per_second: u32,
    /// Resting orders.
    pub open_orders_max: u32,
    /// How far a limit price may stand from the middle, in hundredths of a percent.
    pub price_band_bps: u32,
    /// Losses at which only reducing orders pass.
    #[serde(flatten)]
    pub losses: LossStops,
}

/// Losses at which only reducing orders pass: of one slot, or of all slots of an account together.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct LossStops {
    /// Loss since the start; holds until the next start.
    pub loss_max: Option<Cash>,
    /// Fall from the highest equity since the start; holds until the next start.
    pub drawdown_max: Option<Cash>,
    /// Loss since 00:00 UTC of event time; holds until the next day.
    pub loss_day_max: Option<Cash>,
}

impl LossStops {
    /// Whether there is any.
    pub fn is_set(&self) -> bool {
        self.loss_max.or(self.drawdown_max).or(self.loss_day_max).is_some()
    }
}

impl Default for Risk {
    fn default() -> Self {
        Self {
            mode: Mode::Trade,
            order_size_max: None,
            // Ten thousand of the quote asset: small enough to hurt nobody who forgot to set it.
            order_notional_max: Some(10_000 * 100_000_000),
            position_notional_max: Some(50_000 * 100_000_000),
            orders_per_second: 10,
            open_orders_max: 32,
            price_band_bps: 500,
            losses: LossStops::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_within_their_own_ranges() {
        assert_eq!(Limits::default().check(), []);
    }

    #[test]
    fn a_limit_outside_its_range_is_named_with_the_range() {
        let issues = Limits { deadline_ms: 0, ..Limits::default() }.check();
        assert_eq!(issues.len(), 1);
        assert_eq!(issues[0].key, "limits.deadline_ms");
        assert!(issues[0].message.contains("1 to 10000"), "{}", issues[0].message);
    }
}
